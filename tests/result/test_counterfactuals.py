"""The answer to `explain`, member by member."""

import json
import pickle
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_ct import Counterfactuals, CounterfactualTrainedClassifier
from sklearn_ct.datasets import make_loan_applications, make_moons
from sklearn_ct.metrics import implausibility_distance, plausibility_score
from sklearn_ct.metrics._standing import Standing

MEMBERS = [
    "query",
    "alternative",
    "target",
    "status",
    "reason",
    "valid",
    "probability",
    "cost",
    "implausibility",
    "plausibility",
    "n_changes",
]

LAZY = ["implausibility", "plausibility"]

COLUMNS = ["row", "query", "alternative", "feature", "from", "to"]


@pytest.fixture(scope="module")
def loans():
    X, y = make_loan_applications(300, random_state=0)
    return X.set_index(pd.Index([f"no. {i}" for i in range(len(X))], name="id")), y


@pytest.fixture(scope="module")
def clf(loans):
    return CounterfactualTrainedClassifier(
        max_epochs=5, n_counterfactuals=50, lr=0.02, random_state=0
    ).fit(*loans)


@pytest.fixture(scope="module")
def asked(clf, loans):
    X = loans[0]
    approved = clf.predict(X) == "approved"
    return pd.concat([X[~approved][:9], X[approved][:3]])


@pytest.fixture(scope="module")
def result(clf, asked):
    """Nine found, three there already, and two of the nine that may change nothing."""
    rules = pd.DataFrame("both", index=asked.index, columns=asked.columns)
    rules.iloc[:2] = "none"
    return clf.explain(asked, "approved", mutability=rules)


def made(**parts):
    """A result made by hand, of two columns and four rows."""
    before = pd.DataFrame({"income": [20_000, 1, 2, 3], "job": ["<a>", "b", "c", "d"]})
    after = pd.DataFrame(
        {"income": [1_234_567, 1, 2, 3], "job": ["x & y", "b", "c", "e"]}
    )
    fields = {
        "factuals": before,
        "counterfactuals": after,
        "query": np.arange(4),
        "target": np.array(["yes"] * 4, dtype=object),
        "status": np.array(
            ["valid", "already", "infeasible", "fallback"], dtype=object
        ),
        "reason": np.array(["", "", "no feature may change", ""], dtype=object),
        "probability": np.array([0.75, 0.9, 0.1, 0.6]),
        "cost": np.array([3.0, 0.0, 0.0, 2.0]),
        "diversity": np.full(4, np.nan),
        "_features": [("income", (0,)), ("job", (1,))],
        "_changed": np.array([[1, 1], [0, 0], [0, 0], [0, 1]], dtype=bool),
        "_codes": np.zeros((4, 2)),
        "_standings": {"yes": Standing(np.ones((3, 2)))},
    }
    return Counterfactuals(**fields | parts)


TABLES = {"factuals": made().factuals, "counterfactuals": made().counterfactuals}


def test_members_have_a_row_for_each_row(result, asked):
    assert len(result) == len(asked) == 12
    for name in ("factuals", "counterfactuals", *MEMBERS):
        assert len(getattr(result, name)) == 12, name
    assert result.valid.dtype == bool
    np.testing.assert_array_equal(result.query, np.arange(12))
    assert result.status.tolist()[:2] == ["infeasible"] * 2
    assert result.status.tolist()[9:] == ["already"] * 3
    assert result.reason[0] == "no feature may change"
    assert not any(result.reason[2:])
    np.testing.assert_array_equal(result.valid, result.status != "infeasible")
    changed = result.factuals.astype(object) != result.counterfactuals.astype(object)
    np.testing.assert_array_equal(result.n_changes, changed.sum(axis=1))
    np.testing.assert_array_equal(result.cost > 0, result.n_changes > 0)
    frame = result.to_frame()
    for name in ("probability", "cost", *LAZY, "n_changes"):
        blank = frame[name].isna()
        np.testing.assert_array_equal(blank, ~result.valid, err_msg=name)
    pd.testing.assert_frame_equal(result.factuals, asked, check_exact=True)


