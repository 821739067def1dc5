//! What was typed, and what is meant by it. Every usage error happens here.

use crate::look;
use crate::out::shown;
use crate::photo::Target;
use clap::{Args, Parser, Subcommand};
use kaiga::Look;
use kaiga::faces::{Backdrop, Frame};
use pixels::codec::{Format, Limits};
use std::path::{Path, PathBuf};

/// Photo in, anime-style painting out.
#[derive(Debug, Parser)]
#[command(
    name = "kaiga",
    version,
    about = "Photo in, anime-style painting out, on an ordinary CPU.",
    args_conflicts_with_subcommands = true,
    term_width = 100,
    after_help = "Examples:\n  \
        kaiga photo.jpg                        paints photo.kaiga.png beside it\n  \
        kaiga photo.jpg -o out.jpg -n skyglow  another style, another name and format\n  \
        kaiga holiday/                         every picture in there into holiday.kaiga/\n  \
        kaiga - < in.jpg > out.png             reads stdin, writes stdout\n  \
        kaiga avatar photo.jpg                 a square of the main face\n  \
        kaiga video clip.mp4                   a video, with its sound, into clip.kaiga.mp4\n  \
        kaiga serve                            the page, at http://127.0.0.1:8080\n\n\
        Exit status: 0 all done, 1 nothing done, 2 wrong usage, 3 some failed, 130 interrupted.\n\
        Not for medical pictures or ID photos: a painting is no longer evidence of anything."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) paint: Typed,
}

/// For those who type nothing but the name.
pub(crate) const SHORT: &str = "name a photo or a folder to paint.

  kaiga photo.jpg                        paints photo.kaiga.png beside it
  kaiga photo.jpg -n skyglow -o out.jpg  another style, another name and format
  kaiga holiday/                         every picture in there into holiday.kaiga/
  kaiga video clip.mp4                   a video, with its sound, into clip.kaiga.mp4
  kaiga styles                           lists the styles
  kaiga serve                            the page, at http://127.0.0.1:8080

For more: kaiga --help";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the styles
    Styles {
        /// Machine-readable
        #[arg(long)]
        json: bool,
    },
    /// Say what this program and this machine are: for bug reports
    Doctor {
        /// Machine-readable
        #[arg(long)]
        json: bool,
    },
    /// Find the faces in a photo: boxes, landmarks, scores
    Faces {
        /// The photo
        photo: PathBuf,
        /// Machine-readable
        #[arg(long)]
        json: bool,
        /// Write the photo there with its faces marked
        #[arg(long, value_name = "OUT")]
        draw: Option<PathBuf>,
        /// The outlines of eyes, irises, brows, nose, lips and face as well: with --json, or marked by --draw
        #[arg(long)]
        landmarks: bool,
        /// Largest photo to accept, in megapixels [default: 50]
        #[arg(long, value_name = "MPX", value_parser = clap::value_parser!(u32).range(1..=4000))]
        max_pixels: Option<u32>,
    },
    /// Paint a square of the main face, for an account or a card
    #[command(after_help = "Not for ID photos, documents or medical pictures: a painted face is evidence of nothing.")]
    Avatar(Box<TypedAvatar>),
    /// Paint videos, GIFs and animated WebP, calm from frame to frame, with their sound (needs ffmpeg)
    Video(Box<crate::video::Typed>),
    /// Pick the frames of a video that make a good cover, and paint them (needs ffmpeg)
    Cover(Box<crate::cover::Typed>),
    /// Paint what a camera or a stream shows, as it shows it (needs ffmpeg)
    Live(Box<crate::live::Typed>),
    /// Measure how calm the painting of a video is beside the video itself
    #[command(hide = true)]
    Flicker(crate::video::TypedFlicker),
    /// Write a look as a file for other programs: ONNX from photo to painting, or merged weights
    Export(crate::export::Typed),
    /// Bring in a model of others: AnimeGANv2 weights, or an ONNX graph
    Import(crate::import::Typed),
    /// List, show and remove imported models
    #[command(subcommand)]
    Models(crate::import::Models),
    /// Serve the page and the HTTP interface
    Serve(crate::serve::Typed),
    /// Run jobs that `kaiga serve` takes on, on the same store: any number of processes
    Worker(crate::serve::TypedWorker),
    /// Look at the jobs of a queue, replay and drop dead ones
    #[command(subcommand)]
    Jobs(crate::jobs::Jobs),
    /// Paint a folder or a bucket by jobs, on any number of machines; can be interrupted
    Batch(Box<crate::jobs::TypedBatch>),
    /// Write completions for a shell to stdout: bash, zsh, fish, powershell, elvish
    #[command(hide = true)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder
    #[command(hide = true)]
    Man {
        /// The folder
        folder: PathBuf,
    },
    /// Compare a painting with its photo, in figures
    Measure {
        /// The photo
        photo: PathBuf,
        /// The painting, of the same size
        painting: PathBuf,
        /// Machine-readable
        #[arg(long)]
        json: bool,
    },
}

