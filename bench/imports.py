#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an import costs, and what an imported scikit-learn model costs to ask, beside scikit-learn itself.

    python3 bench/imports.py               # two minutes; needs scikit-learn, joblib, numpy, build/release/bin/slipway

Two tables. The first imports a random forest of 1,000 trees: seconds, and the largest resident memory beside the size of
the file (at most 2 s and four times). The second serves models and asks them one row at a time over HTTP (JSON, 32
keep-alive connections, server on core 0): CPU time of the whole server for a request, beside the CPU time of one call of
scikit-learn's own predict or predict_proba with one row of a NumPy array in this process (at most 1/20 for linear models
and pipelines). Every model is held to scikit-learn's answers before it is measured.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import joblib  # noqa: E402
import numpy as np  # noqa: E402
from sklearn.ensemble import RandomForestClassifier  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import PolynomialFeatures, StandardScaler  # noqa: E402

import measure  # noqa: E402
from measure import BenchError  # noqa: E402

COLUMNS = 30


def models():
    """Name -> a fitted model, and whether the 1/20 holds for it."""
    random = np.random.RandomState(0)
    rows = random.randn(2000, COLUMNS)
    target = rows[:, 0] - rows[:, 1] * rows[:, 2] + random.randn(2000)
    classes = (target > 0).astype(int)
    return {
        "linear regression": (LinearRegression().fit(rows, target), True),
        "logistic regression": (LogisticRegression().fit(rows, classes), True),
        "scaler, logistic regression": (make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, classes), True),
        "polynomials, scaler, logistic regression": (
            make_pipeline(PolynomialFeatures(2), StandardScaler(), LogisticRegression(max_iter=500)).fit(rows, classes), True),
        "forest of 100 trees": (RandomForestClassifier(100, random_state=0).fit(rows, classes), False),
    }


def answers(model, rows):
    """Output name -> what scikit-learn says."""
    if hasattr(model, "predict_proba"):
        return {"label": model.predict(rows), "probabilities": model.predict_proba(rows)}
    return {"prediction": model.predict(rows).reshape(len(rows), -1)}


def verified_import(binary, folder, model):
    """Saves the model and imports it. Returns the joblib file, and what the import took: seconds, bytes."""
    source, checks = folder / "model.joblib", folder / "rows.npz"
    joblib.dump(model, source)
    rows = np.random.RandomState(1).randn(500, COLUMNS)
    np.savez(checks, x=rows, **answers(model, rows))
    subprocess.run([binary, "import", source, "-o", folder / "model.onnx", "--verify", checks], check=True,
                   stdout=subprocess.DEVNULL)
    start = time.monotonic()
    child = subprocess.Popen([binary, "import", source, "-o", folder / "model.onnx"], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise BenchError(f"the import ended with status {status}")
    return source, time.monotonic() - start, usage.ru_maxrss * 1024


def python_us(model, row):
    """CPU time of one call, in microseconds: the least of five rounds."""
    ask = model.predict_proba if hasattr(model, "predict_proba") else model.predict
    best = float("inf")
    for _ in range(5):
        before, calls, end = time.process_time(), 0, time.monotonic() + 0.3
        while time.monotonic() < end:
            ask(row)
            calls += 1
        best = min(best, (time.process_time() - before) / calls * 1e6)
    return best


def server_us(binary, source, folder, row, seconds):
    """CPU time of the whole server for a request, in microseconds."""
    body = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1, COLUMNS], "data": row[0].tolist()}]}
    request = measure.Request("/v2/models/model/infer", json.dumps(body).encode())
    with measure.slipway_server(binary, source, "--name", "model") as server:
        def client(warmup):
            return measure.run_slipway_client(binary, server.url, request, 32, warmup or seconds, folder)
        return measure.run_load(server, client, model="model").cpu_us


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=measure.default_binary())
    parser.add_argument("--seconds", type=float, default=3)
    arguments = parser.parse_args()
    random = np.random.RandomState(0)
    rows = random.randn(3000, COLUMNS)
    forest = RandomForestClassifier(1000, random_state=0).fit(rows, (rows[:, 0] + random.randn(3000) > 0).astype(int))
    row = np.random.RandomState(2).randn(1, COLUMNS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, seconds, memory = verified_import(arguments.binary, folder, forest)
        size = source.stat().st_size
        print("| import | file | seconds (at most 2) | memory / file (at most 4) |\n|---|---|---|---|")
        print(f"| forest of 1,000 trees | {size / 1e6:.1f} MB | {seconds:.2f} | {memory / size:.2f} |\n", flush=True)
        print("| model, one row | scikit-learn | slipway, HTTP included | share |\n|---|---|---|---|")
        for label, (model, counted) in models().items():
            source, _, _ = verified_import(arguments.binary, folder, model)
            python = python_us(model, row)
            ours = server_us(arguments.binary, source, folder, row, arguments.seconds)
            verdict = "" if not counted else " (met)" if ours * 20 <= python else " (MISSED)"
            print(f"| {label} | {python:.0f} us | {ours:.1f} us | 1/{python / ours:.0f}{verdict} |", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (BenchError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"imports.py: {error}")
