"""Scorers of recourse for ``cross_validate`` and ``GridSearchCV``."""

import re
from numbers import Integral, Real

import numpy as np
from joblib import hash as hash_of
from sklearn.utils import check_random_state

from sklearn_ct._pipeline.explain import explain
from sklearn_ct._pipeline.unwrap import encode, to_classifier
from sklearn_ct._tables.containers import dense, take_rows
from sklearn_ct.audit import recourse_survival
from sklearn_ct.audit._advice import cheapest, target_of
from sklearn_ct.audit._features import as_pandas, as_table, crossed, read_groups
from sklearn_ct.audit._measures import cap_of
from sklearn_ct.audit._survival import NoAnswersError
from sklearn_ct.metrics._actionability import counterfactual_cost, validity_score
from sklearn_ct.metrics._neighbors import plausibility_score
from sklearn_ct.metrics._plausibility import implausibility_distance, mmd_distance
from sklearn_ct.metrics._robustness import robust_accuracy_score
from sklearn_ct.metrics._standing import Standing

__all__ = [
    "burden_ratio_scorer",
    "make_recourse_scorer",
    "most_plausible_within",
    "neg_cost_scorer",
    "neg_implausibility_scorer",
    "neg_mmd_scorer",
    "plausibility_scorer",
    "recourse_scoring",
    "robust_accuracy_scorer",
    "survival_scorer",
    "validity_scorer",
]

METRICS = {
    implausibility_distance: "implausibility",
    mmd_distance: "mmd",
    counterfactual_cost: "cost",
    plausibility_score: "plausibility",
    validity_score: "validity",
}


def _distances(codes, real):
    return implausibility_distance(codes, real, average=False)


def _standings(codes, real):
    return Standing(real).of(codes)


# Of each row, against real rows of its target: how, its sign, and the worst of several.
MEASURES = {
    "implausibility": (_distances, -1, max),
    "plausibility": (_standings, 1, min),
}


class Explained:
    """The last explanation, kept for the next scorer that asks for the same."""

    def __init__(self):
        self._last = None, None

    def __call__(self, estimator, rows, target, tau):
        """Answers to rows, of an estimator as it is now."""
        # What it predicts tells whether it was fitted again since.
        now = np.asarray(estimator.predict_proba(rows))
        key = hash_of((type(estimator).__name__, now, rows, target, tau))
        known, answers = self._last
        if key != known:
            answers = explain(estimator, rows, target, tau=tau)
            self._last = key, answers
        return answers


EXPLAINED = Explained()


class RecourseScorer:
    """A scorer ``(estimator, X, y) -> float``, greater is better.

    Made by `make_recourse_scorer`.
    """

    def __init__(self, metric, target, n_samples, tau, invalid, random_state):
        self.metric = metric
        self.target = target
        self.n_samples = n_samples
        self.tau = tau
        self.invalid = invalid
        self.random_state = random_state

    def __repr__(self):
        name = getattr(self.metric, "__name__", self.metric)
        return f"make_recourse_scorer({name!r})"

    def __call__(self, estimator, X, y, **kwargs):
        """Explain a sample of rows and measure the answers."""
        X = dense(X)
        rows = self._sample(estimator, X)
        if not len(rows):
            return np.nan
        result = EXPLAINED(estimator, take_rows(X, rows), self.target, self.tau)
        if callable(self.metric):
            return self._mean(np.asarray(self.metric(result), float), result, worst=min)
        if self.metric == "validity":
            return float(result.valid.mean())
        if self.metric == "cost":
            return -self._mean(result.cost, result, self._farthest(estimator, X, y))
        codes = encode(estimator, result.counterfactuals)
        real, labels = encode(estimator, X), np.asarray(y)
        if self.metric in MEASURES:
            measure, sign, worst = MEASURES[self.metric]
            values = np.full(len(result), np.nan)
            for label in np.unique(result.target):
                asked, of_class = result.target == label, real[labels == label]
                if len(of_class):
                    values[asked] = measure(codes[asked], of_class)
            return sign * self._mean(values, result, worst=worst)
        return -self._mmd(codes, real, labels, result)

    def _sample(self, estimator, X):
        if self.target is None:
            rows = np.arange(len(X))
        else:
            rows = np.flatnonzero(estimator.predict(X) != self.target)
        if self.n_samples is not None and self.n_samples < len(rows):
            random_state = check_random_state(self.random_state)
            rows = random_state.choice(rows, self.n_samples, replace=False)
        return np.sort(rows)

    def _mean(self, values, result, worst):
        """Mean over rows; ``worst`` stands for a row without a valid answer."""
        valid = result.valid
        if self.invalid == "ignore":
            return float(values[valid].mean()) if valid.any() else np.nan
        if not valid.all():
            stand_in = worst(values[valid] if valid.any() else values)
            values = np.where(valid, values, stand_in)
        return float(values.mean())

    def _farthest(self, estimator, X, y):
        """Worst cost: of the valid answers; if none, to the farthest real row."""

        def worst(costs):
            if costs.max() > 0:
                return costs.max()
            real = encode(estimator, X)
            return float(np.ptp(real, axis=0).sum())

        return worst

    def _mmd(self, codes, real, labels, result):
        # A row without a valid answer has not moved: its factual stands for it.
        keep = result.valid | (self.invalid == "penalize")
        distances, weights = [], []
        for label in np.unique(result.target):
            rows = keep & (result.target == label)
            of_class = real[labels == label]
            if rows.sum() > 1 and len(of_class) > 1:
                distances.append(
                    mmd_distance(codes[rows], of_class, length_scale="median")
                )
                weights.append(rows.sum())
        return float(np.average(distances, weights=weights)) if weights else np.nan


