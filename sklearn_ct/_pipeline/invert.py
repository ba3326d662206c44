"""scikit-learn's transformers, inverted column by column.

What cannot be had back is a hole: a column of missing values. Of a column that the step
drops nothing is said; of one that goes through a step without an inverse the `holes`
have a sentence, with which a call is refused if the column may change.
"""

import warnings
from itertools import pairwise, zip_longest

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import KernelPCA
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    TargetEncoder,
)

from sklearn_ct._tables.containers import dense, is_frame

# Numbers no farther from whole ones, relatively, have only been rounded on the way.
ROUNDED = 1e-9


def invert(name, step, table, columns, holes=None, sample=None):
    """Invert one transformer, giving a frame with ``columns``.

    Parameters
    ----------
    name : str
        Of the step, for what is said of holes.
    step : transformer
        Fitted.
    table : DataFrame or ndarray of shape (n, n_outputs)
        What the step gave.
    columns : list
        Names of the step's input columns.
    holes : dict, optional
        What there is to say of columns of ``table`` that are missing, by position.
    sample : Sample, optional
        Rows that the step takes; they show how its columns are called, and what a step
        without an inverse leaves alone.

    Returns
    -------
    DataFrame of shape (n, len(columns))
        With missing values where a column could not be had back.
    dict
        ``{column: sentence}`` of those that go through a step without an inverse.
    """
    holes = holes or {}
    for fits, undo in INVERSIONS:
        if fits(step):
            return undo(name, step, table, columns, holes, sample)
    return _left_alone(name, step, table, columns, holes, sample)


def _cells(table):
    return table.to_numpy() if is_frame(table) else np.asarray(table)


def _identity(name, step, table, columns, holes, sample):
    frame = pd.DataFrame(_cells(table), columns=columns)
    return frame, {columns[k]: text for k, text in holes.items()}


def _pipeline(name, step, table, columns, holes, sample):
    parts = transforming(step.steps)
    inputs = input_columns(parts, columns)
    named = [(f"{name}__{part_name}", part) for part_name, part in parts]
    return invert_all(named, inputs, table, holes, sample)


def invert_all(steps, inputs, table, holes=None, sample=None):
    """Invert steps that follow one another; see `invert`.

    Parameters
    ----------
    steps : list of (str, transformer)
    inputs : list of list
        Names of the columns that each step takes.
    table, holes
        Of what the last step gave.
    sample : Sample, optional
        Rows that the first step takes.
    """
    samples = [sample]
    for _, step in steps[:-1] if sample is not None else ():
        samples.append(samples[-1].after(step))
    samples += [None] * (len(steps) - len(samples))
    holes = holes or {}
    for (name, step), names, rows in zip(
        steps[::-1], inputs[::-1], samples[::-1], strict=True
    ):
        table, blocked = invert(name, step, table, names, holes, rows)
        holes = {names.index(column): text for column, text in blocked.items()}
    frame = pd.DataFrame(_cells(table), columns=inputs[0])
    return frame, {inputs[0][k]: text for k, text in holes.items()}


def _column_transformer(name, step, table, columns, holes, sample):
    cells, found, blocked = _cells(table), {}, {}
    for part_name, part, part_columns in step.transformers_:
        slots = step.output_indices_[part_name]
        if isinstance(part, str) and part == "drop":
            continue
        names = selected(part_columns, columns)
        if not len(names) or slots.stop == slots.start:
            continue
        own = {k - slots.start: text for k, text in holes.items() if k in _range(slots)}
        places = [columns.index(column) for column in names]
        places = places[0] if isinstance(part_columns, str) else places
        rows = None if sample is None else sample.of(places)
        back, more = invert(
            f"{name}__{part_name}", part, cells[:, slots], names, own, rows
        )
        _add(found, blocked, back, more, names)
    return _frame(found, columns, len(cells)), blocked


def _range(slots):
    return range(slots.start, slots.stop)


def _add(found, blocked, back, more, names):
    """Add what a part gave back; another part may have given more."""
    for column in names:
        if column not in found or found[column].isna().all():
            found[column] = back[column]
        if column in more:
            blocked[column] = more[column]
    for column in [c for c in blocked if not found[c].isna().all()]:
        del blocked[column]


