//! Paintings that a style is learnt from: reading a folder of them, and the crops a step compares with.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pixels::Image;
use pixels::codec::{self, Limits};
use pixels::space::Srgb8;
use rayon::prelude::*;

use crate::data::{Half, crop, mirror};
use crate::data::{pairs, split};

/// Fewer paintings say too little of a style.
pub const LEAST_PAINTINGS: usize = 12;
/// Shortest side of a painting, px.
pub const LEAST_SIDE_PX: usize = 240;
/// Crops that are looked at for every one that is taken.
const CHOICE: usize = 6;

/// Paintings at working size.
#[derive(Clone, Debug)]
pub struct Art {
    /// With their paths.
    pub paintings: Vec<(PathBuf, Image<Srgb8>)>,
    /// What was left out and why, for people.
    pub left_out: Vec<String>,
}

/// Reads all paintings of `folder` (jpg, png, webp; sub-folders included). What cannot be read or is too small is left
/// out and named.
///
/// # Errors
/// If the folder cannot be read, or fewer than [`LEAST_PAINTINGS`] are left: with what was wrong with the others.
pub fn load(folder: &Path) -> Result<Art> {
    let paths = split::photos(folder)?;
    let read: Vec<(PathBuf, Result<Image<Srgb8>>)> = paths.into_par_iter().map(|p| (p.clone(), painting(&p))).collect();
    let mut art = Art { paintings: Vec::new(), left_out: Vec::new() };
    for (path, painting) in read {
        match painting {
            Ok(painting) => art.paintings.push((path, painting)),
            Err(error) => art.left_out.push(format!("{}: {error:#}", path.display())),
        }
    }
    if art.paintings.len() < LEAST_PAINTINGS {
        let mut words = format!(
            "{} holds {} paintings that can be learnt from; {LEAST_PAINTINGS} are the least, 40 or more are better: \
             add pictures of the same hand",
            folder.display(),
            art.paintings.len()
        );
        for reason in art.left_out.iter().take(5) {
            words += &format!("\n  left out: {reason}");
        }
        bail!(words);
    }
    Ok(art)
}

fn painting(path: &Path) -> Result<Image<Srgb8>> {
    let bytes = std::fs::read(path).context("cannot be read")?;
    let image = codec::read(&bytes, &Limits::default())?.image;
    if image.width().min(image.height()) < LEAST_SIDE_PX {
        bail!("{}×{} px: at least {LEAST_SIDE_PX} px a side are needed", image.width(), image.height());
    }
    let working = pairs::at_working_size(&image);
    if working.width().min(working.height()) < LEAST_SIDE_PX {
        let (wide, high) = (working.width(), working.height());
        bail!("a strip: at the size learnt from it is {wide}×{high} px, and {LEAST_SIDE_PX} px a side are needed");
    }
    Ok(working)
}

impl Art {
    /// Those learnt from, and those held out: every tenth by path.
    pub fn split(self) -> [Vec<Image<Srgb8>>; 2] {
        let mut parts = [Vec::new(), Vec::new()];
        for (index, (_, painting)) in self.paintings.into_iter().enumerate() {
            parts[usize::from(split::is_held_out(index))].push(painting);
        }
        parts
    }
}

/// For every crop of `half` the most alike of some crops of `art` drawn at random, alike in mean colour and in how
/// much lightness varies: a discriminator that is shown skies beside skies learns how they are painted, not that
/// there are none. N×side×side×3, 8 bit.
pub fn crops_like(art: &[Image<Srgb8>], half: &Half, seed: u64) -> Vec<u8> {
    let (side, mut rng) = (half.side, fastrand::Rng::with_seed(seed));
    let mut taken = Vec::with_capacity(half.painting.len());
    for wanted in half.painting.chunks_exact(side * side * 3) {
        let wanted = character(wanted);
        let candidates = (0..CHOICE).map(|_| {
            let crop = any_crop(art, side, &mut rng);
            let distance: f32 = character(&crop).iter().zip(wanted).map(|(a, b)| (a - b).powi(2)).sum();
            (distance, crop)
        });
        let nearest = candidates.min_by(|(a, _), (b, _)| a.total_cmp(b)).expect("some crops are looked at");
        taken.extend(nearest.1);
    }
    taken
}

