//! Hair in three tones whose borders follow its locks, with a band of light, laid over the finished picture.
//!
//! Where hair is, is found by what is known of the person and by colour: it begins over the forehead and goes on as far
//! as what is of its colours hangs together.

use super::pen::{Ink, area, covered, mix, spline};
use super::strands::strands;
use super::style::FaceStyle;
use super::{Drawing, Part, apart, median, median_colour};
use crate::faces::Person;
use pixels::Image;
use pixels::blur::gaussian;
use pixels::guided::guided;
use pixels::image::zip;
use pixels::lines::{flow_dog, smooth_along_edges};
use pixels::resize::{self, Filter};
use pixels::space::{Gray, Srgb, Srgb8, lab_from_srgb, luma_from_srgb, srgb_from_srgb8, srgb8_from_srgb};
use pixels::warp::{Point, Similarity, distance, smooth_step};
use rayon::prelude::*;

/// The unit of the face at the size at which hair is looked at, px.
const UNIT_PX: f32 = 80.0;
/// How far around the eyes hair is looked for, in units: to either side, up and down.
const AROUND: [f32; 3] = [2.6, 2.8, 3.8];
/// Locks are drawn down to the shoulders, so far below the eyes; hair hangs so far: what it lies on may be as dark.
const SHOULDERS: [f32; 2] = [1.9, 2.7];
const HANGS: [f32; 2] = [2.6, 3.7];
/// How far it stands to either side.
const BESIDE: [f32; 2] = [1.9, 2.5];
/// Hair that covers less than the first share of what is beside the lower face is short there, more than the second long.
const LONG: [f32; 2] = [0.22, 0.42];
/// How far over the outline of the face its first places are, in units.
const OVER: [f32; 4] = [0.12, 0.22, 0.32, 0.42];
/// Distance in Lab from the skin's colour over which a place over the forehead is no bald head.
const NO_SKIN: f32 = 13.0;
/// Places that differ more from most of hair than this, in the same measure, are something else.
const ALIKE: f32 = 14.0;
/// Least share of the first places that must show hair.
const LEAST: f32 = 0.4;
/// How far locks differ from their surroundings at least, in luma: evener hair is left even.
const LEAST_CONTRAST: f32 = 0.018;

/// How much of what a look makes hair lighter stays: of hair under the first luma (0..1) so much, over the second all of it.
const LIGHTER: f32 = 0.3;
const DARK: [f32; 2] = [0.22, 0.4];
/// How much of how its light differs over the head stays, and the most that a place becomes lighter by that, as a factor.
const UNEVEN: f32 = 0.7;
const MOST_LIGHTER: f32 = 1.5;

/// What is left of red, green and blue in the shadow of locks.
const SHADOW: [f32; 3] = [0.70, 0.68, 0.74];

/// Where a place lies beside the face, in its units: to the right and down from the middle of the eyes.
struct Frame {
    eyes: Point,
    down: Point,
    unit_px: f32,
}

impl Frame {
    fn of(face: &Drawing) -> Self {
        let oval = face.part(Part::Oval);
        let middle = |part: Part| mix(face.part(part)[0], face.part(part)[8], 0.5);
        let length = distance(oval[0], oval[9]).max(1e-3);
        let down = [0, 1].map(|axis| (oval[9][axis] - oval[0][axis]) / length);
        Self { eyes: mix(middle(Part::LeftEye), middle(Part::RightEye), 0.5), down, unit_px: face.unit_px }
    }

    fn beside(&self, p: Point) -> Point {
        let [x, y] = [0, 1].map(|axis| (p[axis] - self.eyes[axis]) / self.unit_px);
        [x * self.down[1] - y * self.down[0], x * self.down[0] + y * self.down[1]]
    }

    fn place(&self, [x, y]: Point) -> Point {
        let turned = [x * self.down[1] + y * self.down[0], y * self.down[1] - x * self.down[0]];
        [0, 1].map(|axis| self.eyes[axis] + self.unit_px * turned[axis])
    }
}

