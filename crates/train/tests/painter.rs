//! The painter against its prototype, and against what it painted when it was last looked at. Where the expected
//! pictures are from: tests/painter/README.md.

use kaiga_train::painter::{Bloom, Blues, Colour, Fills, Greens, Ink, Medium, Painted, Taste, Tones, paint, paint_all};
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

/// PSNR in dB and mean difference in levels to the picture in the file `expected`, where that is opaque.
fn compared(expected: &Path, painting: &Image<Srgb8>) -> (f64, f64) {
    let read = image::open(expected).unwrap_or_else(|error| panic!("{}: {error}", expected.display())).into_rgba8();
    assert_eq!(read.dimensions(), (painting.width() as u32, painting.height() as u32), "{}", expected.display());
    let pairs = read.pixels().zip(painting.pixels()).filter(|(wanted, _)| wanted[3] > 0);
    let (wanted, painted): (Vec<_>, Vec<_>) =
        pairs.map(|(&image::Rgba([r, g, b, _]), ours)| ([r, g, b], *ours)).unzip();
    assert!(wanted.len() * 2 > painting.pixels().len(), "{} compares too little", expected.display());
    let [wanted, painted] = [wanted, painted].map(|pixels| Image::<Srgb8>::new(pixels.len(), 1, pixels));
    (psnr_db(&wanted, &painted), mean_difference(&wanted, &painted))
}

/// Fails with the figures and leaves expected | actual | difference in the temporary folder.
fn check(expected: &Path, painting: &Image<Srgb8>, least_db: f64) {
    let (psnr_db, difference) = compared(expected, painting);
    if psnr_db < least_db || difference > 1.0 {
        let name = expected.file_name().expect("a picture has a name").to_string_lossy();
        let sheet = std::env::temp_dir().join(format!("kaiga-painter-{name}"));
        save(&difference_sheet(&picture(expected), painting, 8), &sheet);
        panic!("{name}: {psnr_db:.1} dB, {difference:.2} levels apart; see {}", sheet.display());
    }
}

