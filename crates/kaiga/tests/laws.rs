//! What holds for every photo and every look.
#![cfg(feature = "bundled-models")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use kaiga::{
    ErrorKind, Faces, Flat, Guided, Known, Line, Look, Medium, Mix, Modulation, Saturation, Sequence, Smoothing,
    Stability, Strength, Studio, Tile, unwatched,
};
use net::{Model, Style, Tensor, Weights};
use pixels::Image;
use pixels::space::Srgb8;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Numbers −1..1, the same every time.
fn noise(seed: u32) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// A studio with random weights: no painter, but it looks as far around as the real one.
fn studio() -> Studio {
    let (mut noise, mut weights) = (noise(7), Weights::new());
    for arch in [net::light::eye(), net::light::drawer()] {
        for (name, shape) in net::parameters(&arch).unwrap() {
            let fan_in = shape[1..].iter().product::<usize>().max(1) as f32;
            let scale = if name.ends_with("bias") { 0.05 } else { 1.7 / fan_in.sqrt() };
            let numbers = (0..shape.iter().product()).map(|_| scale * noise()).collect();
            weights.insert(name, Tensor::new(&shape, numbers));
        }
    }
    let architecture = net::light::NAME.to_owned();
    let style = |name: &str, shift: f32| Style {
        name: name.to_owned(),
        architecture: architecture.clone(),
        tensors: Weights::from([("chroma_head.bias".to_owned(), Tensor::new(&[8], vec![shift; 8]))]),
        ..Style::default()
    };
    let base = Model { architecture: architecture.clone(), weights, notes: Default::default() };
    let manga = Style { medium: Medium::Screentone, ..style("manga", 0.0) };
    let styles = [style("meadow", 0.1), style("skyglow", -0.1), manga].map(|style| style.write().unwrap());
    Studio::from_bytes(&base.write().unwrap(), &[&styles[0], &styles[1], &styles[2]]).unwrap()
}

fn photo(width: usize, height: usize) -> Image<Srgb8> {
    let mut noise = noise((width * 31 + height) as u32);
    Image::from_fn(width, height, |x, y| {
        let smooth = |period: f32| (x as f32 / period).sin() * (y as f32 / period).cos();
        [17.0, 29.0, 41.0].map(|period| (128.0 + 70.0 * smooth(period) + 50.0 * noise()) as u8)
    })
}

fn paint(studio: &Studio, photo: &Image<Srgb8>, look: &Look) -> Image<Srgb8> {
    studio.prepare(look).unwrap().paint(photo, &unwatched).unwrap()
}

fn strength(value: f32) -> Strength {
    Strength::new(value).unwrap()
}

#[test]
fn tiles_equal_the_whole_bit_for_bit() {
    let (studio, photo) = (studio(), photo(649, 233));
    let whole = paint(&studio, &photo, &Look::default());
    let tiled = paint(&studio, &photo, &Look { tile: Tile::new(128).unwrap(), ..Look::default() });
    assert!(whole == tiled);
    assert!(whole != photo);
}

#[test]
fn the_tile_changes_nothing_in_a_large_or_a_filtered_painting() {
    let (studio, photo) = (studio(), photo(1301, 1101));
    for guided in [None, Some(Guided::default())] {
        let look = Look { guided, ..Look::default() };
        let small = Look { tile: Tile::new(256).unwrap(), ..look.clone() };
        assert!(paint(&studio, &photo, &look) == paint(&studio, &photo, &small), "{guided:?}");
    }
}

#[test]
fn the_same_bytes_twice_and_on_any_number_of_threads() {
    let (studio, photo) = (studio(), photo(333, 211));
    let look = Look { guided: Some(Guided::new(8, 1e-3).unwrap()), strength: strength(1.2), ..Look::default() };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| paint(&studio, &photo, &look))
    };
    let once = on(1);
    assert!(once == on(1) && once == on(2) && once == on(5));
}

