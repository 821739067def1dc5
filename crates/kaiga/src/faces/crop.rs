//! A square for an avatar, composed around the main face.

use super::Face;
use pixels::resize::Filter;

/// A square part of a picture, px; never outside of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// Left border.
    pub x: usize,
    /// Upper border.
    pub y: usize,
    /// Side.
    pub side: usize,
}

impl Crop {
    /// Where faces of the picture are in this part of it, scaled to `size_px`×`size_px`.
    pub fn faces(self, faces: &[Face], size_px: usize) -> Vec<Face> {
        let scale = size_px as f32 / self.side as f32;
        let place = |[x, y]: [f32; 2]| [(x - self.x as f32) * scale, (y - self.y as f32) * scale];
        let moved = |face: &Face| {
            let [left, top, width, height] = face.bounds;
            let [left, top] = place([left, top]);
            let landmarks = face.landmarks.map(place);
            Face { bounds: [left, top, width * scale, height * scale], landmarks, ..*face }
        };
        faces.iter().map(moved).collect()
    }

    /// What to scale this part with to `size_px`×`size_px`.
    pub fn filter(self, size_px: usize) -> Filter {
        if size_px < self.side { Filter::Lanczos3 } else { Filter::Mitchell }
    }
}

/// The side of the square, in heights of the face from forehead to chin.
const SIDE: f32 = 2.1;
/// The line of the eyes is so far below the upper border, in sides: near the upper third, with room for hair.
const EYE_LINE: f32 = 0.4;
/// What is left below the chin at least, in heights of the face.
const BELOW_CHIN: f32 = 0.12;

/// A square around the largest face of a picture of `width`×`height` px: the eyes near the upper third, the chin never
/// cut off if the picture has it, nothing outside the picture. Without faces the largest square in the middle; in a tall
/// picture nearer to the top, where people who were not found have their heads.
///
/// # Panics
/// If the picture has no pixels.
pub fn avatar_crop(width: usize, height: usize, faces: &[Face]) -> Crop {
    assert!(width > 0 && height > 0, "a picture of no pixels has no square");
    let most = width.min(height);
    let area = |face: &&Face| face.bounds[2] * face.bounds[3];
    let sound = |face: &&Face| {
        let numbers = face.bounds.iter().chain(face.landmarks.as_flattened());
        face.bounds[2] > 0.0 && face.bounds[3] > 0.0 && numbers.copied().all(f32::is_finite)
    };
    let main = faces.iter().filter(sound).max_by(|a, b| area(a).total_cmp(&area(b)));
    let Some(Face { bounds: [left, top, face_width, face_height], landmarks, .. }) = main else {
        return Crop { x: (width - most) / 2, y: (height - most) / 4, side: most };
    };
    let face_side = face_height.max(*face_width);
    let side = ((SIDE * face_side).round() as usize).clamp(1, most);
    let length = side as f32;
    let eyes = 0.5 * (landmarks[0][1] + landmarks[1][1]);
    let chin = top + face_height + BELOW_CHIN * face_side;
    // Where the square is too small for all, hair goes before the chin.
    let y = (eyes - EYE_LINE * length).min(top.max(0.0)).max(chin - length);
    let x = left + 0.5 * face_width - 0.5 * length;
    let inside = |start: f32, len: usize| (start.round().max(0.0) as usize).min(len - side);
    Crop { x: inside(x, width), y: inside(y, height), side }
}

#[cfg(test)]
mod tests {
    use super::super::align::tests::face;
    use super::*;

    #[test]
    fn without_faces_it_is_the_middle_or_above() {
        assert_eq!(avatar_crop(300, 200, &[]), Crop { x: 50, y: 0, side: 200 });
        assert_eq!(avatar_crop(1, 7, &[]), Crop { x: 0, y: 1, side: 1 });
        let broken = Face { bounds: [f32::NAN; 4], landmarks: [[0.0; 2]; 5], score: 1.0 };
        assert_eq!(avatar_crop(300, 200, &[broken]).side, 200);
    }

    #[test]
    fn eyes_are_near_the_upper_third_and_the_largest_face_counts() {
        let crop = avatar_crop(2000, 1500, &[face([300.0, 300.0], 40.0, 0.0), face([1000.0, 700.0], 100.0, 0.0)]);
        let Crop { x, y, side } = crop;
        let [across, down] = [(1000 - x) as f32 / side as f32, (700 - y) as f32 / side as f32];
        assert!((0.49..0.51).contains(&across) && (0.35..0.42).contains(&down), "{crop:?}: {across} {down}");
        assert!((560..640).contains(&side), "a face 285 px high: {crop:?}");
    }

    #[test]
    fn it_is_a_square_inside_the_picture_with_the_chin_in_it() {
        let mut state = 1_u32;
        let mut random = |most: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as usize * most) >> 24
        };
        for _ in 0..3000 {
            let (width, height) = (1 + random(500), 1 + random(500));
            let middle =
                [random(2 * width) as f32 - width as f32 / 2.0, random(2 * height) as f32 - height as f32 / 2.0];
            let face = face(middle, 1.0 + random(200) as f32, random(7) as f32 - 3.0);
            let Crop { x, y, side } = avatar_crop(width, height, &[face]);
            assert!(side >= 1 && x + side <= width && y + side <= height, "{width}×{height} {face:?}");
            let chin = face.bounds[1] + face.bounds[3];
            if chin <= height as f32 && chin >= side as f32 {
                assert!((y + side) as f32 >= chin - 0.5, "{width}×{height} {face:?}: {y} {side}");
            }
        }
    }
}
