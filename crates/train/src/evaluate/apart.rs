//! How far the looks of one model are from each other: who cannot tell them apart needs only one.

use std::fmt::Write as _;

use pixels::Image;
use pixels::compare;
use pixels::space::Srgb8;
use serde::Serialize;

/// Mean CIEDE2000 between the paintings of the same photos in every pair of looks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Apart {
    /// Names of the looks.
    pub looks: Vec<String>,
    /// Photos that the means are over.
    pub photos: usize,
    /// The models, in the order they were given.
    pub models: Vec<ModelApart>,
}

/// One model's looks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelApart {
    /// What it is called.
    pub label: String,
    /// Look × look, in the order of [`Apart::looks`]: symmetric, 0 on the diagonal.
    pub ciede2000: Vec<Vec<f64>>,
}

impl Apart {
    /// No photos yet.
    pub fn new(looks: &[String], labels: &[String]) -> Self {
        let zero = vec![vec![0.0; looks.len()]; looks.len()];
        let model = |label: &String| ModelApart { label: label.clone(), ciede2000: zero.clone() };
        Self { looks: looks.to_vec(), photos: 0, models: labels.iter().map(model).collect() }
    }

    /// Adds the paintings of one photo: `paintings[model][look]`.
    ///
    /// # Panics
    /// If one is missing, or two paintings differ in size.
    pub fn add(&mut self, paintings: &[Vec<&Image<Srgb8>>]) {
        assert_eq!(paintings.len(), self.models.len(), "every model has to paint");
        self.photos += 1;
        let share = 1.0 / self.photos as f64;
        for (ModelApart { ciede2000, .. }, paintings) in self.models.iter_mut().zip(paintings) {
            assert_eq!(paintings.len(), self.looks.len(), "every look has to be painted");
            for (i, j) in pairs(self.looks.len()) {
                let apart = compare::mean_ciede2000(paintings[i], paintings[j]);
                ciede2000[i][j] += share * (apart - ciede2000[i][j]);
                ciede2000[j][i] = ciede2000[i][j];
            }
        }
    }

    /// A table with a row for each pair and a column for each model.
    pub fn markdown(&self) -> String {
        let labels: Vec<String> = self.models.iter().map(|model| model.label.replace('|', "\\|")).collect();
        let photos = self.photos;
        let mut text = format!("| CIEDE2000 between looks, mean of {photos} photos | {} |\n", labels.join(" | "));
        text += &format!("|---|{}\n", "---:|".repeat(labels.len()));
        for (i, j) in pairs(self.looks.len()) {
            let cells: Vec<String> = self.models.iter().map(|model| format!("{:.2}", model.ciede2000[i][j])).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| {} – {} | {} |", self.looks[i], self.looks[j], cells.join(" | "));
        }
        text
    }
}

fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |i| (i + 1..count).map(move |j| (i, j)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_the_mean_of_its_photos_both_ways() {
        let grey = |level: u8| Image::<Srgb8>::filled(8, 6, [level; 3]);
        let [dark, middle, light] = [grey(60), grey(110), grey(170)];
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let mut apart = Apart::new(&names(&["a", "b", "c"]), &names(&["one|", "same"]));
        apart.add(&[vec![&dark, &middle, &light], vec![&dark; 3]]);
        apart.add(&[vec![&dark, &dark, &light], vec![&light; 3]]);
        let of = compare::mean_ciede2000;
        let ModelApart { ciede2000, .. } = &apart.models[0];
        assert!((ciede2000[0][1] - of(&dark, &middle) / 2.0).abs() < 1e-9);
        assert!((ciede2000[1][2] - (of(&middle, &light) + of(&dark, &light)) / 2.0).abs() < 1e-9);
        for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
            assert_eq!(ciede2000[i][j], ciede2000[j][i]);
            assert_eq!((ciede2000[i][j] == 0.0, apart.models[1].ciede2000[i][j]), (i == j, 0.0));
        }
        let table = apart.markdown();
        assert_eq!(table.lines().count(), 2 + 3);
        assert!(table.contains("mean of 2 photos | one\\| | same |") && table.contains("| b – c | "), "{table}");
    }
}
