"""scikit-learn's transformers, one at a time."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from sklearn_ct._pipeline.invert import (
    categories_of,
    input_columns,
    output_columns,
    selected,
)
from sklearn_ct._pipeline.invert import invert as undo

COLUMNS = ["a", "b", "c", "d"]


def invert(*arguments):
    back, holes = undo(*arguments)
    assert not holes
    return back


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.gamma(2.0, size=(60, 4)), columns=COLUMNS)


@pytest.fixture(scope="module")
def labels():
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "x": rng.choice(["red", "green", "blue"], 60),
            "y": rng.choice(["no", "yes"], 60),
        }
    ).astype(object)


@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize(
    "step",
    [
        StandardScaler(),
        MinMaxScaler(),
        RobustScaler(),
        PowerTransformer(),
        QuantileTransformer(n_quantiles=50),
        PCA(),
        SimpleImputer(),
        VarianceThreshold(),
        FunctionTransformer(),
        FunctionTransformer(np.log1p, np.expm1, feature_names_out="one-to-one"),
        make_pipeline(StandardScaler(), "passthrough", None, PCA()),
        Pipeline([("nothing", "passthrough")]),
        "passthrough",
        None,
    ],
    ids=str,
)
def test_there_and_back(numbers, step, output):
    table = numbers
    if hasattr(step, "fit"):
        table = step.set_output(transform=output).fit(numbers).transform(numbers)
    back = invert("step", step, table, COLUMNS)
    assert list(back.columns) == COLUMNS
    np.testing.assert_allclose(back.to_numpy(dtype=float), numbers, atol=1e-8)


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(sparse_output=False),
        OneHotEncoder(sparse_output=False, drop="first"),
        OneHotEncoder(sparse_output=False, drop="if_binary"),
        OneHotEncoder(sparse_output=False, handle_unknown="ignore"),
        OrdinalEncoder(),
        make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder()),
    ],
    ids=str,
)
def test_labels_there_and_back(labels, encoder):
    back = invert("step", encoder, encoder.fit_transform(labels), ["x", "y"])
    pd.testing.assert_frame_equal(back.astype(object), labels)


def test_infrequent_labels_come_back_as_one_of_them(labels):
    labels = pd.concat([labels, pd.DataFrame({"x": ["pink", "teal"], "y": "no"})])
    encoder = OneHotEncoder(sparse_output=False, min_frequency=5)
    back = invert("step", encoder, encoder.fit_transform(labels), ["x", "y"])
    assert back["x"].tolist()[-2:] == ["pink", "pink"]
    assert (back["y"].to_numpy() == labels["y"].to_numpy()).all()


def test_selectors_leave_holes(numbers):
    table = numbers.assign(b=1.0)
    selector = VarianceThreshold().fit(table)
    back = invert("step", selector, selector.transform(table), COLUMNS)
    assert back["b"].isna().all()
    kept = ["a", "c", "d"]
    np.testing.assert_array_equal(back[kept].to_numpy(float), table[kept])


def test_imputers_leave_holes_where_a_column_is_empty(numbers):
    table = numbers.assign(b=np.nan)
    table.loc[3, "a"] = np.nan
    imputer = SimpleImputer(add_indicator=True)
    with pytest.warns(UserWarning, match="observed values"):
        cells = imputer.fit(table).transform(table)
    back = invert("step", imputer, cells, COLUMNS)
    assert back["b"].isna().all()
    assert back.loc[3, "a"] == pytest.approx(table["a"].mean())
    np.testing.assert_array_equal(back["d"].to_numpy(float), table["d"])


def test_column_transformers(numbers, labels):
    table = pd.concat([numbers, labels], axis=1)
    names = list(table.columns)
    transformer = ColumnTransformer(
        [
            ("scale", StandardScaler(), ["c", "a"]),
            ("away", "drop", ["b"]),
            ("nothing", StandardScaler(), []),
            ("encode", OneHotEncoder(sparse_output=False), ["y", "x"]),
        ],
        remainder="passthrough",
    )
    back = invert("table", transformer, transformer.fit_transform(table), names)
    assert list(back.columns) == names
    assert back["b"].isna().all()
    for name in ("a", "c", "d"):
        np.testing.assert_allclose(back[name].astype(float), table[name])
    assert (back[["x", "y"]] == labels).all(axis=None)


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (FunctionTransformer(np.log1p), "step"),
        (Pipeline([("log", FunctionTransformer(np.log1p))]), "step__log"),
        (
            ColumnTransformer([("log", FunctionTransformer(np.log1p), ["a"])]),
            "step__log",
        ),
    ],
)
def test_the_step_is_named(numbers, step, name):
    back, holes = undo("step", step, step.fit_transform(numbers), COLUMNS)
    assert back.isna().all(axis=None)
    assert "a" in holes
    for text in holes.values():
        assert re.search(f"'{name}'.*FunctionTransformer.*set inverse", text)


def test_output_columns(numbers):
    scaler = StandardScaler().fit(numbers)
    assert output_columns(scaler, COLUMNS) == COLUMNS
    nameless = FunctionTransformer(np.log1p).fit(numbers)
    assert output_columns(nameless, COLUMNS) == [0, 1, 2, 3]
    table = ColumnTransformer([("log", FunctionTransformer(np.log1p), ["a", "c"])])
    table.fit(numbers)
    assert output_columns(table, COLUMNS) == [0, 1]
    assert output_columns(make_pipeline(table).fit(numbers), COLUMNS) == [0, 1]


def test_input_columns_are_what_the_next_step_was_given(numbers):
    nameless = FunctionTransformer(np.log1p)  # gives frames, tells no names
    table = ColumnTransformer([("s", StandardScaler(), ["c", "a"])])
    steps = make_pipeline(nameless, table, StandardScaler()).fit(numbers).steps
    assert input_columns(steps, COLUMNS) == [COLUMNS, COLUMNS, ["s__c", "s__a"]]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("b", ["b"]),
        (["d", "a"], ["d", "a"]),
        (2, ["c"]),
        ([0, -1], ["a", "d"]),
        (slice(1, 3), ["b", "c"]),
        (slice("b", "c"), ["b", "c"]),
        (slice("c", None), ["c", "d"]),
        ([True, False, False, True], ["a", "d"]),
        (np.array([False, True, False, False]), ["b"]),
        ([], []),
        (make_column_selector(pattern="[bc]"), ["b", "c"]),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_selected(numbers, chosen, expected):
    if callable(chosen):
        chosen = chosen(numbers)
    assert list(selected(chosen, COLUMNS)) == expected


def test_categories_of_encoders_wherever_they_are(labels):
    inner = ColumnTransformer(
        [("e", OneHotEncoder(), ["x"])], remainder=OrdinalEncoder()
    )
    pipeline = make_pipeline(SimpleImputer(strategy="most_frequent"), "passthrough")
    pipeline.set_output(transform="pandas")
    both = make_pipeline(pipeline, inner).fit(labels)
    found = {}
    categories_of(both.steps, ["x", "y"], found)
    assert {name: (list(c), o) for name, (c, o) in found.items()} == {
        "x": (["blue", "green", "red"], False),
        "y": (["no", "yes"], True),
    }


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_categories_of_columns_that_were_reordered_and_renamed(labels, numbers, output):
    table = pd.concat([labels, numbers[["a"]]], axis=1)
    first = ColumnTransformer(
        [
            ("n", SimpleImputer(add_indicator=True), ["a"]),
            ("l", SimpleImputer(strategy="most_frequent"), ["y", "x"]),
            ("d", "drop", []),
        ]
    ).set_output(transform=output)
    second = ColumnTransformer(
        [("o", OneHotEncoder(), [2]), ("none", OrdinalEncoder(), [])],
        remainder="passthrough",
    )
    pipeline = make_pipeline(first, second).fit(table)
    found = {}
    origins = categories_of(pipeline.steps, ["x", "y", "a"], found)
    assert origins == [None, None, None, "a", "y"]
    assert list(found) == ["x"]
    assert list(found["x"][0]) == ["blue", "green", "red"]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_target_encodings_become_the_nearest_labels(labels, n_classes):
    y = (labels["x"].factorize()[0] + labels["y"].factorize()[0]) % n_classes
    step = TargetEncoder(smooth=1.0).fit(labels, y)
    codes = step.transform(labels)
    assert codes.shape[1] == (2 if n_classes == 2 else 6)
    for cells in (codes, codes + 1e-3):
        back = invert("t", step, cells, ["x", "y"])
        assert (back == labels).all(axis=None)


def test_codes_beyond_the_categories_end_at_them(labels):
    step = OrdinalEncoder().fit(labels)
    back = invert("o", step, np.array([[-1.4, 0.0], [5.0, 1.6]]), ["x", "y"])
    assert back.to_numpy().tolist() == [["blue", "no"], ["red", "yes"]]
    unknown = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(
        labels
    )
    back = invert("o", unknown, np.array([[-1.0, 1.0]]), ["x", "y"])
    assert back.to_numpy().tolist() == [[None, "yes"]]
