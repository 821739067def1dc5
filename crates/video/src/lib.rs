//! Videos painted: read and written by ffmpeg, through pipes; no frame touches the disk.
//!
//! [`paint()`] paints a video, [`check`] says whether ffmpeg is there, [`flicker()`] measures how calm the result is.
//! Decoding, painting and coding overlap, with a few frames between them: memory does not grow with length.

mod animation;
mod clip;
mod cover;
mod decode;
mod effects;
mod encode;
mod error;
mod flicker;
mod live;
mod matroska;
mod paint;
mod pieces;
mod place;
mod reel;
mod run;
mod settings;
mod source;
mod tool;

pub use clip::{About, look_at};
pub use cover::{Cover, covers};
pub use effects::{Ends, Transition};
pub use error::{Error, ErrorKind};
pub use flicker::{Flicker, flicker};
pub use live::easel::{Easel, Live, live_look};
pub use live::{LiveWatch, live};
pub use paint::{Ending, Progress, Report, Took, Watch, paint};
pub use pieces::{Piece, Pieces};
pub use settings::{Codec, Preset, Settings, Span, check_output, looks_like_video, usual_extension};
pub use tool::check;
