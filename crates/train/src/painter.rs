//! The painter: photo in, painting out, by classical operators alone. What it paints is what the
//! network learns, so its taste is the product's taste.
//!
//! A [`Study`] of a photo (light, fills, where lines can be) is the expensive part and depends on [`Fills`]
//! alone; every [`Taste`] with the same fills is painted from the same study. Radii are absolute: a
//! picture should have about 0.3–0.5 Mpx.

mod colour;
pub mod face;
mod fills;
mod ink;
mod light;
mod looks;
mod palette;
mod portrait;
mod taste;

pub use face::Face;
pub use palette::{Colours, Palette};
pub use portrait::portrait;
pub use taste::{Bloom, Blues, Colour, Fills, Greens, Ink, Medium, Taste, Tones};

use pixels::blur::{gaussian, sobel};
use pixels::guided::guided;
use pixels::image::zip;
use pixels::screentone::TONES;
use pixels::space::{Gray, Lab, Srgb, Srgb8, lab_from_srgb, srgb8_from_srgb};
use pixels::warp::smooth_step;
use pixels::{Image, lines, smooth};

/// Sigma of the surroundings that local contrast is raised against, px.
const LOCAL_CONTRAST_PX: f32 = 24.0;
/// How much more dark regions are opened than the rest, 0..1.
const SHADOWS_OPENED: f32 = 0.35;

/// What the painter makes of a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Painted {
    /// The painting, of the photo's size. In [`Medium::Screentone`] greys are tones: the share of paper between dots.
    pub painting: Image<Srgb8>,
    /// Ink laid on, 0..1: the share by which it darkens the lightness under it.
    pub ink: Image<Gray>,
}

/// Paints `photo` to every taste, in the order given; tastes with the same fills share a study.
pub fn paint_all(photo: &Image<Srgb8>, tastes: &[Taste]) -> Vec<Painted> {
    let mut grounds = Grounds::new(photo);
    let mut studies: Vec<Study> = Vec::new();
    tastes
        .iter()
        .map(|taste| {
            let known = studies.iter().position(|study| study.fills == taste.fills);
            let index = known.unwrap_or_else(|| {
                studies.push(grounds.study(&taste.fills));
                studies.len() - 1
            });
            studies[index].paint(taste)
        })
        .collect()
}

/// Paints `photo` to one taste.
pub fn paint(photo: &Image<Srgb8>, taste: &Taste) -> Painted {
    Study::of(photo, &taste.fills).paint(taste)
}

/// A photo put into light, and flattened as often as studies of it ask for.
struct Ground {
    exposure: f32,
    photo: Image<Srgb>,
    flattened: Vec<(f32, Image<Srgb>)>,
    seen: Option<fills::Seen>,
}

impl Ground {
    /// The photo after L0 gradient smoothing with `lambda`.
    fn flattened(&mut self, lambda: f32) -> Image<Srgb> {
        if let Some((_, known)) = self.flattened.iter().find(|(known, _)| *known == lambda) {
            return known.clone();
        }
        let flat = smooth::l0_gradient(&self.photo, lambda, 2.0).map::<Srgb>(|v| v.map(|v| v.clamp(0.0, 1.0)));
        self.flattened.push((lambda, flat.clone()));
        flat
    }
}

/// One photo at every exposure that was asked for.
struct Grounds<'a> {
    photo: &'a Image<Srgb8>,
    known: Vec<Ground>,
}

impl<'a> Grounds<'a> {
    fn new(photo: &'a Image<Srgb8>) -> Self {
        Self { photo, known: Vec::new() }
    }

    fn study(&mut self, fills: &Fills) -> Study {
        let known = self.known.iter().position(|ground| ground.exposure == fills.exposure);
        let index = known.unwrap_or_else(|| {
            let photo = light::expose(self.photo, fills.exposure, SHADOWS_OPENED);
            self.known.push(Ground { exposure: fills.exposure, photo, flattened: Vec::new(), seen: None });
            self.known.len() - 1
        });
        Study::on(&mut self.known[index], fills)
    }
}

