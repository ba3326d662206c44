"""Every transformer that has an inverse, and what stands around it: a line each.

Of each pipeline is asked the same: as many answers as the classifier alone has, or as
are found by hand; rules kept in the columns of the input; no cell that is unknown.
"""

from itertools import cycle, product

import category_encoders as ce
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import FeatureAgglomeration
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import (
    PCA,
    DictionaryLearning,
    FastICA,
    IncrementalPCA,
    KernelPCA,
    MiniBatchDictionaryLearning,
    SparseCoder,
    TruncatedSVD,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from sklearn_ct import CounterfactualTrainedClassifier, explain

# What others' steps say of themselves.
pytestmark = pytest.mark.filterwarnings("ignore")

N = 40
NUMBERS = ["age", "income", "rooms"]
CITIES = list("abcd")
RULES = {"age": "none", "income": "increase"}


def people(n=N, seed=0):
    """Three numbers, words, and a class that each of them has a part in."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "income": rng.normal(30, 9, n).round(1),
            "rooms": rng.integers(1, 7, n),
            "city": rng.choice(CITIES, n, p=[0.4, 0.3, 0.2, 0.1]),
        }
    )
    score = (X.age - 50) / 20 + (X.income - 30) / 9 + (X.rooms - 3.5) / 2
    score += (X.city == "b") * 1.5 + rng.normal(size=n) * 0.1
    return X, np.where(score > score.median(), "ok", "no")


def classifier():
    return CounterfactualTrainedClassifier(
        hidden_layer_sizes=(8,),
        max_epochs=6,
        lr=0.03,
        n_counterfactuals=10,
        random_state=0,
    )


SCALERS = {
    "standard": StandardScaler(),
    "minmax": MinMaxScaler(),
    "maxabs": MaxAbsScaler(),
    "robust": RobustScaler(),
    "quantile": QuantileTransformer(n_quantiles=20),
    "power": PowerTransformer(),
}
BINS = {"n_bins": 4, "strategy": "uniform"}
DENSE = {"sparse_output": False}
LUMP = "infrequent_if_exist"
UNKNOWN = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
FRAMES = {"remainder": "passthrough", "verbose_feature_names_out": False}
MODEL = LogisticRegression()
WORDS = make_column_selector(dtype_exclude="number")
LOG = FunctionTransformer(np.log1p, np.expm1)

# Transformers of numbers, and whether they keep all that there is to know of a row.
# Not here: those of matrix factors (NMF), whose own transform of a row depends on the
# rows beside it, and SparsePCA, which transforms no single row.
NUMERIC = {
    "standard": (StandardScaler(), True),
    "minmax": (MinMaxScaler(), True),
    "maxabs": (MaxAbsScaler(), True),
    "robust": (RobustScaler(), True),
    "quantile": (QuantileTransformer(n_quantiles=20), True),
    "normal": (QuantileTransformer(n_quantiles=20, output_distribution="normal"), True),
    "power": (PowerTransformer(), True),
    "box-cox": (PowerTransformer("box-cox"), True),
    "log": (LOG, True),
    "bins": (KBinsDiscretizer(encode="ordinal", **BINS), False),
    "bins-one-hot": (KBinsDiscretizer(encode="onehot-dense", **BINS), False),
    "bins-sparse": (make_pipeline(KBinsDiscretizer(**BINS), PCA()), False),
    "pca": (PCA(), True),
    "pca-whitened": (PCA(whiten=True), True),
    "pca-lossy": (PCA(2), False),
    "incremental-pca": (IncrementalPCA(), True),
    "kernel-pca": (KernelPCA(3, fit_inverse_transform=True), False),
    "ica": (FastICA(random_state=0, whiten="unit-variance"), True),
    "svd": (TruncatedSVD(2, random_state=0), False),
    "dictionary": (DictionaryLearning(3, max_iter=3, random_state=0), False),
    "minibatch-dictionary": (MiniBatchDictionaryLearning(3, max_iter=3), False),
    "sparse-coder": (SparseCoder(dictionary=np.eye(3)), False),
    "gaussian": (GaussianRandomProjection(3, random_state=0), False),
    "sparse": (SparseRandomProjection(3, density=1.0, random_state=0), False),
    "agglomeration": (FeatureAgglomeration(2), False),
    "k-best": (SelectKBest(k=2), False),
    "percentile": (SelectPercentile(percentile=70), False),
    "positives": (SelectFpr(alpha=0.5), False),
    "discoveries": (SelectFdr(alpha=0.5), False),
    "family-wise": (SelectFwe(alpha=0.5), False),
    "univariate": (GenericUnivariateSelect(mode="k_best", param=2), False),
    "variance": (VarianceThreshold(), True),
    "from-model": (SelectFromModel(MODEL, max_features=2), False),
    "rfe": (RFE(MODEL), False),
    "rfecv": (RFECV(MODEL, cv=2), False),
    "sequential": (SequentialFeatureSelector(MODEL, cv=2), False),
    "imputer": (SimpleImputer(), True),
    "imputer-indicator": (SimpleImputer(add_indicator=True), True),
    "knn-imputer": (KNNImputer(add_indicator=True), True),
    "iterative-imputer": (IterativeImputer(max_iter=2, add_indicator=True), True),
    "union": (FeatureUnion([("s", StandardScaler()), ("p", PCA(2))]), True),
}
# Whose rows without an answer are searched long.
LONG = ["kernel-pca", "svd", "sparse-coder", "agglomeration"]
LONG += ["dictionary", "minibatch-dictionary", "gaussian", "sparse", "bins-sparse"]
LONG += ["pca-part"]
# Encoders of words.
CATEGORICAL = {
    "one-hot": OneHotEncoder(),
    "one-hot-dense": OneHotEncoder(**DENSE),
    "one-hot-first": OneHotEncoder(drop="first"),
    "one-hot-binary": OneHotEncoder(drop="if_binary"),
    "one-hot-rare": OneHotEncoder(min_frequency=0.2),
    "one-hot-few": OneHotEncoder(max_categories=3, drop="first"),
    "one-hot-ignore": OneHotEncoder(handle_unknown="ignore"),
    "one-hot-lump": OneHotEncoder(max_categories=3, handle_unknown=LUMP),
    "ordinal": OrdinalEncoder(),
    "ordinal-unknown": OrdinalEncoder(**UNKNOWN),
    "ordinal-rare": OrdinalEncoder(min_frequency=0.2),
    "target": TargetEncoder(),
    "others-one-hot": ce.OneHotEncoder(use_cat_names=True),
    "others-ordinal": ce.OrdinalEncoder(),
    "others-binary": ce.BinaryEncoder(),
    "others-base": ce.BaseNEncoder(base=3),
}


def columns(*parts, **settings):
    parts = [(f"p{k}", *part) for k, part in enumerate(parts)]
    return ColumnTransformer(parts, **{"sparse_threshold": 0} | settings)


def number_names(X):
    return X.columns[:3]


def is_word(X):
    return list(X.dtypes == X.dtypes["city"])


def turned(X):
    return X[X.columns[::-1]]


SCALE, CODE = StandardScaler(), OneHotEncoder(**DENSE)
MOST_CODE = make_pipeline(SimpleImputer(strategy="most_frequent"), CODE)
WORD = (CODE, ["city"])
NUMBER = (SCALE, NUMBERS)
BY_NAME = columns(NUMBER, WORD)
REST = {"remainder": "passthrough"}
TURN = FunctionTransformer(turned, turned, check_inverse=False)
# What stands around them.
TABLES = {
    "name": [BY_NAME],
    "position": [columns((SCALE, [0, 1, 2]), (CODE, [3]))],
    "negative": [columns((SCALE, [-4, -3, -2]), (CODE, [-1]))],
    "mask": [columns((SCALE, [True] * 3 + [False]), (CODE, [False] * 3 + [True]))],
    "array-mask": [columns((SCALE, np.arange(4) < 3), (CODE, np.arange(4) == 3))],
    "selector": [columns((SCALE, make_column_selector("e|rooms")), (CODE, WORDS))],
    "callable": [columns((SCALE, number_names), (CODE, is_word))],
    "slice": [columns((SCALE, slice(0, 3)), (CODE, slice("city", None)))],
    "index": [columns((SCALE, pd.Index(NUMBERS)), WORD)],
    "turned": [columns(WORD, (SCALE, NUMBERS[::-1]))],
    "rest": [columns(WORD, **REST)],
    "rest-scaled": [columns(WORD, remainder=SCALE)],
    "rest-pipeline": [columns(WORD, remainder=make_pipeline(SimpleImputer(), SCALE))],
    "rest-dropped": [columns(NUMBER)],
    "words-dropped": [columns(NUMBER, ("drop", ["city"]))],
    "some-pass": [columns(("passthrough", ["income"]), WORD, remainder=SCALE)],
    "empty": [columns(NUMBER, (SCALE, []), WORD)],
    "nested": [columns((columns((SCALE, ["age"]), **REST), NUMBERS), WORD)],
    "nested-pipeline": [make_pipeline(columns(WORD, **REST), make_pipeline(SCALE))],
    "two": [
        columns((OrdinalEncoder(), ["city"]), **REST),
        columns((CODE, [0]), **REST),
    ],
    "pandas": [clone(BY_NAME).set_output(transform="pandas"), SCALE],
    "polars": [clone(BY_NAME).set_output(transform="polars"), SCALE],
    "pandas-words": [columns(NUMBER, **FRAMES).set_output(transform="pandas")],
    "imputers": [columns((KNNImputer(), NUMBERS), (MOST_CODE, ["city"]))],
    "pca-part": [columns(WORD, (make_pipeline(SCALE, PCA(2)), NUMBERS[1:]), **REST)],
    "pca-behind": [columns(WORD, NUMBER), PCA(4)],
    "selected": [columns(WORD, NUMBER), VarianceThreshold()],
    "union": [FeatureUnion([("n", columns(NUMBER)), ("w", columns(WORD))])],
    "twice": [columns(WORD, NUMBER, (MinMaxScaler(), ["income"]))],
    "two-codes": [columns(WORD, (OrdinalEncoder(), ["city"]), NUMBER)],
    "log-part": [columns(WORD, (make_pipeline(LOG, SCALE), ["income"]), **REST)],
    "function": [TURN, BY_NAME],
    "numbers-coded": [columns((CODE, ["city", "rooms"]), remainder=SCALE)],
    "others-whole": [ce.OneHotEncoder(cols=["city"], use_cat_names=True), SCALE],
    "others-binary": [ce.BinaryEncoder(cols=["city"]), SCALE],
}
# What a pipeline drops: columns of any type, filled by the number of rows.
DROPPED = {
    "times": lambda n: pd.date_range("2020", periods=n, tz="Europe/Paris"),
    "periods": lambda n: pd.period_range("2020", periods=n, freq="M"),
    "lists": lambda n: [[k] for k in range(n)],
    "infinite": lambda n: np.full(n, np.inf),
    "none": lambda n: [None] * n,
    "intervals": lambda n: pd.interval_range(0, n, n),
    "complex": lambda n: np.arange(n) * 1j,
    "bytes": lambda n: [b"x"] * n,
    "objects": lambda n: [object()] * n,
}


def coded(encoder):
    return columns((encoder, ["city"]), **REST)


@pytest.fixture(scope="module")
def rows():
    return people()


@pytest.fixture(scope="module")
def share_alone(rows):
    """Share of the rows turned down that the classifier alone has an answer for."""
    return share_answered(classifier(), *rows)[0]


def share_answered(model, X, y):
    """Share of the rows turned down that have an answer, and that have by hand."""
    model.fit(X, y)
    asked = X[model.predict(X) == "no"][:10].reset_index(drop=True)
    assert len(asked) == 10
    result = explain(model, asked, "ok", mutability=RULES)
    answers, valid = result.counterfactuals, result.valid
    assert answers.dtypes.equals(asked.dtypes)
    if valid.any():
        assert (model.predict(answers[valid]) == "ok").all()
    fixed = [name for name in X if name not in ("income", "rooms", "city")]
    pd.testing.assert_frame_equal(answers[fixed], asked[fixed])
    assert (answers.income >= asked.income).all()
    assert answers.rooms.between(1, 6).all()
    assert set(answers.get("city", [])) <= set(CITIES)
    reached = by_hand(model, X, asked)
    assert valid.sum() >= 0.98 * reached.sum()
    return valid.mean(), reached.mean()


def by_hand(model, X, asked):
    """Which rows some incomes, rooms and cities among those of all rows bring over."""
    incomes = X.income.quantile([0.5, 0.8, 1.0], interpolation="nearest")
    moved = [
        asked.assign(income=asked.income.clip(lower=income), rooms=rooms)
        for income, rooms in product(incomes, (1, 3, 6))
    ]
    if "city" in X:
        moved = [T.assign(city=city) for T, city in product(moved, CITIES)]
    hit = model.predict(pd.concat(moved, ignore_index=True)) == "ok"
    return hit.reshape(len(moved), -1).any(axis=0)


def behind(*steps):
    return make_pipeline(*map(clone, steps), classifier())


def pairs(table, long=()):
    """Each followed by one scaler after the other; the slow tests: by each of them.

    Those that take long are slow tests, followed by one.
    """
    quick = [name for name in table if name not in long]
    few = list(zip(quick, cycle(SCALERS), strict=False))
    rest = [pair for pair in product(quick, SCALERS) if pair not in few]
    rest += zip([n for n in long if n in table], cycle(SCALERS), strict=False)
    return few + [pytest.param(*pair, marks=pytest.mark.slow) for pair in rest]


@pytest.mark.parametrize(("name", "scaler"), pairs(NUMERIC, long=LONG))
def test_numbers(rows, share_alone, name, scaler):
    step, keeps_all = NUMERIC[name]
    X, y = rows[0][NUMBERS], rows[1]
    share, _ = share_answered(behind(step, SCALERS[scaler]), X, y)
    assert not keeps_all or share >= 0.98 * share_alone


@pytest.mark.parametrize(("name", "scaler"), pairs(CATEGORICAL))
def test_words(rows, name, scaler):
    share_answered(behind(coded(CATEGORICAL[name]), SCALERS[scaler]), *rows)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in TABLES],
)
def test_tables(rows, share_alone, name):
    X, y = rows
    share, _ = share_answered(behind(*TABLES[name]), X, y)
    assert share >= 0.98 * share_alone


@pytest.mark.parametrize("kind", DROPPED)
def test_dropped_columns(rows, share_alone, kind):
    X, y = rows
    X = X.assign(extra=pd.Series(DROPPED[kind](len(X))))
    front = columns(NUMBER, WORD)
    assert share_answered(behind(front), X, y)[0] >= 0.98 * share_alone
