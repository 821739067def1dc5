//! The shipped styles on a piece of the sample, against paintings kept in `golden/`: what a user sees must not change by
//! accident. `UPDATE_GOLDEN=1` rewrites them: look at them before they are committed. And the same photo at several sizes
//! is the same painting.
//!
//! The pictures are paintings of `samples/street.jpg`, whose credit is in `samples/CREDITS.md`.
#![cfg(feature = "bundled-models")]

use kaiga::{Look, Studio, unwatched};
use pixels::codec::{self, Format, Limits};
use pixels::compare;
use pixels::resize::{self, Filter};

#[test]
fn the_shipped_styles_paint_as_they_did() {
    let sample = codec::read(include_bytes!("../../../samples/street.jpg"), &Limits::default()).unwrap();
    let photo = sample.image.crop(600, 130, 256, 256);
    let studio = Studio::embedded().unwrap();
    for style in studio.styles() {
        let look = Look { styles: style.name.parse().unwrap(), faces: kaiga::Faces::Off, ..Look::default() };
        let painting = studio.prepare(&look).unwrap().paint(&photo, &unwatched).unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
        let path = format!("{folder}/street-{}.png", style.name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(&path, codec::write(&painting, None, Format::Png, 100).unwrap()).unwrap();
        }
        let golden = codec::read(&std::fs::read(&path).unwrap(), &Limits::default()).unwrap().image;
        let (ssim, difference) = (compare::ssim(&golden, &painting), compare::mean_difference(&golden, &painting));
        if ssim < 0.995 || difference > 0.5 {
            let sheet = std::env::temp_dir().join(format!("kaiga-golden-{}.png", style.name));
            let picture = compare::difference_sheet(&golden, &painting, 8);
            std::fs::write(&sheet, codec::write(&picture, None, Format::Png, 100).unwrap()).unwrap();
            panic!(
                "{}: SSIM {ssim:.4}, {difference:.2} levels; expected | actual | difference: {}",
                style.name,
                sheet.display()
            );
        }
        assert!(compare::mean_difference(&photo, &painting) > 5.0, "{} is still the photo", style.name);
    }
}

#[test]
fn a_photo_is_one_painting_at_every_size() {
    let sample = codec::read(include_bytes!("../../../samples/street.jpg"), &Limits::default()).unwrap();
    let look = Look { faces: kaiga::Faces::Off, ..Look::default() };
    let painter = Studio::embedded().unwrap().prepare(&look).unwrap();
    let paint = |width: usize, height: usize| {
        let photo = resize::to(&sample.image, width, height, Filter::Lanczos3);
        painter.paint(&photo, &unwatched).unwrap()
    };
    let small = paint(816, 612);
    for (width, height) in [(940, 705), (1632, 1224), (2856, 2142)] {
        let seen = resize::to(&paint(width, height), 816, 612, Filter::Area);
        let similarity = compare::ms_ssim(&small, &seen);
        // Dabs of leaves have their size in pixels painted, and lie elsewhere at another size.
        assert!(similarity > 0.93, "{width}×{height}: {similarity:.3}");
    }
}
