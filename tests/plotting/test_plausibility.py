"""The picture of how answers stand among real rows."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.plotting import PlausibilityDisplay


@pytest.fixture(scope="module")
def answers():
    X, y = make_loan_applications(300, random_state=0)
    clf = CounterfactualTrainedClassifier(max_epochs=8, lr=0.01, random_state=0)
    rules = [{"*": "none"} if i % 9 == 0 else {} for i in range(300)]
    return clf.fit(X, y).explain(X, "approved", mutability=rules)


@pytest.fixture
def ax():
    return Figure().subplots()


def test_line_has_the_share_of_answers_at_most_so_high(answers, ax):
    display = PlausibilityDisplay.from_counterfactuals(answers, name="CT", ax=ax)
    moved = np.isin(answers.status, ["valid", "fallback"])
    assert 0 < moved.sum() < answers.valid.sum() < len(answers)
    standings = answers.plausibility[moved]
    np.testing.assert_array_equal(np.sort(display.standings), np.sort(standings))
    x, share = display.line_.get_data()
    for at in (0.02, 0.3, 0.9):
        drawn = share[np.searchsorted(x, at, "right") - 1]
        assert drawn == pytest.approx(np.mean(standings <= at))
    assert (x[0], share[0], x[-1], share[-1]) == (0, 0, 1, 1)
    assert display.line_.get_label() == "CT"


def test_two_models_beside_the_real_rows(answers, ax):
    first = PlausibilityDisplay.from_counterfactuals(answers, name="CT", ax=ax)
    second = PlausibilityDisplay(np.array([0.1, 0.9])).plot(ax, name="other", color="k")
    assert second.chance_ is first.chance_
    np.testing.assert_array_equal(first.chance_.get_data(), [[0, 1], [0, 1]])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["real rows", "CT", "other"]
    assert second.line_.get_color() == "k"


def test_no_answers(answers, ax):
    display = PlausibilityDisplay.from_counterfactuals(answers[:0], ax=ax)
    assert len(display.standings) == 0
    assert np.isfinite(display.line_.get_data()).all()
