//! The generator of CycleGAN (Zhu, Park, Isola, Efros 2017) with nine residual blocks, as its authors publish it, with random
//! weights: for its cost.

use pixels::Image;
use pixels::space::Srgb8;
use tch::{Device, Kind, Tensor};

use crate::run::step::signed;

/// Channels of the first layer.
const WIDTH: i64 = 64;
/// Residual blocks.
const BLOCKS: usize = 9;

/// Convolutions with their biases, in order.
pub(super) struct Generator {
    layers: Vec<(Tensor, Tensor)>,
}

impl Generator {
    /// With weights drawn as its authors begin: normal, deviation 0.02.
    pub(super) fn random() -> Self {
        let mut shapes = vec![[WIDTH, 3, 7, 7], [2 * WIDTH, WIDTH, 3, 3], [4 * WIDTH, 2 * WIDTH, 3, 3]];
        shapes.extend([[4 * WIDTH, 4 * WIDTH, 3, 3]; 2 * BLOCKS]);
        // Transposed ones have their inputs first.
        shapes.extend([[4 * WIDTH, 2 * WIDTH, 3, 3], [2 * WIDTH, WIDTH, 3, 3], [3, WIDTH, 7, 7]]);
        tch::manual_seed(1);
        let count = shapes.len();
        let layer = |(i, shape): (usize, &[i64; 4])| {
            let transposed = i + 3 >= count && i + 1 < count;
            let weight = Tensor::randn(shape.as_slice(), (Kind::Float, Device::Cpu)) * 0.02;
            let bias = Tensor::zeros([if transposed { shape[1] } else { shape[0] }], (Kind::Float, Device::Cpu));
            (weight, bias)
        };
        Self { layers: shapes.iter().enumerate().map(layer).collect() }
    }

    /// Numbers in its weights.
    pub(super) fn parameters(&self) -> u64 {
        self.layers.iter().map(|(weight, bias)| (weight.numel() + bias.numel()) as u64).sum()
    }

    /// Paints a picture whose sides are divisible by 4.
    pub(super) fn paint(&self, photo: &Image<Srgb8>) -> Image<Srgb8> {
        tch::no_grad(|| {
            let x = signed(photo.pixels().as_flattened(), [1, photo.height(), photo.width()], 3, Device::Cpu);
            picture(&self.forward(&x))
        })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let conv = |x: &Tensor, layer: usize, stride: i64, pad: i64, mirrored: bool| {
            let (weight, bias) = &self.layers[layer];
            let (x, pad) = if mirrored { (x.reflection_pad2d([pad; 4]), 0) } else { (x.shallow_clone(), pad) };
            x.conv2d(weight, Some(bias), [stride; 2], [pad; 2], [1, 1], 1)
        };
        let norm = |x: &Tensor| {
            let none = None::<&Tensor>;
            x.instance_norm(none, none, none, none, true, 0.1, 1e-5, false)
        };
        let mut x = norm(&conv(x, 0, 1, 3, true)).relu();
        for layer in [1, 2] {
            x = norm(&conv(&x, layer, 2, 1, false)).relu();
        }
        for block in 0..BLOCKS {
            let inner = norm(&conv(&x, 3 + 2 * block, 1, 1, true)).relu();
            x = &x + norm(&conv(&inner, 4 + 2 * block, 1, 1, true));
        }
        let up = 3 + 2 * BLOCKS;
        for (weight, bias) in &self.layers[up..up + 2] {
            x = norm(&x.conv_transpose2d(weight, Some(bias), [2, 2], [1, 1], [1, 1], 1, [1, 1])).relu();
        }
        conv(&x, up + 2, 1, 3, true).tanh()
    }
}

/// RGB −1..1, 1×3×H×W, as a picture.
pub(super) fn picture(x: &Tensor) -> Image<Srgb8> {
    let size = x.size();
    let levels = ((x.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to_kind(Kind::Uint8);
    let levels = levels.squeeze_dim(0).permute([1, 2, 0]).contiguous().flatten(0, 2);
    let bytes = Vec::<u8>::try_from(&levels).expect("a flat tensor of bytes");
    let (height, width) = (size[2] as usize, size[3] as usize);
    Image::from_fn(width, height, |x, y| [0, 1, 2].map(|c| bytes[(y * width + x) * 3 + c]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_weights_of_the_published_one() {
        // `netG` prints 11.378 M parameters in the authors' program.
        assert_eq!(Generator::random().parameters(), 11_378_179);
    }

    #[test]
    fn a_picture_comes_back_from_a_tensor() {
        let photo = Image::<Srgb8>::from_fn(5, 3, |x, y| [x as u8 * 50, y as u8 * 90, 7]);
        let x = signed(photo.pixels().as_flattened(), [1, 3, 5], 3, Device::Cpu);
        assert!(picture(&x) == photo);
    }
}
