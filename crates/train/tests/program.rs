//! The program itself: what it says when something is asked of it that cannot be.
#![cfg(feature = "torch")]

use std::path::Path;
use std::process::Command;

/// Exit code, and what was said on stderr.
fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_kaiga-train"));
    let output = program.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("the program starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_demanded_gpu_that_is_not_there_is_said_so() {
    if Path::new("/dev/nvidiactl").exists() {
        return;
    }
    for command in [["distil", "--pairs"], ["style", "--art"]] {
        let out = std::env::temp_dir().join(format!("kaiga-no-gpu-{}", std::process::id()));
        let rest = ["photos", "--out", out.to_str().unwrap(), "--minutes", "1", "--device", "cuda"];
        let mut arguments = [&command[..], &rest].concat();
        if command[0] == "style" {
            arguments.extend(["--name", "mine"]);
        }
        let (code, words) = refused(&arguments);
        assert_eq!(code, Some(1), "{words}");
        assert!(words.contains("CUDA") || words.contains("libtorch_cuda"), "{words}");
        assert!(!words.contains("panicked") && !out.exists(), "{words}");
    }
}

#[test]
fn what_a_style_cannot_be_made_of_is_named() {
    let (code, words) = refused(&["style", "--art", "photos", "--name", "My Style"]);
    assert!(code == Some(1) && words.contains("small letters, digits and hyphens"), "{words}");
    let (code, words) = refused(&["style", "--art", "recipes", "--name", "mine"]);
    assert!(code == Some(1) && words.contains("recipes"), "{words}");
    let (code, words) = refused(&["style", "--art", "photos", "--name", "mine", "--recipe", "Cargo.toml"]);
    assert!(
        code == Some(1) && words.contains("Cargo.toml is no recipe") && words.contains("known here: adapter"),
        "{words}"
    );
}
