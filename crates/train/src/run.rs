//! A training run: steps against the clock, first of distillation, then against a discriminator where the recipe has
//! one. What it leaves in its folder: `metrics.jsonl` (a line per report), `report.html` with curves and sheets
//! (photo | painter | network), `checkpoint.safetensors`, `export/` with the model files of the running average, and
//! `distilled/` with those of the end of distillation.

pub mod adversarial_step;
pub mod lesson;
pub mod log;
pub mod recipe;
pub mod score;
pub mod step;
pub mod styles;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use net::{Model, Style};
use serde_json::json;
use tch::{Device, Kind};

use self::adversarial_step::Opponent;
use self::log::Log;
use self::recipe::{Distil, Words};
use self::score::{Sample, bytes, sample, score};
use self::step::{Numbers, State, step};
use self::styles::{STYLES, Trained};
use crate::data::art::crops_like;
use crate::data::{self, BatchShape, Pair, mix};
use crate::file;
use crate::model::checkpoint;
use crate::model::discriminator::Discriminator;
use crate::model::export::export;
use crate::model::models::Models;
use crate::model::parameters::Layout;
use crate::sheet::sheet;

/// Styles that take part in a step of the base, in turn.
const AT_ONCE: usize = 2;
/// Held-out pictures that are scored.
const SCORED: usize = 32;
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

/// What is trained.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a run has one")]
pub enum Subject {
    /// The base with all of [`STYLES`].
    Base,
    /// Pruned models, to be mended: base and styles.
    Pruned(Models),
    /// One style over a base that stays as it is.
    Style {
        /// The base.
        base: Model,
        /// The style it starts from.
        start: Style,
        /// What it is to be called.
        name: String,
        /// What its file says of it.
        words: Words,
        /// Columns of its adapters.
        rank: usize,
    },
}

/// What a run is asked for.
#[derive(Debug)]
pub struct Plan {
    /// What is trained.
    pub subject: Subject,
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
    /// Samples a step, of all styles together.
    pub batch: usize,
    /// Side of a crop, px.
    pub side: usize,
    /// Minutes between reports.
    pub report_min: f64,
    /// Pixels kept in memory, bytes.
    pub limit_bytes: usize,
    /// How the painter is learnt.
    pub distil: Distil,
    /// The discriminator and what belongs to it, if it is to take part.
    pub opponent: Option<Opponent>,
    /// Where it runs.
    pub device: Device,
    /// What convolutions compute in.
    pub kind: Kind,
}

/// Whoever watches a run.
pub trait Watch {
    /// A line for the record.
    fn say(&mut self, line: &str);
    /// How far the run is, 0..1, and the losses of the last step.
    fn progress(&mut self, done: f64, step: u64, numbers: &Numbers);
}

impl Plan {
    fn styles(&self) -> Vec<&str> {
        match &self.subject {
            Subject::Base => STYLES.iter().map(|style| style.name).collect(),
            Subject::Pruned(models) => models.names(),
            Subject::Style { name, .. } => vec![name],
        }
    }

    /// The parts of batches by the numbers of their styles, one batch after the other and then again: for the base
    /// [`AT_ONCE`] of its styles, each once in a round and beside another one in the next.
    fn cycle(&self) -> Vec<Vec<usize>> {
        let styles = STYLES.len();
        let rounds = (0..styles).flat_map(|round| (0..styles).map(move |turn| (turn + round) % styles));
        match &self.subject {
            Subject::Base => rounds.collect::<Vec<_>>().chunks(AT_ONCE).map(<[usize]>::to_vec).collect(),
            Subject::Pruned(models) => vec![(0..models.styles.len()).collect()],
            Subject::Style { .. } => vec![vec![0, 0]],
        }
    }

    fn layout(&self) -> Result<Layout> {
        match &self.subject {
            Subject::Base => Ok(Layout::light(&self.styles())),
            Subject::Pruned(models) => models.layout(),
            Subject::Style { base, name, rank, .. } => Layout::adapter(base, name, *rank, self.device),
        }
    }

    fn start(&self) -> Result<State> {
        let layout = self.layout()?;
        let flat = match &self.subject {
            Subject::Base => layout.start(self.seed, self.device),
            Subject::Pruned(models) => return models.state(self.device),
            Subject::Style { start, .. } => layout.start_from(&start.tensors, self.seed, self.device),
        };
        Ok(State::new(layout, flat))
    }

