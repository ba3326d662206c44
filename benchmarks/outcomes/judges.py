"""Models that took no part: of other kinds, fitted to rows of their own."""

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    QuantileTransformer,
    StandardScaler,
)

WORDS = make_column_selector(dtype_exclude="number")


def encoded(numbers, model):
    """Pipeline of one-hot categories, numbers as they are told, and a model."""
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_pipeline(
        make_column_transformer((words, WORDS), remainder=numbers), model
    )


def boosted():
    """Boosted trees, which take categories as such."""
    return HistGradientBoostingClassifier(early_stopping=True, random_state=0)


PEERS = {
    "logistic regression": encoded(StandardScaler(), LogisticRegression(max_iter=2000)),
    "MLPClassifier": encoded(
        StandardScaler(), MLPClassifier((32,), early_stopping=True, random_state=0)
    ),
    "HistGradientBoosting": boosted(),
}


def fit_judges(X, y, favourable):
    """Mean probability of a class by trees, more trees, and networks, a third each."""
    trees = ExtraTreesClassifier(200, min_samples_leaf=5, random_state=0)
    kinds = [[boosted().fit(X, y)], [encoded("passthrough", trees).fit(X, y)], []]
    rng = np.random.RandomState(7)
    for seed in range(3):
        rows = rng.choice(len(X), len(X))
        numbers = QuantileTransformer(
            output_distribution="normal", n_quantiles=min(1000, len(X))
        )
        net = MLPClassifier((64,), alpha=1e-3, early_stopping=True, random_state=seed)
        kinds[-1].append(encoded(numbers, net).fit(X.iloc[rows], y.iloc[rows]))

    def judge(rows):
        told = [
            np.mean([probability(m, rows, favourable) for m in models], axis=0)
            for models in kinds
        ]
        return np.mean(told, axis=0)

    return judge


def probability(model, X, label):
    """Probability of a class, (n,)."""
    return model.predict_proba(X)[:, list(model.classes_).index(label)]
