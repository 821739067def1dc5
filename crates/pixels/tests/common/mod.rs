//! TIFF files made byte by byte (TIFF 6.0, section 2), and a list of their variants with what they show.

use std::collections::BTreeMap;

/// A little-endian TIFF of one page with these tags, whose values become SHORT or LONG, and these strips, or tiles
/// where the tags speak of tiles. One strip holds all rows unless the tags say otherwise.
pub(crate) fn tiff(width: u32, height: u32, tags: &[(u16, &[u32])], strips: &[Vec<u8>], icc: Option<&[u8]>) -> Vec<u8> {
    let mut file = b"II*\0\0\0\0\0".to_vec();
    let mut append = |bytes: &[u8]| {
        let at = file.len() as u32;
        file.extend(bytes);
        file.resize(file.len().next_multiple_of(2), 0);
        at
    };
    let offsets: Vec<u32> = strips.iter().map(|strip| append(strip)).collect();
    let counts: Vec<u32> = strips.iter().map(|strip| strip.len() as u32).collect();
    let [places, lengths] = if tags.iter().any(|(tag, _)| *tag == 322) { [324, 325] } else { [273, 279] };
    let (size, all) = ([[width], [height]], [height]);
    let own: [(u16, &[u32]); 5] =
        [(256, &size[0]), (257, &size[1]), (278, &all), (places, &offsets), (lengths, &counts)];
    let values: BTreeMap<u16, &[u32]> = own.into_iter().chain(tags.iter().copied()).collect();
    let mut entries: BTreeMap<u16, (u16, u32, Vec<u8>)> = values
        .into_iter()
        .map(|(tag, values)| {
            let short = values.iter().all(|&v| v < 65536);
            let bytes = |v: &u32| v.to_le_bytes()[..if short { 2 } else { 4 }].to_vec();
            (tag, (if short { 3 } else { 4 }, values.len() as u32, values.iter().flat_map(bytes).collect()))
        })
        .collect();
    if let Some(icc) = icc {
        entries.insert(34675, (7, icc.len() as u32, icc.to_vec()));
    }
    let mut directory = (entries.len() as u16).to_le_bytes().to_vec();
    for (tag, (kind, count, mut bytes)) in entries {
        if bytes.len() > 4 {
            bytes = append(&bytes).to_le_bytes().to_vec();
        }
        bytes.resize(4, 0);
        directory.extend(tag.to_le_bytes().into_iter().chain(kind.to_le_bytes()).chain(count.to_le_bytes()));
        directory.extend(bytes);
    }
    directory.extend([0; 4]);
    let at = append(&directory);
    file[4..8].copy_from_slice(&at.to_le_bytes());
    file
}

