"""Make answers simpler: fewer changes, smaller ones, no more than allowed."""

from dataclasses import replace

import numpy as np

from sklearn_ct._recourse.edit_search import edit
from sklearn_ct._recourse.edits import THOROUGH
from sklearn_ct._recourse.fallback import nearest_of
from sklearn_ct._recourse.probe import probe
from sklearn_ct._recourse.walks import walk, walk_farther

BISECTIONS = 10
EXAMPLES = 5  # real rows whose values are tried one by one


def sparsify(task, values, found):
    """Put changes back where the answer stays valid, the costliest first."""
    rows = np.flatnonzero(found)
    factual = task.bounds.factual
    part = task.parts(task.codec.embed(values[rows]), rows)
    changed = (values[rows] != factual[rows]) & ~task.bounds.must[rows]
    order = np.argsort(-part, axis=1, kind="stable")
    for place in range(order.shape[1]):
        column = order[:, place]
        active = changed[np.arange(len(rows)), column]
        if not active.any():
            continue
        index, back = rows[active], column[active]
        trial = values[index]
        trial[np.arange(len(index)), back] = factual[index, back]
        trial = task.linked(task.related(trial, index, back), index)
        ok = task.check(trial, index)
        if task.moves_along:
            before, after = (
                (rows_values != factual[index]).sum(axis=1)
                for rows_values in (values[index], trial)
            )
            ok &= after <= before
        values[index[ok]] = trial[ok]


def pull_back(task, values, found):
    """Bisect the way back to the factual, for all numbers of a row together."""
    numbers = task.codec.numbers_
    moved = (values != task.bounds.factual) & numbers & ~task.bounds.must
    rows = np.flatnonzero(found & moved.any(axis=1))
    if not len(rows):
        return
    part = task.take(rows)
    far, near = np.ones(len(rows)), np.zeros(len(rows))
    codes = task.codec.embed(values[rows])
    home = task.codec.embed(np.where(moved[rows], part.bounds.factual, values[rows]))
    for _ in range(BISECTIONS):
        middle = (far + near) / 2
        trial = task.codec.values(home + middle[:, None] * (codes - home))
        trial = part.settle(np.where(moved[rows], trial, values[rows]))
        ok = part.check(trial)
        if task.moves_along:  # perhaps another feature
            ok &= part.changes(trial) <= part.changes(values[rows])
        far, near = np.where(ok, middle, far), np.where(ok, near, middle)
        values[rows[ok]] = trial[ok]


def restrict(task, values, found):
    """Keep to ``max_changes``: by fewer edits, or a walk of the largest changes."""
    limit = task.request.max_changes

    def too_many():
        return found & (task.changes(values) > limit)

    many = too_many()
    if task.request.effort == "full" and many.any():
        free, few = values.copy(), found & ~many
        edit(task, values, few, replace(THOROUGH, depth=limit), True)
        values[~few] = free[~few]
        found |= few
    rows = np.flatnonzero(too_many())
    if len(rows):
        cost = task.parts(task.codec.embed(values[rows]), rows)
        cost[task.bounds.must[rows]] = np.inf
        order = np.argsort(-cost, axis=1, kind="stable")
        freeze = np.ones(cost.shape, dtype=bool)
        np.put_along_axis(freeze, order[:, :limit], False, axis=1)
        part = task.take(rows, freeze)
        new, ok = walk(part)
        if part.request.effort == "full":
            walk_farther(part, new, ok)
            sparsify(part, new, ok)
        ok &= ~part.bounds.conflict.any(axis=1)  # more must change than may
        values[rows[ok]] = new[ok]
    rows = np.flatnonzero(too_many())
    found[rows] = False
    if task.request.effort == "full" and len(rows):
        part, new = task.take(rows), values[rows]
        ok = np.zeros(len(rows), dtype=bool)
        probe(part, new, ok, examples_of(part, new))
        values[rows[ok]] = new[ok]
        found[rows[ok]] = True


def examples_of(task, values):
    """For each row values to take over: those of an answer, and of real rows near."""
    examples = np.repeat(values[:, None], 1 + EXAMPLES, axis=1)
    for k in np.unique(task.target):
        real = task.subject.references.get(int(k))
        rows = np.flatnonzero(task.target == k)
        if real is not None:
            nearest = nearest_of(task.take(rows), real)[:, :EXAMPLES]
            examples[rows, 1 : 1 + nearest.shape[1]] = real.values[nearest]
    return examples
