"""The share of the walk in fits and explanations: what a faster walk could save."""

from functools import partial

import numpy as np

from benchmarks.recourse import DATA
from benchmarks.speed.measuring import clock, interleave, seconds_of, spread
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.generators import ECCCo


class Timed(ECCCo):
    """The default generator with a clock around its walks."""

    seconds = 0.0

    def search(self, *args, **kwargs):
        """Walk, and add the seconds to those of the class."""
        start = clock()
        try:
            return super().search(*args, **kwargs)
        finally:
            Timed.seconds += clock() - start


def measure(rounds, quick):
    """Time fits and calls with the defaults, and the walks in them."""
    runs = {}
    for name in ("Adult", "GMSC"):
        fetch, how, favourable = DATA[name]
        bunch, n = fetch(**how), 1000 if quick else None
        X, y = bunch.data[:n], bunch.target[:n]
        epochs = 3 if quick else 20
        clf = CounterfactualTrainedClassifier(
            generator=Timed(), max_epochs=epochs, random_state=0
        ).fit(X, y)
        rows = np.flatnonzero(clf.predict(X) != favourable)
        drawn = np.random.default_rng(0).choice(rows, 100 if quick else 10_000)
        table = X.iloc[drawn].reset_index(drop=True)
        runs[name, "a fit"] = partial(share_of, lambda c=clf, X=X, y=y: c.fit(X, y))
        runs[name, f"explaining {len(table):,} rows"] = partial(
            share_of, lambda c=clf, t=table, k=favourable: c.explain(t, k)
        )
    found = interleave(runs, rounds)
    lines = [
        {"data": name, "of": what, "share of the walk": spread(shares)}
        for (name, what), shares in found.items()
    ]
    return {"shares": lines}


def share_of(run, _):
    """Share of the walks in the seconds of a call."""
    Timed.seconds = 0.0
    whole = seconds_of(run)
    return Timed.seconds / whole
