#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Floods a server as attackers flood HTTP/2, and measures what a good client and the server's memory see of it.

    bench/abuse.py                             # each flood for 60 s: about 9 minutes
    bench/abuse.py --seconds 5                 # a short look
    bench/abuse.py --floods rapid-reset,ping   # some of them

One server on one core. A good client asks a small model 200 times a second at random times over 8 connections; its p99
beside a flood must be at most twice what it was in the quiet before. The flood comes from a process on the other core that
stands back behind the good client; it connects again whenever the server closes the connection, as the server should.
Meanwhile the server's memory must not grow by more than 32 MB, and afterwards no descriptor may be left. Rapid resets
count: a million of them in 60 s is the aim, and the table says how many were sent. Exit status 1 if anything is missed.
"""

import argparse
import json
import multiprocessing
import os
import socket
import struct
import sys
import threading
import time
from dataclasses import asdict, dataclass

import measure
from measure import BenchError

MODEL = "breast_cancer"
MODELS = measure.ROOT / "examples" / "models"
BODY = measure.ROOT / "examples" / "data" / "breast_cancer_request.json"
GOOD_RATE = 200
MOST_P99_RATIO = 2.0
MOST_GROWTH_MB = 32
MOST_DESCRIPTORS = 2  # more than before, once the flood is over
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_STREAM, END_HEADERS = 1, 4
FRAMES_AT_ONCE = 500


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    """A field that is not put into the table of HPACK (RFC 7541 section 6.2.2), lengths below 127."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


# GET http /v2 of localhost: three entries of the static table and a literal authority.
REQUEST = b"\x82\x86" + literal(b":path", b"/v2") + literal(b":authority", b"localhost")


def rapid_resets():
    """Requests, each reset at once."""
    for first in range(1, 2**31 - 2 * FRAMES_AT_ONCE, 2 * FRAMES_AT_ONCE):
        yield b"".join(frame(HEADERS, END_HEADERS, stream, REQUEST) + frame(RST_STREAM, 0, stream, b"\0\0\0\x08")
                       for stream in range(first, first + 2 * FRAMES_AT_ONCE, 2))


def continuations():
    """One header block without an end."""
    yield frame(HEADERS, 0, 1, REQUEST)
    piece = frame(CONTINUATION, 0, 1, literal(b"x-a", b"b" * 100) * 10) * FRAMES_AT_ONCE
    while True:
        yield piece


def repeated(one):
    piece = one * FRAMES_AT_ONCE
    while True:
        yield piece


def empty_data():
    """A body that never gets any longer."""
    yield frame(HEADERS, END_HEADERS, 1, b"\x83\x86" + literal(b":path", b"/v2") + literal(b":authority", b"localhost"))
    yield from repeated(frame(DATA, 0, 1))


def hpack_bombs():
    """A field of 4 KB enters the table once, and is then named by single bytes."""
    name, value = b"x-bomb", b"v" * 4000
    entry = b"\x40" + bytes([len(name)]) + name + b"\x7f" + bytes([(len(value) - 127) & 127 | 128, (len(value) - 127) >> 7]) + value
    yield frame(HEADERS, END_HEADERS | END_STREAM, 1, REQUEST + entry)
    for stream in range(3, 2**31 - 1, 2):
        yield frame(HEADERS, END_HEADERS | END_STREAM, stream, REQUEST + b"\xbe" * 8000)


def unread_answers():
    """Requests for pages that nobody reads."""
    head = b"\x82\x86" + literal(b":path", b"/metrics") + literal(b":authority", b"localhost")
    for first in range(1, 2**31 - 200, 200):
        yield b"".join(frame(HEADERS, END_HEADERS | END_STREAM, stream, head) for stream in range(first, first + 200, 2))
        time.sleep(0.05)


FLOODS = {
    "rapid-reset": rapid_resets,
    "continuation": continuations,
    "settings": lambda: repeated(frame(SETTINGS, 0, 0)),
    "ping": lambda: repeated(frame(PING, 0, 0, b"12345678")),
    "empty-data": empty_data,
    "hpack-bomb": hpack_bombs,
    "unread": unread_answers,
}


def flood(name, port, seconds, counts):
    """Sends the flood over one connection after another; `counts`: pieces sent, connections."""
    os.nice(10)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                counts[1] += 1
                client.sendall(PREFACE + frame(SETTINGS, 0, 0))
                client.settimeout(1)
                for piece in FLOODS[name]():
                    client.sendall(piece)
                    counts[0] += 1
                    if time.monotonic() > end:
                        break
        except OSError:
            time.sleep(0.001)  # closed by the server, or not let in


