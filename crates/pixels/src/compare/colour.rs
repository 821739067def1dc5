//! Figures of colour.

use super::{same_size, sum_of_rows};
use crate::image::Image;
use crate::space::{Gray, Srgb8, lab_from_srgb8};

/// Colour difference CIEDE2000 of two L*a*b* colours (Sharma, Wu, Dalal 2005; kL = kC = kH = 1). About 1 is just
/// noticeable side by side.
pub fn ciede2000(a: [f32; 3], b: [f32; 3]) -> f64 {
    let ([l1, a1, b1], [l2, a2, b2]) = (a.map(f64::from), b.map(f64::from));
    let seventh = |chroma: f64| (chroma.powi(7) / (chroma.powi(7) + 25f64.powi(7))).sqrt();
    let stretch = 1.5 - 0.5 * seventh((a1.hypot(b1) + a2.hypot(b2)) / 2.0);
    let (a1, a2) = (a1 * stretch, a2 * stretch);
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let hue = |a: f64, b: f64| if a == 0.0 && b == 0.0 { 0.0 } else { b.atan2(a).to_degrees().rem_euclid(360.0) };
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));

    let grey = c1 * c2 == 0.0;
    let turn = match h2 - h1 {
        _ if grey => 0.0,
        turn if turn > 180.0 => turn - 360.0,
        turn if turn < -180.0 => turn + 360.0,
        turn => turn,
    };
    let (dl, dc, dh) = (l2 - l1, c2 - c1, 2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin());

    let (l, c) = ((l1 + l2) / 2.0, (c1 + c2) / 2.0);
    let h = match h1 + h2 {
        sum if grey => sum,
        sum if (h1 - h2).abs() <= 180.0 => sum / 2.0,
        sum if sum < 360.0 => (sum + 360.0) / 2.0,
        sum => (sum - 360.0) / 2.0,
    };
    let cosine = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cosine(h - 30.0) + 0.24 * cosine(2.0 * h) + 0.32 * cosine(3.0 * h + 6.0)
        - 0.20 * cosine(4.0 * h - 63.0);
    let from_50 = (l - 50.0).powi(2);
    let sl = 1.0 + 0.015 * from_50 / (20.0 + from_50).sqrt();
    let (sc, sh) = (1.0 + 0.045 * c, 1.0 + 0.015 * c * t);
    let rotation = -2.0 * seventh(c) * (60.0 * (-((h - 275.0) / 25.0).powi(2)).exp()).to_radians().sin();
    let (l, c, h) = (dl / sl, dc / sc, dh / sh);
    (l * l + c * c + h * h + rotation * c * h).sqrt()
}

/// Mean CIEDE2000 difference of the pixels of two pictures.
///
/// # Panics
/// If the sizes differ.
pub fn mean_ciede2000(a: &Image<Srgb8>, b: &Image<Srgb8>) -> f64 {
    same_size(a, b);
    let sum = sum_of_rows(a.height(), |y| {
        let pairs = a.row(y).iter().zip(b.row(y));
        [pairs.map(|(&a, &b)| ciede2000(lab_from_srgb8(a), lab_from_srgb8(b))).sum()]
    });
    sum[0] / (a.width() * a.height()).max(1) as f64
}

/// Mean absolute difference of a* and b* (CIE L*a*b*, D65) of the pixels of two pictures: the distance in colour alone,
/// as the Lab loss of DTGAN (Liu et al. 2024) has it.
///
/// # Panics
/// If the sizes differ.
pub fn mean_ab_difference(a: &Image<Srgb8>, b: &Image<Srgb8>) -> f64 {
    same_size(a, b);
    let sum = sum_of_rows(a.height(), |y| {
        let pairs = a.row(y).iter().zip(b.row(y)).map(|(&a, &b)| (lab_from_srgb8(a), lab_from_srgb8(b)));
        [pairs.map(|(a, b)| f64::from((a[1] - b[1]).abs()) + f64::from((a[2] - b[2]).abs())).sum()]
    });
    sum[0] / (2 * a.width() * a.height()).max(1) as f64
}

/// Colourfulness M of Hasler and Süsstrunk (2003), from 8-bit sRGB: 0 grey, about 33 moderately, 59 quite and 109
/// extremely colourful.
pub fn colourfulness(picture: &Image<Srgb8>) -> f64 {
    let count = (picture.width() * picture.height()).max(1) as f64;
    let [rg, yb, rg_squares, yb_squares] = sum_of_rows(picture.height(), |y| {
        let mut sums = [0i64; 4];
        for &[r, g, b] in picture.row(y) {
            let (r, g, b) = (i64::from(r), i64::from(g), i64::from(b));
            // Twice yellow minus blue, so that everything stays whole.
            let (rg, yb) = (r - g, r + g - 2 * b);
            sums[0] += rg;
            sums[1] += yb;
            sums[2] += rg * rg;
            sums[3] += yb * yb;
        }
        sums.map(|sum| sum as f64)
    });
    let (rg, yb) = (rg / count, yb / (2.0 * count));
    let variance = (rg_squares / count - rg * rg) + (yb_squares / (4.0 * count) - yb * yb);
    variance.max(0.0).sqrt() + 0.3 * rg.hypot(yb)
}

