//! Paints photos by hand: in the manner of animated films, on an ordinary CPU.
//!
//! [`Studio`] holds the models, a [`Look`] says how a painting shall be, and [`Studio::paint`] makes a [`Painting`]
//! of a [`Photo`]. Bytes in, values out: files, clocks and the environment are the caller's.

mod brush;
mod error;
pub mod faces;
mod finish;
mod lift;
mod look;
mod plan;
mod progress;
mod studio;
mod styles;
mod tiles;
mod whole;

pub use error::{Error, ErrorKind};
pub use look::{Detail, Eyes, Faces, Guided, Line, Look, Saturation, Strength, Tile};
pub use net::Medium;
pub use pixels::codec::Photo;
pub use plan::working_size;
pub use progress::{Progress, unwatched};
pub use studio::{EMBEDDED, Painting, Studio};
pub use styles::{Mix, Style};
