"""
Recourse for rejected loan applicants
=====================================

Trains a counterfactual-trained classifier (CT) and a conventional twin that differs in
nothing else, each behind a ``Pipeline``, explains rejected applicants of the test set,
says in plain words what three of them could do, compares the two models, and draws
the comparison.

On generated loan applications, or with ``--data adult`` on Adult (its folder is named
by the environment variable ``SKLEARN_CT_DATA``).
"""

import argparse
from pathlib import Path

import pandas as pd
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct.datasets import (
    fetch_adult,
    loan_application_is_possible,
    loan_approval_probability,
    make_loan_applications,
)
from sklearn_ct.metrics import constraint_violations
from sklearn_ct.plotting import ChangesDisplay, PlausibilityDisplay
from sklearn_ct.scoring import robust_accuracy_scorer


def loans():
    """Make applications: years only add up, and age with the years of employment."""
    X, y = make_loan_applications(6000, random_state=0)
    rules = {
        "age": "follows",
        "dependents": "none",
        "employment_years": "increase",
        "education": "increase",
        "late_payments": "decrease",
    }
    return X, y, rules, "approved"


def older(applications):
    """Make the function by which age rises with the years of employment."""

    def project(table):
        before = applications.loc[table.index]
        years = table["employment_years"] - before["employment_years"]
        return table.assign(age=before["age"] + years)

    return project


def adult():
    """Adult: who earns more than 50,000 dollars a year."""
    bunch = fetch_adult()
    rules = {
        "age": "none",
        "sex": "none",
        "race": "none",
        "native-country": "none",
        "relationship": "none",
        "marital-status": "none",
        "education": "increase",
    }
    return bunch.data, bunch.target, rules, bunch.favourable


def compare(pipeline, X, y, result):
    """Measures of one model, for the table."""
    summary = result.evaluate()
    row = {
        "accuracy": pipeline.score(X, y),
        "accuracy, attacked": robust_accuracy_scorer(pipeline, X, y),
        "validity": summary["validity"],
        "found by search": summary["share_valid"],
        "implausibility": summary["implausibility"],
        "cost": summary["cost"],
        "features changed": summary["n_changes"],
    }
    if "loan_amount" in X:
        truth = loan_approval_probability(result.counterfactuals)
        row["true approval"] = truth.mean()
        row["impossible"] = (
            ~loan_application_is_possible(result.counterfactuals)
        ).mean()
    return row


def draw(results, path):
    """Which features the models ask to change, and how their answers stand."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.7), layout="constrained")
    for ax, (name, result) in zip(axes, results.items(), strict=False):
        ChangesDisplay.from_counterfactuals(result, ax=ax)
        ax.set_title(name)
        PlausibilityDisplay.from_counterfactuals(result, name=name, ax=axes[-1])
    figure.savefig(path, dpi=120)


def pipelines(X, rules, max_epochs):
    """CT and its conventional twin, each behind a pipeline."""
    # The classifier encodes and scales by itself. Steps in front are welcome; one that
    # takes logarithms would make ten thousand more as cheap as a thousand more.
    words = [c for c in X.select_dtypes("category") if not X[c].cat.ordered]
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    ct = make_pipeline(
        columns,
        CounterfactualTrainedClassifier(
            mutability=rules, max_epochs=max_epochs, random_state=0
        ),
    )
    twin = clone(ct).set_params(
        counterfactualtrainedclassifier__lambda_div=0.0,
        counterfactualtrainedclassifier__lambda_adv=0.0,
    )
    return {"CT": ct, "conventional": twin}


def main():
    """Run the example."""
    parser = argparse.ArgumentParser(description="Recourse for rejected applicants.")
    parser.add_argument("--data", choices=("loans", "adult"), default="loans")
    parser.add_argument("--rows", type=int, default=500, help="rejected rows explained")
    parser.add_argument("--splits", type=int, default=3, help="into training and test")
    parser.add_argument("--figure", type=Path, default=Path("loan_recourse.png"))
    arguments = parser.parse_args()
    X, y, rules, favourable = loans() if arguments.data == "loans" else adult()
    max_epochs = 60 if arguments.data == "loans" else 20
    results, tables = {}, []
    for split in reversed(range(arguments.splits)):  # the first one is kept
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=0.25, stratify=y, random_state=split
        )
        rows = {}
        for name, pipeline in pipelines(X, rules, max_epochs).items():
            print(f"Training {name} on {len(X_train):,} rows ...")
            pipeline.fit(X_train, y_train)
            rejected = X_test[pipeline.predict(X_test) != favourable][: arguments.rows]
            project = older(rejected) if arguments.data == "loans" else None
            results[name] = explain(
                pipeline,
                rejected,
                favourable,
                project=project,
                min_plausibility=0.05,  # none rarer than the rarest of real rows
            )
            rows[name] = compare(pipeline, X_test, y_test, results[name])
        tables.append(pd.DataFrame(rows))

    answer = results["CT"]
    print(f"\n{len(answer)} rejected applicants of a test set; the first three:\n")
    for i in range(3):
        print(f"* applicant {answer.counterfactuals.index[i]}: {answer.describe(i)}")
        print(answer[i].changes()[["feature", "from", "to"]].to_string(index=False))
        print()
    broken = constraint_violations(
        answer.factuals, answer.counterfactuals, mutability=rules
    )
    print(f"Broken rules among all answers: {int(broken.to_numpy().sum())}\n")

    print(f"Means of {arguments.splits} splits into training and test rows:\n")
    mean = sum(tables) / len(tables)
    print(mean.round(3).to_string())
    draw(results, arguments.figure)
    print(f"\nFigure: {arguments.figure}")


if __name__ == "__main__":
    main()
