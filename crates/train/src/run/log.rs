//! The record of a run: `metrics.jsonl`, a line per report, and `report.html`, the same as curves with the sheets of
//! samples beside it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::file;
use crate::sheet::{Line, curve};

/// Figures of a line that have no curve.
const NO_CURVE: [&str; 2] = ["step", "seconds"];

/// The record of a run.
pub struct Log {
    folder: PathBuf,
    styles: Vec<String>,
    file: std::fs::File,
    lines: Vec<Value>,
}

impl Log {
    /// Opens the record in `folder` of a new run, or of a resumed one: lines later than its checkpoint are dropped.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn open(folder: &Path, styles: &[&str], step: u64, resume: bool) -> Result<Self> {
        let path = folder.join("metrics.jsonl");
        let old = if resume { std::fs::read_to_string(&path).unwrap_or_default() } else { String::new() };
        let lines = old.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<Value> = lines.filter(|line| line["step"].as_u64().is_some_and(|s| s <= step)).collect();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        file::write(&path, text.as_bytes())?;
        let file = std::fs::OpenOptions::new().append(true).open(path)?;
        let styles = styles.iter().map(|style| (*style).to_owned()).collect();
        Ok(Self { folder: folder.to_owned(), styles, file, lines })
    }

    /// Adds a line and draws the page anew.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn push(&mut self, line: Value) -> Result<()> {
        writeln!(self.file, "{line}").context("cannot write metrics.jsonl")?;
        self.lines.push(line);
        let panels = self.panels();
        file::write(&self.folder.join("curve.svg"), curve(&panels).as_bytes())?;
        file::write(&self.folder.join("report.html"), self.page(&curve(&panels)).as_bytes())
    }

    /// The scores of the styles, then every other figure there is.
    fn panels(&self) -> Vec<(String, Vec<Line>)> {
        let points = |value: &dyn Fn(&Value) -> Option<f64>| -> Vec<[f64; 2]> {
            self.lines.iter().filter_map(|line| Some([line["seconds"].as_f64()? / 60.0, value(line)?])).collect()
        };
        let by_style = |figure: &str| -> Vec<Line> {
            self.styles.iter().map(|style| (style.clone(), points(&|line| line[style][figure].as_f64()))).collect()
        };
        let mut panels = vec![
            ("PSNR against the painter on held-out pictures, dB".to_owned(), by_style("psnr_db")),
            ("correlation of gradients with the painter's".to_owned(), by_style("gradients")),
        ];
        let mut figures: Vec<&String> = self.lines.iter().filter_map(Value::as_object).flat_map(|l| l.keys()).collect();
        figures.sort();
        figures.dedup();
        for figure in figures.into_iter().filter(|figure| !NO_CURVE.contains(&figure.as_str())) {
            let line = points(&|line| line[figure].as_f64());
            if line.len() > 1 {
                panels.push((figure.clone(), vec![(String::new(), line)]));
            }
        }
        panels
    }

    fn page(&self, curves: &str) -> String {
        let mut sheets = String::new();
        for (file, words) in [("sample", "against the discriminator"), ("distilled", "distilled")] {
            for style in &self.styles {
                let name = format!("{file}-{style}.png");
                if self.folder.join(&name).exists() {
                    // Writing to a String cannot fail.
                    let _ = writeln!(
                        sheets,
                        "<figure><img src='{name}' alt=''><figcaption>{style}, {words}: photo, the painter's \
                         painting, the network's</figcaption></figure>"
                    );
                }
            }
        }
        let last = self.lines.last().map_or_else(String::new, |line| format!("{line:#}"));
        format!(
            "<!doctype html><meta charset='utf-8'><title>{title}</title><style>body{{font:16px sans-serif;\
             max-width:1400px;margin:2em auto;padding:0 1em;background:#fffaf5;color:#4a2238}}img,svg{{max-width:100%}}\
             </style><h1>{title}</h1>\n{sheets}\n{curves}\n<h2>Last report</h2><pre>{last}</pre>\n",
            title = format_args!("Training of {}", self.styles.join(", "))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_resumed_record_goes_on_where_its_checkpoint_was() {
        let folder = std::env::temp_dir().join(format!("kaiga-log-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let line = |step: u64| json!({"step": step, "seconds": step, "total": 0.5, "a": {"psnr_db": 30.0}});
        let mut log = Log::open(&folder, &["a"], 0, false).unwrap();
        for step in [1, 2, 3] {
            log.push(line(step)).unwrap();
        }
        let mut log = Log::open(&folder, &["a"], 2, true).unwrap();
        log.push(line(4)).unwrap();
        let text = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
        let steps: Vec<u64> =
            text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["step"].as_u64().unwrap()).collect();
        assert_eq!(steps, [1, 2, 4]);
        let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
        assert!(page.contains("total") && page.contains("<polyline") && page.contains("\"step\": 4"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
