//! `evaluate` and `gallery`: the painter and what models make of the same photos, in figures and for the eye. Models
//! paint through the library that users paint with.

pub(crate) mod sight;
mod source;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use kaiga_train::evaluate::{Hand, Input, Model, Report, Samples, Strip, gallery as sheet, measure};
use kaiga_train::{file, painter, split};
use pixels::Image;
use pixels::codec::{self, Format};
use pixels::space::Srgb8;
use source::{Source, working};

/// Compares models with the painter, the photo and each other: fidelity, colour, structure, steadiness, lines, style.
#[derive(Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    source: Source,
    /// Most photos, spread evenly.
    #[arg(long)]
    limit: Option<usize>,
    /// Folder of art of which every tenth picture, by path, is compared with in style: what no model has learnt from.
    #[arg(long)]
    art: Option<PathBuf>,
    /// Takes all the art.
    #[arg(long, requires = "art")]
    all_art: bool,
    /// The network that sees style.
    #[arg(long, default_value = ".features/mobilenet_v2.safetensors")]
    features: PathBuf,
    /// Folder for STYLE.json, STYLE.md and STYLE.html; the tables are printed in any case.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Most photos shown in STYLE.html, spread evenly.
    #[arg(long, default_value_t = 12)]
    pictures: usize,
}

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

pub(crate) fn evaluate(arguments: &Evaluate) -> Result<()> {
    let Evaluate { source, limit, art, all_art, features, out, pictures } = arguments;
    let entries = source.entries()?;
    let photos = source.photos()?;
    let photos: Vec<_> = spread(photos.len(), limit.unwrap_or(usize::MAX)).map(|i| &photos[i]).collect();
    ensure!(!photos.is_empty(), "there are no photos to evaluate on: --limit is 1 or more");
    let shown: Vec<usize> = spread(photos.len(), if out.is_some() { *pictures } else { 0 }).collect();
    let eye = art.as_ref().map(|_| sight::load(features)).transpose()?;
    let mut seen_art = Samples::default();
    if let (Some(eye), Some(folder)) = (&eye, art) {
        for path in if *all_art { split::pictures(folder)? } else { split::held_out(folder)? } {
            seen_art.add(&working(&path)?, eye.as_ref());
        }
    }
    for style in source.styles(&entries)? {
        let taste = source.taste(&style)?;
        let mut models = entries.iter().map(|entry| entry.model(&style)).collect::<Result<Vec<_>>>()?;
        if let [Model { hand: Hand::Network(_), inputs, .. }] = models.as_mut_slice() {
            // One network alone is shown everything, beside what it comes from and what it learns.
            *inputs = &[Input::Noise, Input::Shift, Input::Jpeg, Input::Dark];
            models.insert(0, Model { label: "photo".into(), hand: Hand::Photo, inputs: &[Input::Noise, Input::Shift] });
            models.insert(1, Model { label: "painter".into(), hand: Hand::Painter, inputs: &[Input::Dark] });
        }
        let mut seen = vec![Samples::default(); models.len()];
        let (mut measured, mut strips) = (Vec::new(), Vec::new());
        for (i, (name, path)) in photos.iter().enumerate() {
            let picture = source::picture(name, path)?;
            let (subject, results) = measure(&picture, &models, |photo| painter::paint(photo, &taste).painting)?;
            if shown.contains(&i) {
                let mut strip = Strip::new(name);
                strip.add("photo", &picture.photo)?;
                for (model, (_, painting)) in
                    models.iter().zip(&results).filter(|(m, _)| !matches!(m.hand, Hand::Photo))
                {
                    strip.add(&model.label, painting)?;
                }
                strips.push(strip);
            }
            if let Some(eye) = &eye {
                seen.iter_mut().zip(&results).for_each(|(seen, (_, painting))| seen.add(painting, eye.as_ref()));
            }
            measured.push((subject, results.into_iter().map(|(measured, _)| measured).collect()));
            eprint!("\r{style}: {} of {}", i + 1, photos.len());
        }
        eprintln!();
        let distances = seen.iter().map(|seen| seen.distance(&seen_art)).collect();
        let report = Report::of(&style, &models, measured, distances)?;
        println!("## {style}\n\n{}", report.markdown());
        if let Some(out) = out {
            let parts = [("json", report.json()), ("md", report.markdown()), ("html", report.page(&strips))];
            parts
                .iter()
                .try_for_each(|(ending, text)| write(&out.join(format!("{style}.{ending}")), text.as_bytes()))?;
        }
    }
    Ok(())
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
            let row = |(_, photo): &(String, PathBuf)| -> Result<Vec<Image<Srgb8>>> {
                let photo = working(photo)?;
                let painted = painter::paint(&photo, &taste).painting;
                let paint = |model: &Model<'_>| match &model.hand {
                    Hand::Network(paint) => Some(paint(&photo)),
                    Hand::Photo | Hand::Painter => None, // there already
                };
                let by_models: Vec<_> = models.iter().filter_map(paint).collect();
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
