//! Which photos are evaluated, and who paints them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use kaiga::{Crisp, Faces, Flat, Look, Mix, Studio, unwatched};
use kaiga_train::data::{pairs, split};
use kaiga_train::evaluate::{Candidate, Hand, Input, Picture};
use kaiga_train::file;
use kaiga_train::painter::Taste;
use pixels::Image;
use pixels::space::Srgb8;

/// Which photos, and painted with which models.
#[derive(Args)]
pub(super) struct Source {
    /// Folder of photos, sub-folders included, of which every tenth, by path, is taken: those never learnt from.
    #[arg(long, required_unless_present = "all", conflicts_with = "all")]
    held_out_of: Option<PathBuf>,
    /// Folder of photos that are all taken.
    #[arg(long)]
    all: Option<PathBuf>,
    /// Models side by side, each PATH or LABEL=PATH: a folder with `base.safetensors` and a file for each style, as a
    /// run exports them, or one style's file, which goes onto the shipped base; or a folder of paintings made elsewhere,
    /// PATH/STYLE/PHOTO.png, PATH/PHOTO.STYLE.png or PATH/PHOTO.png (or jpg, webp), each with the name of its photo.
    /// Also `shipped` (as users get it), `network` (the shipped one by itself, as files are), `painter`, `photo`.
    #[arg(long, value_delimiter = ',', default_value = "shipped")]
    models: Vec<String>,
    /// Styles, each evaluated by itself [default: that of the first style's file in --models, else meadow,skyglow].
    /// Files paint their own style in any case.
    #[arg(long, value_delimiter = ',')]
    styles: Vec<String>,
    /// The painter's taste, where it is not called like the style.
    #[arg(long)]
    taste: Option<String>,
}

/// A model as it was asked for.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    label: String,
    origin: Origin,
}

#[derive(Debug, PartialEq)]
enum Origin {
    Photo,
    Painter,
    Shipped,
    /// The shipped network, before its fills are laid flat and its borders redrawn.
    Network,
    /// A base and its styles.
    Folder(PathBuf),
    /// One style.
    File(PathBuf),
    /// Pictures named after the photos.
    Paintings(PathBuf),
}

impl Source {
    /// The models asked for.
    ///
    /// # Errors
    /// If two have the same label, or a path is nothing.
    pub(super) fn entries(&self) -> Result<Vec<Entry>> {
        let entries = self.models.iter().map(|text| Entry::parse(text)).collect::<Result<Vec<_>>>()?;
        for (i, Entry { label, .. }) in entries.iter().enumerate() {
            let twice = entries[..i].iter().any(|other| other.label == *label);
            ensure!(!twice, "two models are called {label}: write LABEL=PATH for one of them");
        }
        Ok(entries)
    }

    /// The styles to evaluate.
    ///
    /// # Errors
    /// If a style's file cannot be read.
    pub(super) fn styles(&self, entries: &[Entry]) -> Result<Vec<String>> {
        if !self.styles.is_empty() {
            return Ok(self.styles.clone());
        }
        let file = entries.iter().find_map(|entry| match &entry.origin {
            Origin::File(path) => Some(path),
            _ => None,
        });
        Ok(match file {
            Some(path) => vec![net::Style::read(&read(path)?).with_context(|| path.display().to_string())?.name],
            None => ["meadow", "skyglow"].map(str::to_owned).into(),
        })
    }

    /// The painter's taste for `style`.
    ///
    /// # Errors
    /// If the painter has none of that name.
    pub(super) fn taste(&self, style: &str) -> Result<Taste> {
        let wanted = self.taste.as_deref().unwrap_or(style);
        let tastes = Taste::all();
        let known = tastes.map(|(name, _)| name).join(", ");
        let taste = tastes.into_iter().find(|(name, _)| *name == wanted).map(|(_, taste)| taste);
        taste.with_context(|| format!("the painter has no taste {wanted}: say --taste with one of {known}"))
    }

    /// Names and paths.
    pub(super) fn photos(&self) -> Result<Vec<(String, PathBuf)>> {
        let (folder, photos) = match (&self.held_out_of, &self.all) {
            (Some(folder), _) => (folder, split::held_out(folder)?),
            (None, Some(folder)) => (folder, split::pictures(folder)?),
            (None, None) => bail!("say which photos: --held-out-of or --all"),
        };
        Ok(photos.into_iter().map(|photo| (split::name(folder, &photo), photo)).collect())
    }
}

