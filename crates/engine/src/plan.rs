//! From the list of operations to the steps the fast executor takes: operations that belong together become one
//! step, and every value is known to be dead after its last use.

use net::{Activation, Arch, Op, Padding, Value, Weights};

use crate::conv::{Block, Conv, Up};
use crate::gemm::Packed;
use crate::winograd::{SQUARE, Winograd};

/// One step; makes the value `to`.
pub(crate) struct Step {
    pub(crate) to: Value,
    pub(crate) from: Vec<Value>,
    pub(crate) kernel: Kernel,
    /// The source whose memory becomes the result's, see [`Kernel::overwrites`], if nobody reads it later.
    pub(crate) on: Option<Value>,
    /// Values nobody reads after this step.
    pub(crate) dead: Vec<Value>,
}

/// What a step does with its sources.
pub(crate) enum Kernel {
    Conv(Conv),
    /// Sources: the input, and where it is to be resampled the map whose size it gets.
    Winograd(Winograd),
    /// Sources: the input.
    Block(Block),
    /// Sources: the coarse map, the map it is added to.
    Up(Up),
    /// Sources: the picture, what the head draws from, the grid.
    PaintFromHead(Packed),
    /// Sources: the picture, what was drawn, the grid.
    Paint,
    Norm {
        weight: Vec<f32>,
        bias: Vec<f32>,
        activation: Activation,
    },
    Add,
    Unshuffle(usize),
    Shuffle(usize),
    Upsample {
        align_corners: bool,
    },
    Modulate,
    Attend,
}

impl Kernel {
    /// Which of its sources a kernel may be given as its result, to change it there: the map that an [`Up`] adds to, the map of
    /// a norm.
    pub(crate) fn overwrites(&self) -> Option<usize> {
        match self {
            Self::Up(_) => Some(1),
            Self::Norm { .. } => Some(0),
            _ => None,
        }
    }
}

/// Px of the first input along a side of a px of the coarsest maps that are filtered in squares: on coarser ones there is less to
/// gain than the wider borders of tiles cost.
const FINE: usize = 2;

/// What tiles must begin at multiples of for squares to lie where they lie in the whole, in px of the first input.
pub(crate) const ALIGNMENT_PX: usize = FINE * SQUARE;

/// Px of the first input along a side of one px of each value.
fn grain(arch: &Arch) -> Vec<usize> {
    let mut grain = vec![1; arch.inputs.len()];
    for op in &arch.ops {
        let of_source = op.sources().first().map_or(1, |&value| grain[value]);
        grain.push(match *op {
            Op::Conv { stride, .. } => of_source * stride,
            Op::Unshuffle { factor, .. } => of_source * factor,
            Op::Shuffle { factor, .. } => (of_source / factor).max(1),
            Op::Upsample { like, .. } => grain[like],
            _ => of_source,
        });
    }
    grain
}

/// How much further than [`net::measure()`] says a result depends on its surroundings to the last bit, in px of the first
/// input: squares of outputs are rounded together.
pub(crate) fn further_px(arch: &Arch, steps: &[Step]) -> usize {
    let grain = grain(arch);
    let further = |step: &Step| match &step.kernel {
        Kernel::Winograd(winograd) => winograd.further() * grain[step.to],
        _ => 0,
    };
    steps.iter().map(further).sum()
}

/// The steps of `arch` in order. The weights must have been checked.
pub(crate) fn plan(arch: &Arch, weights: &Weights) -> Vec<Step> {
    let planner = Planner::new(arch, weights);
    let mut steps: Vec<Step> = Vec::new();
    for number in (0..arch.ops.len()).rev() {
        // Backwards, so that an operation knows whether a later one has taken it in.
        if steps.iter().any(|step| planner.absorbed(step).contains(&(arch.inputs.len() + number))) {
            continue;
        }
        steps.push(planner.step(number));
    }
    steps.reverse();
    let mut seen: Vec<Value> = arch.outputs.iter().map(|&(_, value)| value).collect();
    for step in steps.iter_mut().rev() {
        for &value in step.from.iter().chain([&step.to]) {
            if !seen.contains(&value) {
                seen.push(value);
                step.dead.push(value);
            }
        }
        if let Some(place) = step.kernel.overwrites() {
            let value = step.from[place];
            step.on = step.dead.iter().position(|dead| *dead == value).map(|at| step.dead.swap_remove(at));
        }
    }
    steps
}

struct Planner<'a> {
    arch: &'a Arch,
    weights: &'a Weights,
    channels: Vec<usize>,
    /// How often each value is read; outputs count.
    uses: Vec<usize>,
    /// Px of the first input along a side of one px of each value.
    grain: Vec<usize>,
}

