//! Painted frames into a coded file, through a pipe of ffmpeg's; and that file together with the sound of the source.

use crate::clip::{Clip, Stream};
use crate::decode::{Shape, scale_name};
use crate::error::{Error, ErrorKind};
use crate::matroska;
use crate::settings::{Codec, Container, Preset, Settings};
use crate::tool::{self, Tool};
use pixels::Image;
use pixels::space::Srgb8;
use std::ffi::OsString;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Painted and waiting to be coded.
const QUEUE: usize = 2;
/// The longest a coder may take over a frame, or over its last ones.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long sound and subtitles may take to be copied.
const COPY_PATIENCE: Duration = Duration::from_secs(3600);

/// A file that is being coded, on a thread of its own.
pub(crate) struct Encoder {
    tool: Tool,
    frames: Option<SyncSender<(u64, Arc<Image<Srgb8>>)>>,
    writer: Option<JoinHandle<()>>,
    complaints: Option<JoinHandle<String>>,
    tick: (u32, u32),
    piped: (usize, usize),
    /// How long it was waited for, s.
    pub(crate) waited_s: f64,
}

/// What frames look like when they are written.
pub(crate) struct Written {
    /// As they come.
    pub(crate) shape: Shape,
    /// As they are coded.
    pub(crate) size: (usize, usize),
    pub(crate) container: Container,
    pub(crate) codec: Codec,
}

impl Written {
    /// A size with even sides, where the codec wants them.
    fn even(&self, (width, height): (usize, usize)) -> (usize, usize) {
        let side = |side: usize| if self.codec.wants_even_sides() { side.next_multiple_of(2) } else { side };
        (side(width), side(height))
    }

    /// The size in which frames are passed on.
    fn piped(&self) -> (usize, usize) {
        self.even((self.shape.width, self.shape.height))
    }
}

/// A frame of a size that is up to a pixel larger: the last column and row once more.
fn padded(image: Arc<Image<Srgb8>>, (width, height): (usize, usize)) -> Arc<Image<Srgb8>> {
    if (image.width(), image.height()) == (width, height) {
        return image;
    }
    let pixel = |x: usize, y: usize| image.at(x.min(image.width() - 1), y.min(image.height() - 1));
    Arc::new(Image::from_fn(width, height, pixel))
}

impl Encoder {
    /// Starts coding into `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Tool`] if ffmpeg is missing.
    pub(crate) fn start(clip: &Clip, written: &Written, settings: &Settings, path: &Path) -> Result<Self, Error> {
        let (tick, (width, height)) = (written.shape.tick, written.piped());
        let mut command = tool::ffmpeg_from_pipe();
        command.args(["-enc_time_base", &format!("{}:{}", tick.0, tick.1)]);
        command.args(["-vf", &filters(clip, written, settings.preset)]).args(coding(written.codec, settings));
        if !written.container.is_animation() {
            tag(&mut command, clip);
            // As fine as the source's clock, where that can be said.
            command.args(["-video_track_timescale", &(tick.1 / tick.0.max(1)).clamp(1, 1 << 30).to_string()]);
        }
        let muxer = if written.container.is_animation() { written.container.muxer() } else { "mp4" };
        command.args(["-f", muxer]).arg(tool::file(path));
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let tool = Tool::start(command, "ffmpeg")?;
        let complaints = tool.take_stderr().map(tool::complaints);
        let (send, frames) = mpsc::sync_channel::<(u64, Arc<Image<Srgb8>>)>(QUEUE);
        let frame_ns = 1_000_000_000 * u64::from(clip.rate.1) / u64::from(clip.rate.0);
        let writer = tool.take_stdin().map(|stdin| {
            thread::spawn(move || {
                let mut pipe = BufWriter::with_capacity(1 << 16, stdin);
                // A pipe that breaks ends the thread; why it broke is what ffmpeg complains about.
                if matroska::write_head(&mut pipe, width, height, frame_ns).is_err() {
                    return;
                }
                for (at_ns, image) in frames {
                    let written = matroska::write_frame(&mut pipe, at_ns, image.pixels().as_flattened());
                    if written.and_then(|()| pipe.flush()).is_err() {
                        return;
                    }
                }
            })
        });
        Ok(Self { tool, frames: Some(send), writer, complaints, tick, piped: written.piped(), waited_s: 0.0 })
    }

    /// Codes a frame that is shown `at` ticks after the first.
    ///
    /// # Errors
    /// [`ErrorKind::Output`] if the coder gave up or takes none for minutes.
    pub(crate) fn push(&mut self, at: i64, image: Arc<Image<Srgb8>>) -> Result<(), Error> {
        let at_ns = i128::from(at) * 1_000_000_000 * i128::from(self.tick.0);
        let under = i128::from(self.tick.1);
        let at_ns = u64::try_from((at_ns + under / 2) / under).unwrap_or(0);
        let (start, mut frame) = (Instant::now(), (at_ns, padded(image, self.piped)));
        loop {
            let Some(frames) = &self.frames else { return Err(self.failed()) };
            match frames.try_send(frame) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) if start.elapsed() < PATIENCE => frame = back,
                Err(_) => return Err(self.failed()),
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.waited_s += start.elapsed().as_secs_f64();
        Ok(())
    }

