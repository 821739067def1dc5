//! Pictures read, and files written in one go: whoever reads sees the old file or the new one.

use std::path::Path;

use anyhow::{Context, Result};
use pixels::Image;
use pixels::codec::{self, Limits};
use pixels::space::Srgb8;

/// The picture in the file at `path`, upright.
///
/// # Errors
/// If it cannot be read; the text names it.
pub fn picture(path: &Path) -> Result<Image<Srgb8>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(codec::read(&bytes, &Limits::default()).with_context(|| path.display().to_string())?.image)
}

/// Writes `bytes` to `path`.
///
/// # Errors
/// If the folder cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, |part| Ok(std::fs::write(part, bytes)?))
}

/// Lets `write` make the file under another name, syncs it, then puts it in the place of `path`. What fails leaves
/// nothing behind.
///
/// # Errors
/// Those of `write`, or if the folder cannot be written.
pub fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let part = path.with_extension("tmp");
    write(&part)
        .and_then(|()| Ok(std::fs::File::open(&part)?.sync_all()?))
        .and_then(|()| Ok(std::fs::rename(&part, path)?))
        .inspect_err(|_| drop(std::fs::remove_file(&part)))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_leaves_the_old_file_and_no_other() {
        let folder = std::env::temp_dir().join(format!("kaiga-file-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("weights.safetensors");
        write(&path, b"old").unwrap();
        let broken = replace(&path, |part| {
            std::fs::write(part, b"half")?;
            anyhow::bail!("no more room")
        });
        assert!(format!("{:#}", broken.unwrap_err()).contains("no more room"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
