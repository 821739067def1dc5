//! `kaiga-train`: makes pairs, trains, examines what was trained.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod detect;
mod drawn;
mod examine;
#[cfg(feature = "torch")]
mod process;
mod repainted;
mod slim;
#[cfg(feature = "torch")]
mod training;
#[cfg(feature = "torch")]
mod verdict;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use kaiga_train::painter::{self, Taste};
use kaiga_train::pairs::Plan;
use pixels::Image;
use pixels::space::Srgb8;

/// Trains kaiga's painting network. Start with `pairs`, then `distil`.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Pairs(Pairs),
    Evaluate(examine::Evaluate),
    Gallery(examine::Gallery),
    Drawnness(drawn::Drawnness),
    FacesSheet(repainted::FacesSheet),
    /// Prints what separable convolutions save.
    Sizes,
    #[command(subcommand)]
    Faces(detect::Faces),
    #[cfg(feature = "torch")]
    Prune(slim::Prune),
    #[cfg(feature = "torch")]
    Distil(training::Distil),
    #[cfg(feature = "torch")]
    Style(training::Style),
    #[cfg(feature = "torch")]
    FetchFeatures(FetchFeatures),
}

/// Downloads the weights of the fixed network whose features adversarial training compares.
#[cfg(feature = "torch")]
#[derive(Args)]
struct FetchFeatures {
    /// Folder of the weights.
    #[arg(long, default_value = ".features")]
    out: PathBuf,
}

/// Paints photos with the painter: the pairs that `distil` learns from.
#[derive(Args)]
struct Pairs {
    /// Folder of the pairs.
    out: PathBuf,
    /// Folder of photos, sub-folders included; every tenth, by path, is held out.
    #[arg(long)]
    photos: PathBuf,
    /// Tastes to paint in.
    #[arg(long, value_delimiter = ',', default_value = "meadow,skyglow,storybook,portrait,cel,manga")]
    tastes: Vec<String>,
    /// Where the faces are, as crates/train/faces.py writes it: for the taste portrait.
    #[arg(long)]
    faces: Option<PathBuf>,
    /// Leaves out the variants: photos at other sizes and in other light.
    #[arg(long)]
    whole: bool,
    /// Photos painted at a time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Most pairs to make now.
    #[arg(long, default_value_t = usize::MAX)]
    limit: usize,
    /// Writes the photos at working size and leaves the painting to something else.
    #[arg(long, conflicts_with = "tastes")]
    photos_only: bool,
}

fn pairs(arguments: Pairs) -> Result<()> {
    let Pairs { out, photos, tastes, faces, whole, jobs, limit, photos_only } = arguments;
    let plan = Plan { photos, out, jobs, limit, whole };
    let names: Vec<&str> = if photos_only { vec![] } else { tastes.iter().map(String::as_str).collect() };
    let tastes = names.iter().map(|name| Taste::named(name)).collect::<Result<Vec<_>>>()?;
    let portrait = names.iter().position(|name| *name == "portrait");
    let faces = faces.as_deref().map(painter::face::read).transpose()?.unwrap_or_default();
    let paint = |file: Option<&Path>, photo: &Image<Srgb8>| {
        let below = file.and_then(|file| file.strip_prefix(&plan.photos).ok());
        let found = below.and_then(|name| faces.get(name.to_string_lossy().as_ref()));
        let size = [photo.width(), photo.height()].map(|side| side as f32);
        let found: Vec<_> = found.into_iter().flatten().map(|face| face.at(size, [0.0; 2])).collect();
        let mut painted = painter::paint_all(photo, &tastes);
        if let (Some(at), false) = (portrait, found.is_empty()) {
            painted[at] = painter::portrait(photo, &found);
        }
        painted
    };
    let made = kaiga_train::pairs::make(&plan, &names, &paint, &|line| println!("{line}"))?;
    println!("{made} pairs made in {}", plan.out.display());
    Ok(())
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kaiga-train: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Pairs(arguments) => pairs(arguments),
        Command::Evaluate(arguments) => examine::evaluate(&arguments),
        Command::Gallery(arguments) => examine::gallery(&arguments),
        Command::Drawnness(arguments) => drawn::drawnness(&arguments),
        Command::FacesSheet(arguments) => repainted::sheet(&arguments),
        Command::Sizes => slim::sizes(),
        Command::Faces(command) => detect::faces(command),
        #[cfg(feature = "torch")]
        Command::Prune(arguments) => slim::prune(arguments),
        #[cfg(feature = "torch")]
        Command::Distil(arguments) => training::distil(arguments),
        #[cfg(feature = "torch")]
        Command::Style(arguments) => training::style(arguments),
        #[cfg(feature = "torch")]
        Command::FetchFeatures(FetchFeatures { out }) => {
            let path = kaiga_train::features::fetch(&out, &|line| println!("{line}"))?;
            println!("{} is ready", path.display());
            Ok(())
        }
    }
}
