//! Times a network with random weights, and leaves what a comparison with another engine needs.
//!
//! `forward NETWORK SIDE OUT [ROUNDS]`: NETWORK is `drawer`, `eye` or `classic`; without ROUNDS writes `OUT.onnx`, the inputs
//! `OUT.in0.f32` … (H×W×C, f32, little-endian) and the output `OUT.out.f32`; with ROUNDS prints one time in
//! milliseconds for each round. RAYON_NUM_THREADS sets the threads.
#![allow(missing_docs, clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use engine::{Map, Network, Shape};
use net::{Arch, Tensor, Weights, classic, light};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, side, out, rounds @ ..] = &arguments[..] else {
        return Err("usage: forward drawer|eye|classic SIDE OUT [ROUNDS]".into());
    };
    let arch = match name.as_str() {
        "drawer" => light::drawer(),
        "eye" => light::eye(),
        "classic" => classic::generator(false),
        other => return Err(format!("{other} is no network: drawer, eye or classic").into()),
    };
    let side: usize = side.parse()?;
    let weights = weights(&arch)?;
    let inputs: Vec<Map> = arch.inputs.iter().enumerate().map(|(i, &(_, channels))| input(i, side, channels)).collect();
    let inputs: Vec<&Map> = inputs.iter().collect();
    let network = Network::new(&arch, &weights)?;
    if let [rounds] = rounds {
        let mut times = Vec::new();
        for _ in 0..rounds.parse()? {
            let start = Instant::now();
            std::hint::black_box(network.run(&inputs)?);
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        times.iter().for_each(|time| println!("{time:.3}"));
        return Ok(());
    }
    let shapes: Vec<Shape> = inputs.iter().map(|map| map.shape()).collect();
    std::fs::write(format!("{out}.onnx"), net::onnx::write(&arch, &weights, &shapes)?)?;
    for (i, map) in inputs.iter().enumerate() {
        std::fs::write(format!("{out}.in{i}.f32"), bytes(map))?;
    }
    std::fs::write(format!("{out}.out.f32"), bytes(&network.run(&inputs)?[0]))?;
    let measure = net::measure(&arch, &shapes)?;
    println!(
        "{} at {side} px: {:.2} GMAC, {} parameters",
        arch.name,
        measure.multiply_adds as f64 / 1e9,
        measure.parameters
    );
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    println!(
        "every operation by itself holds {:.1} MB at most, the plan {:.1} MB",
        megabytes(measure.peak_bytes),
        megabytes(network.peak_bytes(&shapes)?)
    );
    println!("{}", engine::cpu_features()[0]);
    Ok(())
}

fn bytes(map: &Map) -> Vec<u8> {
    map.data.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Numbers of −1..1 by a linear congruential sequence.
fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// The first input is a picture, the others are vectors.
fn input(number: usize, side: usize, channels: usize) -> Map {
    let side = if number == 0 { side } else { 1 };
    let mut random = noise(number as u64);
    Map::from_fn(Shape::new(side, side, channels), |_, _, _| random())
}

fn weights(arch: &Arch) -> Result<Weights, net::Error> {
    let mut random = noise(7);
    let tensors = net::parameters(arch)?.into_iter().map(|(name, shape)| {
        let fan_in: usize = shape[1..].iter().product();
        let size = if shape.len() == 1 { 0.3 } else { (2.0 / fan_in as f32).sqrt() };
        let data = (0..shape.iter().product()).map(|_| random() * size).collect();
        (name, Tensor::new(&shape, data))
    });
    Ok(tensors.collect())
}
