"""Generated data: loan applications with a known process, and the paper's sets."""

from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn import datasets as sk_datasets
from sklearn.utils import check_random_state

# The leaving age bounds employment_years: nobody worked before they left school.
_EDUCATION = {"primary": 16, "secondary": 18, "bachelor": 21, "master": 23}
# Points on the score.
_DEGREE = {"primary": 0.0, "secondary": 0.2, "bachelor": 0.4, "master": 0.6}
_HOUSING = {"rent": -0.3, "mortgage": 0.1, "own": 0.4}
_PURPOSE = {
    "car": 0.3,
    "home improvement": 0.3,
    "education": 0.0,
    "debt consolidation": -0.4,
    "business": -0.6,
}
# The columns that the score reads, with the lowest value it tells apart.
_NUMBERS = {"income": 1_000, "debt": 0, "savings": 0, "employment_years": 0}
_NUMBERS |= {"dependents": 0, "credit_lines": 0, "late_payments": 0, "loan_amount": 500}
# Two centres 4 * sqrt(2) apart: with sd 2 the Bayes accuracy is Phi(sqrt(2)) = 0.921,
# with sd 0.5 it is one up to 1e-8.
_CENTRES = np.array([[-2.0, -2.0], [2.0, 2.0]])


def _check(value, name, caller, *, integral=False):
    """Refuse what is no finite size (at least 2) or amount (at least 0)."""
    kind, low = (Integral, 2) if integral else (Real, 0)
    if not isinstance(value, kind) or not low <= value < np.inf:
        raise ValueError(
            f"The {name!r} parameter of {caller} must be "
            f"{'an int' if integral else 'a finite number'} of at least {low}. "
            f"Got {value!r} instead."
        )


def _pick(rng, weights):
    """One column a row, drawn in proportion to the row's weights."""
    edges = np.cumsum(weights, axis=1)
    u = rng.uniform(size=(len(weights), 1)) * edges[:, -1:]
    return (u > edges[:, :-1]).sum(axis=1)


def _sample_columns(n, rng):
    """Draw the columns in causal order: each depends on those above it."""
    age = np.floor(18 + 58 * rng.beta(1.5, 2.3, size=n)).astype(np.int64)

    young = np.clip((45 - age) / 25, -1, 1)[:, None]  # later cohorts studied longer
    weights = np.exp(np.log([0.14, 0.41, 0.29, 0.16]) + young * [-0.5, 0.0, 0.2, 0.2])
    leaving = np.array(list(_EDUCATION.values()))
    level = _pick(rng, np.where(age[:, None] >= leaving, weights, 0.0))
    education = pd.Categorical.from_codes(level, list(_EDUCATION), ordered=True)

    worked = np.floor((age - leaving[level] + 1) * rng.beta(3.0, 1.1, size=n))
    employment_years = np.where(rng.uniform(size=n) < 0.06, 0, worked).astype(np.int64)

    earned = np.minimum(employment_years, 40)
    income = np.exp(
        np.log(19_500)
        + 0.19 * level
        + 0.042 * earned
        - 0.00065 * earned**2
        + rng.normal(scale=0.36, size=n)
    )
    income = np.maximum(np.round(income, -2), 6_000).astype(np.int64)
    ease = np.log(income / 35_000)

    dependents = rng.poisson(1.3 * np.exp(-(((age - 41) / 13) ** 2))).clip(max=6)

    older = (age - 40) / 15
    rent = 0.6 - 0.7 * older - 0.6 * ease
    mortgage = 0.2 + 0.9 * ease - 0.5 * older**2
    own = -0.5 + older + 0.5 * ease
    housing = _pick(rng, np.exp(np.column_stack([rent, mortgage, own])))

    purpose = _pick(rng, np.tile([0.3, 0.22, 0.1, 0.25, 0.13], (n, 1)))
    share = np.array([0.30, 0.35, 0.25, 0.35, 0.55])[purpose]  # of a year's income
    loan = income**0.85 * 35_000**0.15 * share * rng.lognormal(0.0, 0.45, size=n)
    loan_amount = np.maximum(np.round(loan, -2), 500).astype(np.int64)

    savings = income * 0.22 * rng.lognormal(0.02 * (age - 40) + 0.4 * ease, 0.9)
    savings = np.where(rng.uniform(size=n) < 0.08, 0, savings).astype(np.int64)

    credit_lines = 1 + rng.poisson(2.4 * np.exp(0.35 * ease + 0.1 * older)).clip(max=14)

    owed = income * 0.20 * rng.lognormal(0.13 * (credit_lines - 3), 0.8)
    owed = np.where(purpose == 3, 1.7 * owed, owed)
    free = (rng.uniform(size=n) < 0.1) & (purpose != 3)
    debt = np.where(free, 0.0, np.round(owed, 2))

    strain = np.log1p(debt / income) - 0.25 * np.log1p(savings / 1_000)
    rate = np.exp(-0.1 + 1.6 * strain + 0.08 * credit_lines)
    late_payments = rng.poisson(rate * rng.gamma(1.2, 1 / 1.2, size=n)).clip(max=12)

    return pd.DataFrame(
        {
            "age": age,
            "income": income,
            "debt": debt,
            "savings": savings,
            "employment_years": employment_years,
            "education": education,
            "housing": pd.Categorical.from_codes(housing, list(_HOUSING)),
            "dependents": dependents,
            "credit_lines": credit_lines,
            "late_payments": late_payments,
            "purpose": pd.Categorical.from_codes(purpose, list(_PURPOSE)),
            "loan_amount": loan_amount,
        }
    )


