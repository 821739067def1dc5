//! A look as a file for other programs: one graph that takes a picture and gives the painting, or merged weights.

use crate::error::{Error, ErrorKind};
use crate::generator::unfit;
use crate::look::Look;
use crate::studio::{Ingredients, Source, Studio};
use net::model::{CREDIT, Model};
use net::onnx::{self, Finish, Form, Greys};
use net::{Medium, Weights};
use pixels::space::Srgb8;
use pixels::{Image, screentone};

mod int8;

/// Styles with their shares.
type Shares<'a> = Vec<(&'a net::Style, f32)>;

/// What a look is exported as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An ONNX graph of everything from photo to painting.
    Onnx(Form),
    /// The weights of the look's styles merged into one base model, safetensors in half precision: what
    /// [`Studio::from_bytes`] and the trainer read.
    Safetensors,
}

/// An exported look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The file.
    pub bytes: Vec<u8>,
    /// What painting in this look does and the file does not, each in a sentence.
    pub left_out: Vec<&'static str>,
}

const SIZE: &str = "Strokes are as wide as on a picture of its own size: bring pictures of 0.12 to 0.75 megapixels, \
                    larger ones reduced to about 0.52.";
const FACES: &str = "Faces are painted as the rest: finding, enlarging and drawing them is not in the file.";
const FLAT: &str = "Fills, borders and lines are as the network paints them: laying them flat and redrawing them crisp is not in the file.";
const DOTS: &str = "Screentone becomes plain greys: dots depend on the size shown at and are not in the file.";
const FINISH: &str = "Ink, colour and strength are not in the file: weights alone.";

impl Studio {
    /// The look as a file. Of its settings the styles and, in an ONNX graph, strength up to 1, saturation and line are
    /// folded in.
    ///
    /// # Errors
    /// As [`Studio::check`]; [`ErrorKind::Setting`] where a setting cannot be folded in, or the size has no pixels.
    pub fn export(&self, look: &Look, format: Format) -> Result<Export, Error> {
        self.export_with(look, format, None)
    }

    /// The look as an ONNX graph whose drawer computes with 8-bit integers, for what lies in these photos, and how far its
    /// paintings of them are from those of the graph in single precision: the peak signal-to-noise ratio, dB.
    ///
    /// # Errors
    /// As [`Studio::export`]; [`ErrorKind::Setting`] without photos; [`ErrorKind::Model`] without the feature `onnx`.
    pub fn export_int8(&self, look: &Look, form: Form, photos: &[Image<Srgb8>]) -> Result<(Export, f64), Error> {
        let photos: Vec<Image<Srgb8>> = photos.iter().map(int8::at_working_size).collect();
        if photos.is_empty() {
            return Err(Error::new(
                ErrorKind::Setting,
                "8-bit integers are laid out for what lies in photos: give some",
            ));
        }
        let (_, _, weights) = self.merged(look)?;
        let ranges = int8::ranges(&self.networks, &weights, &photos)?;
        let export = self.export_with(look, Format::Onnx(form), Some(&ranges))?;
        let mut pairs = Vec::new();
        for photo in &photos {
            let of_its_size = Format::Onnx(Form { size: Some((photo.width(), photo.height())), ..Form::default() });
            let [exact, coarse] = [None, Some(&ranges[..])].map(|ranges| self.export_with(look, of_its_size, ranges));
            pairs.push((photo, exact?.bytes, coarse?.bytes));
        }
        Ok((export, int8::psnr_db(pairs)?))
    }

    /// The styles of a look with their shares, what they are drawn with, and their weights merged.
    fn merged(&self, look: &Look) -> Result<(Shares<'_>, Medium, Weights), Error> {
        let Ingredients { whole: Source::Styles(styles), medium, .. } = self.ingredients(look)? else {
            let message = format!("{} was imported: whoever wants it elsewhere takes the file it came in", look.styles);
            return Err(Error::new(ErrorKind::Setting, message));
        };
        let weights = net::merge(&self.base, &styles).map_err(unfit)?;
        Ok((styles, medium, weights))
    }

