//! Named tensors: what training makes and a model file holds.

use std::collections::BTreeMap;

/// A tensor in row-major order.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Tensor {
    /// Sizes, outermost first; a convolution's weight is cout × cin/groups × kernel × kernel.
    pub shape: Vec<usize>,
    /// The numbers.
    pub data: Vec<f32>,
}

/// Tensors by name, in the order of their names.
pub type Weights = BTreeMap<String, Tensor>;
