//! Crops to learn landmarks from. Everything is a function of the seed and the step.

use kaiga::faces::landmarks::{eye_square, face_square, five};
use kaiga::faces::pyramid::{Pyramid, Square};
use net::landmarks::{EYE_POINTS, EYE_PX, FACE_PX, POINTS, Part};
use pixels::warp::{Point, undone};

use super::labels::Photo;
use crate::data::mix;
use crate::faces::augment::augment;

/// Which of the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// All points on the upright face.
    Face,
    /// Lids, iris and brow on a crop of an eye.
    Eye,
}

impl View {
    /// Side of its crops, px.
    pub fn side_px(self) -> usize {
        if self == View::Face { FACE_PX } else { EYE_PX }
    }

    /// The parts it gives.
    pub fn parts(self) -> &'static [Part] {
        if self == View::Face { &Part::ALL } else { &Part::OF_EYE }
    }

    /// The points it gives.
    pub fn points(self) -> usize {
        if self == View::Face { POINTS } else { EYE_POINTS }
    }
}

/// Crops and where landmarks are in them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// N×H×W×3, RGB −1..1.
    pub pixels: Vec<f32>,
    /// N×points×2, from the middle of the crop in its sides.
    pub points: Vec<f32>,
    /// The distance of the eyes, in sides of the crop.
    pub eyes: Vec<f32>,
}

/// What is around a crop is sampled too, so that a bent one has no empty corners: sides of the crop.
const WIDE: f32 = 1.3;
/// A bend's bumps, and the most that each moves, in sides of the crop.
const BUMPS: usize = 5;
const MOST_BUMP: f32 = 0.035;
/// Radius of a bump, in sides of the crop.
const BUMP_RADIUS: f32 = 0.22;

/// A smooth change of a face's shape, in sides of the crop: stretch, shear and bumps.
struct Bend {
    matrix: [[f32; 2]; 2],
    bumps: Vec<(Point, Point)>,
}

impl Bend {
    fn none() -> Self {
        Self { matrix: [[0.0; 2]; 2], bumps: vec![] }
    }

    fn random(rng: &mut fastrand::Rng) -> Self {
        let mut draw = |most: f32| (2.0 * rng.f32() - 1.0) * most;
        let matrix = [[draw(0.1), draw(0.05)], [draw(0.05), draw(0.1)]];
        let bumps = (0..BUMPS).map(|_| ([draw(0.45), draw(0.45)], [draw(MOST_BUMP), draw(MOST_BUMP)])).collect();
        Self { matrix, bumps }
    }

    /// How far from `q` the place is that is shown there.
    fn at(&self, [x, y]: Point) -> Point {
        let [a, b] = self.matrix.map(|[u, v]| u * x + v * y);
        self.bumps.iter().fold([a, b], |[a, b], &(centre, way)| {
            let near = (-((x - centre[0]).powi(2) + (y - centre[1]).powi(2)) / (2.0 * BUMP_RADIUS.powi(2))).exp();
            [a + near * way[0], b + near * way[1]]
        })
    }

    /// Where the place `p` is shown.
    fn shown(&self, p: Point) -> Point {
        // The solver's steps are for px.
        const PX: f32 = 100.0;
        undone(p.map(|v| PX * v), |q| self.at(q.map(|v| v / PX)).map(|v| PX * v)).map(|v| v / PX)
    }
}

/// `count` crops for step `step`, each of a face of `photos` by chance; `clean` ones are of the faces in turn, as they are.
pub fn batch(photos: &[Photo], view: View, count: usize, clean: bool, seed: u64, step: u64) -> Batch {
    let mut rng = fastrand::Rng::with_seed(mix(seed, step));
    let faces: Vec<(&Pyramid, &Vec<Point>)> =
        photos.iter().flat_map(|photo| photo.faces.iter().map(|face| (&photo.pyramid, face))).collect();
    let mut batch = Batch::default();
    for i in 0..count {
        let (pyramid, face) = if clean { faces[i % faces.len()] } else { faces[rng.usize(..faces.len())] };
        let mirrored = if clean { view == View::Eye && i / faces.len() % 2 == 1 } else { rng.bool() };
        let Some(whole) = face_square(five(face)) else { continue };
        let square = match view {
            View::Face => whole,
            View::Eye => {
                let eye = if mirrored { Part::RightEye } else { Part::LeftEye };
                eye_square(&face[eye.start()..][..eye.points()], &whole)
            }
        };
        let (square, bend) =
            if clean { (square, Bend::none()) } else { (jittered(&square, view, &mut rng), Bend::random(&mut rng)) };
        let side = view.side_px();
        let start = batch.pixels.len();
        batch.pixels.resize(start + side * side * 3, 0.0);
        let crop = &mut batch.pixels[start..];
        let coarse = !clean && rng.f32() < 0.3;
        let sampled_px = if coarse { rng.usize(side / 3..side) } else { (side as f32 * WIDE) as usize };
        sample(pyramid, &square, sampled_px, &bend, side, crop);
        if mirrored {
            crop.chunks_exact_mut(3 * side).for_each(|row| row.as_chunks_mut::<3>().0.reverse());
        }
        if !clean {
            augment(crop, side, &mut rng);
        }
        for &part in view.parts() {
            let (from, order): (Part, fn(usize) -> usize) = if mirrored { part.mirrored() } else { (part, |i| i) };
            for i in 0..part.points() {
                let [x, y] = bend.shown(square.from_picture(face[from.start() + order(i)]));
                batch.points.extend([if mirrored { -x } else { x }, y]);
            }
        }
        let [left, right, ..] = five(face);
        batch.eyes.push(pixels::warp::distance(left, right) / square.side);
    }
    batch
}

