//! Files written in one go: whoever reads sees the old file or the new one.

use std::path::Path;

use anyhow::{Context, Result};

/// Writes `bytes` to `path`.
///
/// # Errors
/// If the folder cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, |part| Ok(std::fs::write(part, bytes)?))
}

/// Lets `write` make the file under another name, then puts it in the place of `path`.
///
/// # Errors
/// Those of `write`, or if the folder cannot be written.
pub fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let part = path.with_extension("tmp");
    write(&part)
        .and_then(|()| Ok(std::fs::rename(&part, path)?))
        .with_context(|| format!("cannot write {}", path.display()))
}
