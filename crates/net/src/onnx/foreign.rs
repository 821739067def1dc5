//! Graphs that others made: what they take and give, and whether they are what they say. Nothing is run here.
//!
//! A file is held against a list of operators and against limits before an engine sees it, so that nothing outside of it is
//! read, and no map is a thousand times as large as the picture.

mod nodes;
mod read;
mod sizes;
#[cfg(test)]
mod tests;

use crate::error::{Error, fail};
use crate::proto::{Content, Fields, Message};
use read::Interface;

/// The largest side of a picture that a graph may ask for, px, and of any size that stands in it.
pub const LONGEST_SIDE_PX: usize = 8192;

/// A graph, and how pictures are given to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// The file as it came.
    pub onnx: Vec<u8>,
    /// How pictures are given to it.
    pub takes: Takes,
}

/// How pictures are given to a graph, and given back by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takes {
    /// What black and white are.
    pub range: Range,
    /// In which order the numbers of a picture stand.
    pub layout: Layout,
    /// In which order the colours stand.
    pub order: Order,
    /// Sides have to be divisible by this.
    pub multiple: usize,
    /// Width and height, px, if it takes pictures of one size alone.
    pub size: Option<(usize, usize)>,
    /// Whether numbers go in as bytes, and whether they come out so.
    pub bytes: (bool, bool),
}

/// What black and white are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// −1 and 1.
    Signed,
    /// 0 and 1.
    Unit,
    /// 0 and 255.
    Levels,
}

/// In which order the numbers of a picture stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// 1×3×H×W: a plane for each colour.
    Nchw,
    /// 1×H×W×3: pixel after pixel.
    Nhwc,
}

/// In which order colours stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

/// What is known of a graph beforehand; the rest is found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// What black and white are.
    pub range: Option<Range>,
    /// In which order the numbers stand.
    pub layout: Option<Layout>,
    /// In which order the colours stand; red first where nothing is said.
    pub order: Option<Order>,
    /// What sides have to be divisible by.
    pub multiple: Option<usize>,
}

/// Whether bytes begin as an ONNX file does: with the version of the format, a small number.
pub fn is_onnx(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, 1..=20, field, ..] if matches!(field & 7, 0 | 2))
}

impl Graph {
    /// Reads what a graph says of itself. What sides have to be divisible by cannot be read off it: 1 stands for that unless
    /// it was wished.
    ///
    /// # Errors
    /// [`ErrorKind::File`](crate::ErrorKind::File) if the file is broken, reaches outside of itself, has other operators than
    /// networks of this kind, or sizes beyond the limits; or if it has to be said how pictures are given to it.
    pub fn new(onnx: Vec<u8>, wishes: &Wishes) -> Result<Self, Error> {
        let Interface { input, output, range, .. } = read::interface(&onnx)?;
        let layout = match (wishes.layout, input.layout()) {
            (Some(layout), _) | (None, Some(layout)) => layout,
            (None, None) => fail!(
                File,
                "the graph takes {input}, which leaves open where its colours stand: say it with --layout nchw or nhwc"
            ),
        };
        let size = input.size(layout)?;
        output.size(layout)?;
        let range = match (wishes.range, range) {
            (Some(range), _) | (None, Some(range)) => range,
            (None, None) => fail!(
                File,
                "the graph does not end in an operator that says what white is: say it with --range signed (-1 to 1, most of \
                 this kind), unit (0 to 1) or levels (0 to 255)"
            ),
        };
        let multiple = wishes.multiple.unwrap_or(1);
        if !(1..=256).contains(&multiple) {
            fail!(Input, "sides are divisible by a number from 1 to 256, not {multiple}");
        }
        let order = wishes.order.unwrap_or(Order::Rgb);
        let takes = Takes { range, layout, order, multiple, size, bytes: (input.is_bytes(), output.is_bytes()) };
        Ok(Self { onnx, takes })
    }

    /// Whether the file is what import takes.
    ///
    /// # Errors
    /// As [`Graph::new`].
    pub fn check(&self) -> Result<(), Error> {
        read::interface(&self.onnx).map(|_| ())
    }