def _union(name, step, table, columns, holes, sample):
    """Each part of a FeatureUnion takes all columns; what one gives back is enough."""
    cells, found, blocked, start = _cells(table), {}, {}, 0
    for part_name, part in step.transformer_list:
        if isinstance(part, str) and part == "drop":
            continue
        stop = start + _width(part, columns, sample, cells.shape[1] - start)
        own = {k - start: text for k, text in holes.items() if start <= k < stop}
        back, more = invert(
            f"{name}__{part_name}", part, cells[:, start:stop], columns, own, sample
        )
        _add(found, blocked, back, more, columns)
        start = stop
    return _frame(found, columns, len(cells)), blocked


def _width(part, columns, sample, left):
    """How many columns a part gives."""
    if sample is not None:
        return min(sample.after(part).rows.shape[1], left)
    return min(len(output_columns(part, columns)), left)


def _selector(name, step, table, columns, holes, sample):
    cells = _cells(table)
    kept = [columns[j] for j in step.get_support(indices=True)]
    frame = _frame(dict(zip(kept, cells.T, strict=True)), columns, len(cells))
    return frame, {kept[k]: text for k, text in holes.items()}


def _imputer(name, step, table, columns, holes, sample):
    """Leave what is there as it is; indicators come after it."""
    cells, kept = _cells(table), _imputed(step, columns)
    parts = dict(zip(kept, cells.T[: len(kept)], strict=True))
    frame = _frame(parts, columns, len(cells))
    return frame, {kept[k]: text for k, text in holes.items() if k < len(kept)}


def _encoder(name, step, table, columns, holes, sample):
    """Labels whose codes are nearest: what comes back may be a little off."""
    cells = _cells(table)
    found, blocked, start = {}, {}, 0
    for column, (labels, codes) in zip(columns, codebook(step), strict=True):
        slots = range(start, start + codes.shape[1])
        start = slots.stop
        if not len(slots):
            found[column] = np.full(len(cells), labels[0], dtype=object)
            continue
        own = cells[:, slots]
        if pd.isna(own).all(axis=0).any():
            said = [holes[k] for k in slots if k in holes]
            blocked[column] = said[0] if said else _dropped_later(name, step)
            continue
        far = cdist(own.astype(float), codes, "cityblock")
        nearest = labels[far.argmin(axis=1)]
        # As far from each: all zeros, an unknown label that the encoder ignores.
        none = (np.ptp(far, axis=1) <= ROUNDED) & (len(np.unique(codes, axis=0)) > 1)
        none |= np.isnan(far).any(axis=1)
        found[column] = np.where(none, None, nearest)
    return _frame(found, columns, len(cells)), blocked


def codebook(step):
    """Labels of each column of an encoder, and the codes that it gives them.

    Returns
    -------
    list of (ndarray of shape (k,), ndarray of shape (k, n_codes))
    """
    each = range(len(step.categories_))
    if isinstance(step, OrdinalEncoder):
        return [_ordinal_codes(step, j) for j in each]
    if isinstance(step, OneHotEncoder):
        return [_one_hot_codes(step, j) for j in each]
    k = len(step.encodings_) // len(step.categories_)  # classes, or 1
    codes = [np.column_stack(step.encodings_[j * k : (j + 1) * k]) for j in each]
    labels = [np.asarray(labels, dtype=object) for labels in step.categories_]
    return list(zip(labels, codes, strict=True))


def _ordinal_codes(step, j):
    labels = np.asarray(step.categories_[j], dtype=object)
    codes = _places(step, j).astype(float)
    codes[pd.isna(labels)] = step.encoded_missing_value
    if step.handle_unknown == "use_encoded_value":
        codes = np.append(codes, step.unknown_value)
        labels = np.append(labels, [None])
    known = ~np.isnan(codes)  # nothing is near to NaN
    return labels[known], codes[known, None]


def _one_hot_codes(step, j):
    place = _places(step, j)
    codes = np.eye(place.max() + 1)[place]
    left_out = None if step.drop_idx_ is None else step.drop_idx_[j]
    if left_out is not None:
        codes = np.delete(codes, place[left_out], axis=1)
    return np.asarray(step.categories_[j], dtype=object), codes


