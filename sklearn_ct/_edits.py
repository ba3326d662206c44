"""Search over single-feature edits: the discrete half of finding an answer.

The gradient walk is good with numbers and poor with categories, which it leaves
between the corners of the simplex. This search moves from real row to real row: a
state is a row, an edit sets one feature to a category or to a value seen in the data,
and a beam of the most promising states is kept for each row. All rows go together.
"""

from dataclasses import dataclass

import numpy as np
import torch

# Weight of a row's distance to real rows of the target class beside its cost.
PLAUSIBILITY = 0.25
BLOCK = 250_000  # hidden units evaluated at a time: what a cache holds


@dataclass(frozen=True)
class Effort:
    """How far to look: levels of a number, rare categories, beam width, edits a row."""

    levels: int
    rarest: float  # categories with a smaller share of the class are not tried
    width: int
    depth: int


QUICK = Effort(levels=9, rarest=0.01, width=2, depth=4)
THOROUGH = Effort(levels=33, rarest=0.0, width=8, depth=8)


@dataclass(frozen=True)
class Edits:
    """Every single-feature edit: set a variable to a value.

    Attributes
    ----------
    variable : ndarray of shape (m,)
        Index of the variable.
    value : ndarray of shape (m,)
        The value it is set to.
    codes : ndarray of shape (m, d)
        Codes of the value at the variable's slots, 0 elsewhere.
    slots : boolean ndarray of shape (m, d)
        The variable's slots.
    real : Real
        The rows that the levels are from.
    """

    variable: np.ndarray
    value: np.ndarray
    codes: np.ndarray
    slots: np.ndarray
    real: "Real"

    @classmethod
    def of(cls, codec, references, effort):
        """List the edits to categories and to quantiles of real rows.

        Parameters
        ----------
        codec : TabularEncoder or PipelineCodec
        references : ndarray of shape (k, n_variables)
            Values of real rows of the target class.
        effort : Effort
        """
        variable, value, slots = [], [], []
        for j, feature in enumerate(codec.variables_):
            own = codec.slots_of(j)
            if not own.any():
                continue
            if feature.is_number:
                share = np.linspace(0, 1, effort.levels)
                levels = np.quantile(references[:, j], share, method="nearest")
                levels = np.unique(feature.round(levels))
            else:
                size = len(feature.categories)
                codes = references[:, j].astype(int)
                share = np.bincount(codes[codes >= 0], minlength=size) / len(references)
                levels = np.flatnonzero(share >= effort.rarest).astype(float)
            variable += [j] * len(levels)
            value += levels.tolist()
            slots += [own] * len(levels)
        variable, value = np.array(variable, dtype=int), np.array(value)
        width = codec.slots_of(0).shape[0]
        slots = np.array(slots, dtype=bool).reshape(len(value), width)
        rows = np.repeat(references[:1], len(value), axis=0)
        rows[np.arange(len(value)), variable] = value
        codes = np.where(slots, codec.embed(rows), 0.0)
        return cls(variable, value, codes, slots, Real.of(codec.embed(references)))

    def allowed(self, bounds, codec):
        """Which edits the rules allow each row, boolean of shape (n, m)."""
        n = len(bounds.factual)
        allowed = np.empty((n, len(self.value)), dtype=bool)
        for j in np.unique(self.variable):
            mine = np.flatnonzero(self.variable == j)
            values = self.value[mine]
            if codec.variables_[j].is_number:
                inside = (values >= bounds.lower[:, [j]]) & (
                    values <= bounds.upper[:, [j]]
                )
            else:
                slot = codec.variables_[j].slots
                inside = bounds.allowed[:, slot][:, values.astype(int)]
            # Back to where it was is always possible, unless it must move.
            inside |= (values == bounds.factual[:, [j]]) & ~bounds.must[:, [j]]
            allowed[:, mine] = inside & ~bounds.frozen[:, [j]]
        return allowed

    def apply(self, values, edit):
        """Values with an edit each, of shape (s, n_variables)."""
        edited = values.copy()
        edited[np.arange(len(edit)), self.variable[edit]] = self.value[edit]
        return edited

    def costs(self, codes, weights):
        """Cost of each edit, of a row at its factual's ``codes``, of shape (n, m)."""
        cost = np.empty((len(codes), len(self.value)))
        for j in np.unique(self.variable):
            mine = np.flatnonzero(self.variable == j)
            own = np.flatnonzero(self.slots[mine[0]])
            distance = codes[:, None, own] - self.codes[None, mine][:, :, own]
            cost[:, mine] = np.abs(distance).sum(axis=2) * weights[j]
        return cost

    def distances(self):
        """Distance of each edited variable to the real rows, of shape (m,)."""
        return (self.real.distances(self.codes) * self.slots).sum(axis=1)


