//! Frames of a video with their time stamps, from a pipe of ffmpeg's: upright, progressive, full-range sRGB.

use crate::clip::Clip;
use crate::error::Error;
use crate::settings::Span;
use crate::tool::{self, Killer, Tool};
use pixels::Image;
use pixels::space::Srgb8;
use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing that can be decoded takes longer to yield its next frame.
const PATIENCE: Duration = Duration::from_secs(60);
/// Decoded and waiting to be painted.
const QUEUE: usize = 2;
/// Frames of more pixels are refused, also where the file said they were smaller.
const MOST_PIXELS: &str = "50000000";

/// A frame and when it is to be shown, in ticks of [`Shape::tick`].
pub(crate) struct Frame {
    pub(crate) image: Image<Srgb8>,
    pub(crate) at: i64,
}

/// What all frames have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// How wide a pixel is, in its heights; a fraction.
    pub(crate) pixel_aspect: (u32, u32),
    /// Seconds of a tick, as a fraction.
    pub(crate) tick: (u32, u32),
}

/// A video that is being decoded, on threads of its own.
pub(crate) struct Decoder {
    frames: Receiver<Result<Frame, Error>>,
    pub(crate) shape: Shape,
    killer: Killer,
    /// Frames read that came before they were asked for.
    first: Option<Frame>,
    /// How long it was waited for, s.
    pub(crate) waited_s: f64,
    complaints: Receiver<Vec<String>>,
}

/// What `showinfo` says of the frames that come.
enum Mark {
    Tick((u32, u32)),
    Frame { at: i64, width: usize, height: usize, pixel_aspect: (u32, u32) },
}

impl Decoder {
    /// Starts decoding. `largest_px2` is the area that frames are shrunk to.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] if there is not one frame.
    pub(crate) fn start(clip: &Clip, span: Span, largest_px2: Option<f64>) -> Result<Self, Error> {
        let mut command = tool::ffmpeg();
        command.args(["-loglevel", "level+info", "-nostats", "-copyts", "-max_pixels", MOST_PIXELS]);
        if let Some(start_s) = span.start_s {
            command.arg("-ss").arg(start_s.to_string());
        }
        command.args(tool::input(&clip.path)).args(["-map", &format!("0:{}", clip.stream)]);
        command.args(["-vf", &filters(clip, largest_px2), "-fps_mode", "passthrough"]);
        Self::run(command, span)
    }

    /// Starts decoding what comes now from the input that these arguments name.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] if nothing comes.
    pub(crate) fn live(input: &[String]) -> Result<Self, Error> {
        let mut command = tool::ffmpeg();
        command.args(["-loglevel", "level+info", "-nostats", "-max_pixels", MOST_PIXELS]).args(input);
        let flags = "bicubic+full_chroma_int";
        let filters = format!("scale=in_range=auto:out_range=full:flags={flags},format=rgb24,showinfo=checksum=0");
        command.args(["-an", "-sn", "-vf", &filters, "-fps_mode", "passthrough"]);
        Self::run(command, Span::default())
    }

    fn run(mut command: Command, span: Span) -> Result<Self, Error> {
        command.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let tool = Tool::start(command, "ffmpeg")?;
        let killer = tool.killer();
        let (mark, marks) = mpsc::channel();
        let (complain, complaints) = mpsc::sync_channel(1);
        if let Some(stderr) = tool.take_stderr() {
            thread::spawn(move || drop(complain.send(listen(stderr, &mark))));
        }
        let (send, frames) = mpsc::sync_channel(QUEUE);
        let (tell, told) = mpsc::sync_channel(1);
        if let Some(stdout) = tool.take_stdout() {
            thread::spawn(move || {
                read(BufReader::with_capacity(1 << 20, stdout), &marks, &tell, &send);
                drop(tool);
            });
        }
        let nothing = |complaints: &Receiver<Vec<String>>| {
            let said = complaints.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
            let why = said.last().map(|why| format!(" ({why})")).unwrap_or_default();
            Error::input(match span.start_s {
                Some(start_s) if said.is_empty() => format!("has no frame after {start_s} s"),
                _ => format!("has no frame that can be decoded{why}"),
            })
        };
        let shape = told.recv_timeout(PATIENCE);
        if matches!(shape, Err(RecvTimeoutError::Timeout)) {
            killer.kill();
            return Err(stalled());
        }
        let Ok(shape) = shape else { return Err(nothing(&complaints)) };
        let mut decoder = Self { frames, shape, killer, first: None, waited_s: 0.0, complaints };
        match decoder.next()? {
            None => Err(nothing(&decoder.complaints)),
            first => {
                decoder.first = first;
                Ok(decoder)
            }
        }
    }