def test_counts_are_in_the_representation(result):
    assert repr(result) == (
        "<Counterfactuals of 12 rows: 7 valid, 3 already, 2 infeasible>"
    )
    assert repr(result[:0]) == "<Counterfactuals of 0 rows: 0>"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (3, [3]),
        (-1, [11]),
        (np.int64(5), [5]),
        (slice(2, 9, 3), [2, 5, 8]),
        (slice(None, None, -1), list(range(11, -1, -1))),
        ([4, 0], [4, 0]),
        (np.array([7, 7]), [7, 7]),
        (np.arange(12) % 5 == 0, [0, 5, 10]),
        (pd.Series(np.arange(12) > 9), [10, 11]),
        ([], []),
        (np.zeros(12, dtype=bool), []),
    ],
    ids=str,
)
def test_rows(result, rows, expected):
    part = result[rows]
    assert isinstance(part, Counterfactuals)
    assert len(part) == len(expected)
    pd.testing.assert_frame_equal(part.factuals, result.factuals.iloc[expected])
    pd.testing.assert_frame_equal(
        part.counterfactuals, result.counterfactuals.iloc[expected]
    )
    for name in MEMBERS:
        whole = getattr(result, name)[np.array(expected, dtype=int)]
        np.testing.assert_array_equal(getattr(part, name), whole)


def test_rows_that_do_not_exist(result):
    with pytest.raises(IndexError):
        result[12]
    with pytest.raises(IndexError):
        result[np.ones(3, dtype=bool)]


def test_iteration(result):
    parts = list(result)
    assert len(parts) == 12
    assert all(len(part) == 1 for part in parts)
    assert [part.query[0] for part in parts] == list(range(12))
    again = pd.concat([part.to_frame() for part in parts])
    pd.testing.assert_frame_equal(again, result.to_frame())


def test_to_frame(result, asked):
    frame = result.to_frame()
    outcome = ["query", "alternative", "target", "status", "reason", "probability"]
    outcome += ["cost", *LAZY, "diversity", "n_changes"]
    assert list(frame.columns) == [*asked.columns, *outcome]
    pd.testing.assert_index_equal(frame.index, asked.index)
    pd.testing.assert_frame_equal(frame[asked.columns], result.counterfactuals)
    for name in outcome[:-1]:
        np.testing.assert_array_equal(frame[name], getattr(result, name))
    counts = np.where(result.valid, result.n_changes, np.nan)
    np.testing.assert_array_equal(frame["n_changes"], counts)
    frame["income"] = 0
    assert (result.counterfactuals["income"] > 0).all()


def test_to_frame_with_columns_of_the_same_name():
    tables = {
        name: table.rename(columns={"job": "cost"}) for name, table in TABLES.items()
    }
    frame = made(**tables).to_frame()
    assert frame["cost"].tolist() == ["x & y", "b", "c", "e"]
    np.testing.assert_array_equal(frame["cost_"], [3.0, 0.0, np.nan, 2.0])
    # What is there stays, whatever its name.
    names = {"income": "cost_", "job": "cost"}
    tables = {name: table.rename(columns=names) for name, table in TABLES.items()}
    frame = made(**tables).to_frame()
    assert frame["cost_"].tolist() == [1_234_567, 1, 2, 3]
    np.testing.assert_array_equal(frame["cost__"], [3.0, 0.0, np.nan, 2.0])


def test_frames_with_and_without_rows_have_one_type(result):
    some, none = result.to_frame(), result[:0].to_frame()
    assert list(none.dtypes) == list(some.dtypes)


