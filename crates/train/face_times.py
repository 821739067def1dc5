"""Times kaiga's detector beside facenet-pytorch's MTCNN: the same pictures, the same machine, in turns, so that what
else the machine does hits both; the figure is the ratio. Decoding is not counted.

Needs: pip install facenet-pytorch, and `cargo build --release -p kaiga-train`
Usage: face_times.py KAIGA_TRAIN PICTURE...          THREADS=2 for both
"""
import os
import statistics
import subprocess
import sys
import time

import torch
from facenet_pytorch import MTCNN
from PIL import Image

TURNS, ROUNDS, THREADS = 2, 5, int(os.environ.get("THREADS", 2))


def compare(binary, mtcnn, path):
    picture = Image.open(path).convert("RGB")
    environment = dict(os.environ, RAYON_NUM_THREADS=str(THREADS))
    ours, theirs = [], []
    for _ in range(TURNS):
        lines = subprocess.run(
            [binary, "faces", "time", path, str(ROUNDS)], check=True, capture_output=True, text=True, env=environment)
        ours += [float(line) for line in lines.stdout.split()][1:]  # the first round warms up
        for _ in range(max(2, ROUNDS // 2)):
            start = time.perf_counter()
            mtcnn.detect(picture, landmarks=True)
            theirs.append((time.perf_counter() - start) * 1e3)
    a, b = statistics.median(ours), statistics.median(theirs)
    print(f"{os.path.basename(path)}, {picture.width}×{picture.height}, {THREADS} threads: ours {a:.1f} ms (best "
          f"{min(ours):.1f}), facenet-pytorch {b:.0f} ms (best {min(theirs):.0f}); ratio of medians {b / a:.1f}, of "
          f"bests {min(theirs) / min(ours):.1f}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    # From the package's own default on, and from the smallest face that kaiga looks for in a picture of that size.
    for path in sys.argv[2:]:
        width, height = Image.open(path).size
        for least in (20, round(max(24, max(width, height) / 40))):
            print(f"package looks from {least} px on: ", end="")
            compare(sys.argv[1], MTCNN(keep_all=True, min_face_size=least, device="cpu"), path)
