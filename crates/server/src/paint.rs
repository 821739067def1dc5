//! One photo's way: file in, file out. Runs on the calling thread; called by conversions and jobs alike.

use crate::config::Limits;
use crate::error::{Error, Kind};
use crate::painter_cache::PainterCache;
use crate::params::{AvatarParams, Params};
use kaiga::faces::{Crop, Face, Frame, avatar_crop};
use kaiga::{Known, Progress};
use pixels::codec::{self, Photo, Warning};
use pixels::resize::Filter;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// A picture's memory on its way, bytes for each of its pixels: a decoder's worst case (16-bit RGBA and what it is
/// converted to, or the coefficients of a progressive JPEG), which is more than photo and painting together.
pub const BYTES_PER_PIXEL: u64 = 24;

/// Where a photo is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Waiting for a painter.
    Queued,
    /// Its file is read.
    Decoding,
    /// It is painted.
    Painting,
    /// The painting's file is made.
    Encoding,
    /// All is over.
    Done,
}

impl Stage {
    /// As it is written in files and interfaces.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Decoding => "decoding",
            Self::Painting => "painting",
            Self::Encoding => "encoding",
            Self::Done => "done",
        }
    }

    /// The stage of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Queued, Self::Decoding, Self::Painting, Self::Encoding, Self::Done];
        all.into_iter().find(|stage| stage.name() == name)
    }

    /// How long it may take; `None` where nobody says.
    pub(crate) fn allowed(self, limits: &Limits) -> Option<Duration> {
        let seconds = match self {
            Self::Queued => limits.queue_timeout_s,
            Self::Decoding => limits.decode_timeout_s,
            Self::Painting => limits.paint_timeout_s,
            Self::Encoding => limits.encode_timeout_s,
            Self::Done => return None,
        };
        Some(Duration::from_secs(seconds))
    }
}

/// Somebody who is told how it goes and can stop it.
pub(crate) trait Watcher: Sync {
    /// A new stage begins. `Break` stops.
    fn stage(&self, stage: Stage) -> ControlFlow<Error>;
    /// The size of the painting, px.
    fn size(&self, _width: usize, _height: usize) {}
    /// `done` of `total` parts are painted. `Break` stops.
    fn part(&self, done: usize, total: usize) -> ControlFlow<Error>;
}

/// A painting's file.
#[derive(Clone, Debug)]
pub(crate) struct PaintedFile {
    /// Its bytes. No metadata of the photo is in them.
    pub(crate) bytes: Vec<u8>,
    /// Its media type.
    pub(crate) media_type: &'static str,
    /// Where the time went.
    pub(crate) took: Took,
    /// Why it may not be of the whole photo, by name.
    pub(crate) warning: Option<&'static str>,
}

/// Where the time went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Took {
    /// Reading the photo's file.
    pub(crate) decoding: Duration,
    /// Painting.
    pub(crate) painting: Duration,
    /// Writing the painting's file.
    pub(crate) encoding: Duration,
}

/// What the codec shall refuse.
pub(crate) fn codec_limits(limits: &Limits) -> codec::Limits {
    codec::Limits {
        max_pixels: limits.max_pixels,
        max_side_px: limits.max_side_px,
        max_file_bytes: limits.max_upload_bytes,
        max_memory_bytes: limits.max_pixels.saturating_mul(BYTES_PER_PIXEL),
    }
}

/// Reads, cuts and scales as the parameters say, paints, writes.
///
/// # Errors
/// What the codec, the parameters or the watcher has against it; a panic comes back as [`Kind::Internal`].
pub(crate) fn paint(
    cache: &PainterCache,
    limits: &Limits,
    params: &Params,
    file: &[u8],
    watcher: &dyn Watcher,
) -> Result<PaintedFile, Error> {
    painted(cache, limits, params, Frame::default(), file, watcher, |photo, _| Ok((prepared(photo, params)?, None)))
}