def _places(step, j):
    """Place of each category of a column among those that an encoder keeps apart."""
    labels, rare = step.categories_[j], None
    if infrequent := _rare(step):
        rare = infrequent[j]
    if rare is None:
        return np.arange(len(labels))
    is_rare = pd.Series(labels, dtype=object).isin(rare).to_numpy()
    return np.where(is_rare, (~is_rare).sum(), np.cumsum(~is_rare) - 1)


def _rare(encoder):
    """For each column the labels that an encoder has lumped together, or None."""
    try:
        return encoder.infrequent_categories_
    except AttributeError:
        return []


def _whole(name, step, table, columns, holes, sample):
    """Invert by the step's own inverse, with a frame if it was given frames."""
    has_none = isinstance(step, FunctionTransformer) and step.inverse_func is None
    if has_none:
        return _left_alone(name, step, table, columns, holes, sample)
    cells = _cells(table)
    is_missing = pd.isna(cells).all(axis=0) if len(cells) else np.zeros(cells.shape[1])
    try:
        back = _inverse(step, _as_taken(step, table, columns, sample), columns)
    except Exception as error:  # whatever somebody's own code raises
        said = _raised(name, step, error)
        if is_missing.any():
            said = next(iter(holes.values()), _dropped_later(name, step))
        return _frame({}, columns, len(cells)), dict.fromkeys(columns, said)
    if back is None:
        return _left_alone(name, step, table, columns, holes, sample)
    lost = [column for column in columns if back[column].isna().all()]
    if not is_missing.any() or not len(cells):
        return back, {}
    # One hole may have made another column of the step a hole, or all of them.
    blocked = {}
    for column in lost:
        same = cells.shape[1] == len(columns) and is_missing[columns.index(column)]
        texts = (
            holes
            if not same
            else {k: text for k, text in holes.items() if k == columns.index(column)}
        )
        text = next(iter(texts.values()), None)
        if not same or text:
            blocked[column] = text or _dropped_later(name, step)
    return back, blocked


def _bins(name, step, table, columns, holes, sample):
    """Places of bins are whole, and scikit-learn cuts off what is behind the point."""
    cells = _cells(table)
    if step.encode == "ordinal":
        cells = np.round(cells.astype(float))
    return _whole(name, step, cells, columns, holes, sample)


def _kernel_pca(name, step, table, columns, holes, sample):
    """Its inverse loses the mean: what it is off for the training rows is added."""
    back, said = _whole(name, step, table, columns, holes, sample)
    if not said and step.fit_inverse_transform:
        again = step.inverse_transform(step.transform(step.X_fit_))
        back = back + (step.X_fit_ - again).mean(axis=0)
    return back, said


def _as_taken(step, table, columns, sample):
    """Cells of a table as an inverse takes them: what a step gave, it takes."""
    cells = _cells(table)
    names = table.columns if is_frame(table) else None
    if isinstance(step, FunctionTransformer) or not _is_of_sklearn(step):
        if sample is not None and is_frame(given := sample.after(step).rows):
            names = given.columns
        elif names is None and hasattr(step, "feature_names_in_"):
            names = columns
    else:
        names = None
    if names is not None and len(names) == cells.shape[1]:
        frame = pd.DataFrame(cells, columns=names).infer_objects()
        return frame.apply(_without_rounding)
    try:
        return cells.astype(float)
    except (TypeError, ValueError):
        return cells


def _without_rounding(column):
    """Whole numbers that are a rounding error off, as an inverse may ask for."""
    if not pd.api.types.is_float_dtype(column.dtype):
        return column
    near = column.round()
    off = (column - near).abs() <= ROUNDED * near.abs().clip(lower=1.0)
    return column.where(~off, near)


def _is_of_sklearn(step):
    return type(step).__module__.startswith("sklearn.")


def _inverse(step, cells, columns):
    """Call the step's own inverse; None where it gives another width."""
    with warnings.catch_warnings():
        # The ends of a domain may lie beyond what the step can give.
        warnings.simplefilter("ignore")
        back = step.inverse_transform(cells)
    back = dense(back)
    if isinstance(back, list):
        return None  # words without their order, as vectorizers give
    if is_frame(back) and set(columns) <= set(back.columns):
        return back[columns].reset_index(drop=True)
    back = np.asarray(back)
    if back.ndim != 2 or back.shape != (len(cells), len(columns)):
        return None
    return pd.DataFrame(back, columns=columns)


