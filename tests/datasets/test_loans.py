import time

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal
from scipy.special import logit
from scipy.stats import spearmanr
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from sklearn_ct import datasets
from sklearn_ct.datasets import (
    loan_application_is_possible,
    loan_approval_probability,
    make_loan_applications,
)

COLUMNS = {
    "age": "int64",
    "income": "int64",
    "debt": "float64",
    "savings": "int64",
    "employment_years": "int64",
    "education": "category",
    "housing": "category",
    "dependents": "int64",
    "credit_lines": "int64",
    "late_payments": "int64",
    "purpose": "category",
    "loan_amount": "int64",
}
# An application that keeps every rule, with room on all sides.
PLAIN = {
    "age": 40,
    "income": 30_000,
    "debt": 5_000.0,
    "savings": 2_000,
    "employment_years": 15,
    "education": "secondary",
    "housing": "rent",
    "dependents": 1,
    "credit_lines": 3,
    "late_payments": 1,
    "purpose": "car",
    "loan_amount": 4_000,
}


def application(**values):
    return pd.DataFrame([PLAIN | values])


def score(**values):
    """Score of one application, up to a constant: the log odds at noise 1."""
    return logit(loan_approval_probability(application(**values), noise=1.0))[0]


@pytest.fixture(scope="module")
def loans():
    return make_loan_applications(20_000, random_state=0, return_probability=True)


def test_all_is_sorted_and_complete():
    assert datasets.__all__ == sorted(datasets.__all__)
    assert all(callable(getattr(datasets, name)) for name in datasets.__all__)


def test_loans_have_the_documented_columns_and_types():
    X, y = make_loan_applications(random_state=0)
    assert X.shape == (1000, 12)
    assert {c: X[c].dtype.name for c in X} == COLUMNS
    levels = ["primary", "secondary", "bachelor", "master"]
    assert X["education"].cat.ordered
    assert list(X["education"].cat.categories) == levels
    assert not X["housing"].cat.ordered
    assert not X["purpose"].cat.ordered
    assert y.dtype == object
    assert y.name == "decision"
    assert set(y) == {"approved", "rejected"}
    assert X.index.equals(y.index)


