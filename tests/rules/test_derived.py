"""Features that follow from others, and answers that withstand perturbations."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.metrics import constraint_violations


@pytest.fixture(scope="module")
def fitted():
    X, y = make_loan_applications(800, random_state=0)
    clf = CounterfactualTrainedClassifier(max_epochs=15, lr=0.01, random_state=0)
    clf.fit(X, y)
    return clf, X[clf.predict(X) == "rejected"][:60]


def _share_of_income(frame):
    frame = frame.copy()
    frame["loan_amount"] = (0.3 * frame["income"]).round(-2).astype(int)
    return frame


def test_linked_features_follow_in_every_answer(fitted):
    clf, X = fitted
    answers = clf.explain(X, project=_share_of_income)
    assert answers.valid.mean() > 0.9
    found = answers.counterfactuals[answers.valid]
    pd.testing.assert_frame_equal(found, _share_of_income(found))
    assert (clf.predict(found) == "approved").all()


def test_answers_that_the_link_takes_out_of_bounds_are_none(fitted):
    clf, X = fitted
    rules = {"loan_amount": "decrease"}
    answers = clf.explain(X, project=_share_of_income, mutability=rules)
    broken = constraint_violations(X, answers.counterfactuals, mutability=rules)
    assert not broken.to_numpy().any()


def test_links_work_behind_a_pipeline(fitted):
    clf, X = fitted
    pipeline = make_pipeline(FunctionTransformer(), clf)
    answers = explain(pipeline, X[:10], project=_share_of_income)
    found = answers.counterfactuals[answers.valid]
    pd.testing.assert_frame_equal(found, _share_of_income(found))


@pytest.mark.parametrize(
    ("project", "message"),
    [
        (lambda f: f.iloc[:, :-1], "rows and columns that it was given"),
        (lambda f: f.iloc[:1], "rows and columns that it was given"),
        (lambda f: f.to_numpy(), "rows and columns that it was given"),
        (lambda f: f.to_numpy(), r"a DataFrame of shape \(\d+, 12\). Got ndarray"),
        (lambda f: f.assign(age=f.age + 1), "changed the column 'age'"),
        (
            lambda f: f.assign(debt=np.nan),
            "as in X.* NaN in column 'debt', which was not",
        ),
        (
            lambda f: f.assign(debt=f.debt + 1),
            "does not leave as it is .* column 'debt'",
        ),
        (
            lambda f: f.assign(debt=np.random.default_rng().random(len(f))),
            "gives other values each time, in column 'debt'",
        ),
        (
            lambda f: f.assign(income=f.income / 1000 + 0.1),
            "gives fractions to the whole-number column 'income'",
        ),
        (lambda f: f["no such column"], "'project' parameter .* failed: KeyError"),
        ("share", "'project' parameter of explain must be a callable or None"),
    ],
)
def test_bad_links(fitted, project, message):
    clf, X = fitted
    with pytest.raises(ValueError, match=message):
        clf.explain(X, project=project, mutability={"age": "none"})


def test_a_margin_is_withstood(fitted):
    clf, X = fitted
    plain, wide = clf.explain(X), clf.explain(X, margin=0.2)
    assert wide.valid.mean() > 0.9
    assert wide.probability[wide.valid].mean() > plain.probability.mean() + 0.05
    # Random perturbations of that size: fewer than of the plain answers flip back.
    rng = np.random.default_rng(0)
    numbers = clf.encoder_.groups_ < 0

    def flipped(answers):
        codes = clf.encode(answers[answers.valid].counterfactuals)
        noise = rng.choice([-0.2, 0.2], (50, *codes.shape)) * numbers
        moved = clf.encoder_.embed(
            clf.encoder_.values((codes + noise).reshape(-1, codes.shape[1]))
        )
        return (
            clf.predict(clf.encoder_.table(clf.encoder_.values(moved))) != "approved"
        ).mean()

    assert flipped(wide) < 0.5 * flipped(plain)


def test_a_margin_costs_no_more_than_a_greater_probability(fitted):
    clf, X = fitted
    numbers = clf.encoder_.groups_ < 0
    target = clf.classes_.tolist().index("approved")

    def lead(z):
        logits = clf.net_.module_(z)
        return logits[:, target] - logits[:, 1 - target]

    def withstands(answers):
        z = torch.tensor(clf.encode(answers.counterfactuals), dtype=torch.float32)
        z.requires_grad_()
        (slope,) = torch.autograd.grad(lead(z).sum(), z)
        with torch.no_grad():
            return (lead(z - 0.3 * slope.sign() * torch.tensor(numbers)) > 0).numpy()

    wide = clf.explain(X, margin=0.3)
    assert set(wide.status) <= {"valid", "already"}
    assert withstands(wide).all()
    best = np.full(len(X), np.inf)
    for tau in (0.55, 0.6, 0.7, 0.8, 0.9, 0.95):
        surer = clf.explain(X, tau=tau)
        best = np.where(withstands(surer), np.minimum(best, surer.cost), best)
    assert wide.cost.mean() < 1.05 * best.mean()


@pytest.mark.parametrize("margin", [-0.1, np.inf, "much"])
def test_bad_margins(fitted, margin):
    clf, X = fitted
    with pytest.raises(ValueError, match="'margin' parameter of explain"):
        clf.explain(X, margin=margin)
