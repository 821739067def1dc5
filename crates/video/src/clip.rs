//! What a video is, by ffprobe, before a frame of it is decoded.

use crate::animation::{self, Animation};
use crate::error::Error;
use crate::tool;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long ffprobe may look at a file.
const PATIENCE: Duration = Duration::from_secs(30);
/// Frames of more pixels are refused.
const MOST_PIXELS: u64 = 50_000_000;

/// A video as its file says it is.
#[derive(Clone, Debug)]
pub(crate) struct Clip {
    pub(crate) path: PathBuf,
    /// The number of the video among the streams of the file.
    pub(crate) stream: u64,
    /// Columns and rows as they are coded, before the picture is turned upright.
    pub(crate) size: (usize, usize),
    /// How many frames there should be; a guess unless the file says it.
    pub(crate) frames: Option<u64>,
    /// How long it should be, s.
    pub(crate) duration_s: Option<f64>,
    /// Where its time begins, s.
    pub(crate) start_s: f64,
    pub(crate) rate: Rate,
    pub(crate) colour: Colour,
    pub(crate) interlaced: bool,
    /// Sound and subtitles.
    pub(crate) others: Vec<Stream>,
}

/// Frames a second, as a fraction.
pub(crate) type Rate = (u32, u32);

/// How its numbers mean colours, in ffmpeg's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Colour {
    pub(crate) matrix: String,
    pub(crate) primaries: String,
    pub(crate) transfer: String,
    pub(crate) full_range: bool,
    /// Has no matrix.
    pub(crate) is_rgb: bool,
}

/// A stream that is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) index: u64,
    pub(crate) kind: String,
    pub(crate) codec: String,
}

impl Colour {
    /// High dynamic range, or colours beyond those of a usual screen: they have to be brought down.
    pub(crate) fn is_beyond_srgb(&self) -> bool {
        matches!(&*self.transfer, "smpte2084" | "arib-std-b67") || self.primaries == "bt2020"
    }
}

/// What can be said of a video before it is painted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct About {
    /// Columns as they are coded.
    pub width: usize,
    /// Rows as they are coded.
    pub height: usize,
    /// How long it says it is, s.
    pub duration_s: Option<f64>,
}

/// Looks at a video's file.
///
/// # Errors
/// [`crate::ErrorKind::Input`] if there is no video in it, or one that is too large; [`crate::ErrorKind::Tool`] if ffprobe is
/// missing.
pub fn look_at(path: &Path) -> Result<About, Error> {
    let clip = if animation::is_webp(path) { Animation::open(path, None)?.1 } else { probe(path)? };
    let (width, height) = clip.size;
    Ok(About { width, height, duration_s: clip.duration_s })
}

/// Looks at a file.
///
/// # Errors
/// [`crate::ErrorKind::Input`] if there is no video in it, or one that is too large.
pub(crate) fn probe(path: &Path) -> Result<Clip, Error> {
    let mut command = tool::ffprobe();
    command.args(["-print_format", "json", "-show_format", "-show_streams"]).args(tool::input(path));
    let said = tool::run(command, "ffprobe", PATIENCE)?;
    let told: Value = serde_json::from_slice(&said.stdout).unwrap_or_default();
    if !said.status.success() || !told["streams"].is_array() {
        let why = said.complaints.lines().rev().map(tool::without_sender).find(|line| !line.is_empty());
        let why = why.and_then(|why| why.rsplit(": ").next()).unwrap_or("it does not say why");
        return Err(Error::input(format!("is not a video that ffmpeg can read ({why})")));
    }
    read(path, &told)
}

fn read(path: &Path, told: &Value) -> Result<Clip, Error> {
    let streams = told["streams"].as_array().map_or(&[][..], Vec::as_slice);
    let is_video = |stream: &&Value| stream["codec_type"] == "video" && stream["disposition"]["attached_pic"] != 1;
    let Some(video) = streams.iter().find(is_video) else {
        return Err(Error::input("has no video in it"));
    };
    let format = told["format"]["format_name"].as_str().unwrap_or_default();
    if format.ends_with("_pipe") || format == "image2" {
        return Err(Error::input("is a picture and not a video: paint it with `kaiga PHOTO`"));
    }
    let side = |name: &str| video[name].as_u64().unwrap_or(0);
    let (width, height) = (side("width"), side("height"));
    if width == 0 || height == 0 {
        return Err(Error::input("has a video of no size: it is broken, or in a format that ffmpeg does not know"));
    }
    if width * height > MOST_PIXELS {
        let limit = MOST_PIXELS / 1_000_000;
        return Err(Error::input(format!("has frames of {width}×{height} px, the limit is {limit} Mpx")));
    }
    let text = |name: &str| video[name].as_str().unwrap_or_default().to_owned();
    let seconds = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok()).filter(|v| v.is_finite());
    let duration_s = seconds(&video["duration"]).or_else(|| seconds(&told["format"]["duration"]));
    let rate = fraction(&text("avg_frame_rate")).or_else(|| fraction(&text("r_frame_rate"))).unwrap_or((25, 1));
    let per_second = f64::from(rate.0) / f64::from(rate.1);
    let counted = text("nb_frames").parse().ok().filter(|frames| *frames > 0);
    let guessed = duration_s.map(|duration_s| (duration_s * per_second).round().max(1.0) as u64);
    let other = |stream: &Value| {
        let kind = stream["codec_type"].as_str().filter(|kind| matches!(*kind, "audio" | "subtitle"))?;
        let codec = stream["codec_name"].as_str().unwrap_or_default();
        Some(Stream { index: stream["index"].as_u64()?, kind: kind.to_owned(), codec: codec.to_owned() })
    };
    Ok(Clip {
        path: path.to_owned(),
        stream: video["index"].as_u64().unwrap_or(0),
        size: (width as usize, height as usize),
        frames: counted.or(guessed),
        duration_s,
        start_s: seconds(&told["format"]["start_time"]).unwrap_or(0.0),
        rate,
        colour: colour(&text, height),
        interlaced: matches!(&*text("field_order"), "tt" | "bb" | "tb" | "bt"),
        others: streams.iter().filter_map(other).collect(),
    })
}

