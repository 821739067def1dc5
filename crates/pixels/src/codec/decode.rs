//! From the bytes of a file to its samples: sizes and limits first, pixels after.

use super::color::{Depth, Model, Profile, Samples, Storage};
use super::{Error, Format, Limit, Limits};
use ::image::codecs::{bmp::BmpDecoder, gif::GifDecoder, png::PngDecoder, tiff::TiffDecoder, webp::WebPDecoder};
use ::image::error::{ImageError, LimitErrorKind, UnsupportedErrorKind};
use ::image::metadata::Orientation;
use ::image::{ColorType, ImageDecoder};
use std::io::Cursor;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Scans of a progressive JPEG. Encoders write about 10; thousands are a way to keep us busy.
const MAX_JPEG_SCANS: usize = 100;

pub(super) fn decode(bytes: &[u8], format: Format, limits: &Limits) -> Result<Samples, Error> {
    match format {
        Format::Jpeg => decode_jpeg(bytes, limits),
        _ => decode_other(bytes, format, limits),
    }
}

/// Width and height as the header says them, before any turning upright, within `limits`.
pub(super) fn stored_size(bytes: &[u8], format: Format, limits: &Limits) -> Result<(usize, usize), Error> {
    match format {
        Format::Jpeg => open_jpeg(bytes, jpeg_options(), limits).map(|(_, size)| size),
        _ => open_other(bytes, format, limits).map(|(_, size)| size),
    }
}

/// The decoder's own side limits are off: ours are checked, with a message of our own.
fn jpeg_options() -> DecoderOptions {
    DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_max_scans(MAX_JPEG_SCANS)
}

type Opened<T> = (T, (usize, usize));

fn open_jpeg<'a>(
    bytes: &'a [u8],
    options: DecoderOptions,
    limits: &Limits,
) -> Result<Opened<JpegDecoder<ZCursor<&'a [u8]>>>, Error> {
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| jpeg_error(&error, bytes))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| Error::broken("the JPEG has no size"))?;
    limits.check_size(width, height)?;
    Ok((decoder, (width, height)))
}

fn decode_jpeg(bytes: &[u8], limits: &Limits) -> Result<Samples, Error> {
    let options = jpeg_options();
    let (mut decoder, (width, height)) = open_jpeg(bytes, options, limits)?;

    let orientation =
        decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif)).unwrap_or(Orientation::NoTransforms);
    let stored = decoder.input_colorspace().ok_or_else(|| Error::broken("the JPEG has no colour space"))?;
    let profile = decoder.icc_profile();
    // The decoder makes RGB, and copies nothing, unless a profile asks for the stored samples.
    let wanted = |model| profile.as_deref().and_then(|icc| Profile::new(icc, model, Depth::Bits8));
    let (model, output, profile) = match stored {
        ColorSpace::Luma => match wanted(Model::Gray) {
            Some(profile) => (Model::Gray, ColorSpace::Luma, Some(profile)),
            None => (Model::Rgb, ColorSpace::RGB, None),
        },
        ColorSpace::CMYK | ColorSpace::YCCK => {
            let model = if stored == ColorSpace::CMYK { Model::InvertedCmyk } else { Model::InvertedYcck };
            match wanted(model) {
                Some(profile) => (model, stored, Some(profile)),
                None => (Model::Rgb, ColorSpace::RGB, None),
            }
        }
        _ => (Model::Rgb, ColorSpace::RGB, wanted(Model::Rgb)),
    };
    let storage = Storage { model, alpha: false, depth: Depth::Bits8 };

    let progressive = decoder.info().is_some_and(|info| info.sof.is_progressive());
    let coefficients = if progressive { width * height * stored.num_components() * 2 } else { 0 };
    let mut samples = vec_for(width, height, storage, orientation, coefficients as u64, limits)?;
    decoder.set_options(options.jpeg_set_out_colorspace(output));
    decoder.decode_into(&mut samples).map_err(|error| jpeg_error(&error, bytes))?;
    Ok(Samples { width, height, storage, bytes: samples, profile, orientation })
}

fn allocation(limits: &Limits) -> ::image::Limits {
    let mut allocation = ::image::Limits::no_limits();
    allocation.max_alloc = Some(limits.max_memory_bytes);
    allocation
}

fn open_other<'a>(
    bytes: &'a [u8],
    format: Format,
    limits: &Limits,
) -> Result<Opened<Box<dyn ImageDecoder + 'a>>, Error> {
    let input = Cursor::new(bytes);
    let decoder: Box<dyn ImageDecoder + 'a> = match format {
        Format::Png => Box::new(PngDecoder::with_limits(input, allocation(limits)).map_err(image_error)?),
        Format::WebP => Box::new(WebPDecoder::new(input).map_err(image_error)?),
        Format::Gif => Box::new(GifDecoder::new(input).map_err(image_error)?),
        Format::Tiff => Box::new(TiffDecoder::new(input).map_err(image_error)?),
        Format::Bmp => Box::new(BmpDecoder::new(input).map_err(image_error)?),
        Format::Jpeg => unreachable!("has a decoder of its own"),
    };
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    limits.check_size(width, height)?;
    Ok((decoder, (width, height)))
}

