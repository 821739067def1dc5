//! The one picture type. A picture knows its colour space by its type; its pixels are plain arrays.

use crate::space::Space;

/// A picture in the colour space `S`: rows from top to bottom, pixels from left to right, the
/// samples of one pixel side by side (interleaved, H×W×C).
#[derive(Clone, Debug, PartialEq)]
pub struct Image<S: Space> {
    width: usize,
    height: usize,
    pixels: Vec<S::Pixel>,
}

impl<S: Space> Image<S> {
    /// A picture from its pixels in row order.
    ///
    /// # Panics
    /// If `pixels.len() != width * height`.
    pub fn new(width: usize, height: usize, pixels: Vec<S::Pixel>) -> Self {
        assert_eq!(pixels.len(), width * height, "a {width}×{height} picture needs as many pixels");
        Self { width, height, pixels }
    }

    /// A picture of one colour.
    pub fn filled(width: usize, height: usize, pixel: S::Pixel) -> Self {
        Self { width, height, pixels: vec![pixel; width * height] }
    }

    /// A picture whose pixel at column `x` and row `y` is `pixel(x, y)`.
    pub fn from_fn(width: usize, height: usize, mut pixel: impl FnMut(usize, usize) -> S::Pixel) -> Self {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect();
        Self { width, height, pixels }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All pixels in row order.
    pub fn pixels(&self) -> &[S::Pixel] {
        &self.pixels
    }

    /// All pixels in row order, to be changed in place.
    pub fn pixels_mut(&mut self) -> &mut [S::Pixel] {
        &mut self.pixels
    }

    /// The pixels, without the picture.
    pub fn into_pixels(self) -> Vec<S::Pixel> {
        self.pixels
    }

    /// Row `y`.
    pub fn row(&self, y: usize) -> &[S::Pixel] {
        &self.pixels[y * self.width..][..self.width]
    }

    /// The pixel at column `x`, row `y`.
    pub fn at(&self, x: usize, y: usize) -> S::Pixel {
        self.pixels[y * self.width + x]
    }

    /// Every pixel through `change`, into the space `T`. Runs on all cores.
    pub fn map<T: Space>(&self, change: impl Fn(S::Pixel) -> T::Pixel + Sync) -> Image<T> {
        use rayon::prelude::*;
        let pixels = self.pixels.par_iter().with_min_len(4096).map(|&pixel| change(pixel)).collect();
        Image { width: self.width, height: self.height, pixels }
    }

    /// The part `width`×`height` whose upper left corner is (`x`, `y`).
    ///
    /// # Panics
    /// If the part reaches outside the picture.
    pub fn crop(&self, x: usize, y: usize, width: usize, height: usize) -> Self {
        assert!(x + width <= self.width && y + height <= self.height, "the part lies outside the picture");
        let mut pixels = Vec::with_capacity(width * height);
        (y..y + height).for_each(|row| pixels.extend_from_slice(&self.row(row)[x..x + width]));
        Self { width, height, pixels }
    }

    /// Puts `part` where its upper left corner is at (`x`, `y`): what [`crop`](Self::crop) took is put back.
    ///
    /// ```
    /// use pixels::{Image, space::Gray};
    /// let mut picture = Image::<Gray>::filled(3, 2, 0.0);
    /// picture.paste(1, 1, &Image::filled(2, 1, 1.0));
    /// assert_eq!(picture.pixels(), [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the part reaches outside the picture.
    pub fn paste(&mut self, x: usize, y: usize, part: &Self) {
        assert!(x + part.width <= self.width && y + part.height <= self.height, "the part lies outside the picture");
        for row in 0..part.height {
            let start = (y + row) * self.width + x;
            self.pixels[start..start + part.width].copy_from_slice(part.row(row));
        }
    }
}

/// A picture of the size of `like` from the index of each pixel, on all cores.
pub fn zip<T: Space>(like: &Image<impl Space>, pixel: impl Fn(usize) -> T::Pixel + Sync + Send) -> Image<T> {
    use rayon::prelude::*;
    let pixels = (0..like.pixels().len()).into_par_iter().with_min_len(4096).map(pixel).collect();
    Image::new(like.width(), like.height(), pixels)
}
