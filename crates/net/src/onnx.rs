//! Networks as ONNX files, for other engines and for comparison: opset 18, f32, standard operators only. [`write()`] writes
//! one network for pictures of one size, [`write_look`] all that painting in one look takes, for pictures of any size.

pub mod foreign;
mod graph;
mod look;
mod network;

use crate::arch::Arch;
use crate::error::Error;
use crate::shape::{Shape, shapes};
use crate::weights::Weights;
use graph::{Dimension, Graph, Numbers};

pub use look::{Finish, Form, Greys, write as write_look};

/// The version of the operators that the graphs use.
pub const OPSET: i64 = graph::OPSET;

/// Writes `arch` with its weights for inputs of these shapes. Inputs and outputs keep the architecture's names; a map
/// H×W×C becomes 1×C×H×W. The same network makes the same bytes.
///
/// # Errors
/// Where weights or shapes do not fit the architecture.
pub fn write(arch: &Arch, weights: &Weights, inputs: &[Shape]) -> Result<Vec<u8>, Error> {
    let shapes = shapes(arch, inputs)?;
    let mut graph = Graph::default();
    let names: Vec<&str> = arch.inputs.iter().map(|(name, _)| name.as_str()).collect();
    for (name, shape) in names.iter().zip(&shapes) {
        graph.input(name, Numbers::Float, &dimensions(*shape));
    }
    let made = network::append(&mut graph, arch, weights, &names, Some(&shapes), None)?;
    for ((name, value), made) in arch.outputs.iter().zip(made) {
        graph.output(name, &made, Numbers::Float, &dimensions(shapes[*value]));
    }
    Ok(graph.finish(&arch.name, &[]))
}

fn dimensions(shape: Shape) -> [Dimension; 4] {
    [1, shape.channels, shape.height, shape.width].map(Dimension::Is)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tensor, classic, light, parameters};

    fn halves(arch: &Arch) -> Weights {
        let tensors = parameters(arch).unwrap().into_iter();
        let halves = |shape: &[usize]| Tensor::new(shape, vec![0.5; shape.iter().product()]);
        tensors.map(|(name, shape)| (name, halves(&shape))).collect()
    }

    /// Whether the files compute the same is checked against ONNX Runtime by
    /// `crates/engine/benches/against_onnxruntime.py`.
    #[test]
    fn every_network_is_written_the_same_twice_with_all_its_numbers() {
        let drawer = [Shape::new(32, 48, 3), Shape::new(1, 1, 192)];
        let [_, pruned] = light::networks(&light::name(&[7; 17])).unwrap();
        for (arch, inputs) in [
            (light::drawer(), &drawer[..]),
            (pruned, &drawer[..]),
            (light::eye(), &[Shape::new(128, 128, 3)][..]),
            (classic::generator(true), &drawer[..1]),
        ] {
            let weights = halves(&arch);
            let numbers: usize = weights.values().map(|tensor| tensor.data.len()).sum();
            let bytes = write(&arch, &weights, inputs).unwrap();
            assert_eq!(bytes, write(&arch, &weights, inputs).unwrap());
            assert!(bytes.len() > 4 * numbers && bytes.len() < 4 * numbers + 60_000, "{}: {}", arch.name, bytes.len());
            assert!(write(&arch, &Weights::new(), inputs).is_err());
            assert!(write(&arch, &weights, &[]).is_err());
        }
    }

    /// Whether they paint the same is checked by `crates/cli/tests/exported.py`.
    #[test]
    fn a_look_is_written_the_same_twice_and_half_weights_halve_it() {
        let networks = [light::eye(), light::drawer()];
        let mut weights = halves(&networks[0]);
        weights.extend(halves(&networks[1]));
        let finish = Finish::Colour { saturation: 1.0, line: 1.0, strength: 1.0 };
        let notes = [("licence", "CC0".to_owned())];
        let written = |form: Form| write_look(&networks, &weights, &finish, form, None, &notes).unwrap();
        let whole = written(Form::default());
        assert_eq!(whole, written(Form::default()));
        assert!(whole.windows(3).any(|bytes| bytes == b"CC0"));
        let numbers: usize = weights.values().map(|tensor| tensor.data.len()).sum();
        let half = written(Form { half_weights: true, ..Form::default() });
        assert!((2 * numbers - 50_000..2 * numbers).contains(&(whole.len() - half.len())));
        for form in
            [Form::default(), Form { bytes: true, ..Form::default() }, Form { size: Some((70, 50)), ..Form::default() }]
        {
            let read = foreign::Graph::new(written(form), &foreign::Wishes::default()).unwrap();
            assert_eq!((read.takes.size, read.takes.bytes), (form.size, (form.bytes, form.bytes)));
        }
        let drawer = &networks[1];
        let ranges = vec![(-1.0, 2.0); drawer.inputs.len() + drawer.ops.len()];
        let eighth = write_look(&networks, &weights, &finish, Form::default(), Some(&ranges), &notes).unwrap();
        let of_drawer: usize =
            parameters(drawer).unwrap().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        // Steps, zeros and nodes take some of the three bytes of four that are saved.
        assert!((2 * of_drawer..3 * of_drawer).contains(&(whole.len() - eighth.len())));
        assert!(write_look(&networks, &weights, &finish, Form::default(), Some(&ranges[1..]), &[]).is_err());
        let nothing = Form { size: Some((0, 4)), ..Form::default() };
        assert!(write_look(&networks, &weights, &finish, nothing, None, &[]).is_err());
        assert!(write_look(&networks, &Weights::new(), &finish, Form::default(), None, &[]).is_err());
    }
}
