//! Shape inference: how large every value of a network is, and which tensors it needs.

use crate::arch::{Arch, Op, Padding};
use crate::error::{Error, fail};
use crate::light;

/// Size of a map: H×W×C. A vector is 1×1×C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Numbers at each position.
    pub channels: usize,
}

impl Shape {
    /// H×W×C.
    pub const fn new(height: usize, width: usize, channels: usize) -> Self {
        Self { height, width, channels }
    }

    /// How many numbers a map of this shape holds.
    pub const fn numbers(&self) -> usize {
        self.height * self.width * self.channels
    }

    const fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}×{}×{}", self.height, self.width, self.channels)
    }
}

impl Padding {
    /// Pixels added before and after, along each axis, for a kernel of side `kernel`.
    pub const fn sides(self, kernel: usize) -> (usize, usize) {
        match self {
            Padding::None => (0, 0),
            Padding::Replicate | Padding::Zero => (kernel / 2, kernel / 2),
            Padding::Reflect { before, after } => (before, after),
        }
    }

    /// Which of `length` positions stands at `at`, which may lie outside; `None` is a zero.
    pub const fn source(self, at: isize, length: usize) -> Option<usize> {
        let last = length as isize - 1;
        match self {
            Padding::None | Padding::Zero if at < 0 || at > last => None,
            Padding::Reflect { .. } if at < 0 => Some(-at as usize),
            Padding::Reflect { .. } if at > last => Some((2 * last - at) as usize),
            Padding::Replicate if at < 0 => Some(0),
            Padding::Replicate if at > last => Some(last as usize),
            _ => Some(at as usize),
        }
    }
}

/// The shape of every value (inputs first) for inputs of these shapes.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) where the inputs do not fit,
/// [`ErrorKind::Arch`](crate::ErrorKind::Arch) where the operations contradict each other.
pub fn shapes(arch: &Arch, inputs: &[Shape]) -> Result<Vec<Shape>, Error> {
    if inputs.len() != arch.inputs.len() {
        fail!(Input, "{} takes {} inputs, got {}", arch.name, arch.inputs.len(), inputs.len());
    }
    for ((name, channels), shape) in arch.inputs.iter().zip(inputs) {
        if shape.channels != *channels || shape.numbers() == 0 {
            fail!(Input, "{}: input {name} must have {channels} channels and be non-empty, got {shape}", arch.name);
        }
    }
    let mut shapes = inputs.to_vec();
    for (number, op) in arch.ops.iter().enumerate() {
        let shape = of_op(op, &shapes)
            .map_err(|error| Error::new(error.kind(), format!("{}, operation {number}: {error}", arch.name)))?;
        shapes.push(shape);
    }
    for (name, value) in &arch.outputs {
        if *value >= shapes.len() {
            fail!(Arch, "{}: output {name} is value {value}, which nothing makes", arch.name);
        }
    }
    Ok(shapes)
}

fn of_op(op: &Op, known: &[Shape]) -> Result<Shape, Error> {
    if let Some(value) = op.sources().into_iter().find(|&value| value >= known.len()) {
        fail!(Arch, "value {value} is used before it is made");
    }
    Ok(match *op {
        Op::Conv { from, ref name, channels, kernel, stride, groups, padding, .. } => {
            let input = known[from];
            if groups == 0
                || !input.channels.is_multiple_of(groups)
                || !channels.is_multiple_of(groups)
                || stride == 0
                || kernel == 0
            {
                fail!(Arch, "{name}: {} → {channels} channels cannot be in {groups} groups", input.channels);
            }
            let (before, after) = padding.sides(kernel);
            let short = input.height.min(input.width);
            if matches!(padding, Padding::Reflect { .. }) && before.max(after) >= short {
                fail!(Input, "{name}: a map of {input} is too small to be mirrored {} px", before.max(after));
            }
            if short + before + after < kernel {
                fail!(Input, "{name}: a map of {input} is smaller than the kernel of {kernel} px");
            }
            let side = |length: usize| (length + before + after - kernel) / stride + 1;
            Shape::new(side(input.height), side(input.width), channels)
        }
        Op::Norm { from, .. } => known[from],
        Op::Add { a, b } => {
            if known[a] != known[b] {
                fail!(Arch, "cannot add {} and {}", known[a], known[b]);
            }
            known[a]
        }
        Op::Unshuffle { from, factor } => {
            let input = known[from];
            if factor == 0 || !input.height.is_multiple_of(factor) || !input.width.is_multiple_of(factor) {
                fail!(Input, "the sides of a map of {input} must be divisible by {factor}");
            }
            Shape::new(input.height / factor, input.width / factor, input.channels * factor * factor)
        }
        Op::Shuffle { from, factor } => {
            let input = known[from];
            if factor == 0 || !input.channels.is_multiple_of(factor * factor) {
                fail!(Arch, "{} channels cannot be shuffled by {factor}", input.channels);
            }
            Shape::new(input.height * factor, input.width * factor, input.channels / (factor * factor))
        }
        Op::Upsample { from, like, .. } => Shape { channels: known[from].channels, ..known[like] },
        Op::Modulate { from, by } => {
            if known[by] != Shape::new(1, 1, 2 * known[from].channels) {
                fail!(Input, "modulating {} takes 1×1×{}, got {}", known[from], 2 * known[from].channels, known[by]);
            }
            known[from]
        }
        Op::Attend { cells, score } => {
            if known[score] != (Shape { channels: 1, ..known[cells] }) {
                fail!(Arch, "a score of {} cannot weight cells of {}", known[score], known[cells]);
            }
            Shape::new(1, 1, known[cells].channels)
        }
        Op::Paint { picture, drawn, grid } => {
            let (picture, drawn, grid) = (known[picture], known[drawn], known[grid]);
            let cells = (picture.height / light::GRID_PX, picture.width / light::GRID_PX);
            let divisible = picture.height % light::GRID_PX == 0 && picture.width % light::GRID_PX == 0;
            if picture.channels != 3 || drawn.channels != light::DRAWN || grid.channels != 8 {
                fail!(Arch, "painting takes 3, {} and 8 channels", light::DRAWN);
            }
            if !divisible || drawn.size() != picture.size() || grid.size() != cells {
                fail!(Input, "painting {picture} cannot take what was drawn at {drawn} with a grid of {grid}");
            }
            Shape { channels: 4, ..picture }
        }
    })
}

