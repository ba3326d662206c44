"""Measures of counterfactual explanations: plausible, actionable, robust.

Every function works on plain arrays, whoever made the counterfactuals. Names carry
their direction: ``*_score`` is better when greater, ``*_distance`` and ``*_cost`` when
smaller.
"""

from sklearn_ct.metrics._actionability import (
    counterfactual_cost,
    redundancy,
    sparsity,
    validity_score,
)
from sklearn_ct.metrics._attribution import (
    flip_rate,
    integrated_gradients,
    protected_sensitivity,
)
from sklearn_ct.metrics._neighbors import (
    inlier_score,
    nearest_target_distance,
    plausibility_score,
    ynn_score,
)
from sklearn_ct.metrics._plausibility import (
    implausibility_distance,
    mmd_distance,
    relative_implausibility,
)
from sklearn_ct.metrics._robustness import (
    fgsm,
    pgd,
    robust_accuracy_curve,
    robust_accuracy_score,
)
from sklearn_ct.metrics._violations import constraint_violations

__all__ = [
    "constraint_violations",
    "counterfactual_cost",
    "fgsm",
    "flip_rate",
    "implausibility_distance",
    "inlier_score",
    "integrated_gradients",
    "mmd_distance",
    "nearest_target_distance",
    "pgd",
    "plausibility_score",
    "protected_sensitivity",
    "redundancy",
    "relative_implausibility",
    "robust_accuracy_curve",
    "robust_accuracy_score",
    "sparsity",
    "validity_score",
    "ynn_score",
]
