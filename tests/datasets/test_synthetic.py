import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal
from scipy.stats import norm, spearmanr
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ct import datasets
from sklearn_ct.datasets import (
    loan_approval_probability,
    make_circles,
    make_linearly_separable,
    make_loan_applications,
    make_moons,
    make_overlapping,
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
PLANAR = [make_linearly_separable, make_overlapping, make_circles, make_moons]


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
    assert (X["employment_years"] <= X["age"] - leaving).all()
    assert (X.loc[X["purpose"] == "debt consolidation", "debt"] > 0).all()
    assert (X["debt"] == X["debt"].round(2)).all()
    bounds = {
        "age": (18, 75),
        "income": (6_000, 1_000_000),
        "debt": (0, np.inf),
        "savings": (0, np.inf),
        "employment_years": (0, 59),
        "dependents": (0, 6),
        "credit_lines": (1, 15),
        "late_payments": (0, 12),
        "loan_amount": (500, np.inf),
    }
    for column, (low, high) in bounds.items():
        assert X[column].between(low, high).all(), column


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
        assert X[column].mean() > 1.05 * X[column].median(), column
        assert X[column].max() > 5 * X[column].median(), column


def test_loan_labels_are_drawn_from_the_true_probability(loans):
    X, y, probability = loans
    np.testing.assert_array_equal(probability, loan_approval_probability(X))
    approved = (y == "approved").to_numpy()
    assert 0.4 <= 1 - approved.mean() <= 0.6
    bins = np.digitize(probability, np.linspace(0, 1, 11)[1:-1])
    for b in range(10):
        inside = bins == b
        p = probability[inside]
        error = np.sqrt((p * (1 - p)).sum()) / inside.sum()
        assert abs(approved[inside].mean() - p.mean()) < 4 * error


def test_loan_noise_changes_labels_only():
    X, y, p = make_loan_applications(2000, random_state=1, return_probability=True)
    X0, y0, p0 = make_loan_applications(
        2000, noise=0, random_state=1, return_probability=True
    )
    assert_frame_equal(X, X0)
    assert set(p0) == {0.0, 1.0}
    np.testing.assert_array_equal(p0 == 1, p > 0.5)
    np.testing.assert_array_equal(y0 == "approved", p0 == 1)
    assert 0.05 < (y != y0).mean() < 0.2


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
        assert moved.mean() > 0.9
    else:
        assert (moved == sign).all()


@pytest.mark.parametrize(
    ("column", "levels"),
    [
        ("education", ["primary", "secondary", "bachelor", "master"]),
        ("housing", ["rent", "mortgage", "own"]),
        ("purpose", ["business", "debt consolidation", "education", "car"]),
    ],
)
def test_approval_probability_is_monotone_in_levels(loans, column, levels):
    X = loans[0].head(200)
    steps = [loan_approval_probability(X.assign(**{column: v})) for v in levels]
    assert (np.diff(steps, axis=0) > 0).all()


def test_approval_probability_peaks_at_four_credit_lines(loans):
    X = loans[0].head(200)
    by_lines = np.array(
        [loan_approval_probability(X.assign(credit_lines=k)) for k in range(1, 16)]
    )
    assert (by_lines.argmax(axis=0) == 3).all()


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


def test_an_mlp_learns_the_loans(loans):
    X, y, p = loans
    encode = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(), make_column_selector(dtype_include="category")),
    )
    mlp = MLPClassifier((32,), max_iter=60, tol=0.01, random_state=0)
    score = make_pipeline(encode, mlp).fit(X[:2000], y[:2000]).score(X[5000:], y[5000:])
    assert 0.80 < score < np.maximum(p, 1 - p).mean() < 0.90


@pytest.mark.parametrize("n_samples", [1, -5, 2.5, "10", None, True])
def test_loans_refuse_a_bad_size(n_samples):
    with pytest.raises(ValueError, match=r"'n_samples' parameter .* at least 2\. Got"):
        make_loan_applications(n_samples)


