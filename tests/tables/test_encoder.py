"""Table -> values -> codes -> values -> table."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._tables.encoder import TabularEncoder
from sklearn_ct.datasets import make_loan_applications

N = 8


def _integers(dtype, low, high):
    cells = st.lists(st.integers(low, high), min_size=N, max_size=N)
    return cells.map(lambda values: pd.array(np.array(values)).astype(dtype))


def _floats(dtype, width):
    number = st.floats(-1e6, 1e6, allow_nan=False, width=width)
    cells = st.lists(number, min_size=N, max_size=N)
    return cells.map(lambda values: pd.array(np.array(values)).astype(dtype))


def _labels(labels, convert):
    cells = st.lists(st.sampled_from(labels), min_size=N, max_size=N)
    return cells.map(convert)


COLUMNS = {
    **{
        dtype: _integers(dtype, -100, 100)
        for dtype in ("int8", "int16", "int32", "int64", "Int8", "Int64")
    },
    "uint8": _integers("uint8", 0, 255),
    "wide": _integers("int64", -(2**50), 2**50),
    "float32": _floats("float32", 32),
    "float64": _floats("float64", 64),
    "Float64": _floats("Float64", 64),
    "Float32": _floats("Float32", 32),
    "bool": _labels([True, False], lambda v: np.array(v, dtype=bool)),
    "boolean": _labels([True, False], lambda v: pd.array(v, dtype="boolean")),
    "string": _labels(["a", "b", "c d"], lambda v: pd.array(v, dtype="string")),
    "object": _labels(["a", "é", ""], lambda v: np.array(v, dtype=object)),
    "category": _labels(
        ["z", "a", "m"], lambda v: pd.Categorical(v, categories=["z", "a", "m"])
    ),
    "ordered": _labels(
        ["low", "high"],
        lambda v: pd.Categorical(v, ["low", "medium", "high"], ordered=True),
    ),
    "codes": _labels([30, 10, 20], lambda v: pd.Categorical(v, [30, 10, 20])),
}
INDICES = {
    "default": pd.RangeIndex(N),
    "duplicates": pd.Index([3, 3, 3, 1, 1, 0, 0, 0]),
    "words": pd.Index(list("abcdefgh"), name="key"),
    "multi": pd.MultiIndex.from_product([["a", "b"], [0, 1, 2, 3]]),
    "dates": pd.date_range("2020-01-01", periods=N),
}


@st.composite
def frames(draw):
    chosen = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=6))
    columns = [draw(COLUMNS[kind]) for kind in chosen]
    # Built column by column: a dict of columns would lose those of the same name.
    frame = pd.concat([pd.Series(column) for column in columns], axis=1)
    integers = draw(st.booleans())
    names = [f"{kind} {j}" for j, kind in enumerate(chosen)]
    frame.columns = list(range(len(chosen)))[::-1] if integers else names
    frame.index = INDICES[draw(st.sampled_from(list(INDICES)))]
    return frame


@given(frames(), st.sampled_from(["auto", "standard", "quantile", None]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_round_trip(X, scaling):
    encoder = TabularEncoder(numeric_scaling=scaling).fit(X)
    values = encoder.read(X)
    codes = encoder.transform(X)
    assert codes.shape == (N, encoder.n_codes_)
    assert np.isfinite(codes).all()
    np.testing.assert_array_equal(codes, encoder.embed(values))
    back = encoder.values(codes)
    spread = np.nan_to_num(encoder.scale_, nan=0.0)
    assert (np.abs(back - values) <= 1e-6 * spread + 1e-9).all()
    # Nothing changed: every cell equal to the bit, with its index and type.
    pd.testing.assert_frame_equal(
        encoder.write(values, X, np.arange(N)), X, check_exact=True
    )
    again = encoder.table(values).set_axis(X.index)
    pd.testing.assert_frame_equal(again, X, check_exact=False, rtol=1e-5, atol=2e-3)


@given(frames(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_written_rows_have_the_types_of_the_frame(X, random):
    """Values of other rows: what changed is read back, what did not is the cell."""
    encoder = TabularEncoder().fit(X)
    values = encoder.read(X)
    rows = np.array([random.randrange(N) for _ in range(5)])
    other = values[[random.randrange(N) for _ in range(5)]]
    table = encoder.write(other, X, rows)
    assert table.dtypes.equals(X.dtypes)
    assert table.index.equals(X.index[rows])
    np.testing.assert_array_equal(encoder.read(table), other)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8", "bool"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays(dtype, order):
    rng = np.random.default_rng(0)
    X = np.asarray(rng.integers(0, 2, size=(40, 3)), dtype=dtype, order=order)
    X.flags.writeable = False
    encoder = TabularEncoder().fit(X)
    values = encoder.read(X)
    table = encoder.write(values[::-1], X, np.arange(40))
    assert table.dtype == X.dtype
    assert isinstance(table, np.ndarray)
    np.testing.assert_array_equal(table, X[::-1])
    np.testing.assert_array_equal(encoder.table(values), X)


def test_object_arrays():
    X = np.array([[1, "a", 0.5], [2, "b", 1.5], [3, "a", 2.5]], dtype=object)
    encoder = TabularEncoder(categorical_features=[1]).fit(X)
    table = encoder.write(encoder.read(X)[::-1], X, np.arange(3))
    assert table.tolist() == X[::-1].tolist()
    assert type(table[0, 0]) is int


def test_codes_are_scikit_learns():
    X, _ = make_loan_applications(200, random_state=0)
    encoder = TabularEncoder(numeric_scaling="standard").fit(X)
    codes = encoder.transform(X)
    numbers = X.select_dtypes("number")
    slots = [encoder.variables_[X.columns.get_loc(c)].slots.start for c in numbers]
    expected = StandardScaler().fit_transform(numbers)
    np.testing.assert_allclose(codes[:, slots], expected, atol=1e-12)
    housing = encoder.variables_[X.columns.get_loc("housing")]
    np.testing.assert_array_equal(
        codes[:, housing.slots], pd.get_dummies(X["housing"]).to_numpy(float)
    )


def test_arrays_by_variable_and_by_code():
    X, _ = make_loan_applications(100, random_state=0)
    encoder = TabularEncoder().fit(X)
    by_variable = np.arange(len(encoder.variables_), dtype=float)
    by_code = encoder.spread(by_variable)
    assert by_code.shape == (encoder.n_codes_,)
    sizes = encoder.collect(np.ones((1, encoder.n_codes_)))[0]
    np.testing.assert_array_equal(
        encoder.collect(by_code[None])[0] / sizes, by_variable
    )
    groups = encoder.groups_
    assert (groups < 0).sum() == encoder.numbers_.sum()
    assert groups.max() + 1 == (~encoder.numbers_).sum()
    education = encoder.variables_[X.columns.get_loc("education")]
    np.testing.assert_array_equal(encoder.ranks_[education.slots], [0, 1, 2, 3])
    assert (np.delete(encoder.ranks_, np.r_[education.slots]) == 0).all()


# -- scaling ------------------------------------------------------------------


def _heavy():
    rng = np.random.default_rng(0)
    return np.column_stack([rng.normal(size=2000), np.exp(3 * rng.normal(size=2000))])


@pytest.mark.parametrize(
    ("scaling", "quantile", "standard"),
    [
        ("auto", [1], [0]),
        ("standard", [], [0, 1]),
        ("quantile", [0, 1], []),
        (None, [], []),
    ],
)
def test_which_numbers_are_scaled_by_quantiles(scaling, quantile, standard):
    X = _heavy()
    codes = TabularEncoder(numeric_scaling=scaling).fit(X).transform(X)
    plain = StandardScaler().fit_transform(X)
    for j in quantile:
        assert np.abs(codes[:, j]).max() < 6
        assert np.abs(plain[:, 1]).max() > 10
        assert abs(codes[:, j].std() - 1) < 1e-6
        # Order is kept.
        assert (np.diff(codes[np.argsort(X[:, j]), j]) >= 0).all()
    np.testing.assert_allclose(codes[:, standard], plain[:, standard], atol=1e-12)
    if scaling is None:
        np.testing.assert_array_equal(codes, X)


def test_quantile_scaling_comes_back():
    X = _heavy()
    encoder = TabularEncoder(numeric_scaling="quantile").fit(X)
    values = encoder.read(X)
    back = encoder.values(encoder.embed(values))
    np.testing.assert_allclose(back, values, atol=1e-8 * encoder.scale_.max())


def test_a_constant_column_is_scaled_as_usual():
    X = np.column_stack([np.arange(300.0), np.full(300, 0.1)])
    encoder = TabularEncoder().fit(X)
    np.testing.assert_allclose(encoder.transform(X)[:, 1], 0, atol=1e-12)
    assert len(encoder._scalers) == 1


def test_weights_move_the_scale():
    X = np.array([[0.0], [10.0], [20.0]])
    encoder = TabularEncoder(numeric_scaling="standard")
    weighted = encoder.fit(X, sample_weight=np.array([1.0, 1.0, 2.0]))
    assert weighted.mean_[0] == 12.5


def test_statistics():
    X = pd.DataFrame({"a": [1, 2, 6], "b": ["x", "y", "x"]})
    encoder = TabularEncoder().fit(X)
    np.testing.assert_array_equal(encoder.lower_, [1, np.nan])
    np.testing.assert_array_equal(encoder.upper_, [6, np.nan])
    np.testing.assert_array_equal(encoder.mean_, [3, np.nan])
    np.testing.assert_allclose(encoder.scale_, [np.std([1, 2, 6]), np.nan])


def test_categories_that_do_not_occur_are_known_but_not_observed():
    X = pd.DataFrame({"a": pd.Categorical(["x", "y"], ["x", "w", "y"])})
    encoder = TabularEncoder().fit(X)
    np.testing.assert_array_equal(encoder.observed_, [True, False, True])
    other = X.assign(a=pd.Categorical(["w", "w"], ["x", "w", "y"]))
    np.testing.assert_array_equal(encoder.read(other), [[1], [1]])


def test_categories_alone():
    X = pd.DataFrame({"a": ["x", "y", "x"], "b": [True, False, False]})
    encoder = TabularEncoder().fit(X)
    assert encoder.n_codes_ == 4
    pd.testing.assert_frame_equal(encoder.table(encoder.read(X)), X)


def test_no_rows():
    X, _ = make_loan_applications(50, random_state=0)
    encoder = TabularEncoder().fit(X)
    assert encoder.transform(X[:0]).shape == (0, encoder.n_codes_)
    values = encoder.values(np.empty((0, encoder.n_codes_)))
    assert values.shape == (0, len(encoder.variables_))


# -- one-hot blocks -----------------------------------------------------------


def _block_frame():
    codes = np.random.default_rng(0).integers(3, size=30)
    block = np.eye(3)[codes].astype(int)
    X = pd.DataFrame(block, columns=["red", "green", "blue"])
    X.insert(0, "size", np.arange(30.0))
    return X


@pytest.mark.parametrize("container", [pd.DataFrame, np.asarray])
def test_a_block_is_one_variable(container):
    X = container(_block_frame())
    encoder = TabularEncoder().fit(X)
    assert [v.columns for v in encoder.variables_] == [(0,), (1, 2, 3)]
    values = encoder.read(X)
    np.testing.assert_array_equal(encoder.embed(values), encoder.transform(X))
    new = values.copy()
    new[:, 1] = (values[:, 1] + 1) % 3
    table = np.asarray(encoder.write(new, X, np.arange(30)))
    np.testing.assert_array_equal(
        table[:, 1:], np.roll(np.asarray(X)[:, 1:], 1, axis=1)
    )
    np.testing.assert_array_equal(table[:, 0], np.asarray(X)[:, 0])


def test_rows_without_a_one_are_no_category():
    X = _block_frame()
    encoder = TabularEncoder().fit(X)
    unknown = X[:2].copy()
    unknown.iloc[0, 1:] = 0
    values = encoder.read(unknown)
    assert values[0, 1] == -1
    np.testing.assert_array_equal(encoder.transform(unknown)[0, 1:], 0)
    pd.testing.assert_frame_equal(encoder.write(values, unknown, [0, 1]), unknown)


def test_missing_cells_of_a_block_are_named():
    X = _block_frame().astype(float)
    encoder = TabularEncoder().fit(X)
    X.loc[3, "green"] = np.nan
    with pytest.raises(ValueError, match="NaN in column 'green'"):
        encoder.transform(X)
    with pytest.raises(ValueError, match="NaN in column 2"):
        TabularEncoder().fit(np.nan_to_num(X.to_numpy())).transform(X.to_numpy())


# -- names --------------------------------------------------------------------


def test_columns_by_name_and_position():
    X, _ = make_loan_applications(50, random_state=0)
    encoder = TabularEncoder().fit(X)
    assert encoder.position("income") == encoder.position(1) == 1
    assert encoder.position(-1) == len(X.columns) - 1
    assert encoder.variable_of("income") == 1
    for wrong in ("Income", 99, True, None, 1.5):
        with pytest.raises(ValueError, match="Unknown column"):
            encoder.position(wrong)
    with pytest.raises(ValueError, match="Did you mean 'income'"):
        encoder.position("incme")


def test_integer_names_are_names():
    X = pd.DataFrame(np.arange(9.0).reshape(3, 3), columns=[1, 2, 0])
    encoder = TabularEncoder().fit(X)
    assert [encoder.position(name) for name in (1, 2, 0)] == [0, 1, 2]
    with pytest.raises(ValueError, match="Unknown column 3"):
        encoder.position(3)
    with pytest.raises(ValueError, match="Unknown column -1"):
        encoder.position(-1)


def test_unknown_categories_are_named():
    X = pd.DataFrame({"a": ["x", "y"], "b": [0.0, 1.0]})
    encoder = TabularEncoder().fit(X)
    with pytest.raises(ValueError, match=r"categories \['z'\] in column 'a'"):
        encoder.transform(X.replace("y", "z"))


def test_codes_follow_the_categories_whatever_their_order_in_the_type():
    cells = ["x", "y", "y"]
    encoder = TabularEncoder().fit(
        pd.DataFrame({"a": pd.Categorical(cells, categories=["x", "y"])})
    )
    other = pd.DataFrame({"a": pd.Categorical(cells, categories=["y", "x"])})
    np.testing.assert_array_equal(encoder.read(other)[:, 0], [0, 1, 1])


@pytest.mark.parametrize("narrow", ["int16", "Int16"])
def test_answers_do_not_wrap_around_in_a_narrow_type(narrow):
    X, y = make_loan_applications(400, random_state=0)
    clf = CounterfactualTrainedClassifier(max_epochs=8, lr=0.02, random_state=0)
    asked = X[(clf.fit(X, y).predict(X) == "rejected") & (X["savings"] < 2**15)]
    wide = clf.explain(asked, "approved", tau=0.95).counterfactuals
    found = clf.explain(asked.astype({"savings": narrow}), "approved", tau=0.95)
    assert wide["savings"].max() >= 2**15
    assert (found.counterfactuals["savings"] == wide["savings"]).all()


def test_numbers_too_large_to_scale_are_refused_by_name():
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1e200, 2e200, 4e200]})
    with pytest.raises(ValueError, match=r"Column 'b' has values beyond 1e\+150"):
        TabularEncoder().fit(table)
    assert np.isfinite(TabularEncoder().fit(table / 1e60).scale_).all()
