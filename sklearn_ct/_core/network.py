"""The network: a multi-layer perceptron, and ends that turn outputs into logits."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "logistic": nn.Sigmoid,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


class MLP(nn.Sequential):
    """Fully connected layers with an activation between them.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Width of the encoded input and number of classes.
    hidden_layer_sizes : sequence of int
        Units of each hidden layer; empty for a linear softmax classifier.
    activation : {"relu", "tanh", "logistic", "elu", "gelu", "silu"}
        Activation behind each hidden layer.

    Examples
    --------
    >>> MLP(3, 2, hidden_layer_sizes=())
    MLP(
      (0): Linear(in_features=3, out_features=2, bias=True)
    )
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        hidden_layer_sizes: Sequence[int] = (32,),
        activation: str = "relu",
    ) -> None:
        layers: list[nn.Module] = []
        width = n_inputs
        for size in hidden_layer_sizes:
            layers += [_linear(width, size), ACTIVATIONS[activation]()]
            width = size
        super().__init__(*layers, _linear(width, n_outputs))


def _linear(n_inputs: int, n_outputs: int) -> nn.Linear:
    # Whatever the caller's default type is.
    return nn.Linear(n_inputs, n_outputs, dtype=torch.float32)


class LogProbability(nn.Module):
    """Logits of probabilities: their logarithms."""

    def forward(self, p: Tensor) -> Tensor:  # (n, K) -> (n, K)
        return p.clamp_min(torch.finfo(p.dtype).tiny).log()


class Affine(nn.Module):
    """Logits multiplied by a number, and a constant added to each class."""

    shift: Tensor

    def __init__(self, scale: float, shift: Tensor) -> None:  # (K,)
        super().__init__()
        self.scale = scale
        self.register_buffer("shift", shift)

    def forward(self, logits: Tensor) -> Tensor:  # (n, K) -> (n, K)
        return logits * self.scale + self.shift


class TwoLogits(nn.Module):
    """Logits of two classes from that of the second alone: its halves."""

    def forward(self, z: Tensor) -> Tensor:  # (n,) or (n, 1) -> (n, 2)
        z = z.reshape(-1, 1)
        return torch.cat((-z / 2, z / 2), dim=1)
