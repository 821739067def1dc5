//! Laws of the codec on files made here: what goes in comes out, upright and in sRGB, or is refused.

mod common;
#[path = "common/random.rs"]
mod random;

use common::tiff;
use image::metadata::Orientation;
use image::{ExtendedColorType, ImageEncoder};
use moxcms::ColorProfile;
use pixels::Image;
use pixels::codec::{self, ErrorKind, Format, Limit, Limits, Warning};
use pixels::resize::Filter;
use pixels::space::{Alpha8, Srgb8};
use random::Random;

fn picture(width: usize, height: usize) -> Image<Srgb8> {
    Image::from_fn(width, height, |x, y| [(x * 37 % 256) as u8, (y * 53 % 256) as u8, ((x + 2 * y) * 11 % 256) as u8])
}

/// Smooth, so that JPEG changes it little.
fn gradient(width: usize, height: usize) -> Image<Srgb8> {
    Image::from_fn(width, height, |x, y| {
        [(x * 255 / width) as u8, (y * 255 / height) as u8, ((x + y) * 255 / (width + height)) as u8]
    })
}

fn read(bytes: &[u8]) -> codec::Photo {
    codec::read(bytes, &Limits::default()).expect("a sound file")
}

fn mean_difference(a: &Image<Srgb8>, b: &Image<Srgb8>) -> f64 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    let (a, b) = (a.pixels().as_flattened(), b.pixels().as_flattened());
    a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b))).sum::<f64>() / a.len() as f64
}

#[test]
fn lossless_formats_give_back_every_bit() {
    for (width, height) in [(1, 1), (3, 7), (130, 67)] {
        let image = picture(width, height);
        let alpha = Image::<Alpha8>::from_fn(width, height, |x, y| (x * 7 + y * 31) as u8);
        for format in [Format::Png, Format::WebP] {
            let plain = read(&codec::write(&image, None, format, 90).expect("written"));
            assert_eq!((&plain.image, &plain.alpha, plain.format), (&image, &None, format));
            let translucent = read(&codec::write(&image, Some(&alpha), format, 90).expect("written"));
            assert_eq!((&translucent.image, translucent.alpha.as_ref()), (&image, Some(&alpha)));
            let opaque = Image::<Alpha8>::filled(width, height, 255);
            let opaque = read(&codec::write(&image, Some(&opaque), format, 90).expect("written"));
            assert_eq!((&opaque.image, &opaque.alpha), (&image, &None), "opaque is no opacity");
        }
    }
}

#[test]
fn jpeg_keeps_the_picture_and_full_chroma_at_high_quality() {
    let image = gradient(200, 120);
    let fine = codec::write(&image, None, Format::Jpeg, 95).expect("written");
    let coarse = codec::write(&image, None, Format::Jpeg, 60).expect("written");
    assert!(mean_difference(&read(&fine).image, &image) < 1.0);
    assert!(mean_difference(&read(&coarse).image, &image) < 3.0);
    // Red and blue columns of one pixel: only full chroma keeps them apart.
    let stripes = Image::<Srgb8>::from_fn(64, 64, |x, _| if x % 2 == 0 { [200, 30, 30] } else { [30, 30, 200] });
    let red = |quality| {
        let photo = read(&codec::write(&stripes, None, Format::Jpeg, quality).expect("written")).image;
        i32::from(photo.at(32, 32)[0]) - i32::from(photo.at(33, 32)[0])
    };
    assert!(red(95) > 140 && red(80) < 80, "{} {}", red(95), red(80));
}

#[test]
fn jpeg_lays_transparent_pictures_on_white() {
    let image = Image::<Srgb8>::filled(16, 16, [0, 0, 0]);
    let alpha = Image::<Alpha8>::filled(16, 16, 51);
    let photo = read(&codec::write(&image, Some(&alpha), Format::Jpeg, 95).expect("written"));
    assert!(photo.alpha.is_none());
    assert!(photo.image.at(8, 8).iter().all(|v| v.abs_diff(204) <= 1), "{:?}", photo.image.at(8, 8));
}

