//! The face detector: a cascade of three networks after Zhang et al. 2016 (MTCNN). The *proposal* network slides over
//! an image pyramid, the *refinement* and the *output* network look at square crops of what the one before found.
//!
//! Unlike the original they begin with a pixel-unshuffle and have strides where that has pooling, leaky ReLU, and one
//! logit for the score. Convolutions are not padded and every stride divides the crop's side, so crops may stand side
//! by side in one strip (H×N·W): the N-th output sees the N-th crop and nothing else.

use crate::arch::{Activation, Arch, Op, Padding, Value};

/// What model files call the cascade.
pub const NAME: &str = "faces-1";
/// Side of the window the proposal network looks through, px.
pub const PROPOSE_PX: usize = 12;
/// Distance between its windows, px.
pub const PROPOSE_STEP_PX: usize = 2;
/// Side of the crops the refinement network looks at, px.
pub const REFINE_PX: usize = 24;
/// Side of the crops the output network looks at, px.
pub const OUTPUT_PX: usize = 48;
/// Channels that say how a box differs from its window, in sides of the window: left, top, right and bottom edge.
pub const BOX: usize = 4;
/// Channels of the five landmarks, x then y of each, from the middle of the window in its sides: the eye on the left,
/// on the right, the nose, the corners of the mouth on the left and on the right.
pub const LANDMARKS: usize = 10;

const LEAK: Activation = Activation::LeakyRelu(0.1);

/// Sees [`PROPOSE_PX`]: RGB −1..1 with even sides → the score's logit and [`BOX`] for every window.
pub fn propose() -> Arch {
    let (mut net, x) = start("propose");
    let x = conv(&mut net, x, "propose.look", 18, 3, 1);
    let x = conv(&mut net, x, "propose.edges", 24, 3, 1);
    let x = conv(&mut net, x, "propose.parts", 36, 2, 1);
    finish(net, x, "propose", &[("score", 1), ("box", BOX)])
}

/// Sees [`REFINE_PX`]: RGB −1..1, a strip of crops → for each the score's logit, [`BOX`] and [`LANDMARKS`].
pub fn refine() -> Arch {
    let (mut net, x) = start("refine");
    let x = conv(&mut net, x, "refine.look", 36, 3, 1);
    let x = conv(&mut net, x, "refine.edges", 48, 3, 2);
    let x = conv(&mut net, x, "refine.parts", 60, 3, 1);
    let x = conv(&mut net, x, "refine.whole", 120, 2, REFINE_PX / 4);
    finish(net, x, "refine", &[("score", 1), ("box", BOX), ("landmarks", LANDMARKS)])
}

/// Sees [`OUTPUT_PX`]: as [`refine`].
pub fn output() -> Arch {
    let (mut net, x) = start("output");
    let x = conv(&mut net, x, "output.look", 36, 3, 1);
    let x = conv(&mut net, x, "output.edges", 54, 3, 2);
    let x = conv(&mut net, x, "output.strokes", 72, 3, 1);
    let x = conv(&mut net, x, "output.parts", 90, 3, 2);
    let x = conv(&mut net, x, "output.whole", 108, 3, OUTPUT_PX / 8);
    finish(net, x, "output", &[("score", 1), ("box", BOX), ("landmarks", LANDMARKS)])
}

fn start(part: &str) -> (Arch, Value) {
    let name = format!("{NAME}/{part}");
    let mut net = Arch { name, inputs: vec![("picture".to_owned(), 3)], ops: Vec::new(), outputs: Vec::new() };
    let x = net.push(Op::Unshuffle { from: 0, factor: 2 });
    (net, x)
}

fn conv(net: &mut Arch, from: Value, name: &str, channels: usize, kernel: usize, stride: usize) -> Value {
    let (name, padding, activation) = (name.to_owned(), Padding::None, LEAK);
    net.push(Op::Conv { from, name, channels, kernel, stride, groups: 1, bias: true, padding, activation })
}

fn finish(mut net: Arch, from: Value, part: &str, heads: &[(&str, usize)]) -> Arch {
    for &(head, channels) in heads {
        let (padding, activation) = (Padding::None, Activation::Identity);
        let name = format!("{part}.{head}");
        let op = Op::Conv { from, name, channels, kernel: 1, stride: 1, groups: 1, bias: true, padding, activation };
        let value = net.push(op);
        net.outputs.push((head.to_owned(), value));
    }
    net
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Shape, measure, parameters, shapes};

    #[test]
    fn a_strip_of_crops_has_an_output_for_each() {
        for (net, side) in [(refine(), REFINE_PX), (output(), OUTPUT_PX)] {
            for crops in [1, 2, 7] {
                let shapes = shapes(&net, &[Shape::new(side, side * crops, 3)]).unwrap();
                for ((_, value), channels) in net.outputs.iter().zip([1, BOX, LANDMARKS]) {
                    assert_eq!(shapes[*value], Shape::new(1, crops, channels), "{} {crops}", net.name);
                }
            }
        }
    }

    #[test]
    fn the_proposal_network_looks_through_its_window() {
        let net = propose();
        for (side, windows) in [(PROPOSE_PX, 1), (PROPOSE_PX + PROPOSE_STEP_PX, 2), (100, 45)] {
            let shapes = shapes(&net, &[Shape::new(PROPOSE_PX, side, 3)]).unwrap();
            assert_eq!(shapes[net.outputs[0].1], Shape::new(1, windows, 1));
        }
    }

    #[test]
    fn the_cascade_stays_small() {
        let nets = [propose(), refine(), output()];
        let tensors = nets.iter().flat_map(|net| parameters(net).unwrap());
        let parameters: usize = tensors.map(|(_, shape)| shape.iter().product::<usize>()).sum();
        assert!(2 * parameters <= 600_000, "{parameters} numbers in half precision");
        let mega = |net: &Arch, side| measure(net, &[Shape::new(side, side, 3)]).unwrap().multiply_adds / 1000;
        assert!(mega(&nets[1], REFINE_PX) < 1_000 && mega(&nets[2], OUTPUT_PX) < 7_500);
    }
}
