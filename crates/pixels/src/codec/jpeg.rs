//! JPEG: sizes and limits first, samples after, and whether the file holds all of them.

use super::color::{ColorModel, Depth, Profile, Samples, Storage};
use super::decode::vec_for;
use super::{Error, Limits, Warning, orient};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Scans of a progressive JPEG. Encoders write about 10; thousands are a way to keep us busy.
const MAX_SCANS: usize = 100;

type Decoder<'a> = JpegDecoder<ZCursor<&'a [u8]>>;

/// Width and height as the frame header says them, within `limits`.
pub(super) fn stored_size(bytes: &[u8], limits: &Limits) -> Result<(usize, usize), Error> {
    open(bytes, options(), limits).map(|(_, size)| size)
}

/// The whole picture. Of a file that ends early it is the part that is there.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Samples, Error> {
    let (decoder, (width, height)) = open(bytes, options(), limits)?;
    let orientation = orient::from_metadata(decoder.exif().map(Vec::as_slice), decoder.xmp().map(Vec::as_slice));
    let stored = decoder.input_colorspace().ok_or_else(|| Error::broken("the JPEG has no colour space"))?;
    let (storage, output, profile) = conversion(stored, decoder.icc_profile().as_deref());

    let progressive = decoder.info().is_some_and(|info| info.sof.is_progressive());
    let coefficients = if progressive { width * height * stored.num_components() * 2 } else { 0 };
    let mut samples = vec_for(width, height, storage, orientation, coefficients as u64, limits)?;
    let warning = decode_into(bytes, decoder, output, &mut samples, limits)?;
    Ok(Samples { width, height, storage, bytes: samples, profile, orientation, warning })
}

/// The samples of a JPEG that is a part of another file, in the colour space in which it stores them, and their size:
/// (width, height, samples a pixel).
pub(super) fn decode_stored(bytes: &[u8], limits: &Limits) -> Result<(Vec<u8>, [usize; 3]), Error> {
    let (decoder, (width, height)) = open(bytes, options(), limits)?;
    let stored = decoder.input_colorspace().ok_or_else(|| Error::broken("the JPEG has no colour space"))?;
    let channels = stored.num_components();
    limits.check_memory((width * height * channels) as u64)?;
    let mut samples = vec![0; width * height * channels];
    match decode_into(bytes, decoder, stored, &mut samples, limits)? {
        Some(_) => Err(Error::broken("a JPEG inside the file ends early")),
        None => Ok((samples, [width, height, channels])),
    }
}

/// The decoder's own side limits are off: ours are checked, with a message of our own.
fn options() -> DecoderOptions {
    DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_max_scans(MAX_SCANS)
}

fn open<'a>(bytes: &'a [u8], options: DecoderOptions, limits: &Limits) -> Result<(Decoder<'a>, (usize, usize)), Error> {
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| jpeg_error(&error, bytes))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| Error::broken("the JPEG has no size"))?;
    limits.check_size(width, height)?;
    Ok((decoder, (width, height)))
}

/// How the samples are to be stored, in which colour space the decoder gives them, and the way to sRGB. The decoder
/// makes RGB, and copies nothing, unless a profile asks for the stored samples.
fn conversion(stored: ColorSpace, icc: Option<&[u8]>) -> (Storage, ColorSpace, Option<Profile>) {
    let wanted = |model| icc.and_then(|icc| Profile::new(icc, model, Depth::Bits8));
    let (model, output, profile) = match stored {
        ColorSpace::Luma => match wanted(ColorModel::Gray) {
            Some(profile) => (ColorModel::Gray, ColorSpace::Luma, Some(profile)),
            None => (ColorModel::Rgb, ColorSpace::RGB, None),
        },
        ColorSpace::CMYK | ColorSpace::YCCK => {
            let model = if stored == ColorSpace::CMYK { ColorModel::InvertedCmyk } else { ColorModel::InvertedYcck };
            match wanted(model) {
                Some(profile) => (model, stored, Some(profile)),
                None => (ColorModel::Rgb, ColorSpace::RGB, None),
            }
        }
        _ => (ColorModel::Rgb, ColorSpace::RGB, wanted(ColorModel::Rgb)),
    };
    (Storage { model, alpha: false, depth: Depth::Bits8 }, output, profile)
}

/// Fills `samples`. First strictly, because only then the decoder says what is missing; then, where that fails, with
/// what can be had.
fn decode_into(
    bytes: &[u8],
    mut decoder: Decoder<'_>,
    output: ColorSpace,
    samples: &mut [u8],
    limits: &Limits,
) -> Result<Option<Warning>, Error> {
    let options = options().jpeg_set_out_colorspace(output);
    decoder.set_options(options.set_strict_mode(true));
    let Err(complaint) = decoder.decode_into(samples) else { return Ok(None) };
    samples.fill(0);
    let (mut decoder, _) = open(bytes, options, limits)?;
    decoder.decode_into(samples).map_err(|error| jpeg_error(&error, bytes))?;
    Ok(complaint.is_recoverable_eof().then_some(Warning::Truncated))
}

fn jpeg_error(error: &DecodeErrors, bytes: &[u8]) -> Error {
    match unread_variant(bytes) {
        Some(variant) => Error::unsupported(format!(
            "this is a JPEG with {variant}, which we do not read; save it as an ordinary JPEG"
        )),
        None => Error::broken(format!("the JPEG is damaged: {error}")),
    }
}

/// What the frame header announces that the decoder cannot do. It tells these from damage by chance
/// only, so it is looked up when it has failed (ITU-T T.81, table B.1).
fn unread_variant(bytes: &[u8]) -> Option<&'static str> {
    let mut rest = bytes.get(2..)?;
    while let [0xff, marker, after @ ..] = rest {
        match marker {
            0xff => rest = &rest[1..],
            0xc3 => return Some("lossless coding"),
            0xc5..=0xc7 | 0xcd..=0xcf | 0xde => return Some("hierarchical coding"),
            0xcb => return Some("lossless arithmetic coding"),
            0xc0..=0xc2 | 0xc9 | 0xca => return (*after.get(2)? != 8).then_some("more than 8 bits a sample"),
            0xd9 | 0xda => return None,
            _ => rest = after.get(usize::from(u16::from_be_bytes([*after.first()?, *after.get(1)?]))..)?,
        }
    }
    None
}
