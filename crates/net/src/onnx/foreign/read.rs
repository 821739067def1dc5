//! Reads a file as far as deciding about it takes.

use super::nodes::Check;
use super::{LONGEST_SIDE_PX, Layout, Range};
use crate::error::{Error, fail};
use crate::proto::{Content, Fields, numbers};
use crate::torch::MOST_NUMBERS;
use std::fmt;

/// A graph has no more nodes.
const MOST_NODES: usize = 20_000;
/// Constants up to this many numbers are looked at: sizes, scales, borders.
const LOOKED_AT: usize = 64;

/// What a graph says of itself.
pub(super) struct Interface {
    pub(super) input: Picture,
    pub(super) output: Picture,
    /// What white is where it comes out, as far as its last operator tells.
    pub(super) range: Option<Range>,
    pub(super) parameters: usize,
}

/// A tensor that a picture goes in or comes out by; `None` where a size is not fixed.
#[derive(Default)]
pub(super) struct Picture {
    pub(super) name: String,
    kind: i64,
    dimensions: Vec<Option<i64>>,
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.dimensions.iter().map(|size| size.map_or("?".to_owned(), |size| size.to_string()));
        write!(f, "{:?} of {}", self.name, sizes.collect::<Vec<_>>().join("×"))
    }
}

impl Picture {
    /// By where the three colours stand.
    pub(super) fn layout(&self) -> Option<Layout> {
        match self.dimensions[..] {
            [_, a, .., b] if (a == Some(3)) != (b == Some(3)) => {
                Some(if a == Some(3) { Layout::Nchw } else { Layout::Nhwc })
            }
            _ => None,
        }
    }

    pub(super) fn is_bytes(&self) -> bool {
        self.kind == 2
    }

    /// Width and height if they are fixed.
    pub(super) fn size(&self, layout: Layout) -> Result<Option<(usize, usize)>, Error> {
        let [one, a, b, c] = self.dimensions[..] else {
            // What comes out need not be described.
            if self.dimensions.is_empty() {
                return Ok(None);
            }
            fail!(File, "{self} is no picture: that has four sizes, one of them 3");
        };
        let (colours, height, width) = match layout {
            Layout::Nchw => (a, b, c),
            Layout::Nhwc => (c, a, b),
        };
        if one.is_some_and(|one| one != 1) || colours.is_some_and(|colours| colours != 3) {
            fail!(File, "{self} is no single picture of three colours");
        }
        let side = |side: Option<i64>| match side.map(usize::try_from) {
            None => Ok(None),
            Some(Ok(side)) if (1..=LONGEST_SIDE_PX).contains(&side) => Ok(Some(side)),
            Some(_) => fail!(File, "{self} is beyond the limit of {LONGEST_SIDE_PX} px a side"),
        };
        match (side(width)?, side(height)?) {
            (Some(width), Some(height)) => Ok(Some((width, height))),
            (None, None) => Ok(None),
            _ => fail!(File, "{self} fixes one side of the picture and not the other: export it with both or none"),
        }
    }
}

/// Reads and checks a file.
pub(super) fn interface(onnx: &[u8]) -> Result<Interface, Error> {
    let (mut graph, mut graphs) = (None, 0);
    for field in Fields::of(onnx) {
        match field? {
            (7, Content::Bytes(bytes)) => {
                graph = Some(bytes);
                graphs += 1;
            }
            (25, _) => fail!(File, "the graph brings functions of its own, which are not read"),
            _ => {}
        }
    }
    let Some(graph) = graph.filter(|_| graphs == 1) else { fail!(File, "there is no graph in the file, or several") };
    read_graph(graph)
}

