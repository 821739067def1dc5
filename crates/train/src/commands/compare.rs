//! `compare`: kaiga beside older methods on the same photos, with a report. Every method runs in a process of its own, so that
//! its memory is its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use kaiga_train::compare::{Judge, Measured, Method, Row, at_area, page, peak_bytes, sentences, table};
use kaiga_train::data::split;
use kaiga_train::evaluate::Strip;
use kaiga_train::evaluate::drawnness::Drawnness;
use kaiga_train::file;
use pixels::Image;
use pixels::codec::{self, Format};
use pixels::space::Srgb8;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::commands::evaluate::extractor;

/// Photos that a method without weights is timed on.
const TIMED: usize = 2;

/// Compares kaiga with neural style transfer, CycleGAN, colour transfer, AnimeGANv2 and its own painter: cost, colours,
/// structure, drawn-ness, faces, and the pictures side by side. With one photo the report is for a class.
#[derive(Args)]
pub(crate) struct Compare {
    /// Photos, or a folder of them.
    #[arg(required = true)]
    photos: Vec<PathBuf>,
    /// The artwork that style transfer and colour transfer imitate.
    #[arg(long)]
    art: PathBuf,
    /// Folder for index.html, table.md, compare.json and the paintings; what is there already is not painted again.
    #[arg(long, default_value = "runs/compare")]
    out: PathBuf,
    /// Only these, in this order: nst, cyclegan, colours, animegan2, painter, kaiga's looks, imported:FILE.
    #[arg(long, value_delimiter = ',')]
    methods: Vec<String>,
    /// File of the probe that `drawnness --probe` or `evaluate --probe` has fitted: says how drawn paintings look.
    #[arg(long)]
    probe: Option<PathBuf>,
    /// The network that sees.
    #[arg(long, default_value = ".features/mobilenet_v2.safetensors")]
    features: PathBuf,
    /// Runs one method and writes what it cost: for the processes that this command starts.
    #[arg(long, hide = true)]
    alone: Option<String>,
}

/// What a method cost.
#[derive(Serialize, Deserialize)]
struct Cost {
    /// Photos that were painted, by name.
    photos: Vec<String>,
    model_bytes: u64,
    seconds: Vec<f64>,
    peak_bytes: Option<u64>,
}

pub(crate) fn compare(arguments: &Compare) -> Result<()> {
    let photos = photos(&arguments.photos)?;
    if let Some(key) = &arguments.alone {
        return alone(arguments, &Method::named(key)?, &photos);
    }
    let methods = match &arguments.methods[..] {
        [] => Method::all()?,
        keys => keys.iter().map(|key| Method::named(key)).collect::<Result<Vec<_>>>()?,
    };
    let costs = methods.iter().map(|method| cost(arguments, method, &photos)).collect::<Result<Vec<_>>>()?;
    let (scale, eye) = match &arguments.probe {
        None => (None, None),
        Some(probe) => {
            let text = std::fs::read(probe).with_context(|| format!("cannot read {}", probe.display()))?;
            let scale: Drawnness =
                serde_json::from_slice(&text).with_context(|| format!("{} is no probe", probe.display()))?;
            (Some(scale), Some(extractor::load(&arguments.features)?))
        }
    };
    let judge = Judge::new(scale.as_ref().zip(eye.as_deref()))?;
    let mut strips = Vec::new();
    let mut measured: Vec<Vec<Measured>> = methods.iter().map(|_| Vec::new()).collect();
    let told = if photos.len() == 1 { sentences(&methods) } else { vec![String::new(); methods.len()] };
    for (name, path) in &photos {
        let photo = at_area(&file::picture(path)?);
        let faces = judge.faces(&photo)?;
        let mut strip = Strip::new(name);
        strip.add("photo", &photo)?;
        for ((method, measured), told) in methods.iter().zip(&mut measured).zip(&told) {
            match method.untrained() {
                Some(why) => strip.add_reason(&method.label(), why),
                None => {
                    let painting = file::picture(&painting_path(arguments, method, name))?;
                    measured.push(judge.measure(&photo, &faces, &painting)?);
                    strip.add(&method.label(), &painting)?;
                }
            }
            strip.tell(told);
        }
        strips.push(strip);
    }
    let row = |((method, mut cost), measured): ((&Method, Cost), &Vec<Measured>)| {
        cost.seconds.sort_by(f64::total_cmp);
        Row {
            method: method.clone(),
            model_bytes: cost.model_bytes,
            seconds: cost.seconds[cost.seconds.len() / 2],
            peak_bytes: cost.peak_bytes,
            figures: Measured::mean(measured),
        }
    };
    let rows: Vec<Row> = methods.iter().zip(costs).zip(&measured).map(row).collect();
    write(arguments, &rows, &strips, &methods, &measured)
}

