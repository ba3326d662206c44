"""Recourse on real data: valid, in range, sparse, plausible, and how fast.

One command measures what ``docs/benchmarks/recourse.md`` shows::

    SKLEARN_CT_DATA=... python -m benchmarks.recourse
"""

from itertools import combinations

import numpy as np
import pandas as pd
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from benchmarks._common import CONVENTIONAL, machine, options, timed
from benchmarks.report import publish
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import (
    fetch_adult,
    fetch_credit_default,
    fetch_german_credit,
    fetch_gmsc,
)
from sklearn_ct.metrics import constraint_violations, relative_implausibility

SEED = 1
BALANCED = {"balanced": True, "random_state": SEED}
FIXED = {
    "Adult": ["age", "sex", "race"],
    "GMSC": ["age"],
    "German credit": ["age", "personal_status", "foreign_worker"],
    "Credit default": ["AGE", "SEX"],
}
RULES = {name: dict.fromkeys(fixed, "none") for name, fixed in FIXED.items()}
RULES["Adult"]["education"] = "increase"
# What loads a table, and the class that people want.
DATA = {
    "Adult": (fetch_adult, {}, ">50K"),
    "GMSC": (fetch_gmsc, BALANCED, 0),
    "German credit": (fetch_german_credit, {}, "good"),
    "Credit default": (fetch_credit_default, BALANCED, 0),
}
LEVELS, CHANGES = 20, 3  # of the enumeration


def broken_rules(train, before, after, rules):
    """Count cells that break a rule, the ranges of the training table or its types."""
    words = train.select_dtypes("category")
    numbers = train.drop(columns=words.columns)
    counts = constraint_violations(
        before,
        after,
        mutability=rules,
        domain={name: (cells.min(), cells.max()) for name, cells in numbers.items()},
        categories={name: cells.unique() for name, cells in words.items()},
        integers=[n for n, cells in numbers.items() if (cells == cells.round()).all()],
        changed_only=True,
    )
    return int(counts.to_numpy().sum() + (before.dtypes != after.dtypes).sum())


def levels_of(column):
    """Values that an enumeration tries, a Series: categories, or quantiles."""
    values = column.drop_duplicates()
    if not isinstance(column.dtype, pd.CategoricalDtype) and len(values) > LEVELS:
        shares = np.linspace(0, 1, LEVELS)
        values = column.quantile(shares, interpolation="nearest").drop_duplicates()
    return values.astype(column.dtype).reset_index(drop=True)


def cheapest(clf, X, target, train, rules):
    """Cost of the cheapest valid row with few changes, for each row, by enumeration."""
    levels = {n: levels_of(train[n]) for n in X if rules.get(n) != "none"}
    return np.array(
        [cheapest_of(clf, X.iloc[[i]], target, levels, rules) for i in range(len(X))]
    )


def cheapest_of(clf, row, target, levels, rules):
    """Cost of the cheapest valid row near one; infinite where there is none."""
    home, best, moves = clf.encode(row)[0], np.inf, []
    for name, values in levels.items():
        if rules.get(name) == "increase":
            values = values[values.cat.codes >= row[name].cat.codes.iloc[0]]
        table = row.loc[row.index.repeat(len(values))].reset_index(drop=True)
        delta = clf.encode(table.assign(**{name: values.array})) - home
        cost = np.abs(delta).sum(axis=1)
        moves.append((delta[cost > 0], cost[cost > 0]))
    for k in range(1, CHANGES + 1):
        for (delta, cost), *others in combinations(moves, k):
            for more, price in others:
                delta = (delta[:, None] + more[None]).reshape(-1, len(home))
                cost = (cost[:, None] + price[None]).ravel()
                delta, cost = delta[cost < best], cost[cost < best]
            delta, cost = delta[cost < best], cost[cost < best]
            if len(cost):
                rows = torch.as_tensor(home + delta, dtype=torch.float32)
                with torch.no_grad():
                    hit = (clf.net_.module_(rows).argmax(1) == target).numpy()
                best = cost[hit].min(initial=best)
    return best


def log_losses(clf, X, y):
    """Log loss on rows, and that with the temperature found on their other half."""
    y, even = np.asarray(y), np.arange(len(y)) % 2 == 0
    own, calibrated = clf.predict_proba(X), np.empty((len(y), len(clf.classes_)))
    for half in (even, ~even):
        model = CalibratedClassifierCV(FrozenEstimator(clf), method="temperature")
        calibrated[~half] = model.fit(X[half], y[half]).predict_proba(X[~half])
    return [log_loss(y, p, labels=clf.classes_) for p in (own, calibrated)]


