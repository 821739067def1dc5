//! A face that is to be repainted: which ones are, and which part of the picture is theirs.

use super::align::Pose;
use super::drawing::{Drawing, FaceStyle};
use super::retouch::Retouch;
use super::{Face, Landmarks, Person};
use crate::look::Look;
use crate::tiles::Part;
use pixels::Image;
use pixels::space::{Srgb8, srgb_from_srgb8, srgb8_from_srgb};
use pixels::warp::{self, Point, smooth_step};
use rayon::prelude::*;

/// The middle of what is repainted, below the line of the eyes. All lengths in the unit of [`Pose`].
pub(crate) const MIDDLE: f32 = 0.25;
/// Half the width and half the height of what is repainted: hair and chin, and where it goes over into the rest.
const REACH: Point = [1.75, 2.35];
/// So far from the middle to its border a face is repainted in full: over cheeks and chin.
const FULL: f32 = 0.68;
/// Where two faces meet, the border between them is this wide, in shares of their reach.
const BETWEEN: f32 = 0.12;
/// Smaller faces (about 20 px across) say too little to be painted anew.
const LEAST_UNIT_PX: f32 = 8.0;
/// The largest unit, in longer sides of the picture: what is larger is not seen.
const MOST_UNIT: f32 = 0.6;
/// A find that is smaller than this beside a face's own unit, and lies in it, is no neighbour.
const LEAST_NEIGHBOUR: f32 = 0.35;

/// What is the person to less than the first has no skin, to more than the second may have.
const PERSON: [f32; 2] = [0.15, 0.45];

/// A face and how it is bent.
#[derive(Clone, Debug)]
pub(crate) struct FaceRegion {
    pub(crate) pose: Pose,
    pub(crate) retouch: Retouch,
    /// All of what may change in the picture.
    pub(crate) zone: Part,
    /// Those it may not paint over.
    neighbours: Vec<Pose>,
    /// Which of the faces it is.
    pub(crate) face: Face,
    /// How it is drawn, if it is.
    pub(crate) drawn: Option<Drawn>,
    /// How far it is painted by itself, 0..1.
    presence: f32,
}

/// A face that is drawn, in the photo's px and in those of the picture, in which it is bent.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub(crate) in_photo: Drawing,
    pub(crate) in_picture: Drawing,
    /// Who it is of, in the photo's px; hair is drawn on people alone.
    pub(crate) person: Option<Person>,
}

impl Drawn {
    /// How far a place of the photo, px, may be skin, 0..1: a wall beside a cheek has its colour sometimes.
    pub(crate) fn of_person(&self, place: Point) -> f32 {
        self.person.as_ref().map_or(1.0, |person| smooth_step(PERSON[0], PERSON[1], person.at(place)))
    }
}

impl FaceRegion {
    /// Those of `faces` that are to be repainted in a picture of `width`×`height`, largest first.
    ///
    /// Profiles, faces too small or too large and those outside the picture are left alone.
    pub(crate) fn all(width: usize, height: usize, faces: &[Face], look: &Look) -> Vec<Self> {
        let mut faces: Vec<(Face, Pose)> = faces.iter().filter_map(|face| Some((*face, Pose::of(face)?))).collect();
        faces.sort_by(|a, b| b.1.unit_px.total_cmp(&a.1.unit_px));
        let poses: Vec<Pose> = faces.iter().map(|(_, pose)| pose.clone()).collect();
        let strength = look.strength.get().min(1.0);
        let sizes = LEAST_UNIT_PX..=MOST_UNIT * width.max(height) as f32;
        let wanted = |pose: &Pose| strength > 0.0 && sizes.contains(&pose.unit_px) && pose.frontal > 0.0;
        let region = |(i, pose): (usize, &Pose)| {
            let neighbour = |&(j, other): &(usize, &Pose)| {
                j != i && other.unit_px > LEAST_NEIGHBOUR * pose.unit_px && meet(pose, other)
            };
            let neighbours = poses.iter().enumerate().filter(neighbour).map(|(_, other)| other.clone()).collect();
            let retouch = retouch(pose, look);
            let zone = zone(pose, width, height)?;
            Some(Self { zone, pose: pose.clone(), retouch, neighbours, face: faces[i].0, drawn: None, presence: 1.0 })
        };
        poses.iter().enumerate().filter(|(_, pose)| wanted(pose)).filter_map(region).collect()
    }