#[test]
fn the_painting_is_as_large_as_the_photo() {
    let studio = studio();
    for (width, height) in [(1, 1), (2, 7), (3, 5000), (5000, 3), (17, 31), (401, 399), (1301, 1001)] {
        let photo = photo(width, height);
        let painting = paint(&studio, &photo, &Look::default());
        assert_eq!((painting.width(), painting.height()), (width, height));
        let guided = Look { guided: Some(Guided::default()), tile: Tile::new(512).unwrap(), ..Look::default() };
        assert_eq!(paint(&studio, &photo, &guided).width(), width);
    }
}

#[test]
fn without_strength_the_painting_is_the_photo() {
    let studio = studio();
    for photo in [photo(123, 77), photo(1301, 1001), photo(600, 400)] {
        let look = Look {
            strength: strength(0.0),
            saturation: Saturation::new(2.0).unwrap(),
            guided: Some(Guided::default()),
            ..Look::default()
        };
        assert!(paint(&studio, &photo, &look) == photo);
    }
}

#[test]
fn a_mixture_lies_between_its_styles() {
    let (studio, photo) = (studio(), photo(480, 300));
    let in_style = |mix: &str| {
        let painting = paint(&studio, &photo, &Look { styles: mix.parse().unwrap(), ..Look::default() });
        let levels = painting.pixels().as_flattened();
        levels.iter().map(|&v| f64::from(v)).sum::<f64>() / levels.len() as f64
    };
    let (a, half, b) = (in_style("meadow"), in_style("meadow:0.5,skyglow:0.5"), in_style("skyglow"));
    assert!((a.min(b)..=a.max(b)).contains(&half) && (a - b).abs() > 1.0, "{a} {half} {b}");
}

fn screentone() -> Look {
    Look { styles: Mix::of("manga"), ..Look::default() }
}

#[test]
fn screentone_is_one_sheet_whatever_the_tile_the_threads_and_the_size() {
    let studio = studio();
    for (photo, tile) in [(photo(649, 233), 128), (photo(1301, 1101), 256)] {
        let on = |threads: usize, tile: Tile| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| paint(&studio, &photo, &Look { tile, ..screentone() }))
        };
        let whole = on(2, Tile::default());
        assert!(whole == on(1, Tile::new(tile).unwrap()) && whole == on(5, Tile::default()));
        assert!(whole.pixels().iter().any(|&[r, ..]| r > 240) && whole.pixels().iter().any(|&[r, ..]| r < 15));
    }
    for (width, height) in [(1, 1), (2, 7), (3, 500), (17, 31), (401, 399)] {
        let painting = paint(&studio, &photo(width, height), &screentone());
        assert_eq!((painting.width(), painting.height()), (width, height));
    }
}

#[test]
fn screentone_is_black_on_white_and_strength_leads_to_it() {
    let (studio, photo) = (studio(), photo(480, 300));
    let painting = paint(&studio, &photo, &screentone());
    assert!(painting.pixels().iter().all(|&[r, g, b]| r == g && g == b));
    let colourful = Look { saturation: Saturation::new(2.0).unwrap(), ..screentone() };
    assert!(painting == paint(&studio, &photo, &colourful));
    assert!(painting != paint(&studio, &photo, &Look { line: Line::new(0.0).unwrap(), ..screentone() }));
    assert!(photo == paint(&studio, &photo, &Look { strength: strength(0.0), ..screentone() }));
    let half = paint(&studio, &photo, &Look { strength: strength(0.5), ..screentone() });
    for ((half, photo), painted) in half.pixels().iter().zip(photo.pixels()).zip(painting.pixels()) {
        let mean = |c: usize| (f32::from(photo[c]) + f32::from(painted[c])) / 2.0;
        assert!((0..3).all(|c| (f32::from(half[c]) - mean(c)).abs() <= 1.0), "{half:?} {photo:?} {painted:?}");
    }
}

