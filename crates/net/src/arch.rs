//! A network as a plain list of operations. The engine's plan, the trainable twin, the ONNX bytes and
//! the measurements (multiply-adds, receptive field, activation memory) are all read from it.

/// The number of a value: the inputs come first, then the result of each operation in order.
pub type Value = usize;

/// A network: named inputs, operations in order, the values that come out.
#[derive(Clone, Debug, PartialEq)]
pub struct Arch {
    /// Name of the architecture, as model files write it: `light-2/drawer`.
    pub name: String,
    /// Inputs: name and channels.
    pub inputs: Vec<(String, usize)>,
    /// Operations; operation `i` makes the value `inputs.len() + i`.
    pub ops: Vec<Op>,
    /// The values that come out, with their names.
    pub outputs: Vec<(String, Value)>,
}

/// What lies beyond the border of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Nothing: the result shrinks.
    None,
    /// The border pixel repeated; on every side `kernel / 2`.
    Replicate,
    /// The picture mirrored without repeating the border pixel: left/top and right/bottom in pixels.
    Reflect {
        /// Pixels added on the left and at the top.
        before: usize,
        /// Pixels added on the right and at the bottom.
        after: usize,
    },
    /// Zeros; on every side `kernel / 2`.
    Zero,
}

/// The function behind a convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// None.
    Identity,
    /// `max(x, slope · x)`.
    LeakyRelu(f32),
    /// Hyperbolic tangent.
    Tanh,
}

/// One operation. Every value is a map H×W×C; a vector is a 1×1×C map.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Convolution, `NAME.weight` (cout × cin/groups × kernel × kernel) and, with `bias`, `NAME.bias` (cout).
    Conv {
        /// Input.
        from: Value,
        /// Name of the weights.
        name: String,
        /// Output channels.
        channels: usize,
        /// Side of the kernel, px.
        kernel: usize,
        /// Step between outputs, px.
        stride: usize,
        /// Groups: 1 is dense, the number of input channels is depthwise.
        groups: usize,
        /// Whether there is a bias.
        bias: bool,
        /// Beyond the border.
        padding: Padding,
        /// Behind the sum.
        activation: Activation,
    },
    /// Norm over H, W and C together (one group, eps 1e-5), then `NAME.weight`·x + `NAME.bias` by channel, then
    /// the activation. Sees the whole picture: a network with it cannot be tiled.
    Norm {
        /// Input.
        from: Value,
        /// Name of the weights.
        name: String,
        /// Behind the norm.
        activation: Activation,
    },
    /// Sum of two maps of the same shape.
    Add {
        /// One.
        a: Value,
        /// The other.
        b: Value,
    },
    /// Pixel-unshuffle: H×W×C → H/f × W/f × C·f². Channel `c·f² + dy·f + dx` is channel `c` at (f·y+dy, f·x+dx).
    Unshuffle {
        /// Input.
        from: Value,
        /// Factor f.
        factor: usize,
    },
    /// Pixel-shuffle, the inverse of [`Op::Unshuffle`].
    Shuffle {
        /// Input.
        from: Value,
        /// Factor f.
        factor: usize,
    },
    /// Bilinear resampling to the height and width of `like`.
    Upsample {
        /// Input.
        from: Value,
        /// Whose size to take.
        like: Value,
        /// Whether the corner pixels' centres coincide (the PyTorch checkpoints of the classic network).
        align_corners: bool,
    },
    /// Per-channel modulation: `x·(1 + by[c]) + by[C + c]`, with `by` a 1×1×2C map.
    Modulate {
        /// Input, C channels.
        from: Value,
        /// Scales, then shifts: 1×1×2C.
        by: Value,
    },
    /// Attention pooling: the mean of `cells` (H×W×C) weighted by the softmax over all positions of `score`
    /// (H×W×1). Makes 1×1×C.
    Attend {
        /// What is averaged.
        cells: Value,
        /// Which cells matter.
        score: Value,
    },
    /// Stroke attention with luma and chroma heads: the step that paints. See [`crate::light`] for the formula.
    /// Makes H×W×4: Y, Cb, Cr of the painting without its ink (Y −1..1; Cb, Cr as the same matrix gives them for
    /// RGB −1..1), then ink 0..1.
    Paint {
        /// The picture, RGB −1..1, H×W×3.
        picture: Value,
        /// H×W×13: ten dab logits, luma gain, luma offset, ink logit.
        drawn: Value,
        /// H/8 × W/8 × 8: the chroma enhancement grid.
        grid: Value,
    },
}

impl Op {
    /// The values this operation reads, in the order of its fields.
    pub fn sources(&self) -> Vec<Value> {
        match *self {
            Op::Conv { from, .. } | Op::Norm { from, .. } | Op::Unshuffle { from, .. } | Op::Shuffle { from, .. } => {
                vec![from]
            }
            Op::Add { a, b } => vec![a, b],
            Op::Upsample { from, like, .. } => vec![from, like],
            Op::Modulate { from, by } => vec![from, by],
            Op::Attend { cells, score } => vec![cells, score],
            Op::Paint { picture, drawn, grid } => vec![picture, drawn, grid],
        }
    }
}

impl Arch {
    /// Writes one more operation down and says which value it makes.
    pub fn push(&mut self, op: Op) -> Value {
        self.ops.push(op);
        self.inputs.len() + self.ops.len() - 1
    }
}
