"""What drawing does to faces: avatars of photos in three looks, as painted and as drawn, measured beside the photos.

Needs: pip install opencv-python-headless; for likeness also dlib-bin face_recognition_models (dlib's networks, CC0)
Usage: avatars.py KAIGA OUT PHOTO…     KAIGA is the program; what OUT holds already is not painted again

Writes OUT/photo, OUT/painted-LOOK and OUT/drawn-LOOK, and OUT/faces/… of the same names: the face alone, for
`kaiga-train drawnness`. Prints complexion, likeness and how many faces are found again.
"""
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

LOOKS = ["portrait", "meadow", "cel"]
SIDE_PX = 384
# Left, top, width, height of the face in an avatar, and of its cheeks, nose and forehead.
FACE = (72, 10, 240, 300)
SKIN = (125, 115, 135, 135)


def cut(picture, part):
    x, y, width, height = part
    return picture[y:y + height, x:x + width]


def paint(kaiga, photo, out):
    kinds = [("photo", ["-n", "meadow", "--strength", "0", "--faces", "off"])]
    for look in LOOKS:
        kinds += [(f"painted-{look}", ["-n", look, "--draw", "0"]), (f"drawn-{look}", ["-n", look])]
    for kind, options in kinds:
        path = out / kind / f"{photo.stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            command = [kaiga, "avatar", photo, "--size", str(SIDE_PX), "-o", path, *options]
            subprocess.run([str(word) for word in command], check=False, capture_output=True)
        if path.exists():
            alone = out / "faces" / kind / path.name
            alone.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(alone), cut(cv2.imread(str(path)), FACE))


def lab(path):
    return cv2.cvtColor(cv2.imread(str(path)).astype(np.float32) / 255, cv2.COLOR_BGR2LAB)


def hue(colour):
    return np.degrees(np.arctan2(colour[2], colour[1]))


def complexion(out, names, kinds):
    """How far the median of the skin is from the photo's, in three groups from dark to light."""
    rows = []
    for name in names:
        photo = cut(lab(out / "photo" / name), SKIN)
        chroma = np.hypot(photo[..., 1], photo[..., 2])
        angle = np.degrees(np.arctan2(photo[..., 2], photo[..., 1]))
        skin = np.exp(-(((angle - 52) / 18) ** 4)) * np.clip((chroma - 5) / 8, 0, 1) * (chroma < 70) > 0.5
        if skin.mean() < 0.2:
            continue
        own = np.median(photo[skin], 0)
        row = [own[0]]
        for kind in kinds:
            tone = np.median(cut(lab(out / kind / name), SKIN)[skin], 0)
            row += [tone[0] - own[0], (hue(tone) - hue(own) + 180) % 360 - 180]
        rows.append(row)
    rows = np.array(sorted(rows))
    print(f"\ncomplexion, {len(rows)} faces: L* and hue (degrees) away from the photo's")
    for third in np.array_split(rows, 3):
        mean = third.mean(0)
        tones = [f"{kind} {mean[1 + 2 * i]:+.1f} {mean[2 + 2 * i]:+.1f}" for i, kind in enumerate(kinds)]
        print(f"  L* {mean[0]:.0f}: " + ", ".join(tones))


def likeness(out, names, kinds):
    """How many people their drawing is nearer to than 95 of 100 others are, by dlib's embedding of faces."""
    try:
        import dlib
        import face_recognition_models as models
    except ImportError:
        print("\nlikeness: skipped, dlib is not installed")
        return
    find = dlib.get_frontal_face_detector()
    shape = dlib.shape_predictor(models.pose_predictor_model_location())
    network = dlib.face_recognition_model_v1(models.face_recognition_model_location())

    def embedded(path, box):
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        return np.array(network.compute_face_descriptor(picture, shape(picture, box), 5))

    boxes = {}
    for name in names:
        found = find(cv2.cvtColor(cv2.imread(str(out / "photo" / name)), cv2.COLOR_BGR2RGB), 1)
        if found:
            boxes[name] = max(found, key=lambda box: box.width())
    photos = np.array([embedded(out / "photo" / name, box) for name, box in boxes.items()])
    apart = np.linalg.norm(photos[:, None] - photos[None], axis=2)[~np.eye(len(photos), dtype=bool)]
    print(f"\nlikeness, {len(boxes)} faces: distances of photos of two people {np.median(apart):.2f} (median)")
    for kind in kinds:
        drawn = np.array([embedded(out / kind / name, box) for name, box in boxes.items()])
        distances = np.linalg.norm(photos[:, None] - drawn[None], axis=2)
        own = np.diag(distances)
        further = np.array([(np.delete(distances[:, i], i) > own[i]).mean() for i in range(len(own))])
        print(f"  {kind}: own {np.median(own):.2f} (median), of others {100 * further.mean():.1f} % are further away;"
              f" nearer than to 95 %: {(further >= 0.95).sum()} of {len(further)}")


def found_again(kaiga, out, names, kinds):
    print("\nfaces found again by our own detector")
    for kind in ["photo", *kinds]:
        count = 0
        for name in names:
            command = [kaiga, "faces", "--json", str(out / kind / name)]
            seen = subprocess.run(command, capture_output=True, check=False, text=True).stdout or "{}"
            faces = json.loads(seen)
            count += bool(faces["faces"] if isinstance(faces, dict) else faces)
        print(f"  {kind}: {count} of {len(names)}")


if __name__ == "__main__":
    kaiga, out = sys.argv[1], Path(sys.argv[2])
    for photo in sys.argv[3:]:
        paint(kaiga, Path(photo), out)
    drawn = [f"drawn-{look}" for look in LOOKS]
    names = sorted(path.name for path in (out / "photo").glob("*.png")
                   if all((out / kind / path.name).exists() for kind in drawn))
    complexion(out, names, drawn + [f"painted-{look}" for look in LOOKS])
    likeness(out, names, drawn + [f"painted-{look}" for look in LOOKS])
    found_again(kaiga, out, names, drawn)
