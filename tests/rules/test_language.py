"""What mutability and domain mean, in every form, for no table in particular."""

import numpy as np
import pandas as pd
import pytest

from sklearn_ct._rules.language import (
    DIRECTIONS,
    by_column,
    chosen,
    ends,
    is_blank,
)

NAMES = ["age", "job"]


def test_directions_say_whether_a_feature_may_rise_or_fall():
    up = {word for word, (rise, _) in DIRECTIONS.items() if rise}
    down = {word for word, (_, fall) in DIRECTIONS.items() if fall}
    assert up == {"both", "increase"}
    assert down == {"both", "decrease"}
    assert set(DIRECTIONS) - up - down == {"none", "follows"}


@pytest.mark.parametrize(
    "given",
    [
        {"age": "none", "job": "both"},
        pd.Series({"age": "none", "job": "both"}),
        ["none", "both"],
        np.array(["none", "both"]),
    ],
)
def test_all_rows_alike(given):
    assert by_column(given, NAMES, "mutability") == {"age": ["none"], "job": ["both"]}


@pytest.mark.parametrize(
    "given",
    [
        [{"age": (1, 2)}, None, {"job": ["cook"]}],
        ({"age": (1, 2)}, {}, {"age": None, "job": ["cook"]}),
        pd.DataFrame(
            {"age": [(1, 2), None, None], "job": [None, None, ["cook"]]},
            index=[7, 7, 7],
        ),
    ],
)
def test_each_row_its_own(given):
    expected = {"age": [(1, 2), None, None], "job": [None, None, ["cook"]]}
    assert by_column(given, NAMES, "domain", n_rows=3) == expected


def test_no_rows_have_no_rules():
    assert by_column([], NAMES, "domain", n_rows=0) == {}


def test_keys_are_left_as_they_are():
    given = {("red", "blue"): "none", -1: "both", "unknown": "none"}
    assert list(by_column(given, NAMES, "mutability")) == list(given)


@pytest.mark.parametrize(
    "given",
    [
        {"*": "none", "job": "both"},
        {"*": "none", 1: "both"},
        {"*": "none", -1: "both"},
        pd.Series({"job": "both", "*": "none"}),
    ],
)
def test_the_rest_is_what_is_not_named(given):
    found = by_column(given, NAMES, "mutability")
    assert found.pop("age") == ["none"]
    assert [*found.values()] == [["both"]]


def test_one_word_is_for_all():
    alike = {"age": ["none"], "job": ["none"]}
    assert by_column("none", NAMES, "mutability") == alike
    assert by_column("none", NAMES, "mutability", n_rows=3) == alike


def test_the_columns_of_a_block_are_named_by_its_key():
    given = {("red", "blue"): "both", "*": "none"}
    found = by_column(given, ["red", "blue", "age"], "mutability")
    assert found == {("red", "blue"): ["both"], "age": ["none"]}


def test_a_column_may_be_called_as_the_rest_is():
    given = {"*": "none"}
    assert by_column(given, ["*", "age"], "mutability") == {"*": ["none"]}


def test_the_rest_of_a_domain_is_an_unknown_column():
    assert list(by_column({"*": (0, 1)}, NAMES, "domain")) == ["*"]


@pytest.mark.parametrize(
    "given",
    [
        [{"*": "none", "job": "both"}, {"age": "none"}, {"*": "increase"}],
        pd.DataFrame(
            {"*": ["none", None, "increase"], "age": [np.nan, "none", None]}
        ).assign(job=["both", None, None]),
    ],
)
def test_each_row_has_its_own_rest(given):
    found = by_column(given, NAMES, "mutability", n_rows=3)
    assert found["age"] == ["none", "none", "increase"]
    assert found["job"][::2] == ["both", "increase"]
    assert is_blank(found["job"][1])


@pytest.mark.parametrize("labels", [list("abc"), list("cab"), [("x", 1), "b", 2]])
def test_frames_are_matched_by_their_labels(labels):
    words = pd.DataFrame({"age": ["none", "both", "increase"]}, index=labels)
    index = words.index[[2, 0, 1]]
    found = by_column(words, NAMES, "mutability", 3, index)
    assert found == {"age": ["increase", "none", "both"]}
    assert by_column(words, NAMES, "mutability", 3) == {"age": list(words["age"])}


@pytest.mark.parametrize("labels", [[0, 1, 2], list("abx"), list("aab")])
def test_frames_of_other_rows_are_refused(labels):
    words = pd.DataFrame({"age": ["none", "both", "increase"]}, index=labels)
    with pytest.raises(ValueError, match=r"index is not that of X.*set_axis"):
        by_column(words, NAMES, "mutability", 3, pd.Index(list("bca")))


def test_labels_that_repeat_are_matched_where_they_are_the_same():
    words = pd.DataFrame({"age": ["none", "both"]}, index=[7, 7])
    assert by_column(words, NAMES, "mutability", 2, pd.Index([7, 7]))


@pytest.mark.parametrize(
    ("given", "parameter", "n_rows", "message"),
    [
        ([{}], "domain", None, r"'domain' .* dict for all rows alike; .* explain\(\)"),
        (pd.DataFrame({"age": ["none"]}), "mutability", None, "a dict for all rows"),
        ([{}] * 2, "domain", 3, "one entry for each of the 3 rows. Got 2 instead"),
        (["none"], "mutability", None, "each of the 2 columns. Got 1 instead"),
        ([(1, 2), (3, 4)], "domain", 2, "'domain' .* must be None or a dict of"),
        ("none", "domain", None, "None or a dict of columns .* Got 'none' instead"),
        ("stays", "mutability", None, "one word for all .* 'both', .* Got 'stays'"),
    ],
)
def test_other_forms_are_refused(given, parameter, n_rows, message):
    with pytest.raises(ValueError, match=message):
        by_column(given, NAMES, parameter, n_rows)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ((1, 2), (1, 2)),
        ((None, 2.5), (-np.inf, 2.5)),
        ([1, 2], None),  # a list of values
        (np.array([1, 2]), None),
        (pd.Series([1, 2]), None),
        ((1, None), (1, np.inf)),
        ((5, 1), (5, 1)),  # whether it is empty, its reader says
        ((1, 2, 3), None),
        (("low", "high"), None),
        ((pd.NA, 1), None),
        ({1, 2}, None),  # has no order
        ("12", None),
        (12, None),
        ("observed", None),
    ],
)
def test_ends(entry, expected):
    assert ends(entry) == expected


@pytest.mark.parametrize(
    ("entry", "allowed", "unknown"),
    [
        (["own"], [True, False], []),
        ({"rent", "own"}, [True, True], []),
        (iter(["rent"]), [False, True], []),
        (("boat", "own", "car"), [True, False], ["boat", "car"]),
        ([], [False, False], []),
    ],
)
def test_chosen(entry, allowed, unknown):
    found, more = chosen(entry, ["own", "rent"])
    assert found.dtype == bool
    assert found.tolist() == allowed
    assert more == unknown


@pytest.mark.parametrize("entry", ["own", 5, None])
def test_a_word_is_no_list(entry):
    assert chosen(entry, ["own", "rent"]) is None


def test_blank():
    assert all(map(is_blank, [None, float("nan"), np.nan, pd.NA]))
    assert not any(map(is_blank, ["", 0, 0.0, [], (np.nan, 1), "none"]))
