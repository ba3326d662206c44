"""Which features a model's answers owe to.

The functions take a model as those of :mod:`sklearn_ct.metrics._robustness` do, and
attribute to the features that its network sees.
"""

from numbers import Integral

import numpy as np
import pandas as pd
import torch
from sklearn.utils import check_random_state, check_scalar

from sklearn_ct.metrics._actionability import _positions
from sklearn_ct.metrics._robustness import _class_index, _logits

# Numbers in the inputs of one forward pass: enough to be fast, and small in memory.
_CHUNK = 2**18


def integrated_gradients(
    model, X, target=None, *, baseline="uniform", n_steps=50, random_state=None
):
    r"""Attribute a logit to the features, along the way from a baseline.

    Parameters
    ----------
    model : callable or fitted classifier
        As in :func:`fgsm`.
    X : array-like of shape (n_samples, n_features)
        Rows as the callable takes them, or as the classifier does.
    target : label or array-like of shape (n_samples,), default=None
        Class whose logit is attributed, for all rows or for each: an index of the
        logits, or a label of the classifier. None: the class predicted for each row.
    baseline : "uniform", float or array-like, default="uniform"
        Where the ways start: a number for all features, an array of shape
        (n_encoded_features,) or (n_samples, n_encoded_features); "uniform" draws each
        row's from U(-1, 1).
    n_steps : int, default=50
        Points at which the gradient is taken.
    random_state : int, RandomState instance or None, default=None
        Draws the baseline.

    Returns
    -------
    attributions : ndarray of shape (n_samples, n_encoded_features)
        In units of the logit.

    Raises
    ------
    ValueError
        If `n_steps` is not positive, a class is none of the model's, or the shape of
        `baseline` does not fit.

    Notes
    -----
    For the logit :math:`f` and the baseline :math:`b`,

    .. math:: g_d = (x_d - b_d) \int_0^1
        \frac{\partial f}{\partial x_d}(b + \alpha (x - b)) \, d\alpha ,

    by Gauss-Legendre quadrature. The attributions of a row sum to :math:`f(x) - f(b)`,
    up to the error of the quadrature.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly and Q. Yan, "Axiomatic Attribution for Deep
       Networks", ICML 2017, arXiv:1703.01365.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ct.metrics import integrated_gradients
    >>> weights = torch.tensor([[1.0, -1.0], [3.0, 0.5]])
    >>> g = integrated_gradients(lambda x: x @ weights, [[2.0, 1.0]], 0, baseline=0.0)
    >>> g.round(3)
    array([[2., 3.]], dtype=float32)
    """
    check_scalar(n_steps, "n_steps", Integral, min_val=1)
    with _logits(model, X) as (logits, x, classes):
        index = _class_index(target, "target", logits, x, classes)
        start = _baseline(baseline, x, check_random_state(random_state))
        return _integrate(logits, x, start, index, n_steps).numpy(force=True)


