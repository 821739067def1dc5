//! Paints photos to every taste and says how long it took:
//! `paint OUT_DIR [--faces FACES.json PHOTOS] PHOTO…` writes OUT_DIR/NAME.STYLE.png and
//! OUT_DIR/NAME.STYLE.ink.png, and NAME.photo.png at working size. FACES.json is what `faces.py PHOTOS` found.
#![allow(clippy::print_stdout)]

use anyhow::{Context, Result};
use kaiga_train::data::pairs::at_working_size;
use kaiga_train::painter::{Taste, face, paint_all, portrait};
use pixels::codec::{self, Limits};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<()> {
    let usage = "paint OUT_DIR [--faces FACES.json PHOTOS] PHOTO…";
    let mut arguments = std::env::args().skip(1);
    let out = PathBuf::from(arguments.next().context(usage)?);
    let (tastes, mut faces, mut folder) = (Taste::all(), HashMap::new(), PathBuf::new());
    while let Some(argument) = arguments.next() {
        if argument == "--faces" {
            faces = face::read(&PathBuf::from(arguments.next().context(usage)?))?;
            folder = PathBuf::from(arguments.next().context(usage)?);
            continue;
        }
        let path = PathBuf::from(&argument);
        let name = path.file_stem().context("a photo has a name")?.to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).with_context(|| argument.clone())?;
        let photo = codec::read(&bytes, &Limits::default()).with_context(|| argument.clone())?;
        let photo = at_working_size(&photo.image);
        let (width, height) = (photo.width() as u32, photo.height() as u32);
        let found = path.strip_prefix(&folder).ok().and_then(|below| faces.get(&*below.to_string_lossy()));
        let found: Vec<_> =
            found.into_iter().flatten().map(|face| face.at([width as f32, height as f32], [0.0; 2])).collect();
        let save = |picture: &pixels::Image<_>, style: &str| -> Result<()> {
            let picture = image::RgbImage::from_raw(width, height, picture.pixels().concat());
            let picture = picture.context("as many samples as pixels")?;
            Ok(picture.save(out.join(format!("{name}.{style}.png")))?)
        };
        save(&photo, "photo")?;
        let start = Instant::now();
        let mut all = paint_all(&photo, &tastes.each_ref().map(|(_, taste)| *taste));
        if let (Some(at), false) = (tastes.iter().position(|(style, _)| *style == "portrait"), found.is_empty()) {
            all[at] = portrait(&photo, &found);
        }
        println!("{name}: {width}×{height}, {:.2} s", start.elapsed().as_secs_f64());
        for ((style, _), painted) in tastes.iter().zip(all) {
            save(&painted.painting, style)?;
            let ink = painted.ink.pixels().iter().map(|v| (v * 255.0 + 0.5) as u8).collect();
            let ink = image::GrayImage::from_raw(width, height, ink).context("as many samples as pixels")?;
            ink.save(out.join(format!("{name}.{style}.ink.png")))?;
        }
    }
    Ok(())
}
