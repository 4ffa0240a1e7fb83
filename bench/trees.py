#!/usr/bin/env python3
"""Times our tree engine against XGBoost, LightGBM and ONNX Runtime, in one run, on one thread.

    python3 bench/trees.py [--build build/release] [--only NAME] [--out FILE]

Needs numpy, xgboost and lightgbm. Trains models on random numbers (fixed seed), imports each with
`slipway import`, and hands all to bench/trees/trees_bench.cc, which measures CPU time: the least of some
repeats, in microseconds a row, at 1, 100 and 10,000 rows a call. XGBoost and LightGBM are called through
their C APIs, ONNX Runtime runs the imported model. Size 6 is depth 6 or 63 leaves, 12 is depth 12 or 255
leaves; 64 bins a feature, with * 256.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"

import lightgbm  # noqa: E402
import numpy as np  # noqa: E402
import xgboost  # noqa: E402

# name, library, features, depth or leaves, trees, bins
CASES = [
    (f"{lib} {features}, {size}{'*' if bins == 256 else ''}, {trees}", lib, features, size, trees, bins)
    for lib in ("xgb", "lgb")
    for trees in (100, 1000)
    for size, bins in ((6, 64), (12, 64), (6, 256))
    for features in (30, 300)
    if bins == 64 or trees == 1000
]
BATCHES = ("1", "100", "10000")


def train(lib, features, size, trees, bins, rng):
    few = trees == 100
    x = rng.standard_normal((20_000 if few else 10_000, features)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + np.sin(3 * x[:, 2]) + x[:, 3:10].sum(1) + rng.standard_normal(len(x))).astype(np.float32)
    if lib == "xgb":
        parameters = {"max_depth": size, "eta": 0.1, "max_bin": bins, "nthread": 1, "tree_method": "hist"}
        return xgboost.train(parameters, xgboost.DMatrix(x, y, nthread=1), trees)
    parameters = {"num_leaves": 63 if size == 6 else 255, "max_bin": bins - 1, "num_threads": 1, "verbosity": -1,
                  "min_data_in_leaf": 5, "objective": "regression", "seed": 1}
    return lightgbm.train(parameters, lightgbm.Dataset(x, y), trees)


def run(options, case, folder):
    name, lib, features, size, trees, bins = case
    rng = np.random.default_rng(7)
    booster = train(lib, features, size, trees, bins, rng)
    rows, imported = folder / "rows.f32", folder / "imported.onnx"
    rng.standard_normal((10_000, features)).astype(np.float32).tofile(rows)
    model = folder / ("model.ubj" if lib == "xgb" else "model.txt")
    booster.save_model(model)
    subprocess.run([options.slipway, "import", model, "-o", imported], check=True, capture_output=True)
    package, file = (xgboost, "libxgboost.so") if lib == "xgb" else (lightgbm, "lib_lightgbm.so")
    library = next(pathlib.Path(package.__file__).parent.rglob(file))
    command = [options.program, rows, features, imported, package.__name__, library, model]
    return json.loads(subprocess.run([str(part) for part in command], check=True, capture_output=True).stdout)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def table_row(name, result):
    cells = [name]
    for batch in BATCHES:
        best = min(("onnxruntime", "library"), key=lambda who: result[who][batch])
        anchor, own = result[best][batch], result["slipway"][batch]
        cells.append(f"{anchor:.3g} {'ORT' if best == 'onnxruntime' else 'library'} | {own:.3g} ({anchor / own:.1f}x)")
    cells.append(f"{result['different']['slipway']} | {result['different']['onnxruntime']}")
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release", type=pathlib.Path)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--out", help="a Markdown file for the figures")
    options = parser.parse_args()
    options.slipway = options.build / "bin" / "slipway"
    options.program = options.build / "bin" / "trees_bench"
    lines = [
        f"Machine: {processor()}. XGBoost {xgboost.__version__}, LightGBM {lightgbm.__version__}.", "",
        "| features, size, trees | 1: best other | 1: slipway | 100: best other | 100: slipway "
        "| 10,000: best other | 10,000: slipway | rows not bit-equal to the library: slipway | ORT |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    for case in CASES:
        if options.only not in case[0]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            result = run(options, case, pathlib.Path(folder))
        lines.append(table_row(case[0], result))
        print(lines[-1], flush=True)
    if options.out:
        pathlib.Path(options.out).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
