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
    layer, rest = model.split()
    assert (type(layer) is nn.Linear) is first
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0)).double()
    out = rest(x if layer is None else layer(x))
    torch.testing.assert_close(out, model.module(x))
