"""`explain` behind pipelines and search objects."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import (
    ColumnTransformer,
    make_column_selector,
    make_column_transformer,
)
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 -- it enables the next
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.utils.fixes import parse_version

from sklearn_ct import CounterfactualTrainedClassifier, explain
from sklearn_ct._pipeline.codec import PipelineCodec
from sklearn_ct._pipeline.invert import type_name
from sklearn_ct.datasets import make_loan_applications
from sklearn_ct.metrics import constraint_violations

NUMBERS = [
    "age",
    "income",
    "debt",
    "savings",
    "employment_years",
    "dependents",
    "credit_lines",
    "late_payments",
    "loan_amount",
]
LABELS = ["education", "housing", "purpose"]
MUTABILITY = {
    "age": "none",
    "education": "increase",
    "income": "increase",
    "debt": "decrease",
    "purpose": "none",
}
DOMAIN = {"income": (0, 80_000), "late_payments": (0, 5), "housing": ["rent", "own"]}


def classifier(**parameters):
    settings = {
        "hidden_layer_sizes": (16,),
        "max_epochs": 6,
        "n_counterfactuals": 50,
        "lr": 0.02,
        "random_state": 0,
    }
    return CounterfactualTrainedClassifier(**settings | parameters)


def dense():
    return OneHotEncoder(sparse_output=False)


@pytest.fixture(scope="module")
def loans():
    return make_loan_applications(300, random_state=0)


def rejected(estimator, X, n=15):
    return X[estimator.predict(X) == "rejected"].iloc[:n]


def check_answers(estimator, X, result, mutability=None, domain=None):
    """What must be true of every answer, whatever the pipeline is made of."""
    answers = result.counterfactuals
    assert len(result) == len(X)
    predicted = estimator.predict(answers)
    np.testing.assert_array_equal(predicted[result.valid], result.target[result.valid])
    probability = estimator.predict_proba(answers)
    column = np.searchsorted(estimator.classes_, result.target)
    own = np.where(result.valid, probability[np.arange(len(X)), column], np.nan)
    np.testing.assert_allclose(result.probability, own, atol=1e-12)
    counts = constraint_violations(
        X, answers, mutability=mutability, domain=domain, changed_only=True
    )
    assert not counts.to_numpy().any(), counts
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(result.factuals, X, check_exact=True)
        pd.testing.assert_index_equal(answers.index, X.index)
        assert answers.dtypes.equals(X.dtypes)
        moved = answers.astype(object).ne(X.astype(object))
        moved &= ~(answers.isna() & X.isna())
        moved = moved.to_numpy()
    else:
        np.testing.assert_array_equal(result.factuals, X)
        assert answers.dtype == X.dtype
        moved = answers != X
    unmoved = ~np.isin(result.status, ("valid", "fallback"))
    assert not moved[unmoved].any()
    np.testing.assert_array_equal(moved.sum(axis=1), result.n_changes)
    assert len(result.changes()) == moved.sum()


class Centre(TransformerMixin, BaseEstimator):
    """Somebody's own transformer, which cannot be inverted."""

    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return X - self.mean_


class ArrayOnly(TransformerMixin, BaseEstimator):
    """Somebody's own transformer with an inverse but without feature names."""

    def fit(self, X, y=None):
        self.factor_ = np.abs(np.asarray(X, dtype=float)).max(axis=0)
        return self

    def transform(self, X):
        return np.asarray(X, dtype=float) / self.factor_

    def inverse_transform(self, X):
        return X * self.factor_


ONE_STEP = {
    "standard": StandardScaler(),
    "minmax": MinMaxScaler(),
    "robust": RobustScaler(),
    "quantile": QuantileTransformer(n_quantiles=100),
    "quantile normal": QuantileTransformer(
        n_quantiles=100, output_distribution="normal"
    ),
    "power": PowerTransformer(),
    "log": FunctionTransformer(np.log1p, np.expm1, check_inverse=False),
    "identity": FunctionTransformer(),
    "variance": VarianceThreshold(),
    "best": SelectKBest(k=5),
    "imputer": SimpleImputer(),
    "own": ArrayOnly(),
}
AS_ARRAYS = ["standard", "log", "best", "imputer", "own"]


@pytest.mark.parametrize(
    ("step", "as_frame"),
    [
        *(pytest.param(step, True, id=name) for name, step in ONE_STEP.items()),
        *(
            pytest.param(ONE_STEP[name], False, id=f"{name} array")
            for name in AS_ARRAYS
        ),
    ],
)
def test_numbers_through_one_step(loans, step, as_frame):
    X, y = loans[0][NUMBERS], loans[1]
    names = dict(zip(NUMBERS, NUMBERS if as_frame else range(9), strict=True))
    if not as_frame:
        X = X.to_numpy(dtype=float)
    pipeline = make_pipeline(step, classifier()).fit(X, y)
    asked = X[pipeline.predict(X) == "rejected"][:15]
    rules = {
        "mutability": {names["age"]: "none", names["debt"]: "decrease"},
        "domain": {names["late_payments"]: (0, 5), names["income"]: (5_000, 60_000)},
    }
    result = explain(pipeline, asked, "approved", **rules)
    check_answers(pipeline, asked, result, rules["mutability"])
    assert result.valid.mean() > 0.6
    strict = constraint_violations(
        asked[result.valid], result.counterfactuals[result.valid], **rules
    )
    assert not strict.to_numpy().any(), strict


@pytest.mark.parametrize(
    ("n_components", "as_frame"),
    [pytest.param(4, True, id="4 frame"), pytest.param(9, False, id="9 array")],
)
def test_principal_components(loans, as_frame, n_components):
    X, y = loans[0][NUMBERS], loans[1]
    age, income, mutability = "age", "income", {"age": "none", "income": "increase"}
    if not as_frame:
        X, age, income = X.to_numpy(dtype=float), 0, 1
    mutability = {age: "none", income: "increase"}
    pipeline = make_pipeline(StandardScaler(), PCA(n_components), classifier())
    pipeline.fit(X, y)
    asked = X[pipeline.predict(X) == "rejected"][:15]
    result = explain(pipeline, asked, mutability=mutability)
    check_answers(pipeline, asked, result, mutability)
    assert result.valid.mean() > 0.6


