//! Fills laid flat: the network has learnt where fills are and in what colours, and leaves them soft. Here they become what a
//! draughtsman would have laid: flat shapes, shading in steps with a border, leaves in dabs, skies that stay gradients, and outlines.
//!
//! Works at the size painted at, on the whole canvas, before borders are redrawn and the painting is upscaled.

mod leaves;
mod outlines;
mod sky;

use crate::look::Look;
use crate::tiles::{Part, parts};
use crate::upscale::Canvas;
use leaves::{in_leaves, leaves};
use net::Medium;
use outlines::outlines;
use pixels::Image;
use pixels::blur::gaussian_wide;
use pixels::guided::{guided, guided_fast};
use pixels::image::zip;
use pixels::smooth::l0_gradient;
use pixels::space::{Gray, Srgb, Srgb8, luma_from_srgb, srgb_from_srgb8, srgb_from_ycbcr, ycbcr_from_srgb};
use pixels::texture::{fine, smooth_areas, up_to_borders};
use pixels::warp::Point;
use rayon::prelude::*;
pub(crate) use sky::Sky;

/// How a style lays its fills.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FillStyle {
    /// How flat: the price of a place where the colour changes (λ of L0 smoothing).
    flatness: f32,
    /// From one tone of shading to the next, luma 0..1; 0 leaves shading as it is.
    step: f32,
    /// How far skies and other smooth areas stay gradients, 0..1.
    gradients: f32,
    /// How far leaves are laid in dabs, 0..1.
    leaves: f32,
    /// How dark outlines are drawn, 0..1.
    outlines: f32,
}

const MEADOW: FillStyle = FillStyle { flatness: 0.01, step: 0.1, gradients: 0.6, leaves: 1.0, outlines: 0.8 };

impl FillStyle {
    /// Of the style that counts most in a look's mixture; none if fills are left as they were painted.
    pub(crate) fn of(look: &Look, medium: Medium) -> Option<Self> {
        if medium == Medium::Screentone || look.flat.get() == 0.0 {
            return None;
        }
        let most = look.styles.shares().iter().max_by(|a, b| a.1.total_cmp(&b.1));
        Some(match most.map(|(name, _)| name.as_str()) {
            Some("meadow") => MEADOW,
            Some("skyglow") => Self { flatness: 0.012, gradients: 0.8, ..MEADOW },
            Some("storybook") => Self { flatness: 0.012, gradients: 0.0, ..MEADOW },
            Some("portrait") => Self { flatness: 0.006, gradients: 0.5, ..MEADOW },
            Some("cel") => Self { flatness: 0.012, gradients: 0.0, ..MEADOW },
            // A style of one's own may live by its texture.
            _ => Self { flatness: 0.004, step: 0.0, gradients: 1.0, leaves: 0.0, outlines: 0.0 },
        })
    }

    /// The same for frames of a film.
    pub(crate) fn in_motion(self) -> Self {
        Self { outlines: MOVING * self.outlines, ..self }
    }
}

/// How dark the outlines of a film are beside those of a photo: from frame to frame they move a little.
const MOVING: f32 = 0.35;

/// Side of the pieces that a large canvas is laid in, px, and how far each reaches into the next, going over into it.
const PIECE_PX: usize = 1408;
const OVERLAP_PX: usize = 64;
/// Growth of the solver's weight in each round of L0 smoothing. The published 2 takes three times as many rounds.
const KAPPA: f32 = 8.0;
/// Guided filter by which shapes get their colours back: radius, px, and variance.
const RETURNED: (usize, f32) = (16, 1e-4);
/// Spots in what is rough have less variance than this and are smaller than this radius, px.
const EVEN: (usize, f32) = (24, 1.5e-3);
/// Shading is what a guided filter leaves: its radius, px, and the variance of luma below which it smooths.
const SHADING: (usize, f32) = (12, 8e-4);
/// Where shading goes from one tone to the next within so many px there are tones; it is looked at in a neighbourhood of this sigma,
/// px, in which no edge counts for more than this slope, 1/px.
const TONE_PX: f32 = 75.0;
const SHADED_PX: f32 = 10.0;
const EDGE: f32 = 0.004;
/// Width of the border between two tones, px.
const BORDER_PX: f32 = 1.5;
/// Luma that is further from its shading than this is texture.
const TEXTURE: f32 = 0.03;

