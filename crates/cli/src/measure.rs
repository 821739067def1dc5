//! `kaiga measure`: a painting against its photo, in figures.

use crate::args::Input;
use crate::photo;
use pixels::codec::Limits;
use pixels::compare;
use serde_json::{Value, json};
use std::path::Path;

/// All figures, for people or for programs.
pub(crate) fn compare(photo: &Path, painting: &Path, as_json: bool) -> Result<String, String> {
    let read = |path: &Path| {
        let picture = photo::read(&Input::Path(path.to_owned()), &Limits::default());
        picture.map(|photo| photo.image).map_err(|complaint| format!("{}: {complaint}", path.display()))
    };
    let (a, b) = (read(photo)?, read(painting)?);
    if (a.width(), a.height()) != (b.width(), b.height()) {
        let (aw, ah, bw, bh) = (a.width(), a.height(), b.width(), b.height());
        return Err(format!("the photo is {aw}×{ah} px, the painting {bw}×{bh} px: only equal sizes can be compared"));
    }
    let (of_photo, of_painting) = (compare::colourfulness(&a), compare::colourfulness(&b));
    let (flat_photo, flat_painting) = (compare::flat_area(&a), compare::flat_area(&b));
    let report = json!({
        "ssim": compare::ssim(&a, &b),
        "ms_ssim": compare::ms_ssim(&a, &b),
        "psnr_db": compare::psnr_db(&a, &b),
        "gradient_correlation": compare::gradient_correlation(&a, &b),
        "ciede2000": compare::mean_ciede2000(&a, &b),
        "colourfulness_photo": of_photo,
        "colourfulness_painting": of_painting,
        "colourfulness_ratio": of_painting / of_photo,
        "flat_area_photo": flat_photo,
        "flat_area_painting": flat_painting,
        "flat_area_ratio": flat_painting / flat_photo,
    });
    Ok(if as_json { report.to_string() } else { for_people(&report) })
}

fn for_people(report: &Value) -> String {
    // Equal pictures have no finite PSNR, grey photos no colourfulness to divide by.
    let number = |key: &str| report[key].as_f64().map_or("∞".to_owned(), |number| format!("{number:.3}"));
    let pair = |name: &str| {
        let of = |what: &str| number(&format!("{name}_{what}"));
        format!("{} → {} (× {})", of("photo"), of("painting"), of("ratio"))
    };
    [
        format!("SSIM                  {}", number("ssim")),
        format!("MS-SSIM               {}", number("ms_ssim")),
        format!("PSNR                  {} dB", number("psnr_db")),
        format!("gradient correlation  {}", number("gradient_correlation")),
        format!("CIEDE2000             {}", number("ciede2000")),
        format!("colourfulness         {}", pair("colourfulness")),
        format!("flat area             {}", pair("flat_area")),
    ]
    .join("\n")
}
