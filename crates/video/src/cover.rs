//! Frames that make a good cover: sharp, of good contrast, with a face well placed, and spread over the shots.

use crate::clip;
use crate::decode::Decoder;
use crate::error::{Error, ErrorKind};
use crate::paint::readable;
use crate::settings::Span;
use kaiga::faces::Face;
use kaiga::{Studio, unwatched};
use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::{Gray, Srgb8, luma_from_srgb, srgb_from_srgb8};
use std::ops::ControlFlow;
use std::path::Path;

/// The area that frames are looked at, px².
const LOOKED_PX2: f64 = 40_000.0;
/// Side of the grid whose colours say where a shot ends, and by how much of 0..255 they change there.
const GRID: usize = 8;
const OTHER: f64 = 18.0;
/// Frames that are kept of a shot for a closer look, and for each cover that is asked for.
const FROM_SHOT: usize = 3;
const LOOKED_AT: usize = 4;
/// What counts less with every cover that the same shot has already.
const ONCE_MORE: f64 = 0.45;

/// A frame picked for a cover.
pub struct Cover {
    /// When it is shown, s.
    pub at_s: f64,
    /// How good it is, 0 and more; comparable within one video.
    pub score: f64,
    /// The frame in square pixels.
    pub frame: Image<Srgb8>,
    /// Its faces.
    pub faces: Vec<Face>,
}

/// The best `count` frames of a video, best first; fewer where it has not as many that differ. `watch` is called with the
/// seconds looked at, and ends it with `Break`.
///
/// # Errors
/// [`ErrorKind::Input`] if it cannot be read, [`ErrorKind::Cancelled`] if `watch` said so.
pub fn covers(
    studio: &Studio,
    input: &Path,
    span: Span,
    count: usize,
    watch: &dyn Fn(f64) -> ControlFlow<()>,
) -> Result<Vec<Cover>, Error> {
    readable(input)?;
    let clip = clip::probe(input)?;
    let rate = f64::from(clip.rate.0) / f64::from(clip.rate.1);
    let mut decoder = Decoder::start(&clip, span, Some(LOOKED_PX2))?;
    let mut shots = Shots::default();
    while let Some(frame) = decoder.next()? {
        let (over, under) = decoder.shape.tick;
        let at_s = frame.at as f64 * f64::from(over) / f64::from(under) - clip.start_s;
        if span.end_s.is_some_and(|end_s| at_s >= end_s) {
            break;
        }
        if watch(at_s).is_break() {
            return Err(Error::new(ErrorKind::Cancelled, "was interrupted"));
        }
        shots.add(at_s, &frame.image);
    }
    let mut looked = Vec::new();
    for seen in shots.best(count * LOOKED_AT) {
        // The frame itself, and not the one after it.
        let there = Span { start_s: Some((seen.at_s - 0.3 / rate).max(0.0)), end_s: None };
        let mut decoder = Decoder::start(&clip, there, None)?;
        let Some(frame) = decoder.next()? else { continue };
        let frame = square(frame.image, decoder.shape.pixel_aspect);
        let faces = studio.faces(&frame, &unwatched);
        let faces = faces.map_err(|error| Error::new(ErrorKind::Painting, error.to_string()))?;
        let score = seen.score * composed(&faces, (frame.width(), frame.height()));
        looked.push((seen.shot, Cover { at_s: seen.at_s, score, frame, faces }));
    }
    Ok(chosen(looked, count))
}

/// The best that differ: each shot counts less, the more covers it has.
fn chosen(mut looked: Vec<(usize, Cover)>, count: usize) -> Vec<Cover> {
    let (mut taken, mut covers) = (Vec::new(), Vec::new());
    while covers.len() < count && !looked.is_empty() {
        let worth = |(shot, cover): &(usize, Cover)| {
            cover.score * ONCE_MORE.powi(taken.iter().filter(|other| *other == shot).count() as i32)
        };
        let best = (0..looked.len()).max_by(|&a, &b| worth(&looked[a]).total_cmp(&worth(&looked[b])));
        let (shot, cover) = looked.swap_remove(best.unwrap_or(0));
        taken.push(shot);
        covers.push(cover);
    }
    covers
}