    /// With `ranges`, those of the drawer's values, in 8-bit integers.
    fn export_with(&self, look: &Look, format: Format, ranges: Option<&[(f32, f32)]>) -> Result<Export, Error> {
        let (styles, medium, weights) = self.merged(look)?;
        let credits: Vec<&str> =
            styles.iter().map(|(style, _)| style.credit.as_str()).filter(|c| !c.is_empty()).collect();
        let mut notes = vec![
            ("kaiga.look", look.styles.to_string()),
            ("kaiga.medium", medium.name().to_owned()),
            (
                "kaiga.licence",
                "weights that come with kaiga: MIT OR Apache-2.0; of other styles: as their makers say".into(),
            ),
            (CREDIT, credits.join("\n")),
        ];
        let form = match format {
            Format::Onnx(form) => form,
            Format::Safetensors => {
                let mut model = Model { weights, ..self.base.clone() };
                model.notes.extend(notes.into_iter().map(|(key, value)| (key.to_owned(), value)));
                return Ok(Export { bytes: model.write().map_err(unfit)?, left_out: vec![FINISH, FACES, FLAT] });
            }
        };
        let finish = finish(look, medium)?;
        let (takes, gives) = match form.bytes {
            true => ("uint8, 1×H×W×3, sRGB as decoded", "uint8, 1×H×W×3, sRGB to be encoded"),
            false => ("float, 1×3×H×W, sRGB (gamma-coded) 0..1", "float, 1×3×H×W, sRGB 0..1"),
        };
        notes.extend([
            ("kaiga.preprocessing", format!("photo: {takes}. {SIZE}")),
            ("kaiga.postprocessing", format!("painting: {gives}, of the photo's size.")),
            ("kaiga.opset", onnx::OPSET.to_string()),
        ]);
        let bytes = onnx::write_look(&self.networks, &weights, &finish, form, ranges, &notes).map_err(unfit)?;
        let left_out = match medium {
            Medium::Colour => vec![FACES, FLAT, SIZE],
            Medium::Screentone => vec![DOTS, FACES, FLAT, SIZE],
        };
        Ok(Export { bytes, left_out })
    }
}

/// The look's finish as the graph has it.
fn finish(look: &Look, medium: Medium) -> Result<Finish, Error> {
    let refused = |message: &str| Err(Error::new(ErrorKind::Setting, message));
    let (strength, line) = (look.strength.get(), look.line.get());
    if look.guided.is_some() {
        return refused("the guided filter cannot be exported: leave it off");
    }
    match medium {
        Medium::Colour if strength > 1.0 => refused("a strength above 1 cannot be exported: it goes up to 1 here"),
        Medium::Colour => Ok(Finish::Colour { saturation: look.saturation.get(), line, strength }),
        Medium::Screentone if strength != 1.0 => refused("screentone is exported at strength 1"),
        Medium::Screentone => Ok(Finish::Grey(Greys {
            tones: screentone::TONES.to_vec(),
            soft: screentone::SOFT,
            ink: screentone::INK,
            line,
            paper: screentone::PAPER,
            black: screentone::BLACK,
        })),
    }
}

#[cfg(all(test, feature = "bundled-models"))]
mod tests {
    use super::*;
    use crate::styles::Mix;
    use crate::{Guided, Strength};

    #[test]
    fn merged_weights_are_a_base_that_paints_the_same_to_half_precision() {
        let studio = Studio::embedded().unwrap();
        let look = Look { styles: "meadow:0.6,skyglow:0.4".parse().unwrap(), ..Look::default() };
        let export = studio.export(&look, Format::Safetensors).unwrap();
        let model = Model::read(&export.bytes).unwrap();
        assert_eq!(model.notes["kaiga.look"], "meadow:0.6,skyglow:0.4");
        let Source::Styles(styles) = studio.ingredients(&look).unwrap().whole else { panic!("styles") };
        let merged = net::merge(&studio.base, &styles).unwrap();
        for (name, tensor) in &merged {
            for (a, b) in tensor.data.iter().zip(&model.weights[name].data) {
                assert!((a - b).abs() <= a.abs() / 1024.0 + 1e-7, "{name}: {a} became {b}");
            }
        }
    }

    #[test]
    fn what_a_graph_cannot_hold_is_said_or_refused() {
        let studio = Studio::embedded().unwrap();
        let export = |look: &Look| studio.export(look, Format::Onnx(Form::default()));
        let manga = Look { styles: Mix::of("manga"), ..Look::default() };
        assert!(export(&manga).unwrap().left_out.contains(&DOTS));
        assert!(!export(&Look::default()).unwrap().left_out.contains(&DOTS));
        let strong = Strength::new(1.2).unwrap();
        for look in [
            Look { strength: strong, ..Look::default() },
            Look { strength: strong, ..manga },
            Look { guided: Some(Guided::default()), ..Look::default() },
        ] {
            assert_eq!(export(&look).unwrap_err().kind(), ErrorKind::Setting);
        }
    }
}
