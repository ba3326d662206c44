"""A classifier, rows and groups that the tests of the audit share."""

import numpy as np
import pandas as pd
import pytest

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications

RULES = {"age": "none", "dependents": "none", "late_payments": "none"}


@pytest.fixture(scope="package")
def loans():
    X, y = make_loan_applications(700, random_state=0)
    # Renters are mostly in one group: it differs through them alone.
    odds = np.where(X["housing"] == "rent", 0.7, 0.3)
    sex = np.where(np.random.default_rng(0).uniform(size=len(X)) < odds, "f", "m")
    return X, y, pd.Series(sex, X.index, name="sex")


@pytest.fixture(scope="package")
def fitted(loans):
    X, y, _ = loans
    return CounterfactualTrainedClassifier(
        mutability=RULES, max_epochs=8, lr=0.01, random_state=0
    ).fit(X, y)


@pytest.fixture(scope="package")
def answers(fitted, loans):
    # Few changes: some rows have no answer.
    return fitted.explain(loans[0], "approved", max_changes=1)
