import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_ct.metrics import (
    counterfactual_cost,
    redundancy,
    sparsity,
    validity_score,
)

X = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]])
X_COUNTERFACTUAL = np.array([[0.0, 3.0, 1.5], [3.0, 4.0, 5.0], [-6.0, 7.0, 8.25]])
for frozen in (X, X_COUNTERFACTUAL):
    frozen.flags.writeable = False


@pytest.fixture
def frames():
    before = pd.DataFrame(
        {
            "age": [30, 40, 50, 60],
            "income": [1.5, np.nan, 2.0, 3.0],
            "job": pd.Categorical(["clerk", "cook", None, "clerk"]),
            "member": [True, False, True, True],
            "rank": pd.array([1, 2, None, 4], dtype="Int64"),
        },
        index=[7, 3, 9, 1],
    )
    after = pd.DataFrame(
        {
            "age": [30.0, 41.0, 50.0, 60.5],
            "income": [1.5, np.nan, np.nan, 3.5],
            "job": ["clerk", "nurse", None, "clerk"],
            "member": [True, True, True, True],
            "rank": [1, 2, 3, 4],
        },
        index=[0, 1, 2, 3],
    )
    return before, after


def test_cost_is_the_l1_distance():
    expected = [
        sum(abs(x[d] - x_cf[d]) for d in range(3))
        for x, x_cf in zip(X, X_COUNTERFACTUAL, strict=True)
    ]
    per_row = counterfactual_cost(X, X_COUNTERFACTUAL, average=False)
    np.testing.assert_allclose(per_row, expected)
    value = counterfactual_cost(X, X_COUNTERFACTUAL)
    assert isinstance(value, float)
    assert value == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("costs", [[1, 10, 4], {1: 10, 2: 4}, np.array([1, 10, 4])])
def test_feature_costs_weigh_the_features(costs):
    per_row = counterfactual_cost(
        X, X_COUNTERFACTUAL, feature_costs=costs, average=False
    )
    np.testing.assert_allclose(per_row, [22.0, 0.0, 13.0])


def test_feature_costs_by_name():
    frames = (pd.DataFrame(a, columns=["a", "b", "c"]) for a in (X, X_COUNTERFACTUAL))
    value = counterfactual_cost(*frames, feature_costs={"b": 0}, average=False)
    np.testing.assert_allclose(value, [0.5, 0.0, 12.25])


@pytest.mark.parametrize(
    ("predicted", "target", "share"),
    [
        ([0, 1, 1, 1], 1, 0.75),
        ([0, 1, 2], [0, 2, 2], 2 / 3),
        (["a", "b"], "c", 0.0),
        (np.array(["a", "b"], dtype=object), ["a", "b"], 1.0),
        (pd.Series(["a", "b"]), "a", 0.5),
        ([True, False, False], True, 1 / 3),
    ],
)
def test_validity(predicted, target, share):
    assert validity_score(predicted, target) == pytest.approx(share)


def test_sparsity_counts_changed_cells():
    np.testing.assert_array_equal(
        sparsity(X, X_COUNTERFACTUAL, average=False), [2, 0, 2]
    )
    assert sparsity(X, X_COUNTERFACTUAL) == pytest.approx(4 / 3)
    assert sparsity(X, X_COUNTERFACTUAL, groups=[[1, 2]]) == 1.0
    assert sparsity(X, X_COUNTERFACTUAL, groups=[[0, 1, 2]]) == pytest.approx(2 / 3)


def test_sparsity_compares_frames_by_value_and_by_position(frames):
    np.testing.assert_array_equal(sparsity(*frames, average=False), [0, 3, 2, 2])
    np.testing.assert_array_equal(
        sparsity(*frames, groups=[["age", "income"]], average=False), [0, 3, 2, 1]
    )
    assert sparsity(frames[0], frames[0].copy()) == 0


def test_sparsity_of_objects_strings_and_polars():
    before = np.array([["a", 1], ["b", None]], dtype=object)
    after = np.array([["a", 1.0], ["c", np.nan]], dtype=object)
    np.testing.assert_array_equal(sparsity(before, after, average=False), [0, 1])
    before = pl.DataFrame({"job": ["a", "b"], "age": [1, 2]})
    after = pl.DataFrame({"job": ["a", "c"], "age": [1.0, 2.5]})
    np.testing.assert_array_equal(sparsity(before, after, average=False), [0, 2])
    np.testing.assert_array_equal(
        sparsity(before, np.array([["a", 1], ["b", 2]], object), average=False), [0, 0]
    )


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), n=st.integers(1, 6), d=st.integers(1, 5))
def test_sparsity_agrees_with_brute_force(seed, n, d):
    rng = np.random.default_rng(seed)
    values = np.array([0.0, 1.0, np.nan])
    before, after = values[rng.integers(3, size=(2, n, d))]
    expected = [
        sum(
            before[i, j] != after[i, j]
            and not (np.isnan(before[i, j]) and np.isnan(after[i, j]))
            for j in range(d)
        )
        for i in range(n)
    ]
    np.testing.assert_array_equal(sparsity(before, after, average=False), expected)


