#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Offers a server up to ten times what it can do, and looks what the requests that it takes get of it.

    bench/overload.py                          # four minutes
    bench/overload.py --seconds 3              # a quick look
    bench/overload.py --model text             # one of the two models
    bench/overload.py --objective-ms 0         # without an objective: the server finds out by itself
    bench/overload.py --protocol grpc          # calls side by side on few connections
    bench/overload.py --json FILE              # the figures as well

One server on one core, a model that is asked one row at a time, and an objective of three to five times what a server with
little to do takes (p99). What it can do is what the best of 4 to 32 closed-loop connections get; with more, some are
refused, and ask again at once. Then requests are due at random times at 0.5 to 10 times that rate, whatever the server
does. Goodput counts answers; a refused request (429) is none.

image: a convolutional net of 6 MB, less than a millisecond a row. At 10 times, refusals alone come by the ten thousand
       a second.
text:  an encoder of 6 layers over 64 tokens, some milliseconds a row.

- goodput at 10 times is at least 90 % of the best rate's;
- the p99 of answers is at most twice that of a server at 0.3 of its capacity, and one batch (half of the objective, or 100 ms);
- refusals come within 5 ms (p99);
- after 10 times, at half the capacity: all requests are answered as before in less than 2 s;
- two small models at a fixed rate beside it: their p99 with it at 10 times is at most 1.3 times that with it at 0.5.

Exit status 1 if anything is missed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import measure
from measure import BenchError
from memory_cycles import make_models

IMAGE = "conv_6mb"
TEXT = "encoder"
MODELS = {"image": IMAGE, "text": TEXT}
OBJECTIVE_MS = {IMAGE: 12, TEXT: 50}
CLOSED_LOOPS = (4, 8, 16, 32)
CONNECTIONS_SIDE_BY_SIDE = 8
REFUSED = {"rest": "status 429", "http2": "status 429", "grpc": "grpc RESOURCE_EXHAUSTED"}
FACTORS = (0.5, 0.9, 1.0, 1.5, 2.0, 4.0, 10.0)
NEIGHBOURS = {"breast_cancer": "breast_cancer_request.json", "digits": "digits_request.json"}
NEIGHBOUR_RATE = 500
LEAST_GOODPUT = 0.9
MOST_REFUSAL_MS = 5.0
MOST_RECOVERY_S = 2.0
MOST_NEIGHBOUR = 1.3
MOST_BATCH_MS = 100  # without an objective


@dataclass
class Run:
    """One offered rate and what came of it."""

    factor: float
    offered_per_s: float
    goodput_per_s: float
    refused: int
    other_failures: int
    p99_ms: float
    refusal_p99_ms: float
    cpu_cores: float


@dataclass
class Overload:
    model: str
    capacity_per_s: float = 0
    unloaded_p99_ms: float = 0
    objective_ms: float = 0
    runs: list = field(default_factory=list)
    good_second_s: float = 0  # when the first began
    recovery_s: float = 0
    neighbour_p99_ms: dict = field(default_factory=dict)  # by model: beside 0.5, beside 10 times

    def most_p99_ms(self):
        return 2 * self.unloaded_p99_ms + (self.objective_ms / 2 or MOST_BATCH_MS)

    def problems(self):
        found = []
        best = max(run.goodput_per_s for run in self.runs)
        last = self.runs[-1]
        if last.goodput_per_s < LEAST_GOODPUT * best:
            found.append(f"goodput at {last.factor:g} times is {last.goodput_per_s / best:.0%} of the best, expected {LEAST_GOODPUT:.0%}")
        for run in self.runs:
            if run.p99_ms > self.most_p99_ms():
                found.append(f"p99 at {run.factor:g} times is {run.p99_ms:.1f} ms, expected at most {self.most_p99_ms():.1f} ms")
            if run.refusal_p99_ms > MOST_REFUSAL_MS:
                found.append(f"refusals at {run.factor:g} times take {run.refusal_p99_ms:.1f} ms (p99), expected {MOST_REFUSAL_MS:g}")
            if run.other_failures:
                found.append(f"{run.other_failures} requests at {run.factor:g} times failed otherwise than by a refusal")
        if self.recovery_s > MOST_RECOVERY_S:
            found.append(f"it took {self.recovery_s:.1f} s to be as before, expected {MOST_RECOVERY_S:g}")
        for model, (quiet, loud) in self.neighbour_p99_ms.items():
            if loud > MOST_NEIGHBOUR * quiet:
                found.append(f"p99 of {model} is {loud / quiet:.2f} times that of a quiet neighbour, expected {MOST_NEIGHBOUR}")
        return found


