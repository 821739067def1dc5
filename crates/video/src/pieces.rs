//! A long video in pieces that begin where shots begin: painted apart, by whomever, and put together again.
//!
//! Nothing that is remembered from frame to frame outlives a cut, so pieces that begin with one are painted as they are in
//! the whole; only key frames are counted from the beginning of a piece. A piece is a copy of the packets it needs, not coded anew, and a [`Span`] that says which frames of them count.

use crate::clip::Clip;
use crate::decode::Frame;
use crate::encode::{self, Extent};
use crate::error::{Error, ErrorKind};
use crate::place::Draft;
use crate::reel::Parts;
use crate::settings::{Codec, Container, Preset, Settings, Span, written_as};
use crate::source::Source;
use crate::tool;
use kaiga::Cuts;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// How long copying may take.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Packets are copied for so much longer than frames are wanted, s: some are stored after ones that are shown later.
const MARGIN_S: f64 = 2.0;

/// A piece of a video.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Where it lies in the whole.
    pub span: Span,
    /// Its frames.
    pub frames: u64,
    /// When its first frame is shown, ticks after the first of all.
    first: i64,
}

/// A video and where it is cut.
#[derive(Debug)]
pub struct Pieces {
    clip: Clip,
    tick: (u32, u32),
    /// When the first frame is shown, s from where the file begins.
    first_s: f64,
    pieces: Vec<Piece>,
}

impl Pieces {
    /// Looks at all frames of the video at `input`, as `preset` reads them. A piece is no shorter than `length_s.start`; one
    /// that has reached the end of that range ends even within a shot. What is no film (an animated GIF or WebP) is one piece.
    /// `go_on` is asked after each frame.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] if there is not one frame, [`ErrorKind::Cancelled`] if it shall not go on.
    pub fn of(input: &Path, preset: Preset, length_s: Range<f64>, go_on: &dyn Fn() -> bool) -> Result<Self, Error> {
        let (mut source, clip) = Source::open(input, Span::default(), preset)?;
        let shape = source.shape();
        let seconds = |ticks: i64| ticks as f64 * f64::from(shape.tick.0) / f64::from(shape.tick.1);
        let is_film = Container::of(input).is_none_or(|container| !container.is_animation());
        let (mut cuts, mut pieces, mut last): (_, Vec<Piece>, Option<i64>) = (Cuts::default(), Vec::new(), None);
        let mut first_of_all = 0;
        while let Some(Frame { image, at }) = source.next()? {
            if !go_on() {
                return Err(Error::new(ErrorKind::Cancelled, "was interrupted before it was looked through"));
            }
            let begins_shot = is_film && cuts.begins_shot(&image);
            match (pieces.last_mut(), last) {
                (Some(piece), Some(before)) => {
                    let long_s = seconds(at - first_of_all - piece.first);
                    if is_film && (begins_shot && long_s >= length_s.start || long_s >= length_s.end) {
                        // Between two frames, so that rounding moves neither of them.
                        let border_s = (seconds(before) + seconds(at)) / 2.0 - clip.start_s;
                        piece.span.end_s = Some(border_s);
                        let span = Span { start_s: Some(border_s), end_s: None };
                        pieces.push(Piece { span, frames: 1, first: at - first_of_all });
                    } else {
                        piece.frames += 1;
                    }
                }
                _ => {
                    first_of_all = at;
                    pieces.push(Piece { span: Span::default(), frames: 1, first: 0 });
                }
            }
            last = Some(at);
        }
        let first_s = (seconds(first_of_all) - clip.start_s).max(0.0);
        Ok(Self { clip, tick: shape.tick, first_s, pieces })
    }

    /// The pieces, in order.
    pub fn list(&self) -> &[Piece] {
        &self.pieces
    }

    /// The name that the painting of a piece has when it is [put together](Self::put_together).
    pub fn painted_name(number: usize) -> String {
        Parts::name(number)
    }

