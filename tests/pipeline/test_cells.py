"""Special values and missing cells behind pipelines stay, and nobody enters one."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct._pipeline.codec import PipelineCodec
from sklearn_ct.datasets import make_loan_applications

CODES = [-1, 25_000]  # without the range, and within
NUMBERS = ["age", "income", "debt", "employment_years"]
WORDS = ["housing", "purpose"]


@pytest.fixture(scope="module")
def loans():
    X, y = make_loan_applications(500, random_state=1)
    rng = np.random.default_rng(0)
    X["savings"] = X["savings"].where(rng.uniform(size=500) > 0.3, CODES[0])
    X["savings"] = X["savings"].where(rng.uniform(size=500) > 0.1, CODES[1])
    for name, share in (("debt", 0.2), ("income", 0.1)):
        X[name] = X[name].where(rng.uniform(size=500) > share)
    return X[["savings", *NUMBERS, *WORDS]], y


def _impute(*, indicator=False):
    return make_pipeline(SimpleImputer(add_indicator=indicator), StandardScaler())


def _table(numbers):
    return ColumnTransformer(
        [
            ("codes", "passthrough", ["savings"]),
            ("numbers", numbers, NUMBERS),
            ("words", OneHotEncoder(sparse_output=False), WORDS),
        ]
    ).set_output(transform="pandas")


PIPELINES = {
    "imputed": _table(_impute()),
    "indicated": _table(_impute(indicator=True)),
    "scaled": _table(MinMaxScaler()),  # which lets missing cells through
    "as they are": _table("passthrough"),
}


@pytest.fixture(scope="module", params=PIPELINES)
def fitted(request, loans):
    clf = CounterfactualTrainedClassifier(
        special_values={"savings": CODES}, max_epochs=8, lr=0.02, random_state=0
    )
    return make_pipeline(PIPELINES[request.param], clf).fit(*loans)


def _states(X):
    return pd.DataFrame({c: X["savings"] == c for c in CODES}).join(X.isna())


def test_they_stay_and_nobody_enters_one(loans, fitted):
    X = loans[0][fitted.predict(loans[0]) == "rejected"][:60]
    assert _states(X)[[*CODES, "debt", "income"]].any().all()
    answers = explain(fitted, X, "approved")
    pd.testing.assert_frame_equal(_states(X), _states(answers.counterfactuals))
    assert answers.valid.mean() > 0.8
    assert {"savings", "income"} <= set(answers.changes()["feature"])
    assert (fitted.predict(answers.counterfactuals)[answers.valid] == "approved").all()
    special = X["savings"].isin(CODES) | X[["debt", "income"]].isna().any(axis=1)
    assert answers.valid[special.to_numpy()].mean() > 0.7


def test_a_row_alone_equals_it_in_a_batch(loans, fitted):
    X = loans[0][fitted.predict(loans[0]) == "rejected"][:20]
    batch = explain(fitted, X, "approved").counterfactuals
    for i in np.flatnonzero(_states(X).any(axis=1))[:3]:
        alone = explain(fitted, X[i : i + 1], "approved").counterfactuals
        pd.testing.assert_frame_equal(alone, batch[i : i + 1], check_exact=True)


def test_codes_of_values_are_those_of_the_pipeline(loans, fitted):
    """Also where a cell is special or missing; but for what an imputer indicates."""
    X = loans[0][:80]
    codec = PipelineCodec(fitted.steps[:-1], fitted[-1], X)
    acted = codec.dependence.depends.any(axis=0)
    codes = codec.embed(codec.read(X))[:, acted]
    np.testing.assert_allclose(codes, codec.encode(X)[:, acted], atol=1e-9)
    real = np.vstack([r.codes for r in fitted[-1].references_.values()])
    outer = np.vstack([r.codes for r in codec.references.values()])
    special = codec.inner.states_[codec.inner.states_[:, 0] == 0, 1]
    np.testing.assert_array_equal(outer[:, special], real[:, special])
    j = codec.variable_of("savings")
    assert codec.variables_[j].states == tuple(CODES)
    assert codec.lower_[j] >= 0


def test_missing_cells_may_be_set_where_asked(loans):
    X, y = loans
    for numbers in (_impute(), "passthrough"):
        clf = CounterfactualTrainedClassifier(
            missing="free", max_epochs=8, lr=0.02, random_state=0
        )
        pipeline = make_pipeline(_table(numbers), clf).fit(X, y)
        asked = X[X["debt"].isna() & (pipeline.predict(X) == "rejected")]
        answers = explain(
            pipeline, asked, "approved", mutability={"*": "none", "debt": "both"}
        )
        moved = answers.n_changes > 0
        assert moved.any()
        assert answers.counterfactuals["debt"].notna()[moved].all()


def test_arrays(loans):
    X, y = loans[0][["savings", *NUMBERS]].to_numpy(float), loans[1]
    clf = CounterfactualTrainedClassifier(
        special_values={0: CODES}, max_epochs=8, lr=0.02, random_state=0
    )
    table = make_column_transformer(("passthrough", [0]), remainder=StandardScaler())
    pipeline = make_pipeline(table, clf).fit(X, y)
    asked = X[pipeline.predict(X) == "rejected"][:40]
    answers = explain(pipeline, asked, "approved")
    found = answers.counterfactuals
    np.testing.assert_array_equal(np.isnan(found), np.isnan(asked))
    for code in CODES:
        np.testing.assert_array_equal(found[:, 0] == code, asked[:, 0] == code)
    assert answers.valid.mean() > 0.7


@pytest.mark.parametrize("domain", [None, {"debt": (3000, None)}])
def test_an_empty_cell_has_no_direction(loans, domain):
    X, y = loans
    clf = CounterfactualTrainedClassifier(
        missing="free", max_epochs=8, lr=0.02, random_state=0
    )
    pipeline = make_pipeline(_table(MinMaxScaler()), clf).fit(X, y)
    asked = X[X["debt"].isna() & (pipeline.predict(X) == "rejected")]
    rules = {"mutability": {"debt": "increase"}, "domain": domain}
    answers = explain(pipeline, asked, "approved", **rules)
    assert answers.valid.mean() > 0.8
    assert answers.counterfactuals["debt"].isna().all()


@pytest.mark.parametrize("drop", [None, "first"])
def test_words_missing_where_the_encoder_makes_them_a_category(loans, drop):
    X, y = loans
    X = X.assign(purpose=X["purpose"].where(np.arange(len(X)) % 4 > 0))
    words = OneHotEncoder(drop=drop, sparse_output=False)
    table = make_column_transformer((words, WORDS), (StandardScaler(), NUMBERS))
    clf = CounterfactualTrainedClassifier(max_epochs=8, lr=0.02, random_state=0)
    pipeline = make_pipeline(table, clf).fit(X, y)
    codec = PipelineCodec(pipeline.steps[:-1], clf, X[:60])
    codes = codec.embed(codec.read(X[:60]))
    np.testing.assert_allclose(codes, codec.encode(X[:60]), atol=1e-9)
