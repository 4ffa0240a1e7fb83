#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Swaps the version of a model again and again while it and two others are under load, and counts what clients notice.

    bench/swap.py                      # 1,000 swaps, about four minutes
    bench/swap.py --swaps 50           # a quick look

The server has core 0; one client process, for all three models, has core 1. The load is set by the server's CPU: short
runs find the rate at which the server uses 70 % of its core, the same rate for each model, at random times (open loop, so
a stall is not hidden). That load runs once without swaps, and as long again while the `digits` model goes back and forth
between its two versions through the repository API.

It must show: no failed request; every answer from one version, named rightly (its digest header, its model_version and
its numbers belong together); the p99 of the two neighbours within 1.2 times that of the quiet run; no request slower
than 10 ms. Exit status 1 if not. Latency depends on what else the machine does: see --first. A virtual machine that its
host does not run for a while is seen by stalls.py; requests that met such a moment are shown and not held to the 10 ms.
"""

import argparse
import bisect
import hashlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import measure
import stalls
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
    slowest_own_ms: float = 0  # of those that met no stall of the machine
    quiet_slowest_own_ms: float = 0
    stall_ms: list = field(default_factory=list)  # how long the machine stood still, with swaps; None: not measured
    quiet_stall_ms: list = field(default_factory=list)
    swap_ms: list = field(default_factory=list)  # how long each load call took
    errors: list = field(default_factory=list)
    slowest: list = field(default_factory=list)  # in words
    server_share: float = 0  # of its core, in the quiet run
    client_share: float = 0  # of its core, with swaps
    sent_late_p99_ms: float = 0  # the client's own part of the latency
    quiet_own_p99_ms: dict = field(default_factory=dict)  # by model, without the client's own part
    swap_own_p99_ms: dict = field(default_factory=dict)
    swap_own_slowest_ms: float = 0

    def neighbours_ratio(self):
        return max(self.swap_p99_ms[model] / self.quiet_p99_ms[model] for model in BODIES if model != SWAPPED)

    def neighbours_own_ratio(self):
        """The same without what the client was late."""
        return max(self.swap_own_p99_ms[model] / self.quiet_own_p99_ms[model] for model in BODIES if model != SWAPPED)

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
        if slowest_ms and self.slowest_own_ms > slowest_ms:
            found.append(f"the slowest request took {self.slowest_own_ms:.1f} ms, expected {slowest_ms:g}")
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


def start_client(args, server, total_rate, seconds):
    """One client with the same rate for each model."""
    targets = [word for model in BODIES
               for word in ("--target", f"{model}@{total_rate / len(BODIES):.1f}:{DATA / BODIES[model]}")]
    return measure.start_bench(args.binary, server.url, *targets, "--connections", args.connections,
                               "--duration", f"{seconds}s", "--warmup", "500ms", "--distinct")


def run_client(args, server, total_rate, seconds):
    return measure.finish_client(start_client(args, server, total_rate, seconds), timeout=seconds + 60)


def targets_of(report):
    return {target["name"]: target for target in report["targets"]}


def calibrate(args, server):
    """The rate of all models together at which the server uses the wanted share of its core."""
    rate = args.first_rate
    for _ in range(6):
        busy, cpu, began = measure.core_busy_ns(server.core), server.cpu_ns(), time.monotonic_ns()
        report = run_client(args, server, rate, args.calibration_seconds)
        elapsed, spent = time.monotonic_ns() - began, server.cpu_ns() - cpu
        others = max(0, measure.core_busy_ns(server.core) - busy - spent) / elapsed
        used = report["server"]["cpu_cores"]
        print(f"calibration: {rate:,.0f} requests/s use {used:.0%} of the server's core (others {others:.0%}), "
              f"{report['client_cpu_cores']:.0%} of the client's; p99 {report['latency_ms']['p99']:.2f} ms",
              file=sys.stderr, flush=True)
        if report["client_cpu_cores"] > 0.9:
            raise BenchError("the client cannot send so much: --load sets a smaller share")
        if report["unsent"] or report["latency_ms"]["p50"] > 10:
            raise BenchError(f"the server falls behind at {used:.0%} of its core, of which others use {others:.0%}: "
                             "the machine is too busy for this; see --first")
        if abs(used / args.load - 1) < 0.05:
            return rate
        rate *= min(4, args.load / used)  # cost per request falls with the rate, so this comes from below
    return rate


def quiet_run(args, server, result):
    rate = calibrate(args, server)
    seconds = args.quiet_seconds or args.swaps * args.interval_ms / 1e3
    with stalls.StallMeter([measure.SERVER_CORE, measure.CLIENT_CORE]) as meter:
        report = run_client(args, server, rate, seconds)
    result.quiet_slowest_own_ms, result.quiet_stall_ms = slowest_without_stalls(report, meter)
    result.server_share = report["server"]["cpu_cores"]
    for model, target in targets_of(report).items():
        result.rates[model] = target["load"]["rate_per_s"]
        result.quiet_p99_ms[model] = target["latency_ms"]["p99"]
        result.quiet_own_p99_ms[model] = target["latency_without_send_delay_ms"]["p99"]
    result.quiet_slowest_ms = report["latency_ms"]["max"]
    return rate


def swap_again_and_again(args, server, result):
    """Returns when each swap began."""
    began = []
    for number in range(args.swaps):
        began.append(time.time())
        took = use_version(server, VERSIONS[number % 2])
        result.swap_ms.append(took)
        time.sleep(max(0.0, args.interval_ms - took) / 1e3)
    result.swaps = args.swaps
    return began


def swap_run(args, server, rate, reference, result):
    with stalls.StallMeter([measure.SERVER_CORE, measure.CLIENT_CORE]) as meter:
        client = start_client(args, server, rate, 3600)
        time.sleep(1.0)  # its warm-up is over
        began = swap_again_and_again(args, server, result)
        client.send_signal(signal.SIGINT)
        report = measure.finish_client(client, timeout=120)
    result.failed = report["failed"] + report["unanswered"] + report["unsent"]
    result.errors = report["errors"]
    result.answers = report["answered"]
    result.slowest_ms = report["latency_ms"]["max"]
    result.client_share = report["client_cpu_cores"]
    result.sent_late_p99_ms = report["send_delay_ms"]["p99"]
    targets = targets_of(report)
    result.swap_p99_ms = {model: target["latency_ms"]["p99"] for model, target in targets.items()}
    result.slowest = slowest_requests(report, meter, began, result.swap_ms)
    result.slowest_own_ms, result.stall_ms = slowest_without_stalls(report, meter)
    result.swap_own_p99_ms = {model: target["latency_without_send_delay_ms"]["p99"] for model, target in targets.items()}
    result.swap_own_slowest_ms = report["latency_without_send_delay_ms"]["max"]
    check_answers(targets[SWAPPED], reference, result)


def stall_of(report, meter, slow):
    """The stall of the machine that one of the slowest requests met, or None."""
    due = report["measured_from_unix_s"] + slow["due_s"]
    return meter.touches(due, due + slow["latency_ms"] / 1e3)


def slowest_without_stalls(report, meter):
    """The longest latency of a request that met no stall of the machine, and how long the stalls were, in ms."""
    if not meter.allowed:
        return report["latency_ms"]["max"], None
    own = [slow["latency_ms"] for target in report["targets"] for slow in target["slowest"]
           if stall_of(report, meter, slow) is None]
    return max(own, default=0.0), sorted(stall.seconds * 1e3 for stall in meter.stalls)


def slowest_requests(report, meter, began, took_ms):
    """The slowest requests in words: how long, of which model, when beside the nearest swap before it, and what it met."""
    slowest = sorted(((slow, target["name"]) for target in report["targets"] for slow in target["slowest"]),
                     key=lambda pair: -pair[0]["latency_ms"])
    lines = []
    for slow, model in slowest[:10]:
        due = report["measured_from_unix_s"] + slow["due_s"]
        swap = bisect.bisect_right(began, due) - 1
        when = "before the first swap"
        if swap >= 0:
            when = f"{(due - began[swap]) * 1e3:.1f} ms after swap {swap + 1} began, which took {took_ms[swap]:.1f} ms"
        stall = stall_of(report, meter, slow)
        met = f"; core {stall.core} stood still for {stall.seconds * 1e3:.1f} ms" if stall else ""
        lines.append(f"{slow['latency_ms']:.2f} ms, {model}, {when}; sent {slow['send_delay_ms']:.2f} ms late{met}")
    return lines


def run_swaps(args):
    """The whole experiment. `args` has the fields that parse_arguments() gives."""
    result = SwapResult()
    os.sched_setaffinity(0, {measure.CLIENT_CORE})  # the server's core is the server's
    with measure.slipway_server(args.binary, MODELS, "--control", "explicit") as server:
        reference = reference_outputs(server)
        rate = quiet_run(args, server, result)
        swap_run(args, server, rate, reference, result)
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
    print(f"client                {result.client_share:.0%} of its core, sent late by {result.sent_late_p99_ms:.2f} ms (p99); "
          f"server {result.server_share:.0%} of its core in the quiet run")
    print(f"neighbours' p99       x {result.neighbours_ratio():.2f} (target 1.2)")
    print(f"slowest request       {result.slowest_ms:.1f} ms; quiet run {result.quiet_slowest_ms:.1f} ms")
    print(f"the machine stood     {stalls_in_words(result.stall_ms)}; quiet run {stalls_in_words(result.quiet_stall_ms)}")
    print(f"slowest beside that   {result.slowest_own_ms:.1f} ms (target 10); quiet run {result.quiet_slowest_own_ms:.1f} ms")
    print(f"without the client's own delay: neighbours' p99 x {result.neighbours_own_ratio():.2f}, "
          f"slowest {result.swap_own_slowest_ms:.1f} ms")
    for line in result.slowest:
        print(f"  {line}")


def stalls_in_words(stall_ms):
    if stall_ms is None:
        return "unknown (needs root)"
    return f"{len(stall_ms)} times, {sum(stall_ms):.0f} ms, longest {max(stall_ms, default=0):.1f} ms"


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=measure.default_binary())
    parser.add_argument("--swaps", type=int, default=1000, metavar="N")
    parser.add_argument("--interval-ms", type=float, default=100, metavar="MS", help="from one swap to the next")
    parser.add_argument("--load", type=float, default=0.7, metavar="SHARE", help="of the server's core")
    parser.add_argument("--connections", type=int, default=8, metavar="N", help="for each of the three models")
    parser.add_argument("--first-rate", type=float, default=5000, metavar="R", help="where the calibration begins")
    parser.add_argument("--calibration-seconds", type=float, default=2, metavar="S")
    parser.add_argument("--quiet-seconds", type=float, metavar="S", help="default: as long as the swaps take")
    parser.add_argument("--first", action="store_true", help="highest priority (nice -20), for a busy machine; needs root")
    return parser.parse_args(arguments)


def main():
    args = parse_arguments()
    measure.FIRST = args.first
    result = run_swaps(args)
    print(measure.machine() + f", load average {os.getloadavg()[0]:.2f}")
    print_result(result)
    return measure.tell(result.problems())


if __name__ == "__main__":
    measure.end_with(main)
