import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct._rules.observed import observe
from sklearn_ct._rules.relations import Relation, Relations
from sklearn_ct._tables.encoder import TabularEncoder
from sklearn_ct.datasets import loan_application_is_possible, make_loan_applications

RULES = {
    "age": "none",
    "employment_years": "increase",
    "education": "increase",
    "late_payments": "decrease",
}


def _table(n=2000, seed=0):
    """Rows with an order, a forbidden pair of labels, a function, and noise."""
    rng = np.random.default_rng(seed)
    owed = rng.integers(0, 100, n)
    job = rng.choice(["clerk", "none", "smith"], n)
    married = rng.uniform(size=n) < 0.5
    kin = np.where(married, rng.choice(["wife", "child"], n), rng.choice(["child"], n))
    return pd.DataFrame(
        {
            "owed": owed,
            "paid": np.floor(owed * rng.uniform(size=n)),
            "noise": rng.normal(size=n).round(3),
            "job": pd.Categorical(job),
            "level": np.where(job == "none", 0, np.where(job == "clerk", 1, 2)),
            "married": pd.Categorical(np.where(married, "yes", "no")),
            "kin": pd.Categorical(kin),
        }
    )


def _learned(X):
    encoder = TabularEncoder().fit(X)
    return observe(encoder.read(X), encoder), encoder


@pytest.fixture(scope="module")
def loans():
    X, y = make_loan_applications(6000, random_state=0)
    clf = CounterfactualTrainedClassifier(
        mutability=RULES, max_epochs=5, lr=0.01, random_state=0
    )
    return clf.fit(X[:5500], y[:5500]), X[5500:]


def test_learned_is_what_made_the_table():
    said = list(map(str, _learned(_table())[0]))
    assert "paid <= owed" in said
    assert (
        "level = 0 where job is 'none'" in said
        or "level <= 0 where job is 'none'" in said
    )
    assert "kin is not 'wife' where married is 'no'" in said
    assert not any("noise" in sentence for sentence in said)


def test_independent_columns_have_no_relation():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "a": rng.integers(0, 50, 3000),
            "b": rng.integers(0, 60, 3000),
            "c": rng.exponential(size=3000).round(2),
            "d": pd.Categorical(rng.choice(list("pqrstu"), 3000)),
            "e": pd.Categorical(rng.choice(list("xyz"), 3000, p=[0.9, 0.09, 0.01])),
        }
    )
    assert _learned(X)[0] == []


@pytest.mark.parametrize("seed", range(4))
def test_held_out_rows_keep_what_was_learned(seed):
    X, _ = make_loan_applications(6000, random_state=seed)
    words, encoder = _learned(X[:4000])
    excess = Relations.of(words, encoder).excess(encoder.read(X))
    assert not excess[:4000].any()
    assert (excess[4000:] > 0).any(axis=1).mean() <= 0.001
    assert 5 <= len(words) <= 12


def test_excess_by_hand():
    X = _table(200)
    encoder = TabularEncoder().fit(X)
    relations = Relations.of(
        [
            {"column": "paid", "minus": "owed", "at_most": -2},
            {"column": "level", "at_least": 1, "where": {"job": ["smith", "clerk"]}},
            {"column": "kin", "never": ["wife"], "where": {"owed": (50, None)}},
            {"column": "kin", "among": ["wife"], "where": {"owed": 7}},
        ],
        encoder,
    )
    got = np.zeros((200, 4))
    np.maximum.at(got.T, relations.source, relations.excess(encoder.read(X)).T)
    working = X.job != "none"
    expected = np.column_stack(
        [
            np.maximum(X.paid - X.owed + 2, 0),
            np.where(working, np.maximum(1 - X.level, 0), 0),
            (X.kin == "wife") & (X.owed >= 50),
            (X.kin != "wife") & (X.owed == 7),
        ]
    )
    np.testing.assert_array_equal(got, expected)


def test_edits_break_what_the_edited_rows_break():
    X = _table()
    words, encoder = _learned(X)
    relations = Relations.of(words, encoder)
    rng = np.random.default_rng(0)
    values = encoder.read(X)[:30]
    for j in range(values.shape[1]):
        values[:, j] = rng.permutation(values[:, j])
    own = relations.excess(encoder.read(X)[:30])
    variable = np.repeat(np.arange(values.shape[1]), 3)
    value = encoder.read(X)[rng.integers(0, 2000, len(variable)), variable]
    got = relations.after(values, own, variable, value)
    for e, (j, v) in enumerate(zip(variable, value, strict=True)):
        edited = values.copy()
        edited[:, j] = v
        expected = (relations.excess(edited) > own).sum(axis=1)
        np.testing.assert_array_equal(got[:, e], expected)