def make_recourse_scorer(
    metric, target=None, n_samples=200, tau=None, invalid="penalize", random_state=0
):
    """Make a scorer from a measure of counterfactuals.

    Parameters
    ----------
    metric : {"implausibility", "plausibility", "mmd", "cost", "validity"} or callable
        The measure; the functions of `sklearn_ct.metrics` of that name are taken as
        well. Distances and costs are negated. Any other callable takes
        `Counterfactuals` and gives a value for each row, greater is better.
    target : label, default=None
        Class that is asked for, of rows not predicted as it. None: of every row the
        most probable class that is not predicted.
    n_samples : int or None, default=200
        Rows explained at most; None: all.
    tau : float, default=None
        Probability of the target that the search aims at.
    invalid : {"penalize", "ignore"}, default="penalize"
        A row without a valid counterfactual counts as the worst of the sample, or is
        left out (the paper's way).
    random_state : int, RandomState instance or None, default=0
        Of the sample of rows.

    Returns
    -------
    RecourseScorer
        Callable ``(estimator, X, y) -> float``; NaN where no row could be explained.

    Raises
    ------
    ValueError
        On an unknown measure or a bad option.

    Notes
    -----
    Distances are in the classifier's standardised input space: compare candidates
    with the same ``numeric_scaling``; plausibility, a standing, has no unit. Real rows
    are those that the scorer is given. The MMD takes the median heuristic.

    Examples
    --------
    >>> make_recourse_scorer("cost", target="approved")
    make_recourse_scorer('cost')
    """
    metric = METRICS.get(metric, metric) if callable(metric) else metric
    if not callable(metric) and metric not in METRICS.values():
        raise ValueError(
            f"The 'metric' parameter of make_recourse_scorer must be one of "
            f"{sorted(METRICS.values())} or a callable. Got {metric!r} instead."
        )
    if invalid not in ("penalize", "ignore"):
        raise ValueError(
            "The 'invalid' parameter of make_recourse_scorer must be 'penalize' or "
            f"'ignore'. Got {invalid!r} instead."
        )
    if n_samples is not None and not (
        isinstance(n_samples, Integral) and n_samples >= 1
    ):
        raise ValueError(
            "The 'n_samples' parameter of make_recourse_scorer must be None or an int "
            f"of at least 1. Got {n_samples!r} instead."
        )
    return RecourseScorer(metric, target, n_samples, tau, invalid, random_state)


def robust_accuracy_scorer(estimator, X, y):
    """Accuracy after a one-step attack (FGSM) of 0.1 standard deviations.

    Parameters
    ----------
    estimator : estimator
        A classifier, a pipeline that ends in one, or a search object.
    X, y : array-like
        Rows and labels.

    Returns
    -------
    float
    """
    classifier, X = to_classifier(estimator, X)
    return robust_accuracy_score(classifier, X, y, epsilon=0.1)


class MostPlausibleWithin:
    """A ``refit=`` callable; made by `most_plausible_within`."""

    def __init__(self, tolerance, metric, one_standard_error):
        self.tolerance = tolerance
        self.metric = metric
        self.one_standard_error = one_standard_error

    def __call__(self, cv_results):
        """Index of the chosen candidate."""
        try:
            value, plausible = (
                np.asarray(cv_results[f"mean_test_{name}"], dtype=float)
                for name in (self.metric, "neg_implausibility")
            )
        except KeyError as error:
            raise ValueError(
                f"refit=most_plausible_within() needs the scores {self.metric!r} and "
                "'neg_implausibility': give scoring=recourse_scoring(), or a dict with "
                f"both names. Got no {error}."
            ) from error
        tolerance = self.tolerance
        if self.one_standard_error:
            tolerance = max(tolerance, self._error(cv_results, np.nanargmax(value)))
        good = value >= np.nanmax(value) - tolerance
        ranked = np.where(good & ~np.isnan(plausible), plausible, -np.inf)
        if np.isinf(ranked).all():
            return int(np.nanargmax(value))
        return int(ranked.argmax())

    def _error(self, cv_results, best):
        """Estimate the standard error of the best candidate's mean over the splits."""
        name = re.compile(rf"split\d+_test_{re.escape(self.metric)}")
        splits = [cv_results[key][best] for key in cv_results if name.fullmatch(key)]
        if len(splits) < 2:
            raise ValueError(
                "one_standard_error=True of most_plausible_within needs the scores of "
                f"two splits at least, 'split0_test_{self.metric}' and so on. Got "
                f"{len(splits)}."
            )
        return float(np.std(splits, ddof=1) / np.sqrt(len(splits)))


