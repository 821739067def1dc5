//! The face detector's training: photos and where faces are in them → crops → the three networks of [`net::mtcnn`],
//! one after the other, each fed with what the ones before let through. And its comparison with the detector the
//! labels are from.

pub mod augment;
pub mod evaluate;
pub mod gather;
pub mod labels;
pub mod sample;
pub mod show;

#[cfg(feature = "torch")]
pub mod learner;
#[cfg(feature = "torch")]
pub mod run;
