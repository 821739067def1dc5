use super::*;

/// A picture with smooth and rough parts; `n` makes it another one.
fn picture(n: usize) -> Picture {
    let photo = Image::from_fn(64, 48, |x, y| {
        let rough = if x > 30 { (x * 37 + y * 61 + n * 13) % 29 } else { 0 };
        [(60 + 2 * x + rough) as u8, (90 + y + rough + n) as u8, (120 + rough) as u8]
    });
    Picture { name: format!("picture-{n}"), photo, portrait: false }
}

/// A portrait whose middle is of the colour `skin`, before a blue wall.
fn portrait(name: &str, skin: [u8; 3]) -> Picture {
    let photo =
        Image::from_fn(
            60,
            80,
            |x, y| if (18..42).contains(&x) && (12..60).contains(&y) { skin } else { [70, 90, 140] },
        );
    Picture { name: name.into(), photo, portrait: true }
}

fn darker(photo: &Image<Srgb8>) -> Image<Srgb8> {
    photo.map(|pixel| pixel.map(|v| (u16::from(v) * 7 / 10) as u8))
}

fn same(photo: &Image<Srgb8>) -> Image<Srgb8> {
    photo.clone()
}

#[test]
fn a_network_that_is_the_painter_is_perfect_on_clean_photos_only() {
    let report = evaluate(&[picture(0), picture(1)], darker, darker).unwrap();
    let Fidelity { photo, clean, noise, jpeg, dark, dark_against_clean, painter_dark_against_clean } = report.fidelity;
    for perfect in [clean, dark] {
        assert_eq!(perfect.psnr_db, 100.0);
        assert!((perfect.gradient_correlation - 1.0).abs() < 1e-12);
    }
    assert_eq!(dark_against_clean, painter_dark_against_clean);
    for worse in [photo, noise, jpeg, dark_against_clean] {
        assert!(worse.psnr_db < 40.0);
    }
    assert!(noise.psnr_db > 30.0 && noise.gradient_correlation < 0.99);
    assert_eq!(report.kaiga, report.painter);
}

#[test]
fn a_network_that_does_nothing_shows_as_the_photo() {
    let report = evaluate(&[picture(0)], same, darker).unwrap();
    assert_eq!(report.fidelity.photo, report.fidelity.clean);
    let kaiga = report.kaiga;
    assert_eq!((kaiga.colourfulness_ratio_median, kaiga.flat_area_ratio_median), (1.0, 1.0));
    assert!((kaiga.ms_ssim_mean - 1.0).abs() < 1e-4 && report.painter.ms_ssim_mean < 0.999);
}

#[test]
fn flat_paint_is_flat_and_grey_paint_is_grey() {
    let flat = |photo: &Image<Srgb8>| Image::filled(photo.width(), photo.height(), [90, 90, 90]);
    let measured = measure(&picture(3), flat, same).unwrap();
    assert_eq!(measured.kaiga.flat_area, 1.0);
    assert!((measured.kaiga.flat_area_ratio - 1.0 / measured.photo_flat_area).abs() < 1e-12);
    assert!(measured.kaiga.colourfulness_ratio < 1e-3);
    assert_eq!(measured.fidelity.clean.gradient_correlation, 0.0);
}

#[test]
fn a_painting_of_another_size_is_refused() {
    let smaller = |photo: &Image<Srgb8>| photo.crop(0, 0, 48, 48);
    let error = measure(&picture(0), smaller, same).unwrap_err().to_string();
    assert!(error.contains("48×48") && error.contains("64×48"), "{error}");
}

#[test]
fn complexion_is_told_apart_by_lightness() {
    let skins = [[84, 51, 33], [100, 62, 42], [150, 98, 68], [165, 110, 80], [230, 180, 150], [241, 194, 167]];
    // Given out of order, and with a wall that is no skin.
    let pictures: Vec<_> = [3, 0, 5, 1, 4, 2].map(|i| portrait(&format!("portrait-{i}"), skins[i])).into();
    // Lightens what is dark, leaves the rest.
    let network = |photo: &Image<Srgb8>| {
        photo.map::<Srgb8>(|[r, g, b]| if r > b && r < 120 { [r + 20, g + 12, b + 8] } else { [r, g, b] })
    };
    let report = evaluate(&pictures, network, same).unwrap().complexion.unwrap();
    assert_eq!(report.groups.iter().map(|group| group.count).collect::<Vec<_>>(), [2, 2, 2]);
    let [dark, middle, light] = [0, 1, 2].map(|i| report.groups[i]);
    assert!(dark.photo_lightness < middle.photo_lightness && middle.photo_lightness < light.photo_lightness);
    assert!(dark.kaiga.lightness > 4.0 && dark.painter == Shift::default());
    assert_eq!((middle.kaiga, light.kaiga), (Shift::default(), Shift::default()));
    assert!(["portrait-0", "portrait-1"].contains(&report.worst_lightness.name.as_str()));

    let no_skin = Picture { portrait: true, ..picture(0) };
    let blue = Picture { photo: Image::filled(40, 40, [60, 90, 200]), ..no_skin };
    assert_eq!(evaluate(&[blue], same, same).unwrap().complexion, None);
    let landscape = Picture { portrait: false, ..portrait("sand", skins[3]) };
    assert_eq!(evaluate(&[landscape], same, same).unwrap().complexion, None);
}

#[test]
fn the_report_can_be_read_by_people_and_machines() {
    let report = evaluate(&[picture(0), portrait("a face", [198, 134, 103])], darker, same).unwrap();
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(json["pictures"], 2);
    assert_eq!(json["each"][1]["name"], "a face");
    assert_eq!(json["fidelity"]["clean"]["psnr_db"].as_f64().unwrap(), report.fidelity.clean.psnr_db);
    let markdown = report.markdown();
    for line in markdown.lines().filter(|line| !line.is_empty()) {
        assert!(line.starts_with('|') && line.ends_with('|'), "{line}");
    }
    let columns: Vec<usize> = markdown
        .split("\n\n")
        .map(|table| {
            let mut counts: Vec<usize> = table.lines().map(|line| line.matches('|').count()).collect();
            counts.dedup();
            assert_eq!(counts.len(), 1, "{table}");
            counts[0]
        })
        .collect();
    assert_eq!(columns, [4, 4, 10, 7]);
    assert_eq!(report, evaluate(&[picture(0), portrait("a face", [198, 134, 103])], darker, same).unwrap());
}
