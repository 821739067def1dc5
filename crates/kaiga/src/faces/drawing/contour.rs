//! Where the outline of a face stands before what is behind the person: the line that a painter draws there, at the cheeks.

use super::features::shown;
use super::pen::{mix, spline};
use super::{Drawing, Part, apart};
use pixels::Image;
use pixels::space::{Srgb8, lab_from_srgb};
use pixels::warp::{Point, distance, smooth_step};

/// The places of the outline from the temples to the jaw, right and left in the picture; the chin has a line of its own.
const SIDES: [std::ops::RangeInclusive<usize>; 2] = [2..=7, 11..=16];
/// Places looked at on each side.
const PLACES: usize = 40;
/// The border is sought so far inside and outside of the outline, in units, in so many steps.
const SOUGHT: f32 = 0.14;
const STEPS: isize = 14;
/// So far outside there must be no person: below the first surely, above the second not.
const BEHIND: f32 = 0.3;
const PERSON: [f32; 2] = [0.35, 0.6];
/// Half the distance in Lab between both sides of a border that is none, and of one that is.
const BORDER: [f32; 2] = [1.5, 4.0];
/// What is inside is skin if it is so near to it in Lab, and not if so far.
const SKIN: [f32; 2] = [30.0, 18.0];
/// Neighbours to either side that say where the border runs, too.
const SMOOTHED: usize = 4;

/// A line along the outline: its places and how much of it is drawn at each, 0..1.
pub(super) struct Side {
    pub(super) places: Vec<Point>,
    pub(super) shares: Vec<f32>,
}

/// Both sides of a face in `picture`, in whose px the landmarks are. `person` says how much of a place is the person, 0..1, `skin`
/// is the skin's colour, sRGB 0..1.
pub(super) fn sides(
    face: &Drawing,
    picture: &Image<Srgb8>,
    person: impl Fn(Point) -> f32,
    skin: [f32; 3],
) -> [Side; 2] {
    let (oval, skin) = (face.part(Part::Oval), lab_from_srgb(skin));
    let middle = mix(oval[0], oval[9], 0.5);
    let seen = |place: Point| shown(picture, place).map(lab_from_srgb);
    SIDES.map(|side| {
        let outline = spline(&oval[side], PLACES);
        let outward = |p: Point, units: f32| mix(p, middle, -units * face.unit_px / distance(p, middle).max(1e-3));
        let found: Vec<(f32, f32)> = outline.iter().map(|&p| border(&|units| seen(outward(p, units)), skin)).collect();
        let behind = |p: Point| smooth_step(PERSON[1], PERSON[0], person(outward(p, BEHIND)));
        let around = |i: usize| &found[i.saturating_sub(SMOOTHED)..(i + SMOOTHED + 1).min(PLACES)];
        let mean =
            |of: &dyn Fn(&(f32, f32)) -> f32, i: usize| around(i).iter().map(of).sum::<f32>() / around(i).len() as f32;
        let places = (0..PLACES).map(|i| {
            let share = mean(&|(_, share)| *share, i).max(1e-3);
            outward(outline[i], mean(&|(at, share)| at * share, i) / share)
        });
        let shares = (0..PLACES).map(|i| mean(&|(_, share)| *share, i) * behind(outline[i]));
        Side { places: places.collect(), shares: shares.collect() }
    })
}

/// Where along a normal of the outline, in units, colours change most, and how sure it is that skin ends there, 0..1.
fn border(seen: &dyn Fn(f32) -> Option<[f32; 3]>, skin: [f32; 3]) -> (f32, f32) {
    let step = SOUGHT / STEPS as f32;
    let mut best = (0.0, 0.0f32);
    for at in (-STEPS..=STEPS).map(|i| i as f32 * step) {
        let (Some(inside), Some(outside)) = (seen(at - 2.0 * step), seen(at + 2.0 * step)) else { continue };
        let change = 0.5 * (0..3).map(|c| (inside[c] - outside[c]).powi(2)).sum::<f32>().sqrt();
        if change > best.1 {
            best = (at, change * smooth_step(SKIN[0], SKIN[1], apart(inside, skin)));
        }
    }
    (best.0, smooth_step(BORDER[0], BORDER[1], best.1))
}

#[cfg(test)]
mod tests {
    use super::super::tests::landmarks;
    use super::*;
    use pixels::space::srgb_from_srgb8;

    const SKIN: [u8; 3] = [222, 178, 152];

    fn found(cheeks: impl Fn(usize) -> [u8; 3]) -> [Side; 2] {
        let face = Drawing { landmarks: landmarks(), unit_px: 60.0, amount: 1.0, eyes: 1.0, glasses: None };
        let inside = |[x, y]: Point| ((x - 100.0) / 74.0).hypot((y - 120.0) / 98.0) < 1.0;
        let picture =
            Image::<Srgb8>::from_fn(
                200,
                240,
                |x, y| {
                    if inside([x as f32 + 0.5, y as f32 + 0.5]) { SKIN } else { cheeks(x) }
                },
            );
        sides(&face, &picture, |p| f32::from(u8::from(inside(p) || p[0] > 100.0)), srgb_from_srgb8(SKIN))
    }

    #[test]
    fn a_cheek_before_a_wall_has_a_line_on_its_border_and_one_before_hair_has_none() {
        let [right, left] = found(|x| if x > 100 { [40, 30, 26] } else { [120, 150, 180] });
        assert!(right.shares.iter().all(|share| *share == 0.0), "what is there is the person");
        let middle = PLACES / 2;
        assert!(left.shares[middle] > 0.9, "{:?}", left.shares);
        let [x, y] = left.places[middle];
        assert!((((x - 100.0) / 74.0).hypot((y - 120.0) / 98.0) - 1.0).abs() < 0.03, "{x} {y}");
    }

    #[test]
    fn a_wall_of_the_colour_of_skin_has_no_line() {
        assert!(found(|_| SKIN)[1].shares.iter().all(|share| *share == 0.0));
    }
}
