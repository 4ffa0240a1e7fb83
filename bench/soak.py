#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps a server busy for an hour, as bad days do, and looks whether it stays as it was.

    bench/soak.py                              # an hour, then the control of 5 minutes
    bench/soak.py --minutes 10 --no-control    # a shorter look

The load: REST and gRPC at the same time to three models, at random times and at fixed rates; a new version of one of
them at the start of each minute; clients that go in the middle of a request or before its answer. Each second the
server's resident memory, descriptors and threads are read; each minute has a p99 of its own.

After the first fifth (caches fill, arenas grow) memory, descriptors and threads must be flat: their slope, which one
strange minute does not bend (Theil and Sen), times the time it was measured over is at most 2 % of the memory, two
descriptors, and less than one thread. The p99 of the last third of the minutes must be within 10 % of the first third's (medians).
No request of a client that stays may fail.

The control is the same server with a library that forgets one of twenty free() and leaves a descriptor open at one of
twenty close(). Memory and descriptors must fail the same checks there; a check that cannot fail would prove nothing.
Exit status 1 if anything is missed or the control is not caught.
"""

import argparse
import json
import os
import random
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import measure
from measure import BenchError

MODELS = measure.ROOT / "examples" / "models"
DATA = measure.ROOT / "examples" / "data"
BODIES = {"digits": "digits_request.json", "breast_cancer": "breast_cancer_request.json",
          "breast_cancer_forest": "breast_cancer_request.json"}
SWAPPED = "digits"
MOST_MEMORY_GROWTH = 0.02
MOST_DESCRIPTORS = 2.0
MOST_THREADS = 0.9
MOST_DRIFT = 1.10
RUDE_PER_S = 20
SAMPLE_S = 1.0


@dataclass
class Sample:
    """What the server held at a time, in seconds since the start of the load."""

    at: float
    memory_kb: int
    descriptors: int
    threads: int


@dataclass
class Soak:
    """What one run saw."""

    samples: list = field(default_factory=list)
    p99_ms: dict = field(default_factory=dict)  # by protocol, one for each segment
    answered: int = 0
    failed: int = 0
    errors: list = field(default_factory=list)
    rude: int = 0
    swaps: int = 0

    def settled(self):
        """The samples after the first fifth."""
        end = self.samples[-1].at
        return [sample for sample in self.samples if sample.at >= end / 5]

    def growth(self, name):
        """How much a number grew over the settled part, by its slope; and the slope, an hour."""
        settled = self.settled()
        per_second = slope([sample.at for sample in settled], [getattr(sample, name) for sample in settled])
        return per_second * (settled[-1].at - settled[0].at), per_second * 3600

    def drift(self, protocol):
        """The p99 of the last third of the segments by that of the first third."""
        values = self.p99_ms[protocol]
        third = max(1, len(values) // 3)
        return statistics.median(values[-third:]) / statistics.median(values[:third])

    def leaks(self):
        """Which of memory, descriptors and threads are not flat, in words."""
        found = []
        memory = statistics.median(sample.memory_kb for sample in self.settled())
        for name, most in (("memory_kb", MOST_MEMORY_GROWTH * memory), ("descriptors", MOST_DESCRIPTORS),
                           ("threads", MOST_THREADS)):
            grown, _ = self.growth(name)
            if grown > most:
                found.append(f"{name} grew by {grown:,.1f}, expected at most {most:,.1f}")
        return found

    def problems(self):
        found = self.leaks()
        for protocol in self.p99_ms:
            if self.drift(protocol) > MOST_DRIFT:
                found.append(f"{protocol}: the p99 of the end is {self.drift(protocol):.2f} of the beginning's, "
                             f"expected at most {MOST_DRIFT}")
        if self.failed:
            found.append(f"{self.failed} requests failed: {self.errors[:3]}")
        return found


def slope(times, values):
    """The median of the slopes between points half the series apart: linear in time, and no outlier bends it."""
    half = len(times) // 2
    slopes = [(values[i + half] - values[i]) / (times[i + half] - times[i]) for i in range(len(times) - half)]
    return statistics.median(slopes)


def read_sample(pid, began):
    status = Path(f"/proc/{pid}/status").read_text()
    threads = int(status[status.index("Threads:") + 8:].split()[0])
    return Sample(time.monotonic() - began, measure.memory_kb(pid)["Rss"], len(os.listdir(f"/proc/{pid}/fd")), threads)


class Background:
    """A function that is called again and again, `per_s` times a second, on a thread of its own."""

    def __init__(self, per_s, call):
        self._pause = 1 / per_s
        self._call = call
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.problem = None

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        try:
            while not self._stop.wait(self._pause):
                self._call()
        except (OSError, ValueError) as error:
            self.problem = error


def be_rude(server, dice):
    """One client that does not stay: it goes in the head, in the body or before the answer, properly or with a reset."""
    model = dice.choice(list(BODIES))
    body = (DATA / BODIES[model]).read_bytes()
    request = (f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: soak\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        if dice.random() < 0.5:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(request[:dice.choice([10, len(request) - 5, len(request)])])


def use_version(server, version):
    config = json.dumps({"name": SWAPPED, "version_policy": {"specific": {"versions": [version]}}})
    server.json("POST", f"/v2/repository/models/{SWAPPED}/load", {"parameters": {"config": config}})


def start_clients(args, server):
    rate = args.rate / len(BODIES)
    rest = [word for model, body in BODIES.items() for word in ("--target", f"{model}@{rate:.1f}:{DATA / body}")]
    grpc = [word for model in BODIES for word in ("--target", f"{model}@{rate:.1f}")]
    common = ("--connections", 4, "--duration", f"{args.segment_s}s", "--warmup", "0s")
    return {"REST": measure.start_bench(args.binary, server.url, *rest, *common),
            "gRPC": measure.start_bench(args.binary, server.url, "--protocol", "grpc", *grpc, *common)}


def run_segment(args, server, number, soak):
    clients = start_clients(args, server)
    use_version(server, 1 + number % 2)
    soak.swaps += 1
    for protocol, client in clients.items():
        report = measure.finish_client(client, timeout=args.segment_s + 60)
        soak.answered += report["answered"]
        soak.failed += report["failed"] + report["unanswered"]
        soak.errors += [] if not report["failed"] else [report["errors"]]
        soak.p99_ms.setdefault(protocol, []).append(report["latency_ms"]["p99"])
    grown = f"{soak.samples[-1].memory_kb / 1024:.1f} MB, {soak.samples[-1].descriptors} descriptors, " \
            f"{soak.samples[-1].threads} threads" if soak.samples else ""
    p99 = ", ".join(f"{protocol} p99 {values[-1]:.2f} ms" for protocol, values in soak.p99_ms.items())
    print(f"{number + 1:4}  {p99}; {grown}", file=sys.stderr, flush=True)


def run_soak(args, segments, env):
    soak = Soak()
    dice = random.Random(args.seed)
    with measure.slipway_server(args.binary, MODELS, "--control", "explicit", env=env) as server:
        began = time.monotonic()

        def sample():
            soak.samples.append(read_sample(server.pid, began))

        def rude():
            be_rude(server, dice)
            soak.rude += 1

        with Background(1 / SAMPLE_S, sample) as sampler, Background(RUDE_PER_S, rude) as rudeness:
            for number in range(segments):
                run_segment(args, server, number, soak)
        for background in (sampler, rudeness):
            if background.problem:
                raise BenchError(f"the server was gone: {background.problem}: {server.log_tail()}")
        if not server.running():
            raise BenchError(f"the server has ended: {server.log_tail()}")
    return soak


def leaking(folder, every=20):
    """The environment of a server that leaks at one of `every` calls."""
    library = Path(folder) / "leak.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", f"-DLEAK_EVERY={every}", "-o", library, Path(__file__).parent / "soak" / "leak.c"], check=True)
    return {"LD_PRELOAD": str(library)}


def print_result(soak):
    print(f"answers        {soak.answered:,}, {soak.failed} failed; {soak.swaps} swaps, {soak.rude:,} clients that went")
    for name, unit in (("memory_kb", "kB"), ("descriptors", ""), ("threads", "")):
        values = [getattr(sample, name) for sample in soak.settled()]
        grown, per_hour = soak.growth(name)
        print(f"{name:13}  {statistics.median(values):,.0f} {unit} (median); slope {per_hour:+,.2f} an hour, "
              f"{grown:+,.2f} over the run")
    for protocol, values in soak.p99_ms.items():
        print(f"{protocol} p99       {statistics.median(values):.2f} ms (median); end by beginning {soak.drift(protocol):.3f}")


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=measure.default_binary())
    parser.add_argument("--minutes", type=float, default=60, metavar="M")
    parser.add_argument("--control-minutes", type=float, default=5, metavar="M")
    parser.add_argument("--no-control", action="store_true")
    parser.add_argument("--segment-s", type=int, default=60, metavar="S", help="from one swap to the next")
    parser.add_argument("--rate", type=float, default=600, metavar="R", help="requests a second of each protocol")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


def main():
    args = parse_arguments()
    os.sched_setaffinity(0, {measure.CLIENT_CORE})
    soak = run_soak(args, max(5, round(args.minutes * 60 / args.segment_s)), {})
    print(measure.machine() + f", load average {os.getloadavg()[0]:.2f}")
    print_result(soak)
    problems = soak.problems()
    if not args.no_control:
        with tempfile.TemporaryDirectory() as folder:
            control = run_soak(args, max(5, round(args.control_minutes * 60 / args.segment_s)), leaking(folder))
        print("control, which leaks")
        print_result(control)
        caught = control.leaks()
        print("caught:", "; ".join(caught) or "nothing")
        problems += [f"the control's {name} was not caught" for name in ("memory_kb", "descriptors")
                     if not any(leak.startswith(name) for leak in caught)]
    return measure.tell(problems)


if __name__ == "__main__":
    measure.end_with(main)
