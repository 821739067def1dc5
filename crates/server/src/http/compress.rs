//! How the page's texts are compressed, when the program is built (`build.rs` takes this file in) and when it starts.

use std::io::Write as _;

/// Filled in when the program starts, so not compressed before.
pub(crate) const TEMPLATES: [&str; 3] = ["index.html", "sw.js", "manifest.webmanifest"];

/// Brotli, as small as it gets.
pub(crate) fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut out, 4096, 11, 22);
    writer.write_all(bytes).expect("memory takes everything");
    drop(writer);
    out
}

/// gzip, likewise.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes).expect("memory takes everything");
    writer.finish().expect("memory takes everything")
}
