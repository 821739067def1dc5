//! One step of the generator against the discriminator: batch and paintings in, changed state and losses out. No file,
//! no clock, no printing.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use net::Arch;
use pixels::Image;
use pixels::space::Srgb8;
use tch::{Kind, Tensor};

use crate::data::art::crops;
use crate::data::{Half, mix};
use crate::feature_extractor::Features;
use crate::losses::{self, LossWeights};
use crate::losses::{Judged, edge_smoothed, without_grid};
use crate::model::discriminator::{self, judge};
use crate::model::torch_model::Named;
use crate::run::recipe::Adversarial;
use crate::run::step::{Inputs, LEFT, Leaf, Numbers, Part, State, mean_of, paint, side_by_side, signed};

/// Steps until the learning rates are reached; what is left of them at the end.
const WARM_UP_STEPS: f64 = 150.0;
const LAST_SHARE: f64 = 0.1;
/// Depths of the features, fine to coarse, for content (things keep their place) and for regions (their borders too).
const CONTENT: [f64; 3] = [0.0, 0.0, 1.0];
const REGIONS: [f64; 3] = [1.0, 1.0, 1.0];
/// How much the flattened painting of the painter counts beside the flattened picture itself.
const PHOTO_SHARE: f64 = 0.5;
/// How far photos are moved, and the deviation of the noise in −1..1, for consistency.
const SHIFT_PX: (f64, f64) = (0.5, 0.5);
const NOISE: f64 = 0.03;

/// Crops of paintings that the discrepancy is measured to, in so many parts.
const SEEN_AT_ONCE: usize = 32;
const SEEN: u64 = 16;

/// What takes part when the discriminator does.
#[derive(Debug)]
pub struct Opponent {
    /// Rates and weights.
    pub recipe: Adversarial,
    /// Paintings to learn from, at working size.
    pub art: Arc<Vec<Image<Srgb8>>>,
    /// The perceptual network.
    pub features: Features,
    /// What it sees in crops of the paintings ([`Features::vector`]), a row each; `None` if no loss asks for it.
    pub seen: Option<Tensor>,
}

impl Opponent {
    /// With what `features` sees in crops of `art` of `side` px.
    pub fn new(recipe: Adversarial, art: Arc<Vec<Image<Srgb8>>>, features: Features, side: usize, seed: u64) -> Self {
        let rows = |part: u64| {
            let samples = crops(&art, SEEN_AT_ONCE, side, mix(seed, part));
            let crops = signed(&samples, [SEEN_AT_ONCE, side, side], 3, features.device());
            tch::no_grad(|| features.vector(&without_grid(&crops)))
        };
        let asked = recipe.weights.discrepancy > 0.0;
        let seen = asked.then(|| Tensor::cat(&(0..SEEN).map(rows).collect::<Vec<_>>(), 0));
        Self { recipe, art, features, seen }
    }
}

