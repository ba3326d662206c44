"""Search over single-feature edits: the discrete half of finding an answer.

The gradient walk is good with numbers and poor with categories, which it leaves
between the corners of the simplex. This search moves from real row to real row: a
state is a row, an edit sets one feature to a category or to a value seen in the data,
and a beam of the most promising states is kept for each row. All rows go together.
"""

from dataclasses import dataclass

import numpy as np
import torch

from sklearn_ct._recourse.edits import PLAUSIBILITY

BLOCK = 250_000  # hidden units evaluated at a time: what a cache holds
# Of larger codes the search over edits, which adds and takes away, loses the digits.
EXACT = 1e6
# Margins that single precision cannot tell from 0, as a share of the largest numbers.
ROUNDING = 1e-4
# Weight of what is left to pay beside what is paid: for the states kept, and, greedier,
# for the edits that the network is asked about.
GREED_KEPT = 2.0
GREED_TRIED = 10.0
# Answers of a state, the cheapest, that are asked how they stand among real rows.
ASKED = 8
# Cost of a broken relation: that of moving another feature by a standard deviation.
BROKEN = 1.0


def edit(task, values, found, effort, only_missing=False):
    """Take what the search over edits finds, where it is cheaper."""
    for k in np.unique(task.target):
        real = task.subject.references.get(int(k))
        rows = task.target == k
        rows = np.flatnonzero(rows & ~found if only_missing else rows)
        if real is None or not len(rows):
            continue
        part = task.take(rows)
        edits = real.edits(effort, part.bounds.choices)
        new, ok = search_edits(part, edits, effort)
        far = np.abs(part.home).max(axis=1) > EXACT
        again = np.flatnonzero(far | bool(task.request.link or task.request.margin))
        if len(again):
            new[again] = part.linked(new[again], again)
            ok[again] &= part.check(new[again], again)
        task.take_better(values, found, rows, new, ok)


def search_edits(task, edits, effort):
    """Find cheap answers among rows that differ from the factuals by a few edits.

    Parameters
    ----------
    task : Task
        The rows.
    edits : Edits
    effort : Effort

    Returns
    -------
    values : ndarray of shape (n, n_variables)
    found : boolean ndarray of shape (n,)

    Notes
    -----
    A best-first search with bounded width: states are ranked by their cost plus a
    multiple of what is left to pay, the margin still missing over the best margin that
    any edit of the state buys for a unit of cost, and something for every relation
    that is broken. What a kept edit breaks is restored by moving other features along,
    where they may; no answer breaks any. The network is asked about every
    edit of the factual; later only about those that rank best if each edit adds to the
    margin what it added when the network was last asked on the way to the state.
    """
    factual, m = task.bounds.factual, len(edits.value)
    allowed = edits.allowed(task.bounds, task.codec)
    price = edits.costs(task.home, task.request.cost)
    nearer = task.codec.collect(edits.real.distances(task.home))[:, edits.variable]
    price += PLAUSIBILITY * (edits.distances - nearer)
    # One state for each row to begin with, the factual with what must move moved; for
    # each of its variables the cost paid and the margin gained, and for each edit the
    # margin that it would gain.
    owner, values = np.arange(len(factual)), task.settle(factual)
    codes = task.codec.embed(values)
    now = task.margins(codes, owner)
    paid = task.parts(codes)
    gained, gain = np.zeros(paid.shape), np.zeros(price.shape)
    best = Best(values.copy(), np.full(len(factual), np.inf))
    best.offer(owner, np.where(task.check(values), paid.sum(axis=1), np.inf), values)
    for depth in range(effort.depth if len(factual) and m else 0):
        open_ = allowed[owner] & (values[:, edits.variable] != edits.value)
        broken = task.broken_after(values, owner, edits)
        extra = price[owner] - paid[:, edits.variable]
        cost = paid.sum(axis=1, keepdims=True) + extra
        without = now[:, None] - gained[:, edits.variable]
        rank = _rank(now, without + gain, cost, extra, open_, GREED_TRIED)
        k = min(effort.tried, m) if depth else m
        tried = np.argpartition(rank + BROKEN * broken, k - 1, axis=1)[:, :k]
        without, open_, extra, cost, broken = (
            np.take_along_axis(each, tried, axis=1)
            for each in (without, open_, extra, cost, broken)
        )
        margin = margins_of_edits(task, codes, owner, edits, tried)
        np.put_along_axis(gain, tried, margin - without, axis=1)
        # The cheapest answer of each row.
        is_answer = (margin > 0) & (broken == 0)
        answer = np.where(open_ & is_answer, cost, np.inf)
        _leave_rare(task, (codes, owner, edits, tried), answer, is_answer, best)
        place = answer.argmin(axis=1)
        each = np.arange(len(owner))
        best.offer(owner, answer[each, place], edits.apply(values, tried[each, place]))
        # The most promising states of the rows that could still do better.
        rank = _rank(now, margin, cost, extra, open_, GREED_KEPT) + BROKEN * broken
        rank[is_answer | (rank >= best.cost[owner][:, None])] = np.inf
        state, place = _most_promising(rank, tried, owner, effort.width)
        if not len(state):
            break
        edit, along = tried[state, place], np.flatnonzero(broken[state, place])
        row, each, variable = owner[state], np.arange(len(state)), edits.variable[edit]
        paid, gained, gain = paid[state], gained[state], gain[state]
        paid[each, variable] = price[row, edit]
        gained[each, variable] = gain[each, edit]
        codes = edits.edited(codes[state], edit)
        values, owner = edits.apply(values[state], edit), row
        if len(along):
            paid[along], gained[along] = _move_along(
                task, edits, along, (row, variable), (values, codes, paid, gained)
            )
        now = task.margins(codes, owner)
        ok = (now[along] > 0) & task.keeps(values[along], row[along])
        if task.request.min_plausibility and ok.any():
            ok[ok] = task.stands(codes[along[ok]], row[along[ok]])
        whole = np.where(ok, paid[along].sum(axis=1), np.inf)
        best.offer(row[along], whole, values[along])
    return best.values, np.isfinite(best.cost)


