//! From the figures of single pictures to what is published: JSON for machines, tables for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::complexion::{self, Complexion, ComplexionReport, Shift};
use super::table::{self, Table};
use super::{Agreement, Candidate, ChartColours, Hand, Measured, StyleDistance, Subject};

/// Models side by side, on the same pictures and against the same painter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The painter's taste.
    pub taste: String,
    /// The pictures.
    pub pictures: Vec<Subject>,
    /// The models, in the order they were given.
    pub models: Vec<Figures>,
}

/// One model's figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// What it is called.
    pub label: String,
    /// Who it is.
    pub role: Role,
    /// Means and medians over the pictures, as in the table of models.
    pub means: BTreeMap<&'static str, f64>,
    /// What is known of all its paintings together.
    #[serde(flatten)]
    pub together: Together,
    /// Every picture, in the order of [`Report::pictures`].
    pub each: Vec<Measured>,
}

/// What is measured on all of a model's paintings together, and on none of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Together {
    /// Nearness to art, where there was any.
    pub style: Option<StyleDistance>,
    /// Mean drawn-ness of the paintings, 0 photo, 1 art, where there was a probe.
    pub drawnness: Option<f64>,
    /// What is left of saturated colours, where it could be asked to paint.
    pub chart: Option<ChartColours>,
}

/// Who a model is: [`Hand`] without the hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Shown to compare with.
    Photo,
    /// Shown to compare with.
    Painter,
    /// What is judged.
    Network,
}

impl Report {
    /// The report over pictures measured one by one against the painter's `taste`, every one with a value for each of
    /// `models`; `together` are the models' other figures.
    ///
    /// # Errors
    /// If there are no pictures or no models, or numbers of values do not agree.
    pub fn of(
        taste: &str,
        models: &[Candidate<'_>],
        measured: Vec<(Subject, Vec<Measured>)>,
        together: Vec<Together>,
    ) -> Result<Self> {
        ensure!(!measured.is_empty(), "there are no pictures to evaluate on");
        let complete = together.len() == models.len() && measured.iter().all(|(_, each)| each.len() == models.len());
        ensure!(!models.is_empty() && complete, "every picture needs a value for each model");
        let (pictures, rows): (Vec<_>, Vec<_>) = measured.into_iter().unzip();
        let figures = |(i, (model, together)): (usize, (&Candidate<'_>, Together))| {
            let role = match model.hand {
                Hand::Photo => Role::Photo,
                Hand::Painter => Role::Painter,
                Hand::Network(_) | Hand::Paintings(_) => Role::Network,
            };
            let each = rows.iter().map(|row| row[i].clone()).collect();
            let mut figures = Figures { label: model.label.clone(), role, means: BTreeMap::new(), together, each };
            figures.means = table::means(&figures);
            figures
        };
        let models = models.iter().zip(together).enumerate().map(figures).collect();
        Ok(Self { taste: taste.to_owned(), pictures, models })
    }

    /// As JSON, indented.
    ///
    /// # Panics
    /// Never: all figures and names can be written.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers, texts and lists can be written as JSON")
    }

    /// As Markdown tables. One network that was shown every input, beside photo and painter, comes in full: fidelity,
    /// character, complexion, single pictures. Models side by side come last.
    pub fn markdown(&self) -> String {
        let full = self.full().map(|text| text + "\n").unwrap_or_default();
        full + &Table::all(&self.models).iter().map(Table::markdown).collect::<Vec<_>>().join("\n")
    }

    /// The photo, the painter and the network, if that is what there is.
    fn alone(&self) -> Option<[&Figures; 3]> {
        let only = |role: Role| {
            let mut models = self.models.iter().filter(move |model| model.role == role);
            models.next().filter(|_| models.next().is_none())
        };
        Some([only(Role::Photo)?, only(Role::Painter)?, only(Role::Network)?])
    }

    /// Skin in all portraits; nothing where no portrait shows any, or there is not one network beside the painter.
    pub fn complexion(&self) -> Option<ComplexionReport> {
        let [_, painter, network] = self.alone()?;
        let portraits =
            self.pictures.iter().zip(&painter.each).zip(&network.each).filter_map(|((picture, painter), kaiga)| {
                let photo_lightness = picture.skin_lightness?;
                Some((
                    picture.name.as_str(),
                    Complexion { photo_lightness, kaiga: kaiga.skin?, painter: painter.skin? },
                ))
            });
        complexion::report(portraits)
    }

    fn full(&self) -> Option<String> {
        let [photo, painter, network] = self.alone()?;
        let rows = [
            ("the photo itself, against its painting", photo.agreement(|m| Some(m.painter))?),
            ("clean photo", network.agreement(|m| Some(m.painter))?),
            ("sensor noise, against the painting of the clean photo", network.agreement(|m| Some(m.noise?.painter))?),
            ("JPEG quality 60, against the painting of the clean photo", network.agreement(|m| m.jpeg)?),
            (
                "one stop under-exposed, against the painting of the dark photo",
                network.agreement(|m| Some(m.dark?.painter))?,
            ),
            (
                "one stop under-exposed, against the painting of the clean photo",
                network.agreement(|m| Some(m.dark?.painter_of_clean))?,
            ),
            ("(the painter: sensor noise against clean photo)", painter.agreement(|m| Some(m.noise?.painter))?),
            ("(the painter: JPEG quality 60 against clean photo)", painter.agreement(|m| m.jpeg)?),
            ("(the painter: dark photo against clean photo)", painter.agreement(|m| Some(m.dark?.painter_of_clean))?),
        ];
        // Writing to a String cannot fail.
        let mut text = String::new();
        let _ =
            writeln!(text, "| against the painter, mean of {} pictures | PSNR, dB | gradients |", self.pictures.len());
        text += "|---|---:|---:|\n";
        for (name, Agreement { psnr_db, gradient_correlation }) in rows {
            let _ = writeln!(text, "| {name} | {psnr_db:.2} | {gradient_correlation:.3} |");
        }
        text += "\n| painting beside the photo | kaiga | painter |\n|---|---:|---:|\n";
        let total = |f: &Figures| f.mean(|m| Some(m.flat_area));
        let both = |of: &dyn Fn(&Figures) -> Option<f64>| Some([of(network)?, of(painter)?]);
        let characters = [
            ("colourfulness, median ratio", both(&|f| f.median(|m| Some(m.colourfulness_ratio)))?),
            ("flat area, median ratio", both(&|f| f.median(|m| Some(m.flat_area_ratio)))?),
            ("flat area, ratio of totals", both(&|f| Some(total(f)? / total(photo)?.max(1e-9)))?),
            ("MS-SSIM of luma, mean", both(&|f| f.mean(|m| Some(m.ms_ssim)))?),
        ];
        for (name, [network, painter]) in characters {
            let _ = writeln!(text, "| {name} | {network:.3} | {painter:.3} |");
        }
        if let Some(complexion) = self.complexion() {
            text += &complexion_markdown(&complexion);
        }
        text += "\n| picture | PSNR, dB | gradients | colourfulness | flat area | MS-SSIM |\n|---|---:|---:|---:|---:|---:|\n";
        for (picture, m) in self.pictures.iter().zip(&network.each) {
            let _ = writeln!(
                text,
                "| {} | {:.2} | {:.3} | {:.2} | {:.2} | {:.3} |",
                picture.name,
                m.painter.psnr_db,
                m.painter.gradient_correlation,
                m.colourfulness_ratio,
                m.flat_area_ratio,
                m.ms_ssim
            );
        }
        Some(text)
    }
}

impl Figures {
    /// The mean over the pictures that have a value, if any has.
    pub(super) fn mean(&self, of: impl Fn(&Measured) -> Option<f64>) -> Option<f64> {
        mean(self.each.iter().filter_map(of))
    }

