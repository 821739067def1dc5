//! `kaiga import` and `kaiga models`: models that others made.

use crate::out::{complain, shown};
use crate::photo::plainly;
use crate::place::write_whole;
use clap::{Args, Subcommand, ValueEnum};
use kaiga::{Body, Imported, Layout, Order, Range, Studio, Wishes};
use serde_json::json;
use server::models;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

/// Larger files are no models of this kind, which have 2 to 50 MB.
const MOST_BYTES: u64 = 512 << 20;
/// What is said of weights of which nobody says more.
const UNKNOWN_LICENCE: &str =
    "Licence unknown: most community weights of this kind are not for commercial use. Ask their author.";

/// What was typed.
#[derive(Debug, Args)]
pub(crate) struct Typed {
    /// Weights of an AnimeGANv2 generator, PyTorch (.pt, .pth) or safetensors; or an ONNX graph from picture to picture
    file: PathBuf,
    /// What it shall be called: letters, digits, - and _ [default: the file's name]
    #[arg(short = 'n', long, value_name = "NAME")]
    name: Option<String>,
    /// What may be done with the weights and whose they are; shown with every list of styles
    #[arg(long, value_name = "TEXT", default_value = UNKNOWN_LICENCE)]
    licence: String,
    /// You have read what may be done with the weights and will keep to it; without this you are asked
    #[arg(long)]
    accept_licence: bool,
    /// Weights: how the network enlarges its maps: corners, as PyTorch checkpoints were trained with, or centres, as those
    /// taken over from TensorFlow [default: corners]
    #[arg(long, value_name = "WHERE")]
    align: Option<Align>,
    #[command(flatten)]
    graph: OfGraph,
    /// Replace a model of that name
    #[arg(long)]
    replace: bool,
}

