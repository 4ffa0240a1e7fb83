#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does saying the objective do as well as the best knobs, and is it held?

    bench/batching.py                   # about a quarter of an hour
    bench/batching.py --short           # three minutes: a smaller grid, one short round
    bench/batching.py --models mlp,cnn  # some of linear, mlp, trees, cnn, encoder
    bench/batching.py --json FILE       # the figures as well

For each model one server on one core serves the same file under many names: once with an objective and nothing else
("objective"), and once for each fixed setting of a grid of batching.max_rows x batching.max_delay x queue_threads, which
have no objective. Then, with requests of one row as binary tensors:

- what the model can do is the most that a closed loop gets from any of the fixed settings over as many connections as
  the load will come over (few are cheaper to serve), the less of two tries;
- requests are due at 70 % of that on average, whatever the server does: at random times (poisson), in bursts of 25 ms at
  twice that rate with as much of a pause between them (bursts), and over a day of some seconds whose rate swings by 35 %
  (day). For each, all fixed settings are tried, and that with the highest goodput, and of those within 1 % of it that with
  the lowest p99, is "best fixed". Goodput counts what is answered within the objective of having been due;
- then "objective" and "best fixed" take turns for the same load.

Expected, for each model and kind of arrival:
- in 99 % of the windows the p99 of what "objective" answers is within the objective. A window is a thirtieth of a run.
  Windows that met a stall of the machine (stalls.py, as root) are left out and counted;
- "objective" answers at least 95 % of what "best fixed" answers, in all and within the objective.

Exit status 1 if anything is missed.
"""

import argparse
import itertools
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import measure
import stalls
from measure import BenchError

MODELS = ("linear", "mlp", "trees", "cnn", "encoder")
GRID = {"rows": (1, 16, 64), "delay_ms": (0, 2, 10), "threads": (1, 2)}
SHORT_GRID = {"rows": (1, 64), "delay_ms": (0, 5), "threads": (1,)}
LOAD = 0.7
SWING = 0.35
SEED = 20261122
ADAPTIVE = "objective"
LEAST_WINDOWS = 0.99
LEAST_RATIO = 0.95
ARRIVALS = ("poisson", "bursts", "day")


@dataclass(frozen=True)
class Setting:
    rows: int
    delay_ms: int
    threads: int

    def name(self):
        return f"rows{self.rows}_delay{self.delay_ms}_threads{self.threads}"

    def yaml(self):
        return f"{{batching: {{max_rows: {self.rows}, max_delay: {self.delay_ms}ms}}, queue_threads: {self.threads}}}"


@dataclass
class Side:
    """What one setting made of one load; sums over rounds."""

    setting: str
    due: float = 0
    answered: float = 0
    good: float = 0
    seconds: float = 0
    cpu_s: float = 0
    windows: list = field(default_factory=list)  # p99 in ms
    stalled: int = 0  # windows left out
    chosen: list = field(default_factory=list)  # (window ms, rows, threads, inline) after each round

    def held(self, objective_ms):
        if not self.windows:
            return 1.0
        return sum(p99 <= objective_ms for p99 in self.windows) / len(self.windows)


@dataclass
class Case:
    model: str
    arrivals: str
    capacity_per_s: float
    objective_ms: float
    rate: float
    adaptive: Side
    fixed: Side

    def ratios(self):
        """Answers, and answers in time, of "objective" over those of the best fixed setting."""
        return (self.adaptive.answered / max(1, self.fixed.answered), self.adaptive.good / max(1, self.fixed.good))

    def problems(self):
        found = []
        held = self.adaptive.held(self.objective_ms)
        where = f"{self.model}, {self.arrivals}"
        if held < LEAST_WINDOWS:
            found.append(f"{where}: the p99 is within {self.objective_ms:g} ms in {held:.1%} of {len(self.adaptive.windows)} windows, "
                         f"expected {LEAST_WINDOWS:.0%} (best fixed setting: {self.fixed.held(self.objective_ms):.1%})")
        for what, ratio in zip(("throughput", "goodput"), self.ratios()):
            if ratio < LEAST_RATIO:
                found.append(f"{where}: {what} is {ratio:.1%} of that of {self.fixed.setting}, expected {LEAST_RATIO:.0%}")
        return found


def fixed_settings(grid):
    """The grid, without those that differ in what does not count: a batch of one row waits for nobody."""
    for rows, delay, threads in itertools.product(grid["rows"], grid["delay_ms"], grid["threads"]):
        if rows > 1 or delay == 0:
            yield Setting(rows, delay, threads)


def make_models(folder):
    subprocess.run([measure.fixture_python(), "-B", measure.ROOT / "bench" / "batching" / "make_models.py", folder],
                   check=True)


def make_repository(folder, model_file, settings, objective_ms):
    """The same model under the name of each setting, and the configuration that says what they mean."""
    models = folder / "models"
    lines = [f"models: [{models}]", "cache_dir: none", "model_settings:", f"  {ADAPTIVE}: {{objective: {objective_ms:g}ms}}"]
    lines += [f"  {setting.name()}: {setting.yaml()}" for setting in settings]
    for name in [ADAPTIVE, *(setting.name() for setting in settings)]:
        (models / name / "1").mkdir(parents=True)
        shutil.copy(model_file, models / name / "1" / "model.onnx")
    config = folder / "slipway.yaml"
    config.write_text("\n".join(lines) + "\n")
    return config


def write_day(path, rate, seconds):
    """Arrival times of a Poisson process whose rate swings once in `seconds`, lowest at the start."""
    draw = random.Random(SEED)
    most = rate * (1 + SWING)
    at, lines = 0.0, ["offset_s"]
    while (at := at + draw.expovariate(most)) < seconds:
        if draw.random() * most < rate * (1 - SWING * math.cos(2 * math.pi * at / seconds)):
            lines.append(f"{at:.6f}")
    path.write_text("\n".join(lines) + "\n")


def load_options(kind, rate, seconds, folder):
    """The options of `slipway bench` that offer `rate` in this way."""
    if kind == "day":
        trace = folder / f"day-{rate:.0f}-{seconds:g}.csv"
        if not trace.exists():
            write_day(trace, rate, seconds)
        return ["--trace", trace, "--warmup", "0s"]
    arrivals = "poisson" if kind == "poisson" else "on-off:25ms,25ms"
    return ["--rate", f"{rate:.1f}", "--arrivals", arrivals, "--duration", f"{seconds:g}s", "--warmup", "300ms"]


def run_bench(args, server, setting, *options):
    client = measure.start_bench(args.binary, server.url, "--format", "binary", "--model", setting, "--timeout", "10s", "--quiet",
                                 *options)
    return measure.finish_client(client, timeout=args.seconds * 4 + 60)


def closed_loop(args, server, setting):
    report = run_bench(args, server, setting, "--connections", args.connections, "--warmup", "200ms",
                       "--duration", f"{args.search_seconds}s")
    return report["requests_per_s"]


def share_within(latency, objective_ms):
    """The share of answers within the objective, by the curve of (share, ms)."""
    before = (0.0, 0.0)
    for share, ms in latency["curve"]:
        if ms > objective_ms:
            span = ms - before[1]
            return before[0] + (share - before[0]) * ((objective_ms - before[1]) / span if span > 0 else 0)
        before = (share, ms)
    return 1.0


def offer(args, server, setting, options, objective_ms):
    """One run of one setting, without its windows; and the client's report."""
    report = run_bench(args, server, setting, "--connections", args.connections, *options)
    side = Side(setting, due=report["requests"] + report["unsent"] + report["unanswered"], answered=report["answered"],
                seconds=report["elapsed_s"], cpu_s=report["server"]["cpu_cores"] * report["elapsed_s"])
    others = [error for error in report["errors"] if error["kind"] != "status 429"]
    if others:
        raise BenchError(f"requests of {setting} failed otherwise than by a refusal: {others}")
    if report["answered"]:
        side.good = report["answered"] * share_within(report["latency_ms"], objective_ms)
    return side, report


