"""The families of estimators that the scikit-learn oracle draws from. Each function trains one model; it returns the
model, the rows as scikit-learn takes them, and, where they differ, the same rows as the imported model takes them.

To add a family: write its function and add it to FAMILIES. An option that Slipway does not support is not drawn.
"""

import numpy as np
import pandas as pd
from sklearn import calibration, cluster, covariance, cross_decomposition, decomposition, discriminant_analysis, dummy, ensemble, feature_selection
from sklearn import gaussian_process, impute, isotonic, kernel_approximation, kernel_ridge, linear_model, mixture, model_selection, multiclass, multioutput
from sklearn import naive_bayes, neighbors, neural_network, pipeline, preprocessing, random_projection, semi_supervised, svm, tree
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401: add names to model_selection, impute
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import kernels
from sklearn_draw import COLORS, thresholds_of

pipe = pipeline.make_pipeline
IGNORE = {"handle_unknown": "ignore"}


def scaler(draw):
    return draw.one(preprocessing.StandardScaler(), preprocessing.MinMaxScaler(), preprocessing.RobustScaler(),
                    preprocessing.MaxAbsScaler(), preprocessing.StandardScaler())  # fmt: skip


# ---- linear


def linear_regressor(draw):
    lm = linear_model
    x = draw.table()
    kind = draw.one("number", "number", "positive", "several")
    model = {
        "number": lambda: draw.one(
            lm.LinearRegression(fit_intercept=draw.maybe(0.8)), lm.Ridge(draw.log(0.01, 100)), lm.Lasso(draw.log(1e-3, 1)),
            lm.ElasticNet(draw.log(1e-3, 1), l1_ratio=0.3), lm.BayesianRidge(), lm.ARDRegression(), lm.HuberRegressor(max_iter=200),
            lm.RidgeCV(), lm.LassoCV(cv=3), lm.ElasticNetCV(cv=3), lm.Lars(), lm.LassoLars(0.01), lm.LassoLarsIC(), lm.LarsCV(cv=3),
            lm.OrthogonalMatchingPursuit(), lm.TheilSenRegressor(max_subpopulation=50, random_state=0),
            lm.QuantileRegressor(quantile=0.4, alpha=0.01), lm.SGDRegressor(random_state=0), svm.LinearSVR(random_state=0),
        ),
        "positive": lambda: draw.one(lm.PoissonRegressor(), lm.GammaRegressor(), lm.TweedieRegressor(power=draw.one(0, 1, 1.5, 2))),
        "several": lambda: draw.one(lm.LinearRegression(), lm.Ridge(), lm.MultiTaskLasso(0.1), lm.MultiTaskElasticNet(0.1), lm.RidgeCV()),
    }[kind]()  # fmt: skip
    steep = isinstance(model, (lm.SGDRegressor, lm.PoissonRegressor, lm.GammaRegressor, lm.TweedieRegressor))
    if steep or draw.maybe(0.3):
        model = pipe(scaler(draw), model)
    return model.fit(x, draw.target(x, kind)), draw.rows(x, 1e3 if steep else 1e9)


def linear_classifier(draw):
    lm = linear_model
    x = draw.table()
    y = draw.labels(x, 2, 5)
    model = draw.one(
        lm.LogisticRegression(C=draw.log(0.01, 100), fit_intercept=draw.maybe(0.8), max_iter=300),
        lm.LogisticRegression(max_iter=300, class_weight="balanced"),
        lm.LogisticRegressionCV(Cs=2, cv=2, max_iter=300), lm.RidgeClassifier(draw.log(0.01, 10)), lm.RidgeClassifierCV(),
        lm.SGDClassifier(loss=draw.one("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron"), random_state=draw.state),
        lm.Perceptron(random_state=draw.state), svm.LinearSVC(random_state=draw.state, fit_intercept=draw.maybe()),
        discriminant_analysis.LinearDiscriminantAnalysis(solver=draw.one("svd", "lsqr", "eigen")),
    )  # fmt: skip
    if draw.maybe(0.6):
        model = pipe(scaler(draw), model)
    return model.fit(x, y), draw.rows(x, 1e6)


def discriminant(draw):
    x = draw.table(scale=10)
    qda = discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=draw.one(0.01, 0.1, 0.5))
    lda = discriminant_analysis.LinearDiscriminantAnalysis(solver="lsqr", shrinkage=draw.one(None, "auto", 0.3))
    return draw.one(qda, lda).fit(x, draw.labels(x)), draw.rows(x, 50)


# ---- trees


def tree_settings(draw):
    return draw.options(max_depth=[None, 1, 3, 6], min_samples_leaf=[1, 1, 5]) | {"random_state": draw.state}


def fitted_trees(draw, classifiers, regressors, more_settings, several):
    """A model of trees. `several`: how often a classifier has two outputs, and the classes of the second."""
    missing = draw.one(0, 0, 0.1)
    x = draw.table(missing=missing)
    settings = tree_settings(draw) | more_settings()
    if draw.maybe():
        model = draw.one(*classifiers)(**settings)
        y = draw.labels(x)
        if not missing and draw.maybe(several[0]):
            y = draw.named(np.stack([draw.codes(x, 2), draw.codes(x, several[1])], 1))
    else:
        model = draw.one(*regressors)(**settings)
        y = draw.target(x, draw.one("number", "several") if not missing else "number")
    model.fit(x, y)
    return model, draw.rows(x, 1e38, thresholds_of(model), missing=bool(missing))


def single_tree(draw):
    return fitted_trees(draw, (tree.DecisionTreeClassifier, tree.ExtraTreeClassifier),
                        (tree.DecisionTreeRegressor, tree.ExtraTreeRegressor), dict, (0.3, 3))


def forest(draw):
    def of_many():
        return {"n_estimators": draw.some(1, 12), "bootstrap": draw.maybe(), "max_features": draw.one(1.0, "sqrt")}

    return fitted_trees(draw, (ensemble.RandomForestClassifier, ensemble.ExtraTreesClassifier),
                        (ensemble.RandomForestRegressor, ensemble.ExtraTreesRegressor), of_many, (0.2, 2))


