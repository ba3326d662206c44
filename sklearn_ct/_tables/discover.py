"""Which of the user's columns are numbers, categories, one-hot blocks."""

import re
import warnings

import numpy as np
import pandas as pd

from sklearn_ct._tables.containers import (
    NONE_OF_THEM,
    column_names,
    is_frame,
    number_type,
    take_column,
)
from sklearn_ct._tables.feature import (
    ABSENT,
    MISSING,
    Variable,
    cut,
    objects,
)

MAX_DECIMALS = 4
MANY_WORDS = 50  # different words that may be categories in a small table
STEP = 1e-3  # share of the range of a column that its values are told apart by
NO_CHANCE = 7.0  # rows with two flags, expected where none has: a chance of 1 in 1000
MANY = 20  # rows that are enough to tell an imputed value


def layout(X, chosen, position):
    """Input columns of each variable, in their order, and which are categories.

    Parameters
    ----------
    X : table of shape (n, n_columns)
    chosen : "auto", list or None
        The parameter ``categorical_features``.
    position : callable
        From a column's name to its position.

    Returns
    -------
    list of (tuple of int, bool)
    """
    every = range(X.shape[1])
    if chosen is None:
        categories = []
    elif isinstance(chosen, str):
        categories = one_hot_blocks(X, every)
        inside = {j for block in categories for j in block}
        words = [j for j in every if j not in inside and is_category(X, j)]
        for j in words:
            warn_of_many(take_column(X, j))
        categories += [(j,) for j in words]
    else:
        categories = [_listed(X, entry, position) for entry in chosen]
    inside = [j for columns in categories for j in columns]
    if len(inside) > len(set(inside)):
        twice = next(j for j in inside if inside.count(j) > 1)
        raise ValueError(
            "The 'categorical_features' parameter must have each column once. "
            f"Got {column_names(X)[twice]!r} more than once."
        )
    first = {min(columns): columns for columns in categories}
    return [
        (first.get(j, (j,)), j in first) for j in every if j in first or j not in inside
    ]


def _listed(X, entry, position):
    """Positions of an entry of ``categorical_features``: a column or a block."""
    names = column_names(X)
    block = isinstance(entry, list | np.ndarray) or (
        isinstance(entry, tuple) and entry not in names
    )
    try:
        columns = tuple(position(part) for part in (entry if block else [entry]))
    except ValueError as error:
        raise ValueError(f"In the 'categorical_features' parameter: {error}") from None
    if block:
        check_block(X, columns, names)
    return columns


def describe(X, names, columns, categorical, start, special=()):
    """Make the variable of some columns of a table, its codes from ``start`` on.

    ``special`` has the values of a number that are none.
    """
    name = names[columns[0]]
    column = take_column(X, columns[0])
    ordered, decimals, grid, categories, states = False, None, None, None, ()
    if len(columns) > 1:
        name = tuple(names[j] for j in columns)
        left_out = (take_block(X, columns).sum(axis=1) == 0).any()
        categories = objects([*name, *[NONE_OF_THEM] * bool(left_out)])
    elif categorical:
        categories, ordered, states = _labels(column, name)
    else:
        numbers = to_numbers(column, name)
        check_finite(numbers, name)
        states = np.array(special, dtype=float)
        if (held := number_type(column.dtype)).kind == "f":
            states = states.astype(held).astype(float)  # as the cells are read
        missing = np.isnan(numbers)
        numbers = numbers[~missing & ~np.isin(numbers, states)]
        states = (*states.tolist(), *[MISSING] * bool(missing.any()))
        decimals = decimals_of(numbers, column.dtype)
        if decimals is None and number_type(column.dtype) in (np.float64, object):
            spread = np.std(numbers) or 1.0
            grid = int(np.clip(9 - np.floor(np.log10(spread)), 0, 12))
    return Variable(
        name=name,
        columns=columns,
        slots=slice(start, start + (1 if categories is None else len(categories))),
        categories=categories,
        ordered=ordered,
        decimals=decimals,
        dtype=column.dtype,
        grid=grid,
        states=states,
    )


def _labels(column, name):
    """Labels of a column of categories, whether they are ordered, and its states."""
    missing, dtype = np.asarray(pd.isna(column)), column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        categories = dtype.categories.to_numpy()
        ordered = bool(dtype.ordered)
    else:
        present = np.asarray(column)[~missing]
        check_finite(present, name)
        categories = np.unique(present)
        # Beside missing cells truth values are objects.
        truth = missing.any() and pd.api.types.infer_dtype(categories) == "boolean"
        ordered = truth or pd.api.types.is_bool_dtype(dtype)
    if not len(categories):
        raise ValueError(
            f"Every cell of column {name!r} is missing, and it is a category, of "
            "which none is known. Drop the column."
        )
    return categories, ordered, (ABSENT,) if missing.any() else ()


