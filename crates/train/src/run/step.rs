//! One step of distillation: batch in, changed state and losses out. No file, no clock, no printing.

use anyhow::{Result, bail};
use net::Arch;
use net::light::THUMBNAIL_PX;
use tch::{Device, Kind, Tensor};

use crate::data::Half;
use crate::losses::{LossWeights, losses};
use crate::model::discriminator::Discriminator;
use crate::model::optimiser::{Adam, Weights};
use crate::model::parameters::{Layout, plain};
use crate::model::torch_model::{Named, forward};

/// How the generator learns.
const ADAM: Adam = Adam { betas: (0.9, 0.99), weight_decay: 1e-4, clip: 1.0 };
/// Most that the running average keeps in a step.
const KEEP: f64 = 0.999;

/// All that changes while training.
#[derive(Debug)]
pub struct State {
    /// What the vectors of the generator hold.
    pub layout: Layout,
    /// The generator.
    pub weights: Weights,
    /// The running average of its weights: what is shown and exported.
    pub average: Tensor,
    /// The discriminator, once there is one.
    pub discriminator: Option<Discriminator>,
}

/// The losses of a step, or their means over several, by name and before their weights; `total` with the weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers(pub Vec<(&'static str, f64)>);

impl Numbers {
    /// The number called `name`; not a number if there is none.
    pub fn get(&self, name: &str) -> f64 {
        self.0.iter().find(|(n, _)| *n == name).map_or(f64::NAN, |(_, x)| *x)
    }

    /// Adds a step's numbers to a sum of some.
    pub fn add(&mut self, step: &Self) {
        for &(name, x) in &step.0 {
            match self.0.iter_mut().find(|(n, _)| *n == name) {
                Some((_, sum)) => *sum += x,
                None => self.0.push((name, x)),
            }
        }
    }

    /// A sum of `count` steps as their mean.
    pub fn mean(&self, count: f64) -> Self {
        Self(self.0.iter().map(|&(name, x)| (name, x / count.max(1.0))).collect())
    }
}

impl State {
    /// The start of a run from the weights `flat`.
    pub fn new(layout: Layout, flat: Tensor) -> Self {
        let average = flat.copy();
        Self { layout, weights: Weights::new(flat), average, discriminator: None }
    }

    /// Moves the generator by the mean `gradient`, and its average after it.
    ///
    /// # Errors
    /// If one of the `numbers` or the gradient is not a number: the state is then as it was.
    pub(crate) fn learn(&mut self, gradient: &Tensor, numbers: &Numbers, rate: f64) -> Result<f64> {
        let step = self.weights.step + 1;
        let bad = |x: &f64| !x.is_finite();
        let norm = match numbers.0.iter().find(|(_, x)| bad(x)) {
            Some((name, x)) => bail!("step {step}: the loss `{name}` is {x}; {LEFT}"),
            None => self.weights.step(gradient, rate, &ADAM),
        };
        if bad(&norm) {
            let views = self.layout.views(gradient);
            let slot = views.iter().find(|(_, part)| !part.norm().double_value(&[]).is_finite());
            let slot = slot.map_or("the whole of them", |(name, _)| name);
            bail!("step {step}: the gradient is {norm}, beginning with the weights {slot}; {LEFT}");
        }
        let t = self.weights.step as f64;
        let _ = tch::no_grad(|| self.average.lerp_(&self.weights.flat, 1.0 - KEEP.min(t / (t + 100.0))));
        Ok(norm)
    }
}

/// What a run that stops says of its weights.
pub(crate) const LEFT: &str = "the weights were left as they were. Try a lower learning rate";

