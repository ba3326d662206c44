"""Steps between the walk and the answer, each on its own."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._estimator.explaining import subject_of
from sklearn_ct._recourse.fallback import nearest_of
from sklearn_ct._recourse.task import Request, Task
from sklearn_ct._rules.bounds import Bounds
from sklearn_ct._rules.rules import Rules


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    y = (X["a"] + 0.2 * X["b"] > 0).astype(int)
    clf = CounterfactualTrainedClassifier(
        max_epochs=5, n_counterfactuals=50, lr=0.02, random_state=0
    )
    return clf.fit(X, y), X[clf.predict(X) == 0]


def task_of(clf, X, mutability):
    rules = Rules.parse(clf.encoder_, mutability, "observed", n_rows=len(X))
    bounds = Bounds.of(rules, clf.encoder_, clf.encoder_.read(X))
    options = Request(clf.net_.generator, 0.5, "full", None, np.ones(3))
    target = np.ones(len(X), dtype=int)
    return Task(subject_of(clf), bounds, target, options, 0.5, np.arange(len(X)))


def test_the_nearest_row_does_not_depend_on_the_other_rows(fitted):
    clf, rejected = fitted
    rules = [{"c": "none"}, {}, {"a": "none", "c": "none"}, {}]
    asked, real = rejected[:4], clf.references_[1]
    together = nearest_of(task_of(clf, asked, rules), real)
    for i, rule in enumerate(rules):
        alone = nearest_of(task_of(clf, asked[i : i + 1], [rule]), real)
        np.testing.assert_array_equal(together[i], alone[0])
        # What the row may not change does not count.
        free = [column not in rule for column in "abc"]
        home = clf.encoder_.embed(clf.encoder_.read(asked[i : i + 1]))[0]
        distance = np.abs(real.codes - home)[:, free].sum(1)
        np.testing.assert_allclose(distance[together[i]], np.sort(distance))


def test_a_margin_is_found_where_gradients_are_off(fitted):
    clf, rejected = fitted
    expected = clf.explain(rejected[:5], margin=0.1).to_frame()
    with torch.no_grad():
        found = clf.explain(rejected[:5], margin=0.1).to_frame()
    pd.testing.assert_frame_equal(found, expected)


class Residual(nn.Sequential):
    def forward(self, x):
        return super().forward(x) - 2 * x[:, :2]


def test_networks_that_are_no_plain_stack(fitted):
    _, X = fitted
    y = (X["a"] + 0.2 * X["b"] > X["a"].median()).astype(int)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = Residual(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    clf = CounterfactualTrainedClassifier(module=module, max_epochs=3, random_state=0)
    asked = X[clf.fit(X, y).predict(X) == 0][:40]
    walked, full = (clf.explain(asked, 1, effort=effort) for effort in ("walk", "full"))
    assert walked.valid.any()
    assert full.valid.sum() >= walked.valid.sum()
