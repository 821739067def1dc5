//! Faces that are drawn: skin in a few tones of its own complexion, and eyes, brows, nose, mouth and jaw as strokes along
//! dense landmarks, at the size of the result.
//!
//! [`skin`] works on the portrait as it was painted, before it is upscaled; [`features`] draws over the finished picture.
//! What is not sure is not drawn: every part is as strong as its landmarks are certain.

mod contour;
mod ears;
mod features;
mod glasses;
mod hair;
mod pen;
mod skin;
mod strands;
mod style;

pub(crate) use features::{Original, draw};
pub(crate) use hair::lay as lay_hair;
pub(crate) use skin::lay;
pub(crate) use style::FaceStyle;

use self::glasses::Glasses;
use super::Landmarks;
use super::align::Pose;
use super::landmarks::Part;
use pixels::Image;
use pixels::space::{Space, Srgb8, luma_from_srgb};
use pixels::warp::{Point, Similarity, distance, smooth_step};

/// Under the first unit (about the distance of the eyes, px) a face is not drawn, from the second on fully.
const SIZES_PX: [f32; 2] = [11.0, 26.0];
/// How far landmarks may be expected to be off, in distances of the eyes: a part is drawn fully under the first, not at
/// all over the second.
const SURE: [f32; 2] = [0.075, 0.14];
/// So far beyond the lids, in the face's unit, skin shows whether dark glasses are before an eye: it is darker than that of
/// the face by the first factor behind them, and lighter than the second without. Shadow is dark too, but as warm as the face:
/// glass has less of its warmth than the first share, skin more than the second.
const BESIDE_LID: f32 = 0.08;
const DARK_GLASS: [f32; 2] = [0.5, 0.64];
const COLD_GLASS: [f32; 2] = [0.6, 0.85];
/// What is lighter than the second luma (0..1) is behind no dark glass, however light the face is.
const CLEAR: [f32; 2] = [0.22, 0.34];
/// How much lightness counts beside chroma where colours are compared.
const LIGHTNESS: f32 = 0.55;

/// A face that is drawn, in one coordinate system or another.
#[derive(Clone, Debug)]
pub(crate) struct Drawing {
    pub(crate) landmarks: Landmarks,
    /// The unit of the pose, px.
    pub(crate) unit_px: f32,
    /// How far it is drawn, 0..1: by size, pose and what was asked for.
    pub(crate) amount: f32,
    /// How much of that its eyes and brows are drawn, 0..1: not behind dark glasses.
    pub(crate) eyes: f32,
    /// Those that are worn, if any are.
    glasses: Option<Glasses>,
}

impl Drawing {
    /// A face with these landmarks, px of the photo; `None` if it is too small, turned too far or too unsure.
    pub(crate) fn of(photo: &Image<Srgb8>, pose: &Pose, landmarks: Landmarks, asked: f32) -> Option<Self> {
        let eyes = landmarks.spread(Part::LeftEye).min(landmarks.spread(Part::RightEye));
        let sure = smooth_step(SURE[1], SURE[0], eyes);
        let seen = smooth_step(0.0, 0.5, pose.frontal);
        let amount = asked * sure * seen * smooth_step(SIZES_PX[0], SIZES_PX[1], pose.unit_px);
        if amount <= 0.0 {
            return None;
        }
        let glasses = Glasses::find(photo, &landmarks);
        let drawing = Self { landmarks, unit_px: pose.unit_px, amount, eyes: 1.0, glasses };
        Some(Self { eyes: drawing.bare_eyes(photo), ..drawing })
    }

