//! Whether glasses are worn, and where their frames run: seen in the photo, without a network.
//!
//! A frame is a thin line that differs from both of its sides: a ridge in Lab, dark, light or coloured. Lines over the nose, below
//! and beside the eyes and towards the ears are what a bare face does not have all of at once; together they say how sure glasses are.

mod rims;
mod seen;

use self::rims::{OnRim, PLACES, Shape};
use self::seen::Seen;
use super::{apart, median, median_colour};
use crate::faces::Landmarks;
use pixels::Image;
use pixels::space::{Srgb8, srgb_from_lab};
use pixels::warp::{Point, smooth_step};

/// What each measure of [`evidence`] says for glasses, for a difference of 4 in Lab, and against them all: a logistic regression on
/// 228 portraits, 73 of them with glasses, whose weights are held small.
const SAYS: [f32; 7] = [1.24, 0.708, 0.699, 0.932, 1.329, 1.133, 0.877];
const AGAINST: f32 = 10.518;
/// How likely glasses are that are not drawn, and that are drawn fully.
const LIKELY: [f32; 2] = [0.55, 0.72];
/// Less of a temple is none, as a share of what it would be.
const TEMPLE: f32 = 0.3;
/// A frame is no thinner and no thicker, px of the small picture.
const LEAST_PX: f32 = 0.9;
const MOST_PX: f32 = 5.0;
/// A line of no width looks so wide in the small picture, px; squares of widths add up.
const BLUR_PX: f32 = 3.0;
/// So far from the middle of a frame is what is beside it, px of the small picture.
const BESIDE_PX: f32 = 6.0;
/// How much of a rim must be seen at a place so that something is drawn there, and so that it is drawn as wide as it is.
const SEEN: [f32; 2] = [0.02, 0.35];

/// Glasses that are worn.
#[derive(Clone, Debug)]
pub(super) struct Glasses {
    /// How sure they are, 0..1.
    pub(super) certainty: f32,
    /// sRGB 0..1.
    pub(super) colour: [f32; 3],
    width_px: f32,
    /// Both rims, each once around, and how much of each place is seen, 0..1.
    rims: [Vec<(Point, f32)>; 2],
    /// From one rim to the other.
    bridge: Vec<Point>,
    /// From the rims towards the ears; empty where none is seen.
    temples: [Vec<Point>; 2],
}

/// A stroke of a frame.
pub(super) struct Stroke {
    pub(super) places: Vec<Point>,
    /// How much of it is seen at each place, 0..1.
    shares: Vec<f32>,
    pub(super) width_px: f32,
}

impl Stroke {
    /// How much of it is seen at 0..1 of its way, 0..1.
    pub(super) fn share(&self, t: f32) -> f32 {
        let at = t * (self.shares.len() - 1) as f32;
        let before = (at as usize).min(self.shares.len() - 2);
        self.shares[before] + (at - before as f32) * (self.shares[before + 1] - self.shares[before])
    }
}

impl Glasses {
    /// Those of a face in the photo; `None` if it surely wears none.
    pub(super) fn find(photo: &Image<Srgb8>, landmarks: &Landmarks) -> Option<Self> {
        let seen = Seen::of(photo, landmarks)?;
        let certainty = smooth_step(LIKELY[0], LIKELY[1], likelihood(&seen));
        if certainty == 0.0 {
            return None;
        }
        let all = seen.in_all_directions();
        let shape = Shape::fitted(&seen, &all);
        let rims = [0, 1].map(|eye| shape.rim(&seen, &all, eye));
        // What a frame looks like, where it is seen best.
        let mut best: Vec<&OnRim> = rims.iter().flatten().filter(|rim| rim.is_free).collect();
        best.sort_by(|a, b| b.ridge.total_cmp(&a.ridge));
        best.truncate(PLACES / 2);
        let (widths, colours): (Vec<f32>, Vec<[f32; 3]>) = best.into_iter().map(|rim| seen_at(&seen, rim)).unzip();
        let [l, a, b] = median_colour(&colours)?;
        let colour = srgb_from_lab([l.clamp(0.0, 100.0), a, b]).map(|v| v.clamp(0.0, 1.0));
        let width_px = median(widths.into_iter())?;
        let width_px = (width_px * width_px - BLUR_PX * BLUR_PX).max(0.0).sqrt().clamp(LEAST_PX, MOST_PX);
        let in_photo = |line: Vec<Point>| line.into_iter().map(|p| seen.to_photo.apply(p)).collect::<Vec<_>>();
        let temple = |eye: usize| {
            let (line, share) = shape.temple(&seen, &all, eye);
            if share > TEMPLE { in_photo(line) } else { Vec::new() }
        };
        let placed = |rim: &OnRim| (seen.to_photo.apply(rim.place), rim.share);
        Some(Self {
            certainty,
            colour,
            width_px: width_px * seen.to_photo.scale(),
            rims: rims.each_ref().map(|rim| rim.iter().map(placed).collect()),
            bridge: in_photo(shape.bridge(&seen, &all)),
            temples: [temple(0), temple(1)],
        })
    }

    /// The same with each place moved, and widths by a factor.
    pub(super) fn moved(&self, to: impl Fn(Point) -> Point, scale: f32) -> Self {
        let line = |line: &Vec<Point>| line.iter().map(|&p| to(p)).collect::<Vec<_>>();
        Self {
            rims: self.rims.each_ref().map(|rim| rim.iter().map(|&(p, share)| (to(p), share)).collect()),
            bridge: line(&self.bridge),
            temples: self.temples.each_ref().map(line),
            width_px: scale * self.width_px,
            ..*self
        }
    }

