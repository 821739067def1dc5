//! Painting what a camera or a stream shows, as it shows it: the newest frame is painted, what came meanwhile is dropped.

use crate::decode::Decoder;
use crate::error::{Error, ErrorKind};
use crate::matroska;
use crate::tool::{self, Tool};
use kaiga::{Detail, Flat, Look, Painter, Sequence, Smoothing, Stability, unwatched};
use pixels::Image;
use pixels::resize::{self, Filter, area_size};
use pixels::space::Srgb8;
use std::collections::VecDeque;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::process::Stdio;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How it goes, told after every frame. `Break` ends it.
pub type LiveWatch<'a> = dyn Fn(&Live) -> ControlFlow<()> + Sync + 'a;

/// How a live painting goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Live {
    /// Frames painted.
    pub painted: u64,
    /// Frames that came while another was painted, and were dropped.
    pub dropped: u64,
    /// Frames painted a second, lately.
    pub per_second: f64,
    /// From a frame's arrival until its painting is handed on, ms: the median and the 95th percentile, lately.
    pub latency_ms: [f64; 2],
    /// The size painted at now, px.
    pub painted_at: (usize, usize),
}

/// The look in which frames are painted live: at whatever size they come, and without fills laid flat, which takes as long as
/// the painting.
#[must_use]
pub fn live_look(look: Look) -> Look {
    let (detail, flat) = (Detail::new(1.0).unwrap_or_default(), Flat::new(0.0).unwrap_or_default());
    Look { detail, flat, ..look }
}

/// Chooses the size painted at so that so many frames a second are reached, and changes it seldom: each change is seen.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Time for a frame, s.
    wanted_s: f64,
    /// Each step has three quarters of the area of the one before it.
    step: u32,
    /// How long frames take lately, s.
    taken_s: f64,
    frames: u32,
    /// After it was found too slow, a larger size is tried again only after so many frames.
    patience: u32,
}

impl Pace {
    /// The largest area painted at, px²: that of photos.
    const LARGEST_PX2: f64 = 0.524e6;
    /// The smallest is some of these steps below.
    const STEPS: u32 = 9;
    const STEP: f64 = 0.75;
    /// Frames between two changes, at least.
    const REST: u32 = 8;

    /// For so many frames a second.
    pub fn new(per_second: f64) -> Self {
        Self { wanted_s: 1.0 / per_second.max(0.1), step: 3, taken_s: 0.0, frames: 0, patience: 60 }
    }

    /// The size at which a frame of `width`×`height` px is painted.
    pub fn size(&self, width: usize, height: usize) -> (usize, usize) {
        let area = (Self::LARGEST_PX2 * Self::STEP.powi(self.step as i32)) as usize;
        if width * height <= area { (width, height) } else { area_size(width, height, area) }
    }

    /// A frame took so long, s.
    pub fn took(&mut self, seconds: f64) {
        self.frames += 1;
        self.taken_s = if self.frames == 1 { seconds } else { 0.75 * self.taken_s + 0.25 * seconds };
        if self.taken_s > self.wanted_s && self.frames >= Self::REST && self.step < Self::STEPS {
            self.change(self.step + 1);
            self.patience = (2 * self.patience).min(2000);
        } else if self.taken_s < 0.6 * self.wanted_s && self.frames >= self.patience && self.step > 0 {
            self.change(self.step - 1);
        }
    }

    fn change(&mut self, step: u32) {
        (self.step, self.frames) = (step, 0);
    }
}

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
/// The painter's look should be a [`live_look`]. It ends with the source, or when `watch` says so.
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
        let done = Easel::new(painter, (width, height), per_second, stability)
            .and_then(|easel| easel.paint_all(slot, &sink, watch));
        // The source is not read any more, however it ended.
        killer.kill();
        done
    })
}

struct Easel<'a> {
    sequence: Sequence<'a>,
    size: (usize, usize),
    pace: Pace,
    told: Live,
    /// Of the last frames: when they were done, and after how many ms.
    lately: VecDeque<(Instant, f64)>,
}

impl<'a> Easel<'a> {
    /// Frames that figures are taken over.
    const LATELY: usize = 200;

