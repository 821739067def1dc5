//! What cameras and messengers do to a photo before it reaches us, so that the network learns to look past it.

use pixels::Image;
use pixels::codec::{self, Format, Limits};
use pixels::space::Srgb8;

/// Degrades a square sRGB picture of `side` px in place: rarely blur, in half of the cases sensor noise, in a
/// third JPEG of quality 40–95.
pub fn degrade(rgb: &mut [u8], side: usize, rng: &mut fastrand::Rng) {
    if rng.f32() < 0.06 {
        blur(rgb, side, 0.05 + 0.2 * rng.f32());
    }
    if rng.bool() {
        let luma = 6.0 * rng.f32();
        noise(rgb, luma, luma * rng.f32(), rng);
    }
    if rng.f32() < 1.0 / 3.0 {
        jpeg(rgb, side, rng.u8(40..=95));
    }
}

/// Adds Gaussian noise: standard deviation `luma` common to the channels of a pixel, `chroma` for each of its own.
fn noise(rgb: &mut [u8], luma: f32, chroma: f32, rng: &mut fastrand::Rng) {
    for pixel in rgb.chunks_exact_mut(3) {
        let (a, b) = (normals(rng.u64(..)), normals(rng.u64(..)));
        let common = luma * a[0];
        for (sample, own) in pixel.iter_mut().zip([a[1], b[0], b[1]]) {
            *sample = (f32::from(*sample) + common + chroma * own).round().clamp(0.0, 255.0) as u8;
        }
    }
}

/// Two nearly normal numbers: each the sum of four random bytes.
fn normals(bits: u64) -> [f32; 2] {
    let bytes = bits.to_le_bytes();
    [0, 4].map(|i| {
        let sum: u32 = bytes[i..i + 4].iter().map(|&b| u32::from(b)).sum();
        (sum as f32 - 510.0) / 147.8
    })
}

fn jpeg(rgb: &mut [u8], side: usize, quality: u8) {
    let picture = Image::<Srgb8>::new(side, side, rgb.as_chunks().0.to_vec());
    let coded = codec::write(&picture, None, Format::Jpeg, quality);
    // The encoder cannot fail on a valid size; were it to, the clean crop is as good.
    if let Ok(back) = coded.and_then(|bytes| codec::read(&bytes, &Limits::default())) {
        rgb.copy_from_slice(back.image.pixels().as_flattened());
    }
}

/// Blurs with the kernel (a, 1 − 2a, a) across and down, the border repeated.
fn blur(rgb: &mut [u8], side: usize, a: f32) {
    for (step, line) in [(3, side * 3), (side * 3, 3)] {
        let source = rgb.to_vec();
        for i in 0..side {
            for j in 0..side {
                for c in 0..3 {
                    let at = |j: usize| f32::from(source[i * line + j * step + c]);
                    let sum = at(j.saturating_sub(1)) + at((j + 1).min(side - 1));
                    rgb[i * line + j * step + c] = (a * sum + (1.0 - 2.0 * a) * at(j)).round() as u8;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_asked_deviation() {
        let mut rgb = vec![128u8; 64 * 64 * 3];
        noise(&mut rgb, 3.0, 4.0, &mut fastrand::Rng::with_seed(1));
        let variance = rgb.iter().map(|&v| (f32::from(v) - 128.0).powi(2)).sum::<f32>() / rgb.len() as f32;
        assert!((variance.sqrt() - 5.0).abs() < 0.15, "{}", variance.sqrt());
    }

    #[test]
    fn degrading_keeps_the_picture_recognisable() {
        let side = 32;
        let clean: Vec<u8> = (0..side * side * 3).map(|i| (60 + i / 3 % side * 4) as u8).collect();
        for seed in 0..40 {
            let mut rgb = clean.clone();
            degrade(&mut rgb, side, &mut fastrand::Rng::with_seed(seed));
            let mean: f32 =
                rgb.iter().zip(&clean).map(|(a, b)| f32::from(a.abs_diff(*b))).sum::<f32>() / clean.len() as f32;
            assert!(mean < 9.0, "seed {seed}: {mean}");
        }
    }
}
