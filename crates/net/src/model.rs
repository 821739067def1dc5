//! What a model file is: a *base* holds an architecture's whole weights, shared by all styles; a *style* holds the
//! few tensors that differ.
//!
//! A style's tensor either replaces the base's tensor of that name and shape (in practice the heads and the eye's
//! last words: `luma_head.*`, `chroma_head.*`, `eye.say.*`), or is half of a low-rank adapter of a convolution
//! (Hu et al. 2021): `NAME.lora_up` (cout × r) and `NAME.lora_down` (r × cin/groups·kernel·kernel), by which
//! `NAME.weight` becomes `NAME.weight + up·down`.

use std::collections::BTreeMap;

use crate::arch::Arch;
use crate::error::{Error, fail};
use crate::medium::{Medium, medium};
use crate::weights::{Metadata, Tensor, Weights, check, read, write};
use crate::{classic, landmarks, light, mtcnn, person};

const KIND: &str = "kaiga.kind";
const ARCHITECTURE: &str = "kaiga.architecture";
const NAME: &str = "kaiga.name";
const DESCRIPTION: &str = "kaiga.description";
const TAGS: &str = "kaiga.tags";
/// A [`Medium`]; colour, if the file does not say.
const MEDIUM: &str = "kaiga.medium";
/// Where a model file says whom it credits.
pub const CREDIT: &str = "kaiga.credit";

/// The networks of an architecture, by the name model files use: [`light::NAME`] is eye and drawer, and so are its
/// pruned forms, see [`light::networks`]; `classic-1` and `classic-1/corners` are one generator each; `faces-1` is the cascade
/// that finds faces, see [`mtcnn`]; `landmarks-1` says where their parts are, see [`landmarks`];
/// `person-1` tells a person from what is behind, see [`person`].
///
/// # Errors
/// [`ErrorKind::File`](crate::ErrorKind::File) for a name this version does not know.
pub fn architecture(name: &str) -> Result<Vec<Arch>, Error> {
    match name {
        "classic-1" => Ok(vec![classic::generator(false)]),
        "classic-1/corners" => Ok(vec![classic::generator(true)]),
        mtcnn::NAME => Ok(vec![mtcnn::propose(), mtcnn::refine(), mtcnn::output()]),
        landmarks::NAME => Ok(vec![landmarks::face(), landmarks::eye()]),
        person::NAME => Ok(vec![person::person()]),
        _ if name.split('/').next() == Some(light::NAME) => Ok(light::networks(name)?.into()),
        _ => fail!(
            File,
            "the architecture {name} is unknown; this version runs {}, classic-1, classic-1/corners, {}, {}, {}",
            light::NAME,
            mtcnn::NAME,
            landmarks::NAME,
            person::NAME
        ),
    }
}

/// A base model: the name of an architecture and every tensor of its networks.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// As [`architecture`] knows it.
    pub architecture: String,
    /// Every tensor of every network of the architecture.
    pub weights: Weights,
    /// What else the file says: licence, training run, data.
    pub notes: Metadata,
}

/// A style: what it is called and the tensors in which it differs from its base.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Style {
    /// Short name, as it is typed: `meadow`.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// What people look for: `宫崎骏风`.
    pub tags: Vec<String>,
    /// What it is drawn with.
    pub medium: Medium,
    /// Whose paintings it learnt from and must be named where the style is handed on; empty if nobody must.
    pub credit: String,
    /// The architecture of the base it belongs to.
    pub architecture: String,
    /// Replacements and halves of adapters, see the [module](self).
    pub tensors: Weights,
    /// What else the file says.
    pub notes: Metadata,
}

impl Model {
    /// Reads a base file.
    ///
    /// # Errors
    /// As [`read`]; also where the file is a style or a tensor of the architecture is missing or misshapen.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let (weights, mut notes) = read(bytes)?;
        kind_is(&mut notes, "base")?;
        let architecture = take(&mut notes, ARCHITECTURE)?;
        let model = Self { architecture, weights, notes };
        model.check()?;
        Ok(model)
    }

    /// Writes a base file in half precision; the same model makes the same bytes.
    ///
    /// # Errors
    /// As [`write()`]; also where a tensor of the architecture is missing or misshapen.
    pub fn write(&self) -> Result<Vec<u8>, Error> {
        self.check()?;
        let mut words = self.notes.clone();
        words.extend([entry(KIND, "base"), entry(ARCHITECTURE, &self.architecture)]);
        write(&self.weights, &words)
    }

    fn check(&self) -> Result<(), Error> {
        architecture(&self.architecture)?.iter().try_for_each(|arch| check(arch, &self.weights))
    }
}

