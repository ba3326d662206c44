"""Recourse on real data: valid, in range, sparse, plausible, and how fast.

One command measures what ``docs/benchmarks/recourse.md`` shows::

    SKLEARN_CT_DATA=... python -m benchmarks.recourse
"""

import argparse
import itertools
import time

import numpy as np
import pandas as pd
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from benchmarks._common import machine
from benchmarks.report import publish
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import (
    fetch_adult,
    fetch_credit_default,
    fetch_german_credit,
    fetch_gmsc,
)
from sklearn_ct.metrics import relative_implausibility

SEED = 1


def adult():
    bunch = fetch_adult()
    rules = {"age": "none", "sex": "none", "race": "none", "education": "increase"}
    return bunch.data, bunch.target, rules, ">50K"


def gmsc():
    bunch = fetch_gmsc(balanced=True, random_state=SEED)
    return bunch.data, bunch.target, {"age": "none"}, 0


def german():
    bunch = fetch_german_credit()
    rules = {"age": "none", "personal_status": "none", "foreign_worker": "none"}
    return bunch.data, bunch.target, rules, "good"


def credit_default():
    bunch = fetch_credit_default(balanced=True, random_state=SEED)
    return bunch.data, bunch.target, {"AGE": "none", "SEX": "none"}, 0


DATA = {
    "Adult": adult,
    "GMSC": gmsc,
    "German credit": german,
    "Credit default": credit_default,
}


def broken_rules(train, before, after, rules):
    """Count cells that break a rule, by plain comparison with the training table."""
    count = 0
    if list(after.columns) != list(before.columns) or len(after) != len(before):
        return after.size
    for name in before:
        old, new, seen = before[name], after[name], train[name]
        changed = old.to_numpy() != new.to_numpy()
        word = rules.get(name, "both")
        if old.dtype != new.dtype:
            count += len(new)
        if word == "none":
            count += int(changed.sum())
        if isinstance(seen.dtype, pd.CategoricalDtype):
            count += int((~new.isin(seen.unique()) & changed).sum())
            old, new = old.cat.codes, new.cat.codes
        else:
            outside = (new < seen.min()) | (new > seen.max())
            count += int((outside & changed).sum())
            if (seen == seen.round()).all():
                count += int((new != new.round()).sum())
        if word == "increase":
            count += int((new.to_numpy() < old.to_numpy()).sum())
        if word == "decrease":
            count += int((new.to_numpy() > old.to_numpy()).sum())
    return count


def cheapest(clf, X, target, train, rules, levels=20, changes=3):
    """Cost of the cheapest valid row with few changes, for each row, by enumeration."""
    module = clf.net_.module_
    best = np.full(len(X), np.inf)
    home = clf.encode(X)
    edits = []  # for each feature: (values, codes of the feature's columns)
    free = [name for name in X if rules.get(name, "both") != "none"]
    for name in free:
        values = train[name].drop_duplicates()
        if not isinstance(values.dtype, pd.CategoricalDtype) and len(values) > levels:
            shares = np.linspace(0, 1, levels)
            values = train[name].quantile(shares, interpolation="nearest").unique()
        edits.append(pd.Series(values, dtype=train[name].dtype).reset_index(drop=True))
    for i in range(len(X)):
        row = X.iloc[[i]]
        moves = []
        for name, values in zip(free, edits, strict=True):
            if rules.get(name) == "increase":
                codes = values.cat.codes
                values = values[codes >= row[name].cat.codes.iloc[0]]
            table = row.loc[row.index.repeat(len(values))].reset_index(drop=True)
            table[name] = values.to_numpy()
            if isinstance(row[name].dtype, pd.CategoricalDtype):
                table[name] = table[name].astype(row[name].dtype)
            delta = clf.encode(table) - home[i]
            cost = np.abs(delta).sum(axis=1)
            moves.append((delta[cost > 0], cost[cost > 0]))
        for k in range(1, changes + 1):
            for chosen in itertools.combinations(moves, k):
                delta, cost = chosen[0]
                for more, price in chosen[1:]:
                    delta = (delta[:, None] + more[None]).reshape(-1, home.shape[1])
                    cost = (cost[:, None] + price[None]).ravel()
                    cheap = cost < best[i]
                    delta, cost = delta[cheap], cost[cheap]
                cheap = np.flatnonzero(cost < best[i])
                if not len(cheap):
                    continue
                rows = torch.as_tensor(home[i] + delta[cheap], dtype=torch.float32)
                with torch.no_grad():
                    hit = (module(rows).argmax(1) == target).numpy()
                if hit.any():
                    best[i] = cost[cheap[hit]].min()
    return best


def log_losses(clf, X, y):
    """Log loss on rows, and that with the temperature found on their other half."""
    y, even = np.asarray(y), np.arange(len(y)) % 2 == 0
    own, calibrated = clf.predict_proba(X), np.empty((len(y), len(clf.classes_)))
    for half in (even, ~even):
        model = CalibratedClassifierCV(FrozenEstimator(clf), method="temperature")
        calibrated[~half] = model.fit(X[half], y[half]).predict_proba(X[~half])
    return [log_loss(y, p, labels=clf.classes_) for p in (own, calibrated)]


def timed(clf, X, target, **options):
    start = time.perf_counter()
    result = clf.explain(X, target, **options)
    return result, time.perf_counter() - start


def same_alone(clf, rows, favourable, result):
    """Whether rows have the same answers in other batches and processes."""
    part = clf.explain(rows[37:50], favourable).counterfactuals
    jobs = clf.explain(rows[:200], favourable, n_jobs=2).counterfactuals
    return part.equals(result.counterfactuals[37:50]) and jobs.equals(
        result.counterfactuals[:200]
    )


def measure(name, model, settings, *, n_many=10_000, n_optimum=100, max_epochs=30):
    """Line of a data set and a model."""
    X, y, rules, favourable = DATA[name]()
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.25, stratify=y, random_state=SEED
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
    clf.explain(rejected[:10], favourable)
    result, seconds = timed(clf, rejected, favourable)
    told = result.evaluate()
    many = pd.concat([every] * (n_many // len(every) + 1))[:n_many]
    seconds_many = timed(clf, many, favourable)[1]
    timed(clf, rejected[:100], favourable, n_jobs=2)  # starts the processes
    seconds_two = timed(clf, many, favourable, n_jobs=2)[1]
    three = clf.explain(rejected[:200], favourable, n_counterfactuals=3, noise=0.1)
    several = three.evaluate()
    ones = [timed(clf, rejected[i : i + 1], favourable)[1] for i in range(20)]
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="short training, to see that all runs"
    )
    quick, where = parser.parse_args().quick, machine()
    torch.set_num_threads(1)
    few = {"n_many": 500, "n_optimum": 2, "max_epochs": 15} if quick else {}
    models = {"CT": {}, "twin": {"lambda_div": 0.0, "lambda_adv": 0.0}}
    lines = [
        measure(name, model, settings, **few)
        for name in DATA
        for model, settings in models.items()
    ]
    publish("recourse", "recourse", {"answers": lines}, quick=quick, **where)


if __name__ == "__main__":
    main()
