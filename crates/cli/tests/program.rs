//! The program as people and scripts meet it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use assert_cmd::Command;
use pixels::Image;
use pixels::codec::{self, Format, Limits};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn kaiga() -> Command {
    assert_cmd::cargo::cargo_bin_cmd!("kaiga")
}

/// A small colourful picture as the bytes of a file.
fn picture(format: Format) -> Vec<u8> {
    let image = Image::from_fn(24, 16, |x, y| [(x * 10) as u8, (y * 15) as u8, 128]);
    codec::write(&image, None, format, 90).unwrap()
}

fn desk() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn put(folder: &TempDir, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, picture(Format::from_extension(path.extension().unwrap().to_str().unwrap()).unwrap())).unwrap();
    path
}

fn size(path: &Path) -> (usize, usize) {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let image = codec::read(&bytes, &Limits::default()).unwrap().image;
    (image.width(), image.height())
}

/// All files below, relative and sorted, one a line.
fn listing(folder: &Path) -> String {
    fn walk(folder: &Path, base: &Path, names: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, base, names);
            } else {
                names.push(path.strip_prefix(base).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    let mut names = Vec::new();
    walk(folder, folder, &mut names);
    names.sort();
    names.join("\n")
}

fn stderr(command: &mut Command, code: i32) -> String {
    String::from_utf8(command.assert().code(code).get_output().stderr.clone()).unwrap()
}

#[test]
fn one_photo_is_painted_beside_itself() {
    let desk = desk();
    for name in ["photo.jpg", "two words.png", "夏の空.webp", "宫崎骏 风.jpg", "été à la mer.jpg", "no.dots.at all.png"]
    {
        let photo = put(&desk, name);
        let output = kaiga().arg(&photo).assert().success();
        let painting = photo.with_extension("kaiga.png");
        assert_eq!(size(&painting), (24, 16));
        let said = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
        assert!(said.contains(&*painting.to_string_lossy()) && said.trim_end().ends_with(" s"), "{said}");
    }
}

#[test]
#[cfg(feature = "avif")]
fn an_avif_is_painted() {
    let desk = desk();
    fs::create_dir(desk.path().join("in")).unwrap();
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pixels/tests/avif/420-limited-bt601.avif");
    fs::copy(made, desk.path().join("in/photo.avif")).unwrap();
    kaiga().current_dir(&desk).arg("in").assert().success();
    assert_eq!(size(&desk.path().join("in.kaiga/photo.kaiga.png")), (75, 49));
}

#[test]
fn the_name_decides_the_format() {
    let desk = desk();
    let photo = put(&desk, "a.png");
    for (name, format) in [("b.jpg", Format::Jpeg), ("new/c.webp", Format::WebP), ("d.PNG", Format::Png)] {
        let painting = desk.path().join(name);
        kaiga().arg(&photo).arg("-o").arg(&painting).assert().success();
        assert_eq!(Format::from_magic(&fs::read(&painting).unwrap()), Some(format));
    }
    kaiga().arg(&photo).args(["-f", "jpg"]).assert().success();
    assert_eq!(Format::from_magic(&fs::read(desk.path().join("a.kaiga.jpg")).unwrap()), Some(Format::Jpeg));
}

#[test]
fn a_folder_keeps_its_tree() {
    let desk = desk();
    for name in ["in/a.jpg", "in/夏/b c.png", "in/夏/deep/d.webp", "in/a.png", "in/old.kaiga.png", "in/.hidden.png"] {
        put(&desk, name);
    }
    fs::write(desk.path().join("in/notes.txt"), "no picture").unwrap();
    kaiga().arg(desk.path().join("in")).assert().success();
    let expected = "a.jpg.kaiga.png\na.png.kaiga.png\n夏/b c.kaiga.png\n夏/deep/d.kaiga.png";
    assert_eq!(listing(&desk.path().join("in.kaiga")), expected);
    kaiga().current_dir(desk.path().join("in/夏")).args([".", "-o", "../out", "-f", "jpg"]).assert().success();
    assert_eq!(listing(&desk.path().join("in/out")), "b c.kaiga.jpg\ndeep/d.kaiga.jpg");
}

#[test]
fn one_bad_file_never_stops_a_batch() {
    let desk = desk();
    for name in ["in/a.jpg", "in/z.png"] {
        put(&desk, name);
    }
    fs::write(desk.path().join("in/broken.jpg"), &picture(Format::Jpeg)[..60]).unwrap();
    fs::write(desk.path().join("in/text.png"), "not a picture").unwrap();
    let out = desk.path().join("out");
    let said = stderr(kaiga().arg(desk.path().join("in")).arg("-o").arg(&out), 3);
    assert!(said.contains("2 painted, 2 failed") && said.contains("errors.jsonl"), "{said}");
    assert_eq!(listing(&out), "a.kaiga.png\nerrors.jsonl\nz.kaiga.png");
    let errors = fs::read_to_string(out.join("errors.jsonl")).unwrap();
    let failed: Vec<String> = errors
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["input"].as_str().unwrap().to_owned())
        .collect();
    assert!(failed.len() == 2 && failed[0].ends_with("broken.jpg") && failed[1].ends_with("text.png"), "{errors}");

    // What is there is left alone; once the bad ones are gone, so is the list.
    let before = fs::metadata(out.join("a.kaiga.png")).unwrap().modified().unwrap();
    fs::remove_file(desk.path().join("in/broken.jpg")).unwrap();
    put(&desk, "in/text.png");
    let said = stderr(kaiga().arg(desk.path().join("in")).arg("-o").arg(&out).arg("--skip-existing"), 0);
    assert!(said.contains("1 painted, 2 there already"), "{said}");
    assert_eq!(fs::metadata(out.join("a.kaiga.png")).unwrap().modified().unwrap(), before);
    assert_eq!(listing(&out), "a.kaiga.png\ntext.kaiga.png\nz.kaiga.png");
}

