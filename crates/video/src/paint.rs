//! A video from its file to its painting: read, painted, coded and put together, all at once.

use crate::clip::Clip;
use crate::decode::Shape;
use crate::encode::{self, Extent, Written};
use crate::error::{Error, ErrorKind};
use crate::place::Draft;
use crate::reel::{Files, Parts, Reel};
use crate::run::Run;
use crate::settings::{Container, Preset, Settings, Span, written_as};
use crate::source::Source;
use crate::tool;
use kaiga::{Crisp, Faces, Flat, Look, Painter};
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Instant, UNIX_EPOCH};

/// Called after every frame. `Break` ends the video there; what was painted is kept.
pub type Watch<'a> = dyn Fn(&Progress) -> ControlFlow<()> + Sync + 'a;

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Frames painted.
    pub done: u64,
    /// Those of them that an earlier run had painted.
    pub resumed: u64,
    /// Frames there are likely to be.
    pub expected: Option<u64>,
    /// Since it began, s.
    pub took_s: f64,
}

impl Progress {
    /// Frames a second so far.
    pub fn per_second(&self) -> f64 {
        self.done.saturating_sub(self.resumed) as f64 / self.took_s.max(1e-6)
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
    /// Those of them that an earlier run had painted.
    pub resumed: u64,
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

/// Where the time went, s. But for the last they run at the same time, on successive frames; decoding and coding count as far
/// as they were waited for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    /// Waiting for frames.
    pub decoding: f64,
    /// Looking at frames: motion, mood, faces.
    pub analysing: f64,
    /// Painting.
    pub painting: f64,
    /// Keeping of the painting before what has not changed.
    pub blending: f64,
    /// Waiting for the coder.
    pub coding: f64,
    /// Putting it together with its sound.
    pub joining: f64,
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
    let (mut source, clip) = Source::open(input, settings.span, settings.preset)?;
    let into = match settings.resume {
        false => Files::One(Draft::beside(output)?),
        true if container.is_animation() => {
            let message = "a gif or webp cannot be gone on with: leave --resume off";
            return Err(Error::new(ErrorKind::Setting, message));
        }
        true => Files::Parts(Parts::beside(output, &work(painter, input, settings))?),
    };
    let shape = source.shape();
    let size = written_size(&clip, shape, settings.preset);
    let written = Written { shape, size, container, codec };
    let resumed = if let Files::Parts(parts) = &into { parts.frames() } else { 0 };
    let mut run = Run::new(painter, settings, &clip, shape, resumed)?;
    let mut reel = Reel::new(&clip, &written, settings, into);
    let ending = run.paint(&mut source, &mut reel, watch);
    if run.report.frames == 0 {
        reel.abandon();
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
    let extent = run.extent(ending == Ending::Whole);
    let mut report = run.report;
    let painted;
    (painted, report.took.coding) = reel.finish()?;
    if ending == Ending::Whole && settings.span == Span::default() {
        report.warnings.extend(doubts(&clip, report.frames, &source.complaints()));
    }
    let start = Instant::now();
    match painted {
        Files::One(draft) => join(&clip, draft, container, &extent, output, &mut report.warnings)?,
        Files::Parts(parts) => {
            let joined = Draft::beside(output)?;
            let parts_input = parts.input(shape.tick)?;
            report.warnings.extend(encode::join(&clip, parts_input, container, &extent, joined.path())?);
            joined.deliver(output)?;
            if ending != Ending::Interrupted {
                parts.remove();
            }
        }
    }
    report.took.joining = start.elapsed().as_secs_f64();
    report.ending = ending;
    Ok(report)
}

/// What must be the same for another run to go on with it.
fn work(painter: &Painter, input: &Path, settings: &Settings) -> Value {
    let file = std::fs::metadata(input);
    let changed = file.as_ref().ok().and_then(|file| file.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    json!({
        "kaiga": env!("CARGO_PKG_VERSION"),
        "bytes": file.map_or(0, |file| file.len()),
        "changed_ns": changed.map(|changed| changed.as_nanos().to_string()),
        "look": format!("{:?}", painter.look()),
        "settings": format!("{settings:?}"),
    })
}

impl Preset {
    /// The look that a draft is painted in: without faces of their own, unless nothing else is painted, and with fills and borders
    /// as the network paints them, for what is enlarged afterwards is not crisp anyway.
    #[must_use]
    pub fn look(self, look: Look) -> Look {
        if self != Self::Draft {
            return look;
        }
        let faces = if look.faces == Faces::On { Faces::Off } else { look.faces };
        Look { faces, flat: Flat::new(0.0).unwrap_or_default(), crisp: Crisp::new(0.0).unwrap_or_default(), ..look }
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
    let painted_input = tool::input(painted.path()).to_vec();
    warnings.extend(encode::join(clip, painted_input, container, extent, joined.path())?);
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
