//! How near the network is to the painter on pictures it never learns from.

use tch::{Device, Kind, Tensor};

use crate::data::{Half, Pair, middle};
use crate::losses::{gradients, inked, rgb_from_ycc};
use crate::model::parameters::Layout;
use crate::run::step::{paint, signed};
use net::light::THUMBNAIL_PX;

/// Longest side that is scored, px: the middle of each picture.
const MOST_PX: usize = 448;

/// Nearness to the painter, mean over pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Peak signal-to-noise ratio in RGB, dB.
    pub psnr_db: f64,
    /// Cosine of all one-pixel gradients in RGB.
    pub gradients: f64,
    /// Mean absolute difference of the ink, 0..1.
    pub ink: f64,
}

/// The middle of a picture as the network paints it.
pub struct Sample {
    /// What was painted, and from what.
    pub half: Half,
    /// Width and height, px.
    pub size: [usize; 2],
    /// RGB −1..1, 1×3×H×W, clamped.
    pub painted: Tensor,
    /// 0..1, 1×1×H×W.
    pub ink: Tensor,
}

/// Paints the middle of `pair` in style number `style` with the weights `flat`, in f32.
pub fn sample(layout: &Layout, flat: &Tensor, pair: &Pair, style: usize) -> Sample {
    let (half, size) = middle(pair, style, MOST_PX);
    let device = flat.device();
    let (painted, ink) = tch::no_grad(|| {
        let named = layout.effective(&layout.views(flat), &layout.styles[style]);
        let photo = signed(&half.photo, [1, size[1], size[0]], 3, device);
        let thumbnail = signed(&half.thumbnail, [1, THUMBNAIL_PX, THUMBNAIL_PX], 3, device);
        let map = paint(&layout.archs, &named, &photo, &thumbnail, Kind::Float);
        (rgb_from_ycc(&inked(&map)).clamp(-1.0, 1.0), map.narrow(1, 3, 1))
    });
    Sample { half, size, painted, ink }
}

/// The mean score of `style` over `pairs`.
pub fn score(layout: &Layout, flat: &Tensor, pairs: &[Pair], style: usize) -> Score {
    let mut sum = Score::default();
    for pair in pairs {
        let Sample { half, size: [width, height], painted, ink } = sample(layout, flat, pair, style);
        let device = flat.device();
        let painting = signed(&half.painting, [1, height, width], 3, device);
        let mean_square = ((&painted - &painting) / 2.0).square().mean(Kind::Float).double_value(&[]);
        sum.psnr_db += -10.0 * mean_square.max(1e-10).log10();
        sum.gradients += cosine(&painted, &painting);
        let inked = (signed(&half.ink, [1, height, width], 1, device) + 1.0) * 0.5;
        sum.ink += (ink - inked).abs().mean(Kind::Float).double_value(&[]);
    }
    let n = pairs.len().max(1) as f64;
    Score { psnr_db: sum.psnr_db / n, gradients: sum.gradients / n, ink: sum.ink / n }
}

fn cosine(a: &Tensor, b: &Tensor) -> f64 {
    let flat = |x: &Tensor| Tensor::cat(&gradients(&x.contiguous()).map(|g| g.flatten(0, -1)), 0);
    let (a, b) = (flat(a), flat(b));
    let dot = |a: &Tensor, b: &Tensor| (a * b).sum(Kind::Double).double_value(&[]);
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt().max(1e-12)
}

/// RGB −1..1, 1×3×H×W → 8-bit interleaved samples.
pub fn bytes(rgb: &Tensor) -> Vec<u8> {
    let samples = ((rgb.to_device(Device::Cpu) + 1.0) * 127.5).round().clamp(0.0, 255.0).to_kind(Kind::Uint8);
    let samples = samples.permute([0, 2, 3, 1]).contiguous().view([-1]);
    let mut bytes = vec![0u8; samples.numel()];
    samples.copy_data(&mut bytes, samples.numel());
    bytes
}
