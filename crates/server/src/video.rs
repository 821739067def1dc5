//! One video's way: file in, file out. Runs on the calling thread, as [`crate::paint`] does for photos; only jobs do it.

use crate::config::Limits;
use crate::error::{Error, Kind};
use crate::paint::{PaintedFile, Stage, Took, Watcher, begin};
use crate::painter_cache::PainterCache;
use crate::params::{Pairs, Params};
use ::video::{About, Ending, ErrorKind, Preset, Progress, Settings, Span};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use utoipa::IntoParams;

/// What is to be done with a video.
#[derive(Clone, Debug)]
pub(crate) struct VideoParams {
    pub(crate) look: kaiga::Look,
    pub(crate) settings: Settings,
    /// Extension of the painted file.
    pub(crate) format: String,
}

/// What is to be done with a video beside the look; [`VideoParams::read`] reads the same.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only documents")]
pub(crate) struct VideoParamsSchema {
    /// Container of the painted video.
    #[param(pattern = "^(mp4|mkv|mov|webm|gif|webp)$", default = "mp4", example = "mp4")]
    format: Option<String>,
    /// How much time it may take.
    #[param(pattern = "^(draft|good|best)$", default = "good", example = "draft")]
    preset: Option<String>,
    /// How it is coded; by default as suits the container.
    #[param(pattern = "^(h264|h265|vp9|av1)$", example = "h264")]
    codec: Option<String>,
    /// How calm: 0 paints every frame for itself, 1 keeps whatever does not change.
    #[param(minimum = 0, maximum = 1, default = 0.8, example = 0.5)]
    stability: Option<f64>,
    /// Begin there, seconds.
    #[param(minimum = 0, example = 0)]
    start: Option<f64>,
    /// End there, seconds.
    #[param(minimum = 0, example = 2)]
    end: Option<f64>,
}

const OWN: [&str; 6] = ["format", "preset", "codec", "stability", "start", "end"];
const FORMATS: [&str; 6] = ["mp4", "mkv", "mov", "webm", "gif", "webp"];
/// What stands first in the query of a job whose upload is a video.
const MARK: (&str, &str) = ("kind", "video");

impl VideoParams {
    /// From names and values, those of a look and [`OWN`]. An empty value counts as absent.
    ///
    /// # Errors
    /// As [`Params::read`].
    pub(crate) fn read(pairs: &[(String, String)], studio: &kaiga::Studio) -> Result<Self, Error> {
        let (own, look): (Pairs, Pairs) = pairs.iter().cloned().partition(|(name, _)| OWN.contains(&name.as_str()));
        if let Some((name, _)) = look.iter().find(|(name, _)| ["crop", "max_side", "quality"].contains(&name.as_str()))
        {
            return Err(Error::new(Kind::Malformed, format!("{name} is for photos: leave it off")));
        }
        let look = Params::read(&look, studio)?.look;
        for (at, (name, _)) in own.iter().enumerate() {
            if own[..at].iter().any(|(other, _)| other == name) {
                return Err(Error::new(Kind::Malformed, format!("the parameter {name} is there twice")));
            }
        }
        let given = |name: &str| {
            let (_, value) = own.iter().find(|(other, _)| other == name)?;
            Some(value.as_str()).filter(|value| !value.is_empty())
        };
        let seconds = |name: &str| {
            let number = |text: &str| text.parse::<f64>().ok().filter(|s| s.is_finite() && *s >= 0.0);
            let wrong = || Error::new(Kind::Setting, format!("{name} must be seconds, 0 or more"));
            given(name).map(|text| number(text).ok_or_else(wrong)).transpose()
        };
        let wrong = |error: ::video::Error| Error::new(Kind::Setting, error.to_string());
        let format = given("format").unwrap_or(FORMATS[0]);
        if !FORMATS.contains(&format) {
            return Err(Error::new(Kind::Setting, "format must be mp4, mkv, mov, webm, gif or webp"));
        }
        let preset: Preset = given("preset").map(str::parse).transpose().map_err(wrong)?.unwrap_or_default();
        let stability = given("stability").map(stability).transpose()?.unwrap_or_default();
        let settings = Settings {
            codec: given("codec").map(str::parse).transpose().map_err(wrong)?,
            preset,
            span: Span::new(seconds("start")?, seconds("end")?).map_err(wrong)?,
            stability,
            ..Settings::default()
        };
        let params = Self { look: preset.look(look), settings, format: format.to_owned() };
        ::video::check_output(Path::new(&format!("x.{format}")), &params.settings).map_err(wrong)?;
        Ok(params)
    }

