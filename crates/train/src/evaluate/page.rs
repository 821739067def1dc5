//! The report as one page of HTML that needs nothing else: figures on top, pictures below.

use std::fmt::Write as _;

use anyhow::Result;
use pixels::Image;
use pixels::codec::{self, Format};
use pixels::resize::{self, Filter};
use pixels::space::Srgb8;

use super::report::Report;
use super::table::{Cell, Row, Table};

/// Pictures are shown at most this wide, px.
const WIDTH_PX: usize = 420;
/// Quality of their JPEG.
const QUALITY: u8 = 85;

/// Colours are those of the reader's system, light or dark.
const STYLE: &str = "\
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }
body { margin: 2rem; background: Canvas; color: CanvasText }
h1, h2 { font-weight: 600 } h2 { font-size: 1rem; margin: 2rem 0 .5rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid color-mix(in srgb, CanvasText 20%, Canvas) }
th:first-child { text-align: left; position: sticky; left: 0; background: Canvas }
td { color: color-mix(in srgb, CanvasText 80%, Canvas) } td b { color: CanvasText }
.strip { display: flex; gap: .5rem } figure { margin: 0; flex: none } .none { width: 12rem } .none p { font-size: .85rem; margin: 0 0 .5rem }
figcaption, dl { font-size: .85rem; color: color-mix(in srgb, CanvasText 70%, Canvas) } figcaption span { display: block; margin: .2rem 0 0 }
img { display: block } dl { display: grid; grid-template-columns: max-content auto; gap: .1rem 1rem } dd { margin: 0 }
@media (max-width: 40rem) { body { margin: 1rem } dl { grid-template-columns: auto } dt { margin-top: .5rem; color: CanvasText } }
";

/// One photo and what the models made of it.
#[derive(Clone, Debug)]
pub struct Strip {
    name: String,
    pictures: Vec<Shown>,
}

#[derive(Clone, Debug)]
struct Shown {
    caption: String,
    /// A sentence under the caption, or none.
    told: String,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Picture {
        width: usize,
        height: usize,
        jpeg: Vec<u8>,
    },
    /// Why there is no picture.
    Reason(String),
}

impl Strip {
    /// A strip without pictures, to be called `name`.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), pictures: Vec::new() }
    }

    /// Adds a picture at the right, made smaller where it is over 420 px wide.
    ///
    /// # Errors
    /// If the picture has no pixels or is too high for a JPEG.
    pub fn add(&mut self, caption: &str, picture: &Image<Srgb8>) -> Result<()> {
        let width = picture.width().min(WIDTH_PX);
        let height = (picture.height() * width).checked_div(picture.width()).unwrap_or(0).max(1);
        let jpeg = codec::write(&resize::to(picture, width, height, Filter::Lanczos3), None, Format::Jpeg, QUALITY)?;
        self.push(caption, What::Picture { width, height, jpeg });
        Ok(())
    }

    /// Adds a place without a picture at the right, and why there is none.
    pub fn add_reason(&mut self, caption: &str, text: &str) {
        self.push(caption, What::Reason(text.to_owned()));
    }

    /// Says something under what was added last.
    pub fn tell(&mut self, sentence: &str) {
        if let Some(last) = self.pictures.last_mut() {
            sentence.clone_into(&mut last.told);
        }
    }

    fn push(&mut self, caption: &str, what: What) {
        self.pictures.push(Shown { caption: caption.to_owned(), told: String::new(), what });
    }
}

impl Report {
    /// As a page of HTML with `strips` of pictures below the tables of models.
    pub fn page(&self, strips: &[Strip]) -> String {
        let title = format!("{}: {} models on {} pictures", self.taste, self.models.len(), self.pictures.len());
        let mut page = beginning(&title, "");
        let tables = Table::all(&self.models);
        tables.iter().for_each(|table| write_table(&mut page, table));
        page +=
            "<p>Means over the pictures. ↑ more is better, ↓ less is better; the best network is in bold.</p>\n<dl>\n";
        for column in tables.iter().flat_map(|table| &table.columns) {
            let _ = writeln!(page, "<dt>{}</dt><dd>{}</dd>", escaped(&column.title()), escaped(column.meaning));
        }
        page += "</dl>\n";
        strips.iter().for_each(|strip| write_strip(&mut page, strip));
        page + "</html>\n"
    }
}

/// The page as far as its title, with rules of style behind those of all pages.
pub(crate) fn beginning(title: &str, rules: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}{rules}</style>\n<h1>{title}</h1>\n"
    )
}

/// The pictures of one photo.
pub(crate) fn write_strip(page: &mut String, Strip { name, pictures }: &Strip) {
    // Writing to a String cannot fail.
    let _ = writeln!(page, "<h2>{}</h2>\n<div class=\"wide strip\">", escaped(name));
    for Shown { caption, told, what } in pictures {
        let caption = escaped(caption);
        let told = if told.is_empty() { String::new() } else { format!("<span>{}</span>", escaped(told)) };
        let _ = match what {
            What::Picture { width, height, jpeg } => {
                let data = base64(jpeg);
                writeln!(
                    page,
                    "<figure><img width=\"{width}\" height=\"{height}\" alt=\"{caption}\" \
                     src=\"data:image/jpeg;base64,{data}\"><figcaption>{caption}{told}</figcaption></figure>"
                )
            }
            What::Reason(text) => {
                let text = escaped(text);
                writeln!(page, "<figure class=\"none\"><p>{text}</p><figcaption>{caption}{told}</figcaption></figure>")
            }
        };
    }
    *page += "</div>\n";
}

fn write_table(page: &mut String, Table { heading, columns, rows }: &Table) {
    // Writing to a String cannot fail.
    let _ = write!(page, "<div class=\"wide\"><table>\n<tr><th scope=\"col\">{}</th>", escaped(heading));
    for column in columns {
        let _ =
            write!(page, "<th scope=\"col\" title=\"{}\">{}</th>", escaped(column.meaning), escaped(&column.title()));
    }
    *page += "</tr>\n";
    for Row { label, cells } in rows {
        let _ = write!(page, "<tr><th scope=\"row\">{}</th>", escaped(label));
        for Cell { text, best } in cells {
            let _ = if *best { write!(page, "<td><b>{text}</b></td>") } else { write!(page, "<td>{text}</td>") };
        }
        *page += "</tr>\n";
    }
    *page += "</table></div>\n";
}

/// Text as HTML, in elements and in quoted attributes.
pub(crate) fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        _ => c.to_string(),
    };
    text.chars().map(escape).collect()
}

/// Base64 of RFC 4648, padded.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, i| bits << 8 | u32::from(group.get(i).copied().unwrap_or(0)));
        for digit in 0..4 {
            let here = digit <= group.len();
            text.push(if here { char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_the_standard_has_it() {
        let pairs = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        assert!(pairs.iter().all(|(bytes, text)| base64(bytes.as_bytes()) == *text));
        assert_eq!(base64(&[255, 239, 190]), "/+++");
    }

    #[test]
    fn nothing_in_a_name_is_markup() {
        assert_eq!(escaped("<b a=\"1\" b='2'>&"), "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;");
    }
}
