//! Runs a network ([`net::Arch`]) on the CPU. Knows no pictures.

/// A map of H×W×C numbers, channels side by side (HWC), what operations take and make.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Numbers at each position.
    pub channels: usize,
    /// The numbers: `data[(y·width + x)·channels + c]`.
    pub data: Vec<f32>,
}
