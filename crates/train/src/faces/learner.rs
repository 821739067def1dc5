//! One network of the cascade while it learns: batch in, changed weights and losses out. No file, no printing.

use anyhow::{Result, bail};
use kaiga::faces::detector::Stage;
use net::mtcnn::{self, BOX, LANDMARKS};
use net::{Arch, Weights as Plain};
use tch::{Device, Kind as Number, Reduction, Tensor};

use super::sample::{Batch, Kind};
use crate::model::optimiser::{Adam, Weights};
use crate::model::parameters::{Slot, convolutions, plain, views};
use crate::model::torch_model::forward;
use crate::run::step::Numbers;

const ADAM: Adam = Adam { betas: (0.9, 0.99), weight_decay: 1e-3, clip: 2.0 };
/// Most that the running average keeps in a step.
const KEEP: f64 = 0.998;
/// Share of the crops, those with the largest loss, that teach the score.
const HARD: f64 = 0.7;
/// Error in sides of the crop below which the losses of places are quadratic.
const SMOOTH: f64 = 0.02;
/// Heads start quiet.
const HEAD_SCALE: f32 = 0.1;

/// A network, its weights and all that changes with them.
pub struct Learner {
    /// Which of the three it is.
    pub stage: Stage,
    /// The network.
    pub arch: Arch,
    slots: Vec<Slot>,
    /// The weights as they are trained.
    pub weights: Weights,
    /// Their running average: what is shown and exported.
    pub average: Tensor,
    /// What convolutions compute in.
    kind: Number,
}

/// How well a network does on crops it did not learn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Share of faces that score higher than all but one in a hundred of the others.
    pub recall: f64,
    /// Mean absolute error of the edges on faces, in sides of the crop.
    pub edges: f64,
    /// Mean distance of the landmarks on faces, in distances of the eyes; not a number for the first network.
    pub landmarks: f64,
}

/// How much the losses of edges and landmarks count beside the score's.
fn shares(stage: Stage) -> [f64; 2] {
    match stage {
        Stage::Propose => [4.0, 0.0],
        Stage::Refine => [6.0, 2.0],
        Stage::Output => [6.0, 20.0],
    }
}

/// The network of a stage.
pub fn arch(stage: Stage) -> Arch {
    match stage {
        Stage::Propose => mtcnn::propose(),
        Stage::Refine => mtcnn::refine(),
        Stage::Output => mtcnn::output(),
    }
}

