//! Everything that is trained, as one flat vector with a table of contents: the shared weights, and for every
//! style its own heads and the low-rank adapters it lays over the drawer (Hu et al. 2021, LoRA). Of one style alone
//! the shared weights are frozen: they take part, but not in the vector.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use net::{Arch, Model, Op, Style, Weights};
use tch::{Device, Kind, Tensor};

use crate::model::torch_model::{Named, named, tensor};

/// Columns of the adapters of styles that are trained together with what they adapt.
const RANK: usize = 8;
/// Convolutions that every style has for itself.
const OWN: [&str; 3] = ["luma_head", "chroma_head", "eye.say"];
/// Convolutions with so few weights belong to a style whose base is frozen: those over single channels, the first ones.
const SMALL: i64 = 3500;
/// Residual branches start quiet, so that a deep network starts near the identity.
const PROJECT_SCALE: f32 = 0.3;
/// Ink logits start here: hardly any ink.
const INK_LOGIT: f32 = -3.0;

/// One entry of the table of contents.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// `stem.weight`, or with its style in front: `meadow/luma_head.weight`.
    pub name: String,
    /// Sizes, outermost first.
    pub shape: Vec<i64>,
}

impl Slot {
    fn len(&self) -> i64 {
        self.shape.iter().product()
    }
}

/// The parts of `flat` by the names of `slots`. One cut, so that its gradient is one concatenation.
pub(crate) fn views(slots: &[Slot], flat: &Tensor) -> Named {
    let sizes: Vec<i64> = slots.iter().map(Slot::len).collect();
    let parts = flat.split_with_sizes(sizes.as_slice(), 0);
    slots.iter().zip(parts).map(|(slot, part)| (slot.name.clone(), part.view(slot.shape.as_slice()))).collect()
}

/// What is in the flat vector.
#[derive(Debug)]
pub struct Layout {
    /// The eye, then the drawer.
    pub archs: [Arch; 2],
    /// The styles by name.
    pub styles: Vec<String>,
    /// Entries in the order of the flat vector.
    pub slots: Vec<Slot>,
    /// Shared weights that stay as they are.
    frozen: Named,
}

impl Layout {
    /// The light generator with `styles`, all of it to be trained.
    pub fn light(styles: &[&str]) -> Self {
        Self::whole([net::light::eye(), net::light::drawer()], styles)
    }

    /// Eye and drawer `archs`, maybe [pruned](net::light::networks), with `styles`, all of it to be trained.
    pub fn whole(archs: [Arch; 2], styles: &[&str]) -> Self {
        let mut slots = Vec::new();
        for conv in convolutions(&archs).iter().filter(|conv| !conv.own()) {
            slots.extend(conv.slots(""));
        }
        for style in styles {
            slots.extend(style_slots(&archs, style, RANK, Convolution::own));
        }
        Self { archs, styles: styles.iter().map(|s| (*s).to_owned()).collect(), slots, frozen: Named::new() }
    }

    /// One style over the light generator of a `base` file, which stays as it is: adapters of `rank` columns, and for
    /// itself everything that is small, which takes a style further from its base than adapters alone.
    ///
    /// # Errors
    /// If the base is of another generator.
    pub fn adapter(base: &Model, style: &str, rank: usize, device: Device) -> Result<Self> {
        let archs = net::light::networks(&base.architecture)?;
        let slots = style_slots(&archs, style, rank, Convolution::small);
        Ok(Self { archs, styles: vec![style.to_owned()], slots, frozen: named(&base.weights, device) })
    }

    /// Length of the flat vector.
    pub fn len(&self) -> i64 {
        self.slots.iter().map(Slot::len).sum()
    }

