"""What a pipeline makes of values, without asking it again."""

import numpy as np

from sklearn_ct._pipeline.background import without_cells
from sklearn_ct._pipeline.dependence import SAME

# Numbers are on a line if none is farther from it than this share of their range.
STRAIGHT = 1e-12


def memo_of(codec, rows, codes, values, passed):
    """Make the memo of a codec; None where a code depends on several variables.

    Parameters
    ----------
    codec : PipelineCodec
    rows, codes : ndarray of shape (n, n_variables), (n, d)
        Rows that were asked about, and what the pipeline made of them.
    values : ndarray of shape (m, n_variables)
        Rows in which every variable moves from end to end.
    passed : DataFrame or ndarray of shape (m, n_inner)
        What the classifier is given of them.

    Returns
    -------
    Memo or None
    """
    if (codec.dependence.depends.sum(axis=0) > 1).any():
        return None
    memo = Memo(codec, values, codec.inner.read(passed))
    if codec.held.bearer is not None:
        # The cells of another row, which may act on what others act on, too.
        others = codec.held.number(rows, np.arange(len(rows)) % codec.held.n)
        rows = np.vstack([rows, others])
        codes = np.vstack([codes, codec.encode(codec.input(others))])
    exact = np.allclose(memo.embed(rows), codes, rtol=0, atol=SAME)
    return memo if exact else None


def marks_of(codec):
    """Which codes only tell that a variable is missing, (n_variables, n_codes).

    Imputers add such columns. No value moves them; a missing cell does.
    """
    known = codec.dependence
    marks = np.zeros_like(known.depends)
    unmoved = ~known.depends.any(axis=0)
    table = codec.input(known.template)
    for j in range(len(marks)) if unmoved.any() else ():
        if codec.is_dropped(j):
            continue
        try:
            gone = codec.encode(without_cells(table, [*codec.variables_[j].columns]))
        except Exception:  # a step that takes no missing cell, whoever made it
            continue
        marks[j] = unmoved & (np.abs(gone - codec.encode(table))[0] > SAME)
    return marks


