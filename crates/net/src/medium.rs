//! What a style is drawn with, which says what the drawer's four numbers mean.

use crate::error::{Error, ErrorKind, fail};
use crate::model::Style;

/// What a style is drawn with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Medium {
    /// Colours with ink over them: Y, Cb, Cr −1..1 and ink 0..1.
    #[default]
    Colour,
    /// Black ink on white paper, greys as dots: (Y + 1) / 2 is 1 − tone, where the tone is the share of ink, 0, 0.14,
    /// 0.32, 0.55 or 1; Cb and Cr mean nothing; ink 0..1. The dots are laid on what the drawer drew.
    Screentone,
}

impl Medium {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::Colour, Self::Screentone];

    /// As model files and interfaces call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Colour => "colour",
            Self::Screentone => "screentone",
        }
    }
}

impl std::str::FromStr for Medium {
    type Err = Error;

    /// Reads `colour` or `screentone`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let names = || Self::ALL.map(Self::name).join(", ");
        let unknown = || format!("the style is drawn with \"{text}\"; this version knows {}", names());
        let known = Self::ALL.into_iter().find(|medium| medium.name() == text);
        known.ok_or_else(|| Error::new(ErrorKind::File, unknown()))
    }
}

/// What a mixture of styles is drawn with; colour, if it is empty. Styles with a weight of 0 do not count.
///
/// # Errors
/// [`ErrorKind::Style`] where two of them are drawn with different things: a mean of colours and tones is neither.
pub fn medium(styles: &[(&Style, f32)]) -> Result<Medium, Error> {
    let mut taking_part = styles.iter().filter(|(_, weight)| *weight > 0.0).map(|(style, _)| style);
    let Some(first) = taking_part.next() else { return Ok(Medium::default()) };
    if let Some(other) = taking_part.find(|style| style.medium != first.medium) {
        let [(first, first_medium), (other, other_medium)] = [first, other].map(|s| (&s.name, s.medium.name()));
        fail!(
            Style,
            "{first} and {other} cannot be mixed: {first} is drawn in {first_medium}, {other} in {other_medium}"
        );
    }
    Ok(first.medium)
}
