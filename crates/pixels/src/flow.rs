//! Dense optical flow between two pictures by dense inverse search (Kroeger, Timofte, Dai and Van Gool, 2016), and what is
//! carried along it.
//!
//! From coarse to fine, small square patches of the first picture are sought in the second by gradient descent on the
//! squared difference of their pixels, free of their means; a pixel's flow is the mean over the patches it lies in, those
//! that fit it better weighing more. The variational refinement of the paper is left out: what is made of the flow here
//! looks at the pixels themselves to see where to trust it.

mod cubic;
mod patches;

use crate::Image;
use crate::blur::box_mean;
use crate::resize::{self, Filter};
use crate::space::{FloatSpace, Gray, Space, Srgb8, luma_from_srgb, srgb_from_srgb8};
pub use cubic::{Cubic, levels};
use patches::{Level, search};
use rayon::prelude::*;

/// A displacement a pixel, px: x to the right, y down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Displacement;

impl Space for Displacement {
    type Pixel = [f32; 2];
}

impl FloatSpace for Displacement {
    const CHANNELS: usize = 2;
    const ZERO: [f32; 2] = [0.0; 2];
    fn samples(pixels: &[[f32; 2]]) -> &[f32] {
        pixels.as_flattened()
    }
    fn samples_mut(pixels: &mut [[f32; 2]]) -> &mut [f32] {
        pixels.as_flattened_mut()
    }
}

/// A picture made ready to be followed: its luma in sizes that halve.
#[derive(Clone, Debug)]
pub struct Pyramid {
    width: usize,
    height: usize,
    /// From the finest to the coarsest.
    levels: Vec<Level>,
}

/// The shorter side of the coarsest level, px: the search there reaches about a patch.
const COARSEST_PX: usize = 24;

impl Pyramid {
    /// Of luma 0..1.
    pub fn new(luma: &Image<Gray>) -> Self {
        let (width, height) = (luma.width(), luma.height());
        let mut planes = vec![luma.map(|v| 255.0 * v)];
        loop {
            let finest = &planes[planes.len() - 1];
            let (w, h) = (finest.width().div_ceil(2), finest.height().div_ceil(2));
            if w.min(h) < COARSEST_PX {
                break;
            }
            planes.push(resize::to(finest, w, h, Filter::Area));
        }
        Self { width, height, levels: planes.iter().map(Level::new).collect() }
    }

    /// Of the luma of a picture.
    pub fn of(picture: &Image<Srgb8>) -> Self {
        Self::new(&picture.map(|pixel| luma_from_srgb(srgb_from_srgb8(pixel))))
    }

    /// Columns of the finest level.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows of the finest level.
    pub fn height(&self) -> usize {
        self.height
    }
}

/// Where each pixel of `from` is seen in `to`: `to(x + flow(x)) ≈ from(x)`. The same for any number of threads.
///
/// ```
/// use pixels::flow::{Pyramid, between};
/// use pixels::Image;
/// let waves = |dx: f32| Image::from_fn(96, 64, |x, y| 0.5 + 0.4 * ((x as f32 - dx) * 0.3).sin() * (y as f32 * 0.2).cos());
/// let flow = between(&Pyramid::new(&waves(0.0)), &Pyramid::new(&waves(1.5)));
/// assert!((flow.at(48, 32)[0] - 1.5).abs() < 0.2);
/// ```
///
/// # Panics
/// If the pictures differ in size.
pub fn between(from: &Pyramid, to: &Pyramid) -> Image<Displacement> {
    assert!((from.width, from.height) == (to.width, to.height), "flow is between pictures of one size");
    let mut flow: Option<Image<Displacement>> = None;
    for (from, to) in from.levels.iter().zip(&to.levels).rev() {
        let start = flow.map(|coarse| enlarged(&coarse, from.width(), from.height()));
        let found = search(from, to, start.as_ref());
        flow = Some(box_mean(&found, 1));
    }
    flow.unwrap_or_else(|| Image::filled(from.width, from.height, [0.0; 2]))
}

