//! `kaiga video`: videos in, painted videos out.

use crate::batch::{cancel_on_interrupt, style};
use crate::out::{self, shown};
use crate::{INTERRUPTED, NOTHING_DONE, SOME_FAILED, look};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget};
use kaiga::{Look, Painter, Stability};
use serde_json::json;
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use video::{Codec, Ending, ErrorKind, Preset, Progress, Report, Settings, Span, Transition};

/// The arguments, as typed.
#[derive(Debug, Args)]
pub(crate) struct Typed {
    /// Videos, GIFs, animated WebPs, or folders of them
    #[arg(value_name = "VIDEO|FOLDER", required = true)]
    inputs: Vec<PathBuf>,
    /// File or folder to write to: mp4, mov, mkv, webm, gif or webp [default: VIDEO.kaiga.mp4 beside the video, in its
    /// container]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    #[command(flatten)]
    look: look::Typed,
    /// How much time it may take: draft (painted small, to look at), good (most frames are carried from those painted), or best
    /// (every frame painted, small files)
    #[arg(long, value_name = "draft|good|best", default_value = "good")]
    preset: Preset,
    /// How it is coded: h264 (plays everywhere), h265, vp9 or av1 [default: h264, in webm vp9]
    #[arg(short, long, value_name = "h264|h265|vp9|av1")]
    codec: Option<Codec>,
    /// Quality in the codec's measure, less is better [default: by --preset]
    #[arg(long, value_name = "0..63", value_parser = clap::value_parser!(u8).range(0..=63))]
    crf: Option<u8>,
    /// How calm: 0 paints every frame for itself, 1 keeps whatever does not change
    #[arg(long, value_name = "0..1", default_value = "0.8", value_parser = stability)]
    stability: Stability,
    /// Paint only so much from --start on: 5s, 1:30
    #[arg(long, value_name = "TIME", value_parser = seconds, conflicts_with = "end")]
    preview: Option<f64>,
    /// Begin there: 12.5, 1:30, 0:01:30
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    start: Option<f64>,
    /// End there
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    end: Option<f64>,
    /// Melt from the real picture into the painting at the beginning, back at the end, or both: lines grow first, then colours
    #[arg(long, num_args = 2, value_names = ["in|out|both", "SECONDS"])]
    transition: Option<Vec<String>>,
    /// Show the real picture beside the painting, with a divider that moves
    #[arg(long)]
    split: bool,
    /// Keep what is done in parts beside the result, and go on from there if a run was cut off: give it from the first run on
    #[arg(long)]
    resume: bool,
    /// Leave videos alone whose painting is there already
    #[arg(long)]
    skip_existing: bool,
    /// One JSON object a line on stdout for each video
    #[arg(long)]
    json: bool,
}

/// The arguments of measuring, as typed.
#[derive(Debug, Args)]
pub(crate) struct TypedFlicker {
    /// The video
    source: PathBuf,
    /// Its painting, of the same size
    painting: PathBuf,
    /// Where in the video the painting begins
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    start: Option<f64>,
    /// Machine-readable
    #[arg(long)]
    json: bool,
}

/// What is to be done.
pub(crate) struct Params {
    jobs: Vec<(PathBuf, PathBuf)>,
    pub(crate) look: Look,
    settings: Settings,
    skip_existing: bool,
    json: bool,
}

pub(crate) fn stability(text: &str) -> Result<Stability, String> {
    let number = text.parse().map_err(|_| "it must be a number from 0 to 1".to_owned())?;
    Stability::new(number).map_err(|error| error.to_string())
}

fn transition(typed: &[String]) -> Result<Transition, String> {
    let [at, length] = typed else { return Err("a transition is in, out or both, and its seconds".into()) };
    let length_s = seconds(length).map_err(|complaint| format!("--transition: {complaint}"))?;
    let made = at.parse().and_then(|at| Transition::new(at, length_s));
    made.map_err(|error| format!("--transition: {error}"))
}

/// `5`, `5s`, `1:30` or `0:01:30.5`.
pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    let refused = || "it must be a time: 5s, 12.5, 1:30 or 0:01:30".to_owned();
    let parts: Vec<&str> = text.trim_end_matches('s').split(':').collect();
    if parts.len() > 3 {
        return Err(refused());
    }
    let mut sum = 0.0;
    for part in parts {
        let number = part.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        sum = 60.0 * sum + number.ok_or_else(refused)?;
    }
    Ok(sum)
}

impl Typed {
    /// What is meant.
    ///
    /// # Errors
    /// The complaint about the usage, in a sentence.
    pub(crate) fn meant(self) -> Result<Params, String> {
        let end_s = self.preview.map(|length_s| self.start.unwrap_or(0.0) + length_s).or(self.end);
        let span = Span::new(self.start, end_s).map_err(|error| error.to_string())?;
        let transition = self.transition.as_deref().map(transition).transpose()?;
        let settings = Settings {
            codec: self.codec,
            crf: self.crf,
            preset: self.preset,
            span,
            stability: self.stability,
            transition,
            split: self.split,
            resume: self.resume,
        };
        Ok(Params {
            jobs: jobs(&self.inputs, self.output.as_deref())?,
            look: self.preset.look(self.look.meant()?),
            settings,
            skip_existing: self.skip_existing,
            json: self.json,
        })
    }
}

