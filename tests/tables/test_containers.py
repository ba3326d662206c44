"""Containers: arrays, pandas and polars frames."""

import numpy as np
import pandas as pd
import pytest

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._tables.containers import (
    column_names,
    from_polars,
    is_frame,
    is_polars,
    put_cells,
    take_column,
    take_rows,
    to_polars,
    widened,
)
from sklearn_ct.datasets import make_loan_applications


def test_arrays_have_positions_for_names():
    X = np.arange(6).reshape(2, 3)
    assert column_names(X) == [0, 1, 2]
    assert not is_frame(X)
    assert not is_polars(X)
    np.testing.assert_array_equal(take_column(X, 1), [1, 4])
    np.testing.assert_array_equal(take_rows(X, [1, 1]), [[3, 4, 5], [3, 4, 5]])


def test_frames_are_taken_by_position():
    X = pd.DataFrame({1: [1, 2], 0: [3, 4]}, index=[7, 7])
    assert column_names(X) == [1, 0]
    assert take_column(X, 0).tolist() == [1, 2]
    assert take_rows(X, [1]).index.tolist() == [7]


@pytest.mark.parametrize(
    ("column", "cells", "expected"),
    [
        (np.array([1, 2, 3], dtype="int8"), np.array([9.0]), 9),
        (np.array([1.5, 2, 3], dtype="float32"), np.array([0.1]), np.float32(0.1)),
        (np.array([True, False, True]), np.array([False]), False),
        (pd.array([1, 2, 3], dtype="Int64"), np.array([9.0]), 9),
        (pd.array([1, 2, 3], dtype="UInt8"), np.array([9.0]), 9),
        (pd.array([1.5, 2, 3], dtype="Float64"), np.array([9.5]), 9.5),
        (pd.array([True, False, True], dtype="boolean"), np.array([False]), False),
        (pd.array(["a", "b", "a"], dtype="string"), ["b"], "b"),
        (pd.Categorical(["a", "b", "a"]), np.array(["b"], dtype=object), "b"),
        (np.array(["a", "b", "a"], dtype=object), ["b"], "b"),
    ],
)
def test_written_cells_keep_the_type_of_their_column(column, cells, expected):
    frame = pd.DataFrame({"other": range(3), "column": column}, index=[5, 5, 5])
    before = frame.copy()
    put_cells(frame, np.array([0]), 1, cells)
    assert frame.dtypes.equals(before.dtypes)
    assert frame["column"].tolist()[0] == expected
    pd.testing.assert_frame_equal(frame.iloc[1:], before.iloc[1:])


def test_written_cells_of_an_array():
    X = np.arange(6).reshape(3, 2)
    put_cells(X, np.array([0, 2]), 1, np.array([10.0, 20.0]))
    np.testing.assert_array_equal(X, [[0, 10], [2, 3], [4, 20]])


@pytest.mark.parametrize(
    ("column", "saw", "expected"),
    [
        (np.array([1, 2], dtype="int16"), "int64", "int64"),
        (np.array([1, 2], dtype="int64"), "int16", "int64"),
        (np.array([1, 2], dtype="int64"), "float64", "float64"),
        (np.array([1, 2], dtype="float32"), "float64", "float64"),
        (pd.array([1, None], dtype="Int16"), "int64", "Int64"),
        (pd.array([1, 2], dtype="Int16"), "Float64", "Float64"),
        (
            pd.arrays.SparseArray([0, 1], dtype="Sparse[int16]"),
            "int64",
            pd.SparseDtype("int64", 0),
        ),
        (pd.Categorical(["a", "b"]), "int64", "category"),
        (np.array([True, False]), "int64", "int64"),
    ],
)
def test_a_column_gets_a_type_that_holds_both(column, saw, expected):
    frame = pd.DataFrame({"other": [1, 2], "column": column})
    wide = widened(frame.copy(), {1: pd.api.types.pandas_dtype(saw)})
    assert wide["column"].dtype == expected
    assert wide["column"].astype(object).equals(frame["column"].astype(object))
    assert wide["other"].dtype == np.int64


def test_an_array_gets_a_type_that_holds_both():
    array = widened(np.array([[1, 2]], dtype=np.int16), {0: np.dtype("int64")})
    assert array.dtype == np.int64


def test_polars_columns_with_missing_and_wide_cells():
    polars = pytest.importorskip("polars")
    like = polars.DataFrame(
        {
            "missing": polars.Series([1, None], dtype=polars.Int64),
            "wide": polars.Series([1, 2], dtype=polars.Int16),
        }
    )
    table = pd.DataFrame({"missing": [5.0, np.nan], "wide": [1, 70_000]})
    back = to_polars(table, like)
    assert back["missing"].to_list() == [5, None]
    assert back["wide"].to_list() == [1, 70_000]
    assert back.schema == {"missing": polars.Int64, "wide": polars.Int64}


def test_polars_round_trip():
    polars = pytest.importorskip("polars")
    levels = polars.Enum(["low", "high"])
    frame = polars.DataFrame(
        {
            "whole": polars.Series([1, 2, 3], dtype=polars.Int16),
            "real": polars.Series([0.5, 1.5, 2.5], dtype=polars.Float32),
            "flag": [True, False, True],
            "word": ["a", "b", "a"],
            "level": polars.Series(["low", "high", "low"], dtype=levels),
            "group": polars.Series(["x", "y", "x"], dtype=polars.Categorical),
        }
    )
    assert is_polars(frame)
    pandas = from_polars(frame)
    assert [str(dtype) for dtype in pandas.dtypes] == [
        "int16",
        "float32",
        "bool",
        "object",
        "category",
        "object",
    ]
    assert pandas["level"].cat.ordered
    assert pandas["level"].cat.categories.tolist() == ["low", "high"]
    back = to_polars(pandas, frame)
    assert back.schema == frame.schema
    assert back.equals(frame)


def test_a_category_that_the_type_does_not_list_is_added():
    frame = pd.DataFrame({"a": pd.Categorical(["x", "x"])})
    put_cells(frame, [1], 0, np.array(["y"], dtype=object))
    assert frame["a"].tolist() == ["x", "y"]


def test_sparse_columns_stay_sparse():
    X, y = make_loan_applications(300, random_state=0)
    sparse = X.astype({"debt": "Sparse[float]", "late_payments": "Sparse[int]"})
    frames = []
    for table in (X, sparse):
        clf = CounterfactualTrainedClassifier(max_epochs=2, lr=0.02, random_state=0)
        asked = table[clf.fit(table, y).predict(table) == "rejected"][:20]
        result = clf.explain(asked)
        assert result.counterfactuals.dtypes.equals(table.dtypes)
        assert set(result.changes()["feature"]) & {"debt", "late_payments"}
        frames.append(result.counterfactuals.astype(X.dtypes))
    pd.testing.assert_frame_equal(*frames)
