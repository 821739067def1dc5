//! `faces-sheet`: what becomes of faces, for the eye and in figures: photo | everything painted alike | faces painted
//! by themselves.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use kaiga::faces::{Crop, Face, avatar_crop, unbent};
use kaiga::{Eyes, Faces, Known, Look, Mix, Studio, unwatched};
use kaiga_train::data::split;
use kaiga_train::evaluate::{Survival, gallery, moved};
use kaiga_train::file;
use pixels::Image;
use pixels::codec::{self, Format, Limits};
use pixels::compare::{mean_tone, skin_mask};
use pixels::space::Srgb8;

use crate::commands::evaluate::spread;

/// Least share of the lower half of a face that must be skin for its tone to count.
const LEAST_SKIN: f64 = 0.2;

/// Draws sheets of photo | without faces | with faces repainted, and says whether faces survive.
#[derive(Args)]
pub(crate) struct FacesSheet {
    /// Folder of photos, sub-folders included. Portraits are the held-out ones (every tenth, by path) in its folder
    /// `people`.
    #[arg(long)]
    photos: PathBuf,
    /// Folder for portraits-NUMBER.jpg and groups-NUMBER.jpg.
    #[arg(long)]
    out: PathBuf,
    /// Most portraits on the sheets, spread evenly; all of them are measured.
    #[arg(long, default_value_t = 24)]
    portraits: usize,
    /// Photos of groups for the sheets, by path below PHOTOS, held out or not: they are not measured.
    #[arg(long, value_delimiter = ',')]
    groups: Vec<PathBuf>,
    /// The style around faces.
    #[arg(long, default_value = "meadow")]
    style: Mix,
    /// The style of faces [default: that of the rest].
    #[arg(long)]
    face_style: Option<Mix>,
    /// How much eyes are enlarged.
    #[arg(long, default_value_t = 1.0)]
    eyes: f32,
    /// Width of one picture, px.
    #[arg(long, default_value_t = 320)]
    cell_px: usize,
    /// Rows of a sheet.
    #[arg(long, default_value_t = 6)]
    rows: usize,
}

/// A photo, and both paintings of it.
struct Sitting {
    photo: Image<Srgb8>,
    faces: Vec<Face>,
    without: Image<Srgb8>,
    with: Image<Srgb8>,
}

pub(crate) fn sheet(arguments: &FacesSheet) -> Result<()> {
    let FacesSheet { photos, portraits, groups, style, face_style, eyes, .. } = arguments;
    let look =
        Look { styles: style.clone(), face_style: face_style.clone(), eyes: Eyes::new(*eyes)?, ..Look::default() };
    let studio = Studio::embedded()?;
    let people: Vec<PathBuf> =
        split::held_out(photos)?.into_iter().filter(|path| split::name(photos, path).starts_with("people")).collect();
    ensure!(!people.is_empty(), "no photo held out of {} lies in a folder people", photos.display());
    let shown: Vec<usize> = spread(people.len(), *portraits).collect();
    let (mut rows, mut with, mut without, mut tones) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (i, path) in people.iter().enumerate() {
        let sitting = sit(&studio, path, &look)?;
        let found = |painting: &Image<Srgb8>| studio.faces(painting, &unwatched);
        let (in_with, in_without) = (found(&sitting.with)?, found(&sitting.without)?);
        let size = (sitting.photo.width(), sitting.photo.height());
        for face in &sitting.faces {
            with.push(moved(face, &in_with, |p| unbent(p, size, &sitting.faces, &look)));
            without.push(moved(face, &in_without, |p| p));
        }
        tones.extend(sitting.faces.first().and_then(|face| sitting.tones(face)));
        if shown.contains(&i) {
            rows.push(sitting.cells(true));
        }
        eprint!("\r{} of {}", i + 1, people.len());
    }
    eprintln!();
    arguments.write("portraits", &rows)?;
    let rows = groups.iter().map(|path| Ok(sit(&studio, &photos.join(path), &look)?.cells(false)));
    arguments.write("groups", &rows.collect::<Result<Vec<_>>>()?)?;

    println!("{} held-out portraits, {} faces found in the photos", people.len(), with.len());
    println!("\n| painting | found again | moved, mean | moved, most |\n|---|---:|---:|---:|");
    for (name, faces) in [("everything alike", &without), ("faces by themselves", &with)] {
        let Some(survival) = Survival::of(faces) else { continue };
        let Survival { found_again, moved, moved_most, .. } = survival;
        println!("| {name} | {:.1} % | {:.1} % | {:.1} % |", 100.0 * found_again, 100.0 * moved, 100.0 * moved_most);
    }
    println!("\n| skin of {} faces, painting − photo | ΔL* | ΔC* | Δhue |\n|---|---:|---:|---:|", tones.len());
    for (name, which) in [("everything alike", 0), ("faces by themselves", 1)] {
        let mean = |part: usize| tones.iter().map(|t: &[[f64; 3]; 2]| t[which][part]).sum::<f64>() / tones.len() as f64;
        println!("| {name} | {:+.1} | {:+.1} | {:+.1}° |", mean(0), mean(1), mean(2));
    }
    Ok(())
}