/// Lays the fills of a canvas that shows `photo` with this `sky`, or that is the part `alone` of it, and draws outlines: `share` says how far at a
/// place of the photo, 0..1.
pub(crate) fn lay(
    canvas: &mut Canvas,
    (photo, sky): (&Image<Srgb8>, &Sky),
    style: &FillStyle,
    alone: Option<Part>,
    share: impl Fn(Point) -> f32 + Sync,
) {
    let (width, height) = canvas.size();
    let pieces = || parts(width, height, PIECE_PX).into_iter().map(|piece| piece.grown(OVERLAP_PX, width, height));
    let [left, top] = alone.map_or([0; 2], |part| [part.x, part.y]);
    let pieces = if alone.is_some() { vec![Part { x: 0, y: 0, width, height }] } else { pieces().collect() };
    let painted = (pieces.len() > 1).then(|| canvas.clone());
    for around in pieces {
        let (painting, ink) = painted.as_ref().unwrap_or(canvas).taken(around);
        let colours = painting.map::<Srgb>(|[y, cb, cr]| srgb_from_ycbcr([(y + 1.0) / 2.0, cb / 2.0, cr / 2.0]));
        let origin = [left + around.x, top + around.y];
        let seen = photo.crop(origin[0], origin[1], around.width, around.height).map::<Srgb>(srgb_from_srgb8);
        let place = |i: usize| [origin[0] + i % around.width, origin[1] + i / around.width].map(|v| v as f32 + 0.5);
        let (laid, outlined) = laid(&colours, &seen, style, origin, |i| sky.at(place(i)));
        let before = painted.is_some().then(|| canvas.taken(around).0);
        let pixel = |i: usize| {
            let [y, cb, cr] = ycbcr_from_srgb(laid.pixels()[i]);
            let mix = |from: [f32; 3], to: [f32; 3], share: f32| -> [f32; 3] {
                std::array::from_fn(|c| from[c] + share * (to[c] - from[c]))
            };
            let share = share(place(i));
            let laid = mix(painting.pixels()[i], [2.0 * y - 1.0, 2.0 * cb, 2.0 * cr], share);
            let over = |before: &Image<Srgb>| mix(before.pixels()[i], laid, reached(around, i));
            let [y, cb, cr] = before.as_ref().map_or(laid, over);
            let outlined = outlined.as_ref().map_or(0.0, |ink| share * ink.pixels()[i]);
            [y, cb, cr, ink.pixels()[i].max(outlined)]
        };
        let pixels: Vec<_> = (0..laid.pixels().len()).into_par_iter().with_min_len(4096).map(pixel).collect();
        canvas.give_back(around, &pixels);
    }
}

/// How far a pixel of a piece is its own, 0..1, and no more the piece's before it, to the left or above.
fn reached(piece: Part, i: usize) -> f32 {
    let along = |start: usize, at: usize| {
        let over = 2 * OVERLAP_PX;
        if start == 0 { 1.0 } else { ((at as f32 + 0.5) / over as f32).min(1.0) }
    };
    along(piece.x, i % piece.width) * along(piece.y, i / piece.width)
}

