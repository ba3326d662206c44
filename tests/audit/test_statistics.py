"""The formulas against scipy, brute force and closed forms."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from sklearn_ct.audit import _statistics as statistics
from sklearn_ct.audit._statistics import (
    adjusted,
    bootstrap_t,
    difference_interval,
    mean_test,
    median_interval,
    ratio_interval,
    share_test,
    wilson,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def studentised(x, y):
    gap = abs(x.mean() - y.mean())
    # That of shares has n below their variance, that of means n - 1.
    ddof = 0 if set(np.r_[x, y]) <= {0.0, 1.0} else 1
    error = np.sqrt(x.var(ddof=ddof) / len(x) + y.var(ddof=ddof) / len(y))
    return gap / error if error > 1e-9 else np.inf * gap if gap > 1e-9 else 0.0


def brute_force(x, y):
    """P-value over all ways to choose the first group."""
    pooled = np.r_[x, y]
    seen, as_far, n = studentised(x, y), 0, 0
    for chosen in combinations(range(len(pooled)), len(x)):
        rest = np.setdiff1d(np.arange(len(pooled)), chosen)
        as_far += studentised(pooled[list(chosen)], pooled[rest]) >= seen * (1 - 1e-9)
        n += 1
    return as_far / n


def test_newcombe_published():
    # Newcombe 1998, table II, row a: 56/70 - 48/80, method 10.
    one = (56 / 70, *wilson(56, 70, 0.95))
    other = (48 / 80, *wilson(48, 80, 0.95))
    assert difference_interval(one, other) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_ratio_interval_solves_its_equation():
    one, other = (0.3, 0.2, 0.42), (0.5, 0.41, 0.62)
    low, high = ratio_interval(one, other)
    for theta, end in ((low, 0), (high, 1)):
        scaled = tuple(theta * v for v in other)
        assert difference_interval(one, scaled)[end] == pytest.approx(0.0, abs=1e-12)
    assert low < 0.6 < high


def test_ratio_interval_at_the_edges():
    assert ratio_interval((0.0, 0.0, 0.1), (0.5, 0.4, 0.6))[0] == 0.0
    assert ratio_interval((0.3, 0.2, 0.4), (0.1, 0.0, 0.3))[1] == np.inf
    # The other's upper end is more than twice its value.
    low, high = ratio_interval((0.3, 0.2, 0.4), (0.1, 0.05, 0.3))
    assert 0 < low < 3 < high
    assert np.isnan(ratio_interval((0.3, 0.2, 0.4), (0.0, 0.0, 0.1))).all()


def test_bootstrap_t_is_the_formula():
    x = rng().exponential(size=40)
    low, high = bootstrap_t(x, 0.9, 500, rng(1))
    draws = x[rng(1).integers(0, 40, (500, 40), dtype=np.int32)]
    t = (draws.mean(1) - x.mean()) / stats.sem(draws, axis=1)
    error = stats.sem(x)
    ends = np.quantile(t, [0.05, 0.95], method="higher")
    assert (low, high) == pytest.approx(tuple(x.mean() - ends[::-1] * error))
    assert high - x.mean() > x.mean() - low  # it leans as the values do


def test_bootstrap_t_in_parts_is_the_same(monkeypatch):
    x = rng().exponential(size=40)
    whole = bootstrap_t(x, 0.95, 200, rng(1))
    monkeypatch.setattr(statistics, "CELLS", 40 * 7)
    assert bootstrap_t(x, 0.95, 200, rng(1)) == whole


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.zeros(3), (0.0, 0.0)),
        (np.full(9, 2.5), (2.5, 2.5)),
        (np.full(3, 2.5), (np.nan, np.nan)),
        (np.r_[np.zeros(50), np.arange(1.0, 5.0)], (np.nan, np.nan)),
        (np.empty(0), (np.nan, np.nan)),
    ],
)
def test_means_of_few_values(x, expected):
    np.testing.assert_equal(bootstrap_t(x, 0.95, 100, rng()), expected)


def test_median_interval():
    x = rng().exponential(size=31)
    # Of 31 values the tenth and the twenty-second, as tables of the sign test have it.
    assert median_interval(x, 0.95) == (np.sort(x)[9], np.sort(x)[21])
    x[-14:] = np.inf
    assert median_interval(x, 0.95)[1] == np.inf
    assert np.isnan(median_interval(x[:4], 0.95)).all()


@pytest.mark.parametrize("counts", [(1, 5, 4, 6), (0, 4, 3, 5), (3, 3, 1, 6)])
def test_share_test_is_brute_force(counts):
    k1, n1, k2, n2 = counts
    x, y = (np.r_[np.ones(k), np.zeros(n - k)] for k, n in ((k1, n1), (k2, n2)))
    assert share_test(*counts) == pytest.approx(brute_force(x, y))


def test_mean_test_is_brute_force_up_to_chance(monkeypatch):
    monkeypatch.setattr(statistics, "ENOUGH", np.inf)
    x, y = rng(1).exponential(size=4), 0.6 + rng(2).exponential(size=7)
    assert mean_test(x, y, 40_000, rng()) == pytest.approx(brute_force(x, y), abs=0.01)
    assert mean_test(y, x, 40_000, rng()) == pytest.approx(brute_force(y, x), abs=0.01)


def test_mean_test_stops_once_it_knows():
    x, y = rng(1).exponential(size=30), rng(2).exponential(size=30)
    t = brute = 0
    pooled, seen = np.r_[x, y], studentised(x, y)
    draw = rng()
    while t < statistics.ENOUGH:
        brute += 1
        order = draw.permuted(pooled)
        t += studentised(order[:30], order[30:]) >= seen
    assert mean_test(x, y, 10**6, rng()) == pytest.approx(statistics.ENOUGH / brute)
    assert brute < 5000


def test_mean_test_of_many_is_welch():
    x, y = rng(1).exponential(size=900), 0.2 + rng(2).exponential(size=400)
    welch = stats.ttest_ind(x, y, equal_var=False).pvalue
    assert 0.01 < welch < 0.5
    assert mean_test(x, y, 20_000, rng()) == pytest.approx(welch, abs=0.02)


def test_mean_test_of_equal_values():
    assert mean_test(np.ones(5), np.ones(9), 99, rng()) == 1.0
    assert np.isnan(mean_test(np.ones(1), np.ones(9), 99, rng()))


def test_holm_and_benjamini_hochberg():
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(adjusted(p, "holm"), [0.03, np.nan, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(
        adjusted(p, "bh")[[0, 2, 3, 4]], stats.false_discovery_control(p[[0, 2, 3, 4]])
    )
    np.testing.assert_array_equal(adjusted(p, None), p)
    assert np.isnan(adjusted([np.nan], "bh")).all()
