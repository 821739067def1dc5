//! Reads the tensors of a PyTorch checkpoint: a `state_dict` as `torch.save` writes it, in the zip format or in the one
//! from before version 1.6 (several pickles, then the storages one after another).

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use anyhow::{Context, Result, bail, ensure};
use tch::{Kind, Tensor};
use zip::{CompressionMethod, ZipArchive};

use super::pickle::{Node, Pickle, Storage, View, take};

/// The old format starts with a pickle of torch's magic number.
const OLD_FORMAT: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
const ZIP_FORMAT: &[u8] = b"PK\x03\x04";

/// Tensors by name, f32, f16 or i64 as they were saved. Every length in `bytes` is held against what is there.
///
/// # Errors
/// If `bytes` are no checkpoint, are damaged, or hold anything but tensors in a dictionary.
pub fn read(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>> {
    if let Some(rest) = bytes.strip_prefix(OLD_FORMAT) {
        old(rest)
    } else if bytes.starts_with(ZIP_FORMAT) {
        zipped(bytes)
    } else {
        bail!("it is not a checkpoint of PyTorch's")
    }
}

fn old(mut bytes: &[u8]) -> Result<BTreeMap<String, Tensor>> {
    Pickle::read(&mut bytes)?; // the version of the format
    let system = Pickle::read(&mut bytes)?;
    let order = system.entries()?.into_iter().find(|(key, _)| *key == "little_endian");
    ensure!(matches!(order, Some((_, Node::Int(1)))), "its numbers are not little-endian");
    let model = Pickle::read(&mut bytes)?;
    let described = storages(&model)?;
    let keys = Pickle::read(&mut bytes)?;
    let mut stored = BTreeMap::new();
    for key in keys.texts()? {
        let storage = described.get(key).with_context(|| format!("storage {key} belongs to no tensor"))?;
        let count = take(&mut bytes, 8)?.try_into().map(u64::from_le_bytes)?;
        ensure!(count == storage.count as u64, "storage {key} has {count} values, its tensor says {}", storage.count);
        stored.insert(key, flat(storage, take(&mut bytes, storage.bytes()?)?)?);
    }
    tensors(&model, &stored)
}

fn zipped(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).context("its list of contents is damaged")?;
    let root = archive.file_names().find_map(|name| name.strip_suffix("data.pkl"));
    let root = root.context("it holds no data.pkl: it is not a checkpoint of PyTorch's")?.to_owned();
    let mut entry = |name: &str| -> Result<Vec<u8>> {
        let file = archive.by_name(&format!("{root}{name}")).with_context(|| format!("it holds no {name}"))?;
        ensure!(file.compression() == CompressionMethod::Stored, "{name} is compressed: PyTorch leaves it as it is");
        let mut data = vec![];
        file.take(bytes.len() as u64).read_to_end(&mut data).with_context(|| format!("{name} is damaged"))?;
        Ok(data)
    };
    if let Ok(order) = entry("byteorder") {
        ensure!(order == b"little", "its numbers are not little-endian");
    }
    let program = entry("data.pkl")?;
    let model = Pickle::read(&mut program.as_slice())?;
    let (mut stored, mut left) = (BTreeMap::new(), bytes.len());
    for (key, storage) in storages(&model)? {
        let data = entry(&format!("data/{key}"))?;
        // Entries that share bytes could unfold a small file into a large one.
        left = left.checked_sub(data.len()).context("its contents are larger than the file")?;
        stored.insert(key, flat(storage, &data)?);
    }
    tensors(&model, &stored)
}

/// The storages that `model` names.
fn storages<'m, 'a>(model: &'m Pickle<'a>) -> Result<BTreeMap<&'a str, &'m Storage<'a>>> {
    let mut all: BTreeMap<&str, &Storage> = BTreeMap::new();
    for node in model.nodes() {
        if let Node::Storage(storage) = node {
            let known = *all.entry(storage.key).or_insert(storage);
            ensure!(known == storage, "storage {} is described in two ways", storage.key);
        }
    }
    Ok(all)
}

/// All of a storage, in one row.
fn flat(storage: &Storage, data: &[u8]) -> Result<Tensor> {
    ensure!(
        data.len() == storage.bytes()?,
        "storage {} has {} bytes, not {}",
        storage.key,
        data.len(),
        storage.bytes()?
    );
    Ok(Tensor::f_from_data_size(data, &[storage.count as i64], storage.kind)?)
}

fn tensors(model: &Pickle, stored: &BTreeMap<&str, Tensor>) -> Result<BTreeMap<String, Tensor>> {
    let one = |(name, node): (&str, &Node)| {
        let Node::Tensor(view) = node else {
            bail!("{name} is not a tensor: save the model's state_dict and nothing else");
        };
        let storage = stored.get(view.storage.key).with_context(|| format!("{name} has no data"))?;
        let tensor = cut(view, storage).with_context(|| format!("{name} does not fit its data"))?;
        Ok((name.to_owned(), tensor))
    };
    model.entries()?.into_iter().map(one).collect()
}

/// The part of a storage that a tensor shows.
fn cut(view: &View, storage: &Tensor) -> Result<Tensor> {
    let reach = |bound: usize, (&size, &stride): (&usize, &usize)| bound.checked_add((size - 1).checked_mul(stride)?);
    let count = view.sizes.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    // A stride of 0 shows the same values again and again.
    ensure!(count.is_some_and(|count| count <= view.storage.count), "it has too many values");
    if count != Some(0) {
        let last = view.sizes.iter().zip(&view.strides).try_fold(view.offset, reach);
        ensure!(last.is_some_and(|last| last < view.storage.count), "it reaches beyond the end");
    } else {
        ensure!(view.offset <= view.storage.count, "it starts beyond the end");
    }
    let long = |x: &[usize]| x.iter().map(|&x| x as i64).collect::<Vec<_>>();
    Ok(storage.f_as_strided(long(&view.sizes), long(&view.strides), view.offset as i64)?.f_contiguous()?)
}