#[test]
fn what_cannot_be_written_is_said() {
    let image = picture(4, 4);
    let fails = |image: &Image<Srgb8>, alpha: Option<&Image<Alpha8>>, format, quality| {
        let error = codec::write(image, alpha, format, quality).expect_err("must fail");
        assert_eq!(error.kind(), ErrorKind::Encode, "{error}");
    };
    fails(&image, None, Format::Jpeg, 0);
    fails(&image, None, Format::Jpeg, 101);
    fails(&image, None, Format::Gif, 90);
    fails(&image, Some(&Image::filled(4, 5, 0)), Format::Png, 90);
    fails(&Image::new(0, 0, vec![]), None, Format::Png, 90);
    fails(&Image::filled(65_536, 1, [0; 3]), None, Format::Jpeg, 90);
    fails(&Image::filled(16_385, 1, [0; 3]), None, Format::WebP, 90);
}

/// A TIFF block that says one thing: the orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif
}

/// The picture as a camera held so would store it: that `orientation` turns it upright.
fn stored(upright: &Image<Srgb8>, orientation: u8) -> image::RgbImage {
    let (width, height) = (upright.width() as u32, upright.height() as u32);
    let buffer = image::RgbImage::from_raw(width, height, upright.pixels().as_flattened().to_vec()).expect("the size");
    let mut picture = image::DynamicImage::from(buffer);
    let inverse = match orientation {
        6 => 8,
        8 => 6,
        own => own,
    };
    picture.apply_orientation(Orientation::from_exif(inverse).expect("1..=8"));
    picture.into_rgb8()
}

#[test]
fn all_orientations_give_the_same_upright_picture() {
    let upright = gradient(48, 24);
    for orientation in 1..=8 {
        let turned = stored(&upright, orientation);
        let (width, height) = turned.dimensions();
        let (raw, color) = (turned.as_raw().as_slice(), ExtendedColorType::Rgb8);

        let mut png = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
        encoder.set_exif_metadata(exif(orientation)).expect("PNG has eXIf");
        encoder.write_image(raw, width, height, color).expect("written");
        assert_eq!(read(&png).image, upright, "PNG {orientation}");

        let mut webp = Vec::new();
        let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
        encoder.set_exif_metadata(exif(orientation)).expect("WebP has EXIF");
        encoder.write_image(raw, width, height, color).expect("written");
        assert_eq!(read(&webp).image, upright, "WebP {orientation}");

        let tiff = tiff_with_orientation(&turned, orientation);
        assert_eq!(read(&tiff).image, upright, "TIFF {orientation}");

        let mut jpeg = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, 95);
        encoder.add_exif_metadata(&exif(orientation)).expect("short");
        encoder.encode(raw, width as u16, height as u16, jpeg_encoder::ColorType::Rgb).expect("written");
        let photo = read(&jpeg);
        assert!(mean_difference(&photo.image, &upright) < 2.0, "JPEG {orientation}");
    }
}

fn tiff_with_orientation(picture: &image::RgbImage, orientation: u8) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let tags: [(u16, &[u32]); 4] = [(258, &[8; 3]), (262, &[2]), (274, &[orientation.into()]), (277, &[3])];
    tiff(width, height, &tags, std::slice::from_ref(picture.as_raw()), None)
}

/// A PNG chunk.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
    chunk.extend(kind);
    chunk.extend(data);
    chunk.extend(crc32(&chunk[4..]).to_be_bytes());
    chunk
}

