"""Imports ONNX graphs of the families that people bring, and compares what kaiga paints with what ONNX Runtime computes.

A graph of each family is written here with random weights, as its converters write them: AnimeGANv3 (TensorFlow: pixel after
pixel, instance norms out of single operators, resizing to computed sizes), white-box cartoon (pixel after pixel, resizing by
factors, no last activation, sides divisible by 4), CartoonGAN (PyTorch: planes, blue first, mirrored borders, instance norms,
transposed convolutions), AnimeGANv2 of one size (planes, layer norms, a fixed 256×192), and one that takes bytes and gives levels. Each
is imported by `kaiga import`; photos are painted by `kaiga -n NAME` and by ONNX Runtime: at most 1e-3 of the range apart, and half
a level more, because kaiga's painting is rounded to levels.
Then every look that kaiga exports comes back in, as a graph of any size and one of one size, and is painted by the engine for graphs
of others: beside ONNX Runtime as above, and beside kaiga's own painting, which is rounded too: at most one level apart. Each look at
one of three sizes, and one look as a graph of that size; with ALL_SIZES=1 in the environment all looks, sizes and graphs.
Needs: pip install numpy onnx onnxruntime pillow
Usage: graphs.py KAIGA PHOTO WORK_DIR
"""
import json
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from cut import cut

SIZES = [(384, 336), (397, 331)]   # one divisible by 16, one by nothing; both above 0.12 megapixels
LOOK_SIZES = [(512, 384), (387, 333), (640, 427)]
TOLERANCE, HALF_LEVEL = 1e-3, 0.5 / 255


