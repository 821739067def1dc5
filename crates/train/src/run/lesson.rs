//! The training of one small network from nothing: batches in, checkpoints, a log, a report and exports out.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;
use tch::{Device, Kind};

use super::log::Log;
use super::step::Numbers;
use super::{Watch, rate};
use crate::data::stream;
use crate::model::trainable::{CHECKPOINT, Trainable};

/// A network that learns from batches.
pub trait Learner {
    /// What it learns from in a step.
    type Batch: Send + 'static;

    /// Its network.
    fn net(&self) -> &Trainable;

    /// Moves the weights once; gives the losses.
    ///
    /// # Errors
    /// As [`Trainable::step`].
    fn step(&mut self, batch: &Self::Batch, rate: f64) -> Result<Numbers>;

    /// How the averaged weights do on a batch that was not learnt from, by name.
    fn figures(&self, held: &Self::Batch) -> Vec<(&'static str, f64)>;
}

/// How and where small networks are trained.
pub struct Schedule {
    /// Folder of the run.
    pub out: PathBuf,
    /// Highest learning rate.
    pub rate: f64,
    /// Goes on from the checkpoints of the folder.
    pub resume: bool,
    /// Of the first weights and of the batches.
    pub seed: u64,
    /// Minutes between reports.
    pub report_min: f64,
    /// Where to train.
    pub device: Device,
    /// What convolutions compute in.
    pub kind: Kind,
}

impl Schedule {
    /// The training of one network, which has learnt for `before_s` seconds, until it has learnt for `minutes`.
    pub fn lesson<'a>(&'a self, name: &'a str, before_s: f64, minutes: f64) -> Lesson<'a> {
        Lesson { name, schedule: self, before_s, minutes }
    }
}

/// The training of one network: its name, which is that of its folder, and how long it learns.
pub struct Lesson<'a> {
    name: &'a str,
    schedule: &'a Schedule,
    before_s: f64,
    minutes: f64,
}

impl Lesson<'_> {
    /// Trains `learners[number]`. Batches are made by `batch` from the number of the step; at every report `export` is
    /// given all learners, for they leave one file.
    ///
    /// # Errors
    /// If a loss is not a number, a file cannot be written, or `export` fails.
    pub fn learn<L: Learner>(
        &self,
        (learners, number): (&mut [L], usize),
        held: &L::Batch,
        batch: impl Fn(u64) -> L::Batch + Send + 'static,
        export: impl Fn(&[L]) -> Result<()>,
        watch: &mut dyn Watch,
    ) -> Result<()> {
        let Schedule { out, rate: highest, resume, report_min, .. } = self.schedule;
        let (name, folder) = (self.name, out.join(self.name));
        let first = learners[number].net().weights.step;
        let mut log = Log::open(&folder, &[name], first, *resume)?;
        let batches = stream(first, batch);
        let start = Instant::now();
        let seconds = || self.before_s + start.elapsed().as_secs_f64();
        let (mut reported_s, mut recent, mut steps) = (seconds(), Numbers::default(), 0.0);
        loop {
            let done = seconds() / (self.minutes * 60.0);
            let since_s = seconds() - reported_s;
            if done >= 1.0 || since_s >= report_min * 60.0 {
                let net = learners[number].net();
                net.save(seconds(), &folder.join(CHECKPOINT))?;
                let (figures, losses) = (learners[number].figures(held), recent.mean(steps));
                let (step, per_s) = (net.weights.step, steps / since_s.max(1e-9));
                let mut line = json!({"step": step, "seconds": seconds().round(), "steps_per_s": per_s});
                figures.iter().chain(&losses.0).for_each(|&(name, x)| line[name] = json!(x));
                let told: Vec<String> = figures.iter().map(|(name, x)| format!("{name} {x:.4}")).collect();
                watch.say(&format!(
                    "{name}, step {step}, {:.1} min, {per_s:.1}/s: loss {:.5}; held out: {}",
                    seconds() / 60.0,
                    losses.get("total"),
                    told.join(", ")
                ));
                log.push(line)?;
                export(learners)?;
                (reported_s, recent, steps) = (seconds(), Numbers::default(), 0.0);
            }
            if done >= 1.0 {
                return Ok(());
            }
            let batch = batches.recv().context("the thread that prepares batches has ended; its message is above")?;
            let step = learners[number].net().weights.step;
            let numbers = learners[number].step(&batch, rate(*highest, step, done))?;
            watch.progress(done, step, &numbers);
            recent.add(&numbers);
            steps += 1.0;
        }
    }
}
