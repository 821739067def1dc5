//! Crops to learn from: faces, parts of faces, and what is none. Everything is a function of the seed and the step.

use kaiga::faces::Face;
use kaiga::faces::detector::CascadeNet;
use kaiga::faces::nms::{Overlap, iou, overlap};
use kaiga::faces::pyramid::Square;
use net::mtcnn::{BOX, LANDMARKS, OUTPUT_PX, PROPOSE_PX, REFINE_PX};

use super::augment::augment;
use super::labels::Photo;
use crate::data::mix;

/// Least IoU of a crop with the square around a face, from which on it is a face.
pub const FACE_IOU: f32 = 0.6;
/// Least IoU of a part of a face: it teaches where the face is, not whether it is one.
pub const PART_IOU: f32 = 0.4;
/// Most IoU of what is no face.
pub const NONE_IOU: f32 = 0.3;
/// Largest turn of a face, radians.
const MOST_ROLL: f32 = std::f32::consts::FRAC_PI_4;
/// Smallest crop, px of the photo.
const LEAST_PX: f32 = 14.0;

/// What a crop shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A face.
    Face,
    /// A part of one, or one with much around it.
    Part,
    /// None.
    None,
}

/// Crops and what the network should say of them; N×H×W×3 and N×…, RGB −1..1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Side of the crops, px.
    pub side: usize,
    /// What each shows.
    pub kinds: Vec<Kind>,
    /// The crops.
    pub pixels: Vec<f32>,
    /// [`BOX`] numbers each; zeros for [`Kind::None`].
    pub boxes: Vec<f32>,
    /// [`LANDMARKS`] numbers each; zeros for [`Kind::None`].
    pub landmarks: Vec<f32>,
}

/// A place in a photo that an earlier network took for a face, whether it is one or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mined {
    /// Number of the photo.
    pub photo: usize,
    /// What the next network is shown.
    pub square: Square,
    /// The face it belongs to, for [`Kind::Face`] and [`Kind::Part`].
    pub face: Option<usize>,
}

/// Where crops come from.
pub struct Source {
    /// All photos.
    pub photos: Vec<Photo>,
    /// Number of the photo and number of the face in it, of every face.
    pub faces: Vec<(usize, usize)>,
    /// Places that are no face but were taken for one: by the network before, and by the one before that.
    pub mistaken: [Vec<Mined>; 2],
    /// Places that were rightly taken for a face.
    pub taken: Vec<Mined>,
}

/// Side of the crops a network is shown, px.
pub fn side_px(stage: CascadeNet) -> usize {
    match stage {
        CascadeNet::Propose => PROPOSE_PX,
        CascadeNet::Refine => REFINE_PX,
        CascadeNet::Output => OUTPUT_PX,
    }
}

/// Whether `square` shows a face of `photo`; `None` where that is not to be said. With the face's number.
pub fn judge(photo: &Photo, square: &Square) -> Option<(Kind, Option<usize>)> {
    let half = square.side / 2.0;
    let bounds = [square.centre[0] - half, square.centre[1] - half, square.side, square.side];
    let of = |face: &Face| iou(bounds, boxed(&Square::around(face.bounds)));
    let nearest = photo.faces.iter().map(of).enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    let (face, nearest) = nearest.map_or((None, 0.0), |(face, iou)| (Some(face), iou));
    if nearest >= PART_IOU {
        return Some((if nearest >= FACE_IOU { Kind::Face } else { Kind::Part }, face));
    }
    let doubtful = photo.unsure.iter().any(|unsure| overlap(bounds, *unsure, Overlap::Smaller) > NONE_IOU);
    (nearest <= NONE_IOU && !doubtful).then_some((Kind::None, None))
}

fn boxed(square: &Square) -> [f32; 4] {
    let half = square.side / 2.0;
    [square.centre[0] - half, square.centre[1] - half, square.side, square.side]
}

impl Source {
    /// From photos, of which nothing is mined yet.
    pub fn new(photos: Vec<Photo>) -> Self {
        let faces = photos.iter().enumerate().flat_map(|(p, photo)| (0..photo.faces.len()).map(move |f| (p, f)));
        Self { faces: faces.collect(), photos, mistaken: Default::default(), taken: Vec::new() }
    }