/// The arguments of painting, as typed.
#[derive(Debug, Args)]
pub(crate) struct Typed {
    /// Photos or folders to paint; - reads one photo from stdin
    #[arg(value_name = "PHOTO|FOLDER")]
    inputs: Vec<PathBuf>,
    /// The same, for those who are used to it
    #[arg(short, long = "input", value_name = "PHOTO|FOLDER", hide = true)]
    input: Vec<PathBuf>,
    /// File or folder to write to; - is stdout [default: PHOTO.kaiga.png beside the photo, FOLDER.kaiga/ beside the
    /// folder]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    #[command(flatten)]
    look: look::Typed,
    /// Format of the paintings: png, jpg or webp [default: by OUT's extension, else png]
    #[arg(short, long, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,
    /// Quality of jpg, 1 to 100
    #[arg(short, long, value_name = "1..100", default_value = "92",
          value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    /// Threads [default: all cores]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Largest photo to accept, in megapixels [default: 50]
    #[arg(long, value_name = "MPX", value_parser = clap::value_parser!(u32).range(1..=4000))]
    max_pixels: Option<u32>,
    /// Leave photos alone whose painting is there already
    #[arg(long)]
    skip_existing: bool,
    /// One JSON object a line on stdout for each photo
    #[arg(long)]
    json: bool,
    /// Verbose output
    #[arg(short, long)]
    verbose: bool,
}

/// The arguments of a portrait for an account, as typed.
#[derive(Debug, Args)]
pub(crate) struct TypedAvatar {
    /// The photo; - reads it from stdin
    photo: PathBuf,
    /// Side of the square
    #[arg(short, long, value_name = "PX", default_value = "512",
          value_parser = clap::value_parser!(u16).range(32..=2048))]
    size: u16,
    /// A circle: what is outside is transparent, for png and webp
    #[arg(long)]
    round: bool,
    /// What is behind the person: keep as painted, soft (out of focus), none (cut out, for png and webp), or a colour
    /// (pink, #ffd9e6)
    #[arg(short, long, value_name = "keep|soft|none|COLOUR", default_value = "keep")]
    background: Backdrop,
    /// File to write to; - is stdout [default: PHOTO.avatar.kaiga.png beside the photo]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    #[command(flatten)]
    look: look::Typed,
    /// Format: png, jpg or webp [default: by OUT's extension, else png]
    #[arg(short, long, value_name = "FORMAT", value_parser = format)]
    format: Option<Format>,
    /// Quality of jpg, 1 to 100
    #[arg(short, long, value_name = "1..100", default_value = "92",
          value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    /// Largest photo to accept, in megapixels [default: 50]
    #[arg(long, value_name = "MPX", value_parser = clap::value_parser!(u32).range(1..=4000))]
    max_pixels: Option<u32>,
}

/// The avatar that is to be made.
#[derive(Debug)]
pub(crate) struct AvatarParams {
    pub(crate) input: Input,
    pub(crate) target: Target,
    pub(crate) size_px: usize,
    pub(crate) frame: Frame,
    pub(crate) look: Look,
    pub(crate) format: Format,
    pub(crate) quality: u8,
    pub(crate) limits: Limits,
}

