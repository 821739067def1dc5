//! Files that are there whole or not at all.

use crate::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A file under another name beside the one it will have. Dropped, it is gone.
pub(crate) struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Beside `target`, whose folder is made where there is none.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Output`] if nothing can be written there.
    pub(crate) fn beside(target: &Path) -> Result<Self, Error> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let complaint = |error: io::Error| Error::output(format!("cannot be written ({error})"));
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(complaint)?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".kaiga-{}-{number}.video.tmp", std::process::id()));
        fs::File::create(&path).map_err(complaint)?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name. It is on the disk before.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Output`] if that cannot be.
    pub(crate) fn deliver(self, target: &Path) -> Result<(), Error> {
        let delivered = fs::File::open(&self.path).and_then(|file| file.sync_all());
        let delivered = delivered.and_then(|()| fs::rename(&self.path, target));
        delivered.map_err(|error| Error::output(format!("cannot be written ({error})")))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After it was delivered there is none.
        let _ = fs::remove_file(&self.path);
    }
}