def gradient_boosting(draw):
    x = draw.table()
    settings = draw.options(max_depth=[1, 2, 4], learning_rate=[0.05, 0.3, 1.0], subsample=[1.0, 0.7]) | {"n_estimators": draw.some(1, 15), "random_state": draw.state}
    init = draw.one(None, None, "zero")
    if draw.maybe():
        count = draw.some(2, 4)
        loss = draw.one("log_loss", "exponential") if count == 2 else "log_loss"
        model = ensemble.GradientBoostingClassifier(loss=loss, init=init, **settings).fit(x, draw.labels(x, count, count))
    else:
        loss = draw.one("squared_error", "absolute_error", "huber", "quantile")
        model = ensemble.GradientBoostingRegressor(loss=loss, init=init, **settings).fit(x, draw.target(x))
    return model, draw.rows(x, 1e38, thresholds_of(model))


def hist_boosting(draw):
    missing = draw.one(0, 0.1, 0.3)
    x = draw.table(rows=draw.one(50, 150), missing=missing)
    categories = [0] if draw.maybe(0.3) else None
    if categories:
        x[:, 0] = np.where(np.isnan(x[:, 0]), np.nan, draw.rng.integers(0, draw.some(3, 40), len(x)))
    settings = draw.options(max_leaf_nodes=[3, 8, 31], min_samples_leaf=[2, 5], learning_rate=[0.1, 0.5]) | {"max_iter": draw.some(1, 12)}
    settings |= {"random_state": draw.state, "categorical_features": categories}
    if draw.maybe():
        model = ensemble.HistGradientBoostingClassifier(**settings).fit(x, draw.labels(x))
    else:
        loss = draw.one("squared_error", "absolute_error", "gamma", "poisson", "quantile")
        quantile = {"quantile": 0.7} if loss == "quantile" else {}
        model = ensemble.HistGradientBoostingRegressor(loss=loss, **quantile, **settings)
        model.fit(x, draw.target(x, {"gamma": "positive", "poisson": "count"}.get(loss, "number")))
    rows = draw.rows(x, 1e308, thresholds_of(model), missing=True, infinite=True)
    if categories:
        rows[:, 0] = draw.rng.choice([*range(42), np.nan, -1.0, 1000.0], len(rows))
    return model, rows


# ---- ensembles of any kind: of neighbours too, of which scikit-learn leaves the order open where they tie


def small_classifier(draw):
    return draw.one(
        linear_model.LogisticRegression(max_iter=300), tree.DecisionTreeClassifier(max_depth=3, random_state=draw.state),
        naive_bayes.GaussianNB(), pipe(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
        neighbors.KNeighborsClassifier(draw.some(2, 5)), ensemble.RandomForestClassifier(3, max_depth=3, random_state=draw.state),
        ensemble.HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=3, random_state=draw.state),
        pipe(preprocessing.StandardScaler(), svm.SVC(random_state=draw.state)), svm.LinearSVC(random_state=draw.state),
    )  # fmt: skip


def with_shares(draw):
    """A small classifier that has probabilities."""
    while True:
        model = small_classifier(draw)
        if hasattr(model, "predict_proba"):
            return model


def small_regressor(draw):
    return draw.one(
        linear_model.Ridge(), tree.DecisionTreeRegressor(max_depth=3, random_state=draw.state), linear_model.LinearRegression(),
        neighbors.KNeighborsRegressor(draw.some(2, 5)), ensemble.RandomForestRegressor(3, max_depth=3, random_state=draw.state),
        pipe(preprocessing.StandardScaler(), svm.SVR()),
    )  # fmt: skip


def bagging(draw):
    x = draw.table(ties=False)
    settings = {"n_estimators": draw.some(1, 5), "max_features": draw.one(1.0, 0.6), "bootstrap": draw.maybe(), "random_state": draw.state}
    if draw.maybe():
        return ensemble.BaggingClassifier(small_classifier(draw), **settings).fit(x, draw.labels(x)), draw.rows(x, 1e3)
    return ensemble.BaggingRegressor(small_regressor(draw), **settings).fit(x, draw.target(x)), draw.rows(x, 1e3)


def ada_boost(draw):
    x = draw.table(ties=False)
    settings = {"n_estimators": draw.some(1, 8), "learning_rate": draw.one(0.5, 1.0), "random_state": draw.state}
    depth = draw.some(1, 3)
    if draw.maybe():
        model = ensemble.AdaBoostClassifier(tree.DecisionTreeClassifier(max_depth=depth), **settings).fit(x, draw.labels(x))
    else:
        model = ensemble.AdaBoostRegressor(tree.DecisionTreeRegressor(max_depth=depth), **settings).fit(x, draw.target(x))
    return model, draw.rows(x, 1e30, thresholds_of(model))


def voting(draw):
    x = draw.table(ties=False)
    count = draw.some(2, 4)
    weights = [draw.some(1, 3) for _ in range(count)] if draw.maybe() else None
    if draw.maybe(0.7):
        kind = draw.one("soft", "hard")
        make = with_shares if kind == "soft" else small_classifier
        parts = [(f"m{i}", make(draw)) for i in range(count)]
        return ensemble.VotingClassifier(parts, voting=kind, weights=weights).fit(x, draw.labels(x)), draw.rows(x, 1e3)
    parts = [(f"m{i}", small_regressor(draw)) for i in range(count)]
    return ensemble.VotingRegressor(parts, weights=weights).fit(x, draw.target(x)), draw.rows(x, 1e3)


def stacking(draw):
    x = draw.table(rows=60, ties=False)
    more = {"cv": 2, "passthrough": draw.maybe()}
    if draw.maybe():
        parts = [(f"m{i}", small_classifier(draw)) for i in range(2)]
        last = draw.one(linear_model.LogisticRegression(max_iter=300), tree.DecisionTreeClassifier(max_depth=3, random_state=0))
        return ensemble.StackingClassifier(parts, last, **more).fit(x, draw.labels(x, 2, 3)), draw.rows(x, 1e3)
    parts = [(f"m{i}", small_regressor(draw)) for i in range(2)]
    return ensemble.StackingRegressor(parts, draw.one(linear_model.Ridge(), None), **more).fit(x, draw.target(x)), draw.rows(x, 1e3)


