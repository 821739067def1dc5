//! The light generator: a global eye that sees the whole picture as a thumbnail, and a local drawer that
//! paints by choosing. The drawer holds convolutions only, so tiles with enough overlap equal the whole.

use crate::arch::{Activation, Arch, Op, Padding, Value};

/// Side of the eye's thumbnail, px: the whole picture squeezed to a square.
pub const THUMBNAIL_PX: usize = 128;
/// The drawer's picture must have sides divisible by this.
pub const GRAIN_PX: usize = 16;
/// Dabs the stroke attention chooses from: the pixel itself, then nine means of 3×3 pixels.
pub const DABS: usize = 10;
/// Distance between the centres of neighbouring dabs, px.
pub const DAB_STEP_PX: usize = 3;
/// The chroma enhancement grid has one cell for so many pixels a side.
pub const GRID_PX: usize = 8;
/// Channels of [`Op::Paint`]'s `drawn`: dab logits, luma gain, luma offset, ink logit.
pub const DRAWN: usize = DABS + 3;
/// RGB to Y, Cb, Cr (BT.601, full range); for RGB −1..1 every result is −1..1.
pub const YCC_FROM_RGB: [[f32; 3]; 3] =
    [[0.299, 0.587, 0.114], [-0.168_736, -0.331_264, 0.5], [0.5, -0.418_688, -0.081_312]];
/// How ink leans in (Cb, Cr), in −1..1 units at full ink: towards violet, never plain black.
pub const INK_TINT: [f32; 2] = [0.017, 0.012];
/// How much chroma full ink takes away.
pub const INK_GREYS: f32 = 0.35;

const LEAK: Activation = Activation::LeakyRelu(0.1);
/// Widths at 1/2, 1/4, 1/8 and 1/16 of the picture.
const WIDTHS: [usize; 4] = [24, 48, 64, 96];

/// Lays ink of strength 0..1 over (Y, Cb, Cr), Y −1..1: darker than what it lies on, less coloured, a little
/// towards violet.
pub fn inked([y, cb, cr]: [f32; 3], ink: f32) -> [f32; 3] {
    let keep = 1.0 - INK_GREYS * ink;
    [(y + 1.0) * (1.0 - ink) - 1.0, cb * keep + INK_TINT[0] * ink, cr * keep + INK_TINT[1] * ink]
}

/// The eye: RGB −1..1 of [`THUMBNAIL_PX`]² → 1×1×2C, scales then shifts for the drawer's coarsest level.
pub fn eye() -> Arch {
    let mut net = Builder::new("light-1/eye", &[("thumbnail", 3)]);
    let mut x = 0;
    for (i, channels) in [24, 48, 64].into_iter().enumerate() {
        x = net.conv(x, &format!("eye.see{i}"), channels, 3, 2, 1, LEAK);
    }
    x = net.blocks(x, "eye.ponder", 64, 2);
    let score = net.point(x, "eye.matter", 1, Activation::Identity);
    let seen = net.push(Op::Attend { cells: x, score });
    let thought = net.point(seen, "eye.think", 64, LEAK);
    let said = net.point(thought, "eye.say", 2 * WIDTHS[3], Activation::Identity);
    net.finish(&[("modulation", said)])
}

