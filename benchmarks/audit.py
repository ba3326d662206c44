"""The audit: who is asked for what, through which columns, and whether it lasts.

One command makes ``docs/benchmarks/audit.json``, and from it ``audit.md``::

    SKLEARN_CT_DATA=... python -m benchmarks.audit

Counterfactual training (CT), a conventional twin, and CT without protected columns are
trained on the same rows of five sets, three splits each, and audited on the test rows.
``--quick`` takes one split, few rows and few epochs, to see that all runs;
``--page`` writes the page from the results there are.
"""

import argparse
import json
import time
from inspect import signature
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from benchmarks._common import to_markdown
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.audit import audit_recourse, proxy_report, recourse_survival
from sklearn_ct.datasets import (
    fetch_adult,
    fetch_compas,
    fetch_credit_default,
    fetch_german_credit,
    make_loan_applications,
)

FOLDER = Path(__file__).parents[1] / "docs" / "benchmarks"
TAUS = (0.5, 0.7, 0.8)
MODELS = ("CT", "twin", "CT without protection")
TWIN = {"lambda_div": 0.0, "lambda_adv": 0.0}
MEASURES = ("rejection_rate", "cost", "burden", "infeasible_rate")


def adult():
    bunch = fetch_adult()
    protected = ["sex", "race", "age", "native-country"]
    return bunch.data, bunch.target, ">50K", ["sex", "race"], "Female", protected


def credit_default():
    bunch = fetch_credit_default()
    X = bunch.data.assign(SEX=bunch.data["SEX"].map({1: "male", 2: "female"}))
    return X, bunch.target, 0, ["SEX"], "male", ["SEX", "AGE"]


def german():
    bunch = fetch_german_credit()
    words = bunch.data["personal_status"].astype(str).str.split(n=1, expand=True)
    X = bunch.data.drop(columns="personal_status").assign(sex=words[0], status=words[1])
    protected = ["sex", "age", "foreign_worker"]
    return X, bunch.target, "good", ["sex"], "female", protected


def compas():
    bunch = fetch_compas()
    protected = ["sex", "race", "age"]
    X = bunch.data[bunch.data["race"].isin(["African-American", "Caucasian"])]
    X = X.assign(race=X["race"].astype(str))
    y = bunch.target[X.index]
    return X, y, 0, ["race", "sex"], "African-American", protected


def loans():
    effect = {}
    if "group_effect" in signature(make_loan_applications).parameters:
        effect = {"group_effect": 1.0}
    X, y, *_ = make_loan_applications(8000, random_state=0, **effect)
    if "group" in X:
        fewest = X["group"].value_counts().index[-1]
        return X, y, "approved", ["group"], fewest, ["group", "age"]
    old = X["age"] >= 40
    X = X.assign(generation=np.where(old, "older", "younger"))
    both = ["generation", "age"]
    return X, y, "approved", both, "younger", both


DATA = {
    "Adult": adult,
    "Credit default": credit_default,
    "German": german,
    "COMPAS": compas,
    "Loans": loans,
}


def train(name, X, y, protected, seed, epochs):
    """One of the three models."""
    rules = {} if name == "CT without protection" else dict.fromkeys(protected, "none")
    settings = {"mutability": rules, "random_state": seed, "max_epochs": epochs}
    settings |= TWIN if name == "twin" else {}
    return CounterfactualTrainedClassifier(**settings).fit(X, y)


