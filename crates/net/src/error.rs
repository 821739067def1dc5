//! The one error of networks and model files.

use std::fmt;

/// Whose move it is when something about a network is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The list of operations contradicts itself: the author of the architecture must fix it.
    Arch,
    /// The inputs do not fit the network: the caller must bring other ones.
    Input,
    /// A tensor is missing, has another shape than the architecture asks for, or is not finite.
    Weights,
    /// The bytes are no model file, or a broken one.
    File,
    /// Styles that do not belong together or weights that cannot be averaged.
    Style,
}

/// What went wrong with a network or a model file, in words for the person who has to act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Whose move it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// `Err` with a formatted message.
macro_rules! fail {
    ($kind:ident, $($message:tt)*) => {
        return Err($crate::error::Error::new($crate::error::ErrorKind::$kind, format!($($message)*)))
    };
}
pub(crate) use fail;
