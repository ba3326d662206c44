"""What the input columns of a pipeline hold, told from the rows that were kept."""

import numpy as np
import pandas as pd

from sklearn_ct._pipeline.invert import categories_of
from sklearn_ct._tables.containers import is_frame, number_type
from sklearn_ct._tables.feature import limits

# Stands for every category of a column that the pipeline drops.
DROPPED = "-"


def seen_around(codec, row):
    """Invert a row with one cell changed to what `fit` saw and the sample may lack.

    These are the categories and the ends of the numbers; where one cell moves
    several columns (PCA), nobody has seen the row that results.
    """
    moved = []
    for j, variable in enumerate(codec.inner.variables_):
        if variable.is_number:
            seen = [codec.inner.lower_[j], codec.inner.upper_[j]]
        else:
            seen = np.flatnonzero(codec.inner.observed_[variable.slots])
        rows = np.repeat(row, len(seen), axis=0)
        rows[:, j] = seen
        moved.append(rows)
    frame = codec.invert(codec.inner.table(np.vstack([row, *moved])))
    cells = frame.astype(object).to_numpy()
    differs = (cells != cells[0]) & ~(pd.isna(cells) & pd.isna(cells[0]))
    return frame[differs.sum(axis=1) == 1]


def typed(codec, frame):
    """Columns with the types that the outer encoder is to see."""
    categories = {}
    steps = [*codec.steps, ("", codec.classifier)]
    origins = categories_of(steps, codec.names, categories)
    for variable in codec.inner.variables_:
        if not variable.is_number and not variable.is_block:
            known = (variable.categories, variable.ordered)
            categories.setdefault(origins[variable.columns[0]], known)
    columns, dropped = {}, set()
    for j, name in enumerate(codec.names):
        column = frame[name]
        is_dropped = column.isna().all()
        if is_frame(codec.like):
            dtype = codec.like.dtypes.iloc[j]
        else:
            dtype = _number_like(codec, column)
        if name in categories and not is_dropped:
            labels, ordered = categories[name]
            if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered:
                inside = [c for c in dtype.categories if c in set(labels)]
                labels, ordered = inside, True
            elif dtype is not None and pd.api.types.is_bool_dtype(dtype):
                ordered = True  # as the classifier has it
            dtype = pd.CategoricalDtype(labels, ordered=ordered)
            # By value: scikit-learn may give numbers for truth values.
            codes = pd.Index(labels, dtype=object).get_indexer(column.astype(object))
            column = pd.Series(pd.Categorical.from_codes(codes, dtype=dtype))
            # Missing cells as a category of their own are no advice to give.
            column = column.fillna(column.mode().iloc[0])
        elif dtype is not None and not pd.api.types.is_numeric_dtype(dtype):
            is_dropped = True  # no value of it was kept
            column = pd.Series(pd.Categorical([DROPPED] * len(frame)), frame.index)
        else:
            column = column.astype(float).fillna(0.0)
            if dtype is not None and dtype.kind in "iu":
                # What a lossy inverse gives may lie beyond the type.
                column = column.round().clip(*limits(number_type(dtype)))
            column = column.astype(dtype or float)
        columns[name] = column
        if is_dropped:
            dropped.add(j)
    return pd.DataFrame(columns), dropped


def _number_like(codec, column):
    """Type of an array asked about, if it holds such a column's numbers."""
    if codec.like.dtype.kind == "f":
        return codec.like.dtype
    if codec.like.dtype.kind in "iu":
        cells = column.dropna().astype(float)
        if np.allclose(cells, cells.round(), rtol=0, atol=1e-6):
            return codec.like.dtype
    return None