def most_plausible_within(tolerance=0.01, metric="accuracy", one_standard_error=False):
    """Choose the most plausible candidate that is nearly as good as the best.

    Parameters
    ----------
    tolerance : float, default=0.01
        Mean test score that may be given up, in the units of the metric.
    metric : str, default="accuracy"
        Name of the score, greater is better: ``"roc_auc"``, ``"neg_log_loss"``, or
        another one of the search's ``scoring``.
    one_standard_error : bool, default=False
        Whether to give up the standard error of the best candidate's mean over the
        splits, where that is more: candidates that differ by less cannot be told apart.

    Returns
    -------
    callable
        ``cv_results_ -> index``, for ``refit=`` of a search with
        ``scoring=recourse_scoring()``.

    Raises
    ------
    ValueError
        On a negative tolerance; in the search, if its scores have other names.

    Notes
    -----
    As with any callable ``refit``, the search has no ``best_score_``, and its ``score``
    cannot choose among the scorers: see ``cv_results_`` and ``best_index_``, and score
    ``best_estimator_``. The folds of a search share training rows, so that their
    standard error is too small rather than too great.

    Examples
    --------
    >>> most_plausible_within(0.01)(
    ...     {
    ...         "mean_test_accuracy": [0.90, 0.895, 0.8],
    ...         "mean_test_neg_implausibility": [-5.0, -4.0, -1.0],
    ...     }
    ... )
    1
    """
    if not isinstance(tolerance, Real) or not tolerance >= 0:
        raise ValueError(
            "The 'tolerance' parameter of most_plausible_within must be a number, zero "
            f"or greater. Got {tolerance!r} instead."
        )
    if not isinstance(metric, str):
        raise ValueError(
            "The 'metric' parameter of most_plausible_within must be the name of a "
            f"score of the search, such as 'roc_auc'. Got {metric!r} instead."
        )
    return MostPlausibleWithin(tolerance, metric, one_standard_error)


