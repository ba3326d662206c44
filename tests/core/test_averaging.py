"""What is made of a network when its training ends."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from torch import nn

from sklearn_ct._core.averaging import RunningMean, refit_intercepts


def test_the_mean_follows_the_weights():
    layer = nn.Linear(1, 1)
    mean = RunningMean(layer, 0.9)
    expected = None
    for t in range(200):
        with torch.no_grad():
            layer.weight.fill_(float(t))
        mean.update()
        kept = min(0.9, (1 + t) / (10 + t))
        expected = t if expected is None else kept * expected + (1 - kept) * t
    assert mean.module.weight.item() == pytest.approx(expected, rel=1e-5)
    # A mean over ten steps is nine behind.
    assert mean.module.weight.item() == pytest.approx(199 - 9, abs=0.1)


@pytest.fixture
def rows():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(500, 3, generator=draw)
    label = torch.multinomial(torch.tensor([0.7, 0.2, 0.1]), 500, True, generator=draw)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))
    return module, x, label


@pytest.mark.parametrize("weighted", [False, True])
def test_mean_probabilities_are_the_rates(rows, weighted):
    module, x, label = rows
    weight = torch.linspace(0, 3, 500) if weighted else None
    other = [p.clone() for p in module.parameters()][:-1]
    refit_intercepts(module, x, label, weight)
    share = torch.ones(500) if weight is None else weight
    share = share / share.sum()
    mean = (share[:, None] * module(x).softmax(1)).sum(0)
    rate = torch.zeros(3).index_add_(0, label, share)
    torch.testing.assert_close(mean, rate, rtol=0, atol=1e-5)
    for before, now in zip(other, list(module.parameters())[:-1], strict=True):
        assert torch.equal(before, now)


def test_what_no_row_tells_stays(rows):
    module, x, label = rows
    before = module[2].bias.detach().clone()
    # So sure that the common number has a curvature of nothing but rounding errors.
    with torch.no_grad():
        module[2].weight.mul_(30)
    refit_intercepts(module, x, label)
    change = module[2].bias.detach() - before
    assert change.abs().max() > 0.1
    assert change.mean().abs() < 1e-6


def test_it_is_the_maximum_of_the_likelihood(rows):
    module, x, label = rows
    logits = module(x).detach().double().numpy()
    loss = minimize(
        lambda b: -log_softmax(logits + b, axis=1)[np.arange(500), label.numpy()].sum(),
        np.zeros(3),
    ).fun
    refit_intercepts(module, x, label)
    found = nn.functional.cross_entropy(module(x), label, reduction="sum").item()
    assert found == pytest.approx(loss, rel=1e-5)


def test_a_class_without_rows_keeps_its_intercept(rows):
    module, x, label = rows
    before = module[-1].bias.detach().clone()
    refit_intercepts(module, x, label.clamp(max=1))
    after = module[-1].bias.detach()
    assert after.isfinite().all()
    assert torch.equal(after[2], before[2])


@pytest.mark.parametrize("last", [nn.Linear(3, 2, bias=False), nn.Softplus()])
def test_a_network_without_intercepts_stays(last):
    module = nn.Sequential(nn.Linear(3, 3), last)
    before = [p.clone() for p in module.parameters()]
    refit_intercepts(module, torch.randn(9, 3), torch.arange(9) % 2)
    assert all(map(torch.equal, before, module.parameters()))


def test_modes_are_put_back(rows):
    _, x, label = rows
    module = nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 3)).train()
    refit_intercepts(module, x, label)
    assert module.training
    assert module[0].training
