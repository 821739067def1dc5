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
    let is_skin = |x, y| (18..42).contains(&x) && (12..60).contains(&y);
    let photo = Image::from_fn(60, 80, |x, y| if is_skin(x, y) { skin } else { [70, 90, 140] });
    Picture { name: name.into(), photo, portrait: true }
}

fn darker(photo: &Image<Srgb8>) -> Image<Srgb8> {
    photo.map(|pixel| pixel.map(|v| (u16::from(v) * 7 / 10) as u8))
}

fn same(photo: &Image<Srgb8>) -> Image<Srgb8> {
    photo.clone()
}

const ALL: &[Input] = &[Input::Noise, Input::Shift, Input::Jpeg, Input::Dark];

fn network(label: &str, paint: impl Fn(&Image<Srgb8>) -> Image<Srgb8> + 'static) -> Candidate<'static> {
    Candidate { label: label.into(), hand: Hand::Network(Box::new(paint)), inputs: ALL }
}

/// The photo, the painter and a network.
fn three(paint: impl Fn(&Image<Srgb8>) -> Image<Srgb8> + 'static) -> Vec<Candidate<'static>> {
    let photo = Candidate { label: "photo".into(), hand: Hand::Photo, inputs: &[Input::Shift] };
    vec![
        photo,
        Candidate { label: "painter".into(), hand: Hand::Painter, inputs: &[Input::Noise, Input::Jpeg, Input::Dark] },
        network("kaiga", paint),
    ]
}

fn evaluate(
    pictures: &[Picture],
    models: &[Candidate<'_>],
    teacher: impl Fn(&Image<Srgb8>) -> Image<Srgb8>,
) -> Result<Report> {
    let each = |picture| {
        let (subject, measured) = measure(picture, models, &teacher)?;
        Ok((subject, measured.into_iter().map(|(measured, _)| measured).collect()))
    };
    let measured = pictures.iter().map(each).collect::<Result<Vec<_>>>()?;
    Report::of("meadow", models, measured, vec![Together::default(); models.len()])
}

#[test]
fn a_network_that_is_the_painter_is_perfect_on_clean_photos_only() {
    let report = evaluate(&[picture(0), picture(1)], &three(darker), darker).unwrap();
    let [photo, painter, kaiga] = [0, 1, 2].map(|i| &report.models[i].each[0]);
    let dark = kaiga.dark.unwrap();
    for perfect in [kaiga.painter, dark.painter] {
        assert_eq!(perfect.psnr_db, 100.0);
        assert!((perfect.gradient_correlation - 1.0).abs() < 1e-12);
    }
    assert_eq!(kaiga.edge_f_score, 1.0);
    assert_eq!(dark.painter_of_clean, painter.dark.unwrap().painter_of_clean);
    assert_eq!((kaiga.noise.unwrap().painter, kaiga.jpeg), (painter.noise.unwrap().painter, painter.jpeg));
    let noise = kaiga.noise.unwrap();
    for worse in [photo.painter, noise.painter, kaiga.jpeg.unwrap(), dark.painter_of_clean] {
        assert!(worse.psnr_db < 40.0);
    }
    assert!(noise.painter.psnr_db > 30.0 && noise.painter.gradient_correlation < 0.99);
    // Noise is darkened as everything is.
    assert!((noise.change.relative - 0.7).abs() < 0.05, "{noise:?}");
}

#[test]
fn the_painter_paints_once_for_each_input() {
    let count = std::cell::Cell::new(0);
    let counted = |photo: &Image<Srgb8>| {
        count.set(count.get() + 1);
        darker(photo)
    };
    let models: Vec<_> = three(same).into_iter().chain([network("other", darker)]).collect();
    measure(&picture(0), &models, counted).unwrap();
    assert_eq!(count.get(), 4, "the clean photo, and it noisy, coded and dark");
}

#[test]
fn a_network_that_does_nothing_shows_as_the_photo() {
    let report = evaluate(&[picture(0)], &three(same), darker).unwrap();
    let [photo, painter, kaiga] = [0, 1, 2].map(|i| &report.models[i].each[0]);
    assert_eq!(photo.painter, kaiga.painter);
    assert_eq!((kaiga.colourfulness_ratio, kaiga.flat_area_ratio), (1.0, 1.0));
    assert_eq!((kaiga.ab_difference, kaiga.ciede2000), (0.0, 0.0));
    assert!((kaiga.ms_ssim - 1.0).abs() < 1e-4 && painter.ms_ssim < 0.999);
    assert_eq!(kaiga.noise.unwrap().change.relative, 1.0);
    assert_eq!((kaiga.shift, photo.shift.unwrap().levels), (photo.shift, 0.0));
}

#[test]
fn flat_paint_is_flat_and_grey_paint_is_grey() {
    let flat = |photo: &Image<Srgb8>| Image::filled(photo.width(), photo.height(), [90, 90, 90]);
    let (subject, measured) = measure(&picture(3), &[network("flat", flat)], same).unwrap();
    let measured = &measured[0].0;
    assert_eq!(measured.flat_area, 1.0);
    assert!((measured.flat_area_ratio - 1.0 / subject.flat_area).abs() < 1e-12);
    assert!(measured.colourfulness_ratio < 1e-3);
    assert_eq!((measured.painter.gradient_correlation, measured.line_length_px), (0.0, 0.0));
    assert_eq!((measured.noise.unwrap().change.levels, measured.shift.unwrap().levels), (0.0, 0.0));
}

#[test]
fn the_sky_turns_and_other_blues_do_not_count() {
    let photo = Image::from_fn(60, 60, |_, y| if y < 30 { [120, 170, 225] } else { [60, 70, 50] });
    let sky = Picture { name: "sky".into(), photo, portrait: false };
    let greener =
        |photo: &Image<Srgb8>| photo.map::<Srgb8>(|[r, g, b]| if b > 200 { [r, g + 30, b] } else { [r, g, b] });
    let turned = |picture: &Picture| {
        let (_, measured) = measure(picture, &[network("greener", greener), network("same", same)], same).unwrap();
        [0, 1].map(|i| measured[i].0.sky_hue_degrees)
    };
    let [greener, same] = turned(&sky);
    assert!(greener.unwrap() > 15.0 && same == Some(0.0), "{greener:?}");
    assert_eq!(turned(&Picture { portrait: true, ..sky.clone() }), [None, None]);
    let upside_down = Image::from_fn(60, 60, |x, y| sky.photo.at(x, 59 - y));
    assert_eq!(turned(&Picture { photo: upside_down, ..sky }), [None, None]);
}

#[test]
fn a_painting_of_another_size_is_refused() {
    let smaller = |photo: &Image<Srgb8>| photo.crop(0, 0, 48, 48);
    let error = measure(&picture(0), &[network("kaiga", smaller)], same).unwrap_err().to_string();
    assert!(error.contains("48×48") && error.contains("64×48"), "{error}");
}

#[test]
fn complexion_is_told_apart_by_lightness() {
    let skins = [[84, 51, 33], [100, 62, 42], [150, 98, 68], [165, 110, 80], [230, 180, 150], [241, 194, 167]];
    // Given out of order, and with a wall that is no skin.
    let pictures: Vec<_> = [3, 0, 5, 1, 4, 2].map(|i| portrait(&format!("portrait-{i}"), skins[i])).into();
    // Lightens what is dark, leaves the rest.
    let lightens = |photo: &Image<Srgb8>| {
        photo.map::<Srgb8>(|[r, g, b]| if r > b && r < 120 { [r + 20, g + 12, b + 8] } else { [r, g, b] })
    };
    let report = evaluate(&pictures, &three(lightens), same).unwrap().complexion().unwrap();
    assert_eq!(report.groups.iter().map(|group| group.count).collect::<Vec<_>>(), [2, 2, 2]);
    let [dark, middle, light] = [0, 1, 2].map(|i| report.groups[i]);
    assert!(dark.photo_lightness < middle.photo_lightness && middle.photo_lightness < light.photo_lightness);
    assert!(dark.kaiga.lightness > 4.0 && dark.painter == Shift::default());
    assert_eq!((middle.kaiga, light.kaiga), (Shift::default(), Shift::default()));
    assert!(["portrait-0", "portrait-1"].contains(&report.worst_lightness.name.as_str()));

    let complexion = |picture: Picture| evaluate(&[picture], &three(same), same).unwrap().complexion();
    let blue = Image::filled(40, 40, [60, 90, 200]);
    assert_eq!(complexion(Picture { name: "no skin".into(), photo: blue, portrait: true }), None);
    assert_eq!(complexion(Picture { portrait: false, ..portrait("sand", skins[3]) }), None);
}

#[test]
fn the_report_can_be_read_by_people_and_machines() {
    let pictures = [picture(0), portrait("a face", [198, 134, 103])];
    let report = evaluate(&pictures, &three(darker), same).unwrap();
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(json["pictures"][1]["name"], "a face");
    assert_eq!((&json["models"][2]["label"], &json["models"][2]["role"]), (&"kaiga".into(), &"network".into()));
    let psnr_db = report.models[2].each.iter().map(|m| m.painter.psnr_db).sum::<f64>() / 2.0;
    assert_eq!(json["models"][2]["means"]["psnr_db"].as_f64(), Some(psnr_db));
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
    // All measures but those of the sky and of style.
    assert_eq!(columns, [4, 4, 10, 7, 15]);
    assert_eq!(report, evaluate(&pictures, &three(darker), same).unwrap());
}

#[test]
fn the_best_network_of_each_measure_is_marked() {
    let slightly = |photo: &Image<Srgb8>| photo.map::<Srgb8>(|pixel| pixel.map(|v| v - v / 10));
    let models: Vec<_> =
        three(slightly).into_iter().chain([network("a|b", darker), network("also slightly", slightly)]).collect();
    let table = evaluate(&[picture(0)], &models, same).unwrap().markdown();
    let row = |label: &str| {
        let row = table.lines().find(|line| line.starts_with(&format!("| {label} |"))).unwrap();
        row.replace("\\|", "").split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    let of = |heading: &str| row("model (pictures: 1)").iter().position(|cell| cell.starts_with(heading)).unwrap();
    let psnr = of("PSNR");
    assert_eq!((row("photo")[psnr].as_str(), row("painter")[psnr].as_str()), ("100.00", "100.00"));
    assert!(row("kaiga")[psnr].starts_with("**") && row("also slightly")[psnr].starts_with("**"));
    assert!(!row("a\\|b")[psnr].contains('*'));
    assert!(row("a\\|b")[of("noise")].starts_with("**"), "who darkens most, lets least noise through");
    assert_eq!(row("photo")[of("noise")], "–");
    assert!(!table.contains("KID") && !row("kaiga")[of("flat")].contains('*'), "nothing to measure, nothing to win");
}

#[test]
fn paintings_made_elsewhere_are_judged_like_a_network() {
    let found: Shelf<'_> = Box::new(|name: &str, photo: &Image<Srgb8>| {
        ensure!(name != "picture-1", "there is no {name}");
        Ok(darker(photo))
    });
    let old = Candidate { label: "old".into(), hand: Hand::Paintings(found), inputs: ALL };
    let mut models = three(darker);
    models.push(old);
    let [photo, painter, kaiga, old] = models.as_slice() else { panic!("three and one") };
    assert!(matches!((&photo.hand, &painter.hand, &old.hand), (Hand::Photo, Hand::Painter, Hand::Paintings(_))));
    assert_eq!(kaiga.inputs, old.inputs);
    let report = evaluate(&[picture(0)], &models, same).unwrap();
    let [kaiga, old] = [2, 3].map(|i| &report.models[i]);
    assert_eq!((old.role, old.each[0].painter), (Role::Network, kaiga.each[0].painter));
    assert_eq!((old.each[0].noise, old.each[0].dark), (None, None), "there is no painting of these");
    let error = evaluate(&[picture(1)], &models, same).unwrap_err();
    assert!(format!("{error:#}").contains("old: there is no picture-1"), "{error:#}");
}

#[test]
fn what_is_measured_on_all_paintings_stands_in_table_page_and_json() {
    let models = three(same);
    let measured = measure(&picture(0), &models, same).unwrap();
    let measured = (measured.0, measured.1.into_iter().map(|(measured, _)| measured).collect());
    let colours = |hue_degrees| Colours { hue_degrees, worst_hue_degrees: hue_degrees, chroma_kept: 0.613 };
    let chart = ChartColours { flat: colours(Some(12.34)), noisy: colours(None) };
    let painted = Together { drawnness: Some(0.417), chart: Some(chart), style: None };
    let report = Report::of("meadow", &models, vec![measured], vec![Together::default(), painted, painted]).unwrap();
    let (text, page) = (report.markdown(), report.page(&[]));
    let last = |label: &str| text.lines().rfind(|line| line.starts_with(&format!("| {label} |"))).unwrap().to_owned();
    assert_eq!(
        (last("kaiga"), last("photo")),
        ("| kaiga | 12.3 | 12.3 | 61 | 61 |".into(), "| photo | – | – | – | – |".into())
    );
    assert!(text.contains("| drawn ↑ |") && text.contains("| 0.42 |"));
    assert_eq!(
        (page.matches("<table>").count(), page.contains("<td>0.42</td>"), page.contains("<td>12.3</td>")),
        (2, true, true)
    );
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(
        (json["models"][2]["drawnness"].as_f64(), json["models"][2]["means"]["drawnness"].as_f64()),
        (Some(0.417), Some(0.417))
    );
    assert_eq!(json["models"][2]["chart"]["flat"]["chroma_kept"].as_f64(), Some(0.613));
}

#[test]
fn the_page_shows_every_picture_and_holds_no_markup_of_others() {
    let models: Vec<_> = three(same).into_iter().chain([network("<i>\"x\"", darker)]).collect();
    let report = evaluate(&[picture(0), picture(1)], &models, darker).unwrap();
    let strips = [0, 1].map(|i| {
        let mut strip = Strip::new("a & b");
        for model in &models {
            strip.add(&model.label, &picture(i).photo).unwrap();
        }
        strip
    });
    let page = report.page(&strips);
    assert_eq!(page.matches("<img ").count(), 8);
    assert_eq!(page.matches("src=\"data:image/jpeg;base64,/9j/").count(), 8);
    assert_eq!((page.matches("http").count(), page.matches("<script").count()), (0, 0));
    assert!(!page.contains("<i>") && page.contains("&lt;i&gt;&quot;x&quot;") && page.contains("a &amp; b"));
    assert_eq!(page.matches("<tr>").count(), 5);
    let means = &report.models[3].means;
    assert!(page.contains(&format!("<td><b>{:.2}</b></td>", means["psnr_db"])), "it is the painter");
    let wide = Image::filled(1000, 300, [9; 3]);
    let mut strip = Strip::new("wide");
    strip.add("photo", &wide).unwrap();
    assert!(report.page(&[strip]).contains("width=\"420\" height=\"126\""));
}