/// A frame that was looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    shot: usize,
    at_s: f64,
    score: f64,
}

/// The frames so far, shot by shot.
#[derive(Default)]
struct Shots {
    seen: Vec<Seen>,
    grid: Option<Image<Srgb8>>,
    shot: usize,
}

impl Shots {
    fn add(&mut self, at_s: f64, frame: &Image<Srgb8>) {
        let grid = resize::to(frame, GRID, GRID, Filter::Area);
        if self.grid.as_ref().is_some_and(|before| pixels::compare::mean_difference(before, &grid) > OTHER) {
            self.shot += 1;
        }
        self.grid = Some(grid);
        self.seen.push(Seen { shot: self.shot, at_s, score: look(frame) });
    }

    /// The best of each shot, not close to each other, and of those the best `most`: a turn goes round the shots, so that
    /// none takes all places.
    fn best(mut self, most: usize) -> Vec<Seen> {
        let length_s =
            self.seen.last().map_or(0.0, |last| last.at_s) - self.seen.first().map_or(0.0, |first| first.at_s);
        let apart_s = (length_s / (4.0 * most.max(1) as f64)).clamp(0.1, 10.0);
        self.seen.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut rounds: Vec<(usize, Seen)> = Vec::new();
        // A video of one shot has to yield them all.
        let from_shot = FROM_SHOT.max(most.div_ceil(self.shot + 1));
        for seen in self.seen {
            let own = || rounds.iter().filter(|(_, other)| other.shot == seen.shot);
            let round = own().count();
            if round < from_shot && own().all(|(_, other)| (other.at_s - seen.at_s).abs() >= apart_s) {
                rounds.push((round, seen));
            }
        }
        rounds.sort_by_key(|(round, _)| *round);
        rounds.into_iter().take(most).map(|(_, seen)| seen).collect()
    }
}

/// How good a small frame is: sharp, of some contrast, neither dark nor burnt out.
fn look(frame: &Image<Srgb8>) -> f64 {
    let luma = frame.map::<Gray>(|pixel| 255.0 * luma_from_srgb(srgb_from_srgb8(pixel)));
    let (width, height) = (luma.width(), luma.height());
    let count = luma.pixels().len() as f64;
    let mean = luma.pixels().iter().map(|v| f64::from(*v)).sum::<f64>() / count;
    let spread = (luma.pixels().iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / count).sqrt();
    // The sharpest of 4×4 fields: a face before a soft background is sharp.
    let mut fields = [(0.0f64, 0usize); 16];
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let around = luma.at(x - 1, y) + luma.at(x + 1, y) + luma.at(x, y - 1) + luma.at(x, y + 1);
            let field = &mut fields[y * 4 / height * 4 + x * 4 / width];
            *field = (field.0 + f64::from(4.0 * luma.at(x, y) - around).powi(2), field.1 + 1);
        }
    }
    let mut fields = fields.map(|(sum, count)| (sum / count.max(1) as f64).sqrt());
    fields.sort_by(f64::total_cmp);
    let sharpness = fields[8..].iter().sum::<f64>() / 8.0;
    let exposed = ((mean - 15.0) / 50.0).clamp(0.0, 1.0) * ((245.0 - mean) / 40.0).clamp(0.0, 1.0);
    sharpness.sqrt() * (spread / 50.0).clamp(0.05, 1.0) * (0.1 + 0.9 * exposed)
}