# Without a draw: since scikit-learn 1.9 by its folds, which were a number before.
FOLDS = (
    {"cv": StratifiedKFold(3)}
    if parse_version(sklearn.__version__) >= parse_version("1.9")
    else {"cv": 3, "shuffle": False}
)
ENCODERS = {
    "one-hot": dense(),
    "sparse": OneHotEncoder(),
    "first": OneHotEncoder(sparse_output=False, drop="first"),
    "if_binary": OneHotEncoder(sparse_output=False, drop="if_binary"),
    "ignore": OneHotEncoder(sparse_output=False, handle_unknown="ignore"),
    "infrequent": OneHotEncoder(sparse_output=False, min_frequency=100),
    "ordinal": OrdinalEncoder(),
    "unknown": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "target": TargetEncoder(**FOLDS),
}


@pytest.mark.parametrize(
    ("encoder", "output"),
    [
        *(pytest.param(e, "default", id=name) for name, e in ENCODERS.items()),
        *(
            pytest.param(ENCODERS[name], "pandas", id=f"{name} pandas")
            for name in ("one-hot", "first", "ordinal", "target")
        ),
    ],
)
def test_categories_through_encoders(loans, encoder, output):
    X, y = loans
    table = make_column_transformer(
        (RobustScaler(), NUMBERS), (encoder, LABELS), sparse_threshold=0
    )
    pipeline = make_pipeline(table, classifier()).set_output(transform=output)
    pipeline.fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked, mutability=MUTABILITY, domain=DOMAIN)
    check_answers(pipeline, asked, result, MUTABILITY)
    strict = {"mutability": MUTABILITY, "domain": DOMAIN}
    valid = result.valid
    counts = constraint_violations(
        asked[valid], result.counterfactuals[valid], **strict
    )
    assert not counts.to_numpy().any(), counts
    assert valid.mean() > 0.6


def test_categories_change_where_numbers_may_not(loans):
    X, y = loans
    table = make_column_transformer((StandardScaler(), NUMBERS), (dense(), LABELS))
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = rejected(pipeline, X, 100)
    frozen = dict.fromkeys(NUMBERS, "none")
    result = explain(pipeline, asked, mutability=frozen)
    check_answers(pipeline, asked, result, frozen)
    assert set(result.changes()["feature"]) <= set(LABELS)
    assert result.valid.any()


def test_the_default_one_hot_encoder_gives_sparse_tables(loans):
    X, y = loans
    found = []
    for encoder in (OneHotEncoder(), dense()):
        pipeline = make_pipeline(encoder, classifier()).fit(X[LABELS], y)
        asked = rejected(pipeline, X[LABELS], 50)
        result = explain(pipeline, asked)
        check_answers(pipeline, asked, result, {})
        found.append(result.to_frame())
    pd.testing.assert_frame_equal(*found)


SELECTIONS = {
    "names": (NUMBERS, LABELS),
    "positions": ([0, 1, 2, 3, 4, 7, 8, 9, 11], [5, 6, 10]),
    "negative": ([0, 1, 2, 3, 4, -5, -4, -3, -1], [-7, -6, -2]),
    "masks": (
        [name not in LABELS for name in [*NUMBERS[:5], *LABELS[:2], *NUMBERS[5:8]]]
        + [False, True],
        np.array([0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0], dtype=bool),
    ),
    "selectors": (
        make_column_selector(dtype_include="number"),
        make_column_selector(dtype_include="category"),
    ),
}


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
def test_column_transformer_selections(loans, selection):
    X, y = loans
    table = ColumnTransformer(
        [("n", StandardScaler(), selection[0]), ("c", dense(), selection[1])]
    )
    pipeline = Pipeline([("table", table), ("model", classifier())]).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked, mutability=MUTABILITY)
    check_answers(pipeline, asked, result, MUTABILITY)
    assert result.valid.mean() > 0.8


def test_slices_and_single_columns(loans):
    X, y = loans[0][[*NUMBERS, *LABELS]], loans[1]
    table = ColumnTransformer(
        [
            ("a", StandardScaler(), slice(0, 4)),
            ("b", MinMaxScaler(), slice("employment_years", "loan_amount")),
            ("c", dense(), ["housing"]),
        ]
    )
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked)
    check_answers(pipeline, asked, result)
    kept = {"education", "purpose"}
    assert not kept & set(result.changes()["feature"])


@pytest.mark.parametrize("remainder", ["passthrough", "drop", StandardScaler()])
def test_what_a_column_transformer_leaves_over(loans, remainder):
    X, y = loans
    table = ColumnTransformer(
        [("c", dense(), LABELS), ("n", StandardScaler(), ["income", "debt"])],
        remainder=remainder,
    )
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked, mutability=MUTABILITY)
    check_answers(pipeline, asked, result, MUTABILITY)
    assert result.valid.mean() > 0.6
    if remainder == "drop":
        changed = set(result.changes()["feature"])
        assert changed <= {*LABELS, "income", "debt"}


def test_passthrough_keeps_categories_for_the_classifier(loans):
    X, y = loans
    table = ColumnTransformer(
        [("n", StandardScaler(), NUMBERS)],
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    inner = classifier(mutability={"education": "increase"})
    pipeline = make_pipeline(table, inner).fit(X, y)
    asked = rejected(pipeline, X)
    mutability = MUTABILITY | {"education": "both"}
    result = explain(pipeline, asked, mutability=mutability, domain=DOMAIN)
    check_answers(pipeline, asked, result, MUTABILITY)
    assert result.valid.mean() > 0.6


def test_dropped_columns_of_text_and_numbers_stay(loans):
    X, y = loans
    X = X.assign(name=[f"applicant {i}" for i in range(len(X))], number=0.5)
    table = ColumnTransformer([("n", StandardScaler(), NUMBERS)])
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked)
    check_answers(pipeline, asked, result)
    pd.testing.assert_series_equal(result.counterfactuals["name"], asked["name"])


