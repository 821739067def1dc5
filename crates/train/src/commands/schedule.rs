//! What the trainings of small networks have in common.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use kaiga_train::run::lesson;

use super::machine::Machine;

/// Where to, from when on, and on which machine.
#[derive(Args)]
pub(crate) struct Schedule {
    /// Folder of the run.
    #[arg(long)]
    out: PathBuf,
    /// Goes on from the folder's checkpoints.
    #[arg(long)]
    resume: bool,
    /// Seed of the first weights and of the batches.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Minutes between reports.
    #[arg(long, default_value_t = 2.0)]
    report_min: f64,
    #[command(flatten)]
    machine: Machine,
}

impl Schedule {
    /// What was typed, with the highest learning rate. Prepares the process as [`Machine::prepare`] does.
    pub(crate) fn meant(self, rate: f64) -> Result<lesson::Schedule> {
        let (device, kind) = self.machine.prepare()?;
        let Self { out, resume, seed, report_min, .. } = self;
        Ok(lesson::Schedule { out, rate, resume, seed, report_min, device, kind })
    }
}
