"""Pipelines as people have them that once had wrong answers, or none."""

from decimal import Decimal
from time import process_time

import numpy as np
import pandas as pd
import pytest
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.reductions import DemographicParity, GridSearch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    StandardScaler,
)

from sklearn_ct import CounterfactualTrainedClassifier, explain

CITIES = list("abcd")
NUMBERS_STAY = {"age": "none", "income": "none"}


def classifier(**parameters):
    settings = {"max_epochs": 10, "lr": 0.01, "random_state": 0}
    return CounterfactualTrainedClassifier(**settings | parameters)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    n = 300
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "income": rng.normal(30, 9, n).round(1),
            "city": rng.choice(CITIES, n),
        }
    )
    score = (X.city == "b") * 2 + (X.age - 50) / 15 + (X.income - 30) / 9
    return X, np.where(score > 0.8, "ok", "no")


def assert_same_answers(one, other):
    pd.testing.assert_frame_equal(one.counterfactuals, other.counterfactuals)
    np.testing.assert_array_equal(one.status, other.status)


def asked_of(pipeline, X):
    return X[pipeline.predict(X) == "no"]


def by_hand(pipeline, X, column, values):
    """Which rows some value of one column alone would give the other class."""
    hit = [pipeline.predict(X.assign(**{column: v})) == "ok" for v in values]
    return np.any(hit, axis=0)


# -- categories that no known encoder has listed ---------------------------------


def dummies(T):
    T = T.assign(**{c: (T.city == c).astype(int) for c in CITIES})
    return T.drop(columns="city")


def labels(T):
    city = np.array(CITIES)[T[CITIES].to_numpy(float).argmax(axis=1)]
    return T[["age", "income"]].assign(city=city)


def ranks(T):
    return T.assign(city=T.city.map({c: k for k, c in enumerate(CITIES)}))


def unranked(T):
    return T.assign(city=T.city.round().astype(int).map(dict(enumerate(CITIES))))


class Weights(TransformerMixin, BaseEstimator):
    """Somebody's own encoder of words, by a number that few would guess."""

    def fit(self, X, y=None):
        self.weights_ = {c: 1.5 * k - 0.7 for k, c in enumerate(sorted(set(X.city)))}
        return self

    def transform(self, X):
        return X.assign(city=X.city.map(self.weights_))

    def inverse_transform(self, X):
        known = np.array(list(self.weights_.values()))
        far = np.abs(X.city.to_numpy(float)[:, None] - known)
        names = np.array(list(self.weights_))
        return X.assign(city=names[far.argmin(axis=1)])


FUNCTIONS = {
    "dummies": FunctionTransformer(dummies, labels, check_inverse=False),
    "numbers": FunctionTransformer(ranks, unranked, check_inverse=False),
    "own": Weights(),
}


@pytest.mark.parametrize("scaler", [None, StandardScaler()], ids=["alone", "scaled"])
@pytest.mark.parametrize("step", FUNCTIONS.values(), ids=FUNCTIONS)
def test_words_that_functions_encode_are_categories(rows, step, scaler):
    X, y = rows
    pipeline = make_pipeline(step, scaler, classifier()).fit(X, y)
    asked = asked_of(pipeline, X)
    result = explain(pipeline, asked, "ok", mutability=NUMBERS_STAY)
    reached = by_hand(pipeline, asked, "city", CITIES)
    np.testing.assert_array_equal(result.valid, reached)
    assert reached.any()
    narrow = explain(pipeline, asked, "ok", domain={"city": ["a"]})
    assert set(narrow.counterfactuals.city[narrow.valid]) == {"a"}
    assert narrow.valid.mean() > 0.9


# -- rounding errors of rules and codes ------------------------------------------


@pytest.mark.parametrize("scaler", [StandardScaler(with_mean=False), MinMaxScaler()])
@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(),
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(drop="first"),
        OrdinalEncoder(),
    ],
    ids=["one-hot", "ignore", "first", "ordinal"],
)
def test_encoders_in_front_of_scalers(rows, encoder, scaler):
    X, y = rows
    front = make_column_transformer((encoder, ["city"]), remainder="passthrough")
    pipeline = make_pipeline(front, scaler, classifier()).fit(X, y)
    asked = asked_of(pipeline, X)
    result = explain(pipeline, asked, "ok", mutability=NUMBERS_STAY)
    np.testing.assert_array_equal(
        result.valid, by_hand(pipeline, asked, "city", CITIES)
    )
    assert result.valid.any()


