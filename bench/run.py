#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures what a request costs Slipway and prints a table: targets beside results.

    bench/run.py                          # about three minutes; needs build/release/bin/slipway
    bench/run.py --binary PATH --repetitions 7 --markdown docs/benchmarks.md
    bench/run.py --triton DIR             # also the real Triton that bench/peers/triton/build.sh DIR set up

The server runs on core 0, its client on core 1. Each repetition starts a new server (a start alone moves small numbers
by 5 to 25 %) and runs all cases; servers and clients alternate. A table entry is the median over repetitions.

"outside Run" is CPU per request less the engine's own time, from the server's statistics (compute_infer). That time
is read from a wall clock, so on a busy machine it holds what others did meanwhile; the least of all repetitions is
taken off, which errs against us.

"bare loop" is floor.c, a loop that receives and answers as many bytes without looking at them: what the kernel alone
costs on this machine, at this moment.

"idle memory" is the resident memory (RSS) of a server without models less what ONNX Runtime adds to a process that
loads it and makes an environment, measured in this Python interpreter with ctypes: RSS after less RSS before.
"""

import argparse
import datetime
import json
import random
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import measure
from measure import BenchError, Request

PIXELS = 224 * 224 * 3
FLOORS = {}  # case name -> CPU us per request of floor.c, one for each repetition
BEGIN, END = "<!-- bench/run.py: begin -->", "<!-- bench/run.py: end -->"


@dataclass
class Case:
    """One kind of request."""

    name: str
    model: str
    connections: int
    request: Request
    target_us: float
    outside_run: bool  # whether the target leaves out the engine's own time


def json_body(width, values):
    data = ",".join(values)
    return f'{{"inputs":[{{"name":"input","shape":[1,{width}],"datatype":"FP32","data":[{data}]}}]}}'.encode()


def binary_request(model, floats):
    header = json.dumps({"inputs": [{"name": "input", "shape": [1, len(floats)], "datatype": "FP32",
                                     "parameters": {"binary_data_size": 4 * len(floats)}}]}).encode()
    return Request(f"/v2/models/{model}/infer", header + struct.pack(f"<{len(floats)}f", *floats),
                   {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(header))})


def cases():
    rng = random.Random(1)
    path = "/v2/models/{}/infer".format
    small = json_body(30, [f"{rng.uniform(-2, 2):.4f}" for _ in range(30)])
    digits = json_body(PIXELS, [f"{rng.randrange(10)}.{rng.randrange(10)}" for _ in range(PIXELS)])
    return [
        Case("small JSON, 30 floats, end to end", "linear30", 32, Request(path("linear30"), small), 9, False),
        Case("binary tensor, 600 KB, outside Run", "image150k", 8,
             binary_request("image150k", [rng.random() for _ in range(PIXELS)]), 120, True),
        Case("JSON, 150,528 numbers, 600 KB, outside Run", "image150k", 8, Request(path("image150k"), digits), 1400, True),
        Case("reply of 1,000 floats as JSON, outside Run", "vector1000", 32,
             Request(path("vector1000"), json_body(1, ["0.7312"])), 32, True),
    ]


# --- single measurements -------------------------------------------------------------------------------------------


def ms_until(binary, arguments, wire):
    """From the start of the process to the first answer of 200 to `wire`."""
    port = measure.free_port()
    began = time.monotonic()
    with subprocess.Popen([str(binary), "serve", *map(str, arguments), "--listen", f"127.0.0.1:{port}"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          preexec_fn=measure.on_core(measure.SERVER_CORE)) as process:
        try:
            while time.monotonic() - began < 30:
                if answered(port, wire):
                    return (time.monotonic() - began) * 1e3
                time.sleep(0.0005)
        finally:
            process.terminate()
    raise BenchError("no answer within 30 s of the start")


def first_answer_ms(binary, case):
    """To an inference request."""
    head = "".join(f"{name}: {value}\r\n" for name, value in case.request.headers.items())
    wire = (f"POST {case.request.path} HTTP/1.1\r\nHost: localhost\r\n{head}"
            f"Content-Length: {len(case.request.body)}\r\nConnection: close\r\n\r\n").encode() + case.request.body
    return ms_until(binary, [measure.BENCH_MODELS / case.model / "1" / "model.onnx", "--name", case.model], wire)


def ready_ms(binary, folder):
    """Of a server with 1,000 models in its repository, ten of which are to be loaded."""
    repository = Path(folder) / "thousand"
    for number in range(1000):
        version = repository / f"model{number}" / "1"
        version.mkdir(parents=True, exist_ok=True)
        if not (version / "model.onnx").exists():
            shutil.copy(measure.BENCH_MODELS / "linear30" / "1" / "model.onnx", version)
    names = ",".join(f"model{number}" for number in range(0, 1000, 100))
    return ms_until(binary, [repository, "--control", "explicit", "--load", names],
                    b"GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")


def answered(port, wire):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(wire)
            return connection.recv(4096).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


ENVIRONMENT_PROBE = """
import ctypes, re, sys
def rss():
    return int(re.search(r"^Rss:\\s+(\\d+)", open("/proc/self/smaps_rollup").read(), re.M).group(1))