def test_text_columns(loans):
    X, y = loans
    X = X.astype(dict.fromkeys(LABELS, str)).assign(
        member=lambda X: X["age"].mod(2).eq(0)
    )
    table = make_column_transformer(
        (StandardScaler(), NUMBERS), (dense(), [*LABELS, "member"])
    )
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    mutability = {"purpose": "none", "age": "none"}
    result = explain(pipeline, asked, mutability=mutability, domain=DOMAIN)
    check_answers(pipeline, asked, result, mutability)


def test_arrays_of_objects(loans):
    X, y = loans
    X = X.astype(dict.fromkeys(LABELS, object)).to_numpy(dtype=object)
    positions, labels = [0, 1, 2, 3, 4, 7, 8, 9, 11], [5, 6, 10]
    table = make_column_transformer((StandardScaler(), positions), (dense(), labels))
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = X[pipeline.predict(X) == "rejected"][:15]
    result = explain(pipeline, asked, mutability={0: "none", 10: "none"})
    check_answers(pipeline, asked, result, {0: "none", 10: "none"})
    assert result.valid.mean() > 0.8


def test_integers_that_stand_for_categories(loans):
    X, y = loans
    X = X[NUMBERS].assign(region=np.arange(len(X)) % 4)
    table = make_column_transformer((StandardScaler(), NUMBERS), (dense(), ["region"]))
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    domain = {"region": [0, 1, 3]}
    result = explain(pipeline, asked, domain=domain)
    check_answers(pipeline, asked, result)
    changed = result.counterfactuals["region"] != asked["region"]
    assert set(result.counterfactuals["region"][changed]) <= {0, 1, 3}


# -- missing and unknown cells -------------------------------------------------


def with_holes(X, columns, share=0.2):
    X = X.copy()
    rng = np.random.default_rng(0)
    for name in columns:
        if name in NUMBERS:
            X[name] = X[name].astype(float)
        X.loc[rng.uniform(size=len(X)) < share, name] = np.nan
    return X


@pytest.mark.parametrize(
    "imputer",
    [
        SimpleImputer(),
        SimpleImputer(strategy="median"),
        SimpleImputer(strategy="constant"),
        SimpleImputer(strategy="median", add_indicator=True),
        KNNImputer(),
        IterativeImputer(max_iter=3, tol=0.1),
    ],
)
def test_missing_cells(loans, imputer):
    X, y = loans
    X = with_holes(X, ["income", "debt", "late_payments", "housing"])
    table = make_column_transformer(
        (make_pipeline(imputer, StandardScaler()), NUMBERS),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), dense()), LABELS),
    )
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = rejected(pipeline, X, 60)
    assert asked.isna().any(axis=1).any()
    result = explain(pipeline, asked, mutability=MUTABILITY | {"income": "none"})
    check_answers(pipeline, asked, result, {"age": "none", "income": "none"})
    assert result.valid.mean() > 0.6
    # Frozen: present cells to the bit, missing ones still missing.
    pd.testing.assert_series_equal(result.counterfactuals["income"], asked["income"])
    pd.testing.assert_frame_equal(result.counterfactuals.isna(), asked.isna())


def test_missing_cells_may_be_set_where_asked(loans):
    X, y = with_holes(loans[0][NUMBERS], ["income", "debt"]), loans[1]
    free = classifier(missing="free")
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), free).fit(X, y)
    asked = rejected(pipeline, X, 60)
    result = explain(pipeline, asked)
    check_answers(pipeline, asked, result)
    before, after = asked.isna(), result.counterfactuals.isna()
    assert not (after & ~before).to_numpy().any()
    assert (before & ~after).to_numpy().any()


def test_missing_cells_of_an_array(loans):
    X, y = with_holes(loans[0][NUMBERS], ["income", "debt"]).to_numpy(), loans[1]
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), classifier()).fit(X, y)
    asked = X[pipeline.predict(X) == "rejected"][:40]
    result = explain(pipeline, asked, mutability={1: "none"})
    np.testing.assert_array_equal(result.counterfactuals[:, 1], asked[:, 1])
    np.testing.assert_array_equal(result.factuals, asked)
    assert (pipeline.predict(result.counterfactuals)[result.valid] == "approved").all()
    assert result.valid.mean() > 0.8


def test_missing_labels_as_a_category_of_their_own(loans):
    X, y = loans
    X = with_holes(X.astype(dict.fromkeys(LABELS, object)), LABELS)
    table = make_column_transformer((StandardScaler(), NUMBERS), (dense(), LABELS))
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = rejected(pipeline, X, 40)
    result = explain(pipeline, asked, mutability={"housing": "none"})
    check_answers(pipeline, asked, result, {"housing": "none"})
    assert result.valid.mean() > 0.8
    assert not (result.counterfactuals.isna() & asked.notna()).to_numpy().any()


def test_columns_without_any_value(loans):
    X, y = loans
    X = X[NUMBERS].assign(empty=np.nan)
    with pytest.warns(UserWarning, match="any observed values"):
        pipeline = make_pipeline(SimpleImputer(), classifier()).fit(X, y)
    asked = X[:25]
    with pytest.warns(UserWarning, match="any observed values"):
        result = explain(pipeline, asked)
    assert result.counterfactuals["empty"].isna().all()
    assert result.valid.mean() > 0.8


def test_unknown_labels_that_the_pipeline_ignores(loans):
    X, y = loans
    X = X.astype(dict.fromkeys(LABELS, object))
    table = make_column_transformer(
        (StandardScaler(), NUMBERS), (ENCODERS["ignore"], LABELS)
    )
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = rejected(pipeline, X).copy()
    asked["purpose"] = "wedding"
    asked = rejected(pipeline, asked)
    result = explain(pipeline, asked, mutability={"purpose": "none"})
    check_answers(pipeline, asked, result, {"purpose": "none"})
    assert (result.counterfactuals["purpose"] == "wedding").all()


