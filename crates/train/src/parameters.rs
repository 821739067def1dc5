//! Everything that is trained, as one flat vector with a table of contents: the shared weights, and for every
//! style its own heads and the low-rank adapters it lays over the drawer (Hu et al. 2021, LoRA).

use std::collections::BTreeMap;

use net::{Arch, Op, Weights};
use tch::{Device, Kind, Tensor};

use crate::twin::Named;

/// Columns of an adapter.
pub const RANK: usize = 4;
/// Adapters go on pointwise convolutions with at least so many input channels.
const ADAPTED_FROM_CHANNELS: usize = 16;
/// Convolutions that every style has for itself.
const OWN: [&str; 3] = ["luma_head", "chroma_head", "eye.say"];
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

/// What is in the flat vector.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The eye, then the drawer.
    pub archs: [Arch; 2],
    /// The styles by name.
    pub styles: Vec<String>,
    /// Entries in the order of the flat vector.
    pub slots: Vec<Slot>,
}

impl Layout {
    /// The light generator with `styles`.
    pub fn light(styles: &[&str]) -> Self {
        let archs = [net::light::eye(), net::light::drawer()];
        let mut slots = Vec::new();
        for conv in convolutions(&archs).iter().filter(|conv| !conv.own()) {
            slots.extend(conv.slots(""));
        }
        for style in styles {
            let prefix = format!("{style}/");
            for conv in convolutions(&archs) {
                if conv.own() {
                    slots.extend(conv.slots(&prefix));
                } else if conv.adapted {
                    let up =
                        Slot { name: format!("{prefix}{}.lora_up", conv.name), shape: vec![conv.cout, RANK as i64] };
                    let down =
                        Slot { name: format!("{prefix}{}.lora_down", conv.name), shape: vec![RANK as i64, conv.cin] };
                    slots.extend([up, down]);
                }
            }
        }
        Self { archs, styles: styles.iter().map(|s| (*s).to_owned()).collect(), slots }
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

    /// The flat vector as tensors by slot name. One cut, so that its gradient is one concatenation.
    pub fn views(&self, flat: &Tensor) -> Named {
        let sizes: Vec<i64> = self.slots.iter().map(Slot::len).collect();
        let parts = flat.split_with_sizes(sizes.as_slice(), 0);
        self.slots.iter().zip(parts).map(|(slot, part)| (slot.name.clone(), part.view(slot.shape.as_slice()))).collect()
    }

    /// The weights the networks run with in `style`: shared ones, the style's own in their place, adapters added.
    pub fn effective(&self, views: &Named, style: &str) -> Named {
        let prefix = format!("{style}/");
        let mut all: Named = views
            .iter()
            .filter(|(name, _)| !name.contains('/'))
            .map(|(name, t)| (name.clone(), t.shallow_clone()))
            .collect();
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
    /// every style what it replaces (`NAME.weight`, `NAME.bias`) and adds (`NAME.lora_up`, `NAME.lora_down`).
    pub fn files(&self, flat: &Tensor) -> (Weights, Vec<(String, Weights)>) {
        let views = self.views(&flat.to_device(Device::Cpu).detach());
        let mut base = Weights::new();
        let mut styles: Vec<(String, Weights)> = self.styles.iter().map(|s| (s.clone(), Weights::new())).collect();
        for (name, tensor) in &views {
            let plain = plain(tensor);
            match name.split_once('/') {
                None => drop(base.insert(name.clone(), plain)),
                Some((style, name)) => {
                    if style == self.styles[0] && !name.contains(".lora_") {
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
}

/// A tensor as plain f32 numbers.
pub fn plain(tensor: &Tensor) -> net::Tensor {
    let tensor = tensor.to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let mut data = vec![0f32; tensor.numel()];
    tensor.copy_data(&mut data, tensor.numel());
    net::Tensor { shape: tensor.size().iter().map(|&n| n as usize).collect(), data }
}

struct Convolution {
    name: String,
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

    fn fan_in(&self) -> i64 {
        self.cin / self.groups * self.kernel * self.kernel
    }

    fn slots(&self, prefix: &str) -> Vec<Slot> {
        let weight = Slot {
            name: format!("{prefix}{}.weight", self.name),
            shape: vec![self.cout, self.cin / self.groups, self.kernel, self.kernel],
        };
        let bias = Slot { name: format!("{prefix}{}.bias", self.name), shape: vec![self.cout] };
        if self.bias { vec![weight, bias] } else { vec![weight] }
    }
}

/// All convolutions of the two networks; adapters belong to the pointwise ones of the second, the drawer.
fn convolutions(archs: &[Arch; 2]) -> Vec<Convolution> {
    let mut all = Vec::new();
    for (i, arch) in archs.iter().enumerate() {
        let mut channels: Vec<usize> = arch.inputs.iter().map(|&(_, channels)| channels).collect();
        for op in &arch.ops {
            channels.push(channels_of(op, &channels));
            if let Op::Conv { from, name, channels: cout, kernel, groups, bias, .. } = op {
                let cin = channels[*from];
                all.push(Convolution {
                    name: name.clone(),
                    cin: cin as i64,
                    cout: *cout as i64,
                    kernel: *kernel as i64,
                    groups: *groups as i64,
                    bias: *bias,
                    adapted: i == 1 && *kernel == 1 && *groups == 1 && cin >= ADAPTED_FROM_CHANNELS,
                });
            }
        }
    }
    all
}

fn channels_of(op: &Op, channels: &[usize]) -> usize {
    match op {
        Op::Conv { channels, .. } => *channels,
        Op::Norm { from, .. } | Op::Upsample { from, .. } | Op::Modulate { from, .. } => channels[*from],
        Op::Add { a, .. } => channels[*a],
        Op::Unshuffle { from, factor } => channels[*from] * factor * factor,
        Op::Shuffle { from, factor } => channels[*from] / (factor * factor),
        Op::Attend { cells, .. } => channels[*cells],
        Op::Paint { .. } => 4,
    }
}
