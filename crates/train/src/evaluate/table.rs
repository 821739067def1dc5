//! Models in rows, measures in columns: the one list of what models are compared by.

use std::collections::BTreeMap;

use super::report::{Figures, Role};

/// A table ready to be written.
pub(super) struct Table {
    /// What the rows are.
    pub(super) heading: String,
    pub(super) columns: Vec<&'static Column>,
    pub(super) rows: Vec<Row>,
}

/// A model's values; what it does not have is a dash.
pub(super) struct Row {
    pub(super) label: String,
    pub(super) cells: Vec<Cell>,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) text: String,
    /// Whether it is the best of its column. Photo and painter stand outside the competition.
    pub(super) best: bool,
}

/// What models are compared by.
pub(super) struct Column {
    /// Its name in JSON.
    key: &'static str,
    heading: &'static str,
    /// What it says, in a few words.
    pub(super) meaning: &'static str,
    better: Option<Better>,
    decimals: usize,
    of: fn(&Figures) -> Option<f64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Better {
    More,
    Less,
}

impl Column {
    const fn new(
        key: &'static str,
        heading: &'static str,
        better: Option<Better>,
        decimals: usize,
        of: fn(&Figures) -> Option<f64>,
        meaning: &'static str,
    ) -> Self {
        Self { key, heading, meaning, better, decimals, of }
    }

    /// The heading with an arrow to where better values are.
    pub(super) fn title(&self) -> String {
        match self.better {
            Some(Better::More) => format!("{} ↑", self.heading),
            Some(Better::Less) => format!("{} ↓", self.heading),
            None => self.heading.to_owned(),
        }
    }
}

const MORE: Option<Better> = Some(Better::More);
const LESS: Option<Better> = Some(Better::Less);

static COLUMNS: [Column; 19] = [
    Column::new("psnr_db", "PSNR, dB", MORE, 2, |f| f.mean(|m| Some(m.painter.psnr_db)), "against the painter"),
    Column::new(
        "gradient_correlation",
        "gradients",
        MORE,
        3,
        |f| f.mean(|m| Some(m.painter.gradient_correlation)),
        "cosine of one-pixel gradients, against the painter",
    ),
    Column::new(
        "edge_f_score",
        "edges F",
        MORE,
        3,
        |f| f.mean(|m| Some(m.edge_f_score)),
        "Canny edges within 2 px of the painter's, F-score",
    ),
    Column::new("ms_ssim", "MS-SSIM", MORE, 3, |f| f.mean(|m| Some(m.ms_ssim)), "luma, against the photo"),
    Column::new(
        "ab_difference",
        "Lab ab",
        LESS,
        2,
        |f| f.mean(|m| Some(m.ab_difference)),
        "mean absolute difference of a* and b* to the photo",
    ),
    Column::new("ciede2000", "ΔE2000", LESS, 2, |f| f.mean(|m| Some(m.ciede2000)), "CIEDE2000 difference to the photo"),
    Column::new(
        "skin_hue_degrees",
        "skin, °",
        LESS,
        1,
        |f| f.mean(|m| m.skin.map(|skin| skin.hue_degrees.abs())),
        "turn of the hue of skin in the middle of portraits",
    ),
    Column::new(
        "sky_hue_degrees",
        "sky, °",
        LESS,
        1,
        |f| f.mean(|m| m.sky_hue_degrees),
        "turn of the hue of blue, smooth parts that reach the photo's upper border",
    ),
    Column::new(
        "colourfulness_ratio",
        "colour ×",
        None,
        2,
        |f| f.median(|m| Some(m.colourfulness_ratio)),
        "colourfulness over the photo's, median",
    ),
    Column::new(
        "flat_area",
        "flat, %",
        None,
        1,
        |f| f.mean(|m| Some(100.0 * m.flat_area)),
        "luma slope under 2 levels",
    ),
    Column::new(
        "noise",
        "noise",
        LESS,
        3,
        |f| f.mean(|m| m.noise.map(|noise| noise.change.relative)),
        "change under sensor noise, over the noise",
    ),
    Column::new(
        "shift",
        "shift",
        LESS,
        3,
        |f| f.mean(|m| m.shift.map(|shift| shift.relative)),
        "painting of the photo moved by ½ px against the painting moved alike, over what the move changes in the photo",
    ),
    Column::new(
        "line_length_px",
        "lines, px",
        MORE,
        1,
        // Of all pictures together: a picture with two lines would weigh as much as one with hundreds.
        |f| {
            let lines = f.mean(|m| Some(m.lines as f64)).filter(|&lines| lines > 0.0)?;
            Some(f.mean(|m| Some(m.lines as f64 * m.line_length_px))? / lines)
        },
        "mean length of the dark lines under 7 px wide in all pictures",
    ),
    Column::new("line_share", "lines, %", None, 2, |f| f.mean(|m| Some(100.0 * m.line_share)), "pixels on such lines"),
    Column::new(
        "drawnness",
        "drawn",
        MORE,
        2,
        |f| f.together.drawnness,
        "how drawn it looks to a probe, 0 photo, 1 art, mean",
    ),
    Column::new(
        "kid_1000",
        "KID × 1000",
        LESS,
        2,
        |f| f.together.style.map(|style| 1000.0 * style.kid.mean),
        "kernel inception distance of 256 px crops to art",
    ),
    Column::new(
        "kid_1000_deviation",
        "± × 1000",
        None,
        2,
        |f| f.together.style.map(|style| 1000.0 * style.kid.deviation),
        "standard deviation of KID over its subsets",
    ),
    Column::new(
        "gram",
        "Gram",
        LESS,
        3,
        |f| f.together.style.map(|style| style.gram),
        "distance of mean Gram matrices of grey crops to art's, relative",
    ),
    Column::new(
        "crops",
        "crops",
        None,
        0,
        |f| f.together.style.map(|style| style.crops as f64),
        "256 px crops of paintings that KID and Gram are of",
    ),
];

/// What becomes of 24 saturated colours; see [`super::chart`].
static CHART: [Column; 6] = [
    Column::new(
        "chart_hue_degrees",
        "chart: hue, °",
        LESS,
        1,
        |f| f.together.chart?.flat.hue_degrees,
        "turn of the hue of 24 saturated patches, mean",
    ),
    Column::new(
        "chart_worst_hue_degrees",
        "worst, °",
        LESS,
        1,
        |f| f.together.chart?.flat.worst_hue_degrees,
        "turn of the hue of the patch that turns most",
    ),
    Column::new(
        "chart_chroma_kept",
        "chroma kept, %",
        MORE,
        0,
        |f| Some(100.0 * f.together.chart?.flat.chroma_kept),
        "share of the patches' chroma that is kept, mean",
    ),
    Column::new(
        "chart_noisy_hue_degrees",
        "noisy: hue, °",
        LESS,
        1,
        |f| f.together.chart?.noisy.hue_degrees,
        "the same of the chart with sensor noise",
    ),
    Column::new(
        "chart_noisy_worst_hue_degrees",
        "noisy: worst, °",
        LESS,
        1,
        |f| f.together.chart?.noisy.worst_hue_degrees,
        "the same of the chart with sensor noise",
    ),
    Column::new(
        "chart_noisy_chroma_kept",
        "noisy: chroma kept, %",
        MORE,
        0,
        |f| Some(100.0 * f.together.chart?.noisy.chroma_kept),
        "the same of the chart with sensor noise",
    ),
];

/// The values of all columns that `figures` has some for, by their names in JSON.
pub(super) fn means(figures: &Figures) -> BTreeMap<&'static str, f64> {
    COLUMNS.iter().chain(&CHART).filter_map(|column| Some((column.key, (column.of)(figures)?))).collect()
}

