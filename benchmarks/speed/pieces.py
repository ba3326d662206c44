"""What two versions of the package are timed with: by what both offer, on Adult."""

from functools import cache

import numpy as np
from sklearn.model_selection import train_test_split

from benchmarks._common import CONVENTIONAL
from benchmarks.speed.measuring import seconds_of
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import fetch_adult

RULES = {"age": "none", "sex": "none", "race": "none", "education": "increase"}
TARGET = ">50K"
SEED = 1


@cache
def split():
    """Rows to train on and to explain, and their labels."""
    bunch = fetch_adult()
    stratified = {"stratify": bunch.target, "random_state": SEED}
    return train_test_split(bunch.data, bunch.target, **stratified)


@cache
def trained(quick):
    """Make a classifier of two hidden layers."""
    X, _, y, _ = split()
    return CounterfactualTrainedClassifier(
        hidden_layer_sizes=(64, 64),
        mutability=RULES,
        max_epochs=3 if quick else 15,
        random_state=SEED,
    ).fit(X, y)


def rejected(clf, n):
    """Test rows that are not predicted as the target, drawn with replacement."""
    _, X, _, _ = split()
    rows = X[clf.predict(X) != TARGET]
    drawn = np.random.default_rng(SEED).integers(len(rows), size=n)
    return rows.iloc[drawn].reset_index(drop=True)


def seconds_of_fit(n_epochs, conventional, quick):
    """Seconds of a fit with defaults."""
    X, _, y, _ = split()
    n = 1000 if quick else len(X)
    clf = CounterfactualTrainedClassifier(
        max_epochs=n_epochs, random_state=SEED, **CONVENTIONAL if conventional else {}
    )
    return seconds_of(lambda: clf.fit(X[:n], y[:n]))


def seconds_of_answers(start, n, size, quick):
    """Seconds of explaining ``n`` rows, ``size`` in a call."""
    clf = trained(quick)
    rows = rejected(clf, 10_000)[start : start + n]
    tables = [rows[k : k + size] for k in range(0, n, size)]
    return seconds_of(lambda: [clf.explain(table, TARGET) for table in tables])
