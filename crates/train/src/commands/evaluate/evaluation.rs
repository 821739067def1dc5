//! `evaluate`: every photo in every look by every model, and what is measured on them.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use kaiga_train::data::split;
use kaiga_train::evaluate::drawnness::Drawnness;
use kaiga_train::evaluate::{
    Apart, Candidate, ChartColours, Describe, Hand, Input, Measured, Picture, Report, Samples, Strip, Subject,
    Together, measure,
};
use kaiga_train::painter::{self, Taste};
use pixels::Image;
use pixels::space::Srgb8;
use serde_json::json;

use super::source::{self, Entry, Source, working};
use super::{extractor, spread, write};
use crate::commands::drawnness;

/// Compares models with the painter, the photo and each other: fidelity, colour, structure, steadiness, lines, style,
/// how drawn they look, how far looks are apart, what becomes of a chart of saturated colours.
#[derive(Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    source: Source,
    /// Most photos, spread evenly.
    #[arg(long)]
    limit: Option<usize>,
    /// Folder of art of which every tenth picture, by path, is compared with in style: what no model has learnt from.
    #[arg(long)]
    art: Option<PathBuf>,
    /// Takes all the art.
    #[arg(long, requires = "art")]
    all_art: bool,
    /// Folder of photos that, without those held out, are set against all the art: says how drawn paintings look.
    #[arg(long, requires = "art")]
    photos: Option<PathBuf>,
    /// File that the probe between photos and art is kept in and taken from: remove it when they change.
    #[arg(long, requires = "photos")]
    probe: Option<PathBuf>,
    /// The network that sees style and drawing.
    #[arg(long, default_value = ".features/mobilenet_v2.safetensors")]
    features: PathBuf,
    /// Folder for STYLE.json, STYLE.md and STYLE.html, looks.json and looks.md; the tables are printed in any case.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Most photos shown in STYLE.html, spread evenly.
    #[arg(long, default_value_t = 12)]
    pictures: usize,
}

pub(crate) fn evaluate(arguments: &Evaluate) -> Result<()> {
    let Evaluate { source, limit, out, pictures, .. } = arguments;
    let entries = source.entries()?;
    let photos = source.photos()?;
    let photos: Vec<_> = spread(photos.len(), limit.unwrap_or(usize::MAX)).map(|i| &photos[i]).collect();
    ensure!(!photos.is_empty(), "there are no photos to evaluate on: --limit is 1 or more");
    let shown: Vec<usize> = spread(photos.len(), if out.is_some() { *pictures } else { 0 }).collect();
    let styles = source.styles(&entries)?;
    let mut looks = styles.iter().map(|style| Look::new(source, &entries, style)).collect::<Result<Vec<_>>>()?;
    // Rows of the table of pairs: who paints every look, by its place among the models of any look.
    let apart_of: Vec<usize> =
        (0..looks[0].models.len()).filter(|&i| paints_every_look(&looks[0].models[i], &entries)).collect();
    let labels: Vec<String> = apart_of.iter().map(|&i| looks[0].models[i].label.clone()).collect();
    let mut apart = Apart::new(&styles, &labels);
    let judge = Judge::of(arguments)?;
    for (i, (name, path)) in photos.iter().enumerate() {
        let picture = source::picture(name, path)?;
        let paintings = looks
            .iter_mut()
            .map(|look| look.see(&picture, judge.as_ref(), shown.contains(&i)))
            .collect::<Result<Vec<_>>>()?;
        apart.add(&apart_of.iter().map(|&m| paintings.iter().map(|look| &look[m]).collect()).collect::<Vec<_>>());
        eprint!("\r{} of {}", i + 1, photos.len());
    }
    eprintln!();
    for look in looks {
        let (style, strips, report) = look.report(judge.as_ref())?;
        println!("## {style}\n\n{}", report.markdown());
        if let Some(out) = out {
            let parts = [("json", report.json()), ("md", report.markdown()), ("html", report.page(&strips))];
            parts
                .iter()
                .try_for_each(|(ending, text)| write(&out.join(format!("{style}.{ending}")), text.as_bytes()))?;
        }
    }
    let scale = judge.as_ref().and_then(|judge| judge.scale.as_ref());
    let pairs = (styles.len() > 1 && !labels.is_empty()).then(|| apart.markdown());
    let text: Vec<String> = scale.map(|scale| scale.summary() + "\n").into_iter().chain(pairs).collect();
    if !text.is_empty() {
        println!("## looks\n\n{}", text.join("\n"));
    }
    if let Some(out) = out {
        write(&out.join("looks.md"), text.join("\n").as_bytes())?;
        let probe = scale.map(|s| json!({"accuracy": s.accuracy(), "auc": s.auc, "photos": s.photos, "art": s.art}));
        let json = json!({"apart": apart, "probe": probe});
        write(&out.join("looks.json"), serde_json::to_string_pretty(&json)?.as_bytes())?;
    }
    Ok(())
}

