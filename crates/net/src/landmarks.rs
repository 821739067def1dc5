//! Dense landmarks of a face, in two stages: all of them on the upright face, then lids, iris and brow on an enlarged
//! crop of each eye, because a line that misses a lid by two pixels looks wrong. Both regress places directly, from the
//! middle of their crop in its sides, and say for each part how far off they expect to be.

use crate::arch::{Activation, Arch, Op, Padding, Value};

/// What model files call the two networks.
pub const NAME: &str = "landmarks-1";
/// Side of the crop of an upright face, px.
pub const FACE_PX: usize = 112;
/// Side of the crop of an eye, px.
pub const EYE_PX: usize = 64;

/// A part of a face. Left and right are the picture's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The left eye: from its outer corner along the upper lid to the inner corner (point 8) and back; closed.
    LeftEye,
    /// The right eye, likewise from its outer corner.
    RightEye,
    /// Around the left iris: right, top, left, bottom.
    LeftIris,
    /// Around the right iris, likewise.
    RightIris,
    /// The left brow: five points along its upper border from the outer end, then back along the lower one; closed.
    LeftBrow,
    /// The right brow, likewise from its outer end.
    RightBrow,
    /// The bridge of the nose, from the root to the tip; open.
    Nose,
    /// From the left wing of the nose under the tip (point 3) to the right one; open.
    NoseBase,
    /// The outer border of the lips, from the left corner over the upper lip to the right one (point 10) and back; closed.
    Lips,
    /// The inner border of the lips, likewise.
    Mouth,
    /// The outline of the face, from the top of the forehead by the right to the chin (point 9) and back; closed.
    Oval,
}

impl Part {
    /// All parts, in the order the networks give them.
    pub const ALL: [Part; 11] = [
        Part::LeftEye,
        Part::RightEye,
        Part::LeftIris,
        Part::RightIris,
        Part::LeftBrow,
        Part::RightBrow,
        Part::Nose,
        Part::NoseBase,
        Part::Lips,
        Part::Mouth,
        Part::Oval,
    ];
    /// The parts the network of eyes gives, for a left eye; a right one is shown to it mirrored.
    pub const OF_EYE: [Part; 3] = [Part::LeftEye, Part::LeftIris, Part::LeftBrow];

    /// Its place in [`Part::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// How many points it has.
    pub const fn points(self) -> usize {
        match self {
            Part::LeftEye | Part::RightEye => 16,
            Part::LeftIris | Part::RightIris => 4,
            Part::LeftBrow | Part::RightBrow => 10,
            Part::Nose => 6,
            Part::NoseBase => 7,
            Part::Lips | Part::Mouth => 20,
            Part::Oval => 18,
        }
    }

    /// Where its points begin among those of all parts.
    pub fn start(self) -> usize {
        Part::ALL[..self.index()].iter().map(|part| part.points()).sum()
    }

    /// The part that it becomes in a mirror, and which of that one's points its own point `i` becomes.
    pub fn mirrored(self) -> (Part, fn(usize) -> usize) {
        match self {
            Part::LeftEye => (Part::RightEye, |i| i),
            Part::RightEye => (Part::LeftEye, |i| i),
            Part::LeftIris => (Part::RightIris, |i| [2, 1, 0, 3][i]),
            Part::RightIris => (Part::LeftIris, |i| [2, 1, 0, 3][i]),
            Part::LeftBrow => (Part::RightBrow, |i| i),
            Part::RightBrow => (Part::LeftBrow, |i| i),
            Part::Nose => (Part::Nose, |i| i),
            Part::NoseBase => (Part::NoseBase, |i| 6 - i),
            Part::Lips => (Part::Lips, |i| (30 - i) % 20),
            Part::Mouth => (Part::Mouth, |i| (30 - i) % 20),
            Part::Oval => (Part::Oval, |i| (18 - i) % 18),
        }
    }
}

/// Points of a face.
pub const POINTS: usize = 131;
/// Points of an eye: [`Part::OF_EYE`].
pub const EYE_POINTS: usize = 30;

const LEAK: Activation = Activation::LeakyRelu(0.1);

/// RGB −1..1 of [`FACE_PX`]² → `points`: x then y of [`POINTS`]; `spread`: for each of [`Part::ALL`] the logarithm of
/// the distance, in sides of the crop, that it expects to be off.
pub fn face() -> Arch {
    let (mut net, x) = start(format!("{NAME}/face"));
    let x = conv(&mut net, x, "face.look", 32, 3, 1, Padding::Zero);
    let mut x = x;
    for (stage, channels) in [("edges", 48), ("strokes", 64), ("parts", 72)] {
        x = halved(&mut net, x, &format!("face.{stage}"), channels);
        x = block(&mut net, x, &format!("face.{stage}.a"), channels);
        x = block(&mut net, x, &format!("face.{stage}.b"), channels);
    }
    let x = conv(&mut net, x, "face.gather", 10, 1, 1, Padding::None);
    let x = conv(&mut net, x, "face.whole", 88, FACE_PX / 16, 1, Padding::None);
    finish(net, x, "face", POINTS, Part::ALL.len())
}

