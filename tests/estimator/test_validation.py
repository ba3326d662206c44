"""Checks of tables, labels, weights, modules and generators."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import DataConversionWarning
from torch import nn

from sklearn_ct import CounterfactualTrainedClassifier
from sklearn_ct._estimator.validation import (
    check_generator,
    check_module,
    check_X,
    check_y,
    kept_on_failure,
)
from sklearn_ct.generators import ECCCo, Generic

X = np.arange(6.0).reshape(3, 2)


def _check_y(y, weight=None, reset=True, classes=None, **parameters):
    clf = CounterfactualTrainedClassifier(**parameters)
    if classes is not None:
        clf.classes_ = np.array(classes)
    return clf, *check_y(clf, np.zeros((len(y), 1)), y, weight, reset)


def test_frames_are_not_copied_and_arrays_keep_their_type():
    clf = CounterfactualTrainedClassifier()
    frame = pd.DataFrame(X, columns=["a", "b"])
    assert check_X(clf, frame, reset=True) is frame
    assert clf.feature_names_in_.tolist() == ["a", "b"]
    for dtype in ("float32", "int16", "bool"):
        clf = CounterfactualTrainedClassifier()
        assert check_X(clf, X.astype(dtype), reset=True).dtype == dtype
        assert clf.n_features_in_ == 2


def test_words_need_a_list_of_categories():
    rows = [[1, "a"], [2, "b"]]
    clf = CounterfactualTrainedClassifier(categorical_features=[1])
    checked = check_X(clf, rows, reset=True)
    assert checked.dtype == object
    assert type(checked[0, 0]) is int
    words = np.array([["1.5", "a"], ["2", "b"]])
    assert check_X(clf, words, reset=True).dtype == object
    with pytest.raises(ValueError, match="could not convert|numeric"):
        check_X(CounterfactualTrainedClassifier(), rows, reset=True)


def test_holes_in_arrays_are_left_to_the_encoder():
    holes = np.array([[1.0, np.nan], [2.0, 3.0]])
    checked = check_X(CounterfactualTrainedClassifier(), holes, reset=True)
    np.testing.assert_array_equal(checked, holes)


def test_only_fit_needs_rows():
    clf = CounterfactualTrainedClassifier()
    check_X(clf, X, reset=True)
    assert check_X(clf, X[:0], reset=False).shape == (0, 2)
    with pytest.raises(ValueError, match="0 sample"):
        check_X(clf, X[:0], reset=True)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (["b", "a", "b"], ["a", "b"]),
        ([True, False, True], [False, True]),
        ([9, -1, 9], [-1, 9]),
        (pd.Series(["b", "a", "b"], dtype="category"), ["a", "b"]),
        (pd.Series([2, 1, 2], dtype="Int64"), [1, 2]),
    ],
)
def test_labels_become_indices(y, classes):
    clf, labels, weight = _check_y(y)
    assert clf.classes_.tolist() == classes
    np.testing.assert_array_equal(labels, [1, 0, 1])
    assert weight is None


def test_a_column_of_labels_warns():
    with pytest.warns(DataConversionWarning, match="column-vector"):
        _, labels, _ = _check_y(np.array([[1], [0]]))
    np.testing.assert_array_equal(labels, [1, 0])


def test_labels_of_later_calls():
    clf, labels, _ = _check_y(["c", "a"], reset=False, classes=["a", "b", "c"])
    np.testing.assert_array_equal(labels, [2, 0])
    assert clf.classes_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"labels \['d'\] that are not among"):
        _check_y(["d", "a"], reset=False, classes=["a", "b", "c"])


def test_weights_are_products():
    given = [1.0, 2.0, 3.0, 4.0]
    y = [0, 0, 0, 1]
    np.testing.assert_array_equal(_check_y(y, given)[2], given)
    by_class = _check_y(y, class_weight="balanced")[2]
    np.testing.assert_allclose(by_class, [2 / 3, 2 / 3, 2 / 3, 2])
    both = _check_y(y, given, class_weight={1: 5.0})[2]
    np.testing.assert_allclose(both, [1, 2, 3, 20])


def test_weights_are_copied():
    given = np.ones(2)
    given.flags.writeable = False
    weight = _check_y([0, 1], given)[2]
    assert weight.flags.writeable
    assert not np.shares_memory(weight, given)


def test_modules_are_tried_without_a_trace():
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout())
    before = {name: value.clone() for name, value in module.state_dict().items()}
    for training in (True, False):
        check_module(module.train(training), 3, 2)
        assert module.training is training
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
    check_module(nn.Linear(3, 2).double(), 3, 2)


class Constant(nn.Linear):
    """Adds a tensor that is no buffer, and so keeps its type."""

    def __init__(self):
        super().__init__(3, 2)
        self.matrix = torch.eye(2)

    def forward(self, x):
        return super().forward(x) @ self.matrix


def test_modules_must_work_in_double_precision():
    with pytest.raises(ValueError, match="constant tensors as buffers. After double"):
        check_module(Constant(), 3, 2)


class Duck:
    fit = search = None


def test_generators_of_a_call():
    assert check_generator("generic") == "generic"
    generator = ECCCo()
    assert check_generator(generator) is generator
    with pytest.raises(ValueError, match="must be one of 'eccco', 'generic'"):
        check_generator("ecco")
    with pytest.raises(ValueError, match="instance of BaseGenerator. Got 5 instead"):
        check_generator(5)
    with pytest.raises(ValueError, match="instance of BaseGenerator. Got <"):
        check_generator(Duck())
    with pytest.raises(ValueError, match="'max_iter' parameter of Generic"):
        check_generator(Generic(max_iter=0))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_was_fitted_is_put_back(error):
    clf = CounterfactualTrainedClassifier()
    clf.net_, clf.gone_ = "net", "kept"

    def fail():
        with kept_on_failure(clf):
            clf.net_, clf.new_ = "other", 1
            del clf.gone_
            raise error

    with pytest.raises(error):
        fail()
    assert (clf.net_, clf.gone_) == ("net", "kept")
    assert not hasattr(clf, "new_")