    /// Codes what is left; the file is whole then.
    ///
    /// # Errors
    /// [`ErrorKind::Output`] if it is not.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.frames = None;
        if !self.tool.wait(PATIENCE)?.success() {
            return Err(self.failed());
        }
        Ok(())
    }

    /// Why coding failed.
    fn failed(&mut self) -> Error {
        self.frames = None;
        self.tool.killer().kill();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
        let said = self.complaints.take().and_then(|said| said.join().ok()).unwrap_or_default();
        let why = tool::reason(&said);
        Error::output(format!("cannot be coded: {why}"))
    }
}

/// Back from full-range sRGB to what the source has.
fn filters(clip: &Clip, written: &Written, preset: Preset) -> String {
    let (over, under) = written.shape.pixel_aspect;
    let (width, height) = written.even(written.size);
    let mut filters = Vec::new();
    if written.piped() != (width, height) && !written.codec.is_film() {
        filters.push(format!("scale={width}:{height}:flags=lanczos"));
    }
    match written.codec {
        Codec::Gif => filters.push("split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1".into()),
        Codec::WebP => filters.push("format=rgb24".into()),
        _ => {
            let colour = written_colour(clip);
            let range = if colour.2 { "full" } else { "limited" };
            let matrix = scale_name(colour.0);
            // Size and colour in one go. A draft is enlarged, which is done fast.
            let flags = if preset == Preset::Draft { "bicubic" } else { "bicubic+accurate_rnd+full_chroma_int" };
            filters.push(format!(
                "scale={width}:{height}:in_range=full:out_range={range}:out_color_matrix={matrix}:flags={flags},format=yuv420p,\
                 setsar={over}/{under}"
            ));
        }
    }
    filters.join(",")
}

/// Matrix, primaries and whether the range is full. What was beyond sRGB is not any more.
fn written_colour(clip: &Clip) -> (&str, &str, bool) {
    if clip.colour.is_beyond_srgb() || clip.colour.is_rgb {
        return ("bt709", "bt709", false);
    }
    (&clip.colour.matrix, &clip.colour.primaries, clip.colour.full_range)
}

fn tag(command: &mut Command, clip: &Clip) {
    let (matrix, primaries, full_range) = written_colour(clip);
    let beyond = clip.colour.is_beyond_srgb() || clip.colour.is_rgb;
    let transfer = if beyond { "bt709" } else { &clip.colour.transfer };
    command.args(["-colorspace", matrix, "-color_primaries", primaries, "-color_trc", transfer]);
    command.args(["-color_range", if full_range { "pc" } else { "tv" }]);
}