def special_codes(given, position, names, categorical):
    """Values of each number that are none, {position: list of float}.

    Parameters
    ----------
    given : dict or None
        The parameter ``special_values``.
    position : callable
        From a column's name to its position.
    names : list
        Of all columns.
    categorical : set of int
        Positions of the columns that are no numbers.

    Raises
    ------
    ValueError
        On unknown columns, categories, and what is no list of numbers; it names the
        column.
    """
    codes = {}
    for column, entry in (given or {}).items():
        traced = prefixed(names, column)
        try:
            j = position(traced[0] if len(traced) == 1 else column)
        except ValueError as error:
            raise ValueError(f"In the 'special_values' parameter: {error}") from None
        name = names[j]
        if j in categorical:
            raise ValueError(
                f"The 'special_values' of column {name!r} must be those of a number, "
                "but the column is a category: each of its values has a code of its "
                "own already. What may be chosen is said by 'domain'."
            )
        values = list(entry) if isinstance(entry, list | tuple | set) else [entry]
        values = [x for part in values for x in np.atleast_1d(part).tolist()]
        if not all(_is_number(x) for x in values):
            raise ValueError(
                f"The 'special_values' of column {name!r} must be a list of numbers, "
                f"such as [-1, 999]. Got {entry!r} instead. (Missing cells need not "
                "be listed.)"
            )
        codes.setdefault(j, []).extend(float(x) for x in values)
    return {j: list(dict.fromkeys(values)) for j, values in codes.items()}


def prefixed(names, column):
    """Names that a `ColumnTransformer` makes of a column: its step's in front of it."""
    strings = [name for name in names if isinstance(name, str)]
    known = column in strings or not isinstance(column, str)
    return [] if known else [n for n in strings if n.endswith(f"__{column}")]


def _is_number(value):
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and np.isfinite(value)


def is_category(X, j):
    if not is_frame(X):
        return False
    dtype = X.dtypes.iloc[j]
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(dtype):
        return True
    if pd.api.types.is_numeric_dtype(dtype):
        return False
    return pd.api.types.infer_dtype(X.iloc[:, j], skipna=True) in ("string", "boolean")


