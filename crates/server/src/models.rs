//! Imported models: the folder they are kept in, one file each.

use kaiga::{Imported, Studio};
use std::io;
use std::path::{Path, PathBuf};

/// What files of models are called behind their name.
const EXTENSION: &str = "safetensors";
/// The longest name.
const LONGEST_NAME: usize = 60;

/// The folder of `kaiga import`: `models` in kaiga's folder below $XDG_DATA_HOME or ~/.local/share. `None` where neither
/// that nor a home is known.
pub fn default_folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || variable("HOME").map(|home| home.join(".local/share"));
    variable("XDG_DATA_HOME").or_else(home).map(|data| data.join("kaiga/models"))
}

/// Whether a model may be called so: names are typed, stand in mixtures and become names of files.
///
/// # Errors
/// What is wrong with the name, in a sentence.
pub fn check_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.chars().count() > LONGEST_NAME || !name.chars().all(fits) {
        return Err(format!(
            "{name:?} cannot be a model's name: it is made of letters, digits, - and _, at most {LONGEST_NAME} of them"
        ));
    }
    Ok(())
}

/// The file of the model of this name.
///
/// # Errors
/// As [`check_name`].
pub fn path(folder: &Path, name: &str) -> Result<PathBuf, String> {
    check_name(name)?;
    Ok(folder.join(format!("{name}.{EXTENSION}")))
}

/// The names of the models in a folder, sorted; none where there is no such folder.
///
/// # Errors
/// Where it cannot be read.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        if let Some(name) =
            stem.filter(|name| path.extension().is_some_and(|e| e == EXTENSION) && check_name(name).is_ok())
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Reads a model.
///
/// # Errors
/// Why it cannot be read, in a sentence.
pub fn read(folder: &Path, name: &str) -> Result<Imported, String> {
    let path = path(folder, name)?;
    let bytes = std::fs::read(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!("there is no imported model {name:?}: kaiga models list says which there are")
        }
        _ => format!("{}: {error}", path.display()),
    })?;
    let model = Imported::read(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    if model.name != name {
        return Err(format!("{} holds the model {:?}: name the file after it", path.display(), model.name));
    }
    Ok(model)
}

/// Adds every model of a folder to a studio, and says what could not be added and why.
pub fn add_all(studio: &mut Studio, folder: &Path) -> Vec<String> {
    let names = match names(folder) {
        Ok(names) => names,
        Err(error) => return vec![format!("{}: {error}", folder.display())],
    };
    let add =
        |name: String| read(folder, &name).and_then(|model| studio.add_imported(model).map_err(|e| e.to_string()));
    names.into_iter().map(add).filter_map(Result::err).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leads_out_of_the_folder() {
        for bad in ["", "..", "a/b", "../x", "a\\b", "a:b", "a,b", "a.b", "\0", &"x".repeat(61)] {
            assert!(path(Path::new("/models"), bad).is_err(), "{bad:?}");
        }
        assert_eq!(path(Path::new("/models"), "古い-1"), Ok(PathBuf::from("/models/古い-1.safetensors")));
    }

    #[test]
    fn what_is_broken_is_named_and_the_rest_goes_on() {
        let desk = tempfile::tempdir().unwrap();
        assert_eq!(names(&desk.path().join("nothing")).unwrap(), Vec::<String>::new());
        std::fs::write(desk.path().join("broken.safetensors"), b"no model").unwrap();
        std::fs::write(desk.path().join("notes.txt"), b"no model").unwrap();
        let mut studio = Studio::embedded().unwrap();
        let complaints = add_all(&mut studio, desk.path());
        assert!(complaints.len() == 1 && complaints[0].contains("broken.safetensors"), "{complaints:?}");
    }
}
