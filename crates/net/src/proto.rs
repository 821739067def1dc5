//! As much of the Protocol Buffers wire format as reading and writing a model takes.

use crate::error::{Error, fail};

/// A message being written.
#[derive(Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    /// A number: wire type 0.
    pub(crate) fn number(&mut self, field: u32, number: i64) -> &mut Self {
        self.varint(u64::from(field << 3));
        self.varint(number as u64);
        self
    }

    /// A float: wire type 5.
    pub(crate) fn float(&mut self, field: u32, number: f32) -> &mut Self {
        self.varint(u64::from(field << 3 | 5));
        self.0.extend(number.to_le_bytes());
        self
    }

    /// Bytes, text or a message: wire type 2.
    pub(crate) fn bytes(&mut self, field: u32, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.varint(u64::from(field << 3 | 2));
        self.varint(bytes.as_ref().len() as u64);
        self.0.extend(bytes.as_ref());
        self
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// What a field of a message holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Content<'a> {
    Number(i64),
    Float(f32),
    Double(f64),
    /// Bytes, text, a message, or numbers packed.
    Bytes(&'a [u8]),
}

/// The fields of a message that is being read, in the order they stand in it. It ends after an error.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn varint(&mut self) -> Result<u64, Error> {
        let mut number = 0;
        for (i, &byte) in self.0.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.0 = &self.0[i + 1..];
                return Ok(number);
            }
        }
        fail!(File, "the file ends within a number, or is broken there")
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Error> {
        let Some((taken, rest)) = usize::try_from(length).ok().and_then(|length| self.0.split_at_checked(length))
        else {
            fail!(File, "a part says it holds {length} bytes, {} are left: the file was cut off", self.0.len());
        };
        self.0 = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u64, Content<'a>), Error> {
        let key = self.varint()?;
        let content = match key & 7 {
            0 => Content::Number(self.varint()? as i64),
            1 => Content::Double(f64::from_le_bytes(self.take(8)?.try_into().unwrap_or_default())),
            2 => {
                let length = self.varint()?;
                Content::Bytes(self.take(length)?)
            }
            5 => Content::Float(f32::from_le_bytes(self.take(4)?.try_into().unwrap_or_default())),
            other => fail!(File, "a part is of a kind that does not exist, {other}: the file is broken"),
        };
        Ok((key >> 3, content))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Content<'a>), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// The numbers of a repeated field, which stand one by one or packed.
pub(crate) fn numbers(content: Content<'_>, into: &mut Vec<i64>) -> Result<(), Error> {
    match content {
        Content::Number(number) => into.push(number),
        Content::Bytes(packed) => {
            let mut packed = Fields(packed);
            while !packed.0.is_empty() {
                into.push(packed.varint()? as i64);
            }
        }
        _ => fail!(File, "a list of whole numbers holds other things: the file is broken"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_was_cut_off_is_an_error() {
        let mut message = Message::default();
        message.number(1, -150).bytes(2, "絵").float(3, 0.5);
        let read = |bytes| Fields::of(bytes).collect::<Result<Vec<_>, _>>();
        let fields = vec![(1, Content::Number(-150)), (2, Content::Bytes("絵".as_bytes())), (3, Content::Float(0.5))];
        assert_eq!(read(message.as_ref()), Ok(fields));
        // Where a field ends the rest is a message of its own.
        let ends = [0, 11, 16];
        for length in (0..message.as_ref().len()).filter(|length| !ends.contains(length)) {
            assert!(read(&message.as_ref()[..length]).is_err(), "{length}");
        }
        let mut list = Vec::new();
        numbers(Content::Bytes(&[1, 0x96, 1]), &mut list).unwrap();
        assert_eq!(list, [1, 150]);
        assert!(numbers(Content::Bytes(&[0x96]), &mut list).is_err());
    }

    #[test]
    fn the_bytes_of_the_format_description() {
        // The examples of protobuf.dev/programming-guides/encoding.
        assert_eq!(Message::default().number(1, 150).0, [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().bytes(2, "testing").0, b"\x12\x07testing");
        assert_eq!(Message::default().number(1, -1).0.len(), 11);
        assert_eq!(Message::default().float(2, 1.0).0, [0x15, 0, 0, 0x80, 0x3f]);
    }
}
