"""The fuzz: its own reading of the rules, and a few of its cases."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.fuzz import judge
from benchmarks.fuzz.__main__ import WRONG, line, run_case
from benchmarks.fuzz.cases import Case

X = pd.DataFrame(
    {
        "age": [20, 40, 60],
        "debt": [1.5, 2.5, 9.0],
        "level": pd.Categorical(["low", "high", "low"], ["low", "high"], ordered=True),
        "city": ["a", "b", "a"],
    }
)
KINDS = {"age": "whole", "debt": "number", "level": "level", "city": "word"}


def case(link=None, **options):
    options = {"n_counterfactuals": 1} | options
    return Case(None, X, X, None, 1, KINDS, options, link, name="pandas, alone")


@pytest.mark.parametrize(
    ("options", "changes", "broken"),
    [
        ({}, {"age": 45}, set()),
        ({}, {"age": 61}, {"observed"}),
        ({}, {"age": 20.5}, {"whole"}),
        ({"mutability": {"age": "none"}}, {"age": 21}, {"mutability"}),
        ({"mutability": {"age": "increase"}}, {"age": 21}, set()),
        (
            {"mutability": {"debt": "increase"}},
            {"debt": 1.49},
            {"mutability", "observed"},
        ),
        ({"mutability": {"level": "decrease"}}, {"level": "high"}, {"mutability"}),
        ({"mutability": [{"age": "none"}, {}, {}]}, {"age": 21}, {"mutability"}),
        ({"mutability": [{}, {"age": "none"}, {}]}, {"age": 21}, set()),
        ({"domain": {"age": (30, None)}}, {"debt": 2.0}, {"domain"}),
        ({"domain": {"age": (30, None)}}, {"age": 30}, set()),
        ({"domain": {"age": [40, 60]}}, {"age": 50}, {"domain"}),
        ({"domain": {"city": ["b"]}}, {"city": "a"}, {"domain"}),
        ({"max_changes": 1}, {"age": 30, "debt": 2.0}, {"max_changes"}),
        ({"link": lambda f: f.assign(debt=f.age / 20.0)}, {"age": 40}, {"link"}),
    ],
)
def test_the_reading_of_rules(options, changes, broken):
    before = X[:1]
    after = before.astype({"age": float}).assign(**changes)
    after["level"] = after["level"].astype(X["level"].dtype)
    ok, words = judge.kept(case(**options), before, after, np.array([0]))
    assert words == broken
    assert ok.tolist() == [not broken]


@pytest.mark.parametrize("seed", [2, 3, 7, 33])
def test_a_few_cases(seed):
    counts, _, told = run_case(seed)
    assert not counts["errors"], told
    assert not any(counts[what] for what in WRONG), told
    assert not counts["falsely without"], told
    assert line(counts)["rules broken"] == 0
