//! A whole look as one graph: a picture comes in, the painting goes out, and nothing has to be done around it.

use super::graph::Attribute::{Int, Ints, Text};
use super::graph::{Dimension, Graph, Numbers};
use super::network::append;
use crate::arch::Arch;
use crate::error::{Error, fail};
use crate::light::{GRAIN_PX, INK_GREYS, INK_TINT, THUMBNAIL_PX};
use crate::shape::{Shape, shapes};
use crate::weights::Weights;

/// Rows and columns of the table that ramps are cut out of: a graph for pictures of any size takes sides up to its square,
/// 16,384 px.
const RAMP_TABLE: usize = 128;

/// What a look's graph takes and gives, and how it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Width and height, px, if the graph is for pictures of one size; else it takes all sizes.
    pub size: Option<(usize, usize)>,
    /// Pixels in and out are bytes, 1×H×W×3, as they lie in memory; else numbers 0..1, 1×3×H×W.
    pub bytes: bool,
    /// Weights are stored in half precision, and computed with in single precision.
    pub half_weights: bool,
}

/// What becomes of the four numbers that the drawer gives for each pixel.
#[derive(Clone, Debug, PartialEq)]
pub enum Finish {
    /// Colours, Y, Cb, Cr −1..1, with ink over them.
    Colour {
        /// Factor on the chroma.
        saturation: f32,
        /// Factor on the ink.
        line: f32,
        /// From the photo, 0, to the painting, 1.
        strength: f32,
    },
    /// Tones under ink as plain greys: what screentone looks like from afar.
    Grey(Greys),
}

/// How tones and ink become greys.
#[derive(Clone, Debug, PartialEq)]
pub struct Greys {
    /// The shares of ink that are laid, ascending; a drawn tone becomes the nearest.
    pub tones: Vec<f32>,
    /// Half the width of the soft border between two, in tone.
    pub soft: f32,
    /// Ink that is not seen, and ink that covers.
    pub ink: std::ops::Range<f32>,
    /// Factor on the ink.
    pub line: f32,
    /// sRGB 0..1 of the paper.
    pub paper: f32,
    /// sRGB 0..1 of solid ink.
    pub black: f32,
}

/// Writes eye and drawer with one style's weights and the finish as an ONNX graph, input `photo`, output `painting`,
/// sRGB both. With `ranges`, the least and the largest number of every value of the drawer, that computes with 8-bit integers
/// as far as its heads. `notes` become the model's metadata. The same look makes the same bytes.
///
/// # Errors
/// Where weights do not fit the architecture, or the size has no pixels.
pub fn write(
    [eye, drawer]: &[Arch; 2],
    weights: &Weights,
    finish: &Finish,
    form: Form,
    ranges: Option<&[(f32, f32)]>,
    notes: &[(&str, String)],
) -> Result<Vec<u8>, Error> {
    if form.size.is_some_and(|(width, height)| width == 0 || height == 0) {
        fail!(Input, "a picture has at least one pixel a side");
    }
    let mut graph = Graph::new(form.half_weights);
    graph.prefix = "photo".to_owned();
    let (width, height) = match form.size {
        Some((width, height)) => (Dimension::Is(width), Dimension::Is(height)),
        None => (Dimension::Named("width"), Dimension::Named("height")),
    };
    let (kind, dimensions) = if form.bytes {
        (Numbers::Bytes, [Dimension::Is(1), height, width, Dimension::Is(3)])
    } else {
        (Numbers::Float, [Dimension::Is(1), Dimension::Is(3), height, width])
    };
    graph.input("photo", kind, &dimensions);
    let photo = if form.bytes { from_bytes(&mut graph) } else { "photo".to_owned() };

    let thumbnail = thumbnail(&mut graph, &photo, form.size);
    let seen = [Shape::new(THUMBNAIL_PX, THUMBNAIL_PX, 3)];
    let modulation = append(&mut graph, eye, weights, &[&thumbnail], Some(&shapes(eye, &seen)?), None)?.remove(0);

    graph.prefix = "padded".to_owned();
    let signed = graph.affine(&photo, 2.0, -1.0);
    let (padded, size) = padded(&mut graph, &signed, form.size);
    let drawn = append(&mut graph, drawer, weights, &[&padded, &modulation], None, ranges)?.remove(0);

    graph.prefix = "painting".to_owned();
    let drawn = match size {
        None => drawn,
        Some(size) => {
            let [start, axes] = [[0, 0], [2, 3]].map(|numbers| graph.ints(&numbers));
            graph.make("Slice", &[&drawn, &start, &size, &axes], &[])
        }
    };
    let painting = match finish {
        Finish::Colour { saturation, line, strength } => {
            let painting = coloured(&mut graph, &drawn, *saturation, *line);
            at_strength(&mut graph, &photo, &painting, *strength)
        }
        Finish::Grey(greys) => grey(&mut graph, &drawn, greys),
    };
    let painting = if form.bytes { to_bytes(&mut graph, &painting) } else { painting };
    graph.output("painting", &painting, kind, &dimensions);
    Ok(graph.finish(eye.name.split('/').next().unwrap_or_default(), notes))
}

