//! Eyes, brows, nose, mouth and jaw, drawn over the finished picture.
//!
//! Lengths are in the 200th part of the face's unit: about a pixel of a face 500 px high.

use super::contour::{self, Side};
use super::ears::{Ear, ears};
use super::glasses::Glasses;
use super::pen::{Ink, Pen, area, between, ellipse, mix, shifted, spline, tapered};
use super::style::FaceStyle;
use super::{Drawing, Part, apart, median_colour};
use crate::faces::Person;
use pixels::Image;
use pixels::space::{Srgb8, lab_from_srgb, luma_from_srgb, srgb_from_lab, srgb_from_srgb8};
use pixels::warp::{Point, Similarity, distance, smooth_step};
use std::f32::consts::PI;
use tiny_skia::{Mask, Pixmap, PremultipliedColorU8};

/// An eye less open than the first is shut, more than the second open; see [`super::Landmarks::openness`].
const SHUT: [f32; 2] = [0.10, 0.17];
/// Eyes are drawn so wide open that they come this near to the given openness: by a share for each enlargement.
const WIDE_OPEN: f32 = 0.44;
const WIDENED: f32 = 0.4;
/// How much of that the lower lid does.
const BY_LOWER_LID: f32 = 0.3;
/// Brown eyes are no redder than this, as a hue of Lab.
const BROWN: f32 = 1.0;
/// A photo whose skin has less chroma (Lab) than the first has no colours, over the second it has all of them.
const GREY: [f32; 2] = [2.0, 7.0];
/// A mouth whose lips are further apart than this, in distances of the eyes, is open.
const MOUTH_OPEN: f32 = 0.07;

/// The places of the outline that are its jaw.
const JAW: std::ops::Range<usize> = 5..14;
/// So far inside of the outline, in units, lies what says whether it is skin there: by its distance from the skin's colour
/// in Lab, lightness counting half.
const INSIDE: f32 = 0.1;
const NO_SKIN: [f32; 2] = [24.0, 14.0];
/// Outside of the outline it is darker than inside by less than the first where a neck is, by more than the second where a beard is.
const BEARD: [f32; 2] = [16.0, 30.0];
/// So near to the middle of the jaw, as a share of its places, is the chin, and so far from it no more.
const CHIN: [f32; 2] = [0.15, 0.4];

/// Nothing in a mouth that shows only teeth is darker than this share of what is lightest. Where others are, they take this share of its
/// height at least.
const ALL_TEETH: f32 = 0.6;
const LEAST_TEETH: f32 = 0.35;
/// Brows are drawn thicker than their outline, which lies within their hair.
const BROW: f32 = 1.2;
/// What is taken of red, green and blue where form is shaded.
const FORM: [f32; 3] = [0.11, 0.17, 0.16];
/// How far lips are from the skin's lightness and chroma in Lab, at least and at most.
const LIPS: [[f32; 2]; 3] = [[-20.0, -3.0], [0.0, 18.0], [-8.0, 5.0]];
/// A frame is as far from the skin's colour as this at least, in Lab.
const FRAME_APART: f32 = 18.0;

/// So far around the landmarks something is drawn, in units: ears and the temples of glasses.
const AROUND: f32 = 0.6;

/// What a face is drawn with.
struct Face<'a> {
    face: &'a Drawing,
    style: &'a FaceStyle,
    /// The 200th part of the unit, px.
    k: f32,
    /// Colours of the picture, 0..1 sRGB: of skin, of lines, of lashes and of brows.
    skin: [f32; 3],
    line: [f32; 3],
    dark: [f32; 3],
    brow: [f32; 3],
    /// How light white is beside this skin.
    glow: f32,
    /// How much of each place of the jaw is skin and not beard, hair or a hand, 0..1.
    jaw: [f32; JAW.end - JAW.start],
    /// The cheeks before what is behind the person.
    cheeks: Vec<Side>,
    ears: Vec<Ear>,
}

/// The photo and where its places lie: irises keep their colour.
pub(crate) struct Original<'a> {
    pub(crate) photo: &'a Image<Srgb8>,
    /// The same face in the photo's px.
    pub(crate) face: &'a Drawing,
    /// Who it is of, in the photo's px.
    pub(crate) person: Option<&'a Person>,
}

