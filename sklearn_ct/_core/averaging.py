"""What is made of a network when its training ends: mean weights, true intercepts."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from sklearn_ct._core.backprop import layers_of

NEWTON_STEPS = 50
EXACT = 1e-10


class RunningMean:
    """A copy of a module that follows the mean of its weights.

    Parameters
    ----------
    module : Module
        Its weights may be changed in place, not replaced.
    kept : float
        Share of the mean that stays at a step. At step ``t`` it is
        ``min(kept, (1 + t) / (10 + t))``, so that a short training does not stay at
        its start.

    Attributes
    ----------
    module : Module
        The copy. Buffers are not averaged.

    References
    ----------
    B. Polyak and A. Juditsky, "Acceleration of stochastic approximation by averaging",
    SIAM Journal on Control and Optimization 30, 1992.

    Examples
    --------
    >>> mean = RunningMean(layer := nn.Linear(1, 1), 0.9)
    >>> mean.update()
    >>> bool(mean.module.weight == layer.weight)
    True
    """

    def __init__(self, module: nn.Module, kept: float) -> None:
        self.module = deepcopy(module)
        self.module.zero_grad()
        self.kept, self._n_steps = kept, 0
        both = self.module, module
        # Detached, they share the memory of the weights, and no graph is made.
        self._mean, self._now = (
            [weight.detach() for weight in each.parameters()] for each in both
        )
        self._buffers = list(zip(*(each.buffers() for each in both), strict=True))

    def update(self) -> None:
        """Follow the weights as they are now."""
        t, self._n_steps = self._n_steps, self._n_steps + 1
        kept = min(self.kept, (1 + t) / (10 + t)) if t else 0.0
        torch._foreach_lerp_(self._mean, self._now, 1 - kept)
        for mean, now in self._buffers:
            mean.copy_(now)


def refit_intercepts(
    module: nn.Module,
    x: Tensor,  # (n, d)
    label: Tensor,  # (n,)
    weight: Tensor | None = None,  # (n,)
) -> None:
    """Fit the intercepts of the last layer to rows, by maximum likelihood; in place.

    Parameters
    ----------
    module : Module
        Logits; where it does not end in a linear layer with intercepts it stays.
    x, label, weight : Tensor of shape (n, d), (n,), (n,)
        Rows, class indices and weights.

    Notes
    -----
    At the maximum ``sum_i w_i p_k(x_i) = sum_i w_i [y_i = k]`` for every class with
    rows: the mean predicted probability is the weighted rate. Rows drawn by class, and
    energies, which know no rate, bend it. Found by Newton's method in double precision.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, "The elements of statistical learning",
    section 4.4.1 (the score equations).

    Examples
    --------
    >>> layer = nn.Linear(1, 2)
    >>> x, label = torch.zeros(10, 1), torch.tensor([0] * 9 + [1])
    >>> refit_intercepts(layer, x, label)
    >>> layer(x).softmax(1)[0]
    tensor([0.9000, 0.1000], grad_fn=<SelectBackward0>)
    """
    last = layers_of(module)[-1]
    if type(last) is not nn.Linear or last.bias is None:
        return
    modes = [(part, part.training) for part in module.modules()]
    with torch.no_grad():
        logits = module.eval()(x).double()
        share = torch.ones_like(logits[:, 0]) if weight is None else weight.to(logits)
        share = (share / share.sum()).unsqueeze(1)
        rate = torch.zeros_like(logits[0]).index_add_(0, label, share[:, 0])
        shift = torch.zeros_like(rate)
        # A class without rows keeps its intercept: the best one would be infinite.
        known = rate > 0
        for _ in range(NEWTON_STEPS):
            p = (logits + shift).softmax(1)
            mean = (p * share).sum(0)
            gap = (mean - rate)[known]
            if not bool(gap.abs().max() > EXACT):
                break
            curve = torch.diag(mean) - (p * share).T @ p
            curve = curve[known][:, known]
            step = torch.linalg.pinv(curve, hermitian=True) @ gap
            # Intercepts are told apart only up to a common number: it would be that of
            # rounding errors, over a curvature that is one itself.
            shift[known] -= step - step.mean() if bool(known.all()) else step
        if bool(shift.isfinite().all()):
            last.bias.add_(shift.to(last.bias))
    for part, mode in modes:
        part.training = mode
