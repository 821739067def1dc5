//! Channel pruning: the hidden channels of the residual blocks that matter least are cut out of base and styles, and
//! what is left is mended by distillation.

mod cut;
mod importance;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use net::light;
use serde_json::{Value, json};
use tch::{Device, Kind};

use crate::data::{self, BatchShape, Pair};
use crate::evaluate::cost::{Cost, Race, cost, race};
use crate::file;
use crate::model::models::Models;
use crate::run::recipe::Distil;
use crate::run::score::{Score, score};
use crate::run::{self, Length, Subject, Watch, held, train};

pub use cut::{choose, cut};
pub use importance::{norm, taylor};

/// Batches that importance is measured on, of one crop for each style.
const MEASURED: u64 = 96;
/// Side of a crop, px.
const SIDE_PX: usize = 128;
/// Samples of each style in a step.
const SAMPLES: usize = 4;

/// What makes a channel important.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// What the loss would lose by it, see [`taylor`].
    Taylor,
    /// The size of its weights, see [`norm`].
    Norm,
}

/// What is to be pruned, and how.
#[derive(Debug)]
pub struct Plan {
    /// The models.
    pub models: Models,
    /// Share of the multiply-adds of expansions and projections that is kept, see [`choose`].
    pub keep: f64,
    /// What counts as important.
    pub by: By,
    /// Pairs to measure and to mend on; those in its sub-folder `held` are scored only.
    pub pairs: PathBuf,
    /// Folder of the [run](train) that mends; the pruned models come into its sub-folder `export`, and beside it come
    /// `pruning.json` and `pruning.md`.
    pub out: PathBuf,
    /// Minutes of mending.
    pub minutes: f64,
    /// How it is mended.
    pub distil: Distil,
    /// Of the batches.
    pub seed: u64,
    /// Pixels kept in memory, bytes.
    pub limit_bytes: usize,
    /// Where it is mended.
    pub device: Device,
    /// What convolutions compute in.
    pub kind: Kind,
}

/// Models at one version: what they cost and how near the painter they are, style by style.
struct Version {
    name: &'static str,
    models: Models,
    cost: Cost,
    scores: Vec<Score>,
}

/// Prunes as planned; `watch` hears how it goes. Returns what `pruning.md` says: size, cost, speed and nearness to the
/// painter of the whole models, of the cut ones, and of the mended ones.
///
/// # Errors
/// As [`choose`] and [`train`]; also if the folder holds a run already.
pub fn prune(plan: &Plan, watch: &mut dyn Watch) -> Result<String> {
    let Plan { models, out, pairs, seed, limit_bytes, device, kind, .. } = plan;
    let networks = models.networks()?;
    let names = models.names();
    let equal: Vec<Vec<f64>> = networks.iter().flat_map(light::blocks).map(|block| vec![1.0; block.hidden]).collect();
    choose(&networks, &equal, plan.keep)?; // A share that cannot be kept is known before anything is measured.
    ensure!(plan.minutes >= 0.0 && plan.minutes.is_finite(), "mending takes 0 minutes or more, not {}", plan.minutes);
    let there = out.join("checkpoint.safetensors").exists();
    ensure!(!there, "{} holds a run already: name another --out", out.display());

    let held = held(pairs, &names, SIDE_PX)?;
    let whole = version("whole", models.clone(), &held, *device)?;
    let state = models.state(*device)?;
    let importance = match plan.by {
        By::Norm => norm(&state)?,
        By::Taylor => {
            let learnt = data::load(pairs, &names, SIDE_PX, *limit_bytes)?;
            let shape = BatchShape { samples: 1, side: SIDE_PX, degrade: true };
            let parts: Vec<usize> = (0..names.len()).collect();
            // Other crops than those it will be mended on.
            let batches = (0..MEASURED).map(|number| data::batch(&learnt, &parts, shape, !seed, number));
            taylor(&state, batches, &plan.distil.losses())?
        }
    };
    let pruned = cut(models, &choose(&networks, &importance, plan.keep)?)?;
    watch.say(&format!("cut to {}", pruned.base.architecture));
    let cut = version("cut", pruned.clone(), &held, *device)?;

    let run = run::Plan {
        subject: Subject::Pruned(pruned),
        pairs: pairs.clone(),
        out: out.clone(),
        length: Length::Minutes(plan.minutes),
        resume: false,
        seed: *seed,
        batch: SAMPLES * names.len(),
        side: SIDE_PX,
        report_min: (plan.minutes / 4.0).max(1.0),
        limit_bytes: *limit_bytes,
        distil: plan.distil,
        opponent: None,
        device: *device,
        kind: *kind,
    };
    train(&run, watch)?;
    let mended = version("mended", Models::read(&out.join("export"))?, &held, *device)?;
    let race = race([(&networks, &whole.models.weights()?), (&mended.models.networks()?, &mended.models.weights()?)])?;
    let versions = [whole, cut, mended];
    file::write(&out.join("pruning.json"), format!("{:#}\n", json(plan, &versions, &race)?).as_bytes())?;
    let table = markdown(&versions, &race)?;
    file::write(&out.join("pruning.md"), table.as_bytes())?;
    Ok(table)
}

