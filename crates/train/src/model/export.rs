//! From a run to model files. A model whose painting by the engine differs from the trainer's is not written.

use std::path::Path;

use anyhow::{Context, Result, bail};
use engine::Map;
use net::light::THUMBNAIL_PX;
use net::{Arch, Model, Shape, Style, Weights, merge};
use tch::{Device, Kind, Tensor};

use crate::file;
use crate::model::parameters::{Layout, plain};
use crate::model::torch_model::{forward, named};
use crate::run::recipe::Words;
use crate::run::step::paint;

/// Most by which engine and trainer may differ anywhere in the map a picture is made of (range −1..1): a tenth of a
/// grey level.
pub const TOLERANCE: f32 = 1e-3;

/// Writes the file of a model that learnt from nothing, unless engine and trainer differ on it by more than [`TOLERANCE`].
///
/// # Errors
/// If they do, or the file cannot be written.
pub fn write_alike(path: &Path, bytes: &[u8], difference: impl Fn(&Model) -> Result<f32>) -> Result<()> {
    let worst = difference(&Model::read(bytes)?)?;
    if worst.is_nan() || worst > TOLERANCE {
        bail!("engine and trainer differ by {worst:.2e}, at most {TOLERANCE:.0e} is allowed");
    }
    file::write(path, bytes)
}

/// What the engine and the trainer make of the same square of noise, `side` px: a pair for each output.
///
/// # Errors
/// If the engine refuses the network.
pub fn both(arch: &Arch, weights: &Weights, side: usize, rng: &mut fastrand::Rng) -> Result<Vec<[Vec<f32>; 2]>> {
    let crop = Map::from_fn(Shape::new(side, side, 3), |_, _, _| rng.f32() * 2.0 - 1.0);
    let theirs = engine::Network::new(arch, weights)?.run(&[&crop])?;
    let pixels = Tensor::from_slice(&crop.data).view([1, side as i64, side as i64, 3]).permute([0, 3, 1, 2]);
    let weights = named(weights, Device::Cpu);
    let ours = tch::no_grad(|| forward(arch, &[&pixels.contiguous()], &weights, Kind::Float));
    let pair = |(theirs, ours): (Map, &Tensor)| Ok([theirs.data, Vec::try_from(ours.flatten(0, -1))?]);
    theirs.into_iter().zip(&ours).map(pair).collect()
}

/// The larger of two differences; what is no number is the largest.
pub fn worse(most: f32, difference: f32) -> f32 {
    if difference > most || difference.is_nan() { difference } else { most }
}

/// The bytes of a base file, and of every style's file with its name.
pub struct Files {
    /// Base model.
    pub base: Vec<u8>,
    /// Styles by name.
    pub styles: Vec<(String, Vec<u8>)>,
    /// Largest difference between engine and trainer that was seen.
    pub worst: f32,
}

/// Makes model files of the weights `flat`, in half precision, with `note` on how they were made and `words` on what
/// each style is; reads them back and lets engine and trainer paint the same picture.
///
/// # Errors
/// If a file cannot be made, or engine and trainer differ by more than [`TOLERANCE`].
pub fn export(layout: &Layout, flat: &Tensor, note: &str, words: &dyn Fn(&str) -> Words) -> Result<Files> {
    let (weights, styles) = layout.files(flat);
    let notes = std::collections::BTreeMap::from([("kaiga.training".to_owned(), note.to_owned())]);
    let model = Model { architecture: layout.architecture(), weights, notes: notes.clone() };
    let base = model.write().context("the base cannot be written")?;
    let model = Model::read(&base)?;
    let mut files = Files { base, styles: vec![], worst: 0.0 };
    for (name, tensors) in styles {
        let (architecture, notes) = (layout.architecture(), notes.clone());
        let Words { description, tags, credit, medium } = words(&name);
        let style = Style { name: name.clone(), description, tags, medium, credit, architecture, tensors, notes };
        let bytes = style.write().with_context(|| format!("style {name} cannot be written"))?;
        let worst = disagreement(layout, &merge(&model, &[(&Style::read(&bytes)?, 1.0)])?)?;
        if worst.is_nan() || worst > TOLERANCE {
            bail!("engine and trainer differ by {worst:.2e} in style {name}, at most {TOLERANCE:.0e} is allowed");
        }
        files.worst = files.worst.max(worst);
        files.styles.push((name, bytes));
    }
    Ok(files)
}

/// Largest difference between the engine's map and the trainer's for a picture of noise and slopes.
///
/// # Errors
/// If the engine refuses the network.
pub fn disagreement(layout: &Layout, weights: &Weights) -> Result<f32> {
    let (picture, thumbnail) = (picture(64, 48), picture(THUMBNAIL_PX, THUMBNAIL_PX));
    let ours = tch::no_grad(|| {
        let nchw = |map: &Map| {
            let shape = [1, map.height as i64, map.width as i64, map.channels as i64];
            Tensor::from_slice(&map.data).view(shape).permute([0, 3, 1, 2])
        };
        let named = named(weights, Device::Cpu);
        let painted = paint(&layout.archs, &named, &nchw(&picture), &nchw(&thumbnail), Kind::Float);
        plain(&painted.permute([0, 2, 3, 1])).data
    });
    let run = |arch: usize, inputs: &[&Map]| -> Result<Map> {
        Ok(engine::plain::run(&layout.archs[arch], weights, inputs)?.swap_remove(0))
    };
    let modulation = run(0, &[&thumbnail])?;
    let theirs = run(1, &[&picture, &modulation])?.data;
    // `f32::max` would pass over NaN.
    Ok(ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, |m, d| if d > m || d.is_nan() { d } else { m }))
}

fn picture(width: usize, height: usize) -> Map {
    let mut rng = fastrand::Rng::with_seed(5);
    let shape = net::Shape::new(height, width, 3);
    Map::from_fn(shape, |y, x, c| {
        let slope = (x as f32 / 11.0 + c as f32).sin() * (y as f32 / 17.0).cos();
        (slope * 0.8 + rng.f32() * 0.3 - 0.15).clamp(-1.0, 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_paints_what_was_trained() {
        let layout = Layout::light(&["a", "b"]);
        // Random numbers everywhere, so that no head and no adapter is silent.
        let mut rng = fastrand::Rng::with_seed(2);
        let noise: Vec<f32> = (0..layout.len()).map(|_| (rng.f32() - 0.5) * 0.2).collect();
        let flat = layout.start(1, Device::Cpu) + Tensor::from_slice(&noise);
        let files = export(&layout, &flat, "test", &|_| Words::default()).unwrap();
        assert_eq!(files.styles.len(), 2);
        assert!(files.worst < TOLERANCE && files.worst > 0.0, "{}", files.worst);
    }

    #[test]
    fn the_trainer_reads_a_look_that_was_exported_and_paints_what_the_engine_paints() {
        let studio = kaiga::Studio::embedded().unwrap();
        let look = kaiga::Look { styles: "meadow:0.6,skyglow:0.4".parse().unwrap(), ..Default::default() };
        let export = studio.export(&look, kaiga::Format::Safetensors).unwrap();
        let model = Model::read(&export.bytes).unwrap();
        assert_eq!(model.notes["kaiga.look"], look.styles.to_string());
        let worst = disagreement(&Layout::light(&["merged"]), &model.weights).unwrap();
        assert!(worst < TOLERANCE && worst > 0.0, "{worst}");
    }
}
