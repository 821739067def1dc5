//! A face that is drawn, for tests: no real person is in them.
#![allow(dead_code, reason = "not every test needs all of it")]

use kaiga::faces::Face;
use pixels::Image;
use pixels::space::Srgb8;

/// Where the middle between the eyes lies, how far apart they are, both in px, and by how much the face is turned
/// clockwise, radians.
pub(crate) type DrawnFace = ([f32; 2], f32, f32);

/// Faces of soft shapes, seen from the front, lit from the upper left, before a wall that is lighter to the left.
pub(crate) fn draw(width: usize, height: usize, faces: &[DrawnFace]) -> Image<Srgb8> {
    Image::from_fn(width, height, |x, y| {
        let mut colour = [150.0 - 0.03 * x as f32, 160.0 - 0.03 * x as f32, 175.0 - 0.05 * x as f32];
        for &(middle, eyes_px, roll) in faces {
            let (sin, cos) = roll.sin_cos();
            let (dx, dy) = ((x as f32 + 0.5 - middle[0]) / eyes_px, (y as f32 + 0.5 - middle[1]) / eyes_px);
            portrait(cos * dx + sin * dy, cos * dy - sin * dx, &mut colour);
        }
        colour.map(|v| v.clamp(0.0, 255.0) as u8)
    })
}

/// Where the landmarks of a drawn face are.
pub(crate) fn face((middle, eyes_px, roll): DrawnFace) -> Face {
    let (sin, cos) = roll.sin_cos();
    let place =
        |[u, v]: [f32; 2]| [middle[0] + eyes_px * (cos * u - sin * v), middle[1] + eyes_px * (sin * u + cos * v)];
    let landmarks = [[-0.5, 0.0], [0.5, 0.0], [0.0, 0.6], [-0.4, 1.06], [0.4, 1.06]].map(place);
    let bounds = [middle[0] - 1.05 * eyes_px, middle[1] - 1.0 * eyes_px, 2.1 * eyes_px, 2.75 * eyes_px];
    Face { bounds, landmarks, score: 1.0 }
}

/// One pixel of the portrait: (0, 0) is between the eyes, which are at (±½, 0).
fn portrait(u: f32, v: f32, colour: &mut [f32; 3]) {
    let mut lay = |over: [f32; 3], share: f32| {
        colour.iter_mut().zip(over).for_each(|(c, over)| *c += (over - *c) * share.clamp(0.0, 1.0));
    };
    // 1 inside an ellipse, 0 outside, soft over `soft` of its radius.
    let ellipse = |x: f32, y: f32, rx: f32, ry: f32, soft: f32| {
        let r = ((u - x) / rx).hypot((v - y) / ry);
        ((1.0 - r) / soft + 0.5).clamp(0.0, 1.0)
    };
    let hair = [62.0, 42.0, 30.0];
    lay(hair, ellipse(0.0, 0.05, 1.28, 1.5, 0.06));
    lay([70.0, 80.0, 120.0], ellipse(0.0, 3.3, 2.0, 1.6, 0.05));
    lay([190.0, 140.0, 112.0], ellipse(0.0, 1.6, 0.55, 0.8, 0.1));
    let skin = [226.0, 178.0, 150.0].map(|c| c * (1.0 - 0.1 * (u + 0.4 * v)));
    lay(skin, ellipse(0.0, 0.35, 1.02, 1.38, 0.06));
    lay(hair, ellipse(0.0, -1.25, 1.1, 0.55, 0.2));
    let shade = [150.0, 98.0, 80.0];
    for side in [-1.0, 1.0] {
        lay(shade, 0.45 * ellipse(0.5 * side, 0.0, 0.4, 0.24, 0.8));
        lay([50.0, 34.0, 28.0], 0.9 * ellipse(0.5 * side, -0.3, 0.34, 0.07, 0.5));
        lay([240.0, 236.0, 232.0], ellipse(0.5 * side, 0.0, 0.25, 0.11, 0.3));
        lay([58.0, 42.0, 36.0], ellipse(0.5 * side, 0.0, 0.11, 0.11, 0.25));
        lay([46.0, 30.0, 26.0], 0.9 * ellipse(0.5 * side, -0.1, 0.27, 0.04, 0.5));
        lay(shade, 0.8 * ellipse(0.13 * side, 0.66, 0.08, 0.05, 0.6));
        lay([226.0, 140.0, 120.0], 0.35 * ellipse(0.62 * side, 0.6, 0.3, 0.25, 1.0));
    }
    lay(shade, 0.35 * ellipse(0.14, 0.3, 0.1, 0.4, 0.9));
    lay([244.0, 206.0, 182.0], 0.6 * ellipse(-0.02, 0.4, 0.08, 0.34, 0.9));
    lay(shade, 0.5 * ellipse(0.0, 0.72, 0.22, 0.06, 0.8));
    lay([176.0, 84.0, 82.0], ellipse(0.0, 1.06, 0.4, 0.12, 0.35));
    lay([110.0, 44.0, 46.0], 0.9 * ellipse(0.0, 1.05, 0.38, 0.025, 0.6));
    lay(shade, 0.3 * ellipse(0.0, 1.3, 0.3, 0.07, 0.9));
}
