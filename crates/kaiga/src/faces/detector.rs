//! Finds faces: a cascade of three networks ([`net::mtcnn`]) over an image pyramid. The first looks everywhere and is
//! cheap, each later one looks closer at the little that the one before left.

use std::borrow::Cow;

use engine::{Map, Network};
use net::mtcnn::{self, OUTPUT_PX, PROPOSE_PX, PROPOSE_STEP_PX, REFINE_PX};
use net::{Arch, Model};
use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;
use rayon::prelude::*;

use super::Face;
use super::nms::{Overlap, suppress};
use super::pyramid::{Pyramid, Square, face_sizes};
use crate::error::{Error, ErrorKind};
use crate::generator::unfit;
use crate::progress::{Steps, unwatched};

/// The model that comes with the library: file name and bytes.
#[cfg(feature = "bundled-models")]
pub const EMBEDDED: (&str, &[u8]) = models::FACES;

/// Side of the smallest face that is looked for, px.
pub const SMALLEST_PX: f32 = 24.0;
/// In large pictures the smallest face that is looked for has this share of the longer side: a smaller one is not what
/// the picture is about, and looking for it everywhere would cost more than painting.
pub const SMALLEST_SHARE: f32 = 1.0 / 40.0;
/// Larger pictures are shrunk so that the smallest face still fills the crops of the last network.
const WORKING_PX: f32 = OUTPUT_PX as f32 / SMALLEST_SHARE;
/// Least scores after each network, 0..1.
const LEAST: [f32; 3] = [0.5, 0.5, 0.6];
/// Looks of the last network at a face that it found, the mean of which are the landmarks: side of the crop in sides of
/// the box, and whether mirrored.
const LOOKS: [(f32, bool); 4] = [(1.0, false), (1.0, true), (1.12, false), (1.12, true)];
/// Least of all scores the last network gives a face, 0..1.
const SURE: f32 = 0.75;
/// Most crops of a picture that go to the second and to the third network, the surest ones.
const MOST: [usize; 2] = [400, 120];
/// Crops side by side in a strip: wide enough for the engine's vectors, small enough to share out.
const STRIP: usize = 16;

/// The networks in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CascadeNet {
    /// The first: everywhere.
    Propose,
    /// The second: sorts out.
    Refine,
    /// The third: landmarks.
    Output,
}

/// Finds faces. It may be shared between threads.
pub struct Detector {
    propose: Network,
    refine: Network,
    output: Network,
}

impl Detector {
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
    /// [`ErrorKind::Model`] if the file is broken, or is no detector of faces.
    pub fn new(model: &[u8]) -> Result<Self, Error> {
        let model = Model::read(model).map_err(unfit)?;
        if model.architecture != mtcnn::NAME {
            let message = format!("the model is a {}, faces are found with {}", model.architecture, mtcnn::NAME);
            return Err(Error::new(ErrorKind::Model, message));
        }
        let network = |arch: Arch| Network::new(&arch, &model.weights).map_err(unfit);
        Ok(Self {
            propose: network(mtcnn::propose())?,
            refine: network(mtcnn::refine())?,
            output: network(mtcnn::output())?,
        })
    }

    /// The faces of a picture, the largest first: from [`SMALLEST_PX`], or [`SMALLEST_SHARE`] of the longer side if
    /// that is more, up to the whole frame. The same picture gives the same faces, whatever the number of threads.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] if the networks do not fit the picture, which would be a bug.
    pub fn detect(&self, photo: &Image<Srgb8>) -> Result<Vec<Face>, Error> {
        self.find(photo, &Steps::start(&unwatched, 1)?)
    }

    /// The same, asking again and again whether to go on.
    pub(crate) fn find(&self, photo: &Image<Srgb8>, steps: &Steps) -> Result<Vec<Face>, Error> {
        let mut faces = self.cascade(photo, CascadeNet::Output, steps)?;
        let area = |face: &Face| face.bounds[2] * face.bounds[3];
        // They come surest first; equal areas keep that order.
        faces.sort_by(|a, b| area(b).total_cmp(&area(a)));
        Ok(faces)
    }

    /// What is left after the network `last`, surest first: for training those that follow. Before the third network
    /// landmarks are missing (all zero).
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub fn until(&self, photo: &Image<Srgb8>, last: CascadeNet) -> Result<Vec<Face>, Error> {
        self.cascade(photo, last, &Steps::start(&unwatched, 1)?)
    }

