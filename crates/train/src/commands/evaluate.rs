//! `evaluate` and `gallery`: the painter and what models make of the same photos, in figures and for the eye. Models
//! paint through the library that users paint with.

mod evaluation;
pub(crate) mod extractor;
mod source;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use kaiga_train::evaluate::{Candidate, Hand, gallery as sheet};
use kaiga_train::{file, painter};
use pixels::Image;
use pixels::codec::{self, Format};
use pixels::space::Srgb8;
use source::{Source, working};

pub(crate) use evaluation::{Evaluate, evaluate};

/// Draws sheets of photo | painter | models.
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

pub(crate) fn gallery(arguments: &Gallery) -> Result<()> {
    let source = &arguments.source;
    let (entries, mut photos) = (source.entries()?, source.photos()?);
    if !arguments.only.is_empty() {
        let rank = |name: &str| arguments.only.iter().position(|part| name.contains(part.as_str()));
        photos.retain(|(name, _)| rank(name).is_some());
        photos.sort_by_key(|(name, _)| rank(name));
        ensure!(!photos.is_empty(), "no photo has any of these in its name: {}", arguments.only.join(", "));
    }
    for style in source.styles(&entries)? {
        let taste = source.taste(&style)?;
        let models = entries.iter().map(|entry| entry.model(&style)).collect::<Result<Vec<_>>>()?;
        for (number, photos) in photos.chunks(arguments.rows.max(1)).enumerate() {
            let row = |(name, photo): &(String, PathBuf)| -> Result<Vec<Image<Srgb8>>> {
                let photo = working(photo)?;
                let painted = painter::paint(&photo, &taste).painting;
                let paint = |model: &Candidate<'_>| match &model.hand {
                    Hand::Network(paint) => Some(Ok(paint(&photo))),
                    Hand::Paintings(find) => Some(find(name, &photo)),
                    Hand::Photo | Hand::Painter => None, // there already
                };
                let by_models = models.iter().filter_map(paint).collect::<Result<Vec<_>>>()?;
                Ok([photo, painted].into_iter().chain(by_models).collect())
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

/// At most `most` of `count` indices, evenly spread.
pub(crate) fn spread(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let taken = count.min(most);
    (0..taken).map(move |i| (2 * i + 1) * count / (2 * taken))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    file::write(path, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spread_is_even_and_within() {
        assert_eq!(spread(10, 2).collect::<Vec<_>>(), [2, 7]);
        assert_eq!(spread(3, 9).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((spread(0, 4).count(), spread(4, 0).count()), (0, 0));
    }
}
