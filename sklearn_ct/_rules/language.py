"""Mutability and domain in the user's words: their forms, and what the words mean.

It knows neither tables nor codes. Who asks knows the column, and says what is wrong
with its word.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

# Whether a feature may rise, and whether it may fall.
DIRECTIONS = {
    "both": (True, True),
    "increase": (True, False),
    "decrease": (False, True),
    "none": (False, False),
    "follows": (False, False),  # but what `project` makes of it
}


# In the place of a column: every column that is not named.
REST = "*"


def by_column(given, names, parameter, n_rows=None, index=None, trace=None):
    """Entries of a parameter for each column that it speaks of.

    Parameters
    ----------
    given : dict, Series, list or DataFrame
        ``{column: entry}`` for all rows alike; with ``n_rows`` also a list of such
        dicts or a DataFrame, one for each row; of "mutability" also one word a column,
        or one for all, and with ``"*"`` an entry for the columns that are not named.
    names : list
        Of all columns.
    parameter : {"mutability", "domain"}
        For the errors.
    n_rows : int, optional
        Number of rows of the call; without it there are no rows.
    index : Index, optional
        Labels of the rows of the call, where they have any.
    trace : callable, optional
        From entries by key to entries by the names that the keys stand for.

    Returns
    -------
    dict of lists
        ``{key: entries}``, a single one or one for each row.

    Raises
    ------
    ValueError
        Where it is given in none of these forms, with another number of entries, or
        for rows with other labels.
    """
    columns = _as_given(given, names, parameter, n_rows, index)
    columns = columns if trace is None else trace(columns)
    is_spread = parameter == "mutability" and REST in columns and REST not in names
    return _spread_rest(columns, names) if is_spread else columns


def _as_given(given, names, parameter, n_rows, index):
    if isinstance(given, pd.Series):
        given = given.to_dict()
    if isinstance(given, str) and parameter == "mutability":
        if given not in DIRECTIONS:
            raise ValueError(
                "The 'mutability' parameter, where it is one word for all columns, "
                f"must be one of {', '.join(map(repr, DIRECTIONS))}. Got {given!r} "
                "instead."
            )
        given = {REST: given}
    if _is_by_row(given, n_rows):
        if n_rows is None:
            raise ValueError(
                f"The {parameter!r} parameter of a classifier must be a dict for "
                "all rows alike; rules for each row go to explain()."
            )
        if len(given) != n_rows:
            raise ValueError(
                f"The {parameter!r} parameter must have one entry for each of the "
                f"{n_rows} rows. Got {len(given)} instead."
            )
        if isinstance(given, pd.DataFrame):
            given = _aligned(given, index, parameter)
            return {key: list(given[key]) for key in given}
        keys = dict.fromkeys(key for entry in given for key in entry or ())
        return {key: [(entry or {}).get(key) for entry in given] for key in keys}
    if isinstance(given, dict):
        if parameter == "mutability":
            _refuse_blanks(given)
        return {key: [entry] for key, entry in given.items()}
    if parameter == "mutability" and np.ndim(given) == 1:
        words = list(given)
        if len(words) != len(names):
            raise ValueError(
                f"The 'mutability' parameter must have one entry for each of the "
                f"{len(names)} columns. Got {len(words)} instead."
            )
        return {name: [word] for name, word in zip(names, words, strict=True)}
    raise ValueError(
        f"The {parameter!r} parameter must be None or a dict of columns (for each "
        f"row: a list of dicts or a DataFrame). Got {given!r} instead."
    )


def _refuse_blanks(given):
    """Raise where a column of a dict has no word: of all rows nothing is left open."""
    for key, entry in given.items():
        if is_blank(entry):
            raise ValueError(
                f"The 'mutability' of column {key!r} must be one of "
                f"{', '.join(map(repr, DIRECTIONS))}. Got {entry!r} instead; leave "
                "the column out where nothing is to be said of it."
            )


def _spread_rest(columns, names):
    """Give the entries of ``"*"`` to where a column has none."""
    rest = columns.pop(REST)
    entries = {
        key: [r if is_blank(own) else own for own, r in zip(each, rest, strict=True)]
        for key, each in columns.items()
    }
    named = {part for key in columns for part in _parts(key, names)}
    return entries | {name: rest for name in names if name not in named}


def _parts(key, names):
    """Names of the columns that a key stands for; what it stands for if it is none."""
    if key in names:
        return [key]
    if isinstance(key, tuple):
        return [name for part in key for name in _parts(part, names)]
    is_place = isinstance(key, int | np.integer) and -len(names) <= key < len(names)
    return [names[key] if is_place else key]


def _aligned(given, index, parameter):
    """Rows of a frame in the order of the rows of the call, by their labels."""
    if index is None or given.index.equals(index):
        return given
    if index.is_unique and given.index.is_unique:
        places = given.index.get_indexer(index)
        if (places >= 0).all():
            return given.iloc[places]
    raise ValueError(
        f"The {parameter!r} parameter is a DataFrame for each row, but its index is "
        "not that of X. Its rows are matched by their labels: give it the index of X, "
        "or, where its rows stand in the order of X's, take set_axis(X.index)."
    )


def _is_by_row(given, n_rows):
    return isinstance(given, pd.DataFrame) or (
        isinstance(given, list | tuple)
        and (len(given) > 0 or n_rows == 0)
        and all(entry is None or isinstance(entry, dict) for entry in given)
    )


def is_blank(entry):
    """Whether an entry says nothing: None, NaN or NA."""
    return (
        entry is None
        or entry is pd.NA
        or (isinstance(entry, float) and np.isnan(entry))
    )


def ends(entry):
    """Lower and upper end of a number's range, None where it is no pair of numbers.

    An end that is None is open.

    Examples
    --------
    >>> ends((18, None))
    (18.0, inf)
    >>> ends(("low", "high")) is None
    True
    """
    if not isinstance(entry, tuple) or len(entry) != 2:
        return None
    try:
        low = -np.inf if entry[0] is None else float(entry[0])
        high = np.inf if entry[1] is None else float(entry[1])
    except (TypeError, ValueError):
        return None
    return low, high


def listed(entry):
    """Rising values that a number may have, None where it is no list of numbers.

    A tuple is a range, see `ends`; any other sequence lists values.

    Examples
    --------
    >>> listed([60, 36])
    array([36., 60.])
    >>> listed((36, 60)) is None
    True
    """
    if isinstance(entry, str | bytes | tuple | Mapping) or not hasattr(
        entry, "__iter__"
    ):
        return None
    try:
        numbers = np.array([float(value) for value in entry])
    except (TypeError, ValueError):
        return None
    return np.unique(numbers) if np.isfinite(numbers).all() else None


def chosen(entry, known):
    """Which of the known categories a domain lists, and what else it lists.

    Returns
    -------
    None where it is no list, or

    allowed : boolean ndarray of shape (len(known),)
    unknown : list

    Examples
    --------
    >>> chosen(["own", "boat"], ["own", "rent"])
    (array([ True, False]), ['boat'])
    """
    if isinstance(entry, str | bytes | Mapping) or not hasattr(entry, "__iter__"):
        return None
    words = list(entry)
    allowed = np.array([value in words for value in known], dtype=bool)
    return allowed, [value for value in words if value not in known]
