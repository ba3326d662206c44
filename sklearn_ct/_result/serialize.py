"""Counterfactuals as JSON text, and back."""

import json

import numpy as np
import pandas as pd

from sklearn_ct._result.status import Status

SCHEMA = 3  # of the text; raised when its meaning changes
# The first did not number the alternatives, the second did not say how they stand.
KNOWN = (1, 2, SCHEMA)
NUMBERS = {int, float, type(None)}
# One value for each row, under the same name in the text and in the object.
PER_ROW = (
    "query",
    "alternative",
    "target",
    "status",
    "reason",
    "probability",
    "cost",
    "implausibility",
    "plausibility",
    "diversity",
)
# The same, where there is such a thing.
OPTIONAL = ("invalidation_rate", "threshold")


def dump(before, after, array, features, changed, outcome, glossary=None):
    """Text of tables and outcomes.

    Parameters
    ----------
    before, after : DataFrame of shape (m, n_columns)
        Factuals and counterfactuals.
    array : bool
        Whether they stand for arrays.
    features : list of (name, positions of its columns)
    changed : boolean ndarray of shape (m, n_features)
    outcome : dict
        An array of shape (m,) for each name.
    glossary : dict, optional
        An entry for each feature that it speaks of.

    Returns
    -------
    str
    """
    names = [str(name) for name, _ in features]
    columns = {name: [_plain(v) for v in value] for name, value in outcome.items()}
    tables = {"factual": _records(before), "counterfactual": _records(after)}
    rows = [
        {
            "index": _plain(before.index[i]),
            **{name: table[i] for name, table in tables.items()},
            "changed": [names[j] for j in np.flatnonzero(changed[i])],
            **{name: value[i] for name, value in columns.items()},
        }
        for i in range(len(before))
    ]
    head = {
        "schema": SCHEMA,
        "container": "array" if array else "frame",
        "index_name": _plain(tuple(before.index.names))
        if before.index.nlevels > 1
        else _plain(before.index.name),
        "index_dtype": [str(t) for t in before.index.dtypes]
        if before.index.nlevels > 1
        else str(before.index.dtype),
        "columns": [_schema(before.iloc[:, j]) for j in range(before.shape[1])],
        "features": [
            {
                "name": _plain(name),
                "columns": c,
            }
            for name, c in ((name, list(map(int, c))) for name, c in features)
        ],
    }
    if glossary is not None:
        entries = (_entry(glossary.get(name)) for name, _ in features)
        for feature, entry in zip(head["features"], entries, strict=True):
            feature["glossary"] = entry
    return json.dumps(head | {"rows": rows}, allow_nan=False)


def load(text):
    """Parts of `Counterfactuals` from what `dump` wrote, as a dict of its fields."""
    try:
        head = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"The text must be what to_json wrote. It is no JSON: {error}"
        ) from error
    schema = head.get("schema") if isinstance(head, dict) else None
    schema = schema if isinstance(schema, int) else None
    if schema not in KNOWN:
        raise ValueError(
            f"The text must be what to_json wrote, with schema {SCHEMA}. Got schema "
            f"{schema!r} instead."
        )
    try:
        fields = _fields(head)
        _check(head, fields)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            "The text must be what to_json wrote, and parts of it are something else: "
            f"{type(error).__name__}: {error}"
        ) from error
    return fields


def _check(head, fields):
    """Raise where a status, a feature or a change is none that there can be."""
    known = {str(status) for status in Status}
    if strange := sorted(set(map(str, fields["status"])) - known):
        raise ValueError(f"{strange[0]!r} is no status")
    columns = sorted(j for _, own in fields["_features"] for j in own)
    if columns != list(range(len(head["columns"]))):
        raise ValueError(f"the features have the columns {columns}")
    names = {str(name) for name, _ in fields["_features"]}
    for row in head["rows"]:
        if strange := sorted(set(row["changed"]) - names):
            raise ValueError(f"{strange[0]!r} changed, which is no feature")