#[test]
fn what_does_not_go_with_screentone_is_refused_with_a_reason() {
    let studio = studio();
    let mixed = Look { styles: "meadow:0.5,manga:0.5".parse().unwrap(), ..Look::default() };
    let filtered = Look { guided: Some(Guided::default()), ..screentone() };
    let faces_in_colour = Look { face_style: Some(Mix::of("skyglow")), ..screentone() };
    let faces_in_tone = Look { face_style: Some(Mix::of("manga")), ..Look::default() };
    let faces_mixed = Look { face_style: Some("skyglow,manga".parse().unwrap()), ..Look::default() };
    for (look, words) in [
        (mixed, "meadow and manga cannot be mixed: meadow is drawn in colour, manga in screentone"),
        (filtered, "the guided filter would smear the dots"),
        (faces_in_colour, "the picture is drawn in screentone, the style of its faces in colour"),
        (faces_in_tone, "the picture is drawn in colour, the style of its faces in screentone"),
        (faces_mixed, "skyglow and manga cannot be mixed"),
    ] {
        for faces in [Faces::On, Faces::Off] {
            let look = Look { faces, ..look.clone() };
            let error = studio.prepare(&look).err().expect(words);
            assert!(error.kind() == ErrorKind::Setting && error.to_string().contains(words), "{error}");
            assert_eq!(studio.check(&look), Err(error));
        }
    }
    let own = Look { face_style: Some(Mix::of("manga")), ..screentone() };
    assert!(
        studio.check(&own).is_ok() && studio.check(&screentone()).is_ok() && studio.check(&Look::default()).is_ok()
    );
}

#[test]
fn progress_counts_up_and_can_stop() {
    let (studio, photo) = (studio(), photo(649, 233));
    let look = Look { tile: Tile::new(128).unwrap(), ..Look::default() };
    let asked = AtomicUsize::new(0);
    let count = |done: usize, total: usize| {
        assert_eq!((asked.fetch_add(1, Ordering::Relaxed), total), (done, 12));
        ControlFlow::Continue(())
    };
    let painter = studio.prepare(&look).unwrap();
    painter.paint_with(&photo, Known { faces: Some(&[]), ..Known::default() }, &count).unwrap();
    assert_eq!(asked.into_inner(), 13);
    let stop = |done: usize, _| if done == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    assert_eq!(painter.paint(&photo, &stop).unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn looking_for_faces_is_the_first_part_and_can_be_stopped() {
    let (studio, photo) = (studio(), photo(400, 300));
    let painter = studio.prepare(&Look::default()).unwrap();
    let calls = std::sync::Mutex::new(Vec::new());
    let watch = |done: usize, total: usize| {
        calls.lock().unwrap().push((done, total));
        ControlFlow::Continue(())
    };
    painter.paint(&photo, &watch).unwrap();
    let calls = calls.into_inner().unwrap();
    assert!(calls.is_sorted() && calls.last() == Some(&(2, 2)), "{calls:?}");
    let while_looking = calls.iter().filter(|(done, _)| *done == 0).count();
    assert!(while_looking > 4, "asked {while_looking} times while faces were looked for");
    // Stopped in the middle of it.
    for faces_alone in [false, true] {
        let asked = AtomicUsize::new(0);
        let stop = |_, _| match asked.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        };
        let error = match faces_alone {
            true => studio.faces(&photo, &stop).unwrap_err(),
            false => painter.paint(&photo, &stop).unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        assert!(asked.into_inner() < while_looking, "it went on looking");
    }
}

#[test]
fn one_painter_paints_any_number_of_pictures_as_fresh_ones_would() {
    let studio = studio();
    let look = Look { tile: Tile::new(128).unwrap(), ..Look::default() };
    let painter = studio.prepare(&look).unwrap();
    let photos = [photo(300, 200), photo(17, 31), photo(1301, 701), photo(300, 200)];
    let painted: Vec<_> = photos.iter().map(|photo| painter.paint(photo, &unwatched).unwrap()).collect();
    for (photo, painted) in photos.iter().zip(&painted) {
        assert!(*painted == paint(&studio, photo, &look));
    }
    // It outlives the studio, and threads may share it.
    drop(studio);
    std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(|| painter.paint(&photos[0], &unwatched).unwrap()));
        for thread in threads {
            assert!(thread.join().unwrap() == painted[0]);
        }
    });
}

