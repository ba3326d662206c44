"""Time and memory of an epoch against rows, features, hidden units and classes."""

import numpy as np

from sklearn_ct import CounterfactualTrainedClassifier
from speed.measuring import (
    alone,
    device,
    interleave,
    median,
    memory,
    peak_memory,
    progress,
)

BASE = {"rows": 10_000, "features": 20, "width": 32, "classes": 2}
WORDS = {
    "rows": "rows",
    "features": "features",
    "width": "hidden units",
    "classes": "classes",
}
SIZES = {
    "rows": (1_000, 10_000, 30_000, 100_000, 300_000, 1_000_000),
    "features": (10, 30, 100, 300, 1_000),
    "width": (32, 64, 128, 256, 512, 1_024),
    "classes": (2, 5, 10, 20, 50, 100),
}
QUICK = {
    "rows": (1_000, 4_000, 10_000),
    "features": (100,),
    "width": (128,),
    "classes": (8,),
}
GPU_WIDTHS = (2_048, 4_096)
N_EPOCHS = 5


def measure(rounds, quick):
    """Fit every size in turn; what JSON can hold.

    Memory is that of a process of its own for each size, once.
    """
    rounds = 1 if quick else rounds
    sizes = dict(QUICK if quick else SIZES)
    if device() != "cpu" and not quick:
        sizes["width"] += GPU_WIDTHS
    points = {
        f"{name} {n}": BASE | {name: n} for name, many in sizes.items() for n in many
    }
    runs = {
        key: lambda i, point=point: seconds_of_epoch(point, i)
        for key, point in points.items()
    }
    timed = interleave(runs, rounds, progress("growth", rounds))
    say = progress("growth, memory", 1)
    peaks = {
        key: lambda i, point=point: alone("growth", "memory_of", point=point)
        for key, point in points.items()
    }
    peaks = interleave(peaks, 1, say)
    return {
        "rounds": rounds,
        "base": BASE,
        "epochs": N_EPOCHS,
        "sizes": sizes,
        "results": {
            key: {
                "seconds": [result["dur"] for result in timed[key]],
                "search": [result["search_seconds"] for result in timed[key]],
                "memory": peaks[key],
            }
            for key in points
        },
    }


def values_of(measured, name, what):
    """Medians over the rounds, for each size."""
    return [
        median(measured["results"][f"{name} {n}"][what])
        for n in measured["sizes"][name]
    ]


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
        hidden_layer_sizes=(point["width"],),
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
