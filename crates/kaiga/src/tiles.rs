//! Painting a picture part by part, so that memory stays bounded, and so that nobody can tell: a part painted with
//! enough of its surroundings equals the same pixels of the whole, bit for bit.

use crate::error::Error;
use engine::Map;
use net::light::GRAIN_PX;
use pixels::{Image, space::Srgb8};
use rayon::prelude::*;

/// A part of a picture, px.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Part {
    /// With `by_px` more on every side, as far as a picture of `width`×`height` goes.
    pub(crate) fn grown(self, by_px: usize, width: usize, height: usize) -> Self {
        let (x, y) = (self.x.saturating_sub(by_px), self.y.saturating_sub(by_px));
        let (right, bottom) = ((self.x + self.width + by_px).min(width), (self.y + self.height + by_px).min(height));
        Self { x, y, width: right - x, height: bottom - y }
    }

    /// The smallest part that holds both.
    pub(crate) fn around(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let right = (self.x + self.width).max(other.x + other.width);
        let bottom = (self.y + self.height).max(other.y + other.height);
        Self { x, y, width: right - x, height: bottom - y }
    }

    /// Where it lies in a picture `scale` times as large.
    pub(crate) fn scaled(self, scale: f32) -> Self {
        let start = |at: usize| (at as f32 * scale) as usize;
        let end = |at: usize| (at as f32 * scale).ceil() as usize;
        let (x, y) = (start(self.x), start(self.y));
        Self { x, y, width: end(self.x + self.width) - x, height: end(self.y + self.height) - y }
    }

    /// Whether the two have pixels in common.
    pub(crate) fn meets(self, other: Self) -> bool {
        self.x < other.x + other.width
            && other.x < self.x + self.width
            && self.y < other.y + other.height
            && other.y < self.y + self.height
    }

    /// The smallest part around it whose borders are multiples of [`GRAIN_PX`].
    fn aligned(self) -> Self {
        let (x, y) = (self.x / GRAIN_PX * GRAIN_PX, self.y / GRAIN_PX * GRAIN_PX);
        let (right, bottom) = (self.x + self.width, self.y + self.height);
        Self { x, y, width: right.next_multiple_of(GRAIN_PX) - x, height: bottom.next_multiple_of(GRAIN_PX) - y }
    }
}

/// Parts of about `tile_px`×`tile_px` that cover a picture of `width`×`height` without overlap, row by row. A picture
/// hardly larger than one tile is one part.
pub(crate) fn parts(width: usize, height: usize, tile_px: usize) -> Vec<Part> {
    if width * height <= tile_px * tile_px * 5 / 4 {
        return vec![Part { x: 0, y: 0, width, height }];
    }
    let spans = |side: usize| {
        let step = side.div_ceil(side.div_ceil(tile_px)).next_multiple_of(GRAIN_PX);
        (0..side).step_by(step).map(move |start| (start, step.min(side - start)))
    };
    spans(height).flat_map(|(y, height)| spans(width).map(move |(x, width)| Part { x, y, width, height })).collect()
}

/// The same parts, those that meet put together.
pub(crate) fn disjoint(mut parts: Vec<Part>) -> Vec<Part> {
    let met = |parts: &[Part]| {
        (0..parts.len()).find_map(|i| (i + 1..parts.len()).find(|&j| parts[i].meets(parts[j])).map(|j| (i, j)))
    };
    while let Some((i, j)) = met(&parts) {
        let other = parts.swap_remove(j);
        parts[i] = parts[i].around(other);
    }
    parts
}

/// Paints one part of `photo`.
///
/// `draw` takes RGB −1..1 (H×W×3, sides divisible by [`GRAIN_PX`], what lies beyond the photo repeated from its
/// border) with the part of the photo that they are, and returns a map of the same height and width; it may look `reach_px`
/// around each pixel.
pub(crate) fn paint_part(
    photo: &Image<Srgb8>,
    part: Part,
    reach_px: usize,
    draw: impl Fn(&Map, Part) -> Result<Map, Error>,
) -> Result<Map, Error> {
    let (padded_width, padded_height) =
        (photo.width().next_multiple_of(GRAIN_PX), photo.height().next_multiple_of(GRAIN_PX));
    let seen = part.grown(reach_px, padded_width, padded_height).aligned();
    let painted = draw(&signed(photo, seen), seen)?;
    if seen == part {
        return Ok(painted);
    }
    Ok(crop(&painted, part.x - seen.x, part.y - seen.y, part.width, part.height))
}

