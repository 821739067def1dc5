//! Figures of drawing: where edges are, and how long dark lines run.

use std::ops::RangeInclusive;

use super::{luma, same_size};
use crate::blur;
use crate::components::{components, neighbour};
use crate::image::Image;
use crate::lines::{Direction, black_top_hat, structure};
use crate::space::{Gray, Srgb8};

/// Blur before edges are sought, px.
const EDGE_SIGMA_PX: f32 = 1.4;
/// Slope of an edge, luma 0..1 per px of the blurred picture: where one may go on, and what it must reach somewhere.
const EDGE_SLOPE: RangeInclusive<f32> = 3.0 / 255.0..=8.0 / 255.0;
/// How far apart two edges may lie that are the same, px.
const EDGE_TOLERANCE_PX: isize = 2;
/// Blur before lines are sought, px.
const LINE_SIGMA_PX: f32 = 1.0;
/// Under this width, px, what is dark counts as a line.
const LINE_WIDTH_PX: usize = 7;
/// How much darker than its surroundings a line is, luma 0..1: where it may go on, and what it must reach somewhere.
const LINE_DEPTH: RangeInclusive<f32> = 8.0 / 255.0..=20.0 / 255.0;

/// How well two pictures agree on where edges are, 0..1: the harmonic mean of the share of `a`'s edge pixels that have
/// one of `b` within 2 px, and the share of `b`'s that have one of `a` (the F-score of Martin, Fowlkes and Malik 2004,
/// without their one-to-one matching). 1 where neither has edges.
///
/// Edges are Canny's (1986) on BT.601 luma: Gaussian of 1.4 px, Sobel slopes, maxima across the edge, kept where the
/// slope is 3 levels of 255 per px and connected to a place where it is 8.
///
/// # Panics
/// If the sizes differ.
pub fn edge_f_score(a: &Image<Srgb8>, b: &Image<Srgb8>) -> f64 {
    same_size(a, b);
    let (width, height) = (a.width(), a.height());
    let (a, b) = (edges(a), edges(b));
    let share_near = |these: &[usize], those: &[usize]| {
        let mut is_that = vec![false; width * height];
        those.iter().for_each(|&at| is_that[at] = true);
        let near = |&&at: &&usize| {
            let reach = -EDGE_TOLERANCE_PX..=EDGE_TOLERANCE_PX;
            let mut around = reach.clone().flat_map(|dy| reach.clone().map(move |dx| (dx, dy)));
            around.any(|(dx, dy)| {
                let inside = dx * dx + dy * dy <= EDGE_TOLERANCE_PX * EDGE_TOLERANCE_PX;
                inside && neighbour(at, dx, dy, width, height).is_some_and(|at| is_that[at])
            })
        };
        these.iter().filter(near).count() as f64 / these.len().max(1) as f64
    };
    let (precise, complete) = (share_near(&a, &b), share_near(&b, &a));
    match precise + complete {
        _ if a.is_empty() && b.is_empty() => 1.0,
        0.0 => 0.0,
        sum => 2.0 * precise * complete / sum,
    }
}

/// Dark thin lines of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contours {
    /// Lines; specks count as short ones.
    pub count: usize,
    /// Mean length of a line, px; 0 where there are none.
    pub mean_length_px: f64,
    /// Share 0..1 of the pixels that lie on the middle of a line.
    pub share: f64,
}

/// The dark thin lines of a picture, as a pen draws them: long and few in a drawing, short and many in a texture.
///
/// What is under 7 px wide and darker than both sides (black top-hat of BT.601 luma after a Gaussian of 1 px), the
/// maxima across its direction (structure tensor, 2 px), connected to all eight sides, kept where it is 8 levels of
/// 255 deep and reaches 20. A length is the number of pixels of such a curve; curves mostly end where they meet.
pub fn contours(picture: &Image<Srgb8>) -> Contours {
    let soft = blur::gaussian(&luma(picture), LINE_SIGMA_PX);
    let lines = curves(&black_top_hat(&soft, LINE_WIDTH_PX), &structure(&soft, 2.0).across, LINE_DEPTH);
    let total = lines.iter().map(Vec::len).sum::<usize>() as f64;
    Contours {
        count: lines.len(),
        mean_length_px: total / lines.len().max(1) as f64,
        share: total / picture.pixels().len().max(1) as f64,
    }
}

