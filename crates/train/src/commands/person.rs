//! `person`: crops around faces, and the network that tells the person in them from what is behind.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use kaiga_train::person::crops;

/// Trains the network that cuts people out: `crops`, then crates/train/person.py, then `train`.
#[derive(Subcommand)]
pub(crate) enum Person {
    Crops(Crops),
    #[cfg(feature = "torch")]
    Train(Train),
}

/// Writes a crop around every face of a folder's photos.
#[derive(Args)]
pub(crate) struct Crops {
    /// Folder of photos, sub-folders included; every tenth, by path, is held out.
    #[arg(long)]
    photos: PathBuf,
    /// Folder for the crops.
    #[arg(long)]
    out: PathBuf,
}

pub(crate) fn person(command: Person) -> Result<()> {
    match command {
        Person::Crops(arguments) => {
            let [learnt, held] = crops::cut(&arguments.photos, &arguments.out)?;
            println!("{learnt} crops to learn from, {held} held out");
            Ok(())
        }
        #[cfg(feature = "torch")]
        Person::Train(arguments) => train(arguments),
    }
}

/// Trains it.
#[cfg(feature = "torch")]
#[derive(Args)]
pub(crate) struct Train {
    /// Folder of crops with their masks.
    #[arg(long)]
    crops: PathBuf,
    /// Minutes.
    #[arg(long, default_value_t = 40.0)]
    minutes: f64,
    /// Crops a step.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Highest learning rate.
    #[arg(long, default_value_t = 3e-3)]
    rate: f64,
    #[command(flatten)]
    schedule: crate::commands::schedule::Schedule,
}

#[cfg(feature = "torch")]
fn train(arguments: Train) -> Result<()> {
    let Train { crops, minutes, batch, rate, schedule } = arguments;
    let plan = kaiga_train::person::run::Plan { crops, minutes, batch, schedule: schedule.meant(rate)? };
    kaiga_train::person::run::train(&plan, &mut crate::commands::machine::Terminal::new())
}
