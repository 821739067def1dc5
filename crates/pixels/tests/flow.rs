//! Optical flow beside that of OpenCV's DIS, which refines it; see `flow/opencv.py`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use pixels::codec::{self, Limits};
use pixels::flow::{Pyramid, between};

#[test]
fn the_flow_of_a_film_is_that_of_opencv() {
    let frame = |bytes: &[u8]| Pyramid::of(&codec::read(bytes, &Limits::default()).unwrap().image);
    let [first, second] = [&include_bytes!("flow/f1.png")[..], include_bytes!("flow/f2.png")].map(frame);
    let flow = between(&first, &second);
    let (mut off, mut moved) = (Vec::new(), 0.0);
    for line in include_str!("flow/opencv.txt").lines() {
        let numbers: Vec<f32> = line.split_whitespace().map(|word| word.parse().unwrap()).collect();
        let [x, y, u, v] = numbers[..] else { panic!("{line}") };
        let [own_u, own_v] = flow.at(x as usize, y as usize);
        off.push((own_u - u).hypot(own_v - v));
        moved += u.hypot(v);
    }
    off.sort_by(f32::total_cmp);
    let (median, tenth, mean_motion) = (off[off.len() / 2], off[off.len() * 9 / 10], moved / off.len() as f32);
    assert!(mean_motion > 1.0, "there is motion to be found: {mean_motion}");
    assert!(median < 0.2 && tenth < 1.5, "median {median}, nine tenths under {tenth}, of {mean_motion} px");
}