def _fields(head):
    """Fields of `Counterfactuals` from the parts of a text."""
    rows = head["rows"]
    index = _index([row["index"] for row in rows], head)
    fields = {}
    for name in ("factual", "counterfactual"):
        table = pd.DataFrame(
            {
                j: _typed([row[name][_key(column["name"])] for row in rows], column)
                for j, column in enumerate(head["columns"])
            }
        )
        table.columns = [_name(column["name"]) for column in head["columns"]]
        table.index = index
        array = {"array": True, "frame": False}[head["container"]]
        fields[f"{name}s"] = table.to_numpy() if array else table
    there = rows[0] if rows else PER_ROW
    for name in (*PER_ROW, *OPTIONAL):
        if name in there:
            fields[name] = _array([row[name] for row in rows])
    if not rows:
        texts = ("target", "status", "reason")
        fields |= {name: np.empty(0, dtype=object) for name in texts}
    fields["_features"] = [
        (
            _name(f["name"]),
            tuple(f["columns"]),
        )
        for f in head["features"]
    ]
    if any("glossary" in feature for feature in head["features"]):
        fields["glossary"] = {
            name: _entry(f["glossary"], back=True)
            for (name, _), f in zip(fields["_features"], head["features"], strict=True)
            if f["glossary"]
        }
    names = [str(name) for name, _ in fields["_features"]]
    fields["_changed"] = np.array(
        [[name in row["changed"] for name in names] for row in rows], dtype=bool
    ).reshape(len(rows), len(names))
    return fields


def _entry(entry, back=False):
    """Entry of a glossary, the words for its categories as pairs; and back."""
    if not entry or not entry["values"]:
        return entry
    values = entry["values"]
    pairs = (
        dict(map(tuple, values))
        if back
        else [[_plain(k), w] for k, w in values.items()]
    )
    return entry | {"values": pairs}


def _records(frame):
    """Cells of each row by the name of their column."""
    cells = [[_plain(v) for v in frame.iloc[:, j]] for j in range(frame.shape[1])]
    names = [str(name) for name in frame.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]


def _schema(column):
    name = _plain(column.name)
    if not isinstance(column.dtype, pd.CategoricalDtype):
        # null stands for None and for NaN, which transformers tell apart.
        empty = column[column.isna()] if column.dtype == object else ()
        has_nan = any(isinstance(cell, float) for cell in empty)
        missing = {"missing": "NaN"} if has_nan else {}
        return {"name": name, "dtype": str(column.dtype), **missing}
    labels = column.dtype.categories
    ordered = bool(column.dtype.ordered)
    return {
        "name": name,
        "dtype": "category",
        "categories": [_plain(label) for label in labels],
        "categories_dtype": str(labels.dtype),
        "ordered": ordered,
    }


def _typed(cells, column):
    if column["dtype"] == "category":
        known = {json.dumps(label): k for k, label in enumerate(column["categories"])}
        codes = [known[json.dumps(cell)] if cell is not None else -1 for cell in cells]
        labels = pd.Index(column["categories"])
        if "categories_dtype" in column:
            labels = _cells(column["categories"], column["categories_dtype"])
        dtype = pd.CategoricalDtype(labels, ordered=column["ordered"])
        return pd.Categorical.from_codes(codes, dtype=dtype)
    if column.get("missing") == "NaN":
        cells = [np.nan if cell is None else cell for cell in cells]
    return _cells(cells, column["dtype"])


def _cells(cells, dtype):
    """Series of what JSON has of cells."""
    dtype = pd.api.types.pandas_dtype(dtype)
    if not isinstance(dtype, pd.IntervalDtype):
        return pd.Series(cells, dtype=object).astype(dtype)
    left, right = (
        pd.Series([cell and cell[end] for cell in cells]).astype(dtype.subtype)
        for end in ("left", "right")
    )
    return pd.Series(pd.arrays.IntervalArray.from_arrays(left, right, dtype.closed))


def _index(labels, head):
    """Index of rows, of several levels where labels are lists."""
    dtypes, names = head.get("index_dtype"), head["index_name"]
    if not isinstance(dtypes, list):
        labels = labels if dtypes is None else _cells(labels, dtypes)
        return pd.Index(labels, name=_name(names))
    levels = [
        _cells(level, t)
        for level, t in zip(_turned(labels, dtypes), dtypes, strict=True)
    ]
    return pd.MultiIndex.from_arrays(levels, names=names)


def _turned(labels, dtypes):
    return [[label[k] for label in labels] for k in range(len(dtypes))]


def _name(name):
    return tuple(map(_name, name)) if isinstance(name, list) else name


def _key(name):
    return str(_name(name))


def _array(values):
    """Numbers and truth values as such, missing numbers as NaN; others as objects."""
    kinds = {type(v) for v in values}
    if kinds in ({int}, {bool}):
        return np.array(values)
    return np.array(values, dtype=float if kinds <= NUMBERS else object)


def _plain(value):
    """Value that JSON knows; missing and infinite cells are null."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, pd.Interval):
        return {"left": _plain(value.left), "right": _plain(value.right)}
    return None if pd.isna(value) else str(value)
