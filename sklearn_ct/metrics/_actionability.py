"""How much counterfactuals ask for, of how many features, and whether it works."""

from collections.abc import Mapping
from difflib import get_close_matches
from numbers import Real

import numpy as np
import pandas as pd
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import unique_labels


def counterfactual_cost(X, X_counterfactual, *, feature_costs=None, average=True):
    r"""l1 distance from factuals to their counterfactuals.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The factuals, in the units in which cost is to be counted (the paper: the
        standardised input space of the model).
    X_counterfactual : array-like of shape (n_samples, n_features)
        Their counterfactuals, in the same units.
    feature_costs : array-like of shape (n_features,) or dict, default=None
        Cost of one unit of each feature, not negative; a dict is keyed by column name
        (by position where there are no names), and columns left out cost 1.
    average : bool, default=True
        Whether to return the mean over the rows, or one value for each.

    Returns
    -------
    cost : float or ndarray of shape (n_samples,)
        Non-negative, smaller is better.

    Raises
    ------
    ValueError
        If the shapes differ, or `feature_costs` has an unknown column, a negative
        cost or another length.

    Notes
    -----
    .. math:: \frac{1}{n} \sum_{i=1}^{n} \sum_{d} c_d \, |x'_{id} - x_{id}|

    References
    ----------
    .. [1] S. Wachter, B. Mittelstadt and C. Russell, "Counterfactual Explanations
       without Opening the Black Box", Harvard Journal of Law & Technology 31, 2017.

    Examples
    --------
    >>> from sklearn_ct.metrics import counterfactual_cost
    >>> counterfactual_cost([[0.0, 1.0]], [[2.0, 0.0]])
    3.0
    >>> counterfactual_cost([[0.0, 1.0]], [[2.0, 0.0]], feature_costs=[1, 10])
    12.0
    """
    names = _as_frames(X, X_counterfactual, "counterfactual_cost")[0].columns
    X = check_array(X, dtype=np.float64, input_name="X")
    X_counterfactual = check_array(
        X_counterfactual, dtype=np.float64, input_name="X_counterfactual"
    )
    where = "The 'feature_costs' parameter of counterfactual_cost"
    costs = np.ones(len(names))
    for position, cost in _per_column(feature_costs, names, where).items():
        if not isinstance(cost, Real) or not 0 <= cost < np.inf:
            raise ValueError(f"{where} must be non-negative numbers. Got {cost!r}.")
        costs[position] = cost
    cost = np.abs(X_counterfactual - X) @ costs
    return float(cost.mean()) if average else cost


def validity_score(y_predicted, target):
    r"""Share of counterfactuals whose predicted class is the target.

    Parameters
    ----------
    y_predicted : array-like of shape (n_samples,)
        Classes predicted for the counterfactuals.
    target : label or array-like of shape (n_samples,)
        Target class of all, or of each.

    Returns
    -------
    score : float
        Between 0 and 1, greater is better.

    Raises
    ------
    ValueError
        If the lengths differ, or the one are strings and the other numbers.

    Notes
    -----
    .. math:: \frac{1}{n} \sum_{i=1}^{n} 1[\hat{y}(x'_i) = y_i^+]

    References
    ----------
    .. [1] S. Verma et al., "Counterfactual Explanations and Algorithmic Recourses for
       Machine Learning: A Review", ACM Computing Surveys 56, 2024.

    Examples
    --------
    >>> from sklearn_ct.metrics import validity_score
    >>> validity_score(["yes", "no", "yes", "yes"], "yes")
    0.75
    """
    y_predicted = check_array(
        column_or_1d(y_predicted), ensure_2d=False, dtype=None, input_name="y_predicted"
    )
    return float(_is_target(y_predicted, target).mean())


