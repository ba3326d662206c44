"""The classifier's rules in the input columns of a pipeline before it."""

import numpy as np

from sklearn_ct._rules.rules import Rules


def outer_rules(codec, inner):
    """Translate the classifier's rules to the input columns.

    A rule on an inner column that mixes several input columns, or that has no
    counterpart, freezes them: it holds, though stricter than it was meant.
    """
    rules = Rules.parse(codec.outer, None, "observed")
    rules = rules.copy()
    ends, known = _ends(codec, inner), codec.dependence
    for j, variable in enumerate(codec.variables_):
        touched = codec.inner.collect(known.depends[j][None].astype(float))[0] > 0
        path = codec.inner.values(known.ladders[j])
        frozen = not touched.any()
        for k in np.flatnonzero(touched):
            up, down, fits = _translate(codec, inner, k, path[:, k])
            alone = known.alone[codec.inner.variables_[k].slots].all()
            bound = inner.given[0, k] or not (inner.rise[0, k] and inner.fall[0, k])
            if not alone:
                frozen |= bool(bound)
                continue
            rules.rise[0, j] &= up
            rules.fall[0, j] &= down
            if not variable.is_number:
                rules.allowed[0, variable.slots] &= fits
                rules.given[0, j] |= inner.given[0, k]
            elif touched.sum() == 1 and codec.inner.variables_[k].is_number:
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
    """Directions and steps of a ladder that the rules of an inner column leave."""
    variable = codec.inner.variables_[k]
    rise, fall = inner.rise[0, k], inner.fall[0, k]
    steps = np.diff(path)
    if not variable.is_number and not variable.ordered:
        up = down = rise and fall
    elif (steps >= 0).all():
        up, down = rise, fall
    elif (steps <= 0).all():
        up, down = fall, rise
    else:
        up = down = rise and fall
    if variable.is_number:
        return up, down, (path >= inner.lower[0, k]) & (path <= inner.upper[0, k])
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
    variable = codec.variables_[j]
    rules.lower[0, j] = variable.round_bound(np.array(low), 1.0)
    rules.upper[0, j] = variable.round_bound(np.array(high), -1.0)
    rules.given[0, j] = inner.given[0, k]


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
    frame = codec.invert(codec.inner.table(ends))
    return np.column_stack(
        [
            frame.iloc[:, v.columns[0]] if v.is_number else np.full(2, np.nan)
            for v in codec.variables_
        ]
    ).astype(float)
