//! One network of the cascade while it learns: batch in, changed weights and losses out. No file, no printing.

use anyhow::Result;
use kaiga::faces::detector::CascadeNet;
use net::Arch;
use net::mtcnn::{self, BOX, LANDMARKS};
use tch::{Device, Kind as Number, Reduction, Tensor};

use super::sample::{Batch, Kind};
use crate::model::optimiser::Adam;
use crate::model::parameters::plain;
use crate::model::trainable::Trainable;
use crate::run::lesson;
use crate::run::step::Numbers;

const ADAM: Adam = Adam { betas: (0.9, 0.99), weight_decay: 1e-3, clip: 2.0 };
/// Share of the crops, those with the largest loss, that teach the score.
const HARD: f64 = 0.7;
/// Error in sides of the crop below which the losses of places are quadratic.
const SMOOTH: f64 = 0.02;
/// One of the three networks.
pub struct Learner {
    /// Which of the three it is.
    pub stage: CascadeNet,
    /// Its weights.
    pub net: Trainable,
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
fn shares(stage: CascadeNet) -> [f64; 2] {
    match stage {
        CascadeNet::Propose => [4.0, 0.0],
        CascadeNet::Refine => [6.0, 2.0],
        CascadeNet::Output => [6.0, 20.0],
    }
}

/// The network of a stage.
pub fn arch(stage: CascadeNet) -> Arch {
    match stage {
        CascadeNet::Propose => mtcnn::propose(),
        CascadeNet::Refine => mtcnn::refine(),
        CascadeNet::Output => mtcnn::output(),
    }
}

impl Learner {
    /// A network that knows nothing yet, the same for the same `seed`.
    pub fn new(stage: CascadeNet, seed: u64, device: Device, kind: Number) -> Self {
        Self { stage, net: Trainable::new(arch(stage), seed, device, kind) }
    }

    /// How the averaged weights do on a batch that was not learnt from.
    pub fn score(&self, batch: &Batch) -> Score {
        let outputs = tch::no_grad(|| self.net.see(&self.net.average, batch.side, &batch.pixels));
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

impl lesson::Learner for Learner {
    type Batch = Batch;

    fn net(&self) -> &Trainable {
        &self.net
    }

    fn step(&mut self, batch: &Batch, rate: f64) -> Result<Numbers> {
        let leaf = self.net.leaf();
        let device = leaf.device();
        let outputs = self.net.see(&leaf, batch.side, &batch.pixels);
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
        let mut losses = vec![("score", score.shallow_clone()), ("edges", edges)];
        if let Some(output) = outputs.get(2) {
            let landmarks = places(output, &batch.landmarks, LANDMARKS);
            total += &landmarks * landmarks_share;
            losses.push(("landmarks", landmarks));
        }
        self.net.step(&leaf, &total, losses, (rate, &ADAM))
    }

    fn figures(&self, held: &Batch) -> Vec<(&'static str, f64)> {
        let Score { recall, edges, landmarks } = self.score(held);
        vec![("recall", recall), ("edges_off", edges), ("landmarks_off", landmarks)]
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
    use crate::run::lesson::Learner as _;

    #[test]
    fn a_network_learns_to_tell_and_to_place() {
        let source = Source::new(vec![synthetic()]);
        let mut learner = Learner::new(CascadeNet::Refine, 1, Device::Cpu, Number::Float);
        let held = source.batch(CascadeNet::Refine, 128, true, 9, 0);
        let before = learner.score(&held);
        for step in 0..150 {
            learner.step(&source.batch(CascadeNet::Refine, 32, true, 1, step), 2e-3).unwrap();
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

    #[test]
    fn a_resumed_network_equals_an_uninterrupted_one() {
        let source = Source::new(vec![synthetic()]);
        let fresh = || Learner::new(CascadeNet::Propose, 1, Device::Cpu, Number::Float);
        let learn = |learner: &mut Learner, steps: std::ops::Range<u64>| {
            for step in steps {
                learner.step(&source.batch(CascadeNet::Propose, 16, false, 1, step), 1e-3).unwrap();
            }
        };
        let mut whole = fresh();
        learn(&mut whole, 0..6);
        let path = std::env::temp_dir().join(format!("kaiga-faces-{}.safetensors", std::process::id()));
        let mut half = fresh();
        learn(&mut half, 0..3);
        half.net.save(2.5, &path).unwrap();
        let mut resumed = fresh();
        assert_eq!(resumed.net.load(&path).unwrap(), 2.5);
        assert!(Learner::new(CascadeNet::Refine, 1, Device::Cpu, Number::Float).net.load(&path).is_err());
        std::fs::remove_file(&path).unwrap();
        learn(&mut resumed, 3..6);
        for (a, b) in [(&whole.net.weights.flat, &resumed.net.weights.flat), (&whole.net.average, &resumed.net.average)]
        {
            assert!((a - b).abs().max().double_value(&[]) < 1e-6);
        }
    }
}