def test_unknown_labels_that_the_pipeline_refuses(loans):
    X, y = loans
    X = X.astype(dict.fromkeys(LABELS, object))
    table = make_column_transformer((StandardScaler(), NUMBERS), (dense(), LABELS))
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = X[:3].copy()
    asked.iloc[2, asked.columns.get_loc("purpose")] = "wedding"
    with pytest.raises(ValueError, match="wedding"):
        explain(pipeline, asked)


# -- shapes of pipelines -------------------------------------------------------


def test_nested_pipelines_and_empty_steps(loans):
    X, y = loans
    numbers = Pipeline(
        [
            ("log", FunctionTransformer(np.log1p, np.expm1)),
            ("none", None),
            ("scale", Pipeline([("a", StandardScaler()), ("b", "passthrough")])),
        ]
    )
    table = ColumnTransformer([("n", numbers, NUMBERS), ("c", dense(), LABELS)])
    pipeline = Pipeline(
        [
            ("nothing", "passthrough"),
            ("front", Pipeline([("table", table)])),
            ("select", VarianceThreshold()),
            ("scale", MinMaxScaler()),
            ("gap", None),
            ("model", classifier(numeric_scaling=None)),
        ]
    ).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked, mutability=MUTABILITY, domain=DOMAIN)
    check_answers(pipeline, asked, result, MUTABILITY)
    assert result.valid.mean() > 0.6


def test_a_column_transformer_in_another(loans):
    X, y = loans
    inner = ColumnTransformer([("a", RobustScaler(), ["income", "debt"])])
    inner.set_params(remainder="passthrough")
    table = ColumnTransformer([("n", inner, NUMBERS), ("c", dense(), LABELS)])
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked, mutability=MUTABILITY)
    check_answers(pipeline, asked, result, MUTABILITY)


def test_two_column_transformers_in_a_row(loans):
    X, y = loans
    first = ColumnTransformer(
        [("n", StandardScaler(), NUMBERS)],
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    second = ColumnTransformer([("c", dense(), LABELS)], remainder="passthrough")
    pipeline = make_pipeline(first, second, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked, mutability=MUTABILITY)
    check_answers(pipeline, asked, result, MUTABILITY)
    assert result.valid.mean() > 0.6


@pytest.mark.parametrize(
    ("encoder", "output"),
    [
        (dense(), "default"),
        (dense(), "pandas"),
        (OrdinalEncoder(), "default"),
        ("passthrough", "pandas"),
    ],
)
def test_imputers_in_front_of_encoders_in_another_order(loans, encoder, output):
    X, y = loans
    first = ColumnTransformer(
        [
            ("n", SimpleImputer(), NUMBERS),
            ("l", SimpleImputer(strategy="most_frequent"), LABELS),
        ]
    ).set_output(transform=output)
    # By position, as after an imputer that gives arrays.
    n = len(NUMBERS)
    second = ColumnTransformer(
        [("n", StandardScaler(), slice(0, n)), ("l", encoder, slice(n, n + 3))]
    ).set_output(transform=output)
    pipeline = make_pipeline(first, second, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked, mutability=MUTABILITY)
    check_answers(pipeline, asked, result, MUTABILITY)
    assert result.valid.mean() > 0.6
    assert result.n_changes.max() > 0


def test_a_step_without_names_in_front_of_a_selection_by_name(loans):
    X, y = loans
    second = ColumnTransformer(
        [("n", StandardScaler(), NUMBERS), ("l", dense(), LABELS)]
    )
    pipeline = make_pipeline(FunctionTransformer(), second, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked, mutability=MUTABILITY)
    check_answers(pipeline, asked, result, MUTABILITY)
    assert result.valid.mean() > 0.6


def backwards(X):
    return X[X.columns[::-1]]


@pytest.mark.parametrize("encoder", [dense(), "passthrough"])
def test_functions_that_reorder_columns(loans, encoder):
    X, y = loans
    named = ColumnTransformer(
        [("l", encoder, LABELS), ("n", StandardScaler(), NUMBERS)],
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    around = FunctionTransformer(backwards, backwards, check_inverse=False)
    pipeline = make_pipeline(around, named, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked, mutability=MUTABILITY)
    check_answers(pipeline, asked, result, MUTABILITY)
    assert result.valid.mean() > 0.6


def test_encoders_of_no_columns(loans):
    X, y = loans
    encoded = ColumnTransformer(
        [
            ("n", StandardScaler(), NUMBERS),
            ("none", OrdinalEncoder(), make_column_selector(dtype_include="datetime")),
        ]
    )
    pipeline = make_pipeline(encoded, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    check_answers(pipeline, asked, explain(pipeline, asked))


@pytest.mark.parametrize("encoder", [dense(), OrdinalEncoder()])
def test_truth_values_have_an_order(encoder):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "number": rng.normal(size=200),
            "plain": rng.random(200) < 0.5,
            "nullable": pd.array(rng.random(200) < 0.5, dtype="boolean"),
        }
    )
    y = (X["number"] + X["plain"] + X["nullable"].astype(float) > 1).astype(int)
    encoded = ColumnTransformer(
        [("e", encoder, ["plain", "nullable"])], remainder="passthrough"
    )
    pipeline = make_pipeline(encoded, classifier(max_epochs=20)).fit(X, y)
    asked = X[pipeline.predict(X) == 0]
    rules = {"number": "none", "plain": "increase", "nullable": "decrease"}
    result = explain(pipeline, asked, 1, mutability=rules)
    check_answers(pipeline, asked, result)
    assert set(result.changes()["feature"]) == {"plain"}
    assert result.changes()["to"].all()


@pytest.mark.parametrize("domain", ["three_sigma", None])
@pytest.mark.parametrize("step", [OrdinalEncoder(), PowerTransformer()], ids=type_name)
def test_domains_beyond_what_a_step_can_invert(step, domain):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            # The inverse of this power ends where the observed numbers do.
            "tail": np.round(np.exp(rng.normal(size=200) * 3)),
            "label": rng.choice(["x", "y", "z"], 200, p=[0.8, 0.1, 0.1]),
        }
    )
    y = (X["tail"].rank() / 200 + (X["label"] == "z") > 0.6).astype(int)
    columns = ["tail"] if isinstance(step, PowerTransformer) else ["label"]
    other = dense() if columns == ["tail"] else StandardScaler()
    encoded = ColumnTransformer([("s", step, columns)], remainder=other)
    pipeline = make_pipeline(encoded, classifier(domain=domain)).fit(X, y)
    asked = X[pipeline.predict(X) == 0]
    check_answers(pipeline, asked, explain(pipeline, asked))


