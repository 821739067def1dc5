//! The portrait taste: even skin in a few soft tones, living eyes, clean lines.
//!
//! The skin is evened before the picture is studied, so that strokes and lines follow the even face; eyes, lips,
//! blush and the lines of a pen come after. Without faces it is [`Taste::portrait`] alone.

use super::face::{Face, centre, depth_in, from_line};
use super::{Painted, Study, Taste, zip};
use pixels::Image;
use pixels::blur::gaussian;
use pixels::guided::guided;
use pixels::space::{Gray, Lab, Srgb, Srgb8, lab_from_srgb8, srgb_from_lab, srgb8_from_srgb};
use pixels::warp::{Point, distance, smooth_step};

/// Lightness from one tone of skin to the next.
const TONE_STEP: f32 = 12.0;
/// The most that skin may become lighter than in the photo before it is held back.
const LIGHTER: f32 = 2.0;

/// Paints `photo` to the portrait taste; `faces` in its pixels.
///
/// # Panics
/// If an outline of a face has fewer points than [`Face`] says.
pub fn portrait(photo: &Image<Srgb8>, faces: &[Face]) -> Painted {
    let taste = Taste::portrait();
    let faces: Vec<Sitter> = faces.iter().filter_map(|face| Sitter::of(photo, face)).collect();
    if faces.is_empty() {
        return super::paint(photo, &taste);
    }
    let lab = photo.map::<Lab>(lab_from_srgb8);
    let skin = skin(photo, &lab, &faces);
    let even = even(&lab, &skin, &faces);
    let ground = even.map::<Srgb8>(|lab| srgb8_from_srgb(srgb_from_lab(lab).map(|v| v.clamp(0.0, 1.0))));
    let study = Study::of(&ground, &taste.fills);
    let coloured = study.coloured(&taste);
    let mut ink = study.ink(&taste.ink, &coloured.map::<Gray>(|[l, _, _]| 0.01 * l));
    let mut painting = complexion(&study.lifted(&coloured, &taste), &even, &skin);
    let soft = gaussian(&lab.map::<Gray>(|[l, _, _]| l), 1.0);
    for sitter in &faces {
        sitter.touch(&lab, &soft, &skin, &mut painting, &mut ink);
    }
    super::inked(&painting, ink, &taste)
}

/// A face, and what the photo says about it.
struct Sitter<'a> {
    face: &'a Face,
    /// The face's measure, px.
    measure: f32,
    /// The median colour of cheeks and nose in Lab.
    tone: [f32; 3],
}

impl<'a> Sitter<'a> {
    /// Faces whose cheeks are outside the photo, or of no skin's colour, are left out.
    fn of(photo: &Image<Srgb8>, face: &'a Face) -> Option<Self> {
        let measure = face.measure();
        let mut seen: [Vec<f32>; 3] = Default::default();
        let nose = face.nose[face.nose.len() / 2];
        for place in [face.cheek(0), face.cheek(1), nose] {
            for_each_near(photo, place, 0.22 * measure, |at, _| {
                let lab = lab_from_srgb8(photo.pixels()[at]);
                seen.iter_mut().zip(lab).for_each(|(seen, v)| seen.push(v));
            });
        }
        let middle = seen[0].len() / 2;
        let tone = seen.map(|mut values| {
            values.sort_unstable_by(f32::total_cmp);
            values.get(middle).copied()
        });
        let [Some(l), Some(a), Some(b)] = tone else { return None };
        // Nobody's cheeks are green or blue: what was found there is no face.
        (a > -3.0 && b > -8.0).then_some(Self { face, measure, tone: [l, a, b] })
    }

    /// Likeness of a colour to this face's skin in any light, 0..1; `strict` below 1 on the face, more elsewhere.
    fn likeness(&self, [l, a, b]: [f32; 3], strict: f32) -> f32 {
        let [tone_l, tone_a, tone_b] = self.tone;
        // In the shade chroma falls with lightness, though not as fast.
        let shade = (l / tone_l.max(1.0)).clamp(0.3, 1.3).powf(0.6);
        let (mut da, mut db) = ((a - shade * tone_a) / 11.0, (b - shade * tone_b) / 13.0);
        let mut dl = (l - tone_l) / (0.36 * tone_l + 6.0);
        if l > tone_l {
            // What shines is paler than the shade says; beside the face it may be a shirt.
            let (pale, reach) = if strict < 1.0 { (0.5, 80.0) } else { (0.9, 40.0) };
            (da, db, dl) = (pale * da, pale * db, (l - tone_l) / reach);
        }
        let square = strict * (da * da + db * db + dl * dl);
        (-(square * square)).exp()
    }

