//! Faces that were found in a photo: outlines, and what is near them.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use pixels::warp::{Point, distance};
use serde::Deserialize;

/// Outlines of a face, as `faces.py` finds them: closed unless said otherwise, in shares of the photo's sides when
/// read and in pixels when painted. Left and right are the picture's.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Face {
    /// 36 points from the top of the forehead by the right to the chin (point 18) and back.
    pub oval: Vec<Point>,
    /// Eyes and brows.
    #[serde(flatten)]
    pub eyes: Eyes,
    /// The outer border of the lips, from the left corner over the upper lip.
    pub lips: Vec<Point>,
    /// The inner border of the lips.
    pub mouth: Vec<Point>,
    /// From the root of the nose to its tip; open.
    pub nose: Vec<Point>,
    /// From the left wing of the nose under the tip to the right one; open.
    pub nose_base: Vec<Point>,
}

/// The outlines of eyes and brows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Eyes {
    /// 16 points from the outer corner along the upper lid to the inner corner (point 8) and back.
    pub left_eye: Vec<Point>,
    /// Likewise.
    pub right_eye: Vec<Point>,
    /// Points around the iris.
    pub left_iris: Vec<Point>,
    /// Likewise.
    pub right_iris: Vec<Point>,
    /// Around the brow.
    pub left_brow: Vec<Point>,
    /// Likewise.
    pub right_brow: Vec<Point>,
}

/// The faces of photos by their paths below the folder of photos, in shares of a photo's sides; what `faces.py` wrote.
///
/// # Errors
/// If the file cannot be read or is not what `faces.py` writes.
pub fn read(path: &Path) -> Result<HashMap<String, Vec<Face>>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let wrong = || format!("{} is not what faces.py writes", path.display());
    let faces: HashMap<String, Vec<Face>> = serde_json::from_str(&text).with_context(wrong)?;
    let outlined = |face: &Face| {
        let eyes = face.both_eyes().iter().all(|(outline, iris)| outline.len() == 16 && !iris.is_empty());
        eyes && face.oval.len() == 36
            && !face.lips.is_empty()
            && !face.mouth.is_empty()
            && !face.nose.is_empty()
            && face.nose_base.len() == 7
    };
    anyhow::ensure!(faces.values().flatten().all(outlined), wrong());
    Ok(faces)
}

impl Face {
    /// The face with every point `p` at `p · scale + offset`: from shares to pixels, or into a crop.
    #[must_use]
    pub fn at(&self, scale: Point, offset: Point) -> Self {
        let line = |points: &Vec<Point>| -> Vec<Point> {
            points.iter().map(|p| [p[0] * scale[0] + offset[0], p[1] * scale[1] + offset[1]]).collect()
        };
        let eyes = &self.eyes;
        Self {
            oval: line(&self.oval),
            eyes: Eyes {
                left_eye: line(&eyes.left_eye),
                right_eye: line(&eyes.right_eye),
                left_iris: line(&eyes.left_iris),
                right_iris: line(&eyes.right_iris),
                left_brow: line(&eyes.left_brow),
                right_brow: line(&eyes.right_brow),
            },
            lips: line(&self.lips),
            mouth: line(&self.mouth),
            nose: line(&self.nose),
            nose_base: line(&self.nose_base),
        }
    }

    /// Both eyes: outline and iris.
    pub(super) fn both_eyes(&self) -> [(&[Point], &[Point]); 2] {
        [(&self.eyes.left_eye, &self.eyes.left_iris), (&self.eyes.right_eye, &self.eyes.right_iris)]
    }

    /// Both brows.
    pub(super) fn brows(&self) -> [&[Point]; 2] {
        [&self.eyes.left_brow, &self.eyes.right_brow]
    }

    /// The face's measure: the distance between the eyes, and no less than a third of the oval's height, so that a
    /// face in profile is as large as it is.
    pub(super) fn measure(&self) -> f32 {
        let [(left, _), (right, _)] = self.both_eyes();
        let (top, chin) = (self.oval[0], self.oval[self.oval.len() / 2]);
        distance(centre(left), centre(right)).max(0.33 * distance(top, chin))
    }
}

/// The mean of the points.
pub(super) fn centre(points: &[Point]) -> Point {
    let sum = points.iter().fold([0.0; 2], |sum, p| [sum[0] + p[0], sum[1] + p[1]]);
    sum.map(|v| v / points.len().max(1) as f32)
}

/// The distance of `p` from the line through `points`, and how far along it, 0..1, the nearest place lies.
pub(super) fn from_line(points: &[Point], p: Point) -> (f32, f32) {
    let pieces = points.len().saturating_sub(1).max(1) as f32;
    let mut best = (f32::INFINITY, 0.0);
    for (i, ends) in points.windows(2).enumerate() {
        let (across, to) = ([ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]], [p[0] - ends[0][0], p[1] - ends[0][1]]);
        let square = across[0] * across[0] + across[1] * across[1];
        let t = ((to[0] * across[0] + to[1] * across[1]) / square.max(1e-9)).clamp(0.0, 1.0);
        let away = (to[0] - t * across[0]).hypot(to[1] - t * across[1]);
        if away < best.0 {
            best = (away, (i as f32 + t) / pieces);
        }
    }
    best
}

/// How far `p` is inside the closed outline `points`; negative outside.
pub(super) fn depth_in(points: &[Point], p: Point) -> f32 {
    let (mut inside, mut away) = (false, f32::INFINITY);
    for (i, &a) in points.iter().enumerate() {
        let b = points[(i + 1) % points.len()];
        away = away.min(from_line(&[a, b], p).0);
        if (a[1] > p[1]) != (b[1] > p[1]) && p[0] < a[0] + (p[1] - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) {
            inside = !inside;
        }
    }
    if inside { away } else { -away }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_in_a_square_by_hand() {
        let square = [[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]];
        assert_eq!(depth_in(&square, [3.0, 5.0]), 3.0);
        assert_eq!(depth_in(&square, [14.0, 13.0]), -5.0);
        assert_eq!(from_line(&square[..3], [12.0, 5.0]), (2.0, 0.75));
    }
}
