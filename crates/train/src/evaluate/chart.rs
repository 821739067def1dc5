//! What becomes of saturated colours, which few photos have: flags, neon, blossoms, clothing.

use pixels::Image;
use pixels::compare::{self, Tone};
use pixels::space::{Gray, Srgb8};
use serde::Serialize;

use super::inputs::sensor_noise;

const COLUMNS: usize = 6;
const ROWS: usize = 4;
/// Side of a patch and its margin, px: 768×512 px in all, the size of a working photo.
const PATCH_PX: usize = 128;
/// Grey around a patch, px.
const MARGIN_PX: usize = 8;
const GREY: [u8; 3] = [128; 3];
/// Values (of HSV) of the two halves of the chart.
const VALUES: [f64; 2] = [255.0, 153.0];
/// Chroma under which a colour has no hue to speak of.
const LEAST_CHROMA: f64 = 2.0;
const SEED: u64 = 24;

/// What is left of the chart's colours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Colours {
    /// Mean turn of the hue in Lab, 0..180 degrees, over the patches that have a hue in both pictures; nothing where
    /// none has.
    pub hue_degrees: Option<f64>,
    /// The largest turn.
    pub worst_hue_degrees: Option<f64>,
    /// Mean share of chroma kept in Lab, 0..1: more than there was counts as 1.
    pub chroma_kept: f64,
}

/// A model's painting of the chart, beside the chart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ChartColours {
    /// Of the flat chart.
    pub flat: Colours,
    /// Of the chart with [`sensor_noise`], beside that.
    pub noisy: Colours,
}

impl ChartColours {
    /// Lets `paint` paint the chart, flat and with noise.
    ///
    /// # Panics
    /// If a painting has another size than its photo.
    pub fn of(paint: impl Fn(&Image<Srgb8>) -> Image<Srgb8>) -> Self {
        let flat = chart();
        let noisy = sensor_noise(&flat, SEED);
        let [flat, noisy] = [flat, noisy].map(|photo| colours(&photo, &paint(&photo)));
        Self { flat, noisy }
    }
}

/// 24 patches on grey: hues of HSV in steps of 30°, fully saturated, in two rows with the value 255 and in two with
/// 153. The most saturated colours of sRGB: Lab chroma 34..134.
pub fn chart() -> Image<Srgb8> {
    Image::from_fn(COLUMNS * PATCH_PX, ROWS * PATCH_PX, |x, y| {
        let margin = |at: usize| !(MARGIN_PX..PATCH_PX - MARGIN_PX).contains(&(at % PATCH_PX));
        if margin(x) || margin(y) {
            return GREY;
        }
        let (column, row) = (x / PATCH_PX, y / PATCH_PX);
        patch(COLUMNS * (row % 2) + column, VALUES[row / 2])
    })
}

/// The colour with the HSV hue 30° × `hue`, saturation 1 and `value` 0..255.
fn patch(hue: usize, value: f64) -> [u8; 3] {
    [0, 4, 8].map(|own| {
        // Distance to the channel's own hue in steps of 30°: full up to two, none from four.
        let steps = (hue + 12 - own) % 12;
        let share = (4.0 - steps.min(12 - steps) as f64).clamp(0.0, 2.0) / 2.0;
        (value * share).round() as u8
    })
}

/// Tones of the middle of the patches, a quarter of their area.
fn tones(picture: &Image<Srgb8>) -> Vec<Tone> {
    let side = PATCH_PX - 2 * MARGIN_PX;
    let from = MARGIN_PX + side / 4;
    let middle = Image::<Gray>::filled(side / 2, side / 2, 1.0);
    let places = (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (column, row)));
    places
        .map(|(column, row)| {
            let patch = picture.crop(column * PATCH_PX + from, row * PATCH_PX + from, side / 2, side / 2);
            compare::mean_tone(&patch, &middle, 0.0).expect("a patch has pixels")
        })
        .collect()
}

