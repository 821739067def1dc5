//! One training step: batch in, changed state and losses out. No file, no clock, no printing.

use anyhow::{Result, bail};
use net::light::THUMBNAIL_PX;
use tch::{Device, Kind, Tensor};

use crate::data::Half;
use crate::losses::{LossWeights, losses};
use crate::parameters::Layout;
use crate::twin::{Named, forward};

/// AdamW (Loshchilov, Hutter 2019): first and second decay, weight decay, and the bound of the gradient's norm.
const BETAS: (f64, f64) = (0.9, 0.99);
const WEIGHT_DECAY: f64 = 1e-4;
const EPSILON: f64 = 1e-8;
const CLIP: f64 = 1.0;
/// Most that the running average keeps in a step.
const KEEP: f64 = 0.999;

/// All that changes while training.
#[derive(Debug)]
pub struct State {
    /// What the vectors hold.
    pub layout: Layout,
    /// The weights.
    pub flat: Tensor,
    /// Their running average: what is shown and exported.
    pub average: Tensor,
    /// First moment of the gradient.
    pub first: Tensor,
    /// Second moment of the gradient.
    pub second: Tensor,
    /// Steps taken.
    pub step: u64,
}

/// Numbers of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepLosses {
    /// With weights.
    pub total: f64,
    /// Mean absolute difference of colour.
    pub colour: f64,
    /// Of gradients, with weights.
    pub gradients: f64,
    /// Of Lab a and b.
    pub ab: f64,
    /// Of ink.
    pub ink: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
}

impl State {
    /// The start of a run.
    pub fn new(layout: Layout, seed: u64, device: Device) -> Self {
        let flat = layout.start(seed, device);
        let (average, first, second) = (flat.copy(), flat.zeros_like(), flat.zeros_like());
        Self { layout, flat, average, first, second, step: 0 }
    }
}

