//! `landmarks`: trains and evaluates the networks that say where the parts of a face are.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use kaiga::faces::{Detector, Landmarker};
use kaiga_train::landmarks::{evaluate, labels};

/// Trains and evaluates the landmarks of faces. What is learnt is found before, by crates/train/faces.py.
#[derive(Subcommand)]
pub(crate) enum Landmarks {
    #[cfg(feature = "torch")]
    Train(Train),
    Evaluate(Evaluate),
}

/// Compares the landmarks of held-out faces with MediaPipe's.
#[derive(Args)]
pub(crate) struct Evaluate {
    /// Folder of photos.
    #[arg(long)]
    photos: PathBuf,
    /// What faces.py found in them.
    #[arg(long)]
    faces: PathBuf,
    /// A model file instead of the shipped one.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Lists the faces that are most off.
    #[arg(long)]
    worst: bool,
}

pub(crate) fn landmarks(command: Landmarks) -> Result<()> {
    match command {
        #[cfg(feature = "torch")]
        Landmarks::Train(arguments) => train(arguments),
        Landmarks::Evaluate(arguments) => evaluate(&arguments),
    }
}

fn evaluate(arguments: &Evaluate) -> Result<()> {
    let landmarker = match &arguments.model {
        Some(path) => {
            Landmarker::new(&std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?)?
        }
        None => Landmarker::embedded()?,
    };
    let [_, held] = labels::load(&arguments.photos, &arguments.faces)?;
    let mut seen = evaluate::look(&held, &Detector::embedded()?, &landmarker)?;
    println!("{}", evaluate::table(&seen));
    if arguments.worst {
        let all = |face: &evaluate::Seen| face.mean(&kaiga::faces::landmarks::Part::ALL).unwrap_or(f32::INFINITY);
        seen.sort_by(|a, b| all(b).total_cmp(&all(a)));
        seen.iter().take(10).for_each(|face| println!("{:.1} % {}", 100.0 * all(face), face.name));
    }
    Ok(())
}

/// Trains the two networks, one after the other.
#[cfg(feature = "torch")]
#[derive(Args)]
pub(crate) struct Train {
    /// Folder of photos, sub-folders included; every tenth, by path, is held out.
    #[arg(long)]
    photos: PathBuf,
    /// What faces.py found in them.
    #[arg(long)]
    faces: PathBuf,
    /// Minutes for the network of the face and for that of an eye; 0 leaves one as it is.
    #[arg(long, value_delimiter = ',', num_args = 1, default_value = "60,40")]
    minutes: Vec<f64>,
    /// Crops a step.
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Highest learning rate.
    #[arg(long, default_value_t = 3e-3)]
    rate: f64,
    #[command(flatten)]
    schedule: crate::commands::schedule::Schedule,
}

#[cfg(feature = "torch")]
fn train(arguments: Train) -> Result<()> {
    let Train { photos, faces, minutes, batch, rate, schedule } = arguments;
    let schedule = schedule.meant(rate)?;
    let minutes = minutes.try_into().map_err(|_| anyhow::anyhow!("--minutes takes two numbers, for face and eye"))?;
    let plan = kaiga_train::landmarks::run::Plan { photos, labels: faces, minutes, batch, schedule };
    kaiga_train::landmarks::run::train(&plan, &mut crate::commands::machine::Terminal::new())
}
