//! `kaiga faces`: where the faces are in a photo.

use crate::args::Input;
use crate::out;
use crate::photo;
use kaiga::faces::landmarks::Part;
use kaiga::faces::{Face, Landmarks};
use kaiga::{Studio, unwatched};
use pixels::Image;
use pixels::codec::{self, Format, Limits};
use pixels::space::Srgb8;
use serde_json::{Value, json};
use std::path::Path;

/// What the five landmarks are called; left and right are the picture's.
const LANDMARKS: [&str; 5] = ["eye_left", "eye_right", "nose", "mouth_left", "mouth_right"];
/// Boxes and dots.
const INK: [u8; 3] = [236, 72, 153];

/// What the parts of dense landmarks are called.
fn part_name(part: Part) -> &'static str {
    match part {
        Part::LeftEye => "left_eye",
        Part::RightEye => "right_eye",
        Part::LeftIris => "left_iris",
        Part::RightIris => "right_iris",
        Part::LeftBrow => "left_brow",
        Part::RightBrow => "right_brow",
        Part::Nose => "nose",
        Part::NoseBase => "nose_base",
        Part::Lips => "lips",
        Part::Mouth => "mouth",
        Part::Oval => "oval",
    }
}

/// The faces, for people or for programs, with dense landmarks if wanted; drawn into a copy of the photo at `draw`.
pub(crate) fn list(
    studio: &Studio,
    path: &Path,
    limits: &Limits,
    draw: Option<&Path>,
    (as_json, wants_landmarks): (bool, bool),
) -> Result<String, String> {
    let input = Input::Path(path.to_owned());
    let format = draw.map(drawn_as).transpose()?;
    if let Some(draw) = draw {
        photo::spare(&input, &photo::Target::File(draw.to_owned()))?;
    }
    let photo = photo::read(&input, limits).map_err(|complaint| format!("{}: {complaint}", out::shown(path)))?;
    let faces = studio.faces(&photo.image, &unwatched).map_err(|error| error.to_string())?;
    let dense = |face: &Face| studio.landmarks(&photo.image, face).map_err(|error| error.to_string());
    let landmarks: Vec<Option<Landmarks>> =
        if wants_landmarks { faces.iter().map(dense).collect::<Result<_, _>>()? } else { vec![None; faces.len()] };
    if let (Some(draw), Some(format)) = (draw, format) {
        let marked = marked(photo.image.clone(), &faces, &landmarks);
        let bytes = codec::write(&marked, photo.alpha.as_ref(), format, 92).map_err(|error| error.to_string())?;
        crate::place::write_whole(draw, &bytes)?;
    }
    if as_json {
        let (width, height) = (photo.image.width(), photo.image.height());
        let faces: Vec<Value> =
            faces.iter().zip(&landmarks).map(|(face, dense)| for_programs(face, dense.as_ref())).collect();
        let mut told = json!({"input": path.display().to_string(), "width": width, "height": height, "faces": faces});
        if let Some(warning) = photo.warning {
            told["warning"] = warning.to_string().into();
        }
        return Ok(told.to_string());
    }
    if let Some(warning) = photo.warning {
        out::complain(&format!("kaiga: {}: {warning}", out::shown(path)));
    }
    let count = match faces.len() {
        0 => "no faces".to_owned(),
        1 => "1 face".to_owned(),
        n => format!("{n} faces"),
    };
    let lines = faces.iter().enumerate().map(|(i, face)| for_people(i + 1, face));
    Ok(std::iter::once(format!("{count} in {}", out::shown(path))).chain(lines).collect::<Vec<_>>().join("\n"))
}

fn drawn_as(path: &Path) -> Result<Format, String> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let format = Format::from_extension(extension).filter(|format| format.can_write());
    format.ok_or_else(|| format!("we write png, jpg and webp: choose another name than {}", path.display()))
}