    /// Share of skin at `p`, 0..1, for a pixel of the colour `lab` among others whose lightness spreads by `rough`.
    fn skin(&self, p: Point, lab: [f32; 3], rough: f32) -> f32 {
        let (face, d) = (self.face, self.measure);
        let away = distance(p, face.nose[face.nose.len() - 1]);
        if away > 5.0 * d {
            return 0.0;
        }
        let depth = if away > 2.2 * d { -d } else { depth_in(&face.oval, p) };
        let within = smooth_step(-0.1 * d, 0.05 * d, depth);
        let elsewhere = smooth_step(5.0 * d, 3.5 * d, away) * self.likeness(lab, 2.4) * smooth_step(7.0, 3.5, rough);
        // The fold between nose and cheek is skin however dark; glasses and beards do not reach it.
        let fold = (0..2).map(|side| distance(p, face.fold(side))).fold(f32::INFINITY, f32::min);
        let strict = 0.75 - 0.4 * smooth_step(0.3 * d, 0.15 * d, fold);
        // A grey moustache is not shining skin.
        let (tip, lip) = (face.nose[face.nose.len() - 1], face.lips[face.lips.len() / 4]);
        let beard = distance(p, [0.5 * (tip[0] + lip[0]), 0.5 * (tip[1] + lip[1])]);
        let strict = strict + 0.7 * smooth_step(0.4 * d, 0.2 * d, beard);
        let mut skin = elsewhere + within * (self.likeness(lab, strict) - elsewhere);
        if away < 1.8 * d {
            for (eye, _) in face.both_eyes() {
                skin *= smooth_step(-0.02 * d, -0.11 * d, depth_in(eye, p));
            }
            for brow in face.brows() {
                skin *= smooth_step(0.0, -0.07 * d, depth_in(brow, p));
            }
            skin *= smooth_step(0.01 * d, -0.06 * d, depth_in(&face.lips, p));
        }
        skin
    }

    /// Blush, lips, eyes, brows and the line of the jaw.
    fn touch(
        &self,
        photo: &Image<Lab>,
        soft: &Image<Gray>,
        skin: &Image<Gray>,
        painting: &mut Image<Lab>,
        ink: &mut Image<Gray>,
    ) {
        let (face, d) = (self.face, self.measure);
        let [tone_l, ..] = self.tone;
        let depth_of_skin = (tone_l / 68.0).clamp(0.4, 1.0);
        for side in 0..2 {
            let cheek = face.cheek(side);
            for_each_near(photo, cheek, 0.7 * d, |at, [dx, dy]| {
                let blush = (-(dx / (0.28 * d)).powi(2) - (dy / (0.17 * d)).powi(2)).exp();
                let blush = blush * skin.pixels()[at] * depth_of_skin;
                let [l, a, b] = painting.pixels()[at];
                painting.pixels_mut()[at] = [l - 0.5 * blush, a + 4.5 * blush, b + 1.2 * blush];
            });
        }
        let width = painting.width();
        let place = |at: usize| [(at % width) as f32, (at / width) as f32];
        for_each_near(photo, centre(&face.lips), 0.9 * d, |at, _| {
            let p = place(at);
            let lips = smooth_step(-0.02 * d, 0.025 * d, depth_in(&face.lips, p));
            if lips == 0.0 {
                return;
            }
            let mouth = smooth_step(-0.01 * d, 0.02 * d, depth_in(&face.mouth, p));
            let colour = lips * (1.0 - mouth) * self.likeness_of_lips(photo.pixels()[at]);
            let ([l, a, b], [_, own_a, own_b]) = (painting.pixels()[at], photo.pixels()[at]);
            let own = 0.85 * lips * (1.0 - mouth);
            let (a, b) = (a + own * (1.08 * own_a - a), b + own * (1.08 * own_b - b));
            painting.pixels_mut()[at] = [l, a + 1.5 * colour, b];
            // No lines between teeth.
            ink.pixels_mut()[at] *= 1.0 - 0.7 * mouth * smooth_step(35.0, 60.0, soft.pixels()[at]);
        });
        for (outline, iris) in face.both_eyes() {
            self.eye(outline, iris, photo, soft, painting, ink);
        }
        for brow in face.brows() {
            for_each_near(photo, centre(brow), 0.6 * d, |at, _| {
                let inside = smooth_step(-0.045 * d, 0.02 * d, depth_in(brow, place(at)));
                let darker = smooth_step(5.0, 28.0, tone_l - soft.pixels()[at]);
                lay(ink, at, 0.42 * inside * darker);
            });
        }
        let jaw = &face.oval[10..27];
        let thick = (0.016 * d).clamp(0.7, 1.8);
        for_each_near(photo, centre(jaw), 1.8 * d, |at, _| {
            let (away, along) = from_line(jaw, place(at));
            if away < 3.0 * thick {
                let tapered = (std::f32::consts::PI * along).sin().max(0.0).sqrt();
                lay(ink, at, 0.3 * tapered * skin.pixels()[at] * smooth_step(1.6 * thick, 0.4 * thick, away));
            }
        });
    }