def test_changes(result, asked):
    changes = result.changes()
    assert list(changes.columns) == [
        "row",
        "query",
        "alternative",
        "feature",
        "from",
        "to",
    ]
    assert len(changes) == result.n_changes.sum()
    order = asked.index.get_indexer(changes["row"])
    assert (np.diff(order) >= 0).all()
    for row, query, alternative, feature, old, new in changes.itertuples(index=False):
        assert asked.index[query] == row
        assert alternative == 0
        assert asked.loc[row, feature] == old
        assert result.counterfactuals.loc[row, feature] == new
        assert old != new
    none = result[result.status == "already"].changes()
    assert list(none.columns) == [
        "row",
        "query",
        "alternative",
        "feature",
        "from",
        "to",
    ]
    assert len(none) == 0


def test_changes_made_by_hand():
    expected = pd.DataFrame(
        {
            "row": [0, 0, 3],
            "query": [0, 0, 3],
            "alternative": [0, 0, 0],
            "feature": ["income", "job", "job"],
            "from": [20_000, "<a>", "d"],
            "to": [1_234_567, "x & y", "e"],
        }
    ).astype({"feature": object, "from": object, "to": object})
    pd.testing.assert_frame_equal(made().changes(), expected)


def test_changes_of_a_one_hot_block(loans):
    X, y = loans
    X = pd.get_dummies(X[["income", "debt", "housing"]], dtype=int)
    block = ("housing_rent", "housing_mortgage", "housing_own")
    clf = CounterfactualTrainedClassifier(
        max_epochs=5, n_counterfactuals=50, lr=0.02, random_state=0
    ).fit(X, y)
    asked = X[clf.predict(X) == "rejected"][:40]
    frozen = {"income": "none", "debt": "none"}
    result = clf.explain(asked, mutability=frozen)
    changes = result.changes()
    assert len(changes)
    assert all(set(feature) == set(block) for feature in changes["feature"])
    assert set(changes["from"]) | set(changes["to"]) <= set(block)
    i = int(np.flatnonzero(result.n_changes > 0)[0])
    old, new = changes.iloc[0][["from", "to"]]
    assert result.describe(i).startswith(f"Change {old} to {new}; the model")


@pytest.mark.parametrize(
    ("i", "sentence"),
    [
        (
            0,
            "Raise income from 20,000 to 1,234,567 and change job from '<a>' to "
            "'x & y'; the model would then predict 'yes' with probability 0.75.",
        ),
        (1, "Nothing to change: already predicted 'yes' (0.90)."),
        (2, "None under these constraints: no feature may change."),
        (
            3,
            "Change job from 'd' to 'e'; the model would then predict 'yes' with "
            "probability 0.60.",
        ),
    ],
)
def test_describe(i, sentence):
    assert made().describe(i) == sentence
    assert made().describe(i - 4) == sentence


def test_columns_with_names_of_two_levels():
    columns = pd.MultiIndex.from_tuples([("person", "income"), ("person", "job")])
    tables = {name: table.set_axis(columns, axis=1) for name, table in TABLES.items()}
    features = [(name, (k,)) for k, name in enumerate(columns)]
    sentence = made(**tables, _features=features).describe(0)
    assert sentence.startswith("Raise ('person', 'income') from 20,000 to 1,234,567 ")


def test_changed_cells_of_the_table_have_all_digits():
    cells = [
        pd.DataFrame({"income": [x, x + 4, x + 5, 2]}) for x in (0.123456, 1.123456)
    ]
    cells[0].loc[1, "income"] = np.nan
    changed = np.array([[1], [1], [0], [0]], dtype=bool)
    html = made(
        factuals=cells[0],
        counterfactuals=cells[1],
        _features=[("income", (0,))],
        _changed=changed,
    )._repr_html_()
    assert "<del>0.123456</del> <b>1.123456</b>" in html
    assert "<del>nan</del> <b>5.123456</b>" in html
    assert "<td>6.123</td>" in html
    assert "<p>" not in html


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (2_000_000, 1_500_000, "Lower income from 2,000,000 to 1,500,000"),
        (1.25, 1.5, "Raise income from 1.25 to 1.5"),
        (1234.5, 99.0, "Lower income from 1,234.5 to 99"),
        # What was checked is the number, not one near it.
        (-0.1, 2.4157, "Raise income from -0.1 to 2.4157"),
        (1234567.89012, 1.5e-7, "Lower income from 1,234,567.89012 to 0.00000015"),
        (np.float32(0.3), np.float32(0.1), "Lower income from 0.3 to 0.1"),
        (-3, 4, "Raise income from -3 to 4"),
        (np.nan, 5.0, "Set income, which is missing, to 5"),
        (True, False, "Change income from 'True' to 'False'"),
    ],
)
def test_numbers_in_words(old, new, words):
    before, after = pd.DataFrame({"income": [old]}), pd.DataFrame({"income": [new]})
    result = made()[:1]
    one = made(
        factuals=before,
        counterfactuals=after,
        _features=[("income", (0,))],
        _changed=np.array([[True]]),
        **{
            name: getattr(result, name)
            for name in ("query", "target", "status", "reason", "probability", "cost")
        },
    )
    assert one.describe(0).startswith(f"{words}; the model would then predict 'yes'")


