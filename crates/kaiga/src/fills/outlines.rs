//! Outlines: a pen goes once more along the borders of things, where the network drew them faintly or not at all.
//!
//! A thing has a border at two scales: a spot or a highlight has one at the fine scale only, a soft shadow and what is out of focus at
//! the coarse one only. Borders are followed as Canny (1986) follows edges, along ridges of the slope, by hysteresis; short lines are left out.

use pixels::Image;
use pixels::blur::{gaussian, gaussian_wide};
use pixels::components::components;
use pixels::flow::bilinear;
use pixels::space::{Gray, Srgb};
use pixels::warp::smooth_step;
use rayon::prelude::*;

/// Sigmas of the two scales, px.
const FINE_PX: f32 = 1.5;
const COARSE_PX: f32 = 4.5;
/// How high the step at a border is where a line may begin, where there surely is one, and where the pen presses fully. All channels count:
/// black and white are √3 apart.
const FAINT: f32 = 0.06;
const SURE: f32 = 0.12;
const FULL: f32 = 0.22;
/// Cosine of the angle between the borders at the two scales: from where to where they become the same.
const SAME: (f32, f32) = (0.6, 0.9);
/// Step at the fine scale for one at the coarse scale: from where to where the photo becomes sharp.
const SHARP: (f32, f32) = (0.25, 0.5);
/// The painting's step counts as this many of the photo's at most, for borders of tones that the photo has not.
const OF_PHOTO: f32 = 2.0;
/// So many pixels, and so many that are sure, make a line. What has fewer fades, for in a video it would come and go.
const LINE: (f32, f32) = (30.0, 8.0);
/// How far from a border its two sides are looked at, px, and how much of its line clouds are spared: painters leave them without.
const SIDES_PX: f32 = 4.0;
const CLOUDS: f32 = 0.85;
/// Half the width of a line, px, pressed lightly and fully, and the width of its border.
const HALF_PX: (f32, f32) = (0.5, 0.85);
const BORDER_PX: f32 = 0.9;
/// How far around its place a line is inked, px.
const REACH_PX: isize = 2;

/// The border that a pixel lies on.
#[derive(Clone, Copy)]
struct Border {
    /// How high the step is; 0 where nothing is drawn.
    height: f32,
    slope: Slope,
}

/// How fast colours change at a place, 1/px, and the unit vector across.
#[derive(Clone, Copy)]
struct Slope {
    steep: f32,
    across: [f32; 2],
}

/// Ink of the outlines, 0..1, of what a painting shows beside its photo; both sRGB 0..1.
pub(super) fn outlines(painting: &Image<Srgb>, photo: &Image<Srgb>) -> Image<Gray> {
    let (width, height) = (painting.width(), painting.height());
    let borders = borders(painting, photo);
    let ridges: Vec<Option<f32>> = (0..borders.len())
        .into_par_iter()
        .with_min_len(4096)
        .map(|i| if borders[i].height > FAINT { ridge(&borders, [width, height], i) } else { None })
        .collect();
    let mut ink = Image::<Gray>::filled(width, height, 0.0);
    for line in components(&ridges.iter().map(Option::is_some).collect::<Vec<_>>(), width) {
        let sure = line.iter().filter(|&&i| borders[i].height > SURE).count();
        let is_line = |count: usize, least: f32| smooth_step(0.5, 1.5, count as f32 / least);
        let share = is_line(line.len(), LINE.0) * is_line(sure, LINE.1);
        if share == 0.0 {
            continue;
        }
        for i in line {
            let Border { height, slope } = borders[i];
            let pressed = share * smooth_step(FAINT, FULL, height) * (1.0 - CLOUDS * cloud(photo, i, slope.across));
            draw(&mut ink, i, slope.across.map(|v| v * ridges[i].unwrap_or(0.0)), pressed);
        }
    }
    ink
}

