//! The trainable copy of a network: walks the same [`Arch`] the engine runs, over libtorch tensors N×C×H×W.

use std::collections::BTreeMap;

use net::light::{DAB_STEP_PX, DABS, GRID_PX, YCC_FROM_RGB};
use net::{Activation, Arch, Op, Padding};
use tch::{Device, Kind, Tensor};

/// Weights by name, as the forward pass uses them.
pub type Named = BTreeMap<String, Tensor>;

/// Runs `arch` on `inputs` (N×C×H×W, in its order); gives its outputs in order.
///
/// Convolutions take and give `kind` (f32, or bf16 for speed); attention, softmax and the painting step are
/// always f32.
///
/// # Panics
/// If a weight is missing from `weights`, or a shape does not fit: both are faults of the caller.
pub fn forward(arch: &Arch, inputs: &[&Tensor], weights: &Named, kind: Kind) -> Vec<Tensor> {
    let mut values: Vec<Tensor> = inputs.iter().map(|x| x.shallow_clone()).collect();
    for op in &arch.ops {
        let value = match op {
            Op::Conv { from, name, stride, kernel, groups, bias, padding, activation, .. } => {
                let x = pad(&values[*from].to_kind(kind), *padding, *kernel);
                let bias = bias.then(|| weight(weights, name, "bias").to_kind(kind));
                let stride = [*stride as i64; 2];
                let kernel = weight(weights, name, "weight").to_kind(kind);
                activate(x.conv2d(&kernel, bias.as_ref(), stride, [0, 0], [1, 1], *groups as i64), *activation)
            }
            Op::Norm { from, name, activation } => {
                let (scale, shift) = (weight(weights, name, "weight"), weight(weights, name, "bias"));
                let x = values[*from].to_kind(Kind::Float).group_norm(1, Some(scale), Some(shift), 1e-5, false);
                activate(x, *activation)
            }
            Op::Add { a, b } => &values[*a] + &values[*b],
            Op::Unshuffle { from, factor } => values[*from].pixel_unshuffle(*factor as i64),
            Op::Shuffle { from, factor } => values[*from].pixel_shuffle(*factor as i64),
            Op::Upsample { from, like, align_corners } => {
                let size = values[*like].size();
                values[*from].upsample_bilinear2d([size[2], size[3]], *align_corners, None, None)
            }
            Op::Modulate { from, by } => {
                let x = &values[*from];
                let parts = values[*by].to_kind(x.kind()).chunk(2, 1);
                x * (&parts[0] + 1.0) + &parts[1]
            }
            Op::Attend { cells, score } => attend(&values[*cells], &values[*score]),
            Op::Paint { picture, drawn, grid } => paint(&values[*picture], &values[*drawn], &values[*grid]),
        };
        values.push(value);
    }
    arch.outputs.iter().map(|(_, value)| values[*value].shallow_clone()).collect()
}

/// RGB −1..1 → Y, Cb, Cr by [`YCC_FROM_RGB`], N×3×H×W.
pub fn ycc_from_rgb(rgb: &Tensor) -> Tensor {
    colours(rgb, &YCC_FROM_RGB)
}

/// The 3×3 colour matrix `matrix` at every pixel of N×3×H×W.
pub(crate) fn colours(x: &Tensor, matrix: &[[f32; 3]; 3]) -> Tensor {
    let kernel = Tensor::from_slice(matrix.as_flattened()).view([3, 3, 1, 1]).to_device(x.device());
    x.conv2d(&kernel.to_kind(x.kind()), None::<&Tensor>, [1, 1], [0, 0], [1, 1], 1)
}

fn weight<'a>(weights: &'a Named, name: &str, part: &str) -> &'a Tensor {
    let name = format!("{name}.{part}");
    weights.get(&name).unwrap_or_else(|| panic!("the network needs a weight named {name}"))
}

