"""What the nearest real rows say about how plausible counterfactuals are."""

from numbers import Integral

import numpy as np
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.utils import check_consistent_length, check_scalar, column_or_1d
from sklearn.utils.multiclass import unique_labels

from sklearn_ct.metrics._plausibility import (
    _by_class,
    _check_classes,
    _check_pair,
    _check_target,
    implausibility_distance,
)
from sklearn_ct.metrics._standing import N_NEIGHBORS, Standing


def plausibility_score(
    X_counterfactual,
    X_reference,
    *,
    target=None,
    y_reference=None,
    n_neighbors=N_NEIGHBORS,
    average=True,
):
    r"""Standing of counterfactuals among real rows of their target class.

    Parameters
    ----------
    X_counterfactual : array-like of shape (n_counterfactuals, n_features)
        The counterfactuals, in the units in which distances are to be taken.
    X_reference : array-like of shape (n_reference, n_features)
        Real rows, in the same units. Rows of the target class only, unless `target`
        and `y_reference` are given.
    target : label or array-like of shape (n_counterfactuals,), default=None
        Target class of all the counterfactuals, or of each.
    y_reference : array-like of shape (n_reference,), default=None
        Classes of `X_reference`. Given together with `target`, or not at all.
    n_neighbors : int, default=10
        Real rows that the radius around a row is to hold, at most all of the class but
        one.
    average : bool, default=True
        Whether to return the mean over the counterfactuals, or one value for each.

    Returns
    -------
    score : float or ndarray of shape (n_counterfactuals,)
        Greater is better, 1 at most. Real rows that are not among `X_reference` are
        spread evenly from 0 to 1: a score below 0.05 is rarer than 95 % of them.

    Raises
    ------
    ValueError
        If only one of `target` and `y_reference` is given, or a target class has fewer
        than two rows in `X_reference`.

    See Also
    --------
    inlier_score : Whether the class is as dense around a row as around its neighbours.
    implausibility_distance : A distance, which has no mark of its own.

    Notes
    -----
    With the real rows :math:`R` of the target class and :math:`d_i(x)` the Euclidean
    distance from :math:`x` to the :math:`k`-th nearest row of :math:`R \setminus
    \{r_i\}`,

    .. math:: \frac{1 + |\{i : d_i(r_i) \ge d_i(x')\}|}{|R| + 1} .

    No real row is its own neighbour, a row and a real one are told by the same others,
    and those that tie count for the row. It is a conformal p-value: of few real rows
    none can show that another is rare. Of the k-th distance, rather than the mean, a
    copy of a rare real row gains nothing.

    References
    ----------
    .. [1] S. Ramaswamy, R. Rastogi and K. Shim, "Efficient Algorithms for Mining
       Outliers from Large Data Sets", SIGMOD 2000 (the k-th distance).
    .. [2] R. Laxhammar and G. Falkman, "Conformal Prediction for Distribution-
       Independent Anomaly Detection in Streaming Vessel Data", StreamKDD 2010 (its
       rank).

    Examples
    --------
    >>> from sklearn_ct.metrics import plausibility_score
    >>> real = [[0.0], [1.0], [2.0], [3.0]]
    >>> plausibility_score([[1.5], [9.0]], real, n_neighbors=1, average=False)
    array([1. , 0.2])
    """
    X_counterfactual, X_reference = _check_pair(X_counterfactual, X_reference)
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    target, y_reference = _check_classes(
        target, y_reference, X_counterfactual, X_reference, "plausibility_score"
    )
    score = np.empty(len(X_counterfactual))
    for label, asked, real in _by_class(target, y_reference):
        rows = X_reference[real]
        _check_two(rows, label, "plausibility_score")
        score[asked] = Standing(rows, n_neighbors).of(X_counterfactual[asked])
    return float(score.mean()) if average else score


