//! What can go wrong with a file, and whose move it is.

/// Why a picture could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// Whose move it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file is no picture of a format (or a variant of one) that we handle: convert it first.
    Unsupported,
    /// The picture passes that limit: make it smaller, or raise the limit.
    TooLarge(Limit),
    /// The file is damaged or breaks its format's rules: get another copy.
    Broken,
    /// The picture cannot be written so: choose another format, size or quality.
    Encode,
}

/// A limit of [`Limits`](super::Limits), for callers that know the name under which users set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::max_pixels`](super::Limits::max_pixels)
    Pixels,
    /// [`Limits::max_side_px`](super::Limits::max_side_px)
    Side,
    /// [`Limits::max_file_bytes`](super::Limits::max_file_bytes)
    FileBytes,
    /// [`Limits::max_memory_bytes`](super::Limits::max_memory_bytes)
    Memory,
}

impl Error {
    /// Whose move it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Unsupported, message: message.into() }
    }

    pub(super) fn too_large(limit: Limit, message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::TooLarge(limit), message: message.into() }
    }

    pub(super) fn broken(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Broken, message: message.into() }
    }

    pub(super) fn encode(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Encode, message: message.into() }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
