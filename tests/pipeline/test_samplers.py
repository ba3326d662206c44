"""Pipelines of imbalanced-learn, whose samplers take no part in a prediction."""

import numpy as np
import pandas as pd
import pytest
from imblearn import FunctionSampler
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import SMOTE, SMOTENC, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct.audit import audit_recourse
from sklearn_ct.scoring import recourse_scoring

SETTINGS = {"max_epochs": 8, "lr": 0.02, "random_state": 0}


def classifier(**parameters):
    return CounterfactualTrainedClassifier(**SETTINGS | parameters)


@pytest.fixture(scope="module")
def rows():
    """One in five is accepted."""
    rng = np.random.default_rng(0)
    n = 200
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "income": rng.normal(30, 9, n).round(1),
            "city": rng.choice(list("abc"), n),
        }
    )
    score = (X.city == "b") * 1.0 + (X.age - 50) / 15 + (X.income - 30) / 9
    return X, np.where(score > score.quantile(0.8), "ok", "no")


def encoded():
    return make_column_transformer(
        (StandardScaler(), ["age", "income"]),
        (OneHotEncoder(sparse_output=False), ["city"]),
    )


PIPELINES = {
    "behind": lambda: make_pipeline(encoded(), SMOTE(random_state=0), classifier()),
    "in front": lambda: make_pipeline(
        SMOTENC(["city"], random_state=0), encoded(), classifier()
    ),
    "two": lambda: make_pipeline(
        RandomOverSampler(sampling_strategy=0.7, random_state=0),
        encoded(),
        RandomUnderSampler(random_state=0),
        classifier(),
    ),
    "both": lambda: make_pipeline(encoded(), SMOTEENN(random_state=0), classifier()),
    "function": lambda: make_pipeline(encoded(), FunctionSampler(), classifier()),
    "alone": lambda: make_pipeline(RandomOverSampler(random_state=0), classifier()),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_samplers_are_passed_over(rows, name):
    X, y = rows
    pipeline = PIPELINES[name]().fit(X, y)
    asked = X[pipeline.predict(X) == "no"]
    result = explain(pipeline, asked, "ok", mutability={"age": "none"})
    reached = np.zeros(len(asked), dtype=bool)
    for income in np.linspace(X.income.min(), X.income.max(), 20):
        for city in "abc":
            moved = asked.assign(income=income, city=city)
            reached |= pipeline.predict(moved) == "ok"
    assert result.valid.sum() >= 0.98 * reached.sum() > 0
    found = result.counterfactuals
    assert (pipeline.predict(found[result.valid]) == "ok").all()
    pd.testing.assert_series_equal(found.age, asked.age)
    assert set(found.city) <= set("abc")
    assert found.dtypes.equals(X.dtypes)


@pytest.mark.filterwarnings("ignore:The number of")
def test_scorers_searches_and_audits(rows):
    X, y = rows
    pipeline = PIPELINES["behind"]()
    scored = cross_validate(
        pipeline, X, y, scoring=recourse_scoring(), cv=2, error_score="raise"
    )
    for name, values in scored.items():
        assert np.isfinite(values).all(), name
    assert scored["test_validity"].min() > 0.9
    search = GridSearchCV(
        pipeline, {"counterfactualtrainedclassifier__lambda_div": [0.1, 0.5]}, cv=2
    )
    search.fit(X, y)
    asked = X[search.predict(X) == "no"][:20]
    assert explain(search, asked, "ok").valid.all()
    audit = audit_recourse(
        search, X, y, sensitive_features=X.city, target="ok", n_bootstrap=100
    )
    assert [group for _, group in audit.by_group.index] == ["a", "b", "c"]


def test_a_network_trained_behind_a_sampler(rows):
    X, y = rows[0][["age", "income"]], rows[1]
    model = make_pipeline(
        StandardScaler(),
        SMOTE(random_state=0),
        MLPClassifier((5,), max_iter=800, random_state=0),
    ).fit(X, y)
    taken = CounterfactualTrainedClassifier.from_pretrained(
        model, **SETTINGS | {"max_epochs": 1, "lr": 1e-12}
    )
    taken.fit(X, y)
    expected = model.predict_proba(X)
    np.testing.assert_allclose(taken.predict_proba(X), expected, atol=2e-6)
