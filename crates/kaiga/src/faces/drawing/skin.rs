//! Skin in a few tones of its own complexion, without the eyes, brows, nose and mouth that are drawn anew.
//!
//! Works on a portrait as the drawer painted it: Y −1..1, Cb, Cr −1..1 and ink 0..1.

mod masks;

use self::masks::Masks;
use super::pen::mix;
use super::strands::strands;
use super::style::FaceStyle;
use super::{Drawing, Part, median, pixel_at, quantile};
use crate::tiles::Part as Window;
use crate::upscale::Canvas;
use pixels::Image;
use pixels::blur::box_mean;
use pixels::lines::black_top_hat;
use pixels::resize::{self, Filter};
use pixels::space::{Gray, Srgb, Srgb8, luma_from_srgb, srgb_from_srgb8, ycbcr_from_srgb};
use pixels::warp::{Point, Similarity, smooth_step};
use rayon::prelude::*;

/// How far skin may differ from the complexion in chroma and, beyond what light does, in luma.
const CHROMA: f32 = 0.13;
const LIGHT: f32 = 0.6;
const LUMA: f32 = 0.5;
/// Below the complexion's luma by so much skin is in shadow, by so much in deep shadow.
const SHADOW: f32 = 0.34;
const DEEP: f32 = 0.78;
/// Over it by so much skin is in full light, which is lighter by the second, and greyer by the third of its chroma.
const BRIGHT: f32 = 0.07;
const BRIGHTER: f32 = 0.15;
const PALER: f32 = 0.06;
/// Shadow is no darker than this share of the light, however hard the light is.
const LEAST_CONTRAST: f32 = 0.62;
/// One half of a face has less than the first share of the other's luma if light comes from a side, more than the second if it does not.
const FROM_A_SIDE: [f32; 2] = [0.7, 0.85];
/// Hair on a face has less than the second share of the luma of its skin, bare skin more than the first.
const HAIRY: [f32; 2] = [0.78, 0.6];
/// How much of the chroma's mean is kept.
const KEPT: f32 = 0.75;
/// How much of the finer modelling is kept.
const MODELLING: f32 = 0.22;

/// Side of the unit at which light and shadow are looked at, px: what is finer makes no tone.
const LIGHT_UNIT_PX: f32 = 40.0;
/// Dark places narrower than this are folds and not shadow, in units: a drawing leaves them away.
const FOLD: f32 = 0.2;
/// Skin whose channels (0..1) are no further apart than the first is that of a photo in grey, over the second in colour.
const GREY: [f32; 2] = [0.02, 0.08];
/// Drawn skin is lighter than most of the face in the photo by this share of what its bare skin is, but no more than by the second, and by
/// the third of what is beyond the last, where light is that uneven; both times the square of its luma (0..1), as a lift shows more
/// on dark skin. Its luma (−1..1) may be so far off.
const BARE: f32 = 0.6;
const LIGHTER: f32 = 0.088;
const SHADED: f32 = 1.2;
const BROAD: f32 = 0.2;
const OFF: f32 = 0.01;
/// Most of a face darker than this luma (0..1) is in bad light, whoever it is: it is lifted by a share of what it lacks.
const BAD_LIGHT: f32 = 0.27;
const LIFTED: f32 = 0.35;
/// Where a look makes such a face lighter by more than the first luma (0..1), it follows by a share of what is beyond, up to the last: its
/// neck is in the look's light, too.
const MORE: f32 = 0.08;
const FOLLOWED: f32 = 0.6;
const MOST_FOLLOWED: f32 = 0.05;
/// Bare skin whose luma (−1..1) is over that of most of the face by less than the first is evenly lit: it is dark, and stays so.
const UNEVEN: [f32; 2] = [0.08, 0.25];
/// Faces whose luma (0..1) is under the second may be in bad light, those over the first are in good light.
const LIGHT_ENOUGH: [f32; 2] = [0.62, 0.48];
/// Under this luma (0..1) of lit skin, tones are nearer to each other and their tints weaker, down to a share of it: steps and tints of
/// a fixed size make black-red masks of dark faces.
const DIM: f32 = 0.5;
const LEAST_DIM: f32 = 0.35;
/// How much chroma drawn skin has at most beside the photo's, in good and in bad light, and how much of what it has is kept at least.
const VIVID: [f32; 2] = [1.3, 1.0];
const LEAST_MUTED: f32 = 0.5;