#[test]
fn when_nothing_could_be_done_it_says_so() {
    let desk = desk();
    let said = stderr(kaiga().arg(desk.path().join("missing.jpg")), 1);
    assert!(said.contains("missing.jpg") && said.contains("no such file"), "{said}");
    let text = desk.path().join("text.jpg");
    fs::write(&text, "hello").unwrap();
    let said = stderr(kaiga().arg(&text), 1);
    assert!(said.lines().count() == 1 && said.contains("we read JPEG"), "{said}");
    let said = stderr(kaiga().arg(desk.path()).args(["-f", "webp"]).arg("-o").arg(&text), 2);
    assert!(said.contains("folder"), "{said}");
    fs::remove_file(&text).unwrap();
    let said = stderr(kaiga().arg(desk.path()), 1);
    assert!(said.contains("no pictures"), "{said}");
}

#[test]
fn a_photo_is_never_overwritten() {
    let desk = desk();
    let photo = put(&desk, "a.png");
    let before = fs::read(&photo).unwrap();
    let said = stderr(kaiga().arg(&photo).arg("-o").arg(desk.path().join("./a.png")), 1);
    assert!(said.contains("overwrite"), "{said}");
    assert_eq!(fs::read(&photo).unwrap(), before);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let desk = desk();
    let (photo, file) = (put(&desk, "a.png"), put(&desk, "file.png"));
    let said = stderr(kaiga().arg(&photo).arg("-o").arg(file.join("b.png")), 1);
    assert!(said.contains("cannot write") && said.contains("b.png"), "{said}");
    assert_eq!(listing(desk.path()), "a.png\nfile.png");
}