    /// Has it painted by itself, and bent, as far as `presence` says (0..1).
    pub(crate) fn fade(&mut self, presence: f32, look: &Look) {
        self.presence = presence;
        self.retouch = retouch(&self.pose, look).faded(presence);
    }

    /// How much of the place `q` of the picture, px, is repainted with this face, 0..1.
    pub(crate) fn share(&self, q: Point) -> f32 {
        let own = radius(&self.pose, q);
        let share = self.presence * smooth_step(1.0, FULL, own);
        if share > 0.0 { share * self.territory(q, own) } else { 0.0 }
    }

    /// How much of the place `q`, so far from this face's middle, belongs to it and to none of its neighbours, 0..1.
    fn territory(&self, q: Point, own: f32) -> f32 {
        self.neighbours.iter().map(|other| smooth_step(-BETWEEN, BETWEEN, radius(other, q) - own)).product()
    }
}

/// How a face is bent in a look.
fn retouch(pose: &Pose, look: &Look) -> Retouch {
    let eyes = look.eyes.get() * FaceStyle::named(look).eyes;
    Retouch::new(pose, eyes * look.strength.get().min(1.0))
}

/// Has faces drawn as far as `asked` (0..1), by their landmarks in the photo.
pub(crate) fn give_landmarks(
    regions: &mut [FaceRegion],
    photo: &Image<Srgb8>,
    landmarks: Vec<Option<Landmarks>>,
    asked: f32,
) {
    let drawn = |(region, landmarks): (&FaceRegion, Option<Landmarks>)| {
        let in_photo = Drawing::of(photo, &region.pose, landmarks?, asked * region.presence)?;
        let bend = |q: Point| {
            let from = source(regions, q);
            [from[0] - q[0], from[1] - q[1]]
        };
        Some(Drawn { in_picture: in_photo.moved(|p| warp::undone(p, bend), 1.0), in_photo, person: None })
    };
    let drawn: Vec<Option<Drawn>> = regions.iter().zip(landmarks).map(drawn).collect();
    regions.iter_mut().zip(drawn).for_each(|(region, drawn)| region.drawn = drawn);
}

/// Where in the photo the place `q` of the bent one comes from, px. One field for all faces, so that everything that is
/// painted agrees.
pub(crate) fn source(regions: &[FaceRegion], q: Point) -> Point {
    let mut place = q;
    for region in regions {
        let zone = region.zone;
        let within = |v: f32, start: usize, len: usize| (start as f32..(start + len) as f32).contains(&v);
        if !within(q[0], zone.x, zone.width) || !within(q[1], zone.y, zone.height) {
            continue;
        }
        let in_face = region.pose.to_face.apply(q);
        let bent = region.retouch.source(in_face);
        if bent != in_face {
            // A long chin must not carry the field beyond what is repainted.
            let (from, own) = (region.pose.to_photo.apply(bent), radius(&region.pose, q));
            let share = smooth_step(1.0, 0.9, own) * region.territory(q, own);
            (0..2).for_each(|axis| place[axis] += share * (from[axis] - q[axis]));
        }
    }
    place
}

/// The photo with its faces bent; `None` if nothing is bent.
pub(crate) fn bent(photo: &Image<Srgb8>, regions: &[FaceRegion]) -> Option<Image<Srgb8>> {
    if regions.iter().all(|region| region.retouch.is_nothing()) {
        return None;
    }
    let mut bent = photo.clone();
    let width = photo.width();
    for FaceRegion { zone, .. } in regions {
        let rows = bent.pixels_mut().par_chunks_mut(width).skip(zone.y).take(zone.height).enumerate();
        rows.for_each(|(y, row)| {
            for (x, to) in row[zone.x..][..zone.width].iter_mut().enumerate() {
                let q = [(zone.x + x) as f32 + 0.5, (zone.y + y) as f32 + 0.5];
                let place = source(regions, q);
                if place != q {
                    *to = srgb8_from_srgb(warp::at(photo, place, 1.0, srgb_from_srgb8));
                }
            }
        });
    }
    Some(bent)
}

