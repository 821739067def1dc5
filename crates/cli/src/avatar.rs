//! `kaiga avatar`: a painted square of the main face.

use crate::args::{AvatarParams, Input};
use crate::out;
use crate::photo::{self, Destination, Target};
use kaiga::faces::{Backdrop, avatar_crop};
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
    let mut painting = painter.paint_with(&square.image, known, &unwatched).map_err(|error| error.to_string())?;
    let mut alpha = square.alpha;
    if let (Some(face), true) = (faces.first(), params.backdrop != Backdrop::Keep) {
        let person = studio.person(&square.image, face).map_err(|error| error.to_string())?;
        if let Some(cut) = person.and_then(|person| params.backdrop.behind(&person, &square.image, &mut painting)) {
            alpha = Some(both(&cut, alpha.as_ref()));
        }
    }
    if params.is_round {
        alpha = Some(both(&circle(params.size_px), alpha.as_ref()));
    }
    let bytes =
        codec::write(&painting, alpha.as_ref(), params.format, params.quality).map_err(|error| error.to_string())?;
    destination.deliver(&bytes)?;
    let size_px = params.size_px;
    if faces.is_empty() {
        let background = if params.backdrop == Backdrop::Keep { "" } else { "; its background is kept" };
        out::complain(&format!(
            "kaiga: no face was found, this is the middle of the photo, of a tall one its upper middle{background}"
        ));
    }
    if let Target::File(path) = &params.target {
        out::line(&format!("{}  {size_px}×{size_px} px", out::shown(path)));
    }
    Ok(())
}

/// As opaque as both are.
fn both(alpha: &Image<Alpha8>, other: Option<&Image<Alpha8>>) -> Image<Alpha8> {
    let product = |x: usize, y: usize| {
        let other = other.map_or(255.0, |other| f32::from(other.at(x, y)));
        (f32::from(alpha.at(x, y)) * other / 255.0).round() as u8
    };
    Image::from_fn(alpha.width(), alpha.height(), product)
}

/// The circle in a square of `side_px`; half a pixel soft at its border.
fn circle(side_px: usize) -> Image<Alpha8> {
    let radius = side_px as f32 / 2.0;
    Image::from_fn(side_px, side_px, |x, y| {
        let away = (x as f32 + 0.5 - radius).hypot(y as f32 + 0.5 - radius);
        (255.0 * (radius - away + 0.5).clamp(0.0, 1.0)).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_reaches_the_sides_and_leaves_the_corners() {
        let disc = circle(40);
        assert_eq!((disc.at(20, 20), disc.at(20, 1), disc.at(0, 0), disc.at(39, 39)), (255, 255, 0, 0));
        let covered = disc.pixels().iter().map(|&v| f32::from(v) / 255.0).sum::<f32>();
        assert!((covered - std::f32::consts::PI * 400.0).abs() < 4.0, "{covered}");
        let half = both(&disc, Some(&Image::filled(40, 40, 128)));
        assert_eq!((half.at(20, 20), half.at(0, 0)), (128, 0));
    }
}
