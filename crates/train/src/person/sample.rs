//! Crops and masks to learn from. Everything is a function of the seed and the step.

use std::borrow::Cow;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use kaiga::faces::pyramid::{Pyramid, Square};
use net::person::SIDE_PX;
use pixels::Image;
use rayon::prelude::*;

use super::crops::{GROUPS, WIDE};
use crate::data::{mix, split};
use crate::faces::augment::augment;
use crate::file;

/// Most that a crop is moved, in its sides, enlarged, as the logarithm of the factor, and turned, radians.
const SHIFT: f32 = 0.05;
const ENLARGED: f32 = 0.13;
const TURNED: f32 = 0.3;

/// A crop around a face and who is in it.
pub struct Crop {
    picture: Pyramid<'static>,
    /// White where the person is.
    mask: Pyramid<'static>,
}

/// Crops and masks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// N×H×W×3, RGB −1..1.
    pub pixels: Vec<f32>,
    /// N×H×W, 0..1: how much of a pixel is the person.
    pub masks: Vec<f32>,
}

/// The crops of `folder` with their masks: those to learn from, and those that are held out.
///
/// # Errors
/// If they cannot be read, there are none, or a mask is missing.
pub fn load(folder: &Path) -> Result<[Vec<Crop>; 2]> {
    let read = |path: &std::path::PathBuf| -> Result<Crop> {
        let mask = path.with_extension("mask.png");
        ensure!(mask.exists(), "{} has no mask beside it: run crates/train/person.py first", path.display());
        let [picture, mask] = [path, &mask].map(|path| file::picture(path));
        let (picture, mask) = (picture?, mask?);
        let size = |image: &Image<_>| [image.width(), image.height()];
        ensure!(size(&picture) == size(&mask), "{} and its mask differ in size", path.display());
        let pyramid = |image| Pyramid::new(Cow::Owned(image), 16);
        Ok(Crop { picture: pyramid(picture), mask: pyramid(mask) })
    };
    let group = |name: &str| -> Result<Vec<Crop>> {
        let files = split::photos(&folder.join(name)).context("`kaiga-train person crops` makes the crops")?;
        let crops: Vec<_> = files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "jpg")).collect();
        if crops.is_empty() {
            bail!("there are no crops in {}", folder.join(name).display());
        }
        crops.par_iter().map(read).collect()
    };
    Ok([group(GROUPS[0])?, group(GROUPS[1])?])
}

/// `count` crops for step `step` by chance, changed as light, cameras and the detector might; `clean` ones are in turn and
/// as they are.
pub fn batch(crops: &[Crop], count: usize, clean: bool, seed: u64, step: u64) -> Batch {
    let mut rng = fastrand::Rng::with_seed(mix(seed, step));
    let mut batch = Batch::default();
    for i in 0..count {
        let crop = if clean { &crops[i % crops.len()] } else { &crops[rng.usize(..crops.len())] };
        let side = crop.picture.picture().width() as f32;
        let middle = Square { centre: [0.5 * side; 2], side: side / WIDE, roll: 0.0 };
        let square = if clean { middle } else { jittered(&middle, &mut rng) };
        let mirrored = !clean && rng.bool();
        let see = |pyramid: &Pyramid| {
            let mut samples = vec![0.0; SIDE_PX * SIDE_PX * 3];
            pyramid.sample(&square, SIDE_PX, &mut samples, 3 * SIDE_PX);
            if mirrored {
                samples.chunks_exact_mut(3 * SIDE_PX).for_each(|row| row.as_chunks_mut::<3>().0.reverse());
            }
            samples
        };
        let mut pixels = see(&crop.picture);
        if !clean {
            augment(&mut pixels, SIDE_PX, &mut rng);
        }
        batch.pixels.extend(pixels);
        batch.masks.extend(see(&crop.mask).as_chunks::<3>().0.iter().map(|p| 0.5 * (p[0] + 1.0)));
    }
    batch
}

fn jittered(square: &Square, rng: &mut fastrand::Rng) -> Square {
    let mut draw = |most: f32| (2.0 * rng.f32() - 1.0) * most;
    Square {
        centre: square.to_picture([draw(SHIFT), draw(SHIFT)]),
        side: square.side * draw(ENLARGED).exp(),
        roll: square.roll + draw(TURNED),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A bright disc on dark ground; the disc is the person.
    pub(crate) fn synthetic() -> Crop {
        let inside = |x: usize, y: usize| (x as f32 - 130.0).hypot(y as f32 - 110.0) < 60.0;
        let of = |person: [u8; 3], ground: [u8; 3]| {
            let image = Image::from_fn(240, 240, |x, y| if inside(x, y) { person } else { ground });
            Pyramid::new(Cow::Owned(image), 16)
        };
        Crop { picture: of([220, 180, 160], [40, 60, 90]), mask: of([255; 3], [0; 3]) }
    }

    #[test]
    fn the_mask_lies_where_the_crop_shows_the_person() {
        let crops = [synthetic()];
        for clean in [true, false] {
            let Batch { pixels, masks } = batch(&crops, 6, clean, 3, 1);
            let pixels = pixels.as_chunks::<3>().0;
            // Red above blue is the person, however light it is, in every crop that kept its colours.
            let agree = pixels.iter().zip(&masks).filter(|(p, m)| (p[0] > p[2]) == (**m > 0.5)).count();
            assert!(agree as f32 > 0.8 * masks.len() as f32, "{agree} of {}", masks.len());
        }
        assert_eq!(batch(&crops, 2, false, 3, 1), batch(&crops, 2, false, 3, 1));
        assert!(batch(&crops, 2, false, 3, 1) != batch(&crops, 2, false, 3, 2));
    }
}
