"""Turns a look that `kaiga export` wrote as ONNX into TorchScript, for programs around libtorch.

The graph is walked node by node in PyTorch while it records, so the file is TorchScript like any other: `torch.jit.load(OUT)(photo)`
takes and gives what the ONNX graph does, float 1x3xHxW in 0..1 (or bytes 1xHxWx3 of --uint8), of any size from 16x16 if the graph
takes any. What the graph says of itself (licence, credits, look) goes along as extra files, one for each key.
Needs: pip install numpy onnx torch
Usage: torchscript.py LOOK.onnx OUT.pt
"""
import sys

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

KINDS = {1: torch.float32, 2: torch.uint8, 7: torch.int64, 10: torch.float16}


class Look(torch.nn.Module):
    """The nodes of a graph, run one after the other."""

    def __init__(self, graph):
        super().__init__()
        self.graph, self.names = graph, {}
        for i, tensor in enumerate(graph.initializer):
            value = torch.from_numpy(np.array(numpy_helper.to_array(tensor)))
            self.register_buffer(f"c{i}", value)
            self.names[tensor.name] = f"c{i}"

    def forward(self, photo):
        values = {name: getattr(self, buffer) for name, buffer in self.names.items()}
        values[self.graph.input[0].name] = photo
        for node in self.graph.node:
            inputs = [values[name] if name else None for name in node.input]
            attributes = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
            if node.op_type not in OPERATORS:
                raise SystemExit(f"torchscript.py knows no {node.op_type}: graphs of kaiga export in single or half precision have none")
            values[node.output[0]] = OPERATORS[node.op_type](*inputs, **attributes)
        return values[self.graph.output[0].name]


def conv(x, weight, bias=None, group=1, strides=(1, 1), **_):
    return F.conv2d(x, weight, bias, list(strides), groups=group)


def pad(x, pads, mode=b"constant"):
    top, left, bottom, right = (numbers(pads)[i] for i in (2, 3, 6, 7))
    modes = {b"constant": "constant", b"edge": "replicate", b"reflect": "reflect"}
    return F.pad(x, [left, right, top, bottom], mode=modes[mode])


def resize(x, _, scales=None, sizes=None, mode=b"linear", coordinate_transformation_mode=b"half_pixel"):
    corners = coordinate_transformation_mode == b"align_corners"
    if sizes is not None:
        return F.interpolate(x, size=numbers(sizes)[2:], mode="bilinear", align_corners=corners)
    return F.interpolate(x, scale_factor=[float(scale) for scale in scales[2:]], mode="bilinear", align_corners=corners)


def cut(x, starts, ends, axes):
    for start, end, axis in zip(numbers(starts), numbers(ends), numbers(axes)):
        place = [slice(None)] * x.dim()
        # Counted in whole numbers, ends beyond the last are the last.
        place[int(axis)] = slice(start, None if isinstance(end, int) and end >= 2**31 else end)
        x = x[tuple(place)]
    return x


def divided(x, y):
    return torch.div(x, y, rounding_mode=None if x.is_floating_point() else "trunc")


def numbers(x):
    """The numbers of a list: as they are if they are constants, else as what is recorded of them."""
    return list(x.unbind()) if id(x) in RECORDED else [int(v) for v in x]


RECORDED = set()


def recorded(x):
    """Marks a list of sizes that depends on the picture."""
    RECORDED.add(id(x))
    KEPT.append(x)
    return x


KEPT = []   # an id is a name only as long as its object lives


def sized(function):
    """An operator that makes sizes of sizes."""
    def run(*inputs, **attributes):
        made = function(*inputs, **attributes)
        return recorded(made) if any(id(x) in RECORDED for x in inputs if x is not None) else made
    return run


def softmax(x, axis=-1):
    return torch.softmax(x, axis)


def summed(x, axes, keepdims=1):
    return torch.sum(x, [int(axis) for axis in axes], keepdim=bool(keepdims))


OPERATORS = {
    "Abs": torch.abs,
    "Add": sized(torch.add),
    "AveragePool": lambda x, kernel_shape, strides: F.avg_pool2d(x, kernel_shape, strides),
    "Cast": sized(lambda x, to: x.to(KINDS[to])),
    "Clip": lambda x, low, high: torch.minimum(torch.maximum(x, low), high),
    "Concat": sized(lambda *parts, axis: torch.cat(parts, axis)),
    "Conv": conv,
    "DepthToSpace": lambda x, blocksize, mode: F.pixel_shuffle(x, blocksize),
    "Div": sized(divided),
    "Floor": torch.floor,
    "Identity": lambda x: x,
    "LeakyRelu": lambda x, alpha: F.leaky_relu(x, alpha),
    "MatMul": torch.matmul,
    "Max": torch.maximum,
    "Mul": sized(torch.mul),
    "Pad": pad,
    "ReduceSum": summed,
    "Relu": torch.relu,
    "Reshape": lambda x, shape: x.reshape([int(size) for size in shape]),
    "Resize": resize,
    "Shape": lambda x: recorded(torch._shape_as_tensor(x)),
    "Sigmoid": torch.sigmoid,
    "Slice": sized(cut),
    "Softmax": softmax,
    "Sub": sized(torch.sub),
    "Tanh": torch.tanh,
    "Transpose": lambda x, perm: x.permute(perm),
}


def main(source, out):
    model = onnx.load(source)
    entry = model.graph.input[0].type.tensor_type
    size = [dimension.dim_value for dimension in entry.shape.dim]
    # Any size: what is recorded is a picture of a size that has to be padded, so that the padding is recorded.
    wanted = [s or odd for s, odd in zip(size, (1, 61, 45, 3) if entry.elem_type == 2 else (1, 3, 61, 45))]
    photo = torch.rand(wanted) if entry.elem_type == 1 else torch.randint(0, 256, wanted, dtype=torch.uint8)
    with torch.no_grad():
        look = Look(model.graph).eval()
        script = torch.jit.freeze(torch.jit.trace(look, photo, check_trace=False))
    notes = {entry.key: entry.value for entry in model.metadata_props}
    torch.jit.save(script, out, _extra_files=notes)
    print(f"{out}: input {wanted if 0 not in size else 'of any size'}, {len(notes)} notes")


if __name__ == "__main__":
    main(*sys.argv[1:])
