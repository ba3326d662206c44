"""What is measured: ranking and calibration, reliance, and the advice at equal cost."""

import numpy as np
import pandas as pd
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from benchmarks.outcomes.judges import probability

TAUS = (0.5, 0.6, 0.7, 0.8, 0.9)
# The cost at which advice is compared: that of the early-stopped twin's at these.
AT = {"low": 0.6, "high": 0.8}
NEIGHBORS = 5
CURVE = ["tau", "answered", "cost", "judged", "stated", "survives", "plausible"]
CURVE += ["changes"]


class Neutral:
    """Units that favour no scaling: percentiles, and half of one for a category.

    The units are those of the training rows, whatever a network makes of its columns.
    """

    def __init__(self, X):
        self.numbers = {
            name: np.sort(column.to_numpy(float))
            for name, column in X.items()
            if pd.api.types.is_numeric_dtype(column)
        }

    def cost(self, before, after):
        """Shift of percentiles plus half of one for each switch, (n,)."""
        own, new = self.places(before), self.places(after)
        switched = self.words(before) != self.words(after)
        return np.abs(own - new).sum(axis=1) + 0.5 * switched.sum(axis=1)

    def places(self, X):
        """Percentile of each number, ties in their middle, (n, n_numbers)."""
        parts = [np.empty((len(X), 0))]
        for name, seen in self.numbers.items():
            values = X[name].to_numpy(float)
            both = [np.searchsorted(seen, values, side) for side in ("left", "right")]
            parts.append(np.sum(both, axis=0)[:, None] / (2 * len(seen)))
        return np.hstack(parts)

    def words(self, X):
        """Categories as text, (n, n_categories)."""
        return X.drop(columns=list(self.numbers)).astype(str).to_numpy()

    def codes(self, X, levels):
        """Coordinates in which the distance (city block) is the cost."""
        words = X.drop(columns=list(self.numbers)).astype(str)
        dummies = [(words[c] == level) * 0.25 for c, level in levels]
        return np.column_stack([self.places(X), *dummies])


class Standing:
    """Whether rows are among the most of real rows of the favourable class.

    An answer is plausible if its distance to its nearest real rows is none that only
    the most remote twentieth of real rows has.
    """

    def __init__(self, neutral, X):
        self.neutral = neutral
        words = X.drop(columns=list(neutral.numbers)).astype(str)
        self.levels = [(c, level) for c in words for level in words[c].unique()]
        half = len(X) // 2
        self.near = NearestNeighbors(n_neighbors=NEIGHBORS, metric="manhattan")
        self.near.fit(neutral.codes(X[:half], self.levels))
        self.limit = np.quantile(self.distance(X[half:]), 0.95)

    def distance(self, X):
        """Mean distance to the nearest real rows, (n,)."""
        distances, _ = self.near.kneighbors(self.neutral.codes(X, self.levels))
        return distances.mean(axis=1)

    def share(self, X):
        """Share of rows that are no farther than nearly all real ones."""
        return float((self.distance(X) <= self.limit).mean())


def scores(models, X, y, rare):
    """Ranking and calibration on test rows, means over models."""
    hit = (y == rare).to_numpy()
    lines = []
    for model in models:
        p = probability(model, X, rare)
        true, told = calibration_curve(hit, p, n_bins=10, strategy="quantile")
        lines.append(
            {
                "accuracy": model.score(X, y),
                "AUC": roc_auc_score(hit, p),
                "average precision": average_precision_score(hit, p),
                "log loss": log_loss(hit, p),
                "calibration error": np.abs(true - told).mean(),
                "base": p.mean() - hit.mean(),
            }
        )
    return pd.DataFrame(lines).mean().to_dict()


def reliance(models, X, protected, favourable, group):
    """Predictions that change with the protected columns, and the gap in scores."""
    order = np.random.RandomState(3).permutation(len(X))
    other = X.assign(**{c: X[c].array[order] for c in protected})
    lines = []
    for model in models:
        p = probability(model, X, favourable)
        lines.append(
            {
                "flips": (model.predict(other) != model.predict(X)).mean(),
                "gap": p[group].mean() - p[~group].mean(),
            }
        )
    return pd.DataFrame(lines).mean().to_dict()


def advice(models, rows, favourable, neutral, standing, judge):
    """Judge the answers of models by `tau`: means over models."""
    lines = []
    for i, model in enumerate(models):
        rejected = rows(model)
        later = [m for j, m in enumerate(models) if j != i]
        for tau in TAUS if len(rejected) else ():
            answers = model.explain(rejected, favourable, tau=tau)
            valid = np.asarray(answers.valid)
            line = {"tau": tau, "answered": valid.mean()}
            if valid.any():
                to = answers.counterfactuals[valid]
                kept = [(m.predict(to) == favourable).mean() for m in later]
                line |= {
                    "cost": neutral.cost(rejected[valid], to).mean(),
                    "judged": judge(to).mean(),
                    "stated": answers.probability[valid].mean(),
                    "survives": np.mean(kept),
                    "plausible": standing.share(to),
                    "changes": answers.n_changes[valid].mean(),
                }
            lines.append(line)
    frame = pd.DataFrame(lines, columns=CURVE).astype(float)
    return frame.groupby("tau").mean().reindex(TAUS)


def at_equal_cost(curve, reference):
    """Read a curve at the costs of a reference, on straight lines between."""
    cost = np.maximum.accumulate(curve["cost"])
    return {
        f"{measure}, {word}": np.interp(reference["cost"][tau], cost, curve[measure])
        for word, tau in AT.items()
        for measure in ("judged", "survives", "plausible")
    }