#[test]
fn photos_flow_through_pipes() {
    let output = kaiga().arg("-").write_stdin(picture(Format::Jpeg)).assert().success();
    let bytes = &output.get_output().stdout;
    assert_eq!(Format::from_magic(bytes), Some(Format::Png));
    assert_eq!(codec::read(bytes, &Limits::default()).unwrap().image.width(), 24);
    let output = kaiga().args(["-", "-o", "-", "-f", "webp"]).write_stdin(picture(Format::Png)).assert().success();
    assert_eq!(Format::from_magic(&output.get_output().stdout), Some(Format::WebP));
    kaiga().arg("-").write_stdin("rubbish").assert().code(1).stdout("");
}

#[test]
fn programs_get_one_json_line_for_each_photo() {
    let desk = desk();
    let (a, b) = (put(&desk, "a.png"), desk.path().join("missing.png"));
    let output = kaiga().arg(&a).arg(&b).arg("--json").assert().code(3).stderr("");
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["status"], &lines[0]["width"]), (&"painted".into(), &24.into()));
    assert_eq!((lines.len(), &lines[1]["status"]), (2, &"failed".into()));
}

#[test]
fn wrong_usage_reads_well() {
    let cases: [(&[&str], &str); 8] = [
        (&["a.jpg", "-w", "2"], "strength is 2, it goes from 0 to 1.5"),
        (&["a.jpg", "-w", "-1"], "strength is -1, it goes from 0 to 1.5"),
        (&["a.jpg", "--guided-radius", "0"], "from 1 to 128"),
        (&["a.jpg", "-n", "seaside"], "there is no style \"seaside\"; there are meadow, skyglow, storybook, portrait"),
        (&["a.jpg", "-n", "none.safetensors"], "no such file"),
        (&["a.jpg", "-o", "b.gif"], "we write png, jpg and webp"),
        (&["a.jpg", "b.jpg", "-o", "c.png"], "give -o a folder"),
        (&["a.jpg", "--nonsense"], "--nonsense"),
    ];
    for (words, complaint) in cases {
        let said = stderr(kaiga().args(words), 2);
        assert!(said.contains(complaint), "{words:?}: {said}");
    }
    let said = stderr(&mut kaiga(), 2);
    assert!(said.lines().count() <= 10 && said.contains("kaiga photo.jpg") && said.contains("--help"), "{said}");
}

#[test]
fn a_limit_says_how_to_raise_it() {
    let desk = desk();
    let image = Image::filled(1200, 900, [9; 3]);
    let photo = desk.path().join("large.png");
    fs::write(&photo, codec::write(&image, None, Format::Png, 90).unwrap()).unwrap();
    let said = stderr(kaiga().arg(&photo).args(["--max-pixels", "1"]), 1);
    assert!(said.contains("1200×900") && said.contains("the limit is 1 Mpx (raise it with --max-pixels)"), "{said}");
}

#[test]
fn no_strength_gives_the_photo_back() {
    let desk = desk();
    let photo = put(&desk, "a.png");
    kaiga().arg(&photo).args(["-w", "0"]).assert().success();
    let pixels = |path: &Path| codec::read(&fs::read(path).unwrap(), &Limits::default()).unwrap().image;
    assert!(pixels(&desk.path().join("a.kaiga.png")) == pixels(&photo));
}

#[test]
fn the_other_commands_answer() {
    let desk = desk();
    let output = kaiga().arg("styles").assert().success();
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert!(text.contains("meadow") && text.contains("宫崎骏风") && text.contains("新海诚光晕"), "{text}");
    let output = kaiga().args(["doctor", "--json"]).assert().success();
    let report: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    let models: Vec<&str> =
        report["models"].as_array().unwrap().iter().map(|model| model["file"].as_str().unwrap()).collect();
    assert_eq!(models.len(), kaiga::EMBEDDED.len() + 3, "{models:?}");
    assert!(models.contains(&"faces-1.safetensors") && models.contains(&"landmarks-1.safetensors"), "{models:?}");
    assert!(models.contains(&"person-1.safetensors"), "{models:?}");
    assert!(report["network"]["drawer_reach_px"].as_u64().is_some_and(|px| px > 16), "{report}");
    let photo = put(&desk, "a.png");
    let output = kaiga().arg("measure").args([&photo, &photo]).arg("--json").assert().success();
    let figures: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!((figures["ssim"].as_f64(), figures["ciede2000"].as_f64()), (Some(1.0), Some(0.0)));
}

