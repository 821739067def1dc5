//! `sizes` and `prune`: what the light generator saves by how it is built, and by leaving out channels.

use anyhow::Result;
use kaiga_train::evaluate::cost::{Cost, cost, race, random};
use net::{Arch, light};

/// Prints what separable convolutions save: the generator beside the same with standard 3×3 convolutions. Parameters
/// are those of one style; times are medians of runs in turns on one thread, with random weights.
pub(crate) fn sizes() -> Result<()> {
    let named = [("separable", [light::eye(), light::drawer()]), ("standard", light::standard())];
    let weights = [random(&named[0].1, 1)?, random(&named[1].1, 1)?];
    let race = race([(&named[0].1, &weights[0]), (&named[1].1, &weights[1])])?;
    println!(
        "| convolutions of the blocks | parameters | of them in blocks | bytes, half precision | multiply-adds at 512², 10⁹ | time, ms | time |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut all = Vec::new();
    for ((name, networks), (time_ms, ratio)) in named.iter().zip(race.median_ms.into_iter().zip([1.0, race.ratio])) {
        let (Cost { parameters, multiply_adds }, blocks) = (cost(networks)?, in_blocks(networks)?);
        let giga = multiply_adds as f64 / 1e9;
        println!("| {name} | {parameters} | {blocks} | {} | {giga:.3} | {time_ms:.1} | {ratio:.2} |", 2 * parameters);
        all.push([parameters as f64, blocks as f64, 2.0 * parameters as f64, giga, time_ms, ratio]);
    }
    let saved: Vec<String> = (0..6).map(|i| format!("{:+.0} %", (all[0][i] / all[1][i] - 1.0) * 100.0)).collect();
    println!("| saved | {} |", saved.join(" | "));
    Ok(())
}

/// Parameters of the residual blocks.
fn in_blocks(networks: &[Arch; 2]) -> Result<usize> {
    let mut count = 0;
    for network in networks {
        let blocks = light::blocks(network);
        let of_block = |name: &str| blocks.iter().any(|block| name.starts_with(&format!("{}.", block.name)));
        let tensors = net::parameters(network)?.into_iter().filter(|(name, _)| of_block(name));
        count += tensors.map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>();
    }
    Ok(count)
}

#[cfg(feature = "torch")]
pub(crate) use pruning::{Prune, prune};

#[cfg(feature = "torch")]
mod pruning {
    use std::path::PathBuf;

    use anyhow::{Context, Result};
    use clap::{Args, ValueEnum};
    use kaiga_train::model::models::Models;
    use kaiga_train::prune::{self, Plan};
    use kaiga_train::run::recipe::{Distil, Recipe};

    use crate::commands::machine::{Machine, Terminal};

    /// Leaves out the hidden channels that matter least, and mends what is left by distillation.
    #[derive(Args)]
    pub(crate) struct Prune {
        /// Share of the multiply-adds of the residual blocks' pointwise convolutions that is kept, above 0, at most 1.
        #[arg(long)]
        keep: f64,
        /// Folder of the run; the pruned models come into its sub-folder `export`.
        #[arg(long)]
        out: PathBuf,
        /// Folder of the pairs; its sub-folder `held` is only compared with.
        #[arg(long)]
        pairs: PathBuf,
        /// Folder with `base.safetensors` and a file for each style, as a run exports them; else the shipped models.
        #[arg(long)]
        models: Option<PathBuf>,
        /// What makes a channel important.
        #[arg(long, value_enum, default_value_t = By::Taylor)]
        by: By,
        /// Minutes to mend what was cut.
        #[arg(long, default_value_t = 30.0)]
        minutes: f64,
        /// Highest learning rate of mending.
        #[arg(long, default_value_t = 1e-3)]
        fine_tune_rate: f64,
        /// Seed of the batches.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Gigabytes of pixels kept in memory; beyond it pairs are left out evenly.
        #[arg(long, default_value_t = 8.0)]
        memory_gb: f64,
        #[command(flatten)]
        machine: Machine,
    }

    #[derive(Clone, Copy, ValueEnum)]
    enum By {
        /// What the loss would lose by it, to first order.
        Taylor,
        /// The size of its weights.
        Norm,
    }

    pub(crate) fn prune(arguments: Prune) -> Result<()> {
        let (device, kind) = arguments.machine.prepare()?;
        let distil = Recipe::parse("").context("the embedded recipe")?.distil;
        let plan = Plan {
            models: arguments.models.as_deref().map_or_else(Models::shipped, Models::read)?,
            keep: arguments.keep,
            by: match arguments.by {
                By::Taylor => prune::By::Taylor,
                By::Norm => prune::By::Norm,
            },
            pairs: arguments.pairs,
            out: arguments.out,
            minutes: arguments.minutes,
            distil: Distil { rate: arguments.fine_tune_rate, ..distil },
            seed: arguments.seed,
            limit_bytes: (arguments.memory_gb * 1e9) as usize,
            device,
            kind,
        };
        println!("{}", prune::prune(&plan, &mut Terminal::new())?);
        Ok(())
    }
}
