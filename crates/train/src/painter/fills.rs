//! Fills: the photo laid out in flat shapes. Shapes keep their borders, texture becomes clumps, skies stay gradients.

use pixels::blur::gaussian;
use pixels::guided::guided;
use pixels::lines;
use pixels::space::{Gray, Lab, Srgb, lab_from_srgb, luma_from_srgb};
use pixels::texture::{Clumps, Within, clumps, fine, in_light, smooth_areas, up_to_borders};
use pixels::{Image, smooth};

use super::light::skin;
use super::taste::Fills;
use super::{Ground, zip};

/// Radius of the strokes in clumps, px.
const CLUMP_RADIUS_PX: usize = 6;
/// Standard deviations from the middle tone to the lit and to the shaded one.
const TONES_APART: f32 = 1.2;
/// Skin is flattened this much, in strokes of this radius, or lips and hairlines vanish.
const SKIN_FLATNESS: f32 = 0.003;
const SKIN_RADIUS_PX: usize = 3;

/// What a photo, put into light, is made of: the same for all fills.
pub(super) struct Seen {
    luma: Image<Gray>,
    /// Contrast that is fine and has no direction, 0..1.
    texture: Image<Gray>,
    /// The same up to the photo's borders: what shows between leaves and beside them is no leaf.
    leaves: Image<Gray>,
    /// Neither texture nor edge, 0..1.
    smooth: Image<Gray>,
    /// The photo blurred. Guided by itself: a sky does not take on the colour of the roof before it.
    blurred: Image<Srgb>,
    /// Colour of skin in the neighbourhood, 0..1.
    skin: Image<Gray>,
    /// Strokes as skin is painted.
    skin_strokes: Image<Srgb>,
    /// Flow-based difference of Gaussians, and its coherence.
    edges: [Image<Gray>; 2],
    /// Structures too thin for strokes, 0..1.
    thin: Image<Gray>,
}

impl Seen {
    /// `skin_flat` is the photo flattened by [`SKIN_FLATNESS`].
    fn of(photo: &Image<Srgb>, skin_flat: &Image<Srgb>) -> Self {
        let luma = photo.map::<Gray>(luma_from_srgb);
        let skin = gaussian(&photo.map::<Lab>(lab_from_srgb).map::<Gray>(skin), 14.0);
        let calmed = smooth::bilateral(photo, 2, 18.0 / 255.0, 2.0).map::<Gray>(luma_from_srgb);
        let (dog, coherence) = lines::flow_dog(&calmed, 0.8, 3.0);
        let texture = fine(&luma);
        Self {
            leaves: up_to_borders(photo, &texture),
            smooth: smooth_areas(&luma),
            blurred: guided(photo, photo, 10, 2e-3),
            texture,
            skin: skin.map::<Gray>(|v| (1.8 * v).min(1.0)),
            skin_strokes: smooth::kuwahara(skin_flat, SKIN_RADIUS_PX, 8.0, 2),
            thin: lines::thin_structures(&luma, &coherence),
            edges: [dog, coherence],
            luma,
        }
    }
}

/// A photo in fills, and where it is what.
pub(super) struct Filled {
    pub(super) base: Image<Srgb>,
    /// What is around a line: luma of the fills.
    pub(super) outlined: Image<Gray>,
    /// Texture that became clumps, 0..1.
    pub(super) rough: Image<Gray>,
    /// The lit (1) and shaded (−1) sides of clumps.
    pub(super) lit: Image<Gray>,
    /// Skin and what is near, 0..1.
    pub(super) spared: Image<Gray>,
    /// Structures too thin for fills, 0..1.
    pub(super) thin: Image<Gray>,
    /// As [`Seen`] has them.
    pub(super) photo_edges: [Image<Gray>; 2],
}

