import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_ct.metrics import constraint_violations

KINDS = ["mutability", "direction", "domain", "integer", "category"]


@pytest.fixture
def frames():
    education = pd.CategoricalDtype(["school", "college", "master"], ordered=True)
    before = pd.DataFrame(
        {
            "age": [30, 40, 50],
            "income": [1.5, np.nan, 2.0],
            "education": pd.Series(["college", "college", "school"], dtype=education),
            "job": pd.Categorical(["clerk", "cook", "clerk"]),
            "city": ["Bern", "Genf", "Bern"],
        }
    )
    after = pd.DataFrame(
        {
            "age": [29.0, 40.5, 55.0],
            "income": [1.5, np.nan, 9.0],
            "education": ["school", "master", "school"],
            "job": ["clerk", "nurse", "cook"],
            "city": ["Bern", "Genf", "Rom"],
        }
    )
    return before, after


def nonzero(counts):
    """The counts that are not zero, as a dict."""
    assert list(counts.columns) == KINDS
    stacked = counts.stack()
    return stacked[stacked > 0].to_dict()


def test_what_the_dtypes_say_is_checked_without_asking(frames):
    before, after = frames
    counts = constraint_violations(before, after)
    assert nonzero(counts) == {("age", "integer"): 1, ("job", "category"): 1}
    assert counts.index.name == "feature"
    assert list(counts.index) == list(before.columns)
    assert not nonzero(constraint_violations(before, before.copy()))


@pytest.mark.parametrize(
    ("mutability", "expected"),
    [
        ({"age": "none"}, {("age", "mutability"): 3}),
        ({"*": "both", "age": "none"}, {("age", "mutability"): 3}),
        ({"age": "increase"}, {("age", "direction"): 1}),
        ({"age": "decrease"}, {("age", "direction"): 2}),
        ({"age": "both", "income": "none"}, {("income", "mutability"): 1}),
        ({"education": "increase"}, {("education", "direction"): 1}),
        ({"education": "decrease"}, {("education", "direction"): 1}),
        ({"job": "none"}, {("job", "mutability"): 2}),
        (
            ["increase", "decrease", "both", "none", "none"],
            {
                ("age", "direction"): 1,
                ("income", "direction"): 1,
                ("job", "mutability"): 2,
                ("city", "mutability"): 1,
            },
        ),
    ],
)
def test_mutability_in_the_users_units(frames, mutability, expected):
    counts = constraint_violations(
        *frames,
        mutability=mutability,
        integers=[],
        categories={"job": ["clerk", "cook", "nurse"]},
    )
    assert nonzero(counts) == expected


def test_a_direction_that_cannot_be_told_is_a_violation():
    before = pd.DataFrame({"a": [1.0, np.nan, np.nan, 2.0]})
    after = pd.DataFrame({"a": [np.nan, 1.0, np.nan, 2.0]})
    counts = constraint_violations(before, after, mutability={"a": "increase"})
    assert nonzero(counts) == {("a", "direction"): 2}
    known = pd.CategoricalDtype(["low", "high"], ordered=True)
    before = pd.DataFrame({"a": pd.Series(["low", "low"], dtype=known)})
    counts = constraint_violations(
        before, pd.DataFrame({"a": ["high", "top"]}), mutability={"a": "increase"}
    )
    assert nonzero(counts) == {("a", "direction"): 1, ("a", "category"): 1}


def test_equality_is_exact():
    before = np.array([[0.1 + 0.2, 1.0]])
    after = np.array([[0.3, 1.0 + 1e-15]])
    counts = constraint_violations(before, after, mutability=["none", "none"])
    assert nonzero(counts) == {(0, "mutability"): 1, (1, "mutability"): 1}


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ({"age": (29, 50)}, {("age", "domain"): 1}),
        ({"age": (30, 50)}, {("age", "domain"): 2}),
        ({"age": [30, 50]}, {("age", "domain"): 3}),  # a list: the values
        ({"age": np.array([30, 50])}, {("age", "domain"): 3}),
        ({"age": (None, 40.5)}, {("age", "domain"): 1}),
        ({"age": (40, None)}, {("age", "domain"): 1}),
        ({"age": [29, 40.5, 60]}, {("age", "domain"): 1}),  # three: the values
        ({"age": {29, 55}}, {("age", "domain"): 1}),  # a set: the values
        ({"income": (0, 5)}, {("income", "domain"): 1}),  # missing stays missing
        ({"job": ["clerk", "cook"]}, {("job", "domain"): 1}),
        ({"job": ("clerk", "cook")}, {("job", "domain"): 1}),
        ({"city": ["Bern"]}, {("city", "domain"): 2}),
        ({"education": ["school", "master", "college"]}, {}),
    ],
)
def test_domain(frames, domain, expected):
    counts = constraint_violations(
        *frames,
        domain=domain,
        integers=[],
        categories={"job": ["clerk", "cook", "nurse"]},
    )
    assert nonzero(counts) == expected


def test_a_missing_cell_that_was_not_is_outside_every_domain():
    before, after = np.array([[1.0, 1.0]]), np.array([[np.nan, np.nan]])
    counts = constraint_violations(before, after, domain={0: (0, 2)}, integers=[1])
    assert nonzero(counts) == {(0, "domain"): 1, (1, "integer"): 1}


