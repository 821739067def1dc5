//! The last step of an avatar: what is behind the person, and a circle around them.

use super::{Backdrop, Face, Person};
use crate::{Error, Studio};
use pixels::Image;
use pixels::space::{Alpha8, Srgb8};

/// What is done with a painted square around a face.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// What is behind the person.
    pub backdrop: Backdrop,
    /// A circle that touches the sides: outside of it is nothing.
    pub is_round: bool,
}

/// What [`Frame::put_around`] came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Framed {
    /// The opacity of the painting; `None` is opaque.
    pub alpha: Option<Image<Alpha8>>,
    /// Another background was asked for, and nobody was found who stands before it: it was kept.
    pub is_background_kept: bool,
}

impl Frame {
    /// Why a format without opacity cannot hold it, in half a sentence; `None` if it can.
    pub fn needs_opacity(self) -> Option<&'static str> {
        match self {
            Self { is_round: true, .. } => Some("outside of a circle is nothing"),
            Self { backdrop: Backdrop::Nothing, .. } => Some("around a person that is cut out is nothing"),
            _ => None,
        }
    }

    /// Changes a painting of `photo`, which is as large, and gives its opacity; `alpha` is that of the photo, `faces` are those
    /// in it, the main one first.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Model`] if a background is asked for and the studio has no model of people.
    ///
    /// # Panics
    /// If photo and painting differ in size.
    pub fn put_around(
        self,
        studio: &Studio,
        photo: &Image<Srgb8>,
        faces: &[Face],
        painting: &mut Image<Srgb8>,
        alpha: Option<Image<Alpha8>>,
    ) -> Result<Framed, Error> {
        let person = match faces.first() {
            Some(face) if self.backdrop != Backdrop::Keep => studio.person(photo, face)?,
            _ => None,
        };
        Ok(self.put_around_person(person.as_ref(), photo, painting, alpha))
    }

    fn put_around_person(
        self,
        person: Option<&Person>,
        photo: &Image<Srgb8>,
        painting: &mut Image<Srgb8>,
        mut alpha: Option<Image<Alpha8>>,
    ) -> Framed {
        if let Some(cut) = person.and_then(|person| self.backdrop.behind(person, photo, painting)) {
            alpha = Some(both(&cut, alpha.as_ref()));
        }
        if self.is_round {
            alpha = Some(both(&disc(painting.width(), painting.height()), alpha.as_ref()));
        }
        Framed { alpha, is_background_kept: self.backdrop != Backdrop::Keep && person.is_none() }
    }
}

/// As opaque as both are.
fn both(alpha: &Image<Alpha8>, other: Option<&Image<Alpha8>>) -> Image<Alpha8> {
    let product = |x: usize, y: usize| {
        let other = other.map_or(255.0, |other| f32::from(other.at(x, y)));
        (f32::from(alpha.at(x, y)) * other / 255.0).round() as u8
    };
    Image::from_fn(alpha.width(), alpha.height(), product)
}

/// The circle in the middle that touches the nearer sides; half a pixel soft at its border.
fn disc(width: usize, height: usize) -> Image<Alpha8> {
    let [middle_x, middle_y] = [width, height].map(|side| side as f32 / 2.0);
    Image::from_fn(width, height, |x, y| {
        let away = (x as f32 + 0.5 - middle_x).hypot(y as f32 + 0.5 - middle_y);
        (255.0 * (middle_x.min(middle_y) - away + 0.5).clamp(0.0, 1.0)).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::super::person::tests::person;
    use super::*;

    #[test]
    fn a_circle_reaches_the_sides_and_leaves_the_corners() {
        let disc = disc(40, 40);
        assert_eq!((disc.at(20, 20), disc.at(20, 1), disc.at(0, 0), disc.at(39, 39)), (255, 255, 0, 0));
        let covered = disc.pixels().iter().map(|&v| f32::from(v) / 255.0).sum::<f32>();
        assert!((covered - std::f32::consts::PI * 400.0).abs() < 4.0, "{covered}");
        let half = both(&disc, Some(&Image::filled(40, 40, 128)));
        assert_eq!((half.at(20, 20), half.at(0, 0)), (128, 0));
    }

    #[test]
    fn a_background_is_kept_where_nobody_is_and_said_to_be() {
        let photo = Image::filled(60, 60, [90, 120, 60]);
        let who = person(60, |[x, y]| (x - 30.0).hypot(y - 30.0) < 15.0);
        let framed = |frame: Frame, person: Option<&Person>| {
            let mut painting = photo.clone();
            let framed = frame.put_around_person(person, &photo, &mut painting, None);
            (
                painting.at(1, 30),
                framed.alpha.map(|alpha| (alpha.at(0, 0), alpha.at(30, 30))),
                framed.is_background_kept,
            )
        };
        let pink = Frame { backdrop: Backdrop::Colour([255, 217, 230]), is_round: false };
        assert_eq!(framed(pink, Some(&who)), ([255, 217, 230], None, false));
        assert_eq!(framed(pink, None), ([90, 120, 60], None, true));
        assert_eq!(framed(Frame::default(), None), ([90, 120, 60], None, false));
        let round = Frame { is_round: true, ..pink };
        assert_eq!(framed(round, Some(&who)), ([255, 217, 230], Some((0, 255)), false));
        let cut = Frame { backdrop: Backdrop::Nothing, is_round: false };
        assert_eq!(framed(cut, Some(&who)), ([90, 120, 60], Some((0, 255)), false));
        assert!(cut.needs_opacity().is_some() && round.needs_opacity().is_some() && pink.needs_opacity().is_none());
    }
}
