//! From luma and chroma to red, green and blue (ITU-T H.273, 8.3).

use super::layout::{Cicp, Layout, Window};
use super::planes::Planes;
use super::variant;
use crate::codec::Error;
use crate::codec::color::{ColorModel, Depth, Storage};
use rayon::prelude::*;

/// How red, green and blue were made luma and chroma.
#[derive(Clone, Copy)]
enum Matrix {
    /// They were not: the planes are green, blue and red.
    Identity,
    /// Luma, green less luma, orange less luma.
    YCgCo,
    /// Luma is these parts of red and of blue, and the rest is green.
    YCbCr { red: f32, blue: f32 },
}

impl Matrix {
    fn new(code: u8) -> Result<Self, Error> {
        let (red, blue) = match code {
            0 => return Ok(Self::Identity),
            8 => return Ok(Self::YCgCo),
            1 => (0.2126, 0.0722),
            4 => (0.30, 0.11),
            7 => (0.212, 0.087),
            9 => (0.2627, 0.0593),
            // BT.601, and what writers mean that say nothing.
            2 | 5 | 6 => (0.299, 0.114),
            _ => return Err(variant(&format!("an unusual coding of its colours (matrix coefficients {code})"))),
        };
        Ok(Self::YCbCr { red, blue })
    }

    /// Luma 0..1 and chroma −½..½ (all three 0..1 where they are colours) → red, green, blue.
    fn rgb(self, [y, u, v]: [f32; 3]) -> [f32; 3] {
        match self {
            Self::Identity => [v, y, u],
            Self::YCgCo => [y - u + v, y + u, y - u - v],
            Self::YCbCr { red, blue } => {
                let (r, b) = (y + 2.0 * (1.0 - red) * v, y + 2.0 * (1.0 - blue) * u);
                [r, (y - red * r - blue * b) / (1.0 - red - blue), b]
            }
        }
    }
}

/// Levels → 0..1, or −½..½.
#[derive(Clone, Copy)]
struct Scale {
    zero: f32,
    unit: f32,
}

impl Scale {
    fn luma(bits: u32, full_range: bool) -> Self {
        let step = (1 << (bits - 8)) as f32;
        if full_range {
            Self { zero: 0.0, unit: ((1 << bits) - 1) as f32 }
        } else {
            Self { zero: 16.0 * step, unit: 219.0 * step }
        }
    }

    fn chroma(bits: u32, full_range: bool) -> Self {
        let step = (1 << (bits - 8)) as f32;
        let unit = if full_range { ((1 << bits) - 1) as f32 } else { 224.0 * step };
        Self { zero: 128.0 * step, unit }
    }

    fn of(self, level: f32) -> f32 {
        (level - self.zero) / self.unit
    }
}

/// What makes the samples of a row.
pub(super) struct Converter<'a> {
    layout: &'a Layout,
    color: &'a Planes,
    alpha: Option<&'a Planes>,
    matrix: Matrix,
    scales: [Scale; 3],
    storage: Storage,
}

impl<'a> Converter<'a> {
    /// `cicp` is what holds of the colours; `storage` has opacity where `alpha` is.
    pub(super) fn new(
        layout: &'a Layout,
        color: &'a Planes,
        alpha: Option<&'a Planes>,
        cicp: Cicp,
        storage: Storage,
    ) -> Result<Self, Error> {
        let matrix = Matrix::new(cicp.matrix)?;
        let luma = Scale::luma(color.bits, cicp.full_range);
        let chroma = Scale::chroma(color.bits, cicp.full_range);
        let scales = match (matrix, color.subsampling) {
            (Matrix::Identity, Some(blocks)) if blocks != [1, 1] => {
                return Err(Error::broken("the AVIF's colours are planes of different sizes: it is damaged"));
            }
            (Matrix::Identity, _) => [luma; 3],
            _ => [luma, chroma, chroma],
        };
        Ok(Self { layout, color, alpha, matrix, scales, storage })
    }

    /// All pixels of the layout's window.
    pub(super) fn write(&self, out: &mut [u8]) {
        let Window { x, y, width, .. } = self.layout.window;
        let row_len = width * self.storage.bytes_per_pixel();
        let whole_width = self.layout.color.width;
        out.par_chunks_exact_mut(row_len).enumerate().for_each_init(
            || [const { Vec::new() }; 4].map(|_: Vec<f32>| vec![0.0; whole_width]),
            |rows, (index, out)| {
                self.read_row(y + index, rows);
                let pixels = (x..x + width).map(|x| self.pixel(rows, x));
                match self.storage.depth {
                    Depth::Bits8 => self.store(pixels, out, |v| [(v * 255.0).round() as u8]),
                    _ => self.store(pixels, out, |v| ((v * 65535.0).round() as u16).to_ne_bytes()),
                }
            },
        );
    }

    /// Luma, chroma and opacity of a row of the whole picture.
    fn read_row(&self, y: usize, rows: &mut [Vec<f32>; 4]) {
        let channels = if self.color.subsampling.is_some() { 3 } else { 1 };
        for channel in 0..channels {
            self.color.row(channel, y, self.layout.cosited, &mut rows[channel]);
            let scale = self.scales[channel];
            rows[channel].iter_mut().for_each(|level| *level = scale.of(*level));
        }
        if let Some(alpha) = self.alpha {
            alpha.row(0, y, [false; 2], &mut rows[3]);
            let scale = Scale::luma(alpha.bits, alpha.cicp.full_range);
            rows[3].iter_mut().for_each(|level| *level = scale.of(*level).clamp(0.0, 1.0));
        }
    }

    /// Red, green, blue and opacity, 0..1.
    fn pixel(&self, rows: &[Vec<f32>; 4], x: usize) -> [f32; 4] {
        let [y, u, v] = [0, 1, 2].map(|channel: usize| rows[channel][x]);
        let [r, g, b] = if self.color.subsampling.is_some() { self.matrix.rgb([y, u, v]) } else { [y; 3] };
        let alpha = if self.alpha.is_some() { rows[3][x] } else { 1.0 };
        let whole = if self.layout.premultiplied && alpha > 0.0 { alpha } else { 1.0 };
        let [r, g, b] = [r, g, b].map(|level| (level / whole).clamp(0.0, 1.0));
        [r, g, b, alpha]
    }

    fn store<const BYTES: usize>(
        &self,
        pixels: impl Iterator<Item = [f32; 4]>,
        out: &mut [u8],
        sample: impl Fn(f32) -> [u8; BYTES],
    ) {
        // Of a grey pixel all three are the same.
        let colors = if self.storage.model == ColorModel::Gray { 0..1 } else { 0..3 };
        let alpha = if self.storage.alpha { 3..4 } else { 3..3 };
        let mut samples = out.as_chunks_mut::<BYTES>().0.iter_mut();
        for pixel in pixels {
            for (level, out) in pixel[colors.clone()].iter().chain(&pixel[alpha.clone()]).zip(&mut samples) {
                *out = sample(*level);
            }
        }
    }
}
