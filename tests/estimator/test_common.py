"""scikit-learn's own checks of estimators."""

import numpy as np
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_ct import CounterfactualTrainedClassifier

SAMPLED = (
    "the counterfactuals of an epoch are drawn row by row and mini-batches are "
    "shuffled: a row of weight two is not the same as two rows"
)


def _estimators():
    return [
        CounterfactualTrainedClassifier(max_epochs=6, lr=0.05, random_state=0),
        CounterfactualTrainedClassifier(
            hidden_layer_sizes=(), max_epochs=6, lr=0.1, random_state=0
        ),
    ]


def _expected(estimator):
    return {
        "check_sample_weight_equivalence_on_dense_data": SAMPLED,
        "check_sample_weight_equivalence_on_sparse_data": SAMPLED,
    }


@parametrize_with_checks(_estimators(), expected_failed_checks=_expected)
def test_estimator(estimator, check):
    check(estimator)


def test_sample_weights_are_repetitions_without_sampling():
    deterministic = CounterfactualTrainedClassifier(
        n_counterfactuals=0,
        batch_size=10_000,
        numeric_scaling="standard",
        max_epochs=10,
        random_state=0,
    )
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(45, 10)), rng.integers(0, 3, 45)
    weight = rng.integers(0, 5, 45)
    rows = np.repeat(np.arange(45), weight)
    weighted = clone(deterministic).fit(X, y, sample_weight=weight)
    repeated = clone(deterministic).fit(X[rows], y[rows])
    plain = clone(deterministic).fit(X, y)
    # Weights of the network are of single precision.
    np.testing.assert_allclose(
        weighted.decision_function(X),
        repeated.decision_function(X),
        rtol=1e-4,
        atol=1e-6,
    )
    other = plain.decision_function(X) - weighted.decision_function(X)
    assert np.abs(other).max() > 0.01
