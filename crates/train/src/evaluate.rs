//! How good networks are on pictures they have never learnt from: near to the painter, true to the photo, steady when
//! the photo is bad, vivid and flat as paint is, fair to every complexion, near to art. Pure functions; the pictures
//! and the ways to paint them come from the caller.

mod apart;
mod chart;
mod complexion;
pub mod cost;
pub mod drawnness;
mod gallery;
mod inputs;
pub(crate) mod page;
pub mod probe;
mod report;
mod style;
mod survival;
mod table;

pub use apart::{Apart, ModelApart};
pub use chart::{ChartColours, Colours, chart};
pub use complexion::{Complexion, ComplexionReport, Group, Shift, Worst};
pub use gallery::gallery;
pub use inputs::{Input, half_pixel_shifted, jpeg, sensor_noise, under_exposed};
pub use page::Strip;
pub use report::{Figures, Report, Role, Together};
pub use style::{Describe, Kid, Samples, StyleDistance};
pub use survival::{Survival, landmarks_off, moved, same_face};

use std::cell::OnceCell;

use anyhow::{Context, Result, ensure};
use pixels::Image;
use pixels::compare;
use pixels::space::Srgb8;
use serde::Serialize;

/// A held-out photo at the size it is to be painted at (the painter's radii are for 0.4–0.8 Mpx).
#[derive(Clone, Debug)]
pub struct Picture {
    /// What it is called in the report.
    pub name: String,
    /// The photo.
    pub photo: Image<Srgb8>,
    /// Whether it is a portrait, so that its complexion counts.
    pub portrait: bool,
}

/// A way to make a picture of a photo.
pub struct Candidate<'a> {
    /// What it is called in the report.
    pub label: String,
    /// Who paints.
    pub hand: Hand<'a>,
    /// What it paints besides the clean photo. Every input costs a painting.
    pub inputs: &'static [Input],
}

/// Photo in, painting of the same size out.
pub type PaintFn<'a> = Box<dyn Fn(&Image<Srgb8>) -> Image<Srgb8> + 'a>;

/// A photo's name and the photo in, a painting of it out that was made before.
pub type Shelf<'a> = Box<dyn Fn(&str, &Image<Srgb8>) -> Result<Image<Srgb8>> + 'a>;

/// Who paints.
pub enum Hand<'a> {
    /// Nobody: the photo as it is. A row to compare with.
    Photo,
    /// The painter whose paintings the networks learn. A row to compare with.
    Painter,
    /// A network.
    Network(PaintFn<'a>),
    /// Whoever painted these: judged as a network is, on clean photos only.
    Paintings(Shelf<'a>),
}

/// How near one picture is to another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Peak signal-to-noise ratio over R, G and B, dB; 100 for equal pictures.
    pub psnr_db: f64,
    /// Cosine of the one-pixel gradients.
    pub gradient_correlation: f64,
}

/// How much a painting changes when its photo does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Mean absolute difference of the two paintings, in levels of 255.
    pub levels: f64,
    /// That over the same difference of the two photos: 1 is what the photo itself does, 0 perfectly steady.
    pub relative: f64,
}

/// A painting of a photo with sensor noise ([`sensor_noise`]).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Noisy {
    /// Against the painter's painting of the clean photo.
    pub painter: Agreement,
    /// Against the same model's painting of the clean photo.
    pub change: Change,
}

/// A painting of a photo one stop under-exposed ([`under_exposed`]).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Dark {
    /// Against the painter's painting of the same dark photo.
    pub painter: Agreement,
    /// Against the painter's painting of the clean photo: how much of the exposure is made good.
    pub painter_of_clean: Agreement,
}

/// What was measured on one model's painting of one picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Against the painter's painting.
    pub painter: Agreement,
    /// Agreement of its edges with those of the painter's painting, 0..1 ([`compare::edge_f_score`]).
    pub edge_f_score: f64,
    /// Multi-scale structural similarity of luma to the photo.
    pub ms_ssim: f64,
    /// Mean absolute difference of Lab a* and b* to the photo.
    pub ab_difference: f64,
    /// Mean CIEDE2000 difference to the photo.
    pub ciede2000: f64,
    /// Hasler–Süsstrunk colourfulness, painting over photo.
    pub colourfulness_ratio: f64,
    /// How far the hue of the blue sky turned, 0..180 degrees; nothing for portraits and without such a sky
    /// ([`compare::sky_mask`]).
    pub sky_hue_degrees: Option<f64>,
    /// How skin changed; nothing where it is no portrait or shows too little skin.
    pub skin: Option<Shift>,
    /// Share of flat pixels ([`compare::flat_area`]), 0..1.
    pub flat_area: f64,
    /// Flat share of the painting over that of the photo.
    pub flat_area_ratio: f64,
    /// Its dark thin lines ([`compare::contours`]).
    pub lines: usize,
    /// Their mean length, px.
    pub line_length_px: f64,
    /// Share of the pixels on dark thin lines, 0..1.
    pub line_share: f64,
    /// [`Input::Noise`], if asked for.
    pub noise: Option<Noisy>,
    /// [`Input::Shift`], if asked for: against the painting of the clean photo, shifted as the photo was.
    pub shift: Option<Change>,
    /// [`Input::Jpeg`], if asked for: against the painter's painting of the clean photo.
    pub jpeg: Option<Agreement>,
    /// [`Input::Dark`], if asked for.
    pub dark: Option<Dark>,
}

/// A photo, as far as the report speaks of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Its flat share, 0..1.
    pub flat_area: f64,
    /// Mean L* of its skin; nothing where it is no portrait or shows too little skin.
    pub skin_lightness: Option<f64>,
}

