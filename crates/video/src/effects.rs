//! What becomes of a video over time beside being painted: transitions from the real picture and back, and the photo beside
//! its painting.

use crate::error::{Error, ErrorKind};
use pixels::Image;
use pixels::space::Srgb8;

/// Where a video melts from the real picture into the painting, and back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    at: Ends,
    length_s: f64,
}

/// Which ends of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Its beginning: from the real picture.
    In,
    /// Its end: back to the real picture.
    Out,
    /// Both.
    Both,
}

impl Ends {
    /// The names.
    pub const NAMES: [&str; 3] = ["in", "out", "both"];
}

impl std::str::FromStr for Ends {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let at = Self::NAMES.iter().position(|name| *name == text);
        let refused = || Error::new(ErrorKind::Setting, "a transition is in, out or both");
        at.map(|at| [Self::In, Self::Out, Self::Both][at]).ok_or_else(refused)
    }
}

impl Transition {
    /// The longest, s.
    const LONGEST_S: f64 = 600.0;

    /// Over `length_s` seconds, above 0 and up to 600.
    ///
    /// # Errors
    /// [`ErrorKind::Setting`] if it is not that long.
    pub fn new(at: Ends, length_s: f64) -> Result<Self, Error> {
        if length_s > 0.0 && length_s <= Self::LONGEST_S {
            return Ok(Self { at, length_s });
        }
        let message = format!("a transition of {length_s} s: it takes more than 0 and at most {} s", Self::LONGEST_S);
        Err(Error::new(ErrorKind::Setting, message))
    }

    /// Whether the length of the video must be known.
    pub(crate) fn needs_end(self) -> bool {
        self.at != Ends::In
    }

    /// How far it is at `at_s` seconds of a video whose last frame is shown at `last_s`: 0 is the real picture, 1 the
    /// painting.
    pub(crate) fn share(self, at_s: f64, last_s: f64) -> f32 {
        let coming = if self.at == Ends::Out { 1.0 } else { at_s / self.length_s };
        let going = if self.at == Ends::In { 1.0 } else { (last_s - at_s) / self.length_s };
        coming.min(going).clamp(0.0, 1.0) as f32
    }
}

/// The divider goes from side to side and back in so many seconds.
const SWEEP_S: f64 = 8.0;
/// How far it goes, in shares of the width.
const SWEEP: std::ops::Range<f64> = 0.15..0.85;

/// The photo on the left of a divider and its painting on the right of it.
pub(crate) fn divided(photo: &Image<Srgb8>, painting: &Image<Srgb8>, at_s: f64) -> Image<Srgb8> {
    let width = painting.width();
    let phase = 0.5 - 0.5 * (std::f64::consts::TAU * (at_s / SWEEP_S + 0.25)).cos();
    let divider = (width as f64 * (SWEEP.start + (SWEEP.end - SWEEP.start) * phase)).round() as usize;
    let half = (width / 640).max(1);
    let mut both = painting.clone();
    for (to, from) in both.pixels_mut().chunks_exact_mut(width).zip(photo.pixels().chunks_exact(width)) {
        to[..divider].copy_from_slice(&from[..divider]);
        to[divider.saturating_sub(half)..(divider + half).min(width)].fill([255; 3]);
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transition_begins_and_ends_with_the_real_picture() {
        let both = Transition::new(Ends::Both, 2.0).unwrap();
        let shares = [0.0, 1.0, 2.0, 5.0, 9.0, 10.0].map(|at_s| both.share(at_s, 10.0));
        assert_eq!(shares, [0.0, 0.5, 1.0, 1.0, 0.5, 0.0]);
        assert_eq!(Transition::new(Ends::In, 2.0).unwrap().share(10.0, 10.0), 1.0);
        assert_eq!(Transition::new(Ends::Out, 2.0).unwrap().share(0.0, 10.0), 1.0);
        assert!([0.0, -1.0, f64::NAN, 601.0].iter().all(|length_s| Transition::new(Ends::In, *length_s).is_err()));
        assert!("up".parse::<Ends>().is_err());
    }

    #[test]
    fn the_divider_moves_between_photo_and_painting() {
        let (photo, painting) = (Image::filled(100, 2, [10; 3]), Image::filled(100, 2, [200; 3]));
        let divider = |at_s: f64| {
            let both = divided(&photo, &painting, at_s);
            let row: Vec<u8> = both.row(1).iter().map(|pixel| pixel[0]).collect();
            let at = row.iter().position(|level| *level == 255).unwrap();
            assert!(row[..at].iter().all(|level| *level == 10) && row[at + 2..].iter().all(|level| *level == 200));
            at
        };
        assert_eq!([0.0, 2.0, 4.0, 6.0, 8.0].map(divider), [49, 84, 49, 14, 49]);
    }
}
