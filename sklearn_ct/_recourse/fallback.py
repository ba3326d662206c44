"""Where the search finds nothing: the nearest real rows of the class."""

import numpy as np
from sklearn.metrics.pairwise import manhattan_distances

NEAREST_ROWS = 20
PAIRS = 50_000  # rows evaluated at a time, for bounded memory


def fall_back(task, values, found, farther=True):
    """Take the nearest training row of the class that the rules leave valid.

    The rows labelled as the class come first, then those predicted as it; with
    ``farther`` all of them for the rows that are left.
    """
    for k in map(int, np.unique(task.target[~found])):
        for source in ("references", "taken_for"):
            left = np.flatnonzero(~found & (task.target == k))
            if not len(left) or (source == "taken_for" and not farther):
                break
            real = getattr(task.subject, source).get(k, ())
            reach = {min(NEAREST_ROWS, len(real)), len(real) if farther else 0}
            for m in sorted(reach - {0}):
                rows = np.flatnonzero(~found & (task.target == k))
                step = max(1, PAIRS // m)
                for start in range(0, len(rows), step):
                    part = rows[start : start + step]
                    _try_nearest(task, values, found, part, real, m)


def _try_nearest(task, values, found, rows, real, m):
    pairs = task.take(np.repeat(rows, m))
    nearest = nearest_of(task.take(rows), real)[:, :m]
    candidates = pairs.settle(real.values[nearest.ravel()])
    ok = pairs.check(candidates).reshape(-1, m)
    hit = np.flatnonzero(ok.any(axis=1))
    values[rows[hit]] = candidates[hit * m + ok[hit].argmax(axis=1)]
    found[rows[hit]] = True


def nearest_of(task, real):
    """Positions of the real rows, nearest first, of shape (n, len(real))."""
    order = np.empty((len(task.home), len(real)), dtype=int)
    # Features that a row may not change do not count for its distance.
    patterns, which = np.unique(task.bounds.frozen, axis=0, return_inverse=True)
    for k, frozen in enumerate(patterns):
        rows, free = which.ravel() == k, task.codec.spread(~frozen)
        distance = manhattan_distances(task.home[rows] * free, real.codes * free)
        order[rows] = distance.argsort(axis=1, kind="stable")
    return order