/// The painting of a bent photo where its faces are, and `photo`, which is the bent one, where they are not.
pub(crate) fn kept(painting: &Image<Srgb8>, photo: &Image<Srgb8>, regions: &[FaceRegion]) -> Image<Srgb8> {
    let (mut kept, width) = (photo.clone(), photo.width());
    for region in regions {
        let zone = region.zone;
        let rows = kept.pixels_mut().par_chunks_mut(width).skip(zone.y).take(zone.height).enumerate();
        rows.for_each(|(y, row)| {
            let painted = &painting.row(zone.y + y)[zone.x..];
            for (x, (to, &painted)) in row[zone.x..][..zone.width].iter_mut().zip(painted).enumerate() {
                let share = region.share([(zone.x + x) as f32 + 0.5, (zone.y + y) as f32 + 0.5]);
                let (under, over) = (srgb_from_srgb8(*to), srgb_from_srgb8(painted));
                *to = srgb8_from_srgb([0, 1, 2].map(|c| under[c] + share * (over[c] - under[c])));
            }
        });
    }
    kept
}

/// Where in the photo of `width`×`height` px the place `p` of its painting comes from, px: eyes are enlarged and jaws
/// slimmed in painted faces. For a painting of these `faces` with that look.
pub fn unbent(p: Point, (width, height): (usize, usize), faces: &[Face], look: &Look) -> Point {
    source(&FaceRegion::all(width, height, faces, look), p)
}

/// How far from the middle of a face a place is: 1 at the border of what is repainted.
fn radius(pose: &Pose, q: Point) -> f32 {
    let [x, y] = pose.to_face.apply(q);
    (x / REACH[0]).hypot((y - MIDDLE) / REACH[1])
}

/// Whether what is repainted of two faces may overlap.
fn meet(a: &Pose, b: &Pose) -> bool {
    let [a_middle, b_middle] = [a, b].map(|pose| pose.to_photo.apply([0.0, MIDDLE]));
    let apart = (a_middle[0] - b_middle[0]).hypot(a_middle[1] - b_middle[1]);
    apart < REACH[1] * (a.unit_px + b.unit_px)
}

/// The smallest part of the picture that holds all of what is repainted, and a little more.
fn zone(pose: &Pose, width: usize, height: usize) -> Option<Part> {
    // Half the extent of a turned ellipse.
    let [middle, right, below] =
        [[0.0, MIDDLE], [REACH[0], MIDDLE], [0.0, MIDDLE + REACH[1]]].map(|p| pose.to_photo.apply(p));
    let extent = |axis: usize| (right[axis] - middle[axis]).hypot(below[axis] - middle[axis]);
    let span = |axis: usize, len: usize| {
        let margin = 2.0 + 0.04 * pose.unit_px;
        let low = (middle[axis] - extent(axis) - margin).floor().max(0.0);
        let high = (middle[axis] + extent(axis) + margin).ceil().min(len as f32);
        (low < high).then_some((low as usize, (high - low) as usize))
    };
    let ((x, width), (y, height)) = (span(0, width)?, span(1, height)?);
    Some(Part { x, y, width, height })
}

#[cfg(test)]
mod tests {
    use super::super::align::tests::face;
    use super::*;
    use crate::look::Eyes;

    fn all(faces: &[Face]) -> Vec<FaceRegion> {
        FaceRegion::all(800, 600, faces, &Look::default())
    }