    /// Whether there is nothing to train.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// A flat vector to start from, the same for the same `seed`: as PyTorch starts its convolutions, with quiet
    /// residual branches, a drawer that keeps the photo, no ink and adapters that change nothing.
    pub fn start(&self, seed: u64, device: Device) -> Tensor {
        let convs: BTreeMap<String, Convolution> =
            convolutions(&self.archs).into_iter().map(|conv| (conv.name.clone(), conv)).collect();
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut flat = Vec::with_capacity(self.len() as usize);
        for slot in &self.slots {
            let name = slot.name.split_once('/').map_or(slot.name.as_str(), |(_, name)| name);
            let (conv, part) = name.rsplit_once('.').expect("slots are named CONVOLUTION.part");
            let convolution = &convs[conv];
            let len = slot.len() as usize;
            let bound = 1.0 / (convolution.fan_in() as f32).sqrt();
            let mut uniform = |bound: f32| -> Vec<f32> { (0..len).map(|_| (rng.f32() * 2.0 - 1.0) * bound).collect() };
            flat.extend(match (conv, part) {
                (_, "lora_up") | ("chroma_head" | "eye.say", _) => vec![0.0; len],
                (_, "lora_down") => uniform(1.0 / (convolution.cin as f32).sqrt()),
                ("luma_head", "weight") => uniform(0.01 * 3f32.sqrt()),
                ("luma_head", _) => {
                    // Pixel-shuffle by 2: the last four channels become the ink logit.
                    (0..len).map(|i| if i >= len - 4 { INK_LOGIT } else { 0.0 }).collect()
                }
                (conv, _) if conv.ends_with(".project") => uniform(bound * PROJECT_SCALE),
                _ => uniform(bound),
            });
        }
        Tensor::from_slice(&flat).to_device(device)
    }

    /// A flat vector to start the one style of an [adapter](Self::adapter) from: what the `style` of a model file
    /// replaces and adds, and for what it leaves alone the base's; adapters of fewer columns go on with columns that
    /// change nothing yet.
    pub fn start_from(&self, style: &Weights, seed: u64, device: Device) -> Tensor {
        let flat = self.start(seed, device);
        tch::no_grad(|| {
            for (name, mut slot) in self.views(&flat) {
                let name = name.split_once('/').map_or(name.as_str(), |(_, name)| name);
                let known = style.get(name).map(|t| tensor(t, device));
                let Some(known) = known.or_else(|| self.frozen.get(name).map(Tensor::shallow_clone)) else { continue };
                let size: Vec<i64> = slot.size().iter().zip(known.size()).map(|(a, b)| (*a).min(b)).collect();
                for (dim, &len) in size.iter().enumerate() {
                    slot = slot.narrow(dim as i64, 0, len);
                }
                let known = size.iter().enumerate().fold(known, |t, (dim, &len)| t.narrow(dim as i64, 0, len));
                slot.copy_(&known);
            }
        });
        flat
    }

    /// The flat vector as tensors by slot name.
    pub fn views(&self, flat: &Tensor) -> Named {
        views(&self.slots, flat)
    }

    /// The weights the networks run with in `style`: shared ones, the style's own in their place, adapters added.
    pub fn effective(&self, views: &Named, style: &str) -> Named {
        let prefix = format!("{style}/");
        let shared = views.iter().filter(|(name, _)| !name.contains('/')).chain(&self.frozen);
        let mut all: Named = shared.map(|(name, t)| (name.clone(), t.shallow_clone())).collect();
        for (name, tensor) in views.iter().filter_map(|(name, t)| Some((name.strip_prefix(&prefix)?, t))) {
            if let Some(conv) = name.strip_suffix(".lora_up") {
                let weight = format!("{conv}.weight");
                let base = &all[&weight];
                let delta = tensor.matmul(&views[&format!("{prefix}{conv}.lora_down")]);
                let adapted = base + delta.view(base.size().as_slice());
                all.insert(weight, adapted);
            } else if !name.ends_with(".lora_down") {
                all.insert(name.to_owned(), tensor.shallow_clone());
            }
        }
        all
    }