    /// The query of a job: that it is a video, and what was asked for.
    pub(crate) fn query(mut pairs: Pairs) -> Result<String, Error> {
        pairs.retain(|(_, value)| !value.is_empty());
        pairs.insert(0, (MARK.0.into(), MARK.1.into()));
        serde_urlencoded::to_string(&pairs).map_err(|error| Error::new(Kind::Internal, error.to_string()))
    }

    /// What was asked for, if the query is that of a video.
    pub(crate) fn of_query(pairs: &Pairs) -> Option<&[(String, String)]> {
        let (first, rest) = pairs.split_first()?;
        (first.0 == MARK.0 && first.1 == MARK.1).then_some(rest)
    }
}

/// How calm, as a parameter says it.
///
/// # Errors
/// [`Kind::Setting`] if it is no number from 0 to 1.
pub(crate) fn stability(text: &str) -> Result<kaiga::Stability, Error> {
    let number = text.parse().map_err(|_| Error::new(Kind::Setting, "stability must be a number"))?;
    Ok(kaiga::Stability::new(number)?)
}

/// The media type of a result with that extension, if it is that of a video.
pub(crate) fn media_type(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "mp4" => "video/mp4",
        "mkv" => "video/x-matroska",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        "gif" => "image/gif",
        _ => return None,
    })
}

/// Looks at an upload before it is taken, and says how many bytes of memory painting it takes, the file included.
///
/// # Errors
/// [`Kind::NotAPicture`] or [`Kind::BrokenPicture`] if it is no video, [`Kind::TooLarge`] if it passes a limit,
/// [`Kind::Unavailable`] if this machine reads no videos.
pub(crate) fn admit(file: &[u8], params: &VideoParams, limits: &Limits) -> Result<u64, Error> {
    let folder = desk()?;
    let path = folder.path().join("upload");
    std::fs::write(&path, file).map_err(unwritable)?;
    let about = ::video::look_at(&path).map_err(|error| match error.kind() {
        ErrorKind::Tool => Error::passing(Kind::Unavailable, format!("no videos are painted here: {error}"), 600),
        _ => Error::new(Kind::NotAPicture, format!("the upload {error}")),
    })?;
    within(&about, params, limits)?;
    Ok(need_bytes(file.len(), &about))
}

fn within(about: &About, params: &VideoParams, limits: &Limits) -> Result<(), Error> {
    let pixels = about.width as u64 * about.height as u64;
    if pixels > limits.max_pixels {
        let (width, height) = (about.width, about.height);
        let detail = format!("the video is {width}×{height} px, the limit is {} pixels", limits.max_pixels);
        return Err(Error::new(Kind::TooLarge, detail));
    }
    let span = params.settings.span;
    let end_s = span.end_s.into_iter().chain(about.duration_s).fold(f64::INFINITY, f64::min);
    let length_s = end_s - span.start_s.unwrap_or(0.0);
    // Of one that does not say how long it is, as much is painted as may be.
    if length_s.is_finite() && length_s > limits.max_video_s as f64 + 0.5 {
        let detail = format!(
            "{length_s:.0} s are to be painted, the limit is {} s: give start and end, or send a shorter video",
            limits.max_video_s
        );
        return Err(Error::new(Kind::TooLarge, detail));
    }
    Ok(())
}

/// Frames on their way, between two key frames in each stage, what they are painted at, upload and result.
pub(crate) fn need_bytes(file_bytes: usize, about: &About) -> u64 {
    const FRAMES: u64 = 64;
    const PAINTING_BYTES: u64 = 160 << 20;
    2 * file_bytes as u64 + FRAMES * 3 * about.width as u64 * about.height as u64 + PAINTING_BYTES
}

