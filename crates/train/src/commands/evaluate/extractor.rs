//! The network that sees style. The one place where evaluation touches libtorch.

use std::path::Path;

use anyhow::Result;
use kaiga_train::evaluate::Describe;

/// Reads the network from `path`. On the CPU, so that figures of different machines can be compared.
///
/// # Errors
/// If the file cannot be read or is another network.
#[cfg(feature = "torch")]
pub(crate) fn load(path: &Path) -> Result<Box<dyn Describe>> {
    Ok(Box::new(torch::FeatureExtractor::load(path)?))
}

/// Refuses: without libtorch nothing sees style.
///
/// # Errors
/// Always.
#[cfg(not(feature = "torch"))]
pub(crate) fn load(_: &Path) -> Result<Box<dyn Describe>> {
    anyhow::bail!(
        "seeing style and drawing needs a kaiga-train with libtorch: build it with the feature torch, or leave --art out"
    )
}

#[cfg(feature = "torch")]
mod torch {
    use super::*;
    use kaiga_train::feature_extractor::Features;
    use kaiga_train::model::parameters::plain;
    use kaiga_train::run::step::signed;
    use pixels::Image;
    use pixels::space::Srgb8;
    use tch::{Device, Kind, Tensor};

    pub(super) struct FeatureExtractor(Features);

    impl FeatureExtractor {
        pub(crate) fn load(path: &Path) -> Result<Self> {
            // Several threads of OpenMP would spend their time waiting for each other.
            tch::set_num_threads(1);
            Ok(Self(Features::load(path, Device::Cpu)?))
        }
    }

    impl Describe for FeatureExtractor {
        fn vector(&self, crop: &Image<Srgb8>) -> Vec<f64> {
            let vector = tch::no_grad(|| plain(&self.0.vector(&tensor(crop))));
            vector.data.into_iter().map(f64::from).collect()
        }

        fn maps(&self, crop: &Image<Srgb8>) -> Vec<Vec<Vec<f32>>> {
            let taps = tch::no_grad(|| self.0.taps(&tensor(crop), Kind::Float));
            let channels = |tap: &Tensor| {
                let positions = (tap.size()[2] * tap.size()[3]) as usize;
                plain(tap).data.chunks(positions).map(<[f32]>::to_vec).collect()
            };
            taps.iter().map(channels).collect()
        }
    }

    /// RGB −1..1, 1×3×H×W.
    fn tensor(crop: &Image<Srgb8>) -> Tensor {
        signed(crop.pixels().as_flattened(), [1, crop.height(), crop.width()], 3, Device::Cpu)
    }
}
