//! The plain executor: every operation written as its definition reads, one number after the other. It is the oracle
//! of the fast one, and slow.

use net::{Activation, Arch, Error, Op, Padding, Shape, Tensor, Weights, light};

use crate::Map;

/// Runs the network on these inputs and gives its outputs, in the order the architecture names them.
///
/// # Errors
/// Where inputs or weights do not fit the architecture.
pub fn run(arch: &Arch, weights: &Weights, inputs: &[&Map]) -> Result<Vec<Map>, Error> {
    net::weights::check(arch, weights)?;
    let shapes: Vec<Shape> = inputs.iter().map(|map| map.shape()).collect();
    let shapes = net::shapes(arch, &shapes)?;
    let mut values: Vec<Map> = inputs.iter().map(|&map| map.clone()).collect();
    for op in &arch.ops {
        let value = apply(op, weights, &values, shapes[values.len()]);
        values.push(value);
    }
    Ok(arch.outputs.iter().map(|&(_, value)| values[value].clone()).collect())
}

fn apply(op: &Op, weights: &Weights, values: &[Map], shape: Shape) -> Map {
    let tensor = |name: &str, part: &str| &weights[&format!("{name}.{part}")];
    match *op {
        Op::Conv { from, ref name, kernel, stride, groups, bias, padding, activation, .. } => {
            let bias = bias.then(|| tensor(name, "bias"));
            let weight = tensor(name, "weight");
            conv(&values[from], weight, bias, shape, kernel, stride, groups, padding, activation)
        }
        Op::Norm { from, ref name, activation } => {
            norm(&values[from], tensor(name, "weight"), tensor(name, "bias"), activation)
        }
        Op::Add { a, b } => Map::from_fn(shape, |y, x, c| values[a].at(y, x, c) + values[b].at(y, x, c)),
        Op::Unshuffle { from, factor } => Map::from_fn(shape, |y, x, c| {
            let (dy, dx) = (c / factor % factor, c % factor);
            values[from].at(y * factor + dy, x * factor + dx, c / (factor * factor))
        }),
        Op::Shuffle { from, factor } => Map::from_fn(shape, |y, x, c| {
            let part = y % factor * factor + x % factor;
            values[from].at(y / factor, x / factor, c * factor * factor + part)
        }),
        Op::Upsample { from, align_corners, .. } => {
            let small = &values[from];
            Map::from_fn(shape, |y, x, c| {
                let y = bilinear_taps(y, small.height, shape.height, align_corners);
                let x = bilinear_taps(x, small.width, shape.width, align_corners);
                bilinear(small, y, x, c)
            })
        }
        Op::Modulate { from, by } => Map::from_fn(shape, |y, x, c| {
            values[from].at(y, x, c) * (1.0 + values[by].at(0, 0, c)) + values[by].at(0, 0, shape.channels + c)
        }),
        Op::Attend { cells, score } => attend(&values[cells], &values[score]),
        Op::Paint { picture, drawn, grid } => paint(&values[picture], &values[drawn], &values[grid]),
    }
}

fn conv(
    input: &Map,
    weight: &Tensor,
    bias: Option<&Tensor>,
    shape: Shape,
    kernel: usize,
    stride: usize,
    groups: usize,
    padding: Padding,
    activation: Activation,
) -> Map {
    let before = padding.sides(kernel).0 as isize;
    let (taken, made) = (input.channels / groups, shape.channels / groups);
    Map::from_fn(shape, |y, x, c| {
        let mut sum = bias.map_or(0.0, |bias| bias.data[c]);
        let first = c / made * taken;
        for ci in 0..taken {
            for ky in 0..kernel {
                for kx in 0..kernel {
                    let at = |position: usize, k: usize, length: usize| {
                        padding.source((position * stride + k) as isize - before, length)
                    };
                    if let (Some(y), Some(x)) = (at(y, ky, input.height), at(x, kx, input.width)) {
                        sum += weight.data[((c * taken + ci) * kernel + ky) * kernel + kx] * input.at(y, x, first + ci);
                    }
                }
            }
        }
        activate(sum, activation)
    })
}