/// The drawer: RGB −1..1 with sides divisible by [`GRAIN_PX`], and the eye's modulation → [`Op::Paint`]'s map.
///
/// Stroke attention, for the pixel p of (Y, Cb, Cr) = [`YCC_FROM_RGB`]·RGB: with m the mean over 3×3 pixels (the
/// border pixel repeated), the dabs are the pixel itself and m(p + δ) for δ on the 3×3 points
/// [`DAB_STEP_PX`] apart (rows first, coordinates clamped to the picture). The softmax of the first
/// [`DABS`] channels of `drawn` weights them, the same weights for Y, Cb and Cr. Then, with `gain`, `offset` the
/// next two channels and q the eight channels of the chroma grid resampled bilinearly (pixel centres, ×[`GRID_PX`]):
///
/// Y' = Y·(1 + gain) + offset; Cb' = Cb·(1 + q0) + Cr·q1 + Y·q2 + q3; Cr' = Cr·(1 + q4) + Cb·q5 + Y·q6 + q7;
/// ink = sigmoid of the last channel.
pub fn drawer() -> Arch {
    let [a, b, c, d] = WIDTHS;
    let mut net = Builder::new("light-1/drawer", &[("picture", 3), ("modulation", 2 * d)]);
    let (picture, modulation) = (0, 1);
    let plain = Activation::Identity;

    let fine = net.push(Op::Unshuffle { from: picture, factor: 2 });
    let stem = net.conv(fine, "stem", a, 3, 1, 1, plain);
    let x0 = net.blocks(stem, "enter0", a, 1);
    let x1 = net.down(x0, "down1", b);
    let x1 = net.blocks(x1, "enter1", b, 2);
    let x2 = net.down(x1, "down2", c);
    let x2 = net.blocks(x2, "enter2", c, 2);
    let x3 = net.down(x2, "down3", d);
    let x3 = net.push(Op::Modulate { from: x3, by: modulation });
    let x3 = net.blocks(x3, "middle", d, 4);
    let y2 = net.up(x3, "up2", c, x2);
    let y2 = net.blocks(y2, "leave2", c, 2);
    let y1 = net.up(y2, "up1", b, x1);
    let y1 = net.blocks(y1, "leave1", b, 2);
    let y0 = net.up(y1, "up0", a, x0);
    let y0 = net.blocks(y0, "leave0", a, 1);

    let drawn = net.point(y0, "luma_head", 4 * DRAWN, plain);
    let drawn = net.push(Op::Shuffle { from: drawn, factor: 2 });
    let grid = net.point(y2, "chroma_head", 8, plain);
    let painted = net.push(Op::Paint { picture, drawn, grid });
    net.finish(&[("painted", painted)])
}

/// Writes the list of operations down.
struct Builder(Arch);

impl Builder {
    fn new(name: &str, inputs: &[(&str, usize)]) -> Self {
        let inputs = inputs.iter().map(|&(name, channels)| (name.to_owned(), channels)).collect();
        Self(Arch { name: name.to_owned(), inputs, ops: Vec::new(), outputs: Vec::new() })
    }

    fn push(&mut self, op: Op) -> Value {
        self.0.push(op)
    }

    fn conv(
        &mut self,
        from: Value,
        name: &str,
        channels: usize,
        kernel: usize,
        stride: usize,
        groups: usize,
        activation: Activation,
    ) -> Value {
        let padding = if kernel == 1 { Padding::None } else { Padding::Replicate };
        let name = name.to_owned();
        self.push(Op::Conv { from, name, channels, kernel, stride, groups, bias: true, padding, activation })
    }

    fn point(&mut self, from: Value, name: &str, channels: usize, activation: Activation) -> Value {
        self.conv(from, name, channels, 1, 1, 1, activation)
    }

    /// Residual blocks: depthwise 3×3, then a pointwise pair of expansion 2, added to the input.
    fn blocks(&mut self, mut x: Value, name: &str, channels: usize, count: usize) -> Value {
        for i in 0..count {
            let y = self.conv(x, &format!("{name}.{i}.depthwise"), channels, 3, 1, channels, Activation::Identity);
            let y = self.point(y, &format!("{name}.{i}.expand"), 2 * channels, LEAK);
            let y = self.point(y, &format!("{name}.{i}.project"), channels, Activation::Identity);
            x = self.push(Op::Add { a: x, b: y });
        }
        x
    }

    fn down(&mut self, from: Value, name: &str, channels: usize) -> Value {
        let from = self.push(Op::Unshuffle { from, factor: 2 });
        self.point(from, name, channels, Activation::Identity)
    }

    fn up(&mut self, from: Value, name: &str, channels: usize, skip: Value) -> Value {
        let from = self.point(from, name, 4 * channels, Activation::Identity);
        let from = self.push(Op::Shuffle { from, factor: 2 });
        self.push(Op::Add { a: from, b: skip })
    }

    fn finish(mut self, outputs: &[(&str, Value)]) -> Arch {
        self.0.outputs = outputs.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        self.0
    }
}