/// A flow at another size: its displacements grow with it.
pub fn enlarged(flow: &Image<Displacement>, width: usize, height: usize) -> Image<Displacement> {
    let scale = [width as f32 / flow.width() as f32, height as f32 / flow.height() as f32];
    let columns: Vec<_> = (0..width).map(|x| span((x as f32 + 0.5) / scale[0] - 0.5, flow.width())).collect();
    let row = |y: usize, to: &mut [[f32; 2]]| {
        let v = (y as f32 + 0.5) / scale[1] - 0.5;
        let (top, share_y) = span(v, flow.height());
        let (upper, lower) = (flow.row(top), flow.row((top + 1).min(flow.height() - 1)));
        for (to, &(left, share_x)) in to.iter_mut().zip(&columns) {
            let right = (left + 1).min(flow.width() - 1);
            *to = [0, 1].map(|axis| {
                let along = |row: &[[f32; 2]]| row[left][axis] + share_x * (row[right][axis] - row[left][axis]);
                let (a, b) = (along(upper), along(lower));
                scale[axis] * (a + share_y * (b - a))
            });
        }
    };
    let mut large = Image::filled(width, height, [0.0; 2]);
    large.pixels_mut().par_chunks_mut(width).enumerate().for_each(|(y, to)| row(y, to));
    large
}

/// The sample before a place on an axis of `len` samples, and how far the place is on the way to the next, 0..1.
#[inline]
pub fn span(place: f32, len: usize) -> (usize, f32) {
    let place = place.clamp(0.0, (len - 1) as f32);
    // What `fract` would be, without a call; by way of `i32`, which takes one instruction.
    let before = place as i32;
    (before as usize, place - before as f32)
}

/// The picture's pixel at the place whose middle is `p` samples from its first, between four of them; beyond the border it
/// is the border's.
pub fn bilinear<const N: usize, P: Copy>(
    pixels: &[P],
    (width, height): (usize, usize),
    p: [f32; 2],
    read: impl Fn(P) -> [f32; N],
) -> [f32; N] {
    let ((x, share_x), (y, share_y)) = (span(p[0], width), span(p[1], height));
    let (right, below) = ((x + 1).min(width - 1), (y + 1).min(height - 1));
    let at = |x: usize, y: usize| read(pixels[y * width + x]);
    let (a, b, c, d) = (at(x, y), at(right, y), at(x, below), at(right, below));
    std::array::from_fn(|i| {
        let (upper, lower) = (a[i] + share_x * (b[i] - a[i]), c[i] + share_x * (d[i] - c[i]));
        upper + share_y * (lower - upper)
    })
}

/// A picture seen along a flow: its pixel at `x` is that of `picture` at `x + flow(x)`, see [`Cubic`]; where the flow is 0 the pixels are the same.
///
/// # Panics
/// If they differ in size.
pub fn carried(picture: &Image<Srgb8>, flow: &Image<Displacement>) -> Image<Srgb8> {
    let (width, height) = (picture.width(), picture.height());
    assert!((width, height) == (flow.width(), flow.height()), "a picture is carried by a flow of its size");
    if picture.pixels().is_empty() {
        return picture.clone();
    }
    let cubic = Cubic::new(picture);
    let pixel = |i: usize| match flow.pixels()[i] {
        [0.0, 0.0] => picture.pixels()[i],
        way => levels(cubic.seen([i % width, i / width], way)),
    };
    Image::new(width, height, (0..width * height).into_par_iter().with_min_len(1024).map(pixel).collect())
}

