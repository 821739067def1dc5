//! Training: pairs of photo and painting, the trainable twin of a network, losses, steps and runs. The only crate
//! that knows libtorch, and only with its feature `torch`.

pub mod data;
pub mod degrade;
pub mod evaluate;
pub mod file;
pub mod painter;
pub mod pairs;
pub mod split;

#[cfg(feature = "torch")]
pub mod checkpoint;
#[cfg(feature = "torch")]
pub mod export;
#[cfg(feature = "torch")]
pub mod losses;
#[cfg(feature = "torch")]
pub mod parameters;
#[cfg(feature = "torch")]
pub mod run;
#[cfg(feature = "torch")]
pub mod score;
#[cfg(feature = "torch")]
pub mod sheet;
#[cfg(feature = "torch")]
pub mod step;
#[cfg(feature = "torch")]
pub mod twin;
