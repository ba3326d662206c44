"""Which rows walk: those for which the slope promises less than what is found."""

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._estimator.explaining import relations_of, subject_of
from sklearn_ct._recourse.find import walk_for_less
from sklearn_ct._recourse.task import LEAD, Request, Task
from sklearn_ct._recourse.walks import least_cost
from sklearn_ct._rules.bounds import Bounds
from sklearn_ct.generators import REVISE, Generic


@pytest.fixture(scope="module")
def linear():
    """A linear network on two numbers, one of which may only fall, and a category."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "a": rng.normal(size=400),
            "b": rng.normal(size=400),
            "c": pd.Categorical(rng.choice(["x", "y", "z"], 400)),
        }
    )
    y = (X.a + (X.c == "y") > 0.5).astype(int)
    clf = CounterfactualTrainedClassifier(
        hidden_layer_sizes=(),
        max_epochs=2,
        random_state=0,
        mutability={"b": "decrease"},
    ).fit(X, y)
    with torch.no_grad():
        layer = next(m for m in clf.net_.module_.modules() if hasattr(m, "weight"))
        slope = torch.tensor([1.0, 9.0, 0.5, 2.5, 0.0])
        layer.weight.copy_(torch.stack([-slope / 2, slope / 2]))
        layer.bias.zero_()
    return clf, X


def _task(clf, X, generator=None, cost=(1.0, 1.0, 1.0)):
    factual = clf.encoder_.read(X)
    request = Request(generator or Generic(), 0.5, "full", None, np.array(cost))
    bounds = Bounds.of(clf.rules_, clf.encoder_, factual)
    n = len(X)
    subject = subject_of(clf)
    return Task(subject, bounds, np.ones(n, dtype=int), request, 0.0, np.arange(n))


def test_least_cost_of_a_linear_network(linear):
    clf, X = linear
    task = _task(clf, X)
    lead = task.margins(task.home, np.arange(len(X)))
    # a gains 1 a unit; b, which gains 9, may not rise; of c's two columns together
    # those to y gain 2 from x and 2.5 from z.
    rate = X.c.map({"x": 1.0, "y": 1.0, "z": 1.25}).astype(float)
    np.testing.assert_allclose(least_cost(task), np.maximum(-lead, 0) / rate)
    dear = least_cost(_task(clf, X, cost=(4.0, 1.0, 1.0)))
    rate = X.c.map({"x": 1.0, "y": 0.25, "z": 1.25}).astype(float)
    np.testing.assert_allclose(dear, np.maximum(-lead, 0) / rate)
    assert lead.min() < -1 + LEAD


def test_nobody_tells_the_cost_of_walks_elsewhere(linear):
    clf, X = linear
    assert not least_cost(_task(clf, X, REVISE().fit(torch.randn(50, 5)))).any()


def test_only_rows_with_something_to_gain_walk(linear):
    clf, X = linear
    task = _task(clf, X)
    lead = task.margins(task.home, np.arange(len(X)))
    poor = np.flatnonzero((lead < -0.5) & (lead > -1.5))
    task = task.take(poor[:2])
    values = task.bounds.factual.copy()
    values[0, 0] += least_cost(task)[0] * 0.9  # cheaper than any answer
    values[1, 0] += 50.0
    before, found = values.copy(), np.ones(2, dtype=bool)
    walk_for_less(task, values, found)
    np.testing.assert_array_equal(values[0], before[0])
    assert task.cost(values)[1] < 10


def test_relations_are_those_of_now(linear):
    clf, _ = linear
    first = relations_of(clf)
    assert relations_of(clf) is first
    words = clf.relations_
    clf.relations_ = [{"column": "a", "at_most": 3.0}]
    other = relations_of(clf)
    clf.relations_ = words
    assert len(other) == 1
    assert len(relations_of(clf)) == len(words)
