//! A base and its styles, from model files.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use net::{Arch, Model, Style, Weights};
use tch::Device;

use crate::model::parameters::Layout;
use crate::run::step::State;
use crate::run::styles::STYLES;

/// A base and the styles that belong to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Models {
    /// The base.
    pub base: Model,
    /// The styles, in the order of their files' names.
    pub styles: Vec<Style>,
}

impl Models {
    /// Of those that come with the library the base and the styles that were [trained with it](STYLES). Styles made
    /// later over the base do not follow when it changes: they are made anew.
    ///
    /// # Errors
    /// If they are broken, which would be a bug.
    pub fn shipped() -> Result<Self> {
        let belongs =
            |name: &str| name.ends_with("base.safetensors") || STYLES.iter().any(|style| name.starts_with(style.name));
        let files = kaiga::EMBEDDED.iter().filter(|(name, _)| belongs(name));
        Self::of(files.map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())))
    }

    /// Those in `folder`, as a run exports them: the base is the file whose name ends in `base.safetensors`, and
    /// every other `.safetensors` file a style.
    ///
    /// # Errors
    /// If a file cannot be read, there is no base or no style, or one does not belong to the other.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if name.ends_with(".safetensors") {
                let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                files.push((name.to_owned(), bytes));
            }
        }
        files.sort();
        Self::of(files.into_iter()).with_context(|| format!("the models in {}", folder.display()))
    }

    fn of(files: impl Iterator<Item = (String, Vec<u8>)>) -> Result<Self> {
        let (bases, styles): (Vec<_>, Vec<_>) = files.partition(|(name, _)| name.ends_with("base.safetensors"));
        let [(name, base)] = &bases[..] else {
            anyhow::bail!("one base.safetensors is needed, {} are there", bases.len())
        };
        let base = Model::read(base).with_context(|| name.clone())?;
        let style = |(name, bytes): &(String, Vec<u8>)| -> Result<Style> {
            let style = Style::read(bytes).with_context(|| name.clone())?;
            net::merge(&base, &[(&style, 1.0)]).with_context(|| name.clone())?;
            Ok(style)
        };
        let styles = styles.iter().map(style).collect::<Result<Vec<_>>>()?;
        ensure!(!styles.is_empty(), "there is a base but no style");
        Ok(Self { base, styles })
    }

    /// Eye and drawer.
    ///
    /// # Errors
    /// If the base is of another generator.
    pub fn networks(&self) -> Result<[Arch; 2]> {
        Ok(net::light::networks(&self.base.architecture)?)
    }

    /// The weights in the first style.
    ///
    /// # Errors
    /// If the style does not belong to the base.
    pub fn weights(&self) -> Result<Weights> {
        Ok(net::merge(&self.base, &[(&self.styles[0], 1.0)])?)
    }

    /// Size of the files, bytes.
    ///
    /// # Errors
    /// If they could not be written.
    pub fn bytes(&self) -> Result<usize> {
        let styles = self.styles.iter().map(|style| Ok(style.write()?.len())).sum::<Result<usize>>()?;
        Ok(self.base.write()?.len() + styles)
    }

    /// What the names of the styles are.
    pub fn names(&self) -> Vec<&str> {
        self.styles.iter().map(|style| style.name.as_str()).collect()
    }

    /// The layout for training all of it.
    ///
    /// # Errors
    /// As [`networks`](Self::networks).
    pub fn layout(&self) -> Result<Layout> {
        Ok(Layout::whole(self.networks()?, &self.names()))
    }

    /// A state to go on training from.
    ///
    /// # Errors
    /// As [`layout`](Self::layout); also if a style's adapters have another rank than those that are trained.
    pub fn state(&self, device: Device) -> Result<State> {
        let layout = self.layout()?;
        let flat = layout.flat(&self.base.weights, &self.styles, device)?;
        Ok(State::new(layout, flat))
    }
}
