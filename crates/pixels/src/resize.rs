//! Changes a picture's size: separable convolution with antialiasing, on all cores.

use crate::Image;
use crate::space::{Alpha8, Gray, Lab, LinearRgb, Space, Srgb, Srgb8, YCbCr};
use fast_image_resize as fir;

/// The kernel. All are widened when shrinking, so that every source pixel counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Filter {
    /// Sinc under three lobes: sharpest, slight ringing. For shrinking.
    #[default]
    Lanczos3,
    /// Cubic with B = 0, C = 1/2 (Catmull and Rom 1974): sharp.
    CatmullRom,
    /// Cubic with B = C = 1/3 (Mitchell and Netravali 1988): between sharp and soft. For enlarging.
    Mitchell,
    /// Triangle: overshoots nowhere.
    Bilinear,
    /// Mean over the area that the new pixel covers; nearest pixel when enlarging.
    Area,
}

impl Filter {
    fn kernel(self) -> fir::FilterType {
        match self {
            Self::Lanczos3 => fir::FilterType::Lanczos3,
            Self::CatmullRom => fir::FilterType::CatmullRom,
            Self::Mitchell => fir::FilterType::Mitchell,
            Self::Bilinear => fir::FilterType::Bilinear,
            Self::Area => fir::FilterType::Box,
        }
    }
}

/// The cubics of Mitchell and Netravali (1988) that keep ramps (B + 2C = 1), at a distance in samples; 0 from 2 on.
/// From `softness` 0, Catmull and Rom's (Keys' with a = −½), which goes through the samples, to 1, the B-spline, whose
/// level sets are the smoothest.
///
/// ```
/// use pixels::resize::cubic;
/// assert_eq!([0.0, 0.5, 1.0, 1.5].map(|distance| cubic(0.0, distance)), [1.0, 9.0 / 16.0, 0.0, -1.0 / 16.0]);
/// ```
#[must_use]
pub const fn cubic(softness: f64, distance: f64) -> f64 {
    let b = softness;
    match distance.abs() {
        d if d < 1.0 => ((1.5 - b) * d + 1.5 * b - 2.5) * d * d + 1.0 - b / 3.0,
        d if d < 2.0 => (((b / 3.0 - 0.5) * d + 2.5 - 1.5 * b) * d + 2.0 * b - 4.0) * d + 2.0 - 2.0 * b / 3.0,
        _ => 0.0,
    }
}

/// A space whose pictures can be resized: samples of one type that may be averaged.
pub trait Resizable: Space<Pixel: bytemuck::Pod> {
    #[doc(hidden)]
    const SAMPLES: Samples;
}

/// The samples of a pixel.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Samples {
    Bytes1,
    Bytes3,
    Floats1,
    Floats3,
}

macro_rules! resizable {
    ($($space:ident: $samples:ident)*) => {
        $(impl Resizable for $space { const SAMPLES: Samples = Samples::$samples; })*
    };
}

resizable! { Srgb8: Bytes3 Alpha8: Bytes1 Gray: Floats1 Srgb: Floats3 LinearRgb: Floats3 Lab: Floats3 YCbCr: Floats3 }

/// The picture at `width`×`height` px. The pictures' edges coincide (pixel centres at ½).
///
/// Samples are averaged as they are: gamma-coded ones without linearising, colours without regard
/// to opacity (see [`with_alpha`]). Float samples are not clamped, so all filters but bilinear and area may
/// overshoot.
///
/// # Panics
/// If one of the pictures has no pixels.
pub fn to<S: Resizable>(image: &Image<S>, width: usize, height: usize, filter: Filter) -> Image<S> {
    assert!(!image.pixels().is_empty() && width > 0 && height > 0, "a picture of no pixels cannot be resized");
    if (width, height) == (image.width(), image.height()) {
        return image.clone();
    }
    let mut pixels = vec![<S::Pixel as bytemuck::Zeroable>::zeroed(); width * height];
    let source = (bytemuck::cast_slice(image.pixels()), image.width(), image.height());
    let target = (bytemuck::cast_slice_mut(&mut pixels), width, height);
    convolve(S::SAMPLES, source, target, filter.kernel());
    Image::new(width, height, pixels)
}

