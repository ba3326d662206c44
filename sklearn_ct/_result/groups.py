"""Answers by group, and those of each group that count."""

import numpy as np
import pandas as pd

from sklearn_ct._tables.containers import as_pandas


def groups_of(result, by):
    """Rows of each group.

    Parameters
    ----------
    result : Counterfactuals
    by : column name, list of them, Series or array-like
        As in `Counterfactuals.evaluate`.

    Returns
    -------
    labels : Index of length n_groups
    rows : list of ndarray

    Raises
    ------
    ValueError
        Where the groups do not fit the rows.
    """
    keys = _keys(result, by)
    grouping = keys.groupby(list(keys), observed=True, dropna=False)
    number = grouping.ngroup().to_numpy()
    labels = grouping.size().index
    return labels, [np.flatnonzero(number == k) for k in range(len(labels))]


def first_of_each(query, alternative):
    """Position of the first answer to each row asked about, in the order of these."""
    order = np.lexsort((alternative, query))
    return order[np.unique(query[order], return_index=True)[1]]


def _keys(result, by):
    """Labels of all rows, a frame with a column for each way of grouping."""
    table = as_pandas(result.factuals)
    names = by if isinstance(by, list) else [by]
    if all(_is_column(name, table) for name in names) and names:
        return table[names].reset_index(drop=True)
    if isinstance(by, str):
        known = ", ".join(map(repr, table.columns[:5]))
        raise ValueError(
            f"The 'by' parameter of evaluate has the unknown column {by!r}. "
            f"Columns: {known}{', ...' if table.shape[1] > 5 else ''}."
        )
    if isinstance(by, pd.Series) and not isinstance(result.factuals, np.ndarray):
        if not by.index.is_unique or not table.index.isin(by.index).all():
            raise ValueError(
                "The 'by' parameter of evaluate, a Series, must have a label for each "
                "index of the factuals, once. Give the column of the frame that was "
                "explained, or an array."
            )
        return pd.DataFrame({by.name or "group": by.loc[table.index].array})
    labels = pd.Series(by, dtype=object if isinstance(by, list) else None)
    people, which = np.unique(result.query, return_inverse=True)
    if len(labels) == len(people):
        labels = labels.iloc[which.ravel()]
    if len(labels) != len(result):
        raise ValueError(
            f"The 'by' parameter of evaluate must be a column, or have a label for "
            f"each of the {len(people)} people or {len(result)} rows. "
            f"Got {len(labels)}."
        )
    return pd.DataFrame({labels.name or "group": labels.array})


def _is_column(name, table):
    try:
        return name in table.columns
    except TypeError:  # unhashable: labels rather than a name
        return False
