//! Leaves are laid as a painter of backgrounds lays them: the mass in its shade first, then dabs of the middle tone, then of the lit
//! one. Every dab is flat and has a border, so that a crown has a texture and an outline of leaves at any size.

use pixels::Image;
use pixels::blur::{gaussian, gaussian_wide};
use pixels::guided::guided_fast;
use pixels::image::zip;
use pixels::lines::structure;
use pixels::space::{Gray, Srgb, luma_from_srgb, ycbcr_from_srgb};
use pixels::texture::{Within, in_light};
use pixels::warp::smooth_step;
use rayon::prelude::*;

/// Dabs of one tone, in standard deviations of luma from the mean of the leaves around.
struct Layer {
    /// Laid where luma is at least that.
    from: f32,
    tone: f32,
    /// Distance from one to the next, half their length and half their width, px.
    apart_px: f32,
    half_px: [f32; 2],
}

/// The tone of the mass that they lie on, and the layers in the order they are laid in.
const MASS: f32 = -1.8;
const LAYERS: [Layer; 3] = [
    Layer { from: -0.45, tone: -0.2, apart_px: 4.0, half_px: [5.0, 2.6] },
    Layer { from: 0.3, tone: 1.4, apart_px: 3.7, half_px: [4.2, 2.1] },
    Layer { from: 1.0, tone: 2.9, apart_px: 4.0, half_px: [3.3, 1.6] },
];
/// How much dabs of a layer differ in tone and, beside 1, in size.
const VARIED: (f32, f32) = (0.8, 0.5);
/// Dabs and masses of them are seen in luma under these sigmas, px, and masses count for this share.
const DAB_PX: f32 = 1.3;
const MASSES: (f32, f32) = (4.4, 0.55);
/// How much warmer a lit tone is and a shaded one colder, for each standard deviation.
const WARMTH: f32 = 0.011;
/// How far a leaf has a colour of its own, 0..1, and not that of the leaves around.
const OWN_COLOUR: f32 = 0.4;
/// Width of a dab's border, px.
const BORDER_PX: f32 = 0.9;
/// Rows that one thread lays.
const BAND_PX: usize = 32;

struct Dab {
    at: [f32; 2],
    along: [f32; 2],
    half_px: [f32; 2],
    colour: [f32; 3],
}

impl Dab {
    /// How much of a pixel it covers, 0..1: a leaf, wide in the middle and pointed at its ends.
    fn covers(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.at[0], y - self.at[1]);
        let along = (dx * self.along[0] + dy * self.along[1]) / self.half_px[0];
        let across = (dy * self.along[0] - dx * self.along[1]).abs();
        let width = self.half_px[1] * (1.0 - along * along);
        (0.5 + (width - across) / BORDER_PX).clamp(0.0, 1.0)
    }
}

/// A number 0..1 for a cell, the same in every picture.
fn chance([x, y]: [usize; 2], salt: u32) -> f32 {
    let mut v =
        (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77) ^ salt.wrapping_mul(0xc2b2_ae3d);
    for _ in 0..2 {
        v = (v ^ (v >> 15)).wrapping_mul(0x2c1b_3c6d);
        v ^= v >> 12;
    }
    (v >> 8) as f32 / (1 << 24) as f32
}

/// Where a photo, sRGB 0..1, shows leaves, 0..1: what is green or olive and `rough`.
pub(super) fn leaves(photo: &Image<Srgb>, rough: &Image<Gray>) -> Option<Image<Gray>> {
    let green = photo.map::<Gray>(|colour| {
        let [_, cb, cr] = ycbcr_from_srgb(colour);
        let green = smooth_step(0.004, 0.02, -cr) * smooth_step(0.0, 0.02, -cb);
        green.max(smooth_step(-0.006, 0.008, -cr) * smooth_step(0.04, 0.065, -cb))
    });
    if green.pixels().iter().all(|&green| green == 0.0) {
        return None;
    }
    let green = gaussian_wide(&green, 6.0);
    Some(zip::<Gray>(rough, |i| smooth_step(0.2, 0.6, green.pixels()[i]) * rough.pixels()[i]))
}

