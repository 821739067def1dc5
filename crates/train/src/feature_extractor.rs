//! What a fixed network sees in a picture: the measure of content and style, and of how alike two sets of pictures
//! are. MobileNetV2 (Sandler et al. 2018) or VGG19 (Simonyan, Zisserman 2015) trained on ImageNet, with the weights and
//! names of torchvision.

mod fetch;
pub mod painted;
mod pickle;
pub mod pth;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use tch::{Device, Kind, Tensor};

pub use fetch::fetch;

/// Mean and deviation of ImageNet's RGB, 0..1.
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f64; 3] = [0.229, 0.224, 0.225];
/// What torchvision's batch norms add to the variance.
const EPSILON: f64 = 1e-5;

/// Where [`fetch`]ed weights are looked for when nobody says otherwise, from the current folder.
pub fn default_path() -> PathBuf {
    [".features", fetch::FILE].iter().collect()
}

/// A network with fixed weights, up to its last features.
#[derive(Debug)]
pub struct Features {
    blocks: Vec<Block>,
}

/// Convolutions after one another.
#[derive(Debug)]
struct Block {
    /// Begins with ReLU and the maximum of 2×2.
    pooled: bool,
    convs: Vec<Conv>,
    /// What goes in is added to what comes out.
    residual: bool,
    /// The result is one of the taps.
    tapped: bool,
}

#[derive(Debug)]
struct Conv {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    groups: i64,
    activation: Activation,
}

#[derive(Clone, Copy, Debug)]
enum Activation {
    Identity,
    Relu,
    Relu6,
}

impl Features {
    /// Where it computes.
    pub fn device(&self) -> Device {
        self.blocks[0].convs[0].weight.device()
    }

    /// The same network for another thread: the weights are shared.
    pub fn shallow_clone(&self) -> Self {
        let conv = |conv: &Conv| Conv { weight: conv.weight.shallow_clone(), bias: conv.bias.shallow_clone(), ..*conv };
        let block = |block: &Block| Block { convs: block.convs.iter().map(conv).collect(), ..*block };
        Self { blocks: self.blocks.iter().map(block).collect() }
    }

    /// Reads torchvision's MobileNetV2 or VGG19, told apart by the names of its tensors, from `.safetensors` or from a
    /// checkpoint of PyTorch's (see [`pth::read`]).
    ///
    /// # Errors
    /// If there is no file, if it is neither network, or if a tensor is missing or does not fit the one before it.
    pub fn load(path: &Path, device: Device) -> Result<Self> {
        ensure!(path.exists(), "there is no {}: `kaiga-train fetch-features` gets one", path.display());
        let read = || {
            let tensors = if path.extension().is_some_and(|e| e == "safetensors") {
                Tensor::read_safetensors(path)?.into_iter().collect()
            } else {
                pth::read(&std::fs::read(path)?)?
            };
            Self::new(&Weights { tensors, device })
        };
        read().with_context(|| format!("cannot use {}", path.display()))
    }

    fn new(weights: &Weights) -> Result<Self> {
        let blocks = if weights.tensors.contains_key("features.1.conv.0.0.weight") {
            mobilenet_v2(weights)?
        } else if weights.tensors.contains_key("features.34.weight") {
            vgg19(weights)?
        } else {
            bail!("it is neither torchvision's MobileNetV2 nor its VGG19 without batch norms");
        };
        let mut width = 3;
        for conv in blocks.iter().flat_map(|block| &block.convs) {
            let (wanted, wants) = (conv.weight.size()[1] * conv.groups, conv.weight.size()[0]);
            ensure!(width == wanted, "a convolution takes {wanted} channels and is given {width}");
            width = wants;
        }
        Ok(Self { blocks })
    }

    /// Features of `rgb` (N×3×H×W, −1..1) before each step to the next smaller size, shallow to deep, at 1/2, 1/4, 1/8
    /// and 1/16 of the size. MobileNetV2: after `features[1]`, `[3]`, `[6]`, `[13]`. VGG19: conv2_2, conv3_4, conv4_4,
    /// conv5_4, before ReLU. H and W are at least 16.
    ///
    /// Differentiable. Convolutions compute in `kind` (f32, or bf16 for speed); results are of the kind of `rgb`.
    pub fn taps(&self, rgb: &Tensor, kind: Kind) -> Vec<Tensor> {
        let end = self.blocks.iter().rposition(|block| block.tapped).map_or(0, |last| last + 1);
        walk(&self.blocks[..end], rgb, kind).0
    }

    /// The mean over the picture of the last features of `rgb` (N×3×H×W, −1..1): MobileNetV2 N×1280, VGG19 (conv5_4
    /// before ReLU) N×512. Differentiable. Depends on the size of the pictures: compare only what has the same.
    pub fn vector(&self, rgb: &Tensor) -> Tensor {
        walk(&self.blocks, rgb, rgb.kind()).1.mean_dim([2i64, 3].as_slice(), false, None)
    }
}

/// The taps, and what the last block gives.
fn walk(blocks: &[Block], rgb: &Tensor, kind: Kind) -> (Vec<Tensor>, Tensor) {
    let channels = |x: &[f64]| Tensor::from_slice(x).view([1, 3, 1, 1]).to_kind(rgb.kind()).to_device(rgb.device());
    let mut x = (((rgb + 1.0) * 0.5 - channels(&MEAN)) / channels(&DEVIATION)).to_kind(kind);
    let mut taps = vec![];
    for block in blocks {
        if block.pooled {
            x = x.relu().max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
        }
        let y = block.convs.iter().fold(x.shallow_clone(), |y, conv| conv.forward(&y));
        x = if block.residual { x + y } else { y };
        if block.tapped {
            taps.push(x.to_kind(rgb.kind()).contiguous());
        }
    }
    (taps, x.to_kind(rgb.kind()))
}