fn activate(x: f32, activation: Activation) -> f32 {
    match activation {
        Activation::Identity => x,
        Activation::LeakyRelu(slope) => x.max(slope * x),
        Activation::Tanh => x.tanh(),
    }
}

fn norm(input: &Map, weight: &Tensor, bias: &Tensor, activation: Activation) -> Map {
    let count = input.data.len() as f64;
    let mean = input.data.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let variance = input.data.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
    let scale = 1.0 / (variance + 1e-5).sqrt();
    Map::from_fn(input.shape(), |y, x, c| {
        let normed = ((f64::from(input.at(y, x, c)) - mean) * scale) as f32;
        activate(normed * weight.data[c] + bias.data[c], activation)
    })
}

/// Where position `at` of `large` lies between the positions of `small`: the two neighbours and the share of the
/// second.
pub(crate) fn bilinear_taps(at: usize, small: usize, large: usize, align_corners: bool) -> (usize, usize, f32) {
    let exact = if align_corners {
        at as f32 * (small - 1) as f32 / (large - 1).max(1) as f32
    } else {
        ((at as f32 + 0.5) * small as f32 / large as f32 - 0.5).max(0.0)
    };
    let first = (exact as usize).min(small - 1);
    (first, (first + 1).min(small - 1), (exact - first as f32).min(1.0))
}

fn bilinear(map: &Map, (y0, y1, fy): (usize, usize, f32), (x0, x1, fx): (usize, usize, f32), c: usize) -> f32 {
    let row = |y: usize| map.at(y, x0, c) * (1.0 - fx) + map.at(y, x1, c) * fx;
    row(y0) * (1.0 - fy) + row(y1) * fy
}

fn attend(cells: &Map, score: &Map) -> Map {
    let weights = softmax(&score.data);
    Map::from_fn(Shape::new(1, 1, cells.channels), |_, _, c| {
        weights.iter().enumerate().map(|(i, weight)| weight * cells.data[i * cells.channels + c]).sum()
    })
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exps: Vec<f32> = logits.iter().map(|logit| (logit - top).exp()).collect();
    let sum: f32 = exps.iter().sum();
    exps.iter().map(|exp| exp / sum).collect()
}

