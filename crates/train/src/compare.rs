//! kaiga beside the methods that came before it, on the same photos: what each costs, what it keeps of a photo, and how it
//! looks. Methods that nobody can have trained weights of are timed with random ones.

mod cyclegan;
mod gatys;
mod measured;
mod report;
mod transfer;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use kaiga::{Imported, Look, Mix, Studio, unwatched};
use net::Tensor;
use pixels::Image;
use pixels::resize;
use pixels::space::Srgb8;
use tch::Device;

use crate::data::pairs;
use crate::feature_extractor::Features;
use crate::painter::{self, Taste};

pub use measured::{Figures, Judge, Measured, peak_bytes};
pub use report::{Row, page, sentences, table};

/// The area that every photo is brought to, px: that of the 512×512 which these methods are usually compared at.
pub const AREA_PX: usize = 512 * 512;
/// Bytes of a number in the files of the other methods.
const SINGLE: u64 = 4;

/// A way to make a painting of a photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// Neural style transfer by optimising the picture (Gatys, Ecker, Bethge 2016).
    Gatys,
    /// The generator of CycleGAN (Zhu et al. 2017) with nine residual blocks.
    CycleGan,
    /// A whitening and colouring transform of colours, smoothed by the photo's borders.
    Colours,
    /// The generator of AnimeGANv2 (Chen et al. 2020).
    AnimeGan2,
    /// A model that was brought in by `kaiga import`: its file.
    Imported(PathBuf),
    /// The painter that kaiga's network learns from.
    Painter,
    /// One of kaiga's looks.
    Look(String),
}

/// Photo in, painting of the same size out.
type Paint = Box<dyn Fn(&Image<Srgb8>) -> Result<Image<Srgb8>>>;

/// A method that is ready.
pub struct Prepared {
    paint: Paint,
    /// What a user of it has to have, bytes.
    pub model_bytes: u64,
}

impl Prepared {
    /// Paints a photo.
    ///
    /// # Errors
    /// If the method cannot paint it.
    pub fn paint(&self, photo: &Image<Srgb8>) -> Result<Image<Srgb8>> {
        (self.paint)(photo)
    }
}

impl Method {
    /// Every method that needs no file of the user's, kaiga's looks last.
    ///
    /// # Errors
    /// If the models that come with kaiga are broken, which would be a bug.
    pub fn all() -> Result<Vec<Self>> {
        let studio = Studio::embedded()?;
        let looks = studio.styles().into_iter().map(|style| Self::Look(style.name));
        let others = [Self::Gatys, Self::CycleGan, Self::Colours, Self::AnimeGan2, Self::Painter];
        Ok(others.into_iter().chain(looks).collect())
    }

    /// The method that [`Method::key`] calls so.
    ///
    /// # Errors
    /// If nothing is called so.
    pub fn named(key: &str) -> Result<Self> {
        if let Some(path) = key.strip_prefix("imported:") {
            return Ok(Self::Imported(path.into()));
        }
        let all = Self::all()?;
        let keys = || all.iter().map(Self::key).collect::<Vec<_>>().join(", ");
        all.iter()
            .find(|method| method.key() == key)
            .cloned()
            .with_context(|| format!("there is no method {key}; there are {}, and imported:FILE", keys()))
    }

    /// What it is called where it is chosen.
    pub fn key(&self) -> String {
        match self {
            Self::Gatys => "nst".into(),
            Self::CycleGan => "cyclegan".into(),
            Self::Colours => "colours".into(),
            Self::AnimeGan2 => "animegan2".into(),
            Self::Imported(path) => format!("imported:{}", path.display()),
            Self::Painter => "painter".into(),
            Self::Look(name) => name.clone(),
        }
    }