fn version(name: &'static str, models: Models, held: &[Pair], device: Device) -> Result<Version> {
    let state = models.state(device)?;
    let scores = (0..models.styles.len()).map(|style| score(&state.layout, &state.average, held, style)).collect();
    Ok(Version { name, cost: cost(&models.networks()?)?, models, scores })
}

fn json(plan: &Plan, versions: &[Version; 3], race: &Race) -> Result<Value> {
    let version = |version: &Version| -> Result<Value> {
        let scores = version.models.names().into_iter().zip(&version.scores).map(|(name, s)| {
            let score = json!({"psnr_db": s.psnr_db, "gradients": s.gradients, "ink": s.ink});
            (name.to_owned(), score)
        });
        Ok(json!({
            "version": version.name,
            "architecture": version.models.base.architecture,
            "file_bytes": version.models.bytes()?,
            "parameters_of_a_style": version.cost.parameters,
            "multiply_adds_at_512x512": version.cost.multiply_adds,
            "held_out": scores.collect::<serde_json::Map<_, _>>(),
        }))
    };
    Ok(json!({
        "keep": plan.keep,
        "by": format!("{:?}", plan.by).to_lowercase(),
        "minutes": plan.minutes,
        "rate": plan.distil.rate,
        "seed": plan.seed,
        "versions": versions.iter().map(version).collect::<Result<Vec<_>>>()?,
        "speed_at_512x512_one_thread": {
            "whole_ms": race.median_ms[0], "pruned_ms": race.median_ms[1], "pruned_by_whole": race.ratio,
        },
    }))
}

fn markdown(versions: &[Version; 3], race: &Race) -> Result<String> {
    let mut table = "| | files, bytes | parameters | multiply-adds at 512², 10⁹ | time".to_owned();
    for style in versions[0].models.names() {
        write!(table, " | {style}, dB | gradients | ink")?;
    }
    let columns = 5 + 3 * versions[0].scores.len();
    write!(table, " |\n|{}\n", "---|".repeat(columns))?;
    for (version, time) in versions.iter().zip([1.0, race.ratio, race.ratio]) {
        let Cost { parameters, multiply_adds } = version.cost;
        let giga = multiply_adds as f64 / 1e9;
        write!(table, "| {} | {} | {parameters} | {giga:.3} | {time:.3}", version.name, version.models.bytes()?)?;
        for s in &version.scores {
            write!(table, " | {:.2} | {:.4} | {:.4}", s.psnr_db, s.gradients, s.ink)?;
        }
        table += " |\n";
    }
    Ok(table)
}
