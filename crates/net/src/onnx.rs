//! Networks as ONNX files, for other engines and for comparison: opset 18, one fixed picture size, NCHW inputs and
//! outputs, f32, standard operators only.

use crate::arch::{Activation, Arch, Op, Padding, Value};
use crate::error::Error;
use crate::light::{DAB_STEP_PX, DABS, YCC_FROM_RGB};
use crate::proto::Message;
use crate::shape::{Shape, shapes};
use crate::weights::{Tensor, Weights, check};

const OPSET: i64 = 18;
const IR_VERSION: i64 = 8;
const FLOAT: i64 = 1;
const INT64: i64 = 7;

/// Writes `arch` with its weights for inputs of these shapes. Inputs and outputs keep the architecture's names; a map
/// H×W×C becomes 1×C×H×W. The same network makes the same bytes.
///
/// # Errors
/// Where weights or shapes do not fit the architecture.
pub fn write(arch: &Arch, weights: &Weights, inputs: &[Shape]) -> Result<Vec<u8>, Error> {
    check(arch, weights)?;
    let shapes = shapes(arch, inputs)?;
    let mut graph = Graph { shapes: &shapes, weights: Some(weights), ..Graph::default() };
    graph.names = arch.inputs.iter().map(|(name, _)| name.clone()).collect();
    for (number, op) in arch.ops.iter().enumerate() {
        graph.prefix = format!("v{}", arch.inputs.len() + number);
        let name = graph.op(op);
        graph.names.push(name);
    }
    for (name, value) in &arch.outputs {
        let from = graph.names[*value].clone();
        graph.node("Identity", &[&from], name, &[]);
    }

    let mut body = Message::default();
    graph.nodes.iter().for_each(|node| _ = body.bytes(1, node));
    body.bytes(2, &arch.name);
    graph.tensors.iter().for_each(|tensor| _ = body.bytes(5, tensor));
    for ((name, _), shape) in arch.inputs.iter().zip(&shapes) {
        body.bytes(11, value_info(name, *shape));
    }
    for (name, value) in &arch.outputs {
        body.bytes(12, value_info(name, shapes[*value]));
    }
    let mut model = Message::default();
    model.number(1, IR_VERSION).bytes(2, "kaiga").bytes(7, body);
    model.bytes(8, Message::default().number(2, OPSET));
    Ok(model.as_ref().to_vec())
}

fn value_info(name: &str, shape: Shape) -> Message {
    let mut dimensions = Message::default();
    for size in [1, shape.channels, shape.height, shape.width] {
        dimensions.bytes(1, Message::default().number(1, size as i64));
    }
    let mut tensor = Message::default();
    tensor.number(1, FLOAT).bytes(2, dimensions);
    let mut info = Message::default();
    info.bytes(1, name).bytes(2, Message::default().bytes(1, tensor));
    info
}

/// An attribute of a node.
enum Attribute<'a> {
    Int(i64),
    Ints(&'a [i64]),
    Float(f32),
    Text(&'a str),
}
use Attribute::{Float, Int, Ints, Text};

/// The graph so far. Every node makes one value.
#[derive(Default)]
struct Graph<'a> {
    shapes: &'a [Shape],
    weights: Option<&'a Weights>,
    /// ONNX names of the architecture's values.
    names: Vec<String>,
    nodes: Vec<Message>,
    tensors: Vec<Message>,
    /// Beginning of the names of what the present operation makes.
    prefix: String,
    made: usize,
}

