"""What is measured for each group, and how the groups compare; from rows alone."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from sklearn_ct.audit._features import Groups
from sklearn_ct.audit._statistics import (
    adjusted,
    bootstrap_t,
    difference_interval,
    mean_test,
    median_interval,
    ratio_interval,
    share_test,
    wilson,
)

CAP = 0.95  # quantile of the costs
# In this order they stand in tables. Those that leave a rejected row out, or say
# something of the search and not of a person, are not compared.
COMPARED = (
    "rejection_rate",
    "false_negative_rate",
    "infeasible_rate",
    "cost",
    "beyond_budget",
    "burden",
    "false_negative_burden",
)


@dataclass(frozen=True)
class Settings:
    """Options of the measures and of their statistics, as in `audit_recourse`."""

    confidence: float = 0.95
    n_bootstrap: int = 1000
    n_permutations: object = "auto"
    adjust: str | None = "holm"
    min_rejected: int = 30
    budget: float | None = None
    cap: float | None = None


@dataclass(frozen=True)
class Measure:
    """A share, mean or median over some rows."""

    name: str
    kind: str  # "share", "mean", "median"
    rows: np.ndarray  # (n,) bool: those that it is over
    values: np.ndarray  # (n,)

    def over(self, part):
        """Values of those rows that are in a part of all, too."""
        return self.values[self.rows & part]


def measures(rows, settings):
    """List the measures of a table of rows.

    Parameters
    ----------
    rows : DataFrame
        Boolean columns ``rejected``, ``infeasible``, ``fallback``, ``below_tau`` and,
        where labels are known, ``qualified``; ``cost``, infinite for infeasible
        rows; ``n_changes``.
    settings : Settings
        With its cap: what a cost counts at most, that of an infeasible row included.

    Returns
    -------
    list of Measure
    """
    rejected, infeasible = (rows[c].to_numpy(bool) for c in ("rejected", "infeasible"))
    qualified = rows.get("qualified", rows["rejected"] & False).to_numpy(bool)
    cost = np.where(rejected, rows["cost"].to_numpy(float), 0.0)
    spent = np.minimum(cost, settings.cap)
    n_changes = np.where(rejected & ~infeasible, rows["n_changes"], 0.0)
    budget = settings.budget
    some = rejected & (budget is not None)
    everyone = np.ones(len(rows), dtype=bool)
    return [
        Measure("rejection_rate", "share", everyone, rejected),
        Measure("false_negative_rate", "share", qualified, rejected),
        Measure("infeasible_rate", "share", rejected, infeasible),
        Measure("fallback_rate", "share", rejected, rows["fallback"].to_numpy(bool)),
        Measure("below_tau_rate", "share", rejected, rows["below_tau"].to_numpy(bool)),
        Measure("cost_median", "median", rejected, cost),
        Measure("cost", "mean", rejected, spent),
        Measure("beyond_budget", "share", some, cost > (budget or 0.0)),
        Measure("n_changes", "mean", rejected & ~infeasible, n_changes),
        Measure("burden", "mean", everyone, spent),
        Measure("false_negative_burden", "mean", qualified, spent),
    ]


def cap_of(cost):
    """Cap where none is given: the 95 % quantile of the costs of all answers."""
    finite = cost[np.isfinite(cost)]
    return float(np.quantile(finite, CAP)) if finite.any() else 1.0


def overall(rows, settings):
    """Measures of all rows, a Series."""
    part = np.ones(len(rows), dtype=bool)
    values = {m.name: _value(m.kind, m.over(part)) for m in measures(rows, settings)}
    counts = {"n": float(len(rows)), "n_rejected": float(rows["rejected"].sum())}
    return pd.Series(counts | values, name="overall")


def compare(rows, families, references, settings, *, control, seed, n_jobs):
    """Measure each group, and compare it with the reference of its feature.

    Parameters
    ----------
    rows : DataFrame
        As `measures` takes them.
    families : list of list of Groups
        P-values are adjusted for the number of tests of each family.
    references : list of list of int
        The reference group of each.
    settings : Settings
        With its cap.
    control : Groups or None
        Groups are compared within each of its groups.

    Returns
    -------
    by_group, intervals, comparisons : DataFrame
    n_permutations : int
    """
    cells = _cells(rows, families, references, control, settings)
    n_permutations = settings.n_permutations
    if n_permutations == "auto":
        n_permutations = enough([cell.tests() for cell in cells], settings)
    seeds = np.random.SeedSequence(seed).spawn(len(cells))
    found = Parallel(n_jobs=n_jobs)(
        delayed(_measured)(
            [(m.kind, m.over(cell.part)) for m in cell.measures],
            [cell.against(m) for m in cell.measures],
            settings,
            n_permutations,
            own,
        )
        for cell, own in zip(cells, seeds, strict=True)
    )
    frames = _frames(cells, found, settings)
    return *frames, n_permutations


def enough(tests, settings):
    """As many permutations as the smallest p-value, adjusted, may pass with ease."""
    # 1 / (1 + B) times the number of tests is to be a fifth of the level.
    return max(1999, int(np.ceil(5 * max(1, sum(tests)) / (1 - settings.confidence))))


@dataclass(frozen=True)
class Cell:
    """A group of a feature, within a group of the control features."""

    family: int
    feature: Groups
    code: int
    reference: int
    control: object
    part: np.ndarray  # (n,) bool: its rows
    other: np.ndarray  # (n,) bool: those of the reference
    measures: list
    n_rejected: int
    small: bool

    def key(self):
        """Names of the cell, in the order of the frames' columns."""
        control = {} if self.control is None else {"control": self.control}
        label = self.feature.labels[self.code]
        return {"feature": self.feature.name, **control, "group": label}

    def against(self, measure):
        """Values of the reference; None where there is nothing to test."""
        if self.code == self.reference or self.small or measure.name not in COMPARED:
            return None
        own, other = measure.over(self.part), measure.over(self.other)
        # Where all of both are alike, no shuffled group could differ.
        alike = len(own) and len(other) and np.ptp(np.r_[own, other] + 0.0) == 0
        return other if len(own) and len(other) and not alike else None

    def tests(self):
        """Count the tests."""
        return sum(self.against(m) is not None for m in self.measures)


