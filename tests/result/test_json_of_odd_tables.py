"""JSON of tables with unusual indices and types, and of texts that are none of ours."""

import json

import numpy as np
import pandas as pd
import pytest

from sklearn_ct import Counterfactuals, CounterfactualTrainedClassifier

RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "a": RNG.normal(size=80).round(2),
        "bin": pd.cut(RNG.normal(size=80), [-9.0, 0.0, 9.0]),
        "day": pd.Categorical(
            pd.to_datetime(["2020-01-01", "2021-05-05"])[RNG.integers(2, size=80)]
        ),
    }
)
CLF = CounterfactualTrainedClassifier(max_epochs=3, lr=0.02, random_state=0)
CLF.fit(X, (X["a"] > 0).astype(int))
INDICES = [
    pd.RangeIndex(4),
    pd.Index(list("wxyz"), name="id"),
    pd.date_range("2020-01-01", periods=4, tz="UTC"),
    pd.period_range("2020-01", periods=4, freq="M"),
    pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", None]),
    pd.MultiIndex.from_product([pd.date_range("2020", periods=2), [1, 2]]),
]


@pytest.mark.parametrize("index", INDICES, ids=lambda index: type(index).__name__)
def test_there_and_back(index):
    answers = CLF.explain(X[:4].set_axis(index, axis=0))
    back = Counterfactuals.from_json(answers.to_json())
    for name in ("factuals", "counterfactuals"):
        pd.testing.assert_frame_equal(
            getattr(back, name), getattr(answers, name), check_freq=False
        )
    assert (
        CLF.predict(back.counterfactuals) == CLF.predict(answers.counterfactuals)
    ).all()


def _changed(path, value):
    head = json.loads(CLF.explain(X[:3]).to_json())
    part = head
    for key in path[:-1]:
        part = part[key]
    if value is None:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return json.dumps(head)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["rows", 0, "status"], "perhaps"),
        (["rows", 0, "status"], None),
        (["rows", 0, "changed"], ["nonsense"]),
        (["rows", 0, "factual"], None),
        (["rows", 0, "factual"], [1, 2]),
        (["rows", 0, "counterfactual", "a"], "much"),
        (["rows", 0, "counterfactual", "bin"], "wide"),
        (["rows"], "none"),
        (["rows"], [1, 2]),
        (["columns"], None),
        (["columns", 0, "dtype"], "nonsense"),
        (["features"], []),
        (["features", 0, "columns"], [7]),
        (["features", 0], "a"),
    ],
)
def test_impossible_parts(path, value):
    with pytest.raises(ValueError, match="must be what to_json wrote"):
        Counterfactuals.from_json(_changed(path, value))


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[" * 100_000, "[]", "1", '{"schema": [1]}', b"\xff", None]
)
def test_texts_that_are_none_of_ours(text):
    with pytest.raises(ValueError, match="must be what to_json wrote"):
        Counterfactuals.from_json(text)
