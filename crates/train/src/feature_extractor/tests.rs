use super::*;
use crate::losses::check::{close, gradient_is_right};

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

/// 0.8·sin(0.11·(c + 1)·y + 0.07·x), 1×3×64×96.
fn waves() -> Tensor {
    let [c, y, x] = [(3, [3, 1, 1]), (64, [1, 64, 1]), (96, [1, 1, 96])]
        .map(|(n, shape)| Tensor::arange(n, (Kind::Double, Device::Cpu)).view(shape));
    (((c + 1.0) * y * 0.11 + x * 0.07).sin() * 0.8).unsqueeze(0).to_kind(Kind::Float)
}

pub(crate) fn real() -> Features {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(default_path());
    Features::load(&path, Device::Cpu).expect("run `kaiga-train fetch-features` at the root of the workspace")
}

/// Reference: torchvision's MobileNetV2 in NumPy, f64, written apart from this crate and with its norms not folded; its
/// classifier names samples/street.jpg a streetcar. Of every tap the mean of the absolutes, then channels 0, 5 and 11
/// at half the height and a third of the width.
#[test]
fn mobilenet_v2_is_torchvisions() {
    let features = real();
    let wanted: [([i64; 4], [f32; 4]); 4] = [
        ([1, 16, 32, 48], [0.491_21, -0.259_40, 0.173_87, 0.446_84]),
        ([1, 24, 16, 24], [0.969_28, 0.424_69, 0.125_27, -0.948_25]),
        ([1, 32, 8, 12], [0.991_53, 2.132_21, -0.039_70, 0.527_48]),
        ([1, 96, 4, 6], [0.517_02, 0.513_19, 0.193_67, 0.231_77]),
    ];
    let taps = features.taps(&waves(), Kind::Float);
    assert_eq!(taps.len(), wanted.len());
    for (tap, (shape, values)) in taps.iter().zip(wanted) {
        assert_eq!(tap.size(), shape);
        let at = tap.select(3, shape[3] / 3).select(2, shape[2] / 2).view([-1]);
        let mean = tap.abs().mean(Kind::Float).view([1]);
        let seen = Tensor::cat(&[mean, at.index_select(0, &Tensor::from_slice(&[0i64, 5, 11]))], 0);
        close(&seen, &values, 2e-4);
    }
    let vector = features.vector(&waves());
    assert_eq!(vector.size(), [1, 1280]);
    close(&vector.mean(Kind::Float), &[0.793_78], 1e-4);
    let some = vector.view([-1]).index_select(0, &Tensor::from_slice(&[0i64, 100, 777, 1279]));
    close(&some, &[0.433_18, 0.0, 2.731_10, 0.074_59], 5e-4);
}

#[test]
fn half_the_precision_sees_nearly_the_same() {
    let features = real();
    let [exact, rough] = [Kind::Float, Kind::BFloat16].map(|kind| features.taps(&waves(), kind));
    for (exact, rough) in exact.iter().zip(&rough) {
        assert_eq!(rough.kind(), Kind::Float);
        let off = ((exact - rough).norm() / exact.norm()).double_value(&[]);
        assert!(off < 0.05, "off by {off}");
    }
}

/// VGG19 of one channel: the first convolution takes the mean of the three colours, the others change nothing.
fn tiny_vgg() -> Weights {
    let mut tensors = BTreeMap::new();
    for layer in [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34] {
        let width = if layer == 0 { 3 } else { 1 };
        let kernel = Tensor::zeros([1, width, 3, 3], CPU);
        let _ = kernel.select(3, 1).select(2, 1).fill_(1.0 / width as f64);
        tensors.insert(format!("features.{layer}.weight"), kernel);
        tensors.insert(format!("features.{layer}.bias"), Tensor::zeros([1], CPU));
    }
    Weights { tensors, device: Device::Cpu }
}

#[test]
fn vgg19_pools_between_its_taps() {
    let features = Features::new(&tiny_vgg()).unwrap();
    // Brighter towards the bottom right, so that the last pixel of a block is its maximum.
    let ramp = Tensor::arange(256, CPU).view([1, 1, 16, 16]) / 127.5 - 1.0;
    let taps = features.taps(&ramp.expand([1, 3, 16, 16], false), Kind::Float);
    let seen = |y: f64, x: f64| {
        let grey = (16.0 * y + x) / 255.0;
        ((grey - 0.485) / 0.229 + (grey - 0.456) / 0.224 + (grey - 0.406) / 0.225) as f32 / 3.0
    };
    for (tap, block) in taps.iter().zip([2.0, 4.0, 8.0, 16.0]) {
        let last = Tensor::from_slice(&[tap.size()[2] - 1]);
        let corner = tap.index_select(2, &last).index_select(3, &last);
        close(&corner, &[seen(15.0, 15.0)], 1e-5);
        // The lower left one; both are bright enough for ReLU to let them through.
        close(&tap.select(3, 0).index_select(2, &last), &[seen(15.0, block - 1.0)], 1e-5);
    }
    close(&features.vector(&ramp.expand([1, 3, 16, 16], false)), &[seen(15.0, 15.0)], 1e-5);
    let picture = waves().narrow(2, 3, 16).narrow(3, 5, 16);
    gradient_is_right(&picture, |x| features.taps(x, Kind::Double).iter().map(|tap| tap.square().sum(None)).sum());
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let mut weights = tiny_vgg();
    weights.tensors.insert("features.12.weight".into(), Tensor::zeros([1, 2, 3, 3], CPU));
    assert!(Features::new(&weights).unwrap_err().to_string().contains("2 channels"));
    weights.tensors.remove("features.12.weight");
    assert!(Features::new(&weights).unwrap_err().to_string().contains("features.12.weight"));
    let nothing = Weights { tensors: BTreeMap::new(), device: Device::Cpu };
    assert!(Features::new(&nothing).unwrap_err().to_string().contains("neither"));
    let missing = Features::load(Path::new("nowhere.safetensors"), Device::Cpu).unwrap_err();
    assert!(missing.to_string().contains("fetch-features"));
}
