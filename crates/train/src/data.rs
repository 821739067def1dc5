//! Pairs of photo and painting in memory, and the batches cut from them. Everything is a function of the seed and
//! the step, so that a resumed run sees what an uninterrupted one would have seen.

pub mod art;
pub mod degrade;
pub mod graphics;
pub mod pairs;
pub mod split;

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use anyhow::{Context, Result, bail};
use net::light::THUMBNAIL_PX;
use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;
use rayon::prelude::*;

use crate::data::degrade::degrade;

/// A photo with what the painter made of it. All pictures have the same size; samples are 8 bit, interleaved.
#[derive(Clone, Debug)]
pub struct Pair {
    /// File name without its endings.
    pub name: String,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// sRGB.
    pub photo: Vec<u8>,
    /// What the painter made of it, one a style.
    pub painted: Vec<Target>,
    /// The whole photo squeezed to [`THUMBNAIL_PX`]² sRGB.
    pub thumbnail: Vec<u8>,
}

/// A painting to be learnt.
#[derive(Clone, Debug)]
pub struct Target {
    /// sRGB, the ink laid on.
    pub painting: Vec<u8>,
    /// Ink strength 0..255 for 0..1, one sample a pixel.
    pub ink: Vec<u8>,
}

/// Samples of one style, ready for the network: 8 bit, N×H×W×C.
#[derive(Clone, Debug, PartialEq)]
pub struct Half {
    /// Number of the style.
    pub style: usize,
    /// Samples.
    pub count: usize,
    /// Side of the crops, px.
    pub side: usize,
    /// Degraded photos, C = 3.
    pub photo: Vec<u8>,
    /// Thumbnails of the whole photos, C = 3, side [`THUMBNAIL_PX`].
    pub thumbnail: Vec<u8>,
    /// The painter's paintings, C = 3.
    pub painting: Vec<u8>,
    /// The painter's ink, C = 1.
    pub ink: Vec<u8>,
}

/// What a batch is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchShape {
    /// Samples of each half.
    pub samples: usize,
    /// Side of the crops, px; divisible by 16.
    pub side: usize,
    /// Whether the photo's crop is degraded (noise, JPEG, blur).
    pub degrade: bool,
}

/// Reads the pairs in `folder` (NAME.photo.png, NAME.STYLE.png, NAME.STYLE.ink.png), in the order of their names, at most
/// `limit_bytes` of pixels; beyond it every so-many-th pair is left out. Pairs with a side under `least_px` are
/// left out too.
///
/// # Errors
/// If the folder or a picture cannot be read, sizes differ, or there is no pair at all.
pub fn load(folder: &Path, styles: &[&str], least_px: usize, limit_bytes: usize) -> Result<Vec<Pair>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read the pairs in {}", folder.display()))? {
        let file = entry?.file_name();
        names.extend(file.to_str().and_then(|name| name.strip_suffix(".photo.png")).map(str::to_owned));
    }
    names.sort();
    let there = |name: &str, part: &str| folder.join(format!("{name}.{part}.png")).exists();
    let complete =
        |name: &&String| styles.iter().all(|style| there(name, style) && there(name, &format!("{style}.ink")));
    let names: Vec<&String> = names.iter().filter(complete).collect();
    let mut total = 0;
    for name in &names {
        let (w, h) = image::image_dimensions(folder.join(format!("{name}.photo.png")))?;
        total += w as usize * h as usize * (3 + 4 * styles.len());
    }
    let keep = (limit_bytes as f64 / total.max(1) as f64).min(1.0);
    let kept =
        names.iter().enumerate().filter(|(i, _)| (*i as f64 * keep) as usize != ((*i as f64 + 1.0) * keep) as usize);
    let kept: Vec<_> = if keep < 1.0 { kept.map(|(_, name)| *name).collect() } else { names };
    let mut pairs = kept.par_iter().map(|name| read(folder, name, styles)).collect::<Result<Vec<_>>>()?;
    pairs.retain(|pair| pair.width.min(pair.height) >= least_px);
    if pairs.is_empty() {
        bail!("no pairs of at least {least_px} px a side in {}: make some with `kaiga-train pairs`", folder.display());
    }
    Ok(pairs)
}

