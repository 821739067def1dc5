//! The painter against its prototype. Where the expected pictures are from: tests/painter/README.md.

use kaiga_train::painter::{Taste, paint, paint_all};
use pixels::Image;
use pixels::compare::{difference_sheet, mean_difference, psnr_db};
use pixels::space::Srgb8;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/painter")
}

fn picture(name: &str) -> Image<Srgb8> {
    let path = folder().join(name);
    let read = image::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into_rgb8();
    let pixels = read.pixels().map(|pixel| pixel.0).collect();
    Image::new(read.width() as usize, read.height() as usize, pixels)
}

/// The painter's paintings of today are rewritten by `UPDATE_GOLDEN=1`: look at them before they are committed.
fn check_today(expected: &str, painting: &Image<Srgb8>) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        save(painting, &folder().join(expected));
    }
    check(expected, painting);
}

fn save(picture: &Image<Srgb8>, path: &Path) {
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    let picture = image::RgbImage::from_raw(width, height, picture.pixels().concat());
    picture.expect("a full picture").save(path).expect("the folder can be written");
}

/// Fails with the figures and leaves expected | actual | difference in the temporary folder.
fn check(expected: &str, painting: &Image<Srgb8>) {
    let wanted = picture(expected);
    let (psnr_db, difference) = (psnr_db(&wanted, painting), mean_difference(&wanted, painting));
    if psnr_db < 44.0 || difference > 0.8 {
        let path = std::env::temp_dir().join(format!("kaiga-painter-{expected}"));
        save(&difference_sheet(&wanted, painting, 8), &path);
        panic!("{expected}: {psnr_db:.1} dB, {difference:.2} levels apart; see {}", path.display());
    }
}

#[test]
fn the_painter_paints_what_its_prototype_paints() {
    let prototypes = [
        ("meadow", Taste::prototype_meadow()),
        ("skyglow", Taste::prototype_skyglow()),
        ("storybook", Taste::prototype_storybook()),
    ];
    for name in ["landscape", "street"] {
        let photo = picture(&format!("{name}.png"));
        for (style, taste) in prototypes {
            check(&format!("{name}.prototype-{style}.png"), &paint(&photo, &taste).painting);
        }
    }
}

#[test]
fn today_s_tastes_paint_what_was_looked_at() {
    let photo = picture("street.png");
    let (styles, tastes): (Vec<_>, Vec<_>) = Taste::all().into_iter().unzip();
    for (style, painted) in styles.iter().zip(paint_all(&photo, &tastes)) {
        check_today(&format!("street.{style}.png"), &painted.painting);
        assert!(painted.ink.pixels().iter().all(|ink| (0.0..=1.0).contains(ink)), "{style}");
    }
}

#[test]
fn the_same_bytes_for_any_number_of_threads() {
    let photo = picture("street.png");
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be had");
        pool.install(|| paint(&photo, &Taste::skyglow()))
    };
    assert!(on(1) == on(3));
}

#[test]
fn odd_and_tiny_pictures_are_painted() {
    for (width, height) in [(1, 1), (3, 1), (5, 61), (17, 2)] {
        let photo = Image::from_fn(width, height, |x, y| [(40 * x % 256) as u8, (9 * y % 256) as u8, 128]);
        for (style, taste) in Taste::all() {
            let painting = paint(&photo, &taste).painting;
            assert_eq!((painting.width(), painting.height()), (width, height), "{style}");
        }
    }
}
