"""The private names of scikit-learn that this package uses, in one place."""

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
]

check_partial_fit_first_call = _check_partial_fit_first_call
check_sample_weight = _check_sample_weight