    #[test]
    fn what_is_repainted_lies_in_the_zone_and_ends_softly() {
        for angle in [0.0, 0.7, -1.5] {
            let regions = all(&[face([400.0, 300.0], 40.0, angle)]);
            let zone = regions[0].zone;
            for y in 0..600 {
                for x in 0..800 {
                    let share = regions[0].share([x as f32 + 0.5, y as f32 + 0.5]);
                    let inside = (zone.x + 2..zone.x + zone.width - 2).contains(&x)
                        && (zone.y + 2..zone.y + zone.height - 2).contains(&y);
                    assert!(share == 0.0 || inside, "{angle}: {share} at {x} {y}");
                }
            }
            let pose = &regions[0].pose;
            assert_eq!(regions[0].share(pose.to_photo.apply([0.0, 1.8])), 1.0, "the chin");
            assert_eq!(regions[0].share(pose.to_photo.apply([1.1, 0.3])), 1.0, "the cheek");
        }
    }

    #[test]
    fn the_largest_comes_first_and_neighbours_share_the_picture() {
        let regions = all(&[face([330.0, 300.0], 40.0, 0.0), face([440.0, 310.0], 50.0, 0.1)]);
        assert!(regions[0].pose.unit_px > regions[1].pose.unit_px);
        for i in 0..400 {
            let q = [300.0 + i as f32 * 0.5, 330.0];
            assert!(regions[0].share(q) + regions[1].share(q) < 1.5, "{q:?}");
        }
        assert_eq!((regions[0].share([330.0, 300.0]), regions[1].share([330.0, 300.0])), (0.0, 1.0));
    }

    #[test]
    fn who_is_left_alone() {
        let mut profile = face([400.0, 300.0], 40.0, 0.0);
        profile.landmarks[2][0] += 30.0;
        let tiny = face([100.0, 100.0], 5.0, 0.0);
        let outside = face([2000.0, 300.0], 40.0, 0.0);
        let cut = face([5.0, 20.0], 40.0, 0.0);
        let regions = all(&[profile, tiny, outside, cut, face([0.0, 0.0], 1e9, 0.0)]);
        assert_eq!(regions.len(), 1);
        assert_eq!((regions[0].zone.x, regions[0].zone.y), (0, 0));
        let nothing = Look { strength: crate::Strength::new(0.0).unwrap(), ..Look::default() };
        assert!(FaceRegion::all(800, 600, &[cut], &nothing).is_empty());
    }

    #[test]
    fn places_in_a_painted_face_are_led_back_to_the_photo() {
        let faces = [face([400.0, 300.0], 40.0, 0.0)];
        let back = |p, eyes| unbent(p, (800, 600), &faces, &Look { eyes: Eyes::new(eyes).unwrap(), ..Look::default() });
        assert_eq!(back([10.0, 10.0], 1.0), [10.0, 10.0]);
        let lid = back([420.0, 294.0], 1.0);
        assert!((lid[0] - 420.0).abs() < 1e-3 && (295.5..297.0).contains(&lid[1]), "{lid:?}");
        assert_eq!(back([420.0, 294.0], 0.0), [420.0, 294.0]);
    }

    #[test]
    fn a_bent_photo_shows_what_its_field_says_and_a_face_left_alone_stays() {
        let photo = Image::<Srgb8>::from_fn(800, 600, |x, y| [(x / 4) as u8, (y / 3) as u8, 90]);
        let mut profile = face([460.0, 300.0], 40.0, 0.0);
        profile.landmarks[2][0] += 30.0;
        let regions = all(&[face([400.0, 300.0], 40.0, 0.0), profile]);
        let bent = bent(&photo, &regions).unwrap();
        for y in 0..600 {
            for x in 0..800 {
                let [u, v] = source(&regions, [x as f32 + 0.5, y as f32 + 0.5]);
                let [r, g, _] = bent.at(x, y).map(f32::from);
                assert!((r - u / 4.0).abs() < 1.3 && (g - v / 3.0).abs() < 1.3, "{x} {y}");
            }
        }
        assert!(bent.crop(440, 280, 40, 60) == photo.crop(440, 280, 40, 60));
        let plain = Look { eyes: Eyes::new(0.0).unwrap(), ..Look::default() };
        let unchanged = FaceRegion::all(800, 600, &[face([400.0, 300.0], 40.0, 0.0)], &plain);
        assert_eq!(super::bent(&photo, &unchanged), None);
    }
}
