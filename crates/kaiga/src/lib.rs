//! Paints photos by hand: in the manner of animated films, on an ordinary CPU.
//!
//! [`Studio`] holds the models, a [`Look`] says how a painting shall be, and [`Studio::prepare`] makes a [`Painter`] of
//! both, which paints any number of pictures. Pictures in, pictures out: formats, opacity, files, clocks and the
//! environment are the caller's.

mod error;
mod export;
mod face_models;
pub mod faces;
mod fills;
mod finish;
mod generator;
mod look;
mod painter;
mod plan;
mod progress;
mod sequence;
mod settings;
mod studio;
mod styles;
mod tiles;
mod upscale;
mod whole;

pub use error::{Error, ErrorKind};
pub use export::{Export, Format};
pub use generator::{Modulation, read_graph};
pub use look::{
    Crisp, Detail, Draw, Eyes, Faces, Flat, Guided, Line, Look, Saturation, Smoothing, Stability, Strength, Tile,
};
pub use net::imported::checkpoint;
pub use net::onnx::Form;
pub use net::onnx::foreign::{Graph, Layout, Order, Range, Wishes, is_onnx};
pub use net::{Body, Imported, Medium};
pub use painter::{Known, Painter};
pub use plan::working_size;
pub use progress::{Progress, unwatched};
pub use sequence::{Analysed, Analyser, Blender, Cuts, Drawn, Painted, Sequence, stages};
pub use settings::{SETTINGS, Setting, Values};
#[cfg(feature = "bundled-models")]
pub use studio::EMBEDDED;
pub use studio::{Memory, Studio};
pub use styles::{Mix, Style};