def brute_redundancy(predict, X, X_counterfactual, target):
    counts = []
    for x, x_cf in zip(X, X_counterfactual, strict=True):
        if predict(x_cf[None])[0] != target:
            counts.append(np.nan)
            continue
        count = 0
        for d in range(len(x)):
            if x[d] != x_cf[d]:
                back = x_cf.copy()
                back[d] = x[d]
                count += predict(back[None])[0] == target
        counts.append(count)
    return counts


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), n=st.integers(1, 8), d=st.integers(1, 5))
def test_redundancy_agrees_with_brute_force(seed, n, d):
    rng = np.random.default_rng(seed)
    before, after = rng.integers(-2, 3, size=(2, n, d))
    weights = rng.normal(size=d)

    def predict(X):
        return (X @ weights > 0.3).astype(int)

    expected = brute_redundancy(predict, before, after, 1)
    per_row = redundancy(predict, before, after, 1, average=False)
    np.testing.assert_array_equal(per_row, expected)
    value = redundancy(predict, before, after, 1)
    known = [count for count in expected if not np.isnan(count)]
    assert np.isnan(value) if not known else value == pytest.approx(np.mean(known))


def test_redundancy_has_a_target_for_each_row_and_does_not_round():
    def predict(X):
        return np.where(X[:, 0] > 0.75, "high", "low")

    before = np.array([[0.8, 1.0], [1.5, 2.0]])
    after = np.array([[1, 0], [0, 0]])  # of ints: 0.8 must survive being put back
    per_row = redundancy(predict, before, after, ["high", "low"], average=False)
    np.testing.assert_array_equal(per_row, [2, 1])
    np.testing.assert_array_equal(
        redundancy(predict, before, after, "low", average=False), [np.nan, 1]
    )


def test_redundancy_asks_once_for_each_feature_and_keeps_its_input():
    sizes = []

    def predict(X):
        sizes.append(len(X))
        return np.ones(len(X), dtype=int)

    kept = X_COUNTERFACTUAL.copy()
    assert redundancy(predict, X, X_COUNTERFACTUAL, 1) == pytest.approx(4 / 3)
    assert sizes == [3, 1, 1, 2]
    np.testing.assert_array_equal(X_COUNTERFACTUAL, kept)


def test_redundancy_of_frames_keeps_columns_and_groups(frames):
    before, after = frames
    seen = []

    def predict(frame):
        seen.append(list(frame.columns))
        return np.where(frame["member"] & (frame["age"] > 0), "yes", "no")

    per_row = redundancy(predict, before, after, "yes", average=False)
    np.testing.assert_array_equal(per_row, [0, 2, 2, 2])
    assert all(columns == list(before.columns) for columns in seen)
    grouped = redundancy(
        predict, before, after, "yes", groups=[["age", "member"]], average=False
    )
    np.testing.assert_array_equal(grouped, [0, 1, 2, 2])


def predict_one(X):
    return np.ones(len(X), dtype=int)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: counterfactual_cost(X, X[:2]), ValueError, r"\(3, 3\) and \(2, 3\)"),
        (lambda: counterfactual_cost(X, X * np.nan), ValueError, "contains NaN"),
        (
            lambda: counterfactual_cost(X, X, feature_costs=[1, 2]),
            ValueError,
            "a value for each of the 3 columns. Got 2 instead",
        ),
        (
            lambda: counterfactual_cost(X, X, feature_costs=[1, -2, 1]),
            ValueError,
            "must be non-negative numbers. Got -2",
        ),
        (
            lambda: counterfactual_cost(X, X, feature_costs={3: 1}),
            ValueError,
            "columns that are not in X: 3.",
        ),
        (
            lambda: counterfactual_cost(X, X, feature_costs="high"),
            ValueError,
            "must be a dict, a list .* or None. Got 'high'",
        ),
        (lambda: validity_score([], 1), ValueError, "0 sample"),
        (lambda: validity_score([0, 1], [0]), ValueError, "inconsistent numbers"),
        (lambda: validity_score([0, 1], "a"), ValueError, "Mix of label input types"),
        (lambda: sparsity(X, X[:, :2]), ValueError, "same shape"),
        (lambda: sparsity(X, X, groups=[[0, 1], [1]]), ValueError, "once at most"),
        (
            lambda: sparsity(
                pd.DataFrame({"income": [1]}),
                pd.DataFrame({"income": [1]}),
                groups=[["incme"]],
            ),
            ValueError,
            "not in X: 'incme'. Did you mean 'income'?",
        ),
        (
            lambda: sparsity(
                pd.DataFrame({"a": [1], "b": [1]}), pd.DataFrame({"b": [1], "a": [1]})
            ),
            ValueError,
            "same columns in the same order",
        ),
        (
            lambda: sparsity(*[pd.DataFrame([[1, 2]], columns=["a", "a"])] * 2),
            ValueError,
            "repeat",
        ),
        (
            lambda: sparsity(*[pd.DataFrame({"a": []})] * 2),
            ValueError,
            "a row at least",
        ),
        (lambda: redundancy("predict", X, X, 1), TypeError, "must be a callable"),
        (lambda: redundancy(predict_one, X, X[:2], 1), ValueError, "same shape"),
        (lambda: redundancy(predict_one, X, X, "a"), ValueError, "Mix of label"),
        (lambda: redundancy(predict_one, X, X, [1]), ValueError, "inconsistent"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
