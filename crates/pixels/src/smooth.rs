//! Filters that flatten a picture and keep its borders: L0 gradient smoothing, the generalised
//! Kuwahara filter, the bilateral filter.

mod bilateral;
mod kuwahara;
mod l0;

pub use bilateral::bilateral;
pub use kuwahara::kuwahara;
pub use l0::l0_gradient;