/// Lays the skin of a face, in the canvas' coordinates, as lightly as it is in `photo`, which the canvas shows. `share`
/// says how much of a place is the face's own, 0..1.
pub(crate) fn lay(
    canvas: &mut Canvas,
    face: &Drawing,
    style: &FaceStyle,
    photo: &Image<Srgb8>,
    share: impl Fn(Point) -> f32 + Sync,
) {
    let Some(window) = window(canvas, face) else { return };
    let local = face.placed(&Similarity::scaled(1.0, [-(window.x as f32), -(window.y as f32)]));
    let (paint, ink) = canvas.taken(window);
    let Some(tone) = complexion(&local, &paint) else { return };
    let [moustache, chin] = beard(&local, &paint, tone);
    let masks = Masks::of(&local, window, moustache);
    let cleared = cleared(&paint, &masks.covered, tone, face.unit_px);
    let in_photo = photo.crop(window.x, window.y, window.width, window.height);
    let strands = strands(&in_photo, &local);
    let region = |i: usize| {
        let colour = cleared.pixels()[i];
        let of_beard = moustache.max(chin) * (1.0 - masks.upper.pixels()[i]) * hairy(colour[0], tone[0]);
        (1.0 - of_beard)
            * (1.0 - masks.fringe.pixels()[i] * strands.pixels()[i])
            * (near(colour, tone) * masks.region.pixels()[i]).max(shining(colour, tone) * masks.upper.pixels()[i])
    };
    let skin = box_mean(&plane(window, region), radius_px(0.02, face.unit_px));
    // Where there is face beyond doubt: what counts for its complexion.
    let sure: Vec<usize> =
        (0..skin.pixels().len()).filter(|&i| skin.pixels()[i] * masks.inner.pixels()[i] > 0.5).collect();

    let mut laid = in_tones(&cleared, &skin, &masks.inner, &sure, (tone, face.unit_px, style));
    let level = |of: &dyn Fn(usize) -> f32, share: f32| quantile(sure.iter().map(|&i| of(i)), share).unwrap_or(0.0);
    let in_photo = in_photo.map::<Srgb>(srgb_from_srgb8);
    let luma = in_photo.map::<Srgb>(|colour| [2.0 * luma_from_srgb(colour) - 1.0, 0.0, 0.0]);
    let chroma = |i: usize| {
        let colour = in_photo.pixels()[i];
        colour.into_iter().fold(0.0, f32::max) - colour.into_iter().fold(1.0, f32::min)
    };
    // Neither blush nor red lips on a photo without colours.
    let blushing = style.blush * dim(0.5 * (tone[0] + 1.0)) * smooth_step(GREY[0], GREY[1], level(&chroma, 0.5));
    let most = level(&|i| luma.pixels()[i][0], 0.5);
    let bare = complexion(&local, &luma).map_or(most, |tone| tone[0]);
    let lighter = lighter([most, bare], level(&|i| laid[i][0], 0.5));
    // More vivid than the photo's, but never lobster red: in shadow some looks are.
    let vivid = |[_, cb, cr]: [f32; 3]| cb.hypot(cr);
    let photo_vivid = level(&|i| vivid(ycbcr_from_srgb(in_photo.pixels()[i]).map(|v| 2.0 * v)), 0.5);
    let most_vivid = VIVID[0] + in_bad_light(0.5 * (most + 1.0)) * (VIVID[1] - VIVID[0]);
    let muted = (most_vivid * photo_vivid / level(&|i| vivid(laid[i]), 0.5).max(1e-3)).clamp(LEAST_MUTED, 1.0);
    let finish = |(i, colour): (usize, &mut [f32; 3])| {
        let skin = skin.pixels()[i];
        (1..3).for_each(|c| colour[c] *= 1.0 - skin * (1.0 - muted));
        let (blush, lips) = (skin * blushing * masks.blush.pixels()[i], style.blush * masks.lips.pixels()[i]);
        colour[0] += skin * (lighter - 0.2 * masks.under_nose.pixels()[i]) - 0.03 * blush - 0.09 * lips;
        colour[1] -= 0.01 * blush;
        colour[2] += 0.07 * blush + 0.06 * blushing * masks.lips.pixels()[i];
    };
    laid.par_iter_mut().enumerate().with_min_len(2048).for_each(finish);

    let done = |i: usize| {
        let place = [(window.x + i % window.width) as f32 + 0.5, (window.y + i / window.width) as f32 + 0.5];
        let amount = style.laid * face.amount * share(place);
        let clear = (0.85 * skin.pixels()[i] * masks.inner.pixels()[i]).max(masks.covered.pixels()[i]);
        let [y, cb, cr] = paint.pixels()[i];
        let [to_y, to_cb, to_cr] = laid[i];
        let mix = |from: f32, to: f32| from + amount * (to - from);
        [mix(y, to_y), mix(cb, to_cb), mix(cr, to_cr), ink.pixels()[i] * (1.0 - amount * clear)]
    };
    let done: Vec<[f32; 4]> = (0..laid.len()).into_par_iter().with_min_len(2048).map(done).collect();
    canvas.give_back(window, &done);
}

