//! AdamW (Loshchilov, Hutter 2019) on one flat vector of weights.

use tch::Tensor;

const EPSILON: f64 = 1e-8;

/// How the weights move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Decay of the first and of the second moment.
    pub betas: (f64, f64),
    /// Share of the weights that goes with every step, times the learning rate.
    pub weight_decay: f64,
    /// Most that the gradient's norm may be; longer ones are shortened.
    pub clip: f64,
}

/// Weights and the moments of their gradient, all of one length.
#[derive(Debug)]
pub struct Weights {
    /// The weights.
    pub flat: Tensor,
    /// First moment of the gradient.
    pub first: Tensor,
    /// Second moment of the gradient.
    pub second: Tensor,
    /// Steps taken.
    pub step: u64,
}

impl Weights {
    /// Weights that have not moved yet.
    pub fn new(flat: Tensor) -> Self {
        let (first, second) = (flat.zeros_like(), flat.zeros_like());
        Self { flat, first, second, step: 0 }
    }

    /// Moves the weights once against `gradient` at the learning rate `rate`. Gives the gradient's norm before it is
    /// shortened; where that is no number, nothing moves.
    pub fn step(&mut self, gradient: &Tensor, rate: f64, how: &Adam) -> f64 {
        let norm = gradient.norm().double_value(&[]);
        if !norm.is_finite() {
            return norm;
        }
        tch::no_grad(|| {
            let gradient = gradient * (how.clip / norm).min(1.0);
            self.step += 1;
            let t = self.step as f64;
            let _ = self.first.lerp_(&gradient, 1.0 - how.betas.0);
            let _ = self.second.lerp_(&gradient.square(), 1.0 - how.betas.1);
            let scale = (1.0 - how.betas.1.powf(t)).sqrt();
            let update = &self.first / (self.second.sqrt() / scale + EPSILON) * (rate / (1.0 - how.betas.0.powf(t)));
            self.flat = &self.flat * (1.0 - rate * how.weight_decay) - update;
        });
        norm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOW: Adam = Adam { betas: (0.9, 0.99), weight_decay: 0.0, clip: 1.0 };

    #[test]
    fn the_first_step_is_the_rate_against_the_sign_of_the_gradient() {
        let mut weights = Weights::new(Tensor::from_slice(&[1.0f32, -2.0]));
        let norm = weights.step(&Tensor::from_slice(&[3.0f32, -4.0]), 0.1, &HOW);
        assert_eq!(norm, 5.0);
        let moved = Vec::<f32>::try_from(&weights.flat).unwrap();
        assert!((moved[0] - 0.9).abs() < 1e-6 && (moved[1] + 1.9).abs() < 1e-6, "{moved:?}");
    }

    #[test]
    fn a_gradient_that_is_no_number_moves_nothing() {
        let mut weights = Weights::new(Tensor::from_slice(&[1.0f32]));
        assert!(weights.step(&Tensor::from_slice(&[f32::NAN]), 0.1, &HOW).is_nan());
        assert_eq!((f64::try_from(&weights.flat).unwrap(), weights.step), (1.0, 0));
    }
}
