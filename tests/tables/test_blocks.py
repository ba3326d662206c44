"""One-hot blocks, wherever their columns stand, with a level left out, too."""

import numpy as np
import pandas as pd
import pytest

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._tables.discover import one_hot_blocks


@pytest.fixture
def flags():
    rng = np.random.default_rng(0)
    city = pd.Series(rng.choice(list("abcd"), 400, p=[0.4, 0.3, 0.28, 0.02]))
    X = pd.get_dummies(city, prefix="city").astype(int)
    X.insert(1, "size", rng.normal(size=400))
    X.insert(3, "member", rng.integers(0, 2, 400))
    return X


def blocks_of(X):
    found = one_hot_blocks(X, range(X.shape[1]))
    return {frozenset(np.asarray(X.columns)[list(block)]) for block in found}


def test_columns_that_do_not_stand_side_by_side(flags):
    every = {f"city_{c}" for c in "abcd"}
    assert blocks_of(flags) == {frozenset(every)}
    without = flags.drop(columns="city_a")
    assert blocks_of(without) == {frozenset(every - {"city_a"})}


def test_columns_without_names_are_told_where_chance_is_none(flags):
    X = flags.drop(columns=["city_a", "city_d"]).to_numpy()
    assert one_hot_blocks(X, range(X.shape[1])) == [(1, 3)]


def test_flags_that_have_nothing_to_do_with_each_other_are_no_block():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        for share in (0.01, 0.05, 0.3):
            X = pd.DataFrame(rng.random((400, 6)) < share).add_prefix("has_")
            assert blocks_of(X) == set()


def test_a_level_that_is_left_out_may_be_declared(flags):
    X = flags.drop(columns="city_d")
    block = ("city_a", "city_b", "city_c")
    clf = CounterfactualTrainedClassifier(
        categorical_features=[block], max_epochs=5, random_state=0
    ).fit(X, flags["city_b"])
    variable = clf.encoder_.variables_[clf.encoder_.variable_of("city_a")]
    assert variable.name == block
    assert list(variable.categories) == [*block, "none of them"]
    values = clf.encoder_.read(X)
    back = clf.encoder_.write(values, X, np.arange(len(X)), values - 1)
    pd.testing.assert_frame_equal(back[list(block)], X[list(block)])
    result = clf.explain(X[:40], domain={block: ["none of them"]})
    found = result[result.valid].changes()
    moved = [name == block for name in found["feature"]]
    assert set(found["to"][moved]) <= {"none of them"}