/// Paints a video that was admitted.
///
/// # Errors
/// What the video, the parameters or the watcher has against it.
pub(crate) fn paint(
    cache: &PainterCache,
    limits: &Limits,
    params: &VideoParams,
    file: &[u8],
    watcher: &dyn Watcher,
) -> Result<PaintedFile, Error> {
    begin(watcher, Stage::Decoding)?;
    let start = Instant::now();
    let folder = desk()?;
    let [input, output] =
        ["upload".to_owned(), format!("painted.{}", params.format)].map(|name| folder.path().join(name));
    std::fs::write(&input, file).map_err(unwritable)?;
    let about = ::video::look_at(&input).map_err(told)?;
    within(&about, params, limits)?;
    watcher.size(about.width, about.height);
    let painter = cache.painter(&params.look)?;
    let mut settings = params.settings.clone();
    let most_s = settings.span.start_s.unwrap_or(0.0) + limits.max_video_s as f64 + 0.5;
    settings.span.end_s = match (settings.span.end_s, about.duration_s) {
        (None, Some(_)) => None,
        (end_s, _) => Some(end_s.unwrap_or(most_s).min(most_s)),
    };
    let decoding = start.elapsed();
    begin(watcher, Stage::Painting)?;
    let start = Instant::now();
    let stopped = Mutex::new(None);
    let watch = |progress: &Progress| {
        let expected = progress.expected.unwrap_or(progress.done + 1).max(progress.done);
        match watcher.part(progress.done as usize, expected as usize) {
            ControlFlow::Continue(()) => ControlFlow::Continue(()),
            ControlFlow::Break(error) => {
                *stopped.lock().expect("nobody panics with it") = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    let report = ::video::paint(&painter, &input, &output, &settings, &watch);
    // Why it was stopped says more than that it was.
    if let Some(error) = stopped.lock().expect("nobody panics with it").take() {
        return Err(error);
    }
    let report = report.map_err(told)?;
    let painting = start.elapsed();
    begin(watcher, Stage::Encoding)?;
    let bytes = std::fs::read(&output).map_err(unwritable)?;
    let broken =
        matches!(report.ending, Ending::Broken(_)) || report.warnings.iter().any(|text| text.contains("damaged"));
    let took = Took { decoding, painting, encoding: Duration::from_secs_f64(report.took.joining) };
    let media_type = media_type(&params.format).unwrap_or("image/webp");
    Ok(PaintedFile { bytes, media_type, took, warning: broken.then_some("truncated") })
}

/// A folder of our own that goes when it is dropped.
fn desk() -> Result<tempfile::TempDir, Error> {
    tempfile::Builder::new().prefix("kaiga-video-").tempdir().map_err(unwritable)
}

fn unwritable(error: std::io::Error) -> Error {
    Error::new(Kind::Internal, format!("there is no room for the video in the folder of temporary files: {error}"))
}

fn told(error: ::video::Error) -> Error {
    let kind = match error.kind() {
        ErrorKind::Input => Kind::BrokenPicture,
        ErrorKind::Setting => Kind::Setting,
        ErrorKind::Cancelled => Kind::Cancelled,
        _ => Kind::Internal,
    };
    Error::new(kind, format!("the video {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<VideoParams, Error> {
        let pairs: Pairs = serde_urlencoded::from_str(query).unwrap();
        VideoParams::read(&pairs, &kaiga::Studio::embedded().unwrap())
    }

    #[test]
    fn parameters_are_those_of_a_look_and_of_videos() {
        let params = read("style=skyglow&preset=draft&format=webm&stability=0.3&start=1&end=2.5").unwrap();
        assert_eq!((params.settings.preset, params.settings.span.end_s), (Preset::Draft, Some(2.5)));
        assert_eq!((params.settings.stability.get(), &*params.format), (0.3, "webm"));
        assert_eq!(params.look.faces, kaiga::Faces::Off, "a draft's faces are painted as the rest");
        for (query, words) in [
            ("crop=0,0,9", "for photos"),
            ("format=avi", "format must be"),
            ("format=webm&codec=h264", "webm holds"),
            ("preset=fast", "draft, good or best"),
            ("start=3&end=2", "must come after"),
            ("end=x", "seconds"),
            ("stability=2", "stability"),
            ("colour=1", "no parameter"),
            ("start=1&start=2", "twice"),
        ] {
            let error = read(query).unwrap_err();
            assert!(error.detail.contains(words), "{query}: {error:?}");
        }
    }

    #[test]
    fn a_job_knows_that_it_is_a_video() {
        let query = VideoParams::query(vec![("style".into(), "cel".into()), ("end".into(), String::new())]).unwrap();
        let pairs: Pairs = serde_urlencoded::from_str(&query).unwrap();
        assert_eq!(VideoParams::of_query(&pairs), Some(&[("style".to_owned(), "cel".to_owned())][..]));
        assert_eq!(VideoParams::of_query(&vec![("style".into(), "video".into())]), None);
    }
}
