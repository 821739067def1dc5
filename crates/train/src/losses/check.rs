//! What the tests of losses share.

use tch::{Device, Kind, Tensor};

/// Fails unless `a` has the values `b`, in order.
pub(crate) fn close(a: &Tensor, b: &[f32], tolerance: f64) {
    let b = Tensor::from_slice(b).view(a.size().as_slice());
    let worst = (a - b).abs().max().double_value(&[]);
    assert!(worst < tolerance, "off by {worst}: {}", a.to_string(120).unwrap());
}

/// One pixel, 1×3×1×1.
pub(crate) fn pixel(c: [f32; 3]) -> Tensor {
    Tensor::from_slice(&c).view([1, 3, 1, 1])
}

/// Evenly spread over −1..1, f64, the same for the same `seed`.
pub(crate) fn noise(shape: [i64; 4], seed: u64) -> Tensor {
    let mut random = fastrand::Rng::with_seed(seed);
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| random.f64() * 2.0 - 1.0).collect();
    Tensor::from_slice(&values).view(shape)
}

/// Fails unless the gradient of `loss` at `x` is what central differences in f64 say, at up to a hundred places.
pub(crate) fn gradient_is_right(x: &Tensor, loss: impl Fn(&Tensor) -> Tensor) {
    const STEP: f64 = 1e-6;
    let shape = x.size();
    let flat = x.to_kind(Kind::Double).to_device(Device::Cpu).flatten(0, -1);
    let leaf = flat.copy().set_requires_grad(true);
    let total = loss(&leaf.view(shape.as_slice()));
    assert_eq!(total.kind(), Kind::Double, "computed in less than the input's kind");
    let gradient = Tensor::run_backward(&[total], &[&leaf], false, false).remove(0);
    let largest = gradient.abs().max().double_value(&[]);
    assert!(largest > 0.0, "no gradient");
    let count = flat.size()[0];
    for place in (0..count).step_by((count as usize).div_ceil(100)) {
        let [before, after] = [-STEP, STEP].map(|step| {
            let moved = flat.copy();
            let _ = moved.narrow(0, place, 1).g_add_scalar_(step);
            loss(&moved.view(shape.as_slice())).double_value(&[])
        });
        let (wanted, found) = ((after - before) / (2.0 * STEP), gradient.double_value(&[place]));
        assert!((wanted - found).abs() < 1e-5 * largest + 1e-8, "at {place}: {found}, differences say {wanted}");
    }
}
