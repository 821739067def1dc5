//! All photos of a call, one after the other. Each picture uses all cores, so pictures need not overlap.

use crate::args::{Input, Params};
use crate::folder::Job;
use crate::out;
use crate::photo::{self, Done, Failure, Target, WAITS_FOR_STDIN};
use crate::place::write_whole;
use crate::{INTERRUPTED, NOTHING_DONE, SOME_FAILED};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use kaiga::Painter;
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A picture of more parts than this gets a bar of its own.
const FEW_PARTS: usize = 6;

/// What became of the jobs so far.
#[derive(Default)]
struct Tally {
    painted: usize,
    skipped: usize,
    failed: usize,
    /// Lines of `errors.jsonl`, by output folder. A folder without failures is there too, with none.
    failures: BTreeMap<PathBuf, Vec<String>>,
}

/// Paints them all, says how it went, and returns the exit status.
pub(crate) fn run(painter: &Painter, params: &Params, jobs: Vec<Job>) -> ExitCode {
    if jobs.is_empty() {
        out::complain("kaiga: there are no pictures to paint");
        return ExitCode::from(NOTHING_DONE);
    }
    let cancelled = cancel_on_interrupt();
    let desk = Desk::new(params, jobs.len());
    let start = Instant::now();
    let mut tally = Tally::default();
    for job in &jobs {
        if cancelled.load(Ordering::Relaxed) {
            break;
        }
        if let Some(root) = &job.root {
            tally.failures.entry(root.clone()).or_default();
        }
        if params.skip_existing && matches!(&job.target, Target::File(path) if path.exists()) {
            tally.skipped += 1;
            desk.skipped(job);
            continue;
        }
        let bar = desk.picture(job);
        let progress = |done: usize, total: usize| {
            if total > FEW_PARTS {
                bar.set_length(total as u64);
                bar.set_position(done as u64);
            }
            if cancelled.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let outcome = match &job.lost {
            Some(complaint) => Err(Failure::Failed(complaint.clone())),
            None => photo::paint(painter, params, &job.input, &job.target, &progress),
        };
        bar.finish_and_clear();
        match outcome {
            Ok(done) => {
                tally.painted += 1;
                desk.painted(job, &done);
            }
            Err(Failure::Cancelled) => break,
            Err(Failure::Failed(complaint)) => {
                tally.failed += 1;
                let line = desk.failed(job, &complaint);
                if let Some(root) = &job.root {
                    tally.failures.entry(root.clone()).or_default().push(line);
                }
            }
        }
    }
    desk.close();
    list_failures(&tally.failures);
    let interrupted = cancelled.load(Ordering::Relaxed);
    if !params.json && (jobs.len() > 1 || interrupted) {
        out::complain(&summary(&tally, jobs.len(), interrupted, start.elapsed().as_secs_f64()));
    }
    match (interrupted, tally.failed, tally.painted + tally.skipped) {
        (true, ..) => ExitCode::from(INTERRUPTED),
        (false, 0, _) => ExitCode::SUCCESS,
        (false, _, 0) => ExitCode::from(NOTHING_DONE),
        (false, ..) => ExitCode::from(SOME_FAILED),
    }
}

/// A flag that Ctrl-C raises. Pressed again, or while stdin is waited for, it ends the program at once.
pub(crate) fn cancel_on_interrupt() -> Arc<AtomicBool> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancelled);
    let handler = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) || WAITS_FOR_STDIN.load(Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
    });
    if let Err(error) = handler {
        out::complain(&format!("kaiga: Ctrl-C will not be answered gently: {error}"));
    }
    cancelled
}

/// Leaves a list of failures in each output folder that had some, and removes that of last time from the others.
fn list_failures(failures: &BTreeMap<PathBuf, Vec<String>>) {
    for (root, lines) in failures {
        let path = list_in(root);
        if !lines.is_empty() {
            if let Err(complaint) = write_whole(&path, (lines.join("\n") + "\n").as_bytes()) {
                out::complain(&format!("kaiga: {complaint}"));
            }
        } else if is_ours(&path) {
            // Best effort: an old list is a nuisance, no loss.
            let _ = std::fs::remove_file(&path);
        }
    }
}

/// Where the failures of a folder are listed: in `errors.jsonl`, unless somebody else's file is called that.
fn list_in(root: &Path) -> PathBuf {
    let usual = root.join("errors.jsonl");
    if usual.exists() && !is_ours(&usual) { root.join("errors.kaiga.jsonl") } else { usual }
}

/// Whether the file is a list of failures as [`Desk::failed`] writes its lines.
fn is_ours(path: &Path) -> bool {
    let ours = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| {
            let keys = ["input", "status", "error"];
            line.as_object()
                .is_some_and(|line| line.len() == keys.len() && keys.iter().all(|key| line.contains_key(*key)))
                && line["status"] == "failed"
        })
    };
    std::fs::read_to_string(path).is_ok_and(|text| !text.is_empty() && text.lines().all(ours))
}

