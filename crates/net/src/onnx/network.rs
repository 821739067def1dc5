//! The operations of a network as nodes of a graph.

use super::graph::Attribute::{Float, Int, Ints, Text};
use super::graph::{Graph, Levels};
use crate::arch::{Activation, Arch, Op, Padding, Value};
use crate::error::{Error, fail};
use crate::light::{DAB_STEP_PX, DABS, GRID_PX, YCC_FROM_RGB};
use crate::shape::{Shape, channels};
use crate::weights::{Weights, check};

/// Appends a network that reads the values `inputs` to a graph, and names the values that come out. `shapes` are those of
/// all values of `arch`; without them the graph is for pictures of any size. With `ranges`, the least and the largest number
/// of every value, its convolutions compute with 8-bit integers.
///
/// # Errors
/// Where weights do not fit the architecture.
pub(super) fn append(
    graph: &mut Graph,
    arch: &Arch,
    weights: &Weights,
    inputs: &[&str],
    shapes: Option<&[Shape]>,
    ranges: Option<&[(f32, f32)]>,
) -> Result<Vec<String>, Error> {
    check(arch, weights)?;
    if ranges.is_some_and(|ranges| ranges.len() != arch.inputs.len() + arch.ops.len()) {
        fail!(Input, "{} needs the range of every value", arch.name);
    }
    let names = inputs.iter().map(|name| (*name).to_owned()).collect();
    let mut network = Network { graph, arch, weights, shapes, ranges, channels: channels(arch)?, names };
    for (number, op) in arch.ops.iter().enumerate() {
        let part = arch.name.rsplit('/').next().unwrap_or_default();
        network.graph.prefix = format!("{part}/v{}", arch.inputs.len() + number);
        let name = network.op(op);
        network.names.push(name);
    }
    Ok(arch.outputs.iter().map(|&(_, value)| network.names[value].clone()).collect())
}

struct Network<'a> {
    graph: &'a mut Graph,
    arch: &'a Arch,
    weights: &'a Weights,
    shapes: Option<&'a [Shape]>,
    ranges: Option<&'a [(f32, f32)]>,
    channels: Vec<usize>,
    /// ONNX names of the architecture's values.
    names: Vec<String>,
}

