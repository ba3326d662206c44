"""Whether advice lasts: what models trained again still accept."""

from numbers import Integral, Real

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from joblib.parallel import get_active_backend
from scipy import stats
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sklearn_ct._pipeline.explain import explain
from sklearn_ct._result.status import Status
from sklearn_ct._tables.containers import take_rows
from sklearn_ct.audit._advice import cheapest, swapped, target_of
from sklearn_ct.audit._features import as_pandas, as_table, is_numeric
from sklearn_ct.audit._statistics import wilson

KINDS = ("seed", "bootstrap")


def recourse_survival(  # noqa: PLR0913 - public, flat for users
    estimator,
    X,
    y,
    answers=None,
    *,
    kinds=KINDS,
    new_data=None,
    models=None,
    noise=None,
    n_models=5,
    target=None,
    tau=None,
    n_samples=500,
    confidence=0.95,
    random_state=None,
    n_jobs=None,
    verbose=0,
    **options,
):
    r"""Measure which answers later models still accept.

    Parameters
    ----------
    estimator : estimator
        Anything that `sklearn_ct.explain` takes.
    X, y : DataFrame or array-like of shape (n, n_features), array-like of shape (n,)
        The rows and labels that it was trained on.
    answers : Counterfactuals or dict of float to Counterfactuals, default=None
        Answers to any rows, or those of each ``tau``. None: those to ``n_samples``
        rows of ``X``.
    kinds : sequence of {"seed", "bootstrap"}, default=("seed", "bootstrap")
        How the model is trained again: on the same rows with another seed; on rows
        drawn with replacement, with another seed as well. The kinds below may be
        named, too.
    new_data : tuple (X, y), default=None
        Where given, also trained on these rows instead, kind ``"new_data"``.
    models : list of estimators, default=None
        Where given, fitted models that judge as well, kind ``"models"``.
    noise : float, default=None
        Where given, also answers that are carried out inexactly, kind ``"noise"``: the
        estimator judges copies with Gaussian noise on the numbers, this many standard
        deviations of the column in ``X``; integers are rounded.
    n_models : int, default=5
        Models of each kind, at least 2; copies, for noise.
    target : label, default=None
        Class asked for, of rows not predicted as it. None: of every row the most
        probable class that is not predicted.
    tau : float or sequence of float, default=None
        Of `sklearn_ct.explain`; several are judged by the same models.
    n_samples : int, default=500
        Rows of ``X`` explained at most.
    confidence : float, default=0.95
        Of the intervals.
    random_state : int, RandomState instance or None, default=None
        Seed. None: the same in every call.
    n_jobs : int, default=None
        Models trained at once; it changes no number.
    verbose : int, default=0
        Whether to show a progress bar.
    **options
        Further options of `sklearn_ct.explain`.

    Returns
    -------
    DataFrame
        A row each kind (and ``tau``): ``kind``, ``tau``, ``survival`` (share of answers
        still accepted, a mean over answers and models), ``low``, ``high``, ``always``
        (share that all models accept), ``accepted_unchanged`` (share of rows that a
        later model accepts as they were), ``survival_where_needed`` (survival over the
        others), ``cost`` (mean of the answers), ``n`` answers, ``n_infeasible`` rows
        without one, which no model can judge, ``n_models``.

    Raises
    ------
    ValueError
        On an unknown kind, where training again would train nothing, and where there
        is no answer to be judged.

    Notes
    -----
    With :math:`s_{ik} = 1` where model :math:`k` accepts answer :math:`i`, of
    :math:`n` answers and :math:`K` models, the interval is that of a mean over both
    drawn at random,

    .. math:: V = \frac{s_r^2}{n} + \frac{s_m^2}{K} - \frac{s_e^2}{n K} ,

    with the variances of the row means, of the model means and of what is left,
    degrees of freedom by Satterthwaite [1]_, cut at 0 and 1. Compare models on rows
    that all of them reject and answer: pass such ``answers``.

    References
    ----------
    .. [1] S. R. Searle, G. Casella and C. E. McCulloch, "Variance Components", Wiley
       1992.

    Examples
    --------
    >>> from sklearn_ct import CounterfactualTrainedClassifier
    >>> from sklearn_ct.audit import recourse_survival
    >>> from sklearn_ct.datasets import make_moons
    >>> X, y = make_moons(300, random_state=0)
    >>> clf = CounterfactualTrainedClassifier(max_epochs=5, lr=0.01, random_state=0)
    >>> frame = recourse_survival(clf.fit(X, y), X, y, tau=[0.5, 0.8], n_models=2)
    >>> frame["kind"].tolist()
    ['seed', 'seed', 'bootstrap', 'bootstrap']
    """
    _check(kinds, n_models, noise, new_data, models)
    X, y = as_table(X), np.asarray(y)
    seed = check_random_state(0 if random_state is None else random_state).randint(
        np.iinfo(np.int32).max
    )
    if isinstance(answers, dict):
        questions = list(answers.items())
    elif answers is not None:
        questions = [(np.nan if tau is None else tau, answers)]
    else:
        options = {"random_state": seed, "n_jobs": n_jobs} | options
        rows = _asking(estimator, X, target, n_samples, seed)
        questions = [
            (
                np.nan if value is None else value,
                explain(estimator, rows, target, **one),
            )
            for value in (tau if np.ndim(tau) else [tau])
            for one in [options | {"tau": value}]
        ]
    asked = [_Asked.of(value, found) for value, found in questions]
    jobs = _jobs(estimator, X, y, kinds, new_data, models, n_models, seed)
    if noise is not None:
        draws = np.random.SeedSequence([seed, 9]).spawn(n_models)
        jobs += [
            ("noise", delayed(_noisy)(estimator, X, asked, noise, d)) for d in draws
        ]
    backend, _ = get_active_backend()
    return_as = "generator" if backend.supports_return_generator else "list"
    judged = Parallel(n_jobs=n_jobs, return_as=return_as)(
        job if kind == "noise" else (_judged, (*job, asked), {}) for kind, job in jobs
    )
    bar = tqdm(judged, "training", len(jobs), unit="model", disable=not verbose)
    by_kind = {}
    for (kind, _), verdicts in zip(jobs, bar, strict=True):
        by_kind.setdefault(kind, []).append(verdicts)
    lines = [
        {"kind": kind, "tau": one.tau}
        | _measured([v[k] for v in verdicts], confidence)
        | one.counts()
        for kind, verdicts in by_kind.items()
        for k, one in enumerate(asked)
    ]
    return pd.DataFrame(lines)