/// RGB −1..1 of a part that may reach beyond the right and lower border, where the border pixel is repeated.
pub(crate) fn signed(photo: &Image<Srgb8>, part: Part) -> Map {
    let level: [f32; 256] = std::array::from_fn(|level| level as f32 / 127.5 - 1.0);
    let mut data = vec![0.0; part.width * part.height * 3];
    data.par_chunks_mut(part.width * 3).with_min_len(16).enumerate().for_each(|(y, to)| {
        let row = photo.row((part.y + y).min(photo.height() - 1));
        let inside = row.get(part.x..).map_or(0, <[_]>::len).min(part.width);
        let (seen, beyond) = to.split_at_mut(3 * inside);
        let from = row[row.len().min(part.x)..].as_flattened();
        seen.iter_mut().zip(from).for_each(|(to, &v)| *to = level[usize::from(v)]);
        let border = row[row.len() - 1].map(|v| level[usize::from(v)]);
        beyond.chunks_exact_mut(3).for_each(|to| to.copy_from_slice(&border));
    });
    Map { height: part.height, width: part.width, channels: 3, data }
}

/// The part `width`×`height` of a map whose upper left corner is (`x`, `y`).
pub(crate) fn crop(map: &Map, x: usize, y: usize, width: usize, height: usize) -> Map {
    let row = |row: usize| &map.data[((row * map.width) + x) * map.channels..][..width * map.channels];
    let mut data = Vec::with_capacity(width * height * map.channels);
    (y..y + height).for_each(|y| data.extend_from_slice(row(y)));
    Map { height, width, channels: map.channels, data }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(width: usize, height: usize) -> Image<Srgb8> {
        let mut state = 1_u32;
        Image::from_fn(width, height, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            [state >> 24, state >> 16, state >> 8].map(|v| v as u8)
        })
    }

    #[test]
    fn parts_cover_every_pixel_once() {
        for (width, height) in [(1, 1), (3, 5000), (5000, 3), (1024, 1280), (1025, 1281), (2049, 77), (700, 700)] {
            for tile_px in [128, 1024] {
                let mut seen = vec![0_u8; width * height];
                for part in parts(width, height, tile_px) {
                    assert!(part.x.is_multiple_of(GRAIN_PX) && part.y.is_multiple_of(GRAIN_PX));
                    for y in part.y..part.y + part.height {
                        seen[y * width + part.x..][..part.width].iter_mut().for_each(|n| *n += 1);
                    }
                }
                assert!(seen.iter().all(|&n| n == 1), "{width}×{height} in {tile_px}");
            }
        }
    }

    #[test]
    fn with_an_identity_drawer_the_parts_stitch_to_the_input() {
        for (width, height) in [(1, 1), (3, 500), (500, 3), (333, 271)] {
            let photo = noise(width, height);
            let whole = signed(&photo, Part { x: 0, y: 0, width, height });
            let mut stitched = vec![f32::NAN; whole.data.len()];
            for part in parts(width, height, 128) {
                let identity = |tile: &Map, _| {
                    assert!(tile.width.is_multiple_of(GRAIN_PX) && tile.height.is_multiple_of(GRAIN_PX));
                    Ok(tile.clone())
                };
                let painted = paint_part(&photo, part, 37, identity).unwrap();
                for y in 0..part.height {
                    let from = &painted.data[y * part.width * 3..][..part.width * 3];
                    stitched[((part.y + y) * width + part.x) * 3..][..part.width * 3].copy_from_slice(from);
                }
            }
            assert_eq!(stitched, whole.data, "{width}×{height}");
        }
    }

    #[test]
    fn a_drawer_that_looks_around_does_not_see_the_seams() {
        // A 75-px mean along rows and columns with the border repeated: reach 37 px.
        let blur = |tile: &Map, _| {
            let at = |x: isize, y: isize| {
                let (x, y) = (x.clamp(0, tile.width as isize - 1), y.clamp(0, tile.height as isize - 1));
                tile.data[(y as usize * tile.width + x as usize) * 3]
            };
            let sum = |x: isize, y: isize| (-37..=37).map(|d| at(x + d, y) + at(x, y + d)).sum::<f32>();
            let data = (0..tile.width * tile.height)
                .map(|i| sum((i % tile.width) as isize, (i / tile.width) as isize))
                .collect();
            Ok(Map { channels: 1, data, ..*tile })
        };
        let photo = noise(300, 170);
        let all = Part { x: 0, y: 0, width: 300, height: 170 };
        let whole = paint_part(&photo, all, 0, blur).unwrap();
        let compare = |reach_px: usize| {
            parts(300, 170, 128).into_iter().all(|part| {
                let painted = paint_part(&photo, part, reach_px, blur).unwrap();
                painted == crop(&whole, part.x, part.y, part.width, part.height)
            })
        };
        assert!(compare(37));
        assert!(!compare(20), "the test must be able to fail");
    }
}
