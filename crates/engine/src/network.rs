//! The fast executor: takes the steps of the plan on rows, on all cores.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net::freeze::Statistics;
use net::{Activation, Arch, Error, Shape, Value, Weights};
use rayon::prelude::*;

use crate::Map;
use crate::conv::Input;
use crate::paint::{Drawn, paint};
use crate::plan::{ALIGNMENT_PX, Kernel, Step, further_px, plan};
use crate::rows::{PAD, Rows};
use crate::simd::Level;
use crate::upsample::Upsampled;

/// A network with its weights, ready to run on pictures of any size. It may be shared between threads.
///
/// The result is the same, bit for bit, whatever the number of threads, and the same for a tile as for those pixels
/// of the whole, as long as the tile's border lies outside what [`net::measure()`] and [`Network::further_px`] say an output
/// pixel sees and the tile begins at a multiple of the coarsest level's pixels (16 for the light drawer) and of
/// [`Network::ALIGNMENT_PX`]. Other CPUs may round otherwise.
pub struct Network {
    arch: Arch,
    steps: Arc<[Step]>,
    level: Level,
    pool: Pool,
}

/// Memory of maps that are dead, kept for the next run. Networks that share a pool and run one after the other hold
/// together what the hungriest of them needs.
#[derive(Clone)]
pub struct Pool(Arc<Kept>);

struct Kept {
    /// What is kept of each of some runs.
    sets: Mutex<Vec<Vec<Vec<f32>>>>,
    most: usize,
}

impl Default for Pool {
    /// For one run at a time.
    fn default() -> Self {
        Self::keeping(1)
    }
}

impl Pool {
    /// For so many runs at a time; the memory of more is let go when they end.
    pub fn keeping(runs: usize) -> Self {
        Self(Arc::new(Kept { sets: Mutex::default(), most: runs }))
    }

    /// That of one run; whoever runs beside as many as there is memory for finds nothing and makes its own.
    fn take(&self) -> Vec<Vec<f32>> {
        self.sets().pop().unwrap_or_default()
    }

    fn put_back(&self, memory: Vec<Vec<f32>>) {
        let mut sets = self.sets();
        if sets.len() < self.0.most {
            sets.push(memory);
        }
    }

    fn sets(&self) -> MutexGuard<'_, Vec<Vec<Vec<f32>>>> {
        self.0.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the part of a picture that a network is given lies in the whole, in px of its first input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Height and width of the whole.
    pub whole: (usize, usize),
    /// Row and column of the part's upper left pixel, multiples of the coarsest level's pixels.
    pub at: (usize, usize),
}

impl Network {
    /// Tiles must begin at multiples of it, px, where [`Network::further_px`] is not 0.
    pub const ALIGNMENT_PX: usize = ALIGNMENT_PX;

    /// Prepares a network. Tensors it does not know are left alone.
    ///
    /// # Errors
    /// As [`net::weights::check`].
    pub fn new(arch: &Arch, weights: &Weights) -> Result<Self, Error> {
        Self::with_pool(arch, weights, &Pool::default())
    }

    /// Prepares a network that takes memory for its maps from `pool`, and gives it back there.
    ///
    /// # Errors
    /// As [`net::weights::check`].
    pub fn with_pool(arch: &Arch, weights: &Weights, pool: &Pool) -> Result<Self, Error> {
        Ok(Self { pool: pool.clone(), ..Self::on(Level::available()[0], arch, weights)? })
    }

    /// The same network, its weights shared, with memory for its maps from `pool`.
    pub fn sharing(&self, pool: &Pool) -> Self {
        Self { arch: self.arch.clone(), steps: Arc::clone(&self.steps), level: self.level, pool: pool.clone() }
    }

    pub(crate) fn on(level: Level, arch: &Arch, weights: &Weights) -> Result<Self, Error> {
        net::weights::check(arch, weights)?;
        Ok(Self { arch: arch.clone(), steps: plan(arch, weights).into(), level, pool: Pool::default() })
    }

    /// Which network this is.
    pub fn arch(&self) -> &Arch {
        &self.arch
    }

    /// Runs the network on these inputs and gives its outputs, in the order the architecture names them.
    ///
    /// # Errors
    /// Where the inputs do not fit the architecture.
    pub fn run(&self, inputs: &[&Map]) -> Result<Vec<Map>, Error> {
        self.run_noting(inputs, None, &mut Vec::new())
    }

