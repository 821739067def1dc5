//! Ears that stand out beside the face: where skin goes on over the outline, as far as something else begins.

use super::features::shown;
use super::pen::{mix, spline};
use super::{Drawing, Part, apart};
use pixels::Image;
use pixels::space::{Srgb8, lab_from_srgb};
use pixels::warp::{Point, distance, smooth_step};

/// The places of the outline that ears are beside, from the temple to the jaw, right and left in the picture.
const BESIDE: [[usize; 4]; 2] = [[3, 4, 5, 6], [15, 14, 13, 12]];
/// Places looked at on each side.
const PLACES: usize = 28;
/// How far outside of the outline the border of an ear is sought, in units, and in steps of how much.
const SOUGHT: f32 = 0.52;
const STEP: f32 = 0.02;
/// Skin is so near to that of the face, in Lab: ears are redder and in shadow.
const SKIN: f32 = 26.0;
/// An ear stands out by this much somewhere, in units, over at least this share of the places.
const STANDS_OUT: f32 = 0.1;
const LEAST: f32 = 0.3;
/// The share of an ear's places that have a clear border at least, and surely.
const CLEAR: [f32; 2] = [0.45, 0.75];
/// How far in Lab an ear is from what is behind it.
const BORDER: [f32; 2] = [5.0, 12.0];

/// An ear's outer border from above to the lobe.
pub(super) struct Ear {
    pub(super) rim: Vec<Point>,
    /// The fold inside of it.
    pub(super) fold: Vec<Point>,
    /// How sure it is, 0..1.
    pub(super) share: f32,
}

/// The ears of a face in `picture`, in whose px the landmarks are. `person` says how much of a place is the person, 0..1; `skin` is
/// the skin's colour, sRGB 0..1.
pub(super) fn ears(face: &Drawing, picture: &Image<Srgb8>, person: impl Fn(Point) -> f32, skin: [f32; 3]) -> Vec<Ear> {
    let (oval, skin) = (face.part(Part::Oval), lab_from_srgb(skin));
    let eyes = [Part::LeftEye, Part::RightEye].map(|eye| mix(face.part(eye)[0], face.part(eye)[8], 0.5));
    let long = distance(eyes[0], eyes[1]).max(1e-3);
    let across = [0, 1].map(|axis| (eyes[1][axis] - eyes[0][axis]) / long);
    let near = |p: Point| shown(picture, p).map(lab_from_srgb).filter(|colour| apart(*colour, skin) < SKIN);
    let ear = |(side, sign): (&[usize; 4], f32)| {
        let outline = spline(&side.map(|i| oval[i]), PLACES);
        let outward = |p: Point, units: f32| [0, 1].map(|axis| p[axis] + sign * units * face.unit_px * across[axis]);
        let steps = (SOUGHT / STEP) as usize;
        let reach = |p: &Point| {
            let is_skin = |i: usize| {
                let q = outward(*p, i as f32 * STEP);
                near(q).is_some() && person(q) > 0.5
            };
            (1..steps).find(|&i| !is_skin(i) && !is_skin(i + 1)).map_or(0.0, |i| (i as f32 - 0.5) * STEP)
        };
        let reaches: Vec<f32> = outline.iter().map(reach).collect();
        let (from, to) = longest(&reaches, |reach| reach > 0.045)?;
        let high = to - from;
        let most = reaches[from..to].iter().copied().fold(0.0, f32::max);
        // What reaches to the end of what is looked at is no ear; what goes on below the jaw is a neck, above a forehead.
        let ends = reaches[PLACES - 1] > 0.045 && reaches[0] > 0.045;
        if most < STANDS_OUT || (high as f32) < LEAST * PLACES as f32 || ends {
            return None;
        }
        let smooth = |i: usize| {
            let around = &reaches[i.saturating_sub(1).max(from)..(i + 2).min(to)];
            around.iter().sum::<f32>() / around.len() as f32
        };
        let clear = |i: usize| {
            let [inside, outside] = [-2.0, 2.0].map(|by| shown(picture, outward(outline[i], smooth(i) + by * STEP)));
            let (Some(inside), Some(outside)) = (inside, outside) else { return 0.0 };
            smooth_step(BORDER[0], BORDER[1], apart(lab_from_srgb(inside), lab_from_srgb(outside)))
        };
        let seen = (from..to).map(clear).sum::<f32>() / high as f32;
        let at = |share: f32| (from..to).map(|i| outward(outline[i], share * smooth(i))).collect::<Vec<_>>();
        let fold = at(0.5)[high / 5..high * 3 / 5 + 1].to_vec();
        Some(Ear { rim: at(1.0), fold, share: smooth_step(CLEAR[0], CLEAR[1], seen) })
    };
    BESIDE.iter().zip([1.0, -1.0]).filter_map(ear).collect()
}

/// The longest run of values that are so: its first and the one after its last.
fn longest(values: &[f32], is_so: impl Fn(f32) -> bool) -> Option<(usize, usize)> {
    let mut best: Option<(usize, usize)> = None;
    let mut from = 0;
    for i in 0..=values.len() {
        if i == values.len() || !is_so(values[i]) {
            if i > from && best.is_none_or(|(a, b)| i - from > b - a) {
                best = Some((from, i));
            }
            from = i + 1;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::tests::landmarks;
    use super::*;
    use pixels::space::srgb_from_srgb8;

    const SKIN: [u8; 3] = [222, 178, 152];

    fn found(at: impl Fn(Point) -> [u8; 3]) -> Vec<Ear> {
        let face = Drawing { landmarks: landmarks(), unit_px: 60.0, amount: 1.0, eyes: 1.0, glasses: None };
        let picture = Image::<Srgb8>::from_fn(240, 240, |x, y| {
            let p = [x as f32 + 0.5, y as f32 + 0.5];
            if ((p[0] - 100.0) / 70.0).hypot((p[1] - 120.0) / 95.0) < 1.0 { SKIN } else { at(p) }
        });
        ears(&face, &picture, |_| 1.0, srgb_from_srgb8(SKIN))
    }

    #[test]
    fn an_ear_beside_hair_is_found_where_it_ends() {
        let hair = [40, 30, 26];
        let ears = found(|[x, y]| if ((x - 168.0) / 16.0).hypot((y - 128.0) / 26.0) < 1.0 { SKIN } else { hair });
        assert_eq!(ears.len(), 1, "the other one is under hair");
        let Ear { rim, share, .. } = &ears[0];
        assert_eq!(*share, 1.0);
        let far = rim.iter().map(|p| p[0]).fold(0.0, f32::max);
        assert!((182.0..186.0).contains(&far), "{far}");
    }

    #[test]
    fn a_wall_of_the_colour_of_skin_is_no_ear() {
        assert!(found(|_| SKIN).is_empty());
    }
}
