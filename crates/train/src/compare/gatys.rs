//! Neural style transfer (Gatys, Ecker, Bethge 2016): the picture is optimised until a network trained on photos sees the
//! photo's contents and the artwork's textures in it. The network here is that of `fetch-features`, not VGG19, and Adam
//! takes the place of L-BFGS, so losses are relative to what they are compared with and not the paper's numbers.

use pixels::Image;
use pixels::space::Srgb8;
use tch::{Device, Kind, Tensor};

use super::cyclegan::picture;
use crate::feature_extractor::Features;
use crate::run::step::signed;

/// Steps of the optimisation.
const STEPS: i32 = 300;
/// Learning rate of Adam, for numbers −1..1.
const RATE: f64 = 0.02;
const BETAS: (f64, f64) = (0.9, 0.99);
/// The depth that contents are compared at: 1/8 of the size.
const CONTENT_DEPTH: usize = 2;
/// How much the style counts beside contents.
const STYLE_WEIGHT: f64 = 3.0;
/// How much the difference of neighbouring pixels counts.
const ROUGHNESS_WEIGHT: f64 = 0.5;

/// The artwork's textures: the Gram matrix of every depth.
pub(super) struct Style(Vec<Tensor>);

impl Style {
    pub(super) fn of(eye: &Features, art: &Image<Srgb8>) -> Self {
        tch::no_grad(|| Self(eye.taps(&tensor(art), Kind::Float).iter().map(gram).collect()))
    }
}

/// The photo with the style.
pub(super) fn optimise(eye: &Features, style: &Style, photo: &Image<Srgb8>) -> Image<Srgb8> {
    let photo = tensor(photo);
    let wanted = tch::no_grad(|| eye.taps(&photo, Kind::Float).swap_remove(CONTENT_DEPTH));
    let mut x = photo.copy();
    let (mut first, mut second) = (x.zeros_like(), x.zeros_like());
    for step in 1..=STEPS {
        let leaf = x.detach().set_requires_grad(true);
        let loss = loss(eye, style, &wanted, &leaf);
        let gradient = Tensor::run_backward(&[&loss], &[&leaf], false, false).swap_remove(0);
        tch::no_grad(|| {
            first = &first * BETAS.0 + &gradient * (1.0 - BETAS.0);
            second = &second * BETAS.1 + gradient.square() * (1.0 - BETAS.1);
            let mean = &first / (1.0 - BETAS.0.powi(step));
            let spread = (&second / (1.0 - BETAS.1.powi(step))).sqrt() + 1e-8;
            x = (&x - mean / spread * RATE).clamp(-1.0, 1.0);
        });
    }
    picture(&x)
}

fn loss(eye: &Features, style: &Style, wanted: &Tensor, x: &Tensor) -> Tensor {
    let seen = eye.taps(x, Kind::Float);
    let mut loss = relative(&seen[CONTENT_DEPTH], wanted);
    for (seen, wanted) in seen.iter().zip(&style.0) {
        loss += relative(&gram(seen), wanted) * (STYLE_WEIGHT / style.0.len() as f64);
    }
    let difference = |axis: i64| x.diff(1, axis, None::<&Tensor>, None::<&Tensor>).square().mean(Kind::Float);
    loss + (difference(2) + difference(3)) * ROUGHNESS_WEIGHT
}

/// Mean square of the difference, over that of what is wanted.
fn relative(seen: &Tensor, wanted: &Tensor) -> Tensor {
    let size = wanted.square().mean(Kind::Float).double_value(&[]).max(1e-12);
    (seen - wanted).square().mean(Kind::Float) / size
}

/// C×C: products of the channels of 1×C×H×W, mean over the picture.
fn gram(tap: &Tensor) -> Tensor {
    let rows = tap.squeeze_dim(0).flatten(1, 2);
    rows.matmul(&rows.tr()) / rows.size()[1] as f64
}

fn tensor(image: &Image<Srgb8>) -> Tensor {
    signed(image.pixels().as_flattened(), [1, image.height(), image.width()], 3, Device::Cpu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feature_extractor::tests::real;

    #[test]
    fn the_loss_falls_and_the_textures_come_nearer() {
        let eye = real();
        let photo = Image::<Srgb8>::from_fn(64, 64, |x, y| [(x * 4) as u8, (y * 4) as u8, 90]);
        let art = Image::<Srgb8>::from_fn(
            64,
            64,
            |x, y| if (x / 4 + y / 4) % 2 == 0 { [220, 40, 30] } else { [30, 60, 200] },
        );
        let style = Style::of(&eye, &art);
        let apart = |picture: &Image<Srgb8>| -> f64 {
            let seen = tch::no_grad(|| eye.taps(&tensor(picture), Kind::Float));
            seen.iter().zip(&style.0).map(|(seen, wanted)| relative(&gram(seen), wanted).double_value(&[])).sum()
        };
        let painting = optimise(&eye, &style, &photo);
        assert!(apart(&painting) < 0.5 * apart(&photo), "{} of {}", apart(&painting), apart(&photo));
        assert!(apart(&art) < 1e-6);
    }
}