def test_functions_of_frames(loans):
    X, y = loans
    step = FunctionTransformer(log_income, exp_income, check_inverse=False)
    pipeline = make_pipeline(step, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked, mutability=MUTABILITY)
    check_answers(pipeline, asked, result, MUTABILITY)
    assert result.valid.mean() > 0.6


def log_income(X):
    return X.assign(income=np.log(X["income"]))


def exp_income(X):
    return X.assign(income=np.exp(X["income"]))


def test_pipelines_without_transformation(loans):
    X, y = loans
    pipeline = Pipeline([("nothing", "passthrough"), ("model", classifier())])
    pipeline.fit(X, y)
    asked = rejected(pipeline, X)
    ours, theirs = explain(pipeline, asked), pipeline[-1].explain(asked)
    pd.testing.assert_frame_equal(ours.to_frame(), theirs.to_frame())


def test_the_classifier_itself(loans):
    X, y = loans
    clf = classifier().fit(X, y)
    asked = rejected(clf, X)
    ours, theirs = explain(clf, asked, max_changes=2), clf.explain(asked, max_changes=2)
    pd.testing.assert_frame_equal(ours.to_frame(), theirs.to_frame())


def test_search_objects(loans):
    X, y = loans
    table = make_column_transformer((StandardScaler(), NUMBERS), (dense(), LABELS))
    pipeline = Pipeline([("table", table), ("model", classifier())])
    search = GridSearchCV(pipeline, {"model__tau": [0.5, 0.7]}, cv=2).fit(X, y)
    asked = rejected(search, X)
    result = explain(search, asked, mutability=MUTABILITY)
    check_answers(search, asked, result, MUTABILITY)
    inside = explain(search.best_estimator_, asked, mutability=MUTABILITY)
    pd.testing.assert_frame_equal(result.to_frame(), inside.to_frame())


def test_a_search_object_inside_a_pipeline(loans):
    X, y = loans[0][NUMBERS], loans[1]
    search = GridSearchCV(classifier(), {"tau": [0.5, 0.7]}, cv=2)
    pipeline = make_pipeline(StandardScaler(), search).fit(X, y)
    asked = rejected(pipeline, X)
    check_answers(pipeline, asked, explain(pipeline, asked))


def test_one_hot_columns_of_the_input(loans):
    X, y = loans
    X = pd.get_dummies(X, columns=LABELS, dtype=int)
    names = list(X.columns)
    block = tuple(name for name in names if name.startswith("housing_"))
    pipeline = make_pipeline(
        make_column_transformer((StandardScaler(), NUMBERS), remainder="passthrough"),
        classifier(),
    ).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked, mutability={block: "none", "age": "none"})
    assert (pipeline.predict(result.counterfactuals)[result.valid] == "approved").all()
    answers = result.counterfactuals
    for label in LABELS:
        assert (answers.filter(like=f"{label}_").sum(axis=1) == 1).all()
    pd.testing.assert_frame_equal(answers[list(block)], asked[list(block)])
    assert answers.dtypes.equals(asked.dtypes)


# -- rules of the classifier, in its own columns -------------------------------


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler((1, 0.5 + 1))])
def test_rules_of_the_classifier_hold_behind_the_pipeline(loans, scaler):
    X, y = loans
    table = ColumnTransformer([("n", scaler, NUMBERS), ("c", dense(), LABELS)])
    table.set_output(transform="pandas")
    inner = classifier(
        mutability={"n__age": "none", "n__debt": "decrease", "n__savings": "increase"},
        domain={"n__late_payments": (-1.0, 1.2)},
    )
    pipeline = make_pipeline(table, inner).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked)
    outer = {"age": "none", "debt": "decrease", "savings": "increase"}
    check_answers(pipeline, asked, result, outer)
    late = table.transform(result.counterfactuals)["n__late_payments"]
    assert late[result.valid].between(-1.0, 1.2).all()
    assert result.valid.mean() > 0.6


def test_a_falling_transformation_turns_directions_around(loans):
    X, y = loans[0][NUMBERS], loans[1]
    step = FunctionTransformer(np.negative, np.negative)
    inner = classifier(mutability={"income": "decrease", "debt": "increase"})
    pipeline = make_pipeline(step, inner).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked)
    check_answers(pipeline, asked, result, {"income": "increase", "debt": "decrease"})
    assert result.valid.mean() > 0.6


def test_allowed_labels_of_the_classifier_hold_behind_the_pipeline(loans):
    X, y = loans
    table = ColumnTransformer(
        [("n", StandardScaler(), NUMBERS), ("c", dense(), ["housing", "purpose"])]
    ).set_output(transform="pandas")
    housing = tuple(f"c__housing_{label}" for label in ("mortgage", "own", "rent"))
    inner = classifier(domain={housing: [housing[0], housing[2]]})
    pipeline = make_pipeline(table, inner).fit(X, y)
    asked = rejected(pipeline, X, 60)
    frozen = dict.fromkeys(NUMBERS[:6], "none")
    result = explain(pipeline, asked, mutability=frozen)
    check_answers(pipeline, asked, result, frozen)
    found = result[result.valid].counterfactuals
    assert set(found["housing"]) <= {"rent", "mortgage"}