# -- what stands for a missing cell ----------------------------------------------


def test_what_fills_missing_numbers_is_no_advice(rows):
    X = rows[0][["age", "income"]].copy()
    X.loc[::3, "income"] = np.nan
    y = np.where(X.income.isna() * 3 + (X.age - 50) / 15 > 0.8, "ok", "no")
    imputer = SimpleImputer(strategy="constant", fill_value=-999)
    for steps in ([imputer], [imputer, StandardScaler()]):
        pipeline = make_pipeline(*steps, classifier()).fit(X, y)
        asked = asked_of(pipeline, X)
        asked = asked[asked.income.notna()]
        for domain in (None, {"age": (0, 120)}):
            result = explain(pipeline, asked, "ok", domain=domain)
            assert result.counterfactuals.income.min() >= X.income.min()
            assert result.valid.any()


def fill(T):
    return T.assign(city=T.city.fillna("?"))


@pytest.mark.parametrize(
    "imputer",
    [
        SimpleImputer(strategy="constant", fill_value="missing"),
        SimpleImputer(strategy="constant", fill_value="missing", add_indicator=True),
        FunctionTransformer(fill, FunctionTransformer().func, check_inverse=False),
    ],
    ids=["constant", "indicator", "function"],
)
def test_what_fills_missing_words_is_no_advice(rows, imputer):
    X = rows[0].astype({"city": object})
    X.loc[::3, "city"] = np.nan
    y = np.where(X.city.isna() * 3 + (X.age - 50) / 15 > 0.8, "ok", "no")
    if isinstance(imputer, FunctionTransformer):
        imputer = FunctionTransformer(fill, as_it_is, check_inverse=False)
    encoded = make_pipeline(imputer, OneHotEncoder(handle_unknown="ignore"))
    front = make_column_transformer((encoded, ["city"]), remainder="passthrough")
    pipeline = make_pipeline(front, classifier()).fit(X, y)
    asked = asked_of(pipeline, X)
    result = explain(pipeline, asked, "ok")
    cities = result.counterfactuals.city
    assert set(cities.dropna()) <= set(CITIES)
    assert (cities.isna() == asked.city.isna()).all()


def as_it_is(T):
    return T


def test_the_most_frequent_word_is_one_of_people(rows):
    X, y = rows[0].astype({"city": object}), rows[1]
    X.loc[::5, "city"] = np.nan
    encoded = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    front = make_column_transformer((encoded, ["city"]), remainder="passthrough")
    pipeline = make_pipeline(front, classifier()).fit(X, y)
    most = X.city.mode()[0]
    asked = asked_of(pipeline, X)
    asked = asked[asked.city.notna()]
    result = explain(pipeline, asked, "ok", domain={"city": [most]})
    assert (result.counterfactuals.city[result.valid] == most).all()
    assert result.valid.mean() > 0.9


@pytest.mark.parametrize("add_indicator", [False, True])
def test_missing_cells_stay_missing(rows, add_indicator):
    X = rows[0].drop(columns="city")
    X.loc[::3, "income"] = np.nan
    score = (X.age - 50) / 15 + (X.income.fillna(30) - 30) / 9 - X.income.isna()
    y = np.where(score > 0, "ok", "no")
    imputer = SimpleImputer(strategy="median", add_indicator=add_indicator)
    pipeline = make_pipeline(imputer, StandardScaler(), classifier()).fit(X, y)
    asked = asked_of(pipeline, X)
    result = explain(pipeline, asked, "ok")
    gone = asked.income.isna()
    assert (result.counterfactuals.income.isna() == gone).all()
    reached = by_hand(pipeline, asked, "age", range(18, 80))[gone.to_numpy()]
    assert result.valid[gone.to_numpy()].sum() >= 0.98 * reached.sum() > 0


# -- tables with other columns than in training ----------------------------------