def add_windows(side, report, meter):
    """Those of the report; but those that met a stall of the machine are only counted."""
    for moment in report["moments"]:
        if not moment["answered"]:
            continue
        began = report["measured_from_unix_s"] + moment["at_s"]
        if meter.allowed and meter.touches(began, began + moment["length_s"]) is not None:
            side.stalled += 1
        else:
            side.windows.append(moment["p99"])


def add_up(total, one):
    for name in ("due", "answered", "good", "seconds", "cpu_s", "stalled"):
        setattr(total, name, getattr(total, name) + getattr(one, name))
    total.windows += one.windows
    total.chosen += one.chosen


def chosen_now(server):
    """What the objective has chosen, from the metrics: window in ms, rows, threads, whether rows run on the IO thread."""
    text = server.request("GET", "/metrics")[2].decode()

    def gauge(name):
        return float(re.search(rf'^{name}{{model="{ADAPTIVE}"[^}}]*}} (\S+)', text, re.M).group(1))
    return (gauge("slipway_model_batch_window_seconds") * 1e3, gauge("slipway_model_batch_rows_limit"),
            gauge("slipway_model_queue_threads"), gauge("slipway_model_inline"))


def search(args, server, settings, options, objective_ms):
    """The name of the fixed setting that does best."""
    tried = []
    for setting in settings:
        side, report = offer(args, server, setting.name(), options, objective_ms)
        tried.append((side.good, report["latency_ms"]["p99"] if side.answered else math.inf, setting.name()))
    most = max(good for good, _, _ in tried)
    return min((p99, name) for good, p99, name in tried if good >= 0.99 * most)[1]


def compare(args, server, case, options):
    for number in range(args.rounds):
        sides = [(ADAPTIVE, case.adaptive), (case.fixed.setting, case.fixed)]
        for setting, total in sides if number % 2 == 0 else reversed(sides):
            with stalls.StallMeter([measure.SERVER_CORE, measure.CLIENT_CORE]) as meter:
                one, report = offer(args, server, setting, options, case.objective_ms)
            add_windows(one, report, meter)
            if setting == ADAPTIVE:
                one.chosen.append(chosen_now(server))
            add_up(total, one)


