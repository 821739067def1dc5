//! Where the sky is.

use super::luma;
use crate::blur;
use crate::components::from_above;
use crate::image::Image;
use crate::space::{Gray, Srgb8, lab_from_srgb8};

/// Least share of a picture that passes for a sky, 0..1.
const LEAST_SHARE: f64 = 0.02;

/// 1 where a photo shows blue sky, else 0: pixels that are blue (L* over 30, chroma over 10, hue 200°–300° from +a*
/// towards +b*) and smooth (luma, after a Gaussian of 2 px, changes by under 1.5 levels of 255 per px), in parts that
/// reach the upper border and are 2 % of the picture or more. Grey skies and sunsets are none; water below a horizon
/// does not count.
pub fn sky_mask(picture: &Image<Srgb8>) -> Image<Gray> {
    let (dx, dy) = blur::sobel(&blur::gaussian(&luma(picture), 2.0));
    let slopes = dx.pixels().iter().zip(dy.pixels()).map(|(dx, dy)| dx.hypot(*dy) / 2.0);
    let is_blue = |pixel: [u8; 3]| {
        let [l, a, b] = lab_from_srgb8(pixel);
        l > 30.0 && a.hypot(b) > 10.0 && (200.0..300.0).contains(&b.atan2(a).to_degrees().rem_euclid(360.0))
    };
    let candidates = slopes.zip(picture.pixels()).map(|(slope, &pixel)| slope < 1.5 / 255.0 && is_blue(pixel));
    from_above(&candidates.collect::<Vec<_>>(), picture.width(), LEAST_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sky_is_above_blue_and_smooth() {
        let photo = Image::<Srgb8>::from_fn(80, 60, |x, y| match (x, y) {
            (0..40, 0..30) => [110, 160, 220 - y as u8], // sky
            (40..80, 0..30) => [60, 60, if (x / 2 + y / 2) % 2 == 0 { 90 } else { 220 }], // blue tiles
            (_, 30..36) => [90, 120, 60],                // a shore
            _ => [100, 150, 200],                        // water
        });
        let mask = sky_mask(&photo);
        assert_eq!((mask.at(10, 5), mask.at(60, 5), mask.at(40, 32), mask.at(40, 50)), (1.0, 0.0, 0.0, 0.0));
        let share = mask.pixels().iter().sum::<f32>() / 4800.0;
        assert!((0.18..0.25).contains(&share), "{share}");
        let grey = Image::<Srgb8>::filled(80, 60, [190, 190, 195]);
        assert!(sky_mask(&grey).pixels().iter().all(|&sky| sky == 0.0));
    }
}
