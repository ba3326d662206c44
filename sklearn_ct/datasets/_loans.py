"""Generated loan applications: a table with the faults of real ones, its truth known.

What decides is :func:`_score`; what can be is :func:`loan_application_is_possible`.
"""

from functools import cache
from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.utils import check_random_state

# The age at the end of education, level by level; and the first age to work at.
_EDUCATION = {"primary": 16, "secondary": 18, "bachelor": 21, "master": 23}
_WORKING_AGE = 16
# Points on the score.
_DEGREE = {"primary": 0.0, "secondary": 0.1, "bachelor": 0.25, "master": 0.35}
_HOUSING = {"rent": 0.0, "mortgage": 0.15, "own": 0.35}
_PURPOSE = {
    "car": 0.2,
    "home improvement": 0.2,
    "education": 0.0,
    "debt consolidation": -0.1,
    "business": -0.25,
}
# The lowest and highest value of every number.
_RANGES = {
    "age": (18, 75),
    "income": (6_000, np.inf),
    "debt": (0, np.inf),
    "savings": (0, np.inf),
    "employment_years": (0, 59),
    "dependents": (0, 6),
    "credit_lines": (0, 15),
    "late_payments": (0, 12),
    "loan_amount": (500, np.inf),
}
_COUNTS = ("age", "employment_years", "dependents", "credit_lines", "late_payments")
_CATEGORIES = {"education": _DEGREE, "housing": _HOUSING, "purpose": _PURPOSE}
# Share of group "B", and where each group lives. The best guess of the group from the
# district has an AUC of exactly 0.80 (likelihood ratios 1/5, 3/5, 5/3 and 5).
_SHARE_B = 0.3
_DISTRICTS = {
    "north": (0.50, 0.10),
    "east": (0.25, 0.15),
    "south": (0.15, 0.25),
    "west": (0.10, 0.50),
}


def _pick(rng, weights):
    """One column a row, drawn in proportion to the row's weights."""
    edges = np.cumsum(weights, axis=1)
    u = rng.uniform(size=(len(weights), 1)) * edges[:, -1:]
    return (u > edges[:, :-1]).sum(axis=1)