def _leave_rare(task, states, answer, is_answer, best):
    """Take what stands too low for states to edit further, not for answers; in place.

    Of each state the cheapest answers are asked how they stand.

    Parameters
    ----------
    task : Task
    states : tuple
        Codes (s, d), rows (s,), all edits, and numbers of each state's (s, m).
    answer : ndarray of shape (s, m)
        Cost of each answer, infinite of what is none.
    is_answer : boolean ndarray of shape (s, m)
    best : Best
    """
    if not task.request.min_plausibility:
        return
    codes, owner, edits, tried = states
    k = min(ASKED, answer.shape[1])
    place = np.argpartition(answer, k - 1, axis=1)[:, :k]
    cost = np.take_along_axis(answer, place, axis=1)
    answer[:] = np.inf
    state, which = np.nonzero(cost < best.cost[owner][:, None])
    place = place[state, which]
    edited = edits.edited(codes[state], tried[state, place])
    stands = task.stands(edited, owner[state])
    is_answer[state, place] = stands
    answer[state[stands], place[stands]] = cost[state, which][stands]


def _move_along(task, edits, along, edit, states):
    """Move what has to move with the edits of some states, in values and codes.

    Returns
    -------
    paid, gained : ndarray of shape (len(along), n_variables)
        What they have paid then, and gained: nobody knows by what moved along.
    """
    row, variable = (each[along] for each in edit)
    values, codes, paid, gained = states
    before, values[along] = (
        values[along],
        task.related(values[along], row, variable),
    )
    codes[along] = task.codec.embed(values[along])
    far, near = (
        task.codec.collect(edits.real.distances(each))
        for each in (codes[along], task.home[row])
    )
    whole = task.parts(codes[along], row) + PLAUSIBILITY * (far - near)
    moves = values[along] != before
    return np.where(moves, whole, paid[along]), np.where(moves, 0.0, gained[along])


@dataclass
class Best:
    """The cheapest answer of each row so far, and its cost."""

    values: np.ndarray
    cost: np.ndarray

    def offer(self, owner, cost, values):
        """Take answers of rows where they are cheaper; of infinite cost there is none.

        Parameters
        ----------
        owner : ndarray of shape (s,)
            The row that each answers.
        cost : ndarray of shape (s,)
        values : ndarray of shape (s, n_variables)
        """
        row, first = _first_of_each(owner, cost)
        better = cost[first] < self.cost[row]
        row, first = row[better], first[better]
        self.cost[row], self.values[row] = cost[first], values[first]