def requests(args):
    """How the model is asked: one request at a time on each connection, or many side by side on a few."""
    return {"rest": ["--format", "binary"], "http2": ["--format", "binary", "--http2"], "grpc": ["--protocol", "grpc"]}[args.protocol]


def at_a_time(args, count):
    """So many requests at a time."""
    if args.protocol == "rest":
        return ["--connections", count]
    connections = min(count, CONNECTIONS_SIDE_BY_SIDE)
    return ["--connections", connections, "--outstanding", count // connections]


def offer(args, server, *options, warmup="500ms", gives_way=False):
    return measure.start_bench(args.binary, server.url, *requests(args), "--warmup", warmup, "--timeout", "10s", *options, gives_way=gives_way)


def finish(client, args):
    return measure.finish_client(client, timeout=args.seconds + 60)


def write_models(folder):
    make_models(folder)
    text = folder / TEXT / "1" / "model.onnx"
    text.parent.mkdir(parents=True)
    encoder = ("import pathlib, sys, numpy, make_models as make; make.encoder(pathlib.Path(sys.argv[1]), "
               "numpy.random.default_rng(make.SEED), layers=6, words=64, width=256)")
    subprocess.run([measure.fixture_python(), "-c", encoder, text], check=True,
                   cwd=measure.ROOT / "bench" / "batching")
    for model in NEIGHBOURS:
        (folder / model).symlink_to(measure.ROOT / "examples" / "models" / model)


def at_rate(args, server, model, rate, factor):
    report = finish(offer(args, server, "--model", model, "--rate", f"{rate:.1f}", *at_a_time(args, args.connections),
                          "--duration", f"{args.seconds}s"), args)
    refused = sum(error["count"] for error in report["errors"] if error["kind"] == REFUSED[args.protocol])
    others = report["failed"] - refused + report["unanswered"] + report["unsent"]
    return report, Run(factor, rate, report["requests_per_s"], refused, others, report["latency_without_send_delay_ms"]["p99"],
                       report.get("error_latency_ms", {}).get("p99", 0.0), report["server"]["cpu_cores"])


def seconds_to_recover(report, most_p99_ms):
    """When the first second began in which no request was refused and no answer was late, and when the last moment ended
    in which one was: a machine that stands still for a moment, long after, is in the latter only."""
    first_s = last_s = 0.0
    for moment in report["moments"]:
        if moment["failed"] or moment["p99"] > most_p99_ms:
            end_s = moment["at_s"] + moment["length_s"]
            if moment["at_s"] - last_s < 1 and first_s == last_s:
                first_s = end_s
            last_s = end_s
    return first_s, last_s


def neighbours_beside(args, server, model, rate):
    """The p99 of each small model while the big one is offered `rate`."""
    loud = offer(args, server, "--model", model, "--rate", f"{rate:.1f}", *at_a_time(args, args.connections),
                 "--duration", f"{args.seconds + 1}s", gives_way=True)
    data = measure.ROOT / "examples" / "data"
    targets = [word for name, body in NEIGHBOURS.items() for word in ("--target", f"{name}@{NEIGHBOUR_RATE}:{data / body}")]
    report = finish(measure.start_bench(args.binary, server.url, *targets, "--connections", 8, "--warmup", "500ms",
                                        "--duration", f"{args.seconds}s"), args)
    finish(loud, args)
    if report["failed"] or report["unanswered"]:
        raise BenchError(f"requests of the neighbours failed: {report['errors']}")
    return {target["name"]: target["latency_without_send_delay_ms"]["p99"] for target in report["targets"]}


def run_overload(args, server, found):
    for count in CLOSED_LOOPS:
        closed = finish(offer(args, server, "--model", found.model, *at_a_time(args, count), "--duration", f"{args.seconds / 2:g}s"), args)
        found.capacity_per_s = max(found.capacity_per_s, closed["requests_per_s"])
    _, unloaded = at_rate(args, server, found.model, 0.3 * found.capacity_per_s, 0.3)
    found.unloaded_p99_ms = unloaded.p99_ms
    for factor in FACTORS:
        _, run = at_rate(args, server, found.model, factor * found.capacity_per_s, factor)
        found.runs.append(run)
        print(f"{factor:5g} x {found.capacity_per_s:,.0f}/s: goodput {run.goodput_per_s:,.0f}/s, p99 {run.p99_ms:.1f} ms, "
              f"{run.refused:,} refused", file=sys.stderr, flush=True)
    after = offer(args, server, "--model", found.model, "--rate", f"{0.5 * found.capacity_per_s:.1f}", "--duration",
                  f"{args.seconds}s", *at_a_time(args, args.connections), warmup="0s")
    found.good_second_s, found.recovery_s = seconds_to_recover(finish(after, args), found.most_p99_ms())
    quiet, loud = (neighbours_beside(args, server, found.model, factor * found.capacity_per_s) for factor in (FACTORS[0], FACTORS[-1]))
    found.neighbour_p99_ms = {name: (quiet[name], loud[name]) for name in NEIGHBOURS}


def print_result(found):
    print(f"{found.model}: capacity {found.capacity_per_s:,.0f} rows/s; p99 at 0.3 of it {found.unloaded_p99_ms:.1f} ms, "
          f"so at most {found.most_p99_ms():.1f} ms")
    print(f"{'offered':>9} {'goodput/s':>10} {'of best':>8} {'p99 ms':>8} {'refused':>9} {'in ms (p99)':>12} {'cores':>6}")
    best = max(run.goodput_per_s for run in found.runs)
    for run in found.runs:
        print(f"{run.factor:7g} x {run.goodput_per_s:10,.0f} {run.goodput_per_s / best:8.0%} {run.p99_ms:8.1f} {run.refused:9,} "
              f"{run.refusal_p99_ms:12.2f} {run.cpu_cores:6.2f}")
    print(f"as before after 10 times: {found.recovery_s:.1f} s; the first good second began after {found.good_second_s:.1f} s")
    for model, (quiet, loud) in found.neighbour_p99_ms.items():
        print(f"p99 of {model}: {quiet:.2f} ms beside 0.5 times, {loud:.2f} ms beside 10 times ({loud / quiet:.2f})")


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=measure.default_binary())
    parser.add_argument("--model", choices=MODELS, help="default: each in turn")
    parser.add_argument("--seconds", type=int, default=8, metavar="S", help="of each run")
    parser.add_argument("--objective-ms", type=float, metavar="MS", help="default: 12 for image, 50 for text; 0: none")
    parser.add_argument("--connections", type=int, default=512, metavar="N", help="that send requests; http2, grpc: requests at a time")
    parser.add_argument("--cpu-weight", type=int, default=100, metavar="N", help="of the model, where 100 is what small models have")
    parser.add_argument("--protocol", choices=REFUSED, default="rest", help="http2, grpc: all on 8 connections")
    parser.add_argument("--first", action="store_true", help="highest priority (nice -20), for a busy machine; needs root")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args(arguments)


