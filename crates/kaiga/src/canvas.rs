//! What a painting is painted on: the colours of the result, or, where the look is one of screentone, a sheet of tone and
//! ink on which dots are laid in the end. Dots of two paintings cannot be blended; tones can.

use crate::finish::{between, finish};
use crate::look::Look;
use crate::tiles::Part;
use engine::Map;
use net::Medium;
use pixels::Image;
use pixels::screentone::{CELL_PX, Screen};
use pixels::space::{Space, Srgb8, srgb_from_srgb8, srgb8_from_srgb};
use rayon::prelude::*;

/// The painting while it is made.
pub(crate) enum Canvas {
    /// Finished colours.
    Colour(Image<Srgb8>),
    /// Tone and ink.
    Screentone(Image<Sheet>),
}

/// Paper with tone and ink on it, 8 bits each: the tone 0..1 (white to solid), the ink 0..1, and how much of the pixel is
/// paper and not the photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sheet;

impl Space for Sheet {
    type Pixel = [u8; 3];
}

impl Canvas {
    /// An empty canvas for a painting of the whole of `photo`.
    pub(crate) fn empty(medium: Medium, photo: &Image<Srgb8>) -> Self {
        match medium {
            Medium::Colour => Self::Colour(Image::filled(photo.width(), photo.height(), [0; 3])),
            Medium::Screentone => Self::Screentone(Image::filled(photo.width(), photo.height(), [0; 3])),
        }
    }

    /// A canvas that shows `photo`.
    pub(crate) fn showing(medium: Medium, photo: &Image<Srgb8>) -> Self {
        match medium {
            Medium::Colour => Self::Colour(photo.clone()),
            Medium::Screentone => Self::empty(medium, photo),
        }
    }

    /// Puts `part` of the painting on it. `drawn` is the drawer's map of `around`, see [`finish`].
    pub(crate) fn put(&mut self, drawn: &Map, around: Part, part: Part, photo: &Image<Srgb8>, look: &Look) {
        match self {
            Self::Colour(result) => finish(drawn, around, part, photo, look, result),
            Self::Screentone(sheet) => {
                let width = sheet.width();
                let rows = sheet.pixels_mut().par_chunks_mut(width).skip(part.y).take(part.height).enumerate();
                let drawn = drawn.data.as_chunks::<4>().0;
                rows.for_each(|(row, to)| {
                    let from = &drawn[(part.y - around.y + row) * around.width + part.x - around.x..][..part.width];
                    to[part.x..][..part.width].iter_mut().zip(from).for_each(|(to, from)| {
                        *to = over([0; 3], toned(from, look), 1.0);
                    });
                });
            }
        }
    }

    /// The result. `photo` is what was painted, `enlarged` by how much the painting was enlarged after it was drawn.
    pub(crate) fn result(self, photo: &Image<Srgb8>, look: &Look, enlarged: f32) -> Image<Srgb8> {
        match self {
            Self::Colour(result) => result,
            Self::Screentone(sheet) => screened(&sheet, photo, look, Screen::new(CELL_PX * enlarged)),
        }
    }
}

/// Tone and ink, 0..1, of what the drawer drew.
pub(crate) fn toned(&[y, _, _, ink]: &[f32; 4], look: &Look) -> [f32; 2] {
    [(0.5 - 0.5 * y).clamp(0.0, 1.0), (look.line.get() * ink).clamp(0.0, 1.0)]
}

/// `share` of a drawing laid over what is on the sheet.
pub(crate) fn over(sheet: [u8; 3], drawn: [f32; 2], share: f32) -> [u8; 3] {
    let [tone, ink, paper] = srgb_from_srgb8(sheet);
    let whole = share + paper * (1.0 - share);
    if whole <= 0.0 {
        return sheet;
    }
    let mixed = |under: f32, over: f32| under + share / whole * (over - under);
    srgb8_from_srgb([mixed(tone, drawn[0]), mixed(ink, drawn[1]), whole])
}

/// Dots and lines of the sheet on the photo.
fn screened(sheet: &Image<Sheet>, photo: &Image<Srgb8>, look: &Look, screen: Screen) -> Image<Srgb8> {
    let (width, height) = (sheet.width(), sheet.height());
    let tone = |x: isize, y: isize| {
        let inside = |at: isize, len: usize| at.clamp(0, len as isize - 1) as usize;
        f32::from(sheet.at(inside(x, width), inside(y, height))[0]) / 255.0
    };
    let pixel = |i: usize| {
        let [_, ink, paper] = srgb_from_srgb8(sheet.pixels()[i]);
        let photo = srgb_from_srgb8(photo.pixels()[i]);
        let painted = between(photo, [screen.grey(i % width, i / width, ink, tone); 3], look.strength);
        srgb8_from_srgb([0, 1, 2].map(|c| photo[c] + paper * (painted[c] - photo[c])))
    };
    Image::new(width, height, (0..width * height).into_par_iter().with_min_len(4096).map(pixel).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_covers_what_is_under_it_by_its_share() {
        assert_eq!(over([0, 0, 0], [0.6, 0.2], 1.0), [153, 51, 255]);
        assert_eq!(over([255, 0, 255], [0.0, 1.0], 0.4), [153, 102, 255]);
        // Nothing but the photo under it: the tone as it is, thinly.
        assert_eq!(over([0, 0, 0], [0.6, 0.2], 0.2), [153, 51, 51]);
        assert_eq!(over([9, 9, 0], [0.6, 0.2], 0.0), [9, 9, 0]);
    }

    #[test]
    fn the_drawer_says_how_light_it_is() {
        let look = Look { line: crate::Line::new(2.0).unwrap(), ..Look::default() };
        assert_eq!(toned(&[1.0, 0.3, 0.3, 0.2], &look), [0.0, 0.4]);
        assert_eq!(toned(&[-1.2, 0.0, 0.0, 0.9], &look), [1.0, 1.0]);
        let [tone, _] = toned(&[2.0 * 0.68 - 1.0, 0.0, 0.0, 0.0], &look);
        assert!((tone - 0.32).abs() < 1e-6);
    }
}