    fn cascade(&self, photo: &Image<Srgb8>, last: CascadeNet, steps: &Steps) -> Result<Vec<Face>, Error> {
        let longer = photo.width().max(photo.height());
        let shrink = (WORKING_PX / longer.max(1) as f32).min(1.0);
        let side = |px: usize| ((px as f32 * shrink).round() as usize).max(1);
        let working = if shrink < 1.0 {
            Cow::Owned(resize::to(photo, side(photo.width()), side(photo.height()), Filter::Bilinear))
        } else {
            Cow::Borrowed(photo)
        };
        let [across, down] = [
            photo.width() as f32 / working.width().max(1) as f32,
            photo.height() as f32 / working.height().max(1) as f32,
        ];
        let smallest_px = SMALLEST_PX.max(SMALLEST_SHARE * working.width().max(working.height()) as f32);
        let pyramid = Pyramid::new(working, PROPOSE_PX);
        let mut faces = self.proposed(&pyramid, smallest_px, steps)?;
        if last >= CascadeNet::Refine {
            faces.truncate(MOST[0]);
            faces = self.refined(&pyramid, &faces, steps)?;
        }
        if last >= CascadeNet::Output {
            faces.truncate(MOST[1]);
            faces = self.finished(&pyramid, &faces, steps)?;
        }
        for face in &mut faces {
            let [x, y, width, height] = face.bounds;
            face.bounds = [x * across, y * down, width * across, height * down];
            face.landmarks = face.landmarks.map(|[x, y]| [x * across, y * down]);
        }
        Ok(faces)
    }

    /// Looks everywhere at faces of every size.
    fn proposed(&self, pyramid: &Pyramid, smallest_px: f32, steps: &Steps) -> Result<Vec<Face>, Error> {
        let (width, height) = (pyramid.picture().width(), pyramid.picture().height());
        let sizes = face_sizes(width, height, smallest_px);
        let of_size = |size: &f32| -> Result<Vec<Face>, Error> {
            steps.ask()?;
            let scale = PROPOSE_PX as f32 / size;
            let side = |px: usize| ((px as f32 * scale / 2.0).round() as usize * 2).max(PROPOSE_PX);
            let (small_width, small_height) = (side(width), side(height));
            let small = pyramid.shrunk(small_width, small_height);
            let data = small.pixels().as_flattened().iter().map(|&v| f32::from(v) / 127.5 - 1.0).collect();
            let picture = Map::new(small_height, small_width, 3, data);
            let maps = self.propose.run(&[&picture]).map_err(unfit)?;
            let [scores, boxes] = maps.as_slice() else { return Err(no_output()) };
            let [across, down] = [width as f32 / small_width as f32, height as f32 / small_height as f32];
            let mut found = Vec::new();
            for y in 0..scores.height {
                for x in 0..scores.width {
                    let score = sigmoid(scores.at(y, x, 0));
                    if score < LEAST[0] {
                        continue;
                    }
                    let edge = |i: usize| boxes.at(y, x, i) * PROPOSE_PX as f32;
                    let (left, top) = ((x * PROPOSE_STEP_PX) as f32, (y * PROPOSE_STEP_PX) as f32);
                    let (right, bottom) = (left + PROPOSE_PX as f32 + edge(2), top + PROPOSE_PX as f32 + edge(3));
                    let (left, top) = (left + edge(0), top + edge(1));
                    let (width, height) = ((right - left).max(1.0), (bottom - top).max(1.0));
                    let bounds = [left * across, top * down, width * across, height * down];
                    found.push(Face { bounds, landmarks: [[0.0; 2]; 5], score });
                }
            }
            Ok(suppress(found, 0.5, Overlap::Union, key))
        };
        let levels: Vec<Vec<Face>> = sizes.par_iter().map(of_size).collect::<Result<_, _>>()?;
        Ok(suppress(levels.concat(), 0.7, Overlap::Union, key))
    }

    fn refined(&self, pyramid: &Pyramid, faces: &[Face], steps: &Steps) -> Result<Vec<Face>, Error> {
        let squares: Vec<Square> = faces.iter().map(|face| Square::around(face.bounds)).collect();
        let seen = look(&self.refine, pyramid, &squares, REFINE_PX, false, steps)?;
        let sure = seen.into_iter().filter(|face| face.score >= LEAST[1]).collect();
        Ok(suppress(sure, 0.6, Overlap::Union, key))
    }

    fn finished(&self, pyramid: &Pyramid, faces: &[Face], steps: &Steps) -> Result<Vec<Face>, Error> {
        let squares: Vec<Square> = faces.iter().map(|face| Square::around(face.bounds)).collect();
        let seen = look(&self.output, pyramid, &squares, OUTPUT_PX, false, steps)?;
        let sure = seen.into_iter().filter(|face| face.score >= LEAST[2]).collect();
        let found = suppress(sure, 0.4, Overlap::Union, key);
        let found = suppress(found, 0.6, Overlap::Smaller, key);
        // More looks at the face, in the middle and upright: they place landmarks better, and a mistake has to convince
        // the network each time.
        let mut faces: Vec<Face> = found.iter().map(|face| Face { landmarks: [[0.0; 2]; 5], ..*face }).collect();
        for (size, mirrored) in LOOKS {
            let closer = |face: &Face| {
                let around = Square::around(face.bounds);
                Square { roll: roll(face), side: size * around.side, ..around }
            };
            let squares: Vec<Square> = found.iter().map(closer).collect();
            let seen = look(&self.output, pyramid, &squares, OUTPUT_PX, mirrored, steps)?;
            for (face, seen) in faces.iter_mut().zip(seen) {
                face.score = face.score.min(seen.score);
                for (to, from) in face.landmarks.as_flattened_mut().iter_mut().zip(seen.landmarks.as_flattened()) {
                    *to += from / LOOKS.len() as f32;
                }
            }
        }
        faces.retain(|face| face.score >= SURE);
        faces.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(faces)
    }
}

