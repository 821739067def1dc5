//! Files of pictures in, pictures out, and back. Behind this door nobody asks about formats.
//!
//! [`read`] tells the format by its first bytes, checks every limit against the header before it
//! decodes, and gives an upright sRGB picture with the opacity apart. [`write()`] makes JPEG, PNG and
//! WebP.

#[cfg(feature = "avif")]
mod avif;
mod bmp;
mod color;
mod decode;
mod encode;
mod error;
mod jpeg;
mod orient;
mod png;
mod tiff;

pub use encode::write;
pub use error::{Error, ErrorKind, Limit};

use crate::Image;
use crate::resize::{self, Filter};
use crate::space::{Alpha8, Srgb8};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A decoded file: upright, sRGB, opacity apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    /// The colours, upright, in sRGB. Where `alpha` is 0 they are what the file holds there.
    pub image: Image<Srgb8>,
    /// Opacity, of the same size; `None` where every pixel is opaque.
    pub alpha: Option<Image<Alpha8>>,
    /// What the file was.
    pub format: Format,
    /// What is wrong with the picture although it could be read.
    pub warning: Option<Warning>,
}

/// Why a picture is not all that it should be. People are to be told; the text says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Warning {
    /// The file ends early: a part of the picture, as a rule the lower one, may be missing, and then is grey or coarse.
    Truncated,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the file ends early, so a part of the picture may be missing: get another copy",
        })
    }
}

impl Photo {
    /// A part of it, with the opacity of that part.
    ///
    /// # Panics
    /// If the part reaches outside the photo.
    #[must_use]
    pub fn crop(&self, x: usize, y: usize, width: usize, height: usize) -> Self {
        let alpha = self.alpha.as_ref().map(|alpha| alpha.crop(x, y, width, height));
        Self { image: self.image.crop(x, y, width, height), alpha, format: self.format, warning: self.warning }
    }

    /// The whole in another size, see [`resize::to`] and [`resize::with_alpha`].
    ///
    /// # Panics
    /// If a size is 0.
    #[must_use]
    pub fn resize(&self, width: usize, height: usize, filter: Filter) -> Self {
        let (image, alpha) = match &self.alpha {
            None => (resize::to(&self.image, width, height, filter), None),
            Some(alpha) => {
                let (image, alpha) = resize::with_alpha(&self.image, alpha, width, height, filter);
                (image, Some(alpha))
            }
        };
        Self { image, alpha, format: self.format, warning: self.warning }
    }
}

/// A file format we read. JPEG, PNG and WebP can be written too ([`Format::can_write`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JPEG, baseline and progressive, Huffman and arithmetic coding; grey, YCbCr, RGB, CMYK and YCCK.
    Jpeg,
    /// PNG; of an APNG the default picture.
    Png,
    /// WebP, lossy and lossless; of an animation the first frame.
    WebP,
    /// GIF, the first frame.
    Gif,
    /// TIFF, the first page; grey, palette, RGB, YCbCr and CMYK; 1 to 16 bits, 32 bits and floating point (0 to 1).
    Tiff,
    /// Windows bitmap.
    Bmp,
    /// AVIF, its still picture; 8, 10 and 12 bits, grids of tiles. Read where the crate's feature `avif` is on.
    Avif,
}

impl Format {
    /// All formats we read.
    pub const ALL: &[Self] = &[
        Self::Jpeg,
        Self::Png,
        Self::WebP,
        Self::Gif,
        Self::Tiff,
        Self::Bmp,
        #[cfg(feature = "avif")]
        Self::Avif,
    ];

    /// All formats we read, as the end of a sentence.
    pub fn listed() -> String {
        let names: Vec<String> = Self::ALL.iter().map(Self::to_string).collect();
        let (last, first) = names.split_last().expect("we read something");
        format!("{} and {last}", first.join(", "))
    }

