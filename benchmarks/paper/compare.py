"""Two models over bootstrap rounds, energy weights and seeds."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benchmarks.paper.data import DATA

N_RESAMPLES = 10_000
LEVEL = 0.99
SMALLEST = 1e-4  # of a twin's mean: that of less cannot be reduced


@dataclass(frozen=True)
class Comparison:
    """A measure of CT and its twin, over rounds, settings and seeds."""

    ct: float  # means over all rounds and settings that have a value
    twin: float
    reduction: float  # by how many per cent CT is lower, 100 (twin - ct) / |twin|
    low: float  # bootstrapped interval of twin - ct, in per cent of the twin
    high: float
    worst: float  # reduction of the least and of the most favourable seed
    best: float
    paired: float  # reduction over the settings in which both have a value


def compare(ct, twin, random_state=0):
    """Compare a measure of two models.

    Lists of arrays of shape (rounds, n_settings), one for each seed, the same rounds
    and settings for both; NaN where there was no valid counterfactual.
    """
    seeds = [reduction(mean(a), mean(b)) for a, b in zip(ct, twin, strict=True)]
    seeds = [seed for seed in seeds if np.isfinite(seed)] or [np.nan]
    ct, twin = np.vstack(ct), np.vstack(twin)
    means = mean(ct), mean(twin)
    both = np.isfinite(ct) & np.isfinite(twin)
    differences = resampled_difference(ct, twin, random_state)
    tail = (1 - LEVEL) / 2
    known = differences[np.isfinite(differences)]
    low, high = np.quantile(known, [tail, 1 - tail]) if len(known) else (np.nan,) * 2
    unit = 100 / abs(means[1]) if abs(means[1]) >= SMALLEST else np.nan
    return Comparison(
        *means,
        reduction=reduction(*means),
        low=unit * low,
        high=unit * high,
        worst=min(seeds),
        best=max(seeds),
        paired=reduction(mean(ct[both]), mean(twin[both])),
    )


def reduction(ct, twin):
    """Reduction in per cent; NaN where there is nothing to reduce."""
    return 100 * (twin - ct) / abs(twin) if abs(twin) >= SMALLEST else np.nan


def mean(values):
    """Mean of what is there; NaN of nothing, without a warning."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else np.nan


def resampled_difference(ct, twin, random_state=0):
    """Differences ``mean(twin) - mean(ct)`` of resampled rounds, (N_RESAMPLES,).

    Rounds are drawn with replacement, whole and for both models at once; ``ct`` and
    ``twin`` are of shape (n_rounds, n_settings).
    """
    counts = resamples(len(ct), random_state)

    def means(values):
        there = np.isfinite(values)
        total = np.where(there, values, 0.0).sum(axis=1)
        return counts @ total / (counts @ there.sum(axis=1))

    with np.errstate(invalid="ignore", divide="ignore"):
        return means(twin) - means(ct)


@lru_cache(maxsize=2)
def resamples(n, random_state):
    """How often each of ``n`` rounds is in each resample, (N_RESAMPLES, n)."""
    draw = np.random.default_rng(random_state)
    return draw.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES).astype(float)


class Results:
    """Results of `run_all`, asked by configuration, variant and data set."""

    def __init__(self, results):
        self.results = results
        self._compared = {}

    def of_seed(self, seed):
        """Keep the results of one seed."""
        return Results({k: one for k, one in self.results.items() if k[3] == seed})

    def has(self, config, variant, name, part=None):
        """Whether any seed of it was run, and has the part."""
        found = self.all(config, variant, name)
        return bool(found) and (part is None or part in found[0])

    def all(self, config, variant, name):
        """Results of all seeds, in their order."""
        keys = [key for key in self.results if key[:3] == (config, variant, name)]
        return [self.results[key] for key in sorted(keys, key=lambda key: key[3])]

    def names(self, config, variant="CT"):
        """List the data sets that were run, in the paper's order."""
        return [name for name in DATA if self.has(config, variant, name)]

    def numbers(self, config, variant, name, key):
        """Take a number, or the last of a list, of each seed."""
        values = [result.get(key, np.nan) for result in self.all(config, variant, name)]
        return np.array([v[-1] if isinstance(v, list) else v for v in values])

    def mean(self, config, variant, name, key):
        """Mean over the seeds."""
        return mean(self.numbers(config, variant, name, key))

    def curve(self, config, variant, name, key):
        """Mean of a list over the seeds."""
        lists = [result[key] for result in self.all(config, variant, name)]
        return np.mean(lists, axis=0)

    def compare(self, config, name, case, measure, variant="CT"):
        """Compare a variant with the conventional twin of the same seeds."""
        key = (config, name, case, measure, variant)
        if key not in self._compared:
            ct, twin = (
                [
                    np.array(result[case][measure], dtype=float)
                    for result in self.all(config, which, name)
                ]
                for which in (variant, "BL")
            )
            self._compared[key] = compare(ct, twin[: len(ct)])
        return self._compared[key]