    /// Where of the whole run, 0..1, the discriminator comes in.
    fn turn(&self) -> f64 {
        self.opponent.as_ref().map_or(1.0, |opponent| 1.0 - opponent.recipe.share)
    }

    fn words(&self, style: &str) -> Words {
        match &self.subject {
            Subject::Style { words, start, .. } => Words { medium: start.medium, ..words.clone() },
            Subject::Pruned(models) => {
                models.styles.iter().find(|known| known.name == style).map_or_else(Words::default, Words::of)
            }
            Subject::Base => {
                STYLES.iter().find(|known| known.name == style).map_or_else(Words::default, Trained::words)
            }
        }
    }
}

/// Trains as planned; `watch` hears how it goes.
///
/// # Errors
/// If pairs or the folder cannot be read or written, a loss is not a number, or the model files would not be
/// painted by the engine as the trainer paints them.
pub fn train(plan: &Plan, watch: &mut dyn Watch) -> Result<()> {
    let (styles, cycle) = (plan.styles(), plan.cycle());
    let parts = cycle[0].len();
    if plan.side == 0 || !plan.side.is_multiple_of(16) || plan.batch == 0 || !plan.batch.is_multiple_of(parts) {
        bail!("the crop's side must be a multiple of 16 and the batch one of {parts}");
    }
    std::fs::create_dir_all(&plan.out).with_context(|| format!("cannot make {}", plan.out.display()))?;
    let checkpoint_path = plan.out.join("checkpoint.safetensors");
    let (mut state, before_s) = if plan.resume {
        checkpoint::load(plan.layout()?, plan.seed, &checkpoint_path, plan.device)?
    } else if checkpoint_path.exists() {
        bail!("{} holds a run already: go on with --resume, or name another --out", plan.out.display());
    } else {
        (plan.start()?, 0.0)
    };
    let loaded = Instant::now();
    let held = held(&plan.pairs, &styles, plan.side)?;
    let pairs = Arc::new(data::load(&plan.pairs, &styles, plan.side, plan.limit_bytes)?);
    watch.say(&format!(
        "{} weights to train; {} pairs and {} held out, read in {:.0} s; {:?}, {:?}, seed {}",
        state.layout.len(),
        pairs.len(),
        held.len(),
        loaded.elapsed().as_secs_f64(),
        plan.device,
        plan.kind,
        plan.seed
    ));

    let mut log = Log::open(&plan.out, &styles, state.weights.step, plan.resume)?;
    let batches = data::stream(state.weights.step, {
        let shape = BatchShape { samples: plan.batch / parts, side: plan.side, degrade: true };
        let art = plan.opponent.as_ref().map(|opponent| opponent.art.clone());
        let seed = plan.seed;
        move |step| {
            let halves = data::batch(&pairs, &cycle[step as usize % cycle.len()], shape, seed, step);
            let crops = |art: &Arc<Vec<_>>| -> Vec<Vec<u8>> {
                let seed = |part: usize| mix(!seed, 2 * step + part as u64);
                halves.iter().enumerate().map(|(part, half)| crops_like(art, half, seed(part))).collect()
            };
            (art.as_ref().map(crops).unwrap_or_default(), halves)
        }
    });
    let start = Instant::now();
    let seconds = || before_s + start.elapsed().as_secs_f64();
    let (mut reported_s, mut recent, mut count) = (seconds(), Numbers::default(), 0.0);
    loop {
        let done = match plan.length {
            Length::Minutes(minutes) => seconds() / (minutes * 60.0),
            Length::Steps(steps) => state.weights.step as f64 / steps.max(1) as f64,
        };
        let turns = done >= plan.turn() && state.discriminator.is_none() && plan.opponent.is_some();
        let since_s = seconds() - reported_s;
        if done >= 1.0 || turns || since_s >= plan.report_min * 60.0 {
            let speed = count / since_s.max(1e-9);
            report(&state, &held, plan, seconds(), speed, &recent.mean(count), &mut log, watch)?;
            // A refused export must not end hours of training; at the end it is an error.
            if let Err(refused) = write_models(&state, plan, seconds(), if turns { "distilled" } else { "export" }) {
                if done >= 1.0 {
                    return Err(refused);
                }
                watch.say(&format!("NOT EXPORTED: {refused:#}"));
            }
            (reported_s, recent, count) = (seconds(), Numbers::default(), 0.0);
        }
        if done >= 1.0 {
            break;
        }
        let (art, halves) =
            batches.recv().context("the thread that prepares batches has ended; its message is above")?;
        let numbers = match &plan.opponent {
            Some(opponent) if done >= plan.turn() => {
                state.discriminator.get_or_insert_with(|| Discriminator::new(plan.seed, plan.device));
                let late = (done - plan.turn()) / (1.0 - plan.turn()).max(1e-9);
                adversarial_step::step(&mut state, &halves, &art, opponent, &plan.distil.losses(), late, plan.kind)?
            }
            _ => {
                let rate = rate(plan.distil.rate, state.weights.step, done / plan.turn());
                step(&mut state, &halves, rate, &plan.distil.losses(), plan.kind)?
            }
        };
        watch.progress(done, state.weights.step, &numbers);
        recent.add(&numbers);
        count += 1.0;
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
    losses: &Numbers,
    log: &mut Log,
    watch: &mut dyn Watch,
) -> Result<()> {
    checkpoint::save(state, seconds, &plan.out.join("checkpoint.safetensors"))?;
    let step = state.weights.step;
    let mut line = json!({"step": step, "seconds": seconds.round(), "steps_per_s": steps_per_s});
    for &(name, x) in &losses.0 {
        line[name] = json!(x);
    }
    let total = losses.get("total");
    let mut words = format!("step {step}, {:.1} min, {steps_per_s:.2}/s: loss {total:.4}", seconds / 60.0);
    for (style, name) in state.layout.styles.iter().enumerate() {
        let s = score(&state.layout, &state.average, held, style);
        line[name] = json!({"psnr_db": s.psnr_db, "gradients": s.gradients, "ink": s.ink});
        words += &format!("; {name} {:.2} dB, gradients {:.4}, ink {:.4}", s.psnr_db, s.gradients, s.ink);
        let rows = spread(held.to_vec(), SHOWN).into_iter().map(|pair| {
            let Sample { half, size: [w, h], painted, .. } = sample(&state.layout, &state.average, &pair, style);
            vec![(w, h, half.photo), (w, h, half.painting), (w, h, bytes(&painted))]
        });
        let sheets = if state.discriminator.is_none() { "distilled" } else { "sample" };
        file::write(&plan.out.join(format!("{sheets}-{name}.png")), &sheet(&rows.collect::<Vec<_>>())?)?;
    }
    watch.say(&words);
    log.push(line)
}

fn write_models(state: &State, plan: &Plan, seconds: f64, folder: &str) -> Result<()> {
    let how = if state.discriminator.is_some() { ", then set against a discriminator" } else { "" };
    let step = state.weights.step;
    let mut note = format!("distilled from the painter{how}; seed {}, {step} steps, {seconds:.0} s", plan.seed);
    if let Subject::Pruned(models) = &plan.subject {
        let before = models.base.notes.get("kaiga.training").map_or("unknown", String::as_str);
        note += &format!("; pruned before, and before that: {before}");
    }
    let files = export(&state.layout, &state.average, &note, &|style| plan.words(style))?;
    let folder = plan.out.join(folder);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    file::write(&folder.join("base.safetensors"), &files.base)?;
    for (name, bytes) in &files.styles {
        file::write(&folder.join(format!("{name}.safetensors")), bytes)?;
    }
    Ok(())
}

/// The held-out pairs that are scored, each with sides of at least `side` px.
pub(crate) fn held(pairs: &Path, styles: &[&str], side: usize) -> Result<Vec<Pair>> {
    Ok(spread(data::load(&pairs.join("held"), styles, side, usize::MAX)?, SCORED))
}

/// At most `count` of `pairs`, evenly spread.
fn spread(pairs: Vec<Pair>, count: usize) -> Vec<Pair> {
    let every = pairs.len().div_ceil(count).max(1);
    pairs.into_iter().step_by(every).collect()
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
