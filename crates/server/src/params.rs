//! What a client wants done with a photo: parsed here, once, whether it came in a query, a form or from the jobs' database.

use crate::error::{Error, Kind};
use kaiga::faces::{Crop, Frame};
use kaiga::{Look, SETTINGS, Setting, Studio, Values};
use pixels::codec::Format;
use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

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

/// The settings of a look that a client may choose; the library says what they are.
pub(crate) fn settings() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| !setting.local)
}

/// A value of a setting as JSON has it.
pub(crate) fn as_json(setting: &Setting, text: &str) -> Value {
    match setting.values {
        Values::Number { .. } | Values::Pixels(_) => serde_json::from_str(text).unwrap_or_default(),
        Values::Words(_) | Values::Styles => text.into(),
    }
}

/// All parameters as they are documented; [`Params::read`] reads the same.
pub(crate) struct ParamsSchema;

impl IntoParams for ParamsSchema {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        settings().map(documented).chain(OtherParams::into_params(place)).collect()
    }
}

fn documented(setting: &'static Setting) -> Parameter {
    let mut schema = match &setting.values {
        Values::Number { range, .. } => json!({"type": "number", "minimum": range.start(), "maximum": range.end()}),
        Values::Pixels(range) => json!({"type": "integer", "minimum": range.start(), "maximum": range.end()}),
        Values::Words(words) => json!({"type": "string", "enum": words}),
        Values::Styles => json!({"type": "string"}),
    };
    if let Some(value) = setting.default_value() {
        schema["default"] = as_json(setting, &value);
    }
    let mut description = format!("{}.", setting.help);
    if setting.values == Values::Styles {
        description += " `GET /api/v1/styles` lists the styles; those in `screentone` cannot be mixed.";
    }
    if let Some(other) = setting.requires {
        description += &format!(" Means nothing without `{other}`.");
    }
    let parameter = json!({
        "name": setting.name, "in": "query", "required": false, "description": description, "schema": schema,
        "example": as_json(setting, setting.example),
    });
    serde_json::from_value(parameter).expect("this is a parameter as OpenAPI has it")
}

/// What is to be done with a photo beside the look.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only documents")]
struct OtherParams {
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

/// What is to be done with a photo of which an avatar is made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AvatarParams {
    /// As for every painting; `max_side_px` is `None`.
    pub(crate) params: Params,
    /// Side of the square, px.
    pub(crate) size_px: usize,
    /// What is done with the painted square.
    pub(crate) frame: Frame,
}

/// Side of an avatar, px.
const AVATAR_PX: std::ops::RangeInclusive<usize> = 32..=2048;
const USUAL_AVATAR_PX: usize = 512;

/// All parameters of an avatar as they are documented; [`AvatarParams::read`] reads the same.
pub(crate) struct AvatarSchema;

impl IntoParams for AvatarSchema {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let common = ParamsSchema::into_params(&place).into_iter().filter(|parameter| parameter.name != "max_side");
        common.chain(AvatarOnly::into_params(place)).collect()
    }
}

/// What is to be done with an avatar beside the painting.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only documents")]
struct AvatarOnly {
    /// Side of the square, px.
    #[param(minimum = 32, maximum = 2048, default = 512, example = 64)]
    size: Option<u32>,
    /// What is behind the person: `keep` as painted, `soft` (out of focus), `none` (cut out; png and webp), or an opaque
    /// colour as style sheets have it, `pink` or `#ffd9e6`.
    #[param(default = "keep", example = "soft")]
    background: Option<String>,
    /// A circle: what is outside of it is transparent (png and webp).
    #[param(default = false)]
    round: Option<bool>,
}

const AVATAR_NAMES: [&str; 3] = ["size", "background", "round"];

impl AvatarParams {
    /// From names and values. An empty value counts as absent.
    ///
    /// # Errors
    /// As [`Params::read`]; [`Kind::Setting`] too if the format cannot hold what is transparent.
    pub(crate) fn read(pairs: &[(String, String)], studio: &Studio) -> Result<Self, Error> {
        let (own, common): (Pairs, Pairs) =
            pairs.iter().cloned().partition(|(name, _)| AVATAR_NAMES.contains(&name.as_str()));
        if pairs.iter().any(|(name, _)| name == "max_side") {
            let detail = "an avatar is scaled to size: max_side is for convert and jobs";
            return Err(Error::new(Kind::Malformed, detail));
        }
        check_names(pairs, Params::names().filter(|name| *name != "max_side").chain(AVATAR_NAMES))?;
        let params = Params::read(&common, studio)?;
        let mut avatar = Self { params, size_px: USUAL_AVATAR_PX, frame: Frame::default() };
        for (name, value) in own.iter().filter(|(_, value)| !value.is_empty()) {
            match name.as_str() {
                "size" => {
                    let size_px = value.parse().ok().filter(|size| AVATAR_PX.contains(size));
                    let wanted = format!("a whole number from {} to {}", AVATAR_PX.start(), AVATAR_PX.end());
                    avatar.size_px = size_px.ok_or_else(|| setting(name, value, &wanted))?;
                }
                "background" => {
                    let backdrop = value.parse();
                    let wrong =
                        |error| Error::new(Kind::Setting, format!("background is \"{}\": {error}", shortened(value)));
                    avatar.frame.backdrop = backdrop.map_err(|error: kaiga::Error| wrong(error))?;
                }
                _ => avatar.frame.is_round = value.parse().map_err(|_| setting(name, value, "true or false"))?,
            }
        }
        match avatar.frame.needs_opacity() {
            Some(what) if avatar.params.format == Format::Jpeg => {
                Err(Error::new(Kind::Setting, format!("{what}, which jpeg cannot hold: choose png or webp")))
            }
            _ => Ok(avatar),
        }
    }
}

