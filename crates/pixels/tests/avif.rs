//! AVIF: files made by `avifenc` become what `avifdec` makes of them (`tests/avif/make.sh` made both); files made here,
//! box by box, are shown as their boxes say or refused.
#![cfg(feature = "avif")]

#[path = "common/random.rs"]
mod random;

use moxcms::{ColorProfile, Layout, TransformOptions};
use pixels::Image;
use pixels::codec::{self, ErrorKind, Format, Limit, Limits, Photo};
use pixels::space::Srgb8;
use random::Random;
use std::path::Path;

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/avif").join(name)).expect("the file is here")
}

fn read(bytes: &[u8]) -> Photo {
    codec::read(bytes, &Limits::default()).expect("a sound file")
}

fn refused(bytes: &[u8]) -> codec::Error {
    codec::read(bytes, &Limits::default()).expect_err("not to be read")
}

/// Asserts that two pictures are the same, without printing them.
#[track_caller]
fn same(a: &Image<Srgb8>, b: &Image<Srgb8>, what: &str) {
    assert!(a == b, "{what}: {:?}", difference(a, b));
}

/// The largest difference of two levels, and the mean one.
fn difference(a: &Image<Srgb8>, b: &Image<Srgb8>) -> (u8, f64) {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    let levels = a.pixels().as_flattened().iter().zip(b.pixels().as_flattened());
    let differences: Vec<u8> = levels.map(|(a, b)| a.abs_diff(*b)).collect();
    let sum: f64 = differences.iter().map(|&v| f64::from(v)).sum();
    (differences.iter().copied().max().unwrap_or(0), sum / differences.len() as f64)
}

/// `avifdec` computes in floating point as we do, but for pictures of 8 bits with BT.601's or BT.709's matrix, where
/// libyuv computes with 6 bits behind the point.
#[test]
fn pixels_are_those_of_avifdec() {
    let exact = [
        "420-10bit-bt709",
        "422-12bit-limited-bt2020",
        "444-12bit-bt601",
        "444-10bit-limited-bt709",
        "444-ycgco",
        "monochrome",
        "monochrome-10bit-limited",
        "lossless",
    ];
    let coarse =
        ["420-limited-bt601", "422-bt709", "translucent", "translucent-10bit", "premultiplied", "film-grain", "grid"];
    for name in exact.into_iter().chain(coarse) {
        let (ours, theirs) = (read(&file(&format!("{name}.avif"))), read(&file(&format!("{name}.webp"))));
        let (max, mean) = difference(&ours.image, &theirs.image);
        let (max_allowed, mean_allowed) = if exact.contains(&name) { (1, 0.02) } else { (4, 0.8) };
        assert!(max <= max_allowed && mean <= mean_allowed, "{name}: {max}, {mean:.3}");
        assert_eq!(ours.format, Format::Avif);
        assert!(ours.alpha == theirs.alpha, "{name}: opacity");
    }
    same(&read(&file("lossless.avif")).image, &read(&file("lossless.webp")).image, "lossless");
}

/// A box.
fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, content].concat()
}

/// A box with version and flags.
fn full(kind: &[u8; 4], version: u8, content: &[u8]) -> Vec<u8> {
    boxed(kind, &[&[version, 0, 0, 0][..], content].concat())
}

/// An item of a file made here: its kind, its properties (boxes, and whether they are essential), its bytes, and what
/// it refers to.
#[derive(Clone)]
struct Item {
    kind: [u8; 4],
    properties: Vec<(Vec<u8>, bool)>,
    data: Vec<u8>,
    references: Vec<([u8; 4], Vec<u16>)>,
}

impl Item {
    fn new(kind: &[u8; 4], size: [u32; 2], data: &[u8]) -> Self {
        let ispe = full(b"ispe", 0, &size.map(u32::to_be_bytes).concat());
        Self { kind: *kind, properties: vec![(ispe, false)], data: data.to_vec(), references: Vec::new() }
    }

    fn with(mut self, property: Vec<u8>) -> Self {
        self.properties.push((property, true));
        self
    }

    fn to(mut self, kind: &[u8; 4], items: &[u16]) -> Self {
        self.references.push((*kind, items.to_vec()));
        self
    }
}

/// A file of these items, counted from 1. The first is the primary one.
fn heif(brands: &[u8], items: &[Item]) -> Vec<u8> {
    heif_with(brands, items, |extents| extents)
}

