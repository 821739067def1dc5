//! A run's state on disk, from which it goes on as if it had never stopped.

use std::path::Path;

use anyhow::{Context, Result, bail};
use tch::{Device, Tensor};

use crate::discriminator::Discriminator;
use crate::file::replace;
use crate::optimiser::Weights;
use crate::parameters::Layout;
use crate::step::State;

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
    let mut add = |prefix: &str, weights: &Weights| {
        let parts = [("weights", &weights.flat), ("first", &weights.first), ("second", &weights.second)];
        tensors.extend(parts.map(|(name, tensor)| (format!("{prefix}{name}"), tensor.shallow_clone())));
        tensors.push((format!("{prefix}step"), Tensor::from(weights.step as i64)));
    };
    add("", &state.weights);
    if let Some(judge) = &state.discriminator {
        add(JUDGE, &judge.weights);
        let directions = judge.directions.iter();
        tensors.extend(directions.map(|(name, t)| (format!("{JUDGE}direction.{name}"), t.shallow_clone())));
    }
    let tensors: Vec<(String, Tensor)> =
        tensors.into_iter().map(|(name, t)| (name, t.detach().to_device(Device::Cpu))).collect();
    replace(path, |part| Ok(Tensor::write_safetensors(&tensors, part)?))
}

/// Reads what [`save`] wrote: the state and the seconds trained. `seed` is the run's.
///
/// # Errors
/// If the file cannot be read, or is of a network with other weights.
pub fn load(layout: Layout, seed: u64, path: &Path, device: Device) -> Result<(State, f64)> {
    let tensors = Tensor::read_safetensors(path).with_context(|| format!("cannot read {}", path.display()))?;
    let find = |name: &str| {
        let found = tensors.iter().find(|(n, _)| n == name).map(|(_, t)| t.to_device(device));
        found.with_context(|| format!("{} holds no {name}: it is not a checkpoint", path.display()))
    };
    let written = Vec::<u8>::try_from(find("contents")?.to_device(Device::Cpu))?;
    if written != contents(&layout).as_bytes() {
        bail!(
            "{} was made for a network or styles other than these: start a new run in another folder",
            path.display()
        );
    }
    let weights = |prefix: &str| -> Result<Weights> {
        let part = |name: &str| find(&format!("{prefix}{name}"));
        let step = i64::try_from(part("step")?)? as u64;
        Ok(Weights { flat: part("weights")?, first: part("first")?, second: part("second")?, step })
    };
    let discriminator = if tensors.iter().any(|(name, _)| name.starts_with(JUDGE)) {
        let mut judge = Discriminator::new(seed, device);
        judge.weights = weights(JUDGE)?;
        for (name, direction) in &mut judge.directions {
            *direction = find(&format!("{JUDGE}direction.{name}"))?;
        }
        Some(judge)
    } else {
        None
    };
    let state = State { layout, weights: weights("")?, average: find("average")?, discriminator };
    Ok((state, f64::try_from(find("seconds")?)?))
}

fn contents(layout: &Layout) -> String {
    layout.slots.iter().map(|slot| format!("{} {:?}\n", slot.name, slot.shape)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{BatchShape, batch, tests::synthetic};
    use crate::duel;
    use crate::features::tests::real;
    use crate::losses::LossWeights;
    use crate::recipe::Recipe;
    use crate::run::Opponent;
    use crate::step::step;
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
            duel::step(state, &batch, &art, opponent, &LossWeights::default(), i as f64 / 8.0, Kind::Float).unwrap();
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
