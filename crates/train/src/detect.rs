//! `faces`: trains the face detector and compares it with the one its labels are from.

#[cfg(feature = "torch")]
use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

/// Trains and examines the detector of faces. Where faces are is found before, by crates/train/face_labels.py.
#[derive(Subcommand)]
pub(crate) enum Faces {
    #[cfg(feature = "torch")]
    Train(Train),
}

pub(crate) fn faces(command: Faces) -> Result<()> {
    match command {
        #[cfg(feature = "torch")]
        Faces::Train(arguments) => train(arguments),
    }
}

/// Trains the three networks of the cascade, one after the other.
#[cfg(feature = "torch")]
#[derive(clap::Args)]
pub(crate) struct Train {
    /// Folder of photos, sub-folders included; every tenth, by path, is held out, and half of food and landscape.
    #[arg(long)]
    photos: PathBuf,
    /// Where faces are in the photos.
    #[arg(long)]
    labels: PathBuf,
    /// Folder of paintings that show no faces.
    #[arg(long, requires = "art_labels")]
    art: Option<PathBuf>,
    /// What could be taken for a face in the paintings.
    #[arg(long, requires = "art")]
    art_labels: Option<PathBuf>,
    /// Folder of the run.
    #[arg(long)]
    out: PathBuf,
    /// Minutes for each network; 0 leaves one as it is.
    #[arg(long, value_delimiter = ',', num_args = 1, default_value = "8,10,20")]
    minutes: Vec<f64>,
    /// Crops a step, for each network.
    #[arg(long, value_delimiter = ',', num_args = 1, default_value = "512,256,128")]
    batch: Vec<usize>,
    /// Highest learning rate.
    #[arg(long, default_value_t = 2e-3)]
    rate: f64,
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
    machine: crate::process::Machine,
}

#[cfg(feature = "torch")]
fn train(arguments: Train) -> Result<()> {
    use anyhow::anyhow;
    let (device, kind) = arguments.machine.prepare()?;
    let Train { photos, labels, art, art_labels, out, minutes, batch, rate, resume, seed, report_min, .. } = arguments;
    let three = |what: &str| anyhow!("{what} takes three numbers, one for each network");
    let plan = kaiga_train::faces::run::Plan {
        photos,
        labels,
        art: art.zip(art_labels),
        out,
        minutes: minutes.try_into().map_err(|_| three("--minutes"))?,
        batch: batch.try_into().map_err(|_| three("--batch"))?,
        rate,
        resume,
        seed,
        report_min,
        device,
        kind,
    };
    kaiga_train::faces::run::train(&plan, &mut crate::process::Terminal::new())
}