    /// Teeth and beards in the outline of the lips are not lips.
    fn likeness_of_lips(&self, [l, a, _]: [f32; 3]) -> f32 {
        smooth_step(-4.0, 2.0, a - 0.8 * self.tone[1]) * smooth_step(self.tone[0] + 15.0, self.tone[0] + 2.0, l)
    }

    /// An eye as in the photo, only crisper; the iris richer, lighter below, with a dark rim, a dark pupil and a
    /// catch-light where the photo has its brightest place; the line of the lashes drawn.
    fn eye(
        &self,
        outline: &[Point],
        iris: &[Point],
        photo: &Image<Lab>,
        soft: &Image<Gray>,
        painting: &mut Image<Lab>,
        ink: &mut Image<Gray>,
    ) {
        let d = self.measure;
        let width = painting.width();
        let place = |at: usize| [(at % width) as f32, (at / width) as f32];
        let (middle, long) = (centre(outline), distance(outline[0], outline[8]));
        let open = distance(outline[4], outline[12]);
        let eye = centre(iris);
        let radius = iris.iter().map(|&p| distance(p, eye)).sum::<f32>() / iris.len().max(1) as f32;
        let clear = smooth_step(0.14, 0.24, open / long.max(1.0)) * smooth_step(2.0, 4.0, radius);
        // The brightest place above the middle, or where a window would be.
        let (mut brightest, mut sum, mut count) = ((0.0, eye), 0.0, 0.0);
        for_each_near(photo, eye, 0.75 * radius, |at, [_, dy]| {
            let light = soft.pixels()[at];
            (sum, count) = (sum + light, count + 1.0);
            if light > brightest.0 && dy < 0.15 * radius && depth_in(outline, place(at)) > 0.2 * radius {
                brightest = (light, place(at));
            }
        });
        let shines = smooth_step(6.0, 16.0, brightest.0 - sum / f32::max(count, 1.0));
        let glint = if shines > 0.0 { brightest.1 } else { [eye[0] - 0.3 * radius, eye[1] - 0.35 * radius] };
        let shines = 0.55 + 0.35 * shines;
        let lids = (&outline[..9], [&outline[8..], &outline[..1]].concat());
        for_each_near(photo, middle, 0.75 * long.max(0.5 * d), |at, _| {
            let p = place(at);
            let depth = depth_in(outline, p);
            let around = smooth_step(-0.09 * d, -0.01 * d, depth);
            let [l, a, b] = photo.pixels()[at];
            let crisp = l + 0.9 * (l - soft.pixels()[at]);
            let inside = smooth_step(-0.5, 1.2, depth) * clear;
            let away = distance(p, eye) / radius.max(1.0);
            let in_iris = inside * smooth_step(1.1, 0.92, away);
            let white = inside * (1.0 - in_iris) * smooth_step(40.0, 65.0, l);
            let down = ((p[1] - eye[1]) / radius.max(1.0)).clamp(-1.0, 1.0);
            let rich = 1.0 + 0.55 * in_iris - 0.3 * white;
            let catch = in_iris * shines * smooth_step(0.36, 0.12, distance(p, glint) / radius.max(1.0));
            let l = (crisp + in_iris * (7.0 * down + 2.0) + 5.0 * white * (1.0 - l / 100.0)).clamp(0.0, 97.0);
            let l = l + catch * (94.0 - l).max(0.0);
            let drawn = [l, a * rich * (1.0 - 0.8 * catch), b * rich * (1.0 - 0.8 * catch)];
            let under = painting.pixels()[at];
            painting.pixels_mut()[at] = std::array::from_fn(|c| under[c] + around * (drawn[c] - under[c]));
            // The photo's own lines around an eye are kept by its crispness.
            ink.pixels_mut()[at] *= 1.0 - around * (1.0 - 0.35 * (1.0 - inside)) * (1.0 - catch);
            let rim = in_iris * smooth_step(0.7, 0.95, away);
            let pupil = in_iris * smooth_step(0.52, 0.36, away);
            lay(ink, at, (0.3 * rim).max(0.6 * pupil) * (1.0 - catch));
            let darker = 0.35 + 0.65 * smooth_step(4.0, 24.0, self.tone[0] - soft.pixels()[at]);
            let thick = (0.028 * d).clamp(0.8, 3.2);
            let (from_upper, along) = from_line(lids.0, p);
            let heavy = thick * (0.55 + 0.45 * (1.0 - along));
            lay(ink, at, 0.72 * darker * smooth_step(1.5 * heavy, 0.4 * heavy, from_upper) * (1.0 - catch));
            let (from_lower, along) = from_line(&lids.1, p);
            let faint = smooth_step(0.2, 0.9, along) * darker;
            lay(ink, at, 0.25 * faint * smooth_step(thick, 0.2 * thick, from_lower));
        });
    }
}