def _left_alone(name, step, table, columns, holes, sample):
    """Columns that a step without an inverse hands on as they are, told by looking."""
    blocked = dict.fromkeys(columns, _no_inverse(name, step))
    found, cells = {}, _cells(table)
    if sample is not None:
        given, after = sample.rows, sample.after(step).rows
        names = list(after.columns) if is_frame(after) else columns
        given = pd.DataFrame(_cells(given), columns=columns)
        after = pd.DataFrame(_cells(after))
        for column in set(columns).intersection(names):
            k = names.index(column)
            if k < after.shape[1] and _same(given[column], after[k]):
                found[column] = cells[:, k]
                del blocked[column]
                if k in holes:
                    blocked[column] = holes[k]
    return _frame(found, columns, len(cells)), blocked


def _same(before, after):
    return bool(((before == after) | (before.isna() & after.isna())).all())


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
    (_is(FeatureUnion), _union),
    (_has("get_support"), _selector),
    (_has("keep_empty_features"), _imputer),
    (_is(OneHotEncoder, OrdinalEncoder, TargetEncoder), _encoder),
    (_is(KBinsDiscretizer), _bins),
    (_is(KernelPCA), _kernel_pca),
    (_has("inverse_transform"), _whole),
]


def _frame(found, columns, n):
    """Frame of the columns found; the others have missing values."""
    missing = np.full(n, np.nan, dtype=object)
    cells = [np.asarray(found.get(column, missing)) for column in columns]
    frame = pd.DataFrame(dict(enumerate(cells)))
    frame.columns = columns
    return frame


class Sample:
    """A few rows that a step takes, made when somebody looks at them.

    Parameters
    ----------
    rows : DataFrame, Series or ndarray
        What the first step takes.
    """

    def __init__(self, rows):
        self.rows = rows
        self._after = {}

    def after(self, step):
        """Give what a step makes of the rows."""
        if step is None or isinstance(step, str):
            return self
        if id(step) not in self._after:
            self._after[id(step)] = Sample(dense(step.transform(self.rows)))
        return self._after[id(step)]

    def of(self, places):
        """Columns of the rows: a position, or a list of them."""
        key = str(places)
        if key not in self._after:
            rows = self.rows
            rows = rows.iloc[:, places] if is_frame(rows) else rows[:, places]
            self._after[key] = Sample(rows)
        return self._after[key]


def _no_inverse(name, step):
    return (
        f"The step {name!r} of the pipeline ({type_name(step)}) cannot be inverted, so "
        "the answer cannot be given in the pipeline's input columns: use a "
        "transformer with inverse_transform (for FunctionTransformer: set "
        "inverse_func)"
    )


def _raised(name, step, error):
    said = f"{type(error).__name__}: {error}".split("\n")[0]
    return (
        f"The step {name!r} of the pipeline ({type_name(step)}) cannot be inverted, "
        f"its inverse_transform raises {said}"
    )


def _dropped_later(name, step):
    return (
        f"The step {name!r} of the pipeline ({type_name(step)}) cannot be inverted: a "
        "later step drops some of its columns. Select features in front of it"
    )


def transforming(steps):
    """Take the steps that do something when a pipeline predicts: no samplers."""
    return [
        (name, step)
        for name, step in steps
        if step is None or isinstance(step, str) or hasattr(step, "transform")
    ]


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
        for _, part in transforming(step.steps):
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
        return categories_of(transforming(step.steps), columns, found, origins)
    elif isinstance(step, ColumnTransformer):
        of = dict(zip(columns, origins, strict=True))
        given = {}
        for name, part, chosen in step.transformers_:
            names, slots = selected(chosen, columns), step.output_indices_[name]
            # Of no columns scikit-learn leaves a part unfitted.
            if names and slots.stop > slots.start:
                part = _trace(part, names, [of[column] for column in names], found)
                size = slots.stop - slots.start
                part = part if len(part) == size else [None] * size
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