    /// What they are drawn with.
    pub(super) fn strokes(&self) -> Vec<Stroke> {
        let rims = self.rims.iter().map(|rim| {
            let closed = || rim.iter().chain(&rim[..1]);
            let shares = closed().map(|(_, share)| smooth_step(SEEN[0], SEEN[1], *share)).collect();
            Stroke { places: closed().map(|(p, _)| *p).collect(), shares, width_px: self.width_px }
        });
        let lines = std::iter::once(&self.bridge).chain(&self.temples).filter(|line| line.len() > 1);
        let line =
            |places: &Vec<Point>| Stroke { places: places.clone(), shares: vec![1.0; 2], width_px: self.width_px };
        rims.chain(lines.map(line)).collect()
    }
}

/// How likely glasses are, 0..1.
fn likelihood(seen: &Seen) -> f32 {
    let says: f32 = evidence(seen).iter().zip(SAYS).map(|(seen, says)| 0.25 * seen * says).sum();
    1.0 / (1.0 + (AGAINST - says).exp())
}

/// How much of a line, in Lab, is seen over the nose; below the eyes, beside the nose and outside of the eyes, where it is less;
/// towards the ears, less and more; and how much of lines there usually is below the eyes.
fn evidence(seen: &Seen) -> [f32; 7] {
    let [across, down] = seen.across_and_down();
    let below = [42..71, 98..127].map(|xs| across.traced(xs, 59..80, false));
    let beside_nose = [68..80, 89..101].map(|xs| down.traced(xs, 44..62, true));
    let outside = [30..41, 128..139].map(|xs| down.traced(xs, 44..66, true));
    let to_ears = [16..32, 137..153].map(|xs| across.traced(xs, 28..58, false));
    let least = |[a, b]: [f32; 2]| a.min(b);
    [
        across.traced(77..92, 30..62, false),
        least(below),
        least(beside_nose),
        least(outside),
        least(to_ears),
        to_ears[0].max(to_ears[1]),
        across.usual(40..128, 59..80),
    ]
}

/// How wide a frame looks at a place, px of the small picture, and what it is like, in Lab: where it stands out most from both sides.
fn seen_at(seen: &Seen, rim: &OnRim) -> (f32, [f32; 3]) {
    let (sin, cos) = rim.normal.sin_cos();
    let at = |by: f32| seen.colour([rim.place[0] + by * cos, rim.place[1] + by * sin]);
    let beside = |by: f32| {
        let [one, other] = [by + BESIDE_PX, by - BESIDE_PX].map(at);
        [0, 1, 2].map(|c| 0.5 * (one[c] + other[c]))
    };
    let stands_out = |by: f32| apart(at(by), beside(by));
    let places = (-5..=5).map(|i| 0.5 * i as f32);
    let middle = places.max_by(|a, b| stands_out(*a).total_cmp(&stands_out(*b))).unwrap_or(0.0);
    let (colour, around) = (at(middle), beside(middle));
    // Up to where half of the way to what is beside it is gone.
    let half = |sign: f32| {
        let mut steps = (1..12).map(|i| 0.5 * i as f32);
        steps.find(|by| apart(colour, at(middle + sign * by)) > 0.5 * apart(colour, around)).unwrap_or(BESIDE_PX)
    };
    let width_px = half(1.0) + half(-1.0);
    // A thin line is mixed with what is beside it.
    let mixed = (BLUR_PX / width_px).min(1.0);
    (width_px, [0, 1, 2].map(|c| colour[c] + mixed * (colour[c] - around[c])))
}

#[cfg(test)]
mod tests {
    use super::super::tests::landmarks;
    use super::*;

    /// How far a place is from a rim around an eye, in shares of its size.
    fn off_rim([x, y]: Point, eye: f32) -> f32 {
        let [u, v] = [(x - eye) / 24.0, (y - 106.0) / 20.0];
        (u.hypot(v) - 1.0).abs()
    }

    /// A face without features, and round frames of a colour around its eyes, which are 60 px apart.
    fn photo(frame: Option<[u8; 3]>) -> Image<Srgb8> {
        let skin = [206, 164, 142];
        Image::from_fn(220, 240, |x, y| {
            let [x, y] = [x as f32 + 0.5, y as f32 + 0.5];
            let rim = [70.0, 130.0].into_iter().any(|eye| off_rim([x, y], eye) < 0.06);
            let line = (y - 102.0).abs() < 1.5 && ((91.0..109.0).contains(&x) || !(46.0..154.0).contains(&x));
            frame.filter(|_| rim || line).unwrap_or(skin)
        })
    }

    #[test]
    fn dark_and_light_frames_are_likely_glasses_and_a_bare_face_has_none() {
        let likely = |frame| likelihood(&Seen::of(&photo(frame), &landmarks()).expect("two eyes"));
        assert!(likely(None) < 0.05, "{}", likely(None));
        for colour in [[40, 34, 36], [250, 246, 240]] {
            assert!(likely(Some(colour)) > 0.3, "{colour:?}: {}", likely(Some(colour)));
        }
        assert!(Glasses::find(&photo(None), &landmarks()).is_none());
    }
}