fn radius_px(share: f32, unit_px: f32) -> usize {
    ((share * unit_px).round() as usize).max(1)
}

fn plane(window: Window, of: impl Fn(usize) -> f32 + Sync + Send) -> Image<Gray> {
    let values = (0..window.width * window.height).into_par_iter().with_min_len(2048).map(of).collect();
    Image::new(window.width, window.height, values)
}

/// How much a colour is that of skin whose complexion is `tone`, 0..1.
fn near(p: [f32; 3], tone: [f32; 3]) -> f32 {
    let chroma = (p[1] - tone[1]).hypot(p[2] - tone[2]) / CHROMA;
    let luma = ((p[0] - tone[0]).abs() - LIGHT).max(0.0) / LUMA;
    (1.7 - chroma.hypot(luma)).clamp(0.0, 1.0)
}

/// How much hair over skin of the luma `skin` a place of this luma shows, −1..1, if there is hair at all.
fn hairy(luma: f32, skin: f32) -> f32 {
    smooth_step(HAIRY[0], HAIRY[1], (luma + 1.0) / (skin + 1.0).max(0.1))
}

/// How much of a moustache and of a beard at the chin there is, 0..1.
fn beard(face: &Drawing, paint: &Image<Srgb>, tone: [f32; 3]) -> [f32; 2] {
    let (base, lips, chin) = (face.part(Part::NoseBase), face.part(Part::Lips), face.part(Part::Oval)[9]);
    let hairy = |places: [Point; 3]| {
        let seen = places.into_iter().filter_map(|place| pixel_at(paint, place));
        median(seen.map(|[luma, ..]| hairy(luma, tone[0]))).unwrap_or(0.0)
    };
    let over = [(2, 3), (3, 5), (4, 7)].map(|(nose, lip)| mix(base[nose], lips[lip], 0.7));
    [hairy(over), hairy([13, 15, 17].map(|lip| mix(lips[lip], chin, 0.5)))]
}

/// How much a colour is that of skin that shines: lighter than its complexion, and as colourful or less.
fn shining(p: [f32; 3], tone: [f32; 3]) -> f32 {
    if p[0] <= tone[0] {
        return 0.0;
    }
    let square = (tone[1] * tone[1] + tone[2] * tone[2]).max(1e-6);
    let share = ((p[1] * tone[1] + p[2] * tone[2]) / square).clamp(0.0, 1.0);
    let off = (p[1] - share * tone[1]).hypot(p[2] - share * tone[2]) / CHROMA;
    (1.7 - off).clamp(0.0, 1.0)
}