fn sit(studio: &Studio, path: &Path, look: &Look) -> Result<Sitting> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let photo = codec::read(&bytes, &Limits::default()).with_context(|| path.display().to_string())?;
    let faces = studio.faces(&photo.image, &unwatched)?;
    let paint = |faces_as| {
        let look = Look { faces: faces_as, ..look.clone() };
        studio.prepare(&look)?.paint_with(&photo.image, Known { faces: Some(&faces), ..Known::default() }, &unwatched)
    };
    let (without, with) = (paint(Faces::Off)?, paint(Faces::On)?);
    Ok(Sitting { photo: photo.image, faces, without, with })
}

impl Sitting {
    /// The three pictures of a row; of a portrait the square around the face.
    fn cells(&self, portrait: bool) -> Vec<Image<Srgb8>> {
        let (width, height) = (self.photo.width(), self.photo.height());
        let Crop { x, y, side } = avatar_crop(width, height, &self.faces);
        let cell = |picture: &Image<Srgb8>| match portrait {
            true => picture.crop(x, y, side, side),
            false => picture.clone(),
        };
        [&self.photo, &self.without, &self.with].map(cell).into()
    }

    /// How lightness, chroma and hue (degrees) of a face's skin changed, without and with faces repainted. Nothing
    /// where there is too little skin.
    fn tones(&self, face: &Face) -> Option<[[f64; 3]; 2]> {
        // Cheeks, nose and chin, which no enlarged eye comes to lie on.
        let [left, top, width, height] = face.bounds;
        let span = |from: f32, len: f32, most: usize| {
            let low = (from.max(0.0) as usize).min(most);
            (low, ((from + len).max(0.0) as usize).clamp(low, most) - low)
        };
        let (x, w) = span(left + 0.2 * width, 0.6 * width, self.photo.width());
        let (y, h) = span(top + 0.55 * height, 0.35 * height, self.photo.height());
        if w * h == 0 {
            return None;
        }
        let mask = skin_mask(&self.photo.crop(x, y, w, h));
        let tone = |picture: &Image<Srgb8>| mean_tone(&picture.crop(x, y, w, h), &mask, LEAST_SKIN);
        let own = tone(&self.photo)?;
        let change = |painted| {
            let painted = tone(painted)?;
            Some([painted.lightness - own.lightness, painted.chroma - own.chroma, own.hue_turn_degrees(&painted)])
        };
        Some([change(&self.without)?, change(&self.with)?])
    }
}

impl FacesSheet {
    fn write(&self, name: &str, rows: &[Vec<Image<Srgb8>>]) -> Result<()> {
        std::fs::create_dir_all(&self.out).with_context(|| format!("cannot make {}", self.out.display()))?;
        for (number, rows) in rows.chunks(self.rows.max(1)).enumerate() {
            let path = self.out.join(format!("{name}-{}.jpg", number + 1));
            file::write(&path, &codec::write(&gallery(rows, self.cell_px), None, Format::Jpeg, 90)?)?;
            println!("{}", path.display());
        }
        Ok(())
    }
}
