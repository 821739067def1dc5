//! The laws of the fast executor: equal to the plain one, to itself on any number of threads, and on tiles.

use net::{Arch, Reach, Shape, Tensor, Weights, classic, light};

use crate::simd::Level;
use crate::{Map, Network, plain};

/// Numbers of −1..1 that look random: the high bits of a linear congruential sequence.
fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// Random weights that keep the numbers of a network near 1.
fn random_weights(arch: &Arch) -> Weights {
    let mut random = noise(7);
    let tensors = net::parameters(arch).expect("it is a sound architecture").into_iter();
    tensors
        .map(|(name, shape)| {
            let fan_in: usize = shape[1..].iter().product();
            let norm = shape.len() == 1 && name.ends_with(".weight");
            let size = if shape.len() == 1 { 0.3 } else { (2.0 / fan_in as f32).sqrt() };
            let data = (0..shape.iter().product()).map(|_| random() * size + if norm { 1.0 } else { 0.0 }).collect();
            (name, Tensor::new(&shape, data))
        })
        .collect()
}

fn random_map(seed: u64, shape: Shape) -> Map {
    let mut random = noise(seed);
    Map::from_fn(shape, |_, _, _| random())
}

fn inputs_of(arch: &Arch, height: usize, width: usize) -> Vec<Map> {
    let shape = |(i, &(_, channels)): (usize, &(String, usize))| {
        if i == 0 { Shape::new(height, width, channels) } else { Shape::new(1, 1, channels) }
    };
    arch.inputs.iter().enumerate().map(shape).enumerate().map(|(i, shape)| random_map(i as u64, shape)).collect()
}

/// On every kind of vectors this CPU has.
fn check_against_plain(arch: &Arch, height: usize, width: usize, tolerance: f32) {
    let (weights, inputs) = (random_weights(arch), inputs_of(arch, height, width));
    let inputs: Vec<&Map> = inputs.iter().collect();
    let expected = plain::run(arch, &weights, &inputs).expect("the inputs fit");
    let size = |map: &Map| map.data.iter().fold(0.0_f32, |top, x| top.max(x.abs()));
    for level in Level::available() {
        let network = Network::on(level, arch, &weights).expect("the weights fit");
        let first = network.run(&inputs).expect("the inputs fit");
        assert_eq!(first, network.run(&inputs).expect("the inputs fit"), "memory used again changes nothing");
        for (got, expected) in first.iter().zip(&expected) {
            assert_eq!(got.shape(), expected.shape());
            let worst = got.data.iter().zip(&expected.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= tolerance * size(expected), "{} {height}×{width} on {level:?}: off by {worst}", arch.name);
        }
    }
}

#[test]
fn fast_is_plain() {
    check_against_plain(&light::eye(), 128, 128, 1e-4);
    for (height, width) in [(16, 16), (48, 16), (32, 80), (112, 48)] {
        check_against_plain(&light::drawer(), height, width, 1e-4);
    }
    // Pruned to widths that no group of channels divides.
    let [eye, drawer] = light::networks(&light::name(&[7; 17])).unwrap();
    check_against_plain(&eye, 128, 128, 1e-4);
    check_against_plain(&drawer, 32, 80, 1e-4);
    check_against_plain(&classic::generator(true), 16, 16, 1e-4);
    check_against_plain(&classic::generator(false), 32, 48, 1e-4);
}

