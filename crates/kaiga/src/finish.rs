//! From what the drawer drew to the pixels of the result: ink, colour or dots, smoothing, strength.

use crate::look::{Look, Strength, Tile};
use crate::tiles::Part;
use engine::Map;
use net::Medium;
use net::light::inked;
use pixels::Image;
use pixels::guided::guided;
use pixels::screentone::{CELL_PX, Screen, laid};
use pixels::space::{Srgb, Srgb8, srgb_from_srgb8, srgb_from_ycbcr, srgb8_from_srgb};
use rayon::prelude::*;

/// What the drawer's map becomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Manner {
    /// Colours with ink over them.
    Colour,
    /// Black ink on white paper, greys as dots on this grid.
    Screentone(Screen),
}

impl Manner {
    /// Of what is drawn with `medium` and then `enlarged` so many times: dots grow with it, so that the picture stays the
    /// same on a screen.
    pub(crate) fn of(medium: Medium, enlarged: f32) -> Self {
        match medium {
            Medium::Colour => Self::Colour,
            Medium::Screentone => Self::Screentone(Screen::new(CELL_PX * enlarged)),
        }
    }
}

/// How much must be painted around a part to finish it, px: the guided filter's window, twice; the middles of dots.
pub(crate) fn surroundings_px(look: &Look, manner: Manner) -> usize {
    match manner {
        Manner::Colour => look.guided.map_or(0, |settings| 2 * settings.radius_px()),
        Manner::Screentone(screen) => screen.reach_px(),
    }
}

/// How much is finished at a time. The guided filter's running sums begin where a part begins, so its parts are always
/// the same: the painting must not depend on the tile.
pub(crate) fn finishing_tile(look: &Look) -> Tile {
    if look.guided.is_some() { Tile::default() } else { look.tile }
}

/// Finishes `part` of the result.
///
/// `painted` is the drawer's map of `around`, which holds `part` with [`surroundings_px`] on every side that the
/// picture has.
pub(crate) fn finish(
    painted: &Map,
    around: Part,
    part: Part,
    photo: &Image<Srgb8>,
    (look, manner): (&Look, Manner),
    result: &mut Image<Srgb8>,
) {
    let painting = match manner {
        Manner::Screentone(screen) => screened(painted, around, (result.width(), result.height()), look, screen),
        Manner::Colour => {
            let painting = coloured(painted, look);
            match look.guided {
                None => painting,
                Some(settings) => {
                    let guide: Image<Srgb> =
                        photo.crop(around.x, around.y, around.width, around.height).map(srgb_from_srgb8);
                    guided(&guide, &painting, settings.radius_px(), settings.eps())
                }
            }
        }
    };
    let width = result.width();
    let rows = result.pixels_mut().par_chunks_mut(width).skip(part.y).take(part.height).enumerate();
    rows.for_each(|(row, to)| {
        let from = &painting.row(part.y - around.y + row)[part.x - around.x..][..part.width];
        let photo = &photo.row(part.y + row)[part.x..][..part.width];
        for ((to, &painted), &photo) in to[part.x..][..part.width].iter_mut().zip(from).zip(photo) {
            *to = srgb8_from_srgb(at_strength(srgb_from_srgb8(photo), painted, look.strength));
        }
    });
}

/// Ink laid over the strokes and chroma turned up or down; sRGB clipped to 0..1.
pub(crate) fn coloured(painted: &Map, look: &Look) -> Image<Srgb> {
    let (line, saturation) = (look.line.get(), look.saturation.get());
    let pixel = |&[y, cb, cr, ink]: &[f32; 4]| {
        let [y, cb, cr] = inked([y, cb, cr], (line * ink).clamp(0.0, 1.0));
        // The drawer's units are those of RGB −1..1.
        let ycbcr = [(y + 1.0) / 2.0, saturation * cb / 2.0, saturation * cr / 2.0];
        let [r, g, b] = srgb_from_ycbcr(ycbcr);
        [r.clamp(0.0, 1.0), g.clamp(0.0, 1.0), b.clamp(0.0, 1.0)]
    };
    let pixels = painted.data.as_chunks::<4>().0.par_iter().with_min_len(4096).map(pixel).collect();
    Image::new(painted.width, painted.height, pixels)
}

