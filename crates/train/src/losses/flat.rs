//! Flat regions with sharp borders.

use tch::Tensor;

/// Side of a window as a power of two, px, and how often the filter runs.
const DOUBLINGS: u32 = 2;
const PASSES: usize = 2;
/// Deviation in a window, in −1..1, from which it counts for less.
const DEVIATION: f64 = 2.0 / 127.5;

/// `rgb` in flat regions with sharp borders: a generalised Kuwahara filter (Papari et al. 2007) whose sectors are all
/// the windows of 4×4 px that hold the pixel, each counting `1/(1 + (deviation/d)⁸)`; twice over. So many windows
/// cost no more than two box means. No gradient.
pub fn flattened(rgb: &Tensor) -> Tensor {
    tch::no_grad(|| (0..PASSES).fold(rgb.contiguous(), |x, _| pass(&x)))
}

fn pass(x: &Tensor) -> Tensor {
    let total = |x: &Tensor| x.square().sum_dim_intlist([1i64].as_slice(), true, None);
    let padded = x.replication_pad2d([(1 << DOUBLINGS) - 1; 4]);
    let means = boxed(Tensor::cat(&[&padded, &total(&padded)], 1));
    let (mean, square) = (means.narrow(1, 0, 3), means.narrow(1, 3, 1));
    let variance = square - total(&mean);
    let weight = ((variance / DEVIATION.powi(2)).square().square() + 1.0).reciprocal();
    let sums = boxed(Tensor::cat(&[mean * &weight, weight], 1));
    sums.narrow(1, 0, 3) / sums.narrow(1, 3, 1)
}

/// Means over windows, where a whole window fits: twice as long with every step.
fn boxed(mut x: Tensor) -> Tensor {
    for (dim, step) in [2, 3].into_iter().flat_map(|dim| (0..DOUBLINGS).map(move |n| (dim, 1 << n))) {
        let len = x.size()[dim as usize] - step;
        x = x.narrow(dim, 0, len) + x.narrow(dim, step, len);
    }
    x / f64::from(1 << (2 * DOUBLINGS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::noise;
    use crate::losses::l1;

    #[test]
    fn regions_become_flat_and_borders_stay() {
        let half = noise([1, 3, 24, 12], 1).full_like(0.5);
        let clean = Tensor::cat(&[&-&half, &half], 3);
        let worst = (flattened(&clean) - &clean).abs().max().double_value(&[]);
        assert!(worst < 1e-9, "a clean border moved by {worst}");
        let flat = flattened(&(&clean + noise([1, 3, 24, 24], 2) * 0.1));
        assert_eq!(flat.size(), clean.size());
        let off = l1(&flat, &clean).double_value(&[]);
        // The noise is 0.05 on average.
        assert!(off < 0.015, "off by {off}");
        let step = (flat.narrow(3, 12, 1) - flat.narrow(3, 11, 1)).mean(None).double_value(&[]);
        assert!(step > 0.95, "the border fell from 1 to {step}");
    }
}
