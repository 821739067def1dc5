//! Which pixels around a face are of the person: a small U-Net (Ronneberger et al. 2015) of inverted residuals.

use crate::landmarks::{block, conv, halved, linear, start};
use crate::{Arch, Op, Padding, Value};

/// Its name in model files.
pub const NAME: &str = "person-1";
/// Side of the crop that it sees, px.
pub const SIDE_PX: usize = 160;

/// Channels at a half, a quarter, an eighth … of the side, and blocks there on the way down.
const LEVELS: [(&str, usize, usize); 5] =
    [("look", 16, 0), ("edges", 32, 1), ("strokes", 56, 1), ("parts", 80, 2), ("whole", 80, 2)];

/// RGB −1..1 of [`SIDE_PX`]² → `mask`, as large, one channel: the logit of a pixel being of the person.
pub fn person() -> Arch {
    let (mut net, x) = start(NAME.to_owned());
    let mut x = conv(&mut net, x, "person.look", LEVELS[0].1, 3, 1, Padding::Zero);
    let mut finer: Vec<(Value, &str, usize)> = Vec::new();
    for pair in LEVELS.windows(2) {
        let [(above, kept, _), (name, channels, blocks)] = [pair[0], pair[1]];
        finer.push((x, above, kept));
        x = halved(&mut net, x, &format!("person.{name}"), channels);
        for i in 0..blocks {
            x = block(&mut net, x, &format!("person.{name}.{i}"), channels);
        }
    }
    while let Some((like, name, channels)) = finer.pop() {
        let narrowed = linear(&mut net, x, &format!("person.{name}.up"), channels);
        let raised = net.push(Op::Upsample { from: narrowed, like, align_corners: false });
        let sum = net.push(Op::Add { a: raised, b: like });
        x = block(&mut net, sum, &format!("person.{name}.back"), channels);
    }
    let quarters = linear(&mut net, x, "person.mask", 4);
    let mask = net.push(Op::Shuffle { from: quarters, factor: 2 });
    net.outputs.push(("mask".to_owned(), mask));
    net
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Shape, measure, parameters, shapes};

    #[test]
    fn a_mask_is_as_large_as_the_crop_and_the_network_small() {
        let net = person();
        let input = [Shape::new(SIDE_PX, SIDE_PX, 3)];
        let shapes = shapes(&net, &input).unwrap();
        assert_eq!(shapes[net.outputs[0].1], Shape::new(SIDE_PX, SIDE_PX, 1));
        let cost = measure(&net, &input).unwrap().multiply_adds;
        let numbers = parameters(&net).unwrap().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>();
        assert!(cost < 90_000_000 && numbers < 250_000, "{cost} multiply-adds, {numbers} parameters");
    }
}
