"""Generated and public data sets for examples, tests and benchmarks."""

from sklearn_ct.datasets._fetch import (
    fetch_adult,
    fetch_california_housing,
    fetch_compas,
    fetch_credit_default,
    fetch_german_credit,
    fetch_gmsc,
    fetch_mnist,
)
from sklearn_ct.datasets._loans import (
    loan_application_is_possible,
    loan_approval_probability,
    make_loan_applications,
)
from sklearn_ct.datasets._paper import (
    make_circles,
    make_linearly_separable,
    make_moons,
    make_overlapping,
)

__all__ = [
    "fetch_adult",
    "fetch_california_housing",
    "fetch_compas",
    "fetch_credit_default",
    "fetch_german_credit",
    "fetch_gmsc",
    "fetch_mnist",
    "loan_application_is_possible",
    "loan_approval_probability",
    "make_circles",
    "make_linearly_separable",
    "make_loan_applications",
    "make_moons",
    "make_overlapping",
]
