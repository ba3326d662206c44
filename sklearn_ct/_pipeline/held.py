"""Columns that are held as they are: the pipeline drops them, or has no way back."""

import numpy as np
import pandas as pd

from sklearn_ct._pipeline.background import HELD
from sklearn_ct._tables.containers import is_frame, take_rows


class HeldCells:
    """Cells of a call's rows that no answer changes.

    Where they act on codes, the value of the first of their variables, the `bearer`, is
    the number of the row that has them: ``-1 - i`` for the i-th row asked about; after
    those come the rows that the classifier has kept, of which only the codes are known.

    Parameters
    ----------
    codec : PipelineCodec
    X : DataFrame or ndarray of shape (n, n_columns)
        The rows asked about.
    columns : set of int
        Positions of the columns held.
    blocked : dict
        ``{position: sentence}`` of those that act on codes.
    n_real : int
        How many rows the classifier has kept.
    """

    def __init__(self, codec, X, columns, blocked, n_real):
        self.codec = codec
        self.columns = columns
        self.blocked = blocked
        rows = X if len(X) else without_rows(X)
        self.n = len(rows)
        self.kept = rows
        self.of_real = np.arange(self.n, self.n + n_real)
        self.bearer = None
        if blocked:
            first = min(blocked)
            self.bearer = next(
                j for j, v in enumerate(codec.variables_) if v.columns[0] == first
            )
        self.inner = None

    def number(self, values, rows=None):
        """Values of rows, of those asked about by default, with their numbers."""
        if self.bearer is not None:
            rows = np.arange(len(values)) if rows is None else rows
            values = values.copy()
            values[:, self.bearer] = -1.0 - rows
        return values

    def rows_of(self, values):
        """Numbers of the rows whose cells some values have."""
        if self.bearer is None:
            return np.zeros(len(values), dtype=int)
        return (-1 - values[:, self.bearer]).astype(int)

    def cells(self, values):
        """Cells of the columns held, ``{position: cells}``."""
        rows = self.rows_of(values)
        rows = np.where(rows < self.n, rows, 0)
        table = take_rows(self.kept, rows)
        if not is_frame(table):
            return {k: table[:, k] for k in self.columns}
        return {k: table.iloc[:, k].reset_index(drop=True) for k in self.columns}

    def without(self, X):
        """Table with the same in all cells that are held."""
        if not self.columns:
            return X
        X = X.copy() if is_frame(X) else X.astype(object)
        for k in self.columns:
            if is_frame(X):
                X.isetitem(k, HELD)
            else:
                X[:, k] = HELD
        return X

    def look(self, real):
        """See what the classifier reads of one row with the cells of each row."""
        codec = self.codec
        if self.bearer is None:
            return
        rows = np.repeat(codec.dependence.template, self.n, axis=0)
        passed = codec.passed(codec.input(self.number(rows)))
        self.inner = np.vstack([codec.inner.read(passed), real])

    def put(self, codes, values):
        """Codes of values, with those of the cells of kept rows, where it is one."""
        if self.bearer is not None:
            rows = self.rows_of(values)
            kept = np.flatnonzero(rows >= self.n)
            own = self.codec.dependence.depends[self.bearer]
            known = self.codec.inner.embed(self.inner[rows[kept]])
            codes[np.ix_(kept, own)] = known[:, own]
        return codes


def without_rows(X):
    """One row of cells that any step takes, for a call without rows."""
    if not is_frame(X):
        return np.zeros((1, X.shape[1]), dtype=X.dtype)
    return pd.DataFrame({name: _some_cell(X[name].dtype) for name in X})


def _some_cell(dtype):
    if isinstance(dtype, pd.CategoricalDtype):
        return pd.Categorical(dtype.categories[:1], dtype=dtype)
    if pd.api.types.is_numeric_dtype(dtype):
        return pd.Series([0]).astype(dtype)
    if isinstance(dtype, pd.PeriodDtype):
        return pd.Series([pd.Period(ordinal=0, freq=dtype.freq)])
    if getattr(dtype, "kind", "") in ("m", "M"):
        return pd.Series([0]).astype(dtype)
    return pd.Series([""], dtype=object)