/// Every operation on its own, so that none is only tested inside a fused step, in sizes no vector divides.
#[test]
fn operations_that_found_no_partner_are_plain_too() {
    use net::{Activation, Op, Padding};
    let conv = |from, channels, kernel, stride, groups, padding| Op::Conv {
        from,
        name: format!("conv{from}"),
        channels,
        kernel,
        stride,
        groups,
        bias: groups != 2,
        padding,
        activation: Activation::LeakyRelu(0.2),
    };
    let arch = Arch {
        name: "every operation".to_owned(),
        inputs: vec![("map".to_owned(), 6), ("vector".to_owned(), 24)],
        ops: vec![
            conv(0, 12, 3, 1, 2, Padding::Zero),
            Op::Modulate { from: 2, by: 1 },
            Op::Unshuffle { from: 3, factor: 3 },
            Op::Shuffle { from: 4, factor: 3 },
            Op::Add { a: 5, b: 2 },
            conv(6, 10, 5, 2, 1, Padding::Reflect { before: 2, after: 2 }),
            conv(7, 7, 3, 3, 1, Padding::None),
            Op::Upsample { from: 8, like: 0, align_corners: false },
            conv(9, 7, 3, 1, 7, Padding::Replicate),
            conv(10, 1, 1, 1, 1, Padding::None),
            Op::Attend { cells: 10, score: 11 },
        ],
        // The resampled map comes out, so that the convolution behind it does not take it in.
        outputs: vec![("large".to_owned(), 9), ("cells".to_owned(), 10), ("seen".to_owned(), 12)],
    };
    check_against_plain(&arch, 27, 33, 1e-4);
}

/// Minimal filtering rounds otherwise than plain sums, to a hundred-thousandth of the largest number: 3×3 and 7×7, every border,
/// a resampled input, more squares in a row than are worked on at once, and fewer; sides that four does not divide.
#[test]
fn dense_convolutions_in_squares_are_plain_to_five_digits() {
    use net::{Activation, Op, Padding};
    let conv = |from, channels, kernel, padding, activation| Op::Conv {
        from,
        name: format!("conv{from}"),
        channels,
        kernel,
        stride: 1,
        groups: 1,
        bias: true,
        padding,
        activation,
    };
    let arch = Arch {
        name: "dense".to_owned(),
        inputs: vec![("map".to_owned(), 32)],
        ops: vec![
            conv(0, 33, 3, Padding::Zero, Activation::LeakyRelu(0.2)),
            conv(1, 32, 7, Padding::Replicate, Activation::Identity),
            conv(2, 40, 7, Padding::Reflect { before: 3, after: 3 }, Activation::LeakyRelu(0.1)),
            Op::Conv {
                from: 3,
                name: "half".to_owned(),
                channels: 32,
                kernel: 3,
                stride: 2,
                groups: 1,
                bias: true,
                padding: Padding::Zero,
                activation: Activation::Identity,
            },
            Op::Upsample { from: 4, like: 0, align_corners: true },
            conv(5, 38, 3, Padding::Reflect { before: 1, after: 1 }, Activation::Identity),
        ],
        outputs: vec![("out".to_owned(), 6)],
    };
    for (height, width) in [(27, 33), (4, 6), (9, 301), (70, 5)] {
        check_against_plain(&arch, height, width, 1e-5);
    }
}

/// The map that is enlarged to the picture's size, twice as many channels as any other there, is never made, and norms make
/// no maps: with both it was 306 MB.
#[test]
fn the_largest_map_of_the_classic_network_is_never_made() {
    let arch = classic::generator(true);
    let network = Network::new(&arch, &random_weights(&arch)).expect("the weights fit");
    let peak = network.peak_bytes(&[Shape::new(512, 512, 3)]).expect("the inputs fit");
    let made = (128 + 64 + 64) * 512 * 512 * size_of::<f32>();
    assert!(peak < made, "{} MB", peak / 1_000_000);
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for arch in [light::drawer(), classic::generator(true)] {
        let (weights, inputs) = (random_weights(&arch), inputs_of(&arch, 80, 96));
        let inputs: Vec<&Map> = inputs.iter().collect();
        let network = Network::new(&arch, &weights).expect("the weights fit");
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be had");
            pool.install(|| network.run(&inputs).expect("the inputs fit"))
        };
        assert_eq!(on(1), on(3), "{}", arch.name);
    }
}