def _sample_columns(n, rng):
    """Draw the columns in causal order: each depends on those above it."""
    age = np.floor(18 + 58 * rng.beta(1.5, 2.3, size=n)).astype(np.int64)
    thrift = rng.standard_normal(n)  # not in the table: what ties savings to debt

    young = np.clip((45 - age) / 25, -1, 1)[:, None]  # later cohorts studied longer
    weights = np.exp(np.log([0.14, 0.41, 0.29, 0.16]) + young * [-0.5, 0.0, 0.2, 0.2])
    leaving = np.array(list(_EDUCATION.values()))
    level = _pick(rng, np.where(age[:, None] >= leaving, weights, 0.0))

    # Some have worked beside their studies; some never have.
    start = np.where(rng.uniform(size=n) < 0.12, _WORKING_AGE, leaving[level])
    worked = np.floor((age - start + 1) * rng.beta(3.0, 1.1, size=n))
    worked = np.where(rng.uniform(size=n) < 0.07, 0, np.minimum(worked, age - start))
    employment_years = worked.astype(np.int64)

    earned = np.minimum(employment_years, 40)
    income = np.exp(
        np.log(18_500)
        + 0.19 * level
        + 0.042 * earned
        - 0.00065 * earned**2
        + rng.normal(scale=0.4, size=n)
    )
    # A few earn by other rules: a Pareto tail of index 2.5.
    income *= np.where(rng.uniform(size=n) < 0.05, 1 + rng.pareto(2.5, size=n), 1.0)
    income = np.maximum(np.round(income, -2), 6_000).astype(np.int64)
    ease = np.log(income / 35_000)
    older = (age - 40) / 15

    dependents = rng.poisson(1.8 * np.exp(-(((age - 41) / 13) ** 2))).clip(max=6)
    dependents = np.where(rng.uniform(size=n) < 0.25, 0, dependents)

    credit_lines = 1 + rng.poisson(2.6 * np.exp(0.3 * ease + 0.1 * older)).clip(max=14)
    credit_lines[rng.uniform(size=n) < expit(-2.6 - 0.8 * older - 0.5 * ease)] = 0

    owed = income**0.8 * 35_000**0.2 * 0.22
    owed *= rng.lognormal(0.15 * (credit_lines - 3) - 0.4 * thrift, 1.0)
    free = (credit_lines == 0) | (rng.uniform(size=n) < expit(-1.2 + 0.6 * thrift))
    debt = np.where(free, 0.0, np.round(owed, 2))

    saved = income * 0.16 * rng.lognormal(0.3 * older + 0.4 * ease + 0.5 * thrift, 1.2)
    empty = rng.uniform(size=n) < expit(-1.3 - 0.9 * ease - 0.3 * older - 0.6 * thrift)
    savings = np.where(empty, 0, saved).astype(np.int64)

    strain = np.log1p(debt / income) - 0.08 * np.log1p(savings / 1_000)
    rate = np.exp(-0.9 + 1.3 * strain + 0.08 * credit_lines - 0.5 * thrift)
    late_payments = rng.poisson(rate * rng.gamma(0.8, 1 / 0.8, size=n)).clip(max=12)
    late_payments = np.where(credit_lines == 0, 0, late_payments)

    rent = 0.6 - 0.7 * older - 0.6 * ease
    mortgage = 0.2 + 0.9 * ease - 0.5 * older**2
    own = -0.5 + older + 0.5 * ease + 0.1 * np.log1p(savings / 1_000)
    housing = _pick(rng, np.exp(np.column_stack([rent, mortgage, own])))

    weights = np.tile([0.3, 0.18, 0.1, 0.0, 0.13], (n, 1))
    weights[:, 1] *= np.array([0.4, 1.3, 1.5])[housing]
    weights[:, 2] *= np.exp(-older)
    weights[:, 3] = np.where(debt >= 1_000, 0.15 + 0.8 * debt / (debt + income), 0.0)
    purpose = _pick(rng, weights)
    share = np.array([0.28, 0.30, 0.22, 0.50, 0.50])[purpose]  # of a year's income
    loan = income**0.85 * 35_000**0.15 * share * rng.lognormal(0.0, 0.6, size=n)
    loan = np.where(purpose == 3, np.minimum(loan, np.floor(debt / 100) * 100), loan)
    loan_amount = np.maximum(np.round(loan, -2), 500).astype(np.int64)

    def labels(codes, levels, ordered=False):
        return pd.Categorical.from_codes(codes, list(levels), ordered=ordered)

    return pd.DataFrame(
        {
            "age": age,
            "income": income,
            "debt": debt,
            "savings": savings,
            "employment_years": employment_years,
            "education": labels(level, _EDUCATION, ordered=True),
            "housing": labels(housing, _HOUSING),
            "dependents": dependents,
            "credit_lines": credit_lines,
            "late_payments": late_payments,
            "purpose": labels(purpose, _PURPOSE),
            "loan_amount": loan_amount,
        }
    )


def _add_group(X, rng):
    """Append the protected column, independent of all others, and its proxy."""
    of_b = rng.uniform(size=len(X)) < _SHARE_B
    shares = np.array(list(_DISTRICTS.values())).T
    X["group"] = pd.Categorical.from_codes(of_b.astype(int), ["A", "B"])
    homes = _pick(rng, shares[of_b.astype(int)])
    X["district"] = pd.Categorical.from_codes(homes, list(_DISTRICTS))


def _check(value, name, caller, *, low=-np.inf, integral=False):
    """Refuse what is no finite number, or less than `low`."""
    kind = Integral if integral else Real
    if not isinstance(value, kind) or not low <= value < np.inf or value == -np.inf:
        least = f" of at least {low}" if np.isfinite(low) else ""
        raise ValueError(
            f"The {name!r} parameter of {caller} must be "
            f"{'an int' if integral else 'a finite number'}{least}. "
            f"Got {value!r} instead."
        )


def _check_process(noise, approval_rate, group_effect, caller):
    _check(noise, "noise", caller, low=0)
    if not isinstance(approval_rate, Real) or not 0 < approval_rate < 1:
        raise ValueError(
            f"The 'approval_rate' parameter of {caller} must be a number above 0 and "
            f"below 1. Got {approval_rate!r} instead."
        )
    if group_effect is None:
        return
    _check(group_effect, "group_effect", caller)
    if group_effect and not noise:
        raise ValueError(
            f"The 'group_effect' parameter of {caller} is in log odds, which are "
            f"infinite at noise=0. Got {group_effect!r}; raise 'noise' or give 0."
        )


