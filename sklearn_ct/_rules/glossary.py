"""What people call each column, and in which steps it changes for them."""

from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from numbers import Real

import numpy as np
import pandas as pd

from sklearn_ct._rules.language import is_blank
from sklearn_ct._tables.feature import cut

KINDS = ("action", "waiting", "history")


@dataclass(frozen=True)
class Entry:
    """What a glossary says of a column.

    Attributes
    ----------
    label : str or None
        What people call it.
    unit : str or None
        Behind the number; around it where it has ``{}``.
    step : float or None
        Answers are multiples of it.
    smallest_change : float or None
        Smaller ones are none.
    kind : {"action", "waiting", "history"}
        What a change is to the person.
    values : dict or None
        What people call its categories.
    """

    label: str | None = None
    unit: str | None = None
    step: float | None = None
    smallest_change: float | None = None
    kind: str = "action"
    values: dict | None = None


# Other spellings of the keys.
SPELLINGS = {"smallest": "smallest_change", "smallest change": "smallest_change"}


def parse(given, codec):
    """Entries of the ``glossary`` of a call.

    Parameters
    ----------
    given : dict, DataFrame or None
        As in `CounterfactualTrainedClassifier.explain`.
    codec : Codec

    Returns
    -------
    dict of int to Entry
        By the index of the variable.

    Raises
    ------
    ValueError
        On unknown columns, keys, kinds and categories, and on impossible steps; it
        names the column.
    """
    entries = {}
    for column, words in _rows(given):
        block = isinstance(column, tuple) and column not in codec.names_
        for part in column if block else (column,):
            try:
                j = codec.variable_of(part)
            except ValueError as error:
                raise ValueError(f"In the 'glossary' parameter: {error}") from None
            entry = _entry(words, column, codec.variables_[j])
            if entries.setdefault(j, entry) != entry:
                raise ValueError(
                    f"The 'glossary' has several entries for {column!r} and other "
                    "columns of its one-hot block. Give one, with the tuple of all its "
                    "columns as the key."
                )
    return entries


def narrowed(codec, entries):
    """Codec whose numbers are answered in the steps of the entries.

    Raises
    ------
    ValueError
        Where a step is finer than the column's own precision; it names the column.
    """
    variables = list(codec.variables_)
    for j, entry in entries.items():
        if entry.step is not None or entry.smallest_change is not None:
            variables[j] = replace(
                variables[j], step=entry.step, smallest=entry.smallest_change or 0.0
            )
    own = copy(codec)
    own.variables_ = variables
    return own


def lying_in_the_past(entries):
    """Variables that are history: nobody can act on them."""
    return [j for j, entry in entries.items() if entry.kind == "history"]


def in_words(codec, entries):
    """Entries as plain dicts by the names of the variables, for the answers."""
    return {codec.variables_[j].name: asdict(entry) for j, entry in entries.items()}


def _rows(given):
    """Pairs of a column and a dict of what is said of it."""
    if given is None:
        return []
    if isinstance(given, pd.DataFrame):
        if not given.index.is_unique:
            twice = given.index[given.index.duplicated()][0]
            raise ValueError(
                f"The 'glossary' parameter has the column {twice!r} more than once."
            )
        return [(column, row.to_dict()) for column, row in given.iterrows()]
    return list(given.items())


def _entry(words, column, variable):
    where = f"The 'glossary' of column {column!r}"
    if isinstance(words, str):  # the label alone
        words = {"label": words}
    if not isinstance(words, Mapping):
        raise ValueError(
            f"{where} must be a dict of {', '.join(CHECKS)}, or a label. "
            f"Got {words!r} instead."
        )
    said = {_key(key, where): value for key, value in words.items()}
    said = {key: value for key, value in said.items() if not is_blank(value)}
    for name, value in said.items():
        said[name] = CHECKS[name](value, name, variable, where)
    return Entry(**said)


def _key(key, where):
    name = SPELLINGS.get(key, key)
    if name not in CHECKS:
        close = get_close_matches(str(key), CHECKS, 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"{where} has the unknown key {key!r}.{hint} Keys: {', '.join(CHECKS)}."
        )
    return name


def _text(value, name, variable, where):
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}: {name!r} must be text. Got {value!r} instead.")
    return value


def _unit(value, name, variable, where):
    _of_number(name, variable, where)
    return _text(value, name, variable, where)


def _kind(value, name, variable, where):
    if value not in KINDS:
        raise ValueError(
            f"{where}: 'kind' must be one of {', '.join(map(repr, KINDS))}. "
            f"Got {value!r} instead."
        )
    return value


def _size(value, name, variable, where):
    _of_number(name, variable, where)
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 0 < value < np.inf:
        raise ValueError(
            f"{where}: {name!r} must be a finite number greater than 0; leave it out "
            f"where there is none. Got {value!r} instead."
        )
    return float(value)


def _step(value, name, variable, where):
    """Check that multiples of the step are values of the column."""
    step = _size(value, name, variable, where)
    if variable.decimals is None:
        return step
    times = step * 10.0**variable.decimals
    if round(times) < 1 or abs(times - round(times)) > 1e-6 * times:
        raise ValueError(
            f"{where}: 'step' must be a multiple of {10.0**-variable.decimals:g}, as "
            f"finely as the column is given. Got {step:g} instead."
        )
    return step


def _of_number(name, variable, where):
    if not variable.is_number:
        raise ValueError(f"{where} has a {name!r}, but the column is a category.")


def _values(given, name, variable, where):
    if variable.is_number or not isinstance(given, Mapping):
        raise ValueError(
            f"{where}: 'values' must be a dict {{category: words}}, of a category. "
            f"Got {given!r} instead."
        )
    known = list(variable.categories)
    for value, words in given.items():
        if value not in known:
            raise ValueError(
                f"{where}: 'values' has the unknown category {value!r}. "
                f"Categories: {cut(known)}."
            )
        _text(words, name, variable, where)
    return dict(given)


# What each key of an entry may be.
CHECKS = {
    "label": _text,
    "unit": _unit,
    "step": _step,
    "smallest_change": _size,
    "kind": _kind,
    "values": _values,
}