@pytest.mark.parametrize("direction", ["increase", "decrease"])
@pytest.mark.parametrize("in_order", [True, False])
def test_directions_of_ordinal_codes(loans, direction, in_order):
    X, y = loans
    levels = X["education"].cat.categories.tolist()
    encoder = OrdinalEncoder(categories=[levels if in_order else sorted(levels)])
    table = ColumnTransformer(
        [("n", StandardScaler(), NUMBERS), ("c", encoder, ["education"])]
    ).set_output(transform="pandas")
    inner = classifier(mutability={"c__education": direction})
    pipeline = make_pipeline(table, inner).fit(X, y)
    asked = rejected(pipeline, X, 60)
    result = explain(pipeline, asked, mutability=dict.fromkeys(NUMBERS[:6], "none"))
    check_answers(pipeline, asked, result)
    before = table.transform(asked)["c__education"]
    after = table.transform(result.counterfactuals)["c__education"]
    assert (after >= before if direction == "increase" else after <= before).all()


@pytest.mark.parametrize(
    "rules", [{"mutability": {0: "increase"}}, {"domain": {0: (-1.0, 1.0)}}]
)
def test_rules_on_mixed_columns_never_break(loans, rules):
    X, y = loans[0][NUMBERS], loans[1]
    front = make_pipeline(StandardScaler(), PCA(4))
    pipeline = make_pipeline(front, classifier(**rules)).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked)
    before = front.transform(asked)[:, 0]
    after = front.transform(result.counterfactuals)[:, 0]
    if "mutability" in rules:
        assert (after >= before - 1e-9).all()
    else:
        assert (np.abs(after) <= np.maximum(1.0, np.abs(before)) + 1e-9).all()


# -- what the kept rows lack ---------------------------------------------------


@pytest.fixture(scope="module")
def rare():
    """More rows than are kept, with a category and a flag that few of them have."""
    draw = np.random.default_rng(0)
    X = pd.DataFrame(draw.normal(size=(6000, 2)), columns=["a", "b"])
    y = (X["a"] + X["b"] > 0).astype(int)
    X["label"], X["flag"] = draw.choice(["u", "v"], len(X)), 0
    X.loc[[10, 2000], "label"] = "rare"
    X.loc[[20, 3000], "flag"] = 1
    X.loc[30, "a"] = 9.0
    return X, y


@pytest.mark.parametrize(
    "front",
    [
        FunctionTransformer(),
        make_column_transformer((dense(), ["label"]), remainder=StandardScaler()),
    ],
)
def test_categories_and_ends_that_the_kept_rows_lack(rare, front):
    X, y = rare
    pipeline = make_pipeline(front, classifier(max_epochs=2)).fit(X, y)
    clf = pipeline[-1]
    kept = np.vstack([real.values for real in clf.references_.values()])
    assert (kept.max(axis=0) < clf.encoder_.upper_).any()
    asked = rejected_rows(pipeline, X)
    moved = explain(pipeline, asked, 1, domain={"label": ["rare"]})
    assert moved.valid.all()
    assert set(moved.counterfactuals["label"]) == {"rare"}
    for rows in (X[X["flag"] == 1], X[X["label"] == "rare"], X[X["a"] == 9.0]):
        assert explain(pipeline, rows).valid.all()


def rejected_rows(pipeline, X):
    return X[pipeline.predict(X) == 0][:20]


@pytest.mark.parametrize("domain", [None, "observed"])
def test_mixed_numbers_are_bounded_where_the_domain_is(rare, domain):
    X, y = rare[0][["a", "b"]], rare[1]
    pipeline = make_pipeline(PCA(2), classifier(max_epochs=2, domain=domain)).fit(X, y)
    asked = rejected_rows(pipeline, X)
    rules = PipelineCodec([("pca", pipeline[0])], pipeline[-1], X).rules
    for bound in (rules.lower, rules.upper):
        assert np.isinf(bound).all() == (domain is None)
    if domain == "observed":
        assert (rules.lower[0] >= X.min().to_numpy()).all()
        assert (rules.upper[0] <= X.max().to_numpy()).all()
    assert explain(pipeline, asked).valid.all()


@pytest.mark.parametrize("dtype", ["UInt8", "int16"])
def test_a_lossy_inverse_keeps_within_the_type(rare, dtype):
    draw = np.random.default_rng(1)
    X = (rare[0][["a", "b"]] * 20 + 100).round().clip(0, 255)
    X = X.assign(c=draw.integers(0, 255, len(X))).astype(dtype)
    front = [StandardScaler(), PCA(2)]
    pipeline = make_pipeline(*front, classifier(max_epochs=2)).fit(X, rare[1])
    result = explain(pipeline, rejected_rows(pipeline, X))
    assert (result.counterfactuals.dtypes == dtype).all()
    assert result.valid.mean() > 0.5


@pytest.mark.parametrize("dtype", ["int64", "float32", "float64"])
def test_arrays_keep_their_type(rare, dtype):
    X = (rare[0][["a", "b"]] * 20).round().to_numpy().astype(dtype)
    pipeline = make_pipeline(StandardScaler(), classifier(max_epochs=2)).fit(X, rare[1])
    result = explain(pipeline, rejected_rows(pipeline, X))
    assert result.valid.all()
    assert result.counterfactuals.dtype == result.factuals.dtype == dtype


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_arrays_with_codes_for_categories_and_columns_that_are_dropped(dtype):
    draw = np.random.default_rng(0)
    X = draw.integers(0, [4, 50, 9], size=(400, 3)).astype(dtype)
    y = (X[:, 1] + 5 * X[:, 0] > 35).astype(int)
    front = make_column_transformer((dense(), [0]), (StandardScaler(), [1]))
    pipeline = make_pipeline(front, classifier()).fit(X, y)
    result = explain(pipeline, X[:40])
    assert result.valid.all()
    assert result.counterfactuals.dtype == dtype
    assert set(result.counterfactuals[:, 0]) <= {0, 1, 2, 3}
    np.testing.assert_array_equal(result.counterfactuals[:, 2], X[:40, 2])


