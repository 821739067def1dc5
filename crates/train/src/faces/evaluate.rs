//! Compares the detector with its peer, the package its labels are from, on pictures neither learnt from.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use kaiga::faces::nms::iou;
use kaiga::faces::{Detector, Face};
use pixels::Image;
use pixels::space::Srgb8;
use rayon::prelude::*;

use super::gather::{AS_THEY_ARE, SHRUNK, WITHOUT};
use super::labels::Entry;
use crate::evaluate::{landmarks_off, same_face};
use crate::file;
use crate::painter::face::Face as Outlined;

/// Faces that the peer is so sure of must be found.
const SURE: f32 = 0.95;
/// Least IoU of two boxes of one face.
const SAME_IOU: f32 = 0.5;
/// Least scores that recall and false faces are weighed at; under the detector's own, there is nothing.
const LEAST: [f32; 5] = [0.75, 0.8, 0.9, 0.95, 0.98];
/// Heights of faces, px: of the rows of the table.
const HEIGHTS: [(&str, f32, f32); 2] = [("24 to 40 px", 24.0, 40.0), ("from 40 px", 40.0, f32::INFINITY)];

/// A picture with what detector and peer found.
pub struct Seen {
    /// Path below the folder of pictures.
    pub name: String,
    /// The picture.
    pub image: Image<Srgb8>,
    /// The detector's faces.
    pub ours: Vec<Face>,
    /// The peer's.
    pub theirs: Vec<Face>,
}

/// A row of the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Faces the peer is sure of.
    pub faces: usize,
    /// How many of them the detector found.
    pub found: usize,
    /// Mean distance of landmarks between the two, in the peer's distances of the eyes, of the found ones.
    pub landmarks: f64,
    /// Mean IoU of their boxes.
    pub iou: f64,
}

/// Landmarks beside those of a third one, MediaPipe's mesh: mean distances in its distances of the eyes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Third {
    /// Faces all three found.
    pub faces: usize,
    /// The detector's.
    pub ours: f64,
    /// The peer's.
    pub theirs: f64,
}

/// Lets the detector look at every picture below `folder` that the peer has looked at.
///
/// # Errors
/// If a picture cannot be read.
pub fn look(folder: &Path, peer: &BTreeMap<String, Entry>, detector: &Detector) -> Result<Vec<Seen>> {
    let one = |(name, entry): (&String, &Entry)| -> Result<Seen> {
        let image = file::picture(&folder.join(name))?;
        let ours = detector.detect(&image)?;
        Ok(Seen { name: name.clone(), image, ours, theirs: entry.faces.iter().map(|found| found.face()).collect() })
    };
    let wanted = [AS_THEY_ARE, SHRUNK, WITHOUT];
    let entries: Vec<_> =
        peer.iter().filter(|(name, _)| wanted.iter().any(|folder| name.starts_with(&format!("{folder}/")))).collect();
    entries.into_par_iter().map(one).collect()
}

/// How many of the peer's sure faces `low`..`high` px high the detector found with a score of at least `least`.
pub fn compare<'a>(seen: impl Iterator<Item = &'a Seen>, low: f32, high: f32, least: f32) -> Row {
    let mut row = Row::default();
    for picture in seen {
        for theirs in &picture.theirs {
            if theirs.score < SURE || !(low..high).contains(&theirs.bounds[3]) {
                continue;
            }
            row.faces += 1;
            if let Some(ours) = same_face(&picture.ours, theirs, SAME_IOU).filter(|face| face.score >= least) {
                row.found += 1;
                row.landmarks += landmarks_off(&ours.landmarks, &theirs.landmarks);
                row.iou += f64::from(iou(ours.bounds, theirs.bounds));
            }
        }
    }
    let found = row.found.max(1) as f64;
    Row { landmarks: row.landmarks / found, iou: row.iou / found, ..row }
}

/// Landmarks of detector and peer against MediaPipe's, where all three found a face.
pub fn third(seen: &[Seen], mesh: &HashMap<String, Vec<Outlined>>) -> Third {
    let by_name: HashMap<String, &Vec<Outlined>> =
        mesh.iter().map(|(name, faces)| (format!("{AS_THEY_ARE}/{}", name.replace('/', "-")), faces)).collect();
    let mut sums = Third::default();
    for picture in seen {
        let size = [picture.image.width(), picture.image.height()].map(|side| side as f32);
        for outlined in by_name.get(&picture.name).into_iter().flat_map(|faces| faces.iter()) {
            let points = five(&outlined.at(size, [0.0; 2]));
            let nearest = |faces: &[Face]| {
                let off = faces.iter().map(|face| landmarks_off(&face.landmarks, &points));
                off.min_by(f64::total_cmp).filter(|off| *off < 0.5)
            };
            if let (Some(ours), Some(theirs)) = (nearest(&picture.ours), nearest(&picture.theirs)) {
                sums = Third { faces: sums.faces + 1, ours: sums.ours + ours, theirs: sums.theirs + theirs };
            }
        }
    }
    let count = sums.faces.max(1) as f64;
    Third { ours: sums.ours / count, theirs: sums.theirs / count, ..sums }
}