    /// 0 where the skin around both eyes is so dark beside that of the face that glasses must be before them, else 1.
    fn bare_eyes(&self, photo: &Image<Srgb8>) -> f32 {
        let seen = |places: &[Point]| features::median(photo, places.iter().copied()).unwrap_or([1.0; 3]);
        let around = |eye: Part| {
            let lids = self.part(eye);
            let middle = [0, 1].map(|axis| lids.iter().map(|p| p[axis]).sum::<f32>() / lids.len() as f32);
            let outward = |p: &Point| {
                let reach = distance(*p, middle).max(1e-3);
                [0, 1].map(|axis| p[axis] + (p[axis] - middle[axis]) / reach * BESIDE_LID * self.unit_px)
            };
            seen(&lids.iter().map(outward).collect::<Vec<_>>())
        };
        let (skin, eyes) = (seen(&self.bare_skin()), [around(Part::LeftEye), around(Part::RightEye)]);
        let warmth = |[r, g, b]: [f32; 3]| (r - b).max(0.0) / (r + g + b).max(0.02);
        let most = |of: &dyn Fn([f32; 3]) -> f32| of(eyes[0]).max(of(eyes[1])) / of(skin).max(0.02);
        let light = smooth_step(DARK_GLASS[0], DARK_GLASS[1], most(&luma_from_srgb));
        let bright = smooth_step(CLEAR[0], CLEAR[1], luma_from_srgb(eyes[0]).max(luma_from_srgb(eyes[1])));
        light.max(bright).max(smooth_step(COLD_GLASS[0], COLD_GLASS[1], most(&warmth)))
    }

    /// The same drawn by a share (0..1) of it.
    pub(crate) fn by(&self, share: f32) -> Self {
        Self { amount: share * self.amount, ..self.clone() }
    }

    /// The same in other coordinates.
    pub(crate) fn placed(&self, by: &Similarity) -> Self {
        let scale = by.scale();
        Self { unit_px: self.unit_px * scale, ..self.moved(|p| by.apply(p), scale) }
    }

    /// The same with each place moved, and what is drawn wider by a factor.
    pub(crate) fn moved(&self, to: impl Fn(Point) -> Point, scale: f32) -> Self {
        let glasses = self.glasses.as_ref().map(|glasses| glasses.moved(&to, scale));
        Self { landmarks: self.landmarks.moved(to), glasses, ..*self }
    }

    /// How much of a part is drawn, 0..1.
    fn share(&self, part: Part) -> f32 {
        let is_behind_glass = !matches!(part, Part::Nose | Part::NoseBase | Part::Lips | Part::Mouth | Part::Oval);
        let seen = if is_behind_glass { self.eyes } else { 1.0 };
        seen * self.amount * smooth_step(SURE[1], SURE[0], self.landmarks.spread(part))
    }

    /// How much of glasses is drawn, 0..1: dark ones stay as they are painted.
    fn glasses_share(&self) -> f32 {
        self.glasses.as_ref().map_or(0.0, |glasses| glasses.certainty * self.amount * self.eyes)
    }

    fn part(&self, part: Part) -> &[Point] {
        self.landmarks.part(part)
    }

    /// Places on the cheeks, the tip of the nose and the forehead, where skin is bare.
    fn bare_skin(&self) -> [Point; 6] {
        let (lips, oval) = (self.part(Part::Lips), self.part(Part::Oval));
        let mix = |a: Point, b: Point, t: f32| [0, 1].map(|axis| a[axis] + t * (b[axis] - a[axis]));
        let [left, right] = [Part::LeftEye, Part::RightEye].map(|eye| self.part(eye));
        let [under_left, under_right] = [mix(left[12], lips[0], 0.45), mix(right[12], lips[10], 0.45)];
        let brows = mix(self.part(Part::LeftBrow)[4], self.part(Part::RightBrow)[4], 0.5);
        let out = |cheek: Point, side: Point| mix(cheek, side, 0.25);
        [
            under_left,
            under_right,
            out(under_left, oval[14]),
            out(under_right, oval[4]),
            self.part(Part::Nose)[4],
            mix(brows, oval[0], 0.35),
        ]
    }
}

/// The median, the upper one of an even number; `None` of nothing.
fn median(values: impl Iterator<Item = f32>) -> Option<f32> {
    quantile(values, 0.5)
}

/// What a `share` (0..1) of the values lies under; `None` of nothing.
fn quantile(values: impl Iterator<Item = f32>, share: f32) -> Option<f32> {
    let mut values: Vec<f32> = values.collect();
    let place = (share * values.len() as f32) as usize;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(place, f32::total_cmp).1)
}

