"""Cells that hold neither a number nor a category: codes of bureaus, missing ones."""

import numpy as np
import pandas as pd
import pytest

from sklearn_ct._tables.encoder import TabularEncoder
from sklearn_ct._tables.feature import ABSENT, MISSING, UNKNOWN

PLAIN = [3.0, 7.0, 1.0, 5.0]
CODES = {"months": [-1, 999]}


def _table(dtype="float64", months=(3, -1, 7, np.nan, 1, 999, 5)):
    return pd.DataFrame(
        {
            "months": pd.array(months, dtype=dtype),
            "debt": [0.5, 1.5, 2.5, 0.25, 4.5, 5.5, 0.75],
            "job": ["cook", None, "smith", "cook", "cook", None, "smith"],
        }
    )


@pytest.fixture
def encoder():
    return TabularEncoder("auto", "standard", CODES).fit(_table())


def test_statistics_are_those_of_the_numbers(encoder):
    alone = TabularEncoder(numeric_scaling="standard").fit(np.array(PLAIN)[:, None])
    for name in ("lower_", "upper_", "mean_", "scale_", "middle_"):
        assert getattr(encoder, name)[0] == getattr(alone, name)[0]
    months = encoder.variables_[0]
    assert months.decimals == 0  # though NaN has made the column real
    assert months.states == (-1, 999, MISSING)
    assert encoder.variables_[1].states == ()


@pytest.mark.parametrize("scaling", ["standard", "quantile", "asinh", "auto", None])
def test_scaling_is_that_of_the_numbers(scaling):
    encoder = TabularEncoder(numeric_scaling=scaling, special_values=CODES)
    codes = encoder.fit(_table()).transform(_table())[[0, 2, 4, 6], 0]
    numbers = np.array(PLAIN)[:, None]
    alone = TabularEncoder(numeric_scaling=scaling).fit(numbers)
    np.testing.assert_array_equal(codes, alone.transform(numbers)[:, 0])


@pytest.mark.parametrize("dtype", ["float64", "float32", "Float64", "Int64", "object"])
def test_an_indicator_each_and_the_median(dtype):
    X = _table(
        dtype,
        [3, -1, 7, pd.NA, 1, 999, 5]
        if dtype == "Int64"
        else [3, -1, 7, np.nan, 1, 999, 5],
    )
    encoder = TabularEncoder("auto", "standard", CODES).fit(X)
    codes = encoder.transform(X)
    assert encoder.n_slots_ == 4
    assert codes.shape == (7, encoder.n_codes_) == (7, 8)
    kinds = [[0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 1, 0], [0] * 3]
    np.testing.assert_array_equal(codes[:, 4:7], kinds)
    np.testing.assert_array_equal(codes[:, 7], [0, 1, 0, 0, 0, 1, 0])
    assert (codes[[1, 3, 5], 0] == codes[0, 0]).all()  # 3, the lower median
    assert not codes[[1, 5], 2:4].any()
    np.testing.assert_array_equal(encoder.values(codes), encoder.read(X))
    np.testing.assert_array_equal(encoder.embed(encoder.read(X)), codes)


def test_values_equal_themselves_and_tables_come_back(encoder):
    X, values = _table(), encoder.read(_table())
    assert values[3, 0] == MISSING
    assert values[1, 2] == ABSENT
    written = encoder.write(values, X, np.arange(7))
    pd.testing.assert_frame_equal(written, X, check_exact=True)
    table = encoder.table(values)
    assert (table.dtypes == X.dtypes).all()
    # Text without a cell is None or NaN, by the version of pandas.
    pd.testing.assert_frame_equal(table.isna(), X.isna())
    np.testing.assert_array_equal(encoder.read(table), values)
    special = encoder.special(values)
    np.testing.assert_array_equal(special[:, 0], [0, 1, 0, 1, 0, 1, 0])
    np.testing.assert_array_equal(special[:, 2], [0, 1, 0, 0, 0, 1, 0])
    np.testing.assert_array_equal(encoder.missing(X, values)[:, 0], values[:, 0] < -9)


def test_numbers_of_special_cells_are_not_measured(encoder):
    codes = encoder.transform(_table())
    measured = encoder.measured(codes)
    np.testing.assert_array_equal(measured[:, 0], [1, 0, 1, 0, 1, 0, 1])
    assert measured[:, 1].all()
    assert not measured[:, 2:].any()


