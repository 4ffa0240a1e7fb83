#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times our tree engine against the libraries that trained the trees, ONNX Runtime and compiled trees, in one run, on one thread.

    python3 bench/trees.py [--build build/release] [--models DIR] [--only NAME] [--level avx2] [--markdown docs/benchmarks.md]

Needs numpy, xgboost, lightgbm, catboost and scikit-learn, and tl2cgen, lleaves (with llvmlite 0.43) and cc for the compiled
trees. Trains models on random numbers (fixed seed; `--models` keeps them for the next run), imports each with `slipway
import`, and hands all to bench/trees/trees_bench.cc, which measures CPU time in windows of 10 ms or a call, all contenders in
turn: the best window of each, in microseconds a row, at 1, 100 and 10,000 rows a call, of 1,000, 2,000 and 10,000 different
rows. XGBoost and LightGBM are called through their C APIs, CatBoost and scikit-learn from Python, ONNX Runtime runs the
imported model. Size 6 is depth 6 or 63 leaves, 12 is depth 12 or 255 leaves; 64 bins a feature, with * 256. 100 trees of size
6 are compiled: by tl2cgen, lleaves (LightGBM) and CatBoost's own export to C++; more take compilers minutes. `--level` is what
our engine may use of the processor: baseline, avx2, avx512, or several of them (`avx512,avx2`).
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "trees"))

import catboost  # noqa: E402
import compiled  # noqa: E402
import in_python  # noqa: E402
import lightgbm  # noqa: E402
import numpy as np  # noqa: E402
import sklearn  # noqa: E402
import train  # noqa: E402
import xgboost  # noqa: E402

BEGIN, END = "<!-- bench/trees.py: begin -->", "<!-- bench/trees.py: end -->"
BATCHES = (1, 100, 10_000)
EXPECTED = {"avx512": (5.0, 3.5, 3.0), "avx2": (2.0, 1.0, 1.0), "baseline": (1.0, 1.0, 1.0)}  # times the best other, by batch
C_INTERFACES = {"xgb": (xgboost, "libxgboost.so"), "lgb": (lightgbm, "lib_lightgbm.so")}


def run(options, case, level, folder):
    model = (options.models or folder) / case.file_name()
    if not model.exists():
        train.train(case, model)
    rows = np.random.default_rng(8).standard_normal((10_000, case.features)).astype(np.float32)
    rows.tofile(folder / "rows.f32")
    imported = folder / "imported.onnx"
    subprocess.run([options.slipway, "import", model, "-o", imported], check=True, capture_output=True)
    command = [options.program, folder / "rows.f32", case.features, imported, case.classes, level]
    times = {}
    if case.library in C_INTERFACES:
        package, file = C_INTERFACES[case.library]
        command += [package.__name__, next(pathlib.Path(package.__file__).parent.rglob(file)), model]
    else:
        answers, times["library"] = in_python.measure(case, model, rows, BATCHES)
        np.asarray(answers, np.float64).tofile(folder / "answers.f64")
        command += ["answers", folder / "answers.f64", "-"]
    command += [f"{name}={library}" for name, library in compiled.compiled(case, model, folder).items()]
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return times | json.loads(done.stdout)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def table_row(name, result):
    cells = [name]
    others = [who for who in result if who not in ("rows", "different", "slipway")]
    for batch in map(str, BATCHES):
        best = min(others, key=lambda who: result[who][batch])
        anchor, own = result[best][batch], result["slipway"][batch]
        short = {"onnxruntime": "ORT"}.get(best, best)
        cells.append(f"{anchor:.3g} {short} | {own:.3g} ({anchor / own:.1f}x)")
    different = result["different"]
    programs = [f"{count} {who}" for who, count in different.items() if who not in ("slipway", "onnxruntime", "library")]
    cells.append(f"{different['slipway']} | {different['onnxruntime']} | {', '.join(programs) or '-'}")
    return "| " + " | ".join(cells) + " |"


def ratio(result, batch):
    return min(times[str(batch)] for who, times in result.items() if who not in ("rows", "different", "slipway")) / \
        result["slipway"][str(batch)]


def summary(level, results):
    """How many cases are as fast as expected, and how fast the others are."""
    lines = []
    groups = {"XGBoost and LightGBM": ("xgb", "lgb"), "CatBoost and scikit-learn": ("cat", "rf", "hgb")}
    for title, libraries in groups.items():
        ratios = [[ratio(result, batch) for batch in BATCHES] for case, result in results if case.library in libraries]
        if not ratios:
            continue
        parts = []
        for i, (batch, expected) in enumerate(zip(BATCHES, EXPECTED[level])):
            short = sorted(one[i] for one in ratios if one[i] < expected)
            missed = f" (others {', '.join(f'{one:.1f}' for one in short)})" if short else ""
            parts.append(f"{expected:g} times at {batch:,} row{'s' if batch > 1 else ''}: {len(ratios) - len(short)} of {len(ratios)}{missed}")
        lines.append(f"- {title}, at least " + "; ".join(parts) + ".")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release", type=pathlib.Path)
    parser.add_argument("--slipway", type=pathlib.Path, help="the program that imports; else the build's")
    parser.add_argument("--models", type=pathlib.Path, help="a folder for the trained models")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--level", default="avx512", help="what our engine may use; several with commas")
    parser.add_argument("--markdown", metavar="FILE", help="put the tables between the marks in this file")
    options = parser.parse_args()
    options.slipway = options.slipway or options.build / "bin" / "slipway"
    options.program = options.build / "bin" / "trees_bench"
    if options.models:
        options.models.mkdir(parents=True, exist_ok=True)
    lines = [f"{datetime.date.today()}, {processor()}, {os.cpu_count()} cores. XGBoost {xgboost.__version__}, LightGBM {lightgbm.__version__}, "
             f"CatBoost {catboost.__version__}, scikit-learn {sklearn.__version__}."]
    print(lines[0], flush=True)
    for level in options.level.split(","):
        head = [
            "", f"Our engine with {level}:", "",
            "| features, size, trees | 1: best other | 1: slipway | 100: best other | 100: slipway "
            "| 10,000: best other | 10,000: slipway | numbers not bit-equal to the library: slipway | ORT | compiled |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        lines += head
        print("\n".join(head), flush=True)
        results = []
        for case in train.CASES:
            if options.only not in case.name:
                continue
            with tempfile.TemporaryDirectory() as folder:
                results.append((case, run(options, case, level, pathlib.Path(folder))))
            lines.append(table_row(case.name, results[-1][1]))
            print(lines[-1], flush=True)
        lines += ["", *summary(level, results)]
        print("\n".join(lines[-3:]), flush=True)
    if options.markdown:
        text = pathlib.Path(options.markdown).read_text()
        before, rest = text.split(BEGIN, 1)
        pathlib.Path(options.markdown).write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + rest.split(END, 1)[1])


if __name__ == "__main__":
    main()