/// A part of the picture: left, top, width and height, px.
type Window = (usize, usize, usize, usize);

/// Lays the hair of a face, in whose picture's px the landmarks, the person and the photo are.
pub(crate) fn lay(
    picture: &mut Image<Srgb8>,
    photo: &Image<Srgb8>,
    face: &Drawing,
    person: &Person,
    style: &FaceStyle,
) {
    let frame = Frame::of(face);
    let Some((x, y, width, height)) = window(picture, &frame) else { return };
    let taken = picture.crop(x, y, width, height);
    let shrink = (UNIT_PX / frame.unit_px).min(1.0);
    let [w, h] = [width, height].map(|side| ((side as f32 * shrink).round() as usize).max(1));
    let small = resize::to(&taken, w, h, Filter::Area).map::<Srgb>(srgb_from_srgb8);
    let corner = [x as f32, y as f32];
    let steps = [width as f32 / w as f32, height as f32 / h as f32];
    let local = face.placed(&Similarity::scaled(1.0, corner.map(|v| -v)));
    let in_photo = photo.crop(x, y, width, height);
    let strands = resize::to(&strands(&in_photo, &local), w, h, Filter::Area);
    let in_photo = resize::to(&in_photo, w, h, Filter::Area).map::<Srgb>(srgb_from_srgb8);
    let seen = Seen { small, in_photo, strands, frame, corner, steps, shrink };
    let Some(mask) = seen.hair(face, person) else { return };
    let Locks { tone, light, line, base, depth } = seen.locks(&mask);

    let full = |plane: &Image<Gray>| resize::to(plane, width, height, Filter::Mitchell);
    let (mask, tone, light, line, depth) = (full(&mask), full(&tone), full(&light), full(&line), full(&depth));
    let base = resize::to(&base, width, height, Filter::Bilinear);
    let amount = face.amount * style.hair;
    // The picture is as colourful as the look says already; the tint of shadows must be, too.
    let grey = luma_from_srgb(SHADOW);
    let shadow = SHADOW.map(|v| grey + style.saturation * (v - grey));
    let laid = |i: usize| {
        let from = srgb_from_srgb8(taken.pixels()[i]);
        let share = amount * mask.pixels()[i].clamp(0.0, 1.0);
        if share < 0.004 {
            return taken.pixels()[i];
        }
        let place = [corner[0] + (i % width) as f32 + 0.5, corner[1] + (i / width) as f32 + 0.5];
        let drawn = smooth_step(SHOULDERS[1], SHOULDERS[0], seen.frame.beside(place)[1]);
        let base = base.pixels()[i];
        let shaded = smooth_step(-0.55, -0.85, tone.pixels()[i]);
        let lit = smooth_step(0.8, 1.0, light.pixels()[i]) * (1.0 - shaded);
        let inked = style.lines.min(1.0) * smooth_step(0.8, 1.3, line.pixels()[i]);
        let colour = [0, 1, 2].map(|c| {
            let v = base[c] * (1.0 - shaded * (1.0 - shadow[c]));
            let v = v + lit * (0.22 + 0.12 * base[c]) * (1.0 - v);
            let below = depth.pixels()[i] * from[c];
            below + drawn * (v * (1.0 - 0.5 * inked) - below)
        });
        srgb8_from_srgb([0, 1, 2].map(|c| from[c] + share * (colour[c] - from[c])))
    };
    let done: Vec<[u8; 3]> = (0..width * height).into_par_iter().with_min_len(4096).map(laid).collect();
    picture.paste(x, y, &Image::new(width, height, done));
}

