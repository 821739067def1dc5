//! `kaiga avatar`: a painted square of the main face.

use crate::args::{AvatarOrder, Input};
use crate::out;
use crate::photo::{self, Destination, Target};
use kaiga::faces::avatar_crop;
use kaiga::{Studio, unwatched};
use pixels::codec;

/// Makes one, writes it and says so.
pub(crate) fn paint(studio: &Studio, order: &AvatarOrder) -> Result<(), String> {
    let named = |complaint: String| match &order.input {
        Input::Stdin => complaint,
        Input::Path(path) => format!("{}: {complaint}", out::shown(path)),
    };
    photo::spare(&order.input, &order.target).map_err(named)?;
    let photo = photo::read(&order.input, &order.limits).map_err(named)?;
    let destination = Destination::reserve(&order.target, &photo)?;
    let faces = studio.faces(&photo).map_err(|error| error.to_string())?;
    let crop = avatar_crop(photo.image.width(), photo.image.height(), &faces);
    let (square, faces) = crop.cut(&photo, &faces, order.size_px);
    drop(photo);
    let painting = studio.paint_with(&square, &order.look, &faces, &unwatched).map_err(|error| error.to_string())?;
    let bytes = codec::write(&painting.image, painting.alpha.as_ref(), order.format, order.quality)
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