/// The same for a square around the main face, in its frame.
///
/// # Errors
/// As [`paint`].
pub(crate) fn paint_avatar(
    cache: &PainterCache,
    limits: &Limits,
    avatar: &AvatarParams,
    file: &[u8],
    watcher: &dyn Watcher,
) -> Result<PaintedFile, Error> {
    let AvatarParams { params, size_px, frame } = avatar;
    painted(cache, limits, params, *frame, file, watcher, |photo, progress| {
        let faces = cache.studio().faces(&photo.image, progress)?;
        let (width, height) = (photo.image.width(), photo.image.height());
        let crop = match params.crop {
            Some(crop) => within(crop, width, height)?,
            None => avatar_crop(width, height, &faces),
        };
        let square = photo.crop(crop.x, crop.y, crop.side, crop.side).resize(*size_px, *size_px, crop.filter(*size_px));
        Ok((square, Some(crop.faces(&faces, *size_px))))
    })
}

/// A photo and, if somebody has looked for them already, its faces.
type Prepared = (Photo, Option<Vec<Face>>);

fn painted(
    cache: &PainterCache,
    limits: &Limits,
    params: &Params,
    frame: Frame,
    file: &[u8],
    watcher: &dyn Watcher,
    prepare: impl FnOnce(Photo, &Progress) -> Result<Prepared, Error>,
) -> Result<PaintedFile, Error> {
    let stopped = std::sync::Mutex::new(None);
    let progress = |done: usize, total: usize| match watcher.part(done, total) {
        ControlFlow::Continue(()) => ControlFlow::Continue(()),
        ControlFlow::Break(error) => {
            *stopped.lock().expect("nobody panics with it") = Some(error);
            ControlFlow::Break(())
        }
    };
    let painted = caught(|| {
        begin(watcher, Stage::Decoding)?;
        let start = Instant::now();
        let (photo, faces) = prepare(codec::read(file, &codec_limits(limits))?, &progress)?;
        watcher.size(photo.image.width(), photo.image.height());
        let decoding = start.elapsed();

        begin(watcher, Stage::Painting)?;
        let start = Instant::now();
        let known = Known { faces: faces.as_deref(), ..Known::default() };
        let mut painted = cache.painter(&params.look)?.paint_with(&photo.image, known, &progress)?;
        let Photo { image, alpha, warning, .. } = photo;
        let faces = faces.unwrap_or_default();
        let framed = frame.put_around(cache.studio(), &image, &faces, &mut painted, alpha)?;
        let warning = warning.map(name_of).or(framed.is_background_kept.then_some(NO_PERSON));
        let painting = start.elapsed();

        begin(watcher, Stage::Encoding)?;
        let start = Instant::now();
        let bytes = codec::write(&painted, framed.alpha.as_ref(), params.format, params.quality)?;
        let took = Took { decoding, painting, encoding: start.elapsed() };
        Ok(PaintedFile { bytes, media_type: params.format.media_type(), took, warning })
    });
    // Why it was stopped says more than that it was.
    stopped.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(painted, Err)
}

/// Warnings as they are written in files and interfaces; clients know what to say about each.
const WARNINGS: [&str; 2] = ["truncated", "other"];
/// Another background was asked for, and nobody was found who stands before it. Of avatars only, which are no jobs.
const NO_PERSON: &str = "no-person";

fn name_of(warning: Warning) -> &'static str {
    match warning {
        Warning::Truncated => WARNINGS[0],
        _ => WARNINGS[1],
    }
}

/// The warning of that name.
pub(crate) fn warning_named(name: &str) -> Option<&'static str> {
    WARNINGS.into_iter().find(|known| *known == name)
}

/// Tells the watcher that a stage begins; an error if it stops there.
pub(crate) fn begin(watcher: &dyn Watcher, stage: Stage) -> Result<(), Error> {
    match watcher.stage(stage) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Whatever panics, the thread lives on.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::new(Kind::Internal, "painting this picture failed (an error of the program; its log says more)"))
    })
}