/// Draws the features of a face into `picture`, in whose px the landmarks of `face` are.
pub(crate) fn draw(picture: &mut Image<Srgb8>, face: &Drawing, original: &Original, style: &FaceStyle) {
    let Some((x, y, width, height)) = window(picture, face) else { return };
    let Some(mut pixmap) = Pixmap::new(width as u32, height as u32) else { return };
    let mut taken = picture.crop(x, y, width, height);
    let opaque =
        |[r, g, b]: [u8; 3]| PremultipliedColorU8::from_rgba(r, g, b, 255).unwrap_or(PremultipliedColorU8::TRANSPARENT);
    pixmap.pixels_mut().iter_mut().zip(taken.pixels()).for_each(|(to, from)| *to = opaque(*from));
    let local = face.placed(&Similarity::scaled(1.0, [-(x as f32), -(y as f32)]));
    Face::new(&local, (&taken, [x as f32, y as f32]), original, style).draw(&mut Pen { pixmap: &mut pixmap }, original);
    taken
        .pixels_mut()
        .iter_mut()
        .zip(pixmap.pixels())
        .for_each(|(to, from)| *to = [from.red(), from.green(), from.blue()]);
    picture.paste(x, y, &taken);
}

/// The part of the picture with the features: left, top, width, height.
fn window(picture: &Image<Srgb8>, face: &Drawing) -> Option<(usize, usize, usize, usize)> {
    let span = |axis: usize, length: usize| {
        let values = || face.landmarks.points().iter().map(|p| p[axis]);
        let low = values().fold(f32::INFINITY, f32::min) - AROUND * face.unit_px;
        let high = values().fold(f32::NEG_INFINITY, f32::max) + AROUND * face.unit_px;
        let (low, high) = (low.max(0.0) as usize, high.ceil().clamp(0.0, length as f32) as usize);
        (low < high).then_some((low, high - low))
    };
    let ((x, width), (y, height)) = (span(0, picture.width())?, span(1, picture.height())?);
    Some((x, y, width, height))
}

/// The median of what a picture shows at some places; `None` if all lie outside.
pub(super) fn median(picture: &Image<Srgb8>, places: impl Iterator<Item = Point>) -> Option<[f32; 3]> {
    median_colour(&places.filter_map(|place| shown(picture, place)).collect::<Vec<_>>())
}

/// What a picture shows at a place, sRGB 0..1; `None` outside.
pub(super) fn shown(picture: &Image<Srgb8>, [x, y]: Point) -> Option<[f32; 3]> {
    let inside = x >= 0.0 && y >= 0.0 && x < picture.width() as f32 && y < picture.height() as f32;
    inside.then(|| srgb_from_srgb8(picture.at(x as usize, y as usize)))
}

/// How much of each place of the jaw is drawn, 0..1: around the chin, where skin is inside and a neck outside. To the sides the
/// painting has its contour, or [`contour`] finds one: a second one beside it would be a scar.
fn bare_jaw(face: &Drawing, taken: &Image<Srgb8>, skin: [f32; 3]) -> [f32; JAW.end - JAW.start] {
    let oval = face.part(Part::Oval);
    let (middle, skin) = (mix(oval[0], oval[9], 0.5), lab_from_srgb(skin));
    std::array::from_fn(|i| {
        let place = oval[JAW.start + i];
        let away = INSIDE * face.unit_px / distance(place, middle).max(1e-3);
        let seen = |share: f32| shown(taken, mix(place, middle, share)).map(lab_from_srgb);
        let Some(inside) = seen(away) else { return 0.0 };
        let outside = seen(-away).unwrap_or(inside);
        let chin = smooth_step(CHIN[1], CHIN[0], (i as f32 / (JAW.len() - 1) as f32 - 0.5).abs());
        let neck = smooth_step(BEARD[1], BEARD[0], inside[0] - outside[0]);
        // Shadow under the chin is skin too.
        let darker = (skin[0] - inside[0]).max(0.0) - 14.0;
        let apart = (inside[1] - skin[1]).hypot(inside[2] - skin[2]).hypot(0.6 * darker.max(0.0));
        chin * neck * smooth_step(NO_SKIN[0], NO_SKIN[1], apart)
    })
}

