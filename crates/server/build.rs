//! Puts the page, `web/`, into the program: its modules as one, its style sheets as one, texts compressed as well. Nothing
//! is fetched.

#[path = "build/bundle.rs"]
mod bundle;
#[path = "src/http/compress.rs"]
mod compress;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What is bundled: its entry, which takes its place, and the ending of what it is made of.
const BUNDLES: [(&str, Bundler); 2] = [("app.js", bundle::modules), ("page.css", bundle::styles)];

type Bundler = fn(&bundle::Files, &str) -> Result<String, String>;

fn main() {
    println!("cargo::rerun-if-changed=web");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/http/compress.rs");
    let variable = |name: &str| PathBuf::from(env::var(name).expect("cargo says where things are"));
    let (web, out) = (variable("CARGO_MANIFEST_DIR").join("web"), variable("OUT_DIR"));
    let mut files = BTreeMap::new();
    list(&web, &web, &mut files);
    for (entry, bundle) in BUNDLES {
        if files.contains_key(entry) {
            let whole = bundle(&files, entry).unwrap_or_else(|error| {
                println!("cargo::error=the page, crates/server/web: {error}");
                std::process::exit(1)
            });
            let (_, ending) = entry.rsplit_once('.').expect("an entry has an ending");
            files.retain(|name, _| name == "sw.js" || !name.ends_with(&format!(".{ending}")));
            files.insert(entry.into(), whole.into_bytes());
        }
    }
    let mut code = String::from("[\n");
    for (number, (name, bytes)) in files.into_iter().enumerate() {
        let text = [".js", ".css", ".svg", ".txt"].iter().any(|ending| name.ends_with(ending));
        let compressed = text && !compress::TEMPLATES.contains(&name.as_str());
        let write = |ending: &str, bytes: &[u8]| {
            let path = out.join(format!("web-{number}{ending}"));
            fs::write(&path, bytes).expect("the build folder can be written");
            format!("include_bytes!({path:?})")
        };
        let plain = write("", &bytes);
        let (br, gz) = match compressed {
            true => (
                format!("Some({})", write(".br", &compress::brotli(&bytes))),
                format!("Some({})", write(".gz", &compress::gzip(&bytes))),
            ),
            false => ("None".into(), "None".into()),
        };
        writeln!(code, "    Embedded {{ name: {name:?}, plain: {plain}, brotli: {br}, gzip: {gz} }},")
            .expect("a string takes everything");
    }
    code += "]\n";
    fs::write(out.join("web.rs"), code).expect("the build folder can be written");
}

/// Names with forward slashes, relative to the folder, and contents. Hidden files stay out; no folder is an empty one.
fn list(folder: &Path, web: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        if path.is_dir() {
            list(&path, web, files);
        } else if let Ok(name) = path.strip_prefix(web) {
            let bytes = fs::read(&path).expect("the page's files can be read");
            files.insert(name.to_string_lossy().replace('\\', "/"), bytes);
        }
    }
}