impl Style {
    /// Reads a style file. Whether its tensors fit a base is seen when they are [merged](merge).
    ///
    /// # Errors
    /// As [`read`]; also where the file is a base, says no name or is drawn with what this version does not know.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let (tensors, mut notes) = read(bytes)?;
        kind_is(&mut notes, "style")?;
        let tags = notes.remove(TAGS).unwrap_or_default();
        let medium = notes.remove(MEDIUM).map_or(Ok(Medium::default()), |name| name.parse())?;
        Ok(Self {
            medium,
            name: take(&mut notes, NAME)?,
            description: notes.remove(DESCRIPTION).unwrap_or_default(),
            tags: tags.lines().map(str::to_owned).collect(),
            credit: notes.remove(CREDIT).unwrap_or_default(),
            architecture: take(&mut notes, ARCHITECTURE)?,
            tensors,
            notes,
        })
    }

    /// Writes a style file in half precision; the same style makes the same bytes.
    ///
    /// # Errors
    /// As [`write()`].
    pub fn write(&self) -> Result<Vec<u8>, Error> {
        let mut words = self.notes.clone();
        words.extend([
            entry(KIND, "style"),
            entry(ARCHITECTURE, &self.architecture),
            entry(NAME, &self.name),
            entry(DESCRIPTION, &self.description),
            entry(TAGS, &self.tags.join("\n")),
        ]);
        if !self.credit.is_empty() {
            words.extend([entry(CREDIT, &self.credit)]);
        }
        if self.medium != Medium::default() {
            words.extend([entry(MEDIUM, self.medium.name())]);
        }
        write(&self.tensors, &words)
    }
}