impl<'a> Face<'a> {
    /// Of a face in the part of the picture that is `taken` at `corner`.
    fn new(
        face: &'a Drawing,
        (taken, corner): (&Image<Srgb8>, Point),
        original: &Original,
        style: &'a FaceStyle,
    ) -> Self {
        let skin = median(taken, face.bare_skin().into_iter()).unwrap_or([0.8, 0.65, 0.55]);
        let brows = [Part::LeftBrow, Part::RightBrow].into_iter().flat_map(|part| {
            let outline = original.face.part(part);
            (0..5).map(|i| mix(outline[i], outline[9 - i], 0.5)).collect::<Vec<_>>()
        });
        let hair = median(original.photo, brows).unwrap_or([0.3, 0.22, 0.2]);
        let line = [0, 1, 2].map(|c| skin[c] * style.line[c]);
        let dark = [0, 1, 2].map(|c| (hair[c] * 0.30 + [0.028, 0.016, 0.02][c]).min(0.2));
        let brow = hair.map(|v| (v * 0.6).min(0.5));
        let luma = luma_from_srgb(skin);
        let glow = 0.82 + 0.18 * smooth_step(0.25, 0.7, luma);
        let jaw = bare_jaw(face, taken, skin);
        let (cheeks, ears) = original.person.map_or_else(Default::default, |person| {
            let of_person = |[x, y]: Point| person.at([x + corner[0], y + corner[1]]);
            let cheeks = contour::sides(face, taken, of_person, skin).into();
            (cheeks, ears(face, taken, of_person, skin))
        });
        Self { face, style, k: face.unit_px / 200.0, skin, line, dark, brow, glow, jaw, cheeks, ears }
    }

    fn ink(&self, rgb: [f32; 3], part: Part, alpha: f32) -> Ink {
        self.ink_at(rgb, alpha * self.face.share(part))
    }

    fn ink_at(&self, rgb: [f32; 3], alpha: f32) -> Ink {
        let luma = luma_from_srgb(rgb);
        if self.style.is_black_on_white {
            // What is pale on a face in colour is left away.
            return Ink { rgb: [if luma > 0.55 { 1.0 } else { 0.0 }; 3], alpha: if alpha > 0.45 { 1.0 } else { 0.0 } };
        }
        Ink { rgb: rgb.map(|v| luma + self.style.saturation * (v - luma)), alpha }
    }

    /// A tapered line, `width` in 200ths of the unit, as the look asks for lines.
    fn line(&self, pen: &mut Pen, points: &[Point], (ink, width): (Ink, f32), taper: impl Fn(f32) -> f32) {
        if self.style.lines > 0.0 {
            self.stroke(pen, points, (ink, width * self.style.weight * self.style.lines), taper);
        }
    }

    /// A tapered stroke, `width` in 200ths of the unit.
    fn stroke(&self, pen: &mut Pen, points: &[Point], (ink, width): (Ink, f32), taper: impl Fn(f32) -> f32) {
        let width = width * self.k;
        // Thinner than a pixel a line is as wide and paler.
        let (px, pale) = (width.max(0.9), (width / 0.9).clamp(0.35, 1.0));
        pen.fill(tapered(points, |t| px * taper(t)), Ink { alpha: ink.alpha * pale, ..ink }, None);
    }

    fn draw(&self, pen: &mut Pen, original: &Original) {
        self.cheeks(pen);
        self.ears(pen);
        self.jaw(pen);
        if !self.style.is_black_on_white {
            self.form(pen, original);
            self.lips(pen, original);
        }
        self.nose(pen);
        self.mouth(pen, original);
        for (eye, iris) in [(Part::LeftEye, Part::LeftIris), (Part::RightEye, Part::RightIris)] {
            self.eye(pen, eye, iris, original);
        }
        self.brows(pen);
        if let Some(glasses) = &self.face.glasses {
            self.glasses(pen, glasses);
        }
    }

    /// Frames in their own colour, darker if it is too near to the skin's.
    fn glasses(&self, pen: &mut Pen, glasses: &Glasses) {
        let [l, a, b] = lab_from_srgb(glasses.colour);
        let skin = lab_from_srgb(self.skin);
        let darker = FRAME_APART - apart([l, a, b], skin);
        let l = if darker > 0.0 { l.min(skin[0]) - darker } else { l };
        let ink = self.ink_at(srgb_from_lab([l, a, b]).map(|v| v.clamp(0.0, 1.0)), self.face.glasses_share());
        for stroke in glasses.strokes() {
            let width = stroke.width_px.max(0.9);
            pen.fill(tapered(&stroke.places, |t| width * stroke.share(t)), ink, None);
        }
    }