    /// The file without the names of its nodes: they mean nothing, and engines that keep nodes and values in one register
    /// stumble where a node is called as what it makes.
    ///
    /// # Errors
    /// [`ErrorKind::File`](crate::ErrorKind::File) if the file is broken.
    pub fn with_nameless_nodes(&self) -> Result<Vec<u8>, Error> {
        const GRAPH: u64 = 7;
        const NODE: u64 = 1;
        const NAME: u64 = 3;
        let node = |node: &[u8]| copied(node, |field, content| Ok((field != NAME).then(|| content.to_vec())));
        let graph = |graph: &[u8]| {
            let inner = |field, content: &[u8]| Ok(Some(if field == NODE { node(content)? } else { content.to_vec() }));
            copied(graph, inner)
        };
        copied(&self.onnx, |field, content| Ok(Some(if field == GRAPH { graph(content)? } else { content.to_vec() })))
    }

    /// How many numbers it has learnt; 0 of a file that is broken.
    pub fn parameters(&self) -> usize {
        read::interface(&self.onnx).map_or(0, |interface| interface.parameters)
    }
}

impl Takes {
    const RANGES: [(&str, Range); 3] = [("signed", Range::Signed), ("unit", Range::Unit), ("levels", Range::Levels)];
    const LAYOUTS: [(&str, Layout); 2] = [("nchw", Layout::Nchw), ("nhwc", Layout::Nhwc)];
    const ORDERS: [(&str, Order); 2] = [("rgb", Order::Rgb), ("bgr", Order::Bgr)];

    /// In words, for the file that kaiga keeps: `signed nhwc rgb 8 512x512 bytes-in`.
    pub fn write(&self) -> String {
        let mut words = vec![word(&Self::RANGES, self.range), word(&Self::LAYOUTS, self.layout)];
        words.extend([word(&Self::ORDERS, self.order), self.multiple.to_string()]);
        words.extend(self.size.map(|(width, height)| format!("{width}x{height}")));
        words.extend(self.bytes.0.then(|| "bytes-in".to_owned()));
        words.extend(self.bytes.1.then(|| "bytes-out".to_owned()));
        words.join(" ")
    }

    /// The other way.
    ///
    /// # Errors
    /// [`ErrorKind::File`](crate::ErrorKind::File) if the words are not those of [`Takes::write`].
    pub fn read(text: &str) -> Result<Self, Error> {
        let words: Vec<&str> = text.split(' ').collect();
        let read = || {
            let [range, layout, order, multiple, rest @ ..] = &words[..] else { return None };
            let side = |side: &str| side.parse().ok().filter(|side| (1..=LONGEST_SIDE_PX).contains(side));
            let size = |word: &&str| word.split_once('x').and_then(|(width, height)| side(width).zip(side(height)));
            Some(Self {
                range: meant(&Self::RANGES, range)?,
                layout: meant(&Self::LAYOUTS, layout)?,
                order: meant(&Self::ORDERS, order)?,
                multiple: multiple.parse().ok().filter(|multiple| (1..=256).contains(multiple))?,
                size: rest.iter().find_map(size),
                bytes: (rest.contains(&"bytes-in"), rest.contains(&"bytes-out")),
            })
        };
        match read() {
            Some(takes) => Ok(takes),
            None => fail!(File, "the file does not say how pictures are given to its graph, but {text:?}"),
        }
    }
}

/// A message with its parts replaced by what `part` makes of them, or left out.
fn copied(message: &[u8], part: impl Fn(u64, &[u8]) -> Result<Option<Vec<u8>>, Error>) -> Result<Vec<u8>, Error> {
    let mut copy = Message::default();
    for field in Fields::of(message) {
        match field? {
            (field, Content::Bytes(content)) => {
                if let Some(content) = part(field, content)? {
                    copy.bytes(field as u32, content);
                }
            }
            (field, Content::Number(number)) => _ = copy.number(field as u32, number),
            (field, _) => fail!(File, "part {field} of the graph is of a kind that it cannot be: the file is broken"),
        }
    }
    Ok(copy.as_ref().to_vec())
}

fn word<T: PartialEq>(words: &[(&str, T)], meaning: T) -> String {
    words.iter().find(|(_, other)| *other == meaning).map_or("", |(word, _)| word).to_owned()
}

fn meant<T: Copy>(words: &[(&str, T)], word: &str) -> Option<T> {
    words.iter().find(|(other, _)| *other == word).map(|(_, meaning)| *meaning)
}