def same_alone(clf, rows, favourable, result):
    """Whether rows have the same answers in other batches and processes."""
    part = clf.explain(rows[37:50], favourable).counterfactuals
    jobs = clf.explain(rows[:200], favourable, n_jobs=2).counterfactuals
    return part.equals(result.counterfactuals[37:50]) and jobs.equals(
        result.counterfactuals[:200]
    )


def measure(name, model, settings, *, n_many, n_optimum, max_epochs):
    """Line of a data set and a model."""
    (fetch, how, favourable), rules = DATA[name], RULES[name]
    bunch = fetch(**how)
    X, X_test, y, y_test = train_test_split(
        bunch.data,
        bunch.target,
        test_size=0.25,
        stratify=bunch.target,
        random_state=SEED,
    )
    clf = CounterfactualTrainedClassifier(
        hidden_layer_sizes=(64, 64),
        mutability=rules,
        max_epochs=max_epochs,
        random_state=SEED,
        **settings,
    ).fit(X, y)
    every = X_test[clf.predict(X_test) != favourable]
    rejected = every[:1000]
    many = pd.concat([every] * (n_many // len(every) + 1))[:n_many]

    def explain(rows, **options):
        result, (seconds, _) = timed(clf.explain, rows, favourable, **options)
        return result, seconds

    explain(rejected[:10])
    result, seconds = explain(rejected)
    seconds_many = explain(many)[1]
    explain(rejected[:100], n_jobs=2)  # starts the processes
    seconds_two = explain(many, n_jobs=2)[1]
    several, _ = explain(rejected[:200], n_counterfactuals=3, noise=0.1)
    told, several = result.evaluate(), several.evaluate()
    ones = [explain(rejected[i : i + 1])[1] for i in range(20)]
    real = clf.encode(X_test)[np.asarray(y_test == favourable)]
    halves = np.array_split(real, 2)
    own_loss, calibrated_loss = log_losses(clf, X_test, y_test)
    predicted = clf.predict(result.counterfactuals)
    reached = clf.encode(result[result.valid].counterfactuals)
    line = {
        "data": name,
        "model": model,
        "accuracy": clf.score(X_test, y_test),
        "log loss": own_loss,
        "calibrated": calibrated_loss,
        "rows": len(rejected),
        "valid": told["share_valid"],
        "fallback": told["share_fallback"],
        "infeasible": told["share_infeasible"],
        "rules broken": broken_rules(X, rejected, result.counterfactuals, rules),
        "not predicted": int((predicted != favourable)[result.valid].sum()),
        "changes": told["n_changes"],
        "cost": told["cost"],
        "relative IP": relative_implausibility(reached, *halves),
        "of the factuals": relative_implausibility(clf.encode(rejected), *halves),
        "rows/s": len(rejected) / seconds,
        f"rows/s at {n_many:,}": n_many / seconds_many,
        "with two processes": n_many / seconds_two,
        "ms, one row": 1000 * np.median(ones),
        "alone = in a batch": same_alone(clf, rejected, favourable, result),
        "answers of 3": 3 * several["validity"],
        "diversity": several["diversity"],
        "invalidation rate": several["invalidation_rate"],
    }
    if name == "Adult":
        k = list(clf.classes_).index(favourable)
        best = cheapest(clf, rejected[:n_optimum], k, X, rules)
        known = np.isfinite(best)
        cost = result.cost[:n_optimum][known]
        line["cost / optimum"] = cost.mean() / best[known].mean()
        line["optimum known"] = int(known.sum())
    return line


def main():
    quick, where = options(__doc__).quick, machine()
    torch.set_num_threads(1)
    few = {"n_many": 500, "n_optimum": 2, "max_epochs": 15}
    whole = {"n_many": 10_000, "n_optimum": 100, "max_epochs": 30}
    lines = [
        measure(name, model, settings, **(few if quick else whole))
        for name in DATA
        for model, settings in {"CT": {}, "twin": CONVENTIONAL}.items()
    ]
    publish("recourse", "recourse", {"answers": lines}, quick=quick, **where)


if __name__ == "__main__":
    main()