def test_whole_numbers_asked_of_a_pipeline_that_takes_any(rare):
    X = rare[0][["a", "b"]].to_numpy()
    pipeline = make_pipeline(StandardScaler(), classifier(max_epochs=2)).fit(X, rare[1])
    result = explain(pipeline, np.array([[0, -1], [-1, 0], [1, 2]]))
    assert result.valid.all()
    assert result.counterfactuals.dtype == float


# -- errors --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("front", "name"),
    [
        (Pipeline([("bend", FunctionTransformer(np.log1p))]), "bend"),
        (Pipeline([("own", Centre())]), "own"),
        (Pipeline([("poly", PolynomialFeatures(2))]), "poly"),
        (Pipeline([("norm", Normalizer())]), "norm"),
        (
            ColumnTransformer([("part", Centre(), ["age"])], remainder="passthrough"),
            "columntransformer__part",
        ),
    ],
)
def test_a_step_that_cannot_be_inverted_is_named(loans, front, name):
    X, y = loans[0][NUMBERS], loans[1]
    pipeline = make_pipeline(front, classifier(max_epochs=1)).fit(X, y)
    with pytest.raises(ValueError, match=rf"{name}.*cannot be inverted.*input columns"):
        explain(pipeline, X[:2])


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        "pipeline",
        GridSearchCV(classifier(max_epochs=1), {"tau": [0.5]}, refit=False, cv=2),
    ],
)
def test_other_estimators_are_refused(loans, estimator):
    if isinstance(estimator, GridSearchCV):
        estimator.fit(loans[0], loans[1])
    with pytest.raises(TypeError, match="explain takes a fitted Counterfactual"):
        explain(estimator, loans[0])


def test_estimators_that_are_not_fitted(loans):
    X = loans[0][NUMBERS]
    for estimator in (
        classifier(),
        make_pipeline(StandardScaler(), classifier()),
        GridSearchCV(classifier(), {"tau": [0.5]}),
        GridSearchCV(make_pipeline(StandardScaler(), classifier()), {}),
    ):
        with pytest.raises(NotFittedError):
            explain(estimator, X)


def test_bad_arguments_behind_a_pipeline(loans):
    X, y = loans[0][NUMBERS], loans[1]
    pipeline = make_pipeline(StandardScaler(), classifier(max_epochs=1)).fit(X, y)
    with pytest.raises(ValueError, match="Unknown column 'incme'.*mean 'income'"):
        explain(pipeline, X[:2], mutability={"incme": "none"})
    with pytest.raises(ValueError, match="unknown label 'perhaps'"):
        explain(pipeline, X[:2], "perhaps")
    with pytest.raises(ValueError, match="(?i)feature names"):
        explain(pipeline, X[NUMBERS[:-1]])
    with pytest.raises(ValueError, match="2D array"):
        explain(pipeline, X.to_numpy()[0])
    with pytest.raises(ValueError, match="infinity"):
        explain(pipeline, X[:2].assign(age=[30.0, np.inf]))
    with pytest.raises(TypeError, match="'targets'"):
        explain(pipeline, X[:2], targets=1)


# -- the rest of the interface -------------------------------------------------


def test_options_reach_the_search(loans):
    X, y = loans
    table = make_column_transformer((StandardScaler(), NUMBERS), (dense(), LABELS))
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(
        pipeline,
        asked,
        n_counterfactuals=2,
        max_changes=2,
        tau=0.6,
        generator="generic",
        feature_costs={"income": 5.0},
        random_state=0,
    )
    assert len(result) == 2 * len(asked)
    assert (result.n_changes <= 2).all()
    walked = explain(pipeline, asked, effort="walk")
    assert not (walked.status == "fallback").any()
    check_answers(pipeline, asked, walked)


def test_rules_for_each_row(loans):
    X, y = loans
    table = make_column_transformer((StandardScaler(), NUMBERS), (dense(), LABELS))
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = rejected(pipeline, X, 20)
    rules = [{"income": "none"} if i % 2 else {"debt": "none"} for i in range(20)]
    result = explain(pipeline, asked, mutability=rules)
    for i, rule in enumerate(rules):
        one = result[i]
        counts = constraint_violations(
            one.factuals, one.counterfactuals, mutability=rule
        )
        assert not counts.to_numpy().any()


def test_no_rows_and_one_row(loans):
    X, y = loans
    table = make_column_transformer((StandardScaler(), NUMBERS), (dense(), LABELS))
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    none = explain(pipeline, X[:0])
    assert len(none) == 0
    assert none.counterfactuals.dtypes.equals(X.dtypes)
    asked = rejected(pipeline, X, 30)
    together = explain(pipeline, asked).to_frame()
    for i in (0, 7, 29):
        alone = explain(pipeline, asked[i : i + 1]).to_frame().assign(query=i)
        pd.testing.assert_frame_equal(alone, together[i : i + 1])


def test_asking_changes_nothing(loans):
    X, y = loans
    table = make_column_transformer((StandardScaler(), NUMBERS), (dense(), LABELS))
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    copy, before = asked.copy(deep=True), pipeline.predict_proba(asked)
    first, second = explain(pipeline, asked), explain(pipeline, asked)
    pd.testing.assert_frame_equal(asked, copy)
    pd.testing.assert_frame_equal(first.to_frame(), second.to_frame())
    np.testing.assert_array_equal(before, pipeline.predict_proba(asked))


def test_polars_frames(loans):
    polars = pytest.importorskip("polars")
    X, y = loans[0][NUMBERS], loans[1]
    X = polars.DataFrame({name: X[name].to_numpy() for name in NUMBERS})
    pipeline = make_pipeline(StandardScaler(), classifier()).fit(X, y)
    asked = X[:20]
    result = explain(pipeline, asked, mutability={"age": "none"})
    assert result.counterfactuals.schema == asked.schema
    assert (result.counterfactuals["age"] == asked["age"]).all()


