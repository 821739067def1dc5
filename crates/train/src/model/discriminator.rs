//! The discriminator: a light PatchGAN (Isola et al. 2017) as AnimeGANv2 has it, a quarter as wide, with spectral
//! normalisation (Miyato et al. 2018). A logit sees 37 px: lines, the fill between them, the change from one to the
//! other, and no subjects.

use std::collections::BTreeMap;

use net::{Activation, Arch, Op, Padding};
use tch::{Device, Kind, Tensor};

use crate::model::optimiser::{Adam, Weights};
use crate::model::parameters::{Slot, convolutions, views};
use crate::model::torch_model::{Named, forward};

/// How it learns: as AnimeGANv2's.
const ADAM: Adam = Adam { betas: (0.5, 0.999), weight_decay: 0.0, clip: 10.0 };
const LEAK: Activation = Activation::LeakyRelu(0.2);

/// The network: RGB −1..1, sides divisible by 4 → a logit for every 4×4 px.
pub fn arch() -> Arch {
    let mut arch = Arch {
        name: "discriminator".to_owned(),
        inputs: vec![("picture".to_owned(), 3)],
        ops: Vec::new(),
        outputs: Vec::new(),
    };
    let mut conv = |from, name: &str, channels, stride, activation| {
        let (name, padding) = (name.to_owned(), Padding::Replicate);
        arch.push(Op::Conv { from, name, channels, kernel: 3, stride, groups: 1, bias: true, padding, activation })
    };
    let x = conv(0, "look", 12, 1, LEAK);
    let x = conv(x, "half", 24, 2, LEAK);
    let x = conv(x, "lines", 32, 1, LEAK);
    let x = conv(x, "quarter", 48, 2, LEAK);
    let x = conv(x, "fills", 64, 1, LEAK);
    let x = conv(x, "weigh", 64, 1, LEAK);
    let logits = conv(x, "judge", 1, 1, Activation::Identity);
    arch.outputs = vec![("logits".to_owned(), logits)];
    arch
}

/// Weights of a discriminator and all that changes with them.
#[derive(Debug)]
pub struct Discriminator {
    slots: Vec<Slot>,
    /// The weights as they are trained, before normalisation.
    pub weights: Weights,
    /// For every convolution the left singular vector of its weight that power iteration has found so far.
    pub directions: Named,
}

impl Discriminator {
    /// A discriminator that knows nothing yet, the same for the same `seed`.
    pub fn new(seed: u64, device: Device) -> Self {
        let (mut slots, mut flat, mut directions) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut rng = fastrand::Rng::with_seed(seed);
        for conv in convolutions(&[arch()]) {
            let bound = 1.0 / (conv.fan_in() as f32).sqrt();
            for slot in conv.slots("") {
                let mut uniform = |len: i64| (0..len).map(|_| (rng.f32() * 2.0 - 1.0) * bound).collect::<Vec<_>>();
                flat.extend(uniform(slot.shape.iter().product()));
                if slot.shape.len() == 4 {
                    directions.insert(conv.name.clone(), Tensor::from_slice(&uniform(slot.shape[0])).to_device(device));
                }
                slots.push(slot);
            }
        }
        let weights = Weights::new(Tensor::from_slice(&flat).to_device(device));
        let mut discriminator = Self { slots, weights, directions };
        for _ in 0..20 {
            discriminator.iterate();
        }
        discriminator
    }

    /// One power iteration for every convolution, towards the largest singular value of its weight.
    pub fn iterate(&mut self) {
        tch::no_grad(|| {
            let named = views(&self.slots, &self.weights.flat);
            for (name, direction) in &mut self.directions {
                let matrix = named[&format!("{name}.weight")].flatten(1, -1);
                let right = normalised(&matrix.tr().mv(direction));
                *direction = normalised(&matrix.mv(&right));
            }
        });
    }

    /// The weights of `flat` by name, every kernel divided by its largest singular value.
    pub fn normalised(&self, flat: &Tensor) -> Named {
        let mut named = views(&self.slots, flat);
        for (name, direction) in &self.directions {
            let name = format!("{name}.weight");
            let matrix = named[&name].flatten(1, -1);
            let right = tch::no_grad(|| normalised(&matrix.tr().mv(direction)));
            let norm = direction.dot(&matrix.mv(&right));
            let divided = &named[&name] / norm;
            named.insert(name, divided);
        }
        named
    }

    /// Moves the weights against `gradient`; gives its norm.
    pub fn learn(&mut self, gradient: &Tensor, rate: f64) -> f64 {
        let norm = self.weights.step(gradient, rate, &ADAM);
        self.iterate();
        norm
    }
}

/// Logits of `rgb` (N×3×H×W, −1..1) with [normalised](Discriminator::normalised) weights: N×1×H/4×W/4, in f32.
pub fn judge(weights: &Named, rgb: &Tensor, kind: Kind) -> Tensor {
    forward(&arch(), &[rgb], weights, kind).remove(0).to_kind(Kind::Float)
}

fn normalised(x: &Tensor) -> Tensor {
    x / x.norm().clamp_min(1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_have_the_largest_singular_value_one() {
        let mut judge = Discriminator::new(3, Device::Cpu);
        for _ in 0..60 {
            judge.iterate();
        }
        for (name, kernel) in judge.normalised(&judge.weights.flat).iter().filter(|(_, t)| t.dim() == 4) {
            let matrix = kernel.flatten(1, -1);
            let largest = matrix.matmul(&matrix.tr()).linalg_eigvalsh("L").max().double_value(&[]).sqrt();
            assert!((largest - 1.0).abs() < 0.02, "{name}: {largest}");
        }
    }

    #[test]
    fn it_learns_to_tell_lines_from_haze() {
        let mut judge = Discriminator::new(5, Device::Cpu);
        let lines = Tensor::from_slice(&[1f32, 1.0, 1.0, -1.0])
            .repeat([256])
            .view([1, 1, 32, 32])
            .expand([2, 3, 32, 32], false);
        let haze = lines.mean(Kind::Float).expand([2, 3, 32, 32], false);
        let gap = |weights: &Named| {
            let mean = |x: &Tensor| super::judge(weights, x, Kind::Float).mean(Kind::Float);
            mean(&lines) - mean(&haze)
        };
        let before = gap(&judge.normalised(&judge.weights.flat)).double_value(&[]);
        for _ in 0..10 {
            let leaf = judge.weights.flat.detach().set_requires_grad(true);
            let loss = -gap(&judge.normalised(&leaf));
            let gradient = Tensor::run_backward(&[&loss], &[&leaf], false, false).remove(0);
            judge.learn(&gradient, 1e-3);
        }
        let after = gap(&judge.normalised(&judge.weights.flat)).double_value(&[]);
        assert!(after > before + 0.05, "{before} → {after}");
        assert_eq!(super::judge(&judge.normalised(&judge.weights.flat), &lines, Kind::Float).size(), [2, 1, 8, 8]);
    }
}