def _require(X, columns, caller):
    missing = [c for c in columns if c not in getattr(X, "columns", ())]
    if missing:
        raise ValueError(
            f"The 'X' parameter of {caller} must be a DataFrame with the columns of "
            f"make_loan_applications. Missing: {', '.join(missing[:5])}."
        )


def _codes(X, column, levels):
    """Places of the values among the levels, -1 for what is none of them."""
    values = pd.Categorical(X[column])
    places = pd.Index(list(levels)).get_indexer(values.categories)
    return np.append(places, -1)[values.codes]


def _known(X, column, levels):
    codes = _codes(X, column, levels)
    if (codes < 0).any():
        raise ValueError(
            f"The column {column!r} must hold one of {', '.join(map(repr, levels))}. "
            f"Got {np.asarray(X[column], dtype=object)[codes < 0][0]!r} instead."
        )
    return codes


def _score(X):
    """Points of applications, before they are moved to the rate that is asked for."""
    number, points, level = {}, 0.0, {}
    for column, (low, _) in _RANGES.items():
        if column == "age":
            continue
        values = np.asarray(X[column], dtype=float)
        if not np.isfinite(values).all():
            raise ValueError(f"The column {column!r} must hold finite numbers only.")
        # Counterfactuals may leave the support: keep ratios and logarithms defined.
        number[column] = np.maximum(values, low)
    for column, worth in _CATEGORIES.items():
        codes = _known(X, column, worth)
        level[column] = np.array(list(worth))[codes]
        points += np.array(list(worth.values()))[codes]
    income, debt, savings, years, dependents, lines, late, loan = number.values()

    head = income / (1 + 0.35 * dependents)
    # What is consolidated is owed already: a fifth of it counts as new.
    consolidated = level["purpose"] == "debt consolidation"
    burden = (debt + loan - 0.8 * consolidated * np.minimum(debt, loan)) / income
    strained = burden > 0.8
    covered = savings >= 0.5 * loan
    schooled = np.isin(level["education"], ["bachelor", "master"])
    return (
        points
        + 0.5 * np.log(head / 25_000)
        - 0.7 * (head < 16_000)
        - 0.8 * np.log1p(burden)
        - strained * np.where(level["housing"] == "rent", 1.2, 0.4)
        + 0.3 * np.tanh(savings / loan)
        + 0.5 * covered
        - (late >= 1) * np.where(covered, 0.2, 0.8)
        - (late >= 3) * np.where(strained, 1.4, 0.7)
        - 0.05 * late
        + 0.3 * (1 - np.exp(-years / 5))
        - 0.9 * ((years < 2) & ~schooled)
        - 0.9 * ((years < 5) & (level["purpose"] == "business"))
        - 0.04 * np.minimum((lines - 4) ** 2, 36)
    )


@cache
def _population():
    """Scores of applications that stand for all of them."""
    return _score(_sample_columns(20_000, check_random_state(0)))


@cache
def _offset(noise, approval_rate, group_effect):
    """Points to add so that the share approved, of all applications, is as asked."""
    score = _population()
    if not noise:
        return -np.quantile(score, 1 - approval_rate)

    def excess(offset):
        odds = (score + offset) / noise
        shares = [1 - _SHARE_B, _SHARE_B] @ expit([odds, odds + group_effect]).mean(1)
        return shares - approval_rate

    # Where the best score, and where the worst, has the rate: the root lies between.
    low = noise * (logit(approval_rate) - max(group_effect, 0)) - score.max()
    high = noise * (logit(approval_rate) - min(group_effect, 0)) - score.min()
    return brentq(excess, low, high)


