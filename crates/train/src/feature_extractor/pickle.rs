//! The part of Python's pickle (protocol 2) in which PyTorch describes a dictionary of tensors.
//!
//! A pickle is a program for a small stack machine. Only the instructions that torch writes are known here, and
//! nothing that the program names is ever called.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use tch::Kind;

/// What a pickle describes. Values lie in one row and name each other by their place, as the machine's own do: a value
/// may be in several places, and may be filled after it was put there.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    nodes: Vec<Node<'a>>,
    root: usize,
}

#[derive(Debug)]
pub(super) enum Node<'a> {
    Nothing,
    /// Numbers, and truth as 0 or 1.
    Int(i64),
    Text(&'a str),
    /// A tuple or a list.
    Sequence(Vec<usize>),
    Dict(Vec<(usize, usize)>),
    /// Module and name of a class or function.
    Global(&'a str, &'a str),
    Storage(Storage<'a>),
    Tensor(Box<View<'a>>),
}

/// A row of numbers, kept elsewhere under `key`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Storage<'a> {
    pub(super) key: &'a str,
    pub(super) kind: Kind,
    pub(super) count: usize,
}

/// The part of a storage that a tensor shows. There are as many strides as sizes.
#[derive(Clone, Debug)]
pub(super) struct View<'a> {
    pub(super) storage: Storage<'a>,
    pub(super) offset: usize,
    pub(super) sizes: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

impl<'a> Pickle<'a> {
    /// Reads one pickle and leaves `bytes` behind it.
    pub(super) fn read(bytes: &mut &'a [u8]) -> Result<Self> {
        let mut machine = Machine { nodes: vec![], stack: vec![], marks: vec![], memo: HashMap::new() };
        let root = machine.run(bytes)?;
        Ok(Self { nodes: machine.nodes, root })
    }

    /// Everything that was built.
    pub(super) fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    /// The dictionary that the pickle is.
    pub(super) fn entries(&self) -> Result<Vec<(&'a str, &Node<'a>)>> {
        let Node::Dict(entries) = &self.nodes[self.root] else { bail!("it is not a dictionary of tensors") };
        entries.iter().map(|&(key, value)| Ok((text(&self.nodes[key])?, &self.nodes[value]))).collect()
    }

    /// The list of texts that the pickle is.
    pub(super) fn texts(&self) -> Result<Vec<&'a str>> {
        let Node::Sequence(items) = &self.nodes[self.root] else { bail!("a list was expected") };
        items.iter().map(|&item| text(&self.nodes[item])).collect()
    }
}

/// Cuts `count` bytes off the front.
pub(super) fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8]> {
    bytes.split_off(..count).context("it ends too early: get it again")
}

fn text<'a>(node: &Node<'a>) -> Result<&'a str> {
    let Node::Text(text) = node else { bail!("a text was expected") };
    Ok(text)
}

fn size(node: &Node) -> Result<usize> {
    let Node::Int(value) = node else { bail!("a number was expected") };
    usize::try_from(*value).with_context(|| format!("{value} is no size"))
}

struct Machine<'a> {
    nodes: Vec<Node<'a>>,
    stack: Vec<usize>,
    marks: Vec<usize>,
    memo: HashMap<u32, usize>,
}

impl<'a> Machine<'a> {
    /// Runs to the end of the program; gives the place of what it leaves.
    fn run(&mut self, bytes: &mut &'a [u8]) -> Result<usize> {
        loop {
            let op = byte(bytes)?;
            match op {
                0x80 => ensure!(byte(bytes)? == 2, "it is not in pickle's protocol 2"),
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.push(Node::Nothing),
                0x88 => self.push(Node::Int(1)),
                0x89 => self.push(Node::Int(0)),
                b'K' => self.push(Node::Int(byte(bytes)?.into())),
                b'M' => self.push(Node::Int(u16::from_le_bytes(take(bytes, 2)?.try_into()?).into())),
                b'J' => self.push(Node::Int(i32::from_le_bytes(take(bytes, 4)?.try_into()?).into())),
                0x8a => {
                    let digits = usize::from(byte(bytes)?);
                    let digits = take(bytes, digits)?;
                    ensure!(digits.len() <= 8, "a number is too large");
                    let sign = if digits.last().is_some_and(|high| high & 0x80 != 0) { 0xff } else { 0 };
                    let mut all = [sign; 8];
                    all[..digits.len()].copy_from_slice(digits);
                    self.push(Node::Int(i64::from_le_bytes(all)));
                }
                b'X' => {
                    let len = long(bytes)? as usize;
                    self.push(Node::Text(std::str::from_utf8(take(bytes, len)?)?));
                }
                b'c' => {
                    let global = Node::Global(line(bytes)?, line(bytes)?);
                    self.push(global);
                }
                b')' | b']' => self.push(Node::Sequence(vec![])),
                b'}' => self.push(Node::Dict(vec![])),
                0x85..=0x87 => {
                    let items = self.last(usize::from(op - 0x84))?;
                    self.push(Node::Sequence(items));
                }
                b't' => {
                    let items = self.since_mark()?;
                    self.push(Node::Sequence(items));
                }
                b'a' | b'e' => {
                    let items = if op == b'a' { self.last(1)? } else { self.since_mark()? };
                    let Node::Sequence(list) = self.top()? else { bail!("only a list can be added to") };
                    list.extend(items);
                }
                b's' | b'u' => {
                    let items = if op == b's' { self.last(2)? } else { self.since_mark()? };
                    let Node::Dict(entries) = self.top()? else { bail!("only a dictionary has entries") };
                    entries.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
                }
                b'q' | b'r' => {
                    let at = if op == b'q' { byte(bytes)?.into() } else { long(bytes)? };
                    let value = *self.stack.last().context("its stack is empty")?;
                    self.memo.insert(at, value);
                }
                b'h' | b'j' => {
                    let at = if op == b'h' { byte(bytes)?.into() } else { long(bytes)? };
                    self.stack.push(*self.memo.get(&at).context("it uses what it never kept")?);
                }
                b'Q' => {
                    let described = self.pop()?;
                    let storage = self.storage(described)?;
                    self.push(Node::Storage(storage));
                }
                b'R' => {
                    let called = self.last(2)?;
                    let made = self.call(called[0], called[1])?;
                    self.push(made);
                }
                // What is set here on a dictionary is torch's own notes on the modules.
                b'b' => {
                    self.pop()?;
                    ensure!(matches!(self.top()?, Node::Dict(_)), "it sets the fields of an object");
                }
                _ => bail!("it holds something other than tensors in a dictionary (instruction {op:#04x})"),
            }
        }
    }

