"""The gradient walk of a task, first as the generator has it, then farther."""

from copy import deepcopy
from functools import partial

import numpy as np
import torch

LONGER_STEPS = (1.0, 4.0)


def walk(task, **changes):
    """Gradient walk from the factuals, settled and checked."""
    generator = task.request.generator
    if changes:
        generator = deepcopy(generator).set_params(
            **{k: v for k, v in changes.items() if k in generator.get_params()}
        )
    network = task.subject.network
    paths = generator.search(
        network.module,
        network.tensor(task.home),
        torch.as_tensor(task.target, device=network.like.device),
        task.bounds.constraints(task.codec),
        tau=_aim(task),
        cost_weights=network.tensor(task.codec.spread(task.request.cost)),
        settle=task.settled if changes else partial(task.settled, related=False),
    )
    values = task.given(paths.counterfactual.cpu().numpy())
    return values, task.check(values)


def _aim(task):
    """Probability to walk to: one, where all are alike, or each row's."""
    aim = np.maximum(task.request.tau, task.floor)
    if not len(aim) or np.ptp(aim) == 0:
        return float(aim.max(initial=task.request.tau))
    return torch.from_numpy(aim)


def walk_farther(task, values, found):
    """Walk the rows that are left with more and longer steps."""
    for step_size in LONGER_STEPS:
        rows = np.flatnonzero(~found)
        if not len(rows):
            return
        new, ok = walk(
            task.take(rows),
            step_size=step_size,
            max_iter=100,
            lambda_energy=0.0,
        )
        values[rows[ok]] = new[ok]
        found[rows[ok]] = True