def test_bins_are_left_at_their_centres(loans):
    X, y = loans[0][NUMBERS].astype(float), loans[1]
    X = X[["age", "income", "debt", "savings", "loan_amount"]]
    bins = KBinsDiscretizer(5, encode="ordinal", strategy="uniform")
    pipeline = make_pipeline(bins, classifier()).fit(X, y)
    asked = rejected(pipeline, X)
    result = explain(pipeline, asked, mutability={"age": "none"})
    check_answers(pipeline, asked, result, {"age": "none"})


def test_rare_categories_have_their_codes_too():
    # Forty labels, most of them rare: few rows do not show all of their columns.
    rng = np.random.default_rng(0)
    labels = np.array([f"l{k:02d}" for k in range(40)])
    k = np.minimum(rng.geometric(0.3, 1500) - 1, 39)
    k[:40] = np.arange(40)
    X = pd.DataFrame({"label": labels[k], "x": rng.normal(size=1500)})
    y = (X["x"] + (k % 3) > 1).astype(int)
    table = ColumnTransformer(
        [("l", OneHotEncoder(sparse_output=False), ["label"])], remainder="passthrough"
    )
    pipeline = make_pipeline(table, classifier()).fit(X, y)
    codec = PipelineCodec(pipeline.steps[:-1], pipeline[-1], X)
    every = pd.DataFrame({"label": labels, "x": 0.0})
    np.testing.assert_allclose(codec.embed(codec.read(every)), codec.encode(every))


LOANS, LOAN_LABELS = make_loan_applications(600, random_state=0)
LOAN_NUMBERS = list(LOANS.select_dtypes("number"))
LOAN_WORDS = ["housing", "purpose"]


def loan_classifier():
    return CounterfactualTrainedClassifier(max_epochs=8, lr=0.02, random_state=0)


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ],
    ids=["one-hot", "ordinal"],
)
def test_rows_with_an_unknown_category_are_searched_from_where_they_are(encoder):
    X = LOANS.astype(dict.fromkeys(LOAN_WORDS, object))
    table = make_column_transformer(
        (StandardScaler(), LOAN_NUMBERS), (encoder, LOAN_WORDS)
    )
    model = make_pipeline(table, loan_classifier()).fit(X, LOAN_LABELS)
    asked = X.assign(housing=np.where(np.arange(len(X)) % 2, "a boat", "a tent"))
    asked = asked[model.predict(asked) == "rejected"]
    result = explain(model, asked, "approved")
    assert (result.status == "valid").all()
    assert (model.predict(result.counterfactuals) == "approved").all()
    # As near to the boundary as other rows come.
    assert np.median(result.probability) < 0.71
    stay = result.counterfactuals["housing"] == asked["housing"]
    assert stay.mean() > 0.5
    alone = explain(model, asked[3:4], "approved")
    pd.testing.assert_frame_equal(
        alone.counterfactuals, result.counterfactuals[3:4], check_exact=True
    )


def test_rules_on_columns_that_the_pipeline_drops_hold_anyway():
    table = make_column_transformer(
        (StandardScaler(), [name for name in LOAN_NUMBERS if name != "age"]),
        (OneHotEncoder(), LOAN_WORDS),
    )
    model = make_pipeline(table, loan_classifier()).fit(LOANS, LOAN_LABELS)
    plain = explain(model, LOANS[:30])
    with pytest.warns(UserWarning, match="'domain' of column .* has no effect") as said:
        ruled = explain(
            model,
            LOANS[:30],
            mutability={"education": "increase", "age": "none"},
            domain={"education": ["secondary", "master"], "age": (18, 75)},
        )
    assert [str(each.message).split("'")[3] for each in said] == ["age", "education"]
    pd.testing.assert_frame_equal(plain.counterfactuals, ruled.counterfactuals)


def test_a_selector_of_one_hot_columns_is_refused_by_name():
    table = make_column_transformer(
        (StandardScaler(), LOAN_NUMBERS),
        (OneHotEncoder(), LOAN_WORDS),
        sparse_threshold=0,
    )
    model = make_pipeline(table, SelectKBest(k=8), loan_classifier())
    model.fit(LOANS, LOAN_LABELS)
    with pytest.raises(ValueError, match="onehotencoder' of the pipeline .* drops"):
        explain(model, LOANS[:5])


class Ratio(TransformerMixin, BaseEstimator):
    """A transformer of frames, there and back."""

    def fit(self, X, y=None):
        self.columns_ = list(X.columns)
        return self

    def transform(self, X):
        return X.assign(ratio=X["debt"] / X["income"])

    def inverse_transform(self, X):
        return X[self.columns_]


def test_transformers_of_frames_are_given_frames_back():
    X = LOANS[LOAN_NUMBERS]
    model = make_pipeline(Ratio(), loan_classifier()).fit(X, LOAN_LABELS)
    asked = X[model.predict(X) == "rejected"]
    result = explain(model, asked, "approved")
    assert (model.predict(result.counterfactuals[result.valid]) == "approved").all()
    assert result.valid.mean() > 0.9


@pytest.mark.parametrize("effort", ["walk", "full"])
def test_what_other_rows_are_bounded_by_does_not_matter(effort):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=[*"abc"])
    y = (X["a"] + X["b"] - X["c"] > 0).astype(int)
    pipeline = make_pipeline(StandardScaler(), classifier(domain=None)).fit(X, y)
    asked = X[pipeline.predict(X) == 0][:20]
    domain = [{"a": (-0.5, 0.5), "b": (-1.0, 1.0), "c": (-1.0, 0.0)}, {}] * 10
    together = explain(pipeline, asked, 1, domain=domain, effort=effort)
    alone = explain(pipeline, asked[::2], 1, domain=domain[::2], effort=effort)
    pd.testing.assert_frame_equal(
        together.counterfactuals[::2], alone.counterfactuals, check_exact=True
    )
