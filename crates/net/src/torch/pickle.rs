//! As much of Python's pickle machine as tensors and containers take. It builds values and calls nothing: the few names
//! that stand for building a tensor or a dictionary are known, every other name is refused.

use super::Numbers;
use crate::error::{Error, fail};
use std::collections::HashMap;

/// The number of a value.
pub(super) type Id = usize;

/// A file makes no more values than this; a checkpoint of the classic network makes some thousand.
const MOST_VALUES: usize = 1 << 20;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Something that nobody asks about: nothing, a truth value, a float.
    Other,
    Number(i64),
    /// A whole number of more than 8 bytes, little-endian.
    Long(Vec<u8>),
    Text(String),
    /// A list or tuple.
    Sequence(Vec<Id>),
    Map(Vec<(Id, Id)>),
    /// A name that may be called.
    Name(Callable),
    /// A class of storages.
    Class(Numbers),
    /// One of the machine's storages.
    Storage(usize),
    Tensor(Strided),
}

/// What the names that are known do when they are called.
#[derive(Clone, Copy, Debug)]
pub(super) enum Callable {
    Dictionary,
    /// From storage, offset, sizes, strides.
    Tensor,
    /// What is given first.
    Same,
}

/// A tensor: which numbers of which storage.
#[derive(Clone, Debug)]
pub(super) struct Strided {
    pub(super) storage: usize,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

impl Strided {
    /// How many it holds; `None` beyond what can be counted.
    pub(super) fn numbers(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side))
    }
}

/// Numbers that lie somewhere else in the file.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    pub(super) key: String,
    pub(super) numbers: Numbers,
    pub(super) count: usize,
}

