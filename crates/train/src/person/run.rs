//! A training run. It leaves `person/` with `metrics.jsonl`, `report.html` and `checkpoint.safetensors`, and
//! `person.safetensors`, of the weights' running average.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use net::Model;
use net::person::{NAME, SIDE_PX, person};

use super::learner::Learner;
use super::sample::{batch, load};
use crate::model::export::{both, worse, write_alike};
use crate::run::Watch;
use crate::run::lesson::Schedule;

/// What is trained, from what, for how long.
pub struct Plan {
    /// Folder of crops with their masks.
    pub crops: PathBuf,
    /// Minutes.
    pub minutes: f64,
    /// Crops a step.
    pub batch: usize,
    /// How.
    pub schedule: Schedule,
}

/// Trains as planned; `watch` hears how it goes.
///
/// # Errors
/// If crops or the folder cannot be read or written, a loss is not a number, or the engine would not see what the
/// trainer sees.
pub fn train(plan: &Plan, watch: &mut dyn Watch) -> Result<()> {
    let mut learner = Learner::new(plan.schedule.seed, plan.schedule.device, plan.schedule.kind);
    let before_s = learner.net.begin(&plan.schedule.out, "person", plan.schedule.resume)?;
    let [learnt, held] = load(&plan.crops)?;
    watch.say(&format!("{} crops to learn from, {} held out; seed {}", learnt.len(), held.len(), plan.schedule.seed));
    let lesson = plan.schedule.lesson("person", before_s, plan.minutes);
    let scored = batch(&held, held.len(), true, 1, 0);
    let (count, seed) = (plan.batch, plan.schedule.seed);
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
    let note = format!("masks by MediaPipe's selfie segmentation; seed {}, {steps} steps", plan.schedule.seed);
    let bytes = model(learner, &note)?;
    write_alike(&plan.schedule.out.join("person.safetensors"), &bytes, disagreement)
}

/// Largest difference between what engine and trainer make of the same crop, after the sigmoid.
fn disagreement(model: &Model) -> Result<f32> {
    let mut rng = fastrand::Rng::with_seed(5);
    let share = |logit: f32| 1.0 / (1.0 + (-logit).exp());
    let pairs = both(&person(), &model.weights, SIDE_PX, &mut rng)?;
    let off =
        pairs.iter().flat_map(|[theirs, ours]| theirs.iter().zip(ours)).map(|(a, b)| (share(*a) - share(*b)).abs());
    Ok(off.fold(0.0, worse))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::export::TOLERANCE;
    use tch::{Device, Kind};

    #[test]
    fn the_engine_sees_what_was_trained() {
        let learner = Learner::new(3, Device::Cpu, Kind::Float);
        let worst = disagreement(&Model::read(&model(&learner, "test").unwrap()).unwrap()).unwrap();
        assert!(worst > 0.0 && worst < TOLERANCE, "{worst}");
    }
}
