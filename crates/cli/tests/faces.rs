//! Finding and painting faces, as people and scripts meet it: on a face that is drawn.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../kaiga/tests/drawn/mod.rs"]
mod drawn;

use assert_cmd::Command;
use pixels::Image;
use pixels::codec::{self, Format, Limits};
use pixels::space::Srgb8;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn kaiga() -> Command {
    assert_cmd::cargo::cargo_bin_cmd!("kaiga")
}

/// A photo of a drawn face, its eyes 45 px apart.
fn portrait(folder: &TempDir, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    let image = drawn::draw(420, 360, &[([230.0, 150.0], 45.0, 0.0)]);
    fs::write(&path, codec::write(&image, None, Format::Png, 90).unwrap()).unwrap();
    path
}

fn pixels_of(path: &Path) -> Image<Srgb8> {
    codec::read(&fs::read(path).unwrap(), &Limits::default()).unwrap().image
}

fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

fn stderr(command: &mut Command, code: i32) -> String {
    String::from_utf8(command.assert().code(code).get_output().stderr.clone()).unwrap()
}

#[test]
fn faces_are_told_to_people_and_to_programs_and_drawn() {
    let desk = tempfile::tempdir().unwrap();
    let (photo, marked) = (portrait(&desk, "夏 portrait.png"), desk.path().join("marked.png"));
    let said = stdout(kaiga().arg("faces").arg(&photo).arg("--draw").arg(&marked));
    assert!(said.starts_with("1 face in ") && said.contains("score 0.") || said.contains("score 1."), "{said}");
    assert_ne!(pixels_of(&marked), pixels_of(&photo));
    let report: serde_json::Value =
        serde_json::from_str(&stdout(kaiga().arg("faces").arg(&photo).arg("--json"))).unwrap();
    assert_eq!((&report["width"], report["faces"].as_array().map(Vec::len)), (&420.into(), Some(1)));
    let face = &report["faces"][0];
    let eye = |name: &str| face["landmarks"][name][0].as_f64().unwrap();
    assert!((eye("eye_left") - 207.5).abs() < 10.0 && (eye("eye_right") - 252.5).abs() < 10.0, "{face}");

    assert!(face.get("parts").is_none());
    let report = stdout(kaiga().arg("faces").arg(&photo).args(["--json", "--landmarks"]));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let parts = report["faces"][0]["parts"].as_object().unwrap();
    assert_eq!((parts.len(), parts["lips"]["points"].as_array().map(Vec::len)), (11, Some(20)));
    let chin = &parts["oval"]["points"][9];
    assert!(chin[1].as_f64() > parts["nose"]["points"][5][1].as_f64(), "{chin}");

    let nobody = desk.path().join("nobody.png");
    fs::write(&nobody, codec::write(&Image::filled(80, 60, [90; 3]), None, Format::Png, 90).unwrap()).unwrap();
    assert!(stdout(kaiga().arg("faces").arg(&nobody)).starts_with("no faces in "));
    let said = stderr(kaiga().arg("faces").arg(&photo).arg("--draw").arg(desk.path().join("a.gif")), 1);
    assert!(said.contains("png, jpg and webp"), "{said}");
    let said = stderr(kaiga().arg("faces").arg(&photo).arg("--draw").arg(&photo), 1);
    assert!(said.contains("overwrite"), "{said}");
}

#[test]
fn faces_are_painted_as_asked() {
    let desk = tempfile::tempdir().unwrap();
    let photo = portrait(&desk, "a.png");
    let painted = |arguments: &[&str]| {
        let out = desk.path().join("out.png");
        kaiga().arg(&photo).arg("-o").arg(&out).args(arguments).assert().success();
        pixels_of(&out)
    };
    let (on, off, only) = (painted(&[]), painted(&["--faces", "off"]), painted(&["--faces", "only"]));
    assert!(on != off && only != off);
    assert_eq!(on.at(5, 5), off.at(5, 5), "far from the face");
    assert_eq!(only.at(5, 5), pixels_of(&photo).at(5, 5));
    assert!(on != painted(&["--eyes", "0"]) && on != painted(&["--face-style", "skyglow"]));
    let said = stderr(kaiga().arg(&photo).args(["--face-style", "seaside"]), 2);
    assert!(said.contains("there is no style \"seaside\""), "{said}");
    let said = stderr(kaiga().arg(&photo).args(["--faces", "maybe"]), 2);
    assert!(said.contains("on, off or only"), "{said}");
    let said = stderr(kaiga().arg(&photo).args(["--eyes", "3"]), 2);
    assert!(said.contains("eyes is 3, it goes from 0 to 1.5"), "{said}");
}

#[test]
fn an_avatar_is_a_painted_square_of_the_face() {
    let desk = tempfile::tempdir().unwrap();
    let photo = portrait(&desk, "été.png");
    let said = stdout(kaiga().arg("avatar").arg(&photo));
    let avatar = desk.path().join("été.avatar.kaiga.png");
    assert!(said.contains(&*avatar.to_string_lossy()) && said.contains("512×512"), "{said}");
    let square = pixels_of(&avatar);
    assert_eq!((square.width(), square.height()), (512, 512));
    // The face is in the middle: skin where the nose is, wall in the corner.
    let [r, _, b] = square.at(256, 300);
    assert!(r > b && square.at(8, 8)[2] >= square.at(8, 8)[0], "{:?}", square.at(256, 300));

    let out = desk.path().join("b.jpg");
    kaiga().args(["avatar", "-s", "96", "-n", "skyglow", "-o"]).arg(&out).arg(&photo).assert().success();
    assert_eq!((pixels_of(&out).width(), Format::from_magic(&fs::read(&out).unwrap())), (96, Some(Format::Jpeg)));
    let piped = kaiga().args(["avatar", "-", "-s", "64"]).write_stdin(fs::read(&photo).unwrap()).assert().success();
    assert_eq!(codec::read(&piped.get_output().stdout, &Limits::default()).unwrap().image.width(), 64);

    let nobody = desk.path().join("nobody.png");
    fs::write(&nobody, codec::write(&Image::filled(80, 60, [90; 3]), None, Format::Png, 90).unwrap()).unwrap();
    assert!(stderr(kaiga().arg("avatar").arg(&nobody), 0).contains("no face was found"));
}

#[test]
fn an_avatar_says_what_it_cannot_do() {
    let desk = tempfile::tempdir().unwrap();
    let photo = portrait(&desk, "a.png");
    for (arguments, complaint) in [
        (vec!["-s", "5000"], "32..=2048"),
        (vec!["-n", "seaside"], "there is no style"),
        (vec!["-o", "a.gif"], "we write png, jpg and webp"),
    ] {
        let said = stderr(kaiga().arg("avatar").arg(&photo).args(&arguments), 2);
        assert!(said.contains(complaint), "{arguments:?}: {said}");
    }
    assert!(stderr(kaiga().arg("avatar").arg(desk.path()), 2).contains("takes one photo"));
    assert!(stderr(kaiga().arg("avatar").arg(desk.path().join("none.jpg")), 1).contains("no such file"));
    let said = stderr(kaiga().arg("avatar").arg(&photo).arg("-o").arg(&photo), 1);
    assert!(said.contains("overwrite"), "{said}");
    let help = stdout(kaiga().args(["avatar", "--help"]));
    assert!(help.contains("Not for ID photos"), "{help}");
}
