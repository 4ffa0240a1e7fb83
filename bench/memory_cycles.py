#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loads, uses and unloads four kinds of models again and again, and looks whether the memory comes back.

    bench/memory_cycles.py                       # 500 cycles and the control, some minutes
    bench/memory_cycles.py --cycles 40           # a quick look
    bench/memory_cycles.py --models DIR          # models made before by make_engine_models.py --big DIR

In each cycle every model (a dense net and a convolutional one of 6 to 8 MB, a thousand trees, a dictionary of 50,000
words) is loaded, asked once and unloaded; then the server's resident memory is read. The median of the last five
cycles must be within 5 % of cycle 10 (the median of cycles 8 to 12).

The control does the same but leaves one small model behind in each cycle. The same check must find that; a check that
cannot fail would prove nothing. Exit status 1 if memory grows or the control is not caught.
"""

import argparse
import base64
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import measure
from measure import BenchError

WARM = 10
MOST_GROWTH = 0.05
INPUTS = {
    "mlp_8mb": {"datatype": "FP32", "shape": [1, 1024], "data": [0.5] * 1024},
    "conv_6mb": {"datatype": "FP32", "shape": [1, 3, 32, 32], "data": [0.5] * 3072},
    "trees_1000": {"datatype": "FP32", "shape": [1, 30], "data": [0.5] * 30},
    "strings_50k": {"datatype": "BYTES", "shape": [1, 2], "data": ["abcdefghijkl", "no such word"]},
}
LEFT_BEHIND = measure.ROOT / "examples" / "models" / "digits" / "2" / "model.onnx"


def make_models(folder):
    """The four models, made by the module that makes all engine fixtures."""
    fixtures = measure.ROOT / "scripts" / "fixtures"
    subprocess.run([measure.fixture_python(), "-c",
                    "import pathlib, sys, engine_big; engine_big.write_big(pathlib.Path(sys.argv[1]))", folder],
                   check=True, cwd=fixtures, stdout=subprocess.DEVNULL)


def wait_unloaded(server, models):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        index = server.json("POST", "/v2/repository/index")
        if not any(entry.get("state") in ("READY", "UNLOADING") and entry["name"] in models for entry in index):
            return
        time.sleep(0.01)
    raise BenchError(f"still not unloaded after 30 s: {index}")


def cycle(server):
    """Each model comes, answers once and goes. Returns the resident kilobytes that stay."""
    for model, tensor in INPUTS.items():
        server.json("POST", f"/v2/repository/models/{model}/load")
        server.json("POST", f"/v2/models/{model}/infer", {"inputs": [{"name": "input", **tensor}]})
        server.json("POST", f"/v2/repository/models/{model}/unload")
    wait_unloaded(server, INPUTS)
    return measure.memory_kb(server.pid)["Rss"]


def leave_model(server, number):
    """The leak of the control: one more loaded model, under a name of its own."""
    server.json("POST", f"/v2/repository/models/left_{number}/load", {"parameters": {
        "config": json.dumps({"name": f"left_{number}"}),
        "file:1/model.onnx": base64.b64encode(LEFT_BEHIND.read_bytes()).decode()}})


def growth(samples):
    """How much larger the last cycles are than cycle 10, as a share. Medians of five, as one may catch a load."""
    warm = statistics.median(samples[WARM - 3:WARM + 2])
    return statistics.median(samples[-5:]) / warm - 1


def run_cycles(binary, models, cycles, leak=False, each=lambda number, kilobytes: None):
    """Resident kilobytes after each cycle."""
    if cycles < WARM + 10:
        raise BenchError(f"{cycles} cycles are too few to compare with cycle {WARM}")
    samples = []
    with measure.slipway_server(binary, models, "--control", "explicit", "--load", "none", core=None) as server:
        for number in range(1, cycles + 1):
            if leak:
                leave_model(server, number)
            samples.append(cycle(server))
            each(number, samples[-1])
    return samples


def show(label, cycles):
    def print_some(number, kilobytes):
        if number in (1, WARM) or number % max(1, cycles // 10) == 0:
            print(f"{label:8} cycle {number:4}: {kilobytes / 1024:.1f} MiB", flush=True)
    return print_some


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=measure.default_binary())
    parser.add_argument("--cycles", type=int, default=500, metavar="N")
    parser.add_argument("--control-cycles", type=int, default=100, metavar="N", help="of the leaking control; 0: skip it")
    parser.add_argument("--models", type=Path, metavar="DIR")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write every sample here, as JSON")
    return parser.parse_args()


def main():
    args = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        models = args.models or Path(folder)
        if not args.models:
            make_models(models)
        samples = run_cycles(args.binary, models, args.cycles, each=show("cycles", args.cycles))
        control = []
        if args.control_cycles:
            control = run_cycles(args.binary, models, args.control_cycles, leak=True,
                                 each=show("control", args.control_cycles))
    if args.output:
        args.output.write_text(json.dumps({"kilobytes": samples, "control_kilobytes": control}))
    good = growth(samples) <= MOST_GROWTH
    print(f"{args.cycles} cycles: {growth(samples):+.1%} against cycle {WARM} (at most {MOST_GROWTH:+.0%}): "
          f"{'met' if good else 'MISSED'}")
    if control:
        caught = growth(control) > MOST_GROWTH
        print(f"leaking control: {growth(control):+.1%}: {'caught, as it must be' if caught else 'NOT CAUGHT'}")
        good = good and caught
    return 0 if good else 1


if __name__ == "__main__":
    measure.end_with(main)