def measure(name, split, *, n_train, n_test, n_asked, n_models, epochs):
    """Audit the three models on a split of a set."""
    X, y, target, told, group, protected = DATA[name]()
    feature = told[0]
    parts = train_test_split(X, y, random_state=split, stratify=y, test_size=0.4)
    train_X, test_X, train_y, test_y = parts
    train_X, train_y = train_X[:n_train], train_y[:n_train]
    test_X, test_y = test_X[:n_test], test_y[:n_test]
    models = {m: train(m, train_X, train_y, protected, split, epochs) for m in MODELS}
    # Nobody is asked for another sex or age, whatever the model was trained with.
    rules = {"mutability": dict.fromkeys(protected, "none")}
    lines = []
    asked = np.all([m.predict(test_X) != target for m in models.values()], axis=0)
    asked = np.flatnonzero(asked)[:n_asked]
    answers = {
        m: {
            tau: model.explain(test_X.iloc[asked], target, tau=tau, **rules)
            for tau in TAUS
        }
        for m, model in models.items()
    }
    common = np.all([a.valid for own in answers.values() for a in own.values()], axis=0)
    for m, model in models.items():
        line = {"data": name, "split": split, "model": m, "group": str(group)}
        line["accuracy"] = float(model.score(test_X, test_y))
        start = time.perf_counter()
        reference = next(v for v in test_X[feature].unique() if v != group)
        audit = audit_recourse(
            model,
            test_X,
            test_y,
            sensitive_features=feature,
            target=target,
            reference=reference if test_X[feature].nunique() == 2 else None,
            random_state=split,
            **rules,
        )
        line["seconds"] = time.perf_counter() - start
        row = audit.comparisons[audit.comparisons["group"] == group]
        for one in row[row["measure"].isin(MEASURES)].itertuples():
            line[f"{one.measure}_ratio"] = one.ratio
            line[f"{one.measure}_difference"] = one.difference
            line[f"{one.measure}_found"] = bool(one.p_adjusted < 0.05)
        report = proxy_report(
            test_X,
            told,
            estimator=model,
            audit=audit,
            target=target,
            reference=audit.references,
            n_samples=n_test,
            random_state=split,
        )
        well = report.told.loc[feature]
        line["told"], line["through_proxies"] = well["score"], well["recourse_share"]
        gaps = report.gaps[report.gaps["protected"] == feature]
        for gap in gaps[gaps["group"] == group].itertuples():
            line[gap.part] = gap.value
        lasting = recourse_survival(
            model,
            train_X,
            train_y,
            {tau: found[common] for tau, found in answers[m].items()},
            n_models=n_models,
            random_state=split,
        )
        line["n_common"] = int(common.sum())
        for one in lasting.itertuples():
            line[f"{one.kind} {one.tau:g}"] = one.survival
            line[f"cost {one.tau:g}"] = one.cost
        lines.append(line)
    return lines


CLAIMS = [
    (
        "Answers of CT outlast those of the twin at tau = {tau}",
        lambda ct, twin, tau: ct[f"bootstrap {tau}"] > twin[f"bootstrap {tau}"],
    ),
    (
        "Answers of CT survive as often as tau = {tau} says, to two points",
        lambda ct, twin, tau: ct[f"bootstrap {tau}"] >= tau - 0.02,
    ),
    (
        "Protection leaves no direct gap of more than a point",
        lambda ct, twin, tau: abs(ct["direct"]) <= 0.01,
    ),
    (
        "The whole gap in rejections is smaller than the twin's",
        lambda ct, twin, tau: abs(ct["total"]) < abs(twin["total"]),
    ),
    (
        "Burdens are more equal than the twin's",
        lambda ct, twin, tau: (
            abs(np.log(ct["burden_ratio"])) < abs(np.log(twin["burden_ratio"]))
        ),
    ),
    (
        "Less of the advice runs through proxies than the twin's",
        lambda ct, twin, tau: ct["through_proxies"] < twin["through_proxies"],
    ),
]


def claims(means, splits):
    """Split the sentences by what the means of every set say; splits beside them."""

    def said(table, holds, tau):
        """Whether a claim holds, of each set or each set and split."""
        models = table.unstack("model")
        pick = [models.xs(m, axis=1, level="model") for m in ("CT", "twin")]
        rows = zip(pick[0].iterrows(), pick[1].iterrows(), strict=True)
        return {key: bool(holds(ct, twin, tau)) for (key, ct), (_, twin) in rows}

    good, bad = [], []
    for text, holds in CLAIMS:
        for tau in TAUS if "{tau}" in text else (None,):
            of_sets, of_splits = (said(t, holds, tau) for t in (means, splits))
            failed = ", ".join(name for name, ok in of_sets.items() if not ok)
            line = (
                f"- {text.format(tau=tau)}: on {sum(of_sets.values())} of "
                f"{len(of_sets)} sets, in {sum(of_splits.values())} of "
                f"{len(of_splits)} splits{f'; not on {failed}' if failed else ''}."
            )
            (bad if failed else good).append(line)
    return good, bad


