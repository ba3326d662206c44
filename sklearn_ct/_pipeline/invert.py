"""scikit-learn's transformers, inverted column by column."""

import warnings
from itertools import pairwise, zip_longest

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    TargetEncoder,
)

from sklearn_ct._tables.containers import is_frame


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
    for fits, undo in INVERSIONS:
        if fits(step):
            return undo(name, step, table, columns)
    raise not_invertible(name, step)


def _cells(table):
    return table.to_numpy() if is_frame(table) else np.asarray(table)


def _identity(name, step, table, columns):
    return pd.DataFrame(_cells(table), columns=columns)


def _pipeline(name, step, table, columns):
    inputs = input_columns(step.steps, columns)
    for (part_name, part), names in zip(step.steps[::-1], inputs[::-1], strict=True):
        table = invert(f"{name}__{part_name}", part, table, names)
    return table


def _column_transformer(name, step, table, columns):
    cells, found = _cells(table), {}
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


def _selector(name, step, table, columns):
    cells = _cells(table)
    kept = [columns[j] for j in step.get_support(indices=True)]
    return _frame(dict(zip(kept, cells.T, strict=True)), columns, len(cells))


def _imputer(name, step, table, columns):
    """Leave what is there as it is; indicators come after it."""
    cells, kept = _cells(table), _imputed(step, columns)
    parts = dict(zip(kept, cells.T[: len(kept)], strict=True))
    return _frame(parts, columns, len(cells))


def _target_encoder(name, step, table, columns):
    return _nearest_labels(step, _cells(table).astype(float), columns)


def _function(name, step, table, columns):
    if step.inverse_func is None:
        raise not_invertible(name, step)
    cells = _cells(table)
    if is_frame(table) or hasattr(step, "feature_names_in_"):
        known = table.columns if is_frame(table) else columns
        cells = pd.DataFrame(cells, columns=known).infer_objects()
    else:
        cells = cells.astype(float)
    return _inverse(step, cells, columns)


def _encoder(name, step, table, columns):
    cells = _cells(table)
    if pd.isna(cells).any():
        raise ValueError(
            f"The step {name!r} of the pipeline ({type_name(step)}) cannot be "
            "inverted: a later step drops some of its columns. Select features in "
            "front of it."
        )
    if isinstance(step, OrdinalEncoder):
        # A domain may reach beyond the first and the last category.
        own = [step.encoded_missing_value, step.unknown_value or 0]
        lowest = np.nanmin([0, *own])
        highest = [np.nanmax([len(c) - 1, *own]) for c in step.categories_]
        cells = np.clip(cells.astype(float), lowest, highest)
    return _inverse(step, cells, columns)


def _any(name, step, table, columns):
    """Invert what has an inverse; of other packages with a frame, as it gave one."""
    if is_frame(table) and not type(step).__module__.startswith("sklearn."):
        cells = table.infer_objects()
    else:
        cells = _cells(table).astype(float)
    return _inverse(step, cells, columns)


def _inverse(step, cells, columns):
    with warnings.catch_warnings():
        # The ends of a domain may lie beyond what the step can give.
        warnings.simplefilter("ignore")
        back = step.inverse_transform(cells)
    if is_frame(back) and set(columns) <= set(back.columns):
        return back[columns].reset_index(drop=True)
    back = pd.DataFrame(np.asarray(back), columns=columns)
    for column, rare in zip(columns, _rare(step), strict=False):
        if rare is not None:
            back[column] = back[column].replace("infrequent_sklearn", rare[0])
    return back


def _is(*types):
    return lambda step: isinstance(step, types)


def _has(name):
    return lambda step: hasattr(step, name)


def _is_identity(step):
    function = isinstance(step, FunctionTransformer) and step.func is None
    return step is None or isinstance(step, str) or function


# What a step is, and how it is undone: the first line that fits.
INVERSIONS = [
    (_is_identity, _identity),
    (_is(Pipeline), _pipeline),
    (_is(ColumnTransformer), _column_transformer),
    (_has("get_support"), _selector),
    (_has("keep_empty_features"), _imputer),
    (_is(TargetEncoder), _target_encoder),
    (_is(FunctionTransformer), _function),
    (_is(OneHotEncoder, OrdinalEncoder), _encoder),
    (_has("inverse_transform"), _any),
]


