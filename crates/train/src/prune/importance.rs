//! How much every hidden channel of the residual blocks matters. A list for each block, the eye's and then the
//! drawer's.

use anyhow::{Result, ensure};
use net::{Arch, light};
use tch::{Kind, Tensor};

use crate::data::Half;
use crate::losses::{LossWeights, losses};
use crate::model::parameters::{plain, views};
use crate::model::torch_model::Named;
use crate::run::step::{Inputs, Leaf, State, paint, side_by_side};

/// By how much the loss of distillation would change, to first order, without the channel: |activation × gradient|,
/// summed within a half of a batch, the mean over halves (Molchanov et al. 2017, 2019). With halves of one crop each
/// the absolute value is taken for every example, as there.
///
/// The activation enters the loss through one column of the projection only, so that the sum over pixels of activation
/// × gradient is the sum over that column of weight × gradient.
///
/// # Errors
/// If a number is not finite.
pub fn taylor(state: &State, batches: impl Iterator<Item = Vec<Half>>, weights: &LossWeights) -> Result<Vec<Vec<f64>>> {
    let (archs, slots) = (&state.layout.archs, &state.layout.slots);
    let mut all = Vec::new();
    for batch in batches {
        let jobs: Vec<_> = batch.iter().map(|half| (half, Leaf::of(state, half.style))).collect();
        all.extend(side_by_side(jobs, |(half, leaf): (&Half, Leaf)| {
            let inputs = Inputs::of(half, leaf.flat.device());
            let painted = paint(archs, &leaf.named, &inputs.photo, &inputs.thumbnail, Kind::Float);
            let total = losses(&painted, &inputs.painting, &inputs.ink, weights).total;
            let gradient = Tensor::run_backward(&[&total], &[&leaf.flat], false, false).remove(0);
            // Adapters are added to the shared weights, so their gradient is that of the sum.
            let gradients = views(slots, &gradient);
            tch::no_grad(|| each_block(archs, &|block| sum(&(of(&gradients, block) * of(&leaf.named, block)), 0).abs()))
        }));
    }
    split(state, &mean(&all))
}

/// The size of a channel's scales: the norm of its row of the expansion, bias included, times the norm of its column
/// of the projection; the mean over the styles. Leaky rectifiers being homogeneous, the product stays the same when one
/// is doubled and the other halved.
///
/// # Errors
/// If a number is not finite.
pub fn norm(state: &State) -> Result<Vec<Vec<f64>>> {
    let layout = &state.layout;
    let views = layout.views(&state.weights.flat);
    let norms = layout.styles.iter().map(|style| {
        let named = layout.effective(&views, style);
        each_block(&layout.archs, &|block| {
            let bias = named[&format!("{block}.expand.bias")].unsqueeze(1);
            let rows = Tensor::cat(&[named[&format!("{block}.expand.weight")].flatten(1, -1), bias], 1);
            (sum(&rows.square(), 1) * sum(&of(&named, block).square(), 0)).sqrt()
        })
    });
    split(state, &mean(&norms.collect::<Vec<_>>()))
}

/// A block's projection, one column a hidden channel.
fn of(weights: &Named, block: &str) -> Tensor {
    weights[&format!("{block}.project.weight")].flatten(1, -1)
}

/// One vector after the other.
fn each_block(archs: &[Arch; 2], vector: &dyn Fn(&str) -> Tensor) -> Tensor {
    let blocks = archs.iter().flat_map(light::blocks);
    Tensor::cat(&blocks.map(|block| vector(&block.name)).collect::<Vec<_>>(), 0)
}

fn split(state: &State, vectors: &Tensor) -> Result<Vec<Vec<f64>>> {
    let all = plain(vectors).data;
    ensure!(all.iter().all(|x| x.is_finite()), "the importance of a channel is not a number");
    let mut rest = all.into_iter().map(f64::from);
    let blocks = state.layout.archs.iter().flat_map(light::blocks);
    Ok(blocks.map(|block| rest.by_ref().take(block.hidden).collect()).collect())
}

fn sum(x: &Tensor, dim: i64) -> Tensor {
    x.sum_dim_intlist([dim].as_slice(), false, Kind::Float)
}

fn mean(vectors: &[Tensor]) -> Tensor {
    Tensor::stack(vectors, 0).mean_dim([0i64].as_slice(), false, Kind::Float)
}
