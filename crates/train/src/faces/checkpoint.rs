//! A network of the cascade on disk, from which it goes on learning as if it had never stopped.

use std::path::Path;

use anyhow::{Result, bail};
use tch::Tensor;

use super::learner::Learner;
use crate::model::checkpoint::{Saved, parts, write};

/// Writes the network's state and the seconds it has learnt so far.
///
/// # Errors
/// If the file cannot be written.
pub fn save(learner: &Learner, seconds: f64, path: &Path) -> Result<()> {
    let others = [("average", learner.average.shallow_clone()), ("seconds", Tensor::from(seconds))];
    let others = others.map(|(name, tensor)| (name.to_owned(), tensor));
    write(parts("", &learner.weights).into_iter().chain(others).collect(), path)
}

/// Puts what [`save`] wrote into `learner`; gives the seconds it has learnt.
///
/// # Errors
/// If the file cannot be read, or is of another network.
pub fn load(learner: &mut Learner, path: &Path) -> Result<f64> {
    let saved = Saved::read(path, learner.average.device())?;
    let weights = saved.weights("")?;
    if weights.flat.size() != learner.average.size() {
        bail!("{} was made for another network: start a new run in another folder", path.display());
    }
    learner.weights = weights;
    learner.average = saved.find("average")?;
    Ok(f64::try_from(saved.find("seconds")?)?)
}

#[cfg(test)]
mod tests {
    use kaiga::faces::detector::Stage;
    use tch::{Device, Kind};

    use super::*;
    use crate::faces::sample::{Source, tests::synthetic};

    #[test]
    fn a_resumed_network_equals_an_uninterrupted_one() {
        let source = Source::new(vec![synthetic()]);
        let fresh = || Learner::new(Stage::Propose, 1, Device::Cpu, Kind::Float);
        let learn = |learner: &mut Learner, steps: std::ops::Range<u64>| {
            for step in steps {
                learner.step(&source.batch(Stage::Propose, 16, false, 1, step), 1e-3).unwrap();
            }
        };
        let mut whole = fresh();
        learn(&mut whole, 0..6);
        let path = std::env::temp_dir().join(format!("kaiga-faces-{}.safetensors", std::process::id()));
        let mut half = fresh();
        learn(&mut half, 0..3);
        save(&half, 2.5, &path).unwrap();
        let mut resumed = fresh();
        assert_eq!(load(&mut resumed, &path).unwrap(), 2.5);
        assert!(load(&mut Learner::new(Stage::Refine, 1, Device::Cpu, Kind::Float), &path).is_err());
        std::fs::remove_file(&path).unwrap();
        learn(&mut resumed, 3..6);
        for (a, b) in [(&whole.weights.flat, &resumed.weights.flat), (&whole.average, &resumed.average)] {
            assert!((a - b).abs().max().double_value(&[]) < 1e-6);
        }
    }
}
