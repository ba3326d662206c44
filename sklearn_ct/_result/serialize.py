"""Counterfactuals as JSON text, and back."""

import json

import numpy as np
import pandas as pd

SCHEMA = 2  # of the text; raised when its meaning changes
KNOWN = (1, SCHEMA)  # the first did not number the alternatives
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
        "index_name": _plain(before.index.name),
        "columns": [_schema(before.iloc[:, j]) for j in range(before.shape[1])],
        "features": [
            {
                "name": list(name) if isinstance(name, tuple) else _plain(name),
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
    head = json.loads(text)
    schema = head.get("schema") if isinstance(head, dict) else None
    if schema not in KNOWN:
        raise ValueError(
            f"The text must be what to_json wrote, with schema {SCHEMA}. Got schema "
            f"{schema!r} instead."
        )
    rows = head["rows"]
    index = pd.Index([row["index"] for row in rows], name=head["index_name"])
    fields = {}
    for name in ("factual", "counterfactual"):
        table = pd.DataFrame(
            {
                j: _typed([row[name][str(column["name"])] for row in rows], column)
                for j, column in enumerate(head["columns"])
            }
        )
        table.columns = [column["name"] for column in head["columns"]]
        table.index = index
        array = head["container"] == "array"
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
            tuple(f["name"]) if isinstance(f["name"], list) else f["name"],
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
    categories = [_plain(label) for label in column.dtype.categories]
    ordered = bool(column.dtype.ordered)
    return {
        "name": name,
        "dtype": "category",
        "categories": categories,
        "ordered": ordered,
    }


def _typed(cells, column):
    if column["dtype"] == "category":
        return pd.Categorical(cells, column["categories"], ordered=column["ordered"])
    if column.get("missing") == "NaN":
        cells = [np.nan if cell is None else cell for cell in cells]
    return pd.Series(cells, dtype=object).astype(column["dtype"])


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
    return None if pd.isna(value) else str(value)
