//! Folders and files that only the service's own user may look into: they hold other people's photos. On Windows, whose users
//! have folders of their own, they are as the folder around them.

#[cfg(unix)]
use std::fs::{DirBuilder, OpenOptions, Permissions};
#[cfg(unix)]
use std::io::ErrorKind;
#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Makes the folder.
///
/// # Errors
/// What is wrong and what to do, in half a sentence.
#[cfg(not(unix))]
pub(crate) fn folder(path: &Path, _ours: &dyn Fn(&str) -> bool) -> Result<(), String> {
    std::fs::create_dir_all(path).map_err(|error| format!("{error}; make it writable"))
}

/// Nothing to be done: the file is as its folder.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub(crate) fn file(_path: &Path) -> Result<(), String> {
    Ok(())
}

/// Rights of everybody but the owner.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

/// Makes the folder, or closes one that is there to others, if everything in it has a name that is `ours`.
///
/// # Errors
/// What is wrong and what to do, in half a sentence: it cannot be made or closed, or it holds other things.
#[cfg(unix)]
pub(crate) fn folder(path: &Path, ours: &dyn Fn(&str) -> bool) -> Result<(), String> {
    let writable = |error: std::io::Error| format!("{error}; make it writable");
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(writable)?;
    let mode = path.metadata().map_err(writable)?.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let mut entries = std::fs::read_dir(path).map_err(writable)?.filter_map(Result::ok);
    let is_ours = |name: &str| ours(name) || name == "lost+found";
    if let Some(other) = entries.find(|entry| !is_ours(&entry.file_name().to_string_lossy())) {
        return Err(format!(
            "other users of this machine may look into it (mode {:o}), and it holds other things ({}); give the service a folder \
             of its own, {}/kaiga for instance",
            mode & 0o7777,
            other.file_name().to_string_lossy(),
            path.display()
        ));
    }
    std::fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(|error| match error.kind() {
        ErrorKind::ReadOnlyFilesystem => writable(error),
        _ => format!(
            "other users of this machine may look into it (mode {:o}), which cannot be changed ({error}); name a folder in \
             it, {}/kaiga for instance",
            mode & 0o7777,
            path.display()
        ),
    })
}

/// Makes the file of a database, or closes one that is there to others; so with the files that belong to it.
///
/// # Errors
/// What is wrong, in half a sentence.
#[cfg(unix)]
pub(crate) fn file(path: &Path) -> Result<(), String> {
    // Whoever opens it says best why that cannot be done.
    let _ = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let closed = std::fs::metadata(&name).and_then(|about| match about.permissions().mode() & OTHERS {
            0 => Ok(()),
            _ => std::fs::set_permissions(&name, Permissions::from_mode(0o600)),
        });
        match closed {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(format!("other users of this machine may read it, which cannot be changed: {error}"));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_ours_is_closed_and_what_is_not_is_left_alone() {
        let desk = tempfile::tempdir().unwrap();
        let path = desk.path().join("a/store");
        let ours = |name: &str| name == "jobs.sqlite";
        folder(&path, &ours).unwrap();
        assert_eq!(mode(&path), 0o700);
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        std::fs::write(path.join("jobs.sqlite"), "").unwrap();
        folder(&path, &ours).unwrap();
        assert_eq!(mode(&path), 0o700);
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        std::fs::write(path.join("letter.txt"), "").unwrap();
        let words = folder(&path, &ours).unwrap_err();
        assert!(words.contains("mode 755") && words.contains("letter.txt"), "{words}");
        assert_eq!(mode(&path), 0o755);
    }

    #[test]
    fn a_database_is_closed_with_its_log() {
        let desk = tempfile::tempdir().unwrap();
        let path = desk.path().join("jobs.sqlite");
        std::fs::write(desk.path().join("jobs.sqlite-wal"), "").unwrap();
        std::fs::set_permissions(desk.path().join("jobs.sqlite-wal"), Permissions::from_mode(0o644)).unwrap();
        file(&path).unwrap();
        assert_eq!([mode(&path), mode(&desk.path().join("jobs.sqlite-wal"))], [0o600; 2]);
    }
}