    /// Runs it on a part of a picture. It matters to networks that resample with `align_corners`, for which a pixel's place
    /// depends on the size of the whole.
    ///
    /// # Errors
    /// As [`Network::run`].
    pub fn run_part(&self, inputs: &[&Map], place: Place) -> Result<Vec<Map>, Error> {
        self.run_noting(inputs, Some(place), &mut Vec::new())
    }

    /// Runs it, and gives what its norms found as well, in their order: for [`net::freeze::frozen`].
    ///
    /// # Errors
    /// As [`Network::run`].
    pub fn run_with_statistics(&self, inputs: &[&Map]) -> Result<(Vec<Map>, Vec<Statistics>), Error> {
        let mut found = Vec::new();
        let outputs = self.run_noting(inputs, None, &mut found)?;
        Ok((outputs, found))
    }

    fn run_noting(
        &self,
        inputs: &[&Map],
        place: Option<Place>,
        found: &mut Vec<Statistics>,
    ) -> Result<Vec<Map>, Error> {
        let shapes: Vec<Shape> = inputs.iter().map(|map| map.shape()).collect();
        let shapes = net::shapes(&self.arch, &shapes)?;
        let mut pool = self.pool.take();
        let mut values: Vec<Option<Rows>> = (0..shapes.len()).map(|_| None).collect();
        for (value, map) in inputs.iter().enumerate() {
            let mut rows = Rows::on(take(&mut pool, shapes[value]), shapes[value]);
            rows.copy_from(map);
            values[value] = Some(rows);
        }
        for step in &*self.steps {
            let mut out = match step.on.and_then(|value| values[value].take()) {
                Some(rows) => rows,
                None => Rows::on(take(&mut pool, shapes[step.to]), shapes[step.to]),
            };
            let source = |i: usize| values[step.from[i]].as_ref().expect("the plan makes values before it reads them");
            if let (Some(place), None) = (step.kernel.overwrites(), step.on) {
                out.data.copy_from_slice(&source(place).data);
            }
            let upsampled = |align_corners: bool| {
                let place = place.filter(|_| align_corners).map(|place| (place, shapes[0]));
                Upsampled::new(source(0), source(1).shape, align_corners, place)
            };
            let input = |upsample: Option<bool>| {
                upsample.map_or_else(|| Input::Map(source(0)), |corners| Input::Upsampled(upsampled(corners)))
            };
            match &step.kernel {
                Kernel::Norm { weight, bias, activation } => found.push(norm(&mut out, weight, bias, *activation)),
                Kernel::Upsample { align_corners } => upsampled(*align_corners).fill(&mut out),
                Kernel::Conv(conv) => conv.run(self.level, &input(conv.upsample), &mut out),
                Kernel::Winograd(winograd) => winograd.run(self.level, &input(winograd.upsample), &mut out),
                kernel => self.take_step(kernel, &source, &mut out),
            }
            values[step.to] = Some(out);
            let dead = step.dead.iter().filter_map(|&value| values[value].take());
            pool.extend(dead.map(|rows| rows.data));
        }
        let output = |&(_, value): &(String, Value)| values[value].as_ref().map(Rows::to_map);
        let outputs = self.arch.outputs.iter().filter_map(output).collect();
        pool.extend(values.into_iter().flatten().map(|rows| rows.data));
        self.pool.put_back(pool);
        Ok(outputs)
    }

    /// How much further around an output pixel than [`net::measure()`] says a tile must know the picture, px, for the result to
    /// be that of the whole to the last bit; 0 for networks without wide dense convolutions.
    pub fn further_px(&self) -> usize {
        further_px(&self.arch, &self.steps)
    }

    /// The most bytes of maps alive at once when inputs of these shapes run, without the weights and what the
    /// threads work with (some 100 KB to 1 MB each). As much is kept in the pool for the next run.
    ///
    /// # Errors
    /// Where the inputs do not fit the architecture.
    pub fn peak_bytes(&self, inputs: &[Shape]) -> Result<usize, Error> {
        let shapes = net::shapes(&self.arch, inputs)?;
        let mut pool: Vec<usize> = Vec::new();
        let mut total = 0;
        let mut take = |pool: &mut Vec<usize>, wanted: usize| {
            let free = best(pool.iter().copied(), wanted).map(|at| pool.swap_remove(at));
            total += wanted.saturating_sub(free.unwrap_or(0));
            wanted.max(free.unwrap_or(0))
        };
        let mut held = vec![0; shapes.len()];
        for value in 0..inputs.len() {
            held[value] = take(&mut pool, Rows::space(shapes[value]));
        }
        for step in &*self.steps {
            held[step.to] = match step.on {
                Some(value) => held[value],
                None => take(&mut pool, Rows::space(shapes[step.to])),
            };
            pool.extend(step.dead.iter().map(|&value| held[value]));
        }
        Ok(total * size_of::<f32>())
    }

