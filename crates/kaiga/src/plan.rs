//! At which size a picture is painted. Canvas have a width in pixels, so the size painted at decides how broad they
//! are on the picture.

use crate::look::Detail;

/// The area that pictures are painted at, unless they are smaller or finer strokes are asked for.
const STROKES_PX2: f64 = 0.524e6;
/// Pictures below this area are enlarged for painting: strokes would be too broad for what is on them.
const ENLARGED_PX2: f64 = 0.2e6;
/// Detail at which they are painted at least: the smaller they are, the less there is to see when they are enlarged.
const ENLARGED_DETAIL: f32 = 0.3;
/// Nothing is enlarged by more than this, per side: there is nothing left to see.
const ENLARGED_AT_MOST: f64 = 4.0;
/// Sizes this close (as areas) to the picture's own are its own: resampling by a few per cent only blurs.
const CLOSE: std::ops::Range<f64> = 0.7..1.43;

/// Width and height painted at, px, for a picture of `width`×`height`.
///
/// By area and not by side, so that a tall panorama keeps its street. With the default detail: its own size from 0.12
/// to about 0.75 Mpx, and the same 0.52 Mpx for everything larger, so that a photo is the same painting at every size.
pub fn working_size(width: usize, height: usize, detail: Detail) -> (usize, usize) {
    let area = width as f64 * height as f64;
    let broad = area.clamp(ENLARGED_PX2, STROKES_PX2);
    let detail = if area < broad { detail.get().max(ENLARGED_DETAIL) } else { detail.get() };
    let wanted = broad * (area / broad).powf(f64::from(detail));
    if CLOSE.contains(&(wanted / area)) {
        return (width, height);
    }
    let scale = (wanted / area).sqrt().min(ENLARGED_AT_MOST);
    let side = |side: usize| ((side as f64 * scale).round() as usize).max(1);
    (side(width), side(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn megapixels(width: usize, height: usize, detail: f32) -> f64 {
        let (w, h) = working_size(width, height, Detail::new(detail).unwrap());
        (w * h) as f64 / 1e6
    }

    #[test]
    fn small_pictures_grow_middling_ones_stay_large_ones_shrink() {
        let size = |w, h| working_size(w, h, Detail::default());
        assert_eq!(size(960, 720), (960, 720));
        assert_eq!(size(512, 512), (512, 512));
        assert_eq!(size(1, 1), (4, 4));
        let (w, h) = size(200, 100);
        assert!(w == 2 * h && (100_000..200_000).contains(&(w * h)), "{w}×{h}");
        let (w, h) = size(2000, 8000);
        assert!((520_000..528_000).contains(&(w * h)) && h.abs_diff(4 * w) <= 4, "{w}×{h}");
    }

    #[test]
    fn large_pictures_of_one_shape_are_painted_at_one_size() {
        for side in [1400, 4000, 8660, 20_000] {
            assert_eq!(working_size(side, side / 4 * 3, Detail::default()), (836, 627), "{side}");
        }
    }

    #[test]
    fn detail_goes_from_broad_to_full_size() {
        assert!((0.52..0.53).contains(&megapixels(4000, 3000, 0.0)));
        assert_eq!(working_size(4000, 3000, Detail::new(1.0).unwrap()), (4000, 3000));
        assert_eq!(working_size(40, 30, Detail::new(1.0).unwrap()), (40, 30));
        let areas: Vec<f64> = (0..=10).map(|i| megapixels(4000, 3000, i as f32 / 10.0)).collect();
        assert!(areas.is_sorted(), "{areas:?}");
    }
}
