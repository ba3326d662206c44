"""Relations between columns: how many, how true, and what they cost.

One command measures what ``docs/benchmarks/relations.md`` shows::

    SKLEARN_CT_DATA=... python -m benchmarks.relations

Each data set is trained on twice, with the relations learned from the training rows and
with none; the rest of its rows tell whether what was learned is true.
"""

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split

from benchmarks._common import machine, options
from benchmarks.report import publish
from benchmarks.speed.measuring import interleave, ratio, seconds_of
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._rules.relations import Relations
from sklearn_ct.datasets import (
    fetch_adult,
    fetch_compas,
    fetch_credit_default,
    fetch_german_credit,
    fetch_gmsc,
    loan_application_is_possible,
    make_loan_applications,
)

SEED = 1
BALANCED = {"balanced": True, "random_state": SEED}
PEOPLE = {"age": "none", "sex": "none", "race": "none"}
# What loads a table, the class that people want, and the rules.
DATA = {
    "Adult": (fetch_adult, {}, ">50K", {**PEOPLE, "education": "increase"}),
    "GMSC": (fetch_gmsc, BALANCED, 0, {"age": "none"}),
    "Credit default": (
        fetch_credit_default,
        BALANCED,
        0,
        {"AGE": "none", "SEX": "none"},
    ),
    "German credit": (fetch_german_credit, {}, "good", {"age": "none"}),
    "COMPAS": (fetch_compas, {}, 0, PEOPLE),
}
LOANS = {
    "age": "follows",
    "dependents": "none",
    "employment_years": "increase",
    "education": "increase",
    "late_payments": "decrease",
}
WITH, WITHOUT = {"relations": "observed"}, {"relations": None}


def kind_of(relation):
    """Tell what a relation is about."""
    if relation.minus is not None:
        return "orders"
    words = relation.among is not None or relation.never is not None
    return "categories" if words else "limits"


def breaks(clf, words, table):
    """Whether rows of a table break any of some relations, (n,)."""
    relations = Relations.of(words, clf.encoder_)
    return (relations.excess(clf.encoder_.read(table)) > 0).any(axis=1)


def measure(X, y, favourable, rules, *, n_rows, max_epochs, rounds):
    """Line of a data set."""
    X, X_test, y, _ = train_test_split(X, y, stratify=y, random_state=SEED)
    settings = {"mutability": rules, "max_epochs": max_epochs, "random_state": SEED}
    clf, free = (
        CounterfactualTrainedClassifier(**settings, **each).fit(X, y)
        for each in (WITH, WITHOUT)
    )
    rows = X_test[clf.predict(X_test) != favourable][:n_rows]
    results = {}

    def explain(name, model):
        def run(i):
            return seconds_of(
                lambda: results.update({name: model.explain(rows, favourable)})
            )

        return run

    runs = {"with": explain("with", clf), "without": explain("without", free)}
    for run in runs.values():  # what is made at the first call
        run(0)
    seconds = interleave(runs, rounds)
    kinds = pd.Series([kind_of(each) for each in clf.relations_], dtype=object)
    everywhere = pd.concat([X, X_test])
    true = [each for each in clf.relations_ if not breaks(clf, [each], X_test).any()]
    assert not breaks(clf, true, everywhere).any()
    answers = {k: r[r.valid].counterfactuals for k, r in results.items()}
    line = {"learned": len(kinds)}
    for kind in ("orders", "limits", "categories"):
        line[kind] = int((kinds == kind).sum())
    line |= {
        "real rows that break one, %": 100 * breaks(clf, clf.relations_, X_test).mean(),
        "hold in all rows": len(true),
        "people": len(rows),
    }
    for name, table in answers.items():
        line[f"impossible {name}"] = int(breaks(clf, true, table).sum())
    for name, result in results.items():
        line[f"answered {name}"] = result.valid.mean()
    return line | {"time with / without": ratio(seconds["with"], seconds["without"])}


def loans(n_rows, max_epochs, relations="observed"):
    """Line of generated applicants, whose possible advice is known."""
    X, y = make_loan_applications(4000 + 4 * n_rows, random_state=0)
    clf = CounterfactualTrainedClassifier(
        mutability=LOANS, max_epochs=max_epochs, random_state=SEED, relations=relations
    ).fit(X[:4000], y[:4000])
    rows = X[4000:]
    rows = rows[clf.predict(rows) == "rejected"][:n_rows]

    def older(table):
        years = table["employment_years"] - rows["employment_years"].loc[table.index]
        return table.assign(age=rows["age"].loc[table.index] + years)

    answers = clf.explain(rows, "approved", project=older)
    table = answers[answers.valid].counterfactuals
    return {
        "relations": "none" if relations is None else relations,
        "learned": len(clf.relations_),
        "people": len(rows),
        "answered": answers.valid.mean(),
        "impossible": int((~loan_application_is_possible(table)).sum()),
        "cost": np.mean(answers.cost[answers.valid]),
    }


def main():
    asked = options(__doc__, rounds={"type": int, "default": 5})
    quick, where = asked.quick, machine()
    torch.set_num_threads(1)
    few = {"n_rows": 30, "max_epochs": 2, "rounds": 2}
    whole = {"n_rows": 1000, "max_epochs": 20, "rounds": asked.rounds}
    how = few if quick else whole
    lines = []
    for name, (fetch, given, favourable, rules) in DATA.items():
        bunch = fetch(**given)
        lines.append(
            {
                "data": name,
                **measure(bunch.data, bunch.target, favourable, rules, **how),
            }
        )
    generated = [
        loans(how["n_rows"], how["max_epochs"], relations)
        for relations in ("observed", None)
    ]
    tables = {"sets": lines, "loans": generated}
    told = {"rounds": how["rounds"], **where}
    publish("relations", "relations", tables, quick=quick, **told)


if __name__ == "__main__":
    main()
