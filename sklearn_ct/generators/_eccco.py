"""Counterfactuals of low energy."""

from numbers import Real

import torch

from sklearn_ct._compat import Interval
from sklearn_ct.generators._base import BaseGenerator
from sklearn_ct.losses import energy


class ECCCo(BaseGenerator):
    """Energy-constrained counterfactuals: drawn to where the model finds its class.

    Parameters
    ----------
    step_size, max_iter, lambda_cost, nascent, max_move, epoch_steps
        See `BaseGenerator`.
    lambda_energy : float, default=5.0
        Weight of the energy of the counterfactual for its target class.

    Notes
    -----
    ``min CE(M(x'), y+) + lambda_cost ||x' - x||_1
    + lambda_energy phi_t (E(x', y+) + 1e-3 E(x', y+)^2)`` with the schedule
    ``phi_t = a (b + t)^(-0.9)``, ``b = round(T / 25)``, ``a = b / 10``.

    References
    ----------
    P. Altmeyer et al., "Faithful model explanations through energy-constrained
    conformal counterfactuals", AAAI 2024; here without the conformal term.

    Examples
    --------
    >>> from sklearn_ct.generators import ECCCo
    >>> ECCCo(lambda_energy=1.0).schedule(1)
    0.0535...
    """

    _parameter_constraints: dict = {
        **BaseGenerator._parameter_constraints,
        "lambda_energy": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        step_size=0.25,
        max_iter=30,
        lambda_cost=0.001,
        nascent="sign",
        max_move=0.5,
        epoch_steps=5,
        lambda_energy=5.0,
    ):
        super().__init__(
            step_size=step_size,
            max_iter=max_iter,
            lambda_cost=lambda_cost,
            nascent=nascent,
            max_move=max_move,
            epoch_steps=epoch_steps,
        )
        self.lambda_energy = lambda_energy

    def schedule(self, step):
        """Share ``phi_t`` of the energy term at a step, or at each, counted from 1.

        It is 0 for a `max_iter` of 12 or less.
        """
        b = round(self.max_iter / 25)
        step = step.float() if torch.is_tensor(step) else step
        return b / 10 * (b + step) ** -0.9

    def penalty(self, logits, target, step):
        """Energy term of the search objective, shape (n,)."""
        value = energy(logits, target)
        weight = self.lambda_energy * self.schedule(step)
        return weight * (value + 1e-3 * value.square())

    def penalty_slope(self, logits, target, step):
        """Gradient of the energy term with respect to the logits, shape (n, K)."""
        weight = self.lambda_energy * self.schedule(step)
        slope = -weight - 2e-3 * weight * energy(logits, target)
        place = target.unsqueeze(1)
        return torch.zeros_like(logits).scatter_(1, place, slope.unsqueeze(1))