fn window(picture: &Image<Srgb8>, frame: &Frame) -> Option<Window> {
    let [side, up, down] = AROUND;
    let corners = [[-side, -up], [side, -up], [-side, down], [side, down]].map(|p| frame.place(p));
    let span = |axis: usize, length: usize| {
        let low = corners.iter().map(|p| p[axis]).fold(f32::INFINITY, f32::min).max(0.0) as usize;
        let high = corners.iter().map(|p| p[axis]).fold(0.0, f32::max).min(length as f32) as usize;
        (low + 8 < high).then_some((low, high - low))
    };
    let ((x, width), (y, height)) = (span(0, picture.width())?, span(1, picture.height())?);
    Some((x, y, width, height))
}

/// The surroundings of a face, small.
struct Seen {
    small: Image<Srgb>,
    /// The same of the photo.
    in_photo: Image<Srgb>,
    /// How much of each pixel the photo shows as strands, 0..1.
    strands: Image<Gray>,
    frame: Frame,
    /// Of the window, px of the picture.
    corner: Point,
    /// Px of the picture for each of the small one.
    steps: [f32; 2],
    /// The inverse of that.
    shrink: f32,
}

/// The colours of a picture, of skin and of hair in it: L*a*b*. And the first places that show hair.
struct Colours {
    of_hair: Vec<usize>,
    lab: Vec<[f32; 3]>,
    skin: [[f32; 3]; 3],
    tones: Vec<[f32; 3]>,
}

impl Colours {
    /// How much a pixel that shows so much of strands, 0..1, is like hair, 0..1.
    fn alike(&self, i: usize, strands: f32) -> f32 {
        let nearest = |to: &[[f32; 3]]| to.iter().map(|c| apart(self.lab[i], *c)).fold(f32::INFINITY, f32::min);
        let (hair, skin) = (nearest(&self.tones), nearest(&self.skin));
        smooth_step(-1.0, 6.0, skin - hair).max(strands) * smooth_step(20.0, 11.0, hair)
    }
}

/// What hair is made of: planes of the small picture.
struct Locks {
    /// How much lighter a place is than its surroundings, in the usual deviation.
    tone: Image<Gray>,
    /// The same with the band of light.
    light: Image<Gray>,
    /// Where lines are drawn between locks: from 1 on.
    line: Image<Gray>,
    /// Its colour without locks.
    base: Image<Srgb>,
    /// How much darker that is than it was painted, as a factor.
    depth: Image<Gray>,
}

impl Seen {
    fn unit_px(&self) -> f32 {
        self.frame.unit_px * self.shrink
    }

    fn place(&self, x: usize, y: usize) -> Point {
        [self.corner[0] + (x as f32 + 0.5) * self.steps[0], self.corner[1] + (y as f32 + 0.5) * self.steps[1]]
    }

    /// The pixel that shows a place of the picture.
    fn pixel(&self, p: Point) -> Option<usize> {
        let [x, y] = [0, 1].map(|axis| (p[axis] - self.corner[axis]) / self.steps[axis]);
        let inside = x >= 0.0 && y >= 0.0 && x < self.small.width() as f32 && y < self.small.height() as f32;
        inside.then(|| y as usize * self.small.width() + x as usize)
    }

    fn plane(&self, of: impl Fn(usize, Point) -> f32 + Sync) -> Image<Gray> {
        let (width, height) = (self.small.width(), self.small.height());
        let value = |i: usize| of(i, self.place(i % width, i / width));
        Image::new(width, height, (0..width * height).into_par_iter().with_min_len(2048).map(value).collect())
    }