def dirty():
    return int(re.search(r"^Private_Dirty:\\s+(\\d+)", open("/proc/self/smaps_rollup").read(), re.M).group(1))
before = rss(), dirty()
library = ctypes.CDLL(sys.argv[1])
library.OrtGetApiBase.restype = ctypes.POINTER(ctypes.c_void_p * 2)
get_api = ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p * 4), ctypes.c_uint32)(library.OrtGetApiBase().contents[0])
create_env = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p))(
    get_api(17).contents[3])  # the fourth function of OrtApi, in every version
env = ctypes.c_void_p()
assert create_env(3, b"probe", ctypes.byref(env)) is None
print(rss() - before[0], dirty() - before[1])
"""


def onnxruntime_library(pid):
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        if "libonnxruntime" in line:
            return line.split(None, 5)[5]
    raise BenchError("the server has not loaded libonnxruntime")


def idle_memory_mb(binary):
    """(beyond ONNX Runtime's, ONNX Runtime's) resident megabytes of a server without models."""
    with measure.slipway_server(binary, measure.BENCH_MODELS, "--control", "explicit", "--load", "none") as server:
        time.sleep(0.3)
        whole = measure.memory_kb(server.pid)["Rss"]
        library = onnxruntime_library(server.pid)
    probe = subprocess.run([sys.executable, "-c", ENVIRONMENT_PROBE, library], capture_output=True, text=True, check=True)
    engine = int(probe.stdout.split()[0])
    return (whole - engine) / 1000, engine / 1000


# --- a whole run ---------------------------------------------------------------------------------------------------


def clients(binary, case, server, seconds, folder, names):
    """Each client as a function of how long it runs; None: the time of a measured run."""
    def slipway(brief):
        return measure.run_slipway_client(binary, server.url, case.request, case.connections, brief or seconds, folder)

    def wrk(brief):
        return measure.run_wrk_client(server.url, case.request, case.connections, max(1, round(brief or seconds)), folder)

    return {name: {"slipway": slipway, "wrk": wrk}[name] for name in names}


def peers(args):
    """Server name -> how to start it."""
    found = {"slipway": lambda: measure.slipway_server(args.binary, measure.BENCH_MODELS, *args.serve_option)}
    if args.triton:
        found["triton"] = lambda: triton_server(args.triton)
    return found


def triton_server(folder):
    port, grpc, metrics = measure.free_port(), measure.free_port(), measure.free_port()
    return measure.Server(
        [Path(folder) / "start.sh", measure.BENCH_MODELS, "--backend-config=default-max-batch-size=0",
         "--http-thread-count=2"],
        port, env={"HP": str(port), "GP": str(grpc), "MP": str(metrics)})


def floor_program(folder):
    """bench/floor.c, compiled; None without a compiler."""
    compiler = next((name for name in ("cc", "gcc", "clang") if measure.have(name)), None)
    if compiler is None:
        return None
    program = Path(folder) / "floor"
    subprocess.run([compiler, "-O2", "-o", program, Path(__file__).with_name("floor.c")], check=True)
    return program


def floor_us(program, case, args, folder):
    """CPU per request of a loop that only receives and answers as many bytes."""
    answer_bytes = {"vector1000": 11_000}.get(case.model, 130)
    port = measure.free_port()
    with measure.Server([program, port, answer_bytes], port, ready_path="/") as server:
        return measure.run_load(
            server, lambda brief: measure.run_slipway_client(args.binary, server.url, case.request, case.connections,
                                                             brief or args.seconds, folder)).cpu_us


def measure_loads(args, folder):
    """{(server, case name, client): [Load, ...]}"""
    client_names = [name for name in args.clients.split(",") if name == "slipway" or measure.have(name)]
    loads = {}
    floor = floor_program(folder) if "slipway" in client_names else None
    for repetition in range(args.repetitions):
        for case in cases() if floor else []:
            case_floor = floor_us(floor, case, args, folder)
            FLOORS.setdefault(case.name, []).append(case_floor)
            progress(f"{repetition + 1}/{args.repetitions} floor: {case.name}: {case_floor:,.2f} us CPU")
        for server_name, start in peers(args).items():
            with start() as server:
                for case in cases():
                    for name, client in clients(args.binary, case, server, args.seconds, folder, client_names).items():
                        load = measure.run_load(server, client, model=case.model)
                        loads.setdefault((server_name, case.name, name), []).append(load)
                        progress(f"{repetition + 1}/{args.repetitions} {server_name} <- {name}: {case.name}: "
                                 f"{load.cpu_us:,.2f} us CPU, {load.infer_us:,.2f} us in Run, "
                                 f"{load.per_second:,.0f}/s, others on the core {load.others_core_share:.0%}")
    return loads


def progress(line):
    print(line, file=sys.stderr, flush=True)


def spread(values, form):
    return f"{form(min(values))} to {form(max(values))}"


def row(what, target, values, at_most, form, note=""):
    middle = statistics.median(values)
    met = middle <= target if at_most else middle >= target
    return [what, f"{'<=' if at_most else '>='} {form(target)}", form(middle), spread(values, form),
            "met" if met else "MISSED", note]


def microseconds(value):
    return f"{value:,.1f} us" if value < 100 else f"{value:,.0f} us"


def load_rows(case, server, client, loads):
    """The table's rows about one kind of request from one client."""
    runs = loads[server, case.name, client]
    infer = min(run.infer_us for run in runs) if case.outside_run else 0
    note = (f"p50 {statistics.median(r.p50_ms for r in runs):.2f} ms, p99 {statistics.median(r.p99_ms for r in runs):.1f} ms"
            + (f"; whole {microseconds(statistics.median(r.cpu_us for r in runs))}, Run {microseconds(infer)}"
               if case.outside_run else ""))
    if case.name in FLOORS:
        note += f"; bare loop {microseconds(statistics.median(FLOORS[case.name]))}"
    label = case.name + ("" if server == "slipway" else f", {server}") + ("" if client == "slipway" else f", {client}")
    rows = [row(label, case.target_us, [r.cpu_us - infer for r in runs], True, microseconds, note)]
    if case.name.startswith("small"):
        per_core = [1e6 / r.cpu_us for r in runs]
        seen = statistics.median(r.per_second for r in runs)
        rows.append(row(label.replace("end to end", "predictions/s of one core"), 100_000, per_core, False,
                        "{:,.0f}".format, f"{seen:,.0f}/s seen by the client"))
    if server != "slipway":
        for one in rows:
            one[1] = one[4] = ""
    return rows