/// A photo put into light, laid out in fills, its lines found: all that tastes share.
#[derive(Clone, Debug)]
pub struct Study {
    fills: Fills,
    /// The picture in fills, before any taste in colour.
    base_lab: Image<Lab>,
    /// How far the luma of fills that get a line around is from that of their neighbours.
    apart: Image<Gray>,
    /// Texture that became clumps, 0..1.
    rough: Image<Gray>,
    /// The lit (1) and shaded (−1) sides of clumps.
    lit: Image<Gray>,
    /// Skin and what is near it, 0..1.
    spared: Image<Gray>,
    /// Thin structures, 0..1.
    thin: Image<Gray>,
    /// Flow-based difference of Gaussians, negative on the dark side, and coherence: of the photo and of the fills.
    photo_edges: [Image<Gray>; 2],
    fill_edges: [Image<Gray>; 2],
}

impl Study {
    /// Studies `photo`.
    pub fn of(photo: &Image<Srgb8>, fills: &Fills) -> Self {
        Grounds::new(photo).study(fills)
    }

    fn on(ground: &mut Ground, fills: &Fills) -> Self {
        let filled = fills::fill(ground, fills);
        let (dog, coherence) = lines::flow_dog(&filled.outlined, fills.line_px, fills.line_along_px);
        let around = gaussian(&filled.outlined, 3.0);
        let apart = zip::<Gray>(&around, |i| (filled.outlined.pixels()[i] - around.pixels()[i]).abs());
        Self {
            fills: *fills,
            base_lab: filled.base.map::<Lab>(|v| lab_from_srgb(v.map(|v| v.clamp(0.0, 1.0)))),
            apart: gaussian(&apart, 1.5),
            rough: filled.rough,
            lit: filled.lit,
            spared: filled.spared,
            thin: filled.thin,
            photo_edges: filled.photo_edges,
            fill_edges: [dog, coherence],
        }
    }

    /// The painting to `taste`.
    ///
    /// # Panics
    /// If the taste's fills are not those of the study.
    pub fn paint(&self, taste: &Taste) -> Painted {
        assert_eq!(self.fills, taste.fills, "a taste is painted from a study in its own fills");
        let coloured = self.coloured(taste);
        let ink = self.ink(&taste.ink, &coloured.map::<Gray>(|[l, _, _]| 0.01 * l));
        match taste.medium {
            Medium::Colour => inked(&self.lifted(&coloured, taste), ink, taste),
            Medium::Screentone { above } => toned(&coloured, ink, &above),
        }
    }

    /// Likelihood 0..1 that pixel `i` is skin, or so near it that a tint there would show as a change of complexion.
    fn skin(&self, i: usize) -> f32 {
        light::skin(self.base_lab.pixels()[i]).max(0.9 * self.spared.pixels()[i])
    }

    /// The fills in the taste's light and colours, L 0..100.
    fn coloured(&self, taste: &Taste) -> Image<Lab> {
        let lightness = self.lightness(&taste.tones);
        zip::<Lab>(&self.base_lab, |i| {
            let ([_, a, b], skin) = (self.base_lab.pixels()[i], self.skin(i));
            let mut lab = taste.colour.of([lightness.pixels()[i], a, b], skin, self.lit.pixels()[i]);
            if let Some(palette) = &taste.palette {
                lab = palette.of(lab, skin);
            }
            let [l, a, b] = colour::limited(lab);
            [100.0 * l, a, b]
        })
    }

