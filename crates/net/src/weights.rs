//! Named tensors: what training makes and a model file holds. Files are safetensors in half precision.

use std::collections::BTreeMap;

use half::f16;
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use crate::arch::Arch;
use crate::error::{Error, fail};
use crate::shape::parameters;

/// A tensor in row-major order.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Tensor {
    /// Sizes, outermost first; a convolution's weight is cout × cin/groups × kernel × kernel.
    pub shape: Vec<usize>,
    /// The numbers.
    pub data: Vec<f32>,
}

/// Tensors by name, in the order of their names.
pub type Weights = BTreeMap<String, Tensor>;

/// What a file says about itself, in words, by key.
pub type Metadata = BTreeMap<String, String>;

impl Tensor {
    /// A tensor of this shape.
    ///
    /// # Panics
    /// If the shape does not hold as many numbers as `data`.
    pub fn new(shape: &[usize], data: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "a tensor of {shape:?} needs as many numbers");
        Self { shape: shape.to_vec(), data }
    }
}

/// Whether `weights` hold every tensor of `arch`, in the right shape, with as many numbers, all finite. Tensors the
/// network does not know are left alone: the eye and the drawer share one file.
///
/// # Errors
/// [`ErrorKind::Weights`](crate::ErrorKind::Weights), naming the tensor.
pub fn check(arch: &Arch, weights: &Weights) -> Result<(), Error> {
    for (name, shape) in parameters(arch)? {
        let Some(tensor) = weights.get(&name) else {
            fail!(Weights, "{} needs the tensor {name} of {shape:?}, which is missing", arch.name);
        };
        if tensor.shape != shape {
            fail!(Weights, "{}: {name} must be {shape:?}, it is {:?}", arch.name, tensor.shape);
        }
        if tensor.data.len() != shape.iter().product::<usize>() {
            fail!(Weights, "{}: {name} of {shape:?} holds {} numbers", arch.name, tensor.data.len());
        }
        if let Some(bad) = tensor.data.iter().find(|number| !number.is_finite()) {
            fail!(Weights, "{}: {name} contains {bad}", arch.name);
        }
    }
    Ok(())
}

/// Reads a safetensors file of f16 or f32 tensors: the tensors as f32, and what the file says about itself.
///
/// # Errors
/// [`ErrorKind::File`](crate::ErrorKind::File) if the bytes are no such file, or a tensor is of another type;
/// [`ErrorKind::Weights`](crate::ErrorKind::Weights) if a number is not finite.
pub fn read(bytes: &[u8]) -> Result<(Weights, Metadata), Error> {
    let metadata = read_metadata(bytes)?;
    let mut weights = Weights::new();
    for (name, view) in SafeTensors::deserialize(bytes).map_err(broken)?.tensors() {
        let data: Vec<f32> = match view.dtype() {
            Dtype::F16 => view.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
            Dtype::F32 => view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            other => fail!(File, "tensor {name} is {other:?}; models are F16 or F32"),
        };
        if let Some(bad) = data.iter().find(|number| !number.is_finite()) {
            fail!(Weights, "tensor {name} contains {bad}");
        }
        weights.insert(name, Tensor { shape: view.shape().to_vec(), data });
    }
    Ok((weights, metadata))
}

/// Writes a safetensors file in half precision. The same tensors and words make the same bytes.
///
/// # Errors
/// [`ErrorKind::Weights`](crate::ErrorKind::Weights) if a tensor's shape does not match its numbers, or a number is
/// not finite or beyond what half precision holds (±65504).
pub fn write(weights: &Weights, metadata: &Metadata) -> Result<Vec<u8>, Error> {
    let half = |name: &str, number: f32| {
        let half = f16::from_f32(number);
        if !half.is_finite() {
            fail!(Weights, "tensor {name} contains {number}, which half precision cannot hold");
        }
        Ok(half.to_le_bytes())
    };
    write_as("F16", half, weights, metadata)
}

/// Writes a safetensors file in single precision. The same tensors and words make the same bytes.
///
/// # Errors
/// [`ErrorKind::Weights`](crate::ErrorKind::Weights) if a tensor's shape does not match its numbers, or a number is
/// not finite.
pub fn write_single(weights: &Weights, metadata: &Metadata) -> Result<Vec<u8>, Error> {
    let single = |name: &str, number: f32| {
        if !number.is_finite() {
            fail!(Weights, "tensor {name} contains {number}");
        }
        Ok(number.to_le_bytes())
    };
    write_as("F32", single, weights, metadata)
}

