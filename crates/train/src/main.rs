//! `kaiga-train`: makes pairs, trains.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod examine;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use kaiga_train::painter::{self, Taste};
use kaiga_train::pairs::{Plan, Targets};
use pixels::Image;
use pixels::space::Srgb8;

/// Trains kaiga's painting network. Start with `pairs`, then `distil`.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Pairs(Pairs),
    Evaluate(examine::Evaluate),
    Gallery(examine::Gallery),
    #[cfg(feature = "torch")]
    Distil(distil::Distil),
}

/// Paints photos with the painter: the pairs that `distil` learns from.
#[derive(Args)]
struct Pairs {
    /// Folder of the pairs.
    out: PathBuf,
    /// Folder of photos, sub-folders included; every tenth, by path, is held out.
    #[arg(long)]
    photos: PathBuf,
    /// Photos painted at a time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Most pairs to make now.
    #[arg(long, default_value_t = usize::MAX)]
    limit: usize,
    /// Writes the photos at working size and leaves the painting to something else.
    #[arg(long)]
    photos_only: bool,
}

/// The tastes that are painted: those the light generator learns.
const PAINTED: [&str; 2] = ["meadow", "skyglow"];

fn pairs(arguments: Pairs) -> Result<()> {
    let plan = Plan { photos: arguments.photos, out: arguments.out, jobs: arguments.jobs, limit: arguments.limit };
    let say = |line: &str| println!("{line}");
    let tastes: Vec<_> = Taste::all().into_iter().filter(|(name, _)| PAINTED.contains(name)).collect();
    let paint = |photo: &Image<Srgb8>| {
        let painted = painter::paint_all(photo, &tastes.iter().map(|(_, taste)| *taste).collect::<Vec<_>>());
        // Both tastes ink alike, so one map is enough.
        let ink = painted[0].ink.clone();
        let paintings = tastes.iter().zip(painted).map(|((name, _), painted)| (*name, painted.painting)).collect();
        Targets { paintings, ink }
    };
    let styles: &[&str] = if arguments.photos_only { &[] } else { &PAINTED };
    let made = kaiga_train::pairs::make(&plan, styles, &paint, &say)?;
    println!("{made} pairs made in {}", plan.out.display());
    Ok(())
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kaiga-train: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Pairs(arguments) => pairs(arguments),
        Command::Evaluate(arguments) => examine::evaluate(&arguments),
        Command::Gallery(arguments) => examine::gallery(&arguments),
        #[cfg(feature = "torch")]
        Command::Distil(arguments) => distil::distil(arguments),
    }
}

#[cfg(feature = "torch")]
mod distil {
    use super::*;
    use anyhow::{Context, bail};
    use clap::ValueEnum;
    use kaiga_train::losses::LossWeights;
    use kaiga_train::run::{Length, Plan};
    use tch::{Cuda, Device, Kind};

    /// Trains the light generator on the painter's pairs.
    #[derive(Args)]
    pub(super) struct Distil {
        /// Folder of the pairs; its sub-folder `held` is never learnt from.
        #[arg(long)]
        pairs: PathBuf,
        /// Folder of the run.
        #[arg(long)]
        out: PathBuf,
        /// Minutes to train.
        #[arg(long, conflicts_with = "steps", required_unless_present = "steps")]
        minutes: Option<f64>,
        /// Steps to train, instead of minutes.
        #[arg(long)]
        steps: Option<u64>,
        /// Goes on from the folder's checkpoint.
        #[arg(long)]
        resume: bool,
        /// Seed of the first weights and of the batches.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Highest learning rate.
        #[arg(long, default_value_t = 2e-3)]
        rate: f64,
        /// Samples a step.
        #[arg(long, default_value_t = 8)]
        batch: usize,
        /// Side of a crop, px.
        #[arg(long, default_value_t = 128)]
        side: usize,
        /// Minutes between reports.
        #[arg(long, default_value_t = 3.0)]
        report_min: f64,
        /// Gigabytes of pixels kept in memory; beyond it pairs are left out evenly.
        #[arg(long, default_value_t = 8.0)]
        memory_gb: f64,
        /// Threads of libtorch for each style; the styles are computed side by side.
        #[arg(long, default_value_t = 1)]
        threads: u32,
        /// Where to train.
        #[arg(long, value_enum, default_value_t = Where::Auto)]
        device: Where,
        /// What convolutions compute in.
        #[arg(long, value_enum, default_value_t = Precision::Bf16)]
        precision: Precision,
    }