    fn cheeks(&self, pen: &mut Pen) {
        let ink = self.ink(self.line, Part::Oval, 0.8);
        for Side { places, shares } in &self.cheeks {
            let share = |t: f32| shares[(t * (shares.len() - 1) as f32).round() as usize];
            self.line(pen, places, (ink, 3.6), |t| (PI * t).sin().max(0.0).sqrt() * share(t));
        }
    }

    fn ears(&self, pen: &mut Pen) {
        for Ear { rim, fold, share } in &self.ears {
            let taper = |t: f32| (PI * (0.04 + 0.92 * t)).sin().max(0.0).sqrt();
            self.line(pen, rim, (self.ink(self.line, Part::Oval, 0.8 * share), 3.4), taper);
            self.line(pen, fold, (self.ink(self.line, Part::Oval, 0.5 * share), 2.4), taper);
        }
    }

    fn jaw(&self, pen: &mut Pen) {
        let oval = self.face.part(Part::Oval);
        let ink = self.ink(self.line, Part::Oval, 0.5);
        let bare = |t: f32| {
            let at = t * (self.jaw.len() - 1) as f32;
            let before = (at as usize).min(self.jaw.len() - 2);
            self.jaw[before] + (at - before as f32) * (self.jaw[before + 1] - self.jaw[before])
        };
        self.line(pen, &oval[JAW], (ink, 2.6), |t| (PI * t).sin().max(0.0).sqrt() * bare(t));
    }

    /// The form that flat skin does not show: deep sockets under the brows, and the side of the nose that is turned from the light.
    fn form(&self, pen: &mut Pen, original: &Original) {
        let shade = |depth: f32| [0, 1, 2].map(|c| self.skin[c] * (1.0 - depth * FORM[c]));
        let depth = (1.0 - self.style.shade) / 0.18;
        for (eye, brow) in [(Part::LeftEye, Part::LeftBrow), (Part::RightEye, Part::RightBrow)] {
            let (lids, brow) = (self.face.part(eye), self.face.part(brow));
            let under = spline(&[brow[8], brow[7], brow[6], brow[5]], 20);
            let lid = spline(&[lids[2], lids[4], lids[6], lids[8]], 20);
            let socket: Vec<Point> = under.into_iter().chain(lid.into_iter().rev()).collect();
            pen.fill(area(&socket), self.ink(shade(depth), eye, 0.55), None);
        }
        let (nose, base) = (self.face.part(Part::Nose), self.face.part(Part::NoseBase));
        let is_right = self.light_side(original) < 0.0;
        let (wing, top, inner) = if is_right {
            (base[5], base[6], self.face.part(Part::RightEye)[8])
        } else {
            (base[1], base[0], self.face.part(Part::LeftEye)[8])
        };
        let ridge = spline(&[nose[0], nose[1], nose[2], nose[3], nose[4], base[3]], 30);
        let side = spline(&[wing, top, mix(top, inner, 0.55), mix(nose[0], inner, 0.5)], 20);
        let turned: Vec<Point> = ridge.into_iter().chain(side).collect();
        pen.fill(area(&turned), self.ink(shade(depth), Part::NoseBase, 0.6), None);
    }

