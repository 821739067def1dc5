//! What the light generator costs: weights, multiply-adds, and time beside another one's.

use std::time::Instant;

use anyhow::Result;
use engine::{Map, Network};
use net::light::THUMBNAIL_PX;
use net::{Arch, Shape, Tensor, Weights};

/// Side of the picture that costs are given for, px.
pub const SIDE_PX: usize = 512;
/// Rounds of a [`race`].
const ROUNDS: usize = 31;

/// What eye and drawer cost together for a picture of [`SIDE_PX`]².
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Numbers in the weights, of one style.
    pub parameters: usize,
    /// Multiply-adds of all convolutions.
    pub multiply_adds: u64,
}

/// The cost of eye and drawer.
///
/// # Errors
/// If they contradict themselves.
pub fn cost(networks: &[Arch; 2]) -> Result<Cost> {
    let mut cost = Cost { parameters: 0, multiply_adds: 0 };
    for network in networks {
        let measure = net::measure(network, &inputs(network))?;
        cost.parameters += measure.parameters;
        cost.multiply_adds += measure.multiply_adds;
    }
    Ok(cost)
}

/// The shapes of what eye or drawer is given for a picture of [`SIDE_PX`]².
pub(crate) fn inputs(network: &Arch) -> Vec<Shape> {
    let shape = |(name, channels): &(String, usize)| match name.as_str() {
        "thumbnail" => Shape::new(THUMBNAIL_PX, THUMBNAIL_PX, *channels),
        "modulation" => Shape::new(1, 1, *channels),
        _ => Shape::new(SIDE_PX, SIDE_PX, *channels),
    };
    network.inputs.iter().map(shape).collect()
}

/// How long two generators take for the same picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Race {
    /// Median times, ms.
    pub median_ms: [f64; 2],
    /// The second's time divided by the first's: the median over rounds in which both ran, so that what else the
    /// machine does falls on both.
    pub ratio: f64,
}

/// Lets the engine run two generators, eye and drawer with their weights, in turns on one thread, for a picture of
/// [`SIDE_PX`]².
///
/// # Errors
/// If the engine refuses one of them.
pub fn race(generators: [(&[Arch; 2], &Weights); 2]) -> Result<Race> {
    let mut runners = Vec::new();
    for (networks, weights) in generators {
        runners.push([Network::new(&networks[0], weights)?, Network::new(&networks[1], weights)?]);
    }
    let mut rng = fastrand::Rng::with_seed(1);
    let mut noise = |side| Map::from_fn(Shape::new(side, side, 3), |_, _, _| rng.f32() * 2.0 - 1.0);
    let (thumbnail, picture) = (noise(THUMBNAIL_PX), noise(SIDE_PX));
    let time_ms = |[eye, drawer]: &[Network; 2]| -> Result<f64> {
        let start = Instant::now();
        let modulation = eye.run(&[&thumbnail])?.swap_remove(0);
        std::hint::black_box(drawer.run(&[&picture, &modulation])?);
        Ok(start.elapsed().as_secs_f64() * 1e3)
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| {
        let mut times = [vec![], vec![]];
        // The first round only warms up.
        for round in 0..=ROUNDS {
            for turn in 0..2 {
                let which = (round + turn) % 2;
                times[which].push(time_ms(&runners[which])?);
            }
        }
        let times = times.map(|times| times[1..].to_vec());
        let ratios = times[0].iter().zip(&times[1]).map(|(first, second)| second / first).collect();
        Ok(Race { ratio: median(ratios), median_ms: times.map(median) })
    })
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Random weights for these networks, of the usual size: ±1/√(numbers summed up).
///
/// # Errors
/// If a network contradicts itself.
pub fn random(networks: &[Arch], seed: u64) -> Result<Weights> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut weights = Weights::new();
    for network in networks {
        for (name, shape) in net::parameters(network)? {
            let bound = 1.0 / (shape[1..].iter().product::<usize>() as f32).sqrt();
            let numbers = (0..shape.iter().product()).map(|_| (rng.f32() * 2.0 - 1.0) * bound).collect();
            weights.insert(name, Tensor::new(&shape, numbers));
        }
    }
    Ok(weights)
}
