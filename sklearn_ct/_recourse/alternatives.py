"""Several answers to a row: each does without the costliest change of the ones before.

Where that ends, the rest are other answers that the search comes across: first those
that change other features, then those that change the same ones otherwise.
"""

from dataclasses import dataclass

import numpy as np

from sklearn_ct._recourse.edit_search import place_in_group
from sklearn_ct._recourse.fallback import nearest_of
from sklearn_ct._recourse.find import find
from sklearn_ct._recourse.probe import pool_of
from sklearn_ct._recourse.simplify import examples_of, pull_back, sparsify
from sklearn_ct._recourse.task import Task
from sklearn_ct._result.status import BELOW_TAU, Status

NONE_LEFT = "no further answer was found"


@dataclass
class Found:
    """Answers of rows of a call, ``k`` for each.

    Attributes
    ----------
    values : ndarray of shape (n, k, n_variables)
    status, reason : ndarray of shape (n, k)
    """

    values: np.ndarray
    status: np.ndarray
    reason: np.ndarray

    @classmethod
    def none(cls, factual, k, status):
        """Rows as they are, all of one status."""
        shape = len(factual), k
        return cls(
            values=np.repeat(factual[:, None], k, axis=1),
            status=np.full(shape, status, dtype=object),
            reason=np.full(shape, "", dtype=object),
        )

    def put(self, rows, place, answers):
        """Write answers of some rows, each to a place of its own."""
        self.values[rows, place] = answers.values
        self.status[rows, place] = answers.status
        self.reason[rows, place] = answers.reason


def find_all(subject, bounds, target, request, rows, k):
    """Answer rows ``k`` times, those that reach ``tau`` first, the cheapest first.

    Parameters are those of `find`.

    Returns
    -------
    Found
    """
    found = Found.none(bounds.factual, k, Status.INFEASIBLE)
    first = find(subject, bounds, target, request, rows)
    found.put(np.arange(len(rows)), 0, first)
    if k == 1:
        return found
    task = Task(subject, bounds, target, request, request.tau, rows)
    answered = np.flatnonzero(first.status != Status.INFEASIBLE)
    found.reason[answered, 1:] = NONE_LEFT
    count = np.ones(len(rows), dtype=int)
    _others(task, found, count, answered)
    if request.effort == "full":
        for floor in (request.tau, 0.0):
            left = answered[count[answered] < k]
            if len(left):
                part = Task(subject, bounds, target, request, floor, rows).take(left)
                _fill(part, found, count, left)
    other = first.status == Status.INFEASIBLE
    found.reason[other] = first.reason[other, None]
    return _ordered(task, found)


def _others(task, found, count, rows):
    """Find answers without the costliest change of each one before, while there are."""
    k = found.status.shape[1]
    last = found.values[rows, 0]
    closed = np.zeros(last.shape, dtype=bool)
    for _ in range(1, k):
        bounds = task.bounds.take(rows)
        # What follows from others is no change that could be done without.
        changed = (last != bounds.factual) & ~bounds.must & ~bounds.follows
        open_ = changed.any(axis=1)
        if not open_.any():
            return
        rows, last, closed = rows[open_], last[open_], closed[open_]
        part = task.take(rows)
        parts = task.parts(task.codec.embed(last), rows)
        closed |= _costliest(parts, changed[open_])
        other = find(
            task.subject,
            part.bounds.freeze(closed),
            part.target,
            task.request,
            part.rows,
            brief=True,
        )
        there = other.status != Status.INFEASIBLE
        for name, value in vars(other).items():
            setattr(other, name, value[there])
        rows, last, closed = rows[there], other.values, closed[there]
        found.put(rows, count[rows], other)
        count[rows] += 1


def _costliest(parts, changed):
    """Mark the costliest change of each row, (n, n_variables), though it be free."""
    chosen = np.zeros(parts.shape, dtype=bool)
    first = np.where(changed, parts, -1.0).argmax(axis=1)
    np.put_along_axis(chosen, first[:, None], True, axis=1)
    return chosen & changed


