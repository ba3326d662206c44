"""A column, or a one-hot block of columns: its kind, its rounding, its cells."""

from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from sklearn_ct._tables.containers import number_type

# What a missing cell has for a value. Of a number: one that no column has and that,
# unlike NaN, equals itself, so that a changed cell is one whose value is another.
MISSING = -1e200
# Of a category, whose places are counted from 0: none of the known ones, and missing.
UNKNOWN, ABSENT = -1.0, -2.0
# By which share of a step its multiple may miss it: types of single precision do.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Variable:
    """What a person would call a feature: a number, a category, or a one-hot block.

    Attributes
    ----------
    name : str or int
        Column name, or position where there are no names; a tuple for a block.
    columns : tuple of int
        Positions of its columns in the user's input.
    slots : slice
        Its columns in the model's input space.
    categories : ndarray or None
        None for a number; the labels (of a block: its column names) otherwise.
    ordered : bool
        Whether the categories have an order, so that they can rise and fall.
    decimals : int or None
        Decimal places of a number; 0 for whole numbers, None for no limit.
    grid : int or None
        Decimal places that a search answers with where there is no limit, about a
        billionth of the spread: what differs in the last bits (a row alone, or among
        others) gives the same answer.
    dtype : dtype
        Of the user's column.
    states : tuple of float
        Values of cells that are neither numbers nor categories and have a code of
        their own: special values, and that of a missing cell where `fit` saw any.
    step : float or None
        What answers are multiples of.
    smallest : float
        Smaller changes of a number are none.
    """

    name: object
    columns: tuple
    slots: slice
    categories: np.ndarray | None
    ordered: bool
    decimals: int | None
    dtype: object
    grid: int | None = None
    states: tuple = ()
    step: float | None = None
    smallest: float = 0.0

    @property
    def is_number(self):
        """Whether the variable is a number rather than a choice of categories."""
        return self.categories is None

    @property
    def missing(self):
        """Value of a missing cell."""
        return MISSING if self.is_number else ABSENT

    @property
    def is_stepped(self):
        """Whether answers may have some of the changes only."""
        return self.step is not None or self.smallest > 0

    @property
    def is_block(self):
        """Whether the variable stands in several 0/1 columns of the input."""
        return len(self.columns) > 1

    @property
    def left_out(self):
        """Whether a level of a block has no column."""
        return self.is_block and len(self.categories) > len(self.columns)

    def snap(self, values, direction=0.0):
        """Round as answers are: to the step, to what `round` does, to the grid."""
        if self.step is not None:
            # The product of a whole number and, say, 0.1 has other last bits; of large
            # products more decimals than the step has would take bits that count.
            times = whole(values / self.step, direction)
            return self._typed(np.round(times * self.step, decimals_of(self.step)))
        if self.decimals is None:
            return replace(self, decimals=self.grid).round(values, direction)
        return self.round(values, direction)

    def round(self, values, direction=0.0):
        """Round to the column's decimals and type, outwards along ``direction``."""
        if self.decimals is not None:
            factor = 10.0**self.decimals
            values = whole(np.asarray(values) * factor, direction) / factor
        return self._typed(values)

    def is_answer(self, values, factual):
        """Whether changes of a number are such as answers may have, in steps."""
        far = np.abs(values - factual) >= self.smallest * (1 - 1e-9)
        if self.step is not None:
            times = values / self.step
            far &= np.abs(times - np.round(times)) <= ROUNDING * (1 + np.abs(times))
        return far | (values == factual)

    def _typed(self, values):
        """Values that the column's type holds."""
        values = np.clip(values, *limits(self._number_type))
        if self._is_float:
            values = values.astype(self._number_type).astype(np.float64)
        return values

    def round_bound(self, values, inward):
        """Round bounds such that no rounded value lies outside the given ones."""
        rounded = self.round(values, inward)
        if self._is_float:
            beyond = (rounded - values) * inward < 0
            next_in = np.nextafter(
                rounded.astype(self._number_type),
                self._number_type.type(inward * np.inf),
            )
            rounded = np.where(beyond & (self.decimals is None), next_in, rounded)
        return rounded

    def cells(self, values):
        """Cells of the user's column, for a variable that is no block."""
        missing = values == MISSING if self.is_number else values < 0
        here = np.where(missing, 0.0, values) if missing.any() else values
        if not self.is_number:
            cells = self.categories[here.astype(int)]
        elif self.dtype == object and self.decimals == 0:
            cells = np.frompyfunc(int, 1, 1)(here)  # of any length
        else:
            cells = here
        if missing.any():
            cells = cells.astype(float if self.is_number else object)
            cells[missing] = np.nan
        return cells

    @property
    def _number_type(self):
        return number_type(self.dtype)

    @property
    def _is_float(self):
        return self._number_type.kind == "f"


def decimals_of(step):
    """Decimals that a number is written with.

    Examples
    --------
    >>> decimals_of(500.0), decimals_of(0.05), decimals_of(1e-7)
    (0, 2, 7)
    """
    return max(0, -Decimal(repr(float(step))).normalize().as_tuple().exponent)


def whole(scaled, direction=0.0):
    """Whole numbers next to scaled values, outwards along ``direction``.

    Values that are whole up to rounding errors stay where they are.
    """
    near = np.round(scaled)
    outward = np.where(direction > 0, np.ceil(scaled), np.floor(scaled))
    errors = np.maximum(1e-6, 1e-15 * np.abs(scaled))
    with np.errstate(invalid="ignore"):  # a bound may be infinite
        stays = (np.abs(scaled - near) <= errors) | (direction == 0)
    return np.where(stays, near, outward)


def limits(dtype):
    """Smallest and largest float64 that a number type holds."""
    if dtype.kind == "b":
        return 0.0, 1.0
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        high = float(info.max)
        return float(info.min), high if high <= info.max else np.nextafter(high, 0)
    if dtype.kind == "f":
        info = np.finfo(dtype)
        return float(info.min), float(info.max)
    return -np.inf, np.inf


def objects(entries):
    """Array of objects of shape (n,), also where they are sequences themselves."""
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array


def cut(items, limit=5):
    items = list(items)
    shown = ", ".join(
        repr(getattr(item, "item", lambda i=item: i)()) for item in items[:limit]
    )
    return f"[{shown}{', ...' if len(items) > limit else ''}]"
