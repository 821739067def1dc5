"""Runs exported looks in other engines and compares with what kaiga itself paints.

For every look and photos of three sizes, odd ones too: `kaiga export` writes the graph, `kaiga` paints the photo (faces as the
rest, fills not laid flat and borders not redrawn, as in the graph), the engine runs the graph. A float graph must lie within 1e-3 of the range, a uint8 graph within one
level. kaiga's painting is rounded to levels: a float graph is allowed half a level more.
Needs: pip install numpy onnx onnxruntime pillow safetensors; openvino too if it is named.
Usage: exported.py KAIGA PHOTO WORK_DIR [onnxruntime|openvino...]
"""
import os
import re
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from PIL import Image
from safetensors.numpy import load_file, save_file
from safetensors import safe_open

from cut import cut

SIZES = [(512, 384), (387, 333), (640, 427)]   # from 0.12 to 0.75 megapixels: kaiga paints them at their own size
TOLERANCE, HALF_LEVEL = 1e-3, 0.5 / 255


def main(kaiga, photo, work, *engines):
    engines = engines or ("onnxruntime",)
    os.makedirs(work, exist_ok=True)
    photos = [cut(photo, size, work) for size in SIZES]
    styles = subprocess.run([kaiga, "styles", "--json"], check=True, capture_output=True, text=True).stdout
    looks = [(name,) for name in ("meadow", "skyglow", "storybook", "portrait", "cel")]
    assert all(f'"name":"{look[0]}"' in styles for look in looks)
    looks += [("meadow:0.6,skyglow:0.4",), (own_style(work),), ("cel", "-w", "0.7", "--saturation", "1.3", "--line", "0.5")]
    for look in looks:
        check(kaiga, look, photos, work, engines, ())
    for form in (("--fp16",), ("--size", "387x333"), ("--size", "387x333", "--uint8"), ("--uint8",)):
        check(kaiga, ("storybook",), photos, work, engines, form)
    for photo in photos:
        greys(kaiga, photo, work)
    int8(kaiga, photos, work)
    print(f"{len(looks) + 4} graphs agree with kaiga in {', '.join(engines)}")


def own_style(work):
    """A style file as a user's would be: another style's heads and adapters, changed."""
    models = os.path.join(os.path.dirname(__file__), "../../../models")
    with safe_open(os.path.join(models, "cel-1.safetensors"), "np") as file:
        notes = file.metadata()
    tensors = {name: (tensor * 0.8).astype(np.float16)
               for name, tensor in load_file(os.path.join(models, "cel-1.safetensors")).items()}
    path = os.path.join(work, "own.safetensors")
    save_file(tensors, path, notes | {"kaiga.name": "own", "kaiga.credit": "A. Painter"})
    return path


def export(kaiga, look, form, work):
    path = os.path.join(work, "look.onnx")
    answer = subprocess.run([kaiga, "export", "-n", *look, *form, "-o", path], check=True, capture_output=True, text=True)
    assert "Faces are painted as the rest" in answer.stderr, answer.stderr
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    notes = {entry.key: entry.value for entry in model.metadata_props}
    assert notes["kaiga.look"] and "sRGB" in notes["kaiga.preprocessing"] and "MIT" in notes["kaiga.licence"], notes
    assert [entry.version for entry in model.opset_import] == [int(notes["kaiga.opset"])]
    assert ("A. Painter" in notes["kaiga.credit"]) == ("own" in look[0])
    return path


def run(engine, path, feed):
    if engine == "onnxruntime":
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return session.run(None, {"photo": feed})[0]
    import openvino
    core = openvino.Core()
    core.set_property("CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return core.compile_model(path, "CPU")({"photo": feed})[0]


def painted(kaiga, look, photo, work):
    out = os.path.join(work, "painting.png")
    subprocess.run([kaiga, photo, "-n", *look, "--faces", "off", "--flat", "0", "--crisp", "0", "-o", out], check=True, capture_output=True)
    return np.asarray(Image.open(out))


def check(kaiga, look, photos, work, engines, form):
    path = export(kaiga, look, form, work)
    worst = {}
    for photo in photos:
        if "--size" in form and "387x333" not in photo:
            continue
        pixels, ours = np.asarray(Image.open(photo)), painted(kaiga, look, photo, work)
        for engine in engines:
            if "--uint8" in form:
                theirs = run(engine, path, pixels[None])[0]
                difference = np.abs(ours.astype(int) - theirs).max() / 255
                assert difference <= 1.01 / 255, f"{look} {form} {photo} in {engine}: {difference * 255} levels"
            else:
                feed = np.ascontiguousarray((pixels.astype(np.float32) / 255).transpose(2, 0, 1)[None])
                theirs = run(engine, path, feed)[0].transpose(1, 2, 0)
                difference = np.abs(ours / 255 - theirs).max()
                # Half precision changes the weights a little, so painting differs by up to a level or two.
                allowed = TOLERANCE + HALF_LEVEL if "--fp16" not in form else 2.5 / 255
                assert difference <= allowed, f"{look} {form} {photo} in {engine}: {difference:.2e}"
            worst[engine] = max(worst.get(engine, 0), difference)
    print(f"{' '.join((os.path.basename(look[0]), *look[1:], *form))}: {os.path.getsize(path) / 1e6:.2f} MB, largest difference",
          ", ".join(f"{difference * 255:.3f} levels in {engine}" for engine, difference in worst.items()), flush=True)


def int8(kaiga, photos, work):
    """8-bit integers: an engine's own kernels for them paint as near to kaiga as was said when they were laid out."""
    path = os.path.join(work, "int8.onnx")
    answer = subprocess.run([kaiga, "export", "-n", "meadow", "-o", path, "--int8", *photos], check=True, capture_output=True, text=True)
    said = float(re.search(r"photos ([\d.]+) dB", answer.stdout).group(1))
    onnx.checker.check_model(onnx.load(path), full_check=True)
    squares = []
    for photo in photos:
        feed = (np.asarray(Image.open(photo), np.float32) / 255).transpose(2, 0, 1)[None]
        theirs = run("onnxruntime", path, np.ascontiguousarray(feed))[0].transpose(1, 2, 0)
        squares.append(((painted(kaiga, ("meadow",), photo, work) / 255 - theirs) ** 2).mean())
    found = -10 * np.log10(np.mean(squares))
    assert found > 25 and abs(found - said) < 2, f"{found:.1f} dB, {said} dB were said"
    print(f"meadow --int8: {os.path.getsize(path) / 1e6:.2f} MB, {found:.1f} dB from kaiga, {said} dB were said", flush=True)


def greys(kaiga, photo, work):
    """Screentone as greys: what its dots are in the mean."""
    path = os.path.join(work, "manga.onnx")
    answer = subprocess.run([kaiga, "export", "-n", "manga", "--uint8", "-o", path], check=True, capture_output=True, text=True)
    assert "Screentone becomes plain greys" in answer.stderr, answer.stderr
    theirs = run("onnxruntime", path, np.asarray(Image.open(photo))[None])[0]
    assert (theirs == theirs[..., :1]).all()
    soft = lambda picture: np.asarray(Image.fromarray(np.ascontiguousarray(picture)).convert("L").resize((24, 18), Image.BOX), float)
    difference = np.abs(soft(painted(kaiga, ("manga",), photo, work)) - soft(theirs))
    assert difference.mean() <= 4, f"greys are {difference.mean():.1f} levels from the dots' mean"
    print(f"manga as greys: {difference.mean():.2f} levels from its dots, in the mean over {24 * 18} fields", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
