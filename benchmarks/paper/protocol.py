"""How one model is measured: bootstrap rounds over walked test rows, attacks.

A walk draws nothing and no row's path depends on the others, so each test row is walked
once for each target and energy weight, and the rounds resample the results: what
walking the rows of every round anew would give, at a fraction of the cost.
"""

from functools import cached_property, partial

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.utils import check_random_state

from sklearn_ct.generators import ECCCo
from sklearn_ct.metrics import implausibility_distance, robust_accuracy_curve

ENERGIES = (0.1, 0.5, 1.0, 5.0, 10.0)
STEPS = 50
TAU_FREE, TAU_PROTECTED = 0.95, 0.5
LENGTH_SCALE = 0.5
EPSILONS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1)
N_REAL = 1000  # real rows of a class at most, for kernels and floors
MEASURES = ("validity", "ip", "relative", "mmd", "mmd_median", "cost")


def walker(energy, max_iter=STEPS):
    """Make the generator of the evaluation at an energy weight."""
    return ECCCo(
        step_size=0.25,
        max_iter=max_iter,
        lambda_cost=0.0,
        lambda_energy=energy,
        max_move=None,
    )


class RealRows:
    """Real rows of a target class in the model's input space.

    Distances are taken to ``reference``, test rows of shape (n, d); ``heldout`` are
    training rows, whose implausibility is the floor.
    """

    def __init__(self, reference, heldout):
        self.reference = reference
        self.heldout = heldout

    @cached_property
    def few(self):
        """Rows for the kernels."""
        return self.reference[:N_REAL]

    @cached_property
    def floor(self):
        """Implausibility of the held-out rows."""
        return implausibility_distance(self.heldout[:N_REAL], self.reference)

    @cached_property
    def median(self):
        """Median distance of two rows: a length scale that both models share."""
        distances = pdist(self.few)
        return float(np.median(distances[distances > 0]))


def measure_walks(clf, train, test, data, *, seed, rounds, tau, mutability=None):
    """Measure walks of test rows in bootstrap rounds.

    Gives arrays of shape (rounds, n_energies) by measure: means over the valid
    counterfactuals of a round, NaN where there is none; the validity is a share of all
    rows. ``train`` and ``test`` are pairs of X and y. Models measured with the same
    ``seed`` get the same rounds; ``mutability`` rules beside those of the model.
    """
    X, y = test[0], np.asarray(test[1])
    rng = check_random_state(seed)
    order = rng.permutation(len(y))
    predicted = clf.predict(X)[order]
    codes, train_codes = clf.encode(X), clf.encode(train[0])
    classes = clf.classes_
    pairs = [(f, t) for f in classes for t in classes if f != t]
    if data.n_pairs is not None and data.n_pairs < len(pairs):
        chosen = rng.permutation(len(pairs))[: data.n_pairs]
        pairs = [pairs[i] for i in sorted(chosen)]
    drawn = rng.randint(len(pairs), size=rounds)
    real = {}
    result = {name: np.full((rounds, len(ENERGIES)), np.nan) for name in MEASURES}
    for k in np.unique(drawn):
        factual, target = pairs[k]
        pool = order[predicted == factual][: data.candidates]
        if not len(pool):
            continue
        if target not in real:
            reference = codes[y == target]
            heldout = train_codes[np.asarray(train[1]) == target]
            real[target] = RealRows(reference, heldout)
        asked = X.iloc[pool] if hasattr(X, "iloc") else X[pool]
        members = np.flatnonzero(drawn == k)
        counts = np.random.default_rng([seed, k])
        for e, energy in enumerate(ENERGIES):
            answer = clf.explain(
                asked,
                target,
                mutability=mutability,
                tau=tau,
                generator=walker(energy),
                effort="walk",
            )
            n = len(pool)
            draws = counts.multinomial(data.rows, np.full(n, 1 / n), len(members))
            for name, values in round_means(
                draws,
                answer.valid,
                clf.encode(answer.counterfactuals),
                answer.cost,
                real[target],
            ).items():
                result[name][members, e] = values
    return result


def round_means(draws, valid, found, cost, real):
    """Measures of rounds, of shape (m,), from those of their n rows.

    ``draws`` of shape (m, n) says how often each round has drawn each row; ``found`` of
    shape (n, d) are the counterfactuals in the model's input space.
    """
    result = {name: np.full(len(draws), np.nan) for name in MEASURES}
    result["validity"] = draws @ valid / draws.sum(axis=1)
    if valid.any():
        weights = draws[:, valid].astype(float)
        ip = implausibility_distance(found[valid], real.reference, average=False)
        with np.errstate(invalid="ignore"):  # rounds that drew no valid row
            total = weights.sum(axis=1)
            result["ip"] = weights @ ip / total
            result["relative"] = result["ip"] / real.floor
            result["cost"] = weights @ cost[valid] / total
        for name, scale in (("mmd", LENGTH_SCALE), ("mmd_median", real.median)):
            result[name] = resampled_mmd(found[valid], real.few, weights, scale)
    return result


def resampled_mmd(X, real, weights, length_scale):
    """Unbiased squared MMD of resampled rows, for many resamples at once.

    ``weights`` of shape (m, n) say how often each resample has each row of ``X``. With
    0 and 1 it is the `sklearn_ct.metrics.mmd_distance` of the rows of weight 1. Pairs
    of a row and its own copy, which say nothing, are left out; NaN where fewer than two
    different rows are left.
    """
    kernel = partial(rbf_kernel, gamma=1 / (2 * length_scale**2))
    total, square = weights.sum(axis=1), (weights**2).sum(axis=1)
    pairs = total**2 - square
    within = ((weights @ kernel(X, X)) * weights).sum(axis=1) - square
    k = len(real)
    target = (kernel(real, real).sum() - k) / (k * (k - 1))
    between = weights @ kernel(X, real).mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(
            pairs > 0, within / pairs + target - 2 * between / total, np.nan
        )


def measure_attacks(clf, X, y):
    """Accuracy under FGSM and PGD for each of `EPSILONS`."""
    curve = partial(robust_accuracy_curve, clf, X, y, epsilons=EPSILONS)
    return {attack: curve(attack=attack)[0].tolist() for attack in ("fgsm", "pgd")}
