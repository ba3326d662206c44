"""Time and memory of an epoch against rows, features, hidden units and classes."""

import numpy as np

from benchmarks.speed.measuring import (
    alone,
    device,
    exponent,
    interleave,
    median,
    memory,
    peak_memory,
)
from sklearn_ct import CounterfactualTrainedClassifier

BASE = {"rows": 10_000, "features": 20, "hidden units": 32, "classes": 2}
SIZES = {
    "rows": (1_000, 10_000, 30_000, 100_000, 300_000, 1_000_000),
    "features": (10, 30, 100, 300, 1_000),
    "hidden units": (32, 64, 128, 256, 512, 1_024),
    "classes": (2, 5, 10, 20, 50, 100),
}
QUICK = {
    "rows": (1_000, 4_000),
    "features": (100,),
    "hidden units": (128,),
    "classes": (8,),
}
GPU_WIDTHS = (2_048, 4_096)
N_EPOCHS = 5


def measure(rounds, quick):
    """Fit every size in turn; memory is that of a process of its own for each, once."""
    sizes = dict(QUICK if quick else SIZES)
    if device() != "cpu" and not quick:
        sizes["hidden units"] += GPU_WIDTHS
    points = {(name, n): BASE | {name: n} for name in sizes for n in sizes[name]}
    runs = {
        key: lambda i, point=point: seconds_of_epoch(point, i)
        for key, point in points.items()
    }
    timed = interleave(runs, 1 if quick else rounds, "growth")
    values = {}
    for key, point in points.items():
        values[key] = {
            "seconds": median([one["dur"] for one in timed[key]]),
            "search": median([one["search_seconds"] for one in timed[key]]),
            "memory": alone("growth", "memory_of", point=point),
        }
    powers, panes = [], {}
    for name, many in sizes.items():
        of = {w: [values[name, n][w] for n in many] for w in ("seconds", "memory")}
        fitted = f"{many[len(many) // 2]:,} to {many[-1]:,}"
        line = {"against": name, "sizes fitted": fitted}
        for what in ("seconds", "search", "memory"):
            found = [values[name, n][what] for n in many]
            line[f"exponent of {what}"] = exponent(many, found)
        powers.append(line)
        for what, word in (("seconds", "seconds an epoch"), ("memory", "peak, MiB")):
            lines = {"median": of[what]}
            panes[f"{name}: {word}"] = {"x": many, "label": name, "lines": lines}
    lines = [
        {
            "against": name,
            "size": n,
            "seconds an epoch": found["seconds"],
            "of these search": found["search"],
            "peak memory, MiB": found["memory"],
        }
        for (name, n), found in values.items()
    ]
    figure = {"kind": "log curves", "data": {"panes": panes}}
    return {"growth_exponents": powers, "growth": lines}, {"growth": figure}


def generated(rows, features, classes, seed):
    """Numbers around a random centre for each class."""
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(classes, features))
    y = np.arange(rows) % classes
    return centres[y] + draw.normal(size=(rows, features)), y


def fit(point, seed, n_epochs=N_EPOCHS):
    """Fit generated rows; all but the size has its default."""
    X, y = generated(point["rows"], point["features"], point["classes"], seed)
    return CounterfactualTrainedClassifier(
        hidden_layer_sizes=(point["hidden units"],),
        max_epochs=n_epochs,
        random_state=seed,
        device=device(),
    ).fit(X, y)


def seconds_of_epoch(point, seed):
    """Seconds of an epoch and of its search; the first epoch is left out."""
    history = fit(point, seed).history_[1:]
    return {name: float(history[name].median()) for name in ("dur", "search_seconds")}


def memory_of(point):
    """Peak memory of making and fitting the rows, above that before them, in MiB."""
    fit(BASE | {"rows": 200}, 0, 1)  # what torch allocates at its first use
    before = memory()
    fit(point, 0, n_epochs=2)
    return max(peak_memory() - before, 0.0)
