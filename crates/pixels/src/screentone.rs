//! Screentone: black ink on white paper, where greys are round dots on a grid turned by 45°, as in printed comics.
//!
//! A dot is laid from the place of a pixel in the picture alone, so that parts of a picture fit together.

use std::f32::consts::{PI, SQRT_2};

/// The tones that are laid, as shares of ink: white paper, three greys, solid black.
pub const TONES: [f32; 5] = [0.0, 0.14, 0.32, 0.55, 1.0];
/// Distance of neighbouring dots, px, on a picture at the size it was drawn at.
pub const CELL_PX: f32 = 5.0;
/// Dots are never nearer than about this, px: smaller ones are no longer round.
pub const LEAST_CELL_PX: f32 = 4.0;

/// sRGB 0..1 of the paper: paper and ink are a touch off white and black, as print is.
pub const PAPER: f32 = 0.985;
/// sRGB 0..1 of solid ink.
pub const BLACK: f32 = 0.02;
/// Half the width of the soft border between two tones, in tone. What is further from a border than this is laid exactly
/// as if it were the tone itself; the nearest two tones leave room for errors of ±0.05.
pub const SOFT: f32 = 0.018;
/// Ink that is not seen, and ink that covers.
pub const INK: std::ops::Range<f32> = 0.10..0.45;
/// The grid lies so that dots that start between pixels mirror those that start on them: all look alike.
const ORIGIN_PX: f32 = 0.25;

/// The grid that dots are laid on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Screen {
    /// From a dot to its lower right neighbour, px along each axis: half of what the grid repeats after.
    step_px: f32,
}

impl Screen {
    /// A screen whose dots are about `cell_px` px apart, at least [`LEAST_CELL_PX`]: rounded so that the grid repeats
    /// after whole pixels, or dots would beat against them.
    pub fn new(cell_px: f32) -> Self {
        Self { step_px: (cell_px.max(LEAST_CELL_PX) * SQRT_2).round() / 2.0 }
    }

    /// Distance of neighbouring dots, px.
    pub fn pitch_px(self) -> f32 {
        self.step_px * SQRT_2
    }

    /// How far from a pixel, along each axis, the middle of its dot is at most, px.
    pub fn reach_px(self) -> usize {
        self.pitch_px().ceil() as usize
    }

    /// The grey (sRGB, 0..1) of the pixel at column `x`, row `y`. `ink` is that of the pixel, 0..1, `tone` gives the
    /// tone of a pixel, as it is [laid]: it is asked for this one and for the one in the middle of its dot, which is
    /// less than [`Screen::reach_px`] away and may lie outside the picture.
    ///
    /// A dot takes the tone of its middle, so that it is round; it is cut where the paper is white, and where solid
    /// black begins.
    pub fn grey(self, x: usize, y: usize, ink: f32, tone: impl Fn(isize, isize) -> f32) -> f32 {
        let [centre_x, centre_y] = [x, y].map(|v| v as f32 + 0.5 - ORIGIN_PX);
        let (u, v) = ((centre_x + centre_y) / (2.0 * self.step_px), (centre_x - centre_y) / (2.0 * self.step_px));
        let (dot_u, dot_v) = (u.round(), v.round());
        let own = tone(x as isize, y as isize);
        let middle = [dot_u + dot_v, dot_u - dot_v].map(|v| (v * self.step_px + ORIGIN_PX).floor() as isize);
        let dot_tone = match tone(middle[0], middle[1]) {
            tone if tone > TONES[3] => own.min(TONES[3]),
            tone => tone,
        };
        let dot = self.dot(dot_tone, (u - dot_u).hypot(v - dot_v) * self.pitch_px()) * (own / 0.1).min(1.0);
        let solid = smooth((own - 0.75) / 0.2);
        let line = smooth((ink - INK.start) / (INK.end - INK.start));
        PAPER - (PAPER - BLACK) * dot.max(solid).max(line)
    }

    /// How much of a pixel a dot covers whose middle is `distance_px` away. Over a cell that is such a share that the
    /// mean grey is 1 − `tone`.
    fn dot(self, tone: f32, distance_px: f32) -> f32 {
        let share = (tone - (1.0 - PAPER)).max(0.0) / (PAPER - BLACK);
        // A disc with a border one pixel soft covers π(r² + 1/12).
        let radius_px = (share * self.pitch_px() * self.pitch_px() / PI - 1.0 / 12.0).max(0.0).sqrt();
        (radius_px - distance_px + 0.5).clamp(0.0, 1.0) * (tone / 0.07).min(1.0)
    }
}

