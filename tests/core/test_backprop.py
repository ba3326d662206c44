"""The written-out way back through a network against autograd's."""

import pytest
import torch
from torch import nn

from sklearn_ct._core import walk as _walk
from sklearn_ct._core.backprop import (
    SLOPES,
    Stack,
    _Graph,
    cross_entropy_slope,
    logits_and_back,
    softmax,
)
from sklearn_ct._core.constraints import Constraints
from sklearn_ct._core.network import ACTIVATIONS, MLP, LogProbability, TwoLogits
from sklearn_ct.generators import ECCCo


class Doubled(nn.Sequential):
    """A sequence with a forward pass of its own."""

    def forward(self, x):
        return 2 * super().forward(x)


def network(activation="relu", dtype=torch.float64, sizes=(7, 5)):
    torch.manual_seed(0)
    return MLP(4, 3, sizes, activation).to(dtype)


def rows(n=20, d=4, dtype=torch.float64):
    return 2 * torch.randn(n, d, generator=torch.Generator().manual_seed(1)).to(dtype)


def by_autograd(module, x, v):
    x = x.clone().requires_grad_()
    logits = module(x)
    return logits.detach(), torch.autograd.grad((v * logits).sum(), x)[0]


def test_every_activation_of_the_classifier_is_written_out():
    assert set(ACTIVATIONS.values()) <= set(SLOPES)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_against_autograd(activation):
    module, x = network(activation), rows()
    ask = logits_and_back(module)
    assert isinstance(ask, Stack)
    v = rows(len(x), 3)
    logits, back = ask(x)
    expected = by_autograd(module, x, v)
    torch.testing.assert_close(logits, expected[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(back(v), expected[1], rtol=1e-12, atol=1e-12)
    assert not logits.requires_grad
    assert not back(v).requires_grad


@pytest.mark.parametrize(
    "layer", [nn.ELU(alpha=0.3), nn.GELU(approximate="tanh")], ids=str
)
def test_the_options_of_a_layer_are_heeded(layer):
    module = nn.Sequential(nn.Linear(4, 6), layer, nn.Linear(6, 3)).double()
    x, v = rows(), rows(20, 3)
    torch.testing.assert_close(
        logits_and_back(module)(x)[1](v), by_autograd(module, x, v)[1]
    )


@pytest.mark.parametrize("kind", [nn.ReLU, nn.SiLU, nn.ELU])
def test_layers_that_overwrite_their_input(kind):
    linear = nn.Linear(4, 6), nn.Linear(6, 3)
    module = nn.Sequential(linear[0], kind(inplace=True), linear[1]).double()
    same = nn.Sequential(linear[0], kind(), linear[1])
    x, v = rows(), rows(20, 3)
    logits, back = logits_and_back(module)(x)
    expected = by_autograd(same, x, v)
    torch.testing.assert_close(logits, expected[0])
    torch.testing.assert_close(back(v), expected[1])


def test_a_layer_that_stands_twice():
    tanh = nn.Tanh()
    module = nn.Sequential(nn.Linear(4, 6), tanh, nn.Linear(6, 6), tanh)
    module.append(nn.Linear(6, 3)).double()
    x, v = rows(), rows(20, 3)
    logits, back = logits_and_back(module)(x)
    expected = by_autograd(module, x, v)
    torch.testing.assert_close(logits, expected[0])
    torch.testing.assert_close(back(v), expected[1])


def with_hook(kind):
    module = network()
    getattr(module[0], kind)(lambda layer, *inputs: None)
    return module


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (network(sizes=()), Stack),
        (nn.Sequential(nn.Sequential(nn.Linear(4, 5), nn.Tanh()), nn.Linear(5, 3)), 0),
        (nn.Linear(4, 3), Stack),
        (nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.5), nn.Linear(5, 3)), _Graph),
        (nn.Sequential(nn.Linear(4, 1), TwoLogits()), _Graph),
        (nn.Sequential(nn.Linear(4, 3), nn.Sigmoid(), LogProbability()), _Graph),
        (Doubled(nn.Linear(4, 3)), _Graph),
        (nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), _Graph),
        (with_hook("register_forward_hook"), _Graph),
        (with_hook("register_forward_pre_hook"), _Graph),
        (with_hook("register_full_backward_hook"), _Graph),
    ],
    ids=str,
)
def test_what_is_taken_apart(module, kind):
    module = module.double().eval()
    ask = logits_and_back(module)
    assert isinstance(ask, kind or Stack)
    x = rows()
    logits, back = ask(x)
    v = rows(*logits.shape)
    expected = by_autograd(module, x, v)
    torch.testing.assert_close(logits, expected[0])
    torch.testing.assert_close(back(v), expected[1])


def test_frozen_weights_and_a_mode_without_gradients():
    module, x = network().requires_grad_(False), rows()
    with torch.no_grad():
        for ask in (Stack(list(module)), _Graph(module)):
            logits, back = ask(x)
            v = torch.ones_like(logits)
            with torch.enable_grad():
                expected = by_autograd(module, x, v)
            torch.testing.assert_close(back(v), expected[1])
    assert x.grad is None


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_walk_equals_that_by_autograd(activation, monkeypatch):
    module = network(activation, torch.float32)
    x = rows(200, 4, torch.float32)
    target = 2 - module(x).argmax(1)
    group = torch.tensor([-1, -1, 0, 0])
    free = Constraints.free(4)
    constraints = Constraints(
        lower=torch.tensor([[-3.0, -3.0, 0.0, 0.0]]),
        upper=torch.tensor([[3.0, 3.0, 1.0, 1.0]]),
        rise=free.rise,
        fall=free.fall,
        group=group,
        rank=free.rank,
    )
    x[:, 2:] = torch.eye(2)[torch.arange(200) % 2]

    def walk():
        return ECCCo(lambda_cost=0.01, nascent="exit").search(
            module, x, target, constraints, tau=0.9, epsilon=0.1
        )

    fast = walk()
    monkeypatch.setattr(_walk, "logits_and_back", _Graph)
    plain = walk()
    assert not torch.equal(plain.counterfactual, x)
    torch.testing.assert_close(
        fast.counterfactual, plain.counterfactual, rtol=0, atol=1e-5
    )
    torch.testing.assert_close(fast.nascent, plain.nascent, rtol=0, atol=1e-5)
    assert torch.equal(fast.mature, plain.mature)
    assert torch.equal(fast.steps, plain.steps)


@pytest.mark.parametrize("n", [0, 1, 50])
def test_softmax_and_the_slope_of_the_cross_entropy(n):
    logits = rows(n, 3).requires_grad_()
    label = torch.arange(n) % 3
    loss = nn.functional.cross_entropy(logits, label, reduction="sum")
    (expected,) = torch.autograd.grad(loss, logits)
    found = softmax(logits.detach())
    torch.testing.assert_close(found, logits.detach().softmax(1))
    torch.testing.assert_close(cross_entropy_slope(found, label), expected)
