//! Norms over the whole picture, frozen: with mean and variance known, a norm behind a convolution is part of it, and the
//! network looks at the whole picture no more. Then it can be cut into tiles.

use std::collections::BTreeMap;

use crate::arch::{Activation, Arch, Op, Value};
use crate::error::{Error, fail};
use crate::weights::{Tensor, Weights, check};

/// What a norm found in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// The mean of all numbers.
    pub mean: f32,
    /// 1 / √(variance + 1e-5).
    pub scale: f32,
}

/// How many norms a network has.
pub fn norms(arch: &Arch) -> usize {
    arch.ops.iter().filter(|op| matches!(op, Op::Norm { .. })).count()
}

/// The same network with every norm folded into the convolution before it, for the statistics of its norms in their order.
///
/// # Errors
/// [`ErrorKind::Arch`](crate::ErrorKind::Arch) where a norm stands behind something else than a convolution that only it
/// reads; [`ErrorKind::Input`](crate::ErrorKind::Input) for statistics of another network; as [`check`].
pub fn frozen(arch: &Arch, weights: &Weights, statistics: &[Statistics]) -> Result<(Arch, Weights), Error> {
    check(arch, weights)?;
    if statistics.len() != norms(arch) {
        fail!(Input, "{} has {} norms, statistics are of {}", arch.name, norms(arch), statistics.len());
    }
    let first = arch.inputs.len();
    let readers = |value: Value| arch.ops.iter().filter(move |op| op.sources().contains(&value));
    let is_normed = |value: Value| readers(value).any(|op| matches!(op, Op::Norm { .. }));
    let (mut net, mut folded) = (Arch { ops: Vec::new(), outputs: Vec::new(), ..arch.clone() }, weights.clone());
    net.name += "/frozen";
    let mut now: BTreeMap<Value, Value> = (0..first).map(|input| (input, input)).collect();
    let mut statistics = statistics.iter();
    for (number, op) in arch.ops.iter().enumerate() {
        let value = first + number;
        let op = match op {
            Op::Conv { .. } if is_normed(value) => continue,
            Op::Norm { from, name, activation } => {
                let (Some(statistics), Some(conv)) = (statistics.next(), from.checked_sub(first).map(|i| &arch.ops[i]))
                else {
                    fail!(Arch, "{}: a norm of an input cannot be frozen", arch.name);
                };
                if readers(*from).count() != 1 {
                    fail!(Arch, "{}: what {name} norms is read by others too: it cannot be frozen", arch.name);
                }
                fold(conv, name, *activation, *statistics, weights, &mut folded)?
            }
            op => op.clone(),
        };
        let op = renumbered(op, &now);
        now.insert(value, net.push(op));
    }
    net.outputs = arch.outputs.iter().map(|(name, value)| (name.clone(), now[value])).collect();
    Ok((net, folded))
}

/// The convolution with the norm behind it in its weights.
fn fold(
    conv: &Op,
    norm: &str,
    behind: Activation,
    Statistics { mean, scale }: Statistics,
    weights: &Weights,
    folded: &mut Weights,
) -> Result<Op, Error> {
    let Op::Conv { name, channels, bias: has_bias, activation: Activation::Identity, .. } = conv else {
        fail!(Arch, "{norm} stands behind no plain convolution: it cannot be frozen");
    };
    let tensor = |name: &str, part: &str| &weights[&format!("{name}.{part}")].data;
    let (factors, shifts) = (tensor(norm, "weight"), tensor(norm, "bias"));
    let weight = folded.get_mut(&format!("{name}.weight")).expect("the weights were checked");
    let taken = weight.data.len() / channels;
    for (numbers, factor) in weight.data.chunks_exact_mut(taken).zip(factors) {
        numbers.iter_mut().for_each(|number| *number *= factor * scale);
    }
    let bias = (0..*channels).map(|c| {
        let own = if *has_bias { tensor(name, "bias")[c] } else { 0.0 };
        (own - mean) * scale * factors[c] + shifts[c]
    });
    folded.insert(format!("{name}.bias"), Tensor::new(&[*channels], bias.collect()));
    let mut op = conv.clone();
    if let Op::Conv { bias, activation, .. } = &mut op {
        (*bias, *activation) = (true, behind);
    }
    Ok(op)
}

/// The operation with the numbers that its sources have now.
fn renumbered(mut op: Op, now: &BTreeMap<Value, Value>) -> Op {
    let renumber = |value: &mut Value| *value = now[value];
    match &mut op {
        Op::Conv { from, .. } | Op::Norm { from, .. } | Op::Unshuffle { from, .. } | Op::Shuffle { from, .. } => {
            renumber(from)
        }
        Op::Add { a, b } => [a, b].into_iter().for_each(renumber),
        Op::Upsample { from, like, .. } => [from, like].into_iter().for_each(renumber),
        Op::Modulate { from, by } => [from, by].into_iter().for_each(renumber),
        Op::Attend { cells, score } => [cells, score].into_iter().for_each(renumber),
        Op::Paint { picture, drawn, grid } => [picture, drawn, grid].into_iter().for_each(renumber),
    }
    op
}
