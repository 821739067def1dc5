//! From the bytes of a file to its samples: sizes and limits first, pixels after.

#[cfg(feature = "avif")]
use super::avif;
use super::color::{ColorModel, Depth, Profile, Samples, Storage};
use super::{Error, Format, Limit, Limits, bmp, jpeg, orient, png, tiff};
use ::image::codecs::{bmp::BmpDecoder, gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use ::image::error::{ImageError, LimitErrorKind};
use ::image::metadata::Orientation;
use ::image::{ColorType, ImageDecoder};
use std::io::Cursor;

pub(super) fn decode(bytes: &[u8], format: Format, limits: &Limits) -> Result<Samples, Error> {
    match format {
        Format::Jpeg => jpeg::decode(bytes, limits),
        Format::Tiff => tiff::decode(bytes, limits),
        #[cfg(feature = "avif")]
        Format::Avif => avif::decode(bytes, limits),
        _ => decode_other(bytes, format, limits),
    }
}

/// Width and height as the header says them, before any turning upright, within `limits`.
pub(super) fn stored_size(bytes: &[u8], format: Format, limits: &Limits) -> Result<(usize, usize), Error> {
    match format {
        Format::Jpeg => jpeg::stored_size(bytes, limits),
        Format::Tiff => tiff::stored_size(bytes, limits),
        #[cfg(feature = "avif")]
        Format::Avif => avif::stored_size(bytes, limits),
        _ => open_other(&bmp::readable(bytes, format)?, format, limits).map(|(_, size)| size),
    }
}

type Opened<T> = (T, (usize, usize));

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
        Format::Bmp => Box::new(BmpDecoder::new(input).map_err(image_error)?),
        Format::Jpeg | Format::Tiff | Format::Avif => unreachable!("have decoders of their own"),
    };
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    limits.check_size(width, height)?;
    Ok((decoder, (width, height)))
}

fn decode_other(bytes: &[u8], format: Format, limits: &Limits) -> Result<Samples, Error> {
    let bytes = &*bmp::readable(bytes, format)?;
    let (mut decoder, (width, height)) = open_other(bytes, format, limits)?;
    let storage = storage(decoder.color_type())?;
    // A file whose description is damaged may still have sound pixels.
    let (exif, xmp) = match format {
        Format::Png => png::metadata(bytes),
        _ => (decoder.exif_metadata().ok().flatten(), decoder.xmp_metadata().ok().flatten()),
    };
    let orientation = orient::from_metadata(exif.as_deref(), xmp.as_deref());
    let icc = decoder.icc_profile().ok().flatten();
    let mut samples = vec_for(width, height, storage, orientation, 0, limits)?;
    if decoder.total_bytes() != samples.len() as u64 {
        return Err(Error::broken(format!("the {format} decoder and the file's header disagree about the size")));
    }
    decoder.set_limits(allocation(limits)).map_err(image_error)?;
    decoder.read_image_boxed(&mut samples).map_err(image_error)?;
    let profile = icc.and_then(|icc| Profile::new(&icc, storage.model, storage.depth));
    Ok(Samples { width, height, storage, bytes: samples, profile, orientation, warning: None })
}

fn storage(color: ColorType) -> Result<Storage, Error> {
    let (model, alpha, depth) = match color {
        ColorType::L8 => (ColorModel::Gray, false, Depth::Bits8),
        ColorType::La8 => (ColorModel::Gray, true, Depth::Bits8),
        ColorType::Rgb8 => (ColorModel::Rgb, false, Depth::Bits8),
        ColorType::Rgba8 => (ColorModel::Rgb, true, Depth::Bits8),
        ColorType::L16 => (ColorModel::Gray, false, Depth::Bits16),
        ColorType::La16 => (ColorModel::Gray, true, Depth::Bits16),
        ColorType::Rgb16 => (ColorModel::Rgb, false, Depth::Bits16),
        ColorType::Rgba16 => (ColorModel::Rgb, true, Depth::Bits16),
        ColorType::Rgb32F => (ColorModel::Rgb, false, Depth::Float32),
        ColorType::Rgba32F => (ColorModel::Rgb, true, Depth::Float32),
        _ => return Err(Error::unsupported("the picture's samples are of a kind we do not read; save it as PNG")),
    };
    Ok(Storage { model, alpha, depth })
}

/// Zeros for the decoder to fill, after the whole way's need of memory is checked.
pub(super) fn vec_for(
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
    zeros(usize::try_from(stored).unwrap_or(usize::MAX))
}

/// Zeros, if there is room for them.
pub(super) fn zeros<T: Copy + Default>(len: usize) -> Result<Vec<T>, Error> {
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(len).map_err(|_| {
        let bytes = len.saturating_mul(size_of::<T>());
        Error::too_large(Limit::Memory, format!("no memory for {} MiB of pixels", bytes >> 20))
    })?;
    zeros.resize(len, T::default());
    Ok(zeros)
}

/// What went wrong, without the names that the decoders' programmers have for it.
fn image_error(error: ImageError) -> Error {
    match error {
        ImageError::Limits(limit) => match limit.kind() {
            LimitErrorKind::DimensionError => Error::too_large(Limit::Side, "the picture passes the limit for a side"),
            _ => Error::too_large(Limit::Memory, "decoding this picture takes more memory than the limit"),
        },
        ImageError::Unsupported(_) => {
            Error::unsupported("this picture is of a variant of its format that we do not read; save it as PNG or JPEG")
        }
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::broken("the file is damaged: it ends early")
        }
        error => match std::error::Error::source(&error).map(ToString::to_string) {
            // Some reasons are values of the decoder's types in print.
            Some(reason) if !reason.contains(['{', '(']) => Error::broken(format!("the file is damaged: {reason}")),
            _ => Error::broken("the file is damaged: its parts do not fit together"),
        },
    }
}