    #[derive(Clone, Copy, PartialEq, ValueEnum)]
    enum Where {
        /// CUDA where there is a device.
        Auto,
        Cpu,
        Cuda,
    }

    #[derive(Clone, Copy, ValueEnum)]
    enum Precision {
        F32,
        Bf16,
    }

    pub(super) fn distil(arguments: Distil) -> Result<()> {
        prepare_process(arguments.device, arguments.threads)?;
        let device = match arguments.device {
            Where::Cpu => Device::Cpu,
            Where::Auto => Device::cuda_if_available(),
            Where::Cuda if Cuda::is_available() => Device::Cuda(0),
            Where::Cuda => bail!("there is no CUDA device, or libtorch cannot use it: leave out --device cuda"),
        };
        let length = match (arguments.minutes, arguments.steps) {
            (_, Some(steps)) => Length::Steps(steps),
            (minutes, None) => Length::Minutes(minutes.context("say how long: --minutes or --steps")?),
        };
        let plan = Plan {
            pairs: arguments.pairs,
            out: arguments.out,
            length,
            resume: arguments.resume,
            seed: arguments.seed,
            rate: arguments.rate,
            batch: arguments.batch,
            side: arguments.side,
            report_min: arguments.report_min,
            limit_bytes: (arguments.memory_gb * 1e9) as usize,
            losses: LossWeights::default(),
            device,
            kind: match arguments.precision {
                Precision::F32 => Kind::Float,
                Precision::Bf16 => Kind::BFloat16,
            },
        };
        kaiga_train::run::distil(&plan, &mut |line| println!("{line}"))
    }

    /// Some things must be settled before libtorch is loaded, so the program starts itself once more. OpenMP's threads
    /// are counted, and must not spin while they wait, which starves everything beside them. The allocator keeps its
    /// memory: a step asks for the same blocks again and again, and getting them from the kernel costs a fifth of it.
    /// And `libtorch_cuda`, which the linker drops because nothing names it, must be loaded where a GPU may be used.
    fn prepare_process(wanted: Where, threads: u32) -> Result<()> {
        const POLICY: &str = "OMP_WAIT_POLICY";
        if std::env::var_os(POLICY).is_some() || !cfg!(target_os = "linux") {
            return Ok(());
        }
        let mut again = std::process::Command::new(std::env::current_exe()?);
        again.args(std::env::args_os().skip(1)).env(POLICY, "passive").env("OMP_NUM_THREADS", threads.to_string());
        for name in ["MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_"] {
            let bytes: u64 = if name == "MALLOC_TOP_PAD_" { 64 << 20 } else { 4 << 30 };
            again.env(name, bytes.to_string());
        }
        again.env("MALLOC_ARENA_MAX", "1");
        let gpu = wanted == Where::Cuda || (wanted == Where::Auto && std::path::Path::new("/dev/nvidiactl").exists());
        if gpu && std::env::var_os("LD_PRELOAD").is_none() {
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
            let library = maps.lines().find_map(|line| {
                line.find('/').map(|at| &line[at..]).filter(|path| path.ends_with("/libtorch_cpu.so"))
            });
            let cuda = library.map(|path| PathBuf::from(path).with_file_name("libtorch_cuda.so"));
            if let Some(cuda) = cuda.filter(|path| path.exists()) {
                // Without the CUDA libraries it depends on, the loader would end the program.
                let mut trial = std::process::Command::new(std::env::current_exe()?);
                let trial = trial.arg("--version").env("LD_PRELOAD", &cuda).output()?;
                if trial.status.success() {
                    again.env("LD_PRELOAD", cuda);
                } else if wanted == Where::Cuda {
                    let why = String::from_utf8_lossy(&trial.stderr);
                    bail!("{} cannot be loaded ({}): install torch with its dependencies", cuda.display(), why.trim());
                }
            }
        }
        #[cfg(unix)]
        return Err(std::os::unix::process::CommandExt::exec(&mut again)).context("the program cannot start itself");
        #[cfg(not(unix))]
        Ok(())
    }
}
