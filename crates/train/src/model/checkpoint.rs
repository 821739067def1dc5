//! A run's state on disk, from which it goes on as if it had never stopped.

use std::path::Path;

use anyhow::{Context, Result, bail};
use tch::{Device, Tensor};

use crate::file::replace;
use crate::model::discriminator::Discriminator;
use crate::model::optimiser::Weights;
use crate::model::parameters::Layout;
use crate::run::step::State;

/// What names of the discriminator's tensors begin with.
const JUDGE: &str = "discriminator.";

/// Writes the state and the seconds trained so far.
///
/// # Errors
/// If the file cannot be written.
pub fn save(state: &State, seconds: f64, path: &Path) -> Result<()> {
    let mut tensors = vec![
        ("average".to_owned(), state.average.shallow_clone()),
        ("seconds".to_owned(), Tensor::from(seconds)),
        ("contents".to_owned(), Tensor::from_slice(contents(&state.layout).as_bytes())),
    ];
    tensors.extend(parts("", &state.weights));
    if let Some(judge) = &state.discriminator {
        tensors.extend(parts(JUDGE, &judge.weights));
        let directions = judge.directions.iter();
        tensors.extend(directions.map(|(name, t)| (format!("{JUDGE}direction.{name}"), t.shallow_clone())));
    }
    write(tensors, path)
}

/// Reads what [`save`] wrote: the state and the seconds trained. `seed` is the run's.
///
/// # Errors
/// If the file cannot be read, or is of a network with other weights.
pub fn load(layout: Layout, seed: u64, path: &Path, device: Device) -> Result<(State, f64)> {
    let saved = Saved::read(path, device)?;
    let written = Vec::<u8>::try_from(saved.find("contents")?.to_device(Device::Cpu))?;
    if written != contents(&layout).as_bytes() {
        bail!(
            "{} was made for a network or styles other than these: start a new run in another folder",
            path.display()
        );
    }
    let discriminator = if saved.tensors.iter().any(|(name, _)| name.starts_with(JUDGE)) {
        let mut judge = Discriminator::new(seed, device);
        judge.weights = saved.weights(JUDGE)?;
        for (name, direction) in &mut judge.directions {
            *direction = saved.find(&format!("{JUDGE}direction.{name}"))?;
        }
        Some(judge)
    } else {
        None
    };
    let state = State { layout, weights: saved.weights("")?, average: saved.find("average")?, discriminator };
    Ok((state, f64::try_from(saved.find("seconds")?)?))
}

/// Weights and their moments as tensors, their names after `prefix`.
pub(crate) fn parts(prefix: &str, weights: &Weights) -> [(String, Tensor); 4] {
    let Weights { flat, first, second, step } = weights;
    let step = Tensor::from(*step as i64);
    [("weights", flat), ("first", first), ("second", second), ("step", &step)]
        .map(|(name, tensor)| (format!("{prefix}{name}"), tensor.shallow_clone()))
}

/// Writes the tensors of a checkpoint in one go.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn write(tensors: Vec<(String, Tensor)>, path: &Path) -> Result<()> {
    let tensors: Vec<(String, Tensor)> =
        tensors.into_iter().map(|(name, t)| (name, t.detach().to_device(Device::Cpu))).collect();
    replace(path, |part| Ok(Tensor::write_safetensors(&tensors, part)?))
}

/// A checkpoint's tensors, as [`write`] put them there.
pub(crate) struct Saved<'a> {
    tensors: Vec<(String, Tensor)>,
    path: &'a Path,
    device: Device,
}

impl<'a> Saved<'a> {
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn read(path: &'a Path, device: Device) -> Result<Self> {
        let tensors = Tensor::read_safetensors(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { tensors, path, device })
    }

    /// The tensor called `name`.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn find(&self, name: &str) -> Result<Tensor> {
        let found = self.tensors.iter().find(|(n, _)| n == name).map(|(_, t)| t.to_device(self.device));
        found.with_context(|| format!("{} holds no {name}: it is not a checkpoint", self.path.display()))
    }

    /// The [`parts`] of weights.
    ///
    /// # Errors
    /// If one is missing.
    pub(crate) fn weights(&self, prefix: &str) -> Result<Weights> {
        let part = |name: &str| self.find(&format!("{prefix}{name}"));
        let step = i64::try_from(part("step")?)? as u64;
        Ok(Weights { flat: part("weights")?, first: part("first")?, second: part("second")?, step })
    }
}

fn contents(layout: &Layout) -> String {
    layout.slots.iter().map(|slot| format!("{} {:?}\n", slot.name, slot.shape)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{BatchShape, batch, tests::synthetic};
    use crate::feature_extractor::tests::real;
    use crate::losses::LossWeights;
    use crate::run::adversarial_step;
    use crate::run::adversarial_step::Opponent;
    use crate::run::recipe::Recipe;
    use crate::run::step::step;
    use tch::Kind;

    /// Two steps of distillation, then steps against the discriminator, numbered from `steps.start` on.
    fn run(state: &mut State, steps: std::ops::Range<u64>, opponent: &Opponent) {
        let pairs = [synthetic(1), synthetic(2)];
        let shape = BatchShape { samples: 2, side: 32, degrade: true };
        for i in steps {
            let batch = batch(&pairs, &[0, 0], shape, 1, i);
            if i < 2 {
                step(state, &batch, 1e-3, &LossWeights::default(), Kind::Float).unwrap();
                continue;
            }
            state.discriminator.get_or_insert_with(|| Discriminator::new(1, Device::Cpu));
            let art: Vec<Vec<u8>> = batch.iter().map(|half| half.painting.iter().map(|v| 255 - v).collect()).collect();
            adversarial_step::step(state, &batch, &art, opponent, &LossWeights::default(), i as f64 / 8.0, Kind::Float)
                .unwrap();
        }
    }

    #[test]
    fn a_resumed_run_equals_an_uninterrupted_one() {
        let mut recipe = Recipe::parse("").unwrap().adversarial;
        (recipe.head_start, recipe.weights.consistency) = (1, 0.0); // which draws noise
        let opponent = Opponent { recipe, art: Vec::new().into(), features: real(), seen: None };
        let layout = || Layout::light(&["a"]);
        let fresh = || {
            let flat = layout().start(1, Device::Cpu);
            State::new(layout(), flat)
        };
        let mut whole = fresh();
        run(&mut whole, 0..6, &opponent);

        let path = std::env::temp_dir().join(format!("kaiga-resume-{}.safetensors", std::process::id()));
        let mut half = fresh();
        for stop in [1, 4, 6] {
            let done = half.weights.step;
            run(&mut half, done..stop, &opponent);
            save(&half, stop as f64, &path).unwrap();
            let (resumed, seconds) = load(layout(), 1, &path, Device::Cpu).unwrap();
            assert_eq!((resumed.weights.step, seconds), (stop, stop as f64));
            half = resumed;
        }
        assert!(load(Layout::light(&["b"]), 1, &path, Device::Cpu).is_err());
        std::fs::remove_file(&path).unwrap();
        let judges = [&whole, &half].map(|state| &state.discriminator.as_ref().unwrap().weights.flat);
        for [a, b] in [[&whole.weights.flat, &half.weights.flat], [&whole.average, &half.average], judges] {
            let worst = (a - b).abs().max().double_value(&[]);
            assert!(worst < 1e-6, "off by {worst}");
        }
    }
}
