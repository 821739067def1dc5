//! What a network costs: parameters, multiply-adds, how far it sees, how much it holds in memory.

use std::ops::RangeInclusive;

use crate::arch::{Arch, Op, Value};
use crate::error::Error;
use crate::light;
use crate::shape::{Shape, parameters, shapes};

/// How far around an output pixel an input is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// At most so many px of the output to each side.
    Pixels(usize),
    /// All of it: a vector, or a step that averages over the whole picture. Tiles must share it.
    Whole,
}

/// The figures of a network for inputs of a given size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Numbers in the weights.
    pub parameters: usize,
    /// Multiply-adds of all convolutions; the other operations are linear in the pixels and not counted.
    pub multiply_adds: u64,
    /// For every input, how far it is looked at.
    pub reach: Vec<Reach>,
    /// The most bytes of f32 values, inputs included, that are alive at once when every operation makes its result
    /// in full. An executor that fuses operations stays below.
    pub peak_bytes: usize,
}

/// Measures `arch` for inputs of these shapes.
///
/// # Errors
/// As [`shapes`].
pub fn measure(arch: &Arch, inputs: &[Shape]) -> Result<Measure, Error> {
    let shapes = shapes(arch, inputs)?;
    let parameters = parameters(arch)?.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    let multiply_adds = arch.ops.iter().zip(&shapes[inputs.len()..]).map(|(op, out)| match *op {
        Op::Conv { from, kernel, groups, .. } => {
            (out.numbers() * shapes[from].channels / groups * kernel * kernel) as u64
        }
        _ => 0,
    });
    Ok(Measure {
        parameters,
        multiply_adds: multiply_adds.sum(),
        reach: reach(arch, &shapes),
        peak_bytes: peak_numbers(arch, &shapes) * size_of::<f32>(),
    })
}

/// For every value, the last operation that reads it: the number of the operation, or `usize::MAX` for outputs.
fn last_uses(arch: &Arch) -> Vec<usize> {
    let mut last: Vec<usize> =
        (0..arch.inputs.len() + arch.ops.len()).map(|value| value.saturating_sub(arch.inputs.len())).collect();
    for (number, op) in arch.ops.iter().enumerate() {
        op.sources().into_iter().for_each(|value| last[value] = number);
    }
    arch.outputs.iter().for_each(|&(_, value)| last[value] = usize::MAX);
    last
}

fn peak_numbers(arch: &Arch, shapes: &[Shape]) -> usize {
    let last = last_uses(arch);
    let inputs = arch.inputs.len();
    let alive_at = |number: usize| {
        let alive = |value: &Value| *value <= inputs + number && last[*value] >= number;
        (0..shapes.len()).filter(alive).map(|value| shapes[value].numbers()).sum()
    };
    (0..arch.ops.len()).map(alive_at).max().unwrap_or(0)
}

/// The positions needed of a value, along one axis; `None`: nothing yet.
type Needed = Option<RangeInclusive<i64>>;

/// Positions no tile could hold: the step before looked at everything.
const EVERYTHING: RangeInclusive<i64> = i64::MIN / 4..=i64::MAX / 4;

/// Walks the operations backwards from single output pixels (64 neighbouring ones, so that every phase against the
/// coarse levels occurs) and collects what is needed of each value.
fn reach(arch: &Arch, shapes: &[Shape]) -> Vec<Reach> {
    let mut widest = vec![0_i64; arch.inputs.len()];
    let Some(out) = arch.outputs.iter().map(|&(_, value)| shapes[value]).max_by_key(|shape| shape.height) else {
        return vec![Reach::Pixels(0); arch.inputs.len()];
    };
    for pixel in 0..64 {
        let mut needed: Vec<Needed> = vec![None; shapes.len()];
        for &(_, value) in &arch.outputs {
            let at = pixel * shapes[value].height as i64 / out.height as i64;
            widen(&mut needed[value], at..=at);
        }
        for (number, op) in arch.ops.iter().enumerate().rev() {
            if let Some(range) = needed[arch.inputs.len() + number].clone() {
                for value in op.sources() {
                    let range = if range == EVERYTHING { EVERYTHING } else { seen(op, value, &range, shapes) };
                    widen(&mut needed[value], range);
                }
            }
        }
        for (input, widest) in widest.iter_mut().enumerate() {
            let Some(range) = &needed[input] else { continue };
            // In px of the output, from the output pixel to the far border of the furthest input pixel.
            let scale = |at: i64| at as f64 * out.height as f64 / shapes[input].height as f64;
            let far = if *range == EVERYTHING {
                i64::MAX
            } else {
                let before = pixel as f64 - scale(*range.start());
                let after = scale(*range.end() + 1) - (pixel + 1) as f64;
                before.max(after).ceil() as i64
            };
            *widest = far.max(*widest);
        }
    }
    widest.into_iter().map(|far| if far == i64::MAX { Reach::Whole } else { Reach::Pixels(far as usize) }).collect()
}

