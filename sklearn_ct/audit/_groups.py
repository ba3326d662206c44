"""Who is asked for what: burden, cost and infeasible rows by group."""

from dataclasses import dataclass, replace
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from sklearn_ct.audit import _page, _sentences
from sklearn_ct.audit._advice import (
    advice_by_column,
    cheapest,
    explained,
    outcome,
    places,
    shares,
    spread,
    target_of,
)
from sklearn_ct.audit._features import (
    as_pandas,
    as_table,
    crossed,
    crossed_label,
    largest,
    read_groups,
)
from sklearn_ct.audit._measures import Settings, cap_of, compare, overall


@dataclass(frozen=True, eq=False, repr=False)
class RecourseAudit:
    """What each group is asked for, and how sure that is. Made by `audit_recourse`.

    Attributes
    ----------
    rows : DataFrame of shape (n, ...)
        A row each: the groups, ``rejected``, ``qualified`` (labelled as the target;
        with ``y``), ``infeasible``, ``fallback``, ``below_tau`` (weaker than was asked
        for), ``status``, ``cost`` (infinite where infeasible, NaN
        where not rejected), ``n_changes``, ``probability``.
    overall : Series
        The measures of all rows.
    by_group : DataFrame
        The measures, a row each group; index ``feature``, ``group``.
    intervals : DataFrame
        Long: ``feature``, ``group``, ``measure``, ``value``, ``low``, ``high``, ``n``.
    comparisons : DataFrame
        Long, each group with the reference: as `intervals`, with ``difference`` and
        ``ratio``, their ends (``..._low``, ``..._high``), ``p_value``, ``p_adjusted``
        and ``small``: too few rejected rows for a test.
    columns : DataFrame of shape (n_features, 2)
        ``asked``: share of all rejected rows asked to change a column; ``cost_share``:
        the column's share of what all answers cost.
    asked, cost_share : DataFrame of shape (n_groups, n_features)
        Share of a group's rejected rows asked to change a column (infeasible ones are
        asked for nothing), and the column's share of what the group's answers cost.
    target : label
        Class that is asked for.
    references : dict
        The reference group of each feature.
    cap, budget : float, float or None
        What a cost counts at most; what people are taken to afford.
    confidence, adjust, min_rejected, n_permutations
        As in `audit_recourse`; permutations as they were drawn.
    """

    rows: pd.DataFrame
    overall: pd.Series
    by_group: pd.DataFrame
    intervals: pd.DataFrame
    comparisons: pd.DataFrame
    columns: pd.DataFrame
    asked: pd.DataFrame
    cost_share: pd.DataFrame
    target: object
    references: dict
    cap: float
    budget: float | None
    confidence: float
    adjust: str | None
    min_rejected: int
    n_permutations: int

    def findings(self, alpha=0.05):
        """Comparisons whose adjusted p-value is below a level, the surest first.

        Parameters
        ----------
        alpha : float, default=0.05
            Under Holm's correction the chance that any of them is false, where none of
            the groups differ.

        Returns
        -------
        DataFrame
            Rows of `comparisons`.
        """
        found = self.comparisons[self.comparisons["p_adjusted"] < alpha]
        return found.sort_values("p_adjusted", kind="stable").reset_index(drop=True)

    def summary(self, alpha=0.05):
        """Say in plain sentences what was found, and what was not.

        Parameters
        ----------
        alpha : float, default=0.05
            As in `findings`.

        Returns
        -------
        str
        """
        return _sentences.of_audit(self, alpha)

    def to_html(self, path, *, proxies=None, survival=None):
        """Write a report: one file with its figures, for readers without Python.

        Parameters
        ----------
        path : str or path-like
            Where to write.
        proxies : ProxyReport, default=None
            Of `proxy_report`, to be shown as well.
        survival : DataFrame, default=None
            Of `recourse_survival`, to be shown as well.

        Raises
        ------
        ImportError
            Without matplotlib, the extra ``plot``.
        """
        _page.write(path, self, proxies, survival)

    def __repr__(self):
        n, rejected = (int(self.overall[c]) for c in ("n", "n_rejected"))
        features = ", ".join(map(str, self.references))
        return (
            f"<RecourseAudit of {n} rows by {features}: {rejected} rejected, "
            f"{len(self.findings())} findings in "
            f"{int(self.comparisons['p_value'].notna().sum())} tests>"
        )

    def _repr_html_(self):
        return _page.of_audit(self)


