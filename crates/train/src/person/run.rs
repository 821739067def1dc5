//! A training run. It leaves `person/` with `metrics.jsonl`, `report.html` and `checkpoint.safetensors`, and
//! `person.safetensors`, of the weights' running average.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use engine::Map;
use net::person::{NAME, SIDE_PX, person};
use net::{Model, Shape};
use tch::{Device, Kind, Tensor};

use super::learner::Learner;
use super::sample::{batch, load};
use crate::file;
use crate::model::export::TOLERANCE;
use crate::model::torch_model::{forward, named};
use crate::run::Watch;
use crate::run::lesson::Lesson;

/// What is trained, from what, for how long.
pub struct Plan {
    /// Folder of crops with their masks.
    pub crops: PathBuf,
    /// Folder of the run.
    pub out: PathBuf,
    /// Minutes.
    pub minutes: f64,
    /// Crops a step.
    pub batch: usize,
    /// Highest learning rate.
    pub rate: f64,
    /// Goes on from the checkpoint of the folder.
    pub resume: bool,
    /// Of the first weights and of the batches.
    pub seed: u64,
    /// Minutes between reports.
    pub report_min: f64,
    /// Where to train.
    pub device: Device,
    /// What convolutions compute in.
    pub kind: Kind,
}

/// Trains as planned; `watch` hears how it goes.
///
/// # Errors
/// If crops or the folder cannot be read or written, a loss is not a number, or the engine would not see what the
/// trainer sees.
pub fn train(plan: &Plan, watch: &mut dyn Watch) -> Result<()> {
    let mut learner = Learner::new(plan.seed, plan.device, plan.kind);
    let before_s = learner.net.begin(&plan.out, "person", plan.resume)?;
    let [learnt, held] = load(&plan.crops)?;
    watch.say(&format!("{} crops to learn from, {} held out; seed {}", learnt.len(), held.len(), plan.seed));
    let lesson = Lesson {
        name: "person",
        out: &plan.out,
        before_s,
        minutes: plan.minutes,
        rate: plan.rate,
        report_min: plan.report_min,
        resume: plan.resume,
    };
    let scored = batch(&held, held.len(), true, 1, 0);
    let (count, seed) = (plan.batch, plan.seed);
    let make = move |step| batch(&learnt, count, false, seed, step);
    let learners = std::slice::from_mut(&mut learner);
    lesson.learn((learners, 0), &scored, make, |learners| export(plan, &learners[0]), watch)
}

fn model(learner: &Learner, note: &str) -> Result<Vec<u8>> {
    let notes = BTreeMap::from([("kaiga.training".to_owned(), note.to_owned())]);
    let model = Model { architecture: NAME.to_owned(), weights: learner.net.plain(), notes };
    model.write().context("the model cannot be written")
}

fn export(plan: &Plan, learner: &Learner) -> Result<()> {
    let steps = learner.net.weights.step;
    let note = format!("masks by MediaPipe's selfie segmentation; seed {}, {steps} steps", plan.seed);
    let bytes = model(learner, &note)?;
    let worst = disagreement(&Model::read(&bytes)?)?;
    if worst.is_nan() || worst > TOLERANCE {
        bail!("engine and trainer differ by {worst:.2e}, at most {TOLERANCE:.0e} is allowed");
    }
    file::write(&plan.out.join("person.safetensors"), &bytes)
}

/// Largest difference between what engine and trainer make of the same crop, after the sigmoid.
fn disagreement(model: &Model) -> Result<f32> {
    let mut rng = fastrand::Rng::with_seed(5);
    let crop = Map::from_fn(Shape::new(SIDE_PX, SIDE_PX, 3), |_, _, _| rng.f32() * 2.0 - 1.0);
    let theirs = engine::Network::new(&person(), &model.weights)?.run(&[&crop])?;
    let side = SIDE_PX as i64;
    let pixels = Tensor::from_slice(&crop.data).view([1, side, side, 3]).permute([0, 3, 1, 2]).contiguous();
    let ours = tch::no_grad(|| forward(&person(), &[&pixels], &named(&model.weights, Device::Cpu), Kind::Float));
    let ours: Vec<f32> = Vec::try_from(ours[0].flatten(0, -1))?;
    let share = |logit: f32| 1.0 / (1.0 + (-logit).exp());
    let off = theirs[0].data.iter().zip(&ours).map(|(a, b)| (share(*a) - share(*b)).abs());
    Ok(off.fold(0.0, |most, v| if v > most || v.is_nan() { v } else { most }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_sees_what_was_trained() {
        let learner = Learner::new(3, Device::Cpu, Kind::Float);
        let worst = disagreement(&Model::read(&model(&learner, "test").unwrap()).unwrap()).unwrap();
        assert!(worst > 0.0 && worst < TOLERANCE, "{worst}");
    }
}
