//! Dense landmarks: where lids, irises, brows, nose, lips and the outline of a face are, by two small networks
//! ([`net::landmarks`]).

use std::borrow::Cow;

use engine::{Map, Network};
use net::Model;
pub use net::landmarks::Part;
use net::landmarks::{self, EYE_POINTS, EYE_PX, FACE_PX, POINTS};
use pixels::Image;
use pixels::space::Srgb8;
use pixels::warp::{Point, distance};

use super::Face;
use super::align::Pose;
use super::pyramid::{Pyramid, Square};
use crate::error::{Error, ErrorKind};
use crate::generator::unfit;

/// The model that comes with the library: file name and bytes.
#[cfg(feature = "bundled-models")]
pub const EMBEDDED: (&str, &[u8]) = models::LANDMARKS;

/// Side of the square of a face, in the unit of its pose, and how far its middle is below the eyes.
const FACE_SIDE: f32 = 3.5;
const FACE_BELOW: f32 = 0.35;
/// Side of the square of an eye, in the unit of the pose, and how far its middle is above that of the lids: the brow is
/// in it.
const EYE_SIDE: f32 = 1.1;
const EYE_ABOVE: f32 = 0.12;
/// Dense landmarks expected to be less far off than this, in distances of the eyes, are surer than the detector's five, which
/// are off by that much on the mean.
const SURER: f32 = 0.06;
/// How often the network looks at the face: each time upright by what it saw the time before.
const LOOKS: usize = 2;

/// Places of a face, px of its picture, and how sure they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Landmarks {
    points: Vec<Point>,
    spread: [f32; Part::ALL.len()],
}

impl Landmarks {
    /// From the points of all parts in the order of [`Part::ALL`], and for each part how far off they are expected to
    /// be, in distances of the eyes.
    ///
    /// # Panics
    /// If these are not [`POINTS`] points.
    pub fn new(points: Vec<Point>, spread: [f32; Part::ALL.len()]) -> Self {
        assert_eq!(points.len(), POINTS, "a face has {POINTS} landmarks");
        Self { points, spread }
    }

    /// The points of a part, see [`Part`].
    pub fn part(&self, part: Part) -> &[Point] {
        &self.points[part.start()..][..part.points()]
    }

    /// How far a part's points are expected to be off, in distances of the eyes: under 0.03 for a face that is seen well,
    /// over 0.1 where a hand, hair or the turn of the head hides the part.
    pub fn spread(&self, part: Part) -> f32 {
        self.spread[part.index()]
    }

    /// All points, in the order of [`Part::ALL`].
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// How far an eye is open: the distance of the lids in its middle, in widths of the eye. About 0.3 is usual, under
    /// 0.12 it is shut.
    ///
    /// # Panics
    /// If the part is no eye.
    pub fn openness(&self, eye: Part) -> f32 {
        let lids = self.part(eye);
        assert_eq!(lids.len(), 16, "{eye:?} does not open");
        let apart = [(3, 13), (4, 12), (5, 11)].map(|(upper, lower)| distance(lids[upper], lids[lower]));
        apart.iter().sum::<f32>() / 3.0 / distance(lids[0], lids[8]).max(1e-6)
    }

    /// The face with the places of its eyes, nose and mouth from these landmarks, where they are sure enough to know better
    /// than the detector.
    pub(crate) fn aligned(&self, face: &Face) -> Face {
        let parts = [Part::LeftEye, Part::RightEye, Part::Nose, Part::Lips];
        let is_sure = parts.into_iter().all(|part| self.spread(part) < SURER);
        Face { landmarks: if is_sure { five(&self.points) } else { face.landmarks }, ..*face }
    }

    /// The same with each point moved.
    pub(crate) fn moved(&self, to: impl FnMut(Point) -> Point) -> Self {
        Self { points: self.points.iter().copied().map(to).collect(), spread: self.spread }
    }
}

/// The five landmarks of [`Face::landmarks`] among dense ones.
pub fn five(points: &[Point]) -> [Point; 5] {
    let part = |part: Part| &points[part.start()..][..part.points()];
    let (lips, nose) = (part(Part::Lips), part(Part::Nose));
    [mean(part(Part::LeftEye)), mean(part(Part::RightEye)), nose[5], lips[0], lips[10]]
}

