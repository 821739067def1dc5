//! In-betweens: frames between two key frames, whose painting is carried from both along the motion of the source. What neither of them
//! shows is painted.

use super::history::{Followed, SAME, Seen, Way, enlarging, mixed};
use super::renewal::{in_full, rows, unknown};
use crate::tiles::Part;
use pixels::Image;
use pixels::flow::Cubic;
use pixels::space::Srgb8;

/// How much a key frame counts that shows something else, beside one that shows the same.
const FAINTLY: f32 = 0.005;
/// How decidedly the nearer one is kept where neither shows the same: the power of their shares, beside 1.
const NEARER: f32 = 3.0;
/// How many pixels of a cell must be in neither for it to be painted, if colours are this far off, 0..255; where they are less so it takes more of
/// them: for a moment they may be wrong.
const LEAST_PX: f32 = 40.0;
const PLAINLY: f32 = 60.0;

/// An in-between beside its two key frames.
pub(super) struct Between {
    /// To the one before it and the one after it.
    ways: [Way; 2],
    /// For each pixel that motion is known for, how much of the paintings of the two is kept, and how much of that the later one is, 0..1.
    kept: Vec<[f32; 2]>,
    /// Parts of the frame that are painted, px; none for the whole.
    pub(super) parts: Option<Vec<Part>>,
    /// How much of the frame is plainly in neither, 0..1.
    pub(super) lost: f32,
}

impl Between {
    /// Of a frame of `size` px that is `share` (0..1) of the way from the first key frame to the second.
    pub(super) fn new(now: &Seen, [before, after]: [&Seen; 2], share: f32, size: (usize, usize)) -> Self {
        let (before, after) = rayon::join(|| Followed::new(now, before), || Followed::new(now, after));
        let small = (now.small().width(), now.small().height());
        let [sure_before, sure_after] = [&before, &after].map(|way| way.surely_carried());
        let sure = || sure_before.iter().zip(&sure_after);
        let known: Vec<f32> = sure().map(|(a, b)| a.max(*b)).collect();
        let off = before.off().iter().zip(after.off()).map(|(a, b)| a.min(*b));
        let others: Vec<f32> = off.map(|off| if off < SAME[1] { 0.0 } else { (off / PLAINLY).min(1.0) }).collect();
        let lost = others.iter().sum::<f32>() / others.len() as f32;
        let parts = unknown(&others, small, LEAST_PX);
        let mut kept = known.clone();
        if let Some(parts) = &parts {
            // Elsewhere it is carried, however unsure.
            kept.fill(1.0);
            parts.iter().flat_map(|part| rows(*part, small.0)).flatten().for_each(|i| kept[i] = known[i]);
        }
        let later = |(&a, &b): (&f32, &f32)| {
            let (before, after) = ((1.0 - share) * (a + FAINTLY), share * (b + FAINTLY));
            match a.max(b) {
                1.0.. => after / (before + after),
                // The less sure both are, the more decidedly the nearer one is kept: a mixture would be a double image.
                surest => 1.0 / (1.0 + (before / after).powf(1.0 + NEARER * (1.0 - surest))),
            }
        };
        let kept = kept.into_iter().zip(sure().map(later)).map(|(kept, later)| [kept, later]).collect();
        Self {
            parts: parts.map(|parts| in_full(&parts, small, size)),
            lost,
            kept,
            ways: [before.into_way(), after.into_way()],
        }
    }

    /// The way to the key frame before it.
    pub(super) fn way_back(&self) -> &Way {
        &self.ways[0]
    }

    /// Its painting, from those of its key frames and what was painted of it.
    pub(super) fn carried(&self, [before, after]: [&Cubic; 2], mut painted: Image<Srgb8>) -> Image<Srgb8> {
        let [across, down] = self.ways[0].scale(&painted);
        let [back, forth] = self.ways.each_ref().map(Way::flow);
        let known = |i: usize| {
            let ([kept, later], [a, b], [c, d]) = (self.kept[i], back.pixels()[i], forth.pixels()[i]);
            [kept, later, a * across, b * down, c * across, d * down, 0.0, 0.0]
        };
        enlarging(known, (back.width(), back.height()), &mut painted, |pixel, at, [kept, later, a, b, c, d, ..]| {
            if kept > 0.0 {
                let (before, after) = (before.seen(at, [a, b]), after.seen(at, [c, d]));
                *pixel = mixed(*pixel, before + later * (after - before), kept);
            }
        });
        painted
    }
}
