//! Which numbers the drawer computes with on photos, so that 8-bit integers can be laid out for them, and what that costs.

use crate::error::Error;
use crate::generator::{graph_painting, only, unfit};
use crate::look::Detail;
use crate::plan::working_size;
use crate::tiles::{Part, signed};
use engine::{Map, Network};
use net::light::{GRAIN_PX, THUMBNAIL_PX};
use net::onnx::foreign::{Graph, Range, Wishes};
use net::{Arch, Weights};
use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;

/// A photo at the size it is painted at.
pub(super) fn at_working_size(photo: &Image<Srgb8>) -> Image<Srgb8> {
    let (width, height) = working_size(photo.width(), photo.height(), Detail::default());
    resize::to(photo, width, height, Filter::Lanczos3)
}

/// The least and the largest number of every value of the drawer, over all photos.
pub(super) fn ranges(
    [eye, drawer]: &[Arch; 2],
    weights: &Weights,
    photos: &[Image<Srgb8>],
) -> Result<Vec<(f32, f32)>, Error> {
    let count = drawer.inputs.len() + drawer.ops.len();
    // Every value comes out.
    let outputs = (0..count).map(|value| (value.to_string(), value)).collect();
    let watched = Network::new(&Arch { outputs, ..drawer.clone() }, weights).map_err(unfit)?;
    let eye = Network::new(eye, weights).map_err(unfit)?;
    let mut ranges = vec![(0.0_f32, 0.0_f32); count];
    for photo in photos {
        let square = Part { x: 0, y: 0, width: THUMBNAIL_PX, height: THUMBNAIL_PX };
        let thumbnail = resize::to(photo, THUMBNAIL_PX, THUMBNAIL_PX, Filter::Bilinear);
        let modulation = only(eye.run(&[&signed(&thumbnail, square)]))?;
        let [width, height] = [photo.width(), photo.height()].map(|side| side.next_multiple_of(GRAIN_PX));
        let picture = signed(photo, Part { x: 0, y: 0, width, height });
        let values = watched.run(&[&picture, &modulation]).map_err(unfit)?;
        for (range, value) in ranges.iter_mut().zip(&values) {
            *range = value.data.iter().fold(*range, |(low, high), &number| (low.min(number), high.max(number)));
        }
    }
    Ok(ranges)
}

/// How far the second of two graphs paints photos from the first: the peak signal-to-noise ratio over all, dB.
pub(super) fn psnr_db(pairs: Vec<(&Image<Srgb8>, Vec<u8>, Vec<u8>)>) -> Result<f64, Error> {
    let wishes = Wishes { range: Some(Range::Unit), ..Wishes::default() };
    let paint = |onnx: Vec<u8>, photo| graph_painting(&Graph::new(onnx, &wishes).map_err(unfit)?, photo);
    let (mut squares, mut count) = (0.0, 0);
    for (photo, exact, coarse) in pairs {
        let (exact, coarse): (Map, Map) = (paint(exact, photo)?, paint(coarse, photo)?);
        // From −1 to 1: half the difference is one of the range.
        let square = |(a, b): (&f32, &f32)| (f64::from(a - b) / 2.0).powi(2);
        squares += exact.data.iter().zip(&coarse.data).map(square).sum::<f64>();
        count += exact.data.len();
    }
    Ok(-10.0 * (squares / count as f64).max(1e-12).log10())
}

#[cfg(all(test, feature = "bundled-models", feature = "onnx"))]
mod tests {
    use crate::{Form, Look, Studio};
    use pixels::Image;

    #[test]
    fn eight_bits_cost_some_quality_and_save_most_of_the_file() {
        let studio = Studio::embedded().unwrap();
        let photo = Image::from_fn(96, 64, |x, y| [(x * 2) as u8, (y * 3) as u8, ((x ^ y) * 2) as u8]);
        let look = Look::default();
        let (export, psnr_db) = studio.export_int8(&look, Form::default(), &[photo]).unwrap();
        let single = studio.export(&look, crate::Format::Onnx(Form::default())).unwrap();
        assert!(export.bytes.len() * 2 < single.bytes.len());
        assert!((20.0..60.0).contains(&psnr_db), "{psnr_db} dB");
        assert!(studio.export_int8(&look, Form::default(), &[]).is_err());
    }
}
