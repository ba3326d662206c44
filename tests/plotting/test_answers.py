"""Displays hold the right numbers and draw them."""

import sys
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.metrics import robust_accuracy_curve
from sklearn_ct.plotting import (
    AnswerDisplay,
    ChangesDisplay,
    GroupsDisplay,
    RobustAccuracyDisplay,
)

X, Y = make_loan_applications(300, random_state=0)
RULES = {"age": "none", "late_payments": "none"}


@pytest.fixture(scope="module")
def fitted():
    return CounterfactualTrainedClassifier(max_epochs=8, lr=0.01, random_state=0).fit(
        X, Y
    )


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture(scope="module")
def answers(fitted):
    # Dear numbers, so that categories are asked for, too; some rows need no answer.
    costs = dict.fromkeys(X.select_dtypes("number"), 50.0)
    return fitted.explain(X, "approved", feature_costs=costs, mutability=RULES)


def test_shares_are_those_of_the_answers(answers, ax):
    display = ChangesDisplay.from_counterfactuals(answers, ax=ax)
    assert {"already", "valid"} <= set(answers.status)
    found = np.isin(answers.status, ("valid", "fallback"))
    assert display.n_answers == found.sum()
    before, after = answers.factuals[found], answers.counterfactuals[found]
    changed = {c: (before[c].astype(object) != after[c]).mean() for c in X}
    assert display.shares.sum(axis=1).to_dict() == pytest.approx(
        {c: share for c, share in changed.items() if share}
    )
    for column, shares in display.shares.iterrows():
        if pd.api.types.is_numeric_dtype(X[column]):
            assert shares["raised"] == (after[column] > before[column]).mean()
            assert shares["lowered"] == (after[column] < before[column]).mean()
            assert shares["switched"] == 0
        else:
            assert shares["switched"] == changed[column]
    assert (display.shares.any()).all()  # of every kind there is one
    assert display.shares.sum(axis=1).is_monotonic_decreasing


def test_sizes_are_those_of_the_changes(answers, ax):
    display = ChangesDisplay.from_counterfactuals(answers, ax=ax)
    assert display.sizes.index.equals(display.shares.index)
    for column, size in display.sizes.items():
        if pd.api.types.is_numeric_dtype(X[column]):
            by = (answers.counterfactuals[column] - answers.factuals[column]).abs()
            assert size == by[by > 0].median()
        else:
            assert np.isnan(size)
    words = [text.get_text() for text in ax.texts]
    assert len(words) == display.sizes.notna().sum()
    assert all(word.startswith(" by ") for word in words)


@pytest.mark.parametrize("measure", ["cost", "implausibility", "n_changes"])
def test_groups(answers, ax, measure):
    display = GroupsDisplay.from_counterfactuals(answers, "housing", measure, ax=ax)
    moved = np.isin(answers.status, ("valid", "fallback"))
    assert set(display.values) == set(X["housing"])
    for label, values in display.values.items():
        own = moved & (answers.factuals["housing"] == label).to_numpy()
        np.testing.assert_array_equal(values, getattr(answers, measure)[own])
    summary = answers.evaluate(by="housing")
    assert display.answered == summary["answered"].to_dict()
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert len(labels) == len(summary)
    shares = [f"{share:.0%}" for share in summary["answered"]]
    assert [label.split("\n")[-1] for label in labels] == shares
    medians = [line.get_ydata()[0] for line in display.boxes_["medians"]]
    assert medians == [np.median(values) for values in display.values.values()]


def test_groups_of_an_unknown_measure(answers):
    with pytest.raises(ValueError, match="must be one of 'cost', .* Got 'price'"):
        GroupsDisplay.from_counterfactuals(answers, "housing", "price")
    with pytest.raises(ValueError, match="unknown column 'home'"):
        GroupsDisplay.from_counterfactuals(answers, "home")


def test_one_answer(answers, ax):
    several = np.flatnonzero(answers.n_changes > 1)
    names = set()
    for i in several[:10]:
        display = AnswerDisplay.from_counterfactuals(answers, int(i), ax=ax)
        changes = answers[int(i)].changes().set_index("feature")
        assert display.changes.index.tolist() == changes.index.tolist()
        for feature, row in display.changes.iterrows():
            names.add(feature)
            if not pd.api.types.is_numeric_dtype(X[feature]):
                assert np.isnan(row["start"])
                assert row["before"] == changes.loc[feature, "from"]
                continue
            among = answers.factuals[feature].to_numpy()
            expected = [
                np.mean(among < changes.loc[feature, end])
                + np.mean(among == changes.loc[feature, end]) / 2
                for end in ("from", "to")
            ]
            assert row[["start", "end"]].tolist() == pytest.approx(expected)
    assert len(names) > 2
    none = int(np.flatnonzero(answers.status == "already")[0])
    assert "already" in AnswerDisplay.from_counterfactuals(answers, none, ax=ax).title
    with pytest.raises(ValueError, match="a single row"):
        AnswerDisplay.from_counterfactuals(answers, slice(0, 2), ax=ax)


