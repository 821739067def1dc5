//! `kaiga avatar`: a painted square of the main face.

use crate::args::{AvatarParams, Input};
use crate::out;
use crate::photo::{self, Destination, Target};
use kaiga::faces::avatar_crop;
use kaiga::{Known, Studio, unwatched};
use pixels::Image;
use pixels::codec;
use pixels::space::Alpha8;

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
    let painting = painter.paint_with(&square.image, known, &unwatched).map_err(|error| error.to_string())?;
    let alpha = if params.is_round { Some(round(square.alpha.as_ref(), params.size_px)) } else { square.alpha };
    let bytes =
        codec::write(&painting, alpha.as_ref(), params.format, params.quality).map_err(|error| error.to_string())?;
    destination.deliver(&bytes)?;
    let size_px = params.size_px;
    if faces.is_empty() {
        out::complain("kaiga: no face was found, this is the middle of the photo, of a tall one its upper middle");
    }
    if let Target::File(path) = &params.target {
        out::line(&format!("{}  {size_px}×{size_px} px", out::shown(path)));
    }
    Ok(())
}

/// The circle in a square of `side_px`, as opaque as the square was; half a pixel soft at its border.
fn round(alpha: Option<&Image<Alpha8>>, side_px: usize) -> Image<Alpha8> {
    let radius = side_px as f32 / 2.0;
    Image::from_fn(side_px, side_px, |x, y| {
        let away = (x as f32 + 0.5 - radius).hypot(y as f32 + 0.5 - radius);
        let inside = (radius - away + 0.5).clamp(0.0, 1.0);
        (inside * alpha.map_or(255.0, |alpha| f32::from(alpha.at(x, y)))).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_reaches_the_sides_and_leaves_the_corners() {
        let circle = round(None, 40);
        assert_eq!((circle.at(20, 20), circle.at(20, 1), circle.at(0, 0), circle.at(39, 39)), (255, 255, 0, 0));
        let covered = circle.pixels().iter().map(|&v| f32::from(v) / 255.0).sum::<f32>();
        assert!((covered - std::f32::consts::PI * 400.0).abs() < 4.0, "{covered}");
        let half = round(Some(&Image::filled(40, 40, 128)), 40);
        assert_eq!((half.at(20, 20), half.at(0, 0)), (128, 0));
    }
}
