#!/usr/bin/env python3
"""Trains models of scikit-learn with settings drawn at random, imports each and compares the answers with scikit-learn's.

    venv/bin/python tests/oracles/sklearn_oracle.py build/release/bin/slipway --models 2000 --seed 1

Every model is drawn from its family and number, so that one that differs can be made again:
--family FAMILY --first N --models 1 --keep FOLDER. Prints the models that differ and a table by family. Labels must be
equal, numbers within 1e-6 of what scikit-learn says (of 1e-6 where that is smaller). The exit status is 1 if one differs.
"""

import argparse
import os
import pickle
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small models, which threads only slow down

import joblib  # noqa: E402
import numpy as np  # noqa: E402

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2] / "scripts" / "fixtures")]

from sklearn_case import inputs, joined, texts  # noqa: E402
from sklearn_draw import Draw  # noqa: E402
from sklearn_families import FAMILIES  # noqa: E402

TOLERANCE = 1e-6
SMALLEST = 1e-6  # numbers below it count as large as that
SMALLEST_OF_FLOATS = 0.25  # the same with XGBoost in a model, whose sums and probabilities are float32
MODELS = int(os.environ.get("SLIPWAY_ORACLE_MODELS", 200))  # of all families together
FORMS = ["joblib-", "joblib-zlib", "joblib-gzip", "joblib-bz2", "joblib-xz", "joblib-lzma", "joblib-lz4", "skops-", *(f"pickle-{i}" for i in range(6))]
VERIFIED = 8  # each so-many-th model is also imported with --verify


@dataclass
class Tally:
    """What came of the models of one family."""

    models: int = 0
    rows: int = 0
    skipped: int = 0
    differ: int = 0
    ties: int = 0
    largest: float = 0.0


def plain(values):
    """An array as Slipway's outputs hold it."""
    values = np.asarray(values.toarray() if hasattr(values, "toarray") else values)
    if values.dtype.kind in "UO":
        return texts(values)
    if values.dtype.kind == "b":
        return values
    return values.astype(np.int64 if values.dtype.kind in "iu" else np.float64)


def column(values):
    return values.reshape(-1, 1) if values.ndim == 1 else values


def expected(model, rows):
    """What scikit-learn answers, by the names of Slipway's outputs."""
    kind = getattr(model, "_estimator_type", None) or model.__sklearn_tags__().estimator_type
    if not hasattr(model, "predict") or kind == "transformer" or hasattr(model, "get_support"):
        return {"output": plain(model.transform(rows))}
    label = plain(model.predict(rows))
    if kind == "regressor":
        return {"prediction": column(label.astype(np.float64))}
    if kind == "clusterer":
        return {"label": label}
    if label.ndim == 2 and label.shape[1] == 1:  # CatBoost's
        label = label.reshape(-1)
    out = {"label": label}
    if hasattr(model, "predict_proba"):
        shares = model.predict_proba(rows)
        if isinstance(shares, list):
            return out | {f"probabilities_{i}": plain(one) for i, one in enumerate(shares)}
        return out | {"probabilities": plain(shares).astype(np.float64)}
    if hasattr(model, "decision_function"):
        out["decision"] = column(plain(model.decision_function(rows)).astype(np.float64))
    return out


def is_text(array):
    return array.dtype.kind in "UO"


def errors_of(got, want, smallest):
    """Relative errors, element by element; infinite where only one is a number."""
    with np.errstate(all="ignore"):
        error = np.abs(got - want) / np.maximum(np.abs(want), smallest)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    return np.where(same, 0.0, np.where(np.isnan(error), np.inf, error))


def is_tied(scores, row):
    """Whether scikit-learn's own scores leave it to the last bits which label wins."""
    scores = np.sort(np.atleast_1d(scores[row]))
    gap = abs(scores[0]) if len(scores) == 1 else scores[-1] - scores[-2]
    return gap <= 1e-9 * max(1.0, abs(scores[-1]))


def compare(got, want, smallest, tally):
    """What differs, in one line; "" when nothing does."""
    if set(got) != set(want):
        return f"outputs {sorted(got)}, expected {sorted(want)}"
    scores = want.get("probabilities", want.get("decision"))
    for name, right in want.items():
        left = got[name]
        if left.shape != right.shape or is_text(left) != is_text(right):
            return f"{name}: {left.dtype}{list(left.shape)}, expected {right.dtype}{list(right.shape)}"
        if right.dtype.kind == "f":
            errors = errors_of(left.astype(np.float64), right, smallest)
            if errors.size:
                finite = errors[np.isfinite(errors)]
                tally.largest = max(tally.largest, float(finite.max(initial=0)))
            wrong = np.argwhere(errors > TOLERANCE)
            if len(wrong):
                at = tuple(wrong[0])
                return f"{name}{list(map(int, at))}: {left[at]!r}, expected {right[at]!r} ({len(wrong)} of {errors.size} differ)"
            continue
        wrong = np.argwhere(left != right)
        ties = [at for at in wrong if scores is not None and right.ndim == 1 and is_tied(scores, at[0])]
        tally.ties += len(ties)
        if len(wrong) > len(ties):
            at = next(tuple(at) for at in wrong if not any(at is tie for tie in ties))
            shown = "" if scores is None else f", scores {scores[at[0]]}"
            return f"{name}{list(map(int, at))}: {left[at]!r}, expected {right[at]!r} ({len(wrong)} of {right.size} differ{shown})"
    return ""


