//! Pictures moved: turned, scaled and shifted by a similarity transform, or bent by a smooth field.
//!
//! Places are in px, x to the right and y down, 0 at the outer edge of the first pixel, so that pixel `i` has its
//! centre at `i + ½`. A picture goes on beyond its border as its mirror image.

use crate::Image;
use crate::blur::mirror_with_edge;
use crate::resize::{self, Filter};
use crate::space::{FloatSpace, Space, Srgb, Srgb8, srgb_from_srgb8};
use rayon::prelude::*;

/// A place in a picture, px.
pub type Point = [f32; 2];

/// How far two places are from each other.
pub fn distance(a: Point, b: Point) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// 0 at `from` and 1 at `to`, smooth between; `to` may be the smaller. How a bend fades out.
pub fn smooth_step(from: f32, to: f32, v: f32) -> f32 {
    let t = ((v - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A rotation, one scale for both axes, and a shift: `p ↦ scale · rotation · p + shift`. Never mirrored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    /// Scale times cosine and sine of the angle, as a complex number.
    turn: [f64; 2],
    shift: [f64; 2],
}

impl Similarity {
    /// Moves nothing.
    pub const IDENTITY: Self = Self { turn: [1.0, 0.0], shift: [0.0; 2] };

    /// The one transform that moves the first place of `from` to the first of `to` and the second to the second.
    /// `None` if the places of one pair are the same or not finite.
    pub fn of_pairs(from: [Point; 2], to: [Point; 2]) -> Option<Self> {
        let [from, to] = [from, to].map(|pair| pair.map(|p| p.map(f64::from)));
        let way = |[a, b]: [[f64; 2]; 2]| [b[0] - a[0], b[1] - a[1]];
        let turn = product(way(to), inverse(way(from)));
        let moved = product(turn, from[0]);
        let found = Self { turn, shift: [to[0][0] - moved[0], to[0][1] - moved[1]] };
        let sound = turn.iter().chain(&found.shift).all(|v| v.is_finite()) && found.scale() > 0.0;
        sound.then_some(found)
    }

    /// Scaled by `scale` about the origin, then shifted by `shift`.
    pub fn scaled(scale: f32, shift: Point) -> Self {
        Self { turn: [f64::from(scale), 0.0], shift: shift.map(f64::from) }
    }

    /// Where `p` comes to lie.
    pub fn apply(&self, p: Point) -> Point {
        let [x, y] = product(self.turn, p.map(f64::from));
        [(x + self.shift[0]) as f32, (y + self.shift[1]) as f32]
    }

    /// How many times longer everything becomes.
    pub fn scale(&self) -> f32 {
        self.turn[0].hypot(self.turn[1]) as f32
    }

    /// The way back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let turn = inverse(self.turn);
        let [x, y] = product(turn, self.shift);
        Self { turn, shift: [-x, -y] }
    }

    /// This one first, `next` afterwards.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let [x, y] = product(next.turn, self.shift);
        Self { turn: product(next.turn, self.turn), shift: [x + next.shift[0], y + next.shift[1]] }
    }
}

/// Of complex numbers.
fn product([a, b]: [f64; 2], [c, d]: [f64; 2]) -> [f64; 2] {
    [a * c - b * d, a * d + b * c]
}

/// Of a complex number.
fn inverse([a, b]: [f64; 2]) -> [f64; 2] {
    let square = a * a + b * b;
    [a / square, -b / square]
}

/// Samples the curve may reach over on each axis: [`at`] is not asked to shrink by more than [`MOST_WIDENED`].
const MOST_TAPS: usize = 34;
/// The most that [`at`] widens its curve. What shrinks further is made smaller by [`resize::to`] first.
pub const MOST_WIDENED: f32 = 8.0;

