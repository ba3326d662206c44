"""Whether counterfactuals keep to their constraints, checked from outside."""

from collections.abc import Collection
from numbers import Real

import numpy as np
import pandas as pd

from sklearn_ct._rules.language import DIRECTIONS, by_column, ends
from sklearn_ct.metrics._actionability import (
    _as_frames,
    _changed,
    _per_column,
    _positions,
)

_KINDS = ("mutability", "direction", "domain", "integer", "category")


def constraint_violations(
    X,
    X_counterfactual,
    *,
    mutability=None,
    domain=None,
    categories=None,
    integers=None,
    groups=None,
    changed_only=False,
):
    """Count the cells of counterfactuals that break a constraint.

    A check from outside: it reads the cells in the user's units, without tolerance, and
    shares with what enforces the constraints in a search the meaning of words alone.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_samples, n_features)
        The factuals; columns of any type.
    X_counterfactual : array-like or DataFrame of shape (n_samples, n_features)
        Their counterfactuals.
    mutability : str, dict or array-like of shape (n_features,), default=None
        "both", "increase", "decrease", "none" or "follows" (which may have moved
        along), by column name (by position where there are no names), or one word for
        all; ``"*"`` is every column not named, without it "both". The directions of
        an ordered categorical column are those of its order.
    domain : dict, default=None
        By column, ``(low, high)`` for numbers, both ends included and None for an open
        one, or a list of the allowed values.
    categories : dict, default=None
        By column, the known categories. Columns of `X` with a categorical dtype that
        are left out have those of the dtype.
    integers : list of columns, default=None
        Columns whose values must be whole. None: those of an integer dtype in `X`.
    groups : list of lists of columns, default=None
        One-hot columns: exactly one of them must be 1 and the others 0. A row that is
        not counts once, under the first column of the group.
    changed_only : bool, default=False
        Whether "domain", "integer" and "category" are counted only where the value is
        not that of the factual, which may break them itself.

    Returns
    -------
    counts : DataFrame of shape (n_features, 5)
        Number of rows that break a constraint, one line a feature and one column a
        kind: "mutability" (changed but immutable), "direction" (changed the wrong way,
        or a way that cannot be told), "domain", "integer", "category".

    Raises
    ------
    ValueError
        If shapes or column names differ, a column is unknown, or a constraint does not
        fit its column.

    Notes
    -----
    Missing cells of both rows are equal, and satisfy every constraint.

    References
    ----------
    .. [1] B. Ustun, A. Spangher and Y. Liu, "Actionable Recourse in Linear
       Classification", FAT* 2019 (immutable and one-way features).

    Examples
    --------
    >>> from sklearn_ct.metrics import constraint_violations
    >>> constraint_violations([[30, 5]], [[29, 9]], mutability={0: "increase"},
    ...                       domain={1: (0, 8)})[["direction", "domain"]].to_numpy()
    array([[1, 0],
           [0, 1]])
    """
    X, X_counterfactual = _as_frames(X, X_counterfactual, "constraint_violations")
    names = X.columns
    where = "The '{}' parameter of constraint_violations".format
    if isinstance(mutability, str | dict):
        by_name = by_column(mutability, list(names), "mutability")
        mutability = {name: word for name, (word,) in by_name.items()}
    mutability = _per_column(mutability, names, where("mutability"))
    domain = _per_column(domain, names, where("domain"), only_dict=True)
    categories = {
        position: dtype.categories
        for position, dtype in enumerate(X.dtypes)
        if isinstance(dtype, pd.CategoricalDtype)
    } | _per_column(categories, names, where("categories"), only_dict=True)
    if integers is None:
        integers = np.flatnonzero([pd.api.types.is_integer_dtype(t) for t in X.dtypes])
    else:
        integers = _positions(integers, names, where("integers"))

    changed = _changed(X, X_counterfactual)
    missing = (X.isna() & X_counterfactual.isna().to_numpy()).to_numpy()
    checked = changed if changed_only else ~missing
    counts = pd.DataFrame(0, index=names.rename("feature"), columns=list(_KINDS))

    def count(kind, position, broken):
        counts.iat[position, _KINDS.index(kind)] += int(np.sum(broken))

    for position, word in mutability.items():
        pair = X.iloc[:, position], X_counterfactual.iloc[:, position]
        kind, wrong = _wrong_way(word, *pair, where("mutability"))
        count(kind, position, changed[:, position] & wrong)
    for position, allowed in domain.items():
        pair = X.iloc[:, position], X_counterfactual.iloc[:, position]
        inside = _is_inside(allowed, *pair, where("domain"))
        count("domain", position, checked[:, position] & ~inside)
    for position in integers:
        numbers = _numbers(X_counterfactual.iloc[:, position])
        whole = np.isfinite(numbers) & (numbers == np.floor(numbers))
        count("integer", position, checked[:, position] & ~whole)
    for position, known in categories.items():
        after = X_counterfactual.iloc[:, position].astype(object)
        broken = ~after.isin(list(known)).to_numpy()
        count("category", position, checked[:, position] & broken)
    for group in groups or ():
        group = _positions(group, names, where("groups"))
        block = np.column_stack([_numbers(X_counterfactual.iloc[:, j]) for j in group])
        one_hot = ((block == 1).sum(axis=1) == 1) & np.isin(block, (0, 1)).all(axis=1)
        count("category", group[0], checked[:, group].any(axis=1) & ~one_hot)
    return counts