def _points(X, column, points):
    values = np.asarray(X[column], dtype=object)
    codes = pd.Index(list(points)).get_indexer(values)
    if (codes < 0).any():
        raise ValueError(
            f"The column {column!r} must hold one of {', '.join(map(repr, points))}. "
            f"Got {values[codes < 0][0]!r} instead."
        )
    return np.array(list(points.values()))[codes]


def loan_approval_probability(X, *, noise=0.5):
    """Give the true probability that loan applications are approved.

    The rule behind the labels of :func:`make_loan_applications`. It is defined for any
    application, so it also judges counterfactuals: how likely the approval that they
    promise really is.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_columns)
        Applications with the columns of :func:`make_loan_applications`, in its units
        and in any order; `age` and further columns are not read.
    noise : float, default=0.5
        The value given to :func:`make_loan_applications`; 0 gives 0.0 and 1.0 only.

    Returns
    -------
    probability : ndarray of shape (n_samples,)
        Probability of "approved", between 0 and 1.

    Raises
    ------
    ValueError
        If a column is missing, a number is not finite or a category is unknown.

    Notes
    -----
    The probability is ``1 / (1 + exp(-score / noise))``. Everything else equal, the
    score depends on

    ==================  ==========================================================
    column              effect on the score
    ==================  ==========================================================
    age                 none: it acts through the other columns alone
    income              up, with its logarithm; it also lightens debt and the loan
    debt                down, with the ratio of debt to income
    savings             up, with the ratio to the loan, which levels off
    employment_years    up, levels off after about ten years
    education           up, a little a level
    housing             rent < mortgage < own
    dependents          down, less so for larger incomes
    credit_lines        up to 4 lines, down beyond
    late_payments       down, each further one less than the one before
    purpose             business < debt consolidation < education < car and
                        home improvement
    loan_amount         down, with the ratio of the loan to income
    ==================  ==========================================================

    Examples
    --------
    >>> from sklearn_ct.datasets import make_loan_applications
    >>> from sklearn_ct.datasets import loan_approval_probability
    >>> X, y = make_loan_applications(500, random_state=0)
    >>> better = X.assign(late_payments=0, savings=X["savings"] + 5000)
    >>> bool((loan_approval_probability(better) > loan_approval_probability(X)).all())
    True
    """
    _check(noise, "noise", "loan_approval_probability")
    needed = [*_NUMBERS, "education", "housing", "purpose"]
    missing = [c for c in needed if c not in getattr(X, "columns", ())]
    if missing:
        raise ValueError(
            "The 'X' parameter of loan_approval_probability must be a DataFrame with "
            f"the columns of make_loan_applications. Missing: {', '.join(missing[:5])}."
        )
    number = {c: np.asarray(X[c], dtype=float) for c in _NUMBERS}
    for column, values in number.items():
        if not np.isfinite(values).all():
            raise ValueError(f"The column {column!r} must hold finite numbers only.")
        # Counterfactuals may leave the support: keep ratios and logarithms defined.
        number[column] = np.maximum(values, _NUMBERS[column])
    income, loan = number["income"], number["loan_amount"]
    score = (
        1.05
        + 1.6 * np.log(income / 35_000)
        - 4.0 * np.log1p(number["debt"] / income)
        - 3.0 * np.log1p(loan / income)
        + 1.5 * np.tanh(number["savings"] / loan)
        + 1.2 * (1 - np.exp(-number["employment_years"] / 5))
        + _points(X, "education", _DEGREE)
        + _points(X, "housing", _HOUSING)
        - 0.5 * number["dependents"] * 35_000 / (income + 35_000)
        - 0.06 * (np.minimum(number["credit_lines"], 15) - 4) ** 2
        - 1.9 * np.log1p(number["late_payments"])
        + _points(X, "purpose", _PURPOSE)
    )
    return expit(score / noise) if noise else (score > 0).astype(float)