def test_loans_keep_the_documented_rules(loans):
    X, _, _ = loans
    assert not X.isna().any().any()
    leaving = np.array([16, 18, 21, 23])[X["education"].cat.codes]
    assert (X["age"] >= leaving).all()
    assert (X["employment_years"] <= X["age"] - 16).all()
    unused = X["credit_lines"] == 0
    assert (X.loc[unused, ["debt", "late_payments"]] == 0).all().all()
    replaced = X[X["purpose"] == "debt consolidation"]
    assert (replaced["loan_amount"] <= replaced["debt"]).all()
    assert (X["debt"] == X["debt"].round(2)).all()
    bounds = {
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
    for column, (low, high) in bounds.items():
        assert X[column].between(low, high).all(), column
    assert loan_application_is_possible(X).all()


@pytest.mark.parametrize(
    "change",
    [
        {"age": 17, "employment_years": 0, "education": "primary"},
        {"age": 76},
        {"age": 40.5},
        {"income": 5_999},
        {"debt": -0.01},
        {"savings": -1},
        {"employment_years": 25},
        {"employment_years": -1},
        {"age": 22, "employment_years": 0, "education": "master"},
        {"education": "doctor"},
        {"housing": None},
        {"dependents": 7},
        {"dependents": 0.5},
        {"credit_lines": 16},
        {"credit_lines": 0, "debt": 0},
        {"credit_lines": 0, "late_payments": 0},
        {"late_payments": 13},
        {"loan_amount": 499},
        {"purpose": "debt consolidation", "loan_amount": 5_001},
        {"income": np.nan},
    ],
    ids=str,
)
def test_an_application_that_breaks_one_rule_is_impossible(change):
    assert loan_application_is_possible(application()).all()
    assert not loan_application_is_possible(application(**change)).any()


def test_an_application_on_the_edge_of_the_rules_is_possible():
    edges = [
        {"employment_years": 24},
        {"age": 23, "employment_years": 7, "education": "master"},
        {"credit_lines": 0, "debt": 0, "late_payments": 0},
        {"purpose": "debt consolidation", "loan_amount": 5_000},
        {"income": 10_000_000, "savings": 0, "loan_amount": 500},
    ]
    rows = pd.concat([application(**edge) for edge in edges])
    assert loan_application_is_possible(rows.astype(object)[rows.columns[::-1]]).all()
    assert loan_application_is_possible(rows.convert_dtypes()).all()
    with pytest.raises(ValueError, match=r"is_possible must.*Missing: age\."):
        loan_application_is_possible(rows.drop(columns="age"))


def test_loans_have_the_documented_correlations(loans):
    X, _, _ = loans
    pairs = [
        ("age", "employment_years"),
        ("age", "savings"),
        ("employment_years", "income"),
        ("income", "debt"),
        ("income", "savings"),
        ("income", "loan_amount"),
        ("credit_lines", "debt"),
        ("debt", "late_payments"),
    ]
    for first, second in pairs:
        assert spearmanr(X[first], X[second]).statistic > 0.1, (first, second)
    assert spearmanr(X["savings"], X["late_payments"]).statistic < -0.1
    medians = X.groupby("education", observed=True)["income"].median()
    assert medians.is_monotonic_increasing


def test_loan_amounts_have_heavy_right_tails(loans):
    X, _, _ = loans
    for column in ("income", "debt", "savings", "loan_amount"):
        assert X[column].mean() > 1.1 * X[column].median(), column
        assert X[column].skew() > 3, column
        assert np.log(X.loc[X[column] > 0, column]).skew() < 1, column


def test_loan_columns_have_many_zeros(loans):
    zeros = (loans[0].select_dtypes("number") == 0).mean()
    shares = {"debt": 1 / 3, "savings": 1 / 4, "dependents": 0.6, "late_payments": 0.65}
    for column, share in shares.items():
        assert zeros[column] == pytest.approx(share, abs=0.05), column


def test_loan_labels_are_drawn_from_the_true_probability(loans):
    X, y, probability = loans
    np.testing.assert_array_equal(probability, loan_approval_probability(X))
    approved = (y == "approved").to_numpy()
    bins = np.digitize(probability, np.linspace(0, 1, 11)[1:-1])
    for b in range(10):
        inside = bins == b
        p = probability[inside]
        error = np.sqrt((p * (1 - p)).sum()) / inside.sum()
        assert abs(approved[inside].mean() - p.mean()) < 4 * error


@pytest.mark.parametrize(
    ("noise", "group_effect"),
    [(0, None), (0, 0.0), (0.5, None), (0.5, -1.5), (0.5, 40.0), (30.0, 2.0)],
)
@pytest.mark.parametrize("approval_rate", [0.03, 0.5, 0.8])
def test_loans_are_approved_at_the_asked_rate(noise, group_effect, approval_rate):
    _, _, probability = make_loan_applications(
        20_000,
        noise=noise,
        approval_rate=approval_rate,
        group_effect=group_effect,
        random_state=5,
        return_probability=True,
    )
    assert probability.mean() == pytest.approx(approval_rate, rel=0.04, abs=0.004)


def test_loan_noise_and_rate_change_labels_only():
    X, y, p = make_loan_applications(2000, random_state=1, return_probability=True)
    for change in ({"noise": 0}, {"noise": 2.0}, {"approval_rate": 0.2}):
        other = make_loan_applications(
            2000, **change, random_state=1, return_probability=True
        )
        assert_frame_equal(X, other[0])
        order = np.argsort(p, kind="stable")
        assert (np.diff(other[2][order]) >= 0).all()
        assert 0.05 < (y != other[1]).mean() < 0.4
        np.testing.assert_array_equal(loan_approval_probability(X, **change), other[2])
    certain = loan_approval_probability(X, noise=0)
    assert set(certain) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("column", "change", "sign"),
    [
        ("age", 10, 0),
        ("income", 5000, 1),
        ("debt", 2500.0, -1),
        ("savings", 3000, 1),
        ("employment_years", 2, 1),
        ("dependents", 1, -1),
        ("late_payments", 1, -1),
        ("loan_amount", 1000, -1),
    ],
)
def test_approval_probability_is_monotone_in_numbers(loans, column, change, sign):
    X = loans[0].head(2000)
    before = loan_approval_probability(X, noise=5.0)
    after = loan_approval_probability(X.assign(**{column: X[column] + change}), noise=5)
    moved = np.sign(after - before)
    if column == "savings":  # levels off: equal to the last bit for the wealthy
        assert (moved >= 0).all()
        assert moved.mean() > 0.8
    else:
        assert (moved == sign).all()


@pytest.mark.parametrize(
    ("column", "levels"),
    [
        ("education", ["primary", "secondary", "bachelor", "master"]),
        ("housing", ["rent", "mortgage", "own"]),
        ("purpose", ["business", "education", "car"]),
        ("purpose", ["business", "debt consolidation"]),
    ],
)
def test_approval_probability_is_monotone_in_levels(loans, column, levels):
    X = loans[0].head(200)
    steps = [loan_approval_probability(X.assign(**{column: v})) for v in levels]
    assert (np.diff(steps, axis=0) > 0).all()


