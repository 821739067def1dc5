//! Where a picture is rough and where it is smooth, and the light in what is rough: the lit and the shaded sides of leaves.

use crate::Image;
use crate::blur::{gaussian, gaussian_wide, sobel};
use crate::guided::guided_fast;
use crate::image::zip;
use crate::lines::structure;
use crate::space::{Gray, Srgb, luma_from_srgb};
use crate::warp::smooth_step;

/// Size (sigma, px) of the dabs that lie in the light, and of the masses in the shade, and where they begin: standard deviations
/// from the mean of the neighbourhood.
const DAB: (f32, f32) = (1.8, 0.45);
const MASS: (f32, f32) = (4.0, -0.22);
/// Sigma of that neighbourhood, px.
const NEIGHBOURHOOD_PX: f32 = 14.0;

/// 0..1 where contrast of a luma 0..1 is fine and has no direction: leaves, gravel, grass. Made for pictures of 0.3–0.5 Mpx.
pub fn fine(luma: &Image<Gray>) -> Image<Gray> {
    let near = gaussian(luma, 2.0);
    let fine = zip::<Gray>(luma, |i| (luma.pixels()[i] - near.pixels()[i]).abs());
    let (energy, coherence) = (gaussian_wide(&fine, 6.7), gaussian(&structure(luma, 3.0).coherence, 3.0));
    // As many rough pixels as there are inside: energy alone is high beside any strong border.
    let density = gaussian(&gaussian(&fine, 1.5).map::<Gray>(|v| smooth_step(0.005, 0.014, v)), 4.0);
    zip::<Gray>(luma, |i| {
        smooth_step(0.014, 0.028, energy.pixels()[i])
            * smooth_step(0.75, 0.4, coherence.pixels()[i])
            * smooth_step(0.5, 0.8, density.pixels()[i])
    })
}

/// 0..1 where a luma 0..1 has neither texture nor edges: skies, still water, cheeks.
pub fn smooth_areas(luma: &Image<Gray>) -> Image<Gray> {
    let near = gaussian(luma, 2.0);
    let fine = gaussian(&zip::<Gray>(luma, |i| (luma.pixels()[i] - near.pixels()[i]).powi(2)), 4.0);
    let (dx, dy) = sobel(&gaussian(luma, 3.0));
    let slope = gaussian(&zip::<Gray>(luma, |i| 0.5 * dx.pixels()[i].hypot(dy.pixels()[i])), 3.0);
    gaussian(
        &zip::<Gray>(luma, |i| {
            let untextured = ((0.014 - fine.pixels()[i].sqrt()) / 0.007).clamp(0.0, 1.0);
            untextured * ((0.012 - slope.pixels()[i]) / 0.006).clamp(0.0, 1.0)
        }),
        2.0,
    )
}

/// What is `fine` up to the borders of the photo, sRGB 0..1: what shows between leaves and beside them is no leaf.
pub fn up_to_borders(photo: &Image<Srgb>, fine: &Image<Gray>) -> Image<Gray> {
    guided_fast(photo, fine, 8, 2e-3, 2).map::<Gray>(|v| smooth_step(0.4, 0.8, v))
}

/// A colour, sRGB 0..1, in so much light that its luma is `tone`, within bounds.
pub fn in_light(colour: [f32; 3], tone: f32) -> [f32; 3] {
    let light = (tone.max(0.01) / luma_from_srgb(colour).max(0.01)).clamp(0.4, 2.2);
    let [r, g, b] = colour;
    [(r * light).min(1.0), (g * light).min(1.0), (b * light).min(1.0)]
}

/// The light in what is rough.
pub struct Clumps {
    /// The lit (1), middle (0) or shaded (−1) side, with steep borders between them.
    pub side: Image<Gray>,
    /// Mean luma of the neighbourhood.
    pub around: Image<Gray>,
    /// Standard deviation of luma in the neighbourhood.
    pub spread: Image<Gray>,
}

/// Three tones of a luma 0..1: broad masses in the shade, small dabs in the light, the rest in between.
pub fn clumps(luma: &Image<Gray>, rough: &Within) -> Clumps {
    let (around, spread) = rough.mean_and_spread(luma);
    let above = |(sigma_px, threshold): (f32, f32)| {
        let near = gaussian(luma, sigma_px);
        zip::<Gray>(luma, |i| {
            let away = (near.pixels()[i] - around.pixels()[i]) / (spread.pixels()[i] + 0.004);
            0.5 + 0.5 * (12.0 * (away - threshold)).tanh()
        })
    };
    let (dabs, unshaded) = (above(DAB), above(MASS));
    let side = zip::<Gray>(luma, |i| {
        let (dab, unshaded) = (dabs.pixels()[i], unshaded.pixels()[i]);
        dab - (1.0 - dab) * (1.0 - unshaded)
    });
    Clumps { side, around, spread }
}

/// Means of neighbourhoods in which a pixel counts as far as it is part of something, 0..1: a sky is no light on the leaves
/// before it.
pub struct Within {
    part: Image<Gray>,
    total: Image<Gray>,
}

impl Within {
    /// Of what each pixel is part of, 0..1.
    pub fn new(part: &Image<Gray>) -> Self {
        let part = part.map::<Gray>(|v| v + 0.01);
        let total = gaussian_wide(&part, NEIGHBOURHOOD_PX);
        Self { part, total }
    }

    /// Mean of the values around every pixel.
    pub fn mean(&self, values: &Image<Gray>) -> Image<Gray> {
        let sum = gaussian_wide(&zip::<Gray>(values, |i| values.pixels()[i] * self.part.pixels()[i]), NEIGHBOURHOOD_PX);
        zip::<Gray>(values, |i| sum.pixels()[i] / self.total.pixels()[i])
    }

    /// Mean and standard deviation of the values around every pixel.
    pub fn mean_and_spread(&self, values: &Image<Gray>) -> (Image<Gray>, Image<Gray>) {
        let mean = self.mean(values);
        let squared = zip::<Gray>(values, |i| (values.pixels()[i] - mean.pixels()[i]).powi(2));
        let spread = self.mean(&squared).map::<Gray>(f32::sqrt);
        (mean, spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaves before a bright sky: a checkerboard to the left of x = 60.
    #[test]
    fn texture_ends_where_leaves_end() {
        let leaf = |x: usize, y: usize| if x >= 60 { 0.8 } else { 0.3 + 0.1 * ((x / 2 + y / 2) % 2) as f32 };
        let fine = fine(&Image::<Gray>::from_fn(120, 60, leaf));
        assert!(fine.at(40, 30) > 0.95 && fine.at(66, 30) < 0.05, "{} {}", fine.at(40, 30), fine.at(66, 30));
    }

    #[test]
    fn a_gradient_is_smooth_and_an_edge_is_not() {
        let sky = |x: usize, _| if x >= 60 { 0.8 } else { 0.3 + 0.001 * x as f32 };
        let smooth = smooth_areas(&Image::<Gray>::from_fn(120, 60, sky));
        assert!(smooth.at(30, 30) > 0.95 && smooth.at(60, 30) < 0.05, "{} {}", smooth.at(30, 30), smooth.at(60, 30));
    }

    #[test]
    fn a_neighbour_that_does_not_count_changes_no_mean() {
        let values = Image::<Gray>::from_fn(60, 8, |x, _| if x < 30 { 0.2 } else { 0.9 });
        let leaves = values.map::<Gray>(|v| f32::from(v < 0.5));
        assert!((Within::new(&leaves).mean(&values).at(24, 4) - 0.2).abs() < 0.02);
    }
}