impl Network<'_> {
    fn op(&mut self, op: &Op) -> String {
        let [first, second, third] = {
            let sources = op.sources();
            let name = |i: usize| sources.get(i).map_or(String::new(), |&value| self.names[value].clone());
            [name(0), name(1), name(2)]
        };
        match *op {
            Op::Conv { from, ref name, kernel, stride, groups, bias, padding, activation, .. } => {
                let folded = folds(op).then(|| self.unshuffled(from)).flatten();
                let (x, kernel, stride) = match folded {
                    Some((source, factor)) => (self.names[source].clone(), factor, factor),
                    None => (self.graph.pad(&first, padding, kernel), kernel, stride),
                };
                let value = self.names.len();
                let int8 = self.ranges.filter(|_| !self.is_drawn(value)).map(|ranges| {
                    let (low, high) = ranges[from];
                    (Levels::of(low, high), before(activation, ranges[value]))
                });
                let x = self.conv(&x, name, kernel, stride, groups, bias, int8);
                self.graph.activate(x, activation)
            }
            Op::Norm { from, ref name, activation } => self.norm(&first, name, activation, from),
            Op::Add { .. } => self.graph.two("Add", &first, &second),
            Op::Unshuffle { from, factor } => {
                let value = self.names.len();
                // Nobody reads what every reader has folded into itself.
                let whole = self.arch.outputs.iter().any(|&(_, output)| output == value)
                    || self.arch.ops.iter().any(|op| op.sources().contains(&value) && !folds(op));
                if whole { self.unshuffle(&first, self.channels[from], factor) } else { String::new() }
            }
            Op::Shuffle { factor, .. } => {
                let attributes = [("blocksize", Int(factor as i64)), ("mode", Text("CRD"))];
                self.graph.make("DepthToSpace", &[&first], &attributes)
            }
            Op::Upsample { from, like, align_corners } => {
                let mode = if align_corners { "align_corners" } else { "half_pixel" };
                let sizes = self.sizes(&second, like, self.channels[from]);
                let attributes = [("mode", Text("linear")), ("coordinate_transformation_mode", Text(mode))];
                self.graph.make("Resize", &[&first, "", "", &sizes], &attributes)
            }
            Op::Modulate { from, .. } => {
                let channels = self.channels[from] as i64;
                let scale = self.graph.slice(&second, 1, 0, channels);
                let shift = self.graph.slice(&second, 1, channels, 2 * channels);
                let factor = self.graph.with("Add", &scale, 1.0);
                let x = self.graph.two("Mul", &first, &factor);
                self.graph.two("Add", &x, &shift)
            }
            Op::Attend { cells, .. } => {
                let channels = self.channels[cells] as i64;
                let score = self.graph.reshape(&second, &[1, 1, -1]);
                let weight = self.graph.make("Softmax", &[&score], &[("axis", Int(2))]);
                let cells = self.graph.reshape(&first, &[1, channels, -1]);
                let weighted = self.graph.two("Mul", &cells, &weight);
                let axes = self.graph.ints(&[2]);
                let sum = self.graph.make("ReduceSum", &[&weighted, &axes], &[("keepdims", Int(0))]);
                self.graph.reshape(&sum, &[1, channels, 1, 1])
            }
            Op::Paint { .. } => self.paint(&first, &second, &third),
        }
    }

    fn conv(
        &mut self,
        x: &str,
        name: &str,
        kernel: usize,
        stride: usize,
        groups: usize,
        bias: bool,
        int8: Option<(Levels, Levels)>,
    ) -> String {
        let (weight, bias_name) = (format!("{name}.weight"), format!("{name}.bias"));
        let tensor = &self.weights[&weight];
        let bias = if bias { Some(&self.weights[&bias_name]) } else { None };
        // A pointwise convolution of a pixel-unshuffled map is a strided one of the map itself, with the same numbers in
        // the same order.
        let taken = tensor.data.len() / tensor.shape[0] / (kernel * kernel);
        let shape = [tensor.shape[0], taken, kernel, kernel];
        let graph = &mut *self.graph;
        let mut inputs = match int8 {
            None => vec![x.to_owned(), graph.weights(&weight, &shape, &tensor.data)],
            Some((taken, _)) => {
                let x = graph.through_bytes(x, taken);
                let (weights, mut steps) = graph.weights_int8(&weight, &shape, &tensor.data);
                steps.iter_mut().for_each(|step| *step *= taken.step);
                let bias = bias.map(|bias| graph.bias_int32(&bias_name, &bias.data, &steps));
                [x, weights].into_iter().chain(bias).collect()
            }
        };
        if let Some(bias) = bias.filter(|_| int8.is_none()) {
            inputs.push(graph.weights(&bias_name, &bias.shape, &bias.data));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let (kernel, stride) = ([kernel as i64; 2], [stride as i64; 2]);
        let attributes = [("group", Int(groups as i64)), ("kernel_shape", Ints(&kernel)), ("strides", Ints(&stride))];
        let x = graph.make("Conv", &inputs, &attributes);
        int8.map_or(x.clone(), |(_, made)| graph.through_bytes(&x, made))
    }

    /// Whether a value is painted by: a softmax turns small differences between its numbers into other colours, so that
    /// 8 bits are too few.
    fn is_drawn(&self, value: Value) -> bool {
        let read_by = |op: &Op, value: Value| op.sources().contains(&value);
        self.arch.ops.iter().enumerate().any(|(number, op)| match op {
            Op::Paint { .. } => read_by(op, value),
            Op::Shuffle { .. } => read_by(op, value) && self.is_drawn(self.arch.inputs.len() + number),
            _ => false,
        })
    }

    /// What a value is the pixel-unshuffled map of, and by which factor.
    fn unshuffled(&self, value: Value) -> Option<(Value, usize)> {
        match self.arch.ops.get(value.checked_sub(self.arch.inputs.len())?)? {
            &Op::Unshuffle { from, factor } => Some((from, factor)),
            _ => None,
        }
    }

    /// By a convolution that picks: engines run it faster than a transposition, and at any size.
    fn unshuffle(&mut self, x: &str, channels: usize, factor: usize) -> String {
        let cells = factor * factor;
        let picks: Vec<f32> =
            (0..channels * cells * cells).map(|i| f32::from(u8::from(i / cells % cells == i % cells))).collect();
        let picks = self.graph.floats(&[channels * cells, 1, factor, factor], &picks);
        let side = [factor as i64; 2];
        let attributes = [("group", Int(channels as i64)), ("kernel_shape", Ints(&side)), ("strides", Ints(&side))];
        self.graph.make("Conv", &[x, &picks], &attributes)
    }

    /// 1, `channels`, and height and width of a value, as whole numbers.
    fn sizes(&mut self, name: &str, value: Value, channels: usize) -> String {
        if let Some(shapes) = self.shapes {
            let shape = shapes[value];
            return self.graph.ints(&[1, channels as i64, shape.height as i64, shape.width as i64]);
        }
        let size = self.graph.size(name);
        let front = self.graph.ints(&[1, channels as i64]);
        self.graph.concat(&[&front, &size], 0)
    }

    /// One group: instance normalisation of everything in one channel, then the factors of the true channels.
    fn norm(&mut self, x: &str, name: &str, activation: Activation, value: Value) -> String {
        let (one, zero) = (self.graph.floats(&[1], &[1.0]), self.graph.floats(&[1], &[0.0]));
        let flat = self.graph.reshape(x, &[1, 1, -1]);
        let attributes = [("epsilon", Float(1e-5))];
        let flat = self.graph.make("InstanceNormalization", &[&flat, &one, &zero], &attributes);
        let sizes = self.sizes(x, value, self.channels[value]);
        let x = self.graph.two("Reshape", &flat, &sizes);
        let part = |part: &str| &self.weights[&format!("{name}.{part}")].data;
        let factor = self.graph.channels(part("weight"));
        let shift = self.graph.channels(part("bias"));
        let x = self.graph.two("Mul", &x, &factor);
        let x = self.graph.two("Add", &x, &shift);
        self.graph.activate(x, activation)
    }

    /// Stroke attention, see [`crate::light::drawer`].
    fn paint(&mut self, picture: &str, drawn: &str, grid: &str) -> String {
        let graph = &mut *self.graph;
        let step = DAB_STEP_PX as i64;
        let matrix = graph.floats(&[3, 3, 1, 1], YCC_FROM_RGB.as_flattened());
        let ycc = graph.make("Conv", &[picture, &matrix], &[("kernel_shape", Ints(&[1, 1]))]);
        let padded = graph.pad(&ycc, Padding::Replicate, 3);
        let attributes = [("kernel_shape", Ints(&[3, 3])), ("strides", Ints(&[1, 1]))];
        let mean = graph.make("AveragePool", &[&padded], &attributes);
        let mean = graph.pad_by(&mean, step, step, "edge");
        let logits = graph.slice(drawn, 1, 0, DABS as i64);
        let weights = graph.make("Softmax", &[&logits], &[("axis", Int(1))]);
        let own = graph.slice(&weights, 1, 0, 1);
        let mut sum = graph.two("Mul", &ycc, &own);
        // Counted from the far end, so that the size need not be known.
        let end = |i: i64| if i == 2 { i64::MAX } else { (i - 2) * step };
        for row in 0..3 {
            let rows = graph.slice(&mean, 2, row * step, end(row));
            for column in 0..3 {
                let dab = graph.slice(&rows, 3, column * step, end(column));
                let number = 1 + 3 * row + column;
                let weight = graph.slice(&weights, 1, number, number + 1);
                let part = graph.two("Mul", &dab, &weight);
                sum = graph.two("Add", &sum, &part);
            }
        }
        let [luma, cb, cr] = [0, 1, 2].map(|c| graph.slice(&sum, 1, c, c + 1));
        let [gain, offset, ink] = [0, 1, 2].map(|i| graph.slice(drawn, 1, DABS as i64 + i, DABS as i64 + i + 1));
        let factor = graph.with("Add", &gain, 1.0);
        let lit = graph.two("Mul", &luma, &factor);
        let lit = graph.two("Add", &lit, &offset);
        let scales = graph.floats(&[4], &[1.0, 1.0, GRID_PX as f32, GRID_PX as f32]);
        let attributes = [("mode", Text("linear")), ("coordinate_transformation_mode", Text("half_pixel"))];
        let affine = graph.make("Resize", &[grid, "", &scales], &attributes);
        let new_cb = chroma(graph, [&cb, &cr, &luma], &affine, 0);
        let new_cr = chroma(graph, [&cr, &cb, &luma], &affine, 4);
        let ink = graph.make("Sigmoid", &[&ink], &[]);
        graph.concat(&[&lit, &new_cb, &new_cr, &ink], 1)
    }
}

