//! How drawn a picture looks: where it lies between photos and art, in the eyes of a linear probe on what a network
//! trained on photos sees.
//!
//! All that is no drawing is made alike before: size, compression, and colour, for a vivid photo is no drawing. Of the
//! depths of the network the last is taken. Those before it tell art from photos too, and call every smoothed and
//! sharpened photo art, because there they see little but sharpness. Depth, colour and penalty were chosen with paintings
//! of the Kodak pictures in sight; figures of these are no independent evidence for the scale.

use anyhow::{Context, Result, ensure};
use pixels::Image;
use pixels::codec::{self, Format, Limits};
use pixels::resize::{self, Filter};
use pixels::space::{Srgb8, luma_from_srgb, srgb_from_srgb8, srgb8_from_srgb};
use serde::{Deserialize, Serialize};

use super::probe::{Probe, Sample, logistic};
use super::style::Describe;

/// Area that pictures are scaled to, px.
const AREA_PX: usize = 200_000;
/// Side of the crops, px: what the network was trained on.
const CROP_PX: usize = 224;
/// Quality of the JPEG that every picture goes through.
const QUALITY: u8 = 80;
/// Neither so weak that every picture is surely one or the other, nor so strong that art is unsure: the cross-validated
/// log-odds are most likely when divided by 1.2; with a third of this penalty by 1.5, with ten times by 0.7.
const PENALTY: f64 = 0.01;
const FOLDS: usize = 5;
/// So many pictures after one another, by path, are in one fold: panels of a page, photos of a day.
const GROUP: usize = 10;

/// The scale: 0 photo, 1 art.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drawnness {
    probe: Probe,
    /// What it was fitted to.
    pub photos: Kind,
    /// What it was fitted to.
    pub art: Kind,
    /// Area under the receiver operating characteristic, cross-validated, 0.5..1.
    pub auc: f64,
}

/// Pictures of one kind, each judged by a probe that has not seen it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kind {
    /// Pictures.
    pub count: usize,
    /// Mean drawn-ness, 0..1.
    pub drawnness: f64,
    /// Share on the right side of one half, 0..1.
    pub right: f64,
}

impl Drawnness {
    /// The scale between photos and art, given by their [`features`], each in the order of their paths. Both weigh the
    /// same, however many there are.
    ///
    /// # Errors
    /// If there are fewer than 50 of one kind, or they are described by different networks.
    pub fn fit(photos: Vec<Vec<f64>>, art: Vec<Vec<f64>>) -> Result<Self> {
        let least = FOLDS * GROUP;
        ensure!(photos.len().min(art.len()) >= least, "a probe needs {least} photos and as many pictures of art");
        let count = photos.len();
        let sample = |positive| move |(i, features)| Sample { features, positive, group: i / GROUP };
        let photos = photos.into_iter().enumerate().map(sample(false));
        let samples: Vec<Sample> = photos.chain(art.into_iter().enumerate().map(sample(true))).collect();
        let (auc, logits) = Probe::validate(&samples, PENALTY, FOLDS)?;
        let kind = |logits: &[f64], is_right: fn(f64) -> bool| Kind {
            count: logits.len(),
            drawnness: logits.iter().map(|&logit| logistic(logit)).sum::<f64>() / logits.len() as f64,
            right: logits.iter().filter(|&&logit| is_right(logit)).count() as f64 / logits.len() as f64,
        };
        let (photos, art) = (kind(&logits[..count], |l| l < 0.0), kind(&logits[count..], |l| l >= 0.0));
        Ok(Self { probe: Probe::fit(&samples, PENALTY)?, photos, art, auc })
    }

    /// Mean of the shares of photos and of art that are recognised, cross-validated; 0.5 is chance.
    pub fn accuracy(&self) -> f64 {
        (self.photos.right + self.art.right) / 2.0
    }

    /// How drawn `picture` looks to `eye`, by whom photos and art were described, 0..1.
    ///
    /// # Errors
    /// If the picture has no pixels.
    pub fn of(&self, picture: &Image<Srgb8>, eye: &dyn Describe) -> Result<f64> {
        Ok(logistic(self.probe.logit(&features(picture, eye)?)))
    }

    /// What it is worth, in a line.
    pub fn summary(&self) -> String {
        format!(
            "drawn-ness by a probe that tells {} pictures of art from {} photos: {:.1} % right (both kinds weigh the \
             same), AUC {:.3}; photos {:.2}, art {:.2} ({FOLDS} folds)",
            self.art.count,
            self.photos.count,
            100.0 * self.accuracy(),
            self.auc,
            self.photos.drawnness,
            self.art.drawnness
        )
    }
}

