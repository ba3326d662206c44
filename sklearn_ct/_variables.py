"""What the user's columns are: numbers, categories, one-hot blocks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sklearn_ct._table import is_frame, take_column

MAX_DECIMALS = 4


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
    dtype : dtype
        Of the user's column.
    """

    name: object
    columns: tuple
    slots: slice
    categories: np.ndarray | None
    ordered: bool
    decimals: int | None
    dtype: object

    @property
    def is_number(self):
        """Whether the variable is a number rather than a choice of categories."""
        return self.categories is None

    @property
    def is_block(self):
        """Whether the variable stands in several 0/1 columns of the input."""
        return len(self.columns) > 1

    def round(self, values, direction=0.0):
        """Round to the column's decimals and type, outwards along ``direction``."""
        if self.decimals is not None:
            factor = 10.0**self.decimals
            scaled = np.asarray(values) * factor
            # Values that are whole up to rounding errors stay where they are.
            near = np.round(scaled)
            outward = np.where(direction > 0, np.ceil(scaled), np.floor(scaled))
            whole = np.isclose(scaled, near, rtol=0, atol=1e-6) | (direction == 0)
            values = np.where(whole, near, outward) / factor
        if self._is_float:
            values = np.asarray(values).astype(self.dtype).astype(np.float64)
        return values

    def round_bound(self, values, inward):
        """Round bounds such that no rounded value lies outside the given ones."""
        rounded = self.round(values, inward)
        if self._is_float:
            beyond = (rounded - values) * inward < 0
            next_in = np.nextafter(
                rounded.astype(self.dtype), self.dtype.type(inward * np.inf)
            )
            rounded = np.where(beyond & (self.decimals is None), next_in, rounded)
        return rounded

    @property
    def _is_float(self):
        return isinstance(self.dtype, np.dtype) and self.dtype.kind == "f"


def is_category(X, j):
    if not is_frame(X):
        return False
    dtype = X.dtypes.iloc[j]
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(dtype):
        return True
    if pd.api.types.is_numeric_dtype(dtype):
        return False
    return pd.api.types.infer_dtype(X.iloc[:, j], skipna=True) in ("string", "boolean")


def as_category_column(column):
    cells = np.asarray(column)
    return (cells if cells.dtype.kind in "fiub" else cells.astype(object)).reshape(
        -1, 1
    )


def take_block(X, columns):
    if is_frame(X):
        return X.iloc[:, list(columns)].to_numpy(dtype=np.float64)
    return np.asarray(X[:, list(columns)], dtype=np.float64)


def block_codes(block):
    one_hot = np.isin(block, (0, 1)).all(axis=1) & (block.sum(axis=1) == 1)
    return np.where(one_hot, block.argmax(axis=1), -1)


def one_hot_blocks(X, candidates):
    """Find runs of neighbouring 0/1 columns that sum to 1 in every row."""
    binary, constant = {}, {}
    for j in candidates:
        column = take_column(X, j)
        cells = np.asarray(column)
        if cells.dtype.kind not in "fiub" or not len(cells):
            continue
        if np.isin(cells[:100], (0, 1)).all() and np.isin(cells, (0, 1)).all():
            binary[j] = cells.astype(np.int64)
            constant[j] = cells.min() == cells.max()
    blocks = []
    j, n_columns = 0, max(candidates, default=-1) + 1
    while j < n_columns:
        stop = j
        if j in binary and not constant[j]:
            total = np.zeros_like(binary[j])
            while stop in binary and total.min() == 0 and total.max() <= 1:
                total = total + binary[stop]
                stop += 1
            if total.min() == 1 and total.max() == 1:
                blocks.append(tuple(range(j, stop)))
                j = stop
                continue
        j += 1
    return blocks


def decimals_of(numbers, dtype):
    """Decimal places that all numbers of a column share, None beyond the limit."""
    if pd.api.types.is_integer_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        return 0
    tolerance = (
        1e-6 if np.asarray(numbers[:0], dtype=dtype).dtype == np.float32 else 1e-9
    )
    noise = tolerance * 1e-3 * np.abs(numbers).max(initial=0.0)
    for decimals in range(MAX_DECIMALS + 1):
        rounded = np.round(numbers, decimals)
        if np.allclose(numbers, rounded, rtol=tolerance, atol=noise):
            return decimals
    return None


def to_numbers(column, name):
    """Column as float64, or an error that names it."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind == "c":
        raise ValueError(f"Complex data not supported: column {name!r}.")
    try:
        return np.asarray(
            column.to_numpy(dtype=np.float64, na_value=np.nan)
            if isinstance(column, pd.Series)
            else column.astype(np.float64)
        )
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Column {name!r} of type {dtype} is neither a number nor a category. "
            "Convert it, or list it in categorical_features."
        ) from error


def check_missing(column, name):
    """Raise where a column has missing or infinite cells."""
    missing = pd.isna(column)
    if np.any(missing):
        kind = "NaN"
    elif np.asarray(column).dtype.kind == "f" and not np.isfinite(column).all():
        kind = "infinity"
    else:
        return
    raise ValueError(
        f"Input X contains {kind} in column {name!r}. "
        "CounterfactualTrainedClassifier does not accept missing values encoded "
        "as NaN, nor infinite ones: put an imputer in front of it, for example "
        "sklearn.impute.SimpleImputer in a Pipeline."
    )


def check_block(X, columns, names):
    """Raise where columns given as a one-hot block are none."""
    block = take_block(X, columns)
    if not (np.isin(block, (0, 1)).all() and (block.sum(axis=1) == 1).all()):
        names = cut([names[j] for j in columns])
        raise ValueError(
            f"The columns {names} of categorical_features are not one-hot: every "
            "row must have a single 1 and zeros otherwise."
        )


def cut(items, limit=5):
    items = list(items)
    shown = ", ".join(
        repr(getattr(item, "item", lambda i=item: i)()) for item in items[:limit]
    )
    return f"[{shown}{', ...' if len(items) > limit else ''}]"
