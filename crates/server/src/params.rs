//! What a client wants done with a photo: parsed here, once, whether it came in a query, a form or from the jobs' database.

use crate::error::{Error, Kind};
use kaiga::faces::Crop;
use kaiga::{Detail, Eyes, Line, Look, Mix, Saturation, Strength, Studio};
use pixels::codec::Format;
use utoipa::IntoParams;

/// What is to be done with a photo.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Params {
    /// How the painting shall look.
    pub(crate) look: Look,
    /// The part of the upright photo that is painted; `None` is all of it.
    pub(crate) crop: Option<Crop>,
    /// The longer side, px, to which the photo is scaled down before it is painted; it is never enlarged.
    pub(crate) max_side_px: Option<usize>,
    /// Of the painting's file.
    pub(crate) format: Format,
    /// Of a JPEG, 1..=100.
    pub(crate) quality: u8,
}

impl Default for Params {
    fn default() -> Self {
        Self { look: Look::default(), crop: None, max_side_px: None, format: Format::Png, quality: 92 }
    }
}

/// Names and values as they came, in order.
pub(crate) type Pairs = Vec<(String, String)>;

/// The parameters as they are documented; [`Params::read`] reads the same.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only documents")]
pub(crate) struct ParamsSchema {
    /// Style, or mixture of styles: `meadow`, `meadow:0.6,skyglow:0.4`. `GET /api/v1/styles` lists them; those in
    /// `screentone` cannot be mixed with those in `colour`.
    #[param(default = "meadow", example = "meadow:0.6,skyglow:0.4")]
    style: Option<String>,
    /// How far from the photo (0) to the painting (1) and beyond.
    #[param(minimum = 0, maximum = 1.5, default = 1, example = 0.8)]
    strength: Option<f32>,
    /// Colour: 0 is grey, 1 as painted.
    #[param(minimum = 0, maximum = 2, default = 1, example = 1.2)]
    saturation: Option<f32>,
    /// Ink in the lines: 0 is none, 1 as painted.
    #[param(minimum = 0, maximum = 2, default = 1, example = 0.5)]
    line: Option<f32>,
    /// Fineness of the strokes on large photos: 0 is the same painting at every size, 1 paints at full size.
    #[param(minimum = 0, maximum = 1, default = 0, example = 0.5)]
    detail: Option<f32>,
    /// Faces: painted by themselves and set back without a seam (`on`), as everything else (`off`), or nothing but them
    /// (`only`).
    #[param(pattern = "^(on|off|only)$", default = "on", example = "off")]
    faces: Option<String>,
    /// Style of the faces painted by themselves; by default `style`. Faces of a style in `screentone` have none
    /// of their own.
    #[param(example = "portrait")]
    face_style: Option<String>,
    /// How much their eyes are enlarged: 0 not at all, 1 as a portrait painter does.
    #[param(minimum = 0, maximum = 1.5, default = 1, example = 0.5)]
    eyes: Option<f32>,
    /// A square of the upright photo to paint, in its pixels: `x,y,side`.
    #[param(pattern = "^\\d+,\\d+,\\d+$", example = "0,0,16")]
    crop: Option<String>,
    /// Scale the photo down to this longer side, px, before it is painted.
    #[param(minimum = 1, maximum = 65535, example = 256)]
    max_side: Option<u32>,
    /// Format of the painting.
    #[param(pattern = "^(png|jpeg|jpg|webp)$", default = "png", example = "jpeg")]
    format: Option<String>,
    /// Quality of a JPEG.
    #[param(minimum = 1, maximum = 100, default = 92, example = 80)]
    quality: Option<u8>,
}

impl Params {
    /// The names of all parameters.
    pub(crate) const NAMES: [&str; 12] = [
        "style",
        "strength",
        "saturation",
        "line",
        "detail",
        "faces",
        "face_style",
        "eyes",
        "crop",
        "max_side",
        "format",
        "quality",
    ];

    /// From names and values. An empty value counts as absent.
    ///
    /// # Errors
    /// [`Kind::Malformed`] if a name is unknown or there twice, [`Kind::Setting`] if a value is out of its range, the
    /// studio has no such style, or the styles do not go together.
    pub(crate) fn read(pairs: &[(String, String)], studio: &Studio) -> Result<Self, Error> {
        let mut params = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in pairs {
            if seen.contains(&name.as_str()) {
                return Err(Error::new(Kind::Malformed, format!("the parameter {name} is there twice")));
            }
            seen.push(name);
            if !value.is_empty() {
                params.set(name, value)?;
            } else if !Self::NAMES.contains(&name.as_str()) {
                return Err(unknown(name));
            }
        }
        let styles = studio.styles();
        let faces = params.look.face_style.iter().flat_map(|mix| mix.shares());
        for (name, _) in params.look.styles.shares().iter().chain(faces) {
            if styles.iter().all(|style| style.name != *name) {
                let names: Vec<&str> = styles.iter().map(|style| style.name.as_str()).collect();
                let detail = format!("there is no style \"{}\"; there are {}", shortened(name), names.join(", "));
                return Err(Error::new(Kind::Setting, detail));
            }
        }
        studio.check(&params.look)?;
        Ok(params)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let look = &mut self.look;
        match name {
            "style" => look.styles = value.parse::<Mix>()?,
            "strength" => look.strength = Strength::new(number(name, value)?)?,
            "saturation" => look.saturation = Saturation::new(number(name, value)?)?,
            "line" => look.line = Line::new(number(name, value)?)?,
            "detail" => look.detail = Detail::new(number(name, value)?)?,
            "faces" => look.faces = value.parse().map_err(|_| setting(name, value, "on, off or only"))?,
            "face_style" => look.face_style = Some(value.parse::<Mix>()?),
            "eyes" => look.eyes = Eyes::new(number(name, value)?)?,
            "crop" => self.crop = Some(square(value)?),
            "max_side" => {
                let side = value.parse::<usize>().ok().filter(|side| (1..=65_535).contains(side));
                self.max_side_px = Some(side.ok_or_else(|| setting(name, value, "a whole number from 1 to 65535"))?);
            }
            "format" => {
                let format = ["png", "jpeg", "jpg", "webp"].contains(&value).then(|| Format::from_extension(value));
                self.format = format.flatten().ok_or_else(|| setting(name, value, "png, jpeg or webp"))?;
            }
            "quality" => {
                let quality = value.parse::<u8>().ok().filter(|quality| (1..=100).contains(quality));
                self.quality = quality.ok_or_else(|| setting(name, value, "a whole number from 1 to 100"))?;
            }
            _ => return Err(unknown(name)),
        }
        Ok(())
    }
}

