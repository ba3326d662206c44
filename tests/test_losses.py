import numpy as np
import pytest
import torch

from sklearn_ct.losses import (
    CounterfactualBatch,
    Weights,
    adversarial_loss,
    contrastive_divergence,
    energy,
    energy_ridge,
)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def test_energy_is_the_negative_logit_of_the_target():
    logits = tensor([1.0, -2.0, 5.0], [0.5, 7.0, -3.0])
    assert energy(logits, torch.tensor([2, 0])).tolist() == [-5.0, -0.5]


def test_divergence_is_the_energy_of_real_less_that_of_found():
    real, found = tensor(-3.0, 1.0, 0.5), tensor(2.0, 4.0, -1.0)
    assert contrastive_divergence(real, found).item() == pytest.approx(-6.5 / 3)


def test_divergence_vanishes_where_found_is_real():
    real = tensor(-3.0, 1.0)
    assert contrastive_divergence(real, real).item() == 0


def test_adversarial_loss_is_the_cross_entropy_of_the_true_class():
    logits = tensor([1.0, -2.0, 5.0], [0.5, 7.0, -3.0])
    expected = -log_softmax(logits.numpy())[[0, 1], [0, 2]].mean()
    loss = adversarial_loss(logits, torch.tensor([0, 2]))
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_ridge_is_the_mean_of_both_squares():
    assert energy_ridge(tensor(-3.0, 1.0), tensor(2.0, 0.5)).item() == 14.25 / 2


@pytest.mark.parametrize(
    ("weights", "conventional"),
    [
        (Weights(0.0, 0.0, 0.0), True),
        (Weights(0.0, 0.0, 0.1), True),
        (Weights(0.1, 0.0, 0.0), False),
        (Weights(0.0, 0.1, 0.0), False),
    ],
)
def test_conventional(weights, conventional):
    assert weights.conventional is conventional


def test_taking_rows_of_a_batch():
    number = torch.arange(5)
    batch = CounterfactualBatch(*[number + k for k in range(6)])
    taken = batch.take(number > 2)
    assert len(taken) == 2
    assert [column.tolist() for column in vars(taken).values()] == [
        [3 + k, 4 + k] for k in range(6)
    ]
