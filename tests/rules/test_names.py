"""Input columns of a pipeline are found among the columns that its steps make."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct._rules.names import traced
from sklearn_ct._rules.rules import Rules
from sklearn_ct._tables.encoder import TabularEncoder
from sklearn_ct.datasets import make_loan_applications

NUMBERS = ["age", "income", "debt"]
WORDS = ["housing", "purpose"]


@pytest.fixture(scope="module")
def loans():
    X, y = make_loan_applications(300, random_state=0)
    return X[NUMBERS + WORDS], y


def _table(verbose=False, dense=True, drop=None):
    table = ColumnTransformer(
        [
            ("num", StandardScaler(), NUMBERS),
            ("onehot", OneHotEncoder(sparse_output=not dense, drop=drop), WORDS),
        ],
        verbose_feature_names_out=verbose,
    )
    return table.set_output(transform="pandas") if dense else table


def _frozen(encoder, rules):
    still = ~(rules.rise | rules.fall)[0]
    return {
        v.name
        for v, is_still in zip(encoder.variables_, still, strict=True)
        if is_still
    }


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize(
    "mutability",
    [
        {"age": "none", "housing": "none"},
        {"*": "none", "purpose": "both", "income": "both", "debt": "both"},
    ],
)
def test_names_of_the_input_mean_what_was_made_of_it(loans, verbose, mutability):
    made = _table(verbose).fit_transform(loans[0])
    encoder = TabularEncoder().fit(made)
    found = _frozen(encoder, Rules.parse(encoder, mutability, None))
    number = "num__age" if verbose else "age"
    own = [name for name in made if "housing" in name]
    assert found == {number, tuple(own)}
    same = Rules.parse(encoder, {number: "none", tuple(own): "none"}, None)
    assert _frozen(encoder, same) == found


def test_a_level_that_is_left_out_makes_no_difference(loans):
    made = _table(drop="first").fit_transform(loans[0])
    encoder = TabularEncoder().fit(made)
    found = _frozen(encoder, Rules.parse(encoder, {"purpose": "none"}, None))
    names = {part for name in found for part in ([name] if type(name) is str else name)}
    assert names == {name for name in made if name.startswith("purpose_")}
    assert len(names) > 1


def test_domains_list_the_labels(loans):
    made = _table(True).fit_transform(loans[0])
    encoder = TabularEncoder().fit(made)
    rules = Rules.parse(encoder, None, {"housing": ["own", "rent"]})
    (block,) = [
        v for v in encoder.variables_ if "onehot__housing_own" in np.atleast_1d(v.name)
    ]
    allowed = np.array(block.name)[rules.allowed[0, block.slots]]
    assert set(allowed) == {"onehot__housing_own", "onehot__housing_rent"}
    with pytest.raises(ValueError, match="unknown category 'boat'"):
        Rules.parse(encoder, None, {"housing": ["boat"]})


def test_the_longest_name_is_meant():
    X = pd.DataFrame(
        {
            "city_a": [0, 1, 1],
            "city_b": [1, 0, 0],
            "city_size_a": [1, 0, 1],
            "city_size_b": [0, 1, 0],
            "city_km": [1.5, 2, 3],
        }
    )
    encoder = TabularEncoder().fit(X)
    both = {"city": ["none"], "city_size": ["both"], "other": ["none"]}
    assert traced(encoder, both, "mutability") == {
        ("city_a", "city_b"): ["none"],
        ("city_size_a", "city_size_b"): ["both"],
        "other": ["none"],
    }
    known = {"city_km": ["none"], ("city_a", "city_b"): ["none"], 0: ["none"]}
    assert traced(encoder, known, "mutability") == known


def test_what_was_made_of_nothing_known_is_unknown(loans):
    encoder = TabularEncoder().fit(_table(True).fit_transform(loans[0]))
    for wrong in ("hous", "ag", "um__age", "incom"):
        with pytest.raises(ValueError, match=f"Unknown column '{wrong}'"):
            Rules.parse(encoder, {wrong: "none"}, None)


@pytest.mark.parametrize("verbose", [False, True])
def test_training_and_answers_keep_what_is_said_of_the_input(loans, verbose):
    X, y = loans
    clf = CounterfactualTrainedClassifier(
        mutability={"*": "none", "income": "both", "housing": "both"},
        max_epochs=5, lr=0.02, random_state=0,
    )  # fmt: skip
    pipeline = make_pipeline(_table(verbose), clf).fit(X, y)
    may = pipeline[-1].rules_.rise[0]
    assert [
        v.is_number
        for v, m in zip(pipeline[-1].encoder_.variables_, may, strict=True)
        if m
    ] == [True, False]
    answers = explain(pipeline, X[pipeline.predict(X) == "rejected"][:20], "approved")
    assert set(answers.changes()["feature"]) <= {"income", "housing"}
    assert answers.valid.any()


def test_codes_of_a_number_are_given_by_its_name(loans):
    X = loans[0].assign(debt=loans[0]["debt"].where(loans[0].index % 3 > 0, -1.0))
    table = ColumnTransformer([("n", "passthrough", NUMBERS)]).set_output(
        transform="pandas"
    )
    encoder = TabularEncoder(special_values={"debt": [-1]}).fit(table.fit_transform(X))
    assert encoder.variables_[2].states == (-1,)


@pytest.mark.parametrize("dense", [False, True])
def test_columns_without_names_are_told_how_to_keep_them(loans, dense):
    X, y = loans
    table = _table(dense=dense)
    table.set_output(transform="default")
    clf = CounterfactualTrainedClassifier(mutability={"age": "none"}, max_epochs=1)
    lines = r"\n.*sparse_output=False\)\n.*set_output\(transform='pandas'\)"
    with pytest.raises(ValueError, match=f"'age'.*an array.*{lines}"):
        make_pipeline(table, clf).fit(X, y)
