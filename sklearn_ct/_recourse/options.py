"""What a call of `explain` asks for, checked once."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import pandas as pd

from sklearn_ct._compat import Interval, StrOptions, validate_parameter_constraints


class Count(Interval):
    """An int of at least one; True is none."""

    def __init__(self):
        super().__init__(Integral, 1, None, closed="left")

    def is_satisfied_by(self, val):
        """Whether a value is one."""
        return not isinstance(val, bool) and super().is_satisfied_by(val)


CONSTRAINTS = {
    "n_counterfactuals": [Count()],
    "max_changes": [Count(), None],
    "tau": [Interval(Real, 0, 1, closed="neither"), None],
    "min_plausibility": [Interval(Real, 0, 1, closed="both"), None],
    "effort": [StrOptions({"full", "walk"})],
    "project": [callable, None],
    "margin": [Interval(Real, 0, None, closed="left")],
    "noise": [Interval(Real, 0, None, closed="neither"), None],
    "feature_costs": [dict, None],
    "glossary": [dict, pd.DataFrame, None],
    "n_jobs": [Integral, None],
    "verbose": ["verbose"],
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
    min_plausibility: float | None = None
    generator: object = None
    feature_costs: dict | None = None
    glossary: object = None
    effort: str = "full"
    project: object = None
    margin: float = 0.0
    noise: float | None = None
    random_state: object = None
    n_jobs: int | None = None
    verbose: int = 0

    def __post_init__(self):
        """Check them."""
        given = {name: getattr(self, name) for name in CONSTRAINTS}
        validate_parameter_constraints(CONSTRAINTS, given, caller_name="explain")
        if self.n_jobs == 0:
            raise ValueError(
                "The 'n_jobs' parameter of explain must be a number of processes, or "
                "-1 for all processors. Got 0 instead."
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