@dataclass(frozen=True)
class Real:
    """Codes of real rows, ready to tell the mean l1 distance to them column by column.

    Attributes
    ----------
    codes : ndarray of shape (k, d)
        Each column sorted.
    sums : ndarray of shape (k + 1, d)
        Sums of the smallest 0, 1, ..., k of each column.
    """

    codes: np.ndarray
    sums: np.ndarray

    @classmethod
    def of(cls, codes):
        """Sort the columns."""
        ordered = np.sort(codes, axis=0)
        return cls(ordered, np.vstack([np.zeros(codes.shape[1]), ordered.cumsum(0)]))

    def distances(self, codes):
        """Mean of ``|x_d - r_d|`` over the real rows ``r``, of shape (n, d)."""
        k = len(self.codes)
        mean = np.empty(codes.shape)
        for d in range(codes.shape[1]):
            below = np.searchsorted(self.codes[:, d], codes[:, d])
            sums = self.sums[:, d]
            mean[:, d] = codes[:, d] * (2 * below - k) + sums[k] - 2 * sums[below]
        return mean / k


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
    A best-first search with bounded width: states are ranked by their cost plus an
    estimate of what is left to pay, the margin still missing over the best margin that
    any edit of the state buys for a unit of cost.
    """
    factual, m = task.bounds.factual, len(edits.value)
    home = task.codec.embed(factual)
    allowed = edits.allowed(task.bounds, task.codec)
    price = edits.costs(home, task.options.cost)
    nearer = task.codec.collect(edits.real.distances(home))[:, edits.variable]
    price += PLAUSIBILITY * (edits.distances() - nearer)
    # One state for each row to begin with, the factual with what must move moved; and
    # the cost paid for each variable.
    owner, values = np.arange(len(factual)), task.settle(factual)
    codes, paid = task.codec.embed(values), task.parts(values, factual)
    best = values.copy()
    best_cost = np.where(task.check(values), paid.sum(axis=1), np.inf)
    for _ in range(effort.depth if len(factual) and m else 0):
        open_ = allowed[owner] & (values[:, edits.variable] != edits.value)
        margin = margins_of_edits(task, codes, owner, edits)
        now = task.margins(codes, owner)
        extra = price[owner] - paid[:, edits.variable]
        cost = paid.sum(axis=1, keepdims=True) + extra
        rate = np.where(open_ & (extra > 0), margin - now[:, None], 0.0)
        rate = (rate / np.where(extra > 0, extra, 1.0)).max(axis=1, keepdims=True)
        left = np.maximum(-margin, 0.0) / np.maximum(rate, 1e-9)
        rank = np.where(open_, cost + left, np.inf)
        # The cheapest answer of each row.
        answer = np.where(open_ & (margin > 0), cost, np.inf)
        edit = answer.argmin(axis=1)
        answer = answer[np.arange(len(owner)), edit]
        for_row, state = _first_of_each(owner, answer)
        better = answer[state] < best_cost[for_row]
        for_row, state = for_row[better], state[better]
        best_cost[for_row] = answer[state]
        best[for_row] = edits.apply(values[state], edit[state])
        # The most promising states of the rows that could still do better.
        rank[(margin > 0) | (rank >= best_cost[owner][:, None])] = np.inf
        k = min(effort.width, m)
        picked = np.argpartition(rank, k - 1, axis=1)[:, :k]
        state, edit = np.repeat(np.arange(len(owner)), k), picked.ravel()
        rank = rank[state, edit]
        order = np.lexsort((edit, rank, owner[state]))
        order = order[np.isfinite(rank[order])]
        order = order[_place_in_group(owner[state[order]]) < effort.width]
        if not len(order):
            break
        state, edit = state[order], edit[order]
        paid = paid[state]
        paid[np.arange(len(state)), edits.variable[edit]] = price[owner[state], edit]
        codes = np.where(edits.slots[edit], edits.codes[edit], codes[state])
        values, owner = edits.apply(values[state], edit), owner[state]
    return best, np.isfinite(best_cost)


def margins_of_edits(task, codes, owner, edits):
    """Margin of the target after each edit of each state, of shape (s, m).

    Where the network begins with a linear layer an edit changes few of its inputs, so
    that the layer's output is updated rather than computed anew.
    """
    model = task.model
    first, rest = model.split()
    change = model.tensor(edits.codes)
    if first is not None:
        weight = first.weight.T  # (d, h)
        added = change @ weight
    variables, place = np.unique(edits.variable, return_inverse=True)
    example = [np.flatnonzero(edits.variable == j)[0] for j in variables]
    own = model.tensor(edits.slots[example])  # (v, d)
    m, width = len(edits.value), codes.shape[1] if first is None else added.shape[1]
    block = max(1, BLOCK // (m * width))
    margins = np.empty((len(codes), m))
    for start in range(0, len(codes), block):
        part = slice(start, start + block)
        z = model.tensor(codes[part])
        mine = z.unsqueeze(1) * own  # (s, v, d)
        with torch.no_grad():
            if first is None:
                state = z.unsqueeze(1) - mine[:, place] + change
            else:
                state = first(z).unsqueeze(1) - (mine @ weight)[:, place] + added
            logits = rest(state.flatten(0, 1))
        rows = np.repeat(owner[part], m)
        margins[part] = task.lead(logits, rows).cpu().numpy().reshape(-1, m)
    return margins


def _first_of_each(group, value):
    """Find the smallest finite value of each group: the groups and the positions."""
    order = np.lexsort((value, group))
    order = order[np.isfinite(value[order])]
    order = order[_place_in_group(group[order]) == 0]
    return group[order], order


def _place_in_group(sorted_groups):
    """Position of each element among the equal ones around it."""
    if not len(sorted_groups):
        return sorted_groups
    start = np.r_[True, sorted_groups[1:] != sorted_groups[:-1]]
    first = np.flatnonzero(start)
    return np.arange(len(sorted_groups)) - first[np.cumsum(start) - 1]
