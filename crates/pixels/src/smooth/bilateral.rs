use crate::Image;
use crate::blur::mirror_without_edge;
use crate::space::Srgb;
use rayon::prelude::*;

/// Table entries per unit of colour distance: quarters of an 8-bit level.
const STEPS: f32 = 4.0 * 255.0;

/// Bilateral filter (Tomasi and Manduchi 1998) over the disc of `radius_px`: weights fall with the
/// distance (Gaussian of `sigma_space_px`) and with the colour difference (Gaussian of `sigma_colour`,
/// on the sum of the absolute differences of R, G and B, each 0..1). The border is mirrored without
/// repeating the edge. Equals `cv2.bilateralFilter` with `d = 2·radius_px + 1` but for rounding.
pub fn bilateral(picture: &Image<Srgb>, radius_px: usize, sigma_colour: f32, sigma_space_px: f32) -> Image<Srgb> {
    let (width, height, r) = (picture.width(), picture.height(), radius_px as isize);
    let mut out = Image::filled(width, height, [0.0; 3]);
    if width * height == 0 {
        return out;
    }
    let colour_weight: Vec<f32> =
        (0..=(3.0 * STEPS) as usize + 1).map(|i| (-0.5 * (i as f32 / STEPS / sigma_colour).powi(2)).exp()).collect();
    let taps: Vec<(isize, isize, f32)> = (-r..=r)
        .flat_map(|dy| (-r..=r).map(move |dx| (dx, dy)))
        .filter(|&(dx, dy)| dx * dx + dy * dy <= r * r)
        .map(|(dx, dy)| (dx, dy, (-((dx * dx + dy * dy) as f32) / (2.0 * sigma_space_px * sigma_space_px)).exp()))
        .collect();
    out.pixels_mut().par_chunks_mut(width).enumerate().for_each_init(
        || vec![Vec::new(); 2 * radius_px + 1],
        |rows: &mut Vec<Vec<[f32; 3]>>, (y, out_row)| {
            for (i, row) in rows.iter_mut().enumerate() {
                let source = picture.row(mirror_without_edge((y + i) as isize - r, height));
                row.clear();
                row.extend((-r..width as isize + r).map(|x| source[mirror_without_edge(x, width)]));
            }
            for (x, out) in out_row.iter_mut().enumerate() {
                let centre = rows[radius_px][x + radius_px];
                let (mut sum, mut total) = ([0.0; 3], 0.0);
                for &(dx, dy, near) in &taps {
                    let p = rows[(dy + r) as usize][(x as isize + dx + r) as usize];
                    let apart = (p[0] - centre[0]).abs() + (p[1] - centre[1]).abs() + (p[2] - centre[2]).abs();
                    // A colour outside 0..1 may be further away than the table reaches.
                    let index = ((apart * STEPS + 0.5) as usize).min(colour_weight.len() - 1);
                    let weight = near * colour_weight[index];
                    total += weight;
                    (0..3).for_each(|c| sum[c] += weight * p[c]);
                }
                *out = sum.map(|s| s / total);
            }
        },
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stay_and_ripples_go() {
        let step = Image::<Srgb>::from_fn(20, 9, |x, y| {
            let ripple = if (x + y) % 2 == 0 { 0.01 } else { -0.01 };
            [if x < 10 { 0.2 } else { 0.8 } + ripple; 3]
        });
        let smooth = bilateral(&step, 2, 18.0 / 255.0, 2.0);
        for x in 0..20 {
            let wanted = if x < 10 { 0.2 } else { 0.8 };
            assert!((smooth.at(x, 4)[0] - wanted).abs() < 0.006, "column {x}: {:?}", smooth.at(x, 4));
        }
    }

    #[test]
    fn one_pixel_by_hand() {
        let spot = Image::<Srgb>::from_fn(3, 3, |x, y| if (x, y) == (1, 1) { [0.6, 0.5, 0.5] } else { [0.5; 3] });
        let near = (-1.0f32 / 8.0).exp() * (-0.5f32 * (0.1f32 / 0.2).powi(2)).exp();
        let wanted = (0.6 + 4.0 * near * 0.5) / (1.0 + 4.0 * near);
        assert!((bilateral(&spot, 1, 0.2, 2.0).at(1, 1)[0] - wanted).abs() < 1e-4);
    }
}