    /// How much of each pixel is hair, 0..1; `None` if there is none to speak of.
    fn hair(&self, face: &Drawing, person: &Person) -> Option<Image<Gray>> {
        let people = self.plane(|_, p| person.at(p));
        let first = self.first_places(face);
        let seeds: Vec<usize> = first.iter().copied().filter(|&i| people.pixels()[i] > 0.6).collect();
        let in_photo = self.colours(&self.in_photo, face, &seeds)?;
        if in_photo.of_hair.len() < 5 || (in_photo.of_hair.len() as f32) < LEAST * first.len() as f32 {
            return None;
        }
        // In the painting the shadow of a jaw is skin, as it was drawn; outside of the face the photo is surer, as looks make hair lighter.
        let painted = self.colours(&self.small, face, &seeds)?;
        let oval = self.oval(face);
        let likely = self.plane(|i, p| {
            let [x, y] = self.frame.beside(p);
            let (inside, strands) = (oval.pixels()[i], self.strands.pixels()[i]);
            let alike = in_photo.alike(i, strands);
            let alike = alike + inside * (alike.min(painted.alike(i, strands)) - alike);
            // Not brows, eyes and beards.
            let fringe = smooth_step(-0.42, -0.6, y).max(smooth_step(0.95, 1.1, x.abs()));
            let face = 1.0 - inside * (1.0 - fringe);
            let near = smooth_step(HANGS[1], HANGS[0], y) * smooth_step(BESIDE[1], BESIDE[0], x.abs());
            let throat = 1.0 - smooth_step(0.95, 0.75, x.abs()) * smooth_step(0.7, 0.9, y);
            alike * people.pixels()[i] * face * throat * near
        });
        let joined = joined(&likely, &in_photo.of_hair);
        let rough = zip::<Gray>(&likely, |i| if joined[i] { likely.pixels()[i] } else { 0.0 });
        let long = [-1.0, 1.0].map(|side| self.long(&rough, face, side));
        // On a shoulder only hair that comes down beside the face: shirts may be as dark.
        let rough = self.plane(|i, p| {
            let [x, y] = self.frame.beside(p);
            let long = long[usize::from(x > 0.0)];
            rough.pixels()[i] * (long + (1.0 - long) * smooth_step(0.95, 0.75, y))
        });
        let radius = |share: f32| ((share * self.unit_px()).round() as usize).max(1);
        let even = gaussian(&rough, 0.025 * self.unit_px());
        let fine = guided(&self.small, &even, radius(0.06), 1e-4);
        let clear = fine.map::<Gray>(|v| smooth_step(0.4, 0.75, v));
        let share = clear.pixels().iter().sum::<f32>() / (self.unit_px() * self.unit_px());
        (share > 0.15).then_some(clear)
    }

    /// What hair and skin look like in a picture, and which of the pixels `seeds` show hair in it; `None` if none does.
    fn colours(&self, picture: &Image<Srgb>, face: &Drawing, seeds: &[usize]) -> Option<Colours> {
        let lab: Vec<[f32; 3]> = picture.pixels().par_iter().map(|p| lab_from_srgb(*p)).collect();
        let skin: Vec<[f32; 3]> = face.bare_skin().into_iter().filter_map(|p| Some(lab[self.pixel(p)?])).collect();
        let [l, a, b] = median_colour(&skin)?;
        // In light, in shadow, and where it shines.
        let skin = [[l, a, b], [l - 14.0, a + 2.0, b + 2.0], [l + 14.0, 0.55 * a, 0.55 * b]];
        let is_hair = |&i: &usize| self.strands.pixels()[i] > 0.5 || skin.iter().all(|s| apart(lab[i], *s) > NO_SKIN);
        let of_hair: Vec<usize> = seeds.iter().copied().filter(is_hair).collect();
        let tones = tones(of_hair.iter().map(|&i| lab[i]).collect())?;
        Some(Colours { of_hair, lab, skin, tones })
    }

    /// How far hair comes down to the shoulder on a side of the face, −1 or 1 as [`Frame::beside`] counts: 0..1.
    fn long(&self, hair: &Image<Gray>, face: &Drawing, side: f32) -> f32 {
        let edge = face.part(Part::Oval).iter().map(|p| side * self.frame.beside(*p)[0]).fold(0.0, f32::max);
        let place = |i: usize| [side * (edge + 0.05 + 0.1 * (i % 6) as f32), 0.45 + 0.1 * (i / 6) as f32];
        let seen = (0..30).filter_map(|i| Some(hair.pixels()[self.pixel(self.frame.place(place(i)))?]));
        smooth_step(LONG[0], LONG[1], seen.sum::<f32>() / 30.0)
    }

