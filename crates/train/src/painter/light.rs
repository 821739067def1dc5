//! The two ends of the painter: the photo put into light, the painting developed to the screen.

use super::taste::Bloom;
use super::zip;
use pixels::Image;
use pixels::blur::gaussian;
use pixels::guided::guided;
use pixels::space::{Gray, Lab, Srgb, Srgb8, lab_from_srgb8, srgb_from_lab, srgb8_from_srgb};
use pixels::warp::smooth_step;

/// Where it is high, lightness and chroma are left nearly alone: a face keeps its complexion.
pub(super) use pixels::compare::skin_likelihood as skin;

/// Tone before anything else: the median lightness moves up to `median_lightness`, dark regions are
/// opened a little more (`shadows`), blacks stay black, and chroma grows with lightness (a lift
/// without that is the grey veil). Skin is lifted less and hardly gains chroma.
pub(super) fn expose(photo: &Image<Srgb8>, median_lightness: f32, shadows: f32) -> Image<Srgb> {
    let lab = photo.map::<Lab>(lab_from_srgb8);
    let light = lab.map::<Gray>(|[l, _, _]| (l * 0.01).clamp(1e-4, 1.0));
    let gamma = (median_lightness.ln() / median(light.pixels()).clamp(0.1, 0.9).ln()).clamp(0.74, 1.0);
    let lifted = light.map::<Gray>(|v| v.powf(gamma));
    let near = guided(&lifted, &lifted, 16, 0.01);
    let complexion = gaussian(&lab.map::<Gray>(skin), 3.0);
    zip::<Srgb>(&lab, |i| {
        let ([_, a, b], light, complexion) = (lab.pixels()[i], light.pixels()[i], complexion.pixels()[i]);
        let lifted = lifted.pixels()[i].powf(1.0 - shadows * (0.5 - near.pixels()[i]).clamp(0.0, 0.5));
        let toe = smooth_step(0.0, 0.08, light);
        let lifted = lifted * toe + lifted.min(light) * (1.0 - toe);
        let lifted = lifted + 0.6 * complexion * (light - lifted);
        let vivid = (lifted / light).clamp(0.8, 2.2).powf(0.8);
        let vivid = vivid + (vivid.min(1.08) - vivid) * complexion;
        srgb_from_lab([lifted * 100.0, a * vivid, b * vivid]).map(|v| v.clamp(0.0, 1.0))
    })
}

/// The median, the mean of the middle two for an even number; 0.5 of nothing.
fn median(values: &[f32]) -> f32 {
    if values.is_empty() {
        return 0.5;
    }
    let mut values = values.to_vec();
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    let lower = if even { below.iter().copied().fold(f32::MIN, f32::max) } else { upper };
    0.5 * (lower + upper)
}

/// Lab to the screen, with bloom.
pub(super) fn developed(painting_lab: &Image<Lab>, bloom: Option<&Bloom>) -> Image<Srgb8> {
    let clipped = |lab| srgb_from_lab(lab).map(|v| v.clamp(0.0, 1.0));
    let Some(bloom) = bloom else { return painting_lab.map(|lab| srgb8_from_srgb(clipped(lab))) };
    let painting = painting_lab.map::<Srgb>(clipped);
    let bright = painting.map::<Srgb>(|v| v.map(|v| (v - bloom.above).max(0.0) / (1.0 - bloom.above)));
    let [near, far] = bloom.sigmas_px.map(|sigma_px| gaussian(&bright, sigma_px));
    let [near_share, far_share] = bloom.shares.map(|share| share * bloom.strength);
    zip::<Srgb8>(&painting, |i| {
        let (v, near, far) = (painting.pixels()[i], near.pixels()[i], far.pixels()[i]);
        let glow = |c: usize| near_share * near[c] + far_share * far[c];
        srgb8_from_srgb(std::array::from_fn(|c| 1.0 - (1.0 - v[c]) * (1.0 - glow(c))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_by_hand() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn complexions_of_every_tone_are_skin_and_grass_is_not() {
        for (tone, least) in [([236, 188, 160], 0.7), ([141, 85, 36], 0.6), ([75, 48, 34], 0.6)] {
            assert!(skin(lab_from_srgb8(tone)) > least, "{tone:?} {}", skin(lab_from_srgb8(tone)));
        }
        assert!(skin(lab_from_srgb8([60, 140, 50])) < 0.01 && skin(lab_from_srgb8([90, 140, 210])) < 0.01);
    }

    #[test]
    fn a_dark_photo_is_lifted_and_its_blacks_are_not() {
        let photo = Image::<Srgb8>::from_fn(40, 40, |x, _| if x < 8 { [3; 3] } else { [70, 80, 60] });
        let exposed = expose(&photo, 0.58, 0.35);
        assert!(exposed.at(2, 20)[1] < 6.0 / 255.0, "{:?}", exposed.at(2, 20));
        assert!(exposed.at(30, 20)[1] > 95.0 / 255.0, "{:?}", exposed.at(30, 20));
    }
}
