"""Several answers to a row: as many as there are, none twice."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ct import CounterfactualTrainedClassifier, explain


def _fit(X, y, *steps):
    clf = CounterfactualTrainedClassifier(max_epochs=10, lr=0.02, random_state=0)
    return make_pipeline(*steps, clf).fit(X, y)


@pytest.fixture(scope="module")
def numbers():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 5)), columns=[*"abcde"])
    return X, (X.sum(axis=1) > 0).astype(int)


def _is_distinct(result):
    answers = result.counterfactuals.assign(query=result.query)[result.valid]
    return not answers.duplicated().any()


@pytest.mark.parametrize("steps", [(), (StandardScaler(), PCA())])
def test_as_many_as_asked_for(numbers, steps):
    X, y = numbers
    model = _fit(X, y, *steps)
    asked = X[model.predict(X) == 0][:4]
    result = explain(model, asked, 1, n_counterfactuals=12)
    assert result.valid.all()
    assert _is_distinct(result)
    assert (model.predict(result.counterfactuals) == 1).all()
    # Many of them change other features.
    changed = (result.counterfactuals != result.factuals).to_numpy()
    for query in np.unique(result.query):
        assert len(np.unique(changed[result.query == query], axis=0)) >= 6


def test_changes_that_a_domain_forces_do_not_make_answers_alike():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"age": rng.integers(18, 80, 300), "income": rng.normal(30, 9, 300)}
    )
    X["income"] = X["income"].round(1)
    model = _fit(X, np.where(X["income"] > 30, "ok", "no"))
    asked = X[X["income"] < 25][:6]
    result = explain(
        model, asked, "ok", n_counterfactuals=3, domain={"income": (40, None)}
    )
    assert result.valid.all()
    assert _is_distinct(result)
    assert (result.counterfactuals["income"] >= 40).all()


def test_with_one_feature_and_one_change():
    X = pd.DataFrame({"a": np.arange(200), "b": np.tile([0.0, 1.5], 100)})
    model = _fit(X, (X["a"] > 100).astype(int))
    result = explain(
        model, X[:3], 1, n_counterfactuals=8, max_changes=1, mutability={"b": "none"}
    )
    assert result.valid.all()
    assert _is_distinct(result)
    assert (result.n_changes == 1).all()
    # And where there is one value only, there is one answer only.
    result = explain(model, X[:3], 1, n_counterfactuals=3, domain={"a": [1, 2, 150]})
    b_stays = result.counterfactuals["b"] == result.factuals["b"]
    assert (result.counterfactuals["a"][b_stays & result.valid] == 150).all()
    assert _is_distinct(result)


def test_those_that_reach_tau_come_first(numbers):
    X, y = numbers
    model = _fit(X, y)
    asked = X[model.predict(X) == 0][:20]
    result = explain(model, asked, 1, n_counterfactuals=6, tau=0.97, max_changes=1)
    weak = (result.probability < 0.97) & result.valid
    key = np.where(result.valid, result.cost + 1e6 * weak, 1e9)
    assert (np.diff(key.reshape(-1, 6)) >= 0).all()
    assert weak.any()
    assert ["was not reached" in reason for reason in result.reason[weak]]


def test_an_answer_does_not_depend_on_the_other_rows(numbers):
    X, y = numbers
    model = _fit(X, y)
    asked = X[model.predict(X) == 0][:3]
    together = explain(model, asked, 1, n_counterfactuals=9)
    for i in range(len(asked)):
        alone = explain(model, asked[i : i + 1], 1, n_counterfactuals=9)
        pd.testing.assert_frame_equal(
            alone.counterfactuals, together.counterfactuals[9 * i : 9 * i + 9]
        )


def test_what_follows_does_not_make_answers_alike(numbers):
    X, y = numbers
    X = X.assign(total=X["a"] + X["b"])
    clf = CounterfactualTrainedClassifier(
        mutability={"*": "none", "a": "both", "b": "both", "total": "follows"},
        relations=None,
        max_epochs=10,
        lr=0.02,
        random_state=0,
    )
    pipeline = make_pipeline(StandardScaler(), clf)
    pipeline[:-1].set_output(transform="pandas")
    asked = X[pipeline.fit(X, y).predict(X) == 0][:20]
    result = explain(
        pipeline,
        asked,
        1,
        n_counterfactuals=3,
        project=lambda table: table.assign(total=table["a"] + table["b"]),
    )
    assert result.valid.mean() > 0.3
    assert _is_distinct(result)