def test_approval_probability_peaks_at_four_credit_lines(loans):
    X = loans[0].head(200)
    by_lines = np.array(
        [loan_approval_probability(X.assign(credit_lines=k)) for k in range(16)]
    )
    assert (by_lines.argmax(axis=0) == 4).all()


def test_the_score_has_the_documented_thresholds():
    def step(column, low, high, **values):
        return score(**values, **{column: high}) - score(**values, **{column: low})

    # Income per head 16,000, with one dependent.
    assert step("income", 21_599, 21_601) == pytest.approx(0.7, abs=1e-3)
    # Burden 0.8: (debt + 4,000) / 30,000.
    strain = {"low": 20_000.0, "high": 20_001.0}
    assert step("debt", **strain) == pytest.approx(-1.2, abs=1e-3)
    assert step("debt", **strain, housing="own") == pytest.approx(-0.4, abs=1e-3)
    assert step("savings", 1_999, 2_000, late_payments=0) == pytest.approx(
        0.5, abs=1e-3
    )
    # A late payment weighs four times as much without savings to cover.
    assert step("late_payments", 0, 1) == pytest.approx(-0.25)
    assert step("late_payments", 0, 1, savings=0) == pytest.approx(-0.85)
    # ... and the third twice as much under strain.
    assert step("late_payments", 2, 3) == pytest.approx(-0.75)
    assert step("late_payments", 2, 3, debt=30_000.0) == pytest.approx(-1.45)
    # Years: what is smooth is the difference of 0.3 * exp(-years / 5).
    early = 0.3 * (np.exp(-1 / 5) - np.exp(-2 / 5))
    later = 0.3 * (np.exp(-4 / 5) - np.exp(-5 / 5))
    assert step("employment_years", 1, 2) == pytest.approx(early + 0.9)
    assert step("employment_years", 1, 2, education="bachelor") == pytest.approx(early)
    assert step("employment_years", 4, 5) == pytest.approx(later)
    assert step("employment_years", 4, 5, purpose="business") == pytest.approx(
        later + 0.9
    )
    # A loan that replaces debt adds a fifth of itself to the burden.
    assert score(purpose="debt consolidation") - score(purpose="education") == (
        pytest.approx(-0.1 + 0.8 * np.log(1.3 / (1 + 5_800 / 30_000)))
    )


def test_approval_probability_is_defined_off_the_support(loans):
    X = loans[0].head(50)
    expected = loan_approval_probability(X)
    as_text = X.astype({"education": object, "housing": object, "purpose": object})
    shuffled = as_text[X.columns[::-1]].drop(columns="age").assign(extra=1)
    np.testing.assert_array_equal(loan_approval_probability(shuffled), expected)
    odd = X.assign(income=0, loan_amount=0, savings=-10, credit_lines=99)
    assert np.isfinite(loan_approval_probability(odd)).all()


def test_approval_probability_names_what_is_wrong(loans):
    X = loans[0].head(3)
    with pytest.raises(ValueError, match=r"Missing: debt\."):
        loan_approval_probability(X.drop(columns="debt"))
    with pytest.raises(ValueError, match="must be a DataFrame"):
        loan_approval_probability(X.to_numpy())
    with pytest.raises(ValueError, match="'income' must hold finite"):
        loan_approval_probability(X.assign(income=np.nan))
    with pytest.raises(ValueError, match="'housing' must hold one of.*'castle'"):
        loan_approval_probability(X.assign(housing="castle"))
    with pytest.raises(ValueError, match=r"Missing: group\."):
        loan_approval_probability(X, group_effect=1.0)
    with pytest.raises(ValueError, match="'group' must hold one of 'A', 'B'.*'C'"):
        loan_approval_probability(X.assign(group="C"), group_effect=1.0)


def test_the_group_adds_its_effect_to_the_log_odds_and_nothing_else_does():
    plain = make_loan_applications(3000, random_state=2)[0]
    X, _, p = make_loan_applications(
        3000, group_effect=-1.2, random_state=2, return_probability=True
    )
    assert_frame_equal(X[plain.columns], plain)
    assert list(X.columns[12:]) == ["group", "district"]
    as_a, as_b = (
        loan_approval_probability(X.assign(group=g), group_effect=-1.2) for g in "AB"
    )
    np.testing.assert_allclose(logit(as_b) - logit(as_a), -1.2)
    np.testing.assert_array_equal(p, np.where(X["group"] == "A", as_a, as_b))
    moved = X.assign(district="west")
    np.testing.assert_array_equal(
        loan_approval_probability(moved, group_effect=-1.2), p
    )
    without = loan_approval_probability(X.drop(columns="group"), group_effect=0)
    np.testing.assert_array_equal(without, loan_approval_probability(plain))