def calibrated(draw):
    x = draw.table(rows=80, ties=False)
    settings = {"method": draw.one("sigmoid", "isotonic"), "cv": 2, "ensemble": draw.maybe()}
    return calibration.CalibratedClassifierCV(small_classifier(draw), **settings).fit(x, draw.labels(x, 2, 3)), draw.rows(x, 1e3)


def searched(draw):
    x = draw.table(rows=50, ties=False)
    if draw.maybe(0.3):
        search = draw.one(
            model_selection.HalvingGridSearchCV(linear_model.Ridge(), {"alpha": [0.1, 1, 10]}, cv=2, random_state=draw.state),
            model_selection.HalvingRandomSearchCV(linear_model.Ridge(), {"alpha": [0.1, 1, 10]}, n_candidates=2, cv=2, random_state=draw.state),
        )  # fmt: skip
        return search.fit(x, draw.target(x)), draw.rows(x, 1e4)
    if draw.maybe():
        search = model_selection.GridSearchCV(pipe(scaler(draw), linear_model.LogisticRegression()), {"logisticregression__C": [0.1, 1]}, cv=2)
        return search.fit(x, draw.labels(x, 2, 3)), draw.rows(x, 1e4)
    search = model_selection.RandomizedSearchCV(tree.DecisionTreeRegressor(random_state=0), {"max_depth": [1, 2, 3]}, n_iter=2, cv=2, random_state=0)
    search.fit(x, draw.target(x))
    return search, draw.rows(x, 1e30, thresholds_of(search.best_estimator_))


def constants(draw):
    x = draw.table()
    if draw.maybe():
        y = draw.target(x, draw.one("number", "several"))
        strategy = draw.one("mean", "median", "quantile", "constant")
        more = {"quantile": {"quantile": 0.3}, "constant": {"constant": y[3]}}.get(strategy, {})
        return dummy.DummyRegressor(strategy=strategy, **more).fit(x, y), draw.rows(x, 1e30, missing=True)
    y = labels_of_outputs(draw, x)
    strategy = draw.one("prior", "most_frequent", "constant")
    more = {"constant": y[3] if y.ndim == 1 else list(y[3])} if strategy == "constant" else {}
    return dummy.DummyClassifier(strategy=strategy, **more).fit(x, y), draw.rows(x, 1e30, missing=True)


def wrapped(draw):
    x = draw.table(rows=60, ties=False)
    rows = draw.rows(x, 1e3)
    kind = draw.one("ransac", "self_training", "frozen", "fixed", "tuned")
    if kind == "ransac":
        inner = draw.one({}, {"estimator": small_regressor(draw), "min_samples": 0.7})
        return linear_model.RANSACRegressor(random_state=draw.state, **inner).fit(x, draw.target(x)), rows
    if kind == "self_training":
        y = np.where(draw.rng.random(len(x)) < 0.3, -1, draw.codes(x, draw.some(2, 3)))
        return semi_supervised.SelfTrainingClassifier(with_shares(draw), criterion=draw.one("threshold", "k_best")).fit(x, y), rows
    y = draw.labels(x, 2, 2)
    if kind == "frozen":
        inner = draw.one(small_classifier(draw).fit(x, y), small_regressor(draw).fit(x, draw.target(x)))
        return draw.one(FrozenEstimator(inner), pipe(scaler(draw).fit(x), FrozenEstimator(inner))).fit(x, y), rows
    method = draw.one("auto", "auto", "predict_proba", "decision_function")
    if kind == "tuned":
        scoring = draw.one("balanced_accuracy", "accuracy", "f1" if set(y) == {0, 1} else "matthews_corrcoef")
        return model_selection.TunedThresholdClassifierCV(with_shares(draw), scoring=scoring, cv=2, response_method="auto").fit(x, y), rows
    inner = linear_model.LogisticRegression(max_iter=300) if method == "decision_function" else with_shares(draw)
    settings = {"threshold": draw.one("auto", 0.31, 0.77), "pos_label": draw.one(None, *np.unique(y)), "response_method": method}
    return model_selection.FixedThresholdClassifier(inner, **settings).fit(x, y), rows


def many_classes(draw):
    x = draw.table(rows=60, ties=False)
    count = draw.some(2, 4)
    model = draw.one(
        multiclass.OneVsRestClassifier(small_classifier(draw)), multiclass.OneVsOneClassifier(small_classifier(draw)),
        multiclass.OutputCodeClassifier(linear_model.LogisticRegression(max_iter=300), code_size=2, random_state=draw.state),
    )  # fmt: skip; shares of neighbours and trees are as far from several codes, and rounding decides
    if count == 2 and isinstance(model, multiclass.OutputCodeClassifier):
        count = 3
    return model.fit(x, draw.labels(x, count, count)), draw.rows(x, 1e3)


def several_outputs(draw):
    x = draw.table(rows=60, ties=False)
    rows = draw.rows(x, 1e3)
    if draw.maybe(0.3):
        model = draw.one(multioutput.MultiOutputRegressor(small_regressor(draw)), multioutput.RegressorChain(small_regressor(draw)))
        return model.fit(x, draw.target(x, "several")), rows
    labels = np.stack([draw.codes(x, 2) for _ in range(draw.some(2, 4))], 1)
    kind = draw.one("outputs", "chain", "rest", "network", "ridge")
    if kind == "outputs":
        named = draw.named(np.stack([draw.codes(x, draw.some(2, 3)) for _ in range(2)], 1))
        return multioutput.MultiOutputClassifier(small_classifier(draw)).fit(x, named), rows
    if kind == "chain":
        return multioutput.ClassifierChain(with_shares(draw), order="random", random_state=draw.state).fit(x, labels), rows
    if kind == "rest":
        return multiclass.OneVsRestClassifier(small_classifier(draw)).fit(x, labels), rows
    if kind == "network":
        network = neural_network.MLPClassifier((4,), max_iter=30, random_state=draw.state)
        return pipe(preprocessing.StandardScaler(), network).fit(x, labels), rows
    return linear_model.RidgeClassifier().fit(x, labels), rows