/// Whether a pixel that is followed by `there` and back by `back` returns to where it was: within half a px and a
/// twentieth of its way. 1 where it does, else 0.
///
/// # Panics
/// If they differ in size.
pub fn consistent(there: &Image<Displacement>, back: &Image<Displacement>) -> Image<Gray> {
    assert!((there.width(), there.height()) == (back.width(), back.height()), "both ways have one size");
    let (width, height) = (there.width(), there.height());
    let pixel = |i: usize| {
        let [u, v] = there.pixels()[i];
        let p = [(i % width) as f32 + u, (i / width) as f32 + v];
        let inside = (0.0..=(width - 1) as f32).contains(&p[0]) && (0.0..=(height - 1) as f32).contains(&p[1]);
        let [a, b] = bilinear(back.pixels(), (width, height), p, |flow: [f32; 2]| flow);
        let (off, way) = ((u + a).hypot(v + b), u.hypot(v) + a.hypot(b));
        if inside && off < 0.5 + 0.05 * way { 1.0 } else { 0.0 }
    };
    Image::new(width, height, (0..width * height).into_par_iter().with_min_len(1024).map(pixel).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture full of texture, continuous, so that it can be moved by any amount.
    fn texture(x: f32, y: f32) -> f32 {
        let waves = [(0.31, 0.05, 0.3), (0.11, 0.27, 1.9), (-0.19, 0.23, 4.0), (0.57, 0.41, 2.2), (-0.7, 0.13, 0.7)];
        0.5 + waves.iter().map(|(a, b, phase)| 0.09 * (a * x + b * y + phase).sin()).sum::<f32>()
    }

    /// Mean and greatest distance between the flow found and the true one, but for the border.
    fn errors(width: usize, height: usize, motion: impl Fn(f32, f32) -> [f32; 2]) -> (f32, f32) {
        const BORDER: usize = 12;
        let to = Image::<Gray>::from_fn(width, height, |x, y| texture(x as f32, y as f32));
        let from = Image::<Gray>::from_fn(width, height, |x, y| {
            let (x, y) = (x as f32, y as f32);
            let [u, v] = motion(x, y);
            texture(x + u, y + v)
        });
        let flow = between(&Pyramid::new(&from), &Pyramid::new(&to));
        let (mut sum, mut most, mut count) = (0.0, 0.0f32, 0);
        for y in BORDER..height - BORDER {
            for x in BORDER..width - BORDER {
                let (found, true_flow) = (flow.at(x, y), motion(x as f32, y as f32));
                let off = (found[0] - true_flow[0]).hypot(found[1] - true_flow[1]);
                (sum, most, count) = (sum + off, most.max(off), count + 1);
            }
        }
        (sum / count as f32, most)
    }

    #[test]
    fn shifts_turns_and_growth_are_found() {
        let (mean, most) = errors(200, 150, |_, _| [0.0, 0.0]);
        assert!(mean < 1e-3 && most < 0.05, "rest: {mean} {most}");
        for shift in [[0.4, -0.3], [3.0, 2.0], [-6.5, 4.0]] {
            let (mean, most) = errors(200, 150, |_, _| shift);
            assert!(mean < 0.1 && most < 1.0, "{shift:?}: {mean} {most}");
        }
        let (mean, most) = errors(200, 150, |x, y| [-0.03 * (y - 75.0), 0.03 * (x - 100.0)]);
        assert!(mean < 0.1 && most < 1.0, "turned: {mean} {most}");
        let (mean, most) = errors(200, 150, |x, y| [0.02 * (x - 100.0), 0.02 * (y - 75.0)]);
        assert!(mean < 0.1 && most < 1.0, "grown: {mean} {most}");
    }

    #[test]
    fn pictures_of_any_size_have_a_flow() {
        for (width, height) in [(1, 1), (3, 40), (17, 9), (64, 24)] {
            let picture = Image::<Srgb8>::from_fn(width, height, |x, y| [(x * 9) as u8, (y * 7) as u8, 40]);
            let pyramid = Pyramid::of(&picture);
            let flow = between(&pyramid, &pyramid);
            assert!(flow.pixels().iter().all(|v| v[0].hypot(v[1]) < 0.05), "{width}×{height}");
            assert!(carried(&picture, &Image::filled(width, height, [0.0; 2])) == picture);
        }
    }

    #[test]
    fn what_moved_behind_something_does_not_come_back() {
        // A square moves by 10 px before a ground at rest: what it covers has no way back.
        let frame = |left: f32| {
            Image::<Gray>::from_fn(160, 120, |x, y| {
                let (x, y) = (x as f32, y as f32);
                let square = (left..left + 40.0).contains(&x) && (40.0..80.0).contains(&y);
                if square { texture(0.7 * (x - left) + 500.0, 0.7 * y) } else { texture(x, y) }
            })
        };
        let (before, after) = (Pyramid::new(&frame(40.0)), Pyramid::new(&frame(50.0)));
        let sound = consistent(&between(&before, &after), &between(&after, &before));
        let share = |xs: std::ops::Range<usize>| {
            let strip = sound.crop(xs.start, 46, xs.len(), 28);
            strip.pixels().iter().sum::<f32>() / strip.pixels().len() as f32
        };
        assert!(share(120..150) > 0.95, "the ground: {}", share(120..150));
        assert!(share(48..72) > 0.7, "the square: {}", share(48..72));
        assert!(share(81..89) < 0.5, "what is covered: {}", share(81..89));
    }

    #[test]
    fn a_picture_is_carried_along() {
        let picture = Image::<Srgb8>::from_fn(60, 40, |x, y| {
            [texture(x as f32, y as f32), texture(y as f32, x as f32), 0.5].map(|v| (v * 255.0) as u8)
        });
        let moved = carried(&picture, &Image::filled(60, 40, [3.0, -2.0]));
        assert!(moved.crop(5, 5, 40, 30) == picture.crop(8, 3, 40, 30));
    }
}
