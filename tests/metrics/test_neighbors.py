import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression

from sklearn_ct.metrics import inlier_score, nearest_target_distance, ynn_score


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X_counterfactual = rng.normal(size=(11, 3))
    X_reference = rng.normal(0.5, 1.0, size=(40, 3))
    y_reference = rng.choice(["a", "b", "c"], size=40)
    for frozen in (X_counterfactual, X_reference, y_reference):
        frozen.flags.writeable = False
    return X_counterfactual, X_reference, y_reference


@pytest.mark.parametrize("k", [1, 5, 39, 40, 41])
@pytest.mark.parametrize("target", ["b", list("abcabcabcab")])
def test_ynn_counts_the_nearest_of_the_target_class(rows, k, target):
    X, Z, y = rows
    expected = []
    for x, label in zip(X, np.broadcast_to(target, len(X)), strict=True):
        nearest = sorted(range(40), key=lambda j: np.linalg.norm(x - Z[j]))[:k]
        expected.append(np.mean([y[j] == label for j in nearest]))
    settings = {"target": target, "y_reference": y, "n_neighbors": k}
    score = ynn_score(X, Z, **settings, average=False)
    np.testing.assert_allclose(score, expected, rtol=1e-12)
    mean = ynn_score(X, Z, **settings)
    assert isinstance(mean, float)
    assert mean == pytest.approx(np.mean(expected))


def test_ynn_asks_a_model_for_the_classes(rows):
    X, Z, y = rows
    frame = pd.DataFrame(Z, columns=["one", "two", "three"])
    model = LogisticRegression().fit(frame, y)
    assert not np.array_equal(model.predict(frame), y)
    asked = ynn_score(X, frame, target="a", y_reference=model.predict)
    given = ynn_score(X, Z, target="a", y_reference=model.predict(frame))
    assert asked == given


def test_ynn_of_a_class_that_no_row_has_is_0(rows):
    X, Z, y = rows
    assert ynn_score(X, Z, target="d", y_reference=y) == 0


def brute_factor(x, Z, k):
    """Local outlier factor of a new row, by its definition."""

    def nearest(point, own=None):
        others = [j for j in range(len(Z)) if j != own]
        return sorted(others, key=lambda j: np.linalg.norm(point - Z[j]))[:k]

    def density(point, own=None):
        reach = []
        for j in nearest(point, own):
            far = nearest(Z[j], j)[-1]
            radius = np.linalg.norm(Z[j] - Z[far])
            reach.append(max(radius, np.linalg.norm(point - Z[j])))
        return 1 / np.mean(reach)

    return np.mean([density(Z[j], j) for j in nearest(x)]) / density(x)


@pytest.mark.parametrize("k", [1, 3, 7])
def test_inliers_have_a_local_outlier_factor_of_at_most_one_and_a_half(rows, k):
    X, Z, _ = rows
    factors = np.array([brute_factor(x, Z, k) for x in X])
    inlier = inlier_score(X, Z, n_neighbors=k, average=False)
    assert inlier.dtype == bool
    np.testing.assert_array_equal(inlier, factors <= 1.5)
    assert 0 < inlier.mean() < 1
    share = inlier_score(X, Z, n_neighbors=k)
    assert isinstance(share, float)
    assert share == inlier.mean()


def test_inliers_depend_on_the_density_of_their_class():
    dense, sparse = np.linspace(0, 1, 50)[:, None], np.linspace(10, 60, 50)[:, None]
    X_reference, y_reference = np.vstack((dense, sparse)), np.repeat([0, 1], 50)
    # As far from the dense class as the rows of the sparse one are from each other.
    X = [[0.5], [2.0], [61.0], [90.0]]
    inlier = inlier_score(
        X, X_reference, target=[0, 0, 1, 1], y_reference=y_reference, average=False
    )
    np.testing.assert_array_equal(inlier, [True, False, True, False])


def test_small_classes_have_small_neighbourhoods():
    assert inlier_score([[0.5], [40.0]], [[0.0], [1.0]]) == 0.5


@pytest.mark.parametrize("target", ["c", list("abcabcabcab")])
def test_nearest_target_is_the_least_l1_distance(rows, target):
    X, Z, y = rows
    labels = np.broadcast_to(target, len(X))
    distances = cdist(X, Z, "cityblock")
    distances[labels[:, None] != y] = np.inf
    expected = distances.min(axis=1)
    settings = {"target": target, "y_reference": y}
    np.testing.assert_allclose(
        nearest_target_distance(X, Z, **settings, average=False), expected, rtol=1e-12
    )
    assert nearest_target_distance(X, Z, **settings) == pytest.approx(expected.mean())


def test_a_real_row_of_the_class_is_at_no_distance(rows):
    _, Z, y = rows
    distance = nearest_target_distance(Z, Z, target=y, y_reference=y, average=False)
    np.testing.assert_array_equal(distance, 0)


@pytest.mark.parametrize("measure", [inlier_score, nearest_target_distance])
def test_each_is_compared_with_its_own_class(rows, measure):
    X, Z, y = rows
    target = np.array(list("abcabcabcab"))
    together = measure(X, Z, target=target, y_reference=y, average=False)
    for label in "abc":
        alone = measure(X[target == label], Z[y == label], average=False)
        np.testing.assert_array_equal(together[target == label], alone)


A, B = [[0.0, 1.0], [2.0, 3.0]], [[1.0, 1.0], [0.0, 2.0]]


@pytest.mark.parametrize("measure", [ynn_score, inlier_score, nearest_target_distance])
@pytest.mark.parametrize(
    ("X", "reference", "target", "y", "message"),
    [
        ([[1.0]], B, 0, [0, 0], "has 1 features, but X_reference has 2"),
        ([[np.nan, 1]], B, 0, [0, 0], "X_counterfactual contains NaN"),
        (A, B, "a", [0, 0], "Mix of label input types"),
        (A, B, [0], [0, 0], "inconsistent numbers of samples"),
        (A, B, 0, [0], "inconsistent numbers of samples"),
    ],
)
def test_errors(measure, X, reference, target, y, message):
    with pytest.raises(ValueError, match=message):
        measure(X, reference, target=target, y_reference=y)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ynn_score(A, B, target=0, y_reference=[0, 0], n_neighbors=0),
            "n_neighbors == 0, must be >= 1",
        ),
        (lambda: inlier_score(A, B, n_neighbors=0), "n_neighbors == 0, must be >= 1"),
        (lambda: inlier_score(A, B, target=0), "of inlier_score must be given togeth"),
        (
            lambda: inlier_score(A, B[:1]),
            "must have at least two rows. Got 1 instead",
        ),
        (
            lambda: inlier_score(A, B, target="x", y_reference=["x", "y"]),
            "at least two rows of class 'x'. Got 1 instead",
        ),
        (
            lambda: nearest_target_distance(A, B, target=3, y_reference=[0, 1]),
            "Got no row of 3",
        ),
    ],
)
def test_errors_of_one(call, message):
    with pytest.raises(ValueError, match=message):
        call()
