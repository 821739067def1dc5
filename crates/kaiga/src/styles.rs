//! Styles by name, and mixtures of them.

use crate::error::{Error, ErrorKind};
use net::Medium;

/// A style that can be painted in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// What it is called in a [`Mix`].
    pub name: String,
    /// What people who know the look call it: 宫崎骏风.
    pub tags: Vec<String>,
    /// What it looks like, in a sentence.
    pub description: String,
    /// What it is drawn with. Styles that are drawn with different things cannot be mixed.
    pub medium: Medium,
    /// Whose paintings it learnt from and must be named where the style is handed on; empty if nobody must.
    pub credit: String,
    /// Of an imported model: what its user was told and accepted, whose it is and what may be done with it. Empty for styles.
    pub licence: String,
}

impl Style {
    pub(crate) fn of_imported(model: &net::Imported) -> Self {
        let kind = match model.body {
            net::Body::Classic { .. } => "An AnimeGANv2 network",
            net::Body::Graph(_) => "An ONNX graph",
        };
        let description = format!("{kind} imported from {}. {}", model.source, model.licence);
        let (name, licence) = (model.name.clone(), model.licence.clone());
        Self { name, tags: Vec::new(), description, medium: Medium::Colour, credit: String::new(), licence }
    }

    pub(crate) fn of(style: &net::Style) -> Self {
        let net::Style { name, tags, description, credit, medium, .. } = style;
        let (name, tags, description, credit) = (name.clone(), tags.clone(), description.clone(), credit.clone());
        Self { name, tags, description, medium: *medium, credit, licence: String::new() }
    }
}

/// Styles with their shares; the shares sum to 1. Written `meadow` or `meadow:0.6,skyglow:0.4`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix(Vec<(String, f32)>);

impl Mix {
    /// One style alone.
    pub fn of(name: impl Into<String>) -> Self {
        Self(vec![(name.into(), 1.0)])
    }

    /// Names and shares, in the order they were written.
    pub fn shares(&self) -> &[(String, f32)] {
        &self.0
    }
}

impl Default for Mix {
    fn default() -> Self {
        Self::of("meadow")
    }
}

impl std::fmt::Display for Mix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let [(name, _)] = self.0.as_slice() {
            return f.write_str(name);
        }
        for (i, (name, share)) in self.0.iter().enumerate() {
            write!(f, "{}{name}:{share}", if i == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Mix {
    type Err = Error;

    /// Reads `meadow`, `meadow,skyglow` (equal shares) or `meadow:3,skyglow:1`; shares are scaled to sum to 1.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |what: String| Error::new(ErrorKind::Setting, format!("style \"{text}\": {what}"));
        let mut shares: Vec<(String, f32)> = Vec::new();
        for part in text.split(',') {
            let (name, share) = match part.rsplit_once(':') {
                None => (part.trim(), 1.0),
                Some((name, share)) => {
                    let number = share.trim().parse::<f32>().ok().filter(|n| n.is_finite() && *n >= 0.0);
                    let complaint = || bad(format!("the share \"{}\" is not a number of 0 or more", share.trim()));
                    (name.trim(), number.ok_or_else(complaint)?)
                }
            };
            if name.is_empty() {
                return Err(bad("a name is missing; write meadow, or meadow:0.6,skyglow:0.4".into()));
            }
            if shares.iter().any(|(other, _)| other == name) {
                return Err(bad(format!("{name} is there twice")));
            }
            shares.push((name.to_owned(), share));
        }
        let sum: f32 = shares.iter().map(|(_, share)| share).sum();
        if !(sum > 0.0 && sum.is_finite()) {
            return Err(bad("the shares sum to nothing".into()));
        }
        shares.iter_mut().for_each(|(_, share)| *share /= sum);
        Ok(Self(shares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixtures_are_read_and_scaled() {
        let shares = |text: &str| text.parse::<Mix>().map(|mix| mix.0).map_err(|e| e.to_string());
        assert_eq!(shares("meadow"), Ok(vec![("meadow".into(), 1.0)]));
        assert_eq!(shares("meadow:3, skyglow:1"), Ok(vec![("meadow".into(), 0.75), ("skyglow".into(), 0.25)]));
        assert_eq!(shares("雨:1,晴"), Ok(vec![("雨".into(), 0.5), ("晴".into(), 0.5)]));
        for bad in ["", "meadow:", "meadow:x", "meadow:-1", "meadow:0", ":1", "meadow,meadow", "meadow,", "a:inf"] {
            assert!(shares(bad).is_err(), "{bad}");
        }
        assert_eq!("meadow:3,skyglow:1".parse::<Mix>().unwrap().to_string(), "meadow:0.75,skyglow:0.25");
    }
}