def ynn_score(
    X_counterfactual,
    X_reference,
    *,
    target,
    y_reference,
    n_neighbors=5,
    average=True,
):
    r"""Share of the nearest real rows that are in the target class (yNN).

    Parameters
    ----------
    X_counterfactual : array-like of shape (n_counterfactuals, n_features)
        The counterfactuals, in the units in which distances are to be taken.
    X_reference : array-like of shape (n_reference, n_features)
        Real rows of all classes, in the same units.
    target : label or array-like of shape (n_counterfactuals,)
        Target class of all the counterfactuals, or of each.
    y_reference : array-like of shape (n_reference,) or callable
        Classes of `X_reference`: what the model predicts for them, as in the
        reference, or their true classes. A callable, such as the `predict` of a model
        that takes such rows, is called with `X_reference`.
    n_neighbors : int, default=5
        Nearest rows in Euclidean distance, at most all.
    average : bool, default=True
        Whether to return the mean over the counterfactuals, or one value for each.

    Returns
    -------
    score : float or ndarray of shape (n_counterfactuals,)
        Between 0 and 1, greater is better.

    Raises
    ------
    ValueError
        If the labels do not fit the rows, or `n_neighbors` is not positive.

    See Also
    --------
    inlier_score : Share of counterfactuals where the class is as dense as it is.

    Notes
    -----
    With :math:`N_k(x')` the :math:`k` rows nearest to :math:`x'`, of whatever class,
    and the target :math:`y_i^+` of counterfactual :math:`x'_i`,

    .. math:: \frac{1}{n k} \sum_{i=1}^{n} \sum_{j \in N_k(x'_i)} 1[y_j = y_i^+] .

    References
    ----------
    .. [1] M. Pawelczyk, K. Broelemann and G. Kasneci, "On Counterfactual Explanations
       under Predictive Multiplicity", UAI 2020, arXiv:2006.13132.
    .. [2] M. Pawelczyk et al., "CARLA: A Python Library to Benchmark Algorithmic
       Recourse and Counterfactual Explanation Algorithms", NeurIPS 2021 Datasets and
       Benchmarks, arXiv:2108.00783.

    Examples
    --------
    >>> from sklearn_ct.metrics import ynn_score
    >>> X_reference, y_reference = [[0.0], [1.0], [2.0]], ["no", "yes", "yes"]
    >>> ynn_score(
    ...     [[0.4]], X_reference, target="yes", y_reference=y_reference, n_neighbors=2
    ... )
    0.5
    """
    labels = y_reference(X_reference) if callable(y_reference) else y_reference
    X_counterfactual, X_reference = _check_pair(X_counterfactual, X_reference)
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    target = _check_target(target, X_counterfactual)
    labels = column_or_1d(labels)
    check_consistent_length(labels, X_reference)
    unique_labels(labels, target)
    nearest = NearestNeighbors(n_neighbors=min(n_neighbors, len(X_reference)))
    rows = nearest.fit(X_reference).kneighbors(X_counterfactual, return_distance=False)
    share = (labels[rows] == target[:, None]).mean(axis=1)
    return float(share.mean()) if average else share


