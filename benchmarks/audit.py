"""The audit: who is asked for what, through which columns, and whether it lasts.

One command measures what ``docs/benchmarks/audit.md`` shows::

    SKLEARN_CT_DATA=... python -m benchmarks.audit

Counterfactual training (CT), a conventional twin, and CT without protected columns are
trained on the same rows of five sets, three splits each, and audited on the test rows.
``--quick`` takes one split, few rows and few epochs, to see that all runs.
"""

import time
from functools import partial

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from benchmarks._common import CACHE, CONVENTIONAL, commit, kept, machine, options
from benchmarks.report import publish
from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct.audit import audit_recourse, proxy_report, recourse_survival
from sklearn_ct.datasets import (
    fetch_adult,
    fetch_compas,
    fetch_credit_default,
    fetch_german_credit,
    make_loan_applications,
)

TAUS = (0.5, 0.7, 0.8)
MODELS = ("CT", "twin", "CT without protection")
MEASURES = ("rejection_rate", "cost", "burden", "infeasible_rate")
ASKED = {
    "accuracy": "accuracy",
    "rejection_rate_ratio": "rejection ratio",
    "cost_ratio": "cost ratio",
    "burden_ratio": "burden ratio",
    "burden_found": "splits with a finding in burden",
    "infeasible_rate_difference": "infeasible, difference",
}
THROUGH = {
    "told": "told",
    "through_proxies": "advice through proxies",
    "total": "gap",
    "direct": "direct",
    "through others": "through others",
}
SURVIVAL = {
    f"{kind} {tau:g}": f"{word}, tau {tau:g}"
    for kind, word in {
        "bootstrap": "other rows",
        "seed": "other seed",
        "cost": "cost",
    }.items()
    for tau in TAUS
}


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
    X, y = make_loan_applications(8000, group_effect=-1.0, random_state=0)
    return X, y, "approved", ["group"], "B", ["group", "age"]


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
    settings |= CONVENTIONAL if name == "twin" else {}
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
                f"{text.format(tau=tau)}: on {sum(of_sets.values())} of "
                f"{len(of_sets)} sets, in {sum(of_splits.values())} of "
                f"{len(of_splits)} splits{f'; not on {failed}' if failed else ''}."
            )
            (bad if failed else good).append(line)
    return good, bad


def tables(lines):
    """All tables of the page."""
    frame = pd.DataFrame(lines)
    frame = frame.astype({c: float for c in frame if c.endswith("_found")})
    splits = frame.drop(columns="group").set_index(["data", "split", "model"])
    means = splits.groupby(["data", "model"], sort=False).mean()
    good, bad = claims(means, splits)

    def table(columns):
        part = means[list(columns)].rename(columns=columns).round(3).reset_index()
        return part.to_dict("records")

    groups = frame.drop_duplicates("data").set_index("data")["group"]
    return {
        "groups": [f"{name}: {group}" for name, group in groups.items()],
        "holds": good or ["Nothing of what was looked at."],
        "fails": bad or ["All of it holds on every set."],
        "asked": table(ASKED),
        "through": table(THROUGH),
        "survival": table(SURVIVAL),
    }


def main():
    quick = options(__doc__).quick
    size = {"n_train": 4000, "n_test": 4000, "n_asked": 400, "n_models": 5}
    size |= {"epochs": 100}
    if quick:
        size = {"n_train": 500, "n_test": 400, "n_asked": 60, "n_models": 2}
        size |= {"epochs": 10}
    where, source = machine(), "" if quick else commit()
    lines = []
    for name in DATA:
        for split in range(1 if quick else 3):
            path = CACHE / "audit" / f"{name}-{split}.json"
            unit = partial(measure, name, split, **size)
            lines += kept(path, unit, source)
    where |= {
        "seconds of an audit, median": np.median([one["seconds"] for one in lines])
    }
    publish("audit", "audit", tables(lines), quick=quick, **where)


if __name__ == "__main__":
    main()