def protected_sensitivity(
    model,
    X,
    feature,
    *,
    target=None,
    n_bootstrap=100,
    n_rows=2500,
    n_steps=50,
    random_state=0,
):
    r"""Place of a feature's attribution between the least and the greatest of a row.

    The paper's measure. With more than two features it keeps the sign: a feature that
    the model does not look at stands where an attribution of zero does, somewhere in
    the middle, and one that speaks strongly against the class near 0. It compares
    models on one table; how many predictions hang on a feature is told by `flip_rate`.

    Parameters
    ----------
    model : callable or fitted classifier
        As in :func:`fgsm`.
    X : array-like of shape (n_samples, n_features)
        Rows as the callable takes them, or as the classifier does.
    feature : int, str or list
        The protected feature, or several whose sensitivities are averaged: positions
        among the features that the network sees, of which there must be two at least;
        or, for a classifier that was fitted to a frame, names of its columns. The
        sensitivity to a category is the mean over its one-hot features.
    target : label or array-like of shape (n_samples,), default=None
        Class whose logit is attributed. None: the class predicted for each row.
    n_bootstrap : int, default=100
        Bootstrap rounds.
    n_rows : int, default=2500
        Rows of a round, drawn with replacement.
    n_steps : int, default=50
        Points at which the gradient of an attribution is taken.
    random_state : int, RandomState instance or None, default=0
        Draws the rows and the baselines.

    Returns
    -------
    sensitivity : float
        Between 0 and 1 where the network sees more than two features; not negative,
        and zero for a feature that does not matter, where it sees two.

    Raises
    ------
    ValueError
        If a number is not positive, `feature` is no position and no column, or a
        class is none of the model's.

    Notes
    -----
    With the integrated gradients :math:`g` of a row, from a baseline drawn from
    U(-1, 1), the sensitivity of the row to feature :math:`d` is

    .. math:: \frac{|g_d|}{\max_j g_j - \min_j g_j} \text{ for two features, }
        \frac{g_d - \min_j g_j}{\max_j g_j - \min_j g_j} \text{ for more,}

    and 0 where all attributions of the row are equal. The mean is taken over the rows
    of a bootstrap round, and the median over the rounds.

    See Also
    --------
    flip_rate : Share of predictions that change with a feature.

    References
    ----------
    .. [1] P. Altmeyer, A. Buszydlik, A. van Deursen and C. C. S. Liem,
       "Counterfactual Training: Teaching Models Plausible and Actionable
       Explanations", IEEE SaTML 2026, arXiv:2601.16205.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ct.metrics import protected_sensitivity
    >>> weights = torch.tensor([[0.0, 0.0], [1.0, -1.0]])
    >>> protected_sensitivity(lambda x: x @ weights, [[2.0, 3.0]], 0, n_bootstrap=5)
    0.0
    """
    for name, value in (("n_bootstrap", n_bootstrap), ("n_rows", n_rows)):
        check_scalar(value, name, Integral, min_val=1)
    check_scalar(n_steps, "n_steps", Integral, min_val=1)
    rng = check_random_state(random_state)
    with _logits(model, X) as (logits, x, classes):
        n_samples, n_features = x.shape
        weights = x.new_tensor(_weights(feature, model, n_features))
        index = _class_index(target, "target", logits, x, classes)
        rounds = np.empty(n_bootstrap)
        for i in range(n_bootstrap):
            rows = torch.as_tensor(rng.randint(n_samples, size=n_rows), device=x.device)
            start = _baseline("uniform", x[rows], rng)
            g = _integrate(logits, x[rows], start, index[rows], n_steps)
            low, high = g.aminmax(dim=1, keepdim=True)
            share = g.abs() if n_features == 2 else g - low
            share = torch.where(high > low, share / (high - low), 0.0)
            rounds[i] = (share @ weights).double().mean().item()
    return float(np.median(rounds))


def flip_rate(model, X, feature, *, n_repeats=10, random_state=0):
    r"""Share of predictions that change when a feature is that of another row.

    Parameters
    ----------
    model : callable or fitted estimator
        Maps rows to classes: a function, or what has a ``predict``, such as a
        classifier, or a pipeline or a search that ends in one.
    X : DataFrame or array-like of shape (n_samples, n_features)
        Rows as the model takes them, two at least.
    feature : column or list of columns
        By name (by position where there are no names); several are taken from the
        other row together, as the columns of a one-hot block must be.
    n_repeats : int, default=10
        Other rows tried for each row.
    random_state : int, RandomState instance or None, default=0
        Draws the other rows.

    Returns
    -------
    rate : float
        Between 0 and 1; 0 where no prediction hangs on the feature by itself.

    Raises
    ------
    TypeError
        If the model is no callable and has no ``predict``.
    ValueError
        If there is a single row, an unknown column or no column.

    Notes
    -----
    With the rows :math:`x_{i \leftarrow j}` that have the feature of row :math:`j` and
    all else of row :math:`i`, an estimate of

    .. math:: \frac{1}{n (n - 1)} \sum_{i \neq j}
        1[\hat{y}(x_{i \leftarrow j}) \neq \hat{y}(x_i)]

    from other rows drawn without replacement within a repeat. Other features that tell
    the feature stay as they are: what flows through them is not counted. Read beside
    it how often the rows have different values: the rate cannot be greater.

    See Also
    --------
    sklearn_ct.audit.proxy_report : What flows through other features.

    Examples
    --------
    >>> from sklearn_ct.metrics import flip_rate
    >>> flip_rate(lambda X: X[:, 0] > 1, [[0.0, 5.0], [2.0, 7.0]], 0)
    1.0
    >>> flip_rate(lambda X: X[:, 0] > 1, [[0.0, 5.0], [2.0, 7.0]], 1)
    0.0
    """
    check_scalar(n_repeats, "n_repeats", Integral, min_val=1)
    predict = getattr(model, "predict", model)
    if not callable(predict):
        raise TypeError(
            "The 'model' parameter of flip_rate must be a callable or have a 'predict' "
            f"method. Got {type(model).__name__} instead."
        )
    if hasattr(X, "columns") and not isinstance(X, pd.DataFrame):
        X = pd.DataFrame({c: X[c].to_numpy() for c in X.columns})
    is_frame = isinstance(X, pd.DataFrame)
    X = X if is_frame else np.asarray(X)
    frame = pd.DataFrame(X)
    where = "The 'feature' parameter of flip_rate"
    listed = feature if isinstance(feature, list) else [feature]
    columns = _positions(listed, frame.columns, where)
    n = len(frame)
    if n < 2 or not columns:
        raise ValueError(
            "flip_rate needs two rows and a column at least. "
            f"Got {n} rows and the feature {feature!r}."
        )
    rng = check_random_state(random_state)
    before, changed = np.asarray(predict(X)), 0
    if before.shape != (n,):
        raise ValueError(
            "The 'model' parameter of flip_rate must give a class for each row. Got "
            f"shape {before.shape} for {n} rows."
        )
    for _ in range(n_repeats):
        order, other = rng.permutation(n), np.empty(n, dtype=int)
        other[order] = np.roll(order, 1)  # never the row itself
        if is_frame:
            swapped = frame.copy()
            for j in columns:
                swapped.isetitem(j, frame.iloc[other, j].set_axis(frame.index))
        else:
            swapped = X.copy()
            swapped[:, columns] = X[np.ix_(other, columns)]
        changed += int((np.asarray(predict(swapped)) != before).sum())
    return changed / (n_repeats * n)