/// What `eye` sees of the drawing in a picture: mean and standard deviation of every channel of its deepest map, over
/// grey squares side by side.
///
/// # Errors
/// If the picture has no pixels.
pub fn features(picture: &Image<Srgb8>, eye: &dyn Describe) -> Result<Vec<f64>> {
    let crops = crops(picture)?;
    let mut means: Vec<f64> = Vec::new();
    for crop in &crops {
        let map = eye.maps(crop).pop().context("a network without depth sees nothing")?;
        let seen: Vec<f64> = map.iter().flat_map(|channel| moments(channel)).collect();
        means.resize(seen.len(), 0.0);
        means.iter_mut().zip(seen).for_each(|(mean, value)| *mean += value / crops.len() as f64);
    }
    Ok(means)
}

/// Of the picture at [`AREA_PX`], or as much larger as its shorter side needs, the middle.
fn crops(picture: &Image<Srgb8>) -> Result<Vec<Image<Srgb8>>> {
    ensure!(!picture.pixels().is_empty(), "a picture without pixels does not look like anything");
    let [width, height] = [picture.width(), picture.height()].map(|side| side as f64);
    let scale = (AREA_PX as f64 / (width * height)).sqrt().max(CROP_PX as f64 / width.min(height));
    let [w, h] = [width, height].map(|side| ((scale * side).round() as usize).max(CROP_PX));
    let filter = if scale < 1.0 { Filter::Lanczos3 } else { Filter::Mitchell };
    let bytes = codec::write(&resize::to(picture, w, h, filter), None, Format::Jpeg, QUALITY)?;
    let coded = codec::read(&bytes, &Limits::default())?.image;
    let grey = coded.map::<Srgb8>(|pixel| srgb8_from_srgb([luma_from_srgb(srgb_from_srgb8(pixel)); 3]));
    let starts = |side: usize| {
        let count = side / CROP_PX;
        (0..count).map(move |i| (side - count * CROP_PX) / 2 + i * CROP_PX)
    };
    let places = starts(h).flat_map(|y| starts(w).map(move |x| (x, y)));
    Ok(places.map(|(x, y)| grey.crop(x, y, CROP_PX, CROP_PX)).collect())
}

/// Mean and standard deviation.
fn moments(channel: &[f32]) -> [f64; 2] {
    let count = channel.len().max(1) as f64;
    let mean = channel.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = channel.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
    [mean, variance.sqrt()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sees red twice: as it is, and how far it is from white.
    struct Plain;

    impl Describe for Plain {
        fn vector(&self, _: &Image<Srgb8>) -> Vec<f64> {
            Vec::new()
        }

        fn maps(&self, crop: &Image<Srgb8>) -> Vec<Vec<Vec<f32>>> {
            let red: Vec<f32> = crop.pixels().iter().map(|pixel| f32::from(pixel[0])).collect();
            vec![vec![], vec![red.iter().map(|v| 255.0 - v).collect(), red]]
        }
    }

    #[test]
    fn size_colour_and_compression_are_not_seen() {
        let wave = |width: usize, height: usize, tint: [f64; 3]| {
            Image::<Srgb8>::from_fn(width, height, |x, y| {
                let [x, y] = [(x, width), (y, height)].map(|(at, side)| at as f64 / side as f64);
                let light = 120.0 + 60.0 * (9.0 * x).sin() * (7.0 * y).cos();
                tint.map(|tint| (light + tint).round() as u8)
            })
        };
        let plain = features(&wave(600, 400, [0.0; 3]), &Plain).unwrap();
        assert_eq!(plain.len(), 4);
        // Luma 0.299·40 + 0.587·(−10) − 0.114·50 is about 0.
        for other in [wave(1500, 1000, [0.0; 3]), wave(150, 100, [0.0; 3]), wave(600, 400, [40.0, -10.0, -50.0])] {
            let other = features(&other, &Plain).unwrap();
            assert!(plain.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1.5), "{plain:?} {other:?}");
        }
        assert_eq!(crops(&wave(2000, 300, [0.0; 3])).unwrap().len(), 6, "1493×224");
        assert_eq!(crops(&wave(3, 4, [0.0; 3])).unwrap().len(), 2, "387×516");
        assert!(features(&Image::filled(0, 5, [0; 3]), &Plain).is_err());
    }

    #[test]
    fn the_scale_goes_from_photos_to_art() {
        let grey = |level: u8| features(&Image::filled(30, 30, [level; 3]), &Plain).unwrap();
        let some = |from: u8| (from..from + 60).map(grey).collect::<Vec<_>>();
        let scale = Drawnness::fit(some(20), some(160)).unwrap();
        assert_eq!((scale.accuracy(), scale.auc, scale.photos.count), (1.0, 1.0, 60));
        let of = |level: u8| scale.of(&Image::filled(30, 30, [level; 3]), &Plain).unwrap();
        assert!(of(30) < of(100) && of(100) < of(120) && of(120) < of(210));
        assert!(of(30) < 0.1 && of(210) > 0.9 && (of(119) - 0.5).abs() < 0.1);
        assert!(Drawnness::fit(some(20), some(160)[..49].to_vec()).is_err());
    }
}
