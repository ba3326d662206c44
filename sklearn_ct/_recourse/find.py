"""From rows to answers: the order of the stages.

Each stage takes a task, the values found so far and which rows have an answer, and
changes these two in place.
"""

from dataclasses import dataclass, replace

import numpy as np

from sklearn_ct._recourse.edit_search import edit
from sklearn_ct._recourse.edits import QUICK, THOROUGH
from sklearn_ct._recourse.fallback import fall_back
from sklearn_ct._recourse.probe import probe
from sklearn_ct._recourse.simplify import pull_back, restrict, sparsify
from sklearn_ct._recourse.task import Task
from sklearn_ct._recourse.walks import least_cost, walk, walk_farther
from sklearn_ct._result.status import BELOW_TAU, TOO_FEW, TOO_RARE, Status
from sklearn_ct._rules.reasons import why

# Probabilities that are tried in turn where that asked for is out of reach.
SURE = (0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)

# Searches for an answer that withstands a margin; by how much each asks for more than
# the slope at the last answer says; logits that a probability still tells apart.
TRIES = 3
MORE = 1.2
LARGEST_LEAD = 30.0


@dataclass
class Answers:
    """Values, statuses and reasons, one row for each row asked."""

    values: np.ndarray
    status: np.ndarray
    reason: np.ndarray


def find(subject, bounds, target, request, rows, brief=False):
    """Answer rows that are not predicted as their targets yet.

    Where the answers must stand at a height among real rows, those that do not stand
    there anyway are searched among the ones that do.

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
    brief : bool
        Whether to give up early, as on a further answer of rows that have one.

    Returns
    -------
    Answers
    """
    share = request.min_plausibility
    free = replace(request, min_plausibility=0.0)
    answers = search(subject, bounds, target, free, rows, brief)
    if not share:
        return answers
    rare = np.flatnonzero(answers.status != Status.INFEASIBLE)
    codes = subject.codec.embed(answers.values[rare])
    rare = rare[~subject.stands(codes, target[rare], share)]
    other = search(subject, bounds.take(rare), target[rare], request, rows[rare], brief)
    few = [k for k in np.unique(target) if len(subject.references.get(k, ())) < 2]
    told = np.where(np.isin(target[rare], few), TOO_FEW, TOO_RARE.format(share))
    other.reason = np.where(other.status == Status.INFEASIBLE, told, other.reason)
    for name, value in vars(other).items():
        getattr(answers, name)[rare] = value
    return answers


def search(subject, bounds, target, request, rows, brief=False):
    """Answer rows as `find` does, every candidate held to the whole request."""
    answers = Answers(
        values=bounds.factual.copy(),
        status=np.full(len(target), Status.INFEASIBLE, dtype=object),
        reason=np.full(len(target), "", dtype=object),
    )
    full = request.effort == "full"

    def ask(left, request, floor, stages):
        """Run stages for rows that are left; those that are left afterwards."""
        if not len(left):
            return left
        part = bounds.take(left)
        task = Task(subject, part, target[left], request, floor, rows[left])
        values, status = stages(task)
        found = status != Status.INFEASIBLE
        answers.status[left[found]] = status[found]
        answers.values[left[found]] = values[found]
        return left[~found]

    def whole(task):
        return run(task, brief)

    left = np.flatnonzero(~bounds.conflict.any(axis=1))
    if request.margin:
        left = ask(left, request, request.tau, withstand)
        ask(left, request, request.tau, withstand_by_real_rows)
    elif full:
        # First with the probability asked for; what is left, with being predicted.
        ask(ask(left, request, request.tau, whole), request, 0.0, whole)
    else:
        ask(left, request, 0.0, whole)
    plain = replace(request, cost=np.ones_like(request.cost))
    if full and not brief and (request.cost != plain.cost).any():
        # Costs order the answers; they are no reason to have none.
        again = (answers.status == Status.INFEASIBLE) & ~bounds.conflict.any(axis=1)
        if again.any():
            other = search(
                subject,
                bounds.take(again),
                target[again],
                plain,
                rows[again],
            )
            answers.values[again], answers.status[again] = other.values, other.status
    if full and not request.margin and not brief:
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
        f"{BELOW_TAU.format(request.tau)}; this is the strongest answer found"
    )
    for step in SURE:
        if step >= request.tau or not len(left):
            return
        part, own = bounds.take(left), replace(request, tau=step)
        task = Task(subject, part, target[left], own, step, rows[left])
        values, status = run(task)
        found = status != Status.INFEASIBLE
        left = left[found]
        answers.values[left], answers.status[left] = values[found], status[found]


