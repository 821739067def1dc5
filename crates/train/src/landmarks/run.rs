//! A training run of the two networks. Each leaves in a folder of its own `metrics.jsonl`, `report.html` and
//! `checkpoint.safetensors`; together they leave `landmarks.safetensors`, of the weights' running averages.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use net::{Model, landmarks};

use super::labels::{Photo, load};
use super::learner::{Learner, arch};
use super::sample::{View, batch};
use crate::model::export::{both, worse, write_alike};
use crate::run::Watch;
use crate::run::lesson::Schedule;

/// The networks, with the names of their folders.
const VIEWS: [(View, &str); 2] = [(View::Face, "face"), (View::Eye, "eye")];

/// What is trained, from what, for how long.
pub struct Plan {
    /// Folder of photos.
    pub photos: PathBuf,
    /// What `faces.py` found in them.
    pub labels: PathBuf,
    /// Minutes for each network; 0 leaves it as it is.
    pub minutes: [f64; 2],
    /// Crops a step.
    pub batch: usize,
    /// How.
    pub schedule: Schedule,
}

/// Trains as planned; `watch` hears how it goes.
///
/// # Errors
/// If photos, labels or the folder cannot be read or written, a loss is not a number, or the engine would not see
/// what the trainer sees.
pub fn train(plan: &Plan, watch: &mut dyn Watch) -> Result<()> {
    let mut learners =
        VIEWS.map(|(view, _)| Learner::new(view, plan.schedule.seed, plan.schedule.device, plan.schedule.kind));
    let mut before_s = [0.0; 2];
    for ((learner, before_s), (_, name)) in learners.iter_mut().zip(&mut before_s).zip(VIEWS) {
        *before_s = learner.net.begin(&plan.schedule.out, name, plan.schedule.resume)?;
    }
    let [learnt, held] = load(&plan.photos, &plan.labels)?;
    let faces = |photos: &[Photo]| photos.iter().map(|photo| photo.faces.len()).sum::<usize>();
    watch.say(&format!(
        "{} faces in {} photos to learn from, {} in {} held out; {:?}, seed {}",
        faces(&learnt),
        learnt.len(),
        faces(&held),
        held.len(),
        plan.schedule.device,
        plan.schedule.seed
    ));
    let learnt = Arc::new(learnt);
    let count = 2 * held.iter().map(|photo| photo.faces.len()).sum::<usize>();
    for (i, (view, name)) in VIEWS.into_iter().enumerate() {
        if before_s[i] >= plan.minutes[i] * 60.0 {
            continue;
        }
        let lesson = plan.schedule.lesson(name, before_s[i], plan.minutes[i]);
        let (learnt, size, seed) = (learnt.clone(), plan.batch, plan.schedule.seed);
        let scored = batch(&held, view, count, true, 1, 0);
        let make = move |step| batch(&learnt, view, size, false, seed, step);
        lesson
            .learn((&mut learners, i), &scored, make, |learners| export(plan, learners), watch)
            .with_context(|| format!("the network {name}"))?;
    }
    export(plan, &learners)
}

/// Both networks as a model file's bytes.
fn model(learners: &[Learner], note: &str) -> Result<Vec<u8>> {
    let weights = learners.iter().flat_map(|learner| learner.net.plain()).collect();
    let notes = std::collections::BTreeMap::from([("kaiga.training".to_owned(), note.to_owned())]);
    Model { architecture: landmarks::NAME.to_owned(), weights, notes }.write().context("the model cannot be written")
}

fn export(plan: &Plan, learners: &[Learner]) -> Result<()> {
    let steps: Vec<String> = learners.iter().map(|learner| learner.net.weights.step.to_string()).collect();
    let note = format!(
        "landmarks labelled by MediaPipe's face mesh; seed {}, {} steps",
        plan.schedule.seed,
        steps.join(" + ")
    );
    let bytes = model(learners, &note)?;
    write_alike(&plan.schedule.out.join("landmarks.safetensors"), &bytes, disagreement)
}

/// Largest difference between what engine and trainer make of the same crop.
///
/// # Errors
/// If the engine refuses a network.
fn disagreement(model: &Model) -> Result<f32> {
    let mut rng = fastrand::Rng::with_seed(5);
    let mut worst = 0.0f32;
    for (view, _) in VIEWS {
        let (arch, side) = (arch(view), view.side_px());
        for [theirs, ours] in both(&arch, &model.weights, side, &mut rng)? {
            worst = theirs.iter().zip(&ours).map(|(a, b)| (a - b).abs()).fold(worst, worse);
        }
    }
    Ok(worst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::export::TOLERANCE;
    use tch::{Device, Kind};

    #[test]
    fn the_engine_sees_what_was_trained() {
        let learners = VIEWS.map(|(view, _)| Learner::new(view, 3, Device::Cpu, Kind::Float));
        let worst = disagreement(&Model::read(&model(&learners, "test").unwrap()).unwrap()).unwrap();
        assert!(worst > 0.0 && worst < TOLERANCE, "{worst}");
    }
}
