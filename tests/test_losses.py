import numpy as np
import pytest
import torch

from sklearn_ct._module import MLP
from sklearn_ct.losses import (
    CounterfactualBatch,
    Terms,
    Weights,
    adversarial_loss,
    contrastive_divergence,
    energy,
    energy_ridge,
    interpolation_loss,
    objective,
    total,
)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


@pytest.fixture
def case():
    """A network of three classes, a mini-batch and its counterfactuals."""
    torch.manual_seed(0)
    module = MLP(2, 3, hidden_layer_sizes=(5,), activation="tanh").double()
    draw = torch.Generator().manual_seed(1)

    def rows(n):
        return torch.randn(n, 2, generator=draw, dtype=torch.float64)

    label = torch.tensor([0, 2, 1, 1, 0])
    batch = CounterfactualBatch(
        real=rows(3),
        found=rows(3),
        nascent=rows(3),
        target=torch.tensor([2, 0, 1]),
        label=torch.tensor([1, 1, 0]),
        between=rows(3),
        share=tensor(0.3, 0.0, 0.8),
        weight=tensor(0.5, 2.0, 1.0),
    )
    return module, rows(5), label, batch


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


def test_objective_against_numpy(case):
    module, x, label, batch = case
    weight = tensor(0.5, 2.0, 1.0, 0.0, 3.0)
    terms, logits = objective(module, x, label, weight, batch)

    def numpy_logits(rows):
        first, _, last = module
        hidden = np.tanh(
            rows.numpy() @ first.weight.detach().numpy().T + first.bias.detach().numpy()
        )
        return hidden @ last.weight.detach().numpy().T + last.bias.detach().numpy()

    target = batch.target.numpy()
    at = np.arange(3), target
    real, found = -numpy_logits(batch.real)[at], -numpy_logits(batch.found)[at]
    loss = -log_softmax(numpy_logits(x))[np.arange(5), label.numpy()]
    nascent = log_softmax(numpy_logits(batch.nascent))
    between = log_softmax(numpy_logits(batch.between))
    share, rows = batch.share.numpy(), np.arange(3)
    expected = [
        (weight.numpy() * loss).sum() / 6.5,
        real.mean() - found.mean(),
        -(batch.weight.numpy() * nascent[rows, batch.label.numpy()]).mean(),
        (real**2).mean() + (found**2).mean(),
        -(
            batch.weight.numpy()
            * (share * between[rows, batch.label] + (1 - share) * between[rows, target])
        ).mean(),
    ]
    np.testing.assert_allclose([t.item() for t in terms], expected, rtol=1e-12)
    np.testing.assert_allclose(logits.detach(), numpy_logits(x), rtol=1e-12)


def test_equal_weights_are_no_weights(case):
    module, x, label, batch = case
    weighted, _ = objective(module, x, label, torch.full((5,), 3.0).double(), batch)
    plain, _ = objective(module, x, label, None, batch)
    assert weighted.clf.item() == pytest.approx(plain.clf.item(), rel=1e-12)


def test_weight_two_is_two_rows(case):
    module, x, label, _ = case
    weighted, _ = objective(module, x[:3], label[:3], tensor(2.0, 1.0, 1.0), None)
    rows = [0, 0, 1, 2]
    repeated, _ = objective(module, x[rows], label[rows], None, None)
    assert weighted.clf.item() == pytest.approx(repeated.clf.item(), rel=1e-12)


def test_without_counterfactuals_only_classification_is_left(case):
    module, x, label, batch = case
    empty = batch.split(4)[3]
    assert len(empty) == 0
    for nothing in (None, empty):
        terms, _ = objective(module, x, label, None, nothing)
        assert [t.item() for t in terms[1:]] == [0, 0, 0, 0]
        loss = total(terms, Weights(0.5, 0.25, 0.1, 0.3))
        assert torch.isfinite(loss)
        assert loss.item() == terms.clf.item()


def test_split_spreads_evenly_and_keeps_the_rows_together():
    n, parts = 11, 4
    number = torch.arange(n)
    column = number[:, None].double()
    batch = CounterfactualBatch(
        real=column,
        found=column + 0.1,
        nascent=column + 0.2,
        target=number,
        label=number + 50,
        between=column + 0.3,
        share=number / n,
        weight=number * 2.0,
    )
    chunks = batch.split(parts)
    assert [len(chunk) for chunk in chunks] == [3, 3, 3, 2]
    for chunk in chunks:
        torch.testing.assert_close(chunk.real[:, 0], chunk.target.double())
        torch.testing.assert_close(chunk.found, chunk.real + 0.1)
        torch.testing.assert_close(chunk.nascent, chunk.real + 0.2)
        torch.testing.assert_close(chunk.between, chunk.real + 0.3)
        assert torch.equal(chunk.label, chunk.target + 50)
        assert torch.equal(chunk.share, chunk.target / n)
        assert torch.equal(chunk.weight, chunk.target * 2.0)
    assert torch.equal(torch.cat([chunk.target for chunk in chunks]), number)


def test_split_into_more_chunks_than_rows(case):
    chunks = case[-1].split(5)
    assert [len(chunk) for chunk in chunks] == [1, 1, 1, 0, 0]
    assert chunks[4].real.shape == (0, 2)


def test_total_weighs_and_adds():
    terms = Terms(*tensor(1.0, -2.0, 3.0, 10.0, -5.0))
    assert total(terms, Weights(0.5, 0.25, 0.1, 0.3)).item() == pytest.approx(0.25)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_total_leaves_out_terms_of_weight_zero(bad):
    terms = Terms(*tensor(1.0, bad, 3.0, bad, bad))
    assert total(terms, Weights(0.0, 0.25, 0.0, 0.0)).item() == 1.75
    assert not torch.isfinite(total(terms, Weights(0.1, 0.25, 0.0, 0.0)))
    assert not torch.isfinite(total(terms, Weights(0.0, 0.25, 0.0, 0.1)))


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


def test_gradient_goes_to_the_weights_only(case):
    module, x, label, batch = case
    terms, _ = objective(module, x, label, None, batch)
    total(terms, Weights(0.5, 0.25, 0.1, 0.3)).backward()
    assert all((p.grad != 0).any() for p in module.parameters())
    for rows in (x, batch.real, batch.found, batch.nascent, batch.between):
        assert not rows.requires_grad
        assert rows.grad is None


@pytest.mark.parametrize("mix", [0.0, 0.3])
def test_gradient_against_finite_differences(case, mix):
    module, x, label, batch = case
    weights = Weights(0.5, 0.25, 0.1, mix)
    weight = tensor(0.5, 2.0, 1.0, 0.0, 3.0)

    def loss():
        return total(objective(module, x, label, weight, batch)[0], weights)

    loss().backward()
    step = 1e-6
    for parameter in module.parameters():
        values, grad = parameter.data.view(-1), parameter.grad.view(-1)
        for j in range(len(values)):
            before = values[j].item()
            values[j] = before + step
            above = loss().item()
            values[j] = before - step
            below = loss().item()
            values[j] = before
            slope = (above - below) / (2 * step)
            assert grad[j].item() == pytest.approx(slope, rel=1e-5, abs=1e-8)
