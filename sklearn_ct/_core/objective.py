"""The objective of a mini-batch and its slope, in one pass over all its rows.

Every row pays for one of two things: the cross-entropy of its logits with a label, or
its energy for a target class, linear and squared. So the slope of the objective at the
logits is written down at once, and the backward pass is that of the network alone.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_ct.losses import (
    CounterfactualBatch,
    Weights,
    adversarial_loss,
    contrastive_divergence,
    energy,
    energy_ridge,
)


class Chunk(NamedTuple):
    """Counterfactuals that go with a mini-batch, and what each of their rows pays.

    Attributes
    ----------
    rows : Tensor of shape (r, d)
    label, weight : Tensor of shape (r, K), (r, 1)
        Labels, possibly soft, of the cross-entropy, and its weight.
    target, linear, square : Tensor of shape (r, K), (r, 1), (r, 1)
        The class, one-hot, of the energy, and the weights of it and its square.
    """

    rows: Tensor  # (r, d)
    label: Tensor  # (r, K)
    weight: Tensor  # (r, 1)
    target: Tensor  # (r, K)
    linear: Tensor  # (r, 1)
    square: Tensor  # (r, 1)


@dataclass(frozen=True)
class Bank:
    """The counterfactuals of an epoch.

    Attributes
    ----------
    batch : CounterfactualBatch
    weights : Weights
        What weighs nothing is not evaluated.
    n_classes : int
    """

    batch: CounterfactualBatch
    weights: Weights
    n_classes: int

    def chunks(self, n_batches: int) -> list[Chunk]:
        """Spread the searches evenly over mini-batches, each with its means."""
        batch, weights = self.batch, self.weights
        sizes = [len(part) for part in batch.target.tensor_split(n_batches)]
        each = batch.real.new_tensor(sizes)
        # A mean over the searches of a chunk.
        mean = (1 / each).repeat_interleave(each.long()).unsqueeze(1)  # (m, 1)
        own = mean * batch.weight.unsqueeze(1)
        classes = torch.eye(self.n_classes).to(batch.real)
        label, target = classes[batch.label], classes[batch.target]  # (m, K)
        none, free = torch.zeros_like(label), torch.zeros_like(mean)
        div, reg = weights.div * mean, weights.reg * mean
        kinds = {
            "real": (none, free, target, div, reg),
            "found": (none, free, target, -div, reg),
            "nascent": (label, weights.adv * own, none, free, free),
        }
        rows = [(getattr(batch, name), *kinds[name]) for name in self.kinds]
        # All rows of a search stand together.
        columns = [
            torch.stack(column, 1).flatten(0, 1) for column in zip(*rows, strict=True)
        ]
        bounds = [len(rows) * size for size in sizes]
        parts = [torch.split(column, bounds) for column in columns]
        return [Chunk(*part) for part in zip(*parts, strict=True)]

    @property
    def kinds(self) -> list[str]:
        """Rows of each search that the network is asked about."""
        energies = bool(self.weights.div or self.weights.reg)
        asked = {
            "real": energies,
            "found": energies,
            "nascent": bool(self.weights.adv),
        }
        return [name for name, is_asked in asked.items() if is_asked]

    def terms(self, logits: Tensor) -> dict[str, Tensor]:
        """Evaluate the terms of the rows, unweighted; without what weighs nothing.

        Parameters
        ----------
        logits : Tensor of shape (r, K)
            Of the rows of all chunks. Searches with logits that are not finite are
            left out.

        Returns
        -------
        dict
            Scalars under the names of `Terms`.
        """
        logits = logits.reshape(len(self.batch), len(self.kinds), self.n_classes)
        finite = logits.isfinite().flatten(1).all(1)
        of = dict(zip(self.kinds, logits[finite].unbind(1), strict=True))
        batch = self.batch.take(finite)
        terms = {}
        if "real" in of:
            energies = [energy(of[name], batch.target) for name in ("real", "found")]
            terms["div"] = contrastive_divergence(*energies)
            terms["reg"] = energy_ridge(*energies)
        if "nascent" in of:
            terms["adv"] = adversarial_loss(of["nascent"], batch.label, batch.weight)
        return terms


class Objective(NamedTuple):
    """Value of the objective and slope at the logits.

    ``clf`` and ``adv`` are the unweighted losses of the rows of the mini-batch.
    """

    loss: Tensor  # ()
    clf: Tensor  # ()
    adv: Tensor  # ()
    slope: Tensor  # as the logits


def weights_of(
    label: Tensor,  # (n,)
    sample_weight: Tensor | None,  # (n,)
    like: Tensor,
) -> Tensor:  # (n, 1)
    """Weights of the losses of the rows of a mini-batch, which make a mean of them."""
    if sample_weight is None:
        return like.new_full((len(label), 1), 1 / len(label))
    return (sample_weight / sample_weight.sum()).unsqueeze(1)


def objective(
    logits: Tensor,  # (n + r, K)
    label: Tensor,  # (n,)
    sample_weight: Tensor | None,  # (n,)
    chunk: Chunk | None,
    adv: float = 0.0,
) -> Objective:
    """Evaluate the objective of a mini-batch and its slope at the logits.

    Parameters
    ----------
    logits : Tensor of shape (n + r, K) or (2 n + r, K)
        Of the rows of the mini-batch, then, where ``adv`` is not 0, of their nascent
        counterfactuals, and those of the chunk.
    label, sample_weight : Tensor of shape (n,)
        Class indices and weights. The classification loss is the weighted mean.
    chunk : Chunk or None
        None: nothing but the losses of the mini-batch.
    adv : float, default=0
        Weight of the adversarial loss of the rows of the mini-batch.

    Returns
    -------
    Objective
        ``slope`` has the shape of the logits.

    Notes
    -----
    ``L = CE(M(x), y) + lambda_div mean[E(x+, y+) - E(x', y+)]
    + lambda_adv CE(M(x_nascent), y) + lambda_reg mean[E(x+, y+)^2 + E(x', y+)^2]``

    With the probabilities ``p`` of a row, the slope of ``w CE`` for a label ``q`` is
    ``w (p - q)``, and that of ``a E + b E^2`` is ``-(a + 2 b E)`` at the target.

    References
    ----------
    P. Altmeyer et al., "Counterfactual training: teaching models plausible and
    actionable explanations", arXiv:2601.16205.
    """
    n = len(label)
    weight = weights_of(label, sample_weight, like=logits)
    expected = logits.new_zeros(n, logits.shape[1])
    expected.scatter_(1, label.unsqueeze(1), 1.0)
    weights, labels = [weight], [expected]
    if adv:
        weights.append(adv * weight)
        labels.append(expected)
    own = n * len(labels)
    if chunk is not None:
        weights.append(chunk.weight)
        labels.append(chunk.label)
    weight, expected = torch.cat(weights), torch.cat(labels)
    log_probability = logits.log_softmax(1)
    slope = log_probability.exp().sub_(expected).mul_(weight)
    entropy = log_probability.mul_(expected).mul_(weight).sum(1).neg_()
    clf = loss = entropy[:n].sum()
    attacked = entropy[n:own].sum() / adv if adv else torch.zeros_like(clf)
    if len(entropy) > n:
        loss = entropy.sum()
    if chunk is not None:
        value = (chunk.target * logits[own:]).sum(1, keepdim=True).neg_()
        curve = chunk.square * value
        rise = chunk.linear + curve
        loss = loss + (rise * value).sum()
        slope[own:].addcmul_(chunk.target, rise.add_(curve), value=-1)
    return Objective(loss, clf, attacked, slope)
