//! How a painting shall look: a value, checked once when it is made and never again.

use crate::error::{Error, ErrorKind};
use crate::styles::Mix;
use std::ops::RangeInclusive;

/// How a painting shall look. `Look::default()` is the style as it was learnt.
///
/// ```
/// use kaiga::{Look, Strength};
/// let look = Look { styles: "meadow:0.6,skyglow:0.4".parse()?, strength: Strength::new(0.8)?, ..Look::default() };
/// assert_eq!(look.strength.get(), 0.8);
/// # Ok::<(), kaiga::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Look {
    /// Which styles, and how much of each.
    pub styles: Mix,
    /// How far from the photo towards the painting.
    pub strength: Strength,
    /// How colourful. Nothing changes where there is no colour.
    pub saturation: Saturation,
    /// How much ink in the lines.
    pub line: Line,
    /// How fine the strokes are on a large picture.
    pub detail: Detail,
    /// Which parts are painted: all and faces by themselves, all alike, or faces alone.
    pub faces: Faces,
    /// The styles of faces that are painted by themselves; `None` is `styles`: in another style the colours of what is around
    /// a face run into it where the two differ much. Faces in screentone are always painted with the rest, in `styles`. Every other setting holds for faces
    /// as for the rest.
    pub face_style: Option<Mix>,
    /// How flat fills are laid.
    pub flat: Flat,
    /// How crisp borders and lines are where nothing is enlarged.
    pub crisp: Crisp,
    /// How much the eyes of faces painted by themselves are enlarged.
    pub eyes: Eyes,
    /// How far faces are drawn: their skin in flat tones, eyes, brows, nose and mouth as strokes.
    pub draw: Draw,
    /// Edge-preserving smoothing of the painting with the photo as the guide; `None` leaves the painting alone.
    /// Refused for screentone, whose dots it would smear.
    pub guided: Option<Guided>,
    /// How much of the picture is worked on at a time.
    pub tile: Tile,
}

impl Look {
    /// The styles that faces are painted in.
    pub(crate) fn styles_of_faces(&self) -> &Mix {
        self.face_style.as_ref().unwrap_or(&self.styles)
    }

    /// Whether faces are treated otherwise than the rest.
    pub(crate) fn minds_faces(&self) -> bool {
        self.faces != Faces::Off && self.strength.get() > 0.0
    }
}

macro_rules! setting {
    ($(#[$doc:meta])* $name:ident, $what:literal, $min:literal..=$max:literal, default $default:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
        pub struct $name(f32);

        impl $name {
            /// Least and greatest.
            pub const RANGE: RangeInclusive<f64> = $min..=$max;

            #[doc = concat!("From a number in ", stringify!($min), "..=", stringify!($max), ".\n\n# Errors\n",
                            "If the number lies outside; the text names the range.")]
            pub fn new(value: f32) -> Result<Self, Error> {
                if ($min..=$max).contains(&value) {
                    return Ok(Self(value));
                }
                let message = format!("{} is {value}, it goes from {} to {}", $what, $min, $max);
                Err(Error::new(ErrorKind::Setting, message))
            }

            /// The number.
            pub fn get(self) -> f32 {
                self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self($default)
            }
        }
    };
}

setting! {
    /// How far from the photo towards the painting: 0 is exactly the photo, 1 the painting; beyond, what the painting
    /// changed is exaggerated, gently where it comes near black or white.
    Strength, "strength", 0.0..=1.5, default 1.0
}
setting! {
    /// Factor on the painting's chroma (Cb, Cr): 0 is grey, 1 as painted.
    Saturation, "saturation", 0.0..=2.0, default 1.0
}
setting! {
    /// Factor on the painting's ink: 0 has no lines, 1 as painted.
    Line, "line", 0.0..=2.0, default 1.0
}
setting! {
    /// How fine the strokes are on a large picture: with 0 it is the same painting at every size, with 1 it is painted
    /// at full size, where strokes are as many pixels wide as on a small picture. In between, the size painted at
    /// grows evenly (in its logarithm).
    Detail, "detail", 0.0..=1.0, default 0.0
}

setting! {
    /// How flat fills are laid: 0 leaves them as the network paints them, 1 lays them as the style says, in flat shapes, shading
    /// in steps and leaves in dabs, and draws the outlines of things. Screentone and imported models have none.
    Flat, "flat", 0.0..=1.0, default 1.0
}

setting! {
    /// How crisp borders and lines are in a painting that is not larger than it was painted: 0 leaves them as the network paints
    /// them, 1 redraws them as those of larger paintings are.
    Crisp, "crisp", 0.0..=1.0, default 1.0
}

setting! {
    /// How much the eyes of repainted faces are enlarged, and with them the jaw is slimmed: 0 keeps the photo's
    /// proportions, 1 is what a portrait painter does. A strength below 1 takes it back with the painting.
    Eyes, "eyes", 0.0..=1.5, default 1.0
}