@pytest.mark.parametrize("options", [{}, {"n_counterfactuals": 3}, {"effort": "walk"}])
def test_answers_are_possible(loans, options):
    clf, X = loans
    answers = clf.explain(X, **options)
    assert loan_application_is_possible(answers.counterfactuals).all()
    if not options:
        assert answers.valid.mean() >= 0.99
    relations = Relations.of(clf.relations_, clf.encoder_)
    before, after = (
        relations.excess(clf.encoder_.read(table))
        for table in (answers.factuals, answers.counterfactuals)
    )
    assert (after <= before).all()


def test_without_relations_some_answers_are_impossible(loans):
    clf, X = loans
    free = CounterfactualTrainedClassifier(**clf.get_params() | {"relations": None})
    free.__dict__.update(vars(clf) | {"relations": None, "relations_": []})
    answers = free.explain(X, n_counterfactuals=3)
    assert not loan_application_is_possible(answers.counterfactuals).all()


def test_a_row_alone_equals_the_row_among_others(loans):
    clf, X = loans
    rows = X[:25]
    together = clf.explain(rows).counterfactuals
    alone = pd.concat([clf.explain(rows.iloc[[i]]).counterfactuals for i in range(25)])
    pd.testing.assert_frame_equal(together, alone)


def test_behind_a_pipeline_input_columns_keep_them(loans):
    clf, X = loans
    numbers = ["owed", "paid"]
    table = _table()[numbers]
    y = (table.paid > 20).astype(int)
    pipeline = make_pipeline(
        StandardScaler().set_output(transform="pandas"),
        CounterfactualTrainedClassifier(max_epochs=5, lr=0.01, random_state=0),
    ).fit(table, y)
    found = explain(pipeline, table[y == 0][:100]).counterfactuals
    assert (found.paid <= found.owed).all()


def test_what_a_row_breaks_itself_is_kept_and_not_worsened(loans):
    clf, X = loans
    broken = X[clf.predict(X) == "rejected"][:30].copy()
    broken["employment_years"] = (broken.age - 16 + 3).clip(upper=55)
    gap = broken.employment_years - broken.age
    answers = clf.explain(broken, "approved")
    assert answers.valid.any()
    found = answers.counterfactuals
    assert (found.employment_years - found.age <= gap).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 2), walk=st.booleans())
def test_no_answer_breaks_a_relation(loans, seed, k, walk):
    clf, X = loans
    rows = X.sample(15, random_state=seed)
    rng = np.random.default_rng(seed)
    for column in ("debt", "credit_lines", "purpose", "education"):
        rows[column] = rows[column].to_numpy()[rng.permutation(15)]
    answers = clf.explain(rows, n_counterfactuals=k, effort="walk" if walk else "full")
    relations = Relations.of(clf.relations_, clf.encoder_)
    before, after = (
        relations.excess(clf.encoder_.read(table))
        for table in (answers.factuals, answers.counterfactuals)
    )
    assert (after <= before).all()


def test_own_relations_are_kept():
    X, y = make_loan_applications(400, random_state=0)
    own = [{"column": "savings", "minus": "income", "at_most": 0}]
    clf = CounterfactualTrainedClassifier(
        relations=own, max_epochs=5, lr=0.01, random_state=0
    ).fit(X, y)
    assert list(map(str, clf.relations_)) == ["savings <= income"]
    rows = X[X.savings <= X.income]
    found = clf.explain(rows).counterfactuals
    assert (found.savings <= found.income).all()
    again = CounterfactualTrainedClassifier(relations=clf.relations_, max_epochs=1)
    assert again.fit(X, y).relations_ == clf.relations_