    /// The next frame; `None` after the last.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] if none came for a minute.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Error> {
        if let Some(frame) = self.first.take() {
            return Ok(Some(frame));
        }
        let start = Instant::now();
        let frame = self.frames.recv_timeout(PATIENCE);
        self.waited_s += start.elapsed().as_secs_f64();
        match frame {
            Ok(frame) => frame.map(Some),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                self.killer.kill();
                Err(stalled())
            }
        }
    }

    /// Ends it from another thread.
    pub(crate) fn killer(&self) -> Killer {
        self.killer.clone()
    }

    /// What was wrong with the file, after the last frame.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.complaints.recv_timeout(Duration::from_secs(5)).unwrap_or_default()
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.killer.kill();
    }
}

fn stalled() -> Error {
    Error::input(format!("yields no frame for {} s: it is broken", PATIENCE.as_secs()))
}

/// From what is decoded to what is painted. Colours are said in full: ffmpeg's own guesses differ between versions.
fn filters(clip: &Clip, largest_px2: Option<f64>) -> String {
    let mut filters = Vec::new();
    if clip.interlaced {
        filters.push("bwdif=mode=send_frame:deint=interlaced".to_owned());
    }
    let smaller = largest_px2.map(|area| format!("w='trunc(iw*min(1,sqrt({area}/(iw*ih)))/2+0.5)*2':h=-2"));
    let colour = &clip.colour;
    if let (Some(smaller), true) = (&smaller, colour.is_rgb || colour.is_beyond_srgb()) {
        filters.push(format!("scale={smaller}:flags=area"));
    }
    if colour.is_beyond_srgb() && !colour.is_rgb {
        let (matrix, primaries, transfer) = (&colour.matrix, &colour.primaries, &colour.transfer);
        let range = if colour.full_range { "full" } else { "limited" };
        let said = format!("min={}:pin={primaries}:tin={transfer}:rin={range}", zscale_name(matrix));
        // 203 cd/m² is the white of graphics in BT.2408.
        filters.push(format!("zscale={said}:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709"));
        if matches!(&**transfer, "smpte2084" | "arib-std-b67") {
            filters.push("tonemap=tonemap=mobius:param=0.7:desat=0".to_owned());
        }
        filters.push("zscale=t=bt709:m=gbr:r=full:d=error_diffusion,format=gbrp".to_owned());
    } else if !colour.is_rgb {
        let range = if colour.full_range { "full" } else { "limited" };
        let matrix = scale_name(&colour.matrix);
        let (size, flags) = match smaller {
            None => (String::new(), "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"),
            Some(smaller) => (smaller + ":", "area"),
        };
        filters.push(format!("scale={size}in_range={range}:in_color_matrix={matrix}:out_range=full:flags={flags}"));
    }
    filters.push("format=rgb24,showinfo=checksum=0".to_owned());
    filters.join(",")
}

/// The matrix in the words of the filter `scale`.
pub(crate) fn scale_name(matrix: &str) -> &str {
    match matrix {
        "bt709" => "bt709",
        "fcc" => "fcc",
        "smpte240m" => "smpte240m",
        "bt2020nc" | "bt2020c" => "bt2020",
        _ => "bt601",
    }
}

/// The matrix in the words of the filter `zscale`.
fn zscale_name(matrix: &str) -> &str {
    match matrix {
        "bt2020nc" => "2020_ncl",
        "bt2020c" => "2020_cl",
        "bt709" => "709",
        _ => "170m",
    }
}

