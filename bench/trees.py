#!/usr/bin/env python3
"""Times our tree engine against XGBoost, LightGBM and ONNX Runtime, in one run, on one thread.

    python3 bench/trees.py [--program build/release/bin/trees_bench] [--only NAME] [--out FILE]

Needs numpy, onnx, xgboost and lightgbm. Trains models on random numbers (fixed seed), writes each as
ONNX (ai.onnx.ml TreeEnsemble 5), and hands all to bench/trees/trees_bench.cc, which measures CPU time:
the least of some repeats, in microseconds a row, at 1, 100 and 10,000 rows a call. XGBoost and LightGBM
are called through their C APIs. ONNX Runtime gets the trees in FLOAT, which it runs fastest.
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
import onnx  # noqa: E402
import xgboost  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

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


class Trees:
    """The attributes of a TreeEnsemble node."""

    def __init__(self, mode):
        self.mode = mode
        self.roots, self.features, self.splits, self.missing = [], [], [], []
        self.children = []  # (true id, true is leaf, false id, false is leaf)
        self.leaves = []

    def leaf(self, value):
        self.leaves.append(value)
        return (len(self.leaves) - 1, 1)

    def node(self, feature, split, missing_is_true):
        self.features.append(feature)
        self.splits.append(split)
        self.missing.append(int(missing_is_true))
        self.children.append(None)
        return len(self.features) - 1

    def set_children(self, node, yes, no):
        self.children[node] = (*yes, *no)

    def add_root(self, place):
        if place[1]:  # a tree of one leaf
            node = self.node(0, 0.0, False)
            self.set_children(node, place, place)
            place = (node, 0)
        self.roots.append(place[0])

    def to_node(self, dtype, x, y):
        def tensor(name, values, kind):
            return helper.make_tensor(name, kind, [len(values)], values)

        real = TensorProto.FLOAT if dtype == np.float32 else TensorProto.DOUBLE
        true_ids, true_leafs, false_ids, false_leafs = (list(c) for c in zip(*self.children))
        return helper.make_node(
            "TreeEnsemble", [x], [y], domain="ai.onnx.ml", n_targets=1, aggregate_function=1, post_transform=0,
            tree_roots=self.roots, nodes_featureids=self.features,
            nodes_modes=tensor("modes", [self.mode] * len(self.features), TensorProto.UINT8),
            nodes_splits=tensor("splits", self.splits, real),
            nodes_truenodeids=true_ids, nodes_trueleafs=true_leafs,
            nodes_falsenodeids=false_ids, nodes_falseleafs=false_leafs,
            nodes_missing_value_tracks_true=self.missing,
            leaf_targetids=[0] * len(self.leaves), leaf_weights=tensor("weights", self.leaves, real))


def write(path, features, dtype, build):
    """build(graph nodes, initializers) adds nodes from x to y."""
    nodes, constants = [], []
    build(nodes, constants)
    real = TensorProto.FLOAT if dtype == np.float32 else TensorProto.DOUBLE
    graph = helper.make_graph(
        nodes, "trees", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", features])],
        [helper.make_tensor_value_info("y", real, ["batch", 1])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)])
    model.ir_version = 10
    onnx.save(model, path)


def from_xgboost(booster):
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    trees = Trees(mode=1)  # x < split
    base = json.loads(learner["learner_model_param"]["base_score"])
    trees.add_root(trees.leaf(float(np.float32(base[0] if isinstance(base, list) else base))))
    for tree in learner["gradient_booster"]["model"]["trees"]:
        left, right = tree["left_children"], tree["right_children"]

        def place(i):
            if left[i] < 0:
                return trees.leaf(tree["split_conditions"][i])
            node = trees.node(tree["split_indices"][i], tree["split_conditions"][i], tree["default_left"][i])
            trees.set_children(node, place(left[i]), place(right[i]))
            return (node, 0)

        trees.add_root(place(0))
    return trees


def from_lightgbm(booster, single):
    trees = Trees(mode=0)  # x <= split
    for tree in booster.dump_model()["tree_info"]:

        def place(node):
            if "leaf_value" in node:
                return trees.leaf(node["leaf_value"])
            split = node["threshold"]
            if single:  # the largest float that is not above it: the same side for every float
                rounded = np.float32(split)
                split = float(np.nextafter(rounded, np.float32(-np.inf)) if rounded > split else rounded)
            at = trees.node(node["split_feature"], split, node["default_left"])
            trees.set_children(at, place(node["left_child"]), place(node["right_child"]))
            return (at, 0)

        trees.add_root(place(tree["tree_structure"]))
    return trees


def write_double(path, features, trees):
    """As LightGBM computes: in double, with numbers next to zero as zero."""

    def build(nodes, constants):
        constants.append(helper.make_tensor("band", TensorProto.DOUBLE, [], [float(np.float32(1e-35))]))
        constants.append(helper.make_tensor("zero", TensorProto.DOUBLE, [], [0.0]))
        nodes.append(helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.DOUBLE))
        nodes.append(helper.make_node("Abs", ["wide"], ["size"]))
        nodes.append(helper.make_node("LessOrEqual", ["size", "band"], ["small"]))
        nodes.append(helper.make_node("Where", ["small", "zero", "wide"], ["banded"]))
        nodes.append(trees.to_node(np.float64, "banded", "y"))

    write(path, features, np.float64, build)


def write_single(path, features, trees):
    write(path, features, np.float32, lambda nodes, _: nodes.append(trees.to_node(np.float32, "x", "y")))


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


def run(program, case, folder):
    name, lib, features, size, trees, bins = case
    rng = np.random.default_rng(7)
    booster = train(lib, features, size, trees, bins, rng)
    rows, ours, theirs = folder / "rows.f32", folder / "ours.onnx", folder / "ort.onnx"
    rng.standard_normal((10_000, features)).astype(np.float32).tofile(rows)
    if lib == "xgb":
        model = folder / "model.ubj"
        booster.save_model(model)
        write_single(ours, features, from_xgboost(booster))
        theirs = ours
        library = next(pathlib.Path(xgboost.__file__).parent.glob("lib/libxgboost.so"))
    else:
        model = folder / "model.txt"
        booster.save_model(model)
        write_double(ours, features, from_lightgbm(booster, single=False))
        write_single(theirs, features, from_lightgbm(booster, single=True))
        library = next(pathlib.Path(lightgbm.__file__).parent.rglob("lib_lightgbm.so"))
    kind = "xgboost" if lib == "xgb" else "lightgbm"
    command = [program, rows, features, ours, theirs, kind, library, model]
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
    parser.add_argument("--program", default="build/release/bin/trees_bench")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--out", help="a Markdown file for the figures")
    options = parser.parse_args()
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
            result = run(options.program, case, pathlib.Path(folder))
        lines.append(table_row(case[0], result))
        print(lines[-1], flush=True)
    if options.out:
        pathlib.Path(options.out).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
