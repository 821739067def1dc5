//! Odd and hostile files: each is a picture or a clear error, in time, and never a panic.
//!
//! `tests/corpora/` holds a small part (its README says from where); the whole is run where it lies
//! beside the repository, at `../shared/corpora`.

use pixels::codec::{self, ErrorKind, Limits, Photo};
use pixels::resize::{self, Filter};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Far above what the slowest takes on a slow machine: a hang, not slowness, is what we look for.
const TIME_MAX: Duration = Duration::from_secs(60);

const LIMITS: Limits =
    Limits { max_pixels: 20_000_000, max_side_px: 30_000, max_file_bytes: 64 << 20, max_memory_bytes: 256 << 20 };

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn copied() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora")
}

fn shared() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    folder.is_dir().then_some(folder)
}

/// What a file must become: a picture that keeps its promises, or an error that says something.
fn check(path: &Path) -> Result<Photo, codec::Error> {
    let bytes = std::fs::read(path).expect("the file can be read");
    let start = Instant::now();
    let result = codec::read(&bytes, &LIMITS);
    let taken = start.elapsed();
    assert!(taken < TIME_MAX, "{path:?} took {taken:?}");
    match &result {
        Ok(photo) => {
            let (width, height) = (photo.image.width(), photo.image.height());
            assert!(width > 0 && height > 0 && width * height <= LIMITS.max_pixels as usize, "{path:?}");
            if let Some(alpha) = &photo.alpha {
                assert_eq!((alpha.width(), alpha.height()), (width, height), "{path:?}");
                assert!(alpha.pixels().iter().any(|&a| a != 255), "{path:?}: opaque, yet with opacity");
            }
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.len() > 20, "{path:?}: {text}");
            // Names of the program are not for people: Unknown(24), Some(3), DecodingError { … }.
            let mut words = text.split(|c: char| !c.is_alphanumeric() && !"({".contains(c));
            let is_name = |word: &str| word.contains('(') && word.starts_with(|c: char| c.is_uppercase());
            assert!(!words.any(is_name) && !text.contains("::") && !text.contains(" {"), "{path:?}: {text}");
            assert_ne!(error.kind(), ErrorKind::Encode, "{path:?}: {error}");
        }
    }
    result
}

/// One line: what the file became.
fn said(result: &Result<Photo, codec::Error>) -> String {
    match result {
        Ok(photo) => {
            let alpha = if photo.alpha.is_some() { " with opacity" } else { "" };
            let warning = if photo.warning.is_some() { ", ends early" } else { "" };
            format!("{} {}×{}{alpha}{warning}", photo.format, photo.image.width(), photo.image.height())
        }
        Err(error) => format!("{:?}", error.kind()),
    }
}

#[test]
fn every_copied_file_becomes_what_is_expected() {
    let folder = copied();
    let list = folder.join("expected.txt");
    let mut found = String::new();
    for path in files_below(&folder) {
        let name = path.strip_prefix(&folder).expect("listed below it");
        if name.components().count() > 1 {
            found += &format!("{}: {}\n", name.display().to_string().replace('\\', "/"), said(&check(&path)));
        }
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&list, &found).expect("the list can be written");
    }
    let expected = std::fs::read_to_string(&list).expect("the list is there");
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.lines().count(), expected.lines().count(), "files without expectation, or the reverse");
}

#[test]
fn every_shared_file_is_a_picture_or_a_clear_error() {
    let Some(folder) = shared() else { return };
    for path in files_below(&folder) {
        let _ = check(&path);
    }
}

#[test]
fn photos_held_in_all_ways_come_upright() {
    let Some(folder) = shared() else { return };
    for (name, size) in [("Landscape", (1800, 1200)), ("Portrait", (1200, 1800))] {
        let read = |i: usize| check(&folder.join(format!("orientation/{name}_{i}.jpg"))).expect("a photo").image;
        let first = resize::to(&read(1), 60, 60, Filter::Area);
        for i in 1..=8 {
            let photo = read(i);
            assert_eq!((photo.width(), photo.height()), size, "{name} {i}");
            // Each holds its number in the middle, and was compressed anew.
            let small = resize::to(&photo, 60, 60, Filter::Area);
            let pairs = small.pixels().as_flattened().iter().zip(first.pixels().as_flattened());
            let mean = pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / 10_800.0;
            assert!(mean < 4.0, "{name} {i}: mean difference {mean}");
        }
    }
}
