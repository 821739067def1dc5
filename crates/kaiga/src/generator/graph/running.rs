//! A graph in its engine, and a generator behind the contract.

use crate::error::{Error, ErrorKind};
use crate::generator::{
    Drawing, Generator, LEAST_SIDE_PX, Modulation, Painted, WHOLE_PX2, fitting, luma_chroma, unfit,
};
use crate::tiles::{Part, crop, signed};
use engine::{Map, Pool};
use net::onnx::foreign::{Graph, Layout, Order, Range, Takes, Wishes};
use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;
use rten::{Model, ModelOptions, Value, op_registry};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What sides may have to be divisible by, tried from the smallest on.
const MULTIPLES: [usize; 6] = [1, 2, 4, 8, 16, 32];
/// Sides of the picture that is tried are this, and one of those more.
const TRIED_PX: usize = 64;

/// A graph in its engine.
#[derive(Clone)]
struct Foreign {
    model: Arc<Model>,
    takes: Takes,
}

/// Makes a graph ready to paint.
///
/// # Errors
/// [`ErrorKind::Model`] if the engine cannot run it.
pub(crate) fn prepared(graph: &Graph) -> Result<Arc<dyn Generator>, Error> {
    Ok(Arc::new(Foreign::new(graph)?))
}

/// Reads an ONNX graph of others: what it takes is read off it, tried out on a small picture, or as wished.
///
/// # Errors
/// [`ErrorKind::Model`] if the file is broken, no graph from picture to picture, beyond the limits, or does not run;
/// or if it has to be said how pictures are given to it.
pub fn read(onnx: Vec<u8>, wishes: &Wishes) -> Result<Graph, Error> {
    let mut graph = Graph::new(onnx, wishes).map_err(unfit)?;
    let mut foreign = Foreign::new(&graph)?;
    if let Some((width, height)) = graph.takes.size {
        foreign.run(&tried(width, height)).map_err(|why| not_run(&why))?;
        return Ok(graph);
    }
    let multiples = wishes.multiple.map_or(MULTIPLES.to_vec(), |multiple| vec![multiple]);
    let mut complaint = String::new();
    for multiple in multiples {
        // Divisible by it, and by nothing larger that is tried.
        let side = TRIED_PX.next_multiple_of(multiple) + multiple;
        foreign.takes.multiple = multiple;
        match foreign.run(&tried(side, side)) {
            Ok(_) => {
                graph.takes.multiple = multiple;
                return Ok(graph);
            }
            Err(why) => complaint = why,
        }
    }
    Err(not_run(&complaint))
}

/// What a graph makes of a picture, RGB −1..1.
pub(crate) fn painting(graph: &Graph, picture: &Image<Srgb8>) -> Result<Map, Error> {
    Foreign::new(graph)?.paint(picture)
}

fn not_run(why: &str) -> Error {
    Error::new(ErrorKind::Model, format!("the graph does not turn a picture into one of the same size: {why}"))
}

fn tried(width: usize, height: usize) -> Map {
    let picture = Image::from_fn(width, height, |x, y| [(x * 3) as u8, (y * 3) as u8, ((x + y) * 2) as u8]);
    signed(&picture, Part { x: 0, y: 0, width, height })
}

impl Foreign {
    fn new(graph: &Graph) -> Result<Self, Error> {
        graph.check().map_err(unfit)?;
        // Others cannot be in a graph that was checked.
        let operators = op_registry!(
            Abs,
            Add,
            AveragePool,
            BatchNormalization,
            Cast,
            Ceil,
            Clip,
            Concat,
            Conv,
            ConvTranspose,
            DepthToSpace,
            DequantizeLinear,
            Div,
            Elu,
            Erf,
            Exp,
            Flatten,
            Floor,
            Gather,
            Gelu,
            Gemm,
            GlobalAveragePool,
            HardSigmoid,
            HardSwish,
            Identity,
            InstanceNormalization,
            LayerNormalization,
            LeakyRelu,
            Log,
            MatMul,
            Max,
            MaxPool,
            Min,
            Mul,
            Neg,
            PRelu,
            Pad,
            Pow,
            QuantizeLinear,
            Reciprocal,
            ReduceL2,
            ReduceMax,
            ReduceMean,
            ReduceMin,
            ReduceSum,
            ReduceSumSquare,
            Relu,
            Reshape,
            Resize,
            Round,
            Shape,
            Sigmoid,
            Slice,
            Softmax,
            Softplus,
            Split,
            Sqrt,
            Squeeze,
            Sub,
            Sum,
            Tanh,
            Transpose,
            Unsqueeze
        );
        let onnx = graph.with_nameless_nodes().map_err(unfit)?;
        let loaded = guarded(|| ModelOptions::with_ops(operators).load(onnx));
        let unread = |why: String| Error::new(ErrorKind::Model, format!("the engine cannot read the graph: {why}"));
        let model = loaded.map_err(unread)?;
        Ok(Self { model: Arc::new(model), takes: graph.takes })
    }