    /// The median over the pictures that have a value, if any has.
    pub(super) fn median(&self, of: impl Fn(&Measured) -> Option<f64>) -> Option<f64> {
        median(self.each.iter().filter_map(of))
    }

    fn agreement(&self, of: impl Fn(&Measured) -> Option<Agreement>) -> Option<Agreement> {
        Some(Agreement {
            psnr_db: self.mean(|m| Some(of(m)?.psnr_db))?,
            gradient_correlation: self.mean(|m| Some(of(m)?.gradient_correlation))?,
        })
    }
}

fn complexion_markdown(report: &ComplexionReport) -> String {
    let mut text = "\n| skin, painting − photo | portraits | L* of the photo | kaiga ΔL* | ΔC* | Δhue | painter ΔL* | \
                    ΔC* | Δhue |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    let shifts = |kaiga: &Shift, painter: &Shift| {
        let one = |s: &Shift| format!("{:+.1} | {:+.1} | {:+.1}°", s.lightness, s.chroma, s.hue_degrees);
        format!("{} | {}", one(kaiga), one(painter))
    };
    let names: &[&str] =
        if report.groups.len() == 3 { &["darkest third", "middle third", "lightest third"] } else { &[] };
    for (i, group) in report.groups.iter().enumerate() {
        let name = names.get(i).copied().unwrap_or("portraits");
        let shifts = shifts(&group.kaiga, &group.painter);
        let _ = writeln!(text, "| {name} | {} | {:.1} | {shifts} |", group.count, group.photo_lightness);
    }
    for (what, worst) in [("lightness", &report.worst_lightness), ("hue", &report.worst_hue)] {
        let shifts = shifts(&worst.complexion.kaiga, &worst.complexion.painter);
        let lightness = worst.complexion.photo_lightness;
        let _ = writeln!(text, "| worst {what}: {} | 1 | {lightness:.1} | {shifts} |", worst.name);
    }
    text
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / f64::from(count))
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some((values[last / 2] + values[values.len() / 2]) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_means_by_hand() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(
            (mean([4.0, 1.0].into_iter()), mean([].into_iter()), median([].into_iter())),
            (Some(2.5), None, None)
        );
        assert!(Report::of("meadow", &[], Vec::new(), Vec::new()).is_err());
    }
}
