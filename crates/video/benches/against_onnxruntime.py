"""Speed of `kaiga video`, end to end, beside the same clip painted frame by frame through ONNX Runtime.

Both read the clip with ffmpeg, paint at the same working size, and code H.264 with the same preset and quality, on two threads.
ONNX Runtime runs the graph that `kaiga export --uint8` writes; it neither keeps frames calm nor looks for faces, so kaiga is
timed with all it does, and once more with `--faces off --stability 0`. The two take turns; medians are told. Of a run,
shares are what each stage was busy or waited for, in shares of the time from start to end; stages overlap.
Needs: pip install numpy onnxruntime
Usage: against_onnxruntime.py KAIGA CLIP WORK_DIR [SECONDS [START [TURNS]]]
"""
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import onnxruntime

HEIGHTS = (480, 720, 1080)
# What a preset paints at most, px², and how H.264 is coded: (preset, crf).
DRAFT_PX2, WHOLE_PX2, OWN_SIZE = 0.145e6, 0.524e6, (0.7, 1.43)
CODING = {"draft": ("ultrafast", "23"), "good": ("veryfast", "18")}


def main(kaiga, clip, work, seconds="2", start="12", turns="3"):
    os.makedirs(work, exist_ok=True)
    graph = os.path.join(work, "look.onnx")
    subprocess.run([kaiga, "export", "--uint8", "-o", graph], check=True, capture_output=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    print("| height | preset | kaiga, fps | processor, ms a frame | without calm and faces, fps | ONNX Runtime, fps | times "
          "| decoding | looking | painting | blending | coding |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for height in HEIGHTS:
        cut = os.path.join(work, f"{height}.mp4")
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-ss", start, "-i", clip, "-t", seconds, "-an", "-vf",
                        f"scale=-2:{height}", "-c:v", "libx264", "-crf", "16", cut], check=True)
        for preset in CODING:
            rows = [(ours(kaiga, cut, preset, work), ours(kaiga, cut, preset, work, "--faces", "off", "--stability", "0"),
                     theirs(session, cut, preset, work)) for _ in range(int(turns))]
            fps = [statistics.median(row[i]["fps"] for row in rows) for i in range(3)]
            told = sorted((row[0] for row in rows), key=lambda run: run["fps"])[len(rows) // 2]
            shares = [f"{100 * told['ms_' + stage] / told['ms']:.0f} %"
                      for stage in ("decoding", "analysing", "painting", "blending", "coding")]
            print(f"| {height} | {preset} | {fps[0]:.1f} | {told['processor_ms']:.0f} | {fps[1]:.1f} | {fps[2]:.1f} "
                  f"| {fps[0] / fps[2]:.1f} | {' | '.join(shares)} |", flush=True)


def ours(kaiga, clip, preset, work, *more):
    before = os.times()
    told = subprocess.run([kaiga, "video", clip, "-o", os.path.join(work, "ours.mp4"), "--preset", preset, "--json", *more],
                          check=True, capture_output=True, text=True).stdout
    after = os.times()
    told = json.loads(told)
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return told | {"processor_ms": 1000 * used / told["frames"], "fps": 1000 * told["frames"] / told["ms"]}


def theirs(session, clip, preset, work):
    (width, height), (w, h) = size(clip), working_size(*size(clip), preset)
    begun = time.monotonic()
    reader = subprocess.Popen(["ffmpeg", "-v", "error", "-i", clip, "-vf", f"scale={w}:{h}:flags=area", "-f", "rawvideo",
                               "-pix_fmt", "rgb24", "-"], stdout=subprocess.PIPE)
    coder, crf = CODING[preset]
    writer = subprocess.Popen(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{w}x{h}", "-r", "24",
                               "-i", "-", "-vf", f"scale={width}:{height}:flags=bicubic,format=yuv420p", "-c:v", "libx264",
                               "-preset", coder, "-crf", crf, os.path.join(work, "theirs.mp4")], stdin=subprocess.PIPE)
    frames = 0
    while len(data := reader.stdout.read(w * h * 3)) == w * h * 3:
        frame = np.frombuffer(data, np.uint8).reshape(1, h, w, 3)
        painted = session.run(None, {session.get_inputs()[0].name: frame})[0]
        writer.stdin.write(np.ascontiguousarray(painted).tobytes())
        frames += 1
    writer.stdin.close()
    writer.wait()
    reader.wait()
    return {"fps": frames / (time.monotonic() - begun)}


def size(clip):
    said = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=width,height", "-of",
                           "csv=p=0", clip], check=True, capture_output=True, text=True).stdout
    return tuple(int(side) for side in said.strip().split(","))


def working_size(width, height, preset):
    """The size that kaiga paints at."""
    area = width * height
    wanted = min(area, DRAFT_PX2 if preset == "draft" else WHOLE_PX2)
    if OWN_SIZE[0] < wanted / area < OWN_SIZE[1]:
        return width, height
    scale = (wanted / area) ** 0.5
    return round(width * scale / 2) * 2, round(height * scale / 2) * 2


if __name__ == "__main__":
    main(*sys.argv[1:])