/// [`leaves`] of a photo of this luma in tones of the painting's colours, the rest as it is in `flat`. `origin` is where the picture begins in the
/// whole one, px.
pub(super) fn in_leaves(
    mut flat: Image<Srgb>,
    painting: &Image<Srgb>,
    (luma, leaves): (&Image<Gray>, &Image<Gray>),
    amount: f32,
    origin: [usize; 2],
) -> Image<Srgb> {
    let within = Within::new(leaves);
    let (around, spread) = within.mean_and_spread(luma);
    let (dabs, masses) = (gaussian(luma, DAB_PX), gaussian(luma, MASSES.0));
    let light = |i: usize| {
        let near = dabs.pixels()[i] + MASSES.1 * (masses.pixels()[i] - dabs.pixels()[i]);
        (near - around.pixels()[i]) / (spread.pixels()[i] + 0.004)
    };
    let colour: [Image<Gray>; 3] = std::array::from_fn(|c| within.mean(&painting.map::<Gray>(|colour| colour[c])));
    let own_colour = guided_fast(luma, painting, 12, 4e-3, 4);
    let toned = |i: usize, tone: f32| {
        let (own, around) = (own_colour.pixels()[i], std::array::from_fn(|c| colour[c].pixels()[i]));
        let own_share = OWN_COLOUR * leaves.pixels()[i];
        let colour = std::array::from_fn(|c| around[c] + own_share * (own[c] - around[c]));
        let [r, g, b] = in_light(colour, luma_from_srgb(around) + tone * spread.pixels()[i]);
        [r * (1.0 + WARMTH * tone), g, b * (1.0 - WARMTH * tone)].map(|v| v.clamp(0.0, 1.0))
    };
    flat = zip::<Srgb>(&flat, |i| {
        let (flat, share) = (flat.pixels()[i], amount * leaves.pixels()[i]);
        if share == 0.0 {
            return flat;
        }
        let mass = toned(i, MASS);
        std::array::from_fn(|c| flat[c] + share * (mass[c] - flat[c]))
    });
    let flow = structure(luma, 3.0);
    let (width, height) = (luma.width(), luma.height());
    for (layer, salt) in LAYERS.iter().zip(0..) {
        let dab = |cell: [usize; 2]| {
            let chance = |what: u32| chance(cell, 8 * salt + what);
            let along_axis =
                |axis: usize| (cell[axis] as f32 + chance(axis as u32)) * layer.apart_px - origin[axis] as f32;
            let at = [along_axis(0), along_axis(1)];
            let is_inside = at[0] >= 0.0 && at[1] >= 0.0 && at[0] < width as f32 && at[1] < height as f32;
            let i = is_inside.then(|| at[1] as usize * width + at[0] as usize)?;
            if light(i) < layer.from || leaves.pixels()[i] < 0.1 + 0.4 * chance(2) {
                return None;
            }
            // Along the twig or blade where there is one, and any way where there is none.
            let [across_x, across_y] = flow.across.pixels()[i];
            let turned = (chance(3) - 0.5) * std::f32::consts::PI * (1.0 - flow.coherence.pixels()[i]);
            let (sin, cos) = turned.sin_cos();
            let along = [-across_y * cos - across_x * sin, across_x * cos - across_y * sin];
            let (tone, size) = (layer.tone + VARIED.0 * (chance(5) - 0.5), 1.0 + VARIED.1 * (chance(4) - 0.5));
            Some(Dab { at, along, half_px: layer.half_px.map(|half| half * size), colour: toned(i, tone) })
        };
        let cells = |axis: usize, len: usize| {
            let cell = |at: usize| (at as f32 / layer.apart_px) as usize;
            cell(origin[axis])..cell(origin[axis] + len) + 1
        };
        let row = |y: usize| cells(0, width).filter_map(move |x| dab([x, y]));
        let dabs: Vec<Dab> = cells(1, height).flat_map(row).collect();
        lay_dabs(&mut flat, &dabs, amount);
    }
    flat
}