fn entry(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

fn take(notes: &mut BTreeMap<String, String>, key: &str) -> Result<String, Error> {
    match notes.remove(key) {
        Some(value) => Ok(value),
        None => fail!(File, "the file does not say its {key}: it is no model of this program"),
    }
}

fn kind_is(notes: &mut BTreeMap<String, String>, wanted: &str) -> Result<(), Error> {
    let kind = take(notes, KIND)?;
    if kind != wanted {
        fail!(File, "this is a {kind} file, a {wanted} file is needed");
    }
    Ok(())
}

/// The weights of `base` in a mixture of styles. The mixture's weights are ≥ 0 and are scaled to the sum 1; without
/// styles the base comes back as it is. Replacements are averaged (a style that leaves a tensor alone counts with
/// the base's), low-rank changes are added with the style's weight.
///
/// # Errors
/// [`ErrorKind::Style`](crate::ErrorKind::Style) where a style belongs to another architecture, its weight is
/// negative or all are zero, a tensor does not fit the base, or they are drawn with different things, see [`medium`].
pub fn merge(base: &Model, styles: &[(&Style, f32)]) -> Result<Weights, Error> {
    let mut merged = base.weights.clone();
    if let Some((style, weight)) = styles.iter().find(|(_, weight)| !weight.is_finite() || *weight < 0.0) {
        fail!(Style, "the weight of style {} is {weight}; weights are 0 or more", style.name);
    }
    let sum: f32 = styles.iter().map(|(_, weight)| weight).sum();
    if styles.is_empty() {
        return Ok(merged);
    }
    if sum <= 0.0 {
        fail!(Style, "a mixture of styles needs a weight above 0");
    }
    medium(styles)?;
    for (style, weight) in styles {
        if style.architecture != base.architecture {
            fail!(Style, "style {} is for {}, the base is {}", style.name, style.architecture, base.architecture);
        }
        let share = weight / sum;
        for (name, tensor) in &style.tensors {
            if let Some(convolution) = name.strip_suffix(".lora_up") {
                adapt(&mut merged, style, convolution, tensor, share)?;
            } else if name
                .strip_suffix(".lora_down")
                .is_some_and(|c| style.tensors.contains_key(&format!("{c}.lora_up")))
            {
                continue;
            } else {
                replace(&mut merged, base, style, name, tensor, share)?;
            }
        }
    }
    Ok(merged)
}

/// Adds `share · (replacement − base)`; with shares of sum 1 that is the average.
fn replace(
    merged: &mut Weights,
    base: &Model,
    style: &Style,
    name: &str,
    tensor: &Tensor,
    share: f32,
) -> Result<(), Error> {
    let (Some(sum), Some(old)) = (merged.get_mut(name), base.weights.get(name)) else {
        fail!(Style, "style {} brings {name}, which the base does not have", style.name);
    };
    if old.shape != tensor.shape {
        fail!(Style, "style {}: {name} is {:?}, the base has {:?}", style.name, tensor.shape, old.shape);
    }
    if share == 1.0 && *sum == *old {
        // One style alone: exactly its numbers, without rounding on the way.
        sum.data.clone_from(&tensor.data);
        return Ok(());
    }
    for ((sum, new), old) in sum.data.iter_mut().zip(&tensor.data).zip(&old.data) {
        *sum += share * (new - old);
    }
    Ok(())
}

/// Adds `share · up·down` to the weight of a convolution.
fn adapt(merged: &mut Weights, style: &Style, name: &str, up: &Tensor, share: f32) -> Result<(), Error> {
    let (down_name, weight_name) = (format!("{name}.lora_down"), format!("{name}.weight"));
    let Some(down) = style.tensors.get(&down_name) else {
        fail!(Style, "style {} brings {name}.lora_up without {down_name}", style.name);
    };
    let Some(weight) = merged.get_mut(&weight_name) else {
        fail!(Style, "style {} adapts {weight_name}, which the base does not have", style.name);
    };
    let rows = weight.shape[0];
    let columns = weight.data.len() / rows.max(1);
    let rank = down.shape.first().copied().unwrap_or(0);
    if up.shape != [rows, rank] || down.shape != [rank, columns] {
        fail!(
            Style,
            "style {}: {name} takes adapters of [{rows}, r] and [r, {columns}], got {:?} and {:?}",
            style.name,
            up.shape,
            down.shape
        );
    }
    for row in 0..rows {
        for r in 0..rank {
            let factor = share * up.data[row * rank + r];
            let sums = &mut weight.data[row * columns..][..columns];
            sums.iter_mut().zip(&down.data[r * columns..]).for_each(|(sum, down)| *sum += factor * down);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, parameters};

    fn base() -> Model {
        let mut weights = Weights::new();
        for arch in architecture(light::NAME).unwrap() {
            for (name, shape) in parameters(&arch).unwrap() {
                let data = (0..shape.iter().product()).map(|i: usize| (i % 7) as f32 * 0.25 - 0.5).collect();
                weights.insert(name, Tensor::new(&shape, data));
            }
        }
        let notes = Metadata::from([("licence".to_owned(), "CC0".to_owned())]);
        Model { architecture: light::NAME.to_owned(), weights, notes }
    }

    fn style(tensors: &[(&str, Tensor)]) -> Style {
        Style {
            name: "meadow".to_owned(),
            tags: vec!["宫崎骏风".to_owned(), "green".to_owned()],
            credit: "A. Painter, CC-BY 4.0".to_owned(),
            architecture: light::NAME.to_owned(),
            tensors: tensors.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).collect(),
            ..Style::default()
        }
    }

    fn refused(style: &Style, weight: f32) -> String {
        let error = merge(&base(), &[(style, weight)]).expect_err("it does not fit");
        assert_eq!(error.kind(), ErrorKind::Style);
        error.to_string()
    }

    #[test]
    fn files_come_back_as_they_were_and_know_what_they_are() {
        let base = base();
        let style = style(&[("luma_head.bias", Tensor::new(&[52], vec![0.5; 52]))]);
        assert_eq!(Model::read(&base.write().unwrap()), Ok(base.clone()));
        assert_eq!(Style::read(&style.write().unwrap()), Ok(style.clone()));
        assert_eq!(Style::read(&base.write().unwrap()).unwrap_err().kind(), ErrorKind::File);
        let mut broken = base.clone();
        broken.weights.remove("stem.bias");
        assert!(broken.write().unwrap_err().to_string().contains("stem.bias"));
    }

    #[test]
    fn styles_mix_by_their_weights() {
        let base = base();
        let one = style(&[("chroma_head.bias", Tensor::new(&[8], vec![1.0; 8]))]);
        let none = style(&[]);
        assert_eq!(merge(&base, &[]).unwrap(), base.weights);
        assert_eq!(merge(&base, &[(&none, 0.3)]).unwrap(), base.weights);
        assert_eq!(merge(&base, &[(&one, 0.3)]).unwrap()["chroma_head.bias"].data, vec![1.0; 8]);
        // Three parts of the new to one of the base: 0.75 · 1 + 0.25 · (−0.5).
        let mixed = merge(&base, &[(&one, 3.0), (&none, 1.0)]).unwrap();
        assert_eq!(mixed["chroma_head.bias"].data[0], 0.625);
        assert_eq!(mixed["stem.weight"], base.weights["stem.weight"]);
    }

    #[test]
    fn what_a_style_is_drawn_with_is_kept_and_not_mixed() {
        let colour = style(&[]);
        let manga = Style { name: "manga".to_owned(), medium: Medium::Screentone, ..style(&[]) };
        let bytes = manga.write().unwrap();
        assert_eq!(Style::read(&bytes), Ok(manga.clone()));
        assert!(!colour.write().unwrap().windows(MEDIUM.len()).any(|words| words == MEDIUM.as_bytes()));
        let at = bytes.windows(10).position(|words| words == b"screentone").unwrap();
        let newer = [&bytes[..at], b"watercolor", &bytes[at + 10..]].concat();
        let error = Style::read(&newer).expect_err("there is no such medium");
        assert_eq!(error.kind(), ErrorKind::File);
        assert!(error.to_string().contains("\"watercolor\"; this version knows colour, screentone"), "{error}");

        let base = base();
        let error = merge(&base, &[(&colour, 0.5), (&manga, 0.5)]).expect_err("a mean of colours and tones");
        assert_eq!(error.kind(), ErrorKind::Style);
        assert!(error.to_string().contains("meadow is drawn in colour, manga in screentone"), "{error}");
        assert!(merge(&base, &[(&colour, 1.0), (&manga, 0.0)]).is_ok());
        assert_eq!(medium(&[(&manga, 1.0), (&manga, 2.0)]), Ok(Medium::Screentone));
    }

    #[test]
    fn a_low_rank_change_is_the_product_of_its_halves() {
        let base = base();
        let up = Tensor::new(&[32, 1], (0..32).map(|i| i as f32).collect());
        let down = Tensor::new(&[1, 108], (0..108).map(|i| (i % 4) as f32).collect());
        let adapted = style(&[("stem.lora_up", up), ("stem.lora_down", down)]);
        let merged = merge(&base, &[(&adapted, 1.0), (&style(&[]), 1.0)]).unwrap();
        let change = |row: usize, column: usize| {
            let at = row * 108 + column;
            merged["stem.weight"].data[at] - base.weights["stem.weight"].data[at]
        };
        assert_eq!((change(0, 3), change(2, 3), change(4, 5)), (0.0, 0.5 * 2.0 * 3.0, 0.5 * 4.0 * 1.0));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let bias = Tensor::new(&[8], vec![1.0; 8]);
        assert!(refused(&style(&[("nothing.bias", bias.clone())]), 1.0).contains("nothing.bias"));
        assert!(refused(&style(&[("luma_head.bias", bias.clone())]), 1.0).contains("[52]"));
        assert!(refused(&style(&[("stem.lora_up", Tensor::new(&[32, 1], vec![0.0; 32]))]), 1.0).contains("lora_down"));
        assert!(refused(&style(&[]), -1.0).contains("0 or more"));
        assert!(refused(&style(&[]), 0.0).contains("above 0"));
        let other = Style { architecture: "classic-1".to_owned(), ..style(&[]) };
        assert!(refused(&other, 1.0).contains("classic-1"));
    }
}
