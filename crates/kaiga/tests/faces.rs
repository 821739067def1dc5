//! What holds for the detector, on a face that is drawn here: no real person is in the tests.
#![cfg(feature = "bundled-models")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod drawn;

use drawn::draw;
use kaiga::faces::{Detector, Face};
use pixels::Image;
use pixels::space::Srgb8;

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
