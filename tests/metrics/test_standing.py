"""Where rows stand among real ones, against what its definition says, row by row."""

import pickle

import numpy as np
import pytest

from sklearn_ct.metrics import plausibility_score
from sklearn_ct.metrics._standing import Standing


def radius(x, others, k):
    return sorted(np.linalg.norm(others - x, axis=1))[k - 1]


def brute(X, real, k):
    """Compare each row with each real one, by the rows that are neither."""
    k = min(k, len(real) - 1)
    scores = []
    for x in X:
        no_nearer = 1
        for i, r in enumerate(real):
            others = np.delete(real, i, axis=0)
            no_nearer += radius(r, others, k) >= radius(x, others, k) * (1 - 1e-9)
        scores.append(no_nearer / (len(real) + 1))
    return scores


CASES = {
    "two rows": (2, 1, 10, None),
    "as few as neighbours": (11, 4, 10, None),
    "one neighbour": (3, 2, 1, None),
    "numbers": (30, 3, 5, None),
    "ties and duplicates": (60, 3, 10, 0),
    "many duplicates": (50, 1, 3, 0),
}


def table(case):
    n, d, k, decimals = CASES[case]
    rng = np.random.default_rng(0)
    real, X = rng.normal(size=(n, d)), 1.5 * rng.normal(size=(60, d))
    X[:5] = real[rng.integers(n, size=5)]  # copies
    if decimals is not None:
        real, X = real.round(decimals), X.round(decimals)
    return X, real, k


@pytest.mark.parametrize("case", CASES)
def test_score_is_its_definition(case):
    X, real, k = table(case)
    score = plausibility_score(X, real, n_neighbors=k, average=False)
    np.testing.assert_array_equal(score, brute(X, real, k))
    assert plausibility_score(X, real, n_neighbors=k) == pytest.approx(score.mean())
    alone = [plausibility_score([x], real, n_neighbors=k) for x in X]
    np.testing.assert_array_equal(alone, score)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.3, 0.5, 1.0, 1.1])
@pytest.mark.parametrize("block", [1, 10**6])
def test_what_reaches_a_share_stands_as_high(case, share, block, monkeypatch):
    monkeypatch.setattr("sklearn_ct.metrics._standing.BLOCK", block)
    X, real, k = table(case)
    standing = Standing(real, k)
    scores = standing.of(X)
    for asked in (share, *scores[:3]):
        reached = standing.reach(X, asked)
        np.testing.assert_array_equal(reached, scores >= asked)
    assert standing.reach(X[:0], share).shape == (0,)


def test_far_from_the_origin_nothing_is_lost():
    # There the expanded square of a distance has no digits left.
    X, real, k = table("numbers")
    here, there = Standing(real, k), Standing(real + 1e7, k)
    np.testing.assert_array_equal(there.of(X + 1e7) > 0.3, here.of(X) > 0.3)
    np.testing.assert_array_equal(there.reach(X + 1e7, 0.3), there.of(X + 1e7) >= 0.3)


@pytest.mark.parametrize("kind", ["numbers", "a third are alike", "a constant column"])
def test_held_out_real_rows_are_spread_evenly(kind):
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(40):
        rows = rng.exponential(size=(240, 4)) ** 2
        if kind == "a third are alike":
            rows[rng.uniform(size=240) < 1 / 3] = 0.0
        if kind == "a constant column":
            rows[:, 2] = 7.0
        shares.append(plausibility_score(rows[:40], rows[40:], average=False))
    shares = np.concatenate(shares)
    for share in (0.05, 0.2, 0.5):
        assert np.mean(shares <= share) == pytest.approx(share, abs=0.02)


def test_copies_of_rare_rows_are_rare():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(300, 5))
    real[:3] += 20 * np.eye(5)[:3]
    copies = plausibility_score(real, real, average=False)
    assert (copies[:3] <= 4 / 301).all()
    assert np.mean(copies < 0.05) == pytest.approx(0.05, abs=0.015)


def test_identical_rows_are_as_usual_as_can_be():
    real = np.ones((20, 3))
    score = plausibility_score([[1.0, 1, 1], [1, 1, 1.5]], real, average=False)
    np.testing.assert_allclose(score, [1, 1 / 21])


def test_one_feature_too_far_is_rare_in_any_company():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(500, 20))
    usual = rng.normal(size=(100, 20))
    odd = usual.copy()
    odd[:, 3] = 9.0
    assert plausibility_score(usual, real) > 0.4
    assert (plausibility_score(odd, real, average=False) < 0.05).all()


def test_of_several_classes_each_is_told_by_its_own():
    X, real, k = table("numbers")
    y = np.where(np.arange(30) % 3, "b", "a")
    target = np.where(np.arange(60) % 2, "b", "a")
    score = plausibility_score(
        X, real, target=target, y_reference=y, n_neighbors=k, average=False
    )
    for label in ("a", "b"):
        alone = brute(X[target == label], real[y == label], k)
        np.testing.assert_array_equal(score[target == label], alone)


def test_one_row_says_nothing():
    with pytest.raises(ValueError, match="plausibility_score must have at least two"):
        plausibility_score([[1.0]], [[1.0]])
    with pytest.raises(ValueError, match="two rows of class 'a'"):
        plausibility_score(
            [[1.0]], [[1.0], [2], [3]], target="a", y_reference=["a", "b", "b"]
        )
    one = Standing(np.ones((1, 2)))
    assert np.isnan(one.of(np.ones((3, 2)))).all()
    assert not one.reach(np.ones((3, 2)), 0.01).any()


def test_what_is_learned_is_not_pickled():
    X, real, k = table("numbers")
    standing = Standing(real, k)
    size = len(pickle.dumps(standing))
    before = standing.of(X)
    standing.reach(X, 0.1)
    assert len(pickle.dumps(standing)) == size
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(standing)).of(X), before)
