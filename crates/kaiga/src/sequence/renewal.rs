//! How much of a frame is painted anew. Most of a film is what the frame before showed, a little further on: its painting is
//! carried along, only what has become another picture is painted, and from time to time the whole.

use super::history::{Followed, SAME, Seen, size, widest};
use crate::look::Stability;
use crate::tiles::Part;
use pixels::Image;
use pixels::blur::box_mean;
use pixels::flow::carried;
use pixels::space::{Srgb, Srgb8};
use pixels::warp::smooth_step;
use rayon::prelude::*;

/// How much of what was there before stays of each frame, at most: the rest is painted anew.
const MOST_KEPT: f32 = 0.93;
/// The whole is painted again when so many frames have been carried whose every pixel moved. Each carrying blurs a little.
const CARRIED_AT_MOST: f32 = 2.0;
/// As which a frame counts at which nothing moves.
const AT_REST: f32 = 0.15;
/// The whole is painted where parts, with what is painted around them, would be more than this share of it.
const WHOLE_FROM: f32 = 0.6;
/// Side of the cells that are painted or carried, px of the picture that motion is looked for in, and how many of such a cell's
/// pixels must have become others: less is noise.
const CELL_PX: usize = 16;
const LEAST_PX: f32 = 24.0;
/// How far a carried pixel's source may be from what is seen there now: the middle of [`SAME`].
const ANEW: f32 = 0.5;
/// A pixel is painted anew when it has moved more often than this since it was: each time blurs it, and frays borders.
const WORN: f32 = 2.5;
/// How much is kept of what is the same as in the frame before and yet worn, or another picture than what it was painted from: half of
/// the way is made up with each frame.
const STALE_KEPT: f32 = 0.5;
/// What is painted around a part, px of the same picture, and what it costs beside its area, px²: counts when parts are put together.
const AROUND_PX: usize = 12;
const EACH_PX2: usize = 1000;
/// How much further than to its border a part is needed: what is kept is known to this many px.
const SOFT_PX: usize = 2;

/// What of a frame is painted, beside the painting before it.
pub(super) struct Renewal {
    /// Parts of the frame, px; none for the whole.
    pub(super) parts: Option<Vec<Part>>,
    /// How much is kept of the painting before, 0..1, for each pixel that motion is known for.
    pub(super) kept: Vec<f32>,
}

/// What a painting shows: the source that each of its pixels was painted from, carried along with it.
pub(super) struct Shown {
    source: Image<Srgb8>,
    /// How often each pixel has moved since it was painted.
    wear: Vec<f32>,
    /// Frames carried since the whole was painted, each as far as it moved.
    carried: f32,
}

impl Shown {
    /// By a painting of the whole frame.
    pub(super) fn whole(seen: &Seen) -> Self {
        let (source, carried) = (seen.small().clone(), 0.0);
        Self { wear: vec![0.0; source.pixels().len()], source, carried }
    }

    /// What is painted of the next frame, `size` px large, and what its painting shows. With `rests` paintings cannot be carried; with
    /// `all` the whole is painted whatever is seen.
    pub(super) fn next(
        &self,
        seen: &Seen,
        followed: &Followed,
        stability: Stability,
        (rests, all): (bool, bool),
        size: (usize, usize),
    ) -> (Self, Renewal) {
        let (flow, sure, small) = (followed.way().flow(), followed.sure(), seen.small());
        let (w, h) = (small.width(), small.height());
        let mut source = carried(&self.source, flow);
        let most = MOST_KEPT * stability.get().sqrt();
        let moves = |way: &[f32; 2]| f32::from(*way != [0.0; 2]);
        let moving = flow.pixels().iter().map(moves).sum::<f32>() / flow.pixels().len() as f32;
        let mut wear: Vec<f32> = self.wear.iter().zip(flow.pixels()).map(|(wear, way)| wear + moves(way)).collect();
        let frames = self.carried + moving.max(AT_REST);
        let parts = if all || rests || frames > CARRIED_AT_MOST { None } else { stale(small, &source, &wear, sure) };
        let kept = match &parts {
            // What moved as if it had been painted with each frame.
            None => sure.iter().zip(&wear).map(|(sure, wear)| most.powf(1.0 + (wear - 1.0).max(0.0)) * sure).collect(),
            Some((kept, _)) => kept.clone(),
        };
        let blend = |(source, (now, kept)): (&mut [u8; 3], (&[u8; 3], &f32))| {
            let mixed = |was: u8, now: u8| f32::from(now) + kept * (f32::from(was) - f32::from(now));
            *source = [0, 1, 2].map(|c| (mixed(source[c], now[c]) + 0.5) as u8);
        };
        source.pixels_mut().iter_mut().zip(small.pixels().iter().zip(&kept)).for_each(blend);
        wear.iter_mut().zip(&kept).for_each(|(wear, kept)| *wear *= kept);
        let frames = if parts.is_some() { frames } else { 0.0 };
        let parts = parts.map(|(_, parts)| in_full(&parts, (w, h), size));
        (Self { source, wear, carried: frames }, Renewal { parts, kept })
    }
}

/// Parts of a frame of so many px where it is `width`×`height` px large.
pub(super) fn in_full(parts: &[Part], (w, h): (usize, usize), (width, height): (usize, usize)) -> Vec<Part> {
    let scale = [width as f32 / w as f32, height as f32 / h as f32];
    let full = |part: &Part| {
        let Part { x, y, width: w, height: h } = part.grown(SOFT_PX, w, h);
        let (left, top) = ((x as f32 * scale[0]) as usize, (y as f32 * scale[1]) as usize);
        let right = ((((x + w) as f32) * scale[0]).ceil() as usize).min(width);
        let bottom = ((((y + h) as f32) * scale[1]).ceil() as usize).min(height);
        Part { x: left, y: top, width: right - left, height: bottom - top }
    };
    parts.iter().map(full).collect()
}

