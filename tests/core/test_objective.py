"""The objective and its slope against its definition, by numpy and by autograd."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from sklearn_ct._core.network import MLP
from sklearn_ct._core.objective import Bank, objective
from sklearn_ct.losses import (
    CounterfactualBatch,
    Weights,
    adversarial_loss,
    contrastive_divergence,
    energy,
    energy_ridge,
)

FULL = Weights(0.5, 0.25, 0.1)
EVERY = [
    FULL,
    Weights(0.0, 0.25, 0.0),
    Weights(0.5, 0.0, 0.0),
    Weights(0.0, 0.25, 0.1),
    Weights(0.5, 0.0, 0.1),
]


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


@pytest.fixture
def case():
    """A network of three classes, a mini-batch and counterfactuals for it."""
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
        weight=tensor(0.5, 2.0, 1.0),
    )
    return module, rows(5), label, batch


def ask(module, x, chunk):
    return module(x if chunk is None else torch.cat([x, chunk.rows]))


def evaluate(module, x, label, weight, batch, weights):
    (chunk,) = Bank(batch, weights, 3).chunks(1)
    return objective(ask(module, x, chunk).detach(), label, weight, chunk)


def expected_terms(module, x, label, weight, batch):
    """The terms in numpy."""

    def logits(rows):
        first, _, last = module
        hidden = np.tanh(
            rows.numpy() @ first.weight.detach().numpy().T + first.bias.detach().numpy()
        )
        return hidden @ last.weight.detach().numpy().T + last.bias.detach().numpy()

    target = batch.target.numpy()
    at = np.arange(3), target
    real, found = -logits(batch.real)[at], -logits(batch.found)[at]
    loss = -log_softmax(logits(x))[np.arange(5), label.numpy()]
    nascent = log_softmax(logits(batch.nascent))
    rows = np.arange(3)
    return [
        (weight.numpy() * loss).sum() / weight.numpy().sum(),
        real.mean() - found.mean(),
        -(batch.weight.numpy() * nascent[rows, batch.label.numpy()]).mean(),
        (real**2).mean() + (found**2).mean(),
    ]


@pytest.mark.parametrize("weights", EVERY)
def test_value_against_numpy(case, weights):
    module, x, label, batch = case
    weight = tensor(0.5, 2.0, 1.0, 0.0, 3.0)
    found = evaluate(module, x, label, weight, batch, weights)
    clf, *others = expected_terms(module, x, label, weight, batch)
    total = clf + sum(w * term for w, term in zip(weights, others, strict=True))
    assert found.clf.item() == pytest.approx(clf, rel=1e-12)
    assert found.loss.item() == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("weights", EVERY)
@pytest.mark.parametrize("weight", [None, tensor(0.5, 2.0, 1.0, 0.0, 3.0)])
def test_slope_against_autograd_of_the_terms(case, weights, weight):
    module, x, label, batch = case
    (chunk,) = Bank(batch, weights, 3).chunks(1)
    ask(module, x, chunk).backward(
        evaluate(module, x, label, weight, batch, weights).slope
    )
    found = [p.grad.clone() for p in module.parameters()]
    module.zero_grad()
    own = cross_entropy(module(x), label, reduction="none")
    weight = torch.ones(5).double() if weight is None else weight
    real, other = (
        energy(module(rows), batch.target) for rows in (batch.real, batch.found)
    )
    terms = [
        contrastive_divergence(real, other),
        adversarial_loss(module(batch.nascent), batch.label, batch.weight),
        energy_ridge(real, other),
    ]
    loss = (weight * own).sum() / weight.sum()
    loss = loss + sum(w * term for w, term in zip(weights, terms, strict=True))
    loss.backward()
    for grad, parameter in zip(found, module.parameters(), strict=True):
        torch.testing.assert_close(grad, parameter.grad, rtol=1e-10, atol=1e-12)


def test_slope_against_finite_differences(case):
    module, x, label, batch = case
    weight = tensor(0.5, 2.0, 1.0, 0.0, 3.0)
    (chunk,) = Bank(batch, FULL, 3).chunks(1)
    logits = ask(module, x, chunk).detach()
    slope = objective(logits, label, weight, chunk).slope
    for i in range(len(logits)):
        for k in range(3):
            nudge = torch.zeros_like(logits)
            nudge[i, k] = 1e-6
            above = objective(logits + nudge, label, weight, chunk).loss
            below = objective(logits - nudge, label, weight, chunk).loss
            expected = (above - below).item() / 2e-6
            assert slope[i, k].item() == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_equal_weights_are_no_weights(case):
    module, x, label, batch = case
    equal = torch.full((5,), 3.0).double()
    weighted = evaluate(module, x, label, equal, batch, FULL)
    plain = evaluate(module, x, label, None, batch, FULL)
    for a, b in zip(weighted, plain, strict=True):
        torch.testing.assert_close(a, b)


def test_weight_two_is_two_rows(case):
    module, x, label, _ = case
    logits = module(x).detach()
    weighted = objective(logits[:3], label[:3], tensor(2.0, 1.0, 1.0), None)
    rows = [0, 0, 1, 2]
    repeated = objective(logits[rows], label[rows], None, None)
    assert weighted.clf.item() == pytest.approx(repeated.clf.item(), rel=1e-12)
    assert weighted.loss == weighted.clf
    assert weighted.adv == 0


def test_an_empty_chunk_leaves_the_classification(case):
    module, x, label, batch = case
    empty = Bank(batch, FULL, 3).chunks(4)[3]
    assert len(empty.rows) == 0
    with_it = objective(ask(module, x, empty).detach(), label, None, empty)
    without = objective(module(x).detach(), label, None, None)
    for a, b in zip(with_it, without, strict=True):
        torch.testing.assert_close(a, b)


def numbered(n):
    number = torch.arange(n)
    column = number[:, None].double()
    return CounterfactualBatch(
        real=column,
        found=column + 0.1,
        nascent=column + 0.2,
        target=number % 3,
        label=(number + 1) % 3,
        weight=number * 2.0,
    )


def test_chunks_spread_evenly_and_keep_the_rows_of_a_search_together():
    batch = numbered(11)
    chunks = Bank(batch, FULL, 3).chunks(4)
    assert [len(chunk.rows) for chunk in chunks] == [9, 9, 9, 6]
    start = 0
    for chunk in chunks:
        m = len(chunk.rows) // 3
        numbers = torch.arange(start, start + m)
        offsets = torch.tensor([0, 0.1, 0.2]).double()
        expected = (numbers[:, None] + offsets).reshape(-1, 1)
        torch.testing.assert_close(chunk.rows, expected)
        real, found, nascent = chunk.target.reshape(m, 3, 3).unbind(1)
        assert torch.equal(real.argmax(1), batch.target[numbers])
        assert torch.equal(found, real)
        assert not nascent.any()
        labels = chunk.label.reshape(m, 3, 3)
        assert torch.equal(labels[:, 2].argmax(1), batch.label[numbers])
        paid = chunk.weight.reshape(m, 3)[:, 2] * m / FULL.adv
        torch.testing.assert_close(paid, batch.weight[numbers].double())
        start += m
    assert start == 11


def test_more_chunks_than_searches():
    chunks = Bank(numbered(3), FULL, 3).chunks(5)
    assert [len(chunk.rows) for chunk in chunks] == [3, 3, 3, 0, 0]
    assert chunks[4].rows.shape == (0, 1)


@pytest.mark.parametrize(
    ("weights", "kinds"),
    [
        (FULL, ["real", "found", "nascent"]),
        (Weights(0.0, 0.2, 0.0), ["nascent"]),
        (Weights(0.2, 0.0, 0.0), ["real", "found"]),
        (Weights(0.0, 0.2, 0.1), ["real", "found", "nascent"]),
    ],
)
def test_rows_that_weigh_nothing_are_not_asked_about(weights, kinds):
    bank = Bank(numbered(6), weights, 3)
    assert bank.kinds == kinds
    assert [len(chunk.rows) for chunk in bank.chunks(2)] == [3 * len(kinds)] * 2


@pytest.mark.parametrize("weights", EVERY)
def test_terms_of_an_epoch(case, weights):
    module, x, label, batch = case
    bank = Bank(batch, weights, 3)
    logits = torch.cat([module(chunk.rows) for chunk in bank.chunks(2)]).detach()
    _, *others = expected_terms(module, x, label, torch.ones(5), batch)
    div, adv, reg = weights
    asked = {"div": div or reg, "adv": adv, "reg": div or reg}
    expected = {
        name: pytest.approx(term, rel=1e-12)
        for (name, weight), term in zip(asked.items(), others, strict=True)
        if weight
    }
    assert {name: term.item() for name, term in bank.terms(logits).items()} == expected


def test_terms_leave_out_what_is_not_finite(case):
    module, _, _, batch = case
    bank = Bank(batch, FULL, 3)
    logits = torch.cat([module(chunk.rows) for chunk in bank.chunks(1)]).detach()
    logits[4, 0] = torch.nan
    others = Bank(batch.take(torch.tensor([0, 2])), FULL, 3)
    found = bank.terms(logits)
    expected = others.terms(torch.cat([logits[:3], logits[6:]]))
    assert found.keys() == expected.keys()
    for name, term in found.items():
        torch.testing.assert_close(term, expected[name])


def test_nascent_counterfactuals_of_the_mini_batch_itself(case):
    module, x, label, batch = case
    weight = tensor(0.5, 2.0, 1.0, 0.0, 3.0)
    nascent = x + 0.1
    (chunk,) = Bank(batch, Weights(0.5, 0.0, 0.1), 3).chunks(1)
    rows = torch.cat([x, nascent, chunk.rows])
    found = objective(module(rows).detach(), label, weight, chunk, adv=0.25)
    own = cross_entropy(module(nascent), label, reduction="none")
    adv = (weight * own).sum() / weight.sum()
    without = objective(ask(module, x, chunk).detach(), label, weight, chunk)
    torch.testing.assert_close(found.adv, adv.detach())
    torch.testing.assert_close(found.clf, without.clf)
    torch.testing.assert_close(found.loss, without.loss + 0.25 * adv.detach())
    torch.testing.assert_close(found.slope[:5], without.slope[:5])
    torch.testing.assert_close(found.slope[10:], without.slope[5:])
    logits = module(nascent).detach().requires_grad_()
    own = cross_entropy(logits, label, reduction="none")
    (0.25 * (weight * own).sum() / weight.sum()).backward()
    torch.testing.assert_close(found.slope[5:10], logits.grad)
