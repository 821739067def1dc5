//! Files that are there in full or not at all.

use crate::out::shown;
use crate::photo::plainly;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A file to be: room is taken under a temporary name before the work begins, so that a folder that cannot be written or
/// a full disk is found out first.
pub(crate) struct Place {
    path: PathBuf,
    /// None for a device or a pipe, which cannot be renamed onto.
    reserved: Option<Reserved>,
}

struct Reserved {
    file: File,
    temporary: PathBuf,
    /// The folder, if it was made for this file.
    made: Option<PathBuf>,
    finished: bool,
}

impl Place {
    /// Takes room for about `bytes` bytes at `path`, making its folder where there is none.
    ///
    /// # Errors
    /// Why it cannot be written, in a sentence.
    pub(crate) fn reserve(path: &Path, bytes: u64) -> Result<Self, String> {
        let complaint = |error: io::Error| format!("cannot write {}: {}", shown(path), plainly(&error));
        if path.file_name().is_none() {
            return Err(format!("cannot write {}: it is no file name", shown(path)));
        }
        match path.metadata() {
            Ok(there) if there.is_dir() => return Err(format!("cannot write {}: it is a folder", shown(path))),
            Ok(there) if !there.is_file() => return Ok(Self { path: path.to_owned(), reserved: None }),
            _ => {}
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let made = (!folder.exists()).then(|| folder.to_owned());
        fs::create_dir_all(folder).map_err(complaint)?;
        // Short, whatever the file is called: names have a limit.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!(".kaiga-{}-{number}.tmp", std::process::id()));
        let file = File::create(&temporary).map_err(complaint)?;
        let mut reserved = Reserved { file, temporary, made, finished: false };
        io::copy(&mut io::Read::take(io::repeat(0), bytes), &mut reserved.file).map_err(complaint)?;
        Ok(Self { path: path.to_owned(), reserved: Some(reserved) })
    }

    /// Puts `bytes` there. They are on the disk before the name is.
    ///
    /// # Errors
    /// Why not, in a sentence; what was there is untouched.
    pub(crate) fn fill(mut self, bytes: &[u8]) -> Result<(), String> {
        let written = match &mut self.reserved {
            None => fs::write(&self.path, bytes),
            Some(reserved) => reserved.fill(&self.path, bytes),
        };
        written.map_err(|error| format!("cannot write {}: {}", shown(&self.path), plainly(&error)))
    }
}

impl Reserved {
    fn fill(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(bytes)?;
        self.file.set_len(bytes.len() as u64)?;
        self.file.sync_all()?;
        fs::rename(&self.temporary, path)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // Best effort: whatever went wrong is reported by whoever gave up. A folder that holds something stays.
        let _ = fs::remove_file(&self.temporary);
        if let Some(folder) = &self.made {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Writes `bytes` to `path`, in full or not at all.
///
/// # Errors
/// Why not, in a sentence.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), String> {
    Place::reserve(path, 0)?.fill(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_given_up_leaves_nothing() {
        let desk = tempfile::tempdir().unwrap();
        let path = desk.path().join("new/a.png");
        let place = Place::reserve(&path, 5000).unwrap();
        let reserved = fs::read_dir(desk.path().join("new")).unwrap().next().unwrap().unwrap();
        assert_eq!(reserved.metadata().unwrap().len(), 5000);
        drop(place);
        assert!(fs::read_dir(desk.path()).unwrap().next().is_none());
    }

    #[test]
    fn what_is_filled_is_there_whole_and_no_longer_than_it_is() {
        let desk = tempfile::tempdir().unwrap();
        let path = desk.path().join("a.png");
        fs::write(&path, "of last time").unwrap();
        Place::reserve(&path, 5000).unwrap().fill(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(desk.path()).unwrap().count(), 1);
    }
}