    /// The format that a file's first bytes announce. 12 are enough, but for an AVIF that names itself among its
    /// compatible brands only.
    pub fn from_magic(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Self::Tiff),
            [b'B', b'M', ..] => Some(Self::Bmp),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] if is_avif(bytes) => Some(Self::Avif),
            _ => None,
        }
    }

    /// The format of a file name's extension, in either case, without the dot. For naming output;
    /// input is told by [`Format::from_magic`].
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "jpg" | "jpeg" | "jpe" | "jfif" => Some(Self::Jpeg),
            "png" | "apng" => Some(Self::Png),
            "webp" => Some(Self::WebP),
            "gif" => Some(Self::Gif),
            "tif" | "tiff" => Some(Self::Tiff),
            "bmp" | "dib" => Some(Self::Bmp),
            "avif" | "avifs" => Some(Self::Avif),
            _ => None,
        }
    }

    /// The usual extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Tiff => "tiff",
            Self::Bmp => "bmp",
            Self::Avif => "avif",
        }
    }

    /// The media type for HTTP.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
            Self::Avif => "image/avif",
        }
    }

    /// Whether [`write()`] makes it.
    pub fn can_write(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::WebP)
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
            Self::Avif => "AVIF",
        })
    }
}

/// What [`read`] accepts. All are checked against the header, before decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels of the picture. Default 50 million.
    pub max_pixels: u64,
    /// Pixels of the longer side. Default 30,000.
    pub max_side_px: u32,
    /// Bytes of the file. Default 256 MiB.
    pub max_file_bytes: u64,
    /// Bytes of memory that decoding may take at its peak, the picture with it, the file without.
    /// Estimated from the header, and given to the decoders that can keep to it. Default 1 GiB.
    pub max_memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_pixels: 50_000_000, max_side_px: 30_000, max_file_bytes: 256 << 20, max_memory_bytes: 1 << 30 }
    }
}

impl Limits {
    /// # Errors
    /// [`ErrorKind::TooLarge`] if a picture of that size passes a limit; [`ErrorKind::Broken`] if
    /// it has no pixels.
    fn check_size(&self, width: usize, height: usize) -> Result<(), Error> {
        if width == 0 || height == 0 {
            return Err(Error::broken(format!("the picture is {width}×{height} px, it has no pixels")));
        }
        let pixels = width as u64 * height as u64;
        if pixels > self.max_pixels {
            return Err(Error::too_large(
                Limit::Pixels,
                format!(
                    "picture is {width}×{height} px ({:.1} Mpx), the limit is {} Mpx",
                    pixels as f64 / 1e6,
                    self.max_pixels as f64 / 1e6
                ),
            ));
        }
        if width.max(height) as u64 > u64::from(self.max_side_px) {
            return Err(Error::too_large(
                Limit::Side,
                format!("picture is {width}×{height} px, the limit for a side is {} px", self.max_side_px),
            ));
        }
        Ok(())
    }

    fn check_memory(&self, need_bytes: u64) -> Result<(), Error> {
        if need_bytes > self.max_memory_bytes {
            return Err(Error::too_large(
                Limit::Memory,
                format!(
                    "decoding this picture takes about {} MiB of memory, the limit is {} MiB",
                    need_bytes >> 20,
                    self.max_memory_bytes >> 20
                ),
            ));
        }
        Ok(())
    }
}

/// Reads a picture from the bytes of a file.
///
/// The format is told by the first bytes. The picture comes upright (orientation by EXIF, XMP, TIFF or AVIF's boxes)
/// and in sRGB: an embedded ICC profile is applied, or AVIF's code points, in 16 bits where the file has more than 8;
/// one that is broken or does not fit the picture is ignored. Files without a profile are taken as sRGB. A JPEG that
/// ends early gives the part that is there, as viewers do, and [`Warning::Truncated`]. A panic inside a decoder comes back
/// as [`ErrorKind::Broken`] (the process's panic hook still sees it; to silence the hook is the
/// binary's business).
///
/// # Errors
/// [`ErrorKind::Unsupported`] where it is no picture we read, [`ErrorKind::TooLarge`] where it
/// passes one of `limits`, [`ErrorKind::Broken`] where the decoder gives up.
///
/// ```
/// use pixels::{Image, codec, space::Srgb8};
/// let image = Image::<Srgb8>::filled(3, 2, [10, 200, 30]);
/// let png = codec::write(&image, None, codec::Format::Png, 90)?;
/// assert_eq!(codec::read(&png, &codec::Limits::default())?.image, image);
/// # Ok::<(), codec::Error>(())
/// ```
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Photo, Error> {
    let format = recognised(bytes, limits)?;
    catching(format, || {
        let samples = decode::decode(bytes, format, limits)?;
        let (orientation, warning) = (samples.orientation, samples.warning);
        let (image, alpha) = samples.into_srgb();
        Ok(Photo {
            image: orient::upright(image, orientation),
            alpha: alpha.map(|alpha| orient::upright(alpha, orientation)),
            format,
            warning,
        })
    })
}

