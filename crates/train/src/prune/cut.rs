//! Which hidden channels stay, and model files with no others.

use anyhow::{Result, ensure};
use engine::CHANNELS_TOGETHER;
use net::{Arch, Tensor, Weights, light};

use crate::evaluate::cost::inputs;
use crate::model::models::Models;

/// Every block keeps at least so much of its hidden channels.
const FLOOR: f64 = 1.0 / 8.0;

/// Chooses which hidden channels stay, a sorted list for each block: those that matter most for each multiply-add
/// they cost, until the share `keep` of the multiply-adds of all expansions and projections is left, or a little
/// less. `importance` has a list for each block, with a number for each of its hidden channels.
///
/// Whole groups of [`CHANNELS_TOGETHER`] go, since the engine computes so many together, and every block keeps an eighth
/// of its channels, rounded up to whole groups.
///
/// # Errors
/// If `keep` is not above 0 and at most 1, or less than what blocks keep in any case.
pub fn choose(networks: &[Arch; 2], importance: &[Vec<f64>], keep: f64) -> Result<Vec<Vec<usize>>> {
    ensure!(keep > 0.0 && keep <= 1.0, "the share to keep is above 0 and at most 1, not {keep}");
    let mut kept: Vec<Vec<usize>> = Vec::new();
    // What may go: value for each multiply-add, multiply-adds, block, channels.
    let mut groups: Vec<(f64, f64, usize, Vec<usize>)> = Vec::new();
    let (mut left, mut importance) = (0.0, importance.iter());
    for network in networks {
        let shapes = net::shapes(network, &inputs(network))?;
        for (block, importance) in light::blocks(network).iter().zip(importance.by_ref()) {
            let expanded = shapes[block.expanded];
            let each = (2 * block.channels * expanded.height * expanded.width) as f64;
            left += each * block.hidden as f64;
            let mut order: Vec<usize> = (0..block.hidden).collect();
            order.sort_by(|&a, &b| importance[a].total_cmp(&importance[b]));
            let floor = ((block.hidden as f64 * FLOOR).ceil() as usize).next_multiple_of(CHANNELS_TOGETHER);
            let mut rest = &order[..block.hidden.saturating_sub(floor)];
            while !rest.is_empty() {
                // First what is over whole groups.
                let over = (floor + rest.len()) % CHANNELS_TOGETHER;
                let (group, more) = rest.split_at(if over == 0 { CHANNELS_TOGETHER } else { over });
                let value = group.iter().map(|&channel| importance[channel]).sum::<f64>() / group.len() as f64;
                groups.push((value / each, each * group.len() as f64, kept.len(), group.to_vec()));
                rest = more;
            }
            kept.push((0..block.hidden).collect());
        }
    }
    let least = left - groups.iter().map(|group| group.1).sum::<f64>();
    ensure!(
        keep * left >= least,
        "{keep} is too little to keep: every block keeps an eighth of its channels, together {:.3}",
        (least / left * 1e3).ceil() / 1e3
    );
    let wanted = keep * left;
    groups.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (_, multiply_adds, block, channels) in groups {
        if left <= wanted {
            break;
        }
        left -= multiply_adds;
        kept[block].retain(|channel| !channels.contains(channel));
    }
    Ok(kept)
}

/// `models` with only the hidden channels `kept` of each block, called what they then are.
///
/// # Errors
/// If the models are not those of the light generator.
pub fn cut(models: &Models, kept: &[Vec<usize>]) -> Result<Models> {
    let mut cut = models.clone();
    cut.base.architecture = light::name(&kept.iter().map(Vec::len).collect::<Vec<_>>());
    let networks = models.networks()?;
    for (block, kept) in networks.iter().flat_map(light::blocks).zip(kept) {
        cut_block(&mut cut.base.weights, &block.name, kept);
        cut.styles.iter_mut().for_each(|style| cut_block(&mut style.tensors, &block.name, kept));
    }
    cut.styles.iter_mut().for_each(|style| style.architecture.clone_from(&cut.base.architecture));
    Ok(cut)
}

/// Rows of what makes the hidden channels of `block`, columns of what takes them.
fn cut_block(weights: &mut Weights, block: &str, kept: &[usize]) {
    let parts = [
        ("expand.weight", 0),
        ("expand.bias", 0),
        ("expand.lora_up", 0),
        ("project.weight", 1),
        ("project.lora_down", 1),
    ];
    for (part, dim) in parts {
        if let Some(tensor) = weights.get_mut(&format!("{block}.{part}")) {
            *tensor = select(tensor, dim, kept);
        }
    }
}

fn select(tensor: &Tensor, dim: usize, kept: &[usize]) -> Tensor {
    let inner: usize = tensor.shape[dim + 1..].iter().product();
    let rows = tensor.data.chunks_exact(tensor.shape[dim] * inner);
    let data = rows.flat_map(|row| kept.iter().flat_map(|&i| &row[i * inner..][..inner])).copied().collect();
    let mut shape = tensor.shape.clone();
    shape[dim] = kept.len();
    Tensor::new(&shape, data)
}