def test_describe_takes_one_row(result):
    with pytest.raises(ValueError, match="single row"):
        result.describe(slice(0, 2))
    with pytest.raises(IndexError):
        result.describe(12)


def test_arrays_without_names():
    X, y = make_moons(200, random_state=0)
    clf = CounterfactualTrainedClassifier(max_epochs=5, lr=0.05, random_state=0)
    result = clf.fit(X, y).explain(X[:6])
    assert isinstance(result.counterfactuals, np.ndarray)
    assert list(result.to_frame().columns)[:2] == [0, 1]
    assert set(result.changes()["feature"]) <= {0, 1}
    found = np.flatnonzero(result.n_changes > 0)
    sentence = result.describe(int(found[0]))
    assert sentence.split(" from ")[0].lower() in {
        f"{verb} column {j}" for verb in ("raise", "lower") for j in (0, 1)
    }
    records = json.loads(result.to_json())["rows"]
    assert records[0]["factual"] == {"0": X[0, 0], "1": X[0, 1]}
    assert "<b>" in result._repr_html_()
    np.testing.assert_array_equal(result[2].factuals, X[2:3])


def test_evaluate(result):
    summary = result.evaluate()
    assert isinstance(summary, pd.Series)
    assert summary["n"] == 12
    assert summary["answered"] == summary["validity"] == pytest.approx(10 / 12)
    assert summary["share_already"] == pytest.approx(3 / 12)
    assert summary["share_infeasible"] == pytest.approx(2 / 12)
    assert summary.filter(like="share_").sum() == pytest.approx(1)
    moved = result[np.isin(result.status, ["valid", "fallback"])]
    assert summary["rare"] == np.mean(moved.plausibility < 0.05)
    for name in ("cost", "n_changes", *LAZY, "probability"):
        assert summary[name] == pytest.approx(getattr(moved, name).mean())
    nothing = result[result.status == "already"].evaluate()
    assert nothing["validity"] == 1
    assert np.isnan(nothing["cost"])


def two_each(**parts):
    """Two rows with two answers each; the second answer to the second is missing."""
    fields = {
        "query": np.array([0, 0, 1, 1]),
        "status": np.array(["valid", "valid", "valid", "infeasible"], dtype=object),
        "cost": np.array([1.0, 2.0, 4.0, 0.0]),
    }
    return made(**fields | parts)


def test_evaluate_counts_people():
    result = two_each()
    np.testing.assert_array_equal(result.alternative, [0, 1, 0, 1])
    summary = result.evaluate()
    assert summary["n"] == 2
    assert summary["answered"] == 1
    assert summary["share_infeasible"] == 0
    assert summary["validity"] == 0.75
    assert summary["cost"] == pytest.approx(7 / 3)
    # The order of the rows does not matter.
    pd.testing.assert_series_equal(result[::-1].evaluate(), summary)
    nobody = two_each(status=np.array(["infeasible"] * 4, dtype=object)).evaluate()
    assert nobody["answered"] == 0
    assert np.isnan(nobody["cost"])


