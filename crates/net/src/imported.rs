//! Models that others made: a checkpoint as it is found in the world, and the file that kaiga keeps of it.

use crate::arch::Arch;
use crate::error::{Error, ErrorKind, fail};
use crate::model::architecture;
use crate::onnx::foreign::{Graph, Takes};
use crate::weights::{Metadata, Weights, check, read, read_bytes, read_metadata, write_bytes, write_single};
use crate::{parameters, torch};

const KIND: &str = "kaiga.kind";
const KIND_IMPORTED: &str = "imported";
const ARCHITECTURE: &str = "kaiga.architecture";
const NAME: &str = "kaiga.name";
const LICENCE: &str = "kaiga.licence";
const SOURCE: &str = "kaiga.source";
const SHA256: &str = "kaiga.source-sha256";
/// What the architecture of a graph is called, and its bytes in the file.
const GRAPH: &str = "onnx";
const TAKES: &str = "kaiga.takes";
/// A tensor by which the classic network is known, and whose name says what stands before all names.
const LANDMARK: &str = "out_layer.0.weight";

/// A model that others made.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// What it is called.
    pub name: String,
    /// What it paints with.
    pub body: Body,
    /// What its user must know and has accepted: whose it is, and what may be done with it.
    pub licence: String,
    /// The name of the file it came in.
    pub source: String,
    /// SHA-256 of that file, hexadecimal.
    pub source_sha256: String,
}

/// What a model of others paints with.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// The classic network with weights of theirs.
    Classic {
        /// As [`architecture`] knows it: `classic-1`, or `classic-1/corners`.
        architecture: String,
        /// Its tensors.
        weights: Weights,
    },
    /// A graph of theirs, for an engine that runs all of its kind.
    Graph(Graph),
}

impl Body {
    /// What kind of network it is: `classic-1`, `classic-1/corners`, or `onnx`.
    pub fn architecture(&self) -> &str {
        match self {
            Self::Classic { architecture, .. } => architecture,
            Self::Graph(_) => GRAPH,
        }
    }

    /// How many numbers it has learnt.
    pub fn parameters(&self) -> usize {
        match self {
            Self::Classic { weights, .. } => weights.values().map(|tensor| tensor.data.len()).sum(),
            Self::Graph(graph) => graph.parameters(),
        }
    }

    /// Whether it can be run at all.
    ///
    /// # Errors
    /// [`ErrorKind::Weights`] if a tensor is missing or misshapen; [`ErrorKind::File`] if a graph is not what import takes.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Classic { architecture, weights } => check(&network(architecture)?, weights),
            Self::Graph(graph) => graph.check(),
        }
    }
}

/// The one network of an architecture that turns a picture into a picture.
///
/// # Errors
/// As [`architecture`].
pub fn network(name: &str) -> Result<Arch, Error> {
    match &architecture(name)?[..] {
        [network] => Ok(network.clone()),
        _ => fail!(File, "{name} is no network that turns a picture into a picture"),
    }
}

impl Imported {
    /// Reads the file that kaiga keeps.
    ///
    /// # Errors
    /// [`ErrorKind::File`] if it is no such file; otherwise as [`Body::check`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut notes = read_metadata(bytes)?;
        let mut take = |key: &str| {
            let none =
                || Error::new(ErrorKind::File, format!("the file does not say its {key}: kaiga did not import it"));
            notes.remove(key).ok_or_else(none)
        };
        if take(KIND)? != KIND_IMPORTED {
            fail!(File, "this is no imported model");
        }
        let architecture = take(ARCHITECTURE)?;
        let body = match architecture.as_str() {
            GRAPH => Body::Graph(Graph { onnx: read_bytes(bytes, GRAPH)?, takes: Takes::read(&take(TAKES)?)? }),
            _ => Body::Classic { architecture, weights: read(bytes)?.0 },
        };
        body.check()?;
        let [name, licence, source, source_sha256] = [take(NAME)?, take(LICENCE)?, take(SOURCE)?, take(SHA256)?];
        Ok(Self { name, body, licence, source, source_sha256 })
    }

    /// Writes the file that kaiga keeps: safetensors, numbers in single precision, so that nothing is lost. The same model
    /// makes the same bytes.
    ///
    /// # Errors
    /// As [`Imported::read`].
    pub fn write(&self) -> Result<Vec<u8>, Error> {
        self.body.check()?;
        let note = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let mut notes = Metadata::from(
            [
                (KIND, KIND_IMPORTED),
                (ARCHITECTURE, self.body.architecture()),
                (NAME, &self.name),
                (LICENCE, &self.licence),
                (SOURCE, &self.source),
                (SHA256, &self.source_sha256),
            ]
            .map(note),
        );
        match &self.body {
            Body::Classic { weights, .. } => write_single(weights, &notes),
            Body::Graph(graph) => {
                notes.insert(TAKES.to_owned(), graph.takes.write());
                Ok(write_bytes(GRAPH, &graph.onnx, &notes))
            }
        }
    }
}

/// The tensors of a checkpoint of the classic network, under the network's own names: PyTorch or safetensors, as a
/// `state_dict` or in a dictionary with other things, from one device or several.
///
/// # Errors
/// [`ErrorKind::File`] if the bytes are no such file, or a network of another kind is in it; [`ErrorKind::Weights`] if a
/// tensor is missing, misshapen or not finite.
pub fn checkpoint(bytes: &[u8], architecture_name: &str) -> Result<Weights, Error> {
    let tensors = if torch::is_checkpoint(bytes) { torch::read(bytes)? } else { read(bytes)?.0 };
    let prefixes: Vec<&str> = tensors.keys().filter_map(|name| name.strip_suffix(LANDMARK)).collect();
    let prefix = match prefixes[..] {
        [prefix] => prefix.to_owned(),
        [] => {
            let some: Vec<&str> = tensors.keys().take(3).map(String::as_str).collect();
            fail!(
                File,
                "these are no weights of the AnimeGANv2 generator: there is no {LANDMARK}, but {} tensors such as {}",
                tensors.len(),
                some.join(", ")
            );
        }
        [first, second, ..] => {
            fail!(
                File,
                "there are several generators in the file, {first:?} and {second:?}: save the one you mean alone"
            )
        }
    };
    let network = network(architecture_name)?;
    let own =
        |(name, _): (String, Vec<usize>)| tensors.get(&format!("{prefix}{name}")).map(|tensor| (name, tensor.clone()));
    let weights = parameters(&network)?.into_iter().filter_map(own).collect();
    check(&network, &weights)?;
    Ok(weights)
}