/// The same; `extents` (offset and length in the file) of each item may be changed.
fn heif_with(brands: &[u8], items: &[Item], change: impl Fn(Vec<[u32; 2]>) -> Vec<[u32; 2]>) -> Vec<u8> {
    let u16s = |values: &[usize]| values.iter().flat_map(|&v| (v as u16).to_be_bytes()).collect::<Vec<u8>>();
    let ftyp = boxed(b"ftyp", brands);
    let made = |payload_at: u32| {
        let (mut infos, mut places, mut properties, mut associations, mut references) =
            (u16s(&[items.len()]), u16s(&[0x4400, items.len()]), Vec::new(), Vec::new(), Vec::new());
        let (mut count, mut at) = (0_u8, payload_at);
        associations.extend((items.len() as u32).to_be_bytes());
        for (index, item) in items.iter().enumerate() {
            infos.extend(full(b"infe", 2, &[&u16s(&[index + 1, 0])[..], &item.kind, b"\0"].concat()));
            let extents = change(vec![[at, item.data.len() as u32]]);
            places.extend(u16s(&[index + 1, 0, extents.len()]));
            places.extend(extents.as_flattened().iter().flat_map(|v| v.to_be_bytes()));
            at += item.data.len() as u32;
            associations.extend(u16s(&[index + 1]));
            associations.push(item.properties.len() as u8);
            for (property, essential) in &item.properties {
                count += 1;
                properties.extend(property);
                associations.push(count | if *essential { 0x80 } else { 0 });
            }
            for (kind, targets) in &item.references {
                let targets: Vec<usize> = targets.iter().map(|&item| usize::from(item)).collect();
                let content = [u16s(&[index + 1, targets.len()]), u16s(&targets)].concat();
                references.extend(boxed(kind, &content));
            }
        }
        let handler = full(b"hdlr", 0, b"\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0");
        let iprp = [boxed(b"ipco", &properties), full(b"ipma", 0, &associations)].concat();
        let meta = [
            handler,
            full(b"pitm", 0, &u16s(&[1])),
            full(b"iloc", 0, &places),
            full(b"iinf", 0, &infos),
            full(b"iref", 0, &references),
            boxed(b"iprp", &iprp),
        ]
        .concat();
        [ftyp.clone(), full(b"meta", 0, &meta)].concat()
    };
    let head = made(made(0).len() as u32 + 8);
    let payload: Vec<u8> = items.iter().flat_map(|item| item.data.clone()).collect();
    [head, boxed(b"mdat", &payload)].concat()
}

const BRANDS: &[u8] = b"avif\0\0\0\0avifmif1miaf";

/// A coded picture of 75×49 pixels: what is in the file's only item.
fn coded(name: &str) -> Vec<u8> {
    let file = file(name);
    let at = file.windows(4).position(|bytes| bytes == b"mdat").expect("a place for pixels") + 4;
    file[at..].to_vec()
}

fn street() -> Item {
    Item::new(b"av01", [75, 49], &coded("420-limited-bt601.avif"))
}

fn nclx(primaries: u16, transfer: u16, matrix: u16, full_range: bool) -> Vec<u8> {
    let codes = [primaries, transfer, matrix].map(u16::to_be_bytes).concat();
    boxed(b"colr", &[&b"nclx"[..], &codes, &[u8::from(full_range) << 7]].concat())
}

#[test]
fn files_made_here_are_read_as_those_of_avifenc() {
    let theirs = read(&file("420-limited-bt601.avif"));
    same(&read(&heif(BRANDS, &[street()])).image, &theirs.image, "whole");
    // Only among the brands it is compatible with.
    same(&read(&heif(b"mif1\0\0\0\0miafavif", &[street()])).image, &theirs.image, "another brand");
    let halves =
        |extents: Vec<[u32; 2]>| extents.iter().flat_map(|&[at, len]| [[at, 100], [at + 100, len - 100]]).collect();
    same(&read(&heif_with(BRANDS, &[street()], halves)).image, &theirs.image, "in two parts");
    assert_eq!(codec::stored_size(&heif(BRANDS, &[street()]), &Limits::default()), Ok((75, 49)));
}

