//! `kaiga doctor`: what this program and this machine are.

use net::light::{self, THUMBNAIL_PX};
use net::{Arch, Measure, Model, Reach, Shape};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Everything a bug report needs, for people or for programs.
pub(crate) fn report(as_json: bool) -> Result<String, String> {
    let embedded = kaiga::EMBEDDED.iter().chain([
        &kaiga::faces::detector::EMBEDDED,
        &kaiga::faces::landmarks::EMBEDDED,
        &kaiga::faces::person::EMBEDDED,
    ]);
    let models: Vec<Value> = embedded.map(|(name, bytes)| model(name, bytes)).collect();
    let [(_, base), ..] = kaiga::EMBEDDED;
    let networks = Model::read(base).and_then(|base| light::networks(&base.architecture));
    let [eye, drawer] = networks.map_err(|error| error.to_string())?;
    let modulation = eye_measure(&eye)?;
    let drawer = measure(&drawer, &[Shape::new(512, 512, 3), Shape::new(1, 1, modulation.1)])?;
    let report = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "instructions": engine::cpu_features(),
        "threads": rayon::current_num_threads(),
        "memory_available_bytes": memory_available(),
        "memory_limit_bytes": server::memory::limit_bytes(),
        "models": models,
        "network": {
            "parameters": modulation.0.parameters + drawer.parameters,
            "eye_multiply_adds": modulation.0.multiply_adds,
            "drawer_multiply_adds_at_512x512": drawer.multiply_adds,
            "drawer_reach_px": match drawer.reach[0] { Reach::Pixels(px) => Some(px), Reach::Whole => None },
            "drawer_activation_bytes_at_512x512": drawer.peak_bytes,
        },
    });
    Ok(if as_json { report.to_string() } else { for_people(&report) })
}

fn measure(arch: &Arch, inputs: &[Shape]) -> Result<Measure, String> {
    net::measure(arch, inputs).map_err(|error| error.to_string())
}

/// The eye's figures, and how many numbers it says.
fn eye_measure(eye: &Arch) -> Result<(Measure, usize), String> {
    let inputs = [Shape::new(THUMBNAIL_PX, THUMBNAIL_PX, 3)];
    let shapes = net::shapes(eye, &inputs).map_err(|error| error.to_string())?;
    let channels = eye.outputs.first().map_or(0, |&(_, value)| shapes[value].channels);
    Ok((measure(eye, &inputs)?, channels))
}

fn model(name: &str, bytes: &[u8]) -> Value {
    let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"file": name, "bytes": bytes.len(), "sha256": sha256})
}

fn for_people(report: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let mega = |value: &Value| value.as_f64().map_or("unknown".to_owned(), |bytes| format!("{:.0} MB", bytes / 1e6));
    let instructions: Vec<String> = report["instructions"].as_array().into_iter().flatten().map(text).collect();
    let network = &report["network"];
    let giga = |key: &str| network[key].as_f64().unwrap_or(0.0) / 1e9;
    let mut lines = vec![
        format!("kaiga {} on {}", text(&report["version"]), text(&report["system"])),
        format!("threads       {}", report["threads"]),
        format!("instructions  {} (the first is in use)", instructions.join(", ")),
        format!("memory        {} available", mega(&report["memory_available_bytes"])),
    ];
    if !report["memory_limit_bytes"].is_null() {
        lines.push(format!("memory limit  {} (cgroup)", mega(&report["memory_limit_bytes"])));
    }
    lines.push(format!(
        "network       {} parameters; eye {:.2}, drawer {:.2} billion multiply-adds at 512×512",
        network["parameters"],
        giga("eye_multiply_adds"),
        giga("drawer_multiply_adds_at_512x512"),
    ));
    lines.push(format!(
        "              looks {} px around each pixel; {} of activations at 512×512 at most",
        network["drawer_reach_px"],
        mega(&network["drawer_activation_bytes_at_512x512"]),
    ));
    for model in report["models"].as_array().into_iter().flatten() {
        lines.push(format!("model         {}  {} bytes", text(&model["file"]), model["bytes"]));
        lines.push(format!("              sha256 {}", text(&model["sha256"])));
    }
    lines.join("\n")
}

/// Memory that could be had now, bytes, where the system tells.
fn memory_available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}
