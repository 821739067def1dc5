//! Training: pairs of photo and painting, the trainable copy of a network, losses, runs and evaluation. The only crate
//! that knows libtorch, and only with its feature `torch`.

pub mod data;
pub mod evaluate;
pub mod faces;
pub mod file;
pub mod landmarks;
pub mod painter;
pub mod person;
pub mod sheet;

#[cfg(feature = "torch")]
pub mod compare;
#[cfg(feature = "torch")]
pub mod feature_extractor;
#[cfg(feature = "torch")]
pub mod losses;
#[cfg(feature = "torch")]
pub mod model;
#[cfg(feature = "torch")]
pub mod prune;
#[cfg(feature = "torch")]
pub mod run;