    /// Pixels just over the forehead and the temples.
    fn first_places(&self, face: &Drawing) -> Vec<usize> {
        let oval = face.part(Part::Oval);
        let centre = mix(oval[0], oval[9], 0.5);
        let over = |i: usize| {
            let away = distance(oval[i], centre).max(1e-3);
            OVER.map(|far| {
                [0, 1].map(|axis| oval[i][axis] + (oval[i][axis] - centre[axis]) / away * far * face.unit_px)
            })
        };
        [15, 16, 17, 0, 1, 2, 3].into_iter().flat_map(over).filter_map(|p| self.pixel(p)).collect()
    }

    /// The face within its outline.
    fn oval(&self, face: &Drawing) -> Image<Gray> {
        let small = |p: &Point| [0, 1].map(|axis| (p[axis] - self.corner[axis]) / self.steps[axis]);
        let mut points: Vec<Point> = face.part(Part::Oval).iter().map(small).collect();
        points.push(points[0]);
        let outline = spline(&points, 8 * points.len());
        let white = Ink { rgb: [1.0; 3], alpha: 1.0 };
        covered(self.small.width(), self.small.height(), |pen| pen.fill(area(&outline), white, None))
    }

    fn locks(&self, mask: &Image<Gray>) -> Locks {
        let unit = self.unit_px();
        let flowing = smooth_along_edges(&smooth_along_edges(&self.small, 0.13 * unit), 0.13 * unit);
        let luma = flowing.map::<Gray>(luma_from_srgb);
        // Mean over hair alone.
        let weighted = |values: &dyn Fn(usize) -> f32, sigma: f32| {
            let product = (0..mask.pixels().len()).map(|i| mask.pixels()[i].powi(2) * values(i)).collect();
            gaussian(&Image::<Gray>::new(mask.width(), mask.height(), product), sigma)
        };
        let over_hair = |values: &dyn Fn(usize) -> f32, sigma: f32| {
            let (sum, weight) = (weighted(values, sigma), weighted(&|_| 1.0, sigma));
            let mean = sum.pixels().iter().zip(weight.pixels()).map(|(sum, weight)| sum / weight.max(1e-3)).collect();
            Image::<Gray>::new(mask.width(), mask.height(), mean)
        };
        let broad = over_hair(&|i| luma.pixels()[i], 0.3 * unit);
        let fine = over_hair(&|i| luma.pixels()[i], 0.02 * unit);
        let detail: Vec<f32> = fine.pixels().iter().zip(broad.pixels()).map(|(a, b)| a - b).collect();
        let (mut square, mut weight) = (0.0, 1e-3);
        for (d, m) in detail.iter().zip(mask.pixels()) {
            square += m * d * d;
            weight += m;
        }
        let usual = (square / weight).sqrt().max(LEAST_CONTRAST);
        let tone = self.plane(|i, _| detail[i] / usual);
        // The band runs around the crown, broken by the locks.
        let light = self.plane(|i, p| {
            let [x, y] = self.frame.beside(p);
            let crown = x.hypot(y + 0.15);
            let band = (-((crown - 1.62) / 0.14).powi(2)).exp() * smooth_step(-0.5, -1.0, y);
            tone.pixels()[i] + 1.1 * band
        });
        let (dog, coherence) = flow_dog(&self.small.map::<Gray>(luma_from_srgb), 1.0, 0.09 * unit);
        let line = self.plane(|i, _| -dog.pixels()[i] * coherence.pixels()[i] / (0.35 * usual).max(0.008));
        let channel = |c: usize| over_hair(&|i| flowing.pixels()[i][c], 0.35 * unit);
        let [r, g, b] = [channel(0), channel(1), channel(2)];
        let base = (0..mask.pixels().len()).map(|i| [r.pixels()[i], g.pixels()[i], b.pixels()[i]]).collect();
        let base = Image::<Srgb>::new(mask.width(), mask.height(), base);
        let depth = self.depth(&base, mask);
        let base = zip::<Srgb>(&base, |i| base.pixels()[i].map(|v| v * depth.pixels()[i]));
        Locks { tone, light, line, base, depth }
    }

