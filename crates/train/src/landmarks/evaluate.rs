//! How far landmarks are off on held-out people, found as a user's are: detector, face, eyes.

use anyhow::Result;
use kaiga::faces::landmarks::{Part, five};
use kaiga::faces::{Detector, Landmarker};
use pixels::warp::{Point, distance};

use super::labels::Photo;

/// A face that should be found.
pub struct Seen {
    /// Of which photo.
    pub name: String,
    /// Mean distance by part, in distances of the eyes, in the order of [`Part::ALL`]; `None` if the detector missed it.
    pub off: Option<[f32; Part::ALL.len()]>,
    /// What the networks expected, likewise.
    pub expected: [f32; Part::ALL.len()],
}

impl Seen {
    /// Mean over the points of these parts.
    pub fn mean(&self, parts: &[Part]) -> Option<f32> {
        let off = self.off?;
        let of = |part: &Part| off[part.index()] * part.points() as f32;
        Some(parts.iter().map(of).sum::<f32>() / parts.iter().map(|part| part.points()).sum::<usize>() as f32)
    }
}

/// Looks at every labelled face of the photos.
///
/// # Errors
/// If the networks do not fit a picture, which would be a bug.
pub fn look(photos: &[Photo], detector: &Detector, landmarker: &Landmarker) -> Result<Vec<Seen>> {
    let mut all = Vec::new();
    for photo in photos {
        let found = detector.detect(photo.pyramid.picture())?;
        for wanted in &photo.faces {
            let [left, right, ..] = five(wanted);
            let (eyes, middle) = (distance(left, right), [0, 1].map(|axis| 0.5 * (left[axis] + right[axis])));
            let away = |five: &[Point; 5]| distance([0, 1].map(|axis| 0.5 * (five[0][axis] + five[1][axis])), middle);
            let face = found.iter().min_by(|a, b| away(&a.landmarks).total_cmp(&away(&b.landmarks)));
            let face = face.filter(|face| away(&face.landmarks) < 0.6 * eyes);
            let landmarks = face.map_or(Ok(None), |face| landmarker.find(photo.pyramid.picture(), face))?;
            let mean = |part: Part, points: &[Point]| {
                let wanted = &wanted[part.start()..][..part.points()];
                points.iter().zip(wanted).map(|(a, b)| distance(*a, *b)).sum::<f32>() / (eyes * wanted.len() as f32)
            };
            let off = landmarks.as_ref().map(|found| Part::ALL.map(|part| mean(part, found.part(part))));
            let expected = landmarks.map_or([f32::NAN; 11], |found| Part::ALL.map(|part| found.spread(part)));
            all.push(Seen { name: photo.name.clone(), off, expected });
        }
    }
    Ok(all)
}

/// The figures in words and a table in Markdown.
pub fn table(seen: &[Seen]) -> String {
    let eyes = [Part::LeftEye, Part::RightEye, Part::LeftIris, Part::RightIris];
    let means = |parts: &[Part]| seen.iter().filter_map(|face| face.mean(parts)).collect::<Vec<f32>>();
    let mean = |values: &[f32]| 100.0 * values.iter().sum::<f32>() / values.len().max(1) as f32;
    let all = means(&Part::ALL);
    let over = all.iter().filter(|off| **off > 0.08).count();
    let mut text = format!(
        "{} faces, {} found. In distances of the eyes: all points {:.2} % off, lids and irises {:.2} %; \
         {over} faces over 8 %.\n\n| part | off, % | expected, % |\n|---|---|---|\n",
        seen.len(),
        all.len(),
        mean(&all),
        mean(&means(&eyes))
    );
    for (i, part) in Part::ALL.iter().enumerate() {
        let expected: Vec<f32> = seen.iter().map(|face| face.expected[i]).filter(|v| v.is_finite()).collect();
        text += &format!("| {part:?} | {:.2} | {:.2} |\n", mean(&means(&[*part])), mean(&expected));
    }
    text
}
