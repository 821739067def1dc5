//! Crops around the faces of photos: what is learnt from, once `person.py` has laid a mask beside each.

use std::path::Path;

use anyhow::{Context, Result};
use kaiga::faces::Detector;
use kaiga::faces::person::person_square;
use kaiga::faces::pyramid::{Pyramid, Square};
use pixels::Image;
use pixels::codec::{self, Format};
use pixels::space::Srgb8;
use rayon::prelude::*;
use std::borrow::Cow;

use crate::{data::split, file};

/// A crop is so much wider than what the network sees: room to shift, turn and enlarge it.
pub const WIDE: f32 = 1.3;
/// Side of a crop, px.
const CROP_PX: usize = 320;
/// Smaller faces are left out, px of their height.
const LEAST_FACE_PX: f32 = 36.0;
/// Names of the two folders: photos that are learnt from and those that are held out.
pub const GROUPS: [&str; 2] = ["learn", "held"];

/// Writes a crop around every face of the photos below `photos` into `out`. Returns how many of each of [`GROUPS`].
///
/// # Errors
/// If photos cannot be read or crops not be written.
pub fn cut(photos: &Path, out: &Path) -> Result<[usize; 2]> {
    let detector = Detector::embedded()?;
    for group in GROUPS {
        std::fs::create_dir_all(out.join(group)).with_context(|| format!("cannot make {}", out.display()))?;
    }
    let all = split::photos(photos)?;
    let cut = |(index, path): (usize, &std::path::PathBuf)| -> Result<[usize; 2]> {
        let held = split::is_held_out(index);
        let photo = Pyramid::new(Cow::Owned(file::picture(path)?), 16);
        let mut count = 0;
        for (i, face) in detector.detect(photo.picture())?.iter().enumerate() {
            let Some(square) = person_square(face).filter(|_| face.bounds[3] >= LEAST_FACE_PX) else { continue };
            let name = format!("{}.{i}.jpg", split::name(photos, path));
            let crop = seen(&photo, &Square { side: WIDE * square.side, ..square });
            file::write(
                &out.join(GROUPS[usize::from(held)]).join(name),
                &codec::write(&crop, None, Format::Jpeg, 92)?,
            )?;
            count += 1;
        }
        Ok(if held { [0, count] } else { [count, 0] })
    };
    let counts: Vec<[usize; 2]> = all.par_iter().enumerate().map(cut).collect::<Result<_>>()?;
    Ok([0, 1].map(|group| counts.iter().map(|count| count[group]).sum()))
}

fn seen(photo: &Pyramid, square: &Square) -> Image<Srgb8> {
    let mut samples = vec![0.0; CROP_PX * CROP_PX * 3];
    photo.sample(square, CROP_PX, &mut samples, 3 * CROP_PX);
    let byte = |v: f32| ((v + 1.0) * 127.5).round() as u8;
    Image::new(CROP_PX, CROP_PX, samples.as_chunks::<3>().0.iter().map(|p| p.map(byte)).collect())
}
