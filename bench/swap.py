#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Swaps the version of a model again and again while it and two others are under load, and counts what clients notice.

    bench/swap.py                      # 1,000 swaps, about two minutes
    bench/swap.py --swaps 50           # a quick look

The server has core 0, everything else core 1. First the three models are driven as fast as they go, to know what
100 % is. Then 70 % of those rates are sent at random times (open loop, so a stall is not hidden): once without swaps,
once while the `digits` model goes back and forth between its two versions through the repository API.

It must show: no failed request; every answer from one version, named rightly (its digest header, its model_version and
its numbers belong together); the p99 of the two neighbours within 1.2 times that of the quiet run; no request slower
than 10 ms. Exit status 1 if not. Latency depends on what else the machine does: see --first.
"""

import argparse
import hashlib
import json
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import measure
from measure import BenchError, Request

MODELS = measure.ROOT / "examples" / "models"
DATA = measure.ROOT / "examples" / "data"
SWAPPED = "digits"
VERSIONS = (1, 2)
BODIES = {SWAPPED: "digits_request.json", "breast_cancer": "breast_cancer_request.json",
          "breast_cancer_forest": "breast_cancer_request.json"}


@dataclass
class SwapResult:
    """What clients saw of a quiet run and of one with swaps."""

    swaps: int = 0
    failed: int = 0
    mixed: list = field(default_factory=list)  # answers in which version, digest and numbers do not belong together
    answers: int = 0
    answers_by_version: dict = field(default_factory=dict)
    rates: dict = field(default_factory=dict)  # requests a second by model
    quiet_p99_ms: dict = field(default_factory=dict)
    swap_p99_ms: dict = field(default_factory=dict)
    slowest_ms: float = 0
    quiet_slowest_ms: float = 0
    swap_ms: list = field(default_factory=list)  # how long each load call took
    errors: list = field(default_factory=list)

    def neighbours_ratio(self):
        return max(self.swap_p99_ms[model] / self.quiet_p99_ms[model] for model in BODIES if model != SWAPPED)

    def problems(self, most_ratio=1.2, slowest_ms=10.0):
        """What of the promise does not hold, in words."""
        found = []
        if self.failed:
            found.append(f"{self.failed} requests failed: {self.errors[:3]}")
        if self.mixed:
            found.append(f"{len(self.mixed)} kinds of answers mix versions: {self.mixed[0]}")
        if set(self.answers_by_version) != set(VERSIONS):
            found.append(f"expected answers of versions {VERSIONS}, got {self.answers_by_version}")
        if most_ratio and self.neighbours_ratio() > most_ratio:
            found.append(f"neighbours' p99 is {self.neighbours_ratio():.2f} times the quiet one, expected {most_ratio}")
        if slowest_ms and self.slowest_ms > slowest_ms:
            found.append(f"the slowest request took {self.slowest_ms:.1f} ms, expected {slowest_ms:g}")
        return found


def request_for(model):
    return Request(f"/v2/models/{model}/infer", (DATA / BODIES[model]).read_bytes())


def use_version(server, version):
    """Serves that version of the model alone; the call returns when it does. Returns how long it took, in ms."""
    began = time.monotonic()
    config = json.dumps({"name": SWAPPED, "version_policy": {"specific": {"versions": [version]}}})
    server.json("POST", f"/v2/repository/models/{SWAPPED}/load", {"parameters": {"config": config}})
    return (time.monotonic() - began) * 1e3


def file_digest(version):
    content = (MODELS / SWAPPED / str(version) / "model.onnx").read_bytes()
    return "sha256:" + hashlib.sha256(content).hexdigest()


def outputs_of(body):
    return {output["name"]: output["data"] for output in json.loads(body)["outputs"]}


def reference_outputs(server):
    """What each version answers when nothing else happens."""
    reference = {}
    request = request_for(SWAPPED)
    for version in VERSIONS:
        use_version(server, version)
        status, headers, body = server.request("POST", request.path, request.body, request.headers)
        if status != 200 or headers["slipway-model-digest"] != file_digest(version):
            raise BenchError(f"version {version}: status {status}, digest {headers['slipway-model-digest']}")
        reference[version] = outputs_of(body)
    if close(reference[VERSIONS[0]], reference[VERSIONS[1]]):
        raise BenchError("both versions answer alike, so a mix-up would not be seen")
    return reference


def close(one, other):
    """Whether two answers have the same outputs; the last digit depends on how rows were put into batches."""
    def flat(data):
        return [x for item in data for x in flat(item)] if isinstance(data, list) else [data]

    def alike(a, b):
        return a == b if isinstance(a, (str, bool)) else abs(a - b) <= 1e-5 * max(1, abs(a), abs(b))

    return one.keys() == other.keys() and all(
        len(flat(one[k])) == len(flat(other[k])) and all(map(alike, flat(one[k]), flat(other[k]))) for k in one)


def check_answers(report, reference, result):
    """Sorts the distinct answers of the swapped model by version; whatever does not fit together is `mixed`."""
    if report["other_distinct"]:
        result.mixed.append(f"{report['other_distinct']} answers beyond the first 64 kinds")
    for kind in report["distinct"]:
        version = int(json.loads(kind["body"])["model_version"])
        if kind["digest"] != file_digest(version) or not close(outputs_of(kind["body"]), reference[version]):
            result.mixed.append(f"{kind['count']} x {kind['digest'][:19]} {kind['body'][:200]}")
        result.answers_by_version[version] = result.answers_by_version.get(version, 0) + kind["count"]


def start_clients(args, server, folder, rates=None, seconds=3600):
    """One client for each model: closed loop, or open loop at the given rates."""
    clients = {}
    for model in BODIES:
        load = ["--rate", f"{rates[model]:.1f}"] if rates else []
        clients[model] = measure.start_client(
            args.binary, server.url, request_for(model), "--connections", args.connections, "--duration", f"{seconds}s",
            "--warmup", "500ms", "--distinct", *load, folder=folder)
    return clients


def finish_clients(clients, stop=False):
    if stop:
        for client in clients.values():
            client.send_signal(signal.SIGINT)
    return {model: measure.finish_client(client, timeout=120) for model, client in clients.items()}


def quiet_run(args, server, folder, result):
    busy = finish_clients(start_clients(args, server, folder, seconds=args.capacity_seconds))
    result.rates = {model: args.load * report["requests_per_s"] for model, report in busy.items()}
    quiet = finish_clients(start_clients(args, server, folder, result.rates, seconds=args.quiet_seconds))
    result.quiet_p99_ms = {model: report["latency_ms"]["p99"] for model, report in quiet.items()}
    result.quiet_slowest_ms = max(report["latency_ms"]["max"] for report in quiet.values())


def swap_run(args, server, folder, reference, result):
    clients = start_clients(args, server, folder, result.rates)
    time.sleep(1.0)  # their warm-up is over
    for number in range(args.swaps):
        took = use_version(server, VERSIONS[number % 2])
        result.swap_ms.append(took)
        time.sleep(max(0.0, args.interval_ms - took) / 1e3)
    result.swaps = args.swaps
    reports = finish_clients(clients, stop=True)
    for model, report in reports.items():
        result.failed += report["failed"] + report["unanswered"] + report["unsent"]
        result.errors += report["errors"]
        result.answers += report["answered"]
        result.swap_p99_ms[model] = report["latency_ms"]["p99"]
        result.slowest_ms = max(result.slowest_ms, report["latency_ms"]["max"])
    check_answers(reports[SWAPPED], reference, result)


def run_swaps(args):
    """The whole experiment. `args` has the fields that parse_arguments() gives."""
    result = SwapResult()
    with (tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder,
          measure.slipway_server(args.binary, MODELS, "--control", "explicit") as server):
        reference = reference_outputs(server)
        quiet_run(args, server, folder, result)
        swap_run(args, server, folder, reference, result)
        if not server.running():
            raise BenchError(f"the server has ended: {server.log_tail()}")
    return result


def print_result(result):
    median = sorted(result.swap_ms)[len(result.swap_ms) // 2]
    print(f"swaps                 {result.swaps:,}, each {median:.1f} ms (median), {max(result.swap_ms):.1f} ms (longest)")
    print(f"answers               {result.answers:,}, {result.failed} failed, {len(result.mixed)} kinds mixed; "
          f"{SWAPPED} by version {result.answers_by_version}")
    for model, rate in result.rates.items():
        print(f"{model:20}  {rate:,.0f} requests/s, p99 {result.quiet_p99_ms[model]:.2f} ms quiet, "
              f"{result.swap_p99_ms[model]:.2f} ms with swaps")
    print(f"neighbours' p99       x {result.neighbours_ratio():.2f} (target 1.2)")
    print(f"slowest request       {result.slowest_ms:.1f} ms (target 10); quiet run {result.quiet_slowest_ms:.1f} ms")


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=measure.default_binary())
    parser.add_argument("--swaps", type=int, default=1000, metavar="N")
    parser.add_argument("--interval-ms", type=float, default=100, metavar="MS", help="from one swap to the next")
    parser.add_argument("--load", type=float, default=0.7, metavar="SHARE", help="of what the server can do")
    parser.add_argument("--connections", type=int, default=8, metavar="N", help="of each of the three clients")
    parser.add_argument("--capacity-seconds", type=float, default=3, metavar="S")
    parser.add_argument("--quiet-seconds", type=float, default=10, metavar="S")
    parser.add_argument("--first", action="store_true", help="highest priority (nice -20), for a busy machine; needs root")
    return parser.parse_args(arguments)


def main():
    args = parse_arguments()
    measure.FIRST = args.first
    result = run_swaps(args)
    print(measure.machine())
    print_result(result)
    problems = result.problems()
    for problem in problems:
        print("MISSED:", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as problem_found:
        sys.exit(f"bench/swap.py: {problem_found}")
    except KeyboardInterrupt:
        sys.exit(130)
