//! `kaiga cover`: the frames of a video that make a good cover, painted.

use crate::batch::{cancel_on_interrupt, style};
use crate::out::{self, shown};
use crate::place::Place;
use crate::video::seconds;
use crate::{INTERRUPTED, NOTHING_DONE, look};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget};
use kaiga::{Known, Look, Studio, unwatched};
use pixels::Image;
use pixels::codec::{self, Format};
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;
use serde_json::json;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use video::{Cover, ErrorKind, Span};

/// The arguments, as typed.
#[derive(Debug, Args)]
pub(crate) struct Typed {
    /// The video
    video: PathBuf,
    /// Folder to write to [default: the video's]
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    #[command(flatten)]
    look: look::Typed,
    /// How many covers to choose from
    #[arg(long, value_name = "1..24", default_value = "6", value_parser = clap::value_parser!(u8).range(1..=24))]
    count: u8,
    /// Format of the covers: png, jpg or webp
    #[arg(short, long, value_name = "FORMAT", default_value = "png", value_parser = crate::args::format)]
    format: Format,
    /// Look only from there on: 12.5, 1:30, 0:01:30
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    start: Option<f64>,
    /// Look only up to there
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    end: Option<f64>,
    /// One JSON object a line on stdout for each cover
    #[arg(long)]
    json: bool,
}

/// What is to be done.
pub(crate) struct Params {
    typed: Typed,
    pub(crate) look: Look,
    span: Span,
}

impl Typed {
    /// What is meant.
    ///
    /// # Errors
    /// The complaint about the usage, in a sentence.
    pub(crate) fn meant(self) -> Result<Params, String> {
        let span = Span::new(self.start, self.end).map_err(|error| error.to_string())?;
        Ok(Params { look: self.look.meant()?, span, typed: self })
    }
}

/// Quality of JPEGs.
const QUALITY: u8 = 92;
/// Width of a picture on the sheet, and of the white between them, px.
const CELL_PX: usize = 480;
const GAP_PX: usize = 12;

/// Picks covers, paints and writes them, and a sheet of all.
///
/// # Errors
/// The complaint, in a sentence.
pub(crate) fn run(studio: &Studio, params: &Params) -> Result<ExitCode, String> {
    let Params { typed, look, span } = params;
    let cancelled = cancel_on_interrupt();
    let named = |complaint: String| format!("{}: {complaint}", shown(&typed.video));
    let bar = ProgressBar::with_draw_target(
        None,
        if typed.json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() },
    );
    bar.set_style(style("{msg}"));
    let watch = |at_s: f64| {
        bar.set_message(format!("looked at {}:{:02}", at_s as u64 / 60, at_s as u64 % 60));
        if cancelled.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let picked = video::covers(studio, &typed.video, *span, usize::from(typed.count), &watch);
    let picked = match picked {
        Err(error) if error.kind() == ErrorKind::Cancelled => return Ok(ExitCode::from(INTERRUPTED)),
        picked => picked.map_err(|error| format!("{} {error}", shown(&typed.video)))?,
    };
    let painter = studio.prepare(look).map_err(|error| error.to_string())?;
    let folder = typed.output.clone().unwrap_or_else(|| typed.video.with_file_name(""));
    let mut pairs = Vec::new();
    for (i, cover) in picked.iter().enumerate() {
        if cancelled.load(Ordering::Relaxed) {
            return Ok(ExitCode::from(INTERRUPTED));
        }
        bar.set_message(format!("painting {} of {}", i + 1, picked.len()));
        let known = Known { faces: Some(&cover.faces), ..Known::default() };
        let painted = painter.paint_with(&cover.frame, known, &unwatched).map_err(|error| named(error.to_string()))?;
        let path = folder.join(name(&typed.video, &format!("cover-{}", i + 1), typed.format));
        write(&path, &painted, typed.format)?;
        bar.suspend(|| tell(&path, cover, typed.json));
        pairs.push([cell(&cover.frame), cell(&painted)]);
    }
    bar.finish_and_clear();
    if pairs.is_empty() {
        return Ok(ExitCode::from(NOTHING_DONE));
    }
    let path = folder.join(name(&typed.video, "covers", Format::Jpeg));
    write(&path, &sheet(&pairs), Format::Jpeg)?;
    if !typed.json {
        out::line(&format!("{}  all of them beside their photos", shown(&path)));
    }
    Ok(ExitCode::SUCCESS)
}

fn name(video: &Path, what: &str, format: Format) -> PathBuf {
    let mut name = video.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".{what}.kaiga.{}", format.extension()));
    name.into()
}

fn write(path: &Path, picture: &Image<Srgb8>, format: Format) -> Result<(), String> {
    let bytes = codec::write(picture, None, format, QUALITY).map_err(|error| error.to_string())?;
    Place::reserve(path, bytes.len() as u64)?.fill(&bytes)
}

fn tell(path: &Path, cover: &Cover, as_json: bool) {
    let at_s = (100.0 * cover.at_s).round() / 100.0;
    if as_json {
        let score = (100.0 * cover.score).round() / 100.0;
        let path = path.display().to_string();
        out::line(&json!({"output": path, "at_s": at_s, "score": score, "faces": cover.faces.len()}).to_string());
    } else {
        let minutes = (at_s / 60.0).floor();
        out::line(&format!("{}  at {minutes}:{:05.2}", shown(path), at_s - 60.0 * minutes));
    }
}

fn cell(picture: &Image<Srgb8>) -> Image<Srgb8> {
    let height = (picture.height() * CELL_PX).div_ceil(picture.width()).clamp(1, 2 * CELL_PX);
    resize::to(picture, CELL_PX, height, Filter::Lanczos3)
}

/// Photos and paintings side by side, two pairs a row.
fn sheet(pairs: &[[Image<Srgb8>; 2]]) -> Image<Srgb8> {
    let in_row = pairs.len().min(2);
    let height = pairs.iter().flatten().map(Image::height).max().unwrap_or(1);
    let rows = pairs.len().div_ceil(in_row);
    let (step_x, step_y) = (2 * CELL_PX + GAP_PX, height + GAP_PX);
    let mut sheet = Image::filled(in_row * step_x + GAP_PX, rows * step_y + GAP_PX, [255; 3]);
    for (i, pair) in pairs.iter().enumerate() {
        let (x, y) = (GAP_PX + i % in_row * step_x, GAP_PX + i / in_row * step_y);
        sheet.paste(x, y, &pair[0]);
        sheet.paste(x + CELL_PX, y, &pair[1]);
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_holds_all_pairs() {
        let pair = |level: u8| [Image::filled(CELL_PX, 30, [level; 3]), Image::filled(CELL_PX, 30, [level + 1; 3])];
        let sheet = sheet(&[pair(10), pair(20), pair(30)]);
        assert_eq!((sheet.width(), sheet.height()), (4 * CELL_PX + 3 * GAP_PX, 2 * 30 + 3 * GAP_PX));
        let at = |x: usize, y: usize| sheet.at(x, y)[0];
        assert_eq!([at(20, 20), at(20 + CELL_PX, 20), at(20 + 2 * CELL_PX + GAP_PX, 20), at(20, 60)], [10, 11, 20, 30]);
        assert_eq!(at(20 + 2 * CELL_PX + GAP_PX, 60), 255);
    }
}