fn colours(photo: &Image<Srgb8>, painting: &Image<Srgb8>) -> Colours {
    assert_eq!((painting.width(), painting.height()), (photo.width(), photo.height()), "a painting of another size");
    let (before, after) = (tones(photo), tones(painting));
    let has_hue = |tone: &Tone| tone.chroma >= LEAST_CHROMA;
    let pairs = || before.iter().zip(&after);
    let turns: Vec<f64> = pairs()
        .filter(|(before, after)| has_hue(before) && has_hue(after))
        .map(|(before, after)| before.hue_turn_degrees(after).abs())
        .collect();
    Colours {
        hue_degrees: (!turns.is_empty()).then(|| turns.iter().sum::<f64>() / turns.len() as f64),
        worst_hue_degrees: turns.iter().copied().reduce(f64::max),
        chroma_kept: pairs().map(|(before, after)| (after.chroma / before.chroma).min(1.0)).sum::<f64>()
            / before.len() as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pixels::space::{lab_from_srgb8, srgb_from_lab, srgb8_from_srgb};

    #[test]
    fn the_chart_has_the_stated_colours() {
        let chart = chart();
        assert_eq!((chart.width(), chart.height()), (768, 512));
        let at = |column: usize, row: usize| chart.at(column * 128 + 64, row * 128 + 64);
        assert_eq!([at(0, 0), at(1, 0), at(2, 0)], [[255, 0, 0], [255, 128, 0], [255, 255, 0]]);
        assert_eq!([at(4, 0), at(2, 1), at(4, 3)], [[0, 255, 0], [0, 0, 255], [153, 0, 153]]);
        assert_eq!((chart.at(7, 64), chart.at(8, 8), chart.at(128 + 119, 119)), (GREY, at(0, 0), at(1, 0)));
        let chroma: Vec<f64> = tones(&chart).iter().map(|tone| tone.chroma).collect();
        let least = chroma.iter().copied().fold(f64::MAX, f64::min);
        let most = chroma.iter().copied().fold(0.0, f64::max);
        assert!((least - 34.2).abs() < 1.0 && (most - 133.8).abs() < 1.0, "{least} {most}");
    }

    #[test]
    fn hue_error_and_chroma_by_hand() {
        let same = ChartColours::of(Image::clone);
        assert_eq!(
            (same.flat.hue_degrees, same.noisy.worst_hue_degrees, same.flat.chroma_kept),
            (Some(0.0), Some(0.0), 1.0)
        );
        let grey = ChartColours::of(|photo| photo.map(|[_, g, _]| [g; 3]));
        assert_eq!((grey.flat.hue_degrees, grey.flat.worst_hue_degrees), (None, None));
        assert!(grey.flat.chroma_kept < 0.01);
        // A third of the chroma, turned by 10°: in gamut for every patch.
        let (sin, cos) = 10f32.to_radians().sin_cos();
        let turned = ChartColours::of(|photo| {
            photo.map(|pixel| {
                let [_, a, b] = lab_from_srgb8(pixel).map(|v| v / 3.0);
                srgb8_from_srgb(srgb_from_lab([60.0, cos * a - sin * b, sin * a + cos * b]))
            })
        });
        let Colours { hue_degrees, worst_hue_degrees, chroma_kept } = turned.flat;
        assert!((hue_degrees.unwrap() - 10.0).abs() < 0.3 && worst_hue_degrees.unwrap() < 12.0, "{turned:?}");
        assert!((chroma_kept - 1.0 / 3.0).abs() < 0.01, "{turned:?}");
        // One patch of 24 painted grey: it has no hue, and no chroma to keep.
        let one = ChartColours::of(|photo| {
            let grey = |x, y| x < 128 && y < 128;
            Image::from_fn(photo.width(), photo.height(), |x, y| if grey(x, y) { GREY } else { photo.at(x, y) })
        });
        assert!((one.flat.chroma_kept - 23.0 / 24.0).abs() < 0.002 && one.flat.hue_degrees == Some(0.0));
    }
}
