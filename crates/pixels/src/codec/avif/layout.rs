//! What a file's primary item is made of: coded pictures, side by side in a grid if need be, and how to show them.

use super::boxes::{Meta, damaged};
use super::variant;
use crate::codec::{Error, Limits};
use ::image::metadata::Orientation;
use mp4_atom::{Atom, Auxc, Av1c, Clap, Colr, FourCC, Imir, Irot, Ispe};

/// The picture as the file describes it.
pub(super) struct Layout {
    pub(super) color: Mosaic,
    /// Of the size of `color`.
    pub(super) alpha: Option<Mosaic>,
    /// The colours are multiplied with the opacity.
    pub(super) premultiplied: bool,
    /// What of it is shown.
    pub(super) window: Window,
    pub(super) orientation: Orientation,
    pub(super) icc: Option<Vec<u8>>,
    pub(super) cicp: Option<Cicp>,
    /// Chroma is at the place of the even columns, and of the even rows; in the middle between two otherwise.
    pub(super) cosited: [bool; 2],
}

/// Code points of ITU-T H.273.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cicp {
    pub(super) primaries: u8,
    pub(super) transfer: u8,
    pub(super) matrix: u8,
    pub(super) full_range: bool,
}

/// A part of a picture, pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// Coded pictures of one size, row by row. The last of a row and of a column may reach beyond the whole.
pub(super) struct Mosaic {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Columns and rows of a tile.
    pub(super) tile: [usize; 2],
    /// Tiles of a row.
    pub(super) columns: usize,
    /// The items.
    pub(super) tiles: Vec<u32>,
}

impl Layout {
    /// Sizes are within `limits`.
    pub(super) fn read(meta: &Meta, limits: &Limits) -> Result<Self, Error> {
        let item = meta.primary;
        let color = Mosaic::read(meta, item, limits)?;
        let alpha_item = meta.sources(b"auxl", item).find(|&auxiliary| is_alpha(meta, auxiliary));
        let alpha = alpha_item.map(|item| Mosaic::read(meta, item, limits)).transpose()?;
        if alpha.as_ref().is_some_and(|alpha| (alpha.width, alpha.height) != (color.width, color.height)) {
            return Err(Error::broken("the AVIF's opacity is of another size than its colours"));
        }
        let position = meta.property::<Av1c>(color.tiles[0])?.map_or(0, |config| config.chroma_sample_position);
        let (icc, cicp) = color_spaces(meta, item);
        Ok(Self {
            window: window(meta.property(item)?, &color)?,
            premultiplied: alpha_item.is_some_and(|alpha| meta.targets(b"prem", item).contains(&alpha)),
            orientation: orientation(meta, item)?,
            cosited: [matches!(position, 1 | 2), position == 2],
            color,
            alpha,
            icc,
            cicp,
        })
    }
}

impl Mosaic {
    fn read(meta: &Meta, item: u32, limits: &Limits) -> Result<Self, Error> {
        let [width, height] = size(meta, item, limits)?;
        let kind = meta.kind(item)?;
        if kind == FourCC::new(b"av01") {
            return Ok(Self { width, height, tile: [width, height], columns: 1, tiles: vec![item] });
        }
        if kind != FourCC::new(b"grid") {
            return Err(variant("a picture put together in another way than as a grid"));
        }
        let ([columns, rows], grid_size) = grid(&meta.reader()(item)?)?;
        let tiles = meta.targets(b"dimg", item).to_vec();
        if grid_size != [width, height] || tiles.len() != columns * rows {
            return Err(damaged());
        }
        let tile = size(meta, tiles[0], limits)?;
        for &item in &tiles {
            if meta.kind(item)? != FourCC::new(b"av01") || size(meta, item, limits)? != tile {
                return Err(damaged());
            }
        }
        let covers = |tile: usize, count: usize, whole: usize| tile * count >= whole && tile * (count - 1) < whole;
        if !covers(tile[0], columns, width) || !covers(tile[1], rows, height) {
            return Err(damaged());
        }
        Ok(Self { width, height, tile, columns, tiles })
    }
}

