//! What can be told of the sizes of values without running a graph: enough to see that a map cannot grow beyond bounds.

use super::nodes::Known;
use super::read::Node;

/// Sizes of a value, slowest first; `None` where one depends on the picture, or cannot be told.
pub(super) type Sizes = Vec<Option<usize>>;

/// Operators that give what they take, number by number.
#[rustfmt::skip]
const ALIKE: [&str; 14] = [
    "Abs", "Cast", "Ceil", "Clip", "Exp", "Floor", "Identity", "LeakyRelu", "Neg", "Relu", "Round", "Sigmoid", "Sqrt",
    "Tanh",
];
/// Operators that take what stands at the same place, and repeat what there is one of.
pub(super) const TOGETHER: [&str; 9] = ["Add", "Div", "Max", "Min", "Mul", "PRelu", "Pow", "Sub", "Sum"];

/// How many numbers sizes make, if all are known.
pub(super) fn count(sizes: &[Option<usize>]) -> Option<usize> {
    sizes.iter().try_fold(1, |count: usize, size| Some(count.saturating_mul((*size)?)))
}

/// Sizes of what a node makes, if at least how many there are can be told.
pub(super) fn made(node: &Node<'_>, sources: &[Known]) -> Option<Sizes> {
    let of = |i: usize| sources.get(i)?.sizes.as_ref();
    let numbers = |i: usize| sources.get(i)?.few.as_ref();
    match node.kind {
        kind if ALIKE.contains(&kind) => of(0).cloned(),
        kind if TOGETHER.contains(&kind) => {
            let all: Option<Vec<&Sizes>> = sources.iter().map(|known| known.sizes.as_ref()).collect();
            Some(all?.into_iter().fold(Sizes::new(), |sizes, more| together(&sizes, more)))
        }
        "Shape" => Some(vec![of(0).map(Vec::len)]),
        "Transpose" => {
            let (sizes, order) = (of(0)?, node.ints("perm"));
            if order.is_empty() {
                return Some(sizes.iter().rev().copied().collect());
            }
            order.iter().map(|&from| sizes.get(usize::try_from(from).ok()?).copied()).collect()
        }
        "Reshape" => {
            let wanted = numbers(1)?;
            let size = |&size: &f64| Some(size as usize).filter(|_| size > 0.0);
            let mut sizes: Sizes = wanted.iter().map(size).collect();
            let open: Vec<usize> = (0..sizes.len()).filter(|&i| sizes[i].is_none()).collect();
            if let ([one], Some(all)) = (&open[..], of(0).and_then(|sizes| count(sizes))) {
                let others = sizes.iter().flatten().fold(1, |count: usize, &size| count.saturating_mul(size));
                sizes[*one] = all.checked_div(others).filter(|rest| wanted[*one] < 0.0 && rest * others == all);
            }
            Some(sizes)
        }
        "Slice" => {
            let mut sizes = of(0)?.clone();
            numbers(3)?.iter().try_for_each(|&axis| place(axis, &sizes).map(|axis| sizes[axis] = None))?;
            Some(sizes)
        }
        "ReduceMax" | "ReduceMean" | "ReduceMin" | "ReduceSum" if node.ints("keepdims") != [0] => {
            let mut sizes = of(0)?.clone();
            let axes = node.ints("axes").iter().map(|&axis| axis as f64).collect();
            let axes: Vec<f64> = numbers(1).cloned().unwrap_or(axes);
            if axes.is_empty() {
                return None;
            }
            axes.iter().try_for_each(|&axis| place(axis, &sizes).map(|axis| sizes[axis] = Some(1)))?;
            Some(sizes)
        }
        "MatMul" => match (&of(0)?[..], &of(1)?[..]) {
            ([a @ .., rows, _], [b @ .., _, columns]) => {
                Some(together(a, b).into_iter().chain([*rows, *columns]).collect())
            }
            _ => None,
        },
        _ => None,
    }
}

/// The place of an axis, which may be counted from the end.
fn place(axis: f64, sizes: &Sizes) -> Option<usize> {
    let axis = if axis < 0.0 { axis + sizes.len() as f64 } else { axis };
    Some(axis as usize).filter(|&axis| axis < sizes.len())
}

/// Sizes of what two values make together: what there is one of is repeated.
fn together(a: &[Option<usize>], b: &[Option<usize>]) -> Sizes {
    let length = a.len().max(b.len());
    let pair = |(a, b)| match (a, b) {
        (Some(1), other) | (other, Some(1)) => other,
        (Some(size), _) | (_, Some(size)) => Some(size),
        (None, None) => None,
    };
    let mut sizes: Sizes = backwards(a).zip(backwards(b)).take(length).map(pair).collect();
    sizes.reverse();
    sizes
}

/// The last size first, and 1 for ever where there are no more.
fn backwards(sizes: &[Option<usize>]) -> impl Iterator<Item = Option<usize>> {
    sizes.iter().rev().copied().chain(std::iter::repeat(Some(1)))
}

/// How often a value of sizes `own` is repeated where it becomes one of sizes `made`; `None` if that depends on the picture. A
/// size that cannot be told is taken to be the one that is made.
pub(super) fn repeated(own: &[Option<usize>], made: &[Option<usize>]) -> Option<f64> {
    let often = |(own, made): (Option<usize>, &Option<usize>)| match (own, made) {
        (Some(1), made) => made.map(|made| made as f64),
        _ => Some(1.0),
    };
    backwards(own).zip(made.iter().rev()).map(often).product()
}