fn pad(x: &Tensor, padding: Padding, kernel: usize) -> Tensor {
    let k = (kernel / 2) as i64;
    match padding {
        Padding::None => x.shallow_clone(),
        _ if kernel == 1 && !matches!(padding, Padding::Reflect { .. }) => x.shallow_clone(),
        Padding::Replicate => x.replication_pad2d([k, k, k, k]),
        Padding::Zero => x.constant_pad_nd([k, k, k, k]),
        Padding::Reflect { before, after } => {
            let (before, after) = (before as i64, after as i64);
            x.reflection_pad2d([before, after, before, after])
        }
    }
}

fn activate(x: Tensor, activation: Activation) -> Tensor {
    match activation {
        Activation::Identity => x,
        // tch's `leaky_relu` fixes the slope. Its backward, applied to x itself, is the same function with a slope
        // to choose, and differentiates rightly: one pass forward, one back.
        Activation::LeakyRelu(slope) => x.detach().leaky_relu_backward(&x, f64::from(slope), false),
        Activation::Tanh => x.tanh(),
    }
}

fn attend(cells: &Tensor, score: &Tensor) -> Tensor {
    let weight = score.to_kind(Kind::Float).flatten(2, 3).softmax(-1, None);
    let pooled = (cells.to_kind(Kind::Float).flatten(2, 3) * weight).sum_dim_intlist([2i64].as_slice(), false, None);
    pooled.unsqueeze(-1).unsqueeze(-1)
}

/// The painting step; the formula is in [`net::light::drawer`].
fn paint(picture: &Tensor, drawn: &Tensor, grid: &Tensor) -> Tensor {
    let drawn = drawn.to_kind(Kind::Float).contiguous();
    let count = DABS as i64;
    let weights = drawn.narrow(1, 0, count).softmax(1, None).unsqueeze(2);
    let dabs = tch::no_grad(|| dabs(&ycc_from_rgb(&picture.to_kind(Kind::Float)).contiguous()));
    let chosen = (weights * dabs).sum_dim_intlist([1i64].as_slice(), false, None);
    let plane = |x: &Tensor, channel: i64| x.narrow(1, channel, 1);
    let (y, cb, cr) = (plane(&chosen, 0), plane(&chosen, 1), plane(&chosen, 2));

    let size = picture.size();
    debug_assert_eq!(grid.size()[2] * GRID_PX as i64, size[2]);
    let q = grid.to_kind(Kind::Float).contiguous().upsample_bilinear2d([size[2], size[3]], false, None, None);
    let enhanced = |own: &Tensor, other: &Tensor, first: i64| {
        own * (plane(&q, first) + 1.0) + other * plane(&q, first + 1) + &y * plane(&q, first + 2) + plane(&q, first + 3)
    };
    let luma = &y * (plane(&drawn, count) + 1.0) + plane(&drawn, count + 1);
    let ink = plane(&drawn, count + 2).sigmoid();
    Tensor::cat(&[luma, enhanced(&cb, &cr, 0), enhanced(&cr, &cb, 4), ink], 1)
}

/// N×3×H×W → N×[`DABS`]×3×H×W: the pixel itself, then the nine means around it.
fn dabs(ycc: &Tensor) -> Tensor {
    let (height, width, step) = (ycc.size()[2], ycc.size()[3], DAB_STEP_PX as i64);
    let mean = ycc.replication_pad2d([1, 1, 1, 1]).avg_pool2d([3, 3], [1, 1], [0, 0], false, true, None);
    let mean = mean.replication_pad2d([step, step, step, step]);
    let mut all = vec![ycc.shallow_clone()];
    for y in [0, step, 2 * step] {
        all.extend([0, step, 2 * step].map(|x| mean.narrow(2, y, height).narrow(3, x, width)));
    }
    Tensor::stack(&all, 1)
}

/// Weights as plain numbers → tensors for [`forward`].
pub fn named(weights: &net::Weights, device: Device) -> Named {
    weights.iter().map(|(name, t)| (name.clone(), tensor(t, device))).collect()
}

/// Plain numbers as a tensor.
pub(crate) fn tensor(t: &net::Tensor, device: Device) -> Tensor {
    let shape: Vec<i64> = t.shape.iter().map(|&n| n as i64).collect();
    Tensor::from_slice(&t.data).view(shape.as_slice()).to_device(device)
}
