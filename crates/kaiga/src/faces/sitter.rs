//! A face that is to be repainted: which ones are, and which part of the picture is theirs.

use super::Face;
use super::align::{Pose, smooth_step};
use super::retouch::Retouch;
use crate::look::{Eyes, Look};
use crate::tiles::Part;
use pixels::warp::Point;

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
/// A find that is smaller than this beside a face's own unit, and lies in it, is no neighbour.
const LEAST_NEIGHBOUR: f32 = 0.35;

/// A face and how it is bent.
#[derive(Clone, Debug)]
pub(crate) struct Sitter {
    pub(crate) pose: Pose,
    pub(crate) retouch: Retouch,
    /// All of what may change in the picture.
    pub(crate) zone: Part,
    /// Those it may not paint over.
    neighbours: Vec<Pose>,
}

impl Sitter {
    /// Those of `faces` that are to be repainted in a picture of `width`×`height`, largest first.
    ///
    /// Profiles, faces too small and those outside the picture are left alone.
    pub(crate) fn all(width: usize, height: usize, faces: &[Face], look: &Look) -> Vec<Self> {
        let mut poses: Vec<Pose> = faces.iter().filter_map(Pose::of).collect();
        poses.sort_by(|a, b| b.unit_px.total_cmp(&a.unit_px));
        let strength = look.strength.get().min(1.0);
        let wanted = |pose: &Pose| strength > 0.0 && pose.unit_px >= LEAST_UNIT_PX && pose.frontal > 0.0;
        let sitter = |(i, pose): (usize, &Pose)| {
            let neighbour = |&(j, other): &(usize, &Pose)| {
                j != i && other.unit_px > LEAST_NEIGHBOUR * pose.unit_px && meet(pose, other)
            };
            let neighbours = poses.iter().enumerate().filter(neighbour).map(|(_, other)| other.clone()).collect();
            let retouch = Retouch::new(pose, look.eyes, strength);
            Some(Self { zone: zone(pose, width, height)?, pose: pose.clone(), retouch, neighbours })
        };
        poses.iter().enumerate().filter(|(_, pose)| wanted(pose)).filter_map(sitter).collect()
    }

    /// How much of the face at the place `q` of the picture, px, is repainted, 0..1.
    pub(crate) fn share(&self, q: Point) -> f32 {
        let own = radius(&self.pose, q);
        let mut share = smooth_step(1.0, FULL, own);
        for other in &self.neighbours {
            if share > 0.0 {
                share *= smooth_step(-BETWEEN, BETWEEN, radius(other, q) - own);
            }
        }
        share
    }
}

/// Where in the photo the place `p` of the painting comes from, px: eyes were enlarged and jaws slimmed with it. For
/// places in several faces, the largest counts.
///
/// The look's strength is taken to be 1.
pub fn unbent(p: Point, faces: &[Face], eyes: Eyes) -> Point {
    let look = Look { eyes, ..Look::default() };
    let far = 1 << 24;
    let sitters = Sitter::all(far, far, faces, &look);
    match sitters.iter().find(|sitter| sitter.share(p) > 0.5) {
        None => p,
        Some(Sitter { pose, retouch, .. }) => pose.to_photo.apply(retouch.source(pose.to_face.apply(p))),
    }
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
        (low < high).then(|| (low as usize, (high - low) as usize))
    };
    let ((x, width), (y, height)) = (span(0, width)?, span(1, height)?);
    Some(Part { x, y, width, height })
}

#[cfg(test)]
mod tests {
    use super::super::align::tests::face;
    use super::*;

    fn all(faces: &[Face]) -> Vec<Sitter> {
        Sitter::all(800, 600, faces, &Look::default())
    }

    #[test]
    fn what_is_repainted_lies_in_the_zone_and_ends_softly() {
        for angle in [0.0, 0.7, -1.5] {
            let sitters = all(&[face([400.0, 300.0], 40.0, angle)]);
            let zone = sitters[0].zone;
            for y in 0..600 {
                for x in 0..800 {
                    let share = sitters[0].share([x as f32 + 0.5, y as f32 + 0.5]);
                    let inside = (zone.x + 2..zone.x + zone.width - 2).contains(&x)
                        && (zone.y + 2..zone.y + zone.height - 2).contains(&y);
                    assert!(share == 0.0 || inside, "{angle}: {share} at {x} {y}");
                }
            }
            let pose = &sitters[0].pose;
            assert_eq!(sitters[0].share(pose.to_photo.apply([0.0, 1.8])), 1.0, "the chin");
            assert_eq!(sitters[0].share(pose.to_photo.apply([1.1, 0.3])), 1.0, "the cheek");
        }
    }

    #[test]
    fn the_largest_comes_first_and_neighbours_share_the_picture() {
        let sitters = all(&[face([330.0, 300.0], 40.0, 0.0), face([440.0, 310.0], 50.0, 0.1)]);
        assert!(sitters[0].pose.unit_px > sitters[1].pose.unit_px);
        for i in 0..400 {
            let q = [300.0 + i as f32 * 0.5, 330.0];
            assert!(sitters[0].share(q) + sitters[1].share(q) < 1.5, "{q:?}");
        }
        assert_eq!((sitters[0].share([330.0, 300.0]), sitters[1].share([330.0, 300.0])), (0.0, 1.0));
    }

    #[test]
    fn who_is_left_alone() {
        let mut profile = face([400.0, 300.0], 40.0, 0.0);
        profile.landmarks[2][0] += 30.0;
        let tiny = face([100.0, 100.0], 5.0, 0.0);
        let outside = face([2000.0, 300.0], 40.0, 0.0);
        let cut = face([5.0, 20.0], 40.0, 0.0);
        let sitters = all(&[profile, tiny, outside, cut]);
        assert_eq!(sitters.len(), 1);
        assert_eq!((sitters[0].zone.x, sitters[0].zone.y), (0, 0));
        let nothing = Look { strength: crate::Strength::new(0.0).unwrap(), ..Look::default() };
        assert!(Sitter::all(800, 600, &[cut], &nothing).is_empty());
    }

    #[test]
    fn places_in_a_painted_face_are_led_back_to_the_photo() {
        let faces = [face([400.0, 300.0], 40.0, 0.0)];
        assert_eq!(unbent([10.0, 10.0], &faces, Eyes::default()), [10.0, 10.0]);
        let lid = unbent([420.0, 294.0], &faces, Eyes::default());
        assert!((lid[0] - 420.0).abs() < 1e-3 && (295.5..297.0).contains(&lid[1]), "{lid:?}");
        assert_eq!(unbent([420.0, 294.0], &faces, Eyes::new(0.0).unwrap()), [420.0, 294.0]);
    }
}
