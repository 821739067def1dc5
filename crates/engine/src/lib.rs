//! Runs a network ([`net::Arch`]) on the CPU. Knows no pictures.

mod conv;
mod gemm;
mod network;
mod paint;
pub mod plain;
mod plan;
mod rows;
mod simd;
#[cfg(test)]
mod tests;
mod upsample;
mod winograd;

pub use net::{Error, ErrorKind, Shape};
pub use network::{Network, Place, Pool};

/// Output channels of a convolution that the fast executor computes together; where the last group is not full, it
/// multiplies zeros in the place of those that are missing.
pub const CHANNELS_TOGETHER: usize = gemm::BLOCK;

/// The instructions the fast executor uses on this CPU, and what it could fall back to; the first is in use.
pub fn cpu_features() -> Vec<&'static str> {
    simd::Level::available().into_iter().map(simd::Level::name).collect()
}

/// A map of H×W×C numbers, channels side by side (HWC), what operations take and make.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Numbers at each position.
    pub channels: usize,
    /// The numbers: `data[(y·width + x)·channels + c]`.
    pub data: Vec<f32>,
}

impl Map {
    /// A map from its numbers.
    ///
    /// # Panics
    /// If `data` does not hold height·width·channels numbers.
    pub fn new(height: usize, width: usize, channels: usize, data: Vec<f32>) -> Self {
        assert_eq!(data.len(), height * width * channels, "a {height}×{width}×{channels} map needs as many numbers");
        Self { height, width, channels, data }
    }

    /// A map of zeros.
    pub fn zeros(shape: Shape) -> Self {
        Self::new(shape.height, shape.width, shape.channels, vec![0.0; shape.numbers()])
    }

    /// A map whose number at row `y`, column `x`, channel `c` is `number(y, x, c)`.
    pub fn from_fn(shape: Shape, mut number: impl FnMut(usize, usize, usize) -> f32) -> Self {
        let mut data = Vec::with_capacity(shape.numbers());
        for y in 0..shape.height {
            for x in 0..shape.width {
                data.extend((0..shape.channels).map(|c| number(y, x, c)));
            }
        }
        Self::new(shape.height, shape.width, shape.channels, data)
    }

    /// Height, width and channels.
    pub fn shape(&self) -> Shape {
        Shape::new(self.height, self.width, self.channels)
    }

    /// The number at row `y`, column `x`, channel `c`.
    pub fn at(&self, y: usize, x: usize, c: usize) -> f32 {
        self.data[(y * self.width + x) * self.channels + c]
    }
}
