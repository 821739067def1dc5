//! Whether a painted face is still a face, the same one, in the same place.

use kaiga::faces::Face;
use kaiga::faces::nms::iou;
use pixels::warp::distance;
use serde::Serialize;

/// The least overlap (IoU) of a face with the one found again.
const LEAST_OVERLAP: f32 = 0.3;

/// What became of the faces of some portraits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Survival {
    /// Faces in the photos.
    pub faces: usize,
    /// How many of them are found again in the paintings, 0..1.
    pub found_again: f64,
    /// How far their landmarks moved, in distances of the eyes, mean.
    pub moved: f64,
    /// The face that moved most.
    pub moved_most: f64,
}

impl Survival {
    /// From what [`moved`] says of each face. Nothing of no faces.
    pub fn of(faces: &[Option<f64>]) -> Option<Self> {
        let again: Vec<f64> = faces.iter().copied().flatten().collect();
        (!faces.is_empty()).then(|| Self {
            faces: faces.len(),
            found_again: again.len() as f64 / faces.len() as f64,
            moved: again.iter().sum::<f64>() / again.len().max(1) as f64,
            moved_most: again.iter().copied().fold(0.0, f64::max),
        })
    }
}

/// How far the landmarks of `face` moved, mean of the five, in distances of its eyes, if it is among the faces `found`
/// in its painting. `unbend` leads from a place in the painting to where it comes from in the photo.
pub fn moved(face: &Face, found: &[Face], unbend: impl Fn([f32; 2]) -> [f32; 2]) -> Option<f64> {
    let again = same_face(found, face, LEAST_OVERLAP)?;
    Some(landmarks_off(&again.landmarks.map(unbend), &face.landmarks))
}

/// The one of `faces` whose box overlaps that of `face` the most, if its IoU is at least `least`.
pub fn same_face<'a>(faces: &'a [Face], face: &Face, least: f32) -> Option<&'a Face> {
    let best = faces.iter().map(|other| (iou(other.bounds, face.bounds), other)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(iou, _)| *iou >= least).map(|(_, other)| other)
}

/// Mean distance of five landmarks, in the distance of the wanted eyes.
pub fn landmarks_off(got: &[[f32; 2]; 5], wanted: &[[f32; 2]; 5]) -> f64 {
    let apart = |a: [f32; 2], b: [f32; 2]| f64::from(distance(a, b));
    let sum: f64 = got.iter().zip(wanted).map(|(a, b)| apart(*a, *b)).sum();
    sum / 5.0 / apart(wanted[0], wanted[1]).max(1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_found_again_says_how_far_it_moved() {
        let landmarks = [[40.0, 40.0], [60.0, 40.0], [50.0, 52.0], [42.0, 62.0], [58.0, 62.0]];
        let face = Face { bounds: [30.0, 20.0, 40.0, 50.0], landmarks, score: 1.0 };
        let shifted = Face { landmarks: landmarks.map(|[x, y]| [x + 3.0, y + 4.0]), ..face };
        let elsewhere = Face { bounds: [200.0, 20.0, 40.0, 50.0], ..face };
        let as_it_is = |p| p;
        assert_eq!(moved(&face, &[elsewhere, shifted], as_it_is), Some(0.25));
        assert_eq!(moved(&face, &[shifted], |[x, y]| [x - 3.0, y - 4.0]), Some(0.0));
        assert_eq!((moved(&face, &[elsewhere], as_it_is), moved(&face, &[], as_it_is)), (None, None));
        let all = Survival::of(&[Some(0.02), None, Some(0.04), Some(0.0)]);
        let expected = Survival { faces: 4, found_again: 0.75, moved: 0.02, moved_most: 0.04 };
        assert_eq!((all, Survival::of(&[])), (Some(expected), None));
    }
}