/// Lets the discriminator learn to tell `art` (for every half as many crops, N×side×side×3, 8 bit) from what the
/// generator makes of the photos, then the generator to be taken for art, held by the other losses of the recipe.
/// `late` is how far this part of the run is, 0..1: learning rates rise at first, then fall with it.
///
/// # Errors
/// If a loss or a gradient is not a number: the generator is then as it was.
pub fn step(
    state: &mut State,
    batch: &[Half],
    art: &[Vec<u8>],
    opponent: &Opponent,
    painter: &LossWeights,
    late: f64,
    kind: Kind,
) -> Result<Numbers> {
    ensure!(
        state.discriminator.is_some() && art.len() == batch.len(),
        "an adversarial step needs a discriminator and paintings"
    );
    let recipe = &opponent.recipe;
    let judged = state.discriminator.as_ref().map_or(0, |judge| judge.weights.step / recipe.discriminator_steps as u64);
    let warm = ((judged + 1) as f64 / WARM_UP_STEPS).min(1.0);
    let share = warm * (1.0 - (1.0 - LAST_SHARE) * late.clamp(0.0, 1.0));

    let archs = &state.layout.archs.clone();
    let jobs = batch.iter().zip(art).map(|(half, art)| (half, art, Leaf::of(state, half.style))).collect();
    let scenes = side_by_side(jobs, |(half, art, leaf): (&Half, &Vec<u8>, Leaf)| {
        let device = leaf.flat.device();
        let inputs = Inputs::of(half, device);
        let painted = paint(archs, &leaf.named, &inputs.photo, &inputs.thumbnail, kind);
        let rgb = losses::rgb_from_ycc(&losses::inked(&painted));
        let art = signed(art, [half.count, half.side, half.side], 3, device).contiguous();
        Scene { leaf, inputs, painted, rgb, art }
    });

    let (mut scenes, mut seen) = (scenes, Numbers::default());
    for _ in 0..recipe.discriminator_steps {
        (scenes, seen) = discriminate(state, scenes, recipe, share * recipe.discriminator_rate, kind)?;
    }
    let judge = state.discriminator.as_ref().expect("it was there a moment ago");
    let mut recipe = *recipe;
    if judged < recipe.head_start {
        recipe.weights.adversarial = 0.0;
    }
    let jobs = scenes
        .into_iter()
        .map(|scene| {
            let judge = judge.normalised(&judge.weights.flat.detach());
            let seen = opponent.seen.as_ref().map(Tensor::shallow_clone);
            (scene, judge, opponent.features.shallow_clone(), seen)
        })
        .collect();
    let parts = side_by_side(jobs, |(scene, judge, features, seen): (Scene, Named, Features, Option<Tensor>)| {
        let losses = scene.losses(&judge, &features, seen.as_ref(), &recipe, painter, archs, kind);
        let total = losses.iter().map(|(_, weight, loss)| loss * *weight).reduce(|a, b| a + b);
        let total = total.unwrap_or_else(|| Tensor::zeros([], (Kind::Float, scene.rgb.device())));
        let gradient = Tensor::run_backward(&[&total], &[&scene.leaf.flat], false, false).remove(0);
        let mut scalars = vec![("total", total)];
        scalars.extend(losses.into_iter().map(|(name, _, loss)| (name, loss)));
        (scalars, gradient)
    });
    let (mut numbers, gradient) = mean_of(parts);
    let norm = state.learn(&gradient, &numbers, share * recipe.rate)?;
    numbers.0.push(("gradient_norm", norm));
    numbers.0.extend(seen.0);
    Ok(numbers)
}

/// One half of a batch and what the generator made of it.
struct Scene {
    leaf: Leaf,
    inputs: Inputs,
    /// Y, Cb, Cr and ink.
    painted: Tensor,
    /// The picture, RGB about −1..1.
    rgb: Tensor,
    art: Tensor,
}

fn discriminate(
    state: &mut State,
    scenes: Vec<Scene>,
    recipe: &Adversarial,
    rate: f64,
    kind: Kind,
) -> Result<(Vec<Scene>, Numbers)> {
    let discriminator = state.discriminator.as_mut().expect("an adversarial step has one");
    let jobs = scenes
        .into_iter()
        .map(|scene| {
            let leaf = discriminator.weights.flat.detach().set_requires_grad(true);
            let named = discriminator.normalised(&leaf);
            (scene, leaf, named)
        })
        .collect();
    let (scenes, parts): (Vec<_>, Vec<Part>) = side_by_side(jobs, |(scene, leaf, named): (Scene, Tensor, Named)| {
        // All four kinds in one pass.
        let kinds = [&scene.art, &scene.rgb.detach(), &losses::grey(&scene.art), &edge_smoothed(&scene.art)];
        let logits = judge(&named, &Tensor::cat(&kinds, 0), kind).chunk(4, 0);
        let [anime, generated, grey, smoothed] = <[Tensor; 4]>::try_from(logits).expect("four kinds");
        let logits = Judged { anime, generated, grey, smoothed };
        let loss = recipe.loss.rule().discriminator(&logits, &recipe.seen());
        let gradient = Tensor::run_backward(&[&loss], &[&leaf], false, false).remove(0);
        (scene, (vec![("discriminator", loss)], gradient))
    })
    .into_iter()
    .unzip();
    let (numbers, gradient) = mean_of(parts);
    let norm = discriminator.learn(&gradient, rate);
    if !norm.is_finite() {
        bail!("step {}: the discriminator's gradient is {norm}; {LEFT}", state.weights.step + 1);
    }
    Ok((scenes, numbers))
}

