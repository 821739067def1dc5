//! The network while it learns: batch in, changed weights and losses out. No file, no printing.

use anyhow::Result;
use net::person::{SIDE_PX, person};
use tch::{Device, Kind, Reduction, Tensor};

use super::sample::Batch;
use crate::model::optimiser::Adam;
use crate::model::trainable::Trainable;
use crate::run::lesson;
use crate::run::step::Numbers;

const ADAM: Adam = Adam { betas: (0.9, 0.99), weight_decay: 1e-3, clip: 1.0 };

/// The network that learns.
pub struct Learner {
    /// Its weights.
    pub net: Trainable,
}

impl Learner {
    /// A network that knows nothing yet, the same for the same `seed`.
    pub fn new(seed: u64, device: Device, kind: Kind) -> Self {
        Self { net: Trainable::new(person(), seed, device, kind) }
    }

    /// Logits and what is wanted, N×pixels, by the weights `flat`.
    fn seen(&self, flat: &Tensor, batch: &Batch) -> (Tensor, Tensor) {
        let logits = self.net.see(flat, SIDE_PX, &batch.pixels).remove(0);
        let wanted = Tensor::from_slice(&batch.masks).view([-1, (SIDE_PX * SIDE_PX) as i64]).to_device(flat.device());
        (logits, wanted)
    }
}

/// Intersection over union of soft masks, mean over the batch.
fn overlap(got: &Tensor, wanted: &Tensor) -> Tensor {
    let sum = |x: Tensor| x.sum_dim_intlist([1i64].as_slice(), false, None::<Kind>);
    let both = sum(got * wanted);
    let either = sum(got + wanted) - &both;
    ((both + 1.0) / (either + 1.0)).mean(Kind::Float)
}

impl lesson::Learner for Learner {
    type Batch = Batch;

    fn net(&self) -> &Trainable {
        &self.net
    }

    /// Cross entropy, and one minus the overlap.
    fn step(&mut self, batch: &Batch, rate: f64) -> Result<Numbers> {
        let leaf = self.net.leaf();
        let (logits, wanted) = self.seen(&leaf, batch);
        let entropy = logits.binary_cross_entropy_with_logits::<Tensor>(&wanted, None, None, Reduction::Mean);
        let apart = -overlap(&logits.sigmoid(), &wanted) + 1.0;
        let total = &entropy + 0.5 * &apart;
        self.net.step(&leaf, &total, vec![("entropy", entropy), ("apart", apart)], (rate, &ADAM))
    }

    fn figures(&self, held: &Batch) -> Vec<(&'static str, f64)> {
        let (logits, wanted) = tch::no_grad(|| self.seen(&self.net.average, held));
        let hard = |x: &Tensor| x.ge(0.5).to_kind(Kind::Float);
        let iou = overlap(&hard(&logits.sigmoid()), &hard(&wanted)).double_value(&[]);
        let off = (logits.sigmoid() - wanted).abs().mean(Kind::Float).double_value(&[]);
        vec![("iou", iou), ("off", off)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::sample::{batch, tests::synthetic};
    use crate::run::lesson::Learner as _;

    #[test]
    fn it_learns_who_is_the_person() {
        let crops = [synthetic()];
        let mut learner = Learner::new(1, Device::Cpu, Kind::Float);
        let held = batch(&crops, 2, true, 1, 0);
        for step in 0..40 {
            learner.step(&batch(&crops, 4, true, 1, step), 3e-3).unwrap();
        }
        let iou = learner.figures(&held)[0].1;
        assert!(iou > 0.8, "{iou}");
    }
}
