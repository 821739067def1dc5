//! Which photos there are, and what their paintings are called.

use crate::args::{Input, Output};
use crate::photo::{Target, plainly};
use pixels::codec::Format;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// One photo to paint, or to report as lost already.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) input: Input,
    pub(crate) target: Target,
    /// The output folder it belongs to, where the failures are listed.
    pub(crate) root: Option<PathBuf>,
    /// Why it cannot be painted, if that is known before.
    pub(crate) lost: Option<String>,
}

/// Everything to be done, folders spelt out, in the order typed and sorted within folders.
pub(crate) fn jobs(inputs: &[Input], output: &Output, format: Format) -> Vec<Job> {
    let folders = inputs.iter().filter(|input| matches!(input, Input::Path(path) if path.is_dir())).count();
    let (mut jobs, mut typed, mut taken) = (Vec::new(), HashSet::new(), HashSet::new());
    for input in inputs {
        match input {
            // Typed twice, painted once.
            Input::Path(path) if !typed.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) => {}
            // A pattern such as * also catches the paintings of last time.
            Input::Path(path) if inputs.len() > 1 && is_painting(path) => {}
            Input::Path(path) if path.is_dir() => {
                let into = match output {
                    Output::Folder(into) if folders == 1 => into.clone(),
                    Output::Folder(into) => {
                        let name = own_name(path);
                        let numbered = |number| into.join(fitting(&name, &format!("-{number}")));
                        free(into.join(&name), numbered, &mut taken)
                    }
                    _ => beside(path),
                };
                let root = if let Output::Folder(into) = output { into.clone() } else { into.clone() };
                collect(path, &into, &root, format, &mut jobs);
            }
            _ => jobs.push(single(input, output, format)),
        }
    }
    tell_apart(&mut jobs);
    jobs
}

/// The first of `plain`, then what `numbered` makes of 2, 3 and so on, that is not among those `taken`; from now on it is.
fn free(plain: PathBuf, numbered: impl Fn(usize) -> PathBuf, taken: &mut HashSet<String>) -> PathBuf {
    let (mut path, mut number) = (plain, 2);
    while !taken.insert(key(&path)) {
        path = numbered(number);
        number += 1;
    }
    path
}

/// Two paths of one key may be the same file: some file systems do not tell A from a.
fn key(path: &Path) -> String {
    path.to_string_lossy().to_lowercase()
}

fn single(input: &Input, output: &Output, format: Format) -> Job {
    let name = match input {
        Input::Stdin => OsString::from(format!("stdin.kaiga.{}", format.extension())),
        Input::Path(path) => painting_name(path.file_stem().unwrap_or(path.as_os_str()), format),
    };
    let (target, root) = match (output, input) {
        (Output::File(path), _) => (Target::File(path.clone()), None),
        (Output::Folder(into), _) => (Target::File(into.join(name)), Some(into.clone())),
        (Output::Beside, Input::Path(path)) => (Target::File(path.with_file_name(name)), None),
        (Output::Stdout, _) | (Output::Beside, Input::Stdin) => (Target::Stdout, None),
    };
    Job { input: input.clone(), target, root, lost: None }
}

/// The pictures of a folder and of those in it. Links to folders are not followed: they may lead in circles.
fn collect(folder: &Path, into: &Path, root: &Path, format: Format, jobs: &mut Vec<Job>) {
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => {
            let target = Target::File(into.to_owned());
            let input = Input::Path(folder.to_owned());
            jobs.push(Job { input, target, root: Some(root.to_owned()), lost: Some(plainly(&error)) });
            return;
        }
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        if name.as_encoded_bytes().starts_with(b".") || is_painting(&path) {
            continue;
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, &into.join(name), root, format, jobs);
        } else if looks_like_picture(&path) && path.is_file() {
            let target = Target::File(into.join(painting_name(path.file_stem().unwrap_or(&name), format)));
            jobs.push(Job { input: Input::Path(path), target, root: Some(root.to_owned()), lost: None });
        }
    }
}

/// `a.jpg` and `a.png` side by side would both be painted as `a.kaiga.png`: such paintings keep the whole name, and where that
/// is not enough (photos of other folders) they are numbered.
fn tell_apart(jobs: &mut [Job]) {
    let key_of = |job: &Job| match &job.target {
        Target::File(path) => Some(key(path)),
        Target::Stdout => None,
    };
    let mut count: HashMap<String, usize> = HashMap::new();
    jobs.iter().filter_map(key_of).for_each(|key| *count.entry(key).or_default() += 1);
    let shared = |job: &Job| key_of(job).is_some_and(|key| count[&key] > 1);
    for job in jobs.iter_mut().filter(|job| shared(job)) {
        if let (Input::Path(input), Target::File(target)) = (&job.input, &mut job.target) {
            let name = named(input.file_name().unwrap_or_default(), "", target);
            target.set_file_name(name);
        }
    }
    let mut taken = HashSet::new();
    for job in jobs {
        let Target::File(plain) = &job.target else { continue };
        let stem = plain.file_stem().map(Path::new).and_then(Path::file_stem).unwrap_or_default();
        let numbered = |number| plain.with_file_name(named(stem, &format!("-{number}"), plain));
        job.target = Target::File(free(plain.clone(), numbered, &mut taken));
    }
}

