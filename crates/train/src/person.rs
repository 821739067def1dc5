//! The network that tells a person from what is behind: crops around faces, their masks, training.

pub mod crops;
pub mod sample;

#[cfg(feature = "torch")]
pub mod learner;
#[cfg(feature = "torch")]
pub mod run;
