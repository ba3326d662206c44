"""From rows to answers: the order of the stages.

Each stage takes a task, the values found so far and which rows have an answer, and
changes these two in place.
"""

from dataclasses import dataclass, replace

import numpy as np

from sklearn_ct._recourse.edit_search import edit
from sklearn_ct._recourse.edits import QUICK, THOROUGH
from sklearn_ct._recourse.fallback import fall_back
from sklearn_ct._recourse.simplify import pull_back, restrict, sparsify
from sklearn_ct._recourse.task import Task
from sklearn_ct._recourse.walks import walk, walk_farther
from sklearn_ct._result.status import Status
from sklearn_ct._rules.reasons import why

# Probabilities that are tried in turn where an answer must withstand a margin, or where
# that asked for is out of reach.
SURE = (0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)


@dataclass
class Answers:
    """Values, statuses and reasons, one row for each row asked."""

    values: np.ndarray
    status: np.ndarray
    reason: np.ndarray


def find(subject, bounds, target, request, rows):
    """Answer rows that are not predicted as their targets yet.

    Parameters
    ----------
    subject : Subject
    bounds : Bounds
        Of the rows.
    target : ndarray of shape (n,)
        Class indices.
    request : Request
    rows : ndarray of shape (n,)
        Their numbers in the call, for ``request.link``.

    Returns
    -------
    Answers
    """
    answers = Answers(
        values=bounds.factual.copy(),
        status=np.full(len(target), Status.INFEASIBLE, dtype=object),
        reason=np.full(len(target), "", dtype=object),
    )
    left = np.flatnonzero(~bounds.conflict.any(axis=1))
    for floor, may_fall_back in floors_of(request):
        if len(left):
            part = bounds.take(left)
            asked = request if may_fall_back else replace(request, margin=0.0)
            task = Task(subject, part, target[left], asked, floor, rows[left])
            values, status = run(task, may_fall_back)
            found = status != Status.INFEASIBLE
            if asked.margin < request.margin:
                whole = Task(subject, part, target[left], request, floor, rows[left])
                found &= whole.check(values)
            answers.status[left] = status
            answers.values[left[found]] = values[found]
            left = left[~found]
    if request.effort == "full" and not request.margin:
        strengthen(subject, bounds, target, request, rows, answers)
    none = answers.status == Status.INFEASIBLE
    answers.reason[none] = why(subject.codec, bounds.take(none), request.max_changes)
    return answers


def strengthen(subject, bounds, target, request, rows, answers):
    """Where the probability asked for is out of reach, find the greatest that is not.

    Changes the answers in place, and says so in their reasons.
    """
    weak = answers.status != Status.INFEASIBLE
    if weak.any():
        task = Task(subject, bounds, target, request, request.tau, rows)
        weak[weak] = ~task.check(answers.values[weak], np.flatnonzero(weak))
    left = np.flatnonzero(weak)
    answers.reason[left] = (
        f"tau={request.tau:g} was not reached; this is the strongest answer found"
    )
    for step in SURE:
        if step >= request.tau or not len(left):
            return
        part, own = bounds.take(left), replace(request, tau=step)
        task = Task(subject, part, target[left], own, step, rows[left])
        values, status = run(task, may_fall_back=True)
        found = status != Status.INFEASIBLE
        left = left[found]
        answers.values[left], answers.status[left] = values[found], status[found]


def floors_of(request):
    """List the probabilities to reach, in turn, and whether real rows may help."""
    full = request.effort == "full"
    if request.margin:
        # A greater probability is farther from the boundary: the least that is enough.
        surer = (request.tau, *(p for p in SURE if p > request.tau))
        return [(p, False) for p in surer] + [(request.tau, True)] * full
    # First with the probability asked for; what is left, with being predicted at all.
    return [(request.tau, True), (0.0, True)] if full else [(0.0, False)]


def run(task, may_fall_back):
    """Values and statuses of all rows of a task: the recipe."""
    full = task.request.effort == "full"
    values, found = walk(task)
    if full:
        sparsify(task, values, found)
        edit(task, values, found, QUICK)
        walk_farther(task, values, found)
        edit(task, values, found, THOROUGH, only_missing=True)
    status = np.where(found, Status.VALID, Status.INFEASIBLE).astype(object)
    if full:
        if may_fall_back:
            fall_back(task, values, found)
        status[found & (status == Status.INFEASIBLE)] = Status.FALLBACK
        sparsify(task, values, found)
    if task.request.max_changes is not None:
        free = values.copy()
        restrict(task, values, found)
        status[(values != free).any(axis=1)] = Status.VALID
        status[~found] = Status.INFEASIBLE
    if full:
        pull_back(task, values, found)
    return values, status
