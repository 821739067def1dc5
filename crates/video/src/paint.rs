//! A video from its file to its painting: read, painted, coded and put together, all at once.

use crate::animation::{self, Animation};
use crate::clip::{self, Clip};
use crate::decode::{Decoder, Frame, Shape};
use crate::encode::{self, Encoder, Extent, Written};
use crate::error::{Error, ErrorKind};
use crate::place::Draft;
use crate::settings::{Container, Preset, Settings, Span, written_as};
use kaiga::{Look, Painter, Sequence, Smoothing};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

/// Called after every frame. `Break` ends the video there; what was painted is kept.
pub type Watch<'a> = dyn Fn(&Progress) -> ControlFlow<()> + Sync + 'a;

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Frames painted.
    pub done: u64,
    /// Frames there are likely to be.
    pub expected: Option<u64>,
    /// Since it began, s.
    pub took_s: f64,
}

impl Progress {
    /// Frames a second so far.
    pub fn per_second(&self) -> f64 {
        self.done as f64 / self.took_s.max(1e-6)
    }

    /// How long the rest will take, s.
    pub fn left_s(&self) -> Option<f64> {
        self.expected.map(|expected| expected.saturating_sub(self.done) as f64 / self.per_second().max(1e-6))
    }
}

/// What became of a video.
#[derive(Clone, Debug)]
pub struct Report {
    /// Frames painted.
    pub frames: u64,
    /// Shots, each beginning with a cut.
    pub shots: u64,
    /// How it ended.
    pub ending: Ending,
    /// What people should know, in sentences that go on after the file's name.
    pub warnings: Vec<String>,
    /// Where the time went.
    pub took: Took,
}

/// How a painted video ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With the source, or where it was to end.
    Whole,
    /// Where somebody said so.
    Interrupted,
    /// Where the source is broken.
    Broken(String),
}

/// Where the time went, s. The four follow each other on the thread that paints; decoding and coding count as far as they
/// were waited for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    /// Waiting for frames.
    pub decoding: f64,
    /// Painting, with what keeps it calm.
    pub painting: f64,
    /// Waiting for the coder.
    pub coding: f64,
    /// Putting it together with its sound.
    pub joining: f64,
}

/// Where frames come from.
enum Source {
    Ffmpeg(Box<Decoder>),
    WebP(Box<Animation>),
}

impl Source {
    fn open(input: &Path, span: Span, largest_px2: Option<f64>) -> Result<(Self, Clip), Error> {
        if animation::is_webp(input) {
            let (animation, clip) = Animation::open(input, largest_px2)?;
            return Ok((Self::WebP(animation.into()), clip));
        }
        let clip = clip::probe(input)?;
        let decoder = Decoder::start(&clip, span, largest_px2)?;
        Ok((Self::Ffmpeg(decoder.into()), clip))
    }

    fn shape(&self) -> Shape {
        match self {
            Self::Ffmpeg(decoder) => decoder.shape,
            Self::WebP(animation) => animation.shape,
        }
    }

    fn next(&mut self) -> Result<Option<Frame>, Error> {
        match self {
            Self::Ffmpeg(decoder) => decoder.next(),
            Self::WebP(animation) => animation.next(),
        }
    }

    fn complaints(&self) -> Vec<String> {
        match self {
            Self::Ffmpeg(decoder) => decoder.complaints(),
            Self::WebP(_) => Vec::new(),
        }
    }
}

