# SPDX-License-Identifier: Apache-2.0
"""CatBoost and scikit-learn, whose runtimes have no C interface in their packages: called as their users call them."""

import pickle
import time

import catboost

WINDOWS = 5
WINDOW_S = 0.02


def predictor(case, model):
    if case.library == "cat":
        loaded = catboost.CatBoostRegressor().load_model(model)
        return lambda rows: loaded.predict(rows, thread_count=1)
    return pickle.loads(model.read_bytes()).predict


def best_window(predict, rows, batch):
    """Microseconds of CPU time a row."""
    best, at = float("inf"), 0
    for _ in range(WINDOWS):
        calls, start = 0, time.process_time()
        while (took := time.process_time() - start) < WINDOW_S or not calls:
            predict(rows[at:at + batch])
            at = at + batch if at + 2 * batch <= len(rows) else 0
            calls += 1
        best = min(best, took / (calls * batch))
    return best * 1e6


def measure(case, model, rows, batches):
    """What it answers to all rows, and the time of a row by batch."""
    predict = predictor(case, model)
    return predict(rows), {str(batch): best_window(predict, rows, batch) for batch in batches}
