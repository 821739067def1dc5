//! What holds for the detector, on a face that is drawn here: no real person is in the tests.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use kaiga::faces::{Detector, Face};
use pixels::Image;
use pixels::space::Srgb8;

/// A face of soft shapes, seen from the front, lit from the upper left, turned by `roll` radians clockwise; its eyes
/// are `eyes_px` apart, their middle lies at `middle`.
fn draw(width: usize, height: usize, faces: &[([f32; 2], f32, f32)]) -> Image<Srgb8> {
    Image::from_fn(width, height, |x, y| {
        // A wall, lighter to the left.
        let mut colour = [150.0 - 0.03 * x as f32, 160.0 - 0.03 * x as f32, 175.0 - 0.05 * x as f32];
        for &(middle, eyes_px, roll) in faces {
            let (sin, cos) = roll.sin_cos();
            let (dx, dy) = ((x as f32 + 0.5 - middle[0]) / eyes_px, (y as f32 + 0.5 - middle[1]) / eyes_px);
            portrait(cos * dx + sin * dy, cos * dy - sin * dx, &mut colour);
        }
        colour.map(|v| v.clamp(0.0, 255.0) as u8)
    })
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

fn detect(picture: &Image<Srgb8>) -> Vec<Face> {
    Detector::embedded().unwrap().detect(picture).unwrap()
}

#[test]
fn a_face_is_found_where_it_is_from_small_to_large() {
    for eyes_px in [12.0, 20.0, 45.0, 110.0] {
        let middle = [210.0, 190.0];
        let found = detect(&draw(420, 480, &[(middle, eyes_px, 0.0)]));
        assert_eq!(found.len(), 1, "eyes {eyes_px} px apart: {found:?}");
        let wanted = [[-0.5, 0.0], [0.5, 0.0], [0.0, 0.6], [-0.4, 1.06], [0.4, 1.06]];
        for (landmark, [u, v]) in found[0].landmarks.iter().zip(wanted) {
            let off = (landmark[0] - middle[0] - u * eyes_px).hypot(landmark[1] - middle[1] - v * eyes_px);
            assert!(off < 0.25 * eyes_px, "eyes {eyes_px} px apart: {landmark:?} is {off} px off");
        }
    }
}

#[test]
fn faces_come_largest_first_and_turned_ones_are_found() {
    let faces = [([90.0, 100.0], 26.0, 0.0), ([330.0, 130.0], 44.0, 0.5), ([560.0, 120.0], 34.0, -0.4)];
    let found = detect(&draw(680, 300, &faces));
    assert_eq!(found.len(), 3, "{found:?}");
    let nearest = |face: &Face| {
        let [x, _] = face.landmarks[2];
        (0..3).min_by(|&a, &b| (faces[a].0[0] - x).abs().total_cmp(&(faces[b].0[0] - x).abs())).unwrap()
    };
    assert_eq!(found.iter().map(nearest).collect::<Vec<_>>(), [1, 2, 0]);
    let [left, right, ..] = found[0].landmarks;
    let roll = (right[1] - left[1]).atan2(right[0] - left[0]);
    assert!((roll - 0.5).abs() < 0.15, "{roll}");
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let picture = draw(640, 420, &[([140.0, 150.0], 40.0, 0.2), ([430.0, 170.0], 60.0, -0.1)]);
    let detector = Detector::embedded().unwrap();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| detector.detect(&picture).unwrap())
    };
    let one = on(1);
    assert!(!one.is_empty());
    assert!(on(1) == one && on(3) == one);
}

#[test]
fn nothing_is_found_where_nothing_is() {
    for (width, height) in [(1, 1), (23, 400), (24, 24), (300, 25), (640, 480), (2100, 90)] {
        assert_eq!(detect(&Image::filled(width, height, [128; 3])), [], "{width}×{height}");
    }
    let stripes = Image::from_fn(400, 300, |x, y| if (x / 8 + y / 8) % 2 == 0 { [230; 3] } else { [40, 60, 90] });
    assert_eq!(detect(&stripes), []);
    let street = include_bytes!("../../../samples/street.jpg");
    let street = pixels::codec::read(street, &Default::default()).unwrap();
    assert_eq!(detect(&street.image), []);
}

#[test]
fn a_larger_copy_has_the_same_faces_at_its_size() {
    let small = draw(300, 320, &[([150.0, 140.0], 50.0, 0.1)]);
    let large = pixels::resize::to(&small, 2400, 2560, pixels::resize::Filter::CatmullRom);
    let (small, large) = (detect(&small), detect(&large));
    assert_eq!((small.len(), large.len()), (1, 1));
    for (a, b) in small[0].landmarks.iter().zip(large[0].landmarks) {
        assert!((a[0] - b[0] / 8.0).hypot(a[1] - b[1] / 8.0) < 5.0, "{a:?} {b:?}");
    }
}
