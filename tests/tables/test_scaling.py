"""Scaling against scikit-learn's own transformers."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from sklearn_ct._tables.scaling import Scaling

RNG = np.random.default_rng(0)
# Skewed, with ties at the lower end, and with few values.
X = np.column_stack(
    [
        RNG.lognormal(3, 2, 500),
        RNG.poisson(0.2, 500),
        RNG.choice([-1.0, 0.0, 5.0], 500, p=[0.1, 0.8, 0.1]),
        np.full(500, 7.0),
    ]
)


def _oracle(kind):
    if kind == "standard":
        return StandardScaler().fit(X)
    quantile = QuantileTransformer(
        n_quantiles=500, output_distribution="normal", subsample=None
    )
    return make_pipeline(quantile, StandardScaler()).fit(X)


@pytest.mark.parametrize("kind", ["standard", "quantile"])
def test_forward_and_back_as_scikit_learn(kind):
    oracle, scaling = _oracle(kind), Scaling(kind).fit(X)
    rows = np.vstack([X, X + 0.01, X - 3.0, X * 100])
    codes = oracle.transform(rows)
    np.testing.assert_allclose(scaling.transform(rows), codes, rtol=1e-9, atol=1e-9)
    codes = np.vstack([codes, RNG.normal(scale=3, size=(200, 4))])
    np.testing.assert_allclose(
        scaling.inverse_transform(codes),
        oracle.inverse_transform(codes),
        rtol=1e-9,
        atol=1e-9,
    )


def test_weights_count_as_repetitions():
    weight = RNG.integers(1, 4, len(X))
    weighted = Scaling("standard").fit(X, weight)
    repeated = Scaling("standard").fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X))


def test_identity_leaves_values():
    scaling = Scaling("identity").fit(X)
    np.testing.assert_array_equal(scaling.inverse_transform(scaling.transform(X)), X)


def test_a_value_off_its_tie_by_rounding_errors_is_scaled_as_it():
    # Most rows are at 0: the scale leaps on both sides of it.
    scaling = Scaling("quantile").fit(X)
    for at in (0.0, 5.0):
        rows = np.full((3, 4), at)
        rows[:, 2] += [0, -1e-15, 1e-15]
        codes = scaling.transform(rows)[:, 2]
        assert codes[0] == codes[1] == codes[2]
        rows[1:, 2] += [-1e-6, 1e-6]
        assert len(set(scaling.transform(rows)[:, 2])) == (3 if at == 0 else 2)


def amounts():
    draw = np.random.default_rng(1)
    zeros = np.where(draw.random(400) < 0.8, 0.0, draw.lognormal(6, 2, 400))
    balance = draw.standard_t(2, 400) * 1000
    return np.column_stack([zeros, draw.lognormal(8, 1, 400), balance, np.full(400, 7)])


def test_asinh_against_its_formula():
    rows = amounts()
    scaling = Scaling("asinh").fit(rows)
    for j, x in enumerate(rows.T):
        # Amounts count from zero, what may be negative from its median.
        centre = np.sort(x)[199] if j == 2 else 0.0
        away = np.sort(np.abs(x - centre))
        width = away[199] or np.sort(away[away > 0])[(np.sum(away > 0) - 1) // 2]
        bent = np.arcsinh((x - centre) / width)
        expected = (bent - bent.mean()) / (bent.std() if np.ptp(bent) else 1.0)
        np.testing.assert_allclose(scaling.transform(rows)[:, j], expected, atol=1e-12)


def test_asinh_comes_back_and_rises_without_leaps():
    rows = amounts()
    scaling = Scaling("asinh").fit(rows)
    back = scaling.inverse_transform(scaling.transform(rows))
    np.testing.assert_allclose(back, rows, rtol=1e-9, atol=1e-9)
    ladder = np.sort(np.linspace(0, 1, 50))[:, None] * rows.max(axis=0)
    steps = np.diff(scaling.transform(ladder)[:, :3], axis=0)
    assert (steps > 0).all()
    # Beside zero, where most rows are, nothing leaps.
    near = scaling.transform(np.vstack([np.zeros(4), np.full(4, 1e-6)]))
    assert (np.abs(np.diff(near, axis=0)) < 1e-6).all()


def test_weights_of_asinh_count_as_repetitions():
    rows, weight = amounts(), np.random.default_rng(2).integers(0, 4, 400)
    weighted = Scaling("asinh").fit(rows, weight.astype(float))
    repeated = Scaling("asinh").fit(np.repeat(rows, weight, axis=0))
    np.testing.assert_allclose(
        weighted.transform(rows), repeated.transform(rows), rtol=0, atol=1e-9
    )