def _most_promising(rank, tried, owner, width):
    """Pick the ``width`` edited states of each row that rank first.

    Returns
    -------
    state, place : ndarray of shape (s,)
        Of the edits ``tried[state, place]``.
    """
    k = min(width, rank.shape[1])
    place = np.argpartition(rank, k - 1, axis=1)[:, :k].ravel()
    state = np.repeat(np.arange(len(owner)), k)
    rank, edit = rank[state, place], tried[state, place]
    order = np.lexsort((edit, rank, owner[state]))
    order = order[np.isfinite(rank[order])]
    order = order[place_in_group(owner[state[order]]) < width]
    return state[order], place[order]


def _rank(now, margin, cost, extra, open_, greed):
    """Cost of each edited state, and of what is left to pay at the best rate."""
    rate = np.where(open_ & (extra > 0), margin - now[:, None], 0.0)
    rate = (rate / np.where(extra > 0, extra, 1.0)).max(axis=1, keepdims=True)
    left = np.maximum(-margin, 0.0) / np.maximum(rate, 1e-9)
    return np.where(open_, cost + greed * left, np.inf)


def margins_of_edits(task, codes, owner, edits, tried):
    """Margin of the target after some edits of each state.

    In single precision, which is enough to rank edits; in double where the sign, which
    decides, could be another. Where the network begins with a linear layer an edit
    changes few of its inputs, so that the layer's output is updated rather than
    computed anew.

    Parameters
    ----------
    task : Task
    codes : ndarray of shape (s, d)
        Of the states.
    owner : ndarray of shape (s,)
        The row of the task that each state belongs to.
    edits : Edits
    tried : ndarray of shape (s, k)
        Numbers of the edits.

    Returns
    -------
    ndarray of shape (s, k)
    """
    network = task.subject.network.single
    first, rest = network.parts
    inputs = edits.inputs(network)
    k = tried.shape[1]
    width = codes.shape[1] if first is None else inputs.weight.shape[1]
    block = max(1, BLOCK // (k * width))
    margins = np.empty(tried.shape)
    for start in range(0, len(codes), block):
        part = slice(start, start + block)
        z, edit = network.tensor(codes[part]), tried[part]
        with torch.no_grad():
            if first is None:
                state = torch.where(
                    inputs.slots[edit], inputs.codes[edit], z.unsqueeze(1)
                )
                state = state.flatten(0, 1)
            else:
                # The layer's output without what each variable contributes.
                own = [z[:, one] @ inputs.weight[one] for one in edits.own]
                without = first(z).unsqueeze(1) - torch.stack(own, dim=1)  # (s, v, h)
                of = inputs.place[edit] + len(own) * np.arange(len(z))[:, None]
                state = _rows(without.flatten(0, 1), of).add_(_rows(inputs.added, edit))
            logits = rest.forward(state)
        rows = np.repeat(owner[part], k)
        margins[part] = task.lead(logits, rows).cpu().numpy().reshape(-1, k)
    size = np.abs(codes).max(axis=1) + np.abs(margins).max(axis=1)
    # What is not a number is close, too.
    close = ~(np.abs(margins) > ROUNDING * (1 + size)[:, None])
    state, place = np.nonzero(close)
    edited = edits.edited(codes[state], tried[state, place])
    margins[state, place] = task.margins(edited, owner[state])
    return margins


def _rows(table, numbers):
    """Rows of those numbers, of any shape, one after the other."""
    numbers = torch.from_numpy(numbers.ravel()).to(table.device)
    return table.index_select(0, numbers)


def _first_of_each(group, value):
    """Find the smallest finite value of each group: the groups and the positions."""
    order = np.lexsort((value, group))
    order = order[np.isfinite(value[order])]
    order = order[place_in_group(group[order]) == 0]
    return group[order], order


def place_in_group(sorted_groups):
    """Position of each element among the equal ones around it."""
    if not len(sorted_groups):
        return sorted_groups
    start = np.r_[True, sorted_groups[1:] != sorted_groups[:-1]]
    first = np.flatnonzero(start)
    return np.arange(len(sorted_groups)) - first[np.cumsum(start) - 1]