#[test]
fn orientation_is_found_wherever_writers_put_it() {
    let upright = gradient(24, 12);
    let turned = stored(&upright, 6);
    let (raw, width, height) = (turned.as_raw().as_slice(), turned.width(), turned.height());
    let deflated = |text: &[u8]| {
        let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut out, text).expect("into memory");
        out.finish().expect("into memory")
    };
    let xmp = br#"<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>"#;
    let element = b"<rdf:Description><tiff:Orientation>6</tiff:Orientation></rdf:Description>";
    let hex: String = exif(6).iter().map(|byte| format!("{byte:02x}")).collect();
    let profile = format!("\nexif\n{:8}\n{}\n{}\n", exif(6).len(), &hex[..20], &hex[20..]);
    let chunks = [
        ("EXIF", chunk(b"eXIf", &exif(6))),
        ("EXIF with a marker", chunk(b"eXIf", &[b"Exif\0\0", &exif(6)[..]].concat())),
        ("EXIF as text", chunk(b"zTXt", &[b"Raw profile type exif\0\0", &deflated(profile.as_bytes())[..]].concat())),
        ("XMP", chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", &xmp[..]].concat())),
        ("XMP, compressed", chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\x01\0\0\0", &deflated(element)[..]].concat())),
    ];
    let mut png = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut png);
    encoder.write_image(raw, width, height, ExtendedColorType::Rgb8).expect("written");
    let end = png.len() - 12;
    for (name, chunk) in &chunks {
        for (place, at) in [("before", 33), ("after", end)] {
            let file = [&png[..at], chunk, &png[at..]].concat();
            assert_eq!(read(&file).image, upright, "{name} {place} the pixels");
        }
    }
    // EXIF's word counts more than XMP's.
    let both = [
        &png[..33],
        &chunk(b"eXIf", &exif(6)),
        &chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", &br#"tiff:Orientation="3""#[..]].concat()),
        &png[33..],
    ]
    .concat();
    assert_eq!(read(&both).image, upright);

    let mut webp = Vec::new();
    let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
    encoder.set_exif_metadata([b"Exif\0\0", &exif(6)[..]].concat()).expect("WebP has EXIF");
    encoder.write_image(raw, width, height, ExtendedColorType::Rgb8).expect("written");
    assert_eq!(read(&webp).image, upright, "WebP with a marker");
}

/// sRGB in 0..255 of a colour in `primaries` (linear RGB → XYZ D65) with the tone curve `decode`.
/// In f64 by the definitions, without the CMS.
fn srgb_by_definition(coded: [f64; 3], primaries: [[f64; 3]; 3], decode: fn(f64) -> f64) -> [f64; 3] {
    // IEC 61966-2-1, XYZ D65 → linear sRGB.
    const SRGB_FROM_XYZ: [[f64; 3]; 3] = [
        [3.240_969_941_904_521, -1.537_383_177_570_093, -0.498_610_760_293_003],
        [-0.969_243_636_280_879, 1.875_967_501_507_72, 0.041_555_057_407_175],
        [0.055_630_079_696_993, -0.203_976_958_888_976, 1.056_971_514_242_878],
    ];
    let times = |m: [[f64; 3]; 3], v: [f64; 3]| m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2]);
    times(SRGB_FROM_XYZ, times(primaries, coded.map(decode))).map(|linear| {
        let linear = linear.clamp(0.0, 1.0);
        let coded = if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
        255.0 * coded
    })
}

fn srgb_decode(v: f64) -> f64 {
    if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
}

const P3_TO_XYZ: [[f64; 3]; 3] = [
    [0.486_570_948_648_216, 0.265_667_693_169_093, 0.198_217_285_234_362],
    [0.228_974_564_069_749, 0.691_738_521_836_506, 0.079_286_914_093_745],
    [0.0, 0.045_113_381_858_903, 1.043_944_368_900_976],
];
const ADOBE_TO_XYZ: [[f64; 3]; 3] = [
    [0.576_669_042_910_131, 0.185_558_237_906_546, 0.188_228_646_234_995],
    [0.297_344_975_250_536, 0.627_363_566_255_466, 0.075_291_458_493_998],
    [0.027_031_361_386_412, 0.070_688_852_535_827, 0.991_337_536_837_639],
];

fn png(samples: &[u8], width: u32, height: u32, color: ExtendedColorType, icc: Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    encoder.set_icc_profile(icc).expect("PNG has iCCP");
    encoder.write_image(samples, width, height, color).expect("written");
    bytes
}