    /// Crops for step `step` of a network: a quarter faces, a quarter parts, the rest none; `clean` leaves them as they
    /// are in the photo.
    pub fn batch(&self, stage: CascadeNet, count: usize, clean: bool, seed: u64, step: u64) -> Batch {
        let mut rng = fastrand::Rng::with_seed(mix(seed, step));
        let mut batch = Batch { side: side_px(stage), ..Batch::default() };
        for i in 0..count {
            let kind = [Kind::Face, Kind::Part, Kind::None, Kind::None][i % 4];
            match kind {
                Kind::None => self.none(&mut batch, clean, &mut rng),
                _ => self.face(&mut batch, stage, kind, clean, &mut rng),
            }
        }
        batch
    }

    fn face(&self, batch: &mut Batch, stage: CascadeNet, kind: Kind, clean: bool, rng: &mut fastrand::Rng) {
        let mined = if self.taken.is_empty() || rng.f32() > 0.3 {
            None
        } else {
            Some(self.taken[rng.usize(..self.taken.len())])
        };
        let (photo, number) = match mined {
            Some(Mined { photo, face: Some(face), .. }) => (photo, face),
            _ => self.faces[rng.usize(..self.faces.len())],
        };
        let face = &self.photos[photo].faces[number];
        // Half of the faces nearly as they are held, half turned up to the limit.
        let most_roll = if rng.bool() { MOST_ROLL / 6.0 } else { MOST_ROLL };
        let roll = if clean { 0.0 } else { (2.0 * rng.f32() - 1.0) * most_roll };
        if let Some(Mined { square, .. }) = mined {
            let square = Square { roll, ..square };
            let seen = Turned::of(face, &square);
            let kind = if seen.iou() >= FACE_IOU { Kind::Face } else { Kind::Part };
            if seen.iou() >= PART_IOU {
                return self.put(batch, photo, &square, kind, Some(face), clean, rng);
            }
        }
        let around = Square { roll, ..Square::around(face.bounds) };
        loop {
            // Often near, now and then as far off as the kind allows; nearest for the network that looks twice.
            let off = match (kind, stage) {
                (Kind::Face, CascadeNet::Output) => rng.f32().powi(2),
                (Kind::Face, _) => rng.f32(),
                _ => 1.0,
            };
            let mut draw = |most: f32| (2.0 * rng.f32() - 1.0) * most * off;
            let side = around.side * draw(0.5).exp();
            let shift = [draw(0.35), draw(0.35)];
            let square = Square { centre: around.to_picture(shift), side, roll };
            let iou = Turned::of(face, &square).iou();
            let wanted = if kind == Kind::Face { iou >= FACE_IOU } else { (PART_IOU..FACE_IOU).contains(&iou) };
            if wanted {
                return self.put(batch, photo, &square, kind, Some(face), clean, rng);
            }
        }
    }

    fn none(&self, batch: &mut Batch, clean: bool, rng: &mut fastrand::Rng) {
        let mistaken = &self.mistaken[usize::from(rng.bool())];
        if !mistaken.is_empty() && rng.f32() < 0.7 {
            let Mined { photo, square, .. } = mistaken[rng.usize(..mistaken.len())];
            let mut draw = |most: f32| (2.0 * rng.f32() - 1.0) * most;
            let near = Square {
                centre: square.to_picture([draw(0.08), draw(0.08)]),
                side: square.side * draw(0.1).exp(),
                roll: square.roll + draw(0.15),
            };
            let still = matches!(judge(&self.photos[photo], &near), Some((Kind::None, _)));
            return self.put(batch, photo, if still { &near } else { &square }, Kind::None, None, clean, rng);
        }
        loop {
            let near_face = rng.f32() < 0.4 && !self.faces.is_empty();
            let (number, square) = if near_face {
                // Eyes, ears, hair, shoulders.
                let (number, face) = self.faces[rng.usize(..self.faces.len())];
                let around = Square::around(self.photos[number].faces[face].bounds);
                let side = around.side * (2.4 * rng.f32() - 1.6).exp();
                let shift = [0, 1].map(|_| (2.0 * rng.f32() - 1.0) * 1.2);
                (number, Square { centre: around.to_picture(shift), side, roll: 0.0 })
            } else {
                let number = rng.usize(..self.photos.len());
                let picture = self.photos[number].pyramid.picture();
                let (width, height) = (picture.width() as f32, picture.height() as f32);
                let side = LEAST_PX * (width.min(height) / LEAST_PX).powf(rng.f32());
                let centre = [width, height].map(|length| side / 2.0 + (length - side).max(0.0) * rng.f32());
                (number, Square { centre, side, roll: 0.0 })
            };
            let photo = &self.photos[number];
            if square.side >= LEAST_PX && matches!(judge(photo, &square), Some((Kind::None, _))) {
                return self.put(batch, number, &square, Kind::None, None, clean, rng);
            }
        }
    }

