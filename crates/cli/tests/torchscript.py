"""Checks that looks in TorchScript, made by examples/torchscript/torchscript.py, paint what kaiga paints. Run by hand: PyTorch is
large.

Photos of three sizes, odd ones too: at most 1e-3 of the range apart, and half a level more, because kaiga's painting is rounded to
levels; in bytes at most one level.
Needs: pip install numpy onnx pillow torch
Usage: torchscript.py KAIGA PHOTO WORK_DIR
"""
import os
import subprocess
import sys

import numpy as np
import torch
from PIL import Image

from cut import cut

SIZES = [(512, 384), (387, 333), (640, 427)]
CONVERTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../examples/torchscript/torchscript.py")


def main(kaiga, photo, work):
    os.makedirs(work, exist_ok=True)
    photos = [cut(photo, size, work) for size in SIZES]
    for name, form in (("meadow", ()), ("cel", ("--fp16",)), ("manga", ()), ("skyglow", ("--uint8",)), ("storybook", ("--size", "387x333"))):
        graph, path = os.path.join(work, "look.onnx"), os.path.join(work, "look.pt")
        subprocess.run([kaiga, "export", "-n", name, *form, "-o", graph], check=True, capture_output=True)
        subprocess.run([sys.executable, CONVERTER, graph, path], check=True, capture_output=True)
        notes = {"kaiga.licence": ""}
        look = torch.jit.load(path, _extra_files=notes)
        assert b"MIT" in notes["kaiga.licence"], notes
        worst = 0
        for picture in photos if "--size" not in form else photos[1:2]:
            pixels = np.asarray(Image.open(picture))
            if name == "manga":   # dots are not in the graph: the size of what comes out is all there is to compare
                assert look(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255).shape[2:] == pixels.shape[:2]
                continue
            out = os.path.join(work, "painting.png")
            subprocess.run([kaiga, picture, "-n", name, "--faces", "off", "--flat", "0", "--crisp", "0", "-o", out], check=True, capture_output=True)
            ours = np.asarray(Image.open(out)).astype(np.float64)
            if "--uint8" in form:
                difference, allowed = np.abs(look(torch.from_numpy(pixels.copy())[None])[0].numpy() - ours).max(), 1
            else:
                theirs = look(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255)[0].permute(1, 2, 0).numpy()
                difference, allowed = np.abs(theirs * 255 - ours).max(), 0.5 + (2 if form == ("--fp16",) else 0.255)
            assert difference <= allowed, f"{name} {form} {picture}: {difference} levels"
            worst = max(worst, difference)
        print(f"{' '.join((name, *form))}: {os.path.getsize(path) / 1e6:.2f} MB, largest difference {worst:.3f} levels", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
