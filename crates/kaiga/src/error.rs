//! The one error of the library: what went wrong, in a sentence for people, and whose move it is.

/// Why a painting did not come about. [`Error::kind`] says whose move it is, the text says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// Whose move it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is outside its range, or a text that should name one cannot be read: change the [`crate::Look`].
    Setting,
    /// A style of that name is not loaded: pick one of [`crate::Studio::styles`].
    UnknownStyle,
    /// A model file is broken or does not belong to this version: get another file.
    Model,
    /// The progress function asked to stop.
    Cancelled,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
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
