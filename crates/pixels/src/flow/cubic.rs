//! A picture between its pixels.

use crate::Image;
use crate::resize::cubic;
use crate::space::Srgb8;
use rayon::prelude::*;
use wide::f32x4;

/// Places between two pixels that a picture is seen at.
const PLACES: usize = 64;
/// The border that is repeated around it, px.
const PAD: usize = 2;

/// The four weights of cubic convolution (Keys 1981, a = −½) for each of these places.
static WEIGHTS: [[f32; 4]; PLACES] = {
    let mut weights = [[0.0; 4]; PLACES];
    let mut place = 0;
    while place < PLACES {
        let t = place as f64 / PLACES as f64;
        weights[place] =
            [cubic(0.0, 1.0 + t) as f32, cubic(0.0, t) as f32, cubic(0.0, 1.0 - t) as f32, cubic(0.0, 2.0 - t) as f32];
        place += 1;
    }
    weights
};

/// A picture made ready to be seen between its pixels, by cubic convolution; beyond its border it is the border's. Takes 16 bytes a pixel.
#[derive(Clone, Debug)]
pub struct Cubic {
    width: usize,
    height: usize,
    /// R, G and B 0..255 and a number that means nothing, with the repeated border.
    pixels: Vec<f32x4>,
}

impl Cubic {
    /// Readies a picture that has a pixel at least.
    pub fn new(picture: &Image<Srgb8>) -> Self {
        let (width, height) = (picture.width(), picture.height());
        let mut pixels = vec![f32x4::ZERO; (width + 2 * PAD) * (height + 2 * PAD)];
        pixels.par_chunks_mut(width + 2 * PAD).enumerate().for_each(|(y, to)| {
            let row = picture.row(y.saturating_sub(PAD).min(height - 1));
            let read = |[r, g, b]: [u8; 3]| f32x4::new([r, g, b, 0].map(f32::from));
            to[..PAD].fill(read(row[0]));
            to[PAD..].iter_mut().zip(row).for_each(|(to, pixel)| *to = read(*pixel));
            to[PAD + width..].fill(read(row[width - 1]));
        });
        Self { width, height, pixels }
    }

    /// What is seen `way` px (to the right, down) from a pixel, to within a 128th of a px: R, G and B, not rounded, where the kernel
    /// rings beyond 0..255. No way at all leads to the pixel itself.
    #[inline]
    pub fn seen(&self, [x, y]: [usize; 2], way: [f32; 2]) -> f32x4 {
        let stride = self.width + 2 * PAD;
        // Counted from the pixel before the border, the first that has one before it.
        let place = |at: usize, way: f32, len: usize| {
            let place = (at as f32 + way + 1.0) * PLACES as f32 + 0.5;
            (place.max(0.0) as i32 as usize).min((len + 1) * PLACES - 1)
        };
        let (x, y) = (place(x, way[0], self.width), place(y, way[1], self.height));
        let ([a, b, c, d], across) = (WEIGHTS[x % PLACES], WEIGHTS[y % PLACES]);
        let (a, b, c, d) = (f32x4::splat(a), f32x4::splat(b), f32x4::splat(c), f32x4::splat(d));
        let first = y / PLACES * stride + x / PLACES;
        let row = |i: usize| {
            let row = &self.pixels[first + i * stride..][..4];
            ((row[0] * a + row[1] * b) + (row[2] * c + row[3] * d)) * f32x4::splat(across[i])
        };
        (row(0) + row(1)) + (row(2) + row(3))
    }
}

/// The levels 0..255 nearest to R, G and B.
#[inline]
pub fn levels(colour: f32x4) -> [u8; 3] {
    let [r, g, b, _] = (colour + f32x4::HALF).to_array();
    [r as u8, g as u8, b as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_seen_between_its_pixels_and_beyond_its_border() {
        let picture = Image::<Srgb8>::from_fn(7, 5, |x, y| [(20 * x) as u8, (30 * y) as u8, 200]);
        let cubic = Cubic::new(&picture);
        for (x, y) in (0..7).flat_map(|x| (0..5).map(move |y| (x, y))) {
            assert_eq!(levels(cubic.seen([x, y], [0.0; 2])), picture.at(x, y));
        }
        assert_eq!(levels(cubic.seen([2, 2], [0.5, -0.25])), [50, 53, 200], "a ramp between its pixels");
        for (way, corner) in [([-90.0, -1e9], [0, 0]), ([40.0, f32::INFINITY], [6, 4]), ([f32::NAN, -3.0], [0, 0])] {
            assert_eq!(levels(cubic.seen([3, 1], way)), picture.at(corner[0], corner[1]));
        }
        let pixel = Cubic::new(&Image::filled(1, 1, [9, 8, 7]));
        assert_eq!(levels(pixel.seen([0, 0], [0.3, -0.8])), [9, 8, 7]);
    }
}