/// The pixel of a picture at a place, px; `None` outside.
fn pixel_at<S: Space>(picture: &Image<S>, [x, y]: Point) -> Option<S::Pixel> {
    let inside = x >= 0.0 && y >= 0.0 && x < picture.width() as f32 && y < picture.height() as f32;
    inside.then(|| picture.at(x as usize, y as usize))
}

/// How far two colours of Lab are apart, lightness counting less.
fn apart(a: [f32; 3], b: [f32; 3]) -> f32 {
    let [l, a, b] = [0, 1, 2].map(|c| a[c] - b[c]);
    (LIGHTNESS * l).hypot(a).hypot(b)
}

/// The median of each channel.
fn median_colour(colours: &[[f32; 3]]) -> Option<[f32; 3]> {
    let [a, b, c] = [0, 1, 2].map(|channel| median(colours.iter().map(|colour| colour[channel])));
    Some([a?, b?, c?])
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use net::landmarks::POINTS;

    /// Points of a face that are enough to say where its skin is: parts in their places, each a line across.
    pub(super) fn landmarks() -> Landmarks {
        let mut points = Vec::with_capacity(POINTS);
        for part in Part::ALL {
            let (x, y, reach) = match part {
                Part::LeftEye | Part::LeftIris => (70.0, 100.0, 12.0),
                Part::RightEye | Part::RightIris => (130.0, 100.0, 12.0),
                Part::LeftBrow => (70.0, 80.0, 15.0),
                Part::RightBrow => (130.0, 80.0, 15.0),
                Part::Nose | Part::NoseBase => (100.0, 130.0, 6.0),
                Part::Lips | Part::Mouth => (100.0, 165.0, 18.0),
                Part::Oval => (100.0, 120.0, 0.0),
            };
            let count = part.points();
            points.extend((0..count).map(|i| match part {
                Part::Oval => {
                    let (sin, cos) = (i as f32 / count as f32 * std::f32::consts::TAU).sin_cos();
                    [100.0 + 70.0 * sin, 120.0 - 95.0 * cos]
                }
                _ => [x + reach * (2.0 * i as f32 / (count - 1) as f32 - 1.0), y],
            }));
        }
        Landmarks::new(points, [0.02; Part::ALL.len()])
    }

    #[test]
    fn eyes_behind_dark_glasses_are_not_drawn_and_the_mouth_is() {
        let face = Drawing { landmarks: landmarks(), unit_px: 60.0, amount: 1.0, eyes: 1.0, glasses: None };
        let skin = Image::<Srgb8>::filled(200, 240, [200, 160, 140]);
        let band = |level: [u8; 3]| {
            Image::from_fn(200, 240, |x, y| if (85..115).contains(&y) { level } else { skin.at(x, y) })
        };
        assert_eq!((face.bare_eyes(&skin), face.bare_eyes(&band([30, 28, 30]))), (1.0, 0.0));
        assert_eq!(face.bare_eyes(&band([150, 115, 100])), 1.0, "shadow is no glass");
        assert_eq!(face.bare_eyes(&band([84, 60, 50])), 1.0, "nor is deep shadow");
        assert_eq!(face.bare_eyes(&band([98, 100, 98])), 1.0, "nor is clear glass that mirrors a window");
        let hidden = Drawing { eyes: 0.0, ..face };
        assert_eq!(
            (hidden.share(Part::LeftEye), hidden.share(Part::RightBrow), hidden.share(Part::Lips)),
            (0.0, 0.0, 1.0)
        );
    }

    #[test]
    fn what_is_unsure_or_small_is_not_drawn() {
        let photo = Image::<Srgb8>::filled(200, 240, [200, 160, 140]);
        let of = |eyes_px: f32, spread: f32| {
            let face = super::super::align::tests::face([100.0, 100.0], eyes_px, 0.0);
            let landmarks = Landmarks::new(landmarks().points().to_vec(), [spread; Part::ALL.len()]);
            Drawing::of(&photo, &Pose::of(&face)?, landmarks, 1.0).map(|drawing| drawing.amount)
        };
        assert_eq!((of(60.0, 0.02), of(60.0, 0.2), of(8.0, 0.02)), (Some(1.0), None, None));
        assert!(of(18.0, 0.02).is_some_and(|amount| (0.2..0.8).contains(&amount)));
    }
}
