"""
Who is asked for what
=====================

Trains a counterfactual-trained classifier (CT) and a conventional twin, audits what
each asks of whom, through which columns protected features come back and whether the
advice lasts, prints what was found, and writes the report of CT as one HTML file.

On generated loan applications, where older applicants have the better odds through
other columns alone, or with ``--data adult`` or ``--data compas`` on these (their
folder is named by the environment variable ``SKLEARN_CT_DATA``).
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.audit import audit_recourse, proxy_report, recourse_survival
from sklearn_ct.datasets import fetch_adult, fetch_compas, make_loan_applications


def loans():
    """Make applications; the group is a generation, which age decides."""
    X, y = make_loan_applications(4000, random_state=0)
    group = np.where(X["age"] < 40, "younger", "older")
    return X, y, group, "approved", ["age"]


def adult():
    """Adult: who earns more than 50,000 dollars a year."""
    bunch = fetch_adult()
    protected = ["sex", "race", "age", "native-country"]
    return bunch.data, bunch.target, bunch.data["sex"], ">50K", protected


def compas():
    """COMPAS: who is predicted not to offend again."""
    bunch = fetch_compas()
    return bunch.data, bunch.target, bunch.data["race"], 0, ["sex", "race", "age"]


def main():
    """Train, audit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[2])
    parser.add_argument("--data", choices=("loans", "adult", "compas"), default="loans")
    parser.add_argument("--output", type=Path, default=Path("audit.html"))
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--rows", type=int, default=4000)
    arguments, _ = parser.parse_known_args()

    X, y, group, target, protected = globals()[arguments.data]()
    X, y, group = X[: arguments.rows], y[: arguments.rows], group[: arguments.rows]
    parts = train_test_split(X, y, np.asarray(group), random_state=0, test_size=0.5)
    train_X, test_X, train_y, test_y, _, test_group = parts
    rules = {"mutability": dict.fromkeys(protected, "none")}
    settings = {"max_epochs": arguments.epochs, "random_state": 0}
    clf = CounterfactualTrainedClassifier(**rules, **settings).fit(train_X, train_y)
    twin = CounterfactualTrainedClassifier(lambda_div=0.0, lambda_adv=0.0, **settings)
    twin.fit(train_X, train_y)

    # %%
    # Burden, cost and rows without an answer, by group
    # -------------------------------------------------
    asked = {"sensitive_features": {"group": test_group}, "target": target, **rules}
    audit = audit_recourse(clf, test_X, test_y, **asked)
    print("CT\n" + audit.summary())
    beside = audit_recourse(twin, test_X, test_y, **asked)
    print("\nTwin\n" + beside.summary())

    # %%
    # Through which columns
    # ---------------------
    proxies = proxy_report(
        test_X, protected, estimator=clf, twin=twin, audit=audit, target=target
    )
    print("\n" + proxies.summary())

    # %%
    # Does it last
    # ------------
    survival = recourse_survival(
        clf,
        train_X,
        train_y,
        target=target,
        tau=[0.5, 0.7, 0.8],
        n_models=3,
        n_samples=200,
        **rules,
    )
    shown = ["kind", "tau", "survival", "low", "high", "cost"]
    print("\n" + survival[shown].round(2).to_string(index=False))

    audit.to_html(arguments.output, proxies=proxies, survival=survival)
    print(f"\nThe report is in {arguments.output}.")


if __name__ == "__main__":
    main()