/// The coder and how hard it tries.
fn coding(codec: Codec, settings: &Settings) -> Vec<String> {
    let of = |three: [&'static str; 3]| settings.preset.of(three);
    let (usual_crf, options): ([u8; 3], Vec<&str>) = match codec {
        Codec::H264 => ([23, 18, 16], vec!["libx264", "-preset", of(["ultrafast", "veryfast", "slow"])]),
        Codec::H265 => {
            let options = ["-tag:v", "hvc1", "-x265-params", "log-level=error"];
            let preset = ["libx265", "-preset", of(["ultrafast", "superfast", "slow"])];
            ([26, 21, 19], preset.into_iter().chain(options).collect())
        }
        Codec::Vp9 => {
            let speed = ["-deadline", of(["realtime", "realtime", "good"]), "-cpu-used", of(["8", "6", "2"])];
            ([36, 30, 26], ["libvpx-vp9", "-b:v", "0", "-row-mt", "1"].into_iter().chain(speed).collect())
        }
        Codec::Av1 => ([40, 32, 28], vec!["libsvtav1", "-preset", of(["12", "10", "5"])]),
        Codec::Gif => return ["-c:v", "gif", "-loop", "0"].map(str::to_owned).to_vec(),
        Codec::WebP => {
            let quality = of(["75", "85", "92"]);
            return ["-c:v", "libwebp_anim", "-quality", quality, "-loop", "0"].map(str::to_owned).to_vec();
        }
    };
    let crf = settings.crf.unwrap_or(settings.preset.of(usual_crf)).to_string();
    let words = std::iter::once("-c:v").chain(options).chain(["-crf", &crf]);
    words.map(str::to_owned).collect()
}

/// How much of the source goes with what was painted.
pub(crate) struct Extent {
    /// When the first painted frame is shown, s from the beginning of the result.
    pub(crate) first_s: f64,
    /// Where in the source the result begins, s.
    pub(crate) start_s: Option<f64>,
    /// How long it is, if it is shorter than the rest of the source, s.
    pub(crate) length_s: Option<f64>,
}

/// Puts the painted video, which the arguments `painted` have ffmpeg read, together with sound, subtitles, chapters and metadata of the source; they are
/// copied as they are, where the container takes them. Returns what had to be changed.
///
/// # Errors
/// [`ErrorKind::Output`] if it cannot be written.
pub(crate) fn join(
    clip: &Clip,
    painted: Vec<OsString>,
    container: Container,
    extent: &Extent,
    to: &Path,
) -> Result<Vec<String>, Error> {
    let mut command = tool::ffmpeg();
    command.args(["-loglevel", "error", "-itsoffset", &extent.first_s.to_string()]).args(painted);
    if let Some(start_s) = extent.start_s {
        command.args(["-ss", &start_s.to_string()]);
    }
    if let Some(length_s) = extent.length_s {
        command.args(["-t", &length_s.to_string()]);
    }
    command.args(tool::input(&clip.path)).args(["-map", "0:v:0"]);
    let mut changed = Vec::new();
    let (mut sounds, mut texts) = (0, 0);
    for stream in &clip.others {
        let Some(way) = carried(stream, container) else {
            changed.push(format!(
                "the {} ({}) does not go into this container and is left out: mkv takes it",
                stream.kind, stream.codec
            ));
            continue;
        };
        let (letter, count) = if stream.kind == "audio" { ("a", &mut sounds) } else { ("s", &mut texts) };
        command.args(["-map", &format!("1:{}", stream.index), &format!("-c:{letter}:{count}"), way]);
        *count += 1;
        if way != "copy" {
            changed.push(format!(
                "the {} ({}) is coded anew as {way} for this container: mkv copies it",
                stream.kind, stream.codec
            ));
        }
    }
    if container == Container::Matroska {
        command.args(["-map", "1:t?"]);
    }
    // FLAC and Opus in MP4 are what ffmpeg calls experimental, and players do not.
    command.args(["-c:v", "copy", "-map_metadata", "1", "-map_chapters", "1", "-strict", "experimental"]);
    if matches!(container, Container::Mp4 | Container::Mov) {
        command.args(["-movflags", "+faststart"]);
    }
    command.args(["-f", container.muxer()]).arg(tool::file(to));
    let said = tool::run(command, "ffmpeg", COPY_PATIENCE)?;
    if said.status.success() {
        return Ok(changed);
    }
    let why = tool::reason(&said.complaints);
    Err(Error::new(ErrorKind::Output, format!("cannot be put together with its sound: {why}")))
}

/// How a stream gets into a container: `copy`, or what it is coded as; `None` if not at all.
fn carried(stream: &Stream, container: Container) -> Option<&'static str> {
    let codec = &*stream.codec;
    let pictures = ["hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "xsub", "dvb_teletext"].contains(&codec);
    match (container, &*stream.kind) {
        (Container::Gif | Container::WebP, _) => None,
        (Container::Matroska, "subtitle") => match codec {
            "mov_text" => Some("srt"),
            _ => Some("copy"),
        },
        (Container::Matroska, _) => Some("copy"),
        (Container::WebM, "subtitle") => match codec {
            "webvtt" => Some("copy"),
            _ if pictures => None,
            _ => Some("webvtt"),
        },
        (Container::WebM, _) => Some(if matches!(codec, "opus" | "vorbis") { "copy" } else { "libopus" }),
        (Container::Mp4 | Container::Mov, "subtitle") => match codec {
            "mov_text" => Some("copy"),
            _ if pictures => None,
            _ => Some("mov_text"),
        },
        (Container::Mp4, _) => {
            let taken = matches!(codec, "aac" | "mp3" | "ac3" | "eac3" | "alac" | "opus" | "flac" | "dts" | "mp2");
            Some(if taken { "copy" } else { "aac" })
        }
        (Container::Mov, _) => {
            let taken = matches!(codec, "aac" | "mp3" | "ac3" | "eac3" | "alac") || codec.starts_with("pcm_");
            Some(if taken { "copy" } else { "aac" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_copied_where_the_container_takes_them() {
        let carried = |kind: &str, codec: &str, container| {
            carried(&Stream { index: 1, kind: kind.into(), codec: codec.into() }, container)
        };
        assert_eq!(carried("audio", "aac", Container::Mp4), Some("copy"));
        assert_eq!(carried("audio", "pcm_s16le", Container::Mp4), Some("aac"));
        assert_eq!(carried("audio", "pcm_s16le", Container::Mov), Some("copy"));
        assert_eq!(carried("audio", "aac", Container::WebM), Some("libopus"));
        assert_eq!(carried("subtitle", "subrip", Container::Mp4), Some("mov_text"));
        assert_eq!(carried("subtitle", "hdmv_pgs_subtitle", Container::Mp4), None);
        assert_eq!(carried("subtitle", "hdmv_pgs_subtitle", Container::Matroska), Some("copy"));
    }
}
