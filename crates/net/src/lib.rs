//! What the networks are, as data, and what a model file is. Nothing here runs a network.

pub mod arch;
pub mod light;
pub mod weights;

pub use arch::{Activation, Arch, Op, Padding, Value};
pub use weights::{Tensor, Weights};