fn from_bytes(graph: &mut Graph) -> String {
    let x = graph.cast("photo", Numbers::Float);
    let x = graph.make("Transpose", &[&x], &[("perm", Ints(&[0, 3, 1, 2]))]);
    graph.with("Div", &x, 255.0)
}

fn to_bytes(graph: &mut Graph, x: &str) -> String {
    // Rounded as kaiga rounds; what is cut off to a whole number is never negative.
    let x = graph.affine(x, 255.0, 0.5);
    let x = graph.make("Floor", &[&x], &[]);
    let x = graph.cast(&x, Numbers::Bytes);
    graph.make("Transpose", &[&x], &[("perm", Ints(&[0, 2, 3, 1]))])
}

/// The picture squeezed to the eye's square by a triangle filter, as two products with matrices: engines differ in how
/// they resize, and not in how they multiply. −1..1.
fn thumbnail(graph: &mut Graph, photo: &str, size: Option<(usize, usize)>) -> String {
    graph.prefix = "thumbnail".to_owned();
    let [rows, columns] = match size {
        Some((width, height)) => {
            [height, width].map(|side| graph.floats(&[THUMBNAIL_PX, side], &triangles(side, THUMBNAIL_PX)))
        }
        None => {
            let size = graph.size(photo);
            let table = ramp_table(graph);
            [0, 1].map(|axis| triangles_of(graph, &size, axis, &table))
        }
    };
    let columns = graph.make("Transpose", &[&columns], &[("perm", Ints(&[1, 0]))]);
    let narrow = graph.two("MatMul", photo, &columns);
    let small = graph.two("MatMul", &rows, &narrow);
    graph.affine(&small, 2.0, -1.0)
}

/// How much each of `source` samples counts for each of `target`, row by row: triangles as wide as the coarser of the two
/// samplings, that sum to 1.
fn triangles(source: usize, target: usize) -> Vec<f32> {
    let step = source as f32 / target as f32;
    let row = |i: usize| {
        let weight =
            move |j: usize| (1.0 - ((i as f32 + 0.5) * step - (j as f32 + 0.5)).abs() / step.max(1.0)).max(0.0);
        let sum: f32 = (0..source).map(weight).sum();
        (0..source).map(move |j| weight(j) / sum)
    };
    (0..target).flat_map(row).collect()
}

/// [`triangles`] for a side that is known when the graph runs: the `axis`-th of `size`.
fn triangles_of(graph: &mut Graph, size: &str, axis: i64, table: &str) -> String {
    let length = graph.slice(size, 0, axis, axis + 1);
    let [start, along] = [0, 0].map(|number| graph.ints(&[number]));
    let samples = graph.make("Slice", &[table, &start, &length, &along], &[]);
    let length = graph.cast(&length, Numbers::Float);
    let step = graph.with("Div", &length, THUMBNAIL_PX as f32);
    let one = graph.scalar(1.0);
    let samples = graph.with("Add", &samples, 0.5);
    let centres: Vec<f32> = (0..THUMBNAIL_PX).map(|i| i as f32 + 0.5).collect();
    let centres = graph.floats(&[THUMBNAIL_PX, 1], &centres);
    let centres = graph.two("Mul", &centres, &step);
    let distance = graph.two("Sub", &centres, &samples);
    let distance = graph.make("Abs", &[&distance], &[]);
    let support = graph.two("Max", &step, &one);
    let distance = graph.two("Div", &distance, &support);
    let weights = graph.two("Sub", &one, &distance);
    let weights = graph.make("Relu", &[&weights], &[]);
    let axes = graph.ints(&[1]);
    let sum = graph.make("ReduceSum", &[&weights, &axes], &[("keepdims", Int(1))]);
    graph.two("Div", &weights, &sum)
}

/// 0, 1, 2 …: ramps as long as a side are cut out of it, so that nothing is made out of a number.
fn ramp_table(graph: &mut Graph) -> String {
    let columns: Vec<f32> = (0..RAMP_TABLE).map(|i| i as f32).collect();
    let rows: Vec<f32> = columns.iter().map(|i| i * RAMP_TABLE as f32).collect();
    let [rows, columns] = [graph.floats(&[RAMP_TABLE, 1], &rows), graph.floats(&[RAMP_TABLE], &columns)];
    let table = graph.two("Add", &rows, &columns);
    graph.reshape(&table, &[-1])
}

