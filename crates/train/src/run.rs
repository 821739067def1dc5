//! A run of distillation: steps against the clock, and what it leaves in its folder. `metrics.jsonl` (a line per
//! report), `curve.svg`, `sample-STYLE.png` (photo | painter | network), `checkpoint.safetensors`, and `export/`
//! with the model files of the running average.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tch::{Device, Kind};

use crate::checkpoint;
use crate::data::{self, BatchShape, Pair};
use crate::export::export;
use crate::file;
use crate::losses::LossWeights;
use crate::parameters::Layout;
use crate::score::{Sample, bytes, sample, score};
use crate::sheet::{curve, sheet};
use crate::step::{State, StepLosses, step};

/// The styles that are trained, and what their files say of them: name, description, tags.
pub const STYLES: [(&str, &str, &[&str]); 2] = [
    ("meadow", "Bright air, warm light, fresh greens, lines in ink", &["宫崎骏风", "meadow"]),
    ("skyglow", "Deep blue skies, violet shadows, glowing light", &["新海诚光晕", "skyglow"]),
];
/// Held-out pictures that are scored.
const SCORED: usize = 24;
/// Pictures on a sample sheet.
const SHOWN: usize = 4;
/// Steps until the learning rate is reached.
const WARM_UP_STEPS: f64 = 200.0;
/// The learning rate that is left at the end.
const LAST_RATE: f64 = 1e-5;

/// How long a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// Minutes of training, reports included.
    Minutes(f64),
    /// Steps.
    Steps(u64),
}

/// What a run is asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Pairs to learn from; those in its sub-folder `held` are scored only.
    pub pairs: PathBuf,
    /// Folder of the run.
    pub out: PathBuf,
    /// How long.
    pub length: Length,
    /// Whether to go on from the folder's checkpoint.
    pub resume: bool,
    /// Of the first weights and of the batches.
    pub seed: u64,
    /// Highest learning rate.
    pub rate: f64,
    /// Samples a step, of all styles together.
    pub batch: usize,
    /// Side of a crop, px.
    pub side: usize,
    /// Minutes between reports.
    pub report_min: f64,
    /// Pixels kept in memory, bytes.
    pub limit_bytes: usize,
    /// Losses.
    pub losses: LossWeights,
    /// Where it runs.
    pub device: Device,
    /// What convolutions compute in.
    pub kind: Kind,
}