impl Conv {
    fn forward(&self, x: &Tensor) -> Tensor {
        let (weight, bias) = (self.weight.to_kind(x.kind()), self.bias.to_kind(x.kind()));
        let padding = [weight.size()[2] / 2; 2];
        let y = x.conv2d(&weight, Some(&bias), [self.stride; 2], padding, [1, 1], self.groups);
        match self.activation {
            Activation::Identity => y,
            Activation::Relu => y.relu(),
            Activation::Relu6 => y.relu6(),
        }
    }
}

/// Stem, 17 inverted residuals, and the last 1×1 convolution.
fn mobilenet_v2(weights: &Weights) -> Result<Vec<Block>> {
    let block = |i: usize| {
        // A convolution and its norm.
        let names: &[(&str, &str)] = match i {
            0 | 18 => &[("0", "1")],
            1 => &[("conv.0.0", "conv.0.1"), ("conv.1", "conv.2")],
            _ => &[("conv.0.0", "conv.0.1"), ("conv.1.0", "conv.1.1"), ("conv.2", "conv.3")],
        };
        let stride = if [0, 2, 4, 7, 14].contains(&i) { 2 } else { 1 };
        let mut convs = vec![];
        for (conv, norm) in names {
            let weight = weights.kernel(&format!("features.{i}.{conv}.weight"))?;
            let (weight, bias) = weights.folded(weight, &format!("features.{i}.{norm}"))?;
            let [out, width, side] = [0, 1, 2].map(|dim| weight.size()[dim]);
            let groups = if width == 1 { out } else { 1 };
            let stride = if side > 1 { stride } else { 1 };
            convs.push(Conv { weight, bias, stride, groups, activation: Activation::Relu6 });
        }
        let ends = [&convs[0], &convs[convs.len() - 1]].map(|conv| conv.weight.size());
        if convs.len() > 1 {
            convs.last_mut().expect("more than one").activation = Activation::Identity;
        }
        let residual = convs.len() == 3 && stride == 1 && ends[0][1] == ends[1][0];
        Ok(Block { pooled: false, convs, residual, tapped: [1, 3, 6, 13].contains(&i) })
    };
    (0..=18).map(block).collect()
}

fn vgg19(weights: &Weights) -> Result<Vec<Block>> {
    let stages: [&[usize]; 5] = [&[0, 2], &[5, 7], &[10, 12, 14, 16], &[19, 21, 23, 25], &[28, 30, 32, 34]];
    let block = |(i, stage): (usize, &&[usize])| {
        let conv = |&layer: &usize| {
            let weight = weights.kernel(&format!("features.{layer}.weight"))?;
            let bias = weights.row(&format!("features.{layer}.bias"), weight.size()[0])?;
            // A tap is before ReLU, which then comes with the pooling.
            let activation = if Some(&layer) == stage.last() { Activation::Identity } else { Activation::Relu };
            Ok(Conv { weight, bias, stride: 1, groups: 1, activation })
        };
        let convs = stage.iter().map(conv).collect::<Result<_>>()?;
        Ok(Block { pooled: i > 0, convs, residual: false, tapped: i > 0 })
    };
    stages.iter().enumerate().map(block).collect()
}

/// The same tensor, with the channels of a pixel next to each other in memory. A convolution with such weights makes such
/// maps, and the way back through one whose channels stand alone is several times as fast.
fn pixel_after_pixel(tensor: &Tensor) -> Tensor {
    tensor.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// Tensors of a file, by torchvision's names.
struct Weights {
    tensors: BTreeMap<String, Tensor>,
    device: Device,
}

impl Weights {
    fn find(&self, name: &str) -> Result<Tensor> {
        let tensor = self.tensors.get(name).with_context(|| format!("it holds no {name}"))?;
        Ok(tensor.detach().to_device(self.device).to_kind(Kind::Float))
    }

    /// out×in×side×side, the side odd.
    fn kernel(&self, name: &str) -> Result<Tensor> {
        let kernel = self.find(name)?;
        let size = kernel.size();
        ensure!(size.len() == 4 && size[2] == size[3] && size[2] % 2 == 1, "{name} has the shape {size:?}");
        Ok(pixel_after_pixel(&kernel))
    }

    fn row(&self, name: &str, len: i64) -> Result<Tensor> {
        let row = self.find(name)?;
        ensure!(row.size() == [len], "{name} has the shape {:?}, not [{len}]", row.size());
        Ok(row)
    }

    /// Weight and bias of a convolution with the batch norm `norm` behind it.
    fn folded(&self, weight: Tensor, norm: &str) -> Result<(Tensor, Tensor)> {
        let row = |part: &str| self.row(&format!("{norm}.{part}"), weight.size()[0]);
        let scale = row("weight")? / (row("running_var")? + EPSILON).sqrt();
        let bias = row("bias")? - row("running_mean")? * &scale;
        Ok((&weight * scale.view([-1, 1, 1, 1]), bias))
    }
}

#[cfg(test)]
pub(crate) mod tests;