/// The looks of the prototype: what today's tastes have beyond it is off.
fn prototypes() -> [(&'static str, Taste); 5] {
    let meadow = Taste {
        fills: Fills {
            exposure: 0.60,
            flatness: 0.012,
            radius_px: 4,
            clump: 1.0,
            clump_tones: 0.0,
            detail: 0.20,
            thin: 1.0,
            airbrush: 0.0,
            flow_px: 0.0,
            line_px: 0.9,
            line_along_px: 4.0,
            outlines_strokes: false,
        },
        tones: Tones { local: 0.18, steps: 7.0, hard: 0.60, gamma: 1.0, contrast: 0.0, lift: 0.12 },
        colour: Colour {
            vivid: 0.55,
            blues: Blues { towards_degrees: -112.0, turn: 0.65, chroma: 0.12, deeper: 0.0 },
            greens: Greens { l: 0.04, a: 0.0, b: 6.0 },
            warmth: 2.5,
            shadows: [1.0, -6.0],
            ..Colour::PLAIN
        },
        palette: None,
        ink: Ink {
            darkness: 0.80,
            of_photo: 0.65,
            threshold: 0.0020,
            gain: 40.0,
            paler: 0.45,
            tint: [2.0, -3.0],
            least_px: 0,
        },
        bloom: None,
        medium: Medium::Colour,
    };
    let plain = Colour { warmth: 0.0, greens: Greens { l: 0.0, a: 0.0, b: 0.0 }, ..meadow.colour };
    let skyglow = Taste {
        fills: Fills {
            exposure: 0.52,
            flatness: 0.006,
            radius_px: 3,
            clump: 0.6,
            detail: 0.35,
            line_px: 0.8,
            ..meadow.fills
        },
        tones: Tones { local: 0.30, steps: 0.0, hard: 0.0, lift: 0.07, ..meadow.tones },
        colour: Colour {
            vivid: 0.75,
            blues: Blues { towards_degrees: -82.0, turn: 0.5, chroma: 0.35, deeper: 0.10 },
            greens: Greens { l: 0.0, a: -4.0, b: -6.0 },
            lights: [7.0, 9.0],
            rosy: 5.0,
            shadows: [5.0, -14.0],
            ..plain
        },
        ink: Ink { darkness: 0.55, of_photo: 0.65 * 0.8, threshold: 0.0028, gain: 36.0, ..meadow.ink },
        bloom: Some(Bloom { above: 0.66, sigmas_px: [14.0, 44.0], shares: [0.6, 0.4], strength: 0.55 }),
        ..meadow
    };
    let broad = Fills { radius_px: 5, detail: 0.0, line_along_px: 6.0, ..meadow.fills };
    let storybook = Taste {
        fills: Fills { exposure: 0.64, flatness: 0.020, thin: 0.5, line_px: 1.15, ..broad },
        tones: Tones { local: 0.10, steps: 5.0, hard: 0.85, lift: 0.18, ..meadow.tones },
        colour: Colour {
            vivid: 0.30,
            scale: [0.92, 0.90],
            paper: [1.5, 6.0],
            blues: Blues { towards_degrees: -128.0, turn: 0.6, chroma: 0.0, deeper: 0.0 },
            shadows: [1.0, 0.0],
            ..plain
        },
        ink: Ink { darkness: 0.90, threshold: 0.0018, gain: 50.0, paler: 0.15, tint: [3.0, 5.0], ..meadow.ink },
        ..meadow
    };
    let cel = Taste {
        fills: Fills { flatness: 0.030, line_px: 1.0, ..broad },
        tones: Tones { local: 0.05, steps: 4.0, hard: 0.95, lift: 0.10, ..meadow.tones },
        colour: Colour {
            vivid: 0.90,
            gain: 1.12,
            blues: Blues { towards_degrees: -105.0, turn: 0.6, chroma: 0.0, deeper: 0.0 },
            shadows: [1.0, -10.0],
            ..plain
        },
        ink: Ink { darkness: 0.95, threshold: 0.0018, gain: 60.0, ..meadow.ink },
        ..meadow
    };
    let manga = Taste {
        fills: Fills { exposure: 0.66, flatness: 0.015, radius_px: 4, line_px: 1.0, ..broad },
        tones: Tones { local: 0.15, steps: 0.0, hard: 0.0, lift: 0.0, ..meadow.tones },
        ink: Ink { darkness: 1.0, ..cel.ink },
        medium: Medium::Screentone { above: [0.74, 0.56, 0.38, 0.22] },
        colour: plain,
        ..meadow
    };
    [("meadow", meadow), ("skyglow", skyglow), ("storybook", storybook), ("cel", cel), ("manga", manga)]
}

#[test]
fn the_painter_paints_what_its_prototype_paints() {
    let (looks, tastes): (Vec<_>, Vec<_>) = prototypes().into_iter().unzip();
    for name in ["landscape", "street"] {
        for (look, painted) in looks.iter().zip(paint_all(&photo(name), &tastes)) {
            check(&folder().join(format!("{name}.prototype-{look}.png")), &painted.painting, 40.0);
        }
    }
}

/// The same over a folder that `prototype.py` has filled: `KAIGA_PROTOTYPE=FOLDER cargo test … -- --ignored --nocapture`.
#[test]
#[ignore = "needs a folder of pictures by the prototype"]
fn the_prototype_s_pictures_in_a_folder() {
    let folder = PathBuf::from(std::env::var_os("KAIGA_PROTOTYPE").expect("KAIGA_PROTOTYPE names the folder"));
    let (looks, tastes): (Vec<_>, Vec<_>) = prototypes().into_iter().unzip();
    println!("| photo | {} |\n|{}", looks.join(" | "), "---|".repeat(1 + looks.len()));
    let entries = std::fs::read_dir(&folder).expect("the folder can be read");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter_map(|name| name.strip_suffix(".photo.png").map(str::to_owned)).collect();
    names.sort();
    assert!(!names.is_empty(), "no pictures in {}", folder.display());
    let mut least_db = f64::INFINITY;
    for name in names {
        let all = paint_all(&picture(&folder.join(format!("{name}.photo.png"))), &tastes);
        let figures: Vec<_> = looks
            .iter()
            .zip(all)
            .map(|(look, Painted { painting, .. })| {
                let (figure, _) = compared(&folder.join(format!("{name}.prototype-{look}.png")), &painting);
                save(&painting, &folder.join(format!("{name}.ours-{look}.png")));
                least_db = least_db.min(figure);
                format!("{figure:.1}")
            })
            .collect();
        println!("| {name} | {} |", figures.join(" | "));
    }
    assert!(least_db >= 40.0, "{least_db:.1} dB");
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
