//! `fetch-features`: the weights of the feature network.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

/// Downloads the weights of the fixed network whose features adversarial training compares.
#[derive(Args)]
pub(crate) struct FetchFeatures {
    /// Folder of the weights.
    #[arg(long, default_value = ".features")]
    out: PathBuf,
}

pub(crate) fn fetch(arguments: &FetchFeatures) -> Result<()> {
    let path = kaiga_train::feature_extractor::fetch(&arguments.out, &|line| println!("{line}"))?;
    println!("{} is ready", path.display());
    Ok(())
}