fn decode_other(bytes: &[u8], format: Format, limits: &Limits) -> Result<Samples, Error> {
    let (mut decoder, (width, height)) = open_other(bytes, format, limits)?;
    let storage = storage(decoder.color_type())?;
    // A file whose description is damaged may still have sound pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let icc = decoder.icc_profile().ok().flatten();
    let mut samples = vec_for(width, height, storage, orientation, 0, limits)?;
    if decoder.total_bytes() != samples.len() as u64 {
        return Err(Error::broken(format!("the {format} decoder and the file's header disagree about the size")));
    }
    decoder.set_limits(allocation(limits)).map_err(image_error)?;
    decoder.read_image_boxed(&mut samples).map_err(image_error)?;
    let profile = icc.and_then(|icc| Profile::new(&icc, storage.model, storage.depth));
    Ok(Samples { width, height, storage, bytes: samples, profile, orientation })
}

fn storage(color: ColorType) -> Result<Storage, Error> {
    let (model, alpha, depth) = match color {
        ColorType::L8 => (Model::Gray, false, Depth::Bits8),
        ColorType::La8 => (Model::Gray, true, Depth::Bits8),
        ColorType::Rgb8 => (Model::Rgb, false, Depth::Bits8),
        ColorType::Rgba8 => (Model::Rgb, true, Depth::Bits8),
        ColorType::L16 => (Model::Gray, false, Depth::Bits16),
        ColorType::La16 => (Model::Gray, true, Depth::Bits16),
        ColorType::Rgb16 => (Model::Rgb, false, Depth::Bits16),
        ColorType::Rgba16 => (Model::Rgb, true, Depth::Bits16),
        ColorType::Rgb32F => (Model::Rgb, false, Depth::Float32),
        ColorType::Rgba32F => (Model::Rgb, true, Depth::Float32),
        other => return Err(Error::unsupported(format!("the picture's samples ({other:?}) are not ones we read"))),
    };
    Ok(Storage { model, alpha, depth })
}

/// Zeros for the decoder to fill, after the whole way's need of memory is checked.
fn vec_for(
    width: usize,
    height: usize,
    storage: Storage,
    orientation: Orientation,
    decoder_bytes: u64,
    limits: &Limits,
) -> Result<Vec<u8>, Error> {
    let pixels = width as u64 * height as u64;
    let stored = pixels * storage.bytes_per_pixel() as u64;
    let picture = pixels * (3 + u64::from(storage.alpha));
    let quarter_turn = orientation.to_exif() >= 5;
    let to_srgb = if storage.is_in_place() { stored + pixels * u64::from(storage.alpha) } else { stored + picture };
    let to_upright = if quarter_turn { picture + 3 * pixels } else { picture };
    limits.check_memory((stored + decoder_bytes).max(to_srgb).max(to_upright))?;

    let no_memory = || Error::too_large(Limit::Memory, format!("no memory for {} MiB of pixels", stored >> 20));
    let len = usize::try_from(stored).map_err(|_| no_memory())?;
    let mut samples = Vec::new();
    samples.try_reserve_exact(len).map_err(|_| no_memory())?;
    samples.resize(len, 0);
    Ok(samples)
}

fn jpeg_error(error: &DecodeErrors, bytes: &[u8]) -> Error {
    match unread_jpeg_variant(bytes) {
        Some(variant) => Error::unsupported(format!(
            "this is a JPEG with {variant}, which we do not read; save it as an ordinary JPEG"
        )),
        None => Error::broken(format!("the JPEG is damaged: {error}")),
    }
}

/// What the frame header announces that the decoder cannot do. It tells these from damage by chance
/// only, so it is looked up when it has failed (ITU-T T.81, table B.1).
fn unread_jpeg_variant(bytes: &[u8]) -> Option<&'static str> {
    let mut rest = bytes.get(2..)?;
    while let [0xff, marker, after @ ..] = rest {
        match marker {
            0xff => rest = &rest[1..],
            0xc3 => return Some("lossless coding"),
            0xc5..=0xc7 | 0xde => return Some("hierarchical coding"),
            0xc9..=0xcb | 0xcd..=0xcf => return Some("arithmetic coding"),
            0xc0..=0xc2 => return (*after.get(2)? != 8).then_some("more than 8 bits a sample"),
            0xd9 | 0xda => return None,
            _ => rest = after.get(usize::from(u16::from_be_bytes([*after.first()?, *after.get(1)?]))..)?,
        }
    }
    None
}

fn image_error(error: ImageError) -> Error {
    match error {
        ImageError::Limits(limit) => match limit.kind() {
            LimitErrorKind::DimensionError => Error::too_large(Limit::Side, "the picture passes the limit for a side"),
            _ => Error::too_large(Limit::Memory, "decoding this picture takes more memory than the limit"),
        },
        ImageError::Unsupported(error) => match error.kind() {
            // The decoders report some damage so: bits per pixel that no bitmap can have.
            UnsupportedErrorKind::Color(_) | UnsupportedErrorKind::Format(_) => {
                Error::unsupported(format!("this variant is not one we read: {error}"))
            }
            _ => Error::unsupported(format!("{error}")),
        },
        error => Error::broken(format!("the file is damaged: {error}")),
    }
}
