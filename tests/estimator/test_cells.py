"""What users say of cells: closed by default, row by row, codes, missing ones."""

import numpy as np
import pandas as pd
import pytest

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications


def _classifier(**params):
    return CounterfactualTrainedClassifier(
        max_epochs=8, lr=0.02, random_state=0, **params
    )


@pytest.fixture(scope="module")
def loans():
    return make_loan_applications(400, random_state=0)


@pytest.fixture(scope="module")
def fitted(loans):
    return _classifier().fit(*loans)


@pytest.fixture(scope="module")
def rejected(loans, fitted):
    X = loans[0]
    return X[fitted.predict(X) == "rejected"][:20]


@pytest.mark.parametrize("where", ["classifier", "call"])
def test_what_is_not_named_stays(loans, fitted, rejected, where):
    X, y = loans
    rules = {"*": "none", "income": "both", "savings": "increase"}
    if where == "call":
        answers = fitted.explain(rejected, mutability=rules)
    else:
        answers = _classifier(mutability=rules).fit(X, y).explain(rejected)
    assert set(answers.changes()["feature"]) <= {"income", "savings"}
    assert answers.valid.mean() > 0.5


def test_one_word_closes_all(fitted, rejected):
    answers = fitted.explain(rejected, mutability="none")
    assert not answers.n_changes.any()
    assert (answers.reason == "no feature may change").all()


def test_words_of_each_row_follow_its_label(fitted, rejected):
    """A frame in another order than the rows protects the same people."""
    changed = fitted.explain(rejected).changes()
    feature = changed["feature"].mode()[0]
    movers = changed.loc[changed["feature"] == feature, "row"]
    words = pd.DataFrame({feature: "both"}, index=rejected.index)
    words.loc[movers, feature] = "none"
    shuffled = words.sample(frac=1, random_state=0)
    assert not shuffled.index.equals(rejected.index)
    answers = fitted.explain(rejected, mutability=shuffled)
    moved = answers.changes().query("feature == @feature")["row"]
    assert not np.isin(movers, moved).any()
    expected = fitted.explain(rejected, mutability=words).counterfactuals
    pd.testing.assert_frame_equal(answers.counterfactuals, expected)
