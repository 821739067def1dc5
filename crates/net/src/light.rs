//! The light generator: a global eye that sees the whole picture as a thumbnail, and a local drawer that
//! paints by choosing. The drawer holds convolutions only, so tiles with enough overlap equal the whole.

use crate::arch::{Activation, Arch, Op, Padding, Value};
use crate::error::{Error, fail};

/// What model files call the generator with all its channels.
pub const NAME: &str = "light-2";
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
const WIDTHS: [usize; 4] = [32, 48, 64, 96];

/// Lays ink of strength 0..1 over (Y, Cb, Cr), Y −1..1: darker than what it lies on, less coloured, a little
/// towards violet.
pub fn inked([y, cb, cr]: [f32; 3], ink: f32) -> [f32; 3] {
    let keep = 1.0 - INK_GREYS * ink;
    [(y + 1.0) * (1.0 - ink) - 1.0, cb * keep + INK_TINT[0] * ink, cr * keep + INK_TINT[1] * ink]
}

/// A residual block: depthwise 3×3 over its channels, a pointwise expansion to its hidden channels, and the pointwise
/// projection back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What the names of its convolutions begin with: `middle.0`, of `middle.0.expand`.
    pub name: String,
    /// Channels in and out.
    pub channels: usize,
    /// Hidden channels: twice as many, or fewer where it is pruned.
    pub hidden: usize,
    /// The value that holds the hidden channels.
    pub expanded: Value,
}

/// The residual blocks of one of the networks, in order.
pub fn blocks(network: &Arch) -> Vec<Block> {
    let inputs = network.inputs.len();
    let expansion = |(number, op): (usize, &Op)| {
        let Op::Conv { name, channels: hidden, .. } = op else { return None };
        let block = name.strip_suffix(".expand")?;
        let projected = network.ops.iter().find_map(|op| match op {
            Op::Conv { name, channels, .. } if name.strip_suffix(".project") == Some(block) => Some(*channels),
            _ => None,
        });
        Some(Block { name: block.to_owned(), channels: projected?, hidden: *hidden, expanded: inputs + number })
    };
    network.ops.iter().enumerate().filter_map(expansion).collect()
}

/// What model files call the generator whose residual blocks, the eye's and then the drawer's, have so many hidden
/// channels: [`NAME`] if all have theirs, else [`NAME`]`/h` and the numbers with points between them.
pub fn name(hidden: &[usize]) -> String {
    if [eye(), drawer()].iter().flat_map(blocks).map(|block| block.hidden).eq(hidden.iter().copied()) {
        return NAME.to_owned();
    }
    let hidden: Vec<String> = hidden.iter().map(usize::to_string).collect();
    format!("{NAME}/h{}", hidden.join("."))
}

/// Eye and drawer of the generator that model files call so: the inverse of [`name`].
///
/// # Errors
/// [`ErrorKind::File`](crate::ErrorKind::File) if nothing is called so: the name has not one number for each residual
/// block, or a block would have none of its hidden channels or more than there are.
pub fn networks(called: &str) -> Result<[Arch; 2], Error> {
    let whole = [eye(), drawer()];
    if called == NAME {
        return Ok(whole);
    }
    let Some(numbers) = called.strip_prefix(NAME).and_then(|rest| rest.strip_prefix("/h")) else {
        fail!(File, "{called} is no light generator; those are {NAME} and {NAME}/h with the blocks' hidden channels");
    };
    let (numbers, blocks): (Vec<&str>, Vec<Block>) =
        (numbers.split('.').collect(), whole.iter().flat_map(blocks).collect());
    if numbers.len() != blocks.len() {
        fail!(File, "{called} has hidden channels for {} blocks; there are {}", numbers.len(), blocks.len());
    }
    let mut hidden = Vec::new();
    for (number, block) in numbers.into_iter().zip(blocks) {
        match number.parse() {
            Ok(channels) if (1..=block.hidden).contains(&channels) => hidden.push(channels),
            _ => fail!(
                File,
                "{called}: {number:?} hidden channels in {}; 1 to {} are possible",
                block.name,
                block.hidden
            ),
        }
    }
    if name(&hidden) != called {
        fail!(File, "{called} must be written {}", name(&hidden));
    }
    let mut form = Form { name: called, hidden: &hidden, separable: true };
    Ok([eye_of(&mut form), drawer_of(&mut form)])
}

/// Eye and drawer with a standard 3×3 convolution in the place of every depthwise and the pointwise convolution that
/// expands it. For comparison: what separable convolutions save. No model file holds it.
pub fn standard() -> [Arch; 2] {
    let mut form = Form { name: "light-standard", hidden: &[], separable: false };
    [eye_of(&mut form), drawer_of(&mut form)]
}

/// The eye: RGB −1..1 of [`THUMBNAIL_PX`]² → 1×1×2C, scales then shifts for the drawer's coarsest level.
pub fn eye() -> Arch {
    eye_of(&mut Form::whole())
}

fn eye_of(form: &mut Form) -> Arch {
    let mut net = Builder::new(form, "eye", &[("thumbnail", 3)]);
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
    drawer_of(&mut Form::whole())
}

