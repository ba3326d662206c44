"""The classifier's rules in the input columns of a pipeline before it."""

import numpy as np
import pandas as pd

from sklearn_ct._rules.language import by_column, is_blank
from sklearn_ct._rules.rules import Rules
from sklearn_ct._tables.containers import (
    from_polars,
    is_frame,
    is_polars,
    take_column,
)

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
    return np.column_stack(
        [
            frame.iloc[:, v.columns[0]] if v.is_number else np.full(2, np.nan)
            for v in codec.variables_
        ]
    ).astype(float)


def refuse_moving(codec, X, mutability):
    """Raise where a column may change that goes through a step without an inverse.

    Text and times are held without being told: nobody could list their values.
    """
    if not codec.held.blocked:
        return
    words = _words(codec, X, mutability)
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


def _words(codec, X, mutability):
    """Words of a call for each column that it names, by position."""
    if mutability is None:
        return {}
    labels = X.index if is_frame(X) else None
    if is_polars(mutability):
        mutability, labels = from_polars(mutability), None
    given = by_column(mutability, codec.names, "mutability", len(X), labels)
    keys = [key for key in given if not isinstance(key, tuple) or key in codec.names]
    return {codec.position(key): given[key] for key in keys}


def _is_free_text(cells):
    """Whether cells are text or times rather than numbers, flags or listed labels."""
    dtype = cells.dtype
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_numeric_dtype(dtype):
        return False
    kind = pd.api.types.infer_dtype(cells, skipna=True)
    return kind not in ("floating", "integer", "mixed-integer-float", "boolean")