def test_evaluate_by_group():
    result = two_each()
    every = pd.Series(["x", "y"], index=[0, 2], name="kind")
    for by in (["a", "b"], np.array(["a", "b"]), ["a", "a", "b", "b"]):
        frame = result.evaluate(by=by)
        assert frame.index.tolist() == ["a", "b"]
        pd.testing.assert_series_equal(
            frame.loc["b"], result[2:].evaluate(), check_names=False
        )
    # A Series is matched by its index, whatever its order and whatever it has beside.
    labels = result.factuals.set_axis([7, 7, 5, 5], axis=0)
    indexed = replace(result, factuals=labels)
    by = pd.Series(["c", "b", "a"], index=[9, 5, 7], name="kind")
    frame = indexed.evaluate(by=by)
    assert frame.index.name == "kind"
    assert frame["cost"].tolist() == [1.5, 4.0]
    with pytest.raises(ValueError, match="a label for each index of the factuals"):
        indexed.evaluate(by=every)
    by_columns = result.evaluate(by=["job", "income"])
    assert by_columns.index.names == ["job", "income"]
    assert len(by_columns) == 4
    assert result.evaluate(by="job").index.tolist() == ["<a>", "b", "c", "d"]
    assert len(result[:0].evaluate(by="job")) == 0
    with pytest.raises(ValueError, match="unknown column 'jobs'"):
        result.evaluate(by="jobs")
    with pytest.raises(ValueError, match="each of the 2 people or 4 rows. Got 3"):
        result.evaluate(by=[1, 2, 3])


def test_groups_of_missing_labels():
    frame = two_each().evaluate(by=[None, "b"])
    assert frame["n"].tolist() == [1, 1]


def test_pareto_by_brute_force():
    rng = np.random.default_rng(0)
    m = 60
    query = rng.permutation(np.repeat(np.arange(15), 4))
    table = pd.DataFrame({"a": np.zeros(m), "b": np.zeros(m)})
    result = Counterfactuals(
        factuals=table,
        counterfactuals=table,
        query=query,
        target=np.array(["yes"] * m, dtype=object),
        status=np.where(rng.random(m) < 0.4, "infeasible", "valid").astype(object),
        reason=np.array([""] * m, dtype=object),
        probability=rng.integers(3, size=m) / 4 + 0.5,
        cost=rng.integers(3, size=m).astype(float),
        diversity=np.full(m, np.nan),
        _features=[("a", (0,)), ("b", (1,))],
        _changed=rng.random((m, 2)) < 0.5,
    )
    kept = set()
    for row in range(15):
        own = np.flatnonzero(query == row)
        some = [i for i in own if result.valid[i]]
        loss = {
            i: (result.cost[i], result.n_changes[i], -result.probability[i])
            for i in some
        }
        beaten = {
            i
            for i in some
            for j in some
            if loss[j] != loss[i] and all(np.array(loss[j]) <= np.array(loss[i]))
        }
        kept |= set(some) - beaten if some else {own[0]}
    best = result.pareto()
    assert len(best) == len(kept) < result.valid.sum()
    part = result[sorted(kept)]
    np.testing.assert_array_equal(best.query, part.query)
    np.testing.assert_array_equal(best.alternative, part.alternative)
    assert len(result[:0].pareto()) == 0


def test_to_json(result, asked):
    records = json.loads(result.to_json())["rows"]
    assert len(records) == 12
    for i, record in enumerate(records):
        assert record["query"] == i
        assert record["index"] == asked.index[i]
        assert record["status"] == result.status[i]
        assert record["reason"] == result.reason[i]
        assert record["target"] == "approved"
        assert record["n_changes"] == result.n_changes[i]
        for name in ("probability", "cost", *LAZY):
            value = getattr(result, name)[i]
            assert record[name] == (value if result.valid[i] else None)
        assert list(record["factual"].values()) == asked.iloc[i].tolist()
        assert (
            list(record["counterfactual"].values())
            == result.counterfactuals.iloc[i].tolist()
        )


