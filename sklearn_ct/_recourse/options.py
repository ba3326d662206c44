"""What a call of `explain` asks for, checked once."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np


def _whole(value):
    ok = isinstance(value, Integral) and not isinstance(value, bool)
    return ok and value >= 1


# For each keyword what it may be, as a check and in words.
CHECKS = {
    "n_counterfactuals": (_whole, "an int of at least 1"),
    "max_changes": (
        lambda value: value is None or _whole(value),
        "None or an int of at least 1",
    ),
    "tau": (
        lambda value: value is None or (isinstance(value, Real) and 0 < value < 1),
        "a float in the range (0, 1)",
    ),
    "effort": (
        lambda value: isinstance(value, str) and value in ("full", "walk"),
        "'full' or 'walk'",
    ),
    "project": (
        lambda value: value is None or callable(value),
        "None or a function of a table",
    ),
    "margin": (
        lambda value: isinstance(value, Real) and 0 <= value < np.inf,
        "a finite number, zero or greater",
    ),
    "noise": (
        lambda value: value is None or (isinstance(value, Real) and 0 < value < np.inf),
        "None or a finite number greater than zero",
    ),
    "feature_costs": (
        lambda value: value is None or isinstance(value, dict),
        "None or a dict {column: weight}",
    ),
}


@dataclass(frozen=True)
class ExplainOptions:
    """The keywords of `explain`, as `CounterfactualTrainedClassifier.explain` has them.

    Raises
    ------
    ValueError
        Where a keyword is not what it may be; it names the keyword.
    """

    target: object = None
    mutability: object = None
    domain: object = None
    n_counterfactuals: int = 1
    max_changes: int | None = None
    tau: float | None = None
    generator: object = None
    feature_costs: dict | None = None
    effort: str = "full"
    project: object = None
    margin: float = 0.0
    noise: float | None = None
    random_state: object = None
    n_jobs: int | None = None
    verbose: int = 0

    def __post_init__(self):
        """Check them."""
        for name, (check, words) in CHECKS.items():
            value = getattr(self, name)
            if not check(value):
                raise ValueError(
                    f"The {name!r} parameter of explain must be {words}. "
                    f"Got {value!r} instead."
                )

    def costs(self, codec):
        """Weight of each variable's distance, ndarray of shape (n_variables,)."""
        costs, given = np.ones(len(codec.variables_)), {}
        for column, weight in (self.feature_costs or {}).items():
            if not isinstance(weight, Real) or not weight >= 0 or np.isinf(weight):
                raise ValueError(
                    f"The 'feature_costs' of column {column!r} must be a finite "
                    f"number, zero or greater. Got {weight!r} instead."
                )
            block = isinstance(column, tuple) and column not in codec.names_
            for part in column if block else (column,):
                try:
                    j = codec.variable_of(part)
                except ValueError as error:
                    raise ValueError(
                        f"In the 'feature_costs' parameter: {error}"
                    ) from None
                if given.setdefault(j, weight) != weight:
                    raise ValueError(
                        f"The 'feature_costs' of column {part!r} is {weight!r}, and "
                        f"that of its one-hot block {given[j]!r}: a block has one "
                        "weight."
                    )
                costs[j] = weight
        return costs
