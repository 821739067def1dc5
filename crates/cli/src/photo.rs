//! One photo: read, painted, written. The result is there in full or not at all.

use crate::args::{Input, Params};
use crate::place::Place;
use kaiga::{ErrorKind, Painter, Progress};
use pixels::codec::{self, Limits, Photo, Warning};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Where a painting goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    File(PathBuf),
    Stdout,
}

/// What became of a photo.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) took: Took,
    /// Why the painting may not be of the whole photo.
    pub(crate) warning: Option<Warning>,
}

/// Where the time went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) reading: Duration,
    pub(crate) painting: Duration,
    pub(crate) writing: Duration,
}

impl Took {
    pub(crate) fn all(self) -> Duration {
        self.reading + self.painting + self.writing
    }
}

/// Why there is no painting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Cancelled,
    /// In words for people.
    Failed(String),
}

/// Paints one photo.
pub(crate) fn paint(
    painter: &Painter,
    params: &Params,
    input: &Input,
    target: &Target,
    progress: &Progress,
) -> Result<Done, Failure> {
    let start = Instant::now();
    spare(input, target).map_err(Failure::Failed)?;
    let photo = read(input, &params.limits).map_err(Failure::Failed)?;
    let destination = Destination::reserve(target, &photo).map_err(Failure::Failed)?;
    let reading = start.elapsed();
    let painting = painter.paint(&photo.image, progress).map_err(|error| match error.kind() {
        ErrorKind::Cancelled => Failure::Cancelled,
        _ => Failure::Failed(error.to_string()),
    })?;
    let (width, height) = (painting.width(), painting.height());
    let Photo { alpha, warning, .. } = photo;
    let painted = start.elapsed();
    let bytes = codec::write(&painting, alpha.as_ref(), params.format, params.quality)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    // The last look before something is left behind.
    if progress(1, 1).is_break() {
        return Err(Failure::Cancelled);
    }
    destination.deliver(&bytes).map_err(Failure::Failed)?;
    let took = Took { reading, painting: painted - reading, writing: start.elapsed() - painted };
    Ok(Done { width, height, took, warning })
}

/// Refuses to write over the photo.
pub(crate) fn spare(input: &Input, target: &Target) -> Result<(), String> {
    match (input, target) {
        (Input::Path(input), Target::File(target)) if same_file(input, target) => {
            Err("the painting would overwrite the photo: choose another name with -o".into())
        }
        _ => Ok(()),
    }
}

/// Where a painting will go, found writable before anything is painted.
pub(crate) enum Destination {
    Stdout,
    File(Place),
}

impl Destination {
    /// Takes room for a painting of `photo` at `target`.
    ///
    /// # Errors
    /// Why it cannot be written, in a sentence.
    pub(crate) fn reserve(target: &Target, photo: &Photo) -> Result<Self, String> {
        /// Paintings seldom take less; of a larger one the rest may still not fit.
        const BYTES_PER_PIXEL: f64 = 0.25;
        let bytes = photo.image.pixels().len() as f64 * BYTES_PER_PIXEL;
        Ok(match target {
            Target::Stdout => Self::Stdout,
            Target::File(path) => Self::File(Place::reserve(path, bytes as u64)?),
        })
    }

    /// Puts the painting there.
    ///
    /// # Errors
    /// Why not, in a sentence.
    pub(crate) fn deliver(self, bytes: &[u8]) -> Result<(), String> {
        match self {
            Self::File(place) => place.fill(bytes),
            Self::Stdout => io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()).map_err(|e| plainly(&e)),
        }
    }
}

/// Whether stdin is being read: nothing has been done yet that an interrupt could leave half done.
pub(crate) static WAITS_FOR_STDIN: AtomicBool = AtomicBool::new(false);

/// Reads and decodes a photo.
pub(crate) fn read(input: &Input, limits: &Limits) -> Result<Photo, String> {
    let bytes = match input {
        Input::Stdin => {
            WAITS_FOR_STDIN.store(true, Ordering::Relaxed);
            let read = read_at_most(io::stdin().lock(), limits.max_file_bytes);
            WAITS_FOR_STDIN.store(false, Ordering::Relaxed);
            read
        }
        Input::Path(path) => File::open(path).and_then(|file| read_at_most(file, limits.max_file_bytes)),
    }
    .map_err(|error| plainly(&error))?;
    quietly(|| codec::read(&bytes, limits)).map_err(|error| match error.kind() {
        codec::ErrorKind::TooLarge(_) => format!("{error} (raise it with --max-pixels)"),
        _ => error.to_string(),
    })
}

/// One byte more than allowed is enough for the codec to refuse.
fn read_at_most(from: impl Read, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The operating system's complaint without its number.
pub(crate) fn plainly(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::StorageFull => "the disk is full".into(),
        io::ErrorKind::InvalidFilename => "the name is too long for this disk".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        _ => error.to_string(),
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Decoders may panic on broken files; the codec catches it and returns an error. Until this is called, the panic
/// would be printed all the same.
pub(crate) fn silence_decoders() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !QUIET.get() {
            usual(panic);
        }
    }));
}

fn quietly<T>(decode: impl FnOnce() -> T) -> T {
    QUIET.set(true);
    let decoded = decode();
    QUIET.set(false);
    decoded
}