class NoAnswersError(ValueError):
    """There is no answer that a later model could accept."""


class _Asked:
    """Answers that models are to judge."""

    def __init__(self, tau, before, after, target, cost, n_infeasible):
        self.tau = tau
        self.before = before
        self.after = after
        self.target = target
        self.cost = cost
        self.n_infeasible = n_infeasible

    @classmethod
    def of(cls, tau, answers):
        """Take the cheapest answer to each row that has one."""
        answers = answers[cheapest(answers)]
        found = np.flatnonzero(answers.valid & (answers.status != Status.ALREADY))
        if not len(found):
            raise NoAnswersError(
                "recourse_survival has no answers to judge: no row has a valid one."
            )
        part = answers[found]
        return cls(
            tau,
            part.factuals,
            part.counterfactuals,
            np.asarray(part.target),
            float(np.mean(part.cost)),
            int((~np.asarray(answers.valid)).sum()),
        )

    def judged(self, model, after=None):
        """Whether a model accepts each answer, and each row as it was."""
        after = self.after if after is None else after
        return (
            np.asarray(model.predict(after)) == self.target,
            np.asarray(model.predict(self.before)) == self.target,
        )

    def counts(self):
        """Say what the answers cost and how many there are."""
        return {
            "cost": self.cost,
            "n": len(self.target),
            "n_infeasible": self.n_infeasible,
        }


def _jobs(estimator, X, y, kinds, new_data, models, n_models, seed):
    """(kind, (model, rows to train it on or None)) of every model."""
    rng = np.random.default_rng([seed, 5])
    jobs = []
    trained = [kind for kind in kinds if kind in KINDS]
    for kind in trained + (["new_data"] if new_data is not None else []):
        for _ in range(n_models):
            model = _again(estimator, int(rng.integers(2**31)))
            train = X, y
            if kind == "new_data":
                train = as_table(new_data[0]), np.asarray(new_data[1])
            elif kind == "bootstrap":
                rows = rng.integers(0, len(y), len(y))
                train = take_rows(X, rows), y[rows]
            jobs.append((kind, (model, train)))
    return jobs + [("models", (model, None)) for model in models or ()]