def test_to_json_of_every_type():
    cells = pd.DataFrame(
        {
            "int": np.array([1, 2], dtype=np.int8),
            "float": [0.5, np.nan],
            "float32": np.array([0.5, np.inf], dtype=np.float32),
            "bool": [True, False],
            "nullable": pd.array([1, None], dtype="Int64"),
            "object": [None, "b"],
            "text": pd.array(["a", None], dtype="string"),
            "category": pd.Categorical(["a", None]),
            "interval": pd.Categorical([1, 2]),
            "date": pd.to_datetime(["2020-01-01", None]),
        }
    )
    per_row = ["query", "target", "status", "reason", "cost", "diversity"]
    per_row += ["_changed", "_codes"]
    parts = {name: getattr(made(), name)[:2] for name in per_row}
    parts["alternative"] = np.zeros(2, dtype=int)
    parts["probability"] = np.array([0.5, np.nan])
    text = made(factuals=cells, counterfactuals=cells, **parts).to_json()
    first, second = json.loads(text, parse_constant=pytest.fail)["rows"]
    assert first["factual"] == {
        "int": 1,
        "float": 0.5,
        "float32": 0.5,
        "bool": True,
        "nullable": 1,
        "object": None,
        "text": "a",
        "category": "a",
        "interval": 1,
        "date": "2020-01-01 00:00:00",
    }
    assert list(second["counterfactual"].values()) == [
        2,
        None,
        None,
        False,
        None,
        "b",
        None,
        None,
        2,
        None,
    ]
    assert second["probability"] is None


def test_html():
    html = made()._repr_html_()
    assert html.count("<tr") == 5
    assert "<del>20,000</del> <b>1,234,567</b>" in html
    assert "<del>&lt;a&gt;</del> <b>x &amp; y</b>" in html
    assert "<del>d</del> <b>e</b>" in html
    assert html.count("<b>") == 3
    assert "<a>" not in html


def assert_same(again, result):
    pd.testing.assert_frame_equal(
        pd.DataFrame(again.factuals), pd.DataFrame(result.factuals)
    )
    assert type(again.factuals) is type(result.factuals)
    pd.testing.assert_frame_equal(again.to_frame(), result.to_frame())
    pd.testing.assert_frame_equal(again.changes(), result.changes())
    pd.testing.assert_series_equal(again.evaluate(), result.evaluate())
    for name in MEMBERS:
        np.testing.assert_array_equal(getattr(again, name), getattr(result, name))
    for i in range(len(result)):
        assert again.describe(i) == result.describe(i)


def test_json_comes_back(result, clf, asked):
    for one in (
        result,
        result[::-2],
        clf.explain(asked, n_counterfactuals=2, noise=0.1),
    ):
        again = Counterfactuals.from_json(one.to_json())
        assert_same(again, one)
        assert_same(again[1:4], one[1:4])
        assert again.to_json() == one.to_json()
        mapped = again.map_tables(lambda table: table)
        for name in LAZY:
            np.testing.assert_array_equal(getattr(mapped, name), getattr(one, name))


def test_json_of_the_first_schemata(result):
    text = json.loads(result.to_json())
    text["schema"] = 2
    for row in text["rows"]:
        del row["plausibility"]
    again = Counterfactuals.from_json(json.dumps(text))
    assert np.isnan(again.plausibility).all()
    np.testing.assert_array_equal(again.implausibility, result.implausibility)
    assert np.isnan(again.evaluate()["rare"])
    text["schema"] = 1
    for row in text["rows"]:
        del row["alternative"]
        row["cost"] = row["cost"] or 0.0
    again = Counterfactuals.from_json(json.dumps(text))
    np.testing.assert_array_equal(again.alternative, result.alternative)
    np.testing.assert_array_equal(again.cost, result.cost)
    with pytest.raises(ValueError, match="Got schema 4 instead"):
        Counterfactuals.from_json(json.dumps(text | {"schema": 4}))