/// Lays out the photo of `ground`.
pub(super) fn fill(ground: &mut Ground, fills: &Fills) -> Filled {
    let flat = ground.flattened(fills.flatness);
    let broad = ground.flattened(2.0 * fills.flatness);
    let skin_flat = ground.flattened(SKIN_FLATNESS);
    let photo = &ground.photo;
    let seen = ground.seen.get_or_insert_with(|| Seen::of(photo, &skin_flat));
    let rough = seen.leaves.map::<Gray>(|v| v * fills.clump);

    let fine = smooth::kuwahara(&flat, fills.radius_px, 8.0, 2);
    let broad = smooth::kuwahara(&broad, CLUMP_RADIUS_PX, 8.0, 1);
    let (broad, lit) = three_tones(&broad, &seen.luma, &rough, fills.clump_tones);
    // Wood, sand and autumn leaves have the colour of skin, not its smoothness.
    let spared = zip::<Gray>(&seen.skin, |i| {
        let smooth = 1.0 - fills.clump_tones.min(1.0) * seen.texture.pixels()[i];
        (seen.skin.pixels()[i] * smooth).clamp(0.0, 1.0)
    });
    let strokes = zip::<Srgb>(&fine, |i| {
        let (rough, spared) = (rough.pixels()[i], spared.pixels()[i]);
        let (fine, broad, skin) = (fine.pixels()[i], broad.pixels()[i], seen.skin_strokes.pixels()[i]);
        std::array::from_fn(|c| {
            let stroke = fine[c] + rough * (broad[c] - fine[c]);
            stroke + spared * (skin[c] - stroke)
        })
    });
    let strokes = lines::smooth_along_edges(&strokes, fills.flow_px);
    let outlined = strokes.map::<Gray>(luma_from_srgb);

    let thin = seen.thin.map::<Gray>(|v| v * fills.thin);
    let crisp = if fills.detail > 0.0 { guided(photo, &strokes, 3, 0.002) } else { strokes.clone() };
    let base = zip::<Srgb>(&strokes, |i| {
        // Strokes wipe away what is thinner than they are: there the flattened photo stays.
        let (thin, back) = (thin.pixels()[i], fills.detail * (1.0 - rough.pixels()[i]));
        let (stroke, crisp) = (strokes.pixels()[i], crisp.pixels()[i]);
        let (flat, photo) = (flat.pixels()[i], photo.pixels()[i]);
        std::array::from_fn(|c| {
            let painted = stroke[c] + back * (crisp[c].clamp(0.0, 1.0) - stroke[c]);
            painted + thin * (0.5 * (flat[c] + photo[c]) - painted)
        })
    });
    let base = airbrushed(base, seen, fills.airbrush);
    Filled { base, outlined, rough, lit, spared, thin, photo_edges: seen.edges.clone() }
}

/// Clumps in three tones: broad masses in the shade, small dabs in the light, the rest in between. The tones lie around the
/// mean of the neighbourhood, as far apart as lightness varies there. Gives the picture, and the side −1..1 (shaded, lit)
/// of every pixel where it is rough.
fn three_tones(
    broad: &Image<Srgb>,
    luma: &Image<Gray>,
    rough: &Image<Gray>,
    amount: f32,
) -> (Image<Srgb>, Image<Gray>) {
    let Clumps { side, around, spread } = clumps(luma, &Within::new(rough));
    let painted = zip::<Srgb>(broad, |i| {
        let tone = around.pixels()[i] + TONES_APART * spread.pixels()[i] * side.pixels()[i];
        let broad = broad.pixels()[i];
        let lit = in_light(broad, tone);
        std::array::from_fn(|c| broad[c] + amount * (lit[c] - broad[c]))
    });
    (painted, zip::<Gray>(&side, |i| amount * rough.pixels()[i] * side.pixels()[i]))
}

/// Where the photo has neither texture nor edges gradients stay gradients: there the blurred photo takes the strokes'
/// place to the share `amount`. L0 smoothing would cut them into steps.
fn airbrushed(base: Image<Srgb>, seen: &Seen, amount: f32) -> Image<Srgb> {
    zip::<Srgb>(&base, |i| {
        let (painted, blurred) = (base.pixels()[i], seen.blurred.pixels()[i]);
        let share = amount * seen.smooth.pixels()[i];
        std::array::from_fn(|c| painted[c] + share * (blurred[c] - painted[c]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaves in light and shade, 24 px from one to the next, under strokes of one colour.
    #[test]
    fn clumps_have_a_lit_a_middle_and_a_shaded_side() {
        let luma = Image::<Gray>::from_fn(192, 24, |x, _| 0.5 + 0.15 * (x as f32 * std::f32::consts::TAU / 24.0).sin());
        let (broad, rough) = (Image::filled(192, 24, [0.3, 0.5, 0.2]), Image::filled(192, 24, 1.0));
        let (painted, side) = three_tones(&broad, &luma, &rough, 1.0);
        let inner = 48..144;
        let pure = inner.clone().filter(|&x| (side.at(x, 12) - side.at(x, 12).round()).abs() < 0.1).count();
        assert!(pure * 5 > inner.len() * 4, "{pure} of {}", inner.len());
        let [lit, middle, shaded] = [78, 72, 66];
        assert_eq!([lit, middle, shaded].map(|x| side.at(x, 12).round()), [1.0, 0.0, -1.0]);
        let tone = |x| luma_from_srgb(painted.at(x, 12));
        assert!((tone(middle) - 0.5).abs() < 0.02, "{}", tone(middle));
        assert!(tone(lit) > 0.56 && tone(shaded) < 0.44, "{} and {}", tone(lit), tone(shaded));
        for x in inner {
            let [r, g, b] = painted.at(x, 12);
            assert!((r / g - 0.6).abs() < 1e-4 && (b / g - 0.4).abs() < 1e-4, "another light, not another colour");
        }
    }

    #[test]
    fn clumps_without_contrast_stay_as_they_are() {
        let (even, rough) = (Image::filled(40, 40, 0.4), Image::filled(40, 40, 1.0));
        let broad = Image::<Srgb>::filled(40, 40, [0.4; 3]);
        let (painted, side) = three_tones(&broad, &even, &rough, 1.0);
        assert!(painted.pixels().iter().flatten().all(|v| (v - 0.4).abs() < 1e-3));
        assert!(side.pixels().iter().all(|side| side.abs() < 1e-2));
    }
}