fn write_as<const N: usize>(
    kind: &str,
    bytes_of: impl Fn(&str, f32) -> Result<[u8; N], Error>,
    weights: &Weights,
    metadata: &Metadata,
) -> Result<Vec<u8>, Error> {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (name, tensor) in weights {
        if tensor.shape.iter().product::<usize>() != tensor.data.len() {
            fail!(Weights, "tensor {name} of {:?} holds {} numbers", tensor.shape, tensor.data.len());
        }
        let start = data.len();
        for &number in &tensor.data {
            data.extend(bytes_of(name, number)?);
        }
        let entry = serde_json::json!({"dtype": kind, "shape": tensor.shape, "data_offsets": [start, data.len()]});
        header.insert(name.clone(), entry);
    }
    Ok(container(header, &data, metadata))
}

/// Writes a safetensors file with bytes that are no numbers, under a name. [`read_bytes`] reads them.
pub(crate) fn write_bytes(name: &str, bytes: &[u8], metadata: &Metadata) -> Vec<u8> {
    let entry = serde_json::json!({"dtype": "U8", "shape": [bytes.len()], "data_offsets": [0, bytes.len()]});
    container(serde_json::Map::from_iter([(name.to_owned(), entry)]), bytes, metadata)
}

/// The bytes of that name in a safetensors file.
///
/// # Errors
/// [`ErrorKind::File`](crate::ErrorKind::File) if there are none.
pub(crate) fn read_bytes(bytes: &[u8], name: &str) -> Result<Vec<u8>, Error> {
    let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
    match tensors.tensor(name) {
        Ok(view) if view.dtype() == Dtype::U8 => Ok(view.data().to_vec()),
        _ => fail!(File, "the file holds no {name}"),
    }
}

/// What a safetensors file says about itself.
///
/// # Errors
/// [`ErrorKind::File`](crate::ErrorKind::File) if the bytes are no such file.
pub(crate) fn read_metadata(bytes: &[u8]) -> Result<Metadata, Error> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    Ok(header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn broken(error: SafeTensorError) -> Error {
    Error::new(crate::ErrorKind::File, format!("not a readable safetensors file: {error}"))
}

/// The crate's own writer keeps the metadata in a hash map, whose order differs from run to run.
fn container(mut header: serde_json::Map<String, serde_json::Value>, data: &[u8], metadata: &Metadata) -> Vec<u8> {
    if !metadata.is_empty() {
        header.insert("__metadata__".to_owned(), serde_json::json!(metadata));
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    // The data start at a multiple of 8 bytes; the format pads with spaces.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(data);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn example() -> (Weights, Metadata) {
        let weights = Weights::from([
            ("b.weight".to_owned(), Tensor::new(&[2, 1], vec![0.5, -65504.0])),
            ("a.\"bias\"".to_owned(), Tensor::new(&[3], vec![1.0, 0.0, -0.25])),
        ]);
        let words = (0..20).map(|i| (format!("key{i}"), "絵画\n".to_owned())).collect();
        (weights, words)
    }

    #[test]
    fn what_was_written_is_read_and_the_bytes_are_the_same_twice() {
        let (weights, words) = example();
        let bytes = write(&weights, &words).unwrap();
        assert_eq!(bytes, write(&weights, &words).unwrap());
        assert_eq!(read(&bytes).unwrap(), (weights, words));
    }

    #[test]
    fn broken_files_are_errors_wherever_they_break() {
        let (weights, words) = example();
        let bytes = write(&weights, &words).unwrap();
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]).expect_err("it is cut off").kind(), ErrorKind::File, "at {length}");
        }
        let mut endless = bytes.clone();
        endless[7] = 0xff;
        assert_eq!(read(&endless).expect_err("the header is longer than the file").kind(), ErrorKind::File);
    }

    #[test]
    fn numbers_that_are_none_are_refused_both_ways() {
        for bad in [f32::NAN, f32::INFINITY, 1e6] {
            let weights = Weights::from([("x".to_owned(), Tensor::new(&[1], vec![bad]))]);
            assert_eq!(write(&weights, &Metadata::new()).expect_err("not a half").kind(), ErrorKind::Weights);
        }
        let (weights, words) = example();
        let mut bytes = write(&weights, &words).unwrap();
        let end = bytes.len();
        bytes[end - 2..].copy_from_slice(&f16::NAN.to_le_bytes());
        assert_eq!(read(&bytes).expect_err("NaN").kind(), ErrorKind::Weights);
    }

    #[test]
    fn check_names_the_tensor() {
        let eye = crate::light::eye();
        let mut weights: Weights = parameters(&eye)
            .unwrap()
            .into_iter()
            .map(|(name, shape)| (name, Tensor::new(&shape, vec![0.1; shape.iter().product()])))
            .collect();
        check(&eye, &weights).unwrap();
        weights.get_mut("eye.see1.bias").unwrap().shape = vec![24, 2];
        assert!(check(&eye, &weights).unwrap_err().to_string().contains("eye.see1.bias must be [48]"));
        weights.remove("eye.see0.bias");
        assert!(check(&eye, &weights).unwrap_err().to_string().contains("eye.see0.bias"));
    }
}
