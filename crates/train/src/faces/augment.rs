//! What cameras, light and hands do to a face, so that the networks learn to look past it.

use crate::data::degrade::degrade;

/// Changes a square crop of `side` px in place, RGB −1..1, H×W×C: exposure, contrast, cast, sometimes no colour,
/// sometimes something in the way, then blur, noise and JPEG as [`degrade`] has them.
pub fn augment(crop: &mut [f32], side: usize, rng: &mut fastrand::Rng) {
    light(crop, rng);
    if rng.f32() < 0.15 {
        grey(crop);
    }
    if rng.f32() < 0.2 {
        cover(crop, side, rng);
    }
    if rng.f32() < 0.6 {
        let mut bytes: Vec<u8> = crop.iter().map(|v| ((v + 1.0) * 127.5).round() as u8).collect();
        degrade(&mut bytes, side, rng);
        crop.iter_mut().zip(bytes).for_each(|(v, byte)| *v = f32::from(byte) / 127.5 - 1.0);
    }
}

fn between(rng: &mut fastrand::Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.f32()
}

/// Gamma e^±0.6, contrast 0.55..1.2, brightness ±0.2, each channel's gain ±12 %: mostly less.
fn light(crop: &mut [f32], rng: &mut fastrand::Rng) {
    let strength = rng.f32();
    let gamma = (between(rng, -0.6, 0.6) * strength).exp();
    let contrast = 1.0 + between(rng, -0.45, 0.2) * strength;
    let brightness = between(rng, -0.2, 0.2) * strength;
    let gains = [0, 1, 2].map(|_| 1.0 + between(rng, -0.12, 0.12) * strength);
    for pixel in crop.as_chunks_mut::<3>().0 {
        for (v, gain) in pixel.iter_mut().zip(gains) {
            let lit = ((*v + 1.0) / 2.0).max(0.0).powf(gamma) * gain * 2.0 - 1.0;
            *v = (lit * contrast + brightness).clamp(-1.0, 1.0);
        }
    }
}

fn grey(crop: &mut [f32]) {
    for pixel in crop.as_chunks_mut::<3>().0 {
        let luma = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
        *pixel = [luma; 3];
    }
}

/// Lays a rectangle of one colour, or of noise, over a part from one of the sides: at most 45 % of either.
fn cover(crop: &mut [f32], side: usize, rng: &mut fastrand::Rng) {
    let most = (side as f32 * 0.45) as usize;
    let (depth, length) = (rng.usize(1..=most.max(1)), rng.usize(side / 4..=side));
    let start = rng.usize(..=side - length);
    let colour = [0, 1, 2].map(|_| between(rng, -1.0, 1.0));
    let rough = if rng.bool() { 0.0 } else { between(rng, 0.1, 0.6) };
    let from = rng.usize(..4);
    for i in 0..depth {
        for j in start..start + length {
            let (x, y) = match from {
                0 => (i, j),
                1 => (side - 1 - i, j),
                2 => (j, i),
                _ => (j, side - 1 - i),
            };
            for (v, colour) in crop[(y * side + x) * 3..][..3].iter_mut().zip(colour) {
                *v = (colour + rough * (rng.f32() - 0.5)).clamp(-1.0, 1.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crop_stays_in_range_and_mostly_itself() {
        let side = 24;
        let clean: Vec<f32> = (0..side * side * 3).map(|i| (i as f32 * 0.05).sin() * 0.8).collect();
        let (mut covered, mut changed) = (0, 0);
        for seed in 0..200 {
            let mut crop = clean.clone();
            augment(&mut crop, side, &mut fastrand::Rng::with_seed(seed));
            assert!(crop.iter().all(|v| (-1.0..=1.0).contains(v)), "seed {seed}");
            let off: f32 = crop.iter().zip(&clean).map(|(a, b)| (a - b).abs()).sum::<f32>() / crop.len() as f32;
            covered += usize::from(off > 0.6);
            changed += usize::from(off > 0.01);
        }
        assert!(covered < 20 && changed > 150, "{covered} unrecognisable, {changed} changed");
    }

    #[test]
    fn what_is_in_the_way_hides_less_than_half() {
        for seed in 0..100 {
            let mut crop = vec![2.0; 20 * 20 * 3];
            cover(&mut crop, 20, &mut fastrand::Rng::with_seed(seed));
            let hidden = crop.iter().filter(|v| **v < 1.5).count();
            assert!(hidden > 0 && hidden <= crop.len() * 45 / 100, "seed {seed}: {hidden}");
        }
    }
}