/// The painting with what lies around them in the place of the features.
fn cleared(paint: &Image<Srgb>, covered: &Image<Gray>, tone: [f32; 3], unit_px: f32) -> Image<Srgb> {
    let (width, height) = (paint.width(), paint.height());
    let bare = |i: usize| (1.0 - covered.pixels()[i]) * (0.06 + near(paint.pixels()[i], tone));
    let bare: Vec<f32> = (0..width * height).into_par_iter().with_min_len(2048).map(bare).collect();
    let weighted = paint.pixels().iter().zip(&bare).map(|(p, share)| p.map(|v| v * share)).collect();
    let weights = bare.iter().map(|&share| [share; 3]).collect();
    let wide = radius_px(0.10, unit_px);
    let blurred = |pixels: Vec<[f32; 3]>| box_mean(&box_mean(&Image::<Srgb>::new(width, height, pixels), wide), wide);
    let (sum, weight) = (blurred(weighted), blurred(weights));
    let pixel = |i: usize| {
        let (from, covered) = (paint.pixels()[i], covered.pixels()[i]);
        let (sum, weight) = (sum.pixels()[i], weight.pixels()[i][0].max(1e-4));
        [0, 1, 2].map(|c| from[c] + covered * (sum[c] / weight - from[c]))
    };
    Image::new(width, height, (0..width * height).into_par_iter().with_min_len(2048).map(pixel).collect())
}

/// What light does to the skin, without its folds: the luma that tones are cut from, and that with what is finer.
fn light(luma: &Image<Gray>, unit_px: f32) -> [Image<Gray>; 2] {
    let shrink = (LIGHT_UNIT_PX / unit_px).min(1.0);
    let [width, height] = [luma.width(), luma.height()].map(|side| ((side as f32 * shrink).ceil() as usize).max(1));
    let unit_px = unit_px * shrink;
    let small = resize::to(luma, width, height, Filter::Area);
    let folds = black_top_hat(&small, 2 * radius_px(0.5 * FOLD, unit_px) + 1);
    let smooth: Vec<f32> = small.pixels().iter().zip(folds.pixels()).map(|(luma, fold)| luma + fold).collect();
    let smooth = box_mean(&Image::<Gray>::new(width, height, smooth), 1);
    let wide = radius_px(0.055, unit_px);
    let light = box_mean(&box_mean(&smooth, wide), wide);
    let broad = box_mean(&smooth, radius_px(0.16, unit_px));
    let fine = smooth.pixels().iter().zip(broad.pixels()).map(|(fine, broad)| fine - broad).collect();
    [light, Image::new(width, height, fine)]
        .map(|plane| resize::to(&plane, luma.width(), luma.height(), Filter::Bilinear))
}

/// How dark the half of the face that is turned from the light is beside the other, 0..1, of luma −1..1 at the places `sure`. 1 where
/// the light comes from no side: what is darker there is the face's form.
fn contrast(light: &Image<Gray>, sure: &[usize]) -> f32 {
    let x = |i: usize| i % light.width();
    let middle = sure.iter().map(|&i| x(i)).sum::<usize>() / sure.len().max(1);
    let half = |is_left: bool| median(sure.iter().filter(|&&i| (x(i) < middle) == is_left).map(|&i| light.pixels()[i]));
    let (Some(left), Some(right)) = (half(true), half(false)) else { return 1.0 };
    let seen = (left.min(right) + 1.0) / (left.max(right) + 1.0).max(0.1);
    1.0 + smooth_step(FROM_A_SIDE[1], FROM_A_SIDE[0], seen) * (seen.max(LEAST_CONTRAST) - 1.0)
}

/// How much lighter (luma −1..1) skin becomes, most of which is `laid` so light; in the photo `most` of it is, and where it is bare.
fn lighter([most, bare]: [f32; 2], laid: f32) -> f32 {
    let most_luma = 0.5 * (most + 1.0);
    let lifted = 2.0 * LIFTED * (BAD_LIGHT - most_luma).max(0.0);
    // Shadow and hair make most of a face darker than its bare skin, which the lit tone stands for.
    let bare = (bare - most).max(0.0);
    let lit = (BARE * bare).min(most_luma.powi(2) * (LIGHTER + SHADED * (bare - BROAD).max(0.0)));
    let lighter_in_look = 0.5 * (laid - most - lit - lifted);
    let in_bad_light = in_bad_light(most_luma) * smooth_step(UNEVEN[0], UNEVEN[1], bare);
    let followed = (FOLLOWED * (lighter_in_look - MORE)).clamp(0.0, MOST_FOLLOWED) * in_bad_light;
    let lighter = most + lit + lifted + 2.0 * followed - laid;
    lighter - lighter.clamp(-OFF, OFF)
}

