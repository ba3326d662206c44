"""The terms of the objective: divergence, adversarial loss, ridge.

Every function takes logits ``M(x)`` of shape ``(n, K)`` and class indices of shape
``(n,)``; the table of ``docs/guide/method.md`` says where each equation is.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


def energy(logits: Tensor, target: Tensor) -> Tensor:
    """Energy of a row for a class, ``E(x, y) = -M(x)[y]``.

    Parameters
    ----------
    logits : Tensor of shape (n, K)
        What the network gives before the softmax.
    target : Tensor of shape (n,)
        Class index of each row.

    Returns
    -------
    Tensor of shape (n,)
        Low where the model finds the row typical of the class.

    References
    ----------
    W. Grathwohl et al., "Your classifier is secretly an energy based model and you
    should treat it like one", ICLR 2020.

    Examples
    --------
    >>> energy(torch.tensor([[1.0, 3.0]]), torch.tensor([1]))
    tensor([-3.])
    """
    return -logits.gather(1, target.unsqueeze(1)).squeeze(1)


def contrastive_divergence(energy_real: Tensor, energy_found: Tensor) -> Tensor:
    """Mean difference of the energies of real rows and mature counterfactuals.

    ``mean[E(x+, y+) - E(x', y+)]``: minimised, it lowers the energy of real rows of
    the target class and raises that of the counterfactuals found on the way there.

    Parameters
    ----------
    energy_real, energy_found : Tensor of shape (n,)
        Energies of ``x+`` and ``x'`` for the target class.

    Returns
    -------
    Tensor, a scalar

    Examples
    --------
    >>> contrastive_divergence(torch.tensor([-2.0, 0.0]), torch.tensor([1.0, 1.0]))
    tensor(-2.)
    """
    return (energy_real - energy_found).mean()


def adversarial_loss(
    logits: Tensor, label: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Cross-entropy of nascent counterfactuals for the true class of their factual.

    Parameters
    ----------
    logits : Tensor of shape (n, K)
        Logits of the nascent counterfactuals.
    label : Tensor of shape (n,)
        True class of the rows that they started from.
    weight : Tensor of shape (n,), optional
        Of the rows; 1 on average over the training rows.

    Returns
    -------
    Tensor, a scalar

    Examples
    --------
    >>> adversarial_loss(torch.zeros(1, 2), torch.tensor([0]))
    tensor(0.6931)
    """
    loss = torch.nn.functional.cross_entropy(logits, label, reduction="none")
    return (loss if weight is None else weight * loss).mean()


def energy_ridge(energy_real: Tensor, energy_found: Tensor) -> Tensor:
    """Ridge on the energies, ``mean[E(x+, y+)^2 + E(x', y+)^2]``.

    It keeps the divergence, which has no lower bound, from running away.

    Parameters
    ----------
    energy_real, energy_found : Tensor of shape (n,)
        Energies of ``x+`` and ``x'`` for the target class.

    Returns
    -------
    Tensor, a scalar

    References
    ----------
    Y. Du and I. Mordatch, "Implicit generation and modeling with energy based
    models", NeurIPS 2019.

    Examples
    --------
    >>> energy_ridge(torch.tensor([-2.0]), torch.tensor([1.0]))
    tensor(5.)
    """
    return (energy_real.square() + energy_found.square()).mean()


@dataclass(frozen=True)
class CounterfactualBatch:
    """The counterfactuals of an epoch; constants for the gradient.

    Attributes
    ----------
    real : Tensor of shape (m, d)
        ``x+``, real rows of the target class, protected.
    found : Tensor of shape (m, d)
        ``x'``, mature counterfactuals; equal to ``real`` where none matured.
    nascent : Tensor of shape (m, d)
        Points of the search paths within epsilon of their factuals.
    target, label : Tensor of shape (m,)
        Target class ``y+`` and true class of the factual.
    weight : Tensor of shape (m,)
        Weight of the factual; 1 on average over the training rows.
    """

    real: Tensor  # (m, d)
    found: Tensor  # (m, d)
    nascent: Tensor  # (m, d)
    target: Tensor  # (m,)
    label: Tensor  # (m,)
    weight: Tensor  # (m,)

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: Tensor) -> "CounterfactualBatch":
        """Restrict to some rows."""
        return CounterfactualBatch(*(tensor[rows] for tensor in vars(self).values()))


class Terms(NamedTuple):
    """The four terms of the objective, unweighted scalars."""

    clf: Tensor
    div: Tensor
    adv: Tensor
    reg: Tensor


class Weights(NamedTuple):
    """The weights of the objective's terms; that of the classifier is 1."""

    div: float
    adv: float
    reg: float

    @property
    def conventional(self) -> bool:
        """Whether nothing but the classification loss is left."""
        return self.div == 0 and self.adv == 0
