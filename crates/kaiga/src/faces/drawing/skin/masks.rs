//! Where on a portrait features and skin are.

use super::Window;
use crate::faces::drawing::glasses::Glasses;
use crate::faces::drawing::pen::{Ink, Pen, area, between, covered, ellipse, mix, spline, tapered};
use crate::faces::drawing::{Drawing, Part};
use pixels::Image;
use pixels::blur::box_mean;
use pixels::space::Gray;
use pixels::warp::Point;

/// How far skin goes on over the outline of the face at the forehead, in distances from the middle of the face.
const FOREHEAD: f32 = 0.34;
/// The neck's skin fades from so far under the jaw to so far, in units: below it is as it was painted.
const NECK: [f32; 2] = [0.4, 1.7];
/// So far over the brows, in units, a fringe may end, and so far from the middle of the face, in distances of its outline, it begins.
const OVER_BROWS: f32 = 0.1;
const AROUND: f32 = 1.6;
/// How much of what is under the nose a moustache keeps.
const KEPT_UNDER_NOSE: f32 = 0.8;

/// What is where in the window, 0..1.
pub(super) struct Masks {
    /// Features that are drawn anew.
    pub(super) covered: Image<Gray>,
    /// Where skin may be: the face, ears and neck.
    pub(super) region: Image<Gray>,
    /// The face alone.
    pub(super) inner: Image<Gray>,
    /// The face down to the tip of the nose: there is no beard.
    pub(super) upper: Image<Gray>,
    /// What is over the brows and beside the eyes, where hair may hang.
    pub(super) fringe: Image<Gray>,
    pub(super) blush: Image<Gray>,
    pub(super) lips: Image<Gray>,
    pub(super) under_nose: Image<Gray>,
}