    fn take_step<'a>(&self, kernel: &Kernel, source: &dyn Fn(usize) -> &'a Rows, out: &mut Rows) {
        let level = self.level;
        match kernel {
            Kernel::Block(block) => block.run(level, source(0), out),
            Kernel::Up(up) => up.run(level, source(0), out),
            Kernel::PaintFromHead(head) => paint(level, source(0), &Drawn::Head(head, source(1)), source(2), out),
            Kernel::Paint => paint(level, source(0), &Drawn::Map(source(1)), source(2), out),
            Kernel::Conv(_) | Kernel::Winograd(_) | Kernel::Norm { .. } | Kernel::Upsample { .. } => {
                unreachable!("taken where more is known")
            }
            Kernel::Add => add(source(0), source(1), out),
            Kernel::Unshuffle(factor) => unshuffle(source(0), *factor, out),
            Kernel::Shuffle(factor) => shuffle(source(0), *factor, out),
            Kernel::Modulate => modulate(source(0), source(1), out),
            Kernel::Attend => attend(source(0), source(1), out),
        }
    }
}

/// The smallest free memory that is large enough, or else the largest.
fn best(free: impl Iterator<Item = usize>, wanted: usize) -> Option<usize> {
    let order = |size: usize| if size >= wanted { (0, size) } else { (1, usize::MAX - size) };
    free.enumerate().min_by_key(|&(_, size)| order(size)).map(|(at, _)| at)
}

fn take(pool: &mut Vec<Vec<f32>>, shape: Shape) -> Vec<f32> {
    best(pool.iter().map(Vec::capacity), Rows::space(shape)).map(|at| pool.swap_remove(at)).unwrap_or_default()
}

/// Of a map in its own memory.
fn norm(map: &mut Rows, weight: &[f32], bias: &[f32], activation: Activation) -> Statistics {
    let Shape { height, width, channels } = map.shape;
    // Each row's mean and squares about it on all cores, while the row is in the cache, then put together in the order of the
    // rows (Chan et al. 1983): the same whatever the number of threads.
    let numbers = (width * channels) as f64;
    let row = |y: usize| {
        let planes = || (0..channels).map(|c| map.plane(y, c));
        let mean = planes().map(|plane| lane_sum(plane, f64::from)).sum::<f64>() / numbers;
        (mean, planes().map(|plane| lane_sum(plane, |x| (f64::from(x) - mean).powi(2))).sum::<f64>())
    };
    let found: Vec<(f64, f64)> = (0..height).into_par_iter().map(row).collect();
    let mean = found.iter().map(|(mean, _)| mean).sum::<f64>() / height as f64;
    let squares = found.iter().map(|(own, squares)| squares + numbers * (own - mean).powi(2)).sum::<f64>();
    let variance = squares / (numbers * height as f64);
    let scale = 1.0 / (variance + 1e-5).sqrt();
    let stride = map.stride;
    map.fill(|_, row| {
        for c in 0..channels {
            let factor = (scale * f64::from(weight[c])) as f32;
            let shift = (f64::from(bias[c]) - mean * scale * f64::from(weight[c])) as f32;
            let pixels = row[c * stride + PAD..][..width].iter_mut();
            match activation {
                Activation::Identity => pixels.for_each(|x| *x = *x * factor + shift),
                Activation::LeakyRelu(slope) => pixels.for_each(|x| {
                    let scaled = *x * factor + shift;
                    *x = scaled.max(slope * scaled);
                }),
                Activation::Tanh => pixels.for_each(|x| *x = (*x * factor + shift).tanh()),
            }
        }
    });
    Statistics { mean: mean as f32, scale: scale as f32 }
}

/// Sum in eight lanes, which the compiler keeps in vectors; the lanes are added last. Always in the same order.
fn lane_sum(numbers: &[f32], number: impl Fn(f32) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    let (whole, rest) = numbers.as_chunks::<8>();
    for numbers in whole {
        lanes.iter_mut().zip(numbers).for_each(|(lane, &x)| *lane += number(x));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, &x)| *lane += number(x));
    lanes.iter().sum()
}