@pytest.mark.parametrize(
    ("relation", "message"),
    [
        ({"column": "agee", "at_most": 3}, "Unknown column 'agee'. Did you mean 'age'"),
        ({"column": "age", "minus": "agee", "at_most": 3}, "Unknown column 'agee'"),
        (
            {"column": "age", "where": {"agee": 1}, "at_most": 3},
            "Unknown column 'agee'",
        ),
        ({"column": "age"}, "it needs 'at_least', 'at_most', 'among' or 'never'"),
        ({"column": "age", "at_least": 3, "at_most": 1}, "numbers, in this order"),
        ({"column": "age", "at_most": "old"}, "numbers, in this order"),
        ({"column": "age", "among": ["old"]}, "'age' is a number: give it bounds"),
        ({"column": "housing", "at_most": 1}, "'housing' is a category: give 'among'"),
        ({"column": "housing", "among": ["boat"]}, "some of its categories"),
        ({"column": "age", "at_most": 3, "where": "rent"}, "a dict with one column"),
        ({"column": "age", "most": 3}, "must be a dict with 'column' and some of"),
        ("age <= 3", "must be a dict with 'column' and some of"),
    ],
)
def test_own_relations_that_say_nothing(relation, message):
    X, y = make_loan_applications(100, random_state=0)
    clf = CounterfactualTrainedClassifier(relations=[relation], max_epochs=1)
    with pytest.raises(ValueError, match=f"(?s)'relations' parameter.*{message}"):
        clf.fit(X, y)


def test_a_domain_that_leaves_no_value_of_a_relation():
    X, y = make_loan_applications(100, random_state=0)
    own = [{"column": "savings", "minus": "income", "at_most": 0}]
    clf = CounterfactualTrainedClassifier(relations=own, max_epochs=1).fit(X, y)
    domain = {"savings": (90_000, 99_000), "income": (6_000, 20_000)}
    answers = clf.explain(X, domain=domain)
    asked = answers.status != "already"
    assert asked.any()
    told = pd.Series(answers.reason)[asked & ~answers.valid]
    assert len(told)
    sentence = "'savings' leaves no value with which the relation 'savings <= income"
    assert told.str.contains(sentence).all()


def test_what_is_said():
    assert str(Relation("a", at_least=2.0, at_most=2.0)) == "a = 2"
    assert str(Relation("a", at_least=np.nextafter(0.0, 1))) == "a > 0"
    assert repr(Relation("a", minus="b", at_least=0)) == "<a >= b>"
    assert str(Relation("a", among=("x", "y"), where={"b": (1, None)})) == (
        "a is one of 'x', 'y' where b >= 1"
    )
    assert str(Relation("a", never=("x",), where={"b": 0.5})) == (
        "a is not 'x' where b is 0.5"
    )


def test_missing_and_special_cells_break_nothing():
    X = _table(600).astype({"owed": float})
    X.loc[::10, "owed"] = np.nan
    X.loc[5::10, "owed"] = -9.0
    encoder = TabularEncoder(special_values={"owed": [-9]}).fit(X)
    values = encoder.read(X)
    words = observe(values, encoder)
    assert "paid <= owed" in map(str, words)
    assert not Relations.of(words, encoder).excess(values).any()


def test_partial_fit_leaves_out_what_further_rows_break():
    X, y = _table(), (_table().noise > 0).astype(int)
    clf = CounterfactualTrainedClassifier(max_epochs=1, random_state=0)
    clf.partial_fit(X, y, classes=[0, 1])
    assert "paid <= owed" in map(str, clf.relations_)
    clf.partial_fit(X.assign(paid=X.owed + 1.0)[:50], y[:50])
    assert "paid <= owed" not in map(str, clf.relations_)


# -- features that follow -----------------------------------------------------------


def _older(X):
    def project(table):
        before = X.loc[table.index]
        years = table.employment_years - before.employment_years
        return table.assign(age=before.age + years)

    return project


def test_what_follows_moves_by_project_alone(loans):
    clf, X = loans
    y = clf.predict(X)
    rules = RULES | {"age": "follows"}
    again = CounterfactualTrainedClassifier(
        mutability=rules, max_epochs=5, lr=0.01, random_state=0
    ).fit(X, y)
    rows = X[again.predict(X) == "rejected"][:60]
    stays = again.explain(rows)
    assert (stays.counterfactuals.age == rows.age).all()
    moves = again.explain(rows, project=_older(X))
    found = moves.counterfactuals
    years = found.employment_years - rows.employment_years
    np.testing.assert_array_equal(found.age - rows.age, years)
    assert (years > 0).any()
    assert (found.employment_years <= found.age - 16).all()
    assert moves.valid.mean() >= 0.95


def test_what_follows_is_protected_in_training(loans):
    _, X = loans
    y = (X.income > 35_000).astype(int)
    fits = [
        CounterfactualTrainedClassifier(
            mutability={"age": word}, max_epochs=2, random_state=0
        ).fit(X, y)
        for word in ("none", "follows")
    ]
    np.testing.assert_array_equal(*(clf.predict_proba(X) for clf in fits))
