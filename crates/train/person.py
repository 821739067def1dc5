"""Says which pixels of crops around faces are of the person, for the network that cuts people out. The product never
needs it.

Needs: pip install mediapipe==0.10.14   (Apache-2.0; the last versions below 1 carry their models in the wheel)
Usage: person.py CROPS      the folder that `kaiga-train person crops` has written

Writes beside each NAME.jpg a NAME.mask.png, white where the person is: the mean of looks at the crop as it is, mirrored,
and at its middle from nearer by.
"""
import sys
from pathlib import Path

import cv2
import mediapipe
import numpy as np

# Left and upper border and side of what is looked at, as shares of the crop, and whether mirrored.
LOOKS = [(0.0, 0.0, 1.0, False), (0.0, 0.0, 1.0, True), (0.1, 0.1, 0.8, False), (0.1, 0.1, 0.8, True)]


def looked_at(segmentation, picture):
    side = picture.shape[0]
    total, weight = np.zeros((side, side), np.float32), np.zeros((side, side), np.float32)
    for left, top, share, mirrored in LOOKS:
        x, y, s = int(left * side), int(top * side), int(share * side)
        seen = picture[y:y + s, x:x + s]
        seen = np.ascontiguousarray(seen[:, ::-1]) if mirrored else np.ascontiguousarray(seen)
        mask = segmentation.process(seen).segmentation_mask
        total[y:y + s, x:x + s] += mask[:, ::-1] if mirrored else mask
        weight[y:y + s, x:x + s] += 1
    return total / weight


if __name__ == "__main__":
    crops = Path(sys.argv[1])
    with mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as segmentation:
        for path in sorted(crops.rglob("*.jpg")):
            picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            mask = looked_at(segmentation, picture)
            cv2.imwrite(str(path.with_suffix(".mask.png")), np.round(mask * 255).astype(np.uint8))
