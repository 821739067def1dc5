//! Skies without clouds: a painter lays them as one gradient.

use pixels::Image;
use pixels::blur::{gaussian, sobel};
use pixels::components::from_above;
use pixels::guided::guided;
use pixels::image::zip;
use pixels::resize::{self, Filter};
use pixels::space::{Gray, Srgb, Srgb8, srgb_from_srgb8};
use pixels::warp::{Point, smooth_step};

/// Longer side of the picture that skies are sought in, px.
const SIDE_PX: usize = 256;
/// The steepest that a sky is there, per channel and px, and the most that it differs from what is around it.
const SLOPE: f32 = 0.028;
const TEXTURE: f32 = 0.017;
/// Width of the border of the picture that counts as what is next to it, px.
const BORDER_PX: usize = 6;
/// The least share of the picture that is a sky.
const LEAST: f64 = 0.03;
/// Guided filter by which a sky grows up to what stands before it: radius, px, and variance.
const GROWN: (usize, f32) = (10, 2e-4);
/// How far a sky goes over into what is beside it, px of the small picture.
const SOFT_PX: f32 = 0.8;

/// Where the sky has no clouds.
pub(crate) struct Sky {
    /// 0..1; none if there is no such sky.
    small: Option<Image<Gray>>,
    /// Pixels of the small picture to one of the photo, along x and y.
    scale: [f32; 2],
}

impl Sky {
    /// Of a photo: what is smooth, reaches the upper border and is not small, whatever its colour.
    pub(crate) fn of(photo: &Image<Srgb8>) -> Self {
        let shrink = (SIDE_PX as f32 / photo.width().max(photo.height()) as f32).min(1.0);
        let [width, height] =
            [photo.width(), photo.height()].map(|side| ((side as f32 * shrink).round() as usize).max(1));
        let small = resize::to(photo, width, height, Filter::Area).map::<Srgb>(srgb_from_srgb8);
        let (near, around) = (gaussian(&small, 1.0), gaussian(&small, 3.0));
        let mut steepest = vec![0.0f32; width * height];
        for channel in 0..3 {
            let (dx, dy) = sobel(&near.map::<Gray>(|colour| colour[channel]));
            for (steepest, (dx, dy)) in steepest.iter_mut().zip(dx.pixels().iter().zip(dy.pixels())) {
                *steepest = steepest.max(0.5 * dx.hypot(*dy));
            }
        }
        let apart = |i: usize| {
            let (colour, around) = (small.pixels()[i], around.pixels()[i]);
            (0..3).map(|c| (colour[c] - around[c]).abs()).fold(0.0, f32::max)
        };
        let texture = gaussian(&zip::<Gray>(&small, apart), 2.0);
        // At the border of the picture any gradient differs from what is around it.
        let inside = |at: usize, len: usize| {
            let border = BORDER_PX.min((len - 1) / 2);
            at.clamp(border, len - 1 - border)
        };
        let texture = |i: usize| texture.at(inside(i % width, width), inside(i / width, height));
        let is_smooth: Vec<bool> =
            steepest.iter().enumerate().map(|(i, &slope)| slope < SLOPE && texture(i) < TEXTURE).collect();
        let found = from_above(&is_smooth, width, LEAST);
        let is_any = found.pixels().contains(&1.0);
        let scale = [width as f32 / photo.width() as f32, height as f32 / photo.height() as f32];
        // Next to what stands before it everything is steep: colour says how far a sky goes on.
        let grown = || guided(&small, &found, GROWN.0, GROWN.1).map::<Gray>(|v| smooth_step(0.3, 0.6, v));
        Self { small: is_any.then(|| gaussian(&grown(), SOFT_PX)), scale }
    }

    /// 0..1 at a place of the photo, px.
    pub(super) fn at(&self, place: Point) -> f32 {
        let Some(small) = &self.small else { return 0.0 };
        let along = |axis: usize, len: usize| {
            let at = (place[axis] * self.scale[axis] - 0.5).clamp(0.0, (len - 1) as f32);
            (at as usize, (at as usize + 1).min(len - 1), at.fract())
        };
        let ((left, right, x), (top, bottom, y)) = (along(0, small.width()), along(1, small.height()));
        let row = |y| small.at(left, y) + x * (small.at(right, y) - small.at(left, y));
        row(top) + y * (row(bottom) - row(top))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(colour: impl Fn(usize, usize) -> u8) -> Image<Srgb8> {
        Image::from_fn(600, 400, |x, y| [colour(x, y), 120, 160])
    }

    #[test]
    fn a_gradient_above_is_a_sky_and_the_same_below_is_none() {
        let (land, water) = (200..260, 260..400);
        let photo = photo(|x, y| if land.contains(&y) { 40 * (x / 20 % 2) as u8 } else { 100 + (y / 4) as u8 });
        let sky = Sky::of(&photo);
        assert!(sky.at([300.0, 60.0]) > 0.99 && sky.at([300.0, 230.0]) < 0.01);
        assert!(sky.at([300.0, water.start as f32 + 70.0]) < 0.01);
    }

    #[test]
    fn a_deep_sky_that_grows_steeply_lighter_is_one_up_to_the_border() {
        let deep = photo(|_, y| (2.4 * y as f32).min(255.0) as u8);
        let sky = Sky::of(&deep);
        assert!(sky.at([300.0, 2.0]) > 0.99 && sky.at([300.0, 60.0]) > 0.99);
    }

    #[test]
    fn a_sky_with_soft_streaks_goes_on_up_to_a_ridge() {
        let streak = |x: usize, y: usize| 6.0 * (y as f32 / 9.0 + x as f32 / 80.0).sin();
        let ridge = |x: usize| 220 + x / 10;
        let photo = photo(|x, y| if y < ridge(x) { (180.0 + streak(x, y)) as u8 } else { 40 });
        let sky = Sky::of(&photo);
        let [above, near, below] = [60.0, 236.0, 258.0].map(|y| sky.at([300.0, y]));
        assert!(above > 0.99 && near > 0.6 && below < 0.1, "{above} {near} {below}");
    }

    #[test]
    fn clouds_and_a_narrow_gap_are_no_sky() {
        let cloudy = photo(|x, y| (128.0 + 60.0 * (x as f32 / 12.0).sin() * (y as f32 / 12.0).cos()) as u8);
        assert_eq!(Sky::of(&cloudy).at([300.0, 60.0]), 0.0);
        let gap = photo(|x, y| if x < 20 { 200 } else { 90 * ((x / 6 + y / 6) % 2) as u8 });
        assert_eq!(Sky::of(&gap).at([5.0, 60.0]), 0.0);
    }

    #[test]
    fn the_smallest_picture_has_an_answer() {
        assert!(Sky::of(&Image::filled(1, 1, [9; 3])).at([0.5, 0.5]).is_finite());
    }
}