def warn_of_many(column):
    """Warn where a column of text holds numbers or identifiers rather than words."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return
    count = column.nunique()
    if count > MANY_WORDS and count > len(column) / 10:
        warnings.warn(
            f"Column {column.name!r} is text with {count:,} different values in "
            f"{len(column):,} rows, and each becomes a category. If they are numbers, "
            "convert them; if they are identifiers, drop the column; if they are "
            "categories, list it in categorical_features.",
            UserWarning,
            stacklevel=2,
        )


def take_block(X, columns):
    if is_frame(X):
        return X.iloc[:, list(columns)].to_numpy(dtype=np.float64)
    return np.asarray(X[:, list(columns)], dtype=np.float64)


def block_codes(block, left_out=False):
    """Place of the 1 in each row of a block, -1 where there is not a single one.

    Where a level was left out a row of zeros has it, the place behind the others.
    """
    total = block.sum(axis=1)
    binary = np.isin(block, (0, 1)).all(axis=1)
    codes = np.where(binary & (total == 1), block.argmax(axis=1), -1)
    return np.where(binary & (total == 0) & left_out, block.shape[1], codes)


def with_left_out(block, left_out):
    """Cells of a block, with a column for the level that was left out."""
    return np.column_stack([block, 1 - block.sum(axis=1)]) if left_out else block


def one_hot_blocks(X, candidates):
    """Find columns of zeros and ones that are one category, wherever they stand.

    Neighbours of which one is 1 in every row are a block. So are columns of which one
    is 1 at most, some level having no column, if that is no chance: of flags that had
    nothing to do with each other some rows would have two.
    """
    binary = _binary(X, candidates)
    blocks = _runs(binary, max(candidates, default=-1) + 1)
    inside = {j for block in blocks for j in block}
    left = [j for j in binary if j not in inside and np.ptp(binary[j])]
    if len(left) > 1:
        cells = np.column_stack([binary[j] for j in left]).astype(np.float32)
        together = cells.T @ cells
        names = column_names(X)
        found = exclusive([names[j] for j in left], together, len(cells))
        blocks += [tuple(left[k] for k in group) for group in found]
    return blocks


def exclusive(names, together, n):
    """Find groups of flags that exclude each other, and not by chance.

    Parameters
    ----------
    names : list
        Of the columns; those of a group that begins alike may be rare.
    together : ndarray of shape (k, k)
        In how many rows both of two columns are 1.
    n : int
        Number of rows.

    Returns
    -------
    list of list of int
    """
    count = together.diagonal()
    apart = together == 0
    # Rows that would have both, if the columns had nothing to do with each other.
    expected = np.outer(count, count) / n

    def is_group(group):
        pairs = np.ix_(group, group)
        off = ~np.eye(len(group), dtype=bool)
        return apart[pairs][off].all() and expected[pairs][off].sum() / 2 >= NO_CHANCE

    groups = list(_alike(names, is_group, range(len(names))))
    left = set(range(len(names))) - {k for group in groups for k in group}
    for first in sorted(left, key=lambda k: -count[k]):
        if first not in left:
            continue
        group = [first]
        for k in sorted(left - {first}, key=lambda k: -count[k]):
            if apart[k, group].all() and expected[k, group].sum() >= NO_CHANCE:
                group.append(k)
        if len(group) > 1:
            groups.append(sorted(group))
            left -= set(group)
    return groups


def _alike(names, is_group, members, depth=0):
    """Find groups whose names begin alike, as short a beginning as will do."""
    found, by_start = [], {}
    for k in members:
        name = names[k] if isinstance(names[k], str) else ""
        parts = re.split(r"[^0-9A-Za-z]+", name)
        if len(parts) > depth + 1:
            by_start.setdefault(tuple(parts[: depth + 1]), []).append(k)
    for group in by_start.values():
        if len(group) > 1 and is_group(group):
            found.append(group)
        elif len(group) > 1:
            found += _alike(names, is_group, group, depth + 1)
    return found


def _binary(X, candidates):
    """Cells of the columns of zeros and ones."""
    binary = {}
    for j in candidates:
        column = take_column(X, j)
        if isinstance(column.dtype, pd.CategoricalDtype):
            continue
        cells = np.asarray(column)
        if cells.dtype == object and pd.api.types.is_numeric_dtype(column.dtype):
            # Nullable numbers, in pandas before 2.2.
            cells = to_numbers(column, column.name)
        if cells.dtype.kind not in "fiub" or not len(cells):
            continue
        if np.isin(cells[:100], (0, 1)).all() and np.isin(cells, (0, 1)).all():
            binary[j] = cells.astype(np.int64)
    return binary


def _runs(binary, n_columns):
    """Neighbours of which one is 1 in every row."""
    blocks, j = [], 0
    while j < n_columns:
        stop = j
        if j in binary and np.ptp(binary[j]):
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
    if len(numbers) and np.ptp(numbers) == 0:
        return None  # one value says nothing about the others
    single = getattr(dtype, "numpy_dtype", dtype) == np.float32
    tolerance = 1e-6 if single else 1e-9
    noise = tolerance * 1e-3 * np.abs(numbers).max(initial=0.0)
    # Far from zero a small share of a value may be all that values differ by.
    errors = noise + tolerance * np.abs(numbers)
    errors = np.minimum(errors, STEP * np.ptp(numbers) if len(numbers) else 0.0)
    for decimals in range(MAX_DECIMALS + 1):
        rounded = np.round(numbers, decimals)
        near = np.abs(numbers - rounded) <= errors
        other = numbers[~near]
        # An imputed mean, one value in many rows, does not make a whole number real;
        # a flag that was scaled, whose other value is zero, is none.
        imputed = 1 < len(other) < len(numbers) / 2 and np.ptp(other) <= noise
        imputed = imputed and len(numbers) >= MANY and np.ptp(numbers[near]) > noise
        if not len(other) or imputed:
            return decimals
    return None


def to_numbers(column, name):
    """Column as float64, or an error that names it."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
        return np.asarray(column, dtype=np.float64)
    if isinstance(dtype, np.dtype) and dtype.kind == "c":
        raise ValueError(f"Complex data not supported: column {name!r}.")
    try:
        if isinstance(dtype, pd.CategoricalDtype) or getattr(dtype, "kind", "") in "mM":
            raise TypeError(dtype)
        if isinstance(column, pd.Series) and any(isinstance(v, str) for v in column):
            raise TypeError("text")  # which may look like numbers, and is none
        return np.asarray(
            column.to_numpy(dtype=np.float64, na_value=np.nan)
            if isinstance(column, pd.Series)
            else column.astype(np.float64)
        )
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Column {name!r} of type {dtype} is neither a number nor a category. "
            "Convert it, text of numbers too, or list it in categorical_features."
        ) from error


def check_finite(column, name):
    """Raise where a column has infinite cells."""
    cells = np.asarray(column)
    if cells.dtype.kind == "f" and np.isinf(cells).any():
        raise ValueError(
            f"Input X contains infinity in column {name!r}. Replace it by a number, "
            "or by NaN, which is a missing cell."
        )


def check_present(column, name):
    """Raise where a column of a one-hot block has missing or infinite cells."""
    check_finite(column, name)
    if np.any(pd.isna(column)):
        raise ValueError(
            f"Input X contains NaN in column {name!r}, which is part of a one-hot "
            "block. Give the category as one column, whose cells may be missing, or "
            "the block a column for what is missing."
        )


def check_block(X, columns, names):
    """Raise where columns given as a one-hot block are none."""
    try:
        codes = block_codes(take_block(X, columns), left_out=True)
        one_hot = (codes >= 0).all() and (codes < len(columns)).any()
    except (TypeError, ValueError):
        one_hot = False
    if not one_hot:
        names = cut([names[j] for j in columns])
        raise ValueError(
            f"The columns {names} of categorical_features are not one-hot: every "
            "row must have a single 1 and zeros otherwise, or zeros alone where a "
            "level was left out."
        )
