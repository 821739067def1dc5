"""Times kaiga's dense landmarks beside MediaPipe's face mesh: the same pictures of one face, the same machine, in turns, so
that what else the machine does hits both; the figure is the ratio. Neither looks for the face: MediaPipe follows it.

Needs: pip install mediapipe==0.10.14, and `cargo build --release -p kaiga-train --no-default-features`
Usage: landmark_times.py KAIGA_TRAIN PICTURE...          run it under `taskset -c 0,1` for two threads of each
"""
import os
import statistics
import subprocess
import sys
import time

import cv2
import mediapipe

TURNS, ROUNDS = 3, 15


def times(binary, path):
    picture = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
    environment = dict(os.environ, RAYON_NUM_THREADS="2")
    ours, theirs = [], []
    with mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=True) as mesh:
        for _ in range(3):
            mesh.process(picture)  # the first ones look for the face
        for _ in range(TURNS):
            command = [binary, "faces", "time", path, str(ROUNDS), "--landmarks"]
            lines = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
            ours += [float(line) for line in lines.split()][2:]  # the first rounds warm up
            for _ in range(ROUNDS):
                start = time.perf_counter()
                mesh.process(picture)
                theirs.append((time.perf_counter() - start) * 1e3)
    return ours, theirs


if __name__ == "__main__":
    for path in sys.argv[2:]:
        ours, theirs = times(sys.argv[1], path)
        a, b = statistics.median(ours), statistics.median(theirs)
        print(f"{os.path.basename(path)}: ours {a:.1f} ms (best {min(ours):.1f}), MediaPipe {b:.1f} ms (best "
              f"{min(theirs):.1f}); ratio of medians {a / b:.2f}, of bests {min(ours) / min(theirs):.2f}", flush=True)
