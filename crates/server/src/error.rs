//! What can go wrong, by whose move it is. The words of the HTTP interface for it are in `http/error.rs`.

/// Why something was not done, in a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Error {
    /// Whose move it is.
    pub(crate) kind: Kind,
    /// What happened and what to do.
    pub(crate) detail: String,
    /// After how many seconds to try again, where that would help.
    pub(crate) retry_after_s: Option<u64>,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $name:literal,)+) => {
        /// Whose move it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Kind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl Kind {
            /// All there are.
            pub(crate) const ALL: &[Self] = &[$(Self::$kind),+];

            /// As it is written in files, metrics and URLs.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)+ }
            }

            /// The kind of that name.
            pub(crate) fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.name() == name)
            }
        }
    };
}

kinds! {
    /// The request cannot be understood.
    Malformed = "malformed",
    /// A token or a signature is missing or wrong.
    Unauthorized = "unauthorized",
    /// The signature is good, but its time is over.
    Forbidden = "forbidden",
    /// There is no such thing.
    NotFound = "not-found",
    /// There is such a thing, but this cannot be done with it.
    MethodNotAllowed = "method-not-allowed",
    /// The painting is not finished yet.
    NotReady = "not-ready",
    /// The painting has been deleted.
    Gone = "gone",
    /// The range asked for lies beyond the end.
    Range = "range",
    /// The upload did not arrive in time.
    SlowUpload = "slow-upload",
    /// The upload or the picture passes a limit.
    TooLarge = "too-large",
    /// The upload is no picture of a format that is read.
    NotAPicture = "not-a-picture",
    /// The picture is damaged.
    BrokenPicture = "broken-picture",
    /// A setting is out of its range.
    Setting = "setting",
    /// This client asks too often.
    RateLimited = "rate-limited",
    /// The house is full.
    QueueFull = "queue-full",
    /// Somebody asked to stop.
    Cancelled = "cancelled",
    /// Our error.
    Internal = "internal",
    /// A part took longer than it may.
    TimedOut = "timed-out",
    /// Not now: starting, stopping, or without its store.
    Unavailable = "unavailable",
}

impl Error {
    /// An error that trying again does not mend.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), retry_after_s: None }
    }

    /// An error that is over after some seconds.
    pub(crate) fn passing(kind: Kind, detail: impl Into<String>, retry_after_s: u64) -> Self {
        Self { retry_after_s: Some(retry_after_s), ..Self::new(kind, detail) }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.detail, self.kind.name())
    }
}

impl std::error::Error for Error {}

impl From<pixels::codec::Error> for Error {
    fn from(error: pixels::codec::Error) -> Self {
        use pixels::codec::ErrorKind;
        let kind = match error.kind() {
            ErrorKind::Unsupported => Kind::NotAPicture,
            ErrorKind::TooLarge(_) => Kind::TooLarge,
            ErrorKind::Broken => Kind::BrokenPicture,
            ErrorKind::Encode => Kind::Setting,
            _ => Kind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<kaiga::Error> for Error {
    fn from(error: kaiga::Error) -> Self {
        use kaiga::ErrorKind;
        let kind = match error.kind() {
            ErrorKind::Setting | ErrorKind::UnknownStyle => Kind::Setting,
            ErrorKind::Cancelled => Kind::Cancelled,
            _ => Kind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}