/// A picture with its opacity at `width`×`height` px. Colours count by their opacity, so that what is not seen does not
/// colour the border of what is; where nothing is seen, they are averaged as they are.
///
/// # Panics
/// As [`to`]; also if the sizes differ.
pub fn with_alpha(
    image: &Image<Srgb8>,
    alpha: &Image<Alpha8>,
    width: usize,
    height: usize,
    filter: Filter,
) -> (Image<Srgb8>, Image<Alpha8>) {
    assert_eq!((image.width(), image.height()), (alpha.width(), alpha.height()), "opacity needs the picture's size");
    let weights = alpha.map::<Gray>(|opacity| f32::from(opacity) / 255.0);
    let weighted: Vec<[f32; 3]> = image
        .pixels()
        .iter()
        .zip(weights.pixels())
        .map(|(pixel, weight)| pixel.map(|v| f32::from(v) * weight))
        .collect();
    let weighted = to(&Image::<Srgb>::new(image.width(), image.height(), weighted), width, height, filter);
    let weights = to(&weights, width, height, filter);
    let mut colours = to(image, width, height, filter);
    let seen = colours.pixels_mut().iter_mut().zip(weighted.pixels()).zip(weights.pixels());
    for ((colour, weighted), &weight) in seen {
        // Below, a kernel's ringing is as large as what it rings around.
        let share = ((weight - SEEN.start) / (SEEN.end - SEEN.start)).clamp(0.0, 1.0);
        if share > 0.0 {
            let mixed = |c: usize| f32::from(colour[c]) + share * (weighted[c] / weight - f32::from(colour[c]));
            *colour = [0, 1, 2].map(|c| mixed(c).round().clamp(0.0, 255.0) as u8);
        }
    }
    (colours, weights.map(|weight| (255.0 * weight).round().clamp(0.0, 255.0) as u8))
}

/// Opacity from which colours begin to count by it, and from which they do so fully.
const SEEN: std::ops::Range<f32> = 0.02..0.1;

/// Not generic, and for four kinds of pixels instead of the resizer's fifteen: the resizer is compiled by who calls
/// it, and takes long.
fn convolve(
    samples: Samples,
    source: (&[u8], usize, usize),
    target: (&mut [u8], usize, usize),
    kernel: fir::FilterType,
) {
    match samples {
        Samples::Bytes1 => convolve_pixels::<fir::pixels::U8>(source, target, kernel),
        Samples::Bytes3 => convolve_pixels::<fir::pixels::U8x3>(source, target, kernel),
        Samples::Floats1 => convolve_pixels::<fir::pixels::F32>(source, target, kernel),
        Samples::Floats3 => convolve_pixels::<fir::pixels::F32x3>(source, target, kernel),
    }
}

fn convolve_pixels<P: fir::PixelTrait>(
    (source, source_width, source_height): (&[u8], usize, usize),
    (target, width, height): (&mut [u8], usize, usize),
    kernel: fir::FilterType,
) {
    let side = |px: usize| u32::try_from(px).expect("sides of pictures are far below 2³² px");
    let source = fir::images::TypedImageRef::<P>::from_buffer(side(source_width), side(source_height), source)
        .expect("a picture has as many pixels as its size says");
    let mut target = fir::images::TypedImage::<P>::from_buffer(side(width), side(height), target)
        .expect("made with that size, of samples as wide");
    let options = fir::ResizeOptions::new().resize_alg(fir::ResizeAlg::Convolution(kernel)).use_alpha(false);
    fir::Resizer::new().resize_typed(&source, &mut target, &options).expect("neither picture is cropped");
}