    fn new(painter: &'a Painter, size: (usize, usize), per_second: f64, stability: Stability) -> Result<Self, Error> {
        if !(per_second > 0.0 && per_second <= 240.0) {
            return Err(Error::new(ErrorKind::Setting, "frames a second go from above 0 to 240"));
        }
        let sequence = Sequence::new(painter, Smoothing::default(), stability);
        let (pace, lately) = (Pace::new(per_second), VecDeque::new());
        Ok(Self { sequence, size, pace, told: Live::default(), lately })
    }

    fn paint_all(mut self, slot: &Slot, sink: &Sink, watch: &LiveWatch) -> Result<Live, Error> {
        let mut writer = sink.open(self.size)?;
        let mut begun = None;
        while let Some((frame, came, dropped)) = slot.take()? {
            let at = came.duration_since(*begun.get_or_insert(came));
            let painted = self.painted(&frame)?;
            writer.write(at, &painted)?;
            self.note(came, dropped);
            if watch(&self.told).is_break() {
                break;
            }
        }
        writer.finish()?;
        Ok(self.told)
    }

    fn painted(&mut self, frame: &Image<Srgb8>) -> Result<Image<Srgb8>, Error> {
        let start = Instant::now();
        let (width, height) = self.size;
        let (w, h) = self.pace.size(width, height);
        self.told.painted_at = (w, h);
        let small = resize::to(frame, w, h, Filter::Area);
        let painted = self.sequence.paint(&small, &unwatched);
        let painted = painted.map_err(|error| Error::new(ErrorKind::Painting, error.to_string()))?;
        let large = resize::to(&painted, width, height, Filter::CatmullRom);
        self.pace.took(start.elapsed().as_secs_f64());
        Ok(large)
    }

    fn note(&mut self, came: Instant, dropped: u64) {
        let now = Instant::now();
        self.lately.push_back((now, 1000.0 * now.duration_since(came).as_secs_f64()));
        if self.lately.len() > Self::LATELY {
            self.lately.pop_front();
        }
        let mut sorted: Vec<f64> = self.lately.iter().map(|(_, ms)| *ms).collect();
        sorted.sort_by(f64::total_cmp);
        let first = self.lately.front().map_or(now, |(done, _)| *done);
        let spans = (self.lately.len() - 1) as f64;
        self.told = Live {
            painted: self.told.painted + 1,
            dropped,
            per_second: spans / now.duration_since(first).as_secs_f64().max(1e-6),
            latency_ms: [0.5, 0.95].map(|share| sorted[(share * spans).round() as usize]),
            ..self.told
        };
    }
}

/// The arguments that have ffmpeg open a source, with as little waiting as can be.
fn input(source: &str) -> Vec<String> {
    let words: Vec<&str> = match source.split_once(':') {
        Some(("lavfi", graph)) => vec!["-re", "-f", "lavfi", "-i", graph],
        Some(("rtsp", _)) => vec!["-fflags", "nobuffer", "-flags", "low_delay", "-rtsp_transport", "tcp", "-i", source],
        _ if is_device(source) => vec!["-fflags", "nobuffer", "-f", "v4l2", "-i", source],
        Some((_, rest)) if rest.starts_with("//") => vec!["-fflags", "nobuffer", "-flags", "low_delay", "-i", source],
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

    #[test]
    fn the_size_follows_the_time_it_takes_and_comes_to_rest() {
        // A machine that needs so many seconds for a Mpx.
        let settled = |seconds_a_mpx: f64| {
            let mut pace = Pace::new(15.0);
            let mut sizes = Vec::new();
            for _ in 0..4000 {
                let (w, h) = pace.size(1280, 720);
                sizes.push((w, h));
                pace.took((w * h) as f64 * 1e-6 * seconds_a_mpx);
            }
            let changes = sizes[2000..].windows(2).filter(|pair| pair[0] != pair[1]).count();
            let (w, h) = sizes[3999];
            (w * h, changes)
        };
        let (slow, changes) = settled(0.6);
        assert!((60_000..115_000).contains(&slow) && changes <= 4, "{slow} {changes}");
        let (fast, changes) = settled(0.05);
        assert!(fast > 500_000 && changes == 0, "{fast} {changes}");
        assert_eq!(Pace::new(15.0).size(64, 48), (64, 48), "nothing is enlarged");
    }
}