fn number(name: &str, value: &str) -> Result<f32, Error> {
    value.parse().map_err(|_| setting(name, value, "a number"))
}

fn square(value: &str) -> Result<Crop, Error> {
    let numbers: Option<Vec<usize>> = value.split(',').map(|number| number.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[x, y, side]) if side > 0 => Ok(Crop { x, y, side }),
        _ => Err(setting("crop", value, "x,y,side in whole pixels with a side of at least 1")),
    }
}

fn setting(name: &str, value: &str, wanted: &str) -> Error {
    Error::new(Kind::Setting, format!("{name} is \"{}\", it must be {wanted}", shortened(value)))
}

fn unknown(name: &str) -> Error {
    let names = Params::NAMES.join(", ");
    Error::new(Kind::Malformed, format!("there is no parameter \"{}\"; there are {names}", shortened(name)))
}

/// Errors do not echo whole novels.
fn shortened(text: &str) -> String {
    if text.chars().count() <= 40 { text.to_owned() } else { text.chars().take(39).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Params, Error> {
        let pairs: Pairs = serde_urlencoded::from_str(query).unwrap();
        Params::read(&pairs, &Studio::embedded().unwrap())
    }

    #[test]
    fn parameters_become_an_order() {
        assert_eq!(read(""), Ok(Params::default()));
        let params = read("style=meadow:1,skyglow:1&strength=0.5&crop=1,2,3&max_side=256&format=jpg&quality=&line=0");
        let params = params.unwrap();
        assert_eq!(
            (params.look.styles.to_string().as_str(), params.look.strength.get()),
            ("meadow:0.5,skyglow:0.5", 0.5)
        );
        assert_eq!((params.crop, params.max_side_px), (Some(Crop { x: 1, y: 2, side: 3 }), Some(256)));
        assert_eq!((params.format, params.quality, params.look.line.get()), (Format::Jpeg, 92, 0.0));
    }

    #[test]
    fn styles_that_do_not_go_together_are_a_fault_of_the_client() {
        let mut studio = Studio::embedded().unwrap();
        let style = net::Style::read(kaiga::EMBEDDED[1].1).unwrap();
        let style = net::Style { name: "comic".into(), medium: kaiga::Medium::Screentone, ..style };
        studio.add_style(&style.write().unwrap()).unwrap();
        for query in ["style=meadow:0.5,comic:0.5", "style=comic&face_style=portrait", "face_style=comic"] {
            let pairs: Pairs = serde_urlencoded::from_str(query).unwrap();
            let error = Params::read(&pairs, &studio).expect_err(query);
            assert!(error.kind == Kind::Setting && error.detail.contains("screentone"), "{query}: {error}");
        }
        assert!(Params::read(&[("style".into(), "comic".into())], &studio).is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, kind, words) in [
            ("styl=meadow", Kind::Malformed, "no parameter \"styl\"; there are style, strength"),
            ("styl=", Kind::Malformed, "no parameter"),
            ("line=1&line=1", Kind::Malformed, "twice"),
            ("strength=2", Kind::Setting, "from 0 to 1.5"),
            ("strength=much", Kind::Setting, "must be a number"),
            ("strength=NaN", Kind::Setting, "strength is NaN"),
            ("style=baroque", Kind::Setting, "no style \"baroque\"; there are meadow"),
            ("style=a:b", Kind::Setting, "the share"),
            ("faces=maybe", Kind::Setting, "on, off or only"),
            ("face_style=baroque", Kind::Setting, "no style \"baroque\""),
            ("eyes=2", Kind::Setting, "from 0 to 1.5"),
            ("crop=1,2", Kind::Setting, "x,y,side"),
            ("crop=1,2,0", Kind::Setting, "x,y,side"),
            ("max_side=0", Kind::Setting, "from 1 to 65535"),
            ("format=gif", Kind::Setting, "png, jpeg or webp"),
            ("quality=0", Kind::Setting, "from 1 to 100"),
        ] {
            let error = read(query).expect_err(query);
            assert!(error.kind == kind && error.detail.contains(words), "{query}: {error}");
        }
    }
}