/// The tone that is laid for one that was drawn: the nearest of [`TONES`], with a soft step between two.
pub fn laid(tone: f32) -> f32 {
    let step = |pair: &[f32]| {
        let border = (pair[0] + pair[1]) / 2.0;
        (pair[1] - pair[0]) * smooth((tone - border) / (2.0 * SOFT) + 0.5)
    };
    TONES.windows(2).map(step).sum()
}

/// From 0 to 1 without a corner.
fn smooth(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(cell_px: f32, tone: f32, ink: f32) -> Vec<f32> {
        let screen = Screen::new(cell_px);
        // 252 is a multiple of many periods.
        (0..252 * 252).map(|i| screen.grey(i % 252, i / 252, ink, |_, _| tone)).collect()
    }

    #[test]
    fn a_flat_tone_has_its_grey_whatever_the_cell() {
        for cell_px in [1.0, 4.0, 5.0, 6.5, 12.8, 20.0] {
            for tone in TONES {
                let greys = patch(cell_px, tone, 0.0);
                let mean = greys.iter().sum::<f32>() / greys.len() as f32;
                assert!((mean - (1.0 - tone)).abs() < 0.0201, "{tone} in {cell_px} px: {mean}");
            }
        }
    }

    #[test]
    fn small_errors_of_a_tone_change_nothing() {
        for tone in TONES {
            for error in [-0.05, -0.02, 0.02, 0.05] {
                assert!((laid(tone + error) - tone).abs() < 1e-6, "{tone} {error}: {}", laid(tone + error));
            }
        }
        let way: Vec<f32> = (0..=1000).map(|i| laid(i as f32 / 1000.0)).collect();
        assert!(way.is_sorted());
    }

    #[test]
    fn the_grid_repeats_after_whole_pixels() {
        for (cell_px, period_px) in [(5.0, 7), (4.0, 6), (13.0, 18)] {
            let screen = Screen::new(cell_px);
            assert!((screen.pitch_px() - cell_px).abs() < 0.3);
            let grey = |x, y| screen.grey(x, y, 0.0, |_, _| 0.32);
            for (x, y) in (0..400).map(|i| (i % 20, i / 20)) {
                assert!((grey(x, y) - grey(x + period_px, y)).abs() < 1e-4);
                assert!((grey(x, y) - grey(x, y + period_px)).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn dots_are_all_alike() {
        let screen = Screen::new(5.0);
        // The ink of single dots, whose middles are at (0.25, 0.25) and (3.75, 3.75), give or take periods.
        let ink_near = |middle: [f32; 2]| {
            let place = |i: usize| [14 + i % 14, 14 + i / 14];
            let near = |&[x, y]: &[usize; 2]| (x as f32 + 0.5 - middle[0]).hypot(y as f32 + 0.5 - middle[1]) < 2.4;
            let ink = |[x, y]: [usize; 2]| PAPER - screen.grey(x, y, 0.0, |_, _| 0.14);
            (0..14 * 14).map(place).filter(near).map(ink).sum::<f32>()
        };
        let (one, other) = (ink_near([21.25, 21.25]), ink_near([17.75, 17.75]));
        assert!((one - other).abs() < 0.02 * one, "{one} {other}");
    }

    #[test]
    fn paper_is_white_solid_is_black_and_ink_lies_over_all() {
        assert!(patch(5.0, 0.0, 0.0).iter().all(|&v| v == PAPER));
        assert!(patch(5.0, 1.0, 0.0).iter().all(|&v| (v - BLACK).abs() < 1e-6));
        for tone in TONES {
            assert!(patch(5.0, tone, 0.6).iter().all(|&v| (v - BLACK).abs() < 1e-6));
        }
        assert_eq!(patch(5.0, 0.32, 0.05), patch(5.0, 0.32, 0.0));
    }

    #[test]
    fn a_white_shape_stays_white_and_a_black_one_keeps_its_border() {
        let screen = Screen::new(5.0);
        let half = |left: f32, right: f32| move |x: isize, _: isize| if x < 50 { left } else { right };
        for y in 0..30 {
            for x in 50..100 {
                assert_eq!(screen.grey(x, y, 0.0, half(0.55, 0.0)), PAPER);
                assert_eq!(screen.grey(x, y, 0.0, half(1.0, 0.0)), PAPER);
            }
        }
    }
}
