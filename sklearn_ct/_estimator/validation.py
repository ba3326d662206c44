"""Checks of what users hand over, in scikit-learn's words."""

from contextlib import contextmanager
from copy import deepcopy
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import assert_all_finite, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_consistent_length,
    column_or_1d,
    validate_data,
)

from sklearn_ct._compat import check_sample_weight, validate_params_of
from sklearn_ct._tables.containers import (
    dense,
    from_polars,
    is_frame,
    is_polars,
    refuse_row,
)
from sklearn_ct.generators import GENERATORS
from sklearn_ct.generators._base import BaseGenerator


def check_X(estimator, X, y="no_validation", *, reset):
    """Validate rows: a pandas frame, or an array.

    Polars frames become pandas ones, sparse matrices dense arrays; cells are looked at
    by the encoder.
    """
    refuse_row(X)
    X = dense(X)
    if is_polars(X):
        validate_data(estimator, X, y, reset=reset, skip_check_array=True)
        X = from_polars(X)
    elif is_frame(X):
        validate_data(estimator, X, y, reset=reset, skip_check_array=True)
    else:
        explicit = not isinstance(estimator.categorical_features, str | None)
        if explicit and getattr(X, "dtype", None) is None:
            # Otherwise numpy turns numbers next to words into words.
            X = np.array(X, dtype=object)
        X = validate_data(
            estimator,
            X,
            reset=reset,
            ensure_all_finite=False,  # the encoder checks, and names the column
            dtype=None if explicit else "numeric",
            ensure_min_samples=0 if not reset else 1,
            **({} if isinstance(y, str) else {"y": y, "multi_output": True}),
        )
        if isinstance(X, tuple):
            X = X[0]
        if X.dtype.kind in "US":
            X = X.astype(object)
    if reset and not X.shape[1]:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of "
            "1 is required."
        )
    if reset and not len(X):
        raise ValueError(
            f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of "
            "1 is required."
        )
    return X


def check_y(estimator, X, y, sample_weight, reset):
    """Validate labels and weights: class indices, weights or None."""
    y = column_or_1d(y, warn=True)
    check_consistent_length(X, y)
    assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    if reset:
        estimator.classes_ = np.unique(y)
    if len(estimator.classes_) < 2:
        raise ValueError(
            "CounterfactualTrainedClassifier needs rows of at least two classes; "
            f"got the one class {estimator.classes_.tolist()[0]!r}."
        )
    unknown = np.setdiff1d(y, estimator.classes_)
    if len(unknown):
        raise ValueError(
            f"y has labels {unknown[:5].tolist()} that are not among the classes "
            f"{estimator.classes_[:5].tolist()} of the first fit."
        )
    labels = np.searchsorted(estimator.classes_, y)
    weight = None
    if sample_weight is not None:
        try:
            weight = check_sample_weight(
                sample_weight,
                np.empty((len(y), 1)),
                ensure_non_negative=True,
                copy=True,  # torch takes no read-only arrays
            )
        except TypeError:
            raise ValueError(
                "The 'sample_weight' parameter must have one number for each row. "
                f"Got {sample_weight!r} instead."
            ) from None
        if not weight.any():
            raise ValueError("The sample_weight of every row is zero.")
    if estimator.class_weight is not None:
        by_class = weight_by_class(estimator.class_weight, y)
        weight = by_class if weight is None else weight * by_class
    return labels, weight


def weight_by_class(class_weight, y):
    """Weight of each row by its class, ndarray of shape (n,)."""
    if isinstance(class_weight, dict):
        for label, weight in class_weight.items():
            number = isinstance(weight, Real) and not isinstance(weight, bool)
            if not number or not 0 <= weight < np.inf:
                raise ValueError(
                    f"The 'class_weight' of class {label!r} must be a finite number, "
                    f"zero or greater. Got {weight!r} instead."
                )
    weight = compute_sample_weight(class_weight, y)
    if not weight.any():
        raise ValueError(
            "The 'class_weight' parameter leaves every row without weight. Give at "
            f"least one class a weight above zero. Got {class_weight!r}."
        )
    return weight


def check_module(module, n_codes, n_classes):
    """Raise where a module does not map the encoded input to the classes."""
    like = next(module.parameters(), None)
    if like is None:
        raise ValueError(
            "The 'module' parameter must be a torch.nn.Module with parameters to "
            f"train. Got {type(module).__name__} without any instead."
        )
    zeros = like.new_zeros((2, n_codes))
    probe = deepcopy(module).eval()
    try:
        with torch.no_grad():
            shape = tuple(probe(zeros).shape)
    except Exception as error:
        raise ValueError(
            f"The 'module' parameter must take the encoded input of {n_codes} columns "
            f"and give a tensor. It failed on it: {error}"
        ) from error
    try:
        with torch.no_grad():
            probe.double()(zeros.double())
    except Exception as error:
        raise ValueError(
            "The 'module' parameter must work in double precision, too, which "
            "predictions and explanations are made in: register its constant tensors "
            f"as buffers. After double() it failed: {error}"
        ) from error
    if shape != (2, n_classes):
        raise ValueError(
            f"The 'module' parameter must give one logit for each of the {n_classes} "
            f"classes, shape (n, {n_classes}). Got shape (n, "
            f"{', '.join(map(str, shape[1:]))}) instead."
        )


def check_sizes(sizes):
    """Raise where the hidden layer sizes are no positive ints; give them back."""
    sizes = tuple(sizes)
    if not all(isinstance(size, Integral) and size >= 1 for size in sizes):
        raise ValueError(
            "The 'hidden_layer_sizes' parameter of CounterfactualTrainedClassifier "
            f"must be ints of at least 1. Got {sizes!r} instead."
        )
    return tuple(int(size) for size in sizes)


def check_device(device):
    """Raise where torch has no such device here."""
    try:
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            "The 'device' parameter of CounterfactualTrainedClassifier must be a torch "
            f"device of this machine, such as 'cpu'. Got {device!r} instead: {error}"
        ) from error


def check_generator(generator):
    """Raise where a generator is none; give it back."""
    if isinstance(generator, str) and generator in GENERATORS:
        return generator
    if not isinstance(generator, BaseGenerator):
        known = ", ".join(map(repr, GENERATORS))
        raise ValueError(
            f"The 'generator' parameter must be one of {known}, or an instance of "
            f"BaseGenerator. Got {generator!r} instead."
        )
    validate_params_of(generator)
    return generator


@contextmanager
def kept_on_failure(estimator):
    """Put the previous fit back where a new one fails."""
    state = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(state)
        raise
