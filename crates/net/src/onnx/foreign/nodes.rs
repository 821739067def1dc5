//! Follows a graph node by node: what it reads must have been made, and may not grow beyond bounds.

use super::read::{Node, Tensor};
use super::sizes::{self, Sizes};
use super::{LONGEST_SIDE_PX, Range};
use crate::error::{Error, fail};
use std::collections::HashMap;

/// The operators of networks that paint: convolutions, norms, activations, resampling, and arithmetic on sizes. None of them
/// runs in a loop or makes a map out of a number.
#[rustfmt::skip]
const OPERATORS: [&str; 64] = [
    "Abs", "Add", "AveragePool", "BatchNormalization", "Cast", "Ceil", "Clip", "Concat", "Constant", "Conv",
    "ConvTranspose", "DepthToSpace", "DequantizeLinear", "Div", "Elu", "Erf", "Exp", "Flatten", "Floor", "Gather",
    "Gelu", "Gemm", "GlobalAveragePool", "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization",
    "LayerNormalization", "LeakyRelu", "Log", "MatMul", "Max", "MaxPool", "Min", "Mul", "Neg", "PRelu", "Pad", "Pow",
    "QuantizeLinear", "Reciprocal", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum",
    "ReduceSumSquare", "Relu", "Reshape", "Resize", "Round", "Shape", "Sigmoid", "Slice", "Softmax", "Softplus",
    "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Transpose", "Unsqueeze",
];
/// No map may hold more numbers for each number of the picture. The classic network has 11.
const MOST_GROWTH: f64 = 2048.0;
/// No picture that is painted has fewer numbers: 16 px a side, three colours.
const LEAST_NUMBERS: f64 = 768.0;
/// By how much resampling to a size that is computed while the graph runs is taken to grow a map: twice a side.
const COMPUTED_GROWTH: f64 = 4.0;
/// Sides of kernels, steps, borders of convolutions.
const MOST_OF_A_KERNEL: i64 = 1024;

/// What is known of a value.
#[derive(Clone, Default)]
pub(super) struct Known {
    /// Numbers for each number of the picture, at most; 0 of what is made of constants alone.
    growth: f64,
    pub(super) sizes: Option<Sizes>,
    /// The numbers of constants, if they are few.
    pub(super) few: Option<Vec<f64>>,
}

/// The values so far.
#[derive(Default)]
pub(super) struct Check {
    values: HashMap<String, Known>,
    /// Numbers of all constants.
    pub(super) parameters: usize,
}

