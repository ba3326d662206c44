"""The passes of a training step: logits of all its rows, and their way to the weights.

Of a plain stack of layers they are written out: the rows of a mini-batch go forward
once, for their own loss and for the attack on them, and what comes back for the attack
comes back for the loss. Any other module is left to autograd, the oracle of these.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from sklearn_ct._core.backprop import (
    Ask,
    Stack,
    cross_entropy_slope,
    logits_and_back,
    softmax,
)

# (logits' slope) -> None: adds to the gradients of the weights
ToWeights = Callable[[Tensor], None]


@dataclass(frozen=True)
class Attack:
    """The nascent counterfactuals of a mini-batch: a signed gradient step of each row.

    Attributes
    ----------
    label : Tensor of shape (n,)
        True classes.
    weight : Tensor of shape (n, 1)
        Of the losses of the rows, greater than 0.
    epsilon : float or Tensor of shape (d,)
        Length of the step in every column, those that must not change as well.
    swap : callable, optional
        ``(nascent, x) -> nascent``: what else is done to them.

    References
    ----------
    I. Goodfellow, J. Shlens, C. Szegedy, "Explaining and harnessing adversarial
    examples", ICLR 2015.

    Examples
    --------
    >>> attack = Attack(torch.ones(1, dtype=torch.long), torch.ones(1, 1), 0.1)
    >>> logits, back = logits_and_back(nn.ReLU())(x := torch.ones(1, 2))
    >>> attack.nascent(x, back(attack.slope(logits)))
    tensor([[1.1000, 0.9000]])
    """

    label: Tensor  # (n,)
    weight: Tensor  # (n, 1)
    epsilon: float | Tensor  # or (d,)
    swap: Callable[[Tensor, Tensor], Tensor] | None = None

    def slope(self, logits: Tensor) -> Tensor:  # (n, K)
        """Gradient of the weighted cross-entropy at the logits."""
        return cross_entropy_slope(softmax(logits), self.label).mul_(self.weight)

    def nascent(self, x: Tensor, gradient: Tensor) -> Tensor:  # (n, d)
        """Take the step ``x + epsilon sign(grad_x CE(M(x), y))``."""
        moved = x + self.epsilon * gradient.sign()
        return moved if self.swap is None else self.swap(moved, x)


def passes_of(module: nn.Module, network: nn.Module) -> "Passes":
    """Prepare the passes of a module that is trained.

    Parameters
    ----------
    module : Module
        ``(n, d) -> (n, K)`` logits. Its weights may be changed in place meanwhile.
    network : Module
        The module without what is wrapped around it for the training; only where it
        is the same can the way to the weights be written out.

    Returns
    -------
    Passes
        ``(x, attack, rows) -> logits, to_weights``. The logits, without a graph, are
        those of the rows ``x`` of a mini-batch, of their nascent counterfactuals where
        there is an ``attack``, and of further ``rows`` (or None). ``to_weights(slope)``
        adds the gradient of ``sum(slope * logits)`` to those of the weights; the slope
        of the rows attacked must be that of the attack.

    Examples
    --------
    >>> layer = nn.Linear(3, 2)
    >>> logits, to_weights = passes_of(layer, layer)(torch.ones(5, 3), None, None)
    >>> to_weights(torch.ones(5, 2))
    >>> layer.bias.grad
    tensor([5., 5.])
    """
    ask = logits_and_back(network)
    if module is network and isinstance(ask, Stack):
        weights = list(module.parameters())
        if weights and all(_is_plain(weight) for weight in weights):
            return WrittenPasses(ask)
    return AutogradPasses(module, ask)


def _is_plain(weight: Tensor) -> bool:
    """Whether nobody but the optimiser waits for the gradient of a weight."""
    hooks = weight._backward_hooks, weight._post_accumulate_grad_hooks
    return weight.requires_grad and weight.is_leaf and not any(hooks)


class WrittenPasses:
    """The passes of a stack of linear layers and activations."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        kinds = [type(layer) for layer in stack.layers]
        # Nobody asks for gradients before the first linear layer.
        self.depth = len(kinds) - kinds.index(nn.Linear)

    def __call__(
        self, x: Tensor, attack: Attack | None, rows: Tensor | None
    ) -> tuple[Tensor, ToWeights]:
        """Logits, and the way to the weights; see `passes_of`."""
        stack, n = self.stack, len(x)
        others = [] if rows is None else [rows]
        own = stack.states(x)
        back: list[Tensor] = []
        if attack is not None:
            back = list(stack.gradients(own, attack.slope(own[-1])))
            others.insert(0, attack.nascent(x, back[-1]))
        if not others:
            return own[-1], lambda slope: self._add([(own, self._back(own, slope))])
        more = stack.states(torch.cat(others) if len(others) > 1 else others[0])

        def to_weights(slope: Tensor) -> None:
            first = back or self._back(own, slope[:n])
            self._add([(own, first), (more, self._back(more, slope[n:]))])

        return torch.cat((own[-1], more[-1])), to_weights

    def _back(self, states: list[Tensor], slope: Tensor) -> list[Tensor]:
        return list(islice(self.stack.gradients(states, slope), self.depth))

    def _add(self, passes: list[tuple[list[Tensor], list[Tensor]]]) -> None:
        """Add to the gradients of the weights, from states and their gradients."""
        for k, layer in enumerate(self.stack.layers):
            if not isinstance(layer, nn.Linear):
                continue
            for states, back in passes:
                out = back[len(self.stack.layers) - 1 - k]
                _accumulate(layer.weight, out.T @ states[k])
                if layer.bias is not None:
                    _accumulate(layer.bias, out.sum(0))


def _accumulate(weight: Tensor, gradient: Tensor) -> None:
    weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)


class AutogradPasses:
    """The passes of any module."""

    def __init__(self, module: nn.Module, ask: Ask) -> None:
        self.module, self.ask = module, ask

    def __call__(
        self, x: Tensor, attack: Attack | None, rows: Tensor | None
    ) -> tuple[Tensor, ToWeights]:
        """Logits, and the way to the weights; see `passes_of`."""
        others = [] if rows is None else [rows]
        if attack is not None:
            self._set_training(False)
            logits, back = self.ask(x)
            others.insert(0, attack.nascent(x, back(attack.slope(logits))))
            self._set_training(True)
        logits = self._logits(x, others)
        return logits.detach(), lambda slope: torch.autograd.backward(logits, slope)

    def _logits(self, x: Tensor, others: list[Tensor]) -> Tensor:
        if not self.ask.has_modes or not others:
            logits: Tensor = self.module(torch.cat([x, *others]))
            return logits
        # What a network notes of its batches is to be that of real rows.
        own = self.module(x)
        self._set_training(False)
        more = self.module(torch.cat(others))
        self._set_training(True)
        return torch.cat((own, more))

    def _set_training(self, training: bool) -> None:
        if self.ask.has_modes:
            self.module.train(training)


Passes = WrittenPasses | AutogradPasses