#[test]
fn wide_gamut_pictures_become_srgb() {
    let steps = [0_u8, 1, 20, 77, 128, 190, 254, 255];
    let colors: Vec<[u8; 3]> = (0..512).map(|i| [steps[i % 8], steps[i / 8 % 8], steps[i / 64]]).collect();
    let adobe_decode: fn(f64) -> f64 = |v| v.powf(563.0 / 256.0);
    let spaces = [
        ("Display P3", ColorProfile::new_display_p3(), P3_TO_XYZ, srgb_decode as fn(f64) -> f64),
        ("Adobe RGB", ColorProfile::new_adobe_rgb(), ADOBE_TO_XYZ, adobe_decode),
    ];
    for (name, profile, primaries, decode) in spaces {
        let icc = profile.encode().expect("profile");
        let raw8 = colors.as_flattened().to_vec();
        let rgba8: Vec<u8> = colors.iter().flat_map(|&[r, g, b]| [r, g, b, 99]).collect();
        let raw16: Vec<u8> = raw8.iter().flat_map(|&v| (u16::from(v) * 257).to_ne_bytes()).collect();
        let mut jpeg = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, 100);
        encoder.add_icc_profile(&icc).expect("short");
        let blocks: Vec<u8> = colors.iter().flat_map(|&c| [c; 64]).flatten().collect();
        encoder.encode(&blocks, 64, 512, jpeg_encoder::ColorType::Rgb).expect("written");
        let jpeg = read(&jpeg).image;
        let files = [
            ("8", read(&png(&raw8, 32, 16, ExtendedColorType::Rgb8, icc.clone())).image, 1.5),
            ("8 with alpha", read(&png(&rgba8, 32, 16, ExtendedColorType::Rgba8, icc.clone())).image, 1.5),
            ("16", read(&png(&raw16, 32, 16, ExtendedColorType::Rgb16, icc.clone())).image, 1.0),
            // One row a colour; JPEG's own rounding on top, before the curve.
            ("JPEG", Image::from_fn(32, 16, |x, y| jpeg.at(20, y * 32 + x)), 40.0),
        ];
        for (depth, photo, tolerance) in files {
            let mut sum = 0.0;
            for (&color, &converted) in colors.iter().zip(photo.pixels()) {
                let expected = srgb_by_definition(color.map(|v| f64::from(v) / 255.0), primaries, decode);
                for (converted, expected) in converted.into_iter().zip(expected) {
                    let difference = (f64::from(converted) - expected).abs();
                    sum += difference;
                    assert!(difference <= tolerance, "{name} {depth}: {color:?} → {converted} for {expected}");
                }
            }
            assert!(sum / 1536.0 < 2.0, "{name} {depth}: mean {}", sum / 1536.0);
        }
    }
}

#[test]
fn gray_profiles_apply_to_gray_pictures() {
    let icc = ColorProfile::new_gray_with_gamma(1.8).encode().expect("profile");
    let ramp: Vec<u8> = (0..=255).collect();
    let photo = read(&png(&ramp, 256, 1, ExtendedColorType::L8, icc.clone()));
    let ramp16: Vec<u8> = ramp.iter().flat_map(|&v| (u16::from(v) * 257).to_ne_bytes()).collect();
    let photo16 = read(&png(&ramp16, 256, 1, ExtendedColorType::L16, icc.clone()));
    for (level, (&converted, &converted16)) in photo.image.pixels().iter().zip(photo16.image.pixels()).enumerate() {
        let linear = (level as f64 / 255.0).powf(1.8);
        let coded = if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
        for [r, g, b] in [converted, converted16] {
            assert!(r == g && g == b && (f64::from(r) - 255.0 * coded).abs() <= 1.5, "{level} → {r}");
        }
    }
    // On a colour picture it means nothing.
    let colors = picture(16, 16);
    let file = png(colors.pixels().as_flattened(), 16, 16, ExtendedColorType::Rgb8, icc);
    assert_eq!(read(&file).image, colors);
}

