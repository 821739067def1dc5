//! How near paintings are to art, by what a network trained on photos sees in both: which things there are and how
//! they look (KID), and in which texture (Gram matrices). Measured on crops, so that a few dozen pictures are enough.

use pixels::Image;
use pixels::space::{Srgb8, luma_from_srgb, srgb_from_srgb8, srgb8_from_srgb};
use rayon::prelude::*;
use serde::Serialize;

/// Side of a crop, px.
const CROP_PX: usize = 256;
/// Subsets that KID is the mean of.
const SUBSETS: usize = 100;
/// Most crops in a subset.
const SUBSET: usize = 100;

/// A network that describes a crop.
pub trait Describe {
    /// One vector of a length of its own.
    fn vector(&self, crop: &Image<Srgb8>) -> Vec<f64>;
    /// Feature maps at several depths: depth, channel, position.
    fn maps(&self, crop: &Image<Srgb8>) -> Vec<Vec<Vec<f32>>>;
}

/// Kernel inception distance (Bińkowski, Sutherland, Arbel and Gretton 2018): the squared maximum mean discrepancy of
/// two sets of vectors, unbiased, with the kernel `(x·y/d + 1)³`. About 0 for two samples of one distribution (below
/// it too), larger for different ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Kid {
    /// Mean over 100 random subsets.
    pub mean: f64,
    /// Standard deviation over the subsets.
    pub deviation: f64,
}

/// How far paintings are from art.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StyleDistance {
    /// Between the vectors of colour crops.
    pub kid: Kid,
    /// Between the mean Gram matrices of grey crops: Frobenius norm of the difference over that of the art's, mean
    /// over the depths. 0 for the same texture.
    pub gram: f64,
    /// Crops of paintings.
    pub crops: usize,
    /// Crops of art.
    pub art_crops: usize,
}

/// What a network sees in a set of pictures.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    vectors: Vec<Vec<f64>>,
    /// Sums over the crops, by depth.
    grams: Vec<Vec<f64>>,
}

impl Samples {
    /// Adds the crops of `picture`: squares of 256 px side by side, the grid in the middle of the picture.
    pub fn add(&mut self, picture: &Image<Srgb8>, eye: &dyn Describe) {
        for crop in crops(picture) {
            self.vectors.push(eye.vector(&crop));
            let grey = crop.map(|pixel| srgb8_from_srgb([luma_from_srgb(srgb_from_srgb8(pixel)); 3]));
            let grams = eye.maps(&grey).iter().map(|map| gram(map)).collect::<Vec<_>>();
            if self.grams.is_empty() {
                self.grams = grams;
            } else {
                let sums = self.grams.iter_mut().flatten();
                sums.zip(grams.iter().flatten()).for_each(|(sum, value)| *sum += value);
            }
        }
    }

    /// How far these are from `art`, seen by the same network; nothing where one has fewer than 4 crops.
    pub fn distance(&self, art: &Self) -> Option<StyleDistance> {
        let (crops, art_crops) = (self.vectors.len(), art.vectors.len());
        let kid = kid(&self.vectors, &art.vectors)?;
        let ratio = |(here, there): (&Vec<f64>, &Vec<f64>)| {
            let there = there.iter().map(|sum| sum / art_crops as f64);
            let squares = here.iter().zip(there).map(|(sum, there)| {
                let here = sum / crops as f64;
                [(here - there).powi(2), there.powi(2)]
            });
            let [apart, norm] = squares.fold([0.0; 2], |[a, n], [da, dn]| [a + da, n + dn]);
            (apart / norm.max(1e-30)).sqrt()
        };
        let gram = self.grams.iter().zip(&art.grams).map(ratio).sum::<f64>() / self.grams.len().max(1) as f64;
        Some(StyleDistance { kid, gram, crops, art_crops })
    }
}