impl Table {
    /// The tables of `models`: paintings of photos, and of the chart if there are any.
    pub(super) fn all(models: &[Figures]) -> Vec<Self> {
        let pictures = models.first().map_or(0, |model| model.each.len());
        let photos = Self::of(models, &COLUMNS, format!("model (pictures: {pictures})"));
        let chart = Self::of(models, &CHART, "model".to_owned());
        [photos, chart].into_iter().filter(|table| !table.columns.is_empty()).collect()
    }

    /// One table, without the columns that no model has a value for. The best of two networks or more is marked, with
    /// those that read the same.
    fn of(models: &[Figures], columns: &'static [Column], heading: String) -> Self {
        let is_there = |column: &&Column| models.iter().any(|model| model.means.contains_key(column.key));
        let columns: Vec<_> = columns.iter().filter(is_there).collect();
        let text = |column: &Column, value: f64| format!("{value:.*}", column.decimals);
        let best = |column: &&Column| {
            let networks = models.iter().filter(|model| model.role == Role::Network);
            let values: Vec<f64> = networks.filter_map(|model| model.means.get(column.key).copied()).collect();
            let best = match column.better? {
                Better::More => values.iter().copied().reduce(f64::max)?,
                Better::Less => values.iter().copied().reduce(f64::min)?,
            };
            (values.len() > 1).then(|| text(column, best))
        };
        let best: Vec<Option<String>> = columns.iter().map(best).collect();
        let row = |model: &Figures| {
            let cell = |(column, best): (&&Column, &Option<String>)| {
                let text = model.means.get(column.key).map(|&value| text(column, value));
                Cell {
                    best: model.role == Role::Network && text.is_some() && text == *best,
                    text: text.unwrap_or("–".into()),
                }
            };
            Row { label: model.label.clone(), cells: columns.iter().zip(&best).map(cell).collect() }
        };
        let rows = models.iter().map(row).collect();
        Self { heading, columns, rows }
    }

    /// As a Markdown table, the best in bold.
    pub(super) fn markdown(&self) -> String {
        let titles: Vec<String> = self.columns.iter().map(|column| column.title()).collect();
        let mut text =
            format!("| {} | {} |\n|---|{}\n", self.heading, titles.join(" | "), "---:|".repeat(titles.len()));
        for Row { label, cells } in &self.rows {
            let cells: Vec<String> = cells
                .iter()
                .map(|Cell { text, best }| if *best { format!("**{text}**") } else { text.clone() })
                .collect();
            text += &format!("| {} | {} |\n", label.replace('|', "\\|"), cells.join(" | "));
        }
        text
    }
}
