use super::*;
use std::io::Write;

/// Writes pickles as Python does, protocol 2.
#[derive(Default)]
struct Pickle(Vec<u8>);

impl Pickle {
    fn new() -> Self {
        Self(vec![0x80, 2])
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.raw(b"X").raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }

    fn number(self, number: i32) -> Self {
        self.raw(b"J").raw(&number.to_le_bytes())
    }

    fn numbers(self, numbers: &[i32]) -> Self {
        numbers.iter().fold(self.raw(b"("), |pickle, &number| pickle.number(number)).raw(b"t")
    }

    /// A tensor as `torch._utils._rebuild_tensor_v2` builds it, of a storage of `count` numbers.
    fn tensor(self, class: &str, key: &str, count: i32, offset: i32, shape: &[i32], strides: &[i32]) -> Self {
        self.raw(b"ctorch._utils\n_rebuild_tensor_v2\n((")
            .text("storage")
            .raw(format!("ctorch\n{class}\n").as_bytes())
            .text(key)
            .text("cpu")
            .number(count)
            .raw(b"tQ")
            .number(offset)
            .numbers(shape)
            .numbers(strides)
            .raw(b"\x89ccollections\nOrderedDict\n)RtR")
    }

    fn end(self) -> Vec<u8> {
        self.raw(b".").0
    }
}

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in entries {
        writer.start_file(*name, stored).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn refused(bytes: &[u8]) -> String {
    let error = read(bytes).expect_err("it must be refused");
    assert_eq!(error.kind(), crate::ErrorKind::File);
    error.to_string()
}

/// An archive around a pickle, with a storage "0" of six floats.
fn around(pickle: Vec<u8>) -> Vec<u8> {
    archive(&[
        ("archive/data.pkl", &pickle),
        ("archive/byteorder", b"little"),
        ("archive/data/0", &floats(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])),
    ])
}

/// {"generator": {"a": the transpose of a 2×3 tensor, "steps": 7}, "epoch": 3, "half": …}
fn checkpoint() -> Vec<u8> {
    Pickle::new()
        .raw(b"}(")
        .text("generator")
        .raw(b"ccollections\nOrderedDict\n)R(")
        .text("a")
        .tensor("FloatStorage", "0", 6, 0, &[3, 2], &[1, 3])
        .text("b")
        .tensor("FloatStorage", "0", 6, 4, &[2], &[1])
        .text("steps")
        .tensor("LongStorage", "2", 1, 0, &[], &[])
        .raw(b"u}b")
        .text("epoch")
        .number(3)
        .text("half")
        .tensor("HalfStorage", "1", 2, 0, &[2], &[1])
        .raw(b"u")
        .end()
}

fn halves() -> Vec<u8> {
    [0.5, -2.0].into_iter().flat_map(|number| f16::from_f32(number).to_le_bytes()).collect()
}

fn expected() -> Weights {
    Weights::from([
        ("generator.a".to_owned(), Tensor::new(&[3, 2], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0])),
        ("generator.b".to_owned(), Tensor::new(&[2], vec![4.0, 5.0])),
        ("half".to_owned(), Tensor::new(&[2], vec![0.5, -2.0])),
    ])
}

#[test]
fn tensors_are_read_whatever_they_lie_in() {
    let entries: [(&str, &[u8]); 4] = [
        ("x/data.pkl", &checkpoint()),
        ("x/data/0", &floats(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])),
        ("x/data/1", &halves()),
        ("x/data/2", &[0; 8]),
    ];
    let bytes = archive(&entries);
    assert!(is_checkpoint(&bytes));
    assert_eq!(read(&bytes), Ok(expected()));
}

/// As PyTorch before 1.6 wrote them.
fn old_layout() -> Vec<u8> {
    let mut bytes = Pickle::new().raw(&[0x8a, 10]).raw(&MAGIC).end();
    bytes.extend(Pickle::new().raw(b"M\xe9\x03").end());
    bytes.extend(Pickle::new().raw(b"}").text("little_endian").raw(b"\x88s").end());
    bytes.extend(checkpoint());
    bytes.extend(Pickle::new().raw(b"](").text("0").text("1").text("2").raw(b"e").end());
    for (count, numbers) in [(6_u64, floats(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])), (2, halves()), (1, vec![0; 8])] {
        bytes.extend(count.to_le_bytes());
        bytes.extend(numbers);
    }
    bytes
}

#[test]
fn the_old_layout_is_read_too() {
    assert!(is_checkpoint(&old_layout()));
    assert_eq!(read(&old_layout()), Ok(expected()));
}

