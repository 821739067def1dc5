//! The commands of the program, a file each, and what they share.

#[cfg(feature = "torch")]
pub(crate) mod compare;
pub(crate) mod drawnness;
pub(crate) mod evaluate;
pub(crate) mod faces;
pub(crate) mod faces_sheet;
#[cfg(feature = "torch")]
pub(crate) mod fetch_features;
pub(crate) mod landmarks;
#[cfg(feature = "torch")]
mod machine;
pub(crate) mod pairs;
pub(crate) mod person;
pub(crate) mod prune;
#[cfg(feature = "torch")]
mod schedule;
#[cfg(feature = "torch")]
pub(crate) mod train;
#[cfg(feature = "torch")]
mod verdict;
