//! The settings of a [`Look`] as text. One table says the name, meaning, range and example of each; options of programs,
//! parameters of services, their descriptions and the sliders of a page are made from it.

use crate::error::{Error, ErrorKind};
use crate::look::{Crisp, Detail, Draw, Eyes, Faces, Flat, Guided, Line, Look, Saturation, Strength, Tile};
use crate::styles::Mix;
use std::fmt;
use std::ops::RangeInclusive;

/// A setting of a [`Look`], for those who take it as text.
pub struct Setting {
    /// What it is called: `guided_radius`, or as an option `--guided-radius`.
    pub name: &'static str,
    /// What it does, without a full stop.
    pub help: &'static str,
    /// What it can be.
    pub values: Values,
    /// A value that is not the default.
    pub example: &'static str,
    /// The setting without which this one means nothing.
    pub requires: Option<&'static str>,
    /// Whether it is about the machine that paints and not about the painting. A client of a service has no say in it.
    pub local: bool,
    set: Set,
    show: fn(&Look) -> Option<String>,
}

/// Sets it from a text; `None` if the text is no such value at all.
type Set = fn(&mut Look, &str) -> Result<(), Option<Error>>;

/// What a setting can be. Displayed as what it must be: `a number from 0 to 1.5`.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// A number of this range; a slider goes in such steps.
    Number {
        /// Least and greatest.
        range: RangeInclusive<f64>,
        /// From one place of a slider to the next.
        step: f64,
    },
    /// A whole number of this range, pixels.
    Pixels(RangeInclusive<usize>),
    /// One of these words.
    Words(&'static [&'static str]),
    /// A style or a mixture of styles: [`Mix`].
    Styles,
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { range, .. } => write!(f, "a number from {} to {}", range.start(), range.end()),
            Self::Pixels(range) => write!(f, "a whole number from {} to {}", range.start(), range.end()),
            Self::Words([first @ .., last]) => write!(f, "{} or {last}", first.join(", ")),
            Self::Words([]) => f.write_str("nothing"),
            Self::Styles => f.write_str("a style or a mixture of styles"),
        }
    }
}

/// A number that is a field of the look and has a type of its own.
macro_rules! number {
    ($field:ident: $type:ident, $example:literal, $help:literal) => {
        Setting::new(
            stringify!($field),
            $help,
            Values::Number { range: $type::RANGE, step: 0.05 },
            $example,
            |look, text| {
                look.$field = $type::new(text.parse().map_err(|_| None)?)?;
                Ok(())
            },
            |look| Some(look.$field.get().to_string()),
        )
    };
}

/// All of them, in the order they are explained in.
pub const SETTINGS: &[Setting] = &[
    Setting::new(
        "style",
        "Style, or mixture of styles in colour (meadow:0.6,skyglow:0.4)",
        Values::Styles,
        "meadow:0.6,skyglow:0.4",
        |look, text| {
            look.styles = text.parse()?;
            Ok(())
        },
        |look| Some(look.styles.to_string()),
    ),
    number!(strength: Strength, "0.8", "How far from the photo (0) to the painting (1) and beyond"),
    number!(saturation: Saturation, "1.2", "Colour: 0 is grey, 1 as painted"),
    number!(line: Line, "0.5", "Ink in the lines: 0 is none, 1 as painted"),
    Setting::new(
        "faces",
        "Faces: painted by themselves and set back without a seam (on), as everything else (off), or nothing but them (only)",
        Values::Words(&Faces::NAMES),
        "off",
        |look, text| {
            look.faces = text.parse().map_err(|_| None)?;
            Ok(())
        },
        |look| Some(look.faces.name().to_owned()),
    ),
    Setting::new(
        "face_style",
        "Style of the faces painted by themselves, by default that of the rest; in screentone there is no other",
        Values::Styles,
        "portrait",
        |look, text| {
            look.face_style = Some(text.parse()?);
            Ok(())
        },
        |look| look.face_style.as_ref().map(Mix::to_string),
    ),
    number!(eyes: Eyes, "0.5", "How much their eyes are enlarged: 0 not at all, 1 as a portrait painter does"),
    number!(
        draw: Draw,
        "0.5",
        "How far faces are drawn: 0 leaves them painted, 1 draws eyes, brows, nose and mouth as strokes on flat skin"
    ),
    number!(
        detail: Detail,
        "0.5",
        "Fineness of the strokes on large photos: 0 is the same painting at every size, 1 paints at full size (slower)"
    ),
    number!(
        flat: Flat,
        "0.5",
        "How flat fills are laid: 0 as the network paints them, 1 in flat shapes, shading in steps, leaves in dabs, with outlines"
    ),
    number!(
        crisp: Crisp,
        "0.5",
        "How crisp borders and lines are where nothing is enlarged: 0 as the network paints them, 1 redrawn as in large paintings"
    ),
    Setting::new(
        "guided_radius",
        "Smooth the painting along the photo's edges (guided filter) with this radius, in pixels; 40 is usual, by default it is off",
        Values::Pixels(Guided::RADIUS_PX),
        "40",
        |look, text| {
            let eps = look.guided.unwrap_or_default().eps();
            look.guided = Some(Guided::new(text.parse().map_err(|_| None)?, eps)?);
            Ok(())
        },
        |look| look.guided.map(|guided| guided.radius_px().to_string()),
    ),
    Setting::new(
        "guided_eps",
        "How strong an edge the guided filter keeps",
        Values::Number { range: Guided::EPS, step: 0.001 },
        "0.01",
        |look, text| {
            let radius_px = look.guided.unwrap_or_default().radius_px();
            look.guided = Some(Guided::new(radius_px, text.parse().map_err(|_| None)?)?);
            Ok(())
        },
        |look| Some(look.guided.unwrap_or_default().eps().to_string()),
    )
    .requiring("guided_radius"),
    Setting::new(
        "tile",
        "Side of the square worked on at a time, in pixels; smaller takes less memory, the painting stays the same",
        Values::Pixels(Tile::SIDE_PX),
        "512",
        |look, text| {
            look.tile = Tile::new(text.parse().map_err(|_| None)?)?;
            Ok(())
        },
        |look| Some(look.tile.side_px().to_string()),
    )
    .local(),
];

