//! Samples as a file stores them → sRGB in 8 bits, through the file's ICC profile.

use super::Warning;
use crate::Image;
use crate::space::{Alpha8, Srgb8, gamma_from_linear, linear_from_gamma};
use ::image::metadata::Orientation;
#[cfg(feature = "avif")]
use moxcms::{CicpColorPrimaries, CicpProfile, MatrixCoefficients, TransferCharacteristics};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformExecutor, TransformOptions};
use rayon::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What the colour samples of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColorModel {
    Gray,
    Rgb,
    /// 0 is no ink.
    Cmyk,
    /// As every JPEG of that kind in the wild: 255 is no ink.
    InvertedCmyk,
    /// Y, Cb, Cr of the RGB whose complement is the inverted CMY; K as above.
    InvertedYcck,
}

/// How a sample is stored, in the machine's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Bits8,
    Bits16,
    /// 0..1
    Float32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Storage {
    pub(super) model: ColorModel,
    /// One more sample after the colours, straight (not premultiplied).
    pub(super) alpha: bool,
    pub(super) depth: Depth,
}

impl Storage {
    fn color_samples(self) -> usize {
        match self.model {
            ColorModel::Gray => 1,
            ColorModel::Rgb => 3,
            ColorModel::Cmyk | ColorModel::InvertedCmyk | ColorModel::InvertedYcck => 4,
        }
    }

    fn bytes_per_sample(self) -> usize {
        match self.depth {
            Depth::Bits8 => 1,
            Depth::Bits16 => 2,
            Depth::Float32 => 4,
        }
    }

    pub(super) fn bytes_per_pixel(self) -> usize {
        (self.color_samples() + usize::from(self.alpha)) * self.bytes_per_sample()
    }

    /// Whether 8-bit RGB fits where the samples were.
    pub(super) fn is_in_place(self) -> bool {
        self.bytes_per_pixel() >= 3
    }
}

/// A decoded file before colour conversion: rows from the top as stored, samples interleaved.
pub(super) struct Samples {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) storage: Storage,
    pub(super) bytes: Vec<u8>,
    pub(super) profile: Option<Profile>,
    pub(super) orientation: Orientation,
    pub(super) warning: Option<Warning>,
}

/// The way from a file's samples to sRGB.
pub(super) enum Profile {
    Bits8(Arc<dyn TransformExecutor<u8> + Send + Sync>),
    Bits16(Arc<dyn TransformExecutor<u16> + Send + Sync>),
    /// Inks, in 16 bits whatever the file has, and then to 8 bits by a table of 65,536 levels that makes the darkest
    /// ink black.
    Inks(Arc<dyn TransformExecutor<u16> + Send + Sync>, Vec<u8>),
}

impl Profile {
    /// `None` where the profile is broken, is for another kind of samples, or changes nothing: a
    /// profile must not fail a picture, and sRGB's own must not cost a rounding.
    pub(super) fn new(icc: &[u8], model: ColorModel, depth: Depth) -> Option<Self> {
        Self::catching(|| Self::from_source(&ColorProfile::new_from_slice(icc).ok()?, model, depth))
    }

    /// RGB by code points of ITU-T H.273. `None` where they say nothing, or sRGB.
    ///
    /// The curves of film and television are taken as sRGB's: most writers that name them began with sRGB.
    #[cfg(feature = "avif")]
    pub(super) fn from_cicp(primaries: u8, transfer: u8, depth: Depth) -> Option<Self> {
        let transfer = if matches!(transfer, 4 | 5 | 8) { transfer } else { 13 };
        Self::catching(|| {
            let source = ColorProfile::new_from_cicp(CicpProfile {
                color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
                transfer_characteristics: TransferCharacteristics::try_from(transfer).ok()?,
                matrix_coefficients: MatrixCoefficients::Identity,
                full_range: true,
            });
            Self::from_source(&source, ColorModel::Rgb, depth)
        })
    }

    /// A broken profile may make its reader panic.
    fn catching(make: impl FnOnce() -> Option<Self>) -> Option<Self> {
        catch_unwind(AssertUnwindSafe(make)).ok().flatten()
    }