/// Paints every half of `batch` in its style, and moves the weights once by their mean loss. Convolutions run in
/// `kind`; `rate` is the learning rate.
///
/// # Errors
/// If the loss or its gradient is not a number: the state is then as it was.
pub fn step(state: &mut State, batch: &[Half], rate: f64, weights: &LossWeights, kind: Kind) -> Result<Numbers> {
    let archs = &state.layout.archs;
    let jobs = batch.iter().map(|half| (half, Leaf::of(state, half.style))).collect();
    let parts = side_by_side(jobs, |(half, leaf): (&Half, Leaf)| {
        let inputs = Inputs::of(half, leaf.flat.device());
        let painted = paint(archs, &leaf.named, &inputs.photo, &inputs.thumbnail, kind);
        let l = losses(&painted, &inputs.painting, &inputs.ink, weights);
        let gradient = Tensor::run_backward(&[&l.total], &[&leaf.flat], false, false).remove(0);
        let scalars =
            [("total", l.total), ("colour", l.colour), ("gradients", l.gradients), ("ab", l.ab), ("ink", l.ink)];
        (scalars.into(), gradient)
    });
    let (mut numbers, gradient) = mean_of(parts);
    let norm = state.learn(&gradient, &numbers, rate)?;
    numbers.0.push(("gradient_norm", norm));
    Ok(numbers)
}

/// Scalars by name, and a gradient.
pub(crate) type Part = (Vec<(&'static str, Tensor)>, Tensor);

/// Does all jobs at once, each in a thread of its own: at this size libtorch's own threads spend more time meeting
/// each other than computing.
pub(crate) fn side_by_side<J: Send, R: Send>(jobs: Vec<J>, work: impl Fn(J) -> R + Sync) -> Vec<R> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = jobs.into_iter().map(|job| scope.spawn(move || work(job))).collect();
        threads.into_iter().map(|thread| thread.join().expect("libtorch gave up; its message is above")).collect()
    })
}

/// The generator's weights as the leaf of a gradient, and what the networks run with in one style.
pub(crate) struct Leaf {
    pub(crate) flat: Tensor,
    pub(crate) named: Named,
}

impl Leaf {
    pub(crate) fn of(state: &State, style: usize) -> Self {
        let (layout, flat) = (&state.layout, state.weights.flat.detach().set_requires_grad(true));
        let named = layout.effective(&layout.views(&flat), &layout.styles[style]);
        Self { flat, named }
    }
}

/// The means of the parts' scalars and of their gradients.
pub(crate) fn mean_of(parts: Vec<Part>) -> (Numbers, Tensor) {
    let names: Vec<&'static str> = parts[0].0.iter().map(|(name, _)| *name).collect();
    let mean = |rows: Vec<Tensor>| Tensor::stack(&rows, 0).mean_dim([0i64].as_slice(), false, Kind::Float);
    let (rows, gradients) = parts
        .into_iter()
        .map(|(scalars, gradient)| {
            let scalars: Vec<Tensor> = scalars.into_iter().map(|(_, x)| x.detach().to_kind(Kind::Float)).collect();
            (Tensor::stack(&scalars, 0), gradient)
        })
        .unzip();
    let values = plain(&mean(rows)).data;
    (Numbers(names.into_iter().zip(values.into_iter().map(f64::from)).collect()), mean(gradients))
}

/// A half as tensors: colours −1..1, ink 0..1.
pub(crate) struct Inputs {
    pub(crate) photo: Tensor,
    pub(crate) thumbnail: Tensor,
    pub(crate) painting: Tensor,
    pub(crate) ink: Tensor,
}

impl Inputs {
    pub(crate) fn of(half: &Half, device: Device) -> Self {
        let shape = [half.count, half.side, half.side];
        Self {
            photo: signed(&half.photo, shape, 3, device),
            thumbnail: signed(&half.thumbnail, [half.count, THUMBNAIL_PX, THUMBNAIL_PX], 3, device),
            painting: signed(&half.painting, shape, 3, device).contiguous(),
            ink: (signed(&half.ink, shape, 1, device).contiguous() + 1.0) * 0.5,
        }
    }
}