#[test]
fn turns_and_mirrors_are_applied_in_their_order() {
    let plain = read(&heif(BRANDS, &[street()])).image;
    let (width, height) = (plain.width(), plain.height());
    for angle in 0..4 {
        // By the words of ISO/IEC 23008-12: anti-clockwise; 0 changes top and bottom, 1 left and right.
        let turned = |image: &Image<Srgb8>| {
            (0..angle).fold(image.clone(), |image, _| {
                let (width, height) = (image.height(), image.width());
                Image::from_fn(width, height, |x, y| image.at(height - 1 - y, x))
            })
        };
        let mirrored = |image: &Image<Srgb8>, axis: u8| {
            let (width, height) = (image.width(), image.height());
            Image::from_fn(width, height, |x, y| {
                if axis == 0 { image.at(x, height - 1 - y) } else { image.at(width - 1 - x, y) }
            })
        };
        let irot = boxed(b"irot", &[angle]);
        let photo = read(&heif(BRANDS, &[street().with(irot.clone())]));
        same(&photo.image, &turned(&plain), &format!("{angle}"));
        for axis in [0, 1] {
            let imir = boxed(b"imir", &[axis]);
            let photo = read(&heif(BRANDS, &[street().with(irot.clone()).with(imir.clone())]));
            same(&photo.image, &mirrored(&turned(&plain), axis), &format!("{angle}, {axis}"));
            let photo = read(&heif(BRANDS, &[street().with(imir).with(irot.clone())]));
            same(&photo.image, &turned(&mirrored(&plain, axis)), &format!("{axis}, {angle}"));
        }
    }
    let on_its_side = heif(BRANDS, &[street().with(boxed(b"irot", &[1]))]);
    assert_eq!(codec::stored_size(&on_its_side, &Limits::default()), Ok((width, height)));
}

/// Width, height, and how far the middle is moved, as numerators over 2.
fn clap(width: u32, height: u32, right: i32, down: i32) -> Vec<u8> {
    let fields = [width, 1, height, 1, right as u32, 2, down as u32, 2];
    boxed(b"clap", &fields.map(u32::to_be_bytes).concat())
}

#[test]
fn only_the_clean_aperture_is_shown() {
    let plain = read(&heif(BRANDS, &[street()])).image;
    // (75 − 30) / 2 − 25/2 = 10 and (49 − 20) / 2 + 5/2 = 17.
    let cropped = heif(BRANDS, &[street().with(clap(30, 20, -25, 5))]);
    same(&read(&cropped).image, &plain.crop(10, 17, 30, 20), "cropped");
    assert_eq!(codec::stored_size(&cropped, &Limits::default()), Ok((30, 20)));
    for outside in [clap(30, 20, -47, 5), clap(76, 20, 1, 5), clap(0, 20, 1, 5), clap(30, 20, 0, 5)] {
        assert_eq!(refused(&heif(BRANDS, &[street().with(outside)])).kind(), ErrorKind::Broken);
    }
}

#[test]
fn the_files_colours_go_before_the_coded_pictures() {
    let plain = read(&heif(BRANDS, &[street()])).image;
    let shown = |colors: Vec<u8>| read(&heif(BRANDS, &[street().with(colors)])).image;
    same(&shown(nclx(1, 13, 6, false)), &plain, "as the coded picture says");
    same(&shown(nclx(2, 2, 2, false)), &plain, "what is not said is sRGB");
    same(&shown(nclx(1, 1, 6, false)), &plain, "the curve of film is sRGB's");
    // The coded grey levels of limited range taken for full ones, and another matrix.
    assert!(difference(&shown(nclx(1, 13, 6, true)), &plain).1 > 5.0);
    assert!(difference(&shown(nclx(1, 13, 1, false)), &plain).1 > 0.5);

    let converted = |profile: &ColorProfile| {
        let options = TransformOptions::default();
        let to_srgb = profile
            .create_transform_8bit(Layout::Rgb, &ColorProfile::new_srgb(), Layout::Rgb, options)
            .expect("profiles of colours");
        let mut out = vec![0; plain.pixels().len() * 3];
        to_srgb.transform(plain.pixels().as_flattened(), &mut out).expect("as many");
        Image::<Srgb8>::new(plain.width(), plain.height(), out.as_chunks().0.to_vec())
    };
    let display_p3 = ColorProfile::new_display_p3();
    let (max, _) = difference(&shown(nclx(12, 13, 6, false)), &converted(&display_p3));
    assert!(max <= 1 && converted(&display_p3) != plain, "{max}");
    // A profile goes before the code points.
    let icc = [&b"prof"[..], &ColorProfile::new_adobe_rgb().encode().expect("a profile")].concat();
    let item = street().with(nclx(12, 13, 6, false)).with(boxed(b"colr", &icc));
    let (max, _) = difference(&read(&heif(BRANDS, &[item])).image, &converted(&ColorProfile::new_adobe_rgb()));
    assert!(max <= 1, "{max}");
    // One that is broken is ignored.
    same(&shown(boxed(b"colr", b"prof, or so")), &plain, "a broken profile");
}