def burden_ratio_scorer(
    estimator,
    X,
    y=None,
    *,
    sensitive_features,
    target=None,
    n_samples=200,
    random_state=0,
    **options,
):
    r"""Score how equal the burdens of groups are: the least over the greatest.

    Parameters
    ----------
    estimator : estimator
        Anything that `sklearn_ct.explain` takes.
    X : DataFrame or array-like of shape (n, n_features)
        Rows.
    y : ignored
        Scorers are given it.
    sensitive_features : str or list of str
        Columns of ``X``; the groups are their intersections.
    target : label, default=None
        Class that people want; as in `sklearn_ct.audit.audit_recourse`.
    n_samples : int or None, default=200
        Rejected rows explained at most, as many of each group; None: all.
    random_state : int, RandomState instance or None, default=0
        Of the sample.
    **options
        Of `sklearn_ct.explain`.

    Returns
    -------
    float
        Between 0 and 1, equal burdens; NaN where nobody is rejected.

    Raises
    ------
    ValueError
        As `sklearn_ct.audit.audit_recourse` does.

    Notes
    -----
    .. math:: \min_g B_g \, / \, \max_g B_g , \quad
        B_g = \frac{|R_g|}{n_g} \cdot \frac{1}{|S_g|} \sum_{i \in S_g} \min(c_i, C)

    with the rejected rows :math:`R_g` of a group, of which :math:`S_g` are explained;
    cost and cap as in the audit. It is noisy, and biased downwards: with two groups of
    100 explained rows, and costs that vary as much as their mean, the logarithm of the
    ratio has a standard error of 0.14 from the costs alone.

    Examples
    --------
    For `cross_validate` and `GridSearchCV`:

    >>> from functools import partial
    >>> burden = partial(
    ...     burden_ratio_scorer, sensitive_features="housing", target="approved"
    ... )
    >>> "burden_ratio" in recourse_scoring(extra={"burden_ratio": burden})
    True
    """
    X = as_table(X)
    features = read_groups(sensitive_features, as_pandas(X), "sensitive_features")
    groups = features[0] if len(features) == 1 else crossed(features)
    target = target_of(estimator, target, None, "burden_ratio_scorer")
    rejected = np.asarray(estimator.predict(X)) != target
    if not rejected.any():
        return np.nan
    random_state = check_random_state(random_state)
    rows = [
        np.flatnonzero(rejected & (groups.codes == k))
        for k in range(len(groups.labels))
    ]
    if n_samples is not None:
        each = max(n_samples // len(rows), 1)
        rows = [
            random_state.choice(of, each, replace=False) if len(of) > each else of
            for of in rows
        ]
    rows = np.sort(np.concatenate(rows))
    answers = explain(estimator, take_rows(X, rows), target, **options)
    cost = np.where(answers.valid, answers.cost, np.inf)[cheapest(answers)]
    cost = np.minimum(cost, cap_of(cost))
    own, k = groups.codes[rows], len(groups.labels)
    rate = np.bincount(groups.codes, rejected, k) / np.bincount(groups.codes, None, k)
    mean = np.bincount(own, cost, k) / np.maximum(np.bincount(own, None, k), 1)
    burden = rate * mean
    return float(burden.min() / burden.max()) if burden.max() else np.nan


def survival_scorer(
    estimator,
    X,
    y,
    *,
    target=None,
    tau=None,
    n_models=2,
    n_samples=100,
    random_state=0,
    **options,
):
    """Score which share of the answers a model trained on other rows still accepts.

    Parameters
    ----------
    estimator : estimator
        Anything that `sklearn_ct.explain` takes.
    X, y : array-like
        Rows and labels, which the later models are trained on, with replacement.
    target : label, default=None
        Class asked for, of rows not predicted as it. None: of every row the most
        probable class that is not predicted.
    tau : float, default=None
        Of `sklearn_ct.explain`.
    n_models : int, default=2
        Later models, at least 2.
    n_samples : int, default=100
        Rows explained at most.
    random_state : int, RandomState instance or None, default=0
        Of the sample and the later models.
    **options
        Of `sklearn_ct.explain`.

    Returns
    -------
    float
        Between 0 and 1, greater is better; NaN where there is no answer.

    Notes
    -----
    `sklearn_ct.audit.recourse_survival` of kind ``"bootstrap"``. It costs as many fits
    as models, and is lower than on the training rows, as a scorer is given the fewer
    rows of a test fold. It is noisy: 100 rows alone have a standard error of up to
    0.05, two models often as much again.
    """
    try:
        found = recourse_survival(
            estimator,
            X,
            y,
            kinds=("bootstrap",),
            target=target,
            tau=tau,
            n_models=n_models,
            n_samples=n_samples,
            random_state=random_state,
            **options,
        )
    except NoAnswersError:
        return np.nan
    return float(found["survival"].iloc[0])


def recourse_scoring(target=None, *, extra=None):
    """All scorers, for the ``scoring=`` of scikit-learn's tools.

    Parameters
    ----------
    target : label, default=None
        Class that the recourse is asked for, of rows not predicted as it. None: of
        every row another class, also of people who have what others ask for.
    extra : dict of str to scorer, default=None
        Further ones, such as `survival_scorer`, or `burden_ratio_scorer` with its
        columns by `functools.partial`.

    Returns
    -------
    dict of str to scorer
        Keys ``accuracy``, ``roc_auc`` (of more than two classes the mean of each one
        against the rest), ``neg_log_loss``, ``neg_implausibility``, ``plausibility``,
        ``neg_mmd``, ``neg_cost``, ``validity``, ``robust_accuracy``, and those of
        ``extra``. One explanation of the rows serves the scorers of this package's own.

    Examples
    --------
    >>> sorted(recourse_scoring())[:3]
    ['accuracy', 'neg_cost', 'neg_implausibility']
    """
    return {
        "accuracy": "accuracy",
        "roc_auc": "roc_auc_ovr",
        "neg_log_loss": "neg_log_loss",
        "neg_implausibility": make_recourse_scorer("implausibility", target),
        "plausibility": make_recourse_scorer("plausibility", target),
        "neg_mmd": make_recourse_scorer("mmd", target),
        "neg_cost": make_recourse_scorer("cost", target),
        "validity": make_recourse_scorer("validity", target),
        "robust_accuracy": robust_accuracy_scorer,
        **(extra or {}),
    }


neg_implausibility_scorer = make_recourse_scorer("implausibility")
plausibility_scorer = make_recourse_scorer("plausibility")
neg_mmd_scorer = make_recourse_scorer("mmd")
neg_cost_scorer = make_recourse_scorer("cost")
validity_scorer = make_recourse_scorer("validity")
