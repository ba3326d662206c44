"""The private names and attributes of scikit-learn that this package uses."""

from sklearn.utils._param_validation import (
    Interval,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import _check_sample_weight

__all__ = [
    "Interval",
    "RealNotInt",
    "StrOptions",
    "check_partial_fit_first_call",
    "check_sample_weight",
    "positive_label_of",
    "validate_parameter_constraints",
    "validate_params_of",
]

check_partial_fit_first_call = _check_partial_fit_first_call
check_sample_weight = _check_sample_weight


def validate_params_of(estimator):
    """Raise where a parameter of an estimator is not what its class says."""
    estimator._validate_params()


def positive_label_of(tuned):
    """Give the label that a fitted `TunedThresholdClassifierCV` counts as positive.

    There is no public name for it.
    """
    return tuned._curve_scorer._get_pos_label()
