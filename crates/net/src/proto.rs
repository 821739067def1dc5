//! As much of the Protocol Buffers wire format as writing a model takes.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_the_format_description() {
        // The examples of protobuf.dev/programming-guides/encoding.
        assert_eq!(Message::default().number(1, 150).0, [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().bytes(2, "testing").0, b"\x12\x07testing");
        assert_eq!(Message::default().number(1, -1).0.len(), 11);
        assert_eq!(Message::default().float(2, 1.0).0, [0x15, 0, 0, 0x80, 0x3f]);
    }
}
