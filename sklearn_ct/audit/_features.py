"""Groups: which row belongs to which, from columns of ``X`` or from outside."""

from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from sklearn_ct._tables.containers import dense, from_polars, is_polars

MAX_GROUPS = 20  # of a number; more are no groups


@dataclass(frozen=True)
class Groups:
    """The groups of one feature.

    Attributes
    ----------
    name : object
        Of the feature.
    labels : list of length n_groups
        In order.
    codes : ndarray of int of shape (n,)
        Which group each row is in.
    """

    name: object
    labels: list
    codes: np.ndarray

    @classmethod
    def of(cls, name, values):
        """Take the groups that occur in a column."""
        codes, labels = pd.factorize(values, sort=True)
        return cls(name, labels.tolist(), codes)

    def values(self):
        """Label of each row, (n,)."""
        labels = np.empty(len(self.labels), dtype=object)
        labels[:] = self.labels
        return labels[self.codes]


def as_table(X):
    """Rows as sklearn-ct takes them: a frame, or an array with two dimensions."""
    X = dense(X)
    if hasattr(X, "columns"):
        return X
    X = np.asarray(X)
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D array instead.")
    return X


def as_pandas(X):
    """Rows as a pandas frame."""
    X = from_polars(X) if is_polars(X) else X
    return X if isinstance(X, pd.DataFrame) else pd.DataFrame(X)


def read_columns(features, X, parameter):
    """Columns that are named, or given beside ``X``, by name.

    Parameters
    ----------
    features : str, list, Series, DataFrame, dict or array-like
        Names of columns of ``X``, or the values themselves, a row each.
    X : DataFrame
        The rows.
    parameter : str
        Named in errors.

    Returns
    -------
    dict of str to Series
        In the order of ``X``.
    """
    if is_polars(features):
        features = from_polars(features)
    if isinstance(features, pd.Series):
        name = "group" if features.name is None else features.name
        features = features.to_frame(name)
    if isinstance(features, pd.DataFrame):
        features = _aligned(features, X, parameter)
        columns = {c: features[c] for c in features}
    elif isinstance(features, dict):
        columns = {name: _beside(v, X, name, parameter) for name, v in features.items()}
    elif isinstance(features, np.ndarray) or _is_values(features, X):
        array = np.asarray(features)
        array = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
        names = ["group"] if array.shape[1] == 1 else range(array.shape[1])
        columns = {
            name: _beside(array[:, j], X, name, parameter)
            for j, name in enumerate(names)
        }
    else:
        single = isinstance(features, str | tuple) or np.ndim(features) == 0
        names = [features] if single else list(features)
        columns = {name: _column(name, X, parameter) for name in names}
    if not columns:
        raise ValueError(f"The {parameter!r} parameter must name a column at least.")
    return columns


def read_groups(features, X, parameter):
    """Read the groups of each feature, checked.

    Returns
    -------
    list of Groups

    Raises
    ------
    ValueError
        Where a column is missing or has missing values, or is a number of too many
        values.
    """
    return [
        check_groups(name, column, parameter)
        for name, column in read_columns(features, X, parameter).items()
    ]


def check_groups(name, column, parameter):
    """Take the groups of a column, checked."""
    if missing := int(column.isna().sum()):
        raise ValueError(
            f"The feature {name!r} of the {parameter!r} parameter has {missing} "
            "missing values, and nobody may be left out: fill them with a group of "
            "their own, e.g. .fillna('unknown')."
        )
    groups = Groups.of(name, column)
    if is_numeric(column) and len(groups.labels) > MAX_GROUPS:
        raise ValueError(
            f"The feature {name!r} of the {parameter!r} parameter is a number with "
            f"{len(groups.labels)} values: cut it into groups first, e.g. "
            f"pandas.qcut(X[{name!r}], 4).astype(str)."
        )
    return groups


def largest(groups):
    """Find the number of the largest group."""
    return int(np.bincount(groups.codes).argmax())


def is_numeric(column):
    """Whether a column holds numbers and not truth values."""
    return is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype)


def crossed(features):
    """Intersections of all features, as groups of one."""
    labels = pd.DataFrame({j: f.values() for j, f in enumerate(features)}).astype(str)
    name = crossed_label(f.name for f in features)
    return Groups.of(name, labels.agg(crossed_label, axis=1))


def crossed_label(labels):
    """Name of an intersection."""
    return " & ".join(map(str, labels))


def _is_values(features, X):
    """Whether a list holds a value for each row and not names of columns."""
    if isinstance(features, str | tuple) or np.ndim(features) == 0:
        return False
    names = set(X.columns)
    return len(features) == len(X) and not all(
        isinstance(f, str | int | tuple) and f in names for f in features
    )


def _aligned(frame, X, parameter):
    if len(frame) != len(X):
        raise ValueError(
            f"The {parameter!r} parameter must have a row for each of the {len(X)} "
            f"rows of X. Got {len(frame)} instead."
        )
    if frame.index.equals(X.index) or isinstance(frame.index, pd.RangeIndex):
        return frame
    if X.index.is_unique and frame.index.sort_values().equals(X.index.sort_values()):
        return frame.loc[X.index]
    raise ValueError(
        f"The index of the {parameter!r} parameter is not that of X: give the same "
        "rows, or an array in the order of X."
    )


def _beside(values, X, name, parameter):
    if isinstance(values, pd.Series):
        return _aligned(values.to_frame(name), X, parameter)[name]
    if np.ndim(values) != 1 or len(values) != len(X):
        raise ValueError(
            f"The {parameter!r} parameter must be names of columns of X or have a "
            f"value for each of its {len(X)} rows. Got {np.shape(values)} for {name!r} "
            "instead."
        )
    return pd.Series(values, index=X.index)


def _column(name, X, parameter):
    if name in X.columns:
        return X[name]
    close = get_close_matches(str(name), [str(c) for c in X.columns], 1)
    raise ValueError(
        f"The {parameter!r} parameter names the column {name!r}, which is not in X. "
        + (f"Did you mean {close[0]!r}? " if close else "")
        + "A feature outside of X is given by its values."
    )