/// The picture's value at the place `p`, between pixels: cubic convolution (Keys 1981, a = −½), which goes through
/// the pixels and may overshoot. `widened` (1..=[`MOST_WIDENED`]) is how many pixels of this picture one of the new
/// picture is wide: the curve is widened by it, so that every pixel counts when shrinking. `read` gives a pixel's
/// numbers.
pub fn at<S: Space, const N: usize>(
    picture: &Image<S>,
    p: Point,
    widened: f32,
    read: impl Fn(S::Pixel) -> [f32; N],
) -> [f32; N] {
    let (mut columns, mut rows) = ([(0, 0.0); MOST_TAPS], [(0, 0.0); MOST_TAPS]);
    let columns = taps(p[0], widened, picture.width(), &mut columns);
    let rows = taps(p[1], widened, picture.height(), &mut rows);
    let mut sum = [0.0; N];
    for &(y, weight_y) in rows {
        let row = picture.row(y);
        let mut along = [0.0; N];
        for &(x, weight_x) in columns {
            let pixel = read(row[x]);
            (0..N).for_each(|c| along[c] += weight_x * pixel[c]);
        }
        (0..N).for_each(|c| sum[c] += weight_y * along[c]);
    }
    sum
}

/// The samples of an axis around a place, and their weights, which sum to 1.
fn taps(place: f32, widened: f32, len: usize, taps: &mut [(usize, f32); MOST_TAPS]) -> &[(usize, f32)] {
    let widened = widened.clamp(1.0, MOST_WIDENED);
    let centre = place - 0.5;
    let first = (centre - 2.0 * widened).ceil();
    let count = ((centre + 2.0 * widened).floor() - first) as usize + 1;
    let mut sum = 0.0;
    for (i, tap) in taps[..count].iter_mut().enumerate() {
        let index = first + i as f32;
        let weight = resize::cubic(0.0, f64::from((index - centre) / widened)) as f32;
        *tap = (mirror_with_edge(index as isize, len), weight);
        sum += weight;
    }
    taps[..count].iter_mut().for_each(|(_, weight)| *weight /= sum);
    &taps[..count]
}

/// A picture of `width`×`height` whose pixel with its centre at `q` is that of `picture` at `from(q)`; `widened` as for
/// [`at`].
pub fn sampled<S: FloatSpace<Pixel = [f32; 3]>>(
    picture: &Image<S>,
    width: usize,
    height: usize,
    widened: f32,
    from: impl Fn(Point) -> Point + Sync,
) -> Image<S> {
    let pixel = |i: usize| {
        let q = [(i % width) as f32 + 0.5, (i / width) as f32 + 0.5];
        at(picture, from(q), widened, |pixel| pixel)
    };
    Image::new(width, height, (0..width * height).into_par_iter().with_min_len(1024).map(pixel).collect())
}

/// What is seen of `photo` in a window of `width`×`height` px: its pixel with its centre at `q` is the photo's at
/// `bend(to_photo(q))`. `bend` moves places of the photo by at most `bend_px`, and changes sizes little. Antialiased
/// when the photo is shrunk, by any amount. Colours are averaged as they are coded.
pub fn window(
    photo: &Image<Srgb8>,
    (width, height): (usize, usize),
    to_photo: &Similarity,
    bend_px: f32,
    bend: impl Fn(Point) -> Point + Sync,
) -> Image<Srgb> {
    let scale = to_photo.scale();
    // What can be seen, with the reach of the curve around it.
    let corners = [[0.0, 0.0], [width as f32, 0.0], [0.0, height as f32], [width as f32, height as f32]];
    let corners = corners.map(|corner| to_photo.apply(corner));
    let margin = bend_px + 4.0 * scale + 4.0;
    let span = |axis: usize, len: usize| {
        let (low, high) =
            corners.iter().fold((f32::MAX, f32::MIN), |(low, high), p| (low.min(p[axis]), high.max(p[axis])));
        // What lies beyond a border is mirrored into the photo.
        let (low, high, end) = ((low - margin).floor(), (high + margin).ceil(), len as f32);
        let (first, last) = (low.min(2.0 * end - high).min(end - 1.0), high.max(-low).max(1.0));
        let (low, high) =
            if low < -end || high > 2.0 * end { (0, len) } else { (first.max(0.0) as usize, last as usize) };
        let high = high.min(len);
        (low, high - low)
    };
    let ((left, seen_width), (top, seen_height)) = (span(0, photo.width()), span(1, photo.height()));
    let mut seen = photo.crop(left, top, seen_width, seen_height);
    let mut shrunk = [1.0; 2];
    if scale > 1.0 {
        let side = |side: usize| ((side as f32 / scale).round() as usize).max(1);
        let (w, h) = (side(seen_width), side(seen_height));
        shrunk = [w as f32 / seen_width as f32, h as f32 / seen_height as f32];
        seen = resize::to(&seen, w, h, Filter::Lanczos3);
    }
    let seen = seen.map::<Srgb>(srgb_from_srgb8);
    sampled(&seen, width, height, 1.0, |q| {
        let [x, y] = bend(to_photo.apply(q));
        [(x - left as f32) * shrunk[0], (y - top as f32) * shrunk[1]]
    })
}

