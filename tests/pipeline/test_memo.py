"""What is remembered and computed is what the pipeline makes."""

import numpy as np
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PowerTransformer, StandardScaler

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._pipeline.codec import PipelineCodec
from sklearn_ct.datasets import make_loan_applications

X, Y = make_loan_applications(400, random_state=0)


def codec_behind(scaler, **encoding):
    encoder = make_column_transformer(
        (OneHotEncoder(**encoding), make_column_selector(dtype_include="category")),
        remainder=scaler,
    )
    clf = CounterfactualTrainedClassifier(max_epochs=1, random_state=0)
    pipeline = make_pipeline(encoder, clf).fit(X, Y)
    return PipelineCodec(pipeline.steps[:-1], pipeline[-1], X)


@pytest.fixture(scope="module", params=[{}, {"drop": "first"}])
def codec(request):
    return codec_behind(StandardScaler(), **request.param)


def rows_of(codec, n=300, seed=0):
    """Rows of values that mostly occur in no row that the codec has seen."""
    draw = np.random.default_rng(seed)
    values = np.empty((n, len(codec.variables_)))
    for j, variable in enumerate(codec.variables_):
        if variable.is_number:
            numbers = draw.uniform(codec.lower_[j], codec.upper_[j], n)
            values[:, j] = variable.round(numbers)
        else:
            values[:, j] = draw.integers(len(variable.categories), size=n)
    return values


def test_codes_are_those_of_the_pipeline(codec):
    values = rows_of(codec)
    through = codec.encode(codec.input(values))
    assert np.allclose(codec.embed(values), through, rtol=0, atol=1e-11)


def test_numbers_on_a_line_are_not_asked_about(codec, monkeypatch):
    monkeypatch.setattr(codec, "encode", None)
    assert codec.embed(rows_of(codec, seed=1)).shape == (300, codec.inner.n_codes_)


def test_numbers_beyond_those_seen_are_asked_about(codec):
    values = rows_of(codec, n=3)
    income = codec.variable_of("income")
    values[:, income] = codec.upper_[income] + [1, 2, 3]
    asked = []
    encode = codec.encode
    codec.encode = lambda table: asked.append(len(table)) or encode(table)
    codes = codec.embed(values)
    again = codec.embed(values)
    del codec.encode
    assert asked == [3]
    assert np.array_equal(codes, again)
    assert np.allclose(codes, codec.encode(codec.input(values)), rtol=0, atol=1e-11)


def test_values_of_codes_are_the_values(codec):
    values = rows_of(codec)
    assert np.allclose(codec.values(codec.embed(values)), values, rtol=1e-9)


def test_the_inverted_pipeline_agrees(codec, monkeypatch):
    codes = codec.embed(rows_of(codec))
    found = codec.values(codes)
    monkeypatch.setattr(codec, "_memo", None)
    assert np.allclose(found, codec.values(codes), rtol=1e-9)


def test_curves_go_through_the_pipeline():
    codec = codec_behind(PowerTransformer())
    assert codec._memo is not None
    assert not codec._memo.inverts
    values = rows_of(codec)
    through = codec.encode(codec.input(values))
    assert np.allclose(codec.embed(values), through, rtol=0, atol=1e-11)
    assert np.allclose(codec.values(through), values, rtol=1e-6)
