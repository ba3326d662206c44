"""Hundreds of letters of real tables, read as people read them."""

import os
import re
from functools import partial

import numpy as np
import pytest

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.datasets import fetch_adult, fetch_german_credit, fetch_gmsc

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("SKLEARN_CT_DATA"),
        reason="needs the public data sets: name their folder in SKLEARN_CT_DATA",
    ),
]

LATE = "NumberOfTime{}DaysPastDueNotWorse"
ADULT = {
    "age": {"label": "age", "unit": "years", "kind": "waiting"},
    "capital-gain": {"label": "gains", "unit": "${}", "step": 500, "smallest": 1000},
    "capital-loss": {"label": "losses", "unit": "${}", "step": 100, "smallest": 200},
    "hours-per-week": {"label": "weekly hours", "unit": "hours", "step": 5},
    "workclass": "your kind of employer",
    "occupation": "your occupation",
    "education": "your degree",
}
GMSC = {
    "RevolvingUtilizationOfUnsecuredLines": {
        "label": "the share of your limits that you use",
        "step": 0.05,
        "smallest": 0.1,
    },
    "MonthlyIncome": {"label": "monthly income", "unit": "${}", "step": 100},
    "DebtRatio": {"label": "monthly debts over income", "step": 0.05},
    "NumberOfOpenCreditLinesAndLoans": "open credit lines and loans",
    "NumberRealEstateLoansOrLines": "loans on real estate",
    "NumberOfTimes90DaysLate": {"label": "very late payments", "kind": "history"},
    LATE.format("60-89"): {"label": "late payments", "kind": "history"},
    LATE.format("30-59"): {"label": "somewhat late payments", "kind": "history"},
}
GERMAN = {
    "duration": {"label": "the duration", "unit": "months", "step": 6},
    "credit_amount": {"label": "the amount", "unit": "{} marks", "step": 100},
    "employment": {"label": "time in your employment", "kind": "waiting"},
    "residence_since": {"label": "time at your address", "kind": "waiting"},
    "age": {"label": "age", "unit": "years", "kind": "waiting"},
    "credit_history": {"label": "your credit history", "kind": "history"},
}
TABLES = {
    "adult": (fetch_adult, ">50K", ADULT, ["race", "sex", "native-country"]),
    "gmsc": (partial(fetch_gmsc, balanced=True), 0, GMSC, ["NumberOfDependents"]),
    "german": (fetch_german_credit, "good", GERMAN, ["personal_status"]),
}


@pytest.fixture(scope="module", params=TABLES)
def case(request):
    """Answers to 170 rejected people of a table, two each, and its glossary."""
    fetch, target, glossary, held = TABLES[request.param]
    X, y = fetch(return_X_y=True)
    X, y = X[:20_000], y[:20_000]
    rules = dict.fromkeys(held, "none") | {"age": "increase"}
    clf = CounterfactualTrainedClassifier(
        mutability=rules, max_epochs=8, random_state=0
    ).fit(X, y)
    asked = X[clf.predict(X) != target][:170]
    answers = clf.explain(asked, target, n_counterfactuals=2, glossary=glossary)
    return answers, glossary


def entry(glossary, feature):
    said = glossary.get(feature, {})
    return {"label": said} if isinstance(said, str) else said


def test_letters_can_be_read(case):
    answers, glossary = case
    letters = answers.letters()
    text = "\n".join(letters)
    assert len(letters) == len(answers) / 2 > 150
    raw = [n for n in answers.factuals if "_" in n or re.search("[a-z][A-Z]", n)]
    assert not [name for name in raw if name in text]
    assert "robability" not in text
    for said in (entry(glossary, name) for name in glossary):
        if said.get("kind") in ("waiting", "history"):
            label = re.escape(said["label"])
            assert not re.search(rf"(Raise|Lower|Change) (your )?{label}\b", text)
    for step in re.findall(r"to \D{0,2}[\d,]+\.(\d+)", text):
        assert len(step) <= 2


def test_changes_are_in_steps_and_no_tokens(case):
    answers, glossary = case
    found = answers.changes()
    looked_at = 0
    for feature, own in found.groupby("feature"):
        said = entry(glossary, feature)
        if "step" not in said:
            continue
        old, new = (own[side].to_numpy(dtype=float) for side in ("from", "to"))
        times = new / said["step"]
        np.testing.assert_allclose(times, np.round(times), atol=1e-6)
        assert (np.abs(new - old) >= said.get("smallest", 0) - 1e-9).all()
        looked_at += len(own)
    assert looked_at > 100
