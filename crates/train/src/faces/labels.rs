//! Photos, and where faces are in them as `face_labels.py` found them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use kaiga::faces::Face;
use kaiga::faces::pyramid::Pyramid;
use net::mtcnn::PROPOSE_PX;
use rayon::prelude::*;
use serde::Deserialize;

use crate::data::split;
use crate::file;

/// Folders of which every other photo is held out, not only every tenth: few false faces are counted on many photos.
const HALF_HELD_OUT: [&str; 2] = ["food", "landscape"];
/// A label is sure if so many of the looks found it, with at least this score.
const SURE: (usize, f32) = (2, 0.95);
/// Other labels of at least this score are neither face nor none; below it the labelling detector errs.
const DOUBTFUL: f32 = 0.85;

/// What was found in one picture.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// Columns of the picture.
    pub width: usize,
    /// Rows of the picture.
    pub height: usize,
    /// How long it took, ms.
    pub ms: f64,
    /// What was found.
    pub faces: Vec<Found>,
}

/// A face as `face_labels.py` writes it; pixels.
#[derive(Clone, Debug, Deserialize)]
pub struct Found {
    /// Left, top, right, bottom.
    #[serde(rename = "box")]
    pub edges: [f32; 4],
    /// In the order of [`Face::landmarks`].
    pub points: [[f32; 2]; 5],
    /// 0..1.
    pub score: f32,
    /// How many of the looks found it.
    pub seen: usize,
}

impl Found {
    /// As the library says it.
    pub fn face(&self) -> Face {
        let [left, top, right, bottom] = self.edges;
        Face { bounds: [left, top, right - left, bottom - top], landmarks: self.points, score: self.score }
    }
}

/// A photo to learn from.
pub struct Photo {
    /// Path below its folder.
    pub name: String,
    /// The photo, sRGB.
    pub pyramid: Pyramid<'static>,
    /// What is surely a face.
    pub faces: Vec<Face>,
    /// Boxes (left, top, width, height) of what may be one: nothing is learnt there.
    pub unsure: Vec<[f32; 4]>,
}

/// Reads what `face_labels.py` wrote: entries by the path below the folder of pictures.
///
/// # Errors
/// If the file cannot be read or is no such file.
pub fn read(file: &Path) -> Result<BTreeMap<String, Entry>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let wrong = || format!("{} is not what crates/train/face_labels.py writes", file.display());
    serde_json::from_str(&text).with_context(wrong)
}

/// The photos of `folder` to learn from, and those that are held out: every tenth by path as everywhere, and of food
/// and landscapes every other.
///
/// # Errors
/// As [`split::photos`].
pub fn divide(folder: &Path) -> Result<[Vec<PathBuf>; 2]> {
    let is_held = |(index, photo): &(usize, PathBuf)| {
        let group = photo.strip_prefix(folder).ok().and_then(|below| below.iter().next()).unwrap_or_default();
        split::is_held_out(*index) || (index % 2 == 1 && HALF_HELD_OUT.iter().any(|name| group == *name))
    };
    let (held, learnt): (Vec<_>, Vec<_>) = split::photos(folder)?.into_iter().enumerate().partition(is_held);
    Ok([learnt, held].map(|photos| photos.into_iter().map(|(_, photo)| photo).collect()))
}

/// Reads `photos` of `folder` with their labels.
///
/// # Errors
/// If a photo cannot be read, or has no entry or one of another size.
pub fn load(folder: &Path, photos: &[PathBuf], labels: &BTreeMap<String, Entry>) -> Result<Vec<Photo>> {
    let read = |path: &PathBuf| -> Result<Photo> {
        let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let entry = labels.get(&name).with_context(|| format!("the labels say nothing of {name}: make them anew"))?;
        let image = file::picture(path)?;
        if (image.width(), image.height()) != (entry.width, entry.height) {
            bail!(
                "{name} is {}×{} px, its labels are for {}×{}",
                image.width(),
                image.height(),
                entry.width,
                entry.height
            );
        }
        let (sure, unsure): (Vec<_>, Vec<_>) =
            entry.faces.iter().partition(|found| found.seen >= SURE.0 && found.score >= SURE.1);
        let faces = sure.iter().map(|found| found.face()).collect();
        let doubtful = unsure.iter().filter(|found| found.score >= DOUBTFUL);
        let unsure = doubtful.map(|found| found.face().bounds).collect();
        Ok(Photo { name, pyramid: Pyramid::new(Cow::Owned(image), PROPOSE_PX), faces, unsure })
    };
    photos.par_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_food_and_a_tenth_of_the_rest_is_held_out() {
        let root = std::env::temp_dir().join(format!("kaiga-faces-{}", std::process::id()));
        for group in ["food", "people"] {
            std::fs::create_dir_all(root.join(group)).unwrap();
            (0..20).for_each(|i| std::fs::write(root.join(group).join(format!("{i:02}.jpg")), []).unwrap());
        }
        let [learnt, held] = divide(&root).unwrap();
        std::fs::remove_dir_all(&root).unwrap();
        let count = |photos: &[PathBuf], group: &str| photos.iter().filter(|p| p.starts_with(root.join(group))).count();
        assert_eq!((count(&held, "food"), count(&held, "people")), (10, 2));
        assert_eq!((count(&learnt, "food"), count(&learnt, "people")), (10, 18));
    }

    #[test]
    fn labels_are_read_as_the_script_writes_them() {
        let text = r#"{"a/b.jpg":{"width":9,"height":8,"ms":1.5,"faces":[{"box":[1,2,4,6],
            "points":[[2,3],[3,3],[2.5,4],[2,5],[3,5]],"score":0.9,"seen":2}]}}"#;
        let labels: BTreeMap<String, Entry> = serde_json::from_str(text).unwrap();
        assert_eq!(labels["a/b.jpg"].faces[0].face().bounds, [1.0, 2.0, 3.0, 4.0]);
    }
}