/// The bytes for what is before an activation of whose result the range is known.
fn before(activation: Activation, (low, high): (f32, f32)) -> Levels {
    match activation {
        Activation::LeakyRelu(slope) => Levels::of(if low < 0.0 { low / slope } else { low }, high),
        Activation::Identity => Levels::of(low, high),
        // What is beyond changes little.
        Activation::Tanh => Levels::of(-3.0, 3.0),
    }
}

/// Whether an operation takes a pixel-unshuffled map as well before it is unshuffled: a pointwise convolution does.
fn folds(op: &Op) -> bool {
    matches!(op, Op::Conv { kernel: 1, stride: 1, groups: 1, .. })
}

/// own·(1 + q0) + other·q1 + luma·q2 + q3, with q the channels of `affine` from `first` on.
fn chroma(graph: &mut Graph, [own, other, luma]: [&str; 3], affine: &str, first: i64) -> String {
    let q: Vec<String> = (first..first + 4).map(|c| graph.slice(affine, 1, c, c + 1)).collect();
    let factor = graph.with("Add", &q[0], 1.0);
    let parts = [(own, &factor), (other, &q[1]), (luma, &q[2])].map(|(x, by)| graph.two("Mul", x, by));
    let sum = graph.two("Add", &parts[0], &parts[1]);
    let sum = graph.two("Add", &sum, &parts[2]);
    graph.two("Add", &sum, &q[3])
}