def target_changed(draw):
    x = draw.table(ties=False)
    y = np.abs(draw.target(x, "positive"))
    changes = draw.one(
        {"func": np.log1p, "inverse_func": np.expm1}, {"func": np.sqrt, "inverse_func": np.square}, {"func": np.log, "inverse_func": np.exp},
        {"transformer": preprocessing.StandardScaler()}, {"transformer": preprocessing.MinMaxScaler()},
        {"transformer": preprocessing.RobustScaler()},
    )  # fmt: skip
    return TransformedTargetRegressor(small_regressor(draw), **changes).fit(x, y), draw.rows(x, 100)


# ---- distances, kernels, densities


def labels_of_outputs(draw, x):
    """Labels of one output, or now and then of two."""
    if draw.maybe(0.7):
        return draw.labels(x)
    return draw.named(np.stack([draw.codes(x, draw.some(2, 3)) for _ in range(2)], 1))


def nearest(draw):
    x = draw.table(scale=3)
    settings = draw.options(weights=["uniform", "distance"], metric=["minkowski", "euclidean", "manhattan", "chebyshev"], p=[1, 2, 3])
    settings |= {"n_neighbors": draw.some(1, 7), "algorithm": draw.one("auto", "brute", "kd_tree", "ball_tree")}
    # What is near may tie, and then the order is left open.
    x = x + draw.rng.normal(size=x.shape) * 1e-3
    rows = x[draw.rng.integers(0, len(x), 40)] + draw.rng.normal(size=(40, x.shape[1])) * draw.one(0.01, 1.0)
    if draw.maybe():
        return neighbors.KNeighborsClassifier(**settings).fit(x, labels_of_outputs(draw, x)), rows
    return neighbors.KNeighborsRegressor(**settings).fit(x, draw.target(x, draw.one("number", "several"))), rows


def radius(draw):
    x = draw.table(scale=3)
    settings = draw.options(weights=["uniform", "distance"], metric=["minkowski", "manhattan", "chebyshev"]) | {"radius": draw.log(0.3, 5)}
    rows = draw.rows(x, 100)
    if draw.maybe():
        model = neighbors.RadiusNeighborsClassifier(outlier_label="most_frequent", **settings)
        return model.fit(x, labels_of_outputs(draw, x)), rows
    return neighbors.RadiusNeighborsRegressor(**settings).fit(x, draw.target(x, draw.one("number", "several"))), rows


def centroids(draw):
    x = draw.table(scale=5)
    y = draw.labels(x)
    settings = {"metric": draw.one("euclidean", "euclidean", "manhattan"), "shrink_threshold": draw.one(None, None, 0.1, 1.0)}
    settings["priors"] = draw.one("uniform", "empirical", list(draw.rng.dirichlet(np.ones(len(np.unique(y))))))
    return neighbors.NearestCentroid(**settings).fit(x, y), draw.rows(x, 100)


def kernel_models(draw):
    """Rows of a size at which the kernel does not vanish."""
    x = draw.table(scale=3)
    kernel = draw.one("linear", "poly", "rbf", "sigmoid", "cosine", "laplacian", "additive_chi2", "chi2", "polynomial")
    settings = {"gamma": draw.one(None, 0.1, 0.3) if kernel != "chi2" else 0.3, "degree": draw.some(1, 3), "coef0": draw.one(1, 0.5)}
    above_zero = "chi2" in kernel
    scale = preprocessing.MinMaxScaler(clip=True) if above_zero else preprocessing.StandardScaler()
    if draw.maybe() or kernel in ("laplacian", "additive_chi2", "chi2", "polynomial"):
        model = kernel_ridge.KernelRidge(alpha=draw.log(0.1, 3), kernel=kernel, **settings)
    else:
        model = decomposition.KernelPCA(draw.some(1, 3), kernel=kernel, remove_zero_eig=True, **settings)
    return pipe(scale, model).fit(x, draw.target(x, draw.one("number", "several"))), draw.rows(x, 10)


def kernel_maps(draw):
    x = draw.table(scale=3)
    rows = draw.rows(x, 10)
    ka, count = kernel_approximation, draw.some(2, 8)
    kind = draw.one("rbf", "skewed", "additive", "nystroem", "nystroem")
    if kind == "rbf":
        return ka.RBFSampler(gamma=draw.one(0.1, 1.0, "scale"), n_components=count, random_state=draw.state).fit(x), rows
    if kind == "skewed":
        return ka.SkewedChi2Sampler(skewedness=0.3, n_components=count, random_state=draw.state).fit(np.abs(x)), np.abs(rows)
    if kind == "additive":
        steps, interval = draw.one((1, None), (2, None), (3, None), (4, 0.3), (2, 0.7))
        return ka.AdditiveChi2Sampler(sample_steps=steps, sample_interval=interval).fit(np.abs(x)), np.abs(rows)
    kernel = draw.one("linear", "poly", "rbf", "sigmoid", "cosine", "laplacian", "chi2", "additive_chi2")
    settings = {"poly": {"gamma": draw.one(None, 0.1), "degree": draw.one(None, 2), "coef0": draw.one(None, 0.5)}, "rbf": {"gamma": draw.one(None, 0.3)},
                "sigmoid": {"gamma": 0.1, "coef0": draw.one(None, 0.5)}, "laplacian": {"gamma": draw.one(None, 0.2)}, "chi2": {"gamma": draw.one(None, 0.2)}}
    scale = preprocessing.MinMaxScaler(clip=True) if "chi2" in kernel else preprocessing.StandardScaler()
    return pipe(scale, ka.Nystroem(kernel, n_components=min(count, 4), random_state=draw.state, **settings.get(kernel, {}))).fit(x), rows


def kernel_settings(draw):
    return draw.options(kernel=["rbf", "linear", "poly", "sigmoid"], gamma=["scale", "auto", 0.1], degree=[2, 3], coef0=[0.0, 0.5])