def all_rows(args, loads):
    rows = []
    for case in cases():
        for server, name, client in loads:
            if name == case.name:
                rows += load_rows(case, server, client, loads)
    memory = [idle_memory_mb(args.binary) for _ in range(args.repetitions)]
    engine = statistics.median(m[1] for m in memory)
    rows.append(row("idle memory beyond ONNX Runtime's", 8, [m[0] for m in memory], True, "{:.1f} MB".format,
                    f"ONNX Runtime's own: {engine:.1f} MB"))
    starts = [first_answer_ms(args.binary, cases()[0]) for _ in range(max(args.repetitions, 5))]
    rows.append(row("start to first answer", 80, starts, True, "{:.0f} ms".format, "linear30"))
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        readies = [ready_ms(args.binary, folder) for _ in range(args.repetitions)]
    rows.append(row("start to ready, 10 of 1,000 models", 5000, readies, True, "{:.0f} ms".format))
    return rows


TITLES = ["case", "target", "median", "range", "", "note"]


def text_table(rows):
    widths = [max(len(line[i]) for line in [TITLES, *rows]) for i in range(len(TITLES))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in [TITLES, *rows])


def markdown_table(rows):
    lines = ["| " + " | ".join(TITLES) + " |", "|" + "---|" * len(TITLES)]
    return "\n".join(lines + ["| " + " | ".join(line) + " |" for line in rows])


