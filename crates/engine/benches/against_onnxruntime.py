"""Compares this engine with ONNX Runtime on the same network, the same numbers and the same machine.

The two take turns, round by round, so that what else the machine does hits both; the figure is the ratio. With TURNS=0
in the environment nothing is timed: it only checks that the ONNX files are valid and the two engines agree.
Needs: pip install numpy onnx onnxruntime, and `cargo build --release -p kaiga-engine --example forward`.
Usage: against_onnxruntime.py FORWARD_BINARY WORK_DIR [NETWORK:SIDE...]     default: drawer:512 eye:128 classic:256
"""
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import onnx
import onnxruntime

TURNS, ROUNDS, THREADS = int(os.environ.get("TURNS", 6)), 10, int(os.environ.get("THREADS", 2))


def compare(forward, folder, network, side):
    out = os.path.join(folder, f"{network}-{side}")
    print(subprocess.run([forward, network, side, out], check=True, capture_output=True, text=True).stdout, end="")
    onnx.checker.check_model(out + ".onnx", full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    # Threads that spin while the other engine has its turn would spoil its figures.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    session = onnxruntime.InferenceSession(out + ".onnx", options, providers=["CPUExecutionProvider"])
    feeds = {}
    for i, entry in enumerate(session.get_inputs()):
        _, channels, height, width = entry.shape
        map_ = np.fromfile(f"{out}.in{i}.f32", "<f4").reshape(height, width, channels)
        feeds[entry.name] = np.ascontiguousarray(map_.transpose(2, 0, 1)[None])
    theirs = session.run(None, feeds)[0][0].transpose(1, 2, 0)
    ours = np.fromfile(out + ".out.f32", "<f4").reshape(theirs.shape)
    difference = np.abs(ours - theirs).max() / max(1.0, np.abs(theirs).max())
    assert difference <= 1e-3, f"the two engines disagree by {difference:.1e}"
    print(f"  largest difference {difference:.1e}", flush=True)
    if TURNS == 0:
        return
    times_ours, times_theirs = [], []
    for _ in range(TURNS):
        environment = dict(os.environ, RAYON_NUM_THREADS=str(THREADS))
        rounds = subprocess.run([forward, network, side, out, str(ROUNDS)], check=True, capture_output=True, text=True, env=environment)
        times_ours += [float(line) for line in rounds.stdout.split()][2:]   # the first rounds warm up
        for i in range(ROUNDS):
            start = time.perf_counter()
            session.run(None, feeds)
            if i >= 2:
                times_theirs.append((time.perf_counter() - start) * 1e3)
    ours, theirs = statistics.median(times_ours), statistics.median(times_theirs)
    print(f"  {THREADS} threads: ours {ours:.1f} ms (best {min(times_ours):.1f}), ONNX Runtime {theirs:.1f} ms "
          f"(best {min(times_theirs):.1f}); ratio of medians {theirs / ours:.2f}, of bests {min(times_theirs) / min(times_ours):.2f}", flush=True)


def main(forward, folder, *networks):
    os.makedirs(folder, exist_ok=True)
    for network in networks or ("drawer:512", "eye:128", "classic:256"):
        compare(forward, folder, *network.split(":"))


if __name__ == "__main__":
    main(*sys.argv[1:])
