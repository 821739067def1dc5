//! `evaluate` and `gallery`: the painter and what kaiga makes of the same photos, in figures and for the eye. Both
//! paint through the library that users paint with.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use kaiga::{Look, Photo, Studio, unwatched};
use kaiga_train::evaluate::{Picture, Report, gallery as sheet, measure};
use kaiga_train::painter::{self, Taste};
use kaiga_train::{file, pairs, split};
use pixels::Image;
use pixels::codec::{self, Format, Limits};
use pixels::space::Srgb8;

/// Which photos, and painted with which models.
#[derive(Args)]
struct Source {
    /// Folder of photos, sub-folders included, of which every tenth, by path, is taken: those never learnt from.
    #[arg(long, required_unless_present = "all", conflicts_with = "all")]
    held_out_of: Option<PathBuf>,
    /// Folder of photos that are all taken.
    #[arg(long)]
    all: Option<PathBuf>,
    /// Folder with `base.safetensors` and a file for each style, as a run exports them; else the shipped models.
    #[arg(long)]
    models: Option<PathBuf>,
    /// Styles.
    #[arg(long, value_delimiter = ',', default_value = "meadow,skyglow")]
    styles: Vec<String>,
}

/// Compares kaiga with the painter: fidelity on clean and bad photos, colour, flatness, complexion.
#[derive(Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    source: Source,
    /// Folder for STYLE.json and STYLE.md; the tables are printed in any case.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Draws sheets of photo | painter | kaiga.
#[derive(Args)]
pub(crate) struct Gallery {
    #[command(flatten)]
    source: Source,
    /// Folder for the sheets, STYLE-NUMBER.jpg.
    #[arg(long)]
    out: PathBuf,
    /// Only photos with one of these in their name, in this order.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Width of one picture, px.
    #[arg(long, default_value_t = 560)]
    cell_px: usize,
    /// Rows of a sheet.
    #[arg(long, default_value_t = 4)]
    rows: usize,
}

pub(crate) fn evaluate(arguments: &Evaluate) -> Result<()> {
    let source = &arguments.source;
    let (studio, photos) = (source.studio()?, source.photos()?);
    for style in &source.styles {
        let (kaiga, taste) = (source.brush(&studio, style)?, taste(style)?);
        let mut each = Vec::new();
        for (name, photo) in &photos {
            let portrait = name.starts_with("people");
            let picture = Picture { name: name.clone(), photo: working(photo)?, portrait };
            each.push(measure(&picture, &kaiga, |photo| painter::paint(photo, &taste).painting)?);
            eprint!("\r{style}: {} of {}", each.len(), photos.len());
        }
        eprintln!();
        let report = Report::of(each)?;
        println!("## {style}\n\n{}", report.markdown());
        if let Some(out) = &arguments.out {
            write(&out.join(format!("{style}.json")), report.json().as_bytes())?;
            write(&out.join(format!("{style}.md")), report.markdown().as_bytes())?;
        }
    }
    Ok(())
}

pub(crate) fn gallery(arguments: &Gallery) -> Result<()> {
    let source = &arguments.source;
    let (studio, mut photos) = (source.studio()?, source.photos()?);
    if !arguments.only.is_empty() {
        let rank = |name: &str| arguments.only.iter().position(|part| name.contains(part.as_str()));
        photos.retain(|(name, _)| rank(name).is_some());
        photos.sort_by_key(|(name, _)| rank(name));
        ensure!(!photos.is_empty(), "no photo has any of these in its name: {}", arguments.only.join(", "));
    }
    for style in &source.styles {
        let (kaiga, taste) = (source.brush(&studio, style)?, taste(style)?);
        for (number, photos) in photos.chunks(arguments.rows.max(1)).enumerate() {
            let row = |(_, photo): &(String, PathBuf)| -> Result<Vec<Image<Srgb8>>> {
                let photo = working(photo)?;
                let (painted, by_kaiga) = (painter::paint(&photo, &taste).painting, kaiga(&photo));
                Ok(vec![photo, painted, by_kaiga])
            };
            let rows = photos.iter().map(row).collect::<Result<Vec<_>>>()?;
            let path = arguments.out.join(format!("{style}-{}.jpg", number + 1));
            write(&path, &codec::write(&sheet(&rows, arguments.cell_px), None, Format::Jpeg, 88)?)?;
            println!(
                "{}: {}",
                path.display(),
                photos.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
            );
        }
    }
    Ok(())
}

impl Source {
    fn studio(&self) -> Result<Studio> {
        let Some(folder) = &self.models else { return Ok(Studio::embedded()?) };
        let read = |name: &str| {
            let path = folder.join(format!("{name}.safetensors"));
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let styles = self.styles.iter().map(|style| read(style)).collect::<Result<Vec<_>>>()?;
        Ok(Studio::new(&read("base")?, &styles.iter().map(Vec::as_slice).collect::<Vec<_>>())?)
    }

    /// Names and paths.
    fn photos(&self) -> Result<Vec<(String, PathBuf)>> {
        let (folder, photos) = match (&self.held_out_of, &self.all) {
            (Some(folder), _) => (folder, split::held_out(folder)?),
            (None, Some(folder)) => (folder, split::pictures(folder)?),
            (None, None) => bail!("say which photos: --held-out-of or --all"),
        };
        Ok(photos.into_iter().map(|photo| (split::name(folder, &photo), photo)).collect())
    }

    /// Paints in `style` as users do with the default settings.
    fn brush<'a>(&self, studio: &'a Studio, style: &str) -> Result<impl Fn(&Image<Srgb8>) -> Image<Srgb8> + use<'a>> {
        let look = Look { styles: style.parse()?, ..Look::default() };
        Ok(move |image: &Image<Srgb8>| {
            let photo = Photo { image: image.clone(), alpha: None, format: Format::Png };
            studio.paint(&photo, &look, &unwatched).expect("the style is known and nobody cancels").image
        })
    }
}

fn taste(style: &str) -> Result<Taste> {
    let taste = Taste::all().into_iter().find(|(name, _)| *name == style);
    taste.map(|(_, taste)| taste).with_context(|| format!("the painter has no taste {style}"))
}

/// A photo at the size that pairs are made at.
fn working(path: &Path) -> Result<Image<Srgb8>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let photo = codec::read(&bytes, &Limits::default()).with_context(|| path.display().to_string())?;
    Ok(pairs::at_working_size(&photo.image))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    file::write(path, bytes)
}