    /// By name, how pieces are coded that go into `output`, always in an mp4.
    ///
    /// # Errors
    /// [`ErrorKind::Setting`] if no film can be written there.
    pub fn codec(output: &Path, settings: &Settings) -> Result<&'static str, Error> {
        let (_, codec) = written_as(output, settings)?;
        codec.name().ok_or_else(|| Error::new(ErrorKind::Setting, "a gif or webp is not put together of pieces"))
    }

    /// Writes a file with what is needed of a piece to `to`, without sound. Returns which frames of that file are the
    /// piece's.
    ///
    /// # Errors
    /// [`ErrorKind::Output`] if that cannot be done such that all its frames are there, and no others.
    pub fn cut(&self, piece: &Piece, to: &Path) -> Result<Span, Error> {
        // As exact as the clock of the source; Matroska, which takes every codec, has milliseconds.
        let tried = self.cut_into("mov", piece, to);
        tried.or_else(|_| self.cut_into("matroska", piece, to))
    }

    fn cut_into(&self, muxer: &str, piece: &Piece, to: &Path) -> Result<Span, Error> {
        let Span { start_s, end_s } = piece.span;
        let mut command = tool::ffmpeg();
        command.args(["-loglevel", "error", "-copyts"]);
        if let Some(start_s) = start_s {
            command.arg("-ss").arg(start_s.to_string());
        }
        if let Some(end_s) = end_s {
            command.arg("-t").arg((end_s - start_s.unwrap_or(0.0) + MARGIN_S).to_string());
        }
        command.args(tool::input(&self.clip.path)).args(["-map", &format!("0:{}", self.clip.stream), "-c", "copy"]);
        command.args(["-f", muxer]).arg(tool::file(to));
        let said = tool::run(command, "ffmpeg", PATIENCE)?;
        if !said.status.success() {
            let why = tool::reason(&said.complaints);
            return Err(Error::output(format!("cannot be cut: {why}")));
        }
        // It keeps the clock of the whole, and begins with the last frame before that can be decoded by itself.
        let clip = crate::clip::probe(to)?;
        let moved = |at_s: f64| (at_s + self.clip.start_s - clip.start_s).max(0.0);
        let span = Span { start_s: start_s.map(moved), end_s: end_s.map(moved) };
        let (mut source, _) = Source::open(to, span, Preset::Draft)?;
        let (tick, mut frames) = (source.shape().tick, 0);
        while let Some(Frame { at, .. }) = source.next()? {
            let at_s = at as f64 * f64::from(tick.0) / f64::from(tick.1) - clip.start_s;
            if span.end_s.is_some_and(|end_s| at_s >= end_s) {
                break;
            }
            frames += 1;
        }
        if frames != piece.frames {
            let message = format!("cannot be cut: {frames} of {} frames of a piece are in its file", piece.frames);
            return Err(Error::output(message));
        }
        Ok(span)
    }

    /// Puts the paintings of all pieces, which lie in `folder` under their [names](Self::painted_name), together with sound,
    /// subtitles, chapters and metadata of the whole. Returns what had to be changed.
    ///
    /// # Errors
    /// [`ErrorKind::Output`] if a frame is missing or it cannot be written.
    pub fn put_together(&self, folder: &Path, output: &Path) -> Result<Vec<String>, Error> {
        let (container, _) = written_as(output, &Settings::default())?;
        for (number, piece) in self.pieces.iter().enumerate() {
            let frames = count(&folder.join(Self::painted_name(number)))?;
            if frames != piece.frames {
                let message =
                    format!("cannot be put together: piece {number} has {frames} frames and not {}", piece.frames);
                return Err(Error::output(message));
            }
        }
        let parts = Parts::laid_out(folder, self.pieces.iter().map(|piece| (piece.frames, piece.first)));
        let extent = Extent { first_s: self.first_s, start_s: None, length_s: None };
        let draft = Draft::beside(output)?;
        let changed = encode::join(&self.clip, parts.input(self.tick)?, container, &extent, draft.path())?;
        let (frames, all): (u64, u64) = (count(draft.path())?, self.pieces.iter().map(|piece| piece.frames).sum());
        if frames != all {
            return Err(Error::output(format!("cannot be put together: {frames} of {all} frames are in it")));
        }
        draft.deliver(output)?;
        Ok(changed)
    }
}

impl Codec {
    fn name(self) -> Option<&'static str> {
        Self::NAMES.get(self as usize).copied()
    }
}

/// Frames of the first video in a file.
fn count(path: &Path) -> Result<u64, Error> {
    let mut command = tool::ffprobe();
    command.args(["-select_streams", "v:0", "-count_packets", "-show_entries", "stream=nb_read_packets"]);
    command.args(["-of", "csv=p=0"]).args(tool::input(path));
    let said = tool::run(command, "ffprobe", PATIENCE)?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let count = text.trim().trim_end_matches(',').parse();
    count.map_err(|_| Error::output(format!("cannot be counted: {}", tool::reason(&said.complaints))))
}
