//! One of the two networks while it learns: batch in, changed weights and losses out. No file, no printing.

use anyhow::Result;
use net::Arch;
use net::landmarks::{self, Part};
use tch::{Device, Kind, Reduction, Tensor};

use super::sample::{Batch, View};
use crate::model::optimiser::Adam;
use crate::model::parameters::plain;
use crate::model::trainable::Trainable;
use crate::run::lesson;
use crate::run::step::Numbers;

const ADAM: Adam = Adam { betas: (0.9, 0.99), weight_decay: 1e-3, clip: 1.0 };
/// Error in sides of the crop below which the loss of places is quadratic.
const SMOOTH: f64 = 0.004;
/// How much the loss of what the network expects of itself counts.
const SPREAD_SHARE: f64 = 0.01;
/// How much lids, irises and lips count beside the rest.
const FINE: f32 = 2.0;

/// A network that learns.
pub struct Learner {
    /// Which of the two it is.
    pub view: View,
    /// Its weights.
    pub net: Trainable,
}

/// How far a network is off on faces it did not learn from, in distances of the eyes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Mean over all points.
    pub all: f64,
    /// Mean over lids and irises.
    pub eyes: f64,
}

/// The network of a view.
pub fn arch(view: View) -> Arch {
    if view == View::Face { landmarks::face() } else { landmarks::eye() }
}

fn is_fine(part: Part) -> bool {
    !matches!(part, Part::Oval | Part::Nose | Part::NoseBase | Part::LeftBrow | Part::RightBrow)
}

impl Learner {
    /// A network that knows nothing yet, the same for the same `seed`.
    pub fn new(view: View, seed: u64, device: Device, kind: Kind) -> Self {
        Self { view, net: Trainable::new(arch(view), seed, device, kind) }
    }

    fn wanted(&self, batch: &Batch, device: Device) -> Tensor {
        Tensor::from_slice(&batch.points).view([-1, 2 * self.view.points() as i64]).to_device(device)
    }

    /// Mean distance of each part's points, N×parts.
    fn off_by_part(&self, got: &Tensor, wanted: &Tensor) -> Tensor {
        let off = (got - wanted).view([-1, self.view.points() as i64, 2]).square();
        let off = off.sum_dim_intlist([2i64].as_slice(), false, None::<Kind>).sqrt();
        let mut first = 0;
        let mean = |part: &Part| {
            let count = part.points() as i64;
            first += count;
            off.narrow(1, first - count, count).mean_dim([1i64].as_slice(), false, None::<Kind>)
        };
        Tensor::stack(&self.view.parts().iter().map(mean).collect::<Vec<_>>(), 1)
    }

    /// How the averaged weights do on a batch that was not learnt from.
    pub fn score(&self, batch: &Batch) -> Score {
        let outputs = tch::no_grad(|| self.net.see(&self.net.average, self.view.side_px(), &batch.pixels));
        let off =
            plain(&self.off_by_part(&outputs[0], &self.wanted(batch, outputs[0].device())).to_device(Device::Cpu));
        let parts = self.view.parts();
        let mean = |chosen: &dyn Fn(Part) -> bool| {
            let (mut sum, mut count) = (0.0, 0.0);
            for (row, eyes) in off.data.chunks_exact(parts.len()).zip(&batch.eyes) {
                for (off, part) in row.iter().zip(parts).filter(|(_, part)| chosen(**part)) {
                    sum += f64::from(off / eyes) * part.points() as f64;
                    count += part.points() as f64;
                }
            }
            sum / count
        };
        let fine = |part| matches!(part, Part::LeftEye | Part::RightEye | Part::LeftIris | Part::RightIris);
        Score { all: mean(&|_| true), eyes: mean(&fine) }
    }
}

impl lesson::Learner for Learner {
    type Batch = Batch;

    fn net(&self) -> &Trainable {
        &self.net
    }

    /// Smooth L1 for the places, and for each part the Laplace likelihood of its mean error.
    fn step(&mut self, batch: &Batch, rate: f64) -> Result<Numbers> {
        let leaf = self.net.leaf();
        let outputs = self.net.see(&leaf, self.view.side_px(), &batch.pixels);
        let wanted = self.wanted(batch, leaf.device());
        let weights: Vec<f32> = self
            .view
            .parts()
            .iter()
            .flat_map(|part| vec![if is_fine(*part) { FINE } else { 1.0 }; 2 * part.points()])
            .collect();
        let weights = Tensor::from_slice(&weights).to_device(leaf.device());
        let each = outputs[0].smooth_l1_loss(&wanted, Reduction::None, SMOOTH);
        let places = (each * weights).mean(Kind::Float);
        let off = self.off_by_part(&outputs[0].detach(), &wanted);
        let spread = (off * (-&outputs[1]).exp() + &outputs[1]).mean(Kind::Float);
        let total = &places + &spread * SPREAD_SHARE;
        self.net.step(&leaf, &total, vec![("places", places), ("spread", spread)], (rate, &ADAM))
    }

    fn figures(&self, held: &Batch) -> Vec<(&'static str, f64)> {
        let Score { all, eyes } = self.score(held);
        vec![("off", all), ("eyes_off", eyes)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landmarks::sample::{batch, tests::synthetic};
    use crate::run::lesson::Learner as _;

    #[test]
    fn a_network_learns_places_and_how_sure_it_is() {
        let photos = [synthetic()];
        let mut learner = Learner::new(View::Eye, 1, Device::Cpu, Kind::Float);
        let held = batch(&photos, View::Eye, 16, false, 9, 0);
        let before = learner.score(&held);
        let mut spread = Vec::new();
        for step in 0..120 {
            let batch = batch(&photos, View::Eye, 16, false, 1, step);
            spread.push(learner.step(&batch, 2e-3).unwrap().get("spread"));
        }
        let after = learner.score(&held);
        assert!(after.all < 0.5 * before.all && after.eyes < 0.5 * before.eyes, "{before:?} {after:?}");
        assert!(spread[119] < spread[0] - 0.5, "{} {}", spread[0], spread[119]);
    }
}
