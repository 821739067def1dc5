//! The mouth: lips as in the photo, and as much of the teeth as it shows.

use super::{Face, Original, median};
use crate::faces::drawing::Part;
use crate::faces::drawing::pen::{Pen, area, between, mix, spline};
use pixels::space::{lab_from_srgb, luma_from_srgb, srgb_from_lab};
use pixels::warp::{Point, distance, smooth_step};
use std::f32::consts::PI;

/// A mouth whose lips are further apart than this, in distances of the eyes, is open.
const MOUTH_OPEN: f32 = 0.07;

/// Nothing in a mouth that shows only teeth is darker than this share of what is lightest. Where others are, they take this share of its
/// height at least.
const ALL_TEETH: f32 = 0.6;
const LEAST_TEETH: f32 = 0.35;
/// How far lips are from the skin's lightness and chroma in Lab, at least and at most.
const LIPS: [[f32; 2]; 3] = [[-20.0, -3.0], [0.0, 18.0], [-8.0, 5.0]];

impl Face<'_> {
    /// Lips as much darker and redder than the skin as they are in the photo.
    pub(super) fn lips(&self, pen: &mut Pen, original: &Original) {
        let outline = original.face.part(Part::Lips);
        let inner = original.face.part(Part::Mouth);
        let places = [3, 5, 7, 13, 15, 17].map(|i| mix(outline[i], inner[i], 0.5));
        let seen = median(original.photo, places.into_iter()).map(lab_from_srgb);
        let skin = median(original.photo, original.face.bare_skin().into_iter()).map(lab_from_srgb);
        let (Some(seen), Some(skin)) = (seen, skin) else { return };
        let painted = lab_from_srgb(self.skin);
        let colour = [0, 1, 2].map(|c| painted[c] + (seen[c] - skin[c]).clamp(LIPS[c][0], LIPS[c][1]));
        let mut points = self.face.part(Part::Lips).to_vec();
        points.push(points[0]);
        let rgb = srgb_from_lab(colour).map(|v| v.clamp(0.0, 1.0));
        pen.fill(area(&spline(&points, 8 * points.len())), self.ink(rgb, Part::Lips, 0.7), None);
    }

    pub(super) fn mouth(&self, pen: &mut Pen, original: &Original) {
        let (lips, inner) = (self.face.part(Part::Lips), self.face.part(Part::Mouth));
        let top: Vec<Point> = inner[..11].to_vec();
        let bottom: Vec<Point> = (10..=20).map(|i| inner[i % 20]).rev().collect();
        let apart = distance(inner[5], inner[15]) / self.face.unit_px;
        let open = smooth_step(0.7 * MOUTH_OPEN, MOUTH_OPEN, apart);
        let taper = |t: f32| (PI * (0.06 + 0.88 * t)).sin().sqrt();
        if open > 0.0 {
            let (upper, lower) = (spline(&top, 60), spline(&bottom, 60));
            let shape = |a: &[Point], b: &[Point]| area(&a.iter().chain(b.iter().rev()).copied().collect::<Vec<_>>());
            // White without gaps as far as teeth are seen, dark below and in the corners.
            let teeth = teeth(original);
            let dark = self.ink([0.36, 0.15, 0.16].map(|v| v * self.glow), Part::Mouth, open);
            let white = self.ink([0.93, 0.895, 0.875].map(|v| v * self.glow), Part::Mouth, open);
            let shares = |i: usize| (PI * i as f32 / 59.0).sin().max(0.0).powf(0.35);
            let edge: Vec<Point> = (0..60).map(|i| mix(upper[i], lower[i], teeth * shares(i))).collect();
            // Beside each other: of two layers half would be more than half.
            pen.fill(shape(&edge, &lower), dark, None);
            pen.fill(shape(&upper, &edge), white, None);
            let wide = smooth_step(0.28, 0.42, apart);
            let tongue = self.ink([0.62, 0.27, 0.28], Part::Mouth, open * wide);
            pen.fill(shape(&between(&upper, &lower, teeth.max(0.6)), &lower), tongue, None);
            let shadow = self.ink([0.80, 0.74, 0.77], Part::Mouth, 0.6 * open);
            pen.fill(shape(&upper, &between(&upper, &edge, 0.22)), shadow, None);
            self.line(pen, &top, (self.ink(self.line, Part::Mouth, open), 4.4), taper);
            self.line(pen, &bottom, (self.ink(self.line, Part::Mouth, 0.8 * open), 2.6), |t| (PI * t).sin());
        }
        let shut = self.ink(self.line, Part::Mouth, 0.95 * (1.0 - open));
        self.line(pen, &between(&top, &bottom, 0.5), (shut, 4.4), taper);
        let under = [lips[17], lips[16], lips[15], lips[14], lips[13]];
        self.line(pen, &under, (self.ink(self.line, Part::Lips, 0.5), 2.2), |t| (PI * t).sin());
    }
}

/// How far down an open mouth teeth are seen in the photo, as a share of its height: what is there is lighter than what is below.
fn teeth(original: &Original) -> f32 {
    const STEPS: usize = 14;
    let inner = original.face.part(Part::Mouth);
    let luma = |share: f32| {
        let places = (3..8).map(|i| mix(inner[i], inner[20 - i], share));
        median(original.photo, places).map_or(0.0, luma_from_srgb)
    };
    let seen: Vec<f32> = (0..STEPS).map(|i| luma(0.08 + 0.84 * i as f32 / (STEPS - 1) as f32)).collect();
    let (dark, light) = (seen.iter().copied().fold(1.0, f32::min), seen.iter().copied().fold(0.0, f32::max));
    if dark > ALL_TEETH * light {
        return 1.0;
    }
    let last = seen.iter().rposition(|&luma| luma > 0.5 * (dark + light)).unwrap_or(STEPS - 1);
    ((last + 1) as f32 / STEPS as f32).clamp(LEAST_TEETH, 1.0)
}