fn read_graph(graph: &[u8]) -> Result<Interface, Error> {
    let (mut nodes, mut inputs, mut outputs) = (Vec::new(), Vec::new(), Vec::new());
    let mut check = Check::default();
    for field in Fields::of(graph) {
        match field? {
            (1, Content::Bytes(node)) => nodes.push(Node::read(node)?),
            (5, Content::Bytes(tensor)) => {
                let tensor = Tensor::read(tensor)?;
                let name = tensor.name.to_owned();
                check.constant(name, tensor)?;
            }
            (11, Content::Bytes(input)) => inputs.push(picture(input)?),
            (12, Content::Bytes(output)) => outputs.push(picture(output)?),
            (15, _) => fail!(File, "the graph has sparse tensors, which are not read"),
            _ => {}
        }
        if nodes.len() > MOST_NODES {
            fail!(File, "the graph has more than {MOST_NODES} nodes: no network of this kind is so large");
        }
    }
    // Old graphs list their weights among the inputs.
    inputs.retain(|input| !check.knows(&input.name));
    let (Ok([input]), Ok([output])) = (<[Picture; 1]>::try_from(inputs), <[Picture; 1]>::try_from(outputs)) else {
        fail!(File, "a graph that kaiga runs has one input and one output: the picture and the painting");
    };
    for picture in [&input, &output] {
        if !matches!(picture.kind, 1 | 2) {
            fail!(File, "{picture} is of a kind that is not read: numbers are float32 or uint8");
        }
    }
    let size = |size: &Option<i64>| size.and_then(|size| usize::try_from(size).ok());
    check.input(&input.name, input.dimensions.iter().map(size).collect());
    nodes.iter().try_for_each(|node| check.node(node))?;
    if !check.knows(&output.name) {
        fail!(File, "nothing makes the output {:?}", output.name);
    }
    let range = if output.is_bytes() { Some(Range::Levels) } else { check.range_of(&output.name, &nodes) };
    Ok(Interface { parameters: check.parameters, input, output, range })
}

