//! One AV1 picture by `rav1d`.

use super::boxes::damaged;
use super::layout::Cicp;
use super::variant;
use crate::codec::Error;
use re_rav1d::pixel::YUVRange;
use re_rav1d::{Decoder, PixelLayout, Plane, Settings};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub(super) use re_rav1d::Picture;

/// A layered picture has a frame for each layer, four at most. Frames cost memory and time, and few bytes can ask for
/// many.
const MAX_FRAMES: usize = 8;

/// The picture that an item's bytes hold, which must be of that size.
pub(super) fn decode(data: Vec<u8>, [width, height]: [usize; 2]) -> Result<Picture, Error> {
    let frames = frames(&data)?;
    if frames == 0 {
        return Err(incomplete());
    }
    if frames > MAX_FRAMES {
        return Err(variant("more than eight frames in one picture"));
    }
    let mut settings = Settings::new();
    // A thread of its own would hang where it panics, and the pool is for the pixels.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    // Of a picture in layers the finest alone.
    settings.set_all_layers(false);
    settings.set_frame_size_limit(u32::try_from(width * height).unwrap_or(u32::MAX));
    let mut decoder = Decoder::with_settings(&settings).map_err(complaint)?;
    match decoder.send_data(data, None, None, None) {
        Ok(()) | Err(re_rav1d::Error::Again) => {}
        Err(error) => return Err(complaint(error)),
    }
    let picture = decoder.get_picture().map_err(complaint)?;
    if [picture.width() as usize, picture.height() as usize] != [width, height] {
        return Err(damaged());
    }
    Ok(picture)
}

/// Bits of a sample.
pub(super) fn bits(picture: &Picture) -> Result<u32, Error> {
    picture.bits_per_component().map(|bits| bits.0 as u32).ok_or_else(damaged)
}

/// By how much chroma is coarser, across and down; `None` where there is none.
pub(super) fn subsampling(picture: &Picture) -> Option<[usize; 2]> {
    match picture.pixel_layout() {
        PixelLayout::I400 => None,
        PixelLayout::I420 => Some([2, 2]),
        PixelLayout::I422 => Some([2, 1]),
        PixelLayout::I444 => Some([1, 1]),
    }
}

/// What the coded picture says of its colours.
pub(super) fn cicp(picture: &Picture) -> Cicp {
    // Asked for a reserved code the decoder panics; 2 says that it is not said.
    let code = |ask: fn(&Picture) -> u8| catch_unwind(AssertUnwindSafe(|| ask(picture))).unwrap_or(2);
    Cicp {
        primaries: code(|picture| picture.color_primaries() as u8),
        transfer: code(|picture| picture.transfer_characteristic() as u8),
        matrix: code(|picture| picture.matrix_coefficients() as u8),
        full_range: picture.color_range() == YUVRange::Full,
    }
}

/// A row of a plane, from its left edge on.
pub(super) fn copy_row(picture: &Picture, plane: &Plane, channel: usize, y: usize, out: &mut [u16]) {
    let stride = picture.stride(channel.into()) as usize;
    let row = &plane[y * stride..(y + 1) * stride];
    if picture.bit_depth() == 8 {
        out.iter_mut().zip(row).for_each(|(out, &level)| *out = u16::from(level));
    } else {
        out.iter_mut().zip(row.as_chunks().0).for_each(|(out, &level)| *out = u16::from_ne_bytes(level));
    }
}

/// How many frames the bytes speak of, where every unit is whole (AV1 specification, 5.3).
fn frames(mut data: &[u8]) -> Result<usize, Error> {
    const FRAME_HEADER: u8 = 3;
    const FRAME: u8 = 6;
    let mut count = 0;
    while let Some((&header, rest)) = data.split_first() {
        let (kind, extended, has_size) = (header >> 3 & 15, header & 4 != 0, header & 2 != 0);
        count += usize::from(matches!(kind, FRAME_HEADER | FRAME));
        let rest = if extended { rest.get(1..).ok_or_else(incomplete)? } else { rest };
        if !has_size {
            break;
        }
        let (len, rest) = leb128(rest).ok_or_else(incomplete)?;
        data = usize::try_from(len).ok().and_then(|len| rest.get(len..)).ok_or_else(incomplete)?;
    }
    Ok(count)
}

fn incomplete() -> Error {
    Error::broken("the file is damaged: the AVIF's picture ends early")
}

/// A number of 7 bits a byte, the lowest first, and what follows.
fn leb128(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let len = bytes.iter().take(8).position(|byte| byte & 0x80 == 0)? + 1;
    let (digits, rest) = bytes.split_at(len);
    Some((digits.iter().rev().fold(0, |number, &digit| number << 7 | u64::from(digit & 0x7f)), rest))
}

fn complaint(error: re_rav1d::Error) -> Error {
    match error {
        re_rav1d::Error::UnsupportedBitstream => variant("AV1 of an unknown profile"),
        _ => Error::broken("the file is damaged: the AVIF's picture cannot be decoded"),
    }
}
