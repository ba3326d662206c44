"""Recourse on real data: valid, in range, sparse, plausible, and how fast.

One command makes the tables of ``docs/benchmarks/recourse.md``::

    SKLEARN_CT_DATA=... python benchmarks/recourse.py

On Adult, GMSC, German credit and credit default it trains a counterfactual-trained
network (CT) and a conventional twin (64-64 units, 30 epochs, otherwise defaults),
explains up to 1,000 rejected test rows with the default effort, and counts what became
of them. Broken rules are counted by code of its own below, which knows the training
table and nothing of the library. Relative implausibility is that of the answers to real
accepted test rows over that of other real accepted test rows: 1.0 is the limit; the
rejected rows themselves stand beside it. ``Optimum`` compares the cost on Adult rows
with the cheapest valid row among all with at most three features changed, found by
enumeration (every category, up to 20 levels of a number). For 200 rows three answers
are asked for: how many are found, their distance to one another, and the share of
copies with Gaussian noise (a tenth of a standard deviation) that are rejected again.
Log loss is that on the test rows; calibrated: with the temperature found on the other
half of them. Speeds are those of one process with one thread, and of two warm processes
(``n_jobs=2``).
"""

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _common import to_markdown
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

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


def measure(name, n_optimum):
    """Rows of the table for one data set."""
    X, y, rules, favourable = DATA[name]()
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.25, stratify=y, random_state=SEED
    )
    lines = []
    for model, weights in (
        ("CT", {}),
        ("twin", {"lambda_div": 0.0, "lambda_adv": 0.0}),
    ):
        clf = CounterfactualTrainedClassifier(
            hidden_layer_sizes=(64, 64),
            mutability=rules,
            max_epochs=30,
            random_state=SEED,
            **weights,
        ).fit(X, y)
        every = X_test[clf.predict(X_test) != favourable]
        rejected = every[:1000]
        clf.explain(rejected[:10], favourable)
        result, seconds = timed(clf, rejected, favourable)
        summary = result.evaluate()
        many = pd.concat([every] * (10_000 // len(every) + 1))[:10_000]
        seconds_many = timed(clf, many, favourable)[1]
        timed(clf, rejected[:100], favourable, n_jobs=2)  # starts the processes
        seconds_two = timed(clf, many, favourable, n_jobs=2)[1]
        options = {"n_counterfactuals": 3, "noise": 0.1}
        three = timed(clf, rejected[:200], favourable, **options)[0]
        several = three.evaluate()
        ones = [timed(clf, rejected[i : i + 1], favourable)[1] for i in range(20)]
        real = clf.encode(X_test)[np.asarray(y_test == favourable)]
        half = len(real) // 2
        limits = (real[:half], real[half:])
        reached = result[result.valid].counterfactuals
        part = timed(clf, rejected[37:90], favourable)[0].counterfactuals
        jobs = timed(clf, rejected[:200], favourable, n_jobs=2)[0].counterfactuals
        same = part.equals(result.counterfactuals[37:90]) and jobs.equals(
            result.counterfactuals[:200]
        )
        own_loss, calibrated_loss = log_losses(clf, X_test, y_test)
        line = {
            "data": name,
            "model": model,
            "accuracy": clf.score(X_test, y_test),
            "log loss": own_loss,
            "calibrated": calibrated_loss,
            "rows": len(rejected),
            "valid": summary["share_valid"],
            "fallback": summary["share_fallback"],
            "infeasible": summary["share_infeasible"],
            "rules broken": broken_rules(X, rejected, result.counterfactuals, rules),
            "not predicted": int(
                (clf.predict(result.counterfactuals) != favourable)[result.valid].sum()
            ),
            "changes": summary["n_changes"],
            "cost": summary["cost"],
            "relative IP": relative_implausibility(clf.encode(reached), *limits),
            "of the factuals": relative_implausibility(clf.encode(rejected), *limits),
            "rows/s at 1,000": len(rejected) / seconds
            if len(rejected) > 999
            else np.nan,
            "rows/s at 10,000": len(many) / seconds_many,
            "with two processes": len(many) / seconds_two,
            "ms, one row": 1000 * np.median(ones),
            "alone = in a batch": "yes" if same else "NO",
            "answers of 3": 3 * several["validity"],
            "diversity": several["diversity"],
            "invalidation rate": several["invalidation_rate"],
        }
        if name == "Adult" and n_optimum:
            k = list(clf.classes_).index(favourable)
            best = cheapest(clf, rejected[:n_optimum], k, X, rules)
            known = np.isfinite(best)
            line["cost / optimum"] = result.cost[:n_optimum][known].mean() / (
                best[known].mean()
            )
            line["optimum known"] = int(known.sum())
        lines.append(line)
    return lines


def short(value):
    """Text of a cell: three digits are enough."""
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.3g}"
    return str(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optimum", type=int, default=100, help="rows enumerated")
    parser.add_argument("--output", type=Path, default=None, help="Markdown file")
    arguments = parser.parse_args()
    lines = [line for name in DATA for line in measure(name, arguments.optimum)]
    text = to_markdown(pd.DataFrame(lines).map(short))
    print(text)
    if arguments.output:
        arguments.output.write_text(
            "# Recourse on real data\n\n"
            "Made by `python benchmarks/recourse.py --output ...`.\n\n"
            f"{__doc__.split(chr(10) * 2, 3)[3].strip()}\n\n{text}\n"
        )


if __name__ == "__main__":
    main()
