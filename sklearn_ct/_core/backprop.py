"""A network's logits and the way back from them to its input."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

Back = Callable[[Tensor], Tensor]  # (n, K) -> (n, d)

_aten = torch.ops.aten

# The gradient before an activation: of that behind it, of what went in, of what came
# out. These are the kernels that autograd runs.
SLOPES: dict[type[nn.Module], Callable[..., Tensor]] = {
    nn.ReLU: lambda layer, grad, x, y: _aten.threshold_backward.default(grad, y, 0),
    nn.Tanh: lambda layer, grad, x, y: _aten.tanh_backward.default(grad, y),
    nn.Sigmoid: lambda layer, grad, x, y: _aten.sigmoid_backward.default(grad, y),
    nn.ELU: lambda layer, grad, x, y: _aten.elu_backward.default(
        grad, layer.alpha, 1, 1, False, x
    ),
    nn.GELU: lambda layer, grad, x, y: _aten.gelu_backward.default(
        grad, x, approximate=layer.approximate
    ),
    nn.SiLU: lambda layer, grad, x, y: _aten.silu_backward.default(grad, x),
}


def logits_and_back(module: nn.Module) -> "Ask":
    """Prepare a module for being asked about many inputs, one after the other.

    Parameters
    ----------
    module : Module
        ``(n, d) -> (n, K)`` logits; its weights may be changed in place meanwhile.

    Returns
    -------
    Ask
        A callable ``x -> logits, back``, both without a graph; ``back(v)`` is the
        gradient of ``sum(v * logits)`` with respect to ``x``. For a stack of linear
        layers and activations it is written out, which spares the making of a graph at
        each step and the gradients nobody asks for; for any other module autograd finds
        it, and ``has_modes`` says that its mode may make a difference.

    Examples
    --------
    >>> ask = logits_and_back(nn.Linear(3, 2))
    >>> logits, back = ask(torch.zeros(5, 3))
    >>> back(torch.ones(5, 2)).shape
    torch.Size([5, 3])
    """
    layers = layers_of(module)
    if all(type(layer) in SLOPES or type(layer) is nn.Linear for layer in layers):
        return Stack(layers)
    return _Graph(module)


def softmax(logits: Tensor) -> Tensor:  # (n, K)
    """Probabilities; over the long side softmax is five times faster."""
    return logits.T.softmax(0).T


def one_hot(label: Tensor, like: Tensor) -> Tensor:  # (n, K)
    """Mark the labels, class by class in memory as `softmax` has it."""
    return torch.zeros_like(like.T).scatter_(0, label.unsqueeze(0), 1.0).T


def cross_entropy_slope(probability: Tensor, label: Tensor) -> Tensor:  # (n, K)
    """Gradient of each row's cross-entropy with respect to its logits."""
    return probability - one_hot(label, probability)


def layers_of(module: nn.Module) -> list[nn.Module]:
    """Layers of nested sequences, in order.

    What has hooks or a forward of its own, or overwrites its input, comes wrapped: it
    is not what its type says.
    """
    hooks = (
        module._forward_pre_hooks,
        module._forward_hooks,
        module._backward_pre_hooks,
        module._backward_hooks,
    )
    own = "forward" in vars(module)
    if any(hooks) or own or getattr(module, "inplace", False):
        return [nn.Sequential(module)]
    whole = type(module).forward is nn.Sequential.forward
    if whole and isinstance(module, nn.Sequential):
        # Not its children: a layer may stand there more than once.
        return [layer for part in module for layer in layers_of(part)]
    return [module]


class Stack:
    """Linear layers and activations."""

    has_modes = False

    def __init__(self, layers: list[nn.Module]) -> None:
        self.layers = layers
        # Between linear layers ReLU overwrites what nobody else needs: large tensors
        # cost more to allocate than to fill.
        kinds = [type(layer) for layer in layers]
        self.in_place = [
            kinds[k - 1 : k + 2] == [nn.Linear, nn.ReLU, nn.Linear]
            for k in range(len(kinds))
        ]
        # Detached, they share the memory of the weights, and no graph is made.
        self.weights: list[tuple[Tensor, Tensor | None] | None] = [
            (layer.weight.detach(), None if layer.bias is None else layer.bias.detach())
            if type(layer) is nn.Linear
            else None
            for layer in layers
        ]

    def __call__(self, x: Tensor) -> tuple[Tensor, Back]:
        states = self.states(x)
        return states[-1], lambda grad: self._back(states, grad)

    def states(self, x: Tensor) -> list[Tensor]:
        """Give the input, and what comes out of each layer."""
        states = [x]
        for k, layer in enumerate(self.layers):
            weights = self.weights[k]
            if self.in_place[k]:
                states.append(states[-1].relu_())
            elif weights is None:
                states.append(layer(states[-1]))
            elif k + 1 < len(self.layers):
                states.append(linear(states[-1], *weights))
            else:
                states.append(_class_by_class(states[-1], *weights))
        return states

    def gradients(self, states: list[Tensor], grad: Tensor) -> Iterator[Tensor]:
        """Gradients of the states, from the last one, which is given, to the input."""
        yield grad
        for k in reversed(range(len(self.layers))):
            layer, out, weights = self.layers[k], states[k + 1], self.weights[k]
            if weights is not None:
                grad = grad @ weights[0]
            elif self.in_place[k]:
                _aten.threshold_backward.grad_input(grad, out, 0, grad_input=grad)
            else:
                grad = SLOPES[type(layer)](layer, grad, states[k], out)
            yield grad

    def _back(self, states: list[Tensor], grad: Tensor) -> Tensor:
        for gradient in self.gradients(states, grad):
            last = gradient
        return last


def _class_by_class(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Logits that lie in memory class by class, as `softmax` takes them.

    Twice as fast as row by row where there are few classes.
    """
    if bias is None:
        return (weight @ x.T).T
    return torch.addmm(bias.unsqueeze(1), weight, x.T).T


class _Graph:
    """Any module, by autograd."""

    has_modes = True

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, x: Tensor) -> tuple[Tensor, Back]:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            logits = self.module(x)
        return logits.detach(), lambda grad: torch.autograd.grad(logits, x, grad)[0]


Ask = Stack | _Graph
