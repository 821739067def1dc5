//! Sheets for the eye.

use pixels::Image;
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;

/// White between the pictures, px.
const GAP_PX: usize = 6;

/// Rows of pictures, say photo | painter | kaiga, each picture scaled to `cell_width_px` and its own height, at the
/// top of its row.
///
/// # Panics
/// If there is no picture, a picture has no pixels, or `cell_width_px` is 0.
pub fn gallery(rows: &[Vec<Image<Srgb8>>], cell_width_px: usize) -> Image<Srgb8> {
    let scaled = |picture: &Image<Srgb8>| {
        let height = (picture.height() * cell_width_px + picture.width() / 2) / picture.width().max(1);
        let filter = if cell_width_px < picture.width() { Filter::Lanczos3 } else { Filter::Mitchell };
        resize::to(picture, cell_width_px, height.max(1), filter)
    };
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    assert!(columns > 0 && cell_width_px > 0, "a gallery needs pictures");
    let width = columns * (cell_width_px + GAP_PX) - GAP_PX;
    let mut pixels = Vec::new();
    for (number, row) in rows.iter().filter(|row| !row.is_empty()).enumerate() {
        if number > 0 {
            pixels.resize(pixels.len() + GAP_PX * width, [255; 3]);
        }
        let cells: Vec<Image<Srgb8>> = row.iter().map(scaled).collect();
        for y in 0..cells.iter().map(Image::height).max().unwrap_or(0) {
            let start = pixels.len();
            for (column, cell) in cells.iter().enumerate() {
                pixels.resize(start + column * (cell_width_px + GAP_PX), [255; 3]);
                if y < cell.height() {
                    pixels.extend_from_slice(cell.row(y));
                }
            }
            pixels.resize(start + width, [255; 3]);
        }
    }
    Image::new(width, pixels.len() / width, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_in_their_cells() {
        let red = Image::<Srgb8>::filled(40, 20, [200, 0, 0]);
        let blue = Image::<Srgb8>::filled(10, 20, [0, 0, 200]);
        let sheet = gallery(&[vec![red.clone(), blue], vec![red]], 20);
        // Cells 20 px wide: 10 and 40 px high in the first row, 10 in the second.
        assert_eq!((sheet.width(), sheet.height()), (46, 40 + 6 + 10));
        assert_eq!((sheet.at(10, 5), sheet.at(30, 39)), ([200, 0, 0], [0, 0, 200]));
        assert_eq!((sheet.at(10, 20), sheet.at(22, 5), sheet.at(30, 50)), ([255; 3], [255; 3], [255; 3]));
        assert_eq!(sheet.at(10, 50), [200, 0, 0]);
    }
}
