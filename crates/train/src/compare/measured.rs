//! What a method's painting of a photo keeps of it, in figures.

use anyhow::Result;
use kaiga::faces::Face;
use kaiga::{Studio, unwatched};
use pixels::Image;
use pixels::compare;
use pixels::space::{Srgb8, lab_from_srgb8};
use serde::{Deserialize, Serialize};

use crate::evaluate::drawnness::Drawnness;
use crate::evaluate::{Describe, moved};

/// What was measured on one painting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Mean absolute difference of Lab a* and b* to the photo.
    pub ab_difference: f64,
    /// Hasler–Süsstrunk colourfulness, painting over photo.
    pub colourfulness_ratio: f64,
    /// Mean L* of the painting less that of the photo.
    pub brightness: f64,
    /// Multi-scale structural similarity of luma to the photo.
    pub ms_ssim: f64,
    /// From 0, photo, to 1, art; nothing where nobody judges it.
    pub drawnness: Option<f64>,
    /// Faces in the photo, and how many of them are found again.
    pub faces: [usize; 2],
}

/// What was measured on all paintings of a method: means, sums of faces.
pub type Figures = Measured;

/// Who looks at paintings.
pub struct Judge<'a> {
    studio: Studio,
    scale: Option<(&'a Drawnness, &'a dyn Describe)>,
}

impl<'a> Judge<'a> {
    /// With a scale of how drawn pictures look, or without.
    ///
    /// # Errors
    /// If the models that come with kaiga are broken, which would be a bug.
    pub fn new(scale: Option<(&'a Drawnness, &'a dyn Describe)>) -> Result<Self> {
        Ok(Self { studio: Studio::embedded()?, scale })
    }

    /// The faces in a photo.
    ///
    /// # Errors
    /// As [`Studio::faces`].
    pub fn faces(&self, photo: &Image<Srgb8>) -> Result<Vec<Face>> {
        Ok(self.studio.faces(photo, &unwatched)?)
    }

    /// Measures a painting of a photo in which there are these faces.
    ///
    /// # Errors
    /// If the painting has no pixels, or faces cannot be sought.
    pub fn measure(&self, photo: &Image<Srgb8>, faces: &[Face], painting: &Image<Srgb8>) -> Result<Measured> {
        let found = if faces.is_empty() { Vec::new() } else { self.faces(painting)? };
        let again = faces.iter().filter(|face| moved(face, &found, |p| p).is_some()).count();
        Ok(Measured {
            ab_difference: compare::mean_ab_difference(photo, painting),
            colourfulness_ratio: (compare::colourfulness(painting) + 1e-3) / (compare::colourfulness(photo) + 1e-3),
            brightness: lightness(painting) - lightness(photo),
            ms_ssim: compare::ms_ssim(photo, painting),
            drawnness: self.scale.map(|(scale, eye)| scale.of(painting, eye)).transpose()?,
            faces: [faces.len(), again],
        })
    }
}

impl Measured {
    /// Means over the paintings of a method; faces are counted together. Nothing of none.
    pub fn mean(all: &[Self]) -> Option<Figures> {
        let mean = |number: &dyn Fn(&Self) -> f64| all.iter().map(number).sum::<f64>() / all.len() as f64;
        let judged = all.iter().all(|one| one.drawnness.is_some());
        (!all.is_empty()).then(|| Self {
            ab_difference: mean(&|one| one.ab_difference),
            colourfulness_ratio: mean(&|one| one.colourfulness_ratio),
            brightness: mean(&|one| one.brightness),
            ms_ssim: mean(&|one| one.ms_ssim),
            drawnness: judged.then(|| mean(&|one| one.drawnness.unwrap_or_default())),
            faces: [0, 1].map(|i| all.iter().map(|one| one.faces[i]).sum()),
        })
    }
}

fn lightness(picture: &Image<Srgb8>) -> f64 {
    let sum: f64 = picture.pixels().iter().map(|&pixel| f64::from(lab_from_srgb8(pixel)[0])).sum();
    sum / picture.pixels().len().max(1) as f64
}

/// The most memory this process has held, bytes; nothing where the system does not say.
pub fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_differs_from_itself_in_nothing_and_a_pale_one_in_colour() {
        let judge = Judge::new(None).unwrap();
        let photo = Image::<Srgb8>::from_fn(200, 200, |x, y| [x as u8, y as u8, 90]);
        let same = judge.measure(&photo, &[], &photo).unwrap();
        assert_eq!((same.ab_difference, same.brightness, same.faces), (0.0, 0.0, [0, 0]));
        assert!((same.ms_ssim - 1.0).abs() < 1e-6 && (same.colourfulness_ratio - 1.0).abs() < 1e-9);
        let pale = photo.map::<Srgb8>(|pixel| pixel.map(|v| 128 + v / 2));
        let pale = judge.measure(&photo, &[], &pale).unwrap();
        assert!(pale.colourfulness_ratio < 0.7 && pale.brightness > 10.0 && pale.ab_difference > 5.0, "{pale:?}");
        let mean = Measured::mean(&[same, pale.clone()]).unwrap();
        assert!((mean.brightness - pale.brightness / 2.0).abs() < 1e-9 && mean.drawnness.is_none());
        assert_eq!(Measured::mean(&[]), None);
    }

    #[test]
    fn the_peak_is_at_least_what_is_held() {
        if let Some(peak) = peak_bytes() {
            assert!(peak > 1 << 20);
        }
    }
}