def write_page(results):
    """Make the page from the results."""
    frame = pd.DataFrame(results["lines"])
    frame = frame.astype({c: float for c in frame if c.endswith("_found")})
    splits = frame.drop(columns="group").set_index(["data", "split", "model"])
    means = splits.groupby(["data", "model"], sort=False).mean()
    good, bad = claims(means, splits)

    def table(columns):
        part = means[list(columns)].rename(columns=columns).round(3).reset_index()
        return to_markdown(part.astype(object).where(part.notna(), "-"))

    survival = {f"bootstrap {tau:g}": f"other rows, tau {tau:g}" for tau in TAUS}
    survival |= {f"seed {tau:g}": f"other seed, tau {tau:g}" for tau in TAUS}
    survival |= {f"cost {tau:g}": f"cost, tau {tau:g}" for tau in TAUS}
    groups = frame.drop_duplicates("data").set_index("data")["group"]
    who = "; ".join(f"{name}: {group}" for name, group in groups.items())
    text = f"""# Audit

Made by `python -m benchmarks.audit`{
        " --quick, which says nothing of the models" if results["quick"] else ""
    }.

Means over {frame["split"].nunique()} splits. CT is trained with the protected columns
immutable; the twin conventionally; nobody is asked to change a protected column. Ratios
and gaps are those of one group against the reference: {who}.

## What may be claimed

What holds on every set, by the means below; how often in a single split stands
beside it.

{chr(10).join(good) or "- Nothing of what was looked at."}

## What may not

{chr(10).join(bad) or "- All of it holds on every set."}

## Who is asked for what

{
        table(
            {
                "accuracy": "accuracy",
                "rejection_rate_ratio": "rejection ratio",
                "cost_ratio": "cost ratio",
                "burden_ratio": "burden ratio",
                "burden_found": "splits with a finding in burden",
                "infeasible_rate_difference": "infeasible, difference",
            }
        )
    }

## Through what

`told`: area under the ROC curve by which the other columns tell the feature; then the
share of the cost of the advice in columns that tell it, and the gap in rejections, in
parts. Direct is what goes where the features of the report are other people's, all
together: sex and race on Adult and COMPAS, generation and age on loans.

{
        table(
            {
                "told": "told",
                "through_proxies": "advice through proxies",
                "total": "gap",
                "direct": "direct",
                "through others": "through others",
            }
        )
    }

## Does it last

Share of the answers to the same rows, that all three models reject and answer, which a
model trained again still accepts, and their cost.

{table(survival)}

An audit took {
        frame["seconds"].median():.1f} seconds in the median, explaining included.
"""
    (FOLDER / "audit.md").write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rows, one split")
    parser.add_argument("--page", action="store_true", help="write the page alone")
    arguments = parser.parse_args()
    file = FOLDER / "audit.json"
    if not arguments.page:
        size = {"n_train": 4000, "n_test": 4000, "n_asked": 400, "n_models": 5}
        size |= {"epochs": 100}
        if arguments.quick:
            size = {"n_train": 500, "n_test": 400, "n_asked": 60, "n_models": 2}
            size |= {"epochs": 10}
        lines = []
        for name in DATA:
            for split in range(1 if arguments.quick else 3):
                lines += measure(name, split, **size)
                print(pd.DataFrame(lines[-3:]).T.to_string(), flush=True)
        results = {"quick": arguments.quick, **size, "lines": lines}
        file.write_text(json.dumps(results, indent=1, default=float), encoding="utf-8")
    write_page(json.loads(file.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
