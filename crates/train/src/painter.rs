//! The painter: photo in, painting out, by classical operators alone. What it paints is what the
//! network learns, so its taste is the product's taste.
//!
//! A [`Study`] of a photo (light, strokes, lines) is the expensive part and depends on [`Strokes`]
//! alone; every [`Taste`] with the same strokes is painted from the same study. Radii are absolute: a
//! picture should have about 0.4–0.8 Mpx.

mod colour;
pub mod face;
mod light;
mod palette;
mod portrait;
mod taste;

pub use face::Face;
pub use palette::{Colours, Palette};
pub use portrait::portrait;
pub use taste::{Bloom, Blues, Clumps, Colour, Greens, Ink, Shadows, Strokes, Taste};

use pixels::blur::{gaussian, sobel};
use pixels::guided::guided;
use pixels::space::{Gray, Lab, Space, Srgb, Srgb8, lab_from_srgb, luma_from_srgb};
use pixels::{Image, lines, smooth};
use rayon::prelude::*;

/// Weight of the guided filter's picture, which brings back the photo's fine borders, in the base.
const CRISP_SHARE: f32 = 0.25;
/// Local contrast is raised by this share of the difference to the surroundings.
const LOCAL_CONTRAST: f32 = 0.22;
/// Sigma of the surroundings, px.
const LOCAL_CONTRAST_PX: f32 = 24.0;

/// What the painter makes of a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Painted {
    /// The painting, of the photo's size.
    pub painting: Image<Srgb8>,
    /// Ink laid on, 0..1: the share by which it darkens the lightness under it.
    pub ink: Image<Gray>,
}

/// Paints `photo` to every taste, in the order given; tastes with the same strokes share a study.
pub fn paint_all(photo: &Image<Srgb8>, tastes: &[Taste]) -> Vec<Painted> {
    let mut studies: Vec<Study> = Vec::new();
    tastes
        .iter()
        .map(|taste| {
            let known = studies.iter().position(|study| study.strokes == taste.strokes);
            let index = known.unwrap_or_else(|| {
                studies.push(Study::of(photo, &taste.strokes));
                studies.len() - 1
            });
            studies[index].paint(taste)
        })
        .collect()
}

/// Paints `photo` to one taste.
pub fn paint(photo: &Image<Srgb8>, taste: &Taste) -> Painted {
    Study::of(photo, &taste.strokes).paint(taste)
}

/// A photo put into light, laid out in strokes, its lines found: all that tastes share.
#[derive(Clone, Debug)]
pub struct Study {
    strokes: Strokes,
    /// The picture in strokes, before any taste in colour.
    base_lab: Image<Lab>,
    /// Likelihood of skin in the base, 0..1.
    skin: Image<Gray>,
    /// Thin structures, 0..1.
    thin: Image<Gray>,
    /// Flow-based difference of Gaussians of the photo's luma, negative on the dark side, and coherence.
    edges: (Image<Gray>, Image<Gray>),
    /// The same of the strokes' luma: the outlines of clumps.
    clump_edges: Option<(Image<Gray>, Image<Gray>)>,
}

impl Study {
    /// Studies `photo`.
    pub fn of(photo: &Image<Srgb8>, strokes: &Strokes) -> Self {
        let photo = light::expose(photo, strokes.median_lightness, strokes.shadows);
        let photo_luma = photo.map::<Gray>(luma_from_srgb);
        let flat = smooth::l0_gradient(&photo, strokes.flatness, 2.0).map::<Srgb>(|v| v.map(|v| v.clamp(0.0, 1.0)));
        let mut clumps = flat.clone();
        for &radius_px in strokes.radii_px {
            clumps = smooth::kuwahara(&clumps, radius_px, 8.0, 1);
        }
        let calmed = (!strokes.edges_of_flat).then(|| smooth::bilateral(&photo, 2, 18.0 / 255.0, 2.0));
        let calmed = calmed.as_ref().unwrap_or(&flat).map::<Gray>(luma_from_srgb);
        let edges = lines::flow_dog(&calmed, strokes.edge_px, strokes.edge_along_px);
        let thin = lines::thin_structures(&photo_luma, &edges.1);
        let clump_edges =
            strokes.outlines_clumps.then(|| lines::flow_dog(&clumps.map::<Gray>(luma_from_srgb), 1.1, 5.0));

        let crisp = strokes.keeps_crisp.then(|| guided(&photo, &clumps, 3, 0.002));
        let crisp = crisp.as_ref().unwrap_or(&clumps);
        let base = zip::<Srgb>(&photo, |i| {
            // Strokes wipe away what is thinner than they are: there the flattened photo stays.
            let (clump, crisp, flat, photo) =
                (clumps.pixels()[i], crisp.pixels()[i], flat.pixels()[i], photo.pixels()[i]);
            let thin = thin.pixels()[i];
            std::array::from_fn(|c| {
                let painted = (1.0 - CRISP_SHARE) * clump[c] + CRISP_SHARE * crisp[c].clamp(0.0, 1.0);
                painted + thin * (0.5 * (flat[c] + photo[c]) - painted)
            })
        });
        let base = airbrush(base, &photo, &photo_luma, strokes.airbrush);
        let base = hint(base, &photo_luma, strokes.hints);
        let (base_lab, skin) = in_local_contrast(&base);
        Self { strokes: *strokes, base_lab, skin, thin, edges, clump_edges }
    }

