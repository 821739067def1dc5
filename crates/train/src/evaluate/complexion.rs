//! Whether paintings keep people's complexion: lightness and hue of skin, by groups from dark to light.

use pixels::Image;
use pixels::compare::{Tone, mean_tone, skin_mask};
use pixels::space::{Gray, Srgb8};
use serde::Serialize;

/// Where a portrait's face is, in shares of its size: left, top, right, bottom. What lies outside (wooden walls, sand,
/// curtains) passes for skin too easily.
const FACE: [f64; 4] = [0.25, 0.12, 0.75, 0.72];
/// Least share of that region which must be skin.
const LEAST_SKIN: f64 = 0.05;

/// How skin changed from the photo to a painting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Shift {
    /// L*, painting − photo.
    pub lightness: f64,
    /// Chroma C*, painting − photo.
    pub chroma: f64,
    /// Hue, painting − photo, degrees −180..180; positive is from red towards yellow.
    pub hue_degrees: f64,
}

/// Skin in one portrait, of a network beside the painter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Complexion {
    /// Mean L* of the skin in the photo.
    pub photo_lightness: f64,
    /// What the network made of it.
    pub kaiga: Shift,
    /// What the painter made of it.
    pub painter: Shift,
}

/// A third of the portraits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Group {
    /// Portraits.
    pub count: usize,
    /// Mean L* of their skin in the photos.
    pub photo_lightness: f64,
    /// Mean shift by the network.
    pub kaiga: Shift,
    /// Mean shift by the painter.
    pub painter: Shift,
}

/// The portrait with the largest shift of a kind by the network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worst {
    /// Its name.
    pub name: String,
    /// Its skin.
    pub complexion: Complexion,
}

/// Skin in all portraits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComplexionReport {
    /// From the darkest skin to the lightest; sizes differ by one at most, empty ones are left out.
    pub groups: Vec<Group>,
    /// Largest change of lightness.
    pub worst_lightness: Worst,
    /// Largest change of hue.
    pub worst_hue: Worst,
}

/// The skin in the middle of a portrait.
pub(super) struct Skin {
    mask: Image<Gray>,
    /// In the photo.
    pub(super) tone: Tone,
}

impl Skin {
    /// Nothing where there is too little of it.
    pub(super) fn of(photo: &Image<Srgb8>) -> Option<Self> {
        let face = face(photo);
        let mask = skin_mask(&face);
        let tone = mean_tone(&face, &mask, LEAST_SKIN)?;
        Some(Self { mask, tone })
    }

    /// How it changed in a painting, at the places where the photo shows skin.
    pub(super) fn shift(&self, painting: &Image<Srgb8>) -> Option<Shift> {
        let after = mean_tone(&face(painting), &self.mask, 0.0)?;
        Some(Shift {
            lightness: after.lightness - self.tone.lightness,
            chroma: after.chroma - self.tone.chroma,
            hue_degrees: self.tone.hue_turn_degrees(&after),
        })
    }
}

fn face(picture: &Image<Srgb8>) -> Image<Srgb8> {
    let (width, height) = (picture.width() as f64, picture.height() as f64);
    let [left, top, right, bottom] = FACE;
    let [x, y] = [left * width, top * height].map(|side| side as usize);
    let [right, bottom] = [right * width, bottom * height].map(|side| side.ceil() as usize);
    picture.crop(x, y, right - x, bottom - y)
}

/// The report over portraits with their names; nothing without portraits.
pub(super) fn report<'a>(portraits: impl Iterator<Item = (&'a str, Complexion)>) -> Option<ComplexionReport> {
    let mut portraits: Vec<_> = portraits.collect();
    portraits.sort_by(|(a, x), (b, y)| x.photo_lightness.total_cmp(&y.photo_lightness).then(a.cmp(b)));
    let third = |i: usize| portraits.len() * i / 3;
    let groups = (0..3).map(|i| &portraits[third(i)..third(i + 1)]).filter(|group| !group.is_empty()).map(group);
    let worst = |of: fn(&Shift) -> f64| {
        let by = |c: &Complexion| of(&c.kaiga).abs();
        let worst = portraits.iter().max_by(|(_, a), (_, b)| by(a).total_cmp(&by(b)));
        worst.map(|&(name, complexion)| Worst { name: name.to_owned(), complexion })
    };
    Some(ComplexionReport {
        groups: groups.collect(),
        worst_lightness: worst(|shift| shift.lightness)?,
        worst_hue: worst(|shift| shift.hue_degrees)?,
    })
}

fn group(portraits: &[(&str, Complexion)]) -> Group {
    let mean = |of: &dyn Fn(&Complexion) -> f64| {
        portraits.iter().map(|(_, complexion)| of(complexion)).sum::<f64>() / portraits.len() as f64
    };
    let shift = |of: &dyn Fn(&Complexion) -> Shift| Shift {
        lightness: mean(&|c| of(c).lightness),
        chroma: mean(&|c| of(c).chroma),
        hue_degrees: mean(&|c| of(c).hue_degrees),
    };
    Group {
        count: portraits.len(),
        photo_lightness: mean(&|c| c.photo_lightness),
        kaiga: shift(&|c| c.kaiga),
        painter: shift(&|c| c.painter),
    }
}
