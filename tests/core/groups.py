"""Constraints with one-hot groups, and the projection as an oracle has it."""

from dataclasses import replace

import numpy as np
import torch

from sklearn_ct._core.constraints import Constraints

INF = float("inf")


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def simplex_oracle(values):
    """Nearest point of the simplex, by sorting (Duchi et al. 2008)."""
    ordered = np.sort(values)[::-1]
    shift = (np.cumsum(ordered) - 1) / np.arange(1, len(values) + 1)
    last = np.flatnonzero(ordered > shift)[-1]
    return np.maximum(values - shift[last], 0)


def grouped(*sizes, numbers=0, ranks=None):
    """Constraints of some free numbers, then one-hot groups of these sizes."""
    d = numbers + sum(sizes)
    group = [-1] * numbers + [k for k, size in enumerate(sizes) for _ in range(size)]
    lower, upper = torch.full((1, d), -INF), torch.full((1, d), INF)
    lower[:, numbers:], upper[:, numbers:] = 0, 1
    return replace(
        Constraints.free(d),
        lower=lower.double(),
        upper=upper.double(),
        group=torch.tensor(group),
        rank=tensor(ranks or [0] * d),
    )


def one_hot(size, *places):
    return torch.eye(size, dtype=torch.float64)[list(places)]


def flags(*values):
    return torch.tensor([values], dtype=torch.bool)