#[test]
fn a_look_becomes_a_file_for_other_programs() {
    let desk = desk();
    let export =
        |arguments: &[&str], code: i32| stderr(kaiga().current_dir(desk.path()).arg("export").args(arguments), code);
    assert!(export(&["-n", "meadow:1,cel:1"], 0).contains("Faces are painted as the rest"));
    let graph = fs::read(desk.path().join("meadow-cel.onnx")).unwrap();
    assert!(graph.windows(17).any(|bytes| bytes == b"MIT OR Apache-2.0"));
    export(&["--to", "safetensors", "-o", "merged.safetensors"], 0);
    kaiga::Studio::from_bytes(&fs::read(desk.path().join("merged.safetensors")).unwrap(), &[]).unwrap();
    assert!(export(&["-n", "manga", "--uint8", "-o", "m.onnx"], 0).contains("plain greys"));
    for (arguments, words) in [
        (&["-n", "baroque"][..], "there is no style \"baroque\""),
        (&["-w", "1.2"], "a strength above 1 cannot be exported"),
        (&["--to", "safetensors", "--uint8"], "go with --to onnx"),
        (&["--size", "0"], "from 1 to 8192"),
        (&["-n", "meadow,manga"], "cannot be mixed"),
    ] {
        let complaint = stderr(
            kaiga().current_dir(desk.path()).arg("export").args(arguments),
            if words.contains("strength") { 1 } else { 2 },
        );
        assert!(complaint.contains(words), "{complaint}");
    }
    let photo = put(&desk, "photo.png");
    let output =
        kaiga().current_dir(desk.path()).args(["export", "-o", "8.onnx", "--int8", "photo.png"]).assert().success();
    let said = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert!(said.contains("on that photo") && said.contains("dB (PSNR) from single precision"), "{said}");
    assert!(fs::metadata(desk.path().join("8.onnx")).unwrap().len() * 2 < graph.len() as u64);
    assert!(export(&["--int8", "nothing.png"], 1).contains("nothing.png: there is no such file"));
    fs::remove_file(photo).unwrap();
    assert_eq!(listing(desk.path()), "8.onnx\nm.onnx\nmeadow-cel.onnx\nmerged.safetensors");
}

/// Weights of an AnimeGANv2 generator as somebody may have saved them.
fn checkpoint() -> Vec<u8> {
    let [network] = &net::model::architecture("classic-1").unwrap()[..] else { panic!("it is one network") };
    let mut state = 1_u32;
    let tensors = net::parameters(network).unwrap().into_iter().map(|(name, shape)| {
        let random = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 25) as f32 - 0.25
        };
        (format!("module.{name}"), net::Tensor::new(&shape, (0..shape.iter().product()).map(random).collect()))
    });
    net::weights::write_single(&tensors.collect(), &net::weights::Metadata::new()).unwrap()
}

