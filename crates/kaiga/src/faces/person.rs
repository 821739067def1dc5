//! Which pixels around a face are of its person, by a small network ([`net::person`]).

use super::Face;
use super::align::Pose;
use super::landmarks::Near;
use super::pyramid::Square;
use crate::error::{Error, ErrorKind};
use crate::generator::unfit;
use engine::Network;
use net::Model;
use net::person::{self, SIDE_PX};
use pixels::Image;
use pixels::guided::guided;
use pixels::resize::{self, Filter};
use pixels::space::{Gray, Srgb, Srgb8, srgb_from_srgb8};
use pixels::warp::{self, Point, smooth_step};
use std::f32::consts::FRAC_PI_2;

/// The model that comes with the library: file name and bytes.
#[cfg(feature = "bundled-models")]
pub const EMBEDDED: (&str, &[u8]) = models::PERSON;

/// Side of the square around a face, in the unit of its pose, and how far its middle is below the eyes: hair and
/// shoulders are in it.
const SIDE: f32 = 8.5;
const BELOW: f32 = 0.9;
/// Longest side at which the border follows the picture, px.
const REFINED_PX: usize = 768;
/// Radius of the guided filter that does, in sides of the network's pixels, and its eps.
const RADIUS: f32 = 3.0;
const EPS: f32 = 1e-4;

/// The square in which the network sees the person with this face, turned by quarters only; `None` if its landmarks are
/// not those of a face.
pub fn person_square(face: &Face) -> Option<Square> {
    let pose = Pose::of(face)?;
    let [from, to] = [[0.0, 0.0], [1.0, 0.0]].map(|p| pose.to_photo.apply(p));
    let roll = ((to[1] - from[1]).atan2(to[0] - from[0]) / FRAC_PI_2).round() * FRAC_PI_2;
    let around = Square { centre: from, side: SIDE * pose.unit_px, roll };
    Some(Square { centre: around.to_picture([0.0, BELOW / SIDE]), ..around })
}

/// Tells people from what is behind them. It may be shared between threads.
pub struct Segmenter {
    network: Network,
}

/// A person in a picture.
#[derive(Clone, Debug)]
pub struct Person {
    /// What the network saw.
    square: Square,
    /// How much of each of its pixels is the person, 0..1.
    mask: Image<Gray>,
}

impl Segmenter {
    /// With the model that comes with the library.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if it is broken, which would be a bug.
    #[cfg(feature = "bundled-models")]
    pub fn embedded() -> Result<Self, Error> {
        Self::new(EMBEDDED.1)
    }

    /// With a model: the bytes of its file.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the file is broken, or is no model of people.
    pub fn new(model: &[u8]) -> Result<Self, Error> {
        let model = Model::read(model).map_err(unfit)?;
        if model.architecture != person::NAME {
            let message = format!("the model is a {}, people are found with {}", model.architecture, person::NAME);
            return Err(Error::new(ErrorKind::Model, message));
        }
        Ok(Self { network: Network::new(&person::person(), &model.weights).map_err(unfit)? })
    }

    /// The person with this face of a picture; `None` if its landmarks are not those of a face.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the network does not fit, which would be a bug.
    pub fn find(&self, picture: &Image<Srgb8>, face: &Face) -> Result<Option<Person>, Error> {
        let Some(square) = person_square(face) else { return Ok(None) };
        let crop = Near::new(picture, &square).crop(&square, SIDE_PX, false);
        let logits = self.network.run(&[&crop]).map_err(unfit)?;
        let mask = logits[0].data.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect();
        Ok(Some(Person { square, mask: Image::new(SIDE_PX, SIDE_PX, mask) }))
    }
}

impl Person {
    /// How much of the picture at `place`, px, is the person, 0..1; beyond the square as at its border.
    pub(crate) fn at(&self, place: Point) -> f32 {
        let [x, y] = self.square.from_picture(place).map(|v| (v + 0.5) * SIDE_PX as f32);
        warp::at(&self.mask, [x, y], 1.0, |v| [v; 1])[0]
    }