/// The painting with its fills laid flat, beside the photo, both sRGB 0..1, and the ink of outlines, if there are any. `origin` is where they
/// begin in the whole picture, px; `sky` says where the sky has no clouds, 0..1.
fn laid(
    painting: &Image<Srgb>,
    photo: &Image<Srgb>,
    style: &FillStyle,
    origin: [usize; 2],
    sky: impl Fn(usize) -> f32 + Sync,
) -> (Image<Srgb>, Option<Image<Gray>>) {
    let luma = photo.map::<Gray>(luma_from_srgb);
    // A style whose shading stays may live by its texture.
    let rough = (style.step > 0.0).then(|| rough(photo, &luma)).flatten();
    let evened = rough.as_ref().map(|rough| evened(painting, rough));
    let stepped = stepped(evened.as_ref().unwrap_or(painting), style.step);
    let flat = l0_gradient(&stepped, style.flatness, KAPPA);
    // So few rounds let colours run into each other over wide distances: every shape gets its own back.
    let flat = guided_fast(&flat, &stepped, RETURNED.0, RETURNED.1, 4);
    let leaves = rough.as_ref().filter(|_| style.leaves > 0.0).and_then(|rough| leaves(photo, rough));
    let outlined = (style.outlines > 0.0).then(|| {
        let drawn = outlines(&flat, photo);
        let leaves = |i: usize| leaves.as_ref().map_or(0.0, |leaves| leaves.pixels()[i]);
        zip::<Gray>(&drawn, |i| style.outlines * drawn.pixels()[i] * (1.0 - sky(i)) * (1.0 - leaves(i)))
    });
    let flat = match &leaves {
        Some(leaves) => in_leaves(flat, painting, (&luma, leaves), style.leaves, origin),
        None => flat,
    };
    let smooth = (style.gradients > 0.0).then(|| smooth_areas(&luma));
    let laid = zip::<Srgb>(painting, |i| {
        let (flat, painted) = (flat.pixels()[i], painting.pixels()[i]);
        let gradient = smooth.as_ref().map_or(0.0, |smooth| style.gradients * smooth.pixels()[i]).max(sky(i));
        std::array::from_fn(|c| flat[c] + gradient * (painted[c] - flat[c]))
    });
    (laid, outlined)
}

/// Where a photo and its luma are rough, 0..1: of fine contrast without a direction. Dark places have less contrast. `None` if nothing is.
fn rough(photo: &Image<Srgb>, luma: &Image<Gray>) -> Option<Image<Gray>> {
    let around = gaussian_wide(luma, 14.0);
    let fine = fine(&zip::<Gray>(luma, |i| luma.pixels()[i] * (0.72 / (around.pixels()[i] + 0.2)).clamp(1.0, 2.5)));
    fine.pixels().iter().any(|&fine| fine > 0.0).then(|| up_to_borders(photo, &fine))
}

/// The painting without what asphalt, sand and plaster leave in it where they are `rough`: spots that would become patches of another tone.
fn evened(painting: &Image<Srgb>, rough: &Image<Gray>) -> Image<Srgb> {
    let even = guided_fast(painting, painting, EVEN.0, EVEN.1, 4);
    zip::<Srgb>(painting, |i| {
        let (painted, even) = (painting.pixels()[i], even.pixels()[i]);
        std::array::from_fn(|c| painted[c] + rough.pixels()[i] * (even[c] - painted[c]))
    })
}

