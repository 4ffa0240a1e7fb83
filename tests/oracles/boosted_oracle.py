#!/usr/bin/env python3
"""Trains boosted models with settings drawn at random, imports each and compares the answers with the library's own.

    OMP_NUM_THREADS=1 venv/bin/python tests/oracles/boosted_oracle.py build/release/bin/slipway --models 300 --seed 1

Needs xgboost, lightgbm, catboost and pandas. Every model is drawn from its number, so that one that differs can be made
again: --first N --models 1. Prints the models that differ and the counts; the exit status is 1 if there is any.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "fixtures"))

import boosted_catboost  # noqa: E402
import boosted_lightgbm  # noqa: E402
import boosted_xgboost  # noqa: E402


def draw_data(draw):
    data = {"rows": draw.choice([60, 160, 400]), "features": draw.randint(3, 9)}
    data["missing"] = draw.choice([0, 0, 0.1, 0.4])
    data["zeros"] = draw.choice([0, 0, 0.3])
    return data


def draw_categories(draw, data):
    if draw.random() < 0.4:
        columns = draw.sample(range(data["features"]), draw.randint(1, 2))
        data["categories"] = {c: draw.choice([2, 3, 6, 20, 70]) for c in columns}


def draw_xgboost(draw, rng, folder):
    data = draw_data(draw)
    data["rows"] = data["rows"] // 8 * 8
    kinds = {**boosted_xgboost.REGRESSIONS, "binary:logistic": "binary", "binary:hinge": "binary",
             "multi:softmax": "classes", "multi:softprob": "classes"}  # fmt: skip
    objective = draw.choice(list(kinds))
    kind = kinds[objective]
    booster = draw.choice(["gbtree", "gbtree", "gbtree", "dart", "gblinear"])
    params = {"booster": booster, "eta": draw.choice([0.05, 0.3, 1.0]), "seed": draw.randint(0, 99)}
    if booster != "gblinear":
        draw_categories(draw, data)
        params |= {
            "max_depth": draw.randint(1, 7), "min_child_weight": draw.choice([0.1, 1, 5]),
            "gamma": draw.choice([0, 0, 0.5]), "subsample": draw.choice([1, 0.6]),
            "num_parallel_tree": draw.choice([1, 1, 3]), "max_bin": draw.choice([8, 64, 256]),
            "max_cat_to_onehot": draw.choice([1, 4, 100]),
        }  # fmt: skip
        if "categories" not in data:
            params["tree_method"] = draw.choice(["hist", "exact", "approx"])
    if booster == "dart":
        params |= {"rate_drop": 0.4, "normalize_type": draw.choice(["tree", "forest"])}
    if kind == "number" and objective == "reg:squarederror" and booster == "gbtree" and draw.random() < 0.3:
        kind = "two"
        if draw.random() < 0.5 and "categories" not in data:
            params |= {"multi_strategy": "multi_output_tree", "tree_method": "hist", "num_parallel_tree": 1}
    if objective in ("binary:logistic", "reg:logistic", "count:poisson") and draw.random() < 0.3:
        params["base_score"] = draw.choice([0.1, 0.5, 0.9])
    rounds = draw.choice([1, 5, 20, 60])
    model, arrays = boosted_xgboost.train(rng, objective, params, kind, rounds, data)
    path = folder / f"model.{draw.choice(['json', 'ubj'])}"
    model.save_model(path)
    return path, arrays, 1e-5, f"{objective} {params} {data} rounds={rounds}"


def draw_lightgbm(draw, rng, folder):
    data = draw_data(draw)
    data["rows"] = max(160, data["rows"])
    draw_categories(draw, data)
    objective = draw.choice(list(boosted_lightgbm.OBJECTIVES))
    params = {
        "num_leaves": draw.choice([2, 5, 20, 60]), "learning_rate": draw.choice([0.05, 0.3, 1.0]),
        "min_data_in_leaf": draw.choice([1, 5, 20]), "max_bin": draw.choice([7, 63, 255]),
        "use_missing": draw.random() < 0.8, "zero_as_missing": draw.random() < 0.3,
        "max_cat_to_onehot": draw.choice([1, 4, 50]), "extra_trees": draw.random() < 0.2,
        "boosting": draw.choice(["gbdt", "gbdt", "dart"]), "seed": draw.randint(0, 99),
    }  # fmt: skip
    plain = objective in ("regression", "binary", "multiclass")
    if plain and draw.random() < 0.25:
        params |= boosted_lightgbm.FOREST
    elif plain and draw.random() < 0.3:
        # LightGBM refuses linear trees where zero is missing.
        params |= {"linear_tree": True, "boosting": "gbdt", "zero_as_missing": False}
    rounds = draw.choice([1, 5, 20, 60])
    model, arrays = boosted_lightgbm.train(rng, objective, params, boosted_lightgbm.OBJECTIVES[objective], rounds, data)
    path = folder / "model.txt"
    model.save_model(path)
    return path, arrays, 1e-6, f"{objective} {params} {data} rounds={rounds}"


def draw_catboost(draw, rng, folder):
    form = draw.choice(["json", "cbm"])
    path = folder / f"model.{form}"
    if draw.random() < 0.4:
        loss, kind = draw.choice([("Logloss", "binary"), ("RMSE", "number"), ("MultiClass", "classes")])
        params = {
            "depth": draw.randint(1, 6), "one_hot_max_size": draw.choice([1, 2, 5, 100]),
            "max_ctr_complexity": draw.randint(1, 4), "random_seed": draw.randint(0, 99),
            "simple_ctr": draw.choice([["Borders", "Counter"], ["Buckets"], ["BinarizedTargetMeanValue"], ["Counter"]]),
            "grow_policy": draw.choice(["SymmetricTree", "SymmetricTree", "Depthwise"]),
        }  # fmt: skip
        rounds, rows = draw.choice([1, 5, 20]), draw.choice([100, 400])
        model, arrays = boosted_catboost.train_categories(rng, loss, params, kind, rounds, rows)
        model.save_model(str(path), format=form)
        return path, arrays, 1e-6, f"{loss} {params} rows={rows} rounds={rounds}"
    data = draw_data(draw)
    data["rows"] = data["rows"] // 8 * 8
    _, loss, arguments = draw.choice(boosted_catboost.CASES)
    kind = arguments.get("kind", "number")
    params = {
        "depth": draw.randint(1, 8), "learning_rate": draw.choice([0.05, 0.3, 1.0]),
        "border_count": draw.choice([5, 32, 254]), "random_seed": draw.randint(0, 99),
        "nan_mode": draw.choice(["Min", "Max"]),
    }  # fmt: skip
    if not loss.startswith(("Query", "Yeti", "Multi")):
        params["grow_policy"] = draw.choice(["SymmetricTree", "SymmetricTree", "Depthwise", "Lossguide"])
    rounds = draw.choice([1, 5, 20, 60])
    model, arrays = boosted_catboost.train(rng, loss, params, kind, rounds, data, arguments.get("labels"))
    model.save_model(str(path), format=form)
    return path, arrays, 1e-6, f"{loss} {params} {data} rounds={rounds}"


FAMILIES = {"xgboost": draw_xgboost, "lightgbm": draw_lightgbm, "catboost": draw_catboost}


def check(slipway, family, number, seed):
    """One model: "" when the answers agree, "skipped" when the library does not train it, else what differs."""
    draw = random.Random(f"{seed} {family} {number}")
    rng = np.random.default_rng(draw.getrandbits(32))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            path, arrays, tolerance, what = FAMILIES[family](draw, rng, folder)
        except Exception as error:  # settings that contradict each other
            return f"skipped: {str(error).splitlines()[0]}"
        np.savez(folder / "rows.npz", **arrays)
        command = [slipway, "import", path, "-o", folder / "model.onnx", "--verify", folder / "rows.npz"]
        done = subprocess.run([*map(str, command), "--tolerance", str(tolerance)], capture_output=True, text=True)
        if done.returncode == 0:
            return ""
        return f"{what}\n    {(done.stderr or done.stdout).strip()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slipway")
    parser.add_argument("--models", type=int, default=100, help="of each family")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--family", choices=FAMILIES, action="append")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    failed = 0
    for family in options.family or FAMILIES:
        counts = {"agree": 0, "differ": 0, "skipped": 0}
        for number in range(options.first, options.first + options.models):
            said = check(options.slipway, family, number, options.seed)
            verdict = "agree" if not said else "skipped" if said.startswith("skipped") else "differ"
            counts[verdict] += 1
            if said:
                print(f"{family} {number}: {said}", flush=True)
        failed += counts["differ"]
        print(f"{family}: {counts}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