def _cells(rows, families, references, control, settings):
    every = measures(rows, settings)
    rejected = rows["rejected"].to_numpy(bool)
    strata = [(None, np.ones(len(rows), dtype=bool))]
    if control is not None:
        strata = [(lab, control.codes == k) for k, lab in enumerate(control.labels)]
    cells = []
    for family, (features, chosen) in enumerate(zip(families, references, strict=True)):
        for (feature, reference), (label, stratum) in product(
            zip(features, chosen, strict=True), strata
        ):
            parts = [stratum & (feature.codes == k) for k in range(len(feature.labels))]
            counts = [int((part & rejected).sum()) for part in parts]
            few = [count < settings.min_rejected for count in counts]
            cells += [
                Cell(
                    family=family,
                    feature=feature,
                    code=code,
                    reference=reference,
                    control=label,
                    part=part,
                    other=parts[reference],
                    measures=every,
                    n_rejected=counts[code],
                    small=few[code] or few[reference] and code != reference,
                )
                for code, part in enumerate(parts)
                if part.any()
            ]
    return cells


def _measured(own, others, settings, n_permutations, seed):
    """(value, low, high, n, p-value) of each measure of a cell."""
    streams = [np.random.default_rng(s) for s in seed.spawn(len(own))]
    return [
        (
            _value(kind, x),
            *_interval(kind, x, settings, rng),
            len(x),
            np.nan if y is None else _p_value(kind, x, y, n_permutations, rng),
        )
        for (kind, x), y, rng in zip(own, others, streams, strict=True)
    ]


def _value(kind, x):
    if not len(x):
        return np.nan
    return float(np.median(x) if kind == "median" else np.mean(x))


def _interval(kind, x, settings, rng):
    if kind == "share":
        return wilson(x.sum(), len(x), settings.confidence)
    if kind == "median":
        return median_interval(x, settings.confidence)
    return bootstrap_t(x, settings.confidence, settings.n_bootstrap, rng)


def _p_value(kind, x, y, n_permutations, rng):
    if kind == "share":
        return share_test(int(x.sum()), len(x), int(y.sum()), len(y))
    return mean_test(x, y, n_permutations, rng)


def _frames(cells, found, settings):
    """Build the three tables from the cells and what was measured."""
    index, by_group, intervals, comparisons, family = [], [], [], [], []
    place = {_address(c): numbers for c, numbers in zip(cells, found, strict=True)}
    for cell, numbers in zip(cells, found, strict=True):
        key = cell.key()
        index.append(key)
        names = [m.name for m in cell.measures]
        values = dict(zip(names, (v[0] for v in numbers), strict=True))
        counts = {"n": int(cell.part.sum()), "n_rejected": cell.n_rejected}
        by_group.append({**counts, **values, "small": cell.small})
        intervals += [
            {**key, "measure": name, "value": v, "low": low, "high": high, "n": n}
            for name, (v, low, high, n, _) in zip(names, numbers, strict=True)
        ]
        if cell.code == cell.reference:
            continue
        other = place.get(_address(cell, cell.reference))
        absent = [(np.nan,) * 5] * len(names)
        for name, a, b in zip(names, numbers, other or absent, strict=True):
            if name in COMPARED and not np.isnan(a[0] - b[0]):
                label = cell.feature.labels[cell.reference]
                comparisons.append(
                    {**key, "reference": label, "measure": name}
                    | _compared(a, b)
                    | {"p_value": a[4], "p_adjusted": np.nan, "small": cell.small}
                )
                family.append(cell.family)
    by_group = pd.DataFrame(
        by_group, index=pd.MultiIndex.from_frame(pd.DataFrame(index).astype(object))
    )
    columns = [*index[0], "reference", "measure", "value", "reference_value"]
    columns += ["difference", "difference_low", "difference_high"]
    columns += ["ratio", "ratio_low", "ratio_high", "p_value", "p_adjusted", "small"]
    comparisons = pd.DataFrame(comparisons, columns=columns)
    for number in set(family):
        of = np.array(family) == number
        comparisons.loc[of, "p_adjusted"] = adjusted(
            comparisons.loc[of, "p_value"], settings.adjust
        )
    return by_group, pd.DataFrame(intervals), comparisons


def _address(cell, code=None):
    code = cell.code if code is None else code
    return cell.family, cell.feature.name, cell.control, code


def _compared(a, b):
    """Difference and ratio of two measured groups, each with its interval."""
    one, other = a[:3], b[:3]
    low, high = difference_interval(one, other)
    ratio_low, ratio_high = ratio_interval(one, other)
    return {
        "value": a[0],
        "reference_value": b[0],
        "difference": a[0] - b[0],
        "difference_low": low,
        "difference_high": high,
        "ratio": a[0] / b[0] if b[0] else np.nan,
        "ratio_low": ratio_low,
        "ratio_high": ratio_high,
    }