def loan_approval_probability(X, *, noise=0.5, approval_rate=0.5, group_effect=None):
    """Give the true probability that loan applications are approved.

    The rule behind the labels of :func:`make_loan_applications`. It is defined for any
    application, so it also judges counterfactuals: how likely the approval that they
    promise really is.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_columns)
        Applications with the columns of :func:`make_loan_applications`, in its units
        and in any order; `age`, `district` and further columns are not read, `group`
        only where it has an effect.
    noise, approval_rate, group_effect
        The values given to :func:`make_loan_applications`; ``noise=0`` gives 0.0 and
        1.0 only.

    Returns
    -------
    probability : ndarray of shape (n_samples,)
        Probability of "approved", between 0 and 1.

    Raises
    ------
    ValueError
        If a column is missing, a number is not finite, a category is unknown or a
        parameter is out of range.

    Notes
    -----
    The log odds of approval are ``(score + c) / noise``, plus `group_effect` for group
    "B"; `c` makes the expected share of approvals `approval_rate`. Everything else
    equal, the score depends on

    ==================  ==========================================================
    column              effect on the score
    ==================  ==========================================================
    age                 none: it acts through the other columns alone
    income              up, with the logarithm of income per head, that is
                        ``income / (1 + 0.35 * dependents)``; a step up at 16,000 of
                        it; it also lightens the burden
    dependents          down: less income per head
    debt, loan_amount   down, with the burden ``(debt + loan_amount) / income``; a step
                        down above 0.8, three times as high for tenants
    savings             up, levels off; a step up where they cover half of the loan
    employment_years    up, levels off; a step up at 2 years, but for bachelor and
                        master, and at 5 years for the purpose business
    education           up, a little a level
    housing             rent < mortgage < own
    credit_lines        up to 4 lines, down beyond, flat from 10 on
    late_payments       down; a step at the first, four times as high where savings do
                        not cover half of the loan, and at the third, twice as high
                        where the burden is above 0.8
    purpose             business < debt consolidation < education < car and
                        home improvement; of a loan that replaces debt, only a fifth
                        adds to the burden
    ==================  ==========================================================

    Examples
    --------
    >>> from sklearn_ct.datasets import make_loan_applications
    >>> from sklearn_ct.datasets import loan_approval_probability
    >>> X, y = make_loan_applications(500, random_state=0)
    >>> better = X.assign(late_payments=0, income=X["income"] + 5000)
    >>> bool((loan_approval_probability(better) > loan_approval_probability(X)).all())
    True
    """
    caller = "loan_approval_probability"
    _check_process(noise, approval_rate, group_effect, caller)
    effect = float(group_effect or 0)
    columns = [c for c in _RANGES if c != "age"] + list(_CATEGORIES)
    _require(X, columns + ["group"] * bool(effect), caller)
    score = _score(X) + _offset(float(noise), float(approval_rate), effect)
    if not noise:
        return (score > 0).astype(float)
    return expit(score / noise + (effect * _known(X, "group", "AB") if effect else 0.0))


def loan_application_is_possible(X):
    """Tell which loan applications could exist, whatever their chances.

    The rules that every row of :func:`make_loan_applications` keeps. Advice that breaks
    one cannot be followed.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_columns)
        Applications with the columns of :func:`make_loan_applications`, in any order;
        further columns are not read.

    Returns
    -------
    possible : ndarray of shape (n_samples,), dtype bool
        False where a rule is broken, a value is missing or a category is unknown.

    Raises
    ------
    ValueError
        If a column is missing or holds text in place of numbers.

    Notes
    -----
    The rules:

    * every number lies in the range that :func:`make_loan_applications` states; age,
      years, dependents, lines and late payments are whole;
    * ``employment_years <= age - 16``: nobody has started to work before 16;
    * `age` is at least 16, 18, 21 or 23, by level of education;
    * without a credit line there is neither debt nor a late payment;
    * what "debt consolidation" borrows is owed: ``loan_amount <= debt``.

    Examples
    --------
    >>> from sklearn_ct.datasets import loan_application_is_possible
    >>> from sklearn_ct.datasets import make_loan_applications
    >>> X, y = make_loan_applications(500, random_state=0)
    >>> bool(loan_application_is_possible(X).all())
    True
    >>> bool(loan_application_is_possible(X.assign(employment_years=X["age"])).any())
    False
    """
    _require(X, [*_RANGES, *_CATEGORIES], "loan_application_is_possible")
    number = {c: pd.to_numeric(X[c]).to_numpy(dtype=float) for c in _RANGES}
    possible = np.ones(len(X), dtype=bool)
    for column, (low, high) in _RANGES.items():
        possible &= (number[column] >= low) & (number[column] <= high)
    for column in _COUNTS:
        possible &= number[column] % 1 == 0
    for column, levels in _CATEGORIES.items():
        possible &= _codes(X, column, levels) >= 0
    leaving = np.array(list(_EDUCATION.values()))[_codes(X, "education", _EDUCATION)]
    purpose = _codes(X, "purpose", _PURPOSE)
    replaces_debt = purpose == list(_PURPOSE).index("debt consolidation")
    unused = number["credit_lines"] == 0
    return (
        possible
        & (number["age"] >= leaving)
        & (number["employment_years"] <= number["age"] - _WORKING_AGE)
        & ~(unused & (number["debt"] + number["late_payments"] > 0))
        & ~(replaces_debt & (number["loan_amount"] > number["debt"]))
    )


