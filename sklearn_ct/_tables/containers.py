"""Containers: what `fit` saw is what `explain` returns."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
from scipy.sparse import issparse

# What a one-hot block is called where none of its columns is 1.
NONE_OF_THEM = "none of them"


def is_frame(X):
    """Whether ``X`` is a pandas DataFrame."""
    return isinstance(X, pd.DataFrame)


def refuse_row(X):
    """Raise where one row of a frame is given by itself, as a series of its cells."""
    if isinstance(X, pd.Series) and X.index.inferred_type == "string":
        raise ValueError(
            "X must be a table of rows. Got a Series, which looks like one row of a "
            "frame instead: select it as X.iloc[[0]]."
        )


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
    columns = {}
    for series in like.get_columns():
        cells = table[series.name]
        if not pd.api.types.is_numeric_dtype(cells.dtype):
            columns[series.name] = type(series)(
                series.name, cells.tolist(), dtype=series.dtype
            )
            continue
        # A missing integer, or one beyond the type, has come as another type.
        wide = type(series)(
            series.name, [None if pd.isna(cell) else cell for cell in cells.tolist()]
        )
        own = wide.cast(series.dtype, strict=False)
        same = own.null_count() == wide.null_count() and (own == wide).all()
        columns[series.name] = own if same else wide
    return type(like)(columns)


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


def number_type(dtype):
    """Type of the numbers that a column type of numpy or pandas holds."""
    held = getattr(dtype, "subtype", dtype)
    return getattr(held, "numpy_dtype", held)


def widened(table, dtypes):
    """Table whose columns hold the numbers of other types as well as their own.

    ``dtypes`` has the position of a column and the other type.
    """
    own = table.dtypes.to_list() if is_frame(table) else None
    for position, dtype in dtypes.items():
        before = table.dtype if own is None else own[position]
        held, other = number_type(before), number_type(dtype)
        if held == other or not {held.kind, other.kind} <= set("fiub"):
            continue
        common = np.promote_types(held, other)
        if own is None:
            table = table.astype(common)
        elif common != held:
            if isinstance(before, pd.SparseDtype):
                common = before.update_dtype(common)
            elif before != held:
                common = pd.array(np.empty(0, common)).dtype  # the nullable one
            table.isetitem(position, table.iloc[:, position].astype(common))
    return table


def put_cells(table, rows, position, cells):
    """Write cells to some rows of a column, which keeps its type; in place."""
    if not is_frame(table):
        table[rows, position] = cells
        return
    column = table.iloc[:, position]
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        # A category of the training rows that this table's type does not list.
        new = [c for c in pd.unique(cells) if c not in dtype.categories]
        column = column.cat.add_categories(new) if new else column
        codes = column.array.codes.copy()
        codes[rows] = column.dtype.categories.get_indexer(cells)
        column = pd.Categorical.from_codes(codes, dtype=column.dtype)
    elif isinstance(dtype, np.dtype) and dtype.kind in "fiu":
        column = column.to_numpy(copy=True)
        column[rows] = cells
    else:
        sparse = isinstance(dtype, pd.SparseDtype)  # takes no assignment
        # Without a gap the dense column is the caller's own memory.
        column = (column.sparse.to_dense() if sparse else column).copy()
        if pd.api.types.is_numeric_dtype(column.dtype):
            cells = pd.array(cells).astype(column.dtype)
        elif column.dtype == object:
            cells = alike(cells, column)
        column.iloc[rows] = cells
        column = column.astype(dtype) if sparse else column
    table.isetitem(position, column)


def alike(cells, column):
    """Give numbers of the kind that a column of objects holds, such as `Decimal`."""
    kinds = {type(cell) for cell in column} & {Decimal, Fraction}
    plain = np.asarray(cells).tolist()
    if not kinds or not {type(cell) for cell in plain} <= {float, int}:
        return cells
    kind = kinds.pop()
    return np.array([kind(repr(cell)) for cell in plain], dtype=object)


def as_pandas(table):
    """Pandas frame of any table."""
    if is_polars(table):
        return from_polars(table)
    return table if is_frame(table) else pd.DataFrame(table)


def cells_of(frame, columns):
    """Cells of a variable; of a one-hot block the name of the column that is 1."""
    if len(columns) == 1:
        column = frame.iloc[:, columns[0]]
        if column.dtype in (np.float16, np.float32):  # astype would show all digits
            return np.array([*column.to_numpy()], dtype=object)
        return column.astype(object).to_numpy()
    block = frame.iloc[:, list(columns)].to_numpy(dtype=float)
    names = np.asarray(frame.columns[list(columns)], dtype=object)
    here = block.any(axis=1)
    return np.where(here, names[block.argmax(axis=1)], NONE_OF_THEM)