def save(model, folder, form):
    kind, _, detail = form.partition("-")
    path = folder / f"model.{ {'joblib': 'joblib', 'pickle': 'pkl', 'skops': 'skops'}[kind] }"
    if kind == "joblib":
        joblib.dump(model, path, compress=(detail, 3) if detail else 0)
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(model, protocol=int(detail)))
    else:
        import skops.io

        skops.io.dump(model, path)
    return path


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    return "" if done.returncode == 0 else f"exit status {done.returncode}: {(done.stderr or done.stdout).strip()}"


def check(slipway, family, number, seed, tally, folder):
    """One model: "" when the answers agree, "skipped: ..." when scikit-learn does not train it, else what differs."""
    draw = Draw(seed, family, number)
    form = draw.one(*FORMS)
    try:
        model, rows, *taken = FAMILIES[family](draw)
        want = expected(model, rows)
        path = save(model, folder, form)
    except Exception as error:  # settings that contradict each other
        return f"skipped: {type(error).__name__}: {' '.join(str(error).split())[:150]}"
    arrays = taken[0] if taken and isinstance(taken[0], dict) else joined(inputs(taken[0] if taken else rows))
    np.savez(folder / "rows.npz", **arrays)
    np.savez(folder / "verify.npz", **arrays, **want)
    tally.rows += len(next(iter(want.values())))
    what = f"{form} {' '.join(repr(model).split())}"
    if said := run(slipway, "predict", path, "-i", folder / "rows.npz", "-o", folder / "answers.npz", "-q"):
        return f"{what}\n    {said}"
    with np.load(folder / "answers.npz") as answers:
        smallest = SMALLEST_OF_FLOATS if "XGB" in what else SMALLEST
        said = compare({name: answers[name] for name in answers}, want, smallest, tally)
    if not said and number % VERIFIED == 0 and not tally.ties:
        said = run(slipway, "import", path, "-o", folder / "model.onnx", "--verify", folder / "verify.npz")
    return f"{what}\n    {said}" if said else ""


HEADING = f"{'family':<20} {'models':>7} {'rows':>7} {'skipped':>8} {'largest error':>14} {'ties':>6} {'differ':>7}"


def line(name, tally):
    return f"{name:<20} {tally.models:>7} {tally.rows:>7} {tally.skipped:>8} {tally.largest:>14.3g} {tally.ties:>6} {tally.differ:>7}"


def check_family(slipway, family, numbers, seed, keep=None, show_skipped=False):
    """Models of these numbers; returns the tally, and a text for each that differs."""
    tally, differ = Tally(), []
    for number in numbers:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(keep or name)
            folder.mkdir(parents=True, exist_ok=True)
            said = check(slipway, family, number, seed, tally, folder)
        skipped = said.startswith("skipped")
        tally.skipped += skipped
        tally.models += not skipped
        if said and (not skipped or show_skipped):
            print(f"{family} {number} (seed {seed}): {said}", flush=True)
        if said and not skipped:
            tally.differ += 1
            differ.append(f"{family} {number} (seed {seed}): {said}")
    return tally, differ


def total(tallies):
    out = Tally(largest=max(t.largest for t in tallies))
    for name in ("models", "rows", "skipped", "ties", "differ"):
        setattr(out, name, sum(getattr(t, name) for t in tallies))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slipway")
    parser.add_argument("--models", type=int, default=MODELS, help="of all families together; default: $SLIPWAY_ORACLE_MODELS or 200")
    parser.add_argument("--first", type=int, default=0, help="number of the first model of each family")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--family", choices=FAMILIES, action="append")
    parser.add_argument("--keep", help="folder where the files of the last model stay")
    parser.add_argument("--skipped", action="store_true", help="also print what scikit-learn does not train")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    families = options.family or list(FAMILIES)
    share = -(-options.models // len(families))
    print(f"seed {options.seed}, numbers {options.first} to {options.first + share - 1} of each family")
    print(HEADING, flush=True)
    tallies = []
    for family in families:
        numbers = range(options.first, options.first + share)
        tally, _ = check_family(options.slipway, family, numbers, options.seed, options.keep, options.skipped)
        print(line(family, tally), flush=True)
        tallies.append(tally)
    all_of_them = total(tallies)
    print(line("all", all_of_them))
    return 1 if all_of_them.differ or not all_of_them.models else 0


if __name__ == "__main__":
    sys.exit(main())
