//! An ONNX graph being written: nodes, constants, and the bytes of the model.

use half::f16;

use crate::arch::{Activation, Padding};
use crate::proto::Message;

/// The version of the operators that all graphs use.
pub(super) const OPSET: i64 = 18;
const IR_VERSION: i64 = 8;

/// Types of numbers, as `TensorProto.DataType` counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    Float = 1,
    Bytes = 2,
    Int8 = 3,
    Int32 = 6,
    Int64 = 7,
    Half = 10,
}

/// A dimension of an input or output.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dimension {
    Is(usize),
    /// Whatever the caller brings; one name is one size.
    Named(&'static str),
}

/// An attribute of a node.
pub(super) enum Attribute<'a> {
    Int(i64),
    Ints(&'a [i64]),
    Float(f32),
    Text(&'a str),
}
use Attribute::{Float, Int, Ints, Text};

/// How a range of numbers lies on bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Levels {
    /// From one byte to the next.
    pub(super) step: f32,
    /// The byte that is 0.
    pub(super) zero: u8,
}

impl Levels {
    /// Bytes for numbers from `low` to `high`, with 0 among them.
    pub(super) fn of(low: f32, high: f32) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let step = ((high - low) / 255.0).max(1e-12);
        Self { step, zero: (-low / step).round() as u8 }
    }
}

/// The graph so far. Every node makes one value; values are known by their names.
#[derive(Default)]
pub(super) struct Graph {
    nodes: Vec<Message>,
    tensors: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
    /// Beginning of the names of what is made now.
    pub(super) prefix: String,
    made: usize,
    /// Whether weights are stored in half precision.
    half_weights: bool,
}

impl Graph {
    /// An empty one.
    pub(super) fn new(half_weights: bool) -> Self {
        Self { half_weights, ..Self::default() }
    }

    pub(super) fn input(&mut self, name: &str, kind: Numbers, dimensions: &[Dimension]) {
        self.inputs.push(value_info(name, kind, dimensions));
    }

    /// Gives `value` out under `name`.
    pub(super) fn output(&mut self, name: &str, value: &str, kind: Numbers, dimensions: &[Dimension]) {
        self.node("Identity", &[value], name, &[]);
        self.outputs.push(value_info(name, kind, dimensions));
    }

    /// The model's bytes: the graph's name, and what it says about itself by key.
    pub(super) fn finish(self, name: &str, notes: &[(&str, String)]) -> Vec<u8> {
        let mut body = Message::default();
        self.nodes.iter().for_each(|node| _ = body.bytes(1, node));
        body.bytes(2, name);
        self.tensors.iter().for_each(|tensor| _ = body.bytes(5, tensor));
        self.inputs.iter().for_each(|input| _ = body.bytes(11, input));
        self.outputs.iter().for_each(|output| _ = body.bytes(12, output));
        let mut model = Message::default();
        model.number(1, IR_VERSION).bytes(2, "kaiga").bytes(3, env!("CARGO_PKG_VERSION")).bytes(7, body);
        model.bytes(8, Message::default().number(2, OPSET));
        for (key, text) in notes {
            model.bytes(14, Message::default().bytes(1, key).bytes(2, text));
        }
        model.as_ref().to_vec()
    }