/// How many channels every value has (inputs first). Independent of the picture's size.
///
/// # Errors
/// [`ErrorKind::Arch`](crate::ErrorKind::Arch) where a value is used before it is made.
pub fn channels(arch: &Arch) -> Result<Vec<usize>, Error> {
    let mut known: Vec<usize> = arch.inputs.iter().map(|(_, channels)| *channels).collect();
    for (number, op) in arch.ops.iter().enumerate() {
        if let Some(value) = op.sources().into_iter().find(|&value| value >= known.len()) {
            fail!(Arch, "{}, operation {number}: value {value} is used before it is made", arch.name);
        }
        known.push(match *op {
            Op::Conv { channels, .. } => channels,
            Op::Norm { from, .. } | Op::Upsample { from, .. } | Op::Modulate { from, .. } => known[from],
            Op::Add { a, .. } => known[a],
            Op::Unshuffle { from, factor } => known[from] * factor * factor,
            Op::Shuffle { from, factor } => known[from] / (factor * factor).max(1),
            Op::Attend { cells, .. } => known[cells],
            Op::Paint { .. } => 4,
        });
    }
    Ok(known)
}

/// The tensors a network needs, in the order of its operations: name and shape.
///
/// # Errors
/// As [`channels`].
pub fn parameters(arch: &Arch) -> Result<Vec<(String, Vec<usize>)>, Error> {
    let channels_of = channels(arch)?;
    let mut tensors = Vec::new();
    for op in &arch.ops {
        match *op {
            Op::Conv { from, ref name, channels, kernel, groups, bias, .. } => {
                let taken = channels_of[from] / groups.max(1);
                tensors.push((format!("{name}.weight"), vec![channels, taken, kernel, kernel]));
                if bias {
                    tensors.push((format!("{name}.bias"), vec![channels]));
                }
            }
            Op::Norm { from, ref name, .. } => {
                tensors.push((format!("{name}.weight"), vec![channels_of[from]]));
                tensors.push((format!("{name}.bias"), vec![channels_of[from]]));
            }
            _ => {}
        }
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn the_drawer_keeps_the_size_and_names_what_does_not_fit() {
        let drawer = light::drawer();
        let last = |height, width| {
            let inputs = [Shape::new(height, width, 3), Shape::new(1, 1, 192)];
            shapes(&drawer, &inputs).map(|all| all[drawer.outputs[0].1])
        };
        assert_eq!(last(48, 16), Ok(Shape::new(48, 16, 4)));
        let error = last(48, 24).expect_err("24 is not divisible by 16");
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains("divisible by 2"), "{error}");
    }

    #[test]
    fn channels_agree_with_shapes() {
        for (arch, inputs) in [
            (light::drawer(), vec![Shape::new(32, 32, 3), Shape::new(1, 1, 192)]),
            (light::eye(), vec![Shape::new(128, 128, 3)]),
            (crate::classic::generator(true), vec![Shape::new(32, 48, 3)]),
        ] {
            let by_shape: Vec<usize> = shapes(&arch, &inputs).unwrap().iter().map(|shape| shape.channels).collect();
            assert_eq!(channels(&arch).unwrap(), by_shape, "{}", arch.name);
        }
    }

    #[test]
    fn padding_reads_where_it_says() {
        let row = |padding: Padding| (-2..5).map(|at| padding.source(at, 3)).collect::<Vec<_>>();
        assert_eq!(row(Padding::Replicate), [0, 0, 0, 1, 2, 2, 2].map(Some));
        assert_eq!(row(Padding::Reflect { before: 2, after: 2 }), [2, 1, 0, 1, 2, 1, 0].map(Some));
        assert_eq!(row(Padding::Zero), [None, None, Some(0), Some(1), Some(2), None, None]);
    }
}