/// Width and height in pixels as the header says them, without decoding: for those who plan memory. A picture that is
/// stored on its side comes out of [`read`] with the two exchanged.
///
/// # Errors
/// As [`read`], as far as the header tells.
///
/// ```
/// use pixels::{Image, codec, space::Srgb8};
/// let png = codec::write(&Image::<Srgb8>::filled(3, 2, [10, 200, 30]), None, codec::Format::Png, 90)?;
/// assert_eq!(codec::stored_size(&png, &codec::Limits::default())?, (3, 2));
/// # Ok::<(), codec::Error>(())
/// ```
pub fn stored_size(bytes: &[u8], limits: &Limits) -> Result<(usize, usize), Error> {
    let format = recognised(bytes, limits)?;
    catching(format, || decode::stored_size(bytes, format, limits))
}

/// The format, if the file is not too large.
fn recognised(bytes: &[u8], limits: &Limits) -> Result<Format, Error> {
    if bytes.len() as u64 > limits.max_file_bytes {
        return Err(Error::too_large(
            Limit::FileBytes,
            format!("file is {} MiB, the limit is {} MiB", bytes.len() >> 20, limits.max_file_bytes >> 20),
        ));
    }
    let format = Format::from_magic(bytes).filter(|format| Format::ALL.contains(format));
    format.ok_or_else(|| Error::unsupported(not_read(bytes)))
}

/// Whether a HEIF file is AVIF: by its brand, or by one it is compatible with.
fn is_avif(file: &[u8]) -> bool {
    let Some((len, rest)) = file.split_first_chunk() else { return false };
    let ftyp = &rest[..rest.len().min((u32::from_be_bytes(*len) as usize).saturating_sub(4))];
    let mut brands = ftyp.as_chunks::<4>().0.iter().skip(1);
    let is_it = |brand: &[u8; 4]| matches!(brand, b"avif" | b"avis");
    let own = brands.next();
    // The version is between them.
    own.is_some_and(is_it) || brands.skip(1).any(is_it)
}

/// Some decoders panic on some broken files.
fn catching<T>(format: Format, decode: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err(Error::broken(format!("the {format} decoder failed on this file (a fault of the decoder)")))
    })
}

/// Says what the file seems to be and what we read.
fn not_read(bytes: &[u8]) -> String {
    let seen = match bytes {
        [] => "the file is empty",
        _ if Format::from_magic(bytes) == Some(Format::Avif) => {
            "this is an AVIF picture, which this build does not read"
        }
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', b'i' | b'v' | b'f', ..] => {
            "this is a HEIC picture"
        }
        [_, _, _, _, b'f', b't', b'y', b'p', ..] | [0x1a, 0x45, 0xdf, 0xa3, ..] => "this is a film, not a picture",
        [0xff, 0x0a, ..] | [0, 0, 0, 0x0c, b'J', b'X', b'L', b' ', ..] => "this is a JPEG XL picture",
        [0, 0, 0, 0x0c, b'j', b'P', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => "this is a JPEG 2000 picture",
        [b'8', b'B', b'P', b'S', ..] => "this is a Photoshop file",
        [b'%', b'P', b'D', b'F', ..] => "this is a PDF",
        [b'<', b's', b'v', b'g', ..] | [b'<', b'?', b'x', b'm', b'l', ..] => "this is XML or SVG",
        [0, 0, 1, 0, ..] => "this is an icon file",
        [b'P', b'1'..=b'7', ..] => "this is a PNM picture",
        _ => "this is no picture we know",
    };
    format!("{seen}; we read {}", Format::listed())
}
