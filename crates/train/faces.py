"""Finds the faces of training photos once, for the painter's portrait taste and for the network of dense landmarks. The
product never needs it.

Needs: pip install mediapipe==0.10.14   (Apache-2.0; the last versions below 1 carry their models in the wheel)
Usage: faces.py PHOTOS faces.json       every picture below PHOTOS

Writes {path below PHOTOS: [face, ...]}; a face is {part: [[x, y], ...]}, x and y as shares of the picture's
width and height. Closed outlines: oval, left_eye, right_eye, left_brow, right_brow, lips, mouth (the inner
border of the lips) and, four points around each, left_iris and right_iris. The bridge of the nose is `nose`, from
the root to the tip; `nose_base` goes from the left wing under the tip to the right one. Left and right are the picture's.
Photos without faces are left out.

A face is looked at anew from near by, upright, mirrored and turned to either side; what is written is the mean, and
`scatter` is how far one look lies from the mean of all, mean over points, in distances of the eyes.
"""
import json
import sys
from pathlib import Path

import cv2
import mediapipe
import numpy as np

OUTLINES = {
    "oval": [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
             152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109],
    "left_eye": [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7],
    "right_eye": [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249],
    "left_brow": [70, 63, 105, 66, 107, 55, 65, 52, 53, 46],
    "right_brow": [300, 293, 334, 296, 336, 285, 295, 282, 283, 276],
    "lips": [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146],
    "mouth": [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95],
    "left_iris": [469, 470, 471, 472],
    "right_iris": [474, 475, 476, 477],
    "nose": [168, 6, 197, 195, 5, 4],
    "nose_base": [64, 98, 97, 2, 326, 327, 294],
}
# Where the points of a mirrored part come from: part and order.
MIRRORED = {
    "oval": ("oval", [(36 - i) % 36 for i in range(36)]),
    "lips": ("lips", [(10 - i) % 20 for i in range(20)]),
    "mouth": ("mouth", [(10 - i) % 20 for i in range(20)]),
    "left_iris": ("right_iris", [2, 1, 0, 3]),
    "right_iris": ("left_iris", [2, 1, 0, 3]),
    "nose_base": ("nose_base", [6 - i for i in range(7)]),
    **{f"{side}_{part}": (f"{other}_{part}", range(count)) for part, count in (("eye", 16), ("brow", 10))
       for side, other in (("left", "right"), ("right", "left"))},
}
# Turned by so many degrees and whether mirrored.
LOOKS = [(0, False), (0, True), (8, False), (-8, False), (8, True), (-8, True)]
# Side of the picture of one face, px, and how much of it the face takes.
NEAR_PX, NEAR_SHARE = 640, 0.5
# The detector sees a square of 192 px: small faces are looked for in tiles, each enlarged.
TILES = (1, 2, 3)
LARGEST_PX = 900


def tiles(width, height):
    """Overlapping windows (x, y, width, height), coarse ones first."""
    for n in TILES:
        w, h = 2 * width // (n + 1), 2 * height // (n + 1)
        for j in range(n):
            for i in range(n):
                yield i * (width - w) // max(1, n - 1), j * (height - h) // max(1, n - 1), w, h


def box(face):
    xs, ys = zip(*face["oval"])
    return min(xs), min(ys), max(xs), max(ys)


def same(a, b):
    """Whether two faces are one: the middle of either lies in the other."""
    (ax, ay, bx, by), (cx, cy, dx, dy) = box(a), box(b)
    inside = lambda x, y, l, t, r, d: l < x < r and t < y < d
    return inside((cx + dx) / 2, (cy + dy) / 2, ax, ay, bx, by) or inside((ax + bx) / 2, (ay + by) / 2, cx, cy, dx, dy)