#[test]
fn a_model_is_brought_in_used_and_removed() {
    let desk = desk();
    fs::write(desk.path().join("古い model.pt"), checkpoint()).unwrap();
    let run = |arguments: &[&str], code: i32| {
        let mut command = kaiga();
        command.current_dir(desk.path()).env("XDG_DATA_HOME", desk.path().join("data")).args(arguments);
        let output = command.assert().code(code).get_output().clone();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let import = ["import", "古い model.pt", "--licence", "Not for sale"];
    assert!(run(&import, 1).1.contains("Not for sale\nYou answer for"), "nobody can be asked");
    assert!(!desk.path().join("data").exists(), "nothing is left where the licence was not accepted");
    let accepted = [&import[..], &["--accept-licence"]].concat();
    assert!(run(&accepted, 0).0.contains("kaiga -n 古い-model photo.jpg"));
    assert!(run(&accepted, 1).1.contains("already"));
    run(&[&accepted[..], &["--replace"]].concat(), 0);
    assert_eq!(listing(&desk.path().join("data")), "kaiga/models/古い-model.safetensors");

    assert!(run(&["models", "list"], 0).0.contains("古い-model  古い model.pt  Not for sale"));
    assert!(run(&["models", "show", "古い-model"], 0).0.contains("classic-1/corners"));
    assert!(run(&["styles", "--json"], 0).0.contains("\"licence\":\"Not for sale\""));
    let photo = put(&desk, "photo.png");
    run(&["photo.png", "-n", "古い-model", "-o", "old.png"], 0);
    assert_eq!(size(&desk.path().join("old.png")), (24, 16));
    assert!(fs::read(desk.path().join("old.png")).unwrap() != fs::read(&photo).unwrap());
    run(&["photo.png", "--face-style", "古い-model", "-o", "faces.png"], 0);
    assert!(run(&["photo.png", "-n", "古い-model:1,meadow:1"], 2).1.contains("cannot be mixed"));
    assert!(run(&["export", "-n", "古い-model"], 1).1.contains("was imported"));

    run(&["models", "remove", "古い-model"], 0);
    assert!(run(&["models", "show", "古い-model"], 1).1.contains("there is no imported model"));
    assert!(run(&["photo.png", "-n", "古い-model"], 2).1.contains("there is no style"));
    assert!(run(&["models", "list"], 0).0.contains("no imported models"));
}

#[test]
fn what_is_no_model_is_refused_with_a_reason() {
    let desk = desk();
    let good = checkpoint();
    fs::write(desk.path().join("good.safetensors"), &good).unwrap();
    fs::write(desk.path().join("cut.safetensors"), &good[..good.len() / 2]).unwrap();
    fs::write(desk.path().join("graph.onnx"), [8, 8, 0x12, 5, b'k', b'a']).unwrap();
    fs::write(desk.path().join("a.pt"), b"PK\x03\x04 and nothing more").unwrap();
    fs::write(desk.path().join("style.safetensors"), kaiga::EMBEDDED[1].1).unwrap();
    for (arguments, words) in [
        (&["cut.safetensors"][..], "not a readable safetensors file"),
        (&["graph.onnx"], "the file was cut off"),
        (&["graph.onnx", "--align", "centres"], "leave --align off"),
        (&["good.safetensors", "--order", "bgr"], "are for ONNX graphs"),
        (&["a.pt"], "archive is broken"),
        (&["style.safetensors"], "no weights of the AnimeGANv2 generator"),
        (&["nothing.pt"], "no such file"),
        (&["."], "it is a folder"),
        (&["good.safetensors", "-n", "../meadow"], "cannot be a model's name"),
        (&["good.safetensors", "-n", "meadow"], "there is a style \"meadow\" already"),
    ] {
        let mut command = kaiga();
        command.current_dir(desk.path()).env("XDG_DATA_HOME", desk.path().join("data")).arg("import").args(arguments);
        let complaint = stderr(command.arg("--accept-licence"), 1);
        assert!(complaint.contains(words), "{arguments:?}: {complaint}");
    }
    assert!(!desk.path().join("data").exists());
}

#[test]
fn an_onnx_graph_is_brought_in_and_paints() {
    let desk = desk();
    // What a graph of kaiga's own takes and gives is all there is to a model of others.
    let export = ["export", "--size", "48x32", "-n", "cel", "-w", "0.7", "-o", "graph.onnx"];
    kaiga().current_dir(desk.path()).args(export).assert().success();
    put(&desk, "photo.png");
    let run = |arguments: &[&str], code: i32| {
        let mut command = kaiga();
        command.current_dir(desk.path()).env("XDG_DATA_HOME", desk.path().join("data")).args(arguments);
        let output = command.assert().code(code).get_output().clone();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let import = ["import", "graph.onnx", "-n", "graph", "--accept-licence", "--licence", "Ours"];
    assert!(run(&import, 1).1.contains("say it with --range"));
    run(&[&import[..], &["--range", "unit"]].concat(), 0);
    assert!(run(&["models", "show", "graph"], 0).0.contains("unit nchw rgb 1 48x32"));
    assert!(run(&["styles"], 0).0.contains("An ONNX graph imported from graph.onnx. Ours"));
    run(&["photo.png", "-n", "graph", "--faces", "off", "-o", "painted.png"], 0);
    assert_eq!(size(&desk.path().join("painted.png")), (24, 16));
    assert!(fs::read(desk.path().join("painted.png")).unwrap() != fs::read(desk.path().join("photo.png")).unwrap());
}

#[test]
fn styles_that_do_not_go_together_are_refused_before_anything_is_painted() {
    let desk = desk();
    let photo = put(&desk, "a.png");
    let style = net::Style::read(kaiga::EMBEDDED[1].1).unwrap();
    let comic = desk.path().join("comic.safetensors");
    let style = net::Style { name: "comic".into(), medium: net::Medium::Screentone, ..style };
    fs::write(&comic, style.write().unwrap()).unwrap();
    let comic = comic.to_str().unwrap();
    for (arguments, words) in [
        (vec!["-n", &format!("meadow:0.5,{comic}:0.5")], "cannot be mixed: meadow is drawn in colour"),
        (vec!["-n", comic, "--guided-radius", "40"], "smear the dots"),
        (vec!["-n", comic, "--face-style", "portrait"], "the style of its faces in colour"),
    ] {
        let output = kaiga().arg(&photo).args(&arguments).assert().code(2);
        let complaint = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(complaint.contains(words), "{arguments:?}: {complaint}");
    }
    kaiga().arg(&photo).args(["-n", comic]).assert().success();
    let painting = codec::read(&fs::read(desk.path().join("a.kaiga.png")).unwrap(), &Limits::default()).unwrap().image;
    assert!(painting.pixels().iter().all(|&[r, g, b]| r == g && g == b));
}

#[test]
fn the_help_is_the_one_we_wrote() {
    let output = kaiga().arg("--help").assert().success();
    insta::assert_snapshot!(String::from_utf8(output.get_output().stdout.clone()).unwrap());
}

#[test]
fn a_photo_that_ends_early_is_painted_with_a_warning() {
    let desk = desk();
    let photo = desk.path().join("cut.jpg");
    let image = Image::from_fn(96, 96, |x, y| [(x * 2) as u8, (y * 2) as u8, (x * y) as u8]);
    let bytes = codec::write(&image, None, Format::Jpeg, 90).unwrap();
    fs::write(&photo, &bytes[..bytes.len() / 2]).unwrap();
    let said = stderr(kaiga().arg(&photo), 0);
    assert!(said.contains("cut.jpg: the file ends early"), "{said}");
    let warning = || {
        let output = kaiga().arg("--json").arg(&photo).assert().success();
        let line: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
        line["warning"].as_str().map(str::to_owned)
    };
    assert!(warning().unwrap().contains("ends early"));
    fs::write(&photo, &bytes).unwrap();
    assert_eq!(warning(), None);
}

#[test]
fn photos_of_one_name_become_paintings_of_several() {
    let desk = desk();
    for name in ["p1/a.jpg", "p2/a.jpg", "p1/in/b.png", "p2/in/b.png"] {
        put(&desk, name);
    }
    let paint = |inputs: [&str; 2], out: &str| {
        kaiga().current_dir(&desk).args(inputs).args(["-o", out]).assert().success();
        listing(&desk.path().join(out))
    };
    assert_eq!(paint(["p1/a.jpg", "p2/a.jpg"], "photos"), "a.jpg-2.kaiga.png\na.jpg.kaiga.png");
    assert_eq!(paint(["p1/in", "p2/in"], "folders"), "in-2/b.kaiga.png\nin/b.kaiga.png");
}

#[test]
fn somebody_else_s_list_of_errors_stays() {
    let desk = desk();
    put(&desk, "in/a.png");
    put(&desk, "out/b.png");
    let list = desk.path().join("out/errors.jsonl");
    fs::write(&list, "{\"level\":\"warn\"}\n").unwrap();
    kaiga().current_dir(&desk).args(["in", "-o", "out"]).assert().success();
    fs::write(desk.path().join("in/text.png"), "not a picture").unwrap();
    let said = stderr(kaiga().current_dir(&desk).args(["in", "-o", "out"]), 3);
    assert!(said.contains("errors.kaiga.jsonl"), "{said}");
    assert_eq!(fs::read_to_string(&list).unwrap(), "{\"level\":\"warn\"}\n");
}

#[test]
fn a_folder_of_heic_says_why_nothing_is_painted() {
    let desk = desk();
    fs::create_dir(desk.path().join("in")).unwrap();
    fs::write(desk.path().join("in/IMG_1.HEIC"), b"\0\0\0\x18ftypheic\0\0\0\0heicmif1").unwrap();
    let said = stderr(kaiga().current_dir(&desk).arg("in"), 1);
    assert!(said.contains("IMG_1.HEIC") && said.contains("HEIC"), "{said}");
}

#[test]
fn names_are_shown_without_control_characters_and_cut_where_they_are_too_long() {
    let desk = desk();
    let said = stderr(kaiga().arg(desk.path().join("a\u{1b}[31m.jpg")), 1);
    assert!(said.contains(r"a\u{1b}[31m.jpg") && !said.contains('\u{1b}'), "{said}");
    let long = format!("{}.png", "x".repeat(250));
    fs::write(desk.path().join(&long), picture(Format::Png)).unwrap();
    kaiga().current_dir(&desk).arg(&long).assert().success();
    assert_eq!(listing(desk.path()), format!("{}.kaiga.png\n{long}", "x".repeat(245)));
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_gone_away_ends_it_quietly() {
    use std::process::{Command, Stdio};
    let program = assert_cmd::cargo::cargo_bin!("kaiga");
    let mut child = Command::new(program).arg("styles").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_wait_for_stdin() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};
    let program = assert_cmd::cargo::cargo_bin!("kaiga");
    let mut child = Command::new(program).arg("-").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(60), "it still waits");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_nothing_half_done() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};
    let desk = desk();
    for i in 0..300 {
        put(&desk, &format!("in/{i:03}.png"));
    }
    let (folder, out) = (desk.path().join("in"), desk.path().join("out"));
    let program = assert_cmd::cargo::cargo_bin!("kaiga");
    let mut child = Command::new(program).arg(&folder).arg("-o").arg(&out).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !out.join("000.kaiga.png").exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing was painted");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let names = listing(&out);
    assert!(names.lines().count() < 300 && names.lines().all(|name| name.ends_with(".kaiga.png")), "{names}");
    names.lines().for_each(|name| assert_eq!(size(&out.join(name)), (24, 16)));
}

#[test]
fn completions_and_manual_pages_know_the_options() {
    for (shell, word) in
        [("bash", "complete"), ("zsh", "#compdef"), ("fish", "complete -c kaiga"), ("powershell", "Register")]
    {
        let output = kaiga().args(["completions", shell]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains(word) && text.contains("saturation"), "{shell}: {text}");
    }
    let desk = desk();
    kaiga().arg("man").arg(desk.path().join("man1")).assert().success();
    let page = fs::read_to_string(desk.path().join("man1/kaiga.1")).unwrap();
    assert!(page.contains("saturation") && page.contains("kaiga\\-avatar(1)"), "{page}");
    assert!(desk.path().join("man1/kaiga-avatar.1").exists());
    put(&desk, "file.png");
    kaiga().arg("man").arg(desk.path().join("file.png")).assert().code(1);
}
