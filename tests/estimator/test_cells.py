"""What users say of cells: closed by default, row by row, codes, missing ones."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications


def _classifier(**params):
    defaults = {"max_epochs": 8, "lr": 0.02, "random_state": 0}
    return CounterfactualTrainedClassifier(**defaults | params)


@pytest.fixture(scope="module")
def loans():
    return make_loan_applications(400, random_state=0)


@pytest.fixture(scope="module")
def fitted(loans):
    return _classifier().fit(*loans)


@pytest.fixture(scope="module")
def rejected(loans, fitted):
    X = loans[0]
    return X[fitted.predict(X) == "rejected"][:20]


@pytest.mark.parametrize("where", ["classifier", "call"])
def test_what_is_not_named_stays(loans, fitted, rejected, where):
    X, y = loans
    rules = {"*": "none", "income": "both", "savings": "increase"}
    if where == "call":
        answers = fitted.explain(rejected, mutability=rules)
    else:
        answers = _classifier(mutability=rules).fit(X, y).explain(rejected)
    assert set(answers.changes()["feature"]) <= {"income", "savings"}
    assert answers.valid.mean() > 0.5


def test_one_word_closes_all(fitted, rejected):
    answers = fitted.explain(rejected, mutability="none")
    assert not answers.n_changes.any()
    assert (answers.reason == "no feature may change").all()


def test_words_of_each_row_follow_its_label(fitted, rejected):
    """A frame in another order than the rows protects the same people."""
    changed = fitted.explain(rejected).changes()
    feature = changed["feature"].mode()[0]
    movers = changed.loc[changed["feature"] == feature, "row"]
    words = pd.DataFrame({feature: "both"}, index=rejected.index)
    words.loc[movers, feature] = "none"
    shuffled = words.sample(frac=1, random_state=0)
    assert not shuffled.index.equals(rejected.index)
    answers = fitted.explain(rejected, mutability=shuffled)
    moved = answers.changes().query("feature == @feature")["row"]
    assert not np.isin(movers, moved).any()
    expected = fitted.explain(rejected, mutability=words).counterfactuals
    pd.testing.assert_frame_equal(answers.counterfactuals, expected)


# -- codes and missing cells ----------------------------------------------------

CODE = -9_999


@pytest.fixture(scope="module")
def holes():
    """Loans with codes and missing cells that say something of the class."""
    X, y = make_loan_applications(500, random_state=1)
    rng = np.random.default_rng(0)
    X["savings"] = X["savings"].where(rng.uniform(size=500) > 0.3, CODE)
    X["debt"] = X["debt"].where(rng.uniform(size=500) > 0.2)
    X["income"] = X["income"].astype("Int64").where(rng.uniform(size=500) > 0.1)
    X["housing"] = X["housing"].where(rng.uniform(size=500) > 0.2)
    return X, y


@pytest.fixture(scope="module")
def kept(holes):
    return _classifier(special_values={"savings": [CODE]}).fit(*holes)


def _states(X):
    """Which cells hold nothing, by column."""
    return pd.DataFrame({"savings": X["savings"] == CODE}).join(
        X[["debt", "income", "housing"]].isna()
    )


@pytest.mark.parametrize("effort", ["full", "walk"])
@pytest.mark.parametrize("generator", ["eccco", "revise"])
def test_nobody_leaves_or_enters_such_a_cell(holes, kept, effort, generator):
    X = holes[0][kept.predict(holes[0]) == "rejected"][:60]
    answers = kept.explain(
        X, effort=effort, generator=generator, n_counterfactuals=2, random_state=0
    )
    before, after = answers.factuals, answers.counterfactuals
    pd.testing.assert_frame_equal(_states(before), _states(after))
    assert (kept.predict(after)[answers.valid] == "approved").all()
    assert after.dtypes.equals(X.dtypes)
    if effort == "full":
        assert answers.valid.mean() > 0.8
        assert {"savings", "income"} <= set(answers.changes()["feature"])


def test_a_row_with_such_cells_alone_equals_it_in_a_batch(holes, kept):
    X = holes[0][kept.predict(holes[0]) == "rejected"][:30]
    batch = kept.explain(X).counterfactuals
    for i in np.flatnonzero(_states(X).any(axis=1))[:5]:
        alone = kept.explain(X[i : i + 1]).counterfactuals
        pd.testing.assert_frame_equal(alone, batch[i : i + 1], check_exact=True)


def test_codes_count_neither_as_numbers_nor_in_what_is_said(holes, kept):
    encoder = kept.encoder_
    j = encoder.variable_of("savings")
    assert encoder.lower_[j] >= 0
    assert kept.encode(holes[0]).min() > -20


def test_rows_that_are_like_no_real_ones_do_not_fall_back_into_such_cells(holes):
    """Even where every real row of the class has an empty cell."""
    X, y = holes
    X = X.assign(savings=X["savings"].where(y == "rejected", CODE))
    clf = _classifier(special_values={"savings": [CODE]}).fit(X, y)
    rejected = X[(clf.predict(X) == "rejected") & (X["savings"] > CODE)][:20]
    answers = clf.explain(rejected, "approved")
    assert (answers.counterfactuals["savings"] > CODE).all()


def test_missing_cells_may_be_set(holes):
    X, y = holes
    clf = _classifier(special_values={"savings": [CODE]}, missing="free").fit(X, y)
    empty = X[(clf.predict(X) == "rejected") & X["debt"].isna()]
    answers = clf.explain(empty, mutability={"*": "none", "debt": "both"})
    assert set(answers.changes()["feature"]) == {"debt"}
    assert answers.counterfactuals["debt"][answers.n_changes > 0].notna().all()
    assert answers.changes()["from"].isna().all()
    # Nor has it a direction to be set in.
    for word in ("increase", "decrease"):
        assert (
            not clf.explain(empty, mutability={"debt": word})
            .counterfactuals["debt"]
            .notna()
            .any()
        )
    special = X[(clf.predict(X) == "rejected") & (X["savings"] == CODE)][:30]
    assert (clf.explain(special).counterfactuals["savings"] == CODE).all()


@pytest.mark.parametrize("missing", ["keep", "free"])
def test_an_empty_cell_keeps_every_domain(holes, kept, missing):
    clf = kept if missing == "keep" else _classifier(missing=missing).fit(*holes)
    X = holes[0][(clf.predict(holes[0]) == "rejected") & holes[0]["debt"].isna()][:20]
    answers = clf.explain(X, domain={"debt": (0, 5_000)})
    assert not any("debt would have to change" in reason for reason in answers.reason)
    assert answers.valid.mean() > 0.5


def test_missing_cells_need_no_imputer(holes):
    """As many rows are told right as with one, and an array does as well."""
    X, y = holes
    X = X.select_dtypes("number").astype(float)
    clf = _classifier(special_values={"savings": [CODE]}).fit(X, y)
    array = _classifier(special_values={X.columns.get_loc("savings"): [CODE]})
    np.testing.assert_array_equal(
        array.fit(X.to_numpy(), y).predict_proba(X.to_numpy()), clf.predict_proba(X)
    )
    assert clf.score(X, y) > 0.7
    answers = array.explain(X.to_numpy()[array.predict(X.to_numpy()) == "rejected"])
    np.testing.assert_array_equal(
        np.isnan(answers.factuals), np.isnan(answers.counterfactuals)
    )


def test_an_indicator_is_learned_from():
    """A class that only a code tells."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = rng.uniform(size=400) < 0.5
    X[y, 0] = np.where(rng.uniform(size=y.sum()) < 0.9, np.nan, X[y, 0])
    assert _classifier().fit(X, y).score(X, y) > 0.9