/// A name, a file of 4×2 pixels, and its pixels: red, green, blue and opacity.
pub(crate) type Variant = (&'static str, Vec<u8>, Vec<[u8; 4]>);

/// The variants that are read.
pub(crate) fn variants() -> Vec<Variant> {
    let of = |tags: &[(u16, &[u32])], strip: &[u8]| tiff(4, 2, tags, &[strip.to_vec()], None);
    let gray = |levels: [u8; 8]| levels.map(|v| [v, v, v, 255]).to_vec();
    let zlib = |bytes: &[u8]| {
        let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut out, bytes).expect("into memory");
        out.finish().expect("into memory")
    };
    let ramp = gray([0, 17, 34, 51, 204, 221, 238, 255]);
    let thirds = gray([0, 85, 170, 255, 255, 170, 85, 0]);
    let stripes = gray([255, 0, 0, 255, 0, 255, 255, 255]);
    let floats = |levels: [f32; 8]| levels.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    // Colours of a palette of 16: the first four, in 16 bits, reds first.
    let mut palette = [0_u32; 48];
    for (i, rgb) in [[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]].into_iter().enumerate() {
        (0..3).for_each(|channel| palette[16 * channel + i] = rgb[channel] * 257);
    }
    let small_palette = palette.map(|v| v / 257);
    let colors = [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [10, 20, 30, 255]].repeat(2);
    let rgb: Vec<u8> = colors.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
    let rgbx: Vec<u8> = colors.iter().flat_map(|&[r, g, b, _]| [r, g, b, 77]).collect();
    let differences = |row: &[u8], samples: usize| {
        (0..row.len()).map(|i| if i < samples { row[i] } else { row[i].wrapping_sub(row[i - samples]) }).collect()
    };
    let rows_of_differences: Vec<u8> = rgbx.chunks(16).flat_map(|row| -> Vec<u8> { differences(row, 4) }).collect();
    let plane = |channel: usize| rgb.iter().skip(channel).step_by(3).copied().collect::<Vec<u8>>();
    let half_opaque = [[200, 100, 40, 51]; 8].to_vec();
    let premultiplied = [40, 20, 8, 51].repeat(8);
    let premultiplied16: Vec<u8> = premultiplied.iter().flat_map(|&v| [v, v]).collect();
    // A line end, four white; a line end, no white, one black, three white; a line end.
    let group3 = bits("000000000001 1011 000000000001 00110101 010 1000 000000000001");
    vec![
        ("grey, 1 bit, white is zero", of(&[(258, &[1]), (262, &[0])], &[0x60, 0x80]), stripes.clone()),
        ("grey, 2 bits", of(&[(258, &[2]), (262, &[1])], &[0x1b, 0xe4]), thirds.clone()),
        ("grey, 4 bits", of(&[(258, &[4]), (262, &[1])], &[0x01, 0x23, 0xcd, 0xef]), ramp.clone()),
        (
            "grey, 12 bits",
            of(&[(258, &[12]), (262, &[1])], &[0, 1, 0x11, 0x22, 0x23, 0x33, 0xcc, 0xcd, 0xdd, 0xee, 0xef, 0xff]),
            ramp.clone(),
        ),
        (
            "grey, 16 bits",
            of(&[(258, &[16]), (262, &[1])], &[0, 17, 34, 51, 204, 221, 238, 255].map(|v| [v, v]).concat()),
            ramp.clone(),
        ),
        (
            "grey, floating point",
            of(
                &[(258, &[32]), (262, &[1]), (339, &[3])],
                &floats([0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0, 7.0, 2.0 / 3.0, 1.0 / 3.0, -1.0]),
            ),
            thirds.clone(),
        ),
        (
            "grey, floating point of 16 bits",
            of(
                &[(258, &[16]), (262, &[1]), (339, &[3])],
                &[0_u16, 0x3555, 0x3955, 0x3c00, 0x3c00, 0x3955, 0x3555, 0].map(u16::to_le_bytes).concat(),
            ),
            thirds.clone(),
        ),
        (
            "grey and opacity",
            of(&[(258, &[8; 2]), (262, &[1]), (277, &[2]), (338, &[2])], &[90, 51].repeat(8)),
            [[90, 90, 90, 51]; 8].to_vec(),
        ),
        (
            "palette, 4 bits",
            of(&[(258, &[4]), (262, &[3]), (320, &palette)], &[0x01, 0x23, 0x01, 0x23]),
            colors.clone(),
        ),
        (
            "palette of 8-bit colours",
            of(&[(258, &[4]), (262, &[3]), (320, &small_palette)], &[0x01, 0x23, 0x01, 0x23]),
            colors.clone(),
        ),
        (
            "associated opacity",
            of(&[(258, &[8; 4]), (262, &[2]), (277, &[4]), (338, &[1])], &premultiplied),
            half_opaque.clone(),
        ),
        (
            "associated opacity, 16 bits",
            of(&[(258, &[16; 4]), (262, &[2]), (277, &[4]), (338, &[1])], &premultiplied16),
            half_opaque,
        ),
        (
            "a further sample and differences",
            of(
                &[(258, &[8; 4]), (259, &[8]), (262, &[2]), (277, &[4]), (317, &[2]), (338, &[0])],
                &zlib(&rows_of_differences),
            ),
            colors.clone(),
        ),
        (
            "planes",
            tiff(4, 2, &[(258, &[8; 3]), (262, &[2]), (277, &[3]), (284, &[2])], &[plane(0), plane(1), plane(2)], None),
            colors.clone(),
        ),
        (
            "tiles that reach beyond the picture",
            tiff(
                4,
                2,
                &[(258, &[8; 3]), (262, &[2]), (277, &[3]), (322, &[3]), (323, &[16])],
                &[0, 3].map(|x| {
                    let pixel = |i: usize| {
                        rgb.get(12 * (i / 3) + 3 * (x + i % 3)..)
                            .map_or([9; 3], |p| if x + i % 3 < 4 && i < 6 { [p[0], p[1], p[2]] } else { [9; 3] })
                    };
                    (0..48).flat_map(pixel).collect()
                }),
                None,
            ),
            colors.clone(),
        ),
        (
            "chroma for blocks of four",
            of(
                &[(258, &[8; 3]), (262, &[6]), (277, &[3]), (530, &[2, 2])],
                // Two blocks: grey with four levels, and BT.601's red at half its light.
                &[0, 85, 170, 255, 128, 128, 76, 76, 76, 76, 85, 255],
            ),
            [0, 85, 170, 255]
                .chunks(2)
                .flat_map(|pair| [[pair[0]; 3], [pair[1]; 3], [254, 0, 0], [254, 0, 0]])
                .map(|[r, g, b]| [r, g, b, 255])
                .collect(),
        ),
        ("Zstandard", of(&[(258, &[8; 3]), (259, &[50000]), (262, &[2]), (277, &[3])], &zstd(&rgb)), colors.clone()),
        (
            "PackBits",
            of(&[(258, &[8; 3]), (259, &[32773]), (262, &[2]), (277, &[3])], &[&[23][..], &rgb].concat()),
            colors,
        ),
        ("fax, Group 3", of(&[(259, &[3]), (262, &[0])], &group3), gray([255, 255, 255, 255, 0, 255, 255, 255])),
        ("fax, Group 4", of(&[(259, &[4]), (262, &[0])], &group4(&[[0, 1, 1, 0], [1, 0, 0, 0]])), stripes.clone()),
        ("bits the other way round", of(&[(258, &[1]), (262, &[0]), (266, &[2])], &[0x06, 0x01]), stripes),
    ]
}

/// Bytes from a text of zeros and ones.
fn bits(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
    digits.chunks(8).map(|byte| byte.iter().enumerate().map(|(i, bit)| bit << (7 - i)).sum()).collect()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Uncompressed)
}

/// 1 is black.
fn group4(rows: &[[u8; 4]]) -> Vec<u8> {
    let mut encoder = fax::encoder::Encoder::new(fax::VecWriter::new());
    for row in rows {
        let pels = row.iter().map(|&v| if v == 1 { fax::Color::Black } else { fax::Color::White });
        encoder.encode_line(pels, 4).expect("into memory");
    }
    encoder.finish().expect("into memory").finish()
}