#[test]
fn broken_and_idle_profiles_change_nothing() {
    let image = picture(32, 20);
    let raw = image.pixels().as_flattened();
    let sound = ColorProfile::new_display_p3().encode().expect("profile");
    let mut profiles = vec![b"no profile at all".to_vec(), vec![0; 200], sound[..sound.len() / 2].to_vec()];
    profiles.push(ColorProfile::new_srgb().encode().expect("profile"));
    for icc in profiles {
        assert_eq!(read(&png(raw, 32, 20, ExtendedColorType::Rgb8, icc)).image, image);
    }
    // Damage at random: any picture will do, an error will not.
    let mut random = Random(7);
    for _ in 0..300 {
        let mut icc = sound.clone();
        for _ in 0..random.below(20) + 1 {
            let at = random.below(icc.len());
            icc[at] = random.below(256) as u8;
        }
        assert_eq!(read(&png(raw, 32, 20, ExtendedColorType::Rgb8, icc)).image.width(), 32);
    }
}

#[test]
fn inverted_cmyk_and_ycck_jpegs_have_their_colours() {
    // jpeg-encoder stores what it is given; Adobe's files hold 255 − ink.
    for kind in [jpeg_encoder::ColorType::Cmyk, jpeg_encoder::ColorType::CmykAsYcck] {
        for ink in [[0_u8, 0, 0, 0], [255, 0, 0, 0], [0, 128, 255, 0], [40, 90, 10, 100], [0, 0, 0, 255]] {
            let samples: Vec<u8> = [ink; 256].into_iter().flatten().collect();
            let mut jpeg = Vec::new();
            jpeg_encoder::Encoder::new(&mut jpeg, 100).encode(&samples, 16, 16, kind).expect("written");
            let [c, m, y, k] = ink.map(f64::from);
            let expected = [c, m, y].map(|ink| (255.0 - ink) * (255.0 - k) / 255.0);
            let found = read(&jpeg).image.at(8, 8);
            let close = found.iter().zip(expected).all(|(&f, e)| (f64::from(f) - e).abs() < 4.0);
            assert!(close, "{kind:?} {ink:?} → {found:?} for {expected:?}");
        }
    }
}