/// The five landmarks of an outlined face: the irises, the tip of the nose, the corners of the lips.
fn five(face: &Outlined) -> [[f32; 2]; 5] {
    let centre =
        |points: &[[f32; 2]]| [0, 1].map(|axis| points.iter().map(|p| p[axis]).sum::<f32>() / points.len() as f32);
    let tip = face.nose[face.nose.len() - 1];
    let [left, right] = [face.lips[0], face.lips[face.lips.len() / 2]];
    [centre(&face.eyes.left_iris), centre(&face.eyes.right_iris), tip, left, right]
}

/// The table, in Markdown.
pub fn table(seen: &[Seen], third: Option<&Third>) -> String {
    let of = |folder: &'static str| seen.iter().filter(move |picture| picture.name.starts_with(&format!("{folder}/")));
    let mut text = String::from(
        "| faces the peer is sure of | faces | found | recall | landmarks off | IoU |\n|---|---:|---:|---:|---:|---:|\n",
    );
    let rows = [(AS_THEY_ARE, 1, "as they are"), (AS_THEY_ARE, 0, "as they are"), (SHRUNK, 0, "photos shrunk")];
    for (folder, height, what) in rows {
        let (name, low, high) = HEIGHTS[height];
        let row = compare(of(folder), low, high, 0.0);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {name}, {what} | {} | {} | {:.1} % | {:.1} % | {:.2} |",
            row.faces,
            row.found,
            100.0 * row.found as f64 / row.faces.max(1) as f64,
            100.0 * row.landmarks,
            row.iou
        );
    }
    let without: Vec<&Seen> = of(WITHOUT).collect();
    let count = |faces: &dyn Fn(&Seen) -> usize| without.iter().map(|picture| faces(picture)).sum::<usize>();
    let _ = writeln!(
        text,
        "\n{} photos of food and landscapes: {} faces found, by the peer {} ({} of which it is sure).",
        without.len(),
        count(&|picture| picture.ours.len()),
        count(&|picture| picture.theirs.len()),
        count(&|picture| picture.theirs.iter().filter(|face| face.score >= SURE).count())
    );
    let found = without.iter().filter(|picture| !picture.ours.is_empty());
    let names: Vec<String> = found.map(|picture| format!("{} ({:.2})", picture.name, picture.ours[0].score)).collect();
    if !names.is_empty() {
        let _ = writeln!(text, "They are in {}.", names.join(", "));
    }
    let more: usize = of(AS_THEY_ARE)
        .map(|p| p.ours.iter().filter(|face| same_face(&p.theirs, face, SAME_IOU).is_none()).count())
        .sum();
    let all: usize = of(AS_THEY_ARE).map(|picture| picture.ours.len()).sum();
    let _ = writeln!(text, "In photos of people, as they are: {all} faces found, {more} of them not by the peer.");
    let _ = writeln!(
        text,
        "\n| least score | recall from 40 px | 24 to 40 px | shrunk | false faces |\n|---|---:|---:|---:|---:|"
    );
    for least in LEAST {
        let recall = |folder: &'static str, height: usize| {
            let row = compare(of(folder), HEIGHTS[height].1, HEIGHTS[height].2, least);
            100.0 * row.found as f64 / row.faces.max(1) as f64
        };
        let [large, small, shrunk] = [recall(AS_THEY_ARE, 1), recall(AS_THEY_ARE, 0), recall(SHRUNK, 0)];
        let wrong = count(&|picture| picture.ours.iter().filter(|face| face.score >= least).count());
        let _ = writeln!(text, "| {least} | {large:.1} % | {small:.1} % | {shrunk:.1} % | {wrong} |");
    }
    if let Some(Third { faces, ours, theirs }) = third {
        let (ours, theirs) = (100.0 * ours, 100.0 * theirs);
        let _ =
            writeln!(text, "Landmarks beside MediaPipe's, {faces} faces: {ours:.1} % off, the peer's {theirs:.1} %.");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32, size: f32, score: f32) -> Face {
        let landmarks =
            [[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.3, 0.8], [0.7, 0.8]].map(|[u, v]| [x + u * size, v * size]);
        Face { bounds: [x, 0.0, size, size], landmarks, score }
    }

    #[test]
    fn what_was_found_is_counted_by_hand() {
        let moved =
            Face { landmarks: face(0.0, 50.0, 1.0).landmarks.map(|[x, y]| [x + 2.0, y]), ..face(0.0, 50.0, 0.7) };
        let seen = [Seen {
            name: "faces/a.jpg".into(),
            image: Image::filled(1, 1, [0; 3]),
            ours: vec![moved, face(300.0, 50.0, 0.9)],
            theirs: vec![
                face(0.0, 50.0, 0.99),
                face(100.0, 50.0, 0.99),
                face(200.0, 50.0, 0.5),
                face(300.0, 30.0, 0.99),
            ],
        }];
        let row = compare(seen.iter(), 40.0, f32::INFINITY, 0.0);
        assert_eq!((row.faces, row.found, row.iou), (2, 1, 1.0));
        // Two pixels of the 20 between the eyes.
        assert!((row.landmarks - 0.1).abs() < 1e-6);
        assert_eq!(compare(seen.iter(), 24.0, 40.0, 0.0).found, 0, "IoU 0.36");
    }
}