/// Lays dabs one over the other in their order.
fn lay_dabs(picture: &mut Image<Srgb>, dabs: &[Dab], amount: f32) {
    let (width, height) = (picture.width(), picture.height());
    picture.pixels_mut().par_chunks_mut(width * BAND_PX).enumerate().for_each(|(band, pixels)| {
        let (top, bottom) = (band * BAND_PX, ((band + 1) * BAND_PX).min(height));
        for dab in dabs {
            let reach = dab.half_px[0] + 1.0;
            let span = |at: f32, least: usize, most: usize| {
                ((at - reach).max(least as f32) as usize)..((at + reach).ceil().max(0.0) as usize).min(most)
            };
            for y in span(dab.at[1], top, bottom) {
                for x in span(dab.at[0], 0, width) {
                    let share = amount * dab.covers(x as f32 + 0.5, y as f32 + 0.5);
                    let pixel = &mut pixels[(y - top) * width + x];
                    *pixel = std::array::from_fn(|c| pixel[c] + share * (dab.colour[c] - pixel[c]));
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crown of leaves, or a wall of the same texture.
    fn texture(green: f32) -> Image<Srgb> {
        Image::from_fn(160, 120, |x, y| {
            let clump = 0.1 * (x as f32 / 5.0).sin() * (y as f32 / 5.0).cos();
            let light = 0.3 + clump + 0.2 * ((x / 2 + y / 2) % 2) as f32;
            [light * (1.0 - 0.4 * green), light, light * (1.0 - 0.6 * green)]
        })
    }

    fn laid(photo: &Image<Srgb>, origin: [usize; 2]) -> (Image<Srgb>, Image<Srgb>) {
        let painting = gaussian(photo, 4.0);
        let luma = photo.map::<Gray>(luma_from_srgb);
        let leaves = crate::fills::rough(photo, &luma).and_then(|rough| leaves(photo, &rough));
        let laid = leaves.map_or_else(
            || painting.clone(),
            |leaves| in_leaves(painting.clone(), &painting, (&luma, &leaves), 1.0, origin),
        );
        (painting, laid)
    }

    #[test]
    fn leaves_become_dabs_of_several_tones_and_a_wall_stays() {
        let (painting, crown) = laid(&texture(1.0), [0, 0]);
        let inside = |picture: &Image<Srgb>| picture.crop(40, 30, 80, 60).map::<Gray>(luma_from_srgb);
        let spread = |picture: &Image<Srgb>| {
            let luma = inside(picture);
            let ends = luma.pixels().iter().fold((1.0f32, 0.0f32), |(least, most), &v| (least.min(v), most.max(v)));
            ends.1 - ends.0
        };
        assert!(spread(&crown) > spread(&painting) + 0.1, "{} {}", spread(&crown), spread(&painting));
        let borders = |picture: &Image<Srgb>| {
            let luma = inside(picture);
            let pairs = luma.pixels().chunks(luma.width()).flat_map(|row| row.windows(2));
            pairs.filter(|pair| (pair[1] - pair[0]).abs() > 0.03).count()
        };
        assert!(borders(&crown) > 300 && borders(&painting) < 30, "{} {}", borders(&crown), borders(&painting));
        let (painting, wall) = laid(&texture(0.0), [0, 0]);
        assert_eq!(wall.pixels(), painting.pixels());
    }

    #[test]
    fn dabs_lie_where_they_lie_in_the_whole_picture() {
        let photo = texture(1.0);
        let whole = laid(&photo, [0, 0]).1;
        let (x, y) = (48, 32);
        let part = laid(&photo.crop(x, y, 112, 88), [x, y]).1;
        let (whole, part) = (whole.crop(x + 50, y + 40, 12, 12), part.crop(50, 40, 12, 12));
        let apart = whole.pixels().iter().zip(part.pixels()).map(|(a, b)| (a[1] - b[1]).abs()).sum::<f32>() / 144.0;
        assert!(apart < 0.02, "{apart}");
    }

    #[test]
    fn a_dab_is_wide_in_the_middle_and_pointed() {
        let dab = Dab { at: [10.0, 10.0], along: [1.0, 0.0], half_px: [6.0, 3.0], colour: [0.0; 3] };
        assert_eq!((dab.covers(10.0, 12.0), dab.covers(10.0, 14.0)), (1.0, 0.0));
        assert_eq!((dab.covers(14.5, 10.0), dab.covers(14.5, 12.0), dab.covers(17.0, 10.0)), (1.0, 0.0, 0.0));
    }

    #[test]
    fn the_smallest_picture_has_leaves() {
        assert_eq!(laid(&Image::filled(1, 1, [0.1, 0.6, 0.1]), [0, 0]).1.width(), 1);
    }
}
