#!/usr/bin/env python3
"""Times our tree engine against XGBoost, LightGBM, ONNX Runtime and compiled trees, in one run, on one thread.

    python3 bench/trees.py [--build build/release] [--models DIR] [--only NAME] [--level avx2] [--out FILE]

Needs numpy, xgboost and lightgbm, and tl2cgen and cc for the compiled trees. Trains models on random numbers (fixed
seed; `--models` keeps them for the next run), imports each with `slipway import`, and hands all to
bench/trees/trees_bench.cc, which measures CPU time in windows of 10 ms or a call, all contenders in turn: the best
window of each, in microseconds a row, at 1, 100 and 10,000 rows a call, of 1,000, 2,000 and 10,000
different rows. XGBoost and LightGBM are called through their C APIs, ONNX Runtime runs the imported model,
tl2cgen's C function is called a row at a time. Size 6 is depth 6 or 63 leaves, 12 is depth 12 or 255 leaves; 64 bins a
feature, with * 256. Trees of 100 x size 6 are compiled, more take the C compiler minutes. `--level` is what our engine
may use of the processor: baseline, avx2, avx512, or several of them (`avx512,avx2`).
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile

os.environ["OMP_NUM_THREADS"] = "1"

import lightgbm  # noqa: E402
import numpy as np  # noqa: E402
import xgboost  # noqa: E402

# name, library, features, depth or leaves, trees, bins, classes (1: regression)
CASES = [
    (f"{lib} {features}, {size}{'*' if bins == 256 else ''}, {trees}", lib, features, size, trees, bins, 1)
    for lib in ("xgb", "lgb")
    for trees in (100, 1000)
    for size, bins in ((6, 64), (12, 64), (6, 256))
    for features in (30, 300)
    if bins == 64 or trees == 1000
] + [
    (f"{lib} 30, 6, 100, {name}", lib, 30, 6, 100, 64, classes)
    for lib in ("xgb", "lgb")
    for name, classes in (("binary", 2), ("5 classes", 5))
]
BATCHES = ("1", "100", "10000")


def train(lib, features, size, trees, bins, classes, rng):
    few = trees == 100
    x = rng.standard_normal((20_000 if few else 10_000, features)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + np.sin(3 * x[:, 2]) + x[:, 3:10].sum(1) + rng.standard_normal(len(x))).astype(np.float32)
    if classes > 1:
        y = np.searchsorted(np.quantile(y, np.arange(1, classes) / classes), y)
    rounds = trees // classes if classes > 2 else trees
    if lib == "xgb":
        parameters = {"max_depth": size, "eta": 0.1, "max_bin": bins, "nthread": 1, "tree_method": "hist"}
        if classes > 1:
            parameters["objective"] = "binary:logistic" if classes == 2 else "multi:softprob"
        if classes > 2:
            parameters["num_class"] = classes
        return xgboost.train(parameters, xgboost.DMatrix(x, y, nthread=1), rounds)
    objective = "regression" if classes == 1 else "binary" if classes == 2 else "multiclass"
    parameters = {"num_leaves": 63 if size == 6 else 255, "max_bin": bins - 1, "num_threads": 1, "verbosity": -1,
                  "min_data_in_leaf": 5, "objective": objective, "seed": 1}
    if classes > 2:
        parameters["num_class"] = classes
    return lightgbm.train(parameters, lightgbm.Dataset(x, y), rounds)


def compile_trees(lib, model, folder):
    """The model as a shared library, or None where tl2cgen or a compiler is missing."""
    try:
        import tl2cgen
        import treelite
    except ImportError:
        return None
    if shutil.which("cc") is None:
        return None
    frontend = treelite.frontend
    trees = (frontend.load_xgboost_model(model, format_choice="ubjson") if lib == "xgb"
             else frontend.load_lightgbm_model(model))
    source, library = folder / "source", folder / "compiled.so"
    tl2cgen.generate_c_code(trees, dirpath=str(source), params={})
    subprocess.run(["cc", "-O3", "-shared", "-fPIC", "-o", library, *source.glob("*.c"), "-lm"], check=True)
    return library


def run(options, case, level, folder):
    name, lib, features, size, trees, bins, classes = case
    stem = name.replace(", ", "_").replace(" ", "_").replace("*", "s")
    model = (options.models or folder) / (stem + (".ubj" if lib == "xgb" else ".txt"))
    if not model.exists():
        train(lib, features, size, trees, bins, classes, np.random.default_rng(7)).save_model(model)
    rows, imported = folder / "rows.f32", folder / "imported.onnx"
    np.random.default_rng(8).standard_normal((10_000, features)).astype(np.float32).tofile(rows)
    subprocess.run([options.slipway, "import", model, "-o", imported], check=True, capture_output=True)
    package, file = (xgboost, "libxgboost.so") if lib == "xgb" else (lightgbm, "lib_lightgbm.so")
    library = next(pathlib.Path(package.__file__).parent.rglob(file))
    command = [options.program, rows, features, imported, package.__name__, library, model, classes, level]
    compiled = compile_trees(lib, model, folder) if trees == 100 and size == 6 else None
    if compiled is not None:
        command.append(compiled)
    return json.loads(subprocess.run([str(part) for part in command], check=True, capture_output=True).stdout)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def table_row(name, result):
    cells = [name]
    others = [who for who in ("onnxruntime", "library", "compiled") if who in result]
    for batch in BATCHES:
        best = min(others, key=lambda who: result[who][batch])
        anchor, own = result[best][batch], result["slipway"][batch]
        short = {"onnxruntime": "ORT"}.get(best, best)
        cells.append(f"{anchor:.3g} {short} | {own:.3g} ({anchor / own:.1f}x)")
    different = result["different"]
    cells.append(f"{different['slipway']} | {different['onnxruntime']} | {different.get('compiled', '-')}")
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release", type=pathlib.Path)
    parser.add_argument("--slipway", type=pathlib.Path, help="the program that imports; else the build's")
    parser.add_argument("--models", type=pathlib.Path, help="a folder for the trained models")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--level", default="avx512", help="what our engine may use; several with commas")
    parser.add_argument("--out", help="a Markdown file for the figures")
    options = parser.parse_args()
    options.slipway = options.slipway or options.build / "bin" / "slipway"
    options.program = options.build / "bin" / "trees_bench"
    if options.models:
        options.models.mkdir(parents=True, exist_ok=True)
    lines = [f"Machine: {processor()}. XGBoost {xgboost.__version__}, LightGBM {lightgbm.__version__}."]
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
        for case in CASES:
            if options.only not in case[0]:
                continue
            with tempfile.TemporaryDirectory() as folder:
                result = run(options, case, level, pathlib.Path(folder))
            lines.append(table_row(case[0], result))
            print(lines[-1], flush=True)
    if options.out:
        pathlib.Path(options.out).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
