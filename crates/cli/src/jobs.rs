//! `kaiga jobs`: what the operator does with the queue. `kaiga batch`: a folder or a bucket becomes jobs.

use crate::serve::{TypedStore, TypedWorker};
use crate::{Complaint, NOTHING_DONE, SOME_FAILED, WRONG_USAGE, look, out};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use pixels::codec::Format;
use server::batch::{Order, Tally, batch};
use server::operate::{self, Line, Which};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use video::Preset;

/// What to do with the queue.
#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// List jobs that wait or run
    List(List),
    /// List jobs that failed through no fault of their pictures, with the reason
    Dead(List),
    /// Have dead jobs run again, as if they were new
    Replay(These),
    /// Delete jobs and their pictures, whatever their state
    Drop(These),
}

/// Of which queue, and how to list.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: TypedStore,
}

/// Which jobs.
#[derive(Debug, Args)]
pub(crate) struct These {
    /// Names of jobs, as listed
    #[arg(value_name = "JOB", required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// All that are dead
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    store: TypedStore,
}

/// Does it.
pub(crate) fn run(wish: Jobs) -> Result<ExitCode, Complaint> {
    match wish {
        Jobs::List(list) => show(list, false),
        Jobs::Dead(list) => show(list, true),
        Jobs::Replay(some) => change(some, operate::replay, "replayed", "is not dead"),
        Jobs::Drop(some) => change(some, operate::drop, "dropped", "does not exist"),
    }
}

fn show(List { json, store }: List, dead: bool) -> Result<ExitCode, Complaint> {
    let (_, config) = store.0.meant().map_err(|complaint| (WRONG_USAGE, complaint))?;
    let lines = operate::list(&config, dead).map_err(|complaint| (NOTHING_DONE, complaint))?;
    for line in &lines {
        out::line(&if json { serde_json::to_string(line).unwrap_or_default() } else { plainly(line) });
    }
    Ok(ExitCode::SUCCESS)
}

fn plainly(line: &Line) -> String {
    let now_ms =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_millis() as i64);
    let age_s = (now_ms - line.created_ms).max(0) / 1000;
    let what = match (&line.reason, line.state) {
        (Some(reason), _) => reason.clone(),
        (None, "running") => format!("running, {:.0} %", line.progress * 100.0),
        (None, state) => state.to_owned(),
    };
    format!("{}  {age_s:>6} s  {what}", line.id)
}

type Action = fn(&server::config::Config, &Which) -> Result<(usize, Vec<String>), String>;

fn change(some: These, action: Action, done: &str, why_not: &str) -> Result<ExitCode, Complaint> {
    let (_, config) = some.store.0.meant().map_err(|complaint| (WRONG_USAGE, complaint))?;
    let which = if some.all { Which::AllDead } else { Which::These(some.ids) };
    let (count, left) = action(&config, &which).map_err(|complaint| (NOTHING_DONE, complaint))?;
    out::line(&format!("{count} {done}"));
    for id in &left {
        out::complain(&format!("kaiga: {id} {why_not}"));
    }
    Ok(match (count, left.is_empty()) {
        (_, true) => ExitCode::SUCCESS,
        (0, false) => ExitCode::from(NOTHING_DONE),
        _ => ExitCode::from(SOME_FAILED),
    })
}

/// The arguments of a batch, as typed.
#[derive(Debug, Args)]
pub(crate) struct TypedBatch {
    /// The photos and videos: a folder, or s3://bucket/folder, gs://bucket/folder, az://container/folder
    #[arg(value_name = "IN")]
    input: String,
    /// Where the paintings go, and beside them a manifest of what became of each
    #[arg(value_name = "OUT")]
    output: String,
    /// Format of the paintings of photos: png, jpg or webp
    #[arg(short, long, value_name = "FORMAT", value_parser = crate::args::format, default_value = "png")]
    format: Format,
    /// Quality of jpg, 1 to 100
    #[arg(short, long, value_name = "1..100", default_value = "92", value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    /// How much time videos may take: draft (painted small, to look at), good (most frames are carried from those painted), or
    /// best (every frame painted, small files)
    #[arg(long, value_name = "draft|good|best", default_value = "good")]
    preset: Preset,
    /// Photos, and pieces of a video, under way at a time
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u16).range(1..=1024))]
    at_a_time: u16,
    /// Try those again that failed before
    #[arg(long)]
    retry_failed: bool,
    /// One JSON object a line on stdout about how it goes
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    look: look::Typed,
    #[command(flatten)]
    settings: TypedWorker,
}

