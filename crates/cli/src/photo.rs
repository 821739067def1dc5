//! One photo: read, painted, written. The result is there in full or not at all.

use crate::args::{Input, Order};
use kaiga::{ErrorKind, Painter, Progress};
use pixels::codec::{self, Limits, Photo};
use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
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
    order: &Order,
    input: &Input,
    target: &Target,
    progress: &Progress,
) -> Result<Done, Failure> {
    let start = Instant::now();
    spare(input, target).map_err(Failure::Failed)?;
    let photo = read(input, &order.limits).map_err(Failure::Failed)?;
    let reading = start.elapsed();
    let painting = painter.paint(&photo.image, progress).map_err(|error| match error.kind() {
        ErrorKind::Cancelled => Failure::Cancelled,
        _ => Failure::Failed(error.to_string()),
    })?;
    let (width, height) = (painting.width(), painting.height());
    let Photo { alpha, .. } = photo;
    let painted = start.elapsed();
    let bytes = codec::write(&painting, alpha.as_ref(), order.format, order.quality)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    // The last look before something is left behind.
    if progress(1, 1).is_break() {
        return Err(Failure::Cancelled);
    }
    deliver(target, &bytes).map_err(Failure::Failed)?;
    let took = Took { reading, painting: painted - reading, writing: start.elapsed() - painted };
    Ok(Done { width, height, took })
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

/// Puts bytes where they go.
pub(crate) fn deliver(target: &Target, bytes: &[u8]) -> Result<(), String> {
    match target {
        Target::File(path) => write_whole(path, bytes),
        Target::Stdout => io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()).map_err(|e| plainly(&e)),
    }
}

/// Reads and decodes a photo.
pub(crate) fn read(input: &Input, limits: &Limits) -> Result<Photo, String> {
    let bytes = match input {
        Input::Stdin => read_at_most(io::stdin().lock(), limits.max_file_bytes),
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

/// Writes under a temporary name and renames: nobody ever sees half a file.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let complaint = |error: io::Error| format!("cannot write {}: {}", path.display(), plainly(&error));
    let Some(name) = path.file_name() else {
        return Err(format!("cannot write {}: it is no file name", path.display()));
    };
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        // A device or a pipe cannot be renamed onto; a folder says why itself.
        return fs::write(path, bytes).map_err(complaint);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(complaint)?;
    let mut temporary_name = std::ffi::OsString::from(".");
    temporary_name.push(name);
    temporary_name.push(format!(".{}.tmp", std::process::id()));
    let temporary = folder.join(temporary_name);
    let written = File::create(&temporary).and_then(|mut file| file.write_all(bytes));
    written.and_then(|()| fs::rename(&temporary, path)).map_err(|error| {
        // Best effort: the write has failed already, and that is what is reported.
        let _ = fs::remove_file(&temporary);
        complaint(error)
    })
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The operating system's complaint without its number.
pub(crate) fn plainly(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
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
