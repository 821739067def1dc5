//! A palette taken from paintings: how their lightness is spread, how vivid each hue is and where it leans, which way
//! shadows and lights are tinted. Statistics of colour only (as Reinhard et al. 2001 transfer them, but hue by hue and
//! bounded), so that a photo keeps what is where.

use serde::{Deserialize, Serialize};

use pixels::Image;
use pixels::space::{Srgb8, lab_from_srgb8};
use rayon::prelude::*;

/// Sectors of hue.
const SECTORS: usize = 12;
/// Bands of lightness that have a tint.
const BANDS: usize = 5;
/// Quantiles of lightness that are moved to those of the paintings.
const QUANTILES: [f32; 7] = [0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95];
/// Fewer pixels than this share say little of a hue or a band: it is moved less.
const SURE_SHARE: f32 = 0.02;
/// Bounds of what a palette does: gain of chroma, shift of hue in radians, tint in Lab units, shift of lightness 0..1.
const GAIN: (f32, f32) = (0.7, 1.6);
const TURN: f32 = 0.35;
const TINT: f32 = 9.0;
const LIFT: f32 = 0.14;
/// Of a tint that much is taken: means of whole bands also say what the paintings are of.
const TINT_SHARE: f32 = 0.6;
/// Skin follows that much less.
const SKIN_GUARD: f32 = 0.7;

/// Statistics of colour of a set of pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Colours {
    quantiles: [f32; QUANTILES.len()],
    /// Share of pixels, mean chroma, and mean hue relative to the sector's middle, rad.
    sectors: [[f32; 3]; SECTORS],
    /// Share of pixels, mean a and b.
    tints: [[f32; 3]; BANDS],
}

/// What turns the colours of one set of pictures into those of another. Everything is relative to no change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Palette {
    /// From and to, lightness 0..1.
    curve: [[f32; 2]; QUANTILES.len()],
    /// Gain of chroma and turn of hue at the middle of each sector.
    sectors: [[f32; 2]; SECTORS],
    /// Shift of a and b at the middle of each band of lightness.
    tints: [[f32; 2]; BANDS],
}

impl Colours {
    /// Of all pixels of `pictures` together, every picture counting alike. A plain backdrop (a colour that fills most
    /// of the border) is left out: characters often stand on one.
    pub fn of(pictures: &[&Image<Srgb8>]) -> Self {
        let each: Vec<Sums> = pictures.par_iter().map(|picture| Sums::of(picture)).collect();
        let mut all = Sums::default();
        each.iter().filter(|sums| sums.count > 0.0).for_each(|sums| all.add(sums));
        all.colours()
    }
}

impl Palette {
    /// What brings pictures with the colours `from` near to `to`; `strength` 0..1.
    pub fn between(from: &Colours, to: &Colours, strength: f32) -> Self {
        let curve = std::array::from_fn(|i| {
            let (from, to) = (from.quantiles[i], to.quantiles[i]);
            // Blacks stay black.
            let most = LIFT.min(0.5 * from);
            [from, from + strength * (to - from).clamp(-most, most)]
        });
        let sure = |n: f32, art_n: f32| strength * (n.min(art_n) / SURE_SHARE).min(1.0);
        let sectors = std::array::from_fn(|i| {
            let ([n, chroma, hue], [art_n, art_chroma, art_hue]) = (from.sectors[i], to.sectors[i]);
            let sure = sure(n, art_n);
            let gain = (art_chroma / chroma.max(1.0)).clamp(GAIN.0, GAIN.1);
            [1.0 + sure * (gain - 1.0), sure * (art_hue - hue).clamp(-TURN, TURN)]
        });
        let tints = std::array::from_fn(|band| {
            let ([n, a, b], [art_n, art_a, art_b]) = (from.tints[band], to.tints[band]);
            [art_a - a, art_b - b].map(|shift| sure(n, art_n) * (TINT_SHARE * shift).clamp(-TINT, TINT))
        });
        Self { curve, sectors, tints }
    }