    fn put(
        &self,
        batch: &mut Batch,
        photo: usize,
        square: &Square,
        kind: Kind,
        face: Option<&Face>,
        clean: bool,
        rng: &mut fastrand::Rng,
    ) {
        let side = batch.side;
        let pyramid = &self.photos[photo].pyramid;
        let mut crop = vec![0.0; side * side * 3];
        // A face smaller than the crop is seen as if enlarged.
        let small = if !clean && rng.f32() < 0.35 { (side as f32 * (0.35 + 0.6 * rng.f32())) as usize } else { side };
        if small < side {
            let mut less = vec![0.0; small * small * 3];
            pyramid.sample(square, small, &mut less, 3 * small);
            enlarge(&less, small, &mut crop, side);
        } else {
            pyramid.sample(square, side, &mut crop, 3 * side);
        }
        let (mut edges, mut points) = face.map_or(([0.0; BOX], [0.0; LANDMARKS]), |face| targets(face, square));
        if !clean && rng.bool() {
            mirror(&mut crop, side, &mut edges, &mut points);
        }
        if !clean {
            augment(&mut crop, side, rng);
        }
        batch.kinds.push(kind);
        batch.pixels.extend(crop);
        batch.boxes.extend(edges);
        batch.landmarks.extend(points);
    }
}

/// A face as a turned crop sees it: the box around the turned ellipse that fills its bounds; in sides of the crop.
struct Turned {
    middle: [f32; 2],
    size: [f32; 2],
}

impl Turned {
    fn of(face: &Face, square: &Square) -> Self {
        let [left, top, width, height] = face.bounds;
        let (sin, cos) = square.roll.sin_cos();
        let size = [(width * cos).hypot(height * sin), (width * sin).hypot(height * cos)];
        let middle = square.from_picture([left + width / 2.0, top + height / 2.0]);
        Self { middle, size: size.map(|px| px / square.side) }
    }

    /// IoU of the crop with the square around the face.
    fn iou(&self) -> f32 {
        let side = self.size[0].max(self.size[1]);
        let [x, y] = self.middle;
        iou([-0.5, -0.5, 1.0, 1.0], [x - side / 2.0, y - side / 2.0, side, side])
    }
}

fn targets(face: &Face, square: &Square) -> ([f32; BOX], [f32; LANDMARKS]) {
    let Turned { middle: [x, y], size: [width, height] } = Turned::of(face, square);
    let edges = [x - width / 2.0 + 0.5, y - height / 2.0 + 0.5, x + width / 2.0 - 0.5, y + height / 2.0 - 0.5];
    let mut points = [0.0; LANDMARKS];
    for (to, landmark) in points.chunks_exact_mut(2).zip(face.landmarks) {
        to.copy_from_slice(&square.from_picture(landmark));
    }
    (edges, points)
}

/// Turns left and right around: crop, edges and landmarks, of which the pairs swap places.
fn mirror(crop: &mut [f32], side: usize, edges: &mut [f32; BOX], points: &mut [f32; LANDMARKS]) {
    for row in crop.chunks_exact_mut(3 * side) {
        for x in 0..side / 2 {
            for c in 0..3 {
                row.swap(3 * x + c, 3 * (side - 1 - x) + c);
            }
        }
    }
    (edges[0], edges[2]) = (-edges[2], -edges[0]);
    points.iter_mut().step_by(2).for_each(|x| *x = -*x);
    for axis in 0..2 {
        points.swap(axis, 2 + axis);
        points.swap(6 + axis, 8 + axis);
    }
}