def make_loan_applications(
    n_samples=1000, *, noise=0.5, random_state=None, return_probability=False
):
    """Generate loan applications of mixed types from a known process.

    About half of the applications are rejected. The process is invented; amounts are
    in one unnamed currency.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of applications, at least 2.
    noise : float, default=0.5
        How far luck decides: the score is divided by it before it becomes a
        probability. 0: the label follows from the columns. It changes labels only.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same applications at every call.
    return_probability : bool, default=False
        Whether to also return the true probability of approval.

    Returns
    -------
    X : DataFrame of shape (n_samples, 12)
        ==================  ========  ================================================
        column              dtype     unit or levels
        ==================  ========  ================================================
        age                 int       years, 18 to 75
        income              int       a year, at least 6000, heavy right tail
        debt                float     amount owed, two decimals, a mortgage left out
        savings             int       amount
        employment_years    int       years worked so far
        education           ordered   primary < secondary < bachelor < master
        housing             category  rent, mortgage, own
        dependents          int       people, 0 to 6
        credit_lines        int       open lines, 1 to 15
        late_payments       int       in the last five years, 0 to 12
        purpose             category  car, home improvement, education,
                                      debt consolidation, business
        loan_amount         int       amount applied for, at least 500
        ==================  ========  ================================================
    y : Series of shape (n_samples,)
        "approved" or "rejected", dtype object, drawn with the true probability (see
        :func:`loan_approval_probability`).
    probability : ndarray of shape (n_samples,)
        True probability of "approved"; only if `return_probability` is True.

    Raises
    ------
    ValueError
        If `n_samples` or `noise` is out of range.

    Notes
    -----
    Columns are drawn one after another: education given age; years of work given both;
    income (log-normal) given education and work; dependents given age; housing,
    savings and credit lines given age and income; the loan given income and purpose;
    debt given income, lines and purpose; late payments given debt, income, savings
    and lines. Age has no direct effect on the decision, but it has one through them.

    Every row keeps these rules, so a counterfactual that breaks one is implausible:
    ``age >= leaving`` and ``employment_years <= age - leaving``, where `leaving` is the
    age at the end of education: 16, 18, 21 and 23 years, level by level; and
    "debt consolidation" has a debt above 0.

    Sensible constraints on explanations: `age`, `education` and `employment_years` may
    only increase, `dependents` and `purpose` are not to be changed.

    Examples
    --------
    >>> from sklearn_ct.datasets import make_loan_applications
    >>> X, y = make_loan_applications(200, random_state=0)
    >>> X.shape, sorted(y.unique())
    ((200, 12), ['approved', 'rejected'])
    """
    _check(n_samples, "n_samples", "make_loan_applications", integral=True)
    _check(noise, "noise", "make_loan_applications")
    rng = check_random_state(random_state)
    X = _sample_columns(n_samples, rng)
    probability = loan_approval_probability(X, noise=noise)
    y = np.where(rng.uniform(size=n_samples) < probability, "approved", "rejected")
    y = pd.Series(y.astype(object), name="decision", dtype=object)
    return (X, y, probability) if return_probability else (X, y)