def affine(face, width, height, degrees, mirrored):
    """Picture px -> px of a square picture of this face alone."""
    left, top, right, bottom = box(face)
    centre = np.array([(left + right) / 2 * width, (top + bottom) / 2 * height])
    scale = NEAR_PX * NEAR_SHARE / max((right - left) * width, (bottom - top) * height)
    eyes = [np.mean(face[part], 0) * (width, height) for part in ("left_eye", "right_eye")]
    angle = np.radians(degrees) - np.arctan2(*(eyes[1] - eyes[0])[::-1])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = np.diag([-1, 1]) @ turn if mirrored else turn
    return np.column_stack([turn, NEAR_PX / 2 - turn @ centre])


def looked_at(mesh, picture, face):
    """The mean of what several looks at one face say, with its scatter; `None` if most find none."""
    height, width = picture.shape[:2]
    looks = []
    for degrees, mirrored in LOOKS:
        there = affine(face, width, height, degrees, mirrored)
        near = cv2.warpAffine(picture, there, (NEAR_PX, NEAR_PX), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        found = mesh.process(near).multi_face_landmarks
        if not found:
            continue
        back = np.linalg.inv(np.vstack([there, [0, 0, 1]]))
        points = np.array([[p.x * NEAR_PX, p.y * NEAR_PX, 1] for p in found[0].landmark]) @ back.T
        parts = {part: points[indices, :2] / (width, height) for part, indices in OUTLINES.items()}
        if mirrored:
            sources = {part: MIRRORED.get(part, (part, slice(None))) for part in OUTLINES}
            parts = {part: parts[source][order] for part, (source, order) in sources.items()}
        looks.append(parts)
    if len(looks) < len(LOOKS) / 2:
        return None
    mean = {part: np.mean([look[part] for look in looks], 0) for part in OUTLINES}
    if not same({"oval": mean["oval"]}, face):
        return None
    px = np.array([width, height])
    eyes = np.linalg.norm((mean["left_eye"].mean(0) - mean["right_eye"].mean(0)) * px)
    off = [np.linalg.norm((look[part] - mean[part]) * px, axis=1) for look in looks for part in OUTLINES]
    result = {part: np.round(points, 6).tolist() for part, points in mean.items()}
    return result | {"scatter": round(float(np.concatenate(off).mean() / eyes), 4)}


def faces(mesh, near, picture):
    height, width = picture.shape[:2]
    found = []
    for x, y, w, h in tiles(width, height):
        crop = picture[y:y + h, x:x + w]
        scale = LARGEST_PX / max(w, h)
        crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        for mark in mesh.process(crop).multi_face_landmarks or []:
            at = lambda i: [round((x + mark.landmark[i].x * w) / width, 5), round((y + mark.landmark[i].y * h) / height, 5)]
            face = {part: [at(i) for i in indices] for part, indices in OUTLINES.items()}
            left, top, right, bottom = box(face)
            cut = left * width < x - 2 or top * height < y - 2 or right * width > x + w + 2 or bottom * height > y + h + 2
            if not (cut and w < width) and not any(same(face, other) for other in found):
                found.append(face)
        if len(found) == 1 and box(found[0])[3] - box(found[0])[1] > 0.3:
            break  # a portrait
    return [closer for face in found if (closer := looked_at(near, picture, face))]


if __name__ == "__main__":
    photos, out = Path(sys.argv[1]), Path(sys.argv[2])
    settings = dict(static_image_mode=True, max_num_faces=30, refine_landmarks=True, min_detection_confidence=0.6)
    everything = {}
    mesh_of = mediapipe.solutions.face_mesh.FaceMesh
    with mesh_of(**settings) as mesh, mesh_of(**settings | {"max_num_faces": 1, "min_detection_confidence": 0.3}) as near:
        for path in sorted(p for p in photos.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")):
            picture = cv2.imread(str(path))
            if picture is None:
                print("cannot read", path, file=sys.stderr)
                continue
            if found := faces(mesh, near, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)):
                everything[path.relative_to(photos).as_posix()] = found
    out.write_text(json.dumps(everything, separators=(",", ":")))
    print(f"{sum(map(len, everything.values()))} faces in {len(everything)} photos")
