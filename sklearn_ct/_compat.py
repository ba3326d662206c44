"""The private names and attributes of scikit-learn that this package uses."""

from sklearn.utils._param_validation import (
    Interval,
    RealNotInt,
    StrOptions,
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
]

check_partial_fit_first_call = _check_partial_fit_first_call
check_sample_weight = _check_sample_weight


def positive_label_of(tuned):
    """Give the label that a fitted `TunedThresholdClassifierCV` counts as positive.

    There is no public name for it.
    """
    return tuned._curve_scorer._get_pos_label()
