//! Where the time of a painting goes: decoding, the eye, the drawer, upscaling to full size, encoding.
//!
//! `cargo bench -p kaiga` times each step for itself, then prints the shares of one painting of each size. The
//! pictures are the sample, resampled.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench reports to the terminal")]

use divan::{Bencher, black_box};
use engine::{Map, Network};
use kaiga::faces::{Detector, Face};
use kaiga::{Detail, Faces, Known, Look, Painter, Studio, Tile, unwatched, working_size};
use net::light::{self, GRAIN_PX, THUMBNAIL_PX};
use pixels::Image;
use pixels::codec::{self, Format, Limits};
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const SAMPLE: &[u8] = include_bytes!("../../../samples/street.jpg");
/// Width and height, px: 512², 2 Mpx and 12 Mpx.
const SIZES: [(usize, usize); 3] = [(512, 512), (1632, 1224), (4000, 3000)];

fn main() {
    divan::main();
    // `cargo test` runs benches too, to see that they run; the shares are for `cargo bench`.
    if std::env::args().any(|argument| argument == "--bench") {
        SIZES.iter().for_each(|&size| print_shares(size));
        SIZES.iter().for_each(|&size| print_price_of_faces(size));
    }
}

fn photo((width, height): (usize, usize)) -> Image<Srgb8> {
    let sample = codec::read(SAMPLE, &Limits::default()).unwrap();
    resize::to(&sample.image, width, height, Filter::CatmullRom)
}

/// The style as it was learnt, with or without a look for faces.
fn painter(faces: Faces) -> Painter {
    Studio::embedded().unwrap().prepare(&Look { faces, ..Look::default() }).unwrap()
}

fn jpeg(size: (usize, usize)) -> Vec<u8> {
    codec::write(&photo(size), None, Format::Jpeg, 92).unwrap()
}

/// A network of the embedded base model.
fn network(arch: &net::Arch) -> Network {
    Network::new(arch, &net::Model::read(kaiga::EMBEDDED[0].1).unwrap().weights).unwrap()
}

/// RGB −1..1 of the sample at that size.
fn signed(width: usize, height: usize) -> Map {
    let image = photo((width, height));
    let data = image.pixels().as_flattened().iter().map(|&v| f32::from(v) / 127.5 - 1.0).collect();
    Map::new(height, width, 3, data)
}

#[divan::bench(args = SIZES)]
fn decode(bencher: Bencher, size: (usize, usize)) {
    let bytes = jpeg(size);
    bencher.bench(|| codec::read(black_box(&bytes), &Limits::default()));
}

#[divan::bench]
fn eye(bencher: Bencher) {
    let (eye, thumbnail) = (network(&light::eye()), signed(THUMBNAIL_PX, THUMBNAIL_PX));
    bencher.bench(|| eye.run(&[&thumbnail]));
}

#[divan::bench(args = SIZES)]
fn drawer(bencher: Bencher, (width, height): (usize, usize)) {
    let (width, height) = working_size(width, height, Detail::default());
    let picture = signed(width.next_multiple_of(GRAIN_PX), height.next_multiple_of(GRAIN_PX));
    let modulation = network(&light::eye()).run(&[&signed(THUMBNAIL_PX, THUMBNAIL_PX)]).unwrap();
    let drawer = network(&light::drawer());
    bencher.bench(|| drawer.run(&[&picture, &modulation[0]]));
}

/// All of it but the files: what is more than eye and drawer is resampling and finishing.
#[divan::bench(args = SIZES)]
fn paint(bencher: Bencher, size: (usize, usize)) {
    let (painter, photo) = (painter(Faces::Off), photo(size));
    bencher.bench(|| painter.paint(&photo, &unwatched));
}

/// What is done once for all pictures.
#[divan::bench]
fn prepare(bencher: Bencher) {
    let studio = Studio::embedded().unwrap();
    bencher.bench(|| studio.prepare(&Look::default()));
}

/// A street without faces: what looking for them costs beside painting.
#[divan::bench(args = SIZES)]
fn faces(bencher: Bencher, size: (usize, usize)) {
    let (detector, image) = (Detector::embedded().unwrap(), photo(size));
    bencher.bench(|| detector.detect(&image));
}