/// The picture with its right and lower border repeated, until the drawer can take it, and the size it had; `None` if
/// there is nothing to cut off again.
fn padded(graph: &mut Graph, picture: &str, size: Option<(usize, usize)>) -> (String, Option<String>) {
    let (size, missing) = match size {
        Some((width, height)) => {
            let sides = [height, width];
            let missing = sides.map(|side| (side.next_multiple_of(GRAIN_PX) - side) as i64);
            if missing == [0, 0] {
                return (picture.to_owned(), None);
            }
            (graph.ints(&sides.map(|side| side as i64)), graph.ints(&missing))
        }
        None => {
            let size = graph.size(picture);
            let [grain, more] = [GRAIN_PX as i64, GRAIN_PX as i64 - 1].map(|number| graph.ints(&[number]));
            let cells = graph.two("Add", &size, &more);
            let cells = graph.two("Div", &cells, &grain);
            let full = graph.two("Mul", &cells, &grain);
            let missing = graph.two("Sub", &full, &size);
            (size, missing)
        }
    };
    let none = graph.ints(&[0; 6]);
    let pads = graph.concat(&[&none, &missing], 0);
    (graph.make("Pad", &[picture, &pads], &[("mode", Text("edge"))]), Some(size))
}

/// sRGB 0..1: ink laid over the colours, see [`crate::light::inked`].
fn coloured(graph: &mut Graph, drawn: &str, saturation: f32, line: f32) -> String {
    let ycc = graph.slice(drawn, 1, 0, 3);
    let ink = graph.slice(drawn, 1, 3, 4);
    let ink = graph.with("Mul", &ink, line);
    let ink = graph.clip(&ink, 0.0, 1.0);
    let chroma = saturation / 2.0;
    let by_channel = [[0.5, chroma, chroma], [0.5, 0.0, 0.0], [1.0, INK_GREYS, INK_GREYS]];
    let [factor, shift, taken] = by_channel.map(|numbers| graph.channels(&numbers));
    let tint = graph.channels(&[0.0, chroma * INK_TINT[0], chroma * INK_TINT[1]]);
    let x = graph.two("Mul", &ycc, &factor);
    let x = graph.two("Add", &x, &shift);
    let taken = graph.two("Mul", &ink, &taken);
    let one = graph.scalar(1.0);
    let kept = graph.two("Sub", &one, &taken);
    let x = graph.two("Mul", &x, &kept);
    let tint = graph.two("Mul", &ink, &tint);
    let x = graph.two("Add", &x, &tint);
    // Red and blue as BT.601 has them; green is what remains of luma.
    let green = |weight: f32, factor: f32| -weight * factor / 0.587;
    let matrix = [1.0, 0.0, 1.402, 1.0, green(0.114, 1.772), green(0.299, 1.402), 1.0, 1.772, 0.0];
    let matrix = graph.floats(&[3, 3, 1, 1], &matrix);
    let x = graph.make("Conv", &[&x, &matrix], &[("kernel_shape", Ints(&[1, 1]))]);
    graph.clip(&x, 0.0, 1.0)
}

fn at_strength(graph: &mut Graph, photo: &str, painting: &str, strength: f32) -> String {
    if strength == 1.0 {
        return painting.to_owned();
    }
    let change = graph.two("Sub", painting, photo);
    let change = graph.with("Mul", &change, strength);
    graph.two("Add", photo, &change)
}

fn grey(graph: &mut Graph, drawn: &str, greys: &Greys) -> String {
    let luma = graph.slice(drawn, 1, 0, 1);
    let tone = graph.affine(&luma, -0.5, 0.5);
    let mut laid = graph.scalar(0.0);
    for pair in greys.tones.windows(2) {
        let (border, width) = ((pair[0] + pair[1]) / 2.0, 2.0 * greys.soft);
        let step = smooth(graph, &tone, border - greys.soft, width);
        let step = graph.with("Mul", &step, pair[1] - pair[0]);
        laid = graph.two("Add", &laid, &step);
    }
    let (white, contrast) = (1.0 - greys.paper, greys.paper - greys.black);
    let laid = graph.affine(&laid, 1.0 / contrast, -white / contrast);
    let laid = graph.clip(&laid, 0.0, 1.0);
    let ink = graph.slice(drawn, 1, 3, 4);
    let ink = graph.with("Mul", &ink, greys.line);
    let ink = smooth(graph, &ink, greys.ink.start, greys.ink.end - greys.ink.start);
    let dark = graph.two("Max", &laid, &ink);
    let grey = graph.affine(&dark, -contrast, greys.paper);
    graph.concat(&[&grey, &grey, &grey], 1)
}

/// From 0 at `start` to 1 after `width`, without a corner.
fn smooth(graph: &mut Graph, x: &str, start: f32, width: f32) -> String {
    let t = graph.affine(x, 1.0 / width, -start / width);
    let t = graph.clip(&t, 0.0, 1.0);
    let rest = graph.affine(&t, -2.0, 3.0);
    let square = graph.two("Mul", &t, &t);
    graph.two("Mul", &square, &rest)
}