/// Videos and what their paintings are called; folders spelt out.
fn jobs(inputs: &[PathBuf], output: Option<&Path>) -> Result<Vec<(PathBuf, PathBuf)>, String> {
    let one_video = matches!(inputs, [path] if !path.is_dir());
    let is_file = output.is_some_and(|output| output.extension().is_some() && !output.is_dir());
    if let (Some(output), true, false) = (output, is_file, one_video) {
        return Err(format!("{} is one file, there are several videos: give -o a folder", shown(output)));
    }
    let mut jobs = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            let target = match output {
                Some(output) if is_file => output.to_owned(),
                Some(folder) => folder.join(painting_name(input)),
                None => input.with_file_name(painting_name(input)),
            };
            jobs.push((input.clone(), target));
            continue;
        }
        let mut name = input.file_name().map_or_else(|| OsString::from("videos"), OsString::from);
        name.push(".kaiga");
        let into = output.map_or_else(|| input.with_file_name(name), Path::to_owned);
        let entries = std::fs::read_dir(input).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let entries = entries.map_err(|error| format!("{}: {}", shown(input), crate::photo::plainly(&error)))?;
        let mut videos: Vec<PathBuf> =
            entries.iter().map(std::fs::DirEntry::path).filter(|path| is_video(path)).collect();
        videos.sort();
        jobs.extend(
            videos.into_iter().map(|path| (into.join(painting_name(&path)), path)).map(|(to, from)| (from, to)),
        );
    }
    if jobs.is_empty() {
        return Err("there are no videos to paint".into());
    }
    // Two videos that differ in their extension only keep it.
    for i in 0..jobs.len() {
        if jobs[..i].iter().any(|(_, other)| *other == jobs[i].1) {
            let (input, target) = &jobs[i];
            let mut name = input.file_name().unwrap_or_default().to_owned();
            name.push(".kaiga.");
            name.push(target.extension().unwrap_or_default());
            jobs[i].1 = target.with_file_name(name);
        }
    }
    Ok(jobs)
}

fn is_video(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_painting = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(".kaiga"));
    path.is_file() && !name.starts_with('.') && !is_painting && video::looks_like_video(path)
}

fn painting_name(input: &Path) -> OsString {
    let mut name = input.file_stem().unwrap_or(input.as_os_str()).to_owned();
    name.push(format!(".kaiga.{}", video::usual_extension(input)));
    name
}

/// Paints them all, says how it went, and returns the exit status.
pub(crate) fn run(painter: &Painter, params: &Params) -> ExitCode {
    let cancelled = cancel_on_interrupt();
    let (mut done, mut failed) = (0, 0);
    for (input, output) in &params.jobs {
        if cancelled.load(Ordering::Relaxed) {
            break;
        }
        if params.skip_existing && output.exists() {
            done += 1;
            skipped(input, output, params.json);
            continue;
        }
        let (bar, start) = (bar(params.json), Instant::now());
        let watch = |progress: &Progress| show(&bar, input, progress, &cancelled);
        let report = video::paint(painter, input, output, &params.settings, &watch);
        bar.finish_and_clear();
        match report {
            Ok(report) => {
                let broken = matches!(report.ending, Ending::Broken(_));
                (done, failed) = (done + usize::from(!broken), failed + usize::from(broken));
                tell(input, output, &report, start.elapsed().as_secs_f64(), params.json);
            }
            Err(error) if error.kind() == ErrorKind::Cancelled => break,
            Err(error) => {
                failed += 1;
                complain(input, &error.to_string(), params.json);
            }
        }
    }
    match (cancelled.load(Ordering::Relaxed), failed, done) {
        (true, ..) => ExitCode::from(INTERRUPTED),
        (false, 0, _) => ExitCode::SUCCESS,
        (false, _, 0) if params.jobs.len() > 1 || done == 0 => ExitCode::from(NOTHING_DONE),
        (false, ..) => ExitCode::from(SOME_FAILED),
    }
}

fn bar(json: bool) -> ProgressBar {
    let draw = if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, draw);
    bar.set_style(style("{msg}"));
    bar
}

