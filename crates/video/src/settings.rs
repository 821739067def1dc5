//! How a video shall be painted and written: values, checked once when they are made.

use crate::effects::Transition;
use crate::error::{Error, ErrorKind};
use std::path::Path;

/// How a video shall be painted and written; the look is the painter's.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// How the result is coded; by default as suits its container.
    pub codec: Option<Codec>,
    /// Quality in the codec's own measure, less is better; by default as the preset says.
    pub crf: Option<u8>,
    /// How much time it may take.
    pub preset: Preset,
    /// Which part of the video.
    pub span: Span,
    /// How calm it is to be.
    pub stability: kaiga::Stability,
    /// Where it melts from the real picture into the painting and back.
    pub transition: Option<Transition>,
    /// Whether the real picture is shown beside the painting, with a divider that moves.
    pub split: bool,
    /// Whether what is done is kept in parts beside the result, and gone on with where parts are there already.
    pub resume: bool,
}

/// A part of a video, s from its beginning; what is `None` is where it begins or ends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    /// The first frame is the first not before it.
    pub start_s: Option<f64>,
    /// The last frame is the last before it.
    pub end_s: Option<f64>,
}

impl Span {
    /// # Errors
    /// [`ErrorKind::Setting`] if it ends before it begins.
    pub fn new(start_s: Option<f64>, end_s: Option<f64>) -> Result<Self, Error> {
        let start = start_s.unwrap_or(0.0);
        if end_s.is_some_and(|end_s| end_s <= start) {
            let message = format!("the end ({} s) must come after the start ({start} s)", end_s.unwrap_or_default());
            return Err(Error::new(ErrorKind::Setting, message));
        }
        Ok(Self { start_s, end_s })
    }
}

/// How much time painting may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// To see what it will be like: painted small and enlarged, faces as everything else, the fastest coding.
    Draft,
    /// As photos are painted, with lighter outlines; three frames a second, from which the others are carried.
    #[default]
    Good,
    /// Every frame painted, and coded with care: smaller files, finer gradients.
    Best,
}

impl Preset {
    /// The names.
    pub const NAMES: [&str; 3] = ["draft", "good", "best"];
    const ALL: [Self; 3] = [Self::Draft, Self::Good, Self::Best];

    /// What it is called.
    pub fn name(self) -> &'static str {
        self.of(Self::NAMES)
    }

    /// The largest area painted at, px².
    pub(crate) fn largest_px2(self) -> Option<f64> {
        /// The least that is painted at its own size (see `kaiga::working_size`): less would be enlarged again.
        const DRAFT_PX2: f64 = 0.145e6;
        (self == Self::Draft).then_some(DRAFT_PX2)
    }

    /// How many frames a second are key frames, from which the others are carried; none where all of them are painted.
    pub(crate) fn keys_per_s(self) -> Option<f64> {
        const KEYS_PER_S: f64 = 3.0;
        (self != Self::Best).then_some(KEYS_PER_S)
    }

    /// The one of three that is this one's.
    pub(crate) fn of<T: Copy>(self, three: [T; 3]) -> T {
        three[self as usize]
    }
}

impl std::str::FromStr for Preset {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let at = Self::NAMES.iter().position(|name| *name == text);
        let refused = || Error::new(ErrorKind::Setting, "a preset is draft, good or best");
        at.map(|at| Self::ALL[at]).ok_or_else(refused)
    }
}

/// How a video is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Plays everywhere.
    H264,
    /// A third smaller.
    H265,
    /// For WebM.
    Vp9,
    /// Smallest.
    Av1,
    /// 256 colours a frame, plays everywhere.
    Gif,
    /// Animated WebP.
    WebP,
}

impl Codec {
    /// The names of those that one can choose; the others follow from the file's name.
    pub const NAMES: [&str; 4] = ["h264", "h265", "vp9", "av1"];
    const ALL: [Self; 4] = [Self::H264, Self::H265, Self::Vp9, Self::Av1];

    /// Worst quality there is a number for.
    pub fn most_crf(self) -> u8 {
        if matches!(self, Self::H264 | Self::H265) { 51 } else { 63 }
    }

    /// Whether it has luma and chroma, and no palette and no alpha.
    pub(crate) fn is_film(self) -> bool {
        !matches!(self, Self::Gif | Self::WebP)
    }

    /// Whether sides have to be even.
    pub(crate) fn wants_even_sides(self) -> bool {
        matches!(self, Self::H264 | Self::H265 | Self::Av1)
    }
}

impl std::str::FromStr for Codec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let at = Self::NAMES.iter().position(|name| *name == text);
        let refused = || Error::new(ErrorKind::Setting, "a codec is h264, h265, vp9 or av1");
        at.map(|at| Self::ALL[at]).ok_or_else(refused)
    }
}