/// The square in which the network sees the face of these five landmarks upright; `None` if they are not a face's.
pub fn face_square(landmarks: [Point; 5]) -> Option<Square> {
    let pose = Pose::of(&Face { bounds: [0.0; 4], landmarks, score: 1.0 })?;
    let [from, to] = [[0.0, 0.0], [1.0, 0.0]].map(|p| pose.to_photo.apply(p));
    let roll = (to[1] - from[1]).atan2(to[0] - from[0]);
    Some(Square { centre: pose.to_photo.apply([0.0, FACE_BELOW]), side: FACE_SIDE * pose.unit_px, roll })
}

/// The square in which the network sees an eye, by its lids and the square of its face.
pub fn eye_square(lids: &[Point], face: &Square) -> Square {
    let unit = face.side / FACE_SIDE;
    let around = Square { centre: mean(lids), side: EYE_SIDE * unit, roll: face.roll };
    Square { centre: around.to_picture([0.0, -EYE_ABOVE / EYE_SIDE]), ..around }
}

fn mean(points: &[Point]) -> Point {
    let sum = points.iter().fold([0.0, 0.0], |sum, p| [sum[0] + p[0], sum[1] + p[1]]);
    sum.map(|v| v / points.len() as f32)
}

/// Finds the landmarks of faces. It may be shared between threads.
pub struct Landmarker {
    face: Network,
    eye: Network,
}

impl Landmarker {
    /// With the model that comes with the library.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if it is broken, which would be a bug.
    #[cfg(feature = "bundled-models")]
    pub fn embedded() -> Result<Self, Error> {
        Self::new(EMBEDDED.1)
    }

    /// With a model of your own: the bytes of its file.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the file is broken, or is no model of landmarks.
    pub fn new(model: &[u8]) -> Result<Self, Error> {
        let model = Model::read(model).map_err(unfit)?;
        if model.architecture != landmarks::NAME {
            let message =
                format!("the model is a {}, landmarks are found with {}", model.architecture, landmarks::NAME);
            return Err(Error::new(ErrorKind::Model, message));
        }
        let network = |arch| Network::new(&arch, &model.weights).map_err(unfit);
        Ok(Self { face: network(landmarks::face())?, eye: network(landmarks::eye())? })
    }

    /// The landmarks of one of a picture's faces; `None` if its five landmarks are not those of a face.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the networks do not fit, which would be a bug.
    pub fn find(&self, photo: &Image<Srgb8>, face: &Face) -> Result<Option<Landmarks>, Error> {
        let Some(first) = face_square(face.landmarks) else { return Ok(None) };
        let near = Near::new(photo, &first);
        let (mut square, mut found) = (first, None);
        for _ in 0..LOOKS {
            let landmarks = self.whole(&near, &square)?;
            // Where the network loses the face, what it said before counts.
            let Some(next) = face_square(five(&landmarks.points)).filter(|next| alike(next, &first)) else { break };
            (square, found) = (next, Some(landmarks));
        }
        let Some(mut landmarks) = found else { return Ok(None) };
        for eye in [Part::LeftEye, Part::RightEye] {
            self.closer(&near, &square, eye, &mut landmarks)?;
        }
        Ok(Some(landmarks))
    }

    /// All parts, as the network sees them in the square of a face.
    fn whole(&self, near: &Near, square: &Square) -> Result<Landmarks, Error> {
        let seen = self.face.run(&[&near.crop(square, FACE_PX, false)]).map_err(unfit)?;
        let points = seen[0].data.as_chunks::<2>().0.iter().map(|&p| square.to_picture(p)).collect();
        let spread = std::array::from_fn(|i| seen[1].data[i].exp() * FACE_SIDE);
        Ok(Landmarks::new(points, spread))
    }

