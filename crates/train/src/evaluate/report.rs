//! From the figures of single pictures to what is published: JSON for machines, a table for people.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::complexion::{self, ComplexionReport, Shift};
use super::{Agreement, Character, Fidelity, Measured};

/// Paintings beside their photos, over all pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Overall {
    /// Median of the colourfulness ratios.
    pub colourfulness_ratio_median: f64,
    /// Median of the flat-area ratios.
    pub flat_area_ratio_median: f64,
    /// Flat share of all paintings together over that of all photos, every picture counting alike.
    pub flat_area_ratio_of_totals: f64,
    /// Mean multi-scale structural similarity of luma to the photo.
    pub ms_ssim_mean: f64,
}

/// An evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Pictures measured.
    pub pictures: usize,
    /// Means.
    pub fidelity: Fidelity,
    /// The network's paintings.
    pub kaiga: Overall,
    /// The painter's paintings.
    pub painter: Overall,
    /// Skin; nothing where no portrait shows any.
    pub complexion: Option<ComplexionReport>,
    /// Every picture.
    pub each: Vec<Measured>,
}

impl Report {
    /// The report over single measurements.
    ///
    /// # Errors
    /// If there are none.
    pub fn of(each: Vec<Measured>) -> Result<Self> {
        ensure!(!each.is_empty(), "there are no pictures to evaluate on");
        let mean = |of: fn(&Fidelity) -> Agreement| Agreement {
            psnr_db: mean(each.iter().map(|m| of(&m.fidelity).psnr_db)),
            gradient_correlation: mean(each.iter().map(|m| of(&m.fidelity).gradient_correlation)),
        };
        let fidelity = Fidelity {
            photo: mean(|f| f.photo),
            clean: mean(|f| f.clean),
            noise: mean(|f| f.noise),
            jpeg: mean(|f| f.jpeg),
            dark: mean(|f| f.dark),
            dark_against_clean: mean(|f| f.dark_against_clean),
            painter_dark_against_clean: mean(|f| f.painter_dark_against_clean),
        };
        let portraits = each.iter().filter_map(|m| Some((m.name.as_str(), m.complexion?)));
        Ok(Self {
            pictures: each.len(),
            fidelity,
            kaiga: overall(&each, |m| m.kaiga),
            painter: overall(&each, |m| m.painter),
            complexion: complexion::report(portraits),
            each,
        })
    }

    /// As JSON, indented.
    ///
    /// # Panics
    /// Never: all figures and names can be written.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers, texts and lists can be written as JSON")
    }

    /// As Markdown tables: means first, single pictures last.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let f = &self.fidelity;
        let rows = [
            ("the photo itself, against its painting", f.photo),
            ("clean photo", f.clean),
            ("sensor noise, against the painting of the clean photo", f.noise),
            ("JPEG quality 60, against the painting of the clean photo", f.jpeg),
            ("one stop under-exposed, against the painting of the dark photo", f.dark),
            ("one stop under-exposed, against the painting of the clean photo", f.dark_against_clean),
            ("(the painter: dark photo against clean photo)", f.painter_dark_against_clean),
        ];
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| against the painter, mean of {} pictures | PSNR, dB | gradients |", self.pictures);
        text += "|---|---:|---:|\n";
        for (name, Agreement { psnr_db, gradient_correlation }) in rows {
            let _ = writeln!(text, "| {name} | {psnr_db:.2} | {gradient_correlation:.3} |");
        }
        text += "\n| painting beside the photo | kaiga | painter |\n|---|---:|---:|\n";
        let figures = |o: &Overall| {
            [o.colourfulness_ratio_median, o.flat_area_ratio_median, o.flat_area_ratio_of_totals, o.ms_ssim_mean]
        };
        let names = [
            "colourfulness, median ratio",
            "flat area, median ratio",
            "flat area, ratio of totals",
            "MS-SSIM of luma, mean",
        ];
        for ((name, kaiga), painter) in names.iter().zip(figures(&self.kaiga)).zip(figures(&self.painter)) {
            let _ = writeln!(text, "| {name} | {kaiga:.3} | {painter:.3} |");
        }
        if let Some(complexion) = &self.complexion {
            text += &complexion_markdown(complexion);
        }
        text += "\n| picture | PSNR, dB | gradients | colourfulness | flat area | MS-SSIM |\n|---|---:|---:|---:|---:|---:|\n";
        for Measured { name, fidelity, kaiga, .. } in &self.each {
            let Agreement { psnr_db, gradient_correlation } = fidelity.clean;
            let Character { colourfulness_ratio, flat_area_ratio, ms_ssim, .. } = kaiga;
            let _ = writeln!(
                text,
                "| {name} | {psnr_db:.2} | {gradient_correlation:.3} | {colourfulness_ratio:.2} | \
                 {flat_area_ratio:.2} | {ms_ssim:.3} |"
            );
        }
        text
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

fn overall(each: &[Measured], of: fn(&Measured) -> Character) -> Overall {
    let photo_flat: f64 = each.iter().map(|m| m.photo_flat_area).sum();
    let flat: f64 = each.iter().map(|m| of(m).flat_area).sum();
    Overall {
        colourfulness_ratio_median: median(each.iter().map(|m| of(m).colourfulness_ratio)),
        flat_area_ratio_median: median(each.iter().map(|m| of(m).flat_area_ratio)),
        flat_area_ratio_of_totals: flat / photo_flat.max(1e-9),
        ms_ssim_mean: mean(each.iter().map(|m| of(m).ms_ssim)),
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_means_by_hand() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert_eq!(mean([4.0, 1.0].into_iter()), 2.5);
        assert!(Report::of(Vec::new()).is_err());
    }
}