#[test]
fn a_grey_picture_keeps_to_the_profile_it_has() {
    let gray = || Item::new(b"av01", [75, 49], &coded("monochrome.avif"));
    let plain = read(&heif(BRANDS, &[gray()])).image;
    for (profile, changes) in [(ColorProfile::new_gray_with_gamma(1.0), true), (ColorProfile::new_srgb(), false)] {
        let icc = [&b"prof"[..], &profile.encode().expect("a profile")].concat();
        let shown = read(&heif(BRANDS, &[gray().with(boxed(b"colr", &icc))])).image;
        assert_eq!(difference(&shown, &plain).1 > 20.0, changes, "{:?}", difference(&shown, &plain));
    }
}

#[test]
fn opacity_and_premultiplied_colours_are_told_by_their_references() {
    let auxiliary = |name: &str| full(b"auxC", 0, &[name.as_bytes(), b"\0"].concat());
    let alpha = Item::new(b"av01", [75, 49], &coded("monochrome.avif"));
    let with = |item: Item, alpha: Item| read(&heif(BRANDS, &[item, alpha.to(b"auxl", &[1])]));
    let named = alpha.clone().with(auxiliary("urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"));
    let (plain, straight) = (read(&heif(BRANDS, &[street()])).image, with(street(), named.clone()));
    let levels = read(&file("monochrome.avif")).image;
    let opacity = straight.alpha.expect("opacity");
    assert!(opacity.pixels().iter().zip(levels.pixels()).all(|(a, level)| *a == level[0]));
    same(&straight.image, &plain, "straight");
    let premultiplied = with(street().to(b"prem", &[2]), named.clone()).image;
    for ((shown, stored), &alpha) in premultiplied.pixels().iter().zip(plain.pixels()).zip(opacity.pixels()) {
        for (&shown, &stored) in shown.iter().zip(stored).filter(|_| alpha > 0) {
            let whole = (f32::from(stored) * 255.0 / f32::from(alpha)).min(255.0);
            // The stored level is known to half a level.
            assert!((f32::from(shown) - whole).abs() <= 0.5 + 128.0 / f32::from(alpha), "{stored}/{alpha}: {shown}");
        }
    }
    // A map of depths is no opacity.
    let depth = alpha.with(auxiliary("urn:mpeg:mpegB:cicp:systems:auxiliary:depth"));
    assert_eq!(with(street(), depth).alpha, None);
    // Nor may it be of another size.
    let mut small = named;
    small.properties[0].0 = full(b"ispe", 0, &[0, 0, 0, 75, 0, 0, 0, 48]);
    assert_eq!(refused(&heif(BRANDS, &[street(), small.to(b"auxl", &[1])])).kind(), ErrorKind::Broken);
}

/// Rows and columns less one, and a size.
fn grid(rows: u8, columns: u8, width: u16, height: u16) -> Vec<u8> {
    [&[0, 0, rows, columns][..], &width.to_be_bytes(), &height.to_be_bytes()].concat()
}

#[test]
fn grids_are_put_together_and_cut() {
    // Chroma as fine as luma, so that tiles of odd sides may be joined.
    let tile = || Item::new(b"av01", [75, 49], &coded("444-ycgco.avif"));
    let made = |size: [u32; 2], grid: Vec<u8>, tiles: &[u16]| {
        let whole = Item::new(b"grid", size, &grid).to(b"dimg", tiles);
        heif(BRANDS, &[vec![whole], vec![tile(); 2]].concat())
    };
    let one = read(&heif(BRANDS, &[tile()])).image;
    let photo = read(&made([140, 49], grid(0, 1, 140, 49), &[2, 3])).image;
    assert_eq!((photo.width(), photo.height()), (140, 49));
    same(&photo.crop(0, 0, 75, 49), &one, "the first");
    same(&photo.crop(75, 0, 65, 49), &one.crop(0, 0, 65, 49), "the second, cut");
    for (wrong, why) in [
        (made([151, 49], grid(0, 1, 151, 49), &[2, 3]), "does not cover"),
        (made([75, 49], grid(0, 1, 75, 49), &[2, 3]), "a tile for nothing"),
        (made([140, 49], grid(0, 1, 141, 49), &[2, 3]), "two sizes"),
        (made([140, 98], grid(1, 1, 140, 98), &[2, 3]), "too few tiles"),
        (made([140, 49], grid(0, 1, 140, 49), &[2, 1]), "a tile that is a grid"),
        (made([140, 49], vec![0, 0, 0, 1], &[2, 3]), "no size"),
        // Halves of chroma samples cannot be joined.
        (
            heif(
                BRANDS,
                &[Item::new(b"grid", [140, 49], &grid(0, 1, 140, 49)).to(b"dimg", &[2, 3]), street(), street()],
            ),
            "tiles of odd sides",
        ),
    ] {
        assert_eq!(refused(&wrong).kind(), ErrorKind::Broken, "{why}");
    }
}

