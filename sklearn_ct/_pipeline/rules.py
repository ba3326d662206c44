"""The classifier's rules in the input columns of a pipeline before it."""

import warnings

import numpy as np
import pandas as pd
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

from sklearn_ct._pipeline.invert import type_name
from sklearn_ct._rules.language import by_column, is_blank
from sklearn_ct._rules.rules import Rules
from sklearn_ct._tables.containers import (
    from_polars,
    is_frame,
    is_polars,
    take_column,
)

# Steps that take texts or dicts, one a row.
NO_TABLE = (CountVectorizer, HashingVectorizer, DictVectorizer, FeatureHasher)
# Rounding errors come to this share of a column's largest value.
SLACK = 1e-9


def outer_rules(codec, inner):
    """Translate the classifier's rules to the input columns.

    A rule on an inner column that mixes several input columns, or that has no
    counterpart, freezes them: it holds, though stricter than it was meant.
    """
    rules = Rules.parse(codec, None, "observed").copy()
    ends, known = _ends(codec, inner), codec.dependence
    touches = codec.inner.collect(known.depends.astype(float)) > 0
    lone = codec.inner.collect((~known.alone)[None].astype(float))[0] == 0
    path = codec.inner.values(known.ladder)
    for j, variable in enumerate(codec.variables_):
        touched = np.flatnonzero(touches[j])
        frozen = not len(touched) or codec.is_dropped(j)
        for k in () if frozen else touched:
            bound = inner.given[0, k] or not (inner.rise[0, k] and inner.fall[0, k])
            if not lone[k]:
                frozen |= bool(bound)
                continue
            climb = path[: known.heights[j], k]
            up, down, fits = _translate(codec, inner, k, climb)
            rules.rise[0, j] &= up
            rules.fall[0, j] &= down
            rules.follows[0, j] |= inner.follows[0, k]
            if not variable.is_number:
                rules.allowed[0, variable.slots] &= fits
                rules.given[0, j] |= inner.given[0, k]
            elif len(touched) == 1 and codec.inner.variables_[k].is_number:
                _bound(codec, rules, inner, j, k, ends[:, j])
            else:
                frozen |= bool(inner.given[0, k])
        ranges = inner.lower[0, touched], inner.upper[0, touched]
        if variable.is_number and np.isinf(ranges).all():
            rules.lower[0, j], rules.upper[0, j] = -np.inf, np.inf
        if frozen or not rules.allowed[0, variable.slots].any():
            rules.rise[0, j] = rules.fall[0, j] = False
            rules.allowed[0, variable.slots] = codec.observed_[variable.slots]
    return rules


def _translate(codec, inner, k, path):
    """Directions and steps of a ladder that the rules of an inner column leave.

    What came through the pipeline and back may be a rounding error off.
    """
    variable = codec.inner.variables_[k]
    rise, fall = inner.rise[0, k], inner.fall[0, k]
    steps = np.diff(path)
    slack = SLACK * np.abs(path).max(initial=0.0)
    if not variable.is_number and not variable.ordered:
        up = down = rise and fall
    elif (steps >= -slack).all():
        up, down = rise, fall
    elif (steps <= slack).all():
        up, down = fall, rise
    else:
        up = down = rise and fall
    if variable.is_number:
        low, high = inner.lower[0, k] - slack, inner.upper[0, k] + slack
        return up, down, (path >= low) & (path <= high)
    allowed = inner.allowed[0, variable.slots]
    return up, down, allowed[path.astype(int)]


def _bound(codec, rules, inner, j, k, ends):
    """Bounds of a number that has an inner column of its own."""
    low, high = np.sort(ends)
    if np.isnan(high):  # a step has no inverse there: the observed end
        seen = [*ends, codec.lower_[j], codec.upper_[j]]
        low, high = np.nanmin(seen), np.nanmax(seen)
    if not np.isfinite(inner.lower[0, k]) and not np.isfinite(inner.upper[0, k]):
        low, high = -np.inf, np.inf
    # What stands for a missing cell lies beyond one of the ends that people have.
    if codec.lower_[j] > codec.outer.lower_[j]:
        low = max(low, codec.lower_[j])
    if codec.upper_[j] < codec.outer.upper_[j]:
        high = min(high, codec.upper_[j])
    variable = codec.variables_[j]
    rules.lower[0, j] = variable.round_bound(np.array(low), 1.0)
    rules.upper[0, j] = variable.round_bound(np.array(high), -1.0)
    rules.given[0, j] = inner.given[0, k]
    if k in inner.choices:
        rows = codec.inner.values(codec.embed(codec.dependence.template))
        rows = np.repeat(rows, inner.choices[k].shape[1], axis=0)
        rows[:, k] = inner.choices[k][0]
        frame, _ = codec.invert(codec.inner.table(rows))
        cells = frame.iloc[:, variable.columns[0]]
        rules.choices[j] = np.unique(variable.round(cells.to_numpy(float)))[None]


