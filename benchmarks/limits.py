"""Limits: what accuracy, robustness, cost and plausibility take from one another.

One command measures what ``docs/benchmarks/limits.md`` shows::

    SKLEARN_CT_DATA=... python -m benchmarks.limits

The tabular data sets of the paper's tables, measured as there; ``--data`` adds MNIST,
which takes long. Trained are the defaults of the class with and without the adversarial
loss, the conventional twin, and the same network by adversarial training alone.
"""

import os
import time
from functools import partial

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from benchmarks._common import CACHE, CONVENTIONAL, machine, options
from benchmarks.paper import published
from benchmarks.paper.compare import Results, mean
from benchmarks.paper.data import REAL, TABULAR
from benchmarks.paper.settings import Unit
from benchmarks.paper.tables import count, points_lost, variants
from benchmarks.paper.units import compute_unit, run_all, train_classifier
from benchmarks.report import publish
from benchmarks.speed.loops import projected_gradient

TWIN = "BL"
ATTACKED = "attacked rows alone"
WEIGHTS = (0.0, 0.5)  # of the adversarial loss
NAMES = {weight: f"lambda_adv={weight:g}" for weight in WEIGHTS}
VARIANTS = (TWIN, *NAMES.values(), ATTACKED)


def train_on_attacks(unit, X, y, **more):
    """Train the network of a conventional classifier anew, on attacked rows alone."""
    clf, result = train_classifier(unit, X, y, **more)
    start = time.process_time()
    module = clf.net_.module_.train()
    torch.manual_seed(unit.seed)
    for layer in module.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    rows = torch.as_tensor(clf.encode(X), dtype=torch.float32)
    label = torch.as_tensor(np.searchsorted(clf.classes_, np.asarray(y)))
    optimizer = torch.optim.Adam(module.parameters(), lr=clf.lr, fused=True)
    for _ in range(clf.max_epochs):
        for batch in torch.randperm(len(rows)).split(clf.net_.batch_size):
            moved = projected_gradient(module, rows[batch], label[batch])
            optimizer.zero_grad()
            cross_entropy(module(moved), label[batch]).backward()
            optimizer.step()
    module.eval()
    return clf, result | {"seconds": time.process_time() - start}


def compute(unit):
    """Train and measure a unit."""
    train = train_on_attacks if unit.variant == ATTACKED else None
    return compute_unit(unit, train)


def make_units(names, n_seeds, rounds):
    """List the trainings, those that take long first."""
    changes = {NAMES[weight]: {"lambda_adv": weight} for weight in WEIGHTS}
    changes |= {TWIN: CONVENTIONAL, ATTACKED: CONVENTIONAL}
    unit = partial(Unit, "defaults", rounds=rounds)
    return [
        unit(variant, name, seed, changes=changes[variant])
        for name in sorted(names, key=["MNIST", *REAL].index)
        for seed in range(n_seeds)
        for variant in VARIANTS
    ]


def summary(results, names):
    """Means over the data sets of each variant."""
    lines = []
    for v in VARIANTS:
        lost = [points_lost(results, "defaults", n, variant=v).mean() for n in names]
        robust = [results.mean("defaults", v, n, "fgsm") for n in names]
        told = [published.FGSM[n][0] for n in names]
        line = {
            "trained with": v,
            "points lost, mean": mean(lost),
            "points lost, most": max(lost),
            "FGSM 0.1": mean(robust),
            "FGSM at least the paper's": count(np.greater_equal(robust, told)),
        }
        for title, *key in (
            ("protected cost reduced, %", "protected", "cost"),
            ("IP reduced, %", "free", "ip"),
        ):
            of = [results.compare("defaults", n, *key, v).reduction for n in names]
            line[title] = mean(of)
        lines.append(line)
    return lines


def tables(results):
    """Make both tables."""
    names = results.names("defaults", TWIN)
    sets = variants(results, names, VARIANTS, config="defaults")
    for line in sets:
        line["FGSM 0.1: paper"] = published.FGSM[line["data"]][0]
    return {"summary": summary(results, names), "sets": sets}


def main():
    asked = options(
        __doc__,
        data={"nargs": "+", "choices": REAL, "default": TABULAR},
        seeds={"type": int, "default": 3},
        n_jobs={"type": int, "default": 2},
    )
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    where, told = machine(), {"seeds": asked.seeds, "bootstrap rounds": 100}
    if asked.quick:
        asked.data, told = TABULAR[-1:], {"seeds": 1, "bootstrap rounds": 5}
    units = make_units(asked.data, *told.values())
    results = Results(run_all(units, CACHE / "limits", asked.n_jobs, compute))
    told = {"data sets": len(asked.data), **told, **where}
    publish("limits", "limits", tables(results), quick=asked.quick, **told)


if __name__ == "__main__":
    main()
