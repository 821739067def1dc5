//! Whether pictures are painted or photographed: a line drawn in the space of perceptual features between photos and
//! the painter's paintings of the same photos, which differ in nothing else.

use pixels::Image;
use pixels::space::Srgb8;
use tch::{Device, Kind, Tensor};

use crate::feature_extractor::Features;

/// Side of the crop that is looked at, px: the middle of a picture.
const CROP_PX: usize = 224;
/// Ridge of the regression, in mean squares of a feature vector.
const RIDGE: f64 = 0.1;

/// Tells paintings from photos.
pub struct PaintedProbe<'a> {
    features: &'a Features,
    mean: Tensor,
    normal: Tensor,
}

impl<'a> PaintedProbe<'a> {
    /// Learns from photos and paintings, some dozens of each (ridge regression on ±1, in its dual form).
    pub fn new(features: &'a Features, photos: &[Image<Srgb8>], paintings: &[Image<Srgb8>]) -> Self {
        tch::no_grad(|| {
            let rows: Vec<Tensor> = photos.iter().chain(paintings).map(|picture| vector(features, picture)).collect();
            let rows = Tensor::cat(&rows, 0).to_kind(Kind::Double);
            let mean = rows.mean_dim([0i64].as_slice(), true, Kind::Double);
            let centred = rows - &mean;
            let wanted = [vec![-1.0f64; photos.len()], vec![1.0; paintings.len()]].concat();
            let wanted = Tensor::from_slice(&wanted).to_device(mean.device());
            let gram = centred.matmul(&centred.tr());
            let ridge = gram.trace() / wanted.numel() as f64 * RIDGE;
            let gram = gram + Tensor::eye(wanted.numel() as i64, (Kind::Double, mean.device())) * ridge;
            let weights = Tensor::linalg_solve(&gram, &wanted.unsqueeze(1), true);
            Self { features, normal: centred.tr().matmul(&weights), mean }
        })
    }

    /// How painted `picture` looks: about −1 for photos, 1 for paintings.
    pub fn judge(&self, picture: &Image<Srgb8>) -> f64 {
        let vector = vector(self.features, picture).to_kind(Kind::Double);
        (vector - &self.mean).matmul(&self.normal).double_value(&[0, 0])
    }
}

fn vector(features: &Features, picture: &Image<Srgb8>) -> Tensor {
    let [w, h] = [picture.width(), picture.height()].map(|side| side.min(CROP_PX));
    let middle = picture.crop((picture.width() - w) / 2, (picture.height() - h) / 2, w, h);
    let samples = middle.pixels().as_flattened();
    features.vector(&crate::run::step::signed(samples, [1, h, w], 3, Device::Cpu).to_device(features.device()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature_extractor::tests::real;

    #[test]
    fn flat_pictures_with_lines_are_told_from_noisy_ones() {
        let features = real();
        let picture = |seed: u64, grain: f32| {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (fx, fy, level) = (rng.f32() * 0.1, rng.f32() * 0.1, 60.0 + 120.0 * rng.f32());
            Image::<Srgb8>::from_fn(CROP_PX, CROP_PX, |x, y| {
                let fill = ((x as f32 * fx).sin() + (y as f32 * fy).cos()).round() * 30.0 + level;
                [0, 20, 40].map(|c| (fill + c as f32 + grain * (rng.f32() - 0.5)).clamp(0.0, 255.0) as u8)
            })
        };
        let some = |seeds: std::ops::Range<u64>, grain| seeds.map(|seed| picture(seed, grain)).collect::<Vec<_>>();
        let probe = PaintedProbe::new(&features, &some(0..8, 60.0), &some(0..8, 0.0));
        for seed in 20..24 {
            assert!(probe.judge(&picture(seed, 60.0)) < 0.0 && probe.judge(&picture(seed, 0.0)) > 0.0, "seed {seed}");
        }
    }
}