    /// Lids, iris and brow of an eye, seen from nearer by.
    fn closer(&self, near: &Near, face: &Square, eye: Part, landmarks: &mut Landmarks) -> Result<(), Error> {
        let square = eye_square(landmarks.part(eye), face);
        let mirrored = eye == Part::RightEye;
        let seen = self.eye.run(&[&near.crop(&square, EYE_PX, mirrored)]).map_err(unfit)?;
        let places: Vec<Point> = seen[0].data.as_chunks::<2>().0.to_vec();
        debug_assert_eq!(places.len(), EYE_POINTS);
        let mut first = 0;
        for (i, part) in Part::OF_EYE.into_iter().enumerate() {
            let of_part = &places[first..first + part.points()];
            first += part.points();
            let (to, order): (Part, fn(usize) -> usize) = if mirrored { part.mirrored() } else { (part, |i| i) };
            for (i, &[x, y]) in of_part.iter().enumerate() {
                let place = square.to_picture([if mirrored { -x } else { x }, y]);
                landmarks.points[to.start() + order(i)] = place;
            }
            let spread = &mut landmarks.spread[to.index()];
            *spread = spread.max(seen[1].data[i].exp() * EYE_SIDE);
        }
        Ok(())
    }
}

/// Whether two squares can be of one face.
fn alike(a: &Square, b: &Square) -> bool {
    distance(a.centre, b.centre) < 0.25 * b.side && (0.6..1.6).contains(&(a.side / b.side))
}

/// What is near a face, in several sizes.
pub(super) struct Near {
    pyramid: Pyramid<'static>,
    /// Its left upper corner in the picture, px.
    corner: Point,
}

impl Near {
    pub(super) fn new(photo: &Image<Srgb8>, square: &Square) -> Self {
        let reach = 1.1 * square.side;
        let span = |middle: f32, length: usize| {
            let low = (middle - reach).floor().clamp(0.0, length as f32 - 1.0);
            let high = (middle + reach).ceil().clamp(low + 1.0, length as f32);
            (low as usize, (high - low) as usize)
        };
        let ((x, width), (y, height)) = (span(square.centre[0], photo.width()), span(square.centre[1], photo.height()));
        let pyramid = Pyramid::new(Cow::Owned(photo.crop(x, y, width, height)), 16);
        Self { pyramid, corner: [x as f32, y as f32] }
    }

    pub(super) fn crop(&self, square: &Square, side_px: usize, mirrored: bool) -> Map {
        let centre = [0, 1].map(|axis| square.centre[axis] - self.corner[axis]);
        let mut data = vec![0.0; side_px * side_px * 3];
        self.pyramid.sample(&Square { centre, ..*square }, side_px, &mut data, 3 * side_px);
        if mirrored {
            data.chunks_exact_mut(3 * side_px).for_each(|row| row.as_chunks_mut::<3>().0.reverse());
        }
        Map::new(side_px, side_px, 3, data)
    }
}

#[cfg(test)]
mod tests {
    use super::super::align::tests::face;
    use super::*;

    #[test]
    fn sure_landmarks_align_a_face_and_unsure_ones_do_not() {
        let found = face([300.0, 200.0], 50.0, 0.0);
        let points: Vec<Point> = (0..POINTS).map(|i| [i as f32, 2.0 * i as f32]).collect();
        let by = |spread: f32| Landmarks::new(points.clone(), [spread; Part::ALL.len()]).aligned(&found);
        assert_eq!(by(0.03), Face { landmarks: five(&points), ..found });
        assert_eq!(by(0.09), found);
    }

    #[test]
    fn squares_stand_where_the_face_does() {
        for angle in [0.0, 0.7, -2.0] {
            let face = face([300.0, 200.0], 50.0, angle);
            let square = face_square(face.landmarks).unwrap();
            assert!((square.side - 175.0).abs() < 0.1);
            // The middle of the eyes is above the middle of the square.
            let [x, y] = square.from_picture([300.0, 200.0]);
            assert!(x.abs() < 1e-4 && (y + FACE_BELOW / FACE_SIDE).abs() < 1e-4, "{angle}: {x} {y}");
            let lids = vec![face.landmarks[0]; 16];
            let [x, y] = eye_square(&lids, &square).from_picture(face.landmarks[0]);
            assert!(x.abs() < 1e-4 && (y - EYE_ABOVE / EYE_SIDE).abs() < 1e-4, "{angle}: {x} {y}");
        }
        assert!(face_square([[5.0, 5.0]; 5]).is_none());
    }
}