#[test]
fn nothing_is_run() {
    // What `os.system("touch /tmp/owned")` looks like, in both ways that pickles name things.
    let system = Pickle::new().raw(b"cposix\nsystem\n").text("touch /tmp/owned").raw(b"\x85R").end();
    assert!(refused(&around(system)).contains("wants to use \"posix.system\""));
    let stacked = Pickle::new().text("builtins").text("eval").raw(b"\x93").text("1").raw(b"\x85R").end();
    assert!(refused(&around(stacked)).contains("\"builtins.eval\""));
    // Objects, extension codes, instances.
    for code in [b'i', b'o', 0x81, 0x82, 0x92, b'P'] {
        assert!(refused(&around(Pickle::new().raw(&[code]).end())).contains("only tensors and containers"));
    }
    // A known name called with what it does not take.
    let odd = Pickle::new().raw(b"ctorch._utils\n_rebuild_tensor_v2\n").numbers(&[1, 2, 3, 4]).raw(b"R").end();
    assert!(refused(&around(odd)).contains("broken"));
}

#[test]
fn tensors_are_no_larger_than_what_the_file_holds() {
    let tensor = |count, offset, shape: &[i32], strides: &[i32]| {
        around(
            Pickle::new()
                .raw(b"}")
                .text("a")
                .tensor("FloatStorage", "0", count, offset, shape, strides)
                .raw(b"s")
                .end(),
        )
    };
    assert_eq!(read(&tensor(6, 1, &[2, 2], &[2, 1])).unwrap()["a"].data, [1.0, 2.0, 3.0, 4.0]);
    assert!(refused(&tensor(6, 0, &[7], &[1])).contains("beyond the numbers"));
    assert!(refused(&tensor(6, 3, &[4], &[1])).contains("beyond the numbers"));
    assert!(refused(&tensor(6, 0, &[2], &[i32::MAX])).contains("beyond the numbers"));
    // Strides of zero make much of little; sides whose product cannot be counted.
    assert!(refused(&tensor(6, 0, &[1 << 14, 1 << 14], &[0, 0])).contains("hold more than"));
    assert!(refused(&tensor(6, 0, &[i32::MAX; 4], &[0; 4])).contains("hold more than"));
    assert!(refused(&tensor(6, 0, &[-1], &[1])).contains("broken"));
    assert!(refused(&tensor(-6, 0, &[1], &[1])).contains("broken"));
    assert!(refused(&tensor(6, 0, &[1, 1], &[1])).contains("broken"));
}

#[test]
fn containers_that_hold_themselves_come_to_an_end() {
    // {"a": itself}
    let itself = Pickle::new().raw(b"}q\x00").text("a").raw(b"h\x00s").end();
    assert!(refused(&around(itself)).contains("too deep"));
    // Eight dictionaries, each holding the next a hundred times: 10¹⁶ entries.
    let mut laughs = Pickle::new();
    for level in 0..8_u8 {
        laughs = laughs.raw(b"}(");
        for entry in 0..100 {
            laughs = laughs.text(&entry.to_string());
            laughs = if level == 0 { laughs.raw(b"N") } else { laughs.raw(&[b'h', level - 1]) };
        }
        laughs = laughs.raw(&[b'u', b'q', level]);
    }
    assert!(refused(&around(laughs.end())).contains("hold too much"));
    // A pickle that makes value after value.
    let many = Pickle::new().raw(&[b'N'].repeat((1 << 20) + 1)).end();
    assert!(refused(&around(many)).contains("more than 1048576 values"));
}

#[test]
fn archives_that_point_elsewhere_or_were_cut_are_refused() {
    let pickle = checkpoint();
    for name in ["../data.pkl", "/data.pkl", "x/../../data.pkl", "x\\..\\data.pkl"] {
        assert!(refused(&archive(&[(name, &pickle)])).contains("outside of itself"), "{name}");
    }
    // A key of a storage is looked up among the entries and never becomes a path.
    let outside =
        Pickle::new().raw(b"}").text("a").tensor("FloatStorage", "../../etc/passwd", 1, 0, &[1], &[1]).raw(b"s");
    assert!(refused(&around(outside.end())).contains("archive is broken"));
    assert!(refused(&archive(&[("x/other", &pickle)])).contains("no data.pkl"));
    assert!(refused(&archive(&[("x/data.pkl", &pickle), ("x/byteorder", b"big")])).contains("big-endian"));
    let whole = around(pickle);
    for length in (4..whole.len()).step_by(7) {
        refused(&whole[..length]);
    }
    let old = old_layout();
    for length in 1..old.len() {
        refused(&old[..length]);
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for good in [around(checkpoint()), old_layout()] {
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                bytes[at] = random(256) as u8;
            }
            let _ = read(&bytes);
        }
    }
}