class Memo:
    """Between values and codes, where every code depends on one variable at most.

    A pipeline costs the same milliseconds for one row as for a hundred, and a search
    mostly puts together anew what it has seen already; so that is remembered. Other
    numbers that the steps put on a line, as scalers do, are computed, there and back.

    Parameters
    ----------
    codec : PipelineCodec
    values : ndarray of shape (m, n_variables)
        Rows in which every variable moves from end to end.
    inner : ndarray of shape (m, n_inner)
        Values that the classifier reads of what the pipeline makes of them.

    Attributes
    ----------
    inverts : bool
        Whether `values` can be asked: every number that matters is on a line.
    """

    def __init__(self, codec, values, inner):
        self.codec = codec
        self.inner = inner[:1]
        depends = codec.dependence.depends | marks_of(codec)
        self.slots = [np.flatnonzero(own) for own in depends]
        # For each variable the values in rising order, and the codes that they have.
        self.seen = [(np.empty(0), np.empty((0, len(own)))) for own in self.slots]
        self.lines = Lines(codec, values, inner)
        self.has_states = any(v.states for v in codec.variables_ if v.is_number)
        free = [not codec.is_dropped(j) for j in range(len(self.slots))]
        bent = codec.dependence.depends.any(axis=1) & free
        bent[self.lines.x] = False
        self.inverts = not (bent & codec.numbers_).any()
        # Variables whose values are looked up: there are others on some line.
        self.looked_up = bent
        self.labels = np.flatnonzero(bent & ~codec.numbers_)
        real = np.vstack([real.values for real in codec.references.values()])
        self._learn(real, np.ones(real.shape, dtype=bool) & bent)

    def embed(self, values):
        """Codes of values, shape (n, d)."""
        inner, x = self._bases(values), values[:, self.lines.x]
        inner[:, self.lines.y] = self.lines.images(x)
        outside = np.zeros(values.shape, dtype=bool)
        outside[:, self.lines.x] = self.lines.beyond(x)
        if self.has_states:
            outside[:, self.lines.x] |= self.codec.special(values)[:, self.lines.x]
        if outside.any():
            self.looked_up |= outside.any(axis=0)
        codes = self.codec.inner.embed(inner)
        if not self.looked_up.any():
            return codes
        unknown, places = self._find(values, outside)
        if unknown.any():
            self._learn(values, unknown)
            _, places = self._find(values, outside)
        for j, (place, found) in places.items():
            rows = np.flatnonzero(found)
            codes[np.ix_(rows, self.slots[j])] = self.seen[j][1][place[rows]]
        return codes

    def _bases(self, values):
        """Give what the classifier reads where all that is not held is as in a row."""
        held = self.codec.held
        if held.inner is None:
            return np.repeat(self.inner, len(values), axis=0)
        return held.inner[held.rows_of(values)]

    def _find(self, values, outside):
        """Which values are unknown, and the places of the others among those seen."""
        unknown, places = np.zeros(values.shape, dtype=bool), {}
        on_line = np.zeros(values.shape[1], dtype=bool)
        on_line[self.lines.x] = True
        for j in np.flatnonzero(self.looked_up):
            seen = self.seen[j][0]
            place = np.searchsorted(seen, values[:, j]).clip(max=max(len(seen) - 1, 0))
            found = seen[place] == values[:, j] if len(seen) else unknown[:, j]
            places[j] = place, found
            unknown[:, j] = ~found & (outside[:, j] if on_line[j] else True)
        return unknown, places

    def _learn(self, values, unknown):
        """Ask the pipeline about values that are unknown, all at once."""
        new = [np.unique(values[rows, j]) for j, rows in enumerate(unknown.T)]
        if not any(map(len, new)):
            return
        rows = np.repeat(self.codec.dependence.template, max(map(len, new)), axis=0)
        for j, column in enumerate(new):
            rows[: len(column), j] = column
        fresh = self.codec.encode(self.codec.input(rows))
        for j, column in enumerate(new):
            if len(column):
                self._remember(j, column, fresh[: len(column), self.slots[j]])

    def _remember(self, j, column, codes):
        """Add values of a variable and their codes."""
        self.looked_up[j] = True
        seen = np.append(self.seen[j][0], column)
        order = np.argsort(seen)
        self.seen[j] = seen[order], np.vstack([self.seen[j][1], codes])[order]

    def name(self, values, codes, cells):
        """Give cells that are missing or unknown values that stand for their codes.

        Parameters
        ----------
        values : ndarray of shape (n, n_variables)
            What the inverted pipeline gives for the codes. It may be another row: of
            an unknown category, say, or of a missing number that is indicated.
        codes : ndarray of shape (n, d)
        cells : boolean ndarray of shape (n, n_variables)

        Returns
        -------
        ndarray of shape (n, n_variables)
            The values, other ones for such cells: of a category -1, -2 and so on, of a
            number the next ones that the type has.
        """
        numbers = self.codec.numbers_
        values = np.where(numbers, values, np.maximum(values, 0))
        away = np.abs(self.embed(values) - codes) > SAME
        for j in np.flatnonzero(cells.any(axis=0)):
            own = self.slots[j]
            rows = np.flatnonzero(cells[:, j] & away[:, own].any(axis=1))
            kinds, which = np.unique(
                np.column_stack([values[rows, j], codes[np.ix_(rows, own)]]),
                axis=0,
                return_inverse=True,
            )
            names = [self._name(j, value, np.array(meant)) for value, *meant in kinds]
            values[rows, j] = np.array(names, dtype=float)[which.ravel()]
        return values

    def _name(self, j, value, codes):
        """Find the next value that has such codes or, so far, none."""
        is_number = self.codec.numbers_[j]
        name = value if is_number else 0.0
        while True:
            name = np.nextafter(name, np.inf) if is_number else name - 1
            seen, seen_codes = self.seen[j]
            there = seen == name
            if not there.any():
                self._remember(j, [name], [codes])
                return name
            if np.abs(seen_codes[there] - codes).max() <= SAME:
                return name

    def values(self, codes):
        """Values nearest to codes, shape (n, n_variables)."""
        values = np.zeros((len(codes), len(self.slots)))
        values[:, self.lines.x] = self.lines.origins(self.codec.inner.values(codes))
        for j in self.labels:
            values[:, j] = self.codec.nearest(j, codes)
        return values


class Lines:
    """Numbers ``x`` that become one number ``y`` each, on a line ``start + slope x``.

    Parameters
    ----------
    codec : PipelineCodec
    values : ndarray of shape (m, n_variables)
    inner : ndarray of shape (m, n_inner)

    Attributes
    ----------
    x, y : ndarray of shape (n_lines,)
        Indices of the variables and of what they become.
    slope, start, low, high : ndarray of shape (n_lines,)
        The line, and the ends of ``x`` that it is known between.
    """

    def __init__(self, codec, values, inner):
        slots = np.array([variable.slots.start for variable in codec.inner.variables_])
        acts = codec.dependence.depends[:, : codec.inner.n_slots_]
        single = codec.numbers_ & (acts.sum(axis=1) == 1)
        self.y = np.flatnonzero(
            codec.dependence.alone[slots] & single[codec.dependence.owner[slots]]
        )
        self.x = codec.dependence.owner[slots[self.y]]
        x, y = values[:, self.x], inner[:, self.y]
        ends = np.array([x.argmin(axis=0), x.argmax(axis=0)])
        self.low, self.high = np.take_along_axis(x, ends, axis=0)
        first, last = np.take_along_axis(y, ends, axis=0)
        self.slope = (last - first) / (self.high - self.low)
        self.start = first - self.slope * self.low
        off = np.abs(self.start + self.slope * x - y).max(axis=0)
        straight = off <= STRAIGHT * np.ptp(y, axis=0)
        for name, value in vars(self).items():
            setattr(self, name, value[straight])

    def images(self, x):
        """Give what values of ``x`` become, (n, n_lines)."""
        return self.start + self.slope * x

    def beyond(self, x):
        """Whether values of ``x`` are not between the ends, (n, n_lines)."""
        return ~((self.low <= x) & (x <= self.high))

    def origins(self, inner):
        """Give what has become such inner values."""
        return (inner[:, self.y] - self.start) / self.slope