/// How far a face of this luma (0..1) may be in bad light, 0..1.
fn in_bad_light(luma: f32) -> f32 {
    smooth_step(LIGHT_ENOUGH[0], LIGHT_ENOUGH[1], luma)
}

/// How much smaller steps and tints are on skin whose lit luma is that, 0..1.
fn dim(lit_luma: f32) -> f32 {
    (lit_luma / DIM).clamp(LEAST_DIM, 1.0)
}

/// The skin in two or three tones whose median luma and mean chroma are those of the painting.
fn in_tones(
    cleared: &Image<Srgb>,
    skin: &Image<Gray>,
    inner: &Image<Gray>,
    sure: &[usize],
    (tone, unit_px, style): ([f32; 3], f32, &FaceStyle),
) -> Vec<[f32; 3]> {
    // Small faces are modelled softly: two flat tones look hard on them.
    let flat = style.flat * (0.5 + 0.5 * smooth_step(30.0, 110.0, unit_px));
    let [light, fine] = light(&cleared.map::<Gray>(|[y, _, _]| y), unit_px);
    let base = [tone[0] + 0.02, tone[1], tone[2]];
    let lit_luma = 0.5 * (base[0] + 1.0);
    let shaded = style.shade.min(contrast(&light, sure));
    let dim = dim(lit_luma);
    let shade = [2.0 * lit_luma * shaded - 1.0, base[1] - 0.01 * dim, base[2] + 0.035 * dim];
    let deep = [2.0 * lit_luma * shaded * style.shade * 0.92 - 1.0, base[1] - 0.01 * dim, base[2] + 0.045 * dim];
    let bright = [base[0] + BRIGHTER * dim, base[1] * (1.0 - PALER), base[2] * (1.0 - PALER)];
    let tones = |i: usize| {
        let level = light.pixels()[i] - tone[0];
        let ramp = |below: f32, width: f32| smooth_step(-below - width, -below + width, level);
        let (lit, half) = (ramp(dim * SHADOW, dim * 0.16 * style.soft), ramp(dim * DEEP, dim * 0.2 * style.soft));
        let full = ramp(-BRIGHT, 0.12 * style.soft);
        let fine = MODELLING * fine.pixels()[i];
        [0, 1, 2].map(|c| {
            let upper = shade[c] + lit * (base[c] - shade[c]) + full * (bright[c] - base[c]);
            deep[c] + half * (upper - deep[c]) + if c == 0 { fine } else { 0.0 }
        })
    };
    let count = cleared.pixels().len();
    let tones: Vec<[f32; 3]> = (0..count).into_par_iter().with_min_len(2048).map(tones).collect();
    // Nearly as warm on the whole as it was painted: all of it would let hair and shade count for skin.
    let mut off = [0.0f32; 3];
    for i in 0..count {
        let (weight, laid, from) = (skin.pixels()[i] * inner.pixels()[i], tones[i], cleared.pixels()[i]);
        (0..2).for_each(|c| off[c] += weight * (from[1 + c] - laid[1 + c]));
        off[2] += weight;
    }
    let [cb, cr] = [0, 1].map(|c| KEPT * off[c] / off[2].max(1.0));
    // The lit tone is that of most of the skin: what counts for luma is the median.
    let most = |of: &[[f32; 3]]| median(sure.iter().map(|&i| of[i][0])).unwrap_or(0.0);
    let off = [most(cleared.pixels()) - most(&tones), cb, cr];
    let laid = |i: usize| {
        let (from, share) = (cleared.pixels()[i], flat * skin.pixels()[i]);
        // What is darker is less vivid, or deep shadow is blood red.
        let dark = (0.5 * (tones[i][0] + 1.0) / lit_luma).clamp(0.0, 1.0).sqrt();
        let to = [0, 1, 2].map(|c| (tones[i][c] + off[c]) * if c == 0 { 1.0 } else { dark });
        [0, 1, 2].map(|c| from[c] + share * (to[c] - from[c]))
    };
    (0..count).into_par_iter().with_min_len(2048).map(laid).collect()
}