def audit_recourse(  # noqa: PLR0913 - public, flat for users
    estimator,
    X,
    y=None,
    *,
    sensitive_features,
    target=None,
    reference=None,
    control_features=None,
    intersections=False,
    budget=None,
    cap=None,
    confidence=0.95,
    n_bootstrap=1000,
    n_permutations="auto",
    adjust="holm",
    min_rejected=30,
    answers=None,
    random_state=None,
    n_jobs=None,
    **explain,
):
    r"""Measure what each group is asked for, every rejected row counted.

    Parameters
    ----------
    estimator : estimator
        Anything that `sklearn_ct.explain` takes.
    X : DataFrame or array-like of shape (n, n_features)
        Rows that the model decides on, best not those it was trained on.
    y : array-like of shape (n,), default=None
        Their true classes, for the measures of false negatives.
    sensitive_features : str, list of str, Series, DataFrame, dict or array-like
        Columns of ``X`` by name, or a value for each row, whatever the model sees.
    target : label, default=None
        Class that people want. None: 1 of 0 and 1, True, or what ``answers`` ask for.
    reference : label or dict, default=None
        Group that the others are compared with, for several features a dict
        ``{feature: label}``. None or ``"majority"``: the largest.
    control_features : as ``sensitive_features``, default=None
        Groups are compared within each of their groups.
    intersections : bool, default=False
        Whether to compare the intersections of all sensitive features as well; their
        tests are a family of their own.
    budget : float, default=None
        Cost that people are taken to afford, for ``beyond_budget``.
    cap : float, default=None
        What a cost counts at most in a mean; an infeasible row counts as much. None:
        the 95 % quantile of the costs of all answers.
    confidence : float, default=0.95
        Of the intervals.
    n_bootstrap : int, default=1000
        Samples for the interval of a mean.
    n_permutations : int or "auto", default="auto"
        Shuffled groups for a test of means; ``"auto"``: as many as the number of tests
        asks for, at least 1,999.
    adjust : {"holm", "bh"} or None, default="holm"
        Correction for the number of tests: no false finding, or a share of them.
    min_rejected : int, default=30
        Groups with fewer rejected rows, and those compared with one, are not tested.
    answers : Counterfactuals, default=None
        Answers made already, to all rows of ``X`` or to its rejected ones in order.
    random_state : int, RandomState instance or None, default=None
        Seed of bootstrap, shuffling and `explain`. None: the same in every call.
    n_jobs : int, default=None
        Processes, for explaining and for the statistics; it changes no number.
    **explain
        Options of `sklearn_ct.explain`: rules, ``tau``, ... Of several answers to a
        row the cheapest counts.

    Returns
    -------
    RecourseAudit

    Raises
    ------
    ValueError
        Where groups have missing values, there is a single group, a reference does not
        occur, labels are not those of the estimator, or an option is out of range.

    Notes
    -----
    With the cost :math:`c_i` of the answer to row :math:`i`, infinite where there is
    none, the rejected rows :math:`R` and the cap :math:`C`, of each group :math:`g`

    ``cost``
        :math:`\sum_{i \in R_g} \min(c_i, C) \, / \, |R_g|`, a restricted mean, as for
        times that are cut off [1]_;
    ``burden``
        :math:`\sum_{i \in R_g} \min(c_i, C) \, / \, n_g`, so that being rejected counts
        as well [2]_: the cost alone compares other people in each group;
    ``false_negative_burden``
        the burden of those with ``y = target`` [3]_;
    ``cost_median``
        the median of the costs, infinite ones included;
    ``beyond_budget``
        share of the rejected whose cost is above the budget;
    ``rejection_rate``, ``false_negative_rate``
        share of all rejected, and of ``y = target`` rejected;
    ``infeasible_rate``, ``fallback_rate``, ``below_tau_rate``
        share of the rejected without an answer, with a fallback, and with an answer
        that does not reach `tau`;
    ``n_changes``
        mean over the rejected that have an answer; described, not compared.

    Intervals: shares Wilson's, means bootstrap-t, none from fewer than five rows that
    have a cost; differences and ratios from both groups' intervals (for differences of
    shares that is Newcombe's). The cap counts as given. Tests: studentised
    permutation, for shares by its exact distribution. Costs are distances in the
    model's input space, not the effort of people.

    References
    ----------
    .. [1] P. Royston and M. K. B. Parmar, "Restricted Mean Survival Time", BMC Medical
       Research Methodology 13, 2013.
    .. [2] S. Sharma, J. Henderson and J. Ghosh, "CERTIFAI", AIES 2020,
       arXiv:1905.07857.
    .. [3] A. Kuratomi et al., "Measuring the Burden of (Un)fairness Using
       Counterfactuals", ECML PKDD Workshops 2022.

    Examples
    --------
    >>> from sklearn_ct import CounterfactualTrainedClassifier
    >>> from sklearn_ct.audit import audit_recourse
    >>> from sklearn_ct.datasets import make_loan_applications
    >>> X, y = make_loan_applications(400, random_state=0)
    >>> clf = CounterfactualTrainedClassifier(max_epochs=5, lr=0.01, random_state=0)
    >>> audit = audit_recourse(
    ...     clf.fit(X, y), X, y, sensitive_features="housing", target="approved"
    ... )
    >>> audit.by_group.index.get_level_values("group").tolist()
    ['rent', 'mortgage', 'own']
    """
    settings = Settings(
        confidence=confidence,
        n_bootstrap=n_bootstrap,
        n_permutations=n_permutations,
        adjust=adjust,
        min_rejected=min_rejected,
        budget=budget,
        cap=cap,
    )
    _check_options(settings)
    X = as_table(X)
    frame = as_pandas(X)
    if not len(frame):
        raise ValueError("The 'X' parameter of audit_recourse has no rows.")
    families, chosen = _families(sensitive_features, frame, reference, intersections)
    target = target_of(estimator, target, answers, "audit_recourse")
    qualified = _qualified(y, estimator, target, len(frame))
    control = None
    if control_features is not None:
        controls = read_groups(control_features, frame, "control_features")
        control = controls[0] if len(controls) == 1 else crossed(controls)
    seed = check_random_state(0 if random_state is None else random_state).randint(
        np.iinfo(np.int32).max
    )
    if answers is None:
        options = {"random_state": seed, "n_jobs": n_jobs} | explain
        answers, asked = explained(estimator, X, target, options)
    else:
        rejected = np.flatnonzero(np.asarray(estimator.predict(X)) != target)
        asked = places(answers, X, rejected, "audit_recourse")
    if answers is not None:
        answers = answers[cheapest(answers)]

    rows = outcome(answers, asked, len(frame)).set_index(frame.index)
    if qualified is not None:
        rows.insert(1, "qualified", qualified)
    if cap is None:
        settings = replace(settings, cap=cap_of(rows["cost"].to_numpy()))
    by_group, intervals, comparisons, n_permutations = compare(
        rows,
        families,
        chosen,
        settings,
        control=control,
        seed=seed,
        n_jobs=n_jobs,
    )
    every = [feature for family in families for feature in family]
    columns, asked_share, cost_share = _spread(
        estimator, answers, asked, rows, every, explain.get("feature_costs")
    )
    return RecourseAudit(
        rows=_with_groups(rows, families[0] + ([] if control is None else [control])),
        overall=overall(rows, settings),
        by_group=by_group,
        intervals=intervals,
        comparisons=comparisons,
        columns=columns,
        asked=asked_share,
        cost_share=cost_share,
        target=target,
        references={
            feature.name: feature.labels[k]
            for family, places_ in zip(families, chosen, strict=True)
            for feature, k in zip(family, places_, strict=True)
        },
        cap=settings.cap,
        budget=budget,
        confidence=confidence,
        adjust=adjust,
        min_rejected=min_rejected,
        n_permutations=n_permutations,
    )


