//! A run's state on disk, from which it goes on as if it had never stopped.

use std::path::Path;

use anyhow::{Context, Result, bail};
use tch::{Device, Tensor};

use crate::file::replace;
use crate::parameters::Layout;
use crate::step::State;

/// Writes the state and the seconds trained so far.
///
/// # Errors
/// If the file cannot be written.
pub fn save(state: &State, seconds: f64, path: &Path) -> Result<()> {
    let clock = Tensor::from_slice(&[state.step as f64, seconds]);
    let contents = Tensor::from_slice(contents(&state.layout).as_bytes());
    let host = |t: &Tensor| t.detach().to_device(Device::Cpu);
    let tensors = [
        ("weights", host(&state.flat)),
        ("average", host(&state.average)),
        ("first", host(&state.first)),
        ("second", host(&state.second)),
        ("clock", clock),
        ("contents", contents),
    ];
    replace(path, |part| Ok(Tensor::write_safetensors(&tensors, part)?))
}

/// Reads what [`save`] wrote: the state and the seconds trained.
///
/// # Errors
/// If the file cannot be read, or is of a network with other weights.
pub fn load(layout: Layout, path: &Path, device: Device) -> Result<(State, f64)> {
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
    let clock = Vec::<f64>::try_from(find("clock")?.to_device(Device::Cpu))?;
    let state = State {
        layout,
        flat: find("weights")?,
        average: find("average")?,
        first: find("first")?,
        second: find("second")?,
        step: clock[0] as u64,
    };
    Ok((state, clock[1]))
}

fn contents(layout: &Layout) -> String {
    layout.slots.iter().map(|slot| format!("{} {:?}\n", slot.name, slot.shape)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{BatchShape, batch, tests::synthetic};
    use crate::losses::LossWeights;
    use crate::step::step;
    use tch::Kind;

    #[test]
    fn a_resumed_run_equals_an_uninterrupted_one() {
        let pairs = [synthetic(1), synthetic(2)];
        let shape = BatchShape { per_style: 1, side: 32, degrade: true };
        let run = |state: &mut State, steps: std::ops::Range<u64>| {
            for i in steps {
                step(state, &batch(&pairs, 2, shape, 1, i), 1e-3, &LossWeights::default(), Kind::Float).unwrap();
            }
        };
        let layout = || Layout::light(&["a", "b"]);
        let mut whole = State::new(layout(), 1, Device::Cpu);
        run(&mut whole, 0..4);

        let mut half = State::new(layout(), 1, Device::Cpu);
        run(&mut half, 0..2);
        let path = std::env::temp_dir().join(format!("kaiga-resume-{}.safetensors", std::process::id()));
        save(&half, 12.5, &path).unwrap();
        let (mut resumed, seconds) = load(layout(), &path, Device::Cpu).unwrap();
        assert!(load(Layout::light(&["a"]), &path, Device::Cpu).is_err());
        std::fs::remove_file(&path).unwrap();
        assert_eq!((resumed.step, seconds), (2, 12.5));
        run(&mut resumed, 2..4);
        for (a, b) in [(&whole.flat, &resumed.flat), (&whole.average, &resumed.average)] {
            let worst = (a - b).abs().max().double_value(&[]);
            assert!(worst < 1e-6, "off by {worst}");
        }
    }
}