impl Setting {
    const fn new(
        name: &'static str,
        help: &'static str,
        values: Values,
        example: &'static str,
        set: Set,
        show: fn(&Look) -> Option<String>,
    ) -> Self {
        Self { name, help, values, example, requires: None, local: false, set, show }
    }

    const fn requiring(mut self, name: &'static str) -> Self {
        self.requires = Some(name);
        self
    }

    const fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// What it is where nobody says, as text; `None` if that is no value, but something its help tells.
    pub fn default_value(&self) -> Option<String> {
        (self.show)(&Look::default())
    }

    /// Whether `text` is a value of this setting.
    ///
    /// # Errors
    /// [`ErrorKind::Setting`]; the text names the setting and its range.
    pub fn check(&self, text: &str) -> Result<(), Error> {
        self.read(text, &mut Look::default())
    }

    fn read(&self, text: &str, look: &mut Look) -> Result<(), Error> {
        let must = || Error::new(ErrorKind::Setting, format!("{} must be {}", self.name, self.values));
        (self.set)(look, text).map_err(|error| error.unwrap_or_else(must))
    }
}

impl Look {
    /// A look from texts: `given` has the text of a setting, or `None` for its default.
    ///
    /// ```
    /// let look = kaiga::Look::read(|setting| (setting.name == "line").then_some("0.5"))?;
    /// assert_eq!(look.line.get(), 0.5);
    /// # Ok::<(), kaiga::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Setting`] if a text is no value of its setting, or a setting it requires is not given.
    pub fn read<'a>(given: impl Fn(&Setting) -> Option<&'a str>) -> Result<Self, Error> {
        let mut look = Self::default();
        for setting in SETTINGS {
            let Some(text) = given(setting) else { continue };
            let missing = |name: &&str| SETTINGS.iter().all(|other| other.name != *name || given(other).is_none());
            if let Some(other) = setting.requires.filter(missing) {
                let message = format!("{} means nothing without {other}: give that too", setting.name);
                return Err(Error::new(ErrorKind::Setting, message));
            }
            setting.read(text, &mut look)?;
        }
        Ok(look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_reads_what_it_shows() {
        let examples = Look::read(|setting| Some(setting.example)).unwrap();
        for setting in SETTINGS {
            assert_eq!((setting.show)(&examples).as_deref(), Some(setting.example), "{}", setting.name);
            assert_ne!(setting.default_value().as_deref(), Some(setting.example), "{}", setting.name);
        }
        let defaults: Vec<_> = SETTINGS.iter().map(Setting::default_value).collect();
        let given = |setting: &Setting| {
            let at = SETTINGS.iter().position(|other| other.name == setting.name)?;
            // Without a radius there is no filter whose threshold could be given.
            defaults[at].as_deref().filter(|_| setting.requires.is_none())
        };
        assert_eq!(Look::read(given), Ok(Look::default()));
    }

    #[test]
    fn the_ends_of_every_range_are_taken_and_nothing_beyond() {
        for setting in SETTINGS {
            let (least, most, [below, beyond]) = match &setting.values {
                Values::Number { range, .. } => {
                    let (least, most) = (*range.start(), *range.end());
                    (least.to_string(), most.to_string(), [least - 1e-6, most + 1e-6].map(|end| end.to_string()))
                }
                Values::Pixels(range) => {
                    let (least, most) = (*range.start(), *range.end());
                    (least.to_string(), most.to_string(), [least - 1, most + 1].map(|end| end.to_string()))
                }
                Values::Words(words) => {
                    assert!(words.iter().all(|word| setting.check(word).is_ok()));
                    continue;
                }
                Values::Styles => continue,
            };
            assert!(setting.check(&least).is_ok() && setting.check(&most).is_ok(), "{}", setting.name);
            for text in [below, beyond] {
                let complaint = setting.check(&text).expect_err(setting.name).to_string();
                assert!(complaint.contains(&format!("from {least} to {most}")), "{complaint}");
                assert!(complaint.starts_with(setting.name.split('_').next().unwrap_or_default()), "{complaint}");
            }
        }
    }

    #[test]
    fn what_is_no_value_is_told_what_it_must_be() {
        let read = |name: &str, text: &'static str| {
            let look = Look::read(|setting| (setting.name == name).then_some(text));
            look.map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(read("strength", "much"), Err("strength must be a number from 0 to 1.5".into()));
        assert_eq!(read("tile", "1.5"), Err("tile must be a whole number from 128 to 8192".into()));
        assert_eq!(read("faces", "maybe"), Err("faces must be on, off or only".into()));
        assert_eq!(
            read("guided_eps", "0.01"),
            Err("guided_eps means nothing without guided_radius: give that too".into())
        );
        assert!(read("style", "a:b").is_err_and(|message| message.contains("the share")));
    }
}