def _ends(codec, inner):
    """Two rows at the lower and the upper ends of the inner domain, unrounded."""
    numbers = codec.inner.numbers_
    ends = np.repeat(
        codec.inner.values(codec.embed(codec.dependence.template)), 2, axis=0
    )
    for row, given, observed in (
        (0, inner.lower[0], codec.inner.lower_),
        (1, inner.upper[0], codec.inner.upper_),
    ):
        finite = np.where(np.isfinite(given), given, observed)
        ends[row, numbers] = finite[numbers]
    frame, _ = codec.invert(codec.inner.table(ends))
    first = [v.columns[0] for v in codec.variables_]
    cells = frame.iloc[:, first].to_numpy()
    return np.where(codec.numbers_, cells, np.nan).astype(float)


def refuse_text_alone(steps, X):
    """Raise where the first step takes something else than a table."""
    name, step = steps[0]
    of_texts = X.ndim == 1 and np.asarray(X).dtype.kind not in "biuf"
    if isinstance(step, NO_TABLE) or (of_texts and hasattr(step, "transform")):
        raise ValueError(
            f"explain takes a table, and the first step {name!r} of the pipeline "
            f"({type_name(step)}) takes one text for each row, which no answer can "
            "rewrite. Put the step into a ColumnTransformer, beside columns that may "
            "change: the text is held then, and the others are explained."
        )
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D array instead.")


def warn_of_held(codec, X, options, result):
    """Warn of what is asked of columns that are held as they are."""
    held = {codec.names[k] for k in codec.held.columns}
    named = _words(codec, X, options.domain, "domain")
    asked = {"domain": held & {codec.names[k] for k in named}}
    if options.project is not None and held and len(X):
        answers = pd.DataFrame(result.counterfactuals, columns=codec.names)
        linked = options.project(result.counterfactuals)
        linked = pd.DataFrame(linked, columns=codec.names)
        kept = {name for name in held if _alike(answers[name], linked[name])}
        asked["project"] = held - kept
    for parameter, columns in asked.items():
        for name in sorted(columns, key=codec.names.index):
            warnings.warn(
                f"The {parameter!r} of column {name!r} has no effect: the pipeline "
                "drops the column, or has no way back to it, so it stays as it is.",
                UserWarning,
                stacklevel=4,
            )


def _alike(one, other):
    """Whether two columns hold the same cells, missing ones included."""
    one, other = one.astype(object).to_numpy(), other.astype(object).to_numpy()
    return bool(np.all((one == other) | (pd.isna(one) & pd.isna(other))))


def refuse_moving(codec, X, mutability):
    """Raise where a column may change that goes through a step without an inverse.

    Text and times are held without being told: nobody could list their values.
    """
    if not codec.held.blocked:
        return
    words = _words(codec, X, mutability, "mutability")
    for position, why in sorted(codec.held.blocked.items()):
        name = codec.names[position]
        cells = take_column(X, position)
        held = words.get(position, [None])
        default = "none" if _is_free_text(cells) else "both"
        if any((default if is_blank(word) else word) != "none" for word in held):
            raise ValueError(
                f"{why}. It takes the column {name!r}, which may change. Hold it with "
                f"mutability={{{name!r}: 'none'}}."
            )


def _words(codec, X, given, parameter):
    """Words of a call for each column that it names, by position."""
    if given is None or (isinstance(given, str) and parameter == "domain"):
        return {}
    labels = X.index if is_frame(X) else None
    if is_polars(given):
        given, labels = from_polars(given), None
    given = by_column(given, codec.names, parameter, len(X), labels)
    keys = [key for key in given if not isinstance(key, tuple) or key in codec.names]
    return {codec.position(key): given[key] for key in keys}


def _is_free_text(cells):
    """Whether cells are text or times rather than numbers, flags or listed labels."""
    dtype = cells.dtype
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_numeric_dtype(dtype):
        return False
    kind = pd.api.types.infer_dtype(cells, skipna=True)
    return kind not in ("floating", "integer", "mixed-integer-float", "boolean")
