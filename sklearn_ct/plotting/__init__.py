"""Displays: what answers ask for, of whom, and how a model stands up to attacks.

As in scikit-learn a display stores numbers: a class method computes them, `plot` draws.
matplotlib, the extra ``plot``, is imported when something is drawn.
"""

from sklearn_ct.plotting._answers import AnswerDisplay, ChangesDisplay, GroupsDisplay
from sklearn_ct.plotting._audit import (
    ProxiesDisplay,
    RecourseRatioDisplay,
    RecourseReachDisplay,
    SurvivalDisplay,
)
from sklearn_ct.plotting._plausibility import PlausibilityDisplay
from sklearn_ct.plotting._robustness import RobustAccuracyDisplay
from sklearn_ct.plotting._surface import DecisionSurfaceDisplay

__all__ = [
    "AnswerDisplay",
    "ChangesDisplay",
    "DecisionSurfaceDisplay",
    "GroupsDisplay",
    "PlausibilityDisplay",
    "ProxiesDisplay",
    "RecourseRatioDisplay",
    "RecourseReachDisplay",
    "RobustAccuracyDisplay",
    "SurvivalDisplay",
]