impl Check {
    pub(super) fn knows(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    pub(super) fn input(&mut self, name: &str, sizes: Sizes) {
        self.values.insert(name.to_owned(), Known { growth: 1.0, sizes: Some(sizes), few: None });
    }

    pub(super) fn constant(&mut self, name: String, tensor: Tensor<'_>) -> Result<(), Error> {
        self.parameters = self.parameters.saturating_add(tensor.shape.iter().product());
        if self.parameters > crate::torch::MOST_NUMBERS {
            fail!(File, "the graph's tensors hold more than {} numbers together", crate::torch::MOST_NUMBERS);
        }
        // Ends of slices are written as the largest numbers there are.
        let limit = LONGEST_SIDE_PX as f64;
        let beyond = |number: &&f64| number.abs() > limit && number.abs() < 2_147_483_647.0;
        if let Some(number) = tensor.few.iter().flatten().find(beyond).filter(|_| tensor.whole) {
            fail!(File, "the graph holds the size {number}, the limit is {LONGEST_SIDE_PX}");
        }
        let sizes = Some(tensor.shape.into_iter().map(Some).collect());
        self.made(name, Known { growth: 0.0, sizes, few: tensor.few })
    }

    fn made(&mut self, name: String, mut known: Known) -> Result<(), Error> {
        if let Some(count) = known.sizes.as_ref().and_then(|sizes| sizes::count(sizes)) {
            let limit = crate::torch::MOST_NUMBERS;
            if known.growth == 0.0 && count > limit {
                fail!(File, "{name:?} would hold {count} numbers, the limit is {limit}");
            }
            known.growth = known.growth.min(count as f64 / LEAST_NUMBERS);
        }
        if known.growth.is_nan() || known.growth > MOST_GROWTH {
            fail!(
                File,
                "{name:?} would be {:.0} times as large as the picture, the limit is {MOST_GROWTH}",
                known.growth
            );
        }
        match self.values.insert(name.clone(), known) {
            None => Ok(()),
            Some(_) => fail!(File, "the graph makes {name:?} twice"),
        }
    }

    pub(super) fn node(&mut self, node: &Node<'_>) -> Result<(), Error> {
        let kind = node.kind;
        if !OPERATORS.contains(&kind) {
            fail!(
                File,
                "the graph has the operator {kind:?}, which networks of this kind do not need and kaiga does not run"
            );
        }
        let mut sources = Vec::new();
        for name in &node.inputs {
            match self.values.get(*name) {
                Some(known) => sources.push(known.clone()),
                None if name.is_empty() => sources.push(Known::default()),
                None => fail!(
                    File,
                    "{kind} reads {name:?} before anything makes it: the graph runs in a circle, or its nodes are not in order"
                ),
            }
        }
        if kind == "Constant" {
            let (Some(tensor), [name]) = (&node.tensor, &node.outputs[..]) else {
                // Single numbers; sizes written so are few.
                let known = Known { few: node.ints.first().map(|(_, ints)| floats(ints)), ..Known::default() };
                return node.outputs.iter().try_for_each(|name| self.made((*name).to_owned(), known.clone()));
            };
            return self.constant((*name).to_owned(), tensor.clone());
        }
        let known = result(node, &sources)?;
        let named = node.outputs.iter().filter(|name| !name.is_empty());
        named.map(|name| (*name).to_owned()).try_for_each(|name| self.made(name, known.clone()))
    }

    /// What white is where a value comes out, told from what makes it.
    pub(super) fn range_of(&self, value: &str, nodes: &[Node<'_>]) -> Option<Range> {
        let mut value = value;
        loop {
            let node = nodes.iter().rev().find(|node| node.outputs.contains(&value))?;
            match node.kind {
                "Transpose" | "Identity" | "Reshape" | "Squeeze" | "Unsqueeze" | "Slice" | "Cast" => {
                    value = node.inputs.first()?;
                }
                "Tanh" => return Some(Range::Signed),
                "Sigmoid" => return Some(Range::Unit),
                "Clip" => {
                    let bound = |i: usize| self.values.get(*node.inputs.get(i)?)?.few.as_ref()?.first().copied();
                    return match (bound(1)?, bound(2)?) {
                        (-1.0, 1.0) => Some(Range::Signed),
                        (0.0, 1.0) => Some(Range::Unit),
                        (0.0, 255.0) => Some(Range::Levels),
                        _ => None,
                    };
                }
                _ => return None,
            }
        }
    }
}

fn floats(ints: &[i64]) -> Vec<f64> {
    ints.iter().map(|&number| number as f64).collect()
}

/// What is known of what a node makes.
fn result(node: &Node<'_>, sources: &[Known]) -> Result<Known, Error> {
    let kind = node.kind;
    let first = sources.first().cloned().unwrap_or_default();
    let largest = sources.iter().map(|known| known.growth).fold(0.0, f64::max);
    let sizes = sizes::made(node, sources);
    let of = |growth: f64| Ok(Known { growth, sizes: sizes.clone(), few: None });
    match kind {
        "Identity" | "Cast" | "DequantizeLinear" | "QuantizeLinear" => Ok(first),
        "Conv" | "ConvTranspose" => convolved(node, sources),
        "Concat" => of(sources.iter().map(|known| known.growth).sum()),
        "MatMul" | "Gemm" => match multiplied(node, sources) {
            Some(growth) => of(growth),
            None => fail!(File, "{kind} multiplies two maps with each other: it could be of any size"),
        },
        kind if sizes::TOGETHER.contains(&kind) => match &sizes {
            None => of(largest),
            Some(made) => {
                let often = |known: &Known| Some(known.growth * sizes::repeated(known.sizes.as_ref()?, made)?);
                let maps = || sources.iter().filter(|known| known.growth > 0.0);
                match maps().filter_map(often).reduce(f64::min) {
                    None if maps().next().is_some() => {
                        fail!(File, "{kind} repeats two maps along each other: it could be of any size")
                    }
                    growth => of(growth.unwrap_or(0.0)),
                }
            }
        },
        "Gather" if first.growth == 0.0 && largest > 0.0 => {
            fail!(File, "the graph looks numbers up in a table by the picture: it could be of any size")
        }
        "Resize" => of(first.growth * resized(sources)?),
        "Pad" => {
            let borders = floats(node.ints("pads"));
            let borders = sources.get(1).and_then(|known| known.few.clone()).unwrap_or(borders);
            match borders.iter().find(|border| border.abs() > MOST_OF_A_KERNEL as f64) {
                None => of(first.growth),
                Some(border) => fail!(File, "the graph adds a border of {border} px, the limit is {MOST_OF_A_KERNEL}"),
            }
        }
        _ => of(largest),
    }
}

/// Growth of a product of matrices, if the size of one of them bounds it.
fn multiplied(node: &Node<'_>, sources: &[Known]) -> Option<f64> {
    let [a, b, ..] = sources else { return None };
    let turned = |name: &str| node.ints(name) == [1];
    // Rows times columns: what is shared goes, what is not comes in its place.
    let by = |map: &Known, other: &Known, rows_stay: bool| {
        let [more @ .., rows, columns] = &other.sizes.as_ref()?[..] else { return None };
        let (shared, comes) = if rows_stay { (columns, rows) } else { (rows, columns) };
        let front = match map.sizes.as_deref() {
            Some([front @ .., _, _]) => front,
            _ => &[],
        };
        let factor = (*comes)? as f64 / shared.unwrap_or(1).max(1) as f64;
        Some(map.growth * factor * sizes::repeated(front, more)?)
    };
    if a.growth + b.growth == 0.0 {
        return Some(0.0);
    }
    let growths = [by(a, b, turned("transB")), by(b, a, !turned("transA"))];
    growths.into_iter().flatten().filter(|growth| *growth > 0.0).reduce(f64::min)
}

fn convolved(node: &Node<'_>, sources: &[Known]) -> Result<Known, Error> {
    for name in ["kernel_shape", "pads", "strides", "dilations", "output_padding", "output_shape"] {
        let limit = if name == "output_shape" { LONGEST_SIDE_PX as i64 } else { MOST_OF_A_KERNEL };
        if let Some(number) = node.ints(name).iter().find(|number| !(0..=limit).contains(*number)) {
            fail!(File, "a convolution has {name} of {number}, the limit is {limit}");
        }
    }
    let weights = sources.get(1).filter(|weights| weights.growth == 0.0);
    let Some([Some(rows), Some(columns), ..]) = weights.and_then(|weights| weights.sizes.as_deref()) else {
        fail!(File, "a convolution's weights are no constants: it could be of any size");
    };
    let groups = node.ints("group").first().copied().unwrap_or(1).max(1) as f64;
    let step: f64 = node.ints("strides").iter().map(|&step| step.max(1) as f64).product();
    let growth = sources[0].growth;
    let (rows, columns) = (*rows as f64, (*columns as f64).max(1.0));
    let growth = match node.kind {
        "Conv" => growth * rows / (columns * groups) / step,
        _ => growth * columns * groups / rows.max(1.0) * step,
    };
    Ok(Known { growth, ..Known::default() })
}

/// By how much a map grows that is resampled.
fn resized(sources: &[Known]) -> Result<f64, Error> {
    let few = |i: usize| sources.get(i).and_then(|known| known.few.as_deref()).filter(|few| !few.is_empty());
    match (few(2), few(3)) {
        (Some(scales), None) if scales.iter().all(|scale| scale.is_finite() && *scale > 0.0) => {
            Ok(scales.iter().product())
        }
        (Some(scales), None) => fail!(File, "the graph resamples by {scales:?}"),
        _ => Ok(COMPUTED_GROWTH),
    }
}
