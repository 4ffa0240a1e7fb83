#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What does the response cache cost a request that it does not know, and what does it save one that it does?

    bench/cache.py                          # about two minutes; needs build/release/bin/slipway
    bench/cache.py --seconds 1 --repetitions 1

CPU per request is the growth of the server's CPU clock divided by the answers, as everywhere here: the server runs on core
0 with one IO thread, `slipway bench` on core 1, and each repetition starts a new server. Three cases for each model:

  off    no cache
  miss   a cache with room for one answer, and 32 connections that each send another request: nearly every request is
         looked for, not found, run, and its answer copied into the cache, where it displaces another
  hit    a cache with room for all of them

For a model that takes long there is no `miss`: whoever has the one answer that is kept asks again and again meanwhile.

How many were hits comes from the server's statistics and is printed, since it is not left to hope. Exit status 1 when
fewer than 95 % of the requests of `hit` were hits, or more than 20 % of those of `miss`.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import measure

VARIANTS = 32
CASES = {"off": None, "miss": "1KiB", "hit": "64MiB"}
MOST_HITS, LEAST_HITS = 0.20, 0.95


@dataclass
class Model:
    """A model to ask, and requests for it that differ."""

    name: str
    path: Path
    bodies: list
    cases: tuple = tuple(CASES)


def body(name, width, rng):
    data = [round(rng.uniform(0, 16), 4) for _ in range(width)]
    tensor = {"name": name, "shape": [1, width], "datatype": "FP32", "data": data}
    return json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()


def models():
    rng = random.Random(1)
    return [
        Model("linear30", measure.BENCH_MODELS / "linear30", [body("input", 30, rng) for _ in range(VARIANTS)]),
        Model("breast_cancer_forest", measure.ROOT / "examples/models/breast_cancer_forest",
              [body("features", 30, rng) for _ in range(VARIANTS)]),
        Model("slow", measure.ROOT / "tests/models/engine/slow.onnx", [body("x", 1, rng) for _ in range(VARIANTS)],
              ("off", "hit")),
    ]


def cache_counts(server, model):
    found = server.json("GET", f"/v2/models/{model}/stats")["model_stats"][0]["inference_stats"]
    return found["cache_hit"]["count"], found["success"]["count"]


def one_load(args, model, room, folder):
    """The Load of one run, and the share of its requests that were answered without a run."""
    config = Path(folder) / "slipway.yaml"
    config.write_text("io_threads: 1\n" + (f"cache: {{max_bytes: {room}}}\n" if room else ""))
    targets = []
    for number, one in enumerate(model.bodies):
        file = Path(folder) / f"{model.name}-{number}.json"
        file.write_bytes(one)
        targets += ["--target", f"{model.name}:{file}"]
    with measure.slipway_server(args.binary, model.path, "--config", config) as server:

        def client(brief):
            report = measure.finish_client(measure.start_bench(
                args.binary, server.url, *targets, "--connections", 1, "--duration", f"{brief or args.seconds}s",
                "--warmup", "0"))
            latency = report["latency_ms"]
            return measure.Load(report["answered"], report["failed"] + report["unanswered"], report["requests_per_s"],
                                latency["p50"], latency["p99"], detail=report)

        client(0.5)
        before = cache_counts(server, model.name)
        load = measure.run_load(server, client)
        hits, answers = (now - then for now, then in zip(cache_counts(server, model.name), before))
        return load, hits / max(1, answers)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=measure.default_binary())
    parser.add_argument("--repetitions", type=int, default=3, metavar="N")
    parser.add_argument("--seconds", type=float, default=3, metavar="S", help="length of a measured run")
    args = parser.parse_args()
    problems = []
    print(f"{measure.machine()}\n{measure.versions(args.binary)}\n")
    print(f"{'model':22} {'case':5} {'CPU us':>9} {'beside off':>11} {'hits':>6} {'requests/s':>11}")
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        for model in models():
            off = 0
            for case in model.cases:
                runs = [one_load(args, model, CASES[case], folder) for _ in range(args.repetitions)]
                cpu = statistics.median(load.cpu_us for load, _ in runs)
                hits = statistics.median(share for _, share in runs)
                rate = statistics.median(load.per_second for load, _ in runs)
                off = cpu if case == "off" else off
                print(f"{model.name:22} {case:5} {cpu:9,.2f} {cpu - off:+11,.2f} {hits:6.1%} {rate:11,.0f}", flush=True)
                if (case == "hit" and hits < LEAST_HITS) or (case == "miss" and hits > MOST_HITS):
                    problems.append(f"{model.name}, {case}: {hits:.1%} hits")
    for problem in problems:
        print(f"not as it should be: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    measure.end_with(main)