/// Trains as planned and says how it goes in `say`.
///
/// # Errors
/// If pairs or the folder cannot be read or written, a loss is not a number, or the model files would not be
/// painted by the engine as the trainer paints them.
pub fn distil(plan: &Plan, say: &mut dyn FnMut(&str)) -> Result<()> {
    let styles: Vec<&str> = STYLES.iter().map(|style| style.0).collect();
    if plan.side == 0 || !plan.side.is_multiple_of(16) || plan.batch == 0 || !plan.batch.is_multiple_of(styles.len()) {
        bail!("the crop's side must be a multiple of 16 and the batch one of {}", styles.len());
    }
    std::fs::create_dir_all(plan.out.join("export")).with_context(|| format!("cannot make {}", plan.out.display()))?;
    let checkpoint_path = plan.out.join("checkpoint.safetensors");
    let layout = Layout::light(&styles);
    let (mut state, before_s) = if plan.resume {
        checkpoint::load(layout, &checkpoint_path, plan.device)?
    } else if checkpoint_path.exists() {
        bail!("{} holds a run already: go on with --resume, or name another --out", plan.out.display());
    } else {
        (State::new(layout, plan.seed, plan.device), 0.0)
    };
    let loaded = Instant::now();
    let mut held = data::load(&plan.pairs.join("held"), &styles, plan.side, usize::MAX)?;
    held = spread(held, SCORED);
    let pairs = Arc::new(data::load(&plan.pairs, &styles, plan.side, plan.limit_bytes)?);
    let memory: usize = pairs.iter().map(|pair| pair.width * pair.height * (4 + 3 * styles.len())).sum();
    say(&format!(
        "{} weights; {} pairs ({:.2} GB) and {} held out, read in {:.0} s; {:?}, {:?}, seed {}",
        state.layout.len(),
        pairs.len(),
        memory as f64 / 1e9,
        held.len(),
        loaded.elapsed().as_secs_f64(),
        plan.device,
        plan.kind,
        plan.seed
    ));

    let mut log = Log::open(&plan.out.join("metrics.jsonl"), state.step, plan.resume)?;
    let shape = BatchShape { per_style: plan.batch / styles.len(), side: plan.side, degrade: true };
    let batches = data::stream(pairs, styles.len(), shape, plan.seed, state.step);
    let start = Instant::now();
    let seconds = || before_s + start.elapsed().as_secs_f64();
    let (mut reported_s, mut recent, mut count) = (seconds(), StepLosses::default(), 0.0);
    loop {
        let done = match plan.length {
            Length::Minutes(minutes) => seconds() / (minutes * 60.0),
            Length::Steps(steps) => state.step as f64 / steps.max(1) as f64,
        };
        let since_s = seconds() - reported_s;
        if done >= 1.0 || since_s >= plan.report_min * 60.0 {
            let speed = count / since_s.max(1e-9);
            report(&state, &held, plan, seconds(), speed, &mean(recent, count), &mut log, say)?;
            // A refused export must not end hours of training; at the end it is an error.
            if let Err(refused) = write_models(&state, plan, seconds()) {
                if done >= 1.0 {
                    return Err(refused);
                }
                say(&format!("NOT EXPORTED: {refused:#}"));
            }
            (reported_s, recent, count) = (seconds(), StepLosses::default(), 0.0);
        }
        if done >= 1.0 {
            break;
        }
        let batch = batches.recv().context("the thread that prepares batches has ended; its message is above")?;
        let rate = rate(plan.rate, state.step, done);
        let losses = step(&mut state, &batch, rate, &plan.losses, plan.kind)?;
        recent = added(recent, losses);
        count += 1.0;
        if state.step % 100 == 0 && state.step <= 500 {
            let speed = count / (seconds() - reported_s);
            say(&format!("step {}: {speed:.2} steps/s, loss {:.4}", state.step, mean(recent, count).total));
        }
    }
    Ok(())
}

/// The learning rate: straight up over the first steps, then a cosine over the whole length.
pub fn rate(highest: f64, step: u64, done: f64) -> f64 {
    let warm = ((step + 1) as f64 / WARM_UP_STEPS).min(1.0);
    highest * warm * (0.5 + 0.5 * (std::f64::consts::PI * done.min(1.0)).cos()) + LAST_RATE
}

/// The checkpoint comes first: whatever fails afterwards, the training is safe.
fn report(
    state: &State,
    held: &[Pair],
    plan: &Plan,
    seconds: f64,
    steps_per_s: f64,
    losses: &StepLosses,
    log: &mut Log,
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    checkpoint::save(state, seconds, &plan.out.join("checkpoint.safetensors"))?;
    let scores: Vec<_> =
        (0..state.layout.styles.len()).map(|style| score(&state.layout, &state.average, held, style)).collect();
    let mut line = json!({
        "step": state.step, "seconds": seconds.round(), "steps_per_s": steps_per_s,
        "loss": losses.total, "colour": losses.colour, "gradients": losses.gradients, "ab": losses.ab,
        "ink": losses.ink, "gradient_norm": losses.gradient_norm,
    });
    let mut words =
        format!("step {}, {:.1} min, {steps_per_s:.2}/s: loss {:.4}", state.step, seconds / 60.0, losses.total);
    for (name, s) in state.layout.styles.iter().zip(&scores) {
        line[name] = json!({"psnr_db": s.psnr_db, "gradients": s.gradients, "ink": s.ink});
        words += &format!("; {name} {:.2} dB, gradients {:.4}, ink {:.4}", s.psnr_db, s.gradients, s.ink);
    }
    say(&words);
    log.push(line)?;
    file::write(&plan.out.join("curve.svg"), log.curve(&state.layout.styles).as_bytes())?;
    for (style, name) in state.layout.styles.iter().enumerate() {
        let shown = spread(held.to_vec(), SHOWN);
        let rows = shown.iter().map(|pair| {
            let Sample { half, size: [w, h], painted, .. } = sample(&state.layout, &state.average, pair, style);
            vec![(w, h, half.photo), (w, h, half.painting), (w, h, bytes(&painted))]
        });
        file::write(&plan.out.join(format!("sample-{name}.png")), &sheet(&rows.collect::<Vec<_>>())?)?;
    }
    Ok(())
}

