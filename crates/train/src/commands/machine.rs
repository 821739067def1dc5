//! The process that trains: where it computes, how libtorch is loaded, and what it shows while it works.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use kaiga_train::run::Watch;
use kaiga_train::run::step::Numbers;
use tch::{Cuda, Device, Kind};

/// Where and how it is computed.
#[derive(Args)]
pub(crate) struct Machine {
    /// Where to train.
    #[arg(long, value_enum, default_value_t = Where::Auto)]
    device: Where,
    /// What convolutions compute in.
    #[arg(long, value_enum, default_value_t = Precision::Bf16)]
    precision: Precision,
    /// Threads of libtorch for each half of a batch; the two halves are computed side by side.
    #[arg(long, default_value_t = 1)]
    threads: u32,
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

impl Machine {
    /// Prepares the process, which may start itself anew, and gives the device and the precision.
    pub(crate) fn prepare(&self) -> Result<(Device, Kind)> {
        prepare_process(self.device, self.threads)?;
        let device = match self.device {
            Where::Cpu => Device::Cpu,
            Where::Auto => Device::cuda_if_available(),
            Where::Cuda if Cuda::is_available() => Device::Cuda(0),
            Where::Cuda => bail!("there is no CUDA device, or libtorch cannot use it: leave out --device cuda"),
        };
        let kind = match self.precision {
            Precision::F32 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
        };
        Ok((device, kind))
    }
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
        let library = maps
            .lines()
            .find_map(|line| line.find('/').map(|at| &line[at..]).filter(|path| path.ends_with("/libtorch_cpu.so")));
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

/// Lines on the terminal, with a bar below them where there is one.
pub(crate) struct Terminal(ProgressBar);

impl Terminal {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(1000);
        let style = ProgressStyle::with_template("{bar:30} {percent}%, {eta} to go; {msg}");
        bar.set_style(style.expect("the template is right"));
        Self(bar)
    }
}

impl Watch for Terminal {
    fn say(&mut self, line: &str) {
        self.0.suspend(|| println!("{line}"));
    }

    fn progress(&mut self, done: f64, step: u64, numbers: &Numbers) {
        self.0.set_position((done * 1000.0) as u64);
        let losses = numbers.0.iter().take(5).map(|(name, x)| format!("{name} {x:.3}")).collect::<Vec<_>>();
        self.0.set_message(format!("step {step}, {}", losses.join(", ")));
    }
}
