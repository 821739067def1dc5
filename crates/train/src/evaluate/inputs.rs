//! What goes wrong with photos, always in the same way, so that figures of different days can be compared.

use anyhow::{Context, Result};
use pixels::space::{Srgb, Srgb8, linear_from_srgb8, srgb_from_linear, srgb_from_srgb8, srgb8_from_srgb};
use pixels::{Image, blur, codec};

/// Standard deviation of the noise, in levels of 255.
const NOISE_SIGMA: f32 = 4.0;
/// JPEG quality of what messengers make of a photo.
const JPEG_QUALITY: u8 = 60;

/// What a model is shown of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The photo.
    Clean,
    /// [`sensor_noise`].
    Noise,
    /// [`half_pixel_shifted`].
    Shift,
    /// [`jpeg`].
    Jpeg,
    /// [`under_exposed`].
    Dark,
}

impl Input {
    pub(super) const COUNT: usize = 5;

    /// All inputs in the order of the variants; the noise depends on the photo's `name` only.
    pub(super) fn all_of(photo: &Image<Srgb8>, name: &str) -> Result<[Image<Srgb8>; Self::COUNT]> {
        let noisy = sensor_noise(photo, seed_of(name));
        Ok([photo.clone(), noisy, half_pixel_shifted(photo), jpeg(photo)?, under_exposed(photo)])
    }
}

/// The photo with light sensor noise: normal, of standard deviation 4/255 common to the three channels of a pixel
/// (luma) and 4/255 for each channel of its own (chroma); about 33 dB. The same seed gives the same noise.
pub fn sensor_noise(photo: &Image<Srgb8>, seed: u64) -> Image<Srgb8> {
    let mut state = seed;
    Image::from_fn(photo.width(), photo.height(), |x, y| {
        let common = normal(&mut state);
        photo.at(x, y).map(|sample| {
            let noisy = f32::from(sample) + NOISE_SIGMA * (common + normal(&mut state));
            noisy.round().clamp(0.0, 255.0) as u8
        })
    })
}

/// The photo through JPEG of quality 60.
///
/// # Errors
/// If the photo is larger than JPEG allows.
pub fn jpeg(photo: &Image<Srgb8>) -> Result<Image<Srgb8>> {
    let bytes = codec::write(photo, None, codec::Format::Jpeg, JPEG_QUALITY).context("the photo cannot be a JPEG")?;
    Ok(codec::read(&bytes, &codec::Limits::default()).context("a JPEG just written cannot be read")?.image)
}

/// The photo one stop under-exposed: half the linear light.
pub fn under_exposed(photo: &Image<Srgb8>) -> Image<Srgb8> {
    photo.map(|pixel| srgb8_from_srgb(srgb_from_linear(linear_from_srgb8(pixel).map(|light| 0.5 * light))))
}

/// The picture moved by half a pixel to the right and down, by the cubic of Catmull and Rom (taps −1, 9, 9, −1 over 16),
/// the border mirrored.
pub fn half_pixel_shifted(picture: &Image<Srgb8>) -> Image<Srgb8> {
    const TAPS: [f32; 5] = [-1.0 / 16.0, 9.0 / 16.0, 9.0 / 16.0, -1.0 / 16.0, 0.0];
    blur::separable(&picture.map::<Srgb>(srgb_from_srgb8), &TAPS, &TAPS).map(srgb8_from_srgb)
}

/// A seed that depends on a picture's name only (FNV-1a).
fn seed_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A nearly normal number of mean 0 and deviation 1: the sum of four uniform ones, which is the same on every
/// machine, unlike logarithms and cosines.
fn normal(state: &mut u64) -> f32 {
    // SplitMix64.
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    let sum: i64 = (0..4).map(|part| (z >> (16 * part) & 0xffff) as i64).sum();
    // Four uniform numbers over 2¹⁶ steps have together the variance 2³² · 4/12.
    (sum - 2 * 0xffff) as f32 / (65_536.0 * (1.0f32 / 3.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_stated_deviation_in_luma_and_chroma() {
        let grey = Image::<Srgb8>::filled(120, 100, [128; 3]);
        let noisy = sensor_noise(&grey, 5);
        assert_eq!(noisy, sensor_noise(&grey, 5));
        assert_ne!(noisy, sensor_noise(&grey, 6));
        let deviation = |of: &dyn Fn([f32; 3]) -> f32| {
            let values = noisy.pixels().iter().map(|pixel| of(pixel.map(f32::from)));
            let (n, sum, squares) = values.fold((0.0, 0.0, 0.0), |(n, s, q), v| (n + 1.0, s + v, q + v * v));
            (squares / n - (sum / n) * (sum / n)).sqrt()
        };
        assert!((deviation(&|[r, _, _]| r - 128.0) - 32f32.sqrt()).abs() < 0.1);
        assert!((deviation(&|[r, g, _]| r - g) - 32f32.sqrt()).abs() < 0.1, "chroma: two of the own ones");
    }

    #[test]
    fn one_stop_is_half_the_light() {
        let photo = Image::<Srgb8>::new(3, 1, vec![[255, 188, 0], [137, 99, 10], [255; 3]]);
        // 0.5 → 188; a quarter → 137; an eighth → 99.
        assert_eq!(under_exposed(&photo).pixels()[0], [188, 137, 0]);
        assert_eq!(under_exposed(&photo).pixels()[1][0], 99);
    }

    #[test]
    fn half_a_pixel_twice_is_one() {
        let photo = Image::<Srgb8>::from_fn(40, 30, |x, y| {
            let wave = (x as f32 * 0.2).sin() + (y as f32 * 0.15).cos();
            [(128.0 + 60.0 * wave) as u8, (2 * x + 3 * y) as u8, 90]
        });
        let twice = half_pixel_shifted(&half_pixel_shifted(&photo));
        for (x, y) in (6..34).flat_map(|x| (6..24).map(move |y| (x, y))) {
            for (moved, here) in twice.at(x, y).iter().zip(photo.at(x - 1, y - 1)) {
                assert!(moved.abs_diff(here) <= 2, "{x} {y}");
            }
        }
    }

    #[test]
    fn jpeg_keeps_size_and_look() {
        let photo = Image::<Srgb8>::from_fn(50, 37, |x, y| [(4 * x) as u8, (5 * y) as u8, 90]);
        let coded = jpeg(&photo).unwrap();
        assert!(coded != photo && pixels::compare::psnr_db(&photo, &coded) > 28.0);
    }
}