def test_the_margin_does_not_move_what_is_no_number(holes, kept):
    X = holes[0][kept.predict(holes[0]) == "rejected"][:20]
    answers = kept.explain(X, margin=0.05, noise=0.05)
    pd.testing.assert_frame_equal(
        _states(answers.factuals), _states(answers.counterfactuals)
    )
    assert (answers.invalidation_rate[answers.valid] < 0.5).all()


def test_nobody_enters_a_code_within_the_range():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"points": rng.integers(0, 10, 400), "other": rng.normal(size=400)}
    )
    y = X["points"] > 4
    X["points"] = X["points"].where(rng.uniform(size=400) > 0.1, 6)
    clf = _classifier(special_values={"points": [5, 6]}, lr=0.05).fit(X, y)
    low = X[~clf.predict(X) & ~X["points"].isin([5, 6])]
    answers = clf.explain(low, mutability={"other": "none"}, tau=0.5)
    assert answers.valid.mean() > 0.9
    assert not answers.counterfactuals["points"].isin([5, 6]).any()


def test_codes_that_no_row_has_are_warned_of(loans):
    """As behind a scaler, which makes another number of them."""
    X, y = loans
    X = pd.DataFrame({"savings": X["savings"].replace({X["savings"].iloc[0]: -1})})
    clf = _classifier(special_values={"savings": [-1, 999]}, n_counterfactuals=0)
    clf.fit(X, y)
    scaled = StandardScaler().set_output(transform="pandas")
    with pytest.warns(UserWarning, match=r"\[-1, 999\] of column 'savings'.*a scaler"):
        make_pipeline(scaled, clf).fit(X, y)


