"""Rules applied to rows: whatever is proposed, what is settled keeps them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from sklearn_ct._rules.bounds import Bounds
from sklearn_ct._rules.rules import Rules
from sklearn_ct._tables.encoder import TabularEncoder

LEVELS = ["low", "mid", "high", "top"]
BLOCK = ("red", "green", "blue")


def _table(n=40):
    rng = np.random.default_rng(0)
    block = np.eye(3, dtype=int)[rng.integers(3, size=n)]
    return pd.DataFrame(
        {
            "whole": rng.integers(-20, 100, size=n).astype("int8"),
            "cents": np.round(rng.exponential(100, size=n), 2),
            "real": rng.normal(size=n),
            "single": rng.normal(size=n).astype("float32"),
            "level": pd.Categorical(
                rng.choice(LEVELS[:3], size=n), LEVELS, ordered=True
            ),
            "housing": rng.choice(["rent", "own", "other"], size=n),
        }
    ).assign(**dict(zip(BLOCK, block.T, strict=True)))


TABLE = _table()
ENCODER = TabularEncoder().fit(TABLE)
VALUES = ENCODER.read(TABLE)
NAMES = [variable.name for variable in ENCODER.variables_]
STILL = 1e-6 * np.nan_to_num(ENCODER.scale_, nan=0.0)


def _bounds(mutability=None, domain=None, values=VALUES):
    return Bounds.of(Rules.parse(ENCODER, mutability, domain), ENCODER, values)


def _row(**changes):
    row = TABLE[:1].assign(**changes)
    return ENCODER.read(row.astype(TABLE.dtypes))


def _settle(bounds, **changes):
    values = bounds.factual.copy()
    for name, value in changes.items():
        values[:, NAMES.index(BLOCK if name == "block" else name)] = value
    return bounds.settle(values, ENCODER, STILL)


WORDS = st.sampled_from(["both", "increase", "decrease", "none"])
ENDS = st.floats(-100, 300, allow_nan=False)


@st.composite
def _rules(draw):
    names = ["whole", "cents", "real", "single", "level"]
    mutability = {name: draw(WORDS) for name in names}
    for name in ("housing", BLOCK):
        mutability[name] = draw(st.sampled_from(["both", "none"]))
    domain = {}
    for name in names[:4]:
        if draw(st.booleans()):
            domain[name] = tuple(sorted((draw(ENDS), draw(ENDS))))
        elif draw(st.booleans()):
            domain[name] = draw(st.lists(st.integers(-100, 120), min_size=1))
    if draw(st.booleans()):
        domain["level"] = draw(st.sets(st.sampled_from(LEVELS), min_size=1))
        domain[BLOCK] = draw(st.sets(st.sampled_from(BLOCK), min_size=1))
    return mutability, draw(st.sampled_from([None, "observed", "three_sigma", domain]))


@given(_rules(), st.integers(0, 2**32 - 1), st.sampled_from([0.1, 1.0, 100.0]))
@settings(max_examples=150, deadline=None)
def test_settled_values_keep_the_rules(rules, seed, reach):
    mutability, domain = rules
    try:
        bounds = _bounds(mutability, domain)
    except ValueError:  # no whole number between the ends
        reject()
    rng = np.random.default_rng(seed)
    proposed = VALUES.copy()
    for j, variable in enumerate(ENCODER.variables_):
        if variable.is_number:
            proposed[:, j] += rng.normal(size=len(VALUES)) * reach * ENCODER.scale_[j]
        else:
            k = len(variable.categories)
            proposed[:, j] = rng.integers(k, size=len(VALUES))
    settled = bounds.settle(proposed, ENCODER, STILL)
    parsed = Rules.parse(ENCODER, mutability, domain)
    changed = settled != VALUES
    conflict = bounds.conflict
    assert not (changed & bounds.frozen).any()
    for j, variable in enumerate(ENCODER.variables_):
        new, old, word = settled[:, j], VALUES[:, j], mutability[variable.name]
        moved = changed[:, j]
        if word in ("none", "decrease"):
            assert (new <= old).all()
        if word in ("none", "increase"):
            assert (new >= old).all()
        # Inferred bounds bind what changes; asked-for ones bind every row, unless
        # that contradicts its mutability.
        bound = np.where(parsed.given[0, j], ~conflict[:, j], moved)
        if variable.is_number:
            assert (new >= parsed.lower[0, j])[bound].all()
            assert (new <= parsed.upper[0, j])[bound].all()
            if j in parsed.choices:
                assert np.isin(new, parsed.choices[j])[bound].all()
            np.testing.assert_array_equal(new[moved], variable.round(new[moved]))
        else:
            allowed = parsed.allowed[0, variable.slots]
            assert allowed[new.astype(int)][bound].all()
    # And it can be written into the table as it is.
    rows = np.arange(len(VALUES))
    written = ENCODER.write(settled, TABLE, rows, VALUES[rows])
    assert written.dtypes.equals(TABLE.dtypes)
    np.testing.assert_array_equal(ENCODER.read(written), settled)
    # What is settled stays settled.
    # Once settled, values stay; ends of a domain need not lie on the grid.
    again = bounds.settle(settled, ENCODER, STILL)
    np.testing.assert_allclose(again, settled, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("proposed", "expected"),
    [(12.2, 13), (7.9, 7), (10.0000001, 10), (9.99999999, 10), (500, 127)],
)
def test_whole_numbers_are_rounded_away_from_the_factual(proposed, expected):
    bounds = _bounds(values=_row(whole=10))
    assert _settle(bounds, whole=proposed)[0, 0] == expected


def test_a_loose_domain_of_a_call_does_not_make_inferred_bounds_bind():
    values = _row(whole=120, level="top")  # training saw neither
    inferred = Rules.parse(ENCODER, None, "observed")
    domain = {"whole": (0, 125), "level": ["high", "top"]}
    rules = inferred.narrow(Rules.parse(ENCODER, None, domain, n_rows=1), ENCODER)
    assert not Bounds.of(rules, ENCODER, values).must.any()
    strict = {"whole": (0, 110), "level": ["high"]}
    rules = inferred.narrow(Rules.parse(ENCODER, None, strict, n_rows=1), ENCODER)
    must = Bounds.of(rules, ENCODER, values).must[0]
    assert [NAMES[j] for j in np.flatnonzero(must)] == ["whole", "level"]


def test_values_outside_a_list_must_move_to_the_nearest_of_it():
    bounds = _bounds(domain={"whole": [10, 20, 40]}, values=_row(whole=12))
    assert bounds.must[0, 0]
    assert _settle(bounds, whole=26)[0, 0] == 20
    up = {"whole": "increase"}
    bounds = _bounds(up, domain={"whole": [10, 20, 40]}, values=_row(whole=12))
    assert _settle(bounds, whole=11)[0, 0] == 20
    bounds = _bounds(up, domain={"whole": [10, 20]}, values=_row(whole=20))
    assert bounds.frozen[0, 0]
    assert not bounds.conflict.any()


def test_outside_of_an_inferred_domain_a_value_may_stay():
    top = TABLE["whole"].max()
    bounds = _bounds(domain="observed", values=_row(whole=top + 5))
    assert not bounds.must.any()
    assert _settle(bounds)[0, 0] == top + 5
    assert _settle(bounds, whole=top + 20)[0, 0] == top


def test_outside_of_a_given_domain_it_may_not():
    bounds = _bounds(domain={"whole": (0, 10)}, values=_row(whole=50))
    assert bounds.must[0, 0]
    assert _settle(bounds)[0, 0] == 10
    stuck = _bounds({"whole": "increase"}, {"whole": (0, 10)}, _row(whole=50))
    assert stuck.conflict[0].tolist() == [True, *[False] * (len(NAMES) - 1)]


def test_a_forbidden_category_has_to_change():
    bounds = _bounds(domain={"housing": ["own"]}, values=_row(housing="rent"))
    j = NAMES.index("housing")
    assert bounds.must[0, j]
    own = list(ENCODER.variables_[j].categories).index("own")
    assert _settle(bounds)[0, j] == own
    stuck = _bounds({"housing": "none"}, {"housing": ["own"]}, _row(housing="rent"))
    assert stuck.conflict[0, j]


@pytest.mark.parametrize(
    ("word", "proposed", "expected"),
    [
        ("increase", "low", "mid"),
        ("increase", "high", "high"),
        ("decrease", "low", "low"),
        ("decrease", "high", "mid"),
        ("none", "high", "mid"),
        ("both", "low", "low"),
    ],
)
def test_directions_of_ordered_categories(word, proposed, expected):
    bounds = _bounds({"level": word}, values=_row(level="mid"))
    settled = _settle(bounds, level=LEVELS.index(proposed))
    assert LEVELS[int(settled[0, NAMES.index("level")])] == expected


def test_a_row_without_a_category_can_get_one_or_keep_none():
    values = _row(red=0, green=0, blue=0)
    j = NAMES.index(BLOCK)
    assert values[0, j] == -1
    bounds = _bounds(values=values)
    assert not bounds.must.any()
    assert _settle(bounds)[0, j] == -1
    assert _settle(bounds, block=2)[0, j] == 2
    stuck = _bounds({BLOCK: "none"}, values=values)
    assert _settle(stuck, block=2)[0, j] == -1


@pytest.mark.parametrize("number", [-1, -9])
def test_an_unknown_category_may_stay_but_is_no_answer(number):
    """Pipelines number their unknown and missing cells downwards, each its own."""
    unknown = VALUES[:1].copy()
    unknown[0, NAMES.index("housing")] = number
    stays = _bounds(values=unknown)
    assert stays.holds(unknown, ENCODER)[0]
    np.testing.assert_array_equal(_settle(stays, housing=number), unknown)
    known = _bounds(values=VALUES[:1])
    assert not known.holds(unknown, ENCODER)[0]
    np.testing.assert_array_equal(_settle(known, housing=number), VALUES[:1])


def test_tiny_changes_are_none():
    bounds = _bounds()
    nudged = VALUES + 1e-9 * np.nan_to_num(ENCODER.scale_)
    np.testing.assert_array_equal(bounds.settle(nudged, ENCODER, STILL), VALUES)


def test_rules_for_each_row():
    rules = Rules.parse(ENCODER, [{"whole": "none"}, None], None, n_rows=2)
    bounds = Bounds.of(rules, ENCODER, VALUES[:2])
    np.testing.assert_array_equal(bounds.frozen[:, 0], [True, False])
    np.testing.assert_array_equal(bounds.take([1]).frozen, bounds.frozen[[1]])


def test_freezing_more():
    bounds = _bounds()
    more = np.zeros(VALUES.shape, dtype=bool)
    more[:, 1] = True
    np.testing.assert_array_equal(bounds.freeze(more).frozen, more)


@given(_rules())
@settings(max_examples=40, deadline=None)
def test_constraints_of_the_search_hold_the_factual(rules):
    """The walk starts at the factual: bounds that push it away are those of must."""
    try:
        bounds = _bounds(*rules)
    except ValueError:
        reject()
    constraints = bounds.constraints(ENCODER)
    codes = ENCODER.embed(VALUES)
    stays = ENCODER.spread(~bounds.must) & (ENCODER.groups_ < 0)
    slack = 1e-9
    assert (constraints.lower.numpy() <= codes + slack)[stays].all()
    assert (constraints.upper.numpy() >= codes - slack)[stays].all()


@pytest.mark.parametrize(
    ("domain", "elsewhere"),
    [
        ({"whole": (101, 120)}, {"whole": 110}),
        ({"housing": ["own"]}, {"housing": "own"}),
    ],
)
def test_what_must_move_does_not_hold_where_it_is(domain, elsewhere):
    row = TABLE[TABLE["housing"] == "rent"][:1]
    bounds = _bounds(domain=domain, values=ENCODER.read(row))
    assert not bounds.holds(ENCODER.read(row), ENCODER)[0]
    assert bounds.holds(ENCODER.read(row.assign(**elsewhere)), ENCODER)[0]


@pytest.mark.parametrize("column", ["cents", "housing"])
def test_a_missing_cell_of_another_row_does_not_keep_what_must_change(column):
    table = TABLE.assign(**{column: TABLE[column].where(TABLE.index > 0)})
    encoder = TabularEncoder().fit(table)
    values = encoder.read(table)
    domain = {"cents": (1.0, 2.0), "housing": ["own"]}
    rules = Rules.parse(encoder, None, {column: domain[column]})
    row = values[1:2].copy()
    j = encoder.variable_of(column)
    row[:, j] = (
        50.0
        if column == "cents"
        else encoder.read(TABLE[:1].assign(housing="rent"))[0, j]
    )
    bounds = Bounds.of(rules, encoder, row)
    assert bounds.must[0, j]
    settled = bounds.settle(values[:1], encoder, np.zeros(len(row[0])))
    assert bounds.holds(settled, encoder).all()
    assert settled[0, j] != row[0, j]