/// Likelihood 0..1 that an L*a*b* colour is skin, of every tone, by hue and chroma alone. Wood and sand count too.
pub fn skin_likelihood([_, a, b]: [f32; 3]) -> f32 {
    let (hue_degrees, chroma) = (b.atan2(a).to_degrees(), a.hypot(b));
    (-((hue_degrees - 52.0) / 18.0).powi(4)).exp()
        * ((chroma - 5.0) / 8.0).clamp(0.0, 1.0)
        * ((70.0 - chroma) / 15.0).clamp(0.0, 1.0)
}

/// [`skin_likelihood`] of every pixel.
pub fn skin_mask(picture: &Image<Srgb8>) -> Image<Gray> {
    picture.map(|pixel| skin_likelihood(lab_from_srgb8(pixel)))
}

/// The mean colour of a region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tone {
    /// L*, 0..100.
    pub lightness: f64,
    /// Length of the mean (a*, b*).
    pub chroma: f64,
    /// Direction of the mean (a*, b*), degrees from +a* towards +b*.
    pub hue_degrees: f64,
}

impl Tone {
    /// How far the hue turned from here to `other`, degrees −180..180; positive is from red towards yellow.
    pub fn hue_turn_degrees(&self, other: &Self) -> f64 {
        (other.hue_degrees - self.hue_degrees + 180.0).rem_euclid(360.0) - 180.0
    }
}

