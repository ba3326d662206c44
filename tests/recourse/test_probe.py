"""Answers that edits one by one cannot see: links, limits, shared codes, ends."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct._estimator.explaining import subject_of


def _fit(X, y, *steps, **settings):
    settings = {"max_epochs": 10, "lr": 0.01, "random_state": 0} | settings
    return make_pipeline(*steps, CounterfactualTrainedClassifier(**settings)).fit(X, y)


def _is_possible(model, row, columns, limit, link=lambda table: table):
    """Whether a grid over some columns, link applied, has an answer for the row."""
    ranges = {name: np.linspace(*ends, 60).round() for name, ends in columns.items()}
    for names in itertools.combinations(columns, limit):
        grid = pd.DataFrame(
            itertools.product(*(ranges[name][:: limit**2] for name in names)),
            columns=names,
        )
        table = pd.concat([row] * len(grid), ignore_index=True)
        table = link(table.assign(**grid.astype(table.dtypes[list(names)])))
        inside = [table[name].between(*ends) for name, ends in columns.items()]
        few = (table != row.to_numpy()).sum(axis=1) <= limit
        if ((model.predict(table) == 1) & few & np.all(inside, axis=0)).any():
            return True
    return False


@pytest.mark.parametrize("limit", [1, 2])
def test_changes_that_a_link_leaves_alone_are_tried(limit):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({k: rng.integers(0, 100, 400) for k in "abc"})
    X["total"] = X.a + X.b
    model = _fit(X, (X.a + 0.5 * X.b + 0.8 * X.c > 115).astype(int))

    def link(table):
        return table.assign(total=table.a + table.b)

    asked = X[model.predict(X) == 0][:25]
    result = explain(model, asked, 1, project=link, max_changes=limit)
    answers = result.counterfactuals
    pd.testing.assert_frame_equal(link(answers), answers)
    ends = {name: (X[name].min(), X[name].max()) for name in X}
    for i in np.flatnonzero(~result.valid):
        row = asked[i : i + 1]
        assert not _is_possible(model, row, ends, limit, link)


def test_the_ends_of_the_domain_are_tried():
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"a": rng.exponential(5, 400).round(), "b": rng.normal(size=400)})
    y = ((X.a + 6 * X.b + rng.normal(size=400)) > 12).astype(int)
    model = _fit(X, y)
    low, high = X.a.min(), X.a.max()
    asked = X[model.predict(X) == 0]
    result = explain(model, asked, 1, max_changes=1, mutability={"b": "none"})
    for end in (low, high):
        possible = model.predict(asked.assign(a=end)) == 1
        assert result.valid[possible].all()
    # Those of a call, too, another one for each row.
    tops = asked.a + 1 + np.arange(len(asked)) % 30
    rules = [{"a": (None, top)} for top in tops]
    result = explain(model, asked, 1, domain=rules, mutability={"b": "none"})
    possible = model.predict(asked.assign(a=np.minimum(tops, high))) == 1
    assert result.valid[possible].all()


def test_costs_do_not_make_rows_infeasible():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 6)).round(1), columns=[*"abcdef"])
    model = _fit(X, (X.sum(axis=1) > 1).astype(int))
    asked = X[model.predict(X) == 0]
    plain = explain(model, asked, 1, max_changes=2)
    for costs in ({"a": 0.001}, {"a": 0.0, "b": 1000.0}):
        odd = explain(model, asked, 1, max_changes=2, feature_costs=costs)
        assert odd.valid[plain.valid].all()


@pytest.mark.parametrize("limit", [None, 1])
def test_codes_that_features_share(limit):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 4)).round(2), columns=[*"abcd"])
    model = _fit(X, (X.sum(axis=1) > 0).astype(int), StandardScaler(), PCA())
    asked = X[model.predict(X) == 0][:12]
    result = explain(model, asked, 1, max_changes=limit)
    ends = {name: (X[name].min(), X[name].max()) for name in X}
    for i in np.flatnonzero(~result.valid):
        assert not _is_possible(model, asked[i : i + 1], ends, limit or 2)
    assert (result.status == "valid").mean() > 0.9


def test_rows_predicted_as_a_class_stand_in_for_its_rows():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 2)), columns=["a", "b"])
    clf = _fit(X, (X.a + X.b**2 > 0).astype(int))[-1]
    for k, real in subject_of(clf).taken_for.items():
        table = clf.encoder_.table(real.values)
        assert len(table)
        assert (clf.predict(table) == k).all()
        kept = clf.references_[k].values
        assert not (real.values[:, None] == kept).all(axis=2).any()


def test_a_margin_costs_few_plain_searches(monkeypatch):
    from sklearn_ct._recourse import find

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 4)), columns=[*"abcd"])
    model = _fit(X, (X.sum(axis=1) > 0).astype(int))
    asked = X[model.predict(X) == 0][:20]
    searches, walk = [], find.walk

    def counted(task, **changes):
        searches.append(len(task.target))
        return walk(task, **changes)

    monkeypatch.setattr(find, "walk", counted)
    for margin in (0.1, 0.4):
        searches.clear()
        result = explain(model, asked, 1, margin=margin)
        assert len(searches) <= 3
        assert result.valid.all()