/// Shows squares to the second or third network, maybe mirrored; gives what it makes of each, in order.
fn look(
    network: &Network,
    pyramid: &Pyramid,
    squares: &[Square],
    side_px: usize,
    mirrored: bool,
    steps: &Steps,
) -> Result<Vec<Face>, Error> {
    let strip = |squares: &[Square]| -> Result<Vec<Face>, Error> {
        steps.ask()?;
        let width = side_px * squares.len();
        let mut crops = vec![0.0; side_px * width * 3];
        for (i, square) in squares.iter().enumerate() {
            let crop = &mut crops[3 * side_px * i..];
            pyramid.sample(square, side_px, crop, 3 * width);
            if mirrored {
                crop.chunks_mut(3 * width).for_each(|row| row[..3 * side_px].as_chunks_mut::<3>().0.reverse());
            }
        }
        let maps = network.run(&[&Map::new(side_px, width, 3, crops)]).map_err(unfit)?;
        let [scores, boxes, landmarks] = maps.as_slice() else { return Err(no_output()) };
        let face = |(i, square): (usize, &Square)| {
            let edge = |channel: usize| boxes.at(0, i, channel);
            let (left, top) = (edge(0) - 0.5, edge(1) - 0.5);
            let (right, bottom) = (edge(2) + 0.5, edge(3) + 0.5);
            let turn = if mirrored { -1.0 } else { 1.0 };
            let [x, y] = square.to_picture([turn * (left + right) / 2.0, (top + bottom) / 2.0]);
            let [width, height] = [right - left, bottom - top].map(|share| share.max(0.05) * square.side);
            let landmark =
                |n: usize| square.to_picture([turn * landmarks.at(0, i, 2 * n), landmarks.at(0, i, 2 * n + 1)]);
            Face {
                bounds: [x - width / 2.0, y - height / 2.0, width, height],
                landmarks: (if mirrored { [1, 0, 2, 4, 3] } else { [0, 1, 2, 3, 4] }).map(landmark),
                score: sigmoid(scores.at(0, i, 0)),
            }
        };
        Ok(squares.iter().enumerate().map(face).collect())
    };
    let strips: Vec<Vec<Face>> = squares.par_chunks(STRIP).map(strip).collect::<Result<_, _>>()?;
    Ok(strips.concat())
}

fn key(face: &Face) -> (f32, [f32; 4]) {
    (face.score, face.bounds)
}

/// The angle of the line through the eyes, radians clockwise.
fn roll(face: &Face) -> f32 {
    let [left, right, ..] = face.landmarks;
    (right[1] - left[1]).atan2(right[0] - left[0])
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

fn no_output() -> Error {
    Error::new(ErrorKind::Model, "the network lacks an output")
}

#[cfg(all(test, feature = "bundled-models"))]
mod tests {
    use super::*;

    /// Strips rest on this.
    #[test]
    fn a_crop_is_seen_the_same_whatever_stands_beside_it() {
        let picture = Image::<Srgb8>::from_fn(300, 200, |x, y| [(x * 7 + y) as u8, (x ^ y) as u8, (y * 3) as u8]);
        let pyramid = Pyramid::new(Cow::Borrowed(&picture), PROPOSE_PX);
        let detector = Detector::embedded().unwrap();
        let steps = Steps::start(&unwatched, 1).unwrap();
        let square = |i: usize| Square { centre: [30.0 * i as f32, 80.0], side: 20.0 + 9.0 * i as f32, roll: 0.1 };
        let squares: Vec<Square> = (0..STRIP + 3).map(square).collect();
        for (network, side_px) in [(&detector.refine, REFINE_PX), (&detector.output, OUTPUT_PX)] {
            let together = look(network, &pyramid, &squares, side_px, false, &steps).unwrap();
            for (square, together) in squares.iter().zip(together) {
                assert_eq!(look(network, &pyramid, &[*square], side_px, false, &steps).unwrap(), [together]);
            }
        }
    }

    #[test]
    fn other_models_are_refused() {
        let refused = Detector::new(crate::EMBEDDED[0].1).err().map(|error| (error.kind(), error.to_string()));
        let (kind, message) = refused.expect("a generator finds no faces");
        assert_eq!(kind, ErrorKind::Model);
        assert!(message.contains(net::light::NAME) && message.contains("faces-1"), "{message}");
    }
}
