//! The library without the models that come with it: `cargo test -p kaiga --no-default-features`.
#![cfg(not(feature = "bundled-models"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use kaiga::{ErrorKind, Faces, Look, Mix, Studio, unwatched};
use pixels::Image;
use std::path::PathBuf;

/// The one file of `models/` whose name begins and ends so.
fn model(start: &str, end: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models");
    let names: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let fits = |path: &&PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(start) && name.ends_with(end)
    };
    std::fs::read(names.iter().find(fits).unwrap()).unwrap()
}

#[test]
fn models_are_given_as_bytes_and_faces_need_a_detector() {
    let mut studio =
        Studio::from_bytes(&model("light-", ".base.safetensors"), &[&model("cel-", ".safetensors")]).unwrap();
    let photo = Image::from_fn(60, 40, |x, y| [x as u8 * 4, y as u8 * 6, 90]);
    let look = Look { styles: Mix::of("cel"), ..Look::default() };
    let off = studio.prepare(&Look { faces: Faces::Off, ..look.clone() }).unwrap().paint(&photo, &unwatched).unwrap();
    assert!(off != photo);

    let painter = studio.prepare(&look).unwrap();
    for error in [painter.paint(&photo, &unwatched).unwrap_err(), studio.faces(&photo, &unwatched).unwrap_err()] {
        assert!(error.kind() == ErrorKind::Model && error.to_string().contains("Studio::use_detector"), "{error}");
    }
    studio.use_detector(&model("faces-", ".safetensors")).unwrap();
    assert_eq!(studio.faces(&photo, &unwatched), Ok(vec![]));
    assert!(studio.prepare(&look).unwrap().paint(&photo, &unwatched).unwrap() == off);
}
