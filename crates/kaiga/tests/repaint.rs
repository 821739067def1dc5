//! What holds for faces painted by themselves and set back: on faces that are drawn, with the shipped styles.
#![cfg(feature = "bundled-models")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod drawn;

use drawn::{DrawnFace, draw, face};
use kaiga::faces::Face;
use kaiga::{
    Draw, EMBEDDED, Error, ErrorKind, Eyes, Faces, Flat, Guided, Known, Look, Medium, Mix, Progress, Strength, Studio,
    Tile, unwatched,
};
use pixels::Image;
use pixels::codec::{self, Format, Limits};
use pixels::compare;
use pixels::space::{Gray, Srgb8, luma_from_srgb, srgb_from_srgb8};
use std::ops::ControlFlow;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

fn photo_of(width: usize, height: usize, drawn_faces: &[DrawnFace]) -> (Image<Srgb8>, Vec<Face>) {
    (draw(width, height, drawn_faces), drawn_faces.iter().copied().map(face).collect())
}

static STUDIO: LazyLock<Studio> = LazyLock::new(|| Studio::embedded().unwrap());

fn paint(photo: &Image<Srgb8>, look: &Look, faces: &[Face]) -> Image<Srgb8> {
    watched(&STUDIO, photo, look, faces, &unwatched).unwrap()
}

fn watched(
    studio: &Studio,
    photo: &Image<Srgb8>,
    look: &Look,
    faces: &[Face],
    progress: &Progress,
) -> Result<Image<Srgb8>, Error> {
    studio.prepare(look)?.paint_with(photo, Known { faces: Some(faces), ..Known::default() }, progress)
}

fn with(faces: Faces) -> Look {
    Look { faces, ..Look::default() }
}

fn unbent(faces: Faces) -> Look {
    Look { eyes: Eyes::new(0.0).unwrap(), ..with(faces) }
}

/// How far from the middle of a face a pixel is, 1 at the border of what is repainted (an ellipse, 1.75 by 2.35
/// distances of the eyes).
fn radius(x: usize, y: usize, (middle, eyes_px, roll): DrawnFace) -> f32 {
    let (sin, cos) = roll.sin_cos();
    let (dx, dy) = ((x as f32 + 0.5 - middle[0]) / eyes_px, (y as f32 + 0.5 - middle[1]) / eyes_px);
    ((cos * dx + sin * dy) / 1.75).hypot((cos * dy - sin * dx - 0.25) / 2.35)
}

#[test]
fn along_the_border_the_gradients_are_those_of_the_surrounding_painting() {
    for drawn_face in [([150.0, 130.0], 34.0, 0.0), ([190.0, 150.0], 50.0, 0.4), ([140.0, 150.0], 16.0, -0.2)] {
        let (photo, faces) = photo_of(340, 330, &[drawn_face]);
        let luma = |faces_as: Faces| {
            paint(&photo, &unbent(faces_as), &faces).map::<Gray>(|pixel| 255.0 * luma_from_srgb(srgb_from_srgb8(pixel)))
        };
        let (off, on) = (luma(Faces::Off), luma(Faces::On));
        // How much gradients change at the border, and what the painting's own are there, in levels.
        let (mut sum, mut own, mut count) = (0.0, 0.0, 0.0);
        for y in 0..329 {
            for x in 0..339 {
                let r = radius(x, y, drawn_face);
                if r > 1.03 {
                    assert_eq!(on.at(x, y), off.at(x, y), "beyond the border nothing changes: {x} {y}");
                } else if r > 0.93 {
                    for (u, v) in [(x + 1, y), (x, y + 1)] {
                        let [before, after] = [&off, &on].map(|luma| luma.at(u, v) - luma.at(x, y));
                        let change = (after - before).abs();
                        assert!(change < 4.5 + 0.3 * before.abs(), "{drawn_face:?}: {change} at {x} {y}");
                        (sum, own, count) = (sum + change, own + before.abs(), count + 1.0);
                    }
                }
            }
        }
        assert!(sum < 0.2 * own, "{drawn_face:?}: {} of {}", sum / count, own / count);
        let inside =
            |luma: &Image<Gray>| luma.at(drawn_face.0[0] as usize, (drawn_face.0[1] + 0.3 * drawn_face.1) as usize);
        assert!((inside(&on) - inside(&off)).abs() > 0.5, "the face is another");
    }
}

