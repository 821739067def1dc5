//! How long the networks take, with random weights: `cargo bench -p kaiga-engine`. The machine's mood shows; compare
//! figures of one run, or with another engine by `against_onnxruntime.py`.
#![allow(missing_docs)]

use divan::{Bencher, black_box};
use engine::{Map, Network, Shape};
use net::{Arch, Tensor, classic, light};

fn main() {
    divan::main();
}

#[divan::bench(args = [512, 1024])]
fn drawer(bencher: Bencher<'_, '_>, side: usize) {
    time(bencher, &light::drawer(), side);
}

#[divan::bench(args = [128])]
fn eye(bencher: Bencher<'_, '_>, side: usize) {
    time(bencher, &light::eye(), side);
}

#[divan::bench(args = [256], sample_count = 5)]
fn classic_generator(bencher: Bencher<'_, '_>, side: usize) {
    time(bencher, &classic::generator(true), side);
}

/// The numbers do not matter to the time as long as they stay ordinary.
fn time(bencher: Bencher<'_, '_>, arch: &Arch, side: usize) {
    let parameters = net::parameters(arch).expect("the architecture is sound").into_iter();
    let weights = parameters.map(|(name, shape)| {
        let data = (0..shape.iter().product::<usize>()).map(|i| ((i % 13) as f32 - 6.0) / 100.0).collect();
        (name, Tensor::new(&shape, data))
    });
    let network = Network::new(arch, &weights.collect()).expect("the weights fit");
    let input = |(i, &(_, channels)): (usize, &(String, usize))| {
        let side = if i == 0 { side } else { 1 };
        Map::from_fn(Shape::new(side, side, channels), |y, x, c| ((y * 7 + x * 3 + c) % 17) as f32 / 8.0 - 1.0)
    };
    let inputs: Vec<Map> = arch.inputs.iter().enumerate().map(input).collect();
    let inputs: Vec<&Map> = inputs.iter().collect();
    bencher.bench_local(|| network.run(black_box(&inputs)).expect("the inputs fit"));
}
