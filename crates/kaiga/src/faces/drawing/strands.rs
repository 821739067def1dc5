//! Where a photo shows strands of hair: fair hair has the colour of skin, but is not as even.

use super::{Drawing, median, pixel_at};
use pixels::Image;
use pixels::blur::box_mean;
use pixels::image::zip;
use pixels::resize::{self, Filter};
use pixels::space::{Gray, Srgb8, luma_from_srgb, srgb_from_srgb8};
use pixels::warp::{Similarity, smooth_step};

/// The unit of the face at the size at which strands are looked at, px, if it is not smaller.
const UNIT_PX: f32 = 80.0;
/// Radius of what a strand differs from, and of what is looked at together, in units.
const RADIUS: f32 = 0.025;
const TOGETHER: f32 = 0.06;
/// Strands differ from what is around them by more than the second factor of what skin does, skin by less than the first.
const BESIDE_SKIN: [f32; 2] = [1.4, 2.4];
/// Skin counts as this uneven at least, as a share of its luma.
const LEAST: f32 = 0.008;
/// Darker places are looked at as if they had this luma, 0..1.
const DARK: f32 = 0.08;

/// How much each place of a photo, in whose px the face is, shows strands, 0..1. Edges and features are strands, too.
pub(super) fn strands(photo: &Image<Srgb8>, face: &Drawing) -> Image<Gray> {
    let shrink = (UNIT_PX / face.unit_px).min(1.0);
    let [width, height] = [photo.width(), photo.height()].map(|side| ((side as f32 * shrink).round() as usize).max(1));
    let small = resize::to(photo, width, height, Filter::Area);
    let luma = small.map::<Gray>(|pixel| luma_from_srgb(srgb_from_srgb8(pixel)));
    let radius = |share: f32| ((share * face.unit_px * shrink).round() as usize).max(1);
    let around = box_mean(&luma, radius(RADIUS));
    let detail = zip::<Gray>(&luma, |i| (luma.pixels()[i] - around.pixels()[i]).abs());
    let [detail, level] = [detail, luma].map(|plane| box_mean(&plane, radius(TOGETHER)));
    let detail = zip::<Gray>(&detail, |i| detail.pixels()[i] / level.pixels()[i].max(DARK));
    let by = Similarity::scaled(shrink, [0.0; 2]);
    let of_skin = median(face.bare_skin().iter().filter_map(|place| pixel_at(&detail, by.apply(*place))));
    let of_skin = of_skin.unwrap_or(0.0).max(LEAST);
    let strands = detail.map::<Gray>(|detail| smooth_step(BESIDE_SKIN[0], BESIDE_SKIN[1], detail / of_skin));
    resize::to(&strands, photo.width(), photo.height(), Filter::Bilinear)
}

#[cfg(test)]
mod tests {
    use super::super::tests::landmarks;
    use super::*;

    #[test]
    fn hair_in_the_colour_of_skin_is_told_by_its_strands() {
        let face = Drawing { landmarks: landmarks(), unit_px: 60.0, amount: 1.0, eyes: 1.0, glasses: None };
        let photo = Image::<Srgb8>::from_fn(200, 240, |x, y| match (y < 60, x % 3) {
            (true, 0) => [228, 188, 170],
            (true, _) => [190, 150, 132],
            _ => [200, 160, 142],
        });
        let strands = strands(&photo, &face);
        let cheek = face.bare_skin()[0];
        assert_eq!((strands.at(100, 30), pixel_at(&strands, cheek)), (1.0, Some(0.0)));
    }
}