    /// What it is called in a table.
    pub fn label(&self) -> String {
        match self {
            Self::Gatys => "Neural style transfer (Gatys 2016)".into(),
            Self::CycleGan => "CycleGAN, ResNet-9 (2017)".into(),
            Self::Colours => "Whitening and colouring, smoothed (after FastPhotoStyle 2018)".into(),
            Self::AnimeGan2 => "AnimeGANv2 (2020)".into(),
            Self::Imported(path) => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                format!("Imported: {stem}")
            }
            Self::Painter => "kaiga's painter, no network".into(),
            Self::Look(name) => format!("kaiga {name}"),
        }
    }

    /// How it works, in a sentence for somebody who learns of it.
    pub fn sentence(&self) -> &'static str {
        match self {
            Self::Gatys => {
                "The picture itself is the unknown: for 300 steps its pixels are moved until a network trained on photos \
                 sees the photo's contents and the artwork's textures in it, anew for every photo."
            }
            Self::CycleGan => {
                "Two networks learn from unpaired photos and artworks to translate there and back, and what comes back must \
                 be the photo; one of them paints."
            }
            Self::Colours => {
                "The photo's colours are stretched and turned until their mean and spread are the artwork's, then smoothed \
                 where the photo is smooth; shapes and lines stay a photo's."
            }
            Self::AnimeGan2 => {
                "A network learns to paint what a second one cannot tell from frames of films, while a third watches over \
                 contents and colours."
            }
            Self::Imported(_) => "A model that was brought in with kaiga import.",
            Self::Painter => {
                "Classical operators, one after the other: regions are flattened, lit and coloured by rules, lines drawn where \
                 regions meet; nothing is learnt."
            }
            Self::Look(_) => {
                "A small network that has learnt from the painter: one part sees the whole picture and sets the mood, another \
                 chooses every pixel's colour from dabs around it."
            }
        }
    }

    /// What pictures of one of kaiga's looks look like, in a sentence; nothing of other methods.
    fn looks_like(&self) -> String {
        let Self::Look(name) = self else { return String::new() };
        let styles = Studio::embedded().map_or(Vec::new(), |studio| studio.styles());
        let style = styles.into_iter().find(|style| style.name == *name);
        style.map_or(String::new(), |style| format!("{}.", style.description.trim_end_matches('.')))
    }

    /// Why there are no pictures of it; nothing where there are.
    pub fn untrained(&self) -> Option<&'static str> {
        match self {
            Self::CycleGan => Some(
                "There are no weights here that may be used: CycleGAN was never trained on openly licensed animation. Timed \
                 with random weights.",
            ),
            Self::AnimeGan2 => Some(
                "The published weights were trained on films and are not for commercial use; none come with kaiga. Timed with \
                 random weights.",
            ),
            _ => None,
        }
    }

    /// Makes it ready: `art` is the artwork that the older methods imitate, `features` the network that sees.
    ///
    /// # Errors
    /// If a file cannot be read, or a model does not fit.
    pub fn prepare(&self, art: &Image<Srgb8>, features: &Path) -> Result<Prepared> {
        let (paint, model_bytes): (Paint, u64) = match self {
            Self::Gatys => {
                let eye = Features::load(features, Device::Cpu)?;
                let style = gatys::Style::of(&eye, &at_area(art));
                let bytes = std::fs::metadata(features)?.len();
                (Box::new(move |photo| Ok(gatys::optimise(&eye, &style, photo))), bytes)
            }
            Self::CycleGan => {
                let generator = cyclegan::Generator::random();
                let bytes = SINGLE * generator.parameters();
                (Box::new(move |photo| Ok(generator.paint(photo))), bytes)
            }
            Self::Colours => {
                let palette = transfer::Palette::of(art);
                (Box::new(move |photo| Ok(transfer::transfer(photo, &palette))), 0)
            }
            Self::AnimeGan2 => {
                let weights = random_classic()?;
                let bytes = SINGLE * weights.values().map(|tensor| tensor.data.len() as u64).sum::<u64>();
                let body = kaiga::Body::Classic { architecture: "classic-1/corners".into(), weights };
                let [name, licence, source, source_sha256] = ["animegan2", "", "random", ""].map(str::to_owned);
                (imported(Imported { name, body, licence, source, source_sha256 })?, bytes)
            }
            Self::Imported(path) => {
                let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                let model = Imported::read(&bytes).with_context(|| path.display().to_string())?;
                (imported(model)?, bytes.len() as u64)
            }
            Self::Painter => {
                let taste = Taste::meadow();
                (Box::new(move |photo| Ok(painter::paint(photo, &taste).painting)), 0)
            }
            Self::Look(name) => {
                let files = kaiga::EMBEDDED;
                let style = files[1..].iter().find(|(file, _)| file.starts_with(name.as_str()));
                let Some((_, style)) = style else { bail!("kaiga has no look {name}") };
                let bytes = (files[0].1.len() + style.len()) as u64;
                (look(Studio::embedded()?, name)?, bytes)
            }
        };
        Ok(Prepared { paint, model_bytes })
    }
}

