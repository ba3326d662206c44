"""Seconds and memory of explaining few and many rows."""

import pickle
import tempfile
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import fetch_adult
from speed.measuring import (
    alone,
    interleave,
    memory,
    peak_memory,
    progress,
    seconds_of,
)

SIZES = (1, 10, 100, 1_000, 10_000, 100_000)
JOBS = (1, 2)
RULES = {"age": "none", "sex": "none", "race": "none", "education": "increase"}
TARGET = ">50K"
SEED = 1
SETTINGS = {"hidden_layer_sizes": (64, 64), "max_epochs": 30}


def trained(settings):
    """Classifier, and the rejected test rows."""
    bunch = fetch_adult()
    X, X_test, y, _ = train_test_split(
        bunch.data, bunch.target, stratify=bunch.target, random_state=SEED
    )
    clf = CounterfactualTrainedClassifier(
        mutability=RULES, random_state=SEED, **settings
    ).fit(X, y)
    return clf, X_test[clf.predict(X_test) != TARGET]


def measure(rounds, quick):
    """Time calls of all sizes in turn; what JSON can hold."""
    sizes = SIZES[:3] if quick else SIZES
    settings = SETTINGS | ({"max_epochs": 3} if quick else {})
    clf, rejected = trained(settings)
    draw = np.random.default_rng(SEED)
    rows = rejected.iloc[draw.integers(len(rejected), size=sizes[-1])]
    rows = rows.reset_index(drop=True)
    share_valid = {}

    def once(n, jobs):
        # Some rows take longer than others: few of them are not asked about alone.
        tables = [rows[k * n : (k + 1) * n] for k in range(max(1, 20 // n))]
        valid = []

        def run():
            for table in tables:
                valid.append(clf.explain(table, TARGET, n_jobs=jobs).valid.mean())

        seconds = seconds_of(run) / len(tables)
        share_valid[key_of(n, jobs)] = float(np.mean(valid))
        return seconds

    for jobs in JOBS:  # starts the processes, and what is compiled at the first call
        clf.explain(rows[:200], TARGET, n_jobs=jobs)
    runs = {
        key_of(n, jobs): lambda i, n=n, jobs=jobs: once(n, jobs)
        for n in sizes
        for jobs in JOBS
    }
    seconds = interleave(runs, rounds, progress("explaining", rounds))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task.pickle"
        peaks = {}
        for n in (sizes[0] if quick else 1_000, sizes[-1]):
            path.write_bytes(pickle.dumps((clf, rows[:n])))
            peaks[n] = alone("explaining", "memory_of", path=str(path))
    return {
        "sizes": sizes,
        "seconds": seconds,
        "valid": share_valid,
        "memory": {str(n): peak for n, peak in peaks.items()},
        "settings": {name: repr(value) for name, value in settings.items()},
        "available": len(rejected),
    }


def key_of(n, jobs):
    """Name of a call in what is kept."""
    return f"{n} rows, {jobs}"


def memory_of(path):
    """Peak memory of one call, and what the process held before it."""
    clf, rows = pickle.loads(Path(path).read_bytes())
    before = memory()
    result = clf.explain(rows, TARGET)
    return {"before": before, "peak": peak_memory(), "answers": len(result)}