def test_integers(frames):
    before, after = np.array([[1, 2], [3, 4]]), np.array([[1.5, 2.0], [3.0, np.inf]])
    counts = constraint_violations(before, after)
    assert nonzero(counts) == {(0, "integer"): 1, (1, "integer"): 1}
    assert not nonzero(constraint_violations(before, after, integers=[]))
    assert not nonzero(constraint_violations(before.astype(float), after))
    counts = constraint_violations(before.astype(float), after, integers=[0])
    assert nonzero(counts) == {(0, "integer"): 1}


def test_one_hot_groups():
    before = np.array([[1, 0, 0, 7]] * 5, dtype=float)
    after = np.array(
        [[0, 1, 0, 7], [0, 0, 0, 7], [1, 1, 0, 7], [0.5, 0.5, 0, 7], [1, 0, 0.1, 8]]
    )
    counts = constraint_violations(before, after, groups=[[0, 1, 2]])
    assert nonzero(counts) == {(0, "category"): 4}


def test_changed_only_does_not_blame_for_what_the_factual_breaks():
    before = pd.DataFrame({"a": [9.5, 9.5], "job": ["x", "x"]})
    after = pd.DataFrame({"a": [9.5, 8.5], "job": ["x", "y"]})
    rules = {
        "domain": {"a": (0, 5)},
        "integers": ["a"],
        "categories": {"job": ["clerk"]},
    }
    every = {("a", "domain"): 2, ("a", "integer"): 2, ("job", "category"): 2}
    assert nonzero(constraint_violations(before, after, **rules)) == every
    counts = constraint_violations(before, after, **rules, changed_only=True)
    assert nonzero(counts) == dict.fromkeys(every, 1)


def test_frames_are_compared_by_position_not_by_index(frames):
    before, after = frames
    shuffled = after.set_axis([5, 3, 1])
    pd.testing.assert_frame_equal(
        constraint_violations(before, after, mutability={"age": "none"}),
        constraint_violations(before, shuffled, mutability={"age": "none"}),
    )


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), n=st.integers(1, 8), d=st.integers(1, 4))
def test_counts_agree_with_brute_force(seed, n, d):
    rng = np.random.default_rng(seed)
    before, after = rng.integers(-4, 5, size=(2, n, d)) / 2
    rules = rng.choice(["both", "increase", "decrease", "none"], size=d)
    bounds = np.sort(rng.integers(-2, 3, size=(d, 2)), axis=1)
    counts = constraint_violations(
        before,
        after,
        mutability=rules,
        domain={j: tuple(bounds[j]) for j in range(d)},
        integers=range(d),
    )
    for j in range(d):
        expected = dict.fromkeys(KINDS, 0)
        for a, b in zip(before[:, j], after[:, j], strict=True):
            expected["mutability"] += rules[j] == "none" and a != b
            expected["direction"] += rules[j] == "increase" and b < a
            expected["direction"] += rules[j] == "decrease" and b > a
            expected["domain"] += not bounds[j][0] <= b <= bounds[j][1]
            expected["integer"] += b != int(b)
        assert counts.loc[j].to_dict() == expected


FRAME = pd.DataFrame({"income": [1.0], "job": ["clerk"], "age": [1]})


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (
            {"mutability": {"incme": "none"}},
            "'mutability' .* not in X: 'incme'. Did you mean 'income'",
        ),
        ({"domain": {"zzzzzz": (0, 1)}}, "'domain' .* not in X: 'zzzzzz'.$"),
        ({"integers": ["agee"]}, "'integers' .* Did you mean 'age'"),
        ({"categories": {"jobs": ["a"]}}, "'categories' .* Did you mean 'job'"),
        ({"groups": [["jobs"]]}, "'groups' .* Did you mean 'job'"),
        ({"mutability": dict.fromkeys("qrstuvw", "none")}, "'u', ...."),
        ({"mutability": {"age": "up"}}, "must be one of .* Got 'up' for column 'age'"),
        ({"mutability": {"age": ["none"]}}, r"Got \['none'\] for column 'age'"),
        ({"mutability": ["none"]}, "each of the 3 columns. Got 1 instead"),
        ({"mutability": 5}, "must be a dict, .* Got 5 instead"),
        ({"mutability": {"job": "increase"}}, "column 'job', which has no order"),
        ({"domain": "observed"}, "must be a dict or None. Got 'observed' instead"),
        ({"domain": [(0, 1)] * 3}, "must be a dict or None"),
        ({"domain": {"age": 5}}, "low, high.* Got 5 for column 'age'"),
        ({"domain": {"job": "clerk"}}, "Got 'clerk' for column 'job'"),
        ({"domain": {"job": (0, 1)}}, "which does not hold numbers. Give a list"),
        ({"domain": {"age": (3, 1)}}, r"low <= high. Got \(3, 1\) for column 'age'"),
    ],
)
def test_errors(rules, message):
    with pytest.raises(ValueError, match=message):
        constraint_violations(FRAME, FRAME, **rules)


def test_what_follows_may_have_moved():
    counts = constraint_violations([[30, 5]], [[31, 6]], mutability={0: "follows"})
    assert counts.to_numpy().sum() == 0