fn widen(needed: &mut Needed, range: RangeInclusive<i64>) {
    *needed = Some(match needed.take() {
        None => range,
        Some(old) if old == EVERYTHING || range == EVERYTHING => EVERYTHING,
        Some(old) => *old.start().min(range.start())..=*old.end().max(range.end()),
    });
}

/// The positions of `value` that the positions `range` of the operation's result depend on.
fn seen(op: &Op, value: Value, range: &RangeInclusive<i64>, shapes: &[Shape]) -> RangeInclusive<i64> {
    let (first, last) = (*range.start(), *range.end());
    match *op {
        Op::Conv { kernel, stride, padding, .. } => {
            let before = padding.sides(kernel).0 as i64;
            first * stride as i64 - before..=last * stride as i64 - before + kernel as i64 - 1
        }
        Op::Add { .. } => first..=last,
        Op::Unshuffle { factor, .. } => first * factor as i64..=last * factor as i64 + factor as i64 - 1,
        Op::Shuffle { factor, .. } => first.div_euclid(factor as i64)..=last.div_euclid(factor as i64),
        Op::Upsample { from, like, .. } if value == from && from != like => {
            let ratio = shapes[from].height as f64 / shapes[like].height as f64;
            let centre = |at: i64| (at as f64 + 0.5) * ratio - 0.5;
            centre(first).floor() as i64..=centre(last).floor() as i64 + 1
        }
        Op::Upsample { .. } => first..=last,
        Op::Modulate { from, .. } if value == from => first..=last,
        Op::Paint { grid, .. } if value == grid => {
            let centre = |at: i64| (at as f64 + 0.5) / light::GRID_PX as f64 - 0.5;
            centre(first).floor() as i64..=centre(last).floor() as i64 + 1
        }
        Op::Paint { picture, .. } if value == picture => {
            let radius = light::DAB_STEP_PX as i64 + 1;
            first - radius..=last + radius
        }
        Op::Paint { .. } => first..=last,
        Op::Norm { .. } | Op::Attend { .. } | Op::Modulate { .. } => EVERYTHING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classic;

    #[test]
    fn the_classic_generator_is_as_large_as_published() {
        let measure = measure(&classic::generator(true), &[Shape::new(512, 512, 3)]).unwrap();
        assert_eq!(measure.parameters, 2_143_552);
        assert_eq!(measure.multiply_adds / 100_000_000, 1051);
        assert_eq!(measure.reach, [Reach::Whole]);
    }

    #[test]
    fn the_drawer_keeps_its_budget() {
        let measure = measure(&light::drawer(), &[Shape::new(512, 512, 3), Shape::new(1, 1, 192)]).unwrap();
        assert!(measure.multiply_adds <= 2_700_000_000, "{}", measure.multiply_adds);
        assert!(measure.parameters <= 600_000, "{}", measure.parameters);
        assert!(measure.peak_bytes <= 60_000_000, "{}", measure.peak_bytes);
        let [Reach::Pixels(radius), Reach::Whole] = measure.reach[..] else { panic!("{:?}", measure.reach) };
        assert!((110..=160).contains(&radius), "{radius}");
    }

    #[test]
    fn a_reach_worked_out_by_hand() {
        use crate::arch::{Activation, Padding};
        // Two 3×3 convolutions at half size see 2 coarse px; in the worst phase 2·2 + 1 px to one side.
        let conv = |from, name: &str| Op::Conv {
            from,
            name: name.to_owned(),
            channels: 4,
            kernel: 3,
            stride: 1,
            groups: 1,
            bias: true,
            padding: Padding::Replicate,
            activation: Activation::Identity,
        };
        let arch = Arch {
            name: "test".to_owned(),
            inputs: vec![("x".to_owned(), 1)],
            ops: vec![
                Op::Unshuffle { from: 0, factor: 2 },
                conv(1, "a"),
                conv(2, "b"),
                Op::Shuffle { from: 3, factor: 2 },
            ],
            outputs: vec![("y".to_owned(), 4)],
        };
        let measure = measure(&arch, &[Shape::new(16, 16, 1)]).unwrap();
        assert_eq!(measure.reach, [Reach::Pixels(5)]);
        assert_eq!(measure.parameters, 2 * (4 * 4 * 9 + 4));
        assert_eq!(measure.multiply_adds, 2 * 64 * 4 * 4 * 9);
        assert_eq!(measure.peak_bytes, 4 * 2 * 256);
    }
}
