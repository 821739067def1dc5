//! Photos of faces with their landmarks, as `faces.py` found them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use kaiga::faces::landmarks::five;
use kaiga::faces::pyramid::Pyramid;
use pixels::warp::{Point, distance};
use rayon::prelude::*;

use crate::painter::face::{self, Face};
use crate::{data::split, file};

/// Smaller faces are not learnt from: distance of the eyes, px.
const LEAST_EYES_PX: f32 = 14.0;

/// A photo and the landmarks of its faces.
pub struct Photo {
    /// Path below its folder.
    pub name: String,
    /// The photo, sRGB.
    pub pyramid: Pyramid<'static>,
    /// Of each face the landmarks, px, in the order of [`net::landmarks::Part::ALL`].
    pub faces: Vec<Vec<Point>>,
}

/// The photos of `folder` that show faces: those to learn from, and those that are held out.
///
/// # Errors
/// If photos or labels cannot be read, or there are no faces in one of the two groups.
pub fn load(folder: &Path, labels: &Path) -> Result<[Vec<Photo>; 2]> {
    let labels = face::read(labels)?;
    let photos = split::photos(folder)?;
    let name = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let read = |(index, path): (usize, &PathBuf)| -> Result<Option<(bool, Photo)>> {
        let name = name(path);
        let Some(faces) = labels.get(&name) else { return Ok(None) };
        let image = file::picture(path)?;
        let size = [image.width() as f32, image.height() as f32];
        let large = |points: &Vec<Point>| {
            let [left, right, ..] = five(points);
            distance(left, right) >= LEAST_EYES_PX
        };
        let faces: Vec<_> = faces.iter().map(|face| dense(face, size)).filter(large).collect();
        let photo = Photo { name, pyramid: Pyramid::new(Cow::Owned(image), 16), faces };
        Ok((!photo.faces.is_empty()).then_some((split::is_held_out(index), photo)))
    };
    let read: Vec<Option<(bool, Photo)>> = photos.par_iter().enumerate().map(read).collect::<Result<_>>()?;
    let (held, learnt): (Vec<_>, Vec<_>) = read.into_iter().flatten().partition(|(held, _)| *held);
    if held.is_empty() || learnt.is_empty() {
        bail!("no faces to learn from, or none held out: label photos of people with crates/train/faces.py");
    }
    Ok([learnt, held].map(|photos| photos.into_iter().map(|(_, photo)| photo).collect()))
}

/// The landmarks of a face in a photo of this width and height, px.
fn dense(face: &Face, size: [f32; 2]) -> Vec<Point> {
    let eyes = &face.eyes;
    // Every other point of the oval.
    let oval: Vec<Point> = face.oval.iter().step_by(2).copied().collect();
    let parts = [
        &eyes.left_eye,
        &eyes.right_eye,
        &eyes.left_iris,
        &eyes.right_iris,
        &eyes.left_brow,
        &eyes.right_brow,
        &face.nose,
        &face.nose_base,
        &face.lips,
        &face.mouth,
        &oval,
    ];
    parts.into_iter().flatten().map(|&[x, y]| [x * size[0], y * size[1]]).collect()
}