@pytest.mark.parametrize("chosen", [["age", "income"], [0, 1], slice(0, 2)], ids=str)
def test_columns_in_another_order_more_of_them_or_fewer(rows, chosen):
    X, y = rows
    front = ColumnTransformer([("scale", StandardScaler(), chosen)])
    pipeline = make_pipeline(front, classifier()).fit(X, y)
    asked = asked_of(pipeline, X)
    usual = explain(pipeline, asked, "ok")
    assert usual.valid.all()
    for columns in (["age", "income"], ["city", "income", "age"]):
        other = explain(pipeline, asked[columns], "ok")
        kept = usual.counterfactuals[columns]
        pd.testing.assert_frame_equal(other.counterfactuals, kept)
    more = explain(pipeline, asked.assign(note="x")[["note", "age", "income"]], "ok")
    assert more.valid.all()
    assert (more.counterfactuals.note == "x").all()


# -- columns that are dropped, whatever they hold --------------------------------

DROPPED = {
    "datetime": pd.Series(pd.date_range("2020", periods=300)),
    "zone": pd.Series(pd.date_range("2020", periods=300, tz="Europe/Paris")),
    "timedelta": pd.Series(pd.to_timedelta(range(300), unit="D")),
    "period": pd.Series(pd.period_range("2000-01", periods=300, freq="M")),
    "infinite": pd.Series([np.inf, -np.inf, 1.0] * 100),
    "missing": pd.Series([None, "x", 1] * 100, dtype=object),
    "lists": pd.Series([[1], [2, 3], []] * 100),
    "category": pd.Series(pd.Categorical(["x", None, "y"] * 100)),
}


@pytest.mark.parametrize("cells", DROPPED.values(), ids=DROPPED)
def test_columns_of_any_type_are_dropped(rows, cells):
    X, y = rows
    X = X.assign(extra=cells)
    front = make_column_transformer((StandardScaler(), ["age", "income"]))
    pipeline = make_pipeline(front, classifier()).fit(X, y)
    asked = asked_of(pipeline, X)
    result = explain(pipeline, asked, "ok")
    assert result.valid.all()
    pd.testing.assert_series_equal(result.counterfactuals.extra, asked.extra)
    assert len(explain(pipeline, asked[:0])) == 0


# -- steps without an inverse ----------------------------------------------------


def with_text(X):
    rng = np.random.default_rng(1)
    words = np.array(["new roof", "old car", "new car", "old roof repaired"])
    dates = pd.Timestamp("2020-01-01") + pd.to_timedelta(
        rng.integers(0, 900, len(X)), unit="D"
    )
    note = words[rng.integers(0, 4, len(X))]
    return X.assign(note=note, since=dates)


def days(T):
    return (T - pd.Timestamp("2020-01-01")).apply(lambda c: c.dt.days)


def ratio(T):
    return pd.DataFrame({"ratio": T["age"] / T["income"].clip(lower=1)})


def held_parts():
    scale = ("scale", StandardScaler(), ["income"])
    code = ("code", OneHotEncoder(), ["city"])
    return {
        "count": [scale, code, ("held", CountVectorizer(), "note")],
        "tfidf": [scale, code, ("held", TfidfVectorizer(), "note")],
        "date": [scale, code, ("held", FunctionTransformer(days), ["since"])],
        "products": [scale, code, ("held", PolynomialFeatures(2), ["age"])],
    }


@pytest.mark.parametrize("kind", held_parts())
def test_columns_without_a_way_back_are_held(rows, kind):
    X, y = with_text(rows[0]), rows[1]
    front = ColumnTransformer(held_parts()[kind], sparse_threshold=0)
    pipeline = make_pipeline(front, classifier()).fit(X, y)
    asked = asked_of(pipeline, X)
    result = explain(pipeline, asked, "ok", mutability={"age": "none"})
    assert (pipeline.predict(result.counterfactuals[result.valid]) == "ok").all()
    for name in ("note", "since", "age"):
        pd.testing.assert_series_equal(result.counterfactuals[name], asked[name])
    highest = asked.assign(income=X.income.max())
    reached = np.any(
        [pipeline.predict(highest.assign(city=c)) == "ok" for c in CITIES], axis=0
    )
    assert result.valid.sum() >= 0.98 * reached.sum() > 0
    alone = explain(pipeline, asked[3:4], "ok", mutability={"age": "none"})
    assert_same_answers(alone, result[3:4])


