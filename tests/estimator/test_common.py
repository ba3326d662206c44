"""scikit-learn's own checks of estimators."""

import pytest
import torch
from sklearn.utils.estimator_checks import (
    check_sample_weight_equivalence_on_dense_data,
    parametrize_with_checks,
)

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


@pytest.fixture
def _double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("_double")
def test_sample_weights_are_repetitions_without_sampling():
    deterministic = CounterfactualTrainedClassifier(
        n_counterfactuals=0,
        batch_size=10_000,
        numeric_scaling="standard",
        max_epochs=10,
        random_state=0,
    )
    check_sample_weight_equivalence_on_dense_data("classifier", deterministic)
