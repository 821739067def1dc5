"""Photos of a size for the scripts beside this one."""
import os

from PIL import Image


def cut(photo, size, work):
    """A part of a photo, as PNG: no decoder stands between."""
    picture = Image.open(photo).convert("RGB")
    scale = max(size[0] / picture.width, size[1] / picture.height)
    picture = picture.resize((round(picture.width * scale) + 1, round(picture.height * scale) + 1))
    path = os.path.join(work, f"{size[0]}x{size[1]}.png")
    picture.crop((0, 0, *size)).save(path)
    return path
