//! Faces that are drawn: skin in a few tones of its own complexion, and eyes, brows, nose, mouth and jaw as strokes along
//! dense landmarks, at the size of the result.
//!
//! [`skin`] works on the portrait as it was painted, before it is upscaled; [`features`] draws over the finished picture.
//! What is not sure is not drawn: every part is as strong as its landmarks are certain.

mod features;
mod pen;
mod skin;
mod style;

pub(crate) use features::{Original, draw};
pub(crate) use skin::lay;
pub(crate) use style::FaceStyle;

use super::Landmarks;
use super::align::Pose;
use super::landmarks::Part;
use pixels::warp::{Point, Similarity, smooth_step};

/// Under the first unit (about the distance of the eyes, px) a face is not drawn, from the second on fully.
const SIZES_PX: [f32; 2] = [11.0, 26.0];
/// How far landmarks may be expected to be off, in distances of the eyes: a part is drawn fully under the first, not at
/// all over the second.
const SURE: [f32; 2] = [0.075, 0.14];

/// A face that is drawn, in one coordinate system or another.
#[derive(Clone, Debug)]
pub(crate) struct Drawing {
    pub(crate) landmarks: Landmarks,
    /// The unit of the pose, px.
    pub(crate) unit_px: f32,
    /// How far it is drawn, 0..1: by size, pose and what was asked for.
    pub(crate) amount: f32,
}

impl Drawing {
    /// A face with these landmarks, px of the picture; `None` if it is too small, turned too far or too unsure.
    pub(crate) fn of(pose: &Pose, landmarks: Landmarks, asked: f32) -> Option<Self> {
        let eyes = landmarks.spread(Part::LeftEye).min(landmarks.spread(Part::RightEye));
        let sure = smooth_step(SURE[1], SURE[0], eyes);
        let seen = smooth_step(0.0, 0.5, pose.frontal);
        let amount = asked * sure * seen * smooth_step(SIZES_PX[0], SIZES_PX[1], pose.unit_px);
        (amount > 0.0).then_some(Self { landmarks, unit_px: pose.unit_px, amount })
    }

    /// The same in other coordinates.
    pub(crate) fn placed(&self, by: &Similarity) -> Self {
        Self {
            landmarks: self.landmarks.moved(|p| by.apply(p)),
            unit_px: self.unit_px * by.scale(),
            amount: self.amount,
        }
    }

    /// How much of a part is drawn, 0..1.
    fn share(&self, part: Part) -> f32 {
        self.amount * smooth_step(SURE[1], SURE[0], self.landmarks.spread(part))
    }

    fn part(&self, part: Part) -> &[Point] {
        self.landmarks.part(part)
    }

    /// Places on the cheeks, the tip of the nose and the forehead, where skin is bare.
    fn bare_skin(&self) -> [Point; 6] {
        let (lips, oval) = (self.part(Part::Lips), self.part(Part::Oval));
        let mix = |a: Point, b: Point, t: f32| [0, 1].map(|axis| a[axis] + t * (b[axis] - a[axis]));
        let [left, right] = [Part::LeftEye, Part::RightEye].map(|eye| self.part(eye));
        let [under_left, under_right] = [mix(left[12], lips[0], 0.45), mix(right[12], lips[10], 0.45)];
        let brows = mix(self.part(Part::LeftBrow)[4], self.part(Part::RightBrow)[4], 0.5);
        let out = |cheek: Point, side: Point| mix(cheek, side, 0.25);
        [
            under_left,
            under_right,
            out(under_left, oval[14]),
            out(under_right, oval[4]),
            self.part(Part::Nose)[4],
            mix(brows, oval[0], 0.35),
        ]
    }
}
