//! The training of dense landmarks ([`net::landmarks`]): photos and what `faces.py` found in them → crops of faces and of
//! eyes → the two networks; and how far they are off on people they never saw.

pub mod evaluate;
pub mod labels;
pub mod sample;

#[cfg(feature = "torch")]
pub mod learner;
#[cfg(feature = "torch")]
pub mod run;