impl Face {
    /// Half-way from a cheek to the corner of the mouth; 0 left, 1 right.
    fn fold(&self, side: usize) -> Point {
        let (cheek, corner) = (self.cheek(side), self.lips[side * self.lips.len() / 2]);
        [0.5 * (cheek[0] + corner[0]), 0.5 * (cheek[1] + corner[1])]
    }

    /// The middle of a cheek: below the eye and a little outwards; 0 left, 1 right.
    fn cheek(&self, side: usize) -> Point {
        let eyes = self.both_eyes().map(|(outline, _)| centre(outline));
        let between = [0.5 * (eyes[0][0] + eyes[1][0]), 0.5 * (eyes[0][1] + eyes[1][1])];
        let lips = centre(&self.lips);
        let down = [lips[0] - between[0], lips[1] - between[1]];
        let out = [eyes[side][0] - between[0], eyes[side][1] - between[1]];
        [eyes[side][0] + 0.22 * out[0] + 0.48 * down[0], eyes[side][1] + 0.22 * out[1] + 0.48 * down[1]]
    }
}

/// Ink that is at least `share`.
fn lay(ink: &mut Image<Gray>, at: usize, share: f32) {
    let under = &mut ink.pixels_mut()[at];
    *under = under.max(share);
}

/// Calls with the index of every pixel at most `radius` from `place`, and its way from there.
fn for_each_near<S: pixels::space::Space>(
    picture: &Image<S>,
    place: Point,
    radius: f32,
    mut visit: impl FnMut(usize, Point),
) {
    let span = |middle: f32, len: usize| {
        (middle - radius).max(0.0) as usize..((middle + radius + 1.0).max(0.0) as usize).min(len)
    };
    for y in span(place[1], picture.height()) {
        for x in span(place[0], picture.width()) {
            let way = [x as f32 - place[0], y as f32 - place[1]];
            if way[0].hypot(way[1]) <= radius {
                visit(y * picture.width() + x, way);
            }
        }
    }
}

/// Share of skin, 0..1, with soft borders that follow the photo's.
fn skin(photo: &Image<Srgb8>, lab: &Image<Lab>, faces: &[Sitter]) -> Image<Gray> {
    let width = lab.width();
    let calm = gaussian(lab, 1.5);
    let square = gaussian(&lab.map::<Gray>(|[l, _, _]| l * l), 3.0);
    let mean = gaussian(&lab.map::<Gray>(|[l, _, _]| l), 3.0);
    let found = zip::<Gray>(lab, |i| {
        let rough = (square.pixels()[i] - mean.pixels()[i].powi(2)).max(0.0).sqrt();
        let p = [(i % width) as f32, (i / width) as f32];
        faces.iter().map(|face| face.skin(p, calm.pixels()[i], rough)).fold(0.0, f32::max)
    });
    let guide = photo.map::<Srgb>(pixels::space::srgb_from_srgb8);
    guided(&guide, &gaussian(&found, 1.0), 4, 0.001).map::<Gray>(|v| smooth_step(0.15, 0.85, v))
}

