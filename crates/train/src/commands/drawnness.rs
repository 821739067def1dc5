//! `drawnness`: how drawn the pictures of folders look.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use kaiga_train::data::split;
use kaiga_train::evaluate::Describe;
use kaiga_train::evaluate::drawnness::{self, Drawnness as Scale};
use kaiga_train::file;
use pixels::Image;
use pixels::space::Srgb8;
use rayon::prelude::*;

use crate::commands::evaluate::extractor;

/// Pictures read at a time.
const CHUNK: usize = 32;

/// Says how drawn pictures look: 0 as photos, 1 as art.
#[derive(Args)]
pub(crate) struct Drawnness {
    /// Folders of pictures, or pictures.
    #[arg(required = true)]
    pictures: Vec<PathBuf>,
    /// Folder of art.
    #[arg(long)]
    art: PathBuf,
    /// Folder of photos; those that are not held out are set against the art.
    #[arg(long)]
    photos: PathBuf,
    /// File that the fitted probe is kept in and taken from: remove it when art or photos change.
    #[arg(long)]
    probe: Option<PathBuf>,
    /// The network that sees.
    #[arg(long, default_value = ".features/mobilenet_v2.safetensors")]
    features: PathBuf,
    /// Says it of every picture.
    #[arg(long)]
    each: bool,
}

pub(crate) fn drawnness(arguments: &Drawnness) -> Result<()> {
    let Drawnness { pictures, art, photos, probe, features, each } = arguments;
    let extractor = extractor::load(features)?;
    let scale = scale(art, photos, probe.as_deref(), extractor.as_ref())?;
    println!("{}\n\n| pictures | count | drawn-ness |\n|---|---:|---:|", scale.summary());
    for source in pictures {
        let paths = if source.is_dir() { split::pictures(source)? } else { vec![source.clone()] };
        let seen = through(&paths, |picture| scale.of(picture, extractor.as_ref()))?;
        if *each {
            paths.iter().zip(&seen).for_each(|(path, seen)| println!("| {} | 1 | {seen:.3} |", path.display()));
        }
        let mean = seen.iter().sum::<f64>() / seen.len() as f64;
        println!("| {} | {} | {mean:.3} |", source.display(), seen.len());
    }
    Ok(())
}

/// The scale between the photos of one folder, without those held out, and the art of another; or that of the file
/// `kept`, if it is there. It is there afterwards.
///
/// # Errors
/// If a file cannot be read or written, or there are too few pictures.
pub(crate) fn scale(art: &Path, photos: &Path, kept: Option<&Path>, extractor: &dyn Describe) -> Result<Scale> {
    if let Some(kept) = kept.filter(|kept| kept.exists()) {
        let text = std::fs::read(kept).with_context(|| format!("cannot read {}", kept.display()))?;
        return serde_json::from_slice(&text).with_context(|| format!("{} is no probe", kept.display()));
    }
    let learnt = split::photos(photos)?.into_iter().enumerate().filter(|(index, _)| !split::is_held_out(*index));
    let described = |paths: &[PathBuf]| through(paths, |picture| drawnness::features(picture, extractor));
    let photos = described(&learnt.map(|(_, path)| path).collect::<Vec<_>>())?;
    let scale = Scale::fit(photos, described(&split::pictures(art)?)?)?;
    if let Some(kept) = kept {
        file::write(kept, &serde_json::to_vec(&scale)?)?;
    }
    Ok(scale)
}

/// What `see` says of every picture. Read side by side, seen one after the other.
fn through<T>(paths: &[PathBuf], mut see: impl FnMut(&Image<Srgb8>) -> Result<T>) -> Result<Vec<T>> {
    let mut all = Vec::with_capacity(paths.len());
    for chunk in paths.chunks(CHUNK) {
        let pictures = chunk.par_iter().map(|path| file::picture(path)).collect::<Result<Vec<_>>>()?;
        for (path, picture) in chunk.iter().zip(&pictures) {
            all.push(see(picture).with_context(|| path.display().to_string())?);
        }
    }
    Ok(all)
}
