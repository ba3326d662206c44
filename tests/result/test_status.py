"""Statuses are plain words, each with what it means."""

import json

import pytest

from sklearn_ct import Counterfactuals, CounterfactualTrainedClassifier
from sklearn_ct._result.status import Status
from sklearn_ct.datasets import make_moons


@pytest.fixture(scope="module")
def answers():
    X, y = make_moons(200, random_state=0)
    clf = CounterfactualTrainedClassifier(max_epochs=5, lr=0.02, random_state=0)
    return clf.fit(X, y).explain(X[:4], 1)


def test_every_status_has_its_sentence():
    sentences = {status.sentence for status in Status}
    assert len(sentences) == len(Status) == 4
    assert all(sentence.endswith(".") for sentence in sentences)


def test_users_see_plain_words(answers):
    assert {type(status) for status in answers.status} == {str}
    assert set(answers.status) <= set(map(str, Status))


@pytest.mark.parametrize("schema", [None, 0, 4])
def test_text_of_another_schema_is_refused(answers, schema):
    text = json.loads(answers.to_json())
    assert text["schema"] == 3
    text |= {"schema": schema}
    with pytest.raises(ValueError, match=f"schema 3. Got schema {schema} instead"):
        Counterfactuals.from_json(json.dumps(text))
