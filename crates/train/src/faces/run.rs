//! A training run of the cascade. Each network leaves in a folder of its own `metrics.jsonl`, `report.html` and
//! `checkpoint.safetensors`; together they leave `faces.safetensors`, of the weights' running averages.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use engine::Map;
use kaiga::faces::Detector;
use kaiga::faces::detector::CascadeNet;
use kaiga::faces::pyramid::Square;
use net::{Model, mtcnn};
use pixels::Image;
use pixels::space::Srgb8;
use rayon::prelude::*;
use tch::{Device, Kind as Number, Tensor};

use super::labels::{Photo, divide, load, read};
use super::learner::{Learner, arch};
use super::sample::{Kind, Mined, Source, judge, side_px};
use crate::model::export::{worse, write_alike};
use crate::model::torch_model::{forward, named};
use crate::run::Watch;
use crate::run::lesson::Schedule;

/// Crops of held-out photos that a report is about.
const SCORED: usize = 2048;
/// Most places of a photo that are kept of what the network before let through, and of what the one before that did.
const MINED: [usize; 2] = [60, 15];
/// The networks, with the names of their folders.
const STAGES: [(CascadeNet, &str); 3] =
    [(CascadeNet::Propose, "propose"), (CascadeNet::Refine, "refine"), (CascadeNet::Output, "output")];

/// What is trained, from what, for how long.
pub struct Plan {
    /// Folder of photos, and where faces are in them.
    pub photos: PathBuf,
    /// As `face_labels.py` writes it.
    pub labels: PathBuf,
    /// Folder of paintings that are no faces, and what may be one in them.
    pub art: Option<(PathBuf, PathBuf)>,
    /// Whom the model file is to credit; may be empty.
    pub credit: String,
    /// Minutes for each network, reports included; 0 leaves it as it is.
    pub minutes: [f64; 3],
    /// Crops a step, for each network.
    pub batch: [usize; 3],
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
        STAGES.map(|(stage, _)| Learner::new(stage, plan.schedule.seed, plan.schedule.device, plan.schedule.kind));
    let mut before_s = [0.0; 3];
    for ((learner, before_s), (_, name)) in learners.iter_mut().zip(&mut before_s).zip(STAGES) {
        *before_s = learner.net.begin(&plan.schedule.out, name, plan.schedule.resume)?;
    }
    let [learnt, held] = divide(&plan.photos)?;
    let labels = read(&plan.labels)?;
    let mut photos = load(&plan.photos, &learnt, &labels)?;
    if let Some((folder, labels)) = &plan.art {
        photos.extend(load(folder, &crate::data::split::pictures(folder)?, &read(labels)?)?);
    }
    let held = Source::new(load(&plan.photos, &held, &labels)?);
    let mut source = Source::new(photos);
    if source.faces.is_empty() || held.faces.is_empty() {
        bail!("no photo has a sure face: label photos of people with crates/train/face_labels.py");
    }
    watch.say(&format!(
        "{} faces in {} pictures to learn from, {} in {} held out; {:?}, seed {}",
        source.faces.len(),
        source.photos.len(),
        held.faces.len(),
        held.photos.len(),
        plan.schedule.device,
        plan.schedule.seed
    ));
    for (i, (stage, name)) in STAGES.into_iter().enumerate() {
        if before_s[i] >= plan.minutes[i] * 60.0 {
            continue;
        }
        if stage > CascadeNet::Propose {
            mine(&mut source, &learners, stage, watch)?;
        }
        let shared = Arc::new(source);
        let lesson = plan.schedule.lesson(name, before_s[i], plan.minutes[i]);
        let scored = held.batch(stage, SCORED, true, 1, 0);
        let (learnt, count, seed) = (shared.clone(), plan.batch[i], plan.schedule.seed);
        let make = move |step| learnt.batch(stage, count, false, seed, step);
        lesson
            .learn((&mut learners, i), &scored, make, |learners| export(plan, learners), watch)
            .with_context(|| format!("the network {name}"))?;
        // The thread that prepares batches ends with its next one.
        source = loop {
            std::thread::sleep(std::time::Duration::from_millis(20));
            if Arc::strong_count(&shared) == 1 {
                break Arc::into_inner(shared).context("the batches are still being prepared")?;
            }
        };
    }
    export(plan, &learners)
}

/// The cascade as a model file's bytes.
fn model(learners: &[Learner], note: &str, credit: &str) -> Result<Vec<u8>> {
    let weights = learners.iter().flat_map(|learner| learner.net.plain()).collect();
    let mut notes = std::collections::BTreeMap::from([("kaiga.training".to_owned(), note.to_owned())]);
    if !credit.is_empty() {
        notes.insert(net::model::CREDIT.to_owned(), credit.to_owned());
    }
    Model { architecture: mtcnn::NAME.to_owned(), weights, notes }.write().context("the model cannot be written")
}

fn export(plan: &Plan, learners: &[Learner]) -> Result<()> {
    let steps: Vec<String> = learners.iter().map(|learner| learner.net.weights.step.to_string()).collect();
    let note = format!("faces labelled by facenet-pytorch; seed {}, {} steps", plan.schedule.seed, steps.join(" + "));
    let bytes = model(learners, &note, &plan.credit)?;
    write_alike(&plan.schedule.out.join("faces.safetensors"), &bytes, disagreement)
}