/// Shading in tones a `step` of luma apart.
fn stepped(painting: &Image<Srgb>, step: f32) -> Image<Srgb> {
    if step == 0.0 {
        return painting.clone();
    }
    let luma = painting.map::<Gray>(luma_from_srgb);
    let shading = guided(&luma, &luma, SHADING.0, SHADING.1);
    let (width, height) = (luma.width(), luma.height());
    let at = |x: usize, y: usize| shading.at(x.min(width - 1), y.min(height - 1));
    let along = |dx: usize, dy: usize| {
        zip::<Gray>(&luma, |i| {
            let (x, y) = (i % width, i / width);
            0.5 * (at(x + dx, y + dy) - at(x.saturating_sub(dx), y.saturating_sub(dy)))
        })
    };
    let [across, down] = [along(1, 0), along(0, 1)];
    let slope = zip::<Gray>(&luma, |i| across.pixels()[i].hypot(down.pixels()[i]));
    // Spots have slopes that point everywhere, and come to nothing together.
    let [across, down] = [across, down].map(|part| {
        let limited = |i: usize| part.pixels()[i] * (EDGE / slope.pixels()[i].max(EDGE));
        gaussian_wide(&zip::<Gray>(&luma, limited), SHADED_PX)
    });
    let around = zip::<Gray>(&luma, |i| across.pixels()[i].hypot(down.pixels()[i]));
    zip::<Srgb>(painting, |i| {
        let (luma, shaded) = (luma.pixels()[i], shading.pixels()[i]);
        let tone = (shaded / step).round();
        // From the middle of the tone, −0.5..0.5; how far it is to the next tone, px.
        let off = shaded / step - tone;
        let border_px = (0.5 - off.abs()) * step / (slope.pixels()[i] + 1e-6);
        let eased = (0.5 - 0.5 * border_px / BORDER_PX).max(0.0).copysign(off);
        // No shadow appears on a wall that is nearly even.
        let is_shaded = (around.pixels()[i] * TONE_PX / step).min(1.0);
        let is_shading = is_shaded * (1.0 - (luma - shaded).abs() / TEXTURE).max(0.0);
        let stepped = luma + is_shading * (step * (tone + eased) - luma);
        // The same colour in another light.
        let light = (stepped / luma.max(0.01)).clamp(0.5, 2.0);
        let [r, g, b] = painting.pixels()[i];
        [(r * light).clamp(0.0, 1.0), (g * light).clamp(0.0, 1.0), (b * light).clamp(0.0, 1.0)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::Flat;
    use engine::Map;

    const CEL: FillStyle = FillStyle { flatness: 0.012, step: 0.1, gradients: 0.0, leaves: 1.0, outlines: 0.8 };

    fn grey(width: usize, height: usize, luma: impl Fn(usize, usize) -> f32) -> Image<Srgb> {
        Image::from_fn(width, height, |x, y| [luma(x, y); 3])
    }

    /// Luma along the middle row.
    fn along(picture: &Image<Srgb>) -> Vec<f32> {
        picture.row(picture.height() / 2).iter().map(|colour| luma_from_srgb(*colour)).collect()
    }

    /// Columns between `from` and `to` where luma changes by more than `by` to the next.
    fn changes(row: &[f32], by: f32) -> usize {
        row.windows(2).filter(|pair| (pair[1] - pair[0]).abs() > by).count()
    }

    #[test]
    fn ripples_become_flat_and_a_border_stays() {
        let ripples = grey(120, 60, |x, y| {
            let ripple = 0.02 * ((x as f32 / 3.0).sin() + (y as f32 / 2.0).cos());
            if x < 60 { 0.3 + ripple } else { 0.7 + ripple }
        });
        let row = along(&laid(&ripples, &ripples, &CEL, [0, 0], |_| 0.0).0);
        assert!(changes(&row[..55], 4e-3) == 0 && changes(&row[65..], 4e-3) == 0, "{row:?}");
        assert!(row[63] - row[56] > 0.35, "{row:?}");
    }

    #[test]
    fn shading_becomes_tones_and_a_sky_stays_a_gradient() {
        let ramp = grey(200, 40, |x, _| 0.3 + 0.002 * x as f32);
        let row = along(&laid(&ramp, &ramp, &CEL, [0, 0], |_| 0.0).0);
        let borders = changes(&row[20..180], 0.015);
        assert!((2..=16).contains(&borders), "{borders} {row:?}");
        assert!(changes(&row[20..180], 1e-3) < 60, "what lies between is flat: {row:?}");
        let row = along(&laid(&ramp, &ramp, &FillStyle { gradients: 1.0, ..CEL }, [0, 0], |_| 0.0).0);
        assert!(row.windows(2).skip(20).take(160).all(|pair| (pair[1] - pair[0] - 0.002).abs() < 1e-3), "{row:?}");
    }

    #[test]
    fn an_even_wall_gets_no_shadow() {
        // Just around the border between two tones.
        let wall = grey(200, 40, |x, _| 0.45 + 0.01 * (x as f32 / 30.0).sin());
        let row = along(&stepped(&wall, 0.1));
        assert!(row.iter().all(|luma| (luma - 0.45).abs() < 0.02), "{row:?}");
    }

    #[test]
    fn spots_on_rough_ground_become_no_patches() {
        let spot = |x: usize, y: usize| 0.025 * ((x as f32 / 9.0).sin() + (y as f32 / 9.0).cos());
        let painting = grey(200, 120, |x, y| 0.55 + spot(x, y));
        let grain = |x: usize, y: usize| 0.15 * ((x / 2 + y / 2) % 2) as f32;
        let asphalt = grey(200, 120, |x, y| 0.48 + spot(x, y) + grain(x, y));
        let least_and_most = |photo: &Image<Srgb>| {
            let row = along(&laid(&painting, photo, &CEL, [0, 0], |_| 0.0).0);
            row[30..170].iter().fold((1.0f32, 0.0f32), |(least, most), &v| (least.min(v), most.max(v)))
        };
        let ((least, most), (even_least, even_most)) = (least_and_most(&painting), least_and_most(&asphalt));
        assert!(even_most - even_least < 0.5 * (most - least), "{least} {most}, {even_least} {even_most}");
    }

    fn canvas(picture: &Image<Srgb>) -> Canvas {
        let (width, height) = (picture.width(), picture.height());
        let mut canvas = Canvas::new(width, height);
        let pixel = |colour: &[f32; 3]| {
            let [y, cb, cr] = ycbcr_from_srgb(*colour);
            [2.0 * y - 1.0, 2.0 * cb, 2.0 * cr, 0.25]
        };
        let data = picture.pixels().iter().flat_map(pixel).collect();
        canvas.put(Part { x: 0, y: 0, width, height }, &Map { height, width, channels: 4, data });
        canvas
    }

    #[test]
    fn pieces_go_over_into_each_other() {
        let (width, height) = (PIECE_PX + 300, 40);
        let picture = grey(width, height, |x, y| 0.5 + 0.2 * (x as f32 / 50.0).sin() + 0.02 * (y as f32).sin());
        let mut canvas = canvas(&picture);
        let photo = picture.map(pixels::space::srgb8_from_srgb);
        lay(&mut canvas, (&photo, &Sky::of(&photo)), &FillStyle { step: 0.0, ..CEL }, None, |_| 1.0);
        let (laid, ink) = canvas.taken(Part { x: 0, y: 20, width, height: 1 });
        let row: Vec<f32> = laid.pixels().iter().map(|[y, ..]| (y + 1.0) / 2.0).collect();
        let steepest = |row: &[f32]| row.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        let seam = steepest(&row[PIECE_PX - OVERLAP_PX..][..2 * OVERLAP_PX]);
        assert!(seam <= steepest(&row[200..PIECE_PX - 200]) + 2e-3, "{seam}");
        assert!(ink.pixels().iter().all(|ink| (ink - 0.25).abs() < 1e-3), "ink is not touched");
    }

    #[test]
    fn outlines_are_drawn_in_photos_lightly_in_films_and_not_in_skies() {
        let house = grey(120, 80, |x, y| if (30..90).contains(&x) && (30..70).contains(&y) { 0.4 } else { 0.6 });
        let at_the_wall = |style: &FillStyle, sky: f32| {
            let (_, outlined) = laid(&house, &house, style, [0, 0], |_| sky);
            outlined.map(|ink| (28..33).map(|x| ink.at(x, 50)).fold(0.0, f32::max))
        };
        let [photo, film] = [CEL, CEL.in_motion()].map(|style| at_the_wall(&style, 0.0).unwrap());
        assert!(photo > 0.7 && (0.2..0.4).contains(&film), "{photo} {film}");
        assert_eq!(at_the_wall(&CEL, 1.0), Some(0.0));
        assert_eq!(at_the_wall(&FillStyle { outlines: 0.0, ..CEL }, 0.0), None);
    }

    #[test]
    fn what_has_no_share_is_left_as_it_is() {
        let picture = grey(80, 40, |x, y| 0.5 + 0.1 * ((x + y) as f32 / 3.0).sin());
        let (before, mut after) = (canvas(&picture), canvas(&picture));
        let photo = picture.map(pixels::space::srgb8_from_srgb);
        lay(&mut after, (&photo, &Sky::of(&photo)), &CEL, None, |[x, _]| f32::from(x < 40.0));
        let all = Part { x: 0, y: 0, width: 80, height: 40 };
        let (before, after) = (before.taken(all).0, after.taken(all).0);
        assert!((0..40).all(|y| before.row(y)[40..] == after.row(y)[40..]));
        assert!(before.row(20)[..40] != after.row(20)[..40]);
    }

    #[test]
    fn a_look_that_is_not_flat_and_dots_have_no_fills() {
        let look = |flat: f32| Look { flat: Flat::new(flat).unwrap(), ..Look::default() };
        assert_eq!(FillStyle::of(&look(0.0), Medium::Colour), None);
        assert_eq!(FillStyle::of(&look(1.0), Medium::Screentone), None);
        assert_eq!(FillStyle::of(&look(1.0), Medium::Colour), Some(MEADOW));
        let mixed = Look { styles: "meadow:0.3,cel:0.7".parse().unwrap(), ..Look::default() };
        assert_eq!(FillStyle::of(&mixed, Medium::Colour), Some(CEL));
    }
}