impl Entry {
    /// Whether it paints every style as such, and not all of them as its own one.
    pub(super) fn has_looks(&self) -> bool {
        !matches!(self.origin, Origin::Photo | Origin::File(_))
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    fn parse(text: &str) -> Result<Self> {
        let (label, path) = text.split_once('=').map_or((None, text), |(label, path)| (Some(label), path));
        let origin = match path {
            "photo" => Origin::Photo,
            "painter" => Origin::Painter,
            "shipped" => Origin::Shipped,
            "network" => Origin::Network,
            _ if is_of_paintings(Path::new(path)) => Origin::Paintings(path.into()),
            _ if Path::new(path).is_dir() => Origin::Folder(path.into()),
            _ if Path::new(path).is_file() => Origin::File(path.into()),
            _ => bail!("{path} is no model: give a folder, a style's file, shipped, network, painter or photo"),
        };
        // Runs call their models' folder `export`: it is the run that tells them apart.
        let stem = Path::new(path).with_extension("");
        let name = stem.iter().map(|part| part.to_string_lossy()).rfind(|part| part != "export");
        Ok(Self { label: label.map_or_else(|| name.unwrap_or(path.into()).into_owned(), str::to_owned), origin })
    }

    /// The model, painting in `style`: what is shipped as it comes, a run's models by themselves.
    ///
    /// # Errors
    /// If a file cannot be read or is no model, or the style is not there.
    pub(super) fn model(&self, style: &str) -> Result<Candidate<'static>> {
        let hand = match &self.origin {
            Origin::Photo => Hand::Photo,
            Origin::Painter => Hand::Painter,
            Origin::Shipped => painter(&Studio::embedded()?, style, Look::default())?,
            Origin::Network => network(&Studio::embedded()?, style)?,
            Origin::Folder(folder) => {
                let bytes = |name: &str| read(&folder.join(format!("{name}.safetensors")));
                let mut studio = Studio::from_bytes(&bytes("base")?, &[])?;
                studio.add_style_as(style, &bytes(style)?)?;
                network(&studio, style)?
            }
            Origin::File(path) => {
                let mut studio = Studio::embedded()?;
                let own = studio.add_style(&read(path)?).with_context(|| path.display().to_string())?;
                network(&studio, &own)?
            }
            Origin::Paintings(folder) => {
                let hand = paintings(folder, style)?;
                return Ok(Candidate { label: self.label.clone(), hand, inputs: &[] });
            }
        };
        Ok(Candidate { label: self.label.clone(), hand, inputs: &[Input::Noise, Input::Shift] })
    }
}

fn is_of_paintings(folder: &Path) -> bool {
    folder.is_dir() && !folder.join("base.safetensors").exists() && split::pictures(folder).is_ok()
}

/// The paintings of `folder` in `style`, at the size of their photos.
fn paintings(folder: &Path, style: &str) -> Result<Hand<'static>> {
    let own = folder.join(style);
    let folder = if own.is_dir() { own } else { folder.to_owned() };
    let all = split::pictures(&folder)?.into_iter().map(|path| (split::name(&folder, &path), path));
    let (all, ending): (BTreeMap<_, _>, _) = (all.collect(), format!(".{style}"));
    Ok(Hand::Paintings(Box::new(move |name, photo| {
        let path = all.get(&format!("{name}{ending}")).or_else(|| all.get(name));
        let path = path.with_context(|| format!("there is no painting {name} in {}", folder.display()))?;
        let painting = file::picture(path)?;
        let [shape, wanted] = [&painting, photo].map(|image| image.width() as f64 / image.height() as f64);
        ensure!((shape / wanted).ln().abs() < 0.02, "{} has not the shape of its photo", path.display());
        Ok(pairs::resized(&painting, (photo.width(), photo.height())))
    })))
}

/// The network by itself: what it paints is neither laid flat nor redrawn.
fn network(studio: &Studio, style: &str) -> Result<Hand<'static>> {
    painter(studio, style, Look { flat: Flat::new(0.0)?, crisp: Crisp::new(0.0)?, ..Look::default() })
}

