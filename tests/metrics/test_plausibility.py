import tracemalloc

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from sklearn_ct.metrics import (
    implausibility_distance,
    mmd_distance,
    relative_implausibility,
)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X_counterfactual = rng.normal(size=(7, 3))
    X_reference = rng.normal(1.0, 2.0, size=(23, 3))
    for frozen in (X_counterfactual, X_reference):
        frozen.flags.writeable = False
    return X_counterfactual, X_reference


def brute_implausibility(X, rows, k):
    """The definition, a row and a neighbour at a time."""
    means = []
    for x in X:
        distances = sorted(
            sum(abs(a - b) for a, b in zip(x, row, strict=True)) for row in rows
        )
        nearest = distances[: min(k, len(distances))]
        means.append(sum(nearest) / len(nearest))
    return np.array(means)


def brute_mmd(X, Z, length_scale):
    def k(a, b):
        return np.exp(-np.sum((a - b) ** 2) / (2 * length_scale**2))

    def within(A):
        pairs = [k(a, b) for i, a in enumerate(A) for j, b in enumerate(A) if i != j]
        return np.mean(pairs)

    return within(X) + within(Z) - 2 * np.mean([k(a, b) for a in X for b in Z])


@pytest.mark.parametrize("k", [1, 4, 22, 23, 24, 1000])
def test_implausibility_is_the_definition(rows, k):
    expected = brute_implausibility(*rows, k)
    per_row = implausibility_distance(*rows, n_neighbors=k, average=False)
    np.testing.assert_allclose(per_row, expected, rtol=1e-12)
    value = implausibility_distance(*rows, n_neighbors=k)
    assert isinstance(value, float)
    assert value == pytest.approx(expected.mean())


def test_implausibility_default_is_the_nearest_thousand():
    rng = np.random.default_rng(1)
    X, Z = rng.normal(size=(5, 2)), rng.normal(size=(1200, 2))
    nearest = np.sort(cdist(X, Z, "cityblock"), axis=1)[:, :1000]
    assert implausibility_distance(X, Z) == pytest.approx(nearest.mean())
    everything = implausibility_distance(X, Z, n_neighbors=None)
    assert everything == pytest.approx(cdist(X, Z, "cityblock").mean())
    assert everything > implausibility_distance(X, Z)


def test_implausibility_compares_each_with_its_own_target(rows):
    X, Z = rows
    y = np.array(["b", "a", "c"])[np.arange(len(Z)) % 3]
    target = np.array(["a", "c", "a", "a", "c", "c", "a"])
    per_row = implausibility_distance(
        X, Z, target=target, y_reference=y, n_neighbors=2, average=False
    )
    for x, label, value in zip(X, target, per_row, strict=True):
        expected = brute_implausibility([x], Z[y == label], 2)[0]
        assert value == pytest.approx(expected)
    one = implausibility_distance(X, Z, target="b", y_reference=y)
    assert one == pytest.approx(implausibility_distance(X, Z[y == "b"]))


def test_chunks_do_not_change_the_answer(rows):
    X, Z = np.repeat(rows[0], 300, axis=0), np.repeat(rows[1], 30, axis=0)
    functions = [implausibility_distance, mmd_distance]
    whole = [f(X, Z) for f in functions]
    with sklearn.config_context(working_memory=1):
        chunked = [f(X, Z) for f in functions]
    np.testing.assert_allclose(chunked, whole, rtol=1e-12)


def test_one_row_alone_equals_the_row_among_others(rows):
    X, Z = rows
    together = implausibility_distance(X, Z, n_neighbors=5, average=False)
    alone = [implausibility_distance(x[None], Z, n_neighbors=5) for x in X]
    np.testing.assert_array_equal(together, alone)


def test_frames_are_taken_as_arrays_are(rows):
    X, Z = (pd.DataFrame(a, columns=list("abc")) for a in rows)
    assert implausibility_distance(X, Z) == implausibility_distance(*rows)
    assert mmd_distance(X, Z) == mmd_distance(*rows)


def test_real_rows_are_1_relative_to_themselves(rows):
    X, Z = rows
    rng = np.random.default_rng(2)
    X_heldout = rng.normal(1.0, 2.0, size=(11, 3))
    assert relative_implausibility(X_heldout, Z, X_heldout) == pytest.approx(1.0)
    ratio = relative_implausibility(X, Z, X_heldout, n_neighbors=4)
    floor = brute_implausibility(X_heldout, Z, 4).mean()
    assert ratio == pytest.approx(brute_implausibility(X, Z, 4).mean() / floor)


def test_relative_implausibility_has_a_floor_for_each_class(rows):
    X, Z = rows
    y = np.arange(len(Z)) % 2
    X_heldout = np.random.default_rng(3).normal(size=(9, 3))
    X_heldout[4:] *= 5
    y_heldout = np.repeat([0, 1], [4, 5])
    target = np.array([0, 1, 1, 0, 1, 1, 1])
    ratio = relative_implausibility(
        X,
        Z,
        X_heldout,
        target=target,
        y_reference=y,
        y_heldout=y_heldout,
        average=False,
    )
    for x, label, value in zip(X, target, ratio, strict=True):
        real = Z[y == label]
        floor = brute_implausibility(X_heldout[y_heldout == label], real, 1000).mean()
        assert value == pytest.approx(brute_implausibility([x], real, 1000)[0] / floor)