    /// The painting to `taste`.
    ///
    /// # Panics
    /// If the taste's strokes are not those of the study.
    pub fn paint(&self, taste: &Taste) -> Painted {
        assert_eq!(self.strokes, taste.strokes, "a taste is painted from a study in its own strokes");
        inked(&self.coloured(taste), self.ink(&taste.ink), taste.bloom.as_ref())
    }

    /// The colours of the painting under the ink, L 0..100.
    fn coloured(&self, taste: &Taste) -> Image<Lab> {
        let shaded = taste.cel_steps.map(|steps| cel_shade(&self.base_lab, &self.thin, steps));
        zip::<Lab>(&self.base_lab, |i| {
            let [l, a, b] = self.base_lab.pixels()[i];
            let mut lab = taste.colour.of([l * 0.01, a, b], self.skin.pixels()[i]);
            if let Some(shaded) = &shaded {
                lab[0] = shaded.pixels()[i];
            }
            if let Some(palette) = &taste.palette {
                lab = palette.of(lab, self.skin.pixels()[i]);
            }
            let [l, a, b] = colour::limited(lab);
            [100.0 * l, a, b]
        })
    }

    fn ink(&self, taste: &Ink) -> Image<Gray> {
        let (dog, coherence) = &self.edges;
        let ink = zip::<Gray>(dog, |i| {
            let skin = 1.0 + (taste.on_skin - 1.0) * self.skin.pixels()[i];
            let (dog, coherence) = (dog.pixels()[i], coherence.pixels()[i]);
            let edge = stroke_of_ink(dog, coherence, skin * taste.threshold, taste.gain, taste.floor);
            let clump = match (&taste.clumps, &self.clump_edges) {
                (Some(Clumps { share, threshold, gain, floor }), Some((dog, coherence))) => {
                    share * stroke_of_ink(dog.pixels()[i], coherence.pixels()[i], skin * threshold, *gain, *floor)
                }
                _ => 0.0,
            };
            taste.darkness * edge.max(clump)
        });
        without_speckles(ink, taste.least_px)
    }
}

/// Ink where the difference of Gaussians is below −`threshold` and the coherence above `floor`, 0..1.
fn stroke_of_ink(dog: f32, coherence: f32, threshold: f32, gain: f32, floor: f32) -> f32 {
    ((-dog - threshold) * gain).clamp(0.0, 1.0) * ((coherence - floor) * 3.0).clamp(0.0, 1.0)
}

/// The painting with its ink laid on, and bloom over both.
fn inked(coloured: &Image<Lab>, ink: Image<Gray>, bloom: Option<&Bloom>) -> Painted {
    let painting_lab = zip::<Lab>(coloured, |i| {
        let ([l, a, b], ink) = (coloured.pixels()[i], ink.pixels()[i]);
        // Ink leans to violet and is never plain black.
        let pale = 1.0 - 0.35 * ink;
        [l * (1.0 - ink), a * pale + 2.0 * ink, b * pale - 2.0 * ink]
    });
    Painted { painting: light::developed(&painting_lab, bloom), ink }
}

/// The ink without patches that are smaller than `least_px`.
fn without_speckles(mut ink: Image<Gray>, least_px: usize) -> Image<Gray> {
    /// Paler ink does not join patches.
    const JOINS: f32 = 0.08;
    if least_px == 0 {
        return ink;
    }
    let (width, height) = (ink.width(), ink.height());
    let mut seen = vec![false; width * height];
    let mut patch = Vec::new();
    for start in 0..seen.len() {
        if seen[start] || ink.pixels()[start] == 0.0 {
            continue;
        }
        patch.clear();
        patch.push(start);
        seen[start] = true;
        let mut next = 0;
        while let Some(&at) = patch.get(next) {
            next += 1;
            if ink.pixels()[at] < JOINS {
                continue;
            }
            let (x, y) = (at % width, at / width);
            for v in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for u in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let beside = v * width + u;
                    if !seen[beside] && ink.pixels()[beside] > 0.0 {
                        seen[beside] = true;
                        patch.push(beside);
                    }
                }
            }
        }
        if patch.len() < least_px {
            for &at in &patch {
                ink.pixels_mut()[at] = 0.0;
            }
        }
    }
    ink
}