/// Off by as much as what comes before the network may be, and turned: half of the crops by up to 20 degrees.
fn jittered(square: &Square, view: View, rng: &mut fastrand::Rng) -> Square {
    let turned = if rng.bool() { 0.35 } else { 0.08 };
    let mut draw = |most: f32| (2.0 * rng.f32() - 1.0) * most;
    let shift = if view == View::Face { 0.06 } else { 0.09 };
    Square {
        centre: square.to_picture([draw(shift), draw(shift)]),
        side: square.side * draw(0.14).exp(),
        roll: square.roll + draw(turned),
    }
}

/// The square at `side`², bent, by way of a wider crop of `sampled_px`².
fn sample(pyramid: &Pyramid, square: &Square, sampled_px: usize, bend: &Bend, side: usize, to: &mut [f32]) {
    let mut wide = vec![0.0; sampled_px * sampled_px * 3];
    pyramid.sample(&Square { side: WIDE * square.side, ..*square }, sampled_px, &mut wide, 3 * sampled_px);
    let last = sampled_px - 1;
    for (i, pixel) in to.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let q = [i % side, i / side].map(|v| (v as f32 + 0.5) / side as f32 - 0.5);
        let off = bend.at(q);
        let [x, y] = [0, 1].map(|axis| {
            let place = ((q[axis] + off[axis]) / WIDE + 0.5) * sampled_px as f32 - 0.5;
            place.clamp(0.0, last as f32)
        });
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(last), (top + 1).min(last));
        let (fx, fy) = (x - left as f32, y - top as f32);
        let at = |x: usize, y: usize, c: usize| wide[(y * sampled_px + x) * 3 + c];
        for (c, v) in pixel.iter_mut().enumerate() {
            let above = at(left, top, c) * (1.0 - fx) + at(right, top, c) * fx;
            let below = at(left, bottom, c) * (1.0 - fx) + at(right, bottom, c) * fx;
            *v = above * (1.0 - fy) + below * fy;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::borrow::Cow;

    use pixels::Image;
    use pixels::space::Srgb8;

    use super::*;

    /// A photo whose colours say where a pixel is, with a face of which only the frame of points is true to life.
    pub(crate) fn synthetic() -> Photo {
        let image = Image::<Srgb8>::from_fn(240, 240, |x, y| [x as u8, y as u8, 128]);
        let ring = |x: f32, y: f32, radius: f32, count: usize| {
            (0..count).map(move |i| {
                let angle = i as f32 / count as f32 * std::f32::consts::TAU;
                [x - radius * angle.cos(), y - 0.5 * radius * angle.sin()]
            })
        };
        let mut face: Vec<Point> = Vec::new();
        for (part, x, y, radius) in [
            (Part::LeftEye, 100.0, 100.0, 9.0),
            (Part::RightEye, 140.0, 100.0, 9.0),
            (Part::LeftIris, 100.0, 100.0, 4.0),
            (Part::RightIris, 140.0, 100.0, 4.0),
            (Part::LeftBrow, 100.0, 88.0, 10.0),
            (Part::RightBrow, 140.0, 88.0, 10.0),
            (Part::Nose, 120.0, 115.0, 5.0),
            (Part::NoseBase, 120.0, 125.0, 8.0),
            (Part::Lips, 120.0, 145.0, 16.0),
            (Part::Mouth, 120.0, 145.0, 10.0),
            (Part::Oval, 120.0, 120.0, 50.0),
        ] {
            face.extend(ring(x, y, radius, part.points()));
        }
        Photo { name: "synthetic".to_owned(), pyramid: Pyramid::new(Cow::Owned(image), 16), faces: vec![face] }
    }

    /// The colour at a landmark is that of its place in the photo, however the crop was turned and bent.
    #[test]
    fn landmarks_lie_where_the_crop_shows_them() {
        let photo = synthetic();
        let mut rng = fastrand::Rng::with_seed(3);
        for view in [View::Face, View::Eye] {
            let face = &photo.faces[0];
            let whole = face_square(five(face)).unwrap();
            let square = if view == View::Face { whole } else { eye_square(&face[..16], &whole) };
            for _ in 0..20 {
                let (square, bend) = (jittered(&square, view, &mut rng), Bend::random(&mut rng));
                let side = view.side_px();
                let mut crop = vec![0.0; side * side * 3];
                sample(&photo.pyramid, &square, (side as f32 * WIDE) as usize, &bend, side, &mut crop);
                for &p in &face[..32] {
                    let q = bend.shown(square.from_picture(p));
                    let [x, y] = q.map(|v| ((v + 0.5) * side as f32) as usize);
                    if x < 2 || y < 2 || x + 2 >= side || y + 2 >= side {
                        continue;
                    }
                    let at = |c: usize| (crop[(y * side + x) * 3 + c] + 1.0) * 127.5;
                    let off = (at(0) - p[0]).hypot(at(1) - p[1]);
                    assert!(off < 3.5, "{view:?}: {off}");
                }
            }
        }
    }

    #[test]
    fn a_step_always_has_the_same_crops_and_another_step_others() {
        let photos = [synthetic()];
        for view in [View::Face, View::Eye] {
            let of = |step| batch(&photos, view, 4, false, 1, step);
            assert_eq!(of(3), of(3));
            assert!(of(3) != of(4));
            assert_eq!(of(3).points.len(), 4 * 2 * view.points());
        }
    }
}