# -- categories that fit has not seen -----------------------------------------------


@pytest.fixture(scope="module")
def words():
    X, y = make_loan_applications(400, random_state=0)
    rng = np.random.default_rng(0)
    X["housing"] = X["housing"].astype(object)
    X.loc[rng.choice(400, 3, replace=False), "housing"] = ["boat", "tent", "caravan"]
    return X, y


@pytest.mark.filterwarnings("ignore:Found unknown categories")
def test_rare_words_do_not_spoil_a_cross_validation(words):
    X, y = words
    ignoring = _classifier(handle_unknown="ignore", n_counterfactuals=50)
    assert np.isfinite(cross_val_score(ignoring, X, y, cv=3)).all()
    search = GridSearchCV(ignoring, {"lambda_div": [0.1, 0.2]}, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_row_with_an_unknown_word_is_explained(words):
    X, y = words
    known = X["housing"].isin(["own", "rent", "mortgage"])
    clf = _classifier(handle_unknown="ignore").fit(X[known], y[known])
    row = X[known][clf.predict(X[known]) == "rejected"][:3].assign(housing="boat")
    with pytest.warns(UserWarning, match=r"\['boat'\] in column 'housing'"):
        answers = clf.explain(row, "approved", mutability={"housing": "none"})
    assert (answers.counterfactuals["housing"] == "boat").all()
    assert answers.valid.any()
    with pytest.warns(UserWarning, match="boat"):
        moved = clf.explain(
            row, "approved", mutability={"*": "none", "housing": "both"}
        )
    assert set(moved.counterfactuals["housing"]) <= {*X.loc[known, "housing"], "boat"}
    strict = _classifier().fit(X[known], y[known])
    with pytest.raises(ValueError, match="handle_unknown='ignore'"):
        strict.predict(row)


# -- what the estimator says of itself ------------------------------------------------


def test_tags_and_names(kept, holes):
    tags = get_tags(kept).input_tags
    assert tags.allow_nan
    assert tags.categorical
    assert tags.string
    names = kept.get_feature_names_out()
    assert len(names) == kept.encode(holes[0]).shape[1] == len(set(names))
    assert {f"savings_{CODE}", "debt_missing", "housing_missing"} <= set(names)


def test_the_question_mark_leads_to_the_page_of_the_class(kept):
    page = "api/generated/sklearn_ct.CounterfactualTrainedClassifier.html"
    assert f"sklearn-ct.github.io/sklearn-ct/{page}" in kept._repr_html_()
