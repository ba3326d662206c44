"""What a pipeline makes of values, without asking it again."""

import numpy as np
from scipy.spatial.distance import cdist

# Numbers are on a line if none is farther from it than this share of their range.
STRAIGHT = 1e-12
# Codes that differ by no more are equal.
SAME = 1e-9


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
    exact = np.allclose(memo.embed(rows), codes, rtol=0, atol=1e-9)
    return memo if exact else None


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
        self.slots = [np.flatnonzero(own) for own in codec.dependence.depends]
        # For each variable the values in rising order, and the codes that they have.
        self.seen = [(np.empty(0), np.empty((0, len(own)))) for own in self.slots]
        self.lines = Lines(codec, values, inner)
        bent = codec.numbers_ & codec.dependence.depends.any(axis=1)
        bent[self.lines.x] = False
        self.inverts = not bent.any()
        # Scaling by quantiles jumps at values that many rows have: not computed.
        real = np.vstack([real.values for real in codec.references.values()])
        self._learn(real, np.ones(real.shape, dtype=bool))

    def embed(self, values):
        """Codes of values, shape (n, d)."""
        inner = np.repeat(self.inner, len(values), axis=0)
        on_line = np.zeros(values.shape, dtype=bool)
        inner[:, self.lines.y], on_line[:, self.lines.x] = self.lines.images(values)
        codes = self.codec.inner.embed(inner)
        place, found = self._find(values)
        unknown = ~found & ~on_line
        if unknown.any():
            self._learn(values, unknown)
            place, found = self._find(values)
        for j, (_, seen_codes) in enumerate(self.seen):
            rows = np.flatnonzero(found[:, j])
            codes[np.ix_(rows, self.slots[j])] = seen_codes[place[rows, j]]
        return codes

    def _find(self, values):
        """Places of values among those seen, and whether they are there."""
        place, found = np.empty(values.shape, int), np.empty(values.shape, bool)
        for j, (seen, _) in enumerate(self.seen):
            place[:, j] = np.searchsorted(seen, values[:, j]).clip(max=len(seen) - 1)
            found[:, j] = seen[place[:, j]] == values[:, j]
        return place, found

    def _learn(self, values, unknown):
        """Ask the pipeline about values that are unknown, all at once."""
        new = [np.unique(values[rows, j]) for j, rows in enumerate(unknown.T)]
        rows = np.repeat(self.codec.dependence.template, max(map(len, new)), axis=0)
        for j, column in enumerate(new):
            rows[: len(column), j] = column
        fresh = self.codec.encode(self.codec.input(rows))
        for j, column in enumerate(new):
            self._remember(j, column, fresh[: len(column), self.slots[j]])

    def _remember(self, j, column, codes):
        """Add values of a variable and their codes."""
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
        for j, own in enumerate(self.slots):
            if len(own) and not self.codec.numbers_[j]:
                choices = self.codec.dependence.ladders[j][:, own]
                distance = cdist(codes[:, own], choices, "cityblock")
                values[:, j] = distance.argmin(axis=1)
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
        single = codec.numbers_ & (codec.dependence.depends.sum(axis=1) == 1)
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

    def images(self, values):
        """Give what values become, and whether they are between the ends."""
        x = values[:, self.x]
        return self.start + self.slope * x, (self.low <= x) & (x <= self.high)

    def origins(self, inner):
        """Give what has become such inner values."""
        return (inner[:, self.y] - self.start) / self.slope