/// Reads what ffmpeg says until it ends: passes marks on, returns complaints.
fn listen(stderr: ChildStderr, mark: &mpsc::Sender<Mark>) -> Vec<String> {
    const KEPT: usize = 100;
    let (mut complaints, mut reader, mut line) = (Vec::new(), BufReader::new(stderr), Vec::new());
    loop {
        line.clear();
        // A line without an end is no line.
        match reader.by_ref().take(1 << 16).read_until(b'\n', &mut line) {
            Ok(1..) => {}
            _ => return complaints,
        }
        let line = String::from_utf8_lossy(&line);
        if let Some(found) = parse(&line) {
            // The reader of frames may have given up.
            let _ = mark.send(found);
        } else if ["[error]", "[fatal]", "[panic]"].iter().any(|tag| line.contains(tag)) && complaints.len() < KEPT {
            complaints.push(tool::without_sender(&line).to_owned());
        }
    }
}

fn parse(line: &str) -> Option<Mark> {
    if !line.contains("showinfo") {
        return None;
    }
    let after = |name: &str| {
        let (_, rest) = line.split_once(name)?;
        rest.split_whitespace().next().map(|word| word.trim_end_matches(','))
    };
    let ratio = |text: &str| {
        let (over, under) = text.split_once(['/', ':'])?;
        Some((over.parse::<u32>().ok()?, under.parse::<u32>().ok()?)).filter(|&(over, under)| over > 0 && under > 0)
    };
    if let Some(tick) = after("config in time_base:") {
        return ratio(tick).map(Mark::Tick);
    }
    let (width, height) = after(" s:")?.split_once('x')?;
    let at = after(" pts:")?.parse().ok();
    let pixel_aspect = after(" sar:").and_then(ratio).unwrap_or((1, 1));
    // A frame without a time stamp comes where the one before it ended.
    let at = at.unwrap_or(i64::MIN);
    Some(Mark::Frame { at, width: width.parse().ok()?, height: height.parse().ok()?, pixel_aspect })
}

/// Reads frames and pairs them with their marks, which come before them.
fn read(
    mut stdout: BufReader<ChildStdout>,
    marks: &Receiver<Mark>,
    tell: &SyncSender<Shape>,
    send: &SyncSender<Result<Frame, Error>>,
) {
    let (mut tick, mut shape, mut last, mut step) = ((1, 1000), None, None::<i64>, 1);
    loop {
        let (at, seen) = match marks.recv() {
            Err(_) => return,
            Ok(Mark::Tick(now)) => {
                // Filters are set up again where a stream changes; its clock does not.
                if shape.is_none() {
                    tick = now;
                }
                continue;
            }
            Ok(Mark::Frame { at, width, height, pixel_aspect }) => (at, Shape { width, height, pixel_aspect, tick }),
        };
        let shape = *shape.get_or_insert_with(|| {
            let _ = tell.send(seen);
            seen
        });
        let mut pixels = vec![[0; 3]; shape.width * shape.height];
        if stdout.read_exact(pixels.as_flattened_mut()).is_err() {
            return;
        }
        // Time goes on, whatever a broken file says.
        let at = match last {
            Some(last) if at <= last => last + step,
            None if at == i64::MIN => 0,
            _ => at,
        };
        step = last.map_or(step, |last| (at - last).max(1));
        last = Some(at);
        if send.send(Ok(Frame { image: Image::new(shape.width, shape.height, pixels), at })).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_and_the_rest_is_not() {
        let sender = "[Parsed_showinfo_2 @ 0x55f] [info] ";
        let Some(Mark::Tick(tick)) = parse(&format!("{sender}config in time_base: 1/12288, frame_rate: 24/1")) else {
            panic!("a tick");
        };
        assert_eq!(tick, (1, 12288));
        let line = "n:   1 pts:    512 pts_time:0.0416667 pos:  48 fmt:rgb24 sar:4/3 s:854x480 i:P iskey:0 type:B ";
        let Some(Mark::Frame { at, width, height, pixel_aspect }) = parse(&format!("{sender}{line}")) else {
            panic!("a frame");
        };
        assert_eq!((at, width, height, pixel_aspect), (512, 854, 480, (4, 3)));
        assert!(parse(&format!("{sender}  side data - displaymatrix: rotation of -90.00 degrees")).is_none());
        assert!(parse("[info] Stream #0:0 pts: 3 s:1x1").is_none());
    }
}
