"""The gradient walk of a task, first as the generator has it, then farther."""

from copy import deepcopy

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
        settle=task.settled,
    )
    values = task.given(paths.counterfactual.cpu().numpy())
    return values, task.check(values)


def least_cost(task):
    """Cost of the row's cheapest answer if the slope at the factual went on, (n,).

    What the lead lacks, over the most that a unit of cost adds to it in any feature
    that may move. 0 where nobody can tell: of generators that do not walk in the codes,
    and of codes that are of no feature alone.
    """
    network, n = task.subject.network, len(task.target)
    if task.request.generator.decode is not None or task.subject.mixes:
        return np.zeros(n)
    lead, slope = task.slope(task.home, np.arange(n))
    x = network.tensor(task.home)
    rules = task.bounds.constraints(task.codec).to(x).bind(x)
    groups = rules.simplices
    # What a category adds is told beside the row's own, and both their columns move.
    gain = torch.where(groups.inside, (slope - groups.sums(slope * x)) / 2, slope)
    up, down = rules.upper > x, (rules.lower < x) & ~groups.inside
    gain = torch.maximum(gain * up, -gain * down)
    price = network.tensor(task.codec.spread(task.request.cost))
    return ((-lead).clamp(min=0) / (gain / price).amax(1)).cpu().numpy()


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