/// A photo at the area that everything is compared at, with sides that every method takes.
pub fn at_area(photo: &Image<Srgb8>) -> Image<Srgb8> {
    let (width, height) = resize::area_size(photo.width(), photo.height(), AREA_PX);
    let [width, height] = [width, height].map(|side| (side / 4 * 4).max(64));
    pairs::resized(photo, (width, height))
}

fn look(studio: Studio, name: &str) -> Result<Paint> {
    let painter = studio.prepare(&Look { styles: Mix::of(name), ..Look::default() })?;
    Ok(Box::new(move |photo| {
        let painting = painter.paint(photo, &unwatched)?;
        ensure!(painting.width() == photo.width(), "a painting has the size of its photo");
        Ok(painting)
    }))
}

fn imported(model: Imported) -> Result<Paint> {
    let mut studio = Studio::embedded()?;
    let name = studio.add_imported(model)?;
    look(studio, &name)
}

/// Weights of the classic network, drawn by lot; factors of its norms are 1.
fn random_classic() -> Result<net::Weights> {
    let network = net::imported::network("classic-1/corners")?;
    let mut weights = crate::evaluate::cost::random(std::slice::from_ref(&network), 1)?;
    for (name, tensor) in &mut weights {
        if tensor.shape.len() == 1 && name.ends_with("weight") {
            *tensor = Tensor::new(&tensor.shape, vec![1.0; tensor.data.len()]);
        }
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(width: usize, height: usize, tint: [f64; 3]) -> Image<Srgb8> {
        Image::from_fn(width, height, |x, y| {
            let light = 120.0 + 60.0 * (x as f64 / 9.0).sin() * (y as f64 / 7.0).cos();
            tint.map(|tint| (light + tint).clamp(0.0, 255.0) as u8)
        })
    }

    #[test]
    fn every_method_is_found_by_its_key_and_says_what_it_is() {
        for method in Method::all().unwrap() {
            assert_eq!(Method::named(&method.key()).unwrap(), method);
            assert!(method.sentence().ends_with('.') && !method.label().is_empty());
        }
        assert_eq!(Method::named("imported:a/b.safetensors").unwrap().label(), "Imported: b");
        assert!(format!("{:#}", Method::named("nothing").unwrap_err()).contains("there are nst, cyclegan"));
    }

    #[test]
    fn photos_are_brought_to_one_area() {
        for (width, height) in [(768, 512), (512, 768), (2000, 300)] {
            let photo = at_area(&Image::filled(width, height, [90; 3]));
            let area = photo.width() * photo.height();
            assert!(
                area.abs_diff(AREA_PX) < AREA_PX / 50
                    && photo.width().is_multiple_of(4)
                    && photo.height().is_multiple_of(4)
            );
        }
    }

    #[test]
    fn methods_without_weights_paint_something_of_the_photos_size() {
        let (photo, art) = (wave(96, 64, [40.0, 0.0, -30.0]), wave(80, 80, [-40.0, 10.0, 50.0]));
        for method in [Method::Colours, Method::AnimeGan2, Method::CycleGan, Method::Painter] {
            let prepared = method.prepare(&art, Path::new("")).unwrap();
            let painting = prepared.paint(&photo).unwrap();
            assert_eq!((painting.width(), painting.height()), (96, 64), "{method:?}");
            assert!(painting != photo, "{method:?}");
        }
    }
}