def support_vectors(draw):
    x = draw.table(scale=3)
    settings = kernel_settings(draw)
    rows = draw.rows(x, 100)
    kind = draw.one("svc", "svc", "nu_svc", "svr", "nu_svr", "one")
    if kind in ("svc", "nu_svc"):
        y = draw.labels(x)
        settings |= {"probability": draw.maybe(0.3), "decision_function_shape": draw.one("ovr", "ovo"), "random_state": draw.state}
        if settings["decision_function_shape"] == "ovr":
            settings["break_ties"] = draw.maybe(0.3)
        model = svm.NuSVC(nu=0.2, **settings) if kind == "nu_svc" else svm.SVC(C=draw.log(0.1, 10), **settings)
        return pipe(preprocessing.StandardScaler(), model).fit(x, y), rows
    if kind == "one":
        return pipe(preprocessing.StandardScaler(), svm.OneClassSVM(nu=0.3, **settings)).fit(x), rows
    model = svm.NuSVR(**settings) if kind == "nu_svr" else svm.SVR(C=draw.log(0.1, 10), **settings)
    return pipe(preprocessing.StandardScaler(), model).fit(x, draw.score(x)), rows


def kernel_of(draw, columns):
    wide = draw.one(1.0, draw.log(0.3, 5), [draw.log(0.5, 3) for _ in range(columns)])
    base = draw.one(
        kernels.RBF(wide), kernels.Matern(wide, nu=draw.one(0.5, 1.5, 2.5, 3.5, 6.5, np.inf)),
        kernels.RationalQuadratic(draw.log(0.5, 2), draw.log(0.3, 3)), kernels.DotProduct(draw.log(0.1, 2)),
        kernels.ExpSineSquared(draw.log(0.5, 2), draw.log(1, 5)),
    )  # fmt: skip
    if draw.maybe(0.4):
        base = base * kernels.ConstantKernel(draw.log(0.5, 5))
    if draw.maybe(0.3):
        base = base + kernels.RBF(draw.log(0.5, 3))
    return base + kernels.WhiteKernel(draw.one(0.1, 1.0))


def gaussian_processes(draw):
    x = draw.table(rows=24, scale=3)
    rows = draw.rows(x, 30)
    optimizer = draw.one(None, None, "fmin_l_bfgs_b")
    kernel = kernel_of(draw, x.shape[1])
    if draw.maybe(0.4):
        model = gaussian_process.GaussianProcessClassifier(kernel, optimizer=optimizer, random_state=draw.state)
        return pipe(preprocessing.StandardScaler(), model).fit(x, draw.labels(x, 2, 3)), rows
    model = gaussian_process.GaussianProcessRegressor(kernel, alpha=0.1, normalize_y=draw.maybe(), optimizer=optimizer, random_state=draw.state)
    return pipe(preprocessing.StandardScaler(), model).fit(x, draw.target(x, draw.one("number", "several"))), rows


def mixtures(draw):
    x = draw.table(scale=3, rows=60)
    x[::2] += x.std(0) * 3
    settings = {"n_components": draw.some(1, 4), "covariance_type": draw.one("full", "tied", "diag", "spherical"), "random_state": draw.state}
    kind = draw.one(mixture.GaussianMixture, mixture.BayesianGaussianMixture)
    return kind(reg_covar=1e-3, max_iter=30, **settings).fit(x), draw.rows(x, 30)


def clusters(draw):
    x = draw.table()
    if draw.maybe(0.3):
        x = draw.table(scale=3, ties=False)
        return draw.one(cluster.MeanShift(bandwidth=2.0), cluster.AffinityPropagation(random_state=draw.state)).fit(x), draw.rows(x, 1e3)
    model = draw.one(cluster.KMeans, cluster.MiniBatchKMeans)(draw.some(2, 6), n_init=1, random_state=draw.state)
    if draw.maybe(0.4):
        model = pipe(preprocessing.StandardScaler(), model)
    return model.fit(x), draw.rows(x, 1e3)


def outliers(draw):
    x = draw.table(rows=60, scale=3)
    if draw.maybe(0.3):
        envelope = covariance.EllipticEnvelope(contamination=draw.one(0.1, 0.3), assume_centered=draw.maybe(0.2), random_state=draw.state)
        return draw.one(envelope, linear_model.SGDOneClassSVM(nu=draw.one(0.1, 0.4), random_state=draw.state)).fit(x), draw.rows(x, 1e3)
    if draw.maybe():
        model = ensemble.IsolationForest(n_estimators=draw.some(2, 10), contamination=draw.one("auto", 0.1), max_features=draw.one(1.0, 0.5), random_state=draw.state).fit(x)
        return model, draw.rows(x, 1e30, thresholds_of(model))
    model = neighbors.LocalOutlierFactor(draw.some(2, 8), novelty=True, metric=draw.one("euclidean", "manhattan"), contamination=draw.one("auto", 0.2))
    x = x + draw.rng.normal(size=x.shape) * 1e-3
    return model.fit(x), draw.rows(x, 100)[16:]


# ---- other models


def bayes(draw):
    kind = draw.one("gaussian", "bernoulli", "multinomial", "complement", "categorical")
    if kind in ("gaussian", "bernoulli"):
        x = draw.table(scale=5)
        model = naive_bayes.GaussianNB() if kind == "gaussian" else naive_bayes.BernoulliNB(alpha=draw.log(0.1, 2), binarize=draw.one(0.0, 0.5))
        return model.fit(x, draw.labels(x)), draw.rows(x, 100)
    x = draw.rng.integers(0, 6, (60, draw.some(2, 6))).astype(float)
    x[:6] = np.arange(6)[:, None]
    y = draw.labels(x)
    model = {"multinomial": naive_bayes.MultinomialNB(alpha=draw.log(0.1, 2)), "complement": naive_bayes.ComplementNB(norm=draw.maybe()),
             "categorical": naive_bayes.CategoricalNB(alpha=draw.log(0.1, 2))}[kind]  # fmt: skip
    return model.fit(x, y), x[draw.rng.permutation(60)[:30]]


def networks(draw):
    x = draw.table(scale=5)
    layers = tuple(draw.some(2, 8) for _ in range(draw.some(1, 3)))
    settings = {"activation": draw.one("relu", "tanh", "logistic", "identity"), "max_iter": 30, "random_state": draw.state}
    if draw.maybe():
        model = neural_network.MLPClassifier(layers, **settings)
        return pipe(scaler(draw), model).fit(x, draw.labels(x)), draw.rows(x, 100)
    model = neural_network.MLPRegressor(hidden_layer_sizes=layers, **settings)
    return pipe(scaler(draw), model).fit(x, draw.target(x, draw.one("number", "several")) / 100), draw.rows(x, 100)


