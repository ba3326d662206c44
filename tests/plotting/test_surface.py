"""The surface holds what the estimator predicts, and the answers where they are."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications, make_moons
from sklearn_ct.plotting import DecisionSurfaceDisplay

X, Y = make_moons(200, random_state=0)
PAIR = ["savings", "late_payments"]


@pytest.fixture(scope="module")
def moons():
    return CounterfactualTrainedClassifier(max_epochs=20, lr=0.02, random_state=0).fit(
        X, Y
    )


@pytest.fixture(scope="module")
def loans():
    return CounterfactualTrainedClassifier(
        max_epochs=8, lr=0.01, random_state=0, mutability={"age": "none"}
    ).fit(*make_loan_applications(300, random_state=0))


@pytest.fixture
def ax():
    return Figure().subplots()


def points(display):
    """The points of the grid, as rows."""
    return np.column_stack([display.xx0.ravel(), display.xx1.ravel()])


def test_the_surface_is_what_the_classifier_predicts(moons, ax):
    display = DecisionSurfaceDisplay.from_estimator(
        moons, X[:20], rows=X, labels=Y, ax=ax
    )
    assert display.label == 1  # rows of both classes: the second
    np.testing.assert_array_equal(
        display.probability.ravel(), moons.predict_proba(points(display))[:, 1]
    )
    assert display.probability.shape == (100, 100)
    # Up is up: the upper moon is class 0.
    assert display.xx1[0, 0] < display.xx1[-1, 0]
    assert display.xx0[0, 0] < display.xx0[0, -1]
    np.testing.assert_array_equal(display.members, Y == 1)
    assert ax.get_xlabel() == "feature 0"
    assert len(display.figure_.axes) == 2  # the second is the scale


def test_arrows_lead_from_rows_to_answers(moons, ax):
    answers = moons.explain(X[:20])
    display = DecisionSurfaceDisplay.from_counterfactuals(
        answers, moons, ax=ax, colorbar=False
    )
    np.testing.assert_array_equal(display.factuals, X[:20])
    np.testing.assert_array_equal(display.arrows_.XY, X[:20])
    moved = np.column_stack([display.arrows_.U, display.arrows_.V])
    np.testing.assert_allclose(X[:20] + moved, answers.counterfactuals)
    for row in answers.counterfactuals:
        assert display.xx0.min() < row[0] < display.xx0.max()
        assert display.xx1.min() < row[1] < display.xx1.max()
    assert len(display.figure_.axes) == 1


def test_the_probability_is_that_of_the_target(moons, ax):
    asked = X[moons.predict(X) == 1][:5]
    display = DecisionSurfaceDisplay.from_estimator(moons, asked, 0, ax=ax, tau=0.8)
    assert display.label == 0
    assert len(display.factuals) == 5
    np.testing.assert_array_equal(
        display.probability.ravel(), moons.predict_proba(points(display))[:, 0]
    )
    ends = moons.predict_proba(display.counterfactuals)[:, 0]
    assert ends.min() >= 0.8


def test_rows_without_an_answer_have_no_arrow(moons, ax):
    still = moons.explain(X[:5], mutability="none")
    display = DecisionSurfaceDisplay.from_counterfactuals(still, moons, ax=ax)
    assert (still.status == "infeasible").all()
    assert display.arrows_ is None
    assert display.factuals.shape == (0, 2)


@pytest.mark.parametrize("behind", [False, True])
def test_one_person_of_a_table_of_many_columns(loans, ax, behind):
    model = make_pipeline(FunctionTransformer(), loans) if behind else loans
    table, _ = make_loan_applications(300, random_state=0)
    person = table[model.predict(table) == "rejected"].iloc[[0]]
    answers = loans.explain(person, "approved", n_counterfactuals=6)
    display = DecisionSurfaceDisplay.from_counterfactuals(
        answers, model, features=PAIR, grid_resolution=7, ax=ax
    )
    asked = pd.concat([person] * 49).astype(dict.fromkeys(PAIR, float))
    asked[PAIR] = points(display)
    expected = model.predict_proba(asked)[:, list(model.classes_).index("approved")]
    np.testing.assert_array_equal(display.probability.ravel(), expected)
    inside = {
        k
        for k, part in answers.changes().groupby("alternative")
        if set(part["feature"]) <= set(PAIR)
    }
    assert 0 < len(inside) < 6
    expected = answers.counterfactuals[PAIR].to_numpy()[sorted(inside)]
    np.testing.assert_array_equal(display.counterfactuals, expected)
    assert display.features == tuple(PAIR)
    assert ax.get_ylabel() == "late_payments"


def test_with_a_threshold(moons, ax):
    strict = FixedThresholdClassifier(moons, threshold=0.8, pos_label=1).fit(X, Y)
    asked = X[strict.predict(X) == 0][:5]
    display = DecisionSurfaceDisplay.from_estimator(strict, asked, 1, ax=ax, tau=0.5)
    assert strict.predict_proba(display.counterfactuals)[:, 1].min() >= 0.8


def test_outermost_rows_leave_room(moons, ax):
    rows = np.vstack([X, [[1e6, 0.0]]])
    display = DecisionSurfaceDisplay.from_estimator(moons, X[:3], rows=rows, ax=ax)
    assert ax.get_xlim()[1] < 10
    assert len(display.rows) == 201
    assert display.members is None


def test_what_cannot_be_drawn(loans, moons, ax):
    table, _ = make_loan_applications(20, random_state=0)
    answers = loans.explain(table, "approved")
    draw = DecisionSurfaceDisplay.from_counterfactuals
    with pytest.raises(ValueError, match="two numeric columns; name them by features="):
        draw(answers, loans, ax=ax)
    with pytest.raises(ValueError, match="Got 'income', 'housing' instead"):
        draw(answers, loans, features=["income", "housing"], ax=ax)
    with pytest.raises(ValueError, match="an unknown column 'wage'"):
        draw(answers, loans, features=["income", "wage"], ax=ax)
    with pytest.raises(ValueError, match="answers to one row.*Got answers to 20 rows"):
        draw(answers, loans, features=PAIR, ax=ax)
    three = CounterfactualTrainedClassifier(max_epochs=2, random_state=0)
    three.fit(X, np.where(X[:, 0] > 1, 2, Y))
    with pytest.raises(ValueError, match="for 3 targets: give one target"):
        draw(three.explain(X[:9], [0, 1, 2] * 3), three, ax=ax)