fn jpeg(picture: &Image<Srgb8>, set: impl FnOnce(&mut jpeg_encoder::Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
    set(&mut encoder);
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    encoder.encode(picture.pixels().as_flattened(), width, height, jpeg_encoder::ColorType::Rgb).expect("written");
    bytes
}

#[test]
fn a_jpeg_cut_short_gives_the_part_that_is_there_and_says_so() {
    let image = gradient(160, 160);
    let baseline = codec::write(&image, None, Format::Jpeg, 90).expect("written");
    let progressive = jpeg(&image, |encoder| encoder.set_progressive(true));
    for (name, file) in [("baseline", &baseline), ("progressive", &progressive)] {
        assert_eq!(read(file).warning, None, "{name}");
        for cut in [file.len() * 3 / 4, file.len() - 40] {
            assert_eq!(read(&file[..cut]).warning, Some(Warning::Truncated), "{name} {cut} of {}", file.len());
        }
    }
    let top = |picture: &Image<Srgb8>| picture.crop(0, 0, 160, 64);
    let part = read(&baseline[..baseline.len() * 3 / 4]);
    assert_eq!(top(&part.image), top(&read(&baseline).image));
    assert!(Warning::Truncated.to_string().contains("ends early"));
    // Kept by what is made of the photo.
    assert_eq!(part.crop(0, 0, 9, 9).resize(4, 4, Filter::Area).warning, Some(Warning::Truncated));
}

#[test]
fn jpegs_with_a_scan_for_each_component_keep_their_colours() {
    let image = gradient(96, 80);
    use jpeg_encoder::SamplingFactor::{F_1_2, F_2_1, F_2_2, F_4_1};
    for sampling in [F_1_2, F_2_1, F_2_2, F_4_1] {
        let bytes = jpeg(&image, |encoder| {
            encoder.set_sampling_factor(sampling);
            // Such files have a scan for each component.
            encoder.set_optimized_huffman_tables(true);
        });
        let scans = bytes.windows(2).filter(|pair| pair == &[0xff, 0xda]).count();
        let difference = mean_difference(&read(&bytes).image, &image);
        assert!(scans == 3 && difference < 3.0, "{sampling:?}: {scans} scans, {difference}");
    }
}

/// A profile for C, M, Y, K whose lightness is linear in the ink that lets least light through, from 100 without ink
/// to `black` where one is full, and without colour: a `mft1` table of two nodes for each ink (ICC.1, 10.10).
fn ink_profile(black: f64) -> Vec<u8> {
    let level = (black * 255.0 / 100.0).round() as u8;
    let mut table = b"mft1\0\0\0\0\x04\x03\x02\0".to_vec();
    for i in 0..9 {
        table.extend(if i % 4 == 0 { 65536_u32 } else { 0 }.to_be_bytes());
    }
    (0..4).for_each(|_| table.extend(0..=255_u8));
    (0..16).for_each(|inks| table.extend([if inks == 0 { 255 } else { level }, 128, 128]));
    (0..3).for_each(|_| table.extend(0..=255_u8));
    let white = [&b"XYZ \0\0\0\0"[..], &[0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d]].concat();
    let tags = [(b"A2B0", &table), (b"wtpt", &white)];
    let mut at = 128 + 4 + 12 * tags.len();
    let mut icc = vec![0; 128];
    icc[8..12].copy_from_slice(&[2, 0x40, 0, 0]);
    icc[12..24].copy_from_slice(b"prtrCMYKLab ");
    icc[36..40].copy_from_slice(b"acsp");
    icc[68..80].copy_from_slice(&white[8..]);
    icc.extend((tags.len() as u32).to_be_bytes());
    for (name, data) in tags {
        icc.extend(name);
        icc.extend((at as u32).to_be_bytes());
        icc.extend((data.len() as u32).to_be_bytes());
        at += data.len();
    }
    tags.iter().for_each(|(_, data)| icc.extend(*data));
    let len = icc.len() as u32;
    icc[..4].copy_from_slice(&len.to_be_bytes());
    icc
}

#[test]
fn the_darkest_ink_is_black() {
    let icc = ink_profile(12.0);
    // jpeg-encoder stores what it is given; Adobe's files hold 255 − ink.
    let of_ink = |ink: [u8; 4]| {
        let mut jpeg = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, 100);
        encoder.add_icc_profile(&icc).expect("short");
        let samples = [ink; 256].concat();
        encoder.encode(&samples, 16, 16, jpeg_encoder::ColorType::Cmyk).expect("written");
        read(&jpeg).image.at(8, 8)
    };
    let (white, black, middle) = (of_ink([0; 4]), of_ink([0, 0, 0, 255]), of_ink([0, 0, 0, 128]));
    assert!(white.iter().all(|&v| v > 252), "{white:?}");
    // Without compensation L* 12 is level 33.
    assert!(black.iter().all(|&v| v < 3), "{black:?}");
    // L* is near 56 in the profile; its luminance less that of L* 12, in parts of what is left.
    let luminance = |lightness: f64| ((lightness + 16.0) / 116.0).powi(3);
    let floor = luminance(12.0);
    let linear = (luminance(56.0) - floor) / (1.0 - floor);
    let expected = 255.0 * (1.055 * linear.powf(1.0 / 2.4) - 0.055);
    assert!(middle.iter().all(|&v| (f64::from(v) - expected).abs() < 4.0), "{middle:?} for {expected}");

    // The same inks in a TIFF: 0 is no ink.
    for bits in [8_u32, 16] {
        let sample = |ink: u32| if bits == 8 { vec![ink as u8] } else { (ink as u16 * 257).to_le_bytes().to_vec() };
        let pixels: Vec<u8> = [0, 0, 0, 128].into_iter().flat_map(sample).collect();
        let tiff = tiff(1, 1, &[(258, &[bits; 4]), (262, &[5]), (277, &[4])], &[pixels], Some(&icc));
        let found = read(&tiff).image.at(0, 0);
        assert!(found.iter().all(|&v| (f64::from(v) - expected).abs() < 4.0), "{bits}: {found:?} for {expected}");
    }
}

