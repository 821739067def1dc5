//! Which photos are learnt from and which are only looked at: one rule for pairs, training and evaluation.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Of the photos in order, the last of each group of so many is held out.
pub const HELD_OUT_EVERY: usize = 10;

/// Name of the folders whose pictures are for tests only.
const TESTS_ONLY: &str = "eval";

/// Whether the photo at `index` of [`photos`] is held out: looked at, never learnt from.
pub fn is_held_out(index: usize) -> bool {
    index % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
}

/// All photos (jpg, jpeg, png, webp) in `folder` and its sub-folders, sorted by path.
///
/// # Errors
/// If a folder cannot be read, there are no photos, or `folder` is, lies in or holds a folder `eval`: those pictures
/// are for tests only, never for training.
pub fn photos(folder: &Path) -> Result<Vec<PathBuf>> {
    let files = pictures(folder)?;
    if let Some(file) = files.iter().find(|file| file.iter().any(|part| part == TESTS_ONLY)) {
        bail!("{} is for tests only: choose a folder of photos without {TESTS_ONLY}/", file.display());
    }
    Ok(files)
}

/// All photos (jpg, jpeg, png, webp) in `folder` and its sub-folders, sorted by path, those for tests only too.
///
/// # Errors
/// If a folder cannot be read or there are no photos.
pub fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    walk(folder, &mut files)?;
    files.sort();
    if files.is_empty() {
        bail!("there are no photos (jpg, png, webp) in {}", folder.display());
    }
    Ok(files)
}

/// The held-out ones of [`photos`].
///
/// # Errors
/// Those of [`photos`].
pub fn held_out(folder: &Path) -> Result<Vec<PathBuf>> {
    let photos = photos(folder)?.into_iter().enumerate();
    Ok(photos.filter(|(index, _)| is_held_out(*index)).map(|(_, photo)| photo).collect())
}

/// What a photo of `folder` is called: the parts of its path below `folder`, joined by `-`, without ending.
pub fn name(folder: &Path, photo: &Path) -> String {
    let below = photo.strip_prefix(folder).unwrap_or(photo).with_extension("");
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("-")
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        if path.is_dir() {
            walk(&path, files)?;
        } else if ["jpg", "jpeg", "png", "webp"].contains(&ending.as_str()) {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("kaiga-split-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn every_tenth_photo_by_path_is_held_out() {
        let root = folder("tenth");
        for group in ["street", "food"] {
            std::fs::create_dir_all(root.join(group)).unwrap();
            for i in 0..12 {
                std::fs::write(root.join(group).join(format!("{i:02}.JPG")), []).unwrap();
            }
            std::fs::write(root.join(group).join("notes.txt"), []).unwrap();
        }
        let held = held_out(&root).unwrap();
        // 24 photos: food 0–11, street 0–11; the 10th is food 9, the 20th street 7.
        assert_eq!(held.iter().map(|photo| name(&root, photo)).collect::<Vec<_>>(), ["food-09", "street-07"]);
        assert_eq!(photos(&root).unwrap().len(), 24);
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn pictures_for_tests_are_refused() {
        let root = folder("tests");
        std::fs::create_dir_all(root.join("eval/kodak")).unwrap();
        assert!(photos(&root).unwrap_err().to_string().contains("no photos"));
        std::fs::write(root.join("eval/kodak/a.png"), []).unwrap();
        for folder in [root.clone(), root.join("eval/kodak")] {
            assert!(photos(&folder).unwrap_err().to_string().contains("tests only"));
        }
        std::fs::remove_dir_all(&root).unwrap();
    }
}
