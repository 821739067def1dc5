//! `kaiga avatar`: a painted square of the main face.

use crate::args::{AvatarParams, Input};
use crate::out;
use crate::photo::{self, Destination, Target};
use kaiga::faces::avatar_crop;
use kaiga::{Known, Studio, unwatched};
use pixels::codec;

/// Makes one, writes it and says so.
pub(crate) fn paint(studio: &Studio, params: &AvatarParams) -> Result<(), String> {
    let named = |complaint: String| match &params.input {
        Input::Stdin => complaint,
        Input::Path(path) => format!("{}: {complaint}", out::shown(path)),
    };
    photo::spare(&params.input, &params.target).map_err(named)?;
    let photo = photo::read(&params.input, &params.limits).map_err(named)?;
    if let Some(warning) = photo.warning {
        out::complain(&format!("kaiga: {}", named(warning.to_string())));
    }
    let destination = Destination::reserve(&params.target, &photo)?;
    let faces = studio.faces(&photo.image, &unwatched).map_err(|error| error.to_string())?;
    let crop = avatar_crop(photo.image.width(), photo.image.height(), &faces);
    let square = photo.crop(crop.x, crop.y, crop.side, crop.side);
    let square = square.resize(params.size_px, params.size_px, crop.filter(params.size_px));
    drop(photo);
    let faces = crop.faces(&faces, params.size_px);
    let known = Known { faces: Some(&faces), ..Known::default() };
    let painter = studio.prepare(&params.look).map_err(|error| error.to_string())?;
    let mut painting = painter.paint_with(&square.image, known, &unwatched).map_err(|error| error.to_string())?;
    let framed = params.frame.put_around(studio, &square.image, &faces, &mut painting, square.alpha);
    let framed = framed.map_err(|error| error.to_string())?;
    let bytes = codec::write(&painting, framed.alpha.as_ref(), params.format, params.quality)
        .map_err(|error| error.to_string())?;
    destination.deliver(&bytes)?;
    let size_px = params.size_px;
    let background = if framed.is_background_kept { "; its background is kept" } else { "" };
    if faces.is_empty() {
        let what = "no face was found, this is the middle of the photo, of a tall one its upper middle";
        out::complain(&format!("kaiga: {what}{background}"));
    } else if framed.is_background_kept {
        out::complain("kaiga: it cannot be told who stands before the background; it is kept");
    }
    if let Target::File(path) = &params.target {
        out::line(&format!("{}  {size_px}×{size_px} px", out::shown(path)));
    }
    Ok(())
}