fn crops(picture: &Image<Srgb8>) -> impl Iterator<Item = Image<Srgb8>> {
    let (columns, rows) = (picture.width() / CROP_PX, picture.height() / CROP_PX);
    let (left, top) = ((picture.width() - columns * CROP_PX) / 2, (picture.height() - rows * CROP_PX) / 2);
    let places = (0..rows).flat_map(move |row| (0..columns).map(move |column| (column, row)));
    places.map(move |(x, y)| picture.crop(left + x * CROP_PX, top + y * CROP_PX, CROP_PX, CROP_PX))
}

/// Gram matrix (Gatys, Ecker and Bethge 2016) of a feature map (channel, position) whose channels have their means
/// removed, divided by the number of positions: C×C, row by row.
fn gram(map: &[Vec<f32>]) -> Vec<f64> {
    let mean = |channel: &Vec<f32>| channel.iter().sum::<f32>() / channel.len().max(1) as f32;
    let centred = |channel: &Vec<f32>| {
        let mean = mean(channel);
        channel.iter().map(|value| value - mean).collect::<Vec<_>>()
    };
    let map: Vec<Vec<f32>> = map.iter().map(centred).collect();
    let dot = |a: &Vec<f32>, b: &Vec<f32>| f64::from(a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>());
    let row = |a: &Vec<f32>| map.iter().map(|b| dot(a, b) / a.len().max(1) as f64).collect::<Vec<_>>();
    map.par_iter().map(row).collect::<Vec<_>>().concat()
}

/// Subsets hold half of the smaller set, at most 100, drawn without repetition, always the same.
fn kid(xs: &[Vec<f64>], ys: &[Vec<f64>]) -> Option<Kid> {
    let subset = (xs.len().min(ys.len()) / 2).min(SUBSET);
    if subset < 2 {
        return None;
    }
    let kernels = Kernels::of(xs, ys);
    let mut rng = fastrand::Rng::with_seed(1);
    let values: Vec<f64> = (0..SUBSETS)
        .map(|_| {
            let [some_xs, some_ys] = [xs.len(), ys.len()].map(|count| rng.choose_multiple(0..count, subset));
            kernels.mmd2(&some_xs, &some_ys)
        })
        .collect();
    let mean = values.iter().sum::<f64>() / SUBSETS as f64;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (SUBSETS - 1) as f64;
    Some(Kid { mean, deviation: variance.sqrt() })
}

/// The kernel of every vector with every other.
struct Kernels {
    xx: Vec<Vec<f64>>,
    yy: Vec<Vec<f64>>,
    xy: Vec<Vec<f64>>,
}

impl Kernels {
    fn of(xs: &[Vec<f64>], ys: &[Vec<f64>]) -> Self {
        let kernel = |x: &Vec<f64>, y: &Vec<f64>| {
            let dot: f64 = x.iter().zip(y).map(|(x, y)| x * y).sum();
            (dot / x.len() as f64 + 1.0).powi(3)
        };
        let all = |xs: &[Vec<f64>], ys: &[Vec<f64>]| {
            xs.par_iter().map(|x| ys.iter().map(|y| kernel(x, y)).collect()).collect()
        };
        Self { xx: all(xs, xs), yy: all(ys, ys), xy: all(xs, ys) }
    }