/// The photo with even skin: colour without blotches, lightness in soft steps around the face's own.
fn even(lab: &Image<Lab>, skin: &Image<Gray>, faces: &[Sitter]) -> Image<Lab> {
    let width = lab.width();
    let d = faces.iter().map(|face| face.measure).fold(0.0, f32::max);
    // Weighted by skin: nothing of hair and lips bleeds in.
    let blurred = |picture: &Image<Lab>, sigma_px: f32| {
        let weight = gaussian(skin, sigma_px);
        let sum = gaussian(&zip::<Lab>(skin, |i| picture.pixels()[i].map(|v| v * skin.pixels()[i])), sigma_px);
        zip::<Lab>(skin, |i| {
            let (under, weight) = (picture.pixels()[i], weight.pixels()[i]);
            if weight > 0.02 { sum.pixels()[i].map(|v| v / weight) } else { under }
        })
    };
    let light = lab.map::<Gray>(|[l, _, _]| l * 0.01);
    let formed = guided(&light, &light, ((0.1 * d) as usize).clamp(3, 14), 0.004);
    let formed = zip::<Lab>(lab, |i| {
        let [_, a, b] = lab.pixels()[i];
        [100.0 * formed.pixels()[i], a, b]
    });
    let (form, colour) = (blurred(&formed, (0.035 * d).clamp(1.0, 5.0)), blurred(lab, (0.18 * d).clamp(2.0, 24.0)));
    zip::<Lab>(lab, |i| {
        let share = skin.pixels()[i];
        if share == 0.0 {
            return lab.pixels()[i];
        }
        let p = [(i % width) as f32, (i / width) as f32];
        let near = |face: &&Sitter| distance(p, face.face.nose[0]) / face.measure;
        let tone = faces.iter().min_by(|f, g| near(f).total_cmp(&near(g))).map_or(50.0, |face| face.tone[0]);
        let steps = (form.pixels()[i][0] - tone) / TONE_STEP;
        let (nearest, rest) = (steps.round(), steps - steps.round());
        let stepped = nearest + 0.5 * (7.0 * rest).tanh() / 3.5_f32.tanh();
        // Shade falls in steps; what shines stays a soft glow.
        let toned = if steps < 0.0 { 0.3 * steps + 0.7 * stepped.min(0.0) } else { 1.3 * (steps / 1.6).tanh() };
        let toned = tone + TONE_STEP * toned;
        let [_, a, b] = colour.pixels()[i];
        let (under, even) = (lab.pixels()[i], [toned, a, b]);
        std::array::from_fn(|c| under[c] + share * (even[c] - under[c]))
    })
}

/// The painting with skin in the photo's own hue and depth. All of the skin is lifted alike: its tones are those of
/// `even`, not of the light around it.
fn complexion(painting: &Image<Lab>, even: &Image<Lab>, skin: &Image<Gray>) -> Image<Lab> {
    let all: f32 = skin.pixels().iter().sum();
    let of_all = skin.pixels().iter().zip(painting.pixels()).zip(even.pixels());
    let lift = of_all.map(|((skin, painting), even)| skin * (painting[0] - even[0])).sum::<f32>() / all.max(1.0);
    let lift = lift.clamp(0.0, LIGHTER) + 0.3 * (lift - LIGHTER).max(0.0);
    zip::<Lab>(painting, |i| {
        let (under, [l, a, b], skin) = (painting.pixels()[i], even.pixels()[i], skin.pixels()[i]);
        // The same lift shows more on dark skin, and greys it.
        let (lift, gain) = (lift * (l / 65.0).clamp(0.3, 1.0), 1.04 + 0.1 * (1.0 - l / 60.0).clamp(0.0, 1.0));
        let own = [l + lift + 0.12 * (under[0] - l - lift).clamp(-8.0, 8.0), gain * a, gain * b];
        std::array::from_fn(|c| under[c] + skin * (own[c] - under[c]))
    })
}

#[cfg(test)]
mod tests {
    use super::super::face::Eyes;
    use super::*;