setting! {
    /// How far faces are drawn: 0 leaves them as the network paints them, 1 lays their skin in flat tones and draws eyes,
    /// brows, nose, mouth and jaw as strokes. What cannot be drawn well (small faces, profiles, what is hidden) stays
    /// painted at any value.
    Draw, "draw", 0.0..=1.0, default 1.0
}

setting! {
    /// How much what the eye made of the frames before counts for the next one, in a [`crate::Sequence`]: 0 paints every
    /// frame for itself. With 0.8 a change of light is taken over by half in three frames.
    Smoothing, "smoothing", 0.0..=0.99, default 0.8
}

setting! {
    /// How calm a [`crate::Sequence`] is: 0 paints every frame for itself but for the mood of the whole; up to 1 what was
    /// painted stays where the source stays, and goes with it where it moves.
    Stability, "stability", 0.0..=1.0, default 0.8
}

/// What becomes of faces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Faces {
    /// They are found, painted by themselves at the size that suits strokes, and set back without a seam. In screentone
    /// their eyes are enlarged, and they are painted with the rest: dots cannot be blended.
    #[default]
    On,
    /// They are painted as everything else is.
    Off,
    /// They are painted by themselves, and the rest stays the photo.
    Only,
}

impl Faces {
    const ALL: [Self; 3] = [Self::On, Self::Off, Self::Only];
    /// The names of [`Faces::ALL`].
    pub(crate) const NAMES: [&str; 3] = ["on", "off", "only"];

    /// As it is read.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl std::str::FromStr for Faces {
    type Err = Error;

    /// Reads `on`, `off` or `only`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let named = Self::ALL.into_iter().find(|faces| faces.name() == text);
        named.ok_or_else(|| Error::new(ErrorKind::Setting, "faces are on, off or only"))
    }
}

/// The guided filter over the painting, with the photo as the guide (He, Sun and Tang, 2010).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guided {
    radius_px: usize,
    eps: f32,
}

impl Guided {
    pub(crate) const RADIUS_PX: RangeInclusive<usize> = 1..=128;
    pub(crate) const EPS: RangeInclusive<f64> = 1e-6..=1.0;

    /// Radius of the window in pixels of the result, 1..=128, and the variance (values in 0..1) below which a window
    /// counts as flat, 1e-6..=1.
    ///
    /// # Errors
    /// If one of them lies outside its range.
    pub fn new(radius_px: usize, eps: f32) -> Result<Self, Error> {
        let (least, most) = Self::RADIUS_PX.into_inner();
        if !(least..=most).contains(&radius_px) {
            let message = format!("guided radius is {radius_px} px, it goes from {least} to {most}");
            return Err(Error::new(ErrorKind::Setting, message));
        }
        let (least, most) = Self::EPS.into_inner();
        if !(least as f32..=most as f32).contains(&eps) {
            let message = format!("guided eps is {eps}, it goes from {least} to {most}");
            return Err(Error::new(ErrorKind::Setting, message));
        }
        Ok(Self { radius_px, eps })
    }

    /// Radius of the window, pixels of the result.
    pub fn radius_px(self) -> usize {
        self.radius_px
    }

    /// Variance below which a window counts as flat, values in 0..1.
    pub fn eps(self) -> f32 {
        self.eps
    }
}

impl Default for Guided {
    /// Radius 40 px, eps 0.001: the usual figures for smoothing a painting.
    fn default() -> Self {
        Self { radius_px: 40, eps: 1e-3 }
    }
}

/// Side of the square worked on at a time. The painting does not depend on it; memory and the time between two looks
/// at the progress function do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile(usize);

impl Tile {
    pub(crate) const SIDE_PX: RangeInclusive<usize> = 128..=8192;

    /// From a side in pixels, 128..=8192, rounded down to a multiple of 16.
    ///
    /// # Errors
    /// If the side lies outside its range.
    pub fn new(side_px: usize) -> Result<Self, Error> {
        let (least, most) = Self::SIDE_PX.into_inner();
        if !(least..=most).contains(&side_px) {
            let message = format!("tile is {side_px} px, it goes from {least} to {most}");
            return Err(Error::new(ErrorKind::Setting, message));
        }
        Ok(Self(side_px / net::light::GRAIN_PX * net::light::GRAIN_PX))
    }

    /// Side, pixels.
    pub fn side_px(self) -> usize {
        self.0
    }
}

impl Default for Tile {
    fn default() -> Self {
        Self(1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_name_their_range() {
        assert_eq!(Strength::new(1.6).map_err(|e| e.to_string()), Err("strength is 1.6, it goes from 0 to 1.5".into()));
        assert!(Saturation::new(f32::NAN).is_err());
        assert!(Line::new(-0.1).is_err() && Detail::new(1.01).is_err());
        assert!(Guided::new(0, 0.001).is_err() && Guided::new(40, 0.0).is_err());
        assert_eq!(Tile::new(1000).map(Tile::side_px), Ok(992));
    }
}
