import pytest
import torch
from torch import nn

from sklearn_ct._core.network import ACTIVATIONS, MLP, LogProbability, TwoLogits


def test_layers_alternate_and_end_in_logits():
    net = MLP(3, 4, hidden_layer_sizes=(7, 5), activation="tanh")
    kinds = [type(layer) for layer in net]
    assert kinds == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    shapes = [tuple(layer.weight.shape) for layer in net if hasattr(layer, "weight")]
    assert shapes == [(7, 3), (5, 7), (4, 5)]
    assert net(torch.zeros(6, 3)).shape == (6, 4)


def test_one_hidden_layer_of_32_units_is_the_default():
    net = MLP(2, 2)
    assert [type(layer) for layer in net] == [nn.Linear, nn.ReLU, nn.Linear]
    assert net[0].out_features == 32


def test_without_hidden_layers_it_is_linear():
    net = MLP(3, 2, hidden_layer_sizes=())
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    expected = x @ net[0].weight.T + net[0].bias
    assert len(net) == 1
    torch.testing.assert_close(net(x), expected)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activation_stands_behind_each_hidden_layer_only(name):
    net = MLP(2, 3, hidden_layer_sizes=[4], activation=name)
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(net(x), net[2](ACTIVATIONS[name]()(net[0](x))))


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("relu", lambda x: x.clamp(min=0)),
        ("logistic", lambda x: 1 / (1 + torch.exp(-x))),
        ("silu", lambda x: x / (1 + torch.exp(-x))),
        ("elu", lambda x: torch.where(x > 0, x, torch.exp(x) - 1)),
        ("gelu", lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2),
    ],
)
def test_activations_are_what_they_are_called(name, formula):
    x = torch.linspace(-3, 2, 11)
    torch.testing.assert_close(ACTIVATIONS[name]()(x), formula(x))


def test_logarithms_of_probabilities_are_logits():
    p = torch.tensor([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]], requires_grad=True)
    logits = LogProbability()(p)
    torch.testing.assert_close(logits.softmax(1), p)
    logits.sum().backward()
    assert torch.isfinite(logits).all()
    assert torch.isfinite(p.grad).all()


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
def test_one_logit_becomes_two(shape):
    z = torch.linspace(-3, 2, 5)
    logits = TwoLogits()(z.reshape(shape))
    torch.testing.assert_close(logits.softmax(1)[:, 1], 1 / (1 + torch.exp(-z)))
    torch.testing.assert_close(logits.sum(1), torch.zeros(5))
