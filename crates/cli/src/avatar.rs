//! `kaiga avatar`: a painted square of the main face.

use crate::args::{AvatarOrder, Input};
use crate::photo::{self, Target};
use kaiga::faces::{Crop, Face, avatar_crop};
use kaiga::{Photo, Studio, unwatched};
use pixels::codec;
use pixels::resize::{self, Filter};

/// Makes one, writes it and says so.
pub(crate) fn paint(studio: &Studio, order: &AvatarOrder) -> Result<(), String> {
    let named = |complaint: String| match &order.input {
        Input::Stdin => complaint,
        Input::Path(path) => format!("{}: {complaint}", path.display()),
    };
    photo::spare(&order.input, &order.target).map_err(named)?;
    let photo = photo::read(&order.input, &order.limits).map_err(named)?;
    let faces = studio.faces(&photo).map_err(|error| error.to_string())?;
    let crop = avatar_crop(photo.image.width(), photo.image.height(), &faces);
    let (square, faces) = cut(&photo, crop, &faces, order.size_px);
    drop(photo);
    let painting = studio.paint_with(&square, &order.look, &faces, &unwatched).map_err(|error| error.to_string())?;
    let bytes = codec::write(&painting.image, painting.alpha.as_ref(), order.format, order.quality)
        .map_err(|error| error.to_string())?;
    photo::deliver(&order.target, &bytes)?;
    let size_px = order.size_px;
    if faces.is_empty() {
        eprintln!("kaiga: no face was found, this is the middle of the photo");
    }
    if let Target::File(path) = &order.target {
        println!("{}  {size_px}×{size_px} px", path.display());
    }
    Ok(())
}

/// The square at its final size, and the faces in it.
fn cut(photo: &Photo, Crop { x, y, side }: Crop, faces: &[Face], size_px: usize) -> (Photo, Vec<Face>) {
    let filter = if size_px < side { Filter::Lanczos3 } else { Filter::Mitchell };
    let image = resize::to(&photo.image.crop(x, y, side, side), size_px, size_px, filter);
    let alpha = photo.alpha.as_ref().map(|alpha| resize::to(&alpha.crop(x, y, side, side), size_px, size_px, filter));
    let scale = size_px as f32 / side as f32;
    let place = |[px, py]: [f32; 2]| [(px - x as f32) * scale, (py - y as f32) * scale];
    let faces = faces.iter().map(|face| {
        let [left, top, width, height] = face.bounds;
        let [left, top] = place([left, top]);
        let landmarks = face.landmarks.map(place);
        Face { bounds: [left, top, width * scale, height * scale], landmarks, ..*face }
    });
    (Photo { image, alpha, format: photo.format }, faces.collect())
}