def test_the_district_tells_the_group_as_documented():
    X, y = make_loan_applications(100_000, group_effect=0, random_state=0)
    of_b = X["group"] == "B"
    assert of_b.mean() == pytest.approx(0.3, abs=0.006)
    shares = pd.crosstab(X["group"], X["district"], normalize="index")
    documented = [[0.50, 0.25, 0.15, 0.10], [0.10, 0.15, 0.25, 0.50]]
    np.testing.assert_allclose(
        shares[["north", "east", "south", "west"]], documented, atol=0.012
    )
    assert roc_auc_score(of_b, X["district"].cat.codes) == pytest.approx(0.8, abs=0.007)
    # Nothing else tells it, the decision neither.
    others = X.drop(columns=["group", "district"]).assign(decision=y == "approved")
    for column in others:
        codes = others[column]
        codes = codes.cat.codes if codes.dtype == "category" else codes
        assert roc_auc_score(of_b, codes) == pytest.approx(0.5, abs=0.015), column


def test_conventional_models_rank_the_loans_as_on_real_tables(loans):
    X, y, p = loans
    y = y == "approved"
    numbers = make_column_selector(dtype_include="number")
    words = make_column_selector(dtype_include="category")
    scaled = make_column_transformer(
        (StandardScaler(), numbers), (OneHotEncoder(), words)
    )
    coded = make_column_transformer((OrdinalEncoder(), words), remainder="passthrough")
    models = [
        (scaled, LogisticRegression()),
        (scaled, MLPClassifier((32,), max_iter=60, tol=0.01, random_state=0)),
        (coded, HistGradientBoostingClassifier(max_iter=60, random_state=0)),
    ]
    linear, network, trees = (
        roc_auc_score(
            y[6000:],
            make_pipeline(*steps).fit(X[:6000], y[:6000]).predict_proba(X[6000:])[:, 1],
        )
        for steps in models
    )
    limit = roc_auc_score(y[6000:], p[6000:])
    assert 0.83 < linear < network < trees < limit < 0.93
    assert trees - linear > 0.02


def test_many_loans_take_no_time():
    begin = time.process_time()
    make_loan_applications(100_000, random_state=0)
    assert time.process_time() - begin < 2  # about 0.4 s, on a machine that is busy too


@pytest.mark.parametrize("n_samples", [1, -5, 2.5, "10", None, True])
def test_loans_refuse_a_bad_size(n_samples):
    with pytest.raises(ValueError, match=r"'n_samples' parameter .* at least 2\. Got"):
        make_loan_applications(n_samples)


@pytest.mark.parametrize("noise", [-0.1, np.nan, np.inf, "much", None])
def test_loans_refuse_a_bad_noise(noise):
    with pytest.raises(ValueError, match=r"'noise' parameter .* at least 0\. Got"):
        make_loan_applications(10, noise=noise)


@pytest.mark.parametrize("rate", [0, 1, -0.1, np.nan, "half", None, True])
def test_loans_refuse_a_bad_rate(rate):
    with pytest.raises(ValueError, match="'approval_rate' parameter .* below 1. Got"):
        make_loan_applications(10, approval_rate=rate)


@pytest.mark.parametrize("effect", [np.nan, np.inf, -np.inf, "strong"])
def test_loans_refuse_a_bad_group_effect(effect):
    with pytest.raises(ValueError, match=r"'group_effect' .* a finite number\. Got"):
        make_loan_applications(10, group_effect=effect)
    with pytest.raises(ValueError, match="'group_effect'.*infinite at noise=0"):
        make_loan_applications(10, group_effect=-1, noise=0)


@pytest.mark.parametrize("group_effect", [None, 1.0])
def test_same_seed_same_rows_and_the_global_generator_is_untouched(group_effect):
    def make(seed):
        return make_loan_applications(50, group_effect=group_effect, random_state=seed)

    # Reads the state of the global generator to see that nothing drew from it.
    before = np.random.get_state()
    X, y = make(3)
    for seed in (3, np.random.RandomState(3)):
        again = make(seed)
        assert_frame_equal(X, again[0])
        assert_series_equal(y, again[1])
    assert not X.equals(make(4)[0])
    after = np.random.get_state()
    assert before[2] == after[2]
    np.testing.assert_array_equal(before[1], after[1])