/// Whether a cloud ends before blue sky at the pixel `i` of a photo, 0..1, seen on both sides.
fn cloud(photo: &Image<Srgb>, i: usize, across: [f32; 2]) -> f32 {
    let (width, height) = (photo.width(), photo.height());
    let [a, b] = [SIDES_PX, -SIDES_PX].map(|by| {
        let along = |at: usize, across: f32, len: usize| (at as f32 + by * across).round().clamp(0.0, (len - 1) as f32);
        photo.at(along(i % width, across[0], width) as usize, along(i / width, across[1], height) as usize)
    });
    let is_white = |[r, g, b]: [f32; 3]| smooth_step(0.5, 0.75, r.min(g).min(b)) * smooth_step(-0.08, -0.02, b - r);
    let is_blue = |[r, g, b]: [f32; 3]| {
        smooth_step(0.04, 0.12, b - r) * smooth_step(0.3, 0.45, b) * smooth_step(-0.02, 0.02, b - g)
    };
    (is_white(a) * is_blue(b)).max(is_white(b) * is_blue(a))
}

/// The border at every pixel of the painting.
fn borders(painting: &Image<Srgb>, photo: &Image<Srgb>) -> Vec<Border> {
    let width = painting.width();
    let [[fine, coarse], [sharp, blurred]] =
        [painting, photo].map(|picture| [gaussian(picture, FINE_PX), gaussian_wide(picture, COARSE_PX)]);
    // Seen through a Gaussian a step of height h is h / (√2π σ) steep.
    let step = |slope: Slope, sigma_px: f32| slope.steep * sigma_px * std::f32::consts::TAU.sqrt();
    let border = |i: usize| {
        let at = [i % width, i / width];
        let slope = slope(&fine, at);
        let near = step(slope, FINE_PX);
        if near < FAINT {
            return Border { height: 0.0, slope };
        }
        let around = self::slope(&coarse, at);
        let same = (slope.across[0] * around.across[0] + slope.across[1] * around.across[1]).abs();
        let photographed = step(self::slope(&sharp, at), FINE_PX);
        let sharp = photographed / step(self::slope(&blurred, at), COARSE_PX).max(f32::MIN_POSITIVE);
        let height = (near.min(OF_PHOTO * photographed) * step(around, COARSE_PX)).sqrt();
        Border { height: height * smooth_step(SHARP.0, SHARP.1, sharp) * smooth_step(SAME.0, SAME.1, same), slope }
    };
    (0..painting.pixels().len()).into_par_iter().with_min_len(4096).map(border).collect()
}

/// The slope of all channels together: the larger eigenvalue of the sum of their structure tensors (Di Zenzo 1986).
fn slope(picture: &Image<Srgb>, [x, y]: [usize; 2]) -> Slope {
    let (left, right) = (picture.at(x.saturating_sub(1), y), picture.at((x + 1).min(picture.width() - 1), y));
    let (above, below) = (picture.at(x, y.saturating_sub(1)), picture.at(x, (y + 1).min(picture.height() - 1)));
    let [mut xx, mut xy, mut yy] = [0.0; 3];
    for c in 0..3 {
        let (dx, dy) = (0.5 * (right[c] - left[c]), 0.5 * (below[c] - above[c]));
        (xx, xy, yy) = (xx + dx * dx, xy + dx * dy, yy + dy * dy);
    }
    let most = 0.5 * (xx + yy) + (0.25 * (xx - yy) * (xx - yy) + xy * xy).sqrt();
    // Of the two forms of the eigenvector the one that is not near 0.
    let [nx, ny] = if xx > yy { [most - yy, xy] } else { [xy, most - xx] };
    let length = (nx * nx + ny * ny).sqrt().max(f32::MIN_POSITIVE);
    Slope { steep: most.sqrt(), across: [nx / length, ny / length] }
}

/// Where the border is steepest near the pixel `i`, px across it from there, if not nearer to another pixel: the top of a parabola.
fn ridge(borders: &[Border], [width, height]: [usize; 2], i: usize) -> Option<f32> {
    let Slope { steep, across: [nx, ny] } = borders[i].slope;
    let beside = |by: f32| {
        let place = [(i % width) as f32 + by * nx, (i / width) as f32 + by * ny];
        bilinear(borders, (width, height), place, |border: Border| [border.slope.steep])
    };
    let ([before], [after]) = (beside(-1.0), beside(1.0));
    let bend = before - 2.0 * steep + after;
    (steep >= before && steep > after && bend < 0.0).then(|| 0.5 * (before - after) / bend)
}

