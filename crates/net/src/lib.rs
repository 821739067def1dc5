//! What the networks are, as data, and what a model file is. Nothing here runs a network.

pub mod arch;
pub mod classic;
mod error;
pub mod freeze;
pub mod imported;
pub mod landmarks;
pub mod light;
pub mod measure;
mod medium;
pub mod model;
pub mod mtcnn;
pub mod onnx;
pub mod person;
mod proto;
pub mod shape;
pub mod torch;
pub mod weights;

pub use arch::{Activation, Arch, Op, Padding, Value};
pub use error::{Error, ErrorKind};
pub use imported::{Body, Imported};
pub use measure::{Measure, Reach, measure};
pub use medium::{Medium, medium};
pub use model::{Model, Style, merge};
pub use shape::{Shape, parameters, shapes};
pub use weights::{Tensor, Weights};