def make_linearly_separable(n_samples=4200, *, random_state=None):
    """Generate the paper's set LS: two Gaussian blobs with a gap between them.

    Centres (-2, -2) and (2, 2), standard deviation 0.5: the line ``x0 + x1 = 0``
    separates them, 5.7 standard deviations from both. The paper draws its centres;
    these are as far apart as its accuracy on the overlapping set implies.

    Parameters
    ----------
    n_samples : int, default=4200
        Number of rows; the paper trains on 3600 and tests on 600.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same rows at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, 2)
        Features; the paper leaves them unscaled.
    y : ndarray of shape (n_samples,)
        Labels 0 and 1, equally frequent.

    Examples
    --------
    >>> from sklearn_ct.datasets import make_linearly_separable
    >>> X, y = make_linearly_separable(random_state=0)
    >>> X.shape, bool(((X.sum(axis=1) > 0) == y).all())
    ((4200, 2), True)
    """
    return sk_datasets.make_blobs(
        n_samples, centers=_CENTRES, cluster_std=0.5, random_state=random_state
    )


def make_overlapping(n_samples=4200, *, random_state=None):
    """Generate the paper's set OL: two Gaussian blobs that overlap.

    Centres (-2, -2) and (2, 2), standard deviation 2. The best classifier is the line
    ``x0 + x1 = 0``, with an expected accuracy of ``Phi(sqrt(2)) = 0.921``.

    Parameters
    ----------
    n_samples, random_state
        As in :func:`make_linearly_separable`.

    Returns
    -------
    X, y : ndarray of shape (n_samples, 2), ndarray of shape (n_samples,)
        Features, unscaled as in the paper, and labels 0 and 1, equally frequent.
    """
    return sk_datasets.make_blobs(
        n_samples, centers=_CENTRES, cluster_std=2.0, random_state=random_state
    )


def make_circles(n_samples=4200, *, noise=0.15, factor=0.01, random_state=None):
    """Generate the paper's set Circ: a ring of radius 1 around a dense centre.

    :func:`sklearn.datasets.make_circles` with the paper's settings.

    Parameters
    ----------
    n_samples, random_state
        As in :func:`make_linearly_separable`.
    noise : float, default=0.15
        Standard deviation of the Gaussian noise.
    factor : float, default=0.01
        Radius of the inner circle.

    Returns
    -------
    X, y : ndarray of shape (n_samples, 2), ndarray of shape (n_samples,)
        Features, unscaled, and labels: 0 for the ring, 1 for the centre.
    """
    return sk_datasets.make_circles(
        n_samples, noise=noise, factor=factor, random_state=random_state
    )


def make_moons(n_samples=4200, *, noise=0.1, random_state=None):
    """Generate the paper's set Moon: two interleaving half circles.

    :func:`sklearn.datasets.make_moons` with the lower moon moved down by 0.2, as the
    generator that the paper uses has it; its default noise is 0.1.

    Parameters
    ----------
    n_samples, random_state
        As in :func:`make_linearly_separable`.
    noise : float, default=0.1
        Standard deviation of the Gaussian noise.

    Returns
    -------
    X, y : ndarray of shape (n_samples, 2), ndarray of shape (n_samples,)
        Features, unscaled, and labels: 0 for the upper moon, 1 for the lower.
    """
    X, y = sk_datasets.make_moons(n_samples, noise=noise, random_state=random_state)
    X[y == 1, 1] -= 0.2
    return X, y
