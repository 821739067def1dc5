//! Raw frames with exact time stamps, as ffmpeg reads them from a pipe: Matroska (RFC 9559), one track, one cluster a
//! frame. Its clock ticks in nanoseconds, so that the stamps of any frame rate survive.

use std::io::{self, Write};

/// The length of an element that ends where the stream ends.
const UNKNOWN: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// Writes what comes before the first frame of `width`×`height` px, rgb24.
pub(crate) fn write_head(to: &mut impl Write, width: usize, height: usize, frame_ns: u64) -> io::Result<()> {
    let video = [
        element(0xb0, &number(width as u64)),
        element(0xba, &number(height as u64)),
        // Colour space: in the words of AVI, RGB of 24 bits.
        element(0x2e_b524, b"RGB\x18"),
    ];
    let track = [
        element(0xd7, &[1]),
        element(0x73c5, &[1]),
        element(0x83, &[1]),
        element(0x86, b"V_UNCOMPRESSED"),
        element(0x23_e383, &number(frame_ns)),
        element(0xe0, &video.concat()),
    ];
    let tracks = element(0x1654_ae6b, &element(0xae, &track.concat()));
    let info = element(0x1549_a966, &element(0x2a_d7b1, &[1]));
    to.write_all(&element(0x1a45_dfa3, &element(0x4282, b"matroska")))?;
    to.write_all(&id(0x1853_8067))?;
    to.write_all(&UNKNOWN)?;
    to.write_all(&info)?;
    to.write_all(&tracks)
}

/// Writes a frame that is shown at `at_ns`.
pub(crate) fn write_frame(to: &mut impl Write, at_ns: u64, pixels: &[u8]) -> io::Result<()> {
    let stamp = element(0xe7, &number(at_ns));
    // Track 1, at the time of the cluster, a key frame.
    let block = [0x81, 0, 0, 0x80];
    let block_length = length(block.len() + pixels.len());
    let cluster_length = stamp.len() + 1 + block_length.len() + block.len() + pixels.len();
    to.write_all(&id(0x1f43_b675))?;
    to.write_all(&length(cluster_length))?;
    to.write_all(&stamp)?;
    to.write_all(&[0xa3])?;
    to.write_all(&block_length)?;
    to.write_all(&block)?;
    to.write_all(pixels)
}

fn element(name: u32, content: &[u8]) -> Vec<u8> {
    [&id(name), &length(content.len())[..], content].concat()
}

/// A name, which says its own length.
fn id(name: u32) -> Vec<u8> {
    significant(&name.to_be_bytes())
}

fn number(value: u64) -> Vec<u8> {
    significant(&value.to_be_bytes())
}

/// Without the zeros in front, but for the last.
fn significant(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes[zeros.min(bytes.len() - 1)..].to_vec()
}

/// A length of always eight bytes.
fn length(bytes: usize) -> [u8; 8] {
    ((bytes as u64) | 1 << 56).to_be_bytes()
}