def test_json_of_missing_texts():
    cells = pd.DataFrame({"nan": ["a", np.nan], "none": ["a", None]}, dtype=object)
    parts = {"_features": [("nan", (0,)), ("none", (1,))]}
    parts |= {"_changed": np.zeros((2, 2), dtype=bool), "_codes": np.zeros((2, 2))}
    names = ("query", "target", "status", "reason", "probability", "cost", "diversity")
    parts |= {name: getattr(made()[:2], name) for name in names}
    again = Counterfactuals.from_json(
        made(factuals=cells, counterfactuals=cells, **parts).to_json()
    )
    for table in (again.factuals, again.counterfactuals):
        assert np.isnan(table["nan"][1])
        assert table["none"][1] is None


def test_json_of_no_rows(clf, asked):
    none = clf.explain(asked[:0])
    again = Counterfactuals.from_json(none.to_json())
    assert again.invalidation_rate is None
    for name in ("target", "status", "reason"):
        assert getattr(again, name).dtype == object
    assert again.to_json() == none.to_json()


def test_labels_in_words_are_plain(loans):
    X, y = loans
    for label, other, text in ((1, 0, "1"), (True, False, "True"), ("a", "b", "'a'")):
        labels = np.array([label if v == "approved" else other for v in y])
        clf = CounterfactualTrainedClassifier(max_epochs=2, lr=0.02, random_state=0)
        clf.fit(X, labels)
        asked = X[clf.predict(X) != label][:1]
        sentence = clf.explain(asked, label).describe(0)
        assert f"predict {text} with" in sentence
        assert "np." not in sentence


def test_json_of_truth_values(clf, asked):
    result = clf.explain(asked[:3])
    result = replace(result, target=np.array([False] * len(result)))
    again = Counterfactuals.from_json(result.to_json())
    assert again.target.tolist() == [False] * 3
    assert all(isinstance(label, bool) for label in again.target.tolist())


def test_json_of_arrays_and_blocks_comes_back():
    X, y = make_moons(200, random_state=0)
    X = np.column_stack([X, X[:, 0] > 0, X[:, 0] <= 0])
    clf = CounterfactualTrainedClassifier(max_epochs=3, random_state=0).fit(X, y)
    result = clf.explain(X[:8])
    assert (2, 3) in [name for name, _ in result._features]
    assert_same(Counterfactuals.from_json(result.to_json()), result)


def test_html_of_many_rows(result):
    part = result[np.arange(60) % 12]
    html = part._repr_html_()
    assert html.count("<tr") == 51
    assert "<p>10 more rows; " in html
    assert part.to_html(limit=None).count("<tr") == 61
    assert part.to_html(limit=5).count("<tr") == 6


def test_html_shows_what_changed(result, asked):
    shown = re.findall("<th>(.*?)</th>", result.to_html().split("</tr>")[0])
    outcome = ["", "target", "status", "reason", "probability", "plausibility"]
    assert shown[:6] == outcome
    changed = result.changes()["feature"].unique()
    assert set(shown[6:]) == set(changed) < set(asked.columns)
    every = re.findall("<th>(.*?)</th>", result.to_html("all").split("</tr>")[0])
    assert every == [*outcome, *asked.columns]
    left = len(asked.columns) - len(changed)
    assert f"{left} columns that no answer changes" in result.to_html()
    assert "no answer changes" not in result.to_html(columns="all")
    assert "nan" not in result.to_html()
    with pytest.raises(ValueError, match="'changed' or 'all'. Got 'some'"):
        result.to_html("some")


def test_html_groups_alternatives():
    html = two_each()[[3, 0, 2, 1]].to_html()
    rows = html.split("<tr")[2:]
    assert ["border-top" in row for row in rows] == [True, False, True, False]
    labels = [re.search("<th>(.*?)</th>", row)[1] for row in rows]
    assert labels == ["0", "", "2", ""]


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("implausibility", implausibility_distance),
        ("plausibility", plausibility_score),
    ],
)
def test_measures_among_real_rows_are_the_metrics(result, clf, loans, name, metric):
    codes = clf.encode(result.counterfactuals)
    X, y = loans
    real = clf.encode(X[(y == "approved").to_numpy()])  # all are kept
    expected = metric(codes, real, average=False)
    expected[~result.valid] = np.nan
    np.testing.assert_allclose(getattr(result, name), expected)
    assert name in vars(result)
    part = result[2:5]
    assert name in vars(part)
    np.testing.assert_array_equal(getattr(part, name), getattr(result, name)[2:5])