impl<'a> Planner<'a> {
    fn new(arch: &'a Arch, weights: &'a Weights) -> Self {
        let channels = net::shape::channels(arch).expect("the architecture was checked with the weights");
        let mut uses = vec![0; channels.len()];
        let outputs = arch.outputs.iter().map(|&(_, value)| value);
        arch.ops.iter().flat_map(Op::sources).chain(outputs).for_each(|value| uses[value] += 1);
        Self { arch, weights, channels, uses, grain: grain(arch) }
    }

    /// The operation that makes `value`, if nothing but one operation reads it: then that may take it in.
    fn only_for_one(&self, value: Value) -> Option<&'a Op> {
        let number = value.checked_sub(self.arch.inputs.len())?;
        (self.uses[value] == 1).then(|| &self.arch.ops[number])
    }

    /// The values between a step's sources and its result, which are never made.
    fn absorbed(&self, step: &Step) -> Vec<Value> {
        let mut inner = Vec::new();
        let mut open = self.arch.ops[step.to - self.arch.inputs.len()].sources();
        while let Some(value) = open.pop() {
            if !step.from.contains(&value) {
                inner.push(value);
                open.extend(self.arch.ops[value - self.arch.inputs.len()].sources());
            }
        }
        inner
    }

    fn step(&self, number: usize) -> Step {
        let op = &self.arch.ops[number];
        let fused = match op {
            Op::Add { a, b } => self
                .block(*a, *b)
                .or_else(|| self.block(*b, *a))
                .or_else(|| self.up(*a, *b))
                .or_else(|| self.up(*b, *a)),
            Op::Conv { from, .. } => self.unshuffled(op, *from).or_else(|| self.upsampled(op, *from)),
            Op::Paint { picture, drawn, grid } => self.paint(*picture, *drawn, *grid),
            _ => None,
        };
        let (from, kernel) = fused.unwrap_or_else(|| (op.sources(), self.alone(op)));
        Step { to: self.arch.inputs.len() + number, from, kernel, on: None, dead: Vec::new() }
    }

    fn alone(&self, op: &Op) -> Kernel {
        match *op {
            Op::Conv { from, .. } => self.dense(op, from, None),
            Op::Norm { ref name, activation, .. } => Kernel::Norm {
                weight: self.tensor(name, "weight").to_vec(),
                bias: self.tensor(name, "bias").to_vec(),
                activation,
            },
            Op::Add { .. } => Kernel::Add,
            Op::Unshuffle { factor, .. } => Kernel::Unshuffle(factor),
            Op::Shuffle { factor, .. } => Kernel::Shuffle(factor),
            Op::Upsample { align_corners, .. } => Kernel::Upsample { align_corners },
            Op::Modulate { .. } => Kernel::Modulate,
            Op::Attend { .. } => Kernel::Attend,
            Op::Paint { .. } => Kernel::Paint,
        }
    }

    fn tensor(&self, name: &str, part: &str) -> &'a [f32] {
        &self.weights[&format!("{name}.{part}")].data
    }

    /// One matrix for each group of a convolution.
    fn packed(&self, op: &Op) -> Vec<Packed> {
        let Op::Conv { name, channels, groups, bias, activation, .. } = op else {
            unreachable!("asked of a Conv only")
        };
        let weight = self.tensor(name, "weight");
        let zeros = vec![0.0; *channels];
        let bias = if *bias { self.tensor(name, "bias") } else { &zeros };
        let (rows, size) = (channels / groups, weight.len() / groups);
        weight.chunks(size).zip(bias.chunks(rows)).map(|(w, b)| Packed::new(w, b, *activation)).collect()
    }

    fn conv(&self, op: &Op, unshuffle: usize) -> Conv {
        let Op::Conv { kernel, stride, padding, .. } = *op else { unreachable!("asked of a Conv only") };
        Conv { groups: self.packed(op), kernel, stride, padding, unshuffle, upsample: None }
    }

    /// A convolution of `input`, resampled or not, in the quicker of two ways.
    fn dense(&self, op: &Op, input: Value, upsample: Option<bool>) -> Kernel {
        let Op::Conv { name, channels, kernel, stride, groups, bias, padding, activation, .. } = op else {
            unreachable!("asked of a Conv only")
        };
        if (*stride, *groups) == (1, 1) && self.grain[input] <= FINE {
            let (weights, taken) = (self.tensor(name, "weight"), self.channels[input]);
            let zeros = vec![0.0; *channels];
            let bias = if *bias { self.tensor(name, "bias") } else { &zeros };
            if let Some(mut winograd) = Winograd::new(weights, bias, taken, *kernel, *padding, *activation) {
                winograd.upsample = upsample;
                return Kernel::Winograd(winograd);
            }
        }
        Kernel::Conv(Conv { upsample, ..self.conv(op, 1) })
    }

    fn pointwise(&self, value: Value) -> Option<(&'a Op, Value)> {
        match self.only_for_one(value)? {
            op @ Op::Conv { from, kernel: 1, stride: 1, groups: 1, .. } => Some((op, *from)),
            _ => None,
        }
    }

    fn only(&self, op: &Op) -> Packed {
        self.packed(op).remove(0)
    }

    /// `input + project(expand(depthwise(input)))`.
    fn block(&self, input: Value, sum: Value) -> Option<(Vec<Value>, Kernel)> {
        let (project, expanded) = self.pointwise(sum)?;
        let (expand, filtered) = self.pointwise(expanded)?;
        let Op::Conv { from, name, kernel: 3, stride: 1, groups, bias, padding, activation, .. } =
            self.only_for_one(filtered)?
        else {
            return None;
        };
        let channels = self.channels[input];
        let fits = *from == input && *groups == channels && self.channels[filtered] == channels;
        if !fits || *padding != Padding::Replicate || *activation != Activation::Identity {
            return None;
        }
        let depthwise_bias = if *bias { self.tensor(name, "bias").to_vec() } else { vec![0.0; channels] };
        let depthwise = self.tensor(name, "weight").to_vec();
        let (expand, project) = (self.only(expand), self.only(project));
        Some((vec![input], Kernel::Block(Block { depthwise, depthwise_bias, expand, project })))
    }

    /// `shuffle(pointwise(x)) + skip`.
    fn up(&self, shuffled: Value, skip: Value) -> Option<(Vec<Value>, Kernel)> {
        let Op::Shuffle { from, factor } = *self.only_for_one(shuffled)? else { return None };
        let (conv, from) = self.pointwise(from)?;
        Some((vec![from, skip], Kernel::Up(Up { packed: self.only(conv), factor })))
    }

    /// A convolution of the pixel-unshuffled input.
    fn unshuffled(&self, op: &Op, input: Value) -> Option<(Vec<Value>, Kernel)> {
        let Op::Unshuffle { from, factor } = *self.only_for_one(input)? else { return None };
        Some((vec![from], Kernel::Conv(self.conv(op, factor))))
    }

    /// A convolution of the resampled input: the source, and the map whose size it gets.
    fn upsampled(&self, op: &Op, input: Value) -> Option<(Vec<Value>, Kernel)> {
        let Op::Upsample { from, like, align_corners } = *self.only_for_one(input)? else { return None };
        Some((vec![from, like], self.dense(op, input, Some(align_corners))))
    }

    /// Painting with the head that draws for it.
    fn paint(&self, picture: Value, drawn: Value, grid: Value) -> Option<(Vec<Value>, Kernel)> {
        let Op::Shuffle { from, factor: 2 } = *self.only_for_one(drawn)? else { return None };
        let (head, from) = self.pointwise(from)?;
        Some((vec![picture, from, grid], Kernel::PaintFromHead(self.only(head))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(arch: &Arch) -> Vec<Step> {
        let parameters = net::parameters(arch).unwrap().into_iter();
        let weights = parameters.map(|(name, shape)| {
            let count = shape.iter().product();
            (name, net::Tensor::new(&shape, vec![0.0; count]))
        });
        plan(arch, &weights.collect())
    }

    #[test]
    fn the_fine_dense_convolutions_of_the_classic_network_are_done_in_squares() {
        let arch = net::classic::generator(true);
        let steps = planned(&arch);
        let is_winograd = |step: &&Step| matches!(step.kernel, Kernel::Winograd(_));
        assert_eq!(steps.iter().filter(is_winograd).count(), 6);
        // Two of 3×3 and one of 7×7 on the finest maps, three of 3×3 on maps half as fine.
        assert_eq!(further_px(&arch, &steps), (3 + 3 + 4) + 2 * (3 + 3 + 3));
        let drawer = net::light::drawer();
        assert_eq!(further_px(&drawer, &planned(&drawer)), 0);
    }

    #[test]
    fn the_drawer_is_nothing_but_fused_steps() {
        let drawer = net::light::drawer();
        let steps = planned(&drawer);
        let count = |is: fn(&Kernel) -> bool| steps.iter().filter(|step| is(&step.kernel)).count();
        assert_eq!(count(|kernel| matches!(kernel, Kernel::Block(_))), 15);
        assert_eq!(count(|kernel| matches!(kernel, Kernel::Up(_))), 3);
        assert_eq!(count(|kernel| matches!(kernel, Kernel::Conv(_))), 5);
        assert_eq!(count(|kernel| matches!(kernel, Kernel::PaintFromHead(_) | Kernel::Modulate)), 2);
        assert_eq!(steps.len(), 15 + 3 + 5 + 2);
        // Every way up adds to the map from the way down; everything but the painting dies somewhere, once.
        assert!(steps.iter().all(|step| step.on.is_some() == matches!(step.kernel, Kernel::Up(_))));
        let mut dead: Vec<Value> = steps.iter().flat_map(|step| step.dead.iter().copied().chain(step.on)).collect();
        assert_eq!(dead.len(), 2 + steps.len() - 1);
        dead.sort_unstable();
        dead.dedup();
        assert_eq!(dead.len(), 2 + steps.len() - 1);
    }
}
