//! What a pixel is to those around it.

use tch::Tensor;

use super::{l1, mean};

/// Mean absolute differences of the one-pixel gradients, down and across, added.
pub fn gradient_difference(a: &Tensor, b: &Tensor) -> Tensor {
    let difference = a - b;
    let [down, across] = gradients(&difference).map(|g| mean(&g.abs()));
    down + across
}

/// One-pixel gradients: down, then across.
pub fn gradients(x: &Tensor) -> [Tensor; 2] {
    [2, 3].map(|dim| {
        let len = x.size()[dim as usize] - 1;
        x.narrow(dim, 1, len) - x.narrow(dim, 0, len)
    })
}

/// Half the size by means of 2×2 pixels.
pub fn halved(x: &Tensor) -> Tensor {
    x.avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None)
}

/// Means of 2×2 pixels, every pixel in turn: one row and one column less. A checkerboard vanishes, so a loss of what
/// is left cannot ask for one; that is how a generator deceives a fixed network.
pub fn without_grid(x: &Tensor) -> Tensor {
    x.avg_pool2d([2, 2], [1, 1], [0, 0], false, true, None)
}

/// Half the mean squares of the one-pixel gradients, down and across, added: total variation as AnimeGANv2 (Chen et al.
/// 2021) and Johnson et al. 2016 have it.
pub fn total_variation(x: &Tensor) -> Tensor {
    let [down, across] = gradients(x).map(|g| mean(&g.square()) * 0.5);
    down + across
}

/// `x` seen from `(dx, dy)` px further right and down: `shifted(x)(column, row) = x(column + dx, row + dy)`, bilinear.
/// As many pixels as the larger shift, rounded up, are cropped from every side, so that nothing is made up.
pub fn shifted(x: &Tensor, dx: f64, dy: f64) -> Tensor {
    let crop = dx.abs().max(dy.abs()).ceil() as i64;
    let along = |x: &Tensor, dim: i64, by: f64| {
        let (whole, part) = (by.floor(), by - by.floor());
        let from = |step: i64| x.narrow(dim, crop + whole as i64 + step, x.size()[dim as usize] - 2 * crop);
        if part == 0.0 { from(0) } else { from(0) * (1.0 - part) + from(1) * part }
    };
    along(&along(x, 3, dx), 2, dy)
}

/// Mean absolute difference between `output`, of a picture, and `other`, of the same picture disturbed: with noise, with
/// JPEG's, or seen from `(dx, dy)` px further right and down (0 where it was not moved), which is undone. `other` may be
/// of the same size or cropped as [`shifted`] crops.
pub fn consistency(output: &Tensor, other: &Tensor, dx: f64, dy: f64) -> Tensor {
    let moved = shifted(output, dx, dy);
    let inner = [2, 3].into_iter().fold(other.shallow_clone(), |x, dim| {
        let (len, wanted) = (x.size()[dim], moved.size()[dim]);
        x.narrow(dim as i64, (len - wanted) / 2, wanted)
    });
    l1(&moved, &inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{close, gradient_is_right, noise};

    fn square() -> Tensor {
        Tensor::from_slice(&[0f32, 1.0, 4.0, 2.0]).view([1, 1, 2, 2])
    }

    #[test]
    fn a_checkerboard_vanishes() {
        let board: Vec<f32> = (0..9).map(|i| (i % 2) as f32).collect();
        close(&without_grid(&Tensor::from_slice(&board).view([1, 1, 3, 3])), &[0.5; 4], 1e-6);
        close(&without_grid(&square()), &[1.75], 1e-6);
    }

    #[test]
    fn gradients_by_hand() {
        // Down |4−0|, |2−1| → 2.5; across |1−0|, |2−4| → 1.5.
        close(&gradient_difference(&square(), &square().zeros_like()), &[4.0], 1e-6);
        // Half of (16 + 1)/2, and of (1 + 4)/2.
        close(&total_variation(&square()), &[5.5], 1e-6);
        gradient_is_right(&noise([1, 2, 4, 5], 1), total_variation);
        gradient_is_right(&noise([1, 2, 4, 5], 1), |x| gradient_difference(x, &noise([1, 2, 4, 5], 2)));
    }

    #[test]
    fn a_shift_reads_between_the_pixels() {
        // x(column, row) = column + 10·row, which bilinear sampling keeps exactly.
        let plane = |width: i64, x0: f64, y0: f64| {
            let row = |n: i64| Tensor::arange(n, (tch::Kind::Float, tch::Device::Cpu));
            (row(width).view([1, 1, 1, width]) + x0) + (row(width).view([1, 1, width, 1]) + y0) * 10.0
        };
        for (dx, dy, crop) in [(0.25, -0.5, 1), (-1.0, 1.0, 1), (0.0, 1.5, 2), (0.0, 0.0, 0)] {
            let cropped = crop as f64;
            let wanted = plane(7 - 2 * crop, cropped + dx, cropped + dy);
            let seen = shifted(&plane(7, 0.0, 0.0), dx, dy);
            assert_eq!(seen.size(), wanted.size());
            close(&l1(&seen, &wanted), &[0.0], 1e-5);
        }
    }

    #[test]
    fn consistency_undoes_the_shift() {
        let output = noise([1, 3, 6, 7], 1);
        let other = shifted(&output, 0.5, -0.25);
        close(&consistency(&output, &other, 0.5, -0.25), &[0.0], 1e-12);
        close(&consistency(&output, &(&other + 0.5), 0.5, -0.25), &[0.5], 1e-12);
        // Not cropped: only the middle counts.
        let framed = other.constant_pad_nd([1, 1, 1, 1]);
        close(&consistency(&output, &framed, 0.5, -0.25), &[0.0], 1e-12);
        let same = noise([1, 3, 6, 7], 2);
        gradient_is_right(&output, |x| consistency(x, &same, 0.5, -0.25));
        gradient_is_right(&output, |x| consistency(&same, x, 0.0, 0.0));
    }
}