    /// A colour (lightness 0..1, a, b) in the palette; `skin` is its likelihood of skin, 0..1.
    pub(super) fn of(&self, [l, a, b]: [f32; 3], skin: f32) -> [f32; 3] {
        let share = 1.0 - SKIN_GUARD * skin;
        let (chroma, hue) = (a.hypot(b), b.atan2(a));
        let at = hue.rem_euclid(std::f32::consts::TAU) / std::f32::consts::TAU * SECTORS as f32 - 0.5;
        let [gain, turn] = between(&self.sectors, at, |i| i.rem_euclid(SECTORS as i32) as usize);
        let [ta, tb] = between(&self.tints, l * BANDS as f32 - 0.5, |i| i.clamp(0, BANDS as i32 - 1) as usize);
        let (sin, cos) = (hue + share * turn).sin_cos();
        let chroma = chroma * (1.0 + share * (gain - 1.0));
        // Black and white stay without a tint.
        let tinted = share * (4.0 * l * (1.0 - l)).clamp(0.0, 1.0);
        [l + share * (self.lightness(l) - l), chroma * cos + tinted * ta, chroma * sin + tinted * tb]
    }

    /// The curve through its points, black and white.
    fn lightness(&self, l: f32) -> f32 {
        let mut low = [0.0, 0.0];
        for high in self.curve.iter().copied().chain([[1.0, 1.0]]) {
            if l <= high[0] {
                let along = (l - low[0]) / (high[0] - low[0]).max(1e-3);
                return low[1] + along.clamp(0.0, 1.0) * (high[1] - low[1]);
            }
            low = high;
        }
        1.0
    }
}

/// Linear between the two entries around `at`, whose numbers `wrap` keeps inside.
fn between(table: &[[f32; 2]], at: f32, wrap: impl Fn(i32) -> usize) -> [f32; 2] {
    let (low, along) = (at.floor() as i32, at - at.floor());
    let (a, b) = (table[wrap(low)], table[wrap(low + 1)]);
    [0, 1].map(|c| a[c] + along * (b[c] - a[c]))
}

const LEVELS: usize = 256;

#[derive(Clone)]
struct Sums {
    count: f32,
    levels: [f32; LEVELS],
    /// Count, chroma, and hue relative to the middle of the sector, times chroma.
    sectors: [[f32; 3]; SECTORS],
    /// Count, a, b.
    bands: [[f32; 3]; BANDS],
}

impl Default for Sums {
    fn default() -> Self {
        Self { count: 0.0, levels: [0.0; LEVELS], sectors: [[0.0; 3]; SECTORS], bands: [[0.0; 3]; BANDS] }
    }
}

impl Sums {
    fn of(picture: &Image<Srgb8>) -> Self {
        let backdrop = backdrop(picture);
        let mut sums = Self::default();
        for &pixel in picture.pixels().iter().step_by(3) {
            if backdrop.is_some_and(|plain| pixel.iter().zip(plain).all(|(a, b)| a.abs_diff(b) <= 8)) {
                continue;
            }
            let [l, a, b] = lab_from_srgb8(pixel);
            let (l, chroma) = ((l * 0.01).clamp(0.0, 1.0), a.hypot(b));
            sums.count += 1.0;
            sums.levels[(l * (LEVELS - 1) as f32) as usize] += 1.0;
            let at = b.atan2(a).rem_euclid(std::f32::consts::TAU) / std::f32::consts::TAU * SECTORS as f32;
            let sector = (at as usize).min(SECTORS - 1);
            // A hue of greys is noise.
            if chroma > 6.0 {
                let off = (at - sector as f32 - 0.5) / SECTORS as f32 * std::f32::consts::TAU;
                for (sum, value) in sums.sectors[sector].iter_mut().zip([1.0, chroma, chroma * off]) {
                    *sum += value;
                }
            }
            let band = ((l * BANDS as f32) as usize).min(BANDS - 1);
            for (sum, value) in sums.bands[band].iter_mut().zip([1.0, a, b]) {
                *sum += value;
            }
        }
        sums
    }

    /// Adds another picture's sums as shares of it.
    fn add(&mut self, other: &Self) {
        let share = 1.0 / other.count;
        self.count += 1.0;
        let theirs = other.levels.iter().chain(other.sectors.as_flattened()).chain(other.bands.as_flattened());
        let ours = self.levels.iter_mut().chain(self.sectors.as_flattened_mut()).chain(self.bands.as_flattened_mut());
        ours.zip(theirs).for_each(|(sum, value)| *sum += share * value);
    }

