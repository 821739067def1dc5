//! The comparison as a table for a text, and as a page of HTML that needs nothing else.

use std::fmt::Write as _;

use super::{Figures, Method};
use crate::evaluate::Strip;
use crate::evaluate::page;

/// A method and what came out.
pub struct Row {
    /// The method.
    pub method: Method,
    /// What a user of it has to have, bytes.
    pub model_bytes: u64,
    /// Seconds for a photo, median.
    pub seconds: f64,
    /// The most memory its process held, bytes.
    pub peak_bytes: Option<u64>,
    /// What was measured on its paintings; nothing where it has no weights.
    pub figures: Option<Figures>,
}

/// Pictures beside and below each other as the window has room, those that there are not as boxes of the same place.
const RULES: &str = "\
th:first-child { white-space: normal; min-width: 11rem; font-weight: 600 } th, td { padding: .3rem .5rem }
.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: 1rem }
img { width: 100%; height: auto } figcaption { margin-top: .2rem; color: CanvasText } figcaption span { color: color-mix(in srgb, CanvasText 70%, Canvas) }
.none { width: auto } .none p { box-sizing: border-box; min-height: 9rem; margin: 0; padding: 1rem; border: 1px dashed color-mix(in srgb, CanvasText 40%, Canvas) }
";

const HEADS: [(&str, &str); 10] = [
    ("method", ""),
    ("model, MB", "what its user has to have; 0: it learns nothing"),
    ("time, s", "for one photo, median"),
    ("memory, MB", "most that its process held"),
    ("a/b error ↓", "mean absolute difference of Lab a* and b* to the photo"),
    ("colourfulness", "Hasler–Süsstrunk, painting over photo; kaiga wants 1.2 to 1.45"),
    ("brightness", "mean L* of the painting less that of the photo"),
    ("structure ↑", "multi-scale structural similarity of luma to the photo"),
    ("drawn-ness ↑", "from 0, photo, to 1, art, by a linear probe"),
    ("faces again ↑", "of the faces in the photos, found in the paintings"),
];

fn cells(row: &Row) -> Vec<String> {
    let figure = |text: &dyn Fn(&Figures) -> String| row.figures.as_ref().map_or("–".into(), text);
    vec![
        row.method.label(),
        format!("{:.1}", row.model_bytes as f64 / 1e6),
        if row.seconds < 10.0 { format!("{:.2}", row.seconds) } else { format!("{:.0}", row.seconds) },
        row.peak_bytes.map_or("–".into(), |bytes| format!("{:.0}", bytes as f64 / 1e6)),
        figure(&|f| format!("{:.1}", f.ab_difference)),
        figure(&|f| format!("{:.2}", f.colourfulness_ratio)),
        figure(&|f| format!("{:+.1}", f.brightness)),
        figure(&|f| format!("{:.3}", f.ms_ssim)),
        figure(&|f| f.drawnness.map_or("–".into(), |drawnness| format!("{drawnness:.2}"))),
        figure(&|f| if f.faces[0] == 0 { "–".into() } else { format!("{} of {}", f.faces[1], f.faces[0]) }),
    ]
}

/// The table in Markdown.
pub fn table(rows: &[Row]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let heads = HEADS.map(|(head, _)| head.to_owned());
    let mut text = line(&heads) + "|---|" + &"---:|".repeat(HEADS.len() - 1) + "\n";
    rows.iter().for_each(|row| text += &line(&cells(row)));
    text
}

