//! A face upright: coordinates of its own, in which every face looks alike.

use super::Face;
use pixels::warp::{Point, Similarity, distance, smooth_step};

/// A face turned less than this to the side is seen from the front: how far the tip of the nose is from the middle
/// between the eyes, in distances of the eyes.
const FRONTAL: f32 = 0.22;
/// Turned as far as this it is a profile.
const PROFILE: f32 = 0.55;
/// Eyes this near to each other, in distances from eyes to mouth, are those of a profile.
const PROFILE_EYES: f32 = 0.5;
/// The distance of the eyes of an upright face, in distances from eyes to mouth.
const EYES_TO_MOUTH: f32 = 0.9;

/// How a face lies in the photo.
///
/// Its own coordinates have their origin midway between the eyes, x along the line of the eyes and y down to the chin.
/// Their unit is the distance between the eyes of a face seen from the front. In a grown-up's face the mouth is then
/// at 1.1, the chin at 1.8 to 1.9, the hairline at −1.4, an ear at ±1.25.
#[derive(Clone, Debug)]
pub(crate) struct Pose {
    /// From the photo's px to the face's coordinates.
    pub(crate) to_face: Similarity,
    /// From the face's coordinates to the photo's px.
    pub(crate) to_photo: Similarity,
    /// The unit, px of the photo.
    pub(crate) unit_px: f32,
    /// Both eyes in the face's coordinates.
    pub(crate) eyes: [Point; 2],
    /// The middle of the mouth in the face's coordinates.
    pub(crate) mouth: Point,
    /// How much the face is seen from the front: 1 is fully, 0 in profile.
    pub(crate) frontal: f32,
}

impl Pose {
    /// `None` if the landmarks are not those of a face: in one place, not finite, the mouth between the eyes.
    pub(crate) fn of(face: &Face) -> Option<Self> {
        let [left, right, nose, mouth_left, mouth_right] = face.landmarks;
        let (middle, mouth) = (midpoint(left, right), midpoint(mouth_left, mouth_right));
        let (apart_px, down_px) = (distance(left, right), distance(middle, mouth));
        let unit_px = apart_px.max(EYES_TO_MOUTH * down_px);
        if !(unit_px.is_finite() && apart_px > 1e-3 && down_px > 0.3 * apart_px) {
            return None;
        }
        // Along the eyes; of a profile, whose eyes are close together, across the way to the mouth.
        let along = [(right[0] - left[0]) / apart_px, (right[1] - left[1]) / apart_px];
        let down = [(mouth[0] - middle[0]) / down_px, (mouth[1] - middle[1]) / down_px];
        // Eyes are told apart by the picture's left and right: a face that hangs down has its mouth above them.
        let facing = along[0] * down[1] - along[1] * down[0];
        let along = if facing < 0.0 { along.map(|v| -v) } else { along };
        if facing.abs() < 0.5 {
            return None;
        }
        let share = (apart_px / (PROFILE_EYES * 1.5 * down_px)).min(1.0);
        let axis = [share * along[0] + (1.0 - share) * down[1], share * along[1] - (1.0 - share) * down[0]];
        let length = axis[0].hypot(axis[1]);
        let end = [middle[0] + axis[0] / length * unit_px, middle[1] + axis[1] / length * unit_px];
        let to_face = Similarity::of_pairs([middle, end], [[0.0, 0.0], [1.0, 0.0]])?;
        let [left, right, nose, mouth] = [left, right, nose, mouth].map(|p| to_face.apply(p));
        let turned = (nose[0] / (right[0] - left[0])).abs();
        let seen = 1.0 - smooth_step(FRONTAL, PROFILE, turned);
        let frontal = seen * smooth_step(PROFILE_EYES, PROFILE_EYES * 1.3, apart_px / down_px);
        let eyes = if left[0] <= right[0] { [left, right] } else { [right, left] };
        Some(Self { to_photo: to_face.inverse(), to_face, unit_px, eyes, mouth, frontal })
    }
}

/// The middle of two places.
pub(crate) fn midpoint(a: Point, b: Point) -> Point {
    [0.5 * (a[0] + b[0]), 0.5 * (a[1] + b[1])]
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A face seen from the front, its eyes `apart_px` from each other, turned by `angle` (radians) in the picture.
    pub(crate) fn face(middle: Point, apart_px: f32, angle: f32) -> Face {
        let place = |x: f32, y: f32| {
            let (sin, cos) = angle.sin_cos();
            [middle[0] + apart_px * (cos * x - sin * y), middle[1] + apart_px * (sin * x + cos * y)]
        };
        let landmarks = [place(-0.5, 0.0), place(0.5, 0.0), place(0.0, 0.6), place(-0.4, 1.1), place(0.4, 1.1)];
        let bounds = [middle[0] - 1.1 * apart_px, middle[1] - apart_px, 2.2 * apart_px, 2.85 * apart_px];
        Face { bounds, landmarks, score: 1.0 }
    }

    #[test]
    fn every_face_looks_alike_in_its_own_coordinates() {
        for angle in [0.0, 0.4, -1.2, 1.5, 2.9] {
            let pose = Pose::of(&face([300.0, 200.0], 50.0, angle)).unwrap();
            assert!((pose.unit_px - 50.0).abs() < 1e-2 && pose.frontal == 1.0);
            assert!(distance(pose.eyes[0], [-0.5, 0.0]) < 1e-4 && distance(pose.eyes[1], [0.5, 0.0]) < 1e-4);
            assert!(distance(pose.mouth, [0.0, 1.1]) < 1e-4, "{angle}: {:?}", pose.mouth);
            assert!(distance(pose.to_photo.apply([0.0, 0.0]), [300.0, 200.0]) < 1e-3);
        }
    }

    #[test]
    fn a_face_that_hangs_down_is_turned_up() {
        // Eyes are named by the picture's left and right, so the landmarks are those of a face turned and renamed.
        let mut hanging = face([300.0, 200.0], 50.0, std::f32::consts::PI);
        hanging.landmarks.swap(0, 1);
        let pose = Pose::of(&hanging).unwrap();
        assert!(distance(pose.mouth, [0.0, 1.1]) < 1e-4 && distance(pose.eyes[0], [-0.5, 0.0]) < 1e-4);
    }

    #[test]
    fn a_profile_is_known_by_its_nose_and_its_eyes() {
        let mut turned = face([300.0, 200.0], 50.0, 0.0);
        turned.landmarks[2][0] += 15.0;
        let frontal = Pose::of(&turned).unwrap().frontal;
        assert!(frontal > 0.0 && frontal < 1.0, "{frontal}");
        turned.landmarks[2][0] += 20.0;
        assert_eq!(Pose::of(&turned).unwrap().frontal, 0.0);
        let mut close = face([300.0, 200.0], 50.0, 0.0);
        close.landmarks[0][0] += 15.0;
        close.landmarks[1][0] -= 15.0;
        let pose = Pose::of(&close).unwrap();
        assert!(pose.frontal == 0.0 && pose.unit_px > 45.0, "as large as it is: {pose:?}");
    }

    #[test]
    fn what_is_no_face_has_no_pose() {
        let sound = face([30.0, 20.0], 10.0, 0.0);
        let with = |landmarks| Pose::of(&Face { landmarks, ..sound });
        assert!(with([[7.0; 2]; 5]).is_none() && with([[f32::NAN; 2]; 5]).is_none());
        let [left, right, nose, ..] = sound.landmarks;
        assert!(with([left, right, nose, left, right]).is_none());
    }
}
