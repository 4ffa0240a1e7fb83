"""What the scikit-learn oracle draws models from: settings, tables, labels, and rows that are hard to answer."""

import random

import numpy as np

TEXTS = ["low", "middle", "top", "", "Ünder", "a b", "1", "nan"]
COLORS = ["red", "green", "blü", "x,y", "white", "", "Red"]


class Draw:
    """Everything that one model needs of chance; the same for the same seed, family and number."""

    def __init__(self, seed, family, number):
        self.random = random.Random(f"{seed} {family} {number}")
        self.rng = np.random.default_rng(self.random.getrandbits(32))
        self.state = self.random.randrange(1000)  # random_state of estimators

    def one(self, *choices):
        return self.random.choice(choices)

    def some(self, low, high):
        return self.random.randint(low, high)

    def maybe(self, share=0.5):
        return self.random.random() < share

    def log(self, low, high):
        """A number whose logarithm is drawn evenly."""
        return float(np.exp(self.random.uniform(np.log(low), np.log(high))))

    def options(self, **choices):
        """For each name one of its choices."""
        return {name: self.random.choice(values) for name, values in choices.items()}

    def table(self, rows=None, columns=None, scale=100.0, missing=0.0, ties=True):
        """Columns of different sizes, some of few values, so that rows tie, unless `ties` is false."""
        rows, columns = rows or self.one(24, 50, 90), columns or self.some(2, 6)
        x = self.rng.normal(size=(rows, columns))
        for i in range(columns):
            x[:, i] *= self.log(1 / scale, scale)
            if self.maybe(0.3):
                x[:, i] += self.random.uniform(-2, 2) * x[:, i].std()
            if self.maybe(0.2) and ties:
                x[:, i] = np.round(x[:, i] / (x[:, i].std() + 1e-9) * 2)
        if missing:
            x[self.rng.random(x.shape) < missing] = np.nan
        return x

    def score(self, x):
        z = np.nan_to_num(x)
        z = (z - z.mean(0)) / (z.std(0) + 1e-9)
        return z @ self.rng.normal(size=x.shape[1]) + self.rng.normal(size=len(x)) * 0.4

    def codes(self, x, count):
        """0 ... count - 1, each of which occurs, by what the columns hold."""
        order = np.argsort(np.argsort(self.score(x)))
        return order * count // len(x)

    def named(self, codes, kinds=("plain", "integers", "texts", "objects", "bools", "reals")):
        """The codes as labels of some kind."""
        count = int(codes.max()) + 1
        kind = self.one(*kinds)
        if kind == "bools" and count == 2:
            return codes.astype(bool)
        if kind == "integers":
            return np.sort(self.rng.choice(np.arange(-20, 50), count, replace=False))[codes].astype(self.one("i4", "i8"))
        if kind == "reals":
            return np.arange(count, dtype=float)[codes] * 2
        if kind in ("texts", "objects"):
            names = np.array(self.random.sample(TEXTS, count))[codes]
            return names.astype(object) if kind == "objects" else names
        return codes

    def labels(self, x, low=2, high=4, **more):
        return self.named(self.codes(x, self.some(low, high)), **more)

    def target(self, x, kind="number"):
        y = self.score(x)
        if kind == "positive":
            return np.exp(0.5 * y) + 0.05
        if kind == "count":
            return self.rng.poisson(np.exp(0.4 * y)).astype(float) + (np.arange(len(x)) == 0)
        if kind == "several":
            return np.stack([y, y**2 - x[:, 0], self.score(x) * 100][: self.some(2, 3)], 1)
        return y * self.log(0.01, 1000) + self.one(0, 0, 5, -300)

    def rows(self, x, limit=1e6, thresholds=None, missing=False, infinite=False):
        """Rows as in training, others, and ones of numbers that are large, small, denormal or on thresholds."""
        x = np.where(np.isnan(x), 0.0, x)
        spread = x.std(0) + 1e-3
        fresh = x[self.rng.integers(0, len(x), 16)] + self.rng.normal(size=(16, x.shape[1])) * spread
        hard = np.zeros((10, x.shape[1]))
        specials = [0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e-200, 1e-40, -1e-20, limit, -limit, limit / 7, 1.0, -1.0, 0.5]
        for row in hard:
            row[:] = self.rng.choice(specials, x.shape[1]) if self.maybe(0.7) else self.one(*specials)
        parts = [x[:16], fresh, hard]
        if thresholds:
            parts.append(self.at_thresholds(x, thresholds))
        rows = np.clip(np.concatenate(parts), -limit, limit)
        if infinite:
            rows[self.rng.random(rows.shape) < 0.02] = np.inf
            rows[self.rng.random(rows.shape) < 0.02] = -np.inf
        if missing:
            rows[16:][self.rng.random(rows[16:].shape) < 0.15] = np.nan
        return rows

    def at_thresholds(self, x, thresholds, count=60):
        """Rows that lie on thresholds, one double beside them, and one float32 beside them."""
        rows = x[self.rng.integers(0, len(x), count)].copy()
        for row in rows:
            for column, values in thresholds.items():
                t = float(self.rng.choice(values))
                up, down = np.nextafter(t, np.inf), np.nextafter(t, -np.inf)
                near = np.float32(t)
                floats = [near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))]
                row[column] = self.rng.choice([t, up, down, *map(float, floats), row[column]])
        return rows

    def words(self, count, choices):
        return np.array(choices, object)[self.rng.integers(0, len(choices), count)]


def thresholds_of(model):
    """For each column the numbers that trees anywhere in the model compare it with; {} where they see other columns."""
    out = {}
    if hasattr(model, "tree_"):
        for feature, threshold in zip(model.tree_.feature, model.tree_.threshold):
            if feature >= 0 and np.isfinite(threshold):
                out.setdefault(int(feature), []).append(float(threshold))
    elif hasattr(model, "_predictors"):
        for predictor in [p for round_ in model._predictors for p in round_]:
            for node in predictor.nodes[predictor.nodes["is_leaf"] == 0]:
                if np.isfinite(node["num_threshold"]) and not node["is_categorical"]:
                    out.setdefault(int(node["feature_idx"]), []).append(float(node["num_threshold"]))
    elif hasattr(model, "estimators_") and not hasattr(model, "estimators_features_"):
        for part in np.ravel(np.array(model.estimators_, dtype=object)):
            for column, values in thresholds_of(part).items():
                out.setdefault(column, []).extend(values)
    return out