/// The mean colour of `picture` where `mask` (0..1, such as [`skin_mask`]) is over a half, weighted by it; nothing if
/// fewer than `least_share` (0..1) of the pixels are.
///
/// Take the mask from the photo and use it for its painting too: then both figures are about the same places.
///
/// # Panics
/// If the sizes differ.
pub fn mean_tone(picture: &Image<Srgb8>, mask: &Image<Gray>, least_share: f64) -> Option<Tone> {
    let size = (picture.width(), picture.height());
    assert_eq!(size, (mask.width(), mask.height()), "a mask needs the size of its picture");
    let [count, weight, l, a, b] = sum_of_rows(picture.height(), |y| {
        let mut sums = [0.0; 5];
        for (&pixel, &weight) in picture.row(y).iter().zip(mask.row(y)) {
            if weight > 0.5 {
                let ([l, a, b], weight) = (lab_from_srgb8(pixel).map(f64::from), f64::from(weight));
                let terms = [1.0, weight, weight * l, weight * a, weight * b];
                sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
            }
        }
        sums
    });
    if count == 0.0 || count < least_share * (size.0 * size.1) as f64 {
        return None;
    }
    let (a, b) = (a / weight, b / weight);
    Some(Tone { lightness: l / weight, chroma: a.hypot(b), hue_degrees: b.atan2(a).to_degrees() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pairs of Sharma, Wu and Dalal, table 1: L a b, L a b, difference.
    const SHARMA: [[f32; 7]; 34] = [
        [50.0, 2.6772, -79.7751, 50.0, 0.0, -82.7485, 2.0425],
        [50.0, 3.1571, -77.2803, 50.0, 0.0, -82.7485, 2.8615],
        [50.0, 2.8361, -74.0200, 50.0, 0.0, -82.7485, 3.4412],
        [50.0, -1.3802, -84.2814, 50.0, 0.0, -82.7485, 1.0],
        [50.0, -1.1848, -84.8006, 50.0, 0.0, -82.7485, 1.0],
        [50.0, -0.9009, -85.5211, 50.0, 0.0, -82.7485, 1.0],
        [50.0, 0.0, 0.0, 50.0, -1.0, 2.0, 2.3669],
        [50.0, -1.0, 2.0, 50.0, 0.0, 0.0, 2.3669],
        [50.0, 2.49, -0.001, 50.0, -2.49, 0.0009, 7.1792],
        [50.0, 2.49, -0.001, 50.0, -2.49, 0.001, 7.1792],
        [50.0, 2.49, -0.001, 50.0, -2.49, 0.0011, 7.2195],
        [50.0, 2.49, -0.001, 50.0, -2.49, 0.0012, 7.2195],
        [50.0, -0.001, 2.49, 50.0, 0.0009, -2.49, 4.8045],
        [50.0, -0.001, 2.49, 50.0, 0.001, -2.49, 4.8045],
        [50.0, -0.001, 2.49, 50.0, 0.0011, -2.49, 4.7461],
        [50.0, 2.5, 0.0, 50.0, 0.0, -2.5, 4.3065],
        [50.0, 2.5, 0.0, 73.0, 25.0, -18.0, 27.1492],
        [50.0, 2.5, 0.0, 61.0, -5.0, 29.0, 22.8977],
        [50.0, 2.5, 0.0, 56.0, -27.0, -3.0, 31.9030],
        [50.0, 2.5, 0.0, 58.0, 24.0, 15.0, 19.4535],
        [50.0, 2.5, 0.0, 50.0, 3.1736, 0.5854, 1.0],
        [50.0, 2.5, 0.0, 50.0, 3.2972, 0.0, 1.0],
        [50.0, 2.5, 0.0, 50.0, 1.8634, 0.5757, 1.0],
        [50.0, 2.5, 0.0, 50.0, 3.2592, 0.3350, 1.0],
        [60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644],
        [63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630],
        [61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731],
        [35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645],
        [22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373],
        [36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146],
        [90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441],
        [90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381],
        [6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377],
        [2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082],
    ];

    #[test]
    fn ciede2000_is_that_of_the_published_pairs() {
        for [l1, a1, b1, l2, a2, b2, expected] in SHARMA {
            let (one, two) = ([l1, a1, b1], [l2, a2, b2]);
            for difference in [ciede2000(one, two), ciede2000(two, one)] {
                assert!((difference - f64::from(expected)).abs() < 1.5e-4, "{one:?} {two:?}: {difference}");
            }
        }
    }

    #[test]
    fn mean_difference_is_a_mean() {
        let a = Image::<Srgb8>::filled(4, 4, [120, 90, 60]);
        let b = Image::<Srgb8>::from_fn(4, 4, |x, y| if x < 1 { [10 * y as u8, 200, 0] } else { [120, 90, 60] });
        let column = (0..4).map(|y| ciede2000(lab_from_srgb8([120, 90, 60]), lab_from_srgb8([10 * y, 200, 0])));
        assert!((mean_ciede2000(&a, &b) - column.sum::<f64>() / 16.0).abs() < 1e-9);
        // Red against grey of another lightness: a* 80.09 and b* 67.20 at every second pixel.
        let grey = Image::<Srgb8>::filled(4, 4, [90; 3]);
        let red = Image::<Srgb8>::from_fn(4, 4, |x, _| if x % 2 == 0 { [255, 0, 0] } else { [120; 3] });
        assert!((mean_ab_difference(&grey, &red) - (80.09 + 67.20) / 4.0).abs() < 0.02);
    }

    #[test]
    fn colourfulness_by_hand() {
        assert_eq!(colourfulness(&Image::filled(5, 4, [77; 3])), 0.0);
        // One colour: no spread; rg = 100, yb = (200 + 100)/2 − 30 = 120.
        let plain = colourfulness(&Image::filled(5, 4, [200, 100, 30]));
        assert!((plain - 0.3 * 100f64.hypot(120.0)).abs() < 1e-9);
        // Red and green in turn: rg = ±255 (spread 255), yb = 127.5 everywhere.
        let checks = Image::<Srgb8>::from_fn(6, 4, |x, y| if (x + y) % 2 == 0 { [255, 0, 0] } else { [0, 255, 0] });
        assert!((colourfulness(&checks) - (255.0 + 0.3 * 127.5)).abs() < 1e-9);
    }

    #[test]
    fn skin_of_every_tone_counts_and_sky_does_not() {
        for skin in [[241, 194, 167], [198, 134, 103], [141, 85, 54], [84, 51, 33]] {
            assert!(skin_likelihood(lab_from_srgb8(skin)) > 0.8, "{skin:?}");
        }
        for other in [[120, 160, 220], [60, 120, 50], [128, 128, 128], [230, 40, 30]] {
            assert!(skin_likelihood(lab_from_srgb8(other)) < 0.2, "{other:?}");
        }
    }

    #[test]
    fn a_tone_is_measured_under_the_mask_only() {
        let photo = Image::<Srgb8>::from_fn(10, 10, |x, _| if x < 3 { [198, 134, 103] } else { [40, 90, 200] });
        let painting = Image::<Srgb8>::from_fn(10, 10, |x, _| if x < 3 { [208, 144, 103] } else { [255; 3] });
        let mask = skin_mask(&photo);
        let tone = |picture| mean_tone(picture, &mask, 0.05).expect("a third is skin");
        let (before, after) = (tone(&photo), tone(&painting));
        let [l, a, b] = lab_from_srgb8([198, 134, 103]).map(f64::from);
        assert!((before.lightness - l).abs() < 1e-4 && (before.hue_degrees - b.atan2(a).to_degrees()).abs() < 1e-3);
        assert!(after.lightness > before.lightness + 2.0 && after.hue_degrees > before.hue_degrees + 2.0);
        let at = |hue_degrees: f64| Tone { hue_degrees, ..before };
        assert_eq!((at(170.0).hue_turn_degrees(&at(-170.0)), at(-170.0).hue_turn_degrees(&at(170.0))), (20.0, -20.0));
        assert_eq!(mean_tone(&photo, &mask, 0.4), None);
    }
}
