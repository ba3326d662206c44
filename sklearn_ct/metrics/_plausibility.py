"""How close counterfactuals lie to real rows of their target class."""

from numbers import Integral, Real

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.metrics import pairwise_distances_chunked
from sklearn.utils import (
    check_array,
    check_consistent_length,
    check_scalar,
    column_or_1d,
)
from sklearn.utils.multiclass import unique_labels

# Rows that the median heuristic looks at: their distances take 32 MB.
_MEDIAN_ROWS = 2000
_CHUNK = 64  # MiB of distances at a time


def implausibility_distance(
    X_counterfactual,
    X_reference,
    *,
    target=None,
    y_reference=None,
    n_neighbors=1000,
    average=True,
):
    r"""Mean l1 distance of counterfactuals to real rows of their target class (IP).

    Parameters
    ----------
    X_counterfactual : array-like of shape (n_counterfactuals, n_features)
        The counterfactuals, in the units in which distances are to be taken
        (the paper: the standardised input space of the model).
    X_reference : array-like of shape (n_reference, n_features)
        Real rows, in the same units. Rows of the target class only, unless `target`
        and `y_reference` are given.
    target : label or array-like of shape (n_counterfactuals,), default=None
        Target class of all the counterfactuals, or of each. Each counterfactual is
        compared with the rows of `X_reference` that have its own target class.
    y_reference : array-like of shape (n_reference,), default=None
        Classes of `X_reference`. Given together with `target`, or not at all.
    n_neighbors : int or None, default=1000
        Rows that a counterfactual is compared with: the nearest
        ``min(n_neighbors, all)``. None: all of them.
    average : bool, default=True
        Whether to return the mean over the counterfactuals, or one value for each.

    Returns
    -------
    distance : float or ndarray of shape (n_counterfactuals,)
        Non-negative, in the units of the features, smaller is better.

    Raises
    ------
    ValueError
        If only one of `target` and `y_reference` is given, or a target class has no
        row in `X_reference`.

    See Also
    --------
    relative_implausibility : The same, over that of real rows of the class.
    mmd_distance : Compares the two sets as distributions.

    Notes
    -----
    With :math:`N_k(x')` the :math:`k` rows of the target class nearest to :math:`x'`,

    .. math:: \mathrm{IP} = \frac{1}{n} \sum_{i=1}^{n} \frac{1}{k}
        \sum_{x \in N_k(x'_i)} \lVert x'_i - x \rVert_1 .

    References
    ----------
    .. [1] P. Altmeyer, A. Buszydlik, A. van Deursen and C. C. S. Liem,
       "Counterfactual Training: Teaching Models Plausible and Actionable
       Explanations", IEEE SaTML 2026, arXiv:2601.16205.

    Examples
    --------
    >>> from sklearn_ct.metrics import implausibility_distance
    >>> implausibility_distance([[0.0, 0.0]], [[1.0, 2.0], [3.0, 4.0]])
    5.0
    >>> implausibility_distance([[0.0, 0.0]], [[1, 2], [3, 4]], n_neighbors=1)
    3.0
    """
    X_counterfactual, X_reference = _check_pair(X_counterfactual, X_reference)
    if n_neighbors is not None:
        check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
    target, y_reference = _check_classes(
        target, y_reference, X_counterfactual, X_reference, "implausibility_distance"
    )
    distance = np.empty(len(X_counterfactual))
    for _, asked, real in _by_class(target, y_reference):
        distance[asked] = _nearest_mean(
            X_counterfactual[asked], X_reference[real], n_neighbors
        )
    return float(distance.mean()) if average else distance


