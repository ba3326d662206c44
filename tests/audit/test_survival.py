"""Survival: which answers later models accept."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from pandas.testing import assert_frame_equal
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.audit import _survival, recourse_survival
from sklearn_ct.audit._survival import interval_over_both
from sklearn_ct.datasets import make_moons

X, Y = make_moons(240, random_state=0)
FAST = {"n_models": 2, "n_samples": 40}


def classifier(**parameters):
    settings = {"max_epochs": 3, "n_counterfactuals": 30, "lr": 0.02, "random_state": 0}
    return CounterfactualTrainedClassifier(**settings | parameters)


@pytest.fixture(scope="module")
def fitted():
    return classifier().fit(X, Y)


@pytest.fixture(scope="module")
def answers(fitted):
    return fitted.explain(X[:60])


def constant(label):
    return DummyClassifier(strategy="constant", constant=label).fit(X, Y)


def test_models_given_judge_as_they_predict(fitted, answers):
    others = [classifier(random_state=seed).fit(X, Y) for seed in (5, 6, 7)]
    frame = recourse_survival(fitted, X, Y, answers, kinds=(), models=others)
    accepted = np.array([m.predict(answers.counterfactuals) for m in others]).T
    accepted = accepted == answers.target[:, None]
    before = np.array([m.predict(answers.factuals) for m in others]).T
    before = before == answers.target[:, None]
    (row,) = frame.to_dict("records")
    assert row["kind"] == "models"
    assert row["survival"] == accepted.mean()
    assert row["always"] == accepted.all(axis=1).mean()
    assert row["accepted_unchanged"] == before.mean() > 0
    assert row["survival_where_needed"] == accepted[~before].mean()
    assert row["cost"] == pytest.approx(answers.cost.mean())
    assert (row["n"], row["n_infeasible"], row["n_models"]) == (60, 0, 3)
    assert row["low"] <= row["survival"] <= row["high"]


def test_models_that_always_say_the_same(fitted):
    options = {"kinds": (), "target": 1, "n_samples": 30}
    yes, no = (
        recourse_survival(fitted, X, Y, models=[constant(k)] * 2, **options).iloc[0]
        for k in (1, 0)
    )
    assert yes["survival"] == yes["accepted_unchanged"] == 1.0
    assert np.isnan(yes["survival_where_needed"])
    assert no["survival"] == no["always"] == no["low"] == 0.0
    assert yes["low"] < 1.0
    assert no["high"] > 0.0


def test_training_again_is_what_it_says(fitted, answers):
    frame = recourse_survival(
        fitted, X, Y, answers, new_data=(X[:150], Y[:150]), noise=0.1, **FAST
    )
    assert frame["kind"].tolist() == ["seed", "bootstrap", "new_data", "noise"]
    # The seed's models are ones of the same settings with other seeds.
    seeds = np.random.default_rng([np.random.RandomState(0).randint(2**31 - 1), 5])
    models = [
        classifier(random_state=int(seeds.integers(2**31))).fit(X, Y) for _ in range(2)
    ]
    given = recourse_survival(fitted, X, Y, answers, kinds=(), models=models)
    measured = ["survival", "low", "high", "always", "accepted_unchanged"]
    assert frame.loc[0, measured].tolist() == given.loc[0, measured].tolist()


def test_more_noise_survives_less(fitted, answers):
    little, much = (
        recourse_survival(fitted, X, Y, answers, kinds=(), noise=noise)["survival"][0]
        for noise in (1e-6, 1.0)
    )
    assert little > 0.95
    assert much < 0.8


def test_noise_leaves_what_is_no_number(fitted, monkeypatch):
    frame = pd.DataFrame(
        {
            "a": [1, 2, 3, 4],
            "b": [0.5, 1.5, 2.5, 9.0],
            "c": list("xyxy"),
            "d": [0, 1] * 2,
        }
    )
    seen = []

    class Asked:
        after = frame

        def judged(self, model, after):
            seen.append(after)

    _survival._noisy(None, frame, [Asked()], 0.5, np.random.SeedSequence(0))
    (after,) = seen
    assert after["a"].dtype == frame["a"].dtype
    assert (after["b"] != frame["b"]).all()
    assert_frame_equal(after[["c", "d"]], frame[["c", "d"]])


def test_several_taus_have_the_same_models(fitted):
    frame = recourse_survival(fitted, X, Y, tau=[0.5, 0.9], target=1, **FAST)
    assert frame["tau"].tolist() == [0.5, 0.9] * 2
    cheap, dear = frame["tau"] == 0.5, frame["tau"] == 0.9
    assert frame["cost"][dear].min() > frame["cost"][cheap].max()
    unchanged = frame["accepted_unchanged"].to_numpy()
    assert (unchanged[cheap] == unchanged[dear]).all()
    alone = recourse_survival(fitted, X, Y, tau=0.9, target=1, **FAST)
    assert_frame_equal(alone, frame[dear].reset_index(drop=True))


def test_answers_of_several_taus(fitted, answers):
    given = {0.5: answers, 0.9: fitted.explain(X[:60], tau=0.9)}
    frame = recourse_survival(fitted, X, Y, given, **FAST)
    assert frame["tau"].tolist() == [0.5, 0.9] * 2
    alone = recourse_survival(fitted, X, Y, given[0.9], tau=0.9, **FAST)
    assert_frame_equal(alone, frame[frame["tau"] == 0.9].reset_index(drop=True))


def test_rows_without_an_answer_are_counted(fitted):
    answers = fitted.explain(X[:40], mutability=["none", "none"])
    with pytest.raises(ValueError, match="no row has a valid one"):
        recourse_survival(fitted, X, Y, answers, **FAST)
    rules = [{0: "none", 1: "none"}] * 20 + [{}] * 20
    half = fitted.explain(X[:40], mutability=rules)
    frame = recourse_survival(fitted, X, Y, half, **FAST)
    assert set(frame["n"]) == set(frame["n_infeasible"]) == {20}


def test_seed_decides_and_n_jobs_does_not(fitted):
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    one, other = (
        recourse_survival(fitted, X, Y, random_state=seed, **FAST) for seed in (1, 2)
    )
    with parallel_config("threading"):
        two = recourse_survival(fitted, X, Y, random_state=1, n_jobs=2, **FAST)
    assert_frame_equal(one, two)
    assert not one.equals(other)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_pipelines_searches_and_thresholds():
    pipeline = make_pipeline(StandardScaler(), classifier())
    name = "counterfactualtrainedclassifier__lambda_reg"
    search = GridSearchCV(pipeline, {name: [0.05]}, cv=2).fit(X, Y)
    threshold = FixedThresholdClassifier(search.best_estimator_, threshold=0.7)
    for estimator in (search, threshold.fit(X, Y)):
        frame = recourse_survival(estimator, X, Y, kinds=("seed",), target=1, **FAST)
        assert frame["n"].item() == 40
        assert frame["survival"].between(0.05, 1).all()
    assert estimator.threshold == 0.7


def test_a_progress_bar(fitted, capsys):
    recourse_survival(fitted, X, Y, verbose=1, **FAST)
    assert "training: 100%" in capsys.readouterr().err
    recourse_survival(fitted, X, Y, **FAST)
    assert capsys.readouterr().err == ""


def test_interval_over_rows_and_models():
    rng = np.random.default_rng(0)
    # All models alike: only the rows count, and all rows alike: only the models do.
    row = rng.uniform(size=(200, 1)) < 0.7
    mean, low, high = interval_over_both(np.repeat(row, 5, axis=1), 0.95)
    half = 1.972 * row.std(ddof=1) / np.sqrt(200)
    assert (low, high) == pytest.approx((mean - half, mean + half), rel=1e-3)
    model = np.array([[True, True, False, True, False]])
    mean, low, high = interval_over_both(np.repeat(model, 200, axis=0), 0.95)
    half = 2.776 * model.std(ddof=1) / np.sqrt(5)
    assert (low, high) == pytest.approx(
        (max(mean - half, 0), min(mean + half, 1)), rel=1e-3
    )


def test_what_cannot_be_trained_again_is_refused():
    frozen = FixedThresholdClassifier(
        FrozenEstimator(classifier().fit(X, Y)), threshold=0.6
    ).fit(X, Y)
    with pytest.raises(ValueError, match="FrozenEstimator again: fit such models and"):
        recourse_survival(frozen, X, Y, **FAST)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": "seed"}, "'kinds' parameter .* Got 'seed'"),
        ({"kinds": ["later"]}, "'kinds' parameter"),
        ({"kinds": ()}, "has no models: give"),
        ({"n_models": 1}, "'n_models' parameter"),
        ({"noise": -1}, "'noise' parameter"),
        ({"target": 7}, "one of the classes"),
    ],
)
def test_bad_input_is_named(fitted, options, message):
    with pytest.raises(ValueError, match=message):
        recourse_survival(fitted, X, Y, **options)


def test_everybody_is_content(fitted):
    happy = fitted.predict(X) == 1
    with pytest.raises(ValueError, match="all rows of X are predicted as 1"):
        recourse_survival(fitted, X[happy], Y[happy], target=1)
