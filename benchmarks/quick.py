"""Counterfactual training against conventional training, with the paper's settings.

One command makes the table of ``docs/benchmarks/quick.md``::

    SKLEARN_CT_DATA=... python benchmarks/quick.py

For each data set and seed it trains a counterfactual-trained classifier (CT) and a
conventional twin that differs in nothing else, and explains test rows of both classes
with the plain walk (ECCCo, T = 50, lambda_cost 0, five energy weights, 250 or 100 rows
each). Implausibility (IP) is measured at tau 0.95 without protection, cost at tau 0.5
with one feature protected, for CT in training as well. Distances are in the models'
standardised input space; the paper's way, only valid counterfactuals are measured, and
the validity stands beside them. Settings are the paper's (its reading of the nascent
counterfactual included), or the class's own defaults.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _common import to_markdown
from joblib import Parallel, delayed
from paper.data import DATA
from paper.protocol import ENERGIES, walker
from paper.published import ACCURACY, REDUCTION
from paper.settings import CONVENTIONAL, paper_settings
from paper.tables import pair
from sklearn.model_selection import train_test_split

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.metrics import implausibility_distance, robust_accuracy_score

NAMES = ("GMSC", "CH", "Circ", "Moon")
# Reductions of implausibility and protected cost in % that an earlier prototype of the
# method reached.
PROTOTYPE = {"Moon": "32 / 7", "Circ": "35 / 44", "CH": "34 / 70", "GMSC": "28 / 83"}


def walk(clf, X, y, rows, *, tau, mutability):
    """Measure the walks of both classes' rows over all energy weights."""
    codes, labels = clf.encode(X), clf.predict(X)
    measured = []
    for factual, target in (clf.classes_, clf.classes_[::-1]):
        real = codes[np.asarray(y) == target]
        asked = np.flatnonzero(labels == factual)[:rows]
        for energy in ENERGIES:
            answer = clf.explain(
                X.iloc[asked] if hasattr(X, "iloc") else X[asked],
                target,
                mutability=mutability,
                tau=tau,
                generator=walker(energy),
                effort="walk",
            )
            row = {"validity": answer.valid.mean()}
            if answer.valid.any():
                reached = answer[answer.valid]
                found = clf.encode(reached.counterfactuals)
                row["ip"] = implausibility_distance(found, real)
                row["cost"] = reached.cost.mean()
            measured.append(row)
    return pd.DataFrame(measured).mean()


def run(name, seed, kind):
    """Train classifier and twin, and measure both."""
    data = DATA[name]
    X, y = data.load(seed)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=data.n_test, stratify=y, random_state=seed
    )
    settings = {"random_state": seed}
    if kind == "paper":
        settings |= paper_settings(name)
    rule = data.rule
    seconds = {}

    def fit(key, **extra):
        start = time.perf_counter()
        clf = CounterfactualTrainedClassifier(**settings | extra).fit(X, y)
        seconds[key] = time.perf_counter() - start
        return clf

    twin = fit("twin", **CONVENTIONAL)
    free = fit("ct")
    careful = fit("ct_protected", mutability=rule)
    row = {"data": name, "kind": kind, "seed": seed}
    for model, a, b in (("ct", free, careful), ("twin", twin, twin)):
        plain = walk(a, X_test, y_test, data.rows, tau=0.95, mutability=None)
        strict = walk(b, X_test, y_test, data.rows, tau=0.5, mutability=rule)
        row |= {
            f"accuracy_{model}": a.score(X_test, y_test),
            f"ip_{model}": plain["ip"],
            f"validity_{model}": plain["validity"],
            f"cost_{model}": strict["cost"],
            f"protected_validity_{model}": strict["validity"],
            f"robust_{model}": robust_accuracy_score(a, X_test, y_test, epsilon=0.1),
            f"seconds_{model}": seconds[model],
        }
    return row


def table(rows):
    """Make the table of means over seeds, with the range of the reductions."""
    lines = []
    for (kind, name), part in rows.groupby(["kind", "data"], sort=False):
        ip = 100 * (1 - part["ip_ct"] / part["ip_twin"])
        cost = 100 * (1 - part["cost_ct"] / part["cost_twin"])
        lost = 100 * (part["accuracy_twin"] - part["accuracy_ct"])
        mean = part.mean(numeric_only=True)

        def both(key, digits=2, mean=mean):
            return pair(mean[f"{key}_ct"], mean[f"{key}_twin"], digits)

        def spread(values):
            return f"{values.mean():.0f} ({values.min():.0f} to {values.max():.0f})"

        lines.append(
            {
                "data": name,
                "settings": kind,
                "accuracy CT / twin": both("accuracy", 3),
                "points lost (worst seed)": f"{lost.mean():.1f} ({lost.max():.1f})",
                "IP reduced, %": spread(ip),
                "protected cost reduced, %": spread(cost),
                "validity, free": both("validity"),
                "validity, protected": both("protected_validity"),
                "accuracy under FGSM 0.1": both("robust", 3),
                "seconds": both("seconds", 1),
                "paper: IP / cost": pair(*REDUCTION.loc[name, ["ip", "cost"]], 0),
                "paper: accuracy": pair(*ACCURACY[name]),
                "prototype: IP / cost": PROTOTYPE[name],
            }
        )
    return pd.DataFrame(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=None, help="Markdown file")
    arguments = parser.parse_args()
    start = time.perf_counter()
    jobs = [
        delayed(run)(name, seed, kind)
        for kind in ("paper", "defaults")
        for seed in range(arguments.seeds)
        for name in NAMES
    ]
    rows = pd.DataFrame(Parallel(n_jobs=arguments.n_jobs)(jobs))
    minutes = (time.perf_counter() - start) / 60
    text = to_markdown(table(rows))
    print(text)
    print(f"\n{minutes:.1f} minutes")
    if arguments.output:
        arguments.output.write_text(
            "# Counterfactual training against conventional training\n\n"
            "Made by `python benchmarks/quick.py --output ...`; means over "
            f"{arguments.seeds} seeds, ranges over seeds in brackets; "
            f"{minutes:.1f} minutes, two trainings at a time.\n\n"
            f"{__doc__.split(chr(10) * 2, 2)[2].strip()}\n\n{text}\n"
        )


if __name__ == "__main__":
    main()
