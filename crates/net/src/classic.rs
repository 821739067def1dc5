//! The generator of AnimeGANv2, so that checkpoints people already have can be run and compared with. Its norms
//! look at the whole picture: it cannot be cut into tiles.

use crate::arch::{Activation, Arch, Op, Padding, Value};

const LEAK: Activation = Activation::LeakyRelu(0.2);

/// RGB −1..1 → RGB −1..1. Tensor names are those of the community's PyTorch checkpoints (`block_a.0.1.weight` …
/// `out_layer.0.weight`), which were trained with `align_corners`; the ONNX ones mostly without.
/// The sides should be divisible by 4.
pub fn generator(align_corners: bool) -> Arch {
    let name = if align_corners { "classic-1/corners" } else { "classic-1" };
    let mut net =
        Arch { name: name.to_owned(), inputs: vec![("picture".to_owned(), 3)], ops: Vec::new(), outputs: Vec::new() };
    let upsample = |net: &mut Arch, from, like| net.push(Op::Upsample { from, like, align_corners });

    let picture = 0;
    let x = conv(&mut net, picture, "block_a.0", 32, 7, 1);
    let x = conv(&mut net, x, "block_a.1", 64, 3, 2);
    let half = conv(&mut net, x, "block_a.2", 64, 3, 1);
    let x = conv(&mut net, half, "block_b.0", 128, 3, 2);
    let x = conv(&mut net, x, "block_b.1", 128, 3, 1);
    let x = conv(&mut net, x, "block_c.0", 128, 3, 1);
    let mut x = inverted(&mut net, x, "block_c.1", 128, 256);
    for name in ["block_c.2", "block_c.3", "block_c.4"] {
        x = inverted(&mut net, x, name, 256, 256);
    }
    let x = conv(&mut net, x, "block_c.5", 128, 3, 1);
    let x = upsample(&mut net, x, half);
    let x = conv(&mut net, x, "block_d.0", 128, 3, 1);
    let x = conv(&mut net, x, "block_d.1", 128, 3, 1);
    let x = upsample(&mut net, x, picture);
    let x = conv(&mut net, x, "block_e.0", 64, 3, 1);
    let x = conv(&mut net, x, "block_e.1", 64, 3, 1);
    let x = conv(&mut net, x, "block_e.2", 32, 7, 1);
    let out = bare(&mut net, x, "out_layer.0", 3, 1, 1, 1, false, Activation::Tanh);
    net.outputs.push(("painted".to_owned(), out));
    net
}

/// A convolution without norm; mirrored at the border, with stride 2 only on the right and at the bottom.
fn bare(
    net: &mut Arch,
    from: Value,
    name: &str,
    channels: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
    bias: bool,
    activation: Activation,
) -> Value {
    let padding = match (kernel, stride) {
        (1, _) => Padding::None,
        (_, 2) => Padding::Reflect { before: 0, after: 1 },
        _ => Padding::Reflect { before: kernel / 2, after: kernel / 2 },
    };
    let name = name.to_owned();
    net.push(Op::Conv { from, name, channels, kernel, stride, groups, bias, padding, activation })
}

/// Convolution, norm, leaky ReLU.
fn conv(net: &mut Arch, from: Value, name: &str, channels: usize, kernel: usize, stride: usize) -> Value {
    let x = bare(net, from, &format!("{name}.1"), channels, kernel, stride, 1, false, Activation::Identity);
    net.push(Op::Norm { from: x, name: format!("{name}.2"), activation: LEAK })
}

/// Inverted residual block of expansion 2.
fn inverted(net: &mut Arch, from: Value, name: &str, taken: usize, channels: usize) -> Value {
    let (wide, plain) = (2 * taken, Activation::Identity);
    let x = conv(net, from, &format!("{name}.layers.0"), wide, 1, 1);
    let x = bare(net, x, &format!("{name}.layers.1.1"), wide, 3, 1, wide, true, plain);
    let x = net.push(Op::Norm { from: x, name: format!("{name}.layers.1.2"), activation: LEAK });
    let x = bare(net, x, &format!("{name}.layers.2"), channels, 1, 1, 1, false, plain);
    let x = net.push(Op::Norm { from: x, name: format!("{name}.layers.3"), activation: plain });
    if taken == channels { net.push(Op::Add { a: from, b: x }) } else { x }
}
