//! Graphs that others made, run by rten: AnimeGAN in its versions, white-box cartoon, CartoonGAN.
//!
//! Most look at the whole picture in their norms, and a graph cannot be asked where. So a picture is painted in one piece,
//! reduced where it is larger than that bears; what is left to full size is the upscaler's.

#[cfg(not(feature = "onnx"))]
use crate::error::{Error, ErrorKind};
#[cfg(not(feature = "onnx"))]
use net::onnx::foreign::{Graph, Wishes};

#[cfg(not(feature = "onnx"))]
fn missing<T>() -> Result<T, Error> {
    let message = "this build of kaiga runs no ONNX graphs: build it with the feature `onnx`";
    Err(Error::new(ErrorKind::Model, message))
}

/// Makes a graph ready to paint.
#[cfg(not(feature = "onnx"))]
pub(crate) fn prepared(_: &Graph) -> Result<std::sync::Arc<dyn super::Generator>, Error> {
    missing()
}

/// Reads an ONNX graph of others: what it takes is read off it, tried out on a small picture, or as wished.
///
/// # Errors
/// [`ErrorKind::Model`] if the file is broken, no graph from picture to picture, beyond the limits, or does not run;
/// or if it has to be said how pictures are given to it.
#[cfg(not(feature = "onnx"))]
pub fn read(_: Vec<u8>, _: &Wishes) -> Result<Graph, Error> {
    missing()
}

/// What a graph makes of a picture, RGB −1..1.
#[cfg(not(feature = "onnx"))]
pub(crate) fn painting(_: &Graph, _: &pixels::Image<pixels::space::Srgb8>) -> Result<engine::Map, Error> {
    missing()
}

#[cfg(feature = "onnx")]
mod running;
#[cfg(feature = "onnx")]
pub use running::read;
#[cfg(feature = "onnx")]
pub(crate) use running::{painting, prepared};
