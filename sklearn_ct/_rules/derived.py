"""Features that follow from others: a user's function between tables, made safe."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sklearn_ct._rules.rules import Rules
from sklearn_ct._tables.codec import Codec
from sklearn_ct._tables.containers import column_names, is_frame


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
        Of the call; what they freeze, the function must leave alone.
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

    def __call__(self, values, rows):
        """Values after the function, checked.

        Raises
        ------
        ValueError
            Where the function changes the shape, the columns or an immutable column;
            it names the column.
        """
        if not len(values):
            return values
        before = self.codec.write(values, self.X, rows, self.factual[rows])
        after = self.project(before.copy())
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
        emptied = (self.codec.missing(after, linked) & (linked != values)).any(axis=0)
        if emptied.any():
            name = self.codec.variables_[int(np.argmax(emptied))].name
            raise ValueError(
                "The 'project' parameter must return cells as in X. Got NaN in column "
                f"{name!r}, which was not missing."
            )
        frozen = ~self.rules.rise & ~self.rules.fall
        frozen = np.broadcast_to(frozen, self.factual.shape)[rows]
        broken = (frozen & (linked != values)).any(axis=0)
        if broken.any():
            name = self.codec.variables_[int(np.argmax(broken))].name
            raise ValueError(
                f"The 'project' parameter changed the column {name!r}, which may not "
                "change. Leave it as it is."
            )
        return linked