def inlier_score(
    X_counterfactual,
    X_reference,
    *,
    target=None,
    y_reference=None,
    n_neighbors=20,
    average=True,
):
    r"""Share of counterfactuals that are no local outliers of their target class.

    Parameters
    ----------
    X_counterfactual : array-like of shape (n_counterfactuals, n_features)
        The counterfactuals, in the units in which distances are to be taken.
    X_reference : array-like of shape (n_reference, n_features)
        Real rows, in the same units. Rows of the target class only, unless `target`
        and `y_reference` are given.
    target : label or array-like of shape (n_counterfactuals,), default=None
        Target class of all the counterfactuals, or of each.
    y_reference : array-like of shape (n_reference,), default=None
        Classes of `X_reference`. Given together with `target`, or not at all.
    n_neighbors : int, default=20
        Rows of a neighbourhood, fewer than those of the class.
    average : bool, default=True
        Whether to return the share, or for each counterfactual whether it is an inlier.

    Returns
    -------
    score : float or boolean ndarray of shape (n_counterfactuals,)
        Between 0 and 1, greater is better.

    Raises
    ------
    ValueError
        If only one of `target` and `y_reference` is given, or a target class has fewer
        than two rows in `X_reference`.

    See Also
    --------
    sklearn.neighbors.LocalOutlierFactor : The factor and its options.
    ynn_score : Share of the nearest rows that are in the target class.

    Notes
    -----
    The local outlier factor is the density of the neighbours, over that at the
    counterfactual. Fitted to the rows of the class, it is about 1 within the class; a
    counterfactual is an inlier where it is at most 1.5.

    References
    ----------
    .. [1] M. M. Breunig, H.-P. Kriegel, R. T. Ng and J. Sander, "LOF: Identifying
       Density-Based Local Outliers", SIGMOD 2000.
    .. [2] K. Kanamori, T. Takagi, K. Kobayashi and H. Arimura, "DACE:
       Distribution-Aware Counterfactual Explanation by Mixed-Integer Linear
       Optimization", IJCAI 2020 (the factor as a measure of counterfactuals).

    Examples
    --------
    >>> from sklearn_ct.metrics import inlier_score
    >>> inlier_score([[1.5], [9.0]], [[0.0], [1.0], [2.0], [3.0]])
    0.5
    """
    X_counterfactual, X_reference = _check_pair(X_counterfactual, X_reference)
    check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    target, y_reference = _check_classes(
        target, y_reference, X_counterfactual, X_reference, "inlier_score"
    )
    inlier = np.empty(len(X_counterfactual), dtype=bool)
    for label, asked, real in _by_class(target, y_reference):
        rows = X_reference[real]
        _check_two(rows, label, "inlier_score")
        factor = LocalOutlierFactor(min(n_neighbors, len(rows) - 1), novelty=True)
        inlier[asked] = factor.fit(rows).predict(X_counterfactual[asked]) == 1
    return float(inlier.mean()) if average else inlier


def nearest_target_distance(
    X_counterfactual, X_reference, *, target=None, y_reference=None, average=True
):
    r"""Mean l1 distance of counterfactuals to the nearest real row of the target class.

    Parameters
    ----------
    X_counterfactual : array-like of shape (n_counterfactuals, n_features)
        The counterfactuals, in the units in which distances are to be taken.
    X_reference : array-like of shape (n_reference, n_features)
        Real rows, in the same units. Rows of the target class only, unless `target`
        and `y_reference` are given.
    target : label or array-like of shape (n_counterfactuals,), default=None
        Target class of all the counterfactuals, or of each.
    y_reference : array-like of shape (n_reference,), default=None
        Classes of `X_reference`. Given together with `target`, or not at all.
    average : bool, default=True
        Whether to return the mean over the counterfactuals, or one value for each.

    Returns
    -------
    distance : float or ndarray of shape (n_counterfactuals,)
        Non-negative, in the units of the features, smaller is better; 0 for a
        counterfactual that is a real row.

    Raises
    ------
    ValueError
        If only one of `target` and `y_reference` is given, or a target class has no
        row in `X_reference`.

    See Also
    --------
    implausibility_distance : The mean over more than one row of the class; this is the
        case ``n_neighbors=1``.

    Notes
    -----
    With the real rows :math:`R_i` of the target class of counterfactual :math:`x'_i`,

    .. math:: \frac{1}{n} \sum_{i=1}^{n} \min_{x \in R_i} \lVert x'_i - x \rVert_1 .

    References
    ----------
    .. [1] S. Dandl, C. Molnar, M. Binder and B. Bischl, "Multi-Objective Counterfactual
       Explanations", PPSN 2020, arXiv:2004.11165 (the distance to the nearest observed
       row, there in Gower's metric).

    Examples
    --------
    >>> from sklearn_ct.metrics import nearest_target_distance
    >>> nearest_target_distance([[0.0, 0.0]], [[1.0, 2.0], [3.0, 4.0]])
    3.0
    """
    return implausibility_distance(
        X_counterfactual,
        X_reference,
        target=target,
        y_reference=y_reference,
        n_neighbors=1,
        average=average,
    )


def _check_two(rows, label, caller):
    """Raise where a class has a single row, which says nothing of what is usual."""
    if len(rows) < 2:
        of_class = "" if label is None else f" of class {np.asarray(label).tolist()!r}"
        raise ValueError(
            f"The 'X_reference' parameter of {caller} must have at least two rows"
            f"{of_class}. Got 1 instead."
        )