/// Indices of the pixels on edges.
fn edges(picture: &Image<Srgb8>) -> Vec<usize> {
    let (width, height) = (picture.width(), picture.height());
    let (dx, dy) = blur::sobel(&blur::gaussian(&luma(picture), EDGE_SIGMA_PX));
    let slopes = || dx.pixels().iter().zip(dy.pixels()).map(|(dx, dy)| (dx / 2.0, dy / 2.0));
    let slope = Image::<Gray>::new(width, height, slopes().map(|(dx, dy)| dx.hypot(dy)).collect());
    let across = slopes().map(|(dx, dy)| [dx, dy].map(|v| v / dx.hypot(dy).max(1e-9))).collect();
    curves(&slope, &Image::new(width, height, across), EDGE_SLOPE).concat()
}

/// The curves on which `strength` is greatest along `across`: one pixel wide, connected to all eight sides, of the
/// start of `strengths` everywhere and of its end somewhere. Each as the indices of its pixels.
fn curves(strength: &Image<Gray>, across: &Image<Direction>, strengths: RangeInclusive<f32>) -> Vec<Vec<usize>> {
    let (width, height) = (strength.width(), strength.height());
    let value = |at: usize| strength.pixels()[at];
    let is_crest = |at: usize| {
        // At one pixel's distance along `across`, between four pixels; nothing outside.
        let beside = |sign: f32| -> f32 {
            let [(dx, right), (dy, down)] = across.pixels()[at].map(|v| {
                let low = (sign * v).floor();
                (low as isize, sign * v - low)
            });
            let corner =
                |x, y, weight| neighbour(at, dx + x, dy + y, width, height).map_or(0.0, |at| weight * value(at));
            let row = |y, weight| corner(0, y, weight * (1.0 - right)) + corner(1, y, weight * right);
            row(0, 1.0 - down) + row(1, down)
        };
        // Of two that are equal but for rounding one is kept.
        let (before, after) = (beside(-1.0) * (1.0 - 1e-5), beside(1.0) * (1.0 + 1e-5));
        value(at) >= *strengths.start() && value(at) >= before && value(at) > after
    };
    let crests: Vec<bool> = (0..width * height).map(is_crest).collect();
    let mut curves = components(&crests, width);
    curves.retain(|curve| curve.iter().any(|&at| value(at) >= *strengths.end()));
    curves
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A white sheet with black where `inked` says so.
    fn sheet(inked: impl Fn(usize, usize) -> bool) -> Image<Srgb8> {
        Image::from_fn(60, 50, |x, y| if inked(x, y) { [20; 3] } else { [230; 3] })
    }

    #[test]
    fn edges_are_the_same_within_two_pixels() {
        let square = |left: usize| sheet(move |x, y| (left..left + 20).contains(&x) && (15..35).contains(&y));
        assert_eq!(edge_f_score(&square(10), &square(10)), 1.0);
        assert!(edge_f_score(&square(10), &square(12)) > 0.99);
        // 5 px to the right only the upper and lower sides still meet.
        let moved = edge_f_score(&square(10), &square(15));
        assert!((0.4..0.6).contains(&moved), "{moved}");
        let blank = sheet(|_, _| false);
        assert_eq!((edge_f_score(&blank, &square(10)), edge_f_score(&blank, &blank)), (0.0, 1.0));
    }

    #[test]
    fn half_of_the_edges_is_two_thirds() {
        // Every edge of the one is in the other, half of the other's is in the one: 2 · 1 · ½ / (1 + ½).
        let bars = |count: usize| sheet(move |x, _| (0..count).any(|bar| (5 + 30 * bar..15 + 30 * bar).contains(&x)));
        assert!((edge_f_score(&bars(1), &bars(2)) - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn lines_have_their_lengths_and_areas_are_none() {
        let across = contours(&sheet(|_, y| (20..22).contains(&y)));
        assert_eq!(across, Contours { count: 1, mean_length_px: 60.0, share: 1.0 / 50.0 });
        let slanted = contours(&sheet(|x, y| (10..40).contains(&y) && x.abs_diff(y) < 2));
        assert!((28.0..36.0).contains(&slanted.mean_length_px), "{slanted:?}");
        let line_and_dots = contours(&sheet(|x, y| (20..22).contains(&y) || (y == 40 && x % 20 == 10)));
        assert!(line_and_dots.mean_length_px < 20.0 && line_and_dots.share > across.share, "{line_and_dots:?}");
        let none = Contours { count: 0, mean_length_px: 0.0, share: 0.0 };
        assert_eq!(contours(&sheet(|x, _| x < 30)), none, "a step is an edge, no line");
        assert_eq!(contours(&sheet(|_, y| (15..35).contains(&y))), none, "a bar is too wide");
    }

    #[test]
    fn parts_hang_together_over_corners() {
        let rows = ["#..#", ".#.#", "....", "##.."].concat();
        let within: Vec<bool> = rows.chars().map(|c| c == '#').collect();
        assert_eq!(components(&within, 4), [vec![0, 5], vec![3, 7], vec![12, 13]]);
    }
}