fn write_models(state: &State, plan: &Plan, seconds: f64) -> Result<()> {
    let note = format!("distilled from the painter, seed {}, {} steps, {seconds:.0} s", plan.seed, state.step);
    let files = export(&state.layout, &state.average, &note)?;
    let folder = plan.out.join("export");
    file::write(&folder.join("base.safetensors"), &files.base)?;
    for (name, bytes) in &files.styles {
        file::write(&folder.join(format!("{name}.safetensors")), bytes)?;
    }
    Ok(())
}

/// At most `count` of `pairs`, evenly spread.
fn spread(pairs: Vec<Pair>, count: usize) -> Vec<Pair> {
    let every = pairs.len().div_ceil(count).max(1);
    pairs.into_iter().step_by(every).collect()
}

fn added(a: StepLosses, b: StepLosses) -> StepLosses {
    StepLosses {
        total: a.total + b.total,
        colour: a.colour + b.colour,
        gradients: a.gradients + b.gradients,
        ab: a.ab + b.ab,
        ink: a.ink + b.ink,
        gradient_norm: a.gradient_norm + b.gradient_norm,
    }
}

fn mean(sum: StepLosses, count: f64) -> StepLosses {
    let n = f64::max(count, 1.0);
    StepLosses {
        total: sum.total / n,
        colour: sum.colour / n,
        gradients: sum.gradients / n,
        ab: sum.ab / n,
        ink: sum.ink / n,
        gradient_norm: sum.gradient_norm / n,
    }
}

/// The lines of `metrics.jsonl`.
struct Log {
    file: std::fs::File,
    lines: Vec<Value>,
}

impl Log {
    /// Opens the log of a new run, or of a resumed one: lines later than its checkpoint are dropped.
    fn open(path: &Path, step: u64, resume: bool) -> Result<Self> {
        let old = if resume { std::fs::read_to_string(path).unwrap_or_default() } else { String::new() };
        let lines = old.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<Value> = lines.filter(|line| line["step"].as_u64().is_some_and(|s| s <= step)).collect();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        file::write(path, text.as_bytes())?;
        let file = std::fs::OpenOptions::new().append(true).open(path)?;
        Ok(Self { file, lines })
    }

    fn push(&mut self, line: Value) -> Result<()> {
        writeln!(self.file, "{line}").context("cannot write metrics.jsonl")?;
        self.lines.push(line);
        Ok(())
    }

    fn curve(&self, styles: &[String]) -> String {
        let points = |value: &dyn Fn(&Value) -> Option<f64>| -> Vec<[f64; 2]> {
            self.lines.iter().filter_map(|line| Some([line["seconds"].as_f64()? / 60.0, value(line)?])).collect()
        };
        let by_style = |figure: &str| -> Vec<crate::sheet::Line> {
            styles.iter().map(|style| (style.clone(), points(&|line| line[style][figure].as_f64()))).collect()
        };
        curve(&[
            ("PSNR against the painter on held-out pictures, dB", by_style("psnr_db")),
            ("correlation of gradients", by_style("gradients")),
            ("loss", vec![("training".to_owned(), points(&|line| line["loss"].as_f64()))]),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_and_falls() {
        assert!(rate(2e-3, 0, 0.0) < 3e-5);
        assert!((rate(2e-3, 200, 0.0) - 2.01e-3).abs() < 1e-9);
        assert!((rate(2e-3, 9000, 0.5) - 1.01e-3).abs() < 1e-9);
        assert!((rate(2e-3, 9000, 1.0) - LAST_RATE).abs() < 1e-12);
    }
}