@dataclass
class Outcome:
    """One flood and what was seen of it."""

    name: str
    pieces: int = 0
    connections: int = 0
    p99_before_ms: float = 0
    p99_ms: float = 0
    failed: int = 0
    growth_mb: float = 0
    descriptors_left: int = 0

    def problems(self):
        found = []
        if self.p99_ms > MOST_P99_RATIO * self.p99_before_ms:
            found.append(f"{self.name}: a good client's p99 is {self.p99_ms / self.p99_before_ms:.1f} times that before, "
                         f"expected {MOST_P99_RATIO:g}")
        if self.failed:
            found.append(f"{self.name}: {self.failed} requests of a good client failed")
        if self.growth_mb > MOST_GROWTH_MB:
            found.append(f"{self.name}: the server grew by {self.growth_mb:.0f} MB, expected at most {MOST_GROWTH_MB}")
        if self.descriptors_left > MOST_DESCRIPTORS:
            found.append(f"{self.name}: {self.descriptors_left} descriptors were left")
        return found


def good_client(args, server, seconds):
    report = measure.finish_client(measure.start_bench(
        args.binary, server.url, "--model", MODEL, "--input", BODY, "--rate", GOOD_RATE, "--connections", 8, "--warmup", "200ms",
        "--duration", f"{seconds}s"), timeout=seconds + 60)
    return report["latency_without_send_delay_ms"]["p99"], report["failed"] + report["unanswered"] + report["unsent"]


def descriptors(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


class PeakMemory(threading.Thread):
    """The most resident memory of the server while it runs."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.peak_kb, self.done = server, 0, threading.Event()

    def run(self):
        while not self.done.wait(0.2):
            self.peak_kb = max(self.peak_kb, measure.memory_kb(self.server.pid)["Rss"])


def measure_flood(args, server, name):
    outcome = Outcome(name)
    outcome.p99_before_ms, _ = good_client(args, server, max(2, args.seconds // 4))
    held, memory_kb = descriptors(server), measure.memory_kb(server.pid)["Rss"]
    counts = multiprocessing.Array("q", 2)
    peak = PeakMemory(server)
    peak.start()
    attacker = multiprocessing.Process(target=flood, args=(name, server.port, args.seconds + 1, counts))
    attacker.start()
    outcome.p99_ms, outcome.failed = good_client(args, server, args.seconds)
    attacker.join()
    peak.done.set()
    peak.join()
    outcome.pieces, outcome.connections = counts[0], counts[1]
    outcome.growth_mb = (peak.peak_kb - memory_kb) / 1024
    end = time.monotonic() + 15  # connections linger for 5 s, so that a client can read why
    while descriptors(server) > held + MOST_DESCRIPTORS and time.monotonic() < end:
        time.sleep(0.2)
    outcome.descriptors_left = descriptors(server) - held
    if not server.running():
        raise BenchError(f"{name}: the server has ended: {server.log_tail()}")
    return outcome


def print_outcomes(outcomes):
    print(f"{'flood':14} {'pieces':>10} {'connections':>12} {'p99 before':>11} {'beside':>9} {'failed':>7} {'grew MB':>8} {'fds left':>9}")
    for one in outcomes:
        print(f"{one.name:14} {one.pieces:10,} {one.connections:12,} {one.p99_before_ms:8.2f} ms {one.p99_ms:6.2f} ms "
              f"{one.failed:7} {one.growth_mb:8.1f} {one.descriptors_left:9}")
    resets = sum(one.pieces * FRAMES_AT_ONCE for one in outcomes if one.name == "rapid-reset")
    if resets:
        print(f"rapid resets offered: {resets:,}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=measure.default_binary())
    parser.add_argument("--seconds", type=int, default=60, metavar="S", help="of each flood")
    parser.add_argument("--floods", type=lambda text: text.split(","), default=list(FLOODS), metavar="NAME,...",
                        help=", ".join(FLOODS))
    parser.add_argument("--first", action="store_true", help="highest priority (nice -20), for a busy machine; needs root")
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    unknown = [name for name in args.floods if name not in FLOODS]
    if unknown:
        parser.error(f"no such flood: {', '.join(unknown)}; there are {', '.join(FLOODS)}")
    measure.FIRST = args.first
    os.sched_setaffinity(0, {measure.CLIENT_CORE})
    outcomes = []
    with measure.slipway_server(args.binary, MODELS) as server:
        good_client(args, server, 1)  # caches fill, arenas grow
        for name in args.floods:
            outcomes.append(measure_flood(args, server, name))
            print(f"{name}: done", file=sys.stderr, flush=True)
    print(measure.machine() + f", load average {os.getloadavg()[0]:.2f}")
    print_outcomes(outcomes)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as out:
            json.dump([asdict(one) for one in outcomes], out, indent=1)
    return measure.tell([problem for one in outcomes for problem in one.problems()])


if __name__ == "__main__":
    measure.end_with(main)