/// A picture of the size of `like` from the index of each pixel, on all cores.
fn zip<T: Space>(like: &Image<impl Space>, pixel: impl Fn(usize) -> T::Pixel + Sync + Send) -> Image<T> {
    let pixels = (0..like.pixels().len()).into_par_iter().with_min_len(4096).map(pixel).collect();
    Image::new(like.width(), like.height(), pixels)
}

/// Where the photo has neither texture nor edges (skies, still water, cheeks) gradients stay
/// gradients: there the blurred photo takes the strokes' place to the share `amount`. L0 smoothing
/// would cut them into steps.
fn airbrush(base: Image<Srgb>, photo: &Image<Srgb>, luma: &Image<Gray>, amount: f32) -> Image<Srgb> {
    if amount == 0.0 {
        return base;
    }
    let near = gaussian(luma, 2.0);
    let fine = gaussian(&zip::<Gray>(luma, |i| (luma.pixels()[i] - near.pixels()[i]).powi(2)), 4.0);
    let (dx, dy) = sobel(&gaussian(luma, 3.0));
    let slope = gaussian(&zip::<Gray>(luma, |i| 0.5 * dx.pixels()[i].hypot(dy.pixels()[i])), 3.0);
    let smooth = gaussian(
        &zip::<Gray>(luma, |i| {
            let untextured = ((0.014 - fine.pixels()[i].sqrt()) / 0.007).clamp(0.0, 1.0);
            untextured * ((0.012 - slope.pixels()[i]) / 0.006).clamp(0.0, 1.0)
        }),
        2.0,
    );
    let blurred = gaussian(photo, 2.5);
    zip::<Srgb>(&base, |i| {
        let (painted, blurred, share) = (base.pixels()[i], blurred.pixels()[i], amount * smooth.pixels()[i]);
        std::array::from_fn(|c| painted[c] + share * (blurred[c] - painted[c]))
    })
}

/// Adds what the strokes wiped away, only where it stands out among its neighbours: a few stones of a
/// cobbled street, a few bricks of a wall.
fn hint(base: Image<Srgb>, luma: &Image<Gray>, amount: f32) -> Image<Srgb> {
    if amount == 0.0 {
        return base;
    }
    let soft = gaussian(luma, 0.9);
    let removed = zip::<Gray>(luma, |i| soft.pixels()[i] - luma_from_srgb(base.pixels()[i].map(|v| v.clamp(0.0, 1.0))));
    let spread = gaussian(&removed.map::<Gray>(|v| v * v), 9.0);
    let over = zip::<Gray>(luma, |i| {
        let v = removed.pixels()[i];
        (v.abs() - 1.3 * spread.pixels()[i].sqrt() - 0.006).clamp(0.0, 0.09).copysign(v)
    });
    let over = gaussian(&over, 0.6);
    zip::<Srgb>(&base, |i| base.pixels()[i].map(|v| v + amount * 1.1 * over.pixels()[i]))
}

/// The base in Lab with local contrast raised, and its likelihood of skin.
fn in_local_contrast(base: &Image<Srgb>) -> (Image<Lab>, Image<Gray>) {
    let lab = base.map::<Lab>(|v| lab_from_srgb(v.map(|v| v.clamp(0.0, 1.0))));
    let around = gaussian(&lab.map::<Gray>(|[l, _, _]| l), LOCAL_CONTRAST_PX);
    let raised = zip::<Lab>(&lab, |i| {
        let ([l, a, b], around) = (lab.pixels()[i], around.pixels()[i]);
        [(l + LOCAL_CONTRAST * (l - around)).clamp(0.0, 100.0), a, b]
    });
    let skin = raised.map::<Gray>(light::skin);
    (raised, skin)
}

/// Lightness 0..1 in soft steps (Winnemöller et al. 2006), hard borders where the gradient is strong;
/// thin structures are left as they are.
fn cel_shade(lab: &Image<Lab>, thin: &Image<Gray>, steps: f32) -> Image<Gray> {
    let l = lab.map::<Gray>(|[l, _, _]| l * 0.01);
    let (dx, dy) = sobel(&gaussian(&l, 1.5));
    let gradient = gaussian(&zip::<Gray>(&l, |i| dx.pixels()[i].hypot(dy.pixels()[i])), 2.0);
    zip::<Gray>(&l, |i| {
        let l = l.pixels()[i];
        let slope = 14.0 * (gradient.pixels()[i] / 0.012).clamp(0.15, 1.0);
        let nearest = (l * steps).round_ties_even() / steps;
        let shaded = nearest + (slope * (l - nearest)).tanh() / (2.0 * steps * (slope / (2.0 * steps)).tanh());
        l + 0.8 * (1.0 - thin.pixels()[i]) * (shaded - l)
    })
}
