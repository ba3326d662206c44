"""Features that follow from others: a user's function between tables, made safe."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sklearn_ct._rules.rules import Rules
from sklearn_ct._tables.codec import Codec
from sklearn_ct._tables.containers import column_names, is_frame

LOOK_ROWS = 100  # of a call, to see whether a function can be relied on


@dataclass(frozen=True)
class Link:
    """Apply ``project(table) -> table`` to values of rows of a call.

    Attributes
    ----------
    project : callable
        In the user's columns and units; it must keep rows and columns.
    codec : Codec
        Between tables and values.
    rules : Rules
        Of the call; what they freeze, the function must leave alone, but for what
        follows, which it is given as in ``X``.
    X : DataFrame or ndarray
        The table of the call.
    factual : ndarray of shape (n, n_variables)
        Its values.
    """

    project: Callable
    codec: Codec
    rules: Rules
    X: object
    factual: np.ndarray

    def check(self):
        """Raise where the function draws, or does not leave what it has given.

        Both would make answers that it contradicts. A few rows of the call show it.
        """
        rows = np.arange(min(LOOK_ROWS, len(self.factual)))
        given = self.factual[rows]
        once, again = self._applied(given, rows), self._applied(given, rows)
        self._refuse(
            differ(once, again), "gives other values each time, in column {!r}"
        )
        self._refuse(
            differ(once, self(once, rows)),
            "does not leave as it is what it has given itself, in column {!r}. Let it "
            "compute the column from others",
        )

    def __call__(self, values, rows):
        """Values after the function, checked.

        Raises
        ------
        ValueError
            Where the function fails, changes the shape, the columns or an immutable
            column, or gives fractions to whole numbers; it names the column.
        """
        linked = self._applied(values, rows)
        frozen = ~self.rules.rise & ~self.rules.fall & ~self.rules.follows
        frozen = np.broadcast_to(frozen, self.factual.shape)[rows]
        self._refuse(
            frozen & differ(linked, values),
            "changed the column {!r}, which may not change. Leave it as it is",
        )
        return linked

    def _refuse(self, broken, words):
        """Raise where values are broken, (n, n_variables)."""
        if broken.any():
            name = self.codec.variables_[int(np.argmax(broken.any(axis=0)))].name
            raise ValueError(f"The 'project' parameter {words.format(name)}.")

    def _applied(self, values, rows):
        if not len(values):
            return values
        follows = np.broadcast_to(self.rules.follows, self.factual.shape)[rows]
        values = np.where(follows, self.factual[rows], values)
        before = self.codec.write(values, self.X, rows, self.factual[rows])
        try:
            after = self.project(before.copy())
        except Exception as error:
            raise ValueError(
                "The 'project' parameter must be a function of a table like X. It "
                f"failed: {type(error).__name__}: {error}"
            ) from error
        same = is_frame(after) == is_frame(before)
        same &= getattr(after, "shape", None) == before.shape
        if not same or column_names(after) != column_names(before):
            raise ValueError(
                "The 'project' parameter must return a table with the rows and columns "
                f"that it was given, a {type(before).__name__} of shape "
                f"{before.shape}. Got {type(after).__name__} of shape "
                f"{getattr(after, 'shape', None)} instead."
            )
        if is_frame(before):
            after = after.set_axis(before.index, axis=0)
        try:
            linked = self.codec.read(after)
        except ValueError as error:
            raise ValueError(
                f"The 'project' parameter must return cells as in X. {error}"
            ) from error
        # Of cells that the codec holds as they are it reads no value.
        held = [self.codec.is_dropped(j) for j in range(values.shape[1])]
        linked = np.where(held, values, linked)
        emptied = (self.codec.missing(after, linked) & (linked != values)).any(axis=0)
        if emptied.any():
            name = self.codec.variables_[int(np.argmax(emptied))].name
            raise ValueError(
                "The 'project' parameter must return cells as in X. Got NaN in column "
                f"{name!r}, which was not missing."
            )
        whole = np.array([v.decimals == 0 for v in self.codec.variables_])
        self._refuse(
            whole & differ(linked, np.round(linked)),
            "gives fractions to the whole-number column {!r}. Round them",
        )
        return linked


def differ(one, other):
    """Whether values differ; missing ones do not."""
    return (one != other) & ~(np.isnan(one) & np.isnan(other))