def isotonics(draw):
    x = draw.rng.normal(size=(40, 1)) * draw.log(0.01, 100)
    model = isotonic.IsotonicRegression(increasing=draw.one(True, False, "auto"), out_of_bounds=draw.one("clip", "nan"))
    model.fit(x, draw.score(x))
    return model, np.concatenate([x, model.X_thresholds_.reshape(-1, 1), [[0.0], [1e300], [-1e300], [5e-324]]])


def least_squares(draw):
    x = draw.table(columns=draw.some(3, 6), scale=5)
    y = draw.target(x, "several")
    cd = cross_decomposition
    model = draw.one(cd.PLSRegression(draw.some(1, 3), scale=draw.maybe()), cd.PLSCanonical(draw.some(1, 2)), cd.CCA(1), cd.PLSSVD(2))
    return model.fit(x, y), draw.rows(x, 1e6)


# ---- transformers


def scalers(draw):
    x = draw.table()
    pp = preprocessing
    model = draw.one(
        pp.StandardScaler(with_mean=draw.maybe(), with_std=draw.maybe()), pp.MinMaxScaler((draw.one(-1, 0), 2), clip=draw.maybe()),
        pp.MaxAbsScaler(), pp.RobustScaler(with_centering=draw.maybe(), unit_variance=draw.maybe()), pp.Normalizer(draw.one("l1", "l2", "max")),
        pp.Binarizer(threshold=draw.one(0.0, 0.5)),
    )  # fmt: skip
    can_miss = not isinstance(model, (pp.Normalizer, pp.Binarizer))
    return model.fit(x), draw.rows(x, 1e100 if can_miss else 1e100, missing=can_miss)


def reshaped(draw):
    """Transformers that change how a column is spread, or make several of it."""
    pp = preprocessing
    kind = draw.one("power", "quantile", "bins", "polynomial", "spline", "function")
    x = draw.table(scale=5)
    if kind == "power":
        return pp.PowerTransformer(standardize=draw.maybe()).fit(x), draw.rows(x, 1e2, missing=True)
    if kind == "quantile":
        model = pp.QuantileTransformer(n_quantiles=draw.some(2, 20), output_distribution=draw.one("uniform", "normal"), random_state=0).fit(x)
        rows = draw.rows(x, 1e6, missing=True)
        rows[: len(model.quantiles_)] = model.quantiles_[: len(rows)]
        return model, rows
    if kind == "bins":
        settings = draw.options(encode=["ordinal", "onehot", "onehot-dense"], strategy=["uniform", "quantile", "kmeans"])
        model = pp.KBinsDiscretizer(draw.some(2, 6), quantile_method="averaged_inverted_cdf", random_state=0, **settings).fit(x)
        return model, draw.rows(x, 1e6, dict(enumerate(map(list, model.bin_edges_))))
    if kind == "polynomial":
        model = pp.PolynomialFeatures(draw.some(1, 4), interaction_only=draw.maybe(), include_bias=draw.maybe())
        return model.fit(x), draw.rows(x, 1e6)
    if kind == "spline":
        extrapolation = draw.one("constant", "continue", "periodic", "error")
        model = pp.SplineTransformer(draw.some(4, 6), degree=draw.some(1, 3), knots=draw.one("uniform", "quantile"), extrapolation=extrapolation, include_bias=draw.maybe())
        x = draw.rng.normal(size=(50, 2))
        model.fit(x)
        return model, x if extrapolation == "error" else draw.rows(x, 20)
    function = draw.one(np.exp, np.expm1, np.square, np.abs, np.cbrt, np.tanh, np.sin, np.arcsinh, np.sign, np.floor, np.rint)
    return pp.FunctionTransformer(function).fit(x), draw.rows(x, 20)


def decompositions(draw):
    x = draw.table(columns=draw.some(4, 6))
    count = draw.some(1, 3)
    model = draw.one(
        decomposition.PCA(count, whiten=draw.maybe()), decomposition.IncrementalPCA(count, whiten=draw.maybe()),
        decomposition.TruncatedSVD(count, random_state=draw.state), decomposition.FastICA(count, whiten="unit-variance", random_state=draw.state, max_iter=50),
        discriminant_analysis.LinearDiscriminantAnalysis(), decomposition.FactorAnalysis(count, random_state=draw.state),
        neighbors.NeighborhoodComponentsAnalysis(count, max_iter=5, random_state=draw.state),
        random_projection.GaussianRandomProjection(count, random_state=draw.state),
        random_projection.SparseRandomProjection(count, density=draw.one("auto", 1.0), random_state=draw.state),
        cluster.FeatureAgglomeration(count, pooling_func=draw.one(np.mean, np.max, np.min)),
    )  # fmt: skip
    if isinstance(model, neighbors.NeighborhoodComponentsAnalysis):
        return model.fit(x, draw.codes(x, 2)), draw.rows(x, 1e6)
    if isinstance(model, random_projection.SparseRandomProjection):  # whose products cancel each other out
        return model.fit(x), draw.rows(x, 1e3)
    if isinstance(model, discriminant_analysis.LinearDiscriminantAnalysis):
        return pipe(model, preprocessing.StandardScaler()).fit(x, draw.codes(x, 3)), draw.rows(x, 1e6)
    return model.fit(x), draw.rows(x, 1e6)


def selections(draw):
    fs = feature_selection
    x = draw.table(columns=6)
    inner = draw.one(
        tree.DecisionTreeClassifier(max_depth=4, random_state=0), linear_model.LogisticRegression(max_iter=200),
        ensemble.RandomForestClassifier(4, max_depth=3, random_state=0),
    )  # fmt: skip
    model = draw.one(
        fs.SelectKBest(k=draw.some(1, 5)), fs.SelectPercentile(percentile=draw.some(20, 90)), fs.SelectFpr(alpha=0.9), fs.VarianceThreshold(draw.log(1e-4, 1)),
        fs.SelectFromModel(inner, threshold=draw.one(None, "mean", "median", "0.7*mean", 0.05)), fs.RFE(inner, n_features_to_select=draw.some(1, 5)),
        fs.SelectFromModel(inner, max_features=3, threshold=-np.inf),
    )  # fmt: skip
    return model.fit(x, draw.codes(x, 3)), draw.rows(x, 1e100)


