//! A picture in several sizes, and the squares of it that the networks are shown. The trainer takes its crops from
//! here too, so that the networks learn from what they will see.

use std::borrow::Cow;

use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;

/// From one size of face that is looked for to the next: 2^½, as in the original cascade.
pub const FACTOR: f32 = std::f32::consts::SQRT_2;

/// Sizes of faces to look for, px, from `smallest_px` on by [`FACTOR`], up to the short side of a `width`×`height`
/// picture. None if that is smaller than `smallest_px`.
pub fn face_sizes(width: usize, height: usize, smallest_px: f32) -> Vec<f32> {
    let short = width.min(height) as f32;
    std::iter::successors(Some(smallest_px), |size| Some(size * FACTOR)).take_while(|size| *size <= short).collect()
}

/// A square of a picture, which may be turned and may reach beyond it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Square {
    /// Its middle, px.
    pub centre: [f32; 2],
    /// px.
    pub side: f32,
    /// Radians by which its own x axis is turned towards the picture's y axis (clockwise as one sees it).
    pub roll: f32,
}

impl Square {
    /// The upright square around a box (left, top, width, height): same middle, the longer side.
    pub fn around([left, top, width, height]: [f32; 4]) -> Self {
        Self { centre: [left + width / 2.0, top + height / 2.0], side: width.max(height), roll: 0.0 }
    }

    /// Where the point at (x, y), in sides from the middle, lies in the picture.
    pub fn to_picture(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (sin, cos) = self.roll.sin_cos();
        [self.centre[0] + self.side * (cos * x - sin * y), self.centre[1] + self.side * (sin * x + cos * y)]
    }

    /// Where a point of the picture lies in the square, in sides from the middle: the inverse of
    /// [`to_picture`](Self::to_picture).
    pub fn from_picture(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (sin, cos) = self.roll.sin_cos();
        let (x, y) = ((x - self.centre[0]) / self.side, (y - self.centre[1]) / self.side);
        [cos * x + sin * y, cos * y - sin * x]
    }
}

/// A picture and its halves, quarters, eighths …
pub struct Pyramid<'a> {
    levels: Vec<Cow<'a, Image<Srgb8>>>,
}

impl<'a> Pyramid<'a> {
    /// Halves the picture until its short side is under `least_px`.
    pub fn new(picture: Cow<'a, Image<Srgb8>>, least_px: usize) -> Self {
        let mut levels = vec![picture];
        loop {
            let last = &levels[levels.len() - 1];
            let (width, height) = (last.width().div_ceil(2), last.height().div_ceil(2));
            if width.min(height) < least_px.max(1) || (width, height) == (last.width(), last.height()) {
                return Self { levels };
            }
            let half = resize::to(last, width, height, Filter::Area);
            levels.push(Cow::Owned(half));
        }
    }

    /// The picture itself.
    pub fn picture(&self) -> &Image<Srgb8> {
        &self.levels[0]
    }

    /// The picture at `width`×`height` px, which must not be larger than it: from the smallest level that is no
    /// smaller.
    pub fn shrunk(&self, width: usize, height: usize) -> Image<Srgb8> {
        let enough = |level: &&Cow<Image<Srgb8>>| level.width() >= width && level.height() >= height;
        let level = self.levels.iter().rev().find(enough).unwrap_or(&self.levels[0]);
        resize::to(level, width, height, Filter::Bilinear)
    }

