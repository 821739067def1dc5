//! What a taste is made of, and the tastes there are.

use anyhow::{Context, Result};

use super::palette::Palette;

/// How light is set and strokes are laid: everything a [`Study`](super::Study) depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strokes {
    /// Where the median lightness of a darker photo is moved to, 0..1.
    pub median_lightness: f32,
    /// How much more dark regions are opened, 0..1.
    pub shadows: f32,
    /// The lambda of L0 gradient smoothing.
    pub flatness: f32,
    /// Radii of the Kuwahara filter, px: one pass each.
    pub radii_px: &'static [usize],
    /// Whether fine borders of the photo come back by a guided filter.
    pub keeps_crisp: bool,
    /// Share of the blurred photo where there is neither texture nor edge, 0..1.
    pub airbrush: f32,
    /// Strength of the hints of texture that the strokes wiped away.
    pub hints: f32,
    /// Sigma of the fine side of the difference of Gaussians that finds edges, px.
    pub edge_px: f32,
    /// How far along the edge that difference is smoothed, px: longer lines.
    pub edge_along_px: f32,
    /// Whether edges are those of the flattened photo, without texture, or of the photo.
    pub edges_of_flat: bool,
    /// Whether the outlines of clumps of strokes are found, for [`Ink::clumps`].
    pub outlines_clumps: bool,
}

/// A taste: how a photo is painted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taste {
    /// Light and strokes.
    pub strokes: Strokes,
    /// Colour.
    pub colour: Colour,
    /// Lightness in so many soft steps.
    pub cel_steps: Option<f32>,
    /// Colours taken from paintings, after everything else that is done to them.
    pub palette: Option<Palette>,
    /// Lines.
    pub ink: Ink,
    /// Light that spills over.
    pub bloom: Option<Bloom>,
}

/// Taste in colour. `a` and `b` are shifts in Lab.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour {
    /// Gain of every chroma.
    pub gain: f32,
    /// Further gain of dull colours: times `exp(−chroma/45)`, less for skin.
    pub dull_gain: f32,
    /// Shift of b with lightness.
    pub warmth: f32,
    /// What becomes of greens.
    pub greens: Greens,
    /// What becomes of shadows.
    pub shadows: Shadows,
    /// What becomes of blues.
    pub blues: Blues,
}

/// Shifts of greens, full at a = −25.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Greens {
    /// Of lightness 0..1.
    pub l: f32,
    /// Of b.
    pub b: f32,
}

/// Shifts of shadows, full at black.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shadows {
    /// Lightness 0..1 at which they begin.
    pub below: f32,
    /// Of a.
    pub a: f32,
    /// Of b.
    pub b: f32,
    /// 1: skin is shifted by a quarter only; 0: like everything.
    pub skin_guard: f32,
}

/// Shifts of blues, full at b = −25.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blues {
    /// Lightness 0..1 at which they begin; full a quarter above. At −1 every blue is shifted.
    pub above: f32,
    /// Of a.
    pub a: f32,
    /// Of b.
    pub b: f32,
}

/// Lines on the dark side of edges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ink {
    /// Difference of Gaussians, in luma 0..1, at which ink begins.
    pub threshold: f32,
    /// Ink per difference above it.
    pub gain: f32,
    /// Coherence at which ink begins; full a third above.
    pub floor: f32,
    /// The share of lightness that full ink takes away, 0..1.
    pub darkness: f32,
    /// How many times the thresholds are on skin: a face has few lines.
    pub on_skin: f32,
    /// Area below which a patch of ink is a speckle and left out, px.
    pub least_px: usize,
    /// Outlines of clumps of strokes: clouds, crowns of trees, folds.
    pub clumps: Option<Clumps>,
}

/// Ink around clumps of strokes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clumps {
    /// Full ink of clumps as a share of full ink.
    pub share: f32,
    /// As [`Ink::threshold`].
    pub threshold: f32,
    /// As [`Ink::gain`].
    pub gain: f32,
    /// As [`Ink::floor`].
    pub floor: f32,
}

/// Bright parts that glow: screened over the painting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bloom {
    /// Where glowing begins, sRGB 0..1.
    pub above: f32,
    /// How far it reaches, px.
    pub sigma_px: f32,
    /// 0..1.
    pub strength: f32,
}

impl Taste {
    /// Every taste with the name of its style.
    pub fn all() -> [(&'static str, Self); 4] {
        [
            ("meadow", Self::meadow()),
            ("skyglow", Self::skyglow()),
            ("storybook", Self::storybook()),
            ("portrait", Self::portrait()),
        ]
    }

    /// The taste called `name`.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<Self> {
        let all = Self::all();
        let found = all.iter().find(|(known, _)| *known == name).map(|(_, taste)| *taste);
        found.with_context(|| {
            let names = all.map(|(name, _)| name).join(", ");
            format!("the painter has no taste {name}; it has {names}")
        })
    }

    /// Warm light, fresh greens, cool shadows: a summer's day in the country.
    pub fn meadow() -> Self {
        let plain = Self::prototype_meadow();
        Self {
            strokes: PAINTED,
            colour: Colour {
                shadows: Shadows { below: 0.42, a: 2.0, b: -6.0, skin_guard: 1.0 },
                blues: Blues { above: 0.35, a: -3.0, b: -3.0 },
                ..plain.colour
            },
            ink: PAINTED_INK,
            ..plain
        }
    }