    /// The person in all of the picture, 0..1, with a border that follows the picture's (guided filter, He et al. 2010).
    pub fn mask(&self, picture: &Image<Srgb8>) -> Image<Gray> {
        let (width, height) = (picture.width(), picture.height());
        let shrink = (REFINED_PX as f32 / width.max(height) as f32).min(1.0);
        let [w, h] = [width, height].map(|side| ((side as f32 * shrink).round() as usize).max(1));
        let guide = resize::to(picture, w, h, Filter::Area).map::<Srgb>(srgb_from_srgb8);
        let [across, down] = [width as f32 / w as f32, height as f32 / h as f32];
        let rough = Image::<Gray>::from_fn(w, h, |x, y| self.at([(x as f32 + 0.5) * across, (y as f32 + 0.5) * down]));
        let radius = (RADIUS * self.square.side / SIDE_PX as f32 / across).round().max(1.0) as usize;
        let fine = guided(&guide, &rough, radius, EPS);
        // Rather a little of the person lost than a rim of the background kept.
        let clear = |v: f32| smooth_step(0.3, 0.8, v);
        resize::to(&fine.map::<Gray>(clear), width, height, Filter::Bilinear)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::align::tests::face;
    use super::*;

    /// A person where `is_person` says so, in a square picture of `side` px that the network saw whole.
    pub(crate) fn person(side: usize, is_person: impl Fn(Point) -> bool) -> Person {
        let square = Square { centre: [side as f32 / 2.0; 2], side: side as f32, roll: 0.0 };
        let step = side as f32 / SIDE_PX as f32;
        let inside = |x: usize, y: usize| is_person([(x as f32 + 0.5) * step, (y as f32 + 0.5) * step]);
        Person { square, mask: Image::from_fn(SIDE_PX, SIDE_PX, |x, y| f32::from(u8::from(inside(x, y)))) }
    }

    #[test]
    fn the_square_stands_upright_on_photos_that_lie_on_a_side() {
        for (angle, roll) in [(0.3, 0.0), (1.4, FRAC_PI_2), (-1.6, -FRAC_PI_2)] {
            let square = person_square(&face([300.0, 200.0], 50.0, angle)).unwrap();
            assert!((square.roll - roll).abs() < 1e-4, "{angle}: {}", square.roll);
            assert!((square.side - 50.0 * SIDE).abs() < 1.0);
            let [x, y] = square.from_picture([300.0, 200.0]);
            assert!(x.abs() < 1e-3 && (y + BELOW / SIDE).abs() < 1e-3, "{x} {y}");
        }
    }

    /// The network's mask is too small or too large; the picture says where the border is.
    #[test]
    fn the_border_follows_the_picture() {
        let disc = |radius: f32| move |[x, y]: Point| (x - 160.0).hypot(y - 160.0) < radius;
        let is_person = disc(84.0);
        let picture = Image::from_fn(320, 320, |x, y| {
            if is_person([x as f32 + 0.5, y as f32 + 0.5]) { [210, 150, 120] } else { [30, 60, 90] }
        });
        for radius in [82.0, 86.0] {
            let rough = person(320, disc(radius));
            let mask = rough.mask(&picture);
            let wrong = |share: &dyn Fn(usize, usize) -> f32| {
                let off = |i: usize| {
                    let (x, y) = (i % 320, i / 320);
                    (share(x, y) - f32::from(u8::from(is_person([x as f32 + 0.5, y as f32 + 0.5])))).abs()
                };
                (0..320 * 320).map(off).sum::<f32>()
            };
            let before = wrong(&|x, y| rough.at([x as f32 + 0.5, y as f32 + 0.5]));
            let after = wrong(&|x, y| mask.at(x, y));
            assert!(after < 0.9 * before, "{radius}: {before} {after}");
        }
    }
}
