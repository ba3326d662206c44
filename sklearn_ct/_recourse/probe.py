"""Search over single-feature edits that is asked about exactly as users are answered.

Slower than the search of `edit_search`, which adds up what edits do, and for what that
cannot see: codes that several features share, features that follow from others, limits
on how many may change, values of few rows only.
"""

from dataclasses import dataclass

import numpy as np

from sklearn_ct._recourse.edit_search import GREED_KEPT, place_in_group
from sklearn_ct._recourse.edits import Effort, Levels

TRIED = 4000  # edits of a row's states
PAIRS = 50_000  # rows evaluated at a time, for bounded memory
ANSWERED = 1e9
REACH = Effort(levels=9, rarest=0.0, tried=0, width=6, depth=4, ends=True)


@dataclass
class Pool:
    """Answers to rows, several for some.

    Attributes
    ----------
    row : ndarray of shape (m,)
        The row of the task that each belongs to.
    values : ndarray of shape (m, n_variables)
    cost : ndarray of shape (m,)
    """

    row: np.ndarray
    values: np.ndarray
    cost: np.ndarray

    @classmethod
    def stack(cls, pools, width):
        """Put pools together."""
        empty = cls(np.empty(0, dtype=int), np.empty((0, width)), np.empty(0))
        parts = zip(*(vars(pool).values() for pool in (empty, *pools)), strict=True)
        return cls(*(np.concatenate(part) for part in parts))

    def cheapest(self):
        """Places of the cheapest answer of each row."""
        order = np.lexsort((self.cost, self.row))
        return order[np.unique(self.row[order], return_index=True)[1]]


def probe(task, values, found, examples=None):
    """Take the cheapest answer that the search finds, for the rows without one."""
    for k in np.unique(task.target[~found]):
        rows = np.flatnonzero(~found & (task.target == k))
        more = None if examples is None else examples[rows]
        pool = pool_of(task.take(rows), int(k), more)
        best = pool.cheapest()
        values[rows[pool.row[best]]] = pool.values[best]
        found[rows[pool.row[best]]] = True


def pool_of(task, k, examples=None, enough=1):
    """List answers to the rows of a task, all of which have one target.

    Parameters
    ----------
    task : Task
    k : int
        The target.
    examples : ndarray of shape (n, e, n_variables), optional
        For each row values that its features may take over, one by one.
    enough : int
        Answers of a row that its search ends with; with one it goes on for as long as
        a cheaper one may be found.

    Returns
    -------
    Pool
    """
    real, n_variables = task.subject.references.get(k), task.bounds.factual.shape[1]
    if real is None or not len(task.target):
        return Pool.stack([], n_variables)
    levels = Levels.of(task.codec, real.values, REACH, task.bounds.choices)
    own = [task.bounds.lower[:, None], task.bounds.upper[:, None]]
    own = np.concatenate(own + ([] if examples is None else [examples]), axis=1)
    m = len(levels.value) + own.shape[1] * n_variables
    of_all = m - levels.listed.sum()  # whatever the lists of other rows are
    width = REACH.width
    if task.request.max_changes is not None:
        # Few changes, and each must be the right one: pairs of any if there are few.
        width = max(width, TRIED // of_all)
    step = max(1, PAIRS // (m * width))
    pools = []
    for start in range(0, len(task.target), step):
        rows = np.arange(start, min(start + step, len(task.target)))
        pool = _search(task.take(rows), levels, own[rows], enough, width)
        pool.row = rows[pool.row]
        pools.append(pool)
    return Pool.stack(pools, n_variables)


def _search(task, levels, own, enough, width):
    """Beam search of a block of rows."""
    n, n_variables = task.bounds.factual.shape
    variable = np.concatenate(
        [levels.variable, np.tile(np.arange(n_variables), own.shape[1])]
    )
    value = np.hstack(
        [np.broadcast_to(levels.value, (n, len(levels.value))), own.reshape(n, -1)]
    )
    free = np.isfinite(value) & ~task.bounds.frozen[:, variable]
    for j, mine in levels.by_variable:
        if j in task.bounds.choices:
            free[:, mine] &= levels.among(task.bounds, j, mine)
    limit = task.request.max_changes or n_variables
    owner, states = np.arange(n), task.linked(task.settle(task.bounds.factual))
    first, lead, paid, _ = _answers(task, owner, states, limit)
    pools, count, best = [first], np.zeros(n, dtype=int), np.full(n, np.inf)
    for _ in range(min(limit, REACH.depth)):
        changed = states != task.bounds.factual[owner]
        open_ = free[owner] & (states[:, variable] != value[owner])
        open_ &= ~changed[:, variable] | task.bounds.must[owner][:, variable]
        state, edit = np.nonzero(open_)
        if not len(state):
            break
        edited = states[state].copy()
        edited[np.arange(len(state)), variable[edit]] = value[owner[state], edit]
        row, moved = owner[state], variable[edit]
        edited = task.take(row).settle(edited)
        pool, new_lead, cost, few = _answers(task, row, edited, limit)
        pools.append(pool)
        count += np.bincount(pool.row, minlength=n)
        np.minimum.at(best, pool.row, pool.cost)
        rank = _left_to_pay(row, new_lead - lead[state], cost - paid[state], new_lead)
        # Too many changes stay too many; what still has to move may yet do so.
        open_ = few & (cost < best[row] if enough == 1 else count[row] < enough)
        # What is an answer already is the last to be changed further.
        rank = np.where(new_lead > 0, ANSWERED, cost + GREED_KEPT * rank)
        keep = _promising(row, moved, np.where(open_, rank, np.inf), width)
        if not len(keep):
            break
        owner, states, lead, paid = row[keep], edited[keep], new_lead[keep], cost[keep]
    return Pool.stack(pools, n_variables)


def _answers(task, row, values, limit):
    """Those of some rows' values that are answers, and what the others lack.

    Returns
    -------
    Pool
    lead, cost : ndarray of shape (m,)
    few : boolean ndarray of shape (m,)
        Whether no more has changed than may.
    """
    part = task.take(row)
    codes = task.codec.embed(values)
    lead = part.margins(codes, np.arange(len(row)))
    cost = task.parts(codes, row).sum(axis=1)
    few = part.changes(values) <= limit
    fits = few & part.bounds.holds(values, task.codec) & (part.changes(values) > 0)
    ok = np.flatnonzero(fits & (lead > 0))
    ok = ok[part.check(values[ok], ok)]
    return Pool(row[ok], values[ok], cost[ok]), lead, cost, few


def _left_to_pay(row, gain, extra, lead):
    """Cost that is left to pay at the best rate of a row's edits, (m,)."""
    dear = extra > 0
    rate = np.zeros(row.max(initial=-1) + 1)
    np.maximum.at(rate, row, np.where(dear, gain, 0.0) / np.where(dear, extra, 1.0))
    return np.maximum(-lead, 0.0) / np.maximum(rate[row], 1e-9)


def _promising(row, variable, rank, width):
    """Places of the best states of each row: first the best edit of each feature."""
    order = np.lexsort((rank, variable, row))
    order = order[np.isfinite(rank[order])]
    _, feature = np.unique(
        np.column_stack([row[order], variable[order]]), axis=0, return_inverse=True
    )
    turn = place_in_group(feature.ravel())
    order = order[np.lexsort((rank[order], turn, row[order]))]
    return order[place_in_group(row[order]) < width]