impl Scene {
    /// What the generator listens to: name, weight, loss. Losses of weight 0 are not computed.
    fn losses(
        &self,
        judge: &Named,
        features: &Features,
        art_seen: Option<&Tensor>,
        recipe: &Adversarial,
        painter: &LossWeights,
        archs: &[Arch; 2],
        kind: Kind,
    ) -> Vec<(&'static str, f64, Tensor)> {
        let (w, rgb, painting) = (&recipe.weights, &self.rgb, &self.inputs.painting);
        let mut all = vec![];
        let mut add = |name, weight: f64, loss: &dyn Fn() -> Tensor| {
            if weight > 0.0 {
                all.push((name, weight, loss()));
            }
        };
        // In f32: on a processor the way back through these is slower in bf16.
        let seen = |x: &Tensor| features.taps(x, Kind::Float);
        let still = |x: &Tensor| tch::no_grad(|| seen(x));
        add("painter", w.painter, &|| losses::losses(&self.painted, painting, &self.inputs.ink, painter).total);
        add("adversarial", w.adversarial, &|| recipe.loss.rule().generator(&discriminator::judge(judge, rgb, kind)));
        add("colour", w.colour, &|| losses::ab_colour(painting, rgb));
        add("yuv", w.yuv, &|| losses::yuv_colour(painting, rgb));
        add("total_variation", w.total_variation, &|| losses::total_variation(rgb));
        if w.content + w.regions > 0.0 {
            let taps = seen(rgb);
            add("content", w.content, &|| losses::content(&taps, &still(painting), &CONTENT));
            add("regions", w.regions, &|| {
                let flat = [rgb, painting].map(|x| still(&losses::flattened(x)));
                losses::region_smoothing(&taps, &flat[0], &flat[1], &REGIONS, PHOTO_SHARE)
            });
        }
        let gram: f64 = w.gram.iter().sum();
        add("gram", f64::from(gram > 0.0), &|| {
            let (ours, theirs) = (seen(&losses::grey(rgb)), still(&losses::grey(&self.art)));
            losses::gram(&ours, &theirs, &w.gram)
        });
        if let Some(art_seen) = art_seen {
            add("discrepancy", w.discrepancy, &|| {
                losses::discrepancy(&features.vector(&losses::without_grid(rgb)), art_seen)
            });
        }
        add("consistency", w.consistency, &|| self.consistency(archs, kind));
        all
    }

    /// How much the first half of the pictures changes when their photos are moved and noisy.
    fn consistency(&self, archs: &[Arch; 2], kind: Kind) -> Tensor {
        let count = (self.rgb.size()[0] / 2).max(1);
        let part = |x: &Tensor| x.narrow(0, 0, count);
        let (dx, dy) = SHIFT_PX;
        let photo = losses::shifted(&part(&self.inputs.photo), dx, dy).replication_pad2d([1, 1, 1, 1]);
        let photo = (&photo + photo.randn_like() * NOISE).clamp(-1.0, 1.0);
        let painted = paint(archs, &self.leaf.named, &photo, &part(&self.inputs.thumbnail), kind);
        let moved = losses::rgb_from_ycc(&losses::inked(&painted));
        losses::consistency(&part(&self.rgb).detach(), &moved, dx, dy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{BatchShape, batch, tests::synthetic};
    use crate::feature_extractor::tests::real;
    use crate::model::discriminator::Discriminator;
    use crate::model::parameters::Layout;
    use crate::run::recipe::Recipe;
    use tch::Device;

    #[test]
    fn the_discriminator_learns_and_only_what_counts_is_computed() {
        let mut recipe = Recipe::parse("").unwrap().adversarial;
        recipe.head_start = 2;
        (recipe.weights.content, recipe.weights.yuv, recipe.weights.total_variation) = (0.0, 1.0, 1.0);
        let opponent = Opponent { recipe, art: Vec::new().into(), features: real(), seen: None };
        let layout = Layout::light(&["a"]);
        let flat = layout.start(1, Device::Cpu);
        let mut state = State::new(layout, flat);
        state.discriminator = Some(Discriminator::new(1, Device::Cpu));
        let pairs = [synthetic(1), synthetic(2)];
        let shape = BatchShape { samples: 2, side: 32, degrade: false };
        let mut seen = vec![];
        for i in 0..40 {
            let halves = batch(&pairs, &[0, 0], shape, 1, i);
            // Stripes are easily told from the soft waves of the photos.
            let stripes =
                |half: &Half| half.painting.iter().enumerate().map(|(i, _)| (i / 12 % 2 * 255) as u8).collect();
            let art: Vec<Vec<u8>> = halves.iter().map(stripes).collect();
            let painter = LossWeights::default();
            seen.push(step(&mut state, &halves, &art, &opponent, &painter, 0.0, Kind::Float).unwrap());
        }
        let loss = |numbers: &Numbers| numbers.get("discriminator");
        assert!(loss(&seen[39]) < 0.8 * loss(&seen[0]), "{} → {}", loss(&seen[0]), loss(&seen[39]));
        assert!(seen[0].get("adversarial").is_nan() && seen[5].get("adversarial").is_finite());
        assert!(seen[0].get("content").is_nan() && seen[0].get("yuv").is_finite());
        for name in ["painter", "colour", "gram", "regions", "consistency", "total_variation"] {
            assert!(seen[0].get(name).is_finite(), "{name}");
        }
    }
}