#[test]
fn bitmaps_of_os2_are_read() {
    // Rows from the bottom, blue first, each of a multiple of four bytes.
    let pixels = [[0, 0, 255], [0, 255, 0], [9, 9, 9]].concat();
    let rows = [&pixels[6..], &pixels[3..6], &[0, 0], &[255, 255, 255], &pixels[..3], &[0, 0]].concat();
    for header_bytes in [64_u32, 16] {
        let mut bmp = b"BM\0\0\0\0\0\0\0\0".to_vec();
        bmp.extend((14 + header_bytes).to_le_bytes());
        for field in [header_bytes, 2, 2, 1 | 24 << 16] {
            bmp.extend(field.to_le_bytes());
        }
        bmp.resize(14 + header_bytes as usize, 0);
        bmp.extend(&rows);
        let image = read(&bmp).image;
        assert_eq!(image.pixels(), [[255, 255, 255], [255, 0, 0], [9, 9, 9], [0, 255, 0]], "{header_bytes}");
        if header_bytes == 64 {
            bmp[30] = 4;
            let error = codec::read(&bmp, &Limits::default()).expect_err("run lengths of 24 bits");
            assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("OS/2"), "{error}");
        }
    }
}

fn limit_hit(bytes: &[u8], limits: &Limits) -> Option<Limit> {
    match codec::read(bytes, limits).map_err(|error| error.kind()) {
        Err(ErrorKind::TooLarge(limit)) => Some(limit),
        _ => None,
    }
}

#[test]
fn each_limit_is_kept() {
    let png = codec::write(&picture(100, 50), None, Format::Png, 90).expect("written");
    let jpeg = codec::write(&picture(100, 50), None, Format::Jpeg, 90).expect("written");
    for file in [png, jpeg] {
        let limits = Limits::default();
        let at = Limits { max_pixels: 5000, max_side_px: 100, max_file_bytes: file.len() as u64, ..limits };
        assert!(codec::read(&file, &Limits { max_memory_bytes: 15_000 + (1 << 20), ..at }).is_ok());
        assert_eq!(limit_hit(&file, &Limits { max_pixels: 4999, ..at }), Some(Limit::Pixels));
        assert_eq!(limit_hit(&file, &Limits { max_side_px: 99, ..at }), Some(Limit::Side));
        assert_eq!(limit_hit(&file, &Limits { max_file_bytes: file.len() as u64 - 1, ..at }), Some(Limit::FileBytes));
        assert_eq!(limit_hit(&file, &Limits { max_memory_bytes: 14_999, ..at }), Some(Limit::Memory));
    }
    let message = codec::read(
        &codec::write(&picture(100, 50), None, Format::Png, 90).expect("written"),
        &Limits { max_pixels: 1000, ..Limits::default() },
    )
    .expect_err("too large")
    .to_string();
    assert_eq!(message, "picture is 100×50 px (0.0 Mpx), the limit is 0.001 Mpx");
}

