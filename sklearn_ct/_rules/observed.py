"""Relations that hold in every row of a table, learned from it.

Nobody tells a relation from a gap by its absence alone. A relation is kept where many
rows would break it if its columns had nothing to do with each other, and where rows
crowd at its limit rather than thin out towards it.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from sklearn_ct._rules.relations import Relation, plain

# Rows that would break a relation by chance, were its columns independent.
AT_RISK = 50.0
# Rows expected just beyond a limit if their number went on as it is just before it.
BEYOND = 5.0
# Rows nearest to a limit where no value has several: the crowd there.
CROWD = 30
# Values drawn to tell how often independent columns would break an order.
DRAWN = 2000
# Wider tables, of pixels or words, have no relations to learn.
MOST_VARIABLES = 100


@dataclass(frozen=True)
class Group:
    """Rows where a variable has values of a range.

    Attributes
    ----------
    variable : int
    low, high : float
        Ends of the range, in values; of a category both are its code.
    rows : boolean ndarray of shape (n,)
    """

    variable: int
    low: float
    high: float
    rows: np.ndarray

    @property
    def range(self):
        """Return the variable and the ends."""
        return self.variable, self.low, self.high

    def where(self, variables):
        """Say the condition as `Relation` takes it."""
        variable = variables[self.variable]
        if not variable.is_number:
            label = variable.categories[[int(self.low)]].tolist()
            return {variable.name: tuple(label)}
        if self.low == self.high:
            return {variable.name: self.low}
        return {variable.name: (self.low, self.high)}


def observe(values, codec):
    """Learn the relations that hold in every row.

    Parameters
    ----------
    values : ndarray of shape (n, n_variables)
    codec : Codec

    Returns
    -------
    list of Relation
        Numbers that stay on one side of a limit in all rows of a category or with the
        least or greatest value of another number, or with any other; categories that
        occur with these only; orders of two numbers, in all rows or in these.

    Notes
    -----
    Two questions are asked of a limit. How many rows of the group would lie beyond it
    if they were like the others: at least 50, where none does, is no chance. And does
    the crowd end there: of ``k`` rows at the limit, or next to it, and ``l`` in the
    step before, ``k * k / l`` would follow beyond it if it thinned out as it does;
    at least 5 say that something stops it.
    """
    variables, values = codec.variables_, plain(values, codec)
    if len(variables) > MOST_VARIABLES:
        return []
    groups = list(_groups(values, variables))
    orders = _orders(values, variables)
    found = [
        *((order,) for order in orders.values()),
        *_bounds(values, variables, groups),
        *_orders_within(values, variables, groups, orders),
        *_categories(values, variables, groups),
    ]
    return list(_distinct(found, values))


def _groups(values, variables):
    """Rows of each category, of the ends of each number, and of the rest of it."""
    for j, variable in enumerate(variables):
        x = values[:, j]
        if not variable.is_number:
            for code in range(len(variable.categories)):
                yield from _group(j, code, code, x)
            continue
        known = np.unique(x[~np.isnan(x)])
        if len(known) > 1:
            yield from _group(j, known[0], known[0], x)
            yield from _group(j, _next(variable, known[0], 1.0), np.inf, x)
            yield from _group(j, known[-1], known[-1], x)
            yield from _group(j, -np.inf, _next(variable, known[-1], -1.0), x)


def _group(j, low, high, x):
    rows = (x >= low) & (x <= high)
    if AT_RISK <= rows.sum() <= len(rows) - AT_RISK:
        yield Group(j, float(low), float(high), rows)


def _at_risk(outside, size, n):
    """Rows of a group that would be among ``outside`` ones, as many as tell of it.

    That all of these lie outside of the group is as likely, were both independent, as
    that none of so many rare events happens: ``exp(-at_risk)``.
    """
    return -outside * np.log1p(-size / n)


def _next(variable, value, direction):
    """Find the next value of a column in a direction."""
    if variable.decimals is None:
        return np.nextafter(value, direction * np.inf)
    return float(variable.round(value + direction * 10.0**-variable.decimals))


# -- one number within a group ----------------------------------------------------


def _bounds(values, variables, groups):
    for j, variable in enumerate(variables):
        if not variable.is_number:
            continue
        for sign in (1.0, -1.0):
            x = sign * values[:, j]
            known = np.unique(x[~np.isnan(x)])
            for group in groups:
                limit = _limit(x, known, group) if group.variable != j else None
                if limit is None:
                    continue
                end = {"at_most" if sign > 0 else "at_least": sign * limit}
                relation = Relation(variable.name, where=group.where(variables), **end)
                beyond = _next(variable, sign * limit, sign), sign * np.inf
                yield relation, (group.range, (j, *sorted(beyond)))


def _limit(x, known, group):
    """Limit that a number keeps in a group and not outside, or None."""
    inside, outside = x[group.rows], x[~group.rows]
    inside = inside[~np.isnan(inside)]
    if not len(inside):
        return None
    limit = inside.max()
    if _at_risk((outside > limit).sum(), len(inside), len(x)) < AT_RISK:
        return None
    step = known[np.searchsorted(known, limit, side="right")] - limit
    return limit if _stops(limit - inside, step) else None


def _stops(distance, step):
    """Whether rows crowd at a limit, given how far below it each of them is."""
    near = (distance < step).sum()
    before = ((distance >= step) & (distance < 2 * step)).sum()
    return near * near / max(near, before, 1) >= BEYOND


# -- orders of two numbers --------------------------------------------------------


def _orders(values, variables):
    """Find ``a <= b``, or what is stricter, in all rows: {(a, b): Relation}."""
    found = {}
    numbers = [j for j, variable in enumerate(variables) if variable.is_number]
    draw = np.random.default_rng(0).permutation(len(values))[:DRAWN]
    columns = {j: values[draw, j] for j in numbers}
    columns = {j: np.sort(x[~np.isnan(x)]) for j, x in columns.items()}
    for a, b in permutations(numbers, 2):
        gap = values[:, b] - values[:, a]
        gap = gap[~np.isnan(gap)]
        if not len(gap) or (least := gap.min()) < 0:
            continue
        # The columns overlap: paired at random, a is above b in many rows.
        above = _share_above(columns[a], columns[b], 0.0)
        if len(gap) * above < AT_RISK:
            continue
        known = np.unique(gap)
        if least > 0 and len(known) > 1 and _stops(gap - least, known[1] - least):
            found[a, b] = _order(variables, a, b, least, None)
        elif _stops(gap, _crowd(gap)):
            found[a, b] = _order(variables, a, b, 0.0, None)
    return found


def _share_above(a, b, by):
    return np.searchsorted(b, a - by, side="left").mean() / len(b)


def _crowd(gap):
    """Reach of the crowd next to a limit."""
    k = min(CROWD, len(gap)) - 1
    return np.nextafter(np.partition(gap, k)[k], np.inf)


def _order(variables, a, b, least, group):
    return Relation(
        variables[a].name,
        minus=variables[b].name,
        at_most=-least if least else 0.0,
        where=group and group.where(variables),
    )


def _orders_within(values, variables, groups, orders):
    """Find ``a <= b`` in the rows of a group, though not in all."""
    numbers = [j for j, variable in enumerate(variables) if variable.is_number]
    pairs = [pair for pair in permutations(numbers, 2) if pair not in orders]
    if not pairs or not groups:
        return
    inside = np.array([group.rows for group in groups], dtype=np.float32)
    above = np.array([values[:, a] > values[:, b] for a, b in pairs], dtype=np.float32)
    size, total = inside.sum(axis=1), above.sum(axis=1)
    at_risk = _at_risk(total, size[:, None], len(values))
    candidates = (inside @ above.T == 0) & (at_risk >= AT_RISK)
    for i, k in zip(*np.nonzero(candidates), strict=True):
        (a, b), group = pairs[k], groups[i]
        if group.variable in (a, b):
            continue
        x, y = values[group.rows, a], values[group.rows, b]
        gap = y - x
        gap = gap[~np.isnan(gap)]
        # Not by their ranges in the group alone.
        overlap = len(gap) and len(gap) * _share_above(
            x[~np.isnan(x)], np.sort(y[~np.isnan(y)]), 0.0
        )
        if overlap >= AT_RISK and _stops(gap, _crowd(gap)):
            yield (_order(variables, a, b, 0.0, group),)


# -- categories within a group ----------------------------------------------------


def _categories(values, variables, groups):
    for j, variable in enumerate(variables):
        if variable.is_number:
            continue
        size = len(variable.categories)
        code = values[:, j].astype(int)
        for group in groups:
            # Of two categories one side says it all.
            both = not variables[group.variable].is_number
            if group.variable == j or (both and group.variable > j):
                continue
            inside, outside = (
                np.bincount(each[each >= 0], minlength=size)
                for each in (code[group.rows], code[~group.rows])
            )
            at_risk = _at_risk(outside, inside.sum(), len(code))
            never = (inside == 0) & (at_risk >= AT_RISK)
            if not never.any():
                continue
            kind = "never" if never.sum() <= (inside > 0).sum() else "among"
            labels = variable.categories[never == (kind == "never")]
            relation = Relation(
                variable.name,
                where=group.where(variables),
                **{kind: tuple(labels.tolist())},
            )
            cells = ((group.range, (j, d, d)) for d in np.flatnonzero(never))
            yield relation, *cells


def _distinct(found, values):
    """Leave out what another has said already, the other way round."""
    seen = set()
    for relation, *never in found:
        cells = [_cell(pair, values) for pair in never]
        if not cells or not seen.issuperset(cells):
            seen.update(cells)
            yield relation


def _cell(pair, values):
    """Two ranges that do not occur together, by the places of the values in them."""
    places = []
    for j, low, high in pair:
        known = np.unique(values[:, j])
        ends = np.searchsorted(known, low), np.searchsorted(known, high, side="right")
        places.append((j, *map(int, ends)))
    return frozenset(places)
