//! Completions for shells and manual pages, made of the options as they are.

use crate::args::Cli;
use clap::CommandFactory;
use std::path::Path;

/// The completions of a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> String {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "kaiga", &mut out);
    String::from_utf8_lossy(&out).trim_end().to_owned()
}

/// Writes kaiga(1) and a page for each subcommand; says where.
///
/// # Errors
/// A sentence that says what cannot be written.
pub(crate) fn pages(folder: &Path) -> Result<String, String> {
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    match written {
        Ok(()) => Ok(format!("the manual pages are in {}", folder.display())),
        Err(error) => Err(format!("the manual pages cannot be written into {}: {error}", folder.display())),
    }
}