    /// Lips as much darker and redder than the skin as they are in the photo.
    fn lips(&self, pen: &mut Pen, original: &Original) {
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

    fn nose(&self, pen: &mut Pen) {
        let base = self.face.part(Part::NoseBase);
        let ink = self.ink(self.line, Part::NoseBase, 0.95);
        for wing in [[base[1], mix(base[1], base[2], 0.5), base[2]], [base[5], mix(base[5], base[4], 0.5), base[4]]] {
            self.line(pen, &wing, (ink, 3.4), |t| (PI * (0.05 + 0.9 * t)).sin());
        }
    }

    fn mouth(&self, pen: &mut Pen, original: &Original) {
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
            pen.fill(shape(&upper, &lower), dark, None);
            let white = self.ink([0.93, 0.895, 0.875].map(|v| v * self.glow), Part::Mouth, open);
            let shares = |i: usize| (PI * i as f32 / 59.0).sin().max(0.0).powf(0.35);
            let edge: Vec<Point> = (0..60).map(|i| mix(upper[i], lower[i], teeth * shares(i))).collect();
            pen.fill(shape(&upper[2..58], &edge[2..58]), white, None);
            let wide = smooth_step(0.28, 0.42, apart);
            let tongue = self.ink([0.62, 0.27, 0.28], Part::Mouth, open * wide);
            pen.fill(shape(&between(&upper, &lower, teeth.max(0.6)), &lower), tongue, None);
            let shadow = self.ink([0.80, 0.74, 0.77], Part::Mouth, 0.6 * open);
            pen.fill(shape(&upper[2..58], &between(&upper, &edge, 0.22)[2..58]), shadow, None);
            self.line(pen, &top, (self.ink(self.line, Part::Mouth, open), 4.4), taper);
            self.line(pen, &bottom, (self.ink(self.line, Part::Mouth, 0.8 * open), 2.6), |t| (PI * t).sin());
        }
        let shut = self.ink(self.line, Part::Mouth, 0.95 * (1.0 - open));
        self.line(pen, &between(&top, &bottom, 0.5), (shut, 4.4), taper);
        let under = [lips[17], lips[16], lips[15], lips[14], lips[13]];
        self.line(pen, &under, (self.ink(self.line, Part::Lips, 0.5), 2.2), |t| (PI * t).sin());
    }

    fn brows(&self, pen: &mut Pen) {
        // As thick as each other, unless one is not sure.
        let thick = |part: Part| {
            let outline = self.face.part(part);
            (1..4).map(|i| distance(outline[i], outline[9 - i])).sum::<f32>() / 3.0
        };
        let both = 0.5 * (thick(Part::LeftBrow) + thick(Part::RightBrow));
        for part in [Part::LeftBrow, Part::RightBrow] {
            let outline = self.face.part(part);
            let middle: Vec<Point> = (0..5).map(|i| mix(outline[i], outline[9 - i], 0.5)).collect();
            let shape =
                |t: f32| (0.25 + 0.75 * (1.5 * t).min(1.0).powf(0.7)) * (1.0 - 0.4 * ((t - 0.85) / 0.15).max(0.0));
            let path = tapered(&middle, |t| BROW * both.max(9.0 * self.k) * shape(t));
            pen.fill(path, self.ink(self.brow, part, 0.92), None);
        }
    }

    fn eye(&self, pen: &mut Pen, eye: Part, iris: Part, original: &Original) {
        let (k, lids) = (self.k, self.face.part(eye));
        let [outer, inner] = [lids[0], lids[8]];
        let width = distance(outer, inner).max(1e-3);
        let along = [(inner[0] - outer[0]) / width, (inner[1] - outer[1]) / width];
        let sign = if eye == Part::LeftEye { 1.0 } else { -1.0 };
        let down = [-along[1] * sign, along[0] * sign];
        let seen = self.face.landmarks.openness(eye);
        let open = smooth_step(SHUT[0], SHUT[1], seen);
        let openness = seen + self.style.eyes * WIDENED * open * (WIDE_OPEN - seen).max(0.0);
        let open_px = openness * width;
        // From the line of the corners.
        let moved = |p: Point, by: f32| {
            let off = (p[0] - outer[0]) * down[0] + (p[1] - outer[1]) * down[1];
            [0, 1].map(|axis| p[axis] + by * off * down[axis])
        };
        let by = openness / seen.max(1e-3) - 1.0;
        let upper: Vec<Point> = lids[..9].iter().map(|&p| moved(p, by * (2.0 - BY_LOWER_LID))).collect();
        let lower = std::iter::once(lids[0]).chain((8..16).rev().map(|i| moved(lids[i], by * BY_LOWER_LID)));
        let lower: Vec<Point> = lower.collect();
        if open > 0.0 {
            self.ball(pen, (eye, iris), [&upper, &lower], (open, open_px, angle(along, sign)), original);
        }
        // The line of the lashes with a wing; of a shut eye it is the lower lid.
        let lid = between(&upper, &lower, 1.0 - open);
        let at = |p: Point, a: f32, d: f32| [0, 1].map(|axis| p[axis] + a * along[axis] + d * down[axis]);
        let wing = at(outer, -0.11 * width, (-0.35 * open + 0.06) * open_px.max(0.08 * width));
        let lash: Vec<Point> = std::iter::once(wing).chain(shifted(&lid, down.map(|v| -k * v))).collect();
        let ink = self.ink(self.dark, eye, 1.0);
        let heavy = 2.5 + 5.0 * self.style.lashes;
        self.stroke(pen, &lash, (ink, heavy), |t| {
            let body = (PI * (0.10 + 0.82 * t).min(1.0)).sin().max(0.0).powf(1.2) * (1.0 - 0.35 * t);
            (0.28 + 0.72 * body) * (t / 0.12).clamp(0.15, 1.0)
        });
        if open > 0.0 {
            let soft = [0, 1, 2].map(|c| 0.5 * (self.dark[c] + self.line[c]));
            self.line(pen, &lower[1..6], (self.ink(soft, eye, 0.75 * open), 2.2), |t| (PI * (0.04 + 0.9 * t)).sin());
            let crease = shifted(&upper[1..8], down.map(|v| -(0.30 * open_px + 3.0 * k) * v));
            self.line(pen, &crease, (self.ink(self.line, eye, 0.6 * open), 2.0), |t| (PI * t).sin());
        }
    }

