import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from sklearn_ct.datasets import (
    make_circles,
    make_linearly_separable,
    make_moons,
    make_overlapping,
)

PLANAR = [make_linearly_separable, make_overlapping, make_circles, make_moons]


@pytest.mark.parametrize("make", PLANAR)
def test_same_seed_same_rows_and_the_global_generator_is_untouched(make):
    # Reads the state of the global generator to see that nothing drew from it.
    before = np.random.get_state()
    first, other = make(50, random_state=3), make(50, random_state=4)
    for seed in (3, np.random.RandomState(3)):
        same = make(50, random_state=seed)
        np.testing.assert_array_equal(first[0], same[0])
        np.testing.assert_array_equal(first[1], same[1])
    after = np.random.get_state()
    assert before[2] == after[2]
    np.testing.assert_array_equal(before[1], after[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("make", PLANAR)
def test_planar_sets_have_the_papers_size_and_two_balanced_classes(make):
    X, y = make(random_state=0)
    assert X.shape == (4200, 2)
    assert X.dtype == np.float64
    assert y.dtype.kind == "i"
    np.testing.assert_array_equal(np.bincount(y), [2100, 2100])


@pytest.mark.parametrize(
    ("make", "sd"), [(make_linearly_separable, 0.5), (make_overlapping, 2.0)]
)
def test_blobs_have_the_documented_centres_and_spread(make, sd):
    X, y = make(20_000, random_state=0)
    for label, centre in enumerate([-2.0, 2.0]):
        np.testing.assert_allclose(X[y == label].mean(axis=0), centre, atol=0.05 * sd)
        np.testing.assert_allclose(X[y == label].std(axis=0), sd, rtol=0.03)


def test_linearly_separable_leaves_a_gap():
    X, y = make_linearly_separable(random_state=0)
    assert LogisticRegression().fit(X[:3600], y[:3600]).score(X[3600:], y[3600:]) == 1
    side = X.sum(axis=1)
    assert side[y == 0].max() + 0.5 < side[y == 1].min()


def test_overlapping_has_the_documented_bayes_accuracy():
    X, y = make_overlapping(50_000, random_state=0)
    bayes = ((X.sum(axis=1) > 0) == y).mean()
    assert bayes == pytest.approx(norm.cdf(np.sqrt(2)), abs=0.005)
    assert LogisticRegression().fit(X, y).score(X, y) == pytest.approx(bayes, abs=0.002)


def test_circles_are_a_ring_around_a_centre():
    X, y = make_circles(random_state=0)
    radius = np.linalg.norm(X, axis=1)
    assert radius[y == 0].mean() == pytest.approx(1.0, abs=0.03)
    # A Gaussian in the plane: mean radius sd * sqrt(pi / 2).
    expected = 0.15 * np.sqrt(np.pi / 2)
    assert radius[y == 1].mean() == pytest.approx(expected, rel=0.05)
    assert ((radius < 0.57) == y).mean() > 0.99


def test_moons_can_be_told_apart():
    X, y = make_moons(random_state=0)
    assert KNeighborsClassifier(15).fit(X[:3600], y[:3600]).score(X, y) > 0.995
    clean, label = make_moons(200, noise=0, random_state=0)
    upper, lower = clean[label == 0], clean[label == 1]
    np.testing.assert_allclose(np.linalg.norm(upper, axis=1), 1)
    np.testing.assert_allclose(np.linalg.norm(lower - [1, 0.3], axis=1), 1)
    assert (upper[:, 1] > -1e-9).all()
    assert (lower[:, 1] < 0.3 + 1e-9).all()
