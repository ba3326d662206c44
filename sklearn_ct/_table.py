"""Containers: what `fit` saw is what `explain` returns."""

import pandas as pd
from scipy.sparse import issparse


def is_frame(X):
    """Whether ``X`` is a pandas DataFrame."""
    return isinstance(X, pd.DataFrame)


def is_polars(X):
    """Whether ``X`` is a polars DataFrame; polars need not be installed."""
    return type(X).__module__.split(".")[0] == "polars" and hasattr(X, "get_columns")


def from_polars(X):
    """Pandas frame of a polars one, without pyarrow.

    An ``Enum`` becomes an ordered category, ``String`` and ``Categorical`` columns
    become unordered ones.
    """
    columns = {}
    for series in X.get_columns():
        dtype = str(series.dtype)
        if dtype.startswith("Enum"):
            columns[series.name] = pd.Categorical(
                series.to_list(),
                categories=series.dtype.categories.to_list(),
                ordered=True,
            )
        elif dtype.startswith(("String", "Categorical")):
            columns[series.name] = pd.Series(series.to_list(), dtype=object)
        else:
            columns[series.name] = series.to_numpy()
    return pd.DataFrame(columns)


def to_polars(table, like):
    """Polars frame with the schema of ``like``."""
    columns = {name: table[name].tolist() for name in table.columns}
    return type(like)(columns, schema=like.schema)


def dense(X):
    """Array of a sparse matrix; anything else as it is."""
    return X.toarray() if issparse(X) else X


def column_names(X):
    """Names of the columns; their positions where there are none."""
    return list(X.columns) if is_frame(X) else list(range(X.shape[1]))


def take_column(X, position):
    """One column, a Series or an array."""
    if not is_frame(X):
        return X[:, position]
    # By its name a column costs a fifth of the time.
    names = X.columns
    return X[names[position]] if names.is_unique else X.iloc[:, position]


def take_rows(X, rows):
    """Take some rows, in the container of ``X``."""
    return X.iloc[rows] if is_frame(X) else X[rows]


def put_cells(table, rows, position, cells):
    """Write cells to some rows of a column, which keeps its type; in place."""
    if not is_frame(table):
        table[rows, position] = cells
        return
    column = table.iloc[:, position].copy()
    dtype = column.dtype
    sparse = isinstance(dtype, pd.SparseDtype)
    if sparse:  # takes no assignment
        column = column.sparse.to_dense()
    if pd.api.types.is_numeric_dtype(column.dtype):
        cells = pd.array(cells).astype(column.dtype)
    elif isinstance(column.dtype, pd.CategoricalDtype):
        # A category of the training rows that this table's type does not list.
        new = [c for c in pd.unique(cells) if c not in column.dtype.categories]
        column = column.cat.add_categories(new) if new else column
    column.iloc[rows] = cells
    table.isetitem(position, column.astype(dtype) if sparse else column)