/// Columns and rows of tiles, and width and height (ISO/IEC 23008-12, 6.6.2.3).
fn grid(data: &[u8]) -> Result<([usize; 2], [usize; 2]), Error> {
    let (&[_version, flags, rows, columns], rest) = data.split_first_chunk().ok_or_else(damaged)?;
    let size = if flags & 1 == 0 {
        let [a, b, c, d] = *rest.first_chunk().ok_or_else(damaged)?;
        [u32::from(u16::from_be_bytes([a, b])), u32::from(u16::from_be_bytes([c, d]))]
    } else {
        let [a, b, c, d, e, f, g, h] = *rest.first_chunk().ok_or_else(damaged)?;
        [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
    };
    Ok(([usize::from(columns) + 1, usize::from(rows) + 1], size.map(|side| side as usize)))
}

/// The size an item says it has, within `limits`, once it is known that nothing else must be known about it.
fn size(meta: &Meta, item: u32, limits: &Limits) -> Result<[usize; 2], Error> {
    const KNOWN: [FourCC; 7] = [Ispe::KIND, Av1c::KIND, Colr::KIND, Auxc::KIND, Clap::KIND, Irot::KIND, Imir::KIND];
    const HARMLESS: [FourCC; 2] = [FourCC::new(b"pixi"), FourCC::new(b"pasp")];
    let must_know =
        |(kind, _, essential): (FourCC, &[u8], bool)| essential && !KNOWN.contains(&kind) && !HARMLESS.contains(&kind);
    if meta.properties(item).any(must_know) {
        return Err(variant("further rules for how it is to be shown"));
    }
    let Ispe { width, height } = meta.property(item)?.ok_or_else(damaged)?;
    limits.check_size(width as usize, height as usize)?;
    Ok([width as usize, height as usize])
}

fn is_alpha(meta: &Meta, item: u32) -> bool {
    const NAMES: [&str; 2] = ["urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", "urn:mpeg:hevc:2015:auxid:1"];
    meta.property::<Auxc>(item).ok().flatten().is_some_and(|auxiliary| NAMES.contains(&auxiliary.aux_type.as_str()))
}

/// A profile and code points: an item may have both. What is damaged here must not cost the picture.
fn color_spaces(meta: &Meta, item: u32) -> (Option<Vec<u8>>, Option<Cicp>) {
    let (mut icc, mut cicp) = (None, None);
    for (_, mut body, _) in meta.properties(item).filter(|(kind, ..)| *kind == Colr::KIND) {
        match Colr::decode_body(&mut body) {
            Ok(Colr::Prof { profile } | Colr::Ricc { profile }) => icc = Some(profile),
            Ok(Colr::Nclx { colour_primaries, transfer_characteristics, matrix_coefficients, full_range_flag }) => {
                // 2 says that it is not said.
                let [primaries, transfer, matrix] = [colour_primaries, transfer_characteristics, matrix_coefficients]
                    .map(|code| u8::try_from(code).unwrap_or(2));
                cicp = Some(Cicp { primaries, transfer, matrix, full_range: full_range_flag });
            }
            _ => {}
        }
    }
    (icc, cicp)
}

/// Turns and mirrors in the order they are listed.
fn orientation(meta: &Meta, item: u32) -> Result<Orientation, Error> {
    // Whether it is mirrored left to right, and by how many quarters it is turned clockwise after that.
    let (mut mirrored, mut quarters) = (false, 0_u8);
    for (kind, mut body, _) in meta.properties(item) {
        if kind == Irot::KIND {
            let turn = Irot::decode_body(&mut body).map_err(|_| damaged())?;
            // Counted the other way round.
            quarters += 4 - turn.angle % 4;
        } else if kind == Imir::KIND {
            let mirror = Imir::decode_body(&mut body).map_err(|_| damaged())?;
            // A mirror after a turn is a turn the other way after a mirror. 0 changes top for bottom, which is both
            // left for right and half a turn.
            quarters = 4 - quarters % 4 + if mirror.axis & 1 == 0 { 2 } else { 0 };
            mirrored = !mirrored;
        }
        quarters %= 4;
    }
    Ok(match (mirrored, quarters) {
        (false, 0) => Orientation::NoTransforms,
        (false, 1) => Orientation::Rotate90,
        (false, 2) => Orientation::Rotate180,
        (false, _) => Orientation::Rotate270,
        (true, 0) => Orientation::FlipHorizontal,
        (true, 1) => Orientation::Rotate270FlipH,
        (true, 2) => Orientation::FlipVertical,
        (true, _) => Orientation::Rotate90FlipH,
    })
}

/// The clean aperture (ISO/IEC 14496-12, 12.1.4): its size, and how far its middle is from the picture's.
fn window(clap: Option<Clap>, whole: &Mosaic) -> Result<Window, Error> {
    let Mosaic { width, height, .. } = *whole;
    let Some(clap) = clap else { return Ok(Window { x: 0, y: 0, width, height }) };
    let across = part(
        width,
        [clap.clean_aperture_width_n, clap.clean_aperture_width_d],
        (i64::from(clap.horiz_off_n), clap.horiz_off_d),
    );
    let down = part(
        height,
        [clap.clean_aperture_height_n, clap.clean_aperture_height_d],
        (i64::from(clap.vert_off_n), clap.vert_off_d),
    );
    let ((x, width), (y, height)) =
        across.zip(down).ok_or_else(|| Error::broken("the AVIF shows a part of its picture that is not there"))?;
    Ok(Window { x, y, width, height })
}

/// Start and length of a part of a side, where they are whole pixels within it.
fn part(side: usize, [length_n, length_d]: [u32; 2], (offset_n, offset_d): (i64, u32)) -> Option<(usize, usize)> {
    if length_d == 0 || offset_d == 0 || length_n % length_d != 0 {
        return None;
    }
    let length = i128::from(length_n / length_d);
    // (side − length) / 2 + offset, over one denominator.
    let (n, d) = ((side as i128 - length) * i128::from(offset_d) + 2 * i128::from(offset_n), 2 * i128::from(offset_d));
    let start = if n % d == 0 { n / d } else { return None };
    let fits = length > 0 && start >= 0 && start + length <= side as i128;
    fits.then_some((start as usize, length as usize))
}
