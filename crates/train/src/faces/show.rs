//! A contact sheet of what detectors found.

use anyhow::Result;
use kaiga::faces::Face;
use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;

use super::evaluate::Seen;
use crate::sheet::sheet;

/// Longer side of a picture on the sheet, px.
const CELL_PX: usize = 420;
const COLUMNS: usize = 4;
const OURS: [u8; 3] = [40, 255, 90];
const THEIRS: [u8; 3] = [255, 60, 60];

/// The pictures as one PNG: the detector's boxes and landmarks in green, the peer's boxes in red.
///
/// # Errors
/// If the PNG cannot be made.
pub fn contact(seen: &[&Seen]) -> Result<Vec<u8>> {
    let cell = |picture: &&Seen| {
        let scale = CELL_PX as f32 / picture.image.width().max(picture.image.height()) as f32;
        let side = |px: usize| ((px as f32 * scale) as usize).max(1);
        let (width, height) = (side(picture.image.width()), side(picture.image.height()));
        let mut image = resize::to(&picture.image, width, height, Filter::Bilinear);
        picture.theirs.iter().for_each(|face| frame(&mut image, face, scale, THEIRS));
        for face in &picture.ours {
            frame(&mut image, face, scale, OURS);
            face.landmarks.iter().for_each(|[x, y]| dot(&mut image, x * scale, y * scale));
        }
        (width, height, image.pixels().as_flattened().to_vec())
    };
    let cells: Vec<_> = seen.iter().map(cell).collect();
    sheet(&cells.chunks(COLUMNS).map(<[_]>::to_vec).collect::<Vec<_>>())
}

fn put(image: &mut Image<Srgb8>, x: f32, y: f32, colour: [u8; 3]) {
    let (width, height) = (image.width(), image.height());
    if x >= 0.0 && y >= 0.0 && (x as usize) < width && (y as usize) < height {
        image.pixels_mut()[y as usize * width + x as usize] = colour;
    }
}

fn frame(image: &mut Image<Srgb8>, face: &Face, scale: f32, colour: [u8; 3]) {
    let [left, top, width, height] = face.bounds.map(|v| (v * scale).round());
    for x in 0..=width as usize {
        put(image, left + x as f32, top, colour);
        put(image, left + x as f32, top + height, colour);
    }
    for y in 0..=height as usize {
        put(image, left, top + y as f32, colour);
        put(image, left + width, top + y as f32, colour);
    }
}

fn dot(image: &mut Image<Srgb8>, x: f32, y: f32) {
    for (dx, dy) in [(0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)] {
        put(image, x + dx, y + dy, OURS);
    }
}
