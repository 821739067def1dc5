//! Pictures with colours that photos seldom have: drawn ones, and photos in other colours. What the network never saw,
//! it does not keep: flat blue, neon, printed matter.

use pixels::Image;
use pixels::blur::gaussian;
use pixels::space::{Lab, Srgb, Srgb8, lab_from_srgb8, srgb_from_lab, srgb8_from_srgb};

/// A drawn picture: a chart of patches, or a gradient under overlapping shapes, in colours from all of sRGB; some with
/// soft borders or a grain.
pub fn drawn(width: usize, height: usize, rng: &mut fastrand::Rng) -> Image<Srgb8> {
    let picture = if rng.f32() < 0.35 { chart(width, height, rng) } else { shapes(width, height, rng) };
    let picture = if rng.f32() < 0.4 { gaussian(&picture, 0.4 + 1.2 * rng.f32()) } else { picture };
    let grain = if rng.f32() < 0.4 { 0.05 * rng.f32() } else { 0.0 };
    let grains: Vec<f32> = (0..width * height).map(|_| grain * (rng.f32() + rng.f32() - 1.0)).collect();
    Image::from_fn(width, height, |x, y| srgb8_from_srgb(picture.at(x, y).map(|v| v + grains[y * width + x])))
}

/// Equal patches with or without a gap between them.
fn chart(width: usize, height: usize, rng: &mut fastrand::Rng) -> Image<Srgb> {
    let (columns, rows, gap) = (rng.usize(3..9), rng.usize(2..7), rng.usize(0..12));
    let ground = [rng.f32(); 3];
    let colours: Vec<[f32; 3]> = (0..columns * rows).map(|_| colour(rng)).collect();
    Image::from_fn(width, height, |x, y| {
        let (cell_w, cell_h) = (width / columns, height / rows);
        let between = x % cell_w < gap || y % cell_h < gap;
        if between { ground } else { colours[(y / cell_h).min(rows - 1) * columns + (x / cell_w).min(columns - 1)] }
    })
}

/// Ellipses and half-planes over a gradient.
fn shapes(width: usize, height: usize, rng: &mut fastrand::Rng) -> Image<Srgb> {
    let (from, to, [gx, gy]) = (colour(rng), colour(rng), direction(rng));
    let mut picture = Image::<Srgb>::from_fn(width, height, |x, y| {
        let (u, v) = (x as f32 / width as f32 - 0.5, y as f32 / height as f32 - 0.5);
        let along = (0.5 + u * gx + v * gy).clamp(0.0, 1.0);
        std::array::from_fn(|c| from[c] + along * (to[c] - from[c]))
    });
    for _ in 0..rng.usize(4..22) {
        let (own, other, [nx, ny]) = (colour(rng), colour(rng), direction(rng));
        let (cx, cy) = (rng.f32() * width as f32, rng.f32() * height as f32);
        let (rx, ry) = (8.0 + 120.0 * rng.f32() * rng.f32(), 8.0 + 120.0 * rng.f32() * rng.f32());
        // A shape of one colour, or lit from one side.
        let (boxed, lit) = (rng.bool(), rng.bool());
        for y in 0..height {
            for x in 0..width {
                let (dx, dy) = (x as f32 - cx, y as f32 - cy);
                let (u, v) = ((dx * nx + dy * ny) / rx, (dy * nx - dx * ny) / ry);
                let inside = if boxed { u.abs().max(v.abs()) < 1.0 } else { u * u + v * v < 1.0 };
                if inside {
                    let share = if lit { 0.5 + 0.5 * u } else { 0.0 };
                    picture.pixels_mut()[y * width + x] = std::array::from_fn(|c| own[c] + share * (other[c] - own[c]));
                }
            }
        }
    }
    picture
}

fn direction(rng: &mut fastrand::Rng) -> [f32; 2] {
    let (sin, cos) = (std::f32::consts::TAU * rng.f32()).sin_cos();
    [cos, sin]
}

/// A colour: most often saturated, sometimes any, sometimes grey.
fn colour(rng: &mut fastrand::Rng) -> [f32; 3] {
    let any = [rng.f32(), rng.f32(), rng.f32()];
    match rng.u32(0..10) {
        0 => [any[0]; 3],
        1..3 => any,
        _ => {
            // From white or black at one end to a pure hue at the other.
            let hue = 6.0 * any[0];
            let pure = [0.0, 4.0, 2.0].map(|shift| ((hue + shift) % 6.0 - 3.0).abs().clamp(1.0, 2.0) - 1.0);
            let (strength, ground) = (1.0 - 0.7 * any[1] * any[1], if rng.bool() { 1.0 } else { 0.0 });
            pure.map(|v| ground + strength * (v - ground))
        }
    }
}

/// The photo with its hues turned by any angle and its chroma 1 to 2.4 times as strong.
pub fn recoloured(photo: &Image<Srgb8>, rng: &mut fastrand::Rng) -> Image<Srgb8> {
    let ([cos, sin], gain) = (direction(rng), 1.0 + 1.4 * rng.f32());
    photo.map::<Lab>(lab_from_srgb8).map::<Srgb8>(|[l, a, b]| {
        let turned = [l, gain * (a * cos - b * sin), gain * (a * sin + b * cos)];
        srgb8_from_srgb(srgb_from_lab(turned).map(|v| v.clamp(0.0, 1.0)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pixels::compare::colourfulness;

    #[test]
    fn drawn_pictures_are_the_seed_s_and_colourful() {
        let picture = |seed| drawn(96, 80, &mut fastrand::Rng::with_seed(seed));
        assert_eq!(picture(3), picture(3));
        let colourful = (0..12).filter(|&seed| colourfulness(&picture(seed)) > 60.0).count();
        assert!(colourful >= 9, "{colourful} of 12");
    }

    #[test]
    fn other_colours_keep_lightness() {
        let photo = Image::<Srgb8>::from_fn(20, 20, |x, y| [120, 110 + x as u8, 100 + y as u8]);
        let other = recoloured(&photo, &mut fastrand::Rng::with_seed(5));
        let l = |picture: &Image<Srgb8>| lab_from_srgb8(picture.at(7, 9))[0];
        assert!((l(&photo) - l(&other)).abs() < 1.5 && photo != other);
    }
}