impl Learner {
    /// A network that knows nothing yet, the same for the same `seed`. Weights start as He et al. 2015 say.
    pub fn new(stage: Stage, seed: u64, device: Device, kind: Number) -> Self {
        let arch = arch(stage);
        let heads: Vec<String> = arch.outputs.iter().map(|(name, _)| format!(".{name}")).collect();
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut slots, mut flat) = (Vec::new(), Vec::<f32>::new());
        for conv in convolutions(std::slice::from_ref(&arch)) {
            let scale = if heads.iter().any(|head| conv.name.ends_with(head)) { HEAD_SCALE } else { 1.0 };
            let bound = scale * (6.0 / conv.fan_in() as f32).sqrt();
            for slot in conv.slots("") {
                let count = slot.shape.iter().product::<i64>() as usize;
                let bound = if slot.shape.len() == 4 { bound } else { 0.0 };
                flat.extend((0..count).map(|_| (rng.f32() * 2.0 - 1.0) * bound));
                slots.push(slot);
            }
        }
        let flat = Tensor::from_slice(&flat).to_device(device);
        Self { stage, arch, slots, average: flat.copy(), weights: Weights::new(flat), kind }
    }

    /// The averaged weights as plain numbers, by name.
    pub fn plain(&self) -> Plain {
        let average = self.average.to_device(Device::Cpu);
        views(&self.slots, &average).into_iter().map(|(name, tensor)| (name, plain(&tensor))).collect()
    }

    /// What the network says of crops: each output N×C.
    fn see(&self, flat: &Tensor, batch: &Batch) -> Vec<Tensor> {
        let side = batch.side as i64;
        let pixels = Tensor::from_slice(&batch.pixels).view([-1, side, side, 3]).permute([0, 3, 1, 2]);
        let named = views(&self.slots, flat);
        let outputs = forward(&self.arch, &[&pixels.contiguous().to_device(flat.device())], &named, self.kind);
        outputs.iter().map(|output| output.flatten(1, -1).to_kind(Number::Float)).collect()
    }

    /// Moves the weights once.
    ///
    /// # Errors
    /// If a loss is not a number: the weights are then as they were.
    pub fn step(&mut self, batch: &Batch, rate: f64) -> Result<Numbers> {
        let flat = self.weights.flat.detach().set_requires_grad(true);
        let device = flat.device();
        let outputs = self.see(&flat, batch);
        let chosen = |wanted: &[Kind]| {
            let of = |kind: &Kind| f32::from(u8::from(wanted.contains(kind)));
            Tensor::from_slice(&batch.kinds.iter().map(of).collect::<Vec<_>>()).to_device(device)
        };
        let (face, there) = (chosen(&[Kind::Face]), chosen(&[Kind::Face, Kind::Part]));
        let counts = chosen(&[Kind::Face, Kind::None]);

        let logits = outputs[0].flatten(0, -1);
        let each = logits.binary_cross_entropy_with_logits::<Tensor>(&face, None, None, Reduction::None) * &counts;
        let hard = (counts.sum(Number::Float).double_value(&[]) * HARD).ceil().max(1.0) as i64;
        let score = each.topk(hard, 0, true, false).0.mean(Number::Float);
        let places = |output: &Tensor, wanted: &[f32], channels: usize| {
            let wanted = Tensor::from_slice(wanted).view([-1, channels as i64]).to_device(device);
            let each = output.smooth_l1_loss(&wanted, Reduction::None, SMOOTH).mean_dim(
                [1i64].as_slice(),
                false,
                None::<Number>,
            );
            (each * &there).sum(Number::Float) / there.sum(Number::Float).clamp_min(1.0)
        };
        let edges = places(&outputs[1], &batch.boxes, BOX);
        let [edges_share, landmarks_share] = shares(self.stage);
        let mut total = &score + &edges * edges_share;
        let mut numbers = vec![("score", score.shallow_clone()), ("edges", edges)];
        if let Some(output) = outputs.get(2) {
            let landmarks = places(output, &batch.landmarks, LANDMARKS);
            total += &landmarks * landmarks_share;
            numbers.push(("landmarks", landmarks));
        }
        numbers.insert(0, ("total", total.shallow_clone()));
        let numbers = Numbers(numbers.iter().map(|(name, x)| (*name, x.double_value(&[]))).collect());
        let gradient = Tensor::run_backward(&[&total], &[&flat], false, false).remove(0);
        let norm = match numbers.0.iter().find(|(_, x)| !x.is_finite()) {
            Some((name, x)) => bail!("the loss `{name}` is {x}: try a lower learning rate"),
            None => self.weights.step(&gradient, rate, &ADAM),
        };
        if !norm.is_finite() {
            bail!("the gradient is {norm}: try a lower learning rate");
        }
        let t = self.weights.step as f64;
        let _ = tch::no_grad(|| self.average.lerp_(&self.weights.flat, 1.0 - KEEP.min(t / (t + 50.0))));
        Ok(numbers)
    }

    /// How the averaged weights do on a batch that was not learnt from.
    pub fn score(&self, batch: &Batch) -> Score {
        let outputs = tch::no_grad(|| self.see(&self.average, batch));
        let numbers = |tensor: &Tensor| plain(&tensor.to_device(Device::Cpu)).data;
        let (logits, edges) = (numbers(&outputs[0]), numbers(&outputs[1]));
        let of = |kind: Kind| (0..batch.kinds.len()).filter(move |&i| batch.kinds[i] == kind);
        let mut none: Vec<f32> = of(Kind::None).map(|i| logits[i]).collect();
        none.sort_by(f32::total_cmp);
        let least = none[(none.len() * 99 / 100).min(none.len() - 1)];
        let count = of(Kind::Face).count() as f64;
        let recall = of(Kind::Face).filter(|&i| logits[i] > least).count() as f64 / count;
        let off =
            |i: usize| (0..BOX).map(|c| f64::from((edges[i * BOX + c] - batch.boxes[i * BOX + c]).abs())).sum::<f64>();
        let edges = of(Kind::Face).map(off).sum::<f64>() / (count * BOX as f64);
        let landmarks = outputs.get(2).map_or(f64::NAN, |output| {
            let output = numbers(output);
            let of_face =
                |i: usize| landmark_error(&output[i * LANDMARKS..][..LANDMARKS], &batch.landmarks[i * LANDMARKS..]);
            of(Kind::Face).map(of_face).sum::<f64>() / count
        });
        Score { recall, edges, landmarks }
    }
}

/// Mean distance of five points, x then y of each, in distances of the two first wanted ones.
fn landmark_error(got: &[f32], wanted: &[f32]) -> f64 {
    let distance = |a: &[f32], b: &[f32]| f64::from((a[0] - b[0]).hypot(a[1] - b[1]));
    let mean = (0..5).map(|n| distance(&got[2 * n..], &wanted[2 * n..])).sum::<f64>() / 5.0;
    mean / distance(wanted, &wanted[2..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faces::sample::{Source, tests::synthetic};

    #[test]
    fn a_network_learns_to_tell_and_to_place() {
        let source = Source::new(vec![synthetic()]);
        let mut learner = Learner::new(Stage::Refine, 1, Device::Cpu, Number::Float);
        let held = source.batch(Stage::Refine, 128, true, 9, 0);
        let before = learner.score(&held);
        for step in 0..150 {
            learner.step(&source.batch(Stage::Refine, 32, true, 1, step), 2e-3).unwrap();
        }
        let after = learner.score(&held);
        assert!(after.recall > 0.9 && after.recall > before.recall, "{before:?} {after:?}");
        assert!(after.edges < 0.7 * before.edges && after.landmarks < 0.5 * before.landmarks, "{before:?} {after:?}");
    }

    #[test]
    fn errors_are_in_distances_of_the_eyes() {
        let wanted = [-0.2, 0.0, 0.2, 0.0, 0.0, 0.1, -0.1, 0.3, 0.1, 0.3];
        let mut got = wanted;
        got[1] = 0.4;
        assert!((landmark_error(&got, &wanted) - 0.2).abs() < 1e-6);
    }
}
