//! Turns a picture upright.

use crate::Image;
use crate::space::Space;
use ::image::metadata::Orientation;
use rayon::prelude::*;

/// Rows of the turned picture written together, so that a cache line read from the source is used
/// whole.
const BAND_ROWS: usize = 16;

/// How to turn a picture that has these blocks: EXIF's word counts, and XMP's where EXIF is silent.
pub(super) fn from_metadata(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Orientation {
    // The marker of JPEG's segment, which other formats should not have and some writers put there.
    let exif = exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
    exif.and_then(Orientation::from_exif_chunk).or_else(|| xmp.and_then(from_xmp)).unwrap_or(Orientation::NoTransforms)
}

/// `tiff:Orientation`, as an attribute or as an element.
fn from_xmp(packet: &[u8]) -> Option<Orientation> {
    const NAME: &[u8] = b"tiff:Orientation";
    let at = packet.windows(NAME.len()).position(|bytes| bytes == NAME)?;
    match packet.get(at + NAME.len()..)? {
        [b'=', b'"' | b'\'', digit, ..] | [b'>', digit, ..] if digit.is_ascii_digit() => {
            Orientation::from_exif(digit - b'0')
        }
        _ => None,
    }
}

/// The picture after `orientation` is applied. Half turns and mirrors are done in place; quarter
/// turns take a second picture while they run.
pub(super) fn upright<S: Space>(mut image: Image<S>, orientation: Orientation) -> Image<S> {
    let width = image.width();
    match orientation {
        Orientation::NoTransforms => image,
        Orientation::FlipHorizontal => {
            image.pixels_mut().par_chunks_exact_mut(width).for_each(<[_]>::reverse);
            image
        }
        Orientation::Rotate180 => {
            image.pixels_mut().reverse();
            image
        }
        Orientation::FlipVertical => {
            let half = image.height() / 2;
            let (top, rest) = image.pixels_mut().split_at_mut(half * width);
            for (above, below) in top.chunks_exact_mut(width).zip(rest.rchunks_exact_mut(width)) {
                above.swap_with_slice(below);
            }
            image
        }
        Orientation::Rotate90FlipH => transposed(&image, false, false),
        Orientation::Rotate90 => transposed(&image, false, true),
        Orientation::Rotate270 => transposed(&image, true, false),
        Orientation::Rotate270FlipH => transposed(&image, true, true),
    }
}

/// Rows become columns. `columns_back`: the source's last column becomes the first row;
/// `rows_back`: its last row becomes the first column.
fn transposed<S: Space>(source: &Image<S>, columns_back: bool, rows_back: bool) -> Image<S> {
    let (width, height) = (source.height(), source.width());
    let Some(&any) = source.pixels().first() else { return Image::new(width, height, Vec::new()) };
    let mut pixels = vec![any; width * height];
    pixels.par_chunks_mut(BAND_ROWS * width).enumerate().for_each(|(band, rows)| {
        let first_row = band * BAND_ROWS;
        for x in 0..width {
            let source_row = source.row(if rows_back { width - 1 - x } else { x });
            for (offset, row) in rows.chunks_exact_mut(width).enumerate() {
                let y = first_row + offset;
                row[x] = source_row[if columns_back { height - 1 - y } else { y }];
            }
        }
    });
    Image::new(width, height, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Gray;

    /// The definition: EXIF's table of which corner of the upright picture the stored picture's
    /// first row and first column are at, pixel by pixel.
    fn upright_plain(stored: &Image<Gray>, exif: u8) -> Image<Gray> {
        let (w, h) = (stored.width(), stored.height());
        let (width, height) = if exif >= 5 { (h, w) } else { (w, h) };
        Image::from_fn(width, height, |x, y| {
            let (left, top, right, bottom) = (x, y, width - 1 - x, height - 1 - y);
            // 0th row at this side, 0th column at that: (column of the stored, row of the stored).
            let (column, row) = match exif {
                1 => (left, top),
                2 => (right, top),
                3 => (right, bottom),
                4 => (left, bottom),
                5 => (top, left),
                6 => (top, right),
                7 => (bottom, right),
                8 => (bottom, left),
                _ => unreachable!(),
            };
            stored.at(column, row)
        })
    }

    #[test]
    fn all_orientations_follow_the_exif_table() {
        for (width, height) in [(1, 1), (5, 3), (1, 7), (37, 20)] {
            let stored = Image::<Gray>::from_fn(width, height, |x, y| (y * width + x) as f32);
            for exif in 1..=8 {
                let orientation = Orientation::from_exif(exif).expect("1..=8 are orientations");
                assert_eq!(upright(stored.clone(), orientation), upright_plain(&stored, exif), "orientation {exif}");
            }
        }
    }
}