#[test]
fn a_modulation_is_taken_averaged_and_given_back() {
    let painter = studio().prepare(&Look { faces: Faces::Off, ..Look::default() }).unwrap();
    let with = |photo: &Image<Srgb8>, modulation: &Modulation| {
        let known = Known { modulation: Some(modulation), ..Known::default() };
        painter.paint_with(photo, known, &unwatched).unwrap()
    };
    for photo in [photo(300, 200), photo(1301, 1001)] {
        let own = painter.modulation(&photo).unwrap();
        let painted = painter.paint(&photo, &unwatched).unwrap();
        assert!(with(&photo, &own) == painted);
        let other = painter.modulation(&Image::filled(64, 64, [250, 10, 10])).unwrap();
        assert!(own != other && with(&photo, &other) != painted);
        let between = Modulation::mean(&[(&own, 1.0), (&other, 1.0)]).unwrap();
        let far = |a: &Image<Srgb8>, b: &Image<Srgb8>| pixels::compare::mean_difference(a, b);
        let (half, whole) = (with(&photo, &between), with(&photo, &other));
        assert!(far(&half, &painted) < far(&whole, &painted), "halfway is nearer");
    }
}

#[test]
fn a_sequence_flickers_less_than_its_frames_and_forgets_at_a_cut() {
    // Without outlines, which are lighter in frames.
    let look = Look { faces: Faces::Off, flat: Flat::new(0.0).unwrap(), ..Look::default() };
    let painter = studio().prepare(&look).unwrap();
    let frames: Vec<Image<Srgb8>> = (0..8).map(|i| photo(96, 64 + i)).map(|photo| photo.crop(0, 0, 96, 64)).collect();
    let alone: Vec<Modulation> = frames.iter().map(|frame| painter.modulation(frame).unwrap()).collect();
    let mut sequence = Sequence::new(painter.clone(), Smoothing::new(0.9).unwrap(), Stability::new(0.0).unwrap());
    let mut past = alone[0].clone();
    for (i, (frame, own)) in frames.iter().zip(&alone).enumerate() {
        if i > 0 {
            past = Modulation::mean(&[(&past, 0.9), (own, 1.0 - 0.9)]).unwrap();
        }
        let known = Known { modulation: Some(&past), ..Known::default() };
        let expected = painter.paint_with(frame, known, &unwatched).unwrap();
        assert!(sequence.paint(frame, &unwatched).unwrap() == expected, "frame {i}");
    }
    assert!(sequence.paint(&frames[0], &unwatched).unwrap() != painter.paint(&frames[0], &unwatched).unwrap());
    sequence.cut();
    assert!(sequence.paint(&frames[0], &unwatched).unwrap() == painter.paint(&frames[0], &unwatched).unwrap());
    // A frame that was stopped does not count.
    let stop = |_, _| ControlFlow::Break(());
    sequence.cut();
    assert_eq!(sequence.paint(&frames[3], &stop).unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(sequence.paint(&frames[1], &unwatched).unwrap() == painter.paint(&frames[1], &unwatched).unwrap());
}

#[test]
fn another_detector_can_be_given_and_must_be_one() {
    let mut studio = studio();
    assert_eq!(studio.use_detector(b"no model").unwrap_err().kind(), ErrorKind::Model);
    studio.use_detector(kaiga::faces::detector::EMBEDDED.1).unwrap();
    assert_eq!(studio.faces(&photo(60, 40), &unwatched), Ok(vec![]));
}

#[test]
fn what_is_not_there_is_named() {
    let mut studio = studio();
    let look = Look { styles: kaiga::Mix::of("seaside"), ..Look::default() };
    let error = studio.prepare(&look).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnknownStyle);
    assert!(error.to_string().contains("seaside") && error.to_string().contains("meadow, skyglow"), "{error}");
    assert_eq!(studio.add_style(b"no model").unwrap_err().kind(), ErrorKind::Model);
    assert_eq!(Studio::from_bytes(b"", &[]).err().map(|error| error.kind()), Some(ErrorKind::Model));
}
