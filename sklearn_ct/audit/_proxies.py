"""Through which columns protected features come back."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    KFold,
    StratifiedKFold,
    cross_val_predict,
    cross_validate,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import check_random_state

from sklearn_ct._tables.containers import take_rows
from sklearn_ct.audit import _page, _sentences
from sklearn_ct.audit._advice import (
    advice_by_column,
    cheapest,
    explained,
    spread,
    swapped,
    target_of,
)
from sklearn_ct.audit._features import (
    MAX_GROUPS,
    Groups,
    as_pandas,
    as_table,
    check_groups,
    is_numeric,
    largest,
    read_columns,
)
from sklearn_ct.audit._statistics import bootstrap_t, difference_interval, wilson

FOLDS = 5
TREES = 40
RARE = 2 * FOLDS  # groups with fewer rows are told together
MAX_CATEGORIES = 200  # a column with more is read as an order by the trees


@dataclass(frozen=True, eq=False, repr=False)
class ProxyReport:
    """How protected features come back through others. Made by `proxy_report`.

    Attributes
    ----------
    told : DataFrame
        A row each protected feature: how well all other columns together tell it, out
        of sample: ``measure`` ("auc" or "r2"), ``score``, ``low``, ``high``,
        ``chance``, ``above_chance`` (0: chance, 1: perfectly) and ``recourse_share``,
        the share of the cost of the advice in columns that tell it.
    carriers : DataFrame
        Long: ``protected``, ``column``, ``alone`` (above chance by this column alone),
        ``low``, ``high``, ``importance`` (what the score of all loses where the column
        is shuffled), ``asked`` and ``cost_share`` of the advice.
    gaps : DataFrame
        Long: ``model``, ``protected``, ``group``, ``reference``, ``part`` ("total",
        "direct", "through others"), ``value``, ``low``, ``high``: the difference in
        the share of rejected rows.
    threshold : float
        From where above chance a column counts as one that tells.
    confidence : float
        Of the intervals.
    """

    told: pd.DataFrame
    carriers: pd.DataFrame
    gaps: pd.DataFrame
    threshold: float
    confidence: float

    def summary(self):
        """Say in plain sentences what was found, and what was not.

        Returns
        -------
        str
        """
        return _sentences.of_proxies(self)

    def __repr__(self):
        parts = ", ".join(
            f"{name} {row['measure'].upper()} {row['score']:.2f}"
            for name, row in self.told.iterrows()
        )
        return f"<ProxyReport: {parts} from the other columns>"

    def _repr_html_(self):
        return _page.of_proxies(self)


def proxy_report(  # noqa: PLR0913 - public, flat for users
    X,
    protected,
    *,
    estimator=None,
    audit=None,
    twin=None,
    target=None,
    reference=None,
    threshold=0.1,
    confidence=0.95,
    n_samples=5000,
    n_draws=20,
    n_bootstrap=1000,
    random_state=None,
    n_jobs=None,
    **explain,
):
    r"""Report how well other columns tell the protected ones, and what runs through.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n, n_features)
        Rows.
    protected : str, list of str, Series, DataFrame, dict or array-like
        Columns of ``X`` by name, or a value for each row, numbers as well.
    estimator : estimator, default=None
        Anything that `sklearn_ct.explain` takes, for the gaps and the advice.
    audit : RecourseAudit, default=None
        Where given, its advice is counted; otherwise that to rejected rows of ``X``.
    twin : estimator, default=None
        Another model whose gaps stand beside those of the estimator.
    target : label, default=None
        Class that people want; as in `audit_recourse`.
    reference : dict, default=None
        ``{feature: group}`` that gaps are counted from. None: the largest.
    threshold : float, default=0.1
        From where above chance a column counts as one that tells.
    confidence : float, default=0.95
        Of the intervals.
    n_samples : int, default=5000
        Rows that the telling models and the advice are taken from at most.
    n_draws : int, default=20
        Times that the protected columns are replaced.
    n_bootstrap : int, default=1000
        Samples for the interval of a gap.
    random_state : int, RandomState instance or None, default=None
        Seed. None: the same in every call.
    n_jobs : int, default=None
        Processes; they change no number.
    **explain
        Options of `sklearn_ct.explain`, where there is no audit.

    Returns
    -------
    ProxyReport

    Raises
    ------
    ValueError
        Where a protected feature has missing values or a single value, or there is no
        other column.

    Notes
    -----
    Features are told by gradient boosting, and by each column alone with a tree, both
    by cross-validation: groups by the area under the ROC curve (the mean over groups,
    each against all others), with DeLong's variance [1]_; numbers with more than 20
    values by :math:`R^2`. Above chance is :math:`2 \, \mathrm{AUC} - 1`, or
    :math:`R^2`. The intervals are those of the rows, given the models.

    With :math:`r_i = 1` where row :math:`i` is rejected, and :math:`\tilde r_i` the
    mean of that over rows whose protected columns, all together, are other rows',

    .. math:: \underbrace{E_g[r] - E_h[r]}_{\text{total}} =
        \underbrace{E_g[r - \tilde r] - E_h[r - \tilde r]}_{\text{direct}} +
        \underbrace{E_g[\tilde r] - E_h[\tilde r]}_{\text{through others}} .

    A protected number is cut at its median for this. That a gap runs through other
    columns says nothing of whether it is just.

    References
    ----------
    .. [1] E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the Areas
       under Two or More Correlated Receiver Operating Characteristic Curves",
       Biometrics 44, 1988.

    Examples
    --------
    >>> from sklearn_ct.audit import proxy_report
    >>> from sklearn_ct.datasets import make_loan_applications
    >>> X, _ = make_loan_applications(400, random_state=0)
    >>> report = proxy_report(X, "age")
    >>> best = report.carriers.sort_values("alone").iloc[-1]
    >>> report.told.loc["age", "measure"], best["column"]
    ('r2', 'employment_years')
    """
    X = as_table(X)
    frame = as_pandas(X)
    columns = read_columns(protected, frame, "protected")
    others = [c for c in frame if c not in columns]
    if not others:
        raise ValueError("The 'protected' parameter leaves no other column in X.")
    for name, column in columns.items():
        if column.isna().any() or column.nunique() < 2:
            what = "missing values" if column.isna().any() else "a single value"
            raise ValueError(
                f"The feature {name!r} of the 'protected' parameter has {what}: "
                "there is nothing to tell."
            )
    seed = check_random_state(0 if random_state is None else random_state).randint(
        np.iinfo(np.int32).max
    )
    rows = np.arange(len(frame))
    if len(rows) > n_samples:
        rows = np.sort(np.random.default_rng(seed).choice(rows, n_samples, False))
    advice = None
    if audit is not None:
        advice = audit.columns
    elif estimator is not None:
        options = {"random_state": seed, "n_jobs": n_jobs} | explain
        advice = _advice(estimator, take_rows(X, rows), target, options)
    codes, categorical = _codes(frame[others].iloc[rows])
    told, carriers = {}, []
    for name, column in columns.items():
        values, task = _to_tell(column.iloc[rows])
        told[name] = task.tell(codes, categorical, values, confidence, seed, n_jobs)
        part = _alone(task, codes, others, values, confidence, seed, n_jobs)
        part["importance"] = told[name].pop("importance")
        part.insert(0, "protected", [name] * len(part))
        carriers.append(part)
    carriers = pd.concat(carriers, ignore_index=True)
    for measure in ("asked", "cost_share"):
        carriers[measure] = (
            np.nan if advice is None else carriers["column"].map(advice[measure])
        )
    told = pd.DataFrame(told.values(), index=pd.Index(list(told), name="protected"))
    share = carriers["cost_share"].where(carriers["alone"] >= threshold, 0.0)
    share = share.groupby(carriers["protected"], sort=False).sum(min_count=1)
    told["recourse_share"] = np.nan if advice is None else share.reindex(told.index)
    gaps = []
    for label, model in (("estimator", estimator), ("twin", twin)):
        if model is not None:
            wanted = target if audit is None else audit.target
            wanted = target_of(model, wanted, None, "proxy_report")
            rng = np.random.default_rng([seed, 1])
            share = rejected_with_others(
                *(model, X, list(frame.columns), columns, wanted, n_draws, rng)
            )
            gaps += [
                (label, *line)
                for line in gaps_of(
                    *share, columns, reference or {}, confidence, n_bootstrap, rng
                )
            ]
    names = ["model", "protected", "group", "reference", "part", "value", "low", "high"]
    return ProxyReport(
        told, carriers, pd.DataFrame(gaps, columns=names), threshold, confidence
    )


@dataclass(frozen=True)
class Task:
    """How a feature is told: the models, the folds, the score and its chance."""

    measure: str
    model: type
    tree: type
    folds: object
    method: str
    scoring: str
    chance: float

    def tell(self, codes, categorical, values, confidence, seed, n_jobs):
        """Score of all columns together, and what it loses without each."""
        model = self.model(
            max_iter=TREES, categorical_features=categorical, random_state=seed
        )
        fitted = cross_validate(
            model,
            codes,
            values,
            cv=self.folds(FOLDS, shuffle=True, random_state=seed),
            scoring=self.scoring,
            n_jobs=n_jobs,
            return_estimator=True,
            return_indices=True,
        )
        parts, lost = {}, []
        for one, test in zip(
            fitted["estimator"], fitted["indices"]["test"], strict=True
        ):
            parts |= zip(test, getattr(one, self.method)(codes[test]), strict=True)
            lost.append(
                permutation_importance(
                    one,
                    codes[test],
                    values[test],
                    scoring=self.scoring,
                    n_repeats=1,
                    random_state=seed,
                ).importances_mean
            )
        predicted = np.array([parts[i] for i in range(len(values))])
        score, low, high = self.score(values, predicted, confidence)
        return {
            "measure": self.measure,
            "score": score,
            "low": low,
            "high": high,
            "chance": self.chance,
            "above_chance": self.above(score),
            "importance": np.mean(lost, axis=0),
        }

    def above(self, score):
        """Score above chance, 1 at best."""
        return max((score - self.chance) / (1 - self.chance), 0.0)

    def score(self, values, predicted, confidence):
        """Score with its interval."""
        if self.measure == "r2":
            return r2_interval(values, predicted, confidence)
        return auc_interval(values, predicted, confidence)


GROUPS = Task(
    "auc",
    HistGradientBoostingClassifier,
    DecisionTreeClassifier,
    StratifiedKFold,
    "predict_proba",
    "roc_auc_ovr",
    0.5,
)
NUMBERS = Task(
    "r2",
    HistGradientBoostingRegressor,
    DecisionTreeRegressor,
    KFold,
    "predict",
    "r2",
    0.0,
)


def auc_interval(codes, scores, confidence):
    """Area under the ROC curve, the mean over groups, with DeLong's interval.

    Parameters
    ----------
    codes : ndarray of int of shape (n,)
    scores : ndarray of shape (n, n_groups)

    Returns
    -------
    value, low, high : float
        The ends are symmetric on the logit scale.
    """
    n, k = scores.shape
    areas, influence = [], np.zeros(n)
    for group in range(k - 1 if k == 2 else 0, k):
        of = codes == group
        ranks = stats.rankdata(scores[:, group])
        place = np.empty(n)
        for own in (of, ~of):
            within = ranks[own] - stats.rankdata(scores[own, group])
            place[own] = within / (n - own.sum())
        place[~of] = 1 - place[~of]
        areas.append(place[of].mean())
        weights = n / np.where(of, of.sum(), n - of.sum())
        influence += (place - areas[-1]) * weights
    value = float(np.mean(areas))
    error = np.sqrt(np.sum((influence / len(areas)) ** 2)) / n
    if not 0 < value < 1 or not error:
        return value, value, value
    z = stats.norm.ppf((1 + confidence) / 2) * error / (value * (1 - value))
    middle = np.log(value / (1 - value))
    low, high = 1 / (1 + np.exp(z - middle)), 1 / (1 + np.exp(-z - middle))
    return value, float(low), float(high)


def r2_interval(values, predicted, confidence):
    """Coefficient of determination with its interval, by the delta method."""
    n = len(values)
    errors, spread_ = (values - predicted) ** 2, (values - values.mean()) ** 2
    value = 1 - errors.mean() / spread_.mean()
    influence = (errors - (1 - value) * spread_) / spread_.mean()
    width = stats.norm.ppf((1 + confidence) / 2) * influence.std() / np.sqrt(n)
    return float(value), float(value - width), float(value + width)


def _alone(task, codes, names, values, confidence, seed, n_jobs):
    """How well each column alone tells the feature, a row each."""
    folds = task.folds(FOLDS, shuffle=True, random_state=seed)
    tree = task.tree(min_samples_leaf=max(len(values) // 100, 5), random_state=seed)
    lines = []
    for j, name in enumerate(names):
        column = np.nan_to_num(codes[:, [j]], nan=-1e9)
        predicted = cross_val_predict(
            tree, column, values, cv=folds, method=task.method, n_jobs=n_jobs
        )
        ends = task.score(values, predicted, confidence)
        lines.append([name, *map(task.above, ends)])
    return pd.DataFrame(lines, columns=["column", "alone", "low", "high"])


def _to_tell(column):
    """Target of the telling model and its task: groups as codes, or numbers."""
    if is_numeric(column) and column.nunique() > MAX_GROUPS:
        return column.to_numpy(dtype=float), NUMBERS
    codes = pd.factorize(column, sort=True)[0]
    counts = np.bincount(codes)
    rare = counts < RARE
    if rare.sum() and (~rare).sum() < 2 and counts[rare].sum() < RARE:
        raise ValueError(
            f"The feature {column.name!r} of the 'protected' parameter has no second "
            f"group of at least {RARE} rows: there is nothing to tell."
        )
    codes = np.where(rare[codes], codes.max() + 1, codes)
    return pd.factorize(codes, sort=True)[0], GROUPS


def _codes(frame):
    """Columns as numbers, and which of them are categories."""
    codes, categorical = np.empty(frame.shape), []
    for j in range(frame.shape[1]):
        column = frame.iloc[:, j]
        if is_numeric(column):
            codes[:, j] = column.astype(float)
            categorical.append(False)
        else:
            place, levels = pd.factorize(column, sort=True)
            codes[:, j] = np.where(place < 0, np.nan, place)
            categorical.append(len(levels) <= MAX_CATEGORIES)
    return codes, categorical


def _advice(estimator, X, target, options):
    """Share of the rows asked to change each column, and its share of the cost."""
    target = target_of(estimator, target, None, "proxy_report")
    answers, _ = explained(estimator, X, target, options)
    if answers is None:
        return None
    answers = answers[cheapest(answers)]
    return advice_by_column(*spread(estimator, answers, options.get("feature_costs")))


def rejected_with_others(model, X, names, columns, target, n_draws, rng):
    """Who is rejected, and in what share of draws with protected cells of others.

    Returns
    -------
    rejected, replaced : ndarray of bool, of float, of shape (n,)
    """
    rejected = np.asarray(model.predict(X)) != target
    positions = [names.index(name) for name in columns if name in names]
    if not positions:
        return rejected, rejected.astype(float)
    replaced = np.zeros(len(rejected))
    for _ in range(n_draws):
        others = take_rows(X, rng.permutation(len(rejected)))
        moved = swapped(X, others, positions)
        replaced += np.asarray(model.predict(moved)) != target
    return rejected, replaced / n_draws


def gaps_of(rejected, replaced, columns, reference, confidence, n_bootstrap, rng):
    """Rejection gap of each group: in total, direct, and through the others."""
    lines = []
    for name, column in columns.items():
        groups = _halves(name, column)
        first = _reference(reference, groups)
        parts = {"direct": rejected - replaced, "through others": replaced}
        measured = {
            (part, k): _mean(values[groups.codes == k], confidence, n_bootstrap, rng)
            for k in range(len(groups.labels))
            for part, values in parts.items()
        }
        for k in range(len(groups.labels)):
            own = rejected[groups.codes == k]
            ends = wilson(own.sum(), len(own), confidence)
            measured["total", k] = own.mean(), *ends
        for k, part in (
            (k, part)
            for k in range(len(groups.labels))
            if k != first
            for part in ("total", "direct", "through others")
        ):
            one, other = measured[part, k], measured[part, first]
            low, high = difference_interval(one, other)
            value = one[0] - other[0]
            key = name, groups.labels[k], groups.labels[first]
            lines.append((*key, part, value, low, high))
    return lines


def _halves(name, column):
    """Take the groups of a feature; a number of many values is cut at its median."""
    if not is_numeric(column) or column.nunique() <= MAX_GROUPS:
        return check_groups(name, column, "protected")
    middle = column.median()
    codes = (column.to_numpy() >= middle).astype(int)
    return Groups(name, [f"below {middle:g}", f"{middle:g} and above"], codes)


def _reference(reference, groups):
    label = reference.get(groups.name)
    if label is None:
        return largest(groups)
    if label not in groups.labels:
        raise ValueError(
            f"The 'reference' parameter must be a group of {groups.name!r}: one of "
            f"{groups.labels[:5]}. Got {label!r}, which does not occur."
        )
    return groups.labels.index(label)


def _mean(values, confidence, n_bootstrap, rng):
    return values.mean(), *bootstrap_t(values, confidence, n_bootstrap, rng)