impl Graph<'_> {
    fn node(&mut self, kind: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute<'_>)]) {
        let mut node = Message::default();
        inputs.iter().for_each(|input| _ = node.bytes(1, input));
        node.bytes(2, output).bytes(3, output).bytes(4, kind);
        for (name, attribute) in attributes {
            let mut message = Message::default();
            message.bytes(1, name);
            // The numbers of the kinds are those of AttributeProto.AttributeType.
            match attribute {
                Float(number) => message.float(2, *number).number(20, 1),
                Int(number) => message.number(3, *number).number(20, 2),
                Text(text) => message.bytes(4, text).number(20, 3),
                Ints(numbers) => {
                    numbers.iter().for_each(|number| _ = message.number(8, *number));
                    message.number(20, 7)
                }
            };
            node.bytes(5, message);
        }
        self.nodes.push(node);
    }

    /// A node whose result gets a name of its own.
    fn make(&mut self, kind: &str, inputs: &[&str], attributes: &[(&str, Attribute<'_>)]) -> String {
        let name = self.fresh();
        self.node(kind, inputs, &name, attributes);
        name
    }

    fn fresh(&mut self) -> String {
        self.made += 1;
        format!("{}.{}", self.prefix, self.made)
    }

    fn tensor(&mut self, name: &str, kind: i64, shape: &[usize], bytes: &[u8]) {
        let mut tensor = Message::default();
        shape.iter().for_each(|&size| _ = tensor.number(1, size as i64));
        tensor.number(2, kind).bytes(8, name).bytes(9, bytes);
        self.tensors.push(tensor);
    }

    fn floats(&mut self, shape: &[usize], numbers: &[f32]) -> String {
        let name = self.fresh();
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.tensor(&name, FLOAT, shape, &bytes);
        name
    }

    fn ints(&mut self, numbers: &[i64]) -> String {
        let name = self.fresh();
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.tensor(&name, INT64, &[numbers.len()], &bytes);
        name
    }

    fn weight(&mut self, name: &str, part: &str) -> String {
        let name = format!("{name}.{part}");
        let Tensor { shape, data } = &self.weights.expect("the graph is made with weights")[&name];
        let bytes: Vec<u8> = data.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.tensor(&name, FLOAT, shape, &bytes);
        name
    }

    fn op(&mut self, op: &Op) -> String {
        let name_of = |graph: &Self, value: Value| graph.names[value].clone();
        match *op {
            Op::Conv { from, ref name, kernel, stride, groups, bias, padding, activation, .. } => {
                let x = name_of(self, from);
                let x = self.pad(&x, padding, kernel);
                let mut inputs = vec![x, self.weight(name, "weight")];
                if bias {
                    inputs.push(self.weight(name, "bias"));
                }
                let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
                let (kernel, stride) = ([kernel as i64; 2], [stride as i64; 2]);
                let attributes =
                    [("group", Int(groups as i64)), ("kernel_shape", Ints(&kernel)), ("strides", Ints(&stride))];
                let x = self.make("Conv", &inputs, &attributes);
                self.activate(x, activation)
            }
            Op::Norm { from, ref name, activation } => self.norm(&name_of(self, from), name, activation),
            Op::Add { a, b } => self.make("Add", &[&name_of(self, a), &name_of(self, b)], &[]),
            Op::Unshuffle { from, factor } => {
                // SpaceToDepth puts the place before the channel; ours puts it behind.
                let (shape, f) = (self.shapes[from], factor as i64);
                let [h, w, c] = [shape.height, shape.width, shape.channels].map(|size| size as i64);
                let x = self.reshape(&name_of(self, from), &[1, c, h / f, f, w / f, f]);
                let x = self.make("Transpose", &[&x], &[("perm", Ints(&[0, 1, 3, 5, 2, 4]))]);
                self.reshape(&x, &[1, c * f * f, h / f, w / f])
            }
            Op::Shuffle { from, factor } => {
                let attributes = [("blocksize", Int(factor as i64)), ("mode", Text("CRD"))];
                self.make("DepthToSpace", &[&name_of(self, from)], &attributes)
            }
            Op::Upsample { from, like, align_corners } => {
                let mode = if align_corners { "align_corners" } else { "half_pixel" };
                let to = Shape { channels: self.shapes[from].channels, ..self.shapes[like] };
                self.resize(&name_of(self, from), to, mode)
            }
            Op::Modulate { from, by } => {
                let channels = self.shapes[from].channels as i64;
                let by = name_of(self, by);
                let scale = self.slice(&by, 1, 0, channels);
                let shift = self.slice(&by, 1, channels, 2 * channels);
                let factor = self.add_one(&scale);
                let x = self.make("Mul", &[&name_of(self, from), &factor], &[]);
                self.make("Add", &[&x, &shift], &[])
            }
            Op::Attend { cells, score } => {
                let shape = self.shapes[cells];
                let positions = (shape.height * shape.width) as i64;
                let score = self.reshape(&name_of(self, score), &[1, 1, positions]);
                let weight = self.make("Softmax", &[&score], &[("axis", Int(2))]);
                let cells = self.reshape(&name_of(self, cells), &[1, shape.channels as i64, positions]);
                let weighted = self.make("Mul", &[&cells, &weight], &[]);
                let sum = self.sum(&weighted, 2);
                self.reshape(&sum, &[1, shape.channels as i64, 1, 1])
            }
            Op::Paint { picture, drawn, grid } => {
                let shape = self.shapes[picture];
                self.paint(&name_of(self, picture), &name_of(self, drawn), &name_of(self, grid), shape)
            }
        }
    }

    fn pad(&mut self, x: &str, padding: Padding, kernel: usize) -> String {
        let (before, after) = padding.sides(kernel);
        let mode = match padding {
            Padding::Replicate => "edge",
            Padding::Reflect { .. } => "reflect",
            Padding::None | Padding::Zero => "constant",
        };
        if before + after == 0 { x.to_owned() } else { self.pad_by(x, before as i64, after as i64, mode) }
    }

    fn pad_by(&mut self, x: &str, before: i64, after: i64, mode: &str) -> String {
        let pads = self.ints(&[0, 0, before, before, 0, 0, after, after]);
        self.make("Pad", &[x, &pads], &[("mode", Text(mode))])
    }

    fn activate(&mut self, x: String, activation: Activation) -> String {
        match activation {
            Activation::Identity => x,
            Activation::LeakyRelu(slope) => self.make("LeakyRelu", &[&x], &[("alpha", Float(slope))]),
            Activation::Tanh => self.make("Tanh", &[&x], &[]),
        }
    }

    /// One group: instance normalisation of everything in one channel, then the factors of the true channels.
    fn norm(&mut self, x: &str, name: &str, activation: Activation) -> String {
        let shape = self.shapes[self.names.iter().position(|known| known == x).expect("the value was named")];
        let (one, zero) = (self.floats(&[1], &[1.0]), self.floats(&[1], &[0.0]));
        let flat = self.reshape(x, &[1, 1, shape.numbers() as i64]);
        let flat = self.make("InstanceNormalization", &[&flat, &one, &zero], &[("epsilon", Float(1e-5))]);
        let x = self.reshape(&flat, &[1, shape.channels as i64, shape.height as i64, shape.width as i64]);
        let weights = self.weights.expect("the graph is made with weights");
        let part = |part: &str| &weights[&format!("{name}.{part}")].data;
        let factor = self.floats(&[1, shape.channels, 1, 1], part("weight"));
        let shift = self.floats(&[1, shape.channels, 1, 1], part("bias"));
        let x = self.make("Mul", &[&x, &factor], &[]);
        let x = self.make("Add", &[&x, &shift], &[]);
        self.activate(x, activation)
    }

    /// Stroke attention, see [`crate::light::drawer`].
    fn paint(&mut self, picture: &str, drawn: &str, grid: &str, shape: Shape) -> String {
        let (height, width, step) = (shape.height as i64, shape.width as i64, DAB_STEP_PX as i64);
        let matrix = self.floats(&[3, 3, 1, 1], YCC_FROM_RGB.as_flattened());
        let ycc = self.make("Conv", &[picture, &matrix], &[("kernel_shape", Ints(&[1, 1]))]);
        let padded = self.pad_by(&ycc, 1, 1, "edge");
        let mean = self.make("AveragePool", &[&padded], &[("kernel_shape", Ints(&[3, 3])), ("strides", Ints(&[1, 1]))]);
        let mean = self.pad_by(&mean, step, step, "edge");
        let logits = self.slice(drawn, 1, 0, DABS as i64);
        let weights = self.make("Softmax", &[&logits], &[("axis", Int(1))]);
        let own = self.slice(&weights, 1, 0, 1);
        let mut sum = self.make("Mul", &[&ycc, &own], &[]);
        for i in 0..DABS as i64 - 1 {
            let rows = self.slice(&mean, 2, i / 3 * step, i / 3 * step + height);
            let dab = self.slice(&rows, 3, i % 3 * step, i % 3 * step + width);
            let weight = self.slice(&weights, 1, 1 + i, 2 + i);
            let part = self.make("Mul", &[&dab, &weight], &[]);
            sum = self.make("Add", &[&sum, &part], &[]);
        }
        let [luma, cb, cr] = [0, 1, 2].map(|c| self.slice(&sum, 1, c, c + 1));
        let [gain, offset, ink] = [0, 1, 2].map(|i| self.slice(drawn, 1, (DABS + i) as i64, (DABS + i) as i64 + 1));
        let factor = self.add_one(&gain);
        let lit = self.make("Mul", &[&luma, &factor], &[]);
        let lit = self.make("Add", &[&lit, &offset], &[]);
        let affine = self.resize(grid, Shape { channels: 8, ..shape }, "half_pixel");
        let new_cb = self.affine(&cb, &cr, &luma, &affine, 0);
        let new_cr = self.affine(&cr, &cb, &luma, &affine, 4);
        let ink = self.make("Sigmoid", &[&ink], &[]);
        self.make("Concat", &[&lit, &new_cb, &new_cr, &ink], &[("axis", Int(1))])
    }

    /// own·(1 + q0) + other·q1 + luma·q2 + q3, with q the channels of `affine` from `first` on.
    fn affine(&mut self, own: &str, other: &str, luma: &str, affine: &str, first: i64) -> String {
        let q: Vec<String> = (first..first + 4).map(|c| self.slice(affine, 1, c, c + 1)).collect();
        let factor = self.add_one(&q[0]);
        let parts = [(own, &factor), (other, &q[1]), (luma, &q[2])].map(|(x, by)| self.make("Mul", &[x, by], &[]));
        let sum = self.make("Add", &[&parts[0], &parts[1]], &[]);
        let sum = self.make("Add", &[&sum, &parts[2]], &[]);
        self.make("Add", &[&sum, &q[3]], &[])
    }

    fn add_one(&mut self, x: &str) -> String {
        let one = self.floats(&[], &[1.0]);
        self.make("Add", &[x, &one], &[])
    }

    fn reshape(&mut self, x: &str, shape: &[i64]) -> String {
        let shape = self.ints(shape);
        self.make("Reshape", &[x, &shape], &[])
    }

    fn slice(&mut self, x: &str, axis: i64, start: i64, end: i64) -> String {
        let [start, end, axis] = [start, end, axis].map(|number| self.ints(&[number]));
        self.make("Slice", &[x, &start, &end, &axis], &[])
    }

    fn sum(&mut self, x: &str, axis: i64) -> String {
        let axes = self.ints(&[axis]);
        self.make("ReduceSum", &[x, &axes], &[("keepdims", Int(0))])
    }

    fn resize(&mut self, x: &str, to: Shape, mode: &str) -> String {
        let sizes = self.ints(&[1, to.channels as i64, to.height as i64, to.width as i64]);
        let attributes = [("mode", Text("linear")), ("coordinate_transformation_mode", Text(mode))];
        self.make("Resize", &[x, "", "", &sizes], &attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{classic, light, parameters};

    /// Whether the files compute the same is checked against ONNX Runtime by
    /// `crates/engine/benches/against_onnxruntime.py`.
    #[test]
    fn every_network_is_written_the_same_twice_with_all_its_numbers() {
        let drawer = [Shape::new(32, 48, 3), Shape::new(1, 1, 192)];
        let [_, pruned] = light::networks(&light::name(&[7; 17])).unwrap();
        for (arch, inputs) in [
            (light::drawer(), &drawer[..]),
            (pruned, &drawer[..]),
            (light::eye(), &[Shape::new(128, 128, 3)][..]),
            (classic::generator(true), &drawer[..1]),
        ] {
            let tensors = parameters(&arch).unwrap().into_iter();
            let weights: Weights = tensors
                .map(|(name, shape)| {
                    let count = shape.iter().product();
                    (name, Tensor::new(&shape, vec![0.5; count]))
                })
                .collect();
            let numbers: usize = weights.values().map(|tensor| tensor.data.len()).sum();
            let bytes = write(&arch, &weights, inputs).unwrap();
            assert_eq!(bytes, write(&arch, &weights, inputs).unwrap());
            assert!(bytes.len() > 4 * numbers && bytes.len() < 4 * numbers + 60_000, "{}: {}", arch.name, bytes.len());
            assert!(write(&arch, &Weights::new(), inputs).is_err());
            assert!(write(&arch, &weights, &[]).is_err());
        }
    }
}