    /// The unbiased estimate over some of the vectors, by their indices: at least two of each.
    fn mmd2(&self, xs: &[usize], ys: &[usize]) -> f64 {
        let sum = |table: &[Vec<f64>], rows: &[usize], columns: &[usize]| -> f64 {
            rows.iter().map(|&row| columns.iter().map(|&column| table[row][column]).sum::<f64>()).sum()
        };
        let within = |table: &[Vec<f64>], some: &[usize]| {
            let diagonal: f64 = some.iter().map(|&i| table[i][i]).sum();
            (sum(table, some, some) - diagonal) / (some.len() * (some.len() - 1)) as f64
        };
        within(&self.xx, xs) + within(&self.yy, ys) - 2.0 * sum(&self.xy, xs, ys) / (xs.len() * ys.len()) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_discrepancy_by_hand() {
        // One number each: (x·y + 1)³. xx: 1; yy: 3³; xy: (1 + 1 + 2³ + 3³)/4.
        let kernels = Kernels::of(&[vec![0.0], vec![1.0]], &[vec![1.0], vec![2.0]]);
        assert!((kernels.mmd2(&[0, 1], &[0, 1]) - (1.0 + 27.0 - 2.0 * 37.0 / 4.0)).abs() < 1e-12);
        // Two numbers: the scalar product is halved.
        let kernels = Kernels::of(&[vec![1.0, 1.0], vec![2.0, 0.0]], &[vec![0.0, 0.0], vec![0.0, 0.0]]);
        assert!((kernels.mmd2(&[1, 0], &[0, 1]) - (8.0 + 1.0 - 2.0)).abs() < 1e-12);
    }

    #[test]
    fn samples_of_one_distribution_are_at_zero_and_others_are_not() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut sample = |shift: f64| -> Vec<Vec<f64>> {
            (0..300).map(|_| (0..6).map(|_| rng.f64() - 0.5 + shift).collect()).collect()
        };
        let (one, same, other) = (sample(0.0), sample(0.0), sample(0.3));
        let (at_zero, apart) = (kid(&one, &same).unwrap(), kid(&one, &other).unwrap());
        assert!(at_zero.mean.abs() < at_zero.deviation && at_zero.deviation > 0.0, "{at_zero:?}");
        assert!(apart.mean > 10.0 * apart.deviation, "{apart:?}");
        assert_eq!((kid(&one[..3], &same), kid(&one, &[])), (None, None));
    }

    #[test]
    fn a_gram_matrix_by_hand() {
        // Means 2 and 1 removed: (−1, 1, 0, 0) and (2, −1, −1, 0).
        let map = [vec![1.0, 3.0, 2.0, 2.0], vec![3.0, 0.0, 0.0, 1.0]];
        assert_eq!(gram(&map), [2.0 / 4.0, -3.0 / 4.0, -3.0 / 4.0, 6.0 / 4.0]);
    }

    /// Sees the mean colour, and red and green as a map.
    struct Plain;

    impl Describe for Plain {
        fn vector(&self, crop: &Image<Srgb8>) -> Vec<f64> {
            let sum = |c: usize| crop.pixels().iter().map(|pixel| f64::from(pixel[c])).sum::<f64>();
            (0..3).map(|c| sum(c) / crop.pixels().len() as f64).collect()
        }

        fn maps(&self, crop: &Image<Srgb8>) -> Vec<Vec<Vec<f32>>> {
            vec![(0..2).map(|c| crop.pixels().iter().map(|pixel| f32::from(pixel[c])).collect()).collect()]
        }
    }

    #[test]
    fn pictures_are_seen_crop_by_crop() {
        let stripes = |high: u8| {
            Image::<Srgb8>::from_fn(2 * 256 + 31, 2 * 256 + 8, |x, _| if x % 2 == 0 { [100; 3] } else { [high; 3] })
        };
        let samples = |high: u8| {
            let mut samples = Samples::default();
            samples.add(&stripes(high), &Plain);
            samples
        };
        let (flat, rough) = (samples(120), samples(140));
        let same = flat.distance(&flat).unwrap();
        assert_eq!((same.crops, same.art_crops, same.gram), (4, 4, 0.0));
        // Deviations 10 and 20, so every entry is 100 against 400.
        let apart = flat.distance(&rough).unwrap();
        assert!((apart.gram - 0.75).abs() < 1e-6, "{apart:?}");
        assert!(apart.kid.mean > same.kid.mean);
        let mut narrow = Samples::default();
        narrow.add(&Image::filled(255, 900, [0; 3]), &Plain);
        assert_eq!(narrow.distance(&flat), None);
    }
}
