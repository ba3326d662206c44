"""Encoders and pipelines are both what rules and recourse ask for."""

import inspect

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._pipeline.codec import PipelineCodec
from sklearn_ct._tables.codec import Codec
from sklearn_ct._tables.encoder import TabularEncoder
from sklearn_ct.datasets import make_moons

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
    assert len(METHODS) == 11
    for kind in (TabularEncoder, PipelineCodec):
        for name in METHODS:
            asked = list(inspect.signature(getattr(Codec, name)).parameters)
            taken = list(inspect.signature(getattr(kind, name)).parameters)
            assert taken[: len(asked)] == asked
