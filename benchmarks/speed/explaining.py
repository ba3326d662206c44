"""Seconds and memory of explaining few and many rows."""

import pickle
import tempfile
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from benchmarks.speed.measuring import (
    aim,
    alone,
    interleave,
    median,
    memory,
    peak_memory,
    seconds_of,
    spread,
)
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import fetch_adult

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
    """Time calls of all sizes in turn."""
    sizes = SIZES[:3] if quick else SIZES
    clf, rejected = trained(SETTINGS | ({"max_epochs": 3} if quick else {}))
    draw = np.random.default_rng(SEED)
    rows = rejected.iloc[draw.integers(len(rejected), size=sizes[-1])]
    rows = rows.reset_index(drop=True)
    valid = {}

    def once(n, jobs):
        # Some rows take longer than others: few of them are not asked about alone.
        tables = [rows[k * n : (k + 1) * n] for k in range(max(1, 20 // n))]
        found = []

        def run():
            for table in tables:
                found.append(clf.explain(table, TARGET, n_jobs=jobs).valid.mean())

        seconds = seconds_of(run) / len(tables)
        valid[n, jobs] = float(np.mean(found))
        return seconds

    for jobs in JOBS:  # starts the processes, and what is compiled at the first call
        clf.explain(rows[:200], TARGET, n_jobs=jobs)
    runs = {
        (n, jobs): lambda i, n=n, jobs=jobs: once(n, jobs)
        for n in sizes
        for jobs in JOBS
    }
    seconds = interleave(runs, rounds, "explaining")
    lines = [
        {
            "rows": n,
            "processes": jobs,
            "seconds": spread(many),
            "rows/s": n / median(many),
            "valid": valid[n, jobs],
        }
        for (n, jobs), many in seconds.items()
    ]
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task.pickle"
        for n in (sizes[0] if quick else 1_000, sizes[-1]):
            path.write_bytes(pickle.dumps((clf, rows[:n])))
            found = alone("explaining", "memory_of", path=str(path))
            peaks.append({"rows": n, **found})
    n = min(10_000, sizes[-1])
    few, many = (peak["peak, MiB"] for peak in peaks)
    aims = [
        aim(
            f"explaining {n:,} Adult rows, two processes, rows/s",
            5_000,
            spread([n / s for s in seconds[n, 2]]),
            at_least=True,
        ),
        aim("explaining one row, ms", 20, spread([1000 * s for s in seconds[1, 1]])),
        aim(
            f"peak memory, {peaks[1]['rows']:,} rows / {peaks[0]['rows']:,} rows",
            1.5,
            spread([many / few]),
        ),
    ]
    tables = {"explaining": lines, "memory": peaks, "explaining_aims": aims}
    return tables, {"explaining": figure(sizes, seconds)}


def figure(sizes, seconds):
    """Seconds and rows per second over the number of rows."""
    words = {1: "one process", 2: "two processes"}
    middle = {words[j]: np.array([median(seconds[n, j]) for n in sizes]) for j in JOBS}
    speed = {word: np.array(sizes) / values for word, values in middle.items()}
    panes = {
        word: {"x": sizes, "label": "rows explained", "lines": lines}
        for word, lines in (("seconds", middle), ("rows per second", speed))
    }
    return {"kind": "log curves", "data": {"panes": panes}}


def memory_of(path):
    """Peak memory of one call, and what the process held before it."""
    clf, rows = pickle.loads(Path(path).read_bytes())
    before = memory()
    clf.explain(rows, TARGET)
    return {"before the call, MiB": before, "peak, MiB": peak_memory()}