    fn from_source(source: &ColorProfile, model: ColorModel, depth: Depth) -> Option<Self> {
        let (space, layout) = match model {
            ColorModel::Gray => (DataColorSpace::Gray, Layout::Gray),
            ColorModel::Rgb => (DataColorSpace::Rgb, Layout::Rgb),
            ColorModel::Cmyk | ColorModel::InvertedCmyk | ColorModel::InvertedYcck => {
                (DataColorSpace::Cmyk, Layout::Rgba)
            }
        };
        if source.color_space != space {
            return None;
        }
        let srgb = ColorProfile::new_srgb();
        let options = TransformOptions::default();
        if space == DataColorSpace::Cmyk {
            let transform = source.create_transform_16bit(layout, &srgb, Layout::Rgb, options).ok()?;
            let levels = levels_above(darkest(transform.as_ref())?);
            return Some(Self::Inks(transform, levels));
        }
        let transform = source.create_transform_8bit(layout, &srgb, Layout::Rgb, options).ok()?;
        if changes_nothing(transform.as_ref(), model)? {
            return None;
        }
        match depth {
            Depth::Bits8 => Some(Self::Bits8(transform)),
            Depth::Bits16 | Depth::Float32 => {
                source.create_transform_16bit(layout, &srgb, Layout::Rgb, options).ok().map(Self::Bits16)
            }
        }
    }
}

/// Whether no colour of a coarse grid moves by more than one level; `None` if the transform fails.
fn changes_nothing(transform: &dyn TransformExecutor<u8>, model: ColorModel) -> Option<bool> {
    let (source, same): (Vec<u8>, Vec<u8>) = match model {
        ColorModel::Gray => ((0..=255).collect(), (0..=255).flat_map(|v| [v; 3]).collect()),
        ColorModel::Rgb => {
            let steps: Vec<u8> = (0..=255).step_by(15).collect();
            let grid: Vec<u8> = steps
                .iter()
                .flat_map(|&r| steps.iter().map(move |&g| (r, g)))
                .flat_map(|(r, g)| steps.iter().flat_map(move |&b| [r, g, b]))
                .collect();
            (grid.clone(), grid)
        }
        ColorModel::Cmyk | ColorModel::InvertedCmyk | ColorModel::InvertedYcck => return Some(false),
    };
    let mut converted = vec![0; same.len()];
    transform.transform(&source, &mut converted).ok()?;
    Some(converted.iter().zip(&same).all(|(&a, &b)| a.abs_diff(b) <= 1))
}