    /// White, iris, pupil and lights, inside the lids.
    fn ball(
        &self,
        pen: &mut Pen,
        (eye, iris): (Part, Part),
        [upper, lower]: [&[Point]; 2],
        (open, open_px, turn): (f32, f32, f32),
        original: &Original,
    ) {
        let (upper, lower) = (spline(upper, 40), spline(lower, 40));
        let outline: Vec<Point> = upper.iter().chain(lower.iter().rev()).copied().collect();
        let clip: Option<Mask> = pen.clip(area(&outline));
        let clip = clip.as_ref();
        let ink = |rgb: [f32; 3], alpha: f32| self.ink(rgb, eye, alpha * open);
        pen.fill(area(&outline), ink([0.975, 0.97, 0.965].map(|v| v * self.glow), 1.0), None);
        let ring = self.face.part(iris);
        let centre_of = |ring: &[Point]| mix(mix(ring[0], ring[2], 0.5), mix(ring[1], ring[3], 0.5), 0.5);
        let radius_of = |part: Part| 0.5 * distance(self.face.part(part)[0], self.face.part(part)[2]);
        // Both irises are as large as each other.
        let radius = 0.5 * (radius_of(Part::LeftIris) + radius_of(Part::RightIris)) * (1.1 + 0.14 * self.style.eyes);
        let middle = mix(upper[20], lower[20], 0.5);
        let centre = mix(centre_of(ring), middle, 0.2);
        let tall = (1.14 * radius).max(0.6 * open_px);
        let (sin, cos) = turn.sin_cos();
        let at = |dx: f32, dy: f32| [centre[0] + cos * dx - sin * dy, centre[1] + sin * dx + cos * dy];
        let [lightness, chroma, hue] = self.iris_colour(original);
        let tint = |l: f32, c: f32| srgb_from_lab([l, c * hue.cos(), c * hue.sin()]);
        let disc = |scale: f32| ellipse(centre, [1.03 * radius * scale, tall * scale], turn);
        let (top, foot) = (at(0.0, -0.6 * tall), at(0.0, 0.8 * tall));
        pen.fill(disc(1.0), ink(tint(0.30 * lightness, 0.6 * chroma), 1.0), clip);
        let gradient = [
            (top, ink(tint(0.42 * lightness, 0.7 * chroma), 1.0)),
            (foot, ink(tint((1.45 * lightness).min(84.0), 1.15 * chroma), 1.0)),
        ];
        pen.blend(disc(0.88), gradient, clip);
        pen.fill(
            ellipse(centre, [0.42 * radius, 0.46 * tall], turn),
            ink(tint(0.16 * lightness, 0.4 * chroma), 0.95),
            clip,
        );
        // The shade of the upper lid.
        let shade: Vec<Point> = upper.iter().copied().chain(between(&upper, &lower, 0.24).into_iter().rev()).collect();
        pen.fill(area(&shade), ink([0.25, 0.18, 0.26], 0.34), clip);
        // Lights, where the photo's light comes from.
        let side = self.light_side(original);
        let spot = |dx: f32, dy: f32, r: f32| {
            ellipse(at(dx * side * radius, dy * tall), [r * radius, 1.05 * r * radius], turn)
        };
        pen.fill(spot(0.30, -0.42, 0.29), ink([1.0; 3], 1.0), clip);
        pen.fill(spot(-0.36, 0.42, 0.14), ink([1.0, 0.98, 0.96], 0.85), clip);
    }

