use super::super::graph::Attribute::{Int, Ints, Text};
use super::super::graph::{Dimension, Graph as Written, Numbers};
use super::*;
use crate::ErrorKind;
use crate::proto::Message;

const ANY: [Dimension; 4] = [Dimension::Is(1), Dimension::Is(3), Dimension::Named("height"), Dimension::Named("width")];

/// A graph whose painting is made by `make` from the photo.
fn written(make: impl FnOnce(&mut Written) -> String) -> Vec<u8> {
    let mut graph = Written::default();
    graph.input("photo", Numbers::Float, &ANY);
    let painting = make(&mut graph);
    graph.output("painting", &painting, Numbers::Float, &ANY);
    graph.finish("foreign", &[])
}

fn tanh(graph: &mut Written) -> String {
    graph.make("Tanh", &["photo"], &[])
}

fn read(onnx: Vec<u8>) -> Result<Takes, Error> {
    Graph::new(onnx, &Wishes::default()).map(|graph| graph.takes)
}

/// What a graph is refused for.
fn refused(make: impl FnOnce(&mut Written) -> String) -> String {
    let error = read(written(make)).expect_err("it must be refused");
    assert_eq!(error.kind(), ErrorKind::File);
    error.to_string()
}

#[test]
fn what_a_graph_takes_is_read_off_it() {
    let takes = read(written(tanh)).unwrap();
    assert_eq!((takes.range, takes.layout, takes.size), (Range::Signed, Layout::Nchw, None));

    let mut graph = Written::default();
    let sizes = [Dimension::Is(1), Dimension::Is(32), Dimension::Is(48), Dimension::Is(3)];
    graph.input("photo", Numbers::Bytes, &sizes);
    let number = graph.cast("photo", Numbers::Float);
    let planes = graph.make("Transpose", &[&number], &[("perm", Ints(&[0, 3, 1, 2]))]);
    let painting = graph.clip(&planes, 0.0, 1.0);
    let painting = graph.make("Transpose", &[&painting], &[("perm", Ints(&[0, 2, 3, 1]))]);
    graph.output("painting", &painting, Numbers::Float, &sizes);
    let takes = read(graph.finish("foreign", &[])).unwrap();
    assert_eq!((takes.range, takes.layout), (Range::Unit, Layout::Nhwc));
    assert_eq!((takes.size, takes.bytes), (Some((48, 32)), (true, false)));
    assert_eq!(Takes::read(&takes.write()), Ok(takes));
    for broken in ["", "signed", "signed nchw rgb 0", "signed nchw rgb x", "loud nchw rgb 1"] {
        assert!(Takes::read(broken).is_err(), "{broken}");
    }
}

#[test]
fn what_cannot_be_read_off_must_be_said() {
    let raw = written(|graph| graph.affine("photo", 2.0, 0.5));
    assert!(read(raw.clone()).unwrap_err().to_string().contains("--range"));
    let wishes = Wishes { range: Some(Range::Levels), multiple: Some(8), ..Wishes::default() };
    let takes = Graph::new(raw.clone(), &wishes).unwrap().takes;
    assert_eq!((takes.range, takes.multiple), (Range::Levels, 8));
    assert!(Graph::new(raw, &Wishes { multiple: Some(0), ..wishes }).is_err());
}

#[test]
fn a_cut_file_is_refused_wherever_it_was_cut() {
    let whole = written(|graph| {
        let weights = graph.floats(&[3, 3, 1, 1], &[0.5; 9]);
        let x = graph.make("Conv", &["photo", &weights], &[("kernel_shape", Ints(&[1, 1]))]);
        graph.make("Tanh", &[&x], &[])
    });
    assert_eq!(Graph::new(whole.clone(), &Wishes::default()).unwrap().parameters(), 9);
    // Behind the graph stands what version its operators are of, which a file may lack.
    let graph_ends = whole.len() - 4;
    for length in 0..graph_ends {
        assert!(read(whole[..length].to_vec()).is_err(), "cut at {length}");
    }
}

#[test]
fn other_files_are_never_read() {
    let mut tensor = Message::default();
    tensor.number(1, 9).number(2, 1).bytes(8, "weights");
    let entry = |key: &str, value: &str| {
        let mut entry = Message::default();
        entry.bytes(1, key).bytes(2, value);
        entry
    };
    tensor.bytes(13, entry("location", "../../etc/passwd")).number(14, 1);
    let mut graph = Message::default();
    graph.bytes(5, tensor);
    let mut model = Message::default();
    model.number(1, 8).bytes(7, graph);
    let complaint = read(model.as_ref().to_vec()).unwrap_err().to_string();
    assert!(complaint.contains("lies in another file") && complaint.contains("weights"), "{complaint}");
}