/// The luminance (linear, 0..1) of the darkest that full inks give together; `None` if the transform fails.
fn darkest(transform: &dyn TransformExecutor<u16>) -> Option<f32> {
    /// L* 50. Whose black is lighter than that is not made black.
    const LIGHTEST: f32 = 0.184;
    let inks: Vec<u16> = (0..16).flat_map(|i| [1, 2, 4, 8].map(|ink| if i & ink == 0 { 0 } else { 65535 })).collect();
    let mut rgb = [0; 48];
    transform.transform(&inks, &mut rgb).ok()?;
    let luminance = |rgb: &[u16; 3]| {
        let [r, g, b] = rgb.map(|level| linear_from_gamma(f32::from(level) / 65535.0));
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    Some(rgb.as_chunks().0.iter().map(luminance).fold(LIGHTEST, f32::min))
}

/// Black-point compensation (ISO 18619) to a black of 0: sRGB in 16 bits → 8 bits, so that `black` (linear) becomes 0
/// and white stays.
fn levels_above(black: f32) -> Vec<u8> {
    let level8 = |level16: u16| {
        let linear = (linear_from_gamma(f32::from(level16) / 65535.0) - black) / (1.0 - black);
        (gamma_from_linear(linear.max(0.0)) * 255.0).round() as u8
    };
    (0..=u16::MAX).map(level8).collect()
}

impl Samples {
    /// The picture in sRGB and its opacity, if any pixel is not opaque.
    ///
    /// Works in the samples' own memory where 8-bit RGB fits there.
    pub(super) fn into_srgb(self) -> (Image<Srgb8>, Option<Image<Alpha8>>) {
        let Self { width, height, storage, mut bytes, profile, .. } = self;
        let stride = width * storage.bytes_per_pixel();
        let mut alpha = if storage.alpha { vec![255_u8; width * height] } else { Vec::new() };
        // A row of no bytes a pixel where there is no opacity, so that rows can be zipped.
        let mut no_alpha = vec![(); height];
        let alpha_rows: Vec<&mut [u8]> = if storage.alpha {
            alpha.chunks_exact_mut(width).collect()
        } else {
            no_alpha.iter_mut().map(|()| &mut [] as &mut [u8]).collect()
        };
        let row = Row { width, storage, profile: profile.as_ref() };

        let ready = storage.model == ColorModel::Rgb && !storage.alpha && storage.depth == Depth::Bits8;
        if ready && profile.is_none() {
            // Nothing to do: the decoder wrote the picture itself.
        } else if storage.is_in_place() {
            bytes.par_chunks_exact_mut(stride).zip(alpha_rows).for_each_init(
                Scratch::default,
                |scratch, (row_bytes, alpha)| {
                    row.to_srgb(row_bytes, alpha, scratch);
                    row_bytes[..3 * width].copy_from_slice(&scratch.rgb);
                },
            );
            if stride > 3 * width {
                for y in 1..height {
                    bytes.copy_within(y * stride..y * stride + 3 * width, y * 3 * width);
                }
                bytes.truncate(3 * width * height);
                bytes.shrink_to_fit();
            }
        } else {
            let mut rgb = vec![0; 3 * width * height];
            rgb.par_chunks_exact_mut(3 * width).zip(bytes.par_chunks_exact(stride)).zip(alpha_rows).for_each_init(
                Scratch::default,
                |scratch, ((rgb, row_bytes), alpha)| {
                    row.to_srgb(row_bytes, alpha, scratch);
                    rgb.copy_from_slice(&scratch.rgb);
                },
            );
            bytes = rgb;
        }

        let pixels = bytemuck::allocation::try_cast_vec(bytes)
            .unwrap_or_else(|(_, bytes)| bytemuck::allocation::pod_collect_to_vec::<u8, [u8; 3]>(&bytes));
        let translucent = alpha.par_iter().any(|&a| a != 255);
        let alpha = translucent.then(|| Image::new(width, height, alpha));
        (Image::new(width, height, pixels), alpha)
    }
}

/// Converts rows, given room to work in.
struct Row<'a> {
    width: usize,
    storage: Storage,
    profile: Option<&'a Profile>,
}

#[derive(Default)]
struct Scratch {
    color8: Vec<u8>,
    color16: Vec<u16>,
    rgb16: Vec<u16>,
    /// The row in sRGB.
    rgb: Vec<u8>,
}

impl Row<'_> {
    /// The colours of `source` into `scratch.rgb`, the opacity into `alpha`.
    fn to_srgb(&self, source: &[u8], alpha: &mut [u8], scratch: &mut Scratch) {
        scratch.rgb.resize(3 * self.width, 0);
        let colors = self.storage.color_samples();
        match self.storage.depth {
            Depth::Bits8 => {
                unpack::<1, u8>(source, colors, &mut scratch.color8, alpha, |[v]| v, |v| v);
                self.convert8(scratch);
            }
            Depth::Bits16 => {
                unpack::<2, u16>(source, colors, &mut scratch.color16, alpha, u16::from_ne_bytes, level8_from_16);
                self.convert16(scratch);
            }
            Depth::Float32 => {
                let level16 = |bytes| (f32::from_ne_bytes(bytes).clamp(0.0, 1.0) * 65535.0).round() as u16;
                unpack::<4, u16>(source, colors, &mut scratch.color16, alpha, level16, level8_from_16);
                self.convert16(scratch);
            }
        }
    }

    fn convert8(&self, scratch: &mut Scratch) {
        let Scratch { color8, color16, rgb16, rgb } = scratch;
        match self.storage.model {
            ColorModel::Gray | ColorModel::Rgb | ColorModel::Cmyk => {}
            ColorModel::InvertedCmyk => color8.iter_mut().for_each(|v| *v = 255 - *v),
            ColorModel::InvertedYcck => {
                color8.as_chunks_mut().0.iter_mut().for_each(|p| *p = cmyk_from_inverted_ycck(*p))
            }
        }
        let converted = match self.profile {
            Some(Profile::Bits8(transform)) => transform.transform(color8, rgb).is_ok(),
            Some(Profile::Inks(transform, levels)) => {
                color16.clear();
                color16.extend(color8.iter().map(|&v| u16::from(v) * 257));
                inks_to_rgb(transform.as_ref(), levels, color16, rgb16, rgb)
            }
            _ => false,
        };
        if !converted {
            match self.storage.model {
                ColorModel::Gray => spread(color8, rgb),
                ColorModel::Rgb => rgb.copy_from_slice(color8),
                _ => ink_on_paper(color8, 255, rgb),
            }
        }
    }

    fn convert16(&self, scratch: &mut Scratch) {
        let Scratch { color16, rgb16, rgb, .. } = scratch;
        if let Some(Profile::Inks(transform, levels)) = self.profile
            && inks_to_rgb(transform.as_ref(), levels, color16, rgb16, rgb)
        {
            return;
        }
        rgb16.resize(3 * self.width, 0);
        let converted = match self.profile {
            Some(Profile::Bits16(transform)) => transform.transform(color16, rgb16).is_ok(),
            _ => false,
        };
        if !converted {
            match self.storage.model {
                ColorModel::Gray => spread(color16, rgb16),
                ColorModel::Rgb => rgb16.copy_from_slice(color16),
                _ => ink_on_paper(color16, u16::MAX, rgb16),
            }
        }
        for (level8, &level16) in rgb.iter_mut().zip(rgb16.iter()) {
            *level8 = level8_from_16(level16);
        }
    }
}