    /// Paints RGB −1..1 of a size that the graph takes.
    ///
    /// # Errors
    /// Why not, in words of the engine's.
    fn run(&self, picture: &Map) -> Result<Map, String> {
        let [input] = self.model.input_ids() else { return Err("it has more than one input".into()) };
        let [output] = self.model.output_ids() else { return Err("it has more than one output".into()) };
        let value = given(picture, &self.takes)?;
        let mut made = guarded(|| self.model.run(vec![(*input, value.into())], &[*output], None))?;
        taken(made.pop().ok_or("it gave nothing")?, (picture.width, picture.height), &self.takes)
    }

    /// Paints a picture of any size, RGB −1..1.
    fn paint(&self, picture: &Image<Srgb8>) -> Result<Map, Error> {
        let (width, height) = (picture.width(), picture.height());
        let fits = self.fitting(width, height);
        if fits != (width, height) {
            let small = self.paint(&resize::to(picture, fits.0, fits.1, Filter::Lanczos3))?;
            let level = |v: &f32| ((v + 1.0) * 127.5).round() as u8;
            let small = Image::from_fn(fits.0, fits.1, |x, y| {
                let at = (y * fits.0 + x) * 3;
                [0, 1, 2].map(|c| level(&small.data[at + c]))
            });
            let large = resize::to(&small, width, height, Filter::Lanczos3);
            return Ok(signed(&large, Part { x: 0, y: 0, width, height }));
        }
        let side = |side: usize| side.max(LEAST_SIDE_PX).next_multiple_of(self.takes.multiple);
        let (wide, high) = self.takes.size.unwrap_or((side(width), side(height)));
        let painted = self.run(&signed(picture, Part { x: 0, y: 0, width: wide, height: high }));
        let painted = painted.map_err(|why| Error::new(ErrorKind::Model, format!("the graph failed: {why}")))?;
        Ok(crop(&painted, 0, 0, width, height))
    }
}

impl Generator for Foreign {
    /// It has none: what its norms find is not known.
    fn modulation(&self, _: &Image<Srgb8>) -> Result<Modulation, Error> {
        Ok(Modulation(Map::new(1, 1, 0, Vec::new())))
    }

    fn begin<'a>(
        &'a self,
        picture: &'a Image<Srgb8>,
        _: Option<&'a Modulation>,
    ) -> Result<Box<dyn Drawing + 'a>, Error> {
        Ok(Box::new(Painted(luma_chroma(&self.paint(picture)?))))
    }

    fn modulation_numbers(&self) -> usize {
        0
    }

    fn fitting(&self, width: usize, height: usize) -> (usize, usize) {
        let Some((most_wide, most_high)) = self.takes.size else { return fitting(width, height, WHOLE_PX2) };
        let scale = (most_wide as f64 / width as f64).min(most_high as f64 / height as f64).min(1.0);
        let side = |side: usize, most: usize| ((side as f64 * scale).round() as usize).clamp(1, most);
        (side(width, most_wide), side(height, most_high))
    }

    fn sharing(&self, _: &Pool) -> Arc<dyn Generator> {
        Arc::new(self.clone())
    }
}

/// What the engine says where it fails, whichever way it does.
fn guarded<T, E: std::fmt::Display>(work: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("the engine stopped at something it did not expect".into()),
    }
}

/// Factor and shift from −1..1 to the graph's numbers.
fn scale(range: Range) -> (f32, f32) {
    match range {
        Range::Signed => (1.0, 0.0),
        Range::Unit => (0.5, 0.5),
        Range::Levels => (127.5, 127.5),
    }
}

/// A picture as the graph takes it.
fn given(picture: &Map, takes: &Takes) -> Result<Value, String> {
    let (factor, shift) = if takes.bytes.0 { scale(Range::Levels) } else { scale(takes.range) };
    let (width, height) = (picture.width, picture.height);
    let mut numbers = vec![0.0; picture.data.len()];
    for (i, pixel) in picture.data.as_chunks::<3>().0.iter().enumerate() {
        for (c, number) in pixel.iter().enumerate() {
            numbers[place(i, c, width * height, takes)] = number * factor + shift;
        }
    }
    let shape = match takes.layout {
        Layout::Nchw => [1, 3, height, width],
        Layout::Nhwc => [1, height, width, 3],
    };
    if takes.bytes.0 {
        let bytes: Vec<u8> = numbers.iter().map(|number| number.round() as u8).collect();
        Value::from_shape(shape, bytes).map_err(|error| error.to_string())
    } else {
        Value::from_shape(shape, numbers).map_err(|error| error.to_string())
    }
}