/// Dots and lines of `around` in a picture of `width`×`height`, from tones and ink. Where the middle of a dot lies in the
/// picture but outside of `around` they are wrong.
fn screened(painted: &Map, around: Part, (width, height): (usize, usize), look: &Look, screen: Screen) -> Image<Srgb> {
    let pixels = painted.data.as_chunks::<4>().0;
    // The drawer says how light it is, −1..1.
    let tones: Vec<f32> = pixels.par_iter().with_min_len(4096).map(|[y, ..]| laid(0.5 - 0.5 * y)).collect();
    let nearest = |at: isize, side: usize, start: usize, length: usize| {
        (at.clamp(0, side as isize - 1) as usize).clamp(start, start + length - 1) - start
    };
    let tone = |x: isize, y: isize| {
        let row = nearest(y, height, around.y, around.height);
        tones[row * around.width + nearest(x, width, around.x, around.width)]
    };
    let grey = |i: usize| {
        let ink = (look.line.get() * pixels[i][3]).clamp(0.0, 1.0);
        [screen.grey(around.x + i % around.width, around.y + i / around.width, ink, tone); 3]
    };
    let greys = (0..pixels.len()).into_par_iter().with_min_len(4096).map(grey).collect();
    Image::new(around.width, around.height, greys)
}

/// From the photo (0) to the painting (1) and beyond. Beyond, each step away from the photo takes away the less, the
/// nearer the painting is to black or white, and neither is ever passed.
pub(crate) fn at_strength(photo: [f32; 3], painted: [f32; 3], strength: Strength) -> [f32; 3] {
    std::array::from_fn(|c| {
        let (photo, painted) = (photo[c], painted[c]);
        let beyond = (strength.get() - 1.0) * (painted - photo);
        if strength.get() <= 1.0 {
            return photo + strength.get() * (painted - photo);
        }
        let room = if beyond > 0.0 { 1.0 - painted } else { painted };
        painted + beyond * room / (room + beyond.abs()).max(f32::MIN_POSITIVE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strength(value: f32) -> Strength {
        Strength::new(value).unwrap()
    }

    #[test]
    fn no_strength_is_the_photo_to_the_last_bit() {
        for level in 0..=255 {
            for painted in [0.0, 0.3, 1.0] {
                let mixed = at_strength(srgb_from_srgb8([level; 3]), [painted; 3], strength(0.0));
                assert_eq!(srgb8_from_srgb(mixed), [level; 3]);
            }
        }
    }

    #[test]
    fn more_strength_goes_further_and_never_out_of_range() {
        for (photo, painted) in [(0.2, 0.6), (0.9, 0.1), (0.5, 1.0), (0.5, 0.0), (0.4, 0.4)] {
            let way: Vec<f32> =
                (0..=15).map(|i| at_strength([photo; 3], [painted; 3], strength(i as f32 / 10.0))[0]).collect();
            assert!(way.iter().all(|v| (0.0..=1.0).contains(v)), "{way:?}");
            assert!(way.is_sorted() || way.is_sorted_by(|a, b| a >= b), "{way:?}");
            assert!((way[10] - painted).abs() < 1e-6, "{way:?}");
        }
    }

    #[test]
    fn grey_without_saturation_and_dark_under_ink() {
        let map = |pixel: [f32; 4]| Map { height: 1, width: 1, channels: 4, data: pixel.to_vec() };
        let grey = Look { saturation: crate::Saturation::new(0.0).unwrap(), ..Look::default() };
        let [r, g, b] = coloured(&map([0.2, 0.5, -0.4, 0.0]), &grey).at(0, 0);
        assert!((r - 0.6).abs() < 1e-6 && (g - 0.6).abs() < 1e-6 && (b - 0.6).abs() < 1e-6, "{r} {g} {b}");

        let no_line = Look { line: crate::Line::new(0.0).unwrap(), ..Look::default() };
        let drawn = map([0.2, 0.0, 0.0, 0.8]);
        assert!(coloured(&drawn, &Look::default()).at(0, 0)[1] < 0.2);
        assert!((coloured(&drawn, &no_line).at(0, 0)[1] - 0.6).abs() < 1e-6);
    }

    #[test]
    fn colours_are_those_of_the_network() {
        use net::light::YCC_FROM_RGB;
        let rgb = [0.3_f32, -0.6, 0.9];
        let ycc = YCC_FROM_RGB.map(|row| row.iter().zip(rgb).map(|(m, v)| m * v).sum::<f32>());
        let map = Map { height: 1, width: 1, channels: 4, data: vec![ycc[0], ycc[1], ycc[2], 0.0] };
        let back = coloured(&map, &Look::default()).at(0, 0);
        (0..3).for_each(|c| assert!((back[c] * 2.0 - 1.0 - rgb[c]).abs() < 1e-4, "{back:?}"));
    }
}