/// Whether the transform did it.
fn inks_to_rgb(
    transform: &dyn TransformExecutor<u16>,
    levels: &[u8],
    inks: &[u16],
    rgb16: &mut Vec<u16>,
    rgb: &mut [u8],
) -> bool {
    rgb16.resize(rgb.len(), 0);
    let done = transform.transform(inks, rgb16).is_ok();
    rgb.iter_mut().zip(rgb16.iter()).for_each(|(level8, &level16)| *level8 = levels[usize::from(level16)]);
    done
}

/// RGB of C, M, Y, K without a profile: each ink takes its part of the light. `full` is all ink, and all light.
fn ink_on_paper<T: Copy + Into<u64> + TryFrom<u64>>(inks: &[T], full: T, rgb: &mut [T]) {
    let max = full.into();
    for ([c, m, y, k], rgb) in inks.as_chunks().0.iter().zip(rgb.as_chunks_mut::<3>().0) {
        let light = |ink: T| ((max - ink.into()) * (max - (*k).into()) + max / 2) / max;
        // Never more than `full`.
        *rgb = [*c, *m, *y].map(|ink| T::try_from(light(ink)).unwrap_or(full));
    }
}

/// Takes the samples of a row apart: colours into `color`, opacity in 8 bits into `alpha`, which is
/// empty where there is none.
fn unpack<const BYTES: usize, T: Copy>(
    source: &[u8],
    colors: usize,
    color: &mut Vec<T>,
    alpha: &mut [u8],
    sample: impl Fn([u8; BYTES]) -> T,
    level8: impl Fn(T) -> u8,
) {
    let samples = source.as_chunks::<BYTES>().0;
    color.clear();
    if alpha.is_empty() {
        color.extend(samples.iter().map(|&bytes| sample(bytes)));
        return;
    }
    for (pixel, alpha) in samples.chunks_exact(colors + 1).zip(alpha) {
        color.extend(pixel[..colors].iter().map(|&bytes| sample(bytes)));
        *alpha = level8(sample(pixel[colors]));
    }
}

fn spread<T: Copy>(gray: &[T], rgb: &mut [T]) {
    for (&gray, rgb) in gray.iter().zip(rgb.as_chunks_mut::<3>().0) {
        *rgb = [gray; 3];
    }
}

/// 65535 → 255, to the nearest.
fn level8_from_16(level16: u16) -> u8 {
    ((u32::from(level16) + 128) / 257) as u8
}

/// Adobe's YCCK: RGB from Y, Cb, Cr (BT.601, full range) is the ink coverage itself.
fn cmyk_from_inverted_ycck([y, cb, cr, k]: [u8; 4]) -> [u8; 4] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    let ink = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|v| v.round() as u8);
    [ink[0], ink[1], ink[2], 255 - k]
}