    /// What makes hair of these colours nearly as dark as in the photo, and more evenly lit: a factor on red, green and blue.
    fn depth(&self, base: &Image<Srgb>, mask: &Image<Gray>) -> Image<Gray> {
        let most = |of: &dyn Fn(usize) -> f32| {
            let hair = (0..mask.pixels().len()).filter(|&i| mask.pixels()[i] > 0.5);
            median(hair.map(of)).unwrap_or(0.0)
        };
        let painted = most(&|i| luma_from_srgb(base.pixels()[i]));
        let seen = most(&|i| luma_from_srgb(self.in_photo.pixels()[i]));
        let lighter = LIGHTER + (1.0 - LIGHTER) * smooth_step(DARK[0], DARK[1], seen);
        let wanted = painted.min(seen + lighter * (painted - seen));
        base.map::<Gray>(|colour| {
            let luma = luma_from_srgb(colour);
            ((wanted + UNEVEN * (luma - painted)) / luma.max(1e-3)).clamp(0.0, MOST_LIGHTER)
        })
    }
}

/// Which pixels of more than a half hang together with one of `seeds`.
fn joined(plane: &Image<Gray>, seeds: &[usize]) -> Vec<bool> {
    let (width, height) = (plane.width(), plane.height());
    let mut reached = vec![false; width * height];
    let mut open: Vec<usize> = seeds.iter().copied().filter(|&i| plane.pixels()[i] > 0.5).collect();
    open.iter().for_each(|&i| reached[i] = true);
    while let Some(i) = open.pop() {
        let (x, y) = (i % width, i / width);
        let beside = [
            (x > 0).then(|| i - 1),
            (x + 1 < width).then(|| i + 1),
            (y > 0).then(|| i - width),
            (y + 1 < height).then(|| i + width),
        ];
        for next in beside.into_iter().flatten() {
            if !reached[next] && plane.pixels()[next] > 0.35 {
                reached[next] = true;
                open.push(next);
            }
        }
    }
    reached
}