/// The place `q` that a smooth field moves to `p`: `q + displacement(q) = p`, to a thousandth of a px. By Newton's method
/// with differences for derivatives; the field must not fold the plane.
pub fn undone(p: Point, displacement: impl Fn(Point) -> Point) -> Point {
    const STEP: f32 = 0.05;
    let place = |q: Point| {
        let way = displacement(q);
        [q[0] + way[0], q[1] + way[1]]
    };
    let mut q = p;
    for _ in 0..20 {
        let here = place(q);
        let off = [p[0] - here[0], p[1] - here[1]];
        if off[0].hypot(off[1]) < 1e-4 {
            break;
        }
        let slope = |axis: usize| {
            let (mut ahead, mut behind) = (q, q);
            ahead[axis] += STEP;
            behind[axis] -= STEP;
            let (ahead, behind) = (place(ahead), place(behind));
            [0, 1].map(|i| (ahead[i] - behind[i]) / (2.0 * STEP))
        };
        let ([a, c], [b, d]) = (slope(0), slope(1));
        let determinant = (a * d - b * c).max(0.05);
        q[0] += (d * off[0] - b * off[1]) / determinant;
        q[1] += (a * off[1] - c * off[0]) / determinant;
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::srgb8_from_srgb;

    fn smooth(width: usize, height: usize) -> Image<Srgb8> {
        Image::from_fn(width, height, |x, y| {
            let wave = |fx: f32, fy: f32| 0.5 + 0.4 * (x as f32 * fx).sin() * (y as f32 * fy).cos();
            srgb8_from_srgb([wave(0.11, 0.07), wave(0.05, 0.13), wave(0.09, 0.03)])
        })
    }

    fn close(a: Point, b: Point, by: f32) -> bool {
        (a[0] - b[0]).hypot(a[1] - b[1]) < by
    }

    #[test]
    fn a_transform_is_told_by_two_places_and_leads_back() {
        for i in 0..40 {
            let t = i as f32;
            let from = [[3.0 * t - 20.0, 40.0 - t], [15.0 + t, 7.0 * (t * 0.7).sin()]];
            let to = [[t, 2.0 * t], [t + 30.0 * (t * 0.3).cos(), 2.0 * t + 25.0 * (t * 0.3).sin()]];
            let Some(there) = Similarity::of_pairs(from, to) else { panic!("two places each") };
            assert!(close(there.apply(from[0]), to[0], 1e-3) && close(there.apply(from[1]), to[1], 1e-3));
            let back = there.then(&there.inverse());
            assert!(close(back.apply([123.0, -45.0]), [123.0, -45.0], 1e-3));
            let length = |[a, b]: [Point; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
            assert!((there.scale() - length(to) / length(from)).abs() < 1e-4);
        }
        assert_eq!(Similarity::of_pairs([[1.0, 2.0]; 2], [[0.0, 0.0], [1.0, 0.0]]), None);
        assert_eq!(Similarity::of_pairs([[f32::NAN, 2.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]), None);
    }

    #[test]
    fn the_identity_changes_nothing() {
        let photo = smooth(70, 50);
        let same = window(&photo, (70, 50), &Similarity::IDENTITY, 0.0, |q| q).map::<Srgb8>(srgb8_from_srgb);
        assert!(same == photo);
    }

    #[test]
    fn aligned_and_undone_is_the_same_picture() {
        let photo = smooth(120, 90);
        for (angle, scale) in [(0.3f32, 1.0f32), (-0.8, 2.5), (1.57, 0.8), (3.0, 4.0)] {
            // A square of 40 px in the middle of the photo, upright at `scale`.
            let side = (60.0 * scale) as usize;
            let half = side as f32 / 2.0;
            let arm = [60.0 + 10.0 * angle.cos(), 45.0 + 10.0 * angle.sin()];
            let to_photo = Similarity::of_pairs([[half, half], [half + 10.0 * scale, half]], [[60.0, 45.0], arm]);
            let to_photo = to_photo.expect("two places");
            let upright = window(&photo, (side, side), &to_photo, 0.0, |q| q);
            let to_window = to_photo.inverse();
            for (x, y) in [(60, 45), (70, 40), (50, 50), (65, 55)] {
                let p = to_window.apply([x as f32 + 0.5, y as f32 + 0.5]);
                let back = at(&upright, p, scale, |pixel| pixel);
                let own = srgb_from_srgb8(photo.at(x, y));
                let off = (0..3).map(|c| (back[c] - own[c]).abs()).fold(0.0, f32::max);
                assert!(off < 0.012, "angle {angle}, scale {scale}, at {x} {y}: {off}");
            }
        }
    }

    #[test]
    fn shrinking_is_a_mean_and_no_picking() {
        let photo = Image::<Srgb8>::from_fn(900, 900, |x, y| [if (x + y) % 2 == 0 { 0 } else { 200 }; 3]);
        for (scale, turn) in [(2.0f32, 0.4f32), (7.5, 0.0), (30.0, 1.0)] {
            let to = [450.0 + scale * turn.cos(), 450.0 + scale * turn.sin()];
            let to_photo =
                Similarity::of_pairs([[10.0, 10.0], [11.0, 10.0]], [[450.0, 450.0], to]).expect("two places");
            let small = window(&photo, (20, 20), &to_photo, 0.0, |q| q);
            let off = small.pixels().iter().map(|p| (p[0] - 100.0 / 255.0).abs()).fold(0.0, f32::max);
            assert!(off < 0.01, "scale {scale}: {off}");
        }
        let float = photo.map::<Srgb>(srgb_from_srgb8);
        let [mean, ..] = at(&float, [450.3, 449.8], 4.0, |pixel| pixel);
        assert!((mean - 100.0 / 255.0).abs() < 0.01, "{mean}");
    }

    #[test]
    fn beyond_the_photo_is_its_mirror_image() {
        let photo = smooth(40, 30);
        let shifted = Similarity::scaled(1.0, [-10.0, -200.0]);
        let seen = window(&photo, (20, 20), &shifted, 0.0, |q| q);
        assert_eq!(srgb8_from_srgb(seen.at(12, 0)), photo.at(2, mirror_with_edge(-200, 30)));
        assert_eq!(srgb8_from_srgb(seen.at(3, 7)), photo.at(6, mirror_with_edge(-193, 30)));
    }

    #[test]
    fn a_bent_place_is_found_again() {
        let field = |[x, y]: Point| {
            let fade = (-(x * x + y * y) / 900.0).exp();
            [-0.4 * x * fade, -0.5 * y * fade]
        };
        for i in 0..400 {
            let p = [(i % 20) as f32 * 5.0 - 50.0, (i / 20) as f32 * 5.0 - 50.0];
            let q = undone(p, field);
            let [dx, dy] = field(q);
            assert!(close([q[0] + dx, q[1] + dy], p, 1e-3), "{p:?}: {q:?}");
        }
    }
}
