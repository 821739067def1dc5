//! Faces: where they are, painted by themselves and set back (face2paint), and a square around one.

mod align;
mod backdrop;
mod crop;
pub mod detector;
pub(crate) mod drawing;
mod face_region;
mod frame;
pub mod landmarks;
pub mod nms;
pub mod person;
pub mod pyramid;
mod repaint;
mod retouch;

pub use backdrop::Backdrop;
pub use crop::{Crop, avatar_crop};
pub use detector::Detector;
pub use face_region::unbent;
pub(crate) use face_region::{FaceRegion, bent, give_landmarks, kept};
pub use frame::{Frame, Framed};
pub use landmarks::{Landmarker, Landmarks};
pub use person::{Person, Segmenter};
pub(crate) use repaint::{Repainter, is_painted_with_the_rest};

/// A face in a picture. Pixels, x to the right and y down, 0 at the outer edge of the first pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Face {
    /// Left, top, width, height: from the forehead to the chin. May reach beyond the picture.
    pub bounds: [f32; 4],
    /// The eye on the picture's left, the eye on its right, the tip of the nose, the corners of the mouth on the left
    /// and on the right.
    pub landmarks: [[f32; 2]; 5],
    /// How sure it is that this is a face, 0..1.
    pub score: f32,
}