fn for_programs(face: &Face, dense: Option<&Landmarks>) -> Value {
    let tenth = |v: f32| (f64::from(v) * 10.0).round() / 10.0;
    let landmarks: serde_json::Map<String, Value> =
        LANDMARKS.iter().zip(face.landmarks).map(|(name, p)| ((*name).to_owned(), json!(p.map(tenth)))).collect();
    let score = (f64::from(face.score) * 1e4).round() / 1e4;
    let mut told = json!({"bounds": face.bounds.map(tenth), "landmarks": landmarks, "score": score});
    if let Some(dense) = dense {
        for part in Part::ALL {
            let points: Vec<[f64; 2]> = dense.part(part).iter().map(|p| p.map(tenth)).collect();
            let spread = (f64::from(dense.spread(part)) * 1e3).round() / 1e3;
            told["parts"][part_name(part)] = json!({"points": points, "spread": spread});
        }
    }
    told
}

fn for_people(number: usize, face: &Face) -> String {
    let [left, top, width, height] = face.bounds;
    let place = |p: [f32; 2]| format!("{:.0},{:.0}", p[0], p[1]);
    let [eye_left, eye_right, nose, mouth_left, mouth_right] = face.landmarks.map(place);
    format!(
        "{number:3}  {width:.0}×{height:.0} px at {}  score {:.3}  eyes {eye_left} {eye_right}  nose {nose}  \
         mouth {mouth_left} {mouth_right}",
        place([left, top]),
        face.score
    )
}

/// The picture with a box around every face and a dot at every landmark.
fn marked(mut picture: Image<Srgb8>, faces: &[Face], landmarks: &[Option<Landmarks>]) -> Image<Srgb8> {
    let thick = (picture.width().min(picture.height()) as f32 / 300.0).max(1.0);
    for (face, dense) in faces.iter().zip(landmarks) {
        let [x, y, width, height] = face.bounds;
        let (right, bottom) = (x + width, y + height);
        for [left, top, right, bottom] in [
            [x, y, right, y + thick],
            [x, bottom - thick, right, bottom],
            [x, y, x + thick, bottom],
            [right - thick, y, right, bottom],
        ] {
            fill(&mut picture, [left, top], [right, bottom]);
        }
        let dot = (0.02 * width).max(thick);
        for &[x, y] in dense.iter().flat_map(Landmarks::points) {
            fill(&mut picture, [x - thick, y - thick], [x + thick, y + thick]);
        }
        for [x, y] in face.landmarks.into_iter().filter(|_| dense.is_none()) {
            fill(&mut picture, [x - dot, y - dot], [x + dot, y + dot]);
        }
    }
    picture
}

/// Paints a rectangle, as far as it is in the picture.
fn fill(picture: &mut Image<Srgb8>, from: [f32; 2], to: [f32; 2]) {
    let span = |low: f32, high: f32, len: usize| {
        let low = (low.round().max(0.0) as usize).min(len);
        low..(high.round().max(0.0) as usize).clamp(low, len)
    };
    let (width, height) = (picture.width(), picture.height());
    for y in span(from[1], to[1], height) {
        for x in span(from[0], to[0], width) {
            picture.pixels_mut()[y * width + x] = INK;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_is_told_and_marked_even_beyond_the_border() {
        let face = Face { bounds: [-5.0, 4.0, 20.0, 40.0], landmarks: [[3.0, 10.0]; 5], score: 0.75 };
        let told = for_programs(&face, None);
        assert_eq!(told["bounds"], json!([-5.0, 4.0, 20.0, 40.0]));
        assert_eq!((&told["landmarks"]["nose"], &told["score"]), (&json!([3.0, 10.0]), &json!(0.75)));
        assert!(for_people(1, &face).contains("20×40 px at -5,4  score 0.750"), "{}", for_people(1, &face));
        let marked = marked(Image::filled(30, 30, [0; 3]), &[face], &[None]);
        assert_eq!((marked.at(14, 20), marked.at(3, 10), marked.at(7, 20)), (INK, INK, [0; 3]));
    }

    #[test]
    fn what_cannot_be_written_is_refused_before_anything_is_done() {
        assert!(drawn_as(Path::new("a.gif")).is_err_and(|complaint| complaint.contains("a.gif")));
        assert_eq!(drawn_as(Path::new("夏.JPG")), Ok(Format::Jpeg));
    }
}
