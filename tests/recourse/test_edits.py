"""The search over single-feature edits against brute force."""

import itertools

import numpy as np
import pandas as pd
import pytest

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._core.frozen import FrozenNetwork
from sklearn_ct._estimator.explaining import subject_of
from sklearn_ct._recourse.edit_search import search_edits
from sklearn_ct._recourse.edits import PLAUSIBILITY, THOROUGH, Edits, Real
from sklearn_ct._recourse.task import Request, Task
from sklearn_ct._rules.bounds import Bounds
from sklearn_ct._rules.rules import Rules
from sklearn_ct.generators import Generic


@pytest.fixture(scope="module")
def fitted():
    """Two numbers and two categories, the class a function of all of them."""
    rng = np.random.default_rng(0)
    n = 600
    X = pd.DataFrame(
        {
            "a": rng.integers(0, 6, n),
            "b": rng.integers(0, 5, n),
            "c": pd.Categorical(rng.choice(["x", "y", "z"], n)),
            "d": pd.Categorical(rng.choice(["u", "v"], n)),
        }
    )
    score = X.a + X.b + 2.0 * (X.c == "y") + 1.5 * (X.d == "v")
    y = (score + rng.normal(size=n) > 6).astype(int)
    clf = CounterfactualTrainedClassifier(max_epochs=15, lr=0.02, random_state=0)
    return clf.fit(X, y), X, y


def _task(clf, X, rules=None, floor=0.0):
    encoder = clf.encoder_
    rules = clf.rules_ if rules is None else rules
    factual = encoder.read(X)
    n = len(X)
    options = Request(
        generator=Generic(),
        tau=0.5,
        effort="full",
        max_changes=None,
        cost=np.ones(len(encoder.variables_)),
    )
    return Task(
        subject_of(clf),
        Bounds.of(rules, encoder, factual),
        np.ones(n, dtype=int),
        options,
        floor,
        np.arange(n),
    )


def _brute_force(task, edits):
    """Smallest cost with plausibility over all combinations of allowed values."""
    levels = [np.unique(edits.value[edits.variable == j]) for j in range(4)]
    every = np.array(list(itertools.product(*levels)))
    far = edits.real.distances(task.codec.embed(every)).sum(axis=1)
    best = np.full(len(task.target), np.inf)
    for i, factual in enumerate(task.bounds.factual):
        part = task.take(np.full(len(every), i))
        values = np.where(part.bounds.frozen, factual, every)
        ok = part.check(values) & part.bounds.holds(values, task.codec)
        cost = part.parts(part.codec.embed(values)).sum(axis=1)
        near = edits.real.distances(task.codec.embed(factual[None])).sum()
        best[i] = np.min((cost + PLAUSIBILITY * (far - near))[ok], initial=np.inf)
    return best


@pytest.mark.parametrize("mutability", [None, {"a": "none", "b": "increase"}])
def test_nearly_as_good_as_brute_force(fitted, mutability):
    clf, X, y = fitted
    rejected = X[clf.predict(X) == 0][:60]
    rules = Rules.parse(clf.encoder_, mutability, "observed")
    task = _task(clf, rejected, rules)
    edits = clf.references_[1].edits(THOROUGH)
    values, found = search_edits(task, edits, THOROUGH)
    best = _brute_force(task, edits)
    np.testing.assert_array_equal(found, np.isfinite(best))
    assert task.check(values)[found].all()
    assert task.bounds.holds(values, task.codec).all()
    far = edits.real.distances(task.codec.embed(values))
    near = edits.real.distances(task.codec.embed(task.bounds.factual))
    cost = task.parts(task.codec.embed(values)) + PLAUSIBILITY * (
        task.codec.collect(far) - task.codec.collect(near)
    )
    ratio = cost.sum(axis=1)[found].mean() / best[found].mean()
    assert 1 - 1e-9 <= ratio < 1.25


def test_updating_the_first_layer_changes_nothing(fitted, monkeypatch):
    clf, X, _ = fitted
    task = _task(clf, X[clf.predict(X) == 0][:50])
    edits = clf.references_[1].edits(THOROUGH)
    fast = search_edits(task, edits, THOROUGH)
    monkeypatch.setattr(FrozenNetwork, "parts", property(lambda self: (None, self)))
    slow = search_edits(task, edits, THOROUGH)
    np.testing.assert_array_equal(fast[0], slow[0])
    np.testing.assert_array_equal(fast[1], slow[1])


def test_probability_asked_for_is_reached(fitted):
    clf, X, _ = fitted
    task = _task(clf, X[clf.predict(X) == 0][:50], floor=0.8)
    edits = clf.references_[1].edits(THOROUGH)
    values, found = search_edits(task, edits, THOROUGH)
    logits = task.subject.network.logits(task.codec.embed(values[found]))
    assert found.any()
    assert (logits.softmax(1)[:, 1] >= 0.8).all()


def test_distances_to_real_rows_column_by_column():
    rng = np.random.default_rng(1)
    real, codes = rng.integers(0, 4, (30, 3)) * 1.0, rng.normal(size=(10, 3)).round(1)
    expected = np.abs(codes[:, None] - real[None]).mean(axis=1)
    np.testing.assert_allclose(Real.of(real).distances(codes), expected)


def test_rare_categories_are_left_to_the_thorough_search(fitted):
    clf, _, _ = fitted
    references = clf.references_[1].values.copy()
    references[:, 2] = 0
    references[0, 2] = 2
    rare = THOROUGH.__class__(levels=5, rarest=0.1, tried=8, width=1, depth=1)
    edits = Edits.of(clf.encoder_, references, rare)
    assert set(edits.value[edits.variable == 2]) == {0.0}
    edits = Edits.of(clf.encoder_, references, THOROUGH)
    assert set(edits.value[edits.variable == 2]) == {0.0, 1.0, 2.0}