/// Where colour `c` of pixel `i` of so many stands.
fn place(i: usize, c: usize, pixels: usize, takes: &Takes) -> usize {
    let c = if takes.order == Order::Bgr { 2 - c } else { c };
    match takes.layout {
        Layout::Nchw => c * pixels + i,
        Layout::Nhwc => 3 * i + c,
    }
}

/// What the graph gave, as RGB −1..1.
fn taken(value: Value, (width, height): (usize, usize), takes: &Takes) -> Result<Map, String> {
    let kind = |error: rten::TryFromValueError| format!("what comes out is no picture, {error}");
    let (shape, numbers): ([usize; 4], Vec<f32>) = if takes.bytes.1 {
        let (shape, bytes) = value.into_shape_vec::<u8, 4>().map_err(kind)?;
        (shape, bytes.into_iter().map(f32::from).collect())
    } else {
        value.into_shape_vec::<f32, 4>().map_err(kind)?
    };
    let expected = match takes.layout {
        Layout::Nchw => [1, 3, height, width],
        Layout::Nhwc => [1, height, width, 3],
    };
    if shape != expected {
        return Err(format!("of a picture of {width}×{height} it makes {shape:?}, not {expected:?}"));
    }
    if numbers.iter().any(|number| !number.is_finite()) {
        return Err("what comes out are no numbers".into());
    }
    let (factor, shift) = if takes.bytes.1 { scale(Range::Levels) } else { scale(takes.range) };
    let number = |i: usize, c: usize| (numbers[place(i, c, width * height, takes)] - shift) / factor;
    let pixels = (0..width * height).flat_map(|i| [0, 1, 2].map(|c| number(i, c).clamp(-1.0, 1.0)));
    Ok(Map::new(height, width, 3, pixels.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::classic::{Classic, tests::random_weights};
    use net::{Shape, classic};

    fn photo(width: usize, height: usize) -> Image<Srgb8> {
        Image::from_fn(width, height, |x, y| [(x * 3 % 256) as u8, (y * 5 % 256) as u8, ((x * y) % 251) as u8])
    }

    fn graph(width: usize, height: usize) -> Graph {
        let (arch, weights) = (classic::generator(false), random_weights("classic-1"));
        let onnx = net::onnx::write(&arch, &weights, &[Shape::new(height, width, 3)]).unwrap();
        read(onnx, &Wishes::default()).unwrap()
    }

    fn drawn(generator: &dyn Generator, picture: &Image<Srgb8>) -> Map {
        let all = Part { x: 0, y: 0, width: picture.width(), height: picture.height() };
        generator.begin(picture, None).unwrap().draw(all).unwrap()
    }

    #[test]
    fn the_classic_network_as_a_graph_paints_what_the_engine_paints() {
        let graph = graph(64, 48);
        let takes = graph.takes;
        assert_eq!((takes.range, takes.layout, takes.size), (Range::Signed, Layout::Nchw, Some((64, 48))));
        let picture = photo(64, 48);
        let ours = Classic::new("classic-1", &random_weights("classic-1"), &Pool::default()).unwrap();
        let (ours, theirs) = (drawn(&ours, &picture), drawn(&*prepared(&graph).unwrap(), &picture));
        let off = ours.data.iter().zip(&theirs.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 1e-3, "{off}");
    }

    #[test]
    fn a_graph_of_one_size_paints_all_sizes() {
        let generator = prepared(&graph(64, 48)).unwrap();
        assert_eq!(generator.fitting(640, 960), (32, 48));
        assert_eq!(generator.fitting(10, 7), (10, 7));
        for (width, height) in [(1, 1), (64, 48), (63, 47), (200, 31)] {
            let map = drawn(&*generator, &photo(width, height));
            assert!((map.width, map.height) == (width, height) && map.data.iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn numbers_go_in_and_come_out_as_the_graph_wants_them() {
        let picture = tried(5, 3);
        for range in [Range::Signed, Range::Unit, Range::Levels] {
            for (layout, order) in [(Layout::Nchw, Order::Bgr), (Layout::Nhwc, Order::Rgb)] {
                for bytes in [(false, false), (true, true)] {
                    let takes = Takes { range, layout, order, multiple: 1, size: None, bytes };
                    let back = taken(given(&picture, &takes).unwrap(), (5, 3), &takes).unwrap();
                    let off = back.data.iter().zip(&picture.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(off < 1e-5, "{takes:?}: {off}");
                }
            }
        }
        let takes = Takes::read("levels nchw bgr 1").unwrap();
        let (_, numbers): ([usize; 4], Vec<f32>) = given(&picture, &takes).unwrap().into_shape_vec().unwrap();
        // Blue first: the first plane rises with x and y, the last with x alone.
        assert_eq!((numbers[6].round(), numbers[30 + 6].round()), (4.0, 3.0));
    }
}