#[divan::bench(args = SIZES)]
fn encode_png(bencher: Bencher, size: (usize, usize)) {
    let painting = painter(Faces::Off).paint(&photo(size), &unwatched).unwrap();
    bencher.bench(|| codec::write(&painting, None, Format::Png, 92));
}

#[divan::bench(args = SIZES)]
fn encode_jpeg(bencher: Bencher, size: (usize, usize)) {
    let painting = painter(Faces::Off).paint(&photo(size), &unwatched).unwrap();
    bencher.bench(|| codec::write(&painting, None, Format::Jpeg, 92));
}

/// How many tiles of the default size a picture is drawn in.
fn tiles(width: usize, height: usize) -> usize {
    let side_px = Tile::default().side_px();
    let one = width * height <= side_px * side_px * 5 / 4;
    if one { 1 } else { width.div_ceil(side_px) * height.div_ceil(side_px) }
}

/// Paints once and prints how long each step took, as the progress function sees it.
fn print_shares(size: (usize, usize)) {
    let bytes = jpeg(size);
    let painter = painter(Faces::Off);
    let start = Instant::now();
    let photo = codec::read(&bytes, &Limits::default()).unwrap().image;
    let decoded = start.elapsed();
    let marks: Mutex<Vec<Duration>> = Mutex::default();
    let watch = |_, _| {
        marks.lock().unwrap().push(start.elapsed());
        ControlFlow::Continue(())
    };
    let painting = painter.paint(&photo, &watch).unwrap();
    let painted = start.elapsed();
    codec::write(&painting, None, Format::Png, 92).unwrap();
    let all = start.elapsed();

    // The last of the parts drawn ends the drawer; those that follow are finished at full size.
    let marks = marks.into_inner().unwrap();
    let (width, height) = working_size(size.0, size.1, Detail::default());
    let drawn = if (width, height) == size { painted } else { marks[tiles(width, height)] };
    let share = |name: &str, time: Duration| {
        println!("  {name:28} {:7.1} ms {:5.1} %", time.as_secs_f64() * 1e3, 100.0 * time.div_duration_f64(all));
    };
    println!("{}×{} painted at {width}×{height}:", size.0, size.1);
    share("decode (jpg)", decoded);
    share("shrink, eye and drawer", drawn - decoded);
    share("upscale and finish", painted - drawn);
    share("encode (png)", all - painted);
}

/// Paints in turns, without a look for faces, with one that finds none, and with one face given, and prints the ratios
/// of the medians.
fn print_price_of_faces(size: (usize, usize)) {
    let (plain, painter, photo) = (painter(Faces::Off), painter(Faces::On), photo(size));
    assert_eq!(Detector::embedded().unwrap().detect(&photo).unwrap(), [], "the sample shows nobody");
    let (eyes_px, x, y) = (size.1 as f32 / 20.0, size.0 as f32 / 2.0, size.1 as f32 / 2.0);
    let landmarks = [[-0.5, 0.0], [0.5, 0.0], [0.0, 0.6], [-0.4, 1.1], [0.4, 1.1]];
    let landmarks = landmarks.map(|[u, v]| [x + u * eyes_px, y + v * eyes_px]);
    let face = Face { bounds: [x - eyes_px, y - eyes_px, 2.0 * eyes_px, 2.8 * eyes_px], landmarks, score: 1.0 };
    let mut times: [Vec<Duration>; 3] = Default::default();
    for _ in 0..9 {
        let mut time = |which: usize, paint: &dyn Fn()| {
            let start = Instant::now();
            paint();
            times[which].push(start.elapsed());
        };
        time(0, &|| drop(black_box(plain.paint(&photo, &unwatched))));
        time(1, &|| drop(black_box(painter.paint(&photo, &unwatched))));
        let known = Known { faces: Some(&[face]), ..Known::default() };
        time(2, &|| drop(black_box(painter.paint_with(&photo, known, &unwatched))));
    }
    let [off, on, one] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    println!(
        "{}×{}: {:.1} ms without a look for faces; looking and finding none × {:.3}; one face repainted × {:.3}",
        size.0,
        size.1,
        off.as_secs_f64() * 1e3,
        on.div_duration_f64(off),
        one.div_duration_f64(off)
    );
}