    /// Lightness 0..1 of the fills with local contrast raised, in steps and on the taste's curve.
    fn lightness(&self, tones: &Tones) -> Image<Gray> {
        let plain = self.base_lab.map::<Gray>(|[l, _, _]| (0.01 * l).clamp(0.0, 1.0));
        let around = gaussian(&plain, LOCAL_CONTRAST_PX);
        let raised = zip::<Gray>(&plain, |i| {
            let l = plain.pixels()[i];
            (l + tones.local * (l - around.pixels()[i])).clamp(0.0, 1.0)
        });
        let stepped = if tones.steps > 0.0 { cel_shade(&raised, &self.thin, tones) } else { raised };
        zip::<Gray>(&stepped, |i| {
            let l = stepped.pixels()[i].max(0.0);
            // Faces are spared: complexion is not a matter of taste.
            let free = 1.0 - 0.85 * self.spared.pixels()[i];
            let curved = l.powf(tones.gamma);
            let curved = curved + tones.contrast * (smooth_step(0.0, 1.0, curved) - curved);
            (l + free * (curved - l)).clamp(0.0, 1.0)
        })
    }

    /// Shadows lifted and tinted: only ink is dark.
    fn lifted(&self, coloured: &Image<Lab>, taste: &Taste) -> Image<Lab> {
        zip::<Lab>(coloured, |i| {
            let ([l, a, b], skin) = (coloured.pixels()[i], self.skin(i));
            let l = 0.01 * l;
            let shadow = taste.colour.shadow(l, skin);
            let lift = taste.tones.lift * (1.0 - 0.85 * self.spared.pixels()[i]);
            [100.0 * (lift + (1.0 - lift) * l), a + shadow[0], b + shadow[1]]
        })
    }
}

/// Greys as tones of a screen, each laid from a lightness 0..1 on, under ink.
fn toned(coloured: &Image<Lab>, ink: Image<Gray>, above: &[f32]) -> Painted {
    let lightness = coloured.map::<Gray>(|[l, _, _]| 0.01 * l);
    let tone = guided(&lightness, &lightness, 10, 1e-3).map::<Gray>(|l| {
        let laid = above.iter().position(|above| l > *above).unwrap_or(above.len());
        TONES[laid]
    });
    let tone = gaussian(&tone, 0.8);
    let ink = ink.map::<Gray>(|ink| (1.3 * ink).clamp(0.0, 1.0));
    let grey = |i: usize| (1.0 - tone.pixels()[i]) * (1.0 - ink.pixels()[i]);
    Painted { painting: zip::<Srgb8>(&ink, |i| srgb8_from_srgb([grey(i); 3])), ink }
}

/// The painting with its ink laid on, and bloom over both.
fn inked(coloured: &Image<Lab>, ink: Image<Gray>, taste: &Taste) -> Painted {
    let painting_lab = zip::<Lab>(coloured, |i| {
        let ([l, a, b], ink) = (coloured.pixels()[i], ink.pixels()[i]);
        let (pale, tint) = (1.0 - 0.3 * ink, taste.ink.tint);
        [l * (1.0 - ink), a * pale + tint[0] * ink, b * pale + tint[1] * ink]
    });
    Painted { painting: light::developed(&painting_lab, taste.bloom.as_ref()), ink }
}

/// Lightness 0..1 in soft steps (Winnemöller et al. 2006), hard borders where the gradient is strong;
/// thin structures are left as they are.
fn cel_shade(lightness: &Image<Gray>, thin: &Image<Gray>, tones: &Tones) -> Image<Gray> {
    let (dx, dy) = sobel(&gaussian(lightness, 1.5));
    let gradient = gaussian(&zip::<Gray>(lightness, |i| dx.pixels()[i].hypot(dy.pixels()[i])), 2.0);
    let steps = tones.steps;
    zip::<Gray>(lightness, |i| {
        let l = lightness.pixels()[i];
        let slope = 14.0 * (gradient.pixels()[i] / 0.012).clamp(0.15, 1.0);
        let nearest = (l * steps).round_ties_even() / steps;
        let shaded = nearest + (slope * (l - nearest)).tanh() / (2.0 * steps * (slope / (2.0 * steps)).tanh());
        l + tones.hard * (1.0 - thin.pixels()[i]) * (shaded - l)
    })
}
