"""What columns are taken for, and how their numbers are rounded."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_ct._tables.discover import (
    block_codes,
    check_finite,
    check_present,
    decimals_of,
    describe,
    is_category,
    layout,
    one_hot_blocks,
    to_numbers,
)
from sklearn_ct._tables.encoder import TabularEncoder
from sklearn_ct._tables.feature import Variable, cut


def _number(dtype="float64", decimals=None):
    return Variable(
        name="x",
        columns=(0,),
        slots=slice(0, 1),
        categories=None,
        ordered=False,
        decimals=decimals,
        dtype=pd.api.types.pandas_dtype(dtype),
    )


@pytest.mark.parametrize(
    ("numbers", "dtype", "decimals"),
    [
        ([1, 2, 3], "int64", 0),
        ([1, 2, 3], "Int8", 0),
        ([0, 1], "bool", 0),
        ([1.0, 2.0, 3.0], "float64", 0),
        ([1.0, 2.5], "float64", 1),
        ([0.1 + 0.2, 0.1], "float64", 1),
        ([19.99, 5.0], "float64", 2),
        ([0.1234, 1.0], "float64", 4),
        ([0.12345, 1.0], "float64", None),
        ([1 / 3, 1.0], "float64", None),
        ([np.float32(0.1), np.float32(2.3)], "float32", 1),
        ([np.float32(0.1), np.float32(2.3)], "Float32", 1),
        ([np.float32(0.1), np.float32(2.3)], "float64", None),
        ([1.5, 2.5], "Float64", 1),
        ([-1e6 + 0.01, 1e-6], "float64", None),
        ([1e-12, 1.0], "float64", 0),
        ([], "float64", 0),
    ],
)
def test_decimals(numbers, dtype, decimals):
    dtype = pd.api.types.pandas_dtype(dtype)
    assert decimals_of(np.array(numbers, dtype=float), dtype) == decimals


@pytest.mark.parametrize(
    ("decimals", "value", "direction", "expected"),
    [
        (0, 2.3, 0, 2),
        (0, 2.3, 1, 3),
        (0, 2.7, -1, 2),
        (0, 2 + 1e-9, 1, 2),
        (0, 3 - 1e-9, -1, 3),
        (1, 2.31, 1, 2.4),
        (1, 0.1 + 0.2, 1, 0.3),
        (2, -1.005, -1, -1.01),
        (None, 2.3456789, 1, 2.3456789),
    ],
)
def test_numbers_are_rounded_outwards(decimals, value, direction, expected):
    rounded = _number(decimals=decimals).round(np.array([value]), direction)
    np.testing.assert_array_equal(rounded, [expected])


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        ("int8", -128, 127),
        ("uint8", 0, 255),
        ("Int16", -32768, 32767),
        ("bool", 0, 1),
        ("boolean", 0, 1),
    ],
)
def test_numbers_stay_within_their_type(dtype, low, high):
    rounded = _number(dtype, 0).round(np.array([-1e9, 1e9]))
    np.testing.assert_array_equal(rounded, [low, high])


def test_large_numbers_can_be_written_as_int64():
    rounded = _number("int64", 0).round(np.array([-1e30, 1e30]))
    with np.errstate(invalid="raise"):
        cells = rounded.astype(np.int64)
    assert cells[0] < 0 < cells[1]


@given(
    bound=st.floats(-1e6, 1e6),
    value=st.floats(-1e6, 1e6),
    dtype=st.sampled_from(["float64", "float32", "Float32", "float16"]),
    inward=st.sampled_from([-1.0, 1.0]),
)
@settings(max_examples=200, deadline=None)
def test_rounded_bounds_are_inside(bound, value, dtype, inward):
    variable = _number(dtype)
    if dtype == "float16":
        bound, value = bound / 1e2, value / 1e2
    inside = variable.round_bound(np.array([bound]), inward)
    assert ((inside - bound) * inward >= 0).all()
    np.testing.assert_array_equal(variable.round(inside), inside)


@given(bound=st.floats(-1e6, 1e6), inward=st.sampled_from([-1.0, 1.0]))
@settings(max_examples=100, deadline=None)
def test_whole_bounds_are_inside(bound, inward):
    inside = _number("int64", 0).round_bound(np.array([bound]), inward)
    assert inside[0] == np.round(inside[0])
    assert ((inside - bound) * inward >= -1e-6).all()


def _frame():
    return pd.DataFrame(
        {
            "int": [1, 2],
            "float": [0.5, 1.5],
            "word": pd.Series(["a", "b"], dtype=object),
            "string": pd.array(["a", "b"], dtype="string"),
            "category": pd.Categorical([3, 1]),
            "bool": [True, True],
            "boolean": pd.array([True, True], dtype="boolean"),
            "number as object": pd.Series([1, 2.5], dtype=object),
            "truth as object": pd.Series([True, False], dtype=object),
            "Int64": pd.array([1, 2], dtype="Int64"),
        }
    )


def test_columns_that_are_categories():
    X = _frame()
    found = [name for j, name in enumerate(X) if is_category(X, j)]
    expected = ["word", "string", "category", "bool", "boolean"] + ["truth as object"]
    assert found == expected
    assert not is_category(X.to_numpy(), 2)


def test_description_of_categories():
    X = _frame().astype({"category": pd.CategoricalDtype([3, 1, 2], ordered=True)})
    names = list(X)
    ordered = describe(X, names, (4,), True, 5)
    assert ordered.categories.tolist() == [3, 1, 2]
    assert ordered.ordered
    assert ordered.slots == slice(5, 8)
    words = describe(X, names, (2,), True, 0)
    assert not words.ordered
    assert words.cells(np.array([1.0, 0.0])).tolist() == ["b", "a"]
    assert describe(X, names, (5,), True, 0).ordered  # False < True


def test_whole_numbers_in_an_object_column_stay_whole():
    X = pd.DataFrame({"a": pd.Series([1, 2], dtype=object)})
    cells = describe(X, ["a"], (0,), False, 0).cells(np.array([3.0]))
    assert type(cells[0]) is int


def _dummies(codes, dtype=float):
    return np.eye(int(max(codes)) + 1)[np.array(codes)].astype(dtype)


@pytest.mark.parametrize("dtype", [float, np.int8, bool, np.float32])
def test_blocks_are_found(dtype):
    rng = np.random.default_rng(0)
    parts = [
        _dummies(rng.integers(3, size=50), dtype),
        rng.integers(2, size=(50, 1)).astype(dtype),
        _dummies(rng.integers(2, size=50), dtype),
        _dummies(rng.integers(4, size=50), dtype),
    ]
    found = one_hot_blocks(np.hstack(parts), range(10))
    assert found == [(0, 1, 2), (4, 5), (6, 7, 8, 9)]


@pytest.mark.parametrize("dtype", ["bool", "boolean", "int8", "float64", "Int64"])
def test_dummies_of_pandas_are_a_block(dtype):
    X = pd.get_dummies(pd.DataFrame({"a": list("xyzxy")})).astype(dtype)
    assert layout(X, "auto", None) == [((0, 1, 2), True)]


@pytest.mark.parametrize(
    "X",
    [
        np.array([[0, 1], [1, 1], [1, 0]]),  # one row sums to 2
        np.array([[0, 1], [0, 0], [1, 0]]),  # one row sums to 0
        np.array([[1, 0], [1, 0]]),  # constant: nothing to choose
        np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]]),
        np.array([[2, -1], [0, 1], [1, 0]]),
        np.ones((3, 2)),
        np.zeros((3, 2)),
    ],
)
def test_what_is_no_block(X):
    assert one_hot_blocks(X, range(2)) == []


def test_blocks_need_neighbours_and_plain_types():
    first = np.array([0, 1, 1, 0])
    apart = np.column_stack([first, [5, 6, 7, 8], 1 - first])
    assert one_hot_blocks(apart, range(3)) == []
    X = pd.DataFrame({"a": pd.Categorical(first), "b": pd.Categorical(1 - first)})
    assert one_hot_blocks(X, range(2)) == []


def test_a_category_that_never_occurs_is_kept_within_its_block():
    X = _dummies([0, 2, 0, 2])
    assert one_hot_blocks(X, range(3)) == [(0, 1, 2)]


def test_codes_of_blocks():
    block = np.array([[0, 1.0], [1, 0], [0, 0], [1, 1], [0.5, 0.5], [7, -6]])
    np.testing.assert_array_equal(block_codes(block), [1, 0, -1, -1, -1, -1])


def test_layout_of_a_list():
    X = pd.DataFrame(np.arange(8).reshape(2, 4), columns=list("abcd"))
    X[["b", "d"]] = [[0, 1], [1, 0]]
    position = X.columns.get_loc
    found = layout(X, [["b", "d"], "c"], position)
    assert found == [((0,), False), ((1, 3), True), ((2,), True)]
    assert layout(X, None, position) == [((j,), False) for j in range(4)]
    assert layout(X, [], position) == [((j,), False) for j in range(4)]


def test_a_tuple_can_be_a_name():
    X = pd.DataFrame([[1.0, 2], [3, 4]])
    X.columns = [("a", 1), ("a", 2)]
    found = layout(X, [("a", 2)], list(X.columns).index)
    assert found == [((0,), False), ((1,), True)]


def test_to_numbers():
    column = pd.Series([1, None], dtype="Int64")
    np.testing.assert_array_equal(to_numbers(column, "a"), [1, np.nan])
    for wrong in (
        pd.Series(["a"]),
        pd.Series([pd.Timestamp(0)]),
        pd.Series(pd.Categorical([1])),
    ):
        with pytest.raises(ValueError, match="Column 'a' .* neither a number nor"):
            to_numbers(wrong, "a")


@pytest.mark.parametrize("cells", [[1.0, np.inf], [-np.inf, 0.0]])
def test_infinite_cells_are_named(cells):
    for column in (np.array(cells), pd.Series(cells)):
        with pytest.raises(ValueError, match="infinity in column 'a'.*by NaN"):
            check_finite(column, "a")
    check_finite(pd.Series([1.0, np.nan]), "a")


@pytest.mark.parametrize("cells", [[1.0, np.nan], [None, 0.0], [pd.NA, 1]])
def test_missing_cells_of_a_block_are_named(cells):
    with pytest.raises(ValueError, match="NaN in column 'a'.*one-hot block"):
        check_present(pd.Series(cells), "a")


def test_long_lists_are_cut():
    assert cut(np.arange(5)) == "[0, 1, 2, 3, 4]"
    assert cut(["a"] * 6) == "['a', 'a', 'a', 'a', 'a', ...]"


def test_an_imputed_mean_does_not_make_whole_numbers_real():
    whole = np.r_[np.arange(30.0), np.full(5, 14.53)]
    assert decimals_of(whole, np.dtype(float)) == 0
    assert decimals_of(np.r_[np.arange(30.0), 14.53], np.dtype(float)) == 2
    assert decimals_of(np.r_[0.0, 1.0, 14.53, 14.53], np.dtype(float)) == 2


def test_text_that_holds_no_words_is_warned_of():
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame({"income": rng.integers(1000, 9000, 300).astype(str)})
    with pytest.warns(UserWarning, match=r"'income' is text with \d+ different values"):
        TabularEncoder().fit(numbers)
    words = pd.DataFrame({"job": rng.choice([f"job {i}" for i in range(50)], 300)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TabularEncoder().fit(words)
        TabularEncoder(categorical_features=["income"]).fit(numbers)