def make_loan_applications(
    n_samples=1000,
    *,
    noise=0.5,
    approval_rate=0.5,
    group_effect=None,
    random_state=None,
    return_probability=False,
):
    """Generate loan applications of mixed types from a known process.

    A table as lenders have them: heavy tails, columns with many zeros, columns that
    depend on each other, and a decision with thresholds and interactions. The process
    is invented; amounts are in one unnamed currency.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of applications, at least 2.
    noise : float, default=0.5
        How far luck decides: the score is divided by it before it becomes a
        probability. 0: the label follows from the columns. It changes labels only.
    approval_rate : float, default=0.5
        Expected share of approvals, above 0 and below 1. It changes labels only.
    group_effect : float or None, default=None
        What being of group "B" adds to the log odds of approval, everything else
        equal: below 0 it harms. A number, 0 as well, appends the columns `group` and
        `district`; the other columns stay as they are without.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same applications at every call.
    return_probability : bool, default=False
        Whether to also return the true probability of approval.

    Returns
    -------
    X : DataFrame of shape (n_samples, 12) or (n_samples, 14)
        ==================  ========  ================================================
        column              dtype     unit or levels
        ==================  ========  ================================================
        age                 int       years, 18 to 75
        income              int       a year, at least 6000, heavy right tail
        debt                float     amount owed, two decimals, a mortgage left out;
                                      a third of the rows has none
        savings             int       amount; a quarter of the rows has none
        employment_years    int       years worked so far, 0 to 59
        education           ordered   primary < secondary < bachelor < master
        housing             category  rent, mortgage, own
        dependents          int       people, 0 to 6, mostly 0
        credit_lines        int       open lines, 0 to 15
        late_payments       int       in the last five years, 0 to 12, mostly 0
        purpose             category  car, home improvement, education,
                                      debt consolidation, business
        loan_amount         int       amount applied for, at least 500
        group               category  A, B; only with `group_effect`
        district            category  north, east, south, west; with `group_effect`
        ==================  ========  ================================================
    y : Series of shape (n_samples,)
        "approved" or "rejected", dtype object, drawn with the true probability (see
        :func:`loan_approval_probability`).
    probability : ndarray of shape (n_samples,)
        True probability of "approved"; only if `return_probability` is True.

    Raises
    ------
    ValueError
        If a parameter is out of range, or `group_effect` is not 0 where `noise` is.

    See Also
    --------
    loan_approval_probability : The true probability, also of counterfactuals.
    loan_application_is_possible : The rules that every row keeps.

    Notes
    -----
    Columns are drawn one after another: education given age; years of work given both;
    income (log-normal with a Pareto tail) given education and work; dependents given
    age; credit lines given age and income; debt, savings, late payments, housing,
    purpose and the loan given those before them and a thrift that the table does not
    show. Age has no direct effect on the decision, but it has one through them.

    `group` is "B" in 30 % of the rows and independent of all columns but its proxy,
    the district:

    =======  =====  ====  =====  ====
    group    north  east  south  west
    =======  =====  ====  =====  ====
    A        50 %   25 %  15 %   10 %
    B        10 %   15 %  25 %   50 %
    =======  =====  ====  =====  ====

    So the district tells the group with an AUC of exactly 0.80. It has no effect of its
    own: a model that is not shown the group brings back through it what it can.

    Sensible constraints on explanations: `age`, `education` and `employment_years` may
    only increase, `dependents` and `purpose` are not to be changed.

    Examples
    --------
    >>> from sklearn_ct.datasets import make_loan_applications
    >>> X, y = make_loan_applications(200, random_state=0)
    >>> X.shape, sorted(y.unique())
    ((200, 12), ['approved', 'rejected'])
    """
    caller = "make_loan_applications"
    _check(n_samples, "n_samples", caller, low=2, integral=True)
    _check_process(noise, approval_rate, group_effect, caller)
    rng = check_random_state(random_state)
    X = _sample_columns(n_samples, rng)
    luck = rng.uniform(size=n_samples)
    if group_effect is not None:
        _add_group(X, rng)  # drawn last: what else is drawn stays as it is without
    probability = loan_approval_probability(
        X, noise=noise, approval_rate=approval_rate, group_effect=group_effect
    )
    y = np.where(luck < probability, "approved", "rejected")
    y = pd.Series(y.astype(object), name="decision", dtype=object)
    return (X, y, probability) if return_probability else (X, y)
