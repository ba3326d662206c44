"""Which codes depend on which input columns of a pipeline."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# Rows that are moved to see which codes depend on which variables.
LOOK_ROWS = 64
# Numbers made at a time where every variable has to be moved alone.
LOOK_CELLS = 2**22
# Codes that differ by no more are equal.
SAME = 1e-9


@dataclass(frozen=True)
class Dependence:
    """What was seen when each variable was moved.

    Attributes
    ----------
    depends : boolean ndarray of shape (n_variables, n_codes)
        Whether a variable acts on a code.
    alone : boolean ndarray of shape (n_codes,)
        Whether a single variable acts on it.
    owner : ndarray of shape (n_codes,)
        The first variable that acts on it.
    template : ndarray of shape (1, n_variables)
        Values of a real row.
    ladder : ndarray of shape (n_steps, n_codes)
        Codes of rows in which every variable climbs: numbers from one end to the other,
        categories in their order; who is at the top stays there.
    heights : ndarray of shape (n_variables,)
        How many steps of the ladder are a variable's own.
    held : ndarray of int
        Variables that are what the row asked about has, whatever they act on.
    """

    depends: np.ndarray
    alone: np.ndarray
    owner: np.ndarray
    template: np.ndarray
    ladder: np.ndarray
    heights: np.ndarray
    held: np.ndarray

    @classmethod
    def look(cls, codec, values):
        """Move the variables in a few rows; what was asked and seen comes with it."""
        rows = values[:: max(1, len(values) // LOOK_ROWS)][:LOOK_ROWS]
        rows = codec.ordinary(rows)
        held = np.flatnonzero([codec.is_dropped(j) for j in range(values.shape[1])])
        bearer = codec.held.bearer
        if bearer is not None:
            rows[:, bearer] = -1.0  # the cells of the first row asked about
        ladder, heights = _ladder(codec, rows[:1])
        # A few rows do not have every category; the ladder has.
        start = np.vstack([rows, np.repeat(rows[:1], len(ladder), axis=0)])
        moved = np.vstack([_moved(codec, rows), ladder])
        tests = _tests(values.shape[1])
        stacked = np.vstack([start, *_mixed(start, moved, tests), ladder])
        passed = codec.passed(codec.input(stacked))
        every = codec.inner.transform(passed)
        n, ladder = len(start), every[len(every) - len(ladder) :]
        here, *others = np.split(every[: n * (1 + len(tests))], 1 + len(tests))
        acts = np.array([_acts(other, here) for other in others])
        depends = _owned(tests, acts)
        shared = acts.any(axis=0) & ~depends.any(axis=0)
        if shared.any():
            depends = _each_alone(codec, start, moved, here)
        # What moves a number puts out its indicators.
        slots, indicators = codec.inner.states_.T
        np.logical_or.at(depends, (slice(None), indicators), depends[:, slots])
        # A one-hot column that no label moves, as that of missing cells, goes with the
        # others of its group.
        group = codec.inner.groups_
        for k in np.flatnonzero((group >= 0) & ~depends.any(axis=0)):
            depends[:, k] = depends[:, group == group[k]].any(axis=1)
        if bearer is not None:
            # What nothing else moves is as the columns that are held have it.
            depends[bearer] = ~depends.any(axis=0)
        alone = depends.sum(axis=0) == 1
        found = cls(
            depends, alone, depends.argmax(axis=0), rows[:1], ladder, heights, held
        )
        return found, (rows, here[: len(rows)], stacked, passed)

    def spread(self, by_variable):
        """Repeat what is given for each variable for the codes that it acts on."""
        return np.asarray(by_variable)[..., self.owner]

    def slots_of(self, j):
        """Which codes a variable alone acts on; none if it shares any, or is held."""
        free = self.alone[self.depends[j]].all() and j not in self.held
        return self.depends[j] & free

    def moves(self, free):
        """Which codes the variables act on that are free, boolean (n, n_codes)."""
        acted = free[:, self.owner] & self.depends.any(axis=0)
        mixed = np.flatnonzero(~self.alone)
        if len(mixed):
            by_code = free.astype(float) @ self.depends[:, mixed].astype(float)
            acted[:, mixed] = by_code > 0
        return acted

    def collect(self, by_code):
        """Sum what is given for each code over the variable that owns it."""
        order, starts, owners = self._runs
        total = np.zeros((len(by_code), len(self.depends)))
        if len(order):
            total[:, owners] = np.add.reduceat(by_code[:, order], starts, axis=1)
        return total

    @cached_property
    def _runs(self):
        """Codes in the order of their owners, where each begins, and who it is."""
        owned = np.flatnonzero(self.depends.any(axis=0))
        order = owned[np.argsort(self.owner[owned], kind="stable")]
        owners, starts = np.unique(self.owner[order], return_index=True)
        return order, starts, owners


def _moved(codec, rows):
    """Rows with every variable at another value."""
    moved = rows.copy()
    for j, variable in enumerate(codec.variables_):
        if codec.is_dropped(j):
            continue
        if variable.is_number:
            moved[:, j] = np.roll(rows[:, j], 1)
            moved[:1, j] = codec.lower_[j]
            moved[1:2, j] = codec.upper_[j]
        else:
            k = len(variable.categories)
            moved[:, j] = (rows[:, j] + 1 + np.arange(len(rows)) % (k - 1 or 1)) % k
    return moved


def _tests(n):
    """Which variables each test moves, so that few tests tell one from the others.

    A test for each binary digit of a variable's number, and one for its complement: a
    code that a single variable acts on answers to one of each two, and they spell it.

    Returns
    -------
    boolean ndarray of shape (n_tests, n)
    """
    digits = max(1, int(n - 1).bit_length())
    has = (np.arange(n) >> np.arange(digits)[:, None]) % 2 == 1
    return np.vstack([has, ~has])


def _mixed(rows, moved, tests):
    return [np.where(test, moved, rows) for test in tests]


def _acts(codes, here):
    return (np.abs(codes - here) > SAME).any(axis=0)


def _owned(tests, acts):
    """Whether a variable is the only one to act on a code, (n_variables, n_codes)."""
    half = len(tests) // 2
    has, lacks = acts[:half], acts[half:]
    number = (has << np.arange(half)[:, None]).sum(axis=0)
    single = (has != lacks).all(axis=0) & (number < tests.shape[1])
    return (np.arange(tests.shape[1])[:, None] == number) & single


def _each_alone(codec, rows, moved, here):
    """Move one variable after the other: some codes depend on several."""
    n, width = rows.shape[1], rows.shape[1] + here.shape[1]
    few = max(2, min(len(rows), LOOK_CELLS // (n * width)))
    which = np.unique(np.linspace(0, len(rows) - 1, few).astype(int))
    rows, moved, here = rows[which], moved[which], here[which]
    at_once = max(1, LOOK_CELLS // (few * width))
    depends = np.zeros((n, here.shape[1]), dtype=bool)
    for start in range(0, n, at_once):
        tests = np.eye(n, dtype=bool)[start : start + at_once]
        codes = codec.encode(codec.input(np.vstack(_mixed(rows, moved, tests))))
        for j, other in enumerate(np.split(codes, len(tests)), start):
            depends[j] = _acts(other, here)
    return depends


def _ladder(codec, template):
    """Rows in which every variable climbs, and how many steps each has."""
    heights = np.array(
        [2 if v.is_number else len(v.categories) for v in codec.variables_]
    )
    heights[[codec.is_dropped(j) for j in range(len(heights))]] = 1
    steps = np.minimum(np.arange(heights.max())[:, None], heights - 1)
    ends = np.where(steps == 0, codec.lower_, codec.upper_)
    rows = np.where(codec.numbers_, ends, steps.astype(float))
    held = [codec.is_dropped(j) for j in range(len(heights))]
    return np.where(held, template, rows), heights