fn paints_every_look(model: &Candidate<'_>, entries: &[Entry]) -> bool {
    let entry = entries.iter().find(|entry| entry.label() == model.label);
    !matches!(model.hand, Hand::Photo) && entry.is_none_or(Entry::has_looks)
}

/// Who sees style and drawing.
struct Judge {
    extractor: Box<dyn Describe>,
    art: Samples,
    scale: Option<Drawnness>,
}

impl Judge {
    /// Nobody without art.
    fn of(arguments: &Evaluate) -> Result<Option<Self>> {
        let Some(folder) = &arguments.art else { return Ok(None) };
        let extractor = extractor::load(&arguments.features)?;
        let mut art = Samples::default();
        for path in if arguments.all_art { split::pictures(folder)? } else { split::held_out(folder)? } {
            art.add(&working(&path)?, extractor.as_ref());
        }
        let scale = |photos: &PathBuf| drawnness::scale(folder, photos, arguments.probe.as_deref(), extractor.as_ref());
        let scale = arguments.photos.as_ref().map(scale).transpose()?;
        Ok(Some(Self { extractor, art, scale }))
    }
}

/// One look: who paints in it, and what was measured so far.
struct Look {
    style: String,
    taste: Taste,
    models: Vec<Candidate<'static>>,
    measured: Vec<(Subject, Vec<Measured>)>,
    /// By model.
    seen: Vec<Samples>,
    /// Sum over the pictures, by model.
    drawn: Vec<f64>,
    strips: Vec<Strip>,
}

impl Look {
    /// The models asked for, after the photo and the painter.
    fn new(source: &Source, entries: &[Entry], style: &str) -> Result<Self> {
        let taste = source.taste(style)?;
        let mut models = entries.iter().map(|entry| entry.model(style)).collect::<Result<Vec<_>>>()?;
        let mut painters: &[Input] = &[];
        if let [Candidate { hand: Hand::Network(_), inputs, .. }] = models.as_mut_slice() {
            // One network alone is shown everything.
            *inputs = &[Input::Noise, Input::Shift, Input::Jpeg, Input::Dark];
            painters = &[Input::Noise, Input::Jpeg, Input::Dark];
        }
        if !models.iter().any(|model| matches!(model.hand, Hand::Painter)) {
            models.insert(0, Candidate { label: "painter".into(), hand: Hand::Painter, inputs: painters });
        }
        if !models.iter().any(|model| matches!(model.hand, Hand::Photo)) {
            let inputs = &[Input::Noise, Input::Shift];
            models.insert(0, Candidate { label: "photo".into(), hand: Hand::Photo, inputs });
        }
        let (seen, drawn) = (vec![Samples::default(); models.len()], vec![0.0; models.len()]);
        Ok(Self { style: style.to_owned(), taste, models, measured: vec![], seen, drawn, strips: vec![] })
    }

    fn painter(&self) -> impl Fn(&Image<Srgb8>) -> Image<Srgb8> {
        |photo| painter::paint(photo, &self.taste).painting
    }

    /// Measures a photo's paintings, and returns them by model.
    fn see(&mut self, picture: &Picture, judge: Option<&Judge>, is_shown: bool) -> Result<Vec<Image<Srgb8>>> {
        let (subject, results) = measure(picture, &self.models, self.painter())?;
        let (measured, paintings): (Vec<_>, Vec<_>) = results.into_iter().unzip();
        self.measured.push((subject, measured));
        if is_shown {
            let mut strip = Strip::new(&picture.name);
            strip.add("photo", &picture.photo)?;
            for (model, painting) in self.models.iter().zip(&paintings) {
                if !matches!(model.hand, Hand::Photo) {
                    strip.add(&model.label, painting)?;
                }
            }
            self.strips.push(strip);
        }
        if let Some(Judge { extractor, scale, .. }) = judge {
            for (i, painting) in paintings.iter().enumerate() {
                self.seen[i].add(painting, extractor.as_ref());
                self.drawn[i] += scale.as_ref().map_or(Ok(0.0), |scale| scale.of(painting, extractor.as_ref()))?;
            }
        }
        Ok(paintings)
    }

    fn report(self, judge: Option<&Judge>) -> Result<(String, Vec<Strip>, Report)> {
        let count = self.measured.len() as f64;
        let together = |(i, model): (usize, &Candidate<'_>)| Together {
            style: judge.and_then(|judge| self.seen[i].distance(&judge.art)),
            drawnness: judge.and_then(|judge| judge.scale.as_ref()).map(|_| self.drawn[i] / count),
            chart: match &model.hand {
                Hand::Photo | Hand::Paintings(_) => None,
                Hand::Painter => Some(ChartColours::of(self.painter())),
                Hand::Network(paint) => Some(ChartColours::of(paint)),
            },
        };
        let together = self.models.iter().enumerate().map(together).collect();
        let report = Report::of(&self.style, &self.models, self.measured, together)?;
        Ok((self.style, self.strips, report))
    }
}