def relative_implausibility(
    X_counterfactual,
    X_reference,
    X_heldout,
    *,
    target=None,
    y_reference=None,
    y_heldout=None,
    n_neighbors=1000,
    average=True,
):
    r"""Implausibility of counterfactuals, relative to that of real held-out rows.

    Real rows are as plausible as can be asked for, and yet do not lie at distance 0
    from each other: 1.0 is the mark of counterfactuals as plausible as real rows.

    Parameters
    ----------
    X_counterfactual : array-like of shape (n_counterfactuals, n_features)
        The counterfactuals.
    X_reference : array-like of shape (n_reference, n_features)
        Real rows to compare with, of the target class only unless `target` is given.
    X_heldout : array-like of shape (n_heldout, n_features)
        Other real rows (not among `X_reference`), of the target class only unless
        `target` is given.
    target : label or array-like of shape (n_counterfactuals,), default=None
        Target class of all the counterfactuals, or of each.
    y_reference : array-like of shape (n_reference,), default=None
        Classes of `X_reference`, given together with `target`.
    y_heldout : array-like of shape (n_heldout,), default=None
        Classes of `X_heldout`, given together with `target`.
    n_neighbors : int or None, default=1000
        As in :func:`implausibility_distance`.
    average : bool, default=True
        Whether to return the mean over the counterfactuals, or one value for each.

    Returns
    -------
    ratio : float or ndarray of shape (n_counterfactuals,)
        Non-negative, without unit, smaller is better.

    Raises
    ------
    ValueError
        If some but not all of `target`, `y_reference` and `y_heldout` are given, a
        target class has no row, or its held-out rows have an implausibility of 0.

    Notes
    -----
    With :math:`\mathrm{IP}_c` the implausibility measured against the reference rows
    of class :math:`c`, :math:`H_c` the held-out rows of that class and :math:`y_i^+`
    the target of counterfactual :math:`x'_i`,

    .. math:: \frac{1}{n} \sum_{i=1}^{n}
        \frac{\mathrm{IP}_{y_i^+}(x'_i)}{\mathrm{IP}_{y_i^+}(H_{y_i^+})} .

    References
    ----------
    .. [1] P. Altmeyer et al., "Counterfactual Training: Teaching Models Plausible and
       Actionable Explanations", IEEE SaTML 2026, arXiv:2601.16205 (the distance).

    Examples
    --------
    >>> from sklearn_ct.metrics import relative_implausibility
    >>> relative_implausibility([[6.0]], [[0.0], [2.0]], [[1.0], [3.0]])
    3.3333333333333335
    """
    X_counterfactual, X_reference = _check_pair(X_counterfactual, X_reference)
    X_heldout, _ = _check_pair(X_heldout, X_reference, name="X_heldout")
    if len({given is None for given in (target, y_reference, y_heldout)}) > 1:
        raise ValueError(
            "The 'target', 'y_reference' and 'y_heldout' parameters of "
            "relative_implausibility must be given together, or none of them."
        )
    if target is not None:
        target = _check_target(target, X_counterfactual)
        y_heldout = _check_labels(y_heldout, X_heldout, target, "X_heldout")
    ratio = implausibility_distance(
        X_counterfactual,
        X_reference,
        target=target,
        y_reference=y_reference,
        n_neighbors=n_neighbors,
        average=False,
    )
    for label, asked, heldout in _by_class(target, y_heldout):
        floor = implausibility_distance(
            X_heldout[heldout],
            X_reference,
            target=label,
            y_reference=y_reference,
            n_neighbors=n_neighbors,
        )
        if floor == 0:
            raise ValueError(
                "The held-out rows lie exactly on their reference rows, so nothing can "
                "be measured relative to them. Give an 'X_heldout' whose rows are not "
                "among 'X_reference', or a greater 'n_neighbors'."
            )
        ratio[asked] /= floor
    return float(ratio.mean()) if average else ratio


def mmd_distance(X_counterfactual, X_target, *, length_scale=0.5):
    r"""Unbiased squared maximum mean discrepancy of counterfactuals to real rows (IP*).

    Parameters
    ----------
    X_counterfactual : array-like of shape (n_counterfactuals, n_features)
        The counterfactuals, at least two.
    X_target : array-like of shape (n_target, n_features)
        Real rows of their target class in the same units, at least two.
    length_scale : float or "median", default=0.5
        Length scale of the Gaussian kernel in the units of the features. "median": the
        median Euclidean distance between two rows of both sets together that do not
        coincide; of large sets, evenly spaced 2000 rows are looked at.

    Returns
    -------
    distance : float
        Smaller is better; about 0 for two samples of one distribution, where it can be
        slightly negative, and at most 2.

    Raises
    ------
    ValueError
        If a set has fewer than two rows, or `length_scale` is not positive.

    See Also
    --------
    implausibility_distance : Mean distance to the nearest rows, one value each.

    Notes
    -----
    With :math:`k(a, b) = \exp(-\lVert a - b \rVert_2^2 / (2 \ell^2))`,
    :math:`n` counterfactuals :math:`x'` and :math:`m` real rows :math:`x`,

    .. math:: \frac{1}{n(n-1)} \sum_{i \ne j} k(x'_i, x'_j)
        + \frac{1}{m(m-1)} \sum_{i \ne j} k(x_i, x_j)
        - \frac{2}{nm} \sum_{i, j} k(x'_i, x_j) .

    References
    ----------
    .. [1] A. Gretton, K. M. Borgwardt, M. J. Rasch, B. Schoelkopf and A. Smola, "A
       Kernel Two-Sample Test", Journal of Machine Learning Research 13, 2012.

    Examples
    --------
    >>> from sklearn_ct.metrics import mmd_distance
    >>> X_target = [[0.0], [0.5], [1.0]]
    >>> near, far = [[0.2], [0.7]], [[3.0], [4.0]]
    >>> mmd_distance(near, X_target) < mmd_distance(far, X_target)
    True
    """
    X_counterfactual, X_target = _check_pair(
        X_counterfactual, X_target, reference_name="X_target", min_samples=2
    )
    if isinstance(length_scale, str) and length_scale == "median":
        length_scale = _median_distance(np.vstack((X_counterfactual, X_target)))
    else:
        check_scalar(
            length_scale, "length_scale", Real, min_val=0, include_boundaries="neither"
        )
    n, m = len(X_counterfactual), len(X_target)
    # A row's kernel with itself is exactly 1, and does not belong in the sum.
    within = (_kernel_sum(X_counterfactual, X_counterfactual, length_scale) - n) / (
        n * (n - 1)
    )
    target = (_kernel_sum(X_target, X_target, length_scale) - m) / (m * (m - 1))
    between = _kernel_sum(X_counterfactual, X_target, length_scale) / (n * m)
    return float(within + target - 2 * between)


