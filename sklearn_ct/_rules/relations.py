"""What holds between columns: in the words of users, and ready to be asked.

A relation says where a quantity, a column or the difference of two, must lie: always,
or in the rows where another column has certain values.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from numbers import Real

import numpy as np

from sklearn_ct._rules.language import chosen, ends
from sklearn_ct._rules.names import traced
from sklearn_ct._tables.feature import cut


@dataclass(frozen=True, repr=False)
class Relation:
    """A relation in the user's columns, units and labels.

    Attributes
    ----------
    column : str or int
        The column that it is about.
    minus : str or int, optional
        A number that is subtracted from it first.
    at_least, at_most : float, optional
        Bounds of the number, or of the difference.
    among : tuple, optional
        Of a category, the labels that it may have.
    never : tuple, optional
        Of a category, the labels that it may not have.
    where : dict, optional
        ``{column: label, list of labels, number or (low, high)}``, a single entry: the
        rows that it is about; None: all.

    Examples
    --------
    >>> print(Relation("years", minus="age", at_most=-16.0))
    years - age <= -16
    >>> print(Relation("debt", at_most=0.0, where={"lines": 0}))
    debt <= 0 where lines is 0
    """

    column: object
    minus: object = None
    at_least: float | None = None
    at_most: float | None = None
    among: tuple | None = None
    never: tuple | None = None
    where: dict | None = None

    def __repr__(self):
        return f"<{self}>"

    def __str__(self):
        what = str(self.column)
        if self.minus is not None and {self.at_least, self.at_most} <= {0, None}:
            bound = f"{self.minus}"
            signs = {(0, 0): "=", (0, None): ">=", (None, 0): "<="}
            text = f"{what} {signs[self.at_least, self.at_most]} {bound}"
        elif self.among is not None:
            text = f"{what} is {_labels(self.among)}"
        elif self.never is not None:
            text = f"{what} is not {_labels(self.never)}"
        else:
            what += "" if self.minus is None else f" - {self.minus}"
            text = _interval(what, self.at_least, self.at_most)
        for column, entry in (self.where or {}).items():
            text += f" where {_condition(column, entry)}"
        return text


def _labels(labels):
    if len(labels) == 1:
        return repr(labels[0])
    return f"one of {cut(labels)[1:-1]}"


def _interval(what, low, high):
    """Say that a number lies between two ends; an end just beyond a number is open."""
    if low == high:
        return f"{what} = {low:g}"
    parts = []
    for end, sign, outward in ((low, ">", -np.inf), (high, "<", np.inf)):
        if end is None or np.isinf(end):
            continue
        beyond = float(np.nextafter(end, outward))
        is_open = len(repr(beyond)) < len(repr(float(end)))
        parts.append(f"{sign} {beyond:g}" if is_open else f"{sign}= {end:g}")
    return f"{what} {' and '.join(parts)}"


def _condition(column, entry):
    pair = ends(entry) if isinstance(entry, tuple) else None
    if pair is not None:
        return _interval(column, *pair)
    if isinstance(entry, Real) and not isinstance(entry, bool):
        return f"{column} is {entry:g}"
    labels = entry if isinstance(entry, list | tuple) else (entry,)
    return f"{column} is {_labels(labels)}"


@dataclass(frozen=True)
class Relations:
    """Relations compiled for values; each row below is one of their sides.

    Attributes
    ----------
    words : tuple of Relation
        What they say.
    source : ndarray of shape (R,)
        The relation that each side is of.
    where, low, high : ndarray of shape (R,)
        The column of the condition, -1 for none, and the range of its values.
    column, minus : ndarray of shape (R,)
        The column spoken of, and the one subtracted, -1 for none.
    sign, limit : ndarray of shape (R,)
        ``sign * (column - minus) <= limit`` must hold; of categories limit is NaN.
    among : boolean ndarray of shape (R, n_categories)
        Codes allowed, True for numbers.
    codec : Codec
        Of the values.
    """

    words: tuple
    source: np.ndarray
    where: np.ndarray
    low: np.ndarray
    high: np.ndarray
    column: np.ndarray
    minus: np.ndarray
    sign: np.ndarray
    limit: np.ndarray
    among: np.ndarray
    codec: object

    @classmethod
    def of(cls, words, codec):
        """Compile relations, given as `Relation` or as dicts of its attributes.

        Raises
        ------
        ValueError
            On unknown columns or labels, bounds of categories and such; it names the
            relation and the column.
        """
        words = tuple(map(as_relation, words))
        sides = [
            (i, *side)
            for i, relation in enumerate(words)
            for side in _sides(relation, codec)
        ]
        columns = list(zip(*sides, strict=True)) or [()] * 9
        whole = [np.array(columns[k], dtype=int) for k in (0, 1, 4, 5)]
        real = [np.array(columns[k], dtype=float) for k in (2, 3, 6, 7)]
        width = max((len(a) for a in columns[8] if a is not None), default=1)
        among = np.ones((len(sides), width), dtype=bool)
        for r, allowed in enumerate(columns[8]):
            if allowed is not None:
                among[r, : len(allowed)] = allowed
        source, where, column, minus = whole
        low, high, sign, limit = real
        return cls(
            words, source, where, low, high, column, minus, sign, limit, among, codec
        )

    def __len__(self):
        return len(self.where)

    def kept_by(self, values):
        """List the relations that hold in all rows."""
        broken = set(self.source[(self.excess(values) > 0).any(axis=0)])
        return [words for i, words in enumerate(self.words) if i not in broken]

    def speak_of(self, variables):
        """Which sides speak of variables (n, n_variables) of rows, (n, R)."""
        padded = np.hstack([variables, np.zeros((len(variables), 1), dtype=bool)])
        return np.logical_or.reduce([padded[:, each] for each in self.spoken()])

    def out_of_reach(self, rules):
        """Tell where rules leave a relation without any value.

        Yields
        ------
        none : boolean ndarray of shape (1,) or (n,)
            Whose rules do.
        sentence : str
            It names the relation and the column.
        """
        for r in np.flatnonzero(self.where < 0):
            column, minus = self.column[r], self.minus[r]
            variable = self.codec.variables_[column]
            if np.isnan(self.limit[r]):
                among = self.among[r, : len(variable.categories)]
                none = ~(rules.allowed[:, variable.slots] & among).any(axis=1)
            else:
                ends = (rules.lower, rules.upper)[:: int(self.sign[r])]
                rest = 0.0 if minus < 0 else ends[1][:, minus]
                none = self.sign[r] * (ends[0][:, column] - rest) > self.limit[r]
            if none.any():
                words = str(self.words[self.source[r]])
                sentence = (
                    f"the 'domain' of column {variable.name!r} leaves no value with "
                    f"which the relation {words!r} holds: widen the domain, or leave "
                    "the relation out of 'relations'"
                )
                yield none, sentence

    def excess(self, values, sides=slice(None)):
        """By how much rows break sides, (n, R); 0 where they keep them."""
        return self.excess_of(sides, *self._cells(plain(values, self.codec), sides))

    def _cells(self, values, sides=slice(None)):
        """Cells of the columns that sides speak of, 0 for none, (n, R) each."""
        return [np.where(j < 0, 0.0, values[:, j]) for j in self.spoken(sides)]

    def spoken(self, sides=slice(None)):
        """Columns that sides speak of: of the condition, spoken of, subtracted."""
        return self.where[sides], self.column[sides], self.minus[sides]

    def excess_of(self, sides, where, column, minus):
        """Excess of sides for the cells of the columns that they speak of."""
        return self._over(sides, column, minus) * self._applies(sides, where)

    def _applies(self, sides, where):
        """Whether the conditions of sides hold."""
        return (where >= self.low[sides]) & (where <= self.high[sides])

    def _over(self, sides, column, minus):
        """Excess of sides wherever their conditions hold."""
        over = self.sign[sides] * (column - minus) - self.limit[sides]
        over = np.fmax(over, 0.0)  # a missing cell breaks nothing
        words = self._words[sides]
        if words.ndim == 0 and words:
            over = self._other(self.among[sides][None], column)
        elif words.ndim and words.any():
            over[:, words] = self._other(self.among[sides][words], column[:, words])
        return over

    @staticmethod
    def _other(among, code):
        """Whether codes are none of those allowed; unknown ones are left alone."""
        place = code.astype(int)
        if len(among) == 1:
            return ~among[0][place] & (place >= 0)
        return ~among[np.arange(len(among)), place] & (place >= 0)

    @cached_property
    def _words(self):
        """Which sides speak of categories."""
        return np.isnan(self.limit)

    def broken(self, values, own, factual):
        """Which sides rows break by more than their factuals do.

        Parameters
        ----------
        values, factual : ndarray of shape (n, n_variables)
        own : ndarray of shape (n, R)
            Excess of the factuals, or more.

        Returns
        -------
        boolean ndarray of shape (n, R)
        """
        broken = np.zeros(own.shape, dtype=bool)
        # Only those that speak of what has changed.
        changed = (values != factual).any(axis=0)
        sides = np.flatnonzero(self._touches[:, changed].any(axis=1))
        if len(sides):
            broken[:, sides] = self.excess(values, sides) > own[:, sides]
        return broken

    @cached_property
    def _touches(self):
        """Which variables each side speaks of, boolean of shape (R, n_variables)."""
        touches = np.zeros((len(self), len(self.codec.variables_) + 1), dtype=bool)
        for each in self.spoken():
            touches[np.arange(len(self)), each] = True
        return touches[:, :-1]

    def after(self, values, own, variable, value):
        """Sides broken after single edits of rows.

        Parameters
        ----------
        values : ndarray of shape (s, n_variables)
        own : ndarray of shape (s, R)
            Excess of the rows' factuals.
        variable, value : ndarray of shape (m,)
            Of the edits: what they set, and to what.

        Returns
        -------
        ndarray of int, shape (s, m)
        """
        values, every = plain(values, self.codec), slice(None)
        where, *cells = self._cells(values)
        over, applies = self._over(every, *cells), self._applies(every, where)
        now = over * applies > own
        broken = np.repeat(now.sum(axis=1)[:, None], len(variable), axis=1)
        # Rows where an edit of the condition's column, or of another, may break a side.
        itself = self.where == self.column
        by_condition = (over > 0) | (self.minus >= 0) | itself
        by_other = applies | itself
        for j in np.unique(variable):
            mine = np.flatnonzero(variable == j)
            may = np.where(self.where == j, by_condition, by_other)
            for r in np.flatnonzero(self._touches[:, j] & (may | now).any(axis=0)):
                if now[:, r].any():
                    broken[:, mine] -= now[:, [r]]
                rows = np.flatnonzero(may[:, r])
                edits = mine[self._may_break(r, j, value[mine])]
                cells = (
                    value[edits][None]
                    if k == j
                    else (values[rows][:, [k]] if k >= 0 else 0.0)
                    for k in self.spoken(r)
                )
                then = self.excess_of(r, *cells) > own[rows][:, [r]]
                broken[np.ix_(rows, edits)] += then
        return broken

    def _may_break(self, r, j, value):
        """Which values of a variable may break a side that speaks of it."""
        if self.where[r] == self.column[r]:
            return np.ones(len(value), dtype=bool)
        if self.where[r] == j:
            return self._applies(r, value)
        return (self._over(r, value, 0.0) > 0) | (self.minus[r] >= 0)

    # -- restored ---------------------------------------------------------------

    def restore(self, values, own, bounds, place=slice(None), held=None):
        """Move columns along so that rows keep the relations, where they may move.

        A number is set to its limit or a category to one that is allowed; else the
        condition's column goes back to the factual's, or on to a category that fits.
        What cannot be restored stays broken, for `broken` to tell.

        Parameters
        ----------
        values : ndarray of shape (n, n_variables)
        own : ndarray of shape (n, R)
            Excess of the factuals.
        bounds : Bounds
        place : ndarray of shape (n,), optional
            The row of the bounds that each row has.
        held : ndarray of shape (n,), optional
            A variable of each row that must stay.

        Returns
        -------
        ndarray of shape (n, n_variables)
        """
        over = self.broken(values, own, bounds.factual[place])
        rows = np.flatnonzero(over.any(axis=1))
        if not len(rows):
            return values
        values = values.copy()
        held = np.full(len(values), -1) if held is None else held
        part = bounds.take(np.arange(len(bounds.factual))[place][rows])
        mover = _Mover(self, values[rows], own[rows], part, held[rows])
        for _ in range(2):  # what is moved may break another one
            broken = mover.broken.any(axis=0)
            if not broken.any():
                break
            for r in np.flatnonzero(broken):
                mover.restore(r)
        fits = part.holds(mover.values, self.codec)
        fits &= part.in_steps(mover.values, self.codec)
        values[rows[fits]] = mover.values[fits]
        return values


class _Mover:
    """Rows with a broken relation, moved until they keep it."""

    def __init__(self, relations, values, own, bounds, held):
        self.relations = relations
        self.values = values
        self.own = own
        self.bounds = bounds
        self.codec = relations.codec
        self.held = held

    @property
    def broken(self):
        return self.relations.broken(self.values, self.own, self.bounds.factual)

    def restore(self, r):
        """Restore one side, in the first way that the rules of a row allow."""
        of, self.left = self.relations, np.arange(len(self.values))
        where, column, minus = of.where[r], of.column[r], of.minus[r]
        limit, sign = of.limit[r], of.sign[r]
        if np.isnan(limit):
            self._choose(r, column, of.among[r])
        else:
            if minus >= 0:
                self._set(r, minus, self.values[:, column] - sign * limit, sign)
            rest = self.values[:, minus] if minus >= 0 else 0.0
            self._set(r, column, rest + sign * limit, -sign)
        if where >= 0:
            self._back(r, where)
            if not self.codec.variables_[where].is_number:
                self._fit(r, where)

    def _rows(self, r, j):
        """Rows that still break a side and whose variable ``j`` may move."""
        if not len(self.left):
            return self.left
        over = self.relations.excess(self.values[self.left], [r])[:, 0]
        self.left = self.left[over > self.own[self.left, r]]
        rows = self.left[self.held[self.left] != j]
        return rows[~self.bounds.frozen[rows, j]]

    def _set(self, r, j, target, direction):
        rows = self._rows(r, j)
        if not len(rows):
            return
        target = np.broadcast_to(target, len(self.values))[rows]
        variable, bounds = self.codec.variables_[j], self.bounds
        direction = np.full(len(rows), direction)
        new = variable.snap(target, direction)
        if variable.smallest:  # on to what is no smaller
            here = bounds.factual[rows, j]
            far = variable.snap(here + direction * variable.smallest, direction)
            new = np.where(variable.is_answer(new, here), new, far)
        ok = (new >= bounds.lower[rows, j]) & (new <= bounds.upper[rows, j])
        self.values[rows[ok], j] = new[ok]

    def _choose(self, r, j, among):
        rows = self._rows(r, j)
        if not len(rows):
            return
        size = len(self.codec.variables_[j].categories)
        allowed = self.bounds.allowed[rows][:, self.codec.variables_[j].slots]
        allowed = allowed & among[:size]
        ok = allowed.any(axis=1)
        self.values[rows[ok], j] = allowed[ok].argmax(axis=1)

    def _back(self, r, j):
        rows = self._rows(r, j)
        rows = rows[~self.bounds.must[rows, j]]
        self.values[rows, j] = self.bounds.factual[rows, j]

    def _fit(self, r, j):
        """Set a category to the nearest one with which fewest sides are broken."""
        rows = self._rows(r, j)
        if not len(rows):
            return
        slot = self.bounds.allowed[rows][:, self.codec.variables_[j].slots]
        best = (self.relations.excess(self.values[rows]) > self.own[rows]).sum(axis=1)
        start = self.values[rows, j].astype(int)
        size = slot.shape[1]
        for step in range(1, size):
            for code in (start + step, start - step):
                inside = (code >= 0) & (code < size)
                code = np.clip(code, 0, size - 1)
                trial = self.values[rows]
                trial[:, j] = code
                broken = (self.relations.excess(trial) > self.own[rows]).sum(axis=1)
                better = inside & slot[np.arange(len(rows)), code] & (broken < best)
                best[better] = broken[better]
                self.values[rows[better], j] = code[better]


def plain(values, codec):
    """Values with NaN in place of what is no number: special ones, missing cells."""
    special = codec.special(values) & codec.numbers_
    return np.where(special, np.nan, values) if special.any() else values


# -- from words to sides ----------------------------------------------------------


def as_relation(given):
    """Make a relation of a dict of its attributes."""
    if isinstance(given, Relation):
        return given
    names = [field.name for field in fields(Relation)]
    known = isinstance(given, dict) and given.keys() <= set(names)
    if not known or "column" not in given:
        raise ValueError(
            "A relation of the 'relations' parameter must be a dict with 'column' and "
            f"some of {', '.join(map(repr, names[1:]))}. Got {given!r} instead."
        )
    return Relation(**given)


def named_here(words, codec):
    """Leave out relations of input columns of a pipeline that a codec has none of.

    These are such as its columns were made of; other unknown ones stay.
    """
    return [
        relation
        for relation in words
        if not any(
            isinstance(name, str) and name not in traced(codec, {name: []}, "relations")
            for name in (relation.column, relation.minus, *(relation.where or ()))
        )
    ]


def _sides(relation, codec):
    """Yield sides: (where, low, high, column, minus, sign, limit, among)."""
    column = _variable(relation.column, relation, codec)
    minus = -1
    if relation.minus is not None:
        minus = _variable(relation.minus, relation, codec)
    numbers = [j for j in (column, minus) if j >= 0]
    for where, low, high in _conditions(relation, codec):
        when = (where, low, high, column, minus)
        labels = relation.never if relation.among is None else relation.among
        if labels is not None:
            allowed = _codes(relation, column, labels, codec)
            allowed = allowed ^ (relation.among is None)
            others = (relation.minus, relation.at_least, relation.at_most)
            if any(other is not None for other in others):
                _refuse(relation, "labels go with no bound and no 'minus'")
            yield (*when, 1.0, np.nan, allowed)
            continue
        if relation.at_least is None and relation.at_most is None:
            _refuse(relation, "it needs 'at_least', 'at_most', 'among' or 'never'")
        for j in numbers:
            if not codec.variables_[j].is_number:
                name = codec.variables_[j].name
                _refuse(relation, f"column {name!r} is a category: give 'among'")
        pair = ends((relation.at_least, relation.at_most))
        if pair is None or not pair[0] <= pair[1]:
            _refuse(relation, "'at_least' and 'at_most' must be numbers, in this order")
        if np.isfinite(pair[1]):
            yield (*when, 1.0, pair[1], None)
        if np.isfinite(pair[0]):
            yield (*when, -1.0, -pair[0], None)


def _conditions(relation, codec):
    """Yield (column, low, high) of the rows that a relation is about."""
    if relation.where is None:
        yield -1, -np.inf, np.inf
        return
    if not isinstance(relation.where, dict) or len(relation.where) != 1:
        _refuse(relation, "'where' must be a dict with one column")
    ((name, entry),) = relation.where.items()
    where = _variable(name, relation, codec)
    if not codec.variables_[where].is_number:
        labels = entry if isinstance(entry, list | tuple) else [entry]
        for code in np.flatnonzero(_codes(relation, where, labels, codec)):
            yield where, float(code), float(code)
        return
    pair = ends((entry, entry) if np.isscalar(entry) else entry)
    if pair is None or not pair[0] <= pair[1]:
        _refuse(relation, f"'where' of the number {name!r} must be one or a pair")
    yield (where, *pair)


def _variable(name, relation, codec):
    block = isinstance(name, tuple) and name not in codec.names_
    try:
        return codec.variable_of(name[0] if block else name)
    except ValueError as error:
        _refuse(relation, str(error).rstrip("."))


def _codes(relation, j, labels, codec):
    variable = codec.variables_[j]
    if variable.is_number:
        _refuse(relation, f"column {variable.name!r} is a number: give it bounds")
    found = chosen(labels, list(variable.categories))
    if found is None or not found[0].any() or found[1]:
        _refuse(
            relation,
            f"column {variable.name!r} must be told some of its categories "
            f"{cut(variable.categories)}",
        )
    return found[0]


def _refuse(relation, what):
    given = {name: value for name, value in vars(relation).items() if value is not None}
    raise ValueError(f"In the 'relations' parameter, {given!r}: {what}.") from None