def _spread(estimator, answers, asked, rows, features, feature_costs):
    """Columns asked for and their share of the cost, of all and by group."""
    if answers is None:
        changed = cost = pd.DataFrame(index=range(0))
    else:
        changed, cost = spread(estimator, answers, feature_costs)
    rejected = rows["rejected"].to_numpy()[asked]
    changed, cost = changed[rejected], cost[rejected]
    parts = [shares(changed, cost, f, f.codes[asked][rejected]) for f in features]
    by_group = (pd.concat(frames) for frames in zip(*parts, strict=True))
    return advice_by_column(changed, cost), *by_group


def _with_groups(rows, features):
    """Put the groups of each row in front of what became of it."""
    groups = {}
    for feature in features:
        name = feature.name
        while name in rows or name in groups:
            name = f"{name}_"
        groups[name] = feature.values()
    return pd.concat([pd.DataFrame(groups, index=rows.index), rows], axis=1)


def _families(sensitive_features, X, reference, intersections):
    """Features and their intersections, and the reference group of each."""
    features = read_groups(sensitive_features, X, "sensitive_features")
    for feature in features:
        if len(feature.labels) < 2:
            raise ValueError(
                f"The feature {feature.name!r} of the 'sensitive_features' parameter "
                f"has the one group {feature.labels[0]!r}: nothing to compare."
            )
    chosen = _references(reference, features)
    if not intersections:
        return [features], [chosen]
    if len(features) < 2:
        raise ValueError(
            "The 'intersections' parameter of audit_recourse needs two "
            "'sensitive_features' at least."
        )
    both = crossed(features)
    label = crossed_label(f.labels[k] for f, k in zip(features, chosen, strict=True))
    code = both.labels.index(label) if label in both.labels else largest(both)
    return [features, [both]], [chosen, [code]]