/// Paints the video at `input` into `output`, whose name says its container. `output` is there whole, or as far as it came
/// when the source broke or `watch` ended it, or not at all.
///
/// # Errors
/// Why there is no video; the text goes on after the name of the file.
pub fn paint(
    painter: &Painter,
    input: &Path,
    output: &Path,
    settings: &Settings,
    watch: &Watch,
) -> Result<Report, Error> {
    let (container, codec) = written_as(output, settings)?;
    readable(input)?;
    spare(input, output)?;
    let (mut source, clip) = Source::open(input, settings.span, settings.preset.largest_px2())?;
    let draft = Draft::beside(output)?;
    let shape = source.shape();
    let size = written_size(&clip, shape, settings.preset);
    let written = Written { shape, size, container, codec };
    let mut encoder = Encoder::start(&clip, &written, settings, draft.path())?;
    let mut run = Run::new(painter, settings, &clip, shape);
    let ending = run.paint(&mut source, &mut encoder, watch);
    run.report.took.coding = encoder.waited_s;
    if run.report.frames == 0 {
        return Err(match ending? {
            Ending::Interrupted => {
                Error::new(ErrorKind::Cancelled, "was interrupted before its first frame was painted")
            }
            _ => Error::input("has no frame in this part"),
        });
    }
    // What cannot be coded cannot be kept either; what cannot be read or painted any more can.
    let ending = ending.or_else(|error| match error.kind() {
        ErrorKind::Output | ErrorKind::Tool => Err(error),
        _ => Ok(Ending::Broken(error.to_string())),
    })?;
    encoder.finish()?;
    let extent = run.extent(ending == Ending::Whole);
    let mut report = run.report;
    if ending == Ending::Whole && settings.span == Span::default() {
        report.warnings.extend(doubts(&clip, report.frames, &source.complaints()));
    }
    let start = Instant::now();
    join(&clip, draft, container, &extent, output, &mut report.warnings)?;
    report.took.joining = start.elapsed().as_secs_f64();
    report.ending = ending;
    Ok(report)
}

impl Preset {
    /// The look that a draft is painted in: without faces of their own, unless nothing else is painted.
    #[must_use]
    pub fn look(self, look: Look) -> Look {
        match (self, look.faces) {
            (Self::Draft, kaiga::Faces::On) => Look { faces: kaiga::Faces::Off, ..look },
            _ => look,
        }
    }
}

/// One video on its way.
struct Run<'a> {
    sequence: Sequence<'a>,
    span: Span,
    shape: Shape,
    start_s: f64,
    expected: Option<u64>,
    /// When the first frame is shown, ticks.
    first: Option<i64>,
    /// When the last one ends, s from the beginning of the result.
    end_s: f64,
    report: Report,
}

impl<'a> Run<'a> {
    fn new(painter: &'a Painter, settings: &Settings, clip: &Clip, shape: Shape) -> Self {
        let Span { start_s, end_s } = settings.span;
        let rate = f64::from(clip.rate.0) / f64::from(clip.rate.1);
        let of_span = |duration_s: f64| {
            let end_s = end_s.map_or(duration_s, |end_s| end_s.min(duration_s));
            ((end_s - start_s.unwrap_or(0.0)).max(0.0) * rate).round() as u64
        };
        let whole = settings.span == Span::default();
        let expected = if whole { clip.frames } else { clip.duration_s.or(end_s).map(of_span) };
        let sequence = Sequence::new(painter, Smoothing::default(), settings.stability);
        let (ending, took) = (Ending::Whole, Took::default());
        let report = Report { frames: 0, shots: 0, ending, warnings: Vec::new(), took };
        Self { sequence, span: settings.span, shape, start_s: clip.start_s, expected, first: None, end_s: 0.0, report }
    }

    /// Paints frame after frame.
    fn paint(&mut self, source: &mut Source, encoder: &mut Encoder, watch: &Watch) -> Result<Ending, Error> {
        let start = Instant::now();
        let mut last_at = None;
        loop {
            let waited = Instant::now();
            let frame = source.next();
            self.report.took.decoding += waited.elapsed().as_secs_f64();
            let Some(Frame { image, at }) = frame? else { return Ok(Ending::Whole) };
            let at_s = self.seconds(at) - self.start_s;
            if self.span.end_s.is_some_and(|end_s| at_s >= end_s) {
                return Ok(Ending::Whole);
            }
            let first = *self.first.get_or_insert(at);
            let begun = Instant::now();
            let progress = self.progress(start);
            let ask = |_, _| watch(&progress);
            let painted = match self.sequence.paint(&image, &ask) {
                Err(error) if error.kind() == kaiga::ErrorKind::Cancelled => return Ok(Ending::Interrupted),
                painted => painted.map_err(|error| Error::new(ErrorKind::Painting, error.to_string()))?,
            };
            self.report.took.painting += begun.elapsed().as_secs_f64();
            encoder.push(at - first, painted)?;
            self.report.frames += 1;
            self.report.shots += u64::from(self.sequence.begins_shot());
            // The last frame is shown as long as the one before it.
            let step = last_at.map_or(0, |last| at - last);
            self.end_s = self.seconds(at + step) - self.start_s - self.span.start_s.unwrap_or(0.0);
            last_at = Some(at);
            if watch(&self.progress(start)).is_break() {
                return Ok(Ending::Interrupted);
            }
        }
    }

