//! The boxes of a HEIF file (ISO/IEC 14496-12, 23008-12): its items, and what is said of them.
//!
//! Boxes inside boxes are walked here, to a fixed depth; `mp4-atom` decodes those that hold fields.

use super::variant;
use crate::codec::Error;
use mp4_atom::{
    Atom, DecodeMaybe, FourCC, Header, Iinf, Iloc, Ipma, Iref, ItemLocation, Pitm, PropertyAssociation, Reference,
};
use std::collections::BTreeMap;

/// Of all that describes the picture. A grid of the most tiles there can be needs a quarter of it.
const MAX_META_BYTES: usize = 16 << 20;

/// The properties that can be counted.
const MAX_PROPERTIES: usize = 0x7fff;

/// What the file's `meta` box says.
pub(super) struct Meta<'a> {
    file: &'a [u8],
    /// The `idat` box.
    inline: &'a [u8],
    pub(super) primary: u32,
    kinds: BTreeMap<u32, FourCC>,
    places: BTreeMap<u32, ItemLocation>,
    references: Vec<Reference>,
    /// In the order by which [`Meta::associations`] count them, from 1.
    properties: Vec<(FourCC, &'a [u8])>,
    associations: BTreeMap<u32, Vec<PropertyAssociation>>,
}

impl<'a> Meta<'a> {
    pub(super) fn read(file: &'a [u8]) -> Result<Self, Error> {
        let meta = find(file, b"meta").ok_or_else(|| match find(file, b"moov") {
            Some(_) => variant("a film and no still picture"),
            None => Error::broken("the AVIF holds no description of a picture: it is damaged or ends early"),
        })?;
        // Version and flags come first.
        let meta = meta.get(4..).ok_or_else(damaged)?;
        let inline = find(meta, b"idat").unwrap_or_default();
        if meta.len() - inline.len() > MAX_META_BYTES {
            return Err(variant("more than 16 MiB of description"));
        }
        let fields = |kind| find(meta, kind).ok_or_else(damaged);
        let properties = fields(b"iprp")?;
        let mut associations = BTreeMap::<u32, Vec<PropertyAssociation>>::new();
        for (_, body) in children(properties).filter(|(kind, _)| *kind == Ipma::KIND) {
            for entry in decode::<Ipma>(body)?.item_properties {
                associations.entry(entry.item_id).or_insert(entry.associations);
            }
        }
        let items = decode::<Iinf>(fields(b"iinf")?)?.item_infos;
        let locations = decode::<Iloc>(fields(b"iloc")?)?.item_locations;
        Ok(Self {
            file,
            inline,
            primary: decode::<Pitm>(fields(b"pitm")?)?.item_id,
            kinds: items.into_iter().filter_map(|item| Some((item.item_id, item.item_type?))).collect(),
            places: locations.into_iter().map(|place| (place.item_id, place)).collect(),
            references: find(meta, b"iref").map_or(Ok(Vec::new()), |body| Ok(decode::<Iref>(body)?.references))?,
            properties: children(find(properties, b"ipco").ok_or_else(damaged)?).take(MAX_PROPERTIES).collect(),
            associations,
        })
    }

    pub(super) fn kind(&self, item: u32) -> Result<FourCC, Error> {
        self.kinds.get(&item).copied().ok_or_else(damaged)
    }

    /// The items that `from` refers to.
    pub(super) fn targets(&self, kind: &[u8; 4], from: u32) -> &[u32] {
        let is_it = |reference: &&Reference| reference.reference_type == kind.into() && reference.from_item_id == from;
        self.references.iter().find(is_it).map_or(&[], |reference| &reference.to_item_ids)
    }

    /// The items that refer to `to`.
    pub(super) fn sources(&self, kind: &[u8; 4], to: u32) -> impl Iterator<Item = u32> {
        let is_it = move |reference: &&Reference| {
            reference.reference_type == kind.into() && reference.to_item_ids.contains(&to)
        };
        self.references.iter().filter(is_it).map(|reference| reference.from_item_id)
    }

    /// The kind and content of each property of an item, and whether one who does not know it must not show the item.
    pub(super) fn properties(&self, item: u32) -> impl Iterator<Item = (FourCC, &'a [u8], bool)> {
        let associations = self.associations.get(&item).map_or(&[][..], Vec::as_slice);
        associations.iter().filter_map(|association| {
            let index = usize::from(association.property_index).checked_sub(1)?;
            let &(kind, body) = self.properties.get(index)?;
            Some((kind, body, association.essential))
        })
    }

    /// An item's property of one kind.
    pub(super) fn property<T: Atom>(&self, item: u32) -> Result<Option<T>, Error> {
        let body = self.properties(item).find_map(|(kind, body, _)| (kind == T::KIND).then_some(body));
        body.map(decode).transpose()
    }

    /// The bytes of items, all together not more than the file has: parts of a file may be named again and again, so
    /// that few bytes could stand for many.
    pub(super) fn reader(&self) -> impl FnMut(u32) -> Result<Vec<u8>, Error> {
        let mut left = self.file.len();
        move |item| {
            let data = self.data(item, left)?;
            left -= data.len();
            Ok(data)
        }
    }

    fn data(&self, item: u32, max_bytes: usize) -> Result<Vec<u8>, Error> {
        let place = self.places.get(&item).ok_or_else(damaged)?;
        let source = match place.construction_method {
            0 if place.data_reference_index == 0 => self.file,
            1 => self.inline,
            _ => return Err(variant("pixels in another file")),
        };
        let mut data = Vec::new();
        for extent in &place.extents {
            let start = place.base_offset.checked_add(extent.offset).and_then(|start| usize::try_from(start).ok());
            let from = start.and_then(|start| source.get(start..)).ok_or_else(ends_early)?;
            // A length of 0 is all that follows.
            let len =
                if extent.length == 0 { from.len() } else { usize::try_from(extent.length).unwrap_or(usize::MAX) };
            let part = from.get(..len).ok_or_else(ends_early)?;
            if data.len() + part.len() > max_bytes {
                return Err(damaged());
            }
            data.extend_from_slice(part);
        }
        Ok(data)
    }
}

pub(super) fn damaged() -> Error {
    Error::broken("the AVIF is damaged: its description of the picture does not fit together")
}

fn ends_early() -> Error {
    Error::broken("the file is damaged: it ends early")
}

/// The fields of a box.
fn decode<T: Atom>(body: &[u8]) -> Result<T, Error> {
    T::decode_body(&mut { body }).map_err(|_| damaged())
}

fn find<'a>(boxes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    children(boxes).find_map(|(name, body)| (name == kind.into()).then_some(body))
}

/// The boxes that follow one another. The last may say that it is longer than there is, as in a file that ends early.
fn children(mut rest: &[u8]) -> impl Iterator<Item = (FourCC, &[u8])> {
    std::iter::from_fn(move || {
        let header = Header::decode_maybe(&mut rest).ok()??;
        let (body, after) = rest.split_at(header.size.unwrap_or(usize::MAX).min(rest.len()));
        rest = after;
        Some((header.kind, body))
    })
}
