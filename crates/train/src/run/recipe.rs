//! What a training run is made of, as a TOML file says it. `recipes/own.toml` holds every value with its default and
//! what it is for.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::losses::LossWeights;
use crate::losses::{Adversarial as Rule, Judged};

/// The recipe of styles made by users, with comments.
pub const OWN: &str = include_str!("../../recipes/own.toml");

/// A recipe for a style.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What the style's file says of it.
    pub style: Words,
    /// How large the style is and where it starts.
    pub adapter: Adapter,
    /// What is painted on the photos.
    pub target: Target,
    /// How the painter is learnt.
    pub distil: Distil,
    /// How the paintings are.
    pub adversarial: Adversarial,
}

/// What a style's file says of it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// One line for people.
    pub description: String,
    /// What people look for.
    pub tags: Vec<String>,
    /// Who must be named.
    pub credit: String,
    /// What it is drawn with: that of the style it starts from.
    #[serde(skip)]
    pub medium: net::Medium,
}

impl Words {
    /// What the file of `style` says.
    pub fn of(style: &net::Style) -> Self {
        let net::Style { description, tags, credit, medium, .. } = style;
        Self { description: description.clone(), tags: tags.clone(), credit: credit.clone(), medium: *medium }
    }
}

/// How large a style is and where it starts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// Columns of the low-rank adapters.
    pub rank: usize,
    /// A shipped style, or a file of one.
    pub start: String,
}

/// What is painted on the photos.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// A taste of the painter.
    pub taste: String,
    /// How far its colours go towards those of the paintings, 0..1.
    pub palette: f32,
}

/// How the painter is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distil {
    /// Highest learning rate.
    pub rate: f64,
    /// [`LossWeights::colour`].
    pub colour: f64,
    /// [`LossWeights::gradients`].
    pub gradients: [f64; 3],
    /// [`LossWeights::ab`].
    pub ab: f64,
    /// [`LossWeights::ink`].
    pub ink: f64,
}

/// How the paintings are learnt.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adversarial {
    /// Share of the run, at its end.
    pub share: f64,
    /// Learning rate of the generator.
    pub rate: f64,
    /// Learning rate of the discriminator.
    pub discriminator_rate: f64,
    /// Steps of the discriminator for each of the generator's.
    pub discriminator_steps: usize,
    /// Steps before the generator listens to the discriminator.
    pub head_start: u64,
    /// The adversarial loss.
    pub loss: Kind,
    /// Weight of paintings in the discriminator's loss.
    pub painted: f64,
    /// Weight of what the generator makes.
    pub generated: f64,
    /// Weight of paintings in grey.
    pub grey: f64,
    /// Weight of paintings with blurred edges.
    pub blurred: f64,
    /// What the generator listens to.
    pub weights: Weights,
}

/// Adversarial losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Least squares (Mao et al. 2017).
    Lsgan,
    /// Hinge (Lim, Ye 2017).
    Hinge,
}

/// What the generator listens to, see `recipes/own.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the recipe says what each is")]
pub struct Weights {
    pub painter: f64,
    pub adversarial: f64,
    pub content: f64,
    pub colour: f64,
    pub yuv: f64,
    pub gram: [f64; 3],
    pub discrepancy: f64,
    pub regions: f64,
    pub total_variation: f64,
    pub consistency: f64,
}

impl Kind {
    /// The loss.
    pub fn rule(self) -> Rule {
        match self {
            Self::Lsgan => Rule::default(),
            Self::Hinge => Rule::Hinge,
        }
    }
}

impl Adversarial {
    /// How much each kind of picture counts that the discriminator sees.
    pub fn seen(&self) -> Judged<f64> {
        Judged { anime: self.painted, generated: self.generated, grey: self.grey, smoothed: self.blurred }
    }
}

impl Distil {
    /// The weights of the losses.
    pub fn losses(&self) -> LossWeights {
        LossWeights { colour: self.colour, gradients: self.gradients, ab: self.ab, ink: self.ink }
    }
}