def _nearest_mean(X, rows, n_neighbors):
    """Mean l1 distance of each row of X to its nearest `rows`, a chunk at a time."""
    n_nearest = len(rows) if n_neighbors is None else min(n_neighbors, len(rows))

    def reduce(distances, start):
        if n_nearest < len(rows):
            distances.partition(n_nearest - 1, axis=1)
        return distances[:, :n_nearest].mean(axis=1)

    chunks = pairwise_distances_chunked(
        X, rows, metric="l1", reduce_func=reduce, working_memory=_CHUNK
    )
    return np.concatenate(list(chunks))


def _kernel_sum(A, B, length_scale):
    """Sum of the Gaussian kernel over all pairs of a row of A and a row of B."""
    scale = -0.5 / length_scale**2

    def reduce(distances, start):
        distances *= scale
        return np.exp(distances, out=distances).sum(axis=1)

    # "sqeuclidean" takes differences; the squared "euclidean" expands the square and
    # loses the digits of rows that lie far from the origin.
    chunks = pairwise_distances_chunked(
        A, B, metric="sqeuclidean", reduce_func=reduce, working_memory=_CHUNK
    )
    return sum(chunk.sum() for chunk in chunks)


def _median_distance(X):
    """Median Euclidean distance of rows that differ; 1 where none do."""
    if len(X) > _MEDIAN_ROWS:
        X = X[np.linspace(0, len(X) - 1, _MEDIAN_ROWS).round().astype(int)]
    distances = pdist(X)
    distances = distances[distances > 0]
    return float(np.median(distances)) if len(distances) else 1.0


def _by_class(target, y):
    """Each class that is a target, where it is one, and which rows are of it."""
    if target is None:
        yield None, slice(None), slice(None)
        return
    for label in np.unique(target):
        yield label, target == label, y == label


def _check_pair(
    X,
    X_reference,
    *,
    name="X_counterfactual",
    reference_name="X_reference",
    min_samples=1,
):
    """Validate two sets of rows with the same features."""
    X = check_array(
        X, dtype=np.float64, ensure_min_samples=min_samples, input_name=name
    )
    X_reference = check_array(
        X_reference,
        dtype=np.float64,
        ensure_min_samples=min_samples,
        input_name=reference_name,
    )
    if X.shape[1] != X_reference.shape[1]:
        raise ValueError(
            f"{name} has {X.shape[1]} features, but {reference_name} has "
            f"{X_reference.shape[1]} features."
        )
    return X, X_reference


def _check_target(target, X_counterfactual):
    """Make the targets one label per counterfactual."""
    if np.ndim(target) == 0:
        return np.full(len(X_counterfactual), target)
    target = column_or_1d(target)
    check_consistent_length(target, X_counterfactual)
    return target


def _check_classes(target, y_reference, X_counterfactual, X_reference, caller):
    """Validate targets and the classes of the reference rows: both given, or none."""
    if (target is None) != (y_reference is None):
        raise ValueError(
            f"The 'target' and 'y_reference' parameters of {caller} must be given "
            "together, or neither of them."
        )
    if target is None:
        return None, None
    target = _check_target(target, X_counterfactual)
    return target, _check_labels(y_reference, X_reference, target, "X_reference")


def _check_labels(y, X, target, name):
    """Validate the classes of the rows X, among which each target must be."""
    y = column_or_1d(y)
    check_consistent_length(y, X)
    unique_labels(y, target)
    missing = np.setdiff1d(target, y)
    if len(missing):
        raise ValueError(
            f"The target classes must each have a row in {name}. Got no row of "
            f"{', '.join(map(repr, missing[:5].tolist()))}"
            f"{', ...' if len(missing) > 5 else ''}."
        )
    return y