    fn progress(&self, start: Instant) -> Progress {
        Progress { done: self.report.frames, expected: self.expected, took_s: start.elapsed().as_secs_f64() }
    }

    fn seconds(&self, ticks: i64) -> f64 {
        ticks as f64 * f64::from(self.shape.tick.0) / f64::from(self.shape.tick.1)
    }

    /// Which part of the source's sound goes with it.
    fn extent(&self, whole: bool) -> Extent {
        let begins_s = self.span.start_s.unwrap_or(0.0);
        let first_s = (self.seconds(self.first.unwrap_or(0)) - self.start_s - begins_s).max(0.0);
        let length_s = if whole { self.span.end_s.map(|end_s| end_s - begins_s) } else { Some(self.end_s) };
        Extent { first_s, start_s: self.span.start_s, length_s }
    }
}

/// A frame painted smaller is enlarged to what it was.
fn written_size(clip: &Clip, shape: Shape, preset: Preset) -> (usize, usize) {
    if preset.largest_px2().is_none() {
        return (shape.width, shape.height);
    }
    let (width, height) = clip.size;
    // The file may say the sides of a picture that lies on its side.
    if (width > height) == (shape.width > shape.height) { (width, height) } else { (height, width) }
}

fn join(
    clip: &Clip,
    painted: Draft,
    container: Container,
    extent: &Extent,
    output: &Path,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    if container.is_animation() {
        if clip.others.iter().any(|stream| stream.kind == "audio") {
            warnings.push("its sound is left out: a gif or webp has none".into());
        }
        return painted.deliver(output);
    }
    let joined = Draft::beside(output)?;
    warnings.extend(encode::join(clip, painted.path(), container, extent, joined.path())?);
    joined.deliver(output)
}

/// What gives reason to doubt that all of the source was read.
fn doubts(clip: &Clip, frames: u64, complaints: &[String]) -> Option<String> {
    /// Files that only guess how many frames they have are off by this at most.
    const SLACK: f64 = 0.95;
    let short = clip.frames.filter(|expected| (frames as f64) < *expected as f64 * SLACK - 2.0);
    let said = complaints.first();
    match (short, said) {
        (None, None) => None,
        (Some(expected), said) => {
            let why = said.map(|said| format!(": {said}")).unwrap_or_default();
            Some(format!("is damaged: {frames} of about {expected} frames could be read{why}"))
        }
        (None, Some(said)) => {
            Some(format!("is damaged in {} places, what could be read is painted: {said}", complaints.len()))
        }
    }
}

pub(crate) fn readable(input: &Path) -> Result<(), Error> {
    match std::fs::metadata(input) {
        Ok(there) if there.is_dir() => Err(Error::input("is a folder")),
        Ok(_) => {
            std::fs::File::open(input).map(drop).map_err(|error| Error::input(format!("cannot be read ({error})")))
        }
        Err(error) => Err(Error::input(format!("cannot be read ({error})"))),
    }
}

/// Refuses to write over the source.
fn spare(input: &Path, output: &Path) -> Result<(), Error> {
    match (input.canonicalize(), output.canonicalize()) {
        (Ok(input), Ok(output)) if input == output => {
            Err(Error::new(ErrorKind::Setting, "would be overwritten by its painting: choose another name with -o"))
        }
        _ => Ok(()),
    }
}
