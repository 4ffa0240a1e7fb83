#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures Slipway beside other model servers in one run, with the same models, client and cores, and prints tables.

    bench/peers.py                        # all of them, about 15 minutes; the first time some more, to install them
    bench/peers.py --peers triton,fastapi --cases json,grpc
    bench/peers.py --short --peers fastapi
    bench/peers.py --out bench/peers/figures.md --json runs.json

Each server is installed by its packages' names into an environment of its own (build/peers/NAME), from the versions pinned in
bench/peers/NAME/requirements.txt, and started as bench/peers/table.py says, on core 0 with all its workers. The client is
`slipway bench`, on core 1. Before a case is measured the server must have given the right answer to it. Each repetition
starts every server anew, in turn; the order moves on by one each time.

CPU per request is the growth of the CPU clocks of the server's whole process tree divided by the answers. Idle memory is
the tree's proportional set size (PSS), models loaded, after one answer. "First answer" is from the start of the process to
the first right answer. "Installed" counts files, without the Python interpreter (nor what Debian brings).

A server that cannot be installed or started is listed with the reason, and the rest goes on.
"""

import argparse
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().with_name("peers")))

import cases  # noqa: E402
import environments  # noqa: E402
import measure  # noqa: E402
import probes  # noqa: E402
import report  # noqa: E402
import servers  # noqa: E402
from table import PEERS  # noqa: E402

FAILURES = (measure.BenchError, OSError, ValueError, LookupError, subprocess.SubprocessError)


def progress(line):
    print(line, file=sys.stderr, flush=True)


def chosen(names, known, what):
    """The members of `known` that a list with commas names, in the order of `known`."""
    wanted = names.split(",") if names else [one.name for one in known]
    if strangers := set(wanted) - {one.name for one in known}:
        raise SystemExit(f"no {what} {', '.join(sorted(strangers))}; there are {', '.join(one.name for one in known)}")
    return [one for one in known if one.name in wanted]


def repository(folder):
    """The two models as a repository."""
    for name, source in ((cases.SMALL, measure.ROOT / "examples" / "models" / cases.SMALL / "1"),
                         (cases.LARGE, measure.BENCH_MODELS / cases.LARGE / "1")):
        shutil.copytree(source, folder / name / "1")
    return folder


def environment_of(peer, args):
    """Where a server is installed, which it is if need be."""
    environment = args.environments / (peer.shares or peer.name)
    environments.install(peer, environment, progress)
    return environment


def install_only(args):
    """Installs the servers; exit status 1 when one cannot be."""
    failed = 0
    for peer in args.peers:
        try:
            progress(f"{peer.title}: {environment_of(peer, args) if peer.kind != 'ours' else args.binary}")
        except FAILURES as problem:
            progress(f"{peer.title}: {problem}")
            failed = 1
    return failed


def prepare(peer, args, models, folder):
    """Installs one server and makes what it needs; its Place."""
    environment = environment_of(peer, args)
    place = servers.Place(args.binary, environment, environments.folder(peer), models, folder / peer.name)
    place.work.mkdir()
    if peer.prepare:
        peer.prepare(place)
    return place


def measure_start(peer, place, model, wanted, result, args, folder):
    """Starts a server once, with one model where it can hold no more, and measures the cases it has an answer for."""
    first = next(peer.calls[case.name] for case in cases.CASES if case.model == model and case.name in peer.calls)
    with servers.PeerServer(peer, place, model, first(model)) as server:
        if model == cases.SMALL:
            time.sleep(0.5)
            result.starts_s.append(server.first_answer_s)
            result.idle_mb.append(measure.memory_kb(server.pid)["Pss"] / 1000)
        for case in wanted:
            try:
                load = servers.measure_case(args.binary, server, peer.calls[case.name](case.model), case, args.seconds,
                                            min(peer.warmup_s, 2 * args.seconds), folder)
            except FAILURES as problem:
                result.problems[case.name] = str(problem).replace("\n", " ")
                progress(f"  {peer.name}, {case.name}: {problem}")
                continue
            result.loads.setdefault(case.name, []).append(load)
            progress(f"  {peer.name}, {case.name}: {load.cpu_us:,.1f} us CPU, {load.per_second:,.0f}/s, p50 {load.p50_ms:.2f} "
                     f"ms, p99 {load.p99_ms:.2f} ms, others on the core {load.others_core_share:.0%}")
        if model == cases.SMALL and result.wrong is None and "json" in peer.calls:
            result.wrong = probes.wrong_answers(server, peer.calls["json"](model))


def measure_peer(peer, place, result, args, folder):
    """All cases of one server, once."""
    wanted = [case for case in args.cases if case.name in peer.calls and case.name not in result.problems]
    if not peer.one_model:
        measure_start(peer, place, cases.SMALL, wanted, result, args, folder)
        return
    for model in (cases.SMALL, cases.LARGE):
        if some := [case for case in wanted if case.model == model]:
            measure_start(peer, place, model, some, result, args, folder)


def measure_all(args, folder):
    """[Result] in the order of the table."""
    models = repository(folder / "models")
    results = {peer.name: report.Result(peer.name, peer.title, peer.kind, peer.setting) for peer in args.peers}
    places = {}
    for peer in args.peers:
        result = results[peer.name]
        try:
            places[peer.name] = prepare(peer, args, models, folder)
            result.megabytes, result.packages, result.version = environments.size(peer, places[peer.name].environment,
                                                                                  args.binary)
        except FAILURES as problem:
            give_up(result, problem)
    os.sched_setaffinity(0, {measure.CLIENT_CORE})  # this program watches from the client's side
    for repetition in range(args.repetitions):
        turn = args.peers[repetition % len(args.peers):] + args.peers[:repetition % len(args.peers)]
        for peer in turn:
            if "" in results[peer.name].problems:
                continue
            progress(f"{repetition + 1}/{args.repetitions} {peer.title}")
            try:
                measure_peer(peer, places[peer.name], results[peer.name], args, folder)
            except FAILURES as problem:
                give_up(results[peer.name], problem)
    return list(results.values())


def give_up(result, problem):
    result.problems[""] = str(problem).strip().replace("\n", " ")[-500:]
    progress(f"  {result.title} is left out: {result.problems['']}")


def header(args, results):
    loads = [load for result in results for runs in result.loads.values() for load in runs]
    others = report.median([load.others_core_share for load in loads]) or 0
    starts = "1 start" if args.repetitions == 1 else f"{args.repetitions} starts"
    return [f"{datetime.date.today()}: {measure.machine()}",
            f"{measure.versions(args.binary)}; Python servers on {environments.run([environments.python(), '--version'])}",
            f"`bench/peers.py`: {starts} of each server, {args.seconds:g} s a case; server on core {measure.SERVER_CORE}, client on "
            f"core {measure.CLIENT_CORE}{', both at nice -20' if args.first else ''}; others used {others:.0%} of the server's "
            "core meanwhile (median)"]


def parse_arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=measure.default_binary())
    parser.add_argument("--environments", type=Path, default=measure.ROOT / "build" / "peers", metavar="DIR",
                        help="where the servers are installed (default: build/peers)")
    parser.add_argument("--peers", metavar="NAMES",
                        help=f"some of {','.join(peer.name for peer in PEERS)}; Slipway is always there")
    parser.add_argument("--cases", metavar="NAMES", help=f"some of {','.join(case.name for case in cases.CASES)}")
    parser.add_argument("--repetitions", type=int, default=3, metavar="N")
    parser.add_argument("--seconds", type=float, default=3, metavar="S", help="length of a measured run")
    parser.add_argument("--short", action="store_true", help="one short round: one start, 0.5 s a case")
    parser.add_argument("--first", action="store_true",
                        help="server and client get the highest priority (nice -20), for a busy machine; needs root")
    parser.add_argument("--install", action="store_true", help="only install the servers")
    parser.add_argument("--out", metavar="FILE", help="write the report here, as Markdown")
    parser.add_argument("--json", metavar="FILE", help="write every single run here")
    args = parser.parse_args(words)
    args.peers = chosen(f"slipway,{args.peers}" if args.peers else None, PEERS, "server")
    args.cases = chosen(args.cases, cases.CASES, "case")
    args.environments = args.environments.resolve()
    if args.short:
        args.repetitions, args.seconds = 1, 0.5
    return args


def main():
    args = parse_arguments()
    if not args.binary.exists():
        sys.exit(f"{args.binary} does not exist; ./quickstart builds it, or --binary names another")
    args.binary = args.binary.resolve()
    measure.FIRST = args.first
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # end what was started, as after Ctrl-C
    if args.install:
        return install_only(args)
    with tempfile.TemporaryDirectory(prefix="slipway-peers-") as folder:
        results = measure_all(args, Path(folder))
    lines = header(args, results)
    text = report.document(lines, results, args.cases)
    print(text)
    if args.out:
        Path(args.out).write_text(text)
    if args.json:
        Path(args.json).write_text(json.dumps({"header": lines, "results": [vars(r) for r in results]}, indent=1, default=vars))
    return 1 if any(row[-1] == "MISSED" for row in report.targets(results)) else 0


if __name__ == "__main__":
    measure.end_with(main)
