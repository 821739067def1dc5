//! AVIF: what its boxes say ([`boxes`], [`layout`]), its AV1 pictures ([`av1`], [`planes`]), and their colours ([`rgb`]).

mod av1;
mod boxes;
mod layout;
mod planes;
mod rgb;

use super::color::{ColorModel, Depth, Profile, Samples, Storage};
use super::decode::vec_for;
use super::{Error, Limits};
use boxes::Meta;
use layout::{Cicp, Layout};
use planes::Planes;
use rgb::Converter;

/// Width and height of the part that is shown, within `limits`.
pub(super) fn stored_size(bytes: &[u8], limits: &Limits) -> Result<(usize, usize), Error> {
    let layout = Layout::read(&Meta::read(bytes)?, limits)?;
    Ok((layout.window.width, layout.window.height))
}

/// The primary item. EXIF's orientation is a hint that the file's own turns and mirrors have heeded: they count alone.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Samples, Error> {
    let meta = Meta::read(bytes)?;
    let layout = Layout::read(&meta, limits)?;
    let color = Planes::decode(&meta, &layout.color, limits)?;
    let rest = Limits { max_memory_bytes: limits.max_memory_bytes.saturating_sub(color.bytes()), ..*limits };
    let alpha = layout.alpha.as_ref().map(|alpha| Planes::decode(&meta, alpha, &rest)).transpose()?;
    // The file's word goes before the coded picture's.
    let cicp = layout.cicp.unwrap_or(color.cicp);
    let storage = storage(&layout, &color);
    let profile = profile(&layout, cicp, storage)?;
    let converter = Converter::new(&layout, &color, alpha.as_ref(), cicp, storage)?;
    let (width, height) = (layout.window.width, layout.window.height);
    let planes_bytes = color.bytes() + alpha.as_ref().map_or(0, Planes::bytes);
    let mut samples = vec_for(width, height, storage, layout.orientation, planes_bytes, limits)?;
    converter.write(&mut samples);
    let orientation = layout.orientation;
    Ok(Samples { width, height, storage, bytes: samples, profile, orientation, warning: None })
}

fn storage(layout: &Layout, color: &Planes) -> Storage {
    // The profile of a grey picture may be one of colours.
    let gray_profile = layout.icc.as_ref().is_some_and(|icc| icc.get(16..20) == Some(b"GRAY"));
    Storage {
        model: if color.subsampling.is_none() && gray_profile { ColorModel::Gray } else { ColorModel::Rgb },
        alpha: layout.alpha.is_some(),
        depth: if color.bits == 8 { Depth::Bits8 } else { Depth::Bits16 },
    }
}

/// By the ICC profile, and by the code points where there is none.
fn profile(layout: &Layout, cicp: Cicp, storage: Storage) -> Result<Option<Profile>, Error> {
    match (&layout.icc, cicp.transfer) {
        (Some(icc), _) => Ok(Profile::new(icc, storage.model, storage.depth)),
        (None, 16 | 18) => Err(variant("high dynamic range (PQ or HLG)")),
        (None, transfer) => Ok(Profile::from_cicp(cicp.primaries, transfer, storage.depth)),
    }
}

fn variant(what: &str) -> Error {
    Error::unsupported(format!("this is an AVIF with {what}, which we do not read; save it as JPEG or PNG"))
}
