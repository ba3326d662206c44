"""Answers that stand high enough among real rows, whatever finds them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct._result.status import TOO_FEW, TOO_RARE
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.metrics import plausibility_score

RULES = {"age": "none", "employment_years": "increase"}


@pytest.fixture(scope="module")
def loans():
    return make_loan_applications(1200, random_state=0)


@pytest.fixture(scope="module")
def clf(loans):
    X, y = loans
    return CounterfactualTrainedClassifier(
        mutability=RULES, max_epochs=15, lr=0.005, random_state=0
    ).fit(X[:900], y[:900])


@pytest.fixture(scope="module")
def rejected(clf, loans):
    X = loans[0][900:]
    return X[clf.predict(X) == "rejected"]


def real_rows(loans, transform):
    X, y = loans
    return transform(X[:900][(y[:900] == "approved").to_numpy()])


def standing(answers, loans, transform):
    """Standing of the answers' final cells, by the metric."""
    codes = transform(answers.counterfactuals)
    return plausibility_score(codes, real_rows(loans, transform), average=False)


OPTIONS = {
    "plain": {},
    "walk": {"effort": "walk"},
    "few changes": {"max_changes": 2},
    "costs": {"feature_costs": {"income": 5, "savings": 0}},
    "sure": {"tau": 0.9},
    "margin": {"margin": 0.1},
    "revise": {"generator": "revise"},
    "several": {"n_counterfactuals": 3},
    "steps": {"glossary": {"income": {"step": 1000}, "savings": {"step": 500}}},
    "by row": {"domain": {"income": (0, 60_000)}},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("share", [0.1, 0.6])
def test_every_answer_stands_as_high(clf, rejected, loans, share, options):
    rows = rejected[:40]
    answers = clf.explain(rows, "approved", min_plausibility=share, **options)
    told = standing(answers, loans, clf.encode)
    np.testing.assert_allclose(answers.plausibility[answers.valid], told[answers.valid])
    assert (answers.plausibility[answers.valid] >= share).all()
    assert np.isnan(answers.plausibility[~answers.valid]).all()
    predicted = clf.predict(answers[answers.valid].counterfactuals)
    assert (predicted == "approved").all()
    assert answers.valid.any()


def test_most_rows_are_still_answered(clf, rejected):
    free = clf.explain(rejected, "approved")
    assert 0.02 < free.evaluate()["rare"] < 0.5
    for share, answered in ((0.05, 1.0), (0.2, 0.97), (0.5, 0.8)):
        answers = clf.explain(rejected, "approved", min_plausibility=share)
        told = answers.evaluate()
        assert told["answered"] >= answered
        assert told["cost"] < 2 * free.evaluate()["cost"]


def test_answers_that_stand_high_enough_stay(clf, rejected):
    free = clf.explain(rejected, "approved")
    answers = clf.explain(rejected, "approved", min_plausibility=0.3)
    same = free.plausibility >= 0.3
    assert 0 < same.sum() < len(same)
    pd.testing.assert_frame_equal(answers[same].to_frame(), free[same].to_frame())
    none = clf.explain(rejected, "approved", min_plausibility=0)
    pd.testing.assert_frame_equal(none.to_frame(), free.to_frame())


def test_a_row_alone_is_answered_as_in_a_batch(clf, rejected):
    ask = {"target": "approved", "min_plausibility": 0.3, "n_counterfactuals": 2}
    rows = rejected[:30]
    together = clf.explain(rows, **ask)
    parallel = clf.explain(rows, n_jobs=2, **ask)
    assert parallel.to_json() == together.to_json()
    for i in range(0, 30, 3):
        alone = clf.explain(rows[i : i + 1], **ask)
        frame = together[2 * i : 2 * i + 2].to_frame().assign(query=0)
        pd.testing.assert_frame_equal(alone.to_frame(), frame)


def test_reasons(clf, rejected):
    answers = clf.explain(rejected[:20], "approved", min_plausibility=1.0)
    none = answers[~answers.valid]
    assert len(none) > 5
    assert set(none.reason) == {TOO_RARE.format(1.0)}
    assert "min_plausibility=1 of the real rows" in none.describe(0)
    # What stood in the way is said before that.
    closed = {"mutability": "none", "min_plausibility": 1.0}
    answers = clf.explain(rejected[:3], "approved", **closed)
    assert set(answers.reason) == {"no feature may change"}


def test_rows_that_are_there_already_stay(clf, loans):
    X = loans[0][900:]
    approved = X[clf.predict(X) == "approved"]
    answers = clf.explain(approved, "approved", min_plausibility=0.9)
    assert (answers.status == "already").all()
    assert answers.plausibility.min() < 0.5


def one_hot():
    return make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
    )


@pytest.mark.parametrize("rotated", [False, True])
def test_behind_a_pipeline(loans, rotated):
    X, y = loans
    steps = [one_hot(), *([PCA()] if rotated else [])]
    clf = CounterfactualTrainedClassifier(max_epochs=10, lr=0.005, random_state=0)
    pipeline = make_pipeline(*steps, clf).fit(X[:900], y[:900])
    rows = X[900:][pipeline.predict(X[900:]) == "rejected"][: 5 if rotated else 40]

    def transform(table):
        return clf.encode(pipeline[:-1].transform(table))

    answers = explain(pipeline, rows, "approved", min_plausibility=0.2)
    assert answers.valid.mean() > 0.9
    told = standing(answers, loans, transform)[answers.valid]
    np.testing.assert_allclose(answers.plausibility[answers.valid], told, atol=0.004)
    assert (answers.plausibility[answers.valid] >= 0.2).all()


def test_features_that_follow_are_counted(clf, rejected):
    def halve(table):
        return table.assign(savings=table["savings"] // 2 * 2)

    ask = {"project": halve, "min_plausibility": 0.3}
    answers = clf.explain(rejected[:30], "approved", **ask)
    assert answers.valid.mean() > 0.9
    assert (answers.plausibility[answers.valid] >= 0.3).all()


@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.parametrize("known", [0, 1])
def test_a_class_that_hardly_anybody_is_known_of(loans, known):
    X, y = loans
    of_class = np.flatnonzero((y == "approved").to_numpy())
    other = np.flatnonzero((y == "rejected").to_numpy())
    rows = np.r_[of_class[:known], other[:60]]
    clf = CounterfactualTrainedClassifier(max_epochs=1, random_state=0)
    clf.partial_fit(X.iloc[rows], y.iloc[rows], classes=["approved", "rejected"])
    few = X.iloc[other[:5]]
    free = clf.explain(few, "approved")
    assert np.isnan(free.plausibility).all()
    answers = clf.explain(few, "approved", min_plausibility=0.05)
    searched = answers.status != "already"
    assert (answers.status[searched] == "infeasible").all()
    assert set(answers.reason[searched & free.valid]) == {TOO_FEW}


@pytest.mark.parametrize("share", [-0.1, 1.1, "high", np.nan])
def test_a_standing_is_a_share(clf, rejected, share):
    with pytest.raises(ValueError, match="'min_plausibility' parameter of explain"):
        clf.explain(rejected, "approved", min_plausibility=share)
