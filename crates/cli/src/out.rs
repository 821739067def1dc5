//! What is said to people and programs: lines on stdout and stderr. A reader that has gone away ends the program quietly.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// As a shell says it of a program whose reader has gone away.
const READER_GONE: i32 = 141;

/// A line on stdout.
pub(crate) fn line(text: &str) {
    let mut stdout = io::stdout().lock();
    if let Err(error) = stdout.write_all(format!("{text}\n").as_bytes()).and_then(|()| stdout.flush())
        && error.kind() == ErrorKind::BrokenPipe
    {
        std::process::exit(READER_GONE);
    }
}

/// A line on stderr. Where nobody listens there is nobody to tell.
pub(crate) fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// A path as it can be shown on a terminal: control characters are written out.
pub(crate) fn shown(path: &Path) -> String {
    let name = path.to_string_lossy();
    if !name.contains(char::is_control) {
        return name.into_owned();
    }
    name.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(shown(Path::new("夏 空.jpg")), "夏 空.jpg");
        assert_eq!(shown(Path::new("a\u{1b}[31m\nb.jpg")), r"a\u{1b}[31m\nb.jpg");
    }
}