/// The part of the canvas where the face, its ears and its neck are.
fn window(canvas: &Canvas, face: &Drawing) -> Option<Window> {
    let points = face.landmarks.points();
    let span = |axis: usize, before: f32, after: f32, length: usize| {
        let low = points.iter().map(|p| p[axis]).fold(f32::INFINITY, f32::min) - before * face.unit_px;
        let high = points.iter().map(|p| p[axis]).fold(f32::NEG_INFINITY, f32::max) + after * face.unit_px;
        let (low, high) = (low.max(0.0) as usize, high.ceil().clamp(0.0, length as f32) as usize);
        (low < high).then_some((low, high - low))
    };
    let (width, height) = canvas.size();
    let ((x, width), (y, height)) = (span(0, 0.5, 0.5, width)?, span(1, 0.6, 1.4, height)?);
    Some(Window { x, y, width, height })
}

/// The median by luma of what bare skin looks like.
fn complexion(face: &Drawing, paint: &Image<Srgb>) -> Option<[f32; 3]> {
    let reach = (0.06 * face.unit_px).max(1.0) as isize;
    let mean = |[x, y]: Point| {
        let inside = |v: isize, length: usize| (0..length as isize).contains(&v);
        let mut sum = [0.0; 4];
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let (x, y) = (x as isize + dx, y as isize + dy);
                if inside(x, paint.width()) && inside(y, paint.height()) {
                    let p = paint.at(x as usize, y as usize);
                    (0..3).for_each(|c| sum[c] += p[c]);
                    sum[3] += 1.0;
                }
            }
        }
        (sum[3] > 0.0).then(|| [0, 1, 2].map(|c| sum[c] / sum[3]))
    };
    let mut seen: Vec<[f32; 3]> = face.bare_skin().into_iter().filter_map(mean).collect();
    if seen.len() < 3 {
        return None;
    }
    // Luma and chroma by themselves: a fringe over the forehead or a beard on a cheek moves neither.
    Some([0, 1, 2].map(|c| {
        seen.sort_by(|a, b| a[c].total_cmp(&b[c]));
        let middle = seen.len() / 2;
        0.5 * (seen[middle][c] + seen[(seen.len() - 1) / 2][c])
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_from_a_side_makes_contrast_and_light_from_above_does_not() {
        let seen = |luma: fn(usize, usize) -> f32| {
            contrast(&Image::<Gray>::from_fn(40, 40, luma), &(0..1600).collect::<Vec<_>>())
        };
        assert!((seen(|x, _| if x < 20 { 0.5 } else { 0.05 }) - 0.7).abs() < 0.01);
        assert_eq!(seen(|_, y| if y < 20 { 0.5 } else { -0.4 }), 1.0);
        assert_eq!(seen(|x, _| if x < 20 { 0.9 } else { -0.9 }), LEAST_CONTRAST);
    }

    #[test]
    fn only_a_face_in_bad_light_follows_a_look_that_makes_it_lighter() {
        let becomes = |most: f32, bare: f32| most + 0.4 + lighter([most, bare], most + 0.4);
        for evenly_lit in [0.5, -0.2] {
            assert!((becomes(evenly_lit, evenly_lit) - evenly_lit - OFF).abs() < 1e-6);
        }
        assert!(becomes(-0.2, 0.1) > -0.2 + 2.0 * MOST_FOLLOWED, "{}", becomes(-0.2, 0.1));
    }

    #[test]
    fn folds_make_no_tone_and_shadow_does() {
        for unit_px in [40.0, 126.0] {
            let side = (3.0 * unit_px) as usize;
            let at = |v: usize| v as f32 / unit_px;
            // A fold 0.12 units wide in the middle of the left half, the right third in shadow.
            let luma = Image::<Gray>::from_fn(side, side, |x, _| match at(x) {
                u if (0.8..0.92).contains(&u) => -0.3,
                u if u > 2.0 => -0.2,
                _ => 0.4,
            });
            let [light, _] = light(&luma, unit_px);
            let level = |u: f32| light.at((u * unit_px) as usize, side / 2);
            assert!((level(0.86) - 0.4).abs() < 0.03, "{unit_px}: {}", level(0.86));
            assert!((level(2.5) + 0.2).abs() < 0.03, "{unit_px}: {}", level(2.5));
        }
    }
}