/// Paints every half of `batch` in its style, and moves the weights once by their mean loss. Convolutions run in
/// `kind`; `rate` is the learning rate.
///
/// # Errors
/// If the loss or its gradient is not a number: the state is then as it was.
pub fn step(state: &mut State, batch: &[Half], rate: f64, weights: &LossWeights, kind: Kind) -> Result<StepLosses> {
    // A style a thread: at this size libtorch's own threads spend more time meeting each other than computing.
    let layout = &state.layout;
    let parts: Vec<(Tensor, Tensor)> = std::thread::scope(|scope| {
        let threads: Vec<_> = batch
            .iter()
            .map(|half| {
                let flat = state.flat.shallow_clone();
                scope.spawn(move || gradient(layout, flat, half, weights, kind))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("libtorch gave up; its message is above")).collect()
    });
    let (numbers, gradients): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    let mean = |parts: &[Tensor]| Tensor::stack(parts, 0).mean_dim([0i64].as_slice(), false, Kind::Float);
    let (numbers, gradient) = (crate::parameters::plain(&mean(&numbers)).data, mean(&gradients));
    let norm = gradient.norm().double_value(&[]);
    if !norm.is_finite() || numbers.iter().any(|x| !x.is_finite()) {
        bail!(
            "step {}: the loss is {} and its gradient {norm}; the weights were left as they were. Try a lower --rate",
            state.step + 1,
            numbers[0]
        );
    }
    tch::no_grad(|| adamw(state, &(gradient * (CLIP / norm).min(1.0)), rate));
    let [total, colour, gradients, ab, ink] = [0, 1, 2, 3, 4].map(|i| f64::from(numbers[i]));
    Ok(StepLosses { total, colour, gradients, ab, ink, gradient_norm: norm })
}

/// The losses of one half (total, colour, gradients, ab, ink), and the gradient of the total.
fn gradient(layout: &Layout, flat: Tensor, half: &Half, weights: &LossWeights, kind: Kind) -> (Tensor, Tensor) {
    let device = flat.device();
    let leaf = flat.detach().set_requires_grad(true);
    let named = layout.effective(&layout.views(&leaf), &layout.styles[half.style]);
    let shape = [half.count, half.side, half.side];
    let photo = signed(&half.photo, shape, 3, device);
    let thumbnail = signed(&half.thumbnail, [half.count, THUMBNAIL_PX, THUMBNAIL_PX], 3, device);
    let painted = paint(layout, &named, &photo, &thumbnail, kind);
    let painting = signed(&half.painting, shape, 3, device).contiguous();
    let ink = (signed(&half.ink, shape, 1, device).contiguous() + 1.0) * 0.5;
    let l = losses(&painted, &painting, &ink, weights);
    let gradient = Tensor::run_backward(&[&l.total], &[&leaf], false, false).remove(0);
    (Tensor::stack(&[l.total, l.colour, l.gradients, l.ab, l.ink], 0).detach(), gradient)
}

fn adamw(state: &mut State, gradient: &Tensor, rate: f64) {
    state.step += 1;
    let t = state.step as f64;
    let _ = state.first.lerp_(gradient, 1.0 - BETAS.0);
    let _ = state.second.lerp_(&gradient.square(), 1.0 - BETAS.1);
    let scale = (1.0 - BETAS.1.powf(t)).sqrt();
    let update = &state.first / (state.second.sqrt() / scale + EPSILON) * (rate / (1.0 - BETAS.0.powf(t)));
    state.flat = &state.flat * (1.0 - rate * WEIGHT_DECAY) - update;
    let keep = KEEP.min(t / (t + 100.0));
    let _ = state.average.lerp_(&state.flat, 1.0 - keep);
}

/// Eye, then drawer: RGB −1..1 and its thumbnail → what [`net::Op::Paint`] makes.
pub fn paint(layout: &Layout, weights: &Named, photo: &Tensor, thumbnail: &Tensor, kind: Kind) -> Tensor {
    let modulation = forward(&layout.archs[0], &[thumbnail], weights, kind).remove(0);
    forward(&layout.archs[1], &[photo, &modulation], weights, kind).remove(0)
}

/// 8-bit samples N×H×W×C → −1..1, N×C×H×W; in memory the channels stay innermost, as the convolutions like it.
pub fn signed(samples: &[u8], [count, height, width]: [usize; 3], channels: usize, device: Device) -> Tensor {
    let shape = [count as i64, height as i64, width as i64, channels as i64];
    let samples = Tensor::from_slice(samples).to_device(device).view(shape).permute([0, 3, 1, 2]);
    samples.to_kind(Kind::Float) / 127.5 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{BatchShape, batch, tests::synthetic};

    #[test]
    fn twenty_steps_lower_the_loss() {
        let pairs = [synthetic(1), synthetic(2)];
        let shape = BatchShape { per_style: 2, side: 48, degrade: false };
        let mut state = State::new(Layout::light(&["a", "b"]), 1, Device::Cpu);
        let mut totals = vec![];
        for i in 0..20 {
            let batch = batch(&pairs, 2, shape, 1, i);
            totals.push(step(&mut state, &batch, 2e-3, &LossWeights::default(), Kind::Float).unwrap().total);
        }
        let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
        assert!(mean(&totals[15..]) < 0.7 * mean(&totals[..5]), "{totals:?}");
    }

    #[test]
    fn an_untrained_network_paints_the_photo_softened() {
        // Equal dab weights, no gain, no chroma change: between the pixel and the mean around it.
        let layout = Layout::light(&["a"]);
        let state = State::new(layout, 3, Device::Cpu);
        let named = state.layout.effective(&state.layout.views(&state.flat), "a");
        let photo = Tensor::ones([1, 3, 32, 32], (Kind::Float, Device::Cpu)) * 0.4;
        let thumbnail = Tensor::zeros([1, 3, 128, 128], (Kind::Float, Device::Cpu));
        let painted = paint(&state.layout, &named, &photo, &thumbnail, Kind::Float);
        let chroma = painted.narrow(1, 1, 2).abs().max().double_value(&[]);
        let ink = painted.narrow(1, 3, 1).max().double_value(&[]);
        assert!(chroma < 1e-5 && ink < 0.2, "chroma {chroma}, ink {ink}");
    }

    #[test]
    fn bad_numbers_stop_and_change_nothing() {
        let mut state = State::new(Layout::light(&["a"]), 3, Device::Cpu);
        state.flat = &state.flat * f64::NAN;
        let batch = batch(&[synthetic(1)], 1, BatchShape { per_style: 1, side: 32, degrade: false }, 1, 1);
        assert!(step(&mut state, &batch, 1e-3, &LossWeights::default(), Kind::Float).is_err());
        assert_eq!(state.step, 0);
    }
}