impl Masks {
    /// A `moustache` (0..1) is kept under the nose and beside the lips.
    pub(super) fn of(face: &Drawing, window: Window, moustache: f32) -> Self {
        let unit = face.unit_px;
        let soft = |share: f32| ((share * unit).round() as usize).max(1);
        let white = |alpha: f32| Ink { rgb: [1.0; 3], alpha };
        let drawn = |draw: &dyn Fn(&mut Pen)| covered(window.width, window.height, draw);
        let closed = |part: Part| {
            let mut points = face.part(part).to_vec();
            points.push(points[0]);
            spline(&points, 8 * points.len())
        };
        let grown = |pen: &mut Pen, part: Part, by: f32, ink: Ink| {
            let outline = closed(part);
            pen.fill(area(&outline), ink, None);
            pen.fill(tapered(&outline, |_| 2.0 * by * unit), ink, None);
        };
        let features = drawn(&|pen| {
            for (part, by) in [
                (Part::LeftEye, 0.075),
                (Part::RightEye, 0.075),
                (Part::LeftBrow, 0.05),
                (Part::RightBrow, 0.05),
                (Part::Lips, 0.025 * (1.0 - moustache)),
            ] {
                grown(pen, part, by, white(face.share(part) / face.amount));
            }
            let base = face.part(Part::NoseBase);
            let nose = face.share(Part::NoseBase) / face.amount * (1.0 - KEPT_UNDER_NOSE * moustache);
            let tip = face.part(Part::Nose)[4];
            let wings: Vec<Point> = base.iter().copied().chain([mix(tip, base[3], 0.2)]).collect();
            pen.fill(area(&wings), white(0.9 * nose), None);
            pen.fill(tapered(base, |_| 0.13 * unit), white(0.9 * nose), None);
            let frames = face.glasses.iter().flat_map(Glasses::strokes);
            for stroke in frames {
                let wide = |t: f32| stroke.share(t) * (stroke.width_px + 0.06 * unit);
                pen.fill(tapered(&stroke.places, wide), white(face.glasses_share() / face.amount), None);
            }
        });
        let oval = closed(Part::Oval);
        let inner = drawn(&|pen| pen.fill(area(&oval), white(1.0), None));
        let points = face.part(Part::Oval);
        let upper: Vec<Point> = (13..18).chain(0..6).map(|i| points[i]).collect();
        let (chin, top) = (points[9], points[0]);
        let long = [chin[0] - top[0], chin[1] - top[1]].map(|v| v / (chin[0] - top[0]).hypot(chin[1] - top[1]));
        let below = |p: Point, by: f32| [p[0] + by * unit * long[0], p[1] + by * unit * long[1]];
        // The forehead goes on over the outline, up to the hair.
        let forehead = || {
            let centre = mix(top, chin, 0.5);
            let outline = [14, 15, 16, 17, 0, 1, 2, 3, 4].map(|i| mix(centre, points[i], 1.0 + FOREHEAD));
            area(&spline(&outline, 40))
        };
        let region = drawn(&|pen| {
            pen.fill(area(&oval), white(1.0), None);
            // Ears, and the neck under the jaw.
            pen.fill(tapered(&points[3..7], |_| 0.5 * unit), white(1.0), None);
            pen.fill(tapered(&points[12..16], |_| 0.5 * unit), white(1.0), None);
            let jaw = [points[6], points[12]];
            let [right, left] = jaw.map(|p| below(p, NECK[1]));
            let middle = mix(jaw[0], jaw[1], 0.5);
            let fading = NECK.map(|by| below(middle, by));
            let neck = area(&[jaw[0], right, left, jaw[1]]);
            pen.blend(neck, [(fading[0], white(1.0)), (fading[1], white(0.0))], None);
            pen.fill(forehead(), white(1.0), None);
        });
        let upper = drawn(&|pen| {
            pen.fill(area(&upper), white(1.0), None);
            pen.fill(forehead(), white(1.0), None);
        });
        // From one end of a brow along it to the other's, then around the forehead.
        let fringe = drawn(&|pen| {
            let brows = [(Part::LeftBrow, [0, 2, 4]), (Part::RightBrow, [4, 2, 0])];
            let brows = brows.into_iter().flat_map(|(part, places)| places.map(|i| face.part(part)[i]));
            let over = brows.map(|p| below(p, -OVER_BROWS));
            let centre = mix(top, chin, 0.5);
            let outer = |i: usize| mix(centre, points[i], AROUND);
            let around = [3, 2, 1, 0, 17, 16, 15].map(outer);
            pen.fill(area(&over.chain(around).collect::<Vec<_>>()), white(1.0), None);
        });
        let blush = drawn(&|pen| {
            let [left, right] = [Part::LeftEye, Part::RightEye].map(|eye| face.part(eye));
            let lips = face.part(Part::Lips);
            for cheek in [mix(left[13], lips[0], 0.42), mix(right[13], lips[10], 0.42)] {
                pen.fill(ellipse(cheek, [0.2 * unit, 0.12 * unit], 0.0), white(0.9), None);
            }
        });
        let lips = drawn(&|pen| pen.fill(area(&closed(Part::Lips)), white(face.share(Part::Lips) / face.amount), None));
        let under_nose = drawn(&|pen| {
            let base = face.part(Part::NoseBase);
            let (upper, lower) = (spline(&base[1..6], 30), spline(&[base[1], base[3], base[5]], 30));
            let lower = between(&lower, &upper, -0.6);
            let shape: Vec<Point> = upper.into_iter().chain(lower.into_iter().rev()).collect();
            pen.fill(area(&shape), white(face.share(Part::NoseBase) / face.amount), None);
        });
        Self {
            covered: box_mean(&features, soft(0.02)),
            region: box_mean(&region, soft(0.06)),
            inner: box_mean(&inner, soft(0.04)),
            upper: box_mean(&box_mean(&upper, soft(0.14)), soft(0.14)),
            fringe: box_mean(&fringe, soft(0.04)),
            blush: box_mean(&box_mean(&blush, soft(0.07)), soft(0.07)),
            lips: box_mean(&lips, soft(0.008)),
            under_nose: box_mean(&under_nose, soft(0.012)),
        }
    }
}
