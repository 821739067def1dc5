//! A network that learns from nothing, with the running average of its weights: the face detector's and those of
//! landmarks.

use std::path::Path;

use anyhow::{Context, Result, bail};
use net::{Arch, Weights as Plain};
use tch::{Device, Kind, Tensor};

use crate::model::checkpoint::{Saved, parts, write};
use crate::model::optimiser::{Adam, Weights};
use crate::model::parameters::{Slot, convolutions, plain, views};
use crate::model::torch_model::forward;
use crate::run::step::Numbers;

/// What a network's state is called in the folder of its run.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// Most that the running average keeps in a step.
const KEEP: f64 = 0.998;
/// Heads start quiet.
const HEAD_SCALE: f32 = 0.1;

/// A network, its weights and all that changes with them.
pub struct Trainable {
    /// The network.
    pub arch: Arch,
    slots: Vec<Slot>,
    /// The weights as they are trained.
    pub weights: Weights,
    /// Their running average: what is shown and exported.
    pub average: Tensor,
    /// What convolutions compute in.
    kind: Kind,
}

impl Trainable {
    /// A network that knows nothing yet, the same for the same `seed`. Weights start as He et al. 2015 say.
    pub fn new(arch: Arch, seed: u64, device: Device, kind: Kind) -> Self {
        let heads: Vec<String> = arch.outputs.iter().map(|(name, _)| format!(".{name}")).collect();
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut slots, mut flat) = (Vec::new(), Vec::<f32>::new());
        for conv in convolutions(std::slice::from_ref(&arch)) {
            let scale = if heads.iter().any(|head| conv.name.ends_with(head)) { HEAD_SCALE } else { 1.0 };
            let bound = scale * (6.0 / conv.fan_in() as f32).sqrt();
            for slot in conv.slots("") {
                let count = slot.shape.iter().product::<i64>() as usize;
                let bound = if slot.shape.len() == 4 { bound } else { 0.0 };
                flat.extend((0..count).map(|_| (rng.f32() * 2.0 - 1.0) * bound));
                slots.push(slot);
            }
        }
        let flat = Tensor::from_slice(&flat).to_device(device);
        Self { arch, slots, average: flat.copy(), weights: Weights::new(flat), kind }
    }

    /// The averaged weights as plain numbers, by name.
    pub fn plain(&self) -> Plain {
        let average = self.average.to_device(Device::Cpu);
        views(&self.slots, &average).into_iter().map(|(name, tensor)| (name, plain(&tensor))).collect()
    }

    /// What the network with the weights `flat` says of square crops of `side` px, N×H×W×3 RGB −1..1: each output N×C.
    pub fn see(&self, flat: &Tensor, side: usize, pixels: &[f32]) -> Vec<Tensor> {
        let side = side as i64;
        let pixels = Tensor::from_slice(pixels).view([-1, side, side, 3]).permute([0, 3, 1, 2]);
        let named = views(&self.slots, flat);
        let outputs = forward(&self.arch, &[&pixels.contiguous().to_device(flat.device())], &named, self.kind);
        outputs.iter().map(|output| output.flatten(1, -1).to_kind(Kind::Float)).collect()
    }

    /// The weights as a tensor by which a loss can be differentiated.
    pub fn leaf(&self) -> Tensor {
        self.weights.flat.detach().set_requires_grad(true)
    }

    /// Moves the weights once against the gradient of `total`, which was computed from `leaf`; gives `losses` as numbers.
    ///
    /// # Errors
    /// If a loss or the gradient is not a number: the weights are then as they were.
    pub fn step(
        &mut self,
        leaf: &Tensor,
        total: &Tensor,
        losses: Vec<(&'static str, Tensor)>,
        (rate, adam): (f64, &Adam),
    ) -> Result<Numbers> {
        let total_number = ("total", total.double_value(&[]));
        let others = losses.iter().map(|(name, x)| (*name, x.double_value(&[])));
        let numbers = Numbers(std::iter::once(total_number).chain(others).collect());
        let gradient = Tensor::run_backward(&[total], &[leaf], false, false).remove(0);
        let norm = match numbers.0.iter().find(|(_, x)| !x.is_finite()) {
            Some((name, x)) => bail!("the loss `{name}` is {x}: try a lower learning rate"),
            None => self.weights.step(&gradient, rate, adam),
        };
        if !norm.is_finite() {
            bail!("the gradient is {norm}: try a lower learning rate");
        }
        let t = self.weights.step as f64;
        let _ = tch::no_grad(|| self.average.lerp_(&self.weights.flat, 1.0 - KEEP.min(t / (t + 50.0))));
        Ok(numbers)
    }

    /// Makes the folder of the network `name` in that of a run, `out`, and goes on from the checkpoint there if `resume` says
    /// so; gives the seconds it has learnt.
    ///
    /// # Errors
    /// If the folder cannot be made, the checkpoint is of another network, or there is one and the run is to be a new one.
    pub fn begin(&mut self, out: &Path, name: &str, resume: bool) -> Result<f64> {
        let folder = out.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = folder.join(CHECKPOINT);
        match (resume, path.exists()) {
            (true, true) => self.load(&path),
            (false, true) => bail!("{} holds a run already: go on with --resume, or name another --out", out.display()),
            _ => Ok(0.0),
        }
    }

    /// Writes the network's state and the seconds it has learnt so far, from which it goes on as if it had never stopped.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, seconds: f64, path: &Path) -> Result<()> {
        let others = [("average", self.average.shallow_clone()), ("seconds", Tensor::from(seconds))];
        let others = others.map(|(name, tensor)| (name.to_owned(), tensor));
        write(parts("", &self.weights).into_iter().chain(others).collect(), path)
    }

    /// Takes over what [`Trainable::save`] wrote; gives the seconds it has learnt.
    ///
    /// # Errors
    /// If the file cannot be read, or is of another network.
    pub fn load(&mut self, path: &Path) -> Result<f64> {
        let saved = Saved::read(path, self.average.device())?;
        let weights = saved.weights("")?;
        if weights.flat.size() != self.average.size() {
            bail!("{} was made for another network: start a new run in another folder", path.display());
        }
        self.weights = weights;
        self.average = saved.find("average")?;
        Ok(f64::try_from(saved.find("seconds")?)?)
    }
}
