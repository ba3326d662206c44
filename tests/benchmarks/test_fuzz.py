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
        "late": [-7.0, np.nan, 3.0],
    }
)
KINDS = dict(zip(X, ("whole", "number", "level", "word", "number"), strict=True))
ORDER = {"column": "age", "minus": "debt", "at_least": 20.0}
LABELS = {"column": "city", "never": ("b",), "where": {"level": ("low",)}}


def case(always=None, free=False, relations=(), link=None, **options):
    return Case(
        None,
        X,
        X,
        None,
        np.ones(3),
        KINDS,
        {"n_counterfactuals": 1} | options,
        always or {},
        special={"late": -7.0},
        free=free,
        relations=relations,
        link=link,
        name="pandas, alone",
    )


@pytest.mark.parametrize(
    ("options", "row", "changes", "broken"),
    [
        ({}, 0, {"age": 45}, set()),
        ({}, 0, {"age": 61}, {"observed"}),
        ({}, 0, {"age": 20.5}, {"whole"}),
        ({"mutability": {"age": "none"}}, 0, {"age": 21}, {"mutability"}),
        ({"mutability": {"age": "increase"}}, 0, {"age": 21}, set()),
        ({"always": {"age": "decrease"}}, 0, {"age": 21}, {"mutability"}),
        ({"mutability": {"*": "none"}}, 0, {"age": 21}, {"mutability"}),
        ({"mutability": {"*": "none", "age": "both"}}, 0, {"age": 21}, set()),
        ({"mutability": {"debt": "increase"}}, 1, {"debt": 2.4}, {"mutability"}),
        ({"mutability": {"level": "decrease"}}, 0, {"level": "high"}, {"mutability"}),
        ({"mutability": [{"age": "none"}, {}, {}]}, 0, {"age": 21}, {"mutability"}),
        ({"mutability": [{}, {"age": "none"}, {}]}, 0, {"age": 21}, set()),
        ({"domain": {"age": (30, None)}}, 0, {"debt": 2.0}, {"domain"}),
        ({"domain": {"age": (30, None)}}, 0, {"age": 30}, set()),
        ({"domain": {"age": [40, 60]}}, 0, {"age": 50}, {"domain"}),
        ({"domain": {"city": ["b"]}}, 0, {"city": "a"}, {"domain"}),
        ({"domain": {"late": (0, None)}}, 0, {"age": 21}, set()),
        ({"max_changes": 1}, 0, {"age": 30, "debt": 2.0}, {"max_changes"}),
        ({"link": lambda f: f.assign(debt=f.age / 20.0)}, 0, {"age": 40}, {"link"}),
        ({}, 0, {"late": 3.0}, {"no cell"}),
        ({"free": True}, 0, {"late": 3.0}, {"no cell"}),
        ({}, 1, {"late": 3.0}, {"no cell"}),
        ({"free": True}, 1, {"late": 3.0}, set()),
        ({}, 2, {"late": -7.0}, {"no cell", "observed"}),
        ({"relations": [ORDER]}, 1, {"age": 22}, {"relations"}),
        ({"relations": [ORDER]}, 0, {"age": 21}, set()),  # broken before, and less
        ({"relations": [ORDER]}, 0, {"debt": 1.6}, {"relations"}),
        ({"relations": [LABELS]}, 0, {"city": "b"}, {"relations"}),
        ({"relations": [LABELS]}, 0, {"city": "b", "level": "high"}, set()),
        ({"glossary": {"age": {"step": 5}}}, 0, {"age": 24}, {"glossary"}),
        ({"glossary": {"age": {"step": 5}}}, 0, {"age": 25}, set()),
        ({"glossary": {"age": {"smallest_change": 5}}}, 0, {"age": 24}, {"glossary"}),
    ],
)
def test_the_reading_of_rules(options, row, changes, broken):
    before = X[row : row + 1].reset_index(drop=True)
    after = before.astype({"age": float}).assign(**changes)
    after["level"] = after["level"].astype(X["level"].dtype)
    ok, words = judge.kept(case(**options), before, after, np.array([row]))
    assert words == broken
    assert ok.tolist() == [not broken]


@pytest.mark.parametrize("seed", [2, 3, 7, 33])
def test_a_few_cases(seed):
    counts, _, told = run_case(seed)
    assert not counts["errors"], told
    assert not any(counts[what] for what in WRONG), told
    assert not counts["falsely without"], told
    assert line(counts)["rules broken"] == 0
