#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what a request costs over gRPC, HTTP/2 and TLS, and prints a table: targets beside results.

    bench/data_plane.py                   # about two minutes; needs build/release/bin/slipway, h2load, openssl and grpc++
    bench/data_plane.py --repetitions 5 --markdown docs/benchmarks.md

As in run.py the server runs on core 0, its client on core 1, each repetition starts a new server, and CPU per request is
the growth of the server's CPU clock divided by the answers. gRPC is driven by a client on grpc++ (data_plane/grpc_client.cc),
as services in C++ call each other, and by h2load, which packs what several streams have to say into one packet, as a proxy or
a busy client does. That h2load's calls succeed is read from the server's statistics, since it does not look at trailers.
"""

import argparse
import random
import re
import statistics
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import measure
import run
from measure import BenchError, Load, Request

BEGIN, END = "<!-- bench/data_plane.py: begin -->", "<!-- bench/data_plane.py: end -->"
INFER = "/inference.GRPCInferenceService/ModelInfer"
GRPC_HEADERS = {"content-type": "application/grpc", "te": "trailers"}


@dataclass
class Case:
    """One kind of request: by "h2load" (`outstanding` on each connection), "grpc++" (on all together) or "slipway"."""

    name: str
    model: str
    request: Request
    client: str
    connections: int
    outstanding: int
    target_us: float | None
    outside_run: bool = False
    tls: bool = False


def field(number, content):
    """A length-delimited field of a protobuf message."""
    def varint(value):
        out = bytearray()
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        return bytes(out) + bytes([value])

    return varint(number << 3 | 2) + varint(len(content)) + content


def grpc_request(model, floats, name="input"):
    """A ModelInfer call with one raw FP32 tensor of one row."""
    width = len(floats)
    shape = b"\x01" + (bytes([width]) if width < 128 else bytes([width & 127 | 128, width >> 7 & 127 | 128, width >> 14]))
    tensor = field(1, name.encode()) + field(2, b"FP32") + field(3, shape)
    message = field(1, model.encode()) + field(5, tensor) + field(7, struct.pack(f"<{width}f", *floats))
    return Request(INFER, b"\0" + struct.pack(">I", len(message)) + message, GRPC_HEADERS)


def cases():
    rng = random.Random(1)
    small = [rng.uniform(-2, 2) for _ in range(30)]
    json_small = Request("/v2/models/linear30/infer", run.json_body(30, [f"{x:.4f}" for x in small]))
    grpc_small = grpc_request("linear30", small)
    grpc_large = grpc_request("image150k", [rng.random() for _ in range(run.PIXELS)])
    return [
        Case("gRPC small, 32 calls on 4 channels, grpc++", "linear30", grpc_small, "grpc++", 4, 32, 8),
        Case("gRPC small, 8 calls on each of 4 connections", "linear30", grpc_small, "h2load", 4, 8, 4),
        Case("gRPC small, 1 call on each of 32 connections", "linear30", grpc_small, "h2load", 32, 1, None),
        Case("gRPC raw tensor, 600 KB, outside Run, 8 calls on 4 channels, grpc++", "image150k", grpc_large, "grpc++", 4, 8, 120,
             outside_run=True),
        Case("gRPC raw tensor, 600 KB, outside Run, 1 call on each of 8 connections", "image150k", grpc_large, "h2load", 8, 1, None,
             outside_run=True),
        Case("HTTP/2 small JSON, 8 on each of 4 connections", "linear30", json_small, "h2load", 4, 8, None),
        Case("HTTP/1.1 small JSON over TLS", "linear30", json_small, "slipway", 32, 1, 9.5, tls=True),
    ]


def h2load(case, url, seconds, folder):
    body = Path(folder) / "h2load-body"
    body.write_bytes(case.request.body)
    headers = [word for name, value in case.request.headers.items() for word in ("-H", f"{name}: {value}")]
    done = subprocess.run(
        ["h2load", "-t1", f"-c{case.connections}", f"-m{case.outstanding}", "-D", f"{seconds:g}", "-d", body, *headers,
         url + case.request.path], capture_output=True, text=True, check=True,
        preexec_fn=measure.on_core(measure.CLIENT_CORE))
    counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed", done.stdout)
    rate = re.search(r"([\d.]+) req/s", done.stdout)
    if not counts or not rate:
        raise BenchError(f"h2load: {done.stdout}{done.stderr}")
    return Load(int(counts[2]), int(counts[3]), float(rate[1]), 0, 0)


def build_grpc_client(folder):
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "grpc++"], capture_output=True, text=True, check=True).stdout.split()
    source = measure.ROOT / "bench" / "data_plane" / "grpc_client.cc"
    subprocess.run(["g++", "-std=c++20", "-O2", "-o", Path(folder) / "grpc_client", source, *flags], check=True)


def grpc_client(case, url, seconds, folder):
    message = Path(folder) / "message"
    message.write_bytes(case.request.body[5:])  # without the frame's head
    done = subprocess.run(
        [Path(folder) / "grpc_client", url.removeprefix("http://"), case.request.path, message, str(case.connections),
         str(case.outstanding), str(seconds)], capture_output=True, text=True, check=True,
        preexec_fn=measure.on_core(measure.CLIENT_CORE))
    succeeded, failed, took = re.fullmatch(r"(\d+) succeeded, (\d+) failed, ([\d.]+) seconds\n", done.stdout).groups()
    return Load(int(succeeded), int(failed), int(succeeded) / float(took), 0, 0)


def one_load(case, server, args, folder, certificate):
    def client(brief):
        seconds = max(1, brief or args.seconds)
        if case.client == "h2load":
            return h2load(case, server.url, seconds, folder)
        if case.client == "grpc++":
            return grpc_client(case, server.url, seconds, folder)
        report = measure.finish_client(measure.start_client(
            args.binary, server.url.replace("http:", "https:"), case.request, "--connections", case.connections,
            "--duration", f"{seconds}s", "--warmup", "0", "--cacert", certificate, folder=folder))
        latency = report["latency_ms"]
        return Load(report["answered"], report["failed"] + report["unanswered"], report["requests_per_s"],
                    latency["p50"], latency["p99"], detail=report)

    before = server.infer_stats(case.model)[0]
    load = measure.run_load(server, client, warmup_seconds=1, model=case.model)
    succeeded = server.infer_stats(case.model)[0] - before
    if succeeded < load.requests:  # the warm-up's come on top
        raise BenchError(f"{case.name}: {load.requests} answers, but only {succeeded} inferences succeeded")
    return load


def make_certificate(folder):
    """A P-256 certificate that vouches for itself, and its key."""
    certificate, key = Path(folder) / "cert.pem", Path(folder) / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    key.chmod(0o600)
    return certificate, key


def measure_loads(args, folder):
    certificate, key = make_certificate(folder)
    loads = {}
    for repetition in range(args.repetitions):
        for case in cases():
            options = ["--tls-cert", certificate, "--tls-key", key] if case.tls else []
            if case.tls:  # the server's statistics and readiness are asked in the clear, on the same port
                config = Path(folder) / "slipway.yaml"
                config.write_text("tls:\n  allow_plaintext: true\n")
                options += ["--config", config]
            with measure.slipway_server(args.binary, measure.BENCH_MODELS, *options) as server:
                load = one_load(case, server, args, folder, certificate)
            loads.setdefault(case.name, []).append(load)
            print(f"{repetition + 1}/{args.repetitions} {case.name}: {load.cpu_us:,.2f} us CPU, "
                  f"{load.infer_us:,.2f} us in Run, {load.per_second:,.0f}/s", file=sys.stderr, flush=True)
    return loads


def rows_of(case, loads):
    infer = min(one.infer_us for one in loads) if case.outside_run else 0
    note = f"{statistics.median(one.per_second for one in loads):,.0f}/s seen by the client"
    if case.outside_run:
        note += f"; whole {run.microseconds(statistics.median(one.cpu_us for one in loads))}, Run {run.microseconds(infer)}"
    row = run.row(case.name, case.target_us or 0, [one.cpu_us - infer for one in loads], True, run.microseconds, note)
    if case.target_us is None:
        row[1] = row[4] = ""
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=measure.default_binary())
    parser.add_argument("--repetitions", type=int, default=3, metavar="N")
    parser.add_argument("--seconds", type=float, default=3, metavar="S", help="length of a measured run")
    parser.add_argument("--markdown", metavar="FILE", help="put the table between the marks in this file")
    args = parser.parse_args()
    for program in ("h2load", "openssl", "g++", "pkg-config"):
        if not measure.have(program):
            raise SystemExit(f"data_plane.py needs {program}; scripts/setup --bench installs it")
    if subprocess.run(["pkg-config", "--exists", "grpc++"]).returncode:
        raise SystemExit("data_plane.py needs the headers of grpc++; scripts/setup --bench installs them")
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        build_grpc_client(folder)
        loads = measure_loads(args, folder)
    rows = [rows_of(case, loads[case.name]) for case in cases()]
    print(run.text_table(rows))
    if args.markdown:
        text = Path(args.markdown).read_text()
        before, rest = text.split(BEGIN, 1)
        Path(args.markdown).write_text(before + BEGIN + "\n" + run.markdown_table(rows) + "\n" + END + rest.split(END, 1)[1])
    return 1 if any(row[4] == "MISSED" for row in rows) else 0


if __name__ == "__main__":
    measure.end_with(main)
