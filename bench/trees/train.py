# SPDX-License-Identifier: Apache-2.0
"""The models of trees.py: what is trained, and how it is kept."""

import pickle
from dataclasses import dataclass

import catboost
import lightgbm
import numpy as np
import sklearn.ensemble
import xgboost

ENDINGS = {"xgb": ".ubj", "lgb": ".txt", "cat": ".cbm", "rf": ".pickle", "hgb": ".pickle"}


@dataclass(frozen=True)
class Case:
    """Size is a depth, or 63 (6) or 255 leaves (12) where trees grow leaf by leaf. One class is a regression."""

    name: str
    library: str
    features: int
    size: int
    trees: int
    bins: int = 64
    classes: int = 1

    def file_name(self):
        return self.name.replace(", ", "_").replace(" ", "_").replace("*", "s") + ENDINGS[self.library]


def boosted(library):
    grid = [(size, bins, trees, features) for trees in (100, 1000) for size, bins in ((6, 64), (12, 64), (6, 256))
            for features in (30, 300) if bins == 64 or trees == 1000]
    cases = [Case(f"{library} {features}, {size}{'*' if bins == 256 else ''}, {trees}", library, features, size, trees, bins)
             for size, bins, trees, features in grid]
    kinds = (("binary", 2), ("5 classes", 5))
    return cases + [Case(f"{library} 30, 6, 100, {kind}", library, 30, 6, 100, 64, classes) for kind, classes in kinds]


def others():
    cases = [Case(f"cat {features}, {size}, {trees}", "cat", features, size, trees)
             for trees in (100, 1000) for size in (6, 12) for features in (30, 300) if size == 6 or trees == 100]
    cases += [Case(f"rf {features}, {size}, 100", "rf", features, size, 100) for size in (6, 12) for features in (30, 300)]
    return cases + [Case(f"hgb {features}, {size}, 100", "hgb", features, size, 100) for size in (6, 12) for features in (30, 300)]


CASES = boosted("xgb") + boosted("lgb") + others()


def data(case):
    rng = np.random.default_rng(7)
    x = rng.standard_normal((20_000 if case.trees == 100 else 10_000, case.features)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + np.sin(3 * x[:, 2]) + x[:, 3:10].sum(1) + rng.standard_normal(len(x))).astype(np.float32)
    if case.classes > 1:
        y = np.searchsorted(np.quantile(y, np.arange(1, case.classes) / case.classes), y)
    return x, y


def train_xgboost(case, x, y):
    parameters = {"max_depth": case.size, "eta": 0.1, "max_bin": case.bins, "nthread": 1, "tree_method": "hist"}
    if case.classes > 1:
        parameters["objective"] = "binary:logistic" if case.classes == 2 else "multi:softprob"
    if case.classes > 2:
        parameters["num_class"] = case.classes
    return xgboost.train(parameters, xgboost.DMatrix(x, y, nthread=1), rounds(case))


def train_lightgbm(case, x, y):
    objective = "regression" if case.classes == 1 else "binary" if case.classes == 2 else "multiclass"
    parameters = {"num_leaves": leaves(case), "max_bin": case.bins - 1, "num_threads": 1, "verbosity": -1,
                  "min_data_in_leaf": 5, "objective": objective, "seed": 1}
    if case.classes > 2:
        parameters["num_class"] = case.classes
    return lightgbm.train(parameters, lightgbm.Dataset(x, y), rounds(case))


def rounds(case):
    return case.trees // case.classes if case.classes > 2 else case.trees


def leaves(case):
    return 63 if case.size == 6 else 255


def train(case, path):
    """Trains the model of a case on random numbers, always the same, and writes it to `path`."""
    x, y = data(case)
    if case.library == "xgb":
        train_xgboost(case, x, y).save_model(path)
    elif case.library == "lgb":
        train_lightgbm(case, x, y).save_model(path)
    elif case.library == "cat":
        model = catboost.CatBoostRegressor(depth=case.size, iterations=case.trees, border_count=case.bins, thread_count=1,
                                           random_seed=1, verbose=0, allow_writing_files=False)
        model.fit(x, y).save_model(path)
    else:
        if case.library == "rf":
            model = sklearn.ensemble.RandomForestRegressor(case.trees, max_depth=case.size, max_features=1 / 3, random_state=1)
        else:
            model = sklearn.ensemble.HistGradientBoostingRegressor(max_iter=case.trees, max_leaf_nodes=leaves(case), max_depth=None,
                                                                   max_bins=case.bins, min_samples_leaf=5, early_stopping=False)
        path.write_bytes(pickle.dumps(model.fit(x, y)))
