"""Input columns of a pipeline, traced to the columns that its steps make of them."""

import re

import numpy as np

from sklearn_ct._tables.discover import prefixed


def traced(codec, columns, parameter):
    """Keys of a parameter that are no columns, as the columns made of them.

    Of a column ``city`` a `ColumnTransformer` and a `OneHotEncoder` make ``num__city``,
    ``onehot__city_a`` or ``city_a``. Names alone tell: what else begins with the name
    of a column and an underscore is taken for one of its categories if it is 0 or 1 in
    every row, and belongs to the longest name that is given.

    Parameters
    ----------
    codec : Codec
    columns : dict
        ``{key: entries}``, as `by_column` gives them.
    parameter : str
        For entries that list categories.

    Returns
    -------
    dict
        The same, with other keys and, of one-hot columns, entries that name these.
    """
    unknown = [key for key in columns if not _is_known(codec, key)]
    names = [name if isinstance(name, str) else "" for name in codec.names_]
    found = {key: _made_of(codec, names, key, unknown) for key in unknown}
    result = {}
    for key, entries in columns.items():
        if not found.get(key):
            result[key] = entries
            continue
        for j in dict.fromkeys(map(codec.variable_of, found[key])):
            variable = codec.variables_[j]
            own = entries
            if variable.is_block and parameter == "domain":
                labels = {_label(name, key): name for name in variable.name}
                own = [_renamed(entry, labels) for entry in entries]
            result[variable.name] = own
    return result


def _is_known(codec, key):
    try:
        codec.position(key)
    except ValueError:
        return not isinstance(key, str)
    return True


def _made_of(codec, names, key, keys):
    """Names of the columns that were made of an input column."""
    if same := prefixed(names, key):
        return same
    longer = [other for other in keys if other.startswith(f"{key}_")]
    return [
        name
        for name in names
        if _label(name, key) is not None
        and _is_binary(codec, name)
        and all(_label(name, other) is None for other in longer)
    ]


def _label(name, key):
    """Label of a one-hot column of an input column, None where it is none of it."""
    found = re.search(rf"(?:^|__){re.escape(key)}_(.+)$", name)
    return found and found[1]


def _is_binary(codec, name):
    j = codec.variable_of(name)
    variable = codec.variables_[j]
    whole = variable.is_number and variable.decimals == 0
    ends = np.array([codec.lower_[j], codec.upper_[j]])
    return variable.is_block or (whole and np.array_equal(ends, [0, 1]))


def _renamed(entry, labels):
    """Name the columns of the labels that an entry lists; others stay."""
    if isinstance(entry, str) or not hasattr(entry, "__iter__"):
        return entry
    return [labels.get(str(label), label) for label in entry]
