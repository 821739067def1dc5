//! What the networks are, as data, and what a model file is. Nothing here runs a network.

pub mod arch;

pub use arch::{Activation, Arch, Op, Padding, Value};
