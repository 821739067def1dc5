//! Eyes, brows, nose, mouth and jaw, drawn over the finished picture.
//!
//! Lengths are in the 200th part of the face's unit: about a pixel of a face 500 px high.

mod eyes;
mod mouth;

use super::contour::{self, Side};
use super::ears::{Ear, ears};
use super::glasses::Glasses;
use super::pen::{Ink, Pen, area, mix, spline, tapered};
use super::style::FaceStyle;
use super::{Drawing, Part, apart, median_colour, pixel_at};
use crate::faces::Person;
use pixels::Image;
use pixels::space::{Srgb8, lab_from_srgb, luma_from_srgb, srgb_from_lab, srgb_from_srgb8};
use pixels::warp::{Point, Similarity, distance, smooth_step};
use std::f32::consts::PI;
use tiny_skia::{Pixmap, PremultipliedColorU8};

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

/// What is taken of red, green and blue where form is shaded.
const FORM: [f32; 3] = [0.11, 0.17, 0.16];
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
pub(super) fn shown(picture: &Image<Srgb8>, place: Point) -> Option<[f32; 3]> {
    pixel_at(picture, place).map(srgb_from_srgb8)
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
        let depth = (1.0 - self.style.shade) / 0.18;
        let left = FORM.map(|v| 1.0 - depth * v);
        for (eye, brow) in [(Part::LeftEye, Part::LeftBrow), (Part::RightEye, Part::RightBrow)] {
            let (lids, brow) = (self.face.part(eye), self.face.part(brow));
            let under = spline(&[brow[8], brow[7], brow[6], brow[5]], 20);
            let lid = spline(&[lids[2], lids[4], lids[6], lids[8]], 20);
            let socket: Vec<Point> = under.into_iter().chain(lid.into_iter().rev()).collect();
            pen.darken(area(&socket), self.ink(left, eye, 0.55));
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
        pen.darken(area(&turned), self.ink(left, Part::NoseBase, 0.6));
    }

    fn nose(&self, pen: &mut Pen) {
        let base = self.face.part(Part::NoseBase);
        let ink = self.ink(self.line, Part::NoseBase, 0.95);
        for wing in [[base[1], mix(base[1], base[2], 0.5), base[2]], [base[5], mix(base[5], base[4], 0.5), base[4]]] {
            self.line(pen, &wing, (ink, 3.4), |t| (PI * (0.05 + 0.9 * t)).sin());
        }
    }

    /// −1 if the photo's light comes from the left, 1 if from the right.
    fn light_side(&self, original: &Original) -> f32 {
        let skin = original.face.bare_skin();
        let luma = |places: [Point; 2]| median(original.photo, places.into_iter()).map_or(0.0, luma_from_srgb);
        if luma([skin[1], skin[3]]) > luma([skin[0], skin[2]]) + 0.02 { 1.0 } else { -1.0 }
    }
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