impl Recipe {
    /// Reads a recipe; values that are left out are those of [`OWN`].
    ///
    /// # Errors
    /// If the file cannot be read, is no TOML, or has a key or a value there is no place for.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no recipe", path.display()))
    }

    /// The recipe in `text`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str) -> Result<Self> {
        let mut all: toml::Table = OWN.parse().context("the embedded recipe")?;
        lay_over(&mut all, text.parse::<toml::Table>()?, "")?;
        let recipe: Self = all.try_into()?;
        recipe.check()?;
        Ok(recipe)
    }

    fn check(&self) -> Result<()> {
        let Self { adapter, target, distil, adversarial, .. } = self;
        ensure!((0.0..=1.0).contains(&target.palette), "target.palette is {}: 0 to 1 are possible", target.palette);
        ensure!((1..=16).contains(&adapter.rank), "adapter.rank is {}: 1 to 16 are possible", adapter.rank);
        let share = adversarial.share;
        ensure!((0.0..=1.0).contains(&share), "adversarial.share is {share}: a share is 0 to 1");
        ensure!(adversarial.discriminator_steps > 0, "adversarial.discriminator_steps must be at least 1");
        let w = &adversarial.weights;
        let rates = [distil.rate, adversarial.rate, adversarial.discriminator_rate];
        ensure!(rates.iter().all(|&rate| rate > 0.0 && rate < 0.1), "learning rates are above 0 and below 0.1");
        let weights = [
            distil.colour,
            distil.ab,
            distil.ink,
            w.painter,
            w.adversarial,
            w.content,
            w.colour,
            w.yuv,
            w.discrepancy,
            w.regions,
            w.total_variation,
            w.consistency,
            adversarial.painted,
            adversarial.generated,
            adversarial.grey,
            adversarial.blurred,
        ];
        let mut weights = weights.iter().chain(&w.gram).chain(&distil.gradients);
        ensure!(weights.all(|&w| w.is_finite() && w >= 0.0), "the weight of a loss is 0 or more");
        Ok(())
    }
}

/// Puts the values of `over` in the place of those of `under`, table by table.
fn lay_over(under: &mut toml::Table, over: toml::Table, path: &str) -> Result<()> {
    for (key, value) in over {
        let name = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (under.get_mut(&key), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => lay_over(under, over, &name)?,
            (Some(old), value) => *old = value,
            (None, _) => {
                let known: Vec<&str> = under.keys().map(String::as_str).collect();
                bail!("there is no {name}; known here: {}", known.join(", "));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_the_default() {
        let own = Recipe::parse("").unwrap();
        assert_eq!(own, Recipe::parse(OWN).unwrap());
        let changed = Recipe::parse("[adversarial.weights]\nadversarial = 0.7").unwrap();
        assert_eq!(changed.adversarial.weights.adversarial, 0.7);
        assert_eq!(changed.adversarial.weights.painter, own.adversarial.weights.painter);
    }

    #[test]
    fn every_recipe_that_is_here_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
        let read = std::fs::read_dir(folder).unwrap().map(|entry| Recipe::read(&entry.unwrap().path()).unwrap());
        assert!(read.count() >= 1);
    }

    #[test]
    fn mistakes_are_named() {
        let refused = |text: &str| format!("{:#}", Recipe::parse(text).unwrap_err());
        assert!(refused("[distil]\nrtae = 1.0").contains("no distil.rtae; known here: ab, colour"));
        assert!(refused("[adversarial]\nloss = \"wgan\"").contains("lsgan"));
        assert!(refused("[adversarial]\nshare = 3.0").contains("0 to 1"));
        assert!(refused("[adapter]\nrank = 0").contains("1 to 16"));
        assert!(refused("[adversarial.weights]\ngram = [1.0]").contains("gram"));
        assert!(refused("[adversarial.weights]\ncolour = -1.0").contains("0 or more"));
        assert!(refused("[distil\n").contains("line 1"));
    }
}
