//! The variants of TIFF that cameras, scanners and laboratories write.

mod common;

use common::{tiff, variants};
use pixels::Image;
use pixels::codec::{self, ErrorKind, Limit, Limits};
use pixels::space::Srgb8;

fn read(bytes: &[u8]) -> Result<codec::Photo, codec::Error> {
    codec::read(bytes, &Limits::default())
}

#[test]
fn every_variant_shows_its_picture() {
    for (name, file, expected) in variants() {
        let photo = read(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((photo.image.width(), photo.image.height()), (4, 2), "{name}");
        let alpha = |i: usize| photo.alpha.as_ref().map_or(255, |alpha| alpha.pixels()[i]);
        for (i, (found, expected)) in photo.image.pixels().iter().zip(&expected).enumerate() {
            let found = [found[0], found[1], found[2], alpha(i)];
            let close = found.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 1);
            assert!(close, "{name}: pixel {i} is {found:?}, not {expected:?}");
        }
    }
}

#[test]
fn big_endian_files_show_the_same() {
    // One pixel of 16 bits, whose low byte would be nearly white.
    let little = tiff(1, 1, &[(258, &[16]), (262, &[1])], &[vec![0xff, 0x10]], None);
    let mut big = b"MM\0*\0\0\0\x0a\x10\xff".to_vec();
    let entries = [(256_u16, 1_u16), (257, 1), (258, 16), (262, 1), (273, 8), (278, 1), (279, 2)];
    big.extend((entries.len() as u16).to_be_bytes());
    for (tag, value) in entries {
        big.extend(tag.to_be_bytes().into_iter().chain([0, 3, 0, 0, 0, 1]).chain(value.to_be_bytes()).chain([0, 0]));
    }
    big.extend([0; 4]);
    let [little, big] = [little, big].map(|file| read(&file).expect("a sound file").image.at(0, 0));
    assert_eq!((little, big), ([0x11; 3], [0x11; 3]));
}

#[test]
fn jpeg_inside_keeps_its_colours() {
    let image = Image::<Srgb8>::from_fn(32, 16, |x, y| [(x * 8) as u8, (y * 16) as u8, 128]);
    let jpeg = codec::write(&image, None, codec::Format::Jpeg, 95).expect("written");
    let file = tiff(32, 16, &[(258, &[8; 3]), (259, &[7]), (262, &[6]), (277, &[3])], &[jpeg], None);
    let found = read(&file).expect("a sound file").image;
    let pairs = found.pixels().as_flattened().iter().zip(image.pixels().as_flattened());
    let worst = pairs.map(|(a, b)| a.abs_diff(*b)).max().expect("pixels");
    assert!(worst <= 12, "{worst}");
}

#[test]
fn what_is_not_read_is_named_in_plain_words() {
    let gray: [(u16, &[u32]); 2] = [(258, &[8]), (262, &[1])];
    for (tags, words) in [
        (&[(259_u16, &[6_u32][..])][..], "JPEG compression of the old kind"),
        (&[(259, &[34887])], "LERC"),
        (&[(259, &[4711])], "compression number 4711"),
        (&[(262, &[8]), (258, &[8; 3]), (277, &[3])], "CIE Lab"),
        (&[(262, &[32803])], "these colours"),
        (&[(258, &[5, 6, 5]), (262, &[2]), (277, &[3])], "samples of several kinds"),
        (&[(258, &[24])], "samples of 24 bits"),
        (&[(339, &[2])], "signed samples"),
        (&[(258, &[4]), (317, &[2])], "differences of samples of 4 bits"),
    ] {
        let all: Vec<(u16, &[u32])> = gray.iter().chain(tags).copied().collect();
        let error = read(&tiff(4, 2, &all, &[vec![0; 64]], None)).expect_err(words);
        let text = error.to_string();
        assert!(error.kind() == ErrorKind::Unsupported && text.contains(words), "{words}: {text}");
        assert!(!text.contains(['(', '{', '`', ':']), "a name of the program in: {text}");
    }
}

#[test]
fn damaged_directories_are_refused() {
    let gray: [(u16, &[u32]); 2] = [(258, &[8]), (262, &[1])];
    for tags in [
        &[(278_u16, &[0_u32][..])][..],
        &[(277, &[0])],
        &[(322, &[0]), (323, &[16])],
        &[(262, &[3]), (320, &[1, 2, 3])],
        &[(273, &[4_000_000_000])],
        &[(279, &[3])],
    ] {
        let all: Vec<(u16, &[u32])> = gray.iter().chain(tags).copied().collect();
        let error = read(&tiff(4, 2, &all, &[vec![7; 8]], None)).expect_err("damaged");
        assert_eq!(error.kind(), ErrorKind::Broken, "{tags:?}: {error}");
    }
    let huge = tiff(4, 2, &[(258, &[8]), (262, &[1]), (322, &[1 << 31]), (323, &[1 << 31])], &[vec![7; 8]], None);
    assert_eq!(read(&huge).expect_err("huge").kind(), ErrorKind::TooLarge(Limit::Memory));
}
