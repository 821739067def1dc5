//! `kaiga avatar`: a painted square of the main face.

use crate::args::{AvatarOrder, Input};
use crate::out;
use crate::photo::{self, Destination, Target};
use kaiga::faces::avatar_crop;
use kaiga::{Known, Studio, unwatched};
use pixels::codec;

/// Makes one, writes it and says so.
pub(crate) fn paint(studio: &Studio, order: &AvatarOrder) -> Result<(), String> {
    let named = |complaint: String| match &order.input {
        Input::Stdin => complaint,
        Input::Path(path) => format!("{}: {complaint}", out::shown(path)),
    };
    photo::spare(&order.input, &order.target).map_err(named)?;
    let photo = photo::read(&order.input, &order.limits).map_err(named)?;
    if let Some(warning) = photo.warning {
        out::complain(&format!("kaiga: {}", named(warning.to_string())));
    }
    let destination = Destination::reserve(&order.target, &photo)?;
    let faces = studio.faces(&photo.image, &unwatched).map_err(|error| error.to_string())?;
    let crop = avatar_crop(photo.image.width(), photo.image.height(), &faces);
    let square = photo.crop(crop.x, crop.y, crop.side, crop.side);
    let square = square.resize(order.size_px, order.size_px, crop.filter(order.size_px));
    drop(photo);
    let faces = crop.faces(&faces, order.size_px);
    let known = Known { faces: Some(&faces), ..Known::default() };
    let painter = studio.prepare(&order.look).map_err(|error| error.to_string())?;
    let painting = painter.paint_with(&square.image, known, &unwatched).map_err(|error| error.to_string())?;
    let bytes = codec::write(&painting, square.alpha.as_ref(), order.format, order.quality)
        .map_err(|error| error.to_string())?;
    destination.deliver(&bytes)?;
    let size_px = order.size_px;
    if faces.is_empty() {
        out::complain("kaiga: no face was found, this is the middle of the photo, of a tall one its upper middle");
    }
    if let Target::File(path) = &order.target {
        out::line(&format!("{}  {size_px}×{size_px} px", out::shown(path)));
    }
    Ok(())
}