    /// A storage from torch's `("storage", class, key, place, count)`.
    fn storage(&self, described: usize) -> Result<Storage<'a>> {
        let [tag, class, key, _, count, rest @ ..] = &self.items(described)?[..] else { bail!("a storage is damaged") };
        ensure!(text(tag)? == "storage", "it refers to something other than a storage");
        ensure!(rest.iter().all(|rest| matches!(rest, Node::Nothing)), "a storage is part of another");
        let kind = match class {
            Node::Global("torch", "FloatStorage") => Kind::Float,
            Node::Global("torch", "HalfStorage") => Kind::Half,
            Node::Global("torch", "LongStorage") => Kind::Int64,
            Node::Global(_, class) => bail!("it holds a {class}; only f32, f16 and i64 are read"),
            _ => bail!("a storage is damaged"),
        };
        Ok(Storage { key: text(key)?, kind, count: size(count)? })
    }

    /// What torch's functions would make.
    fn call(&self, function: usize, arguments: usize) -> Result<Node<'a>> {
        let Node::Global(module, name) = self.nodes[function] else { bail!("it calls what is no function") };
        let arguments = self.items(arguments)?;
        Ok(match (module, name, &arguments[..]) {
            ("collections", "OrderedDict", []) => Node::Dict(vec![]),
            ("torch._utils", "_rebuild_parameter", [Node::Tensor(view), ..]) => Node::Tensor(view.clone()),
            ("torch._utils", "_rebuild_tensor_v2", [Node::Storage(storage), offset, sizes, strides, ..]) => {
                let sizes_of = |list: &Node| match list {
                    Node::Sequence(items) => items.iter().map(|&item| size(&self.nodes[item])).collect(),
                    _ => bail!("a tensor's shape is damaged"),
                };
                let (sizes, strides): (Vec<_>, Vec<_>) = (sizes_of(sizes)?, sizes_of(strides)?);
                ensure!(sizes.len() == strides.len(), "a tensor's shape is damaged");
                Node::Tensor(Box::new(View { storage: *storage, offset: size(offset)?, sizes, strides }))
            }
            _ => bail!("it calls {module} {name}: only tensors in a dictionary are read"),
        })
    }

    fn items(&self, sequence: usize) -> Result<Vec<&Node<'a>>> {
        let Node::Sequence(items) = &self.nodes[sequence] else { bail!("a tuple was expected") };
        Ok(items.iter().map(|&item| &self.nodes[item]).collect())
    }

    fn push(&mut self, node: Node<'a>) {
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
    }

    fn pop(&mut self) -> Result<usize> {
        self.stack.pop().context("its stack is empty")
    }

    fn top(&mut self) -> Result<&mut Node<'a>> {
        let top = *self.stack.last().context("its stack is empty")?;
        Ok(&mut self.nodes[top])
    }

    fn last(&mut self, count: usize) -> Result<Vec<usize>> {
        let at = self.stack.len().checked_sub(count).context("its stack is empty")?;
        Ok(self.stack.split_off(at))
    }

    fn since_mark(&mut self) -> Result<Vec<usize>> {
        let at = self.marks.pop().filter(|&at| at <= self.stack.len()).context("a mark is missing")?;
        Ok(self.stack.split_off(at))
    }
}

fn byte(bytes: &mut &[u8]) -> Result<u8> {
    Ok(take(bytes, 1)?[0])
}

fn long(bytes: &mut &[u8]) -> Result<u32> {
    Ok(u32::from_le_bytes(take(bytes, 4)?.try_into()?))
}

fn line<'a>(bytes: &mut &'a [u8]) -> Result<&'a str> {
    let len = bytes.iter().position(|&byte| byte == b'\n').context("a name does not end")?;
    let line = take(bytes, len + 1)?;
    Ok(std::str::from_utf8(&line[..len])?)
}