def test_robust_accuracy_of_another_model_says_what_it_needs(ax):
    numbers = X[["income", "age"]]
    model = LogisticRegression().fit(numbers, Y)
    with pytest.raises(TypeError, match="Got LogisticRegression instead"):
        RobustAccuracyDisplay.from_estimator(model, numbers, Y, ax=ax)


def test_bars_show_the_shares(answers, ax):
    display = ChangesDisplay.from_counterfactuals(answers, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    for direction, bars in display.bars_.items():
        widths = [bar.get_width() for bar in bars]
        assert widths == pytest.approx(display.shares[direction].to_list())
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == display.shares.index.to_list()
    ends = display.shares.sum(axis=1).max()
    assert ax.get_xlim() == (0, pytest.approx(1.4 * ends))


def test_the_most_frequent_features(answers):
    display = ChangesDisplay.from_counterfactuals(answers, ax=Figure().subplots())
    display.plot(Figure().subplots(), max_features=2, color="black")
    assert len(display.ax_.get_yticklabels()) == 2
    assert len(display.shares) > 2


def test_changes_of_an_estimator(fitted, ax):
    pipeline = make_pipeline(FunctionTransformer(), fitted)
    display = ChangesDisplay.from_estimator(
        pipeline, X[:40], "approved", ax=ax, mutability=RULES
    )
    expected = fitted.explain(X[:40], "approved", mutability=RULES)
    expected = ChangesDisplay.from_counterfactuals(expected, ax=Figure().subplots())
    pd.testing.assert_frame_equal(display.shares, expected.shares)


def test_missing_numbers_that_are_set_are_switched(answers, ax):
    rows = np.flatnonzero(answers.counterfactuals["debt"] != answers.factuals["debt"])
    factuals = answers.factuals.astype({"debt": float})
    factuals.iloc[rows[:1], factuals.columns.get_loc("debt")] = np.nan
    missing = replace(answers, factuals=factuals)
    before = ChangesDisplay.from_counterfactuals(answers, ax=ax).shares.loc["debt"]
    display = ChangesDisplay.from_counterfactuals(missing, ax=ax)
    after = display.shares.loc["debt"]
    assert after["switched"] == 1 / display.n_answers
    assert after.sum() == pytest.approx(before.sum())


@pytest.mark.parametrize("rows", [0, 5])
def test_nothing_to_change(fitted, ax, rows):
    asked = X[fitted.predict(X) == "approved"][:rows]
    display = ChangesDisplay.from_estimator(fitted, asked, "approved", ax=ax)
    assert display.n_answers == 0
    assert display.shares.shape == (0, 3)
    assert display.bars_ == {}


def test_columns_without_names(ax):
    numbers = X.select_dtypes("number").to_numpy()
    clf = CounterfactualTrainedClassifier(max_epochs=3, random_state=0).fit(numbers, Y)
    display = ChangesDisplay.from_estimator(clf, numbers[:30], "approved", ax=ax)
    assert set(display.shares.index) <= set(range(numbers.shape[1]))
    assert display.shares["switched"].eq(0).all()


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_the_curve(fitted, ax, attack):
    pipeline = make_pipeline(FunctionTransformer(), fitted)
    options = {"epsilons": [0.0, 0.2], "attack": attack, "random_state": 0}
    display = RobustAccuracyDisplay.from_estimator(
        pipeline, X, Y, ax=ax, color="black", **options
    )
    expected, epsilons = robust_accuracy_curve(fitted, X, Y, **options)
    np.testing.assert_array_equal(display.accuracy, expected)
    np.testing.assert_array_equal(display.line_.get_xdata(), epsilons)
    np.testing.assert_array_equal(display.line_.get_ydata(), expected)
    assert display.line_.get_label() == "Pipeline"
    assert display.line_.get_color() == "black"
    assert attack.upper() in ax.get_ylabel()


def test_two_curves_in_one_figure(ax):
    for name in ("one", "other"):
        display = RobustAccuracyDisplay(
            np.array([0.0, 0.1]), np.array([1.0, 0.5]), attack="fgsm"
        )
        assert display.plot(ax, name=name) is display
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "other"]


def test_a_new_figure_where_none_is_given():
    display = RobustAccuracyDisplay(
        np.array([0.0, 0.1]), np.array([1.0, 0.5]), attack="fgsm"
    )
    first = display.plot().figure_
    second = display.plot().figure_
    try:
        assert first is not second
        assert display.ax_.get_legend() is None
    finally:
        plt.close(first)
        plt.close(second)


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    display = ChangesDisplay(pd.DataFrame(), n_answers=0)
    with pytest.raises(
        ImportError, match=r"ChangesDisplay.plot .*'sklearn-ct\[plot\]'"
    ):
        display.plot()