def _fill(task, found, count, rows):
    """Fill the places that are left from pools of answers; changes these in place.

    Parameters
    ----------
    task : Task
        Of the rows that have places left.
    found : Found
    count : ndarray of shape (n,)
        Answers so far.
    rows : ndarray
        Numbers of the task's rows in ``found``.
    """
    k = found.status.shape[1]
    for pool in (_pool_of_edits, _pool_of_real_rows):
        for target in map(int, np.unique(task.target)):
            mine = np.flatnonzero((task.target == target) & (count[rows] < k))
            if not len(mine):
                continue
            part, into = task.take(mine), rows[mine]
            row, values = pool(part, target, found.values[into], 2 * k)
            there = np.arange(k) < count[into][:, None]
            old_row, old = np.nonzero(there)[0], found.values[into][there]
            free = np.full(len(mine), 2 * k)
            new = _new_ones(part, row, values, old_row, old, free)
            row, values = _with_nearer_ones(part, row[new], values[new])
            new = _new_ones(part, row, values, old_row, old, k - count[into])
            row, at = row[new], into[row[new]]
            place = count[at] + place_in_group(row)
            found.values[at, place] = values[new]
            found.status[at, place] = Status.VALID
            found.reason[at, place] = ""
            count[into] += np.bincount(row, minlength=len(into))


def _pool_of_edits(task, target, answers, enough):
    """Answers by edits to levels, and to what other answers and real rows have."""
    examples = np.concatenate(
        [examples_of(task, answers[:, 0]), answers[:, 1:]], axis=1
    )
    pool = pool_of(task, target, examples, enough)
    return pool.row, pool.values


def _pool_of_real_rows(task, target, _, enough):
    """Answers made of the nearest real rows."""
    real = task.subject.references.get(target)
    limit = task.request.max_changes or task.bounds.factual.shape[1]
    nearest = nearest_of(task, real)[:, :enough]
    row = np.repeat(np.arange(len(nearest)), nearest.shape[1])
    pairs = task.take(row)
    values = pairs.settle(real.values[nearest.ravel()])
    ok = pairs.check(values)
    sparsify(pairs, values, ok)
    ok &= (pairs.changes(values) <= limit) & (pairs.changes(values) > 0)
    return row[ok], values[ok]


def _with_nearer_ones(task, row, values):
    """Answers to rows, as they are and with their numbers pulled back."""
    nearer = values.copy()
    pull_back(task.take(row), nearer, np.ones(len(row), dtype=bool))
    order = np.argsort(np.append(row, row), kind="stable")
    return np.append(row, row)[order], np.vstack([values, nearer])[order]


def _new_ones(task, row, values, old_row, old, free):
    """Places of the answers to take: new ones, first those that change other features.

    Parameters
    ----------
    task : Task
    row, values : ndarray of shape (m,), (m, n_variables)
        The row of each answer, and the answer.
    old_row, old : ndarray of shape (l,), (l, n_variables)
        The answers that there are.
    free : ndarray of shape (n,)
        How many each row can take.

    Returns
    -------
    ndarray
        In the order of the rows.
    """
    rows, every = np.append(old_row, row), np.vstack([old, values])
    first = np.unique(np.column_stack([rows, every]), axis=0, return_index=True)[1]
    cost = task.parts(task.codec.embed(every), rows).sum(axis=1)
    cost[: len(old)] = -1.0  # what there is comes first
    changed = every != task.bounds.factual[rows]
    kind = np.unique(np.column_stack([rows, changed]), axis=0, return_inverse=True)[1]
    kind = kind.ravel()
    order = first[np.lexsort((cost[first], kind[first]))]
    place = place_in_group(kind[order])
    new = order >= len(old)
    order, place = order[new], place[new]
    order = order[np.lexsort((cost[order], place, rows[order]))]
    order = order[place_in_group(rows[order]) < free[rows[order]]]
    return order - len(old)


def _ordered(task, found):
    """Order the answers of each row: those that reach ``tau``, then by cost."""
    n, k = found.status.shape
    row = np.repeat(np.arange(n), k)
    values = found.values.reshape(n * k, -1)
    codes = task.codec.embed(values)
    cost = task.parts(codes, row).sum(axis=1).reshape(n, k)
    weak = (task.margins(codes, row) <= 0).reshape(n, k)
    none = found.status == Status.INFEASIBLE
    words = BELOW_TAU.format(task.request.tau)
    found.reason[weak & ~none & (found.reason == "")] = words
    order = np.lexsort((np.arange(n * k), cost.ravel(), (weak + 2 * none).ravel(), row))
    order = order.reshape(n, k) % k
    return Found(
        np.take_along_axis(found.values, order[:, :, None], axis=1),
        np.take_along_axis(found.status, order, axis=1),
        np.take_along_axis(found.reason, order, axis=1),
    )
