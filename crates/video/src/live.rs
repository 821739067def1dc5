//! Painting what a camera or a stream shows, as it shows it: the newest frame is painted, what came meanwhile is dropped.

pub(crate) mod easel;
mod pace;

use crate::decode::Decoder;
use crate::error::{Error, ErrorKind};
use crate::matroska;
use crate::tool::{self, Tool};
use easel::{Easel, Live};
use kaiga::{Painter, Stability};
use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::process::Stdio;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How it goes, told after every frame. `Break` ends it.
pub type LiveWatch<'a> = dyn Fn(&Live) -> ControlFlow<()> + Sync + 'a;

/// The newest frame, handed from who reads to who paints.
#[derive(Default)]
struct Slot {
    state: Mutex<SlotState>,
    bell: Condvar,
}

#[derive(Default)]
struct SlotState {
    newest: Option<(Image<Srgb8>, Instant)>,
    dropped: u64,
    /// Nothing more comes, and why.
    over: Option<Result<(), Error>>,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, image: Image<Srgb8>) {
        let mut state = self.lock();
        state.dropped += u64::from(state.newest.replace((image, Instant::now())).is_some());
        self.bell.notify_all();
    }

    fn end(&self, how: Result<(), Error>) {
        self.lock().over = Some(how);
        self.bell.notify_all();
    }

    /// The newest frame, once there is one, and how many were dropped so far; `None` after the last.
    fn take(&self) -> Result<Option<(Image<Srgb8>, Instant, u64)>, Error> {
        let mut state = self.lock();
        loop {
            if let Some((image, at)) = state.newest.take() {
                return Ok(Some((image, at, state.dropped)));
            }
            match &state.over {
                Some(Ok(())) => return Ok(None),
                Some(Err(error)) => return Err(error.clone()),
                None => state = self.bell.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Paints `source` (a camera `/dev/video0`, `rtsp://…` or another address, a file, `lavfi:…`) to `target` (a file, an
/// address such as `rtmp://…`, a loopback device `/dev/video9`), as many frames a second as it can, at most those of the source.
/// The painter's look should be a [`crate::live_look`]. It ends with the source, or when `watch` says so.
///
/// # Errors
/// [`ErrorKind::Input`] if the source yields nothing, [`ErrorKind::Output`] if the target takes nothing.
pub fn live(
    painter: &Painter,
    source: &str,
    target: &str,
    (per_second, stability): (f64, Stability),
    watch: &LiveWatch,
) -> Result<Live, Error> {
    let sink = Sink::of(target)?;
    let mut decoder = Decoder::live(&input(source))?;
    let (width, height) = (decoder.shape.width, decoder.shape.height);
    let slot = Slot::default();
    let killer = decoder.killer();
    thread::scope(|scope| {
        let slot = &slot;
        scope.spawn(move || {
            let how = loop {
                match decoder.next() {
                    Ok(Some(frame)) => slot.put(frame.image),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            slot.end(how);
        });
        let done = Easel::new(painter.clone(), per_second, stability)
            .and_then(|easel| paint_all(easel, (width, height), slot, &sink, watch));
        // The source is not read any more, however it ended.
        killer.kill();
        done
    })
}

/// Paints what comes until nothing does.
fn paint_all(
    mut easel: Easel,
    (width, height): (usize, usize),
    slot: &Slot,
    sink: &Sink,
    watch: &LiveWatch,
) -> Result<Live, Error> {
    let mut writer = sink.open((width, height))?;
    let mut begun = None;
    while let Some((frame, came, dropped)) = slot.take()? {
        let at = came.duration_since(*begun.get_or_insert(came));
        let start = Instant::now();
        let painted = resize::to(&easel.paint(&frame)?, width, height, Filter::CatmullRom);
        let spent = start.elapsed();
        writer.write(at, &painted)?;
        if watch(easel.handed_on(came.elapsed(), spent, dropped)).is_break() {
            break;
        }
    }
    writer.finish()?;
    Ok(*easel.told())
}

/// The arguments that have ffmpeg open a source, with as little waiting as can be.
fn input(source: &str) -> Vec<String> {
    // What is read to find out what a stream holds is not shown: five seconds of it, if nobody says less.
    const SOON: [&str; 6] = ["-fflags", "nobuffer", "-flags", "low_delay", "-analyzeduration", "1000000"];
    let words: Vec<&str> = match source.split_once(':') {
        Some(("lavfi", graph)) => vec!["-re", "-f", "lavfi", "-i", graph],
        Some(("rtsp", _)) => [&SOON[..], &["-rtsp_transport", "tcp", "-i", source]].concat(),
        _ if is_device(source) => vec!["-fflags", "nobuffer", "-f", "v4l2", "-i", source],
        Some((_, rest)) if rest.starts_with("//") => [&SOON[..], &["-i", source]].concat(),
        // A file is shown as fast as it would be seen.
        _ => vec!["-re", "-i", source],
    };
    words.into_iter().map(str::to_owned).collect()
}

fn is_device(name: &str) -> bool {
    name.starts_with("/dev/")
}

/// Where paintings go.
struct Sink {
    target: String,
    format: &'static str,
}

impl Sink {
    fn of(target: &str) -> Result<Self, Error> {
        let format = match target.split_once("://") {
            Some(("rtmp" | "rtmps", _)) => "flv",
            Some(("rtsp", _)) => "rtsp",
            Some(("udp" | "srt" | "tcp", _)) => "mpegts",
            Some(("http" | "https", _)) => "mpegts",
            None if is_device(target) => "v4l2",
            _ => match target.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).as_deref() {
                Some("mp4" | "m4v") => "mp4",
                Some("mov") => "mov",
                Some("mkv") => "matroska",
                Some("ts") => "mpegts",
                _ => {
                    let message = "live paintings go to mp4, mov, mkv or ts files, to rtmp, rtsp, srt, udp, tcp or http \
                                   addresses, or to a loopback device such as /dev/video9";
                    return Err(Error::new(ErrorKind::Setting, message));
                }
            },
        };
        Ok(Self { target: target.to_owned(), format })
    }

    fn open(&self, (width, height): (usize, usize)) -> Result<Writer, Error> {
        let mut command = tool::ffmpeg_from_pipe();
        let even = [width, height].map(|side| side.next_multiple_of(2));
        let size = format!("scale={}:{}:out_range=limited:out_color_matrix=bt709,format=yuv420p", even[0], even[1]);
        command.args(["-vf", &size]);
        if self.format != "v4l2" {
            command.args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-crf", "21", "-g", "60"]);
            command.args([
                "-colorspace",
                "bt709",
                "-color_primaries",
                "bt709",
                "-color_trc",
                "bt709",
                "-color_range",
                "tv",
            ]);
        }
        if matches!(self.format, "mp4" | "mov") {
            // Playable up to where it came, whatever happens.
            command.args(["-movflags", "+frag_keyframe+empty_moov+default_base_moof"]);
        }
        command.args(["-f", self.format, &self.target]);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let tool = Tool::start(command, "ffmpeg")?;
        let complaints = tool.take_stderr().map(tool::complaints);
        let stdin = tool.take_stdin().ok_or_else(|| Error::new(ErrorKind::Tool, "ffmpeg takes no frames"))?;
        let mut writer = Writer { pipe: Some(BufWriter::with_capacity(1 << 16, stdin)), tool, complaints };
        let headed = writer.pipe.as_mut().map_or(Ok(()), |pipe| matroska::write_head(pipe, width, height, 40_000_000));
        match headed {
            Ok(()) => Ok(writer),
            Err(_) => Err(writer.failed()),
        }
    }
}

/// Frames to ffmpeg.
struct Writer {
    pipe: Option<BufWriter<std::process::ChildStdin>>,
    tool: Tool,
    complaints: Option<thread::JoinHandle<String>>,
}

impl Writer {
    fn write(&mut self, at: Duration, image: &Image<Srgb8>) -> Result<(), Error> {
        let Some(pipe) = &mut self.pipe else { return Err(self.failed()) };
        let written = matroska::write_frame(pipe, at.as_nanos() as u64, image.pixels().as_flattened());
        if written.and_then(|()| pipe.flush()).is_err() {
            return Err(self.failed());
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), Error> {
        self.pipe = None;
        if self.tool.wait(Duration::from_secs(30))?.success() { Ok(()) } else { Err(self.failed()) }
    }

    /// Why it takes no more.
    fn failed(&mut self) -> Error {
        self.pipe = None;
        self.tool.killer().kill();
        let said = self.complaints.take().and_then(|said| said.join().ok()).unwrap_or_default();
        Error::output(format!("cannot be written: {}", tool::reason(&said)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_targets_are_known_by_their_names() {
        assert_eq!(input("/dev/video0")[3..], ["v4l2", "-i", "/dev/video0"]);
        assert!(input("rtsp://camera/1").contains(&"tcp".into()) && input("a.mp4")[0] == "-re");
        assert_eq!(input("lavfi:testsrc2=size=64x48"), ["-re", "-f", "lavfi", "-i", "testsrc2=size=64x48"]);
        let format = |target: &str| Sink::of(target).map(|sink| sink.format).map_err(|error| error.to_string());
        assert_eq!(["rtmp://a/b", "/dev/video9", "x/夏.MKV"].map(format), [Ok("flv"), Ok("v4l2"), Ok("matroska")]);
        assert!(format("a.avi").unwrap_err().contains("loopback"));
    }

    #[test]
    fn the_newest_frame_wins() {
        let slot = Slot::default();
        (0..5).for_each(|level| slot.put(Image::filled(1, 1, [level; 3])));
        slot.end(Ok(()));
        let (image, _, dropped) = slot.take().unwrap().unwrap();
        assert_eq!((image.at(0, 0)[0], dropped), (4, 4));
        assert!(slot.take().unwrap().is_none());
    }
}
