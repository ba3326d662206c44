"""Classifiers that decide at another probability than a half."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_ct import Counterfactuals, CounterfactualTrainedClassifier, explain
from sklearn_ct._pipeline.threshold import Cutoff
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.metrics import robust_accuracy_score
from sklearn_ct.scoring import recourse_scoring, to_classifier

SCORERS = {k: score for k, score in recourse_scoring().items() if callable(score)}
RULES = {"age": "none", "late_payments": "decrease"}


@pytest.fixture(scope="module")
def loans():
    return make_loan_applications(600, random_state=0)


@pytest.fixture(scope="module")
def clf():
    return CounterfactualTrainedClassifier(
        mutability=RULES, max_epochs=8, lr=0.02, random_state=0
    )


def in_front(clf):
    def there(X):
        return X.assign(income=np.log1p(X["income"]), debt=np.log1p(X["debt"]))

    def back(X):
        return X.assign(income=np.expm1(X["income"]), debt=np.expm1(X["debt"]))

    return make_pipeline(FunctionTransformer(there, back, check_inverse=False), clf)


def check(model, X, target, **options):
    asked = X[model.predict(X) != target][:20]
    result = explain(model, asked, target, **options)
    assert len(result) == len(asked) > 10
    assert (result.status == "valid").mean() > 0.9
    table = result.counterfactuals
    np.testing.assert_array_equal(model.predict(table) == target, result.valid)
    own = model.classes_.tolist().index(target)
    probability = model.predict_proba(table)[:, own]
    np.testing.assert_allclose(
        result.probability, np.where(result.valid, probability, np.nan), rtol=1e-9
    )
    assert (table["age"] == asked["age"]).all()
    return result


@pytest.mark.parametrize("wrap", [lambda clf: clf, in_front], ids=["bare", "pipeline"])
@pytest.mark.parametrize("threshold", [0.2, 0.8])
@pytest.mark.parametrize("positive", ["approved", "rejected"])
def test_answers_are_valid_at_the_threshold(loans, clf, wrap, threshold, positive):
    X, y = loans
    model = FixedThresholdClassifier(
        wrap(clf), threshold=threshold, pos_label=positive
    ).fit(X, y)
    for target in ("approved", "rejected"):
        result = check(model, X, target, tau=0.5)
        # No farther than the threshold asks for.
        cut = threshold if target == positive else 1 - threshold
        assert np.nanmedian(result.probability) < cut + 0.1
        if threshold == 0.5:
            assert result.threshold is None
            continue
        np.testing.assert_allclose(result.threshold, cut)
        i = int(np.flatnonzero(result.status == "valid")[0])
        assert f"probability {result.probability[i]:.2f} where {cut:.2f} is enough" in (
            result.describe(i)
        )
        again = Counterfactuals.from_json(result.to_json())
        assert again[i].describe(0) == result.describe(i)


def test_at_a_half_it_is_the_classifier_itself(loans, clf):
    X, y = loans
    model = FixedThresholdClassifier(clf).fit(X, y)
    asked = X[model.predict(X) == "rejected"][:40]
    pd.testing.assert_frame_equal(
        explain(model, asked, "approved").to_frame(),
        model.estimator_.explain(asked, "approved").to_frame(),
    )


def test_tau_counts_from_the_threshold(loans, clf):
    X, y = loans
    model = FixedThresholdClassifier(clf, threshold=0.8, pos_label="approved")
    model.fit(X, y)
    result = check(model, X, "approved", tau=0.75)
    sure = 0.8 * 3 / (0.8 * 3 + 0.2)  # thrice the odds
    assert (result.probability[result.status == "valid"] > sure - 1e-6).mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("positive", ["approved", "rejected"])
def test_tuned_thresholds(loans, clf, positive):
    X, y = loans
    model = TunedThresholdClassifierCV(
        clf, scoring=make_scorer(f1_score, pos_label=positive), cv=2, random_state=0
    )
    with pytest.raises(NotFittedError):
        explain(model, X)
    model.fit(X, y).best_threshold_ = 0.35
    check(model, X, "approved")
    # Behind steps of a pipeline, too.
    last = make_pipeline(FunctionTransformer(), model)
    check(last.fit(X, y), X, "approved")


@pytest.mark.parametrize("threshold", [-1.5, 0.0, 0.5, "auto"])
@pytest.mark.parametrize("positive", ["approved", "rejected"])
def test_thresholds_of_the_decision_function(loans, clf, threshold, positive):
    X, y = loans
    model = FixedThresholdClassifier(
        clf,
        threshold=threshold,
        pos_label=positive,
        response_method="decision_function",
    ).fit(X, y)
    check(model, X, "approved")


def test_scorers_decide_at_the_threshold(loans, clf):
    X, y = loans
    model = FixedThresholdClassifier(clf, threshold=0.8, pos_label="approved")
    scores = {k: score(model.fit(X, y), X, y) for k, score in SCORERS.items()}
    assert np.isfinite(list(scores.values())).all()
    assert scores["validity"] > 0.9
    shifted = Cutoff.of(model).apply(model.estimator_)
    assert scores["robust_accuracy"] == robust_accuracy_score(shifted, X, y)
    assert (shifted.predict(X) == model.predict(X)).all()


def test_of_two_thresholds_the_outer_one_decides(loans, clf):
    X, y = loans
    inner = FixedThresholdClassifier(clf, threshold=0.8, pos_label="approved")
    model = FixedThresholdClassifier(inner, threshold=0.3, pos_label="approved")
    check(model.fit(X, y), X, "approved")
    classifier, _ = to_classifier(model, X)
    assert (classifier.predict(X) == model.predict(X)).all()


@pytest.mark.parametrize("threshold", [0.0, 1.0, -2.0])
def test_thresholds_that_leave_one_class(loans, clf, threshold):
    model = FixedThresholdClassifier(clf, threshold=threshold).fit(*loans)
    with pytest.raises(ValueError, match="FixedThresholdClassifier must be in the ran"):
        explain(model, loans[0])


def test_other_wrappers_are_refused_by_name(loans, clf):
    model = VotingClassifier([("one", clf)]).fit(*loans)
    with pytest.raises(TypeError, match="Got VotingClassifier instead"):
        explain(model, loans[0])
