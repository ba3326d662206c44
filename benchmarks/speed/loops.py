"""The loops that a training is compared with; each gives seconds per epoch."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from benchmarks.speed.measuring import seconds_of
from sklearn_ct._core.network import MLP

LR = 1e-3
EPSILON, STEP, N_STEPS = 0.1, 0.025, 10  # of the attacks


def plain(task, n_epochs, *, attack=None, n_searched=None):
    """Train by hand, with fused Adam.

    ``attack`` is what replaces the rows. With ``n_searched`` the rows that
    counterfactual training passes are passed beside them: each once more, as its
    nascent counterfactual is, and two for each search, its counterfactual and the real
    row.
    """
    torch.manual_seed(0)
    module = MLP(task.X.shape[1], task.n_classes, task.sizes).to(task.X.device)
    optimizer = torch.optim.Adam(module.parameters(), lr=LR, fused=True)
    X, y = task.X, task.y
    more = torch.arange(2 * (n_searched or 0), device=X.device) % len(X)
    parts = [t[more].tensor_split(task.n_batches) for t in (X, y)]
    others = list(zip(*parts, strict=True))

    def epoch():
        order = torch.randperm(len(X)).to(X.device)
        for rows, (with_x, with_y) in zip(
            order.split(task.batch_size), others, strict=True
        ):
            x, label = X[rows], y[rows]
            if attack is not None:
                x = attack(module, x, label)
            if n_searched is not None:
                x, label = torch.cat([x, x, with_x]), torch.cat([label, label, with_y])
            optimizer.zero_grad()
            cross_entropy(module(x), label).backward()
            optimizer.step()

    return float(np.median([seconds_of(epoch) for _ in range(n_epochs)][1:]))


def projected_gradient(module, x, label):
    """Attack rows by projected gradient ascent in the maximum norm."""
    start = torch.empty_like(x).uniform_(-EPSILON, EPSILON)
    state = x + start
    for _ in range(N_STEPS):
        state.requires_grad_()
        loss = cross_entropy(module(state), label)
        (gradient,) = torch.autograd.grad(loss, state)
        moved = state.detach() + STEP * gradient.sign()
        state = x + (moved - x).clamp(-EPSILON, EPSILON)
    return state.detach()