/// The machine on its way through a file.
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    pub(super) storages: Vec<Storage>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// Values made and copied.
    spent: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let (stack, marks, memo) = Default::default();
        Self { bytes, at: 0, nodes: Vec::new(), storages: Vec::new(), stack, marks, memo, spent: 0 }
    }

    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    /// Where the next pickle begins.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Reads one pickle and gives what it makes.
    pub(super) fn run(&mut self) -> Result<Id, Error> {
        (self.stack, self.marks, self.memo) = Default::default();
        loop {
            let code = self.byte()?;
            if code == b'.' {
                return self.pop();
            }
            self.step(code)?;
        }
    }

    fn step(&mut self, code: u8) -> Result<(), Error> {
        match code {
            0x80 => _ = self.byte()?,
            0x95 => _ = self.take(8)?,
            b'(' => self.marks.push(self.stack.len()),
            b'}' => self.push(Node::Map(Vec::new()))?,
            b']' | b')' => self.push(Node::Sequence(Vec::new()))?,
            b'N' | 0x88 | 0x89 => self.push(Node::Other)?,
            b'G' => {
                self.take(8)?;
                self.push(Node::Other)?;
            }
            b'K' => {
                let number = i64::from(self.byte()?);
                self.push(Node::Number(number))?;
            }
            b'M' => {
                let number = self.little(2)?;
                self.push(Node::Number(number as i64))?;
            }
            b'J' => {
                let number = self.little(4)? as u32 as i32;
                self.push(Node::Number(number.into()))?;
            }
            0x8a => {
                let length = usize::from(self.byte()?);
                let digits = self.take(length)?.to_vec();
                self.push(long(digits))?;
            }
            0x8c | b'U' => self.text(1)?,
            b'X' | b'T' => self.text(4)?,
            0x8d => self.text(8)?,
            b'q' | b'r' => {
                let name = self.little(if code == b'q' { 1 } else { 4 })? as u32;
                self.remember(name)?;
            }
            0x94 => self.remember(self.memo.len() as u32)?,
            b'h' | b'j' => {
                let name = self.little(if code == b'h' { 1 } else { 4 })? as u32;
                let Some(&id) = self.memo.get(&name) else { return broken() };
                self.stack.push(id);
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(known(&module, &name)?)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Node::Text(module), Node::Text(name)) = (self.node(module), self.node(name)) else {
                    return broken();
                };
                let node = known(module, name)?;
                self.push(node)?;
            }
            b't' => {
                let items = self.since_mark()?;
                self.push(Node::Sequence(items))?;
            }
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(code - 0x84));
                let Some(from) = from else { return broken() };
                let items = self.stack.split_off(from);
                self.push(Node::Sequence(items))?;
            }
            b'a' | b'e' => {
                let mut items = if code == b'a' { vec![self.pop()?] } else { self.since_mark()? };
                let Node::Sequence(list) = self.top()? else { return broken() };
                list.append(&mut items);
            }
            b's' | b'u' => {
                let items = if code == b's' {
                    let (value, key) = (self.pop()?, self.pop()?);
                    vec![key, value]
                } else {
                    self.since_mark()?
                };
                let Node::Map(entries) = self.top()? else { return broken() };
                entries.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            b'Q' => self.persistent()?,
            b'R' => self.call()?,
            // What is built on is a dictionary whose attributes nobody asks about.
            b'b' => {
                self.pop()?;
                if !matches!(self.top()?, Node::Map(_)) {
                    return broken();
                }
            }
            b'0' => _ = self.pop()?,
            _ => fail!(
                File,
                "the checkpoint does what only tensors and containers need not (pickle code {code:#04x}): refused"
            ),
        }
        Ok(())
    }

    /// A storage by its tuple: "storage", class, key, device, count.
    fn persistent(&mut self) -> Result<(), Error> {
        let id = self.pop()?;
        let Node::Sequence(parts) = self.node(id) else { return broken() };
        let [_, class, key, _, count, ..] = parts[..] else { return broken() };
        let (Node::Class(numbers), Node::Text(key), Node::Number(count)) =
            (self.node(class), self.node(key), self.node(count))
        else {
            return broken();
        };
        let Ok(count) = usize::try_from(*count) else { return broken() };
        self.storages.push(Storage { key: key.clone(), numbers: *numbers, count });
        self.push(Node::Storage(self.storages.len() - 1))
    }

    fn call(&mut self) -> Result<(), Error> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let Node::Name(callable) = *self.node(callable) else { return broken() };
        let Node::Sequence(arguments) = self.node(arguments).clone() else { return broken() };
        self.spend(arguments.len())?;
        match (callable, &arguments[..]) {
            (Callable::Dictionary, []) => self.push(Node::Map(Vec::new())),
            (Callable::Dictionary, [pairs, ..]) => {
                let Node::Sequence(pairs) = self.node(*pairs) else { return broken() };
                let pair = |&id: &Id| match self.node(id) {
                    Node::Sequence(pair) if pair.len() == 2 => Some((pair[0], pair[1])),
                    _ => None,
                };
                let Some(entries) = pairs.iter().map(pair).collect::<Option<Vec<_>>>() else { return broken() };
                self.spend(entries.len())?;
                self.push(Node::Map(entries))
            }
            (Callable::Same, [first, ..]) => {
                self.stack.push(*first);
                Ok(())
            }
            (Callable::Tensor, [storage, offset, shape, strides, ..]) => {
                let (Node::Storage(storage), Node::Number(offset)) = (self.node(*storage), self.node(*offset)) else {
                    return broken();
                };
                let (storage, offset) = (*storage, usize::try_from(*offset).ok());
                let parts = offset.zip(self.sizes(*shape)).zip(self.sizes(*strides));
                let Some(((offset, shape), strides)) =
                    parts.filter(|((_, shape), strides)| shape.len() == strides.len())
                else {
                    return broken();
                };
                self.push(Node::Tensor(Strided { storage, offset, shape, strides }))
            }
            _ => broken(),
        }
    }

    fn sizes(&self, id: Id) -> Option<Vec<usize>> {
        let Node::Sequence(sizes) = self.node(id) else { return None };
        let size = |&id: &Id| match self.node(id) {
            Node::Number(size) => usize::try_from(*size).ok(),
            _ => None,
        };
        sizes.iter().map(size).collect()
    }

    fn push(&mut self, node: Node) -> Result<(), Error> {
        self.spend(1)?;
        self.nodes.push(node);
        self.stack.push(self.nodes.len() - 1);
        Ok(())
    }

    fn spend(&mut self, values: usize) -> Result<(), Error> {
        self.spent += values;
        if self.spent > MOST_VALUES {
            fail!(File, "the checkpoint makes more than {MOST_VALUES} values: it is no state_dict");
        }
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, Error> {
        self.stack.pop().map_or_else(broken, Ok)
    }

    fn top(&mut self) -> Result<&mut Node, Error> {
        match self.stack.last() {
            Some(&id) => Ok(&mut self.nodes[id]),
            None => broken(),
        }
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, Error> {
        match self.marks.pop().filter(|&mark| mark <= self.stack.len()) {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => broken(),
        }
    }

    fn remember(&mut self, name: u32) -> Result<(), Error> {
        let Some(&id) = self.stack.last() else { return broken() };
        self.memo.insert(name, id);
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, Error> {
        Ok(self.take(1)?[0])
    }

    fn little(&mut self, length: usize) -> Result<u64, Error> {
        Ok(self.take(length)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn text(&mut self, length_bytes: usize) -> Result<(), Error> {
        let length = usize::try_from(self.little(length_bytes)?).unwrap_or(usize::MAX);
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(Node::Text(text))
    }

    fn line(&mut self) -> Result<String, Error> {
        let rest = &self.bytes[self.at..];
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else { return broken() };
        self.at += length + 1;
        Ok(String::from_utf8_lossy(&rest[..length]).into_owned())
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else { fail!(File, "the checkpoint ends too early: it was cut off") };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }
}

fn long(digits: Vec<u8>) -> Node {
    if digits.len() > 8 {
        return Node::Long(digits);
    }
    let negative = digits.last().is_some_and(|digit| digit & 0x80 != 0);
    let start = if negative { -1_i64 } else { 0 };
    Node::Number(digits.iter().rev().fold(start, |number, &digit| number << 8 | i64::from(digit)))
}

/// The few names that a checkpoint needs.
fn known(module: &str, name: &str) -> Result<Node, Error> {
    let full = format!("{module}.{name}");
    if let Some(numbers) = Numbers::of(&full) {
        return Ok(Node::Class(numbers));
    }
    Ok(Node::Name(match full.as_str() {
        "collections.OrderedDict" => Callable::Dictionary,
        "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor" => Callable::Tensor,
        "torch._utils._rebuild_parameter" | "torch.Size" => Callable::Same,
        _ => fail!(
            File,
            "the checkpoint wants to use {full:?} when it is opened; only tensors and containers are read, nothing is run. \
             Save the weights alone: torch.save(model.state_dict(), \"weights.pt\")"
        ),
    }))
}

fn broken<T>() -> Result<T, Error> {
    fail!(File, "the checkpoint's pickle is broken")
}