def sparsity(X, X_counterfactual, *, groups=None, average=True):
    r"""Count the features that a counterfactual changes.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_samples, n_features)
        The factuals; columns of any type.
    X_counterfactual : array-like or DataFrame of shape (n_samples, n_features)
        Their counterfactuals, compared by value: 3 and 3.0 are equal, and so are two
        missing values.
    groups : list of lists of columns, default=None
        Columns, by name (by position where there are no names), that are one feature
        together, such as a category in one-hot columns: they count once.
    average : bool, default=True
        Whether to return the mean over the rows, or one value for each.

    Returns
    -------
    n_changes : float or ndarray of int of shape (n_samples,)
        Between 0 and the number of features, smaller is better.

    Raises
    ------
    ValueError
        If shapes or column names differ, or `groups` has an unknown column or has
        one twice.

    Notes
    -----
    With the features :math:`G`, each a set of columns,

    .. math:: \frac{1}{n} \sum_{i=1}^{n} \sum_{g \in G}
        1[\exists d \in g: x'_{id} \ne x_{id}] .

    References
    ----------
    .. [1] R. K. Mothilal, A. Sharma and C. Tan, "Explaining Machine Learning
       Classifiers through Diverse Counterfactual Explanations", FAccT 2020.

    Examples
    --------
    >>> from sklearn_ct.metrics import sparsity
    >>> sparsity([[1, 0, 0], [1, 0, 5]], [[0, 1, 0], [1, 0, 6]])
    1.5
    >>> sparsity([[1, 0, 0], [1, 0, 5]], [[0, 1, 0], [1, 0, 6]], groups=[[0, 1]])
    1.0
    """
    X, X_counterfactual = _as_frames(X, X_counterfactual, "sparsity")
    features = _features(groups, X.columns, "sparsity")
    changed = _changed(X, X_counterfactual)
    n_changes = sum(changed[:, feature].any(axis=1).astype(int) for feature in features)
    return float(n_changes.mean()) if average else n_changes


def redundancy(predict, X, X_counterfactual, target, *, groups=None, average=True):
    r"""Count the changed features that could be put back without losing validity.

    Each changed feature is put back to its factual value alone, the others kept.

    Parameters
    ----------
    predict : callable
        Maps rows such as `X_counterfactual` to classes, e.g. ``classifier.predict``.
        Called once, and once for every feature that any row changes.
    X : array-like or DataFrame of shape (n_samples, n_features)
        The factuals; columns of any type.
    X_counterfactual : array-like or DataFrame of shape (n_samples, n_features)
        Their counterfactuals.
    target : label or array-like of shape (n_samples,)
        Target class of all, or of each.
    groups : list of lists of columns, default=None
        Columns that are one feature together and are put back together.
    average : bool, default=True
        Whether to return the mean over the valid rows, or one value for each row.

    Returns
    -------
    n_redundant : float or ndarray of float of shape (n_samples,)
        Smaller is better. NaN for a counterfactual that is not predicted as the target
        (it has no validity to lose), and for the mean where none is.

    Raises
    ------
    TypeError
        If `predict` is not callable.
    ValueError
        If shapes or column names differ, or `groups` has an unknown column or has
        one twice.

    Notes
    -----
    With :math:`x'_{i,-g}` the counterfactual whose feature :math:`g` is put back, and
    :math:`C_i` the features that it changes,

    .. math:: r_i = \sum_{g \in C_i} 1[\hat{y}(x'_{i,-g}) = y_i^+] .

    References
    ----------
    .. [1] M. Pawelczyk, S. Bielawski, J. van den Heuvel, T. Richter and G. Kasneci,
       "CARLA: A Python Library to Benchmark Algorithmic Recourse and Counterfactual
       Explanation Algorithms", NeurIPS Datasets and Benchmarks 2021, arXiv:2108.00783.

    Examples
    --------
    >>> from sklearn_ct.metrics import redundancy
    >>> def predict(X):
    ...     return (X[:, 0] > 1).astype(int)
    >>> redundancy(predict, [[0.0, 0.0]], [[2.0, 7.0]], 1)
    1.0
    """
    if not callable(predict):
        raise TypeError(
            "The 'predict' parameter of redundancy must be a callable, such as the "
            f"'predict' method of a classifier. Got {type(predict).__name__} instead."
        )
    frame, frame_counterfactual = _as_frames(X, X_counterfactual, "redundancy")
    features = _features(groups, frame.columns, "redundancy")
    changed = _changed(frame, frame_counterfactual)
    as_frame = hasattr(X_counterfactual, "columns")
    if not as_frame:
        X, X_counterfactual = np.asarray(X), np.asarray(X_counterfactual)
        common = np.result_type(X, X_counterfactual)
        X, X_counterfactual = X.astype(common), X_counterfactual.astype(common)
    valid = _is_target(column_or_1d(predict(X_counterfactual)), target)
    if np.ndim(target) == 0:
        target = np.full(len(frame), target)
    target = np.asarray(target)
    n_redundant = np.where(valid, 0.0, np.nan)
    for feature in features:
        rows = np.flatnonzero(valid & changed[:, feature].any(axis=1))
        if not len(rows):
            continue
        if as_frame:
            trial = frame_counterfactual.iloc[rows].copy()
            for column in feature:
                back = frame.iloc[rows, column].set_axis(trial.index)
                trial.isetitem(column, back)
        else:
            trial = X_counterfactual[rows]
            trial[:, feature] = X[np.ix_(rows, feature)]
        n_redundant[rows] += _is_target(column_or_1d(predict(trial)), target[rows])
    if not average:
        return n_redundant
    return float(n_redundant[valid].mean()) if valid.any() else float("nan")


