//! `pairs`: what training learns from.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use kaiga_train::data::pairs::{self, Plan};
use kaiga_train::painter::{self, Taste};
use pixels::Image;
use pixels::space::Srgb8;

/// Paints photos with the painter: the pairs that `distil` learns from.
#[derive(Args)]
pub(crate) struct Pairs {
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

pub(crate) fn pairs(arguments: Pairs) -> Result<()> {
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
    let made = pairs::make(&plan, &names, &paint, &|line| println!("{line}"))?;
    println!("{made} pairs made in {}", plan.out.display());
    Ok(())
}