fn read(folder: &Path, name: &str, styles: &[&str]) -> Result<Pair> {
    let open = |part: &str| {
        let path = folder.join(format!("{name}.{part}.png"));
        image::open(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let photo = open("photo")?.into_rgb8();
    let target = |style: &&str| -> Result<Target> {
        let (painting, ink) = (open(style)?.into_rgb8(), open(&format!("{style}.ink"))?.into_luma8());
        if painting.dimensions() != photo.dimensions() || ink.dimensions() != photo.dimensions() {
            bail!("the pictures of pair {name} differ in size: delete them and make them again");
        }
        Ok(Target { painting: painting.into_raw(), ink: ink.into_raw() })
    };
    let painted = styles.iter().map(target).collect::<Result<Vec<_>>>()?;
    let (width, height) = (photo.width() as usize, photo.height() as usize);
    // As the program squeezes it when it paints.
    let whole = Image::<Srgb8>::new(width, height, photo.as_chunks().0.to_vec());
    let thumbnail = resize::to(&whole, THUMBNAIL_PX, THUMBNAIL_PX, Filter::Bilinear).pixels().as_flattened().to_vec();
    Ok(Pair { name: name.to_owned(), width, height, photo: photo.into_raw(), painted, thumbnail })
}

/// The batch of `step`: for every entry of `parts`, which names a style by its number, a half of crops of photos
/// drawn at random.
pub fn batch(pairs: &[Pair], parts: &[usize], shape: BatchShape, seed: u64, step: u64) -> Vec<Half> {
    let seed = |part: usize| mix(seed, step * parts.len() as u64 + part as u64);
    parts.iter().enumerate().map(|(part, &style)| half(pairs, style, shape, seed(part))).collect()
}

fn half(pairs: &[Pair], style: usize, shape: BatchShape, seed: u64) -> Half {
    let side = shape.side;
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut photo, mut thumbnail, mut painting, mut ink) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..shape.samples {
        let pair = &pairs[rng.usize(..pairs.len())];
        let (x, y) = (rng.usize(..=pair.width - side), rng.usize(..=pair.height - side));
        let flip = rng.bool();
        let cut = |plane: &[u8], channels: usize| {
            let mut part = crop(plane, pair.width, channels, [x, y], [side, side]);
            if flip {
                mirror(&mut part, side, channels);
            }
            part
        };
        let mut seen = cut(&pair.photo, 3);
        if shape.degrade {
            degrade(&mut seen, side, &mut rng);
        }
        photo.extend(seen);
        painting.extend(cut(&pair.painted[style].painting, 3));
        ink.extend(cut(&pair.painted[style].ink, 1));
        let mut whole = pair.thumbnail.clone();
        if flip {
            mirror(&mut whole, THUMBNAIL_PX, 3);
        }
        thumbnail.extend(whole);
    }
    Half { style, count: shape.samples, side, photo, thumbnail, painting, ink }
}

/// The middle of a pair, at most `most_px` a side and divisible by 16, as a batch of one; not degraded.
pub fn middle(pair: &Pair, style: usize, most_px: usize) -> (Half, [usize; 2]) {
    let [width, height] = [pair.width, pair.height].map(|side| side.min(most_px) / 16 * 16);
    let at = [(pair.width - width) / 2, (pair.height - height) / 2];
    let cut = |plane: &[u8], channels: usize| crop(plane, pair.width, channels, at, [width, height]);
    let half = Half {
        style,
        count: 1,
        side: width,
        photo: cut(&pair.photo, 3),
        thumbnail: pair.thumbnail.clone(),
        painting: cut(&pair.painted[style].painting, 3),
        ink: cut(&pair.painted[style].ink, 1),
    };
    (half, [width, height])
}

/// Lets `make` prepare what the steps from `first` on need, in a thread of its own, a few ahead.
pub fn stream<T: Send + 'static>(first: u64, make: impl Fn(u64) -> T + Send + 'static) -> Receiver<T> {
    let (sender, receiver) = sync_channel(6);
    std::thread::spawn(move || {
        for step in first.. {
            if sender.send(make(step)).is_err() {
                break; // the run has ended
            }
        }
    });
    receiver
}

pub(crate) fn crop(plane: &[u8], width: usize, channels: usize, [x, y]: [usize; 2], [w, h]: [usize; 2]) -> Vec<u8> {
    (y..y + h).flat_map(|row| &plane[(row * width + x) * channels..][..w * channels]).copied().collect()
}

pub(crate) fn mirror(plane: &mut [u8], width: usize, channels: usize) {
    for row in plane.chunks_exact_mut(width * channels) {
        for x in 0..width / 2 {
            for c in 0..channels {
                row.swap(x * channels + c, (width - 1 - x) * channels + c);
            }
        }
    }
}

/// Two numbers to one seed (the finaliser of SplitMix64).
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut z =
        a.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(b.wrapping_add(1).wrapping_mul(0xd1b5_4a32_d192_ed03));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A pair whose painting is its photo, darker.
    pub(crate) fn synthetic(seed: u64) -> Pair {
        let (width, height) = (96, 80);
        let mut rng = fastrand::Rng::with_seed(seed);
        let [fx, fy] = [rng.f32() * 0.2, rng.f32() * 0.2];
        let value = |x: usize, y: usize, c: usize| 128.0 + 90.0 * (x as f32 * fx + y as f32 * fy + c as f32).sin();
        let each = |f: &dyn Fn(usize, usize, usize) -> f32| -> Vec<u8> {
            (0..width * height * 3).map(|i| f(i / 3 % width, i / 3 / width, i % 3) as u8).collect()
        };
        let photo = each(&|x, y, c| value(x, y, c));
        let painting = each(&|x, y, c| value(x, y, c) * 0.7);
        let thumbnail = vec![128; THUMBNAIL_PX * THUMBNAIL_PX * 3];
        Pair {
            name: "synthetic".into(),
            width,
            height,
            photo,
            painted: vec![Target { painting, ink: vec![0; width * height] }; 2],
            thumbnail,
        }
    }

    #[test]
    fn a_batch_depends_on_seed_and_step_alone() {
        let pairs = [synthetic(1), synthetic(2)];
        let shape = BatchShape { samples: 3, side: 32, degrade: true };
        assert_eq!(batch(&pairs, &[0, 1], shape, 7, 5), batch(&pairs, &[0, 1], shape, 7, 5));
        assert_ne!(batch(&pairs, &[0, 1], shape, 7, 5), batch(&pairs, &[0, 1], shape, 7, 6));
    }

    #[test]
    fn photo_and_painting_are_cut_at_the_same_place() {
        let pairs = [synthetic(3)];
        let shape = BatchShape { samples: 8, side: 48, degrade: false };
        for half in batch(&pairs, &[0, 1], shape, 1, 1) {
            for (photo, painting) in half.photo.iter().zip(&half.painting) {
                assert!((f32::from(*photo) * 0.7 - f32::from(*painting)).abs() <= 1.5);
            }
        }
    }
}
