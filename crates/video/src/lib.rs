//! Videos painted: read and written by ffmpeg, through pipes; no frame touches the disk.
//!
//! [`paint()`] paints a video, [`check`] says whether ffmpeg is there, [`flicker()`] measures how calm the result is.
//! Decoding, painting and coding overlap, with a few frames between them: memory does not grow with length.

mod animation;
mod clip;
mod decode;
mod encode;
mod error;
mod flicker;
mod matroska;
mod paint;
mod place;
mod settings;
mod tool;

pub use error::{Error, ErrorKind};
pub use flicker::{Flicker, flicker};
pub use paint::{Ending, Progress, Report, Took, Watch, paint};
pub use settings::{Codec, Preset, Settings, Span, looks_like_video, usual_extension};
pub use tool::check;
