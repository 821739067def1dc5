//! Poisson blending against a dense solver, and what must hold for every mask.

use super::*;
use crate::noise::numbers as noise;

fn picture(width: usize, height: usize, seed: u32) -> Image<Srgb> {
    let mut noise = noise(seed);
    Image::from_fn(width, height, |x, y| {
        let wave = 0.5 + 0.3 * (x as f32 * 0.4 + seed as f32).sin() * (y as f32 * 0.3).cos();
        [0.2, 0.5, 0.8].map(|share| wave * share + 0.2 * noise())
    })
}

/// The plain way: all unknowns in one dense system, solved by elimination.
fn blend_densely(ground: &Image<Srgb>, patch: &Image<Srgb>, mask: &Image<Gray>) -> Image<Srgb> {
    let (width, height) = (mask.width(), mask.height());
    let unknown: Vec<usize> = (0..width * height).filter(|&i| mask.pixels()[i] > 0.0).collect();
    let index = |i: usize| unknown.binary_search(&i).ok();
    let n = unknown.len();
    let mut rows = vec![vec![0.0f64; n + 3]; n];
    for (row, &i) in unknown.iter().enumerate() {
        let (x, y) = ((i % width) as isize, (i / width) as isize);
        for (u, v) in [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)] {
            if u < 0 || v < 0 || u >= width as isize || v >= height as isize {
                continue;
            }
            let j = v as usize * width + u as usize;
            rows[row][row] += 1.0;
            if let Some(other) = index(j) {
                rows[row][other] -= 1.0;
            }
            let share = mask.pixels()[i].max(mask.pixels()[j]);
            for c in 0..3 {
                let difference = |k: usize| patch.pixels()[k][c] - ground.pixels()[k][c];
                rows[row][n + c] += f64::from(share * (difference(i) - difference(j)));
            }
        }
    }
    for pivot in 0..n {
        let best = (pivot..n).max_by(|&a, &b| rows[a][pivot].abs().total_cmp(&rows[b][pivot].abs())).unwrap();
        rows.swap(pivot, best);
        for row in 0..n {
            if row != pivot && rows[row][pivot] != 0.0 {
                let factor = rows[row][pivot] / rows[pivot][pivot];
                for column in pivot..n + 3 {
                    rows[row][column] -= factor * rows[pivot][column];
                }
            }
        }
    }
    let mut blended = ground.clone();
    for (row, &i) in unknown.iter().enumerate() {
        for c in 0..3 {
            blended.pixels_mut()[i][c] += (rows[row][n + c] / rows[row][row]) as f32;
        }
    }
    blended
}

fn furthest(a: &Image<Srgb>, b: &Image<Srgb>) -> f32 {
    let samples = a.pixels().as_flattened().iter().zip(b.pixels().as_flattened());
    samples.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Masks of several kinds: discs, at the border too, bars of one pixel, scattered cells, feathered ones.
fn mask(width: usize, height: usize, seed: u32) -> Image<Gray> {
    let mut noise = noise(seed);
    let [cx, cy, r] = [noise() * width as f32, noise() * height as f32, 2.0 + noise() * width as f32 * 0.4];
    let (feather, bar) = (noise() * r, (noise() * height as f32) as usize);
    Image::from_fn(width, height, |x, y| {
        let away = (x as f32 + 0.5 - cx).hypot(y as f32 + 0.5 - cy);
        let disc = ((r - away) / feather.max(0.01)).clamp(0.0, 1.0);
        let bar = f32::from(seed.is_multiple_of(3) && y == bar && x > 1);
        let scattered = f32::from(seed % 4 == 1 && noise() < 0.2);
        disc.max(bar).max(scattered)
    })
}

#[test]
fn it_agrees_with_a_dense_solver_for_every_mask() {
    for seed in 0..60 {
        let (width, height) = (3 + seed as usize * 7 % 15, 2 + seed as usize * 5 % 14);
        let mut mask = mask(width, height, seed);
        // Something must be left of the border for the dense system to have one solution.
        mask.pixels_mut()[seed as usize % (width * height)] = 0.0;
        let (ground, patch) = (picture(width, height, seed), picture(width, height, seed + 100));
        let (fast, plain) = (blend(&ground, &patch, &mask), blend_densely(&ground, &patch, &mask));
        let off = furthest(&fast, &plain);
        assert!(off < 5e-4, "seed {seed}, {width}×{height}: {off}");
        for (i, &share) in mask.pixels().iter().enumerate() {
            assert!(share > 0.0 || fast.pixels()[i] == ground.pixels()[i], "outside the mask nothing changes");
        }
    }
}

#[test]
fn a_patch_that_is_only_lighter_leaves_no_trace() {
    let ground = picture(64, 48, 3);
    let lighter = ground.map::<Srgb>(|pixel| pixel.map(|v| v + 0.25));
    for seed in 0..8 {
        let mask = mask(64, 48, seed);
        let hard = mask.map::<Gray>(|m| f32::from(m > 0.0));
        assert!(furthest(&blend(&ground, &lighter, &hard), &ground) < 1e-3);
        assert!(furthest(&blend(&ground, &lighter, &mask), &ground) < 1e-3);
    }
}

#[test]
fn without_a_border_the_mean_of_the_mixture_stays() {
    let (ground, patch) = (picture(31, 22, 1), picture(31, 22, 2));
    let everywhere = Image::filled(31, 22, 1.0);
    assert!(furthest(&blend(&ground, &patch, &everywhere), &patch) < 1e-3);
    let one = |v| Image::<Srgb>::filled(1, 1, [v; 3]);
    assert!((blend(&one(0.2), &one(0.8), &Image::filled(1, 1, 0.5)).at(0, 0)[0] - 0.5).abs() < 1e-6);
    assert_eq!(blend(&ground, &patch, &Image::filled(31, 22, 0.0)), ground);
}

#[test]
fn the_steps_do_not_grow_with_the_size() {
    let steps = |side: usize| {
        let centre = side as f32 / 2.0;
        let share = Image::<Gray>::from_fn(side, side, |x, y| {
            let away = (x as f32 - centre).hypot(1.2 * (y as f32 - centre)) / centre;
            ((0.95 - away) / 0.3).clamp(0.0, 1.0)
        });
        let (ground, patch) = (picture(side, side, 5), picture(side, side, 6));
        let grids = Grid::pyramid(Grid::new(side, side, |x, y| share.at(x, y) > 0.0));
        let difference = |x: usize, y: usize| patch.at(x, y)[0] - ground.at(x, y)[0] + 0.3 * x as f32 / side as f32;
        solve(&grids, &divergence(&grids[0], &share, &difference)).1
    };
    let counted: Vec<usize> = [32, 64, 128, 256, 512].map(steps).into();
    assert!(counted.iter().all(|&steps| steps <= 12), "{counted:?}");
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let (ground, patch, mask) = (picture(90, 70, 1), picture(90, 70, 2), mask(90, 70, 0));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| blend(&ground, &patch, &mask))
    };
    assert!(on(1) == on(2) && on(1) == on(5));
}