def _references(reference, features):
    """Find the number of the reference group of each feature."""
    labels = {f.name: f.labels for f in features}
    if isinstance(reference, dict):
        if unknown := [name for name in reference if name not in labels]:
            raise ValueError(
                f"The 'reference' parameter names the feature {unknown[0]!r}, which is "
                f"none of the 'sensitive_features': {list(labels)[:5]}."
            )
    elif reference is not None and len(features) == 1:
        reference = {features[0].name: reference}
    elif reference not in (None, "majority"):
        raise ValueError(
            "The 'reference' parameter must be a dict {feature: group} where there are "
            f"several features. Got {reference!r} instead."
        )
    chosen = []
    for feature in features:
        label = (reference or {}).get(feature.name) if reference != "majority" else None
        if label is None or (label == "majority" and label not in feature.labels):
            chosen.append(largest(feature))
        elif label in feature.labels:
            chosen.append(feature.labels.index(label))
        else:
            raise ValueError(
                f"The 'reference' parameter must be a group of {feature.name!r}: one "
                f"of {feature.labels[:5]}. Got {label!r}, which does not occur."
            )
    return chosen


def _qualified(y, estimator, target, n):
    """Who is labelled as the target, (n,)."""
    if y is None:
        return None
    y = np.asarray(y)
    if y.shape != (n,):
        raise ValueError(
            "The 'y' parameter of audit_recourse must have a label for each of the "
            f"{n} rows. Got shape {y.shape} instead."
        )
    classes = np.asarray(estimator.classes_).tolist()
    if unknown := [label for label in pd.unique(y).tolist() if label not in classes]:
        raise ValueError(
            f"The 'y' parameter of audit_recourse has the label {unknown[0]!r}, which "
            f"is no class of the estimator: {classes[:5]}."
        )
    return y == target


def _check_options(settings):
    def complain(name, must, value):
        raise ValueError(
            f"The {name!r} parameter of audit_recourse must be {must}. "
            f"Got {value!r} instead."
        )

    def whole(value, low):
        return (
            isinstance(value, Integral) and not isinstance(value, bool) and value >= low
        )

    if not isinstance(settings.confidence, Real) or not 0 < settings.confidence < 1:
        complain("confidence", "a float in the range (0, 1)", settings.confidence)
    for name, low in (("n_bootstrap", 100), ("min_rejected", 2)):
        if not whole(value := getattr(settings, name), low):
            complain(name, f"an int of at least {low}", value)
    if settings.n_permutations != "auto" and not whole(settings.n_permutations, 99):
        complain(
            "n_permutations", "'auto' or an int of at least 99", settings.n_permutations
        )
    if settings.adjust not in ("holm", "bh", None):
        complain("adjust", "'holm', 'bh' or None", settings.adjust)
    for name in ("budget", "cap"):
        value = getattr(settings, name)
        good = value is None or isinstance(value, Real) and 0 < value < np.inf
        if not good:
            complain(name, "None or a finite number greater than zero", value)
