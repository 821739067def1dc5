//! What a portrait painter does to a face before the first stroke: the eyes a little larger, the jaw a little slimmer.

use super::align::Pose;
use pixels::warp::{Point, smooth_step};

/// How much of the way to the middle of an eye a place near it is taken from, at the middle: across and down. Taller
/// than wide, which opens an eye.
const EYE_GAIN: Point = [0.22, 0.36];
/// How far from its middle an eye is changed, in the unit of the pose: across and down.
const EYE_REACH: Point = [0.48, 0.42];
/// How much narrower the jaw is at its narrowest.
const JAW_GAIN: f32 = 0.10;
/// The jaw is narrowest so far below the mouth.
const JAW_BELOW_MOUTH: f32 = 0.35;
/// How far from there it is slimmed, to the side and up and down.
const JAW_REACH: Point = [1.5, 0.95];

/// The smooth field that bends a face. In the coordinates of its [`Pose`]; it is 0 outside of the face.
#[derive(Clone, Debug)]
pub(crate) struct Retouch {
    eyes: [Point; 2],
    jaw: Point,
    amount: f32,
}

impl Retouch {
    /// `amount`: 1 is what a portrait painter does, less if the face is painted by less. One that is turned away is bent
    /// less.
    pub(crate) fn new(pose: &Pose, amount: f32) -> Self {
        let jaw = [pose.mouth[0], pose.mouth[1] + JAW_BELOW_MOUTH];
        Self { eyes: pose.eyes, jaw, amount: amount * pose.frontal }
    }

    /// The same by `share` (0..1) of it.
    pub(crate) fn faded(&self, share: f32) -> Self {
        Self { amount: share * self.amount, ..self.clone() }
    }

    /// Whether nothing is bent.
    pub(crate) fn is_nothing(&self) -> bool {
        self.amount == 0.0
    }

    /// Where in the photo's face the place `p` of the painted one comes from.
    pub(crate) fn source(&self, p: Point) -> Point {
        let [dx, dy] = self.way(p);
        [p[0] + dx, p[1] + dy]
    }

    fn way(&self, p: Point) -> Point {
        let mut way = [0.0; 2];
        if self.amount == 0.0 {
            return way;
        }
        for eye in self.eyes {
            let to = [p[0] - eye[0], p[1] - eye[1]];
            let near = smooth_step(1.0, 0.0, (to[0] / EYE_REACH[0]).hypot(to[1] / EYE_REACH[1]));
            (0..2).for_each(|axis| way[axis] -= self.amount * EYE_GAIN[axis] * near * to[axis]);
        }
        let to = [p[0] - self.jaw[0], p[1] - self.jaw[1]];
        let near = smooth_step(1.0, 0.35, (to[0] / JAW_REACH[0]).hypot(to[1] / JAW_REACH[1]));
        way[0] += self.amount * JAW_GAIN * near * to[0];
        way
    }
}

#[cfg(test)]
mod tests {
    use super::super::align::Pose;
    use super::super::align::tests::face;
    use super::*;
    use pixels::warp::{distance, undone};

    impl Retouch {
        /// Where in the painted face the place `p` of the photo's comes to lie.
        fn target(&self, p: Point) -> Point {
            // The solver's steps are for px.
            const PX: f32 = 100.0;
            undone(p.map(|v| PX * v), |q| self.way(q.map(|v| v / PX)).map(|v| PX * v)).map(|v| v / PX)
        }
    }

    fn retouch(eyes: f32) -> Retouch {
        Retouch::new(&Pose::of(&face([300.0, 200.0], 50.0, 0.2)).unwrap(), eyes)
    }

    #[test]
    fn eyes_grow_and_the_jaw_narrows() {
        let retouch = retouch(1.0);
        // The lids of an eye, and the jaw beside the chin.
        let open = |retouch: &Retouch| distance(retouch.target([0.5, -0.1]), retouch.target([0.5, 0.1]));
        assert!((1.3..1.5).contains(&(open(&retouch) / 0.2)), "{}", open(&retouch));
        let jaw = retouch.target([0.8, 1.45])[0];
        assert!((0.7..0.76).contains(&jaw), "{jaw}");
        assert_eq!(retouch.target([0.0, 0.0]), retouch.source([0.0, 0.0]));
        for p in [[0.0, -1.0], [1.8, 1.4], [-2.0, 0.3], [0.3, 2.6]] {
            assert_eq!(retouch.source(p), p, "outside of the face nothing moves");
        }
    }

    #[test]
    fn what_is_bent_is_found_again_and_nothing_folds() {
        for eyes in [0.0, 0.5, 1.0, 1.5] {
            let retouch = retouch(eyes);
            for i in 0..1600 {
                let p = [(i % 40) as f32 * 0.1 - 2.0, (i / 40) as f32 * 0.1 - 1.5];
                assert!(distance(retouch.source(retouch.target(p)), p) < 1e-4, "{eyes} {p:?}");
                let right = retouch.source([p[0] + 0.01, p[1]]);
                let below = retouch.source([p[0], p[1] + 0.01]);
                let here = retouch.source(p);
                assert!(right[0] > here[0] + 0.002 && below[1] > here[1] + 0.002, "{eyes} {p:?} folds");
            }
        }
    }

    #[test]
    fn a_profile_and_a_look_without_it_are_left_alone() {
        let mut turned = face([300.0, 200.0], 50.0, 0.0);
        turned.landmarks[2][0] += 40.0;
        let pose = Pose::of(&turned).unwrap();
        assert_eq!(Retouch::new(&pose, 1.0).source([0.5, 0.1]), [0.5, 0.1]);
        assert_eq!(retouch(0.0).source([0.5, 0.1]), [0.5, 0.1]);
    }
}
