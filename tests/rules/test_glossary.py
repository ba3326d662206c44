"""What a glossary says holds in every answer, and what it cannot say is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_ct import Counterfactuals, CounterfactualTrainedClassifier, explain
from sklearn_ct._tables.encoder import TabularEncoder
from sklearn_ct.datasets import make_loan_applications

RULES = {"age": "none", "employment_years": "increase", "late_payments": "decrease"}
GLOSSARY = {
    "income": {"label": "yearly income", "step": 500, "smallest_change": 1000},
    "debt": {"step": 250, "smallest": 600},
    "savings": {"step": 100.0, "smallest change": 1000, "kind": "action"},
    "loan_amount": {"step": 500},
    "employment_years": {"unit": "years", "kind": "waiting", "smallest_change": 2},
    "housing": {"label": "home", "values": {"own": "a home of your own"}},
}


@pytest.fixture(scope="module")
def loans():
    return make_loan_applications(600, random_state=0)


def classifier(**parameters):
    settings = {"max_epochs": 8, "n_counterfactuals": 50, "lr": 0.02}
    return CounterfactualTrainedClassifier(random_state=0, **settings, **parameters)


@pytest.fixture(scope="module")
def clf(loans):
    return classifier(mutability=RULES).fit(*loans)


@pytest.fixture(scope="module")
def in_front(loans):
    """A pipeline whose answers are in other units than its classifier's."""
    logarithm = FunctionTransformer(
        np.log1p, np.expm1, feature_names_out="one-to-one", check_inverse=False
    )
    columns = make_column_transformer(
        (logarithm, ["income", "debt"]),
        (StandardScaler(), ["savings", "loan_amount", "age"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    return make_pipeline(columns, classifier()).fit(*loans)


def rejected(model, X, n=40):
    return X[model.predict(X) == "rejected"][:n]


def check_steps(model, result, glossary=GLOSSARY):
    """Oracle: every changed number of the table, by plain arithmetic."""
    moved = 0
    for column, entry in glossary.items():
        if not pd.api.types.is_numeric_dtype(result.factuals[column]):
            continue
        before = result.factuals[column].to_numpy(float)
        after = result.counterfactuals[column].to_numpy(float)
        changed = before != after
        times = after[changed] / entry.get("step", 1)
        np.testing.assert_allclose(times, np.round(times), rtol=0, atol=1e-9)
        least = max(v for k, v in {"": 0, **entry}.items() if k[:5] in ("small", ""))
        assert (np.abs(after - before)[changed] >= least - 1e-9).all()
        moved += changed.sum()
    predicted = model.predict(result.counterfactuals)
    np.testing.assert_array_equal(predicted == result.target, result.valid)
    return moved


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_counterfactuals": 3},
        {"effort": "walk"},
        {"max_changes": 2},
        {"tau": 0.95},
        {"margin": 0.1, "effort": "walk"},
        {"domain": {"income": (0, 60_250), "savings": (130, None)}},
        {"domain": {"income": [25_000, 40_000, 60_250, 90_000]}},
        {"mutability": {"income": "increase", "savings": "decrease"}},
    ],
    ids=str,
)
def test_answers_are_in_steps(clf, loans, options):
    asked = rejected(clf, loans[0])
    result = clf.explain(asked, "approved", glossary=GLOSSARY, **options)
    assert check_steps(clf, result) > 20
    plain = clf.explain(asked, "approved", **options)
    assert result.valid.mean() >= plain.valid.mean() - 0.1
    alone = clf.explain(asked[3:4], "approved", glossary=GLOSSARY, **options)
    k = options.get("n_counterfactuals", 1)
    pd.testing.assert_frame_equal(
        alone.counterfactuals, result.counterfactuals[3 * k : 3 * k + k]
    )


def test_answers_behind_a_pipeline_are_in_steps(in_front, loans):
    asked = rejected(in_front, loans[0], 25)
    result = explain(
        in_front, asked, "approved", glossary=GLOSSARY, n_counterfactuals=2
    )
    assert check_steps(in_front, result) > 20
    assert result.valid.mean() > 0.8
    # Rows that stay are not rounded.
    same = result.factuals["income"] == result.counterfactuals["income"]
    assert (result.factuals["income"][same] % 500 != 0).any()


def test_arrays_and_fractions():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = (X @ [1.0, 1.0, 0.2] > 0).astype(int)
    model = classifier().fit(X, y)
    asked = X[model.predict(X) == 0][:30]
    glossary = pd.DataFrame({"step": [0.1, None], "smallest_change": [0.3, 0.5]})
    result = model.explain(asked, glossary=glossary)
    before, after = result.factuals, result.counterfactuals
    moved = before != after
    times = after[:, 0][moved[:, 0]] / 0.1
    np.testing.assert_allclose(times, np.round(times), rtol=0, atol=1e-9)
    # What is printed is the multiple itself.
    assert all(len(repr(float(v))) < 6 for v in after[:, 0][moved[:, 0]])
    for j, least in enumerate([0.3, 0.5]):
        assert (np.abs(after - before)[:, j][moved[:, j]] >= least - 1e-9).all()
    assert moved[:, :2].any(axis=0).all()
    assert result.valid.mean() > 0.9


def test_what_follows_keeps_the_values_given(clf, loans):
    def share(frame):
        return frame.assign(savings=(frame["income"] * 0.1).round().astype(int))

    asked = share(rejected(clf, loans[0], 15))
    result = clf.explain(
        asked, "approved", project=share, glossary={"savings": {"step": 1000}}
    )
    assert result.valid.mean() > 0.5
    assert share(result.counterfactuals).equals(result.counterfactuals)


def test_it_is_kept(clf, loans):
    asked = rejected(clf, loans[0], 5)
    result = clf.explain(asked, "approved", glossary=GLOSSARY)
    kept = result.glossary
    assert set(kept) == set(GLOSSARY)
    assert kept["income"]["label"] == "yearly income"
    assert kept["debt"]["smallest_change"] == 600
    assert kept["savings"]["kind"] == "action"
    assert result[2:4].glossary == kept
    assert Counterfactuals.from_json(result.to_json()).glossary == kept
    assert clf.explain(asked).glossary is None
    assert clf.explain(asked, glossary={}).glossary == {}
    # The classifier is as it was.
    pd.testing.assert_frame_equal(
        clf.explain(asked, "approved").counterfactuals,
        clf.explain(asked, "approved", glossary={}).counterfactuals,
    )
    assert all(v.step is None for v in clf.encoder_.variables_)


def test_a_frame_says_the_same(clf, loans):
    asked = rejected(clf, loans[0], 5)
    frame = pd.DataFrame(
        [{"label": "yearly income", "step": 500}, {"unit": "years", "kind": "waiting"}],
        index=["income", "employment_years"],
    )
    words = {
        "income": {"label": "yearly income", "step": 500},
        "employment_years": {"unit": "years", "kind": "waiting"},
    }
    by_frame, by_dict = (clf.explain(asked, glossary=g) for g in (frame, words))
    assert by_frame.glossary == by_dict.glossary
    pd.testing.assert_frame_equal(by_frame.to_frame(), by_dict.to_frame())


@pytest.mark.parametrize(
    ("glossary", "message"),
    [
        (
            {"incme": {}},
            "'glossary' parameter: Unknown column 'incme'. Did you mean 'i",
        ),
        ({"income": {"steps": 5}}, "unknown key 'steps'. Did you mean 'step'"),
        ({"income": {"step": 0}}, "'step' must be a finite number greater than 0"),
        ({"income": {"step": -5}}, "column 'income': 'step' must be .* Got -5 instead"),
        ({"income": {"step": True}}, "Got True instead"),
        ({"income": {"step": "5"}}, "Got '5' instead"),
        ({"income": {"step": 0.5}}, "'step' must be a multiple of 1, .* Got 0.5"),
        ({"debt": {"step": 0.005}}, "'step' must be a multiple of 0.01"),
        ({"income": {"smallest_change": 0}}, "'smallest_change' must be a finite"),
        ({"income": {"kind": "wait"}}, "'action', 'waiting', 'history'. Got 'wait'"),
        ({"income": {"label": 3}}, "'label' must be text. Got 3"),
        ({"income": {"unit": " "}}, "'unit' must be text"),
        ({"income": 3}, "must be a dict of label, unit, .* Got 3 instead"),
        ({"housing": {"step": 1}}, "has a 'step', but the column is a category"),
        ({"housing": {"values": {"boat": "b"}}}, "the unknown category 'boat'"),
        ({"housing": {"values": ["own"]}}, "must be a dict {category: words}"),
        ({"income": {"values": {1: "a"}}}, "of a category. Got {1: 'a'}"),
        ([{"income": {}}], "The 'glossary' parameter of explain must be"),
        (
            pd.DataFrame({"step": [1, 2]}, index=["income", "income"]),
            "has the column 'income' more than once",
        ),
    ],
)
def test_errors(clf, loans, glossary, message):
    with pytest.raises(ValueError, match=message):
        clf.explain(loans[0][:2], glossary=glossary)


def test_rounding_to_steps_by_brute_force():
    frame = pd.DataFrame({"a": np.random.default_rng(0).normal(size=50)})
    (variable,) = TabularEncoder().fit(frame).variables_
    stepped = replace(variable, step=0.25, smallest=0.6)
    values = np.array([0.1, 0.25, -0.1, 0.3, -0.3])
    for way, expected in (
        (1.0, [0.25, 0.25, 0.0, 0.5, -0.25]),
        (-1.0, [0.0, 0.25, -0.25, 0.25, -0.5]),
        (0.0, [0.0, 0.25, 0.0, 0.25, -0.25]),
    ):
        np.testing.assert_array_equal(stepped.snap(values, way), expected)
    here = np.zeros(5)
    new = np.array([0.0, 0.5, 0.75, 0.7, -1.0])
    assert stepped.is_answer(new, here).tolist() == [True, False, True, False, True]


def test_the_past_is_asked_for_where_nothing_else_helps(clf, loans):
    asked = rejected(clf, loans[0], 60)
    closed = {"*": "none", "late_payments": "decrease", "savings": "both"}
    options = {"domain": {"savings": (0, 20_000)}}
    kind = {"late_payments": {"kind": "history"}}
    free = clf.explain(asked, "approved", mutability=closed, **options)
    told = clf.explain(asked, "approved", mutability=closed, glossary=kind, **options)
    shut = closed | {"late_payments": "none"}
    held = clf.explain(asked, "approved", mutability=shut, **options)
    was = asked["late_payments"].to_numpy()
    lapse = [(one.counterfactuals["late_payments"] < was).sum() for one in (free, told)]
    assert free.valid.sum() == told.valid.sum() > held.valid.sum() > 0
    assert lapse[0] > lapse[1] == (told.valid & ~held.valid).sum()
    alone = clf.explain(
        asked[7:8], "approved", mutability=closed, glossary=kind, **options
    )
    pd.testing.assert_frame_equal(alone.counterfactuals, told.counterfactuals[7:8])


def test_steps_of_large_numbers_stay_whole():
    encoder = TabularEncoder().fit(np.arange(10.0)[:, None] * 1e9)
    stepped = replace(encoder.variables_[0], step=5.0)
    found = stepped.snap(np.array([7_377_624_606.0, 3e12 + 4]), -1.0)
    np.testing.assert_array_equal(found, [7_377_624_605.0, 3e12])


def test_what_relations_move_along_is_in_steps():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"part": rng.integers(0, 30, 400)})
    X["whole"] = X.part + rng.poisson(3, 400)
    X["part"] = np.maximum(X.part, X.whole - 5)
    y = (X.whole > 16).astype(int)
    near = {"column": "whole", "minus": "part", "at_most": 5}
    clf = CounterfactualTrainedClassifier(
        relations=[near], max_epochs=10, lr=0.01, random_state=0
    ).fit(X, y)
    asked = X[clf.predict(X) == 0]
    glossary = {"part": {"smallest_change": 12}}
    result = clf.explain(asked, 1, glossary=glossary, mutability={"part": "increase"})
    change = result.counterfactuals.part - asked.part
    assert set(change[change < 12]) == {0}
    assert (result.counterfactuals.whole - result.counterfactuals.part <= 5).all()
    assert result.valid.all()
    assert (change > 0).any()


def test_a_number_that_must_change_and_cannot_in_steps(clf, loans):
    asked = rejected(clf, loans[0])
    asked = asked[asked.savings < 1000]
    glossary = {"savings": {"step": 5000, "smallest_change": 6000}}
    result = clf.explain(
        asked, "approved", glossary=glossary, domain={"savings": (3000, 6000)}
    )
    assert (result.status == "infeasible").all()


def test_a_number_that_must_change_takes_what_its_list_has_far_enough(clf, loans):
    asked = rejected(clf, loans[0])
    own = asked.credit_lines.to_numpy()
    lists = [{"credit_lines": [int(k) + 1, 0 if k > 4 else 9]} for k in own]
    glossary = {"credit_lines": {"smallest_change": 3}}
    result = clf.explain(asked, "approved", glossary=glossary, domain=lists)
    assert result.valid.any()
    far = (result.counterfactuals.credit_lines - asked.credit_lines).abs()
    assert (far[result.valid] >= 3).all()
