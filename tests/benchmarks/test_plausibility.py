"""The benchmark of plausibility: which amounts are raised, and how far."""

import numpy as np
import pandas as pd

from benchmarks import plausibility
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications


def test_amounts_that_are_raised_and_far():
    X, y = make_loan_applications(400, random_state=0)
    clf = CounterfactualTrainedClassifier(max_epochs=5, lr=0.01, random_state=0)
    answers = clf.fit(X, y).explain(X[:60], "approved")
    before, after = answers.factuals, answers.counterfactuals
    moved = after["savings"][after["savings"] > before["savings"]]
    new = plausibility.raised(answers, "savings")
    np.testing.assert_array_equal(np.sort(new), np.sort(moved))
    assert len(new)
    good = X[(y == "approved").to_numpy()]
    far = np.zeros(60, dtype=bool)
    for i in range(60):
        for name in good.select_dtypes("number"):
            was, is_ = before[name].iloc[i], after[name].iloc[i]
            beyond = good[name] >= is_ if is_ > was else good[name] <= is_
            far[i] |= was != is_ and beyond.mean() < 0.01
    assert plausibility.share_far(answers, good) == far[answers.valid].mean()


def test_amounts_have_heavy_tails():
    rng = np.random.default_rng(0)
    amount = rng.exponential(size=500) ** 5
    table = pd.DataFrame({"flat": rng.uniform(size=500), "amount": amount})
    assert plausibility.amounts_of(table.assign(word="a")) == ["amount"]