/// Largest difference between what engine and trainer make of the same crops, relative to the largest number, over the
/// three networks.
///
/// # Errors
/// If the engine refuses a network.
pub fn disagreement(model: &Model) -> Result<f32> {
    let mut rng = fastrand::Rng::with_seed(5);
    let mut worst = 0.0f32;
    for (stage, _) in STAGES {
        let (arch, side, crops) = (arch(stage), side_px(stage), 3);
        let strip = Map::from_fn(net::Shape::new(side, side * crops, 3), |_, _, _| rng.f32() * 2.0 - 1.0);
        let theirs = engine::Network::new(&arch, &model.weights)?.run(&[&strip])?;
        let pixels = Tensor::from_slice(&strip.data).view([side as i64, crops as i64, side as i64, 3]);
        let pixels = pixels.permute([1, 3, 0, 2]).contiguous();
        let ours = tch::no_grad(|| forward(&arch, &[&pixels], &named(&model.weights, Device::Cpu), Number::Float));
        for (theirs, ours) in theirs.iter().zip(&ours) {
            let ours: Vec<f32> = Vec::try_from(ours.flatten(1, -1).flatten(0, -1))?;
            let step = if stage == CascadeNet::Propose { side / mtcnn::PROPOSE_STEP_PX } else { 1 };
            let largest = ours.iter().fold(1.0f32, |most, v| most.max(v.abs()));
            for (i, ours) in ours.iter().enumerate() {
                let (crop, channel) = (i / theirs.channels, i % theirs.channels);
                let off = (theirs.at(0, crop * step, channel) - ours).abs() / largest;
                worst = worse(worst, off);
            }
        }
    }
    Ok(worst)
}

/// Lets the networks before `stage` look at every photo to learn from, and keeps what they take for faces: rightly or
/// not. Each photo is looked at a second time lying on a side or on its head, where the networks have not learnt what
/// is no face and err as they do on photos that they never saw.
fn mine(source: &mut Source, learners: &[Learner; 3], stage: CascadeNet, watch: &mut dyn Watch) -> Result<()> {
    let detector = Detector::new(&model(learners, "", "")?)?;
    let before: &[CascadeNet] =
        if stage == CascadeNet::Refine { &[CascadeNet::Propose] } else { &[CascadeNet::Refine, CascadeNet::Propose] };
    let of_photo = |(number, photo): (usize, &Photo)| -> Result<Vec<(usize, Kind, Mined)>> {
        let mut found = Vec::new();
        for quarters in [0, 1 + number % 3] {
            let picture = turned(photo.pyramid.picture(), quarters);
            for (rank, last) in before.iter().enumerate() {
                let taken = detector.until(&picture, *last)?;
                found.extend(taken.iter().take(MINED[rank]).filter_map(|one| {
                    let square = back(&Square::around(one.bounds), quarters, photo.pyramid.picture());
                    let (kind, face) = judge(photo, &square)?;
                    // A face on its side is none to learn from, and none to unlearn.
                    let keep = quarters == 0 || kind == Kind::None;
                    keep.then_some((rank, kind, Mined { photo: number, square, face }))
                }));
            }
        }
        Ok(found)
    };
    let found: Vec<_> = source.photos.par_iter().enumerate().map(of_photo).collect::<Result<_>>()?;
    source.taken.clear();
    source.mistaken.iter_mut().for_each(Vec::clear);
    for (rank, kind, mined) in found.into_iter().flatten() {
        let list = if kind == Kind::None { &mut source.mistaken[rank] } else { &mut source.taken };
        list.push(mined);
    }
    watch.say(&format!(
        "{} places rightly taken for a face; mistaken for one: {} by the network before, {} by the one before that",
        source.taken.len(),
        source.mistaken[0].len(),
        source.mistaken[1].len()
    ));
    Ok(())
}

/// The picture turned by so many quarters of a circle, clockwise.
fn turned(picture: &Image<Srgb8>, quarters: usize) -> Image<Srgb8> {
    let (width, height) = (picture.width(), picture.height());
    match quarters % 4 {
        0 => picture.clone(),
        1 => Image::from_fn(height, width, |x, y| picture.at(y, height - 1 - x)),
        2 => Image::from_fn(width, height, |x, y| picture.at(width - 1 - x, height - 1 - y)),
        _ => Image::from_fn(height, width, |x, y| picture.at(width - 1 - y, x)),
    }
}

/// The square of `picture` that is `square` in the [`turned`] one.
fn back(square: &Square, quarters: usize, picture: &Image<Srgb8>) -> Square {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let [x, y] = square.centre;
    let centre = match quarters % 4 {
        0 => [x, y],
        1 => [y, height - x],
        2 => [width - x, height - y],
        _ => [width - y, x],
    };
    Square { centre, roll: square.roll - quarters as f32 * std::f32::consts::FRAC_PI_2, ..*square }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use kaiga::faces::pyramid::Pyramid;

    use super::*;
    use crate::model::export::TOLERANCE;

    #[test]
    fn a_square_of_a_turned_picture_shows_the_same() {
        let picture = Image::<Srgb8>::from_fn(60, 40, |x, y| [4 * x as u8, 6 * y as u8, (x * y) as u8]);
        let of = |picture: &Image<Srgb8>, square: &Square| {
            let mut crop = vec![0.0; 12 * 12 * 3];
            Pyramid::new(Cow::Borrowed(picture), 8).sample(square, 12, &mut crop, 36);
            crop
        };
        for quarters in 0..4 {
            let square = Square { centre: [17.0, 21.0], side: 14.0, roll: 0.1 };
            let seen = of(&turned(&picture, quarters), &square);
            let same = of(&picture, &back(&square, quarters, &picture));
            let worst = seen.iter().zip(same).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 0.02, "{quarters} quarters: {worst}");
        }
    }

    #[test]
    fn the_engine_sees_what_was_trained() {
        let learners = STAGES.map(|(stage, _)| Learner::new(stage, 3, Device::Cpu, Number::Float));
        let worst = disagreement(&Model::read(&model(&learners, "test", "").unwrap()).unwrap()).unwrap();
        assert!(worst > 0.0 && worst < TOLERANCE, "{worst}");
    }
}