impl Storage<'_> {
    fn bytes(&self) -> Result<usize> {
        let size = match self.kind {
            Kind::Half => 2,
            Kind::Float => 4,
            _ => 8,
        };
        self.count.checked_mul(size).context("a storage is too large")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// `{"a": the transposed 2×3 of values 1..7 of eight, "b": two halves}`, as torch pickles it.
    const MODEL: &[u8] = b"\x80\x02ccollections\nOrderedDict\nq\0)Rq\x01(X\x01\0\0\0aq\x02\
        ctorch._utils\n_rebuild_tensor_v2\nq\x03((X\x07\0\0\0storageq\x04ctorch\nFloatStorage\nq\x05X\x01\0\0\0Fq\x06\
        X\x03\0\0\0cpuq\x07K\x08Ntq\x08QK\x01K\x03K\x02\x86q\x09K\x01K\x03\x86q\x0a\x89h\0)Rq\x0btq\x0cRq\x0d\
        X\x01\0\0\0bq\x0eh\x03((h\x04ctorch\nHalfStorage\nq\x0fX\x01\0\0\0Hq\x10h\x07K\x02NtQK\0K\x02\x85K\x01\x85\
        \x89h\0)RtRu}X\x09\0\0\0_metadatah\0)Rsb.";
    const HALVES: [u8; 4] = [0x00, 0x3e, 0x00, 0xc0]; // 1.5 and −2 in half precision

    fn floats() -> Vec<u8> {
        (0..8).flat_map(|i| (i as f32).to_le_bytes()).collect()
    }

    fn old_file(model: &[u8]) -> Vec<u8> {
        let mut file = OLD_FORMAT.to_vec();
        file.extend(b"\x80\x02M\xe9\x03.\x80\x02}q\0(X\x0d\0\0\0little_endianq\x01\x88u.");
        file.extend(model);
        file.extend(b"\x80\x02]q\0(X\x01\0\0\0Hq\x01X\x01\0\0\0Fq\x02e.");
        file.extend([2, 0, 0, 0, 0, 0, 0, 0].iter().chain(&HALVES).chain(&[8, 0, 0, 0, 0, 0, 0, 0]).chain(&floats()));
        file
    }

    fn zip_file(model: &[u8]) -> Vec<u8> {
        let mut file = zip::ZipWriter::new(Cursor::new(vec![]));
        let plain = zip::write::FileOptions::default().compression_method(CompressionMethod::Stored);
        let contents: [(&str, &[u8]); 4] =
            [("data.pkl", model), ("byteorder", b"little"), ("data/F", &floats()), ("data/H", &HALVES)];
        for (name, data) in contents {
            file.start_file(format!("archive/{name}"), plain).unwrap();
            file.write_all(data).unwrap();
        }
        file.finish().unwrap().into_inner()
    }

    #[test]
    fn both_formats_are_read() {
        for file in [old_file(MODEL), zip_file(MODEL)] {
            let tensors = read(&file).unwrap();
            assert_eq!(tensors.keys().collect::<Vec<_>>(), ["a", "b"]);
            assert_eq!(tensors["a"].size(), [3, 2]);
            let a = Vec::<f32>::try_from(tensors["a"].flatten(0, 1)).unwrap();
            assert_eq!(a, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
            assert_eq!(tensors["b"].kind(), Kind::Half);
            assert_eq!(Vec::<f32>::try_from(tensors["b"].to_kind(Kind::Float)).unwrap(), [1.5, -2.0]);
        }
    }

    /// `MODEL` with the only place of `old` replaced.
    fn changed(old: &[u8], new: &[u8]) -> Vec<u8> {
        let at = MODEL.windows(old.len()).position(|part| part == old).unwrap();
        [&MODEL[..at], new, &MODEL[at + old.len()..]].concat()
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let cases: [(&[u8], &[u8], &str); 6] = [
            (b"ctorch._utils\n_rebuild_tensor_v2", b"cos\nsystem", "os system"),
            (b"K\x03K\x02\x86", b"K\x03K\x03\x86", "too many"),
            (b"K\x01K\x03\x86", b"K\x01K\x05\x86", "beyond the end"),
            (b"K\x08Nt", b"J\xff\xff\xff\x7fNt", "2147483647"),
            (b"FloatStorage", b"ComplexStorage", "ComplexStorage"),
            (b"X\x09\0\0\0_metadata", b"X\xff\xff\xff\xff_metadata", "too early"),
        ];
        for (old, new, says) in cases {
            let model = changed(old, new);
            let error = format!("{:#}", read(&old_file(&model)).unwrap_err());
            assert!(error.contains(says), "{error}");
            assert!(read(&zip_file(&model)).is_err());
        }
        let number = b"\x80\x02}X\x05\0\0\0epochK\x05s.";
        assert!(read(&zip_file(number)).unwrap_err().to_string().contains("epoch is not a tensor"));
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let mut old = old_file(MODEL);
        for end in 0..old.len() {
            assert!(read(&old[..end]).is_err(), "cut at {end}");
        }
        for at in 0..old.len() {
            for flip in [0x01, 0x80, 0xff] {
                old[at] ^= flip;
                let _ = read(&old);
                old[at] ^= flip;
            }
        }
        let zip = zip_file(MODEL);
        for end in 0..zip.len() {
            let _ = read(&zip[..end]);
        }
    }
}
