//! What people look at while a run goes on: a sheet of samples and the curve of the scores.

use std::fmt::Write as _;
use std::io::Cursor;

use anyhow::Result;
use image::{ImageFormat, Rgb, RgbImage, imageops};

/// Rows of pictures (width, height, 8-bit RGB) as one PNG; pictures stand at the upper left of equal cells.
///
/// # Errors
/// If a picture's samples do not fit its size, or the PNG cannot be made.
pub fn sheet(rows: &[Vec<(usize, usize, Vec<u8>)>]) -> Result<Vec<u8>> {
    const GAP: u32 = 4;
    let all = || rows.iter().flatten();
    let cell_width = all().map(|p| p.0).max().unwrap_or(1) as u32 + GAP;
    let cell_height = all().map(|p| p.1).max().unwrap_or(1) as u32 + GAP;
    let columns = rows.iter().map(Vec::len).max().unwrap_or(1) as u32;
    let white = Rgb([255; 3]);
    let mut sheet = RgbImage::from_pixel(columns * cell_width, rows.len() as u32 * cell_height, white);
    for (y, row) in rows.iter().enumerate() {
        for (x, (width, height, samples)) in row.iter().enumerate() {
            let picture = RgbImage::from_raw(*width as u32, *height as u32, samples.clone());
            let picture = picture.ok_or_else(|| anyhow::anyhow!("a picture of the sheet does not fit its size"))?;
            let (x, y) = (i64::from(cell_width) * x as i64, i64::from(cell_height) * y as i64);
            imageops::replace(&mut sheet, &picture, x, y);
        }
    }
    let mut png = Cursor::new(Vec::new());
    sheet.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

/// A line of the curve: a name and its points (minutes, value).
pub type Line = (String, Vec<[f64; 2]>);

/// Panels of lines, one under the other, as SVG.
pub fn curve(panels: &[(String, Vec<Line>)]) -> String {
    const WIDTH: f64 = 760.0;
    const HEIGHT: f64 = 240.0;
    const COLOURS: [&str; 4] = ["#2b6cb0", "#d5538f", "#2f855a", "#b7791f"];
    let total = HEIGHT * panels.len() as f64;
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{total}' font-family='sans-serif' \
         font-size='12'><rect width='100%' height='100%' fill='white'/>\n"
    );
    for (i, (title, lines)) in panels.iter().enumerate() {
        let points = || lines.iter().flat_map(|(_, points)| points).filter(|p| p[1].is_finite());
        let range = |axis: usize| {
            let (low, high) = points().fold((f64::MAX, f64::MIN), |(l, h), p| (l.min(p[axis]), h.max(p[axis])));
            if low < high { (low, high) } else { (low.min(0.0), low.max(1.0)) }
        };
        if points().next().is_none() {
            continue;
        }
        let ((left, right), (low, high)) = (range(0), range(1));
        let top = i as f64 * HEIGHT;
        let at = |[x, y]: [f64; 2]| {
            let x = 60.0 + (x - left) / (right - left) * (WIDTH - 200.0);
            (x, top + HEIGHT - 30.0 - (y - low) / (high - low) * (HEIGHT - 60.0))
        };
        // Writing to a String cannot fail.
        let _ = writeln!(svg, "<text x='60' y='{}'>{title}</text>", top + 18.0);
        for (value, y) in [(high, top + 34.0), (low, top + HEIGHT - 28.0)] {
            let _ = writeln!(svg, "<text x='52' y='{y}' text-anchor='end'>{value:.3}</text>");
        }
        let base = top + HEIGHT - 12.0;
        let _ = writeln!(svg, "<text x='60' y='{base}'>{left:.0} min</text>");
        let _ = writeln!(svg, "<text x='{}' y='{base}' text-anchor='end'>{right:.0} min</text>", WIDTH - 140.0);
        for (n, (name, points)) in lines.iter().enumerate() {
            let colour = COLOURS[n % COLOURS.len()];
            let path: String = points.iter().map(|&p| at(p)).map(|(x, y)| format!("{x:.1},{y:.1} ")).collect();
            let _ = writeln!(svg, "<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='1.5'/>");
            let y = top + 40.0 + 16.0 * n as f64;
            let _ = writeln!(svg, "<text x='{}' y='{y}' fill='{colour}'>{name}</text>", WIDTH - 130.0);
        }
    }
    svg + "</svg>\n"
}