    /// The weights as model files hold them: all of the first style without its adapters as the base, and for
    /// every style what it replaces (`NAME.weight`, `NAME.bias`) and adds (`NAME.lora_up`, `NAME.lora_down`). Where
    /// the shared weights are frozen, the base is the one they came from.
    pub fn files(&self, flat: &Tensor) -> (Weights, Vec<(String, Weights)>) {
        let views = self.views(&flat.to_device(Device::Cpu).detach());
        let mut base: Weights = self.frozen.iter().map(|(name, tensor)| (name.clone(), plain(tensor))).collect();
        let mut styles: Vec<(String, Weights)> = self.styles.iter().map(|s| (s.clone(), Weights::new())).collect();
        for (name, tensor) in &views {
            let plain = plain(tensor);
            match name.split_once('/') {
                None => drop(base.insert(name.clone(), plain)),
                Some((style, name)) => {
                    if self.frozen.is_empty() && style == self.styles[0] && !name.contains(".lora_") {
                        base.insert(name.to_owned(), plain.clone());
                    }
                    if let Some((_, weights)) = styles.iter_mut().find(|(s, _)| s == style) {
                        weights.insert(name.to_owned(), plain);
                    }
                }
            }
        }
        (base, styles)
    }

    /// The flat vector of what model files hold, the inverse of [`files`](Self::files). What a style does not replace
    /// it has from the base.
    ///
    /// # Errors
    /// If the files lack a tensor, hold one of another shape, or a style has one that is not trained here, naming it.
    pub fn flat(&self, base: &Weights, styles: &[Style], device: Device) -> Result<Tensor> {
        for (style, own) in styles.iter().flat_map(|style| style.tensors.keys().map(|own| (&style.name, own))) {
            let name = format!("{style}/{own}");
            let known = self.slots.iter().any(|slot| slot.name == name);
            ensure!(known, "the style {style} has {own}, which is not trained");
        }
        let mut flat = Vec::with_capacity(self.len() as usize);
        for Slot { name, shape } in &self.slots {
            let (style, own) = name.split_once('/').unwrap_or(("", name));
            let style = styles.iter().find(|known| known.name == style).and_then(|known| known.tensors.get(own));
            let tensor = style.or_else(|| base.get(own)).with_context(|| format!("the model files hold no {name}"))?;
            let fits = tensor.shape.iter().map(|&n| n as i64).eq(shape.iter().copied());
            ensure!(fits, "{name} is {:?} in the model files; only {shape:?} can be trained", tensor.shape);
            flat.extend_from_slice(&tensor.data);
        }
        Ok(Tensor::from_slice(&flat).to_device(device))
    }

    /// What model files call the networks.
    pub fn architecture(&self) -> String {
        let hidden: Vec<usize> = self.archs.iter().flat_map(net::light::blocks).map(|block| block.hidden).collect();
        net::light::name(&hidden)
    }
}

/// A tensor as plain f32 numbers.
pub fn plain(tensor: &Tensor) -> net::Tensor {
    let tensor = tensor.to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let mut data = vec![0f32; tensor.numel()];
    tensor.copy_data(&mut data, tensor.numel());
    net::Tensor { shape: tensor.size().iter().map(|&n| n as usize).collect(), data }
}

/// What a style has for itself: convolutions that are its `own`, and adapters of `rank` columns of the others.
fn style_slots(archs: &[Arch], style: &str, rank: usize, own: fn(&Convolution) -> bool) -> Vec<Slot> {
    let prefix = format!("{style}/");
    let mut slots = Vec::new();
    for conv in convolutions(archs) {
        if own(&conv) {
            slots.extend(conv.slots(&prefix));
        } else if conv.adapted {
            let up = Slot { name: format!("{prefix}{}.lora_up", conv.name), shape: vec![conv.cout, rank as i64] };
            let down = Slot { name: format!("{prefix}{}.lora_down", conv.name), shape: vec![rank as i64, conv.cin] };
            slots.extend([up, down]);
        }
    }
    slots
}

