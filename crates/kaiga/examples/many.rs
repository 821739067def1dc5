//! Paints twenty pictures of 512×512 px in one process and prints how long they took and a sum of their bytes:
//! `cargo run --release -p kaiga --example many [STYLE] [on|off]`. `each` as a third word prepares the look anew for every
//! picture, as a program does that paints one.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example reports to the terminal")]

use kaiga::{Look, Studio, unwatched};
use pixels::codec::{self, Limits};
use std::time::Instant;

const PICTURES: usize = 20;

fn main() {
    let mut words = std::env::args().skip(1);
    let style = words.next().unwrap_or("meadow".into());
    let faces = words.next().unwrap_or("on".into()).parse().unwrap();
    let each = words.next().is_some_and(|word| word == "each");
    let sample = codec::read(include_bytes!("../../../samples/street.jpg"), &Limits::default()).unwrap().image;
    let studio = Studio::embedded().unwrap();
    let look = Look { styles: style.parse().unwrap(), faces, ..Look::default() };
    let start = Instant::now();
    let mut painter = studio.prepare(&look).unwrap();
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for i in 0..PICTURES {
        if each && i > 0 {
            painter = studio.prepare(&look).unwrap();
        }
        let painting = painter.paint(&sample.crop(13 * i, 7 * i, 512, 512), &unwatched).unwrap();
        // FNV-1a: whether two builds paint the same.
        for &byte in painting.pixels().as_flattened() {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    let ms = start.elapsed().as_secs_f64() * 1e3;
    println!("{ms:.1} ms, {:.1} ms a picture, {sum:016x}", ms / PICTURES as f64);
}