#[test]
fn a_drawn_face_is_painted_as_it_was() {
    // In meadow and not drawn, so that only what sets faces back is held to, and not the style of faces.
    let drawn_face = ([122.0, 104.0], 38.0, 0.15);
    let (photo, faces) = photo_of(256, 256, &[drawn_face]);
    let draw = Draw::new(0.0).unwrap();
    let look = Look { face_style: Some(Mix::of("meadow")), draw, ..with(Faces::On) };
    let painting = paint(&photo, &look, &faces);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/drawn-face.png");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, codec::write(&painting, None, Format::Png, 100).unwrap()).unwrap();
    }
    let golden = codec::read(&std::fs::read(path).unwrap(), &Limits::default()).unwrap().image;
    let (ssim, difference) = (compare::ssim(&golden, &painting), compare::mean_difference(&golden, &painting));
    assert!(ssim > 0.995 && difference < 0.5, "SSIM {ssim:.4}, {difference:.2} levels");
    // The wall is one flat fill from the hair to the corners: a square set in would show.
    let step = |picture: &Image<Srgb8>, x: usize, y: usize| {
        let [a, b] = [x - 1, x].map(|x| picture.at(x, y));
        (0..3).map(|c| a[c].abs_diff(b[c])).max().unwrap_or(0)
    };
    let mut seen = 0;
    for y in (2..256).step_by(3) {
        for x in 8..248 {
            if (x - 7..x + 8).all(|x| step(&photo, x, y) <= 1) && radius(x, y, drawn_face) > 0.6 {
                assert!(step(&painting, x, y) < 6, "{x} {y}");
                seen += 1;
            }
        }
    }
    assert!(seen > 5000, "{seen}");
}

#[test]
fn off_is_the_painting_without_faces_and_so_is_nobody() {
    let (photo, faces) = photo_of(200, 180, &[([100.0, 70.0], 30.0, 0.0)]);
    let plain = paint(&photo, &with(Faces::Off), &[]);
    assert!(plain == paint(&photo, &with(Faces::Off), &faces));
    assert!(plain == STUDIO.prepare(&with(Faces::Off)).unwrap().paint(&photo, &unwatched).unwrap());
    assert!(plain == paint(&photo, &with(Faces::On), &[]));
    assert!(plain != paint(&photo, &with(Faces::On), &faces));
}

#[test]
fn faces_only_leave_the_rest_of_the_photo() {
    let drawn_face = ([120.0, 110.0], 28.0, 0.0);
    let (photo, faces) = photo_of(300, 260, &[drawn_face]);
    let painting = paint(&photo, &with(Faces::Only), &faces);
    assert!(paint(&photo, &with(Faces::Only), &[]) == photo);
    let mut changed = 0;
    for (i, (a, b)) in painting.pixels().iter().zip(photo.pixels()).enumerate() {
        let r = radius(i % 300, i / 300, drawn_face);
        assert!(a == b || r < 1.05, "{} {}", i % 300, i / 300);
        changed += usize::from(a != b && r < 0.6);
    }
    assert!(changed > 2000, "{changed}");
}

#[test]
fn the_strength_and_the_other_settings_hold_for_faces_too() {
    let (photo, faces) = photo_of(220, 220, &[([110.0, 90.0], 36.0, 0.1)]);
    let strength = |value| Look { strength: Strength::new(value).unwrap(), ..with(Faces::On) };
    assert!(paint(&photo, &strength(0.0), &faces) == photo);
    let far = |value: f32| {
        let look = Look { eyes: Eyes::new(0.0).unwrap(), ..strength(value) };
        compare::mean_difference(&photo.crop(80, 70, 60, 80), &paint(&photo, &look, &faces).crop(80, 70, 60, 80))
    };
    let (half, whole) = (far(0.5), far(1.0));
    // A little more than half: strokes lie over shaded form, and half of two layers is more than half of both.
    assert!((0.4..0.65).contains(&(half / whole)), "{half} of {whole}");
    let grey = Look { saturation: kaiga::Saturation::new(0.0).unwrap(), ..with(Faces::On) };
    let painting = paint(&photo, &grey, &faces);
    let coloured = painting.pixels().iter().filter(|p| p.iter().max().unwrap().abs_diff(*p.iter().min().unwrap()) > 2);
    assert_eq!(coloured.count(), 0);
}

