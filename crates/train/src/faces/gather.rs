//! The pictures detectors are compared on: held-out photos as they are, shrunk until their faces are small, and
//! photos without faces.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use pixels::codec::{self, Format, Limits};
use pixels::resize::{self, Filter};

use super::labels::{Entry, divide};
use crate::file;

/// Sub-folder of photos as they are.
pub const AS_THEY_ARE: &str = "faces";
/// Sub-folder of the shrunk ones.
pub const SHRUNK: &str = "small";
/// Sub-folder of photos without faces.
pub const WITHOUT: &str = "without";
/// Sub-folder of pictures that are detected in for their time.
pub const TIMED: &str = "timed";
/// Folders of photos that show people.
const PEOPLE: [&str; 3] = ["people", "groups", "scenes"];
/// Folders of photos that do not.
const NOBODY: [&str; 2] = ["food", "landscape"];
/// Heights that the middle one of a photo's faces is shrunk to, px.
const SMALL_PX: [f32; 2] = [28.0, 36.0];
/// Pixels of the pictures for times, millions.
const TIMED_MPX: [usize; 2] = [1, 12];

/// Copies and shrinks the held-out ones of `photos` into `out`; says how many there are of each.
///
/// # Errors
/// If a picture cannot be read or written.
pub fn gather(photos: &Path, labels: &BTreeMap<String, Entry>, out: &Path) -> Result<BTreeMap<&'static str, usize>> {
    let mut counts = BTreeMap::new();
    for folder in [AS_THEY_ARE, SHRUNK, WITHOUT, TIMED] {
        let folder = out.join(folder);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let [_, held] = divide(photos)?;
    let mut crowd: Option<(usize, pixels::Image<pixels::space::Srgb8>)> = None;
    for path in held {
        let below = path.strip_prefix(photos).unwrap_or(&path);
        let group = below.iter().next().unwrap_or_default().to_string_lossy().into_owned();
        let name = below.to_string_lossy().replace(['/', '\\'], "-");
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut put = |folder: &'static str, name: &str, bytes: &[u8]| {
            *counts.entry(folder).or_insert(0) += 1;
            file::write(&out.join(folder).join(name), bytes)
        };
        if NOBODY.contains(&group.as_str()) {
            put(WITHOUT, &name, &bytes)?;
        }
        if !PEOPLE.contains(&group.as_str()) {
            continue;
        }
        put(AS_THEY_ARE, &name, &bytes)?;
        let Some(entry) = labels.get(below.to_string_lossy().as_ref()) else { continue };
        let mut heights: Vec<f32> = entry.faces.iter().map(|found| found.edges[3] - found.edges[1]).collect();
        heights.sort_by(f32::total_cmp);
        let Some(&middle) = heights.get(heights.len() / 2) else { continue };
        let image = codec::read(&bytes, &Limits::default()).with_context(|| path.display().to_string())?.image;
        if crowd.as_ref().is_none_or(|(most, _)| heights.len() > *most) {
            crowd = Some((heights.len(), image.clone()));
        }
        for small_px in SMALL_PX.into_iter().filter(|px| *px < 0.9 * middle) {
            let side = |px: usize| ((px as f32 * small_px / middle).round() as usize).max(1);
            let small = resize::to(&image, side(image.width()), side(image.height()), Filter::Lanczos3);
            let stem = Path::new(&name).with_extension("");
            let name = format!("{}-{small_px}px.png", stem.display());
            put(SHRUNK, &name, &codec::write(&small, None, Format::Png, 92)?)?;
        }
    }
    // The photo with the most faces costs the most.
    if let Some((_, image)) = crowd {
        for mpx in TIMED_MPX {
            let (width, height) = resize::area_size(image.width(), image.height(), mpx * 1_000_000);
            let large = resize::to(&image, width, height, Filter::CatmullRom);
            file::write(
                &out.join(TIMED).join(format!("{mpx}mpx.jpg")),
                &codec::write(&large, None, Format::Jpeg, 92)?,
            )?;
        }
    }
    Ok(counts)
}
