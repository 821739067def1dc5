//! Reads the tensors of PyTorch checkpoints, and nothing else of them: what a pickle would run is refused, not run.
//!
//! Both layouts that `torch.save` writes are read: the zip archive (since PyTorch 1.6) and the row of pickles before it.

mod pickle;

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use half::{bf16, f16};

use crate::error::{Error, fail};
use crate::weights::{Tensor, Weights};
use pickle::{Id, Machine, Node, Strided};

/// The most numbers that tensors of a checkpoint may hold together: 256 MB of them. The classic network has 2.1 million.
pub const MOST_NUMBERS: usize = 1 << 26;
/// Dictionaries lie in dictionaries no deeper than this.
const DEEPEST: usize = 8;
/// They hold no more entries together.
const MOST_ENTRIES: usize = 100_000;
/// What a checkpoint of the old layout begins with, as a little-endian number.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The numbers of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    Float,
    Half,
    BFloat16,
    Double,
    /// Whole numbers and truth values, so many bytes each: counters of training, which nobody needs.
    Other(usize),
}

impl Numbers {
    /// Of the storage class that PyTorch calls so.
    fn of(class: &str) -> Option<Self> {
        Some(match class {
            "torch.FloatStorage" => Self::Float,
            "torch.HalfStorage" => Self::Half,
            "torch.BFloat16Storage" => Self::BFloat16,
            "torch.DoubleStorage" => Self::Double,
            "torch.LongStorage" => Self::Other(8),
            "torch.IntStorage" => Self::Other(4),
            "torch.ShortStorage" => Self::Other(2),
            "torch.CharStorage" | "torch.ByteStorage" | "torch.BoolStorage" => Self::Other(1),
            _ => return None,
        })
    }

    fn bytes(self) -> usize {
        match self {
            Self::Float => 4,
            Self::Half | Self::BFloat16 => 2,
            Self::Double => 8,
            Self::Other(bytes) => bytes,
        }
    }

    /// `None` for whole numbers.
    fn read(self, bytes: &[u8]) -> Option<f32> {
        Some(match self {
            Self::Float => f32::from_le_bytes(bytes.try_into().ok()?),
            Self::Half => f16::from_le_bytes(bytes.try_into().ok()?).to_f32(),
            Self::BFloat16 => bf16::from_le_bytes(bytes.try_into().ok()?).to_f32(),
            Self::Double => f64::from_le_bytes(bytes.try_into().ok()?) as f32,
            Self::Other(_) => return None,
        })
    }
}

/// Whether bytes begin as a checkpoint does.
pub fn is_checkpoint(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || (bytes.starts_with(&[0x80]) && bytes.len() > 16 && bytes[4..14] == MAGIC)
}

/// The floating-point tensors of a checkpoint by their names, those of dictionaries within dictionaries with a dot
/// between: `generator.block_a.0.1.weight`. Everything else in the file is left alone.
///
/// # Errors
/// [`ErrorKind::File`](crate::ErrorKind::File) if the file is broken, holds more than tensors and containers, or more than
/// [`MOST_NUMBERS`].
pub fn read(bytes: &[u8]) -> Result<Weights, Error> {
    if bytes.starts_with(b"PK\x03\x04") { read_archive(bytes) } else { read_row(bytes) }
}

fn read_archive(bytes: &[u8]) -> Result<Weights, Error> {
    let broken = |error| Error::new(crate::ErrorKind::File, format!("the checkpoint's archive is broken: {error}"));
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    if let Some(name) =
        names.iter().find(|name| name.starts_with('/') || name.split(['/', '\\']).any(|part| part == ".."))
    {
        fail!(File, "the checkpoint's archive names a place outside of itself, {name:?}: it was not made by PyTorch");
    }
    let Some(root) = names.iter().find_map(|name| name.strip_suffix("data.pkl")) else {
        fail!(File, "the archive holds no data.pkl: it is no PyTorch checkpoint");
    };
    let root = root.to_owned();
    let mut entry = |name: &str| -> Result<Vec<u8>, Error> {
        let file = archive.by_name(&format!("{root}{name}")).map_err(broken)?;
        // An entry that is stored, not packed, is no longer than the file.
        if file.size() > bytes.len() as u64 {
            fail!(
                File,
                "the checkpoint's entry {name} says it holds {} bytes, the file has {}",
                file.size(),
                bytes.len()
            );
        }
        let mut content = Vec::new();
        let read = file.take(bytes.len() as u64).read_to_end(&mut content);
        read.map_err(|error| Error::new(crate::ErrorKind::File, format!("the checkpoint's entry {name}: {error}")))?;
        Ok(content)
    };
    if names.contains(&format!("{root}byteorder")) && entry("byteorder")? != b"little" {
        fail!(File, "the checkpoint was written on a big-endian machine: save it again on another");
    }
    let pickled = entry("data.pkl")?;
    let mut machine = Machine::new(&pickled);
    let top = machine.run()?;
    tensors(&machine, top, |key| entry(&format!("data/{key}")))
}

