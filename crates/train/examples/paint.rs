//! Paints photos to every taste and says how long it took:
//! `paint OUT_DIR [--prototype] PHOTO…` writes OUT_DIR/NAME.STYLE.png and OUT_DIR/NAME.STYLE.ink.png.
//! Photos are painted at their own size: give pictures of 0.4–0.8 Mpx.
#![allow(clippy::print_stdout)]

use anyhow::{Context, Result};
use kaiga_train::painter::{Taste, paint_all};
use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let out = PathBuf::from(arguments.next().context("paint OUT_DIR [--prototype] PHOTO…")?);
    let mut tastes = Taste::all();
    for photo in arguments {
        if photo == "--prototype" {
            let plain = [Taste::prototype_meadow(), Taste::prototype_skyglow(), Taste::prototype_storybook()];
            tastes.iter_mut().zip(plain).for_each(|(taste, plain)| taste.1 = plain);
            continue;
        }
        let path = PathBuf::from(&photo);
        let name = path.file_stem().context("a photo has a name")?.to_string_lossy().into_owned();
        let read = image::open(&path).with_context(|| photo.clone())?.into_rgb8();
        let (width, height) = read.dimensions();
        let pixels = read.pixels().map(|pixel| pixel.0).collect();
        let picture = pixels::Image::new(width as usize, height as usize, pixels);
        let start = Instant::now();
        let painted = paint_all(&picture, &[tastes[0].1, tastes[1].1]);
        let two_s = start.elapsed().as_secs_f64();
        let drawn = paint_all(&picture, &[tastes[2].1]);
        let third_s = start.elapsed().as_secs_f64() - two_s;
        println!(
            "{name}: {width}×{height}, {} and {} {two_s:.2} s, {} {third_s:.2} s",
            tastes[0].0, tastes[1].0, tastes[2].0
        );
        for ((style, _), painted) in tastes.iter().zip(painted.into_iter().chain(drawn)) {
            let painting = painted.painting.into_pixels().concat();
            image::RgbImage::from_raw(width, height, painting)
                .context("as many samples as pixels")?
                .save(out.join(format!("{name}.{style}.png")))?;
            let ink = painted.ink.pixels().iter().map(|v| (v * 255.0 + 0.5) as u8).collect();
            image::GrayImage::from_raw(width, height, ink)
                .context("as many samples as pixels")?
                .save(out.join(format!("{name}.{style}.ink.png")))?;
        }
    }
    Ok(())
}