@pytest.mark.parametrize("noise", [-0.1, np.nan, np.inf, "much", None])
def test_loans_refuse_a_bad_noise(noise):
    with pytest.raises(ValueError, match=r"'noise' parameter .* at least 0\. Got"):
        make_loan_applications(10, noise=noise)


@pytest.mark.parametrize("make", [make_loan_applications, *PLANAR])
def test_same_seed_same_rows_and_the_global_generator_is_untouched(make):
    # Reads the state of the global generator to see that nothing drew from it.
    before = np.random.get_state()
    first, second = make(50, random_state=3), make(50, random_state=3)
    other = make(50, random_state=4)
    again = make(50, random_state=np.random.RandomState(3))
    after = np.random.get_state()
    assert before[2] == after[2]
    np.testing.assert_array_equal(before[1], after[1])
    for same in (second, again):
        if isinstance(first[0], pd.DataFrame):
            assert_frame_equal(first[0], same[0])
            assert_series_equal(first[1], same[1])
        else:
            np.testing.assert_array_equal(first[0], same[0])
            np.testing.assert_array_equal(first[1], same[1])
    assert not np.array_equal(np.asarray(first[0]), np.asarray(other[0]))


@pytest.mark.parametrize("make", PLANAR)
def test_planar_sets_have_the_papers_size_and_two_balanced_classes(make):
    X, y = make(random_state=0)
    assert X.shape == (4200, 2)
    assert X.dtype == np.float64
    assert y.dtype.kind == "i"
    np.testing.assert_array_equal(np.bincount(y), [2100, 2100])


@pytest.mark.parametrize(
    ("make", "sd"), [(make_linearly_separable, 0.5), (make_overlapping, 2.0)]
)
def test_blobs_have_the_documented_centres_and_spread(make, sd):
    X, y = make(20_000, random_state=0)
    for label, centre in enumerate([-2.0, 2.0]):
        np.testing.assert_allclose(X[y == label].mean(axis=0), centre, atol=0.05 * sd)
        np.testing.assert_allclose(X[y == label].std(axis=0), sd, rtol=0.03)


def test_linearly_separable_leaves_a_gap():
    X, y = make_linearly_separable(random_state=0)
    assert LogisticRegression().fit(X[:3600], y[:3600]).score(X[3600:], y[3600:]) == 1
    side = X.sum(axis=1)
    assert side[y == 0].max() + 0.5 < side[y == 1].min()


def test_overlapping_has_the_documented_bayes_accuracy():
    X, y = make_overlapping(50_000, random_state=0)
    bayes = ((X.sum(axis=1) > 0) == y).mean()
    assert bayes == pytest.approx(norm.cdf(np.sqrt(2)), abs=0.005)
    assert LogisticRegression().fit(X, y).score(X, y) == pytest.approx(bayes, abs=0.002)


def test_circles_are_a_ring_around_a_centre():
    X, y = make_circles(random_state=0)
    radius = np.linalg.norm(X, axis=1)
    assert radius[y == 0].mean() == pytest.approx(1.0, abs=0.03)
    # A Gaussian in the plane: mean radius sd * sqrt(pi / 2).
    expected = 0.15 * np.sqrt(np.pi / 2)
    assert radius[y == 1].mean() == pytest.approx(expected, rel=0.05)
    assert ((radius < 0.57) == y).mean() > 0.99


def test_moons_can_be_told_apart():
    X, y = make_moons(random_state=0)
    assert KNeighborsClassifier(15).fit(X[:3600], y[:3600]).score(X, y) > 0.995
    clean, label = make_moons(200, noise=0, random_state=0)
    upper, lower = clean[label == 0], clean[label == 1]
    np.testing.assert_allclose(np.linalg.norm(upper, axis=1), 1)
    np.testing.assert_allclose(np.linalg.norm(lower - [1, 0.3], axis=1), 1)
    assert (upper[:, 1] > -1e-9).all()
    assert (lower[:, 1] < 0.3 + 1e-9).all()