def _as_frames(X, X_counterfactual, function):
    """Both sets of rows as DataFrames of the same shape and columns."""
    frames = []
    for rows, name in ((X, "X"), (X_counterfactual, "X_counterfactual")):
        if hasattr(rows, "columns") and not isinstance(rows, pd.DataFrame):
            rows = pd.DataFrame({c: rows[c].to_numpy() for c in rows.columns})
        elif not isinstance(rows, pd.DataFrame):
            rows = check_array(
                rows, dtype=None, ensure_all_finite=False, input_name=name
            )
        frames.append(pd.DataFrame(rows).reset_index(drop=True))
    if frames[0].shape != frames[1].shape or not len(frames[0]):
        raise ValueError(
            f"The 'X' and 'X_counterfactual' parameters of {function} must have the "
            f"same shape and a row at least. Got {frames[0].shape} and "
            f"{frames[1].shape} instead."
        )
    named = [hasattr(rows, "columns") for rows in (X, X_counterfactual)]
    if all(named) and list(frames[0].columns) != list(frames[1].columns):
        raise ValueError(
            f"The 'X' and 'X_counterfactual' parameters of {function} must have the "
            "same columns in the same order."
        )
    names = frames[0 if named[0] else 1].columns
    if not names.is_unique:
        raise ValueError(f"The columns of the 'X' parameter of {function} repeat.")
    return [frame.set_axis(names, axis=1) for frame in frames]


def _changed(X, X_counterfactual):
    """Which cells differ by value; two missing cells do not.  # (n, d)."""
    return np.column_stack(
        [
            _differs(X.iloc[:, column], X_counterfactual.iloc[:, column])
            for column in range(X.shape[1])
        ]
    )


def _differs(before, after):
    """Which cells of two columns differ by value, whatever their types."""
    columns = [column.infer_objects() for column in (before, after)]
    if all(
        isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf"
        for column in columns
    ):
        a, b = (column.to_numpy() for column in columns)
    else:
        # Plain Python values, which compare across categories, strings and numbers.
        a, b = (np.array(column, dtype=object) for column in columns)
        a[before.isna()] = b[after.isna()] = None
    return (a != b).astype(bool) & ~(before.isna() & after.isna()).to_numpy()


def _features(groups, names, function):
    """Positions of the columns of each feature: the groups, then each other column."""
    where = f"The 'groups' parameter of {function}"
    groups = [_positions(group, names, where) for group in groups or ()]
    grouped = [position for group in groups for position in group]
    if len(set(grouped)) < len(grouped):
        raise ValueError(f"{where} must have each column once at most.")
    return groups + [[j] for j in range(len(names)) if j not in grouped]


def _per_column(values, names, where, only_dict=False):
    """Position of a column -> its value, of a dict or of a list with all of them."""
    if values is None:
        return {}
    if isinstance(values, Mapping):
        return dict(zip(_positions(values, names, where), values.values(), strict=True))
    if only_dict or isinstance(values, str) or np.ndim(values) != 1:
        kinds = "a dict" if only_dict else "a dict, a list with a value for each column"
        raise ValueError(f"{where} must be {kinds} or None. Got {values!r} instead.")
    if len(values) != len(names):
        raise ValueError(
            f"{where} must have a value for each of the {len(names)} columns. Got "
            f"{len(values)} instead."
        )
    return dict(enumerate(values))


def _positions(columns, names, where):
    """Positions of columns given by name, or by position where there are no names."""
    columns = list(columns)
    unknown = [column for column in columns if column not in names]
    if unknown:
        close = get_close_matches(str(unknown[0]), [str(name) for name in names], 1)
        raise ValueError(
            f"{where} has columns that are not in X: "
            f"{', '.join(map(repr, unknown[:5]))}{', ...' if len(unknown) > 5 else ''}."
            + (f" Did you mean {close[0]!r}?" if close else "")
        )
    return [names.get_loc(column) for column in columns]


def _is_target(y, target):
    """Which labels are the target."""
    if np.ndim(target) == 0:
        target = np.full(len(y), target)
    target = column_or_1d(target)
    check_consistent_length(y, target)
    unique_labels(y, target)
    return y == target
