"""Scorers of recourse, alone and in scikit-learn's tools."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array, csr_array
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ct import CounterfactualTrainedClassifier, explain, scoring
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.metrics import (
    counterfactual_cost,
    implausibility_distance,
    mmd_distance,
    plausibility_score,
    robust_accuracy_score,
    validity_score,
)
from sklearn_ct.scoring import (
    make_recourse_scorer,
    most_plausible_within,
    neg_cost_scorer,
    neg_implausibility_scorer,
    neg_mmd_scorer,
    plausibility_scorer,
    recourse_scoring,
    robust_accuracy_scorer,
    validity_scorer,
)

SCORERS = {
    "neg_implausibility": neg_implausibility_scorer,
    "plausibility": plausibility_scorer,
    "neg_mmd": neg_mmd_scorer,
    "neg_cost": neg_cost_scorer,
    "validity": validity_scorer,
    "robust_accuracy": robust_accuracy_scorer,
}
NAMES = ["implausibility", "plausibility", "mmd", "cost", "validity"]
METRICS = {
    "implausibility": implausibility_distance,
    "plausibility": plausibility_score,
}


def classifier(**parameters):
    settings = {
        "hidden_layer_sizes": (16,),
        "max_epochs": 5,
        "n_counterfactuals": 50,
        "lr": 0.02,
        "random_state": 0,
    }
    return CounterfactualTrainedClassifier(**settings | parameters)


def test_sparse_tables_score_like_dense_ones():
    X, y = make_loan_applications(200, random_state=0)
    numbers = X.select_dtypes("number").to_numpy()
    clf = classifier(n_counterfactuals=20).fit(numbers, y)
    numbers, y = numbers[:60], y[:60]
    for score in SCORERS.values():
        dense = score(clf, numbers, y)
        for kind in (csr_array, coo_array):
            assert score(clf, kind(numbers), y) == dense


def pipeline(**parameters):
    table = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(sparse_output=False),
            make_column_selector(dtype_include="category"),
        ),
    )
    return Pipeline([("table", table), ("clf", classifier(**parameters))])


@pytest.fixture(scope="module")
def loans():
    return make_loan_applications(200, random_state=0)


@pytest.fixture(scope="module")
def clf(loans):
    return classifier().fit(*loans)


@pytest.fixture(scope="module")
def stuck(loans):
    """Nothing may change, so that no row has an answer."""
    columns = loans[0].columns
    return classifier(mutability=dict.fromkeys(columns, "none")).fit(*loans)


@pytest.fixture(scope="module")
def half(loans):
    """Only the loan may change: answers for some rows, none for others."""
    columns = [c for c in loans[0].columns if c != "loan_amount"]
    return classifier(mutability=dict.fromkeys(columns, "none")).fit(*loans)


def test_scoring_has_all_scorers():
    usual = ("accuracy", "roc_auc", "neg_log_loss")
    named = {k: v for k, v in recourse_scoring().items() if k not in usual}
    assert {k: repr(v) for k, v in named.items()} == {
        k: repr(v) for k, v in SCORERS.items()
    }
    assert set(usual) <= set(recourse_scoring())
    assert recourse_scoring() is not recourse_scoring()


def test_scoring_of_a_target_asks_nobody_who_has_it(loans):
    X, y = loans
    rules = dict.fromkeys(X, "none") | {"income": "increase", "savings": "increase"}
    clf = classifier(mutability=rules).fit(X, y)
    of_all, of_target = (
        scoring["validity"](clf, X[:100], y[:100])
        for scoring in (recourse_scoring(), recourse_scoring("approved"))
    )
    answers = clf.explain(X[:100][clf.predict(X[:100]) == "rejected"], "approved")
    assert of_target == pytest.approx(answers.valid.mean())
    assert of_all < of_target - 0.1


@pytest.mark.parametrize("name", SCORERS)
def test_scores_are_finite_numbers_with_their_sign(clf, loans, name):
    X, y = loans
    score = SCORERS[name](clf, X[:60], y[:60])
    assert isinstance(score, float)
    assert score < 0 if name.startswith("neg_") else 0 <= score <= 1


@pytest.mark.parametrize("name", SCORERS)
def test_scores_are_reproducible(clf, loans, name):
    X, y = loans[0][:60], loans[1][:60]
    state = np.append(*np.random.get_state()[1:3])
    first = SCORERS[name](clf, X, y)
    assert SCORERS[name](clf, X, y) == first
    assert SCORERS[name](clone(clf).fit(*loans), X, y) == first
    np.testing.assert_array_equal(np.append(*np.random.get_state()[1:3]), state)


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_can_be_pickled(clf, loans, name):
    X, y = loans[0][:20], loans[1][:20]
    again = pickle.loads(pickle.dumps(SCORERS[name]))
    assert again(clf, X, y) == SCORERS[name](clf, X, y)


def test_scores_are_the_metrics_of_the_answers(clf, loans):
    X, y = loans[0][:80], loans[1][:80]
    result = clf.explain(X)
    assert result.valid.all()
    codes, real = clf.encode(result.counterfactuals), clf.encode(X)
    assert validity_scorer(clf, X, y) == 1
    assert neg_cost_scorer(clf, X, y) == pytest.approx(-result.cost.mean())
    distances, standings = np.empty((2, len(X)))
    mmd = []
    for label in clf.classes_:
        asked, of_class = result.target == label, real[(y == label).to_numpy()]
        distances[asked] = implausibility_distance(
            codes[asked], of_class, average=False
        )
        standings[asked] = plausibility_score(codes[asked], of_class, average=False)
        one = mmd_distance(codes[asked], of_class, length_scale="median")
        mmd.append(one * asked.mean())
    score = neg_implausibility_scorer(clf, X, y)
    assert score == pytest.approx(-distances.mean())
    assert plausibility_scorer(clf, X, y) == pytest.approx(standings.mean())
    assert neg_mmd_scorer(clf, X, y) == pytest.approx(-sum(mmd))
    expected = robust_accuracy_score(clf, X, y, epsilon=0.1)
    assert robust_accuracy_scorer(clf, X, y) == expected
    assert expected <= accuracy_score(y, clf.predict(X))


@pytest.fixture(scope="module")
def piped(loans):
    """A pipeline, a search that chose the same, and the table of both."""
    numbers = loans[0].select_dtypes("number")
    fitted = make_pipeline(StandardScaler(), classifier()).fit(numbers, loans[1])
    search = GridSearchCV(fitted, {"standardscaler__with_mean": [True]}, cv=2)
    return fitted, search.fit(numbers, loans[1]), numbers


@pytest.mark.parametrize("name", SCORERS)
def test_a_pipeline_scores_like_its_classifier(piped, loans, name):
    (fitted, search, numbers), y = piped, loans[1]
    score = SCORERS[name](fitted, numbers[:40], y[:40])
    assert np.isfinite(score)
    if name == "neg_cost":
        expected = -explain(fitted, numbers[:40]).cost.mean()
        assert score == pytest.approx(expected)
    assert SCORERS[name](search, numbers[:40], y[:40]) == score


# -- options -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (implausibility_distance, "implausibility"),
        (plausibility_score, "plausibility"),
        (mmd_distance, "mmd"),
        (counterfactual_cost, "cost"),
        (validity_score, "validity"),
    ],
)
def test_functions_stand_for_their_names(clf, loans, function, name):
    X, y = loans[0][:30], loans[1][:30]
    by_name = make_recourse_scorer(name)
    assert make_recourse_scorer(function)(clf, X, y) == by_name(clf, X, y)
    assert repr(make_recourse_scorer(function)) == repr(by_name)
    assert repr(by_name) == f"make_recourse_scorer({name!r})"


def negated_changes(result):
    return -result.n_changes


def negated_cost(result):
    return -result.cost


def test_a_measure_of_ones_own(clf, half, loans):
    X, y = loans[0][:30], loans[1][:30]
    scorer = make_recourse_scorer(negated_changes)
    assert scorer(clf, X, y) == pytest.approx(-clf.explain(X).n_changes.mean())
    assert "negated_changes" in repr(scorer)
    assert pickle.loads(pickle.dumps(scorer))(clf, X, y) == scorer(clf, X, y)
    # Greater is better, so that the worst is the least.
    result = half.explain(X)
    assert 0 < result.valid.sum() < len(X)
    values = -result.cost[result.valid]
    assert values.min() < values.max()
    expected = np.where(result.valid, -result.cost, values.min()).mean()
    assert make_recourse_scorer(negated_cost)(half, X, y) == pytest.approx(expected)


def test_target_asks_the_rows_that_are_not_there(clf, loans):
    X, y = loans
    scorer = make_recourse_scorer("cost", target="approved")
    rejected = X[clf.predict(X) == "rejected"]
    expected = -clf.explain(rejected, "approved").cost.mean()
    assert scorer(clf, X, y) == pytest.approx(expected)
    with pytest.raises(ValueError, match="unknown label 'perhaps'"):
        make_recourse_scorer("cost", target="perhaps")(clf, X, y)


@pytest.mark.parametrize("name", NAMES)
def test_nobody_to_explain_is_nan(clf, loans, name):
    X, y = loans
    approved = clf.predict(X) == "approved"
    scorer = make_recourse_scorer(name, target="approved")
    assert np.isnan(scorer(clf, X[approved], y[approved]))


def test_n_samples(clf, loans):
    X, y = loans
    every = make_recourse_scorer("cost", n_samples=None)(clf, X, y)
    assert every == pytest.approx(-clf.explain(X).cost.mean())
    assert make_recourse_scorer("cost", n_samples=1000)(clf, X, y) == every
    some = [
        make_recourse_scorer("cost", n_samples=30, random_state=seed)
        for seed in (0, 0, 1)
    ]
    scores = [scorer(clf, X, y) for scorer in some]
    assert scores[0] == scores[1] != scores[2]
    assert scores[0] != every
    assert scores[0] == some[0](clf, X, y)


def test_tau(clf, loans):
    X, y = loans[0][:60], loans[1][:60]
    bold, shy = (make_recourse_scorer("cost", tau=tau) for tau in (0.5, 0.8))
    assert shy(clf, X, y) < bold(clf, X, y)
    with pytest.raises(ValueError, match="'tau'"):
        make_recourse_scorer("cost", tau=2)(clf, X, y)


@pytest.mark.parametrize("name", ["implausibility", "plausibility", "cost"])
def test_a_row_without_answer_is_the_worst_or_ignored(half, loans, name):
    X, y = loans[0][:30], loans[1][:30]
    result = half.explain(X)
    assert 0 < result.valid.sum() < len(X)
    values, sign, worst = result.cost, -1, max
    if name == "plausibility":
        sign, worst = 1, min
    if name != "cost":
        measure = METRICS[name]
        codes, real = half.encode(result.counterfactuals), half.encode(X)
        values = np.empty(len(X))
        for label in half.classes_:
            asked = result.target == label
            values[asked] = measure(
                codes[asked], real[(y == label).to_numpy()], average=False
            )
    penalized = np.where(result.valid, values, worst(values[result.valid]))
    score = make_recourse_scorer(name)(half, X, y)
    assert score == pytest.approx(sign * penalized.mean())
    score = make_recourse_scorer(name, invalid="ignore")(half, X, y)
    assert score == pytest.approx(sign * values[result.valid].mean())


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_at_all(stuck, clf, loans, name):
    X, y = loans[0][:30], loans[1][:30]
    penalized = make_recourse_scorer(name)(stuck, X, y)
    ignored = make_recourse_scorer(name, invalid="ignore")(stuck, X, y)
    assert np.isfinite(penalized)
    if name == "validity":
        assert penalized == ignored == 0
    else:
        assert np.isnan(ignored)
        assert penalized < make_recourse_scorer(name)(clf, X, y)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"metric": "likelihood"}, "'metric' parameter.*'likelihood'"),
        ({"metric": None}, "'metric' parameter.*None"),
        ({"metric": "cost", "invalid": "drop"}, "'invalid' parameter.*'drop'"),
        ({"metric": "cost", "n_samples": 0}, "'n_samples' parameter.*0"),
        ({"metric": "cost", "n_samples": 0.5}, "'n_samples' parameter.*0.5"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        make_recourse_scorer(**arguments)


# -- in scikit-learn's tools ---------------------------------------------------


@pytest.mark.parametrize("estimator", [classifier(), pipeline()], ids=["clf", "pipe"])
def test_cross_validate(loans, estimator):
    X, y = loans
    options = {"scoring": recourse_scoring(), "cv": 2, "error_score": "raise"}
    scores = cross_validate(estimator, X[:100], y[:100], **options)
    for name in recourse_scoring():
        assert np.isfinite(scores[f"test_{name}"]).all(), name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "prefix"),
    [(classifier(), ""), (pipeline(), "clf__")],
    ids=["clf", "pipe"],
)
def test_grid_search(loans, estimator, prefix):
    X, y = loans
    search = GridSearchCV(
        estimator,
        {f"{prefix}lambda_div": [0.0, 0.5]},
        scoring=recourse_scoring(),
        refit=most_plausible_within(0.05),
        cv=2,
        error_score="raise",
        n_jobs=None if prefix else 2,
    ).fit(X[:100], y[:100])
    results = search.cv_results_
    accuracy = results["mean_test_accuracy"]
    plausible = results["mean_test_neg_implausibility"]
    good = accuracy >= accuracy.max() - 0.05
    assert search.best_index_ == np.where(good, plausible, -np.inf).argmax()
    chosen = search.best_estimator_.get_params()[f"{prefix}lambda_div"]
    assert chosen == [0.0, 0.5][search.best_index_]
    result = explain(search, X[:10])
    predicted = search.predict(result.counterfactuals)
    assert (predicted[result.valid] == result.target[result.valid]).all()


def candidates(accuracy, plausible):
    return {
        "mean_test_accuracy": np.array(accuracy),
        "mean_test_neg_implausibility": np.array(plausible),
    }


@pytest.mark.parametrize(
    ("tolerance", "accuracy", "plausible", "chosen"),
    [
        (0.01, [0.90, 0.895, 0.80], [-5, -4, -1], 1),
        (0.2, [0.90, 0.895, 0.80], [-5, -4, -1], 2),
        (0.0, [0.90, 0.895, 0.80], [-5, -4, -1], 0),
        (0.0, [0.90, 0.90], [-5, -4], 1),
        (0.1, [0.90, 0.85], [np.nan, -4], 1),
        (0.1, [np.nan, 0.85], [-1, -4], 1),
        (0.1, [0.80, 0.85], [np.nan, np.nan], 1),
    ],
)
def test_most_plausible_within(tolerance, accuracy, plausible, chosen):
    refit = most_plausible_within(tolerance)
    assert refit(candidates(accuracy, plausible)) == chosen
    again = pickle.loads(pickle.dumps(refit))
    assert again(candidates(accuracy, plausible)) == chosen


def test_most_plausible_within_names_the_scores_it_needs():
    with pytest.raises(ValueError, match="recourse_scoring.*'mean_test_accuracy'"):
        most_plausible_within()({"mean_test_score": [0.9]})


def test_most_plausible_within_of_another_metric():
    results = {
        "mean_test_accuracy": np.array([0.9, 0.8, 0.8]),
        "mean_test_roc_auc": np.array([0.6, 0.95, 0.94]),
        "mean_test_neg_implausibility": np.array([-1, -4, -3]),
    }
    assert most_plausible_within(0.01)(results) == 0
    assert most_plausible_within(0.02, metric="roc_auc")(results) == 2
    assert most_plausible_within(0.001, metric="roc_auc")(results) == 1
    with pytest.raises(ValueError, match="'neg_log_loss' and 'neg_implausibility'"):
        most_plausible_within(0.01, "neg_log_loss")(results)
    with pytest.raises(ValueError, match="'tolerance' parameter .* Got -1"):
        most_plausible_within(-1)
    with pytest.raises(ValueError, match="'metric' parameter .* Got None"):
        most_plausible_within(metric=None)


def test_one_standard_error():
    splits = np.array([[0.90, 0.86, 0.80], [0.80, 0.82, 0.70], [0.85, 0.84, 0.70]])
    results = {
        "mean_test_accuracy": splits.mean(axis=0),
        "mean_test_neg_implausibility": np.array([-5, -4, -1]),
    }
    for k, split in enumerate(splits):
        results[f"split{k}_test_accuracy"] = split
        results[f"split{k}_test_accuracy_balanced"] = split * 0
    # The standard error of the best is 0.05 / sqrt(3) = 0.029, and 0.01 is too little.
    assert results["mean_test_accuracy"][0] - results["mean_test_accuracy"][1] > 0.009
    assert most_plausible_within(0.005)(results) == 0
    wide = most_plausible_within(0.005, one_standard_error=True)
    assert wide(results) == 1
    assert pickle.loads(pickle.dumps(wide))(results) == 1
    # The tolerance is never made less.
    assert most_plausible_within(0.2, one_standard_error=True)(results) == 2
    few = {k: v for k, v in results.items() if k != "split0_test_accuracy"}
    del few["split1_test_accuracy"]
    with pytest.raises(ValueError, match="two splits at least, .* Got 1"):
        wide(few)


def test_one_explanation_serves_all_scorers(clf, loans, monkeypatch):
    calls = []

    def counted(*args, **options):
        calls.append(1)
        return explain(*args, **options)

    monkeypatch.setattr(scoring, "explain", counted)
    X, y = loans[0][:50], loans[1][:50]
    ours = {k: s for k, s in SCORERS.items() if k != "robust_accuracy"}
    first = {name: score(clf, X, y) for name, score in ours.items()}
    assert len(calls) == 1
    assert {name: score(clf, X, y) for name, score in ours.items()} == first
    assert len(calls) == 1
    neg_cost_scorer(clf, X[:40], y[:40])
    assert len(calls) == 2
    # Fitted again, it is another classifier, though the same object.
    again = classifier().set_params(random_state=1).fit(*loans)
    neg_cost_scorer(again, X, y)
    again.set_params(random_state=2).fit(*loans)
    neg_cost_scorer(again, X, y)
    assert len(calls) == 4
    make_recourse_scorer("cost", tau=0.9)(again, X, y)
    assert len(calls) == 5


def test_scores_of_three_classes():
    X, _ = make_loan_applications(150, random_state=0)
    y = pd.qcut(X.pop("income"), 3, labels=["a", "b", "c"]).astype(str)
    options = {"scoring": recourse_scoring(), "cv": 2, "error_score": "raise"}
    scores = cross_validate(classifier(), X, y, **options)
    assert (scores["test_roc_auc"] > 0.5).all()
    assert (scores["test_neg_log_loss"] < 0).all()
