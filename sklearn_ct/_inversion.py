"""scikit-learn's transformers, inverted column by column."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

from sklearn_ct._table import is_frame


def invert(name, step, table, columns):
    """Invert one transformer, giving a frame with ``columns``.

    Parameters
    ----------
    name : str
        Of the step, for the error.
    step : transformer
        Fitted.
    table : DataFrame or ndarray of shape (n, n_outputs)
        What the step gave.
    columns : list
        Names of the step's input columns.

    Returns
    -------
    DataFrame of shape (n, len(columns))
        Columns that the step dropped are missing values.

    Raises
    ------
    ValueError
        Where the step cannot be inverted.
    """
    cells = table.to_numpy() if is_frame(table) else np.asarray(table)
    identity = isinstance(step, FunctionTransformer) and step.func is None
    if step is None or isinstance(step, str) or identity:
        return pd.DataFrame(cells, columns=columns)
    if isinstance(step, Pipeline):
        inputs = [columns]
        for _, part in step.steps[:-1]:
            inputs.append(output_columns(part, inputs[-1]))
        for (part_name, part), names in zip(
            step.steps[::-1], inputs[::-1], strict=True
        ):
            table = invert(f"{name}__{part_name}", part, table, names)
        return table
    if isinstance(step, ColumnTransformer):
        found = {}
        for part_name, part, part_columns in step.transformers_:
            slots = step.output_indices_[part_name]
            if isinstance(part, str) and part == "drop":
                continue
            names = selected(part_columns, columns)
            if not len(names) or slots.stop == slots.start:
                continue
            back = invert(f"{name}__{part_name}", part, cells[:, slots], names)
            found |= {column: back[column] for column in names}
        return _frame(found, columns, len(cells))
    if hasattr(step, "get_support"):
        kept = [columns[j] for j in step.get_support(indices=True)]
        return _frame(dict(zip(kept, cells.T, strict=True)), columns, len(cells))
    if hasattr(step, "statistics_"):
        # An imputer leaves what is there as it is; indicators come after it, and
        # columns without any value are dropped.
        kept = [
            column
            for column, value in zip(columns, step.statistics_, strict=True)
            if step.keep_empty_features or not pd.isna(value)
        ]
        parts = dict(zip(kept, cells.T[: len(kept)], strict=True))
        return _frame(parts, columns, len(cells))
    if isinstance(step, FunctionTransformer):
        if step.inverse_func is None:
            raise _not_invertible(name, step)
        if is_frame(table) or hasattr(step, "feature_names_in_"):
            known = table.columns if is_frame(table) else columns
            cells = pd.DataFrame(cells, columns=known).infer_objects()
        else:
            cells = cells.astype(float)
    elif not hasattr(step, "inverse_transform"):
        raise _not_invertible(name, step)
    elif isinstance(step, OneHotEncoder | OrdinalEncoder):
        if pd.isna(cells).any():
            raise ValueError(
                f"The step {name!r} of the pipeline ({type_name(step)}) cannot be "
                "inverted: a later step drops some of its columns. Select features in "
                "front of it."
            )
    elif is_frame(table) and not type(step).__module__.startswith("sklearn."):
        cells = table.infer_objects()
    else:
        cells = cells.astype(float)
    back = step.inverse_transform(cells)
    if is_frame(back) and set(columns) <= set(back.columns):
        return back[columns].reset_index(drop=True)
    back = pd.DataFrame(np.asarray(back), columns=columns)
    for column, rare in zip(columns, _rare(step), strict=False):
        if rare is not None:
            back[column] = back[column].replace("infrequent_sklearn", rare[0])
    return back


def _frame(found, columns, n):
    """Frame of the columns found; the others have missing values."""
    missing = np.full(n, np.nan, dtype=object)
    cells = [np.asarray(found.get(column, missing)) for column in columns]
    frame = pd.DataFrame(dict(enumerate(cells)))
    frame.columns = columns
    return frame


def _rare(encoder):
    """For each column the labels that an encoder has lumped together, or None."""
    try:
        return encoder.infrequent_categories_
    except AttributeError:
        return []


def _not_invertible(name, step):
    return ValueError(
        f"The step {name!r} of the pipeline ({type_name(step)}) cannot be inverted, so "
        "the answer cannot be given in the pipeline's input columns. Use a "
        "transformer with inverse_transform (for FunctionTransformer: set "
        "inverse_func)."
    )


def output_columns(step, columns):
    """Names of what a step gives."""
    try:
        return list(step.get_feature_names_out([str(name) for name in columns]))
    except (AttributeError, ValueError, TypeError):
        if step is None or isinstance(step, str):
            return columns
    if isinstance(step, Pipeline):
        for _, part in step.steps:
            columns = output_columns(part, columns)
        return columns
    if isinstance(step, ColumnTransformer):
        return list(range(max(part.stop for part in step.output_indices_.values())))
    return list(range(getattr(step, "n_features_in_", len(columns))))


def selected(chosen, columns):
    """Names of the columns that a part of a ColumnTransformer takes."""
    if isinstance(chosen, str):
        return [chosen]
    if isinstance(chosen, slice):
        if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
            return pd.Series(columns, columns).loc[chosen].tolist()
        return columns[chosen]
    chosen = list(np.atleast_1d(np.asarray(chosen, dtype=object)))
    if chosen and all(isinstance(c, bool | np.bool_) for c in chosen):
        return [name for name, c in zip(columns, chosen, strict=True) if c]
    return [c if c in columns else columns[c] for c in chosen]


def categories_of(steps, columns, found):
    """Categories of the columns that encoders take, {column: (labels, ordered)}."""
    for _, step in steps:
        if isinstance(step, OneHotEncoder | OrdinalEncoder):
            ordered = isinstance(step, OrdinalEncoder)
            for name, labels in zip(columns, step.categories_, strict=False):
                known = [label for label in labels if not pd.isna(label)]
                found.setdefault(name, (known, ordered))
        elif isinstance(step, Pipeline):
            categories_of(step.steps, columns, found)
        elif isinstance(step, ColumnTransformer):
            for name, part, chosen in step.transformers_:
                if isinstance(part, BaseEstimator):
                    names = selected(chosen, columns)
                    categories_of([(name, part)], names, found)


def type_name(estimator):
    """Name of the class."""
    return type(estimator).__name__