fn show(bar: &ProgressBar, input: &Path, progress: &Progress, cancelled: &AtomicBool) -> ControlFlow<()> {
    let name = shown(Path::new(input.file_name().unwrap_or_default()));
    let rate = format!("{:.1} fps", progress.per_second());
    match progress.expected {
        Some(expected) => {
            bar.set_style(style("{msg} [{wide_bar}] {pos} of {len} {prefix}"));
            bar.set_length(expected.max(progress.done));
            bar.set_position(progress.done);
            let left_s = progress.left_s().filter(|_| progress.done > 0).unwrap_or(0.0) as u64;
            bar.set_prefix(format!("{rate}, {}:{:02}:{:02} left", left_s / 3600, left_s / 60 % 60, left_s % 60));
            bar.set_message(name);
        }
        None => bar.set_message(format!("{name}: {} frames, {rate}", progress.done)),
    }
    if cancelled.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn tell(input: &Path, output: &Path, report: &Report, took_s: f64, as_json: bool) {
    let (status, broken) = match &report.ending {
        Ending::Whole => ("painted", None),
        Ending::Interrupted => ("interrupted", None),
        Ending::Broken(why) => ("broken", Some(why)),
    };
    let per_second = (report.frames - report.resumed) as f64 / took_s.max(1e-6);
    let ms = |seconds: f64| (1000.0 * seconds).round() as u64;
    if as_json {
        let took = report.took;
        let mut line = json!({
            "input": input.display().to_string(), "output": output.display().to_string(), "status": status,
            "frames": report.frames, "shots": report.shots, "fps": (10.0 * per_second).round() / 10.0,
            "ms": ms(took_s), "ms_decoding": ms(took.decoding), "ms_analysing": ms(took.analysing),
            "ms_painting": ms(took.painting), "ms_blending": ms(took.blending), "ms_coding": ms(took.coding),
            "ms_joining": ms(took.joining), "resumed": report.resumed, "warnings": report.warnings,
        });
        if let Some(why) = broken {
            line["error"] = why.as_str().into();
        }
        out::line(&line.to_string());
        return;
    }
    let name = shown(input);
    for warning in &report.warnings {
        out::complain(&format!("kaiga: {name}: {warning}"));
    }
    if let Some(why) = broken {
        out::complain(&format!("kaiga: {name}: {why}; the {} frames before that are kept", report.frames));
    }
    let interrupted = if report.ending == Ending::Interrupted { "interrupted, " } else { "" };
    let resumed = match report.resumed {
        0 => String::new(),
        resumed => format!("{resumed} were there, "),
    };
    let how = format!("{interrupted}{resumed}");
    let line =
        format!("{name} → {}  {how}{} frames in {took_s:.1} s, {per_second:.1} fps", shown(output), report.frames);
    out::line(&line);
}

fn skipped(input: &Path, output: &Path, as_json: bool) {
    if as_json {
        let (input, output) = (input.display().to_string(), output.display().to_string());
        out::line(&json!({"input": input, "output": output, "status": "skipped"}).to_string());
    } else {
        out::line(&format!("{} is there already", shown(output)));
    }
}

fn complain(input: &Path, complaint: &str, as_json: bool) {
    if as_json {
        let line = json!({"input": input.display().to_string(), "status": "failed", "error": complaint});
        out::line(&line.to_string());
    } else {
        out::complain(&format!("kaiga: {} {complaint}", shown(input)));
    }
}

/// How calm a painting is, for people or for programs.
pub(crate) fn flicker(typed: &TypedFlicker) -> Result<String, String> {
    let span = Span::new(typed.start, None).map_err(|error| error.to_string())?;
    let found = video::flicker(&typed.source, &typed.painting, span);
    let found = found.map_err(|error| format!("{} {error}", shown(&typed.source)))?;
    if typed.json {
        let round = |v: f64| (1e4 * v).round() / 1e4;
        let told = json!({
            "frames": found.frames, "source": round(found.source), "painting": round(found.painting),
            "source_ink": round(found.source_ink), "painting_ink": round(found.painting_ink),
            "painting_moving": round(found.moving), "moving_share": round(found.moving_share),
        });
        return Ok(told.to_string());
    }
    let ratio = |painting: f64, source: f64| painting / source.max(1e-9);
    Ok(format!(
        "{} pairs of frames\ncolour  source {:.3}  painting {:.3}  ({:.2} times)\nink     source {:.3}  painting {:.3}  \
         ({:.2} times)\nmoving  painting {:.3}, {:.0} % of the pixels",
        found.frames,
        found.source,
        found.painting,
        ratio(found.painting, found.source),
        found.source_ink,
        found.painting_ink,
        ratio(found.painting_ink, found.source_ink),
        found.moving,
        100.0 * found.moving_share,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_type_them() {
        assert_eq!(["5s", "12.5", "1:30", "0:01:30.5"].map(seconds), [Ok(5.0), Ok(12.5), Ok(90.0), Ok(90.5)]);
        assert!(["", "x", "-1", "1:2:3:4", "inf"].iter().all(|text| seconds(text).is_err()));
    }

    #[test]
    fn paintings_are_called_after_their_videos_and_told_apart() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let targets = |names: &[&str], output: Option<&str>| {
            jobs(&paths(names), output.map(Path::new))
                .map(|jobs| jobs.into_iter().map(|(_, to)| to.display().to_string()).collect::<Vec<_>>())
        };
        assert_eq!(targets(&["x/夏.MOV"], None), Ok(vec!["x/夏.kaiga.mov".into()]));
        assert_eq!(targets(&["a.avi", "a.ts"], None), Ok(vec!["a.kaiga.mkv".into(), "a.ts.kaiga.mkv".into()]));
        assert_eq!(targets(&["x/a.mp4"], Some("out/b.gif")), Ok(vec!["out/b.gif".into()]));
        assert!(targets(&["a.mp4", "b.mp4"], Some("c.mp4")).is_err());
    }
}