/// The old layout: magic number, version, what machine it was, the object, the keys of its storages, their numbers.
fn read_row(bytes: &[u8]) -> Result<Weights, Error> {
    let mut machine = Machine::new(bytes);
    let magic = machine.run()?;
    if !matches!(machine.node(magic), Node::Long(digits) if *digits == MAGIC) {
        fail!(File, "this is no PyTorch checkpoint");
    }
    machine.run()?;
    machine.run()?;
    let top = machine.run()?;
    let keys = machine.run()?;
    let Node::Sequence(keys) = machine.node(keys) else {
        fail!(File, "the checkpoint's list of storages is broken");
    };
    let mut at = machine.position();
    let mut places = BTreeMap::new();
    for &key in keys {
        let Node::Text(key) = machine.node(key) else { fail!(File, "the checkpoint's list of storages is broken") };
        let Some(storage) = machine.storages.iter().find(|storage| storage.key == *key) else {
            fail!(File, "the checkpoint lists a storage {key:?} that nothing is in");
        };
        let length = storage.count.checked_mul(storage.numbers.bytes()).and_then(|length| length.checked_add(8));
        let end = length.and_then(|length| at.checked_add(length)).filter(|&end| end <= bytes.len());
        let Some(end) = end else { fail!(File, "the checkpoint ends within its numbers: it was cut off") };
        places.insert(key.clone(), at + 8..end);
        at = end;
    }
    tensors(&machine, top, |key| match places.get(key) {
        Some(place) => Ok(bytes[place.clone()].to_vec()),
        None => fail!(File, "the checkpoint has no storage {key:?}"),
    })
}

/// All tensors under `top`, their numbers from the bytes that `storage` gives for a key.
fn tensors(
    machine: &Machine,
    top: Id,
    mut storage: impl FnMut(&str) -> Result<Vec<u8>, Error>,
) -> Result<Weights, Error> {
    let mut found = Vec::new();
    let mut visits = 0;
    collect(machine, top, String::new(), (0, &mut visits), &mut found)?;
    let total: usize =
        found.iter().map(|(_, tensor)| tensor.numbers().unwrap_or(usize::MAX)).fold(0, usize::saturating_add);
    if total > MOST_NUMBERS {
        fail!(
            File,
            "the checkpoint's tensors hold more than {MOST_NUMBERS} numbers: no model that kaiga runs is so large"
        );
    }
    let mut weights = Weights::new();
    // Tensors may share a storage.
    let mut storages = BTreeMap::new();
    for (name, tensor) in found {
        let place = &machine.storages[tensor.storage];
        if matches!(place.numbers, Numbers::Other(_)) {
            continue;
        }
        if !storages.contains_key(&place.key) {
            storages.insert(place.key.clone(), storage(&place.key)?);
        }
        weights.insert(name.clone(), gathered(&name, tensor, place.numbers, &storages[&place.key])?);
    }
    Ok(weights)
}

fn collect<'m>(
    machine: &'m Machine,
    id: Id,
    name: String,
    (depth, visits): (usize, &mut usize),
    found: &mut Vec<(String, &'m Strided)>,
) -> Result<(), Error> {
    *visits += 1;
    match machine.node(id) {
        // The same dictionary may lie in itself, or in many places: a limit for both.
        Node::Map(_) if depth > DEEPEST || *visits > MOST_ENTRIES => {
            fail!(File, "the checkpoint's dictionaries lie in each other too deep, or hold too much")
        }
        Node::Map(entries) => {
            for &(key, value) in entries {
                if let Node::Text(key) = machine.node(key) {
                    let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                    collect(machine, value, name, (depth + 1, &mut *visits), found)?;
                }
            }
            Ok(())
        }
        Node::Tensor(tensor) => {
            found.push((name, tensor));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The numbers of a tensor, in row-major order.
fn gathered(name: &str, tensor: &Strided, numbers: Numbers, bytes: &[u8]) -> Result<Tensor, Error> {
    let (size, count) = (numbers.bytes(), tensor.numbers().unwrap_or(usize::MAX));
    let mut data = Vec::with_capacity(count.min(MOST_NUMBERS));
    let mut place = vec![0_usize; tensor.shape.len()];
    for _ in 0..count {
        let steps = place.iter().zip(&tensor.strides);
        let at = steps.fold(tensor.offset, |at, (index, stride)| at.saturating_add(index.saturating_mul(*stride)));
        let found = at.checked_mul(size).and_then(|at| bytes.get(at..at.checked_add(size)?));
        let Some(number) = found.and_then(|bytes| numbers.read(bytes)) else {
            fail!(File, "tensor {name} of {:?} reaches beyond the numbers that the file holds", tensor.shape);
        };
        data.push(number);
        for axis in (0..place.len()).rev() {
            place[axis] += 1;
            if place[axis] < tensor.shape[axis] {
                break;
            }
            place[axis] = 0;
        }
    }
    Ok(Tensor { shape: tensor.shape.clone(), data })
}

#[cfg(test)]
mod tests;
