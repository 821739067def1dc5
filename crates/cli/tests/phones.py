"""Keeps the examples for telephones honest: runs the very file they ship with in ONNX Runtime, as they do.

`kaiga export --uint8` writes the model, as the examples' READMEs say, ONNX Runtime's own tool makes an .ort file of it, and both
are given a photo as bytes at the size the examples reduce it to. What comes out must lie within one level of what kaiga paints
of the same pixels. The examples are read as far as that can be done here: XML is well-formed, and names of tensors, the file and
the size are those of the model.
Needs: pip install numpy onnx onnxruntime pillow
Usage: phones.py KAIGA PHOTO WORK_DIR
"""
import glob
import os
import subprocess
import sys
import time
import xml.dom.minidom

import numpy as np
import onnxruntime
from PIL import Image

from cut import cut

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../examples")
THREADS, TURNS = 2, int(os.environ.get("TURNS", 0))


def main(kaiga, photo, work):
    os.makedirs(work, exist_ok=True)
    read_examples()
    path = os.path.join(work, "meadow.onnx")
    subprocess.run([kaiga, "export", "-n", "meadow", "--uint8", "-o", path], check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "onnxruntime.tools.convert_onnx_models_to_ort", path, "--optimization_style", "Fixed",
                    "--output_dir", work], check=True, capture_output=True)
    reduced = cut(photo, (836, 627), work)
    out = os.path.join(work, "painting.png")
    subprocess.run([kaiga, reduced, "-n", "meadow", "--faces", "off", "--flat", "0", "--crisp", "0", "-o", out], check=True, capture_output=True)
    ours, pixels = np.asarray(Image.open(out)).astype(int), np.asarray(Image.open(reduced))
    for file in (path, os.path.join(work, "meadow.ort")):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        start = time.perf_counter()
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        loaded = time.perf_counter() - start
        (entry,), (made,) = session.get_inputs(), session.get_outputs()
        assert (entry.name, entry.type, made.name) == ("photo", "tensor(uint8)", "painting"), (entry, made)
        theirs = session.run(["painting"], {"photo": pixels[None]})[0][0]
        difference = np.abs(ours - theirs).max()
        assert difference <= 1, f"{file}: {difference} levels"
        line = f"{os.path.basename(file)}: {os.path.getsize(file) / 1e6:.2f} MB, at most {difference} level from kaiga"
        if TURNS:
            times = []
            for _ in range(TURNS):
                start = time.perf_counter()
                session.run(["painting"], {"photo": pixels[None]})
                times.append(time.perf_counter() - start)
            line += f"; loaded in {loaded * 1e3:.0f} ms, a photo of 836x627 in {min(times) * 1e3:.0f} ms at best on {THREADS} threads"
        print(line, flush=True)


def read_examples():
    for path in glob.glob(os.path.join(EXAMPLES, "android/**/*.xml"), recursive=True):
        xml.dom.minidom.parse(path)
    kotlin = open(os.path.join(EXAMPLES, "android/app/src/main/java/org/kaiga/example/Painter.kt"), encoding="utf-8").read()
    swift = open(os.path.join(EXAMPLES, "ios/Sources/Painter.swift"), encoding="utf-8").read()
    for source in (kotlin, swift):
        assert '"photo"' in source and '"painting"' in source and "meadow" in source and "524_000" in source
        assert all(source.count(a) == source.count(b) for a, b in ("()", "[]", "{}"))
    for readme in ("android/README.md", "ios/README.md"):
        assert "kaiga export -n meadow --uint8 -o " in open(os.path.join(EXAMPLES, readme), encoding="utf-8").read()


if __name__ == "__main__":
    main(*sys.argv[1:])