fn painter(studio: &Studio, style: &str, look: Look) -> Result<Hand<'static>> {
    let known: Vec<String> = studio.styles().into_iter().map(|style| style.name).collect();
    ensure!(
        known.iter().any(|name| name == style),
        "there is no style {style}: say --styles with {}",
        known.join(" or ")
    );
    // The painter of the targets paints faces as everything else.
    let painter = studio.prepare(&Look { styles: Mix::of(style), faces: Faces::Off, ..look })?;
    Ok(Hand::Network(Box::new(move |photo| painter.paint(photo, &unwatched).expect("nobody cancels"))))
}

/// A photo ready to be measured. Those of a folder `people` are portraits.
pub(super) fn picture(name: &str, path: &Path) -> Result<Picture> {
    Ok(Picture { name: name.to_owned(), photo: working(path)?, portrait: name.starts_with("people") })
}

/// A picture at the size that pairs are made at.
pub(super) fn working(path: &Path) -> Result<Image<Srgb8>> {
    Ok(pairs::at_working_size(&file::picture(path)?))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(models: &[&str]) -> Source {
        let models = models.iter().map(|&model| model.to_owned()).collect();
        Source { held_out_of: None, all: None, models, styles: Vec::new(), taste: None }
    }

    #[test]
    fn models_are_called_after_their_labels_and_runs() {
        let root = std::env::temp_dir().join(format!("kaiga-source-{}", std::process::id()));
        let export = root.join("run-7/export");
        std::fs::create_dir_all(&export).unwrap();
        let (name, bytes) = kaiga::EMBEDDED[2];
        let file = root.join(name);
        std::fs::write(&file, bytes).unwrap();
        let (folder, file) = (export.to_str().unwrap(), file.to_str().unwrap());
        let asked = source(&["photo", folder, file, &format!("mine={file}"), "us=shipped"]);
        let entries = asked.entries().unwrap();
        let labels: Vec<&str> = entries.iter().map(|entry| entry.label.as_str()).collect();
        assert_eq!(labels, ["photo", "run-7", "skyglow-2", "mine", "us"]);
        // A file's style is the one to evaluate; it paints that whatever the others paint.
        assert_eq!(asked.styles(&entries).unwrap(), ["skyglow"]);
        assert_eq!(asked.styles(&entries[..2]).unwrap(), ["meadow", "skyglow"]);
        assert!(matches!(entries[2].model("meadow").unwrap().hand, Hand::Network(_)));
        let error = |entry: &Entry, style: &str| format!("{:#}", entry.model(style).err().unwrap());
        assert!(error(&entries[4], "rain").contains("meadow or skyglow"));
        assert!(error(&entries[1], "meadow").contains("base.safetensors"));
        assert!(source(&["shipped", "shipped"]).entries().unwrap_err().to_string().contains("LABEL=PATH"));
        let paintings = root.join("old");
        std::fs::create_dir_all(paintings.join("meadow/street")).unwrap();
        for (path, level) in [("meadow/street/a.png", 10), ("a.skyglow.png", 20), ("b.png", 30)] {
            let painting = Image::<Srgb8>::filled(40, 30, [level; 3]);
            std::fs::write(
                paintings.join(path),
                pixels::codec::write(&painting, None, pixels::codec::Format::Png, 100).unwrap(),
            )
            .unwrap();
        }
        let old = &source(&[paintings.to_str().unwrap()]).entries().unwrap()[0];
        let find = |style: &str, name: &str, width| match old.model(style).unwrap().hand {
            Hand::Paintings(find) => find(name, &Image::filled(width, 60, [0; 3])).map(|p| (p.width(), p.at(3, 4)[0])),
            _ => panic!("they are paintings"),
        };
        assert_eq!((find("meadow", "street-a", 80).unwrap(), old.label.as_str()), ((80, 10), "old"));
        assert_eq!((find("skyglow", "a", 80).unwrap(), find("skyglow", "b", 80).unwrap()), ((80, 20), (80, 30)));
        assert!(find("meadow", "c", 80).is_err() && find("meadow", "street-a", 60).is_err());
        assert!(source(&["nowhere"]).entries().unwrap_err().to_string().contains("nowhere"));
        assert!(asked.taste("rain").unwrap_err().to_string().contains("--taste"));
        std::fs::remove_dir_all(root).unwrap();
    }
}
