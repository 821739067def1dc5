//! Pictures and nothing else: decoding, encoding, colour spaces, resampling, the classical filters
//! and the figures that compare two pictures. Bytes in, values out: no files, clocks or networks.

pub mod blur;
pub mod codec;
pub mod compare;
pub mod components;
pub mod flow;
pub mod guided;
pub mod image;
pub mod lines;
#[cfg(test)]
mod noise;
pub mod poisson;
pub mod resize;
pub mod screentone;
pub mod smooth;
pub mod space;
pub mod texture;
pub mod vectors;
pub mod warp;

pub use image::Image;