class Graph:
    """A graph being written."""

    def __init__(self, seed):
        self.nodes, self.tensors, self.random = [], [], np.random.default_rng(seed)

    def constant(self, numbers, kind=np.float32):
        self.tensors.append(numpy_helper.from_array(np.asarray(numbers, kind), f"c{len(self.tensors)}"))
        return self.tensors[-1].name

    def make(self, kind, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def weights(self, *shape):
        return self.constant(self.random.normal(0, np.sqrt(1.5 / np.prod(shape[1:])), shape))

    def conv(self, x, cin, cout, kernel=3, stride=1, pad="Pad"):
        half = kernel // 2
        if pad == "Pad":   # mirrored, as PyTorch does
            x = self.make("Pad", x, self.constant([0, 0, half, half, 0, 0, half, half], np.int64), mode="reflect")
            return self.make("Conv", x, self.weights(cout, cin, kernel, kernel), strides=[stride] * 2, kernel_shape=[kernel] * 2)
        return self.make("Conv", x, self.weights(cout, cin, kernel, kernel), strides=[stride] * 2, kernel_shape=[kernel] * 2,
                         auto_pad="SAME_UPPER")

    def save(self, path, output, layout, taken=TensorProto.FLOAT, size=(None, None)):
        width, height = size
        shape = [1, 3, height, width] if layout == "nchw" else [1, height, width, 3]
        self.nodes.append(helper.make_node("Identity", [output], ["painting"]))
        graph = helper.make_graph(self.nodes, "foreign", [helper.make_tensor_value_info("photo", taken, shape)],
                                  [helper.make_tensor_value_info("painting", TensorProto.FLOAT, shape)], self.tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)


def animegan3(g):
    norm = lambda x, channels: g.make("Add", g.make("Mul", single_norm(g, x), g.constant(np.full((1, channels, 1, 1), 0.8))),
                                      g.constant(g.random.normal(0, 0.1, (1, channels, 1, 1))))
    planes = g.make("Transpose", "photo", perm=[0, 3, 1, 2])
    full = g.make("LeakyRelu", norm(g.conv(planes, 3, 16, 7, pad="same"), 16), alpha=0.2)
    half = g.make("LeakyRelu", norm(g.conv(full, 16, 32, stride=2, pad="same"), 32), alpha=0.2)
    x = g.make("LeakyRelu", norm(g.conv(half, 32, 32, pad="same"), 32), alpha=0.2)
    size = g.make("Slice", g.make("Shape", full), g.constant([2], np.int64), g.constant([4], np.int64))
    size = g.make("Concat", g.constant([1, 32], np.int64), size, axis=0)
    x = g.make("Resize", x, "", "", size, mode="linear", coordinate_transformation_mode="half_pixel")
    x = g.make("LeakyRelu", norm(g.conv(x, 32, 16, pad="same"), 16), alpha=0.2)
    return g.make("Transpose", g.make("Tanh", g.conv(x, 16, 3, 7, pad="same")), perm=[0, 2, 3, 1])


def single_norm(g, x):
    centred = g.make("Sub", x, g.make("ReduceMean", x, axes=[2, 3], keepdims=1))
    variance = g.make("ReduceMean", g.make("Mul", centred, centred), axes=[2, 3], keepdims=1)
    return g.make("Div", centred, g.make("Sqrt", g.make("Add", variance, g.constant(1e-5))))


def white_box(g):
    planes = g.make("Transpose", "photo", perm=[0, 3, 1, 2])
    act = lambda x: g.make("LeakyRelu", x, alpha=0.2)
    double = lambda x: g.make("Resize", x, "", g.constant([1, 1, 2, 2]), mode="linear",
                              coordinate_transformation_mode="half_pixel")
    full = act(g.conv(planes, 3, 16, 7, pad="same"))
    half = act(g.conv(act(g.conv(full, 16, 16, stride=2, pad="same")), 16, 32, pad="same"))
    x = act(g.conv(act(g.conv(half, 32, 32, stride=2, pad="same")), 32, 64, pad="same"))
    for _ in range(2):
        x = g.make("Add", x, g.conv(act(g.conv(x, 64, 64, pad="same")), 64, 64, pad="same"))
    x = act(g.conv(g.make("Add", double(act(g.conv(x, 64, 32, pad="same"))), half), 32, 32, pad="same"))
    x = act(g.conv(g.make("Add", double(act(g.conv(x, 32, 16, pad="same"))), full), 16, 16, pad="same"))
    return g.make("Transpose", g.make("Mul", g.conv(x, 16, 3, 7, pad="same"), g.constant(0.3)), perm=[0, 2, 3, 1])


def cartoon_gan(g):
    def norm(x, channels):
        return g.make("InstanceNormalization", x, g.constant(np.ones(channels)), g.constant(np.zeros(channels)), epsilon=1e-5)
    x = g.make("Relu", norm(g.conv("photo", 3, 16, 7), 16))
    x = g.make("Relu", norm(g.conv(x, 16, 32, stride=2), 32))
    x = g.make("Relu", norm(g.conv(x, 32, 64, stride=2), 64))
    for _ in range(2):
        x = g.make("Add", x, norm(g.conv(g.make("Relu", norm(g.conv(x, 64, 64), 64)), 64, 64), 64))
    for cin, cout in ((64, 32), (32, 16)):
        x = g.make("ConvTranspose", x, g.weights(cin, cout, 3, 3), strides=[2, 2], kernel_shape=[3, 3],
                   pads=[1, 1, 1, 1], output_padding=[1, 1])
        x = g.make("Relu", norm(x, cout))
    return g.make("Tanh", g.conv(x, 16, 3, 7))


def animegan2(g):
    def norm(x, channels, sizes):
        flat = g.make("Reshape", x, g.constant([1, 1, -1], np.int64))
        flat = g.make("InstanceNormalization", flat, g.constant([1.0]), g.constant([0.0]), epsilon=1e-5)
        return g.make("LeakyRelu", g.make("Reshape", flat, g.constant(sizes, np.int64)), alpha=0.2)
    x = norm(g.conv("photo", 3, 16, 7), 16, [1, 16, 192, 256])
    x = norm(g.conv(x, 16, 32, stride=2), 32, [1, 32, 96, 128])
    x = g.make("Resize", x, "", "", g.constant([1, 32, 192, 256], np.int64), mode="linear",
               coordinate_transformation_mode="align_corners")
    return g.make("Tanh", g.conv(norm(g.conv(x, 32, 16), 16, [1, 16, 192, 256]), 16, 3))


def from_bytes(g):
    x = g.make("Transpose", g.make("Cast", "photo", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    x = g.make("Relu", g.conv(g.make("Div", x, g.constant(255.0)), 3, 16))
    x = g.make("Clip", g.make("Mul", g.conv(x, 16, 3), g.constant(160.0)), g.constant(0.0), g.constant(255.0))
    return g.make("Transpose", x, perm=[0, 2, 3, 1])


# How it is written; layout, order and range; what import must be told; what it must find out.
FAMILIES = {
    "animegan3": (animegan3, "nhwc", "rgb", (), "signed nhwc rgb 1"),
    "white-box": (white_box, "nhwc", "rgb", ("--range", "signed"), "signed nhwc rgb 4"),
    "cartoongan": (cartoon_gan, "nchw", "bgr", ("--order", "bgr"), "signed nchw bgr 4"),
    "animegan2": (animegan2, "nchw", "rgb", (), "signed nchw rgb 1 256x192"),
    "bytes": (from_bytes, "nhwc", "rgb", (), "levels nhwc rgb 1 bytes-in"),
}


def main(kaiga, photo, work):
    os.makedirs(work, exist_ok=True)
    environment = dict(os.environ, XDG_DATA_HOME=os.path.abspath(os.path.join(work, "data")))
    run = lambda *arguments: subprocess.run([kaiga, *arguments], capture_output=True, text=True, env=environment)
    for seed, (name, (write, layout, order, told, found)) in enumerate(FAMILIES.items()):
        graph, path, fixed = Graph(seed), os.path.join(work, f"{name}.onnx"), "x" in found
        output = write(graph)
        graph.save(path, output, layout, TensorProto.UINT8 if name == "bytes" else TensorProto.FLOAT,
                   (256, 192) if fixed else (None, None))
        answer = run("import", path, "-n", name, "--replace", "--accept-licence", "--licence", "Not for sale", *told)
        assert answer.returncode == 0, f"{name}: {answer.stderr}"
        takes = json.loads(run("models", "show", name, "--json").stdout)["takes"]
        assert takes == found, f"{name}: found {takes!r}, expected {found!r}"
        multiple = int(found.split()[3])
        worst = max(compare(run, name, path, cut(photo, size, work), layout, order, multiple, work)
                    for size in ([(256, 192)] if fixed else SIZES))
        print(f"{name}: {found}; largest difference {worst * 255:.3f} levels", flush=True)
    large(run, photo, work)
    everything = bool(os.environ.get("ALL_SIZES"))
    for number, look in enumerate(("meadow", "skyglow", "storybook", "portrait", "cel", "manga")):
        sizes = LOOK_SIZES if everything else [LOOK_SIZES[number % 3]]
        graphs = [("any size", (), sizes)]
        graphs += [("%dx%d" % size, ("--size", "%dx%d" % size), [size]) for size in sizes if everything or look == "skyglow"]
        for which, form, sizes in graphs:
            beside = come_back(run, look, form, [cut(photo, size, work) for size in sizes], work)
            print(f"{look} of {which}, exported and imported: largest difference {beside}", flush=True)
    print("imported graphs paint as in ONNX Runtime")


def compare(run, name, path, photo, layout, order, multiple, work):
    pixels = np.asarray(Image.open(photo))
    height, width = pixels.shape[:2]
    out = os.path.join(work, "painting.png")
    answer = run(photo, "-n", name, "--faces", "off", "--crisp", "0", "--detail", "1", "-o", out)
    assert answer.returncode == 0, answer.stderr
    ours = np.asarray(Image.open(out)) / 255
    feed = np.pad(pixels, ((0, -height % multiple), (0, -width % multiple), (0, 0)), mode="edge")
    feed = feed[..., ::-1] if order == "bgr" else feed
    feed = feed if name == "bytes" else feed.astype(np.float32) / 127.5 - 1
    feed = np.ascontiguousarray((feed.transpose(2, 0, 1) if layout == "nchw" else feed)[None])
    theirs = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"photo": feed})[0][0]
    theirs = (theirs.transpose(1, 2, 0) if layout == "nchw" else theirs)[:height, :width]
    theirs = theirs[..., ::-1] if order == "bgr" else theirs
    theirs = theirs / 255 if name == "bytes" else np.clip(theirs / 2 + 0.5, 0, 1)
    assert ours.std() > 0.05, "a painting without contrast shows nothing"
    difference = np.abs(ours - theirs).max()
    assert difference <= TOLERANCE + HALF_LEVEL, f"{name} {photo}: {difference:.2e}"
    return difference


def come_back(run, look, form, photos, work):
    """Levels between what is painted with an exported look that was imported, and ONNX Runtime; and kaiga's own painting."""
    path, out = os.path.join(work, f"{look}.onnx"), os.path.join(work, "painting.png")
    for arguments in (("export", "-n", look, *form, "-o", path),
                      ("import", path, "-n", "back", "--replace", "--accept-licence", "--licence", "MIT", "--range", "unit")):
        answer = run(*arguments)
        assert answer.returncode == 0, f"{look} {form}: {answer.stderr}"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = [0, 0]
    for photo in photos:
        paintings = []
        for name in ("back", look):
            answer = run(photo, "-n", name, "--faces", "off", "--flat", "0", "--crisp", "0", "--detail", "1", "-o", out)
            assert answer.returncode == 0, answer.stderr
            paintings.append(np.asarray(Image.open(out)).astype(int))
        back, own = paintings
        feed = np.ascontiguousarray((np.asarray(Image.open(photo)).astype(np.float32) / 255).transpose(2, 0, 1)[None])
        theirs = session.run(None, {"photo": feed})[0][0]
        difference = np.abs(back / 255 - theirs.transpose(1, 2, 0)).max()
        assert back.std() > 10, "a painting without contrast shows nothing"
        assert difference <= TOLERANCE + HALF_LEVEL, f"{look} {form} {photo}: {difference:.2e}"
        worst[0] = max(worst[0], difference * 255)
        if look != "manga":   # in a graph greys, by kaiga dots
            worst[1] = max(worst[1], np.abs(back - own).max())
            assert worst[1] <= 1, f"{look} {form} {photo}: {worst[1]} levels"
    beside = "" if look == "manga" else f", {worst[1]} to kaiga"
    return f"{worst[0]:.3f} levels to ONNX Runtime{beside}"


def large(run, photo, work):
    """Beyond what is painted in one piece, and beyond the one size of a graph: painted smaller, then enlarged."""
    path = cut(photo, (1008, 816), work)
    for name in ("cartoongan", "animegan2"):
        out = os.path.join(work, f"large-{name}.png")
        answer = run(path, "-n", name, "--detail", "1", "-o", out)
        assert answer.returncode == 0, answer.stderr
        assert Image.open(out).size == (1008, 816)


if __name__ == "__main__":
    main(*sys.argv[1:])