    /// The square at `side_px`×`side_px`, RGB −1..1 by `v/127.5 − 1`: row y is written to
    /// `to[y·row_length..][..3·side_px]`, the samples of a pixel side by side. Beyond the picture its border is
    /// repeated. Bilinear on the smallest level that has a pixel for every sample.
    ///
    /// # Panics
    /// If `to` is too short.
    pub fn sample(&self, square: &Square, side_px: usize, to: &mut [f32], row_length: usize) {
        let (width, height) = (self.levels[0].width() as f32, self.levels[0].height() as f32);
        let step = square.side / side_px as f32;
        let wanted = |level: &&Cow<Image<Srgb8>>| level.width() as f32 / width * step >= 1.0;
        let level = self.levels.iter().rev().find(wanted).unwrap_or(&self.levels[0]);
        let (across, down) = (level.width() as f32 / width, level.height() as f32 / height);
        let (sin, cos) = square.roll.sin_cos();
        let (last_x, last_y) = ((level.width() - 1) as f32, (level.height() - 1) as f32);
        let middle = side_px as f32 / 2.0;
        for y in 0..side_px {
            let row = &mut to[y * row_length..][..3 * side_px];
            let v = y as f32 + 0.5 - middle;
            for (x, sample) in row.chunks_exact_mut(3).enumerate() {
                let u = x as f32 + 0.5 - middle;
                let at_x = (square.centre[0] + step * (cos * u - sin * v)) * across - 0.5;
                let at_y = (square.centre[1] + step * (sin * u + cos * v)) * down - 0.5;
                let (at_x, at_y) = (at_x.clamp(0.0, last_x), at_y.clamp(0.0, last_y));
                let (left, top) = (at_x as usize, at_y as usize);
                let (right, bottom) = ((left + 1).min(level.width() - 1), (top + 1).min(level.height() - 1));
                let (fx, fy) = (at_x - left as f32, at_y - top as f32);
                let [a, b] = [level.at(left, top), level.at(right, top)];
                let [c, d] = [level.at(left, bottom), level.at(right, bottom)];
                for channel in 0..3 {
                    let [a, b, c, d] = [a, b, c, d].map(|pixel| f32::from(pixel[channel]));
                    let (above, below) = (a + fx * (b - a), c + fx * (d - c));
                    sample[channel] = (above + fy * (below - above)) / 127.5 - 1.0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_cover_smallest_to_largest_and_nothing_else() {
        for (width, height, smallest) in [(1632, 1224, 40.8), (24, 24, 24.0), (960, 100, 24.0), (4000, 3000, 100.0)] {
            let sizes = face_sizes(width, height, smallest);
            assert_eq!(sizes[0], smallest);
            assert!(sizes.windows(2).all(|pair| (pair[1] / pair[0] - FACTOR).abs() < 1e-5));
            let (last, short) = (sizes[sizes.len() - 1], width.min(height) as f32);
            assert!(last <= short && last * FACTOR > short, "{sizes:?}");
        }
        assert!(face_sizes(500, 23, 24.0).is_empty());
    }

    #[test]
    fn a_square_maps_there_and_back() {
        let square = Square { centre: [40.0, -7.0], side: 12.0, roll: 0.7 };
        for point in [[0.0, 0.0], [0.5, -0.5], [-0.2, 0.9]] {
            let back = square.from_picture(square.to_picture(point));
            assert!(back.iter().zip(point).all(|(a, b)| (a - b).abs() < 1e-5), "{back:?}");
        }
        // A quarter turn: its x axis points down.
        let turned = Square { roll: std::f32::consts::FRAC_PI_2, ..square };
        let [x, y] = turned.to_picture([0.5, 0.0]);
        assert!((x - 40.0).abs() < 1e-4 && (y + 1.0).abs() < 1e-4);
    }

    /// On a picture whose colours are its coordinates, samples say where they were taken.
    #[test]
    fn samples_come_from_where_the_square_says() {
        let picture = Image::<Srgb8>::from_fn(200, 160, |x, y| [x as u8, y as u8, 100]);
        let pyramid = Pyramid::new(Cow::Borrowed(&picture), 8);
        for (side, roll) in [(12.0, 0.0), (24.0, 0.4), (50.0, -0.8), (100.0, 0.2)] {
            let square = Square { centre: [100.0, 80.0], side, roll };
            let mut samples = vec![0.0; 12 * 12 * 3];
            pyramid.sample(&square, 12, &mut samples, 36);
            for (at, sample) in samples.chunks_exact(3).enumerate() {
                let within = [(at % 12) as f32, (at / 12) as f32].map(|v| (v + 0.5) / 12.0 - 0.5);
                let expected = square.to_picture(within);
                for axis in 0..2 {
                    // Pixel i covers i..i+1; halving rounds to whole grey levels.
                    let got = (sample[axis] + 1.0) * 127.5 + 0.5;
                    assert!((got - expected[axis]).abs() < 1.1, "{side} {roll}: {got} for {}", expected[axis]);
                }
                assert!((sample[2] - (100.0 / 127.5 - 1.0)).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn beyond_the_picture_its_border_is_repeated() {
        let picture = Image::<Srgb8>::from_fn(8, 8, |x, _| if x < 4 { [255; 3] } else { [0; 3] });
        let pyramid = Pyramid::new(Cow::Borrowed(&picture), 8);
        let mut samples = vec![0.0; 4 * 4 * 3];
        pyramid.sample(&Square { centre: [-20.0, 4.0], side: 4.0, roll: 0.0 }, 4, &mut samples, 12);
        assert!(samples.iter().all(|&v| v == 1.0));
    }
}