/// `STEM` `SUFFIX` `.kaiga.` and the extension of `like`.
fn named(stem: &OsStr, suffix: &str, like: &Path) -> OsString {
    let extension = like.extension().unwrap_or_default().to_string_lossy();
    fitting(stem, &format!("{suffix}.kaiga.{extension}"))
}

/// `stem` and `end` in one name, the stem cut short where the whole would be longer than file systems take.
fn fitting(stem: &OsStr, end: &str) -> OsString {
    const LONGEST_BYTES: usize = 255;
    let mut name = stem.to_owned();
    if stem.len() + end.len() > LONGEST_BYTES {
        let text = stem.to_string_lossy();
        let fits = (0..=LONGEST_BYTES - end.len()).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        name = text[..fits].into();
    }
    name.push(end);
    name
}

fn painting_name(stem: &OsStr, format: Format) -> OsString {
    fitting(stem, &format!(".kaiga.{}", format.extension()))
}

/// `holiday.kaiga` for `holiday`.
fn beside(folder: &Path) -> PathBuf {
    let mut name = own_name(folder);
    name.push(".kaiga");
    let whole = folder.canonicalize();
    let plain = if folder.file_name().is_some() { folder } else { whole.as_deref().unwrap_or(folder) };
    plain.with_file_name(name)
}

/// The name of a folder, also where it is typed as `.` or `..`.
fn own_name(folder: &Path) -> OsString {
    let whole = folder.canonicalize();
    let name = folder.file_name().or_else(|| whole.as_deref().ok().and_then(Path::file_name));
    name.unwrap_or(OsStr::new("pictures")).to_owned()
}

/// Whether a name says that it is ours: `photo.kaiga.png`, `holiday.kaiga`.
fn is_painting(path: &Path) -> bool {
    let ends = |name: Option<&OsStr>| name.is_some_and(|name| name.as_encoded_bytes().ends_with(b".kaiga"));
    ends(path.file_name()) || ends(path.file_stem())
}

fn looks_like_picture(path: &Path) -> bool {
    // Cannot be read, and are told so one by one: whoever has a folder of them wants to know.
    const REFUSED: [&str; 2] = ["heic", "heif"];
    path.extension().and_then(OsStr::to_str).is_some_and(|extension| {
        Format::from_extension(extension).is_some() || REFUSED.iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(names: &[&str], output: Output) -> Vec<String> {
        let inputs: Vec<Input> = names.iter().map(|name| Input::Path(name.into())).collect();
        let target = |job: Job| match job.target {
            Target::File(path) => path.to_string_lossy().into_owned(),
            Target::Stdout => "-".into(),
        };
        jobs(&inputs, &output, Format::Png).into_iter().map(target).collect()
    }

    #[test]
    fn paintings_are_called_after_their_photos() {
        assert_eq!(targets(&["x/夏 空.jpg"], Output::Beside), ["x/夏 空.kaiga.png"]);
        assert_eq!(
            targets(&["x/a.b.jpg", "c"], Output::Folder("out".into())),
            ["out/a.b.kaiga.png", "out/c.kaiga.png"]
        );
        assert_eq!(
            targets(&["a.jpg", "A.png", "b.png"], Output::Beside),
            ["a.jpg.kaiga.png", "A.png.kaiga.png", "b.kaiga.png"]
        );
    }

    #[test]
    fn no_two_paintings_share_a_name() {
        let folder = || Output::Folder("out".into());
        assert_eq!(targets(&["p1/a.jpg", "p2/a.jpg"], folder()), ["out/a.jpg.kaiga.png", "out/a.jpg-2.kaiga.png"]);
        assert_eq!(
            targets(&["a.jpg", "a.png", "a.jpg.png"], Output::Beside),
            ["a.jpg.kaiga.png", "a.png.kaiga.png", "a.jpg-2.kaiga.png"]
        );
        assert_eq!(targets(&["a.jpg", "a.jpg"], Output::Beside), ["a.kaiga.png"], "typed twice");
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let name = fitting(OsStr::new(&"夏".repeat(84)), ".kaiga.png");
        assert_eq!(name.to_string_lossy(), "夏".repeat(81) + ".kaiga.png");
    }

    #[test]
    fn paintings_of_last_time_are_not_painted_again() {
        assert_eq!(targets(&["a.png", "a.kaiga.png"], Output::Beside), ["a.kaiga.png"]);
        assert_eq!(targets(&["a.kaiga.png"], Output::Beside), ["a.kaiga.kaiga.png"]);
    }
}
