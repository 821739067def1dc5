//! What went wrong, in a sentence for people, and whose move it is.

/// Why a video was not painted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// Whose move it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// ffmpeg or ffprobe is missing or too old: install it.
    Tool,
    /// The file is no video, is broken, or is beyond a limit: give another.
    Input,
    /// A setting does not go with this video or its output: change it.
    Setting,
    /// The result cannot be written: look at the disk, or choose another place.
    Output,
    /// A frame could not be painted.
    Painting,
    /// Nothing was painted yet when it was told to stop.
    Cancelled,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The video cannot be read, because …
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// The result cannot be written, because …
    pub(crate) fn output(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Output, message)
    }

    /// Whose move it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