/// What was measured on a model's painting of the clean photo, and the painting.
pub type MeasuredPainting = (Measured, Image<Srgb8>);

/// Measures one picture: `teacher` is the painter, run once for each input that is needed. Returns a painting for every
/// model.
///
/// # Errors
/// If a painting has another size than its photo or is not there, or the photo has no pixels.
pub fn measure(
    picture: &Picture,
    models: &[Candidate<'_>],
    teacher: impl Fn(&Image<Srgb8>) -> Image<Srgb8>,
) -> Result<(Subject, Vec<MeasuredPainting>)> {
    let Picture { name, photo, portrait } = picture;
    ensure!(!photo.pixels().is_empty(), "the photo {name} has no pixels");
    let shown = Input::all_of(photo, name)?;
    let shown = |input: Input| &shown[input as usize];
    let taught: [OnceCell<Image<Srgb8>>; Input::COUNT] = std::array::from_fn(|_| OnceCell::new());
    let taught = |input: Input| taught[input as usize].get_or_init(|| teacher(shown(input)));
    sized("the painter", taught(Input::Clean), picture)?;

    let sky_mask = compare::sky_mask(photo);
    // Behind a portrait it is a wall.
    let sky = if *portrait { None } else { compare::mean_tone(photo, &sky_mask, 0.0) };
    let skin = if *portrait { complexion::Skin::of(photo) } else { None };
    let subject = Subject {
        name: name.clone(),
        width: photo.width(),
        height: photo.height(),
        flat_area: compare::flat_area(photo),
        skin_lightness: skin.as_ref().map(|skin| skin.tone.lightness),
    };
    let measured = |model: &Candidate<'_>| {
        let paint = |input: Input| match &model.hand {
            Hand::Photo => Some(shown(input).clone()),
            Hand::Painter => Some(taught(input).clone()),
            Hand::Network(paint) => Some(paint(shown(input))),
            Hand::Paintings(_) => None,
        };
        let painting = match &model.hand {
            Hand::Paintings(find) => find(name, photo).with_context(|| model.label.clone())?,
            _ => paint(Input::Clean).expect("it paints"),
        };
        sized(&model.label, &painting, picture)?;
        let asked = |input: Input| if model.inputs.contains(&input) { paint(input) } else { None };
        let flat_area = compare::flat_area(&painting);
        let contours = compare::contours(&painting);
        let sky_after = compare::mean_tone(&painting, &sky_mask, 0.0);
        let measured = Measured {
            painter: agreement(&painting, taught(Input::Clean)),
            edge_f_score: compare::edge_f_score(&painting, taught(Input::Clean)),
            ms_ssim: compare::ms_ssim(photo, &painting),
            ab_difference: compare::mean_ab_difference(photo, &painting),
            ciede2000: compare::mean_ciede2000(photo, &painting),
            // A grey photo has no colourfulness to divide by.
            colourfulness_ratio: (compare::colourfulness(&painting) + 1e-3) / (compare::colourfulness(photo) + 1e-3),
            sky_hue_degrees: sky.zip(sky_after).map(|(before, after)| before.hue_turn_degrees(&after).abs()),
            skin: skin.as_ref().and_then(|skin| skin.shift(&painting)),
            flat_area,
            flat_area_ratio: flat_area / subject.flat_area.max(1.0 / photo.pixels().len() as f64),
            lines: contours.count,
            line_length_px: contours.mean_length_px,
            line_share: contours.share,
            noise: asked(Input::Noise).map(|noisy| Noisy {
                painter: agreement(&noisy, taught(Input::Clean)),
                change: change([&painting, &noisy], [photo, shown(Input::Noise)]),
            }),
            shift: asked(Input::Shift)
                .map(|shifted| change([&half_pixel_shifted(&painting), &shifted], [photo, shown(Input::Shift)])),
            jpeg: asked(Input::Jpeg).map(|jpeg| agreement(&jpeg, taught(Input::Clean))),
            dark: asked(Input::Dark).map(|dark| Dark {
                painter: agreement(&dark, taught(Input::Dark)),
                painter_of_clean: agreement(&dark, taught(Input::Clean)),
            }),
        };
        Ok((measured, painting))
    };
    let measured = models.iter().map(measured).collect::<Result<_>>()?;
    Ok((subject, measured))
}

fn sized(who: &str, painting: &Image<Srgb8>, Picture { name, photo, .. }: &Picture) -> Result<()> {
    let (got, wanted) = ((painting.width(), painting.height()), (photo.width(), photo.height()));
    ensure!(
        got == wanted,
        "{who} made {}×{} px of the photo {name} of {}×{} px: give it pictures of a size it keeps",
        got.0,
        got.1,
        wanted.0,
        wanted.1
    );
    Ok(())
}

fn agreement(a: &Image<Srgb8>, b: &Image<Srgb8>) -> Agreement {
    // 100 dB is past what 8 bits can say, and unlike infinity it has a mean and a place in JSON.
    let psnr_db = compare::psnr_db(a, b).min(100.0);
    Agreement { psnr_db, gradient_correlation: compare::gradient_correlation(a, b) }
}

fn change(paintings: [&Image<Srgb8>; 2], photos: [&Image<Srgb8>; 2]) -> Change {
    let [levels, of_photo] = [paintings, photos].map(|[a, b]| compare::mean_difference(a, b));
    // A photo of one colour does not change when it is shifted.
    Change { levels, relative: levels / of_photo.max(1e-3) }
}

#[cfg(test)]
mod tests;
