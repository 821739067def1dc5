//! Lines: those that the photo has, and a border around every fill.

use pixels::Image;
use pixels::blur::gaussian;
use pixels::space::Gray;
use pixels::warp::smooth_step;

use super::taste::Ink;
use super::{Study, zip};

/// Lines of the photo: difference of Gaussians at which they begin, ink per difference above, and the coherence at which
/// they begin.
const PHOTO_LINE: (f32, f32, f32) = (0.006, 28.0, 0.3);
/// The coherence at which lines around fills begin.
const FILL_COHERENCE: f32 = 0.15;

impl Study {
    /// The ink of `taste` over fills whose lightness is `lightness` 0..1.
    pub(super) fn ink(&self, taste: &Ink, lightness: &Image<Gray>) -> Image<Gray> {
        let near_lightness = gaussian(lightness, 2.0);
        let ink = zip::<Gray>(&self.apart, |i| {
            let rough = self.rough.pixels()[i];
            let line = |[dog, coherence]: [&Image<Gray>; 2], threshold: f32, gain: f32, floor: f32| {
                let over = (-dog.pixels()[i] - threshold) * gain;
                over.clamp(0.0, 1.0) * ((coherence.pixels()[i] - floor) * 3.0).clamp(0.0, 1.0)
            };
            let (threshold, gain, floor) = PHOTO_LINE;
            let drawn =
                taste.of_photo * (1.0 - 0.5 * rough) * line(self.photo_edges.each_ref(), threshold, gain, floor);
            let threshold = taste.threshold * (1.0 + 3.0 * rough);
            let own = taste.darkness * line(self.fill_edges.each_ref(), threshold, taste.gain, FILL_COHERENCE);
            // Weak bright borders (cloud, snow) get a pale line.
            let apart = (self.apart.pixels()[i] / 0.05).clamp(0.0, 1.0);
            let bright = ((near_lightness.pixels()[i] - 0.72) / 0.2).clamp(0.0, 1.0);
            drawn.max(own * (0.55 + 0.45 * apart) * (1.0 - taste.paler * bright * (1.0 - apart)))
        });
        // Where lines crowd they are thinner, or they clot.
        let crowd = gaussian(&ink, 7.0);
        let ink = zip::<Gray>(&ink, |i| ink.pixels()[i] * (1.0 - 0.55 * smooth_step(0.14, 0.44, crowd.pixels()[i])));
        without_bits(ink, taste.least_px)
    }
}

/// The ink without patches that are smaller than `least_px`.
fn without_bits(mut ink: Image<Gray>, least_px: usize) -> Image<Gray> {
    /// Paler ink does not join patches.
    const JOINS: f32 = 0.08;
    if least_px == 0 {
        return ink;
    }
    let (width, height) = (ink.width(), ink.height());
    let mut seen = vec![false; width * height];
    let mut patch = Vec::new();
    for start in 0..seen.len() {
        if seen[start] || ink.pixels()[start] < JOINS {
            continue;
        }
        patch.clear();
        patch.push(start);
        seen[start] = true;
        let mut next = 0;
        while let Some(&at) = patch.get(next) {
            next += 1;
            if ink.pixels()[at] < JOINS {
                continue;
            }
            let (x, y) = (at % width, at / width);
            for v in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for u in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let beside = v * width + u;
                    if !seen[beside] && ink.pixels()[beside] > 0.0 {
                        seen[beside] = true;
                        patch.push(beside);
                    }
                }
            }
        }
        if patch.len() < least_px {
            for &at in &patch {
                ink.pixels_mut()[at] = 0.0;
            }
        }
    }
    // Pale ink that no line has beside it.
    for (ink, seen) in ink.pixels_mut().iter_mut().zip(&seen) {
        *ink *= f32::from(*seen);
    }
    ink
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `#` is ink, `-` pale ink.
    fn page<const H: usize>(rows: [&str; H]) -> Image<Gray> {
        Image::from_fn(rows[0].len(), H, |x, y| match rows[y].as_bytes()[x] {
            b'#' => 0.6,
            b'-' => 0.05,
            _ => 0.0,
        })
    }

    #[test]
    fn broken_bits_go_and_lines_stay() {
        // A line, one that goes by corners alone, two bits that pale ink does not join, and a dot.
        // Pale ink stays on both sides of a line, and nowhere else.
        let before = page([
            "-----........",
            "######..#....",
            ".........#...",
            "..........#..",
            "...........#.",
            "............#",
            "###-###......",
            ".............",
            ".........#...",
        ]);
        let after = page([
            "-----........",
            "######..#....",
            ".........#...",
            "..........#..",
            "...........#.",
            "............#",
            ".............",
            ".............",
            ".............",
        ]);
        assert_eq!(without_bits(before.clone(), 0), before);
        assert_eq!(without_bits(before, 5), after);
    }
}