/// Whether all are known and none is there twice.
fn check_names<'a>(pairs: &[(String, String)], known: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let known: Vec<&str> = known.collect();
    for (at, (name, _)) in pairs.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let known = known.join(", ");
            let detail = format!("there is no parameter \"{}\"; there are {known}", shortened(name));
            return Err(Error::new(Kind::Malformed, detail));
        }
        if pairs[..at].iter().any(|(other, _)| other == name) {
            return Err(Error::new(Kind::Malformed, format!("the parameter {name} is there twice")));
        }
    }
    Ok(())
}

impl Params {
    /// The names of all parameters.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        settings().map(|setting| setting.name).chain(["crop", "max_side", "format", "quality"])
    }

    /// From names and values. An empty value counts as absent.
    ///
    /// # Errors
    /// [`Kind::Malformed`] if a name is unknown or there twice, [`Kind::Setting`] if a value is out of its range, the
    /// studio has no such style, or the styles do not go together.
    pub(crate) fn read(pairs: &[(String, String)], studio: &Studio) -> Result<Self, Error> {
        check_names(pairs, Self::names())?;
        let given = |name: &str| {
            let (_, value) = pairs.iter().find(|(other, _)| other == name)?;
            Some(value.as_str()).filter(|value| !value.is_empty())
        };
        let look = Look::read(|setting| given(setting.name))?;
        let params = Self { look, ..Self::read_others(given)? };
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

    /// All but the look.
    fn read_others<'a>(given: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Error> {
        let mut params = Self::default();
        if let Some(value) = given("crop") {
            params.crop = Some(square(value)?);
        }
        if let Some(value) = given("max_side") {
            let side = value.parse::<usize>().ok().filter(|side| (1..=65_535).contains(side));
            let wrong = || setting("max_side", value, "a whole number from 1 to 65535");
            params.max_side_px = Some(side.ok_or_else(wrong)?);
        }
        if let Some(value) = given("format") {
            let format = ["png", "jpeg", "jpg", "webp"].contains(&value).then(|| Format::from_extension(value));
            params.format = format.flatten().ok_or_else(|| setting("format", value, "png, jpeg or webp"))?;
        }
        if let Some(value) = given("quality") {
            let quality = value.parse::<u8>().ok().filter(|quality| (1..=100).contains(quality));
            params.quality = quality.ok_or_else(|| setting("quality", value, "a whole number from 1 to 100"))?;
        }
        Ok(params)
    }
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

/// Errors do not echo whole novels.
fn shortened(text: &str) -> String {
    if text.chars().count() <= 40 { text.to_owned() } else { text.chars().take(39).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kaiga::faces::Backdrop;

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
        let guided = read("guided_eps=0.01&guided_radius=20").unwrap().look.guided;
        assert_eq!(guided.map(|guided| (guided.radius_px(), guided.eps())), Some((20, 0.01)), "in any order");
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
    fn an_avatar_has_parameters_of_its_own() {
        let studio = Studio::embedded().unwrap();
        let read = |query: &str| {
            let pairs: Pairs = serde_urlencoded::from_str(query).unwrap();
            AvatarParams::read(&pairs, &studio)
        };
        let plain = AvatarParams { params: Params::default(), size_px: 512, frame: Frame::default() };
        assert_eq!(read("size=&background=&round="), Ok(plain));
        let avatar = read("size=64&background=%23ffd9e6&round=true&style=cel&format=webp").unwrap();
        let frame = Frame { backdrop: Backdrop::Colour([255, 217, 230]), is_round: true };
        assert_eq!((avatar.size_px, avatar.frame, avatar.params.format), (64, frame, Format::WebP));
        assert_eq!(read("background=soft&format=jpeg").unwrap().frame.backdrop, Backdrop::Soft);
        for (query, kind, words) in [
            ("size=31", Kind::Setting, "from 32 to 2048"),
            ("size=64&size=64", Kind::Malformed, "twice"),
            ("max_side=8", Kind::Malformed, "for convert"),
            ("rund=1", Kind::Malformed, "quality, size, background, round"),
            ("round=maybe", Kind::Setting, "true or false"),
            (
                "background=beach",
                Kind::Setting,
                "background is \"beach\": it must be keep, soft, none or an opaque colour",
            ),
            ("background=%23ffd9e680", Kind::Setting, "opaque"),
            ("background=none&format=jpeg", Kind::Setting, "cut out is nothing, which jpeg cannot hold"),
            ("round=true&format=jpg", Kind::Setting, "outside of a circle is nothing"),
        ] {
            let error = read(query).expect_err(query);
            assert!(error.kind == kind && error.detail.contains(words), "{query}: {error}");
        }
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
            ("guided_eps=0.01", Kind::Setting, "without guided_radius"),
            ("guided_radius=999", Kind::Setting, "from 1 to 128"),
            ("tile=8192", Kind::Malformed, "no parameter \"tile\""),
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
