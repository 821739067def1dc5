//! Where frames come from: ffmpeg, or for animated WebP a reader of its own.

use crate::animation::{self, Animation};
use crate::clip::{self, Clip};
use crate::decode::{Decoder, Frame, Shape};
use crate::error::Error;
use crate::settings::{Preset, Span};
use crate::tool::Killer;
use std::path::Path;

/// A video that is being read.
pub(crate) enum Source {
    Ffmpeg(Box<Decoder>),
    WebP(Box<Animation>),
}

impl Source {
    /// Opens a video as a preset reads it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] if there is not one frame.
    pub(crate) fn open(input: &Path, span: Span, preset: Preset) -> Result<(Self, Clip), Error> {
        let largest_px2 = preset.largest_px2();
        if animation::is_webp(input) {
            let (animation, clip) = Animation::open(input, largest_px2)?;
            return Ok((Self::WebP(animation.into()), clip));
        }
        let clip = clip::probe(input)?;
        let decoder = Decoder::start(&clip, span, largest_px2)?;
        Ok((Self::Ffmpeg(decoder.into()), clip))
    }

    pub(crate) fn shape(&self) -> Shape {
        match self {
            Self::Ffmpeg(decoder) => decoder.shape,
            Self::WebP(animation) => animation.shape,
        }
    }

    /// The next frame; `None` after the last.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] if it cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Error> {
        match self {
            Self::Ffmpeg(decoder) => decoder.next(),
            Self::WebP(animation) => animation.next(),
        }
    }

    /// Ends it from another thread, which would wait for a frame otherwise.
    pub(crate) fn killer(&self) -> Option<Killer> {
        match self {
            Self::Ffmpeg(decoder) => Some(decoder.killer()),
            Self::WebP(_) => None,
        }
    }

    /// What was wrong with the file, after the last frame.
    pub(crate) fn complaints(&self) -> Vec<String> {
        match self {
            Self::Ffmpeg(decoder) => decoder.complaints(),
            Self::WebP(_) => Vec::new(),
        }
    }
}