fn summary(tally: &Tally, jobs: usize, interrupted: bool, took_s: f64) -> String {
    let mut parts = vec![format!("{} painted", tally.painted)];
    if tally.skipped > 0 {
        parts.push(format!("{} there already", tally.skipped));
    }
    if tally.failed > 0 {
        parts.push(format!("{} failed", tally.failed));
    }
    let left = jobs - tally.painted - tally.skipped - tally.failed;
    if left > 0 {
        parts.push(format!("{left} not begun or not finished"));
    }
    let with_failures: Vec<&PathBuf> = tally.failures.iter().filter(|(_, l)| !l.is_empty()).map(|(r, _)| r).collect();
    let list = match with_failures[..] {
        [root] => format!("; what failed is listed in {}", out::shown(&list_in(root))),
        _ => String::new(),
    };
    let how = if interrupted { "interrupted: " } else { "" };
    format!("{how}{} in {took_s:.1} s{list}", parts.join(", "))
}

/// Where people and programs are told how it goes: bars on a terminal, a line for each photo where wanted.
struct Desk<'a> {
    params: &'a Params,
    bars: MultiProgress,
    all: ProgressBar,
    /// Whether each painting is worth a line for people.
    lines: bool,
}

impl<'a> Desk<'a> {
    fn new(params: &'a Params, jobs: usize) -> Self {
        let draw = if params.json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bars = MultiProgress::with_draw_target(draw);
        let all = if jobs > 1 {
            let bar = bars.add(ProgressBar::new(jobs as u64));
            bar.set_style(style("{pos}/{len} [{wide_bar}] {eta_precise} left"));
            bar.tick();
            bar
        } else {
            ProgressBar::hidden()
        };
        Self { params, bars, all, lines: !params.json && (jobs == 1 || params.verbose) }
    }

    /// A bar for one picture; it shows only when somebody moves it.
    fn picture(&self, job: &Job) -> ProgressBar {
        let bar = self.bars.insert(0, ProgressBar::new(1));
        bar.set_style(style("{msg} [{wide_bar}] {pos} of {len} parts"));
        bar.set_message(name(&job.input));
        bar
    }

    fn painted(&self, job: &Job, done: &Done) {
        self.all.inc(1);
        if let (Some(warning), false) = (done.warning, self.params.json) {
            self.bars.suspend(|| out::complain(&format!("kaiga: {}: {warning}", name(&job.input))));
        }
        let Done { width, height, took, warning } = done;
        let ms = |time: std::time::Duration| time.as_millis() as u64;
        if self.params.json {
            let (input, output) = (raw(&job.input), raw_target(&job.target));
            let mut line = json!({
                "input": input, "output": output, "status": "painted", "width": width, "height": height,
                "ms": ms(took.all()), "ms_reading": ms(took.reading), "ms_painting": ms(took.painting),
                "ms_writing": ms(took.writing),
            });
            if let Some(warning) = warning {
                line["warning"] = warning.to_string().into();
            }
            out::line(&line.to_string());
        } else if self.lines {
            let mut line = format!("{} → {}  {:.2} s", name(&job.input), target(&job.target), took.all().as_secs_f64());
            if self.params.verbose {
                line += &format!(
                    " ({width}×{height} px; reading {}, painting {}, writing {} ms)",
                    ms(took.reading),
                    ms(took.painting),
                    ms(took.writing)
                );
            }
            // Stdout may carry the painting itself.
            let to_stdout = job.target != Target::Stdout;
            self.bars.suspend(|| if to_stdout { out::line(&line) } else { out::complain(&line) });
        }
    }

    fn skipped(&self, job: &Job) {
        self.all.inc(1);
        if self.params.json {
            let (input, output) = (raw(&job.input), raw_target(&job.target));
            out::line(&json!({"input": input, "output": output, "status": "skipped"}).to_string());
        } else if self.lines {
            self.bars.suspend(|| out::line(&format!("{} is there already", target(&job.target))));
        }
    }

    /// Says what went wrong and returns the line for `errors.jsonl`.
    fn failed(&self, job: &Job, complaint: &str) -> String {
        self.all.inc(1);
        let line = json!({"input": raw(&job.input), "status": "failed", "error": complaint}).to_string();
        if self.params.json {
            out::line(&line.to_string());
        } else {
            self.bars.suspend(|| out::complain(&format!("kaiga: {}: {complaint}", name(&job.input))));
        }
        line
    }

    fn close(&self) {
        self.all.finish_and_clear();
    }
}

pub(crate) fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("━╸ ")
}

/// As programs want it.
fn raw(input: &Input) -> String {
    match input {
        Input::Stdin => "stdin".into(),
        Input::Path(path) => path.display().to_string(),
    }
}

fn raw_target(target: &Target) -> String {
    match target {
        Target::Stdout => "stdout".into(),
        Target::File(path) => path.display().to_string(),
    }
}

/// As a terminal can show it.
fn name(input: &Input) -> String {
    out::shown(Path::new(&raw(input)))
}

fn target(target: &Target) -> String {
    out::shown(Path::new(&raw_target(target)))
}
