//! The painter against what it painted when it was last looked at. Where the photos are from: tests/painter/README.md.

use kaiga_train::painter::{Painted, Taste, paint, paint_all};
use pixels::Image;
use pixels::compare::{difference_sheet, mean_difference, psnr_db};
use pixels::space::Srgb8;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/painter")
}

fn picture(path: &Path) -> Image<Srgb8> {
    let read = image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into_rgb8();
    let pixels = read.pixels().map(|pixel| pixel.0).collect();
    Image::new(read.width() as usize, read.height() as usize, pixels)
}

fn photo(name: &str) -> Image<Srgb8> {
    picture(&folder().join(format!("{name}.png")))
}

fn save(picture: &Image<Srgb8>, path: &Path) {
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    let picture = image::RgbImage::from_raw(width, height, picture.pixels().concat());
    picture.expect("a full picture").save(path).expect("the folder can be written");
}

/// Fails with the figures and leaves expected | actual | difference in the temporary folder.
fn check(expected: &Path, painting: &Image<Srgb8>, least_db: f64) {
    let wanted = picture(expected);
    let (psnr_db, difference) = (psnr_db(&wanted, painting), mean_difference(&wanted, painting));
    if psnr_db < least_db || difference > 1.0 {
        let name = expected.file_name().expect("a picture has a name").to_string_lossy();
        let sheet = std::env::temp_dir().join(format!("kaiga-painter-{name}"));
        save(&difference_sheet(&wanted, painting, 8), &sheet);
        panic!("{name}: {psnr_db:.1} dB, {difference:.2} levels apart; see {}", sheet.display());
    }
}

/// Rewritten by `UPDATE_GOLDEN=1`: look at the pictures before they are committed.
#[test]
fn today_s_tastes_paint_what_was_looked_at() {
    let (styles, tastes): (Vec<_>, Vec<_>) = Taste::all().into_iter().unzip();
    for name in ["landscape", "street"] {
        for (style, painted) in styles.iter().zip(paint_all(&photo(name), &tastes)) {
            let expected = folder().join(format!("{name}.{style}.png"));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                save(&painted.painting, &expected);
            }
            check(&expected, &painted.painting, 44.0);
            assert!(painted.ink.pixels().iter().all(|ink| (0.0..=1.0).contains(ink)), "{name} {style}");
        }
    }
}

#[test]
fn the_same_bytes_for_any_number_of_threads_and_whatever_else_is_painted() {
    let photo = photo("street");
    let (styles, tastes): (Vec<_>, Vec<_>) = Taste::all().into_iter().unzip();
    let on = |threads: usize, paint: &(dyn Fn() -> Vec<Painted> + Sync)| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be had");
        pool.install(paint)
    };
    let together = on(3, &|| paint_all(&photo, &tastes));
    let alone = on(1, &|| tastes.iter().map(|taste| paint(&photo, taste)).collect());
    for (style, (together, alone)) in styles.iter().zip(together.iter().zip(&alone)) {
        assert!(together == alone, "{style}");
    }
}

#[test]
fn odd_and_tiny_pictures_are_painted() {
    for (width, height) in [(1, 1), (3, 1), (5, 61), (17, 2)] {
        let photo = Image::from_fn(width, height, |x, y| [(40 * x % 256) as u8, (9 * y % 256) as u8, 128]);
        for (style, taste) in Taste::all() {
            let Painted { painting, ink } = paint(&photo, &taste);
            assert_eq!((painting.width(), painting.height()), (width, height), "{style}");
            assert!(ink.pixels().iter().all(|ink| (0.0..=1.0).contains(ink)), "{style} {width}×{height}");
        }
    }
}
