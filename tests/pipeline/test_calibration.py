"""Calibrated classifiers, explained at their own probabilities."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.fixes import parse_version

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct._pipeline.calibration import Calibration
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.scoring import recourse_scoring
from tests.pipeline.test_threshold import check

SCORERS = {k: score for k, score in recourse_scoring().items() if callable(score)}
OLD = parse_version(sklearn.__version__) < parse_version("1.8")
has_temperature = pytest.mark.skipif(OLD, reason="new in scikit-learn 1.8")
METHODS = ["sigmoid", pytest.param("temperature", marks=has_temperature)]


@pytest.fixture(scope="module")
def loans():
    return make_loan_applications(800, random_state=0)


@pytest.fixture(scope="module")
def clf(loans):
    X, y = loans
    return CounterfactualTrainedClassifier(
        mutability={"age": "none"},
        max_epochs=8,
        lr=0.02,
        lambda_adv=1.0,  # robust, and so too cautious
        random_state=0,
    ).fit(X[:400], y[:400])


def calibrated(clf, loans, method):
    X, y = loans
    model = CalibratedClassifierCV(FrozenEstimator(clf), method=method)
    # For the temperature scikit-learn 1.9 looks at y[0], whatever the index.
    return model.fit(X[400:], np.asarray(y[400:]))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", ["approved", "rejected"])
def test_answers_are_valid_and_sure_as_calibrated(loans, clf, method, target):
    model, X = calibrated(clf, loans, method), loans[0]
    own = model.classes_.tolist().index(target)
    # It makes a difference.
    change = model.predict_proba(X)[:, own] - clf.predict_proba(X)[:, own]
    assert np.abs(change).max() > 0.02
    assert np.nanmedian(check(model, X, target, tau=0.5).probability) < 0.6
    result = check(model, X, target, tau=0.7)
    assert result.probability[result.status == "valid"].min() > 0.7 - 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_the_calibrated_logits(loans, clf, method):
    model, X = calibrated(clf, loans, method), loans[0]
    moved = Calibration.of(model).apply(clf)
    np.testing.assert_allclose(
        moved.predict_proba(X), model.predict_proba(X), rtol=1e-9, atol=1e-12
    )
    before = clf.predict_proba(X[:5])
    moved.predict_proba(X[:5])
    np.testing.assert_array_equal(clf.predict_proba(X[:5]), before)


@has_temperature
def test_the_temperature_of_three_classes():
    draw = np.random.default_rng(0)
    y = np.arange(300) % 3
    X = draw.normal(size=(300, 2)) + 2 * np.eye(3)[y][:, :2]
    clf = CounterfactualTrainedClassifier(max_epochs=5, lr=0.02, random_state=0)
    model = CalibratedClassifierCV(
        FrozenEstimator(clf.fit(X, y)), method="temperature"
    ).fit(X, y)
    moved = Calibration.of(model).apply(clf)
    np.testing.assert_allclose(moved.predict_proba(X), model.predict_proba(X))
    asked = X[model.predict(X) == 0][:20]
    result = explain(model, asked, 2, tau=0.6)
    assert (model.predict(result.counterfactuals)[result.valid] == 2).all()
    assert result.valid.mean() > 0.9


@has_temperature
def test_labels_that_were_encoded_on_the_way(loans, clf):
    X, y = loans
    model = CalibratedClassifierCV(
        clone_of(clf), method="temperature", ensemble=False, cv=2
    ).fit(X, np.asarray(y))
    inner = model.calibrated_classifiers_[0].estimator.classes_
    assert inner.tolist() != model.classes_.tolist()
    check(model, X, "approved", tau=0.6)
    scores = {k: score(model, X[:200], y[:200]) for k, score in SCORERS.items()}
    assert np.isfinite(list(scores.values())).all()


@pytest.mark.slow
def test_in_and_around_pipelines_searches_and_thresholds(loans, clf):
    def there(X):
        return X.assign(income=np.log1p(X["income"]))

    def back(X):
        return X.assign(income=np.expm1(X["income"]))

    X, y = loans
    steps = FunctionTransformer(there, back, check_inverse=False)
    plain = clone_of(clf)
    inside = make_pipeline(
        steps, CalibratedClassifierCV(plain, cv=2, ensemble=False)
    ).fit(X, y)
    check(inside, X, "approved", tau=0.6)
    around = CalibratedClassifierCV(make_pipeline(steps, plain), cv=2, ensemble=False)
    search = GridSearchCV(around, {"method": ["sigmoid"]}, cv=2).fit(X, y)
    check(search, X, "approved")
    strict = FixedThresholdClassifier(
        FrozenEstimator(around.fit(X, y)), threshold=0.7, pos_label="approved"
    ).fit(X, y)
    assert np.nanmin(check(strict, X, "approved").probability) > 0.7 - 1e-6


def clone_of(clf):
    return sklearn.base.clone(clf).set_params(max_epochs=5)


def test_a_frozen_classifier_is_the_classifier(loans, clf):
    asked = loans[0][:20]
    pd.testing.assert_frame_equal(
        explain(FrozenEstimator(clf), asked).to_frame(), clf.explain(asked).to_frame()
    )


def test_scorers(loans, clf):
    X, y = loans
    model = calibrated(clf, loans, "sigmoid")
    scores = {k: score(model, X[:200], y[:200]) for k, score in SCORERS.items()}
    assert np.isfinite(list(scores.values())).all()
    assert scores["validity"] > 0.9


def test_what_cannot_be_explained_is_named(loans, clf):
    X, y = loans
    several = CalibratedClassifierCV(clone_of(clf), cv=2, ensemble=True).fit(X, y)
    with pytest.raises(ValueError, match=r"mean of 2 classifiers.*ensemble=False"):
        explain(several, X)
    with pytest.raises(ValueError, match=r"Got 'isotonic' with 2 classes"):
        explain(calibrated(clf, loans, "isotonic"), X)
    twice = calibrated(calibrated(clf, loans, "sigmoid"), loans, "sigmoid")
    with pytest.raises(ValueError, match="calibrated already"):
        explain(twice, X)
    numbers = make_pipeline(StandardScaler(), LogisticRegression())
    foreign = CalibratedClassifierCV(numbers, cv=2, ensemble=False)
    foreign.fit(X[["income", "debt"]], y)
    with pytest.raises(TypeError, match="Got CalibratedClassifierCV instead"):
        explain(foreign, X[["income", "debt"]])
    with pytest.raises(TypeError, match="takes a fitted"):
        explain(CalibratedClassifierCV(clf), X)
