//! Losses over features of a picture, as [`crate::feature_extractor::Features::taps`] gives them, shallow to deep. Each depth has
//! a weight; depths without one do not count.

use tch::Tensor;

use super::{l1, mean};

/// Mean absolute difference of the features: content, when `a` and `b` are of a painting and of its photo (Johnson et
/// al. 2016; the absolute form is CartoonGAN's, Chen et al. 2018).
///
/// # Panics
/// If there are more weights than depths.
pub fn content(a: &[Tensor], b: &[Tensor], weights: &[f64]) -> Tensor {
    weighted(a, b, weights, l1)
}

/// Mean absolute difference of Gram matrices, C×C, of features less their mean over the picture, divided by C·H·W:
/// style (Gatys et al. 2016), as AnimeGANv3 (Liu et al. 2024) has it, whose weights from 1/2 to 1/8 are 0.1, 2, 28.
/// Give features of pictures in [`grey`](super::grey()), so that style is not colour.
///
/// # Panics
/// If there are more weights than depths.
pub fn gram(a: &[Tensor], b: &[Tensor], weights: &[f64]) -> Tensor {
    let of = |tap: &Tensor| {
        let rows = tap.flatten(2, 3);
        let rows = &rows - rows.mean_dim([2i64].as_slice(), true, None);
        let size = rows.size();
        rows.bmm(&rows.transpose(1, 2)) / (size[1] * size[2]) as f64
    };
    weighted(a, b, weights, |a, b| l1(&of(a), &of(b)))
}

/// Pulls a painting towards flat regions (AnimeGANv3, Liu et al. 2024): [`content`] of its features against those of
/// itself [`flattened`](super::flattened()), and, `photo_share` times, of its photo flattened. Pixels are features too.
/// The flat ones get no gradient.
///
/// # Panics
/// If there are more weights than depths.
pub fn region_smoothing(
    painting: &[Tensor],
    flat_painting: &[Tensor],
    flat_photo: &[Tensor],
    weights: &[f64],
    photo_share: f64,
) -> Tensor {
    let towards = |flat: &[Tensor]| content(painting, &flat.iter().map(Tensor::detach).collect::<Vec<_>>(), weights);
    towards(flat_painting) + towards(flat_photo) * photo_share
}

/// How unlike two sets of vectors (N×D, M×D; at least two of each) are: the squared maximum mean discrepancy, unbiased,
/// with the kernel `(x·y/D + 1)³` (Bińkowski et al. 2018; as a loss Li, Swersky, Zemel 2015). Of
/// [`Features::vector`](crate::feature_extractor::Features::vector)s it is what [`Kid`](crate::evaluate::Kid) measures.
pub fn discrepancy(x: &Tensor, y: &Tensor) -> Tensor {
    let kernel = |a: &Tensor, b: &Tensor| (a.matmul(&b.tr()) / a.size()[1] as f64 + 1.0).pow_tensor_scalar(3);
    let within = |a: &Tensor| {
        let (all, count) = (kernel(a, a), a.size()[0]);
        (all.sum(all.kind()) - all.trace()) / (count * (count - 1)) as f64
    };
    within(x) + within(y) - mean(&kernel(x, y)) * 2.0
}

fn weighted(a: &[Tensor], b: &[Tensor], weights: &[f64], loss: impl Fn(&Tensor, &Tensor) -> Tensor) -> Tensor {
    assert!(weights.len() <= a.len().min(b.len()), "more weights than depths");
    a.iter().zip(b).zip(weights).map(|((a, b), weight)| loss(a, b) * *weight).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{close, gradient_is_right, noise};

    fn tap(values: [f32; 4]) -> Tensor {
        Tensor::from_slice(&values).view([1, 2, 1, 2])
    }

    /// A painting's two depths: itself and half of it.
    fn depths(x: &Tensor) -> [Tensor; 2] {
        [x.shallow_clone(), crate::losses::halved(x)]
    }

    #[test]
    fn content_and_regions_by_hand() {
        let (a, b) = ([tap([0.0, 1.0, 2.0, 3.0]), tap([1.0; 4])], [tap([1.0; 4]), tap([3.0; 4])]);
        close(&content(&a, &b, &[1.0, 0.5]), &[1.0 + 0.5 * 2.0], 1e-6);
        close(&content(&a, &b, &[1.0]), &[1.0], 1e-6);
        let flat = [tap([0.0; 4])];
        close(&region_smoothing(&a, &b, &flat, &[2.0], 0.25), &[2.0 + 0.25 * 2.0 * 1.5], 1e-6);
    }

    #[test]
    fn gram_by_hand() {
        // Less their means the rows are (−1, 1) twice: every product is 2, divided by 2·1·2 values.
        let (a, b) = ([tap([1.0, 3.0, 0.0, 2.0])], [tap([5.0; 4])]);
        close(&gram(&a, &b, &[3.0]), &[1.5], 1e-6);
    }

    #[test]
    fn discrepancy_by_hand() {
        // Halved scalar products. x with x: 2, y with y: 0, x with y: 0 and 0, so (2 + 1)³ + 1 − 2·1.
        let set = |rows: [f32; 4]| Tensor::from_slice(&rows).view([2, 2]);
        close(&discrepancy(&set([1.0, 1.0, 2.0, 2.0]), &set([0.0; 4])), &[27.0 + 1.0 - 2.0], 1e-5);
    }

    #[test]
    fn they_pull_the_right_way() {
        let [other, third] = [1, 2].map(|seed| depths(&noise([2, 3, 4, 4], seed)));
        let painting = noise([2, 3, 4, 4], 3);
        gradient_is_right(&painting, |x| content(&depths(x), &other, &[1.0, 2.0]));
        gradient_is_right(&painting, |x| gram(&depths(x), &other, &[1.0, 2.0]));
        gradient_is_right(&painting, |x| region_smoothing(&depths(x), &other, &third, &[1.0, 2.0], 0.3));
        let art = noise([1, 1, 5, 16], 4).view([5, 16]);
        gradient_is_right(&painting, |x| discrepancy(&x.view([6, 16]), &art));
    }
}
