"""Intervals and tests by group, on plain arrays: a value a row, a code a group.

What scipy has is taken from there; the rest is the few formulas that it has not.
"""

import numpy as np
from scipy import stats

MIN_EVENTS = 5  # a mean of fewer values that are not zero has no interval
CELLS = 500_000  # drawn at once: what the processor keeps near
ENOUGH = 200  # shuffles as far apart as the groups: more say little more


def wilson(events, n, confidence):
    """Wilson's interval of a share; NaN without rows."""
    if not n:
        return np.nan, np.nan
    interval = stats.binomtest(int(events), int(n)).proportion_ci(confidence, "wilson")
    return interval.low, interval.high


def median_interval(x, confidence):
    """Interval of the median between order statistics; infinity is a value."""
    if len(x) < MIN_EVENTS:
        return np.nan, np.nan
    # The order statistics around the median that a sign test does not reject.
    k = int(stats.binom.ppf((1 - confidence) / 2, len(x), 0.5))
    if k < 1:
        return np.nan, np.nan
    x = np.sort(x)
    return x[k - 1], x[len(x) - k]


def bootstrap_t(x, confidence, n_bootstrap, rng):
    r"""Bootstrap-t interval of a mean.

    .. math:: \bar x - t^*_{1 - \alpha / 2} \, s / \sqrt n \; , \;
        \bar x - t^*_{\alpha / 2} \, s / \sqrt n

    with the quantiles of :math:`t^* = (\bar x^* - \bar x) / (s^* / \sqrt n)` over
    samples with replacement [1]_.

    Returns
    -------
    low, high : float
        NaN with fewer than five values other than zero.

    References
    ----------
    .. [1] P. Hall, "Theoretical Comparison of Bootstrap Confidence Intervals", The
       Annals of Statistics 16, 1988.
    """
    n = len(x)
    mean = x.mean() if n else np.nan
    if n and np.ptp(x) == 0 and (n >= MIN_EVENTS or not mean):
        return mean, mean
    if np.count_nonzero(x) < MIN_EVENTS:
        return np.nan, np.nan
    t, step = np.empty(n_bootstrap), max(CELLS // n, 1)
    for start in range(0, n_bootstrap, step):
        part = slice(start, min(start + step, n_bootstrap))
        draws = x[rng.integers(0, n, (part.stop - start, n), dtype=np.int32)]
        t[part] = _studentised(draws.mean(axis=1) - mean, draws.var(axis=1, ddof=1) / n)
    alpha = 1 - confidence
    low, high = np.quantile(t, [alpha / 2, 1 - alpha / 2], method="higher")
    error = x.std(ddof=1) / np.sqrt(n)
    # Of the few distinct values of a small sample some draws are all alike.
    low, high = (np.nan if np.isinf(end) else end for end in (low, high))
    return mean - high * error, mean - low * error


def difference_interval(one, other):
    r"""Interval of a difference from those of two independent estimates.

    .. math:: d - \sqrt{(m_1 - l_1)^2 + (u_2 - m_2)^2} \; , \;
        d + \sqrt{(u_1 - m_1)^2 + (m_2 - l_2)^2}

    With Wilson's intervals of two shares this is Newcombe's [1]_.

    Parameters
    ----------
    one, other : tuple of float
        Estimate, low and high end.

    References
    ----------
    .. [1] R. G. Newcombe, "Interval Estimation for the Difference Between Independent
       Proportions", Statistics in Medicine 17, 1998.
    """
    (m1, l1, u1), (m2, l2, u2) = one, other
    return (
        m1 - m2 - np.hypot(m1 - l1, u2 - m2),
        m1 - m2 + np.hypot(u1 - m1, m2 - l2),
    )


def ratio_interval(one, other):
    r"""Interval of a ratio from those of two independent estimates, none negative.

    The two :math:`\theta` at which the interval of :math:`m_1 - \theta m_2`, made as
    by `difference_interval`, ends at zero [1]_.

    References
    ----------
    .. [1] R. G. Newcombe, "MOVER-R Confidence Intervals for Ratios and Products of Two
       Independently Estimated Quantities", Statistical Methods in Medical Research
       25, 2016.
    """
    (m1, l1, u1), (m2, l2, u2) = one, other
    if np.isnan([*one, *other]).any() or m2 == 0:
        return np.nan, np.nan
    l1, l2 = max(l1, 0.0), max(l2, 0.0)
    product = m1 * m2
    below, above = l1 * (2 * m1 - l1), u1 * (2 * m1 - u1)
    root = np.sqrt(max(product**2 - below * u2 * (2 * m2 - u2), 0.0))
    low = below / (product + root) if below > 0 else 0.0
    slope = l2 * (2 * m2 - l2)
    if slope <= 0:
        return low, np.inf
    return low, (product + np.sqrt(max(product**2 - above * slope, 0.0))) / slope


def share_test(k1, n1, k2, n2):
    """P-value of the studentised permutation test of two shares, two-sided.

    Its distribution is known: the events in a shuffled group are hypergeometric.

    Parameters
    ----------
    k1, n1, k2, n2 : int
        Events and rows of each group.

    Returns
    -------
    float
        NaN where a group has no rows.
    """
    if not n1 or not n2:
        return np.nan
    events = k1 + k2
    k = np.arange(max(0, events - n2), min(events, n1) + 1)
    p1, p2 = k / n1, (events - k) / n2
    t = np.abs(_studentised(p1 - p2, p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2))
    mass = stats.hypergeom.pmf(k, n1 + n2, events, n1)
    as_far = t >= t[k1 - k[0]] * (1 - 1e-9)
    return float(min(mass[as_far].sum(), 1.0))


def mean_test(x, y, n_permutations, rng):
    r"""P-value of the studentised permutation test of two means, two-sided.

    .. math:: p = \frac{1 + \#\{|T^*| \ge |T|\}}{1 + \#T^*} , \quad
        T = \frac{\bar x - \bar y}{\sqrt{s_x^2 / n_x + s_y^2 / n_y}}

    Exact where the groups do not differ at all, asymptotically so where only their
    means do not [1]_. Of each shuffled order of all rows, several disjoint parts
    stand for the smaller group. After :math:`h = 200` shuffles that are as far apart
    it stops, and :math:`p = h / \#T^*` [2]_.

    Returns
    -------
    float
        NaN where a group has fewer than two rows.

    References
    ----------
    .. [1] A. Janssen, "Studentized Permutation Tests for Non-i.i.d. Hypotheses and the
       Generalized Behrens-Fisher Problem", Statistics & Probability Letters 36, 1997.
    .. [2] J. Besag and P. Clifford, "Sequential Monte Carlo p-values", Biometrika 78,
       1991.
    """
    small, large = sorted((x, y), key=len)
    n, rest = len(small), len(large)
    if n < 2:
        return np.nan
    pooled = np.concatenate([small, large])
    pooled = pooled - pooled.mean()  # for the sake of the digits
    total, squares = pooled.sum(), pooled @ pooled

    def statistic(own_sum, own_squares):
        other_sum, other_squares = total - own_sum, squares - own_squares
        spread = (own_squares - own_sum**2 / n) / (n - 1) / n
        spread = spread + (other_squares - other_sum**2 / rest) / (rest - 1) / rest
        # Rounding leaves a crumb of the variance of equal values.
        crumb = 1e-12 * squares / (n + rest)
        spread = np.where(spread > crumb, spread, 0.0)
        return np.abs(_studentised(own_sum / n - other_sum / rest, spread))

    head = pooled[:n]
    seen = statistic(head.sum(), head @ head)
    parts = max((n + rest) // n - 1, 1)  # a last one would follow from the others
    step = max(CELLS // (n + rest), 1)
    as_far, drawn = 0, 0
    while drawn < n_permutations:
        orders = min(step, -(-(n_permutations - drawn) // parts))
        shuffled = np.broadcast_to(pooled, (orders, n + rest))
        shuffled = rng.permuted(shuffled, axis=1)[:, : parts * n].reshape(-1, n)
        t = statistic(shuffled.sum(axis=1), np.einsum("ij,ij->i", shuffled, shuffled))
        counts = as_far + np.cumsum(t >= seen * (1 - 1e-9))
        if counts[-1] >= ENOUGH:
            return float(ENOUGH / (drawn + 1 + counts.searchsorted(ENOUGH)))
        as_far, drawn = int(counts[-1]), drawn + len(t)
    return (1 + as_far) / (1 + drawn)


def adjusted(p_values, method):
    """Adjust p-values for their number; NaN is no test.

    Parameters
    ----------
    p_values : array-like of shape (n,)
    method : {"holm", "bh", None}
        Holm's [1]_ bounds the chance of any false finding, Benjamini and Hochberg's
        the expected share of false ones among the findings.

    References
    ----------
    .. [1] S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure",
       Scandinavian Journal of Statistics 6, 1979.
    """
    result = np.array(p_values, dtype=float)
    tested = np.flatnonzero(~np.isnan(result))
    p = result[tested]
    if method == "bh" and len(p):
        result[tested] = stats.false_discovery_control(p)
    elif method == "holm":
        order = p.argsort()
        steps = (len(p) - np.arange(len(p))) * p[order]
        result[tested[order]] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return result


def _studentised(difference, variance):
    """Difference over its standard error; 0 / 0 is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = difference / np.sqrt(variance)
    return np.where(np.abs(difference) < 1e-12, 0.0, t)