@pytest.mark.parametrize("length_scale", [0.5, 3.0])
def test_mmd_is_the_definition(rows, length_scale):
    value = mmd_distance(*rows, length_scale=length_scale)
    assert value == pytest.approx(brute_mmd(*rows, length_scale), rel=1e-10)
    assert value == pytest.approx(mmd_distance(*rows[::-1], length_scale=length_scale))


def test_mmd_default_length_scale_is_the_papers(rows):
    assert mmd_distance(*rows) == pytest.approx(brute_mmd(*rows, 0.5), rel=1e-10)


def test_mmd_median_heuristic(rows):
    pooled = np.vstack(rows)
    distances = cdist(pooled, pooled)[np.triu_indices(len(pooled), 1)]
    value = mmd_distance(*rows, length_scale="median")
    assert value == pytest.approx(brute_mmd(*rows, np.median(distances)), rel=1e-10)


def test_mmd_median_heuristic_of_many_or_equal_rows():
    rng = np.random.default_rng(4)
    X, Z = rng.normal(size=(1500, 1)), rng.normal(size=(1500, 1)) + 2
    first = mmd_distance(X, Z, length_scale="median")
    assert first == mmd_distance(X, Z, length_scale="median") > 0.1
    assert mmd_distance(np.ones((3, 2)), np.ones((4, 2)), length_scale="median") == 0


@pytest.mark.slow
def test_mmd_is_unbiased():
    rng = np.random.default_rng(5)
    draws = [
        mmd_distance(rng.normal(size=(5, 2)), rng.normal(size=(8, 2)))
        for _ in range(2000)
    ]
    error = np.std(draws) / np.sqrt(len(draws))
    assert min(draws) < 0
    assert abs(np.mean(draws)) < 4 * error


def test_mmd_keeps_its_digits_far_from_the_origin(rows):
    X, Z = rows
    # Steps of 1/1024 stay exact at this distance: a shift must change nothing.
    X, Z = (np.round(a * 1024) / 1024 for a in (X, Z))
    shift = 2.0**30
    assert mmd_distance(X + shift, Z + shift) == mmd_distance(X, Z)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    n=st.integers(2, 12),
    m=st.integers(2, 12),
    d=st.integers(1, 4),
    k=st.integers(1, 15),
)
def test_measures_agree_with_brute_force(seed, n, m, d, k):
    rng = np.random.default_rng(seed)
    X, Z = rng.integers(-3, 4, size=(n, d)), rng.integers(-3, 4, size=(m, d))
    np.testing.assert_allclose(
        implausibility_distance(X, Z, n_neighbors=k, average=False),
        brute_implausibility(X, Z, k),
        rtol=1e-12,
    )
    np.testing.assert_allclose(mmd_distance(X, Z), brute_mmd(X, Z, 0.5), atol=1e-12)


A, B = [[0.0, 1.0], [2.0, 3.0]], [[1.0, 1.0], [0.0, 2.0]]
ip, relative = implausibility_distance, relative_implausibility


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ip([[1.0]], B), ValueError, "has 1 features, but X_reference has 2"),
        (lambda: ip([], B), ValueError, "Expected 2D array"),
        (lambda: ip(np.empty((0, 2)), B), ValueError, "0 sample"),
        (lambda: ip([[np.nan, 1]], B), ValueError, "X_counterfactual contains NaN"),
        (lambda: ip(A, B, n_neighbors=0), ValueError, "n_neighbors == 0, must be >= 1"),
        (lambda: ip(A, B, n_neighbors=1.5), TypeError, "n_neighbors must be an"),
        (lambda: ip(A, B, target=1), ValueError, "must be given together"),
        (lambda: ip(A, B, y_reference=[0, 1]), ValueError, "must be given together"),
        (
            lambda: ip(A, B, target=2, y_reference=[0, 1]),
            ValueError,
            "must each have a row in X_reference. Got no row of 2.",
        ),
        (
            lambda: ip(A, B, target="a", y_reference=[0, 1]),
            ValueError,
            "Mix of label input types",
        ),
        (
            lambda: ip(A, B, target=[0], y_reference=[0, 1]),
            ValueError,
            "inconsistent numbers of samples",
        ),
        (
            lambda: ip(A, B, target=0, y_reference=[0]),
            ValueError,
            "inconsistent numbers of samples",
        ),
        (lambda: relative(A, B, [[1.0]]), ValueError, "X_heldout has 1 features"),
        (lambda: relative(A, B, B, n_neighbors=1), ValueError, "exactly on their ref"),
        (
            lambda: relative(A, B, A, target=1, y_reference=[0, 1]),
            ValueError,
            "must be given together",
        ),
        (
            lambda: relative(A, B, A, target=1, y_reference=[0, 1], y_heldout=[0, 0]),
            ValueError,
            "a row in X_heldout. Got no row of 1.",
        ),
        (lambda: mmd_distance(A[:1], B), ValueError, "minimum of 2 is required"),
        (lambda: mmd_distance(A, B[:1]), ValueError, "minimum of 2 is required"),
        (lambda: mmd_distance(A, B, length_scale=0), ValueError, "must be > 0"),
        (lambda: mmd_distance(A, B, length_scale="mean"), TypeError, "length_scale"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_many_rows_take_little_memory():
    rng = np.random.default_rng(0)
    found, real = rng.normal(size=(60_000, 3)), rng.normal(size=(1000, 3))
    tracemalloc.start()
    implausibility_distance(found, real)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * 2**20