fn drawer_of(form: &mut Form) -> Arch {
    let [a, b, c, d] = WIDTHS;
    let mut net = Builder::new(form, "drawer", &[("picture", 3), ("modulation", 2 * d)]);
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
    let y0 = net.blocks(y0, "leave0", a, 2);

    let drawn = net.point(y0, "luma_head", 4 * DRAWN, plain);
    let drawn = net.push(Op::Shuffle { from: drawn, factor: 2 });
    let grid = net.point(y2, "chroma_head", 8, plain);
    let painted = net.push(Op::Paint { picture, drawn, grid });
    net.finish(&[("painted", painted)])
}

/// Which of the generators it is.
struct Form<'a> {
    name: &'a str,
    /// Hidden channels of the blocks that are still to be built; of those beyond, twice the channels.
    hidden: &'a [usize],
    /// Whether blocks begin with separable convolutions.
    separable: bool,
}

impl Form<'_> {
    fn whole() -> Self {
        Self { name: NAME, hidden: &[], separable: true }
    }
}

/// Writes the list of operations down.
struct Builder<'f, 'h> {
    form: &'f mut Form<'h>,
    arch: Arch,
}

impl<'f, 'h> Builder<'f, 'h> {
    fn new(form: &'f mut Form<'h>, part: &str, inputs: &[(&str, usize)]) -> Self {
        let inputs = inputs.iter().map(|&(name, channels)| (name.to_owned(), channels)).collect();
        let arch = Arch { name: format!("{}/{part}", form.name), inputs, ops: Vec::new(), outputs: Vec::new() };
        Self { form, arch }
    }

    fn push(&mut self, op: Op) -> Value {
        self.arch.push(op)
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

    /// Residual blocks: depthwise 3×3, then a pointwise pair of expansion 2, or less where pruned, added to the input.
    fn blocks(&mut self, mut x: Value, name: &str, channels: usize, count: usize) -> Value {
        for i in 0..count {
            let hidden = self.form.hidden.split_off_first().map_or(2 * channels, |hidden| *hidden);
            let expand = format!("{name}.{i}.expand");
            let y = if self.form.separable {
                let y = self.conv(x, &format!("{name}.{i}.depthwise"), channels, 3, 1, channels, Activation::Identity);
                self.point(y, &expand, hidden, LEAK)
            } else {
                self.conv(x, &expand, hidden, 3, 1, 1, LEAK)
            };
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
        self.arch.outputs = outputs.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        self.arch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn hidden(networks: &[Arch]) -> Vec<usize> {
        networks.iter().flat_map(blocks).map(|block| block.hidden).collect()
    }

    #[test]
    fn a_name_says_how_wide_the_blocks_are() {
        let whole = [eye(), drawer()];
        assert_eq!(networks(NAME), Ok(whole.clone()));
        assert_eq!(name(&hidden(&whole)), NAME);
        let narrow: Vec<usize> = hidden(&whole).iter().enumerate().map(|(i, width)| width - 3 * i).collect();
        let called = name(&narrow);
        assert_eq!(called, format!("{NAME}/h128.125.58.87.84.113.110.171.168.165.162.95.92.57.54.19.16"));
        let pruned = networks(&called).unwrap();
        assert_eq!((hidden(&pruned), pruned[1].name.as_str()), (narrow, &*format!("{called}/drawer")));
        for (whole, pruned) in whole.iter().zip(&pruned) {
            let unlike = whole.ops.iter().zip(&pruned.ops).filter(|(a, b)| a != b);
            assert!(unlike.count() <= blocks(whole).len());
            assert_eq!((&whole.inputs, &whole.outputs), (&pruned.inputs, &pruned.outputs));
        }
        assert_eq!(crate::model::architecture(&called), Ok(pruned.into()));
    }

    #[test]
    fn a_bad_name_is_refused_with_its_limit() {
        let widths = hidden(&[eye(), drawer()]).iter().map(usize::to_string).collect::<Vec<_>>();
        let with = |first: &str| format!("{NAME}/h{first}.{}", widths[1..].join("."));
        let refused = |called: &str| {
            let error = networks(called).expect_err(called);
            assert_eq!(
                (error.kind(), crate::model::architecture(called).is_err()),
                (ErrorKind::File, true),
                "{called}"
            );
            error.to_string()
        };
        for bad in ["0", "129", "", "-3", "x", "99999999999999999999"] {
            assert!(refused(&with(bad)).contains("eye.ponder.0; 1 to 128"), "{bad}");
        }
        assert!(refused(&format!("{NAME}/h5")).contains("for 1 blocks; there are 17"));
        assert!(refused(&with("040")).contains(&format!("must be written {NAME}/h40.128")));
        assert!(refused(&with("128")).ends_with(&format!("must be written {NAME}")));
        assert!(refused(&format!("{NAME}/")).contains("no light generator"));
        assert!(refused("classic-2").contains("no light generator"));
    }

    #[test]
    fn standard_convolutions_have_nine_times_the_weights_of_the_pointwise_ones() {
        let count = |networks: &[Arch]| -> usize {
            let tensors = networks.iter().flat_map(|network| crate::parameters(network).unwrap());
            tensors.map(|(_, shape)| shape.iter().product::<usize>()).sum()
        };
        let whole = [eye(), drawer()];
        let more: usize =
            whole.iter().flat_map(blocks).map(|b| 9 * b.channels * b.hidden - (10 + b.hidden) * b.channels).sum();
        assert_eq!(count(&standard()), count(&whole) + more);
    }
}