def test_columns_that_may_change_and_have_no_way_back_are_refused(rows):
    X, y = with_text(rows[0]), rows[1]
    pipelines = {
        "ratio": FunctionTransformer(ratio),
        "products": PolynomialFeatures(2),
    }
    for name, step in pipelines.items():
        front = ColumnTransformer(
            [(name, step, ["age", "income"]), ("code", OneHotEncoder(), ["city"])]
        )
        pipeline = make_pipeline(front, classifier()).fit(X, y)
        with pytest.raises(ValueError, match=rf"{name}.*cannot be inverted.*'age'"):
            explain(pipeline, X[:3])
        with pytest.raises(ValueError, match="column 'income'.*may change"):
            explain(pipeline, X[:3], mutability={"age": "none"})
        result = explain(pipeline, asked_of(pipeline, X), mutability=NUMBERS_STAY)
        assert result.valid.any()
        assert set(result.changes().feature) == {"city"}
    words = ColumnTransformer(held_parts()["tfidf"])
    pipeline = make_pipeline(words, classifier()).fit(X, y)
    with pytest.raises(ValueError, match="'columntransformer__held'.*Tfidf.*'note'"):
        explain(pipeline, X[:3], mutability={"note": "both"})


@pytest.mark.parametrize("step", [CountVectorizer(), TfidfVectorizer()], ids=str)
def test_text_alone_is_refused_and_said_what_to_do(rows, step):
    X, y = with_text(rows[0]), rows[1]
    pipeline = make_pipeline(step, classifier()).fit(X.note, y)
    for asked in (X.note[:3], list(X.note[:3]), X[["note"]]):
        with pytest.raises(ValueError, match=f"{step}.*into a ColumnTransformer"):
            explain(pipeline, asked)


def test_it_is_said_where_a_column_that_is_held_was_to_change(rows):
    X, y = with_text(rows[0]).assign(double=rows[0].age * 2), rows[1]
    front = ColumnTransformer(held_parts()["count"], sparse_threshold=0)
    pipeline = make_pipeline(front, classifier()).fit(X, y)
    for column, options in {
        "age": {"domain": {"age": (20, 30)}},
        "note": {"domain": {"note": ["new car"]}},
        "double": {"project": lambda T: T.assign(double=T.income.round().astype(int))},
    }.items():
        (parameter,) = options
        said = f"'{parameter}' of column '{column}' has no effect"
        with pytest.warns(UserWarning, match=said):
            result = explain(pipeline, X[:5], **options)
        pd.testing.assert_series_equal(result.counterfactuals[column], X[column][:5])
    explain(pipeline, X[:5], domain={"income": (20, 90)}, project=lambda T: T)


def test_cells_of_another_kind_than_the_pipeline_takes(rows):
    X, y = rows
    encoded = make_column_transformer(
        (StandardScaler(), ["age", "income"]), (OneHotEncoder(), ["city"])
    )
    pipeline = make_pipeline(encoded, classifier()).fit(X, y)
    with pytest.raises(ValueError, match="'age' is text, but .* takes numbers"):
        explain(pipeline, X.astype({"age": str})[:5])
    with pytest.raises(ValueError, match="'age' has truth values, but numbers other"):
        explain(pipeline, X.assign(age=X.age > 40)[:5])
    decimals = X[:5].assign(income=X.income[:5].map(str).map(Decimal))
    kinds = explain(pipeline, decimals).counterfactuals.income.map(type)
    assert set(kinds) == {Decimal}


def add_ratio(T):
    return T.assign(ratio=T["age"] / T["income"].clip(lower=1))


def test_a_step_without_an_inverse_that_leaves_columns_alone(rows):
    X, y = rows
    code = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    pipeline = make_pipeline(FunctionTransformer(add_ratio), code, classifier())
    pipeline.fit(X, y)
    asked = asked_of(pipeline, X)
    result = explain(pipeline, asked, "ok")
    assert (pipeline.predict(result.counterfactuals[result.valid]) == "ok").all()
    assert result.valid.mean() > 0.9


def test_unions_with_a_part_that_has_a_way_back(rows):
    X, y = rows[0].drop(columns="city"), rows[1]
    union = FeatureUnion([("scale", StandardScaler()), ("squares", PCA(2))])
    pipeline = make_pipeline(union, classifier()).fit(X, y)
    asked = asked_of(pipeline, X)
    result = explain(pipeline, asked[:30], "ok", mutability={"age": "none"})
    assert result.valid.mean() > 0.8
    union = FeatureUnion([("scale", StandardScaler()), ("more", PolynomialFeatures(2))])
    pipeline = make_pipeline(union, classifier()).fit(X, y)
    result = explain(pipeline, asked_of(pipeline, X)[:10], "ok")
    assert result.valid.any()


