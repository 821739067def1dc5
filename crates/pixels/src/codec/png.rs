//! Where a PNG keeps its EXIF and XMP blocks: before or after the pixels, plain or compressed, in chunks of their own
//! or, by ImageMagick, as text.

use flate2::read::ZlibDecoder;
use std::io::Read;

/// No metadata worth reading is longer.
const MAX_BLOCK_BYTES: u64 = 16 << 20;

/// The EXIF block and the XMP packet, where there are any.
pub(super) fn metadata(file: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let (mut exif, mut xmp) = (None, None);
    let mut rest = file.get(8..).unwrap_or_default();
    while let Some((kind, data, after)) = chunk(rest) {
        match kind {
            b"eXIf" => exif = Some(data.to_vec()),
            b"zTXt" | b"tEXt" if exif.is_none() => exif = raw_profile(kind, data),
            b"iTXt" if xmp.is_none() => xmp = xmp_packet(data),
            _ => {}
        }
        rest = after;
    }
    (exif, xmp)
}

/// The first chunk, its data, and what follows it.
fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    let (kind, rest) = rest.split_first_chunk()?;
    let (data, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
    Some((kind, data, rest.get(4..)?))
}

/// ImageMagick's way: a keyword, then as text the name, the length, and the bytes in hexadecimal.
fn raw_profile(kind: &[u8; 4], data: &[u8]) -> Option<Vec<u8>> {
    let (keyword, text) = split_at_zero(data)?;
    if !matches!(keyword, b"Raw profile type exif" | b"Raw profile type APP1") {
        return None;
    }
    let text = if kind == b"zTXt" { inflated(text.strip_prefix(&[0])?)? } else { text.to_vec() };
    let text = std::str::from_utf8(&text).ok()?;
    let mut words = text.split_ascii_whitespace().skip(1);
    let len: usize = words.next()?.parse().ok()?;
    let digits: Vec<u8> = words.flat_map(str::bytes).map_while(|b| (b as char).to_digit(16)).map(|d| d as u8).collect();
    let bytes: Vec<u8> = digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect();
    (bytes.len() >= len).then_some(bytes)
}

/// The text of an international text chunk, if it is XMP (PNG specification, 11.3.3.4).
fn xmp_packet(data: &[u8]) -> Option<Vec<u8>> {
    let (keyword, rest) = split_at_zero(data)?;
    if keyword != b"XML:com.adobe.xmp" {
        return None;
    }
    let (&[compressed, _method], rest) = rest.split_first_chunk()?;
    let (_language, rest) = split_at_zero(rest)?;
    let (_translated, text) = split_at_zero(rest)?;
    if compressed == 0 { Some(text.to_vec()) } else { inflated(text) }
}

fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == 0)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

fn inflated(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    ZlibDecoder::new(bytes).take(MAX_BLOCK_BYTES).read_to_end(&mut text).ok()?;
    Some(text)
}
