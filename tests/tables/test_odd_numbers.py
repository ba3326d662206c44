"""Numbers of unusual types and sizes."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from sklearn_ct import CounterfactualTrainedClassifier

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=200), RNG.normal(size=200)
Y = (A + B > 0).astype(int)


def fit(X):
    clf = CounterfactualTrainedClassifier(max_epochs=5, lr=0.02, random_state=0)
    return clf.fit(X, Y)


def rejected(clf, X, n=12):
    return X[clf.predict(X) == 0][:n]


@pytest.mark.parametrize(
    "dtype", ["float64", "Float64", "object", pd.SparseDtype("float64", 0.0)]
)
def test_last_bits_do_not_depend_on_the_batch(dtype):
    X = pd.DataFrame({"a": A, "b": B}).astype(dtype)
    clf = fit(X)
    assert clf.encoder_.variables_[0].grid is not None
    asked = rejected(clf, X)
    before = asked.copy()
    together = clf.explain(asked).counterfactuals
    pd.testing.assert_frame_equal(asked, before, check_exact=True)
    for i in range(len(asked)):
        alone = clf.explain(asked[i : i + 1]).counterfactuals
        pd.testing.assert_frame_equal(alone, together[i : i + 1], check_exact=True)


@pytest.mark.parametrize("kind", [Decimal, Fraction])
def test_changed_cells_are_of_the_kind_of_the_column(kind):
    X = pd.DataFrame({"a": [kind(str(v)) for v in A.round(2)], "b": B})
    clf = fit(X)
    answers = clf.explain(rejected(clf, X), mutability={"b": "none"})
    assert answers.valid.any()
    assert {type(cell) for cell in answers.counterfactuals["a"]} == {kind}
    assert (clf.predict(answers.counterfactuals[answers.valid]) == 1).all()


def test_whole_numbers_of_any_length():
    big = [10**30 + round(v * 1000) * 10**27 for v in A]
    X = pd.DataFrame({"a": np.array(big, dtype=object), "b": B})
    clf = fit(X)
    answers = clf.explain(rejected(clf, X), mutability={"b": "none"})
    found = answers.counterfactuals["a"][answers.valid]
    assert len(found)
    assert {type(cell) for cell in found} == {int}
    assert min(big) * 0.999 <= min(found)
    assert max(found) <= max(big) * 1.001


def test_small_differences_far_from_zero_are_told_apart():
    X = pd.DataFrame({"a": 1e8 + 1e-4 * A, "b": B})
    clf = fit(X)
    assert clf.encoder_.variables_[0].decimals is None
    assert np.ptp(clf.encode(X)[:, 0]) > 4
    answers = clf.explain(rejected(clf, X, 60), mutability={"b": "none"})
    assert answers.valid.mean() > 0.5
    assert answers.counterfactuals["a"][answers.valid].nunique() > 20
    # And still a sum of tenths has one decimal, however it was computed.
    X = pd.DataFrame({"a": np.cumsum(np.full(200, 0.1)), "b": B})
    assert fit(X).encoder_.variables_[0].decimals == 1


def test_truth_values_are_no_numbers_unless_these_are_0_and_1():
    X = pd.DataFrame({"a": (3 * A).round().astype(int), "b": B})
    with pytest.raises(ValueError, match="'a' has truth values, but numbers other"):
        fit(X).explain(X.assign(a=False))
    X["a"] = (A > 0).astype(int)
    clf = fit(X)
    asked = rejected(clf, X)
    usual, answers = clf.explain(asked, 1), clf.explain(asked.assign(a=asked.a == 1), 1)
    found = answers.counterfactuals["a"].astype(int)
    np.testing.assert_array_equal(found, usual.counterfactuals["a"])