/// What faces make of a frame: the more, the better the largest is seen and placed; 1 without one.
fn composed(faces: &[Face], (width, height): (usize, usize)) -> f64 {
    let (width, height) = (width as f32, height as f32);
    let Some(face) = faces.iter().max_by(|a, b| a.bounds[3].total_cmp(&b.bounds[3])) else { return 1.0 };
    let [left, top, w, h] = face.bounds;
    let inside = left > 0.0 && top > 0.0 && left + w < width && top + h < height;
    // From a tenth of the height on it is what the frame is about; filling it, it is too close.
    let share = h / height;
    let size = (share / 0.25).min(1.0) * ((0.9 - share) / 0.3).clamp(0.0, 1.0);
    // On a third, or in the middle.
    let x = (left + 0.5 * w) / width;
    let off = [1.0 / 3.0, 0.5, 2.0 / 3.0].map(|place: f32| (x - place).abs()).into_iter().fold(1.0, f32::min);
    let placed = (1.0 - 4.0 * off).clamp(0.0, 1.0);
    // Seen from the front: the nose is between the eyes.
    let [a, b, nose, ..] = face.landmarks;
    let turn = ((nose[0] - 0.5 * (a[0] + b[0])).abs() / (b[0] - a[0]).abs().max(1.0)).min(1.0);
    let seen = size * (0.5 + 0.5 * placed) * (1.0 - 0.7 * turn) * if inside { 1.0 } else { 0.3 };
    f64::from(1.0 + 1.5 * seen)
}

/// In pixels as wide as they are high.
fn square(frame: Image<Srgb8>, (over, under): (u32, u32)) -> Image<Srgb8> {
    let width = (frame.width() as f64 * f64::from(over) / f64::from(under)).round().max(1.0) as usize;
    let height = frame.height();
    resize::to(&frame, width, height, Filter::Lanczos3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripes(period: usize, blur: usize, bright: u8) -> Image<Srgb8> {
        Image::from_fn(96, 64, |x, _| {
            let sum: usize = (0..=blur).map(|d| (x + d) / period % 2).sum();
            [(sum * usize::from(bright) / (blur + 1)) as u8; 3]
        })
    }

    #[test]
    fn sharp_and_well_lit_frames_are_better() {
        let sharp = look(&stripes(8, 0, 220));
        assert!(sharp > 1.3 * look(&stripes(8, 5, 220)), "motion blur");
        assert!(sharp > 3.0 * look(&stripes(8, 0, 14)), "a fade");
        assert!(sharp > 10.0 * look(&Image::filled(96, 64, [0; 3])), "black");
    }

    #[test]
    fn covers_are_spread_over_shots() {
        let mut shots = Shots::default();
        for number in 0..60 {
            // Three shots, the first the sharpest.
            let level = [220, 160, 90][number / 20];
            let mut frame = stripes(6, number / 20, level);
            frame.pixels_mut().iter_mut().for_each(|pixel| pixel[2] = [0, 120, 255][number / 20]);
            shots.add(number as f64 / 10.0, &frame);
        }
        let best = shots.best(6);
        let of_shot = |shot: usize| best.iter().filter(|seen| seen.shot == shot).count();
        assert_eq!([0, 1, 2].map(of_shot), [2, 2, 2], "{best:?}");
        let cover = |score| Cover { at_s: 0.0, score, frame: Image::filled(1, 1, [0; 3]), faces: vec![] };
        let scores: Vec<f64> = chosen(vec![(0, cover(10.0)), (0, cover(9.0)), (1, cover(5.0))], 2)
            .iter()
            .map(|cover| cover.score)
            .collect();
        assert_eq!(scores, [10.0, 5.0]);
    }

    #[test]
    fn a_face_on_a_third_is_better_than_one_cut_off() {
        let face = |x: f32, y: f32, side: f32| {
            let at = |u: f32, v: f32| [x + u * side, y + v * side];
            let landmarks = [at(0.3, 0.4), at(0.7, 0.4), at(0.5, 0.6), at(0.35, 0.8), at(0.65, 0.8)];
            vec![Face { bounds: [x, y, side, side], landmarks, score: 0.99 }]
        };
        let of = |faces: &[Face]| composed(faces, (1280, 720));
        assert_eq!(of(&[]), 1.0);
        assert!(of(&face(330.0, 200.0, 200.0)) > of(&face(1080.0, 200.0, 200.0)));
        assert!(of(&face(330.0, 200.0, 200.0)) > of(&face(330.0, -50.0, 200.0)));
        assert!(of(&face(330.0, 200.0, 200.0)) > of(&face(400.0, 300.0, 24.0)));
    }
}