/// Stroke attention, see [`light::drawer`].
fn paint(picture: &Map, drawn: &Map, grid: &Map) -> Map {
    let Shape { height, width, .. } = picture.shape();
    let ycc = Map::from_fn(picture.shape(), |y, x, c| {
        (0..3).map(|channel| light::YCC_FROM_RGB[c][channel] * picture.at(y, x, channel)).sum()
    });
    let clamped = |at: usize, by: isize, length: usize| at.saturating_add_signed(by).min(length - 1);
    let mean = Map::from_fn(picture.shape(), |y, x, c| {
        let points = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dy, dx)));
        points.map(|(dy, dx)| ycc.at(clamped(y, dy, height), clamped(x, dx, width), c)).sum::<f32>() / 9.0
    });
    let step = light::DAB_STEP_PX as isize;
    let mut out = Map::zeros(Shape::new(height, width, 4));
    for y in 0..height {
        for x in 0..width {
            let logits: Vec<f32> = (0..light::DABS).map(|i| drawn.at(y, x, i)).collect();
            let weights = softmax(&logits);
            let [luma, cb, cr] = [0, 1, 2].map(|c| {
                let mut sum = weights[0] * ycc.at(y, x, c);
                for i in 0..9 {
                    let (dy, dx) = ((i / 3 - 1) * step, (i % 3 - 1) * step);
                    sum += weights[1 + i as usize] * mean.at(clamped(y, dy, height), clamped(x, dx, width), c);
                }
                sum
            });
            let [gain, offset, ink] = [0, 1, 2].map(|i| drawn.at(y, x, light::DABS + i));
            let row = bilinear_taps(y, grid.height, height, false);
            let column = bilinear_taps(x, grid.width, width, false);
            let q: Vec<f32> = (0..8).map(|c| bilinear(grid, row, column, c)).collect();
            let painted = [
                luma * (1.0 + gain) + offset,
                cb * (1.0 + q[0]) + cr * q[1] + luma * q[2] + q[3],
                cr * (1.0 + q[4]) + cb * q[5] + luma * q[6] + q[7],
                1.0 / (1.0 + (-ink).exp()),
            ];
            out.data[(y * width + x) * 4..][..4].copy_from_slice(&painted);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from PyTorch 2 for `conv2d(reflect_pad(x, 1), w, b, stride 2)` are easy by hand on a ramp.
    #[test]
    fn a_strided_mirrored_convolution_by_hand() {
        let input = Map::from_fn(Shape::new(3, 3, 1), |y, x, _| (3 * y + x) as f32);
        let weight = Tensor::new(&[1, 1, 3, 3], (1..=9).map(|i| i as f32).collect());
        let padding = Padding::Reflect { before: 1, after: 1 };
        let out = conv(&input, &weight, None, Shape::new(2, 2, 1), 3, 2, 1, padding, Activation::Identity);
        // Top left sees 4 3 4 / 1 0 1 / 4 3 4.
        let corner = 4.0 + 6.0 + 12.0 + 4.0 + 0.0 + 6.0 + 28.0 + 24.0 + 36.0;
        assert_eq!(out.data[0], corner);
    }

    #[test]
    fn shuffle_undoes_unshuffle_in_the_stated_order() {
        let input = Map::from_fn(Shape::new(4, 6, 2), |y, x, c| (100 * y + 10 * x + c) as f32);
        let op = Op::Unshuffle { from: 0, factor: 2 };
        let small = apply(&op, &Weights::new(), std::slice::from_ref(&input), Shape::new(2, 3, 8));
        assert_eq!(small.at(1, 2, 4 + 2 + 1), input.at(3, 5, 1));
        let back = apply(&Op::Shuffle { from: 0, factor: 2 }, &Weights::new(), &[small], input.shape());
        assert_eq!(back, input);
    }

    /// With one logit far above the others the painting is that dab; the heads act on it by their formula.
    #[test]
    fn painting_picks_the_dab_it_is_told_to() {
        let picture = Map::from_fn(Shape::new(16, 16, 3), |y, x, _| (y * 16 + x) as f32 / 256.0);
        let drawn = |dab: usize| {
            Map::from_fn(Shape::new(16, 16, light::DRAWN), |_, _, c| match c {
                c if c == dab => 100.0,
                light::DABS => 0.5,
                c if c == light::DABS + 1 => -0.25,
                _ => 0.0,
            })
        };
        let grid = Map::from_fn(Shape::new(2, 2, 8), |_, _, c| if c == 3 { 0.125 } else { 0.0 });
        let at = |dab: usize, y: usize, x: usize| {
            let out = paint(&picture, &drawn(dab), &grid);
            [0, 1, 2, 3].map(|c| (out.at(y, x, c) * 1e4).round() / 1e4)
        };
        let luma = |y: f32, x: f32| ((y * 16.0 + x) / 256.0 * 1.5 - 0.25) * 1e4;
        assert_eq!(at(0, 8, 8), [luma(8.0, 8.0).round() / 1e4, 0.125, 0.0, 0.5]);
        // Dab 1 is the mean around three up and three left; dab 9 three down and three right.
        assert_eq!(at(1, 8, 8)[0], luma(5.0, 5.0).round() / 1e4);
        assert_eq!(at(9, 8, 8)[0], luma(11.0, 11.0).round() / 1e4);
        assert_eq!(at(1, 2, 8)[0], luma(1.0 / 3.0, 5.0).round() / 1e4);
    }

    #[test]
    fn resampling_agrees_with_the_definitions() {
        assert_eq!(bilinear_taps(0, 4, 8, false), (0, 1, 0.0));
        assert_eq!(bilinear_taps(1, 4, 8, false), (0, 1, 0.25));
        assert_eq!(bilinear_taps(7, 4, 8, false), (3, 3, 0.25));
        assert_eq!(bilinear_taps(7, 4, 8, true), (3, 3, 0.0));
        assert_eq!(bilinear_taps(0, 1, 1, true), (0, 0, 0.0));
    }
}
