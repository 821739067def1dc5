//! Bitmaps with the header of OS/2 2, which our decoder does not know.

use super::{Error, Format};
use std::borrow::Cow;

/// The file header, before the one that is dealt with here.
const FILE_HEADER_BYTES: usize = 14;
/// Windows' BITMAPINFOHEADER; the one of OS/2 2 begins with the same fields.
const WINDOWS_HEADER_BYTES: usize = 40;
/// OS/2 2 leaves out the end of its header where that is all zeros.
const OS2_HEADER_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// The file as our decoder reads it: a header of OS/2 2 becomes one of Windows. Other files are left as they are.
pub(super) fn readable(file: &[u8], format: Format) -> Result<Cow<'_, [u8]>, Error> {
    let header_bytes = file.get(14..18).and_then(|len| len.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    // 52 and 56 are Windows headers with masks, 40 is the usual one.
    let is_os2 = OS2_HEADER_BYTES.contains(&header_bytes) && ![40, 52, 56].contains(&header_bytes);
    if format != Format::Bmp || !is_os2 || file.len() < FILE_HEADER_BYTES + header_bytes {
        return Ok(Cow::Borrowed(file));
    }
    let (header, rest) = file.split_at(FILE_HEADER_BYTES + header_bytes);
    let mut out = header.to_vec();
    out.resize(FILE_HEADER_BYTES + WINDOWS_HEADER_BYTES, 0);
    // 3 and 4 mean Huffman coding and 24-bit run lengths here, masks and JPEG in Windows.
    if u32::from_le_bytes([out[30], out[31], out[32], out[33]]) > 2 {
        return Err(Error::unsupported("this is an OS/2 bitmap with a compression we do not read; save it as PNG"));
    }
    let pixels_at = u32::from_le_bytes([out[10], out[11], out[12], out[13]]);
    let moved = (pixels_at as usize + WINDOWS_HEADER_BYTES).saturating_sub(header_bytes);
    out[10..14].copy_from_slice(&(moved as u32).to_le_bytes());
    out[14..18].copy_from_slice(&(WINDOWS_HEADER_BYTES as u32).to_le_bytes());
    out.extend(rest);
    Ok(Cow::Owned(out))
}