/// What is not said is what players take it for.
fn colour(text: &impl Fn(&str) -> String, height: u64) -> Colour {
    let said = |name: &str| Some(text(name)).filter(|word| !matches!(&**word, "" | "unknown" | "reserved"));
    let format = text("pix_fmt");
    let is_rgb =
        ["rgb", "bgr", "gbr", "pal8", "argb", "abgr", "0rgb", "0bgr"].iter().any(|name| format.starts_with(name));
    let usual = if height >= 720 { "bt709" } else { "smpte170m" };
    let matrix = said("color_space").filter(|matrix| matrix != "gbr").unwrap_or_else(|| usual.into());
    Colour {
        primaries: said("color_primaries").unwrap_or_else(|| "bt709".into()),
        transfer: said("color_transfer").unwrap_or_else(|| "bt709".into()),
        full_range: said("color_range").as_deref() == Some("pc") || format.starts_with("yuvj"),
        matrix,
        is_rgb,
    }
}

fn fraction(text: &str) -> Option<Rate> {
    let (over, under) = text.split_once('/')?;
    let (over, under) = (over.parse().ok()?, under.parse().ok()?);
    // Containers that do not know say a tick of their clock.
    (over > 0 && under > 0 && over / under <= 1000).then_some((over, under))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(video: Value, format: &str) -> Value {
        json!({"streams": [
            {"index": 0, "codec_type": "video", "width": 9, "height": 9, "disposition": {"attached_pic": 1}},
            {"index": 1, "codec_type": "audio", "codec_name": "aac"},
            video,
        ], "format": {"format_name": format, "start_time": "1.400000", "duration": "2.0"}})
    }

    #[test]
    fn what_is_not_said_is_taken_as_players_take_it() {
        let video = json!({"index": 2, "codec_type": "video", "width": 1280, "height": 720, "pix_fmt": "yuv420p",
                           "avg_frame_rate": "30000/1001", "color_space": "unknown", "field_order": "tt"});
        let clip = read(Path::new("a.ts"), &told(video, "mpegts")).unwrap();
        assert_eq!((clip.stream, clip.frames, clip.rate, clip.interlaced), (2, Some(60), (30000, 1001), true));
        assert_eq!(
            (&*clip.colour.matrix, clip.colour.full_range, clip.colour.is_beyond_srgb()),
            ("bt709", false, false)
        );
        assert_eq!(clip.others, [Stream { index: 1, kind: "audio".into(), codec: "aac".into() }]);
        let small = json!({"codec_type": "video", "width": 64, "height": 64, "pix_fmt": "yuvj420p", "avg_frame_rate": "0/0",
                           "r_frame_rate": "90000/1", "color_transfer": "smpte2084"});
        let clip = read(Path::new("a.mkv"), &told(small, "matroska")).unwrap();
        assert_eq!((&*clip.colour.matrix, clip.colour.full_range, clip.rate), ("smpte170m", true, (25, 1)));
        assert!(clip.colour.is_beyond_srgb());
    }

    #[test]
    fn what_is_no_video_is_told_by_what_it_is() {
        let refused = |video: Value, format: &str| read(Path::new("a"), &told(video, format)).unwrap_err().to_string();
        assert!(refused(json!({"codec_type": "data"}), "mov").contains("no video"));
        assert!(refused(json!({"codec_type": "video", "width": 4, "height": 4}), "png_pipe").contains("is a picture"));
        assert!(refused(json!({"codec_type": "video"}), "mov").contains("no size"));
        let huge = json!({"codec_type": "video", "width": 65000, "height": 65000});
        assert!(refused(huge, "mov").contains("the limit is 50 Mpx"));
    }
}
