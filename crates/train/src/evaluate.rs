//! How good the network is on pictures it has never learnt from: near to the painter, steady when the photo is bad,
//! vivid and flat as paint is, and fair to every complexion. Pure functions; the pictures and the ways to paint them
//! come from the caller.

mod complexion;
mod gallery;
mod inputs;
mod report;

pub use complexion::{Complexion, ComplexionReport, Group, Shift, Worst};
pub use gallery::gallery;
pub use inputs::{jpeg, sensor_noise, under_exposed};
pub use report::{Overall, Report};

use anyhow::{Result, ensure};
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

/// How near one picture is to another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Peak signal-to-noise ratio over R, G and B, dB; 100 for equal pictures.
    pub psnr_db: f64,
    /// Cosine of the one-pixel gradients.
    pub gradient_correlation: f64,
}

/// How near the network is to the painter, for one photo or as a mean over photos.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fidelity {
    /// The photo itself against its painting: where the network starts from.
    pub photo: Agreement,
    /// The network's painting of the photo against the painter's.
    pub clean: Agreement,
    /// With sensor noise in the photo ([`sensor_noise`]), against the painter's painting of the clean photo.
    pub noise: Agreement,
    /// With the photo through JPEG of quality 60, against the painter's painting of the clean photo.
    pub jpeg: Agreement,
    /// With the photo one stop under-exposed, against the painter's painting of the same dark photo.
    pub dark: Agreement,
    /// With the photo one stop under-exposed, against the painter's painting of the clean photo: how much of the
    /// exposure is made good.
    pub dark_against_clean: Agreement,
    /// The painter's painting of the dark photo against that of the clean one: how much the painter makes good.
    pub painter_dark_against_clean: Agreement,
}

/// How a painting differs from its photo.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Character {
    /// Hasler–Süsstrunk colourfulness, painting over photo.
    pub colourfulness_ratio: f64,
    /// Share of flat pixels ([`compare::flat_area`]) in the painting, 0..1.
    pub flat_area: f64,
    /// Flat share of the painting over that of the photo.
    pub flat_area_ratio: f64,
    /// Multi-scale structural similarity of luma to the photo.
    pub ms_ssim: f64,
}

/// What was measured on one picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The picture's name.
    pub name: String,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Nearness to the painter.
    pub fidelity: Fidelity,
    /// The photo's flat share, 0..1.
    pub photo_flat_area: f64,
    /// The network's painting beside the photo.
    pub kaiga: Character,
    /// The painter's painting beside the photo.
    pub painter: Character,
    /// Skin in the photo and in both paintings; nothing where it is no portrait or shows too little skin.
    pub complexion: Option<Complexion>,
}

/// Measures one picture: `paint` is the network through the product's own code, `teacher` the painter. `paint` is
/// called four times, `teacher` twice.
///
/// # Errors
/// If a painting has another size than its photo, or the photo has no pixels.
pub fn measure(
    picture: &Picture,
    paint: impl Fn(&Image<Srgb8>) -> Image<Srgb8>,
    teacher: impl Fn(&Image<Srgb8>) -> Image<Srgb8>,
) -> Result<Measured> {
    let Picture { name, photo, portrait } = picture;
    ensure!(!photo.pixels().is_empty(), "the photo {name} has no pixels");
    let sized = |who: &str, painting: Image<Srgb8>| {
        let (got, wanted) = ((painting.width(), painting.height()), (photo.width(), photo.height()));
        ensure!(
            got == wanted,
            "{who} made {}×{} px of the photo {name} of {}×{} px: give it pictures of a size it keeps",
            got.0,
            got.1,
            wanted.0,
            wanted.1
        );
        Ok(painting)
    };
    let (painted, taught) = (sized("the network", paint(photo))?, sized("the painter", teacher(photo))?);
    let dark = under_exposed(photo);
    let (painted_dark, taught_dark) = (sized("the network", paint(&dark))?, sized("the painter", teacher(&dark))?);
    let noise = sized("the network", paint(&sensor_noise(photo, inputs::seed_of(name))))?;
    let jpeg = sized("the network", paint(&jpeg(photo)?))?;
    let fidelity = Fidelity {
        photo: agreement(photo, &taught),
        clean: agreement(&painted, &taught),
        noise: agreement(&noise, &taught),
        jpeg: agreement(&jpeg, &taught),
        dark: agreement(&painted_dark, &taught_dark),
        dark_against_clean: agreement(&painted_dark, &taught),
        painter_dark_against_clean: agreement(&taught_dark, &taught),
    };
    Ok(Measured {
        name: name.clone(),
        width: photo.width(),
        height: photo.height(),
        fidelity,
        photo_flat_area: compare::flat_area(photo),
        kaiga: character(photo, &painted),
        painter: character(photo, &taught),
        complexion: if *portrait { complexion::complexion(photo, &painted, &taught) } else { None },
    })
}

/// Measures all pictures, one after the other; `paint` and `teacher` as in [`measure`].
///
/// # Errors
/// Those of [`measure`], and if there are no pictures.
pub fn evaluate(
    pictures: &[Picture],
    paint: impl Fn(&Image<Srgb8>) -> Image<Srgb8>,
    teacher: impl Fn(&Image<Srgb8>) -> Image<Srgb8>,
) -> Result<Report> {
    let each = pictures.iter().map(|picture| measure(picture, &paint, &teacher)).collect::<Result<Vec<_>>>()?;
    Report::of(each)
}

fn agreement(a: &Image<Srgb8>, b: &Image<Srgb8>) -> Agreement {
    // 100 dB is past what 8 bits can say, and unlike infinity it has a mean and a place in JSON.
    let psnr_db = compare::psnr_db(a, b).min(100.0);
    Agreement { psnr_db, gradient_correlation: compare::gradient_correlation(a, b) }
}

fn character(photo: &Image<Srgb8>, painting: &Image<Srgb8>) -> Character {
    let one_pixel = 1.0 / photo.pixels().len() as f64;
    let flat_area = compare::flat_area(painting);
    Character {
        // A grey photo has no colourfulness to divide by.
        colourfulness_ratio: (compare::colourfulness(painting) + 1e-3) / (compare::colourfulness(photo) + 1e-3),
        flat_area,
        flat_area_ratio: flat_area / compare::flat_area(photo).max(one_pixel),
        ms_ssim: compare::ms_ssim(photo, painting),
    }
}

#[cfg(test)]
mod tests;
