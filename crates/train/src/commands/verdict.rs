//! Whether a style gained from the discriminator: the distilled one and the finished one, side by side on held-out
//! photos.

use std::path::Path;

use anyhow::{Context, Result};
use kaiga::{Faces, Look, Mix, Studio, unwatched};
use kaiga_train::data::{self, Pair};
use kaiga_train::evaluate::{Describe, Samples};
use pixels::space::Srgb8;
use pixels::{Image, compare};

/// Held-out photos that are painted.
const PHOTOS: usize = 24;
/// Crops need this many pixels a side.
const LEAST_SIDE_PX: usize = 256;
/// The finished style may lose this share of the distilled one's colourfulness and flat area.
const MAY_LOSE: f64 = 0.05;
/// Multi-scale similarity to the photo that it must keep.
const LEAST_MS_SSIM: f64 = 0.7;

/// Means over photos of what one style makes of them.
struct Figures {
    /// 1000 times the kernel inception distance to the paintings.
    kid: f64,
    colourfulness: f64,
    flat_area: f64,
    ms_ssim: f64,
}

/// Whether the style in `finished` is to be preferred to the one in `distilled`, and the figures as a text for
/// people. The finished one is preferred if it is nearer to the paintings `art` and lost neither colour, nor flat
/// fills, nor the photo's structure.
///
/// # Errors
/// If a file cannot be read, or there are too few large pictures for a distance.
pub(crate) fn prefers_finished(
    distilled: &Path,
    finished: &Path,
    pairs: &Path,
    art: &[Image<Srgb8>],
    extractor: &dyn Describe,
) -> Result<(bool, String)> {
    let held = data::load(&pairs.join("held"), &[], LEAST_SIDE_PX, usize::MAX)?;
    let every = held.len().div_ceil(PHOTOS).max(1);
    let photos: Vec<Image<Srgb8>> = held.iter().step_by(every).map(photo).collect();
    let mut paintings = Samples::default();
    art.iter().for_each(|painting| paintings.add(painting, extractor));
    let before = figures(distilled, &photos, &paintings, extractor)?;
    let after = figures(finished, &photos, &paintings, extractor)?;
    let keeps = |before: f64, after: f64| after >= before * (1.0 - MAY_LOSE);
    let better = after.kid < before.kid
        && keeps(before.colourfulness, after.colourfulness)
        && keeps(before.flat_area, after.flat_area)
        && after.ms_ssim >= LEAST_MS_SSIM;
    let line = |name: &str, f: &Figures| {
        let Figures { kid, colourfulness, flat_area, ms_ssim } = f;
        format!("{name:<12} {kid:>8.1} {colourfulness:>14.2} {flat_area:>10.3} {ms_ssim:>8.3}\n")
    };
    let head = format!("{:<12} {:>8} {:>14} {:>10} {:>8}\n", "", "KID·1000", "colourfulness", "flat area", "MS-SSIM");
    Ok((better, head + &line("distilled", &before) + &line("finished", &after)))
}

fn figures(style: &Path, photos: &[Image<Srgb8>], art: &Samples, extractor: &dyn Describe) -> Result<Figures> {
    let mut studio = Studio::embedded()?;
    let bytes = std::fs::read(style).with_context(|| format!("cannot read {}", style.display()))?;
    let look = Look { styles: Mix::of(studio.add_style(&bytes)?), faces: Faces::Off, ..Look::default() };
    let painter = studio.prepare(&look)?;
    let (mut samples, mut sums) = (Samples::default(), [0.0; 3]);
    for image in photos {
        let painting = painter.paint(image, &unwatched)?;
        samples.add(&painting, extractor);
        let ratio = (compare::colourfulness(&painting) + 1e-3) / (compare::colourfulness(image) + 1e-3);
        let measures = [ratio, compare::flat_area(&painting), compare::ms_ssim(image, &painting)];
        sums.iter_mut().zip(measures).for_each(|(sum, value)| *sum += value);
    }
    let [colourfulness, flat_area, ms_ssim] = sums.map(|sum| sum / photos.len() as f64);
    let distance = samples.distance(art).context("too few pictures of 256 px a side to compare with the paintings")?;
    Ok(Figures { kid: 1000.0 * distance.kid.mean, colourfulness, flat_area, ms_ssim })
}

fn photo(pair: &Pair) -> Image<Srgb8> {
    Image::new(pair.width, pair.height, pair.photo.as_chunks().0.to_vec())
}