def test_arrays_by_variable_and_by_code(encoder):
    by_code = encoder.spread(np.array([5.0, 6.0, 7.0]))
    np.testing.assert_array_equal(by_code, [5, 6, 7, 7, 5, 5, 5, 7])
    np.testing.assert_array_equal(encoder.collect(by_code[None]), [[20, 6, 21]])
    np.testing.assert_array_equal(encoder.slots_of(0), by_code == 5)
    np.testing.assert_array_equal(encoder.groups_, [-1, -1, 0, 0, -1, -1, -1, -1])
    pairs = [[0, 4], [0, 5], [0, 6], [2, 7], [3, 7]]
    np.testing.assert_array_equal(encoder.states_, pairs)


def test_a_bound_at_a_code_is_a_bound(encoder):
    """As a number, -1 is not the median that stands in a special cell."""
    bounds, rules = np.array([[-1.0, 0, 0]]), np.ones((1, 3), dtype=bool)
    arrays = encoder.constraint_arrays(
        bounds, -bounds, np.ones((1, 4), dtype=bool), rules, rules
    )
    low = (-1 - encoder.mean_[0]) / encoder.scale_[0]
    assert arrays["lower"][0, 0] == pytest.approx(low)
    np.testing.assert_array_equal(arrays["lower"][0, 2:], 0)
    np.testing.assert_array_equal(arrays["upper"][0, 2:], 1)


def test_missing_cells_that_fit_has_not_seen_have_no_indicator():
    X = _table(months=(3, 4, 7, 2, 1, 9, 5)).assign(
        job=["cook", "smith", *["cook"] * 5]
    )
    encoder = TabularEncoder().fit(X)
    codes = encoder.transform(_table())
    assert encoder.n_codes_ == encoder.n_slots_ == 4
    assert codes[3, 0] == encoder.embed(np.array([[encoder.middle_[0], 0, 0]]))[0, 0]
    assert not codes[1, 2:].any()
    with pytest.raises(ValueError, match="unknown categories"):
        encoder.transform(_table().assign(job="boat"))


def test_columns_without_any_number():
    X = _table().assign(months=np.nan, empty=[-1.0] * 7)
    encoder = TabularEncoder(special_values={"empty": [-1]}).fit(X)
    assert np.isfinite(encoder.transform(X)).all()
    assert encoder.lower_[0] == encoder.upper_[3] == 0


def test_codes_of_arrays_and_in_single_precision():
    X = np.array([[0.1, 1], [2, 3], [np.nan, 5], [4, 7]], dtype=np.float32)
    encoder = TabularEncoder(special_values={0: 0.1}).fit(X)
    np.testing.assert_array_equal(
        encoder.transform(X)[:, 2:], [[1, 0], [0, 0], [0, 1], [0, 0]]
    )
    np.testing.assert_array_equal(encoder.table(encoder.read(X)), X)


def test_unknown_categories_are_none_of_the_known_ones():
    encoder = TabularEncoder(handle_unknown="ignore").fit(_table())
    X = _table().assign(job=["boat", None, *["cook"] * 5])
    with pytest.warns(UserWarning, match=r"\['boat'\] in column 'job'.*none of these"):
        values = encoder.read(X)
    assert values[:3, 2].tolist() == [UNKNOWN, ABSENT, 0]
    assert not encoder.embed(values)[0, 2:4].any()
    assert not encoder.special(values)[0, 2]
    pd.testing.assert_frame_equal(encoder.write(values, X, np.arange(7), values), X)


@pytest.mark.parametrize("dtype", ["boolean", object])
def test_truth_values_beside_missing_cells_are_ordered(dtype):
    X = _table().assign(job=pd.Series([True, None, False, *[True] * 4], dtype=dtype))
    encoder = TabularEncoder().fit(X)
    assert encoder.variables_[2].ordered
    assert encoder.variables_[2].categories.tolist() == [False, True]
    assert encoder.read(X)[:3, 2].tolist() == [1, ABSENT, 0]


def test_names_of_the_codes(encoder):
    assert encoder.get_feature_names_out().tolist() == [
        "months",
        "debt",
        "job_cook",
        "job_smith",
        "months_-1",
        "months_999",
        "months_missing",
        "job_missing",
    ]
    block = np.eye(3)[[0, 1, 2, 0]]
    names = TabularEncoder().fit(np.c_[block, [0.5, 1, 2, np.nan]])
    assert names.get_feature_names_out().tolist() == [
        "x0",
        "x1",
        "x2",
        "x3",
        "x3_missing",
    ]