// How pictures are given to an ONNX graph; what is not said is found out.
#[derive(Clone, Copy, Debug, Default, Args)]
struct OfGraph {
    /// ONNX: what black and white are: signed is -1 and 1, unit 0 and 1, levels 0 and 255 [default: told from the last operator]
    #[arg(long, value_name = "RANGE")]
    range: Option<White>,
    /// ONNX: nchw is a plane for each colour, nhwc pixel after pixel [default: told from where the 3 stands]
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<Numbers>,
    /// ONNX: which colour is first [default: rgb]
    #[arg(long, value_name = "ORDER")]
    order: Option<Colours>,
    /// ONNX: what sides of pictures must be divisible by [default: the smallest of 1, 2, 4 … 32 that works]
    #[arg(long, value_name = "PIXELS")]
    multiple: Option<usize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum White {
    Signed,
    Unit,
    Levels,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Numbers {
    Nchw,
    Nhwc,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Colours {
    Rgb,
    Bgr,
}

impl OfGraph {
    fn wishes(self) -> Wishes {
        Wishes {
            range: self.range.map(|range| match range {
                White::Signed => Range::Signed,
                White::Unit => Range::Unit,
                White::Levels => Range::Levels,
            }),
            layout: self.layout.map(|layout| match layout {
                Numbers::Nchw => Layout::Nchw,
                Numbers::Nhwc => Layout::Nhwc,
            }),
            order: self.order.map(|order| match order {
                Colours::Rgb => Order::Rgb,
                Colours::Bgr => Order::Bgr,
            }),
            multiple: self.multiple,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Align {
    Corners,
    Centres,
}

/// What to do with the imported models.
#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// List them
    List {
        /// Machine-readable
        #[arg(long)]
        json: bool,
    },
    /// Say what is known of one: its file, hash, licence
    Show {
        /// Its name
        name: String,
        /// Machine-readable
        #[arg(long)]
        json: bool,
    },
    /// Delete one
    Remove {
        /// Its name
        name: String,
    },
}

/// The folder of the models.
///
/// # Errors
/// Where none is known, in a sentence.
fn folder() -> Result<PathBuf, String> {
    models::default_folder().ok_or_else(|| "neither XDG_DATA_HOME nor HOME says where models are to be kept".into())
}

/// Adds all imported models; what is broken is said, and left out.
pub(crate) fn add_all(studio: &mut Studio) {
    if let Some(folder) = models::default_folder() {
        models::add_all(studio, &folder).iter().for_each(|complaint| complain(&format!("kaiga: {complaint}")));
    }
}

/// Adds the imported model of this name, if there is one.
///
/// # Errors
/// Why it cannot be read, in a sentence.
pub(crate) fn add(studio: &mut Studio, name: &str) -> Result<(), String> {
    let Some(folder) = models::default_folder() else { return Ok(()) };
    let is_there = models::path(&folder, name).is_ok_and(|path| path.is_file());
    if !is_there {
        return Ok(());
    }
    studio.add_imported(models::read(&folder, name)?).map(|_| ()).map_err(|error| error.to_string())
}

/// Imports a file.
///
/// # Errors
/// Why not, in a sentence; nothing is left behind.
pub(crate) fn import(studio: &mut Studio, typed: Typed) -> Result<String, String> {
    let named = |complaint: String| format!("{}: {complaint}", shown(&typed.file));
    let bytes = read(&typed.file).map_err(named)?;
    let source = typed.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = typed.name.clone().unwrap_or_else(|| name_of(&typed.file));
    let folder = folder()?;
    let path = models::path(&folder, &name)?;
    if path.exists() && !typed.replace {
        return Err(format!("there is a model {name:?} already: choose another name with -n, or --replace it"));
    }
    let source_sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let licence = typed.licence.trim().replace(char::is_control, " ");
    let body = body(bytes, typed.align, typed.graph).map_err(named)?;
    let model = Imported { name: name.clone(), body, licence, source, source_sha256 };
    let file = model.write().map_err(|error| error.to_string())?;
    // Whatever painting would complain about is found out now.
    studio.add_imported(model).map_err(|error| error.to_string())?;
    if !typed.accept_licence {
        accept(&typed.licence)?;
    }
    write_whole(&path, &file)?;
    Ok(format!("{name} is imported: kaiga -n {name} photo.jpg"))
}

/// What the file holds.
fn body(bytes: Vec<u8>, align: Option<Align>, graph: OfGraph) -> Result<Body, String> {
    let wishes = graph.wishes();
    if kaiga::is_onnx(&bytes) {
        if align.is_some() {
            return Err("an ONNX graph says itself how it enlarges its maps: leave --align off".into());
        }
        return kaiga::read_graph(bytes, &wishes).map(Body::Graph).map_err(|error| error.to_string());
    }
    if wishes != Wishes::default() {
        return Err(
            "--range, --layout, --order and --multiple are for ONNX graphs, and this is none: leave them off".into()
        );
    }
    let architecture = if align == Some(Align::Centres) { "classic-1" } else { "classic-1/corners" };
    let weights = kaiga::checkpoint(&bytes, architecture).map_err(|error| error.to_string())?;
    Ok(Body::Classic { architecture: architecture.into(), weights })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    file.map_err(|error| plainly(&error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("the file is larger than {} MB: no generator of this kind is", MOST_BYTES >> 20));
    }
    Ok(bytes)
}

/// The file's name without what a model's name cannot hold.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    stem.replace(|c: char| !c.is_alphanumeric() && c != '-' && c != '_', "-")
}

/// Asks whether the licence is accepted.
fn accept(licence: &str) -> Result<(), String> {
    let refused =
        "the licence was not accepted, nothing is imported; --accept-licence says yes where nobody can be asked";
    complain(&format!("{licence}\nYou answer for what you do with these weights. Import them? [y/N]"));
    let mut answer = String::new();
    let asked = io::stdin().is_terminal() && io::stdin().lock().read_line(&mut answer).is_ok();
    if asked && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) { Ok(()) } else { Err(refused.into()) }
}

/// Answers about the imported models.
///
/// # Errors
/// Why not, in a sentence.
pub(crate) fn models(wish: &Models) -> Result<String, String> {
    let folder = folder()?;
    match wish {
        Models::List { json } => {
            let names = models::names(&folder).map_err(|error| format!("{}: {}", shown(&folder), plainly(&error)))?;
            let line = |name: &String| match models::read(&folder, name) {
                Ok(model) if *json => about(&model, &folder).to_string(),
                Ok(model) => format!("{name}  {}  {}", model.source, model.licence),
                Err(complaint) if *json => json!({"name": name, "error": complaint}).to_string(),
                Err(complaint) => format!("{name}  {complaint}"),
            };
            if names.is_empty() && !json {
                return Ok("there are no imported models; kaiga import FILE brings one in".into());
            }
            Ok(names.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        Models::Show { name, json } => {
            let about = about(&models::read(&folder, name)?, &folder);
            if *json {
                return Ok(about.to_string());
            }
            let lines = about.as_object().into_iter().flatten().map(|(key, value)| match value.as_str() {
                Some(text) => format!("{key:14} {text}"),
                None => format!("{key:14} {value}"),
            });
            Ok(lines.collect::<Vec<_>>().join("\n"))
        }
        Models::Remove { name } => {
            let path = models::path(&folder, name)?;
            std::fs::remove_file(&path).map_err(|error| format!("{}: {}", shown(&path), plainly(&error)))?;
            Ok(format!("{name} is removed"))
        }
    }
}

fn about(model: &Imported, folder: &Path) -> serde_json::Value {
    let takes = match &model.body {
        Body::Classic { .. } => None,
        Body::Graph(graph) => Some(graph.takes.write()),
    };
    json!({
        "name": model.name,
        "architecture": model.body.architecture(),
        "parameters": model.body.parameters(),
        "takes": takes.unwrap_or_else(|| "signed nchw rgb 1".into()),
        "licence": model.licence,
        "source": model.source,
        "source_sha256": model.source_sha256,
        "file": models::path(folder, &model.name).unwrap_or_default().to_string_lossy(),
    })
}
