"""Mutability and domain in every form that users may give them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from sklearn_ct._rules.rules import Rules
from sklearn_ct._tables.encoder import TabularEncoder


def _table():
    block = np.eye(3, dtype=int)[[0, 1, 2, 0, 1, 2]]
    return pd.DataFrame(
        {
            "age": [20, 30, 40, 50, 60, 70],
            "debt": [0.5, 10.25, 3.0, 7.75, 99.0, 12.0],
            "level": pd.Categorical(
                ["low", "mid", "high", "low", "mid", "low"],
                ["low", "mid", "high", "top"],
                ordered=True,
            ),
            "housing": ["rent", "own", "rent", "own", "own", "rent"],
            "red": block[:, 0],
            "green": block[:, 1],
            "blue": block[:, 2],
        }
    )


BLOCK = ("red", "green", "blue")
ENCODER = TabularEncoder().fit(_table())
NAMES = [variable.name for variable in ENCODER.variables_]


def _parse(mutability=None, domain=None, n_rows=None):
    return Rules.parse(ENCODER, mutability, domain, n_rows)


def test_a_series_is_read_by_its_index():
    words = pd.Series({"housing": "none", "debt": "increase", "age": "decrease"})
    expected = _parse(words.to_dict())
    found = _parse(words)
    np.testing.assert_array_equal(found.rise, expected.rise)
    np.testing.assert_array_equal(found.fall, expected.fall)
    with pytest.raises(ValueError, match="Unknown column 'dept'"):
        _parse(words.rename({"debt": "dept"}))


def test_polars_rules_for_each_row():
    polars = pytest.importorskip("polars")  # an optional container
    words = {"age": ["none", "both"], "housing": ["both", "none"]}
    found = _parse(polars.DataFrame(words), n_rows=2)
    expected = _parse(pd.DataFrame(words), n_rows=2)
    np.testing.assert_array_equal(found.rise, expected.rise)
    np.testing.assert_array_equal(found.fall, expected.fall)


def _directions(rules, name):
    j = NAMES.index(name)
    return list(zip(rules.rise[:, j], rules.fall[:, j], strict=True))


def _bounds(rules, name):
    j = NAMES.index(name)
    return list(zip(rules.lower[:, j], rules.upper[:, j], strict=True))


def _allowed(rules, name):
    return rules.allowed[:, ENCODER.variables_[NAMES.index(name)].slots].tolist()


def test_no_rule():
    rules = _parse()
    assert rules.rise.all()
    assert rules.fall.all()
    assert rules.allowed.all()
    assert np.isinf(rules.lower).all()
    assert not rules.given.any()


@pytest.mark.parametrize(
    "mutability",
    [
        {"age": "increase", "housing": "none", "level": "decrease", BLOCK: "none"},
        {0: "increase", 3: "none", 2: "decrease", (4, 5, 6): "none"},
        {-7: "increase", "housing": "none", "level": "decrease", (6, 5, 4): "none"},
        {
            "age": "increase",
            "housing": "none",
            "level": "decrease",
            "red": "none",
            "green": "none",
            "blue": "none",
        },
        ["increase", "both", "decrease", "none", "none", "none", "none"],
        ("increase", "both", "decrease", "none", "none", "none", "none"),
        np.array(["increase", "both", "decrease", *["none"] * 4]),
        np.array(["increase", None, "decrease", *["none"] * 4], dtype=object),
        pd.Series(["increase", "both", "decrease", *["none"] * 4]),
    ],
)
def test_forms_of_mutability(mutability):
    rules = _parse(mutability)
    assert _directions(rules, "age") == [(True, False)]
    assert _directions(rules, "debt") == [(True, True)]
    assert _directions(rules, "level") == [(False, True)]
    assert _directions(rules, "housing") == [(False, False)]
    assert _directions(rules, BLOCK) == [(False, False)]


@pytest.mark.parametrize(
    "mutability",
    [
        [{"age": "none"}, {}, {"debt": "increase"}],
        ({"age": "none"}, None, {"age": None, "debt": "increase"}),
        pd.DataFrame(
            {"age": ["none", "both", np.nan], "debt": [None, "both", "increase"]},
            index=[9, 9, 9],
        ),
        pd.DataFrame({"age": pd.array(["none", None, None], dtype="string")}).assign(
            debt=["both", "both", "increase"]
        ),
    ],
)
def test_mutability_for_each_row(mutability):
    rules = _parse(mutability, n_rows=3)
    free, stuck = (True, True), (False, False)
    assert _directions(rules, "age") == [stuck, free, free]
    assert _directions(rules, "debt") == [free, free, (True, False)]
    assert len(rules.lower) == 1


def test_observed_domain():
    rules = _parse(domain="observed")
    assert _bounds(rules, "age") == [(20, 70)]
    assert _bounds(rules, "debt") == [(0.5, 99)]
    assert _allowed(rules, "level") == [[True, True, True, False]]
    assert not rules.given.any()


def test_three_sigma_domain():
    X = _table()
    rules = _parse(domain="three_sigma")
    for name in ("age", "debt"):
        mean, reach = X[name].mean(), 3 * X[name].std(ddof=0)
        low, high = _bounds(rules, name)[0]
        step = 1 if name == "age" else 0.01
        assert mean - reach <= low < mean - reach + step
        assert mean + reach - step < high <= mean + reach


@pytest.mark.parametrize(
    "domain",
    [
        {"age": (18, 65.5), "housing": ["own"], "debt": (None, 50), BLOCK: ["red"]},
        {"age": (18, 65.5), "housing": {"own"}, "debt": (-np.inf, 50), BLOCK: ["red"]},
        {0: (18, 65.5), 3: np.array(["own"]), 1: (None, 50), BLOCK: ("red",)},
        {"age": (18, 65.5), "housing": iter(["own"]), "debt": (None, 50)}
        | {BLOCK: pd.Index(["red"]), "level": None},
    ],
)
def test_forms_of_domain(domain):
    rules = _parse(domain=domain)
    assert _bounds(rules, "age") == [(18, 65)]  # whole numbers, rounded inwards
    assert _bounds(rules, "debt") == [(-np.inf, 50)]
    assert _allowed(rules, "housing") == [[True, False]]
    assert _allowed(rules, BLOCK) == [[True, False, False]]
    assert _allowed(rules, "level") == [[True, True, True, False]]  # as observed
    expected = [name in ("age", "debt", "housing", BLOCK) for name in NAMES]
    np.testing.assert_array_equal(rules.given, [expected])


@pytest.mark.parametrize(
    "values", [[36, 60], {60, 36}, np.array([36.0, 60.0]), pd.Series([60, 36, 36])]
)
def test_a_list_of_numbers_is_a_set_of_values(values):
    rules = _parse(domain={"age": values})
    assert _bounds(rules, "age") == [(36, 60)]
    np.testing.assert_array_equal(rules.choices[0], [[36, 60]])


def test_lists_of_a_call_and_of_the_classifier_are_both_kept():
    mine, call = _parse(domain={"age": [36, 48, 60]}), [{"age": [60, 36]}, None]
    both = mine.narrow(_parse(domain=call, n_rows=2), ENCODER)
    expected = [[36, 60, np.nan], [36, 48, 60]]
    np.testing.assert_array_equal(both.choices[0], expected)
    with pytest.raises(ValueError, match="'age' is empty"):
        mine.narrow(_parse(domain={"age": [40, 50]}, n_rows=2), ENCODER)
    with pytest.raises(ValueError, match="lists no value that the column can hold"):
        _parse(domain={"age": [36.5]})


@pytest.mark.parametrize(
    "domain",
    [
        [{"age": (18, 30)}, None, {"housing": ["own"]}],
        pd.DataFrame(
            {"age": [(18, 30), None, np.nan], "housing": [None, None, ["own"]]}
        ),
    ],
)
def test_domain_for_each_row(domain):
    rules = _parse(domain=domain, n_rows=3)
    free = (-np.inf, np.inf)
    assert _bounds(rules, "age") == [(18, 30), free, free]
    assert _allowed(rules, "housing") == [[True, True], [True, True], [True, False]]
    np.testing.assert_array_equal(rules.given[:, 0], [True, False, False])


def test_no_rows():
    for empty in ([], pd.DataFrame({"age": []})):
        assert _parse(empty, n_rows=0).fall.all()
    domain = pd.DataFrame({"age": [], "housing": []})
    assert _parse(None, domain, n_rows=0).lower.shape == (0, len(NAMES))


def test_a_domain_of_a_call_leaves_other_columns_alone():
    rules = _parse(domain={"age": (18, 30)}, n_rows=2)
    assert _bounds(rules, "debt") == [(-np.inf, np.inf)]
    assert _allowed(rules, "level") == [[True] * 4]


@pytest.mark.parametrize(
    ("dtype", "bounds", "expected"),
    [
        ("int64", (18.2, 65.7), (19, 65)),
        ("int64", (-3.5, -0.5), (-3, -1)),
        ("float64", (18.2, 65.7), (18.2, 65.7)),
    ],
)
def test_bounds_are_rounded_inwards(dtype, bounds, expected):
    numbers = np.array([0, 1, 2]) if dtype == "int64" else np.array([0.1, 0.25, 7])
    encoder = TabularEncoder().fit(pd.DataFrame({"a": numbers}))
    rules = Rules.parse(encoder, None, {"a": bounds})
    assert (rules.lower[0, 0], rules.upper[0, 0]) == expected


def test_integer_names_are_not_positions():
    X = _table()[["age", "debt", "level"]]
    X.columns = [1, 2, 0]
    rules = Rules.parse(TabularEncoder().fit(X), {1: "none", 0: "increase"}, None)
    np.testing.assert_array_equal(rules.rise, [[False, True, True]])
    np.testing.assert_array_equal(rules.fall, [[False, True, False]])


def test_names_that_are_tuples():
    X = _table()[["age", "debt"]]
    X.columns = [("a", 1), ("a", 2)]
    rules = Rules.parse(TabularEncoder().fit(X), {("a", 2): "none"}, None)
    np.testing.assert_array_equal(rules.rise, [[True, False]])


# -- both at once -------------------------------------------------------------

WORDS = st.sampled_from(["both", "increase", "decrease", "none"])
PAIRS = st.tuples(st.integers(0, 60), st.integers(61, 120)).map(tuple)


@st.composite
def _given(draw):
    def maybe(strategy):
        return draw(st.one_of(st.none(), strategy))

    mutability = {"age": maybe(WORDS), "debt": maybe(WORDS), "level": maybe(WORDS)}
    mutability["housing"] = maybe(st.sampled_from(["both", "none"]))
    mutability = {name: word for name, word in mutability.items() if word}
    some = st.sets(st.sampled_from(["rent", "own"]), min_size=1)
    domain = {"age": maybe(PAIRS), "debt": maybe(PAIRS), "housing": maybe(some)}
    return mutability, draw(st.sampled_from([None, "observed", domain]))


@given(_given(), _given(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_narrowing_never_loosens(first, second, per_row):
    one = _parse(*first)
    if per_row:
        words, domain = second
        several = None if not isinstance(domain, dict) else [domain, None]
        other = _parse([words, None], several, n_rows=2)
    else:
        other = _parse(*second, n_rows=2)
    try:
        both = one.narrow(other, ENCODER)
    except ValueError:  # contradictory
        reject()
    for part in (one, other):
        assert (both.lower >= part.lower).all()
        assert (both.upper <= part.upper).all()
        assert not (both.rise & ~part.rise).any()
        assert not (both.fall & ~part.fall).any()
        assert not (both.allowed & ~part.allowed).any()
        assert (both.given | ~part.given).all()


def test_contradictions_are_named():
    one = _parse(domain={"age": (20, 30), "housing": ["own"]})
    message = "'domain' of column 'age' is empty: from 40 to 30 there is no value"
    with pytest.raises(ValueError, match=message):
        one.narrow(_parse(domain={"age": (40, 50)}, n_rows=2), ENCODER)
    with pytest.raises(ValueError, match="column 'age' of row 1 is empty"):
        one.narrow(_parse(domain=[None, {"age": (40, 50)}], n_rows=2), ENCODER)
    with pytest.raises(ValueError, match="column 'housing' allows no category"):
        one.narrow(_parse(domain={"housing": ["rent"]}, n_rows=2), ENCODER)
    with pytest.raises(ValueError, match="column 'age' is empty"):
        _parse(domain={"age": (20.2, 20.8)})  # no whole number between them