fn picture(info: &[u8]) -> Result<Picture, Error> {
    let mut picture = Picture::default();
    for field in Fields::of(info) {
        match field? {
            (1, Content::Bytes(name)) => picture.name = text(name)?.to_owned(),
            (2, Content::Bytes(kind)) => {
                for field in Fields::of(kind) {
                    if let (1, Content::Bytes(tensor)) = field? {
                        described(tensor, &mut picture)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(picture)
}

fn described(tensor: &[u8], picture: &mut Picture) -> Result<(), Error> {
    for field in Fields::of(tensor) {
        match field? {
            (1, Content::Number(kind)) => picture.kind = kind,
            (2, Content::Bytes(shape)) => {
                for field in Fields::of(shape) {
                    let (1, Content::Bytes(dimension)) = field? else { continue };
                    let mut size = None;
                    for field in Fields::of(dimension) {
                        if let (1, Content::Number(number)) = field? {
                            // Some writers mean "any" by 0 or −1.
                            size = Some(number).filter(|&number| number > 0);
                        }
                    }
                    picture.dimensions.push(size);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A node of a graph.
#[derive(Default)]
pub(super) struct Node<'a> {
    pub(super) kind: &'a str,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    /// Attributes that hold whole numbers.
    pub(super) ints: Vec<(&'a str, Vec<i64>)>,
    /// The attribute that holds a constant.
    pub(super) tensor: Option<Tensor<'a>>,
}

impl<'a> Node<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut node = Self::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, Content::Bytes(name)) => node.inputs.push(text(name)?),
                (2, Content::Bytes(name)) => node.outputs.push(text(name)?),
                (4, Content::Bytes(kind)) => node.kind = text(kind)?,
                (5, Content::Bytes(attribute)) => node.attribute(attribute)?,
                (7, Content::Bytes(domain)) if !matches!(domain, b"" | b"ai.onnx") => {
                    fail!(
                        File,
                        "the graph has operators of {:?}, which is not the standard",
                        String::from_utf8_lossy(domain)
                    )
                }
                _ => {}
            }
        }
        Ok(node)
    }

    fn attribute(&mut self, bytes: &'a [u8]) -> Result<(), Error> {
        let (mut name, mut ints) = ("", Vec::new());
        for field in Fields::of(bytes) {
            match field? {
                (1, Content::Bytes(bytes)) => name = text(bytes)?,
                (3 | 8, content) => numbers(content, &mut ints)?,
                (5, Content::Bytes(tensor)) => self.tensor = Some(Tensor::read(tensor)?),
                (6 | 10 | 11, _) => fail!(File, "the graph has graphs within it, which are not read"),
                _ => {}
            }
        }
        self.ints.push((name, ints));
        Ok(())
    }

    /// The whole numbers of an attribute.
    pub(super) fn ints(&self, name: &str) -> &[i64] {
        self.ints.iter().find(|(other, _)| *other == name).map_or(&[], |(_, ints)| ints)
    }
}

/// A constant of a graph.
#[derive(Clone)]
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) shape: Vec<usize>,
    /// Its numbers, if they are few.
    pub(super) few: Option<Vec<f64>>,
    /// Whether they are whole numbers that sizes can be made of.
    pub(super) whole: bool,
}

impl<'a> Tensor<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let (mut name, mut sizes, mut kind) = ("", Vec::new(), 0);
        let (mut raw, mut floats, mut ints, mut doubles) = (None, Vec::new(), Vec::new(), 0);
        for field in Fields::of(bytes) {
            match field? {
                (1, content) => numbers(content, &mut sizes)?,
                (2, Content::Number(number)) => kind = number,
                (4, Content::Float(number)) => floats.push(number),
                (4, Content::Bytes(packed)) => {
                    floats.extend(packed.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
                }
                (5 | 7 | 11, content) => numbers(content, &mut ints)?,
                (8, Content::Bytes(bytes)) => name = text(bytes)?,
                (9, Content::Bytes(bytes)) => raw = Some(bytes),
                (10, Content::Bytes(packed)) => doubles += packed.len() / 8,
                (10, Content::Double(_)) => doubles += 1,
                (13, _) | (14, Content::Number(1..)) => {
                    fail!(
                        File,
                        "tensor {name:?} lies in another file, and no file but this is read: save the graph with its data"
                    )
                }
                (3 | 6, _) => fail!(File, "tensor {name:?} is in segments or text, which is not read"),
                _ => {}
            }
        }
        let width = match kind {
            1 | 6 => 4,
            2 | 3 | 9 => 1,
            4 | 5 | 10 | 16 => 2,
            7 | 11 => 8,
            other => fail!(File, "tensor {name:?} is of a kind that is not read, {other}"),
        };
        let mut count: usize = 1;
        for &size in &sizes {
            let most = usize::try_from(size).ok().and_then(|size| count.checked_mul(size));
            match most.filter(|&most| most <= MOST_NUMBERS) {
                Some(most) => count = most,
                None => {
                    fail!(File, "tensor {name:?} of {sizes:?} is beyond the limit of {MOST_NUMBERS} numbers")
                }
            }
        }
        let held = raw.map_or(floats.len().max(ints.len()).max(doubles), |raw| raw.len() / width);
        if held != count || raw.is_some_and(|raw| raw.len() % width != 0) {
            fail!(File, "tensor {name:?} of {sizes:?} holds {held} numbers: the file is broken");
        }
        let few = (count <= LOOKED_AT).then(|| few(kind, raw, &floats, &ints)).flatten();
        let shape = sizes.into_iter().map(|size| size as usize).collect();
        Ok(Self { name, shape, few, whole: kind == 7 })
    }
}

fn few(kind: i64, raw: Option<&[u8]>, floats: &[f32], ints: &[i64]) -> Option<Vec<f64>> {
    let four = |raw: &[u8], number: fn([u8; 4]) -> f64| raw.as_chunks().0.iter().map(|bytes| number(*bytes)).collect();
    Some(match (kind, raw) {
        (1, Some(raw)) => four(raw, |bytes| f64::from(f32::from_le_bytes(bytes))),
        (6, Some(raw)) => four(raw, |bytes| f64::from(i32::from_le_bytes(bytes))),
        (7, Some(raw)) => raw.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes) as f64).collect(),
        (1, None) => floats.iter().map(|&number| f64::from(number)).collect(),
        (6 | 7, None) => ints.iter().map(|&number| number as f64).collect(),
        _ => return None,
    })
}

fn text(bytes: &[u8]) -> Result<&str, Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => fail!(File, "a name is no text: the file is broken"),
    }
}