def test_arrays_are_read_only(result):
    names = ("query", "target", "status", "reason", "probability", "cost", "diversity")
    for name in names:
        with pytest.raises(ValueError, match="read-only"):
            getattr(result, name)[0] = 0
    with pytest.raises(AttributeError):
        result.cost = np.zeros(12)


def test_pickle(result):
    again = pickle.loads(pickle.dumps(result))
    pd.testing.assert_frame_equal(again.to_frame(), result.to_frame())
    for name in LAZY:
        np.testing.assert_array_equal(getattr(again, name), getattr(result, name))
    fresh = pickle.loads(pickle.dumps(result[2:]))
    fresh = pickle.loads(pickle.dumps(fresh))
    np.testing.assert_array_equal(fresh.plausibility, result.plausibility[2:])
    assert again.describe(3) == result.describe(3)


def test_no_rows(clf, result, asked):
    for none in (
        result[:0],
        clf.explain(asked[:0]),
        clf.explain(asked[:0], "approved"),
    ):
        assert len(none) == 0
        assert list(none) == []
        assert none.to_frame().shape == (0, 23)
        assert len(none.changes()) == 0
        assert json.loads(none.to_json())["rows"] == []
        assert len(Counterfactuals.from_json(none.to_json())) == 0
        assert none.implausibility.shape == (0,)
        assert none.n_changes.shape == (0,)
        assert none.evaluate()["n"] == 0
        assert np.isnan(none.evaluate()["validity"])
        assert none._repr_html_().count("<tr") == 1
        assert none.counterfactuals.dtypes.equals(asked.dtypes)


@pytest.mark.parametrize("free", [None, ["income", "savings"]])
def test_diversity_by_brute_force(clf, asked, free):
    rules = free and dict.fromkeys(asked.columns.difference(free), "none")
    result = clf.explain(asked, "approved", n_counterfactuals=3, mutability=rules)
    if free:  # not every row has as many
        assert not result.valid.all()
    codes = clf.encode(result.counterfactuals)
    for i in range(36):
        others = result.valid & (result.query == result.query[i])
        others[i] = False
        expected = np.nan
        if result.valid[i] and others.any():
            expected = np.abs(codes[others] - codes[i]).sum(axis=1).mean()
        np.testing.assert_allclose(result.diversity[i], expected)


def test_several_for_each_row(clf, asked):
    result = clf.explain(asked, "approved", n_counterfactuals=3)
    np.testing.assert_array_equal(result.query, np.repeat(np.arange(12), 3))
    pd.testing.assert_frame_equal(result.factuals, asked.iloc[result.query])
    assert "of 12 rows" in repr(result)
    assert json.loads(result.to_json())["rows"][4]["query"] == 1
    several = result.evaluate()["diversity"]
    assert several == pytest.approx(np.nanmean(result.diversity))
    assert several > 0


def test_polars(clf, asked):
    polars = pytest.importorskip("polars")
    names = ["income", "debt"]
    X = polars.DataFrame({name: asked[name].to_numpy() for name in names})
    clf = CounterfactualTrainedClassifier(max_epochs=3, random_state=0)
    clf.fit(X, [0, 1] * 6)
    result = clf.explain(X)
    assert isinstance(result[:3].counterfactuals, polars.DataFrame)
    assert list(result.to_frame().columns)[:2] == names
    assert len(json.loads(result.to_json())["rows"]) == 12
    assert result.n_changes.sum() == len(result.changes())
    assert result._repr_html_().count("<tr") == 13
