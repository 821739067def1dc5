//! A whitening and colouring transform (Li et al. 2017) of the three numbers of Lab, smoothed along the photo's borders, as
//! FastPhotoStyle (Li et al. 2018) does with features of a network: that needs a decoder which nobody may hand on.

use pixels::Image;
use pixels::guided::guided;
use pixels::space::{Lab, Srgb, Srgb8, lab_from_srgb8, srgb_from_lab, srgb_from_srgb8, srgb8_from_srgb};

/// Half a window of the smoothing, px, and the variance of the photo below which it is smooth.
const RADIUS_PX: usize = 12;
const FLAT: f32 = 1e-3;

type Matrix = [[f64; 3]; 3];

/// Mean and spread of an artwork's colours in Lab.
pub(super) struct Palette {
    mean: [f64; 3],
    covariance: Matrix,
}

impl Palette {
    pub(super) fn of(picture: &Image<Srgb8>) -> Self {
        let colours: Vec<[f64; 3]> =
            picture.pixels().iter().map(|&pixel| lab_from_srgb8(pixel).map(f64::from)).collect();
        let count = colours.len().max(1) as f64;
        let mean = [0, 1, 2].map(|c| colours.iter().map(|colour| colour[c]).sum::<f64>() / count);
        let entry = |i: usize, j: usize| {
            colours.iter().map(|colour| (colour[i] - mean[i]) * (colour[j] - mean[j])).sum::<f64>() / count
        };
        let covariance = [0, 1, 2].map(|i| [0, 1, 2].map(|j| entry(i, j) + if i == j { 1e-3 } else { 0.0 }));
        Self { mean, covariance }
    }
}

/// The photo with the artwork's palette.
pub(super) fn transfer(photo: &Image<Srgb8>, art: &Palette) -> Image<Srgb8> {
    let own = Palette::of(photo);
    let whiten = power(&own.covariance, -0.5);
    let colour = product(&power(&art.covariance, 0.5), &whiten);
    let coloured: Image<Lab> = photo.map(|pixel| {
        let lab = lab_from_srgb8(pixel);
        let off = [0, 1, 2].map(|c| f64::from(lab[c]) - own.mean[c]);
        [0, 1, 2].map(|i| (art.mean[i] + (0..3).map(|j| colour[i][j] * off[j]).sum::<f64>()) as f32)
    });
    let guide: Image<Srgb> = photo.map(srgb_from_srgb8);
    guided(&guide, &coloured, RADIUS_PX, FLAT).map(|lab| srgb8_from_srgb(srgb_from_lab(lab)))
}

fn product(a: &Matrix, b: &Matrix) -> Matrix {
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

/// A symmetric, positive matrix to this power, by Jacobi's rotations.
fn power(matrix: &Matrix, exponent: f64) -> Matrix {
    let (mut a, mut vectors) = (*matrix, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    for _ in 0..32 {
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            if a[p][q].abs() < 1e-14 {
                continue;
            }
            let angle = 0.5 * (2.0 * a[p][q]).atan2(a[q][q] - a[p][p]);
            let (sin, cos) = angle.sin_cos();
            let mut turn = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
            (turn[p][p], turn[p][q], turn[q][p], turn[q][q]) = (cos, sin, -sin, cos);
            let transposed = [0, 1, 2].map(|i| [0, 1, 2].map(|j| turn[j][i]));
            a = product(&transposed, &product(&a, &turn));
            vectors = product(&vectors, &turn);
        }
    }
    let raised = [0, 1, 2].map(|k| a[k][k].max(1e-12).powf(exponent));
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| (0..3).map(|k| vectors[i][k] * raised[k] * vectors[j][k]).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_squared_is_the_matrix() {
        let matrix = [[4.0, 1.0, 0.5], [1.0, 3.0, -0.2], [0.5, -0.2, 2.0]];
        let root = power(&matrix, 0.5);
        let (squared, identity) = (product(&root, &root), product(&power(&matrix, -0.5), &root));
        for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
            assert!((squared[i][j] - matrix[i][j]).abs() < 1e-9);
            assert!((identity[i][j] - f64::from(u8::from(i == j))).abs() < 1e-9);
        }
    }

    #[test]
    fn the_palette_becomes_the_artworks() {
        let picture = |tint: [i32; 3]| {
            Image::<Srgb8>::from_fn(120, 90, |x, y| {
                let light = (x / 10 * 9 + y / 10 * 5) as i32;
                tint.map(|tint| (light + tint).clamp(0, 255) as u8)
            })
        };
        let (photo, art) = (picture([60, 50, 20]), picture([10, 40, 90]));
        let wanted = Palette::of(&art);
        let got = Palette::of(&transfer(&photo, &wanted));
        let off = |palette: &Palette| (0..3).map(|c| (palette.mean[c] - wanted.mean[c]).abs()).sum::<f64>();
        assert!(off(&got) < 2.0 && off(&Palette::of(&photo)) > 10.0, "{}", off(&got));
    }
}