    fn node(&mut self, kind: &str, inputs: &[&str], output: &str, attributes: &[(&str, Attribute<'_>)]) {
        let mut node = Message::default();
        inputs.iter().for_each(|input| _ = node.bytes(1, input));
        // Some engines keep nodes and values in one register: their names differ.
        node.bytes(2, output).bytes(3, format!("{output}/{kind}")).bytes(4, kind);
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
    pub(super) fn make(&mut self, kind: &str, inputs: &[&str], attributes: &[(&str, Attribute<'_>)]) -> String {
        let name = self.fresh();
        self.node(kind, inputs, &name, attributes);
        name
    }

    fn fresh(&mut self) -> String {
        self.made += 1;
        format!("{}.{}", self.prefix, self.made)
    }

    fn tensor(&mut self, name: &str, kind: Numbers, shape: &[usize], bytes: impl Iterator<Item = u8>) {
        let mut tensor = Message::default();
        shape.iter().for_each(|&size| _ = tensor.number(1, size as i64));
        tensor.number(2, kind as i64).bytes(8, name).bytes(9, bytes.collect::<Vec<u8>>());
        self.tensors.push(tensor);
    }

    /// A constant.
    pub(super) fn floats(&mut self, shape: &[usize], numbers: &[f32]) -> String {
        let name = self.fresh();
        self.tensor(&name, Numbers::Float, shape, numbers.iter().flat_map(|number| number.to_le_bytes()));
        name
    }

    pub(super) fn scalar(&mut self, number: f32) -> String {
        self.floats(&[], &[number])
    }

    /// Numbers of the channels of a map.
    pub(super) fn channels(&mut self, numbers: &[f32]) -> String {
        self.floats(&[1, numbers.len(), 1, 1], numbers)
    }

    /// A list of whole numbers.
    pub(super) fn ints(&mut self, numbers: &[i64]) -> String {
        let name = self.fresh();
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
        self.tensor(&name, Numbers::Int64, &[numbers.len()], bytes);
        name
    }

    /// Weights, under their own name.
    pub(super) fn weights(&mut self, name: &str, shape: &[usize], numbers: &[f32]) -> String {
        if !self.half_weights {
            self.tensor(name, Numbers::Float, shape, numbers.iter().flat_map(|number| number.to_le_bytes()));
            return name.to_owned();
        }
        let halves = numbers.iter().flat_map(|&number| f16::from_f32(number).to_le_bytes());
        self.tensor(name, Numbers::Half, shape, halves);
        self.cast(name, Numbers::Float)
    }

    /// A map as bytes and back: engines of 8-bit integers take the neighbours of such a pair together with it.
    pub(super) fn through_bytes(&mut self, x: &str, range: Levels) -> String {
        let scale = self.scalar(range.step);
        let zero = self.fresh();
        self.tensor(&zero, Numbers::Bytes, &[], [range.zero].into_iter());
        let bytes = self.make("QuantizeLinear", &[x, &scale, &zero], &[]);
        self.make("DequantizeLinear", &[&bytes, &scale, &zero], &[])
    }

    /// Weights in 8 bits, each row with a step of its own, and those steps. Of the 8 bits 7 are used: x86 processors
    /// without VNNI add two products of a map's byte and a weight in 16 bits, and 2·255·64 is the most that holds.
    pub(super) fn weights_int8(&mut self, name: &str, shape: &[usize], numbers: &[f32]) -> (String, Vec<f32>) {
        let rows = numbers.chunks_exact(numbers.len() / shape[0]);
        let step = |row: &[f32]| (row.iter().fold(0.0, |most: f32, number| most.max(number.abs())) / 64.0).max(1e-12);
        let steps: Vec<f32> = rows.clone().map(step).collect();
        let levels =
            rows.zip(&steps).flat_map(|(row, step)| row.iter().map(move |number| (number / step).round() as i8 as u8));
        self.tensor(name, Numbers::Int8, shape, levels);
        (self.row_steps(name, &steps), steps)
    }

    /// A bias in steps of what it is added to, as integers.
    pub(super) fn bias_int32(&mut self, name: &str, numbers: &[f32], steps: &[f32]) -> String {
        let levels =
            numbers.iter().zip(steps).flat_map(|(number, step)| ((number / step).round() as i32).to_le_bytes());
        self.tensor(name, Numbers::Int32, &[numbers.len()], levels);
        self.row_steps(name, steps)
    }

    fn row_steps(&mut self, name: &str, steps: &[f32]) -> String {
        let steps = self.floats(&[steps.len()], steps);
        self.make("DequantizeLinear", &[name, &steps], &[("axis", Int(0))])
    }

    pub(super) fn cast(&mut self, x: &str, to: Numbers) -> String {
        self.make("Cast", &[x], &[("to", Int(to as i64))])
    }

    /// `Add`, `Mul`, … of two values.
    pub(super) fn two(&mut self, kind: &str, a: &str, b: &str) -> String {
        self.make(kind, &[a, b], &[])
    }

    /// `Add`, `Mul`, … of a value and a number.
    pub(super) fn with(&mut self, kind: &str, x: &str, number: f32) -> String {
        let number = self.scalar(number);
        self.two(kind, x, &number)
    }

    /// `factor`·x + `shift`.
    pub(super) fn affine(&mut self, x: &str, factor: f32, shift: f32) -> String {
        let x = self.with("Mul", x, factor);
        self.with("Add", &x, shift)
    }

    pub(super) fn clip(&mut self, x: &str, low: f32, high: f32) -> String {
        let [low, high] = [low, high].map(|number| self.scalar(number));
        self.make("Clip", &[x, &low, &high], &[])
    }

    pub(super) fn reshape(&mut self, x: &str, shape: &[i64]) -> String {
        let shape = self.ints(shape);
        self.two("Reshape", x, &shape)
    }

    pub(super) fn slice(&mut self, x: &str, axis: i64, start: i64, end: i64) -> String {
        let [start, end, axis] = [start, end, axis].map(|number| self.ints(&[number]));
        self.make("Slice", &[x, &start, &end, &axis], &[])
    }

    pub(super) fn concat(&mut self, parts: &[&str], axis: i64) -> String {
        self.make("Concat", parts, &[("axis", Int(axis))])
    }

    /// Height and width of a 1×C×H×W map, as whole numbers.
    pub(super) fn size(&mut self, x: &str) -> String {
        let shape = self.make("Shape", &[x], &[]);
        self.slice(&shape, 0, 2, 4)
    }

    pub(super) fn pad(&mut self, x: &str, padding: Padding, kernel: usize) -> String {
        let (before, after) = padding.sides(kernel);
        let mode = match padding {
            Padding::Replicate => "edge",
            Padding::Reflect { .. } => "reflect",
            Padding::None | Padding::Zero => "constant",
        };
        if before + after == 0 { x.to_owned() } else { self.pad_by(x, before as i64, after as i64, mode) }
    }

    pub(super) fn pad_by(&mut self, x: &str, before: i64, after: i64, mode: &str) -> String {
        let pads = self.ints(&[0, 0, before, before, 0, 0, after, after]);
        self.make("Pad", &[x, &pads], &[("mode", Text(mode))])
    }

    pub(super) fn activate(&mut self, x: String, activation: Activation) -> String {
        match activation {
            Activation::Identity => x,
            Activation::LeakyRelu(slope) => self.make("LeakyRelu", &[&x], &[("alpha", Float(slope))]),
            Activation::Tanh => self.make("Tanh", &[&x], &[]),
        }
    }
}

fn value_info(name: &str, kind: Numbers, dimensions: &[Dimension]) -> Message {
    let mut shape = Message::default();
    for dimension in dimensions {
        let mut entry = Message::default();
        match dimension {
            Dimension::Is(size) => entry.number(1, *size as i64),
            Dimension::Named(name) => entry.bytes(2, name),
        };
        shape.bytes(1, entry);
    }
    let mut tensor = Message::default();
    tensor.number(1, kind as i64).bytes(2, shape);
    let mut info = Message::default();
    info.bytes(1, name).bytes(2, Message::default().bytes(1, tensor));
    info
}