class Faulty(StandardScaler):
    """Its inverse is of no use."""

    def inverse_transform(self, X, copy=None):
        raise RuntimeError("out of order")


def test_an_inverse_that_raises_is_named(rows):
    X, y = rows[0].drop(columns="city"), rows[1]
    pipeline = make_pipeline(Faulty(), classifier()).fit(X, y)
    with pytest.raises(ValueError, match="'faulty'.*RuntimeError: out of order"):
        explain(pipeline, X[:3])


# -- other faults ----------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
def test_mitigators_of_fairlearn(rows):
    X, y = rows[0][["age", "income"]], (rows[1] == "ok").astype(int)
    several = GridSearch(classifier(max_epochs=2), DemographicParity(), grid_size=2)
    several.fit(X, y, sensitive_features=rows[0].city == "a")
    with pytest.raises(TypeError, match="Got GridSearch .* one of its predictors_"):
        explain(several, X)
    assert len(explain(several.predictors_[0], X[:5])) == 5
    chance = ThresholdOptimizer(estimator=classifier())
    with pytest.raises(TypeError, match="Got ThresholdOptimizer .* estimator inside"):
        explain(chance, X)


def test_flags_in_front_of_components(rows):
    X, y = pd.get_dummies(rows[0]), rows[1]
    pipeline = make_pipeline(StandardScaler(), PCA(4), classifier()).fit(X, y)
    asked = asked_of(pipeline, X)[:20]
    result = explain(pipeline, asked, "ok")
    assert result.valid.any()
    assert (pipeline.predict(result.counterfactuals[result.valid]) == "ok").all()


def test_powers_keep_decimals(rows):
    X, y = rows[0].drop(columns="city"), rows[1]
    pipeline = make_pipeline(PowerTransformer(), classifier()).fit(X, y)
    result = explain(pipeline, asked_of(pipeline, X), "ok")
    income = result.counterfactuals.income
    np.testing.assert_array_equal(income, income.round(1))
    assert result.counterfactuals.age.dtype == X.age.dtype


# -- one-hot columns of the input ------------------------------------------------


@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
@pytest.mark.parametrize("drop_first", [False, True])
@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler((-1, 1))], ids=str)
def test_one_hot_columns_behind_scalers_are_one_category(
    rows, scaler, drop_first, apart
):
    X, y = pd.get_dummies(rows[0], drop_first=drop_first), rows[1]
    cities = [name for name in X if name.startswith("city")]
    if apart:
        X = X[["age", cities[0], "income", *cities[1:]]]
    pipeline = make_pipeline(scaler, classifier()).fit(X, y)
    asked = asked_of(pipeline, X)[:60]
    result = explain(pipeline, asked, "ok", mutability=NUMBERS_STAY)
    count = result.counterfactuals[cities].sum(axis=1)
    assert (count <= 1).all()
    assert drop_first or (count == 1).all()
    reached = np.zeros(len(asked), dtype=bool)
    for city in [*cities, *[None] * drop_first]:
        moved = asked.assign(**{name: name == city for name in cities})
        reached |= pipeline.predict(moved) == "ok"
    np.testing.assert_array_equal(result.valid, reached)
    assert reached.any()


def test_wide_tables(rows):
    """What is made once for all calls is, and no time is lost column by column."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 300))
    X = pd.DataFrame(X, columns=[f"x{j}" for j in range(300)])
    y = (X.x0 + X.x1 > 0).astype(int)
    settings = {"max_epochs": 1, "n_counterfactuals": 5}
    alone = classifier(**settings).fit(X, y)
    pipeline = make_pipeline(StandardScaler(), classifier(**settings)).fit(X, y)

    def seconds(model):
        start = process_time()
        explain(model, X[:1], 1 - model.predict(X[:1]))
        return process_time() - start

    pairs = [(seconds(alone), seconds(pipeline)) for _ in range(7)]
    one, other = np.min(pairs, axis=0)
    assert other < 2 * one + 0.05