    fn colours(&self) -> Colours {
        let total = self.count.max(1e-6);
        let quantile = |share: f32| {
            let mut sum = 0.0;
            let level = self.levels.iter().position(|n| {
                sum += n;
                sum >= share * total
            });
            level.unwrap_or(LEVELS - 1) as f32 / (LEVELS - 1) as f32
        };
        Colours {
            quantiles: QUANTILES.map(quantile),
            sectors: self.sectors.map(|[n, chroma, off]| [n / total, chroma / n.max(1e-6), off / chroma.max(1e-6)]),
            tints: self.bands.map(|[n, a, b]| [n / total, a / n.max(1e-6), b / n.max(1e-6)]),
        }
    }
}

/// The colour of most of the border, if it fills more than half of it.
fn backdrop(picture: &Image<Srgb8>) -> Option<[u8; 3]> {
    let (w, h) = (picture.width(), picture.height());
    let across = (0..w).flat_map(|x| [[x, 0], [x, h - 1]]);
    let mut border: Vec<[u8; 3]> =
        across.chain((0..h).flat_map(|y| [[0, y], [w - 1, y]])).map(|[x, y]| picture.at(x, y).map(|v| v / 8)).collect();
    border.sort_unstable();
    let most = border.chunk_by(|a, b| a == b).max_by_key(|run| run.len())?;
    (most.len() * 2 > border.len()).then(|| most[0].map(|v| v * 8 + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, colour: impl Fn(f32, f32) -> [u8; 3]) -> Image<Srgb8> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let pixels = (0..120 * 90).map(|_| colour(rng.f32(), rng.f32())).collect();
        Image::new(120, 90, pixels)
    }

    #[test]
    fn a_palette_between_equals_changes_nothing() {
        let picture = noise(1, |u, v| [(u * 255.0) as u8, (v * 200.0) as u8, 90]);
        let colours = Colours::of(&[&picture]);
        let palette = Palette::between(&colours, &colours, 1.0);
        for lab in [[0.1, 5.0, -20.0], [0.5, 40.0, 30.0], [0.93, -30.0, 12.0]] {
            let moved = palette.of(lab, 0.0);
            assert!(moved.iter().zip(lab).all(|(a, b)| (a - b).abs() < 1e-3), "{lab:?} → {moved:?}");
        }
    }

    #[test]
    fn colours_move_towards_those_of_the_paintings() {
        // Dull blue-greens in the photo, light vivid ones in the painting, which holds nothing as dark as the photo.
        let photo = noise(2, |u, v| [40, (90.0 + 30.0 * u) as u8, (80.0 + 20.0 * v) as u8]);
        let art = noise(3, |u, v| [(20.0 + 10.0 * v) as u8, (180.0 + 40.0 * u) as u8, (150.0 + 30.0 * u) as u8]);
        let palette = Palette::between(&Colours::of(&[&photo]), &Colours::of(&[&art]), 1.0);
        let [l, a, b] = lab_from_srgb8([40, 105, 88]);
        let moved = palette.of([l * 0.01, a, b], 0.0);
        let wanted = lab_from_srgb8([25, 200, 165]);
        let distance = |x: [f32; 3]| (0..3).map(|c| (x[c] - wanted[c]).powi(2)).sum::<f32>().sqrt();
        assert!(distance([moved[0] * 100.0, moved[1], moved[2]]) < 0.8 * distance([l, a, b]), "{moved:?}");
        let skin = palette.of([l * 0.01, a, b], 1.0);
        assert!((skin[0] - l * 0.01).abs() < 0.5 * (moved[0] - l * 0.01).abs());
    }

    #[test]
    fn a_backdrop_says_nothing() {
        let mut art = noise(4, |u, _| [(200.0 * u) as u8, 30, 60]);
        let alone = Colours::of(&[&art.crop(20, 20, 80, 50)]);
        art = Image::from_fn(120, 90, |x, y| {
            if (20..100).contains(&x) && (20..70).contains(&y) { art.at(x, y) } else { [233, 238, 240] }
        });
        let found = Colours::of(&[&art]);
        assert!(alone.quantiles.iter().zip(found.quantiles).all(|(a, b)| (a - b).abs() < 0.03));
    }
}