def _wrong_way(word, before, after, where):
    """Kind of what a change may break, and which rows would, if they changed."""
    if not isinstance(word, str) or word not in DIRECTIONS:
        raise ValueError(
            f"{where} must be one of {', '.join(DIRECTIONS)} for each column. "
            f"Got {word!r} for column {before.name!r} instead."
        )
    rise, fall = DIRECTIONS[word]
    if rise == fall:
        # What follows others may well have moved.
        return "mutability", not rise and word != "follows"
    before, after = _ranks(before, after, where)
    return "direction", ~(after > before if rise else after < before)


def _is_inside(allowed, before, after, where):
    """Whether cells are between the ends of a domain, or among its values."""
    bounds = _bounds(allowed, before, where)
    if bounds is None:
        return after.astype(object).isin(list(allowed)).to_numpy()
    numbers = _numbers(after)
    return (numbers >= bounds[0]) & (numbers <= bounds[1])


def _ranks(before, after, where):
    """Two columns as numbers in the order of their values; NaN where there is none."""
    if isinstance(before.dtype, pd.CategoricalDtype) and before.cat.ordered:
        order = before.cat.categories
        ranks = [order.get_indexer(c.astype(object)) for c in (before, after)]
        return [np.where(rank < 0, np.nan, rank) for rank in ranks]
    if not _is_numeric(before):
        raise ValueError(
            f"{where} has a direction for column {before.name!r}, which has no order: "
            "it must hold numbers or be an ordered categorical. Use 'none' or 'both'."
        )
    return [_numbers(before), _numbers(after)]


def _bounds(allowed, column, where):
    """(low, high) where a domain means bounds, None where it lists values."""
    if isinstance(allowed, str) or not isinstance(allowed, Collection | np.ndarray):
        raise ValueError(
            f"{where} must be (low, high) or a list of allowed values for each column. "
            f"Got {allowed!r} for column {column.name!r} instead."
        )
    numeric = _is_numeric(column)
    if not isinstance(allowed, tuple) or len(allowed) != 2:
        return None
    if not all(end is None or isinstance(end, Real) for end in allowed):
        return None
    if not numeric:
        raise ValueError(
            f"{where} has bounds for column {column.name!r}, which does not hold "
            "numbers. Give a list of the allowed values."
        )
    low, high = ends(allowed)
    if not low <= high:
        raise ValueError(
            f"{where} must have low <= high. Got {allowed!r} for column "
            f"{column.name!r} instead."
        )
    return low, high


def _numbers(column):
    """Read a column as floats, NaN where a cell is no number."""
    numbers = pd.to_numeric(column.astype(object), errors="coerce")
    return numbers.to_numpy(dtype=float, na_value=np.nan)


def _is_numeric(column):
    return pd.api.types.is_numeric_dtype(column.infer_objects().dtype)
