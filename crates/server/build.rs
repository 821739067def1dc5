//! Lists the files of the page, `web/`, so that they can be put into the program. Nothing is bundled, nothing fetched.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=web");
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo says where we are")).join("web");
    let mut files = Vec::new();
    list(&web, &web, &mut files);
    files.sort();
    let mut code = String::from("[\n");
    for (name, path) in files {
        writeln!(code, "    ({name:?}, include_bytes!({path:?})),").expect("a string takes everything");
    }
    code += "]\n";
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo says where to write")).join("web.rs");
    fs::write(out, code).expect("the build folder can be written");
}

/// Names with forward slashes, relative to the folder, and paths. Hidden files stay out; no folder is an empty one.
fn list(folder: &Path, web: &Path, files: &mut Vec<(String, PathBuf)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        if path.is_dir() {
            list(&path, web, files);
        } else if let Ok(name) = path.strip_prefix(web) {
            files.push((name.to_string_lossy().replace('\\', "/"), path));
        }
    }
}