def _nearest_labels(encoder, cells, columns):
    """Labels whose target encodings are nearest to the cells."""
    k = len(encoder.encodings_) // len(columns)  # classes, or 1
    labels = {}
    for j, (column, known) in enumerate(zip(columns, encoder.categories_, strict=True)):
        own = slice(j * k, (j + 1) * k)
        far = cdist(cells[:, own], np.column_stack(encoder.encodings_[own]))
        labels[column] = known[far.argmin(axis=1)]
    return _frame(labels, columns, len(cells))


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


def not_invertible(name, step):
    return ValueError(
        f"The step {name!r} of the pipeline ({type_name(step)}) cannot be inverted, so "
        "the answer cannot be given in the pipeline's input columns. Use a "
        "transformer with inverse_transform (for FunctionTransformer: set "
        "inverse_func)."
    )


def input_columns(steps, columns):
    """Names of the columns that each step takes, of those that the first takes."""
    inputs = [columns]
    for (_, step), (_, after) in pairwise(steps):
        # What the step after was given knows better than what this one tells.
        names = getattr(after, "feature_names_in_", None)
        inputs.append(output_columns(step, inputs[-1]) if names is None else [*names])
    return inputs


def output_columns(step, columns):
    """Names of what a step gives; of a classifier, of what it takes."""
    if hasattr(step, "predict") and not hasattr(step, "transform"):
        return columns
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


def categories_of(steps, columns, found, origins=None):
    """Categories of the input columns that encoders take, whatever is in between.

    Parameters
    ----------
    steps : list of (str, transformer)
    columns : list
        Names of the columns that the first step takes.
    found : dict
        ``{column: (labels, ordered)}``, filled.
    origins : list, optional
        The input column that each of ``columns`` comes from, None of none or of
        several. Default: they are the input columns.

    Returns
    -------
    list
        The same for each column that the last step gives.
    """
    origins = columns if origins is None else origins
    inputs = input_columns(steps, columns)
    for (_, step), names, after in zip_longest(steps, inputs, inputs[1:]):
        traced = _trace(step, names, origins, found)
        if after is not None:
            # A name that stays is the better witness: a function may reorder columns.
            of = {n: o for n, o in zip(names, origins, strict=True) if type(n) is str}
            traced += [None] * len(after)
            traced = [of.get(n, o) for n, o in zip(after, traced, strict=False)]
        origins = traced
    return origins


def _trace(step, columns, origins, found):
    if isinstance(step, OneHotEncoder | OrdinalEncoder | TargetEncoder):
        ordered = isinstance(step, OrdinalEncoder)
        for origin, labels in zip(origins, step.categories_, strict=True):
            known = [label for label in labels if not pd.isna(label)]
            if origin is not None:
                found.setdefault(origin, (known, ordered))
    elif isinstance(step, Pipeline):
        return categories_of(step.steps, columns, found, origins)
    elif isinstance(step, ColumnTransformer):
        of = dict(zip(columns, origins, strict=True))
        given = {}
        for name, part, chosen in step.transformers_:
            names, slots = selected(chosen, columns), step.output_indices_[name]
            # Of no columns scikit-learn leaves a part unfitted.
            if names and slots.stop > slots.start:
                part = _trace(part, names, [of[column] for column in names], found)
                given |= dict(zip(range(slots.start, slots.stop), part, strict=True))
        return [given[k] for k in range(len(given))]
    elif hasattr(step, "get_support"):
        return [origins[j] for j in step.get_support(indices=True)]
    size = len(output_columns(step, columns))
    if hasattr(step, "keep_empty_features"):
        of = dict(zip(columns, origins, strict=True))
        kept = [of[column] for column in _imputed(step, columns)]
        return kept + [None] * (size - len(kept))
    return [*origins] if size == len(origins) else [None] * size


def _imputed(step, columns):
    """Columns that an imputer keeps: those without any value are dropped."""
    names = {str(name) for name in output_columns(step, columns)}
    return [column for column in columns if str(column) in names]


def type_name(estimator):
    """Name of the class."""
    return type(estimator).__name__
