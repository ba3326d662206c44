"""Train, explain, judge; see the package's first lines."""

import time

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from sklearn.base import clone

from benchmarks._common import CACHE, CONVENTIONAL, commit, kept, machine, options
from benchmarks.outcomes import summary
from benchmarks.outcomes.judges import PEERS
from benchmarks.outcomes.measures import (
    Neutral,
    Standing,
    advice,
    at_equal_cost,
    reliance,
    scores,
)
from benchmarks.outcomes.tables import TABLES, split_of
from benchmarks.paper.settings import paper_settings
from benchmarks.report import publish
from sklearn_ct import CounterfactualTrainedClassifier

MODELS = {
    "twin": CONVENTIONAL,
    "early-stopped twin": {**CONVENTIONAL, "early_stopping": True},
    "paper's settings": paper_settings("Cred"),
    "CT": {},
}
REFERENCE = "early-stopped twin"
SPLITS = 3


def trained(make, X, y, n_models=3):
    """Models on the rows, and on rows drawn from them with other seeds."""
    models = []
    for seed in range(n_models):
        rng = np.random.RandomState(seed)
        rows = rng.choice(len(X), len(X)) if seed else np.arange(len(X))
        models.append(make(seed).fit(X.iloc[rows], y.iloc[rows]))
    return models


def measure(name, split, *, epochs, n_rows, n_rejected):
    """Lines of a split of a table, one for each model."""
    torch.set_num_threads(1)
    table, part = TABLES[name], split_of(name, split, n_rows)
    neutral = Neutral(part.X)
    standing = Standing(neutral, part.good)

    def network(settings):
        return lambda seed: CounterfactualTrainedClassifier(
            **{**settings, "mutability": table.mutability, "max_epochs": epochs},
            random_state=seed,
        )

    def peer(model):
        return lambda seed: clone(model)

    def rejected(model):
        rows = part.X_test
        return rows[model.predict(rows) != table.favourable].head(n_rejected)

    lines, curves = [], {}
    makers = {m: network(settings) for m, settings in MODELS.items()}
    makers |= {m: peer(model) for m, model in PEERS.items()}
    for label, make in makers.items():
        start = time.process_time()
        models = trained(make, part.X, part.y)
        line = {"data": name, "split": split, "model": label}
        line["seconds, fit"] = (time.process_time() - start) / len(models)
        line |= scores(models, part.X_test, part.y_test, part.rare)
        group = table.group(part.X_test).to_numpy()
        line |= reliance(models, part.X_test, table.immutable, table.favourable, group)
        if label in MODELS:
            curve = advice(
                models, rejected, table.favourable, neutral, standing, part.judge
            )
            curves[label] = curve
            line["curve"] = curve.reset_index().to_dict("list")
            line["answered"] = curve["answered"].min()
            line["promise"] = (curve["stated"] - curve["judged"]).mean()
        lines.append(line)
    for line in lines:
        if line["model"] in curves:
            line |= at_equal_cost(curves[line["model"]], curves[REFERENCE])
    return lines


def main():
    asked = options(__doc__, jobs={"type": int, "default": 2, "help": "processes"})
    size = {"epochs": 60, "n_rows": None, "n_rejected": 300}
    if asked.quick:
        size = {"epochs": 10, "n_rows": 2000, "n_rejected": 20}
    where, source = machine(), commit() if not asked.quick else ""
    start = time.perf_counter()

    def unit(name, split):
        path = CACHE / "outcomes" / f"{name}-{split}.json"
        return kept(path, lambda: measure(name, split, **size), source)

    units = [(name, k) for k in range(1 if asked.quick else SPLITS) for name in TABLES]
    found = Parallel(asked.jobs)(delayed(unit)(*one) for one in units)
    lines = pd.DataFrame(sum(found, []))
    where["minutes"] = round((time.perf_counter() - start) / 60)
    publish(
        "outcomes",
        "outcomes",
        summary.tables(lines),
        figures=summary.figures(lines),
        quick=asked.quick,
        **where,
    )


if __name__ == "__main__":
    main()
