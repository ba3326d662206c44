"""The audit on data whose groups differ by known amounts, hundreds of times."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from sklearn_ct.audit._features import Groups
from sklearn_ct.audit._measures import Settings, compare
from sklearn_ct.audit._proxies import auc_interval, gaps_of, rejected_with_others
from sklearn_ct.audit._survival import interval_over_both

pytestmark = pytest.mark.slow

# At 95 % the share of covering intervals has a standard error of 0.7 %.
DRAWS = 1000
CAP = 6.0


def drawn(seed, *, n=(400, 800), rate=(0.5, 0.35), scale=(1.5, 1.0), none=(0.1, 0.05)):
    """Rows of two groups with their rates, sizes of costs, shares without an answer."""
    rng = np.random.default_rng([7, seed])
    codes = np.repeat([0, 1], n)
    rejected = rng.uniform(size=len(codes)) < np.take(rate, codes)
    infeasible = rejected & (rng.uniform(size=len(codes)) < np.take(none, codes))
    cost = rng.gamma(2.0, np.take(scale, codes) / 2.0)
    cost = np.where(infeasible, np.inf, np.where(rejected, cost, np.nan))
    rows = {
        "rejected": rejected,
        "qualified": rng.uniform(size=len(codes)) < 0.5,
        "infeasible": infeasible,
        "fallback": np.zeros(len(codes), dtype=bool),
        "below_tau": np.zeros(len(codes), dtype=bool),
        "cost": cost,
        "n_changes": np.where(rejected & ~infeasible, 1.0, np.nan),
    }
    return pd.DataFrame(rows), Groups("sex", ["f", "m"], codes)


def truth(rate, scale, none):
    """Rate, infeasible rate, cost and burden of a group."""
    # E[min(c, C)] is the integral of the survival function up to the cap.
    grid = np.linspace(0.0, CAP, 200_001)
    mean = integrate.trapezoid(stats.gamma.sf(grid, 2.0, scale=scale / 2.0), grid)
    cost = (1 - none) * mean + none * CAP
    return {
        "rejection_rate": rate,
        "false_negative_rate": rate,
        "infeasible_rate": none,
        "cost": cost,
        "burden": rate * cost,
        "false_negative_burden": rate * cost,
    }


def compared(rows, features, seed, **settings):
    """By-group measures, intervals and comparisons."""
    return compare(
        rows,
        [features],
        [[len(f.labels) - 1 for f in features]],
        Settings(cap=CAP, budget=2.0, **settings),
        control=None,
        seed=seed,
        n_jobs=None,
    )[:3]


@pytest.fixture(scope="module")
def audits():
    found = []
    for seed in range(DRAWS):
        rows, sex = drawn(seed)
        found.append(compared(rows, [sex], seed, n_permutations=99))
    return found


MEASURES = list(truth(0.5, 1.0, 0.1))


@pytest.mark.parametrize("measure", MEASURES)
def test_intervals_cover_what_they_should(audits, measure):
    own, other = truth(0.5, 1.5, 0.1)[measure], truth(0.35, 1.0, 0.05)[measure]
    covered = {"own": 0, "other": 0, "difference": 0, "ratio": 0}
    for _, intervals, comparisons in audits:
        ends = intervals.set_index(["measure", "group"]).loc[measure]
        row = comparisons.set_index("measure").loc[measure]
        for name, group, value in (("own", "f", own), ("other", "m", other)):
            covered[name] += ends.loc[group, "low"] <= value <= ends.loc[group, "high"]
        for name, value in (("difference", own - other), ("ratio", own / other)):
            covered[name] += row[f"{name}_low"] <= value <= row[f"{name}_high"]
    assert all(0.93 <= share / DRAWS <= 0.97 for share in covered.values()), covered


def test_without_an_effect_audits_find_nothing():
    same = {"rate": (0.4, 0.4), "scale": (1.0, 1.0), "none": (0.05, 0.05)}
    false = 0
    for seed in range(400):
        rows, sex = drawn(seed, **same)
        rng = np.random.default_rng([8, seed])
        race = Groups("race", list("abc"), rng.choice(3, len(rows), p=[0.1, 0.3, 0.6]))
        comparisons = compared(rows, [sex, race], seed, n_bootstrap=100)[2]
        assert comparisons["p_value"].notna().sum() == 3 * 7
        false += (comparisons["p_adjusted"] < 0.05).any()
    assert false <= 0.05 * 400


def test_an_effect_is_found():
    found = 0
    for seed in range(50):
        rows, sex = drawn(seed)
        comparisons = compared(rows, [sex], seed, n_bootstrap=100)[2]
        burden = comparisons.set_index("measure").loc["burden"]
        found += burden["p_adjusted"] < 0.05
    assert found >= 45


def test_groups_of_eight_are_flagged_and_never_tested():
    for seed in range(20):
        rows, sex = drawn(seed)
        codes = sex.codes.copy()
        codes[np.flatnonzero(rows["rejected"])[:8]] = 2
        three = Groups("sex", ["f", "m", "x"], codes)
        by_group, _, comparisons = compare(
            rows,
            [[three]],
            [[1]],
            Settings(n_bootstrap=100, n_permutations=99, cap=CAP),
            control=None,
            seed=seed,
            n_jobs=None,
        )[:3]
        assert by_group["small"].tolist() == [False, False, True]
        of = comparisons["group"] == "x"
        assert comparisons.loc[of, "small"].all()
        assert comparisons.loc[of, "p_value"].isna().all()
        assert comparisons.loc[~of, "p_value"].notna().all()


class Rule:
    """Rejects where a score, of which one part is the protected column, is low."""

    def predict(self, X):
        return (X["proxy"] - 0.7 * (X["sex"] == "f") > -0.5).astype(int)


def test_intervals_cover_direct_effect_and_proxy():
    # The proxy is normal, one standard deviation apart between the groups.
    share = {
        (own, seen): stats.norm.cdf(-0.5 + 0.7 * (seen == "f") + (own == "f"))
        for own in "fm"
        for seen in "fm"
    }
    through = 0.4 * (share["f", "f"] - share["m", "f"])
    through += 0.6 * (share["f", "m"] - share["m", "m"])
    total = share["f", "f"] - share["m", "m"]
    true = {"total": total, "direct": total - through, "through others": through}
    covered = dict.fromkeys(true, 0)
    for seed in range(DRAWS):
        rng = np.random.default_rng([9, seed])
        sex = np.where(rng.uniform(size=600) < 0.4, "f", "m")
        X = pd.DataFrame({"sex": sex, "proxy": rng.normal(size=600) - (sex == "f")})
        rng, columns = np.random.default_rng([seed, 1]), {"sex": X["sex"]}
        share = rejected_with_others(Rule(), X, list(X), columns, 1, 20, rng)
        for line in gaps_of(*share, columns, {"sex": "m"}, 0.95, 1000, rng):
            part, _, low, high = line[-4:]
            covered[part] += low <= true[part] <= high
    assert all(0.93 <= count / DRAWS <= 0.97 for count in covered.values()), covered


def test_intervals_cover_how_well_a_column_tells():
    true, covered = stats.norm.cdf(1 / np.sqrt(2)), 0
    for seed in range(DRAWS):
        rng = np.random.default_rng([10, seed])
        sex = rng.integers(0, 2, 150)
        x = sex + rng.normal(size=150)
        _, low, high = auc_interval(sex, np.column_stack([-x, x]), 0.95)
        covered += low <= true <= high
    assert 0.93 <= covered / DRAWS <= 0.97


@pytest.mark.parametrize("spread", [0.1, 0.5, 1.0])
def test_intervals_of_survival_are_over_rows_and_models(spread):
    # Accepted where easy answers meet mild models: a share known by the normal law.
    true = stats.norm.cdf(1.0 / np.sqrt(2 + spread**2))
    covered = 0
    for seed in range(DRAWS):
        rng = np.random.default_rng([11, seed])
        level = 1.0 + rng.normal(size=(100, 1)) + spread * rng.normal(size=5)
        _, low, high = interval_over_both(level + rng.normal(size=(100, 5)) > 0, 0.95)
        covered += low <= true <= high
    assert 0.93 <= covered / DRAWS <= 0.98