/// How much is kept of each pixel and the parts that are painted, where the carried `source` is not what is seen in `small` any more or
/// is worn; `None` if that is most of it.
fn stale(small: &Image<Srgb8>, source: &Image<Srgb8>, wear: &[f32], sure: &[f32]) -> Option<(Vec<f32>, Vec<Part>)> {
    let (w, h) = (small.width(), small.height());
    let off = |i: usize| {
        let (now, was) = (small.pixels()[i], source.pixels()[i]);
        [0, 1, 2].map(|c| f32::from(now[c]) - f32::from(was[c]))
    };
    let off = Image::<Srgb>::new(w, h, (0..w * h).into_par_iter().with_min_len(1024).map(off).collect());
    let off: Vec<f32> = box_mean(&off, 1).pixels().iter().copied().map(size).collect();
    let same = |(off, (wear, sure)): (f32, (&f32, &f32))| match *wear {
        WORN.. => 0.0,
        _ => smooth_step(SAME[1], SAME[0], off).min(*sure),
    };
    let same: Vec<f32> = widest(&off, w, h).into_iter().zip(wear.iter().zip(sure)).map(same).collect();
    let others: Vec<f32> = same.iter().map(|same| f32::from(*same < ANEW)).collect();
    let parts = unknown(&others, (w, h), LEAST_PX)?;
    let mut kept = vec![1.0; w * h];
    for i in parts.iter().flat_map(|part| rows(*part, w)).flatten() {
        kept[i] = sure[i] * (STALE_KEPT + (1.0 - STALE_KEPT) * same[i]);
    }
    Some((kept, parts))
}

/// The parts of a frame of so many px that are painted because in a cell the numbers of its pixels are `least` or more together; `None` if that
/// is most of the frame.
pub(super) fn unknown(others: &[f32], (w, h): (usize, usize), least: f32) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    for (x, y) in (0..h).step_by(CELL_PX).flat_map(|y| (0..w).step_by(CELL_PX).map(move |x| (x, y))) {
        let cell = Part { x, y, width: CELL_PX.min(w - x), height: CELL_PX.min(h - y) };
        if rows(cell, w).flatten().map(|i| others[i]).sum::<f32>() >= least {
            parts.push(cell);
        }
    }
    let parts = together(parts, w, h);
    let area: usize = parts.iter().map(|part| area(part.grown(AROUND_PX, w, h)) + EACH_PX2).sum();
    (area as f32 <= WHOLE_FROM * (w * h) as f32).then_some(parts)
}

/// Where the rows of a part lie in a picture `width` px wide.
pub(super) fn rows(part: Part, width: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (part.y..part.y + part.height).map(move |y| y * width + part.x..y * width + part.x + part.width)
}

fn area(part: Part) -> usize {
    part.width * part.height
}

/// Fewer and larger parts that hold all of these, where painting them together costs no more than one by one. They do not overlap.
fn together(mut parts: Vec<Part>, width: usize, height: usize) -> Vec<Part> {
    let grown = |part: Part| part.grown(AROUND_PX, width, height);
    loop {
        let pays = |a: Part, b: Part| {
            let (a, b, both) = (grown(a), grown(b), grown(a.around(b)));
            a.meets(b) || area(both) <= area(a) + area(b) + EACH_PX2
        };
        let pair =
            (0..parts.len()).find_map(|i| (i + 1..parts.len()).find(|&j| pays(parts[i], parts[j])).map(|j| (i, j)));
        let Some((i, j)) = pair else { return parts };
        let other = parts.swap_remove(j);
        parts[i] = parts[i].around(other);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn near_cells_are_painted_together_and_far_ones_apart() {
        let cell = |x: usize, y: usize| Part { x, y, width: CELL_PX, height: CELL_PX };
        let cells = vec![cell(0, 0), cell(16, 0), cell(160, 96), cell(32, 16), cell(176, 96)];
        let parts = together(cells.clone(), 400, 300);
        assert_eq!(parts.len(), 2, "{parts:?}");
        assert!(!parts[0].meets(parts[1]));
        assert!(cells.iter().all(|cell| parts.iter().any(|part| part.around(*cell) == *part)), "{parts:?}");
    }

    #[test]
    fn what_is_another_picture_or_worn_is_painted_anew() {
        let ground = Image::<Srgb8>::filled(320, 240, [90, 120, 150]);
        let mut now = ground.clone();
        now.paste(200, 100, &Image::filled(30, 30, [220, 60, 60]));
        let mut wear = vec![0.0; 320 * 240];
        assert_eq!(stale(&ground, &ground, &wear, &[1.0; 320 * 240]).unwrap().1, []);
        let (kept, parts) = stale(&now, &ground, &wear, &[1.0; 320 * 240]).unwrap();
        let [part] = parts[..] else { panic!("{parts:?}") };
        let changed = Part { x: 200, y: 100, width: 30, height: 30 };
        assert_eq!(part.around(changed), part);
        assert!(kept[115 * 320 + 215] < 0.51 && kept[20 * 320 + 20] == 1.0);
        for y in 0..40 {
            wear[y * 320..][..40].fill(3.0);
        }
        assert_eq!(stale(&now, &ground, &wear, &[1.0; 320 * 240]).unwrap().1.len(), 2);
        assert!(stale(&now, &ground, &[3.0; 320 * 240], &[1.0; 320 * 240]).is_none(), "most of it: then all");
    }
}