#[test]
fn bombs_are_refused_by_their_header() {
    let side = 60_000_u32;
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend(side.to_be_bytes());
    png.extend(side.to_be_bytes());
    png.extend([16, 6, 0, 0, 0]);
    let checksum = crc32(&png[12..]);
    png.extend(checksum.to_be_bytes());
    png.extend(b"\0\0\0\x01IDAT\0");
    let checksum = crc32(b"IDAT\0");
    png.extend(checksum.to_be_bytes());

    let mut jpeg = codec::write(&picture(8, 8), None, Format::Jpeg, 90).expect("written");
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame header");
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);

    let mut gif = b"GIF89a".to_vec();
    gif.extend([0x60, 0xea, 0x60, 0xea, 0, 0, 0]);
    gif.extend([0x2c, 0, 0, 0, 0, 0x60, 0xea, 0x60, 0xea, 0, 2, 1, 0, 0, 0x3b]);

    let mut bmp = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bmp.extend(side.to_le_bytes());
    bmp.extend(side.to_le_bytes());
    bmp.extend([1, 0, 24, 0]);
    bmp.extend([0; 24]);

    let tiff = tiff(side, side, &[(258, &[8; 3]), (262, &[2]), (277, &[3])], &[vec![0; 12]], None);

    // VP8X: 24-bit width and height less one.
    let mut webp = b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\xff\xff\0\xff\xff\0".to_vec();
    webp.extend(b"VP8L\x05\0\0\0\x2f\xff\xff\xff\x0f\0");

    for (name, file) in [("PNG", png), ("JPEG", jpeg), ("GIF", gif), ("BMP", bmp), ("TIFF", tiff), ("WebP", webp)] {
        let error = codec::read(&file, &Limits::default()).expect_err("far too large");
        let refused = matches!(error.kind(), ErrorKind::TooLarge(Limit::Pixels));
        // WebP's own rule (the frame must fill the canvas) may speak first.
        assert!(refused || name == "WebP", "{name}: {error}");
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn other_files_are_named() {
    for (bytes, word) in [
        (&b""[..], "empty"),
        (b"hello, world", "no picture we know"),
        #[cfg(not(feature = "avif"))]
        (b"\0\0\0\x20ftypavif", "AVIF"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x18ftypisom", "film"),
        (b"%PDF-1.7", "PDF"),
        (b"<svg xmlns", "SVG"),
    ] {
        let error = codec::read(bytes, &Limits::default()).expect_err("no picture");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(word) && error.to_string().contains("we read JPEG"), "{error}");
    }
}

#[test]
fn damaged_files_never_panic() {
    let image = picture(40, 30);
    let alpha = Image::<Alpha8>::from_fn(40, 30, |x, _| x as u8);
    let rgb = stored(&image, 1);
    let mut files = vec![tiff_with_orientation(&rgb, 6)];
    for format in [Format::Jpeg, Format::Png, Format::WebP] {
        files.push(codec::write(&image, Some(&alpha), format, 85).expect("written"));
    }
    let icc = ColorProfile::new_adobe_rgb().encode().expect("profile");
    files.push(png(image.pixels().as_flattened(), 40, 30, ExtendedColorType::Rgb8, icc));
    let mut progressive = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut progressive, 80);
    encoder.set_progressive(true);
    encoder.encode(rgb.as_raw(), 40, 30, jpeg_encoder::ColorType::Rgb).expect("written");
    files.push(progressive);
    for format in [image::ImageFormat::Gif, image::ImageFormat::Bmp] {
        let mut file = std::io::Cursor::new(Vec::new());
        rgb.write_to(&mut file, format).expect("written");
        files.push(file.into_inner());
    }
    let limits = Limits { max_memory_bytes: 64 << 20, max_pixels: 4_000_000, ..Limits::default() };
    files.extend(common::variants().into_iter().map(|(_, file, _)| file));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (index, sound) in files.iter().enumerate() {
        assert!(codec::read(sound, &limits).is_ok(), "file {index}");
        for round in 0..400 {
            let mut file = sound.clone();
            if usize::is_multiple_of(round, 3) {
                file.truncate(random.below(file.len()));
            }
            // Headers lie in front: half of the damage goes there.
            let reach = if usize::is_multiple_of(round, 2) { file.len() } else { file.len().min(64) };
            for _ in 0..random.below(4) {
                if reach > 0 {
                    let at = random.below(reach);
                    file[at] ^= 1 << random.below(8);
                }
            }
            let _ = codec::read(&file, &limits);
        }
    }
}