/// Paints a folder or a bucket.
pub(crate) fn paint(typed: TypedBatch) -> Result<ExitCode, Complaint> {
    let usage = |complaint: String| (WRONG_USAGE, complaint);
    let (_, config) = typed.settings.0.meant().map_err(usage)?;
    typed.look.meant().map_err(usage)?;
    let given = typed.look.pairs();
    if let Some((name, _)) =
        given.iter().find(|(name, _)| kaiga::SETTINGS.iter().any(|one| one.name == name && one.local))
    {
        return Err(usage(format!(
            "--{} is for the machine that paints: a batch leaves it to the workers",
            name.replace('_', "-")
        )));
    }
    let more =
        [("format".to_owned(), typed.format.extension().to_owned()), ("quality".to_owned(), typed.quality.to_string())];
    let order = Order {
        input: typed.input,
        output: typed.output,
        params: given.into_iter().chain(more).collect(),
        preset: typed.preset,
        at_a_time: typed.at_a_time.into(),
        retry_failed: typed.retry_failed,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    // If it cannot be heard, Ctrl-C ends the program at once, which does no harm either.
    let _ = ctrlc::set_handler(move || asked.store(true, Ordering::Relaxed));
    let mut teller = Teller::new(typed.json);
    let tally =
        batch(config, &order, &stop, &mut |tally| teller.tell(tally)).map_err(|complaint| (NOTHING_DONE, complaint))?;
    teller.end(&tally);
    let left = tally.total - tally.before - tally.done - tally.failed;
    Ok(match (tally.done, tally.failed) {
        _ if left > 0 => ExitCode::from(crate::INTERRUPTED),
        (_, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(NOTHING_DONE),
        _ => ExitCode::from(SOME_FAILED),
    })
}

/// Says how it goes: a bar on a terminal, lines for others.
struct Teller {
    bar: Option<ProgressBar>,
    json: bool,
    last: Option<Instant>,
}

/// Where nobody watches a line is enough so often.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Teller {
    fn new(json: bool) -> Self {
        let bar = (!json && std::io::stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{wide_bar} {pos} of {len}, {msg}");
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, json, last: None }
    }

    fn tell(&mut self, tally: &Tally) {
        if let Some(bar) = &self.bar {
            bar.set_length(tally.total as u64);
            bar.set_position((tally.before + tally.done + tally.failed) as u64);
            bar.set_message(words(tally));
        } else if self.last.is_none_or(|last| last.elapsed() > LINE_EVERY) {
            self.last = Some(Instant::now());
            self.line(tally, "progress");
        }
    }

    fn line(&self, tally: &Tally, event: &str) {
        let Tally { total, before, done, failed, pieces, per_second } = *tally;
        if self.json {
            let line = serde_json::json!({"event": event, "total": total, "before": before, "done": done, "failed": failed,
                "pieces_done": pieces.0, "pieces": pieces.1, "per_second": per_second});
            out::line(&line.to_string());
        } else {
            out::complain(&format!("{} of {total}, {}", before + done + failed, words(tally)));
        }
    }

    fn end(&self, tally: &Tally) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.line(tally, "end");
    }
}

fn words(tally: &Tally) -> String {
    let left = tally.total - tally.before - tally.done - tally.failed;
    let rate = format!("{:.1} a second", tally.per_second);
    let failed = if tally.failed > 0 { format!(", {} failed", tally.failed) } else { String::new() };
    let failed = match tally.pieces {
        (_, 0) => failed,
        (done, all) => format!("{failed}, {done} of {all} pieces of videos"),
    };
    match (left, tally.per_second > 0.0) {
        (0, _) | (_, false) => format!("{rate}{failed}"),
        _ => format!(
            "{rate}{failed}, about {} to go",
            indicatif::HumanDuration(Duration::from_secs_f64(left as f64 / tally.per_second))
        ),
    }
}