def imputers(draw):
    x = draw.table(missing=0.2, scale=5)
    kind = draw.one("simple", "simple", "neighbours", "iterative", "iterative", "indicator", "pipeline")
    rows = draw.rows(x, 1e3, missing=True)
    if kind == "simple":
        settings = {"strategy": draw.one("mean", "median", "most_frequent", "constant"), "add_indicator": draw.maybe(), "keep_empty_features": draw.maybe()}
        return impute.SimpleImputer(**settings).fit(x), rows
    if kind == "neighbours":
        x += draw.rng.normal(size=x.shape) * 1e-3
        model = impute.KNNImputer(n_neighbors=draw.some(1, 5), weights=draw.one("uniform", "distance"), add_indicator=draw.maybe())
        return model.fit(x), np.where(np.isnan(rows), np.nan, draw.rng.normal(size=rows.shape))
    if kind == "iterative":
        estimator = draw.one(None, linear_model.Ridge(), tree.DecisionTreeRegressor(max_depth=3, random_state=0), pipe(scaler(draw), linear_model.LinearRegression()))
        settings = draw.options(initial_strategy=["mean", "median", "most_frequent"], imputation_order=["ascending", "roman", "random"], min_value=[-np.inf, -1.0])
        settings |= {"n_nearest_features": draw.one(None, 1), "skip_complete": draw.maybe(), "add_indicator": draw.maybe(), "max_iter": draw.some(1, 4)}
        return impute.IterativeImputer(estimator, random_state=draw.state, **settings).fit(x), rows
    if kind == "indicator":
        return impute.MissingIndicator(features=draw.one("all", "missing-only"), error_on_new=False).fit(x), rows
    return pipe(impute.SimpleImputer(strategy="median"), scaler(draw), linear_model.LogisticRegression()).fit(x, draw.labels(x)), rows


def encoders(draw):
    pp = preprocessing
    count, columns = 60, draw.some(1, 3)
    texts = draw.maybe(0.6)
    if texts:
        kinds = [draw.random.sample(COLORS, draw.some(2, 6)) for _ in range(columns)]
        x = np.stack([draw.words(count, kind) for kind in kinds], 1)
        rows = np.stack([draw.words(30, [*kind, "never", "RED", ""]) for kind in kinds], 1)
    else:
        x = draw.rng.integers(-3, 8, (count, columns)).astype(draw.one("i8", "f8"))
        rows = draw.rng.choice([*range(-5, 12), 0.5, -0.0, 5e-324, 1e300], (30, columns))
    model = draw.one(
        pp.OneHotEncoder(drop=draw.one(None, "first", "if_binary"), **IGNORE),
        pp.OneHotEncoder(min_frequency=draw.some(2, 15), handle_unknown="infrequent_if_exist"),
        pp.OneHotEncoder(max_categories=draw.some(2, 4), handle_unknown=draw.one("ignore", "infrequent_if_exist")),
        pp.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=draw.one(-1, np.nan)),
        pp.OrdinalEncoder(max_categories=3, handle_unknown="use_encoded_value", unknown_value=-2),
        pp.TargetEncoder(smooth=draw.one("auto", 2.0), random_state=draw.state),
    )  # fmt: skip
    if isinstance(model, pp.TargetEncoder):
        y = draw.rng.normal(size=count) if draw.maybe() else draw.named(np.arange(count) % draw.some(2, 3), ("plain", "texts"))
        return model.fit(x, y), rows
    return model.fit(x), rows


def frame_of(draw, count):
    return pd.DataFrame({
        "color": draw.words(count, COLORS), "size": draw.words(count, ["S", "M", "L"]),
        "age": draw.rng.normal(40, 10, count), "income": np.exp(draw.rng.normal(8, 1, count)), "kids": draw.rng.integers(0, 4, count).astype(float),
    })  # fmt: skip


def tables(draw):
    """Column transformers over data frames with texts, and a model on top of them."""
    pp = preprocessing
    frame = frame_of(draw, 80)
    y = draw.labels(frame[["age", "income"]].to_numpy(), 2, 3)
    frame.loc[frame.index[draw.rng.random(80) < 0.1], "income"] = np.nan
    texts = draw.one(pp.OneHotEncoder(**IGNORE), pp.OneHotEncoder(sparse_output=False, drop="first", **IGNORE), pp.OneHotEncoder(min_frequency=10, handle_unknown="infrequent_if_exist"),
                     pp.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1))  # fmt: skip
    numbers = pipe(impute.SimpleImputer(strategy=draw.one("mean", "median")), scaler(draw))
    columns = [("texts", texts, ["color", "size"]), ("numbers", numbers, draw.one(["income"], ["income", "age"], ["age", "income"]))]
    draw.random.shuffle(columns)
    change = ColumnTransformer(columns, remainder=draw.one("drop", "passthrough"), sparse_threshold=draw.one(0, 0.3))
    rows = frame_of(draw, 40)
    rows.loc[:5, "color"] = "never seen"
    rows.loc[6:9, "size"] = ""
    rows.loc[10:15, "income"] = np.nan
    rows.loc[16:18, "age"] = [5e-324, -0.0, 1e6]
    model = draw.one(
        linear_model.LogisticRegression(max_iter=300), ensemble.RandomForestClassifier(4, max_depth=4, random_state=0),
        ensemble.GradientBoostingClassifier(n_estimators=4, random_state=0), None, linear_model.Ridge(),
    )  # fmt: skip
    if isinstance(model, linear_model.Ridge):
        y = frame["age"] * 2
    model = change.fit(frame) if model is None else pipe(change, model).fit(frame, y)
    return model, rows[[c for c in rows.columns if c in used_columns(change)]]


def used_columns(change):
    return [c for _, part, names in change.transformers_ if not (isinstance(part, str) and part == "drop") for c in names]


