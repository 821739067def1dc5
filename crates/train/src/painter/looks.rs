//! The tastes there are.

use anyhow::{Context, Result};

use super::taste::{Bloom, Blues, Colour, Fills, Greens, Ink, Medium, Taste, Tones};

impl Taste {
    /// Every taste with the name of its style.
    pub fn all() -> [(&'static str, Self); 6] {
        [
            ("meadow", Self::meadow()),
            ("skyglow", Self::skyglow()),
            ("storybook", Self::storybook()),
            ("portrait", Self::portrait()),
            ("cel", Self::cel()),
            ("manga", Self::manga()),
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

    /// A summer's day in the country: cerulean skies, fresh greens in clumps of light and shade, warm light, thin lines.
    pub fn meadow() -> Self {
        Self {
            fills: PAINTED,
            tones: Tones { local: 0.18, steps: 7.0, hard: 0.6, gamma: 0.96, contrast: 0.0, lift: 0.12 },
            colour: Colour {
                vivid: 0.55,
                blues: Blues { towards_degrees: -112.0, turn: 0.65, chroma: 0.12, deeper: 0.0 },
                greens: Greens { l: 0.03, a: -9.0, b: 5.0 },
                warmth: 4.0,
                greys: [-2.0, 1.0],
                lights: [1.0, -2.0],
                shadows: [1.0, -6.0],
                lit: [-2.0, 7.0],
                shaded: [-3.0, -3.0],
                ..Colour::PLAIN
            },
            palette: None,
            ink: Ink {
                darkness: 0.80,
                of_photo: 0.65,
                threshold: 0.0020,
                gain: 40.0,
                paler: 0.45,
                tint: [2.0, -3.0],
                least_px: 40,
            },
            bloom: None,
            medium: Medium::Colour,
        }
    }

    /// Large skies and city evenings: ultramarine and violet, peach lights that bloom, crisp detail, fine lines.
    pub fn skyglow() -> Self {
        Self {
            fills: Fills {
                flatness: 0.006,
                radius_px: 3,
                clump: 0.7,
                clump_tones: 0.6,
                detail: 0.35,
                line_px: 0.8,
                ..PAINTED
            },
            tones: Tones { local: 0.30, steps: 0.0, hard: 0.0, gamma: 1.34, contrast: 0.15, lift: 0.07 },
            colour: Colour {
                vivid: 0.75,
                blues: Blues { towards_degrees: -82.0, turn: 0.5, chroma: 0.35, deeper: 0.10 },
                greens: Greens { l: 0.0, a: -4.0, b: -6.0 },
                greys: [7.0, -11.0],
                lights: [7.0, 9.0],
                rosy: 5.0,
                shadows: [6.0, -15.0],
                lit: [0.0, 7.0],
                shaded: [0.0, -7.0],
                ..Colour::PLAIN
            },
            palette: None,
            ink: Ink {
                darkness: 0.70,
                of_photo: 0.55,
                threshold: 0.0024,
                gain: 40.0,
                paler: 0.45,
                tint: [2.0, -3.0],
                least_px: 40,
            },
            bloom: Some(Bloom { above: 0.66, sigmas_px: [14.0, 44.0], shares: [0.6, 0.4], strength: 0.55 }),
            medium: Medium::Colour,
        }
    }

    /// A children's book in gouache: few flat tones on warm paper, everything outlined in brown.
    pub fn storybook() -> Self {
        Self {
            fills: BROAD,
            tones: Tones { local: 0.10, steps: 5.0, hard: 0.85, gamma: 0.82, contrast: 0.0, lift: 0.18 },
            colour: Colour {
                vivid: 0.10,
                scale: [0.80, 0.74],
                paper: [4.0, 15.0],
                blues: Blues { towards_degrees: -128.0, turn: 0.6, chroma: 0.0, deeper: 0.0 },
                greys: [1.0, 2.0],
                lit: [0.0, 4.0],
                shaded: [0.0, -3.0],
                ..Colour::PLAIN
            },
            palette: None,
            ink: Ink {
                darkness: 0.90,
                of_photo: 0.65,
                threshold: 0.0018,
                gain: 50.0,
                paler: 0.15,
                tint: [3.0, 5.0],
                least_px: 44,
            },
            bloom: None,
            medium: Medium::Colour,
        }
    }

    /// People, in a light room: pale rosy colours, soft tones, even lines. [`super::portrait`] adds what it makes of faces.
    pub fn portrait() -> Self {
        Self {
            fills: PAINTED,
            tones: Tones { local: 0.10, steps: 9.0, hard: 0.5, gamma: 0.66, contrast: 0.0, lift: 0.20 },
            colour: Colour {
                vivid: 0.35,
                gain: 0.92,
                blues: Blues { towards_degrees: -98.0, turn: 0.4, chroma: 0.0, deeper: 0.0 },
                greens: Greens { l: 0.03, a: 4.0, b: -2.0 },
                greys: [7.0, -6.0],
                lights: [4.0, -2.0],
                shadows: [4.0, -5.0],
                lit: [0.0, 3.0],
                shaded: [0.0, -3.0],
                ..Colour::PLAIN
            },
            palette: None,
            ink: Ink {
                darkness: 0.72,
                of_photo: 0.55,
                threshold: 0.0022,
                gain: 42.0,
                paler: 0.4,
                tint: [4.0, -1.0],
                least_px: 44,
            },
            bloom: None,
            medium: Medium::Colour,
        }
    }

    /// Television animation: few hard tones, hard cool shadows, saturated local colour, even dark lines.
    pub fn cel() -> Self {
        Self {
            fills: BROAD,
            tones: Tones { local: 0.20, steps: 4.0, hard: 0.95, gamma: 1.12, contrast: 0.8, lift: 0.09 },
            colour: Colour {
                vivid: 0.90,
                paper: [-1.5, -3.0],
                gain: 1.16,
                blues: Blues { towards_degrees: -98.0, turn: 0.6, chroma: 0.2, deeper: 0.12 },
                greens: Greens { l: 0.0, a: -8.0, b: -1.0 },
                greys: [-1.0, -7.0],
                lights: [2.0, 3.0],
                shadows: [3.0, -10.0],
                lit: [0.0, 3.0],
                shaded: [0.0, -3.0],
                ..Colour::PLAIN
            },
            palette: None,
            ink: Ink {
                darkness: 0.95,
                of_photo: 0.65,
                threshold: 0.0018,
                gain: 60.0,
                paler: 0.3,
                tint: [2.0, -3.0],
                least_px: 44,
            },
            bloom: None,
            medium: Medium::Colour,
        }
    }

    /// A printed page: black ink on white paper, greys as screentone.
    pub fn manga() -> Self {
        Self {
            fills: PAINTED,
            tones: Tones { local: 0.45, steps: 0.0, hard: 0.0, gamma: 0.85, contrast: 0.25, lift: 0.0 },
            colour: Colour::PLAIN,
            palette: None,
            ink: Ink {
                darkness: 1.0,
                of_photo: 0.65,
                threshold: 0.0018,
                gain: 60.0,
                paler: 0.45,
                tint: [0.0, 0.0],
                least_px: 40,
            },
            bloom: None,
            medium: Medium::Screentone { above: [0.70, 0.50, 0.33, 0.17] },
        }
    }
}

/// Fills as a painter lays them: shapes with even borders, clumps of leaves with a lit and a shaded side, airy skies.
const PAINTED: Fills = Fills {
    exposure: 0.60,
    flatness: 0.012,
    radius_px: 4,
    clump: 1.0,
    clump_tones: 0.8,
    detail: 0.15,
    thin: 0.9,
    airbrush: 0.85,
    flow_px: 3.0,
    line_px: 0.9,
    line_along_px: 5.0,
};

/// Fewer, flatter fills with heavier lines.
const BROAD: Fills = Fills {
    flatness: 0.024,
    radius_px: 5,
    detail: 0.0,
    thin: 0.6,
    airbrush: 0.3,
    flow_px: 4.0,
    line_px: 1.1,
    line_along_px: 6.0,
    ..PAINTED
};