#[test]
fn limits_hold_before_anything_is_decoded() {
    // Were it decoded, it would be broken.
    let claims = |width, height| heif(BRANDS, &[Item::new(b"av01", [width, height], b"no AV1")]);
    for (size, limit) in [([60_000, 60_000], Limit::Pixels), ([40_000, 10], Limit::Side)] {
        let file = claims(size[0], size[1]);
        assert_eq!(refused(&file).kind(), ErrorKind::TooLarge(limit));
        let size = codec::stored_size(&file, &Limits::default()).expect_err("too large");
        assert_eq!(size.kind(), ErrorKind::TooLarge(limit));
    }
    let little = Limits { max_memory_bytes: 20_000, ..Limits::default() };
    let error = codec::read(&heif(BRANDS, &[street()]), &little).expect_err("75×49 pixels take more");
    assert_eq!(error.kind(), ErrorKind::TooLarge(Limit::Memory));
    assert_eq!(refused(&claims(0, 10)).kind(), ErrorKind::Broken);
    // A coded picture that is larger than its item says.
    let mut small = street();
    small.properties[0].0 = full(b"ispe", 0, &[0, 0, 0, 60, 0, 0, 0, 49]);
    assert_eq!(refused(&heif(BRANDS, &[small])).kind(), ErrorKind::Broken);
    // Few bytes that stand for many.
    let again = |extents: Vec<[u32; 2]>| vec![extents[0]; 1000];
    assert_eq!(refused(&heif_with(BRANDS, &[street()], again)).kind(), ErrorKind::Broken);
    let frames = [&coded("420-limited-bt601.avif")[..]; 9].concat();
    let many = refused(&heif(BRANDS, &[Item::new(b"av01", [75, 49], &frames)]));
    assert!(many.to_string().contains("frames"), "{many}");
}

#[test]
fn what_is_not_read_is_named() {
    let says = |file: &[u8], word: &str| {
        let error = refused(file);
        assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains(word), "{error}");
    };
    says(&heif(BRANDS, &[street().with(nclx(9, 16, 9, false))]), "high dynamic range");
    says(&heif(BRANDS, &[street().with(nclx(1, 13, 11, false))]), "matrix coefficients 11");
    says(&heif(BRANDS, &[street().with(boxed(b"lsel", &[0, 1]))]), "rules");
    says(&heif(BRANDS, &[Item::new(b"iovl", [75, 49], b"")]), "put together");
    says(&[boxed(b"ftyp", b"avis\0\0\0\0avisavif"), boxed(b"moov", b"")].concat(), "film");
    says(&heif(b"heic\0\0\0\0mif1heic", &[street()]), "HEIC");
}

#[test]
fn a_file_that_ends_early_says_so() {
    let whole = file("translucent.avif");
    for len in 12..whole.len() {
        let error = refused(&whole[..len]);
        assert_eq!(error.kind(), ErrorKind::Broken, "{len}: {error}");
    }
    let half = refused(&whole[..whole.len() - 1]).to_string();
    assert!(half.contains("ends early"), "{half}");
}

#[test]
fn damaged_files_never_panic() {
    let limits = Limits { max_memory_bytes: 64 << 20, max_pixels: 4_000_000, ..Limits::default() };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for name in ["420-limited-bt601", "444-12bit-bt601", "monochrome", "translucent", "film-grain", "grid"] {
        let sound = file(&format!("{name}.avif"));
        let pixels = sound.windows(4).position(|bytes| bytes == b"mdat").expect("a place for pixels") + 4;
        for round in 0..300 {
            let mut file = sound.clone();
            if usize::is_multiple_of(round, 8) {
                file.truncate(random.below(file.len()));
            }
            // Half of the damage in the boxes, half in the pixels.
            let part = if usize::is_multiple_of(round, 2) { 0..pixels } else { pixels..file.len() };
            let part = part.start.min(file.len())..part.end.min(file.len());
            for _ in 0..1 + random.below(4) {
                if !part.is_empty() {
                    file[part.start + random.below(part.len())] ^= 1 << random.below(8);
                }
            }
            if let Err(error) = codec::read(&file, &limits) {
                assert!(!error.to_string().contains("a fault of the decoder"), "{name}, {round}: {error}");
            }
        }
    }
}