/// RGB −1..1 of [`EYE_PX`]², a left eye or a right one mirrored → as [`face`], for [`EYE_POINTS`] and [`Part::OF_EYE`].
pub fn eye() -> Arch {
    let (mut net, x) = start(format!("{NAME}/eye"));
    let mut x = conv(&mut net, x, "eye.look", 24, 3, 1, Padding::Zero);
    for (stage, channels) in [("edges", 40), ("parts", 48)] {
        x = halved(&mut net, x, &format!("eye.{stage}"), channels);
        x = block(&mut net, x, &format!("eye.{stage}.a"), channels);
        x = block(&mut net, x, &format!("eye.{stage}.b"), channels);
    }
    let x = conv(&mut net, x, "eye.gather", 8, 1, 1, Padding::None);
    let x = conv(&mut net, x, "eye.whole", 56, EYE_PX / 8, 1, Padding::None);
    finish(net, x, "eye", EYE_POINTS, Part::OF_EYE.len())
}

/// A network that begins with 2×2 pixels of a picture side by side.
pub(crate) fn start(name: String) -> (Arch, Value) {
    let mut net = Arch { name, inputs: vec![("picture".to_owned(), 3)], ops: Vec::new(), outputs: Vec::new() };
    let x = net.push(Op::Unshuffle { from: 0, factor: 2 });
    (net, x)
}

/// A convolution with a bias and a leaky rectifier.
pub(crate) fn conv(
    net: &mut Arch,
    from: Value,
    name: &str,
    channels: usize,
    kernel: usize,
    groups: usize,
    padding: Padding,
) -> Value {
    let (name, activation) = (name.to_owned(), LEAK);
    net.push(Op::Conv { from, name, channels, kernel, stride: 1, groups, bias: true, padding, activation })
}

/// Half as wide and high: 2×2 pixels side by side as channels, then mixed.
pub(crate) fn halved(net: &mut Arch, from: Value, name: &str, channels: usize) -> Value {
    let x = net.push(Op::Unshuffle { from, factor: 2 });
    conv(net, x, &format!("{name}.halve"), channels, 1, 1, Padding::None)
}

/// An inverted residual (Sandler et al. 2018): widened, seen depthwise, narrowed, added.
pub(crate) fn block(net: &mut Arch, from: Value, name: &str, channels: usize) -> Value {
    let x = conv(net, from, &format!("{name}.widen"), 2 * channels, 1, 1, Padding::None);
    let x = conv(net, x, &format!("{name}.see"), 2 * channels, 3, 2 * channels, Padding::Zero);
    let x = linear(net, x, &format!("{name}.narrow"), channels);
    net.push(Op::Add { a: from, b: x })
}

/// Channels mixed, pixel by pixel.
pub(crate) fn linear(net: &mut Arch, from: Value, name: &str, channels: usize) -> Value {
    let (name, padding, activation) = (name.to_owned(), Padding::None, Activation::Identity);
    net.push(Op::Conv { from, name, channels, kernel: 1, stride: 1, groups: 1, bias: true, padding, activation })
}

fn finish(mut net: Arch, from: Value, part: &str, points: usize, parts: usize) -> Arch {
    for (head, channels) in [("points", 2 * points), ("spread", parts)] {
        let value = linear(&mut net, from, &format!("{part}.{head}"), channels);
        net.outputs.push((head.to_owned(), value));
    }
    net
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Shape, measure, parameters, shapes};

    #[test]
    fn the_parts_are_the_points() {
        assert!(Part::ALL.iter().enumerate().all(|(i, part)| part.index() == i));
        assert_eq!(Part::ALL.iter().map(|part| part.points()).sum::<usize>(), POINTS);
        assert_eq!(Part::OF_EYE.iter().map(|part| part.points()).sum::<usize>(), EYE_POINTS);
        assert_eq!(Part::Oval.start(), POINTS - Part::Oval.points());
    }

    #[test]
    fn mirrored_twice_is_the_same() {
        for part in Part::ALL {
            let (other, there) = part.mirrored();
            let (again, back) = other.mirrored();
            assert_eq!((again, other.points()), (part, part.points()));
            assert!((0..part.points()).all(|i| back(there(i)) == i), "{part:?}");
        }
    }

    #[test]
    fn a_crop_makes_a_point_each_and_the_networks_stay_small() {
        let mut numbers = 0;
        for (net, side, points, parts) in
            [(face(), FACE_PX, POINTS, Part::ALL.len()), (eye(), EYE_PX, EYE_POINTS, Part::OF_EYE.len())]
        {
            let input = [Shape::new(side, side, 3)];
            let shapes = shapes(&net, &input).unwrap();
            let outputs: Vec<Shape> = net.outputs.iter().map(|(_, value)| shapes[*value]).collect();
            assert_eq!(outputs, [Shape::new(1, 1, 2 * points), Shape::new(1, 1, parts)], "{}", net.name);
            assert!(measure(&net, &input).unwrap().multiply_adds < 45_000_000);
            numbers +=
                parameters(&net).unwrap().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>();
        }
        assert!(2 * numbers <= 590_000, "{numbers} numbers in half precision");
    }
}
