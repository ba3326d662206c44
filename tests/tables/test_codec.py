"""Encoders and pipelines are both what rules and recourse ask for."""

import inspect

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._pipeline.codec import PipelineCodec
from sklearn_ct._rules.rules import Rules
from sklearn_ct._tables.codec import Codec
from sklearn_ct._tables.encoder import TabularEncoder
from sklearn_ct.datasets import make_loan_applications, make_moons

METHODS = [
    name
    for name, member in vars(Codec).items()
    if inspect.isfunction(member) and not name.startswith("_")
]


def test_both_are_codecs():
    X, y = make_moons(60, random_state=0)
    clf = CounterfactualTrainedClassifier(max_epochs=1, random_state=0)
    pipeline = make_pipeline(MinMaxScaler(), clf).fit(X, y)
    assert isinstance(clf.fit(X, y).encoder_, Codec)
    assert isinstance(PipelineCodec(pipeline.steps[:-1], pipeline[-1], X), Codec)


def test_their_methods_take_the_same():
    assert len(METHODS) == 14
    for kind in (TabularEncoder, PipelineCodec):
        for name in METHODS:
            asked = list(inspect.signature(getattr(Codec, name)).parameters)
            taken = list(inspect.signature(getattr(kind, name)).parameters)
            assert taken[: len(asked)] == asked


def _of_table(clf, X, y):
    return clf.fit(X, y).encoder_, X


def _of_pipeline(clf, X, y):
    """Of one whose codes depend on several columns each, and are fewer."""
    X = X.select_dtypes("number")
    pipeline = make_pipeline(MinMaxScaler(), PCA(2), clf).fit(X, y)
    return PipelineCodec(pipeline.steps[:-1], pipeline[-1], X), X


@pytest.mark.parametrize("make", [_of_table, _of_pipeline])
def test_shapes_are_those_written_down(make):
    X, y = make_loan_applications(120, random_state=0)
    clf = CounterfactualTrainedClassifier(max_epochs=1, random_state=0)
    codec, X = make(clf, X, y)
    v, s, d, n = len(codec.variables_), codec.n_slots_, len(codec.groups_), 5
    assert codec.names_ == list(X.columns)
    assert s == sum(
        variable.slots.stop - variable.slots.start for variable in codec.variables_
    )
    for name in ("numbers_", "lower_", "upper_", "mean_", "scale_"):
        assert getattr(codec, name).shape == (v,)
        assert np.isnan(getattr(codec, name)[~codec.numbers_]).all() or name[0] == "n"
    assert codec.observed_.shape == (s,)
    values = codec.read(X[:n])
    codes = codec.embed(values)
    assert values.shape == codec.values(codes).shape == (n, v)
    assert codes.shape == (n, d)
    assert codec.spread(np.ones(v)).shape == (d,)
    assert codec.spread(values).shape == (n, d)
    assert codec.collect(codes).shape == (n, v)
    for j, variable in enumerate(codec.variables_):
        assert codec.slots_of(j).shape == (d,)
        assert codec.variable_of(X.columns[variable.columns[0]]) == j
    rules = Rules.free(codec)
    given = rules.lower, rules.upper, rules.allowed, rules.rise, rules.fall
    arrays = codec.constraint_arrays(*(np.repeat(array, n, axis=0) for array in given))
    shapes = {name: array.shape for name, array in arrays.items()}
    of_rows = dict.fromkeys(("lower", "upper", "rise", "fall"), (n, d))
    of_codes = dict.fromkeys(("group", "rank"), (d,))
    assert shapes == of_rows | of_codes | {"states": (0, 2)}
    assert codec.special(values).shape == codec.missing(X[:n], values).shape == (n, v)
    assert not codec.special(values).any()
    assert codec.measured(codes).shape == (n, d)
    rows = np.array([3, 1])
    written = codec.write(values[rows], X[:n], rows, values[rows])
    assert written.equals(X.iloc[rows])