#[test]
fn drawing_changes_the_face_and_nothing_beyond_it() {
    let drawn_face = ([122.0, 104.0], 38.0, 0.15);
    let (photo, faces) = photo_of(256, 256, &[drawn_face]);
    let draw = |value| paint(&photo, &Look { draw: Draw::new(value).unwrap(), ..with(Faces::On) }, &faces);
    let (painted, half, drawn) = (draw(0.0), draw(0.5), draw(1.0));
    let (some, all) = (compare::mean_difference(&painted, &half), compare::mean_difference(&painted, &drawn));
    assert!(all > 0.5 && (0.25..0.75).contains(&(some / all)), "{some} of {all}");
    // Dense landmarks know better than the five where exactly the face is, and what the global eye is shown is bent by
    // them. Where an outline leaves the face it may be longer.
    let is_beyond = |i: usize| radius(i % 256, i / 256, drawn_face) >= 1.15;
    let pairs = painted.pixels().iter().zip(drawn.pixels()).enumerate();
    let changed = pairs.filter(|(i, (a, b))| is_beyond(*i) && (0..3).any(|c| a[c].abs_diff(b[c]) > 1)).count();
    assert!(changed < 256 * 256 / 200, "{changed}");
}

#[test]
fn tiles_and_threads_change_no_bit() {
    let (photo, faces) = photo_of(420, 330, &[([150.0, 120.0], 40.0, 0.3), ([290.0, 140.0], 45.0, -0.1)]);
    let look = Look { strength: Strength::new(1.2).unwrap(), ..with(Faces::On) };
    let on = |threads: usize, look: &Look| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| paint(&photo, look, &faces))
    };
    let once = on(1, &look);
    assert!(once == on(2, &look) && once == on(5, &look));
    assert!(once == on(2, &Look { tile: Tile::new(128).unwrap(), ..look.clone() }));
    let guided = Look { guided: Some(Guided::new(12, 1e-3).unwrap()), ..look };
    assert!(on(1, &guided) == on(3, &Look { tile: Tile::new(256).unwrap(), ..guided.clone() }));
}