/// The size (width, height) in px of about `area_px` pixels with the aspect of `width`×`height`;
/// both at least 1.
///
/// # Panics
/// If `width` or `height` is 0.
pub fn area_size(width: usize, height: usize, area_px: usize) -> (usize, usize) {
    assert!(width > 0 && height > 0, "a picture of no pixels has no aspect");
    let scale = (area_px as f64 / (width as f64 * height as f64)).sqrt();
    let side = |px: usize| ((px as f64 * scale).round() as usize).max(1);
    (side(width), side(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_does_not_colour_the_border() {
        // A red disc cut out of green, as a photo's background is.
        let inside = |x: usize, y: usize| (x as f32 - 31.5).hypot(y as f32 - 31.5) < 20.0;
        let image = Image::<Srgb8>::from_fn(64, 64, |x, y| if inside(x, y) { [200, 10, 10] } else { [0, 255, 0] });
        let alpha = Image::<Alpha8>::from_fn(64, 64, |x, y| if inside(x, y) { 255 } else { 0 });
        for (side, filter) in [(20, Filter::Lanczos3), (25, Filter::Area), (150, Filter::Mitchell)] {
            let (colours, opacity) = with_alpha(&image, &alpha, side, side, filter);
            let plain = to(&alpha, side, side, filter);
            let off = opacity.pixels().iter().zip(plain.pixels()).map(|(a, b)| f32::from(a.abs_diff(*b)));
            assert!(off.sum::<f32>() < 4.0 * (side * side) as f32, "as opacity by itself, but for the rounding");
            for (colour, &opacity) in colours.pixels().iter().zip(opacity.pixels()) {
                match opacity {
                    0 => assert!(colour[1] > 200, "the file's colour stays where nothing is seen: {colour:?}"),
                    30.. => assert!(colour[0].abs_diff(200) < 6 && colour[1].abs_diff(10) < 6, "{colour:?} {opacity}"),
                    _ => {}
                }
            }
            // Where all is seen it is as without opacity.
            let smooth = Image::<Srgb8>::from_fn(64, 64, |x, y| [60 + x as u8, 200 - 2 * y as u8, 128]);
            let (colours, _) = with_alpha(&smooth, &Image::filled(64, 64, 255), side, side, filter);
            let plain = to(&smooth, side, side, filter);
            let off = colours.pixels().as_flattened().iter().zip(plain.pixels().as_flattened());
            assert!(off.map(|(a, b)| a.abs_diff(*b)).max() <= Some(1));
        }
    }

    const FILTERS: [Filter; 5] =
        [Filter::Lanczos3, Filter::CatmullRom, Filter::Mitchell, Filter::Bilinear, Filter::Area];

    fn ramp(width: usize, height: usize) -> Image<YCbCr> {
        Image::from_fn(width, height, |x, y| {
            let v = (x as f32 * 0.37 + y as f32 * 1.3).sin();
            [v, 0.25 * v * v, x as f32 / width as f32]
        })
    }

    #[test]
    fn one_colour_stays() {
        for filter in FILTERS {
            for (width, height) in [(1, 1), (7, 3), (64, 100)] {
                let photo = to(&Image::<Srgb8>::filled(20, 9, [3, 128, 250]), width, height, filter);
                assert!(photo.pixels().iter().all(|&p| p == [3, 128, 250]), "{filter:?} {width}×{height}");
                let gray = to(&Image::<Gray>::filled(20, 9, 0.3), width, height, filter);
                assert!(gray.pixels().iter().all(|&p| (p - 0.3).abs() < 1e-6), "{filter:?} {width}×{height}");
            }
        }
    }

    #[test]
    fn area_is_the_mean_of_blocks() {
        let source = ramp(12, 8);
        let small = to(&source, 4, 2, Filter::Area);
        for y in 0..2 {
            for x in 0..4 {
                for channel in 0..3 {
                    let block = (0..4).flat_map(|j| (0..3).map(move |i| (i, j)));
                    let mean = block.map(|(i, j)| source.at(3 * x + i, 4 * y + j)[channel]).sum::<f32>() / 12.0;
                    assert!((small.at(x, y)[channel] - mean).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn bilinear_enlarging_by_two_mixes_three_to_one() {
        let source = Image::<Gray>::new(2, 1, vec![0.0, 1.0]);
        let large = to(&source, 4, 1, Filter::Bilinear);
        for (value, expected) in large.pixels().iter().zip([0.0, 0.25, 0.75, 1.0]) {
            assert!((value - expected).abs() < 1e-6, "{large:?}");
        }
    }

    #[test]
    fn bytes_do_not_depend_on_the_number_of_threads() {
        let (photo, planes) = (ramp(301, 211).map::<Srgb8>(|p| p.map(|v| (v * 127.0 + 128.0) as u8)), ramp(301, 211));
        for filter in FILTERS {
            for (width, height) in [(97, 61), (333, 777)] {
                let with = |threads| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                    pool.install(|| (to(&photo, width, height, filter), to(&planes, width, height, filter)))
                };
                let one = with(1);
                assert!([2, 3, 7].into_iter().all(|threads| with(threads) == one), "{filter:?} {width}×{height}");
            }
        }
    }

    #[test]
    fn area_size_keeps_area_and_aspect() {
        assert_eq!(area_size(4000, 3000, 480_000), (800, 600));
        assert_eq!(area_size(10_000, 1, 100), (1000, 1));
        assert_eq!(area_size(3, 3, 0), (1, 1));
        assert_eq!(area_size(640, 480, 640 * 480), (640, 480));
    }
}
