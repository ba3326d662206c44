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
    interpolation_loss,
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


def test_interpolation_loss_against_the_closed_form():
    # Two classes: CE to a label of probability a is softplus(s) - a s, where s is the
    # logit of the true class less that of the target.
    logits = tensor([1.0, -2.0], [0.5, 7.0], [3.0, 3.0])
    label, share = torch.tensor([0, 0, 1]), tensor(0.3, 1.0, 0.0)
    s = np.array([3.0, -6.5, 0.0])
    expected = (np.log1p(np.exp(s)) - share.numpy() * s).mean()
    loss = interpolation_loss(logits, label, 1 - label, share)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_interpolation_loss_is_least_where_the_probability_is_the_share():
    share = tensor(0.3, 0.9)
    best = torch.stack([share, 1 - share], 1).log()
    label = torch.tensor([0, 0])

    def loss(logits):
        return interpolation_loss(logits, label, 1 - label, share).item()

    entropy = -(best.exp() * best).sum(1).mean().item()
    assert loss(best) == pytest.approx(entropy, rel=1e-12)
    for step in (-0.1, 0.1):
        assert loss(best + tensor([step, 0.0], [0.0, 0.0])) > entropy + 1e-4
        assert loss(best + tensor([0.0, 0.0], [0.0, step])) > entropy + 1e-4


@pytest.mark.parametrize(("share", "expected"), [(1.0, "label"), (0.0, "target")])
def test_interpolation_loss_at_the_ends_is_that_of_one_class(share, expected):
    logits = tensor([1.0, -2.0, 5.0], [0.5, 7.0, -3.0])
    classes = {"label": torch.tensor([0, 2]), "target": torch.tensor([1, 0])}
    loss = interpolation_loss(logits, **classes, share=tensor(share, share))
    only = -log_softmax(logits.numpy())[[0, 1], classes[expected].numpy()].mean()
    assert loss.item() == pytest.approx(only, rel=1e-12)


@pytest.mark.parametrize(
    ("weights", "conventional"),
    [
        (Weights(0.0, 0.0, 0.0), True),
        (Weights(0.0, 0.0, 0.1), True),
        (Weights(0.0, 0.0, 0.0, 0.3), True),
        (Weights(0.1, 0.0, 0.0), False),
        (Weights(0.0, 0.1, 0.0), False),
    ],
)
def test_conventional(weights, conventional):
    assert weights.conventional is conventional


def test_taking_rows_of_a_batch():
    number = torch.arange(5)
    batch = CounterfactualBatch(*[number + k for k in range(8)])
    taken = batch.take(number > 2)
    assert len(taken) == 2
    assert [column.tolist() for column in vars(taken).values()] == [
        [3 + k, 4 + k] for k in range(8)
    ]
