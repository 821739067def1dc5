//! How each style draws a face, as data.

use crate::look::Look;
use net::Medium;

/// How faces are drawn in a style.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FaceStyle {
    /// Colour of lines: how much of the skin's red, green and blue is left in them.
    pub(crate) line: [f32; 3],
    /// Width of lines.
    pub(crate) weight: f32,
    /// How far skin is laid over what was painted, 0..1: by what shows through a person is recognised.
    pub(crate) laid: f32,
    /// How much of the skin is laid in flat tones, 0..1.
    pub(crate) flat: f32,
    /// How soft the borders between tones are: 1 goes over softly, 0.3 is hard.
    pub(crate) soft: f32,
    /// How dark the shadow is beside the lit skin, as a share of its luma.
    pub(crate) shade: f32,
    /// How much eyes are enlarged.
    pub(crate) eyes: f32,
    /// How colourful irises are.
    pub(crate) iris: f32,
    /// Blush on the cheeks, and red of the lips.
    pub(crate) blush: f32,
    /// Weight of the lashes.
    pub(crate) lashes: f32,
    /// How much of the hair is laid in tones, 0..1.
    pub(crate) hair: f32,
    /// Factor on the chroma of everything that is drawn.
    pub(crate) saturation: f32,
    /// Factor on the width of lines, but for lashes and brows.
    pub(crate) lines: f32,
    /// Nothing but black and white.
    pub(crate) is_black_on_white: bool,
}

const MEADOW: FaceStyle = FaceStyle {
    line: [0.46, 0.27, 0.25],
    weight: 1.0,
    laid: 0.8,
    flat: 0.8,
    soft: 0.6,
    shade: 0.87,
    eyes: 1.0,
    iris: 1.0,
    blush: 1.0,
    lashes: 1.0,
    hair: 0.85,
    saturation: 1.0,
    lines: 1.0,
    is_black_on_white: false,
};

impl FaceStyle {
    /// How faces are drawn in a look whose styles are drawn with `medium`.
    pub(crate) fn of(look: &Look, medium: Medium) -> Self {
        let is_black_on_white = medium == Medium::Screentone;
        let (saturation, lines) = (look.saturation.get(), look.line.get());
        Self { saturation, lines, is_black_on_white, ..Self::named(look) }
    }

    /// Of the style that counts most in the faces' mixture; a style of one's own draws as `meadow` does.
    pub(crate) fn named(look: &Look) -> Self {
        let most = look.styles_of_faces().shares().iter().max_by(|a, b| a.1.total_cmp(&b.1));
        match most.map(|(name, _)| name.as_str()) {
            Some("skyglow") => Self { line: [0.42, 0.25, 0.28], iris: 1.2, shade: 0.86, ..MEADOW },
            Some("storybook") => Self {
                line: [0.42, 0.27, 0.18],
                eyes: 0.7,
                flat: 0.6,
                soft: 1.0,
                iris: 0.8,
                lashes: 0.8,
                hair: 0.7,
                ..MEADOW
            },
            Some("portrait") => Self { flat: 0.65, soft: 1.0, shade: 0.91, eyes: 1.1, weight: 0.9, ..MEADOW },
            Some("cel") => Self {
                line: [0.30, 0.17, 0.17],
                flat: 0.95,
                soft: 0.4,
                shade: 0.82,
                eyes: 1.2,
                iris: 1.3,
                blush: 0.7,
                lashes: 1.15,
                hair: 0.95,
                ..MEADOW
            },
            Some("manga") => Self { weight: 1.15, laid: 1.0, eyes: 1.15, lashes: 1.3, ..MEADOW },
            _ => MEADOW,
        }
    }
}