/// `count` crops of `art`, drawn at random: count×side×side×3, 8 bit.
pub fn crops(art: &[Image<Srgb8>], count: usize, side: usize, seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..count).flat_map(|_| any_crop(art, side, &mut rng)).collect()
}

fn any_crop(art: &[Image<Srgb8>], side: usize, rng: &mut fastrand::Rng) -> Vec<u8> {
    let painting = &art[rng.usize(..art.len())];
    let [x, y] = [painting.width(), painting.height()].map(|len| rng.usize(..=len - side));
    let mut crop = crop(painting.pixels().as_flattened(), painting.width(), 3, [x, y], [side, side]);
    if rng.bool() {
        mirror(&mut crop, side, 3);
    }
    crop
}

/// Mean luma, blue and red difference, and the spread of luma; every fourth pixel says enough.
fn character(rgb: &[u8]) -> [f32; 4] {
    let (mut sums, mut square, mut count) = ([0f32; 3], 0f32, 0f32);
    for pixel in rgb.as_chunks::<3>().0.iter().step_by(4) {
        let [r, g, b] = pixel.map(f32::from);
        let luma = 0.299 * r + 0.587 * g + 0.114 * b;
        for (sum, value) in sums.iter_mut().zip([luma, b - luma, r - luma]) {
            *sum += value;
        }
        square += luma * luma;
        count += 1.0;
    }
    let [luma, blue, red] = sums.map(|sum| sum / count);
    [luma, blue, red, (square / count - luma * luma).max(0.0).sqrt()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use pixels::codec::Format;

    #[test]
    fn crops_are_those_most_alike() {
        let plain = |level: u8| Image::<Srgb8>::filled(300, 260, [level; 3]);
        let art: Vec<_> = [20, 120, 220].map(plain).into();
        let (side, count) = (16, 12);
        let samples = |level: u8| vec![level; count * side * side * 3];
        let half = |level| Half {
            style: 0,
            count,
            side,
            photo: vec![],
            thumbnail: vec![],
            painting: samples(level),
            ink: vec![],
        };
        let alike = |level| crops_like(&art, &half(level), 4).iter().filter(|&&v| v.abs_diff(level) <= 20).count();
        // Missed only where none of six draws is of the right painting: (2/3)⁶, one in eleven.
        assert!(alike(30) * 10 > samples(0).len() * 7 && alike(210) * 10 > samples(0).len() * 7);
        assert_eq!(crops_like(&art, &half(30), 4), crops_like(&art, &half(30), 4));
    }

    #[test]
    fn a_bad_folder_is_told_what_is_wrong_with_it() {
        let folder = std::env::temp_dir().join(format!("kaiga-art-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let png = |side| codec::write(&Image::<Srgb8>::filled(side, side, [90; 3]), None, Format::Png, 100).unwrap();
        std::fs::write(folder.join("small.png"), png(64)).unwrap();
        std::fs::write(folder.join("broken.jpg"), b"no picture").unwrap();
        for i in 0..11 {
            std::fs::write(folder.join(format!("fine-{i}.png")), png(LEAST_SIDE_PX)).unwrap();
        }
        let error = load(&folder).unwrap_err().to_string();
        assert!(error.contains("11 paintings") && error.contains("64×64 px"), "{error}");
        assert!(error.contains("broken.jpg") && error.contains("12 are the least"), "{error}");
        std::fs::write(folder.join("one-more.webp"), png(300)).unwrap();
        // High enough as it is, but not once it is shrunk to the area that pairs have.
        let strip = codec::write(&Image::<Srgb8>::filled(6000, 250, [90; 3]), None, Format::Png, 100).unwrap();
        std::fs::write(folder.join("strip.png"), strip).unwrap();
        let art = load(&folder).unwrap();
        assert_eq!((art.paintings.len(), art.left_out.len()), (12, 3));
        assert!(art.left_out.iter().any(|words| words.contains("strip.png: a strip")), "{:?}", art.left_out);
        let [learnt, held] = art.split();
        assert_eq!((learnt.len(), held.len()), (11, 1));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