def main():
    args = parse_arguments()
    measure.FIRST = args.first
    os.sched_setaffinity(0, {measure.CLIENT_CORE})
    all_found = []
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        write_models(models)
        config = Path(folder) / "slipway.yaml"
        objective_ms = OBJECTIVE_MS if args.objective_ms is None else dict.fromkeys(OBJECTIVE_MS, args.objective_ms)
        settings = [f"{model}: {{objective: {ms:g}ms, cpu_weight: {args.cpu_weight}}}" for model, ms in objective_ms.items()]
        config.write_text(f"models: [{models}]\nmodel_settings: {{{', '.join(settings)}}}\n")
        for model in [MODELS[args.model]] if args.model else MODELS.values():
            all_found.append(Overload(model=model, objective_ms=objective_ms[model]))
            with measure.slipway_server(args.binary, config) as server:
                run_overload(args, server, all_found[-1])
                if not server.running():
                    raise BenchError(f"the server has ended: {server.log_tail()}")
    print(measure.machine() + f", load average {os.getloadavg()[0]:.2f}")
    for found in all_found:
        print_result(found)
    if args.json:
        args.json.write_text(json.dumps([asdict(found) for found in all_found], indent=1))
    return measure.tell([f"{found.model}: {problem}" for found in all_found for problem in found.problems()])


if __name__ == "__main__":
    measure.end_with(main)