def _weights(feature, model, n_features):
    """Weight of each feature of the network in the mean over the protected ones."""
    protected = feature if isinstance(feature, list | tuple | np.ndarray) else [feature]
    encoder = getattr(model, "encoder_", None)
    places = [_places(entry, encoder, n_features) for entry in protected]
    if n_features < 2 or not places or not all(map(len, places)):
        raise ValueError(
            "The 'feature' parameter of protected_sensitivity must be positions of "
            "features that the network sees, of which there must be two at least, or "
            "columns of the frame that a classifier was fitted to. "
            f"Got {feature!r} with {n_features} features."
        )
    weights = np.zeros(n_features)
    for place in places:
        weights[place] += 1 / len(place) / len(places)
    return weights


def _places(entry, encoder, n_features):
    """Features of the network that stand for a position or a column."""
    if isinstance(entry, str) and encoder is not None:
        variable = encoder.variables_[encoder.variable_of(entry)]
        codes = np.arange(variable.slots.start, variable.slots.stop)
        # A column of a one-hot block is one of its codes.
        column = variable.columns.index(encoder.position(entry))
        return codes[[column]] if variable.is_block else codes
    is_position = isinstance(entry, Integral) and not isinstance(entry, bool)
    return [entry] if is_position and 0 <= entry < n_features else []


def _baseline(baseline, x, rng):
    """Rows from which the attributions of x start.  # (n, d)."""
    if isinstance(baseline, str) and baseline == "uniform":
        return x.new_tensor(rng.uniform(-1, 1, x.shape))
    n_samples, n_features = x.shape
    if isinstance(baseline, str) or np.shape(baseline) not in (
        (),
        (n_features,),
        (n_samples, n_features),
    ):
        got = repr(baseline) if isinstance(baseline, str) else np.shape(baseline)
        raise ValueError(
            "The 'baseline' parameter of integrated_gradients must be 'uniform', a "
            f"number, or an array of shape ({n_features},) or {tuple(x.shape)}. Got "
            f"{got} instead."
        )
    return x.new_tensor(np.asarray(baseline, dtype=float)).expand_as(x)


def _integrate(logits, x, start, index, n_steps):
    """Integrated gradients of the logit `index` from `start` to x.  # (n, d)."""
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    alpha, weights = x.new_tensor((nodes + 1) / 2), x.new_tensor(weights / 2)
    way = x - start
    attributions = torch.empty_like(x)
    size = max(1, _CHUNK // (n_steps * x.shape[1]))
    for begin in range(0, len(x), size):
        rows = slice(begin, begin + size)
        points = start[rows, None] + alpha[:, None] * way[rows, None]  # (b, s, d)
        wanted = index[rows].repeat_interleave(n_steps)[:, None]
        with torch.enable_grad():
            flat = points.flatten(0, 1).requires_grad_()
            (gradient,) = torch.autograd.grad(
                logits(flat).gather(1, wanted).sum(), flat
            )
        mean = torch.einsum("s,bsd->bd", weights, gradient.view_as(points))
        attributions[rows] = way[rows] * mean
    return attributions
