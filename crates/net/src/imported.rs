//! Models that others made: a checkpoint as it is found in the world, and the file that kaiga keeps of it.

use crate::arch::Arch;
use crate::error::{Error, ErrorKind, fail};
use crate::model::architecture;
use crate::weights::{Metadata, Weights, check, read, write_single};
use crate::{parameters, torch};

const KIND: &str = "kaiga.kind";
const KIND_IMPORTED: &str = "imported";
const ARCHITECTURE: &str = "kaiga.architecture";
const NAME: &str = "kaiga.name";
const LICENCE: &str = "kaiga.licence";
const SOURCE: &str = "kaiga.source";
const SHA256: &str = "kaiga.source-sha256";
/// A tensor by which the classic network is known, and whose name says what stands before all names.
const LANDMARK: &str = "out_layer.0.weight";

/// A model that others made.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// What it is called.
    pub name: String,
    /// As [`architecture`] knows it: `classic-1`, or `classic-1/corners`.
    pub architecture: String,
    /// Its tensors.
    pub weights: Weights,
    /// What its user must know and has accepted: whose it is, and what may be done with it.
    pub licence: String,
    /// The name of the file it came in.
    pub source: String,
    /// SHA-256 of that file, hexadecimal.
    pub source_sha256: String,
}

impl Imported {
    /// The network.
    ///
    /// # Errors
    /// As [`architecture`].
    pub fn network(&self) -> Result<Arch, Error> {
        match &architecture(&self.architecture)?[..] {
            [network] => Ok(network.clone()),
            _ => fail!(File, "{} is no network that turns a picture into a picture", self.architecture),
        }
    }

    /// Reads the file that kaiga keeps.
    ///
    /// # Errors
    /// [`ErrorKind::File`] if it is no such file; [`ErrorKind::Weights`] if a tensor is missing or misshapen.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let (weights, mut notes) = read(bytes)?;
        let mut take = |key: &str| {
            let none =
                || Error::new(ErrorKind::File, format!("the file does not say its {key}: kaiga did not import it"));
            notes.remove(key).ok_or_else(none)
        };
        if take(KIND)? != KIND_IMPORTED {
            fail!(File, "this is no imported model");
        }
        let imported = Self {
            name: take(NAME)?,
            architecture: take(ARCHITECTURE)?,
            licence: take(LICENCE)?,
            source: take(SOURCE)?,
            source_sha256: take(SHA256)?,
            weights,
        };
        check(&imported.network()?, &imported.weights)?;
        Ok(imported)
    }

    /// Writes the file that kaiga keeps: safetensors in single precision, so that nothing is lost. The same model makes
    /// the same bytes.
    ///
    /// # Errors
    /// As [`Imported::read`].
    pub fn write(&self) -> Result<Vec<u8>, Error> {
        check(&self.network()?, &self.weights)?;
        let note = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let notes = [
            (KIND, KIND_IMPORTED),
            (ARCHITECTURE, &self.architecture),
            (NAME, &self.name),
            (LICENCE, &self.licence),
            (SOURCE, &self.source),
            (SHA256, &self.source_sha256),
        ];
        write_single(&self.weights, &Metadata::from(notes.map(note)))
    }
}

/// The tensors of a checkpoint of the classic network, under the network's own names: PyTorch or safetensors, as a
/// `state_dict` or in a dictionary with other things, from one device or several.
///
/// # Errors
/// [`ErrorKind::File`] if the bytes are no such file, or a network of another kind is in it; [`ErrorKind::Weights`] if a
/// tensor is missing, misshapen or not finite.
pub fn checkpoint(bytes: &[u8], architecture_name: &str) -> Result<Weights, Error> {
    let tensors = if torch::is_checkpoint(bytes) {
        torch::read(bytes)?
    } else if is_onnx(bytes) {
        fail!(
            File,
            "this is an ONNX graph; import reads weights of the AnimeGANv2 network as PyTorch (.pt, .pth) or safetensors"
        );
    } else {
        read(bytes)?.0
    };
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
    let [network] = &architecture(architecture_name)?[..] else {
        fail!(File, "{architecture_name} is no network that turns a picture into a picture");
    };
    let own =
        |(name, _): (String, Vec<usize>)| tensors.get(&format!("{prefix}{name}")).map(|tensor| (name, tensor.clone()));
    let weights = parameters(network)?.into_iter().filter_map(own).collect();
    check(network, &weights)?;
    Ok(weights)
}

/// Whether bytes begin as an ONNX file does: with the version of the format, a small number.
fn is_onnx(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, 1..=20, field, ..] if field & 7 == 2 || field & 7 == 0)
}