def _again(estimator, seed):
    """Unfitted copy with another seed; of a search, of what it chose."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    model = clone(estimator)
    parameters = model.get_params(deep=True)
    if any(isinstance(v, FrozenEstimator) for v in (model, *parameters.values())):
        raise ValueError(
            "recourse_survival cannot train a FrozenEstimator again: fit such models "
            "and give them as the 'models' parameter."
        )
    seeds = {n: seed for n in parameters if n.split("__")[-1] == "random_state"}
    return model.set_params(**seeds)


def _judged(model, train, asked):
    """Train a model, unless it is, and let it judge."""
    if train is not None:
        model.fit(*train)
    return [one.judged(model) for one in asked]


def _noisy(estimator, X, asked, noise, seed):
    """Let the estimator judge answers that are carried out inexactly."""
    rng, frame = np.random.default_rng(seed), as_pandas(X)
    spread = [
        float(frame.iloc[:, j].std()) if is_numeric(frame.iloc[:, j]) else 0.0
        for j in range(frame.shape[1])
    ]
    verdicts = []
    for one in asked:
        cells = as_pandas(one.after).copy()
        for j, deviation in enumerate(spread):
            column = cells.iloc[:, j]
            # What is 0 or 1 is a yes or no.
            if deviation and not frame.iloc[:, j].dropna().isin([0, 1]).all():
                moved = column.to_numpy(float) + noise * deviation * rng.normal(
                    size=len(column)
                )
                whole = column.dtype.kind in "iu"
                cells.isetitem(
                    j, moved.round().astype(column.dtype) if whole else moved
                )
        after = cells if isinstance(one.after, pd.DataFrame) else cells.to_numpy()
        if hasattr(one.after, "with_columns"):
            after = type(one.after)({c: cells[c].to_list() for c in cells})
            after = swapped(one.after, after, range(cells.shape[1]))
        verdicts.append(one.judged(estimator, after))
    return verdicts


def _measured(verdicts, confidence):
    """Survival of one kind, over rows and models."""
    accepted, unchanged = (np.array(v).T for v in zip(*verdicts, strict=True))
    needed = accepted[~unchanged]
    survival, low, high = interval_over_both(accepted, confidence)
    return {
        "survival": survival,
        "low": low,
        "high": high,
        "always": float(accepted.all(axis=1).mean()),
        "accepted_unchanged": float(unchanged.mean()),
        "survival_where_needed": float(needed.mean()) if len(needed) else np.nan,
        "n_models": accepted.shape[1],
    }


def interval_over_both(accepted, confidence):
    """Mean of a table whose rows and columns are both drawn, with its interval.

    Parameters
    ----------
    accepted : ndarray of bool of shape (n_rows, n_models)

    Returns
    -------
    mean, low, high : float
    """
    n, k = accepted.shape
    mean = float(accepted.mean())
    if mean in (0.0, 1.0) or n < 2 or k < 2:
        return mean, *wilson(accepted.any(axis=1).sum(), n, confidence)
    rows, models = accepted.mean(axis=1), accepted.mean(axis=0)
    left = accepted - rows[:, None] - models + mean
    rest = (left**2).sum() / ((n - 1) * (k - 1)) / (n * k)
    by_row, by_model = rows.var(ddof=1) / n, models.var(ddof=1) / k
    variance = max(by_row + by_model - rest, by_row, by_model)
    freedom = variance**2 / (by_row**2 / (n - 1) + by_model**2 / (k - 1))
    t = stats.t.ppf((1 + confidence) / 2, max(freedom, 1.0))
    width = float(t * np.sqrt(variance))
    return mean, max(mean - width, 0.0), min(mean + width, 1.0)


def _asking(estimator, X, target, n_samples, seed):
    """Rows to be explained."""
    rows = np.arange(len(as_pandas(X)))
    if target is not None:
        target_of(estimator, target, None, "recourse_survival")
        rows = np.flatnonzero(np.asarray(estimator.predict(X)) != target)
    if n_samples is not None and len(rows) > n_samples:
        rng = np.random.default_rng([seed, 3])
        rows = np.sort(rng.choice(rows, n_samples, replace=False))
    if not len(rows):
        raise NoAnswersError(
            "recourse_survival has no answers to judge: all rows of X are predicted as "
            f"{target!r}."
        )
    return take_rows(X, rows)


def _check(kinds, n_models, noise, new_data, models):
    own = {"new_data": new_data, "models": models, "noise": noise}
    known = {*KINDS, *(name for name, given in own.items() if given is not None)}
    if isinstance(kinds, str) or not known.issuperset(kinds):
        raise ValueError(
            "The 'kinds' parameter of recourse_survival must be a sequence of "
            f"{list(KINDS)}; new rows, models and noise have parameters of their own. "
            f"Got {kinds!r} instead."
        )
    if not isinstance(n_models, Integral) or n_models < 2:
        raise ValueError(
            "The 'n_models' parameter of recourse_survival must be an int of at least "
            f"2. Got {n_models!r} instead."
        )
    if noise is not None and (not isinstance(noise, Real) or not 0 < noise < np.inf):
        raise ValueError(
            "The 'noise' parameter of recourse_survival must be None or a finite "
            f"number greater than zero. Got {noise!r} instead."
        )
    if not len(kinds) and new_data is None and not models and noise is None:
        raise ValueError(
            "recourse_survival has no models: give 'kinds', 'new_data', 'models' or "
            "'noise'."
        )