/// The law the whole design stands on.
#[test]
fn a_tile_with_overlap_is_the_whole_to_the_bit() {
    let drawer = light::drawer();
    let (height, width, grain) = (464, 496, light::GRAIN_PX);
    let [picture, modulation] = &inputs_of(&drawer, height, width)[..] else {
        unreachable!("the drawer has two inputs")
    };
    let figures = net::measure(&drawer, &[picture.shape(), modulation.shape()]).expect("the inputs fit");
    let Reach::Pixels(reach) = figures.reach[0] else { panic!("the drawer must be local") };
    let overlap = reach.next_multiple_of(grain);
    for level in Level::available() {
        let network = Network::on(level, &drawer, &random_weights(&drawer)).expect("the weights fit");
        let whole = network.run(&[picture, modulation]).expect("the inputs fit").remove(0);
        // Inside of the tile: 32 rows and 48 columns at a place no vector begins at.
        let (top, left, rows, columns) = (176, 208, 32, 48);
        let (first_row, first_column) = (top - overlap, left - overlap);
        let tile = Shape::new(rows + 2 * overlap, columns + 2 * overlap, 3);
        let tile = Map::from_fn(tile, |y, x, c| picture.at(first_row + y, first_column + x, c));
        let painted = network.run(&[&tile, modulation]).expect("the inputs fit").remove(0);
        for y in 0..rows {
            for x in 0..columns {
                for c in 0..4 {
                    let (whole, tile) = (whole.at(top + y, left + x, c), painted.at(overlap + y, overlap + x, c));
                    assert_eq!(whole.to_bits(), tile.to_bits(), "{level:?}: row {y}, column {x}, channel {c}");
                }
            }
        }
    }
}

/// What makes a network with norms over the whole picture fit for tiles.
#[test]
fn a_frozen_network_paints_tiles_as_the_whole() {
    for arch in [classic::generator(true), classic::generator(false)] {
        let (weights, inputs) = (random_weights(&arch), inputs_of(&arch, 240, 256));
        let network = Network::new(&arch, &weights).expect("the weights fit");
        let (whole, statistics) = network.run_with_statistics(&[&inputs[0]]).expect("the inputs fit");
        let (frozen, folded) =
            net::freeze::frozen(&arch, &weights, &statistics).expect("every norm is behind a convolution");
        let figures = net::measure(&frozen, &[Shape::new(512, 512, 3)]).expect("the inputs fit");
        let Reach::Pixels(reach) = figures.reach[0] else { panic!("a frozen network must be local") };
        let frozen = Network::new(&frozen, &folded).expect("the weights fit");
        let overlap = (reach + 4 + frozen.further_px()).next_multiple_of(Network::ALIGNMENT_PX);
        let (rows, columns) = (12, 20);
        let (top, left) = (112, 120);
        let at = (top - overlap, left - overlap);
        let part = Shape::new(rows + 2 * overlap, columns + 2 * overlap, 3);
        let part = Map::from_fn(part, |y, x, c| inputs[0].at(at.0 + y, at.1 + x, c));
        let place = crate::Place { whole: (240, 256), at };
        let painted = frozen.run_part(&[&part], place).expect("the inputs fit").remove(0);
        let in_one = frozen.run(&[&inputs[0]]).expect("the inputs fit").remove(0);
        let mut far = 0.0_f32;
        for (y, x, c) in (0..rows).flat_map(|y| (0..columns).flat_map(move |x| (0..3).map(move |c| (y, x, c)))) {
            let (part, one) = (painted.at(overlap + y, overlap + x, c), in_one.at(top + y, left + x, c));
            assert_eq!(part.to_bits(), one.to_bits(), "{}: row {y}, column {x}, channel {c}", arch.name);
            far = far.max((one - whole[0].at(top + y, left + x, c)).abs());
        }
        assert!(far < 1e-3, "{}: frozen with its own statistics it is off by {far}", arch.name);
    }
}
