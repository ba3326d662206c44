"""Scorers of the audit, alone and in scikit-learn's tools."""

import pickle
from functools import partial

import numpy as np
import pytest
from sklearn.model_selection import cross_validate

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.audit import audit_recourse, recourse_survival
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.scoring import burden_ratio_scorer, recourse_scoring, survival_scorer

ASKED = {"sensitive_features": "housing", "target": "approved"}


def test_burden_ratio_of_all_rows_is_that_of_the_audit(fitted, loans):
    X, y, _ = loans
    audit = audit_recourse(fitted, X, y, **ASKED)
    burden = audit.by_group["burden"]
    score = burden_ratio_scorer(fitted, X, y, n_samples=None, **ASKED)
    assert score == pytest.approx(burden.min() / burden.max())
    rough = burden_ratio_scorer(fitted, X, y, n_samples=30, **ASKED)
    assert rough == pytest.approx(score, abs=0.3)
    assert rough != score


def test_burden_ratio_of_intersections_and_of_nobody(fitted, loans):
    X, y, _ = loans
    asked = {"sensitive_features": ["housing", "purpose"], "target": "approved"}
    assert 0 <= burden_ratio_scorer(fitted, X, y, **asked) < 0.6
    happy = fitted.predict(X) == "approved"
    assert np.isnan(burden_ratio_scorer(fitted, X[happy], **ASKED))


def test_burden_ratio_refuses(fitted, loans):
    X, y, _ = loans
    with pytest.raises(ValueError, match="column 'sex', which is not in X"):
        burden_ratio_scorer(fitted, X, sensitive_features="sex", target="approved")
    with pytest.raises(ValueError, match="cannot be told from the labels"):
        burden_ratio_scorer(fitted, X, sensitive_features="housing")


def test_survival_score_is_that_of_the_frame(fitted, loans):
    X, y, _ = loans
    options = {"target": "approved", "n_models": 2, "n_samples": 30, "random_state": 3}
    frame = recourse_survival(fitted, X, y, kinds=["bootstrap"], **options)
    assert survival_scorer(fitted, X, y, **options) == frame["survival"].item()
    happy = fitted.predict(X) == "approved"
    assert np.isnan(survival_scorer(fitted, X[happy], y[happy], target="approved"))


def test_in_the_tools_of_scikit_learn():
    X, y = make_loan_applications(240, random_state=1)
    extra = {
        "burden_ratio": partial(burden_ratio_scorer, n_samples=40, **ASKED),
        "survival": partial(survival_scorer, target="approved", n_samples=20),
    }
    scoring = recourse_scoring(extra=extra)
    assert set(recourse_scoring()) | set(extra) == set(scoring)
    pickle.loads(pickle.dumps(scoring))
    clf = CounterfactualTrainedClassifier(
        max_epochs=3, n_counterfactuals=30, lr=0.02, random_state=0
    )
    found = cross_validate(clf, X, y, scoring=scoring, cv=2, error_score="raise")
    for name in extra:
        assert ((found[f"test_{name}"] >= 0) & (found[f"test_{name}"] <= 1)).all()