def withstand(task):
    """Answers that stand when all numbers move by the margin, and their statuses.

    The lead that an answer needs is read off the slope at a weaker one: few searches
    without the margin, each to a greater lead, take the place of one that checks it at
    every step.
    """
    n = len(task.target)
    values = task.bounds.factual.copy()
    status = np.full(n, Status.INFEASIBLE, dtype=object)
    calm = replace(task.request, margin=0.0)
    floor, left = task.floor.copy(), np.arange(n)
    for _ in range(TRIES):
        part = task.take(left)
        asked = Task(
            part.subject, part.bounds, part.target, calm, floor[left], part.rows
        )
        new, stands = run(asked, brief=True, may_fall_back=False)
        there = stands != Status.INFEASIBLE
        held = there.copy()
        held[there] = part.check(new[there], np.flatnonzero(there))
        values[left[held]], status[left[held]] = new[held], stands[held]
        codes = task.codec.embed(new)
        lead, worst = part.leads_at_worst(codes, np.arange(len(left)))
        need = MORE * (lead - worst)
        # What was not found at a lead may be at a smaller one.
        odds = np.log(floor[left]) - np.log1p(-floor[left])
        need = np.where(there, np.maximum(need, MORE * odds), odds / MORE)
        floor[left] = 1 / (1 + np.exp(-need.clip(-LARGEST_LEAD, LARGEST_LEAD)))
        left = left[~held]
        if not len(left):
            break
    return values, status


def withstand_by_real_rows(task):
    """Real rows that stand when all numbers move by the margin, made simpler."""
    values = task.bounds.factual.copy()
    found = np.zeros(len(values), dtype=bool)
    if task.request.effort == "full":
        fall_back(task, values, found)
        sparsify(task, values, found)
    status = np.full(len(values), Status.INFEASIBLE, dtype=object)
    status[found] = Status.FALLBACK
    return finish(task, values, status)


def run(task, brief=False, may_fall_back=True):
    """Values and statuses of all rows of a task: the recipe."""
    if task.request.effort != "full":
        values, found = walk(task)
        return finish(task, values, _status_of(found))
    values = task.bounds.factual.copy()
    found = np.zeros(len(values), dtype=bool)
    edit(task, values, found, QUICK)
    walk_for_less(task, values, found)
    if task.subject.mixes:
        probe(task, values, found)
        take_cheaper_real_rows(task, values, found)
    # Rows that are held to a standing have reached the target otherwise.
    if not brief and not task.request.min_plausibility:
        walk_farther(task, values, found)
    edit(task, values, found, THOROUGH, only_missing=True)
    status = _status_of(found)
    if may_fall_back:
        fall_back(task, values, found, farther=not brief)
        status[found & (status == Status.INFEASIBLE)] = Status.FALLBACK
        probe(task, values, found)
        status[found & (status == Status.INFEASIBLE)] = Status.VALID
    sparsify(task, values, found)
    return finish(task, values, status)


def _status_of(found):
    return np.where(found, Status.VALID, Status.INFEASIBLE).astype(object)


def walk_for_less(task, values, found):
    """Walk where an answer may cost less than that found, and take what is better."""
    rows = np.flatnonzero(~(found & (least_cost(task) > task.cost(values))))
    if len(rows):
        part = task.take(rows)
        new, ok = walk(part)
        sparsify(part, new, ok)
        task.take_better(values, found, rows, new, ok)


def take_cheaper_real_rows(task, values, found):
    """Take the nearest real rows, made simpler, where they are the cheaper answers."""
    real, ok = task.bounds.factual.copy(), np.zeros(len(found), dtype=bool)
    fall_back(task, real, ok, farther=False)
    sparsify(task, real, ok)
    ok &= ~found | (task.cost(real) < task.cost(values))
    values[ok], found[ok] = real[ok], True


def finish(task, values, status):
    """Keep answers to the number of changes, and pull them back as far as they go."""
    found = status != Status.INFEASIBLE
    if task.request.max_changes is not None:
        free = values.copy()
        restrict(task, values, found)
        status[(values != free).any(axis=1)] = Status.VALID
        status[~found] = Status.INFEASIBLE
    if task.request.effort == "full":
        pull_back(task, values, found)
    return values, status