/// The dark, the middle and the light tone of what is most of these colours (L*a*b*); `None` if nothing is most of them: the
/// median of stripes in several colours may be near none.
fn tones(mut colours: Vec<[f32; 3]>) -> Option<Vec<[f32; 3]>> {
    let usual = median_colour(&colours)?;
    colours.retain(|colour| apart(*colour, usual) < ALIKE);
    colours.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let third = colours.len().div_ceil(3);
    (third > 0).then(|| colours.chunks(third).filter_map(median_colour).collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::landmarks;
    use super::*;
    use crate::faces::person::tests::person;

    const SKIN: [u8; 3] = [222, 178, 152];

    /// A head of hair in many shades over the face of [`landmarks`], before a light wall.
    fn picture(hair: impl Fn(usize, usize) -> [u8; 3]) -> Image<Srgb8> {
        Image::from_fn(240, 240, |x, y| {
            let [dx, dy] = [x as f32 - 100.0, y as f32 - 120.0];
            let head = (dx / 92.0).hypot(dy / 118.0) < 1.0;
            let face = (dx / 72.0).hypot(dy / 96.0) < 1.0;
            match (head, face) {
                (true, false) if y < 150 => hair(x, y),
                (true, _) => SKIN,
                _ => [235, 236, 240],
            }
        })
    }

    fn drawn(picture: &Image<Srgb8>) -> Image<Srgb8> {
        drawn_over(picture, picture, is_head)
    }

    /// Whether a place is on the head of [`picture`].
    fn is_head([x, y]: Point) -> bool {
        ((x - 100.0) / 92.0).hypot((y - 120.0) / 118.0) < 1.0
    }

    fn drawn_over(painting: &Image<Srgb8>, photo: &Image<Srgb8>, is_person: impl Fn(Point) -> bool) -> Image<Srgb8> {
        let face = Drawing { landmarks: landmarks(), unit_px: 60.0, amount: 1.0, eyes: 1.0, glasses: None };
        let mut drawn = painting.clone();
        lay(&mut drawn, photo, &face, &person(240, is_person), &FaceStyle::named(&crate::Look::default()));
        drawn
    }

    #[test]
    fn locks_become_a_few_tones_and_skin_and_wall_stay() {
        let wave = |x: usize, y: usize| (30.0 + 14.0 * ((x as f32) * 0.55 + (y as f32) * 0.1).sin()) as u8;
        let photo = picture(|x, y| [wave(x, y) + 38, wave(x, y) + 14, wave(x, y)]);
        let drawn = drawn(&photo);
        let mut seen: Vec<u8> = (60..140).map(|x| drawn.at(x, 12)[0]).collect();
        let changed = (60..140).filter(|&x| drawn.at(x, 12) != photo.at(x, 12)).count();
        assert!(changed > 60, "{changed}");
        // Most of a row lies in few levels.
        seen.sort_unstable();
        let near = |level: u8| seen.iter().filter(|v| v.abs_diff(level) < 6).count();
        let best = |levels: &[u8]| levels.iter().map(|&l| near(l)).max().unwrap_or(0);
        assert!(best(&seen) > 24, "{seen:?}");
        assert_eq!((drawn.at(100, 150), drawn.at(230, 20)), (SKIN, [235, 236, 240]));
    }

    #[test]
    fn a_bald_head_is_left_alone() {
        let photo = picture(|_, _| SKIN);
        assert!(drawn(&photo) == photo);
    }

    #[test]
    fn dark_hair_is_dark_in_a_look_that_makes_it_lighter() {
        let photo = picture(|x, _| [22 + 6 * (x / 4 % 2) as u8; 3]);
        let painting = picture(|x, _| [84 + 12 * (x / 4 % 2) as u8; 3]);
        let drawn = drawn_over(&painting, &photo, is_head);
        let mean = (60..140).map(|x| usize::from(drawn.at(x, 12)[0])).sum::<usize>() / 80;
        assert!((30..72).contains(&mean), "{mean}");
    }

    #[test]
    fn a_shirt_as_dark_as_short_hair_is_no_hair() {
        let hair = |x: usize| [40 + 20 * (x / 3 % 2) as u8, 30, 24];
        // Over short hair a narrow shadow leads down to the shirt.
        let photo = |down: usize| {
            Image::<Srgb8>::from_fn(240, 240, |x, y| {
                let [dx, dy] = [x as f32 - 100.0, y as f32 - 120.0];
                let is_hair = (dx / 66.0).hypot(dy / 96.0) > 1.0 && (dx / 96.0).hypot(dy / 118.0) < 1.0 && y < down;
                let is_shirt = y > 176 && dx.abs() > 50.0;
                if is_hair || is_shirt || (35..39).contains(&x) && y > 90 { hair(x) } else { SKIN }
            })
        };
        let changed = |down: usize| {
            let photo = photo(down);
            let drawn = drawn_over(&photo, &photo, |_| true);
            (12..32).filter(|&x| drawn.at(x, 190) != photo.at(x, 190)).count()
        };
        assert_eq!((changed(104), changed(178) > 10), (0, true), "{}", changed(178));
    }

    #[test]
    fn stripes_of_many_colours_are_no_locks() {
        let dyes = [[40.0, 70.0, 0.0], [60.0, 0.0, 70.0], [80.0, -70.0, -70.0]];
        assert_eq!(tones((0..30).map(|i| dyes[i % 3]).collect()), None);
        let browns = (0..30).map(|i| [i as f32, 5.0, 8.0]).collect();
        assert_eq!(tones(browns).map(|tones| tones.len()), Some(3));
        assert_eq!(tones(Vec::new()), None);
    }
}
