//! Eyes and brows.

use super::{Face, Original, median};
use crate::faces::drawing::Part;
use crate::faces::drawing::pen::{Pen, area, between, ellipse, mix, shifted, spline, tapered};
use pixels::space::{lab_from_srgb, srgb_from_lab};
use pixels::warp::{Point, distance, smooth_step};
use std::f32::consts::PI;
use tiny_skia::Mask;

/// An eye less open than the first is shut, more than the second open; see [`super::Landmarks::openness`].
const SHUT: [f32; 2] = [0.10, 0.17];
/// Eyes are drawn so wide open that they come this near to the given openness: by a share for each enlargement.
const WIDE_OPEN: f32 = 0.44;
const WIDENED: f32 = 0.4;
/// How much of that the lower lid does.
const BY_LOWER_LID: f32 = 0.3;
/// Brown eyes are no redder than the first and no greener than the second, as a hue of Lab.
const BROWN: f32 = 1.0;
const GREEN: f32 = 2.4;
/// Irises with less than the second share of the skin's warmth are blue or grey, with more than the first brown. Brown, too, are those
/// with less than the first share of its lightness, as dark eyes mirror the sky, and those behind glasses of
/// a face less light (Lab) than the first: that is more likely light in the glass.
const COOL: [f32; 2] = [0.45, 0.2];
const LIGHT: [f32; 2] = [0.34, 0.44];
const FAIR: [f32; 2] = [73.0, 77.0];
/// Those that are not brown have a hue of Lab between these, from teal to blue.
const BLUE: [f32; 2] = [-2.5, -1.3];
/// How much of the skin's colour irises show.
const MIRRORED: f32 = 0.4;
/// A photo whose skin has less chroma (Lab) than the first has no colours, over the second it has all of them.
const GREY: [f32; 2] = [2.0, 7.0];
/// Brows are drawn thicker than their outline, which lies within their hair.
const BROW: f32 = 1.2;

impl Face<'_> {
    pub(super) fn brows(&self, pen: &mut Pen) {
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

    pub(super) fn eye(&self, pen: &mut Pen, eye: Part, iris: Part, original: &Original) {
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
        let face = original.face;
        let ring = [(Part::LeftEye, Part::LeftIris), (Part::RightEye, Part::RightIris)].into_iter();
        let ring = ring.flat_map(|(eye, iris)| {
            let ring = face.part(iris);
            let centre = mix(ring[0], ring[2], 0.5);
            (0..24).filter_map(move |i| {
                // To the sides and below: above is the shade of the lid.
                let angle = -0.4 + (i / 2) as f32 / 11.0 * (PI + 0.8);
                let reach = distance(ring[0], ring[2]) * [0.3, 0.4][i % 2];
                let place = [centre[0] + reach * angle.cos(), centre[1] + reach * angle.sin()];
                is_within(face.part(eye), place).then_some(place)
            })
        });
        let [l, a, b] = lab_from_srgb(median(original.photo, ring).unwrap_or([0.25, 0.18, 0.14]));
        let skin = lab_from_srgb(median(original.photo, face.bare_skin().into_iter()).unwrap_or([0.5; 3]));
        let coloured = smooth_step(GREY[0], GREY[1], skin[1].hypot(skin[2]));
        let warmth = (a + b) / (skin[1] + skin[2]).max(1.0);
        let light = smooth_step(LIGHT[0], LIGHT[1], l / skin[0].max(1.0));
        let glasses = face.glasses.as_ref().map_or(0.0, |glasses| glasses.certainty);
        let unveiled = smooth_step(FAIR[0], FAIR[1], skin[0]).max(1.0 - glasses);
        let cool = smooth_step(COOL[0], COOL[1], warmth) * light * unveiled;
        let chroma = coloured * (a.hypot(b) * 1.5 + 10.0).clamp(14.0, 46.0) * self.style.iris;
        let hue = b.atan2(a);
        let hue = if (BROWN..GREEN).contains(&hue) { hue } else { BROWN };
        // Skin and lashes are mirrored in eyes, which makes light ones look greyer and redder than they are.
        let [of_a, of_b] = [a - MIRRORED * skin[1], b - MIRRORED * skin[2]];
        let tint = |hue: f32, share: f32| [share * chroma * hue.cos(), share * chroma * hue.sin()];
        let (warm, cold) = (tint(hue, 1.0 - cool), tint(of_b.atan2(of_a).clamp(BLUE[0], BLUE[1]), cool));
        let [a, b] = [warm[0] + cold[0], warm[1] + cold[1]];
        [(l + 14.0).clamp(28.0, 60.0), a.hypot(b), b.atan2(a)]
    }
}

/// Whether a place lies within an outline.
fn is_within(outline: &[Point], [x, y]: Point) -> bool {
    let sides = outline.iter().zip(outline.iter().cycle().skip(1));
    let crossed =
        sides.filter(|(p, q)| (p[1] > y) != (q[1] > y) && x < p[0] + (y - p[1]) / (q[1] - p[1]) * (q[0] - p[0]));
    crossed.count() % 2 == 1
}

/// The angle of the line of an eye, which runs from its outer to its inner corner.
fn angle(along: Point, sign: f32) -> f32 {
    (along[1] * sign).atan2(along[0] * sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faces::drawing::tests::landmarks;
    use crate::faces::drawing::{Drawing, FaceStyle};
    use pixels::Image;
    use pixels::space::Srgb8;

    #[test]
    fn light_eyes_are_blue_and_dark_ones_brown_whatever_they_mirror() {
        // The lids of the test's face are a line: here they hang down from it.
        let lids = landmarks().moved(|[x, y]| {
            let along = (x - if x < 100.0 { 58.0 } else { 118.0 }) / 24.0;
            if y == 100.0 { [x, y + 14.0 * (PI * along).sin()] } else { [x, y] }
        });
        let face = Drawing { landmarks: lids, unit_px: 60.0, amount: 1.0, eyes: 1.0, glasses: None };
        let style = FaceStyle::named(&crate::Look::default());
        let hue = |skin: [u8; 3], iris: [u8; 3]| {
            let photo = Image::<Srgb8>::from_fn(200, 240, |_, y| if (100..116).contains(&y) { iris } else { skin });
            let original = Original { photo: &photo, face: &face, person: None };
            Face::new(&face, (&photo, [0.0; 2]), &original, &style).iris_colour(&original)[2]
        };
        let fair = [232, 196, 176];
        assert!((BLUE[0]..=BLUE[1]).contains(&hue(fair, [112, 130, 148])));
        for (skin, iris) in [(fair, [92, 60, 40]), (fair, [28, 30, 38]), ([140, 96, 72], [30, 28, 34])] {
            assert!((BROWN..GREEN).contains(&hue(skin, iris)), "{iris:?}: {}", hue(skin, iris));
        }
    }
}