fn add(a: &Rows, b: &Rows, out: &mut Rows) {
    out.fill(|y, row| row.iter_mut().zip(a.row(y)).zip(b.row(y)).for_each(|((to, a), b)| *to = a + b));
}

fn unshuffle(from: &Rows, factor: usize, out: &mut Rows) {
    let stride = out.stride;
    out.fill(|y, row| {
        for (c, plane) in row.chunks_exact_mut(stride).enumerate() {
            let (dy, dx) = (c / factor % factor, c % factor);
            let from = &from.plane(y * factor + dy, c / (factor * factor))[dx..];
            plane[PAD..].iter_mut().zip(from.iter().step_by(factor)).for_each(|(to, from)| *to = *from);
        }
    });
}

fn shuffle(from: &Rows, factor: usize, out: &mut Rows) {
    let (stride, width) = (out.stride, out.shape.width);
    out.fill(|y, row| {
        for (c, plane) in row.chunks_exact_mut(stride).enumerate() {
            for dx in 0..factor {
                let from = from.plane(y / factor, (c * factor + y % factor) * factor + dx);
                let to = plane[PAD..][..width].iter_mut().skip(dx).step_by(factor);
                to.zip(from).for_each(|(to, from)| *to = *from);
            }
        }
    });
}

fn modulate(from: &Rows, by: &Rows, out: &mut Rows) {
    let (channels, stride) = (from.shape.channels, out.stride);
    out.fill(|y, row| {
        for c in 0..channels {
            let (scale, shift) = (1.0 + by.plane(0, c)[0], by.plane(0, channels + c)[0]);
            let to = row[c * stride + PAD..].iter_mut();
            to.zip(from.plane(y, c)).for_each(|(to, x)| *to = x * scale + shift);
        }
    });
}

/// Small maps only (the eye's cells): plain.
fn attend(cells: &Rows, score: &Rows, out: &mut Rows) {
    let rows = || 0..cells.shape.height;
    let top = rows().flat_map(|y| score.plane(y, 0)).copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = rows().flat_map(|y| score.plane(y, 0)).map(|score| (score - top).exp()).collect();
    let sum: f32 = weights.iter().sum();
    out.fill(|_, row| {
        for c in 0..cells.shape.channels {
            let numbers = rows().flat_map(|y| cells.plane(y, c));
            let total: f32 = numbers.zip(&weights).map(|(cell, weight)| cell * weight).sum();
            row[c * crate::rows::stride_of(1) + PAD] = total / sum;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::Tensor;

    #[test]
    fn eight_lanes_are_summed_apart() {
        // One after the other the ones would vanish beside 10¹⁶.
        let numbers: Vec<f32> = [1e16, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1e16, 1.0, 1.0].into();
        assert_eq!(lane_sum(&numbers, f64::from), 9.0);
        assert_eq!(lane_sum(&numbers[1..6], |x| f64::from(2.0 * x)), 10.0);
        assert_eq!(lane_sum(&[], f64::from), 0.0);
    }

    #[test]
    fn networks_that_share_weights_have_memory_of_their_own() {
        let arch = net::light::eye();
        let tensors = net::parameters(&arch).expect("it is a sound architecture").into_iter();
        let zeros = |shape: &[usize]| Tensor::new(shape, vec![0.0; shape.iter().product()]);
        let weights: Weights = tensors.map(|(name, shape)| (name, zeros(&shape))).collect();
        let network = Network::new(&arch, &weights).expect("the weights fit");
        let other = network.sharing(&Pool::default());
        assert!(Arc::ptr_eq(&network.steps, &other.steps));
        let side = net::light::THUMBNAIL_PX;
        other.run(&[&Map::from_fn(Shape::new(side, side, 3), |_, _, _| 0.5)]).expect("the input fits");
        assert!(network.pool.take().is_empty() && !other.pool.take().is_empty());
    }

    #[test]
    fn a_pool_keeps_memory_for_so_many_runs() {
        let pool = Pool::keeping(2);
        (1..=3).for_each(|length| pool.put_back(vec![vec![0.0; length]]));
        let kept: Vec<usize> = (0..3).map(|_| pool.take().iter().map(Vec::len).sum()).collect();
        assert_eq!(kept, [2, 1, 0], "what came last is taken first; what was too much is gone");
    }
}