fn write(
    arguments: &Compare,
    rows: &[Row],
    strips: &[Strip],
    methods: &[Method],
    measured: &[Vec<Measured>],
) -> Result<()> {
    let table = table(rows);
    println!("{table}");
    let title = match strips.len() {
        1 => "One photo, every method".to_owned(),
        count => format!("{count} photos, every method"),
    };
    let each = methods.iter().zip(measured).map(|(method, measured)| (method.key(), json!(measured)));
    let json = json!({"area_px": kaiga_train::compare::AREA_PX, "photos": each.collect::<serde_json::Map<_, _>>()});
    file::write(&arguments.out.join("table.md"), table.as_bytes())?;
    file::write(&arguments.out.join("compare.json"), serde_json::to_string_pretty(&json)?.as_bytes())?;
    file::write(&arguments.out.join("index.html"), page(&title, rows, strips).as_bytes())?;
    println!("{}", arguments.out.join("index.html").display());
    Ok(())
}

/// Names and paths of the photos.
fn photos(given: &[PathBuf]) -> Result<Vec<(String, PathBuf)>> {
    let mut all = Vec::new();
    for path in given {
        if path.is_dir() {
            all.extend(split::pictures(path)?.into_iter().map(|photo| (split::name(path, &photo), photo)));
        } else {
            let folder = path.parent().unwrap_or(Path::new("."));
            all.push((split::name(folder, path), path.clone()));
        }
    }
    let mut names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    ensure!(!all.is_empty(), "there are no photos");
    ensure!(names.len() == all.len(), "two photos have the same name: give them others, their paintings are called so");
    Ok(all)
}

/// A folder's name for a method.
fn folder(arguments: &Compare, method: &Method) -> PathBuf {
    arguments.out.join(method.key().replace(|c: char| !c.is_alphanumeric() && c != '-', "_"))
}

fn painting_path(arguments: &Compare, method: &Method, name: &str) -> PathBuf {
    folder(arguments, method).join(format!("{}.png", name.replace('/', "_")))
}

fn cost_path(arguments: &Compare, method: &Method) -> PathBuf {
    folder(arguments, method).join("cost.json")
}

/// What a method costs on these photos: as it is written down, or after running it.
fn cost(arguments: &Compare, method: &Method, photos: &[(String, PathBuf)]) -> Result<Cost> {
    let kept = || -> Option<Cost> {
        let cost: Cost = serde_json::from_slice(&std::fs::read(cost_path(arguments, method)).ok()?).ok()?;
        let names = photos.iter().map(|(name, _)| name);
        names.take(cost.photos.len().max(1)).eq(&cost.photos).then_some(cost)
    };
    let complete = |cost: &Cost| method.untrained().is_some() || cost.photos.len() == photos.len();
    if let Some(cost) = kept().filter(complete) {
        return Ok(cost);
    }
    eprintln!("{} …", method.label());
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("compare").arg("--alone").arg(method.key());
    command
        .arg("--art")
        .arg(&arguments.art)
        .arg("--out")
        .arg(&arguments.out)
        .arg("--features")
        .arg(&arguments.features);
    let status = command.args(&arguments.photos).status()?;
    ensure!(status.success(), "{} failed", method.label());
    kept().with_context(|| format!("{} did not say what it cost", method.label()))
}

/// Runs one method in this process.
fn alone(arguments: &Compare, method: &Method, photos: &[(String, PathBuf)]) -> Result<()> {
    let folder = folder(arguments, method);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let prepared = method.prepare(&file::picture(&arguments.art)?, &arguments.features)?;
    let timed = if method.untrained().is_some() { TIMED } else { usize::MAX };
    let mut cost = Cost { photos: vec![], model_bytes: prepared.model_bytes, seconds: vec![], peak_bytes: None };
    for (name, path) in photos.iter().take(timed) {
        let photo = at_area(&file::picture(path)?);
        let start = Instant::now();
        let painting: Image<Srgb8> = prepared.paint(&photo)?;
        cost.seconds.push(start.elapsed().as_secs_f64());
        cost.photos.push(name.clone());
        cost.peak_bytes = peak_bytes();
        if method.untrained().is_none() {
            file::write(&painting_path(arguments, method, name), &codec::write(&painting, None, Format::Png, 90)?)?;
        }
        // After every photo: who stops a slow method has what it did.
        file::write(&cost_path(arguments, method), &serde_json::to_vec(&cost)?)?;
    }
    Ok(())
}