impl TypedAvatar {
    /// What is meant.
    ///
    /// # Errors
    /// The complaint about the usage, in a sentence.
    pub(crate) fn meant(self) -> Result<AvatarParams, String> {
        let input = if self.photo == Path::new("-") { Input::Stdin } else { Input::Path(self.photo) };
        if let Input::Path(path) = &input
            && path.is_dir()
        {
            return Err(format!("{} is a folder: avatar takes one photo", shown(path)));
        }
        let (output, format) = destination(self.output, self.format, std::slice::from_ref(&input))?;
        let named = |path: &Path| {
            let mut name = path.file_stem().unwrap_or(path.as_os_str()).to_owned();
            name.push(format!(".avatar.kaiga.{}", format.extension()));
            name
        };
        let target = match (output, &input) {
            (Output::Stdout, _) | (Output::Beside, Input::Stdin) => Target::Stdout,
            (Output::File(path), _) => Target::File(path),
            (Output::Beside, Input::Path(path)) => Target::File(path.with_file_name(named(path))),
            (Output::Folder(folder), Input::Path(path)) => Target::File(folder.join(named(path))),
            (Output::Folder(folder), Input::Stdin) => Target::File(folder.join(named(Path::new("stdin")))),
        };
        let limits = limits(self.max_pixels);
        let size_px = usize::from(self.size);
        let look = self.look.meant()?;
        let frame = Frame { is_round: self.round, backdrop: self.background };
        if let (Some(what), false) = (frame.needs_opacity(), matches!(format, Format::Png | Format::WebP)) {
            let option = if frame.is_round { "--round" } else { "--background none" };
            return Err(format!("{what}, which jpg cannot hold: choose png or webp, or leave {option} off"));
        }
        Ok(AvatarParams { input, target, size_px, frame, look, format, quality: self.quality, limits })
    }
}

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Params {
    pub(crate) inputs: Vec<Input>,
    pub(crate) output: Output,
    pub(crate) look: Look,
    pub(crate) format: Format,
    pub(crate) quality: u8,
    pub(crate) limits: Limits,
    pub(crate) threads: Option<usize>,
    pub(crate) skip_existing: bool,
    pub(crate) json: bool,
    pub(crate) verbose: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Stdin,
    /// A photo or a folder.
    Path(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Each painting beside its photo, each folder beside its folder.
    Beside,
    /// The one painting there.
    File(PathBuf),
    /// All paintings into it.
    Folder(PathBuf),
    Stdout,
}

pub(crate) fn format(text: &str) -> Result<Format, String> {
    Format::from_extension(text).filter(|format| format.can_write()).ok_or_else(|| "we write png, jpg and webp".into())
}

impl Typed {
    /// Whether nothing was named that could be painted.
    pub(crate) fn says_nothing(&self) -> bool {
        self.inputs.is_empty() && self.input.is_empty()
    }

    /// What is meant.
    ///
    /// # Errors
    /// The complaint about the usage, in a sentence.
    pub(crate) fn meant(self) -> Result<Params, String> {
        let stdin = Path::new("-");
        let typed: Vec<PathBuf> = self.inputs.into_iter().chain(self.input).collect();
        let inputs: Vec<Input> =
            typed.into_iter().map(|path| if path == stdin { Input::Stdin } else { Input::Path(path) }).collect();
        match inputs.iter().filter(|input| **input == Input::Stdin).count() {
            0 => {}
            1 if inputs.len() == 1 => {}
            _ => return Err("- (stdin) is one photo, it cannot be mixed with others".into()),
        }
        let (output, format) = destination(self.output, self.format, &inputs)?;
        if output == Output::Stdout && self.json {
            return Err("--json writes to stdout, where the painting goes too: give -o a file".into());
        }
        Ok(Params {
            inputs,
            output,
            look: self.look.meant()?,
            format,
            quality: self.quality,
            limits: limits(self.max_pixels),
            threads: self.threads.map(usize::from),
            skip_existing: self.skip_existing,
            json: self.json,
            verbose: self.verbose,
        })
    }
}

/// Where the paintings go, and in which format.
fn destination(output: Option<PathBuf>, format: Option<Format>, inputs: &[Input]) -> Result<(Output, Format), String> {
    let format_or_png = format.unwrap_or(Format::Png);
    let one_photo = match inputs {
        [Input::Stdin] => true,
        [Input::Path(path)] => !path.is_dir(),
        _ => false,
    };
    let Some(output) = output else {
        let place = if inputs == [Input::Stdin] { Output::Stdout } else { Output::Beside };
        return Ok((place, format_or_png));
    };
    if output == Path::new("-") {
        return match one_photo {
            true => Ok((Output::Stdout, format_or_png)),
            false => Err("-o - (stdout) takes one painting, there are several photos".into()),
        };
    }
    let ends_with_slash = output.as_os_str().to_string_lossy().ends_with(std::path::is_separator);
    let extension = output.extension().and_then(|extension| extension.to_str());
    let by_name = extension.and_then(Format::from_extension);
    if output.is_dir() || ends_with_slash || (by_name.is_none() && !(one_photo && extension.is_some())) {
        return Ok((Output::Folder(output), format_or_png));
    }
    if !one_photo {
        return Err(format!("{} is one file, there are several photos: give -o a folder", shown(&output)));
    }
    match (format, by_name.filter(|format| format.can_write())) {
        (Some(typed), Some(named)) if typed != named => {
            Err(format!("-f says {typed}, but {} is a name for {named}", shown(&output)))
        }
        (Some(format), _) | (None, Some(format)) => Ok((Output::File(output), format)),
        (None, None) => {
            let extension = extension.unwrap_or_default();
            Err(format!("we write png, jpg and webp, not {extension}: choose another name for -o, or add -f"))
        }
    }
}

/// Raising the one limit people know raises those that follow from it.
pub(crate) fn limits(max_megapixels: Option<u32>) -> Limits {
    let usual = Limits::default();
    let Some(megapixels) = max_megapixels else { return usual };
    let max_pixels = u64::from(megapixels) * 1_000_000;
    Limits {
        max_pixels,
        max_side_px: u32::MAX,
        max_file_bytes: usual.max_file_bytes.max(8 * max_pixels),
        max_memory_bytes: usual.max_memory_bytes.max(24 * max_pixels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kaiga::{Faces, Guided};

    fn meant(line: &str) -> Result<Params, String> {
        let words = std::iter::once("kaiga").chain(line.split_whitespace());
        Cli::try_parse_from(words).map_err(|error| error.to_string())?.paint.meant()
    }

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn what_was_typed_becomes_what_is_meant() {
        let place = |line: &str| meant(line).map(|params| (params.output, params.format));
        assert_eq!(place("a.jpg"), Ok((Output::Beside, Format::Png)));
        assert_eq!(place("a.jpg -f webp"), Ok((Output::Beside, Format::WebP)));
        assert_eq!(place("a.jpg -o b.JPG"), Ok((Output::File("b.JPG".into()), Format::Jpeg)));
        assert_eq!(place("a.jpg -o b.x -f png"), Ok((Output::File("b.x".into()), Format::Png)));
        assert_eq!(place("a.jpg -o out/"), Ok((Output::Folder("out/".into()), Format::Png)));
        assert_eq!(place("a.jpg b.jpg -o out"), Ok((Output::Folder("out".into()), Format::Png)));
        assert_eq!(place("-"), Ok((Output::Stdout, Format::Png)));
        assert_eq!(place("a.jpg -o - -f jpg"), Ok((Output::Stdout, Format::Jpeg)));
        assert!(place("a.jpg -o b.gif").is_err() && place("a.jpg -o b.png -f jpg").is_err());
        assert!(place("a.jpg b.jpg -o c.png").is_err() && place("a.jpg b.jpg -o -").is_err());
        assert!(place("- a.jpg").is_err() && place("- --json").is_err());
        assert_eq!(meant("-i a.jpg -o b.png").map(|params| params.inputs), Ok(vec![Input::Path("a.jpg".into())]));
        assert_eq!(meant("a --guided-radius 40").map(|params| params.look.guided), Ok(Some(Guided::default())));
        let faces = |line: &str| meant(line).map(|params| (params.look.faces, params.look.eyes.get()));
        assert_eq!((faces("a"), faces("a --faces only --eyes 0.5")), (Ok((Faces::On, 1.0)), Ok((Faces::Only, 0.5))));
        assert!(meant("a --max-pixels 200").is_ok_and(|params| params.limits.max_pixels == 200_000_000));
    }

    #[test]
    fn settings_out_of_range_name_the_range() {
        for (line, words) in [
            ("a -w 2", "from 0 to 1.5"),
            ("a --saturation x", "must be a number from 0 to 2"),
            ("a -t 5", "from 128 to 8192"),
            ("a -f gif", "png, jpg and webp"),
            ("a -n meadow:x", "not a number of 0 or more"),
            ("a --guided-radius 999", "from 1 to 128"),
            ("a --faces maybe", "on, off or only"),
            ("a --eyes 2", "from 0 to 1.5"),
            ("a --guided-eps 0.01", "--guided-radius"),
        ] {
            let complaint = meant(line).expect_err(line);
            assert!(complaint.contains(words), "{line}: {complaint}");
        }
    }
}