/// Bilinear, pixel centres at ½.
fn enlarge(from: &[f32], small: usize, to: &mut [f32], side: usize) {
    let near = |at: usize| {
        let exact = ((at as f32 + 0.5) * small as f32 / side as f32 - 0.5).clamp(0.0, (small - 1) as f32);
        (exact as usize, (exact as usize + 1).min(small - 1), exact.fract())
    };
    for (y, row) in to.chunks_exact_mut(3 * side).enumerate() {
        let (above, below, down) = near(y);
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let (left, right, across) = near(x);
            for (c, v) in pixel.iter_mut().enumerate() {
                let at = |y: usize, x: usize| from[(y * small + x) * 3 + c];
                let upper = at(above, left) * (1.0 - across) + at(above, right) * across;
                let lower = at(below, left) * (1.0 - across) + at(below, right) * across;
                *v = upper * (1.0 - down) + lower * down;
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::borrow::Cow;

    use kaiga::faces::pyramid::Pyramid;
    use pixels::Image;
    use pixels::space::Srgb8;

    use super::*;

    /// A photo of slopes with two faces: the red channel rises to the right, the green one downwards.
    pub(crate) fn synthetic() -> Photo {
        let image = Image::<Srgb8>::from_fn(240, 200, |x, y| [x as u8, y as u8, 90]);
        let face = |x: f32, y: f32, size: f32| Face {
            bounds: [x, y, 0.8 * size, size],
            landmarks: [[0.25, 0.4], [0.55, 0.4], [0.4, 0.6], [0.28, 0.8], [0.52, 0.8]]
                .map(|[u, v]| [x + u * size, y + v * size]),
            score: 1.0,
        };
        let faces = vec![face(40.0, 30.0, 60.0), face(150.0, 100.0, 40.0)];
        let pyramid = Pyramid::new(Cow::Owned(image), PROPOSE_PX);
        Photo { name: "synthetic".into(), pyramid, faces, unsure: vec![[0.0, 150.0, 60.0, 50.0]] }
    }

    #[test]
    fn a_batch_depends_on_seed_and_step_alone_and_has_its_kinds() {
        let source = Source::new(vec![synthetic()]);
        let batch = |step| source.batch(CascadeNet::Refine, 32, false, 7, step);
        assert_eq!(batch(3), batch(3));
        assert_ne!(batch(3).pixels, batch(4).pixels);
        let of = |kind| batch(3).kinds.iter().filter(|k| **k == kind).count();
        assert_eq!((of(Kind::Face), of(Kind::Part), of(Kind::None)), (8, 8, 16));
    }

    /// The colours of the slopes say where in the photo a crop's landmark lies.
    #[test]
    fn targets_point_at_the_face() {
        let photo = synthetic();
        let face = &photo.faces[0];
        let square = Square { centre: [66.0, 58.0], side: 70.0, roll: 0.5 };
        let (edges, points) = targets(face, &square);
        for (point, landmark) in points.chunks_exact(2).zip(face.landmarks) {
            let [x, y] = square.to_picture([point[0], point[1]]);
            assert!((x - landmark[0]).abs() < 1e-3 && (y - landmark[1]).abs() < 1e-3);
        }
        let upright = targets(face, &Square { roll: 0.0, ..square }).0;
        let expected = [(40.0 - 31.0) / 70.0, (30.0 - 23.0) / 70.0, (88.0 - 101.0) / 70.0, (90.0 - 93.0) / 70.0];
        assert!(upright.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-5), "{upright:?}");
        assert!(edges[0] < upright[0] && edges[2] > upright[2], "turned, a face is wider");
    }

    #[test]
    fn mirrored_twice_is_the_same_and_once_swaps_the_eyes() {
        let mut crop: Vec<f32> = (0..4 * 4 * 3).map(|i| i as f32).collect();
        let (mut edges, mut points) = ([0.1, 0.2, -0.3, -0.4], std::array::from_fn(|i| i as f32 / 10.0));
        let before = (crop.clone(), edges, points);
        mirror(&mut crop, 4, &mut edges, &mut points);
        assert_eq!((edges, points[0], points[1]), ([0.3, 0.2, -0.1, -0.4], -0.2, 0.3));
        assert_eq!(crop[0..3], before.0[9..12]);
        mirror(&mut crop, 4, &mut edges, &mut points);
        assert_eq!((crop, edges, points), before);
    }

    #[test]
    fn what_is_doubtful_teaches_nothing() {
        let photo = synthetic();
        let at = |x: f32, y: f32, side: f32| judge(&photo, &Square { centre: [x, y], side, roll: 0.0 });
        assert_eq!(at(64.0, 60.0, 60.0), Some((Kind::Face, Some(0))));
        assert_eq!(at(80.0, 70.0, 60.0), Some((Kind::Part, Some(0))));
        assert_eq!(at(220.0, 20.0, 30.0), Some((Kind::None, None)));
        assert_eq!(at(30.0, 175.0, 40.0), None);
    }
}
