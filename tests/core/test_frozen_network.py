"""A network split behind its first layer answers as the whole does."""

import pytest
import torch
from torch import nn

from sklearn_ct._core.frozen import FrozenNetwork


class Residual(nn.Sequential):
    def forward(self, x):
        return super().forward(x) + 3 * x


def layers():
    return nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)


def hooked(which):
    module = nn.Sequential(*layers())
    part = module if which is None else module[which]
    part.register_forward_hook(lambda module, inputs, output: -output)
    return module


@pytest.mark.parametrize(
    ("module", "first"),
    [
        (nn.Sequential(*layers()), True),
        (nn.Sequential(nn.Sequential(*layers()[:2]), layers()[2]), True),
        (nn.Linear(2, 2), True),
        (Residual(*layers()), False),
        (nn.Sequential(Residual(*layers()), nn.ReLU()), False),
        (hooked(None), False),
        (hooked(0), False),
        (hooked(1), True),
        (nn.Sequential(nn.LayerNorm(2), *layers()), False),
    ],
)
def test_the_parts_are_the_whole(module, first):
    model = FrozenNetwork.of(module)
    layer, rest = model.parts
    assert (type(layer) is nn.Linear) is first
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0)).double()
    out = rest.forward(x if layer is None else layer(x))
    torch.testing.assert_close(out, model.module(x))


X = torch.linspace(-1, 1, 10).reshape(5, 2)


def test_a_copy_is_kept_while_nothing_changes():
    module = nn.Sequential(*layers())
    kept = FrozenNetwork.of(module)
    assert FrozenNetwork.of(module) is kept
    assert kept.module is not module
    assert next(kept.module.parameters()).dtype == torch.float64


def add_in_place(module):
    module[0].weight.data.add_(1.0)


def load(module):
    module.load_state_dict(nn.Sequential(*layers()).state_dict())


def replace_activation(module):
    module[1] = nn.Tanh()


def negate_outside(module):
    module.register_forward_hook(lambda module, inputs, output: -output)


def negate_inside(module):
    module[0].register_forward_hook(lambda module, inputs, output: -output)


def replace_forward(module):
    module[2].forward = lambda x: 2 * x


@pytest.mark.parametrize(
    "change",
    [
        add_in_place,
        load,
        replace_activation,
        negate_outside,
        negate_inside,
        replace_forward,
    ],
)
def test_a_changed_network_is_never_answered_for_by_a_copy_of_before(change):
    module = nn.Sequential(*layers())
    FrozenNetwork.of(module)
    change(module)
    expected = module.double()(X.double()).detach()
    torch.testing.assert_close(FrozenNetwork.of(module).logits(X), expected)
    # Nor by a copy of after, once it is undone.
    torch.testing.assert_close(FrozenNetwork.of(module).logits(X), expected)