def unions(draw):
    x = draw.table(columns=5, scale=5)
    parts = [("a", decomposition.PCA(2)), ("b", feature_selection.SelectKBest(k=2)), ("c", "passthrough"), ("d", scaler(draw)),
             ("e", preprocessing.PolynomialFeatures(2))]  # fmt: skip
    union = pipeline.FeatureUnion(draw.random.sample(parts, draw.some(1, 4)), transformer_weights=draw.one(None, {"a": 0.5, "d": 3.0}))
    union.transformer_weights = {k: v for k, v in (union.transformer_weights or {}).items() if k in dict(union.transformer_list)} or None
    last = draw.one(linear_model.LogisticRegression(max_iter=300), tree.DecisionTreeClassifier(max_depth=4, random_state=0))
    return pipe(union, scaler(draw), last).fit(x, draw.labels(x)), draw.rows(x, 100)


# ---- texts

WORDS = ["the", "quick", "Fox", "fox", "dog's", "café", "Straße", "ΟΔΟΣ", "naïve", "x_1", "42", "1,000", "e-mail", "日本", "😀", "a", "I", "of", "ÉTÉ", "cafe\u0301"]
GAPS = [" ", " ", " ", ", ", "\t", "\u00a0", "! ", "-", "  "]


def document(draw, length):
    return "".join(draw.one(*WORDS) + draw.one(*GAPS) for _ in range(length))


def vectorizer(draw):
    settings = draw.options(lowercase=[True, True, False], strip_accents=[None, None, "unicode", "ascii"])
    settings["ngram_range"] = draw.one((1, 1), (1, 2), (2, 3))
    settings["analyzer"] = draw.one("word", "word", "char", "char_wb")
    if settings["analyzer"] == "word":
        settings["stop_words"] = draw.one(None, "english", ["fox", "été"])
        settings["token_pattern"] = draw.one(r"(?u)\b\w\w+\b", r"(?u)\b\w+\b")
    kind = draw.one("counts", "weights", "hashes")
    if kind == "hashes":
        return HashingVectorizer(n_features=draw.some(2, 40), norm=draw.one("l1", "l2", None), alternate_sign=draw.maybe(), binary=draw.maybe(0.3), **settings)
    settings |= {"max_features": draw.one(None, 40), "min_df": draw.one(1, 1, 2), "binary": draw.maybe(0.2)}
    if kind == "counts":
        return CountVectorizer(**settings)
    return TfidfVectorizer(norm=draw.one("l1", "l2", None), use_idf=draw.maybe(0.8), smooth_idf=draw.maybe(), sublinear_tf=draw.maybe(0.3), **settings)


def texts(draw):
    documents = [document(draw, draw.some(1, 15)) for _ in range(40)]
    given = documents[:12] + [document(draw, draw.some(0, 12)) for _ in range(12)] + ["", " ", "never SEEN words", "\u0301", "ab\u2028cd"]
    y = draw.named(np.arange(40) % draw.some(2, 3))
    words = vectorizer(draw)
    last = draw.one(None, linear_model.LogisticRegression(), naive_bayes.MultinomialNB(), svm.LinearSVC(random_state=0), linear_model.SGDClassifier(random_state=0))
    if last is None:
        model = words
    elif isinstance(last, naive_bayes.MultinomialNB) and isinstance(words, HashingVectorizer):
        model = pipe(words, linear_model.LogisticRegression())
    elif isinstance(words, CountVectorizer) and not isinstance(words, TfidfVectorizer) and draw.maybe():
        model = pipe(words, TfidfTransformer(sublinear_tf=draw.maybe()), last)
    else:
        model = pipe(words, last)
    return model.fit(documents, y), np.array(given, object), {"x": np.array(given).reshape(-1, 1)}


def dicts(draw):
    frame = frame_of(draw, 50)
    model = DictVectorizer(sort=draw.maybe(), sparse=draw.maybe(), separator=draw.one("=", ": "))
    model.fit(frame.to_dict("records"))
    rows = frame_of(draw, 20)
    rows.loc[:3, "color"] = ["never", "", "red", "RED"]
    # The imported model takes the columns in the order of the names that it learned.
    columns = list(dict.fromkeys(name.split(model.separator)[0] for name in model.feature_names_))
    return model, rows.to_dict("records"), rows[columns]


# ---- other libraries within scikit-learn's


def boosters(draw):
    import catboost
    import lightgbm
    import xgboost

    x = draw.table(rows=80, missing=draw.one(0, 0.1))
    settings = {"n_estimators": draw.some(1, 8), "max_depth": draw.some(1, 4), "random_state": draw.state}
    classifier = draw.maybe()
    library = draw.one("xgboost", "lightgbm", "catboost")
    kind = "Classifier" if classifier else "Regressor"
    if library == "xgboost":
        model = getattr(xgboost, f"XGB{kind}")(n_jobs=1, **settings)
    elif library == "lightgbm":
        model = getattr(lightgbm, f"LGBM{kind}")(n_jobs=1, verbose=-1, min_child_samples=3, **settings)
    else:
        model = getattr(catboost, f"CatBoost{kind}")(thread_count=1, verbose=False, allow_writing_files=False, **settings)
    if draw.maybe(0.4):
        model = pipe(preprocessing.StandardScaler(), model)
    elif draw.maybe(0.3):
        chosen = feature_selection.SelectFromModel(model, threshold=draw.one(None, "median", "0.8*mean"))
        model = pipe(chosen, tree.DecisionTreeRegressor(max_depth=4, random_state=0))
        classifier = False
    y = draw.target(x)
    if classifier:
        y = draw.codes(x, draw.some(2, 4))
        if library == "lightgbm":
            y = draw.named(y, ("plain", "integers", "texts"))
    return model.fit(x, y), draw.rows(x, 1e6, missing=True)


FAMILIES = {f.__name__: f for f in (
    linear_regressor, linear_classifier, discriminant, single_tree, forest, gradient_boosting, hist_boosting, bagging, ada_boost, voting,
    stacking, calibrated, searched, constants, wrapped, many_classes, several_outputs, target_changed, nearest, radius, centroids, kernel_models, kernel_maps, support_vectors, gaussian_processes,
    mixtures, clusters, outliers, bayes, networks, isotonics, least_squares, scalers, reshaped, decompositions, selections, imputers,
    encoders, tables, unions, texts, dicts, boosters,
)}  # fmt: skip
