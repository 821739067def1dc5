"""Imports checkpoints that PyTorch itself writes, and compares what kaiga paints with what PyTorch computes.

The AnimeGANv2 generator is written here a second time, in PyTorch, with random weights. Its checkpoints (zip and old layout,
within other dictionaries, from DataParallel, as safetensors) go through `kaiga import`; photos of three sizes, odd ones too,
are painted by `kaiga -n NAME` and by PyTorch: at most 1e-3 of the range apart, and half a level more, because kaiga's
painting is rounded to levels. A pickle that runs a command must be refused and nothing be left behind.
Needs: pip install numpy pillow safetensors torch.
Usage: imported.py KAIGA PHOTO WORK_DIR
"""
import json
import os
import subprocess
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from cut import cut

SIZES = [(512, 384), (397, 331), (640, 427)]
TOLERANCE, HALF_LEVEL = 1e-3, 0.5 / 255


def conv(cin, cout, kernel=3, stride=1, groups=1, bias=False):
    """Mirror, convolution, norm, leaky ReLU; the places of weights within are those of the community's checkpoints."""
    pad = (0, 1, 0, 1) if stride == 2 else (kernel // 2,) * 4
    return nn.Sequential(nn.ReflectionPad2d(pad), nn.Conv2d(cin, cout, kernel, stride, 0, groups=groups, bias=bias),
                         nn.GroupNorm(1, cout), nn.LeakyReLU(0.2))


class Pointwise(nn.Sequential):
    def __init__(self, cin, cout):
        # No padding: an identity keeps the places.
        super().__init__(nn.Identity(), nn.Conv2d(cin, cout, 1, bias=False), nn.GroupNorm(1, cout), nn.LeakyReLU(0.2))


class Inverted(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.same = cin == cout
        self.layers = nn.Sequential(Pointwise(cin, 2 * cin), conv(2 * cin, 2 * cin, groups=2 * cin, bias=True),
                                    nn.Conv2d(2 * cin, cout, 1, bias=False), nn.GroupNorm(1, cout))

    def forward(self, x):
        return x + self.layers(x) if self.same else self.layers(x)


class Generator(nn.Module):
    def __init__(self, corners):
        super().__init__()
        self.corners = corners
        self.block_a = nn.Sequential(conv(3, 32, 7), conv(32, 64, stride=2), conv(64, 64))
        self.block_b = nn.Sequential(conv(64, 128, stride=2), conv(128, 128))
        self.block_c = nn.Sequential(conv(128, 128), Inverted(128, 256), Inverted(256, 256), Inverted(256, 256),
                                     Inverted(256, 256), conv(256, 128))
        self.block_d = nn.Sequential(conv(128, 128), conv(128, 128))
        self.block_e = nn.Sequential(conv(128, 64), conv(64, 64), conv(64, 32, 7))
        self.out_layer = nn.Sequential(nn.Conv2d(32, 3, 1, bias=False), nn.Tanh())

    def forward(self, picture):
        resize = lambda x, like: F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=self.corners)
        half = self.block_a(picture)
        x = self.block_c(self.block_b(half))
        x = self.block_d(resize(x, half))
        return self.out_layer(self.block_e(resize(x, picture)))


def main(kaiga, photo, work):
    os.makedirs(work, exist_ok=True)
    environment = dict(os.environ, XDG_DATA_HOME=os.path.abspath(os.path.join(work, "data")))
    run = lambda *arguments: subprocess.run([kaiga, *arguments], capture_output=True, text=True, env=environment)
    photos = [cut(photo, size, work) for size in SIZES]
    torch.manual_seed(1)
    for corners in (True, False):
        generator = Generator(corners).eval()
        with torch.no_grad():
            generator.out_layer[0].weight *= 4      # colours, not grey alone
        for layout, path in checkpoints(generator.state_dict(), work):
            answer = run("import", path, "-n", "old", "--replace", "--accept-licence", "--licence", "Not for sale",
                         "--align", "corners" if corners else "centres")
            assert answer.returncode == 0, f"{layout}: {answer.stderr}"
        worst = max(compare(run, generator, photo, work) for photo in photos)
        print(f"align_corners={corners}: largest difference {worst * 255:.3f} levels on {len(photos)} photos", flush=True)

    shown = json.loads(run("models", "show", "old", "--json").stdout)
    assert shown["licence"] == "Not for sale" and shown["source"] == "weights.safetensors" and len(shown["source_sha256"]) == 64
    assert '"name":"old"' in run("styles", "--json").stdout and "Not for sale" in run("styles").stdout
    mixed = run(photos[0], "-n", "old,meadow")
    assert mixed.returncode == 2 and "cannot be mixed" in mixed.stderr, mixed.stderr
    large(run, photo, work)
    malice(run, work)
    assert run("models", "remove", "old").returncode == 0 and run(photos[0], "-n", "old").returncode == 2
    print("imported models paint as PyTorch does")


def checkpoints(state, work):
    """The same weights in every layout."""
    path = os.path.join(work, "weights.pt")
    torch.save(state, path)
    yield "zip", path
    torch.save(state, path, _use_new_zipfile_serialization=False)
    yield "old layout", path
    torch.save({"epoch": 3, "optimizer": {"lr": 1e-4, "betas": (0.5, 0.9)}, "generator": state}, path)
    yield "within other things", path
    torch.save({f"module.{name}": nn.Parameter(tensor) for name, tensor in state.items()}, path)
    yield "DataParallel", path
    path = os.path.join(work, "weights.safetensors")
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    yield "safetensors", path


def compare(run, generator, photo, work):
    out = os.path.join(work, "painting.png")
    answer = run(photo, "-n", "old", "--faces", "off", "--crisp", "0", "-o", out)
    assert answer.returncode == 0, answer.stderr
    ours = np.asarray(Image.open(out)) / 255
    pixels = torch.from_numpy(np.asarray(Image.open(photo)).copy()).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        theirs = (generator(pixels / 127.5 - 1)[0].permute(1, 2, 0).numpy() + 1) / 2
    assert ours.std() > 0.05, "a painting without contrast shows nothing"
    difference = np.abs(ours - theirs).max()
    assert difference <= TOLERANCE + HALF_LEVEL, f"{photo}: {difference:.2e}"
    return difference


def large(run, photo, work):
    """Beyond what is painted in one piece: norms frozen, tiles that match, whatever their side."""
    path, paintings = cut(photo, (1008, 816), work), []
    for tile in ("256", "1024"):
        out = os.path.join(work, f"tiles-{tile}.png")
        start = time.perf_counter()
        answer = run(path, "-n", "old", "--faces", "off", "--crisp", "0", "--detail", "1", "-t", tile, "-o", out)
        assert answer.returncode == 0, answer.stderr
        paintings.append(np.asarray(Image.open(out)))
    assert (paintings[0] == paintings[1]).all(), "the painting depends on the tiles"
    print(f"0.82 megapixels at full size in tiles: {time.perf_counter() - start:.1f} s, the same with both tiles")


class Malice:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def malice(run, work):
    owned, path = os.path.join(work, "owned"), os.path.join(work, "malice.pt")
    for zipped in (True, False):
        torch.save({"out_layer.0.weight": Malice(f"touch {owned}")}, path, _use_new_zipfile_serialization=zipped)
        answer = run("import", path, "-n", "malice", "--accept-licence")
        assert answer.returncode == 1 and "system" in answer.stderr and "nothing is run" in answer.stderr, answer.stderr
    assert not os.path.exists(owned) and "malice" not in run("models", "list").stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
