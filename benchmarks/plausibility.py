"""Plausibility: where answers stand among real rows, and what it costs to ask for it.

One command measures what ``docs/benchmarks/plausibility.md`` shows::

    SKLEARN_CT_DATA=... python -m benchmarks.plausibility
"""

import numpy as np
import pandas as pd
import torch

from benchmarks._common import (
    CACHE,
    CONVENTIONAL,
    commit,
    kept,
    machine,
    options,
    timed,
)
from benchmarks.outcomes.tables import TABLES, split_of
from benchmarks.report import publish
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.metrics import plausibility_score

MODELS = {"CT": {}, "twin": CONVENTIONAL}
ASKED = (None, 0.05)
HEAVY = 10  # standard deviations from the mean that a heavy tail reaches
TAIL = 0.01  # of real rows, beyond which an amount is far
TOLD = ["answered", "share_fallback", "cost", "n_changes", "probability"]
TOLD += ["plausibility", "rare"]
FEW = 10  # amounts that are not shown
SHARES = (0.9, 0.99, 1.0)
TITLES = ("real rows", "answers", f"answers, {ASKED[1]:g}")


def amounts_of(X):
    """Columns with heavy tails, which the model bends."""
    numbers = X.select_dtypes("number")
    far = (numbers - numbers.mean()).abs().max() / numbers.std()
    return list(far.index[far > HEAVY])


def raised(answers, column):
    """Give the new values of the cells of a column that answers raise."""
    changes = answers.changes()
    own = changes[changes["feature"] == column]
    old, new = (own[name].astype(float) for name in ("from", "to"))
    return new[new > old].to_numpy()


def share_far(answers, good):
    """Share of answers that move a number to where hardly any real row is."""
    before, after = answers.factuals, answers.counterfactuals
    far = np.zeros(len(after), dtype=bool)
    for name in good.select_dtypes("number"):
        seen = np.sort(good[name].to_numpy(float))
        old, new = (table[name].to_numpy(float) for table in (before, after))
        above = len(seen) - np.searchsorted(seen, new)
        below = np.searchsorted(seen, new, "right")
        beyond = np.where(new > old, above, below) / len(seen)
        far |= (new != old) & (beyond < TAIL)
    return float(far[answers.valid].mean()) if answers.valid.any() else np.nan


def measure(name, split, *, epochs, n_rows, n_rejected):
    """Lines of a split of a table, and of its amounts."""
    torch.set_num_threads(1)
    table, part = TABLES[name], split_of(name, split, n_rows)
    good = part.X[part.y == table.favourable]
    held_out = part.X_test[(part.y_test == table.favourable).to_numpy()]
    lines, tails = [], []
    for model, settings in MODELS.items():
        clf = CounterfactualTrainedClassifier(
            **settings,
            mutability=table.mutability,
            max_epochs=epochs,
            random_state=split,
        ).fit(part.X, part.y)
        rejected = part.X_test[clf.predict(part.X_test) != table.favourable]
        rejected, about = rejected.head(n_rejected), {"data": name, "model": model}
        codes = clf.encode(held_out), clf.encode(good.head(1000))
        real = plausibility_score(*codes, average=False)
        clf.explain(rejected, table.favourable, min_plausibility=ASKED[1])  # warm
        found = {}
        for share in ASKED:
            answers, (_, seconds) = timed(
                clf.explain, rejected, table.favourable, min_plausibility=share
            )
            told, found[share] = answers.evaluate(), answers
            line = about | {"min_plausibility": share or "none", "rows": len(rejected)}
            line |= {name: told[name] for name in TOLD}
            line |= {
                "far": share_far(answers, good),
                "real, rare": (real < 0.05).mean(),
            }
            lines.append(line | {"ms a row": 1000 * seconds / max(len(rejected), 1)})
        for column in amounts_of(part.X):
            new = [raised(answers, column) for answers in found.values()]
            if min(map(len, new)) >= FEW:
                line = about | {"column": column, "raised": [*map(len, new)]}
                for title, x in zip(TITLES, (good[column], *new), strict=True):
                    line[title] = list(np.quantile(x, SHARES))
                tails.append(line)
    return {"lines": lines, "tails": tails if split == 0 else []}


def main():
    asked = options(__doc__, splits={"type": int, "default": 3})
    size = {"epochs": 60, "n_rows": None, "n_rejected": 1000}
    where, source = machine(), commit()
    if asked.quick:
        asked.splits, source = 1, ""
        size = {"epochs": 5, "n_rows": 1500, "n_rejected": 50}
    lines, tails = [], []
    for split in range(asked.splits):
        for name in TABLES:
            path = CACHE / "plausibility" / f"{name}-{split}.json"
            new = kept(path, lambda n=name, k=split: measure(n, k, **size), source)
            lines, tails = lines + new["lines"], tails + new["tails"]
    by = ["data", "model", "min_plausibility"]
    means = pd.DataFrame(lines).groupby(by, sort=False).mean().reset_index()
    tables = {"standing": means.to_dict("records"), "amounts": tails}
    publish("plausibility", "plausibility", tables, quick=asked.quick, **where)


if __name__ == "__main__":
    main()