/// What a result is written into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Mp4,
    Mov,
    Matroska,
    WebM,
    Gif,
    WebP,
}

impl Container {
    const ALL: [(&str, Self); 7] = [
        ("mp4", Self::Mp4),
        ("m4v", Self::Mp4),
        ("mov", Self::Mov),
        ("mkv", Self::Matroska),
        ("webm", Self::WebM),
        ("gif", Self::Gif),
        ("webp", Self::WebP),
    ];

    pub(crate) fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::ALL.iter().find(|(name, _)| *name == extension).map(|(_, container)| *container)
    }

    /// In ffmpeg's words.
    pub(crate) fn muxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::Matroska => "matroska",
            Self::WebM => "webm",
            Self::Gif => "gif",
            Self::WebP => "webp",
        }
    }

    /// Whether it holds pictures only.
    pub(crate) fn is_animation(self) -> bool {
        matches!(self, Self::Gif | Self::WebP)
    }
}

/// The extension of the result of `input`, where nobody names one.
pub fn usual_extension(input: &Path) -> &'static str {
    let extension = input.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    let known = ["mp4", "m4v", "mov", "mkv", "webm", "gif", "webp"].into_iter().find(|known| *known == extension);
    // Holds whatever the others hold.
    known.unwrap_or("mkv")
}

/// Whether a name is that of a video, a GIF or a WebP.
pub fn looks_like_video(path: &Path) -> bool {
    const OTHERS: [&str; 13] =
        ["avi", "ts", "m2ts", "mts", "mpg", "mpeg", "wmv", "flv", "ogv", "3gp", "vob", "mxf", "asf"];
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    extension.is_some_and(|extension| Container::of(path).is_some() || OTHERS.contains(&&*extension))
}

/// Whether the name of a result and the settings go together.
///
/// # Errors
/// [`ErrorKind::Setting`] if not.
pub fn check_output(output: &Path, settings: &Settings) -> Result<(), Error> {
    written_as(output, settings).map(drop)
}

/// How the result at `output` is coded.
///
/// # Errors
/// [`ErrorKind::Setting`] if it cannot be written like that.
pub(crate) fn written_as(output: &Path, settings: &Settings) -> Result<(Container, Codec), Error> {
    let refused = |message: String| Err(Error::new(ErrorKind::Setting, message));
    let Some(container) = Container::of(output) else {
        return refused("videos are written as mp4, m4v, mov, mkv, webm, gif or webp: choose such a name".into());
    };
    let codec = match (container, settings.codec) {
        (Container::Gif | Container::WebP, Some(_)) => {
            return refused("a gif or webp has no choice of codecs: leave it off".into());
        }
        (Container::Gif, None) => Codec::Gif,
        (Container::WebP, None) => Codec::WebP,
        (Container::WebM, Some(Codec::H264 | Codec::H265)) => {
            return refused("webm holds vp9 and av1 only: choose one of them, or another name".into());
        }
        (Container::WebM, None) => Codec::Vp9,
        (_, Some(codec)) => codec,
        (_, None) => Codec::H264,
    };
    match settings.crf {
        Some(_) if container.is_animation() => refused("a gif or webp has no crf: leave it off".into()),
        Some(crf) if crf > codec.most_crf() => {
            refused(format!("crf is {crf}, with this codec it goes from 0 to {}", codec.most_crf()))
        }
        _ => Ok((container, codec)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_how_it_is_written_and_what_does_not_go_is_refused() {
        let written = |name: &str, codec, crf| {
            let settings = Settings { codec, crf, ..Settings::default() };
            written_as(Path::new(name), &settings).map_err(|error| error.to_string())
        };
        assert_eq!(written("夏.MP4", None, None), Ok((Container::Mp4, Codec::H264)));
        assert_eq!(written("a.webm", None, None), Ok((Container::WebM, Codec::Vp9)));
        assert_eq!(written("a.mkv", Some(Codec::Av1), Some(63)), Ok((Container::Matroska, Codec::Av1)));
        assert!(written("a.mp4", Some(Codec::H265), Some(52)).unwrap_err().contains("0 to 51"));
        assert!(written("a.webm", Some(Codec::H264), None).unwrap_err().contains("vp9 and av1"));
        assert!(written("a.gif", Some(Codec::Vp9), None).is_err() && written("a.webp", None, Some(3)).is_err());
        assert!(written("a.avi", None, None).unwrap_err().contains("mkv"));
        assert_eq!([usual_extension(Path::new("a.AVI")), usual_extension(Path::new("a.MOV"))], ["mkv", "mov"]);
    }

    #[test]
    fn a_part_ends_after_it_begins() {
        assert!(Span::new(Some(2.0), Some(2.0)).is_err() && Span::new(None, Some(2.0)).is_ok());
    }
}