def run_model(args, model, model_file, folder):
    settings = list(fixed_settings(SHORT_GRID if args.short else GRID))
    config = make_repository(folder, model_file, settings, args.objective_ms)
    cases = []
    with measure.slipway_server(args.binary, config) as server:
        closed = {setting.name(): closed_loop(args, server, setting.name()) for setting in settings}
        fastest, capacity = max(closed.items(), key=lambda item: item[1])
        capacity = min(capacity, closed_loop(args, server, fastest))  # twice: a machine has better moments
        rate = min(LOAD * capacity, args.most_rate)
        own = closed_loop(args, server, ADAPTIVE)
        print(f"{model}: {capacity:,.0f}/s ({fastest}), with the objective {own:,.0f}/s; offered {rate:,.0f}/s", file=sys.stderr,
              flush=True)
        for kind in ARRIVALS:
            best = search(args, server, settings, load_options(kind, rate, args.search_seconds, folder), args.objective_ms)
            case = Case(model, kind, capacity, args.objective_ms, rate, Side(ADAPTIVE), Side(best))
            compare(args, server, case, load_options(kind, rate, args.seconds, folder))
            print_case(case, sys.stderr)
            cases.append(case)
        if not server.running():
            raise BenchError(f"the server has ended: {server.log_tail()}")
    return cases


HEAD = f"{'model':8} {'arrivals':8} {'due/s':>8} {'held':>7} {'fixed':>7} {'worst p99':>10} {'fixed':>8} {'answers':>8} {'in time':>8} " \
       f"{'CPU':>6} {'window ms':>10} {'rows':>5}  best fixed"


def print_case(case, out):
    own, fixed = case.adaptive, case.fixed
    answers, good = case.ratios()
    cpu = (own.cpu_s / max(1, own.answered)) / (fixed.cpu_s / max(1, fixed.answered)) if fixed.cpu_s else math.nan
    windows = "-".join(f"{value:.3g}" for value in sorted({min(c[0] for c in own.chosen), max(c[0] for c in own.chosen)}))
    if own.chosen[-1][3]:
        windows = "inline"
    print(f"{case.model:8} {case.arrivals:8} {own.due / own.seconds:8,.0f} {own.held(case.objective_ms):7.1%} "
          f"{fixed.held(case.objective_ms):7.1%} {max(own.windows, default=0):7.1f} ms {max(fixed.windows, default=0):5.1f} ms "
          f"{answers:8.1%} {good:8.1%} {cpu:6.2f} {windows:>10} {own.chosen[-1][1]:5.0f}  {fixed.setting}", file=out, flush=True)


def print_result(cases):
    print(HEAD)
    for case in cases:
        print_case(case, sys.stdout)
    left_out = sum(case.adaptive.stalled for case in cases)
    print(f"{sum(len(case.adaptive.windows) for case in cases)} windows; {left_out} more met a stall of the machine and are left out")


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=measure.default_binary())
    parser.add_argument("--models", default=",".join(MODELS), metavar="NAME,...")
    parser.add_argument("--objective-ms", type=float, default=30, metavar="MS")
    parser.add_argument("--seconds", type=float, metavar="S", help="of each round of the comparison (5, --short 2)")
    parser.add_argument("--rounds", type=int, metavar="N", help="of the comparison (3, --short 1)")
    parser.add_argument("--search-seconds", type=float, metavar="S", help="of each fixed setting of the grid (1, --short 0.6)")
    parser.add_argument("--connections", type=int, default=256, metavar="N")
    parser.add_argument("--most-rate", type=float, default=30000, metavar="R", help="requests/s that the client can keep to")
    parser.add_argument("--short", action="store_true", help="a smaller grid and one short round, for a first look")
    parser.add_argument("--first", action="store_true", help="highest priority (nice -20), for a busy machine; needs root")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(arguments)
    for name, usual, short in (("seconds", 5, 2), ("rounds", 3, 1), ("search_seconds", 1, 0.6)):
        if getattr(args, name) is None:
            setattr(args, name, short if args.short else usual)
    unknown = set(args.models.split(",")) - set(MODELS)
    if unknown:
        parser.error(f"unknown models {sorted(unknown)}; known: {', '.join(MODELS)}")
    return args


def main():
    args = parse_arguments()
    measure.FIRST = args.first
    os.sched_setaffinity(0, {measure.CLIENT_CORE})
    began, cases = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        make_models(folder)
        for model in args.models.split(","):
            (folder / model).mkdir()
            cases += run_model(args, model, folder / f"{model}.onnx", folder / model)
    print(measure.machine() + f", load average {os.getloadavg()[0]:.2f}; {time.monotonic() - began:.0f} s")
    print_result(cases)
    if args.json:
        args.json.write_text(json.dumps([asdict(case) for case in cases], indent=1))
    return measure.tell([problem for case in cases for problem in case.problems()])


if __name__ == "__main__":
    measure.end_with(main)