/// A crop that a client asked for, if it lies in its picture.
fn within(crop: Crop, width: usize, height: usize) -> Result<Crop, Error> {
    let Crop { x, y, side } = crop;
    let inside = |start: usize, length: usize| start.checked_add(side).is_some_and(|end| end <= length);
    if inside(x, width) && inside(y, height) {
        return Ok(crop);
    }
    let detail = format!("the crop {x},{y},{side} reaches beyond the picture of {width}×{height} px");
    Err(Error::new(Kind::Setting, detail))
}

/// Cut and scaled.
fn prepared(mut photo: Photo, params: &Params) -> Result<Photo, Error> {
    if let Some(crop) = params.crop {
        let Crop { x, y, side } = within(crop, photo.image.width(), photo.image.height())?;
        photo = photo.crop(x, y, side, side);
    }
    let (width, height) = (photo.image.width(), photo.image.height());
    let longer = width.max(height);
    if let Some(max_side_px) = params.max_side_px
        && longer > max_side_px
    {
        let scaled = |side: usize| ((side as f64 * max_side_px as f64 / longer as f64).round() as usize).max(1);
        photo = photo.resize(scaled(width), scaled(height), Filter::Lanczos3);
    }
    Ok(photo)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kaiga::Studio;
    use pixels::Image;
    use std::sync::Arc;

    /// Stops at a stage, or never.
    struct StopAt(Option<Stage>);

    impl Watcher for StopAt {
        fn stage(&self, stage: Stage) -> ControlFlow<Error> {
            if self.0 == Some(stage) {
                ControlFlow::Break(Error::new(Kind::Cancelled, "enough"))
            } else {
                ControlFlow::Continue(())
            }
        }
        fn part(&self, done: usize, _total: usize) -> ControlFlow<Error> {
            if self.0 == Some(Stage::Done) && done > 0 {
                return ControlFlow::Break(Error::new(Kind::TimedOut, "too slow"));
            }
            ControlFlow::Continue(())
        }
    }

    fn run(params: &Params, stop: Option<Stage>) -> Result<PaintedFile, Error> {
        let image = Image::from_fn(60, 40, |x, y| [x as u8 * 4, y as u8 * 6, 90]);
        let file = codec::write(&image, None, codec::Format::Png, 90).unwrap();
        let cache = PainterCache::new(Studio::embedded().unwrap(), Arc::default());
        paint(&cache, &Limits::default(), params, &file, &StopAt(stop))
    }

    #[test]
    fn a_photo_is_cut_scaled_and_painted() {
        let square =
            |x, y, side| Params { crop: Some(Crop { x, y, side }), max_side_px: Some(12), ..Params::default() };
        let painted = run(&square(30, 10, 30), None).unwrap();
        let size = |painted: &PaintedFile| {
            let image = codec::read(&painted.bytes, &Default::default()).unwrap().image;
            (image.width(), image.height())
        };
        assert_eq!(size(&painted), (12, 12));
        let narrow = run(&Params { max_side_px: Some(30), ..Params::default() }, None).unwrap();
        assert_eq!(size(&narrow), (30, 20));
        for beyond in [square(31, 10, 30), square(usize::MAX, 0, 2)] {
            assert_eq!(run(&beyond, None).unwrap_err().kind, Kind::Setting);
        }
    }

    #[test]
    fn the_watcher_can_stop_it_everywhere() {
        for stage in [Stage::Decoding, Stage::Painting, Stage::Encoding] {
            assert_eq!(run(&Params::default(), Some(stage)).unwrap_err().kind, Kind::Cancelled);
        }
        assert_eq!(run(&Params::default(), Some(Stage::Done)).unwrap_err().kind, Kind::TimedOut);
        let panic: Result<(), Error> = caught(|| panic!("planned"));
        assert_eq!(panic.unwrap_err().kind, Kind::Internal);
    }
}
