"""Finds faces with facenet-pytorch's MTCNN: the labels `kaiga-train faces train` learns from, and the peer it is
compared with. The product never needs it.

Needs: pip install facenet-pytorch   (MIT, with its weights in the package; it brings torch)
Usage: face_labels.py PICTURES labels.json people,groups,scenes    labels, of every picture below PICTURES
       face_labels.py PICTURES peer.json                           the peer, as the package does by itself

Pictures in the named folders of PICTURES are looked at five times: as they are, mirrored, and at 0.8, 1.25 and 2 times
their size. Labels are means over these, which halves the noise of a landmark and finds the small ones. Written is {path below PICTURES: {"width", "height", "ms", "faces": [face, ...]}};
a face is {"box": [left, top, right, bottom], "points": [[x, y] × 5], "score", "seen"}, in pixels, 0 at the outer edge
of the first pixel; points are the eye on the picture's left, that on its right, the nose, the corners of the mouth on
the left and on the right; `seen` is how many of the looks found it.
"""
import json
import sys
import time
from pathlib import Path

import numpy
import torch
from facenet_pytorch import MTCNN
from PIL import Image

LEAST_PX = 20
# Size and whether mirrored.
LOOKS = [(1.0, False), (1.0, True), (0.8, False), (1.25, True), (2.0, False)]
SAME_IOU = 0.4
MIRRORED_POINTS = [1, 0, 2, 4, 3]


def look(mtcnn, picture, scale, mirrored):
    """Boxes N×4, points N×5×2 and scores N, in pixels of the picture."""
    width, height = picture.size
    seen = picture if scale == 1 else picture.resize((round(width * scale), round(height * scale)), Image.BICUBIC)
    seen = seen.transpose(Image.FLIP_LEFT_RIGHT) if mirrored else seen
    boxes, scores, points = mtcnn.detect(seen, landmarks=True)
    if boxes is None:
        return numpy.zeros((0, 4)), numpy.zeros((0, 5, 2)), numpy.zeros(0)
    boxes, points = numpy.array(boxes, float), numpy.array(points, float)
    if mirrored:
        boxes = numpy.stack([seen.width - boxes[:, 2], boxes[:, 1], seen.width - boxes[:, 0], boxes[:, 3]], 1)
        points = points[:, MIRRORED_POINTS]
        points[..., 0] = seen.width - points[..., 0]
    across, down = width / seen.width, height / seen.height
    return boxes * [across, down, across, down], points * [across, down], numpy.array(scores, float)


def iou(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    both = max(w, 0) * max(h, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def faces(mtcnn, picture, looks):
    groups = []
    for scale, mirrored in looks:
        for box, points, score in zip(*look(mtcnn, picture, scale, mirrored)):
            group = next((g for g in groups if iou(g[0][0], box) > SAME_IOU), None)
            if group is None:
                groups.append(group := [])
            group.append((box, points, score))
    mean = lambda group, i: numpy.mean([face[i] for face in group], 0).round(2).tolist()
    return [
        {"box": mean(g, 0), "points": mean(g, 1), "score": round(max(f[2] for f in g), 5), "seen": len(g)}
        for g in groups
    ]


if __name__ == "__main__":
    pictures, out = Path(sys.argv[1]), Path(sys.argv[2])
    closely = sys.argv[3].split(",") if len(sys.argv) > 3 else []
    # More threads make it no faster, and on busy cores many times slower.
    torch.set_num_threads(1)
    mtcnn = MTCNN(keep_all=True, min_face_size=LEAST_PX, device="cpu")
    everything = {}
    paths = sorted(p for p in pictures.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    for number, path in enumerate(paths):
        picture = Image.open(path).convert("RGB")
        name = path.relative_to(pictures).as_posix()
        looks = LOOKS if name.split("/")[0] in closely else LOOKS[:1]
        start = time.perf_counter()
        found = faces(mtcnn, picture, looks)
        ms = round((time.perf_counter() - start) * 1000, 1)
        everything[name] = {"width": picture.width, "height": picture.height, "ms": ms, "faces": found}
        if number % 50 == 0:
            print(f"{number} of {len(paths)}: {name}, {len(found)} faces, {ms:.0f} ms", flush=True)
    out.write_text(json.dumps(everything, separators=(",", ":")))
    print(f"{sum(len(p['faces']) for p in everything.values())} faces in {len(everything)} pictures")
