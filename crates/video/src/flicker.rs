//! How calm a video is: how much a pixel changes from frame to frame that only moved in the source.

use crate::decode::Decoder;
use crate::error::Error;
use crate::settings::Span;
use crate::{clip, paint};
use pixels::Image;
use pixels::blur::gaussian;
use pixels::flow::{Displacement, Pyramid, between, carried, consistent};
use pixels::space::{Gray, Srgb8, lab_from_srgb8, luma_from_srgb, srgb_from_srgb8};
use std::path::Path;

/// Pixels whose motion is this fast, px a frame, count as moving.
const MOVING_PX: f32 = 1.0;
/// Ink is what is darker than its surroundings of this size.
const INK_SIGMA_PX: f32 = 3.0;

/// Means over frames of how far a pixel is from the same pixel one frame before, led there by the motion of the source; over
/// pixels whose motion is consistent both ways, and without the first frames of shots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flicker {
    /// In the source, CIE L*a*b* distance.
    pub source: f64,
    /// In the painting.
    pub painting: f64,
    /// In the source's ink: how much darker than around it, 0..100.
    pub source_ink: f64,
    /// In the painting's ink.
    pub painting_ink: f64,
    /// In the painting, where the source moves.
    pub moving: f64,
    /// Share of pixels that move.
    pub moving_share: f64,
    /// Pairs of frames that were compared.
    pub frames: u64,
}

/// Measures the painting of a video against its source, frame by frame.
///
/// # Errors
/// [`crate::ErrorKind::Input`] if one cannot be read, or they differ in size.
pub fn flicker(source: &Path, painting: &Path, span: Span) -> Result<Flicker, Error> {
    paint::readable(source)?;
    paint::readable(painting)?;
    let mut sources = Decoder::start(&clip::probe(source)?, span, None)?;
    let mut paintings = Decoder::start(&clip::probe(painting)?, Span::default(), None)?;
    let mut sum = Flicker::default();
    let mut before: Option<(Image<Srgb8>, Image<Srgb8>, Pyramid)> = None;
    while let (Some(source), Some(painted)) = (sources.next()?, paintings.next()?) {
        let (source, painted) = (source.image, painted.image);
        if (source.width(), source.height()) != (painted.width(), painted.height()) {
            return Err(Error::input("differs in size from its painting: measure a painting of the same size"));
        }
        let pyramid = Pyramid::of(&source);
        if let Some((source_before, painted_before, pyramid_before)) = &before {
            let back = between(&pyramid, pyramid_before);
            let there = between(pyramid_before, &pyramid);
            let sound = consistent(&back, &there);
            sum.add([&source, source_before], [&painted, painted_before], &back, &sound);
        }
        before = Some((source, painted, pyramid));
    }
    Ok(sum.mean())
}

impl Flicker {
    fn add(
        &mut self,
        [source, source_before]: [&Image<Srgb8>; 2],
        [painted, painted_before]: [&Image<Srgb8>; 2],
        back: &Image<Displacement>,
        sound: &Image<Gray>,
    ) {
        // A cut, or nearly one: nothing is the same.
        let found = sound.pixels().iter().map(|v| f64::from(*v)).sum::<f64>() / sound.pixels().len() as f64;
        if found < 0.3 {
            return;
        }
        let [source_was, painted_was] = [carried(source_before, back), carried(painted_before, back)];
        let all = |i: usize| sound.pixels()[i] > 0.0;
        let moves = |i: usize| all(i) && back.pixels()[i][0].hypot(back.pixels()[i][1]) > MOVING_PX;
        self.source += mean(&distances(source, &source_was), all).0;
        let changes = distances(painted, &painted_was);
        self.painting += mean(&changes, all).0;
        let (moving, share) = mean(&changes, moves);
        self.moving += moving * share;
        self.moving_share += share;
        self.source_ink += mean(&ink_distances(source, &source_was), all).0;
        self.painting_ink += mean(&ink_distances(painted, &painted_was), all).0;
        self.frames += 1;
    }

    fn mean(self) -> Self {
        let by = |sum: f64| sum / (self.frames.max(1)) as f64;
        Self {
            source: by(self.source),
            painting: by(self.painting),
            source_ink: by(self.source_ink),
            painting_ink: by(self.painting_ink),
            moving: self.moving / self.moving_share.max(1e-9),
            moving_share: by(self.moving_share),
            frames: self.frames,
        }
    }
}

/// The mean over the pixels that count, and their share.
fn mean(values: &[f32], counts: impl Fn(usize) -> bool) -> (f64, f64) {
    let (mut sum, mut count) = (0.0, 0usize);
    for (i, value) in values.iter().enumerate() {
        if counts(i) {
            (sum, count) = (sum + f64::from(*value), count + 1);
        }
    }
    (sum / count.max(1) as f64, count as f64 / values.len() as f64)
}

fn distances(a: &Image<Srgb8>, b: &Image<Srgb8>) -> Vec<f32> {
    let [a, b] = [a, b].map(|picture| picture.map::<pixels::space::Lab>(lab_from_srgb8));
    let distance = |(a, b): (&[f32; 3], &[f32; 3])| (0..3).map(|c| (a[c] - b[c]) * (a[c] - b[c])).sum::<f32>().sqrt();
    a.pixels().iter().zip(b.pixels()).map(distance).collect()
}

fn ink_distances(a: &Image<Srgb8>, b: &Image<Srgb8>) -> Vec<f32> {
    let [a, b] = [a, b].map(ink);
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).collect()
}

/// How much darker a pixel is than its surroundings, 0..100.
fn ink(picture: &Image<Srgb8>) -> Vec<f32> {
    let luma = picture.map::<Gray>(|pixel| 100.0 * luma_from_srgb(srgb_from_srgb8(pixel)));
    let around = gaussian(&luma, INK_SIGMA_PX);
    luma.pixels().iter().zip(around.pixels()).map(|(own, around)| (around - own).max(0.0)).collect()
}