    /// Deep blues, violet shadows, light that blooms: city evenings and large skies.
    pub fn skyglow() -> Self {
        let plain = Self::prototype_skyglow();
        let shadows = Shadows { skin_guard: 1.0, ..plain.colour.shadows };
        Self { strokes: PAINTED, colour: Colour { shadows, ..plain.colour }, ink: PAINTED_INK, ..plain }
    }

    /// Flat fills in small strokes, seven steps of light, everything outlined in long lines: the picture in a children's
    /// book.
    pub fn storybook() -> Self {
        let plain = Self::prototype_storybook();
        let strokes = Strokes {
            // What makes fills flat without the facets of large strokes.
            flatness: 0.012,
            radii_px: &[3, 3],
            airbrush: 0.85,
            hints: 0.5,
            edge_px: 1.1,
            edge_along_px: 6.0,
            edges_of_flat: true,
            ..plain.strokes
        };
        let colour = Colour { gain: 1.12, ..plain.colour };
        let clumps = Some(Clumps { share: 0.8, threshold: 0.005, gain: 50.0, floor: 0.35 });
        let ink = Ink { gain: 60.0, darkness: 0.85, on_skin: 1.6, least_px: 40, clumps, ..plain.ink };
        Self { strokes, colour, cel_steps: Some(7.0), palette: None, ink, bloom: None }
    }

    /// The meadow's light with flatter fills, soft steps of light and long lines: people. [`super::portrait`]
    /// adds what it makes of faces.
    pub fn portrait() -> Self {
        let strokes = Strokes {
            median_lightness: 0.6,
            flatness: 0.008,
            radii_px: &[3, 3],
            hints: 0.5,
            edge_px: 1.0,
            edge_along_px: 5.0,
            edges_of_flat: true,
            ..PAINTED
        };
        let clumps = Some(Clumps { share: 0.55, threshold: 0.005, gain: 40.0, floor: 0.35 });
        let ink = Ink { gain: 45.0, darkness: 0.72, on_skin: 1.4, least_px: 30, clumps, ..PAINTED_INK };
        let meadow = Self::meadow();
        let colour = Colour { gain: 1.05, ..meadow.colour };
        Self { strokes, colour, cel_steps: Some(9.0), palette: None, ink, bloom: None }
    }

    /// The meadow of the first prototype, by which the painter was proved equal to it.
    pub fn prototype_meadow() -> Self {
        let colour = Colour {
            gain: 1.0,
            dull_gain: 0.5,
            warmth: 3.0,
            greens: Greens { l: 0.04, b: 6.0 },
            shadows: Shadows { below: 0.5, a: 0.0, b: 0.0, skin_guard: 0.0 },
            blues: Blues { above: -1.0, a: 0.0, b: 0.0 },
        };
        let ink =
            Ink { threshold: 0.006, gain: 28.0, floor: 0.3, darkness: 0.62, on_skin: 1.0, least_px: 0, clumps: None };
        let strokes = Strokes { airbrush: 0.0, hints: 0.0, outlines_clumps: false, ..PAINTED };
        Self { strokes, colour, cel_steps: None, palette: None, ink, bloom: None }
    }

    /// The skyglow of the first prototype.
    pub fn prototype_skyglow() -> Self {
        let colour = Colour {
            gain: 1.1,
            dull_gain: 0.6,
            warmth: 0.0,
            greens: Greens { l: 0.0, b: 0.0 },
            shadows: Shadows { below: 0.5, a: 3.0, b: -8.0, skin_guard: 0.0 },
            blues: Blues { above: -1.0, a: -2.0, b: -6.0 },
        };
        let bloom = Some(Bloom { above: 0.72, sigma_px: 18.0, strength: 0.35 });
        Self { colour, bloom, ..Self::prototype_meadow() }
    }

    /// The storybook of the first prototype.
    pub fn prototype_storybook() -> Self {
        let strokes = Strokes {
            median_lightness: 0.62,
            flatness: 0.008,
            radii_px: &[5, 5, 4],
            keeps_crisp: false,
            edge_px: 0.9,
            airbrush: 0.0,
            hints: 0.0,
            outlines_clumps: true,
            ..PAINTED
        };
        let colour =
            Colour { gain: 1.05, warmth: 2.0, greens: Greens { l: 0.0, b: 0.0 }, ..Self::prototype_meadow().colour };
        let clumps = Some(Clumps { share: 1.0, threshold: 0.003, gain: 34.0, floor: 0.25 });
        let ink = Ink { threshold: 0.005, gain: 28.0, floor: 0.3, darkness: 0.75, on_skin: 1.0, least_px: 0, clumps };
        Self { strokes, colour, cel_steps: Some(8.0), palette: None, ink, bloom: None }
    }
}

/// The strokes of meadow and skyglow.
const PAINTED: Strokes = Strokes {
    median_lightness: 0.58,
    shadows: 0.35,
    flatness: 0.004,
    radii_px: &[4, 4],
    keeps_crisp: true,
    airbrush: 0.85,
    hints: 1.0,
    edge_px: 0.8,
    edge_along_px: 3.0,
    edges_of_flat: false,
    outlines_clumps: true,
};

/// The lines of meadow and skyglow.
const PAINTED_INK: Ink = Ink {
    threshold: 0.005,
    gain: 30.0,
    floor: 0.3,
    darkness: 0.66,
    on_skin: 1.0,
    least_px: 0,
    clumps: Some(Clumps { share: 0.3, threshold: 0.004, gain: 30.0, floor: 0.3 }),
};