/// Inks what lies around the pixel `i` of a line that passes it at a distance of `off`, px.
fn draw(ink: &mut Image<Gray>, i: usize, off: [f32; 2], pressed: f32) {
    let (width, height) = (ink.width(), ink.height());
    let half_px = HALF_PX.0 + pressed * (HALF_PX.1 - HALF_PX.0);
    for (dx, dy) in (-REACH_PX..=REACH_PX).flat_map(|dy| (-REACH_PX..=REACH_PX).map(move |dx| (dx, dy))) {
        let (x, y) = ((i % width).checked_add_signed(dx), (i / width).checked_add_signed(dy));
        let (Some(x), Some(y)) = (x.filter(|x| *x < width), y.filter(|y| *y < height)) else { continue };
        let distance = (dx as f32 - off[0]).hypot(dy as f32 - off[1]);
        let covered = (0.5 + (half_px - distance) / BORDER_PX).clamp(0.0, 1.0);
        let there = &mut ink.pixels_mut()[y * width + x];
        *there = there.max(covered * pressed.sqrt());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(colour: impl Fn(f32, f32) -> [f32; 3]) -> Image<Gray> {
        let picture = Image::from_fn(120, 90, |x, y| colour(x as f32 + 0.5, y as f32 + 0.5));
        outlines(&picture, &picture)
    }

    #[test]
    fn a_thing_gets_one_closed_line_where_its_border_is() {
        let disc = |x: f32, y: f32| if (x - 60.3).hypot(y - 44.7) < 25.0 { [0.7, 0.5, 0.3] } else { [0.55, 0.6, 0.5] };
        let ink = drawn(disc);
        for step in 0..64 {
            let (sin, cos) = (step as f32 / 64.0 * std::f32::consts::TAU).sin_cos();
            let along: Vec<f32> =
                (15..35).map(|r| ink.at((60.3 + r as f32 * cos) as usize, (44.7 + r as f32 * sin) as usize)).collect();
            assert!(along[8..13].iter().any(|&ink| ink > 0.6), "{step}: {along:?}");
            assert!(along[..7].iter().chain(&along[14..]).all(|&ink| ink == 0.0), "{step}: {along:?}");
        }
    }

    #[test]
    fn spots_soft_shadows_and_what_is_out_of_focus_get_none_or_little() {
        let spots = |x: f32, y: f32| [if (x % 12.0).hypot(y % 12.0) < 2.5 { 0.7 } else { 0.5 }; 3];
        let shadow = |x: f32, _: f32| [0.5 + 0.15 * ((x - 60.0) / 12.0).tanh(); 3];
        for ink in [drawn(spots), drawn(shadow)] {
            assert!(ink.pixels().iter().all(|&ink| ink < 0.05), "{}", ink.pixels().iter().copied().fold(0.0, f32::max));
        }
        // A border of the painting where the photo is blurred.
        let sharp = Image::from_fn(120, 90, |x, _| [if x < 60 { 0.3 } else { 0.6 }; 3]);
        let inked = |photo: &Image<Srgb>| outlines(&sharp, photo).at(60, 45);
        assert!(inked(&sharp) > 0.5 && inked(&gaussian(&sharp, 16.0)) < 0.2, "{}", inked(&sharp));
    }

    #[test]
    fn clouds_before_a_blue_sky_are_spared_and_houses_are_not() {
        let before_the_sky =
            |thing: [f32; 3]| drawn(move |x, _| if x < 60.0 { [0.3, 0.5, 0.85] } else { thing }).at(60, 45);
        let (cloud, house) = (before_the_sky([0.9, 0.92, 0.95]), before_the_sky([0.9, 0.85, 0.7]));
        assert!(cloud < 0.5 * house && house > 0.8, "{cloud} {house}");
    }

    #[test]
    fn a_faint_border_is_drawn_lightly_and_the_smallest_picture_not_at_all() {
        let step = |height: f32| drawn(move |x, _| [if x < 60.0 { 0.5 } else { 0.5 + height }; 3]).at(60, 45);
        let inked: Vec<f32> = [0.02, 0.08, 0.1, 0.2].map(step).into();
        assert!(inked[0] == 0.0 && inked.is_sorted() && inked[1] < 0.7 * inked[3] && inked[3] > 0.8, "{inked:?}");
        let pixel = Image::filled(1, 1, [0.4; 3]);
        assert_eq!(outlines(&pixel, &pixel).pixels(), [0.0]);
    }
}