    /// A face of 200 px with blotches of skin, dark eyes and no lines.
    fn sitter(tone: [i32; 3]) -> (Image<Srgb8>, Face) {
        let ring = |[x, y]: Point, [rx, ry]: Point, n: usize, from: f32| -> Vec<Point> {
            let angle = |i: usize| from + std::f32::consts::TAU * i as f32 / n as f32;
            (0..n).map(|i| [x + rx * angle(i).cos(), y + ry * angle(i).sin()]).collect()
        };
        let eye = |x| (ring([x, 130.0], [22.0, 10.0], 16, 0.0), ring([x, 130.0], [9.0, 9.0], 4, 0.0));
        let ((left_eye, left_iris), (right_eye, right_iris)) = (eye(112.0), eye(188.0));
        let brow = |x| ring([x, 105.0], [26.0, 5.0], 10, 0.0);
        let face = Face {
            oval: ring([150.0, 160.0], [80.0, 105.0], 36, -std::f32::consts::FRAC_PI_2),
            eyes: Eyes { left_eye, right_eye, left_iris, right_iris, left_brow: brow(112.0), right_brow: brow(188.0) },
            lips: ring([150.0, 215.0], [30.0, 10.0], 20, std::f32::consts::PI),
            mouth: ring([150.0, 215.0], [24.0, 1.0], 20, std::f32::consts::PI),
            nose: vec![[150.0, 135.0], [150.0, 160.0], [150.0, 180.0]],
            nose_base: (0..7).map(|i| [138.0 + 4.0 * i as f32, 183.0]).collect(),
        };
        let photo = Image::from_fn(300, 300, |x, y| {
            let p = [x as f32, y as f32];
            let blotch = ((x * 7 / 4 + y * 5 / 3) % 9) as i32 * 4 - 16;
            let dark = face.both_eyes().iter().any(|(_, iris)| distance(centre(iris), p) < 9.0);
            match depth_in(&face.oval, p) > 0.0 {
                _ if dark => [40, 30, 25],
                true => tone.map(|v| (v + blotch) as u8),
                false => [90, 120, 150],
            }
        });
        (photo, face)
    }

    #[test]
    fn skin_of_every_tone_becomes_even_and_keeps_its_complexion() {
        for tone in [[232, 190, 165], [150, 100, 70], [92, 62, 48]] {
            let (photo, face) = sitter(tone);
            let painting = portrait(&photo, &[face]).painting;
            let chin = |picture: &Image<Srgb8>| {
                let lab = picture.crop(130, 235, 40, 14).map::<Lab>(lab_from_srgb8);
                let count = lab.pixels().len() as f32;
                let mean = [0, 1, 2].map(|c| lab.pixels().iter().map(|lab| lab[c]).sum::<f32>() / count);
                let spread = lab.pixels().iter().map(|lab| (lab[0] - mean[0]).powi(2)).sum::<f32>() / count;
                (mean, spread.sqrt())
            };
            let ((own, rough), (painted, even)) = (chin(&photo), chin(&painting));
            assert!(even < 0.35 * rough, "{tone:?}: {rough} to {even}");
            assert!((painted[0] - own[0]).abs() < 4.0, "{tone:?}: L {} to {}", own[0], painted[0]);
            let hue = |[_, a, b]: [f32; 3]| b.atan2(a).to_degrees();
            assert!((hue(painted) - hue(own)).abs() < 3.0, "{tone:?}: {} to {}", hue(own), hue(painted));
        }
    }

    #[test]
    fn an_iris_has_a_pupil_of_ink_and_a_catch_light() {
        let (photo, face) = sitter([232, 190, 165]);
        let Painted { painting, ink } = portrait(&photo, &[face]);
        assert!(ink.at(113, 132) > 0.4, "{}", ink.at(113, 132));
        let lightest = (104..120).flat_map(|x| (122..138).map(move |y| (x, y))).map(|(x, y)| painting.at(x, y)[1]);
        assert!(lightest.max() > Some(120));
    }

    #[test]
    fn faces_beyond_the_photo_are_no_matter() {
        let (photo, face) = sitter([232, 190, 165]);
        for offset in [[-150.0, 40.0], [-1000.0, 0.0], [170.0, 170.0]] {
            assert_eq!(portrait(&photo, &[face.at([1.0; 2], offset)]).painting.width(), 300);
        }
    }
}
