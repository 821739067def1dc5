//! `kaiga export`: a look as a file for other programs.

use crate::out::{complain, shown};
use crate::photo::plainly;
use crate::place::write_whole;
use clap::{Args, ValueEnum};
use kaiga::{Form, Format, Look, Studio};
use pixels::Image;
use pixels::codec::{self, Limits};
use pixels::space::Srgb8;
use std::path::{Path, PathBuf};

/// What was typed.
#[derive(Debug, Args)]
pub(crate) struct Typed {
    /// Style, or mixture of styles (meadow:0.6,skyglow:0.4), or a style file (NAME.safetensors)
    #[arg(short = 'n', long, value_name = "STYLE", default_value = "meadow")]
    style: String,
    /// onnx: one graph from photo to painting, of which a script makes TorchScript (see the guide to models). safetensors: the
    /// styles' weights merged
    #[arg(long, value_name = "FORMAT", default_value = "onnx")]
    to: To,
    /// File to write to [default: the styles' name with the format's extension]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// How far from the photo (0) to the painting (1)
    #[arg(short = 'w', long, value_name = "0..1")]
    strength: Option<String>,
    /// Colour: 0 is grey, 1 as painted
    #[arg(long, value_name = "0..2")]
    saturation: Option<String>,
    /// Ink in the lines: 0 is none, 1 as painted
    #[arg(long, value_name = "0..2")]
    line: Option<String>,
    /// onnx: sizes of pictures it takes: dynamic is any, 512 is 512×512, 640x480 is 640 wide
    #[arg(long, value_name = "SIZE", default_value = "dynamic", value_parser = size)]
    size: Size,
    /// onnx: pixels in and out are bytes (1×H×W×3), not numbers 0..1 (1×3×H×W)
    #[arg(long)]
    uint8: bool,
    /// onnx: weights in half precision, half the file
    #[arg(long)]
    fp16: bool,
    /// onnx: the drawer computes with 8-bit integers, laid out for what lies in these photos; the loss is said
    #[arg(long, value_name = "PHOTO", num_args = 1..)]
    int8: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    Onnx,
    Safetensors,
}

/// Width and height, if they are fixed.
type Size = Option<(usize, usize)>;

fn size(text: &str) -> Result<Size, String> {
    /// A graph for pictures beyond this would not run anyhow.
    const LARGEST_PX: usize = 8192;
    if text == "dynamic" {
        return Ok(None);
    }
    let (width, height) = text.split_once('x').unwrap_or((text, text));
    let side = |text: &str| text.parse().ok().filter(|side| (1..=LARGEST_PX).contains(side));
    let sides = side(width).zip(side(height));
    sides
        .map(Some)
        .ok_or_else(|| format!("it is dynamic, one side (512) or two (640x480), each from 1 to {LARGEST_PX}"))
}

/// What is to be exported.
pub(crate) struct Params {
    pub(crate) look: Look,
    format: Format,
    path: PathBuf,
    /// Photos for 8-bit integers; none: numbers stay as they are.
    int8: Vec<PathBuf>,
}

impl Typed {
    /// What is meant.
    ///
    /// # Errors
    /// The complaint about the usage, in a sentence.
    pub(crate) fn meant(self) -> Result<Params, String> {
        let Self { to, size, uint8, fp16, .. } = self;
        if to == To::Safetensors {
            let settings = self.strength.is_some() || self.saturation.is_some() || self.line.is_some();
            if uint8 || fp16 || !self.int8.is_empty() || size.is_some() || settings {
                return Err(
                    "safetensors holds weights alone, always in half precision: --size, --uint8, --fp16, --int8 and the \
                            settings of the painting go with --to onnx"
                        .into(),
                );
            }
        }
        let typed = |name: &str| match name {
            "style" => Some(self.style.as_str()),
            "strength" => self.strength.as_deref(),
            "saturation" => self.saturation.as_deref(),
            "line" => self.line.as_deref(),
            _ => None,
        };
        let look = Look::read(|setting| typed(setting.name)).map_err(|error| error.to_string())?;
        let (format, extension) = match to {
            To::Onnx => (Format::Onnx(Form { size, bytes: uint8, half_weights: fp16 }), "onnx"),
            To::Safetensors => (Format::Safetensors, "safetensors"),
        };
        let path = self.output.unwrap_or_else(|| default_name(&look, extension));
        Ok(Params { look, format, path, int8: self.int8 })
    }
}

/// `meadow.onnx`, `meadow-skyglow.onnx`; of style files their stem. Never a style file's own name.
fn default_name(look: &Look, extension: &str) -> PathBuf {
    let stem = |(name, _): &(String, f32)| {
        let name = std::path::Path::new(name);
        name.file_stem().unwrap_or(name.as_os_str()).to_string_lossy().into_owned()
    };
    let names: Vec<String> = look.styles.shares().iter().map(stem).collect();
    let merged = if extension == "safetensors" { ".merged" } else { "" };
    PathBuf::from(format!("{}{merged}.{extension}", names.join("-")))
}

/// Writes the file and says what is not in it.
///
/// # Errors
/// Why it could not be written, in a sentence.
pub(crate) fn export(studio: &Studio, params: &Params) -> Result<String, String> {
    let said = |error: kaiga::Error| error.to_string();
    let (export, loss) = match params.format {
        Format::Onnx(form) if !params.int8.is_empty() => {
            let photos = params.int8.iter().map(|path| photo(path)).collect::<Result<Vec<_>, _>>()?;
            let (export, psnr_db) = studio.export_int8(&params.look, form, &photos).map_err(said)?;
            let photos = if photos.len() == 1 { "that photo".into() } else { format!("those {} photos", photos.len()) };
            (export, format!("; on {photos} {psnr_db:.1} dB (PSNR) from single precision"))
        }
        format => (studio.export(&params.look, format).map_err(said)?, String::new()),
    };
    write_whole(&params.path, &export.bytes)?;
    export.left_out.iter().for_each(|sentence| complain(sentence));
    Ok(format!("{} ({:.1} MB){loss}", shown(&params.path), export.bytes.len() as f64 / 1e6))
}

/// A photo for laying out 8-bit integers.
fn photo(path: &Path) -> Result<Image<Srgb8>, String> {
    let named = |complaint: String| format!("{}: {complaint}", shown(path));
    let bytes = std::fs::read(path).map_err(|error| named(plainly(&error)))?;
    Ok(codec::read(&bytes, &Limits::default()).map_err(|error| named(error.to_string()))?.image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(size("dynamic"), Ok(None));
        assert_eq!(size("512"), Ok(Some((512, 512))));
        assert_eq!(size("640x480"), Ok(Some((640, 480))));
        for bad in ["", "x", "0", "512x", "9000", "1x2x3", "-4"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_file_is_named_after_the_styles() {
        let named = |styles: &str, extension| {
            default_name(&Look { styles: styles.parse().unwrap(), ..Look::default() }, extension)
        };
        assert_eq!(named("meadow:1,skyglow:2", "onnx"), PathBuf::from("meadow-skyglow.onnx"));
        assert_eq!(named("a/夏.safetensors", "safetensors"), PathBuf::from("夏.merged.safetensors"));
    }
}