#[test]
fn faces_are_steps_of_the_progress_and_it_can_stop_between_them() {
    let (photo, faces) = photo_of(420, 330, &[([150.0, 120.0], 40.0, 0.3), ([290.0, 140.0], 45.0, -0.1)]);
    let asked = AtomicUsize::new(0);
    let count = |done: usize, total: usize| {
        assert_eq!((asked.fetch_add(1, Ordering::Relaxed), total), (done, 3));
        ControlFlow::Continue(())
    };
    watched(&STUDIO, &photo, &with(Faces::On), &faces, &count).unwrap();
    assert_eq!(asked.into_inner(), 4);
    let stop = |done: usize, _| if done == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let error = watched(&STUDIO, &photo, &with(Faces::On), &faces, &stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn faces_at_borders_and_pictures_of_every_size() {
    for middle in [[0.0, 0.0], [200.0, 60.0], [3.0, 90.0], [100.0, 178.0], [199.0, 179.0], [100.0, -20.0]] {
        let (photo, faces) = photo_of(200, 180, &[(middle, 30.0, 0.2)]);
        let painting = paint(&photo, &with(Faces::On), &faces);
        // What lies beyond is mirrored, which must not show as a line along the border.
        for y in 0..179 {
            let step =
                |x: usize| (0..3).map(|c| painting.at(x, y)[c].abs_diff(painting.at(x + 1, y)[c])).max().unwrap();
            let own = |x: usize| (0..3).map(|c| photo.at(x, y)[c].abs_diff(photo.at(x + 1, y)[c])).max();
            assert!(own(0) > Some(12) || step(0) < 40, "{middle:?}: {} at row {y}", step(0));
        }
    }
    for (width, height) in [(1, 1), (1, 40), (37, 2), (9, 11), (64, 48)] {
        let (photo, faces) = photo_of(width, height, &[([width as f32 / 2.0, height as f32 / 3.0], 20.0, 0.0)]);
        for faces_as in [Faces::On, Faces::Only] {
            let painting = paint(&photo, &with(faces_as), &faces);
            assert_eq!((painting.width(), painting.height()), (width, height));
        }
    }
}

#[test]
fn a_group_is_painted_face_by_face_and_overlapping_ones_get_along() {
    let drawn_faces: Vec<DrawnFace> =
        (0..30).map(|i| ([35.0 + 46.0 * (i % 6) as f32, 30.0 + 58.0 * (i / 6) as f32], 10.0, 0.0)).collect();
    let (photo, faces) = photo_of(300, 310, &drawn_faces);
    let (off, on) = (paint(&photo, &with(Faces::Off), &faces), paint(&photo, &with(Faces::On), &faces));
    for &([x, y], ..) in &drawn_faces {
        let [a, b] = [&off, &on].map(|picture| picture.crop(x as usize - 9, y as usize - 6, 18, 22));
        assert!(compare::mean_difference(&a, &b) > 1.0, "the face at {x} {y} was left out");
    }
    // The same face found twice is painted once.
    let one = ([100.0, 90.0], 30.0, 0.0);
    let (photo, faces) = photo_of(200, 200, &[one]);
    let twice = paint(&photo, &with(Faces::On), &[faces[0], faces[0]]);
    let off = compare::mean_difference(&twice, &paint(&photo, &with(Faces::On), &faces));
    assert!(off < 1.2, "{off}");
}

#[test]
fn a_large_face_stays_as_crisp_as_the_rest() {
    let (photo, faces) = photo_of(1600, 1500, &[([800.0, 600.0], 330.0, 0.2)]);
    let sharpness = |faces_as| {
        // Without outlines, which no face has.
        let look = Look { flat: Flat::new(0.0).unwrap(), ..unbent(faces_as) };
        let painting = paint(&photo, &look, &faces).crop(500, 400, 600, 700);
        let luma = painting.map::<Gray>(|pixel| luma_from_srgb(srgb_from_srgb8(pixel)));
        let steps = (0..700).flat_map(|y| (1..600).map(move |x| (x, y)));
        // The steepest hundredth of all steps.
        let mut steps: Vec<f32> = steps.map(|(x, y)| (luma.at(x, y) - luma.at(x - 1, y)).abs()).collect();
        let rank = steps.len() * 99 / 100;
        *steps.select_nth_unstable_by(rank, f32::total_cmp).1
    };
    let (off, on) = (sharpness(Faces::Off), sharpness(Faces::On));
    assert!(on > 0.8 * off, "{on} for {off}");
}

#[test]
fn a_face_as_large_as_portraits_are_painted_is_painted_with_the_rest() {
    let drawn_face = ([300.0, 300.0], 130.0, 0.1);
    let (photo, faces) = photo_of(600, 680, &[drawn_face]);
    let (off, on) = (paint(&photo, &unbent(Faces::Off), &faces), paint(&photo, &unbent(Faces::On), &faces));
    for (i, (a, b)) in off.pixels().iter().zip(on.pixels()).enumerate() {
        let apart = (0..3).map(|c| a[c].abs_diff(b[c])).max().unwrap();
        // Painted in one piece a pixel may be rounded another way.
        assert!(apart <= 1 || radius(i % 600, i / 600, drawn_face) < 1.05, "{} {}", i % 600, i / 600);
    }
    assert!(compare::mean_difference(&off.crop(200, 250, 200, 260), &on.crop(200, 250, 200, 260)) > 1.0);
    assert!(on == paint(&photo, &Look { tile: Tile::new(128).unwrap(), ..unbent(Faces::On) }, &faces));
    // It is no step of its own: looking for faces is not asked for, and the picture is one part.
    let steps = AtomicUsize::new(0);
    let count = |_, total: usize| {
        steps.store(total, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    watched(&STUDIO, &photo, &with(Faces::On), &faces, &count).unwrap();
    assert_eq!(steps.load(Ordering::Relaxed), 1);
    // Turned on its side it is painted by itself.
    let (photo, faces) = photo_of(600, 680, &[([300.0, 300.0], 130.0, 1.2)]);
    watched(&STUDIO, &photo, &with(Faces::On), &faces, &count).unwrap();
    assert_eq!(steps.load(Ordering::Relaxed), 2);
}

#[test]
fn drawn_skin_is_as_light_as_in_the_photo() {
    for (side, eyes_px) in [(680, 130.0), (256, 38.0), (1500, 290.0)] {
        let middle = [0.48 * side as f32, 0.42 * side as f32];
        let (photo, faces) = photo_of(side, side, &[(middle, eyes_px, 0.0)]);
        for style in ["portrait", "cel"] {
            let look = Look { styles: Mix::of(style), ..with(Faces::On) };
            let luma = |picture: &Image<Srgb8>| {
                let [x, y] = [middle[0] - 0.7 * eyes_px, middle[1] + 0.25 * eyes_px].map(|v| v as usize);
                let skin = picture.crop(x, y, (1.4 * eyes_px) as usize, (0.5 * eyes_px) as usize);
                let mut luma: Vec<f32> =
                    skin.pixels().iter().map(|&pixel| luma_from_srgb(srgb_from_srgb8(pixel))).collect();
                let middle = luma.len() / 2;
                *luma.select_nth_unstable_by(middle, f32::total_cmp).1
            };
            let (photo_luma, drawn_luma) = (luma(&photo), luma(&paint(&photo, &look, &faces)));
            assert!((photo_luma - drawn_luma).abs() < 0.04, "{side} px, {style}: {photo_luma} became {drawn_luma}");
        }
    }
}

#[test]
fn a_photo_in_grey_gets_no_coloured_eyes() {
    let (photo, faces) = photo_of(600, 680, &[([300.0, 300.0], 130.0, 0.0)]);
    let grey = photo.map::<Srgb8>(|pixel| [(255.0 * luma_from_srgb(srgb_from_srgb8(pixel))) as u8; 3]);
    // Chroma beyond that of the look's own tint.
    let coloured = |photo: &Image<Srgb8>| {
        let look = Look { styles: Mix::of("cel"), ..with(Faces::On) };
        let draw = |value| paint(photo, &Look { draw: Draw::new(value).unwrap(), ..look.clone() }, &faces);
        let chroma = |pixel: [u8; 3]| i32::from(*pixel.iter().max().unwrap()) - i32::from(*pixel.iter().min().unwrap());
        let (painted, drawn) = (draw(0.0), draw(1.0));
        let mut most = 0;
        for y in 280..320 {
            for x in 200..400 {
                most = most.max(chroma(drawn.at(x, y)) - chroma(painted.at(x, y)));
            }
        }
        most
    };
    let (of_colour, of_grey) = (coloured(&photo), coloured(&grey));
    assert!(of_colour > 60 && of_grey < 24, "{of_colour} {of_grey}");
}

/// Meadow, its lightness taken for a tone.
fn comic(photo: &Image<Srgb8>, look: &Look, faces: &[Face]) -> Image<Srgb8> {
    static COMIC: LazyLock<Studio> = LazyLock::new(|| {
        let (_, meadow) = EMBEDDED.iter().find(|(name, _)| name.starts_with("meadow")).unwrap();
        let style = net::Style::read(meadow).unwrap();
        let style = net::Style { name: "comic".to_owned(), medium: Medium::Screentone, ..style };
        let mut studio = Studio::embedded().unwrap();
        studio.add_style(&style.write().unwrap()).unwrap();
        studio
    });
    let look = Look { styles: Mix::of("comic"), ..look.clone() };
    watched(&COMIC, photo, &look, faces, &unwatched).unwrap()
}

#[test]
fn faces_in_screentone_are_bent_and_painted_with_the_rest() {
    let drawn_face = ([120.0, 110.0], 28.0, 0.4);
    let (photo, faces) = photo_of(300, 260, &[drawn_face]);
    let painted = Look { draw: Draw::new(0.0).unwrap(), ..unbent(Faces::On) };
    assert!(comic(&photo, &painted, &faces) == comic(&photo, &unbent(Faces::Off), &faces));
    let on = comic(&photo, &with(Faces::On), &faces);
    assert!(on != comic(&photo, &with(Faces::Off), &faces), "its eyes are enlarged");
    assert!(on.pixels().iter().all(|&[r, g, b]| r == g && g == b), "no colour");
    assert!(on == comic(&photo, &Look { tile: Tile::new(128).unwrap(), ..with(Faces::On) }, &faces));

    let only = comic(&photo, &with(Faces::Only), &faces);
    for (i, ((only, on), photo)) in only.pixels().iter().zip(on.pixels()).zip(photo.pixels()).enumerate() {
        match radius(i % 300, i / 300, drawn_face) {
            r if r > 1.05 => assert_eq!(only, photo, "{} {}", i % 300, i / 300),
            r if r < 0.6 => assert_eq!(only, on, "{} {}", i % 300, i / 300),
            _ => {}
        }
    }
    assert!(comic(&photo, &with(Faces::Only), &[]) == photo);
}

#[test]
fn a_style_of_faces_that_is_not_there_is_named() {
    let (photo, faces) = photo_of(40, 40, &[]);
    let look = Look { face_style: Some(Mix::of("seaside")), ..with(Faces::On) };
    let error = watched(&STUDIO, &photo, &look, &faces, &unwatched).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownStyle);
    assert!(error.to_string().contains("seaside"), "{error}");
}