def header(args, loads):
    others = statistics.median(run.others_core_share for runs in loads.values() for run in runs)
    lines = [f"{datetime.date.today()}: {measure.machine()}", measure.versions(args.binary),
             f"{args.repetitions} starts, {args.seconds:g} s a case; server on core {measure.SERVER_CORE}, "
             f"client on core {measure.CLIENT_CORE}{', both at nice -20' if args.first else ''}; others used {others:.0%} of the server's core meanwhile (median)"]
    if measure.CLIENT_CORE == measure.SERVER_CORE:
        lines.append("one core only: server and client share it, so rates and latencies mean little")
    return lines


def write_markdown(path, lines, rows):
    """Replaces what stands between the two marks in `path`."""
    text = Path(path).read_text()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    facts = "\n".join(f"- {line}" for line in lines)
    Path(path).write_text(f"{before}{BEGIN}\n{facts}\n\n{markdown_table(rows)}\n{END}{after}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=measure.default_binary())
    parser.add_argument("--first", action="store_true",
                        help="server and client get the highest priority (nice -20), for a busy machine; needs root")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N")
    parser.add_argument("--seconds", type=float, default=3, metavar="S", help="length of a measured run")
    parser.add_argument("--clients", default="slipway,wrk", metavar="NAMES", help="slipway, wrk or both (the default)")
    parser.add_argument("--serve-option", action="append", default=[], metavar="OPTION", help="for `slipway serve`")
    parser.add_argument("--triton", metavar="DIR", help="where bench/peers/triton/build.sh has put Triton")
    parser.add_argument("--markdown", metavar="FILE", help="put the table between the marks in this file")
    parser.add_argument("--json", metavar="FILE", help="write every single run here")
    return parser.parse_args()


def main():
    args = parse_arguments()
    if not args.binary.exists():
        sys.exit(f"{args.binary} does not exist; ./quickstart builds it, or --binary names another")
    measure.FIRST = args.first
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        loads = measure_loads(args, folder)
    rows = all_rows(args, loads)
    lines = header(args, loads)
    print("\n".join([*lines, "", text_table(rows)]))
    if args.markdown:
        write_markdown(args.markdown, lines, rows)
    if args.json:
        runs = [{"server": s, "case": c, "client": name, **vars(run)} for (s, c, name), all_runs in loads.items()
                for run in all_runs]
        Path(args.json).write_text(json.dumps({"header": lines, "rows": rows, "runs": runs}, indent=1))
    return 1 if any(line[4] == "MISSED" for line in rows) else 0


if __name__ == "__main__":
    measure.end_with(main)
