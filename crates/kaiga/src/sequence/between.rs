//! In-betweens: frames between two key frames, whose painting is carried from both along the motion of the source. What neither of them
//! shows is painted.

use super::history::{Followed, Seen, enlarging, led_to, mixed};
use super::renewal::{in_full, rows, unknown};
use crate::tiles::Part;
use pixels::Image;
use pixels::space::Srgb8;

/// How much a key frame counts that shows something else, beside one that shows the same.
const FAINTLY: f32 = 0.02;

/// An in-between beside its two key frames.
pub(super) struct Between {
    /// To the one before it and the one after it.
    ways: [Followed; 2],
    /// For each pixel that motion is known for, how much of the paintings of the two is kept, and how much of that the later one is, 0..1.
    kept: Vec<[f32; 2]>,
    /// Parts of the frame that are painted, px; none for the whole.
    pub(super) parts: Option<Vec<Part>>,
}

impl Between {
    /// Of a frame of `size` px that is `share` (0..1) of the way from the first key frame to the second.
    pub(super) fn new(now: &Seen, [before, after]: [&Seen; 2], share: f32, size: (usize, usize)) -> Self {
        let (before, after) = rayon::join(|| Followed::new(now, before), || Followed::new(now, after));
        let small = (now.small().width(), now.small().height());
        let sure = || before.sure().iter().zip(after.sure());
        let known: Vec<f32> = sure().map(|(a, b)| a.max(*b)).collect();
        let parts = unknown(&known, small);
        let mut kept = known.clone();
        if let Some(parts) = &parts {
            // Elsewhere it is carried, however unsure.
            kept.fill(1.0);
            parts.iter().flat_map(|part| rows(*part, small.0)).flatten().for_each(|i| kept[i] = known[i]);
        }
        let later = |(a, b): (&f32, &f32)| {
            let [a, b] = [(1.0 - share) * (a + FAINTLY), share * (b + FAINTLY)];
            b / (a + b)
        };
        let kept = kept.into_iter().zip(sure().map(later)).map(|(kept, later)| [kept, later]).collect();
        Self { parts: parts.map(|parts| in_full(&parts, small, size)), kept, ways: [before, after] }
    }

    /// The way to the key frame before it.
    pub(super) fn way_back(&self) -> &Followed {
        &self.ways[0]
    }

    /// Its painting, from those of its key frames and what was painted of it.
    pub(super) fn carried(&self, keys: [&Image<Srgb8>; 2], painted: Option<Image<Srgb8>>) -> Image<Srgb8> {
        let [before, after] = keys;
        let mut result = painted.unwrap_or_else(|| before.clone());
        let [across, down] = self.ways[0].scale(&result);
        let [back, forth] = self.ways.each_ref().map(Followed::flow);
        let known = |i: usize| {
            let ([kept, later], [a, b], [c, d]) = (self.kept[i], back.pixels()[i], forth.pixels()[i]);
            [kept, later, a * across, b * down, c * across, d * down]
        };
        enlarging(known, (back.width(), back.height()), &mut result, |pixel, at, [kept, later, a, b, c, d]| {
            if kept > 0.0 {
                let carried = mixed(led_to(before, at, [a, b]), led_to(after, at, [c, d]), later);
                *pixel = mixed(*pixel, carried, kept);
            }
        });
        result
    }
}
