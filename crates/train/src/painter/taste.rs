//! What a taste is made of. The tastes there are: [`looks`](super::looks).

use pixels::screentone::TONES;

use super::palette::Palette;

/// How a photo becomes fills: everything a [`Study`](super::Study) depends on. Lengths are px of a picture of 0.3–0.5 Mpx.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fills {
    /// Where the median lightness of a darker photo is moved to, 0..1.
    pub exposure: f32,
    /// The lambda of L0 gradient smoothing; twice that where texture becomes clumps.
    pub flatness: f32,
    /// Radius of the Kuwahara filter where the photo has shapes.
    pub radius_px: usize,
    /// How far texture without a direction (leaves, gravel, grass) becomes broad clumps, 0..1.
    pub clump: f32,
    /// How far a clump is laid in three tones, lit, middle and shaded, 0..1.
    pub clump_tones: f32,
    /// How much of the photo's own borders comes back by a guided filter, 0..1.
    pub detail: f32,
    /// How much of thin structures (wires, twigs, bars) is kept as it is in the photo, 0..1.
    pub thin: f32,
    /// Share of the blurred photo where there is neither texture nor edge, 0..1: skies stay gradients.
    pub airbrush: f32,
    /// How far fills are smoothed along the edges, which makes their borders long and even; 0: not at all.
    pub flow_px: f32,
    /// Sigma of the lines around fills.
    pub line_px: f32,
    /// How far these lines are smoothed along themselves.
    pub line_along_px: f32,
}

/// A taste: how a photo is painted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taste {
    /// From photo to fills.
    pub fills: Fills,
    /// Light and shade.
    pub tones: Tones,
    /// Colour.
    pub colour: Colour,
    /// Colours taken from paintings, after everything else that is done to them.
    pub palette: Option<Palette>,
    /// Lines.
    pub ink: Ink,
    /// Light that spills over.
    pub bloom: Option<Bloom>,
    /// What it is drawn with.
    pub medium: Medium,
}

/// What a picture is drawn with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Medium {
    /// Colour and ink.
    Colour,
    /// Ink on paper, greys as one of the tones of a [screen](pixels::screentone::TONES). The painting is the paper's grey; dots are laid at the size of
    /// the output.
    Screentone {
        /// Lightness 0..1 from which on each tone is laid, paper first; the last tone is laid below all.
        above: [f32; TONES.len() - 1],
    },
}

/// Light and shade of the fills. Lightness is 0..1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tones {
    /// Local contrast is raised by this share of the difference to the surroundings (sigma 24 px).
    pub local: f32,
    /// Lightness in so many steps; 0: none.
    pub steps: f32,
    /// How hard the steps are, 0..1.
    pub hard: f32,
    /// Exponent of lightness: above 1 darker.
    pub gamma: f32,
    /// How much contrast is raised around the middle, 0..1.
    pub contrast: f32,
    /// The darkest fill: only ink is darker.
    pub lift: f32,
}

/// Taste in colour: shifts and factors in Lab.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour {
    /// Chroma added to dull colours: gain `1 + vivid·exp(−chroma/45)`, a quarter of it for skin.
    pub vivid: f32,
    /// Factors of a and b before anything else.
    pub scale: [f32; 2],
    /// Shift of a, and of b times lightness, before hues are turned: the paper.
    pub paper: [f32; 2],
    /// Gain of every chroma.
    pub gain: f32,
    /// What becomes of blues that are no violets: skies, water.
    pub blues: Blues,
    /// What becomes of greens.
    pub greens: Greens,
    /// Shift of b times lightness, at the end.
    pub warmth: f32,
    /// Shift of a and b of greys, skin spared.
    pub greys: [f32; 2],
    /// Shift of a and b of lights that are nearly white, skin spared.
    pub lights: [f32; 2],
    /// Shift of a of lights that are yellow.
    pub rosy: f32,
    /// Shift of a and b of the darkest shadows; they begin at lightness 0.42.
    pub shadows: [f32; 2],
    /// Shift of a and b of the lit side of a clump.
    pub lit: [f32; 2],
    /// Shift of a and b of its shaded side.
    pub shaded: [f32; 2],
}

impl Colour {
    /// Colours as they are.
    pub const PLAIN: Self = Self {
        vivid: 0.0,
        scale: [1.0; 2],
        paper: [0.0; 2],
        gain: 1.0,
        blues: Blues { towards_degrees: -105.0, turn: 0.0, chroma: 0.0, deeper: 0.0 },
        greens: Greens { l: 0.0, a: 0.0, b: 0.0 },
        warmth: 0.0,
        greys: [0.0; 2],
        lights: [0.0; 2],
        rosy: 0.0,
        shadows: [0.0; 2],
        lit: [0.0; 2],
        shaded: [0.0; 2],
    };
}

/// What becomes of blues.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blues {
    /// The hue they are turned to, degrees in (a, b).
    pub towards_degrees: f32,
    /// How far, 0..1.
    pub turn: f32,
    /// Chroma gained, as a share.
    pub chroma: f32,
    /// Lightness lost, as a share.
    pub deeper: f32,
}

/// What becomes of greens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Greens {
    /// Shift of lightness 0..1.
    pub l: f32,
    /// Shift of a.
    pub a: f32,
    /// Shift of b.
    pub b: f32,
}

/// Lines on the dark side of borders: those of the photo, and those around every fill.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ink {
    /// The share of lightness that full ink takes away around fills, 0..1.
    pub darkness: f32,
    /// The same of lines that the photo has.
    pub of_photo: f32,
    /// Difference of Gaussians, in luma 0..1, at which a border of a fill gets a line.
    pub threshold: f32,
    /// Ink per difference above it.
    pub gain: f32,
    /// How much paler lines are where both sides are bright and alike (clouds, snow), 0..1.
    pub paler: f32,
    /// What full ink adds to a and b.
    pub tint: [f32; 2],
    /// Area below which a patch of ink is a broken bit and left out, px.
    pub least_px: usize,
}

/// Bright parts that glow in two widths: screened over the painting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bloom {
    /// Where glowing begins, sRGB 0..1.
    pub above: f32,
    /// How far it reaches near and far, px.
    pub sigmas_px: [f32; 2],
    /// Shares of the two.
    pub shares: [f32; 2],
    /// 0..1.
    pub strength: f32,
}
