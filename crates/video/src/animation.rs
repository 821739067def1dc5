//! Animated WebP, read frame by frame: ffmpeg reads none before its version 8.

use crate::clip::{Clip, Colour};
use crate::decode::{Frame, Shape};
use crate::error::Error;
use image_webp::WebPDecoder;
use pixels::Image;
use pixels::resize::{self, Filter, area_size};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// Frames of more pixels are refused.
const MOST_PIXELS: u64 = 50_000_000;
/// What a browser takes for a frame that says nothing, ms.
const USUAL_MS: i64 = 100;

/// A WebP that moves.
pub(crate) struct Animation {
    decoder: WebPDecoder<BufReader<File>>,
    pub(crate) shape: Shape,
    at_ms: i64,
    left: u32,
}

/// Whether the file says that it is a WebP.
pub(crate) fn is_webp(path: &Path) -> bool {
    let mut head = [0; 12];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head.starts_with(b"RIFF") && head.ends_with(b"WEBP")
}

impl Animation {
    /// Opens it; frames are shrunk to an area of `largest_px2`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] if it is broken, too large or does not move.
    pub(crate) fn open(path: &Path, largest_px2: Option<f64>) -> Result<(Self, Clip), Error> {
        let broken = |error: &dyn std::fmt::Display| Error::input(format!("is a broken WebP ({error})"));
        let file = File::open(path).map_err(|error| broken(&error))?;
        let mut decoder = WebPDecoder::new(BufReader::new(file)).map_err(|error| broken(&error))?;
        decoder.set_memory_limit(1 << 30);
        let (width, height) = decoder.dimensions();
        if !decoder.is_animated() {
            return Err(Error::input("is a picture and not a video: paint it with `kaiga PHOTO`"));
        }
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            let limit = MOST_PIXELS / 1_000_000;
            return Err(Error::input(format!("has frames of {width}×{height} px, the limit is {limit} Mpx")));
        }
        let (width, height) = (width as usize, height as usize);
        let (w, h) = match largest_px2 {
            Some(area) if (width * height) as f64 > area => area_size(width, height, area as usize),
            _ => (width, height),
        };
        let left = decoder.num_frames();
        let shape = Shape { width: w, height: h, pixel_aspect: (1, 1), tick: (1, 1000) };
        let colour = Colour {
            matrix: "smpte170m".into(),
            primaries: "bt709".into(),
            transfer: "bt709".into(),
            full_range: true,
            is_rgb: true,
        };
        let clip = Clip {
            path: path.to_owned(),
            stream: 0,
            size: (width, height),
            frames: Some(u64::from(left)),
            duration_s: None,
            start_s: 0.0,
            rate: (10, 1),
            colour,
            interlaced: false,
            others: Vec::new(),
        };
        Ok((Self { decoder, shape, at_ms: 0, left }, clip))
    }

    /// The next frame, on white where it is transparent; `None` after the last.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Input`] if it is broken.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let (width, height) = self.decoder.dimensions();
        let (width, height) = (width as usize, height as usize);
        let channels = if self.decoder.has_alpha() { 4 } else { 3 };
        let mut samples = vec![0; width * height * channels];
        let broken = |error| Error::input(format!("has a frame that cannot be decoded ({error})"));
        let ms = self.decoder.read_frame(&mut samples).map_err(broken)?;
        let pixel = |pixel: &[u8]| {
            let alpha = pixel.get(3).map_or(255, |alpha| u32::from(*alpha));
            [0, 1, 2].map(|c| ((u32::from(pixel[c]) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
        };
        let image = Image::new(width, height, samples.chunks_exact(channels).map(pixel).collect());
        let Shape { width: w, height: h, .. } = self.shape;
        let image = if (w, h) == (width, height) { image } else { resize::to(&image, w, h, Filter::Area) };
        let at = self.at_ms;
        self.at_ms += if ms == 0 { USUAL_MS } else { i64::from(ms) };
        Ok(Some(Frame { image, at }))
    }
}