#[test]
fn giant_shapes_are_refused() {
    // A tensor that says it holds more than it does, and one beyond any network.
    let says = |sizes: [i64; 2]| {
        let mut tensor = Message::default();
        sizes.iter().for_each(|&size| _ = tensor.number(1, size));
        tensor.number(2, 1).bytes(8, "weights").bytes(9, [0; 16]);
        let mut graph = Message::default();
        graph.bytes(5, tensor);
        let mut model = Message::default();
        model.number(1, 8).bytes(7, graph);
        read(model.as_ref().to_vec()).unwrap_err().to_string()
    };
    assert!(says([3, 3]).contains("holds 4 numbers"));
    assert!(says([i64::MAX, 2]).contains("beyond the limit"));
    assert!(says([1 << 40, 1 << 40]).contains("beyond the limit"));
    assert!(says([-1, 4]).contains("beyond the limit"));

    let wide = Dimension::Is(1 << 30);
    let mut graph = Written::default();
    graph.input("photo", Numbers::Float, &[Dimension::Is(1), Dimension::Is(3), wide, wide]);
    let painting = tanh(&mut graph);
    graph.output("painting", &painting, Numbers::Float, &ANY);
    assert!(read(graph.finish("foreign", &[])).unwrap_err().to_string().contains("8192 px a side"));

    let resize = |graph: &mut Written, x: &str| {
        let scales = graph.floats(&[4], &[1.0, 1.0, 8.0, 8.0]);
        graph.make("Resize", &[x, "", &scales], &[("mode", Text("nearest"))])
    };
    let thrice = |graph: &mut Written| (0..3).fold("photo".to_owned(), |x, _| resize(graph, &x));
    assert!(refused(thrice).contains("times as large as the picture"));
    let twice_itself = |graph: &mut Written| (0..12).fold("photo".to_owned(), |x, _| graph.concat(&[&x, &x], 1));
    assert!(refused(twice_itself).contains("times as large as the picture"));
    let squared = |graph: &mut Written| graph.two("MatMul", "photo", "photo");
    assert!(refused(squared).contains("multiplies two maps"));
    let along = |graph: &mut Written| {
        let [column, row] = [[-1, 1], [1, -1]].map(|sizes| graph.reshape("photo", &sizes));
        graph.two("Add", &column, &row)
    };
    assert!(refused(along).contains("repeats two maps along each other"));
    let wild = |graph: &mut Written| {
        let flat = graph.floats(&[4], &[0.5; 4]);
        let flat = graph.reshape(&flat, &[-1, i64::MAX, i64::MAX, 8192]);
        graph.two("Add", "photo", &flat)
    };
    assert!(refused(wild).contains("repeats two maps"));
    let constants = |graph: &mut Written| {
        let [column, row] = [[20_000, 1], [1, 20_000]].map(|sizes| graph.floats(&sizes, &[0.5; 20_000]));
        graph.two("Mul", &column, &row)
    };
    assert!(refused(constants).contains("would hold 400000000 numbers"));
    let many = |graph: &mut Written| {
        let weights = graph.floats(&[3000, 1, 1], &[0.5; 3000]);
        let column = graph.reshape("photo", &[-1, 1]);
        graph.two("MatMul", &column, &weights)
    };
    assert!(refused(many).contains("3000 times as large as the picture"));
    assert!(refused(|graph| graph.pad_by("photo", 1 << 20, 1, "edge")).contains("8192"));
    let sized = |graph: &mut Written| {
        let sizes = graph.ints(&[1, 3, 1 << 20, 1 << 20]);
        graph.make("Resize", &["photo", "", "", &sizes], &[])
    };
    assert!(refused(sized).contains("the limit is 8192"));
    let wide = |graph: &mut Written| {
        let weights = graph.floats(&[3, 3, 1, 1], &[0.5; 9]);
        graph.make("Conv", &["photo", &weights], &[("pads", Ints(&[0, 0, 1 << 30, 0]))])
    };
    assert!(refused(wide).contains("pads of 1073741824"));
    let computed = |graph: &mut Written| graph.make("Conv", &["photo", "photo"], &[("group", Int(1))]);
    assert!(refused(computed).contains("no constants"));
}

#[test]
fn circles_loops_and_what_is_foreign_are_refused() {
    assert!(refused(|graph| graph.two("Add", "photo", "painting")).contains("runs in a circle"));
    assert!(refused(|graph| graph.make("Loop", &["photo"], &[])).contains("\"Loop\""));
    assert!(refused(|graph| graph.make("ConstantOfShape", &["photo"], &[])).contains("does not run"));
    let ramp = |graph: &mut Written| {
        let [zero, end, one] = [0.0, 1e12, 1.0].map(|number| graph.scalar(number));
        graph.make("Range", &[&zero, &end, &one], &[])
    };
    assert!(refused(ramp).contains("\"Range\""));
    assert!(refused(|_| "nothing".to_owned()).contains("before anything makes it"));
}

#[test]
fn nodes_lose_their_names_and_nothing_else() {
    let graph = Graph::new(written(tanh), &Wishes::default()).unwrap();
    let nameless = graph.with_nameless_nodes().unwrap();
    let named = |bytes: &[u8]| bytes.windows(5).any(|word| word == b"/Tanh");
    assert!(named(&graph.onnx) && !named(&nameless));
    assert!(nameless.len() < graph.onnx.len());
    assert_eq!(read(nameless), Ok(graph.takes));
}