/// How each method works, in a sentence or two for somebody who learns of it.
pub fn sentences(methods: &[Method]) -> Vec<String> {
    let mut told = "";
    let mut sentence = |method: &Method| {
        let how = if method.sentence() == told { "The same network in another style." } else { method.sentence() };
        told = method.sentence();
        [how.to_owned(), method.looks_like()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    };
    methods.iter().map(&mut sentence).collect()
}

/// The report: the table, what stands in it, how each method works and why some have no pictures, and the pictures of every
/// photo. With one photo, under whose pictures the sentences stand, the pictures come first.
pub fn page(title: &str, rows: &[Row], strips: &[Strip]) -> String {
    let mut text = page::beginning(title, RULES);
    if let [strip] = strips {
        page::write_strip(&mut text, strip);
        text += "<h2>In numbers</h2>\n";
    }
    // Writing to a String cannot fail.
    text += "<div class=\"wide\"><table>\n<tr>";
    for (head, meaning) in HEADS {
        let _ = write!(text, "<th scope=\"col\" title=\"{}\">{}</th>", page::escaped(meaning), page::escaped(head));
    }
    text += "</tr>\n";
    for row in rows {
        let mut cells = cells(row).into_iter();
        let _ = write!(text, "<tr><th scope=\"row\">{}</th>", page::escaped(&cells.next().unwrap_or_default()));
        cells.for_each(|cell| _ = write!(text, "<td>{}</td>", page::escaped(&cell)));
        text += "</tr>\n";
    }
    text += "</table></div>\n<dl>\n";
    HEADS.iter().filter(|(_, meaning)| !meaning.is_empty()).for_each(|(head, meaning)| term(&mut text, head, meaning));
    text += "</dl>\n";
    if strips.len() != 1 {
        text += "<h2>How they work</h2>\n<dl>\n";
        let methods: Vec<Method> = rows.iter().map(|row| row.method.clone()).collect();
        for (method, sentence) in methods.iter().zip(sentences(&methods)) {
            let why = method.untrained().map_or(String::new(), |why| format!(" {why}"));
            term(&mut text, &method.label(), &(sentence + &why));
        }
        text += "</dl>\n";
        strips.iter().for_each(|strip| page::write_strip(&mut text, strip));
    }
    text + "</html>\n"
}

/// Something and what it is, in a list.
fn term(text: &mut String, what: &str, is: &str) {
    let _ = writeln!(text, "<dt>{}</dt><dd>{}</dd>", page::escaped(what), page::escaped(is));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let figures = Figures {
            ab_difference: 3.21,
            colourfulness_ratio: 1.3,
            brightness: -2.04,
            ms_ssim: 0.9,
            drawnness: Some(0.75),
            faces: [4, 3],
        };
        let row = |method, figures| Row { method, model_bytes: 1_400_000, seconds: 0.2, peak_bytes: None, figures };
        vec![row(Method::Look("meadow".into()), Some(figures)), row(Method::CycleGan, None)]
    }

    #[test]
    fn the_table_says_what_was_measured_and_leaves_out_what_was_not() {
        let table = table(&rows());
        assert!(
            table.contains("| kaiga meadow | 1.4 | 0.20 | – | 3.2 | 1.30 | -2.0 | 0.900 | 0.75 | 3 of 4 |"),
            "{table}"
        );
        assert!(table.contains("| CycleGAN, ResNet-9 (2017) | 1.4 | 0.20 | – | – | – | – | – | – | – |"), "{table}");
    }

    #[test]
    fn the_page_says_why_there_are_no_pictures() {
        let strip = |name: &str| {
            let mut strip = Strip::new(name);
            strip.add("photo", &pixels::Image::filled(4, 4, [9; 3])).unwrap();
            strip.add_reason("CycleGAN", Method::CycleGan.untrained().unwrap());
            strip
        };
        let page = page("Title", &rows(), &[strip("a <photo>"), strip("b")]);
        assert!(page.contains("a &lt;photo&gt;") && page.matches("never trained on openly licensed").count() == 3);
        assert!(page.contains("data:image/jpeg;base64,") && page.ends_with("</html>\n"));
    }

    #[test]
    fn one_photo_comes_first_with_a_sentence_under_each_picture() {
        let methods = ["meadow", "cel"].map(|name| Method::Look(name.into()));
        let [meadow, cel] = &sentences(&methods)[..] else { panic!("one each") };
        assert!(meadow.starts_with("A small network") && meadow.contains("cerulean"), "{meadow}");
        assert!(cel.starts_with("The same network in another style. Television"), "{cel}");
        let mut strip = Strip::new("photo");
        strip.add("kaiga meadow", &pixels::Image::filled(4, 4, [9; 3])).unwrap();
        strip.tell(meadow);
        let page = page("Title", &rows(), &[strip]);
        assert!(page.find("cerulean").unwrap() < page.find("<table>").unwrap() && !page.contains("How they work"));
    }
}