pub(crate) struct Convolution {
    pub(crate) name: String,
    cin: i64,
    cout: i64,
    kernel: i64,
    groups: i64,
    bias: bool,
    adapted: bool,
}

impl Convolution {
    fn own(&self) -> bool {
        OWN.contains(&self.name.as_str())
    }

    /// Whether it is a head, or so small that it needs no adapters.
    fn small(&self) -> bool {
        self.own() || (!self.adapted && self.cout * self.fan_in() <= SMALL)
    }

    pub(crate) fn fan_in(&self) -> i64 {
        self.cin / self.groups * self.kernel * self.kernel
    }

    pub(crate) fn slots(&self, prefix: &str) -> Vec<Slot> {
        let weight = Slot {
            name: format!("{prefix}{}.weight", self.name),
            shape: vec![self.cout, self.cin / self.groups, self.kernel, self.kernel],
        };
        let bias = Slot { name: format!("{prefix}{}.bias", self.name), shape: vec![self.cout] };
        if self.bias { vec![weight, bias] } else { vec![weight] }
    }
}

/// All convolutions of the two networks; adapters belong to the pointwise ones of the second, the drawer.
pub(crate) fn convolutions(archs: &[Arch]) -> Vec<Convolution> {
    let mut all = Vec::new();
    for (i, arch) in archs.iter().enumerate() {
        let channels = net::shape::channels(arch).expect("the networks trained make values before they use them");
        for op in &arch.ops {
            if let Op::Conv { from, name, channels: cout, kernel, groups, bias, .. } = op {
                let cin = channels[*from];
                all.push(Convolution {
                    name: name.clone(),
                    cin: cin as i64,
                    cout: *cout as i64,
                    kernel: *kernel as i64,
                    groups: *groups as i64,
                    bias: *bias,
                    adapted: i == 1 && *kernel == 1 && *groups == 1,
                });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::{Style, merge};

    /// A base and two styles in which nothing is silent.
    fn files() -> (Model, Vec<(String, Weights)>) {
        let layout = Layout::light(&["a", "b"]);
        let mut rng = fastrand::Rng::with_seed(2);
        let noise: Vec<f32> = (0..layout.len()).map(|_| (rng.f32() - 0.5) * 0.2).collect();
        let (weights, styles) = layout.files(&(layout.start(1, Device::Cpu) + Tensor::from_slice(&noise)));
        (Model { architecture: net::light::NAME.into(), weights, notes: BTreeMap::new() }, styles)
    }

    #[test]
    fn a_style_goes_on_from_another_as_it_was() {
        let (base, styles) = files();
        let (name, tensors) = styles.into_iter().next_back().unwrap();
        let layout = Layout::adapter(&base, "c", 8, Device::Cpu).unwrap();
        let flat = layout.start_from(&tensors, 5, Device::Cpu);
        let ours = layout.effective(&layout.views(&flat), "c");
        let style = Style { name, architecture: net::light::NAME.into(), tensors, ..Style::default() };
        for (name, theirs) in merge(&base, &[(&style, 1.0)]).unwrap() {
            let worst = (&ours[&name] - tensor(&theirs, Device::Cpu)).abs().max().double_value(&[]);
            assert!(worst < 1e-6, "{name} is off by {worst}");
        }
    }

    #[test]
    fn a_style_is_small_and_leaves_its_base_alone() {
        let (base, _) = files();
        let layout = Layout::adapter(&base, "c", 8, Device::Cpu).unwrap();
        let flat = layout.start(3, Device::Cpu) + 0.1;
        let (same, styles) = layout.files(&flat);
        assert_eq!(same, base.weights);
        let numbers: usize = styles[0].1.values().map(|tensor| tensor.data.len()).sum();
        assert!(numbers * 2 < 180_000, "{} bytes in half precision", numbers * 2);
        for own in ["stem.weight", "enter0.0.depthwise.weight", "eye.see0.weight"] {
            assert!(styles[0].1.contains_key(own), "{own}");
        }
    }
}
