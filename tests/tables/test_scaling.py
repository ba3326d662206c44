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