/// Eye, then drawer: RGB −1..1 and its thumbnail → what [`net::Op::Paint`] makes.
pub fn paint(archs: &[Arch; 2], weights: &Named, photo: &Tensor, thumbnail: &Tensor, kind: Kind) -> Tensor {
    let modulation = forward(&archs[0], &[thumbnail], weights, kind).remove(0);
    forward(&archs[1], &[photo, &modulation], weights, kind).remove(0)
}

/// 8-bit samples N×H×W×C → −1..1, N×C×H×W; in memory the channels stay innermost, as the convolutions like it.
pub fn signed(samples: &[u8], [count, height, width]: [usize; 3], channels: usize, device: Device) -> Tensor {
    let shape = [count as i64, height as i64, width as i64, channels as i64];
    let samples = Tensor::from_slice(samples).to_device(device).view(shape).permute([0, 3, 1, 2]);
    samples.to_kind(Kind::Float) / 127.5 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{BatchShape, batch, tests::synthetic};

    fn fresh(styles: &[&str], seed: u64) -> State {
        let layout = Layout::light(styles);
        let flat = layout.start(seed, Device::Cpu);
        State::new(layout, flat)
    }

    #[test]
    fn twenty_steps_lower_the_loss() {
        let pairs = [synthetic(1), synthetic(2)];
        let shape = BatchShape { samples: 2, side: 48, degrade: false };
        let mut state = fresh(&["a", "b"], 1);
        let mut totals = vec![];
        for i in 0..20 {
            let batch = batch(&pairs, &[0, 1], shape, 1, i);
            let numbers = step(&mut state, &batch, 2e-3, &LossWeights::default(), Kind::Float).unwrap();
            totals.push(numbers.get("total"));
        }
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        assert!(mean(&totals[15..]) < 0.7 * mean(&totals[..5]), "{totals:?}");
    }

    #[test]
    fn an_untrained_network_paints_the_photo_softened() {
        // Equal dab weights, no gain, no chroma change: between the pixel and the mean around it.
        let state = fresh(&["a"], 3);
        let named = state.layout.effective(&state.layout.views(&state.weights.flat), "a");
        let photo = Tensor::ones([1, 3, 32, 32], (Kind::Float, Device::Cpu)) * 0.4;
        let thumbnail = Tensor::zeros([1, 3, 128, 128], (Kind::Float, Device::Cpu));
        let painted = paint(&state.layout.archs, &named, &photo, &thumbnail, Kind::Float);
        let chroma = painted.narrow(1, 1, 2).abs().max().double_value(&[]);
        let ink = painted.narrow(1, 3, 1).max().double_value(&[]);
        assert!(chroma < 1e-5 && ink < 0.2, "chroma {chroma}, ink {ink}");
    }

    #[test]
    fn bad_numbers_stop_say_where_and_change_nothing() {
        let mut state = fresh(&["a"], 3);
        let batch = batch(&[synthetic(1)], &[0], BatchShape { samples: 1, side: 32, degrade: false }, 1, 1);
        let good = step(&mut state, &batch, 1e-3, &LossWeights::default(), Kind::Float).unwrap();
        let before = state.weights.flat.copy();
        let stop = state.learn(&(&before * f64::INFINITY), &good, 1e-3).unwrap_err().to_string();
        assert!(stop.contains("step 2") && stop.contains("weights a/"), "{stop}");
        let numbers = Numbers(vec![("total", 1.0), ("ink", f64::NAN)]);
        let stop = state.learn(&before, &numbers, 1e-3).unwrap_err().to_string();
        assert!(stop.contains("`ink` is NaN"), "{stop}");
        assert!(state.weights.flat.equal(&before) && state.weights.step == 1);
        state.weights.flat = &state.weights.flat * f64::NAN;
        assert!(step(&mut state, &batch, 1e-3, &LossWeights::default(), Kind::Float).is_err());
    }
}