    /// Lightness, chroma and hue (Lab) of the irises in the photo, made clear.
    fn iris_colour(&self, original: &Original) -> [f32; 3] {
        let ring = [Part::LeftIris, Part::RightIris].into_iter().flat_map(|part| {
            let ring = original.face.part(part);
            let centre = mix(ring[0], ring[2], 0.5);
            let places: Vec<Point> = (0..12)
                .flat_map(|i| {
                    // To the sides and below: above is the shade of the lid.
                    let angle = -0.4 + i as f32 / 11.0 * (PI + 0.8);
                    let reach = distance(ring[0], ring[2]) * 0.5;
                    [0.6, 0.8].map(|r| [centre[0] + reach * r * angle.cos(), centre[1] + reach * r * angle.sin()])
                })
                .collect();
            places
        });
        let [l, a, b] = lab_from_srgb(median(original.photo, ring).unwrap_or([0.25, 0.18, 0.14]));
        let skin = lab_from_srgb(median(original.photo, original.face.bare_skin().into_iter()).unwrap_or([0.5; 3]));
        let coloured = smooth_step(GREY[0], GREY[1], skin[1].hypot(skin[2]));
        let chroma = coloured * (a.hypot(b) * 1.5 + 10.0).clamp(14.0, 46.0) * self.style.iris;
        let hue = b.atan2(a);
        let hue = if (-0.6..BROWN).contains(&hue) { BROWN } else { hue };
        [(l + 14.0).clamp(28.0, 60.0), chroma, hue]
    }

    /// −1 if the photo's light comes from the left, 1 if from the right.
    fn light_side(&self, original: &Original) -> f32 {
        let skin = original.face.bare_skin();
        let luma = |places: [Point; 2]| median(original.photo, places.into_iter()).map_or(0.0, luma_from_srgb);
        if luma([skin[1], skin[3]]) > luma([skin[0], skin[2]]) + 0.02 { 1.0 } else { -1.0 }
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

/// The angle of the line of an eye, which runs from its outer to its inner corner.
fn angle(along: Point, sign: f32) -> f32 {
    (along[1] * sign).atan2(along[0] * sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pixels::space::srgb8_from_srgb;

    #[test]
    fn the_jaw_is_drawn_over_a_neck_and_not_at_a_beard_nor_on_cheeks() {
        let landmarks = super::super::tests::landmarks();
        let face = Drawing { landmarks, unit_px: 60.0, amount: 1.0, eyes: 1.0, glasses: None };
        let skin = [222, 178, 152];
        let jaw = |below: [u8; 3]| {
            let picture = Image::<Srgb8>::from_fn(200, 240, |x, y| {
                let inside = ((x as f32 - 100.0) / 70.0).hypot((y as f32 - 120.0) / 95.0) < 1.0;
                if inside { skin } else { below }
            });
            bare_jaw(&face, &picture, srgb_from_srgb8(skin))
        };
        let (neck, beard) = (jaw([205, 160, 136]), jaw([40, 30, 26]));
        let last = neck.len() - 1;
        assert!(neck[last / 2] > 0.95 && neck[0] < 0.05 && neck[last] < 0.05, "{neck:?}");
        assert!(beard.iter().all(|&drawn| drawn < 0.05), "{beard:?}");
    }

    #[test]
    fn colours_are_the_median_of_what_lies_inside() {
        let picture = Image::<Srgb8>::from_fn(8, 8, |x, _| [30 * x as u8; 3]);
        let places = [[-3.0, 2.0], [1.5, 1.0], [2.5, 1.0], [7.5, 1.0], [90.0, 0.0]];
        assert_eq!(median(&picture, places.into_iter()).map(|p| srgb8_from_srgb(p)[0]), Some(60));
        assert_eq!(median(&picture, [[-1.0, 0.0]].into_iter()), None);
    }
}
