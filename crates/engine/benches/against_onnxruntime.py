"""Compares this engine with ONNX Runtime, and with OpenVINO and ncnn if asked, on the same network, the same numbers and the
same machine, all in single precision.

They take turns, round by round, so that what else the machine does hits all; the figures are ratios. With TURNS=0
in the environment nothing is timed: it only checks that the ONNX files are valid and the engines agree.
PEERS=onnxruntime,openvino,ncnn says which are compared with; the first alone is the default. ncnn runs `classic` only.
Needs: pip install numpy onnx onnxruntime (openvino; ncnn, and pnnx without its dependencies), and
`cargo build --release -p kaiga-engine --example forward`.
Usage: against_onnxruntime.py FORWARD_BINARY WORK_DIR [NETWORK:SIDE...]     default: drawer:512 eye:128 classic:256
"""
import importlib.util
import os
import statistics
import subprocess
import sys
import time

import numpy as np
import onnx

TURNS, ROUNDS, THREADS = int(os.environ.get("TURNS", 6)), int(os.environ.get("ROUNDS", 10)), int(os.environ.get("THREADS", 2))
PEERS = os.environ.get("PEERS", "onnxruntime").split(",")


def with_onnxruntime(path, feeds):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    # Threads that spin while another engine has its turn would spoil its figures.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, feeds)[0][0]


def with_openvino(path, feeds):
    import openvino
    settings = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(path, "CPU", settings)
    return lambda: next(iter(model(feeds).values()))[0]


def with_ncnn(path, feeds):
    import ncnn
    (feed,) = feeds.values()
    shape = str(list(feed.shape)).replace(" ", "")
    stem = path.removesuffix(".onnx")
    converter = os.path.join(importlib.util.find_spec("pnnx").submodule_search_locations[0], "pnnx")   # importing it needs torch
    subprocess.run([converter, path, f"inputshape={shape}", "fp16=0"], check=True, capture_output=True, cwd=os.path.dirname(path))
    with open(stem + ".ncnn.param") as file:
        magic, counts, *layers = file.read().splitlines()
    # A layer norm is written as an instance norm of everything in one row; the converter leaves it to the reader, and puts its
    # shift, 0, before its factor, 1, where ncnn reads the factor first: they are read by a layer that nobody asks for.
    norms = [i for i, layer in enumerate(layers) if layer.startswith("nn.InstanceNorm1d")]
    for i in norms:
        _, name, *blobs = layers[i].split()[:6]
        layers[i] = f"MemoryData {name}_unused 0 1 {name}_unused 0=2\nInstanceNorm {name} {' '.join(blobs)} 0=1 1=1e-5 2=0"
    counts = " ".join(str(int(count) + len(norms)) for count in counts.split())
    with open(stem + ".ncnn.param", "w") as file:
        file.write("\n".join([magic, counts, *layers]) + "\n")
    net = ncnn.Net()
    net.opt.num_threads = THREADS
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
    assert net.load_param(stem + ".ncnn.param") == 0 and net.load_model(stem + ".ncnn.bin") == 0, "ncnn cannot read it"
    def run():
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(feed[0]))
        return np.array(extractor.extract("out0")[1])
    return run


def compare(forward, folder, network, side):
    out = os.path.abspath(os.path.join(folder, f"{network}_{side}"))
    print(subprocess.run([forward, network, side, out], check=True, capture_output=True, text=True).stdout, end="")
    onnx.checker.check_model(out + ".onnx", full_check=True)
    feeds = {}
    for i, entry in enumerate(onnx.load(out + ".onnx").graph.input):
        _, channels, height, width = (dim.dim_value for dim in entry.type.tensor_type.shape.dim)
        map_ = np.fromfile(f"{out}.in{i}.f32", "<f4").reshape(height, width, channels)
        feeds[entry.name] = np.ascontiguousarray(map_.transpose(2, 0, 1)[None])
    peers = {name: globals()[f"with_{name}"](out + ".onnx", feeds) for name in PEERS if name != "ncnn" or network == "classic"}
    for name, run in peers.items():
        theirs = run().transpose(1, 2, 0)
        ours = np.fromfile(out + ".out.f32", "<f4").reshape(theirs.shape)
        difference = np.abs(ours - theirs).max() / max(1.0, np.abs(theirs).max())
        assert difference <= 1e-3, f"this engine and {name} disagree by {difference:.1e}"
        print(f"  largest difference to {name} {difference:.1e}", flush=True)
    if TURNS == 0:
        return
    times = {name: [] for name in ("ours", *peers)}
    for _ in range(TURNS):
        environment = dict(os.environ, RAYON_NUM_THREADS=str(THREADS))
        rounds = subprocess.run([forward, network, side, out, str(ROUNDS)], check=True, capture_output=True, text=True, env=environment)
        times["ours"] += [float(line) for line in rounds.stdout.split()][2:]   # the first rounds warm up
        for name, run in peers.items():
            for i in range(ROUNDS):
                start = time.perf_counter()
                run()
                if i >= 2:
                    times[name].append((time.perf_counter() - start) * 1e3)
    ours, best = statistics.median(times["ours"]), min(times["ours"])
    print(f"  {THREADS} threads: ours {ours:.1f} ms (best {best:.1f})", flush=True)
    for name in peers:
        theirs = statistics.median(times[name])
        print(f"  {name} {theirs:.1f} ms (best {min(times[name]):.1f}); ratio of medians {theirs / ours:.2f}, "
              f"of bests {min(times[name]) / best:.2f}", flush=True)


def main(forward, folder, *networks):
    os.makedirs(folder, exist_ok=True)
    for network in networks or ("drawer:512", "eye:128", "classic:256"):
        compare(forward, folder, *network.split(":"))


if __name__ == "__main__":
    main(*sys.argv[1:])
