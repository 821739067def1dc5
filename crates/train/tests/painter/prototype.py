"""Expected pictures by the painter's prototype, with what is wrong in its numbers put right. See README.md.

prototype.py FOLDER-OF-THE-PROTOTYPE OUT [--size WxH | --area PX] [--as-it-is] PHOTO...
Writes OUT/NAME.photo.png (at --size cropped, at --area scaled down) and OUT/NAME.prototype-LOOK.png; at --area those that are not
there yet. Needs numpy, scipy and opencv-contrib. --as-it-is leaves the prototype's own rounding and L0 smoothing.
"""
import argparse
import pathlib
import types

import cv2
import numpy as np
from scipy import fft

F = np.float32


def module(path, replaced, **known):
    """The file as a module in which every text of `replaced` stands for another."""
    source = path.read_text()
    for text, other in replaced.items():
        assert text in source, f"{path} has no {text}"
        source = source.replace(text, other)
    made = types.ModuleType(path.stem)
    made.__dict__.update(known)
    exec(compile(source.replace("import painter as P", ""), path, "exec"), made.__dict__)
    return made


def flatten(image, strength=0.004, pad=32, kappa=2.0):
    """L0 gradient smoothing (Xu et al. 2011) with periodic differences throughout, in doubles; 0..255."""
    picture = np.pad(image.astype(np.float64) / 255, ((pad, pad), (pad, pad), (0, 0)), "symmetric")
    height, width = picture.shape[:2]
    row, column = 2 - 2 * np.cos(2 * np.pi * np.arange(height) / height), 2 - 2 * np.cos(2 * np.pi * np.arange(width // 2 + 1) / width)
    both, own = (row[:, None] + column)[..., None], fft.rfft2(picture, axes=(0, 1))
    beta = 2 * strength
    while beta < 1e5:
        h, v = np.roll(picture, -1, 1) - picture, np.roll(picture, -1, 0) - picture
        low = ((h * h + v * v).sum(2) < strength / beta)[..., None]
        h, v = np.where(low, 0, h), np.where(low, 0, v)
        sums = np.roll(h, 1, 1) - h + np.roll(v, 1, 0) - v
        picture = fft.irfft2((own + beta * fft.rfft2(sums, axes=(0, 1))) / (1 + beta * both), s=(height, width), axes=(0, 1))
        beta *= kappa
    return (np.clip(picture, 0, 1) * 255)[pad:-pad, pad:-pad].astype(F)


def tones(looks):
    """In the place of the screentone: its tones before they are dots, ink over them. Leaves in looks.sure where rounding
    decides between no two tones."""
    def screentone(l, ink):
        near = np.min([np.abs(l - above) for above in (0.74, 0.56, 0.38, 0.22)], 0) < 0.006
        looks.sure = 1 - cv2.dilate(near.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7)))
        tone = np.select([l > 0.74, l > 0.56, l > 0.38, l > 0.22], [0.0, 0.14, 0.32, 0.55], 1.0).astype(F)
        return (1 - looks.P.blur(tone, 0.8)) * (1 - np.clip(ink * 1.3, 0, 1))
    return screentone


def prototype(folder, as_it_is):
    kept = {} if as_it_is else {"* 255).astype(np.uint8)": "* 255).astype(np.float32)"}
    more = {} if as_it_is else {"np.clip(f * 255, 0, 255).astype(np.uint8)": "np.clip(f * 255, 0, 255).astype(np.float32)"}
    painter = module(folder / "painter.py", kept | more)
    if not as_it_is:
        painter.flatten = flatten
    whole = {} if as_it_is else {
        "strokes.astype(np.uint8)": "strokes.astype(F)",
        "(screentone(l, ink) * 255).astype(np.uint8)": "np.round(screentone(l, ink) * 255).astype(np.uint8)",
        "(np.clip(out, 0, 1) * 255).astype(np.uint8)": "np.round(np.clip(out, 0, 1) * 255).astype(np.uint8)",
    }
    looks = module(folder / "looks.py", whole, P=painter)
    looks.screentone = tones(looks)
    return looks


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("prototype", type=pathlib.Path)
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("--size")
    arguments.add_argument("--area", type=float, default=4e5)
    arguments.add_argument("--as-it-is", action="store_true")
    arguments.add_argument("photos", nargs="+", type=pathlib.Path)
    asked = arguments.parse_args()
    looks = prototype(asked.prototype, asked.as_it_is)
    asked.out.mkdir(parents=True, exist_ok=True)
    for path in asked.photos:
        photo, name = cv2.imread(str(path)), path.name.split(".")[0]
        if asked.size:
            width, height = map(int, asked.size.split("x"))
            top, left = (photo.shape[0] - height) // 2, (photo.shape[1] - width) // 2
            photo = photo[top:top + height, left:left + width]
        elif photo.shape[0] * photo.shape[1] > asked.area:
            scale = (asked.area / (photo.shape[0] * photo.shape[1])) ** 0.5
            photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(asked.out / f"{name}.photo.png"), photo)
        for style in looks.LOOKS:
            written = asked.out / f"{name}.prototype-{style}.png"
            if written.exists() and not asked.size:
                continue
            painting = looks.paint(photo, style)
            if style == "manga":
                painting = np.dstack([painting, 255 * looks.sure])
            cv2.imwrite(str(written), painting)
        print(name, photo.shape[1], "x", photo.shape[0], flush=True)


if __name__ == "__main__":
    main()
