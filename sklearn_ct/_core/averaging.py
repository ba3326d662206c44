"""What is made of a network when its training ends: mean weights, true intercepts."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from sklearn_ct._core.backprop import layers_of

NEWTON_STEPS = 50
EXACT = 1e-10


def running_mean(module: nn.Module, kept: float) -> AveragedModel:
    """Make a copy of a module that follows the mean of its weights.

    Parameters
    ----------
    module : Module
    kept : float
        Share of the mean that stays at a step.

    Returns
    -------
    AveragedModel
        After each step, ``update_parameters(module)``. At step ``t`` the share
        ``min(kept, (1 + t) / (10 + t))`` stays, so that a short training does not stay
        at its start.

    References
    ----------
    B. Polyak and A. Juditsky, "Acceleration of stochastic approximation by averaging",
    SIAM Journal on Control and Optimization 30, 1992.
    """

    def follow(mean: Tensor, now: Tensor, n_steps: Tensor | int) -> Tensor:
        count = int(n_steps)
        return mean.lerp(now, 1 - min(kept, (1 + count) / (10 + count)))

    return AveragedModel(module, avg_fn=follow)


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
            # Intercepts are told apart only up to a common number.
            shift[known] -= torch.linalg.pinv(curve, hermitian=True) @ gap
        if bool(shift.isfinite().all()):
            last.bias.add_(shift.to(last.bias))
    for part, mode in modes:
        part.training = mode
